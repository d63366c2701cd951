/* SPDX-License-Identifier: MIT */
/*
 * The field engine; see field.h. Every function here works on any object, by its
 * table alone.
 */
#include "field.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool field_is_bytes(const struct field *row)
{
	return row->kind >= NFBIND_KIND_ADDRESS && row->kind <= NFBIND_KIND_TEXT;
}

int field_check_number(const struct field *row, uint64_t value)
{
	static const uint64_t limits[] = {
		[NFBIND_KIND_BOOL] = 1,
		[NFBIND_KIND_U8] = UINT8_MAX,
		[NFBIND_KIND_U16] = UINT16_MAX,
		[NFBIND_KIND_U32] = UINT32_MAX,
		[NFBIND_KIND_U64] = UINT64_MAX,
	};

	if (!field_is_number(row))
		return -EINVAL;
	return value > limits[row->kind] ? -ERANGE : 0;
}

int field_check_bytes(const struct field *row, size_t len)
{
	if (!field_is_bytes(row))
		return -EINVAL;
	if (row->kind == NFBIND_KIND_ADDRESS)
		return len == 4 || len == 16 ? 0 : -EINVAL;
	return row->size > 0 && len > row->size ? -ERANGE : 0;
}

static void mark_absent(void *object, uint32_t number)
{
	struct object *head = object;

	head->present[number / 64] &= ~(UINT64_C(1) << (number % 64));
}

static void *place(const struct field *row, const void *object)
{
	return (uint8_t *)(uintptr_t)object + row->offset;
}

static bool is_on_heap(const struct field *row)
{
	return row->size == 0 && (row->kind == NFBIND_KIND_BYTES || row->kind == NFBIND_KIND_TEXT);
}

int field_has(const struct nfbind_fields *fields, const void *object, uint32_t number)
{
	if (!object || number >= fields->count)
		return -ERANGE;
	return field_is_present(object, number);
}

int field_clear(const struct nfbind_fields *fields, void *object, uint32_t number)
{
	const struct field *row = field_row(fields, number);

	if (!object || !row)
		return -ERANGE;
	if (is_on_heap(row)) {
		struct heap_bytes *heap = place(row, object);

		free(heap->bytes);
		*heap = (struct heap_bytes){ 0 };
	}
	mark_absent(object, number);
	return 0;
}

int field_get_number(const struct nfbind_fields *fields, const void *object, uint32_t number,
		     uint64_t *ret_value)
{
	const struct field *row;
	const uint8_t *from;

	if (!object || number >= fields->count)
		return -ERANGE;
	row = &fields->rows[number];
	if (!field_is_number(row))
		return -EINVAL;
	if (!field_is_present(object, number))
		return -ENODATA;
	from = (const uint8_t *)object + row->offset;
	if (row->kind == NFBIND_KIND_U32)
		*ret_value = *(const uint32_t *)(const void *)from;
	else if (row->kind == NFBIND_KIND_U16)
		*ret_value = *(const uint16_t *)(const void *)from;
	else if (row->kind == NFBIND_KIND_U64)
		*ret_value = *(const uint64_t *)(const void *)from;
	else
		*ret_value = *from;
	return 0;
}

int field_set_number(const struct nfbind_fields *fields, void *object, uint32_t number,
		     uint64_t value)
{
	const struct field *row = field_row(fields, number);
	void *to;
	int r;

	if (!object || !row)
		return -ERANGE;
	r = field_check_number(row, value);
	if (r < 0)
		return r;
	to = place(row, object);
	switch (row->kind) {
	case NFBIND_KIND_U16:
		*(uint16_t *)to = (uint16_t)value;
		break;
	case NFBIND_KIND_U32:
		*(uint32_t *)to = (uint32_t)value;
		break;
	case NFBIND_KIND_U64:
		*(uint64_t *)to = value;
		break;
	default:
		*(uint8_t *)to = (uint8_t)value;
	}
	field_mark_present(object, number);
	return 0;
}

uint64_t field_number_or(const struct nfbind_fields *fields, const void *object, uint32_t number,
			 uint64_t absent)
{
	uint64_t value;

	return object && field_get_number(fields, object, number, &value) == 0 ? value : absent;
}

