#!/bin/sh
# SPDX-License-Identifier: MIT
#
# worker_pool: every packet is decided once, in another order than they came.
. "$(dirname "$0")/place.sh"
set_rules worker_pool

start worker_pool --workers 4 --delay 30 0 bad
listen receive-udp 127.0.0.1 7001 90
# shellcheck disable=SC2046 # many arguments
send send-udp 127.0.0.2 127.0.0.1 7001 $(for i in $(seq 100); do
	case $i in *5) echo "bad$i" ;; *) echo "good$i" ;; esac
done)
received
check "90 good packets come" [ "$(grep -c good "$place/got")" = 90 ]
check "and no bad one" fails says got bad
check "none twice" [ "$(sort -u "$place/got" | wc -l)" = 90 ]
stop
check "it ends cleanly" [ "$status" = 0 ]
decided=$(sed -n 's/^worker [0-9]*: \([0-9]*\) decided/\1/p' "$place/out" | tr '\n' '+')
check "the workers have decided on all 100" [ "$((${decided}0))" = 100 ]
check "on some later than on those behind them" fails says out '^pool: 0 overtaken'
check "ten were dropped" says out ' 10 dropped'
check "the session counts the same" says out '^counters: 100 received, 100 decided, 0 by default'

start worker_pool --workers 1 --delay 20 0 bad
listen receive-udp 127.0.0.1 7001 400
# shellcheck disable=SC2046
send send-udp 127.0.0.2 127.0.0.1 7001 $(seq 400)
received
stop
check "with workers that are too slow packets pass unread" \
	says out ' [1-9][0-9]* passed unread'
check "none is lost all the same" [ "$(wc -l <"$place/got")" = 400 ]
end
