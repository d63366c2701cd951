/* SPDX-License-Identifier: MIT */
/*
 * The tracker's flows: found by their ends, forgotten in the order of their last
 * use. They live in three lists, because what may be forgotten differs: a closed
 * flow after a while, one without changes when room is needed, one with changes
 * never.
 */
#ifndef FLOWS_H
#define FLOWS_H

#include "shift.h"

/* Both ends, the lower one first: the same for packets of either direction. */
struct flow_key {
	uint8_t address[2][16];
	uint16_t port[2];
	uint32_t version;
};

enum flow_list {
	FLOWS_PLAIN,
	FLOWS_CHANGED,
	FLOWS_CLOSED,
	FLOWS_LISTS,
};

/* The newest data of a direction, which nobody has got yet: it may be changed. */
struct fresh {
	bool is_there;
	bool had_data;   /* before any change */
	uint32_t from;   /* original number of the first byte that was not sent before */
	uint32_t out;    /* its changed number */
	uint32_t change; /* changes from this one on were made in it */
	uint32_t start;  /* changed number of the packet's payload */
	uint32_t seq;    /* how the packet looks now, to know it again: its header's number */
	uint32_t len;    /* the length of its payload */
	uint8_t flags;   /* and its flags */
};

/* What one end sends; all numbers are original ones. */
struct direction {
	struct shift shift;
	struct fresh fresh;
	uint32_t next;  /* after everything that was sent */
	uint32_t acked; /* by the other end */
	uint32_t first; /* of the SYN */
	uint32_t last;  /* after the FIN */
	bool is_known;  /* next is valid, and so on */
	bool is_acked;
	bool has_first;
	bool has_last;
};

struct flow {
	struct flow *bucket_next;
	struct flow *newer, *older;
	uint64_t used_at; /* monotonic milliseconds */
	struct flow_key key;
	struct direction directions[2];
	enum flow_list list;
	bool is_closed;
	bool has_new_first; /* a SYN that may start a new connection was seen: its number */
	uint32_t new_first;
};

struct flows {
	struct flow **buckets;
	uint32_t mask;
	uint32_t limit;
	uint32_t count;
	uint64_t seed; /* so that nobody outside can choose ends that share a bucket */
	struct flow lists[FLOWS_LISTS]; /* heads: newer is the oldest, older the newest */
};

int flows_init(struct flows *flows, uint32_t limit);
void flows_drop(struct flows *flows);
struct flow *flows_find(const struct flows *flows, const struct flow_key *key);

/* -ENOSPC when every flow has changes, -ENOMEM. */
int flows_add(struct flows *flows, const struct flow_key *key, struct flow **ret_flow);

/* The flow was used: it is the newest of the list that it belongs to now. */
void flows_touch(struct flows *flows, struct flow *flow, uint64_t now);

/* Forget closed flows that were quiet for a while. */
void flows_expire(struct flows *flows, uint64_t now);

/* Back to the beginning, as when its first packet comes. */
void flow_reset(struct flow *flow);

bool flow_is_changed(const struct flow *flow);

#endif
