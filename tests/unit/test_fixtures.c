/* SPDX-License-Identifier: MIT */
/*
 * Recorded messages of real kernels: each prints as the text beside it says, which a
 * person has read; every cut of it is judged without harm.
 */
#include <stdio.h>

#include <linux/netlink.h>

#include <nfbind/nfbind.h>

#include "ct.h"
#include "cthelper.h"
#include "fixture_text.h"
#include "unit.h"
#include "wire.h"

static char text[1 << 20];

static void check_text(const char *name)
{
	char text_name[256];
	size_t len, expected_len;
	const uint8_t *data = unit_fixture(name, &len), *expected;
	int r = fixture_print(name, data, len, text, sizeof(text));

	ck_assert_msg(r >= 0, "%s: %d", name, r);
	snprintf(text_name, sizeof(text_name), "%.*s.txt", (int)strlen(name) - 4, name);
	expected = unit_fixture(text_name, &expected_len);
	ck_assert_msg((size_t)r == expected_len && memcmp(text, expected, expected_len) == 0,
		      "%s prints:\n%s\ninstead of:\n%.*s", name, text, (int)expected_len,
		      (const char *)expected);
}

static void check_texts(const char *prefix)
{
	for (char **name = unit_fixtures(prefix, ".bin"); *name; name++)
		if (!strstr(*name, "stats"))
			check_text(*name);
}

START_TEST(test_fixtures_packets_print_as_expected)
{
	check_texts("packet-");
}
END_TEST

START_TEST(test_fixtures_connections_print_as_expected)
{
	check_texts("ct-");
}
END_TEST

START_TEST(test_fixtures_expectations_print_as_expected)
{
	check_texts("exp-");
}
END_TEST

START_TEST(test_fixtures_helpers_print_as_expected)
{
	check_texts("helper-");
}
END_TEST

START_TEST(test_fixtures_every_text_has_its_recording)
{
	size_t len;

	for (char **name = unit_fixtures("", ".txt"); *name; name++) {
		char bin[256];

		snprintf(bin, sizeof(bin), "%.*s.bin", (int)strlen(*name) - 4, *name);
		(void)unit_fixture(bin, &len);
		ck_assert_uint_gt(len, 0);
	}
}
END_TEST

/* Exactly as many bytes as are given: a sanitizer sees who reads on. */
static void parse_cut(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct nfbind_batch *batch;
	struct nfbind_ct *ct;
	struct nfbind_exp *exp;
	struct nfbind_cthelper *cthelper;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, data, len);
	if (nfbind_batch_parse(copy, len, &batch) == 0)
		nfbind_batch_free(batch);
	ck_assert_int_eq(nfbind_ct_new(&ct), 0);
	ck_assert_int_eq(nfbind_exp_new(&exp), 0);
	ck_assert_int_eq(nfbind_cthelper_new(&cthelper), 0);
	if (len >= 20) {
		int r = wire_parse(&ct_wires, copy + 20, len - 20, ct);

		ck_assert(r == 0 || r == -EBADMSG);
		r = wire_parse(&exp_wires, copy + 20, len - 20, exp);
		ck_assert(r == 0 || r == -EBADMSG);
		r = wire_parse(&cthelper_wires, copy + 20, len - 20, cthelper);
		ck_assert(r == 0 || r == -EBADMSG);
	}
	nfbind_ct_free(ct);
	nfbind_exp_free(exp);
	nfbind_cthelper_free(cthelper);
	free(copy);
}

START_TEST(test_fixtures_every_cut_is_judged_without_harm)
{
	for (char **name = unit_fixtures("", ".bin"); *name; name++) {
		size_t whole;
		const uint8_t *data = unit_fixture(*name, &whole);

		for (size_t len = 0; len <= whole && len < 600; len++)
			parse_cut(data, len);
	}
}
END_TEST

