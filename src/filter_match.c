/* SPDX-License-Identifier: MIT */
/*
 * What the fields of a filter mean: a table of rules, each of which compares one of them,
 * with its mask, prefix or end of a range, to fields of the connection.
 */
#include "filter.h"

#include <string.h>

#define RULE(rule_kind, name, name_beside, ...) \
	{ .kind = FILTER_##rule_kind, .field = NFBIND_FILTER_##name, \
	  .beside = NFBIND_FILTER_##name_beside, .of = { __VA_ARGS__ }, \
	  .of_count = sizeof((const uint8_t[]){ __VA_ARGS__ }) }

#define TUPLE_RULES(group) \
	RULE(ADDRESS, group##_SRC, group##_SRC_PREFIX, NFBIND_CT_##group##_SRC), \
	RULE(ADDRESS, group##_DST, group##_DST_PREFIX, NFBIND_CT_##group##_DST), \
	RULE(RANGE, group##_PORT_SRC, group##_PORT_SRC_MAX, NFBIND_CT_##group##_PORT_SRC), \
	RULE(RANGE, group##_PORT_DST, group##_PORT_DST_MAX, NFBIND_CT_##group##_PORT_DST), \
	RULE(FIRST, group##_ZONE, group##_ZONE, NFBIND_CT_##group##_ZONE, NFBIND_CT_ZONE)

const struct filter_rule filter_rules[] = {
	TUPLE_RULES(ORIG),
	TUPLE_RULES(REPL),
	RULE(ADDRESS, ADDRESS, ADDRESS_PREFIX, NFBIND_CT_ORIG_SRC, NFBIND_CT_ORIG_DST,
	     NFBIND_CT_REPL_SRC, NFBIND_CT_REPL_DST),
	RULE(RANGE, PORT, PORT_MAX, NFBIND_CT_ORIG_PORT_SRC, NFBIND_CT_ORIG_PORT_DST,
	     NFBIND_CT_REPL_PORT_SRC, NFBIND_CT_REPL_PORT_DST),
	RULE(FAMILY, L3PROTO, L3PROTO, NFBIND_CT_ORIG_L3PROTO),
	RULE(RANGE, L4PROTO, L4PROTO, NFBIND_CT_ORIG_L4PROTO),
	RULE(RANGE, ICMP_TYPE, ICMP_TYPE, NFBIND_CT_ORIG_ICMP_TYPE),
	RULE(RANGE, ICMP_CODE, ICMP_CODE, NFBIND_CT_ORIG_ICMP_CODE),
	RULE(RANGE, ICMP_ID, ICMP_ID, NFBIND_CT_ORIG_ICMP_ID),
	RULE(BITS, MARK, MARK_MASK, NFBIND_CT_MARK),
	RULE(BITS, STATUS, STATUS_MASK, NFBIND_CT_STATUS),
	/* The kernel has one number for an entry, and the directions for which it counts. */
	RULE(FIRST, ZONE, ZONE, NFBIND_CT_ZONE, NFBIND_CT_ORIG_ZONE, NFBIND_CT_REPL_ZONE),
	RULE(LABELS, LABELS, LABELS_MASK, NFBIND_CT_LABELS),
	RULE(RANGE, TCP_STATE, TCP_STATE, NFBIND_CT_TCP_STATE),
	RULE(TEXT, HELPER_NAME, HELPER_NAME, NFBIND_CT_HELPER_NAME),
	RULE(RANGE, TIMEOUT, TIMEOUT_MAX, NFBIND_CT_TIMEOUT),
	RULE(TRANSLATED, TRANSLATED, TRANSLATED, NFBIND_CT_STATUS),
};

const unsigned int filter_rules_count = sizeof(filter_rules) / sizeof(filter_rules[0]);

static bool has(const struct nfbind_filter *filter, uint32_t field)
{
	return field_has(&filter_fields, filter, field) > 0;
}

static uint64_t number(const struct nfbind_filter *filter, uint32_t field)
{
	return field_number_or(&filter_fields, filter, field, 0);
}

/* The bytes of a field, of the filter or the connection; no bytes where it is absent. */
static size_t bytes_of(const struct nfbind_fields *fields, const void *object, uint32_t field,
		       const uint8_t **ret_bytes)
{
	const void *data = NULL;
	size_t len = 0;

	(void)field_get_bytes(fields, object, field, &data, &len);
	*ret_bytes = data;
	return len;
}

/* Labels that are not there are not set. */
static void copy_labels(const struct nfbind_fields *fields, const void *object, uint32_t field,
			uint8_t labels[16])
{
	const uint8_t *bytes;
	size_t len = bytes_of(fields, object, field, &bytes);

	memset(labels, 0, 16);
	if (len > 0)
		memcpy(labels, bytes, len);
}

static uint64_t prefix_of(const struct nfbind_filter *filter, const struct filter_rule *rule,
			  size_t len)
{
	return field_number_or(&filter_fields, filter, rule->beside, len * 8);
}

static uint64_t end_of(const struct nfbind_filter *filter, const struct filter_rule *rule)
{
	return field_number_or(&filter_fields, filter, rule->beside, number(filter, rule->field));
}

uint32_t filter_mask(const struct nfbind_filter *filter, uint32_t field)
{
	if (field == NFBIND_FILTER_MARK)
		return (uint32_t)field_number_or(&filter_fields, filter, NFBIND_FILTER_MARK_MASK,
						 UINT32_MAX);
	return (uint32_t)field_number_or(&filter_fields, filter, NFBIND_FILTER_STATUS_MASK,
					 number(filter, NFBIND_FILTER_STATUS));
}

/* Matching. */

static bool is_in_prefix(const uint8_t *address, const uint8_t *network, size_t prefix)
{
	size_t whole = prefix / 8, rest = prefix % 8;

	if (memcmp(address, network, whole) != 0)
		return false;
	return rest == 0 || ((address[whole] ^ network[whole]) >> (8 - rest)) == 0;
}

static bool address_matches(const struct nfbind_filter *filter, const struct filter_rule *rule,
			    const struct nfbind_ct *ct)
{
	const uint8_t *network, *address;
	size_t len = bytes_of(&filter_fields, filter, rule->field, &network);
	size_t prefix = prefix_of(filter, rule, len);

	for (unsigned int i = 0; i < rule->of_count; i++)
		if (bytes_of(&ct_fields, ct, rule->of[i], &address) == len &&
		    is_in_prefix(address, network, prefix))
			return true;
	return false;
}

static bool range_matches(const struct nfbind_filter *filter, const struct filter_rule *rule,
			  const struct nfbind_ct *ct)
{
	uint64_t least = number(filter, rule->field), most = end_of(filter, rule), value;

	for (unsigned int i = 0; i < rule->of_count; i++)
		if (field_get_number(&ct_fields, ct, rule->of[i], &value) == 0 && value >= least &&
		    value <= most)
			return true;
	return false;
}

static bool first_matches(const struct nfbind_filter *filter, const struct filter_rule *rule,
			  const struct nfbind_ct *ct)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < rule->of_count; i++)
		if (field_get_number(&ct_fields, ct, rule->of[i], &value) == 0)
			break;
	return value == number(filter, rule->field);
}

static bool bits_match(const struct nfbind_filter *filter, const struct filter_rule *rule,
		       const struct nfbind_ct *ct)
{
	uint64_t value = field_number_or(&ct_fields, ct, rule->of[0], 0);

	return ((value ^ number(filter, rule->field)) & filter_mask(filter, rule->field)) == 0;
}

static bool labels_match(const struct nfbind_filter *filter, const struct filter_rule *rule,
			 const struct nfbind_ct *ct)
{
	uint8_t wanted[16], mask[16], labels[16];

	copy_labels(&filter_fields, filter, rule->field, wanted);
	copy_labels(&filter_fields, filter, has(filter, rule->beside) ? rule->beside : rule->field,
		    mask);
	copy_labels(&ct_fields, ct, rule->of[0], labels);
	for (size_t i = 0; i < sizeof(labels); i++)
		if ((labels[i] ^ wanted[i]) & mask[i])
			return false;
	return true;
}

static bool text_matches(const struct nfbind_filter *filter, const struct filter_rule *rule,
			 const struct nfbind_ct *ct)
{
	const uint8_t *wanted, *text;
	size_t len = bytes_of(&filter_fields, filter, rule->field, &wanted);

	return bytes_of(&ct_fields, ct, rule->of[0], &text) == len &&
	       (len == 0 || memcmp(text, wanted, len) == 0);
}

/* 2 and 10: the family numbers that this wire uses for IPv4 and IPv6. */
static uint8_t family_of_len(size_t len)
{
	return len == 4 ? 2 : 10;
}

/* One that a caller made may have addresses alone. */
static bool family_matches(const struct nfbind_filter *filter, const struct filter_rule *rule,
			   const struct nfbind_ct *ct)
{
	const uint8_t *address;
	size_t len = bytes_of(&ct_fields, ct, NFBIND_CT_ORIG_SRC, &address);
	uint64_t family = field_number_or(&ct_fields, ct, rule->of[0], len ? family_of_len(len) : 0);

	return family == number(filter, rule->field);
}

static bool translated_matches(const struct nfbind_filter *filter, const struct filter_rule *rule,
			       const struct nfbind_ct *ct)
{
	uint64_t status = field_number_or(&ct_fields, ct, rule->of[0], 0);
	uint64_t wanted = number(filter, rule->field), translated = 0;

	if (status & NFBIND_CT_STATUS_SRC_NAT)
		translated |= NFBIND_FILTER_TRANSLATED_SRC;
	if (status & NFBIND_CT_STATUS_DST_NAT)
		translated |= NFBIND_FILTER_TRANSLATED_DST;
	return wanted == 0 ? translated == 0 : (translated & wanted) != 0;
}

static bool (*const matchers[])(const struct nfbind_filter *filter, const struct filter_rule *rule,
				const struct nfbind_ct *ct) = {
	[FILTER_ADDRESS] = address_matches, [FILTER_RANGE] = range_matches,
	[FILTER_FIRST] = first_matches,	    [FILTER_BITS] = bits_match,
	[FILTER_LABELS] = labels_match,	    [FILTER_TEXT] = text_matches,
	[FILTER_FAMILY] = family_matches,   [FILTER_TRANSLATED] = translated_matches,
};

bool filter_matches(const struct nfbind_filter *filter, const struct nfbind_ct *ct)
{
	bool is_negated = number(filter, NFBIND_FILTER_NEGATED) != 0;

	for (unsigned int i = 0; i < filter_rules_count; i++) {
		const struct filter_rule *rule = &filter_rules[i];

		if (has(filter, rule->field) && !matchers[rule->kind](filter, rule, ct))
			return is_negated;
	}
	return !is_negated;
}

bool filter_says_anything(const struct nfbind_filter *filter)
{
	for (unsigned int i = 0; i < filter_rules_count; i++)
		if (has(filter, filter_rules[i].field))
			return true;
	return false;
}

/* Sense. */

uint8_t filter_family(const struct nfbind_filter *filter)
{
	const uint8_t *address;

	if (has(filter, NFBIND_FILTER_L3PROTO))
		return (uint8_t)number(filter, NFBIND_FILTER_L3PROTO);
	for (unsigned int i = 0; i < filter_rules_count; i++) {
		const struct filter_rule *rule = &filter_rules[i];

		if (rule->kind == FILTER_ADDRESS && has(filter, rule->field))
			return family_of_len(bytes_of(&filter_fields, filter, rule->field, &address));
	}
	return 0;
}

static bool has_labels(const struct nfbind_filter *filter, uint32_t field)
{
	static const uint8_t none[16];
	uint8_t labels[16];

	copy_labels(&filter_fields, filter, field, labels);
	return memcmp(labels, none, sizeof(labels)) != 0;
}

static const char *problem_of(const struct nfbind_filter *filter, const struct filter_rule *rule)
{
	const uint8_t *address;
	size_t len = bytes_of(&filter_fields, filter, rule->field, &address);

	if (!has(filter, rule->field))
		return has(filter, rule->beside) ?
			       "a prefix, a mask or the end of a range stands without its value" : NULL;
	if (rule->kind == FILTER_ADDRESS && prefix_of(filter, rule, len) > len * 8)
		return "a prefix is longer than its address";
	if (rule->kind == FILTER_ADDRESS && family_of_len(len) != filter_family(filter))
		return "addresses and network protocol are of different families";
	if (rule->kind == FILTER_RANGE && end_of(filter, rule) < number(filter, rule->field))
		return "a range ends before it starts";
	if (rule->kind == FILTER_BITS && filter_mask(filter, rule->field) == 0)
		return "a mask has no bits, or a status of 0 has no mask: nothing would be compared";
	if (rule->kind == FILTER_LABELS &&
	    !has_labels(filter, has(filter, rule->beside) ? rule->beside : rule->field))
		return "a mask has no labels, or no labels have no mask: nothing would be compared";
	if (rule->kind == FILTER_FAMILY && number(filter, rule->field) != 2 &&
	    number(filter, rule->field) != 10)
		return "the network protocol is neither 2 (IPv4) nor 10 (IPv6)";
	if (rule->kind == FILTER_TRANSLATED && number(filter, rule->field) > 3)
		return "only source and destination can be translated";
	return NULL;
}

const char *filter_problem(const struct nfbind_filter *filter)
{
	for (unsigned int i = 0; i < filter_rules_count; i++) {
		const char *problem = problem_of(filter, &filter_rules[i]);

		if (problem)
			return problem;
	}
	return NULL;
}
