/* SPDX-License-Identifier: MIT */
/*
 * Which connections came already, for lists in which none may come twice. A hash table
 * of what identifies an entry: the original tuple, the zones, and when it began where
 * the kernel says so. It takes 85 to 171 bytes for each entry, and half as much again
 * while it grows.
 */
#ifndef SEEN_H
#define SEEN_H

#include "ct.h"

struct seen_key;

struct seen {
	struct seen_key *keys;
	size_t size; /* a power of 2, or 0 */
	size_t count;
	uint64_t seed;
};

/* An empty one is zeroed memory. */
void seen_free(struct seen *seen);

/* 1 when it came already, 0 when it is new, which is remembered, or -ENOMEM. */
int seen_before(struct seen *seen, const struct nfbind_ct *ct);

#endif
