/* SPDX-License-Identifier: MIT */
/*
 * A packet, as it came from a queue or as bytes of the caller's, and the batch
 * that packets come in. A packet carries two separate rights:
 *
 * Its bytes. A batch is counted memory: the session holds it until its next
 * receive, feed, settle or close, and each hold keeps it readable longer, even
 * after close. Memory that is held is never reused; only a change of the packet
 * itself that keeps its length is made in place, and seen by who looks at it.
 *
 * Its decision, once. The right ends with its batch (at the session's next
 * receive, feed, settle or close), held or not: a packet undecided by then gets
 * the queue's default verdict, counted. nfbind_packet_keep() hands out a copy
 * that carries the right on, to a worker or for later.
 *
 * What is set on a packet is what is read from it afterwards, and travels with
 * its verdict. Header fields are read from, and written to, the payload; the
 * lengths and checksums around a change follow it: a good checksum is adjusted
 * (RFC 1624), a partial one (csum-not-ready) computed in full, a wrong one stays
 * wrong by the same amount.
 *
 * Batches may be held and freed, packets kept and freed, by any thread; anything
 * else with one packet is for one thread at a time.
 */
#ifndef NFBIND_PACKET_H
#define NFBIND_PACKET_H

#include <nfbind/base.h>
#include <nfbind/fields.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A packet; see above for its two rights. */
struct nfbind_packet;

/** Packets that were received together; counted. */
struct nfbind_batch;

struct nfbind_ct;
struct nfbind_exp;

/**
 * The fields of a packet: what the kernel says of it, then what its headers say. A header field is
 * absent where the packet has no such header or was cut before it; fragments other than the first
 * have no transport header.
 */
