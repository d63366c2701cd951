/* SPDX-License-Identifier: MIT */
/*
 * The tracker: what one TCP segment means to its flow, and which changes may be made
 * in it. What the flow's changes mean to the segment is in segment.c, the arithmetic
 * in shift.c, the table of flows in flows.c.
 *
 * A segment is brought in line first and learned from afterwards, so that one which
 * cannot be changed leaves no trace.
 */
#include <nfbind/tracker.h>

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "edit.h"
#include "segment.h"

enum {
	FLOWS_DEFAULT = 65536,
	/* No window is larger (RFC 7323, 2.3): what is further ahead is not from this flow. */
	WINDOW_MAX = 1 << 30,
	/* How far a direction can have come while its SYN was still under way. */
	OVERTAKEN_MAX = 1 << 16,
};

struct nfbind_tracker {
	struct flows flows;
};

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

/*
 * What was not sent before may be changed, until something else is sent in its
 * place. A segment without data is new when it is next: one ahead may be behind a
 * FIN that was not seen, where nothing can be inserted.
 */
static bool is_new(const struct direction *self, const struct segment *segment)
{
	if (self->has_last)
		return false;
	if (segment->seq == segment->end)
		return segment->end == self->next;
	return seq_before(self->next, segment->end);
}

static void learn_fresh(struct direction *self, const struct segment *segment,
			const struct placed *placed)
{
	struct fresh *fresh = &self->fresh;

	if (fresh->is_there && seq_before(fresh->from, segment->end))
		fresh->is_there = false;
	if (!is_new(self, segment))
		return;
	fresh->is_there = true;
	fresh->from = seq_before(segment->start, self->next) ? self->next : segment->start;
	fresh->out = fresh->from + shift_total(&self->shift);
	fresh->change = self->shift.count;
	fresh->start = placed->start;
	fresh->seq = placed->seq;
	fresh->len = placed->len;
	fresh->flags = segment->flags;
	fresh->had_data = segment_had_data(segment);
}

static void learn_data(struct direction *self, const struct segment *segment)
{
	if (!self->is_known) {
		self->is_known = true;
		self->next = segment->end;
	} else if (segment->seq != segment->end && seq_before(self->next, segment->end) &&
		   segment->end - self->next < WINDOW_MAX) {
		self->next = segment->end;
	}
	if (segment->flags & NFBIND_TCP_FLAG_SYN) {
		self->has_first = true;
		self->first = segment->seq;
	}
	if (segment->flags & NFBIND_TCP_FLAG_FIN && !self->has_last) {
		self->has_last = true;
		self->last = segment->end;
	}
}

static void learn_ack(struct direction *other, uint32_t ack)
{
	uint32_t original = shift_back(&other->shift, ack);
	uint32_t forgotten;

	/* What was acknowledged was sent, even where it did not come by here. */
	if (!other->is_known) {
		other->is_known = true;
		other->next = original;
	}
	if (seq_before(other->next, original))
		return;
	if (!other->is_acked || seq_before(other->acked, original)) {
		other->is_acked = true;
		other->acked = original;
	}
	forgotten = shift_forget(&other->shift, ack, other->next);
	other->fresh.change -= forgotten < other->fresh.change ? forgotten : other->fresh.change;
}

static bool is_over(const struct direction *self)
{
	return self->has_last && self->is_acked && !seq_before(self->acked, self->last);
}

/* A forged reset, of which the receiver takes no notice, should not be believed here either. */
static bool is_reset(const struct segment *segment, const struct direction *self)
{
	if (!(segment->flags & NFBIND_TCP_FLAG_RST))
		return false;
	return !self->is_known || !self->is_acked ||
	       (!seq_before(segment->seq, self->acked) && !seq_before(self->next, segment->seq));
}

static void learn(struct flow *flow, const struct segment *segment, const struct placed *placed)
{
	struct direction *self = &flow->directions[segment->side];
	struct direction *other = &flow->directions[!segment->side];

	if (is_reset(segment, self))
		flow->is_closed = true;
	if (segment->flags & NFBIND_TCP_FLAG_RST)
		return;
	if (!self->is_known)
		self->next = segment->start;
	learn_fresh(self, segment, placed);
	learn_data(self, segment);
	if (segment->flags & NFBIND_TCP_FLAG_ACK)
		learn_ack(other, segment->ack);
	if (is_over(self) && is_over(other))
		flow->is_closed = true;
}

/* The SYN that the direction began with; others may have overtaken it. */
static bool is_first(const struct direction *self, const struct segment *segment)
{
	if (self->has_first)
		return self->first == segment->seq;
	return self->next - segment->start < OVERTAKEN_MAX;
}

/*
 * A SYN with another number starts a new connection where the old one is over or
 * has no changes. Otherwise the old one may be alive and the SYN forged: it passes
 * as it is, and only the answer that accepts it makes the flow a new one.
 * True when the segment has nothing to do with what the flow knows.
 */
static bool is_stranger(struct flow *flow, const struct segment *segment)
{
	struct direction *self = &flow->directions[segment->side];
	bool has_ack = segment->flags & NFBIND_TCP_FLAG_ACK;

	if (!(segment->flags & NFBIND_TCP_FLAG_SYN) || !self->is_known || is_first(self, segment))
		return false;
	if (flow->is_closed || !flow_is_changed(flow)) {
		flow_reset(flow);
		return false;
	}
	if (!has_ack) {
		flow->has_new_first = true;
		flow->new_first = segment->seq;
		return true;
	}
	if (!flow->has_new_first || segment->ack != flow->new_first + 1)
		return true;
	flow_reset(flow);
	return false;
}

