/* SPDX-License-Identifier: MIT */
/*
 * What all objects with fields have in common, checked by looping over their tables:
 * a row that was forgotten, in the field table or on the wire, fails here. Each check
 * runs for options, connections, expectations, filters and helpers alike. What the tables
 * say of themselves is test_tables.c.
 */
#include <nfbind/nfbind.h>

#include "ct.h"
#include "cthelper.h"
#include "filter.h"
#include "options.h"
#include "packet.h"
#include "unit.h"
#include "wire.h"

/* The public functions of an object, so that each check is written once. */
struct type {
	const char *name;
	const struct nfbind_fields *(*fields)(void);
	int (*make)(void **ret_object);
	void (*drop)(void *object);
	int (*has)(const void *object, uint32_t field);
	int (*clear)(void *object, uint32_t field);
	int (*get_number)(const void *object, uint32_t field, uint64_t *ret_value);
	int (*set_number)(void *object, uint32_t field, uint64_t value);
	int (*get_bytes)(const void *object, uint32_t field, const void **ret_data, size_t *ret_len);
	int (*set_bytes)(void *object, uint32_t field, const void *data, size_t len);
	const struct wire_table *wires;
};

#define TYPE_FUNCTIONS(lower) \
	static int lower##_make(void **ret_object) \
	{ \
		return nfbind_##lower##_new((struct nfbind_##lower **)ret_object); \
	} \
	static void lower##_drop(void *object) \
	{ \
		nfbind_##lower##_free(object); \
	} \
	static int lower##_has(const void *object, uint32_t field) \
	{ \
		return nfbind_##lower##_has(object, field); \
	} \
	static int lower##_clear(void *object, uint32_t field) \
	{ \
		return nfbind_##lower##_clear(object, field); \
	} \
	static int lower##_get_number(const void *object, uint32_t field, uint64_t *ret_value) \
	{ \
		return nfbind_##lower##_get_number(object, field, ret_value); \
	} \
	static int lower##_set_number(void *object, uint32_t field, uint64_t value) \
	{ \
		return nfbind_##lower##_set_number(object, field, value); \
	} \
	static int lower##_get_bytes(const void *object, uint32_t field, const void **ret_data, \
				     size_t *ret_len) \
	{ \
		return nfbind_##lower##_get_bytes(object, field, ret_data, ret_len); \
	} \
	static int lower##_set_bytes(void *object, uint32_t field, const void *data, size_t len) \
	{ \
		return nfbind_##lower##_set_bytes(object, field, data, len); \
	}

TYPE_FUNCTIONS(options)
TYPE_FUNCTIONS(ct)
TYPE_FUNCTIONS(exp)
TYPE_FUNCTIONS(filter)
TYPE_FUNCTIONS(cthelper)

#define TYPE(lower, table) \
	{ \
		.name = #lower, .fields = nfbind_##lower##_fields, .make = lower##_make, \
		.drop = lower##_drop, .has = lower##_has, .clear = lower##_clear, \
		.get_number = lower##_get_number, .set_number = lower##_set_number, \
		.get_bytes = lower##_get_bytes, .set_bytes = lower##_set_bytes, .wires = table \
	}

static const struct type types[] = {
	TYPE(options, NULL),
	TYPE(ct, &ct_wires),
	TYPE(exp, &exp_wires),
	TYPE(filter, NULL),
	TYPE(cthelper, &cthelper_wires),
};

static const struct type *type;
static void *object;

static void make(const struct type *of)
{
	type = of;
	ck_assert_int_eq(type->make(&object), 0);
}

static void drop(void)
{
	type->drop(object);
	object = NULL;
}

static int kind_of(uint32_t field)
{
	return nfbind_fields_get_kind(type->fields(), field);
}

static bool is_number(uint32_t field)
{
	return kind_of(field) <= NFBIND_KIND_U64;
}

static uint64_t limit_of(uint32_t field)
{
	switch (kind_of(field)) {
	case NFBIND_KIND_BOOL:
		return 1;
	case NFBIND_KIND_U8:
		return UINT8_MAX;
	case NFBIND_KIND_U16:
		return UINT16_MAX;
	case NFBIND_KIND_U32:
		return UINT32_MAX;
	default:
		return UINT64_MAX;
	}
}

