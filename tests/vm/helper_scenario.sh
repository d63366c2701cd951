#!/bin/sh
# SPDX-License-Identifier: MIT
# A helper once in each language (tests/scenario/helper.*): its record, packets with their connection and its
# private data, an expectation in a verdict, and the end. All print the same bytes, those of helper_expected.txt.
# A line that starts with "> " asks for something: a rule that names the helper, or none any more; a text that is
# said to it, from a neighbour; and to show what arrived.
# programs: unshare @TAP@ socat @TRAFFIC@ @EXPECTED@ @PROGRAMS@
. @TAP@
receiver=
room=n$$

own_namespace "$@"
clean_up() {
	kill $receiver 2>/dev/null
	ip netns del $room
	rm -rf $place
}
mkdir -p /var/run/netns
trap clean_up EXIT
ip netns add $room && ip link add here type veth peer name there netns $room &&
	ip addr add 10.1.0.1/24 dev here && ip link set here up &&
	ip -n $room addr add 10.1.0.2/24 dev there && ip -n $room link set there up || exit 1
# Or nothing would be tracked any more once the rule that names the helper is gone.
iptables -A INPUT -m conntrack --ctstate INVALID -j ACCEPT

answer() { # to what was asked for
	case $1 in
	"> rule") iptables -t raw -A PREROUTING -p udp --dport 5009 -j CT --helper scenario ;;
	# The kernel lets go of a rule's helper some time after the rule.
	"> no rule") iptables -t raw -F && sleep 5 ;;
	"> send "*) printf %s "${1#> send }" | ip netns exec $room socat -u - UDP4-SENDTO:10.1.0.1:5009,bind=10.1.0.2:4000 ;;
	"> receive")
		within 60 [ ! -d /proc/$receiver ]
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
	: >$place/listening
	@TRAFFIC@ receive-udp 10.1.0.1 5009 3 >$place/got 2>$place/listening &
	receiver=$!
	within 60 grep -q listening $place/listening
	scenario "$2" >$place/printed 2>>$place/error
	diff @EXPECTED@ $place/printed >$place/difference
	same=$?
	say $same "a helper in $1"
	[ $same = 0 ] || sed 's/^/# /' $place/difference $place/error
	kill $receiver 2>/dev/null
	iptables -t raw -F
	conntrack -F 2>/dev/null
}

run C "@C@"
run Go "@GO@"
run Lua "@LUA@"
run Python "@PYTHON@"
end
