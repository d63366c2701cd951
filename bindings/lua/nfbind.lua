-- SPDX-License-Identifier: MIT
-- nfbind for Lua: packets from NFQUEUE, and verdicts back.
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
	if name ~= "methods" then
		nfbind[name] = value
	end
end

local methods = core.methods
local FOREVER = -1
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

-- Batches until the queue is closed or woken. A signal ends the wait in C, so that Lua
-- may look whether somebody pressed Ctrl-C, and is no reason to stop.
function methods.queue:batches()
	return function()
		while true do
			local batch, message, errno = self:receive(FOREVER)
			if batch and #batch > 0 then
				return batch
			elseif errno == ESHUTDOWN or errno == ECANCELED then
				return nil
			elseif not batch and errno and errno ~= EINTR then
				error(message, 2)
			end
		end
	end
end

-- Packets of all batches, with the values of the fields that are named.
function methods.queue:packets(...)
	local names, batches = { ... }, self:batches()
	local unpack = table.unpack or unpack
	local each
	local function step(packet, ...)
		if packet then
			return packet, ...
		end
		local batch = batches()
		if not batch then
			return nil
		end
		each = batch:each(unpack(names))
		return step(each())
	end
	return function()
		if each then
			return step(each())
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

function methods.packet:accept()
	return self:verdict(core.VERDICT_ACCEPT)
end

function methods.packet:drop()
	return self:verdict(core.VERDICT_DROP)
end

function methods.packet:to_queue(number, bypass)
	return self:verdict(core.verdict_to_queue(number, bypass and 1 or 0))
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

return nfbind
