/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a tag of two lines.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/**
 * Begin.
 *
 * @error EINVAL this is
 *    too long
 * @since 0.1
 */
NFBIND_API int nfbind_begin(void);

#endif
