#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What `./dev demo` runs, in a network namespace of its own: a second namespace behind
# a veth pair sends pings, UDP and TCP; here they pass a queue, and the program demo.c
# prints and decides each packet. One port is dropped, one payload rewritten, and both
# ends say what they sent and got. The connections of all this are watched and listed,
# and at the end some are removed. It ends by itself in some seconds; the status is 0
# only if all that it announces was seen.
set -u
programs=${NFBIND_BUILD:-build}/examples
PATH=$PATH:/usr/sbin:/sbin
queue=7 open_port=7001 closed_port=7009
sent="this will wait" word="wait" replacement="be gone in an instant" got="this will be gone in an instant"

bold= red= green= plain=
if [ -t 1 ]; then
	bold=$(printf '\033[1m') red=$(printf '\033[31m') green=$(printf '\033[32m') plain=$(printf '\033[0m')
fi
part=0
title() {
	part=$((part + 1))
	printf '\n%s%s. %s%s\n' "$bold" "$part" "$*" "$plain"
}
have() { command -v "$1" >/dev/null 2>&1; }
die() {
	printf 'demo: %s\n' "$*" >&2
	exit 1
}

# What was announced, and whether it was seen.
failures=0
promise() {
	sentence=$1
	shift
	if "$@"; then
		printf '  %sas announced:%s %s\n' "$green" "$plain" "$sentence"
	else
		printf '  %sNOT SEEN:%s %s\n' "$red" "$plain" "$sentence"
		failures=$((failures + 1))
	fi
}

# Wait for a word in a file, half a minute at most.
wait_for() {
	tries=0
	until grep -q "$1" "$2" 2>/dev/null; do
		tries=$((tries + 1))
		[ "$tries" -lt 600 ] || return 1
		sleep 0.05
	done
}

# ---- the place ----------------------------------------------------------------

[ -x "$programs/demo" ] || die "$programs/demo is not there: build first"
have ip || die "ip (iproute2) is not there"
# A new namespace has nothing but a loopback device that is down.
case $(ip -o link show) in
*UP*) die "this network namespace is in use: start me with ./dev demo" ;;
esac

