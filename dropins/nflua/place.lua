-- SPDX-License-Identifier: MIT
-- A session for a test, with one state and the rules that the module prints.

local check = require "check"
local nflua = require "nflua"
local traffic = require "traffic"

local place = {}

-- What a UDP packet carries, for scripts.
place.TEXT = "function text(pkt) return (pkt:unpack('c' .. pkt:unpack('>H', 25) - 8, 29)) end\n"

-- A session with one state, its script, and what it told. It is closed behind the body.
function place.with(options, script, body)
	local told = {}
	options.tell = function(text) told[#told + 1] = text end
	local session = assert(nflua.open(options))
	assert(session:create("main"))
	assert(session:execute("main", script))
	local done, message = xpcall(function() body(session, session.states.main, told) end, debug.traceback)
	session:close()
	traffic.run "iptables -F; ip6tables -F"
	if not done then
		error(message .. (told[1] and "\ntold: " .. table.concat(told, "\n") or ""), 0)
	end
end

function place.rules(session, ...)
	for _, line in ipairs(session:rules(...)) do
		traffic.run(line)
	end
end

-- Which of the UDP texts to the port arrive; as many as are expected do.
function place.arrived(session, count, ...)
	return traffic.finish(session, traffic.udp(9000, count, ...))
end

-- Another machine: what goes before a command that is to run on it. It is there until `leave`.
local machines = {}
function place.machine()
	local path = os.tmpname()
	os.remove(path)
	traffic.run("unshare -n sh -c 'echo $$ >%s.new; mv %s.new %s; exec sleep 300' </dev/null >/dev/null 2>&1 &",
		path, path, path)
	local started, file = os.time(), nil
	while not file do
		assert(os.time() - started < 60, "no other machine came up")
		file = io.open(path)
	end
	local process = file:read("*n")
	file:close()
	os.remove(path)
	machines[#machines + 1] = process
	return ("nsenter -t %d -n "):format(process), process
end

function place.leave()
	for _, process in ipairs(machines) do
		traffic.run("kill %d", process)
	end
end

return place
