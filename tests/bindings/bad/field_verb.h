/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a field that is called as a method is.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/** A thing. */
struct nfbind_thing;

/** Its fields. */
enum nfbind_thing_field {
	/** Mark. */
	NFBIND_THING_MARK = 0,
	/** Count. */
	NFBIND_THING_COUNT = 1
};

/**
 * How many there are.
 *
 * @returns number
 * @since 0.1
 */
NFBIND_API uint32_t nfbind_thing_count(const struct nfbind_thing *thing);

#endif
