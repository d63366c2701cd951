/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: an object that nothing frees.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/** A thing. */
struct nfbind_thing;

/**
 * Do it.
 *
 * @error ENOMEM out of memory
 * @owned
 * @since 0.1
 */
NFBIND_API int nfbind_thing_new(struct nfbind_thing **ret_thing);

#endif
