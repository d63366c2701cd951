/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: bytes that nobody can free.
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
 * @owned
 * @since 0.1
 */
NFBIND_API int nfbind_thing_look(const struct nfbind_thing *thing, const void **ret_data, size_t *ret_data_len);

#endif
