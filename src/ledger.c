/* SPDX-License-Identifier: MIT */
/*
 * The ledger's books: queues, undecided packets of the running batch in each
 * queue's order, and kept ones in three orders (of their queue, of time, by id).
 */
#include "ledger.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS_FIRST = 64 };

struct ledger *ledger_make(void)
{
	struct ledger *ledger = calloc(1, sizeof(*ledger));

	if (!ledger)
		return NULL;
	atomic_init(&ledger->references, 1);
	wake_start(&ledger->wake);
	pthread_mutex_init(&ledger->lock, NULL);
	pthread_cond_init(&ledger->changed, NULL);
	ledger->socket.fd = -1;
	ledger->fill = 1;
	return ledger;
}

struct ledger *ledger_hold(struct ledger *ledger)
{
	atomic_fetch_add(&ledger->references, 1);
	return ledger;
}

void ledger_free(struct ledger *ledger)
{
	if (!ledger || atomic_fetch_sub(&ledger->references, 1) != 1)
		return;
	for (size_t i = 0; i < ledger->slots_count; i++)
		free(ledger->slots[i]);
	free(ledger->slots);
	free(ledger->buckets);
	free(ledger->stage.data);
	free(ledger->flight.data);
	pthread_mutex_destroy(&ledger->lock);
	pthread_cond_destroy(&ledger->changed);
	canary_free(&ledger->canary);
	free(ledger);
}

void ledger_await_change(struct ledger *ledger)
{
	ledger->leavers++;
	pthread_cond_wait(&ledger->changed, &ledger->lock);
	ledger->leavers--;
}

void ledger_explain(struct ledger *ledger, enum nfbind_side side, const char *format, ...)
{
	struct message *message = &ledger->messages[side];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message->text, sizeof(message->text), format, arguments);
	va_end(arguments);
}

/* Queues. */

