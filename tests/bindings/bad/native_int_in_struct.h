/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a type of no fixed width in a plain struct.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/** A record. */
struct nfbind_record {
	/** A number. */
	unsigned int a;
};

#endif
