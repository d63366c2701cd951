/* SPDX-License-Identifier: MIT */
/*
 * What a queue delivers, one case for each thing that a packet message can hold. The rule of a case lets
 * exactly the packet in question into the queue, so the first one that arrives is the one to keep.
 */
#include "record.h"

#include <errno.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_queue.h>

/* Enumerators that older kernel headers lack, so no #ifdef can tell: NFQA_PRIORITY, NFQA_CGROUP_CLASSID */
#define PRIORITY 21
#define CGROUP_CLASSID 22

#define QUEUE "-j NFQUEUE --queue-num 7\n"
#define UDP_QUEUED RECORD_TRACK "iptables -A OUTPUT -p udp --dport 5001 " QUEUE

#define BRIDGE RECORD_TWO_NAMESPACES \
	"ip link add br0 type bridge; ip link set br0 up\n" \
	"ip link set p0 master br0; ip link set p1 master br0\n" \
	"ip -n a addr add 10.0.111.2/16 dev e0; ip -n b addr add 10.0.2.2/16 dev e0\n" \
	"ip -n a neigh add 10.0.2.2 lladdr 02:00:00:00:00:0b dev e0\n"
#define TAGGED_BRIDGE BRIDGE \
	"for n in a b; do ip -n $n link add link e0 name v5 type vlan id 5; ip -n $n link set v5 up; done\n" \
	"ip -n a addr add 10.5.0.1/24 dev v5; ip -n b addr add 10.5.0.2/24 dev v5\n" \
	"ip -n a neigh add 10.5.0.2 lladdr 02:00:00:00:00:0b dev v5\n"
#define BRIDGE_CHAIN(hook, rule) \
	"nft 'add table bridge t; add chain bridge t c { type filter hook " hook " priority 0; }; " \
	"add rule bridge t c " rule "'\n"

static void give_private_data(struct raw_socket *s, const struct nlmsghdr *packet, const char *name)
{
	static const char data[16] = "private data";
	struct raw_message m;
	size_t ct, help;

	raw_begin_verdict(&m, RECORD_QUEUE, raw_packet_id(packet), NF_ACCEPT);
	ct = raw_open_nest(&m, NFQA_CT);
	help = raw_open_nest(&m, CTA_HELP);
	raw_put_text(&m, CTA_HELP_NAME, name);
	raw_put(&m, CTA_HELP_INFO, data, sizeof(data));
	raw_close_nest(&m, help);
	raw_close_nest(&m, ct);
	raw_send(s, &m);
}

/* The first packet comes without private data; the verdict sets some, and the next one has it. */
static int record_user_helper(const struct record_case *c)
{
	static _Alignas(struct nlmsghdr) char data[RAW_DATAGRAM_SIZE];
	const struct nlmsghdr *header = (const struct nlmsghdr *)data;
	struct raw_socket s;
	ssize_t len;
	int r;

	r = raw_open(&s, 0);
	if (r == 0)
		r = raw_make_helper(&s, "record", RECORD_QUEUE);
	if (r == -EINVAL)
		return RECORD_SKIPPED;	/* this kernel has no userspace helpers at all */
	if (r == 0)
		r = raw_bind_queue(&s, RECORD_QUEUE, NFQNL_COPY_PACKET, 0, NFQA_CFG_F_CONNTRACK);
	if (r == 0 && raw_shell("iptables -t raw -A OUTPUT -p udp --dport 5001 -j CT --helper record") != 0)
		r = -EIO;
	if (r < 0)
		return r;
	record_start(c->traffic);
	len = raw_receive(&s, data, sizeof(data), 4000);
	if (len < 0)
		return len;
	r = record_write("packet-user-helper-first", data, len);
	give_private_data(&s, header, "record");
	len = raw_receive(&s, data, sizeof(data), 4000);
	if (len < 0)
		return len;
	if (record_lacks(c, header))
		return -EBADMSG;
	return r < 0 ? r : record_write(c->name, data, len);
}

