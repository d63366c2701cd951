/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a word that says nothing.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/**
 * Do it.
 *
 * @since 0.1
 */
NFBIND_API void nfbind_do_begin(void);

#endif
