/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: an enumerator without a value.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/** A mode. */
enum nfbind_mode {
	/** Slow. */
	NFBIND_MODE_SLOW
};

#endif
