/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: an inline function.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/**
 * Do it.
 *
 * @returns number
 * @since 0.1
 */
static inline uint32_t nfbind_answer(void)
{
	return 42;
}

#endif
