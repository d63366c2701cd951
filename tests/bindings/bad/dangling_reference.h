/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: the comment names what is not there.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/**
 * Undoes nfbind_end().
 *
 * @since 0.1
 */
NFBIND_API void nfbind_begin(void);

#endif
