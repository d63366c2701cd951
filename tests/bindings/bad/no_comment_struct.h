/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: an object without a comment.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

struct nfbind_thing;

#endif
