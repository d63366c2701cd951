-- SPDX-License-Identifier: MIT
-- nfct without the kernel: every function is there, every attribute is read and written in
-- every form that it has, and everything that is wrong raises an error.

local check = require "check"
local module = require "nfct"
local nfbind = require "nfbind"
local case, equal, raises, refused = check.case, check.equal, check.raises, check.refused
local ENODATA, ERANGE = 61, 34

-- The document's functions, by what their first argument is.
local FUNCTIONS = {
	none = "open new",
	handle = "close fini fd setblocking ct_callback_register exp_callback_register catch loop exp_query",
	ct = [[destroy tostring setobjopt
		get_attr_u8 get_attr_u16 get_attr_u32 get_attr_n16 get_attr_n32 get_attr_port
		set_attr_u8 set_attr_u16 set_attr_u32 set_attr_n16 set_attr_n32 set_attr_port
		get_attr_ipv4 get_attr_ipv6 set_attr_ipv4 set_attr_ipv6
		get_attr_pf set_attr_pf get_attr_ipproto set_attr_ipproto exp_new]],
	exp = "exp_tostring exp_destroy",
	number = "ntohs htons",
}
-- What there is beyond the document.
local OTHERS = { handle = "query", ct = "clone compare getobjopt", number = "ntohl htonl" }

-- The document's attributes: bits, then names. N: in network order.
local ATTRIBUTES = {
	["8"] = [[icmp-type icmp-code orig-l3proto l3proto repl-l3proto orig-l4proto l4proto repl-l4proto
		tcp-state tcp-flags-orig tcp-flags-repl tcp-mask-orig tcp-mask-repl master-l3proto master-l4proto
		sctp-state dccp-state dccp-role]],
	["16N"] = [[orig-port-src port-src orig-port-dst port-dst repl-port-src repl-port-dst icmp-id snat-port
		dnat-port master-port-src master-port-dst]],
	["32N"] = [[orig-ipv4-src ipv4-src orig-ipv4-dst ipv4-dst repl-ipv4-src repl-ipv4-dst snat-ipv4 dnat-ipv4
		master-ipv4-src master-ipv4-dst]],
	["32"] = [[timeout mark orig-counter-packets repl-counter-packets orig-counter-bytes
		repl-counter-bytes use id status secmark
		orig-nat-seq-correction-pos orig-nat-seq-offset-before orig-nat-seq-offset-after
		repl-nat-seq-correction-pos repl-nat-seq-offset-before repl-nat-seq-offset-after
		sctp-vtag-orig sctp-vtag-repl dccp-handshake-seq]],
	["128"] = [[orig-ipv6-src ipv6-src orig-ipv6-dst ipv6-dst repl-ipv6-src repl-ipv6-dst master-ipv6-src
		master-ipv6-dst]],
	["text"] = "helper-name",
}
-- By their bits, the forms of the functions get_attr_* and set_attr_*, and a value that fits.
local FORMS = {
	u8 = { ["8"] = 200 }, u16 = { ["16N"] = 0x0102 }, n16 = { ["16N"] = 0x0102 }, port = { ["16N"] = 0x0102 },
	u32 = { ["32"] = 0xfffefdfc, ["32N"] = 0x01020304 }, n32 = { ["32"] = 0xfffefdfc, ["32N"] = 0x01020304 },
	ipv4 = { ["32N"] = "192.0.2.1" }, ipv6 = { ["128"] = "2001:db8::1" },
	pf = { ["8"] = "inet6" }, ipproto = { ["8"] = "sctp" },
}
local PF = [[unspec local inet ax25 ipx appletalk netrom bridge atmpvc x25 inet6 rose decnet netbeui security key
	netlink packet ash econet atmsvc rds sna irda pppox wanpipe llc can tipc bluetooth iucv rxrpc isdn phonet
	ieee802154]]
local IPPROTO = [[ip icmp igmp ipip tcp egp pup udp idp tp dccp ipv6 routing fragment rsvp gre esp ah icmpv6
	none dstopts mtp encap pim comp sctp udplite raw]]
