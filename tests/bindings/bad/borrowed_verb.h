/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a loan that ends with a verb that is not there.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/** A thing. */
struct nfbind_thing;

/**
 * Do it.
 *
 * @borrowed thing until vanish
 * @since 0.1
 */
NFBIND_API const char *nfbind_thing_name(const struct nfbind_thing *thing);

#endif
