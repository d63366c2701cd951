/* SPDX-License-Identifier: MIT */
/*
 * The packet's tables: what its fields are, and where in the kernel's message
 * each of those that the kernel sends lies (net/netfilter/nfnetlink_queue.c).
 * Data only; view.c has the table of the fields inside the payload.
 */
#include "packet_tables.h"

#include "help_generated.h"

#define READ NFBIND_DIRECTION_READ
#define JUDGE (NFBIND_DIRECTION_READ | NFBIND_DIRECTION_VERDICT)
#define VERDICT NFBIND_DIRECTION_VERDICT
#define EDIT (NFBIND_DIRECTION_READ | NFBIND_DIRECTION_EDIT)

#define ROW(field, text, row_kind, row_directions, ...) \
	[NFBIND_PACKET_##field] = { .name = text, .kind = NFBIND_KIND_##row_kind, \
				    .directions = row_directions, __VA_ARGS__ }

static const struct value_name family_names[] = {
	{ 1, "inet" }, { 2, "ipv4" }, { 3, "arp" }, { 5, "netdev" }, { 7, "bridge" }, { 10, "ipv6" }, { 0, NULL },
};

static const struct value_name hook_names[] = {
	{ 0, "prerouting" }, { 1, "input" },	   { 2, "forward" }, { 3, "output" },
	{ 4, "postrouting" }, { 5, "ingress" }, { 0, NULL },
};

static const struct value_name skb_info_names[] = {
	{ NFBIND_SKB_INFO_CSUM_NOT_READY, "csum-not-ready" },
	{ NFBIND_SKB_INFO_GSO, "gso" },
	{ NFBIND_SKB_INFO_CSUM_NOT_VERIFIED, "csum-not-verified" },
	{ 0, NULL },
};

static const struct value_name ct_info_names[] = {
	{ NFBIND_CT_INFO_ESTABLISHED, "established" },
	{ NFBIND_CT_INFO_RELATED, "related" },
	{ NFBIND_CT_INFO_NEW, "new" },
	{ NFBIND_CT_INFO_ESTABLISHED_REPLY, "established-reply" },
	{ NFBIND_CT_INFO_RELATED_REPLY, "related-reply" },
	{ 0, NULL },
};

static const struct value_name tcp_flag_names[] = {
	{ NFBIND_TCP_FLAG_FIN, "fin" }, { NFBIND_TCP_FLAG_SYN, "syn" },
	{ NFBIND_TCP_FLAG_RST, "rst" }, { NFBIND_TCP_FLAG_PSH, "psh" },
	{ NFBIND_TCP_FLAG_ACK, "ack" }, { NFBIND_TCP_FLAG_URG, "urg" },
	{ NFBIND_TCP_FLAG_ECE, "ece" }, { NFBIND_TCP_FLAG_CWR, "cwr" },
	{ 0, NULL },
};

static const struct value_name ip_protocol_names[] = {
	{ 1, "icmp" }, { 2, "igmp" },	 { 6, "tcp" },	   { 17, "udp" },     { 33, "dccp" },
	{ 47, "gre" }, { 50, "esp" },	 { 51, "ah" },	   { 58, "icmpv6" },  { 132, "sctp" },
	{ 136, "udplite" }, { 0, NULL },
};