local SYNONYMS = { pf = { unix = "local", file = "local", route = "netlink" }, ipproto = { hopopts = "ip" } }

local function words(text)
	return (text or ""):gmatch("%S+")
end

local function each_function(call)
	for kind, names in pairs(FUNCTIONS) do
		for name in words(names .. " " .. (OTHERS[kind] or "")) do
			call(name, kind)
		end
	end
end

local function each_attribute(call)
	for bits, names in pairs(ATTRIBUTES) do
		for name in words(names) do
			call(name, bits)
		end
	end
end

local function tcp(source, port)
	local ct = nfct.new()
	nfct.set_attr_pf(ct, "l3proto", "inet")
	nfct.set_attr_ipproto(ct, "l4proto", "tcp")
	nfct.set_attr_ipv4(nfct.set_attr_ipv4(ct, "ipv4-src", source or "1.2.3.4"), "ipv4-dst", "5.6.7.8")
	return nfct.set_attr_port(nfct.set_attr_port(ct, "port-src", port or 1000), "port-dst", 80)
end

local LINE = "tcp      6 src=1.2.3.4 dst=5.6.7.8 sport=1000 dport=80"

case("the module is a global, with all functions and no other", function()
	equal(module, nfct)
	local known = {}
	each_function(function(name)
		equal(type(nfct[name]), "function")
		known[name] = true
	end)
	for name in pairs(nfct) do
		equal(known[name], true)
	end
end)

case("every attribute has its value in all of its forms, and no other", function()
	each_attribute(function(attr, bits)
		for form, values in pairs(FORMS) do
			local ct, get, put = nfct.new(), nfct["get_attr_" .. form], nfct["set_attr_" .. form]
			if values[bits] then
				equal(put(ct, attr, values[bits]), ct)
				equal(get(ct, attr), values[bits])
			else
				raises("bad argument #2 to 'get_attr_" .. form .. "' %('" .. attr:gsub("%-", "%%-"), get, ct, attr)
				raises("bad argument #2 to 'set_attr_" .. form .. "'", put, ct, attr, 1)
			end
		end
	end)
end)

case("an absent attribute is 0, as an address it is a failure", function()
	each_attribute(function(attr, bits)
		for form, values in pairs(FORMS) do
			local get = nfct["get_attr_" .. form]
			if bits == "128" and form == "ipv6" or bits == "32N" and form == "ipv4" then
				refused(ENODATA, get(nfct.new(), attr))
			elseif values[bits] then
				equal(get(nfct.new(), attr), form == "pf" and "unspec" or form == "ipproto" and "ip" or 0)
			end
		end
	end)
end)

case("aliases are the attributes of the original direction", function()
	local ct = nfct.new()
	for name in words("port-src port-dst") do
		nfct.set_attr_port(ct, name, 77)
		equal(nfct.get_attr_port(ct, "orig-" .. name), 77)
	end
	for name in words("l3proto l4proto") do
		nfct.set_attr_u8(ct, "orig-" .. name, 9)
		equal(nfct.get_attr_u8(ct, name), 9)
	end
	for name, text in pairs { ["ipv4-src"] = "10.0.0.1", ["ipv4-dst"] = "10.0.0.2" } do
		nfct.set_attr_ipv4(ct, name, text)
		equal(nfct.get_attr_ipv4(ct, "orig-" .. name), text)
	end
	for name, text in pairs { ["ipv6-src"] = "::1", ["ipv6-dst"] = "ff02::2" } do
		nfct.set_attr_ipv6(ct, "orig-" .. name, text)
		equal(nfct.get_attr_ipv6(ct, name), text)
	end
end)

