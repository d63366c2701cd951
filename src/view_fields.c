/* SPDX-License-Identifier: MIT */
/*
 * The header fields of a packet: a table that places every number in its header,
 * for each IP version where they differ, and what reads and writes it. A field is
 * absent when its bytes are not there, whatever the reason. Fields that decide how
 * the rest of the packet is read (version, protocol, fragmentation) are not set.
 */
#include "view.h"

#include <errno.h>
#include <string.h>

#include "edit.h"

enum {
	FIRST = NFBIND_PACKET_IP_VERSION,
	TCP_OPTIONS_MAX = 40,
	TCP_OPTION_MSS = 2,
};

/* Sets of transport protocols. */
enum carrier {
	IN_IP = 0,
	IN_TCP = 1 << 0,
	IN_UDP = 1 << 1,
	IN_SCTP = 1 << 2,
	IN_DCCP = 1 << 3,
	IN_ICMP = 1 << 4,
	IN_ECHO = 1 << 5, /* ICMP whose type is an echo */
	IN_PORTS = IN_TCP | IN_UDP | IN_SCTP | IN_DCCP,
};

/* A number in a header: `size` bytes at `offset`, shifted down and masked; size 0 is absent. */
struct bits {
	uint8_t offset;
	uint8_t size;
	uint8_t shift;
	uint32_t mask;
};

/* Numbers in the IP header lie in `v4` or `v6`, those in a transport header in `l4`. */
struct place {
	uint8_t carriers;
	bool is_fixed; /* cannot be set */
	bool is_bytes;
	struct bits l4, v4, v6;
};

#define PLACE(field, ...) [NFBIND_PACKET_##field - FIRST] = { __VA_ARGS__ }

static const struct place places[] = {
	PLACE(IP_VERSION, .is_fixed = true, .v4 = { 0, 1, 4, 0xf }, .v6 = { 0, 1, 4, 0xf }),
	PLACE(IP_SRC, .is_bytes = true),
	PLACE(IP_DST, .is_bytes = true),
	PLACE(IP_PROTOCOL, .is_fixed = true),
	PLACE(IP_TTL, .v4 = { 8, 1, 0, 0xff }, .v6 = { 7, 1, 0, 0xff }),
	PLACE(IP_DSCP, .v4 = { 1, 1, 2, 0x3f }, .v6 = { 0, 2, 6, 0x3f }),
	PLACE(IP_ECN, .v4 = { 1, 1, 0, 0x3 }, .v6 = { 0, 2, 4, 0x3 }),
	PLACE(IP_ID, .v4 = { 4, 2, 0, UINT16_MAX }), /* IPv6: see locate() */
	PLACE(IP_FRAGMENT_OFFSET, .is_fixed = true),
	PLACE(IP_MORE_FRAGMENTS, .is_fixed = true),
	PLACE(IP_DONT_FRAGMENT, .v4 = { 6, 1, 6, 0x1 }),
	PLACE(IP_FLOW_LABEL, .v6 = { 0, 4, 0, 0xfffff }),
	PLACE(PORT_SRC, IN_PORTS, .l4 = { 0, 2, 0, UINT16_MAX }),
	PLACE(PORT_DST, IN_PORTS, .l4 = { 2, 2, 0, UINT16_MAX }),
	PLACE(TCP_SEQ, IN_TCP, .l4 = { 4, 4, 0, UINT32_MAX }),
	PLACE(TCP_ACK, IN_TCP, .l4 = { 8, 4, 0, UINT32_MAX }),
	PLACE(TCP_FLAGS, IN_TCP, .l4 = { 13, 1, 0, 0xff }),
	PLACE(TCP_WINDOW, IN_TCP, .l4 = { 14, 2, 0, UINT16_MAX }),
	PLACE(TCP_URGENT, IN_TCP, .l4 = { 18, 2, 0, UINT16_MAX }),
	PLACE(TCP_OPTIONS, IN_TCP, .is_bytes = true),
	PLACE(TCP_MSS, IN_TCP, .l4 = { 0, 2, 0, UINT16_MAX }), /* see locate() */
	PLACE(ICMP_TYPE, IN_ICMP, .l4 = { 0, 1, 0, 0xff }),
	PLACE(ICMP_CODE, IN_ICMP, .l4 = { 1, 1, 0, 0xff }),
	PLACE(ICMP_ID, IN_ECHO, .l4 = { 4, 2, 0, UINT16_MAX }),
	PLACE(ICMP_SEQ, IN_ECHO, .l4 = { 6, 2, 0, UINT16_MAX }),
	PLACE(SCTP_VTAG, IN_SCTP, .l4 = { 4, 4, 0, UINT32_MAX }),
	PLACE(L4_PAYLOAD, .is_bytes = true),
};

