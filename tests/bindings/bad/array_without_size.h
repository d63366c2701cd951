/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: an array without the size of its elements.
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
NFBIND_API int nfbind_store(const struct nfbind_record *records, size_t records_count);

#endif
