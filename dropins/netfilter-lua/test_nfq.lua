-- SPDX-License-Identifier: MIT
-- nfq's documented functions on the running kernel, and what goes wrong.

local check = require "check"
local PORT, QUEUE = 9000, 5
check.enter_namespace(PORT, QUEUE)

local module = require "nfq"
local nfbind = require "nfbind"
local case, equal, raises, refused = check.case, check.equal, check.raises, check.refused
local EAGAIN, EBUSY, ENODATA, ESHUTDOWN = 11, 16, 61, 108

local SEND = [[
import socket, sys, time
own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
own.bind(("127.0.0.1", %d))
def is_bound(queue, modes):
    with open("/proc/self/net/netfilter/nfnetlink_queue") as file:
        return any(line.split()[0] == queue and line.split()[3] in modes for line in file)
while not is_bound("%d", "%s"):
    time.sleep(0.01)
for text in sys.argv[2:]:
    own.sendto(text.encode() * (10000 if text == "large" else 1), ("127.0.0.1", %d))
left = int(sys.argv[1])
try:
    while True:
        # Against hangs what must come; what must not, is not long waited for.
        own.settimeout(20 if left > 0 else 0.2)
        left -= 1
        text = own.recv(200000)
        print(len(text) if len(text) > 1000 else text.decode(), flush=True)
except TimeoutError:
    pass
]]