static const struct place *find_place(uint32_t field)
{
	if (field < FIRST || field - FIRST >= sizeof(places) / sizeof(places[0]))
		return NULL;
	return &places[field - FIRST];
}

/* The sets that a packet's transport header belongs to. */
static unsigned int carriers_of(const uint8_t *data, const struct view *view)
{
	uint8_t type;

	if (view->l4 == 0)
		return 0;
	type = data[view->l4];
	switch (view->protocol) {
	case PROTOCOL_TCP:
		return IN_TCP;
	case PROTOCOL_UDP:
	case PROTOCOL_UDPLITE:
		return IN_UDP;
	case PROTOCOL_SCTP:
		return IN_SCTP;
	case PROTOCOL_DCCP:
		return IN_DCCP;
	case PROTOCOL_ICMP:
		if (view->version != 4)
			return 0;
		return IN_ICMP | (type == 0 || type == 8 ? IN_ECHO : 0);
	case PROTOCOL_ICMPV6:
		if (view->version != 6)
			return 0;
		return IN_ICMP | (type == 128 || type == 129 ? IN_ECHO : 0);
	default:
		return 0;
	}
}

/* Where the value of the segment size option is; 0 for nowhere. */
static uint32_t find_mss(const uint8_t *data, const struct view *view)
{
	uint32_t at;

	if (view->l4_payload == 0 || view->protocol != PROTOCOL_TCP)
		return 0;
	if (!view_find_option(data + view->l4 + 20, view->l4_payload - view->l4 - 20,
			      TCP_OPTION_MSS, 4, &at))
		return 0;
	return view->l4 + 20 + at + 2;
}

/* Find where the number is in this packet: *ret_at in bytes, all of them there. */
static int locate(const uint8_t *data, const struct view *view, uint32_t field, uint32_t *ret_at,
		  struct bits *ret_bits)
{
	const struct place *place = find_place(field);
	struct bits bits = place->l4;
	uint32_t base = view->l4;

	if (field == NFBIND_PACKET_IP_ID && view->version == 6) {
		base = view->fragment_header;
		bits = (struct bits){ 4, base ? 4 : 0, 0, UINT32_MAX };
	} else if (field == NFBIND_PACKET_TCP_MSS) {
		base = find_mss(data, view);
		bits.size = base ? 2 : 0;
	} else if (place->carriers == IN_IP) {
		base = 0;
		bits = view->version == 4 ? place->v4 : place->v6;
	} else if (!(place->carriers & carriers_of(data, view))) {
		return -ENODATA;
	}
	if (bits.size == 0 || base + bits.offset + bits.size > view->end)
		return -ENODATA;
	*ret_at = base + bits.offset;
	*ret_bits = bits;
	return 0;
}

static uint32_t read_word(const uint8_t *data, const struct bits *bits)
{
	switch (bits->size) {
	case 1:
		return data[0];
	case 2:
		return view_read_u16(data);
	default:
		return view_read_u32(data);
	}
}

int view_read_number(const uint8_t *data, const struct view *view, uint32_t field,
		     uint64_t *ret_value)
{
	struct bits bits;
	uint32_t at;
	int r;

	switch (field) {
	case NFBIND_PACKET_IP_PROTOCOL:
		if (!view->has_protocol)
			return -ENODATA;
		*ret_value = view->protocol;
		return 0;
	case NFBIND_PACKET_IP_FRAGMENT_OFFSET:
	case NFBIND_PACKET_IP_MORE_FRAGMENTS:
		if (!view->is_fragment)
			return -ENODATA;
		*ret_value = field == NFBIND_PACKET_IP_FRAGMENT_OFFSET ? view->fragment_offset :
									 view->more_fragments;
		return 0;
	default:
		r = locate(data, view, field, &at, &bits);
		if (r < 0)
			return r;
		*ret_value = read_word(data + at, &bits) >> bits.shift & bits.mask;
		return 0;
	}
}

