/* SPDX-License-Identifier: MIT */
/*
 * Objects as JSON and back: every field of every table goes the way and returns the
 * same, whatever its value; and a text that is not one is refused with its place,
 * whatever it is.
 */
#include <stdio.h>

#include <nfbind/nfbind.h>

#include "ct.h"
#include "json.h"
#include "unit.h"

static struct nfbind_ct *ct, *other;
static struct nfbind_labels *labels;
static char text[16384], message[300];
static uint32_t position;

static void set_up(void)
{
	ck_assert(nfbind_ct_new(&ct) == 0 && nfbind_ct_new(&other) == 0 &&
		  nfbind_labels_new(&labels) == 0 && nfbind_labels_add(labels, 5, "five") == 0 &&
		  nfbind_labels_add(labels, 6, "q\"\\") == 0);
}

static void tear_down(void)
{
	nfbind_ct_free(ct);
	nfbind_ct_free(other);
	nfbind_labels_free(labels);
}

static int parse(const char *json)
{
	int r = nfbind_ct_parse(ct, NFBIND_FORMAT_JSON, labels, json, message, sizeof(message));

	position = 999;
	ck_assert(r == 0 || sscanf(message, "at byte %u: ", &position) == 1);
	return r;
}

static void prints(const char *expected)
{
	int len = nfbind_ct_print(ct, NFBIND_FORMAT_JSON, 0, NULL, text, sizeof(text));

	ck_assert_str_eq(text, expected);
	ck_assert_int_eq(len, (int)strlen(expected));
}

START_TEST(test_json_prints_each_kind)
{
	ck_assert_int_eq(parse("{}"), 0);
	prints("{}");
	nfbind_ct_set_bytes(ct, NFBIND_CT_ORIG_SRC, "\12\0\0\1", 4);
	nfbind_ct_set_number(ct, NFBIND_CT_STATUS, 0x10006);
	nfbind_ct_set_number(ct, NFBIND_CT_TCP_STATE, 3);
	nfbind_ct_set_number(ct, NFBIND_CT_TCP_FLAGS_ORIG, 0);
	nfbind_ct_set_number(ct, NFBIND_CT_SCTP_STATE, 99);
	nfbind_ct_set_number(ct, NFBIND_CT_ORIG_COUNTER_BYTES, UINT64_MAX);
	nfbind_ct_set_bytes(ct, NFBIND_CT_HELPER_NAME, "a\"\\\1\303\244", 6);
	nfbind_ct_set_bytes(ct, NFBIND_CT_SECCTX, "a\377", 2);
	nfbind_ct_set_bytes(ct, NFBIND_CT_HELPER_INFO, "\0\377", 2);
	nfbind_ct_set_label(ct, 5, 1);
	nfbind_ct_set_label(ct, 127, 1);
	nfbind_ct_set_bytes(ct, NFBIND_CT_LABELS_MASK, "\1\2\3\4", 4);
	prints("{\"orig-src\":\"10.0.0.1\",\"status\":[\"seen-reply\",\"assured\",65536],"
	       "\"orig-counter-bytes\":18446744073709551615,\"helper-name\":\"a\\\"\\\\\\u0001\303\244\","
	       "\"helper-info\":\"00ff\",\"labels\":[5,127],\"labels-mask\":\"01020304\","
	       "\"secctx\":{\"hex\":\"61ff\"},\"tcp-state\":\"established\",\"tcp-flags-orig\":[],"
	       "\"sctp-state\":99}");
	nfbind_ct_print(ct, NFBIND_FORMAT_JSON, 0, labels, text, sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, "\"labels\":[\"five\",127]"));
}
END_TEST

/* What a person may write instead. */
START_TEST(test_json_reads_more_freely_than_it_prints)
{
	ck_assert_int_eq(parse(" {\r\n\t\"ipv4-src\" : \"10.0.0.1\" , \"orig-ipv6-dst\":\"fd00::1\","
			       "\"status\": 6, \"tcp-state\": 3,\"tcp-flags-orig\":\"be-liberal\","
			       "\"tcp-flags-repl\":[1,\"be-liberal\",8],\"labels\":[\"five\",0,\"q\\\"\\\\\"],"
			       "\"labels-mask\":\"FfFf\",\"helper-name\":{ \"hex\" : \"667470\" },"
			       "\"secctx\":\"\\u0041\\u00e4\\ud83d\\ude00\\/\\b\\f\\n\\r\\t\\u0000\"}\n"), 0);
	nfbind_ct_print(ct, NFBIND_FORMAT_FIELDS, 0, NULL, text, sizeof(text));
	ck_assert_str_eq(text, "orig-src=10.0.0.1 orig-dst=fd00::1 status=seen-reply|assured helper-name=ftp "
			       "labels=61000000000000000000000000000000 labels-mask=ffff "
			       "secctx=A\\xc3\\xa4\\xf0\\x9f\\x98\\x80/\\x08\\x0c\\x0a\\x0d\\x09\\x00 "
			       "tcp-state=established tcp-flags-orig=be-liberal "
			       "tcp-flags-repl=window-scale|be-liberal");
}
END_TEST

