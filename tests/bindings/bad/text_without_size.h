/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: text that is copied out into no known space.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/** A thing. */
struct nfbind_thing;

/**
 * Do it.
 *
 * @returns length
 * @since 0.1
 */
NFBIND_API int nfbind_thing_print(const struct nfbind_thing *thing, char *ret_text);

#endif