static const struct field packet_rows[] = {
	ROW(QUEUE, "queue", U16, READ),
	ROW(ID, "id", U32, READ),
	ROW(FAMILY, "family", U8, READ, .values = family_names),
	ROW(HW_PROTOCOL, "hw-protocol", U16, READ),
	ROW(HOOK, "hook", U8, READ, .values = hook_names),
	ROW(MARK, "mark", U32, JUDGE),
	ROW(TIMESTAMP, "timestamp", U64, READ),
	ROW(INDEV, "indev", U32, READ),
	ROW(OUTDEV, "outdev", U32, READ),
	ROW(PHYSINDEV, "physindev", U32, READ),
	ROW(PHYSOUTDEV, "physoutdev", U32, READ),
	ROW(INDEV_NAME, "indev-name", TEXT, READ, .size = 15),
	ROW(OUTDEV_NAME, "outdev-name", TEXT, READ, .size = 15),
	ROW(PHYSINDEV_NAME, "physindev-name", TEXT, READ, .size = 15),
	ROW(PHYSOUTDEV_NAME, "physoutdev-name", TEXT, READ, .size = 15),
	ROW(HWADDR, "hwaddr", BYTES, READ, .size = 8),
	ROW(PAYLOAD, "payload", BYTES, JUDGE),
	ROW(CAP_LEN, "cap-len", U32, READ),
	ROW(SKB_INFO, "skb-info", U32, READ, .values = skb_info_names),
	ROW(CT, "ct", CT, JUDGE),
	ROW(CT_INFO, "ct-info", U32, READ, .values = ct_info_names),
	ROW(EXP, "exp", EXP, VERDICT),
	ROW(UID, "uid", U32, READ),
	ROW(GID, "gid", U32, READ),
	ROW(SECCTX, "secctx", TEXT, READ, .kernel = 4003),
	ROW(VLAN_PROTO, "vlan-proto", U16, JUDGE, .kernel = 4007),
	ROW(VLAN_TCI, "vlan-tci", U16, JUDGE, .kernel = 4007),
	ROW(L2HDR, "l2hdr", BYTES, JUDGE, .kernel = 4007),
	ROW(PRIORITY, "priority", U32, JUDGE, .kernel = 5018),
	ROW(CGROUP_CLASSID, "cgroup-classid", U32, READ, .kernel = 6004),
	ROW(IP_VERSION, "ip-version", U8, READ),
	ROW(IP_SRC, "ip-src", ADDRESS, EDIT),
	ROW(IP_DST, "ip-dst", ADDRESS, EDIT),
	ROW(IP_PROTOCOL, "ip-protocol", U8, READ, .values = ip_protocol_names),
	ROW(IP_TTL, "ip-ttl", U8, EDIT),
	ROW(IP_DSCP, "ip-dscp", U8, EDIT),
	ROW(IP_ECN, "ip-ecn", U8, EDIT),
	ROW(IP_ID, "ip-id", U32, EDIT),
	ROW(IP_FRAGMENT_OFFSET, "ip-fragment-offset", U16, READ),
	ROW(IP_MORE_FRAGMENTS, "ip-more-fragments", BOOL, READ),
	ROW(IP_DONT_FRAGMENT, "ip-dont-fragment", BOOL, EDIT),
	ROW(IP_FLOW_LABEL, "ip-flow-label", U32, EDIT),
	ROW(PORT_SRC, "port-src", U16, EDIT),
	ROW(PORT_DST, "port-dst", U16, EDIT),
	ROW(TCP_SEQ, "tcp-seq", U32, EDIT),
	ROW(TCP_ACK, "tcp-ack", U32, EDIT),
	ROW(TCP_FLAGS, "tcp-flags", U8, EDIT, .values = tcp_flag_names),
	ROW(TCP_WINDOW, "tcp-window", U16, EDIT),
	ROW(TCP_URGENT, "tcp-urgent", U16, EDIT),
	ROW(TCP_OPTIONS, "tcp-options", BYTES, EDIT, .size = 40),
	ROW(TCP_MSS, "tcp-mss", U16, EDIT),
	ROW(ICMP_TYPE, "icmp-type", U8, EDIT),
	ROW(ICMP_CODE, "icmp-code", U8, EDIT),
	ROW(ICMP_ID, "icmp-id", U16, EDIT),
	ROW(ICMP_SEQ, "icmp-seq", U16, EDIT),
	ROW(SCTP_VTAG, "sctp-vtag", U32, EDIT),
	ROW(L4_PAYLOAD, "l4-payload", BYTES, EDIT),
};

const struct nfbind_fields packet_fields = {
	.rows = packet_rows,
	.help = packet_help,
	.count = sizeof(packet_rows) / sizeof(packet_rows[0]),
};

#define SOURCE(field, where, ...) [NFBIND_PACKET_##field] = { .from = FROM_##where, __VA_ARGS__ }
#define MEMBER(field, width, member) \
	SOURCE(field, width, .offset = offsetof(struct nfbind_packet, member))
