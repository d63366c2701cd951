#!/bin/sh
# SPDX-License-Identifier: MIT
#
# rewrite_payload: on a router between two machines a word becomes a longer one, in UDP
# and in a TCP transfer that has to come out right to the last byte, with packet loss
# and with data in both directions.
. "$(dirname "$0")/place.sh"
set_rules rewrite_payload
make_peer 1 && make_peer 2 || skip_all "this kernel has no veth device"
echo 1 >/proc/sys/net/ipv4/ip_forward || skip_all "forwarding cannot be switched on"

# The numbers show where a difference is.
seq 1 40000 | sed 's/$/ sat on the mat, all day long/;/00 sat/s/sat/and the cat sat/' >"$place/data"

# A word that two segments share stays. So: what is left of it, replaced now, has to give
# the same as the data, replaced; and hardly any is left.
transfer() { # sender, receiver
	: >"$place/listening"
	at "$2" "$EXAMPLES/traffic" receive-tcp "10.$2.0.2" 7001 >"$place/got" 2>"$place/listening" &
	receiver=$!
	wait_for listening listening
	at "$1" "$EXAMPLES/traffic" send-tcp "10.$1.0.2" "10.$2.0.2" 7001 <"$place/data" >"$place/sent" 2>&1
	sent=$?
	received
}
is_complete() { # word, replacement
	sed "s/$1/$2/" "$place/data" >"$place/wanted"
	sed "s/$1/$2/" "$place/got" | cmp -s - "$place/wanted"
}
check_transfer() { # name, word, replacement, how many may be left
	check "$1: the sender is content" [ "$sent" = 0 ]
	check "$1: all is there, to the last byte" is_complete "$2" "$3"
	check "$1: the word was replaced" [ "$(grep -c "$2" "$place/got")" -le "$4" ]
}

start rewrite_payload 0 cat elephant
at 2 "$EXAMPLES/traffic" receive-udp 10.2.0.2 7001 1 >"$place/got" 2>"$place/listening" &
receiver=$!
wait_for listening listening
at 1 "$EXAMPLES/traffic" send-udp 10.1.0.2 10.2.0.2 7001 "the cat sat" >"$place/sent"
received
check "UDP: the word was replaced" says got '^the elephant sat$'
transfer 1 2
check_transfer "TCP" cat elephant 20
stop
check "it ends cleanly" [ "$status" = 0 ]

start rewrite_payload 0 "all day long" "ever"
transfer 2 1
check_transfer "a shorter word in every line" "all day long" ever 40000
stop

# Lost before the queue, and behind it.
lose() {
	if [ "$tool" = iptables ]; then
		iptables -t mangle -A "$1" -p tcp -m statistic --mode random --probability 0.02 -j DROP
	else
		nft "add chain inet example lose$1 { type filter hook $1 priority 50; }" &&
			nft "add rule inet example lose$1 meta l4proto tcp numgen random mod 50 == 0 drop"
	fi 2>>"$place/lose"
}
if { lose PREROUTING && lose POSTROUTING; } || { lose prerouting && lose postrouting; }; then
	start rewrite_payload 0 cat elephant
	transfer 1 2
	check_transfer "with loss" cat elephant 40
	stop
else
	skip "with loss: all is there, to the last byte" "this kernel has no rule that drops at random"
fi
end
