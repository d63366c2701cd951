/* SPDX-License-Identifier: MIT */
/*
 * The filter: which connections are meant. All that is present in it has to hold; several
 * filters, where a call takes several, are alternatives. What an entry does not have cannot
 * hold, except where a field says what its absence means.
 *
 * It is plain memory. Lists and removals give to the kernel what the kernel can be trusted
 * with, and check every entry themselves. An object belongs to one thread at a time; the
 * calls that take one copy it.
 */
#ifndef NFBIND_FILTER_H
#define NFBIND_FILTER_H

#include <nfbind/base.h>
#include <nfbind/ct.h>
#include <nfbind/fields.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A filter for connections. */
struct nfbind_filter;

/** What a filter may say. */
enum nfbind_filter_field {
	/** Original direction: source address: 4 or 16 bytes, network order. */
	NFBIND_FILTER_ORIG_SRC = 0,
	/** With the source address of the original direction: how many of its leading bits count;
	 * default all. */
	NFBIND_FILTER_ORIG_SRC_PREFIX = 1,
	/** Original direction: destination address: 4 or 16 bytes, network order. */
	NFBIND_FILTER_ORIG_DST = 2,
	/** With the destination address of the original direction: how many of its leading bits
	 * count; default all. */
	NFBIND_FILTER_ORIG_DST_PREFIX = 3,
	/** Original direction: source port, or GRE key, or the lowest of a range. */
	NFBIND_FILTER_ORIG_PORT_SRC = 4,
	/** Original direction: the highest source port of a range. */
	NFBIND_FILTER_ORIG_PORT_SRC_MAX = 5,
	/** Original direction: destination port, or GRE key, or the lowest of a range. */
	NFBIND_FILTER_ORIG_PORT_DST = 6,
	/** Original direction: the highest destination port of a range. */
	NFBIND_FILTER_ORIG_PORT_DST_MAX = 7,
	/** Original direction: the zone that counts there, be it of this direction alone or of the
	 * whole entry; absent in the entry means 0. */
	NFBIND_FILTER_ORIG_ZONE = 8,
	/** Reply direction: source address: 4 or 16 bytes, network order. */
	NFBIND_FILTER_REPL_SRC = 9,
	/** With the source address of the reply direction: how many of its leading bits count;
	 * default all. */
	NFBIND_FILTER_REPL_SRC_PREFIX = 10,
	/** Reply direction: destination address: 4 or 16 bytes, network order. */
	NFBIND_FILTER_REPL_DST = 11,
	/** With the destination address of the reply direction: how many of its leading bits count;
	 * default all. */
	NFBIND_FILTER_REPL_DST_PREFIX = 12,
	/** Reply direction: source port, or GRE key, or the lowest of a range. */
	NFBIND_FILTER_REPL_PORT_SRC = 13,
	/** Reply direction: the highest source port of a range. */
	NFBIND_FILTER_REPL_PORT_SRC_MAX = 14,
	/** Reply direction: destination port, or GRE key, or the lowest of a range. */
	NFBIND_FILTER_REPL_PORT_DST = 15,
	/** Reply direction: the highest destination port of a range. */
	NFBIND_FILTER_REPL_PORT_DST_MAX = 16,
	/** Reply direction: the zone that counts there, be it of this direction alone or of the
	 * whole entry; absent in the entry means 0. */
	NFBIND_FILTER_REPL_ZONE = 17,
	/** An address that is source or destination in either direction: 4 or 16 bytes, network
	 * order. */
	NFBIND_FILTER_ADDRESS = 18,
	/** With that address: how many of its leading bits count; default all. */
	NFBIND_FILTER_ADDRESS_PREFIX = 19,
	/** A port, or GRE key, that is source or destination in either direction, or the lowest of
	 * a range. */
	NFBIND_FILTER_PORT = 20,
	/** The highest of that range. */
	NFBIND_FILTER_PORT_MAX = 21,
	/** Network protocol: 2 (IPv4) or 10 (IPv6). */
	NFBIND_FILTER_L3PROTO = 22,
	/** Transport protocol, as 6 for TCP (IANA protocol numbers). */
	NFBIND_FILTER_L4PROTO = 23,
	/** Original direction: ICMP or ICMPv6 type. */
	NFBIND_FILTER_ICMP_TYPE = 24,
	/** Original direction: ICMP or ICMPv6 code. */
	NFBIND_FILTER_ICMP_CODE = 25,
	/** Original direction: ICMP or ICMPv6 echo identifier. */
	NFBIND_FILTER_ICMP_ID = 26,
	/** Connection mark; absent in the entry means 0. */
	NFBIND_FILTER_MARK = 27,
	/** With mark: the bits that count; default all. */
	NFBIND_FILTER_MARK_MASK = 28,
	/** Status, a set of enum nfbind_ct_status: all of these bits are set, or with a status
	 * mask, its bits are as here. */
	NFBIND_FILTER_STATUS = 29,
	/** With status: the bits that count; default those that are set in it. */
	NFBIND_FILTER_STATUS_MASK = 30,
	/** Zone of the entry, be it of one direction alone; absent in the entry means 0. */
	NFBIND_FILTER_ZONE = 31,
	/** Connection labels, up to 16 bytes, label n is bit n % 8 of byte n / 8: all of these are
	 * set, or with a labels mask, its labels are as here. */
	NFBIND_FILTER_LABELS = 32,
	/** With labels: the labels that count; default those that are set in them. */
	NFBIND_FILTER_LABELS_MASK = 33,
	/** TCP state. */
	NFBIND_FILTER_TCP_STATE = 34,
	/** Name of the connection's helper; empty: it has none. */
	NFBIND_FILTER_HELPER_NAME = 35,
	/** Seconds until the entry expires, or the least of a range. */
	NFBIND_FILTER_TIMEOUT = 36,
	/** The most seconds of that range. */
	NFBIND_FILTER_TIMEOUT_MAX = 37,
	/** A set of enum nfbind_filter_translated: at least one of these was translated; 0: neither
	 * was. */
	NFBIND_FILTER_TRANSLATED = 38,
	/** All that the other fields do not let through; default 0. */
	NFBIND_FILTER_NEGATED = 39
};

