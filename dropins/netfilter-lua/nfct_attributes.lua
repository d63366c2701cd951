-- SPDX-License-Identifier: MIT
-- The attributes of nfct by the names that netfilter-lua gives them: where nfbind keeps
-- each, how wide it is, and whether there it lies in network order in memory. That order
-- is what `u16` and `u32` show; `n16`, `n32` and `port` show it turned around.

local shared = require "netfilter_lua"
local ERANGE, ENODATA = 34, 61

shared.add_source(1)

local attributes = {}

-- name, field of nfbind, kind; an alias has the name that it stands for.
local ROWS = [[
	orig-ipv4-src orig-src ipv4
	orig-ipv4-dst orig-dst ipv4
	repl-ipv4-src repl-src ipv4
	repl-ipv4-dst repl-dst ipv4
	orig-ipv6-src orig-src ipv6
	orig-ipv6-dst orig-dst ipv6
	repl-ipv6-src repl-src ipv6
	repl-ipv6-dst repl-dst ipv6
	orig-port-src orig-port-src port
	orig-port-dst orig-port-dst port
	repl-port-src repl-port-src port
	repl-port-dst repl-port-dst port
	icmp-type orig-icmp-type u8
	icmp-code orig-icmp-code u8
	icmp-id orig-icmp-id port
	orig-l3proto orig-l3proto u8
	repl-l3proto repl-l3proto u8
	orig-l4proto orig-l4proto u8
	repl-l4proto repl-l4proto u8
	tcp-state tcp-state u8
	snat-ipv4 snat ipv4
	dnat-ipv4 dnat ipv4
	snat-port snat-port port
	dnat-port dnat-port port
	timeout timeout u32
	mark mark u32
	orig-counter-packets orig-counter-packets u64
	repl-counter-packets repl-counter-packets u64
	orig-counter-bytes orig-counter-bytes u64
	repl-counter-bytes repl-counter-bytes u64
	use use u32
	id id u32
	status status u32
	tcp-flags-orig tcp-flags-orig u8
	tcp-flags-repl tcp-flags-repl u8
	tcp-mask-orig tcp-mask-orig u8
	tcp-mask-repl tcp-mask-repl u8
	master-ipv4-src master-src ipv4
	master-ipv4-dst master-dst ipv4
	master-ipv6-src master-src ipv6
	master-ipv6-dst master-dst ipv6
	master-port-src master-port-src port
	master-port-dst master-port-dst port
	master-l3proto master-l3proto u8
	master-l4proto master-l4proto u8
	secmark - u32
	orig-nat-seq-correction-pos orig-seq-position u32
	orig-nat-seq-offset-before orig-seq-before u32
	orig-nat-seq-offset-after orig-seq-after u32
	repl-nat-seq-correction-pos repl-seq-position u32
	repl-nat-seq-offset-before repl-seq-before u32
	repl-nat-seq-offset-after repl-seq-after u32
	sctp-state sctp-state u8
	sctp-vtag-orig sctp-vtag-orig u32
	sctp-vtag-repl sctp-vtag-repl u32
	helper-name helper-name text
	dccp-state dccp-state u8
	dccp-role dccp-role u8
	dccp-handshake-seq dccp-handshake-seq u64
	ipv4-src = orig-ipv4-src
	ipv4-dst = orig-ipv4-dst
	ipv6-src = orig-ipv6-src
	ipv6-dst = orig-ipv6-dst
	port-src = orig-port-src
	port-dst = orig-port-dst
	l3proto = orig-l3proto
	l4proto = orig-l4proto
]]

local KINDS = {
	u8 = { bits = 8, text = "a number of 8 bits" },
	u32 = { bits = 32, text = "a number of 32 bits" },
	-- The document calls the counters 32 bits wide; here they come whole.
	u64 = { bits = 32, holds = 64, text = "a number of 64 bits" },
	port = { bits = 16, is_network = true, text = "a number of 16 bits" },
	ipv4 = { bits = 32, is_network = true, address = "ipv4", text = "an IPv4 address" },
	ipv6 = { address = "ipv6", text = "an IPv6 address" },
	text = { text = "a name" },
}

local all = {}
for name, field, kind in ROWS:gmatch("(%S+) (%S+) (%S+)\n") do
	all[name] = field == "=" and all[kind] or
		{ name = name, field = field ~= "-" and field or nil, kind = KINDS[kind] }
end

