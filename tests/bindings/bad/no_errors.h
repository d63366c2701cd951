/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a function that can fail lists no error.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/**
 * Do it.
 *
 * @since 0.1
 */
NFBIND_API int nfbind_begin(void);

#endif
