-- SPDX-License-Identifier: MIT
-- NFLua's vocabulary in user space: scripts whose functions judge packets of queues.
--
--     local nflua = require "nflua"
--     local session = assert(nflua.open())
--     assert(session:create("main"))
--     assert(session:execute("main", "function target(pkt) return 'drop' end"))
--     assert(session:target(5, "main", "target", { go_on = 0x1 }))
--     print(table.concat(session:rules(5, "FORWARD", "-p tcp"), "\n"))
--     session:run()
--
-- README.md says how states, rules and results map; doc/migration.md what differs.

local nfbind = require "nfbind"
local netlink = require "nflua.netlink"
local packets = require "nflua.packet"
local rules = require "nflua.rules"
local states = require "nflua.state"
local timers = require "nflua.timer"

local nflua = {}
local Session = {}
Session.__index = Session

local check_options, known_options, pick = rules.check_options, rules.known_options, rules.pick
local bits_of, without, check_mark = rules.bits_of, rules.without, rules.check_mark

local FOREVER = -1
-- Milliseconds of a wait; then Lua looks whether there was a signal.
local A_WHILE = 500
local EINTR, EAGAIN, EINVAL, EOPNOTSUPP, ESHUTDOWN, ECANCELED = 4, 11, 22, 95, 108, 125
local NOW = nfbind.VERDICT_NOW
local DEFAULTS = { drop = nfbind.VERDICT_DROP, accept = nfbind.VERDICT_ACCEPT }

-- What open takes: for the queues, for all sockets, and for nflua itself.
local BIND_OPTIONS = { "maxlen", "fail_open", "age_limit", "gso", "conntrack", "default_verdict" }
local QUEUE_OPTIONS = { "maxlen", "fail_open", "age_limit", "gso", "conntrack", "receive_buffer" }
local PLACE_OPTIONS = { "netns_path", "netns_pid", "netns_fd" }
local OWN_OPTIONS = { "default", "reply_mark", "frame", "netlink", "tell" }

-- ---- sessions -----------------------------------------------------------------

local function tell_on_stderr(text)
	io.stderr:write("nflua: ", text, "\n")
end

function nflua.open(options)
	options = options or {}
	check_options(options, known_options(QUEUE_OPTIONS, PLACE_OPTIONS, OWN_OPTIONS), "open")
	local default = DEFAULTS[options.default or "drop"]
	if not default then
		error("bad argument to 'open' (default is neither 'drop' nor 'accept')", 2)
	elseif options.frame ~= nil and options.frame ~= "source" then
		error("bad argument to 'open' (frame can be 'source' only)", 2)
	elseif options.reply_mark then
		check_mark(options.reply_mark, "reply_mark")
	end
	local datagrams, text, code = netlink.open(options.netlink, pick(options, PLACE_OPTIONS))
	if not datagrams and text then
		return nil, text, code
	end
	local place = pick(options, PLACE_OPTIONS)
	place.receive_buffer = options.receive_buffer
	local queue, message, errno = nfbind.queue({}, place)
	if not queue then
		return nil, message, errno
	end
	place.receive_buffer = nil
	local has_rock, rock = pcall(require, "memory")
	local session = setmetatable({ queue = queue, states = {}, callbacks = {}, timers = {}, place = place,
		bind_options = pick(options, QUEUE_OPTIONS), memory = has_rock and rock or require "nflua.memory",
		frame_of_source = options.frame == "source", reply_mark = options.reply_mark, datagrams = datagrams,
		tell_with = options.tell or tell_on_stderr }, Session)
	session.bind_options.default_verdict = default
	return session
end

function Session:close()
	self.is_stopped, self.is_closed = true, true
	self.timers = {}
	for _, name in ipairs { "queue", "conntrack", "injector", "datagrams" } do
		if self[name] then
			self[name]:close()
		end
	end
end

-- Errors of scripts and what else nobody asked for; a `tell` that fails is no reason to stop.
function Session:tell(text)
	pcall(self.tell_with, text)
end

function Session:get_conntrack()
	if not self.conntrack then
		local conntrack, message, errno = nfbind.conntrack(self.place)
		if not conntrack then
			return nil, message, errno
		end
		self.conntrack = conntrack
	end
	return self.conntrack
end

