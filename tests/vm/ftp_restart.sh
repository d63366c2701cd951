#!/bin/sh
# SPDX-License-Identifier: MIT
# The life of the FTP helper (examples/ftp_helper.c) in the midst of its connections: stopped while rules
# refer to it, killed while it holds packets, and started again.
# programs: curl vsftpd @TAP@ @PLACE@ @HELPER@ @LIST@
helper=@HELPER@
list=@LIST@
. @TAP@
. @PLACE@
waiting() { # packets in the helper's queue
	at r awk '$1 == 21 { print $3 }' /proc/net/netfilter/nfnetlink_queue
}

waits_twice() { [ "$(waiting)" -gt 1 ]; }

start_helper 300 --keep
say $? "the helper starts"
add_rules
stop_helper
say $? "it ends well while rules refer to it"
check "and stays, disabled: control connections are made" dial 1 10.0.0.2 9.9.9.2
hang_up
start_helper 2
say $? "started again it takes itself over"
dial 1 10.0.0.2 9.9.9.2 && speak 1 'PORT 10,0,0,2,195,80\r\n'
check "an announcement is answered" hears 1 '^200 PORT'
check "an expectation is there" expected 'expected-dst=9.9.9.1.*expected-port-dst=50000'
check "and goes after the time that the new run gave" within 30 nothing_expected
speak 1 'QUIT\r\n'
hang_up

# Killed; of the second and the third connection the kernel adjusts the sequence numbers.
dial 2 10.0.0.3 198.51.100.2 && speak 2 'PORT 10,0,0,3,195,80\r\n' && hears 2 '^200 PORT' &&
	dial 3 10.0.0.2 9.9.9.2 && speak 3 'PORT 10,0,0,2,195,80\r\n' && hears 3 '^200 PORT' &&
	dial 1 10.0.0.2 9.9.9.2
say $? "connections are made, two of them translated"
kill -STOP $pid
before=$(count_of s 'ip seen said')
speak 1 'NOOP\r\n'
check "a stopped helper holds what is said, and what is said again" within 30 waits_twice
kill -KILL $pid
wait $pid 2>/dev/null
check "killed, what is said after that passes" hears 1 '^200 NOOP'
check "and what it held is lost" test $(($(count_of s 'ip seen said') - before)) = 1
speak 1 'PASV\r\n'
check "control connections go on unhelped" hears 1 '^227'
refute "without data connections" gets_through 9.9.9.2 "$(passive_port 1)"
check "what was expected goes in time" within 30 nothing_expected
refute "no new connection transfers, active" one_file 198.51.100.2 PORT
refute "nor passive" one_file "[fd00:2::2]" EPSV
# Newer kernels confirm connections and adjust numbers behind the queue, and do neither where the queue is
# passed by (nf_confirm() in net/netfilter/nf_conntrack_proto.c): a new connection stays unknown, and of a
# translated one each side gets numbers that it did not count.
speak 3 'NOOP\r\n'
patience=8
if dial 4 10.0.0.2 9.9.9.2; then
	check "on this kernel a translated connection goes on, too" hears 3 '^200 NOOP'
else
	refute "on this kernel a translated connection does not go on" hears 3 '^200 NOOP'
fi
patience=30

# And again.
start_helper
say $? "started anew it takes over what was left"
check "files pass again, active" there_and_back 198.51.100.2 PORT
check "and passive" there_and_back "[fd00:2::2]" EPSV
forget 1
speak 1 'NOOP\r\n'
check "the old control connection speaks" hears 1 '^200 NOOP'
speak 1 'PASV\r\n'
check "in passive mode" hears 1 '^227'
check "its data connection passes again" gets_through 9.9.9.2 "$(passive_port 1)"
speak 1 'PORT 10,0,0,2,195,81\r\n'
check "in active mode" hears 1 '^200 PORT'
check "its announcement is translated again" expected 'expected-dst=9.9.9.1.*expected-port-dst=50001'
speak 2 'PORT 10,0,0,3,195,82\r\n'
check "so is that of a connection that was translated before" expected 'expected-dst=198.51.100.201.*expected-port-dst=50002'
hang_up
remove_rules
stop_helper
say $? "without rules it ends well"
refute "and is removed" grep -q disabled $place/helper
refute "so that no rule can name it" at r iptables -t raw -A PREROUTING -p tcp --dport 21 -j CT --helper $name
leave