#define NUMBER(field, name) SOURCE(field, NUMBER, .attribute = KERNEL_NFQA_##name)
#define CHANGED(field, name, bit, member) \
	SOURCE(field, NUMBER, .attribute = KERNEL_NFQA_##name, .set = bit, \
	       .offset = offsetof(struct nfbind_packet, member))
#define TEXT(field, name) SOURCE(field, TEXT, .attribute = KERNEL_NFQA_##name)
#define DEVICE(field, name) SOURCE(field, DEVICE, .attribute = KERNEL_NFQA_IFINDEX_##name)

const struct packet_source packet_sources[NFBIND_PACKET_IP_VERSION] = {
	MEMBER(QUEUE, U16, queue),
	MEMBER(ID, U32, id),
	MEMBER(FAMILY, U8, family),
	MEMBER(HW_PROTOCOL, U16, hw_protocol),
	MEMBER(HOOK, U8, hook),
	CHANGED(MARK, MARK, SET_MARK, mark),
	SOURCE(TIMESTAMP, TIMESTAMP, .attribute = KERNEL_NFQA_TIMESTAMP),
	NUMBER(INDEV, IFINDEX_INDEV),
	NUMBER(OUTDEV, IFINDEX_OUTDEV),
	NUMBER(PHYSINDEV, IFINDEX_PHYSINDEV),
	NUMBER(PHYSOUTDEV, IFINDEX_PHYSOUTDEV),
	DEVICE(INDEV_NAME, INDEV),
	DEVICE(OUTDEV_NAME, OUTDEV),
	DEVICE(PHYSINDEV_NAME, PHYSINDEV),
	DEVICE(PHYSOUTDEV_NAME, PHYSOUTDEV),
	SOURCE(HWADDR, HWADDR, .attribute = KERNEL_NFQA_HWADDR),
	SOURCE(PAYLOAD, PAYLOAD),
	NUMBER(CAP_LEN, CAP_LEN),
	NUMBER(SKB_INFO, SKB_INFO),
	SOURCE(CT, OBJECT, .attribute = KERNEL_NFQA_CT, .set = SET_CT),
	NUMBER(CT_INFO, CT_INFO),
	SOURCE(EXP, OBJECT, .attribute = KERNEL_NFQA_EXP, .set = SET_EXP),
	NUMBER(UID, UID),
	NUMBER(GID, GID),
	TEXT(SECCTX, SECCTX),
	SOURCE(VLAN_PROTO, VLAN, .attribute = KERNEL_NFQA_VLAN_PROTO, .set = SET_VLAN_PROTO,
	       .offset = offsetof(struct edit, vlan_proto)),
	SOURCE(VLAN_TCI, VLAN, .attribute = KERNEL_NFQA_VLAN_TCI, .set = SET_VLAN_TCI,
	       .offset = offsetof(struct edit, vlan_tci)),
	SOURCE(L2HDR, L2HDR, .attribute = KERNEL_NFQA_L2HDR, .set = SET_L2HDR),
	CHANGED(PRIORITY, PRIORITY, SET_PRIORITY, priority),
	NUMBER(CGROUP_CLASSID, CGROUP_CLASSID),
};

/* The least payload of each attribute: what is shorter is malformed. */
const uint8_t packet_least[KERNEL_NFQA_COUNT] = {
	[KERNEL_NFQA_PACKET_HDR] = 7,
	[KERNEL_NFQA_MARK] = 4,
	[KERNEL_NFQA_TIMESTAMP] = 16,
	[KERNEL_NFQA_IFINDEX_INDEV] = 4,
	[KERNEL_NFQA_IFINDEX_OUTDEV] = 4,
	[KERNEL_NFQA_IFINDEX_PHYSINDEV] = 4,
	[KERNEL_NFQA_IFINDEX_PHYSOUTDEV] = 4,
	[KERNEL_NFQA_HWADDR] = 12,
	[KERNEL_NFQA_CT_INFO] = 4,
	[KERNEL_NFQA_CAP_LEN] = 4,
	[KERNEL_NFQA_SKB_INFO] = 4,
	[KERNEL_NFQA_UID] = 4,
	[KERNEL_NFQA_GID] = 4,
	[KERNEL_NFQA_PRIORITY] = 4,
	[KERNEL_NFQA_CGROUP_CLASSID] = 4,
};
