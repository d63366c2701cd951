/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a digit instead of a name.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/**
 * Do it.
 *
 * @since 0.1
 */
NFBIND_API void nfbind_begin2(void);

#endif
