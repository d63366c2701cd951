#!/bin/sh
# SPDX-License-Identifier: MIT
#
# helper_add, helper_list and helper_remove: their arguments, and that they say why a
# kernel or a user cannot have helpers. Where both can, tests/vm/helper_tools.sh goes on.
. "$(dirname "$0")/place.sh"
. "$(dirname "$0")/helper_place.sh"
tools=$EXAMPLES/helper_

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
	removes_nothing remove $name
	tool list $name
	check "nor is it listed" [ $? = 1 ]
	end
	exit 0
fi
cannot_help "list" "list $name" "add $name 0" "remove $name" "remove --disable $name"
end
