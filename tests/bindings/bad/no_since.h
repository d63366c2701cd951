/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: nothing says since when.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/**
 * Do it.
 *
 * @thread any
 */
NFBIND_API void nfbind_begin(void);

#endif