enum nfbind_packet_field {
	/** The queue that it waits in. */
	NFBIND_PACKET_QUEUE = 0,
	/** Its number in that queue; from 1, wraps at 2^32. */
	NFBIND_PACKET_ID = 1,
	/** The hook's protocol family: 2 (IPv4), 10 (IPv6), 7 (bridge). */
	NFBIND_PACKET_FAMILY = 2,
	/** Link-layer protocol (EtherType). */
	NFBIND_PACKET_HW_PROTOCOL = 3,
	/** The hook that queued it; the numbers mean different hooks in different families. */
	NFBIND_PACKET_HOOK = 4,
	/** Packet mark; the kernel sends it only when it is not 0. Set it to change it with the
	 * verdict. */
	NFBIND_PACKET_MARK = 5,
	/** When it was received, nanoseconds since 1970; only where the stack stamped it. */
	NFBIND_PACKET_TIMESTAMP = 6,
	/** Index of the device that it came in by (the bridge, in the bridge family). */
	NFBIND_PACKET_INDEV = 7,
	/** Index of the device that it leaves by. */
	NFBIND_PACKET_OUTDEV = 8,
	/** Index of the bridge port that it came in by. */
	NFBIND_PACKET_PHYSINDEV = 9,
	/** Index of the bridge port that it leaves by. */
	NFBIND_PACKET_PHYSOUTDEV = 10,
	/** Name of that device, looked up in the session's namespace. */
	NFBIND_PACKET_INDEV_NAME = 11,
	/** Name of that device, looked up in the session's namespace. */
	NFBIND_PACKET_OUTDEV_NAME = 12,
	/** Name of that port, looked up in the session's namespace. */
	NFBIND_PACKET_PHYSINDEV_NAME = 13,
	/** Name of that port, looked up in the session's namespace. */
	NFBIND_PACKET_PHYSOUTDEV_NAME = 14,
	/** Source hardware address, its true length; absent on the output hooks. */
	NFBIND_PACKET_HWADDR = 15,
	/** The packet from its network header on. Set it to replace the packet with the verdict:
	 * the caller answers for all of it. */
	NFBIND_PACKET_PAYLOAD = 16,
	/** Length before the kernel cut it; present only when it was cut. */
	NFBIND_PACKET_CAP_LEN = 17,
	/** Checksum and segmentation state: a set of enum nfbind_skb_info; absent means nothing
	 * special. */
	NFBIND_PACKET_SKB_INFO = 18,
	/** The connection (needs the conntrack option). */
	NFBIND_PACKET_CT = 19,
	/** Its state in the connection: enum nfbind_ct_info. */
	NFBIND_PACKET_CT_INFO = 20,
	/** A new expectation, sent with the verdict only. */
	NFBIND_PACKET_EXP = 21,
	/** User of the sending socket, as the initial user namespace numbers it. */
	NFBIND_PACKET_UID = 22,
	/** Group of the sending socket, as the initial user namespace numbers it. */
	NFBIND_PACKET_GID = 23,
	/** Security label. */
	NFBIND_PACKET_SECCTX = 24,
	/** EtherType of the VLAN tag (bridge family). */
	NFBIND_PACKET_VLAN_PROTO = 25,
	/** Priority and number of the VLAN tag (bridge family). */
	NFBIND_PACKET_VLAN_TCI = 26,
	/** The link-layer header (bridge family); a new one must have the same length. */
	NFBIND_PACKET_L2HDR = 27,
	/** Queueing priority; the kernel sends it only when it is not 0. */
	NFBIND_PACKET_PRIORITY = 28,
	/** Class of the sender's net_cls control group. */
	NFBIND_PACKET_CGROUP_CLASSID = 29,
	/** IP version of the payload: 4 or 6. */
	NFBIND_PACKET_IP_VERSION = 30,
	/** IP source address. */
	NFBIND_PACKET_IP_SRC = 31,
	/** IP destination address. */
	NFBIND_PACKET_IP_DST = 32,
	/** Transport protocol, behind the IPv6 extension headers. */
	NFBIND_PACKET_IP_PROTOCOL = 33,
	/** IPv4 time to live or IPv6 hop limit. */
	NFBIND_PACKET_IP_TTL = 34,
	/** Differentiated services code point, 0 to 63 (RFC 2474). */
	NFBIND_PACKET_IP_DSCP = 35,
	/** Explicit congestion notification, 0 to 3 (RFC 3168). */
	NFBIND_PACKET_IP_ECN = 36,
	/** Identification: IPv4, or of the IPv6 fragment header. */
	NFBIND_PACKET_IP_ID = 37,
	/** Fragment offset in bytes; absent in a whole packet. */
	NFBIND_PACKET_IP_FRAGMENT_OFFSET = 38,
	/** Whether fragments follow; absent in a whole packet. */
	NFBIND_PACKET_IP_MORE_FRAGMENTS = 39,
	/** IPv4 don't-fragment bit. */
	NFBIND_PACKET_IP_DONT_FRAGMENT = 40,
	/** IPv6 flow label. */
	NFBIND_PACKET_IP_FLOW_LABEL = 41,
	/** Source port of TCP, UDP, UDP-Lite, SCTP or DCCP. */
	NFBIND_PACKET_PORT_SRC = 42,
	/** Destination port of TCP, UDP, UDP-Lite, SCTP or DCCP. */
	NFBIND_PACKET_PORT_DST = 43,
	/** TCP sequence number. */
	NFBIND_PACKET_TCP_SEQ = 44,
	/** TCP acknowledgement number. */
	NFBIND_PACKET_TCP_ACK = 45,
	/** TCP flags: a set of enum nfbind_tcp_flag. */
	NFBIND_PACKET_TCP_FLAGS = 46,
	/** TCP window, unscaled. */
	NFBIND_PACKET_TCP_WINDOW = 47,
	/** TCP urgent pointer. */
	NFBIND_PACKET_TCP_URGENT = 48,
	/** TCP options, raw; a new value must have the same length. */
	NFBIND_PACKET_TCP_OPTIONS = 49,
	/** Value of the TCP maximum segment size option. */
	NFBIND_PACKET_TCP_MSS = 50,
	/** ICMP or ICMPv6 type. */
	NFBIND_PACKET_ICMP_TYPE = 51,
	/** ICMP or ICMPv6 code. */
	NFBIND_PACKET_ICMP_CODE = 52,
	/** Identifier of an ICMP or ICMPv6 echo. */
	NFBIND_PACKET_ICMP_ID = 53,
	/** Sequence number of an ICMP or ICMPv6 echo. */
	NFBIND_PACKET_ICMP_SEQ = 54,
	/** SCTP verification tag. */
	NFBIND_PACKET_SCTP_VTAG = 55,
	/** What follows the transport header. Lengths and checksums follow a new value. */
	NFBIND_PACKET_L4_PAYLOAD = 56
};

