-- SPDX-License-Identifier: MIT
-- What the scenarios in Lua share.

local nfbind = require "nfbind"

local common = {}

-- Whole numbers may be floats before Lua 5.3, but print as integers here.
function common.say(...)
	print(table.concat({ ... }, " "))
	io.stdout:flush()
end

-- Say what an operation came to: done, or the name of the error.
function common.refused(what, done, _, errno)
	common.say(what .. ":", done and "done" or nfbind.error_name(errno))
end

function common.show_expectations(conntrack)
	for entry in assert(conntrack:expectations()) do
		common.say("expected:", entry.expected_src, ">",
			entry.expected_dst .. ":" .. entry.expected_port_dst,
			"master", entry.master_src .. ":" .. entry.master_port_src, "helper", entry.helper_name)
	end
end

return common