int field_get_bytes(const struct nfbind_fields *fields, const void *object, uint32_t number,
		    const void **ret_data, size_t *ret_data_len)
{
	const struct field *row = field_row(fields, number);

	if (!object || !row)
		return -ERANGE;
	if (!field_is_bytes(row))
		return -EINVAL;
	if (!field_is_present(object, number))
		return -ENODATA;
	if (is_on_heap(row)) {
		const struct heap_bytes *heap = place(row, object);

		*ret_data = heap->bytes;
		*ret_data_len = heap->len;
	} else {
		/* An address has the same shape: a length, then the bytes. */
		const struct inline_bytes *bytes = place(row, object);

		*ret_data = bytes->bytes;
		*ret_data_len = bytes->len;
	}
	return 0;
}

static int set_heap(struct heap_bytes *heap, const void *data, size_t data_len)
{
	uint8_t *copy = malloc(data_len + 1);

	if (!copy)
		return -ENOMEM;
	if (data_len > 0)
		memcpy(copy, data, data_len);
	copy[data_len] = '\0';
	free(heap->bytes);
	*heap = (struct heap_bytes){ copy, data_len };
	return 0;
}

static void set_address(struct address *address, const void *data, size_t data_len)
{
	address->len = (uint8_t)data_len;
	/* Copies of known length need no call. */
	if (data_len == 4)
		memcpy(address->bytes, data, 4);
	else
		memcpy(address->bytes, data, 16);
}

static void set_inline(struct inline_bytes *bytes, const void *data, size_t data_len)
{
	bytes->len = (uint8_t)data_len;
	if (data_len > 0)
		memcpy(bytes->bytes, data, data_len);
}

int field_set_bytes(const struct nfbind_fields *fields, void *object, uint32_t number,
		    const void *data, size_t data_len)
{
	const struct field *row = field_row(fields, number);
	int r;

	if (!object || !row)
		return -ERANGE;
	if (!data && data_len > 0)
		return -EINVAL;
	r = field_check_bytes(row, data_len);
	if (r < 0)
		return r;
	if (row->kind == NFBIND_KIND_ADDRESS) {
		set_address(place(row, object), data, data_len);
	} else if (!is_on_heap(row)) {
		set_inline(place(row, object), data, data_len);
	} else {
		r = set_heap(place(row, object), data, data_len);
		if (r < 0)
			return r;
		((struct object *)object)->has_heap = true;
	}
	field_mark_present(object, number);
	return 0;
}

int field_copy_one(const struct nfbind_fields *fields, void *object, const void *from,
		   uint32_t number)
{
	const void *data;
	size_t data_len;
	uint64_t value;

	if (field_get_number(fields, from, number, &value) == 0)
		return field_set_number(fields, object, number, value);
	if (field_get_bytes(fields, from, number, &data, &data_len) == 0)
		return field_set_bytes(fields, object, number, data, data_len);
	return field_clear(fields, object, number);
}

int field_copy(const struct nfbind_fields *fields, void *object, const void *from)
{
	if (object == from)
		return 0;
	for (uint32_t i = 0; i < fields->count; i++) {
		int r = field_copy_one(fields, object, from, i);

		if (r < 0)
			return r;
	}
	return 0;
}

bool field_same(const struct nfbind_fields *fields, const void *object, const void *other,
		uint32_t number)
{
	const void *data, *other_data;
	size_t data_len, other_len;
	uint64_t value, other_value;

	if (field_get_number(fields, object, number, &value) == 0 &&
	    field_get_number(fields, other, number, &other_value) == 0)
		return value == other_value;
	if (field_get_bytes(fields, object, number, &data, &data_len) == 0 &&
	    field_get_bytes(fields, other, number, &other_data, &other_len) == 0)
		return data_len == other_len && memcmp(data, other_data, data_len) == 0;
	return !field_is_present(object, number) && !field_is_present(other, number);
}

bool field_equal(const struct nfbind_fields *fields, const void *object, const void *other)
{
	for (uint32_t i = 0; i < fields->count; i++)
		if (!field_same(fields, object, other, i))
			return false;
	return true;
}

bool field_is_flags(const struct field *row)
{
	return row->values && row->values[0].value == 1 && row->values[1].name &&
	       row->values[1].value == 2 && row->values[2].name && row->values[2].value == 4;
}

static void print_flags(const struct field *row, uint64_t value, struct text *text)
{
	const char *separator = "";

	for (const struct value_name *name = row->values; name->name; name++) {
		if (!(value & name->value))
			continue;
		text_add(text, "%s%s", separator, name->name);
		value &= ~name->value;
		separator = "|";
	}
	if (value || *separator == '\0')
		text_add(text, "%s0x%" PRIx64, separator, value);
}

