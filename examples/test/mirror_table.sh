#!/bin/sh
# SPDX-License-Identifier: MIT
#
# mirror_table: its copy equals the table in the end, though its receive buffer is too
# small, and though some connections are older than it is.
. "$(dirname "$0")/place.sh"

begin() {
	: >"$place/err"
	"$EXAMPLES/mirror_table" "$@" >"$place/out" 2>"$place/err" &
	program=$!
	wait_for err "complete"
}

"$EXAMPLES/mirror_table" --help >"$place/help"
check "--help is no error" [ $? = 0 ]
check "and says what it is for" says help '^Keep a copy'
for wrong in --nonsense "--most" "--most x" "--buffer -1" extra; do
	# shellcheck disable=SC2086 # several arguments
	"$EXAMPLES/mirror_table" $wrong >"$place/wrong" 2>&1
	check "$wrong is refused" [ $? = 2 ]
done
begin --seconds 1
wait "$program"
status=$?
program=
check "an empty table has an empty copy" [ "$status" = 0 ]
check "which is proven" says out '^proof: 0 listed, 0 in the copy: 0 missing, 0 different, 0 gone; list'

if ! command -v conntrack >/dev/null || ! conntrack -F >"$place/flush" 2>&1; then
	skip "what is lost comes back" "conntrack is not installed"
	end
	exit 0
fi
# Add so many.
add() { # first, last, mark
	awk -v "first=$1" -v "last=$2" -v "mark=$3" 'BEGIN {
		for (i = first; i <= last; i++)
			printf "-A -t 1000 -p udp -s 10.%d.%d.1 -d 10.0.0.1 --sport %d --dport 53 -m %d\n",
				i / 65536, i / 256 % 256, 1 + i % 256, mark
	}' | conntrack -R - >"$place/restored" 2>&1
}
remove() { conntrack -D -m "$1" >"$place/removed" 2>&1; } # mark

add 1 100 9
add 101 3000 1
begin --buffer 4096
check "what is older than it is listed" says err 'complete: 3000 connections'
remove 9 # of which nobody is told
add 3001 15000 2
conntrack -U -p udp -s 10.0.8.0/24 -m 3 >"$place/changed" 2>&1
conntrack -D -s 10.0.16.0/20 >"$place/removed" 2>&1
add 1 100 4
there=$(conntrack -C)
stop
check "it ends without an error" [ "$status" = 0 ]
check "the copy is the table" says out "^proof: $there listed, $there in the copy: 0 missing, 0 different, 0 gone"
check "though messages were lost" fails says out ' 0 overruns'
begin --most 100
stop
check "a copy that is not complete is an error" [ "$status" = 1 ]
check "which says why" says out 'more than --most'
end
