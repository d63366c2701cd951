-- SPDX-License-Identifier: MIT
-- Objects without a socket: fields of every kind, numbers at their limits, tables as
-- objects, packets made from bytes.

local nfbind = require "nfbind"
local check = require "check"
local case, equal, raises, refused = check.case, check.equal, check.raises, check.refused

local UDP = "\69\0\0\33\0\1\0\0\64\17\0\0\127\0\0\1\127\0\0\1\4\210\35\40\0\13\0\0hello"
local EINVAL = 22

case("the module has functions, constants and constructors", function()
	equal(nfbind.version():match("^%d+%.%d+%.%d+$") ~= nil, true)
	equal(nfbind.error_name(1), "EPERM")
	equal(nfbind.error_name(-1), "EPERM")
	equal(nfbind.error_name(99999), nil)
	equal(nfbind.VERDICT_ACCEPT, 1)
	equal(nfbind.verdict_to_queue(7, 1), 7 * 65536 + 0x8000 + 3)
	equal(type(nfbind.ct()), "userdata")
end)

case("fields of every kind are read and written", function()
	local options, ct = nfbind.options(), nfbind.ct()
	equal(options.fail_open, nil)
	options.fail_open = true
	equal(options.fail_open, true)
	options.netns_path = "/run/netns/blue"
	equal(options["netns-path"], "/run/netns/blue")
	options.batch = 7
	equal(options.batch, 7)
	options.batch = nil
	equal(options.batch, nil)
	ct.orig_src, ct.repl_src = "192.0.2.1", "2001:db8::1"
	equal(ct["orig-ipv4-src"], "192.0.2.1")
	equal(ct.repl_src, "2001:db8::1")
	ct.labels = "\1\0\0\0"
	equal(ct.labels, "\1\0\0\0")
	ct.orig_counter_packets = 0
	equal(ct.orig_counter_packets, 0)
end)

case("numbers keep their value on every version", function()
	local ct = nfbind.ct()
	for _, value in ipairs { 0, 1, 2 ^ 31, 2 ^ 32, 2 ^ 53 } do
		ct.orig_counter_bytes = value
		equal(tonumber(ct.orig_counter_bytes), value)
	end
	ct.orig_counter_bytes = "18446744073709551615"
	equal(ct.orig_counter_bytes, "18446744073709551615")
	ct.orig_counter_bytes = "0x10"
	equal(ct.orig_counter_bytes, 16)
	for _, bad in ipairs { -1, 0.5, 2 ^ 65, 0 / 0, 1 / 0, "x", "-1", "18446744073709551616", {}, print } do
		raises("orig%-counter%-bytes: a whole number", function() ct.orig_counter_bytes = bad end)
	end
	raises("does not fit", function() ct.mark = 2 ^ 32 end)
	equal(ct.mark, nil)
end)

case("what is no field, method or address is told", function()
	local ct = nfbind.ct()
	raises("no field or method 'nothing'", function() return ct.nothing end)
	raises("no field or method 'nothing'", function() ct.nothing = 1 end)
	raises("no field or method 'table'", function() return ct[{}] end)
	raises("orig%-src", function() ct.orig_src = "not an address" end)
	raises("orig%-src", function() ct.orig_src = "192.0.2.1\0more" end)
	raises("orig%-src: a string is wanted", function() ct.orig_src = 5 end)
	raises("helper%-name", function() ct.helper_name = ("x"):rep(99) end)
end)

case("a table stands for an object", function()
	local ct = nfbind.ct()
	ct.mark = 5
	equal(ct:equal({ mark = 5 }), true)
	equal(ct:equal({ mark = 6 }), false)
	raises("no field or method 'marc'", ct.equal, ct, { marc = 5 })
	raises("mark", ct.equal, ct, { mark = {} })
	equal(ct:assign({ mark = 9, ["orig-src"] = "10.0.0.1" }), true)
	equal(ct.mark, 9)
end)

case("the fields that are present are listed", function()
	local seen = {}
	for name, value in nfbind.packet(UDP):values() do
		seen[name] = value
	end
	equal(seen["l4-payload"], "hello")
	equal(seen["tcp-seq"], nil)
	local filter = nfbind.filter()
	filter.l4proto = 6
	equal(filter:match({ orig_l4proto = 6 }), true)
	equal(filter:print(), "l4proto=6")
end)

case("text is read, and its mistakes are told", function()
	local ct = nfbind.ct()
	assert(ct:parse(nfbind.FORMAT_JSON, nil, '{"mark":5}'))
	equal(ct.mark, 5)
	local message = refused(EINVAL, ct:parse(nfbind.FORMAT_JSON, nil, '{"mark":}'))
	equal(message:find("the text is not"), nil)
	refused(2, nfbind.labels():read("/nonexistent"))
end)

