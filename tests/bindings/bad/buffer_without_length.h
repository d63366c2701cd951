/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a buffer without its length.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/** A thing. */
struct nfbind_thing;

/**
 * Do it.
 *
 * @error EINVAL it is wrong
 * @since 0.1
 */
NFBIND_API int nfbind_thing_write(struct nfbind_thing *thing, const void *data);

#endif
