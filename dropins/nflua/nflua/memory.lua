-- SPDX-License-Identifier: MIT
-- Memories: bytes that can be changed, with the functions and index rules of the rock
-- `memory`. This file stands in where the rock is not installed; nflua.lua prefers the
-- rock. A memory is a userdata in Lua 5.1, whose tables have no length of their own.

local format = require "nflua.format"

local memory = {}
local contents = setmetatable({}, { __mode = "k" }) -- bytes of each, as a string
local resizable = setmetatable({}, { __mode = "k" })
local meta = { __index = memory, __name = "memory" }

local new
if newproxy then
	local first = newproxy(true)
	local shared = getmetatable(first)
	function new() return newproxy(first) end
	meta = shared
	meta.__index, meta.__name = memory, "memory"
else
	function new() return setmetatable({}, meta) end
end
meta.__metatable = "memory"

local function fail(position, name, text)
	error(("bad argument #%d to '%s' (%s)"):format(position, name, text), 3)
end

local function check(value, position, name)
	local bytes = contents[value]
	if not bytes then
		error(("bad argument #%d to '%s' (memory expected, got %s)"):format(position, name, type(value)), 3)
	end
	return bytes
end

-- The bytes of a memory or string.
local function bytes_of(value, position, name)
	local bytes = type(value) == "string" and value or value ~= nil and contents[value]
	if not bytes then
		error(("bad argument #%d to '%s' (string or memory expected, got %s)"):format(position, name,
			type(value)), 3)
	end
	return bytes
end

local function index(value, default, len, position, name)
	value = value == nil and default or value
	if type(value) ~= "number" or value ~= math.floor(value) then
		error(("bad argument #%d to '%s' (whole number expected, got %s)"):format(position, name,
			type(value)), 3)
	end
	return value < 0 and len + value + 1 or value
end

-- The rules of find and fill: i and j have to be positions of the `len` bytes, o at least 1.
local function range(len, i, j, o, other, position, name)
	i = index(i, 1, len, position, name)
	j = index(j, -1, len, position + 1, name)
	o = index(o, 1, other, position + 2, name)
	if i < 1 or i > len then
		error(("bad argument #%d to '%s' (index out of bounds)"):format(position, name), 3)
	elseif j < 1 or j > len then
		error(("bad argument #%d to '%s' (index out of bounds)"):format(position + 1, name), 3)
	end
	return i, j, o < 1 and 1 or o
end

local function put(m, at, text)
	local bytes = contents[m]
	contents[m] = bytes:sub(1, at - 1) .. text .. bytes:sub(at + #text)
end

function memory.create(s, i, j)
	local m = new()
	if s == nil then
		contents[m], resizable[m] = "", true
	elseif type(s) == "number" then
		if s < 0 or s ~= math.floor(s) or s > 2 ^ 31 then
			fail(1, "create", "invalid size")
		end
		contents[m] = ("\0"):rep(s)
	else
		local bytes = bytes_of(s, 1, "create")
		contents[m] = bytes:sub(index(i, 1, #bytes, 2, "create"), index(j, -1, #bytes, 3, "create"))
	end
	return m
end

function memory.resize(m, len, fill)
	local bytes = check(m, 1, "resize")
	if not resizable[m] then
		fail(1, "resize", "resizable memory expected")
	elseif type(len) ~= "number" or len < 0 or len ~= math.floor(len) or len > 2 ^ 31 then
		fail(2, "resize", "invalid size")
	end
	fill = fill == nil and "\0" or bytes_of(fill, 3, "resize")
	local missing = len - #bytes
	if missing > 0 then
		fill = #fill == 0 and "\0" or fill
		bytes = bytes .. fill:rep(math.ceil(missing / #fill)):sub(1, missing)
	end
	contents[m] = bytes:sub(1, len)
end

function memory.type(m)
	if m ~= nil and contents[m] then
		return resizable[m] and "resizable" or "fixed"
	end
end

function memory.len(m)
	return #check(m, 1, "len")
end

function memory.diff(m1, m2)
	local a, b = bytes_of(m1, 1, "diff"), bytes_of(m2, 2, "diff")
	local first
	for i = 1, math.max(#a, #b) do
		if a:byte(i) ~= b:byte(i) then
			first = i
			break
		end
	end
	if not first then
		return nil, false
	end
	return first, (a:byte(first) or -1) < (b:byte(first) or -1)
end

function memory.get(m, i, j)
	local bytes = check(m, 1, "get")
	i = index(i, 1, #bytes, 2, "get")
	j = index(j, i, #bytes, 3, "get")
	return bytes:byte(math.max(i, 1), math.max(math.min(j, #bytes), 0))
end

function memory.set(m, i, ...)
	local bytes = check(m, 1, "set")
	i = index(i, nil, #bytes, 2, "set")
	if i < 1 or i > #bytes then
		fail(2, "set", "index out of bounds")
	end
	local values = {}
	for n = 1, math.min(select("#", ...), #bytes - i + 1) do
		local value = select(n, ...)
		if type(value) ~= "number" or value ~= math.floor(value) then
			fail(2 + n, "set", "whole number expected, got " .. type(value))
		end
		values[n] = string.char(value % 256)
	end
	put(m, i, table.concat(values))
end

function memory.fill(m, s, i, j, o)
	local bytes = check(m, 1, "fill")
	if type(s) == "number" then
		s, o = string.char(s % 256), 1
	else
		s = bytes_of(s, 2, "fill")
	end
	i, j, o = range(#bytes, i, j, o, #s, 3, "fill")
	if i <= j and o <= #s then
		local count = j - i + 1
		local piece = s:sub(o)
		put(m, i, piece:rep(math.ceil(count / #piece)):sub(1, count))
	end
end

function memory.find(m, s, i, j, o)
	local bytes, wanted = bytes_of(m, 1, "find"), bytes_of(s, 2, "find")
	i, j, o = range(#bytes, i, j, o, #wanted, 3, "find")
	if i > j or o > #wanted then
		return nil
	end
	return (bytes:sub(1, j):find(wanted:sub(o), i, true))
end

function memory.tostring(m, i, j)
	local bytes = bytes_of(m, 1, "tostring")
	return bytes:sub(index(i, 1, #bytes, 2, "tostring"), index(j, -1, #bytes, 3, "tostring"))
end

-- Whether all values fitted, where the next byte goes, and the values that did not.
function memory.pack(m, fmt, i, ...)
	local bytes = check(m, 1, "pack")
	local at, used, values = index(i, nil, #bytes, 3, "pack"), 0, { ... }
	if at < 1 or at > #bytes + 1 then
		fail(3, "pack", "index out of bounds")
	end
	local done, fitted = pcall(format.pack_each, fmt, at - 1, values, function(text, count)
		if at + #text - 1 > #bytes then
			return false
		end
		put(m, at, text)
		at, used = at + #text, used + count
		return true
	end)
	if not done then
		fail(used + 4, "pack", fitted)
	end
	return fitted, at, select(used + 1, ...)
end

function memory.unpack(m, fmt, i)
	local bytes = bytes_of(m, 1, "unpack")
	local values = { pcall(format.unpack, fmt, bytes, i) }
	if not values[1] then
		fail(2, "unpack", values[2])
	end
	return (table.unpack or unpack)(values, 2)
end

meta.__len = memory.len
meta.__tostring = function(m) return contents[m] end
meta.__concat = function(a, b)
	return bytes_of(a, 1, "concat") .. bytes_of(b, 2, "concat")
end
memory.range = range

return memory
