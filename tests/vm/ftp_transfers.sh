#!/bin/sh
# SPDX-License-Identifier: MIT
# The FTP helper (examples/ftp_helper.c) between a real client and a real server: files pass in every way that
# they can be asked for, and nothing passes that was not announced by who will be spoken to.
# programs: curl vsftpd @TAP@ @PLACE@ @HELPER@ @LIST@
helper=@HELPER@
list=@LIST@
. @TAP@
. @PLACE@

dial 1 10.0.0.2 198.51.100.2
say $? "without the helper a control connection is made"
hang_up
refute "without the helper no file passes, active, IPv4" one_file 198.51.100.2 PORT
refute "without the helper no file passes, passive, IPv4" one_file 9.9.9.2 EPSV
refute "without the helper no file passes, active, IPv6" one_file "[fd00:2::2]" EPRT
refute "without the helper no file passes, passive, IPv6" one_file "[fd00:2::2]" EPSV

start_helper
say $? "the helper starts"
check "as a plain user" grep -q '^Uid:.1000.1000.1000.1000' /proc/$pid/status
check "with CAP_NET_ADMIN alone" grep -q '^CapEff:.0000000000001000$' /proc/$pid/status
add_rules
each_way check "files of 1 to 500000 bytes pass both ways" there_and_back
check "no expectation is left" nothing_expected
at r conntrack -L -o extended --status EXPECTED >$place/flows 2>/dev/null
check "conntrack(8) shows the data flows as expected ones" test "$(grep -c tcp $place/flows)" -gt 20
refute "and none else" grep -q 'dport=21 ' $place/flows
at r conntrack -f ipv6 -L -o extended --status EXPECTED >$place/flows 2>/dev/null
check "those of IPv6 too" test "$(grep -c tcp $place/flows)" -gt 5
at r "$list" --fields | grep 'status=[^ ]*expected' >$place/flows
check "their master is the control connection" test "$(grep -c 'master-port-dst=21 ' $place/flows)" -gt 25
check "for rules they are related" test "$(count_of r 'inet filter related')" -ge 80
refute "nothing was refused" grep -q refused $place/helper

# What NAT makes longer and shorter; the kernel counts what it has to add.
dial 1 10.0.0.2 198.51.100.2
say $? "a control connection is made"
speak 1 'PORT 10,0,'; sleep 0.4; speak 1 '0,2,195,80\r\n'
check "an announcement in two segments is read" hears 1 '^200 PORT'
check "and the address in it translated" expected 'expected-dst=198.51.100.201.*expected-port-dst=50000'
check "by the kernel sequence numbers are 6 ahead" tracked 'orig-port-dst=21 .*seq-adjust.*orig-seq-after=6 '
dial 2 10.0.0.3 198.51.100.2
speak 2 'PORT 10,0,0,3,195,80\r\n'
check "the same port of another client is accepted" hears 2 '^200 PORT'
check "and becomes another one outside" expected 'expected-dst=198.51.100.201.*expected-port-dst=50001'
forget 1
speak 1 'PORT 10,0,0,3,195,80\r\n'
check "an announcement of another client's address is answered" hears 1 '^[25]00 '
refute "but nothing is expected for it" expected 'expected-port-dst=50002'
check "and it was refused" grep -q 'PORT: 10.0.0.3, port 50000: refused' $place/helper
at r conntrack -D -p tcp --dport 21 >/dev/null 2>&1
check "with the connections the expectations go" within 30 nothing_expected
hang_up
dial 1 10.0.0.2 9.9.9.2 && speak 1 'PORT 10,0,0,2,195,80\r\n'
check "a shorter address is read too" hears 1 '^200 PORT'
check "for which they are 1 behind" tracked 'orig-dst=9.9.9.2 .*orig-seq-after=4294967295 '
speak 1 'QUIT\r\n'
hang_up
remove_rules
stop_helper
say $? "the helper ends well"
leave
