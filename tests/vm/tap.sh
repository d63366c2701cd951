# SPDX-License-Identifier: MIT
# Checks, for the scripts that read this file first: each is a line of TAP, and where one fails the end of
# what its command said stands below. $place is a folder for the files of the script, which removes it.
# shellcheck shell=sh
place=/tmp/${0##*/}.$$
checks=0 failures=0
mkdir -p $place

# The script once more, in a network namespace that ends with it.
own_namespace() { # the script's arguments
	[ "${1:-}" = inside ] || exec unshare -n "$0" inside
	ip link set lo up
}
say() { # status of what was checked, sentence
	checks=$((checks + 1))
	if [ "$1" = 0 ]; then
		echo "ok $checks - $2"
	else
		failures=$((failures + 1))
		echo "not ok $checks - $2"
		tail -n 5 $place/log 2>/dev/null | sed 's/^/# /'
	fi
}
check() { # sentence, command
	sentence=$1
	shift
	"$@" >>$place/log 2>&1
	say $? "$sentence"
}
refute() {
	sentence=$1
	shift
	! "$@" >>$place/log 2>&1
	say $? "$sentence"
}
fails_with() { # words, command
	words=$1
	shift
	! "$@" >$place/said 2>&1 && cat $place/said && grep -qF -- "$words" $place/said
}
within() { # seconds, command: until it succeeds
	tries=$(($1 * 5))
	shift
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.2
	done
}
end() {
	echo "1..$checks"
	[ $failures = 0 ]
	exit
}
