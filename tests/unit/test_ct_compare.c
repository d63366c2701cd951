/* SPDX-License-Identifier: MIT */
/*
 * Comparing and copying parts of connections, and what their tuples say of translation.
 */
#include <stdio.h>

#include <nfbind/nfbind.h>

#include "ct.h"
#include "unit.h"

static struct nfbind_ct *ct, *other;
static char text[4096];

static void set_up(void)
{
	ck_assert(nfbind_ct_new(&ct) == 0 && nfbind_ct_new(&other) == 0);
}

static void tear_down(void)
{
	nfbind_ct_free(ct);
	nfbind_ct_free(other);
}

static void is(struct nfbind_ct *object, const char *json)
{
	ck_assert_msg(nfbind_ct_parse(object, NFBIND_FORMAT_JSON, NULL, json, text,
				      sizeof(text)) == 0, "%s: %s", json, text);
}

static void fields_are(const char *expected)
{
	nfbind_ct_print(ct, NFBIND_FORMAT_FIELDS, 0, NULL, text, sizeof(text));
	ck_assert_str_eq(text, expected);
}

static int compare(const char *one, const char *two, uint32_t flags)
{
	is(ct, one);
	is(other, two);
	return nfbind_ct_compare(ct, other, flags);
}

START_TEST(test_ct_compare_parts)
{
	static const struct {
		const char *field;
		uint32_t part;
	} parts[] = {
		{ "{\"orig-port-src\":%c}", NFBIND_CT_COMPARE_ORIG },
		{ "{\"orig-zone\":%c}", NFBIND_CT_COMPARE_ORIG },
		{ "{\"repl-port-src\":%c}", NFBIND_CT_COMPARE_REPL },
		{ "{\"repl-zone\":%c}", NFBIND_CT_COMPARE_REPL },
		{ "{\"master-zone\":%c}", NFBIND_CT_COMPARE_META },
		{ "{\"mark\":%c}", NFBIND_CT_COMPARE_META },
		{ "{\"status\":%c}", NFBIND_CT_COMPARE_META },
		{ "{\"secctx\":\"%c\"}", NFBIND_CT_COMPARE_META },
	};

	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		char one[80], two[80];

		snprintf(one, sizeof(one), parts[i].field, '1');
		snprintf(two, sizeof(two), parts[i].field, '2');
		ck_assert_int_eq(compare(one, one, 7), 1);
		ck_assert_int_eq(compare(one, two, parts[i].part), 0);
		ck_assert_int_eq(compare(one, two, 7 & ~parts[i].part), 1);
		/* Absent on one side. */
		ck_assert_int_eq(compare(one, "{}", parts[i].part), 1);
		ck_assert_int_eq(compare(one, "{}", parts[i].part | NFBIND_CT_COMPARE_MASK), 0);
		ck_assert_int_eq(compare("{}", one, parts[i].part | NFBIND_CT_COMPARE_MASK), 1);
		ck_assert_int_eq(compare("{}", one, parts[i].part | NFBIND_CT_COMPARE_STRICT), 0);
		ck_assert_int_eq(compare(one, one, parts[i].part | NFBIND_CT_COMPARE_STRICT), 1);
	}
	ck_assert_int_eq(nfbind_ct_compare(ct, other, 0x200), -EINVAL);
	ck_assert_int_eq(nfbind_ct_compare(NULL, other, 1), -EINVAL);
	ck_assert_int_eq(nfbind_ct_compare(ct, NULL, 1), -EINVAL);
}
END_TEST

START_TEST(test_ct_compare_timeouts)
{
	static const uint32_t eq = NFBIND_CT_COMPARE_TIMEOUT_EQ, gt = NFBIND_CT_COMPARE_TIMEOUT_GT,
			      lt = NFBIND_CT_COMPARE_TIMEOUT_LT;
	static const char less[] = "{\"timeout\":1}", more[] = "{\"timeout\":2}";

	ck_assert_int_eq(compare(less, more, NFBIND_CT_COMPARE_META), 1);
	ck_assert_int_eq(compare(less, more, eq), 0);
	ck_assert_int_eq(compare(less, less, eq), 1);
	ck_assert_int_eq(compare(less, more, gt), 0);
	ck_assert_int_eq(compare(more, less, gt), 1);
	ck_assert_int_eq(compare(more, more, gt), 0);
	ck_assert_int_eq(compare(more, more, gt | eq), 1);
	ck_assert_int_eq(compare(less, more, lt), 1);
	ck_assert_int_eq(compare(less, less, lt | eq), 1);
	ck_assert_int_eq(compare(more, less, lt | eq), 0);
	ck_assert_int_eq(compare(more, "{}", gt), 1);
	ck_assert_int_eq(compare(more, "{}", gt | NFBIND_CT_COMPARE_MASK), 0);
}
END_TEST

