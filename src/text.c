/* SPDX-License-Identifier: MIT */
/*
 * Text for callers' buffers; see text.h.
 */
#include "text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

void text_start(struct text *text, char *out, size_t size)
{
	*text = (struct text){ .out = out, .size = out ? size : 0 };
	if (text->size > 0)
		text->out[0] = '\0';
}

void text_add(struct text *text, const char *format, ...)
{
	size_t room = text->len < text->size ? text->size - text->len : 0;
	va_list arguments;
	int added;

	va_start(arguments, format);
	added = vsnprintf(room ? text->out + text->len : NULL, room, format, arguments);
	va_end(arguments);
	if (added > 0)
		text->len += (size_t)added;
}

void text_add_hex(struct text *text, const void *data, size_t data_len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < data_len; i++)
		text_add(text, "%02x", bytes[i]);
}

void text_add_escaped(struct text *text, const void *data, size_t data_len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < data_len; i++) {
		if (bytes[i] >= ' ' && bytes[i] < 0x7f && bytes[i] != '\\')
			text_add(text, "%c", bytes[i]);
		else
			text_add(text, "\\x%02x", bytes[i]);
	}
}