local function text_of(number)
	local parts = {}
	for i = 4, 1, -1 do
		parts[i] = ("%d"):format(number % 256)
		number = math.floor(number / 256)
	end
	return table.concat(parts, ".")
end

local function number_of(text)
	local number = 0
	for part in text:gmatch("%d+") do
		number = number * 256 + math.floor(tonumber(part))
	end
	return number
end

local function is_ipv6(text)
	return text:find(":", 1, true) ~= nil
end

-- The value of an attribute; nil where it is absent, or an address of the other family.
local function read(ct, attribute)
	local value
	if attribute.field then
		value = ct.inner[attribute.field]
	else
		value = ct.secmark
	end
	local family = attribute.kind.address
	if value and family and is_ipv6(value) ~= (family == "ipv6") then
		return nil
	end
	return value
end

local function write(ct, attribute, value)
	if attribute.field then
		ct.inner[attribute.field] = value
	else
		ct.secmark = value
	end
end

-- In host order: what the attribute means, an address by its four bytes.
local function read_number(ct, attribute)
	local value = read(ct, attribute)
	if value and attribute.kind.address then
		return number_of(value)
	end
	return value or 0
end

local function write_number(ct, attribute, value)
	write(ct, attribute, attribute.kind.address and text_of(value) or value)
end

-- Pairs of functions: the attributes they are for, the value as it is shown, and back, which
-- is false for a value that does not fit.

-- A number as it lies in memory there, or turned around; nil where it is too wide for that.
local function turn(attribute, turns, value)
	if (attribute.kind.is_network or false) == turns then
		return value
	end
	return shared.swap(value, attribute.kind.bits)
end

local function number_access(bits, turns)
	return {
		by = "bits", is = bits, refusal = "%s is wanted, not '%s'",
		get = function(ct, attribute)
			local value = turn(attribute, turns, read_number(ct, attribute))
			if not value then
				return nil, ("the value of '%s' has more than 32 bits"):format(attribute.name), ERANGE
			end
			return value
		end,
		set = function(ct, attribute, value)
			local number = shared.whole(value, attribute.kind.holds or bits)
			number = number and turn(attribute, turns, number)
			return number and pcall(write_number, ct, attribute, number)
		end,
	}
end

local function address_access(family)
	return {
		by = "address", is = family, refusal = "%s is wanted, not '%s'",
		get = function(ct, attribute)
			local value = read(ct, attribute)
			if not value then
				return nil, ("the attribute '%s' is absent"):format(attribute.name), ENODATA
			end
			return value
		end,
		set = function(ct, attribute, value)
			return type(value) == "string" and is_ipv6(value) == (family == "ipv6") and
				pcall(write, ct, attribute, value)
		end,
	}
end

-- A value without a name is a number.
local function name_access(known)
	return {
		by = "bits", is = 8, refusal = "invalid option, %s has no name '%s'",
		get = function(ct, attribute)
			local value = read_number(ct, attribute)
			return known.names[value] or value
		end,
		set = function(ct, attribute, value)
			local number = known.numbers[value] or type(value) == "number" and shared.whole(value, 8)
			return number and pcall(write_number, ct, attribute, number)
		end,
	}
end

local ACCESS = {
	u8 = number_access(8, false), u16 = number_access(16, false), u32 = number_access(32, false),
	n16 = number_access(16, true), n32 = number_access(32, true), port = number_access(16, true),
	ipv4 = address_access "ipv4", ipv6 = address_access "ipv6",
	pf = name_access(shared.pf), ipproto = name_access(shared.ipproto),
}

-- Give the module get_attr_* and set_attr_*, for objects of the class `Ct`.
function attributes.add_to(module, Ct)
	for suffix, access in pairs(ACCESS) do
		local get, put = "get_attr_" .. suffix, "set_attr_" .. suffix

		local function find(ct, attr, name)
			shared.check(ct, Ct, 1, name)
			local attribute = shared.option(attr, all, nil, 2, name)
			if attribute.kind[access.by] ~= access.is then
				shared.bad(2, name, "'%s' is %s", attr, attribute.kind.text)
			end
			return attribute
		end

		module[get] = function(ct, attr)
			return access.get(ct, (find(ct, attr, get)))
		end
		module[put] = function(ct, attr, value)
			local attribute = find(ct, attr, put)
			if not access.set(ct, attribute, value) then
				shared.bad(3, put, access.refusal, attribute.kind.text, tostring(value))
			end
			return ct
		end
	end
end

return attributes