case("fields are described", function()
	local fields = nfbind.ct():fields()
	equal(fields:find("mark") ~= nil, true)
	equal(fields:get_name(fields:find("orig-ipv4-src")), "orig-src")
	equal(fields:get_name(9999), nil)
	refused(2, fields:find("nothing"))
end)

case("a packet is made, read, changed and printed", function()
	local packet = assert(nfbind.packet(UDP))
	equal(packet.ip_src, "127.0.0.1")
	equal(packet.port_dst, 9000)
	equal(packet.l4_payload, "hello")
	packet.l4_payload = "hello again"
	equal(packet.l4_payload, "hello again")
	equal(packet.payload, packet.payload)
	equal(packet:print(nfbind.PACKET_FORMAT_LINE):find("UDP") ~= nil, true)
	equal(packet:verify(), nfbind.VERIFY_IP_CHECKSUM)
	refused(EINVAL, packet:verdict(1))
	refused(EINVAL, nfbind.packet("\1\2\3"))
	raises("a whole number", packet.splice, packet, "x", 1, "")
	raises("from 0 to 4294967295", packet.splice, packet, -1, 1, "")
end)

case("long text comes whole", function()
	local packet = assert(nfbind.packet(UDP))
	packet.l4_payload = ("x"):rep(3000)
	equal(#packet:print(nfbind.PACKET_FORMAT_FIELDS) > 6000, true)
end)

-- Two packets as a kernel of little-endian machines sends them.
local function message(id, payload)
	local attributes = "\11\0\1\0\0\0\0" .. string.char(id) .. "\8\0\3\0" ..
		string.char(4 + #payload) .. "\0\10\0" .. payload .. ("\0"):rep(-#payload % 4)
	return string.char(20 + #attributes) .. "\0\0\0\0\3\0\0\0\0\0\0\0\0\0\0\2\0\0\7" .. attributes
end
local parse = require "nfbind.core".methods.batch.parse
local each = require "nfbind.core".methods.batch.each
local MESSAGES = message(1, UDP) .. message(2, UDP)
local is_little = parse(MESSAGES) ~= nil

local function when_collected(call)
	if newproxy then
		local proxy = newproxy(true)
		getmetatable(proxy).__gc = call
		return proxy
	end
	return setmetatable({}, { __gc = call })
end

if is_little then
	case("a loop gives items with their values, of one object or of many", function()
		local batch, ids = assert(parse(MESSAGES)), {}
		for packet, id, absent, payload, port in batch:each("id", "mark", "payload", "port_dst") do
			ids[#ids + 1] = id
			equal(packet.id, id)
			equal(absent, nil)
			equal(payload, UDP)
			equal(port, packet.port_dst)
		end
		equal(table.concat(ids, " "), "1 2")
		local headers = assert(batch:export_headers())
		equal(#headers, 2)
		equal(headers[2].port_dst, batch[2].port_dst)
		local left = 3
		for packet in each(function()
			left = left - 1
			return left > 0 and assert(parse(MESSAGES)) or nil
		end) do
			ids[#ids + 1] = packet.id
		end
		equal(table.concat(ids, " "), "1 2 1 2 1 2")
		raises("no field or method 'marks'", batch.each, batch, "marks")
		raises("nfbind.batch expected", each, 5)
		raises("nfbind.batch expected", each(function() return 5 end))
		raises("nobody knows", each(function() error("nobody knows") end))
		equal(each(function() end)(), nil)
	end)

	case("items end with what they are items of, and keep it", function()
		local batch = assert(parse(MESSAGES))
		local first, second = batch[1], batch[2]
		local step = batch:each("id")
		step()
		batch:free()
		raises("it was freed", function() return first.id end)
		raises("it was freed", second.accept, second)
		raises("it was freed", second.print, second, 0)
		equal(tostring(first):find("freed") ~= nil, true)
		equal(step(), nil)
		first = assert(parse(MESSAGES))[1]
		collectgarbage()
		collectgarbage()
		equal(first.id, 1)
		refused(EINVAL, first:keep())
		first:free()
		raises("it was freed", function() return first.id end)
	end)

	case("finalisers may look at items in any order", function()
		for order = 1, 2 do
			local packet, seen
			local function look()
				seen = { pcall(function() return packet.id end) }
			end
			do
				local early = order == 1 and when_collected(look)
				packet = assert(parse(MESSAGES))[2]
				local late = order == 2 and when_collected(look)
				early, late = nil, nil
				-- Only the finaliser has it from here on.
			end
			collectgarbage()
			collectgarbage()
			packet = nil
			collectgarbage()
			equal(seen == nil or seen[1] and seen[2] == 2 or seen[2]:find("freed") ~= nil, true)
		end
	end)
end

check.finish()
