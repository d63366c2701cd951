/* SPDX-License-Identifier: MIT */
/*
 * Inside a packet and a batch. A packet is an index of offsets into its datagram,
 * filled while the datagram is walked once; values are read from there when asked
 * for. What is set on it is kept in an `edit`, made with the first change, except
 * payload changes that keep the length, which happen in place.
 */
#ifndef PACKET_H
#define PACKET_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <linux/netlink.h>

#include <nfbind/packet.h>

#include "field.h"
#include "uapi.h"

struct ledger;
struct names;
struct slot;

/* The shortest message with a packet in it: its headers, and the packet header's attribute. */
enum { PACKET_MESSAGE_LEAST = 16 + 4 + 4 + 8 };

/* The most payload that an attribute can carry: a 16-bit length with its header. */
enum { PAYLOAD_MAX = 65535 - 4 };

enum packet_state {
	PACKET_FREE,      /* no decision to make: made from bytes */
	PACKET_UNDECIDED, /* in the running batch */
	PACKET_DECIDED,
	PACKET_KEPT,      /* in a batch: the right went to a kept copy */
	PACKET_HELD,      /* a kept copy, undecided */
	PACKET_ENDED,     /* it was let go: the default was given */
	PACKET_UNBOUND,   /* its queue was unbound: the kernel dropped it */
};

enum packet_flag {
	PACKET_TRUNCATED = 1 << 0,
	PACKET_PARTIAL = 1 << 1,   /* csum-not-ready: the transport checksum is not filled in */
	PACKET_GSO = 1 << 2,
	PACKET_CHANGED = 1 << 3,   /* the payload differs from what was received */
	PACKET_TRACKED = 1 << 4,   /* passed a tracker, which answers for length changes */
	PACKET_OWNED = 1 << 5,     /* made by _new, _keep, _build: the caller frees it */
	PACKET_WANTS_CT = 1 << 6,  /* its queue has the conntrack option: absent means none */
	PACKET_VIEWED = 1 << 7,    /* the view is that of the payload as it is */
};

/* What was set on a packet: bits of its `set`. */
enum packet_set {
	SET_MARK = 1 << 0,
	SET_PRIORITY = 1 << 1,
	SET_VLAN_PROTO = 1 << 2,
	SET_VLAN_TCI = 1 << 3,
	SET_L2HDR = 1 << 4,
	SET_CT = 1 << 5,
	SET_EXP = 1 << 6,
};

/* Bytes that an edit owns. */
struct edit_bytes {
	uint8_t *data;
	uint32_t len;
};

/* The rarer changes; mark and priority are common enough to lie in the packet. */
struct edit {
	uint16_t vlan_proto;
	uint16_t vlan_tci;
	struct edit_bytes l2hdr;
	struct edit_bytes ct;  /* attributes, as they go inside NFQA_CT */
	struct edit_bytes exp; /* attributes, as they go inside NFQA_EXP */
	uint8_t *payload;      /* room for a payload that changed its length */
	uint32_t payload_size;
};

/* Where a packet's headers are; view.c walks them. Offsets count from the IP header's start. */
struct view {
	uint8_t version;       /* 4 or 6 */
	uint8_t protocol;      /* behind the extension headers */
	bool has_protocol;     /* false when the bytes end before it */
	bool is_fragment;      /* any fragment, the first included */
	bool more_fragments;
	bool is_unsized;       /* its own length does not count: jumbogram, BIG TCP, nonsense */
	uint16_t fragment_offset; /* in bytes */
	uint32_t fragment_header; /* offset of the IPv6 fragment header; 0 for none */
	uint32_t headers_end;  /* where the IP header and its options or extensions end */
	uint32_t l4;           /* offset of the transport header; 0 when it is not there */
	uint32_t l4_payload;   /* offset of what follows it; 0 when it is not there in full */
	uint32_t l4_end;       /* where that ends: UDP may end before IP does */
	uint32_t end;          /* where the IP packet ends, by its own length and by the bytes */
	uint32_t own_end;      /* where it ends by its own length, be the bytes there or not */
	uint32_t src;          /* offsets of the addresses that the pseudo header takes: with */
	uint32_t dst;          /* source routing and Mobile IPv6 not those of the IP header */
};

/*
 * What receiving and judging touch comes first, and fits in two cache lines; it is
 * all that parsing clears.
 */
struct nfbind_packet {
	uint8_t *message;           /* its datagram from the netlink header on; NULL for none */
	uint8_t *payload;           /* as it is now */
	struct ledger *ledger;      /* who takes the decision; NULL for none */
	struct slot *slot;          /* the bound queue that it came from */
	struct nfbind_packet *next; /* of its slot: of the running batch, or kept, in queue order */
	uint32_t payload_len;
	uint32_t received_len;      /* of the payload, before any change */
	uint32_t message_len;       /* bytes of the message that are there */
	uint32_t id;
	uint32_t set;
	uint16_t queue;
	uint16_t hw_protocol;
	uint8_t hook;
	uint8_t family;
	uint8_t flags;
	atomic_uchar state;         /* written under the ledger's lock, where there is one */
	uint16_t attributes[KERNEL_NFQA_COUNT]; /* offset in the message / 4; 0 is absent */

