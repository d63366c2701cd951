-- SPDX-License-Identifier: MIT
-- The same table, seen by nfct here and by the library below the original one: each entry
-- prints as the same line, and all attributes have the same numbers. `test_home.lua PROGRAM`.

local check = require "check"
check.enter_namespace(nil, nil, "OUTPUT -m conntrack --ctstate INVALID -j ACCEPT")

require "nfct"
local nfbind = require "nfbind"
local case, equal = check.case, check.equal

os.execute("echo 1 >/proc/sys/net/netfilter/nf_conntrack_acct")

local ANY = { orig_src = "10.0.0.1", orig_dst = "10.0.0.2", timeout = 1000 }
local V6 = { orig_src = "fd00::1", orig_dst = "fd00::2", timeout = 1000 }

local function with(fields, more)
	local all = {}
	for _, part in ipairs { fields, more } do
		for name, value in pairs(part) do
			all[name] = value
		end
	end
	return all
end

local TCP = with(ANY, { orig_l4proto = 6, orig_port_src = 1000, orig_port_dst = 80, tcp_state = 3 })
local ENTRIES = {
	with(TCP, { mark = 0x01020304, status = 14 }),
	with(TCP, { orig_port_src = 1001, helper_name = "ftp", status = 14 }),
	with(TCP, { orig_port_src = 1002, snat = "10.0.0.9", snat_port = 4000 }),
	with(TCP, { orig_port_src = 1003, dnat = "10.0.0.8", dnat_port = 8080 }),
	with(TCP, { orig_port_src = 1004, tcp_flags_orig = 8, tcp_mask_orig = 8, tcp_flags_repl = 8,
		tcp_mask_repl = 8 }),
	with(TCP, { orig_port_src = 1005, master_src = "10.0.0.1", master_dst = "10.0.0.2", master_l4proto = 6,
		master_port_src = 1001, master_port_dst = 80 }),
	with(ANY, { orig_l4proto = 17, orig_port_src = 1000, orig_port_dst = 53 }),
	with(ANY, { orig_l4proto = 1, orig_icmp_type = 8, orig_icmp_code = 0, orig_icmp_id = 0x0102 }),
	with(ANY, { orig_l4proto = 132, orig_port_src = 5, orig_port_dst = 6, sctp_state = 3,
		sctp_vtag_orig = 0x01020304, sctp_vtag_repl = 5 }),
	with(ANY, { orig_l4proto = 253 }),
	with(V6, { orig_l4proto = 17, orig_port_src = 1, orig_port_dst = 2 }),
	with(V6, { orig_l4proto = 58, orig_icmp_type = 128, orig_icmp_code = 0, orig_icmp_id = 7 }),
}

-- Seconds go by between both looks.
local function without_time(line)
	return (line:gsub("^(.-%] %S+ +%d+) %d+ ", "%1 "))
end

-- line: { name = { bits, number } }
local function home()
	local pipe, result, last = assert(io.popen(arg[1])), {}, nil
	for line in pipe:lines() do
		local name, bits, number = line:match("^(%S+) (%d+) (%d+)$")
		if name then
			result[last][name] = { bits, math.floor(tonumber(number)) }
		else
			last = without_time(line)
			result[last] = {}
		end
	end
	pipe:close()
	return result
end

case("all entries and attributes are as there", function()
	local session = assert(nfbind.conntrack {})
	for _, entry in ipairs(ENTRIES) do
		assert(session:add_ct(entry))
	end
	local theirs, count = home(), 0
	local handle = assert(nfct.open("conntrack"))
	nfct.ct_callback_register(handle, function(kind, ct)
		local line = without_time(nfct.tostring(ct, kind))
		equal(theirs[line] and line, line)
		for name, value in pairs(theirs[line]) do
			equal(name .. " " .. nfct["get_attr_u" .. value[1]](ct, name), name .. " " .. value[2])
		end
		count = count + 1
	end)
	assert(nfct.query(handle, "dump"))
	equal(count, #ENTRIES)
	nfct.close(handle)
end)

check.finish()