-- What packets of our own carry: unless told otherwise, all bits that mean "was asked".
local function reply_mark(session)
	if session.reply_mark then
		return session.reply_mark
	end
	local mark = 0
	for _, callback in pairs(session.callbacks) do
		mark = without(mark, bits_of(callback.on_error)) + callback.on_error
	end
	return mark
end

function Session:get_injector()
	local mark = reply_mark(self)
	if self.injector and self.injector_mark ~= mark then
		self.injector:close()
		self.injector = nil
	end
	if not self.injector then
		local options = pick(self.place, PLACE_OPTIONS)
		options.mark = mark > 0 and mark or nil
		local injector, message, errno = nfbind.injector(options)
		if not injector then
			return nil, message, errno
		end
		self.injector, self.injector_mark = injector, mark
	end
	return self.injector
end

-- ---- states -------------------------------------------------------------------

local function state_of(session, name, caller)
	local state = session.states[name]
	if not state then
		error(("bad argument #1 to '%s' (no state '%s')"):format(caller, tostring(name)), 3)
	end
	return state
end

function Session:create(name)
	if type(name) ~= "string" then
		error(("bad argument #1 to 'create' (string expected, got %s)"):format(type(name)), 2)
	elseif self.states[name] then
		return nil, ("there is a state '%s' already"):format(name), 17
	end
	self.states[name] = states.environment(self, name)
	return true
end

-- Its queues are unbound: what they have undecided is dropped by the kernel.
function Session:destroy(name)
	state_of(self, name, "destroy")
	timers.forget(self.timers, name)
	for number, callback in pairs(self.callbacks) do
		if callback.state == name then
			self.callbacks[number] = nil
			self.queue:unbind(number)
		end
	end
	self.states[name] = nil
	return true
end

