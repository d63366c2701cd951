-- SPDX-License-Identifier: MIT
-- The document's router: a device behind it, the internet before it, addresses translated.
-- Packets are judged in FORWARD, where NFLua wants them.

local check = require "check"
check.enter_namespace(1, 1)

local memory = require "nflua.memory"
local place = require "place"
local traffic = require "traffic"
local case, equal = check.case, check.equal
local run, with, rules = traffic.run, place.with, place.rules
local QUEUE, GO_ON, YES, NO = 5, 0x100, 0x200, 0x400

local device, device_process = place.machine()
local internet, internet_process = place.machine()
for _, command in ipairs {
	("ip link add eth1 type veth peer name eth0 netns %d"):format(device_process),
	("ip link add eth0 type veth peer name eth0 netns %d"):format(internet_process),
	"ip addr add 192.168.1.1/24 dev eth1; ip link set eth1 up",
	"ip addr add 10.0.0.38/24 dev eth0; ip link set eth0 up; ip route add default via 10.0.0.1",
	"iptables -t nat -A POSTROUTING -o eth0 -j SNAT --to-source 10.0.0.38",
	device .. "ip link set lo up", device .. "ip addr add 192.168.1.100/24 dev eth0",
	device .. "ip link set eth0 up", device .. "ip route add default via 192.168.1.1",
	internet .. "ip link set lo up", internet .. "ip addr add 10.0.0.1/24 dev eth0",
	internet .. "ip link set eth0 up", internet .. "ip addr add 8.8.8.8/32 dev lo",
} do
	run(command)
end
traffic.set("net/ipv4/ip_forward", 1)
traffic.set("net/netfilter/nf_conntrack_acct", 1)

local UDP_SERVER = [[
here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
here.bind(("8.8.8.8", 22))
tell("ready")
while True:
    text, sender = here.recvfrom(70000)
    here.sendto(text, sender)
]]
local TCP_SERVER = [[
import threading
here = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
here.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
here.bind(("8.8.8.8", 80))
here.listen(8)
tell("ready")
def serve(other):
    if other.recv(1000):
        other.sendall(b"the real page")
    other.close()
while True:
    other, _ = here.accept()
    threading.Thread(target=serve, args=(other,), daemon=True).start()
]]
local UDP_CLIENT = [[
here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
here.bind(("192.168.1.100", 8080))
here.settimeout(50)
got = []
for text in %s:
    here.sendto(text, ("8.8.8.8", 22))
    if not text.startswith(b"drop"):
        got.append(here.recv(70000))
tell(" ".join(text.decode() for text in got))
]]
local TCP_CLIENT = [[
client = socket.create_connection(("8.8.8.8", 80), 50)
client.sendall(b"GET %s HTTP/1.1\r\n\r\n")
got = b""
while True:
    piece = client.recv(1 << 20)
    if not piece:
        break
    got += piece
tell(got.decode())
]]

-- Servers stay until the namespace ends with the test; they are waited for without a session.
local idle = { step = function() return os.execute "sleep 0.02" end }
equal(traffic.finish(idle, traffic.python(UDP_SERVER, internet)), "ready")
equal(traffic.finish(idle, traffic.python(TCP_SERVER, internet)), "ready")

