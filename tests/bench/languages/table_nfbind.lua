-- SPDX-License-Identifier: MIT
-- A list of the connection table, as anybody would write it in Lua; the lines are those
-- of table_common.c. Plain Lua has no clock but the processor's: it does not wait here.

local nfbind = require "nfbind"

local function read(entries)
	local ops, digest = 0, 0
	for ct in entries do
		digest = digest + #ct.orig_src + #ct.orig_dst + #ct.repl_src + #ct.repl_dst
			+ ct.orig_port_src + ct.orig_port_dst + ct.repl_port_src + ct.repl_port_dst
			+ ct.orig_l4proto + ct.mark * 1000 + (ct.timeout > 0 and 1 or 0)
		ops = ops + 1
	end
	return ops, digest
end

local function peak_kb()
	for line in io.lines("/proc/self/status") do
		local number = line:match("^VmHWM:%s*(%d+)")
		if number then
			return tonumber(number)
		end
	end
end

print '{"ready": true}'
io.flush()
for _ in io.lines() do
	local start = os.clock()
	local ops, digest = read(assert(assert(nfbind.conntrack()):connections()))
	local cpu = (os.clock() - start) * 1e9
	print(('{"ops": %d, "errors": 0, "digest": %.0f, "wall_ns": %.0f, "cpu_ns": %.0f, "rss_kb": %d}')
		:format(ops, digest, cpu, cpu, peak_kb()))
	io.flush()
end
