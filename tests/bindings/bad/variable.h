/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a variable.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

NFBIND_API extern uint32_t nfbind_verbosity;

#endif
