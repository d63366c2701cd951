-- SPDX-License-Identifier: MIT
-- nfq of netfilter-lua, on nfbind: the same functions, results and option strings. What
-- differs on purpose is said in doc/migration.md.
--
--     require "nfq"
--     local handle = assert(nfq.open())
--     local queue = assert(nfq.create_queue(handle, 0))
--     assert(nfq.set_mode(queue, "packet"))
--     nfq.catch(handle, function(qdata) return "accept" end)

local nfbind = require "nfbind"
local shared = require "netfilter_lua"
local check, make, option = shared.check, shared.make, shared.option

shared.add_source(1)

local nfq = {}

local ENODATA = 61
local MOST = 65531 -- bytes of a packet that the kernel copies

local COPY = { none = 0, meta = nfbind.COPY_MODE_META, packet = nfbind.COPY_MODE_PACKET }
local VERDICTS = { accept = nfbind.VERDICT_ACCEPT, drop = nfbind.VERDICT_DROP }

local Handle, Queue, Data = shared.kind "nfq handle", shared.kind "nfq queue", shared.kind "nfq data"

function nfq.open()
	local session, message, errno = nfbind.queue({})
	if not session then
		return nil, message, errno
	end
	return make(Handle, { session = session, queues = {}, undecided = {}, is_blocking = true })
end

function nfq.close(handle)
	check(handle, Handle, 1, "close").session:close()
end

function nfq.fd(handle)
	return check(handle, Handle, 1, "fd").session:get_fd()
end

-- Without a second argument it becomes non-blocking.
function nfq.setblocking(handle, blocking)
	check(handle, Handle, 1, "setblocking").is_blocking = blocking and true or false
	return handle
end

-- Queues belong to no protocol family since Linux 3.8.
function nfq.bind_pf(handle, family)
	check(handle, Handle, 1, "bind_pf")
	option(family, shared.pf.numbers, nil, 2, "bind_pf")
	return handle
end

function nfq.unbind_pf(handle, family)
	check(handle, Handle, 1, "unbind_pf")
	option(family, shared.pf.numbers, nil, 2, "unbind_pf")
	return handle
end

function nfq.create_queue(handle, number)
	check(handle, Handle, 1, "create_queue")
	local done, message, errno = handle.session:bind(number,
		{ copy_mode = nfbind.COPY_MODE_META, gso = false })
	if not done then
		return nil, message, errno
	end
	local queue = make(Queue, { handle = handle, number = number, copy = COPY.none })
	handle.queues[number] = queue
	return queue
end

function nfq.destroy_queue(queue)
	check(queue, Queue, 1, "destroy_queue")
	queue.handle.queues[queue.number] = nil
	return queue.handle.session:unbind(queue.number)
end

-- Packets come from here on; with "none" the kernel has nobody to ask, and drops.
function nfq.set_mode(queue, copy, range)
	check(queue, Queue, 1, "set_mode")
	copy = option(copy, COPY, "packet", 2, "set_mode")
	range = range or MOST
	local done, message, errno = queue.handle.session:change(queue.number, {
		copy_mode = copy == COPY.none and COPY.meta or copy,
		copy_range = (range == 0 or range > MOST) and MOST or range,
	})
	if not done then
		return nil, message, errno
	end
	queue.copy = copy
	return queue
end

function nfq.get_payload(data)
	local payload = check(data, Data, 1, "get_payload").packet.payload
	if not payload then
		return nil, "the packet came without its payload", ENODATA
	end
	return payload
end

-- What the callback said becomes of the packet: true, or nil, message, errno.
local function apply(packet, verdict, replacement)
	verdict = VERDICTS[verdict == nil and "accept" or verdict]
	if not verdict then
		error("the callback returned neither 'accept' nor 'drop'", 0)
	end
	if replacement ~= nil and verdict == VERDICTS.accept then
		packet.payload = replacement
	end
	return packet:verdict(verdict + nfbind.VERDICT_NOW)
end

-- One packet. Where the callback fails its packet waits, as it would have there.
local function judge(handle, packet, callback)
	local queue = handle.queues[packet.queue]
	if not queue or queue.copy == COPY.none then
		return packet:verdict(VERDICTS.drop + nfbind.VERDICT_NOW)
	end
	local done, result, message, errno = pcall(function()
		return apply(packet, callback(make(Data, { packet = packet })))
	end)
	if not done then
		handle.undecided[#handle.undecided + 1] = packet:keep()
		error(result, 0)
	end
	return result, message, errno
end

-- What a callback that failed left of a batch comes first at the next call.
function nfq.catch(handle, callback)
	check(handle, Handle, 1, "catch")
	while true do
		while handle.batch and handle.position < #handle.batch do
			handle.position = handle.position + 1
			local done, message, errno = judge(handle, handle.batch[handle.position], callback)
			if not done then
				return nil, message, errno
			end
		end
		local batch, message, errno = shared.receive(handle.session, handle.is_blocking)
		handle.batch, handle.position = batch, 0
		if not batch then
			return nil, message, errno
		end
	end
end

local function run(handle, callback, copy)
	local queue, message, errno = nfq.create_queue(handle, 0)
	if queue then
		queue, message, errno = nfq.set_mode(queue, copy)
	end
	if not queue then
		return nil, message, errno
	end
	return nfq.catch(handle, callback)
end

-- Deprecated there, and here. The queue is free again when an error leaves it, too.
function nfq.loop(callback, copy)
	local handle, message, errno = nfq.open()
	if not handle then
		return nil, message, errno
	end
	local done, result
	done, result, message, errno = pcall(run, handle, callback, copy)
	nfq.close(handle)
	if not done then
		error(result, 0)
	end
	return result, message, errno
end

-- Programs there say require "nfq" and use the global.
_G.nfq = nfq
return nfq
