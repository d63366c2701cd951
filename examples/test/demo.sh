#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The demo shows what it announces, and touches no namespace that is in use.
here=$(dirname "$0")
. "$here/place.sh"
NFBIND_BUILD=$(dirname "$EXAMPLES")
export NFBIND_BUILD
set_rules print_packets

sh "$here/../demo.sh" >"$place/demo" 2>&1
check "it refuses a namespace that is in use" [ $? = 1 ]
check "and says so" says demo 'is in use'
unshare -n sh "$here/../demo.sh" >"$place/demo" 2>&1
check "it sees what it announces" [ $? = 0 ]
check "a ping" says demo 'ACCEPT .*ICMP .*echo-request'
check "a changed payload" says demo 'the receiver got: this will be gone in an instant'
check "a dropped connection" says demo 'connect: Connection timed out'
if track_connections; then
	check "connections as they begin" says demo 'NEW. tcp .* SYN_SENT .*dport=7001'
	check "and as they are listed" says demo '^  udp .*dport=7001'
	check "and removed" says demo 'remove_matching: 2 removed'
	check "and what was dropped never became one" says demo 'as announced: what was dropped'
fi
check "no colours into a file" fails grep -q "$(printf '\033')" "$place/demo"
end
