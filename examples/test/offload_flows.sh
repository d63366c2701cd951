#!/bin/sh
# SPDX-License-Identifier: MIT
#
# offload_flows: the first packets of a flow pass the queue, the others beside it.
. "$(dirname "$0")/place.sh"
set_rules offload_flows
ip link set lo mtu 1500
head -c 2000000 /dev/urandom >"$place/data"

transfer() {
	listen receive-tcp 127.0.0.1 7001
	send send-tcp 127.0.0.2 127.0.0.1 7001 <"$place/data"
	received
}
looked_at() { sed -n 's/^flows: \([0-9]*\) packets.*/\1/p' "$place/out"; }
let_go() { sed -n 's/^flows: .* \([0-9]*\) flows let go/\1/p' "$place/out"; }

start offload_flows --first 6 0
transfer
stop
check "the transfer is complete" cmp -s "$place/data" "$place/got"
check "a flow was let go" [ "$(let_go)" = 1 ]
check "after its first packets" [ "$(looked_at)" -ge 6 ]
check "most packets never came to the program" [ "$(looked_at)" -lt 40 ]

start offload_flows --first 1000000 0
transfer
stop
check "without letting go it sees them all" [ "$(looked_at)" -gt 60 ]

if start offload_flows --conntrack 0; then
	# The rule that saves the packet's mark is not needed now.
	if [ "$tool" = iptables ]; then iptables -F INPUT; else nft flush chain inet example behind; fi
	transfer
	stop
	check "the verdict marks the connection itself" [ "$(looked_at)" -lt 40 ]
else
	skip "the verdict marks the connection itself" "$(cat "$place/err")"
fi
end
