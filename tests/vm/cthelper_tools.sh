#!/bin/sh
# SPDX-License-Identifier: MIT
# The four steps of libnetfilter_cthelper's document, as they stand there: its tools by their names, a rule, a
# program that reads the queue, and traffic. Then what the tools print, change and refuse.
# programs: unshare @TAP@ @TOOLS@-add @TOOLS@-get @TOOLS@-del @PRINT@ @TRAFFIC@
. @TAP@
reader=
name=test-$$

# What nfct-helper-get prints of ours: the table is the machine's.
ours() { @TOOLS@-get >$place/all && awk -v "name=$name," 'BEGIN { RS = ORS = "};\n" } $4 == name' $place/all; }
nothing() { [ -z "$(ours)" ]; }
prints() { # this queue
	printf '{\n\t.name = %s,\n\t.queuenum = %s,\n\t.l3protonum = 2,\n\t.l4protonum = 6,\n\t.priv_data_len = 0,\n\t.status = enabled,\n};\n' \
		$name "$1" >$place/wanted
	ours >$place/printed && cmp $place/wanted $place/printed
}

own_namespace "$@"
trap 'kill $reader 2>/dev/null; rm -rf $place' EXIT

check "nothing is there" nothing
check "1) the helper is added" @TOOLS@-add $name 0
check "2) a rule for locally generated packets" iptables -I OUTPUT -t raw -p tcp -j CT --helper $name
check "and one for the others" iptables -I PREROUTING -t raw -p tcp -j CT --helper $name
@PRINT@ --conntrack 0 >$place/packets 2>$place/bound &
reader=$!
check "3) the queue is read" within 60 grep -q 'is bound' $place/bound
@TRAFFIC@ receive-tcp 127.0.0.1 7001 >$place/got 2>$place/listening &
check "4) somebody listens" within 60 grep -q listening $place/listening
check "and is spoken to" sh -c 'echo hello | @TRAFFIC@ send-tcp 127.0.0.1 127.0.0.1 7001'
wait $! && check "what was said arrives" grep -q hello $place/got
check "and came through the queue" grep -q '^queue 0 id [0-9]* .*TCP 127.0.0.1:[0-9]* > 127.0.0.1:7001' $place/packets
check "with the helper's name" grep -q "helper-name=$name" $place/packets

check "it is printed" prints 0
check "another queue is a change" @TOOLS@-add $name 65535
check "which is printed" prints 65535
check "others cannot be removed" fails_with "there is no such helper" @TOOLS@-del other
for tool in "@TOOLS@-get" "@TOOLS@-add other 0" "@TOOLS@-del $name"; do
	# shellcheck disable=SC2086 # a program and its arguments
	check "${tool##*/} in a user namespace says why not" \
		fails_with "CAP_NET_ADMIN in the initial user namespace, and this process is in another one" unshare -Urn $tool
done
if ! @TOOLS@-del $name 2>$place/said; then
	check "what a rule names stays" grep -q 'a rule still refers to the helper' $place/said
	iptables -t raw -F
	check "until the rule is gone" within 60 @TOOLS@-del $name
fi
check "nothing is left" nothing
end
