/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a side of what has none.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/**
 * Do it.
 *
 * @error EINVAL it is wrong
 * @side in
 * @since 0.1
 */
NFBIND_API int nfbind_store(uint32_t number);

#endif
