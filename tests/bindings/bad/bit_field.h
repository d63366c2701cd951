/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a bit-field.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/** A record. */
struct nfbind_record {
	/** A bit. */
	uint32_t a : 1;
};

#endif
