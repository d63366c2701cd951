/* SPDX-License-Identifier: MIT */
/*
 * What a consumer's copy of the kernel's tables has: for each entry what names it, and
 * which of those that had the name it is (id, and when it began where the kernel says
 * so). Entries keep their number as long as they are there, so that the table can be
 * walked in pieces while it changes.
 *
 * It takes 84 to 168 bytes for each entry, and half as much again while it grows.
 */
#ifndef MIRROR_H
#define MIRROR_H

#include "subject.h"

/* Hashed and compared as bytes: without holes, and what an entry lacks is 0. */
struct mirror_key {
	uint8_t src[16], dst[16];
	uint16_t first, second; /* ports, or ICMP id, and type and code */
	uint16_t zone;          /* the one that counts in the original direction */
	uint8_t l4proto;
	uint8_t shape;          /* which fields it was made of */
	uint32_t exp_id;        /* an expectation's own; tuples of several zones look alike */
	uint32_t unused;
};

enum {
	MIRROR_BLIND = 1, /* the kernel may never announce its end */
	MIRROR_FULL = 2,  /* all of its fields were given out since its epoch */
	MIRROR_DEAD = 4,  /* it ended while a list was read, which may still have it */
};

struct mirror_entry {
	struct mirror_key key;
	uint64_t start;    /* 0: the kernel does not say */
	uint32_t id;
	uint32_t epoch;    /* when it was last heard of */
	uint32_t deadline; /* of a blind one, in seconds */
	uint32_t next;     /* in its bucket, or of the free ones */
	uint8_t flags;
	bool is_used;
};

struct mirror {
	struct mirror_entry *entries; /* by number */
	uint32_t *buckets;
	uint32_t size;   /* of both, a power of 2, or 0 */
	uint32_t top;    /* numbers that were ever used */
	uint32_t free;   /* the first free one below */
	uint32_t count;
	uint32_t blind;
	uint32_t max;
	uint64_t seed;
};

void mirror_start(struct mirror *mirror, uint32_t max);
void mirror_free(struct mirror *mirror);

/* 0, or -ENODATA where the object has no whole tuple. */
int mirror_make_key(const struct subject *subject, const void *object, struct mirror_key *ret_key);
/* An empty object becomes what the key says: enough to name the entry. */
void mirror_fill(const struct mirror_key *key, void *object);
const struct subject *mirror_subject(const struct mirror_key *key);

struct mirror_entry *mirror_find(const struct mirror *mirror, const struct mirror_key *key);
/* A new entry with this key, which must not be there; NULL when there is no room or memory. */
struct mirror_entry *mirror_add(struct mirror *mirror, const struct mirror_key *key);
void mirror_remove(struct mirror *mirror, struct mirror_entry *entry);

static inline bool mirror_is_alive(const struct mirror_entry *entry)
{
	return entry && !(entry->flags & MIRROR_DEAD);
}

#endif
