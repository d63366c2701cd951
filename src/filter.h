/* SPDX-License-Identifier: MIT */
/*
 * Inside a filter, and what lists, removals and events ask of one.
 */
#ifndef FILTER_H
#define FILTER_H

#include <nfbind/filter.h>

#include "ct.h"

/* One direction, or either: the members that the filter's fields of that name fill. */
struct filter_tuple {
	struct address src, dst;
	uint16_t port_src, port_src_max;
	uint16_t port_dst, port_dst_max;
	uint16_t zone;
	uint8_t src_prefix, dst_prefix;
};

struct nfbind_filter {
	struct object object;
	struct filter_tuple orig;
	struct filter_tuple repl;
	struct address address;
	uint32_t mark, mark_mask;
	uint32_t status, status_mask;
	uint32_t timeout, timeout_max;
	uint16_t port, port_max;
	uint16_t icmp_id;
	uint16_t zone;
	uint8_t address_prefix;
	uint8_t l3proto, l4proto;
	uint8_t icmp_type, icmp_code;
	uint8_t tcp_state;
	uint8_t translated;
	uint8_t negated;
	INLINE_BYTES(15) helper_name;
	INLINE_BYTES(16) labels;
	INLINE_BYTES(16) labels_mask;
};

extern const struct nfbind_fields filter_fields;

/* How a field is compared. */
enum filter_rule_kind {
	FILTER_ADDRESS,    /* in the prefix, any of the connection's fields */
	FILTER_RANGE,      /* in the range, any of the connection's fields */
	FILTER_FIRST,      /* the first of the connection's fields that is present, or 0 */
	FILTER_BITS,       /* in the bits of the mask */
	FILTER_LABELS,
	FILTER_TEXT,
	FILTER_FAMILY,
	FILTER_TRANSLATED,
};

/* With what a field is compared. All rules of the fields that a filter has must hold. */
struct filter_rule {
	uint8_t kind;
	uint8_t field;
	uint8_t beside; /* prefix, end of range or mask; the field itself where there is none */
	uint8_t of_count;
	uint8_t of[4]; /* fields of the connection */
};

extern const struct filter_rule filter_rules[];
extern const unsigned int filter_rules_count;

/* Whether it says anything: one that does not lets all through, or nothing when negated. */
bool filter_says_anything(const struct nfbind_filter *filter);

/* Why a filter makes no sense, or NULL. */
const char *filter_problem(const struct nfbind_filter *filter);

/* For one that makes sense, which whoever asks many times has found out before. */
bool filter_matches(const struct nfbind_filter *filter, const struct nfbind_ct *ct);

/* The network protocol that all which matches has, by itself or its addresses; 0 for none. */
uint8_t filter_family(const struct nfbind_filter *filter);

/* Status and mark with the bits that count, as their fields or the rule for absent masks say. */
uint32_t filter_mask(const struct nfbind_filter *filter, uint32_t field);

#endif