/* Where the number is, or where it would have to be. */
static size_t slot_position(const struct ledger *ledger, uint16_t number)
{
	size_t low = 0, high = ledger->slots_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (ledger->slots[middle]->number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct slot *add_slot(struct ledger *ledger, size_t position, uint16_t number)
{
	struct slot **slots = realloc(ledger->slots, (ledger->slots_count + 1) * sizeof(struct slot *));
	struct slot *slot;

	if (!slots)
		return NULL;
	ledger->slots = slots;
	slot = calloc(1, sizeof(*slot));
	if (!slot)
		return NULL;
	slot->number = number;
	memmove(slots + position + 1, slots + position,
		(ledger->slots_count - position) * sizeof(struct slot *));
	slots[position] = slot;
	ledger->slots_count++;
	return slot;
}

struct slot *ledger_search_slot(struct ledger *ledger, uint16_t number, bool make)
{
	size_t position = slot_position(ledger, number);

	if (position < ledger->slots_count && ledger->slots[position]->number == number)
		ledger->found = ledger->slots[position];
	else if (!make)
		return NULL;
	else
		ledger->found = add_slot(ledger, position, number);
	return ledger->found;
}

/* Packets of the running batch. */

static bool watch_ids(struct slot *slot, uint32_t id, bool is_fed)
{
	bool has_gap = slot->next_id != id;

	slot->next_id = id + 1;
	/* Where only we read, a missing id was lost in the kernel; else its packet may be elsewhere. */
	if (is_fed && has_gap)
		slot->has_gap = true;
	return has_gap;
}

/* A packet from a queue that nobody bound here: an adopted socket may have some. */
static struct slot *adopt_slot(struct ledger *ledger, uint16_t number)
{
	struct slot *slot = ledger_slot(ledger, number, true);

	if (!slot)
		return NULL;
	slot->is_bound = true;
	/* Nobody tells which packets its former reader has not decided yet. */
	slot->has_gap = true;
	/* Nor how it was bound; a change of the one goes with the other. */
	slot->copy_mode = NFBIND_COPY_MODE_PACKET;
	slot->copy_range = PAYLOAD_MAX;
	return slot;
}

static void enter_batch(struct ledger *ledger, struct nfbind_packet *packet)
{
	struct slot *slot = packet->slot;

	packet_set_state(packet, PACKET_UNDECIDED);
	if (slot->first)
		slot->last->next = packet;
	else
		slot->first = packet;
	slot->last = packet;
	slot->received++;
	slot->undecided++;
	ledger->batch_undecided++;
}

int ledger_expect(struct ledger *ledger, struct nfbind_packet *packet)
{
	packet->slot = ledger_slot(ledger, packet->queue, false);
	if (!packet->slot)
		packet->slot = adopt_slot(ledger, packet->queue);
	return packet->slot ? 0 : -ENOMEM;
}

bool ledger_take_in(struct ledger *ledger, struct nfbind_packet *packet, bool is_fed)
{
	struct slot *slot = packet->slot;

	packet->ledger = ledger;
	ledger->stats.received++;
	ledger->stats.truncated += packet->flags & PACKET_TRUNCATED ? 1 : 0;
	if (!slot->is_bound || packet_state(packet) == PACKET_UNBOUND) {
		/* It was still on its way when its queue was unbound: the kernel dropped it. */
		packet_set_state(packet, PACKET_UNBOUND);
		return false;
	}
	packet->flags |= slot->has_conntrack ? PACKET_WANTS_CT : 0;
	enter_batch(ledger, packet);
	return watch_ids(slot, packet->id, is_fed);
}

/* The packet left the running batch's undecided ones. */
static void leave_batch(struct ledger *ledger, struct nfbind_packet *packet)
{
	struct slot *slot = packet->slot;

	ledger->batch_undecided--;
	while (slot->first && packet_state(slot->first) != PACKET_UNDECIDED)
		slot->first = slot->first->next;
}

/* Kept packets. */

static size_t bucket_of(const struct ledger *ledger, uint16_t queue, uint32_t id)
{
	return (id * UINT32_C(2654435761) ^ queue * UINT32_C(40503)) & (ledger->buckets_count - 1);
}

static int grow_buckets(struct ledger *ledger)
{
	size_t count = ledger->buckets_count ? ledger->buckets_count * 2 : BUCKETS_FIRST;
	size_t before = ledger->buckets_count;
	struct nfbind_packet **old = ledger->buckets, *packet, *next;

	if (ledger->kept_count < before)
		return 0;
	ledger->buckets = calloc(count, sizeof(struct nfbind_packet *));
	if (!ledger->buckets) {
		ledger->buckets = old;
		return -ENOMEM;
	}
	ledger->buckets_count = count;
	for (size_t i = 0; i < before; i++) {
		for (packet = old[i]; packet; packet = next) {
			size_t bucket = bucket_of(ledger, packet->queue, packet->id);

			next = packet->bucket_next;
			packet->bucket_next = ledger->buckets[bucket];
			ledger->buckets[bucket] = packet;
		}
	}
	free(old);
	return 0;
}

struct nfbind_packet *ledger_find_kept(struct ledger *ledger, uint16_t queue, uint32_t id)
{
	struct nfbind_packet *packet;

	if (ledger->kept_count == 0)
		return NULL;
	packet = ledger->buckets[bucket_of(ledger, queue, id)];
	while (packet && (packet->id != id || packet->queue != queue))
		packet = packet->bucket_next;
	return packet;
}

/* Packets are mostly kept in queue order, so the place is looked for from the end. */
static void link_kept(struct slot *slot, struct nfbind_packet *packet)
{
	struct nfbind_packet *before = slot->kept_last;

	while (before && is_after(before->id, packet->id))
		before = before->previous;
	packet->previous = before;
	packet->next = before ? before->next : slot->kept_first;
	*(packet->next ? &packet->next->previous : &slot->kept_last) = packet;
	*(before ? &before->next : &slot->kept_first) = packet;

	packet->aged_next = NULL;
	packet->aged_previous = slot->aged_last;
	*(slot->aged_last ? &slot->aged_last->aged_next : &slot->aged_first) = packet;
	slot->aged_last = packet;
}

static void unlink_kept(struct slot *slot, struct nfbind_packet *packet)
{
	*(packet->previous ? &packet->previous->next : &slot->kept_first) = packet->next;
	*(packet->next ? &packet->next->previous : &slot->kept_last) = packet->previous;
	*(packet->aged_previous ? &packet->aged_previous->aged_next : &slot->aged_first) =
		packet->aged_next;
	*(packet->aged_next ? &packet->aged_next->aged_previous : &slot->aged_last) =
		packet->aged_previous;
}

static void leave_kept(struct ledger *ledger, struct nfbind_packet *packet)
{
	struct nfbind_packet **at =
		&ledger->buckets[bucket_of(ledger, packet->queue, packet->id)];

	while (*at != packet)
		at = &(*at)->bucket_next;
	*at = packet->bucket_next;
	ledger->kept_count--;
	unlink_kept(packet->slot, packet);
}

int ledger_keep(struct ledger *ledger, struct nfbind_packet *packet,
		struct nfbind_packet **ret_packet)
{
	struct nfbind_packet *copy;
	size_t bucket;
	int r;

	if (packet_state(packet) != PACKET_UNDECIDED)
		return -EALREADY;
	r = grow_buckets(ledger);
	if (r < 0)
		return r;
	r = packet_copy(packet, &copy);
	if (r < 0)
		return r;
	packet_set_state(packet, PACKET_KEPT);
	leave_batch(ledger, packet);
	packet_set_state(copy, PACKET_HELD);
	copy->ledger = ledger_hold(ledger);
	copy->kept_at = copy->slot->age_limit != 0 ? socket_now() : 0;
	bucket = bucket_of(ledger, copy->queue, copy->id);
	copy->bucket_next = ledger->buckets[bucket];
	ledger->buckets[bucket] = copy;
	ledger->kept_count++;
	link_kept(copy->slot, copy);
	*ret_packet = copy;
	return 0;
}

static uint64_t expires_at(const struct slot *slot)
{
	const struct nfbind_packet *oldest = slot->aged_first;

	if (slot->age_limit == 0 || !oldest || oldest->kept_at == 0)
		return 0;
	return oldest->kept_at + slot->age_limit * UINT64_C(1000000);
}

void ledger_date_kept(struct slot *slot)
{
	uint64_t now = socket_now();

	for (struct nfbind_packet *packet = slot->aged_first; packet; packet = packet->aged_next)
		if (packet->kept_at == 0)
			packet->kept_at = now;
}

uint64_t ledger_deadline(const struct ledger *ledger)
{
	uint64_t earliest = 0;

	if (ledger->kept_count == 0)
		return 0;
	for (size_t i = 0; i < ledger->slots_count; i++) {
		uint64_t at = expires_at(ledger->slots[i]);

		if (at != 0 && (earliest == 0 || at < earliest))
			earliest = at;
	}
	return earliest;
}

struct nfbind_packet *ledger_next_expired(struct ledger *ledger, uint64_t now)
{
	for (size_t i = 0; i < ledger->slots_count; i++) {
		uint64_t at = expires_at(ledger->slots[i]);

		if (at != 0 && at <= now)
			return ledger->slots[i]->aged_first;
	}
	return NULL;
}

/* Decisions. */

static void leave(struct ledger *ledger, struct nfbind_packet *packet, enum packet_state state)
{
	bool was_kept = packet_state(packet) == PACKET_HELD;

	packet_set_state(packet, state);
	packet->slot->undecided--;
	if (was_kept)
		leave_kept(ledger, packet);
	else
		leave_batch(ledger, packet);
}

int ledger_decide(struct ledger *ledger, struct nfbind_packet *packet, uint32_t verdict)
{
	uint8_t state = packet_state(packet);
	int r;

	if (state == PACKET_UNBOUND)
		return -ENODEV;
	if (state != PACKET_UNDECIDED && state != PACKET_HELD)
		return -EALREADY;
	r = stage_reserve(ledger, stage_verdict_len(packet));
	if (r < 0)
		return r;
	leave(ledger, packet, PACKET_DECIDED);
	stage_verdict(ledger, packet, verdict);
	ledger->stats.decided++;
	return 0;
}

void ledger_default(struct ledger *ledger, struct nfbind_packet *packet)
{
	leave(ledger, packet, PACKET_ENDED);
	stage_default(ledger, packet);
}

void ledger_end_slot(struct ledger *ledger, struct slot *slot)
{
	while (slot->first) {
		ledger_default(ledger, slot->first);
		ledger->stats.defaulted++;
	}
	slot->last = NULL;
}

void ledger_forget_slot(struct ledger *ledger, struct slot *slot)
{
	while (slot->kept_first)
		leave(ledger, slot->kept_first, PACKET_UNBOUND);
	slot->is_bound = false;
	slot->run.fill = 0;
}

void ledger_end_batch(struct ledger *ledger)
{
	for (size_t i = 0; i < ledger->slots_count; i++)
		if (ledger->slots[i]->last)
			ledger_end_slot(ledger, ledger->slots[i]);
	ledger->batch = NULL;
}

void ledger_kick(struct ledger *ledger)
{
	if (!ledger->is_waiting)
		return;
	ledger_unlock(ledger);
	wake_stir(&ledger->wake);
	ledger_lock(ledger);
}

/* Public functions on packets that concern decisions. */

int nfbind_packet_keep(struct nfbind_packet *packet, struct nfbind_packet **ret_packet)
{
	struct ledger *ledger = packet ? packet->ledger : NULL;
	int r;

	if (!ledger)
		return -EINVAL;
	/* Where its batch is held for longer than the session lived, there is no ledger any more. */
	if (packet_state(packet) != PACKET_UNDECIDED)
		return -EALREADY;
	if (ledger_is_forked(ledger))
		return -ECHILD;
	ledger_lock(ledger);
	r = ledger->is_open ? ledger_keep(ledger, packet, ret_packet) : -ESHUTDOWN;
	ledger_unlock(ledger);
	return r;
}

/* Let a kept packet go. A collector may run this anywhere: it only stages. */
static void let_go(struct ledger *ledger, struct nfbind_packet *packet)
{
	if (ledger_is_forked(ledger))
		return;
	ledger_lock(ledger);
	if (packet_state(packet) == PACKET_HELD) {
		if (ledger->is_open) {
			ledger_default(ledger, packet);
			ledger->stats.defaulted++;
			ledger_kick(ledger);
		} else {
			leave(ledger, packet, PACKET_ENDED);
		}
	}
	ledger_unlock(ledger);
}

void nfbind_packet_free(struct nfbind_packet *packet)
{
	if (!packet || !(packet->flags & PACKET_OWNED))
		return;
	if (packet->ledger) {
		let_go(packet->ledger, packet);
		ledger_free(packet->ledger);
	}
	packet_release(packet);
}
