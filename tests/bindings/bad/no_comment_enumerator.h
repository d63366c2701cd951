/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: an enumerator without a comment.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/** A mode. */
enum nfbind_mode {
	NFBIND_MODE_SLOW = 1
};

#endif
