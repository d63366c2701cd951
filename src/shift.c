/* SPDX-License-Identifier: MIT */
/*
 * The changes of one direction; see shift.h. They are few, so every question is
 * answered by walking them in order, with the sum of what they moved so far.
 */
#include "shift.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A change that is further behind can no longer be told from one ahead. */
enum { DISTANCE_MAX = 1 << 30 };

bool shift_is_idle(const struct shift *shift)
{
	return shift->count == 0 && shift->base == 0;
}

void shift_clear(struct shift *shift)
{
	for (uint32_t i = 0; i < shift->count; i++)
		free(shift->changes[i].bytes);
	free(shift->changes);
	*shift = (struct shift){ 0 };
}

static uint32_t seq_min(uint32_t a, uint32_t b)
{
	return seq_before(a, b) ? a : b;
}

static uint32_t seq_max(uint32_t a, uint32_t b)
{
	return seq_before(a, b) ? b : a;
}

/* What a change adds to all numbers behind it; unsigned, as all of this arithmetic wraps. */
static uint32_t moved(const struct change *change)
{
	return change->inserted - change->removed;
}

uint32_t shift_total(const struct shift *shift)
{
	uint32_t total = shift->base;

	for (uint32_t i = 0; i < shift->count; i++)
		total += moved(&shift->changes[i]);
	return total;
}

uint32_t shift_start(const struct shift *shift, uint32_t original)
{
	uint32_t delta = shift->base;

	for (uint32_t i = 0; i < shift->count; i++) {
		const struct change *change = &shift->changes[i];

		if (!seq_before(change->at, original))
			break;
		/* A removed byte is where the next one that is left is. */
		if (seq_before(original, change->at + change->removed))
			original = change->at + change->removed;
		delta += moved(change);
	}
	return original + delta;
}

/*
 * Behind everything that was inserted, or a receiver would find the segment too
 * old to look at its acknowledgement. A keep-alive, one byte behind what it could
 * carry, has to stay one behind to be answered.
 */
uint32_t shift_empty(const struct shift *shift, uint32_t original)
{
	return shift_start(shift, original + 1) - 1;
}

uint32_t shift_back(const struct shift *shift, uint32_t changed)
{
	uint32_t delta = shift->base;

	for (uint32_t i = 0; i < shift->count; i++) {
		const struct change *change = &shift->changes[i];
		uint32_t out = change->at + delta;

		if (seq_before(changed, out))
			break;
		if (seq_before(changed, out + change->inserted))
			return change->at;
		/* What was removed needs no delivery: being there up to it is being there behind it. */
		delta += moved(change);
	}
	return changed - delta;
}

uint32_t shift_back_start(const struct shift *shift, uint32_t changed)
{
	uint32_t delta = shift->base;

	for (uint32_t i = 0; i < shift->count; i++) {
		const struct change *change = &shift->changes[i];
		uint32_t out = change->at + delta, end = out + change->inserted;

		if (!seq_before(out, changed))
			break;
		/* Some of it is missing, so its anchor must not look as if it were there. */
		if (seq_before(changed, end))
			return change->at + (change->removed ? change->removed : 1);
		if (changed == end && change->removed == 0)
			return change->at + 1;
		delta += moved(change);
	}
	return changed - delta;
}

uint32_t shift_forgotten(const struct shift *shift, uint32_t start, uint32_t end)
{
	uint32_t floor = shift->floor - shift->base;

	if (!shift->has_floor || !seq_before(start, floor))
		return 0;
	return seq_min(floor, end) - start;
}

bool shift_is_below(const struct shift *shift, uint32_t changed)
{
	return shift->has_floor && seq_before(changed, shift->floor);
}

/*
 * A forgotten change is part of the base. What comes before it would then get wrong
 * numbers, but those stay below what is acknowledged: a receiver drops such bytes
 * unseen, and counted from its end a segment is right.
 */