case("u is as in memory, n is turned around", function()
	local ct = tcp()
	local is_little = nfct.htons(1) == 256
	equal(nfct.get_attr_n16(ct, "port-src"), 1000)
	equal(nfct.get_attr_port(ct, "port-src"), 1000)
	equal(nfct.get_attr_u16(ct, "port-src"), is_little and 0xe803 or 1000)
	equal(nfct.get_attr_n32(ct, "ipv4-src"), 0x01020304)
	equal(nfct.get_attr_u32(ct, "ipv4-src"), is_little and 0x04030201 or 0x01020304)
	nfct.set_attr_u32(ct, "mark", 0x01020304)
	equal(nfct.get_attr_u32(ct, "mark"), 0x01020304)
	equal(nfct.get_attr_n32(ct, "mark"), is_little and 0x04030201 or 0x01020304)
	nfct.set_attr_n32(ct, "mark", 0x01020304)
	equal(nfct.get_attr_u32(ct, "mark"), is_little and 0x04030201 or 0x01020304)
	nfct.set_attr_u16(ct, "port-dst", nfct.htons(443))
	equal(nfct.get_attr_port(ct, "port-dst"), 443)
	nfct.set_attr_u32(ct, "ipv4-dst", nfct.htonl(0x7f000001))
	equal(nfct.get_attr_ipv4(ct, "ipv4-dst"), "127.0.0.1")
end)

case("ntohs and htons are each other's opposite", function()
	for _, pair in ipairs { { "ntohs", "htons", 0xff00 }, { "ntohl", "htonl", 0xff000102 } } do
		local there, back, value = nfct[pair[1]], nfct[pair[2]], pair[3]
		equal(back(there(value)), value)
		equal(there(value), back(value))
		equal(there(0), 0)
		for _, wrong in ipairs { value * 65536 * 65536, -value * 65536, 1.5, "x", {}, 0 / 0, 1 / 0 } do
			raises("bad argument #1 to '" .. pair[1], there, wrong)
		end
		raises("bad argument #1", there)
	end
	equal(nfct.htons("80"), nfct.htons(80))
end)

case("counters come whole", function()
	local ct = nfct.new()
	for name in words("orig-counter-bytes repl-counter-packets dccp-handshake-seq") do
		nfct.set_attr_u32(ct, name, 5 * 4294967296 + 7)
		equal(nfct.get_attr_u32(ct, name), 5 * 4294967296 + 7)
		refused(ERANGE, nfct.get_attr_n32(ct, name))
	end
end)

case("a value that does not fit is an error, and nothing is cut", function()
	local ct = nfct.new()
	for form, bits in pairs { u8 = 8, u16 = 16, n16 = 16, port = 16, u32 = 32, n32 = 32 } do
		local attr = ({ [8] = "l4proto", [16] = "port-src", [32] = "mark" })[bits]
		local get, put = nfct["get_attr_" .. form], nfct["set_attr_" .. form]
		put(ct, attr, 5)
		for _, wrong in ipairs { 2 ^ bits, -2 ^ bits, 1.5, "x", "", {}, print, true, 0 / 0, 1 / 0, -1 / 0 } do
			raises("bad argument #3 to 'set_attr_" .. form, put, ct, attr, wrong)
		end
		raises("bad argument #3", put, ct, attr)
		equal(get(ct, attr), 5)
		put(ct, attr, -1)
		equal(get(ct, attr), 2 ^ bits - 1)
		put(ct, attr, "7")
		equal(get(ct, attr), 7)
	end
	for _, wrong in ipairs { -1, 1e300, 1 / 0, "x" } do
		raises("bad argument #3", nfct.set_attr_u32, ct, "orig-counter-bytes", wrong)
	end
end)

