/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: an error that cannot be returned.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/**
 * Do it.
 *
 * @error EINVAL it is wrong
 * @since 0.1
 */
NFBIND_API void nfbind_begin(void);

#endif
