/* SPDX-License-Identifier: MIT */
/*
 * The tracker's flows; see flows.h. A hash table with chains, and lists by age.
 */
#include "flows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
	BUCKETS_MAX = 1 << 20,
	/* Late packets of a closed flow are still shifted; milliseconds since the last one. */
	CLOSED_FOR = 10000,
};

int flows_init(struct flows *flows, uint32_t limit)
{
	uint32_t size = 16;

	while (size < limit && size < BUCKETS_MAX)
		size *= 2;
	*flows = (struct flows){ .mask = size - 1, .limit = limit };
	for (unsigned int i = 0; i < FLOWS_LISTS; i++)
		flows->lists[i].newer = flows->lists[i].older = &flows->lists[i];
	/* No entropy yet is no reason to fail: the address of the heap has some. */
	if (getrandom(&flows->seed, sizeof(flows->seed), GRND_NONBLOCK) < 0)
		flows->seed = (uintptr_t)flows;
	flows->buckets = calloc(size, sizeof(*flows->buckets));
	return flows->buckets ? 0 : -ENOMEM;
}

static struct flow **bucket_of(const struct flows *flows, const struct flow_key *key)
{
	uint64_t words[sizeof(*key) / sizeof(uint64_t)], hash = flows->seed;

	_Static_assert(sizeof(*key) % sizeof(uint64_t) == 0, "a key is hashed in words");
	memcpy(words, key, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		hash = (hash ^ words[i]) * 0x9e3779b97f4a7c15;
		hash ^= hash >> 29;
	}
	return &flows->buckets[(hash >> 16) & flows->mask];
}

struct flow *flows_find(const struct flows *flows, const struct flow_key *key)
{
	struct flow *flow = *bucket_of(flows, key);

	while (flow && memcmp(&flow->key, key, sizeof(*key)) != 0)
		flow = flow->bucket_next;
	return flow;
}

static void unlink_flow(struct flow *flow)
{
	flow->newer->older = flow->older;
	flow->older->newer = flow->newer;
}

static void link_flow(struct flows *flows, struct flow *flow)
{
	struct flow *head = &flows->lists[flow->list];

	flow->newer = head;
	flow->older = head->older;
	head->older->newer = flow;
	head->older = flow;
}

void flow_reset(struct flow *flow)
{
	for (unsigned int i = 0; i < 2; i++) {
		shift_clear(&flow->directions[i].shift);
		flow->directions[i] = (struct direction){ 0 };
	}
	flow->is_closed = flow->has_new_first = false;
}

static void forget(struct flows *flows, struct flow *flow)
{
	struct flow **place = bucket_of(flows, &flow->key);

	while (*place != flow)
		place = &(*place)->bucket_next;
	*place = flow->bucket_next;
	unlink_flow(flow);
	flow_reset(flow);
	free(flow);
	flows->count--;
}

void flows_drop(struct flows *flows)
{
	for (unsigned int i = 0; i < FLOWS_LISTS; i++)
		while (flows->lists[i].newer != &flows->lists[i])
			forget(flows, flows->lists[i].newer);
	free(flows->buckets);
}

/* Forget the one flow that is missed least. */
static bool make_room(struct flows *flows)
{
	static const enum flow_list order[] = { FLOWS_CLOSED, FLOWS_PLAIN };

	for (unsigned int i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		struct flow *head = &flows->lists[order[i]];

		if (head->newer == head)
			continue;
		forget(flows, head->newer);
		return true;
	}
	return false;
}

int flows_add(struct flows *flows, const struct flow_key *key, struct flow **ret_flow)
{
	struct flow **place = bucket_of(flows, key);
	struct flow *flow;

	if (flows->count >= flows->limit && !make_room(flows))
		return -ENOSPC;
	flow = calloc(1, sizeof(*flow));
	if (!flow)
		return -ENOMEM;
	flow->key = *key;
	flow->list = FLOWS_PLAIN;
	flow->bucket_next = *place;
	*place = flow;
	link_flow(flows, flow);
	flows->count++;
	*ret_flow = flow;
	return 0;
}

bool flow_is_changed(const struct flow *flow)
{
	return !shift_is_idle(&flow->directions[0].shift) ||
	       !shift_is_idle(&flow->directions[1].shift);
}

void flows_touch(struct flows *flows, struct flow *flow, uint64_t now)
{
	unlink_flow(flow);
	flow->used_at = now;
	flow->list = flow->is_closed         ? FLOWS_CLOSED
		     : flow_is_changed(flow) ? FLOWS_CHANGED
					     : FLOWS_PLAIN;
	link_flow(flows, flow);
}

void flows_expire(struct flows *flows, uint64_t now)
{
	struct flow *head = &flows->lists[FLOWS_CLOSED];

	while (head->newer != head && now - head->newer->used_at > CLOSED_FOR)
		forget(flows, head->newer);
}
