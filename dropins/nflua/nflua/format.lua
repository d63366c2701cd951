-- SPDX-License-Identifier: MIT
-- The formats of string.pack and string.unpack of Lua 5.3, in every Lua, without the
-- floating point ones, which NFLua does not have. What Lua 5.3 has itself does the work
-- there; before, a number that a double does not hold is its decimal text.

local format = {}

local floor, byte, char, sub, rep = math.floor, string.byte, string.char, string.sub, string.rep
local HAS_OWN = math.type ~= nil
local EXACT = 2 ^ 53

-- Sizes and byte order of this machine; Lua 5.1 writes them into its compiled chunks.
local function look_around()
	if HAS_OWN then
		return string.packsize "l", string.pack("=I2", 1) == "\1\0"
	elseif jit then
		local ffi = require "ffi"
		return ffi.sizeof "long", ffi.abi "le"
	end
	local header = string.dump(function() end)
	return byte(header, 9), byte(header, 7) == 1
end
local LONG, IS_LITTLE = look_around()

local INTEGERS = { b = { 1, true }, B = { 1 }, h = { 2, true }, H = { 2 }, l = { LONG, true }, L = { LONG },
	j = { 8, true }, J = { 8 }, T = { LONG } }

local function size_behind(fmt, at, default, most)
	local digits = fmt:match("^%d+", at)
	local size = tonumber(digits) or default
	if not size then
		error("missing size for format option 'c'", 0)
	elseif most and (size < 1 or size > most) then
		error(("integral size (%s) out of limits [1,%d]"):format(digits, most), 0)
	end
	return size, at + #(digits or "")
end

-- One option at `at`: where the next is, its kind, size, and whether it has a sign. Byte
-- order and alignment are kept in `state`.
local function next_option(fmt, at, state)
	local option = sub(fmt, at, at)
	at = at + 1
	local integer = INTEGERS[option]
	if integer then
		return at, "integer", integer[1], integer[2]
	elseif option == "i" or option == "I" then
		local size
		size, at = size_behind(fmt, at, 4, 16)
		return at, "integer", size, option == "i"
	elseif option == "s" then
		local size
		size, at = size_behind(fmt, at, LONG, 16)
		return at, "counted", size
	elseif option == "c" then
		local size
		size, at = size_behind(fmt, at)
		return at, "fixed", size
	elseif option == "z" or option == "x" then
		return at, option, option == "x" and 1 or 0
	elseif option == "X" then
		local kind, size
		if at <= #fmt then
			at, kind, size = next_option(fmt, at, {})
		end
		if not size or size == 0 or kind == "fixed" or kind == "z" then
			error("invalid next option for option 'X'", 0)
		end
		return at, "align", size
	elseif option == "!" then
		state.most, at = size_behind(fmt, at, 8, 16)
	elseif option == "<" or option == ">" or option == "=" then
		state.is_little = option == "<" or option == "=" and IS_LITTLE
	elseif option == "f" or option == "d" or option == "n" then
		error(("format '%s' is not supported"):format(option), 0)
	elseif option ~= " " then
		error(("invalid format option '%s'"):format(option), 0)
	end
	return at
end

-- Bytes to leave out before an option, with `done` bytes before it.
local function padding(kind, size, done, state)
	if kind ~= "integer" and kind ~= "counted" and kind ~= "align" then
		return 0
	end
	local align = math.min(size, state.most)
	if align <= 1 then
		return 0
	end
	local power = align
	while power > 1 do
		power = power / 2
	end
	if power ~= 1 then
		error("format asks for alignment not power of 2", 0)
	end
	return (align - done % align) % align
end

-- Each option but those that only set something: kind, size, sign, byte order, padding.
local function options(fmt)
	local at, state = 1, { most = 1, is_little = IS_LITTLE }
	return function(done)
		while at <= #fmt do
			local kind, size, is_signed
			at, kind, size, is_signed = next_option(fmt, at, state)
			if kind then
				return kind, size, is_signed, state.is_little, padding(kind, size, done, state)
			end
		end
	end
end

