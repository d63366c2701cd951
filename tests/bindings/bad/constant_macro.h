/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a constant that is a macro.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

#define NFBIND_LIMIT 16

#endif
