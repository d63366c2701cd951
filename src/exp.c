/* SPDX-License-Identifier: MIT */
/*
 * The expectation object: the engine with the expectation's tables.
 */
#include "ct.h"

#include <errno.h>
#include <stdlib.h>

#include "format.h"
#include "json.h"
#include "text.h"

int nfbind_exp_new(struct nfbind_exp **ret_exp)
{
	struct nfbind_exp *exp = calloc(1, sizeof(*exp));

	if (!exp)
		return -ENOMEM;
	*ret_exp = exp;
	return 0;
}

void nfbind_exp_free(struct nfbind_exp *exp)
{
	if (!exp)
		return;
	field_reset(&exp_fields, exp);
	free(exp);
}

int nfbind_exp_assign(struct nfbind_exp *exp, const struct nfbind_exp *from)
{
	if (!exp || !from)
		return -EINVAL;
	return field_copy(&exp_fields, exp, from);
}

int nfbind_exp_equal(const struct nfbind_exp *exp, const struct nfbind_exp *other)
{
	return exp && other && field_equal(&exp_fields, exp, other);
}

int nfbind_exp_print(const struct nfbind_exp *exp, uint32_t format, char *ret_text,
		     size_t ret_text_size)
{
	struct text text;

	text_start(&text, ret_text, ret_text_size);
	if (format > NFBIND_FORMAT_JSON)
		return -EINVAL;
	if (!exp)
		return 0;
	switch (format) {
	case NFBIND_FORMAT_FIELDS:
		field_print(&exp_fields, exp, &text);
		break;
	case NFBIND_FORMAT_XML:
		format_exp_xml(exp, &text);
		break;
	case NFBIND_FORMAT_JSON:
		json_print(&exp_fields, exp, NULL, &text);
		break;
	default:
		format_exp_line(exp, &text);
	}
	return (int)text.len;
}

int nfbind_exp_parse(struct nfbind_exp *exp, uint32_t format, const char *text,
		     char *ret_message, size_t ret_message_size)
{
	struct nfbind_exp parsed = { 0 };
	struct reader reader;
	int r;

	reader_start(&reader, text, ret_message, ret_message_size);
	if (!exp || !text)
		return -EINVAL;
	if (format == NFBIND_FORMAT_JSON)
		r = json_parse(&exp_fields, &parsed, NULL, &reader);
	else
		r = reader_fail(&reader, 0, -EINVAL, "only JSON can be read");
	if (r == 0) {
		field_reset(&exp_fields, exp);
		*exp = parsed;
		return 0;
	}
	field_reset(&exp_fields, &parsed);
	return r;
}

const struct nfbind_fields *nfbind_exp_fields(void)
{
	return &exp_fields;
}

int nfbind_exp_has(const struct nfbind_exp *exp, uint32_t field)
{
	return field_has(&exp_fields, exp, field);
}

int nfbind_exp_clear(struct nfbind_exp *exp, uint32_t field)
{
	return field_clear(&exp_fields, exp, field);
}

int nfbind_exp_get_number(const struct nfbind_exp *exp, uint32_t field, uint64_t *ret_value)
{
	return field_get_number(&exp_fields, exp, field, ret_value);
}

int nfbind_exp_set_number(struct nfbind_exp *exp, uint32_t field, uint64_t value)
{
	return field_set_number(&exp_fields, exp, field, value);
}

int nfbind_exp_get_bytes(const struct nfbind_exp *exp, uint32_t field, const void **ret_data,
			 size_t *ret_data_len)
{
	return field_get_bytes(&exp_fields, exp, field, ret_data, ret_data_len);
}

int nfbind_exp_set_bytes(struct nfbind_exp *exp, uint32_t field, const void *data,
			 size_t data_len)
{
	return field_set_bytes(&exp_fields, exp, field, data, data_len);
}
