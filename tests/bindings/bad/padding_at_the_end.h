/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a hole at the end of a plain struct.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/** A record. */
struct nfbind_record {
	/** Large. */
	uint64_t a;
	/** Small. */
	uint32_t b;
};

#endif
