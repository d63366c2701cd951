/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a function with variable arguments.
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
NFBIND_API int nfbind_thing_log(struct nfbind_thing *thing, const char *format, ...);

#endif
