#!/bin/sh
# SPDX-License-Identifier: MIT
#
# nfct-helper-add, -get and -del where helpers cannot be had: their arguments, and that they
# say why. Where they can, tests/vm/cthelper_tools.sh goes on.
. "$(dirname "$0")/../../examples/test/place.sh"

# shellcheck disable=SC2086 # its arguments come in one word
tool() { "$TOOLS/nfct-helper-$1" ${2:-} >"$place/out" 2>"$place/err"; }
wrong() { # tool, arguments, reason
	tool "$1" "$2"
	check "nfct-helper-$1 '$2' is refused" [ $? = 1 ]
	check "with its usage" says err "^usage: nfct-helper-$1"
	check "and why" says err "$3"
}

wrong add "" missing
wrong add name missing
wrong add "name 1 2" "too many"
wrong get name "too many"
wrong del "" missing
wrong del "one two" "too many"
wrong add "name 65536" "0 to 65535"
wrong add "name -1" "0 to 65535"
wrong add "name 1x" "0 to 65535"
wrong add "longer-than-15-bytes 1" "1 to 15 bytes"
wrong del longer-than-15-bytes "1 to 15 bytes"

name=nfct-$$
tool get
if [ $? = 0 ]; then
	tool del $name
	check "one that is not there cannot be removed" [ $? = 1 ]
	check "which is said" says err 'there is no such helper'
	end
	exit 0
fi
case $(cat "$place/err") in
*"this kernel has no user-space helpers (nfnetlink_cthelper)"*) reason='this kernel has no user-space helpers (nfnetlink_cthelper)' ;;
*) reason='user-space helpers take CAP_NET_ADMIN in the initial user namespace, and this process is in another one' ;;
esac
for arguments in "add $name 0" "get" "del $name"; do
	# shellcheck disable=SC2086 # the first word and the others
	set -- $arguments
	one=$1
	shift
	tool "$one" "$*"
	check "nfct-helper-$arguments fails" [ $? = 1 ]
	check "and says why" says err "$reason"
done
end
