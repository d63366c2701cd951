/* SPDX-License-Identifier: MIT */
/*
 * Objects as text, and request sessions; see requests.h. Fields are found by their
 * names, so that the tables are tested on the way.
 */
#include "requests.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What lasts as long as the process stays in reach, so that nobody takes it for lost; not
 * static, for a compiler leaves out what nobody reads. */
void *remembered[1 << 18];

static void remember(void *made)
{
	static unsigned int count;

	remembered[count++ % (1 << 18)] = made;
}

/* Sessions. */

struct nfbind_conntrack *open_requests_with(const struct nfbind_options *options)
{
	struct nfbind_conntrack *conntrack;

	ck_assert_int_eq(nfbind_conntrack_new(&conntrack), 0);
	remember(conntrack);
	ck_assert_done(conntrack, nfbind_conntrack_open(conntrack, options));
	return conntrack;
}

struct nfbind_conntrack *open_requests(void)
{
	return open_requests_with(NULL);
}

const char *sentence_of(struct nfbind_conntrack *conntrack)
{
	static char text[512];

	ck_assert_int_ge(nfbind_conntrack_last_message(conntrack, text, sizeof(text)), 0);
	return text;
}

/* Values as text. */

union value {
	uint64_t number;
	uint8_t bytes[64];
};

struct parsed {
	uint32_t field;
	bool is_number, is_absent;
	union value value;
	size_t len;
};

