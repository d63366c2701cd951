/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a pointer in a plain struct.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/** A record. */
struct nfbind_record {
	/** Bytes. */
	const void *a;
};

#endif