void field_print_number(const struct field *row, uint64_t value, struct text *text)
{
	if (field_is_flags(row)) {
		print_flags(row, value, text);
		return;
	}
	for (const struct value_name *name = row->values; name && name->name; name++) {
		if (name->value == value) {
			text_add(text, "%s", name->name);
			return;
		}
	}
	text_add(text, "%" PRIu64, value);
}

void field_print_bytes(const struct field *row, const void *data, size_t data_len,
		       struct text *text)
{
	char address[INET6_ADDRSTRLEN];

	if (row->kind == NFBIND_KIND_TEXT) {
		text_add_escaped(text, data, data_len);
	} else if (row->kind == NFBIND_KIND_ADDRESS &&
		   inet_ntop(data_len == 4 ? AF_INET : AF_INET6, data, address, sizeof(address))) {
		text_add(text, "%s", address);
	} else {
		text_add_hex(text, data, data_len);
	}
}

void field_print(const struct nfbind_fields *fields, const void *object, struct text *text)
{
	const char *separator = "";
	const void *data;
	size_t data_len;
	uint64_t value;

	for (uint32_t i = 0; i < fields->count; i++) {
		if (!field_is_present(object, i))
			continue;
		text_add(text, "%s%s=", separator, fields->rows[i].name);
		separator = " ";
		if (field_get_number(fields, object, i, &value) == 0)
			field_print_number(&fields->rows[i], value, text);
		else if (field_get_bytes(fields, object, i, &data, &data_len) == 0)
			field_print_bytes(&fields->rows[i], data, data_len, text);
	}
}

void field_reset(const struct nfbind_fields *fields, void *object)
{
	struct object *head = object;

	/* Only heap values have more to lose than their bit. */
	for (uint32_t i = 0; head->has_heap && i < fields->count; i++)
		if (is_on_heap(&fields->rows[i]))
			field_clear(fields, object, i);
	memset(head, 0, sizeof(*head));
}

/* Public: what a table says about itself. */

uint32_t nfbind_fields_count(const struct nfbind_fields *fields)
{
	return fields ? fields->count : 0;
}

static bool has_alias(const char *aliases, const char *name, size_t name_len)
{
	while (aliases && *aliases) {
		size_t len = strcspn(aliases, " ");

		if (len == name_len && memcmp(aliases, name, len) == 0)
			return true;
		aliases += len + strspn(aliases + len, " ");
	}
	return false;
}

int nfbind_fields_find(const struct nfbind_fields *fields, const char *name, uint32_t *ret_field)
{
	if (!fields || !name)
		return -ENOENT;
	for (uint32_t i = 0; i < fields->count; i++) {
		if (strcmp(fields->rows[i].name, name) == 0 ||
		    has_alias(fields->rows[i].aliases, name, strlen(name))) {
			*ret_field = i;
			return 0;
		}
	}
	return -ENOENT;
}

const char *nfbind_fields_get_name(const struct nfbind_fields *fields, uint32_t field)
{
	const struct field *row = field_row(fields, field);

	return row ? row->name : NULL;
}

const char *nfbind_fields_get_help(const struct nfbind_fields *fields, uint32_t field)
{
	return field_row(fields, field) ? fields->help[field] : NULL;
}

int nfbind_fields_get_kind(const struct nfbind_fields *fields, uint32_t field)
{
	const struct field *row = field_row(fields, field);

	return row ? row->kind : -ERANGE;
}

int nfbind_fields_get_directions(const struct nfbind_fields *fields, uint32_t field)
{
	const struct field *row = field_row(fields, field);

	return row ? row->directions : -ERANGE;
}

int nfbind_fields_get_size(const struct nfbind_fields *fields, uint32_t field)
{
	const struct field *row = field_row(fields, field);

	if (!row)
		return -ERANGE;
	return row->kind == NFBIND_KIND_ADDRESS ? 16 : row->size;
}

int nfbind_fields_get_kernel(const struct nfbind_fields *fields, uint32_t field)
{
	const struct field *row = field_row(fields, field);

	return row ? row->kernel : -ERANGE;
}

const char *nfbind_fields_get_value_name(const struct nfbind_fields *fields, uint32_t field,
					 uint64_t value)
{
	const struct field *row = field_row(fields, field);

	for (const struct value_name *name = row ? row->values : NULL; name && name->name; name++)
		if (name->value == value)
			return name->name;
	return NULL;
}
