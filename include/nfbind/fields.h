/* SPDX-License-Identifier: MIT */
/*
 * Fields: what an object knows, readable at run time. Every object with fields
 * (options, packet, ct, exp) has the same few functions and names each field by
 * a number of its own enum; the table behind it says the field's name, kind,
 * size, who may write it and which kernel first had it. A binding offers
 * `ct.mark` by asking here, with no code per field, and a new field is a new
 * number, never a new function.
 */
#ifndef NFBIND_FIELDS_H
#define NFBIND_FIELDS_H

#include <nfbind/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A table of fields, the same for all objects of one type; it lives for ever. */
struct nfbind_fields;

/** How a field's value is represented. */
enum nfbind_kind {
	/** Number 0 or 1. */
	NFBIND_KIND_BOOL = 1,
	/** Number of 8 bits. */
	NFBIND_KIND_U8 = 2,
	/** Number of 16 bits, host byte order. */
	NFBIND_KIND_U16 = 3,
	/** Number of 32 bits, host byte order. */
	NFBIND_KIND_U32 = 4,
	/** Number of 64 bits, host byte order. */
	NFBIND_KIND_U64 = 5,
	/** Bytes: an IPv4 (4) or IPv6 (16) address, network byte order. */
	NFBIND_KIND_ADDRESS = 6,
	/** Bytes of any content. */
	NFBIND_KIND_BYTES = 7,
	/** Bytes that are text, without a final NUL in their length. */
	NFBIND_KIND_TEXT = 8,
	/** A connection: read with the object's _get_ct, written with its _set_ct. */
	NFBIND_KIND_CT = 9,
	/** An expectation: written with the object's _set_exp. */
	NFBIND_KIND_EXP = 10
};

/** Where a field may come from or go to. */
enum nfbind_direction {
	/** The kernel sends it. */
	NFBIND_DIRECTION_READ = 1,
	/** It may be given when an entry is created, a session opened, a queue bound. */
	NFBIND_DIRECTION_CREATE = 2,
	/** It may be changed in the kernel later. */
	NFBIND_DIRECTION_UPDATE = 4,
	/** It may be sent with a verdict. */
	NFBIND_DIRECTION_VERDICT = 8,
	/** It is a value inside the packet's bytes and may be rewritten there. */
	NFBIND_DIRECTION_EDIT = 16
};

/** How an object is printed, and which of these can be read. */
enum nfbind_format {
	/** All fields that are present, as "name=value" with one space between. */
	NFBIND_FORMAT_FIELDS = 0,
	/** The line that `conntrack -L` prints. */
	NFBIND_FORMAT_LINE = 1,
	/** As `conntrack -L -o extended`: the line, with the network protocol first. */
	NFBIND_FORMAT_EXTENDED = 2,
	/** As `conntrack -L -o save`: the options with which it makes the entry again. */
	NFBIND_FORMAT_SAVE = 3,
	/** As `conntrack -L -o xml`: the element flow. */
	NFBIND_FORMAT_XML = 4,
	/** All fields that are present, as one JSON object. */
	NFBIND_FORMAT_JSON = 5
};

/** What is printed beyond what conntrack(8) prints by itself: a set. */
enum nfbind_print {
	/** In LINE and EXTENDED: the kernel's number of the entry, as `-o id`. */
	NFBIND_PRINT_ID = 0x1,
	/** In LINE, EXTENDED and XML: when it started and ended, as `-o ktimestamp`. */
	NFBIND_PRINT_TIMESTAMP = 0x2,
	/** In SAVE: the mark, which conntrack(8) reads but does not print. */
	NFBIND_PRINT_MARK = 0x4
};

/**
 * How many fields the table has; their numbers are 0 to count - 1.
 *
 * @returns number
 * @thread any
 * @since 0.1
 */
NFBIND_API uint32_t nfbind_fields_count(const struct nfbind_fields *fields);

/**
 * Find a field by its name ("mark") or by another name that the field goes by
 * elsewhere ("orig-ipv4-src" for "orig-src").
 *
 * @error ENOENT no field of that name
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_fields_find(const struct nfbind_fields *fields, const char *name,
				  uint32_t *ret_field);

/**
 * The name of a field, as "orig-port-src"; NULL for a number out of range.
 *
 * @immortal
 * @nullable
 * @thread any
 * @since 0.1
 */
NFBIND_API const char *nfbind_fields_get_name(const struct nfbind_fields *fields, uint32_t field);

/**
 * One sentence that says what the field is, with unit and source of a rule;
 * NULL for a number out of range.
 *
 * @immortal
 * @nullable
 * @thread any
 * @since 0.1
 */
NFBIND_API const char *nfbind_fields_get_help(const struct nfbind_fields *fields, uint32_t field);

/**
 * How the field's value is represented.
 *
 * @returns enum nfbind_kind
 * @error ERANGE no such field
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_fields_get_kind(const struct nfbind_fields *fields, uint32_t field);

/**
 * Who sends and who may write the field.
 *
 * @returns flags nfbind_direction
 * @error ERANGE no such field
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_fields_get_directions(const struct nfbind_fields *fields, uint32_t field);

/**
 * The most bytes that a field of kind address, bytes or text may hold; 0 where
 * only memory limits it, and for numbers.
 *
 * @returns length
 * @error ERANGE no such field
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_fields_get_size(const struct nfbind_fields *fields, uint32_t field);

/**
 * The first kernel that has the field: major * 1000 + minor, as 5018 for 5.18;
 * 0 where every kernel that matters (4.12 and later) has it.
 *
 * @returns number
 * @error ERANGE no such field
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_fields_get_kernel(const struct nfbind_fields *fields, uint32_t field);

/**
 * The name of a value, as "established" for a TCP state or "forward" for a
 * hook; for a set of flags the name of that one bit. NULL where it has none.
 *
 * @immortal
 * @nullable
 * @thread any
 * @since 0.1
 */
NFBIND_API const char *nfbind_fields_get_value_name(const struct nfbind_fields *fields,
						    uint32_t field, uint64_t value);

#ifdef __cplusplus
}
#endif

#endif
