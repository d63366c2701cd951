/* SPDX-License-Identifier: MIT */
/*
 * The connection: one entry of the connection tracking table, as plain memory.
 * It knows fields and no socket; the same object is what a queue packet carries,
 * what a list yields and what a verdict or a request changes. Original, reply
 * and master have the same ten tuple fields.
 *
 * Rules: net/netfilter/nf_conntrack_netlink.c. An object belongs to one thread
 * at a time.
 */
#ifndef NFBIND_CT_H
#define NFBIND_CT_H

#include <nfbind/base.h>
#include <nfbind/fields.h>
#include <nfbind/labels.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A connection tracking entry, or the part of one that a change names. */
struct nfbind_ct;

/** The fields of a connection. */
enum nfbind_ct_field {
	/** Original direction: source address: 4 or 16 bytes, network order. */
	NFBIND_CT_ORIG_SRC = 0,
	/** Original direction: destination address: 4 or 16 bytes, network order. */
	NFBIND_CT_ORIG_DST = 1,
	/** Original direction: network protocol: 2 (IPv4) or 10 (IPv6). */
	NFBIND_CT_ORIG_L3PROTO = 2,
	/** Original direction: transport protocol, as 6 for TCP (IANA protocol numbers). */
	NFBIND_CT_ORIG_L4PROTO = 3,
	/** Original direction: source port, or GRE key. */
	NFBIND_CT_ORIG_PORT_SRC = 4,
	/** Original direction: destination port, or GRE key. */
	NFBIND_CT_ORIG_PORT_DST = 5,
	/** Original direction: ICMP or ICMPv6 type. */
	NFBIND_CT_ORIG_ICMP_TYPE = 6,
	/** Original direction: ICMP or ICMPv6 code. */
	NFBIND_CT_ORIG_ICMP_CODE = 7,
	/** Original direction: ICMP or ICMPv6 echo identifier. */
	NFBIND_CT_ORIG_ICMP_ID = 8,
	/** Original direction: zone of this direction alone. */
	NFBIND_CT_ORIG_ZONE = 9,
	/** Reply direction: source address: 4 or 16 bytes, network order. */
	NFBIND_CT_REPL_SRC = 10,
	/** Reply direction: destination address: 4 or 16 bytes, network order. */
	NFBIND_CT_REPL_DST = 11,
	/** Reply direction: network protocol: 2 (IPv4) or 10 (IPv6). */
	NFBIND_CT_REPL_L3PROTO = 12,
	/** Reply direction: transport protocol, as 6 for TCP (IANA protocol numbers). */
	NFBIND_CT_REPL_L4PROTO = 13,
	/** Reply direction: source port, or GRE key. */
	NFBIND_CT_REPL_PORT_SRC = 14,
	/** Reply direction: destination port, or GRE key. */
	NFBIND_CT_REPL_PORT_DST = 15,
	/** Reply direction: ICMP or ICMPv6 type. */
	NFBIND_CT_REPL_ICMP_TYPE = 16,
	/** Reply direction: ICMP or ICMPv6 code. */
	NFBIND_CT_REPL_ICMP_CODE = 17,
	/** Reply direction: ICMP or ICMPv6 echo identifier. */
	NFBIND_CT_REPL_ICMP_ID = 18,
	/** Reply direction: zone of this direction alone. */
	NFBIND_CT_REPL_ZONE = 19,
	/** Master connection: source address: 4 or 16 bytes, network order. */
	NFBIND_CT_MASTER_SRC = 20,
	/** Master connection: destination address: 4 or 16 bytes, network order. */
	NFBIND_CT_MASTER_DST = 21,
	/** Master connection: network protocol: 2 (IPv4) or 10 (IPv6). */
	NFBIND_CT_MASTER_L3PROTO = 22,
	/** Master connection: transport protocol, as 6 for TCP (IANA protocol numbers). */
	NFBIND_CT_MASTER_L4PROTO = 23,
	/** Master connection: source port, or GRE key. */
	NFBIND_CT_MASTER_PORT_SRC = 24,
	/** Master connection: destination port, or GRE key. */
	NFBIND_CT_MASTER_PORT_DST = 25,
	/** Master connection: ICMP or ICMPv6 type. */
	NFBIND_CT_MASTER_ICMP_TYPE = 26,
	/** Master connection: ICMP or ICMPv6 code. */
	NFBIND_CT_MASTER_ICMP_CODE = 27,
	/** Master connection: ICMP or ICMPv6 echo identifier. */
	NFBIND_CT_MASTER_ICMP_ID = 28,
	/** Master connection: zone of this direction alone. */
	NFBIND_CT_MASTER_ZONE = 29,
	/** Status: a set of enum nfbind_ct_status. */
	NFBIND_CT_STATUS = 30,
	/** Seconds until the entry expires. */
	NFBIND_CT_TIMEOUT = 31,
	/** Connection mark. */
	NFBIND_CT_MARK = 32,
	/** With mark on change or verdict: the bits of the mark that are replaced. */
	NFBIND_CT_MARK_MASK = 33,
	/** Zone of the whole entry. */
	NFBIND_CT_ZONE = 34,
	/** The kernel's number of the entry; it narrows which entry is meant, but is not unique in
	 * time. */
	NFBIND_CT_ID = 35,
	/** References that the kernel holds. */
	NFBIND_CT_USE = 36,
	/** Packets in original direction (needs nf_conntrack_acct). */
	NFBIND_CT_ORIG_COUNTER_PACKETS = 37,
	/** Bytes in original direction (needs nf_conntrack_acct). */
	NFBIND_CT_ORIG_COUNTER_BYTES = 38,
	/** Packets in reply direction (needs nf_conntrack_acct). */
	NFBIND_CT_REPL_COUNTER_PACKETS = 39,
	/** Bytes in reply direction (needs nf_conntrack_acct). */
	NFBIND_CT_REPL_COUNTER_BYTES = 40,
	/** Name of the connection's helper, at most 15 bytes; empty removes it, where the kernel
	 * allows that (not 7.x). */
	NFBIND_CT_HELPER_NAME = 41,
	/** Private data of a user-space helper, at most 32 bytes. */
	NFBIND_CT_HELPER_INFO = 42,
	/** Connection labels: 16 bytes, label n is bit n % 8 of byte n / 8. */
	NFBIND_CT_LABELS = 43,
	/** With labels on change or verdict: the label bits that are replaced; as labels. */
	NFBIND_CT_LABELS_MASK = 44,
	/** Security label. */
	NFBIND_CT_SECCTX = 45,
	/** Creation, nanoseconds since 1970 (needs nf_conntrack_timestamp). */
	NFBIND_CT_TIMESTAMP_START = 46,
	/** End, nanoseconds since 1970; only in destroy events. */
	NFBIND_CT_TIMESTAMP_STOP = 47,
	/** Event, nanoseconds since 1970; only in events. */
	NFBIND_CT_TIMESTAMP_EVENT = 48,
	/** TCP state. */
	NFBIND_CT_TCP_STATE = 49,
	/** TCP tracking flags, original direction. */
	NFBIND_CT_TCP_FLAGS_ORIG = 50,
	/** Bits of the original direction's TCP flags that are replaced. */
	NFBIND_CT_TCP_MASK_ORIG = 51,
	/** TCP tracking flags, reply direction. */
	NFBIND_CT_TCP_FLAGS_REPL = 52,
	/** Bits of the reply direction's TCP flags that are replaced. */
	NFBIND_CT_TCP_MASK_REPL = 53,
	/** TCP window scale, original direction. */
	NFBIND_CT_TCP_WSCALE_ORIG = 54,
	/** TCP window scale, reply direction. */
	NFBIND_CT_TCP_WSCALE_REPL = 55,
	/** Source translation on creation: the address, or the lowest of a range; 4 or 16 bytes,
	 * network order. */
	NFBIND_CT_SNAT = 56,
	/** Source translation on creation: the highest address of a range. */
	NFBIND_CT_SNAT_MAX = 57,
	/** Source translation on creation: the port, ICMP id or GRE key, or the lowest of a
	 * range. */
	NFBIND_CT_SNAT_PORT = 58,
	/** Source translation on creation: the highest port, id or key of a range. */
	NFBIND_CT_SNAT_PORT_MAX = 59,
	/** Destination translation on creation: the address, or the lowest of a range; 4 or 16
	 * bytes, network order. */
	NFBIND_CT_DNAT = 60,
	/** Destination translation on creation: the highest address of a range. */
	NFBIND_CT_DNAT_MAX = 61,
	/** Destination translation on creation: the port, ICMP id or GRE key, or the lowest of a
	 * range. */
	NFBIND_CT_DNAT_PORT = 62,
	/** Destination translation on creation: the highest port, id or key of a range. */
	NFBIND_CT_DNAT_PORT_MAX = 63,
	/** TCP sequence adjustment, original direction: the sequence number where it starts. */
	NFBIND_CT_ORIG_SEQ_POSITION = 64,
	/** TCP sequence adjustment, original direction: the offset before that. */
	NFBIND_CT_ORIG_SEQ_BEFORE = 65,
	/** TCP sequence adjustment, original direction: the offset from there on. */
	NFBIND_CT_ORIG_SEQ_AFTER = 66,
	/** TCP sequence adjustment, reply direction: the sequence number where it starts. */
	NFBIND_CT_REPL_SEQ_POSITION = 67,
	/** TCP sequence adjustment, reply direction: the offset before that. */
	NFBIND_CT_REPL_SEQ_BEFORE = 68,
	/** TCP sequence adjustment, reply direction: the offset from there on. */
	NFBIND_CT_REPL_SEQ_AFTER = 69,
	/** SCTP state. */
	NFBIND_CT_SCTP_STATE = 70,
	/** SCTP verification tag, original direction. */
	NFBIND_CT_SCTP_VTAG_ORIG = 71,
	/** SCTP verification tag, reply direction. */
	NFBIND_CT_SCTP_VTAG_REPL = 72,
	/** DCCP state; newer kernels track none. */
	NFBIND_CT_DCCP_STATE = 73,
	/** DCCP role of the original direction: 0 client, 1 server. */
	NFBIND_CT_DCCP_ROLE = 74,
	/** DCCP sequence number of the handshake. */
	NFBIND_CT_DCCP_HANDSHAKE_SEQ = 75,
	/** SYN proxy: the initial sequence number it gave. */
	NFBIND_CT_SYNPROXY_ISN = 76,
	/** SYN proxy: the initial timestamp it gave. */
	NFBIND_CT_SYNPROXY_ITS = 77,
	/** SYN proxy: the offset between both timestamps. */
	NFBIND_CT_SYNPROXY_TSOFF = 78
};

