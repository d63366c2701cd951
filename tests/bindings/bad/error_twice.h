/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: an error that stands there twice.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/**
 * Do it.
 *
 * @error EINVAL it is wrong
 * @error EINVAL it is very wrong
 * @since 0.1
 */
NFBIND_API int nfbind_begin(void);

#endif
