-- SPDX-License-Identifier: MIT
-- Queues and connections on the running kernel: verdicts, rewriting, uses after their time.

local check = require "check"
local PORT, QUEUE = 9000, 5
check.enter_namespace(PORT, QUEUE)

local nfbind = require "nfbind"
local case, equal, raises, refused = check.case, check.equal, check.raises, check.refused
local ENOENT, EEXIST, EBUSY, EINVAL, ESHUTDOWN, EALREADY = 2, 17, 16, 22, 108, 114

local function send(...)
	for _, text in ipairs { ... } do
		os.execute("printf " .. text .. " | python3 -c 'import socket, sys; " ..
			"socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(" ..
			"sys.stdin.buffer.read(), (\"127.0.0.1\", " .. PORT .. "))'")
	end
end

local function receive(queue)
	return assert(queue:receive(20000))
end

case("a queue that cannot be opened says why", function()
	local message = refused(ENOENT, nfbind.queue(QUEUE, { netns_path = "/nonexistent" }))
	equal(message:find("namespace") ~= nil or message:find("No such file") ~= nil, true)
	raises("no field or method 'fail_opened'", nfbind.queue, QUEUE, { fail_opened = true })
	raises("from 0 to 65535", nfbind.queue, 65536)
end)

case("packets are judged one by one", function()
	local queue = assert(nfbind.queue(QUEUE, { fail_open = true }))
	send("one", "two", "three")
	local seen = {}
	for packet, id, payload in queue:packets("id", "l4-payload") do
		seen[#seen + 1] = payload
		equal(id, #seen)
		if payload == "two" then
			packet.mark, packet.l4_payload = 7, "zwei"
			equal(packet.l4_payload, "zwei")
			assert(packet:accept())
		else
			assert(packet:drop())
		end
		refused(EALREADY, packet:accept())
		if #seen == 3 then
			break
		end
	end
	assert(queue:settle())
	equal(table.concat(seen, " "), "one two three")
	local stats = assert(queue:read_stats(QUEUE))
	equal(stats.received, 3)
	equal(stats.decided, 3)
	queue:free()
end)

case("a batch has items, and outlives its turn", function()
	local queue = assert(nfbind.queue({ QUEUE, QUEUE + 1 }))
	send("a")
	local batch = receive(queue)
	equal(#batch, 1)
	local packet = batch[1]
	equal(batch[0], nil)
	equal(batch[2], nil)
	equal(packet.l4_payload, "a")
	assert(queue:settle())
	equal(packet.l4_payload, "a")
	refused(EALREADY, packet:accept())
	refused(EBUSY, queue:bind(QUEUE, nil))
	queue:close()
	equal(packet.l4_payload, "a")
	refused(ESHUTDOWN, queue:receive(0))
	batch:free()
	raises("it was freed", function() return packet.l4_payload end)
	raises("it was freed", batch.each, batch)
	batch:free()
end)

case("a loop lets its batches go at the next turn, unless they are held", function()
	local queue = assert(nfbind.queue(QUEUE))
	local batches, packets, all = {}, {}, queue:batches()
	for turn = 1, 3 do
		send("a")
		batches[turn] = all()
		packets[turn] = batches[turn][1]
		if turn == 2 then
			equal(batches[turn]:hold(), batches[turn])
		end
		equal(packets[turn].l4_payload, "a")
	end
	raises("it was freed", function() return packets[1].l4_payload end)
	raises("it was freed", packets[1].accept, packets[1])
	equal(packets[2].l4_payload, "a")
	refused(EALREADY, packets[2]:drop())
	assert(packets[3]:accept())
	queue:free()
end)

case("a refusal is explained by the side that refused", function()
	local queue = assert(nfbind.queue(QUEUE))
	refused(EBUSY, nfbind.queue(QUEUE))
	equal(refused(EINVAL, queue:verdict_rest(77)), "that is no verdict")
	queue:close()
	equal(refused(ESHUTDOWN, queue:read_stats(QUEUE)), "the session is not open")
end)

case("a kept packet is decided later", function()
	local queue = assert(nfbind.queue(QUEUE))
	send("later")
	local kept = assert(receive(queue)[1]:keep())
	assert(queue:settle())
	assert(kept:accept())
	kept:free()
	raises("it was freed", function() return kept.id end)
end)

case("decisions travel in one crossing", function()
	local queue = assert(nfbind.queue(QUEUE))
	send("x")
	local list = receive(queue):export()
	local one = list[1]
	local count, results = assert(queue:verdict_many({
		{ queue = one.queue, id = one.id, index = one.index, verdict = 1 },
		{ queue = QUEUE, id = 999999, index = 7, verdict = 1 },
	}, nil))
	equal(count, 1)
	equal(results[1].result, 0)
	equal(results[2].result, -ENOENT)
	raises("a list of tables", queue.verdict_many, queue, { 5 })
	raises("id is not a whole number", queue.verdict_many, queue, { { id = 2 ^ 33 } })
end)

case("nothing is nil, and a wake ends the loop", function()
	local queue = assert(nfbind.queue(QUEUE))
	local batch, message = queue:receive(0)
	equal(batch, nil)
	equal(message, nil)
	queue:wake()
	for _ in queue:batches() do
		error("a batch from nowhere")
	end
end)

case("sessions and packets may be collected in any order", function()
	local packet
	do
		local queue = assert(nfbind.queue(QUEUE))
		send("lost")
		packet = receive(queue)[1]
	end
	collectgarbage()
	collectgarbage()
	equal(packet.l4_payload, "lost")
	packet = nil
	collectgarbage()
	collectgarbage()
	local queue = assert(nfbind.queue(QUEUE))
	queue:free()
	queue:free()
	raises("it was freed", queue.receive, queue, 0)
end)

case("connections are added, listed, changed and removed", function()
	local conntrack = assert(nfbind.conntrack())
	local ct = { orig_src = "10.0.0.1", orig_dst = "10.0.0.2", orig_l4proto = 17, orig_port_src = 5,
		orig_port_dst = 6, timeout = 100, mark = 1 }
	assert(conntrack:add_ct(ct, 0))
	refused(EEXIST, conntrack:add_ct(ct, 0))
	ct.mark = 2
	assert(conntrack:change_ct(ct))
	local count = 0
	for entry in assert(conntrack:connections()) do
		if entry.orig_src == "10.0.0.1" then
			count = count + 1
			equal(entry.mark, 2)
		end
	end
	equal(count, 1)
	assert(conntrack:remove_ct(ct))
	refused(ENOENT, conntrack:remove_ct(ct))
	refused(EINVAL, conntrack:remove_ct({ mark = 1 }))
	equal(conntrack:fetch_ct(ct, 0), nil)
end)

case("events come with their connection", function()
	local conntrack = assert(nfbind.conntrack())
	local events = assert(nfbind.events({}, { l4proto = 17, port = 6 }))
	local ct = { orig_src = "10.0.0.3", orig_dst = "10.0.0.2", orig_l4proto = 17, orig_port_src = 5,
		orig_port_dst = 6, timeout = 100 }
	assert(conntrack:add_ct(ct))
	assert(conntrack:remove_ct(ct))
	local kinds = {}
	for event, entry in events:items() do
		equal(entry.orig_src, "10.0.0.3")
		kinds[#kinds + 1] = event.kind
		if #kinds == 2 then
			events:wake()
		end
	end
	equal(kinds[1], nfbind.EVENT_CT_NEW)
	equal(kinds[2], nfbind.EVENT_CT_DESTROY)
	events:close()
	for _ in events:items() do
		error("an event from nowhere")
	end
end)

case("a bulk says what was not done", function()
	local conntrack, bulk = assert(nfbind.conntrack()), nfbind.bulk()
	for port = 1, 20 do
		assert(bulk:add_ct({ orig_src = "10.0.0.4", orig_dst = "10.0.0.2", orig_l4proto = 17,
			orig_port_src = port, orig_port_dst = 6, timeout = 100 }))
	end
	equal(conntrack:apply(bulk), 20)
	equal(conntrack:apply(bulk), 0)
	local count = 0
	for index, errno, message in bulk:failures() do
		equal(index, count)
		equal(errno, EEXIST)
		equal(#message > 0, true)
		count = count + 1
	end
	equal(count, 20)
	equal(#assert(conntrack:read_cpu_stats()) >= 1, true)
	refused(EINVAL, nfbind.helper({ name = "x" }))
end)

case("Ctrl-C ends a wait", function()
	local script = os.tmpname()
	local file = assert(io.open(script, "w"))
	file:write('local nfbind = require "nfbind"\nlocal queue = assert(nfbind.queue(77))\n' ..
		'for _ in queue:batches() do end\n')
	file:close()
	local status = { os.execute("timeout -k 20 -s INT 0.3 " .. arg[-1] .. " " .. script .. " 2>/dev/null") }
	os.remove(script)
	-- 124 is what timeout says when it had to send the signal; 137, when that did not help.
	equal(status[3] or status[1] / 256, 124)
end)

check.finish()
