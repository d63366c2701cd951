/* SPDX-License-Identifier: MIT */
/*
 * The wire engine: building; see wire.h, and wire_parse.c for the other way. Nothing
 * here knows what an attribute means.
 */
#include "wire.h"

#include <errno.h>
#include <string.h>

#include <libmnl/libmnl.h>

void wire_turn_labels(uint8_t *to, const uint8_t *from, size_t len)
{
#if __BYTE_ORDER == __BIG_ENDIAN
	const size_t word = sizeof(long);
#else
	const size_t word = 1;
#endif
	for (size_t i = 0; i < len; i++) {
		size_t mirrored = i / word * word + (word - 1 - i % word);

		to[i] = from[mirrored < len ? mirrored : i];
	}
}

static void *take_room(struct wire_buffer *buffer, size_t len)
{
	void *at = buffer->data + buffer->len;

	if (buffer->failed || buffer->size - buffer->len < len) {
		buffer->failed = true;
		return NULL;
	}
	buffer->len += len;
	return at;
}

void wire_put(struct wire_buffer *buffer, unsigned int type, const void *data, size_t data_len)
{
	size_t room = MNL_ATTR_HDRLEN + MNL_ALIGN(data_len);
	struct nlattr *attribute = take_room(buffer, room);

	if (!attribute)
		return;
	memset(attribute, 0, MNL_ATTR_HDRLEN);
	attribute->nla_type = (uint16_t)type;
	attribute->nla_len = (uint16_t)(MNL_ATTR_HDRLEN + data_len);
	if (data_len > 0)
		memcpy(mnl_attr_get_payload(attribute), data, data_len);
	memset((uint8_t *)attribute + MNL_ATTR_HDRLEN + data_len, 0,
	       room - MNL_ATTR_HDRLEN - data_len);
}

void wire_put_u32(struct wire_buffer *buffer, unsigned int type, uint32_t value)
{
	uint32_t wire = htobe32(value);

	wire_put(buffer, type, &wire, sizeof(wire));
}

size_t wire_nest_start(struct wire_buffer *buffer, unsigned int type)
{
	size_t nest = buffer->len;

	/* The filter nest is parsed strictly: the flag is set on all, as none minds it. */
	wire_put(buffer, type | NLA_F_NESTED, NULL, 0);
	return nest;
}

void wire_nest_end(struct wire_buffer *buffer, size_t nest)
{
	struct nlattr *attribute = (struct nlattr *)(buffer->data + nest);

	if (buffer->failed)
		return;
	if (buffer->len - nest > UINT16_MAX)
		buffer->failed = true;
	else
		attribute->nla_len = (uint16_t)(buffer->len - nest);
}

static void build_number(const struct wire *row, unsigned int type, uint64_t value,
			 struct wire_buffer *buffer)
{
	uint8_t u8 = (uint8_t)value;
	uint16_t u16 = htobe16((uint16_t)value);
	uint32_t u32 = htobe32((uint32_t)value);
	uint64_t u64 = htobe64(value);

	if (row->kind == WIRE_U8)
		wire_put(buffer, type, &u8, sizeof(u8));
	else if (row->kind == WIRE_U16)
		wire_put(buffer, type, &u16, sizeof(u16));
	else if (row->kind == WIRE_U32)
		wire_put(buffer, type, &u32, sizeof(u32));
	else if (row->kind == WIRE_U64)
		wire_put(buffer, type, &u64, sizeof(u64));
}

static void build_flags(const struct wire_table *table, uint32_t field, unsigned int type,
			const void *object, struct wire_buffer *buffer)
{
	uint64_t flags = field_number_or(table->fields, object, field, 0);
	/* Flags without a mask mean all of them. */
	uint8_t wire[2] = { (uint8_t)flags,
			    (uint8_t)field_number_or(table->fields, object, field + 1, 0xff) };

	if (field_has(table->fields, object, field) > 0)
		wire_put(buffer, type, wire, sizeof(wire));
}

static void build_bytes(const struct wire *row, unsigned int type, const void *data, size_t len,
			struct wire_buffer *buffer)
{
	uint8_t labels[16] = { 0 };
	uint8_t text[64] = { 0 };

