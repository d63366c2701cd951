/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a struct by value.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/** A record. */
struct nfbind_record {
	/** A number. */
	uint32_t a;
};

/**
 * Do it.
 *
 * @error EINVAL it is wrong
 * @since 0.1
 */
NFBIND_API int nfbind_store(struct nfbind_record record);

#endif