START_TEST(test_ct_compare_status_as_a_subset)
{
	uint32_t subset = NFBIND_CT_COMPARE_META | NFBIND_CT_COMPARE_STATUS_SUBSET;

	ck_assert_int_eq(compare("{\"status\":2}", "{\"status\":14}", NFBIND_CT_COMPARE_META), 0);
	ck_assert_int_eq(compare("{\"status\":2}", "{\"status\":14}", subset), 1);
	ck_assert_int_eq(compare("{\"status\":14}", "{\"status\":2}", subset), 0);
	ck_assert_int_eq(compare("{\"status\":0}", "{\"status\":2}", subset), 1);
}
END_TEST

static void copy(const char *to, const char *from, uint32_t flags, const char *expected)
{
	is(ct, to);
	is(other, from);
	ck_assert_int_eq(nfbind_ct_copy(ct, other, flags), 0);
	fields_are(expected);
}

START_TEST(test_ct_copy_parts)
{
	static const char from[] = "{\"orig-port-src\":1,\"repl-port-src\":2,\"mark\":3,\"master-zone\":4,"
				   "\"secctx\":\"s\"}";

	copy("{}", from, NFBIND_CT_COPY_ORIG, "orig-port-src=1");
	copy("{}", from, NFBIND_CT_COPY_REPL, "repl-port-src=2");
	copy("{}", from, NFBIND_CT_COPY_META, "master-zone=4 mark=3 secctx=s");
	copy("{\"use\":9,\"mark\":5}", from, 7,
	     "orig-port-src=1 repl-port-src=2 master-zone=4 mark=3 use=9 secctx=s");
	copy("{\"use\":9,\"mark\":5}", from, NFBIND_CT_COPY_META | NFBIND_CT_COPY_ABSENT,
	     "master-zone=4 mark=5 use=9 secctx=s");
	copy("{\"use\":9,\"mark\":5,\"orig-zone\":6}", from, NFBIND_CT_COPY_META | NFBIND_CT_COPY_CLEAR,
	     "orig-zone=6 master-zone=4 mark=3 secctx=s");
	copy("{\"mark\":5}", from, 0, "mark=5");
	ck_assert_int_eq(nfbind_ct_copy(ct, ct, 7), 0);
	ck_assert_int_eq(nfbind_ct_copy(ct, other, 0x20), -EINVAL);
	ck_assert_int_eq(nfbind_ct_copy(NULL, other, 1), -EINVAL);
}
END_TEST

/* Translations. */

#define ORIG "\"orig-src\":\"1.1.1.1\",\"orig-dst\":\"2.2.2.2\",\"orig-l4proto\":17," \
	     "\"orig-port-src\":1,\"orig-port-dst\":2"
#define REPL(src, dst, from, to) ",\"repl-src\":\"" src "\",\"repl-dst\":\"" dst "\"," \
	     "\"repl-l4proto\":17,\"repl-port-src\":" #from ",\"repl-port-dst\":" #to
#define PLAIN "{" ORIG REPL("2.2.2.2", "1.1.1.1", 2, 1) "}"
#define SNATED ORIG REPL("2.2.2.2", "9.9.9.9", 2, 77)
#define DNATED ORIG REPL("3.3.3.3", "1.1.1.1", 88, 1)
#define BOTH "{" ORIG REPL("3.3.3.3", "9.9.9.9", 88, 77) "}"

static int translation(const char *json)
{
	is(ct, json);
	return nfbind_ct_get_translation(ct);
}

START_TEST(test_ct_translation_is_what_the_tuples_say)
{
	ck_assert_int_eq(translation(PLAIN), 0);
	ck_assert_int_eq(translation("{" SNATED "}"), NFBIND_CT_TRANSLATION_SNAT | NFBIND_CT_TRANSLATION_SPAT);
	ck_assert_int_eq(translation("{" DNATED "}"), NFBIND_CT_TRANSLATION_DNAT | NFBIND_CT_TRANSLATION_DPAT);
	ck_assert_int_eq(translation(BOTH), 15);
	/* A status has to agree: it was decided. */
	ck_assert_int_eq(translation("{" SNATED ",\"status\":[\"src-nat\"]}"), 0);
	ck_assert_int_eq(translation("{" SNATED ",\"status\":[\"src-nat-done\"]}"), 5);
	ck_assert_int_eq(translation("{" DNATED ",\"status\":[\"src-nat-done\"]}"), 0);
	ck_assert_int_eq(translation("{" DNATED ",\"status\":[\"dst-nat-done\"]}"), 10);
	/* Half a connection says nothing. */
	ck_assert_int_eq(translation("{" ORIG "}"), 0);
	ck_assert_int_eq(translation("{}"), 0);
	ck_assert_int_eq(nfbind_ct_get_translation(NULL), 0);
	/* Ids of ICMP are its source ports. */
	ck_assert_int_eq(translation("{\"orig-src\":\"1.1.1.1\",\"orig-dst\":\"2.2.2.2\",\"orig-l4proto\":1,"
				     "\"orig-icmp-id\":5,\"repl-src\":\"2.2.2.2\",\"repl-dst\":\"9.9.9.9\","
				     "\"repl-icmp-id\":6}"), 5);
}
END_TEST

