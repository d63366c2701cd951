-- SPDX-License-Identifier: MIT
-- Every function of the module and every method of every type, called with anything,
-- thousands of times: an error of Lua or a refusal, never a crash.

local check = require "check"
-- Sessions are opened, and what they are told is done.
check.enter_namespace(9000, 5)

local core = require "nfbind.core"

local SEED, CALLS = tonumber(arg[1] or 1), tonumber(arg[2] or 6000)
math.randomseed(SEED)

local UDP = "\69\0\0\33\0\1\0\0\64\17\0\0\127\0\0\1\127\0\0\1\4\210\35\40\0\13\0\0hello"
-- What waits for a packet or ends this process's other tests.
local SKIPPED = { receive = true }

local function pick(list)
	return list[math.random(#list)]
end

-- A packet of a batch, as the kernel of a little-endian machine sends it.
local MESSAGE = "\72\0\0\0\0\3\0\0\0\0\0\0\0\0\0\0\2\0\0\7\11\0\1\0\0\0\0\1\8\0\3\0\37\0\10\0" .. UDP .. "\0\0\0"
local parse, each = core.methods.batch.parse, core.methods.batch.each
local function some_batch()
	return (parse(MESSAGE:rep(math.random(3))))
end

local makers = {}
for name in pairs(core.methods) do
	if type(core[name]) == "function" then
		makers[#makers + 1] = name
	end
end
table.sort(makers)

local alive = {}

local function anything()
	local kind = math.random(14)
	if kind == 1 then
		return nil
	elseif kind <= 3 then
		return pick { 0, 1, 2, 5, 7, 255, 65535, 65536, 2 ^ 31, 2 ^ 32, 2 ^ 53, 2 ^ 64, -1, -2 ^ 31, 0.5, 0 / 0, 1 / 0 }
	elseif kind <= 5 then
		return pick { "", "x", UDP, "mark", "127.0.0.1", "a\0b", ("y"):rep(70000), "18446744073709551615" }
	elseif kind == 6 then
		return pick { {}, { mark = 5 }, { { id = 1 } }, { 1, 2 }, { fail_open = true }, { nothing = 1 } }
	elseif kind == 7 then
		return pick { true, false, print, io.stdout, coroutine.create(function() end) }
	elseif kind == 8 then
		return (core.packet(UDP))
	elseif kind == 13 then
		return some_batch()
	elseif kind == 14 then
		local batch = some_batch()
		return batch and batch[math.random(4)]
	else
		return alive[math.random(#alive + 1)]
	end
end

local function remember(value)
	if type(value) == "userdata" then
		alive[#alive % 40 + 1] = value
	end
end

local function call(target, ...)
	local results = { pcall(target, ...) }
	for i = 2, #results do
		remember(results[i])
	end
end

local function method_of(value)
	local name = getmetatable(value)
	local methods = type(name) == "string" and core.methods[name:match("[^.]+$")]
	local names = {}
	for key in pairs(methods or {}) do
		if not SKIPPED[key] then
			names[#names + 1] = key
		end
	end
	table.sort(names)
	return #names > 0 and methods[pick(names)]
end

local functions = {}
for name, value in pairs(core) do
	if type(value) == "function" then
		functions[#functions + 1] = name
	end
end
table.sort(functions)

-- What comes of a loop is used while others free what it came from.
local function loop(source)
	local left = 10
	for item, one, two in each(source, pick { "id", "payload", "ct", "x" }, "mark") do
		remember(item)
		local other = pick(alive)
		call(method_of(other), other, one, two)
		left = left - 1
		if left == 0 then
			return
		end
	end
end

check.case("anything may be given to everything, seed " .. SEED, function()
	for i = 1, CALLS do
		local choice = math.random(10)
		local object = anything()
		if choice <= 2 then
			call(core[pick(functions)], anything(), anything(), anything())
		elseif choice <= 7 and type(object) == "userdata" and method_of(object) then
			local self = math.random(10) == 1 and anything() or object
			call(method_of(object), self, anything(), anything(), anything())
		elseif choice == 8 then
			pcall(function() object[anything()] = anything() end)
		elseif choice == 9 and math.random(2) == 1 then
			pcall(loop, pick { some_batch(), some_batch, anything })
		elseif choice == 9 then
			pcall(function() remember(object[anything()]) end)
		else
			pcall(function() return #object, tostring(object) end)
		end
		if i % 500 == 0 then
			alive[math.random(40)] = nil
			collectgarbage(pick { "step", "collect" })
		end
	end
end)

check.case("metatables are out of reach", function()
	local packet = core.packet(UDP)
	check.equal(getmetatable(packet), "nfbind.packet")
	check.raises("", setmetatable, packet, {})
end)

check.finish()
