/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a result of no known kind.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/**
 * Do it.
 *
 * @returns packets
 * @since 0.1
 */
NFBIND_API int nfbind_begin(void);

#endif
