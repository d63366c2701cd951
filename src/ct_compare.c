/* SPDX-License-Identifier: MIT */
/*
 * Comparing and copying parts of connections and expectations, and single labels.
 * What is a part is said by field number; the engine does the rest.
 */
#include <errno.h>
#include <string.h>

#include "ct.h"

enum { LABELS = 128 };

/* One rule for fields that may be absent. */
struct presence {
	bool mask;
	bool strict;
};

static bool same(const struct nfbind_fields *fields, const void *object, const void *other,
		 uint32_t field, struct presence presence)
{
	bool here = field_has(fields, object, field) > 0;
	bool there = field_has(fields, other, field) > 0;

	if (here && there)
		return field_same(fields, object, other, field);
	if (presence.strict)
		return !here && !there;
	return !presence.mask || !here;
}

/* Connections. */

static uint32_t part_of_ct(uint32_t field)
{
	if (field < NFBIND_CT_REPL_SRC)
		return NFBIND_CT_COMPARE_ORIG;
	return field < NFBIND_CT_MASTER_SRC ? NFBIND_CT_COMPARE_REPL : NFBIND_CT_COMPARE_META;
}

static bool same_status(const struct nfbind_ct *ct, const struct nfbind_ct *other,
			uint32_t flags, struct presence presence)
{
	bool both = field_has(&ct_fields, ct, NFBIND_CT_STATUS) > 0 &&
		    field_has(&ct_fields, other, NFBIND_CT_STATUS) > 0;

	if (both && flags & NFBIND_CT_COMPARE_STATUS_SUBSET)
		return (ct->status & ~other->status) == 0;
	return same(&ct_fields, ct, other, NFBIND_CT_STATUS, presence);
}

static bool same_timeout(const struct nfbind_ct *ct, const struct nfbind_ct *other,
			 uint32_t flags, struct presence presence)
{
	uint32_t relations = NFBIND_CT_COMPARE_TIMEOUT_EQ | NFBIND_CT_COMPARE_TIMEOUT_GT |
			     NFBIND_CT_COMPARE_TIMEOUT_LT;

	if (!(flags & relations))
		return true;
	if (field_has(&ct_fields, ct, NFBIND_CT_TIMEOUT) == 0 ||
	    field_has(&ct_fields, other, NFBIND_CT_TIMEOUT) == 0)
		return same(&ct_fields, ct, other, NFBIND_CT_TIMEOUT, presence);
	return (flags & NFBIND_CT_COMPARE_TIMEOUT_EQ && ct->timeout == other->timeout) ||
	       (flags & NFBIND_CT_COMPARE_TIMEOUT_GT && ct->timeout > other->timeout) ||
	       (flags & NFBIND_CT_COMPARE_TIMEOUT_LT && ct->timeout < other->timeout);
}

int nfbind_ct_compare(const struct nfbind_ct *ct, const struct nfbind_ct *other, uint32_t flags)
{
	struct presence presence = { flags & NFBIND_CT_COMPARE_MASK,
				     flags & NFBIND_CT_COMPARE_STRICT };

	if (!ct || !other || flags >= NFBIND_CT_COMPARE_STATUS_SUBSET << 1)
		return -EINVAL;
	for (uint32_t field = 0; field < ct_fields.count; field++) {
		if (!(flags & part_of_ct(field)) || field == NFBIND_CT_TIMEOUT)
			continue;
		if (field == NFBIND_CT_STATUS ? !same_status(ct, other, flags, presence) :
						!same(&ct_fields, ct, other, field, presence))
			return 0;
	}
	return same_timeout(ct, other, flags, presence);
}

int nfbind_ct_copy(struct nfbind_ct *ct, const struct nfbind_ct *from, uint32_t flags)
{
	if (!ct || !from || flags >= NFBIND_CT_COPY_CLEAR << 1)
		return -EINVAL;
	for (uint32_t field = 0; field < ct_fields.count && ct != from; field++) {
		bool is_there = field_has(&ct_fields, from, field) > 0;
		bool is_here = field_has(&ct_fields, ct, field) > 0;
		int r;

		/* The parts have the same bits in both sets of flags. */
		if (!(flags & part_of_ct(field)) || (is_here && flags & NFBIND_CT_COPY_ABSENT))
			continue;
		if (!is_there && !(flags & NFBIND_CT_COPY_CLEAR))
			continue;
		r = field_copy_one(&ct_fields, ct, from, field);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Labels. */

int nfbind_ct_has_label(const struct nfbind_ct *ct, uint32_t bit)
{
	if (!ct || bit >= LABELS)
		return -ERANGE;
	return field_has(&ct_fields, ct, NFBIND_CT_LABELS) > 0 && bit / 8 < ct->labels.len &&
	       ct->labels.bytes[bit / 8] >> (bit % 8) & 1;
}

static int put_bit(struct nfbind_ct *ct, uint32_t field, uint32_t bit, bool value)
{
	uint8_t bytes[LABELS / 8] = { 0 };
	const void *data;
	size_t data_len;

	if (field_get_bytes(&ct_fields, ct, field, &data, &data_len) == 0)
		memcpy(bytes, data, data_len);
	bytes[bit / 8] &= (uint8_t)~(1 << (bit % 8));
	bytes[bit / 8] |= (uint8_t)(value << (bit % 8));
	return field_set_bytes(&ct_fields, ct, field, bytes, sizeof(bytes));
}

int nfbind_ct_set_label(struct nfbind_ct *ct, uint32_t bit, uint32_t value)
{
	int r;

	if (!ct || bit >= LABELS || value > 1)
		return -ERANGE;
	r = put_bit(ct, NFBIND_CT_LABELS, bit, value);
	if (r == 0 && field_has(&ct_fields, ct, NFBIND_CT_LABELS_MASK) > 0)
		r = put_bit(ct, NFBIND_CT_LABELS_MASK, bit, true);
	return r;
}

/* Expectations. */

static uint32_t part_of_exp(uint32_t field)
{
	if (field < NFBIND_EXP_MASTER_SRC)
		return NFBIND_EXP_COMPARE_EXPECTED;
	return field < NFBIND_EXP_NAT_SRC ? NFBIND_EXP_COMPARE_MASTER : NFBIND_EXP_COMPARE_META;
}

int nfbind_exp_compare(const struct nfbind_exp *exp, const struct nfbind_exp *other,
		       uint32_t flags)
{
	struct presence presence = { flags & NFBIND_EXP_COMPARE_MASK,
				     flags & NFBIND_EXP_COMPARE_STRICT };

	if (!exp || !other || flags >= NFBIND_EXP_COMPARE_STRICT << 1)
		return -EINVAL;
	for (uint32_t field = 0; field < exp_fields.count; field++)
		if (flags & part_of_exp(field) && field != NFBIND_EXP_TIMEOUT &&
		    !same(&exp_fields, exp, other, field, presence))
			return 0;
	return 1;
}
