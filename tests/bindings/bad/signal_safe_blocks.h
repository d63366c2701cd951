/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a call that is safe in a signal and blocks.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/**
 * Do it.
 *
 * @signal-safe
 * @thread any
 * @blocks
 * @since 0.1
 */
NFBIND_API void nfbind_begin(void);

#endif