uint32_t shift_forget(struct shift *shift, uint32_t changed, uint32_t next)
{
	uint32_t count = 0;

	for (; count < shift->count; count++) {
		struct change *change = &shift->changes[count];
		uint32_t end = change->at + shift->base + change->inserted;

		if (seq_before(changed, end) && next - change->at < DISTANCE_MAX)
			break;
		shift->base += moved(change);
		shift->bytes -= change->inserted;
		shift->floor = end;
		shift->has_floor = true;
		free(change->bytes);
	}
	/* The floor must not fall so far behind that it looks ahead. */
	if (shift->has_floor && changed - shift->floor > DISTANCE_MAX &&
	    !shift_is_below(shift, changed))
		shift->floor = changed - DISTANCE_MAX;
	shift->count -= count;
	if (count > 0)
		memmove(shift->changes, shift->changes + count,
			shift->count * sizeof(*shift->changes));
	return count;
}

/* Whether a change concerns a segment at all; the anchor may be the segment's FIN. */
static bool concerns(const struct change *change, uint32_t start, uint32_t end)
{
	if (!seq_before(change->at, end))
		return false;
	return !seq_before(change->at, start) || seq_before(start, change->at + change->removed);
}

/* The changes from `*first` on that concern the segment: how many. */
static uint32_t find_changes(const struct shift *shift, uint32_t start, uint32_t end,
			     uint32_t *ret_first)
{
	uint32_t first = 0, count = 0;

	while (first < shift->count && !concerns(&shift->changes[first], start, end))
		first++;
	while (first + count < shift->count && concerns(&shift->changes[first + count], start, end))
		count++;
	*ret_first = first;
	return count;
}

bool shift_concerns(const struct shift *shift, uint32_t start, uint32_t end)
{
	uint32_t first;

	return find_changes(shift, start, end, &first) > 0;
}

int shift_patch(const struct shift *shift, uint32_t start, uint32_t data_end, uint32_t end,
		const uint8_t *payload, struct patch *ret_patch)
{
	uint32_t first, room = 0, len = 0, from, to;
	uint32_t count = find_changes(shift, start, end, &first);
	const struct change *changes = shift->changes + first;
	uint8_t *bytes;

	if (count == 0)
		return 0;
	for (uint32_t i = 0; i < count; i++)
		room += changes[i].inserted;
	from = to = seq_max(changes[0].at, start);
	bytes = malloc(room + (data_end - from) + 1);
	if (!bytes)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t low = seq_max(changes[i].at, start);

		/* What lies between two changes stays. */
		memcpy(bytes + len, payload + (to - start), low - to);
		len += low - to;
		if (low == changes[i].at && changes[i].inserted > 0) {
			memcpy(bytes + len, changes[i].bytes, changes[i].inserted);
			len += changes[i].inserted;
		}
		to = seq_max(low, seq_min(changes[i].at + changes[i].removed, data_end));
	}
	*ret_patch = (struct patch){ from - start, to - from, len, bytes };
	return 1;
}

/* Where a plan stands among the changes, and what of them becomes part of it. */
struct contact {
	uint32_t first, count;
	uint32_t before, after; /* what is moved before the first and behind the last of them */
	uint32_t out_first, out_last; /* the changed numbers of both */
};

static struct contact find_contact(const struct shift *shift, uint32_t fresh, uint32_t changed,
				   uint32_t remove)
{
	struct contact contact = { .before = shift->base };
	uint32_t i = 0, out;

	for (; i < shift->count; i++) {
		out = shift->changes[i].at + contact.before;
		if (i >= fresh && !seq_before(out + shift->changes[i].inserted, changed))
			break;
		contact.before += moved(&shift->changes[i]);
	}
	contact.first = i;
	contact.after = contact.before;
	for (; i < shift->count; i++) {
		out = shift->changes[i].at + contact.after;
		if (seq_before(changed + remove, out))
			break;
		if (contact.count++ == 0)
			contact.out_first = out;
		contact.out_last = out;
		contact.after += moved(&shift->changes[i]);
	}
	return contact;
}

