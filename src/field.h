/* SPDX-License-Identifier: MIT */
/*
 * The field engine: tables that say what an object's fields are, and the handful
 * of functions that get, set, copy, compare and print any object by its table.
 * It knows no subsystem. An object is a plain struct that starts with `struct
 * object` (which fields are present); each row says where its value lies.
 */
#ifndef FIELD_H
#define FIELD_H

#include <stdbool.h>

#include <nfbind/fields.h>

#include "text.h"

enum { OBJECT_FIELDS_MAX = 128 };

/* The head of every object: one bit per present field, and whether any may be on the heap. */
struct object {
	uint64_t present[OBJECT_FIELDS_MAX / 64];
	bool has_heap;
};

static inline bool field_is_present(const void *object, uint32_t number)
{
	const struct object *head = object;

	return head->present[number / 64] >> (number % 64) & 1;
}

/* Any of those from `first` to `last`; there are two words. */
static inline bool field_is_any_present(const void *object, uint32_t first, uint32_t last)
{
	const struct object *head = object;
	uint64_t from = head->present[first / 64] >> first % 64;

	if (first / 64 == last / 64)
		return from << (63 - (last - first)) != 0;
	return from != 0 || head->present[last / 64] << (63 - last % 64) != 0;
}

static inline void field_mark_present(void *object, uint32_t number)
{
	struct object *head = object;

	head->present[number / 64] |= UINT64_C(1) << (number % 64);
}

/* How values of the kinds that are no numbers lie in an object. */
struct address {
	uint8_t len;
	uint8_t bytes[16];
};

/* Rows with a size: `len` bytes of at most that size follow in place. */
struct inline_bytes {
	uint8_t len;
	uint8_t bytes[];
};

/* Rows with size 0: bytes of their own on the heap, with a NUL behind them. */
struct heap_bytes {
	uint8_t *bytes;
	size_t len;
};

/* Room for inline bytes of a given size, to declare members with. */
#define INLINE_BYTES(size) \
	struct { \
		uint8_t len; \
		uint8_t bytes[size]; \
	}

struct value_name {
	uint64_t value;
	const char *name;
};

struct field {
	const char *name;
	const char *aliases; /* names that the field has elsewhere, a space between */
	const struct value_name *values; /* ends with a NULL name */
	uint16_t kernel;
	uint16_t size;
	uint16_t offset;
	uint8_t kind;
	uint8_t directions;
	bool is_bitmap; /* bytes whose bits count, the lowest of the first byte first */
};

struct nfbind_fields {
	const struct field *rows;
	const char *const *help; /* generated from the headers' comments */
	uint32_t count;
};

static inline const struct field *field_row(const struct nfbind_fields *fields, uint32_t number)
{
	return fields && number < fields->count ? &fields->rows[number] : NULL;
}

static inline bool field_is_number(const struct field *row)
{
	return row->kind >= NFBIND_KIND_BOOL && row->kind <= NFBIND_KIND_U64;
}

/* Whether its values are sets of the bits that have names. */
bool field_is_flags(const struct field *row);

int field_check_number(const struct field *row, uint64_t value);
int field_check_bytes(const struct field *row, size_t len);

int field_has(const struct nfbind_fields *fields, const void *object, uint32_t number);
int field_clear(const struct nfbind_fields *fields, void *object, uint32_t number);
int field_get_number(const struct nfbind_fields *fields, const void *object, uint32_t number,
		     uint64_t *ret_value);
int field_set_number(const struct nfbind_fields *fields, void *object, uint32_t number,
		     uint64_t value);
int field_get_bytes(const struct nfbind_fields *fields, const void *object, uint32_t number,
		    const void **ret_data, size_t *ret_data_len);
int field_set_bytes(const struct nfbind_fields *fields, void *object, uint32_t number,
		    const void *data, size_t data_len);

/* The value of a number option, or `absent`. */
uint64_t field_number_or(const struct nfbind_fields *fields, const void *object, uint32_t number,
			 uint64_t absent);

/* One field, absent where it is absent there. */
int field_copy_one(const struct nfbind_fields *fields, void *object, const void *from,
		   uint32_t number);
int field_copy(const struct nfbind_fields *fields, void *object, const void *from);
/* Whether a field is absent in both, or has the same value. */
bool field_same(const struct nfbind_fields *fields, const void *object, const void *other,
		uint32_t number);
bool field_equal(const struct nfbind_fields *fields, const void *object, const void *other);
void field_print(const struct nfbind_fields *fields, const void *object, struct text *text);
void field_print_number(const struct field *row, uint64_t value, struct text *text);
void field_print_bytes(const struct field *row, const void *data, size_t data_len,
		       struct text *text);
void field_reset(const struct nfbind_fields *fields, void *object);

#endif
