/* SPDX-License-Identifier: MIT */
/*
 * Changes inside a packet's bytes; see edit.h. A change of bytes in place updates
 * checksums by what changed (RFC 1624), a change of length by the sums before and
 * after it: either way a wrong checksum stays wrong by the same amount, so that
 * damage on the wire is not hidden. Only a checksum that nobody has filled in yet
 * is computed in full.
 */
#include "edit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <nfbind/ct.h>

#include "checksum.h"
#include "wire.h"

enum { IPV6_HEADER = 40 };

/* What a transport checksum's bytes add up to at one moment. */
struct measure {
	struct coverage coverage;
	bool is_known;
	uint64_t sum;
	uint32_t crc;
};

static struct measure measure(const uint8_t *data, const struct view *view)
{
	struct measure measure = { 0 };

	measure.is_known = view_coverage(data, view, &measure.coverage);
	if (!measure.is_known)
		return measure;
	if (measure.coverage.is_crc)
		measure.crc = view_crc(data, &measure.coverage);
	else
		measure.sum = view_sum(data, view, &measure.coverage);
	return measure;
}

static void adjust_sum(uint8_t *field, bool is_optional, uint64_t before, uint64_t after)
{
	uint16_t checksum;

	memcpy(&checksum, field, sizeof(checksum));
	if (is_optional && checksum == 0)
		return;
	checksum = checksum_adjust(checksum, before, after);
	if (is_optional && checksum == 0)
		checksum = UINT16_MAX;
	memcpy(field, &checksum, sizeof(checksum));
}

/* A CRC of 0 that is wrong is none at all, by agreement of both ends (RFC 9653). */
static void adjust_crc(uint8_t *field, uint32_t before, uint32_t after)
{
	uint32_t crc;

	memcpy(&crc, field, sizeof(crc));
	if (crc == 0 && before != 0)
		return;
	crc ^= before ^ after;
	memcpy(field, &crc, sizeof(crc));
}

static void adjust(uint8_t *data, const struct measure *before, const struct measure *after)
{
	uint8_t *field = data + before->coverage.at;

	if (!before->is_known || !after->is_known)
		return;
	if (before->coverage.is_crc)
		adjust_crc(field, before->crc, after->crc);
	else
		adjust_sum(field, before->coverage.is_optional, before->sum, after->sum);
}

static void fill_in(uint8_t *data, const struct view *view, const struct coverage *coverage)
{
	uint8_t *field = data + coverage->at;
	uint16_t checksum;
	uint32_t crc;

	if (coverage->is_crc) {
		crc = view_crc(data, coverage);
		memcpy(field, &crc, sizeof(crc));
		return;
	}
	memset(field, 0, sizeof(checksum));
	checksum = (uint16_t)~checksum_fold(view_sum(data, view, coverage));
	if (coverage->is_optional && checksum == 0)
		checksum = UINT16_MAX;
	memcpy(field, &checksum, sizeof(checksum));
}

void view_finish(struct nfbind_packet *packet)
{
	struct coverage coverage;
	struct view view;

	if (!(packet->flags & PACKET_CHANGED) || !(packet->flags & PACKET_PARTIAL))
		return;
	if (view_of(packet, &view) < 0 || !view_coverage(packet->payload, &view, &coverage) ||
	    !coverage.is_whole)
		return;
	fill_in(packet->payload, &view, &coverage);
	packet->flags &= (uint8_t)~PACKET_PARTIAL;
}

/*
 * A partial checksum may belong to an inner packet of a tunnel, which the library
 * does not look into: there the outer protocol is another one, or it is UDP whose
 * field is not the sum of its pseudo header. The kernel would send the inner
 * checksum as it is, so such a packet is not changed.
 */
