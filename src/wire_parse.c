/* SPDX-License-Identifier: MIT */
/*
 * The wire engine: parsing; see wire.h. An attribute is made a step by its row, and
 * the step stores the value. Messages of a list differ in little but their values, so
 * the steps of one are kept for those that look the same: no attribute of them has to
 * be found again, and a comparison of its header is all the check that it needs.
 */
#include "wire.h"

/* The least payload that an attribute of the kind must have. */
static const uint8_t least[] = {
	[WIRE_U8] = 1,	  [WIRE_U16] = 2,    [WIRE_U32] = 4,   [WIRE_U64] = 8,
	[WIRE_IPV4] = 4,  [WIRE_IPV6] = 16,  [WIRE_BYTES] = 0, [WIRE_TEXT] = 0,
	[WIRE_FLAGS] = 2, [WIRE_LABELS] = 0, [WIRE_NEST] = 0,
	[WIRE_COUNT] = 0,
};

/* Storing. */

static uint64_t read_number(uint8_t kind, const uint8_t *value)
{
	switch (kind) {
	case WIRE_U8:
		return *value;
	case WIRE_U16:
		return wire_read_u16(value);
	case WIRE_U32:
		return wire_read_u32(value);
	default:
		return wire_read_u64(value);
	}
}

static int take_labels(const struct nfbind_fields *fields, const struct wire_step *step,
		       const uint8_t *value, size_t len, void *object)
{
	uint8_t labels[16] = { 0 };

	wire_turn_labels(labels, value, len < sizeof(labels) ? len : sizeof(labels));
	return field_set_bytes(fields, object, step->field, labels, sizeof(labels));
}

/* What few attributes are stays out of the way of the many. */
static __attribute__((noinline)) int take_rare(const struct nfbind_fields *fields,
					       const struct wire_step *step,
					       const uint8_t *attribute, void *object)
{
	const uint8_t *value = attribute + NLA_HDRLEN;
	size_t len = wire_payload_len((const struct nlattr *)attribute);

	switch (step->kind) {
	case WIRE_NUMBER:
		return field_set_number(fields, object, step->field,
					read_number(step->number, value));
	case WIRE_LABELS:
		return take_labels(fields, step, value, len, object);
	case WIRE_TEXT:
		return field_set_bytes(fields, object, step->field, value,
				       strnlen((const char *)value, len));
	default:
		return field_set_bytes(fields, object, step->field, value, len);
	}
}

static inline void take_address(const struct nfbind_fields *fields, const struct wire_step *step,
				const uint8_t *value, uint8_t len, void *object)
{
	struct address *address = (struct address *)((uint8_t *)object + step->to);

	address->len = len;
	memcpy(address->bytes, value, len);
	/* 2 and 10: the family numbers that this wire uses for IPv4 and IPv6. */
	if (step->protocol != 0)
		((uint8_t *)object)[fields->rows[step->protocol].offset] = len == 4 ? 2 : 10;
}

/*
 * The value of an attribute whose length was checked. That the field is present now is
 * left to the caller, except where storing can fail.
 */
static inline __attribute__((always_inline)) int
take_value(const struct nfbind_fields *fields, const struct wire_step *step,
	   const uint8_t *attribute, void *object)
{
	const uint8_t *value = attribute + NLA_HDRLEN;
	uint8_t *to = (uint8_t *)object + step->to;

	switch (step->kind) {
	case WIRE_U8:
		*to = *value;
		return 0;
	case WIRE_U16:
		*(uint16_t *)(void *)to = wire_read_u16(value);
		return 0;
	case WIRE_U32:
		*(uint32_t *)(void *)to = wire_read_u32(value);
		return 0;
	case WIRE_U64:
		*(uint64_t *)(void *)to = wire_read_u64(value);
		return 0;
	case WIRE_IPV4:
		take_address(fields, step, value, 4, object);
		return 0;
	case WIRE_IPV6:
		take_address(fields, step, value, 16, object);
		return 0;
	case WIRE_FLAGS:
		*to = value[0];
		((uint8_t *)object)[fields->rows[step->field + 1].offset] = value[1];
		return 0;
	case WIRE_NUMBER:
	case WIRE_LABELS:
	case WIRE_TEXT:
	case WIRE_BYTES:
		return take_rare(fields, step, attribute, object);
	default: /* no step is a nest */
		__builtin_unreachable();
	}
}

/* More bytes than a field can hold is the message's fault. */
static int blame(int error)
{
	return error == -ENOMEM ? error : -EBADMSG;
}

/* Finding. */

struct walk {
	const struct wire_table *table;
	const uint8_t *start;
	void *object;
	struct wire_shape *shape; /* what takes the steps down, or NULL */
};

static int walk_rows(const struct walk *walk, const struct wire *rows, size_t rows_count,
		     unsigned int shift, const uint8_t *data, size_t data_len);

/* A header more than there is room for is counted: such a shape is not kept. */
static void note_header(struct wire_shape *shape, const struct nlattr *attribute, size_t at)
{
	struct wire_header header = { .at = (uint16_t)at };

	memcpy(&header.bytes, attribute, sizeof(header.bytes));
	if (shape->headers_count < WIRE_STEPS)
		shape->headers[shape->headers_count] = header;
	shape->headers_count++;
}

static void note_step(struct wire_shape *shape, const struct wire_step *step)
{
	if (shape->steps_count < WIRE_STEPS)
		shape->steps[shape->steps_count++] = *step;
}

static bool has_other_width(const struct wire *row, const struct field *field)
{
	return row->kind <= WIRE_U64 && field->kind != row->kind - WIRE_U8 + NFBIND_KIND_U8;
}

