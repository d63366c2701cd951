# SPDX-License-Identifier: MIT
#
# The place where the examples are tested; each test script reads this file first. The
# script starts again in a network namespace of its own, so that all it does ends with
# it, and speaks TAP: `check SENTENCE COMMAND...` is one check. $EXAMPLES is the folder
# with the programs. Rules are those that the programs themselves print with --help.
# shellcheck shell=sh
set -u
PATH=$PATH:/usr/sbin:/sbin
EXAMPLES=${EXAMPLES:-build/examples}

skip_all() {
	echo "1..0 # SKIP $*"
	exit 0
}

if [ -z "${EXAMPLES_INSIDE:-}" ]; then
	EXAMPLES_INSIDE=yes
	export EXAMPLES_INSIDE
	command -v unshare >/dev/null || skip_all "unshare is not installed"
	if [ "$(id -u)" = 0 ] && unshare -n true 2>/dev/null; then
		exec unshare -n sh "$0"
	fi
	unshare -Urn true 2>/dev/null || skip_all "this system lets no plain user make a namespace"
	exec unshare -Urn sh "$0"
fi

for tool in ip nsenter; do
	command -v "$tool" >/dev/null || skip_all "$tool is not installed"
done
place=$(mktemp -d) || exit 1
XTABLES_LOCKFILE=$place/lock
export XTABLES_LOCKFILE
peers= program= receiver=
clean_up() {
	# shellcheck disable=SC2086 # a list of processes
	kill $peers $program $receiver 2>/dev/null
	rm -rf "$place"
}
trap clean_up EXIT
trap 'exit 130' INT TERM
ip link set lo up || exit 1

# ---- checks -------------------------------------------------------------------

checks=0
check() {
	sentence=$1
	shift
	checks=$((checks + 1))
	if "$@"; then
		echo "ok $checks - $sentence"
	else
		echo "not ok $checks - $sentence"
		for file in "$place"/*; do
			[ -f "$file" ] && tail -n 20 "$file" | cut -c 1-200 | sed "s|^|# ${file##*/}: |"
		done
	fi
}
skip() { # sentence, reason
	checks=$((checks + 1))
	echo "ok $checks - $1 # SKIP $2"
}
end() { echo "1..$checks"; }
says() { grep -q -- "$2" "$place/$1"; } # file, pattern
fails() { ! "$@"; }

# Try until a command succeeds, half a minute at most: against hangs, for machines under load are slow.
within() { # command
	tries=0
	until "$@" 2>/dev/null; do
		tries=$((tries + 1))
		[ "$tries" -lt 600 ] || return 1
		sleep 0.05
	done
}
# Wait for a pattern in a file of the place.
wait_for() { within says "$1" "$2"; } # file, pattern

# ---- rules --------------------------------------------------------------------

# Those that the program's own --help names, with one tool or the other; RULES=nft takes nft.
print_rules() { "$EXAMPLES/$1" --help | sed -n "s/^  $2 /$2 /p"; }
set_rules() {
	for tool in ${RULES:-iptables nft}; do
		if command -v "$tool" >/dev/null && print_rules "$1" "$tool" | sh -e 2>"$place/rules"; then
			return 0
		fi
	done
	skip_all "this kernel has no queue rule: $(head -n 1 "$place/rules")"
}

# Without a rule that asks for it, connections are not tracked.
track_connections() {
	iptables -A OUTPUT -m conntrack --ctstate INVALID -j ACCEPT 2>/dev/null ||
		nft -f - <<-RULES
			table inet tracking {
				chain output {
					type filter hook output priority 0;
					ct state invalid accept
				}
			}
		RULES
}

# ---- programs -----------------------------------------------------------------

# Start an example; it is ready when its queue is bound.
start() {
	name=$1
	shift
	: >"$place/err"
	"$EXAMPLES/$name" "$@" <"${input:-/dev/null}" >"$place/out" 2>"$place/err" &
	program=$!
	tries=0
	until says err "is bound"; do
		tries=$((tries + 1))
		kill -0 "$program" 2>/dev/null && [ "$tries" -lt 600 ] || return 1
		sleep 0.05
	done
}

# End it as Ctrl-C does; its status stands in $status.
stop() {
	kill "-${1:-INT}" "$program"
	wait "$program"
	status=$?
	program=
}

# What listens writes into the file `got`.
listen() {
	: >"$place/listening"
	"$EXAMPLES/traffic" "$@" >"$place/got" 2>"$place/listening" &
	receiver=$!
	wait_for listening listening
}
send() { "$EXAMPLES/traffic" "$@" >"$place/sent" 2>&1; }
received() {
	wait "$receiver"
	receiver=
}

# ---- other machines -----------------------------------------------------------

is_elsewhere() { # process
	[ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}
# A namespace behind a veth pair, 10.N.0.1 here and 10.N.0.2 there; `at N COMMAND` runs there.
make_peer() {
	unshare -n sleep 600 &
	eval "peer$1=$!"
	peers="$peers $!"
	within is_elsewhere $! || return 1
	# The kernel names the other end veth0; not every ip can be told another name.
	ip link add "near$1" type veth && ip link set veth0 netns "$!" || return 1
	ip addr add "10.$1.0.1/24" dev "near$1" && ip link set "near$1" up || return 1
	at "$1" ip addr add "10.$1.0.2/24" dev veth0 && at "$1" ip link set veth0 up &&
		at "$1" ip route add default via "10.$1.0.1"
}
at() {
	eval "process=\$peer$1"
	shift
	nsenter -t "$process" -n "$@"
}
