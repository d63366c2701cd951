#!/bin/sh
# SPDX-License-Identifier: MIT
#
# drop_by_port: one port is dead, for TCP and UDP, the others are alive.
. "$(dirname "$0")/place.sh"
set_rules drop_by_port

start drop_by_port 0 7009 7010
listen receive-tcp 127.0.0.1 7001
echo hello | send send-tcp 127.0.0.2 127.0.0.1 7001
received
check "TCP to another port passes" says got hello

export TRAFFIC_MS=1500
echo | send send-tcp 127.0.0.2 127.0.0.1 7009
unset TRAFFIC_MS
check "a connect to the port times out" says sent 'timed out'

listen receive-udp 127.0.0.1 7010 1
send send-udp 127.0.0.2 127.0.0.1 7010 nothing
kill "$receiver"
received
check "UDP to the port does not come" [ ! -s "$place/got" ]
stop
check "the dropped ones are printed" says out '^dropped: .*UDP .*:7010'
check "every packet was decided" says out '0 by default, 0 refused, 0 lost'
end
