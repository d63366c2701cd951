/* SPDX-License-Identifier: MIT */
/*
 * The connection that a packet carries, and what its verdict does to it. Changes
 * are encoded at once, with the same tables that parse what the kernel sends.
 */
#include "packet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <nfbind/helper.h>

#include "ct.h"

enum {
	/* More than all fields of either object can take. */
	ENCODED_MAX = 1024,
	/* Bits of a status that nobody takes away, and bits that only the kernel gives: it leaves them
	 * as they are. Confirmed is of the latter, but programs say it to be safe elsewhere. */
	LASTING_STATUS = NFBIND_CT_STATUS_SEEN_REPLY | NFBIND_CT_STATUS_ASSURED,
	KERNELS_STATUS = NFBIND_CT_STATUS_EXPECTED | NFBIND_CT_STATUS_SRC_NAT |
			 NFBIND_CT_STATUS_DST_NAT | NFBIND_CT_STATUS_SEQ_ADJUST |
			 NFBIND_CT_STATUS_SRC_NAT_DONE | NFBIND_CT_STATUS_DST_NAT_DONE |
			 NFBIND_CT_STATUS_DYING | NFBIND_CT_STATUS_TEMPLATE |
			 NFBIND_CT_STATUS_NAT_CLASH | NFBIND_CT_STATUS_OFFLOAD |
			 NFBIND_CT_STATUS_HW_OFFLOAD,
};

int nfbind_packet_get_ct(const struct nfbind_packet *packet, struct nfbind_ct *ret_ct)
{
	const void *data;
	size_t data_len;
	int r;

	if (!packet || !ret_ct)
		return -EINVAL;
	data = packet_attribute(packet, KERNEL_NFQA_CT, &data_len);
	if (!data && !(packet->set & SET_CT))
		return -ENODATA;
	field_reset(&ct_fields, ret_ct);
	r = data ? wire_parse(&ct_wires, data, data_len, ret_ct) : 0;
	if (r == 0 && packet->set & SET_CT)
		r = wire_parse(&ct_wires, packet->edit->ct.data, packet->edit->ct.len, ret_ct);
	return r;
}

int nfbind_packet_get_ct_data(const struct nfbind_packet *packet, const void **ret_data,
			      size_t *ret_data_len)
{
	const void *data;
	size_t data_len;

	if (!packet || !ret_data || !ret_data_len)
		return -EINVAL;
	data = packet_attribute(packet, KERNEL_NFQA_CT, &data_len);
	if (!data)
		return -ENODATA;
	*ret_data = data;
	*ret_data_len = data_len;
	return 0;
}

static bool fits_verdict(const struct nfbind_fields *fields, const void *object)
{
	for (uint32_t i = 0; i < fields->count; i++)
		if (field_has(fields, object, i) > 0 &&
		    !(fields->rows[i].directions & NFBIND_DIRECTION_VERDICT))
			return false;
	return true;
}

static int encode(const struct wire_table *table, const void *object, struct edit_bytes *ret_bytes)
{
	uint8_t room[ENCODED_MAX] __attribute__((aligned(4)));
	struct wire_buffer buffer = { .data = room, .size = sizeof(room) };
	uint8_t *copy;

	wire_build(table, object, &buffer);
	if (buffer.failed)
		return -EMSGSIZE;
	copy = malloc(buffer.len ? buffer.len : 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, room, buffer.len);
	free(ret_bytes->data);
	*ret_bytes = (struct edit_bytes){ copy, (uint32_t)buffer.len };
	return 0;
}

static int check_connection(const struct nfbind_packet *packet)
{
	int r = packet_check_change(packet);

	if (r < 0)
		return r;
	if (!packet->message)
		return -ENODATA;
	/* Without the option the kernel may still know one: only it can tell. */
	return packet->flags & PACKET_WANTS_CT && !packet->attributes[KERNEL_NFQA_CT] ? -ENODATA :
										       0;
}

/* The kernel reads a helper's data only beside its name: fill in the one there is. */
static int name_helper(const struct nfbind_packet *packet, struct nfbind_ct *ct)
{
	struct nfbind_ct *received;
	const void *name;
	size_t name_len;
	int r;

	if (field_has(&ct_fields, ct, NFBIND_CT_HELPER_INFO) <= 0 ||
	    field_has(&ct_fields, ct, NFBIND_CT_HELPER_NAME) > 0)
		return 0;
	r = nfbind_ct_new(&received);
	if (r < 0)
		return r;
	r = nfbind_packet_get_ct(packet, received);
	if (r == 0)
		r = nfbind_ct_get_bytes(received, NFBIND_CT_HELPER_NAME, &name, &name_len);
	if (r == 0)
		r = nfbind_ct_set_bytes(ct, NFBIND_CT_HELPER_NAME, name, name_len);
	nfbind_ct_free(received);
	return r;
}