/** Bits of the skb-info field. */
enum nfbind_skb_info {
	/** The transport checksum covers the pseudo header only; it is filled in on the way out. */
	NFBIND_SKB_INFO_CSUM_NOT_READY = 0x1,
	/** It is a large segment that is cut on the way out. */
	NFBIND_SKB_INFO_GSO = 0x2,
	/** Nobody has verified the transport checksum yet. */
	NFBIND_SKB_INFO_CSUM_NOT_VERIFIED = 0x4
};

/** Values of the ct-info field. */
enum nfbind_ct_info {
	/** Original direction, of a connection that was seen both ways. */
	NFBIND_CT_INFO_ESTABLISHED = 0,
	/** Original direction, of a connection that another one announced. */
	NFBIND_CT_INFO_RELATED = 1,
	/** The first packet of a connection. */
	NFBIND_CT_INFO_NEW = 2,
	/** Reply direction. */
	NFBIND_CT_INFO_ESTABLISHED_REPLY = 3,
	/** Reply direction, of a connection that another one announced. */
	NFBIND_CT_INFO_RELATED_REPLY = 4
};

/** Bits of the tcp-flags field (RFC 9293). */
enum nfbind_tcp_flag {
	/** No more data. */
	NFBIND_TCP_FLAG_FIN = 0x1,
	/** Synchronise. */
	NFBIND_TCP_FLAG_SYN = 0x2,
	/** Reset. */
	NFBIND_TCP_FLAG_RST = 0x4,
	/** Push. */
	NFBIND_TCP_FLAG_PSH = 0x8,
	/** Acknowledgement. */
	NFBIND_TCP_FLAG_ACK = 0x10,
	/** Urgent pointer. */
	NFBIND_TCP_FLAG_URG = 0x20,
	/** ECN echo. */
	NFBIND_TCP_FLAG_ECE = 0x40,
	/** Congestion window reduced. */
	NFBIND_TCP_FLAG_CWR = 0x80
};

/** What nfbind_packet_verify() found wrong: a set. */
enum nfbind_verify {
	/** A length field disagrees with the bytes. */
	NFBIND_VERIFY_LENGTH = 0x1,
	/** The IPv4 header checksum is wrong. */
	NFBIND_VERIFY_IP_CHECKSUM = 0x2,
	/** The transport checksum is wrong. */
	NFBIND_VERIFY_L4_CHECKSUM = 0x4,
	/** The transport checksum was not verified: it is not filled in yet, or this is a fragment
	 * or cut. */
	NFBIND_VERIFY_PARTIAL = 0x8
};

/** How nfbind_packet_print() prints. */
enum nfbind_packet_format {
	/** One readable line: queue, id, hook, device, protocol, addresses, ports, length, mark. */
	NFBIND_PACKET_FORMAT_LINE = 0,
	/** Every field that is present, as "name=value", one on a line; bytes in hexadecimal. */
	NFBIND_PACKET_FORMAT_FIELDS = 1
};

/**
 * Everything about a packet in one plain struct, for callers who want all of it
 * in one crossing. Offsets count from the start of nfbind_batch_get_data(); a
 * length of 0 with a clear bit in `present` is absent.
 */
struct nfbind_packet_summary {
	/** Bit n is set when field n of enum nfbind_packet_field (below 32) is present. */
	uint32_t present;
	/** Field id. */
	uint32_t id;
	/** Field queue. */
	uint32_t queue;
	/** Position in the batch. */
	uint32_t index;
	/** Field mark. */
	uint32_t mark;
	/** Field priority. */
	uint32_t priority;
	/** Field indev. */
	uint32_t indev;
	/** Field outdev. */
	uint32_t outdev;
	/** Field physindev. */
	uint32_t physindev;
	/** Field physoutdev. */
	uint32_t physoutdev;
	/** Field cap-len. */
	uint32_t cap_len;
	/** Field skb-info. */
	uint32_t skb_info;
	/** Field ct-info. */
	uint32_t ct_info;
	/** Field uid. */
	uint32_t uid;
	/** Field gid. */
	uint32_t gid;
	/** Field cgroup-classid. */
	uint32_t cgroup_classid;
	/** Where the payload starts. */
	uint32_t payload_offset;
	/** Payload bytes. */
	uint32_t payload_len;
	/** Where the security label starts. */
	uint32_t secctx_offset;
	/** Bytes of the security label. */
	uint32_t secctx_len;
	/** Where the link-layer header starts. */
	uint32_t l2hdr_offset;
	/** Bytes of the link-layer header. */
	uint32_t l2hdr_len;
	/** Field timestamp. */
	uint64_t timestamp;
	/** Field hw-protocol. */
	uint16_t hw_protocol;
	/** Field vlan-proto. */
	uint16_t vlan_proto;
	/** Field vlan-tci. */
	uint16_t vlan_tci;
	/** Field hook. */
	uint8_t hook;
	/** Field family. */
	uint8_t family;
	/** Field hwaddr, hwaddr_len bytes of it. */
	uint8_t hwaddr[8];
	/** Bytes of the hardware address. */
	uint32_t hwaddr_len;
	/** 1 when the payload is not all of the packet. */
	uint32_t is_truncated;
};

