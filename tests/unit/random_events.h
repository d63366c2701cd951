/* SPDX-License-Identifier: MIT */
/*
 * Events and filters by chance, of few values, so that they often meet: for comparing
 * two ways of telling whether they do.
 */
#ifndef RANDOM_EVENTS_H
#define RANDOM_EVENTS_H

#include <stddef.h>
#include <stdint.h>

#include "filter.h"

enum { EVENT_HEAD = 20 };

struct event {
	uint8_t data[2048] __attribute__((aligned(8)));
	size_t len;
	struct nfbind_ct *ct; /* as it is parsed again */
};

struct nfbind_filter *new_filter(void);

/* The message that a kernel would send for it; `message` is KERNEL_CT_NEW or another one. */
void make_event(struct event *event, const struct nfbind_ct *ct, uint16_t message);
void free_event(struct event *event);

/* A connection as a kernel may have it, without what it sometimes does not say. */
struct nfbind_ct *some_ct(void);

/* One that makes sense, of a few fields, or seldom of many. */
struct nfbind_filter *some_filter(void);
/* One field of it; addresses have `len` bytes. */
void set_one(struct nfbind_filter *filter, uint32_t field, size_t len);

#endif
