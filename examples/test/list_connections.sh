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
for wrong in --nonsense "-f 5" "-m" "-m x" "-m 1/" "-w 70000" "--expect -w 1" "--json --xml" "-z --dying" \
	"-s 10.0.0" "-s 10.0.0.0/33" "--sport 1:x" "--sport 70000" "-p none" "-u NONE" "--state NONSENSE" "-l 128" \
	"--helper longer-than-15-bytes" "-n -s" extra; do
	# shellcheck disable=SC2086 # several arguments
	list $wrong
	check "$wrong is refused" [ $? = 2 ]
	check "and --help is named" says err 'try --help'
done
list -t 4:2
check "a filter that makes no sense is refused by the library" [ $? = 1 ]
check "with its sentence" says err 'a range ends before it starts'

list
check "an empty table is no error" [ $? = 0 ]
check "and nothing is printed" lines 0
track_connections
if ip6tables -A OUTPUT -m conntrack --ctstate INVALID -j ACCEPT 2>/dev/null || [ "${tool:-}" = nft ]; then six=1; else six=0; fi
listen receive-udp 127.0.0.1 7001 1
send send-udp 127.0.0.2 127.0.0.1 7001 hello
received
[ "$six" = 0 ] || send send-udp ::1 ::1 7001 hello
list -f ipv4 --fields
check "a connection is a line" lines 1
check "with what the kernel knows of it" \
	says out '^orig-src=127.0.0.2 orig-dst=127.0.0.1 .*orig-port-dst=7001 .*repl-src=127.0.0.1 .*timeout=[0-9]* '
list --expect
check "nothing is expected" lines 0
if [ "$six" = 1 ]; then
	list -f ipv6
	check "IPv6 looks alike" says out 'src=::1 dst=::1 '
fi

# Some of each kind, of which each option finds its own. Without conntrack(8) they cannot be made.
if ! command -v conntrack >/dev/null || ! conntrack -F >"$place/flush" 2>&1; then
	skip "the other options" "conntrack is not installed"
	end
	exit 0
fi
make() { conntrack -I -t 1000 "$@" >"$place/made" 2>&1 || cat "$place/made" >&2; }
make -p tcp -s 10.0.0.1 -d 10.0.0.2 --sport 1001 --dport 80 --state ESTABLISHED -u SEEN_REPLY,ASSURED -m 0x11
make -p tcp -s 10.0.1.1 -d 10.0.0.2 --sport 1002 --dport 81 --state SYN_SENT -m 0x21
make -p udp -s 10.0.0.3 -d 10.0.0.4 --sport 1003 --dport 53 -n 192.0.2.1
make -p udp -s 10.0.0.3 -d 10.0.0.4 --sport 1004 --dport 53 -g 192.0.2.2:54 -w 5
make -p udp -s fd00::3 -d fd00:1::4 --sport 1005 --dport 53
make -p icmp -s 10.0.0.5 -d 10.0.0.6 --icmp-type 8 --icmp-code 0 --icmp-id 77
make -p gre -s 10.0.0.5 -d 10.0.0.6 --srckey 1 --dstkey 2

# Timeouts run down between both programs now and then, seldom so many times in a row.
same_as() { # options of conntrack(8), then those of the example
	theirs=$1
	shift
	for _ in $(seq 30); do
		# shellcheck disable=SC2086 # several arguments
		conntrack -L $theirs >"$place/theirs" 2>/dev/null
		list "$@" && cmp -s "$place/theirs" "$place/out" && return 0
	done
	return 1
}
compare() { check "it prints what conntrack -L $1 does" same_as "$@"; }
compare ""
check "which are all seven" lines 7
compare "-o extended" --extended
compare "-o xml" --xml
compare "-o id" --id
compare "-o ktimestamp" --times
compare "-z" -z

finds() { # sorted port or id numbers, then options
	expected=$1
	shift
	list --json "$@"
	found=$(sed -n 's/.*"orig-\(port-src\|icmp-id\)":\([0-9]*\),.*/\2/p' "$place/out" | sort -n | tr '\n' ' ')
	check "$* finds ${expected:-nothing}" [ "${found% }" = "$expected" ]
}
all="1 77 1001 1002 1003 1004 1005"
finds "$all"
finds "1 77 1001 1002 1003 1004" -f ipv4
finds "1005" -f ipv6
finds "1001 1002" -p tcp
finds "1003 1004 1005" -p 17
finds "1001" -s 10.0.0.1
finds "1 77 1001 1003 1004" --orig-src 10.0.0.0/24
finds "1005" -d fd00:1::/32
finds "1004" --reply-src 192.0.2.2
finds "1003" -q 192.0.2.1
finds "1003 1004" --address 192.0.2.0/24
finds "1002 1003" --sport 1002:1003
finds "1001 1002" --dport 80:81
finds "1004" --reply-port-src 54
finds "1001" --reply-port-dst 1001
finds "1003 1004 1005" --port 53
finds "77" --icmp-type 8
finds "77" --icmp-id 77
finds "1001" -m 17
finds "1001 1002" -m 0x1/0xf
finds "1001" -u ASSURED
finds "" -u ASSURED,EXPECTED
finds "1002" --state SYN_SENT
finds "1001" --state established
finds "1004" -w 5
finds "" -t 2000:3000
finds "$all" -t 900:1000
finds "1003" -n
finds "1004" -g
finds "1003 1004" -j
finds "$all" --helper ""
finds "" --helper ftp
finds "" -l 5,7
finds "1 77 1003 1004 1005" --not -p tcp
finds "1004" -p udp -w 5 -g --dport 53
finds "" --dying
finds "" --unconfirmed
finds "$all" --unique

list --save
conntrack -F 2>/dev/null
conntrack -R "$place/out" >"$place/read" 2>&1
check "conntrack -R reads the saved form" [ $? = 0 ]
finds "$all"
end