/**
 * What most readers ask of the headers in a packet, in one plain struct. A field
 * that is absent is 0, with a clear bit in `present`.
 */
struct nfbind_packet_headers {
	/** Bit n is set when field NFBIND_PACKET_IP_VERSION + n is present. */
	uint32_t present;
	/** Position in the batch. */
	uint32_t index;
	/** Where field l4-payload starts, from the start of nfbind_batch_get_data(). */
	uint32_t l4_payload_offset;
	/** Bytes of it. */
	uint32_t l4_payload_len;
	/** Field tcp-seq. */
	uint32_t tcp_seq;
	/** Field tcp-ack. */
	uint32_t tcp_ack;
	/** Field port-src. */
	uint16_t port_src;
	/** Field port-dst. */
	uint16_t port_dst;
	/** Field ip-version. */
	uint8_t ip_version;
	/** Field ip-protocol. */
	uint8_t ip_protocol;
	/** Field ip-ttl. */
	uint8_t ip_ttl;
	/** Field tcp-flags. */
	uint8_t tcp_flags;
	/** Field icmp-type. */
	uint8_t icmp_type;
	/** Field icmp-code. */
	uint8_t icmp_code;
	/** Bytes of ip_src and of ip_dst: 4, 16, or 0. */
	uint8_t address_len;
	/** 0. */
	uint8_t reserved;
	/** Field ip-src, address_len bytes of it. */
	uint8_t ip_src[16];
	/** Field ip-dst, address_len bytes of it. */
	uint8_t ip_dst[16];
};

/**
 * Make a packet from the bytes of an IPv4 or IPv6 packet, which are copied. It
 * belongs to no queue: it can be read, changed, verified, printed and injected.
 *
 * @owned
 * @error EINVAL the bytes start with neither an IPv4 nor an IPv6 header
 * @error EMSGSIZE more than 65535 bytes
 * @error ENOMEM out of memory
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_packet_new(const void *data, size_t data_len,
				 struct nfbind_packet **ret_packet);

/**
 * Take a received packet out of its batch: the result is a compact copy that
 * carries the right to decide on, past the batch's end. Changes made so far are
 * copied too.
 *
 * @owned
 * @error EALREADY the packet was decided or kept, or its batch has ended
 * @error EINVAL the packet did not come from a queue
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @error ENOMEM out of memory
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_packet_keep(struct nfbind_packet *packet, struct nfbind_packet **ret_packet);

/**
 * Free a packet that nfbind_packet_new(), _keep() or _build_*() made; NULL is
 * fine. A kept packet that is still undecided gets its queue's default verdict,
 * counted. A packet that is borrowed from a batch is left alone.
 *
 * @nullable packet
 * @thread any
 * @since 0.1
 */
NFBIND_API void nfbind_packet_free(struct nfbind_packet *packet);

/**
 * The fields of a packet; enum nfbind_packet_field numbers them.
 *
 * @immortal
 * @thread any
 * @since 0.1
 */
NFBIND_API const struct nfbind_fields *nfbind_packet_fields(void);

/**
 * Whether the field is present; absent and 0 are different things.
 *
 * @enum field nfbind_packet_field
 * @returns bool
 * @error ERANGE no such field
 * @since 0.1
 */
NFBIND_API int nfbind_packet_has(const struct nfbind_packet *packet, uint32_t field);