static struct wire_step find_step(const struct walk *walk, const struct wire *row,
				  unsigned int shift, size_t at)
{
	unsigned int number = row->field + shift;
	const struct field *field = &walk->table->fields->rows[number];
	struct wire_step step = {
		.at = (uint16_t)at,
		.to = field->offset,
		.kind = row->kind,
		.field = (uint8_t)number,
	};

	if (row->protocol_field != 0 && row->only_protocol == 0)
		step.protocol = (uint8_t)(row->protocol_field + shift);
	if (has_other_width(row, field)) {
		step.kind = WIRE_NUMBER;
		step.number = row->kind;
	}
	return step;
}

static int walk_leaf(const struct walk *walk, const struct wire *row, unsigned int shift,
		     const uint8_t *attribute)
{
	const struct wire_step step = find_step(walk, row, shift, (size_t)(attribute - walk->start));
	int r = take_value(walk->table->fields, &step, attribute, walk->object);

	if (r < 0)
		return blame(r);
	field_mark_present(walk->object, step.field);
	if (step.kind == WIRE_FLAGS)
		field_mark_present(walk->object, step.field + 1u);
	if (step.protocol != 0)
		field_mark_present(walk->object, step.protocol);
	if (walk->shape)
		note_step(walk->shape, &step);
	return 0;
}

static int walk_rows(const struct walk *walk, const struct wire *rows, size_t rows_count,
		     unsigned int shift, const uint8_t *data, size_t data_len)
{
	const struct nlattr *attribute;
	size_t offset = 0;
	int error = 0;
	int r = 0;

	while (r == 0 && (attribute = wire_next(data, data_len, &offset, &error))) {
		const uint8_t *at = (const uint8_t *)attribute;
		unsigned int type = wire_type(attribute);
		const struct wire *row = type < rows_count ? &rows[type] : NULL;
		size_t len = wire_payload_len(attribute);

		if (walk->shape)
			note_header(walk->shape, attribute, (size_t)(at - walk->start));
		if (!row || row->kind == WIRE_NONE || row->kind == WIRE_COUNT)
			continue;
		if (len < least[row->kind])
			return -EBADMSG;
		if (row->kind == WIRE_NEST)
			r = walk_rows(walk, row->rows, row->rows_count, shift + row->shift,
				      wire_payload(attribute), len);
		else
			r = walk_leaf(walk, row, shift, at);
	}
	return r < 0 ? r : error;
}

int wire_parse(const struct wire_table *table, const void *data, size_t data_len, void *object)
{
	const struct walk walk = { .table = table, .start = data, .object = object };

	return walk_rows(&walk, table->rows, table->rows_count, 0, data, data_len);
}

/* Recognising. */

static bool has_shape(const struct wire_shape *shape, const uint8_t *data)
{
	uint32_t differences = 0;

	/* Nearly always there are none: it pays to look at all, without a branch for each. */
#pragma GCC unroll 4
	for (unsigned int i = 0; i < shape->headers_count; i++) {
		uint32_t bytes;

		memcpy(&bytes, data + shape->headers[i].at, sizeof(bytes));
		differences |= bytes ^ shape->headers[i].bytes;
	}
	return differences == 0;
}

static int repeat(const struct wire_shape *shape, const uint8_t *data, void *object)
{
	const struct nfbind_fields *fields = shape->table->fields;
	const struct wire_step *end = shape->steps + shape->steps_count;
	struct object *head = object;

	for (const struct wire_step *step = shape->steps; step < end; step++) {
		int r = take_value(fields, step, data + step->at, object);

		if (r < 0)
			return blame(r);
	}
	for (size_t i = 0; i < OBJECT_FIELDS_MAX / 64; i++)
		head->present[i] |= shape->present.present[i];
	return 0;
}

static int learn(const struct wire_table *table, struct wire_shape *shape, const uint8_t *data,
		 size_t data_len, void *object)
{
	const struct walk walk = {
		.table = table, .start = data, .object = object, .shape = shape
	};
	int r;

	shape->table = NULL;
	shape->len = data_len;
	shape->headers_count = shape->steps_count = 0;
	r = walk_rows(&walk, table->rows, table->rows_count, 0, data, data_len);
	if (r == 0 && shape->headers_count <= WIRE_STEPS) {
		shape->present = *(const struct object *)object;
		shape->table = table;
	}
	return r;
}

/* The shape of the message, looked for from the last one's on; NULL for a new one. */
static const struct wire_shape *recognise(struct wire_shapes *shapes, const struct wire_table *table,
					  const uint8_t *data, size_t data_len)
{
	for (unsigned int i = 0; i < WIRE_SHAPES; i++) {
		unsigned int slot = (shapes->last + i) % WIRE_SHAPES;
		const struct wire_shape *shape = &shapes->slots[slot];

		if (shape->len == data_len && shape->table == table && has_shape(shape, data)) {
			shapes->last = slot;
			return shape;
		}
	}
	return NULL;
}

int wire_parse_alike(const struct wire_table *table, struct wire_shapes *shapes, const void *data,
		     size_t data_len, void *object)
{
	const struct wire_shape *shape = recognise(shapes, table, data, data_len);

	if (shape)
		return repeat(shape, data, object);
	/* A place in a shape has 16 bits. */
	if (data_len > UINT16_MAX)
		return wire_parse(table, data, data_len, object);
	return learn(table, &shapes->slots[shapes->next++ % WIRE_SHAPES], data, data_len, object);
}
