/* SPDX-License-Identifier: MIT */
/*
 * Naming and encoding entries of the kernel's tables; see subject.h.
 */
#include "subject.h"

#include <nfbind/conntrack.h>

#include "ct_encode.h"
#include "tuple.h"
#include "uapi.h"

const struct subject connections = {
	.subsystem = KERNEL_SUBSYS_CTNETLINK,
	.wires = &ct_wires,
	.tuple = NFBIND_CT_ORIG_SRC,
	.other = NFBIND_CT_REPL_SRC,
};

const struct subject expectations = {
	.subsystem = KERNEL_SUBSYS_CTNETLINK_EXP,
	.wires = &exp_wires,
	.tuple = NFBIND_EXP_EXPECTED_SRC,
	.other = NFBIND_EXP_EXPECTED_SRC,
};

/* What names an entry. */

bool subject_has_tuple(const void *object, uint32_t first)
{
	return object && field_is_present(object, first + OF_SRC) &&
	       field_is_present(object, first + OF_DST) &&
	       field_is_present(object, first + OF_L4PROTO);
}

uint8_t subject_family(const struct nfbind_fields *fields, const void *object, uint32_t first)
{
	const uint8_t *source = (const uint8_t *)object + fields->rows[first + OF_SRC].offset;

	if (field_is_present(object, first + OF_SRC))
		return ((const struct address *)source)->len == 4 ? 2 : 10;
	return (uint8_t)field_number_or(fields, object, first + OF_L3PROTO, FAMILY_NONE);
}

static int find_tuple(const struct subject *subject, const void *object, uint32_t *ret_first,
		      const char **ret_why)
{
	*ret_first = subject->tuple;
	if (subject_has_tuple(object, subject->tuple))
		return 0;
	*ret_first = subject->other;
	if (subject_has_tuple(object, subject->other))
		return 0;
	*ret_why = "a tuple is needed: source and destination address and transport protocol";
	return -EINVAL;
}

int subject_select(const struct nfbind_fields *fields, void *object, const void *from,
		   bool (*is_wanted)(uint32_t field))
{
	for (uint32_t field = 0; field < fields->count; field++) {
		int r = is_wanted(field) ? field_copy_one(fields, object, from, field) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

static bool is_exp_key(uint32_t field)
{
	return field < NFBIND_EXP_MASK_SRC || field == NFBIND_EXP_ZONE || field == NFBIND_EXP_ID;
}

static int encode_exp_key(const struct nfbind_exp *exp, struct wire_buffer *buffer)
{
	struct nfbind_exp key = { 0 };
	int r = subject_select(&exp_fields, &key, exp, is_exp_key);

	wire_build(&exp_wires, &key, buffer);
	return r;
}

/* A request that names an entry and says nothing else. */
int subject_encode_key(const struct subject *subject, const void *object, uint8_t message,
		       struct wire_buffer *buffer, const char **ret_why)
{
	uint32_t first;
	int r = find_tuple(subject, object, &first, ret_why);

	if (r < 0)
		return r;
	request_put_headers(buffer, (uint16_t)(subject->subsystem << 8 | message), 0,
		      subject_family(subject->wires->fields, object, first));
	if (subject == &expectations)
		return encode_exp_key(object, buffer);
	ct_encode_key(object, buffer);
	return 0;
}

/* A new or changed connection. */
int subject_encode_ct(const struct nfbind_ct *ct, uint16_t flags, struct wire_buffer *buffer,
		      const char **ret_why)
{
	uint32_t first;
	int r = find_tuple(&connections, ct, &first, ret_why);

	if (r < 0)
		return r;
	request_put_headers(buffer, KERNEL_SUBSYS_CTNETLINK << 8 | MESSAGE_NEW, flags,
		      subject_family(&ct_fields, ct, first));
	if (flags & NLM_F_CREATE)
		return ct_encode_new(ct, buffer);
	ct_encode_change(ct, buffer);
	return 0;
}

int subject_encode_exp(const struct nfbind_exp *exp, uint16_t flags, struct wire_buffer *buffer,
		       const char **ret_why)
{
	if (!subject_has_tuple(exp, NFBIND_EXP_MASTER_SRC) ||
	    !subject_has_tuple(exp, NFBIND_EXP_EXPECTED_SRC) ||
	    !subject_has_tuple(exp, NFBIND_EXP_MASK_SRC)) {
		*ret_why = "master, expected tuple and mask are needed";
		return -EINVAL;
	}
	request_put_headers(buffer, KERNEL_SUBSYS_CTNETLINK_EXP << 8 | MESSAGE_NEW, flags,
		      subject_family(&exp_fields, exp, NFBIND_EXP_EXPECTED_SRC));
	wire_build(&exp_wires, exp, buffer);
	return 0;
}

uint16_t subject_add_flags(uint32_t flags)
{
	return NLM_F_CREATE | (flags & NFBIND_ADD_OR_CHANGE ? 0 : NLM_F_EXCL);
}

int subject_parse(const struct subject *subject, const struct nlmsghdr *message, void *object)
{
	const uint8_t *attributes = (const uint8_t *)message + NLMSG_LENGTH(4);

	field_reset(subject->wires->fields, object);
	return wire_parse(subject->wires, attributes, message->nlmsg_len - NLMSG_LENGTH(4), object);
}

int subject_parse_alike(const struct subject *subject, struct wire_shapes *shapes,
			const struct nlmsghdr *message, void *object)
{
	const uint8_t *attributes = (const uint8_t *)message + NLMSG_LENGTH(4);

	field_reset(subject->wires->fields, object);
	return wire_parse_alike(subject->wires, shapes, attributes,
				message->nlmsg_len - NLMSG_LENGTH(4), object);
}
