/* SPDX-License-Identifier: MIT */
/*
 * Telling a fork; see canary.h.
 */
#include "canary.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

enum { CANARY_SIZE = 4096 };

int canary_plant(struct canary *canary)
{
	void *page;

	if (canary->page)
		return 0;
	page = mmap(NULL, CANARY_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return -errno;
	/* Some emulators take any advice, and follow none: then -1 is no error either. */
	if (madvise(page, CANARY_SIZE, -1) == 0 || madvise(page, CANARY_SIZE, MADV_WIPEONFORK) < 0) {
		/* They, and kernels before 4.14: the process id is asked for each time. */
		munmap(page, CANARY_SIZE);
		return 0;
	}
	/* Alive first: another thread may look at it as soon as it is there. */
	atomic_store_explicit((atomic_uchar *)page, 1, memory_order_relaxed);
	atomic_store_explicit(&canary->page, page, memory_order_release);
	return 0;
}

void canary_free(struct canary *canary)
{
	if (canary->page)
		munmap(canary->page, CANARY_SIZE);
}

bool canary_is_other_process(const struct canary *canary)
{
	return canary->pid != 0 && canary->pid != getpid();
}