static size_t read_hex(const char *text, uint8_t *bytes)
{
	size_t len = strlen(text) / 2;

	for (size_t i = 0; i < len; i++) {
		char pair[3] = { text[2 * i], text[2 * i + 1], '\0' };

		bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return len;
}

static struct parsed parse_word(const struct nfbind_fields *fields, char *word)
{
	struct parsed parsed = { 0 };
	char *value = strchr(word, '=');
	int kind;

	ck_assert_msg(value != NULL, "no '=' in %s", word);
	*value++ = '\0';
	ck_assert_msg(nfbind_fields_find(fields, word, &parsed.field) == 0, "no field %s", word);
	kind = nfbind_fields_get_kind(fields, parsed.field);
	parsed.is_absent = *value == '\0';
	parsed.is_number = kind < NFBIND_KIND_ADDRESS;
	if (parsed.is_number) {
		parsed.value.number = strtoull(value, NULL, 0);
	} else if (kind == NFBIND_KIND_ADDRESS) {
		parsed.len = strchr(value, ':') ? 16 : 4;
		ck_assert_int_eq(inet_pton(parsed.len == 4 ? AF_INET : AF_INET6, value,
					   parsed.value.bytes), 1);
	} else if (kind == NFBIND_KIND_BYTES) {
		parsed.len = read_hex(value, parsed.value.bytes);
	} else {
		parsed.len = strlen(value);
		memcpy(parsed.value.bytes, value, parsed.len);
	}
	return parsed;
}

/* One of the three; the others are NULL. */
struct thing {
	struct nfbind_ct *ct;
	struct nfbind_exp *exp;
	struct nfbind_filter *filter;
};

static const struct nfbind_fields *fields_of(struct thing thing)
{
	if (thing.filter)
		return nfbind_filter_fields();
	return thing.ct ? nfbind_ct_fields() : nfbind_exp_fields();
}

static int set_number(struct thing thing, uint32_t field, uint64_t value)
{
	if (thing.filter)
		return nfbind_filter_set_number(thing.filter, field, value);
	return thing.ct ? nfbind_ct_set_number(thing.ct, field, value)
			: nfbind_exp_set_number(thing.exp, field, value);
}

static int set_bytes(struct thing thing, uint32_t field, const void *data, size_t len)
{
	if (thing.filter)
		return nfbind_filter_set_bytes(thing.filter, field, data, len);
	return thing.ct ? nfbind_ct_set_bytes(thing.ct, field, data, len)
			: nfbind_exp_set_bytes(thing.exp, field, data, len);
}

static void fill(struct thing thing, char *text)
{
	char *word;

	while ((word = strsep(&text, " "))) {
		struct parsed parsed = parse_word(fields_of(thing), word);
		int r;

		if (parsed.is_number)
			r = set_number(thing, parsed.field, parsed.value.number);
		else
			r = set_bytes(thing, parsed.field, parsed.value.bytes, parsed.len);
		ck_assert_msg(r == 0, "%s cannot be set: %s", word, nfbind_error_name(r));
	}
}

/* Timeouts run down while a slow machine gets to looking at them. */
static uint64_t patience(struct thing thing, const struct parsed *parsed)
{
	return parsed->field == (thing.ct ? NFBIND_CT_TIMEOUT : (uint32_t)NFBIND_EXP_TIMEOUT) ? 30 : 0;
}

static bool has_value(struct thing thing, const struct parsed *parsed)
{
	const void *data = NULL;
	uint64_t number = 0;
	size_t len = 0;

	if (parsed->is_absent)
		return (thing.ct ? nfbind_ct_has(thing.ct, parsed->field)
				 : nfbind_exp_has(thing.exp, parsed->field)) == 0;
	if (parsed->is_number)
		return (thing.ct ? nfbind_ct_get_number(thing.ct, parsed->field, &number)
				 : nfbind_exp_get_number(thing.exp, parsed->field, &number)) == 0 &&
		       number <= parsed->value.number &&
		       number + patience(thing, parsed) >= parsed->value.number;
	return (thing.ct ? nfbind_ct_get_bytes(thing.ct, parsed->field, &data, &len)
			 : nfbind_exp_get_bytes(thing.exp, parsed->field, &data, &len)) == 0 &&
	       len == parsed->len && memcmp(data, parsed->value.bytes, len) == 0;
}

static void compare(struct thing thing, char *text)
{
	char printed[4096], *word;

	if (thing.ct)
		nfbind_ct_print(thing.ct, NFBIND_FORMAT_FIELDS, 0, NULL, printed, sizeof(printed));
	else
		nfbind_exp_print(thing.exp, NFBIND_FORMAT_FIELDS, printed, sizeof(printed));
	while ((word = strsep(&text, " "))) {
		struct parsed parsed = parse_word(fields_of(thing), word);

		ck_assert_msg(has_value(thing, &parsed), "%s should be %s in: %s", word,
			      word + strlen(word) + 1, printed);
	}
}

#define FORMAT_TO(text, format)                                  \
	do {                                                     \
		va_list arguments;                               \
		va_start(arguments, format);                     \
		vsnprintf(text, sizeof(text), format, arguments); \
		va_end(arguments);                               \
	} while (0)

struct nfbind_ct *ct_of(const char *format, ...)
{
	struct thing thing = { 0 };
	char text[2048];

	FORMAT_TO(text, format);
	ck_assert_int_eq(nfbind_ct_new(&thing.ct), 0);
	remember(thing.ct);
	fill(thing, text);
	return thing.ct;
}

struct nfbind_exp *exp_of(const char *format, ...)
{
	struct thing thing = { 0 };
	char text[2048];

	FORMAT_TO(text, format);
	ck_assert_int_eq(nfbind_exp_new(&thing.exp), 0);
	remember(thing.exp);
	fill(thing, text);
	return thing.exp;
}

struct nfbind_filter *filter_of(const char *format, ...)
{
	struct thing thing = { 0 };
	char text[2048];

	FORMAT_TO(text, format);
	ck_assert_int_eq(nfbind_filter_new(&thing.filter), 0);
	remember(thing.filter);
	if (text[0])
		fill(thing, text);
	return thing.filter;
}

void ct_is(const struct nfbind_ct *ct, const char *format, ...)
{
	char text[2048];

	FORMAT_TO(text, format);
	compare((struct thing){ .ct = (struct nfbind_ct *)ct }, text);
}

void exp_is(const struct nfbind_exp *exp, const char *format, ...)
{
	char text[2048];

	FORMAT_TO(text, format);
	compare((struct thing){ .exp = (struct nfbind_exp *)exp }, text);
}

uint64_t ct_number(const struct nfbind_ct *ct, uint32_t field)
{
	uint64_t value = 0;
	int r = nfbind_ct_get_number(ct, field, &value);

	ck_assert_msg(r == 0, "%s: %s", nfbind_fields_get_name(nfbind_ct_fields(), field),
		      nfbind_error_name(r));
	return value;
}

void add_ct(struct nfbind_conntrack *conntrack, const char *format, ...)
{
	struct nfbind_ct *ct;
	char text[2048];

	FORMAT_TO(text, format);
	ct = ct_of("%s", text);
	ck_assert_done(conntrack, nfbind_conntrack_add_ct(conntrack, ct, 0));
	nfbind_ct_free(ct);
}

struct nfbind_ct *fetch_ct(struct nfbind_conntrack *conntrack, const char *format, ...)
{
	struct nfbind_ct *ct;
	char text[2048];

	FORMAT_TO(text, format);
	ct = ct_of("%s", text);
	ck_assert_done(conntrack, nfbind_conntrack_fetch_ct(conntrack, ct, 0, ct));
	return ct;
}

uint32_t count_list(struct nfbind_conntrack *conntrack, const struct nfbind_filter *filter, uint32_t kind)
{
	struct nfbind_list *list;
	struct nfbind_ct *ct;
	uint32_t count = 0;
	int r;

	ck_assert_int_eq(nfbind_ct_new(&ct), 0);
	ck_assert_done(conntrack, nfbind_conntrack_list_ct(conntrack, filter, kind, 0, &list));
	while ((r = nfbind_list_next_ct(list, ct)) == 0)
		count++;
	ck_assert_int_eq(r, -ENODATA);
	ck_assert_int_eq(nfbind_list_next_ct(list, ct), -ENODATA);
	nfbind_list_free(list);
	nfbind_ct_free(ct);
	return count;
}

uint32_t count_exp(struct nfbind_conntrack *conntrack, const struct nfbind_exp *master)
{
	struct nfbind_list *list;
	struct nfbind_exp *exp;
	uint32_t count = 0;
	int r;

	ck_assert_int_eq(nfbind_exp_new(&exp), 0);
	ck_assert_done(conntrack, nfbind_conntrack_list_exp(conntrack, master, &list));
	while ((r = nfbind_list_next_exp(list, exp)) == 0)
		count++;
	ck_assert_int_eq(r, -ENODATA);
	nfbind_list_free(list);
	nfbind_exp_free(exp);
	return count;
}
