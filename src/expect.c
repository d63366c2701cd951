/* SPDX-License-Identifier: MIT */
/*
 * From what one side of a connection announces to the expectation of what follows. The
 * kernel sees the expected connection as the other side sends it: to the address that
 * the other side has for the speaker, which is in the tuple of the other direction.
 * Behind a translation it is then led where the speaker really listens, by the function
 * that treats it as its master (nf_nat_follow_master(): of the translated tuple it reads
 * the source port).
 */
#include <errno.h>

#include <nfbind/helper.h>

#include "tuple.h"

static const char follow_master[] = "nat-follow-master";

static int copy_field(struct nfbind_exp *exp, uint32_t to, const struct nfbind_ct *ct, uint32_t from)
{
	const void *data;
	size_t data_len;
	uint64_t value;

	if (field_get_number(&ct_fields, ct, from, &value) == 0)
		return field_set_number(&exp_fields, exp, to, value);
	if (field_get_bytes(&ct_fields, ct, from, &data, &data_len) == 0)
		return field_set_bytes(&exp_fields, exp, to, data, data_len);
	return 0;
}

static bool has_tuple(const struct nfbind_ct *ct, uint32_t first)
{
	return field_has(&ct_fields, ct, first + OF_SRC) > 0 &&
	       field_has(&ct_fields, ct, first + OF_DST) > 0 &&
	       field_has(&ct_fields, ct, first + OF_L4PROTO) > 0;
}

static bool is_same(const struct address *one, const void *bytes, size_t len)
{
	return one->len == len && memcmp(one->bytes, bytes, len) == 0;
}

/* The kernel wants a tuple whole: both addresses, protocol, both ports. */
static void put_tuple(struct nfbind_exp *exp, uint32_t first, const struct address *src,
		      const struct address *dst, uint8_t l4proto, uint16_t port_src,
		      uint16_t port_dst)
{
	(void)field_set_bytes(&exp_fields, exp, first + OF_SRC, src->bytes, src->len);
	(void)field_set_bytes(&exp_fields, exp, first + OF_DST, dst->bytes, dst->len);
	(void)field_set_number(&exp_fields, exp, first + OF_L3PROTO, src->len == 4 ? 2 : 10);
	(void)field_set_number(&exp_fields, exp, first + OF_L4PROTO, l4proto);
	(void)field_set_number(&exp_fields, exp, first + OF_PORT_SRC, port_src);
	(void)field_set_number(&exp_fields, exp, first + OF_PORT_DST, port_dst);
}

/* A mask of another protocol than the tuple's would have no ports for the kernel. */
static void put_mask(struct nfbind_exp *exp, uint8_t address_len, uint8_t l4proto)
{
	struct address all = { .len = address_len };

	memset(all.bytes, 0xff, sizeof(all.bytes));
	put_tuple(exp, NFBIND_EXP_MASK_SRC, &all, &all, l4proto, 0, UINT16_MAX);
}

static void put_translation(struct nfbind_exp *exp, const struct address *speaker, bool is_reply,
			    uint8_t l4proto, uint16_t port)
{
	const struct address nobody = { .len = speaker->len };

	put_tuple(exp, NFBIND_EXP_NAT_SRC, speaker, &nobody, l4proto, port, 0);
	(void)field_set_number(&exp_fields, exp, NFBIND_EXP_NAT_DIR, !is_reply);
	(void)field_set_bytes(&exp_fields, exp, NFBIND_EXP_FN, follow_master,
			      sizeof(follow_master) - 1);
}

static int put_master(struct nfbind_exp *exp, const struct nfbind_ct *ct)
{
	int r = copy_field(exp, NFBIND_EXP_ZONE, ct, NFBIND_CT_ZONE);

	for (uint32_t i = 0; r == 0 && i < TUPLE_FIELDS; i++)
		r = copy_field(exp, NFBIND_EXP_MASTER_SRC + i, ct, NFBIND_CT_ORIG_SRC + i);
	return r;
}

int nfbind_exp_expect(struct nfbind_exp *exp, const struct nfbind_ct *ct, uint32_t is_reply,
		      uint8_t l4proto, const void *address, size_t address_len, uint16_t port)
{
	const struct tuple *said, *heard;
	struct address third = { .len = (uint8_t)address_len };
	bool is_third;

	if (!exp || !ct || is_reply > 1 || (!address && address_len > 0))
		return -EINVAL;
	if (!has_tuple(ct, NFBIND_CT_ORIG_SRC) || !has_tuple(ct, NFBIND_CT_REPL_SRC) ||
	    field_has(&ct_fields, ct, NFBIND_CT_STATUS) <= 0)
		return -ENODATA;
	said = is_reply ? &ct->repl : &ct->orig;
	heard = is_reply ? &ct->orig : &ct->repl;
	if (said->src.len != heard->src.len || said->src.len != heard->dst.len ||
	    (address && address_len != said->src.len))
		return -EINVAL;
	is_third = address && !is_same(&said->src, address, address_len) &&
		   !is_same(&heard->dst, address, address_len);
	if (is_third)
		memcpy(third.bytes, address, address_len);
	l4proto = l4proto ? l4proto : said->l4proto;
	field_reset(&exp_fields, exp);
	put_tuple(exp, NFBIND_EXP_EXPECTED_SRC, &heard->src, is_third ? &third : &heard->dst, l4proto,
		  0, port);
	put_mask(exp, said->src.len, l4proto);
	if (!is_third && ct->status & (NFBIND_CT_STATUS_SRC_NAT | NFBIND_CT_STATUS_DST_NAT))
		put_translation(exp, &said->src, is_reply, l4proto, port);
	return put_master(exp, ct);
}
