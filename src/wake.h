/* SPDX-License-Identifier: MIT */
/*
 * Waking a thread that waits in a session, from any thread or signal handler: sticky
 * once, so that a wake which nobody waits for ends the next wait.
 */
#ifndef WAKE_H
#define WAKE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct wake {
	atomic_int fd;      /* -1 until somebody had to wait */
	atomic_bool is_set; /* the caller's wake */
};

void wake_start(struct wake *wake);
/* When no other thread can be in wake_set() any more: the descriptor's number may be given anew. */
void wake_close(struct wake *wake);

/* Nothing but atomics and a write: signal-safe. */
void wake_set(struct wake *wake);

/* Only stir who sleeps now, as for a close: nothing sticks. */
void wake_stir(struct wake *wake);

static inline bool wake_is_set(const struct wake *wake)
{
	return atomic_load(&((struct wake *)(uintptr_t)wake)->is_set);
}

/* What follows makes system calls. */

/* Whether it was set; it is not any more. */
bool wake_take(struct wake *wake);
/* The descriptor to wait for, which is made when it is first needed; or -errno. */
int wake_need_fd(struct wake *wake);
/* Forget what stirred. */
void wake_settle(struct wake *wake);

/* Milliseconds until then, in monotonic nanoseconds, rounded up: what to sleep. */
int32_t wake_time_left(uint64_t until);

#endif