/** Bits of the status field. */
enum nfbind_ct_status {
	/** It was expected: it has a master. */
	NFBIND_CT_STATUS_EXPECTED = 0x1,
	/** Packets went both ways. */
	NFBIND_CT_STATUS_SEEN_REPLY = 0x2,
	/** It is not to be evicted early. */
	NFBIND_CT_STATUS_ASSURED = 0x4,
	/** Its first packet left the machine: it is in the table. */
	NFBIND_CT_STATUS_CONFIRMED = 0x8,
	/** Its source is translated. */
	NFBIND_CT_STATUS_SRC_NAT = 0x10,
	/** Its destination is translated. */
	NFBIND_CT_STATUS_DST_NAT = 0x20,
	/** Its TCP sequence numbers are adjusted. */
	NFBIND_CT_STATUS_SEQ_ADJUST = 0x40,
	/** Source translation was decided. */
	NFBIND_CT_STATUS_SRC_NAT_DONE = 0x80,
	/** Destination translation was decided. */
	NFBIND_CT_STATUS_DST_NAT_DONE = 0x100,
	/** It is being removed. */
	NFBIND_CT_STATUS_DYING = 0x200,
	/** Its timeout is not refreshed. */
	NFBIND_CT_STATUS_FIXED_TIMEOUT = 0x400,
	/** It is a template of a rule. */
	NFBIND_CT_STATUS_TEMPLATE = 0x800,
	/** It lost a race for its translated tuple. */
	NFBIND_CT_STATUS_NAT_CLASH = 0x1000,
	/** Its helper was set by a rule. */
	NFBIND_CT_STATUS_HELPER = 0x2000,
	/** It is offloaded to the flow table. */
	NFBIND_CT_STATUS_OFFLOAD = 0x4000,
	/** It is offloaded to hardware. */
	NFBIND_CT_STATUS_HW_OFFLOAD = 0x8000
};

