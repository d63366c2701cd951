-- SPDX-License-Identifier: MIT
-- The functions of `conn`: numbers and counters of connections, asked of the kernel's
-- table; and the connection of a packet that does not carry it.

local nfbind = require "nfbind"

local conn = {}

local PROTOCOLS = { tcp = 6, udp = 17 }
local DIRECTIONS = { original = { "orig" }, reply = { "repl" }, both = { "orig", "repl" } }
local ENOENT, ENODATA = 2, 61
local NO_COUNTERS = "the connection has no counters: they are for connections that start while " ..
	"sysctl net.netfilter.nf_conntrack_acct is 1"

local function bad(position, name, text)
	error(("bad argument #%d to '%s' (%s)"):format(position, name, text), 4)
end

local function port_of(value, position, name)
	if type(value) ~= "number" or value % 1 ~= 0 or value < 0 or value > 65535 then
		bad(position, name, "a port from 0 to 65535 expected")
	end
	return value
end

local function address_of(value, family, position, name)
	if type(value) ~= "string" or (value:find(":", 1, true) ~= nil) ~= (family == 6) then
		bad(position, name, "an IPv" .. family .. " address expected")
	end
	return value
end

local function tuple_of(name, family, protocol, source, source_port, destination, destination_port)
	if family ~= 4 and family ~= 6 then
		bad(1, name, "family is neither 4 nor 6")
	elseif not PROTOCOLS[protocol] then
		bad(2, name, "invalid option '" .. tostring(protocol) .. "'")
	end
	local tuple = nfbind.ct()
	tuple.orig_l4proto = PROTOCOLS[protocol]
	for _, each in ipairs { { "orig_src", source, 3 }, { "orig_dst", destination, 5 } } do
		local field, value = each[1], address_of(each[2], family, each[3], name)
		if not pcall(function() tuple[field] = value end) then
			bad(each[3], name, "'" .. value .. "' is no address")
		end
	end
	tuple.orig_port_src = port_of(source_port, 4, name)
	tuple.orig_port_dst = port_of(destination_port, 6, name)
	return tuple
end

local function look_up(session, tuple)
	local table, message, errno = session:get_conntrack()
	if not table then
		return nil, message, errno
	end
	local ct
	ct, message, errno = table:find_ct(tuple)
	if not ct then
		return nil, message or "there is no such connection", errno or ENOENT
	end
	return ct
end

-- The module for the scripts of a session.
function conn.of(session)
	local module = {}

	function module.find(...)
		local ct, message, errno = look_up(session, tuple_of("find", ...))
		if not ct then
			return nil, message, errno
		end
		return ct.id
	end

	function module.traffic(family, protocol, source, source_port, destination, destination_port, direction)
		local tuple = tuple_of("traffic", family, protocol, source, source_port, destination,
			destination_port)
		local wanted = DIRECTIONS[direction]
		if not wanted then
			error(("bad argument #7 to 'traffic' (invalid option '%s')"):format(tostring(direction)), 2)
		end
		local ct, message, errno = look_up(session, tuple)
		if not ct then
			return nil, message, errno
		end
		local counters = {}
		for _, side in ipairs(wanted) do
			local packets, bytes = ct[side .. "_counter_packets"], ct[side .. "_counter_bytes"]
			if not packets then
				return nil, NO_COUNTERS, ENODATA
			end
			counters[#counters + 1], counters[#counters + 2] = packets, bytes
		end
		return (table.unpack or unpack)(counters)
	end

	return module
end

local ECHOES = { [0] = 8, [8] = 0, [128] = 129, [129] = 128 }

-- What the packet would be called in the table; `turned`: as the answer to it.
local function tuple_of_packet(packet, turned)
	local tuple = nfbind.ct()
	tuple.orig_src = turned and packet.ip_dst or packet.ip_src
	tuple.orig_dst = turned and packet.ip_src or packet.ip_dst
	tuple.orig_l4proto = packet.ip_protocol
	local kind = packet.icmp_type
	if kind then
		if not ECHOES[kind] then
			return nil
		end
		tuple.orig_icmp_type = turned and ECHOES[kind] or kind
		tuple.orig_icmp_code, tuple.orig_icmp_id = 0, packet.icmp_id
	elseif packet.port_src then
		tuple.orig_port_src = turned and packet.port_dst or packet.port_src
		tuple.orig_port_dst = turned and packet.port_src or packet.port_dst
	elseif packet.ip_fragment_offset then
		return nil
	end
	return tuple
end

-- The number of a packet's connection. Where addresses are translated a packet has, in some
-- hooks, those of neither direction of its connection; then the answer to it has.
function conn.id_of_packet(session, packet)
	local carried = packet.ct
	if carried then
		return carried.id
	end
	local message, errno
	for _, turned in ipairs { false, true } do
		local tuple = packet.ip_src and tuple_of_packet(packet, turned)
		if not tuple then
			return nil, "the packet's headers do not say which connection it is of", ENODATA
		end
		local ct
		ct, message, errno = look_up(session, tuple)
		if ct then
			return ct.id
		elseif errno ~= ENOENT then
			break
		end
	end
	if errno == ENOENT then
		message = "the table has no connection for this packet: a first packet's comes behind its last hook"
	end
	return nil, message, errno
end

return conn