/*
 * What the kernel would refuse without a word (net/netfilter/nf_conntrack_netlink.c,
 * ctnetlink_glue_parse_ct()), as far as the connection that came with the packet tells.
 */

static bool has_ct(const struct nfbind_ct *ct, uint32_t field)
{
	return field_has(&ct_fields, ct, field) > 0;
}

static int check_status(const struct nfbind_ct *received, const struct nfbind_ct *ct)
{
	uint32_t lost = received->status & ~ct->status, won = ct->status & ~received->status;

	return lost & LASTING_STATUS || won & KERNELS_STATUS ? -EBUSY : 0;
}

/* It stays what it was, or goes; a connection that was announced keeps even that. */
static int check_helper(const struct nfbind_ct *received, const struct nfbind_ct *ct)
{
	bool has_helper = has_ct(received, NFBIND_CT_HELPER_NAME);

	if (has_helper && ct->helper_name.len == received->helper_name.len &&
	    memcmp(ct->helper_name.bytes, received->helper_name.bytes, ct->helper_name.len) == 0)
		return 0;
	if (received->status & NFBIND_CT_STATUS_EXPECTED)
		return -EBUSY;
	if (ct->helper_name.len == 0)
		return 0;
	return has_helper ? -EBUSY : -EOPNOTSUPP;
}

static int check_against(const struct nfbind_ct *received, const struct nfbind_ct *ct)
{
	int r = 0;

	if (has_ct(ct, NFBIND_CT_TIMEOUT) &&
	    received->status & NFBIND_CT_STATUS_FIXED_TIMEOUT)
		r = -EPERM;
	if (r == 0 && has_ct(ct, NFBIND_CT_STATUS))
		r = check_status(received, ct);
	if (r == 0 && has_ct(ct, NFBIND_CT_HELPER_NAME))
		r = check_helper(received, ct);
	return r;
}

/* The connection as it came, for the caller to reset; -ENODATA where the kernel was not asked for it. */
static int parse_received(const struct nfbind_packet *packet, struct nfbind_ct *ret_ct)
{
	const void *data;
	size_t data_len;

	data = packet_attribute(packet, KERNEL_NFQA_CT, &data_len);
	return data ? wire_parse(&ct_wires, data, data_len, ret_ct) : -ENODATA;
}

static int check_effect(const struct nfbind_packet *packet, const struct nfbind_ct *ct)
{
	struct nfbind_ct received = { 0 };
	int r;

	if ((has_ct(ct, NFBIND_CT_MARK_MASK) && !has_ct(ct, NFBIND_CT_MARK)) ||
	    (has_ct(ct, NFBIND_CT_LABELS_MASK) && !has_ct(ct, NFBIND_CT_LABELS)))
		return -EINVAL;
	/* Marks and labels, the common ones, do not depend on what came. */
	if (!has_ct(ct, NFBIND_CT_TIMEOUT) && !has_ct(ct, NFBIND_CT_STATUS) &&
	    !has_ct(ct, NFBIND_CT_HELPER_NAME))
		return 0;
	r = parse_received(packet, &received);
	if (r == 0)
		r = check_against(&received, ct);
	field_reset(&ct_fields, &received);
	return r == -ENODATA ? 0 : r;
}

int nfbind_packet_set_ct(struct nfbind_packet *packet, const struct nfbind_ct *ct)
{
	struct nfbind_ct copy = { 0 };
	int r;

	if (!packet || !ct)
		return -EINVAL;
	if (!fits_verdict(&ct_fields, ct))
		return -EACCES;
	r = check_connection(packet);
	if (r < 0)
		return r;
	if (!packet_edit(packet))
		return -ENOMEM;
	r = field_copy(&ct_fields, &copy, ct);
	if (r == 0)
		r = name_helper(packet, &copy);
	if (r == 0)
		r = check_effect(packet, &copy);
	if (r == 0)
		r = encode(&ct_wires, &copy, &packet->edit->ct);
	field_reset(&ct_fields, &copy);
	if (r == 0)
		packet->set |= SET_CT;
	return r;
}

static bool has_tuple(const struct nfbind_exp *exp, uint32_t first)
{
	return field_has(&exp_fields, exp, first + NFBIND_EXP_EXPECTED_SRC) > 0 &&
	       field_has(&exp_fields, exp, first + NFBIND_EXP_EXPECTED_DST) > 0 &&
	       field_has(&exp_fields, exp, first + NFBIND_EXP_EXPECTED_L4PROTO) > 0;
}