	switch (row->kind) {
	case WIRE_IPV4:
	case WIRE_IPV6:
		if (len == (row->kind == WIRE_IPV4 ? 4 : 16))
			wire_put(buffer, type, data, len);
		break;
	case WIRE_TEXT: /* names: the kernel wants the NUL counted */
		if (len >= sizeof(text)) {
			buffer->failed = true;
			break;
		}
		memcpy(text, data, len);
		wire_put(buffer, type, text, len + 1);
		break;
	case WIRE_LABELS:
		wire_turn_labels(labels, data, len < sizeof(labels) ? len : sizeof(labels));
		wire_put(buffer, type, labels, sizeof(labels));
		break;
	default:
		wire_put(buffer, type, data, len);
	}
}

static void build_rows(const struct wire_table *table, const struct wire *rows, size_t rows_count,
		       unsigned int shift, const void *object, struct wire_buffer *buffer);

static void build_nest(const struct wire_table *table, const struct wire *row, unsigned int type,
		       unsigned int shift, const void *object, struct wire_buffer *buffer)
{
	size_t before = buffer->len;
	size_t nest = wire_nest_start(buffer, type);
	size_t empty = buffer->len;

	build_rows(table, row->rows, row->rows_count, shift + row->shift, object, buffer);
	if (buffer->len == empty)
		buffer->len = before;
	else
		wire_nest_end(buffer, nest);
}

static void build_count(const struct wire_table *table, const struct wire *row, unsigned int type,
			const void *object, struct wire_buffer *buffer)
{
	uint32_t count = 0;

	while (count < row->rows_count &&
	       field_has(table->fields, object, row->field + count * row->shift) > 0)
		count++;
	if (count > 0)
		wire_put_u32(buffer, type, count);
}

static void build_leaf(const struct wire_table *table, const struct wire *row, unsigned int type,
		       unsigned int shift, const void *object, struct wire_buffer *buffer)
{
	uint32_t field = row->field + shift;
	const void *data;
	size_t data_len;
	uint64_t value;

	if (row->only_protocol != 0 &&
	    field_number_or(table->fields, object, row->protocol_field + shift, 0) !=
		    row->only_protocol)
		return;
	if (row->kind == WIRE_FLAGS)
		build_flags(table, field, type, object, buffer);
	else if (field_get_number(table->fields, object, field, &value) == 0)
		build_number(row, type, value, buffer);
	else if (field_get_bytes(table->fields, object, field, &data, &data_len) == 0)
		build_bytes(row, type, data, data_len, buffer);
}

static void build_row(const struct wire_table *table, const struct wire *row, unsigned int type,
		      unsigned int shift, const void *object, struct wire_buffer *buffer)
{
	if (row->kind == WIRE_NEST)
		build_nest(table, row, type, shift, object, buffer);
	else if (row->kind == WIRE_COUNT)
		build_count(table, row, type, object, buffer);
	else
		build_leaf(table, row, type, shift, object, buffer);
}

/* Whether there may be something to say; most often there is not. */
static inline bool is_worth_it(const struct wire *row, unsigned int shift, const void *object)
{
	if (row->kind == WIRE_NONE)
		return false;
	if (row->kind == WIRE_NEST && row->last != 0)
		return field_is_any_present(object, row->first + shift + row->shift,
					    row->last + shift + row->shift);
	return row->kind == WIRE_NEST || row->kind == WIRE_COUNT ||
	       field_is_present(object, row->field + shift);
}

static void build_rows(const struct wire_table *table, const struct wire *rows, size_t rows_count,
		       unsigned int shift, const void *object, struct wire_buffer *buffer)
{
	for (size_t type = 0; type < rows_count; type++)
		if (is_worth_it(&rows[type], shift, object))
			build_row(table, &rows[type], (unsigned int)type, shift, object, buffer);
}

void wire_build(const struct wire_table *table, const void *object, struct wire_buffer *buffer)
{
	build_rows(table, table->rows, table->rows_count, 0, object, buffer);
}
