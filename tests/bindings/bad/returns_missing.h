/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: nothing says what the number is.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/**
 * Do it.
 *
 * @since 0.1
 */
NFBIND_API uint32_t nfbind_answer(void);

#endif