static bool can_finish(const struct nfbind_packet *packet, const struct view *view,
		       const struct coverage *coverage)
{
	uint16_t stored;

	if (!coverage->is_whole)
		return false;
	if (!coverage->is_optional)
		return true;
	memcpy(&stored, packet->payload + coverage->at, sizeof(stored));
	return checksum_fold(view_sum_pseudo(packet->payload, view)) % UINT16_MAX ==
	       stored % UINT16_MAX;
}

/* Whether the checksums can follow a change: -EALREADY, -EOPNOTSUPP. */
static int check_repair(const struct nfbind_packet *packet, const struct view *view)
{
	int r = packet_check_payload_change(packet);
	struct coverage coverage;
	bool is_covered;

	if (r < 0)
		return r;
	is_covered = view_coverage(packet->payload, view, &coverage);
	if (packet->flags & PACKET_PARTIAL)
		return is_covered && can_finish(packet, view, &coverage) ? 0 : -EOPNOTSUPP;
	/* A sum is adjusted without the missing bytes, a CRC is not. */
	if (is_covered && coverage.is_crc && !coverage.is_whole)
		return -EOPNOTSUPP;
	return 0;
}

/* The transport checksum after bytes that it covers, or addresses, are replaced. */
static void patch_sum(uint8_t *data, const struct view *view, const struct coverage *coverage,
		      uint32_t at, const void *bytes, uint32_t len)
{
	bool is_address = coverage->has_pseudo && (at == view->src || at == view->dst);
	/* Addresses and transport headers both start at even offsets of what is summed. */
	uint32_t offset = is_address ? 0 : at - coverage->start;

	if (!is_address && (at < coverage->start || at >= coverage->end))
		return;
	if (!is_address && len > coverage->end - at)
		len = coverage->end - at;
	adjust_sum(data + coverage->at, coverage->is_optional,
		   checksum_add_at(0, offset, data + at, len),
		   checksum_add_at(0, offset, bytes, len));
}

/* Replace bytes of an IPv4 header, the checksum following. */
static void patch_ipv4(uint8_t *data, uint32_t at, const void *bytes, uint32_t len)
{
	adjust_sum(data + 10, false, checksum_add_at(0, at, data + at, len),
		   checksum_add_at(0, at, bytes, len));
}

static int patch_unchecked(struct nfbind_packet *packet, const struct view *view, uint32_t at,
			   const void *data, uint32_t len)
{
	struct measure before = { 0 }, after;
	struct coverage coverage;
	uint8_t *bytes;
	int r;

	if (len == 0 || memcmp(packet->payload + at, data, len) == 0)
		return 0;
	r = packet_resize(packet, packet->payload_len);
	if (r < 0)
		return r;
	bytes = packet->payload;
	if (view->version == 4 && at < view->headers_end)
		patch_ipv4(bytes, at, data, len);
	if (view_coverage(bytes, view, &coverage) && !(packet->flags & PACKET_PARTIAL)) {
		if (coverage.is_crc)
			before = measure(bytes, view);
		else
			patch_sum(bytes, view, &coverage, at, data, len);
	}
	memmove(bytes + at, data, len);
	if (before.is_known) {
		after = measure(bytes, view);
		adjust(bytes, &before, &after);
	}
	view_finish(packet);
	return 0;
}

int edit_patch(struct nfbind_packet *packet, const struct view *view, uint32_t at, const void *data,
	       uint32_t len)
{
	int r = check_repair(packet, view);

	return r < 0 ? r : patch_unchecked(packet, view, at, data, len);
}

/* Whether the length fields can follow: those that were wrong before would be guesswork. */
static int check_lengths(const struct nfbind_packet *packet, const struct view *view,
			 int64_t change)
{
	uint32_t own_max = view->version == 4 ? UINT16_MAX : UINT16_MAX + IPV6_HEADER;
	uint32_t udp_len;

	if (view->is_unsized || view_is_cut(packet, view))
		return -EOPNOTSUPP;
	/* The kernel keeps gso_size, and tcp_gso_segment() fails when less than that is left. */
	if (change < 0 && packet->flags & PACKET_GSO)
		return -EOPNOTSUPP;
	if (packet->payload_len + change > PAYLOAD_MAX || view->own_end + change > own_max)
		return -EMSGSIZE;
	if (view->protocol == PROTOCOL_UDP) {
		udp_len = view_read_u16(packet->payload + view->l4 + 4);
		if (udp_len != view->l4_end - view->l4)
			return -EOPNOTSUPP;
	}
	return 0;
}