/**
 * Take back a change that was not sent yet: the field reads again what the kernel sent.
 *
 * @enum field nfbind_packet_field
 * @error ERANGE no such field
 * @error EALREADY the packet was decided
 * @error EACCES the field cannot be changed
 * @since 0.1
 */
NFBIND_API int nfbind_packet_clear(struct nfbind_packet *packet, uint32_t field);

/**
 * Read a number of any width, in host byte order.
 *
 * @enum field nfbind_packet_field
 * @none ENODATA
 * @error ENODATA the field is absent
 * @error EINVAL the field is no number
 * @error ERANGE no such field
 * @since 0.1
 */
NFBIND_API int nfbind_packet_get_number(const struct nfbind_packet *packet, uint32_t field,
					uint64_t *ret_value);

/**
 * Write a number.
 *
 * @enum field nfbind_packet_field
 * @error EINVAL the field is no number
 * @error ERANGE no such field, or the value does not fit its width
 * @error EACCES the field cannot be changed
 * @error ENODATA the packet has no such header
 * @error EALREADY the packet was decided, or kept by someone else
 * @error EOPNOTSUPP the packet is truncated, so that the kernel would cut it to what came
 * @error EMSGSIZE the packet would be longer than 65531 bytes
 * @error EPROTO a length change in TCP that nobody adjusts the sequence numbers for
 * @since 0.1
 */
NFBIND_API int nfbind_packet_set_number(struct nfbind_packet *packet, uint32_t field,
					uint64_t value);

/**
 * Look at the bytes of an address, bytes or text field, in place.
 *
 * @enum field nfbind_packet_field
 * @borrowed packet until set_bytes splice apply verdict free
 * @none ENODATA
 * @error ENODATA the field is absent
 * @error EINVAL the field is a number or an object
 * @error ERANGE no such field
 * @since 0.1
 */
NFBIND_API int nfbind_packet_get_bytes(const struct nfbind_packet *packet, uint32_t field,
				       const void **ret_data, size_t *ret_data_len);

/**
 * Write an address, bytes or text field; the bytes are copied.
 *
 * @enum field nfbind_packet_field
 * @error EINVAL the field is a number, or the length is not one that its kind can have
 * @error ERANGE no such field, or more bytes than it can hold
 * @error ENOMEM out of memory
 * @error EACCES the field cannot be changed
 * @error ENODATA the packet has no such header
 * @error EALREADY the packet was decided, or kept by someone else
 * @error EOPNOTSUPP the packet is truncated, so that the kernel would cut it to what came
 * @error EMSGSIZE the packet would be longer than 65531 bytes
 * @error EPROTO a length change in TCP that nobody adjusts the sequence numbers for
 * @since 0.1
 */
NFBIND_API int nfbind_packet_set_bytes(struct nfbind_packet *packet, uint32_t field,
				       const void *data, size_t data_len);

/**
 * Whether the payload is not all of the packet: cut by the copy range, by the
 * kernel's limit of 65531 bytes or by a caller's short read.
 *
 * @returns bool
 * @since 0.1
 */
NFBIND_API int nfbind_packet_is_truncated(const struct nfbind_packet *packet);

/**
 * Whether the packet, or this kept copy of it, still waits for a verdict: 0 once it has
 * one, its batch ended, it was kept, or its queue was unbound.
 *
 * @returns bool
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_packet_is_undecided(const struct nfbind_packet *packet);

/**
 * Read the connection that the packet carries into an object of the caller's,
 * whose former content is gone.
 *
 * @none ENODATA
 * @error ENODATA the packet carries no connection
 * @error EBADMSG the kernel's attributes are malformed
 * @error ENOMEM out of memory
 * @since 0.1
 */
NFBIND_API int nfbind_packet_get_ct(const struct nfbind_packet *packet, struct nfbind_ct *ret_ct);

/**
 * Look at that connection as the kernel sent it: netlink attributes (CTA_*), numbers in
 * network byte order, without what was set since.
 *
 * @borrowed packet until free
 * @none ENODATA
 * @error ENODATA the packet came without a connection
 * @since 0.1
 */
NFBIND_API int nfbind_packet_get_ct_data(const struct nfbind_packet *packet,
					 const void **ret_data, size_t *ret_data_len);