/** Bits of TCP's tracking flags (include/uapi/linux/netfilter/nf_conntrack_tcp.h). */
enum nfbind_ct_tcp_flag {
	/** This side scales its window. */
	NFBIND_CT_TCP_FLAG_WINDOW_SCALE = 0x1,
	/** This side permits selective acknowledgements. */
	NFBIND_CT_TCP_FLAG_SACK_PERM = 0x2,
	/** This side sent the first FIN. */
	NFBIND_CT_TCP_FLAG_CLOSE_INIT = 0x4,
	/** Packets out of the window are let through. */
	NFBIND_CT_TCP_FLAG_BE_LIBERAL = 0x8,
	/** Data is not acknowledged yet. */
	NFBIND_CT_TCP_FLAG_DATA_UNACKNOWLEDGED = 0x10,
	/** The highest acknowledgement is known. */
	NFBIND_CT_TCP_FLAG_MAXACK_SET = 0x20,
	/** A challenge acknowledgement may follow. */
	NFBIND_CT_TCP_FLAG_CHALLENGE_ACK = 0x40,
	/** Both sides opened at the same time. */
	NFBIND_CT_TCP_FLAG_SIMULTANEOUS_OPEN = 0x80
};

/** How a connection's addresses and ports are translated: a set. */
enum nfbind_ct_translation {
	/** Its source address is. */
	NFBIND_CT_TRANSLATION_SNAT = 0x1,
	/** Its destination address is. */
	NFBIND_CT_TRANSLATION_DNAT = 0x2,
	/** Its source port (GRE key, ICMP id) is. */
	NFBIND_CT_TRANSLATION_SPAT = 0x4,
	/** Its destination port (GRE key) is. */
	NFBIND_CT_TRANSLATION_DPAT = 0x8
};