static void apply(const char *json, uint32_t operation, const char *expected)
{
	is(ct, json);
	ck_assert_int_eq(nfbind_ct_apply(ct, operation), 0);
	is(other, expected);
	nfbind_ct_print(other, NFBIND_FORMAT_FIELDS, 0, NULL, text, sizeof(text));
	{
		char wanted[sizeof(text)];

		memcpy(wanted, text, sizeof(text));
		fields_are(wanted);
	}
}

START_TEST(test_ct_apply_undoes_one_translation)
{
	apply(BOTH, NFBIND_CT_OPERATION_UNDO_SNAT,
	      "{" ORIG REPL("3.3.3.3", "1.1.1.1", 88, 77) ",\"snat\":\"9.9.9.9\"}");
	apply(BOTH, NFBIND_CT_OPERATION_UNDO_DNAT,
	      "{" ORIG REPL("2.2.2.2", "9.9.9.9", 88, 77) ",\"dnat\":\"3.3.3.3\"}");
	apply(BOTH, NFBIND_CT_OPERATION_UNDO_SPAT,
	      "{" ORIG REPL("3.3.3.3", "9.9.9.9", 88, 1) ",\"snat-port\":77}");
	apply(BOTH, NFBIND_CT_OPERATION_UNDO_DPAT,
	      "{" ORIG REPL("3.3.3.3", "9.9.9.9", 2, 77) ",\"dnat-port\":88}");
	apply("{\"orig-l4proto\":47,\"orig-port-src\":1,\"repl-port-dst\":5}", NFBIND_CT_OPERATION_UNDO_SPAT,
	      "{\"orig-l4proto\":47,\"orig-port-src\":1,\"repl-port-dst\":1,\"snat-port\":5}");
	apply("{\"orig-src\":\"fd00::1\",\"repl-dst\":\"fd00::9\"}", NFBIND_CT_OPERATION_UNDO_SNAT,
	      "{\"orig-src\":\"fd00::1\",\"repl-dst\":\"fd00::1\",\"snat\":\"fd00::9\"}");
}
END_TEST

START_TEST(test_ct_apply_sets_a_tuple_up)
{
	apply("{" SNATED "}", NFBIND_CT_OPERATION_SETUP_REPL, PLAIN);
	apply("{" ORIG "}", NFBIND_CT_OPERATION_SETUP_REPL, PLAIN);
	apply("{\"repl-src\":\"2.2.2.2\",\"repl-dst\":\"1.1.1.1\",\"repl-l4proto\":17,\"repl-port-src\":2,"
	      "\"repl-port-dst\":1}", NFBIND_CT_OPERATION_SETUP_ORIG, PLAIN);
}
END_TEST

/* What a list has can be added again. */
START_TEST(test_ct_apply_renews_an_entry)
{
	apply("{" ORIG REPL("3.3.3.3", "9.9.9.9", 88, 77) ",\"status\":958}", NFBIND_CT_OPERATION_RENEW,
	      "{" ORIG REPL("2.2.2.2", "1.1.1.1", 2, 1) ",\"status\":14,\"snat\":\"9.9.9.9\",\"snat-port\":77,"
	      "\"dnat\":\"3.3.3.3\",\"dnat-port\":88}");
	/* The port alone: the kernel wants an address with it. */
	apply("{" ORIG REPL("2.2.2.2", "1.1.1.1", 2, 77) ",\"status\":[\"src-nat-done\"]}",
	      NFBIND_CT_OPERATION_RENEW,
	      "{" ORIG REPL("2.2.2.2", "1.1.1.1", 2, 1) ",\"status\":0,\"snat\":\"1.1.1.1\",\"snat-port\":77}");
	apply(PLAIN, NFBIND_CT_OPERATION_RENEW, PLAIN);
	/* Not translated, only told so. */
	apply("{" SNATED ",\"status\":0}", NFBIND_CT_OPERATION_RENEW, "{" SNATED ",\"status\":0}");
	apply("{}", NFBIND_CT_OPERATION_RENEW, "{}");
	/* The kernel's mask is empty: nothing of the flags would be taken. */
	apply("{\"tcp-flags-orig\":3,\"tcp-mask-orig\":0,\"tcp-flags-repl\":8}", NFBIND_CT_OPERATION_RENEW,
	      "{\"tcp-flags-orig\":3,\"tcp-mask-orig\":255,\"tcp-flags-repl\":8,\"tcp-mask-repl\":255}");
	apply("{\"tcp-flags-orig\":3,\"tcp-mask-orig\":1}", NFBIND_CT_OPERATION_RENEW,
	      "{\"tcp-flags-orig\":3,\"tcp-mask-orig\":1}");
}
END_TEST