static int reserve(struct shift *shift)
{
	uint32_t capacity = shift->capacity ? shift->capacity * 2 : 4;
	struct change *changes;

	if (shift->count < shift->capacity)
		return 0;
	changes = realloc(shift->changes, capacity * sizeof(*changes));
	if (!changes)
		return -ENOMEM;
	shift->changes = changes;
	shift->capacity = capacity;
	return 0;
}

/* The pieces of a new change: what is left of touched ones on both sides, and the new bytes. */
struct pieces {
	const uint8_t *data[4];
	uint32_t len[4];
};

static int join(const struct pieces *pieces, struct change *change)
{
	uint32_t len = 0;

	for (unsigned int i = 0; i < 4; i++)
		change->inserted += pieces->len[i];
	change->bytes = malloc(change->inserted + 1);
	if (!change->bytes)
		return -ENOMEM;
	for (unsigned int i = 0; i < 4; i++) {
		if (pieces->len[i] > 0)
			memcpy(change->bytes + len, pieces->data[i], pieces->len[i]);
		len += pieces->len[i];
	}
	return 0;
}

/* Make touched changes part of the new one: what is left of the first and the last of them. */
static void take_over(const struct shift *shift, const struct contact *contact, uint32_t changed,
		      uint32_t changed_end, struct change *change, uint32_t *end,
		      struct pieces *pieces)
{
	const struct change *first = &shift->changes[contact->first];
	const struct change *last = first + contact->count - 1;
	uint32_t out_end = contact->out_last + last->inserted;

	if (!seq_before(changed, contact->out_first)) {
		change->at = first->at;
		pieces->data[0] = first->bytes;
		pieces->len[0] = changed - contact->out_first;
	}
	if (!seq_before(out_end, changed_end)) {
		*end = last->at + last->removed;
		pieces->len[3] = out_end - changed_end;
		pieces->data[3] = last->bytes + last->inserted - pieces->len[3];
	}
}

int shift_plan(struct shift *shift, uint32_t fresh, uint32_t changed, uint32_t remove,
	       const void *data, uint32_t data_len, const uint8_t *anchor, struct plan *ret_plan)
{
	struct contact contact = find_contact(shift, fresh, changed, remove);
	struct pieces pieces = { .data[2] = data, .len[2] = data_len };
	struct change change = { 0 };
	uint32_t end;

	if (contact.count == 0 && remove == 0 && anchor) {
		changed--;
		remove = 1;
		pieces.data[1] = anchor;
		pieces.len[1] = 1;
		contact = find_contact(shift, fresh, changed, remove);
	}
	change.at = changed - contact.before;
	end = changed + remove - contact.after;
	if (contact.count > 0)
		take_over(shift, &contact, changed, changed + remove, &change, &end, &pieces);
	change.removed = end - change.at;
	if (shift->count - contact.count >= SHIFT_CHANGES_MAX ||
	    data_len > SHIFT_BYTES_MAX - shift->bytes)
		return -ENOSPC;
	if (reserve(shift) < 0 || join(&pieces, &change) < 0)
		return -ENOMEM;
	*ret_plan = (struct plan){ change, contact.first, contact.count };
	return 0;
}

void shift_commit(struct shift *shift, const struct plan *plan)
{
	struct change *changes = shift->changes + plan->first;
	uint32_t behind = shift->count - plan->first - plan->count;

	for (uint32_t i = 0; i < plan->count; i++) {
		shift->bytes -= changes[i].inserted;
		free(changes[i].bytes);
	}
	memmove(changes + 1, changes + plan->count, behind * sizeof(*changes));
	changes[0] = plan->change;
	shift->bytes += plan->change.inserted;
	shift->count += 1 - plan->count;
}

void shift_cancel(struct plan *plan)
{
	free(plan->change.bytes);
	plan->change.bytes = NULL;
}
