/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: two sides, and no word which of them explains a failure.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/** A session. */
struct nfbind_thing;

/** Its sides. */
enum nfbind_thing_side {
	/** In. */
	NFBIND_THING_SIDE_IN = 0,
	/** Out. */
	NFBIND_THING_SIDE_OUT = 1
};

/**
 * Why it failed.
 *
 * @enum side nfbind_thing_side
 * @returns length
 * @error EINVAL no such side
 * @since 0.1
 */
NFBIND_API int nfbind_thing_last_message(struct nfbind_thing *thing, uint32_t side, char *ret_text,
					 size_t ret_text_size);

/**
 * Do it.
 *
 * @error EINVAL it is wrong
 * @since 0.1
 */
NFBIND_API int nfbind_thing_start(struct nfbind_thing *thing);

#endif
