/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a gap in the numbers of fields.
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
	/** Zone. */
	NFBIND_THING_ZONE = 2
};

#endif