/**
 * Change the packet's connection with the verdict: timeout, status, helper and its
 * data, labels (with mask), mark (with mask). The content is copied. An object
 * without any field tells the kernel to adjust TCP sequence numbers only.
 *
 * The kernel does them in this order, stops at the first that it refuses and says
 * nothing; the verdict counts all the same. So what it would refuse is an error
 * here, as far as the connection tells that came with the packet (option conntrack;
 * without it only the object itself is checked). Nobody can tell here: labels that
 * no rule of the namespace uses, data that the helper does not take, a helper that
 * Linux 7.x does not let go, and what has changed since the packet was queued. The
 * flow's next packet, or nfbind_conntrack_fetch_ct(), shows what was done.
 *
 * A status replaces all bits that can change: fixed-timeout and helper are gone when
 * they are not given, seen-reply and assured can only be added, and confirmed makes
 * no difference. A timeout lasts until a packet of the flow brings the next one.
 *
 * @error EACCES a field is present that a verdict cannot change
 * @error EINVAL a mask is present without its mark or labels
 * @error EPERM a timeout, and the connection's is fixed (Linux before 6.0 would change it)
 * @error EBUSY a status that takes seen-reply or assured away or adds a bit that only the kernel gives, another helper than the connection's, or any helper of a connection that was announced
 * @error EOPNOTSUPP a helper, and the connection has none
 * @error EALREADY the packet was decided or kept
 * @error ENODATA the packet carries no connection, or no helper that the data is for
 * @error ENOMEM out of memory
 * @since 0.1
 */
NFBIND_API int nfbind_packet_set_ct(struct nfbind_packet *packet, const struct nfbind_ct *ct);

/**
 * Announce a new connection with the verdict, as a helper does: the packet's
 * connection becomes the master, which is not sent, but where it is named has to be
 * that. Expected tuple and mask are required. The kernel reads it only beside a
 * connection: one without changes is added. The content is copied.
 *
 * The kernel says nothing when it expects nothing. What the connection tells that
 * came with the packet is checked here; not a helper or function that the kernel
 * does not have, a class that the helper does not have, and one that is expected
 * already. nfbind_conntrack_fetch_exp() shows whether it is there.
 *
 * @error EACCES a field is present that a verdict cannot carry
 * @error EINVAL the master that is named is not the packet's connection, or an address is not of its family
 * @error EOPNOTSUPP the connection has no helper
 * @error EALREADY the packet was decided or kept
 * @error ENODATA the packet carries no connection, or tuple or mask are absent
 * @error ENOMEM out of memory
 * @since 0.1
 */
NFBIND_API int nfbind_packet_set_exp(struct nfbind_packet *packet, const struct nfbind_exp *exp);

/**
 * Replace `remove` bytes of the transport payload, from `offset`, by others of
 * any number. The lengths and checksums around them follow.
 *
 * A length change in TCP is refused, unless the kernel will adjust sequence
 * numbers (the connection is translated, has a helper and travels with the
 * verdict, which is then arranged) or a tracker does it: nfbind_tracker_splice().
 *
 * @error EALREADY the packet was decided or kept
 * @error EOPNOTSUPP the packet is truncated, a fragment, or a large segment that would shrink
 * @error EPROTO a length change in TCP that nobody adjusts the sequence numbers for
 * @error ERANGE offset and remove lie outside the payload
 * @error EMSGSIZE the packet would be longer than 65531 bytes
 * @error ENODATA the packet has no transport payload that can be changed
 * @error ENOMEM out of memory
 * @since 0.1
 */
NFBIND_API int nfbind_packet_splice(struct nfbind_packet *packet, uint32_t offset, uint32_t remove,
				    const void *data, size_t data_len);

/**
 * Check lengths and checksums: IPv4, TCP, UDP, UDP-Lite, ICMP, ICMPv6, SCTP.
 *
 * @flags ret_wrong nfbind_verify
 * @error EINVAL the payload is no IP packet
 * @since 0.1
 */
NFBIND_API int nfbind_packet_verify(const struct nfbind_packet *packet, uint32_t *ret_wrong);

/**
 * Print the packet.
 *
 * @enum format nfbind_packet_format
 * @returns length
 * @error EINVAL no such format
 * @since 0.1
 */
