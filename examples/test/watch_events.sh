#!/bin/sh
# SPDX-License-Identifier: MIT
#
# watch_events: what it prints is what conntrack -E does, in each form; filters, kinds,
# losses and what comes back after them.
. "$(dirname "$0")/place.sh"

watch() {
	: >"$place/err"
	"$EXAMPLES/watch_events" "$@" >"$place/out" 2>"$place/err" &
	program=$!
	wait_for err "listening"
}
lines() { [ "$(wc -l <"$place/out")" = "$1" ]; }

"$EXAMPLES/watch_events" --help >"$place/help"
check "--help is no error" [ $? = 0 ]
check "and says what it is for" says help '^Print what happens'
for wrong in --nonsense "--count" "--json --xml" "-s 10.0.0" extra; do
	# shellcheck disable=SC2086 # several arguments
	"$EXAMPLES/watch_events" $wrong >"$place/wrong" 2>&1
	check "$wrong is refused" [ $? = 2 ]
done
"$EXAMPLES/watch_events" --new --resync >"$place/wrong" 2>&1
check "what the library refuses is said" says wrong 'a resync needs what is added and removed'

track_connections
watch --new --json --count 1
listen receive-udp 127.0.0.1 7001 1
send send-udp 127.0.0.2 127.0.0.1 7001 hello
received
wait "$program"
status=$?
program=
check "a connection is seen, and so many are enough" [ "$status" = 0 ]
check "with what the kernel says of it" says out \
	'^{"event":"new","listed":false,"blind":false,"port-id":0,"nsid":-1,"connection":{"orig-src":"127.0.0.2",.*"orig-port-dst":7001,'
watch
stop
check "Ctrl-C ends it without an error" [ "$status" = 0 ]
check "with its counters" says err ' 0 events, '

if ! command -v conntrack >/dev/null || ! conntrack -F >"$place/flush" 2>&1; then
	skip "what conntrack(8) does" "conntrack is not installed"
	end
	exit 0
fi
quietly() { "$@" >"$place/quiet" 2>&1; }
make() { quietly conntrack -I -t 1000 "$@"; }

# Something of each kind, in another place for each form.
live_and_die() { # the third byte of the address
	make -p tcp -s "10.0.$1.1" -d 10.0.0.2 --sport 1001 --dport 80 --state ESTABLISHED -u SEEN_REPLY,ASSURED
	make -p udp -s "fd00:$1::1" -d fd00::2 --sport 1002 --dport 53
	make -p icmp -s "10.0.$1.1" -d 10.0.0.6 --icmp-type 8 --icmp-code 0 --icmp-id 77
	quietly conntrack -U -p tcp -s "10.0.$1.1" -t 2000
	quietly conntrack -D -p tcp -s "10.0.$1.1"
	quietly conntrack -D -p udp -s "fd00:$1::1"
	quietly conntrack -D -p icmp -s "10.0.$1.1"
}
# Sockets of netfilter's netlink that are members of a group.
both_listen() { [ "$(awk '$2 == 12 && $4 !~ /^0+$/' /proc/net/netlink | wc -l)" = 2 ]; }
they_have_all() { [ "$(grep -c portid "$place/theirs")" = 7 ]; }
number=0
same_as() { # options of conntrack(8), then those of the example
	options=$1
	shift
	number=$((number + 1))
	# shellcheck disable=SC2086 # several arguments
	conntrack -E $options >"$place/theirs" 2>/dev/null &
	theirs=$!
	watch "$@" --count 7
	within both_listen
	live_and_die "$number"
	wait "$program"
	program=
	within they_have_all
	kill -INT "$theirs"
	wait "$theirs"
	# It names programs that still run, and saves no marks.
	sed -i 's/ progname=[^ ]*//' "$place/theirs"
	sed -i '/^-/s/ -m [0-9]*//' "$place/out"
	cmp -s "$place/theirs" "$place/out"
}
compare() { check "it prints what conntrack -E $1 does" same_as "$@"; }
compare ""
compare "-o extended" --extended
compare "-o xml" --xml
compare "-o save" --save
compare "-o id" --id

watch -p udp --count 2
live_and_die 100
wait "$program"
program=
check "what a filter does not let through is not printed" fails says out tcp
check "but what it does" says out '\[DESTROY\] udp .*src=fd00:100::1'
watch --destroy --count 3
live_and_die 101
wait "$program"
program=
check "only removals are printed where only they are asked for" fails says out 'NEW\|UPDATE'

make -p udp -s 10.0.0.9 -d 10.0.0.2 --sport 1 --dport 2
watch --resync --count 2
wait "$program"
program=
check "the table comes first" says out '\[NEW\] udp .* src=10.0.0.9 .*\[LISTED\]'
check "and it is said when that is all" says out '^# the table was listed'
watch --resync --buffer 4096
wait_for out '# the table was listed' || :
kill -STOP "$program"
for i in 1 2 3 4 5 6 7 8 9 10; do
	make -p udp -s "10.1.$i.1" -d 10.0.0.2 --sport 1 --dport 2
	make -p udp -s "10.1.$i.2" -d 10.0.0.2 --sport 1 --dport 2
	make -p udp -s "10.1.$i.3" -d 10.0.0.2 --sport 1 --dport 2
done
kill -CONT "$program"
check "a loss stands in its place" wait_for out '^# the receive buffer ran over: [1-9][0-9]* lost'
check "and what was lost comes back" wait_for out 'src=10.1.10.3 .*\[LISTED\]'
stop
end
