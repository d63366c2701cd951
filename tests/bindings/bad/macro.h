/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a macro that has to be called.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

#define NFBIND_TWICE(x) ((x) * 2)

#endif
