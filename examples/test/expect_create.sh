#!/bin/sh
# SPDX-License-Identifier: MIT
#
# expect_create: what it announces is listed, and what comes then belongs to its master.
. "$(dirname "$0")/place.sh"

expect() { "$EXAMPLES/expect_create" "$@" >"$place/out" 2>"$place/err"; }
list() { "$EXAMPLES/list_connections" "$@" >"$place/list" 2>"$place/err"; }
lines() { [ "$(wc -l <"$place/list")" = "$1" ]; }

expect --help
check "--help is no error" [ $? = 0 ]
check "and says what it is for" says out '^Expect a connection'
for wrong in --nonsense "" "-s 10.0.0.1" "-s 10.0.0 -d 10.0.0.2 --sport 1 --dport 2" "-p none -s 1.1.1.1 -d 1.1.1.2" \
	"-s 1.1.1.1 -d 1.1.1.2 --sport 1" "-s 1.1.1.1 -d 1.1.1.2 --sport 70000 --dport 5"; do
	# shellcheck disable=SC2086 # several arguments
	expect $wrong
	check "'$wrong' is refused" [ $? = 2 ]
	check "and --help is named" says err 'try --help'
done

master="-s 127.0.0.1 -d 127.0.0.2 --sport 4000 --dport 21"
come="--tuple-src 127.0.0.2 --tuple-dst 127.0.0.1"
create() {
	# shellcheck disable=SC2086 # several arguments
	expect $master $come "$@"
}
create --tuple-dport 7002
check "without a master it is refused" [ $? = 1 ]
check "which is said" says err 'no such master'
cat >"$place/masters" <<-LINES
	{"orig-src":"127.0.0.1","orig-dst":"127.0.0.2","orig-l4proto":6,"orig-port-src":4000,"orig-port-dst":21,"timeout":900,"tcp-state":"established","helper-name":"ftp"}
	{"orig-src":"127.0.0.1","orig-dst":"127.0.0.2","orig-l4proto":6,"orig-port-src":4001,"orig-port-dst":21,"timeout":900,"tcp-state":"established"}
	{"orig-src":"fd00::1","orig-dst":"fd00::2","orig-l4proto":6,"orig-port-src":4000,"orig-port-dst":21,"timeout":900,"zone":5,"helper-name":"ftp"}
LINES
if ! "$EXAMPLES/restore_connections" "$place/masters" >"$place/out" 2>"$place/err"; then
	skip "everything else" "$(head -n 1 "$place/err")"
	end
	exit 0
fi
expect -s 127.0.0.1 -d 127.0.0.2 --sport 4001 --dport 21 --tuple-src 127.0.0.2 --tuple-dst 127.0.0.1 --tuple-dport 7002
check "a master without a helper is refused" [ $? = 1 ]
check "which is said, too" says err 'helper'

create --tuple-dport 7002
check "it is made" [ $? = 0 ]
check "and printed as the kernel has it" \
	says out ' proto=6 src=127.0.0.2 dst=127.0.0.1 sport=0 dport=7002 mask-src=255.255.255.255 mask-dst=255.255.255.255 sport=0 dport=65535 master-src=127.0.0.1 master-dst=127.0.0.2 sport=4000 dport=21 class=0'
create --tuple-dport 7002
check "twice is refused" [ $? = 1 ]
create --tuple-dport 7002 --change
check "unless it is to be changed" [ $? = 0 ]
list --expect
check "it is listed" lines 1
if command -v conntrack >/dev/null; then
	check "as conntrack prints it" sh -c "conntrack -L expect 2>/dev/null | sed 's/^[0-9]*//' >'$place/theirs'
		sed 's/^[0-9]*//' '$place/list' | cmp -s - '$place/theirs'"
fi
list --expect --json
check "in any form" says list '"expected-port-dst":7002'

if track_connections; then
	listen receive-tcp 127.0.0.1 7002
	echo hello | "$EXAMPLES/traffic" send-tcp 127.0.0.2 127.0.0.1 7002 >"$place/sent" 2>&1
	received
	check "what was expected comes" [ "$(cat "$place/got")" = hello ]
	list -u EXPECTED --json
	check "and belongs to its master" says list '"orig-port-dst":7002,.*"master-src":"127.0.0.1",.*"master-port-src":4000,"master-port-dst":21'
	list --expect
	check "it is used up by that" lines 0
else
	skip "what was expected comes" "this kernel has no rule for tracking"
fi

create --tuple-sport 20 --tuple-dport 7003 --mask-src 255.255.255.0 --permanent --inactive --json
check "flags and masks are the kernel's, too" \
	says out '"expected-port-src":20,.*"mask-src":"255.255.255.0",.*"mask-port-src":65535,.*"flags":\["permanent","inactive"'
create --tuple-dport 7004 --nat-src 192.0.2.1 --nat-port 7005 --json
if [ $? = 0 ]; then
	check "so is a translation" says out '"nat-src":"192.0.2.1",.*"nat-port-src":7005,.*"nat-dir":"reply",.*"fn":"nat-follow-master"'
else
	skip "so is a translation" "this kernel has no nat-follow-master"
fi
create --tuple-dport 7004 --fn none
check "a function that is not there is refused" [ $? = 1 ]
expect -s fd00::1 -d fd00::2 --sport 4000 --dport 21 -w 5 --tuple-src fd00::2 --tuple-dst fd00::1 --tuple-dport 7006 --json
check "IPv6 and zones go as well" says out '"expected-dst":"fd00::1",.*"mask-dst":"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"'
end
