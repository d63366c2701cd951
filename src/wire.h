/* SPDX-License-Identifier: MIT */
/*
 * The wire engine: tables that say where a field lives in a netlink message, and
 * the functions that parse and build attributes by them. A nest names the table
 * of what is inside it and a shift that is added to the field numbers there, so
 * that original, reply and master share one tuple table.
 *
 * Lengths from outside are checked here before anything else looks at them;
 * unknown attributes are skipped, since a newer kernel is not an error.
 */
#ifndef WIRE_H
#define WIRE_H

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <linux/netlink.h>

#include "field.h"

enum wire_kind {
	WIRE_NONE = 0,
	WIRE_U8,
	WIRE_U16,    /* big-endian, as all numbers on this wire */
	WIRE_U32,
	WIRE_U64,
	WIRE_IPV4,   /* 4 bytes of an address field */
	WIRE_IPV6,   /* 16 bytes of an address field */
	WIRE_BYTES,
	WIRE_TEXT,   /* ends with a NUL that the field does not count */
	WIRE_FLAGS,  /* two bytes: flags of this field, mask of the next */
	WIRE_LABELS, /* a bitmap of host words */
	WIRE_NEST,
	WIRE_COUNT,  /* how many of the nests beside it are there, as 32 bits; only built */
	WIRE_NUMBER, /* in steps, not in tables: a number whose field has another width */
};

struct wire {
	uint8_t kind;
	uint16_t field;
	/* Addresses: the field of the network protocol number that they imply; 0 for none.
	 * With only_protocol: the field that must have this value for the row to be built. */
	uint16_t protocol_field;
	uint8_t only_protocol;
	/* Nests; and counts, of at most `rows_count` groups of fields, each `shift` behind the
	 * one before: those from `field` on that are there without a gap. */
	const struct wire *rows;
	uint16_t rows_count;
	uint16_t shift;
	/* Nests: all fields in it lie from this one to that one, so that it need not be looked
	 * into where none of these is there. Both 0 where nobody says so. */
	uint16_t first, last;
};

#define WIRE_ROWS(table) .rows = (table), .rows_count = sizeof(table) / sizeof((table)[0])

/* A nest's table as a whole, with the fields that it fills. */
struct wire_table {
	const struct nfbind_fields *fields;
	const struct wire *rows;
	uint16_t rows_count;
};

/* Bytes under construction; `failed` sticks once they did not fit. */
struct wire_buffer {
	uint8_t *data;
	size_t size;
	size_t len;
	bool failed;
};

/*
 * The attribute at `*offset` of the bytes, checked to lie inside them; moves the
 * offset past it. NULL at the end, or with *ret_error set on a malformed one.
 */
static inline const struct nlattr *wire_next(const uint8_t *data, size_t data_len, size_t *offset,
					     int *ret_error)
{
	size_t left = *offset < data_len ? data_len - *offset : 0;
	const struct nlattr *attribute = (const struct nlattr *)(data + *offset);

	/* Fewer bytes than a header behind the last attribute are padding. */
	if (left < NLA_HDRLEN)
		return NULL;
	if (attribute->nla_len < NLA_HDRLEN || attribute->nla_len > left) {
		*ret_error = -EBADMSG;
		return NULL;
	}
	*offset += NLA_ALIGN(attribute->nla_len);
	return attribute;
}

static inline unsigned int wire_type(const struct nlattr *attribute)
{
	return attribute->nla_type & NLA_TYPE_MASK;
}

static inline const void *wire_payload(const struct nlattr *attribute)
{
	return (const uint8_t *)attribute + NLA_HDRLEN;
}

static inline size_t wire_payload_len(const struct nlattr *attribute)
{
	return attribute->nla_len - (size_t)NLA_HDRLEN;
}

/* An error number that is one: 0 and less, and no more than the kernel's own numbers reach. */
static inline bool wire_is_error(int32_t error)
{
	return error <= 0 && error > -(1 << 16);
}

/* The netlink message at `*offset`, in the same manner. */
static inline const struct nlmsghdr *wire_next_message(const uint8_t *data, size_t data_len,
						       size_t *offset, int *ret_error)
{
	size_t left = *offset < data_len ? data_len - *offset : 0;
	const struct nlmsghdr *message = (const struct nlmsghdr *)(data + *offset);

	if (left == 0)
		return NULL;
	/* libmnl compares the length as an int, so it must not see one of 2^31 or more. */
	if (left < sizeof(*message) || message->nlmsg_len < sizeof(*message) ||
	    message->nlmsg_len > left) {
		*ret_error = -EBADMSG;
		return NULL;
	}
	*offset += NLMSG_ALIGN(message->nlmsg_len);
	return message;
}

/* Numbers are big-endian, and not aligned in general. */
static inline uint16_t wire_read_u16(const void *data)
{
	uint16_t value;

	memcpy(&value, data, sizeof(value));
	return be16toh(value);
}

static inline uint32_t wire_read_u32(const void *data)
{
	uint32_t value;

	memcpy(&value, data, sizeof(value));
	return be32toh(value);
}

static inline uint64_t wire_read_u64(const void *data)
{
	uint64_t value;

	memcpy(&value, data, sizeof(value));
	return be64toh(value);
}

/*
 * The kernel keeps labels in words of its `long`; label n is bit n % bits of word
 * n / bits. The field has label n in bit n % 8 of byte n / 8 on every machine. Turns
 * one into the other.
 */
void wire_turn_labels(uint8_t *to, const uint8_t *from, size_t len);

int wire_parse(const struct wire_table *table, const void *data, size_t data_len, void *object);

/* All that is to be known of an attribute to store its value: every look-up is done. */
struct wire_step {
	uint16_t at; /* of the attribute in the message */
	uint16_t to; /* of the value in the object */
	uint8_t kind;
	uint8_t field;
	uint8_t protocol; /* the field that an address implies, or 0 */
	uint8_t number;	  /* of WIRE_NUMBER: its kind on the wire */
};

/* An attribute's length and type, in the bytes of the wire. */
struct wire_header {
	uint32_t bytes;
	uint16_t at;
};

/*
 * What a message looks like but for its values: its length, and the header of each
 * attribute. One that looks the same takes the same steps, whatever it says.
 */
enum { WIRE_STEPS = 64, WIRE_SHAPES = 16 };

struct wire_shape {
	const struct wire_table *table; /* NULL for none */
	size_t len;
	struct object present;
	unsigned int headers_count;
	unsigned int steps_count;
	struct wire_header headers[WIRE_STEPS];
	struct wire_step steps[WIRE_STEPS];
};

/* As many as entries of a table have, most often; zeroed to begin with. */
struct wire_shapes {
	unsigned int last; /* the one that fitted last */
	unsigned int next; /* the one that is given up next */
	struct wire_shape slots[WIRE_SHAPES];
};

/*
 * The same as wire_parse() into an empty object, and faster where many messages are
 * alike, as those of a list: their attributes are compared, and not looked up again.
 */
int wire_parse_alike(const struct wire_table *table, struct wire_shapes *shapes, const void *data,
		     size_t data_len, void *object);

void wire_build(const struct wire_table *table, const void *object, struct wire_buffer *buffer);

void wire_put(struct wire_buffer *buffer, unsigned int type, const void *data, size_t data_len);
void wire_put_u32(struct wire_buffer *buffer, unsigned int type, uint32_t value);
size_t wire_nest_start(struct wire_buffer *buffer, unsigned int type);
void wire_nest_end(struct wire_buffer *buffer, size_t nest);

#endif
