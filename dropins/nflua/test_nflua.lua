-- SPDX-License-Identifier: MIT
-- NFLua's documented vocabulary on real traffic, and what goes wrong in scripts. The rules
-- are those that the module prints.

local check = require "check"
check.enter_namespace(1, 1)

local nflua = require "nflua"
local place = require "place"
local traffic = require "traffic"
local case, equal, raises, refused = check.case, check.equal, check.raises, check.refused
local EINVAL, EBUSY, ENOENT, EEXIST, ESHUTDOWN = 22, 16, 2, 17, 108
local EPROTONOSUPPORT, ECONNREFUSED = 93, 111
local QUEUE, PORT = 5, 9000
local GO_ON, YES, NO = 0x100, 0x200, 0x400

local run, with, rules, arrived, TEXT = traffic.run, place.with, place.rules, place.arrived, place.TEXT

-- One callback on the UDP packets to the port.
local function with_target(script, body, options)
	with(options or {}, script, function(session, env, told)
		assert(session:target(QUEUE, "main", "target", { go_on = GO_ON, to = QUEUE + 1 }))
		rules(session, QUEUE, "OUTPUT", "-p udp --dport " .. PORT)
		body(session, env, told)
	end)
end

local function with_match(script, body)
	with({}, script, function(session, env, told)
		assert(session:match(QUEUE, "main", "match", { yes = YES, no = NO }))
		rules(session, QUEUE, "OUTPUT", "-p udp --dport " .. PORT, "DROP")
		body(session, env, told)
	end)
end

-- ---- callbacks ----------------------------------------------------------------

case("the document's callbacks", function()
	local script = "function target(pkt)\n\treturn 'drop'\nend\nfunction match(pkt)\n\treturn true\nend"
	for _, use in ipairs { with_target, with_match } do
		local kind = use == with_target and "target" or "match"
		use(script, function(session, env)
			local documented, seen = env[kind], 0
			env[kind] = function(pkt)
				seen = seen + 1
				return documented(pkt)
			end
			local path = traffic.udp(PORT, 1, "1", "2", "pause", "end")
			traffic.wait(session, function() return seen == 2 end)
			env[kind] = function() return false end
			traffic.go_on(path)
			equal(traffic.finish(session, path), "end")
		end)
	end
end)

