-- SPDX-License-Identifier: MIT
-- nfct on the running kernel: events of connections and expectations, queries, and handles
-- that are used in a wrong way.

local check = require "check"
check.enter_namespace(nil, nil, "OUTPUT -m conntrack --ctstate INVALID -j ACCEPT")

require "nfct"
local nfbind = require "nfbind"
local case, equal, raises, refused = check.case, check.equal, check.raises, check.refused
local ENOENT, EAGAIN, EEXIST, ENODATA, EOPNOTSUPP = 2, 11, 17, 61, 95
local ENOBUFS, ESHUTDOWN, ECANCELED = 105, 108, 125

local function tcp(port)
	local ct = nfct.new()
	nfct.set_attr_pf(ct, "l3proto", "inet")
	nfct.set_attr_ipproto(ct, "l4proto", "tcp")
	nfct.set_attr_ipv4(nfct.set_attr_ipv4(ct, "ipv4-src", "10.0.0.1"), "ipv4-dst", "10.0.0.2")
	return nfct.set_attr_port(nfct.set_attr_port(ct, "port-src", port), "port-dst", 21)
end

-- An entry of the table.
local function entry(port)
	local ct = assert(nfct.setobjopt(tcp(port), "setup-reply"))
	return nfct.set_attr_u8(nfct.set_attr_u32(ct, "timeout", 100), "tcp-state", 3)
end

local function with(handle, call, ...)
	call(handle, ...)
	nfct.close(handle)
end

local function query(kind, ct)
	with(assert(nfct.open("conntrack")), function(handle)
		assert(nfct.query(handle, kind, ct))
	end)
end

-- Catch until so many events came: what catch returned then.
local function catch(handle, count, callback)
	local seen = 0
	nfct.ct_callback_register(handle, function(kind, ct)
		seen = seen + 1
		return callback(kind, ct) or seen == count and "stop" or nil
	end)
	return nfct.catch(handle)
end

case("handles are open, blocking or not, and closed", function()
	for _, subsystem in ipairs { "conntrack", "expect", "both" } do
		for _, subscription in ipairs { "none", "new", "update", "destroy", "all" } do
			with(assert(nfct.open(subsystem, subscription, "none", subscription)), function(handle)
				equal(type(nfct.fd(handle)), "number")
				equal(nfct.setblocking(handle), handle)
				local done, message, errno = nfct.catch(handle)
				equal(done, nil)
				equal(message, "timeout")
				equal(errno, EAGAIN)
				equal(nfct.setblocking(handle, true), handle)
			end)
		end
	end
	equal(nfct.close(assert(nfct.open("conntrack"))), nil)
	equal(nfct.fini(assert(nfct.open("expect", "new"))), nil)
	raises("bad argument #1 to 'open' %(invalid option 'queue'", nfct.open, "queue")
	raises("bad argument #1 to 'open' %(invalid option 'nil'", nfct.open)
	raises("bad argument #3 to 'open' %(invalid option 'old'", nfct.open, "both", "new", "old")
	raises("bad argument #2 to 'open' %(invalid option 'nil'", nfct.open, "both", nil)
end)

