#!/bin/sh
# SPDX-License-Identifier: MIT
#
# helper_add, helper_list and helper_remove: their arguments, and that they say why a
# kernel or a user cannot have helpers. Where both can, tests/vm/helper_tools.sh goes on.
. "$(dirname "$0")/place.sh"

# shellcheck disable=SC2086 # its arguments come in one word
tool() { "$EXAMPLES/helper_$1" ${2:-} >"$place/out" 2>"$place/err"; }
wrong() {
	tool "$1" "$2"
	check "helper_$1 $2 is refused" [ $? = 2 ]
	check "and --help is named" says err 'try --help'
}

for one in add list remove; do
	tool $one --help
	check "helper_$one --help is no error" [ $? = 0 ]
	wrong $one --nonsense
	wrong $one "one 2 three"
done
wrong add ""
wrong add name
wrong add "name 65536"
wrong add "name -1"
wrong add "longer-than-15-bytes 1"
wrong remove ""
wrong remove longer-than-15-bytes

name=nfbind-$$
tool list
if [ $? = 0 ]; then
	tool remove $name
	check "one that is not there cannot be removed" [ $? = 1 ]
	check "which is said" says err 'there is no such helper'
	tool list $name
	check "nor is it listed" [ $? = 1 ]
	end
	exit 0
fi
why=$(cat "$place/err")
case $why in
*"this kernel has no user-space helpers (nfnetlink_cthelper)"*) reason='this kernel has no user-space helpers (nfnetlink_cthelper)' ;;
*) reason='user-space helpers take CAP_NET_ADMIN in the initial user namespace, and this process is in another one' ;;
esac
for arguments in "list" "list $name" "add $name 0" "remove $name" "remove --disable $name"; do
	# shellcheck disable=SC2086 # the first word and the others
	set -- $arguments
	one=$1
	shift
	tool "$one" "$*"
	check "helper_$arguments fails" [ $? = 1 ]
	check "and says why" says err "$reason"
done
end
