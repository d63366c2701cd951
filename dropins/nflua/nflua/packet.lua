-- SPDX-License-Identifier: MIT
-- Packets as scripts see them. One is open while its callback runs; one that was stolen,
-- until close or send. Whatever is asked of a closed one is an error, and no crash.

local nfbind = require "nfbind"
local checksum = require "nflua.checksum"
local conn = require "nflua.conn"
local format = require "nflua.format"

local packet = {}

local Packet = { __name = "packet", __metatable = "packet" }
local methods = {}
Packet.__index = methods
local opened = setmetatable({}, { __mode = "k" }) -- each packet's data; none when it is closed
local known = setmetatable({}, { __mode = "k" })

local unpack_table = table.unpack or unpack
local EINVAL, ENODATA = 22, 61
-- The kernel does not have the packet any more: ENOENT, ENODEV, ESHUTDOWN, EALREADY.
local GONE = { [2] = true, [19] = true, [108] = true, [114] = true }
-- What a segment may carry to somebody who named no size (RFC 9293, 3.7.1).
local SEGMENT = { [4] = 536, [6] = 1220 }
local REPLIES = {
	tcp = { nfbind.TCP_FLAG_ACK + nfbind.TCP_FLAG_PSH, nfbind.TCP_FLAG_FIN },
	data = { nfbind.TCP_FLAG_ACK + nfbind.TCP_FLAG_PSH, 0 },
	reset = { nfbind.TCP_FLAG_RST, 0 },
}

local function check(self, name)
	local own = opened[self]
	if own then
		return own
	elseif known[self] then
		error(("bad argument #1 to '%s' (the packet is closed)"):format(name), 3)
	end
	error(("bad argument #1 to '%s' (packet expected, got %s)"):format(name, type(self)), 3)
end

-- A packet of the queue, open.
function packet.open(session, queued)
	local self = setmetatable({}, Packet)
	known[self] = true
	opened[self] = { session = session, packet = queued }
	return self
end

-- It becomes the script's own; what the kernel sent of it is copied.
function packet.steal(self)
	local own = opened[self]
	local kept, message = own.packet:keep()
	if not kept then
		return nil, message
	end
	own.packet, own.is_stolen = kept, true
	return true
end

-- Write a link-layer header that the script changed, and take the memory from it.
function packet.end_frame(self)
	local own = opened[self]
	local frame = own.frame
	own.frame = nil
	if frame then
		local memory = own.session.memory
		local bytes = memory.tostring(frame)
		memory.resize(frame, 0)
		if own.is_whole_frame and bytes ~= own.packet.l2hdr then
			own.packet.l2hdr = bytes
		end
	end
end

function packet.close(self)
	opened[self] = nil
end

-- The verdict of a stolen packet. It stays stolen when the kernel does not take it now.
local function decide(self, own, verdict)
	local done, message = pcall(packet.end_frame, self)
	if not done then
		return nil, message, EINVAL
	end
	local errno
	done, message, errno = own.packet:verdict(verdict)
	if not done and not GONE[errno] then
		return nil, message, errno
	end
	own.packet:free()
	packet.close(self)
	if not done then
		return nil, message, errno
	end
	return true
end

function methods:close()
	local own = check(self, "close")
	if not own.is_stolen then
		error("bad argument #1 to 'close' (only a packet that was stolen can be closed)", 2)
	end
	return decide(self, own, nfbind.VERDICT_DROP)
end

function methods:connid()
	local own = check(self, "connid")
	return conn.id_of_packet(own.session, own.packet)
end

-- The addresses of a received frame are not all told: where the source is, the user may
-- have it behind a destination of zeros.
local function header_of(own)
	local header = own.packet.l2hdr
	if header then
		return header, true
	end
	local source, protocol = own.packet.hwaddr, own.packet.hw_protocol
	if own.session.frame_of_source and source and #source == 6 and protocol then
		return ("\0"):rep(6) .. source .. string.char(math.floor(protocol / 256), protocol % 256), false
	end
end

