-- SPDX-License-Identifier: MIT
-- What nfq and nfct share: objects of a kind, options that are strings, and how a session
-- is waited for.

local shared = {}

local EAGAIN, EINTR, ESHUTDOWN, ECANCELED = 11, 4, 108, 125
-- Milliseconds of a wait; then Lua looks whether there was a signal.
local A_WHILE = 500

-- Objects are tables of a kind, so that a wrong one is an error and no crash.
local kinds = setmetatable({}, { __mode = "k" })

function shared.kind(name)
	return { __name = name, __metatable = name }
end

function shared.make(of, object)
	kinds[object] = of
	return setmetatable(object, of)
end

-- Errors point to the program that called: to what is none of these files.
local sources = { ["=(tail call)"] = true, ["=[C]"] = true }

function shared.add_source(level)
	sources[debug.getinfo(level + 1, "S").source] = true
end
shared.add_source(1)

-- The error of an argument of the function that the program called.
function shared.bad(position, name, ...)
	local level, at = 1, nil
	repeat
		level = level + 1
		at = debug.getinfo(level, "S")
	until not at or not sources[at.source]
	error(("bad argument #%d to '%s' (%s)"):format(position, name, string.format(...)), level)
end

-- What `gone` says of an object is why it cannot be used any more.
function shared.check(object, of, position, name)
	local is = type(object) == "table" and kinds[object]
	if is ~= of then
		shared.bad(position, name, "%s expected, got %s", of.__name, is and is.__name or type(object))
	elseif object.gone then
		shared.bad(position, name, "the %s was %s", of.__name, object.gone)
	end
	return object
end

function shared.option(value, values, default, position, name)
	value = value == nil and default or value
	local result = type(value) == "string" and values[value]
	if not result then
		shared.bad(position, name, "invalid option '%s'", tostring(value))
	end
	return result
end

-- What a session receives; or nil, message, errno.
function shared.receive(session, is_blocking)
	while true do
		local got, message, errno = session:receive(is_blocking and A_WHILE or 0)
		if got then
			return got
		elseif errno == ESHUTDOWN or errno == ECANCELED then
			return nil, "closed"
		elseif errno and errno ~= EINTR and errno ~= EAGAIN then
			return nil, message, errno
		elseif not is_blocking then
			return nil, "timeout", EAGAIN
		end
	end
end

-- Numbers in memory.

local function is_little_endian()
	if string.pack then
		return string.pack("=I2", 1):byte() == 1
	elseif rawget(_G, "jit") then
		return require("ffi").abi("le")
	end
	return string.dump(function() end):byte(7) == 1
end

local IS_LITTLE = is_little_endian()
local VALUES = { [8] = 256, [16] = 65536, [32] = 4294967296 }

-- Between host and network order; a number that is too wide has none.
function shared.swap(value, bits)
	local result, rest = 0, value
	if not IS_LITTLE then
		return value
	end
	for _ = 1, bits / 8 do
		result = result * 256 + rest % 256
		rest = math.floor(rest / 256)
	end
	return rest == 0 and result or nil
end

-- A whole number that fits, as an unsigned one: -1 is all bits. Else nil.
function shared.whole(value, bits)
	local number = tonumber(value)
	if not number or number % 1 ~= 0 then
		return nil
	elseif not VALUES[bits] then
		return number >= 0 and math.floor(number) or nil
	elseif number < -VALUES[bits] / 2 or number >= VALUES[bits] then
		return nil
	end
	return math.floor(number) % VALUES[bits]
end

-- Names of numbers: where several have one number, the first is its name.

local function names(text)
	local result = { numbers = {}, names = {} }
	for name, number in text:gmatch("(%w+)=(%d+)") do
		number = math.floor(tonumber(number))
		result.numbers[name] = number
		result.names[number] = result.names[number] or name
	end
	return result
end

shared.pf = names [[
	unspec=0 local=1 unix=1 file=1 inet=2 ax25=3 ipx=4 appletalk=5 netrom=6 bridge=7 atmpvc=8
	x25=9 inet6=10 rose=11 decnet=12 netbeui=13 security=14 key=15 netlink=16 route=16
	packet=17 ash=18 econet=19 atmsvc=20 rds=21 sna=22 irda=23 pppox=24 wanpipe=25 llc=26
	can=29 tipc=30 bluetooth=31 iucv=32 rxrpc=33 isdn=34 phonet=35 ieee802154=36
]]

shared.ipproto = names [[
	ip=0 hopopts=0 icmp=1 igmp=2 ipip=4 tcp=6 egp=8 pup=12 udp=17 idp=22 tp=29 dccp=33 ipv6=41
	routing=43 fragment=44 rsvp=46 gre=47 esp=50 ah=51 icmpv6=58 none=59 dstopts=60 mtp=92
	encap=98 pim=103 comp=108 sctp=132 udplite=136 raw=255
]]

return shared
