/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a buffer out without its length.
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
 * @borrowed thing until look
 * @since 0.1
 */
NFBIND_API int nfbind_thing_look(const struct nfbind_thing *thing, const void **ret_data);

#endif