place=$(mktemp -d) || exit 1
peer= judge= receiver= watcher=
clean_up() {
	for process in $judge $receiver $watcher $peer; do
		kill "$process" 2>/dev/null
	done
	rm -rf "$place"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

there() {
	if [ -n "$peer" ]; then nsenter -t "$peer" -n "$@"; else "$@"; fi
}

# The other machine: a namespace that lives as long as its process.
make_peer() {
	have nsenter && have unshare || return 1
	unshare -n sleep 600 2>/dev/null &
	peer=$!
	tries=0
	while [ "$(readlink "/proc/$peer/ns/net")" = "$(readlink /proc/self/ns/net)" ]; do
		tries=$((tries + 1))
		[ "$tries" -lt 600 ] || return 1
		sleep 0.05
	done
	# The kernel names the other end veth0; not every ip can be told another name.
	ip link add near type veth 2>"$place/error" && ip link set veth0 netns "$peer" &&
		ip addr add 10.9.0.1/24 dev near && ip link set near up &&
		there ip addr add 10.9.0.2/24 dev veth0 && there ip link set veth0 up
}

ip link set lo up || die "the loopback device cannot be set up"
if make_peer; then
	here=10.9.0.1 away=10.9.0.2 device=near
	echo "two network namespaces, joined by a veth pair: $here is here, $away is the other machine"
else
	[ -z "$peer" ] || kill "$peer" 2>/dev/null
	peer= here=127.0.0.1 away=127.0.0.2 device=lo
	echo "one network namespace (no veth pair: $(cat "$place/error" 2>/dev/null)); $away plays the other machine"
fi

# ---- the rules ----------------------------------------------------------------

# Its lock would be the machine's.
XTABLES_LOCKFILE=$place/lock
export XTABLES_LOCKFILE
with_iptables() {
	for tool in iptables iptables-nft iptables-legacy; do
		have "$tool" && "$tool" -A INPUT -i "$device" -d "$here" -j NFQUEUE --queue-num "$queue" \
			2>>"$place/error" || continue
		"$tool" -t mangle -A PREROUTING -p icmp -j MARK --set-mark 0x2a 2>>"$place/error" || true
		echo "the rule: $tool -A INPUT -i $device -d $here -j NFQUEUE --queue-num $queue"
		return 0
	done
	return 1
}
with_nft() {
	have nft || return 1
	nft -f - 2>>"$place/error" <<-RULES || return 1
		table ip demo {
			chain prerouting {
				type filter hook prerouting priority -150;
				meta l4proto icmp meta mark set 0x2a
			}
			chain input {
				type filter hook input priority 0;
				iif "$device" ip daddr $here queue num $queue
			}
		}
	RULES
	echo "the rule: nft add rule ip demo input iif $device ip daddr $here queue num $queue"
}
: >"$place/error"
with_iptables || with_nft ||
	die "no rule can be set, neither with iptables nor with nft: $(cat "$place/error")"

# Connections are tracked where a rule asks for it. Not every kernel has such rules.
track() {
	"${tool:-iptables}" -A INPUT -m conntrack --ctstate INVALID -j DROP 2>>"$place/error" ||
		nft -f - 2>>"$place/error" <<-RULES
			table ip demotracking {
				chain input {
					type filter hook input priority 10;
					ct state invalid drop
				}
			}
		RULES
}
if track; then
	"$programs/watch_events" >"$place/events" 2>"$place/watcher" &
	watcher=$!
	wait_for "listening" "$place/watcher" || die "nobody can watch: $(cat "$place/watcher")"
	echo "connections are tracked, and watched"
else
	echo "connections are not tracked: $(tail -n 1 "$place/error")"
fi

# ---- the judge ----------------------------------------------------------------

"$programs/demo" "$queue" "$closed_port" "$word" "$replacement" 2>"$place/judge" &
judge=$!
wait_for "is bound" "$place/judge" || die "the queue cannot be bound: $(cat "$place/judge")"
echo "the program: drops what goes to port $closed_port, writes '$replacement' for '$word' into UDP"

listen() { # what, then the arguments of traffic
	: >"$place/listening"
	"$programs/traffic" "$@" >"$place/got" 2>"$place/listening" &
	receiver=$!
	wait_for listening "$place/listening" || die "nothing can listen: $(cat "$place/listening" "$place/got")"
}

# ---- what is to be seen -------------------------------------------------------

if have ping; then
	title "Two pings come back, through the queue"
	there ping -c 2 -W 20 -I "$away" "$here" >"$place/ping" 2>&1
	promise "$(grep 'received' "$place/ping")" grep -q ' 2 .*received' "$place/ping"
fi

title "A UDP payload arrives changed, and longer"
listen receive-udp "$here" "$open_port" 1
there "$programs/traffic" send-udp "$away" "$here" "$open_port" "$sent" &&
	echo "  the sender sent:  $sent"
wait "$receiver"
echo "  the receiver got: $(cat "$place/got")"
promise "the word was replaced, lengths and checksums are right" [ "$(cat "$place/got")" = "$got" ]

title "A TCP connection passes"
listen receive-tcp "$here" "$open_port"
echo "hello over TCP" | there "$programs/traffic" send-tcp "$away" "$here" "$open_port" &&
	echo "  the sender sent:  hello over TCP"
wait "$receiver"
receiver=
echo "  the receiver got: $(cat "$place/got")"
promise "what was sent is what came" [ "$(cat "$place/got")" = "hello over TCP" ]

title "A TCP connection to port $closed_port does not"
export TRAFFIC_MS=1500
echo | there "$programs/traffic" send-tcp "$away" "$here" "$closed_port" >"$place/got"
unset TRAFFIC_MS
echo "  the sender says:  $(cat "$place/got")"
promise "the connect timed out" grep -q 'timed out' "$place/got"

if [ -n "$watcher" ]; then
	title "The connections of all this, as they were watched"
	wait_for "NEW.*tcp.*dport=$open_port" "$place/events"
	wait_for "UPDATE.*TIME_WAIT.*dport=$open_port" "$place/events"
	sed 's/^/  /' "$place/events"
	promise "the UDP connection was announced" grep -q "NEW. udp .*dport=$open_port" "$place/events"
	promise "and TCP's, from its first packet to its end" \
		sh -c "grep -q 'NEW. tcp .*dport=$open_port' '$place/events' && grep -q 'UPDATE. tcp .*TIME_WAIT.*dport=$open_port' '$place/events'"
	promise "what was dropped never became one" sh -c "! grep -q 'dport=$closed_port' '$place/events'"

	title "The same in the kernel's table"
	"$programs/list_connections" >"$place/table"
	sed 's/^/  /' "$place/table"
	promise "it lists both" [ "$(grep -c "dport=$open_port" "$place/table")" = 2 ]
	echo "  TCP's as JSON: $("$programs/list_connections" -p tcp --dport "$open_port" --json | cut -c 1-160)..."
	promise "a filter finds one of them" [ "$("$programs/list_connections" -p tcp --dport "$open_port" | wc -l)" = 1 ]
	"$programs/remove_matching" --dport "$open_port" --yes >"$place/removed" 2>&1
	sed 's/^/  remove_matching: /' "$place/removed"
	promise "both are removed" grep -q '^2 removed' "$place/removed"
	wait_for "DESTROY. tcp .*dport=$open_port" "$place/events"
	promise "and that was watched, too" grep -q "DESTROY. tcp .*dport=$open_port" "$place/events"
	kill -INT "$watcher"
	wait "$watcher"
	watcher=
fi

title "What the counters say"
kill -INT "$judge"
wait "$judge"
status=$?
judge=
grep -v 'is bound' "$place/judge"
promise "every packet got its verdict, none was lost" [ "$status" = 0 ]

echo
[ "$failures" = 0 ] || die "$failures of the things announced were not seen"
echo "All that was announced was seen."
