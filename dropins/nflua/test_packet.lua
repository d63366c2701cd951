-- SPDX-License-Identifier: MIT
-- Packets that are stolen, sent, changed and answered; connections; other protocols.

local check = require "check"
check.enter_namespace(1, 1)

local memory = require "nflua.memory"
local nfbind = require "nfbind"
local place = require "place"
local traffic = require "traffic"
local case, equal, raises = check.case, check.equal, check.raises
local EINVAL, ENOENT, ENODEV, ENODATA = 22, 2, 19, 61
local QUEUE, PORT, GO_ON = 5, 9000, 0x100

local run, with, arrived = traffic.run, place.with, place.arrived

local function with_target(script, body, options)
	with(options or {}, place.TEXT .. script, function(session, env, told)
		assert(session:target(QUEUE, "main", "target", { go_on = GO_ON }))
		place.rules(session, QUEUE, "OUTPUT", "-p udp --dport " .. PORT)
		body(session, env, told)
	end)
end

-- ---- stolen packets -----------------------------------------------------------

local STEAL = [[
stolen = {}
function target(pkt)
	if text(pkt) == "end" then return "accept" end
	stolen[#stolen + 1] = pkt
	return "stolen"
end
]]

case("a stolen packet lives until it is closed or sent", function()
	with_target(STEAL, function(session, env, told)
		local path = traffic.udp(PORT, 2, "drop", "send", "pause", "end")
		traffic.wait(session, function() return #env.stolen == 2 end)
		collectgarbage()
		equal(session.queue:read_stats(QUEUE).queue_undecided, 2)
		local dropped, sent = env.stolen[1], env.stolen[2]
		equal(env.text(dropped), "drop")
		local m = memory.create(4)
		sent:copybytes(m, -4)
		equal(m:tostring(), "send")
		equal(dropped:close(), true)
		equal(sent:send(), true)
		for _, pkt in ipairs { dropped, sent } do
			raises("the packet is closed", pkt.close, pkt)
			raises("the packet is closed", pkt.send, pkt)
			raises("the packet is closed", pkt.unpack, pkt, "B")
		end
		traffic.go_on(path)
		equal(traffic.finish(session, path), "send end")
		equal(session.queue:read_stats(QUEUE).queue_undecided, 0)
		equal(#told, 0)
	end)
end)

case("a stolen packet may be sent from a timer", function()
	with_target(STEAL .. [[
local steal = target
function target(pkt)
	timer.create(30, function() pkt:send() end)
	return steal(pkt)
end
]], function(session)
		equal(arrived(session, 2, "a", "b"), "a b")
	end)
end)

case("one that nobody holds is dropped, and takes no room", function()
	with_target("function target(pkt) return text(pkt) == 'end' and 'accept' or 'stolen' end", function(session)
		local path = traffic.udp(PORT, 1, "1", "2", "3", "pause", "end")
		traffic.wait(session, function() return session.queue:read_stats(QUEUE).received == 3 end)
		collectgarbage()
		collectgarbage()
		equal(session.queue:read_stats(QUEUE).queue_undecided, 0)
		traffic.go_on(path)
		equal(traffic.finish(session, path), "end")
	end)
end)

case("a new payload is checked, repaired and sent", function()
	with_target(STEAL, function(session, env)
		local path = traffic.udp(PORT, 6, "hello", "longer", "shorter", "same", "memory", "pause", "end")
		traffic.wait(session, function() return #env.stolen == 5 end)
		local function bytes(pkt)
			return (pkt:unpack("c" .. pkt:unpack(">H", 3)))
		end
		local function with_text(pkt, text)
			local data = bytes(pkt)
			local function short(number)
				return string.char(math.floor(number / 256), number % 256)
			end
			return data:sub(1, 2) .. short(28 + #text) .. data:sub(5, 24) .. short(8 + #text) ..
				data:sub(27, 28) .. text
		end
		local stolen = env.stolen
		equal(stolen[1]:send(with_text(stolen[1], "HELLO")), true)
		equal(stolen[2]:send(with_text(stolen[2], "much longer than before")), true)
		equal(stolen[3]:send(with_text(stolen[3], "s")), true)
		for _, wrong in ipairs { "", "text", bytes(stolen[4]):sub(1, -2), bytes(stolen[4]) .. "x",
			"\96" .. ("\0"):rep(39), "\70" .. bytes(stolen[4]):sub(2) } do
			local done, message, errno = stolen[4]:send(wrong)
			equal(done, nil)
			equal(type(message), "string")
			equal(errno, EINVAL)
		end
		raises("string expected, got number", stolen[4].send, stolen[4], 5)
		raises("string expected, got table", stolen[4].send, stolen[4], {})
		equal(stolen[4]:send(), true)
		equal(stolen[5]:send(session.memory.create(with_text(stolen[5], "MEMORY"))), true)
		traffic.go_on(path)
		equal(traffic.finish(session, path), "HELLO much longer than before s same MEMORY end")
	end)
end)

case("a stolen packet outlives its queue as a closed one", function()
	with_target(STEAL, function(session, env)
		local path = traffic.udp(PORT, 1, "1", "2", "3", "pause", "end")
		traffic.wait(session, function() return #env.stolen == 3 end)
		local first, second, third = (table.unpack or unpack)(env.stolen)
		session:destroy("main")
		run "iptables -F"
		local done, message, errno = first:close()
		equal(done, nil)
		equal(type(message), "string")
		equal(errno, ENODEV)
		raises("the packet is closed", first.close, first)
		equal(env.text(second), "2")
		session:close()
		equal(second:send(), nil)
		raises("the packet is closed", second.send, second)
		equal(env.text(third), "3")
		traffic.go_on(path)
		local other = assert(require "nflua".open())
		equal(traffic.finish(other, path), "end")
		other:close()
	end)
end)

case("what is undecided too long gets the default verdict", function()
	with_target(STEAL, function(session, env, told)
		local path = traffic.udp(PORT, 1, "1")
		equal(traffic.finish(session, path), "1")
		local done, _, errno = env.stolen[1]:close()
		equal(done, nil)
		equal(type(errno), "number")
		raises("the packet is closed", env.stolen[1].close, env.stolen[1])
		equal(told[1]:find("^expired") ~= nil, true)
	end, { default = "accept", age_limit = 50 })
end)

-- ---- answers ------------------------------------------------------------------

local CLIENT = [[
server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("127.0.0.1", %d))
server.listen(1)
client = socket.create_connection(("127.0.0.1", %d))
client.settimeout(40)
other, _ = server.accept()
client.sendall(b"GET / HTTP/1.1\r\n\r\n")
got = b""
try:
    while True:
        piece = client.recv(1 << 20)
        if not piece:
            got += b"<end>"
            break
        got += piece
except ConnectionResetError:
    got += b"<reset>"
tell(got.decode("latin1"))
]]

-- A program that asks over TCP; what it got of the script's answer.
local function answer_of(script, body)
	local result
	with({}, place.TEXT .. script, function(session, env, told)
		assert(session:target(QUEUE, "main", "target", { go_on = GO_ON }))
		place.rules(session, QUEUE, "OUTPUT", "-p tcp --dport 80")
		result = traffic.finish(session, traffic.python(CLIENT:format(80, 80)))
		if body then
			body(session, env, told)
		else
			equal(table.concat(told, "\n"), "")
		end
	end)
	return result
end

local ANSWER = [[
function target(pkt)
	local head = (pkt:unpack("B", 33))
	head = math.floor(head / 16) * 4
	if pkt:unpack(">H", 3) > 20 + head then
		%s
		return "drop"
	end
	return "accept"
end
]]

case("a request is answered with a redirect, and the connection ended", function()
	equal(answer_of(ANSWER:format [[
		assert(pkt:unpack("c3", 21 + head) == "GET")
		result = pkt:tcpreply("tcp", "HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\n\r\n")
	]], function(_, env) equal(env.result, true) end), "HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\n\r\n<end>")
end)

case("a long page comes in segments", function()
	equal(answer_of(ANSWER:format [[assert(pkt:tcpreply("tcp", ("0123456789"):rep(1000)))]]),
		("0123456789"):rep(1000) .. "<end>")
end)

case("data leaves the connection open, a reset ends it", function()
	equal(answer_of(ANSWER:format [[
		assert(pkt:tcpreply("data", "going on; "))
		assert(pkt:tcpreply("reset"))
	]]), "going on; <reset>")
end)

case("a stolen request is answered, too", function()
	equal(answer_of([[
function target(pkt)
	local head = (pkt:unpack("B", 33))
	head = math.floor(head / 16) * 4
	if pkt:unpack(">H", 3) <= 20 + head then return "accept" end
	timer.create(10, function()
		assert(pkt:tcpreply("tcp", "late"))
		assert(pkt:close())
	end)
	return "stolen"
end]]), "late<end>")
end)

-- ---- connections --------------------------------------------------------------

case("connid and conn.find name the same connection", function()
	with_target([[
ids = {}
function target(pkt)
	ids[#ids + 1] = { pkt:connid() }
	return "accept"
end
]], function(session, env)
		run "iptables -A INPUT -m conntrack --ctstate INVALID -j ACCEPT"
		traffic.set("net/netfilter/nf_conntrack_acct", 1)
		equal(arrived(session, 3, "one", "two", "three"), "one two three")
		local find, traffic_of = env.conn.find, env.conn.traffic
		local id = find(4, "udp", "127.0.0.1", PORT + 1, "127.0.0.1", PORT)
		equal(type(id), "number")
		equal(env.ids[2][1], id)
		equal(env.ids[3][1], id)
		-- The first one's is not in the table; a kernel that sends it with the packet tells all the same.
		equal(env.ids[1][1] == id or type(env.ids[1][2]) == "string", true)
		equal(find(4, "udp", "127.0.0.1", PORT, "127.0.0.1", PORT + 1), id)
		local count, bytes = traffic_of(4, "udp", "127.0.0.1", PORT + 1, "127.0.0.1", PORT, "original")
		equal(count, 3)
		equal(bytes, 3 * 28 + 11)
		local both = { traffic_of(4, "udp", "127.0.0.1", PORT, "127.0.0.1", PORT + 1, "both") }
		equal(table.concat(both, " "), "3 95 0 0")
		local nothing, message, errno = find(4, "tcp", "127.0.0.1", PORT + 1, "127.0.0.1", PORT)
		equal(nothing, nil)
		equal(message, "there is no such connection")
		equal(errno, ENOENT)
		equal(traffic_of(4, "udp", "127.0.0.1", 1, "127.0.0.1", 2, "reply"), nil)
		equal(env.nf.traffic, env.conn.traffic)
	end)
end)

case("a connection without counters says so", function()
	with_target("function target(pkt) return 'accept' end", function(session, env)
		run "iptables -A INPUT -m conntrack --ctstate INVALID -j ACCEPT"
		traffic.set("net/netfilter/nf_conntrack_acct", 0)
		local path = traffic.python([[
here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
here.bind(("127.0.0.1", 9100))
here.sendto(b"x", ("127.0.0.1", 9100))
tell("sent")
]])
		equal(traffic.finish(session, path), "sent")
		local count, message, errno = env.conn.traffic(4, "udp", "127.0.0.1", 9100, "127.0.0.1", 9100, "original")
		equal(count, nil)
		equal(message:find("nf_conntrack_acct") ~= nil, true)
		equal(errno, ENODATA)
	end)
end)

case("wrong arguments of conn are raised", function()
	with({}, "", function(_, env)
		local find, traffic_of = env.conn.find, env.conn.traffic
		local good = { 4, "udp", "127.0.0.1", 1, "127.0.0.2", 2 }
		for _, each in ipairs { { 1, 5 }, { 1, "4" }, { 2, "icmp" }, { 2, 17 }, { 3, "::1" }, { 3, "localhost" },
			{ 3, 5 }, { 4, -1 }, { 4, 65536 }, { 4, "1" }, { 4, 1.5 }, { 5, "1.2.3" }, { 6, 1e9 }, { 6, 0 / 0 } } do
			local arguments = { (table.unpack or unpack)(good) }
			arguments[each[1]] = each[2]
			for name, call in pairs { find = find, traffic = traffic_of } do
				raises("bad argument #" .. each[1] .. " to '" .. name .. "'", call, (table.unpack or unpack)(arguments))
			end
		end
		raises("bad argument #1 to 'find'", find)
		raises("invalid option 'nil'", traffic_of, (table.unpack or unpack)(good))
		raises("invalid option 'all'", traffic_of, 4, "udp", "127.0.0.1", 1, "127.0.0.2", 2, "all")
		raises("bad argument #3 to 'find'", find, 6, "udp", "127.0.0.1", 1, "::1", 2)
	end)
end)

-- ---- other protocols ----------------------------------------------------------

local PING = [[
import subprocess
done = subprocess.run(%q.split(), stdout=subprocess.DEVNULL)
tell(str(done.returncode))
]]

case("ping: unpacked, its connection found, judged", function()
	with({}, [[
seen = {}
function target(pkt)
	local kind, code, _, id, sequence = pkt:unpack(">BBHHH", 21)
	seen[#seen + 1] = { kind = kind, id = pkt:connid() }
	return kind == 8 and sequence == 2 and "drop" or "accept"
end
]], function(session, env, told)
		assert(session:target(QUEUE, "main", "target", { go_on = GO_ON }))
		run "iptables -A INPUT -m conntrack --ctstate INVALID -j ACCEPT"
		place.rules(session, QUEUE, "OUTPUT", "-p icmp")
		equal(traffic.finish(session, traffic.python(PING:format "ping -n -c 1 127.0.0.1")), "0")
		equal(#env.seen, 2)
		equal(env.seen[1].kind, 8)
		equal(env.seen[2].kind, 0)
		equal(type(env.seen[2].id), "number")
		equal(traffic.finish(session, traffic.python(PING:format "ping -n -c 2 -i 0.2 -W 1 127.0.0.1")), "0")
		equal(#env.seen, 5)
		equal(#told, 0)
	end)
end)

case("IPv6", function()
	with({}, [[
function target(pkt)
	assert(pkt:unpack("B") >= 0x60)
	id = pkt:connid() or id
	return pkt:unpack("c4", 49) == "drop" and "drop" or "more"
end
]], function(session, env, told)
		assert(session:target(QUEUE, "main", "target", { go_on = GO_ON }))
		run "ip6tables -A INPUT -m conntrack --ctstate INVALID -j ACCEPT"
		place.rules(session, QUEUE, "OUTPUT", "-p udp --dport " .. PORT, nil, "ip6tables")
		equal(traffic.finish(session, traffic.udp6(PORT, 2, "pass", "drop", "pass")), "pass pass")
		equal(env.conn.find(6, "udp", "::1", PORT + 1, "::1", PORT), env.id)
		equal(#told, 0)
	end)
end)

case("a large packet is seen whole", function()
	with_target([[
function target(pkt)
	size = pkt:unpack(">H", 3)
	last = pkt:unpack("B", size)
	return "accept"
end
]], function(session, env)
		local path = traffic.udp(PORT, 1, ("x"):rep(30000))
		equal(#traffic.finish(session, path), 30000)
		equal(env.size, 30028)
		equal(env.last, 120)
	end)
end)

-- ---- memories of the rock -----------------------------------------------------

case("the rock `memory` is preferred where it is installed", function()
	local calls = {}
	local double = setmetatable({}, { __index = function(_, name)
		calls[name] = true
		return memory[name]
	end })
	package.loaded.memory = double
	with_target("function target(pkt) m = memory.create(4) pkt:copybytes(m, -4) return 'accept' end",
		function(session, env)
			equal(session.memory, double)
			equal(arrived(session, 1, "text"), "text")
			equal(env.memory, double)
			equal(env.require "memory", double)
			equal(env.m:tostring(), "text")
			equal(calls.fill and calls.type and calls.len, true)
		end)
	package.loaded.memory = nil
end)

check.finish()
