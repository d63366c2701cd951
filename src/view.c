/* SPDX-License-Identifier: MIT */
/*
 * The walk over a packet's headers; see view.h. It follows what Linux walks
 * (net/ipv6/exthdrs_core.c): hop-by-hop, routing, fragment, destination options
 * and AH; every other next header ends it. Bytes that a length field promises
 * and that are not there end it too: nothing beyond `end` is ever read.
 */
#include "view.h"

#include <errno.h>

enum {
	HEADER_HOP = 0,
	HEADER_ROUTING = 43,
	HEADER_FRAGMENT = 44,
	HEADER_AUTH = 51,
	HEADER_NONE = 59,
	HEADER_DESTINATION = 60,

	OPTION_END = 0,
	OPTION_PAD = 1,
	OPTION_LOOSE_ROUTE = 131,
	OPTION_STRICT_ROUTE = 137,
	OPTION_HOME_ADDRESS = 201,

	IPV6_HEADER = 40,
};

uint16_t view_read_u16(const uint8_t *data)
{
	return (uint16_t)(data[0] << 8 | data[1]);
}

uint32_t view_read_u32(const uint8_t *data)
{
	return (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
}

void view_write_u16(uint8_t *data, uint16_t value)
{
	data[0] = (uint8_t)(value >> 8);
	data[1] = (uint8_t)value;
}

void view_write_u32(uint8_t *data, uint32_t value)
{
	view_write_u16(data, (uint16_t)(value >> 16));
	view_write_u16(data + 2, (uint16_t)value);
}

size_t view_address_len(const struct view *view)
{
	return view->version == 4 ? 4 : 16;
}

bool view_is_cut(const struct nfbind_packet *packet, const struct view *view)
{
	return packet->flags & PACKET_TRUNCATED || view->own_end > packet->payload_len;
}

/* TCP's and IPv4's options have the same form, IPv6's nearly: there, PAD is 0 and END is not. */
uint32_t view_find_option(const uint8_t *options, uint32_t len, uint8_t kind, uint32_t least,
			  uint32_t *ret_at)
{
	uint32_t at = 0, whole;

	for (; at < len && options[at] != OPTION_END; at += whole) {
		whole = 1;
		if (options[at] == OPTION_PAD)
			continue;
		if (len - at < 2 || options[at + 1] < 2 || options[at + 1] > len - at)
			return 0;
		whole = options[at + 1];
		if (options[at] == kind && whole >= least) {
			*ret_at = at;
			return whole;
		}
	}
	return 0;
}

/* The pseudo header takes the last stop of a source route (RFC 1122, 3.2.1.8). */
static void find_ipv4_route(const uint8_t *data, uint32_t header_len, struct view *view)
{
	const uint8_t *options = data + 20;
	uint32_t at;
	uint32_t len = view_find_option(options, header_len - 20, OPTION_LOOSE_ROUTE, 7, &at);

	if (len == 0)
		len = view_find_option(options, header_len - 20, OPTION_STRICT_ROUTE, 7, &at);
	if (len > 0 && (len - 3) % 4 == 0 && options[at + 2] < len)
		view->dst = 20 + at + len - 4;
}

static int walk_ipv4(const uint8_t *data, uint32_t len, struct view *view)
{
	uint32_t header_len = (data[0] & 0xf) * 4u;
	uint16_t fragment;

	if (len < 20 || header_len < 20 || len < header_len)
		return -EINVAL;
	view->own_end = view_read_u16(data + 2);
	view->is_unsized = view->own_end < header_len;
	if (view->is_unsized)
		view->own_end = len;
	view->end = view->own_end < len ? view->own_end : len;
	view->src = 12;
	view->dst = 16;
	fragment = view_read_u16(data + 6);
	view->fragment_offset = (uint16_t)((fragment & 0x1fff) * 8);
	view->more_fragments = fragment & 0x2000;
	view->is_fragment = view->fragment_offset || view->more_fragments;
	view->protocol = data[9];
	view->has_protocol = true;
	view->headers_end = header_len;
	find_ipv4_route(data, header_len, view);
	return 0;
}

/* The pseudo header takes a route's last stop while it is not reached (RFC 8200, 8.1). */
static void find_ipv6_route(const uint8_t *data, uint32_t at, uint32_t len, struct view *view)
{
	uint8_t type = data[at + 2], segments_left = data[at + 3];
	uint32_t count = (len - 8) / 16;

	if (segments_left == 0 || count == 0)
		return;
	if (type == 0 || type == 2)
		view->dst = at + 8 + (count - 1) * 16;
	else if (type == 4)
		view->dst = at + 8; /* RFC 8754: the list runs backwards */
}

/* And a mobile node's home address (RFC 6275, 6.3). */
static void find_ipv6_home(const uint8_t *data, uint32_t at, uint32_t len, struct view *view)
{
	uint32_t end = at + len, whole;

	for (at += 2; at < end; at += whole) {
		whole = 1;
		if (data[at] == 0)
			continue;
		if (end - at < 2 || data[at + 1] > end - at - 2)
			return;
		whole = 2u + data[at + 1];
		if (data[at] == OPTION_HOME_ADDRESS && whole == 18)
			view->src = at + 2;
	}
}

static void read_fragment(const uint8_t *data, uint32_t at, struct view *view)
{
	view->fragment_header = at;
	view->fragment_offset = view_read_u16(data + at + 2) & 0xfff8;
	view->more_fragments = data[at + 3] & 1;
	view->is_fragment = view->fragment_offset || view->more_fragments;
}

/* The length of an extension header, 0 when `next` is none that is walked. */
static uint32_t extension_len(uint8_t next, const uint8_t *header)
{
	switch (next) {
	case HEADER_HOP:
	case HEADER_ROUTING:
	case HEADER_DESTINATION:
		return (header[1] + 1u) * 8;
	case HEADER_FRAGMENT:
		return 8;
	case HEADER_AUTH:
		return (header[1] + 2u) * 4;
	default:
		return 0;
	}
}

static void walk_extensions(const uint8_t *data, struct view *view)
{
	static const uint8_t no_bytes[2];
	uint32_t at = IPV6_HEADER, len;
	uint8_t next = data[6];

	for (; view->fragment_offset == 0; at += len) {
		bool is_there = view->end - at >= 2;

		len = extension_len(next, is_there ? data + at : no_bytes);
		if (len == 0)
			break;
		view->headers_end = at;
		if (!is_there || len > view->end - at)
			return;
		if (next == HEADER_FRAGMENT)
			read_fragment(data, at, view);
		else if (next == HEADER_ROUTING)
			find_ipv6_route(data, at, len, view);
		else if (next == HEADER_DESTINATION)
			find_ipv6_home(data, at, len, view);
		next = data[at];
	}
	view->headers_end = at;
	view->protocol = next;
	view->has_protocol = true;
}

static int walk_ipv6(const uint8_t *data, uint32_t len, struct view *view)
{
	if (len < IPV6_HEADER)
		return -EINVAL;
	view->own_end = IPV6_HEADER + view_read_u16(data + 4);
	/* Length 0 with something behind it: a jumbogram, or BIG TCP on kernels without its option. */
	view->is_unsized = view->own_end == IPV6_HEADER && data[6] != HEADER_NONE;
	if (view->is_unsized)
		view->own_end = len;
	view->end = view->own_end < len ? view->own_end : len;
	view->headers_end = IPV6_HEADER;
	view->src = 8;
	view->dst = 24;
	walk_extensions(data, view);
	return 0;
}

/* The length of the transport header, 0 when it is not there in full or makes no sense. */
static uint32_t transport_len(const uint8_t *header, uint32_t available, const struct view *view)
{
	uint32_t least, len;

	switch (view->protocol) {
	case PROTOCOL_TCP:
		least = 20;
		len = available >= least ? (header[12] >> 4) * 4u : 0;
		break;
	case PROTOCOL_DCCP:
		least = 12;
		len = available >= least ? header[4] * 4u : 0;
		break;
	case PROTOCOL_SCTP:
		least = len = 12;
		break;
	case PROTOCOL_UDP:
	case PROTOCOL_UDPLITE:
		least = len = 8;
		break;
	case PROTOCOL_ICMP:
	case PROTOCOL_ICMPV6:
		least = len = view->version == (view->protocol == PROTOCOL_ICMP ? 4 : 6) ? 8 : 0;
		break;
	default:
		return 0;
	}
	return len >= least && len <= available ? len : 0;
}

static void find_transport(const uint8_t *data, struct view *view)
{
	uint32_t available = view->end - view->headers_end;
	uint32_t len;

	view->l4_end = view->end;
	if (!view->has_protocol || view->fragment_offset != 0 || available == 0)
		return;
	view->l4 = view->headers_end;
	len = transport_len(data + view->l4, available, view);
	if (len == 0)
		return;
	view->l4_payload = view->l4 + len;
	if (view->protocol == PROTOCOL_UDP) {
		uint32_t udp_len = view_read_u16(data + view->l4 + 4);

		if (udp_len >= len && udp_len < available)
			view->l4_end = view->l4 + udp_len;
	}
}

int view_parse(const uint8_t *data, size_t data_len, struct view *ret_view)
{
	struct view view = { 0 };
	uint32_t len = (uint32_t)data_len;
	int r = -EINVAL;

	if (data_len == 0)
		return -EINVAL;
	view.version = data[0] >> 4;
	if (view.version == 4)
		r = walk_ipv4(data, len, &view);
	else if (view.version == 6)
		r = walk_ipv6(data, len, &view);
	if (r < 0)
		return r;
	find_transport(data, &view);
	*ret_view = view;
	return 0;
}

int view_of(const struct nfbind_packet *packet, struct view *ret_view)
{
	/* Only what is known of it changes: a packet is for one thread at a time. */
	struct nfbind_packet *known = (struct nfbind_packet *)(uintptr_t)packet;
	int r;

	if (!(packet->flags & PACKET_VIEWED)) {
		r = view_parse(packet->payload, packet->payload_len, &known->view);
		if (r < 0)
			return r;
		known->flags |= PACKET_VIEWED;
	}
	*ret_view = packet->view;
	return 0;
}

/* nfqnl_mangle() refuses less than skb_transport_offset(), and the packet is lost. */
uint32_t view_least_len(const struct nfbind_packet *packet)
{
	struct view view;

	return view_of(packet, &view) < 0 ? packet->payload_len : view.headers_end;
}
