/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a tag that stands there twice.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/**
 * Do it.
 *
 * @since 0.1
 * @since 0.1
 */
NFBIND_API void nfbind_begin(void);

#endif
