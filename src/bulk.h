/* SPDX-License-Identifier: MIT */
/*
 * Inside a bulk: messages one behind the other, and an entry for each.
 */
#ifndef BULK_H
#define BULK_H

#include <nfbind/bulk.h>

#include "conntrack.h"

/* Beside 0 and -errno: it was sent, and its answer is still to be read. */
enum { RESULT_PENDING = 1 };

struct operation {
	size_t offset;
	uint32_t len;
	int32_t result;
	uint32_t words; /* the kernel's own: where they start, 0 for none */
};

struct nfbind_bulk {
	uint8_t *data;
	size_t len, size;
	struct operation *operations;
	uint32_t count, room;
	/* What the kernel said, with a NUL behind each; the first byte is not used. */
	char *words;
	uint32_t words_len, words_last;
};

/* Bytes that the operation takes in a send. */
size_t bulk_len(const struct nfbind_bulk *bulk, uint32_t index);

/* Keep the kernel's words; without memory for them they are lost, and the number says it. */
void bulk_set_words(struct nfbind_bulk *bulk, uint32_t index, const char *words);

#endif
