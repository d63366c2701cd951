/* SPDX-License-Identifier: MIT */
/*
 * Names of labels: files as iptables and conntrack(8) read them, files that are none,
 * and single bits of a connection.
 */
#include <stdio.h>
#include <unistd.h>

#include <nfbind/nfbind.h>

#include "unit.h"

static struct nfbind_labels *labels;
static char path[] = "/tmp/nfbind-labels-XXXXXX";
static char message[200];

static void set_up(void)
{
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(nfbind_labels_new(&labels), 0);
}

static void tear_down(void)
{
	nfbind_labels_free(labels);
	unlink(path);
	memcpy(strrchr(path, '-'), "-XXXXXX", 8);
}

static int read_bytes(const char *text, size_t len)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(text, 1, len, file), len);
	fclose(file);
	return nfbind_labels_read(labels, path, message, sizeof(message));
}

static int read_text(const char *text)
{
	return read_bytes(text, strlen(text));
}

static void name_is(uint32_t bit, const char *name)
{
	uint32_t found = 999;

	ck_assert_str_eq(nfbind_labels_get_name(labels, bit), name);
	ck_assert_int_eq(nfbind_labels_find(labels, name, &found), 0);
	ck_assert_uint_eq(found, bit);
}

START_TEST(test_labels_are_read_from_a_file)
{
	uint32_t bit;

	ck_assert_int_eq(read_text("# names\n\n0 zero\n 1\tone # first\r\n127 last-one\n5 five"), 0);
	ck_assert_str_eq(message, "");
	name_is(0, "zero");
	name_is(1, "one");
	name_is(5, "five");
	name_is(127, "last-one");
	ck_assert_ptr_null(nfbind_labels_get_name(labels, 2));
	ck_assert_ptr_null(nfbind_labels_get_name(labels, 128));
	ck_assert_int_eq(nfbind_labels_find(labels, "six", &bit), -ENOENT);
	ck_assert_int_eq(read_text(""), 0);
	name_is(0, "zero");
}
END_TEST

START_TEST(test_labels_keep_the_first_name_and_the_first_bit)
{
	uint32_t bit;

	ck_assert_int_eq(read_text("5 five\n5 fife\n6 five\n"), 0);
	name_is(5, "five");
	ck_assert_int_eq(nfbind_labels_find(labels, "fife", &bit), -ENOENT);
	ck_assert_ptr_null(nfbind_labels_get_name(labels, 6));
	ck_assert_int_eq(nfbind_labels_add(labels, 7, "seven"), 0);
	ck_assert_int_eq(nfbind_labels_add(labels, 7, "other"), 0);
	name_is(7, "seven");
}
END_TEST

START_TEST(test_labels_say_which_line_is_malformed)
{
	static const struct {
		const char *text;
		uint32_t line;
		const char *words;
	} bad[] = {
		{ "0 zero\none 1\n", 2, "number of a bit" },
		{ "128 much\n", 1, "0 to 127" },
		{ "99999999999999999999 much\n", 1, "0 to 127" },
		{ "-1 less\n", 1, "number of a bit" },
		{ "1\n", 1, "number of a bit" },
		{ "1 \n", 1, "1 to 127 bytes" },
		{ "1 #one\n", 1, "1 to 127 bytes" },
		{ "1 a,b\n", 1, "without a comma" },
		{ "1 one two\n", 1, "nothing but a comment" },
		{ "1x one\n", 1, "number of a bit" },
		{ "1 \001\n", 1, "1 to 127 bytes" },
	};

	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		uint32_t line;

		ck_assert_int_eq(read_text(bad[i].text), -EINVAL);
		ck_assert_int_eq(sscanf(message, "line %u: ", &line), 1);
		ck_assert_uint_eq(line, bad[i].line);
		ck_assert_msg(strstr(message, bad[i].words), "%s: %s", bad[i].text, message);
		/* Nothing of the file counts. */
		ck_assert_ptr_null(nfbind_labels_get_name(labels, 0));
	}
}
END_TEST

