/* SPDX-License-Identifier: MIT */
/*
 * Objects as JSON (RFC 8259), on one line: numbers are integers, addresses text, bytes
 * hexadecimal digits, sets of flags arrays of names, and bitmaps arrays of bits.
 * Text that is no UTF-8 has no JSON string, so it is {"hex": "..."}. Values with a
 * name are that name. What is absent has no key.
 */
#include "json.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

/* The length of the UTF-8 character at `data`; 0 where there is none (RFC 3629). */
static size_t utf8_len(const uint8_t *data, size_t data_len)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = data[0] < 0x80 ? 1 : data[0] < 0xc2 ? 0 : data[0] < 0xe0 ? 2 :
		     data[0] < 0xf0 ? 3 : data[0] < 0xf5 ? 4 : 0;
	uint32_t code = data[0] & (0xff >> (len + 1));

	if (len <= 1)
		return len;
	for (size_t i = 1; i < len; i++) {
		if (i >= data_len || (data[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (data[i] & 0x3f);
	}
	if (code < least[len] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	return len;
}

static bool is_utf8(const uint8_t *data, size_t data_len)
{
	for (size_t at = 0, len; at < data_len; at += len) {
		len = utf8_len(data + at, data_len - at);
		if (len == 0)
			return false;
	}
	return true;
}

static void print_string(const uint8_t *data, size_t data_len, struct text *text)
{
	text_add(text, "\"");
	for (size_t i = 0; i < data_len; i++) {
		if (data[i] < ' ' || data[i] == 0x7f)
			text_add(text, "\\u%04x", data[i]);
		else if (data[i] == '"' || data[i] == '\\')
			text_add(text, "\\%c", data[i]);
		else
			text_add(text, "%c", data[i]);
	}
	text_add(text, "\"");
}

static void print_flags(const struct field *row, uint64_t value, struct text *text)
{
	const char *separator = "";

	text_add(text, "[");
	for (const struct value_name *name = row->values; name->name; name++) {
		if (!(value & name->value))
			continue;
		text_add(text, "%s\"%s\"", separator, name->name);
		value &= ~name->value;
		separator = ",";
	}
	if (value)
		text_add(text, "%s%" PRIu64, separator, value);
	text_add(text, "]");
}

static void print_number(const struct field *row, uint64_t value, struct text *text)
{
	if (field_is_flags(row)) {
		print_flags(row, value, text);
		return;
	}
	for (const struct value_name *name = row->values; name && name->name; name++) {
		if (name->value == value) {
			text_add(text, "\"%s\"", name->name);
			return;
		}
	}
	text_add(text, "%" PRIu64, value);
}

/* All of a bitmap's bits, each by its name or its number. */
static void print_bits(const uint8_t *data, size_t data_len, const struct nfbind_labels *labels,
		       struct text *text)
{
	const char *separator = "";

	text_add(text, "[");
	for (uint32_t bit = 0; bit < data_len * 8; bit++) {
		const char *name = nfbind_labels_get_name(labels, bit);

		if (!(data[bit / 8] >> (bit % 8) & 1))
			continue;
		text_add(text, "%s", separator);
		if (name)
			print_string((const uint8_t *)name, strlen(name), text);
		else
			text_add(text, "%" PRIu32, bit);
		separator = ",";
	}
	text_add(text, "]");
}

static void print_bytes(const struct field *row, const uint8_t *data, size_t data_len,
			const struct nfbind_labels *labels, struct text *text)
{
	if (row->is_bitmap && data_len == row->size) {
		print_bits(data, data_len, labels, text);
	} else if (row->kind == NFBIND_KIND_TEXT && is_utf8(data, data_len)) {
		print_string(data, data_len, text);
	} else if (row->kind == NFBIND_KIND_TEXT) {
		text_add(text, "{\"hex\":\"");
		text_add_hex(text, data, data_len);
		text_add(text, "\"}");
	} else {
		text_add(text, "\"");
		field_print_bytes(row, data, data_len, text);
		text_add(text, "\"");
	}
}

void json_print(const struct nfbind_fields *fields, const void *object,
		const struct nfbind_labels *labels, struct text *text)
{
	const char *separator = "{";
	const void *data;
	size_t data_len;
	uint64_t value;

	for (uint32_t i = 0; i < fields->count; i++) {
		if (field_has(fields, object, i) <= 0)
			continue;
		text_add(text, "%s\"%s\":", separator, fields->rows[i].name);
		separator = ",";
		if (field_get_number(fields, object, i, &value) == 0)
			print_number(&fields->rows[i], value, text);
		else if (field_get_bytes(fields, object, i, &data, &data_len) == 0)
			print_bytes(&fields->rows[i], data, data_len, labels, text);
	}
	text_add(text, "%s}", *separator == '{' ? "{" : "");
}
