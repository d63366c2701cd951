/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a member without a comment.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/** A record. */
struct nfbind_record {
	uint32_t a;
};

#endif
