/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a comment that does not end.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/**
 * Begin something and
 *
 * @since 0.1
 */
NFBIND_API void nfbind_begin(void);

#endif
