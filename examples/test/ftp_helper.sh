#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The FTP helper where it cannot run: in a namespace like this one, or on a kernel
# without helpers, it says why. Where it can, tests/vm/ftp_transfers.sh shows what it does.
. "$(dirname "$0")/place.sh"

run() {
	timeout 15 "$EXAMPLES/ftp_helper" "$@" >"$place/out" 2>"$place/err"
	status=$?
}
can_run() { says err "rules can use the helper"; }

run --help
check "--help is no error" [ $status = 0 ]
check "it has rules for iptables" says out "^  iptables .* --helper ftp-nfbind"
check "and for nft" says out "^  nft .*add table"
run --nonsense
check "an unknown option is refused" [ $status = 2 ]
run --queue 70000
check "so is a queue that cannot be" [ $status = 1 ]
run a-name-that-is-too-long
check "and a name that is too long" [ $status = 1 ]
check "with the reason" says err "ERANGE"
run --queue 3 "example-$$"
if can_run; then
	check "it ends well when it is told to" [ $status = 124 ]
else
	check "where it cannot run the status is 1" [ $status = 1 ]
	check "and the reason is said" says err \
		"no user-space helpers\|no conntrack information\|CAP_NET_ADMIN.*initial user namespace"
fi
end