/** Bits of the translated field. */
enum nfbind_filter_translated {
	/** The source. */
	NFBIND_FILTER_TRANSLATED_SRC = 0x1,
	/** The destination. */
	NFBIND_FILTER_TRANSLATED_DST = 0x2
};

/**
 * Make an empty filter, which lets everything through.
 *
 * @owned
 * @error ENOMEM out of memory
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_filter_new(struct nfbind_filter **ret_filter);

/**
 * Free it; NULL is fine.
 *
 * @nullable filter
 * @since 0.1
 */
NFBIND_API void nfbind_filter_free(struct nfbind_filter *filter);

/**
 * Copy one filter over another: afterwards both are equal.
 *
 * @error ENOMEM out of memory
 * @since 0.1
 */
NFBIND_API int nfbind_filter_assign(struct nfbind_filter *filter,
				    const struct nfbind_filter *from);

/**
 * Print the fields that are present, as "name=value" with one space between.
 *
 * @returns length
 * @since 0.1
 */
NFBIND_API int nfbind_filter_print(const struct nfbind_filter *filter, char *ret_text,
				   size_t ret_text_size);

/**
 * Whether the filter lets the connection through. One that makes no sense, as
 * nfbind_filter_explain() says, lets nothing through, negated or not.
 *
 * @returns bool
 * @since 0.1
 */
NFBIND_API int nfbind_filter_match(const struct nfbind_filter *filter,
				   const struct nfbind_ct *ct);

/**
 * What keeps a filter from making sense, as a sentence; "" when it does. Every call that
 * takes a filter asks this first: a mask, prefix or end of a range stands beside its
 * value, a prefix is no longer than its address, a range is not reversed, a mask has
 * bits, addresses and network protocol are of one family.
 *
 * @returns length
 * @since 0.1
 */
NFBIND_API int nfbind_filter_explain(const struct nfbind_filter *filter, char *ret_text,
				     size_t ret_text_size);

/**
 * The fields of a filter; enum nfbind_filter_field numbers them.
 *
 * @immortal
 * @thread any
 * @since 0.1
 */
NFBIND_API const struct nfbind_fields *nfbind_filter_fields(void);

/**
 * Whether the field is present; absent and 0 are different things.
 *
 * @enum field nfbind_filter_field
 * @returns bool
 * @error ERANGE no such field
 * @since 0.1
 */
NFBIND_API int nfbind_filter_has(const struct nfbind_filter *filter, uint32_t field);

/**
 * Make the field absent.
 *
 * @enum field nfbind_filter_field
 * @error ERANGE no such field
 * @since 0.1
 */
NFBIND_API int nfbind_filter_clear(struct nfbind_filter *filter, uint32_t field);

/**
 * Read a number of any width, in host byte order.
 *
 * @enum field nfbind_filter_field
 * @none ENODATA
 * @error ENODATA the field is absent
 * @error EINVAL the field is no number
 * @error ERANGE no such field
 * @since 0.1
 */
NFBIND_API int nfbind_filter_get_number(const struct nfbind_filter *filter, uint32_t field,
					uint64_t *ret_value);

/**
 * Write a number.
 *
 * @enum field nfbind_filter_field
 * @error EINVAL the field is no number
 * @error ERANGE no such field, or the value does not fit its width
 * @since 0.1
 */
NFBIND_API int nfbind_filter_set_number(struct nfbind_filter *filter, uint32_t field,
					uint64_t value);

/**
 * Look at the bytes of an address, bytes or text field, in place.
 *
 * @enum field nfbind_filter_field
 * @borrowed filter until set_bytes clear assign free
 * @none ENODATA
 * @error ENODATA the field is absent
 * @error EINVAL the field is a number or an object
 * @error ERANGE no such field
 * @since 0.1
 */
NFBIND_API int nfbind_filter_get_bytes(const struct nfbind_filter *filter, uint32_t field,
				       const void **ret_data, size_t *ret_data_len);

/**
 * Write an address, bytes or text field; the bytes are copied.
 *
 * @enum field nfbind_filter_field
 * @error EINVAL the field is a number, or the length is not one that its kind can have
 * @error ERANGE no such field, or more bytes than it can hold
 * @error ENOMEM out of memory
 * @since 0.1
 */
NFBIND_API int nfbind_filter_set_bytes(struct nfbind_filter *filter, uint32_t field,
				       const void *data, size_t data_len);

#ifdef __cplusplus
}
#endif

#endif
