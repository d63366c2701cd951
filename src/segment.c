/* SPDX-License-Identifier: MIT */
/*
 * TCP segments of the tracker; see segment.h.
 */
#include "segment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "edit.h"

enum {
	TCP_HEADER = 20,
	OPTIONS_MAX = 40,
	OPTION_NOP = 1,
	OPTION_SACK = 5,
};

static void read_ends(const uint8_t *data, struct segment *segment)
{
	const struct view *view = &segment->view;
	size_t len = view_address_len(view);
	uint16_t ports[2] = { view_read_u16(data + view->l4), view_read_u16(data + view->l4 + 2) };
	int order = memcmp(data + view->src, data + view->dst, len);
	unsigned int side = order > 0 || (order == 0 && ports[0] > ports[1]);

	segment->side = side;
	segment->key = (struct flow_key){ .version = view->version };
	memcpy(segment->key.address[side], data + view->src, len);
	memcpy(segment->key.address[!side], data + view->dst, len);
	segment->key.port[side] = ports[0];
	segment->key.port[!side] = ports[1];
}

/* Its data counts as long as it was sent, even where the kernel delivered less. */
static uint32_t data_len(const struct nfbind_packet *packet, const struct view *view)
{
	uint64_t whole;

	if (view->is_unsized &&
	    nfbind_packet_get_number(packet, NFBIND_PACKET_CAP_LEN, &whole) == 0)
		return (uint32_t)whole - view->l4_payload;
	return view->own_end - view->l4_payload;
}

int segment_read(const struct nfbind_packet *packet, struct segment *ret_segment)
{
	struct segment segment;
	const uint8_t *header;

	if (view_of(packet, &segment.view) < 0 || segment.view.protocol != PROTOCOL_TCP ||
	    segment.view.is_fragment || segment.view.l4_payload == 0)
		return -EINVAL;
	header = packet->payload + segment.view.l4;
	segment.flags = header[13];
	segment.seq = view_read_u32(header + 4);
	segment.ack = view_read_u32(header + 8);
	segment.urgent = segment.seq + view_read_u16(header + 18);
	segment.start = segment.seq + (segment.flags & NFBIND_TCP_FLAG_SYN ? 1 : 0);
	segment.data_end = segment.start + data_len(packet, &segment.view);
	segment.end = segment.data_end + (segment.flags & NFBIND_TCP_FLAG_FIN ? 1 : 0);
	read_ends(packet->payload, &segment);
	*ret_segment = segment;
	return 0;
}

bool segment_had_data(const struct segment *segment)
{
	return segment->data_end != segment->start;
}

uint32_t segment_len(const struct segment *segment)
{
	return segment->view.l4_end - segment->view.l4_payload;
}

/*
 * Original numbers of what was acknowledged selectively. A block that is left empty
 * goes, and one of bytes that came twice (RFC 2883) so long ago that nobody knows.
 */
static void map_blocks(uint8_t *option, uint32_t len, const struct shift *shift)
{
	uint32_t kept = 2;

	for (uint32_t at = 2; at + 8 <= len; at += 8) {
		uint32_t from = view_read_u32(option + at);
		uint32_t left = shift_back_start(shift, from);
		uint32_t right = shift_back(shift, view_read_u32(option + at + 4));

		if (shift_is_below(shift, from) || !seq_before(left, right))
			continue;
		view_write_u32(option + kept, left);
		view_write_u32(option + kept + 4, right);
		kept += 8;
	}
	if (kept == 2)
		kept = 0;
	else
		option[1] = (uint8_t)kept;
	memset(option + kept, OPTION_NOP, len - kept);
}

static int map_sack(struct nfbind_packet *packet, const struct view *view,
		    const struct shift *shift)
{
	uint32_t len = view->l4_payload - view->l4 - TCP_HEADER, option_len, at;
	uint8_t options[OPTIONS_MAX];

	memcpy(options, packet->payload + view->l4 + TCP_HEADER, len);
	option_len = view_find_option(options, len, OPTION_SACK, 10, &at);
	if (option_len == 0)
		return 0;
	map_blocks(options + at, option_len, shift);
	return edit_patch(packet, view, view->l4 + TCP_HEADER, options, len);
}

