/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a result that differs between machines.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/**
 * Do it.
 *
 * @since 0.1
 */
NFBIND_API long nfbind_answer(void);

#endif
