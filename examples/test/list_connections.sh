#!/bin/sh
# SPDX-License-Identifier: MIT
#
# list_connections: the connections of a namespace, all of them and those asked for.
. "$(dirname "$0")/place.sh"

list() { "$EXAMPLES/list_connections" "$@" >"$place/out" 2>"$place/err"; }
lines() { [ "$(wc -l <"$place/out")" = "$1" ]; }

list --help
check "--help is no error" [ $? = 0 ]
check "and says what it is for" says out '^Print the connections'
for wrong in --nonsense "--family 5" "--mark" "--mark x" "--mark 1/" "--zone 70000" "--expect --zone 1"; do
	# shellcheck disable=SC2086 # several arguments
	list $wrong
	check "$wrong is refused" [ $? = 2 ]
	check "and --help is named" says err 'try --help'
done

list
check "an empty table is no error" [ $? = 0 ]
check "and nothing is printed" lines 0
track_connections
if ip6tables -A OUTPUT -m conntrack --ctstate INVALID -j ACCEPT 2>/dev/null || [ "${tool:-}" = nft ]; then six=1; else six=0; fi
listen receive-udp 127.0.0.1 7001 1
send send-udp 127.0.0.2 127.0.0.1 7001 hello
received
[ "$six" = 0 ] || send send-udp ::1 ::1 7001 hello
list --family 4
check "a connection is a line" lines 1
check "with what the kernel knows of it" \
	says out '^orig-src=127.0.0.2 orig-dst=127.0.0.1 .*orig-port-dst=7001 .*repl-src=127.0.0.1 .*timeout=[0-9]* '
list --mark 0
check "all have mark 0 here" says out 'orig-src=127.0.0.2'
list --mark 1/0xff
check "none has another" lines 0
list --mark 0x100/0xff
check "the mask decides what counts" says out 'orig-src=127.0.0.2'
list --zone 0
check "all are in zone 0" says out 'orig-src=127.0.0.2'
list --zone 3
check "none is in another" lines 0
list --expect
check "nothing is expected" lines 0
if [ "$six" = 1 ]; then
	list --family 6
	check "IPv6 looks alike" says out '^orig-src=::1 orig-dst=::1 '
fi
end
