/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a loan from nothing.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/** A thing. */
struct nfbind_thing;

/**
 * Do it.
 *
 * @borrowed other until name
 * @since 0.1
 */
NFBIND_API const char *nfbind_thing_name(const struct nfbind_thing *thing);

#endif