case("events come in their order, with what they are about", function()
	local handle = assert(nfct.open("conntrack", "all"))
	local ct = entry(1000)
	query("create", ct)
	query("update", nfct.set_attr_u32(ct, "mark", 77))
	query("destroy", tcp(1000))
	local seen = {}
	equal(catch(handle, 3, function(kind, given)
		seen[#seen + 1] = kind
		equal(nfct.get_attr_port(given, "port-src"), 1000)
		equal(nfct.get_attr_ipv4(given, "repl-ipv4-src"), "10.0.0.2")
		equal(nfct.get_attr_pf(given, "l3proto"), "inet")
		equal(nfct.get_attr_ipproto(given, "repl-l4proto"), "tcp")
		equal(nfct.get_attr_u32(given, "mark"), kind == "new" and 0 or 77)
		if kind ~= "destroy" then
			equal(nfct.get_attr_u8(given, "tcp-state"), 3)
		end
		equal(nfct.tostring(given, kind):find("%[" .. kind:upper() .. "%] tcp      6 ") ~= nil, true)
	end), handle)
	equal(table.concat(seen, " "), "new update destroy")
	nfct.close(handle)
end)

case("traffic is seen, and its end", function()
	local handle = assert(nfct.open("both", "new"))
	-- Nobody listens there, which it tells.
	os.execute(assert(os.getenv("TRAFFIC")) .. " send-udp 127.0.0.1 127.0.0.1 9999 x >/dev/null 2>&1")
	equal(catch(handle, 1, function(kind, ct)
		equal(kind, "new")
		equal(nfct.get_attr_port(ct, "port-src") > 0, true)
		equal(nfct.get_attr_port(ct, "repl-port-dst"), nfct.get_attr_port(ct, "port-src"))
		equal(nfct.get_attr_port(ct, "repl-port-src"), 9999)
		equal(nfct.get_attr_ipproto(ct, "l4proto"), "udp")
	end), handle)
	nfct.close(handle)
	query("flush")
end)

case("IPv6 has addresses of its own", function()
	local handle = assert(nfct.open("conntrack", "new"))
	local ct = nfct.set_attr_u32(nfct.new(), "timeout", 100)
	nfct.set_attr_ipproto(nfct.set_attr_pf(ct, "l3proto", "inet6"), "l4proto", "udp")
	nfct.set_attr_ipv6(nfct.set_attr_ipv6(ct, "ipv6-src", "fd00::1"), "ipv6-dst", "fd00::2")
	nfct.set_attr_port(nfct.set_attr_port(ct, "port-src", 1), "port-dst", 2)
	query("create", assert(nfct.setobjopt(ct, "setup-reply")))
	equal(catch(handle, 1, function(_, given)
		equal(nfct.get_attr_ipv6(given, "repl-ipv6-src"), "fd00::2")
		equal(nfct.get_attr_pf(given, "l3proto"), "inet6")
		equal(nfct.get_attr_ipv4(given, "ipv4-src"), nil)
		equal(nfct.get_attr_u32(given, "ipv4-src"), 0)
	end), handle)
	nfct.close(handle)
end)

case("a callback gets the kinds it is registered for, and the last one counts", function()
	local handle = assert(nfct.open("conntrack", "new", "destroy"))
	local function wrong() error("not this one") end
	equal(nfct.ct_callback_register(handle, wrong), handle)
	equal(nfct.ct_callback_register(handle, wrong, "error"), handle)
	for i = 1, 3 do
		query("create", entry(2000 + i))
		query("destroy", tcp(2000 + i))
	end
	local seen = {}
	equal(nfct.loop(handle, "destroy", function(kind, ct)
		seen[#seen + 1] = kind .. nfct.get_attr_port(ct, "port-src")
		return #seen == 2 and "stop" or "continue"
	end), handle)
	equal(table.concat(seen, " "), "destroy2001 destroy2002")
	-- What came after the stop is there.
	nfct.setblocking(handle)
	equal(nfct.catch(handle), nil)
	equal(seen[3], "destroy2003")
	nfct.close(handle)
end)

case("events without a callback are passed over", function()
	local handle = assert(nfct.open("both", "all"))
	query("create", entry(2100))
	nfct.setblocking(handle)
	local _, message = nfct.catch(handle)
	equal(message, "timeout")
	nfct.close(handle)
	query("destroy", tcp(2100))
end)

case("the document's listing of loop", function()
	local function listing(cthandle, ctmsgtype, ctcb)
		nfct.ct_callback_register(cthandle, ctcb, ctmsgtype)
		return nfct.catch(cthandle)
	end
	for _, loop in ipairs { listing, nfct.loop } do
		local handle = assert(nfct.open("conntrack", "new"))
		query("create", entry(2200))
		equal(loop(handle, "new", function() return "stop" end), handle)
		query("destroy", tcp(2200))
		nfct.close(handle)
	end
end)

case("a callback says failure, stop, continue or stolen", function()
	local handle = assert(nfct.open("conntrack", "new"))
	local kept = {}
	for i = 1, 5 do
		query("create", entry(3000 + i))
	end
	local verdicts = { "continue", "stolen", "failure", "stop" }
	local function judge(_, ct)
		kept[#kept + 1] = ct
		return verdicts[#kept]
	end
	nfct.ct_callback_register(handle, judge)
	refused(ECANCELED, nfct.catch(handle))
	equal(#kept, 3)
	equal(nfct.catch(handle), handle)
	equal(#kept, 4)
	equal(nfct.get_attr_port(kept[2], "port-src"), 3002)
	nfct.destroy(kept[2])
	for _, gone in ipairs(kept) do
		raises("the conntrack was destroyed", nfct.get_attr_port, gone, "port-src")
		raises("the conntrack was destroyed", nfct.destroy, gone)
	end
	nfct.ct_callback_register(handle, function() return "accept" end)
	raises("none of 'failure', 'stop'", nfct.catch, handle)
	nfct.close(handle)
	query("flush")
end)

case("an error in a callback leaves catch, and loses no other event", function()
	local handle = assert(nfct.open("conntrack", "new"))
	for i = 1, 3 do
		query("create", entry(3100 + i))
	end
	local count = 0
	nfct.ct_callback_register(handle, function(_, ct)
		count = count + 1
		if count == 1 then
			error("on purpose")
		elseif count == 2 then
			nfct.destroy(ct) -- not the callback's to do there, and harmless
			error({ "a table" })
		end
		equal(nfct.get_attr_port(ct, "port-src"), 3103)
		return "stop"
	end)
	raises("on purpose", nfct.catch, handle)
	local done, value = pcall(nfct.catch, handle)
	equal(done, false)
	equal(value[1], "a table")
	equal(nfct.catch(handle), handle)
	nfct.close(handle)
	query("flush")
end)

case("a callback may close the handle, register another one, and catch again", function()
	local handle = assert(nfct.open("conntrack", "new"))
	for i = 1, 4 do
		query("create", entry(3200 + i))
	end
	local ports = {}
	local function note(ct) ports[#ports + 1] = nfct.get_attr_port(ct, "port-src") end
	nfct.ct_callback_register(handle, function(_, ct)
		note(ct)
		nfct.ct_callback_register(handle, function(_, second)
			note(second)
			nfct.ct_callback_register(handle, function(_, third)
				note(third)
				return "stop"
			end)
			equal(nfct.catch(handle), handle)
			nfct.close(handle)
		end)
	end)
	refused(ESHUTDOWN, nfct.catch(handle))
	equal(table.concat(ports, " "), "3201 3202 3203")
	query("flush")
end)

case("lost events are told, in their place", function()
	local handle = assert(nfct.open("conntrack", "new"))
	local session = assert(nfbind.conntrack {})
	local told
	-- The receive buffer has eight megabytes, an event some 700 bytes there.
	for round = 1, 20 do
		local bulk = nfbind.bulk()
		for i = 1, 3000 do
			local ct = entry(i)
			ct.inner["orig-src"], ct.inner["repl-dst"] = "10.1.0." .. round, "10.1.0." .. round
			bulk:add_ct(ct.inner, 0)
			nfct.destroy(ct)
		end
		equal(session:apply(bulk), 3000)
		bulk:free()
		assert(session:flush_ct())
	end
	local count = 0
	nfct.ct_callback_register(handle, function() count = count + 1 end)
	nfct.setblocking(handle)
	repeat
		local _, message, errno = nfct.catch(handle)
		told = told or errno == ENOBUFS and message
	until errno ~= ENOBUFS
	equal(type(told), "string")
	equal(count > 0 and count < 60000, true)
	query("flush")
	nfct.close(handle)
end)

-- Expectations.

local function master(port)
	local ct = entry(port)
	ct.inner["helper-name"] = "ftp"
	nfct.set_attr_u32(ct, "status", 14)
	query("create", ct)
	return ct
end

local function expected(port)
	local exp, mask = tcp(0), tcp(0)
	nfct.set_attr_port(exp, "port-dst", port)
	for name, text in pairs { ["ipv4-src"] = "255.255.255.255", ["ipv4-dst"] = "255.255.255.255" } do
		nfct.set_attr_ipv4(mask, name, text)
	end
	return exp, nfct.set_attr_port(mask, "port-dst", 65535)
end

local function expectation(port, ...)
	local exp, mask = expected(port)
	return nfct.exp_new(tcp(4000), exp, mask, 300, ...)
end

case("expectations are created, told of and destroyed", function()
	local handle = assert(nfct.open("expect", "all"))
	master(4000)
	equal(nfct.exp_query(handle, "create", expectation(5000, "permanent")), handle)
	refused(EEXIST, nfct.exp_query(handle, "create", expectation(5000, "permanent")))
	equal(nfct.exp_query(handle, "create-update", expectation(5000, "permanent")), handle)
	equal(nfct.exp_query(handle, "update", expectation(5000, "permanent")), handle)
	equal(nfct.exp_query(handle, "destroy", expectation(5000)), handle)
	refused(ENOENT, nfct.exp_query(handle, "destroy", expectation(5000)))
	local seen, kept = {}, nil
	equal(nfct.exp_callback_register(handle, function(kind, exp)
		seen[#seen + 1] = kind
		local line = nfct.exp_tostring(exp, kind)
		equal(line:find("[" .. kind:upper() .. "]", 1, true) ~= nil, true)
		equal(line:find("proto=6 src=10.0.0.1 dst=10.0.0.2 sport=0 dport=5000 ", 1, true) ~= nil, true)
		equal(line:find("PERMANENT", 1, true) ~= nil, true)
		kept = exp
		return kind == "destroy" and "stop" or "stolen"
	end, "all"), handle)
	equal(nfct.catch(handle), handle)
	equal(table.concat(seen, " "), "new destroy")
	raises("the expectation was destroyed", nfct.exp_tostring, kept)
	nfct.close(handle)
	query("flush")
end)

case("expectations are asked for one by one, and all", function()
	local handle = assert(nfct.open("expect"))
	master(4000)
	local lines = {}
	nfct.exp_callback_register(handle, function(kind, exp)
		equal(kind, "update")
		lines[#lines + 1] = nfct.exp_tostring(exp):match("dport=(%d+) mask")
	end, "update")
	equal(nfct.exp_query(handle, "create", expectation(5001)), handle)
	equal(nfct.exp_query(handle, "get", expectation(5001)), handle)
	equal(nfct.exp_query(handle, "dump"), handle)
	equal(nfct.exp_query(handle, "dump-reset"), handle)
	equal(table.concat(lines, " "), "5001 5001 5001")
	equal(nfct.exp_query(handle, "flush"), handle)
	refused(ENOENT, nfct.exp_query(handle, "get", expectation(5001)))
	equal(nfct.exp_query(handle, "dump"), handle)
	equal(#lines, 3)
	query("flush")
	nfct.close(handle)
end)

case("an expectation wants a master with a helper, and says so", function()
	local handle = assert(nfct.open("expect"))
	refused(ENOENT, nfct.exp_query(handle, "create", expectation(5002)))
	query("create", entry(4000))
	refused(EOPNOTSUPP, nfct.exp_query(handle, "create", expectation(5002)))
	nfct.close(handle)
	query("flush")
end)

-- Connections by query.

case("connections are asked for one by one, and all", function()
	local handle = assert(nfct.open("conntrack"))
	refused(ENOENT, nfct.query(handle, "get", tcp(6000)))
	for port = 6000, 6004 do
		equal(nfct.query(handle, "create", nfct.set_attr_u32(entry(port), "mark", port)), handle)
	end
	refused(EEXIST, nfct.query(handle, "create", entry(6000)))
	equal(nfct.query(handle, "create-update", nfct.set_attr_u32(entry(6000), "mark", 1)), handle)
	equal(nfct.query(handle, "update", nfct.set_attr_u32(tcp(6001), "mark", 2)), handle)
	local marks
	local function sum(_, ct) marks = marks + nfct.get_attr_u32(ct, "mark") end
	nfct.ct_callback_register(handle, sum)
	for kind, result in pairs { get = 1, dump = 1 + 2 + 6002 + 6003 + 6004, ["dump-reset"] = 18012 } do
		marks = 0
		equal(nfct.query(handle, kind, kind == "get" and tcp(6000) or nil), handle)
		equal(marks, result)
	end
	local count = 0
	nfct.ct_callback_register(handle, function()
		count = count + 1
		return count == 2 and "stop" or count == 4 and "failure" or nil
	end)
	equal(nfct.query(handle, "dump"), handle)
	equal(count, 2)
	refused(ECANCELED, nfct.query(handle, "dump"))
	equal(count, 4)
	nfct.ct_callback_register(handle, function() nfct.close(handle) end)
	refused(ESHUTDOWN, nfct.query(handle, "dump"))
	query("flush")
end)

case("queries of the wrong kind are errors", function()
	local handle, other = assert(nfct.open("conntrack")), assert(nfct.open("expect"))
	for _, kind in ipairs { "create", "update", "destroy", "get", "create-update" } do
		raises("bad argument #3 to 'query' %(conntrack expected, got nil", nfct.query, handle, kind)
		raises("bad argument #3 to 'query' %(conntrack expected, got expectation", nfct.query, handle, kind,
			expectation(1))
		raises("bad argument #3 to 'exp_query' %(expectation expected, got conntrack", nfct.exp_query, other,
			kind, tcp(1))
	end
	for _, kind in ipairs { "flush", "dump", "dump-reset" } do
		raises("bad argument #3 to 'exp_query' .*nothing expected", nfct.exp_query, other, kind, expectation(1))
	end
	raises("bad argument #2 to 'exp_query' %(invalid option 'drop'", nfct.exp_query, other, "drop")
	raises("opened for the other subsystem", nfct.exp_query, handle, "dump")
	raises("opened for the other subsystem", nfct.query, other, "dump")
	raises("opened for the other subsystem", nfct.exp_callback_register, handle, print)
	raises("opened for the other subsystem", nfct.ct_callback_register, other, print)
	raises("opened for the other subsystem", nfct.loop, other, "all", print)
	raises("bad argument #2 to 'ct_callback_register' %(function expected, got nil",
		nfct.ct_callback_register, handle)
	raises("bad argument #3 to 'ct_callback_register' %(invalid option 'some'",
		nfct.ct_callback_register, handle, print, "some")
	refused(ENODATA, nfct.catch(handle))
	nfct.close(handle)
	nfct.close(other)
end)

local FUNCTIONS = [[close fini fd setblocking ct_callback_register exp_callback_register catch loop
	query exp_query]]

case("a handle that was closed is an error", function()
	local handle = assert(nfct.open("both", "all"))
	nfct.close(handle)
	for name in FUNCTIONS:gmatch("%S+") do
		raises("bad argument #1 to '" .. name .. "' %(the conntrack handle was closed", nfct[name],
			handle, print, print)
	end
end)

-- What a shell command prints that has a program in a file: its path is in the command as %s.
local function run(program, command)
	local path = os.tmpname()
	local file = assert(io.open(path, "w"))
	file:write(program)
	file:close()
	local pipe = assert(io.popen((command:gsub("%%s", path))))
	local text = pipe:read("*a")
	pipe:close()
	os.remove(path)
	return text
end

case("without the right nothing is opened, and the reason is told", function()
	local text = run([[
require "nfct"
local handle, message, errno = nfct.open("conntrack", "new")
print(handle, type(message), errno)
]], "setpriv --inh-caps=-all --bounding-set=-all " .. arg[-1] .. " %s 2>&1")
	equal(text, "nil\tstring\t1\n")
end)

case("Ctrl-C ends a program that waits", function()
	local text = run([[
require "nfct"
local handle = assert(nfct.open("conntrack", "new"))
print(io.open("/proc/self/stat"):read("*l"):match("%d+"))
io.stdout:flush()
nfct.catch(handle)
]], arg[-1] .. [[ %s 2>&1 | {
	read pid
	kill -INT "$pid"
	grep -o interrupted!
}]])
	equal(text, "interrupted!\n")
end)

local function descriptors()
	local pipe = assert(io.popen("ls /proc/$PPID/fd | wc -l"))
	local count = tonumber(pipe:read("*l"))
	pipe:close()
	return count
end

-- Handles and what came by them; every third goes at once, the rest in the end.
local function forget(round)
	local kept = {}
	for i = 1, 6 do
		local handle = assert(nfct.open("both", "all"))
		query("create", entry(7000 + i))
		nfct.setblocking(nfct.ct_callback_register(handle, function(_, ct)
			kept[#kept + 1] = ct
			return "stolen"
		end))
		refused(EAGAIN, nfct.catch(handle))
		kept[#kept + 1] = handle
		query("flush")
	end
	for i = round % 3 + 1, #kept, 3 do
		kept[i] = nil
		collectgarbage()
	end
end

case("what is forgotten is collected, in any order", function()
	collectgarbage()
	collectgarbage()
	local before = descriptors()
	for round = 1, 5 do
		forget(round)
	end
	collectgarbage()
	collectgarbage()
	-- The end of the pipe that is the shell's may still be there.
	equal(descriptors() <= before + 1, true)
end)

check.finish()
