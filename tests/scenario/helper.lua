-- SPDX-License-Identifier: MIT
-- A helper in Lua, in a few steps; tests/vm/helper_scenario.sh says what they are.

local nfbind = require "nfbind"

package.path = (arg[0]:match("^.*/") or "./") .. "?.lua;" .. package.path
local common = require "scenario_common"
local say, refused, show_expectations = common.say, common.refused, common.show_expectations

local RECORD = { name = "scenario", l3proto = 2, l4proto = 17, queue = 21, ["priv-data-len"] = 8,
	["policy1-name"] = "calls", ["policy1-max"] = 4, ["policy1-timeout"] = 120 }
local ANNOUNCED, PATIENCE = 5010, 60000

local function show_record(conntrack)
	local found = conntrack:fetch_cthelper(RECORD)
	say("record:", found and found:print() or "ENOENT")
end

local function answer(value)
	return value and "yes" or "no"
end

local function show_packet(packet)
	local ct = assert(packet:get_ct())
	local info = ct.helper_info:sub(1, 8):gsub(".", function(byte) return ("%02x"):format(byte:byte()) end)
	say("packet:", packet.l4_payload, "port", ct.orig_port_dst, "helper", ct.helper_name, "info", info,
		"reply", answer(packet:is_reply()), "established", answer(packet:is_established()))
	return ct
end

-- The connection keeps for us what was said.
local function remember(packet)
	show_packet(packet)
	refused("info", packet:set_ct({ ["helper-info"] = "hello" }))
	refused("accept", packet:accept())
end

-- Who speaks says where it can be reached.
local function announce(packet)
	local exp = nfbind.exp()
	assert(exp:expect(show_packet(packet), 0, 0, "\10\1\0\2", ANNOUNCED))
	refused("expect", packet:set_exp(exp))
	refused("accept", packet:accept())
	refused("decided twice", packet:accept())
end

-- Without a rule its connections stay helped.
local function take_leave(packet)
	show_packet(packet)
	refused("accept", packet:accept())
end

local conntrack = assert(nfbind.conntrack())
local helper = assert(nfbind.helper(RECORD))
refused("open again", helper:open(RECORD))
refused("add beside it", conntrack:add_cthelper(RECORD))
show_record(conntrack)
local queue = helper:get_queue()
say("> rule")
say("> send hello")
remember(assert(queue:receive(PATIENCE))[1])
assert(queue:settle())
say("> send announce")
announce(assert(queue:receive(PATIENCE))[1])
assert(queue:settle())
show_expectations(conntrack)
say("> no rule")
say("> send bye")
take_leave(assert(queue:receive(PATIENCE))[1])
assert(queue:settle())
say("> receive")
refused("close", helper:close())
show_record(conntrack)
show_expectations(conntrack)