	/* Of the place in the batch; set once. */
	struct nfbind_batch *batch; /* NULL for owned packets */
	struct names *names;        /* who knows device names; NULL for nobody */
	uint32_t index;             /* in its batch */

	/* Changes; each valid only where `set` or `flags` say so, the edit always. */
	uint32_t least_len;         /* what the kernel needs to take a changed payload back */
	uint32_t mark;
	uint32_t priority;
	struct edit *edit;
	struct view view; /* valid with PACKET_VIEWED */

	/* Kept copies: more places in the ledger's books. */
	struct nfbind_packet *previous;
	struct nfbind_packet *aged_next, *aged_previous; /* in the order they were kept */
	struct nfbind_packet *bucket_next;
	uint64_t kept_at; /* monotonic nanoseconds; only where the queue has an age limit */
} __attribute__((aligned(64)));

struct nfbind_batch {
	atomic_uint references;
	uint32_t count;     /* of packets */
	uint32_t capacity;
	uint8_t *data;
	size_t data_size;
	struct names *names; /* who knows device names; NULL for nobody */
	atomic_bool has_edits; /* some packet has memory of its own */
	struct nfbind_packet *packets;
	struct nfbind_batch *next; /* in a session's stash */
};

/*
 * Fill the first part of `packet` from one NFQNL_MSG_PACKET message of which
 * `available` bytes are there; fewer than the header says means that a reader cut it short.
 * Returns -EBADMSG when it cannot even be judged.
 */
int packet_parse(struct nfbind_packet *packet, uint8_t *message, size_t available);

/* The attribute as the kernel sent it, or NULL; its payload and length. */
static inline const void *packet_attribute(const struct nfbind_packet *packet, unsigned int type,
					   size_t *ret_len)
{
	size_t offset = (size_t)packet->attributes[type] * 4;
	const struct nlattr *attribute;

	if (offset == 0)
		return NULL;
	attribute = (const struct nlattr *)(packet->message + offset);
	*ret_len = attribute->nla_len - sizeof(*attribute);
	return attribute + 1;
}

/* Whether the packet may be changed: 0, or -EALREADY. Each setter asks. */
static inline int packet_check_change(const struct nfbind_packet *packet)
{
	switch (atomic_load_explicit(&packet->state, memory_order_relaxed)) {
	case PACKET_FREE:
	case PACKET_UNDECIDED:
	case PACKET_HELD:
		return 0;
	default:
		return -EALREADY;
	}
}

/* Whether its payload may be, too; -EOPNOTSUPP when it came cut. */
int packet_check_payload_change(const struct nfbind_packet *packet);

/* The edit, made when there is none; NULL when out of memory. */
struct edit *packet_edit(struct nfbind_packet *packet);

/* Bytes of their own for an edit, or none where there are none: 0, or -ENOMEM. */
int packet_copy_bytes(struct edit_bytes *to, const struct edit_bytes *from);

/*
 * Make the payload `len` bytes long and writable, keeping what fits of its
 * content; -EMSGSIZE above PAYLOAD_MAX, -ENOMEM. Marks it changed. Checks nothing
 * else and repairs nothing: that is the caller's work.
 */
int packet_resize(struct nfbind_packet *packet, uint32_t len);

/* Whether a verdict for it says nothing but the verdict. */
static inline bool packet_is_bare(const struct nfbind_packet *packet)
{
	return packet->set == 0 && !(packet->flags & PACKET_CHANGED);
}

/* Free what the edit owns. */
void packet_drop_edit(struct nfbind_packet *packet);

/* An owned packet with room for `len` bytes of payload, not filled in. */
int packet_make(uint32_t len, struct nfbind_packet **ret_packet);

/* What a verdict needs beside the packet: a whole VLAN tag, or -EINVAL. */
int packet_vlan(const struct nfbind_packet *packet, uint16_t *ret_proto, uint16_t *ret_tci);

extern const struct nfbind_fields packet_fields;

/* Free an owned packet that is in no books. */
void packet_release(struct nfbind_packet *packet);

/* A compact copy with a message and changes of its own, in no books yet. */
int packet_copy(const struct nfbind_packet *packet, struct nfbind_packet **ret_packet);

/* Room for packets and bytes; it takes over a hold on the names. */
struct nfbind_batch *batch_make(uint32_t capacity, size_t data_size, struct names *names);
void batch_clear(struct nfbind_batch *batch);

/* Parse the next packet of a batch, which must have room; NULL when it is malformed. */
struct nfbind_packet *batch_add(struct nfbind_batch *batch, uint8_t *message, size_t available);

#endif