/* A helper too; how many policies there are is built, and not parsed. */
START_TEST(test_fixtures_helpers_can_be_built_to_the_byte)
{
	size_t len, offset = 0;
	const uint8_t *data = unit_fixture("helper-dump.bin", &len);
	const struct nlmsghdr *message;
	unsigned int compared = 0;
	int error = 0;

	while ((message = wire_next_message(data, len, &offset, &error))) {
		uint8_t room[512] __attribute__((aligned(8)));
		struct wire_buffer buffer = { .data = room, .size = sizeof(room) };
		struct nfbind_cthelper cthelper = { 0 }, again = { 0 };

		ck_assert_int_eq(wire_parse(&cthelper_wires, (const uint8_t *)message + 20,
					    message->nlmsg_len - 20, &cthelper), 0);
		wire_build(&cthelper_wires, &cthelper, &buffer);
		/* Only the order of attributes differs. */
		ck_assert_uint_eq(buffer.len, message->nlmsg_len - 20);
		ck_assert_int_eq(wire_parse(&cthelper_wires, room, buffer.len, &again), 0);
		ck_assert(field_equal(&cthelper_fields, &cthelper, &again));
		compared++;
	}
	ck_assert_uint_eq(compared, 3);
}
END_TEST

/* A connection that was parsed, built and parsed again is the same. */
static void check_round_trip(const struct nlmsghdr *message, size_t *compared)
{
	static uint8_t room[4096] __attribute__((aligned(8)));
	struct wire_buffer buffer = { .data = room, .size = sizeof(room) };
	bool is_ct = message->nlmsg_type >> 8 == 1;
	const struct wire_table *table = is_ct ? &ct_wires : &exp_wires;
	struct nfbind_ct *ct, *ct_again;
	struct nfbind_exp *exp, *exp_again;
	void *object, *again;

	ck_assert(nfbind_ct_new(&ct) == 0 && nfbind_ct_new(&ct_again) == 0);
	ck_assert(nfbind_exp_new(&exp) == 0 && nfbind_exp_new(&exp_again) == 0);
	object = is_ct ? (void *)ct : (void *)exp;
	again = is_ct ? (void *)ct_again : (void *)exp_again;
	ck_assert_int_eq(wire_parse(table, (const uint8_t *)message + 20, message->nlmsg_len - 20,
				    object), 0);
	wire_build(table, object, &buffer);
	ck_assert(!buffer.failed);
	ck_assert_int_eq(wire_parse(table, room, buffer.len, again), 0);
	ck_assert(field_equal(table->fields, object, again));
	++*compared;
	nfbind_ct_free(ct);
	nfbind_ct_free(ct_again);
	nfbind_exp_free(exp);
	nfbind_exp_free(exp_again);
}

static size_t round_trips(const char *prefix)
{
	size_t compared = 0;

	for (char **name = unit_fixtures(prefix, ".bin"); *name; name++) {
		size_t len, offset = 0;
		const uint8_t *data = unit_fixture(*name, &len);
		const struct nlmsghdr *message;
		int error = 0;

		if (strstr(*name, "stats"))
			continue;
		while ((message = wire_next_message(data, len, &offset, &error)))
			if (message->nlmsg_type >= NLMSG_MIN_TYPE)
				check_round_trip(message, &compared);
		ck_assert_int_eq(error, 0);
	}
	return compared;
}

START_TEST(test_fixtures_what_was_parsed_can_be_built)
{
	ck_assert_uint_gt(round_trips("ct-"), 25);
	ck_assert_uint_gt(round_trips("exp-"), 4);
}
END_TEST

UNIT_MAIN("fixtures", NULL, NULL, test_fixtures_packets_print_as_expected,
	  test_fixtures_connections_print_as_expected,
	  test_fixtures_expectations_print_as_expected,
	  test_fixtures_helpers_print_as_expected,
	  test_fixtures_helpers_can_be_built_to_the_byte,
	  test_fixtures_every_text_has_its_recording,
	  test_fixtures_every_cut_is_judged_without_harm,
	  test_fixtures_what_was_parsed_can_be_built)
