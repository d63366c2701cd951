/* SPDX-License-Identifier: MIT */
/*
 * The expectation: a connection that a helper announced before it comes, as
 * plain memory. It has the tuple of the expected connection, a mask over it, the
 * tuple of its master and, where the master is translated, the tuple after
 * translation: four times the same ten fields.
 *
 * Rules: net/netfilter/nf_conntrack_netlink.c. An object belongs to one thread
 * at a time.
 */
#ifndef NFBIND_EXP_H
#define NFBIND_EXP_H

#include <nfbind/base.h>
#include <nfbind/fields.h>

#ifdef __cplusplus
extern "C" {
#endif

/** An expectation. */
struct nfbind_exp;

/** The fields of an expectation. */
enum nfbind_exp_field {
	/** Expected connection: source address: 4 or 16 bytes, network order. */
	NFBIND_EXP_EXPECTED_SRC = 0,
	/** Expected connection: destination address: 4 or 16 bytes, network order. */
	NFBIND_EXP_EXPECTED_DST = 1,
	/** Expected connection: network protocol: 2 (IPv4) or 10 (IPv6). */
	NFBIND_EXP_EXPECTED_L3PROTO = 2,
	/** Expected connection: transport protocol, as 6 for TCP (IANA protocol numbers). */
	NFBIND_EXP_EXPECTED_L4PROTO = 3,
	/** Expected connection: source port, or GRE key. */
	NFBIND_EXP_EXPECTED_PORT_SRC = 4,
	/** Expected connection: destination port, or GRE key. */
	NFBIND_EXP_EXPECTED_PORT_DST = 5,
	/** Expected connection: ICMP or ICMPv6 type. */
	NFBIND_EXP_EXPECTED_ICMP_TYPE = 6,
	/** Expected connection: ICMP or ICMPv6 code. */
	NFBIND_EXP_EXPECTED_ICMP_CODE = 7,
	/** Expected connection: ICMP or ICMPv6 echo identifier. */
	NFBIND_EXP_EXPECTED_ICMP_ID = 8,
	/** Expected connection: zone of this direction alone. */
	NFBIND_EXP_EXPECTED_ZONE = 9,
	/** Mask over the expected tuple: source address: 4 or 16 bytes, network order. */
	NFBIND_EXP_MASK_SRC = 10,
	/** Mask over the expected tuple: destination address: 4 or 16 bytes, network order. */
	NFBIND_EXP_MASK_DST = 11,
	/** Mask over the expected tuple: network protocol: 2 (IPv4) or 10 (IPv6). */
	NFBIND_EXP_MASK_L3PROTO = 12,
	/** Mask over the expected tuple: transport protocol: that of the tuple, no mask; with
	 * another one the kernel takes no ports of the mask. */
	NFBIND_EXP_MASK_L4PROTO = 13,
	/** Mask over the expected tuple: source port, or GRE key. */
	NFBIND_EXP_MASK_PORT_SRC = 14,
	/** Mask over the expected tuple: destination port, or GRE key. */
	NFBIND_EXP_MASK_PORT_DST = 15,
	/** Mask over the expected tuple: ICMP or ICMPv6 type. */
	NFBIND_EXP_MASK_ICMP_TYPE = 16,
	/** Mask over the expected tuple: ICMP or ICMPv6 code. */
	NFBIND_EXP_MASK_ICMP_CODE = 17,
	/** Mask over the expected tuple: ICMP or ICMPv6 echo identifier. */
	NFBIND_EXP_MASK_ICMP_ID = 18,
	/** Mask over the expected tuple: zone of this direction alone. */
	NFBIND_EXP_MASK_ZONE = 19,
	/** Master connection: source address: 4 or 16 bytes, network order. */
	NFBIND_EXP_MASTER_SRC = 20,
	/** Master connection: destination address: 4 or 16 bytes, network order. */
	NFBIND_EXP_MASTER_DST = 21,
	/** Master connection: network protocol: 2 (IPv4) or 10 (IPv6). */
	NFBIND_EXP_MASTER_L3PROTO = 22,
	/** Master connection: transport protocol, as 6 for TCP (IANA protocol numbers). */
	NFBIND_EXP_MASTER_L4PROTO = 23,
	/** Master connection: source port, or GRE key. */
	NFBIND_EXP_MASTER_PORT_SRC = 24,
	/** Master connection: destination port, or GRE key. */
	NFBIND_EXP_MASTER_PORT_DST = 25,
	/** Master connection: ICMP or ICMPv6 type. */
	NFBIND_EXP_MASTER_ICMP_TYPE = 26,
	/** Master connection: ICMP or ICMPv6 code. */
	NFBIND_EXP_MASTER_ICMP_CODE = 27,
	/** Master connection: ICMP or ICMPv6 echo identifier. */
	NFBIND_EXP_MASTER_ICMP_ID = 28,
	/** Master connection: zone of this direction alone. */
	NFBIND_EXP_MASTER_ZONE = 29,
	/** Translated tuple of the expected connection: source address: 4 or 16 bytes, network
	 * order. */
	NFBIND_EXP_NAT_SRC = 30,
	/** Translated tuple of the expected connection: destination address: 4 or 16 bytes, network
	 * order. */
	NFBIND_EXP_NAT_DST = 31,
	/** Translated tuple of the expected connection: network protocol: 2 (IPv4) or 10 (IPv6). */
	NFBIND_EXP_NAT_L3PROTO = 32,
	/** Translated tuple of the expected connection: transport protocol, as 6 for TCP (IANA
	 * protocol numbers). */
	NFBIND_EXP_NAT_L4PROTO = 33,
	/** Translated tuple of the expected connection: source port, or GRE key. */
	NFBIND_EXP_NAT_PORT_SRC = 34,
	/** Translated tuple of the expected connection: destination port, or GRE key. */
	NFBIND_EXP_NAT_PORT_DST = 35,
	/** Translated tuple of the expected connection: ICMP or ICMPv6 type. */
	NFBIND_EXP_NAT_ICMP_TYPE = 36,
	/** Translated tuple of the expected connection: ICMP or ICMPv6 code. */
	NFBIND_EXP_NAT_ICMP_CODE = 37,
	/** Translated tuple of the expected connection: ICMP or ICMPv6 echo identifier. */
	NFBIND_EXP_NAT_ICMP_ID = 38,
	/** Translated tuple of the expected connection: zone of this direction alone. */
	NFBIND_EXP_NAT_ZONE = 39,
	/** Seconds until it expires; the master's helper policy decides where there is one. */
	NFBIND_EXP_TIMEOUT = 40,
	/** The kernel's number of the expectation. */
	NFBIND_EXP_ID = 41,
	/** Name of the helper of the expected connection, at most 15 bytes. */
	NFBIND_EXP_HELPER_NAME = 42,
	/** Zone; the kernel never sends it back. */
	NFBIND_EXP_ZONE = 43,
	/** A set of enum nfbind_exp_flag. */
	NFBIND_EXP_FLAGS = 44,
	/** The helper's policy class, 0 to 3. */
	NFBIND_EXP_CLASS = 45,
	/** Direction that the translation applies to: 0 original, 1 reply. */
	NFBIND_EXP_NAT_DIR = 46,
	/** The kernel function run on the expected connection, as "nat-follow-master"; at most 23
	 * bytes. */
	NFBIND_EXP_FN = 47
};

/** Bits of the flags field. */
enum nfbind_exp_flag {
	/** It stays after a connection matched it. */
	NFBIND_EXP_FLAG_PERMANENT = 0x1,
	/** It never matches. */
	NFBIND_EXP_FLAG_INACTIVE = 0x2,
	/** A program made it. */
	NFBIND_EXP_FLAG_USERSPACE = 0x4
};

/**
 * Make an empty expectation.
 *
 * @owned
 * @error ENOMEM out of memory
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_exp_new(struct nfbind_exp **ret_exp);

/**
 * Free it; NULL is fine.
 *
 * @nullable exp
 * @since 0.1
 */
NFBIND_API void nfbind_exp_free(struct nfbind_exp *exp);

/**
 * Copy one expectation over another: afterwards both are equal.
 *
 * @error ENOMEM out of memory
 * @since 0.1
 */
NFBIND_API int nfbind_exp_assign(struct nfbind_exp *exp, const struct nfbind_exp *from);

/**
 * Whether both have the same fields with the same values.
 *
 * @returns bool
 * @since 0.1
 */
NFBIND_API int nfbind_exp_equal(const struct nfbind_exp *exp, const struct nfbind_exp *other);

/** What nfbind_exp_compare() compares, and how: a set. */
enum nfbind_exp_compare {
	/** The expected tuple and its mask. */
	NFBIND_EXP_COMPARE_EXPECTED = 0x1,
	/** The master's tuple. */
	NFBIND_EXP_COMPARE_MASTER = 0x2,
	/** All other fields but the timeout. */
	NFBIND_EXP_COMPARE_META = 0x4,
	/** The other one has to have all fields that this one has. */
	NFBIND_EXP_COMPARE_MASK = 0x8,
	/** Each has to have all fields that the other one has. */
	NFBIND_EXP_COMPARE_STRICT = 0x10
};

/**
 * Whether both agree. Without MASK or STRICT a field counts only where both have it.
 *
 * @flags flags nfbind_exp_compare
 * @returns bool
 * @error EINVAL no such flag
 * @since 0.1
 */
NFBIND_API int nfbind_exp_compare(const struct nfbind_exp *exp, const struct nfbind_exp *other,
				  uint32_t flags);

/**
 * Print it in one line: FIELDS and JSON as nfbind_ct_print(), the others what
 * `conntrack -L expect` prints, which has one line for LINE, EXTENDED and SAVE. It
 * leaves out id, nat and fn.
 *
 * @enum format nfbind_format
 * @returns length
 * @error EINVAL no such format
 * @since 0.1
 */
NFBIND_API int nfbind_exp_print(const struct nfbind_exp *exp, uint32_t format,
				char *ret_text, size_t ret_text_size);

/**
 * Read it from JSON, as nfbind_ct_parse() does; no other format can be read.
 *
 * @enum format nfbind_format
 * @error EINVAL the text is not in that format, or the format cannot be read
 * @error ERANGE a value is more than its field can hold
 * @error ENOMEM out of memory
 * @reason ret_message
 * @since 0.1
 */
NFBIND_API int nfbind_exp_parse(struct nfbind_exp *exp, uint32_t format,
				const char *text, char *ret_message,
				size_t ret_message_size);

/**
 * The fields of an expectation; enum nfbind_exp_field numbers them.
 *
 * @immortal
 * @thread any
 * @since 0.1
 */
NFBIND_API const struct nfbind_fields *nfbind_exp_fields(void);

/**
 * Whether the field is present; absent and 0 are different things.
 *
 * @enum field nfbind_exp_field
 * @returns bool
 * @error ERANGE no such field
 * @since 0.1
 */
NFBIND_API int nfbind_exp_has(const struct nfbind_exp *exp, uint32_t field);

/**
 * Make the field absent.
 *
 * @enum field nfbind_exp_field
 * @error ERANGE no such field
 * @since 0.1
 */
NFBIND_API int nfbind_exp_clear(struct nfbind_exp *exp, uint32_t field);

/**
 * Read a number of any width, in host byte order.
 *
 * @enum field nfbind_exp_field
 * @none ENODATA
 * @error ENODATA the field is absent
 * @error EINVAL the field is no number
 * @error ERANGE no such field
 * @since 0.1
 */
NFBIND_API int nfbind_exp_get_number(const struct nfbind_exp *exp, uint32_t field,
				     uint64_t *ret_value);

/**
 * Write a number.
 *
 * @enum field nfbind_exp_field
 * @error EINVAL the field is no number
 * @error ERANGE no such field, or the value does not fit its width
 * @since 0.1
 */
NFBIND_API int nfbind_exp_set_number(struct nfbind_exp *exp, uint32_t field, uint64_t value);

/**
 * Look at the bytes of an address, bytes or text field, in place.
 *
 * @enum field nfbind_exp_field
 * @borrowed exp until set_bytes clear assign parse free
 * @none ENODATA
 * @error ENODATA the field is absent
 * @error EINVAL the field is a number or an object
 * @error ERANGE no such field
 * @since 0.1
 */
NFBIND_API int nfbind_exp_get_bytes(const struct nfbind_exp *exp, uint32_t field,
				    const void **ret_data, size_t *ret_data_len);

/**
 * Write an address, bytes or text field; the bytes are copied.
 *
 * @enum field nfbind_exp_field
 * @error EINVAL the field is a number, or the length is not one that its kind can have
 * @error ERANGE no such field, or more bytes than it can hold
 * @error ENOMEM out of memory
 * @since 0.1
 */
NFBIND_API int nfbind_exp_set_bytes(struct nfbind_exp *exp, uint32_t field, const void *data,
				    size_t data_len);

#ifdef __cplusplus
}
#endif

#endif
