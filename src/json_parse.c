/* SPDX-License-Identifier: MIT */
/*
 * Reading objects from JSON: strictly RFC 8259, but only of the shape that an object
 * with fields has. Nothing nests deeper than that shape, so nothing here recurses.
 * A key that is unknown or comes twice is an error: a value that was meant and not
 * taken would be worse.
 */
#include "json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct parser {
	struct reader *reader;
	const struct nfbind_fields *fields;
	void *object;
	const struct nfbind_labels *labels;
	struct object seen;
	/* The string that was read last; room for the longest one of the text. */
	char *string;
	size_t string_len;
	/* The field whose value is read, and where the value starts. */
	uint32_t field;
	const struct field *row;
	size_t start;
};

static char peek(struct parser *parser)
{
	reader_skip_blanks(parser->reader);
	return parser->reader->text[parser->reader->at];
}

/* Whether this character comes next; if so, it is behind us. */
static bool take(struct parser *parser, char c)
{
	if (peek(parser) != c)
		return false;
	parser->reader->at++;
	return true;
}

static int expected(struct parser *parser, const char *what)
{
	const struct reader *reader = parser->reader;

	if (reader->text[reader->at] == '\0')
		return reader_fail(parser->reader, reader->at, -EINVAL,
				   "%s is expected, and the text ends", what);
	return reader_fail(parser->reader, reader->at, -EINVAL, "%s is expected, not \"%.20s\"",
			   what, reader->text + reader->at);
}

static int value_expected(struct parser *parser, const char *what)
{
	return reader_fail(parser->reader, parser->start, -EINVAL, "%s: %s is expected",
			   parser->row->name, what);
}

/* Strings. */

static void put_utf8(struct parser *parser, uint32_t code)
{
	static const uint8_t heads[] = { 0, 0x00, 0xc0, 0xe0, 0xf0 };
	size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	char *out = parser->string + parser->string_len;

	for (size_t i = len; i-- > 1; code >>= 6)
		out[i] = (char)(0x80 | (code & 0x3f));
	out[0] = (char)(heads[len] | code);
	parser->string_len += len;
}

static bool take_hex4(struct parser *parser, uint32_t *ret_code)
{
	const char *digits = parser->reader->text + parser->reader->at;
	char word[7] = "0x";
	uint64_t value;

	if (strspn(digits, "0123456789abcdefABCDEF") < 4)
		return false;
	memcpy(word + 2, digits, 4);
	(void)reader_number(word, 6, &value);
	parser->reader->at += 4;
	*ret_code = (uint32_t)value;
	return true;
}

/* Behind \u: one character, which above U+FFFF is written as two surrogates. */
static bool take_unicode(struct parser *parser)
{
	struct reader *reader = parser->reader;
	uint32_t code, low;

	if (!take_hex4(parser, &code) || (code >= 0xdc00 && code < 0xe000))
		return false;
	if (code >= 0xd800 && code < 0xdc00) {
		if (strncmp(reader->text + reader->at, "\\u", 2) != 0)
			return false;
		reader->at += 2;
		if (!take_hex4(parser, &low) || low < 0xdc00 || low >= 0xe000)
			return false;
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
	}
	put_utf8(parser, code);
	return true;
}

static bool take_escape(struct parser *parser)
{
	static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
	char c = parser->reader->text[parser->reader->at];
	const char *letter = c ? strchr(letters, c) : NULL;

	if (c == '\0')
		return false;
	parser->reader->at++;
	if (letter)
		parser->string[parser->string_len++] = meanings[letter - letters];
	return letter || (c == 'u' && take_unicode(parser));
}

static int read_string(struct parser *parser, const char *what)
{
	struct reader *reader = parser->reader;

	if (!take(parser, '"'))
		return expected(parser, what);
	parser->string_len = 0;
	for (;;) {
		size_t start = reader->at;
		uint8_t c = (uint8_t)reader->text[reader->at];

		if (c < ' ')
			return expected(parser, "the end of a string, or \\u for this character,");
		reader->at++;
		if (c == '"')
			break;
		if (c != '\\') {
			parser->string[parser->string_len++] = (char)c;
		} else if (!take_escape(parser)) {
			reader->at = start;
			return expected(parser, "a character or a pair of surrogates behind \\");
		}
	}
	parser->string[parser->string_len] = '\0';
	return 0;
}

static bool string_is(const struct parser *parser, const char *text)
{
	return parser->string_len == strlen(text) && strcmp(parser->string, text) == 0;
}