function methods:frame()
	local own = check(self, "frame")
	if not own.frame then
		local header, is_whole = header_of(own)
		if not header then
			return nil, "the kernel gives a queue the link-layer header in the bridge family only", ENODATA
		end
		local frame = own.session.memory.create()
		own.session.memory.resize(frame, #header, header)
		own.frame, own.is_whole_frame = frame, is_whole
	end
	return own.frame
end

-- What is to be sent instead: the packet from its IP header on, as unpack counts.
local function replacement(own, payload)
	local made, message, errno = nfbind.packet(payload)
	if not made then
		return nil, message, errno
	end
	local wrong = made:verify()
	if not wrong or made.ip_version ~= own.packet.ip_version then
		return nil, "the new payload is no packet of the old one's IP version", EINVAL
	elseif wrong % 2 >= nfbind.VERIFY_LENGTH then
		return nil, "the new payload has another length than its headers say", EINVAL
	elseif wrong % 8 >= nfbind.VERIFY_IP_CHECKSUM then
		payload = checksum.repair(payload)
		if not payload then
			return nil, "the new payload's checksum is wrong, and nothing is known of its headers", EINVAL
		end
	end
	return payload
end

local function replace(own, payload)
	local message, errno
	payload, message, errno = replacement(own, payload)
	if not payload then
		return nil, message, errno
	end
	local done
	done, message = pcall(function() own.packet.payload = payload end)
	if not done then
		return nil, message, EINVAL
	end
	own.payload = nil
	return true
end

function methods:send(payload)
	local own = check(self, "send")
	if not own.is_stolen then
		error("bad argument #1 to 'send' (only a packet that was stolen can be sent)", 2)
	end
	if payload ~= nil then
		if own.session.memory.type(payload) then
			payload = own.session.memory.tostring(payload)
		elseif type(payload) ~= "string" then
			error(("bad argument #2 to 'send' (string expected, got %s)"):format(type(payload)), 2)
		end
		local done, message, errno = replace(own, payload)
		if not done then
			return nil, message, errno
		end
	end
	local done, message, errno = decide(self, own, nfbind.VERDICT_ACCEPT)
	if not done and opened[self] and payload ~= nil then
		pcall(function() own.packet.payload = nil end)
	end
	return done, message, errno
end

-- One segment of an answer, behind what answered the packet before.
local function send_segment(own, injector, flags, text)
	local reply, message, errno = own.packet:build_reply(flags, text)
	if not reply then
		return nil, message, errno
	end
	local sent = own.replied or 0
	if sent > 0 then
		reply.tcp_seq = (reply.tcp_seq + sent) % 2 ^ 32
	end
	local done
	done, message, errno = injector:send(reply)
	if done then
		own.replied = sent + #text
	end
	return done, message, errno
end

function methods:tcpreply(kind, message)
	local own = check(self, "tcpreply")
	local flags = REPLIES[kind]
	if not flags then
		error(("bad argument #2 to 'tcpreply' (invalid option '%s': tcp, data and reset are there)")
			:format(tostring(kind)), 2)
	elseif kind == "reset" and (message == nil or message == "") then
		message = ""
	elseif type(message) ~= "string" or kind == "reset" then
		error(("bad argument #3 to 'tcpreply' (%s expected, got %s)"):format(
			kind == "reset" and "no message" or "string", type(message)), 2)
	end
	if own.packet.ip_protocol ~= 6 then
		return nil, "the packet is no TCP segment", EINVAL
	end
	local injector, text, errno = own.session:get_injector()
	if not injector then
		return nil, text, errno
	end
	local size, sent = SEGMENT[own.packet.ip_version], 0
	repeat
		local piece = message:sub(sent + 1, sent + size)
		local is_last = sent + #piece == #message
		local done
		done, text, errno = send_segment(own, injector, flags[1] + (is_last and flags[2] or 0), piece)
		if not done then
			return nil, text, errno
		end
		sent = sent + #piece
	until is_last
	return true
end

-- Copied once for all looks.
local function payload_of(own)
	own.payload = own.payload or own.packet.payload or ""
	return own.payload
end

local function pack(...)
	return { count = select("#", ...), ... }
end

function methods:unpack(fmt, position)
	local own = check(self, "unpack")
	if type(fmt) ~= "string" then
		error(("bad argument #2 to 'unpack' (string expected, got %s)"):format(type(fmt)), 2)
	end
	local values = pack(pcall(format.unpack, fmt, payload_of(own), position))
	if not values[1] then
		error("bad argument to 'unpack' (" .. values[2] .. ")", 2)
	end
	return unpack_table(values, 2, values.count)
end

local function whole(value, default, position)
	value = value == nil and default or value
	if type(value) ~= "number" or value % 1 ~= 0 then
		error(("bad argument #%d to 'copybytes' (whole number expected, got %s)"):format(position,
			type(value)), 3)
	end
	return value
end

-- i and j, once negative ones are translated, have to be positions of the payload; o begins
-- at 1. Where either side has nothing, nothing is copied.
function methods:copybytes(m, i, j, o)
	local own = check(self, "copybytes")
	local memory = own.session.memory
	if not memory.type(m) then
		error(("bad argument #2 to 'copybytes' (memory expected, got %s)"):format(type(m)), 2)
	end
	local payload, room = payload_of(own), memory.len(m)
	i, j, o = whole(i, 1, 3), whole(j, -1, 4), whole(o, 1, 5)
	i = i < 0 and #payload + i + 1 or i
	j = j < 0 and #payload + j + 1 or j
	o = math.max(o < 0 and room + o + 1 or o, 1)
	for position, value in ipairs { i, j } do
		if value < 1 or value > #payload then
			error(("bad argument #%d to 'copybytes' (index out of bounds)"):format(position + 2), 2)
		end
	end
	local count = math.min(j - i + 1, room - o + 1)
	if count > 0 then
		memory.fill(m, payload, o, o + count - 1, i)
	end
end

return packet
