/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a hole in a plain struct.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/** A record. */
struct nfbind_record {
	/** Small. */
	uint16_t a;
	/** Large. */
	uint64_t b;
};

#endif
