/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a result stands before an argument.
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
NFBIND_API int nfbind_thing_read(const struct nfbind_thing *thing, uint32_t *ret_value, uint32_t index);

#endif