static bool is_of_master(uint32_t field)
{
	return (field >= NFBIND_EXP_MASTER_SRC && field < NFBIND_EXP_NAT_SRC) ||
	       field == NFBIND_EXP_ZONE;
}

static bool is_same_field(const struct nfbind_exp *exp, uint32_t field, const struct nfbind_ct *ct,
			  uint32_t ct_field)
{
	const void *data, *ct_data;
	size_t data_len, ct_data_len;
	uint64_t value;

	if (field_get_bytes(&exp_fields, exp, field, &data, &data_len) == 0)
		return field_get_bytes(&ct_fields, ct, ct_field, &ct_data, &ct_data_len) == 0 &&
		       data_len == ct_data_len && memcmp(data, ct_data, data_len) == 0;
	return field_get_number(&exp_fields, exp, field, &value) < 0 ||
	       field_number_or(&ct_fields, ct, ct_field, UINT64_MAX) == value;
}

/* A master that is named has to be the packet's connection, where that is known. */
static int check_master(const struct nfbind_packet *packet, const struct nfbind_exp *exp)
{
	struct nfbind_ct ct = { 0 };
	int r = nfbind_packet_get_ct(packet, &ct);

	for (uint32_t i = 0; r == 0 && i < TUPLE_FIELDS; i++)
		if (!is_same_field(exp, NFBIND_EXP_MASTER_SRC + i, &ct, NFBIND_CT_ORIG_SRC + i))
			r = -EINVAL;
	field_reset(&ct_fields, &ct);
	return r == -ENODATA ? 0 : r;
}

/* The kernel expects nothing for a master without a helper, and nothing of another family. */
static int check_expectable(const struct nfbind_packet *packet, const struct nfbind_exp *exp)
{
	static const uint32_t addresses[] = { NFBIND_EXP_EXPECTED_SRC, NFBIND_EXP_EXPECTED_DST,
					      NFBIND_EXP_MASK_SRC, NFBIND_EXP_MASK_DST };
	struct nfbind_ct received = { 0 };
	int r = parse_received(packet, &received);
	const void *data;
	size_t len;

	if (r == 0 && !has_ct(&received, NFBIND_CT_HELPER_NAME))
		r = -EOPNOTSUPP;
	for (size_t i = 0; r == 0 && i < sizeof(addresses) / sizeof(addresses[0]); i++)
		if (nfbind_exp_get_bytes(exp, addresses[i], &data, &len) == 0 &&
		    len != received.orig.src.len)
			r = -EINVAL;
	field_reset(&ct_fields, &received);
	return r == -ENODATA ? 0 : r;
}

int nfbind_packet_set_exp(struct nfbind_packet *packet, const struct nfbind_exp *exp)
{
	struct nfbind_exp copy;
	int r;

	if (!packet || !exp)
		return -EINVAL;
	copy = *exp; /* none of its fields is on the heap */
	for (uint32_t field = 0; field < exp_fields.count; field++)
		if (is_of_master(field))
			(void)field_clear(&exp_fields, &copy, field);
	if (!fits_verdict(&exp_fields, &copy))
		return -EACCES;
	r = check_connection(packet);
	if (r < 0)
		return r;
	if (!has_tuple(exp, NFBIND_EXP_EXPECTED_SRC) || !has_tuple(exp, NFBIND_EXP_MASK_SRC))
		return -ENODATA;
	r = check_master(packet, exp);
	if (r == 0)
		r = check_expectable(packet, exp);
	if (r < 0)
		return r;
	if (!packet_edit(packet))
		return -ENOMEM;
	r = encode(&exp_wires, &copy, &packet->edit->exp);
	if (r == 0)
		packet->set |= SET_EXP;
	return r;
}

/* Of its connection. */

int nfbind_packet_is_reply(const struct nfbind_packet *packet)
{
	uint64_t info;
	int r = packet ? nfbind_packet_get_number(packet, NFBIND_PACKET_CT_INFO, &info) : -EINVAL;

	return r < 0 ? r : info >= NFBIND_CT_INFO_ESTABLISHED_REPLY;
}

int nfbind_packet_is_established(const struct nfbind_packet *packet)
{
	uint64_t info;
	int r = packet ? nfbind_packet_get_number(packet, NFBIND_PACKET_CT_INFO, &info) : -EINVAL;

	return r < 0 ? r : info == NFBIND_CT_INFO_ESTABLISHED ||
				   info == NFBIND_CT_INFO_ESTABLISHED_REPLY;
}
