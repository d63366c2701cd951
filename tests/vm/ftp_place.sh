# SPDX-License-Identifier: MIT
# The place where the FTP helper is proven; the scripts that need it read this behind tap.sh. A client (curl), a
# router and a server (vsftpd), each in a namespace of its own. The router's filter lets only new control
# connections pass, and what is established or related; IPv4 is masqueraded. So transfers fail without the
# helper. The client is 10.0.0.2 (and .3), and for the server it is 198.51.100.201 (a longer text) or 9.9.9.1 (a
# shorter one), by the server's address that is asked for.
# shellcheck shell=sh
name=ftp-nfbind
# Seconds for what must come, against hangs; less where it must not.
patience=30

at() { # namespace, command
	where=$1
	shift
	ip netns exec "$where" "$@"
}

set -u
clean_up() {
	# shellcheck disable=SC2046 # processes
	kill -KILL $(jobs -p) 2>/dev/null
	for room in c r s; do
		ip netns del $room
	done
	rm -rf $place /srv/ftp
}
mkdir -p $place/get /srv/ftp/in /var/run/netns /var/run/vsftpd/empty
for room in c r s; do
	ip netns add $room || { echo "1..0 # SKIP this kernel has no named network namespaces"; exit 77; }
	at $room ip link set lo up
done
trap clean_up EXIT
# Who speaks into a line that was hung up goes on.
trap : PIPE

# The wires.
ip link add c0 netns c type veth peer name rc netns r
ip link add s0 netns s type veth peer name rs netns r
at c ip addr add 10.0.0.2/24 dev c0
at c ip addr add 10.0.0.3/24 dev c0
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
		ct state invalid drop
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

# What arrives there with something said.
at s nft -f - <<'RULES'
table ip seen {
	counter said { }
	chain input {
		type filter hook input priority 0;
		tcp dport 21 tcp flags & psh == psh counter name said
	}
}
RULES
count_of() { # namespace, counter's table and name: its packets
	at "$1" nft list counter $2 | sed -n 's/.*packets \([0-9]*\).*/\1/p'
}

# The server, one for each family, and files of several sizes.
for size in 1 1461 65537 500000; do
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
connect_timeout=30
accept_timeout=30
secure_chroot_dir=/var/run/vsftpd/empty
port_enable=YES
pasv_enable=YES
connect_from_port_20=YES
xferlog_enable=NO
CONF
	} >$place/vsftpd$family.conf
	ip netns exec s vsftpd $place/vsftpd$family.conf >>$place/server$family 2>&1 &
done

listens() { at s ss -ltn | grep -qF "$1"; }
within 60 listens '0.0.0.0:21' && within 60 listens '[fd00:2::2]:21'

start_helper() { # timeout, or nothing; and options
	# Or what the one before said would be taken for its word.
	: >$place/helper
	# A plain user with one capability. Not by a function: what is started in the background has to be the
	# helper itself.
	ip netns exec r setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all,+net_admin --ambient-caps=-all,+net_admin \
		"$helper" --verbose --timeout "${1:-300}" ${2:-} $name >$place/helper.out 2>$place/helper &
	pid=$!
	within 60 grep -q 'rules can use' $place/helper
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
# A rule's reference to the helper goes some time after it.
remove_rules() {
	for program in iptables ip6tables; do
		at r $program -t raw -F
	done
	sleep 2
}

settings="-sS -g --connect-timeout 30 --max-time 120"
ftp() { # curl's options; the client is one process with one control connection
	# shellcheck disable=SC2086
	at c curl $settings "$@"
}
mode() { # curl's options for a way to announce
	case $1 in
	PORT) echo "-P - --disable-eprt" ;;
	EPRT) echo "-P -" ;;
	PASV) echo "--disable-epsv" ;;
	EPSV) echo "" ;;
	esac
}
sizes="1 1461 65537 500000"
there_and_back() { # address, way: all files, in one control connection
	rm -f $place/get/* /srv/ftp/in/*
	gets='' puts=''
	for size in $sizes; do
		gets="$gets -o $place/get/$size ftp://$1/$size"
		puts="$puts -T /srv/ftp/$size ftp://$1/in/"
	done
	# shellcheck disable=SC2046,SC2086 # options
	ftp $(mode "$2") $gets --next $settings $(mode "$2") $puts || return
	for size in $sizes; do
		cmp "/srv/ftp/$size" "$place/get/$size" && cmp "/srv/ftp/$size" "/srv/ftp/in/$size" || return
	done
}
one_file() { # address, way
	# shellcheck disable=SC2046
	ftp $(mode "$2") -o $place/get/one ftp://$1/1461 && cmp $place/get/one /srv/ftp/1461
}
each_way() { # check or refute, what it is, command
	for way in PORT EPRT PASV EPSV; do
		for address in 198.51.100.2 9.9.9.2; do
			$1 "$2, IPv4 behind a masquerade, $way, $address" $3 $address $way
		done
	done
	for way in EPRT EPSV; do
		$1 "$2, IPv6 behind a filter, $way" $3 "[fd00:2::2]" $way
	done
}
expected() { at r "$list" --fields --expect | grep -q "$1"; }
nothing_expected() {
	at r "$list" --fields --expect >$place/expected && ! [ -s $place/expected ]
}
tracked() { at r "$list" --fields | grep -q "$1"; }

# Control connections that a script speaks in, until they are hung up.
dial() { # number of the line: 1 to 4, client's address, server's
	rm -f "$place/line$1" "$place/said$1"
	mkfifo $place/line$1
	ip netns exec c socat STDIO "TCP:$3:21,bind=$2,connect-timeout=$patience" <$place/line$1 >>$place/said$1 2>&1 &
	case $1 in
	1) exec 5>$place/line1 ;;
	2) exec 6>$place/line2 ;;
	3) exec 7>$place/line3 ;;
	4) exec 8>$place/line4 ;;
	esac
	hears $1 '^220' && speak $1 'USER ftp\r\nPASS x\r\n' && hears $1 '^230'
}
# shellcheck disable=SC2059 # a format
speak() { # number of the line, text for printf
	case $1 in
	1) printf "$2" >&5 ;;
	2) printf "$2" >&6 ;;
	3) printf "$2" >&7 ;;
	4) printf "$2" >&8 ;;
	esac
}
hears() { # number of the line, pattern
	within $patience grep -q "$2" $place/said$1
}
forget() { : >$place/said$1; } # what was said
hang_up() {
	exec 5>&- 6>&- 7>&- 8>&-
}
passive_port() { # number of the line: of the last 227
	sed -n 's/^227 .*,\([0-9]*\),\([0-9]*\)).*/\1 \2/p' $place/said$1 | tail -n 1 |
		{ read -r high low && echo $((high * 256 + low)); }
}
gets_through() { # server's address, port
	at c socat -u OPEN:/dev/null "TCP:$1:$2,connect-timeout=$patience"
}
leave() {
	sed 's/^/# /' $place/helper.out
	end
}
