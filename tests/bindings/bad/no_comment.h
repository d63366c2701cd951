/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a function without a comment.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

NFBIND_API void nfbind_begin(void);

#endif
