/* SPDX-License-Identifier: MIT */
/*
 * Whether this is a child of the process that opened a session: a page that the
 * kernel zeroes in a forked child tells without a system call, which calls for single
 * packets and events cannot afford. Before it is planted, the process id is asked for.
 */
#ifndef CANARY_H
#define CANARY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

struct canary {
	pid_t pid; /* 0 before the session was opened */
	atomic_uchar *_Atomic page;
};

int canary_plant(struct canary *canary);
void canary_free(struct canary *canary);

/* Where there is no page. */
bool canary_is_other_process(const struct canary *canary);

static inline bool canary_is_forked(const struct canary *canary)
{
	const atomic_uchar *page = atomic_load_explicit(&canary->page, memory_order_acquire);

	return page ? atomic_load_explicit(page, memory_order_relaxed) == 0 :
		      canary_is_other_process(canary);
}

#endif
