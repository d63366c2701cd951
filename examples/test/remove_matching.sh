#!/bin/sh
# SPDX-License-Identifier: MIT
#
# remove_matching and restore_connections: what a filter says goes and nothing else, what
# was written down comes back, and each line that is wrong is named.
. "$(dirname "$0")/place.sh"

list() { "$EXAMPLES/list_connections" "$@"; }
lines() { [ "$(wc -l <"$place/$1")" = "$2" ]; }
remove() { "$EXAMPLES/remove_matching" "$@" >"$place/out" 2>"$place/err"; }
restore() { "$EXAMPLES/restore_connections" "$@" >"$place/out" 2>"$place/err"; }
# What lasts: timeouts run down, numbers are the kernel's.
table() { list --json | sed 's/,"\(timeout\|id\|use\)":[0-9]*//g' | sort; }
table_is() { table | cmp -s - "$place/$1"; }

for program in remove_matching restore_connections; do
	"$EXAMPLES/$program" --help >"$place/out" 2>&1
	check "$program: --help is no error" [ $? = 0 ]
	"$EXAMPLES/$program" --nonsense >"$place/out" 2>&1
	check "$program: an unknown option is refused" [ $? = 2 ]
done

# ---- restoring ----------------------------------------------------------------

cat >"$place/some" <<'LINES'
# Some of each, in both forms.
-A -t 900 -u SEEN_REPLY,ASSURED -s 10.0.0.1 -d 10.0.0.9 -p tcp --sport 1001 --dport 80 --state ESTABLISHED -m 1
-A -t 900 -s 10.0.0.2 -d 10.0.0.9 -p udp --sport 1002 --dport 53 -n 192.0.2.1
  -A -t 900 -s 10.0.0.2 -d 10.0.0.9 -p udp --sport 1003 --dport 53 -w 7 -m 2

-s fd00::1 -d fd00::9 -p udp --sport 1004 --dport 53
{"orig-src":"fd00::2","orig-dst":"fd00::9","orig-l4proto":58,"orig-icmp-type":128,"orig-icmp-code":0,"orig-icmp-id":5,"timeout":900}
{"orig-src":"10.0.0.3","orig-dst":"10.0.0.9","orig-l4proto":6,"orig-port-src":1006,"orig-port-dst":21,"timeout":900,"tcp-state":"established","tcp-flags-orig":["window-scale","sack-perm"],"tcp-mask-orig":[],"tcp-flags-repl":["window-scale"],"tcp-wscale-orig":7,"tcp-wscale-repl":5,"status":["seen-reply","assured","confirmed","seq-adjust"]}
LINES
restore --check "$place/some"
check "reading a file" [ $? = 0 ]
check "says how many are good" says out '^6 could be added, 0 failed'
list >"$place/list"
check "and adds none" lines list 0
restore "$place/some"
check "they are added" [ $? = 0 ]
check "all six" says out '^6 added, 0 failed'
list --json >"$place/json"
check "and are listed" lines json 6
check "a mark is there" says json '"orig-port-src":1001.*"mark":1'
check "a translation is" says json '"orig-port-src":1002.*"repl-dst":"192.0.2.1"'
check "a zone is" says json '"orig-port-src":1003.*"zone":7'
check "a timeout that was not said has a default" says json '"orig-port-src":1004.*"timeout":\(1[0-2]\|[5-9]\)[0-9],'
check "TCP's flags and window scales are" \
	says json '"orig-port-src":1006.*"tcp-flags-orig":\["window-scale","sack-perm"\].*"tcp-wscale-orig":7,"tcp-wscale-repl":5'
check "windows nobody knows of are not looked at" says json '"orig-port-src":1001.*"tcp-flags-orig":\["sack-perm","be-liberal"\]'
restore "$place/some"
check "what is there already is a failure" [ $? = 1 ]
check "of each line" says err "some:2: the connection is there already"
check "comments counted" says err "some:8: the connection is there already"
check "and counted" says out '^0 added, 6 failed'
sed -n 's/-m 2/-m 5/p' "$place/some" | "$EXAMPLES/restore_connections" --change - >"$place/out" 2>"$place/err"
check "unless it is to be changed" [ $? = 0 ]
list -m 5 >"$place/list"
check "which it is" lines list 1