/** What nfbind_ct_apply() does with an object. */
enum nfbind_ct_operation {
	/** What the source address became moves to snat, and the reply tuple forgets it. */
	NFBIND_CT_OPERATION_UNDO_SNAT = 0,
	/** What the destination address became moves to dnat, and the reply tuple forgets it. */
	NFBIND_CT_OPERATION_UNDO_DNAT = 1,
	/** What the source port (GRE key, ICMP id) became moves to snat-port, and the reply tuple
	 * forgets it. */
	NFBIND_CT_OPERATION_UNDO_SPAT = 2,
	/** What the destination port (GRE key) became moves to dnat-port, and the reply tuple
	 * forgets it. */
	NFBIND_CT_OPERATION_UNDO_DPAT = 3,
	/** The original tuple becomes the one that the reply tuple answers. */
	NFBIND_CT_OPERATION_SETUP_ORIG = 4,
	/** The reply tuple becomes the one that answers the original tuple. */
	NFBIND_CT_OPERATION_SETUP_REPL = 5,
	/** An entry that was listed becomes one that can be added: all translations are undone,
	 * only those bits of the status stay that may be given, and the masks of TCP's flags say
	 * all of them. */
	NFBIND_CT_OPERATION_RENEW = 6
};

/** What nfbind_ct_compare() compares, and how: a set. */
enum nfbind_ct_compare {
	/** The original tuple. */
	NFBIND_CT_COMPARE_ORIG = 0x1,
	/** The reply tuple. */
	NFBIND_CT_COMPARE_REPL = 0x2,
	/** All other fields but the timeout. */
	NFBIND_CT_COMPARE_META = 0x4,
	/** A timeout that is the same will do. */
	NFBIND_CT_COMPARE_TIMEOUT_EQ = 0x8,
	/** A timeout that is greater than the other one will do. */
	NFBIND_CT_COMPARE_TIMEOUT_GT = 0x10,
	/** A timeout that is less than the other one will do. */
	NFBIND_CT_COMPARE_TIMEOUT_LT = 0x20,
	/** The other one has to have all fields that this one has. */
	NFBIND_CT_COMPARE_MASK = 0x40,
	/** Each has to have all fields that the other one has. */
	NFBIND_CT_COMPARE_STRICT = 0x80,
	/** The other one's status may have more bits. */
	NFBIND_CT_COMPARE_STATUS_SUBSET = 0x100
};

