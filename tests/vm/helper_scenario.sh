#!/bin/sh
# SPDX-License-Identifier: MIT
# A helper once in each language (tests/scenario/helper.*): its record, packets with their connection and its
# private data, an expectation in a verdict, and the end. All print the same bytes, those of helper_expected.txt.
# A line that starts with "> " asks for something: a rule that names the helper, or none any more; a text that is
# said to it, from a neighbour; and to show what arrived.
# programs: unshare socat @TRAFFIC@ @EXPECTED@ @PROGRAMS@
place=/tmp/scenario.$$
checks=0 failures=0 receiver=
room=n$$

if [ "${1:-}" != inside ]; then
	exec unshare -n "$0" inside
fi
clean_up() {
	kill $receiver 2>/dev/null
	ip netns del $room
	rm -rf $place
}
mkdir -p $place /var/run/netns
trap clean_up EXIT
ip link set lo up && ip netns add $room && ip link add here type veth peer name there netns $room &&
	ip addr add 10.1.0.1/24 dev here && ip link set here up &&
	ip -n $room addr add 10.1.0.2/24 dev there && ip -n $room link set there up || exit 1
# Or nothing would be tracked any more once the rule that names the helper is gone.
iptables -A INPUT -m conntrack --ctstate INVALID -j ACCEPT

within() { # command: until it succeeds
	tries=300
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.2
	done
}
answer() { # to what was asked for
	case $1 in
	"> rule") iptables -t raw -A PREROUTING -p udp --dport 5009 -j CT --helper scenario ;;
	# The kernel lets go of a rule's helper some time after the rule.
	"> no rule") iptables -t raw -F && sleep 5 ;;
	"> send "*) printf %s "${1#> send }" | ip netns exec $room socat -u - UDP4-SENDTO:10.1.0.1:5009,bind=10.1.0.2:4000 ;;
	"> receive")
		within [ ! -d /proc/$receiver ]
		sed 's/^/< /' $place/got
		;;
	esac
}
scenario() { # its command; what it prints and is answered
	$1 2>$place/error | while read -r line; do
		echo "$line"
		answer "$line"
	done
}
run() { # language, command
	[ -n "$2" ] || return
	checks=$((checks + 1))
	: >$place/listening
	@TRAFFIC@ receive-udp 10.1.0.1 5009 3 >$place/got 2>$place/listening &
	receiver=$!
	within grep -q listening $place/listening
	scenario "$2" >$place/printed 2>>$place/error
	if diff @EXPECTED@ $place/printed >$place/difference; then
		echo "ok $checks - a helper in $1"
	else
		failures=$((failures + 1))
		echo "not ok $checks - a helper in $1"
		sed 's/^/# /' $place/difference $place/error
	fi
	kill $receiver 2>/dev/null
	iptables -t raw -F
	conntrack -F 2>/dev/null
}

run C "@C@"
run Go "@GO@"
run Lua "@LUA@"
run Python "@PYTHON@"
echo "1..$checks"
[ $failures = 0 ]
