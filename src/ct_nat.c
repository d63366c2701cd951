/* SPDX-License-Identifier: MIT */
/*
 * What the two tuples of a connection say of its translation, and turning that into
 * what the kernel wants to be asked for: without a translation the reply tuple is the
 * original one turned round, so every difference is one.
 */
#include <errno.h>
#include <string.h>

#include "tuple.h"

/* One thing that may be translated, and where what it became is written. */
struct translated {
	uint32_t flag;
	uint32_t done;      /* the bit of the status that goes with it */
	uint16_t orig;
	uint16_t repl;      /* its counterpart */
	uint16_t wanted;    /* the field that asks for this translation */
	uint8_t values;     /* of protocols with these; TUPLE_NOTHING: of all */
};

#define ROW(name, bit, from, to, field, with) \
	{ NFBIND_CT_TRANSLATION_##name, NFBIND_CT_STATUS_##bit##_NAT_DONE, NFBIND_CT_ORIG_##from, \
	  NFBIND_CT_REPL_##to, NFBIND_CT_##field, with }

/* In the order of enum nfbind_ct_operation, each once for every kind of protocol. */
static const struct translated rows[] = {
	ROW(SNAT, SRC, SRC, DST, SNAT, TUPLE_NOTHING),
	ROW(DNAT, DST, DST, SRC, DNAT, TUPLE_NOTHING),
	ROW(SPAT, SRC, PORT_SRC, PORT_DST, SNAT_PORT, TUPLE_PORTS),
	ROW(SPAT, SRC, PORT_SRC, PORT_DST, SNAT_PORT, TUPLE_KEYS),
	ROW(SPAT, SRC, ICMP_ID, ICMP_ID, SNAT_PORT, TUPLE_ICMP),
	ROW(DPAT, DST, PORT_DST, PORT_SRC, DNAT_PORT, TUPLE_PORTS),
	ROW(DPAT, DST, PORT_DST, PORT_SRC, DNAT_PORT, TUPLE_KEYS),
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static bool has(const struct nfbind_ct *ct, uint32_t field)
{
	return field_has(&ct_fields, ct, field) > 0;
}

/* Whether both sides of the row are there, for this connection's protocol. */
static bool applies(const struct nfbind_ct *ct, const struct translated *row)
{
	uint8_t values = has(ct, NFBIND_CT_ORIG_L4PROTO) ?
				 tuple_protocol(ct->orig.l4proto)->values : TUPLE_NOTHING;

	return has(ct, row->orig) && has(ct, row->repl) &&
	       (row->values == TUPLE_NOTHING || row->values == values);
}

static bool differs(const struct nfbind_ct *ct, const struct translated *row)
{
	const void *orig, *repl;
	size_t orig_len, repl_len;

	if (field_get_bytes(&ct_fields, ct, row->orig, &orig, &orig_len) == 0 &&
	    field_get_bytes(&ct_fields, ct, row->repl, &repl, &repl_len) == 0)
		return orig_len != repl_len || memcmp(orig, repl, orig_len) != 0;
	return field_number_or(&ct_fields, ct, row->orig, 0) !=
	       field_number_or(&ct_fields, ct, row->repl, 0);
}

int nfbind_ct_get_translation(const struct nfbind_ct *ct)
{
	uint32_t found = 0;

	for (size_t i = 0; ct && i < ROWS; i++)
		if ((!has(ct, NFBIND_CT_STATUS) || ct->status & rows[i].done) &&
		    applies(ct, &rows[i]) && differs(ct, &rows[i]))
			found |= rows[i].flag;
	return (int)found;
}

/* The field that asks for it gets what it became, and the reply tuple what it was. */
static int undo(struct nfbind_ct *ct, uint32_t flag)
{
	for (size_t i = 0; i < ROWS; i++) {
		int r;

		if (rows[i].flag != flag || !applies(ct, &rows[i]))
			continue;
		r = tuple_copy_field(&ct_fields, ct, rows[i].wanted, rows[i].repl);
		return r < 0 ? r : tuple_copy_field(&ct_fields, ct, rows[i].repl, rows[i].orig);
	}
	return -ENODATA;
}

static int set_up(struct nfbind_ct *ct, uint32_t to, uint32_t from)
{
	if (!has(ct, from + OF_SRC) || !has(ct, from + OF_DST) || !has(ct, from + OF_L4PROTO))
		return -ENODATA;
	return tuple_invert(&ct_fields, ct, to, from);
}

/* ctnetlink_change_status() refuses or ignores the others; a master says what is expected. */
static void renew_status(struct nfbind_ct *ct)
{
	uint32_t kept = NFBIND_CT_STATUS_SEEN_REPLY | NFBIND_CT_STATUS_ASSURED |
			NFBIND_CT_STATUS_CONFIRMED | NFBIND_CT_STATUS_FIXED_TIMEOUT;

	if (has(ct, NFBIND_CT_STATUS))
		ct->status &= kept;
}

/* The kernel lists flags under an empty mask, and takes those that the mask names. */
static void renew_tcp(struct nfbind_ct *ct)
{
	static const uint32_t flags[] = { NFBIND_CT_TCP_FLAGS_ORIG, NFBIND_CT_TCP_FLAGS_REPL };

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (has(ct, flags[i]) && field_number_or(&ct_fields, ct, flags[i] + 1, 0) == 0)
			(void)field_set_number(&ct_fields, ct, flags[i] + 1, UINT8_MAX);
}

_Static_assert(NFBIND_CT_TCP_MASK_ORIG == NFBIND_CT_TCP_FLAGS_ORIG + 1 &&
		       NFBIND_CT_TCP_MASK_REPL == NFBIND_CT_TCP_FLAGS_REPL + 1,
	       "the mask is behind its flags");

static int renew(struct nfbind_ct *ct)
{
	int translation = nfbind_ct_get_translation(ct);
	int r = 0;

	for (uint32_t flag = NFBIND_CT_TRANSLATION_SNAT; r == 0 && flag <= NFBIND_CT_TRANSLATION_DPAT;
	     flag <<= 1)
		if ((uint32_t)translation & flag)
			r = undo(ct, flag);
	/* A port alone is translated too only where the address is said. */
	if (r == 0 && has(ct, NFBIND_CT_SNAT_PORT) && !has(ct, NFBIND_CT_SNAT))
		r = tuple_copy_field(&ct_fields, ct, NFBIND_CT_SNAT, NFBIND_CT_ORIG_SRC);
	if (r == 0 && has(ct, NFBIND_CT_DNAT_PORT) && !has(ct, NFBIND_CT_DNAT))
		r = tuple_copy_field(&ct_fields, ct, NFBIND_CT_DNAT, NFBIND_CT_ORIG_DST);
	renew_status(ct);
	renew_tcp(ct);
	return r;
}

int nfbind_ct_apply(struct nfbind_ct *ct, uint32_t operation)
{
	if (!ct || operation > NFBIND_CT_OPERATION_RENEW)
		return -EINVAL;
	switch (operation) {
	case NFBIND_CT_OPERATION_SETUP_ORIG:
		return set_up(ct, NFBIND_CT_ORIG_SRC, NFBIND_CT_REPL_SRC);
	case NFBIND_CT_OPERATION_SETUP_REPL:
		return set_up(ct, NFBIND_CT_REPL_SRC, NFBIND_CT_ORIG_SRC);
	case NFBIND_CT_OPERATION_RENEW:
		return renew(ct);
	default: /* The operations and the flags have the same order. */
		return undo(ct, 1u << operation);
	}
}