/* A value that no other field has, where the width allows it. */
static uint64_t number_for(uint32_t field)
{
	return kind_of(field) == NFBIND_KIND_BOOL ? 1 : (0x1122334455667700u + field) & limit_of(field);
}

static size_t bytes_for(uint32_t field, uint8_t *room)
{
	int size = nfbind_fields_get_size(type->fields(), field);
	size_t len = size > 0 ? (size_t)size : 20;

	for (size_t i = 0; i < len; i++)
		room[i] = (uint8_t)('a' + (field + i) % 26);
	return len;
}

static void set(uint32_t field)
{
	uint8_t room[64];

	if (is_number(field))
		ck_assert_int_eq(type->set_number(object, field, number_for(field)), 0);
	else
		ck_assert_int_eq(type->set_bytes(object, field, room, bytes_for(field, room)), 0);
}

static void is_set(uint32_t field)
{
	uint8_t room[64];
	const void *data;
	uint64_t value;
	size_t len;

	ck_assert_int_eq(type->has(object, field), 1);
	if (is_number(field)) {
		ck_assert_int_eq(type->get_number(object, field, &value), 0);
		ck_assert_uint_eq(value, number_for(field));
	} else {
		ck_assert_int_eq(type->get_bytes(object, field, &data, &len), 0);
		ck_assert_bytes_eq(data, len, room, bytes_for(field, room));
	}
}

#define for_each_type(body) \
	for (size_t t = 0; t < COUNT_OF(types); t++) { \
		make(&types[t]); \
		body(); \
		drop(); \
	}

static uint32_t count(void)
{
	return nfbind_fields_count(type->fields());
}

static void values_keep_out_of_each_others_way(void)
{
	for (uint32_t field = 0; field < count(); field++)
		set(field);
	for (uint32_t field = 0; field < count(); field++)
		is_set(field);
	for (uint32_t field = 0; field < count(); field += 2)
		ck_assert_int_eq(type->clear(object, field), 0);
	for (uint32_t field = 0; field < count(); field++) {
		if (field % 2)
			is_set(field);
		else
			ck_assert_int_eq(type->has(object, field), 0);
	}
}

START_TEST(test_objects_fields_keep_out_of_each_others_way)
{
	for_each_type(values_keep_out_of_each_others_way);
}
END_TEST

static void absent_and_zero_differ(void)
{
	const void *data;
	uint64_t value;
	size_t len;

	for (uint32_t field = 0; field < count(); field++) {
		ck_assert_int_eq(type->has(object, field), 0);
		ck_assert_int_eq(type->get_number(object, field, &value),
				 is_number(field) ? -ENODATA : -EINVAL);
		ck_assert_int_eq(type->get_bytes(object, field, &data, &len),
				 is_number(field) ? -EINVAL : -ENODATA);
		if (is_number(field))
			ck_assert_int_eq(type->set_number(object, field, 0), 0);
		else if (kind_of(field) == NFBIND_KIND_ADDRESS)
			ck_assert_int_eq(type->set_bytes(object, field, "\0\0\0\0", 4), 0);
		else
			ck_assert_int_eq(type->set_bytes(object, field, NULL, 0), 0);
		ck_assert_int_eq(type->has(object, field), 1);
		ck_assert_int_eq(type->clear(object, field), 0);
		ck_assert_int_eq(type->clear(object, field), 0);
		ck_assert_int_eq(type->has(object, field), 0);
	}
}

START_TEST(test_objects_absent_and_zero_are_different)
{
	for_each_type(absent_and_zero_differ);
}
END_TEST

static void ranges_hold(void)
{
	uint8_t room[64] = { 0 };

	for (uint32_t field = 0; field < count(); field++) {
		int size = nfbind_fields_get_size(type->fields(), field);

		if (is_number(field)) {
			ck_assert_int_eq(type->set_number(object, field, limit_of(field)), 0);
			if (limit_of(field) < UINT64_MAX) {
				ck_assert_int_eq(type->set_number(object, field, limit_of(field) + 1),
						 -ERANGE);
				ck_assert_int_eq(type->set_number(object, field, UINT64_MAX), -ERANGE);
			}
			ck_assert_int_eq(type->set_bytes(object, field, room, 1), -EINVAL);
			continue;
		}
		ck_assert_int_eq(type->set_number(object, field, 0), -EINVAL);
		ck_assert_int_eq(type->set_bytes(object, field, NULL, 1), -EINVAL);
		if (kind_of(field) == NFBIND_KIND_ADDRESS) {
			for (size_t len = 0; len < 20; len++)
				ck_assert_int_eq(type->set_bytes(object, field, room, len),
						 len == 4 || len == 16 ? 0 : -EINVAL);
		} else if (size > 0) {
			ck_assert_int_eq(type->set_bytes(object, field, room, (size_t)size), 0);
			ck_assert_int_eq(type->set_bytes(object, field, room, (size_t)size + 1),
					 -ERANGE);
		}
	}
}

