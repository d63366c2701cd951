/* SPDX-License-Identifier: MIT */
/*
 * The helper's record as an object: the engine with its tables.
 */
#include "cthelper.h"

#include <errno.h>
#include <stdlib.h>

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
