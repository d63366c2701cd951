-- SPDX-License-Identifier: MIT
-- The scenario in Lua; run.py says what it is.

local nfbind = require "nfbind"

package.path = (arg[0]:match("^.*/") or "./") .. "?.lua;" .. package.path
local common = require "scenario_common"
local say, refused, show_expectations = common.say, common.refused, common.show_expectations

local CONNECTION = { ["orig-src"] = "10.0.0.1", ["orig-dst"] = "10.0.0.2", ["orig-l4proto"] = 6,
	["orig-port-src"] = 1000, ["orig-port-dst"] = 21, ["tcp-state"] = 3, timeout = 100, mark = 1 }
local EOPNOTSUPP = 95

-- CONNECTION, with other values for some of its fields.
local function connection(values)
	local copy = {}
	for name, value in pairs(CONNECTION) do
		copy[name] = value
	end
	for name, value in pairs(values) do
		copy[name] = value
	end
	return copy
end

local function has_bit(set, bit)
	return set % (2 * bit) >= bit
end

local function probe()
	local features = assert(nfbind.probe())
	for _, name in ipairs { "QUEUE", "QUEUE_FAIL_OPEN", "QUEUE_GSO", "CONNTRACK", "EXPECT" } do
		say("probe:", name, has_bit(features, nfbind["FEATURE_" .. name]) and "yes" or "no")
	end
end

local function judge(packet, payload)
	say("packet:", packet.ip_src, packet.port_src, packet.ip_dst, packet.port_dst, payload)
	if payload == "change" then
		packet.l4_payload = "changed at length"
	elseif payload == "mark" then
		packet.mark = 7
	end
	if payload == "stop" then
		assert(packet:drop())
	else
		assert(packet:accept())
	end
	refused("decided twice", packet:drop())
end

local function packets()
	local queue = assert(nfbind.queue(5, { fail_open = true, gso = false }))
	say("> send pass stop change mark")
	local seen = 0
	for packet, payload in queue:packets("l4-payload") do
		judge(packet, payload)
		seen = seen + 1
		if seen == 4 then
			break
		end
	end
	assert(queue:settle())
	say("> receive")

	say("> send later")
	local packet = assert(queue:receive(5000))[1]
	local kept = assert(packet:keep())
	assert(queue:settle())
	refused("decided after its batch", packet:accept())
	refused("decided when kept", kept:accept())
	say("> receive")

	local stats = assert(queue:read_stats(5))
	say("queue:", "received", stats.received, "decided", stats.decided, "defaulted", stats.defaulted)
	queue:close()
	refused("received after close", queue:receive(0))
end

local function describe(ct)
	return ("%s:%d > %s:%d protocol %d mark %d"):format(ct.orig_src, ct.orig_port_src, ct.orig_dst,
		ct.orig_port_dst, ct.orig_l4proto, ct.mark)
end

local function connections(conntrack)
	refused("add", conntrack:add_ct(CONNECTION))
	refused("add again", conntrack:add_ct(CONNECTION))
	refused("change", conntrack:change_ct(connection { mark = 2 }))
	say("fetch:", describe(assert(conntrack:fetch_ct(CONNECTION))))
	for mark = 1, 2 do
		for ct in assert(conntrack:connections({ mark = mark })) do
			say("list: mark", mark, describe(ct))
		end
	end
	refused("remove", conntrack:remove_ct(CONNECTION))
	refused("remove again", conntrack:remove_ct(CONNECTION))
	refused("remove all by mistake", conntrack:remove_ct({ mark = 2 }))
	say("fetch:", conntrack:fetch_ct(CONNECTION) or "nothing")
end

-- What connections() did: a connection of TCP only, by the filter.
local function watch(events)
	local names = {}
	for _, name in ipairs { "CT_NEW", "CT_UPDATE", "CT_DESTROY" } do
		names[nfbind["EVENT_" .. name]] = name
	end
	while events:receive(0) do
		for event, entry in events:taken() do
			say("event:", names[event.kind], describe(entry))
		end
	end
end

local function many(conntrack)
	local bulk, ct = nfbind.bulk(), nfbind.ct()
	assert(ct:assign(connection { ["orig-l4proto"] = 17 }))
	ct.tcp_state = nil
	for port = 0, 99 do
		ct.orig_port_src = 2000 + port
		assert(bulk:add_ct(ct))
	end
	say("bulk:", bulk:count(), "operations,", assert(conntrack:apply(bulk)), "done")
	assert(bulk:clear())
	for port = 0, 100 do
		ct.orig_port_src = 2000 + port
		assert(bulk:remove_ct(ct))
	end
	say("bulk:", bulk:count(), "operations,", assert(conntrack:apply(bulk)), "done")
	for index, errno, sentence in bulk:failures() do
		say("bulk:", index, nfbind.error_name(errno), sentence)
	end
end

local function expectation(conntrack)
	local done, message, errno = conntrack:add_ct(connection { ["helper-name"] = "ftp" })
	if errno == EOPNOTSUPP then
		say("expectation: this kernel has no helper for ftp")
		return
	end
	assert(done, message)
	local exp = nfbind.exp()
	assert(exp:expect(assert(conntrack:fetch_ct(CONNECTION)), 1, 0, "\10\0\0\2", 5555))
	exp.timeout = 60
	refused("expect", conntrack:add_exp(exp))
	show_expectations(conntrack)
	refused("unexpect", conntrack:remove_exp(exp))
	refused("unexpect again", conntrack:remove_exp(exp))
	refused("remove", conntrack:remove_ct(CONNECTION))
end

local function texts()
	local ct, other = nfbind.ct(), nfbind.ct()
	assert(ct:assign(CONNECTION))
	for _, format in ipairs { nfbind.FORMAT_FIELDS, nfbind.FORMAT_SAVE, nfbind.FORMAT_JSON } do
		say("text:", assert(ct:print(format)))
	end
	assert(other:parse(nfbind.FORMAT_JSON, nil, ct:print(nfbind.FORMAT_JSON)))
	say("text:", ct:equal(other) and "the same" or "another")
	-- A field that cannot be written is an error of the program, so that only text is left.
	local done, message = pcall(function() ct.zone = 65536 end)
	say("number too big:", not done and message:find("does not fit") and "ERANGE" or "taken")
end

probe()
packets()
local conntrack = assert(nfbind.conntrack())
local events = assert(nfbind.events(
	{ events = nfbind.EVENT_CT_NEW + nfbind.EVENT_CT_UPDATE + nfbind.EVENT_CT_DESTROY }, { l4proto = 6 }))
connections(conntrack)
watch(events)
events:close()
many(conntrack)
expectation(conntrack)
texts()