case("the document's example of conn.traffic", function()
	with({}, [[
ids = {}
function target(pkt)
	local id, message = pkt:connid()
	ids[#ids + 1] = id or message
end
function example()
	local p1, b1 = nf.traffic(4, "udp", "192.168.1.100", 8080, "8.8.8.8", 22, 'original')
	local p2, b2 = nf.traffic(4, "udp", "10.0.0.38", 8080, "8.8.8.8", 22, 'original')
	local p3, b3 = nf.traffic(4, "udp", "8.8.8.8", 22, "10.0.0.38", 8080, 'reply')
	local p4, b4 = nf.traffic(4, "udp", "8.8.8.8", 22, "192.168.1.100", 8080, 'reply')

	assert(p1 == p3)
	assert(b1 == b3)
	assert(p2 == nil)
	assert(p4 == nil)
	return p1, b1
end
]], function(session, env, told)
		assert(session:target(QUEUE, "main", "target", { go_on = GO_ON }))
		rules(session, QUEUE, "FORWARD", "-p udp")
		local text = ("x"):rep(48)
		equal(traffic.finish(session, traffic.python(UDP_CLIENT:format("[b'" .. text .. "']"), device)), text)
		local count, bytes = env.example()
		equal(count, 1)
		equal(bytes, 76)
		equal(table.concat({ env.conn.traffic(4, "udp", "8.8.8.8", 22, "10.0.0.38", 8080, "both") }, " "), "1 76 1 76")
		-- The answer's packet has the addresses of neither direction here.
		local id = env.conn.find(4, "udp", "192.168.1.100", 8080, "8.8.8.8", 22)
		equal(type(id), "number")
		equal(#env.ids, 2)
		equal(env.ids[2], id)
		equal(env.conn.find(4, "udp", "8.8.8.8", 22, "192.168.1.100", 8080), nil)
		equal(#told, 0)
	end)
end)

case("a page instead of the real one, sent by the router", function()
	with({}, [[
function target(pkt)
	local head = (pkt:unpack("B", 33))
	head = math.floor(head / 16) * 4
	local length = pkt:unpack(">H", 3) - 20 - head
	if length > 0 and pkt:unpack("c" .. length, 21 + head):find("^GET /blocked ") then
		assert(pkt:tcpreply("tcp", "HTTP/1.1 302 Found\r\nLocation: http://192.168.1.1/blocked\r\n\r\n"))
		return "drop"
	end
	return "accept"
end
]], function(session, _, told)
		assert(session:target(QUEUE, "main", "target", { go_on = GO_ON }))
		rules(session, QUEUE, "FORWARD", "-p tcp --dport 80")
		equal(traffic.finish(session, traffic.python(TCP_CLIENT:format "/blocked", device)),
			"HTTP/1.1 302 Found\r\nLocation: http://192.168.1.1/blocked\r\n\r\n")
		equal(traffic.finish(session, traffic.python(TCP_CLIENT:format "/", device)), "the real page")
		equal(#told, 0)
	end)
end)

case("a match before the rule of something else", function()
	with({}, place.TEXT .. "function match(pkt) return text(pkt):find('^drop') ~= nil end", function(session, _, told)
		assert(session:match(QUEUE, "main", "match", { yes = YES, no = NO }))
		rules(session, QUEUE, "FORWARD", "-p udp --dport 22", "DROP")
		equal(traffic.finish(session, traffic.python(UDP_CLIENT:format "[b'a', b'drop', b'b', b'drop2', b'c']", device)),
			"a b c")
		equal(#told, 0)
	end)
end)

case("packets that are stolen travel on when they are sent", function()
	with({}, place.TEXT .. [[
function target(pkt)
	timer.create(5, function() assert(pkt:send()) end)
	return "stolen"
end
]], function(session, _, told)
		assert(session:target(QUEUE, "main", "target", { go_on = GO_ON }))
		rules(session, QUEUE, "FORWARD", "-p udp")
		equal(traffic.finish(session, traffic.python(UDP_CLIENT:format "[b'a', b'b']", device)), "a b")
		equal(#told, 0)
	end)
end)

case("a frame tells who sent it, where the user wants that", function()
	local mac
	with({ frame = "source" }, "function target(pkt) m = pkt:frame() frame = frame or m:tostring() end", function(session, env)
		assert(session:target(QUEUE, "main", "target", { go_on = GO_ON }))
		rules(session, QUEUE, "FORWARD", "-p udp --dport 22")
		equal(traffic.finish(session, traffic.python(UDP_CLIENT:format "[b'a']", device)), "a")
		local file = io.popen(device .. "ip -o link show eth0")
		mac = file:read("*a"):match("link/ether ([%x:]+)"):gsub(":", "")
		file:close()
		equal((env.frame:gsub(".", function(c) return ("%02x"):format(c:byte()) end)), "000000000000" .. mac .. "0800")
		equal(memory.len(env.m), 0)
	end)
end)

place.leave()
check.finish()
