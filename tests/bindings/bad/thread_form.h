/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a thread class that does not exist.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/**
 * Do it.
 *
 * @thread main
 * @since 0.1
 */
NFBIND_API void nfbind_begin(void);

#endif
