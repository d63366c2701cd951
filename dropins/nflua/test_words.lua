-- SPDX-License-Identifier: MIT
-- What needs no kernel: formats, memories, and packets that were made or recorded.

local check = require "check"
local case, equal, raises = check.case, check.equal, check.raises

local nfbind = require "nfbind"
local checksum = require "nflua.checksum"
local format = require "nflua.format"
local memory = require "nflua.memory"
local packets = require "nflua.packet"
local unpack = table.unpack or unpack
local HAS_OWN = math.type ~= nil

local function same(is, ...)
	local wanted = { ... }
	equal(#is, #wanted)
	for i = 1, #wanted do
		equal(is[i], wanted[i])
	end
end

-- ---- formats ------------------------------------------------------------------

local FORMATS = {
	{ "B", "\255", 255, 2 }, { "b", "\255", -1, 2 }, { "b", "\128", -128, 2 }, { ">H", "\1\2", 258, 3 },
	{ "<H", "\1\2", 513, 3 }, { ">h", "\255\254", -2, 3 }, { ">I3", "\1\0\0", 65536, 4 },
	{ ">i3", "\255\255\253", -3, 4 }, { ">I", "\255\255\255\255", 4294967295, 5 },
	{ ">i4", "\128\0\0\0", -2147483648, 5 }, { ">I7", "\31\255\255\255\255\255\255", 9007199254740991, 8 },
	{ ">j", "\255\255\255\255\255\255\255\254", -2, 9 }, { "<I16", "\5" .. ("\0"):rep(15), 5, 17 },
	{ "<i16", "\251" .. ("\255"):rep(15), -5, 17 }, { "s1", "\3abcd", "abc", 5 }, { ">s2", "\0\2ab", "ab", 5 },
	{ "z", "ab\0cd", "ab", 4 }, { "c3", "abcd", "abc", 4 }, { "c0", "a", "", 1 }, { "xB", "\1\2", 2, 3 },
	{ "!4 B >I4", "\1\0\0\0\0\0\0\2", 1, 2, 9 }, { "!2 B >I4", "\1\0\0\0\0\2", 1, 2, 7 },
	{ "!4 B Xi4", "\1\0\0\0", 1, 5 }, { "B >H <H B", "\1\2\3\2\3\4", 1, 515, 770, 4, 7 }, { "", "", 1 },
	{ "! B j", "\1" .. ("\0"):rep(15), 1, 0, 17 }, { "= >", "", 1 },
}

case("each format option gives its value", function()
	for _, each in ipairs(FORMATS) do
		local wanted = { unpack(each, 3) }
		same({ format.unpack(each[1], each[2]) }, unpack(wanted))
		same({ format.unpack_by_hand(each[1], each[2]) }, unpack(wanted))
	end
end)

case("numbers that a double does not hold are whole all the same", function()
	local text = { format.unpack_by_hand(">I8 i8", ("\255"):rep(8) .. "\128" .. ("\0"):rep(7)) }
	same(text, "18446744073709551615", "-9223372036854775808", 17)
	if not HAS_OWN then
		same({ format.unpack(">I8", ("\255"):rep(8)) }, "18446744073709551615", 9)
	else
		same({ format.unpack(">I8", ("\255"):rep(8)) }, -1, 9)
	end
end)

case("positions count from both ends", function()
	same({ format.unpack("B", "\1\2\3", 2) }, 2, 3)
	same({ format.unpack("B", "\1\2\3", -1) }, 3, 4)
	same({ format.unpack("B", "\1\2\3", -9) }, 1, 2)
	same({ format.unpack("", "\1\2\3", 4) }, 4)
	for _, each in ipairs { format.unpack, format.unpack_by_hand } do
		raises("out of string", each, "", "\1\2\3", 5)
		raises("whole number", each, "B", "\1", 1.5)
		raises("whole number", each, "B", "\1", "x")
	end
end)

case("formats that cannot be are errors", function()
	for _, each in ipairs { format.unpack, format.unpack_by_hand } do
		for _, float in ipairs { "f", "d", "n", ">Bf", "Xd" } do
			raises("format '.' is not supported", each, float, ("\0"):rep(20))
		end
		raises("too short", each, "I4", "\1\2\3")
		raises("too short", each, "s1", "\5ab")
		raises(_VERSION == "Lua 5.3" and each == format.unpack and "" or "too short", each, "s8", ("\255"):rep(8))
		raises("out of limits", each, "i17", ("\0"):rep(20))
		raises("out of limits", each, "I0", "")
		raises("invalid format option 'y'", each, "y", "")
		raises("missing size", each, "c", "abc")
		raises("not power of 2", each, "!8 i3", "abc")
		raises("does not fit", each, "I9", ("\255"):rep(9))
		raises("invalid next option", each, "Xz", "")
		raises("invalid next option", each, "X", "")
	end
	raises("unfinished string", format.unpack_by_hand, "z", "ab")
end)

-- Lua 5.3's own function says what is right.
case("any format on any bytes gives what Lua 5.3 gives", function()
	if not HAS_OWN then
		return
	end
	local options = { "b", "B", "h", "H", "l", "L", "j", "J", "T", "i", "I", "i3", "I5", "i7", "i8", "I8", "i12", "I16",
		"s1", "c3", "x", "Xh", "Xi4", "<", ">", "=", "!", "!4", "!2", " ", "i2", "I1" }
	local values = { 0, 0, 1, 2, 127, 128, 255 }
	local function normal(done, ...)
		local list = { ... }
		for i, value in ipairs(list) do
			list[i] = tostring(math.tointeger(value) or value)
		end
		return done and table.concat(list, " ") or "error"
	end
	math.randomseed(5)
	for _ = 1, 20000 do
		local fmt, data = {}, {}
		for i = 1, math.random(1, 5) do fmt[i] = options[math.random(#options)] end
		for i = 1, math.random(0, 24) do data[i] = string.char(values[math.random(#values)]) end
		fmt, data = table.concat(fmt), table.concat(data)
		local position = math.random(-4, #data + 2)
		local own = { pcall(format.unpack, fmt, data, position) }
		local hand = { pcall(format.unpack_by_hand, fmt, data, position) }
		for i, value in ipairs(hand) do
			-- Above what an integer holds, Lua's own wraps; decimal text does not.
			if type(value) == "string" and type(own[i]) == "number" then
				hand[i] = value:sub(1, 1) ~= "-" and #value >= 19 and own[i] < 0 and own[i] or math.tointeger(value)
			end
		end
		equal(fmt .. normal(unpack(hand)), fmt .. normal(unpack(own)))
	end
end)

-- ---- memories -----------------------------------------------------------------

case("a memory is made of a size, of bytes, or resizable", function()
	equal(memory.tostring(memory.create(3)), "\0\0\0")
	equal(tostring(memory.create("hello")), "hello")
	equal(memory.tostring(memory.create("hello", 2, -2)), "ell")
	equal(memory.tostring(memory.create(memory.create("abc"), -2)), "bc")
	equal(memory.type(memory.create(1)), "fixed")
	equal(memory.type("text"), nil)
	equal(memory.type(nil), nil)
	local m = memory.create()
	equal(m:type(), "resizable")
	equal(#m, 0)
	m:resize(5, "ab")
	equal(m:tostring(), "ababa")
	m:resize(7)
	equal(m:tostring(), "ababa\0\0")
	m:resize(2)
	equal(m .. "!", "ab!")
	raises("resizable memory expected", memory.resize, memory.create(1), 2)
	raises("invalid size", memory.create, -1)
	raises("invalid size", memory.resize, m, -1)
	raises("memory expected, got string", memory.len, "abc")
end)

case("bytes are read and written, inside only", function()
	local m = memory.create(8)
	m:set(1, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x11)
	equal(m:tostring(), "\1\35\69\103\137\171\205\239")
	equal(m:get(-1), 0xef)
	same({ m:get(3, 5) }, 0x45, 0x67, 0x89)
	same({ m:get(-2, 99) }, 0xcd, 0xef)
	same({ m:get(7, 3) })
	same({ m:get(9, 9) })
	m:set(-1, 256)
	equal(m:get(8), 0)
	raises("out of bounds", memory.set, m, 9, 1)
	raises("out of bounds", memory.set, m, -9, 1)
	raises("whole number", memory.set, m, 1, "x")
end)

case("a memory is filled by find's rules", function()
	local m = memory.create(8)
	m:fill("Hello, world!")
	equal(m:tostring(), "Hello, w")
	m:fill("boy!", 5)
	equal(m:tostring(), "Hellboy!")
	m:fill(m, 3, 8, 2)
	equal(m:tostring(), "Heellboy")
	m:fill("ab", 1, 5)
	equal(m:tostring(), "abababoy")
	m:fill(0x41, -3)
	equal(m:tostring(), "ababaAAA")
	m:fill("abc", 1, 2, 9)
	m:fill("abc", 3, 2)
	equal(m:tostring(), "ababaAAA")
	m:fill("xyz", 1, 2, -2)
	equal(m:tostring(), "yzabaAAA")
	raises("#3 to 'fill' %(index out of bounds", memory.fill, m, "a", 0)
	raises("#4 to 'fill' %(index out of bounds", memory.fill, m, "a", 1, 9)
	equal(m:find("aAA"), 5)
	equal(m:find("A", -1), 8)
	equal(m:find("A", 1, 5), nil)
	equal(m:find("xaba", 1, -1, 2), 3)
	equal(m:find("a", 1, -1, 2), nil)
	raises("out of bounds", memory.find, m, "a", 20)
	same({ memory.diff("abc", "abd") }, 3, true)
	same({ memory.diff(memory.create "abc", "ab") }, 3, false)
	equal(memory.diff("a", "a"), nil)
end)

case("values are packed for as long as there is room", function()
	local m = memory.create(6)
	same({ m:pack(">I2 B", 1, 258, 3) }, true, 4)
	same({ m:pack(">I2 I4", 3, 1, 2) }, false, 5, 2)
	equal(m:tostring(), "\1\2\0\1\0\0")
	same({ m:unpack(">I2", 1) }, 258, 3)
	same({ m:pack("z s1", 1, "a", "bc") }, true, 6)
	equal(m:tostring(), "a\0\2bc\0")
	raises("overflow", memory.pack, m, "b", 1, 200)
	raises("string expected", memory.pack, m, "z", 1, {})
	raises("not supported", memory.pack, m, "d", 1, 1)
	raises("too short", memory.unpack, m, "I8")
end)

-- ---- packets ------------------------------------------------------------------

local function stub(options)
	return { memory = options.memory or memory, frame_of_source = options.frame_of_source }
end

local function udp(text)
	local data = "\69\0" .. string.char(math.floor((28 + #text) / 256), (28 + #text) % 256) ..
		"\0\0\0\0\64\17\0\0\10\0\0\1\10\0\0\2\0\5\0\6" ..
		string.char(math.floor((8 + #text) / 256), (8 + #text) % 256) .. "\0\0" .. text
	return checksum.repair(data)
end

local function recorded(name)
	local path = arg[0]:gsub("[^/]*$", "") .. "../../tests/fixtures/" .. name .. ".bin"
	local file = assert(io.open(path, "rb"))
	local data = file:read "*a"
	file:close()
	local batch = assert(require "nfbind.core".methods.batch.parse(data))
	return batch[1], batch
end

case("repaired packets verify", function()
	local PLAIN = { udp "hello", udp "odd", udp "" }
	for _, data in ipairs(PLAIN) do
		equal(assert(nfbind.packet(data)):verify(), 0)
		local broken = data:sub(1, 10) .. "\0\0" .. data:sub(13, 26) .. "\18\52" .. data:sub(29)
		equal(nfbind.packet(broken):verify() > 0, true)
		equal(checksum.repair(broken), data)
	end
	local six = "\96\0\0\0\0\11\17\64" .. ("\0"):rep(15) .. "\1" .. ("\0"):rep(15) .. "\1\0\5\0\6\0\11\0\0abc"
	equal(nfbind.packet(checksum.repair(six)):verify(), 0)
	local ping = "\96\0\0\0\0\8\58\64" .. ("\0"):rep(15) .. "\1" .. ("\0"):rep(15) .. "\1\128\0\0\0\0\1\0\2"
	equal(nfbind.packet(checksum.repair(ping)):verify(), 0)
	equal(checksum.repair("\96\0\0\0\0\8\59\64" .. ("\0"):rep(40)), nil)
end)

case("bytes are copied by the document's index rules", function()
	local pkt = packets.open(stub {}, nfbind.packet(udp "hello"))
	local function copied(size, ...)
		local m = memory.create(("."):rep(size))
		equal(select("#", pkt:copybytes(m, ...)), 0)
		return m:tostring()
	end
	equal(copied(5, 29), "hello")
	equal(copied(3, 29), "hel")
	equal(copied(7, 29), "hello..")
	equal(copied(5, 29, 30), "he...")
	equal(copied(5, -2), "lo...")
	equal(copied(5, -3, -2), "ll...")
	equal(copied(5, 29, -1, 3), "..hel")
	equal(copied(5, 29, -1, -1), "....h")
	equal(copied(5, 29, -1, -9), "hello")
	equal(copied(5, 29, -1, 6), ".....")
	equal(copied(5, 30, 29), ".....")
	equal(copied(33), udp "hello")
	equal(copied(0, 29), "")
	for _, bad in ipairs { { 0 }, { 34 }, { -34 }, { 1, 34 }, { 1, 0 }, { 1, -34 } } do
		raises("index out of bounds", pkt.copybytes, pkt, memory.create(5), unpack(bad))
	end
	raises("whole number expected", pkt.copybytes, pkt, memory.create(5), "1")
	raises("whole number expected", pkt.copybytes, pkt, memory.create(5), 1.5)
	raises("memory expected, got string", pkt.copybytes, pkt, "text")
	raises("memory expected, got nil", pkt.copybytes, pkt)
end)

case("a packet's payload begins with its IP header", function()
	local pkt = packets.open(stub {}, nfbind.packet(udp "hello"))
	same({ pkt:unpack("B") }, 0x45, 2)
	same({ pkt:unpack(">HH", 21) }, 5, 6, 25)
	same({ pkt:unpack("c5", -5) }, "hello", 34)
	raises("'f' is not supported", pkt.unpack, pkt, "f")
	raises("too short", pkt.unpack, pkt, "I4", -3)
	raises("out of string", pkt.unpack, pkt, "B", 99)
	raises("string expected, got nil", pkt.unpack, pkt)
end)

case("a frame is there in the bridge family, until the packet is closed", function()
	local queued = recorded "packet-bridge"
	local pkt = packets.open(stub {}, queued)
	local frame = pkt:frame()
	equal(pkt:frame(), frame)
	equal(frame:len(), 14)
	equal(frame:tostring(), queued.l2hdr)
	same({ frame:unpack(">H", 13) }, 0x800, 15)
	packets.end_frame(pkt)
	packets.close(pkt)
	equal(frame:len(), 0)
	raises("out of bounds", memory.fill, frame, "x")
end)

case("what is written into a frame is the packet's", function()
	local queued = { l2hdr = ("a"):rep(14) }
	local pkt = packets.open(stub {}, queued)
	pkt:frame():set(1, 2, 3)
	packets.end_frame(pkt)
	equal(queued.l2hdr, "\2\3" .. ("a"):rep(12))
	-- What was made up here is not sent.
	queued = { hwaddr = "abcdef", hw_protocol = 0x86dd }
	pkt = packets.open(stub { frame_of_source = true }, queued)
	pkt:frame():set(1, 9)
	packets.end_frame(pkt)
	equal(queued.l2hdr, nil)
end)

case("elsewhere a frame is refused, or has the source alone", function()
	local queued = recorded "packet-input-hwaddr"
	local nothing, message = packets.open(stub {}, queued):frame()
	equal(nothing, nil)
	equal(message:find("bridge family") ~= nil, true)
	local frame = packets.open(stub { frame_of_source = true }, queued):frame()
	equal(frame:tostring(), ("\0"):rep(6) .. queued.hwaddr .. "\8\0")
	equal(packets.open(stub { frame_of_source = true }, nfbind.packet(udp "x")):frame(), nil)
end)

case("a closed packet answers every call with an error", function()
	local pkt = packets.open(stub {}, nfbind.packet(udp "hello"))
	raises("only a packet that was stolen", pkt.close, pkt)
	raises("only a packet that was stolen", pkt.send, pkt)
	packets.close(pkt)
	for _, name in ipairs { "close", "connid", "frame", "send", "tcpreply", "unpack", "copybytes" } do
		raises("'" .. name .. "' %(the packet is closed", pkt[name], pkt, "B")
		for _, wrong in ipairs { 5, "text", {}, print, true } do
			raises("'" .. name .. "' %(packet expected, got " .. type(wrong), pkt[name], wrong)
		end
		raises("packet expected, got nil", pkt[name])
	end
end)

case("a tcpreply of a kind that is not there, or to another protocol", function()
	local pkt = packets.open(stub {}, nfbind.packet(udp "hello"))
	raises("invalid option 'nil'", pkt.tcpreply, pkt)
	raises("invalid option 'page'", pkt.tcpreply, pkt, "page", "x")
	raises("string expected, got nil", pkt.tcpreply, pkt, "tcp")
	raises("string expected, got table", pkt.tcpreply, pkt, "data", {})
	raises("no message expected", pkt.tcpreply, pkt, "reset", "x")
	local done, message = pkt:tcpreply("tcp", "x")
	equal(done, nil)
	equal(message, "the packet is no TCP segment")
end)

check.finish()
