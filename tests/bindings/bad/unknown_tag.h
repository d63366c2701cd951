/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: an unknown tag.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/**
 * Do it.
 *
 * @threadsafe
 * @since 0.1
 */
NFBIND_API void nfbind_begin(void);

#endif