/* Numbers. */

/* What JSON calls a number, as far as it is an integer without sign. */
static bool is_integer(const char *word, size_t len, uint64_t *ret_value)
{
	if (len == 0 || (len > 1 && word[0] == '0'))
		return false;
	if (word[len] == '.' || word[len] == 'e' || word[len] == 'E')
		return false;
	return reader_number(word, len, ret_value);
}

static int read_integer(struct parser *parser, uint64_t *ret_value)
{
	const char *word = parser->reader->text + parser->reader->at;
	size_t len = strspn(word, "0123456789");

	if (!is_integer(word, len, ret_value))
		return value_expected(parser, "an integer from 0 to 18446744073709551615");
	parser->reader->at += len;
	return 0;
}

static int find_value(struct parser *parser, uint64_t *ret_value)
{
	for (const struct value_name *name = parser->row->values; name && name->name; name++) {
		if (string_is(parser, name->name)) {
			*ret_value = name->value;
			return 0;
		}
	}
	return reader_fail(parser->reader, parser->start, -EINVAL, "%s has no value \"%.40s\"",
			   parser->row->name, parser->string);
}

/* A name or a number. */
static int read_value(struct parser *parser, uint64_t *ret_value)
{
	int r;

	if (peek(parser) != '"')
		return read_integer(parser, ret_value);
	r = read_string(parser, "a name");
	return r < 0 ? r : find_value(parser, ret_value);
}

/* The values of an array, each read by `read` and handed to `add`. */
static int read_array(struct parser *parser, int (*read)(struct parser *parser, uint64_t *ret_value),
		      void (*add)(void *sum, uint64_t value), void *sum)
{
	uint64_t value = 0;

	if (!take(parser, '['))
		return value_expected(parser, "an array");
	if (take(parser, ']'))
		return 0;
	do {
		int r = read(parser, &value);

		if (r < 0)
			return r;
		add(sum, value);
	} while (take(parser, ','));
	return take(parser, ']') ? 0 : expected(parser, "a comma or the end of the array");
}

static void add_flag(void *sum, uint64_t value)
{
	*(uint64_t *)sum |= value;
}

static int read_number(struct parser *parser)
{
	uint64_t value = 0;
	int r;

	if (field_is_flags(parser->row) && peek(parser) == '[')
		r = read_array(parser, read_value, add_flag, &value);
	else
		r = read_value(parser, &value);
	if (r < 0)
		return r;
	r = field_set_number(parser->fields, parser->object, parser->field, value);
	return r < 0 ? reader_fail(parser->reader, parser->start, r,
				   "%s: %" PRIu64 " is more than it can hold", parser->row->name,
				   value) : 0;
}

/* Bytes. */

static int set_bytes(struct parser *parser, const void *data, size_t data_len)
{
	int r = field_set_bytes(parser->fields, parser->object, parser->field, data, data_len);

	if (r == -ERANGE)
		return reader_fail(parser->reader, parser->start, r, "%s has at most %u bytes",
				   parser->row->name, parser->row->size);
	return r < 0 ? reader_fail(parser->reader, parser->start, r, "%s: out of memory",
				   parser->row->name) : 0;
}

/* The string, which has to be hexadecimal digits, becomes the bytes that it stands for. */
static int set_hex(struct parser *parser)
{
	char *string = parser->string;
	size_t len = parser->string_len / 2;

	if (parser->string_len % 2 ||
	    strspn(string, "0123456789abcdefABCDEF") != parser->string_len)
		return value_expected(parser, "two hexadecimal digits for each byte");
	for (size_t i = 0; i < len; i++) {
		char word[5] = { '0', 'x', string[2 * i], string[2 * i + 1] };
		uint64_t value;

		(void)reader_number(word, 4, &value);
		string[i] = (char)value;
	}
	return set_bytes(parser, string, len);
}

struct bitmap {
	uint8_t bytes[16];
};

static void add_bit(void *sum, uint64_t bit)
{
	((struct bitmap *)sum)->bytes[bit / 8] |= (uint8_t)(1 << (bit % 8));
}

