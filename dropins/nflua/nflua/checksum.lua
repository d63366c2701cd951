-- SPDX-License-Identifier: MIT
-- Checksums of a packet that a script wrote: at home the network card filled them in.

local checksum = {}

local byte, char, sub, floor = string.byte, string.char, string.sub, math.floor
-- Where the checksum stands in each protocol's header, and whether it covers the addresses.
local PLACES = { [6] = { 16, true }, [17] = { 6, true }, [1] = { 2, false }, [58] = { 2, true } }

-- The Internet checksum (RFC 1071), as two bytes.
local function sum(data)
	local total = 0
	data = #data % 2 == 1 and data .. "\0" or data
	for i = 1, #data, 2 do
		local high, low = byte(data, i, i + 1)
		total = total + high * 256 + low
	end
	while total > 65535 do
		total = total % 65536 + floor(total / 65536)
	end
	total = 65535 - total
	return char(floor(total / 256), total % 256)
end

local function place(data, at, text)
	return sub(data, 1, at) .. text .. sub(data, at + #text + 1)
end

-- The packet with its checksums in order: nil where its headers are none that are known here.
function checksum.repair(data)
	local version = floor(byte(data) / 16)
	local is_old = version == 4
	local head = is_old and byte(data) % 16 * 4 or 40
	local protocol = byte(data, is_old and 10 or 7)
	local addresses = is_old and sub(data, 13, 20) or sub(data, 9, 40)
	if is_old then
		data = place(data, 10, "\0\0")
		data = place(data, 10, sum(sub(data, 1, head)))
	end
	local known = PLACES[protocol]
	if not known or #data < head + known[1] + 2 then
		return is_old and data or nil
	end
	data = place(data, head + known[1], "\0\0")
	local body, length = sub(data, head + 1), #data - head
	local pseudo = known[2] and addresses .. char(0, protocol, floor(length / 256), length % 256) or ""
	local result = sum(pseudo .. body)
	if protocol == 17 and result == "\0\0" then
		result = "\255\255"
	end
	return place(data, head + known[1], result)
end

return checksum
