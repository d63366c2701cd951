/* SPDX-License-Identifier: MIT */
/*
 * The connection's tables: what its fields are, and where they live in the
 * kernel's messages (net/netfilter/nf_conntrack_netlink.c). Data only.
 */
#include "ct.h"
#include "help_generated.h"
#include "uapi.h"

#define READ NFBIND_DIRECTION_READ
#define KEY (NFBIND_DIRECTION_READ | NFBIND_DIRECTION_CREATE)
#define WRITE (NFBIND_DIRECTION_READ | NFBIND_DIRECTION_CREATE | NFBIND_DIRECTION_UPDATE)
#define JUDGE (WRITE | NFBIND_DIRECTION_VERDICT)
#define CREATE NFBIND_DIRECTION_CREATE
#define CHANGE (NFBIND_DIRECTION_UPDATE | NFBIND_DIRECTION_VERDICT)

#define ROW(field, text, member, row_kind, ...) \
	[NFBIND_CT_##field] = { .name = text, .kind = NFBIND_KIND_##row_kind, \
				.offset = offsetof(struct nfbind_ct, member), __VA_ARGS__ }

static const struct value_name status_names[] = {
	{ NFBIND_CT_STATUS_EXPECTED, "expected" },
	{ NFBIND_CT_STATUS_SEEN_REPLY, "seen-reply" },
	{ NFBIND_CT_STATUS_ASSURED, "assured" },
	{ NFBIND_CT_STATUS_CONFIRMED, "confirmed" },
	{ NFBIND_CT_STATUS_SRC_NAT, "src-nat" },
	{ NFBIND_CT_STATUS_DST_NAT, "dst-nat" },
	{ NFBIND_CT_STATUS_SEQ_ADJUST, "seq-adjust" },
	{ NFBIND_CT_STATUS_SRC_NAT_DONE, "src-nat-done" },
	{ NFBIND_CT_STATUS_DST_NAT_DONE, "dst-nat-done" },
	{ NFBIND_CT_STATUS_DYING, "dying" },
	{ NFBIND_CT_STATUS_FIXED_TIMEOUT, "fixed-timeout" },
	{ NFBIND_CT_STATUS_TEMPLATE, "template" },
	{ NFBIND_CT_STATUS_NAT_CLASH, "nat-clash" },
	{ NFBIND_CT_STATUS_HELPER, "helper" },
	{ NFBIND_CT_STATUS_OFFLOAD, "offload" },
	{ NFBIND_CT_STATUS_HW_OFFLOAD, "hw-offload" },
	{ 0, NULL },
};

static const struct value_name tcp_state_names[] = {
	{ 0, "none" },	     { 1, "syn-sent" },	  { 2, "syn-recv" },  { 3, "established" },
	{ 4, "fin-wait" },   { 5, "close-wait" }, { 6, "last-ack" },  { 7, "time-wait" },
	{ 8, "close" },	     { 9, "syn-sent2" },  { 0, NULL },
};

/* include/uapi/linux/netfilter/nf_conntrack_tcp.h */
static const struct value_name tcp_flag_names[] = {
	{ NFBIND_CT_TCP_FLAG_WINDOW_SCALE, "window-scale" },
	{ NFBIND_CT_TCP_FLAG_SACK_PERM, "sack-perm" },
	{ NFBIND_CT_TCP_FLAG_CLOSE_INIT, "close-init" },
	{ NFBIND_CT_TCP_FLAG_BE_LIBERAL, "be-liberal" },
	{ NFBIND_CT_TCP_FLAG_DATA_UNACKNOWLEDGED, "data-unacknowledged" },
	{ NFBIND_CT_TCP_FLAG_MAXACK_SET, "maxack-set" },
	{ NFBIND_CT_TCP_FLAG_CHALLENGE_ACK, "challenge-ack" },
	{ NFBIND_CT_TCP_FLAG_SIMULTANEOUS_OPEN, "simultaneous-open" },
	{ 0, NULL },
};

