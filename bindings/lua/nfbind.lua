-- SPDX-License-Identifier: MIT
-- nfbind for Lua: packets from NFQUEUE and verdicts back, connections, expectations,
-- events, and helpers of connection tracking.
--
--     local nfbind = require "nfbind"
--     local queue = assert(nfbind.queue(5, { fail_open = true }))
--     for packet in queue:packets() do packet:accept() end
--
-- The objects and their methods are generated from the C headers; this file adds what
-- is Lua's own: sessions that are open when they are made, and iterators. Fields are
-- read and written as `packet.mark` or `packet["ip-src"]`; an absent one is nil. What
-- the library refuses is `nil, message, errno`, which suits assert(); an iterator has
-- no place for that, and raises the message.

local core = require "nfbind.core"

local nfbind = {}
for name, value in pairs(core) do
	if name ~= "methods" and name ~= "bound" then
		nfbind[name] = value
	end
end

local methods = core.methods
-- Milliseconds of a wait. A signal that comes just before it does not end it, and Lua's own
-- handler is heard only when Lua runs again.
local A_WHILE = 500
-- The same numbers on all of Linux.
local EINTR, ESHUTDOWN, ECANCELED = 4, 108, 125

-- A session that is open, or `nil, message, errno`.
local function open(session, options)
	local done, message, errno = session:open(options)
	if not done then
		session:free()
		return nil, message, errno
	end
	return session
end

-- A queue session with these queues bound: a number, or a list of numbers.
function nfbind.queue(numbers, options)
	local queue, message, errno = open(core.queue(), options)
	if not queue then
		return nil, message, errno
	end
	for _, number in ipairs(type(numbers) == "table" and numbers or { numbers }) do
		local done
		done, message, errno = queue:bind(number, options)
		if not done then
			queue:free()
			return nil, message, errno
		end
	end
	return queue
end

function nfbind.conntrack(options)
	return open(core.conntrack(), options)
end

function nfbind.injector(options)
	return open(core.injector(), options)
end

-- A session for what one of the filters lets through: all events where none is given.
function nfbind.events(options, ...)
	local events = core.events()
	for _, filter in ipairs { ... } do
		local done, message, errno = events:add_filter(filter)
		if not done then
			events:free()
			return nil, message, errno
		end
	end
	return open(events, options)
end

-- Run the helper that the record describes; its packets come from `helper:get_queue()`.
function nfbind.helper(record, options)
	local helper = core.helper()
	local done, message, errno = helper:open(record, options)
	if not done then
		helper:free()
		return nil, message, errno
	end
	return helper
end

-- What is received, until the session is closed or woken. A signal ends the wait in C, so
-- that Lua may look whether somebody pressed Ctrl-C, and is no reason to stop.
local function rounds(self)
	return function()
		while true do
			local got, message, errno = self:receive(A_WHILE)
			if got then
				return got
			elseif errno == ESHUTDOWN or errno == ECANCELED then
				return nil
			elseif errno and errno ~= EINTR then
				error(message, 2)
			end
		end
	end
end

-- Batches that are let go at the next turn, or memory would wait for the collector: what
-- comes from such a batch raises an error from then on, unless it was held.
local held = setmetatable({}, { __mode = "k" })

function methods.batch:hold()
	held[self] = true
	return self
end

function methods.queue:batches()
	local next_batch, batch = rounds(self), nil
	return function()
		repeat
			if batch and not held[batch] then
				batch:free()
			end
			batch = next_batch()
		until not batch or #batch > 0
		return batch
	end
end

-- Packets of all batches, with the values of the fields that are named.
function methods.queue:packets(...)
	return methods.batch.each(self:batches(), ...)
end

-- What was received of events: each with its connection or expectation, where it has one.
local CONNECTION = { [core.EVENT_CT_NEW] = true, [core.EVENT_CT_UPDATE] = true, [core.EVENT_CT_DESTROY] = true }
local EXPECTATION = { [core.EVENT_EXP_NEW] = true, [core.EVENT_EXP_DESTROY] = true }

function methods.events:taken()
	return function()
		local event, ct, exp = self:next()
		if not event and ct then
			error(ct, 2)
		end
		return event, event and (CONNECTION[event.kind] and ct or EXPECTATION[event.kind] and exp or nil)
	end
end

-- All events, until the session is closed or woken.
function methods.events:items()
	local next_round, item = rounds(self), nil
	local function step(event, entry)
		if event then
			return event, entry
		elseif not next_round() then
			return nil
		end
		item = self:taken()
		return step(item())
	end
	return function()
		if item then
			return step(item())
		end
		return step()
	end
end

-- What happened beside the packets since the last time.
function methods.queue:notices()
	return function()
		return (self:take_notice())
	end
end

methods.packet.accept = core.bound("packet", "verdict", core.VERDICT_ACCEPT)
methods.packet.drop = core.bound("packet", "verdict", core.VERDICT_DROP)
methods.packet.repeat_hook = core.bound("packet", "verdict", core.VERDICT_REPEAT)

function methods.packet:to_queue(number, bypass)
	return self:verdict(core.verdict_to_queue(number, bypass and 1 or 0))
end

-- The fields that are present, with their values.
local function values(self)
	local fields = self:fields()
	local number, count = -1, fields:count()
	return function()
		while number + 1 < count do
			number = number + 1
			local name = fields:get_name(number)
			local value = self[name]
			if value ~= nil then
				return name, value
			end
		end
	end
end

for _, name in ipairs { "options", "packet", "ct", "exp", "filter", "cthelper" } do
	methods[name].values = values
end

-- What was not done of a bulk: index, errno, sentence.
function methods.bulk:failures()
	local index = -1
	return function()
		index = self:find_failure(index + 1)
		if index then
			return index, -self:get_result(index), self:get_message(index)
		end
	end
end

-- The entries of a list, each an object of its own.
local function entries(list, message, errno, next)
	if not list then
		return nil, message, errno
	end
	return function()
		local entry, text, failure = list[next](list)
		if not entry and failure then
			error(text, 2)
		end
		return entry
	end
end

function methods.conntrack:connections(filter, kind, flags)
	local list, message, errno = self:list_ct(filter, kind or core.LIST_TABLE, flags or 0)
	return entries(list, message, errno, "next_ct")
end

function methods.conntrack:expectations(master)
	local list, message, errno = self:list_exp(master)
	return entries(list, message, errno, "next_exp")
end

function methods.conntrack:helpers()
	local list, message, errno = self:list_cthelper()
	return entries(list, message, errno, "next_cthelper")
end

return nfbind
