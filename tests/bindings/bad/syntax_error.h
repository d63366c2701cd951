/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: it is no C.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

struct nfbind_thing
int nfbind_begin(void);

#endif
