#!/bin/sh
# SPDX-License-Identifier: MIT
#
# many_queues: the kernel spreads flows over the queues, and each thread gets its own.
. "$(dirname "$0")/place.sh"
set_rules many_queues

start many_queues 0 4
wait_for err "queue 3 is bound"
listen receive-udp 127.0.0.1 7001 120
# The kernel spreads by addresses.
senders=
for i in $(seq 2 41); do
	"$EXAMPLES/traffic" send-udp "127.0.0.$i" 127.0.0.1 7001 one two three &
	senders="$senders $!"
done
# shellcheck disable=SC2086 # a list of processes
wait $senders
received
check "every packet comes" [ "$(wc -l <"$place/got")" = 120 ]
stop
check "it ends cleanly" [ "$status" = 0 ]
counts=$(sed -n 's/^queue [0-9]: \([0-9]*\) packets.*/\1/p' "$place/out")
check "there are four queues" [ "$(echo "$counts" | wc -l)" = 4 ]
check "each got some" [ "$(echo "$counts" | grep -c '^0$')" = 0 ]
check "120 in all" [ "$(($(echo "$counts" | tr '\n' '+')0))" = 120 ]
end
