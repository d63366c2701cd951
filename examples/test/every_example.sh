#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What holds for every example: help, mistakes in the arguments, a queue that somebody
# else has, and a clean end on Ctrl-C and on SIGTERM. The demo and what
# binds no queue are another matter.
. "$(dirname "$0")/place.sh"

arguments_of() {
	case $1 in
	drop_by_port | reject_with_reset) echo 3 7009 ;;
	rewrite_payload) echo 3 word other ;;
	worker_pool) echo 3 word ;;
	many_queues) echo 3 2 ;;
	*) echo 3 ;;
	esac
}

again() {
	name=$1
	shift
	"$EXAMPLES/$name" "$@"
}

test_program() {
	# shellcheck disable=SC2046 # several arguments
	set -- "$1" $(arguments_of "$1")
	"$EXAMPLES/$1" --help >"$place/help" 2>&1
	check "$1: --help is no error" [ $? = 0 ]
	check "$1: --help has rules for iptables" says help '^  iptables .*NFQUEUE'
	check "$1: --help has rules for nft" says help '^  nft add rule .*queue'
	"$EXAMPLES/$1" >"$place/wrong" 2>&1
	check "$1: without arguments the status is 2" [ $? = 2 ]
	check "$1: and --help is named" says wrong 'try --help'
	"$EXAMPLES/$1" 70000 1 2 3 >"$place/wrong" 2>&1
	check "$1: a queue that cannot be is refused" [ $? = 2 ]
	"$EXAMPLES/$1" --nonsense >"$place/wrong" 2>&1
	check "$1: an unknown option is refused" [ $? = 2 ]
	check "$1: and named" says wrong "--nonsense"
	start "$@"
	check "$1: it binds its queue" says err "queue 3 is bound"
	again "$@" >"$place/second" 2>&1
	check "$1: a queue that is taken is an error" [ $? = 1 ]
	check "$1: which says who has it" says second "$owner"
	stop INT
	check "$1: Ctrl-C ends it without an error" [ "$status" = 0 ]
	check "$1: with its counters" says out '^counters: 0 received'
	start "$@"
	stop TERM
	check "$1: so does SIGTERM" [ "$status" = 0 ]
}

# The owner's port is root's to read.
owner="queue 3 is bound already by"
[ "$(id -u)" != 0 ] || [ ! -r /proc/net/netfilter/nfnetlink_queue ] ||
	! cat /proc/net/netfilter/nfnetlink_queue >/dev/null 2>&1 || owner="$owner port [0-9]* (pid [0-9]*, "

for path in "$EXAMPLES"/*; do
	name=${path##*/}
	[ -f "$path" ] && [ -x "$path" ] || continue
	case $("$path" --help 2>/dev/null | head -n 1) in
	*" demo "* | *" helper_add "*) ;; # one is tested by itself, the other binds no queue
	*" QUEUE"* | *" FIRST "*) test_program "$name" ;;
	esac
done
check "there are a few" [ "$checks" -gt 100 ]
end
