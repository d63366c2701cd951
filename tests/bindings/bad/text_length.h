/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: the length of a text is not returned.
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
NFBIND_API int nfbind_thing_print(const struct nfbind_thing *thing, char *ret_text, size_t ret_text_size);

#endif
