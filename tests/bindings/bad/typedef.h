/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a typedef.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

typedef uint32_t nfbind_number;

#endif