int view_get_number(const struct nfbind_packet *packet, uint32_t field, uint64_t *ret_value)
{
	const struct place *place = find_place(field);
	struct view view;

	if (!place)
		return -ERANGE;
	if (place->is_bytes)
		return -EINVAL;
	if (view_of(packet, &view) < 0)
		return -ENODATA;
	return view_read_number(packet->payload, &view, field, ret_value);
}

int view_set_number(struct nfbind_packet *packet, uint32_t field, uint64_t value)
{
	const struct place *place = find_place(field);
	struct bits bits;
	struct view view;
	uint8_t bytes[4];
	uint32_t at, word;
	int r;

	if (!place)
		return -ERANGE;
	if (place->is_bytes)
		return -EINVAL;
	if (place->is_fixed)
		return -EACCES;
	if (view_of(packet, &view) < 0)
		return -ENODATA;
	r = locate(packet->payload, &view, field, &at, &bits);
	if (r < 0)
		return r;
	if (value > bits.mask)
		return -ERANGE;
	word = read_word(packet->payload + at, &bits) & ~(bits.mask << bits.shift);
	view_write_u32(bytes, word | (uint32_t)value << bits.shift);
	return edit_patch(packet, &view, at, bytes + 4 - bits.size, bits.size);
}

int view_locate_bytes(const struct view *view, uint32_t field, uint32_t *ret_at, uint32_t *ret_len)
{
	uint32_t address_len = (uint32_t)view_address_len(view);
	uint32_t address = view->version == 4 ? 12 : 8;

	switch (field) {
	case NFBIND_PACKET_IP_SRC:
	case NFBIND_PACKET_IP_DST:
		*ret_at = address + (field == NFBIND_PACKET_IP_DST ? address_len : 0);
		*ret_len = address_len;
		return 0;
	case NFBIND_PACKET_TCP_OPTIONS:
		if (view->l4_payload == 0 || view->protocol != PROTOCOL_TCP)
			return -ENODATA;
		*ret_at = view->l4 + 20;
		*ret_len = view->l4_payload - *ret_at;
		return 0;
	default:
		if (view->l4_payload == 0)
			return -ENODATA;
		*ret_at = view->l4_payload;
		*ret_len = view->l4_end - *ret_at;
		return 0;
	}
}

int view_get_bytes(const struct nfbind_packet *packet, uint32_t field, const void **ret_data,
		   size_t *ret_data_len)
{
	const struct place *place = find_place(field);
	struct view view;
	uint32_t at, len;
	int r;

	if (!place)
		return -ERANGE;
	if (!place->is_bytes)
		return -EINVAL;
	if (view_of(packet, &view) < 0)
		return -ENODATA;
	r = view_locate_bytes(&view, field, &at, &len);
	if (r < 0)
		return r;
	*ret_data = packet->payload + at;
	*ret_data_len = len;
	return 0;
}

int view_set_bytes(struct nfbind_packet *packet, uint32_t field, const void *data,
		   size_t data_len)
{
	const struct place *place = find_place(field);
	uint8_t copy[TCP_OPTIONS_MAX];
	struct view view;
	uint32_t at, len;
	int r;

	if (!place)
		return -ERANGE;
	if (!place->is_bytes)
		return -EINVAL;
	if (view_of(packet, &view) < 0)
		return -ENODATA;
	r = view_locate_bytes(&view, field, &at, &len);
	if (r < 0)
		return r;
	if (field == NFBIND_PACKET_L4_PAYLOAD)
		return edit_splice_checked(packet, &view, 0, len, data, data_len);
	if (data_len != len)
		return -EINVAL;
	/* The new bytes may be part of this very packet. */
	if (len > 0)
		memcpy(copy, data, len);
	return edit_patch(packet, &view, at, copy, len);
}