case("addresses are checked, and belong to one family", function()
	local ct = nfct.new()
	for _, wrong in ipairs { "1.2.3", "1.2.3.4.5", "256.1.1.1", "::1", "", "name", "1.2.3.4\0", 5, {}, true } do
		raises("bad argument #3 to 'set_attr_ipv4'", nfct.set_attr_ipv4, ct, "ipv4-src", wrong)
	end
	for _, wrong in ipairs { "1.2.3.4", ":", ":::", "::1%lo", "fffff::", "::1\0", "", 5, {}, true } do
		raises("bad argument #3 to 'set_attr_ipv6'", nfct.set_attr_ipv6, ct, "ipv6-src", wrong)
	end
	raises("bad argument #3", nfct.set_attr_ipv6, ct, "ipv6-src")
	refused(ENODATA, nfct.get_attr_ipv4(ct, "ipv4-src"))
	nfct.set_attr_ipv6(ct, "ipv6-src", "2001:DB8:0::1")
	equal(nfct.get_attr_ipv6(ct, "ipv6-src"), "2001:db8::1")
	refused(ENODATA, nfct.get_attr_ipv4(ct, "ipv4-src"))
	equal(nfct.get_attr_u32(ct, "ipv4-src"), 0)
	nfct.set_attr_ipv4(ct, "ipv4-src", "1.2.3.4")
	refused(ENODATA, nfct.get_attr_ipv6(ct, "ipv6-src"))
end)

case("families and protocols have all of their names", function()
	local ct, last = nfct.new(), {}
	for form, names in pairs { pf = PF, ipproto = IPPROTO } do
		local get, put = nfct["get_attr_" .. form], nfct["set_attr_" .. form]
		for name in words(names) do
			equal(put(ct, "l4proto", name), ct)
			equal(get(ct, "l4proto"), name)
			local number = nfct.get_attr_u8(ct, "l4proto")
			equal(last[form .. number], nil)
			last[form .. number] = name
			equal(get(put(ct, "l4proto", number), "l4proto"), name)
		end
		for name, other in pairs(SYNONYMS[form]) do
			equal(get(put(ct, "l4proto", name), "l4proto"), other)
		end
		nfct.set_attr_u8(ct, "l4proto", 253)
		equal(get(ct, "l4proto"), 253)
		for _, wrong in ipairs { "inet5", "TCP", "", 256, -1000, 1.5, {}, true } do
			raises("bad argument #3 to 'set_attr_" .. form .. "' %(invalid option", put, ct, "l4proto", wrong)
		end
	end
	equal(nfct.get_attr_u8(nfct.set_attr_pf(ct, "l3proto", "inet"), "l3proto"), 2)
	equal(nfct.get_attr_u8(nfct.set_attr_ipproto(ct, "l4proto", "udplite"), "l4proto"), 136)
end)

case("connections print as there", function()
	local ct = tcp()
	equal(nfct.tostring(ct), LINE)
	equal(nfct.tostring(ct, "new"), "    [NEW] " .. LINE)
	equal(nfct.tostring(ct, "update"), " [UPDATE] " .. LINE)
	equal(nfct.tostring(ct, "destroy"), "[DESTROY] " .. LINE)
	equal(nfct.tostring(nfct.new()), "")
	raises("bad argument #2 to 'tostring' %(invalid option 'all'", nfct.tostring, ct, "all")
end)

case("options set tuples up and undo translations", function()
	local ct = tcp()
	equal(nfct.setobjopt(ct, "setup-reply"), ct)
	equal(nfct.tostring(ct), LINE .. " src=5.6.7.8 dst=1.2.3.4 sport=80 dport=1000")
	nfct.set_attr_ipv4(ct, "orig-ipv4-src", "9.9.9.9")
	nfct.set_attr_port(ct, "orig-port-dst", 9)
	equal(nfct.setobjopt(ct, "setup-original"), ct)
	equal(nfct.get_attr_ipv4(ct, "ipv4-src"), "1.2.3.4")
	equal(nfct.get_attr_port(ct, "port-dst"), 80)
	nfct.set_attr_ipv4(ct, "repl-ipv4-dst", "10.0.0.1")
	nfct.set_attr_port(ct, "repl-port-dst", 4000)
	nfct.set_attr_ipv4(ct, "repl-ipv4-src", "10.0.0.2")
	nfct.set_attr_port(ct, "repl-port-src", 8080)
	for name in words("snat dnat spat dpat") do
		equal(nfct.getobjopt(ct, "is-" .. name), true)
		equal(nfct.setobjopt(ct, "undo-" .. name), ct)
		equal(nfct.getobjopt(ct, "is-" .. name), false)
	end
	equal(nfct.get_attr_ipv4(ct, "snat-ipv4"), "10.0.0.1")
	equal(nfct.get_attr_ipv4(ct, "dnat-ipv4"), "10.0.0.2")
	equal(nfct.get_attr_port(ct, "snat-port"), 4000)
	equal(nfct.get_attr_port(ct, "dnat-port"), 8080)
	refused(ENODATA, nfct.setobjopt(nfct.new(), "setup-reply"))
	raises("invalid option 'undo'", nfct.setobjopt, ct, "undo")
	raises("invalid option 'is%-nat'", nfct.getobjopt, ct, "is-nat")
end)