/* The urgent pointer counts from the sequence number. */
static int write_urgent(struct nfbind_packet *packet, const struct view *view, uint32_t urgent)
{
	uint8_t bytes[2];

	view_write_u16(bytes, (uint16_t)(urgent < UINT16_MAX ? urgent : UINT16_MAX));
	return edit_patch(packet, view, view->l4 + 18, bytes, sizeof(bytes));
}

static int write_number(struct nfbind_packet *packet, const struct view *view, uint32_t offset,
			uint32_t number)
{
	uint8_t bytes[4];

	view_write_u32(bytes, number);
	return edit_patch(packet, view, view->l4 + offset, bytes, sizeof(bytes));
}

/*
 * Data that is sent again although the receiver has acknowledged it, and whose
 * changes were forgotten: the receiver drops it unseen, but who changed it may have
 * done so in order that nobody sees it.
 */
static int blank_forgotten(struct nfbind_packet *packet, const struct segment *segment,
			   const struct shift *shift)
{
	static const uint8_t zeros[1024];
	uint32_t len = shift_forgotten(shift, segment->start, segment->data_end), part;
	uint32_t at = segment->view.l4_payload;
	int r = 0;

	for (; r == 0 && len > 0; at += part, len -= part) {
		part = len < sizeof(zeros) ? len : sizeof(zeros);
		r = edit_patch(packet, &segment->view, at, zeros, part);
	}
	return r;
}

/* Make the changes again that this data has had before. */
static int repeat_changes(struct nfbind_packet *packet, struct segment *segment,
			  const struct shift *shift)
{
	struct patch patch;
	int r;

	if (view_is_cut(packet, &segment->view)) {
		bool is_old = shift_forgotten(shift, segment->start, segment->data_end) > 0;

		return is_old || shift_concerns(shift, segment->start, segment->end) ? -EOPNOTSUPP
										     : 0;
	}
	r = shift_patch(shift, segment->start, segment->data_end, segment->end,
			packet->payload + segment->view.l4_payload, &patch);
	if (r < 0)
		return r;
	if (r > 0) {
		r = edit_splice(packet, &segment->view, patch.offset, patch.removed, patch.bytes,
				patch.inserted);
		free(patch.bytes);
	}
	if (r == 0)
		r = view_of(packet, &segment->view);
	/* Changes that are remembered come behind those that are not. */
	return r < 0 ? r : blank_forgotten(packet, segment, shift);
}

/*
 * The header's number of a segment whose payload starts at `start`. One whose data
 * is all gone is sent as one number less: the receiver answers that, as it answers
 * a keep-alive, and so the sender hears that it need not send that data again.
 */
static uint32_t place_header(uint8_t flags, uint32_t start, bool had_data, bool has_data)
{
	if (flags & NFBIND_TCP_FLAG_SYN)
		return start - 1;
	if (flags & (NFBIND_TCP_FLAG_FIN | NFBIND_TCP_FLAG_RST))
		return start;
	return had_data && !has_data ? start - 1 : start;
}

/* Write where the data is for the receiver into the header. */
int segment_place(struct nfbind_packet *packet, const struct segment *segment,
		  const struct shift *shift, bool had_data, uint32_t urgent, struct placed *placed)
{
	int r;

	placed->len = segment_len(segment);
	placed->seq = place_header(segment->flags, placed->start, had_data, placed->len > 0);
	r = write_number(packet, &segment->view, 4, placed->seq);
	if (r == 0 && segment->flags & NFBIND_TCP_FLAG_URG)
		r = write_urgent(packet, &segment->view, shift_start(shift, urgent) - placed->seq);
	return r;
}

int segment_align(struct nfbind_packet *packet, struct segment *segment, const struct shift *self,
		  const struct shift *other, struct placed *placed)
{
	int r = repeat_changes(packet, segment, self);

	if (r < 0)
		return r;
	if (segment->seq == segment->end)
		placed->start = shift_empty(self, segment->seq);
	else
		placed->start = shift_start(self, segment->start);
	r = segment_place(packet, segment, self, segment_had_data(segment), segment->urgent,
			  placed);
	if (r == 0 && segment->flags & NFBIND_TCP_FLAG_ACK && !shift_is_idle(other)) {
		r = write_number(packet, &segment->view, 8, shift_back(other, segment->ack));
		if (r == 0)
			r = map_sack(packet, &segment->view, other);
	}
	return r;
}
