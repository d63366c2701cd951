/* SPDX-License-Identifier: MIT */
/*
 * Inside a connection and an expectation, and the tables that they share: one
 * tuple serves original, reply, master, expected, mask and translated.
 */
#ifndef CT_H
#define CT_H

#include <nfbind/ct.h>
#include <nfbind/exp.h>

#include "field.h"
#include "wire.h"

struct tuple {
	struct address src;
	struct address dst;
	uint16_t port_src;
	uint16_t port_dst;
	uint16_t icmp_id;
	uint16_t zone;
	uint8_t l3proto;
	uint8_t l4proto;
	uint8_t icmp_type;
	uint8_t icmp_code;
};

/* How many fields a tuple has: the shift from one to the next. */
enum { TUPLE_FIELDS = NFBIND_CT_REPL_SRC - NFBIND_CT_ORIG_SRC };

/* The field rows of one tuple; `member` is where it lies in the object. */
#define TUPLE_ROW(type, group, prefix, member, what, text, row_kind, row_aliases, row_directions) \
	[group##_##what] = { \
		.name = prefix "-" text, .aliases = row_aliases, .kind = row_kind, \
		.offset = offsetof(type, member), .directions = row_directions \
	}

#define TUPLE_ROWS(type, group, prefix, m, directions, addresses, port, icmp) \
	TUPLE_ROW(type, group, prefix, m.src, SRC, "src", NFBIND_KIND_ADDRESS, \
		  TUPLE_ALIAS_##addresses("src"), directions), \
	TUPLE_ROW(type, group, prefix, m.dst, DST, "dst", NFBIND_KIND_ADDRESS, \
		  TUPLE_ALIAS_##addresses("dst"), directions), \
	TUPLE_ROW(type, group, prefix, m.l3proto, L3PROTO, "l3proto", NFBIND_KIND_U8, NULL, \
		  directions), \
	TUPLE_ROW(type, group, prefix, m.l4proto, L4PROTO, "l4proto", NFBIND_KIND_U8, NULL, \
		  directions), \
	TUPLE_ROW(type, group, prefix, m.port_src, PORT_SRC, "port-src", NFBIND_KIND_U16, \
		  TUPLE_ALIAS_##port("port-src"), directions), \
	TUPLE_ROW(type, group, prefix, m.port_dst, PORT_DST, "port-dst", NFBIND_KIND_U16, \
		  TUPLE_ALIAS_##port("port-dst"), directions), \
	TUPLE_ROW(type, group, prefix, m.icmp_type, ICMP_TYPE, "icmp-type", NFBIND_KIND_U8, \
		  TUPLE_ALIAS_##icmp("icmp-type"), directions), \
	TUPLE_ROW(type, group, prefix, m.icmp_code, ICMP_CODE, "icmp-code", NFBIND_KIND_U8, \
		  TUPLE_ALIAS_##icmp("icmp-code"), directions), \
	TUPLE_ROW(type, group, prefix, m.icmp_id, ICMP_ID, "icmp-id", NFBIND_KIND_U16, \
		  TUPLE_ALIAS_##icmp("icmp-id"), directions), \
	TUPLE_ROW(type, group, prefix, m.zone, ZONE, "zone", NFBIND_KIND_U16, NULL, directions)

/* The names that programs for other libraries know. */
#define TUPLE_ALIAS_NONE(text) NULL
#define TUPLE_ALIAS_SAME(text) text
#define TUPLE_ALIAS_ORIG(side) \
	"orig-ipv4-" side " orig-ipv6-" side " ipv4-" side " ipv6-" side
#define TUPLE_ALIAS_REPL(side) "repl-ipv4-" side " repl-ipv6-" side
#define TUPLE_ALIAS_MASTER(side) "master-ipv4-" side " master-ipv6-" side

/* A range to translate to. */
struct translation {
	struct address min;
	struct address max;
	uint16_t port_min;
	uint16_t port_max;
};

/* How far TCP sequence numbers are shifted. */
struct adjustment {
	uint32_t position;
	uint32_t before;
	uint32_t after;
};

struct nfbind_ct {
	struct object object;
	struct tuple orig;
	struct tuple repl;
	struct tuple master;
	uint64_t orig_packets, orig_bytes;
	uint64_t repl_packets, repl_bytes;
	uint64_t timestamp_start, timestamp_stop, timestamp_event;
	uint64_t dccp_handshake_seq;
	struct heap_bytes secctx;
	struct translation snat, dnat;
	struct adjustment orig_seq, repl_seq;
	uint32_t sctp_vtag_orig, sctp_vtag_repl;
	uint32_t synproxy_isn, synproxy_its, synproxy_tsoff;
	uint32_t status;
	uint32_t timeout;
	uint32_t mark, mark_mask;
	uint32_t id;
	uint32_t use;
	uint16_t zone;
	uint8_t tcp_state;
	uint8_t tcp_flags_orig, tcp_mask_orig;
	uint8_t tcp_flags_repl, tcp_mask_repl;
	uint8_t tcp_wscale_orig, tcp_wscale_repl;
	uint8_t sctp_state;
	uint8_t dccp_state, dccp_role;
	INLINE_BYTES(15) helper_name;
	INLINE_BYTES(32) helper_info;
	INLINE_BYTES(16) labels;
	INLINE_BYTES(16) labels_mask;
};

struct nfbind_exp {
	struct object object;
	struct tuple expected;
	struct tuple mask;
	struct tuple master;
	struct tuple nat;
	uint32_t timeout;
	uint32_t id;
	uint32_t flags;
	uint32_t class;
	uint32_t nat_dir;
	uint16_t zone;
	INLINE_BYTES(15) helper_name;
	INLINE_BYTES(23) fn;
};

enum { CT_TUPLE_WIRES = 4 };
extern const struct wire ct_tuple_wires[CT_TUPLE_WIRES];

extern const struct nfbind_fields ct_fields;
extern const struct wire_table ct_wires;
extern const struct nfbind_fields exp_fields;
extern const struct wire_table exp_wires;

#endif