function Session:list()
	local names = {}
	for name in pairs(self.states) do
		names[#names + 1] = name
	end
	table.sort(names)
	return names
end

-- Call what belongs to a script: its result, or nothing and the error is told. Ctrl-C is an
-- error of Lua too, but not the script's.
local function guarded(session, where, call)
	local done, result = xpcall(call, function(message)
		local described, text = pcall(tostring, message)
		text = described and text or "an error that cannot be described"
		if text:find("interrupted!$") then
			session.interrupted = text
		end
		return text
	end)
	if done then
		return true, result
	end
	session:tell(where .. ": " .. tostring(result))
	return false, result
end

-- Run code in a state; functions that it defines are there from then on.
function Session:execute(name, code, chunk)
	local env = state_of(self, name, "execute")
	if type(code) ~= "string" then
		error(("bad argument #2 to 'execute' (string expected, got %s)"):format(type(code)), 2)
	end
	local loaded, message = states.load(env, code, chunk or "=" .. name)
	if not loaded then
		return nil, message, EINVAL
	end
	local done
	done, message = pcall(loaded)
	if not done then
		return nil, tostring(message), EINVAL
	end
	return true
end

function Session:execute_file(name, path)
	state_of(self, name, "execute_file")
	local file, message, errno = io.open(path)
	if not file then
		return nil, message, errno
	end
	local code = file:read("*a")
	file:close()
	if not code then
		return nil, path .. ": it cannot be read", EINVAL
	end
	return self:execute(name, (code:gsub("^#[^\n]*", "")), "@" .. path)
end

-- ---- callbacks ----------------------------------------------------------------

-- Packets carry their connection where the kernel can have them do so.
local function bind(session, number)
	local options = pick(session.bind_options, BIND_OPTIONS)
	if options.conntrack == nil then
		options.conntrack = true
		local done, message, errno = session.queue:bind(number, options)
		if done or errno ~= EOPNOTSUPP then
			return done, message, errno
		end
		options.conntrack = false
	end
	return session.queue:bind(number, options)
end

local function register(session, number, name, callback)
	state_of(session, name, callback.kind)
	if type(callback.name) ~= "string" then
		error(("bad argument #3 to '%s' (string expected, got %s)"):format(callback.kind,
			type(callback.name)), 3)
	end
	local done, message, errno = bind(session, number)
	if not done then
		return nil, message, errno
	end
	callback.state, callback.bits = name, bits_of(callback.mask)
	callback.where = ("%s '%s' of state '%s', queue %d"):format(callback.kind, callback.name, name, number)
	session.callbacks[number] = callback
	return true
end

-- The function `name` of the state judges the packets of a queue. Bits `go_on` of the mark
-- mean that a packet was asked about and continues; `to` is the queue of the result "queue".
function Session:target(number, state, name, options)
	check_options(options or {}, { go_on = true, to = true }, "target")
	local go_on = check_mark((options or {}).go_on, "go_on")
	local to = options.to or number ~= 0 and 0 or nil
	if to == number then
		error("bad argument to 'target' (packets would come back: `to` is the queue itself)", 2)
	end
	return register(self, number, state, { kind = "target", name = name, mask = go_on, on_error = go_on, to = to })
end

-- The function's result becomes the bits `yes` or `no` of the mark, for the rules behind.
function Session:match(number, state, name, options)
	check_options(options or {}, { yes = true, no = true }, "match")
	local mask = rules.check_bits_of_match(options or {})
	return register(self, number, state, { kind = "match", name = name, mask = mask, yes = options.yes,
		on_error = options.no })
end

nflua.rules = rules.lines

-- Those of a queue that has its callback.
function Session:rules(number, chain, select, jump, program)
	local callback = self.callbacks[number]
	if not callback then
		error(("bad argument #1 to 'rules' (queue %s has no callback)"):format(tostring(number)), 2)
	end
	local is_match = callback.kind == "match"
	return nflua.rules { queue = number, chain = chain, select = select, jump = jump, program = program,
		go_on = not is_match and callback.on_error or nil, yes = callback.yes, no = is_match and callback.on_error or nil }
end

-- The packet passes its chain again, with these bits, past the rule that queued it.
local function mark_and_repeat(callback, queued, bits)
	local mark = without(queued.mark or 0, callback.bits) + bits
	queued.mark = mark
	return nfbind.VERDICT_REPEAT
end

local function verdict_of_match(session, callback, queued, done, result)
	if done and result == "hotdrop" then
		return nfbind.VERDICT_DROP
	elseif done and type(result) ~= "boolean" then
		session:tell(("%s: it returned %s, neither a boolean nor 'hotdrop'"):format(callback.where,
			type(result) == "string" and ("%q"):format(result) or type(result)))
	end
	return mark_and_repeat(callback, queued, done and result == true and callback.yes or callback.on_error)
end

local VERDICTS = { drop = nfbind.VERDICT_DROP, accept = nfbind.VERDICT_ACCEPT, stop = nfbind.VERDICT_STOP,
	["repeat"] = nfbind.VERDICT_REPEAT }

-- nil: the packet is the script's now.
local function verdict_of_target(session, callback, queued, done, result, packet)
	if done and result == "stolen" then
		local kept, message = packets.steal(packet)
		if kept then
			return nil
		end
		session:tell(callback.where .. ": the packet cannot be stolen: " .. message)
	elseif done and result == "queue" and callback.to then
		return nfbind.verdict_to_queue(callback.to, 0)
	elseif done and result == "queue" then
		session:tell(callback.where .. ": no queue was named for the result 'queue'")
	elseif done and VERDICTS[result] then
		return VERDICTS[result]
	end
	return mark_and_repeat(callback, queued, callback.on_error)
end

-- The function is looked up each time: a script may be executed again.
local function call_script(session, callback, packet)
	return guarded(session, callback.where, function()
		local called = session.states[callback.state][callback.name]
		if called == nil then
			error("there is no such function", 0)
		end
		return (called(packet))
	end)
end

-- A packet always gets its verdict, whatever the script did.
local function judge(session, queued)
	local callback = session.callbacks[queued.queue]
	if not callback then
		return queued:verdict(nfbind.VERDICT_DROP + NOW)
	end
	local packet = packets.open(session, queued)
	local done, result = call_script(session, callback, packet)
	local verdict_of = callback.kind == "match" and verdict_of_match or verdict_of_target
	local verdict = verdict_of(session, callback, queued, done, result, packet)
	if not verdict then
		return true
	end
	guarded(session, callback.where, function() packets.end_frame(packet) end)
	packets.close(packet)
	return queued:verdict(verdict + NOW)
end

-- ---- the loop -----------------------------------------------------------------

local NOTICES = {}
for _, kind in ipairs { "REFUSED", "LOST", "EXPIRED", "MALFORMED", "SPOOFED", "OVERFLOW" } do
	NOTICES[nfbind["NOTICE_" .. kind]] = kind:lower()
end

local function tell_notices(session)
	for notice in session.queue:notices() do
		session:tell(("%s: %d, queue %d, packet %d%s"):format(NOTICES[notice.kind] or "notice", notice.count,
			notice.queue, notice.id, notice.error ~= 0 and ", " .. nfbind.error_name(notice.error) or ""))
	end
end

local function judge_all(session, batch)
	for i = 1, #batch do
		local done, message = judge(session, batch[i])
		if not done then
			session:tell("a verdict was refused: " .. tostring(message))
		end
		if session.interrupted then
			return
		end
	end
end

local function run_timers(session)
	timers.run(session.timers, function(callback, state)
		guarded(session, ("timer of state '%s'"):format(state), callback)
	end)
end

-- Wait for packets or a timer, at most so many milliseconds (-1: no limit), and serve them.
function Session:step(timeout)
	timeout = timeout or FOREVER
	local next_timer = timers.wait(self.timers)
	if next_timer and (timeout < 0 or next_timer < timeout) then
		timeout = next_timer
	end
	local batch, message, errno = self.queue:receive(timeout)
	if batch then
		judge_all(self, batch)
	elseif errno and errno ~= EAGAIN and errno ~= EINTR and errno ~= ECANCELED then
		return nil, message, errno
	end
	run_timers(self)
	if not self.is_stopped then
		tell_notices(self)
	end
	if self.interrupted then
		error(self.interrupted, 0)
	end
	return true
end

-- Until stop or close: true; or nil, message, errno.
function Session:run()
	while not self.is_stopped do
		local done, message, errno = self:step(A_WHILE)
		if not done then
			if errno == ESHUTDOWN then
				break
			end
			return nil, message, errno
		end
	end
	self.is_stopped = self.is_closed
	return true
end

-- End the loop, when the packets at hand are served.
function Session:stop()
	self.is_stopped = true
	self.queue:wake()
end

-- For loops of others: readable when step(0) has something to do, at the latest after
-- that many milliseconds (nil: no timer waits).
function Session:fd()
	return self.queue:get_fd(), timers.wait(self.timers)
end

-- Milliseconds of the clock that timers go by.
nflua.now = timers.now

-- ---- all at once --------------------------------------------------------------

local RUN_OPTIONS = { "scripts", "code", "target", "match", "go_on", "to", "yes", "no", "ready" }

-- { [queue] = "name" }, { [queue] = { "name", go_on = bits } }, or just a queue, whose function
-- has the callback's name.
local function each_queue(value, kind)
	local numbers = type(value) == "number" and { [value] = kind } or value or {}
	local number
	return function()
		local entry
		number, entry = next(numbers, number)
		local own = type(entry) == "table" and entry or {}
		return number, own[1] or entry, own
	end
end

local function set_up(session, options)
	assert(session:create("main"))
	for _, path in ipairs(options.scripts or {}) do
		assert(session:execute_file("main", path))
	end
	if options.code then
		assert(session:execute("main", options.code))
	end
	for number, name, own in each_queue(options.target, "target") do
		assert(session:target(number, "main", name, { go_on = own.go_on or options.go_on, to = own.to or options.to }))
	end
	for number, name, own in each_queue(options.match, "match") do
		assert(session:match(number, "main", name, { yes = own.yes or options.yes, no = own.no or options.no }))
	end
	if options.ready then
		options.ready(session)
	end
end

-- Scripts in one state, their queues, and the loop. Options are those of open, and
-- `scripts`, `code`, `target`, `match`, `go_on`, `to`, `yes`, `no`, `ready`.
function nflua.run(options)
	check_options(options, known_options(QUEUE_OPTIONS, PLACE_OPTIONS, OWN_OPTIONS, RUN_OPTIONS), "run")
	local session, message, errno = nflua.open(pick(options, (function()
		local names = {}
		for name in pairs(known_options(QUEUE_OPTIONS, PLACE_OPTIONS, OWN_OPTIONS)) do
			names[#names + 1] = name
		end
		return names
	end)()))
	if not session then
		return nil, message, errno
	end
	local done, result, text, code = pcall(function()
		set_up(session, options)
		return session:run()
	end)
	session:close()
	if not done then
		error(result, 0)
	end
	return result, text, code
end

return nflua
