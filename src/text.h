/* SPDX-License-Identifier: MIT */
/*
 * Text that is written into a caller's buffer: it counts what it would need, so
 * that the caller can come back with more room, and is always terminated.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stddef.h>

struct text {
	char *out;
	size_t size;
	size_t len;
};

/* Start writing to `out`, which may be NULL when size is 0. */
void text_start(struct text *text, char *out, size_t size);
void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_add_hex(struct text *text, const void *data, size_t data_len);
/* Bytes that should be text: what is not printable ASCII becomes \xNN. */
void text_add_escaped(struct text *text, const void *data, size_t data_len);

#endif
