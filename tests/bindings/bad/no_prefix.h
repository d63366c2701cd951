/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: the prefix is missing.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/**
 * Do it.
 *
 * @since 0.1
 */
NFBIND_API void begin(void);

#endif