-- Send texts to a queue once it is bound in one of these modes, of which so many are to
-- arrive: a function that tells, later, which did.
local function send_to(queue, modes, count, ...)
	local path = os.tmpname()
	local file = assert(io.open(path, "w"))
	file:write(SEND:format(PORT, queue, modes, PORT))
	file:close()
	local pipe = assert(io.popen("python3 " .. path .. " " .. table.concat({ count, ... }, " ")))
	return function()
		local lines = {}
		for line in pipe:lines() do
			lines[#lines + 1] = line
		end
		pipe:close()
		os.remove(path)
		return table.concat(lines, " ")
	end
end

local function send(...)
	return send_to(QUEUE, "12", ...)
end

local function queue_of(handle, copy, range)
	local queue = assert(nfq.create_queue(handle, QUEUE))
	return assert(nfq.set_mode(queue, copy, range))
end

-- So many packets, each judged by the callback.
local function judge(handle, count, callback)
	local seen = 0
	while seen < count do
		local done, message, errno = nfq.catch(handle, function(data)
			seen = seen + 1
			if seen == count then
				nfq.setblocking(handle)
			end
			return callback(nfq.get_payload(data), data)
		end)
		equal(done, nil)
		equal(message, "timeout")
		equal(errno, EAGAIN)
	end
	nfq.setblocking(handle, true)
end

local function text_of(payload)
	return payload:sub(29)
end

case("the module is a global, too", function()
	equal(module, nfq)
	for _, name in ipairs { "open", "close", "fd", "setblocking", "unbind_pf", "bind_pf", "catch", "loop",
		"create_queue", "destroy_queue", "set_mode", "get_payload" } do
		equal(type(nfq[name]), "function")
	end
end)

case("calls can be chained", function()
	local handle = assert(nfq.open())
	equal(nfq.bind_pf(nfq.unbind_pf(handle, "inet"), "inet6"), handle)
	equal(nfq.setblocking(handle), handle)
	equal(nfq.setblocking(handle, true), handle)
	equal(type(nfq.fd(handle)), "number")
	local queue = assert(nfq.create_queue(handle, QUEUE))
	equal(nfq.set_mode(queue, "packet", 0xffff), queue)
	equal(nfq.set_mode(queue), queue)
	nfq.destroy_queue(queue)
	nfq.close(handle)
end)

case("accept, drop, replace and say nothing", function()
	local handle = assert(nfq.open())
	queue_of(handle, "packet")
	local arrived = send(3, "accept", "drop", "change", "nothing")
	judge(handle, 4, function(payload)
		local text = text_of(payload)
		if text == "change" then
			-- No checksum: UDP may go without.
			return "accept", payload:sub(1, 26) .. "\0\0CHANGE"
		elseif text ~= "nothing" then
			return text
		end
	end)
	equal(arrived(), "accept CHANGE nothing")
	nfq.close(handle)
end)

case("large packets come whole", function()
	local handle = assert(nfq.open())
	queue_of(handle)
	local arrived = send(1, "large")
	judge(handle, 1, function(payload)
		equal(#payload > 9000, true)
		return "accept"
	end)
	equal(#arrived() > 3, true)
	nfq.close(handle)
end)

case("a range cuts", function()
	local handle = assert(nfq.open())
	queue_of(handle, "packet", 30)
	local arrived = send(1, "text")
	judge(handle, 1, function(payload) equal(#payload, 30) end)
	equal(arrived(), "text")
	nfq.close(handle)
end)

case("meta has no payload, and none no packets", function()
	local handle = assert(nfq.open())
	local queue = queue_of(handle, "meta")
	local arrived = send(1, "meta")
	local seen = 0
	judge(handle, 1, function(payload, data)
		equal(payload, nil)
		refused(ENODATA, nfq.get_payload(data))
		seen = seen + 1
	end)
	equal(arrived(), "meta")
	assert(nfq.set_mode(queue, "none"))
	arrived = send(0, "none")
	equal(arrived(), "")
	nfq.setblocking(handle)
	equal(nfq.catch(handle, function() seen = seen + 1 end), nil)
	equal(seen, 1)
	nfq.close(handle)
end)

case("a callback that fails loses no packet", function()
	local handle = assert(nfq.open())
	queue_of(handle)
	local arrived = send(2, "1", "2", "3")
	raises("on purpose", nfq.catch, handle, function() error("on purpose") end)
	judge(handle, 2, function() return "accept" end)
	equal(arrived(), "2 3")
	arrived = send(0, "4")
	raises("neither 'accept' nor 'drop'", nfq.catch, handle, function() return "stolen" end)
	equal(arrived(), "")
	nfq.close(handle)
end)

case("a payload is there after the callback", function()
	local handle = assert(nfq.open())
	queue_of(handle)
	local arrived, kept = send(1, "late"), nil
	judge(handle, 1, function(_, data) kept = data end)
	equal(arrived(), "late")
	nfq.close(handle)
	collectgarbage()
	equal(text_of(nfq.get_payload(kept)), "late")
end)

case("several queues on one handle", function()
	local handle = assert(nfq.open())
	queue_of(handle)
	local other = assert(nfq.set_mode(assert(nfq.create_queue(handle, QUEUE + 1))))
	local arrived = send(1, "x")
	judge(handle, 1, function() return "accept" end)
	equal(arrived(), "x")
	nfq.destroy_queue(other)
	assert(nfq.create_queue(handle, QUEUE + 1))
	nfq.close(handle)
end)

case("failures are nil, a message and errno", function()
	local handle, second = assert(nfq.open()), assert(nfq.open())
	local queue = queue_of(handle)
	local message = refused(EBUSY, nfq.create_queue(second, QUEUE))
	equal(message:find("bound") ~= nil, true)
	refused(EBUSY, nfq.create_queue(handle, QUEUE))
	nfq.close(handle)
	nfq.close(handle)
	refused(ESHUTDOWN, nfq.set_mode(queue))
	refused(ESHUTDOWN, nfq.create_queue(handle, 7))
	refused(ESHUTDOWN, nfq.fd(handle))
	local done, closed = nfq.catch(handle, print)
	equal(done, nil)
	equal(closed, "closed")
	nfq.close(second)
end)

case("wrong arguments are raised", function()
	local handle = assert(nfq.open())
	local queue = queue_of(handle)
	for name, call in pairs(nfq) do
		if name ~= "open" and name ~= "loop" then
			for _, wrong in ipairs { 5, "text", {}, print, true } do
				raises("bad argument #1 to '" .. name .. "'", call, wrong)
			end
			raises("bad argument #1", call)
		end
	end
	raises("nfq handle expected, got nfq queue", nfq.fd, queue)
	raises("nfq queue expected, got nfq handle", nfq.set_mode, handle)
	raises("invalid option 'all'", nfq.set_mode, queue, "all")
	raises("invalid option 'inet5'", nfq.bind_pf, handle, "inet5")
	raises("invalid option 'nil'", nfq.bind_pf, handle)
	raises("from 0 to 65535", nfq.create_queue, handle, 70000)
	nfq.close(handle)
end)

case("loop is the short form, on queue zero", function()
	os.execute("iptables -w -F OUTPUT; iptables -w -A OUTPUT -p udp -j NFQUEUE --queue-num 0 --queue-bypass")
	local session = assert(nfbind.queue(0))
	refused(EBUSY, nfq.loop(function() end, "packet"))
	session:close()
	session:free()
	raises("invalid option 'some'", nfq.loop, print, "some")
end)

-- The document says what loop does by this listing.
local function listing(cb, copy)
	local h, q
	h = nfq.open()
	nfq.unbind_pf(h, "inet")
	nfq.bind_pf(h, "inet")
	q = nfq.create_queue(h, 0)
	nfq.set_mode(q, copy, 0xffff)
	local done, message = pcall(nfq.catch, h, cb)
	nfq.destroy_queue(q)
	nfq.close(h)
	error(message, done and 1 or 0)
end

case("the document's listing of loop does the same", function()
	for _, loop in ipairs { nfq.loop, listing } do
		local texts, arrived = {}, send_to(0, "2", 1, "1", "2", "3")
		raises("enough", loop, function(data)
			texts[#texts + 1] = text_of(nfq.get_payload(data))
			if #texts == 3 then
				error("enough")
			end
			return #texts == 2 and "drop" or nil
		end, "packet")
		equal(table.concat(texts, " "), "1 2 3")
		equal(arrived(), "1")
	end
end)

check.finish()
