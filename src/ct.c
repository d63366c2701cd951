/* SPDX-License-Identifier: MIT */
/*
 * The connection object: the engine with the connection's tables.
 */
#include "ct.h"

#include <errno.h>
#include <stdlib.h>

#include "ct_save.h"
#include "format.h"
#include "json.h"
#include "text.h"

int nfbind_ct_new(struct nfbind_ct **ret_ct)
{
	struct nfbind_ct *ct = calloc(1, sizeof(*ct));

	if (!ct)
		return -ENOMEM;
	*ret_ct = ct;
	return 0;
}

void nfbind_ct_free(struct nfbind_ct *ct)
{
	if (!ct)
		return;
	field_reset(&ct_fields, ct);
	free(ct);
}

int nfbind_ct_assign(struct nfbind_ct *ct, const struct nfbind_ct *from)
{
	if (!ct || !from)
		return -EINVAL;
	return field_copy(&ct_fields, ct, from);
}

int nfbind_ct_equal(const struct nfbind_ct *ct, const struct nfbind_ct *other)
{
	return ct && other && field_equal(&ct_fields, ct, other);
}

int nfbind_ct_print(const struct nfbind_ct *ct, uint32_t format, uint32_t flags,
		    const struct nfbind_labels *labels, char *ret_text, size_t ret_text_size)
{
	struct format details = { .flags = flags, .labels = labels };
	struct text text;

	text_start(&text, ret_text, ret_text_size);
	if (flags & ~(uint32_t)(NFBIND_PRINT_ID | NFBIND_PRINT_TIMESTAMP | NFBIND_PRINT_MARK) ||
	    format > NFBIND_FORMAT_JSON)
		return -EINVAL;
	if (format == NFBIND_FORMAT_EXTENDED)
		details.flags |= FORMAT_EXTENDED;
	if (!ct)
		return 0;
	switch (format) {
	case NFBIND_FORMAT_FIELDS:
		field_print(&ct_fields, ct, &text);
		break;
	case NFBIND_FORMAT_SAVE:
		format_ct_save(ct, &details, &text);
		break;
	case NFBIND_FORMAT_XML:
		format_ct_xml(ct, &details, &text);
		break;
	case NFBIND_FORMAT_JSON:
		json_print(&ct_fields, ct, labels, &text);
		break;
	default:
		format_ct_line(ct, &details, &text);
	}
	return (int)text.len;
}

int nfbind_ct_parse(struct nfbind_ct *ct, uint32_t format, const struct nfbind_labels *labels,
		    const char *text, char *ret_message, size_t ret_message_size)
{
	struct nfbind_ct parsed = { 0 };
	struct reader reader;
	int r;

	reader_start(&reader, text, ret_message, ret_message_size);
	if (!ct || !text)
		return -EINVAL;
	if (format == NFBIND_FORMAT_JSON)
		r = json_parse(&ct_fields, &parsed, labels, &reader);
	else if (format == NFBIND_FORMAT_SAVE)
		r = save_parse(&parsed, labels, &reader);
	else
		r = reader_fail(&reader, 0, -EINVAL, "only JSON and SAVE can be read");
	if (r == 0) {
		/* Its memory goes with it. */
		field_reset(&ct_fields, ct);
		*ct = parsed;
		return 0;
	}
	field_reset(&ct_fields, &parsed);
	return r;
}

const struct nfbind_fields *nfbind_ct_fields(void)
{
	return &ct_fields;
}

int nfbind_ct_has(const struct nfbind_ct *ct, uint32_t field)
{
	return field_has(&ct_fields, ct, field);
}

int nfbind_ct_clear(struct nfbind_ct *ct, uint32_t field)
{
	return field_clear(&ct_fields, ct, field);
}

int nfbind_ct_get_number(const struct nfbind_ct *ct, uint32_t field, uint64_t *ret_value)
{
	return field_get_number(&ct_fields, ct, field, ret_value);
}

int nfbind_ct_set_number(struct nfbind_ct *ct, uint32_t field, uint64_t value)
{
	return field_set_number(&ct_fields, ct, field, value);
}

int nfbind_ct_get_bytes(const struct nfbind_ct *ct, uint32_t field, const void **ret_data,
			size_t *ret_data_len)
{
	return field_get_bytes(&ct_fields, ct, field, ret_data, ret_data_len);
}

int nfbind_ct_set_bytes(struct nfbind_ct *ct, uint32_t field, const void *data,
			size_t data_len)
{
	return field_set_bytes(&ct_fields, ct, field, data, data_len);
}
