/* SPDX-License-Identifier: MIT */
/*
 * The helper's record as an object: the engine with its tables, and the limits that the
 * kernel has for it.
 */
#include "cthelper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

int nfbind_cthelper_new(struct nfbind_cthelper **ret_cthelper)
{
	struct nfbind_cthelper *cthelper = calloc(1, sizeof(*cthelper));

	if (!cthelper)
		return -ENOMEM;
	*ret_cthelper = cthelper;
	return 0;
}

void nfbind_cthelper_free(struct nfbind_cthelper *cthelper)
{
	if (!cthelper)
		return;
	field_reset(&cthelper_fields, cthelper);
	free(cthelper);
}

int nfbind_cthelper_assign(struct nfbind_cthelper *cthelper, const struct nfbind_cthelper *from)
{
	if (!cthelper || !from)
		return -EINVAL;
	return field_copy(&cthelper_fields, cthelper, from);
}

int nfbind_cthelper_equal(const struct nfbind_cthelper *cthelper, const struct nfbind_cthelper *other)
{
	return cthelper && other && field_equal(&cthelper_fields, cthelper, other);
}

int nfbind_cthelper_print(const struct nfbind_cthelper *cthelper, char *ret_text, size_t ret_text_size)
{
	struct text text;

	text_start(&text, ret_text, ret_text_size);
	if (cthelper)
		field_print(&cthelper_fields, cthelper, &text);
	return (int)text.len;
}

const struct nfbind_fields *nfbind_cthelper_fields(void)
{
	return &cthelper_fields;
}

int nfbind_cthelper_has(const struct nfbind_cthelper *cthelper, uint32_t field)
{
	return field_has(&cthelper_fields, cthelper, field);
}

int nfbind_cthelper_clear(struct nfbind_cthelper *cthelper, uint32_t field)
{
	return field_clear(&cthelper_fields, cthelper, field);
}

int nfbind_cthelper_get_number(const struct nfbind_cthelper *cthelper, uint32_t field, uint64_t *ret_value)
{
	return field_get_number(&cthelper_fields, cthelper, field, ret_value);
}

int nfbind_cthelper_set_number(struct nfbind_cthelper *cthelper, uint32_t field, uint64_t value)
{
	return field_set_number(&cthelper_fields, cthelper, field, value);
}

int nfbind_cthelper_get_bytes(const struct nfbind_cthelper *cthelper, uint32_t field, const void **ret_data,
			 size_t *ret_data_len)
{
	return field_get_bytes(&cthelper_fields, cthelper, field, ret_data, ret_data_len);
}

int nfbind_cthelper_set_bytes(struct nfbind_cthelper *cthelper, uint32_t field, const void *data,
			 size_t data_len)
{
	return field_set_bytes(&cthelper_fields, cthelper, field, data, data_len);
}

/* What is wrong with a record, without asking the kernel. */

static bool has(const struct nfbind_cthelper *cthelper, uint32_t field)
{
	return field_has(&cthelper_fields, cthelper, field) > 0;
}

static uint64_t number(const struct nfbind_cthelper *cthelper, uint32_t field)
{
	return field_number_or(&cthelper_fields, cthelper, field, 0);
}

static bool is_text(const uint8_t *bytes, size_t len)
{
	return len > 0 && !memchr(bytes, '\0', len);
}

const char *cthelper_key_problem(const struct nfbind_cthelper *cthelper)
{
	uint64_t l3proto = number(cthelper, NFBIND_CTHELPER_L3PROTO);

	if (!has(cthelper, NFBIND_CTHELPER_NAME) ||
	    !is_text(cthelper->name.bytes, cthelper->name.len))
		return "a name is needed";
	if (has(cthelper, NFBIND_CTHELPER_L3PROTO) != has(cthelper, NFBIND_CTHELPER_L4PROTO))
		return "the network and the transport protocol go together";
	if (has(cthelper, NFBIND_CTHELPER_L3PROTO) && l3proto != 2 && l3proto != 10)
		return "the network protocol is 2 (IPv4) or 10 (IPv6)";
	return NULL;
}

static const char *values_problem(const struct nfbind_cthelper *cthelper)
{
	if (!has(cthelper, NFBIND_CTHELPER_L3PROTO))
		return "the network and the transport protocol are needed";
	if (number(cthelper, NFBIND_CTHELPER_QUEUE) > UINT16_MAX)
		return "there is no queue of that number: 65535 is the last";
	if (number(cthelper, NFBIND_CTHELPER_PRIV_DATA_LEN) > CTHELPER_PRIV_DATA_MAX)
		return "the kernel keeps at most 32 bytes of private data";
	if (number(cthelper, NFBIND_CTHELPER_STATUS) > NFBIND_CTHELPER_STATUS_ENABLED)
		return "the status is 0 (disabled) or 1 (enabled)";
	for (uint32_t i = 0; i < CTHELPER_POLICIES_MAX; i++)
		if (number(cthelper, NFBIND_CTHELPER_POLICY1_MAX + i * POLICY_FIELDS) >
		    CTHELPER_EXPECT_MAX)
			return "a policy may allow at most 255 expectations";
	return NULL;
}

static unsigned int policy_parts(const struct nfbind_cthelper *cthelper, uint32_t policy)
{
	uint32_t first = NFBIND_CTHELPER_POLICY1_NAME + policy * POLICY_FIELDS;
	unsigned int parts = 0;

	for (uint32_t i = 0; i < POLICY_FIELDS; i++)
		parts += has(cthelper, first + i);
	return parts;
}

static const char *policies_problem(const struct nfbind_cthelper *cthelper)
{
	bool has_ended = false;

	if (policy_parts(cthelper, 0) == 0)
		return "at least one policy is needed";
	for (uint32_t i = 0; i < CTHELPER_POLICIES_MAX; i++) {
		unsigned int parts = policy_parts(cthelper, i);

		if (parts != 0 && has_ended)
			return "policies follow each other without a gap";
		if (parts != 0 && parts != POLICY_FIELDS)
			return "a policy has a name, a maximum and a timeout";
		if (parts != 0 && !is_text(cthelper->policies[i].name.bytes,
					   cthelper->policies[i].name.len))
			return "a policy's name is a text";
		has_ended |= parts == 0;
	}
	return NULL;
}

const char *cthelper_change_problem(const struct nfbind_cthelper *cthelper)
{
	const char *problem = cthelper_key_problem(cthelper);

	return problem ? problem : values_problem(cthelper);
}

const char *cthelper_new_problem(const struct nfbind_cthelper *cthelper)
{
	const char *problem = cthelper_change_problem(cthelper);

	return problem ? problem : policies_problem(cthelper);
}
