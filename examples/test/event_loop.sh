#!/bin/sh
# SPDX-License-Identifier: MIT
#
# event_loop and, where it was built, event_loop_uv: packets are decided although the
# program sleeps in a loop that the library does not know.
. "$(dirname "$0")/place.sh"
command -v ping >/dev/null || skip_all "ping is not installed"
set_rules event_loop
answers() { ping -c 1 -W "${1:-20}" 127.0.0.1 >"$place/ping" 2>&1; }
is_silent() { fails answers 1; }

mkfifo "$place/commands"
exec 3<>"$place/commands"
input=$place/commands
start event_loop 0
check "packets pass" answers
echo drop >&3
check "until a line says drop" within is_silent
echo accept >&3
check "and pass again" within answers 1
stop
check "a signal ends the loop" [ "$status" = 0 ]
check "what was decided is printed" says out '^drop: queue 0 id .* ICMP'
check "nothing was left undecided" says out ' 0 by default, 0 refused, 0 lost'
exec 3>&-
input=

if [ -x "$EXAMPLES/event_loop_uv" ]; then
	start event_loop_uv 0
	check "packets pass libuv's loop" answers
	stop
	check "a signal ends it" [ "$status" = 0 ]
	check "both ways were counted" says out '^2 packets in all'
else
	skip "packets pass libuv's loop" "libuv is not installed"
fi
end