/** What nfbind_ct_copy() copies, and how: a set. */
enum nfbind_ct_copy {
	/** The original tuple. */
	NFBIND_CT_COPY_ORIG = 0x1,
	/** The reply tuple. */
	NFBIND_CT_COPY_REPL = 0x2,
	/** All other fields. */
	NFBIND_CT_COPY_META = 0x4,
	/** Only where there is no value yet. */
	NFBIND_CT_COPY_ABSENT = 0x8,
	/** What the source does not have is cleared. */
	NFBIND_CT_COPY_CLEAR = 0x10
};

/**
 * Make an empty connection object.
 *
 * @owned
 * @error ENOMEM out of memory
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_ct_new(struct nfbind_ct **ret_ct);

/**
 * Free it; NULL is fine.
 *
 * @nullable ct
 * @since 0.1
 */
NFBIND_API void nfbind_ct_free(struct nfbind_ct *ct);

/**
 * Copy one connection over another: afterwards both are equal.
 *
 * @error ENOMEM out of memory
 * @since 0.1
 */
NFBIND_API int nfbind_ct_assign(struct nfbind_ct *ct, const struct nfbind_ct *from);

/**
 * Whether both have the same fields with the same values.
 *
 * @returns bool
 * @since 0.1
 */
NFBIND_API int nfbind_ct_equal(const struct nfbind_ct *ct, const struct nfbind_ct *other);

/**
 * Whether both agree. Without MASK or STRICT a field counts only where both have it,
 * and a tuple or timeout that is not asked for does not count.
 *
 * @flags flags nfbind_ct_compare
 * @returns bool
 * @error EINVAL no such flag
 * @since 0.1
 */
NFBIND_API int nfbind_ct_compare(const struct nfbind_ct *ct, const struct nfbind_ct *other,
				 uint32_t flags);

/**
 * Copy parts of another connection: the fields that it has.
 *
 * @flags flags nfbind_ct_copy
 * @error EINVAL no such flag
 * @error ENOMEM out of memory
 * @since 0.1
 */
NFBIND_API int nfbind_ct_copy(struct nfbind_ct *ct, const struct nfbind_ct *from, uint32_t flags);

/**
 * What is translated, as the two tuples show it. Where there is a status, it has to say
 * too that translation was decided.
 *
 * @returns flags nfbind_ct_translation
 * @since 0.1
 */
NFBIND_API int nfbind_ct_get_translation(const struct nfbind_ct *ct);

/**
 * Undo a translation, or set a tuple up from the other one.
 *
 * @enum operation nfbind_ct_operation
 * @error EINVAL no such operation
 * @error ENODATA a field that it needs is absent
 * @since 0.1
 */
NFBIND_API int nfbind_ct_apply(struct nfbind_ct *ct, uint32_t operation);

/**
 * Whether a label is set; without the field labels none is.
 *
 * @returns bool
 * @error ERANGE the bit is above 127
 * @since 0.1
 */
NFBIND_API int nfbind_ct_has_label(const struct nfbind_ct *ct, uint32_t bit);

/**
 * Set (1) or clear (0) one label. In labels, and in labels-mask where there is one:
 * so a change of one label starts with an empty labels-mask.
 *
 * @error ERANGE the bit is above 127, or the value is neither 0 nor 1
 * @since 0.1
 */
NFBIND_API int nfbind_ct_set_label(struct nfbind_ct *ct, uint32_t bit, uint32_t value);

/**
 * Print it in one line.
 *
 * FIELDS and JSON print whatever is present; the others what conntrack(8) 1.4.7
 * prints of it. Two differences: in XML a state has the name that its own protocol
 * gives it, and what is no printable ASCII in a name is written as hexadecimal escapes.
 * Where there are labels, LINE, EXTENDED, XML and JSON name them (`-o labels`). A line
 * with the start but not the end of a connection says how old it is now (delta-time).
 * SAVE leaves out labels, helper, and translations that are asked for (snat, dnat).
 *
 * JSON: keys are the field names; numbers are integers of up to 64 bits; a value that
 * has a name is that name, a set of flags an array of names; addresses are text; labels
 * and labels-mask arrays of bits (of names, where there are labels); other bytes two
 * hexadecimal digits each; text that is no UTF-8 is {"hex": "..."}. Absent fields have
 * no key.
 *
 * @enum format nfbind_format
 * @flags flags nfbind_print
 * @nullable labels
 * @returns length
 * @error EINVAL no such format or flag
 * @since 0.1
 */
