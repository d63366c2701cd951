/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a new object that nobody owns.
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
 * @borrowed ret_thing until free
 * @since 0.1
 */
NFBIND_API int nfbind_thing_new(struct nfbind_thing **ret_thing);

/**
 * Do it.
 *
 * @nullable thing
 * @since 0.1
 */
NFBIND_API void nfbind_thing_free(struct nfbind_thing *thing);

#endif