-- The decimal digits of bytes, the highest first.
local function decimal(bytes)
	local digits = { 0 } -- in groups of seven, the lowest first
	for _, value in ipairs(bytes) do
		for i = 1, #digits do
			value = value + digits[i] * 256
			digits[i] = value % 10000000
			value = floor(value / 10000000)
		end
		if value > 0 then
			digits[#digits + 1] = value
		end
	end
	local text = ("%d"):format(digits[#digits])
	for i = #digits - 1, 1, -1 do
		text = text .. ("%07d"):format(digits[i])
	end
	return text
end

-- The integer in a string, by arithmetic.
local function read_integer(data, is_signed, is_little)
	local bytes, value = { byte(is_little and data:reverse() or data, 1, -1) }, 0
	local is_negative = is_signed and bytes[1] >= 128
	if is_negative then -- its opposite: all bits turned, and one more
		local carry = 1
		for i = #bytes, 1, -1 do
			local turned = 255 - bytes[i] + carry
			bytes[i], carry = turned % 256, turned > 255 and 1 or 0
		end
	end
	local fits = true
	for i, each in ipairs(bytes) do
		fits = fits and (i > #bytes - 8 or each == 0)
		value = value * 256.0 + each
	end
	if is_signed and #bytes > 8 and bytes[#bytes - 7] >= 128 then
		fits = fits and is_negative and decimal(bytes) == "9223372036854775808"
	end
	if not fits then
		error(("%d-byte integer does not fit into Lua Integer"):format(#bytes), 0)
	end
	if value < EXACT then
		return is_negative and -value or value
	end
	return (is_negative and "-" or "") .. decimal(bytes)
end

local function write_integer(value, size, is_signed, is_little)
	if type(value) ~= "number" or value ~= floor(value) or value >= EXACT or value <= -EXACT then
		error("number has no integer representation", 0)
	end
	local half = 2 ^ (size * 8 - 1)
	if is_signed and (value >= half or value < -half) then
		error("integer overflow", 0)
	elseif not is_signed and size < 8 and (value < 0 or value >= half * 2) then
		error("unsigned overflow", 0)
	end
	local bytes = {}
	for i = 1, size do
		bytes[i] = char(value % 256)
		value = floor(value / 256)
	end
	local text = table.concat(bytes)
	return is_little and text or text:reverse()
end

if HAS_OWN then
	function write_integer(value, size, is_signed, is_little)
		return string.pack((is_little and "<" or ">") .. (is_signed and "i" or "I") .. size, value)
	end
end

-- One value at `at`, and where the next one is.
local function read(data, at, kind, size, is_signed, is_little)
	local last = at + size - 1
	if last > #data then
		error("data string too short", 0)
	end
	if kind == "integer" then
		return last + 1, read_integer(sub(data, at, last), is_signed, is_little)
	elseif kind == "fixed" then
		return last + 1, sub(data, at, last)
	elseif kind == "counted" then
		local len = read_integer(sub(data, at, last), false, is_little)
		if type(len) == "string" or last + len > #data then
			error("data string too short", 0)
		end
		return last + 1 + len, sub(data, last + 1, last + len)
	elseif kind == "z" then
		local zero = data:find("\0", at, true)
		if not zero then
			error("unfinished string for format 'z'", 0)
		end
		return zero + 1, sub(data, at, zero - 1)
	end
	return kind == "x" and at + 1 or at
end

local function start(data, position)
	local at = position or 1
	if type(at) ~= "number" or at ~= floor(at) then
		error("position is not a whole number", 0)
	end
	at = at > 0 and at or at == 0 and 1 or -at > #data and 1 or #data + at + 1
	if at > #data + 1 then
		error("initial position out of string", 0)
	end
	return at
end

local unpack_table = table.unpack or unpack

-- As string.unpack: the values, and where the next one would be. Errors carry no place.
function format.unpack(fmt, data, position)
	local at, values, count = start(data, position), {}, 0
	local next_one = options(fmt)
	while true do
		local kind, size, is_signed, is_little, pad = next_one(at - 1)
		if not kind then
			break
		end
		at = at + pad
		if at > #data + 1 then
			error("data string too short", 0)
		end
		if kind ~= "align" then
			local value
			at, value = read(data, at, kind, size, is_signed, is_little)
			if value ~= nil then
				count = count + 1
				values[count] = value
			end
		end
	end
	values[count + 1] = at
	return unpack_table(values, 1, count + 1)
end

format.unpack_by_hand = format.unpack
if HAS_OWN then
	function format.unpack(fmt, data, position)
		local float = fmt:match("[fdn]")
		if float then
			error(("format '%s' is not supported"):format(float), 0)
		end
		local values = table.pack(pcall(string.unpack, fmt, data, start(data, position)))
		if not values[1] then
			error(values[2]:match("%((.*)%)$") or values[2], 0)
		end
		return table.unpack(values, 2, values.n)
	end
end

local function write(value, kind, size, is_signed, is_little)
	if kind == "integer" then
		return write_integer(value, size, is_signed, is_little)
	elseif type(value) ~= "string" then
		error(("string expected, got %s"):format(type(value)), 0)
	elseif kind == "fixed" then
		if #value > size then
			error("string longer than given size", 0)
		end
		return value .. rep("\0", size - #value)
	elseif kind == "counted" then
		return write_integer(#value, size, false, is_little) .. value
	elseif value:find("\0", 1, true) then
		error("string contains zeros", 0)
	end
	return value .. "\0"
end

-- The bytes of one option after the other, with `done` bytes before, for as long as
-- `take` wants more; it gets the bytes and how many values they hold.
function format.pack_each(fmt, done, values, take)
	local used = 0
	local next_one = options(fmt)
	while true do
		local kind, size, is_signed, is_little, pad = next_one(done)
		if not kind then
			return true
		end
		local text, count = rep("\0", pad), 0
		if kind == "x" then
			text = text .. "\0"
		elseif kind ~= "align" then
			used, count = used + 1, 1
			text = text .. write(values[used], kind, size, is_signed, is_little)
		end
		if not take(text, count) then
			return false
		end
		done = done + #text
	end
end

return format
