/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: the export mark is missing.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/**
 * Do it.
 *
 * @since 0.1
 */
void nfbind_begin(void);

#endif