NFBIND_API int nfbind_packet_print(const struct nfbind_packet *packet, uint32_t format,
				   char *ret_text, size_t ret_text_size);

/**
 * Build the TCP segment that the receiver of this one would send back: addresses
 * and ports swapped, sequence numbers that fit, the given flags and data. With
 * the RST flag alone it is the reset of RFC 9293, 3.10.7.1.
 *
 * @owned
 * @flags tcp_flags nfbind_tcp_flag
 * @nullable data
 * @error EINVAL the packet is no TCP segment
 * @error EMSGSIZE the result would be longer than 65535 bytes
 * @error ENOMEM out of memory
 * @since 0.1
 */
NFBIND_API int nfbind_packet_build_reply(const struct nfbind_packet *packet, uint32_t tcp_flags,
					 const void *data, size_t data_len,
					 struct nfbind_packet **ret_packet);

/**
 * Build the ICMP or ICMPv6 "destination unreachable" message that refuses this
 * packet, quoting as much of it as RFC 1812 and RFC 4443 allow. The code is that
 * of the packet's own protocol: 3 or 4 for "port unreachable" in ICMP or ICMPv6.
 *
 * @owned
 * @error EINVAL the packet is no IP packet, or one that must not be answered (RFC 1122, 3.2.2; RFC 4443, 2.4)
 * @error ERANGE no such code
 * @error ENOMEM out of memory
 * @since 0.1
 */
NFBIND_API int nfbind_packet_build_unreachable(const struct nfbind_packet *packet, uint32_t code,
					       struct nfbind_packet **ret_packet);

/**
 * Parse one or more netlink messages of the queue subsystem that the caller has
 * from elsewhere (a recording), without a session: the packets can be read, not
 * decided. The bytes are copied.
 *
 * @owned
 * @error EBADMSG malformed; nothing is returned
 * @error ENOMEM out of memory
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_batch_parse(const void *data, size_t data_len,
				  struct nfbind_batch **ret_batch);

/**
 * How many packets the batch has.
 *
 * @returns number
 * @thread any
 * @since 0.1
 */
NFBIND_API uint32_t nfbind_batch_count(const struct nfbind_batch *batch);

/**
 * A packet of the batch, by its position; NULL when out of range.
 *
 * @borrowed batch until free
 * @nullable
 * @thread any
 * @since 0.1
 */
NFBIND_API struct nfbind_packet *nfbind_batch_packet(struct nfbind_batch *batch, uint32_t index);

/**
 * Keep the batch's memory readable until a matching free, whatever happens to
 * the session. The packets' decisions end with the batch all the same.
 *
 * @thread any
 * @since 0.1
 */
NFBIND_API void nfbind_batch_hold(struct nfbind_batch *batch);

/**
 * Undo one hold, or the creation by nfbind_batch_parse(); NULL is fine.
 *
 * @nullable batch
 * @thread any
 * @since 0.1
 */
NFBIND_API void nfbind_batch_free(struct nfbind_batch *batch);

/**
 * The memory that summaries count their offsets in. It never fails.
 *
 * @borrowed batch until free
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_batch_get_data(const struct nfbind_batch *batch, const void **ret_data,
				     size_t *ret_data_len);

/**
 * Summarise all packets of the batch, as received, in the caller's array. An
 * element may be larger or smaller than this library's struct: the rest is
 * zeroed, or left out.
 *
 * @element summaries summary_size
 * @output summaries
 * @returns count
 * @error ENOSPC the array has fewer elements than the batch has packets
 * @error EINVAL the element size is smaller than 8 bytes
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_batch_export(const struct nfbind_batch *batch,
				   struct nfbind_packet_summary *summaries, size_t summaries_count,
				   size_t summary_size);

/**
 * The same of the headers in all packets, as received; a packet that is neither IPv4
 * nor IPv6 has nothing but its index. It is apart from nfbind_batch_export() since
 * each packet is walked, which not every reader needs.
 *
 * @element headers header_size
 * @output headers
 * @returns count
 * @error ENOSPC the array has fewer elements than the batch has packets
 * @error EINVAL the element size is smaller than 8 bytes
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_batch_export_headers(const struct nfbind_batch *batch,
					   struct nfbind_packet_headers *headers,
					   size_t headers_count, size_t header_size);

#ifdef __cplusplus
}
#endif

#endif