NFBIND_API int nfbind_ct_print(const struct nfbind_ct *ct, uint32_t format, uint32_t flags,
			       const struct nfbind_labels *labels, char *ret_text,
			       size_t ret_text_size);

/**
 * Read it from a line in the format JSON or SAVE; what the object had before is gone.
 *
 * JSON is read as it is printed, and more freely: fields may have any of their names,
 * and values and bits that have a name may be numbers. SAVE is what conntrack(8) -R
 * reads, a command -A or -I included. A line with -n or -g asks for a translation: it
 * fills snat and dnat, with the port of the reply tuple, and leaves the reply tuple as
 * it is without a translation, for the kernel wants it so.
 *
 * On failure the object is as it was, and the message says at which byte of the text it
 * stopped and what was expected there: "at byte 9: ...".
 *
 * @enum format nfbind_format
 * @nullable labels
 * @error EINVAL the text is not in that format, or the format cannot be read
 * @error ERANGE a value is more than its field can hold
 * @error ENOMEM out of memory
 * @reason ret_message
 * @since 0.1
 */
NFBIND_API int nfbind_ct_parse(struct nfbind_ct *ct, uint32_t format,
			       const struct nfbind_labels *labels, const char *text,
			       char *ret_message, size_t ret_message_size);

/**
 * The fields of a connection; enum nfbind_ct_field numbers them.
 *
 * @immortal
 * @thread any
 * @since 0.1
 */
NFBIND_API const struct nfbind_fields *nfbind_ct_fields(void);

/**
 * Whether the field is present; absent and 0 are different things.
 *
 * @enum field nfbind_ct_field
 * @returns bool
 * @error ERANGE no such field
 * @since 0.1
 */
NFBIND_API int nfbind_ct_has(const struct nfbind_ct *ct, uint32_t field);

/**
 * Make the field absent.
 *
 * @enum field nfbind_ct_field
 * @error ERANGE no such field
 * @since 0.1
 */
NFBIND_API int nfbind_ct_clear(struct nfbind_ct *ct, uint32_t field);

/**
 * Read a number of any width, in host byte order.
 *
 * @enum field nfbind_ct_field
 * @none ENODATA
 * @error ENODATA the field is absent
 * @error EINVAL the field is no number
 * @error ERANGE no such field
 * @since 0.1
 */
NFBIND_API int nfbind_ct_get_number(const struct nfbind_ct *ct, uint32_t field,
				    uint64_t *ret_value);

/**
 * Write a number.
 *
 * @enum field nfbind_ct_field
 * @error EINVAL the field is no number
 * @error ERANGE no such field, or the value does not fit its width
 * @since 0.1
 */
NFBIND_API int nfbind_ct_set_number(struct nfbind_ct *ct, uint32_t field, uint64_t value);

/**
 * Look at the bytes of an address, bytes or text field, in place.
 *
 * @enum field nfbind_ct_field
 * @borrowed ct until set_bytes clear assign copy apply parse free
 * @none ENODATA
 * @error ENODATA the field is absent
 * @error EINVAL the field is a number or an object
 * @error ERANGE no such field
 * @since 0.1
 */
NFBIND_API int nfbind_ct_get_bytes(const struct nfbind_ct *ct, uint32_t field,
				   const void **ret_data, size_t *ret_data_len);

/**
 * Write an address, bytes or text field; the bytes are copied.
 *
 * @enum field nfbind_ct_field
 * @error EINVAL the field is a number, or the length is not one that its kind can have
 * @error ERANGE no such field, or more bytes than it can hold
 * @error ENOMEM out of memory
 * @since 0.1
 */
NFBIND_API int nfbind_ct_set_bytes(struct nfbind_ct *ct, uint32_t field, const void *data,
				   size_t data_len);

#ifdef __cplusplus
}
#endif

#endif
