#!/bin/sh
# SPDX-License-Identifier: MIT
#
# print_packets: what it prints of real packets, and that they pass.
. "$(dirname "$0")/place.sh"
set_rules print_packets

start print_packets 0
listen receive-udp 127.0.0.1 7001 1
send send-udp 127.0.0.2 127.0.0.1 7001 hello
received
check "the packet passes" says got hello
stop
check "one line says what it is" \
	says out '^queue 0 id 1 input from lo, UDP 127.0.0.2:[0-9]* > 127.0.0.1:7001 len 5, 33 bytes$'

start print_packets --all --limit 2 0
send send-udp 127.0.0.2 127.0.0.1 7001 one two
wait "$program"
check "a limit ends it" [ $? = 0 ]
check "all attributes are printed" says out '^ip-src=127.0.0.2$'
check "with the payload" says out '^l4-payload=6f6e65$'

if [ "$tool" = nft ] || ip6tables -A INPUT -p udp -j NFQUEUE --queue-num 0 2>/dev/null; then
	start print_packets 0
	send send-udp ::1 ::1 7001 six
	wait_for out UDP
	stop
	check "IPv6 looks alike" says out 'UDP \[::1\]:[0-9]* > \[::1\]:7001 len 3, 51 bytes$'
fi

track_connections
if start print_packets --conntrack --limit 1 0; then
	send send-udp 127.0.0.2 127.0.0.1 7001 tracked
	wait "$program"
	program=
	check "the connection is printed" says out 'orig-src=127.0.0.2 orig-dst=127.0.0.1'
else
	check "a kernel without it is named" says err 'this kernel lacks the queue flag'
	skip "the connection is printed" "$(cat "$place/err")"
fi
end
