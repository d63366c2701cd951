/* SPDX-License-Identifier: MIT */
/*
 * Which bytes each checksum covers, what they add up to, and whether that and the
 * length fields of a packet are right. edit.c repairs with the same functions, so
 * that what is repaired is what is verified.
 */
#include "view.h"

#include <errno.h>
#include <string.h>

#include "checksum.h"

enum {
	FAMILY_BRIDGE = 7,
};

/* Whether the packet's transport protocol is one whose lengths and checksum are known. */
static bool is_known(const struct view *view)
{
	switch (view->protocol) {
	case PROTOCOL_TCP:
	case PROTOCOL_UDP:
	case PROTOCOL_UDPLITE:
	case PROTOCOL_DCCP:
	case PROTOCOL_SCTP:
		return true;
	case PROTOCOL_ICMP:
		return view->version == 4;
	case PROTOCOL_ICMPV6:
		return view->version == 6;
	default:
		return false;
	}
}

/* The covered length that a UDP-Lite header names (RFC 3828, 3.1), or all of it. */
static uint32_t udplite_end(const uint8_t *data, const struct view *view)
{
	uint32_t len = view_read_u16(data + view->l4 + 4);

	return len < 8 || len > view->l4_end - view->l4 ? view->l4_end : view->l4 + len;
}

/* DCCP counts in words behind its header; 0 is everything (RFC 4340, 9.2). */
static uint32_t dccp_end(const uint8_t *data, const struct view *view)
{
	uint32_t words = data[view->l4 + 5] & 0xf;
	uint32_t header = view->l4_payload ? view->l4_payload : view->l4_end;
	uint32_t end = header + (words - 1) * 4;

	return words == 0 || end > view->l4_end ? view->l4_end : end;
}

bool view_coverage(const uint8_t *data, const struct view *view, struct coverage *ret_coverage)
{
	struct coverage coverage = { .has_pseudo = true, .start = view->l4, .end = view->l4_end };
	uint32_t len = view->end - view->l4, at;

	if (view->l4 == 0 || !is_known(view))
		return false;
	switch (view->protocol) {
	case PROTOCOL_TCP:
		at = 16;
		break;
	case PROTOCOL_UDP:
	case PROTOCOL_UDPLITE:
	case PROTOCOL_DCCP:
		at = 6;
		break;
	case PROTOCOL_ICMP:
	case PROTOCOL_ICMPV6:
		at = 2;
		coverage.has_pseudo = view->protocol == PROTOCOL_ICMPV6;
		break;
	default: /* SCTP */
		at = 8;
		coverage.has_pseudo = false;
		coverage.is_crc = true;
	}
	if (len < at + (coverage.is_crc ? 4 : 2))
		return false;
	if (view->protocol == PROTOCOL_UDPLITE)
		coverage.end = udplite_end(data, view);
	else if (view->protocol == PROTOCOL_DCCP)
		coverage.end = dccp_end(data, view);
	coverage.at = view->l4 + at;
	coverage.is_optional = view->protocol == PROTOCOL_UDP || view->protocol == PROTOCOL_UDPLITE;
	coverage.is_whole = !view->is_fragment && view->own_end == view->end;
	*ret_coverage = coverage;
	return true;
}

uint64_t view_sum_pseudo(const uint8_t *data, const struct view *view)
{
	return checksum_add_pseudo(0, data + view->src, data + view->dst, view_address_len(view),
				   view->protocol, view->l4_end - view->l4);
}

uint64_t view_sum(const uint8_t *data, const struct view *view, const struct coverage *coverage)
{
	uint64_t sum = coverage->has_pseudo ? view_sum_pseudo(data, view) : 0;

	return checksum_add(sum, data + coverage->start, coverage->end - coverage->start);
}

uint32_t view_crc(const uint8_t *data, const struct coverage *coverage)
{
	static const uint8_t zero[4];
	uint32_t after = coverage->at + sizeof(zero);
	uint32_t crc = CRC32C_START;

	crc = checksum_crc32c(crc, data + coverage->start, coverage->at - coverage->start);
	crc = checksum_crc32c(crc, zero, sizeof(zero));
	crc = checksum_crc32c(crc, data + after, coverage->end - after);
	return checksum_crc32c_end(crc);
}

/* The transport header is there in full and its length fields stay inside the packet. */
static bool is_transport_sane(const uint8_t *data, const struct view *view)
{
	uint32_t len = view->end - view->l4, field;

	if (!is_known(view))
		return true;
	if (view->l4_payload == 0)
		return false;
	field = view_read_u16(data + view->l4 + 4);
	switch (view->protocol) {
	case PROTOCOL_UDP:
		return field >= 8 && field <= len;
	case PROTOCOL_UDPLITE:
		return field == 0 || (field >= 8 && field <= len);
	case PROTOCOL_DCCP:
		field &= 0xf;
		return field == 0 || view->l4_payload + (field - 1) * 4 <= view->l4_end;
	default:
		return true;
	}
}

static bool are_lengths_right(const struct nfbind_packet *packet, const struct view *view)
{
	bool may_be_short = packet->flags & PACKET_TRUNCATED;

	if (view->is_unsized && !may_be_short)
		return false;
	if (view->own_end > packet->payload_len)
		return may_be_short;
	/* On a bridge a short frame comes with its padding. */
	if (view->end < packet->payload_len && packet->family != FAMILY_BRIDGE)
		return false;
	if (may_be_short || view->is_fragment)
		return true;
	return view->has_protocol && is_transport_sane(packet->payload, view);
}

static bool is_checksum_right(const uint8_t *data, const struct view *view,
			      const struct coverage *coverage)
{
	uint32_t crc;
	uint16_t stored;

	if (coverage->is_crc) {
		memcpy(&crc, data + coverage->at, sizeof(crc));
		return view_crc(data, coverage) == crc;
	}
	memcpy(&stored, data + coverage->at, sizeof(stored));
	/* Only UDP over IPv4 may do without (RFC 768; RFC 8200, 8.1; RFC 3828, 3.1). */
	if (stored == 0 && coverage->is_optional)
		return view->protocol == PROTOCOL_UDP && view->version == 4;
	return checksum_fold(view_sum(data, view, coverage)) == UINT16_MAX;
}

int nfbind_packet_verify(const struct nfbind_packet *packet, uint32_t *ret_wrong)
{
	struct coverage coverage;
	uint32_t wrong = 0;
	struct view view;

	if (!packet || view_of(packet, &view) < 0)
		return -EINVAL;
	if (!are_lengths_right(packet, &view))
		wrong |= NFBIND_VERIFY_LENGTH;
	if (view.version == 4 &&
	    checksum_fold(checksum_add(0, packet->payload, view.headers_end)) != UINT16_MAX)
		wrong |= NFBIND_VERIFY_IP_CHECKSUM;
	if (view.is_fragment || view_is_cut(packet, &view) || packet->flags & PACKET_PARTIAL)
		wrong |= NFBIND_VERIFY_PARTIAL;
	else if (view_coverage(packet->payload, &view, &coverage) &&
		 !is_checksum_right(packet->payload, &view, &coverage))
		wrong |= NFBIND_VERIFY_L4_CHECKSUM;
	*ret_wrong = wrong;
	return 0;
}