int edit_check_splice(const struct nfbind_packet *packet, const struct view *view, uint32_t offset,
		      uint32_t remove, size_t data_len)
{
	uint32_t len = view->l4_end - view->l4_payload;
	int r = check_repair(packet, view);

	if (r < 0)
		return r;
	if (view->l4_payload == 0)
		return -ENODATA;
	if (offset > len || remove > len - offset)
		return -ERANGE;
	if (data_len > UINT16_MAX)
		return -EMSGSIZE;
	if (data_len == remove)
		return 0;
	if (view->is_fragment)
		return -EOPNOTSUPP;
	return check_lengths(packet, view, (int64_t)data_len - remove);
}

/* Bytes that were covered stay covered, and new ones are where their neighbours were. */
static void fix_udplite(uint8_t *data, const struct view *view, uint32_t at, uint32_t remove,
			uint32_t insert)
{
	uint8_t *field = data + view->l4 + 4;
	uint32_t covered = view_read_u16(field);
	uint32_t edit = at - view->l4;

	if (covered == 0 || covered < 8 || (covered <= edit && covered != view->l4_end - view->l4))
		return;
	covered = covered >= edit + remove ? covered - remove + insert : edit + insert;
	view_write_u16(field, (uint16_t)covered);
}

/* Bring the length fields in line with a change at `at`, in a packet that has it already. */
static void fix_lengths(uint8_t *data, const struct view *view, uint32_t at, uint32_t remove,
			uint32_t insert)
{
	uint8_t *udp_len = data + view->l4 + 4;
	uint32_t len = view->own_end - remove + insert;
	uint8_t bytes[2];

	if (view->version == 4) {
		view_write_u16(bytes, (uint16_t)len);
		patch_ipv4(data, 2, bytes, sizeof(bytes));
		memcpy(data + 2, bytes, sizeof(bytes));
	} else {
		view_write_u16(data + 4, (uint16_t)(len - IPV6_HEADER));
	}
	if (view->protocol == PROTOCOL_UDP)
		view_write_u16(udp_len, (uint16_t)(view_read_u16(udp_len) - remove + insert));
	else if (view->protocol == PROTOCOL_UDPLITE)
		fix_udplite(data, view, at, remove, insert);
}

/* Move and insert bytes; what lies behind the packet's own end moves along. */
static int splice_bytes(struct nfbind_packet *packet, uint32_t at, uint32_t remove,
			const void *data, uint32_t insert)
{
	uint32_t old_len = packet->payload_len, new_len = old_len - remove + insert;
	int r = packet_resize(packet, new_len > old_len ? new_len : old_len);

	if (r < 0)
		return r;
	memmove(packet->payload + at + insert, packet->payload + at + remove,
		old_len - at - remove);
	if (insert > 0)
		memcpy(packet->payload + at, data, insert);
	return new_len < old_len ? packet_resize(packet, new_len) : 0;
}

static int splice(struct nfbind_packet *packet, const struct view *view, uint32_t at,
		  uint32_t remove, const void *data, uint32_t insert)
{
	struct measure before = measure(packet->payload, view), after;
	struct view now;
	int r = splice_bytes(packet, at, remove, data, insert);

	if (r < 0)
		return r;
	fix_lengths(packet->payload, view, at, remove, insert);
	packet->flags &= (uint8_t)~PACKET_VIEWED;
	if (packet->flags & PACKET_PARTIAL) {
		view_finish(packet);
		return 0;
	}
	if (view_of(packet, &now) == 0) {
		after = measure(packet->payload, &now);
		adjust(packet->payload, &before, &after);
	}
	return 0;
}

