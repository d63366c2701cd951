/* SPDX-License-Identifier: MIT */
/*
 * Text that is read: where the reader is, and the one sentence that it leaves when
 * something else stands there than should. Whoever wrote the text is not trusted.
 */
#ifndef READER_H
#define READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"

struct reader {
	const char *text; /* ends with a NUL */
	size_t at;
	struct text message;
};

void reader_start(struct reader *reader, const char *text, char *message, size_t message_size);

/* Stop at a place: the error, and a sentence with what was expected there. */
int reader_fail(struct reader *reader, size_t at, int error, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

void reader_skip_blanks(struct reader *reader);

/* The whole of a word as a number: decimal, or hexadecimal behind 0x. */
bool reader_number(const char *word, size_t len, uint64_t *ret_value);
/* The whole of a word as an IPv4 (4) or IPv6 (16) address; its length, or 0. */
size_t reader_address(const char *word, size_t len, uint8_t ret_bytes[16]);

#endif
