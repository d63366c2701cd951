# SPDX-License-Identifier: MIT
#
# What tests of tools for user-space helpers read behind place.sh: $tools is how the tools'
# names begin. `tool NAME ARGUMENTS` runs one, and what it says stands in `out` and `err`.
# shellcheck shell=sh disable=SC2086 # arguments may come in one word

tool() {
	one=$1
	shift
	"$tools$one" $* >"$place/out" 2>"$place/err"
}

# Where helpers can be had: one that is not there.
removes_nothing() { # tool, name
	tool "$1" "$2"
	check "one that is not there cannot be removed" [ $? = 1 ]
	check "which is said" says err 'there is no such helper'
}

# Where a tool has just failed: that all do, each with the reason.
cannot_help() { # each a tool and its arguments
	case $(cat "$place/err") in
	*"this kernel has no user-space helpers (nfnetlink_cthelper)"*) reason='this kernel has no user-space helpers (nfnetlink_cthelper)' ;;
	*) reason='user-space helpers take CAP_NET_ADMIN in the initial user namespace, and this process is in another one' ;;
	esac
	for arguments; do
		tool $arguments
		check "${tools##*/}$arguments fails" [ $? = 1 ]
		check "and says why" says err "$reason"
	done
}
