/* SPDX-License-Identifier: MIT */
/*
 * Reading text; see reader.h.
 */
#include "reader.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void reader_start(struct reader *reader, const char *text, char *message, size_t message_size)
{
	*reader = (struct reader){ .text = text };
	text_start(&reader->message, message, message_size);
}

int reader_fail(struct reader *reader, size_t at, int error, const char *format, ...)
{
	char sentence[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(sentence, sizeof(sentence), format, arguments);
	va_end(arguments);
	reader->at = at;
	text_add(&reader->message, "at byte %zu: ", at);
	text_add_escaped(&reader->message, sentence, strlen(sentence));
	return error;
}

void reader_skip_blanks(struct reader *reader)
{
	reader->at += strspn(reader->text + reader->at, " \t\r\n");
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 16;
}

bool reader_number(const char *word, size_t len, uint64_t *ret_value)
{
	bool is_hex = len > 2 && word[0] == '0' && (word[1] == 'x' || word[1] == 'X');
	unsigned int base = is_hex ? 16 : 10;
	uint64_t value = 0;

	for (size_t i = is_hex ? 2 : 0; i < len; i++) {
		unsigned int digit = (unsigned int)digit_of(word[i]);

		if (digit >= base || __builtin_mul_overflow(value, base, &value) ||
		    __builtin_add_overflow(value, digit, &value))
			return false;
	}
	*ret_value = value;
	return len > 0;
}

size_t reader_address(const char *word, size_t len, uint8_t ret_bytes[16])
{
	char copy[INET6_ADDRSTRLEN];

	if (len >= sizeof(copy) || memchr(word, '\0', len))
		return 0;
	memcpy(copy, word, len);
	copy[len] = '\0';
	if (inet_pton(AF_INET, copy, ret_bytes) == 1)
		return 4;
	return inet_pton(AF_INET6, copy, ret_bytes) == 1 ? 16 : 0;
}
