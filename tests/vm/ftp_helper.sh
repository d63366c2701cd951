#!/bin/sh
# SPDX-License-Identifier: MIT
# The FTP helper between real parts: a client (curl), a router, a server (vsftpd), each in a namespace of its
# own. The router's filter lets only new control connections pass, and what is established or related; IPv4
# is masqueraded. So transfers fail without the helper. The client is 10.0.0.2, and for the server it is
# 198.51.100.201 (a longer text) or 9.9.9.1 (a shorter one), by the server's address that is asked for.
# programs: curl vsftpd @HELPER@ @LIST@
helper=@HELPER@
list=@LIST@
name=ftp-nfbind
rooms=/tmp/ftp.$$
checks=0 failures=0

say() { # status of what was checked, its name
	checks=$((checks + 1))
	if [ "$1" = 0 ]; then
		echo "ok $checks - $2"
	else
		failures=$((failures + 1))
		echo "not ok $checks - $2"
		tail -n 5 $rooms/log 2>/dev/null | sed 's/^/# /'
	fi
}
check() { # name, command
	what=$1
	shift
	"$@" >>$rooms/log 2>&1
	say $? "$what"
}
refute() {
	what=$1
	shift
	! "$@" >>$rooms/log 2>&1
	say $? "$what"
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
at() { # namespace, command
	where=$1
	shift
	ip netns exec "$where" "$@"
}

mkdir -p $rooms/get /srv/ftp/in /var/run/netns /var/run/vsftpd/empty
for room in c r s; do
	ip netns add $room || { echo "1..0 # SKIP this kernel has no named network namespaces"; exit 77; }
	at $room ip link set lo up
done

# The wires.
ip link add c0 netns c type veth peer name rc netns r
ip link add s0 netns s type veth peer name rs netns r
at c ip addr add 10.0.0.2/24 dev c0
at r ip addr add 10.0.0.1/24 dev rc
at r ip addr add 198.51.100.201/24 dev rs
at r ip addr add 9.9.9.1/24 dev rs
at s ip addr add 198.51.100.2/24 dev s0
at s ip addr add 9.9.9.2/24 dev s0
at c ip -6 addr add fd00:1::2/64 dev c0 nodad
at r ip -6 addr add fd00:1::1/64 dev rc nodad
at r ip -6 addr add fd00:2::1/64 dev rs nodad
at s ip -6 addr add fd00:2::2/64 dev s0 nodad
for device in c:c0 r:rc r:rs s:s0; do
	at ${device%:*} ip link set ${device#*:} up
done
at c ip route add default via 10.0.0.1
at c ip -6 route add default via fd00:1::1
at s ip -6 route add default via fd00:2::1
at r sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'

# The filter; refusing instead of dropping, so that what must fail fails at once.
at r nft -f - <<'RULES'
table inet filter {
	counter related { }
	chain forward {
		type filter hook forward priority 0; policy drop;
		ct state established accept
		ct state related counter name related accept
		iifname "rc" tcp dport 21 ct state new accept
		meta l4proto tcp reject with tcp reset
	}
}
table ip nat {
	chain post {
		type nat hook postrouting priority 100;
		oifname "rs" masquerade
	}
}
RULES

# The server, one for each family, and files of several sizes.
for size in 1 1461 65537 1500000; do
	head -c $size /dev/urandom >/srv/ftp/$size
done
chmod 777 /srv/ftp/in
chmod 644 /srv/ftp/[0-9]*
grep -q '^ftp:' /etc/passwd || echo 'ftp:x:101:65534::/srv/ftp:/bin/false' >>/etc/passwd
for family in 4 6; do
	{
		[ $family = 4 ] && echo listen=YES || printf 'listen=NO\nlisten_ipv6=YES\nlisten_address6=fd00:2::2\n'
		cat <<'CONF'
background=NO
anonymous_enable=YES
local_enable=NO
write_enable=YES
anon_upload_enable=YES
anon_umask=022
no_anon_password=YES
seccomp_sandbox=NO
isolate_network=NO
connect_timeout=3
accept_timeout=3
secure_chroot_dir=/var/run/vsftpd/empty
port_enable=YES
pasv_enable=YES
connect_from_port_20=YES
xferlog_enable=NO
CONF
	} >$rooms/vsftpd$family.conf
	ip netns exec s vsftpd $rooms/vsftpd$family.conf >>$rooms/server$family 2>&1 &
done

listens() { at s ss -ltn | grep -qF "$1"; }
within 20 listens '0.0.0.0:21' && within 20 listens '[fd00:2::2]:21'

start_helper() {
	# Nobody but a plain user with one capability.
	# Or what the one before said would be taken for its word.
	: >$rooms/helper
	# Not by a function: what is started in the background has to be the helper itself.
	ip netns exec r setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all,+net_admin --ambient-caps=-all,+net_admin \
		"$helper" --verbose --timeout "${1:-300}" $name >$rooms/helper.out 2>$rooms/helper &
	pid=$!
	within 10 grep -q 'rules can use' $rooms/helper
}
stop_helper() {
	# What is started in the background ignores SIGINT until it says otherwise.
	kill -TERM $pid
	wait $pid
}
add_rules() {
	for program in iptables ip6tables; do
		at r $program -t raw -A PREROUTING -p tcp --dport 21 -j CT --helper $name
	done
}
remove_rules() {
	for program in iptables ip6tables; do
		at r $program -t raw -F
	done
}

ftp() { # curl's options; the client is one process with one control connection
	at c curl -sS -g --connect-timeout 3 --max-time 20 "$@"
}
mode() { # curl's options for a way to announce
	case $1 in
	PORT) echo "-P - --disable-eprt" ;;
	EPRT) echo "-P -" ;;
	PASV) echo "--disable-epsv" ;;
	EPSV) echo "" ;;
	esac
}
there_and_back() { # address, way
	rm -f $rooms/get/* /srv/ftp/in/*
	# shellcheck disable=SC2046 # options
	ftp $(mode "$2") -o $rooms/get/1 ftp://$1/1 -o $rooms/get/1461 ftp://$1/1461 -o $rooms/get/65537 ftp://$1/65537 \
		-o $rooms/get/1500000 ftp://$1/1500000 --next -sS -g --connect-timeout 3 --max-time 20 $(mode "$2") \
		-T /srv/ftp/1 ftp://$1/in/ -T /srv/ftp/1461 ftp://$1/in/ -T /srv/ftp/65537 ftp://$1/in/ \
		-T /srv/ftp/1500000 ftp://$1/in/ || return
	for size in 1 1461 65537 1500000; do
		cmp /srv/ftp/$size $rooms/get/$size && cmp /srv/ftp/$size /srv/ftp/in/$size || return
	done
}
one_file() { # address, way
	# shellcheck disable=SC2046
	ftp $(mode "$2") -o $rooms/get/one ftp://$1/1461 && cmp $rooms/get/one /srv/ftp/1461
}
# A longer and a shorter address for the server to read, both families; all sizes where they differ most.
few_ways() { # check or refute, command, what it is
	$1 "$3PORT of 198.51.100.2" $2 198.51.100.2 PORT
	$1 "$3EPSV of 198.51.100.2" $2 198.51.100.2 EPSV
	$1 "$3PORT of 9.9.9.2" $2 9.9.9.2 PORT
	$1 "$3EPRT of fd00:2::2" $2 "[fd00:2::2]" EPRT
	$1 "$3EPSV of fd00:2::2" $2 "[fd00:2::2]" EPSV
}
other_ways() {
	$1 "$3EPRT of 198.51.100.2" $2 198.51.100.2 EPRT
	$1 "$3PASV of 198.51.100.2" $2 198.51.100.2 PASV
	$1 "$3EPRT of 9.9.9.2" $2 9.9.9.2 EPRT
	$1 "$3PASV of 9.9.9.2" $2 9.9.9.2 PASV
	$1 "$3EPSV of 9.9.9.2" $2 9.9.9.2 EPSV
}
expected() { at r "$list" --expect | grep -q "$1"; }
nothing_expected() { [ -z "$(at r "$list" --expect)" ]; }

few_ways refute one_file "without the helper fails "

start_helper
say $? "the helper starts as a plain user with CAP_NET_ADMIN"
add_rules
few_ways check there_and_back "with the helper files pass both ways by "
other_ways check one_file "with the helper a file passes by "
check "no expectation is left" nothing_expected
at r conntrack -L -o extended --status EXPECTED >$rooms/flows 2>/dev/null
check "conntrack(8) shows the data flows as expected ones" test "$(grep -c tcp $rooms/flows)" -gt 5
at r "$list" >$rooms/own
check "their master is the control connection" grep -q 'master-port-dst=21' $rooms/own
refute "nothing was refused" grep -q refused $rooms/helper

# Left alone, an expectation is there, and goes after its time.
stop_helper
check "stopping with rules leaves a disabled helper" grep -q 'was disabled and not removed' $rooms/helper
start_helper 2
say $? "starting takes it over"
{ printf 'USER ftp\r\nPASS x\r\n'; sleep 1; printf 'PORT 10,0,'; sleep 0.4; printf '0,2,195,80\r\n'; sleep 4; } |
	at c busybox nc 198.51.100.2 21 >$rooms/said 2>/dev/null &
talk=$!
check "a cut PORT is announced" within 5 expected 'expected-dst=198.51.100.201.*expected-port-dst=50000'
check "and goes after its time" within 6 nothing_expected
wait $talk
check "the server read the translated address" grep -q '^200 PORT' $rooms/said

# Without warning. A connection that the table has goes on; a new one does not get into it, since the kernel
# confirms it behind the queue, which is passed by (net/netfilter/nf_conntrack_proto.c).
refused_port() { # of the 227 in what was said: nobody gets through to it
	port=$(sed -n 's/^227 .*,\([0-9]*\),\([0-9]*\)).*/\1 \2/p' $rooms/said)
	[ -n "$port" ] || return 1
	! at c busybox nc -w 2 9.9.9.2 $((${port% *} * 256 + ${port#* })) </dev/null
}
{ printf 'USER ftp\r\nPASS x\r\n'; sleep 3; printf 'NOOP\r\n'; sleep 6; printf 'PASV\r\n'; sleep 4; } |
	at c busybox nc 9.9.9.2 21 >$rooms/said 2>/dev/null &
talk=$!
within 5 grep -q '^230' $rooms/said
kill -STOP $pid
sleep 4
refute "what a stopped helper holds does not pass" grep -q '^200 NOOP' $rooms/said
kill -KILL $pid
wait $pid 2>/dev/null
check "without it the packet sent again passes" within 5 grep -q '^200 NOOP' $rooms/said
check "and so does what is said later" within 8 grep -q '^227' $rooms/said
check "but no data connection" refused_port
check "and nothing is expected" nothing_expected
wait $talk
start_helper
say $? "a new one starts, and takes over what was left"
check "then data connections pass again" one_file 198.51.100.2 PORT
check "of both families" one_file "[fd00:2::2]" EPSV
remove_rules
# A rule's reference to the helper goes some time after it.
sleep 2
stop_helper
say $? "it ends well"
start_helper
say $? "and starts again"
stop_helper
say $? "and ends well again"
echo "1..$checks"
sed 's/^/# /' $rooms/helper.out
[ $failures = 0 ]
