/* SPDX-License-Identifier: MIT */
/*
 * The field engine's other half: copying, comparing and printing, through the
 * objects' public functions. What is read and written is in test_objects.c.
 */
#include <nfbind/nfbind.h>

#include "ct.h"
#include "unit.h"

static struct nfbind_ct *one, *other;

static void set_up(void)
{
	ck_assert(nfbind_ct_new(&one) == 0 && nfbind_ct_new(&other) == 0);
}

static void tear_down(void)
{
	nfbind_ct_free(one);
	nfbind_ct_free(other);
}

static void prints(const struct nfbind_ct *ct, const char *expected)
{
	char text[2000];

	ck_assert_int_eq(nfbind_ct_print(ct, NFBIND_FORMAT_FIELDS, 0, NULL, text, sizeof(text)), (int)strlen(expected));
	ck_assert_str_eq(text, expected);
}

START_TEST(test_field_copy_makes_both_equal)
{
	nfbind_ct_set_number(one, NFBIND_CT_MARK, 7);
	nfbind_ct_set_bytes(one, NFBIND_CT_SECCTX, "label", 5);
	nfbind_ct_set_bytes(one, NFBIND_CT_ORIG_SRC, "\12\0\0\1", 4);
	/* What the copy had before is gone, with its memory. */
	nfbind_ct_set_bytes(other, NFBIND_CT_SECCTX, "another label", 13);
	nfbind_ct_set_bytes(other, NFBIND_CT_HELPER_NAME, "ftp", 3);
	ck_assert_int_eq(nfbind_ct_equal(one, other), 0);
	ck_assert_int_eq(nfbind_ct_assign(other, one), 0);
	ck_assert_int_eq(nfbind_ct_equal(one, other), 1);
	ck_assert_int_eq(nfbind_ct_has(other, NFBIND_CT_HELPER_NAME), 0);
	/* Memory of its own. */
	nfbind_ct_clear(one, NFBIND_CT_SECCTX);
	prints(other, "orig-src=10.0.0.1 mark=7 secctx=label");
}
END_TEST

START_TEST(test_field_copy_to_itself_changes_nothing)
{
	nfbind_ct_set_bytes(one, NFBIND_CT_SECCTX, "label", 5);
	ck_assert_int_eq(nfbind_ct_assign(one, one), 0);
	prints(one, "secctx=label");
	ck_assert_int_eq(nfbind_ct_assign(one, NULL), -EINVAL);
	ck_assert_int_eq(nfbind_ct_assign(NULL, one), -EINVAL);
}
END_TEST

START_TEST(test_field_equal_looks_at_presence_and_every_value)
{
	for (uint32_t field = 0; field < ct_fields.count; field++) {
		const struct field *row = &ct_fields.rows[field];

		ck_assert_int_eq(nfbind_ct_equal(one, other), 1);
		if (field_is_number(row)) {
			nfbind_ct_set_number(one, field, 0);
			ck_assert_int_eq(nfbind_ct_equal(one, other), 0);
			nfbind_ct_set_number(other, field, 1);
			ck_assert_int_eq(nfbind_ct_equal(one, other), 0);
			nfbind_ct_set_number(other, field, 0);
		} else {
			nfbind_ct_set_bytes(one, field, "abcd", 4);
			ck_assert_int_eq(nfbind_ct_equal(one, other), 0);
			nfbind_ct_set_bytes(other, field, "abce", 4);
			ck_assert_int_eq(nfbind_ct_equal(one, other), 0);
			nfbind_ct_set_bytes(other, field, "abcd", 4);
		}
		ck_assert_int_eq(nfbind_ct_equal(one, other), 1);
		nfbind_ct_clear(one, field);
		ck_assert_int_eq(nfbind_ct_equal(one, other), 0);
		nfbind_ct_clear(other, field);
	}
	ck_assert_int_eq(nfbind_ct_equal(one, NULL), 0);
	ck_assert_int_eq(nfbind_ct_equal(NULL, one), 0);
}
END_TEST

START_TEST(test_field_print_names_values_where_they_have_names)
{
	prints(one, "");
	nfbind_ct_set_number(one, NFBIND_CT_TCP_STATE, 3);
	prints(one, "tcp-state=established");
	nfbind_ct_set_number(one, NFBIND_CT_TCP_STATE, 99);
	prints(one, "tcp-state=99");
	nfbind_ct_clear(one, NFBIND_CT_TCP_STATE);
	nfbind_ct_set_number(one, NFBIND_CT_STATUS, 0);
	prints(one, "status=0x0");
	nfbind_ct_set_number(one, NFBIND_CT_STATUS, 0x80000006);
	prints(one, "status=seen-reply|assured|0x80000000");
}
END_TEST