START_TEST(test_labels_files_have_a_limit)
{
	char *text = malloc(70000);

	memset(text, '#', 300);
	text[300] = '\0';
	ck_assert_int_eq(read_text(text), -EINVAL);
	memset(text, '\n', 65536);
	ck_assert_int_eq(read_bytes(text, 65536), 0);
	memset(text, '\n', 65537);
	ck_assert_int_eq(read_bytes(text, 65537), -EFBIG);
	ck_assert_ptr_nonnull(strstr(message, "64 KiB"));
	free(text);
	ck_assert_int_eq(read_bytes("1 o\0ne\n", 7), -EINVAL);
	ck_assert_int_eq(nfbind_labels_read(labels, "/nowhere/labels", message,
					    sizeof(message)), -ENOENT);
	ck_assert_ptr_nonnull(strstr(message, "/nowhere/labels"));
	ck_assert_int_eq(nfbind_labels_read(labels, "/tmp", NULL, 0), -EIO);
	ck_assert_int_eq(nfbind_labels_read(NULL, path, message, sizeof(message)), -EINVAL);
}
END_TEST

START_TEST(test_labels_added_one_by_one)
{
	char name[130];

	memset(name, 'n', sizeof(name));
	name[128] = '\0';
	ck_assert_int_eq(nfbind_labels_add(labels, 1, name), -EINVAL);
	name[127] = '\0';
	ck_assert_int_eq(nfbind_labels_add(labels, 1, name), 0);
	ck_assert_int_eq(nfbind_labels_add(labels, 128, "much"), -ERANGE);
	ck_assert_int_eq(nfbind_labels_add(labels, 2, ""), -EINVAL);
	ck_assert_int_eq(nfbind_labels_add(labels, 2, "a b"), -EINVAL);
	ck_assert_int_eq(nfbind_labels_add(labels, 2, NULL), -EINVAL);
	ck_assert_int_eq(nfbind_labels_add(NULL, 2, "a"), -EINVAL);
	nfbind_labels_free(NULL);
}
END_TEST

START_TEST(test_labels_bits_of_a_connection)
{
	struct nfbind_ct *ct;
	const void *data;
	size_t len;

	ck_assert_int_eq(nfbind_ct_new(&ct), 0);
	ck_assert_int_eq(nfbind_ct_has_label(ct, 0), 0);
	ck_assert_int_eq(nfbind_ct_set_bytes(ct, NFBIND_CT_LABELS, "\1", 1), 0);
	ck_assert_int_eq(nfbind_ct_has_label(ct, 0), 1);
	ck_assert_int_eq(nfbind_ct_has_label(ct, 127), 0);
	ck_assert_int_eq(nfbind_ct_set_label(ct, 127, 1), 0);
	ck_assert_int_eq(nfbind_ct_set_label(ct, 0, 0), 0);
	ck_assert_int_eq(nfbind_ct_has(ct, NFBIND_CT_LABELS_MASK), 0);
	ck_assert_int_eq(nfbind_ct_get_bytes(ct, NFBIND_CT_LABELS, &data, &len), 0);
	ck_assert_bytes_eq(data, len, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\200", 16);
	/* With a mask it says which bits were meant. */
	ck_assert_int_eq(nfbind_ct_set_bytes(ct, NFBIND_CT_LABELS_MASK, NULL, 0), 0);
	ck_assert_int_eq(nfbind_ct_set_label(ct, 9, 0), 0);
	ck_assert_int_eq(nfbind_ct_get_bytes(ct, NFBIND_CT_LABELS_MASK, &data, &len), 0);
	ck_assert_bytes_eq(data, len, "\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	ck_assert_int_eq(nfbind_ct_has_label(ct, 128), -ERANGE);
	ck_assert_int_eq(nfbind_ct_set_label(ct, 128, 1), -ERANGE);
	ck_assert_int_eq(nfbind_ct_set_label(ct, 1, 2), -ERANGE);
	nfbind_ct_free(ct);
}
END_TEST

UNIT_MAIN("labels", set_up, tear_down,
	  test_labels_are_read_from_a_file,
	  test_labels_keep_the_first_name_and_the_first_bit,
	  test_labels_say_which_line_is_malformed,
	  test_labels_files_have_a_limit,
	  test_labels_added_one_by_one,
	  test_labels_bits_of_a_connection)
