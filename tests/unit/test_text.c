/* SPDX-License-Identifier: MIT */
/*
 * Text for callers' buffers, and the names of errors and versions.
 */
#include <stdio.h>

#include <nfbind/base.h>

#include "text.h"
#include "unit.h"

START_TEST(test_text_counts_what_it_would_need)
{
	struct text text;
	char out[6] = "xxxxx";

	text_start(&text, out, sizeof(out));
	ck_assert_str_eq(out, "");
	text_add(&text, "%s", "ab");
	text_add(&text, "%d", 345);
	ck_assert_str_eq(out, "ab345");
	ck_assert_uint_eq(text.len, 5);
	text_add(&text, "more");
	text_add(&text, "and more");
	ck_assert_str_eq(out, "ab345");
	ck_assert_uint_eq(text.len, 17);
}
END_TEST

START_TEST(test_text_is_always_terminated)
{
	struct text text;
	char out[4];

	for (size_t size = 0; size <= sizeof(out); size++) {
		memset(out, 'x', sizeof(out));
		text_start(&text, size ? out : NULL, size);
		text_add(&text, "abcdef");
		ck_assert_uint_eq(text.len, 6);
		if (size > 0)
			ck_assert_uint_eq(strlen(out), size - 1);
	}
	text_start(&text, NULL, 100);
	text_add(&text, "abc");
	ck_assert_uint_eq(text.len, 3);
}
END_TEST

START_TEST(test_text_bytes_in_hexadecimal_and_escaped)
{
	struct text text;
	char out[40];

	text_start(&text, out, sizeof(out));
	text_add_hex(&text, "\0\1\377", 3);
	text_add_escaped(&text, "a~ \\\177\0\t", 7);
	ck_assert_str_eq(out, "0001ffa~ \\x5c\\x7f\\x00\\x09");
	text_add_hex(&text, "", 0);
	text_add_escaped(&text, "", 0);
	ck_assert_uint_eq(text.len, strlen(out));
}
END_TEST

START_TEST(test_text_errors_have_names)
{
	ck_assert_str_eq(nfbind_error_name(EPERM), "EPERM");
	ck_assert_str_eq(nfbind_error_name(-EPERM), "EPERM");
	ck_assert_str_eq(nfbind_error_name(-EAGAIN), "EAGAIN");
	ck_assert_str_eq(nfbind_error_name(-ESHUTDOWN), "ESHUTDOWN");
	ck_assert_str_eq(nfbind_error_name(-524), "ENOTSUPP");
	ck_assert_ptr_null(nfbind_error_name(0));
	ck_assert_ptr_null(nfbind_error_name(100000));
	ck_assert_ptr_null(nfbind_error_name(INT32_MIN));
	ck_assert_ptr_null(nfbind_error_name(INT32_MAX));
}
END_TEST

START_TEST(test_text_every_documented_error_has_a_name)
{
	static const char *const headers[] = { "base.h", "ct.h", "exp.h", "fields.h", "injector.h",
					       "options.h", "packet.h", "queue.h", "tracker.h" };
	char path[512], line[512], error[64];
	unsigned int seen = 0;

	for (size_t i = 0; i < COUNT_OF(headers); i++) {
		FILE *file;

		snprintf(path, sizeof(path), "%s/../../include/nfbind/%s", NFBIND_FIXTURES, headers[i]);
		file = fopen(path, "r");
		ck_assert_ptr_nonnull(file);
		while (fgets(line, sizeof(line), file)) {
			bool found = false;

			if (sscanf(line, " * @error %63s", error) != 1)
				continue;
			for (int32_t number = 1; number < 600 && !found; number++)
				found = nfbind_error_name(number) &&
					strcmp(nfbind_error_name(number), error) == 0;
			ck_assert_msg(found, "%s has no name", error);
			seen++;
		}
		fclose(file);
	}
	ck_assert_uint_gt(seen, 100);
}
END_TEST

START_TEST(test_text_version_has_three_numbers)
{
	unsigned int major, minor, patch;
	char rest;

	ck_assert_int_eq(sscanf(nfbind_version(), "%u.%u.%u%c", &major, &minor, &patch, &rest), 3);
}
END_TEST

UNIT_MAIN("text", NULL, NULL, test_text_counts_what_it_would_need, test_text_is_always_terminated,
	  test_text_bytes_in_hexadecimal_and_escaped, test_text_errors_have_names,
	  test_text_every_documented_error_has_a_name, test_text_version_has_three_numbers)