/* include/uapi/linux/netfilter/nf_conntrack_sctp.h */
static const struct value_name sctp_state_names[] = {
	{ 0, "none" },		{ 1, "closed" },	    { 2, "cookie-wait" },
	{ 3, "cookie-echoed" }, { 4, "established" },	    { 5, "shutdown-sent" },
	{ 6, "shutdown-recd" }, { 7, "shutdown-ack-sent" }, { 8, "heartbeat-sent" },
	{ 9, "heartbeat-acked" }, { 0, NULL },
};

/* include/net/netfilter/nf_conntrack_dccp.h, as it was */
static const struct value_name dccp_state_names[] = {
	{ 0, "none" },	   { 1, "request" },  { 2, "respond" },	 { 3, "partopen" }, { 4, "open" },
	{ 5, "closereq" }, { 6, "closing" },  { 7, "timewait" },
	{ 8, "ignore" },   { 9, "invalid" },  { 0, NULL },
};

static const struct value_name dccp_role_names[] = {
	{ 0, "client" }, { 1, "server" }, { 0, NULL },
};

static const struct field ct_rows[] = {
	TUPLE_ROWS(struct nfbind_ct, NFBIND_CT_ORIG, "orig", orig, KEY, ORIG, SAME, SAME),
	TUPLE_ROWS(struct nfbind_ct, NFBIND_CT_REPL, "repl", repl, KEY, REPL, NONE, NONE),
	TUPLE_ROWS(struct nfbind_ct, NFBIND_CT_MASTER, "master", master, KEY, MASTER, NONE, NONE),
	ROW(STATUS, "status", status, U32, .directions = JUDGE, .values = status_names),
	ROW(TIMEOUT, "timeout", timeout, U32, .directions = JUDGE),
	ROW(MARK, "mark", mark, U32, .directions = JUDGE),
	ROW(MARK_MASK, "mark-mask", mark_mask, U32, .directions = CHANGE),
	ROW(ZONE, "zone", zone, U16, .directions = KEY),
	ROW(ID, "id", id, U32, .directions = READ),
	ROW(USE, "use", use, U32, .directions = READ),
	ROW(ORIG_COUNTER_PACKETS, "orig-counter-packets", orig_packets, U64, .directions = READ),
	ROW(ORIG_COUNTER_BYTES, "orig-counter-bytes", orig_bytes, U64, .directions = READ),
	ROW(REPL_COUNTER_PACKETS, "repl-counter-packets", repl_packets, U64, .directions = READ),
	ROW(REPL_COUNTER_BYTES, "repl-counter-bytes", repl_bytes, U64, .directions = READ),
	ROW(HELPER_NAME, "helper-name", helper_name, TEXT, .directions = JUDGE, .size = 15),
	ROW(HELPER_INFO, "helper-info", helper_info, BYTES, .directions = JUDGE, .size = 32),
	ROW(LABELS, "labels", labels, BYTES, .directions = JUDGE, .size = 16, .is_bitmap = true),
	ROW(LABELS_MASK, "labels-mask", labels_mask, BYTES, .directions = CHANGE, .size = 16,
	    .is_bitmap = true),
	ROW(SECCTX, "secctx", secctx, TEXT, .directions = READ),
	ROW(TIMESTAMP_START, "timestamp-start", timestamp_start, U64, .directions = READ),
	ROW(TIMESTAMP_STOP, "timestamp-stop", timestamp_stop, U64, .directions = READ),
	ROW(TIMESTAMP_EVENT, "timestamp-event", timestamp_event, U64, .directions = READ,
	    .kernel = 6014),
	ROW(TCP_STATE, "tcp-state", tcp_state, U8, .directions = WRITE, .values = tcp_state_names),
	ROW(TCP_FLAGS_ORIG, "tcp-flags-orig", tcp_flags_orig, U8, .directions = WRITE,
	    .values = tcp_flag_names),
	ROW(TCP_MASK_ORIG, "tcp-mask-orig", tcp_mask_orig, U8, .directions = WRITE,
	    .values = tcp_flag_names),
	ROW(TCP_FLAGS_REPL, "tcp-flags-repl", tcp_flags_repl, U8, .directions = WRITE,
	    .values = tcp_flag_names),
	ROW(TCP_MASK_REPL, "tcp-mask-repl", tcp_mask_repl, U8, .directions = WRITE,
	    .values = tcp_flag_names),
	ROW(TCP_WSCALE_ORIG, "tcp-wscale-orig", tcp_wscale_orig, U8, .directions = WRITE),
	ROW(TCP_WSCALE_REPL, "tcp-wscale-repl", tcp_wscale_repl, U8, .directions = WRITE),
	ROW(SNAT, "snat", snat.min, ADDRESS, .directions = CREATE, .aliases = "snat-ipv4 snat-ipv6"),
	ROW(SNAT_MAX, "snat-max", snat.max, ADDRESS, .directions = CREATE),
	ROW(SNAT_PORT, "snat-port", snat.port_min, U16, .directions = CREATE),
	ROW(SNAT_PORT_MAX, "snat-port-max", snat.port_max, U16, .directions = CREATE),
	ROW(DNAT, "dnat", dnat.min, ADDRESS, .directions = CREATE, .aliases = "dnat-ipv4 dnat-ipv6"),
	ROW(DNAT_MAX, "dnat-max", dnat.max, ADDRESS, .directions = CREATE),
	ROW(DNAT_PORT, "dnat-port", dnat.port_min, U16, .directions = CREATE),
	ROW(DNAT_PORT_MAX, "dnat-port-max", dnat.port_max, U16, .directions = CREATE),
	ROW(ORIG_SEQ_POSITION, "orig-seq-position", orig_seq.position, U32, .directions = WRITE,
	    .aliases = "orig-nat-seq-correction-pos"),
	ROW(ORIG_SEQ_BEFORE, "orig-seq-before", orig_seq.before, U32, .directions = WRITE,
	    .aliases = "orig-nat-seq-offset-before"),
	ROW(ORIG_SEQ_AFTER, "orig-seq-after", orig_seq.after, U32, .directions = WRITE,
	    .aliases = "orig-nat-seq-offset-after"),
	ROW(REPL_SEQ_POSITION, "repl-seq-position", repl_seq.position, U32, .directions = WRITE,
	    .aliases = "repl-nat-seq-correction-pos"),
	ROW(REPL_SEQ_BEFORE, "repl-seq-before", repl_seq.before, U32, .directions = WRITE,
	    .aliases = "repl-nat-seq-offset-before"),
	ROW(REPL_SEQ_AFTER, "repl-seq-after", repl_seq.after, U32, .directions = WRITE,
	    .aliases = "repl-nat-seq-offset-after"),
	ROW(SCTP_STATE, "sctp-state", sctp_state, U8, .directions = WRITE,
	    .values = sctp_state_names),
	ROW(SCTP_VTAG_ORIG, "sctp-vtag-orig", sctp_vtag_orig, U32, .directions = WRITE),
	ROW(SCTP_VTAG_REPL, "sctp-vtag-repl", sctp_vtag_repl, U32, .directions = WRITE),
	ROW(DCCP_STATE, "dccp-state", dccp_state, U8, .directions = WRITE,
	    .values = dccp_state_names),
	ROW(DCCP_ROLE, "dccp-role", dccp_role, U8, .directions = WRITE, .values = dccp_role_names),
	ROW(DCCP_HANDSHAKE_SEQ, "dccp-handshake-seq", dccp_handshake_seq, U64,
	    .directions = WRITE),
	ROW(SYNPROXY_ISN, "synproxy-isn", synproxy_isn, U32, .directions = WRITE, .kernel = 4018),
	ROW(SYNPROXY_ITS, "synproxy-its", synproxy_its, U32, .directions = WRITE, .kernel = 4018),
	ROW(SYNPROXY_TSOFF, "synproxy-tsoff", synproxy_tsoff, U32, .directions = WRITE,
	    .kernel = 4018),
};