START_TEST(test_json_refuses_and_says_where)
{
	static const struct {
		const char *json;
		int error;
		uint32_t position;
		const char *words;
	} bad[] = {
		{ "", -EINVAL, 0, "{ is expected, and the text ends" },
		{ "[]", -EINVAL, 0, "{ is expected, not \"[]\"" },
		{ "{", -EINVAL, 1, "the name of a field is expected" },
		{ "{\"mark\":1", -EINVAL, 9, "a comma or }" },
		{ "{\"mark\":1,}", -EINVAL, 10, "the name of a field" },
		{ "{\"mark\":1} x", -EINVAL, 11, "the end of the text" },
		{ "{\"mark\" 1}", -EINVAL, 8, "a colon" },
		{ "{\"mork\":1}", -EINVAL, 1, "no field is called \"mork\"" },
		{ "{\"mark\\u0000\":1}", -EINVAL, 1, "no field is called" },
		{ "{\"mark\":1,\"mark\":1}", -EINVAL, 10, "mark comes twice" },
		{ "{\"orig-src\":\"::\",\"ipv6-src\":\"::\"}", -EINVAL, 17, "orig-src comes twice" },
		{ "{\"mark\":-1}", -EINVAL, 8, "mark: an integer from 0" },
		{ "{\"mark\":1.0}", -EINVAL, 8, "an integer" },
		{ "{\"mark\":1e3}", -EINVAL, 8, "an integer" },
		{ "{\"mark\":01}", -EINVAL, 8, "an integer" },
		{ "{\"mark\":}", -EINVAL, 8, "an integer" },
		{ "{\"mark\":null}", -EINVAL, 8, "an integer" },
		{ "{\"mark\":[1]}", -EINVAL, 8, "an integer" },
		{ "{\"mark\":{}}", -EINVAL, 8, "an integer" },
		{ "{\"mark\":\"x\"}", -EINVAL, 8, "mark has no value \"x\"" },
		{ "{\"mark\":4294967296}", -ERANGE, 8, "mark: 4294967296 is more" },
		{ "{\"use\":18446744073709551616}", -EINVAL, 7, "an integer from 0 to 18446744073709551615" },
		{ "{\"zone\":65536}", -ERANGE, 8, "zone: 65536" },
		{ "{\"status\":[\"dead\"]}", -EINVAL, 10, "status has no value \"dead\"" },
		{ "{\"status\":[1 2]}", -EINVAL, 13, "a comma or the end of the array" },
		{ "{\"status\":[[1]]}", -EINVAL, 10, "an integer" },
		{ "{\"status\":[1,]}", -EINVAL, 10, "an integer" },
		{ "{\"status\":[", -EINVAL, 10, "an integer" },
		{ "{\"orig-src\":\"1.2.3\"}", -EINVAL, 12, "orig-src: an IPv4 or IPv6 address" },
		{ "{\"orig-src\":1}", -EINVAL, 12, "a string" },
		{ "{\"orig-src\":\"1.2.3.4\\u0000\"}", -EINVAL, 12, "an IPv4 or IPv6 address" },
		{ "{\"labels\":[128]}", -ERANGE, 10, "labels has the bits 0 to 127" },
		{ "{\"labels\":[\"six\"]}", -EINVAL, 10, "no label is called \"six\"" },
		{ "{\"labels\":\"1\"}", -EINVAL, 10, "two hexadecimal digits" },
		{ "{\"labels\":\"xx\"}", -EINVAL, 10, "two hexadecimal digits" },
		{ "{\"labels\":{}}", -EINVAL, 10, "a string" },
		{ "{\"labels\":\"0011223344556677889900112233445566\"}", -ERANGE, 10, "at most 16 bytes" },
		{ "{\"helper-name\":\"0123456789abcdef\"}", -ERANGE, 15, "helper-name has at most 15 bytes" },
		{ "{\"secctx\":{\"hax\":\"00\"}}", -EINVAL, 10, "{\"hex\": \"...\"}" },
		{ "{\"secctx\":{\"hex\":\"0\"}}", -EINVAL, 10, "two hexadecimal digits" },
		{ "{\"secctx\":{\"hex\":\"00\"", -EINVAL, 21, "} is expected" },
		{ "{\"secctx\":\"a\nb\"}", -EINVAL, 12, "the end of a string" },
		{ "{\"secctx\":\"abc", -EINVAL, 14, "the end of a string" },
		{ "{\"secctx\":\"a\\x\"}", -EINVAL, 12, "behind \\" },
		{ "{\"secctx\":\"\\ud800\"}", -EINVAL, 11, "a pair of surrogates" },
		{ "{\"secctx\":\"\\udc00\"}", -EINVAL, 11, "a pair of surrogates" },
		{ "{\"secctx\":\"\\ud800\\u0041\"}", -EINVAL, 11, "a pair of surrogates" },
		{ "{\"secctx\":\"\\u12\"}", -EINVAL, 11, "behind \\" },
		{ "{\"secctx\":\"\\", -EINVAL, 11, "behind \\" },
	};

	ck_assert_int_eq(parse("{\"mark\":7,\"secctx\":\"kept\"}"), 0);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		int r = parse(bad[i].json);

		/* What is no ASCII is escaped in sentences; so is a backslash. */
		if (strstr(bad[i].words, "\\"))
			ck_assert_ptr_nonnull(strstr(message, "behind \\x5c"));
		else
			ck_assert_msg(strstr(message, bad[i].words), "%s: %s", bad[i].json, message);
		ck_assert_msg(r == bad[i].error, "%s: %d (%s)", bad[i].json, r, message);
		ck_assert_msg(position == bad[i].position, "%s: at %u (%s)", bad[i].json, position, message);
		prints("{\"mark\":7,\"secctx\":\"kept\"}");
	}
	ck_assert_int_eq(nfbind_ct_parse(ct, NFBIND_FORMAT_JSON, NULL, "{\"labels\":[\"five\"]}",
					 NULL, 0), -EINVAL);
	ck_assert_int_eq(nfbind_ct_parse(ct, NFBIND_FORMAT_LINE, NULL, "{}", message,
					 sizeof(message)), -EINVAL);
	ck_assert_str_eq(message, "at byte 0: only JSON and SAVE can be read");
	ck_assert_int_eq(nfbind_ct_parse(NULL, NFBIND_FORMAT_JSON, NULL, "{}", NULL, 0), -EINVAL);
	ck_assert_int_eq(nfbind_ct_parse(ct, NFBIND_FORMAT_JSON, NULL, NULL, NULL, 0), -EINVAL);
}
END_TEST

