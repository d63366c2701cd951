-- SPDX-License-Identifier: MIT
-- A first packet's connection has its number already, and a bridge's packets have frames that
-- can be written.

local check = require "check"
local nfbind = require "nfbind"
local place = require "place"
local traffic = require "traffic"
local case, equal = check.case, check.equal
local run, with = traffic.run, place.with
local TRAFFIC = assert(os.getenv "TRAFFIC")

-- What a command prints, once it is done; the loop runs meanwhile.
local function start(command)
	local path = os.tmpname()
	os.remove(path)
	run("(%s >%s.new 2>&1; mv %s.new %s) </dev/null &", command, path, path, path)
	return path
end

-- The same of a program that receives; it listens by then.
local function receive(command)
	local path, started, said = start(command), os.time(), ""
	while not said:find "listening" do
		assert(os.time() - started < 60, "it does not listen")
		local file = io.open(path .. ".new")
		said = file and file:read("*a") or ""
		if file then
			file:close()
		end
	end
	return path
end

-- A port forwards once the bridge has heard of its carrier, which may be a second later.
local function wait_for_port(name)
	local started, said = os.time(), ""
	while not said:find "state forwarding" do
		assert(os.time() - started < 60, name .. " does not forward")
		local shown = io.popen("ip -d link show " .. name)
		said = shown:read "*a"
		shown:close()
	end
end

run "ip link set lo up"

case("the first packet's connection has the number that the table gives it", function()
	local features = assert(nfbind.probe())
	equal(math.floor(features / nfbind.FEATURE_QUEUE_CONNTRACK) % 2, 1)
	with({}, [[
function target(pkt)
	id, kept = pkt:connid(), pkt
	return "stolen"
end
]], function(session, env, told)
		assert(session:target(5, "main", "target", { go_on = 1 }))
		run "iptables -A INPUT -m conntrack --ctstate INVALID -j ACCEPT"
		place.rules(session, 5, "OUTPUT", "-p udp --dport 9000")
		local got = receive(TRAFFIC .. " receive-udp 127.0.0.1 9000 1")
		local sent = start(TRAFFIC .. " send-udp 127.0.0.1 127.0.0.1 9000 one")
		traffic.wait(session, function() return env.kept end)
		equal(type(env.id), "number")
		equal(env.kept:connid(), env.id)
		equal(env.kept:send(), true)
		traffic.finish(session, sent)
		traffic.finish(session, got)
		local listed = io.popen "conntrack -L -p udp -o id 2>/dev/null"
		equal(listed:read("*a"):match("id=(%d+)"), ("%d"):format(env.id))
		listed:close()
		equal(#told, 0)
	end)
end)

case("a bridge's packets have frames, and what is written there is sent", function()
	local near, near_process = place.machine()
	local far, far_process = place.machine()
	for _, command in ipairs {
		"ip link add br0 type bridge; ip link set br0 up",
		("ip link add p0 type veth peer name e0 netns %d; ip link set p0 master br0 up"):format(near_process),
		("ip link add p1 type veth peer name e0 netns %d; ip link set p1 master br0 up"):format(far_process),
		near .. "ip addr add 10.0.0.1/24 dev e0", near .. "ip link set e0 address 02:00:00:00:00:01 up",
		far .. "ip addr add 10.0.0.2/24 dev e0", far .. "ip link set e0 address 02:00:00:00:00:02 up",
		near .. "ip neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev e0",
		far .. "ip neigh add 10.0.0.1 lladdr 02:00:00:00:00:09 dev e0",
		-- Early: br_netfilter, once it is loaded, leaves out a bridge's chains of priority 0.
		"nft add table bridge t", "nft 'add chain bridge t f { type filter hook forward priority -200; }'",
		"nft add rule bridge t f udp dport 9000 queue num 6",
		-- What arrives there comes from the address that the script wrote.
		far .. "nft add table netdev t",
		far .. "nft 'add chain netdev t i { type filter hook ingress device e0 priority 0; }'",
		far .. "nft add rule netdev t i udp dport 9000 ether saddr != 02:00:00:00:00:09 drop",
	} do
		run(command)
	end
	wait_for_port "p0"
	wait_for_port "p1"
	with({}, [[
function target(pkt)
	local frame = pkt:frame()
	seen = frame:tostring()
	if pkt:unpack("c3", 29) == "new" then frame:set(12, 9) end
	return "accept"
end
]], function(session, env, told)
		assert(session:target(6, "main", "target", { go_on = 1 }))
		local got = receive(far .. TRAFFIC .. " receive-udp 10.0.0.2 9000 1")
		local sent = start(near .. TRAFFIC .. " send-udp 10.0.0.1 10.0.0.2 9000 old new")
		traffic.finish(session, sent)
		local text = traffic.finish(session, got)
		equal(text:find("new") ~= nil, true)
		equal(text:find("old"), nil)
		equal(env.seen, "\2\0\0\0\0\2\2\0\0\0\0\1\8\0")
		equal(table.concat(told, "\n"), "")
	end)
end)

place.leave()
check.finish()