const struct nfbind_fields ct_fields = {
	.rows = ct_rows,
	.help = ct_help,
	.count = sizeof(ct_rows) / sizeof(ct_rows[0]),
};

/* Where a field lives; the numbers inside tuples are those of the original one. */
#define LEAF(wire_kind, name) { .kind = WIRE_##wire_kind, .field = NFBIND_CT_##name }
#define ADDRESS(wire_kind, name) \
	{ .kind = WIRE_##wire_kind, .field = NFBIND_CT_ORIG_##name, \
	  .protocol_field = NFBIND_CT_ORIG_L3PROTO }
#define NEST(table, from, to) \
	{ .kind = WIRE_NEST, WIRE_ROWS(table), .first = NFBIND_CT_##from, .last = NFBIND_CT_##to }
#define TUPLE(from) \
	{ .kind = WIRE_NEST, .rows = ct_tuple_wires, .rows_count = CT_TUPLE_WIRES, \
	  .shift = NFBIND_CT_##from - NFBIND_CT_ORIG_SRC, .first = NFBIND_CT_ORIG_SRC, \
	  .last = NFBIND_CT_ORIG_ZONE }

static const struct wire ip_wires[] = {
	[KERNEL_CTA_IP_V4_SRC] = ADDRESS(IPV4, SRC),
	[KERNEL_CTA_IP_V4_DST] = ADDRESS(IPV4, DST),
	[KERNEL_CTA_IP_V6_SRC] = ADDRESS(IPV6, SRC),
	[KERNEL_CTA_IP_V6_DST] = ADDRESS(IPV6, DST),
};

/* ICMP and ICMPv6 fill the same fields: the protocol number tells which to send. */
#define ICMP(wire_kind, name, number) \
	{ .kind = WIRE_##wire_kind, .field = NFBIND_CT_ORIG_ICMP_##name, \
	  .protocol_field = NFBIND_CT_ORIG_L4PROTO, .only_protocol = number }

static const struct wire proto_wires[] = {
	[KERNEL_CTA_PROTO_NUM] = LEAF(U8, ORIG_L4PROTO),
	[KERNEL_CTA_PROTO_SRC_PORT] = LEAF(U16, ORIG_PORT_SRC),
	[KERNEL_CTA_PROTO_DST_PORT] = LEAF(U16, ORIG_PORT_DST),
	[KERNEL_CTA_PROTO_ICMP_ID] = ICMP(U16, ID, 1),
	[KERNEL_CTA_PROTO_ICMP_TYPE] = ICMP(U8, TYPE, 1),
	[KERNEL_CTA_PROTO_ICMP_CODE] = ICMP(U8, CODE, 1),
	[KERNEL_CTA_PROTO_ICMPV6_ID] = ICMP(U16, ID, 58),
	[KERNEL_CTA_PROTO_ICMPV6_TYPE] = ICMP(U8, TYPE, 58),
	[KERNEL_CTA_PROTO_ICMPV6_CODE] = ICMP(U8, CODE, 58),
};

const struct wire ct_tuple_wires[CT_TUPLE_WIRES] = {
	[KERNEL_CTA_TUPLE_IP] = NEST(ip_wires, ORIG_SRC, ORIG_DST),
	[KERNEL_CTA_TUPLE_PROTO] = NEST(proto_wires, ORIG_L4PROTO, ORIG_ICMP_ID),
	[KERNEL_CTA_TUPLE_ZONE] = LEAF(U16, ORIG_ZONE),
};

static const struct wire tcp_wires[] = {
	[KERNEL_CTA_PROTOINFO_TCP_STATE] = LEAF(U8, TCP_STATE),
	[KERNEL_CTA_PROTOINFO_TCP_WSCALE_ORIGINAL] = LEAF(U8, TCP_WSCALE_ORIG),
	[KERNEL_CTA_PROTOINFO_TCP_WSCALE_REPLY] = LEAF(U8, TCP_WSCALE_REPL),
	[KERNEL_CTA_PROTOINFO_TCP_FLAGS_ORIGINAL] = LEAF(FLAGS, TCP_FLAGS_ORIG),
	[KERNEL_CTA_PROTOINFO_TCP_FLAGS_REPLY] = LEAF(FLAGS, TCP_FLAGS_REPL),
};

static const struct wire dccp_wires[] = {
	[KERNEL_CTA_PROTOINFO_DCCP_STATE] = LEAF(U8, DCCP_STATE),
	[KERNEL_CTA_PROTOINFO_DCCP_ROLE] = LEAF(U8, DCCP_ROLE),
	[KERNEL_CTA_PROTOINFO_DCCP_HANDSHAKE_SEQ] = LEAF(U64, DCCP_HANDSHAKE_SEQ),
};

static const struct wire sctp_wires[] = {
	[KERNEL_CTA_PROTOINFO_SCTP_STATE] = LEAF(U8, SCTP_STATE),
	[KERNEL_CTA_PROTOINFO_SCTP_VTAG_ORIGINAL] = LEAF(U32, SCTP_VTAG_ORIG),
	[KERNEL_CTA_PROTOINFO_SCTP_VTAG_REPLY] = LEAF(U32, SCTP_VTAG_REPL),
};

static const struct wire protoinfo_wires[] = {
	[KERNEL_CTA_PROTOINFO_TCP] = NEST(tcp_wires, TCP_STATE, TCP_WSCALE_REPL),
	[KERNEL_CTA_PROTOINFO_DCCP] = NEST(dccp_wires, DCCP_STATE, DCCP_HANDSHAKE_SEQ),
	[KERNEL_CTA_PROTOINFO_SCTP] = NEST(sctp_wires, SCTP_STATE, SCTP_VTAG_REPL),
};

/* Both translations, and both adjustments, are alike: the numbers are those of the first. */
static const struct wire nat_proto_wires[] = {
	[KERNEL_CTA_PROTONAT_PORT_MIN] = LEAF(U16, SNAT_PORT),
	[KERNEL_CTA_PROTONAT_PORT_MAX] = LEAF(U16, SNAT_PORT_MAX),
};

static const struct wire nat_wires[] = {
	[KERNEL_CTA_NAT_V4_MINIP] = LEAF(IPV4, SNAT),
	[KERNEL_CTA_NAT_V4_MAXIP] = LEAF(IPV4, SNAT_MAX),
	[KERNEL_CTA_NAT_PROTO] = NEST(nat_proto_wires, SNAT_PORT, SNAT_PORT_MAX),
	[KERNEL_CTA_NAT_V6_MINIP] = LEAF(IPV6, SNAT),
	[KERNEL_CTA_NAT_V6_MAXIP] = LEAF(IPV6, SNAT_MAX),
};

static const struct wire seqadj_wires[] = {
	[KERNEL_CTA_SEQADJ_CORRECTION_POS] = LEAF(U32, ORIG_SEQ_POSITION),
	[KERNEL_CTA_SEQADJ_OFFSET_BEFORE] = LEAF(U32, ORIG_SEQ_BEFORE),
	[KERNEL_CTA_SEQADJ_OFFSET_AFTER] = LEAF(U32, ORIG_SEQ_AFTER),
};

static const struct wire synproxy_wires[] = {
	[KERNEL_CTA_SYNPROXY_ISN] = LEAF(U32, SYNPROXY_ISN),
	[KERNEL_CTA_SYNPROXY_ITS] = LEAF(U32, SYNPROXY_ITS),
	[KERNEL_CTA_SYNPROXY_TSOFF] = LEAF(U32, SYNPROXY_TSOFF),
};

static const struct wire counters_orig_wires[] = {
	[KERNEL_CTA_COUNTERS_PACKETS] = LEAF(U64, ORIG_COUNTER_PACKETS),
	[KERNEL_CTA_COUNTERS_BYTES] = LEAF(U64, ORIG_COUNTER_BYTES),
};

static const struct wire counters_reply_wires[] = {
	[KERNEL_CTA_COUNTERS_PACKETS] = LEAF(U64, REPL_COUNTER_PACKETS),
	[KERNEL_CTA_COUNTERS_BYTES] = LEAF(U64, REPL_COUNTER_BYTES),
};

static const struct wire timestamp_wires[] = {
	[KERNEL_CTA_TIMESTAMP_START] = LEAF(U64, TIMESTAMP_START),
	[KERNEL_CTA_TIMESTAMP_STOP] = LEAF(U64, TIMESTAMP_STOP),
};

static const struct wire help_wires[] = {
	[KERNEL_CTA_HELP_NAME] = LEAF(TEXT, HELPER_NAME),
	[KERNEL_CTA_HELP_INFO] = LEAF(BYTES, HELPER_INFO),
};

static const struct wire secctx_wires[] = {
	[KERNEL_CTA_SECCTX_NAME] = LEAF(TEXT, SECCTX),
};

static const struct wire ct_top_wires[] = {
	[KERNEL_CTA_TUPLE_ORIG] = TUPLE(ORIG_SRC),
	[KERNEL_CTA_TUPLE_REPLY] = TUPLE(REPL_SRC),
	[KERNEL_CTA_STATUS] = LEAF(U32, STATUS),
	[KERNEL_CTA_PROTOINFO] = NEST(protoinfo_wires, TCP_STATE, DCCP_HANDSHAKE_SEQ),
	[KERNEL_CTA_HELP] = NEST(help_wires, HELPER_NAME, HELPER_INFO),
	[KERNEL_CTA_NAT_SRC] = NEST(nat_wires, SNAT, SNAT_PORT_MAX),
	[KERNEL_CTA_TIMEOUT] = LEAF(U32, TIMEOUT),
	[KERNEL_CTA_MARK] = LEAF(U32, MARK),
	[KERNEL_CTA_COUNTERS_ORIG] = NEST(counters_orig_wires, ORIG_COUNTER_PACKETS, ORIG_COUNTER_BYTES),
	[KERNEL_CTA_COUNTERS_REPLY] = NEST(counters_reply_wires, REPL_COUNTER_PACKETS, REPL_COUNTER_BYTES),
	[KERNEL_CTA_USE] = LEAF(U32, USE),
	[KERNEL_CTA_ID] = LEAF(U32, ID),
	[KERNEL_CTA_NAT_DST] = { .kind = WIRE_NEST, WIRE_ROWS(nat_wires),
				 .shift = NFBIND_CT_DNAT - NFBIND_CT_SNAT,
				 .first = NFBIND_CT_SNAT, .last = NFBIND_CT_SNAT_PORT_MAX },
	[KERNEL_CTA_TUPLE_MASTER] = TUPLE(MASTER_SRC),
	[KERNEL_CTA_SEQ_ADJ_ORIG] = NEST(seqadj_wires, ORIG_SEQ_POSITION, ORIG_SEQ_AFTER),
	[KERNEL_CTA_SEQ_ADJ_REPLY] = { .kind = WIRE_NEST, WIRE_ROWS(seqadj_wires),
				       .shift = NFBIND_CT_REPL_SEQ_POSITION -
						NFBIND_CT_ORIG_SEQ_POSITION,
				       .first = NFBIND_CT_ORIG_SEQ_POSITION,
				       .last = NFBIND_CT_ORIG_SEQ_AFTER },
	[KERNEL_CTA_ZONE] = LEAF(U16, ZONE),
	[KERNEL_CTA_SECCTX] = NEST(secctx_wires, SECCTX, SECCTX),
	[KERNEL_CTA_TIMESTAMP] = NEST(timestamp_wires, TIMESTAMP_START, TIMESTAMP_STOP),
	[KERNEL_CTA_MARK_MASK] = LEAF(U32, MARK_MASK),
	[KERNEL_CTA_LABELS] = LEAF(LABELS, LABELS),
	[KERNEL_CTA_LABELS_MASK] = LEAF(LABELS, LABELS_MASK),
	[KERNEL_CTA_SYNPROXY] = NEST(synproxy_wires, SYNPROXY_ISN, SYNPROXY_TSOFF),
	[KERNEL_CTA_TIMESTAMP_EVENT] = LEAF(U64, TIMESTAMP_EVENT),
};

const struct wire_table ct_wires = {
	.fields = &ct_fields,
	.rows = ct_top_wires,
	.rows_count = sizeof(ct_top_wires) / sizeof(ct_top_wires[0]),
};
