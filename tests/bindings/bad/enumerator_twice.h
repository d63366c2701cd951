/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: two enumerators with one value.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/** A mode. */
enum nfbind_mode {
	/** Slow. */
	NFBIND_MODE_SLOW = 1,
	/** Slower. */
	NFBIND_MODE_SLOWER = 1
};

#endif
