/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: free does not accept NULL.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/** A thing. */
struct nfbind_thing;

/**
 * Do it.
 *
 * @since 0.1
 */
NFBIND_API void nfbind_thing_free(struct nfbind_thing *thing);

#endif
