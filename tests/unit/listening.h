/* SPDX-License-Identifier: MIT */
/*
 * An event session over the fake transport, and short words for what it hears.
 */
#ifndef LISTENING_H
#define LISTENING_H

#include <nfbind/nfbind.h>

#include "fake_kernel.h"
#include "unit.h"

extern struct nfbind_events *session; /* not open yet */
extern struct nfbind_options *options;

/* What the last next() gave. */
extern struct nfbind_ct *ct;
extern struct nfbind_exp *expectation;
extern struct nfbind_event event;

void listening_set_up(void);
void listening_tear_down(void);

void start(void);
void says(const char *words);
struct nfbind_events_stats stats(void);

/* The kernel sends a recorded datagram. */
void deliver(const char *name);

int receive(int32_t timeout);
int next(void);
/* An event of this kind, without flags and of this namespace. */
void next_is(uint32_t kind);

/*
 * All that can be taken now, as letters: + ~ - for connections, e x for expectations,
 * ! overrun, ? malformed.
 */
const char *take_all(void);

#endif
