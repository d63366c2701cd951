/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a number that may be NULL.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/**
 * Do it.
 *
 * @nullable number
 * @since 0.1
 */
NFBIND_API void nfbind_begin(uint32_t number);

#endif
