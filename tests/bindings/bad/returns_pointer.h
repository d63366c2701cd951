/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a pointer that is called a number.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/**
 * Do it.
 *
 * @returns length
 * @immortal
 * @since 0.1
 */
NFBIND_API const char *nfbind_name(void);

#endif