START_TEST(test_field_print_bytes_by_their_kind)
{
	nfbind_ct_set_bytes(one, NFBIND_CT_ORIG_SRC, "\1\2\3\4", 4);
	nfbind_ct_set_bytes(one, NFBIND_CT_ORIG_DST, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	nfbind_ct_set_bytes(one, NFBIND_CT_HELPER_NAME, "a\n\\\377b", 5);
	nfbind_ct_set_bytes(one, NFBIND_CT_HELPER_INFO, "\0\377", 2);
	nfbind_ct_set_bytes(one, NFBIND_CT_SECCTX, "", 0);
	prints(one, "orig-src=1.2.3.4 orig-dst=::1 helper-name=a\\x0a\\x5c\\xffb helper-info=00ff secctx=");
}
END_TEST

START_TEST(test_field_print_fits_any_buffer)
{
	char text[40], full[40];
	int len;

	nfbind_ct_set_number(one, NFBIND_CT_MARK, 12345);
	nfbind_ct_set_number(one, NFBIND_CT_ZONE, 1);
	len = nfbind_ct_print(one, NFBIND_FORMAT_FIELDS, 0, NULL, full, sizeof(full));
	ck_assert_str_eq(full, "mark=12345 zone=1");
	ck_assert_int_eq(nfbind_ct_print(one, NFBIND_FORMAT_FIELDS, 0, NULL, NULL, 0), len);
	ck_assert_int_eq(nfbind_ct_print(one, NFBIND_FORMAT_FIELDS, 0, NULL, NULL, 10), len);
	for (size_t size = 1; size < sizeof(text); size++) {
		memset(text, 'x', sizeof(text));
		ck_assert_int_eq(nfbind_ct_print(one, NFBIND_FORMAT_FIELDS, 0, NULL, text, size), len);
		ck_assert_uint_eq(strlen(text), size <= (size_t)len ? size - 1 : (size_t)len);
		ck_assert_mem_eq(text, full, strlen(text));
		if (size < sizeof(text) - 1)
			ck_assert_int_eq(text[size], 'x');
	}
	ck_assert_int_eq(nfbind_ct_print(NULL, NFBIND_FORMAT_FIELDS, 0, NULL, text, sizeof(text)), 0);
	ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(test_field_expectation_does_all_that_too)
{
	struct nfbind_exp *exp, *copy;
	char text[200];

	ck_assert(nfbind_exp_new(&exp) == 0 && nfbind_exp_new(&copy) == 0);
	nfbind_exp_set_number(exp, NFBIND_EXP_FLAGS, 5);
	nfbind_exp_set_number(exp, NFBIND_EXP_NAT_DIR, 1);
	nfbind_exp_set_bytes(exp, NFBIND_EXP_FN, "nat-follow-master", 17);
	ck_assert_int_eq(nfbind_exp_equal(exp, copy), 0);
	ck_assert_int_eq(nfbind_exp_assign(copy, exp), 0);
	ck_assert_int_eq(nfbind_exp_equal(exp, copy), 1);
	nfbind_exp_print(copy, NFBIND_FORMAT_FIELDS, text, sizeof(text));
	ck_assert_str_eq(text, "flags=permanent|userspace nat-dir=reply fn=nat-follow-master");
	ck_assert_int_eq(nfbind_exp_assign(copy, NULL), -EINVAL);
	ck_assert_int_eq(nfbind_exp_equal(NULL, copy), 0);
	ck_assert_int_eq(nfbind_exp_print(NULL, NFBIND_FORMAT_FIELDS, text, sizeof(text)), 0);
	nfbind_exp_free(exp);
	nfbind_exp_free(copy);
	nfbind_exp_free(NULL);
	nfbind_ct_free(NULL);
	nfbind_options_free(NULL);
}
END_TEST

UNIT_MAIN("field", set_up, tear_down, test_field_copy_makes_both_equal,
	  test_field_copy_to_itself_changes_nothing,
	  test_field_equal_looks_at_presence_and_every_value,
	  test_field_print_names_values_where_they_have_names,
	  test_field_print_bytes_by_their_kind, test_field_print_fits_any_buffer,
	  test_field_expectation_does_all_that_too)