const struct record_case record_packets[] = {
	{ "packet-udp-new", UDP_QUEUED, traffic_udp, .wants = { NFQA_CT, NFQA_CT_INFO } },
	{ "packet-udp-no-connection", UDP_QUEUED, traffic_udp, .bare = true, .wants = { NFQA_PAYLOAD } },
	{ "packet-udp-untracked", UDP_QUEUED "iptables -t raw -A OUTPUT -p udp -j CT --notrack\n", traffic_udp },
	{ "packet-tcp-syn", RECORD_TRACK "iptables -A OUTPUT -p tcp --dport 5001 --syn " QUEUE, traffic_tcp,
	  .wants_ct = { CTA_TUPLE_ORIG } },
	{ "packet-tcp-established-reply", RECORD_TRACK
	  "iptables -A OUTPUT -p tcp --sport 5001 --tcp-flags PSH PSH " QUEUE, traffic_tcp,
	  .wants_ct = { CTA_PROTOINFO, CTA_TIMEOUT } },
	{ "packet-icmp-echo", RECORD_TRACK "iptables -A OUTPUT -p icmp " QUEUE, traffic_icmp, .wants = { NFQA_CT } },
	{ "packet-icmp-error-related", RECORD_TRACK "iptables -A OUTPUT -p icmp -m conntrack --ctstate RELATED " QUEUE
	  "iptables -A INPUT -p udp -j REJECT\n", traffic_udp, .wants = { NFQA_CT, NFQA_CT_INFO } },
	{ "packet-udp6-new", "ip6tables -A INPUT -m conntrack --ctstate INVALID\n"
	  "ip6tables -A OUTPUT -p udp --dport 5001 " QUEUE, traffic_udp6, .wants = { NFQA_CT } },
	{ "packet-icmp6-echo", "ip6tables -A INPUT -m conntrack --ctstate INVALID\n"
	  "ip6tables -A OUTPUT -p icmpv6 --icmpv6-type echo-request " QUEUE, traffic_icmp6, .wants = { NFQA_CT } },
	{ "packet-sctp-init", RECORD_TRACK "iptables -A OUTPUT -p sctp --dport 5001 " QUEUE, traffic_sctp,
	  .wants_ct = { CTA_PROTOINFO } },
	{ "packet-connmark", "iptables -t mangle -A OUTPUT -j CONNMARK --set-mark 0x12345678\n" UDP_QUEUED,
	  traffic_udp, .wants_ct = { CTA_MARK } },
	{ "packet-labels", UDP_QUEUED
	  "nft 'add table ip l; add chain ip l c { type filter hook output priority -100; }'\n"
	  "nft 'add rule ip l c ct label set 0x1; add rule ip l c ct label set 0x45'\n", traffic_udp,
	  .wants_ct = { CTA_LABELS } },
	{ "packet-zone", UDP_QUEUED "iptables -t raw -A OUTPUT -p udp -j CT --zone 5\n", traffic_udp,
	  .wants_ct = { CTA_ZONE } },
	{ "packet-zone-one-direction", UDP_QUEUED "iptables -t raw -A OUTPUT -p udp -j CT --zone-orig 5\n",
	  traffic_udp, .wants_ct = { CTA_TUPLE_ORIG } },
	{ "packet-dnat", "iptables -t nat -A OUTPUT -p udp --dport 5001 -j DNAT --to 127.0.0.1:5003\n"
	  "iptables -A OUTPUT -p udp --dport 5003 " QUEUE, traffic_udp, .wants = { NFQA_CT } },
	{ "packet-snat", RECORD_ROUTER "iptables -t nat -A POSTROUTING -o p1 -j MASQUERADE\n"
	  "nft 'add table ip l; add chain ip l c { type filter hook postrouting priority 150; }'\n"
	  "nft 'add rule ip l c udp dport 5001 queue to 7'\n", traffic_between,
	  .wants = { NFQA_CT, NFQA_IFINDEX_OUTDEV } },
	{ "packet-kernel-helper", "modprobe nf_conntrack_ftp || true\n"
	  "iptables -t raw -A OUTPUT -p tcp --dport 21 -j CT --helper ftp\n"
	  "iptables -A OUTPUT -p tcp --sport 21 --tcp-flags PSH PSH " QUEUE, traffic_ftp, .wants_ct = { CTA_HELP } },
	{ "packet-expected", "modprobe nf_conntrack_ftp || true\n"
	  "iptables -t raw -A OUTPUT -p tcp --dport 21 -j CT --helper ftp\n"
	  "iptables -A OUTPUT -p tcp --dport 5009 --syn " QUEUE, traffic_ftp_data, .wants_ct = { CTA_TUPLE_MASTER } },
	{ "packet-seqadj", "modprobe nf_nat_ftp || true\n" RECORD_ROUTER
	  "iptables -t nat -A POSTROUTING -o p1 -j MASQUERADE\n"
	  "iptables -t raw -A PREROUTING -p tcp --dport 21 -j CT --helper ftp\n"
	  "iptables -A FORWARD -p tcp --dport 21 -m string --algo bm --string NOOP " QUEUE, traffic_ftp_between,
	  .wants_ct = { CTA_SEQ_ADJ_ORIG } },
	{ "packet-user-helper", NULL, traffic_udp_twice, record_user_helper, .wants_ct = { CTA_HELP } },
	{ "packet-uid-gid", UDP_QUEUED, traffic_udp_as_user, .flags = NFQA_CFG_F_UID_GID,
	  .wants = { NFQA_UID, NFQA_GID } },
	{ "packet-uid-gid-root", UDP_QUEUED, traffic_udp, .flags = NFQA_CFG_F_UID_GID,
	  .wants = { NFQA_UID, NFQA_GID } },
	{ "packet-gso", RECORD_TRACK "ip link set lo mtu 1500\n"
	  "iptables -A OUTPUT -p tcp --dport 5001 -m length --length 4000: " QUEUE, traffic_tcp_bulk,
	  .flags = NFQA_CFG_F_GSO, .wants = { NFQA_SKB_INFO } },
	{ "packet-checksum-not-ready", UDP_QUEUED, traffic_udp, .flags = NFQA_CFG_F_GSO, .wants = { NFQA_SKB_INFO } },
	{ "packet-truncated", UDP_QUEUED, traffic_udp_large, .range = 60, .wants = { NFQA_CAP_LEN } },
	{ "packet-meta", UDP_QUEUED, traffic_udp, .meta = true, .wants = { NFQA_CT } },
	{ "packet-mark", "iptables -t mangle -A OUTPUT -j MARK --set-mark 0xcafe\n" UDP_QUEUED, traffic_udp,
	  .wants = { NFQA_MARK } },
	{ "packet-priority", "iptables -t mangle -A OUTPUT -j CLASSIFY --set-class 1:2\n" UDP_QUEUED, traffic_udp,
	  .newer = true, .wants = { PRIORITY } },
	{ "packet-timestamp", "iptables -A INPUT -p udp --dport 5001 " QUEUE, traffic_udp, .bare = true,
	  .wants = { NFQA_TIMESTAMP, NFQA_IFINDEX_INDEV } },
	{ "packet-security-context", "iptables -t mangle -A OUTPUT -p udp -j SECMARK --selctx kernel\n"
	  "iptables -t mangle -A OUTPUT -p udp -j CONNSECMARK --save\n" UDP_QUEUED, traffic_udp,
	  .flags = NFQA_CFG_F_SECCTX, .wants = { NFQA_SECCTX }, .wants_ct = { CTA_SECCTX } },
	{ "packet-cgroup-classid", UDP_QUEUED, traffic_udp_in_cgroup, .newer = true,
	  .wants = { CGROUP_CLASSID } },
	{ "packet-input-hwaddr", RECORD_ROUTER RECORD_TRACK "ip addr add 10.0.2.2/32 dev lo\n"
	  "iptables -A INPUT -p udp --dport 5001 " QUEUE, traffic_between, .wants = { NFQA_HWADDR, NFQA_IFINDEX_INDEV } },
	{ "packet-forward", RECORD_ROUTER RECORD_TRACK "iptables -A FORWARD -p udp --dport 5001 " QUEUE, traffic_between,
	  .wants = { NFQA_HWADDR, NFQA_IFINDEX_INDEV, NFQA_IFINDEX_OUTDEV } },
	{ "packet-bridge", BRIDGE BRIDGE_CHAIN("forward", "ip protocol udp queue to 7"), traffic_between, .bare = true,
	  .wants = { NFQA_L2HDR, NFQA_IFINDEX_PHYSINDEV, NFQA_IFINDEX_PHYSOUTDEV } },
	{ "packet-bridge-vlan", TAGGED_BRIDGE BRIDGE_CHAIN("prerouting", "iifname p0 queue to 7"),
	  traffic_between_tagged, .bare = true, .wants = { NFQA_VLAN, NFQA_L2HDR } },
	{ "packet-bridge-connection", BRIDGE BRIDGE_CHAIN("forward", "ct state new ip protocol udp queue to 7"),
	  traffic_between, .wants = { NFQA_L2HDR, NFQA_CT } },
	/* last: from here on the module shows every bridged packet to iptables, in every namespace */
	{ "packet-bridge-iptables", BRIDGE RECORD_TRACK "modprobe br_netfilter || true\n"
	  "sysctl -qw net.bridge.bridge-nf-call-iptables=1\n"
	  "iptables -A FORWARD -m physdev --physdev-is-bridged -p udp --dport 5001 " QUEUE, traffic_between,
	  .wants = { NFQA_IFINDEX_PHYSINDEV, NFQA_IFINDEX_PHYSOUTDEV } },
	{ NULL }
};
