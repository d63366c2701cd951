/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a version that is none.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/**
 * Do it.
 *
 * @since 1
 */
NFBIND_API void nfbind_begin(void);

#endif
