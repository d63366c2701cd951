#!/bin/sh
# SPDX-License-Identifier: MIT
#
# reject_with_reset: a connect to the port is refused at once, UDP too, over IPv4 and
# IPv6, from the machine itself and from another one.
. "$(dirname "$0")/place.sh"
set_rules reject_with_reset

is_refused() { # protocol, from, to
	export TRAFFIC_MS=30000
	echo | send "send-$1" "$2" "$3" 7009 ${4:-}
	unset TRAFFIC_MS
	says sent 'Connection refused'
}

# Somebody listens there: without the program both would get through.
listen receive-tcp 127.0.0.1 7009
start reject_with_reset 0 7009
check "TCP: a connect is refused" is_refused tcp 127.0.0.2 127.0.0.1
check "a reset was the answer" wait_for out '^answer: .*TCP 127.0.0.1:7009 > 127.0.0.2:[0-9]* \[RST'
check "UDP: so is a datagram" is_refused udp 127.0.0.2 127.0.0.1 hello
check "an ICMP message was the answer" wait_for out '^answer: .*ICMP 127.0.0.1 > 127.0.0.2 destination-unreachable'
kill "$receiver"
received
listen receive-udp 127.0.0.1 7001 1
send send-udp 127.0.0.2 127.0.0.1 7001 hello
received
check "another port is open" says got hello

if [ "$tool" = nft ] || {
	ip6tables -A INPUT -m mark --mark 0x7e -j ACCEPT && ip6tables -A INPUT -j NFQUEUE --queue-num 0
} 2>/dev/null; then
	check "TCP over IPv6: refused" is_refused tcp ::1 ::1
	check "UDP over IPv6: refused" is_refused udp ::1 ::1 hello
fi

if make_peer 1; then
	at 1 "$EXAMPLES/traffic" send-tcp 10.1.0.2 10.1.0.1 7009 </dev/null >"$place/sent"
	check "another machine is refused" says sent 'Connection refused'
	at 1 env TRAFFIC_MS=30000 "$EXAMPLES/traffic" send-udp 10.1.0.2 10.1.0.1 7009 hello >"$place/sent"
	check "in UDP as well" says sent 'Connection refused'
fi
stop
check "all answers were sent" says out ', 0 not sent$'
check "it ends cleanly" [ "$status" = 0 ]
end