case("each result of a target", function()
	with_target(TEXT .. "function target(pkt) return text(pkt) end\nfunction other(pkt) return 'accept' end",
		function(session, _, told)
			assert(session:target(QUEUE + 1, "main", "other", { go_on = GO_ON * 2 }))
			run("iptables -A OUTPUT -p udp --dport %d -j DROP", PORT)
			local words = {}
			for word in arrived(session, 4, "drop", "accept", "stop", "queue", "continue", "what", "accept"):gmatch "%w+" do
				words[#words + 1] = word
			end
			table.sort(words)
			equal(table.concat(words, " "), "accept accept queue stop")
			equal(#told, 0)
		end)
end)

case("continue goes on behind the rule, whatever the value", function()
	with_target("calls = 0\nfunction target(pkt) calls = calls + 1\n" ..
		"return ({ 5, true, {}, print, 'DROP', false })[calls] end", function(session, env, told)
		run("iptables -A OUTPUT -p udp --dport %d -m mark --mark 0x%x/0x%x -j MARK --set-mark 7", PORT, GO_ON, GO_ON)
		run("iptables -A OUTPUT -p udp --dport %d -m mark ! --mark 7 -j DROP", PORT)
		equal(arrived(session, 7, "1", "2", "3", "4", "5", "6", "end"), "1 2 3 4 5 6 end")
		equal(env.calls, 7)
		equal(#told, 0)
	end)
end)

case("repeat asks again", function()
	with_target(TEXT .. "calls = 0\nfunction target(pkt) calls = calls + 1\n" ..
		"return calls < 5 and 'repeat' or 'accept' end", function(session, env)
		equal(arrived(session, 1, "end"), "end")
		equal(env.calls, 5)
	end)
end)

case("a match's result is in the mark, beside the bits of others", function()
	with_match(TEXT .. "function match(pkt) local t = text(pkt)\n" ..
		"if t == 'hotdrop' then return t end return t == 'yes' end", function(session, _, told)
		run "iptables -I OUTPUT -j MARK --or-mark 0x10000"
		run("iptables -A OUTPUT -p udp --dport %d -m mark ! --mark 0x%x -j DROP", PORT, 0x10000 + NO)
		equal(arrived(session, 3, "yes", "no", "hotdrop", "yes", "other", "end"), "no other end")
		equal(#told, 0)
	end)
end)

case("a match may only say yes, no and hotdrop", function()
	with_match("calls = 0\nfunction match(pkt) calls = calls + 1\n" ..
		"return ({ 1, 'drop', {}, 'true' })[calls] end", function(session, _, told)
		equal(arrived(session, 5, "1", "2", "3", "4", "5"), "1 2 3 4 5")
		equal(#told, 5)
		equal(told[2], "match 'match' of state 'main', queue 5: it returned \"drop\", neither a boolean nor 'hotdrop'")
		equal(told[5]:find("returned nil") ~= nil, true)
	end)
end)

-- ---- errors in scripts --------------------------------------------------------

local ERRORS = [[
local function deep() return 1 + deep() end
local errors = {
	function() error("on purpose") end,
	function() error({}) end,
	function() error(setmetatable({}, { __tostring = error })) end,
	function() error() end,
	function() deep() end,
	function() coroutine.yield() end,
	function() missing() end,
	function(pkt) pkt.unknown() end,
	function(pkt) pkt:unpack("f") end,
	function(pkt) pkt:close() end,
	function(pkt) pkt:send() end,
}
count = #errors
calls = 0
function judge(pkt)
	calls = calls + 1
	if errors[calls] then errors[calls](pkt) end
	return 'accept'
end
target = judge
function match(pkt) judge(pkt) return false end
]]

case("an error of a target is told, and its packet continues", function()
	with_target(ERRORS, function(session, env, told)
		local texts = {}
		for i = 1, env.count do
			texts[i] = tostring(i)
		end
		texts[#texts + 1] = "end"
		equal(arrived(session, #texts, (table.unpack or unpack)(texts)), table.concat(texts, " "))
		equal(#told, env.count)
		equal(told[1]:find("^target 'target' of state 'main', queue 5: main:3: on purpose") ~= nil, true)
	end)
end)

case("an error of a match is told, and is no match", function()
	with_match(ERRORS, function(session, env, told)
		local texts = {}
		for i = 1, env.count do
			texts[i] = tostring(i)
		end
		texts[#texts + 1] = "end"
		equal(arrived(session, #texts, (table.unpack or unpack)(texts)), table.concat(texts, " "))
		equal(#told, env.count)
	end)
end)

case("a function that is not there, and a teller that fails", function()
	with_target("function other() end", function(session, env, told)
		local tell = session.tell_with
		session.tell_with = function(text)
			tell(text)
			error("of the teller")
		end
		equal(arrived(session, 1, "end"), "end")
		equal(told[1], "target 'target' of state 'main', queue 5: there is no such function")
		assert(session:execute("main", "function target(pkt) return 'accept' end"))
		equal(arrived(session, 1, "again"), "again")
		equal(#told, 1)
		equal(type(env.other), "function")
	end)
end)

-- ---- timers -------------------------------------------------------------------

-- Run the loop until the state's variable `done` is set.
local function until_done(session, env)
	traffic.wait(session, function() return env.done end)
end

case("timers run once, in their order, and not early", function()
	with({}, [[
order = {}
local function note(name) return function() order[#order + 1] = name end end
timer.create(60, note "60")
timer.create(20, note "20a")
timer.create(20, note "20b")
timer.create(0, note "0")
local never = timer.create(30, note "never")
timer.destroy(never)
timer.destroy(never)
timer.create(120, function() done = true end)
]], function(session, env, told)
		local started = nflua.now()
		until_done(session, env)
		equal(nflua.now() - started >= 120, true)
		equal(table.concat(env.order, " "), "0 20a 20b 60")
		equal(session:step(0), true)
		equal(#env.order, 4)
		equal(#told, 0)
	end)
end)

case("a timer may make and destroy timers, itself among them", function()
	with({}, [[
count = 0
local mine, other
mine = timer.create(0, function()
	timer.destroy(mine)
	timer.destroy(other)
	local function again()
		count = count + 1
		if count == 50 then done = true else timer.create(0, again) end
	end
	again()
end)
other = timer.create(0, function() error("destroyed in time") end)
timer.create(0, function() error("of a timer") end)
]], function(session, env, told)
		until_done(session, env)
		equal(#told, 1)
		equal(told[1]:find("^timer of state 'main': main:%d+: of a timer") ~= nil, true)
	end)
end)

case("wrong arguments of timers are raised", function()
	with({}, "", function(_, env)
		for _, wrong in ipairs { -1, 1.5, 2 ^ 40, "10", {}, 0 / 0 } do
			raises("bad argument #1 to 'create'", env.timer.create, wrong, print)
		end
		raises("bad argument #1 to 'create'", env.timer.create)
		raises("function expected, got nil", env.timer.create, 1)
		for _, wrong in ipairs { 5, {}, "x", print } do
			raises("timer expected, got " .. type(wrong), env.timer.destroy, wrong)
		end
		raises("timer expected, got nil", env.timer.destroy)
	end)
end)

case("timers run while packets come, and packets while timers wait", function()
	with_target("ticks = 0\nlocal function tick() ticks = ticks + 1 timer.create(1, tick) end tick()\n" ..
		"function target(pkt) return 'accept' end", function(session, env)
		equal(arrived(session, 2, "a", "b"), "a b")
		traffic.wait(session, function() return env.ticks > 3 end)
	end)
end)

-- ---- netlink ------------------------------------------------------------------

local LISTENERS = [[
def listen(port, groups):
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 2)
    made.bind((port, groups))
    made.settimeout(50)
    return made
one, two, three = listen(4711, 0), listen(4712, 1 << 4), listen(4713, 1 << 31)
tell("ready")
path += "2"
got = [one.recv(100000), one.recv(100000), one.recv(100000), two.recv(100), two.recv(100), three.recv(100)]
tell(" ".join(piece.decode() if len(piece) < 100 else str(len(piece)) for piece in got))
]]

case("netlink.send reaches ports and groups", function()
	with({ netlink = 2 }, "", function(session, env)
		local path = traffic.python(LISTENERS)
		equal(traffic.finish(session, path), "ready")
		local send = env.netlink.send
		equal(send(4711, 0, "to one"), 6)
		equal(send(4711, 0x10, "one and two"), 11)
		equal(send(0, 0x80000010, env.memory.create "two and three"), 13)
		equal(send(4711, 0, ("x"):rep(60000)), 60000)
		refused(ECONNREFUSED, send(9999, 0, "nobody"))
		refused(ECONNREFUSED, send(0, 0, "nobody"))
		equal(send(0, 0x40, "a group of nobody"), 17)
		refused(EINVAL, send(4711, 0, ""))
		equal(traffic.finish(session, path .. "2"), "to one one and two 60000 one and two two and three two and three")
		for _, wrong in ipairs { -1, 1.5, 2 ^ 32, "1", {} } do
			raises("#1 to 'send'", send, wrong, 0, "x")
			raises("#2 to 'send'", send, 1, wrong, "x")
		end
		raises("string or memory expected, got nil", send, 1, 0)
		raises("string or memory expected, got table", send, 1, 0, {})
	end)
end)

case("netlink.send without a protocol says why it cannot", function()
	with({}, "", function(_, env)
		raises("NFLua's protocol is the kernel module's", env.netlink.send, 1, 0, "x")
	end)
	refused(EPROTONOSUPPORT, nflua.open { netlink = 200 })
	raises("the number of a protocol", nflua.open, { netlink = "usersock" })
end)

-- ---- states and sessions ------------------------------------------------------

case("states have variables of their own, and all of Lua's", function()
	with({}, "a = 1\nlocal t = require 'string'\nassert(t == string and _G.a == 1)\n" ..
		"assert(require 'conn' == conn and require 'timer' == timer and require 'memory' == memory)", function(session, env)
		assert(session:create("other"))
		assert(session:execute("other", "assert(a == nil) a = 2"))
		equal(env.a, 1)
		equal(rawget(_G, "a"), nil)
		equal(table.concat(session:list(), " "), "main other")
		refused(EEXIST, session:create("other"))
		equal(session:destroy("other"), true)
		raises("no state 'other'", session.execute, session, "other", "")
		raises("no state 'other'", session.destroy, session, "other")
		equal(table.concat(session:list(), " "), "main")
		refused(EINVAL, session:execute("main", "this is no Lua"))
		equal(refused(EINVAL, session:execute("main", "error('on purpose', 0)")), "on purpose")
		refused(EINVAL, session:execute("main", string.dump(function() end)))
		refused(ENOENT, session:execute_file("main", "/nonexistent"))
		raises("string expected, got nil", session.execute, session, "main")
		raises("string expected, got nil", session.create, session)
	end)
end)

case("a state's end is that of its timers and callbacks", function()
	with_target("timer.create(0, function() error('of a state that is gone') end)", function(session, _, told)
		session:destroy("main")
		assert(session:step(0))
		equal(#told, 0)
		raises("queue 5 has no callback", session.rules, session, QUEUE, "OUTPUT")
		assert(session:create("main"))
		assert(session:execute("main", "function target(pkt) return 'accept' end"))
		assert(session:target(QUEUE, "main", "target", { go_on = GO_ON }))
		equal(arrived(session, 1, "new"), "new")
	end)
end)

case("the rules are what was chosen", function()
	with({}, "", function(session)
		assert(session:target(7, "main", "x", { go_on = 0x30 }))
		assert(session:match(8, "main", "y", { yes = 0x80000000, no = 0x40000000 }))
		equal(table.concat(session:rules(7, "FORWARD"), "\n"),
			"iptables -A FORWARD -m mark --mark 0x0/0x30 -j NFQUEUE --queue-num 7")
		equal(table.concat(session:rules(8, "INPUT", "-p tcp", "LOG", "ip6tables"), "\n"),
			"ip6tables -A INPUT -p tcp -m mark --mark 0x0/0xc0000000 -j NFQUEUE --queue-num 8\n" ..
			"ip6tables -A INPUT -p tcp -m mark --mark 0x80000000/0xc0000000 -j LOG")
	end)
end)

case("wrong registrations are raised or refused", function()
	with({}, "", function(session)
		local other = assert(nflua.open())
		raises("go_on: bits of the packet mark are wanted", session.target, session, 5, "main", "x")
		for _, wrong in ipairs { 0, -1, 1.5, 2 ^ 32, "1", {} } do
			raises("go_on: bits", session.target, session, 5, "main", "x", { go_on = wrong })
			raises("yes: bits", session.match, session, 5, "main", "x", { yes = wrong, no = 1 })
		end
		raises("share bits", session.match, session, 5, "main", "x", { yes = 3, no = 1 })
		raises("no option 'going'", session.target, session, 5, "main", "x", { going = 1 })
		raises("packets would come back", session.target, session, 5, "main", "x", { go_on = 1, to = 5 })
		raises("no state 'none'", session.target, session, 5, "none", "x", { go_on = 1 })
		raises("string expected, got nil", session.target, session, 5, "main", nil, { go_on = 1 })
		raises("from 0 to 65535", session.target, session, 70000, "main", "x", { go_on = 1 })
		assert(session:target(5, "main", "x", { go_on = 1 }))
		refused(EBUSY, session:target(5, "main", "x", { go_on = 1 }))
		assert(other:create("main"))
		refused(EBUSY, other:target(5, "main", "x", { go_on = 1 }))
		other:close()
		refused(ESHUTDOWN, other:target(6, "main", "x", { go_on = 1 }))
		raises("no option 'queue'", nflua.open, { queue = 5 })
		raises("neither 'drop' nor 'accept'", nflua.open, { default = "continue" })
		raises("'source' only", nflua.open, { frame = "all" })
		raises("reply_mark: bits", nflua.open, { reply_mark = -1 })
		raises("table expected", nflua.open, 5)
		refused(ENOENT, nflua.open { netns_path = "/nonexistent" })
	end)
end)

case("a queue for 'queue' that nobody named is an error that is told", function()
	with({}, "function target() return 'queue' end", function(session, _, told)
		assert(session:target(0, "main", "target", { go_on = GO_ON }))
		rules(session, 0, "OUTPUT", "-p udp --dport " .. PORT)
		equal(arrived(session, 1, "end"), "end")
		equal(told[1]:find("no queue was named") ~= nil, true)
	end)
end)

case("the loop ends with stop, and goes on when it is called again", function()
	with_target("function target(pkt) return 'accept' end", function(session, env)
		env.timer.create(10, function() session:stop() end)
		equal(session:run(), true)
		local documented = env.target
		env.target = function(pkt)
			session:stop()
			return documented(pkt)
		end
		local path = traffic.udp(PORT, 1, "end")
		equal(session:run(), true)
		equal(traffic.finish(session, path), "end")
		env.timer.create(5000, print)
		local fd, wait = session:fd()
		equal(type(fd), "number")
		equal(wait > 0 and wait <= 5010, true)
		session:close()
		session:close()
		equal(session:run(), true)
		refused(ESHUTDOWN, session:step(0))
	end)
end)

case("run does all at once", function()
	local path = os.tmpname()
	local file = assert(io.open(path, "w"))
	file:write("#!/usr/bin/env nflua\nfunction match(pkt) return false end\nfunction second(pkt) return 'accept' end\n")
	file:close()
	local sent
	equal(nflua.run { scripts = { path }, match = QUEUE, target = { [QUEUE + 1] = { "second", go_on = GO_ON * 2 } },
		code = "function target() end", yes = YES, no = NO, go_on = GO_ON, ready = function(session)
			rules(session, QUEUE, "OUTPUT", "-p udp --dport " .. PORT, "DROP")
			rules(session, QUEUE + 1, "OUTPUT", "-p udp --dport " .. PORT)
			sent = traffic.udp(PORT, 2, "1", "2")
			local own, seen = session.states.main.second, 0
			session.states.main.second = function(pkt)
				seen = seen + 1
				if seen == 2 then session:stop() end
				return own(pkt)
			end
		end }, true)
	local other = assert(nflua.open())
	equal(traffic.finish(other, sent), "1 2")
	other:close()
	run "iptables -F"
	os.remove(path)
	raises("no option 'script'", nflua.run, { script = "x" })
	raises("No such file", nflua.run, { scripts = { "/nonexistent" } })
	raises("go_on: bits", nflua.run, { code = "", target = 5 })
end)

case("rules are printed without a session, too", function()
	equal(table.concat(nflua.rules { queue = 5, chain = "FORWARD", go_on = 1 }, "\n"),
		"iptables -A FORWARD -m mark --mark 0x0/0x1 -j NFQUEUE --queue-num 5")
	equal(#nflua.rules { queue = 5, chain = "FORWARD", yes = 1, no = 2 }, 2)
	raises("go_on: bits", nflua.rules, { queue = 5, chain = "FORWARD" })
	raises("no: bits", nflua.rules, { queue = 5, chain = "FORWARD", yes = 1 })
	raises("share bits", nflua.rules, { queue = 5, chain = "FORWARD", yes = 1, no = 1 })
	raises("queue and chain", nflua.rules, { chain = "FORWARD", go_on = 1 })
	raises("no option 'go on'", nflua.rules, { ["go on"] = 1 })
end)

local PROGRAM = ("%s %sbin/nflua"):format(arg[-1], arg[0]:gsub("[^/]*$", ""))

-- What the program prints, and its status.
local function output_of(words)
	local pipe = io.popen(("%s %s 2>&1; echo $?"):format(PROGRAM, words))
	local text, status = pipe:read("*a"):match("^(.-)(%d+)\n$")
	pipe:close()
	return text, tonumber(status)
end

case("the program prints rules, and says what is wrong", function()
	local text, status = output_of "--rules FORWARD --select '-p tcp' --target 5 --go-on 0x100"
	equal(text, "iptables -A FORWARD -p tcp -m mark --mark 0x0/0x100 -j NFQUEUE --queue-num 5\n")
	equal(status, 0)
	text, status = output_of "--rules FORWARD --match 6 --yes 1 --no 2 --jump LOG --program ip6tables"
	equal(text:find("ip6tables -A FORWARD -m mark --mark 0x1/0x3 -j LOG\n", 1, true) ~= nil, true)
	equal(status, 0)
	for words, part in pairs { [""] = "a script and a queue", ["--target"] = "wants a value", ["--go-on x"] = "a number",
		["--target x"] = "a queue is wanted", ["--verbose 5"] = "no option", ["x"] = "a script and a queue" } do
		text, status = output_of(words)
		equal(text:find(part, 1, true) ~= nil, true)
		equal(status, 2)
	end
	text, status = output_of "--target 5 --go-on 1 /nonexistent"
	equal(text:find("No such file") ~= nil, true)
	equal(status, 1)
	text, status = output_of "--help"
	equal(text:find("^usage: nflua") ~= nil, true)
	equal(status, 0)
end)

case("the program judges packets until Ctrl-C", function()
	local script = os.tmpname()
	local file = assert(io.open(script, "w"))
	file:write("#!/usr/bin/env nflua\n" .. TEXT .. "function target(pkt) return text(pkt) end\n")
	file:close()
	local words = ("--target %d --go-on 0x100 %s"):format(QUEUE, script)
	run("%s --rules OUTPUT --select '-p udp --dport %d' %s | sh -e", PROGRAM, PORT, words)
	-- A shell's children in the background ignore Ctrl-C.
	local path = traffic.python(([[
import signal, subprocess
program = subprocess.Popen(%q.split(), stderr=subprocess.PIPE,
                           preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
line = program.stderr.readline().decode()
here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
here.bind(("127.0.0.1", %d))
here.settimeout(50)
for text in [b"accept", b"drop", b"stop"]:
    here.sendto(text, ("127.0.0.1", %d))
line += here.recv(100).decode() + here.recv(100).decode()
program.send_signal(signal.SIGINT)
tell(line + str(program.wait()))
]]):format(PROGRAM .. " " .. words, PORT, PORT))
	local idle = assert(nflua.open())
	equal(traffic.finish(idle, path), "nflua: ready\nacceptstop130")
	idle:close()
	run "iptables -F"
	os.remove(script)
end)

case("Ctrl-C ends the loop, in a script, too", function()
	-- What LuaJIT compiled looks at no signal.
	for _, code in ipairs { "", "if jit then jit.off() end timer.create(0, function() while true do end end)" } do
		local path = os.tmpname()
		local file = assert(io.open(path, "w"))
		file:write(("require 'nflua'.run { code = %q, target = 77, go_on = 1 }\n"):format(code))
		file:close()
		local status = { os.execute("timeout -k 20 -s INT 1 " .. arg[-1] .. " " .. path .. " 2>/dev/null") }
		os.remove(path)
		-- 124 is what timeout says when it had to send the signal; 137, when that did not help.
		equal(status[3] or status[1] / 256, 124)
	end
end)

check.finish()
