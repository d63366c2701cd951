/* SPDX-License-Identifier: MIT */
/*
 * Changes inside a packet's bytes, with the lengths and checksums around them
 * repaired: header fields, the public splice and the tracker all end here.
 */
#ifndef EDIT_H
#define EDIT_H

#include "view.h"

/*
 * Overwrite `len` bytes at offset `at` of the packet, which lie inside one header
 * or inside the payload. -EALREADY, -EOPNOTSUPP (truncated, or a checksum that
 * cannot be repaired), -EMSGSIZE, -ENOMEM.
 */
int edit_patch(struct nfbind_packet *packet, const struct view *view, uint32_t at,
	       const void *data, uint32_t len);

/* Whether edit_splice() would do it, except for memory: its errors. */
int edit_check_splice(const struct nfbind_packet *packet, const struct view *view,
		      uint32_t offset, uint32_t remove, size_t data_len);

/*
 * Replace `remove` bytes at `offset` of the transport payload. Whether TCP's
 * sequence numbers will follow a change of length is the caller's affair.
 */
int edit_splice(struct nfbind_packet *packet, const struct view *view, uint32_t offset,
		uint32_t remove, const void *data, size_t data_len);

/* The same under the public rule: who adjusts the sequence numbers? Else -EPROTO. */
int edit_splice_checked(struct nfbind_packet *packet, const struct view *view, uint32_t offset,
			uint32_t remove, const void *data, size_t data_len);

#endif