START_TEST(test_objects_values_out_of_range_are_refused)
{
	for_each_type(ranges_hold);
}
END_TEST

static void numbers_out_of_range(void)
{
	const uint32_t bad[] = { count(), count() + 1, UINT32_MAX };
	const void *data;
	uint64_t value;
	size_t len;

	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		ck_assert_int_eq(type->has(object, bad[i]), -ERANGE);
		ck_assert_int_eq(type->clear(object, bad[i]), -ERANGE);
		ck_assert_int_eq(type->get_number(object, bad[i], &value), -ERANGE);
		ck_assert_int_eq(type->set_number(object, bad[i], 0), -ERANGE);
		ck_assert_int_eq(type->get_bytes(object, bad[i], &data, &len), -ERANGE);
		ck_assert_int_eq(type->set_bytes(object, bad[i], "", 0), -ERANGE);
	}
	ck_assert_int_eq(type->has(NULL, 0), -ERANGE);
	ck_assert_int_eq(type->set_number(NULL, 0, 0), -ERANGE);
}

START_TEST(test_objects_unknown_fields_are_errors)
{
	for_each_type(numbers_out_of_range);
}
END_TEST

static void bytes_may_be_set_again(void)
{
	uint8_t room[64];
	const void *data;
	size_t len;

	for (uint32_t field = 0; field < count(); field++) {
		if (is_number(field) || kind_of(field) == NFBIND_KIND_ADDRESS)
			continue;
		ck_assert_int_eq(type->set_bytes(object, field, room, bytes_for(field, room)), 0);
		ck_assert_int_eq(type->set_bytes(object, field, "ab", 2), 0);
		ck_assert_int_eq(type->get_bytes(object, field, &data, &len), 0);
		ck_assert_bytes_eq(data, len, "ab", 2);
	}
}

START_TEST(test_objects_bytes_may_be_set_again)
{
	for_each_type(bytes_may_be_set_again);
}
END_TEST

/* On the wire. */

/* ICMP's fields are sent only with their protocol; the flags with a mask need each other. */
static void prepare_protocols(void)
{
	for (uint32_t field = 0; field < count(); field++) {
		const char *name = nfbind_fields_get_name(type->fields(), field);

		if (strstr(name, "-l4proto"))
			ck_assert_int_eq(type->set_number(object, field, 1), 0);
		if (strstr(name, "-l3proto"))
			ck_assert_int_eq(type->set_number(object, field, 10), 0);
	}
}

static void round_trip(void)
{
	static uint8_t room[8192] __attribute__((aligned(8)));
	struct wire_buffer buffer = { .data = room, .size = sizeof(room) };
	void *again;

	if (!type->wires)
		return;
	for (uint32_t field = 0; field < count(); field++)
		set(field);
	prepare_protocols();
	wire_build(type->wires, object, &buffer);
	ck_assert(!buffer.failed);
	ck_assert_int_eq(type->make(&again), 0);
	ck_assert_int_eq(wire_parse(type->wires, room, buffer.len, again), 0);
	for (uint32_t field = 0; field < count(); field++)
		ck_assert_msg(type->has(again, field) == 1, "%s field %s is not on the wire",
			      type->name, nfbind_fields_get_name(type->fields(), field));
	ck_assert(field_equal(type->wires->fields, object, again));
	type->drop(again);
}

START_TEST(test_objects_every_field_goes_over_the_wire)
{
	for_each_type(round_trip);
}
END_TEST