case("connections are cloned and compared", function()
	local ct = nfct.set_attr_u32(tcp(), "secmark", 5)
	local copy = nfct.clone(ct)
	equal(nfct.get_attr_u32(copy, "secmark"), 5)
	equal(nfct.compare(ct, copy), true)
	equal(nfct.compare(ct, copy, "orig", "strict"), true)
	nfct.set_attr_u32(copy, "mark", 5)
	equal(nfct.compare(ct, copy), true)
	equal(nfct.compare(ct, copy, "meta", "strict", "strict"), false)
	equal(nfct.compare(ct, tcp("1.2.3.5")), false)
	equal(nfct.compare(ct, tcp("1.2.3.5"), "repl"), true)
	raises("bad argument #4 to 'compare'", nfct.compare, ct, copy, "orig", "some")
	raises("bad argument #2 to 'compare'", nfct.compare, ct)
	nfct.destroy(ct)
	equal(nfct.get_attr_port(copy, "port-src"), 1000)
end)

case("expectations print as there", function()
	local mask = tcp("255.255.255.255", 65535)
	local exp = nfct.exp_new(tcp(), tcp("4.4.4.4", 0), mask, 200, "permanent", "userspace", "permanent")
	local line = "200 proto=6 src=4.4.4.4 dst=5.6.7.8 sport=0 dport=80 mask-src=255.255.255.255 " ..
		"mask-dst=5.6.7.8 sport=65535 dport=80 master-src=1.2.3.4 master-dst=5.6.7.8 sport=1000 dport=80"
	equal(nfct.exp_tostring(exp), line .. " PERMANENT,USERSPACE")
	equal(nfct.exp_tostring(exp, "new"), "    [NEW] " .. line .. " PERMANENT,USERSPACE")
	equal(nfct.exp_tostring(nfct.exp_new(tcp(), tcp("4.4.4.4", 0), mask, "200"), "destroy"), "[DESTROY] " .. line)
	raises("bad argument #4 to 'exp_new'", nfct.exp_new, tcp(), tcp(), mask)
	raises("bad argument #4 to 'exp_new'", nfct.exp_new, tcp(), tcp(), mask, 1.5)
	raises("bad argument #6 to 'exp_new' %(invalid option 'forever'", nfct.exp_new, tcp(), tcp(), mask, 1,
		"permanent", "forever")
	raises("bad argument #5 to 'exp_new' %(invalid option 'nil'", nfct.exp_new, tcp(), tcp(), mask, 1, nil)
	raises("bad argument #2 to 'exp_new'", nfct.exp_new, tcp())
	raises("bad argument #3 to 'exp_new'", nfct.exp_new, tcp(), tcp(), exp)
	nfct.exp_destroy(exp)
end)