START_TEST(test_ct_apply_refuses_what_it_cannot_do)
{
	is(ct, "{" ORIG "}");
	for (uint32_t operation = 0; operation <= NFBIND_CT_OPERATION_SETUP_ORIG; operation++)
		ck_assert_int_eq(nfbind_ct_apply(ct, operation), -ENODATA);
	is(ct, "{}");
	ck_assert_int_eq(nfbind_ct_apply(ct, NFBIND_CT_OPERATION_SETUP_REPL), -ENODATA);
	ck_assert_int_eq(nfbind_ct_apply(ct, NFBIND_CT_OPERATION_RENEW + 1), -EINVAL);
	ck_assert_int_eq(nfbind_ct_apply(NULL, 0), -EINVAL);
	/* ICMP has no destination port. */
	is(ct, "{\"orig-l4proto\":1,\"orig-icmp-id\":1,\"repl-icmp-id\":2}");
	ck_assert_int_eq(nfbind_ct_apply(ct, NFBIND_CT_OPERATION_UNDO_DPAT), -ENODATA);
	ck_assert_int_eq(nfbind_ct_apply(ct, NFBIND_CT_OPERATION_UNDO_SPAT), 0);
}
END_TEST

/* Expectations. */

START_TEST(test_exp_compare_parts)
{
	static const char *const texts[] = { "{\"expected-port-src\":%c}", "{\"mask-zone\":%c}",
					     "{\"master-port-src\":%c}", "{\"nat-zone\":%c}", "{\"fn\":\"%c\"}" };
	static const uint32_t parts[] = { NFBIND_EXP_COMPARE_EXPECTED, NFBIND_EXP_COMPARE_EXPECTED,
					  NFBIND_EXP_COMPARE_MASTER, NFBIND_EXP_COMPARE_META,
					  NFBIND_EXP_COMPARE_META };
	struct nfbind_exp *one, *two, *none;

	ck_assert(nfbind_exp_new(&one) == 0 && nfbind_exp_new(&two) == 0 && nfbind_exp_new(&none) == 0);
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		snprintf(text, sizeof(text), texts[i], '1');
		ck_assert_int_eq(nfbind_exp_parse(one, NFBIND_FORMAT_JSON, text, NULL, 0), 0);
		snprintf(text, sizeof(text), texts[i], '2');
		ck_assert_int_eq(nfbind_exp_parse(two, NFBIND_FORMAT_JSON, text, NULL, 0), 0);
		ck_assert_int_eq(nfbind_exp_compare(one, one, 31), 1);
		ck_assert_int_eq(nfbind_exp_compare(one, two, parts[i]), 0);
		ck_assert_int_eq(nfbind_exp_compare(one, two, 7 & ~parts[i]), 1);
		ck_assert_int_eq(nfbind_exp_compare(one, none, 7), 1);
		ck_assert_int_eq(nfbind_exp_compare(one, none, 7 | NFBIND_EXP_COMPARE_MASK), 0);
		ck_assert_int_eq(nfbind_exp_compare(none, one, 7 | NFBIND_EXP_COMPARE_MASK), 1);
		ck_assert_int_eq(nfbind_exp_compare(none, one, 7 | NFBIND_EXP_COMPARE_STRICT), 0);
	}
	ck_assert_int_eq(nfbind_exp_compare(one, two, 32), -EINVAL);
	ck_assert_int_eq(nfbind_exp_compare(NULL, two, 1), -EINVAL);
	nfbind_exp_free(one);
	nfbind_exp_free(two);
	nfbind_exp_free(none);
}
END_TEST

UNIT_MAIN("ct_compare", set_up, tear_down,
	  test_ct_compare_parts,
	  test_ct_compare_timeouts,
	  test_ct_compare_status_as_a_subset,
	  test_ct_copy_parts,
	  test_ct_translation_is_what_the_tuples_say,
	  test_ct_apply_undoes_one_translation,
	  test_ct_apply_sets_a_tuple_up,
	  test_ct_apply_renews_an_entry,
	  test_ct_apply_refuses_what_it_cannot_do,
	  test_exp_compare_parts)
