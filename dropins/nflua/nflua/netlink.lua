-- SPDX-License-Identifier: MIT
-- The function of `netlink`: datagrams to other processes, by a protocol that the user names.
-- The protocol of NFLua's own is the kernel module's.

local nfbind = require "nfbind"

local netlink = {}

local ECONNREFUSED = 111
local NO_PROTOCOL = "netlink.send: NFLua's protocol is the kernel module's, and no other one was named (option netlink)"

-- The socket; nothing where there is no protocol; nil, message, errno.
function netlink.open(protocol, options)
	if protocol == nil then
		return nil
	elseif type(protocol) ~= "number" or protocol % 1 ~= 0 or protocol < 0 or protocol >= 2 ^ 32 then
		error("bad argument to 'open' (netlink is the number of a protocol)", 3)
	end
	options.netlink_protocol = protocol
	return nfbind.injector(options)
end

local function check_number(value, position, what)
	if type(value) ~= "number" or value % 1 ~= 0 or value < 0 or value >= 2 ^ 32 then
		error(("bad argument #%d to 'send' (%s expected, got %s)"):format(position, what, type(value)), 3)
	end
end

local function groups_of(bits)
	local groups = {}
	for group = 1, 32 do
		if bits % 2 == 1 then
			groups[#groups + 1] = group
		end
		bits = (bits - bits % 2) / 2
	end
	return groups
end

-- The module for the scripts of a session.
function netlink.of(session)
	local module = {}

	-- A datagram has one group; for several there are several, and the port is told once.
	function module.send(port, groups, payload)
		if not session.datagrams then
			error(NO_PROTOCOL, 2)
		end
		check_number(port, 1, "a port id")
		check_number(groups, 2, "bits of groups")
		if session.memory.type(payload) then
			payload = session.memory.tostring(payload)
		elseif type(payload) ~= "string" then
			error(("bad argument #3 to 'send' (string or memory expected, got %s)"):format(type(payload)), 2)
		end
		local wanted = groups_of(groups)
		for i = 1, math.max(#wanted, 1) do
			local to = i == 1 and port or 0
			local done, message, errno = session.datagrams:send_netlink(to, wanted[i] or 0, payload)
			-- Nobody has port 0, but the group has had it.
			if not done and not (to == 0 and wanted[i] and errno == ECONNREFUSED) then
				return nil, message, errno
			end
		end
		return #payload
	end

	return module
end

return netlink