static int read_bit(struct parser *parser, uint64_t *ret_bit)
{
	uint32_t bit;
	int r;

	if (peek(parser) == '"') {
		r = read_string(parser, "a label");
		if (r < 0)
			return r;
		if (nfbind_labels_find(parser->labels, parser->string, &bit) < 0 ||
		    strlen(parser->string) != parser->string_len)
			return reader_fail(parser->reader, parser->start, -EINVAL,
					   "%s: no label is called \"%.40s\"", parser->row->name,
					   parser->string);
		*ret_bit = bit;
		return 0;
	}
	r = read_integer(parser, ret_bit);
	if (r == 0 && *ret_bit >= parser->row->size * 8u)
		return reader_fail(parser->reader, parser->start, -ERANGE,
				   "%s has the bits 0 to %u", parser->row->name,
				   parser->row->size * 8u - 1);
	return r;
}

static int read_bitmap(struct parser *parser)
{
	struct bitmap bitmap = { { 0 } };
	int r = read_array(parser, read_bit, add_bit, &bitmap);

	return r < 0 ? r : set_bytes(parser, bitmap.bytes, parser->row->size);
}

/* {"hex": "..."} */
static int read_hex(struct parser *parser)
{
	int r;

	if (!take(parser, '{'))
		return value_expected(parser, "a string");
	r = read_string(parser, "\"hex\"");
	if (r < 0)
		return r;
	if (!string_is(parser, "hex") || !take(parser, ':'))
		return value_expected(parser, "a string, or {\"hex\": \"...\"}");
	r = read_string(parser, "a string");
	if (r == 0)
		r = set_hex(parser);
	if (r == 0 && !take(parser, '}'))
		return expected(parser, "}");
	return r;
}

static int set_address(struct parser *parser)
{
	uint8_t bytes[16];
	size_t len = reader_address(parser->string, parser->string_len, bytes);

	return len ? set_bytes(parser, bytes, len) :
		     value_expected(parser, "an IPv4 or IPv6 address");
}

static int read_bytes(struct parser *parser)
{
	int r;

	if (parser->row->is_bitmap && peek(parser) == '[')
		return read_bitmap(parser);
	if (parser->row->kind == NFBIND_KIND_TEXT && peek(parser) != '"')
		return read_hex(parser);
	if (peek(parser) != '"')
		return value_expected(parser, "a string");
	r = read_string(parser, "a string");
	if (r < 0)
		return r;
	if (parser->row->kind == NFBIND_KIND_ADDRESS)
		return set_address(parser);
	if (parser->row->kind == NFBIND_KIND_TEXT)
		return set_bytes(parser, parser->string, parser->string_len);
	return set_hex(parser);
}

/* Objects. */

static int read_key(struct parser *parser)
{
	size_t start;
	int r;

	reader_skip_blanks(parser->reader);
	start = parser->reader->at;
	r = read_string(parser, "the name of a field");
	if (r < 0)
		return r;
	if (strlen(parser->string) != parser->string_len ||
	    nfbind_fields_find(parser->fields, parser->string, &parser->field) < 0)
		return reader_fail(parser->reader, start, -EINVAL, "no field is called \"%.40s\"",
				   parser->string);
	parser->row = &parser->fields->rows[parser->field];
	if (parser->seen.present[parser->field / 64] >> (parser->field % 64) & 1)
		return reader_fail(parser->reader, start, -EINVAL, "%s comes twice",
				   parser->row->name);
	parser->seen.present[parser->field / 64] |= UINT64_C(1) << (parser->field % 64);
	return take(parser, ':') ? 0 : expected(parser, "a colon");
}

static int read_field(struct parser *parser)
{
	int r = read_key(parser);

	if (r < 0)
		return r;
	reader_skip_blanks(parser->reader);
	parser->start = parser->reader->at;
	return field_is_number(parser->row) ? read_number(parser) : read_bytes(parser);
}

static int read_object(struct parser *parser)
{
	if (!take(parser, '{'))
		return expected(parser, "{");
	if (!take(parser, '}')) {
		do {
			int r = read_field(parser);

			if (r < 0)
				return r;
		} while (take(parser, ','));
		if (!take(parser, '}'))
			return expected(parser, "a comma or }");
	}
	return peek(parser) == '\0' ? 0 : expected(parser, "the end of the text");
}

int json_parse(const struct nfbind_fields *fields, void *object,
	       const struct nfbind_labels *labels, struct reader *reader)
{
	struct parser parser = { .reader = reader, .fields = fields, .object = object,
				 .labels = labels,
				 .string = malloc(strlen(reader->text) + 1) };
	int r = parser.string ? read_object(&parser) :
				reader_fail(reader, 0, -ENOMEM, "out of memory");

	free(parser.string);
	return r;
}
