/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: flags that are no single bits.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/** A mode. */
enum nfbind_mode {
	/** Slow. */
	NFBIND_MODE_SLOW = 1,
	/** Fast. */
	NFBIND_MODE_FAST = 3
};

/**
 * Do it.
 *
 * @flags mode nfbind_mode
 * @error EINVAL it is wrong
 * @since 0.1
 */
NFBIND_API int nfbind_choose(uint32_t mode);

#endif
