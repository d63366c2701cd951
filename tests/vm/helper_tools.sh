#!/bin/sh
# SPDX-License-Identifier: MIT
# The four steps to a helper in user space, with the example programs: make it known, have a rule name it, read
# its queue, make traffic. Then what the tools say of helpers that are there, in use, or not for this user.
# programs: unshare @TAP@ @ADD@ @LIST@ @REMOVE@ @PRINT@ @TRAFFIC@
. @TAP@
reader=
name=tools-$$

own_namespace "$@"
trap 'kill $reader 2>/dev/null; rm -rf $place' EXIT

# The four steps.
check "1. the helper is added" @ADD@ $name 0
check "2. a rule names it" iptables -t raw -I OUTPUT -p tcp -j CT --helper $name
@PRINT@ --conntrack 0 >$place/packets 2>$place/bound &
reader=$!
check "3. its queue is read" within 60 grep -q 'is bound' $place/bound
@TRAFFIC@ receive-tcp 127.0.0.1 7001 >$place/got 2>$place/listening &
check "4. something is said" within 60 grep -q listening $place/listening
check "which arrives" sh -c 'echo hello | @TRAFFIC@ send-tcp 127.0.0.1 127.0.0.1 7001'
wait $! && check "as it was said" grep -q hello $place/got
check "the packets were printed" grep -q '^queue 0 id [0-9]* .*TCP 127.0.0.1:[0-9]* > 127.0.0.1:7001' $place/packets
check "with the helper's name" grep -q "helper-name=$name" $place/packets

# What is there.
check "it is listed" sh -c "@LIST@ | grep '^name=$name l3proto=ipv4 l4proto=6 queue=0 .*status=enabled policy1-name=$name policy1-max=1 policy1-timeout=300'"
check "by its name, too" sh -c "test \$(@LIST@ $name | wc -l) = 1"
check "it cannot be added twice" fails_with "there is such a helper already" @ADD@ $name 0
check "one for UDP is another" @ADD@ --udp --expect 9 --seconds 5 $name 1
check "so is one for IPv6" @ADD@ --ipv6 $name 1
check "all of the name are listed" sh -c "test \$(@LIST@ $name | wc -l) = 3"
check "with what was asked for" sh -c "@LIST@ $name | grep 'l4proto=17 queue=1 .*policy1-max=9 policy1-timeout=5'"
check "what cannot be is refused" fails_with "policy" @ADD@ --expect 256 other 1

# Who may not.
for tool in "@LIST@" "@ADD@ other 0" "@REMOVE@ $name" "@REMOVE@ --disable $name"; do
	# shellcheck disable=SC2086 # a program and its arguments
	check "${tool##*/} in a user namespace says why not" \
		fails_with "user-space helpers take CAP_NET_ADMIN in the initial user namespace, and this process is in another one" \
		unshare -Urn $tool
done

# And away. Until 7.0 the one that the rule names has to stay.
if @REMOVE@ $name 2>$place/said; then
	check "on this kernel a rule keeps no helper" sh -c "! @LIST@ $name"
else
	check "what a rule names stays" grep -q 'a rule still refers to the helper' $place/said
	check "and can be disabled" @REMOVE@ --disable $name
	check "which is listed" sh -c "@LIST@ $name | grep 'l4proto=6 .*status=disabled'"
	kill $reader
	wait $reader
	check "then nothing is queued, and connections are tracked" sh -c "
		@TRAFFIC@ receive-tcp 127.0.0.1 7002 >$place/got 2>$place/again & r=\$!
		until grep -q listening $place/again; do sleep 0.2; done
		echo hello | @TRAFFIC@ send-tcp 127.0.0.1 127.0.0.1 7002 && wait \$r && conntrack -L -p tcp --dport 7002 | grep ASSURED"
fi
check "the rule goes" iptables -t raw -F
# Since 5.19 the end of those for UDP and IPv6 may have taken the one for TCP from its rule, and then it stays.
if within 5 @REMOVE@ $name || ! @LIST@ $name >/dev/null; then
	check "and so does the helper" fails_with "there is no such helper" @REMOVE@ $name
else
	check "the helper that lost its rule stays disabled" sh -c "@LIST@ $name | grep 'l4proto=6 .*status=disabled'"
fi
end
