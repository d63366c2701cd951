/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: an array that is written, without a word whether it is read.
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
 * @element records record_size
 * @error EINVAL it is wrong
 * @since 0.1
 */
NFBIND_API int nfbind_store(struct nfbind_record *records, size_t records_count, size_t record_size);

#endif
