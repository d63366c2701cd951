/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: upper case in a name.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/**
 * Do it.
 *
 * @since 0.1
 */
NFBIND_API void nfbind_Begin(void);

#endif
