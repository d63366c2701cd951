/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: an enum that is not there.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/**
 * Do it.
 *
 * @enum mode nfbind_mode
 * @error EINVAL it is wrong
 * @since 0.1
 */
NFBIND_API int nfbind_choose(uint32_t mode);

#endif
