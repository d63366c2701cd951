/* SPDX-License-Identifier: MIT */
/*
 * Naming and encoding entries of the kernel's tables; see subject.h.
 */
#include "subject.h"

#include "tuple.h"
#include "uapi.h"

static bool is_ct_key(uint32_t field)
{
	return field < NFBIND_CT_MASTER_SRC || field == NFBIND_CT_ZONE || field == NFBIND_CT_ID;
}

static bool is_exp_key(uint32_t field)
{
	return field < NFBIND_EXP_MASK_SRC || field == NFBIND_EXP_ZONE || field == NFBIND_EXP_ID;
}

const struct subject connections = {
	.subsystem = KERNEL_SUBSYS_CTNETLINK,
	.wires = &ct_wires,
	.tuple = NFBIND_CT_ORIG_SRC,
	.other = NFBIND_CT_REPL_SRC,
	.is_key = is_ct_key,
};

const struct subject expectations = {
	.subsystem = KERNEL_SUBSYS_CTNETLINK_EXP,
	.wires = &exp_wires,
	.tuple = NFBIND_EXP_EXPECTED_SRC,
	.other = NFBIND_EXP_EXPECTED_SRC,
	.is_key = is_exp_key,
};

/* What names an entry. */

bool subject_has_tuple(const struct nfbind_fields *fields, const void *object, uint32_t first)
{
	return field_has(fields, object, first + OF_SRC) > 0 &&
	       field_has(fields, object, first + OF_DST) > 0 &&
	       field_has(fields, object, first + OF_L4PROTO) > 0;
}

uint8_t subject_family(const struct nfbind_fields *fields, const void *object, uint32_t first)
{
	const void *address;
	size_t len;

	if (field_get_bytes(fields, object, first + OF_SRC, &address, &len) == 0)
		return len == 4 ? 2 : 10;
	return (uint8_t)field_number_or(fields, object, first + OF_L3PROTO, FAMILY_NONE);
}

static int find_tuple(const struct subject *subject, const void *object, uint32_t *ret_first,
		      const char **ret_why)
{
	const struct nfbind_fields *fields = subject->wires->fields;

	*ret_first = subject->tuple;
	if (subject_has_tuple(fields, object, subject->tuple))
		return 0;
	*ret_first = subject->other;
	if (subject_has_tuple(fields, object, subject->other))
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

/* A request that names an entry and says nothing else. */
int subject_encode_key(const struct subject *subject, const void *object, uint8_t message,
		       struct request *request, const char **ret_why)
{
	union {
		struct nfbind_ct ct;
		struct nfbind_exp exp;
	} key = { 0 };
	const struct nfbind_fields *fields = subject->wires->fields;
	uint32_t first;
	int r = find_tuple(subject, object, &first, ret_why);

	if (r < 0)
		return r;
	r = subject_select(fields, &key, object, subject->is_key);
	request_start(request, (uint16_t)(subject->subsystem << 8 | message), 0,
		      subject_family(fields, object, first));
	wire_build(subject->wires, &key, &request->buffer);
	field_reset(fields, &key);
	return r;
}

/* A new or changed connection. */

static bool is_written(uint32_t field)
{
	return ct_fields.rows[field].directions &
	       (NFBIND_DIRECTION_CREATE | NFBIND_DIRECTION_UPDATE);
}

/* Without the zone: it says nothing of what the tuple is. */
static bool is_in_repl(uint32_t field)
{
	return field >= NFBIND_CT_REPL_SRC && field < NFBIND_CT_REPL_ZONE;
}

static bool has_any(const struct nfbind_ct *ct, bool (*is_meant)(uint32_t field))
{
	for (uint32_t field = 0; field < ct_fields.count; field++)
		if (is_meant(field) && field_has(&ct_fields, ct, field) > 0)
			return true;
	return false;
}

static int complete_new(struct nfbind_ct *ct)
{
	int r = 0;

	/* An untranslated connection has that one. */
	if (!has_any(ct, is_in_repl))
		r = tuple_invert(&ct_fields, ct, NFBIND_CT_REPL_SRC, NFBIND_CT_ORIG_SRC);
	if (r == 0 && field_has(&ct_fields, ct, NFBIND_CT_STATUS) == 0)
		r = field_set_number(&ct_fields, ct, NFBIND_CT_STATUS, 0);
	return r;
}

/* ctnetlink_change_status() takes a status without it for an attempt to clear it. */
static int confirm(struct nfbind_ct *ct)
{
	uint64_t status;

	if (field_get_number(&ct_fields, ct, NFBIND_CT_STATUS, &status) < 0)
		return 0;
	return field_set_number(&ct_fields, ct, NFBIND_CT_STATUS,
				status | NFBIND_CT_STATUS_CONFIRMED);
}

int subject_encode_ct(const struct nfbind_ct *ct, uint16_t flags, struct request *request,
		      const char **ret_why)
{
	struct nfbind_ct copy = { 0 };
	uint32_t first;
	int r = find_tuple(&connections, ct, &first, ret_why);

	if (r == 0)
		r = subject_select(&ct_fields, &copy, ct, is_written);
	if (r == 0 && flags & NLM_F_CREATE)
		r = complete_new(&copy);
	if (r == 0)
		r = confirm(&copy);
	if (r == 0) {
		request_start(request, KERNEL_SUBSYS_CTNETLINK << 8 | MESSAGE_NEW, flags,
			      subject_family(&ct_fields, &copy, first));
		wire_build(&ct_wires, &copy, &request->buffer);
	}
	field_reset(&ct_fields, &copy);
	return r;
}

int subject_encode_exp(const struct nfbind_exp *exp, uint16_t flags, struct request *request,
		       const char **ret_why)
{
	if (!subject_has_tuple(&exp_fields, exp, NFBIND_EXP_MASTER_SRC) ||
	    !subject_has_tuple(&exp_fields, exp, NFBIND_EXP_EXPECTED_SRC) ||
	    !subject_has_tuple(&exp_fields, exp, NFBIND_EXP_MASK_SRC)) {
		*ret_why = "master, expected tuple and mask are needed";
		return -EINVAL;
	}
	request_start(request, KERNEL_SUBSYS_CTNETLINK_EXP << 8 | MESSAGE_NEW, flags,
		      subject_family(&exp_fields, exp, NFBIND_EXP_EXPECTED_SRC));
	wire_build(&exp_wires, exp, &request->buffer);
	return 0;
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
