#!/bin/sh
# SPDX-License-Identifier: MIT
#
# account_flows: who sent most, of real traffic whose size is known.
. "$(dirname "$0")/place.sh"

account() { "$EXAMPLES/account_flows" "$@" >"$place/out" 2>"$place/err"; }
# The number behind NAME= in the line that starts with these words.
figure() { # line, name
	sed -n "s/^$1 .*$2=\([0-9]*\).*/\1/p" "$place/out" | head -n 1
}
lines_of() { grep -c "^$1 " "$place/out"; }
between() { [ "${2:-0}" -ge "$1" ] && [ "${2:-0}" -le "$3" ]; }

account --help
check "--help is no error" [ $? = 0 ]
check "and says how counters are switched on" says out 'nf_conntrack_acct=1'
for wrong in --nonsense "-n" "-n 0" "-n x" "--interval 0" "--interval"; do
	# shellcheck disable=SC2086 # several arguments
	account $wrong
	check "$wrong is refused" [ $? = 2 ]
	check "and --help is named" says err 'try --help'
done

account --once --interval 1
check "an empty table is no error" [ $? = 0 ]
check "and all of it is nothing" says out '^all connections=0 uncounted=0 bytes=0 '

track_connections
listen receive-udp 127.0.0.1 7001 1
send send-udp 127.0.0.9 127.0.0.1 7001 hello
received
account --once --interval 1
check "a connection without counters is listed all the same" [ "$(figure all connections)" = 1 ]
check "and counted as such" [ "$(figure all uncounted)" = 1 ]
check "with advice" says err 'sysctl -w net.netfilter.nf_conntrack_acct=1'

echo 1 >/proc/sys/net/netfilter/nf_conntrack_acct 2>"$place/acct"
if [ "$(cat /proc/sys/net/netfilter/nf_conntrack_acct 2>/dev/null)" != 1 ]; then
	skip "rates of real traffic" "nf_conntrack_acct cannot be switched on: $(cat "$place/acct")"
	end
	exit
fi

# While it measures, one host sends a megabyte, another one a little.
head -c 1000000 /dev/urandom >"$place/data"
: >"$place/err"
"$EXAMPLES/account_flows" --once --interval 6 -n 3 >"$place/out" 2>"$place/err" &
program=$!
wait_for err '^measuring'
listen receive-tcp 127.0.0.1 7002
send send-tcp 127.0.0.2 127.0.0.1 7002 <"$place/data"
received
cmp -s "$place/data" "$place/got"
is_whole=$?
listen receive-udp 127.0.0.1 7003 1
send send-udp 127.0.0.3 127.0.0.1 7003 "a few words"
received
wait "$program"
check "it measures once" [ $? = 0 ]
program=
check "the data came through" [ "$is_whole" = 0 ]
large=$(figure "host 127.0.0.2" sent)
# The time is printed in tenths of a second, and headers count.
tenths=$(sed -n 's/^all .* seconds=\([0-9]*\)\.\([0-9]\).*/\1\2/p' "$place/out")
check "the large sender's rate is that of its megabyte" between 9800000 "$((${large:-0} * ${tenths:-0}))" 12000000
check "what the receiver got is at least as much" [ "$(figure "host 127.0.0.1" received)" -ge "${large:-1}" ]
check "what was sent and received sums up" [ "$(figure all bytes)" -ge "${large:-1}" ]
check "the receiver and the large sender come first" \
	[ "$(sed -n 's/^host \([^ ]*\) .*/\1/p' "$place/out" | head -n 2 | sort | xargs)" = "127.0.0.1 127.0.0.2" ]
check "the first connection is the large one" \
	[ "$(sed -n 's/^flow //p' "$place/out" | head -n 1 | grep -c '^tcp 127.0.0.2:[0-9]* > 127.0.0.1:7002 ')" = 1 ]
check "with packets both ways" [ "$(figure 'flow tcp' packets)" -ge 4 ]
check "the small one is there" says out '^flow udp 127.0.0.3:[0-9]* > 127.0.0.1:7003 sent='
check "not more than were asked for" [ "$(lines_of host) $(lines_of flow)" = "3 3" ]

account --once --interval 1
check "what does not grow has no rate" [ "$(figure all bytes)" = 0 ]

"$EXAMPLES/account_flows" --interval 1 >"$place/out" 2>"$place/err" &
program=$!
has_gone_on() { [ "$(lines_of all)" -ge 2 ]; }
check "it goes on by itself" within has_gone_on
check "no escape sequences into a file" fails grep -q "$(printf '\033')" "$place/out"
stop
check "Ctrl-C ends it without an error" [ "$status" = 0 ]

if command -v script >/dev/null; then
	script -qefc "timeout 60 $EXAMPLES/account_flows --interval 1" "$place/screen" >/dev/null 2>&1 </dev/null &
	program=$!
	check "a terminal is drawn anew" wait_for screen "$(printf '\033')\[H"
	check "with rates for people" wait_for screen ' B/s '
	kill "$program"
	wait "$program"
	program=
else
	skip "a terminal is drawn anew" "script (util-linux) is not installed"
fi
end
