/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: ownership of nothing.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/**
 * Do it.
 *
 * @owned
 * @since 0.1
 */
NFBIND_API void nfbind_begin(void);

#endif
