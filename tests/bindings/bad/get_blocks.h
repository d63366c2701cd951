/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a getter that blocks.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/** A thing. */
struct nfbind_thing;

/**
 * Do it.
 *
 * @returns number
 * @blocks
 * @since 0.1
 */
NFBIND_API int nfbind_thing_get_size(const struct nfbind_thing *thing);

#endif