static int splice_unchecked(struct nfbind_packet *packet, const struct view *view, uint32_t offset,
			    uint32_t remove, const void *data, size_t data_len)
{
	uint32_t at = view->l4_payload + offset;
	uint32_t insert = (uint32_t)data_len;
	void *copy;
	int r;

	if (insert == remove)
		return patch_unchecked(packet, view, at, data, insert);
	if (insert == 0)
		return splice(packet, view, at, remove, NULL, 0);
	/* The new bytes may be part of the old ones, which move or are freed. */
	copy = malloc(insert);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, data, insert);
	r = splice(packet, view, at, remove, copy, insert);
	free(copy);
	return r;
}

int edit_splice(struct nfbind_packet *packet, const struct view *view, uint32_t offset,
		uint32_t remove, const void *data, size_t data_len)
{
	int r = edit_check_splice(packet, view, offset, remove, data_len);

	return r < 0 ? r : splice_unchecked(packet, view, offset, remove, data, data_len);
}

/*
 * The kernel follows a length change when the connection is translated, and has room
 * for the numbers only when it had a helper by then (nf_nat_core.c): without one,
 * nf_ct_seqadj_set() warns in the kernel's log and does nothing.
 */
static bool is_adjusted(const struct nfbind_packet *packet)
{
	const struct nlattr *attribute;
	size_t len = 0, offset = 0;
	const void *nest = packet_attribute(packet, KERNEL_NFQA_CT, &len);
	bool has_helper = false;
	uint32_t status = 0;
	int error = 0;

	while (nest && (attribute = wire_next(nest, len, &offset, &error))) {
		if (wire_type(attribute) == KERNEL_CTA_HELP)
			has_helper = true;
		else if (wire_type(attribute) == KERNEL_CTA_STATUS &&
			 wire_payload_len(attribute) >= 4)
			status = wire_read_u32(wire_payload(attribute));
	}
	return has_helper && status & (NFBIND_CT_STATUS_SRC_NAT | NFBIND_CT_STATUS_DST_NAT);
}

/* The kernel does so only for a verdict with a connection: one without changes will do. */
static int arrange_adjustment(struct nfbind_packet *packet)
{
	struct nfbind_ct *nothing;
	int r;

	if (packet->state == PACKET_FREE)
		return 0;
	if (!is_adjusted(packet))
		return -EPROTO;
	if (packet->set & SET_CT)
		return 0;
	r = nfbind_ct_new(&nothing);
	if (r < 0)
		return r;
	r = nfbind_packet_set_ct(packet, nothing);
	nfbind_ct_free(nothing);
	return r;
}

int edit_splice_checked(struct nfbind_packet *packet, const struct view *view, uint32_t offset,
			uint32_t remove, const void *data, size_t data_len)
{
	int r = edit_check_splice(packet, view, offset, remove, data_len);

	if (r < 0)
		return r;
	if (view->protocol == PROTOCOL_TCP && data_len != remove) {
		r = arrange_adjustment(packet);
		if (r < 0)
			return r;
	}
	return splice_unchecked(packet, view, offset, remove, data, data_len);
}

int nfbind_packet_splice(struct nfbind_packet *packet, uint32_t offset, uint32_t remove,
			 const void *data, size_t data_len)
{
	struct view view;
	int r;

	if (!packet || (!data && data_len > 0))
		return -EINVAL;
	r = packet_check_payload_change(packet);
	if (r < 0)
		return r;
	if (view_of(packet, &view) < 0)
		return -ENODATA;
	if (view.is_fragment)
		return -EOPNOTSUPP;
	return edit_splice_checked(packet, &view, offset, remove, data, data_len);
}