/* Depth costs nothing: there is none. */
START_TEST(test_json_nested_deeply_is_refused)
{
	static char deep[100000];

	memset(deep, '[', sizeof(deep) - 1);
	ck_assert_int_eq(parse(deep), -EINVAL);
	memset(deep, '{', sizeof(deep) - 1);
	ck_assert_int_eq(parse(deep), -EINVAL);
	memcpy(deep, "{\"status\":", 10);
	memset(deep + 10, '[', sizeof(deep) - 11);
	ck_assert_int_eq(parse(deep), -EINVAL);
}
END_TEST

/* Loops over the tables: a row that was forgotten fails here. */

/* Random bytes: of any value, or of UTF-8 only. */
static size_t random_bytes(const struct field *row, uint8_t *room)
{
	static const char *const pieces[] = { "a", "\"", "\\", "\n", "\303\244", "\360\237\230\200", "/", "\177" };
	size_t most = row->size ? row->size : 40;
	size_t len = unit_random((uint32_t)most + 1);

	if (row->kind == NFBIND_KIND_ADDRESS)
		len = unit_random(2) ? 4 : 16;
	else if (row->is_bitmap && unit_random(2))
		len = row->size;
	for (size_t i = 0; i < len; i++)
		room[i] = (uint8_t)unit_random(256);
	if (row->kind == NFBIND_KIND_TEXT && unit_random(3)) {
		len = 0;
		for (const char *piece = pieces[unit_random(8)]; len + strlen(piece) <= most && unit_random(20);
		     piece = pieces[unit_random(8)]) {
			memcpy(room + len, piece, strlen(piece));
			len += strlen(piece);
		}
	}
	return len;
}

static void set_random(const struct nfbind_fields *fields, void *object, uint32_t field)
{
	static const uint8_t shifts[] = { 63, 61, 56, 32, 0 };
	const struct field *row = &fields->rows[field];
	uint8_t room[64];

	if (field_is_number(row)) {
		uint64_t value = ((uint64_t)unit_random(UINT32_MAX) << 32 | unit_random(UINT32_MAX)) >>
				 shifts[unit_random(5)];

		while (field_set_number(fields, object, field, value) < 0)
			value >>= 8;
	} else {
		size_t len = random_bytes(row, room);

		ck_assert_int_eq(field_set_bytes(fields, object, field, room, len), 0);
	}
}

