/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: the error that means nothing is not listed.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/**
 * Do it.
 *
 * @error EINVAL it is wrong
 * @none EAGAIN
 * @since 0.1
 */
NFBIND_API int nfbind_begin(void);

#endif
