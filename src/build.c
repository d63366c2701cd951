/* SPDX-License-Identifier: MIT */
/*
 * Packets that answer others: a TCP segment from the other end of a connection,
 * and the ICMP message that refuses a packet. Whatever must not be answered, by
 * RFC 1122 (3.2.2), RFC 1812 (4.3.2.7) or RFC 4443 (2.4), gets no answer here: a
 * program that answers everything that it drops must not make storms.
 */
#include "view.h"

#include <errno.h>
#include <string.h>

#include "checksum.h"

enum {
	IPV4_HEADER = 20,
	IPV6_HEADER = 40,
	TCP_HEADER = 20,
	ICMP_HEADER = 8,
	HOPS = 64,
	FAMILY_IPV4 = 2,
	FAMILY_IPV6 = 10,

	/* The most of a packet that is quoted, headers included (RFC 1812, 4.3.2.3; RFC 4443, 2.4). */
	ICMP_MAX = 576,
	ICMPV6_MAX = 1280,

	/* The last codes that IANA knows. */
	CODE_MAX_IPV4 = 15,
	CODE_MAX_IPV6 = 8,

	PRECEDENCE_CONTROL = 0xc0, /* RFC 1812, 4.3.2.5 */
	TOS_MASK = 0x1e,
};

/* Whom a packet came from is no host that could be answered. */
static bool is_source_wrong(const uint8_t *address, const struct view *view)
{
	static const uint8_t unspecified[16];

	if (memcmp(address, unspecified, view_address_len(view)) == 0)
		return true;
	/* From 224.0.0.0 on: multicast, class E and the broadcast address. */
	return view->version == 4 ? address[0] >= 224 : address[0] == 0xff;
}

static bool is_destination_shared(const uint8_t *address, const struct view *view)
{
	static const uint8_t broadcast[4] = { 255, 255, 255, 255 };

	if (view->version == 6)
		return address[0] == 0xff;
	return address[0] >> 4 == 14 || memcmp(address, broadcast, 4) == 0;
}

/* An ICMP message that reports an error, or might: those are never answered. */
static bool is_error_message(const uint8_t *data, const struct view *view)
{
	static const uint8_t answerable[] = { 0, 8, 9, 10, 13, 14, 15, 16, 17, 18, 42, 43 };
	uint8_t type;

	if (view->protocol != (view->version == 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6))
		return false;
	if (view->l4 == 0)
		return true;
	type = data[view->l4];
	if (view->version == 6)
		return type < 128 || type == 137 /* redirect */;
	return memchr(answerable, type, sizeof(answerable)) == NULL;
}

/* The answer goes from the packet's destination to its source: offsets of both. */
static bool may_answer(const uint8_t *data, const struct view *view, uint32_t src, uint32_t dst)
{
	return view->has_protocol && view->fragment_offset == 0 &&
	       !is_source_wrong(data + src, view) && !is_destination_shared(data + dst, view) &&
	       !is_error_message(data, view);
}

/* An answer with its IP header, of `len` bytes behind that. */
static int make_answer(const uint8_t *data, const struct view *view, uint32_t src, uint32_t dst,
		       uint8_t protocol, uint32_t len, struct nfbind_packet **ret_packet)
{
	uint32_t header_len = view->version == 4 ? IPV4_HEADER : IPV6_HEADER;
	struct nfbind_packet *packet;
	uint8_t *out;
	int r = packet_make(header_len + len, &packet);

	if (r < 0)
		return r;
	out = packet->payload;
	if (view->version == 4) {
		packet->family = FAMILY_IPV4;
		out[0] = 0x45;
		view_write_u16(out + 2, (uint16_t)(header_len + len));
		/* Never fragmented, so an id of 0 will do (RFC 6864). */
		view_write_u16(out + 6, 0x4000);
		out[8] = HOPS;
		out[9] = protocol;
		memcpy(out + 12, data + dst, 4);
		memcpy(out + 16, data + src, 4);
	} else {
		packet->family = FAMILY_IPV6;
		out[0] = 0x60;
		view_write_u16(out + 4, (uint16_t)len);
		out[6] = protocol;
		out[7] = HOPS;
		memcpy(out + 8, data + dst, 16);
		memcpy(out + 24, data + src, 16);
	}
	*ret_packet = packet;
	return 0;
}

/* Fill in the checksums; the transport's is left to the one function that does it. */
static struct nfbind_packet *complete(struct nfbind_packet *packet)
{
	uint16_t checksum;

	if (packet->family == FAMILY_IPV4) {
		checksum = (uint16_t)~checksum_fold(checksum_add(0, packet->payload, IPV4_HEADER));
		memcpy(packet->payload + 10, &checksum, sizeof(checksum));
	}
	packet->flags |= PACKET_CHANGED | PACKET_PARTIAL;
	view_finish(packet);
	packet->flags &= (uint8_t)~(PACKET_CHANGED | PACKET_PARTIAL);
	return packet;
}