static void goes_and_returns(const struct nfbind_fields *fields, const void *object, void *again,
			     const struct nfbind_labels *names)
{
	struct reader reader;
	struct text printed;

	text_start(&printed, text, sizeof(text));
	json_print(fields, object, names, &printed);
	ck_assert_uint_lt(printed.len, sizeof(text));
	reader_start(&reader, text, message, sizeof(message));
	field_reset(fields, again);
	ck_assert_msg(json_parse(fields, again, names, &reader) == 0, "%s in %s", message, text);
	ck_assert_msg(field_equal(fields, object, again), "%s", text);
}

static void round_trips(const struct nfbind_fields *fields, void *object, void *again)
{
	char key[80];

	for (uint32_t field = 0; field < fields->count; field++) {
		for (int i = 0; i < 20; i++) {
			set_random(fields, object, field);
			goes_and_returns(fields, object, again, i % 2 ? labels : NULL);
		}
		snprintf(key, sizeof(key), "{\"%s\":", fields->rows[field].name);
		ck_assert_mem_eq(text, key, strlen(key));
		field_clear(fields, object, field);
	}
	for (unsigned long round = unit_rounds(500); round > 0; round--) {
		for (uint32_t field = 0; field < fields->count; field++) {
			if (unit_random(2))
				set_random(fields, object, field);
			else
				field_clear(fields, object, field);
		}
		goes_and_returns(fields, object, again, round % 2 ? labels : NULL);
	}
	field_reset(fields, object);
	field_reset(fields, again);
}

START_TEST(test_json_every_field_goes_and_returns)
{
	struct nfbind_exp *exp, *another;

	round_trips(&ct_fields, ct, other);
	ck_assert(nfbind_exp_new(&exp) == 0 && nfbind_exp_new(&another) == 0);
	round_trips(&exp_fields, exp, another);
	nfbind_exp_free(exp);
	nfbind_exp_free(another);
}
END_TEST

/* Every value that has a name is printed and read by it, in every table. */
static void names_go_and_return(const struct nfbind_fields *fields, void *object, void *again)
{
	for (uint32_t field = 0; field < fields->count; field++) {
		for (const struct value_name *name = fields->rows[field].values; name && name->name; name++) {
			ck_assert_int_eq(field_set_number(fields, object, field, name->value), 0);
			goes_and_returns(fields, object, again, NULL);
			ck_assert_msg(strstr(text, name->name), "%s in %s", name->name, text);
		}
		field_clear(fields, object, field);
	}
	field_reset(fields, again);
}

START_TEST(test_json_names_of_values_go_and_return)
{
	struct nfbind_exp *exp, *another;

	names_go_and_return(&ct_fields, ct, other);
	ck_assert(nfbind_exp_new(&exp) == 0 && nfbind_exp_new(&another) == 0);
	names_go_and_return(&exp_fields, exp, another);
	nfbind_exp_free(exp);
	nfbind_exp_free(another);
}
END_TEST

/* Each beginning of a text, and each text with one byte changed: never more than an error. */
START_TEST(test_json_damaged_texts_are_refused_or_read)
{
	char whole[16384], damaged[16384];
	size_t len;

	for (uint32_t field = 0; field < ct_fields.count; field++)
		set_random(&ct_fields, ct, field);
	len = (size_t)nfbind_ct_print(ct, NFBIND_FORMAT_JSON, 0, NULL, whole, sizeof(whole));
	for (size_t cut = 0; cut < len; cut++) {
		memcpy(damaged, whole, cut);
		damaged[cut] = '\0';
		ck_assert_int_eq(parse(damaged), -EINVAL);
		ck_assert_uint_le(position, cut);
	}
	for (unsigned long round = unit_rounds(3000); round > 0; round--) {
		memcpy(damaged, whole, len + 1);
		damaged[unit_random((uint32_t)len)] = (char)(1 + unit_random(255));
		ck_assert_int_le(parse(damaged), 0);
	}
}
END_TEST

UNIT_MAIN("json", set_up, tear_down,
	  test_json_prints_each_kind,
	  test_json_reads_more_freely_than_it_prints,
	  test_json_refuses_and_says_where,
	  test_json_nested_deeply_is_refused,
	  test_json_every_field_goes_and_returns,
	  test_json_names_of_values_go_and_return,
	  test_json_damaged_texts_are_refused_or_read)