int nfbind_tracker_new(uint32_t limit, struct nfbind_tracker **ret_tracker)
{
	struct nfbind_tracker *tracker;
	int r;

	if (!ret_tracker)
		return -EINVAL;
	tracker = malloc(sizeof(*tracker));
	if (!tracker)
		return -ENOMEM;
	r = flows_init(&tracker->flows, limit ? limit : FLOWS_DEFAULT);
	if (r < 0) {
		free(tracker);
		return r;
	}
	*ret_tracker = tracker;
	return 0;
}

void nfbind_tracker_free(struct nfbind_tracker *tracker)
{
	if (!tracker)
		return;
	flows_drop(&tracker->flows);
	free(tracker);
}

static int apply(struct flow *flow, struct segment *segment, struct nfbind_packet *packet)
{
	struct placed placed = { segment->start, segment->seq, segment_len(segment) };
	int r;

	if (is_stranger(flow, segment))
		return 0;
	if (flow_is_changed(flow)) {
		r = segment_align(packet, segment, &flow->directions[segment->side].shift,
				  &flow->directions[!segment->side].shift, &placed);
		if (r < 0)
			return r;
	}
	learn(flow, segment, &placed);
	packet->flags |= PACKET_TRACKED;
	return 0;
}

int nfbind_tracker_apply(struct nfbind_tracker *tracker, struct nfbind_packet *packet)
{
	struct segment segment;
	struct flow *flow;
	int r;

	if (!tracker || !packet)
		return -EINVAL;
	r = packet_check_change(packet);
	if (r < 0)
		return r;
	/* Twice would be wrong by twice as much. */
	if (packet->flags & PACKET_TRACKED)
		return 0;
	r = segment_read(packet, &segment);
	if (r < 0)
		return r;
	flows_expire(&tracker->flows, now());
	flow = flows_find(&tracker->flows, &segment.key);
	if (!flow) {
		r = flows_add(&tracker->flows, &segment.key, &flow);
		if (r < 0)
			return r;
	}
	r = apply(flow, &segment, packet);
	flows_touch(&tracker->flows, flow, now());
	return r;
}

/* Write what a change moves in the header of the very packet that it is made in. */
static int finish_splice(struct nfbind_packet *packet, struct direction *self, uint32_t urgent)
{
	struct fresh *fresh = &self->fresh;
	struct placed placed = { .start = fresh->start };
	struct segment segment;
	int r = segment_read(packet, &segment);

	if (r < 0)
		return r;
	r = segment_place(packet, &segment, &self->shift, fresh->had_data, urgent, &placed);
	fresh->len = placed.len;
	fresh->seq = placed.seq;
	return r;
}

static bool is_fresh(const struct fresh *fresh, const struct segment *segment)
{
	return fresh->is_there && fresh->seq == segment->seq &&
	       fresh->len == segment_len(segment) && fresh->flags == segment->flags;
}

static int splice(struct nfbind_packet *packet, const struct segment *segment,
		  struct direction *self, uint32_t offset, uint32_t remove, const void *data,
		  uint32_t data_len)
{
	const uint8_t *payload = packet->payload + segment->view.l4_payload;
	uint32_t at = self->fresh.start + offset, len = segment_len(segment);
	uint32_t urgent = shift_back(&self->shift, segment->urgent);
	const uint8_t *anchor = NULL;
	struct plan plan;
	int r;

	if (!is_fresh(&self->fresh, segment) || seq_before(at, self->fresh.out))
		return -EALREADY;
	if (offset == len && seq_before(self->fresh.out, at))
		anchor = payload + offset - 1;
	r = shift_plan(&self->shift, self->fresh.change, at, remove, data, data_len, anchor, &plan);
	if (r < 0)
		return r;
	r = edit_splice(packet, &segment->view, offset, remove, data, data_len);
	if (r < 0) {
		shift_cancel(&plan);
		return r;
	}
	shift_commit(&self->shift, &plan);
	return finish_splice(packet, self, urgent);
}

int nfbind_tracker_splice(struct nfbind_tracker *tracker, struct nfbind_packet *packet,
			  uint32_t offset, uint32_t remove, const void *data, size_t data_len)
{
	struct segment segment;
	struct flow *flow;
	int r;

	if (!tracker || !packet || (!data && data_len > 0))
		return -EINVAL;
	r = packet_check_change(packet);
	if (r < 0)
		return r;
	if (segment_read(packet, &segment) < 0 || !(packet->flags & PACKET_TRACKED))
		return -EINVAL;
	flow = flows_find(&tracker->flows, &segment.key);
	if (!flow)
		return -EINVAL;
	r = edit_check_splice(packet, &segment.view, offset, remove, data_len);
	if (r < 0 || (remove == 0 && data_len == 0))
		return r;
	r = splice(packet, &segment, &flow->directions[segment.side], offset, remove, data,
		   (uint32_t)data_len);
	flows_touch(&tracker->flows, flow, now());
	return r;
}

uint32_t nfbind_tracker_count(const struct nfbind_tracker *tracker)
{
	return tracker ? tracker->flows.count : 0;
}