static void every_field_alone(void)
{
	static uint8_t room[8192] __attribute__((aligned(8)));
	void *again;

	if (!type->wires)
		return;
	for (uint32_t field = 0; field < count(); field++) {
		struct wire_buffer buffer = { .data = room, .size = sizeof(room) };
		const char *name = nfbind_fields_get_name(type->fields(), field);

		/* Those that go with others only. */
		if (strstr(name, "-icmp-") || strstr(name, "-l3proto") || strstr(name, "tcp-mask"))
			continue;
		set(field);
		wire_build(type->wires, object, &buffer);
		ck_assert_int_eq(type->make(&again), 0);
		ck_assert_int_eq(wire_parse(type->wires, room, buffer.len, again), 0);
		ck_assert_msg(type->has(again, field) == 1, "%s is not sent alone", name);
		for (uint32_t other = 0; other < count(); other++) {
			const char *other_name = nfbind_fields_get_name(type->fields(), other);

			ck_assert_msg(other == field || type->has(again, other) == 0 ||
				      strstr(other_name, "-l3proto") || strstr(other_name, "tcp-mask"),
				      "%s brings %s", name, other_name);
		}
		type->drop(again);
		ck_assert_int_eq(type->clear(object, field), 0);
	}
}

START_TEST(test_objects_every_field_goes_alone_too)
{
	for_each_type(every_field_alone);
}
END_TEST

/* What a nest says of the fields in it. */
struct range {
	unsigned int first, last;
};

static struct range range_of(const struct wire *nest, unsigned int shift, struct range around)
{
	struct range range = { nest->first + shift + nest->shift, nest->last + shift + nest->shift };

	if (nest->last == 0)
		return around;
	ck_assert_uint_le(nest->first, nest->last);
	ck_assert_uint_ge(range.first, around.first);
	ck_assert_uint_le(range.last, around.last);
	return range;
}

/* The engine stores without asking what a field is: the tables have to agree. */
static void compare_rows(const struct nfbind_fields *fields, const struct wire *rows, size_t count_rows,
			 unsigned int shift, struct range range)
{
	static const uint8_t kinds[] = {
		[WIRE_IPV4] = NFBIND_KIND_ADDRESS, [WIRE_IPV6] = NFBIND_KIND_ADDRESS,
		[WIRE_BYTES] = NFBIND_KIND_BYTES,  [WIRE_TEXT] = NFBIND_KIND_TEXT,
		[WIRE_FLAGS] = NFBIND_KIND_U8,	   [WIRE_LABELS] = NFBIND_KIND_BYTES,
	};

	for (const struct wire *row = rows; row < rows + count_rows; row++) {
		const struct field *field = &fields->rows[row->field + shift];

		if (row->kind == WIRE_NEST)
			compare_rows(fields, row->rows, row->rows_count, shift + row->shift,
				     range_of(row, shift, range));
		if (row->kind == WIRE_NONE || row->kind == WIRE_NEST || row->kind == WIRE_COUNT)
			continue;
		ck_assert_uint_ge(row->field + shift, range.first);
		ck_assert_uint_le(row->field + shift, range.last);
		if (row->kind <= WIRE_U64)
			ck_assert_msg(field_is_number(field), "%s is no number", field->name);
		else
			ck_assert_msg(field->kind == kinds[row->kind], "%s is of another kind",
				      field->name);
		if (row->kind == WIRE_FLAGS)
			ck_assert_int_eq(field[1].kind, NFBIND_KIND_U8);
		if (row->protocol_field != 0)
			ck_assert_int_eq(fields->rows[row->protocol_field + shift].kind,
					 NFBIND_KIND_U8);
	}
}

static void compare_tables(void)
{
	if (type->wires)
		compare_rows(type->wires->fields, type->wires->rows, type->wires->rows_count, 0,
			     (struct range){ 0, type->wires->fields->count - 1 });
}

START_TEST(test_objects_attributes_are_of_their_fields_kind)
{
	for_each_type(compare_tables);
}
END_TEST

UNIT_MAIN("objects", NULL, NULL,
	  test_objects_fields_keep_out_of_each_others_way,
	  test_objects_absent_and_zero_are_different,
	  test_objects_values_out_of_range_are_refused, test_objects_unknown_fields_are_errors,
	  test_objects_bytes_may_be_set_again, test_objects_every_field_goes_over_the_wire,
	  test_objects_every_field_goes_alone_too,
	  test_objects_attributes_are_of_their_fields_kind)