table >"$place/before"
for form in json save; do
	list "--$form" >"$place/$form"
	remove --not -m 0xdead --yes
	check "$form: all went" says out '^6 removed'
	restore - <"$place/$form"
	check "$form: and came back" says out '^6 added, 0 failed'
done
remove --not -m 0xdead --yes
restore "$place/json"
check "as they were" table_is before

cat >"$place/wrong" <<'LINES'
-A -t 900 -s 10.0.0.1 -d 10.0.0.9 -p tcp --sport 2001 --dport 80
-A -t 900 -s 10.0.0.1 -p tcp --sport 2001 --dport 80
{"orig-src":"10.0.0.1","nonsense":5}
-A -t 900 -s 10.0.0.300 -d 10.0.0.9 -p tcp --sport 1 --dport 2
{"orig-src":"10.0.0.3","orig-dst":"10.0.0.9","orig-l4proto":17,"orig-port-src":2006,"orig-port-dst":21,"helper-name":"none"}
-A -t 900 -s 10.0.0.1 -d 10.0.0.9 -p tcp --sport 2001 --dport 81
LINES
restore "$place/wrong"
check "wrong lines are a failure" [ $? = 1 ]
check "the others are added" says out '^2 added, 4 failed'
check "half a tuple is named" says err 'wrong:2: its original tuple is not complete'
check "so is an unknown field" says err 'wrong:3: .*nonsense'
check "so is no address" says err 'wrong:4: .*10.0.0.300'
check "so is what the kernel refuses" says err 'wrong:5: .*helper'
restore "$place/no-such-file"
check "a file that is not there is an error" [ $? = 1 ]
check "with its name" says err 'no-such-file: No such file'
printf 'a\0b\n' | "$EXAMPLES/restore_connections" >"$place/out" 2>"$place/err"
check "what is no text is named, too" says err 'standard input:1: it is no text'

# More than one bulk, and the line of a failure in the last one.
awk 'BEGIN { for (i = 0; i < 10000; i++) printf "-A -t 900 -s 10.1.%d.%d -d 10.2.0.1 -p udp --sport %d --dport 53 -m %d\n",
	i / 256, i % 256, i % 7 + 1, i % 10 + 100; print "-A -t 900 -s 10.1.0.0 -d 10.2.0.1 -p udp --sport 1 --dport 53" }' >"$place/many"
restore "$place/many"
check "ten thousand are added" says out '^10000 added, 1 failed'
check "the last line is there already" says err 'many:10001: the connection is there already'

# ---- removing -----------------------------------------------------------------

remove
check "without a filter nothing is removed" [ $? = 1 ]
check "but said" says err 'the filter says nothing'
remove --yes --dry-run -m 1
check "what contradicts itself is refused" [ $? = 2 ]
remove -m 103
check "without an answer nothing is removed" [ $? = 1 ]
check "and the number is said first" says out '^1000 connections match'
check "that it was not, too" says out 'nothing was removed'
echo n | "$EXAMPLES/remove_matching" -m 103 >"$place/out" 2>&1
check "a no is a no" says out 'nothing was removed'
remove --dry-run -m 103
check "the dry run is no failure" [ $? = 0 ]
list -m 103 >"$place/list"
check "and removes nothing" lines list 1000
table | grep -v '"mark":103' >"$place/before"
echo y | "$EXAMPLES/remove_matching" -m 103 >"$place/out" 2>&1
check "a yes removes" says out '1000 removed, 0 had gone, 0 failed'
check "exactly what the filter says" table_is before
grep -v '"orig-src":"10.1.[0-9]*.[0-9]*",.*"orig-port-src":[24],' "$place/before" >"$place/after"
remove --yes -s 10.1.0.0/16 --sport 2
remove --yes -s 10.1.0.0/16 --sport 4
check "from the middle, too" table_is after
remove --yes -s fd00::/64
check "and of IPv6" says out '^2 removed'
remove --yes -m 103
check "nothing left is no failure" [ $? = 0 ]
check "but said" says out '^0 connections match'
end