/* Numbers of the answer: what the segment acknowledges, and what acknowledges all of it. */
static void put_tcp(uint8_t *out, const uint8_t *data, const struct view *view, uint8_t flags)
{
	const uint8_t *segment = data + view->l4;
	uint32_t next = view_read_u32(segment + 4) + (view->own_end - view->l4_payload);
	bool has_ack = segment[13] & NFBIND_TCP_FLAG_ACK;

	next += (segment[13] & NFBIND_TCP_FLAG_SYN ? 1 : 0) +
		(segment[13] & NFBIND_TCP_FLAG_FIN ? 1 : 0);
	/* A reset of what acknowledged nothing has to do that itself. */
	if (flags == NFBIND_TCP_FLAG_RST && !has_ack)
		flags |= NFBIND_TCP_FLAG_ACK;
	memcpy(out, segment + 2, 2);
	memcpy(out + 2, segment, 2);
	view_write_u32(out + 4, has_ack ? view_read_u32(segment + 8) : 0);
	view_write_u32(out + 8, flags & NFBIND_TCP_FLAG_ACK ? next : 0);
	out[12] = TCP_HEADER / 4 << 4;
	out[13] = flags;
	view_write_u16(out + 14, flags & NFBIND_TCP_FLAG_RST ? 0 : UINT16_MAX);
}

int nfbind_packet_build_reply(const struct nfbind_packet *packet, uint32_t tcp_flags,
			      const void *data, size_t data_len,
			      struct nfbind_packet **ret_packet)
{
	struct nfbind_packet *reply;
	struct view view;
	uint32_t at;
	int r;

	if (!packet || !ret_packet || (!data && data_len > 0) || tcp_flags > UINT8_MAX)
		return -EINVAL;
	if (view_of(packet, &view) < 0 || view.protocol != PROTOCOL_TCP || view.l4_payload == 0 ||
	    view.is_fragment || !may_answer(packet->payload, &view, view.src, view.dst))
		return -EINVAL;
	/* A reset is never answered with a reset (RFC 9293, 3.10.7.1). */
	if (tcp_flags & packet->payload[view.l4 + 13] & NFBIND_TCP_FLAG_RST)
		return -EINVAL;
	at = (view.version == 4 ? IPV4_HEADER : IPV6_HEADER) + TCP_HEADER;
	if (data_len > UINT16_MAX - at)
		return -EMSGSIZE;
	r = make_answer(packet->payload, &view, view.src, view.dst, PROTOCOL_TCP,
			TCP_HEADER + (uint32_t)data_len, &reply);
	if (r < 0)
		return r;
	put_tcp(reply->payload + at - TCP_HEADER, packet->payload, &view, (uint8_t)tcp_flags);
	if (data_len > 0)
		memcpy(reply->payload + at, data, data_len);
	*ret_packet = complete(reply);
	return 0;
}

/* Where both versions of the message differ. */
struct unreachable {
	uint8_t protocol, type;
	uint8_t src, dst; /* offsets of the IP header's own addresses, whatever its route says */
	uint32_t header_len, max, code_max;
};

static const struct unreachable unreachable_ipv4 = {
	PROTOCOL_ICMP, 3, 12, 16, IPV4_HEADER, ICMP_MAX, CODE_MAX_IPV4,
};
static const struct unreachable unreachable_ipv6 = {
	PROTOCOL_ICMPV6, 1, 8, 24, IPV6_HEADER, ICMPV6_MAX, CODE_MAX_IPV6,
};

int nfbind_packet_build_unreachable(const struct nfbind_packet *packet, uint32_t code,
				    struct nfbind_packet **ret_packet)
{
	const struct unreachable *kind;
	struct nfbind_packet *answer;
	uint32_t quoted;
	struct view view;
	uint8_t *out;
	int r;

	if (!packet || !ret_packet || view_of(packet, &view) < 0)
		return -EINVAL;
	kind = view.version == 4 ? &unreachable_ipv4 : &unreachable_ipv6;
	if (!may_answer(packet->payload, &view, kind->src, kind->dst))
		return -EINVAL;
	if (code > kind->code_max)
		return -ERANGE;
	quoted = kind->max - kind->header_len - ICMP_HEADER;
	if (quoted > view.end)
		quoted = view.end;
	r = make_answer(packet->payload, &view, kind->src, kind->dst, kind->protocol,
			ICMP_HEADER + quoted, &answer);
	if (r < 0)
		return r;
	if (view.version == 4)
		answer->payload[1] = PRECEDENCE_CONTROL | (packet->payload[1] & TOS_MASK);
	out = answer->payload + kind->header_len;
	out[0] = kind->type;
	out[1] = (uint8_t)code;
	memcpy(out + ICMP_HEADER, packet->payload, quoted);
	*ret_packet = complete(answer);
	return 0;
}
