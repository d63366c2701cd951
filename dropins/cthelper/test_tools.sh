#!/bin/sh
# SPDX-License-Identifier: MIT
#
# nfct-helper-add, -get and -del where helpers cannot be had: their arguments, and that they
# say why. Where they can, tests/vm/cthelper_tools.sh goes on.
. "$(dirname "$0")/../../examples/test/place.sh"
. "$(dirname "$0")/../../examples/test/helper_place.sh"
tools=$TOOLS/nfct-helper-

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
	removes_nothing del $name
	end
	exit 0
fi
cannot_help "add $name 0" "get" "del $name"
end