case("what is no object of the right kind is an error", function()
	local ct = tcp()
	local exp = nfct.exp_new(ct, ct, ct, 1)
	each_function(function(name, kind)
		if kind == "none" or kind == "number" then
			return
		end
		for _, wrong in ipairs { 5, "text", {}, print, true, nfbind.ct(), kind == "ct" and exp or ct } do
			raises("bad argument #1 to '" .. name .. "' %(%a+ ?%a* expected, got ", nfct[name], wrong, wrong, wrong)
		end
		raises("bad argument #1 to '" .. name .. "'", nfct[name])
	end)
	raises("conntrack expected, got expectation", nfct.tostring, exp)
	raises("expectation expected, got conntrack", nfct.exp_tostring, ct)
	raises("conntrack handle expected, got conntrack", nfct.fd, ct)
end)

case("what was destroyed is an error", function()
	local ct = tcp()
	local exp = nfct.exp_new(ct, ct, ct, 1)
	nfct.destroy(ct)
	nfct.exp_destroy(exp)
	each_function(function(name, kind)
		local gone = kind == "ct" and ct or kind == "exp" and exp
		if gone then
			raises("bad argument #1 to '" .. name .. "' %(the %a+ was destroyed", nfct[name], gone, gone, gone)
		end
	end)
end)

case("no attribute of that name", function()
	local ct = tcp()
	for form in pairs(FORMS) do
		for _, wrong in ipairs { "no-such", "ORIG-IPV4-SRC", "", 5, {}, true } do
			raises("bad argument #2 to 'get_attr_" .. form .. "' %(invalid option", nfct["get_attr_" .. form], ct, wrong)
			raises("bad argument #2 to 'set_attr_" .. form .. "' %(invalid option", nfct["set_attr_" .. form], ct, wrong, 1)
		end
		raises("invalid option 'nil'", nfct["get_attr_" .. form], ct)
	end
end)

case("an error points to the program", function()
	local _, message = pcall(function()
		nfct.get_attr_u8(5)
	end)
	equal(message:match("^[^:]*test_nfct_objects.lua:%d+: bad") ~= nil, true)
	_, message = pcall(function()
		nfct.set_attr_ipv4(tcp(), "ipv4-src", "x")
	end)
	equal(message:match("^[^:]*test_nfct_objects.lua:%d+: bad") ~= nil, true)
	raises("bad argument #1 to 'fd'", coroutine.wrap(nfct.fd), 5)
end)

-- Whatever is given, the error is about an argument, and none from inside.
case("calls that nobody would write", function()
	local gone, unpack = nfct.new(), table.unpack or unpack
	nfct.destroy(gone)
	math.randomseed(1)
	local values = { false, true, -1, 0, 5, 70000, 2 ^ 32, 1e300, 0 / 0, "", "text", "inet", "tcp", "mark", "l4proto",
		"ipv4-src", "ipv6-dst", "helper-name", "new", "setup-reply", "1.2.3.4", "::1", {}, print, gone }
	local names = {}
	each_function(function(name)
		names[#names + 1] = name ~= "open" and name or nil
	end)
	table.sort(names)
	for _ = 1, 20000 do
		local ct = tcp()
		local objects = { ct, nfct.exp_new(ct, ct, ct, 1), nfct.clone(ct) }
		local arguments, count = {}, math.random(0, 6)
		for i = 1, count do
			-- One more than there are: nil.
			arguments[i] = i <= 2 and math.random(2) == 1 and objects[math.random(3)] or
				values[math.random(#values + 1)]
		end
		local name = names[math.random(#names)]
		local done, message = pcall(nfct[name], unpack(arguments, 1, count))
		equal(done or message:find("bad argument #%d to '" .. name .. "'") ~= nil or message, true)
	end
end)

case("objects end in any order", function()
	for round = 1, 20 do
		local objects = {}
		for i = 1, 50 do
			local ct = tcp()
			objects[#objects + 1] = ct
			objects[#objects + 1] = nfct.exp_new(ct, nfct.clone(ct), tcp(), i)
			if i % 3 == 0 then
				nfct.destroy(ct)
			end
		end
		for i = round % 4 + 1, #objects, 4 do
			objects[i] = nil
		end
		collectgarbage()
	end
end)

check.finish()
