/* SPDX-License-Identifier: MIT */
/*
 * Records of helpers and the request session's verbs for them, over a fake kernel with
 * a table of helpers: what is sent, what is not sent, and what the sentences say.
 */
#include "record.h"

#include <linux/netlink.h>

static void name_only(void)
{
	nfbind_cthelper_free(record);
	ck_assert_int_eq(nfbind_cthelper_new(&record), 0);
	text(NFBIND_CTHELPER_NAME, "sip2");
}

static void key_only(void)
{
	name_only();
	number(NFBIND_CTHELPER_L3PROTO, 2);
	number(NFBIND_CTHELPER_L4PROTO, 17);
}

/* Adding. */

START_TEST(test_add_takes_every_part)
{
	const struct fake_helper *helper;

	ck_assert_int_eq(add(), 0);
	ck_assert_str_eq(sentence(), "");
	helper = helpers_find("sip2", 2, 17);
	ck_assert_ptr_nonnull(helper);
	ck_assert_uint_eq(helper->queue, 7);
	ck_assert_uint_eq(helper->priv_data_len, 16);
	ck_assert_uint_eq(helper->status, 1);
	ck_assert_uint_eq(helper->policies_count, 2);
	ck_assert_str_eq(helper->policies[0].name, "voice");
	ck_assert_uint_eq(helper->policies[0].max, 8);
	ck_assert_uint_eq(helper->policies[0].timeout, 300);
	ck_assert_str_eq(helper->policies[1].name, "signal");
	ck_assert_int_eq(fetch(), 0);
	ck_assert_int_eq(nfbind_cthelper_equal(record, got), 1);
}
END_TEST

#if __BYTE_ORDER == __LITTLE_ENDIAN
START_TEST(test_bytes_of_an_addition)
{
	static const uint8_t wanted[] = {
		0, 0, 0, 0,
		9, 0, 1, 0, 's', 'i', 'p', '2', 0, 0, 0, 0,
		0x14, 0, 2, 0x80, 6, 0, 1, 0, 0, 2, 0, 0, 5, 0, 2, 0, 17, 0, 0, 0,
		8, 0, 3, 0, 0, 0, 0, 7,
		0x4c, 0, 4, 0x80, 8, 0, 1, 0, 0, 0, 0, 2,
		0x20, 0, 2, 0x80, 10, 0, 1, 0, 'v', 'o', 'i', 'c', 'e', 0, 0, 0,
		8, 0, 2, 0, 0, 0, 0, 8, 8, 0, 3, 0, 0, 0, 1, 44,
		0x20, 0, 3, 0x80, 11, 0, 1, 0, 's', 'i', 'g', 'n', 'a', 'l', 0, 0,
		8, 0, 2, 0, 0, 0, 0, 1, 8, 0, 3, 0, 0, 0, 0, 60,
		8, 0, 5, 0, 0, 0, 0, 16,
		8, 0, 6, 0, 0, 0, 0, 1,
	};
	const struct fake_send *sent;

	ck_assert_int_eq(add(), 0);
	sent = fake_last_sent();
	ck_assert_uint_eq(((const struct nlmsghdr *)sent->data)->nlmsg_type, 0x900);
	ck_assert_uint_eq(((const struct nlmsghdr *)sent->data)->nlmsg_flags,
			  NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
	ck_assert_bytes_eq(sent->data + NLMSG_HDRLEN, sent->len - NLMSG_HDRLEN, wanted,
			   sizeof(wanted));
}
END_TEST
#endif

START_TEST(test_add_needs_no_more_than_key_and_policy)
{
	key_only();
	policy(NFBIND_CTHELPER_POLICY1_NAME, "voice", 0, 0);
	ck_assert_int_eq(add(), 0);
	ck_assert_int_eq(fetch(), 0);
	ck_assert_int_eq(nfbind_cthelper_has(got, NFBIND_CTHELPER_POLICY2_NAME), 0);
	ck_assert_uint_eq(helpers_find("sip2", 2, 17)->priv_data_len, 0);
	ck_assert_uint_eq(helpers_find("sip2", 2, 17)->status, 0);
}
END_TEST

START_TEST(test_add_of_all_four_policies)
{
	policy(NFBIND_CTHELPER_POLICY3_NAME, "exactly15letter", 255, UINT32_MAX);
	policy(NFBIND_CTHELPER_POLICY4_NAME, "d", 4, 4);
	text(NFBIND_CTHELPER_NAME, "also-15-letters");
	ck_assert_int_eq(add(), 0);
	ck_assert_int_eq(fetch(), 0);
	ck_assert_int_eq(nfbind_cthelper_equal(record, got), 1);
}
END_TEST

/* Each is refused before anything is sent. */
static void is_refused(int (*verb)(void), const char *words)
{
	size_t sent = fake_sent_count();

	ck_assert_int_eq(verb(), -EINVAL);
	says(words);
	ck_assert_uint_eq(fake_sent_count(), sent);
}

START_TEST(test_parts_that_are_out_of_range_are_not_sent)
{
	static const struct {
		uint32_t field;
		uint64_t value, good;
		const char *words;
	} cases[] = {
		{ NFBIND_CTHELPER_L3PROTO, 3, 2, "network protocol" },
		{ NFBIND_CTHELPER_L3PROTO, 0, 10, "network protocol" },
		{ NFBIND_CTHELPER_QUEUE, 65536, 65535, "65535" },
		{ NFBIND_CTHELPER_PRIV_DATA_LEN, 33, 32, "32 bytes" },
		{ NFBIND_CTHELPER_STATUS, 2, 0, "status" },
		{ NFBIND_CTHELPER_POLICY1_MAX, 256, 255, "255" },
		{ NFBIND_CTHELPER_POLICY2_MAX, UINT32_MAX, 0, "255" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		number(cases[i].field, cases[i].value);
		is_refused(add, cases[i].words);
		is_refused(change, cases[i].words);
		number(cases[i].field, cases[i].good);
	}
	ck_assert_int_eq(nfbind_cthelper_set_bytes(record, NFBIND_CTHELPER_NAME, "sixteen letters!", 16),
			 -ERANGE);
	ck_assert_int_eq(add(), 0);
}
END_TEST

START_TEST(test_parts_that_are_missing_are_told)
{
	static const struct {
		uint32_t field;
		const char *words;
	} cases[] = {
		{ NFBIND_CTHELPER_POLICY2_MAX, "a name, a maximum and a timeout" },
		{ NFBIND_CTHELPER_POLICY1_TIMEOUT, "a name, a maximum and a timeout" },
		{ NFBIND_CTHELPER_L4PROTO, "go together" },
		{ NFBIND_CTHELPER_L3PROTO, "are needed" },
		{ NFBIND_CTHELPER_NAME, "a name" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		ck_assert_int_eq(nfbind_cthelper_clear(record, cases[i].field), 0);
		is_refused(add, cases[i].words);
		if (i == 1)
			policy(NFBIND_CTHELPER_POLICY1_NAME, "voice", 8, 300);
		if (i == 1)
			policy(NFBIND_CTHELPER_POLICY2_NAME, "signal", 1, 60);
	}
	is_refused(change, "a name");
	is_refused(fetch, "a name");
	is_refused(drop, "a name");
	ck_assert_int_eq(nfbind_cthelper_set_bytes(record, NFBIND_CTHELPER_NAME, "a\0b", 3), 0);
	is_refused(drop, "a name");
	ck_assert_int_eq(nfbind_cthelper_set_bytes(record, NFBIND_CTHELPER_NAME, "", 0), 0);
	is_refused(drop, "a name");
}
END_TEST

START_TEST(test_policies_have_no_gap)
{
	policy(NFBIND_CTHELPER_POLICY4_NAME, "late", 1, 1);
	is_refused(add, "without a gap");
	for (uint32_t field = NFBIND_CTHELPER_POLICY1_NAME; field <= NFBIND_CTHELPER_POLICY4_TIMEOUT; field++)
		ck_assert_int_eq(nfbind_cthelper_clear(record, field), 0);
	is_refused(add, "at least one policy");
	policy(NFBIND_CTHELPER_POLICY1_NAME, "", 1, 1);
	is_refused(add, "a text");
	policy(NFBIND_CTHELPER_POLICY1_NAME, "good", 1, 1);
	ck_assert_int_eq(add(), 0);
}
END_TEST

START_TEST(test_adding_twice_tells_whose_it_is)
{
	ck_assert_int_eq(add(), 0);
	ck_assert_int_eq(add(), -EEXIST);
	says("already");
	number(NFBIND_CTHELPER_L3PROTO, 10);
	ck_assert_int_eq(add(), 0);
	ck_assert_uint_eq(helpers.count, 2);
	text(NFBIND_CTHELPER_NAME, "ftp");
	helpers.own = "ftp";
	ck_assert_int_eq(add(), -EEXIST);
	says("of its own");
}
END_TEST

/* Changing. */

START_TEST(test_change_of_what_is_present_alone)
{
	const struct fake_helper *helper;

	ck_assert_int_eq(add(), 0);
	key_only();
	number(NFBIND_CTHELPER_STATUS, 0);
	ck_assert_int_eq(change(), 0);
	helper = helpers_find("sip2", 2, 17);
	ck_assert_uint_eq(helper->status, 0);
	ck_assert_uint_eq(helper->queue, 7);
	number(NFBIND_CTHELPER_STATUS, 1);
	number(NFBIND_CTHELPER_QUEUE, 9);
	number(NFBIND_CTHELPER_POLICY2_MAX, 99);
	ck_assert_int_eq(change(), 0);
	ck_assert_uint_eq(helper->status, 1);
	ck_assert_uint_eq(helper->queue, 9);
	ck_assert_uint_eq(helper->policies[1].max, 99);
	ck_assert_uint_eq(helper->policies[1].timeout, 60);
	ck_assert_uint_eq(helper->policies[0].max, 8);
}
END_TEST

START_TEST(test_change_with_a_whole_record)
{
	ck_assert_int_eq(add(), 0);
	number(NFBIND_CTHELPER_QUEUE, 8);
	number(NFBIND_CTHELPER_POLICY1_TIMEOUT, 5);
	ck_assert_int_eq(change(), 0);
	ck_assert_int_eq(fetch(), 0);
	ck_assert_int_eq(nfbind_cthelper_equal(record, got), 1);
}
END_TEST

START_TEST(test_change_that_mixes_policies_is_told)
{
	ck_assert_int_eq(add(), 0);
	helpers.mixes_policies = true;
	/* Nothing is said of policies when they stay as they are. */
	number(NFBIND_CTHELPER_QUEUE, 8);
	ck_assert_int_eq(change(), 0);
	ck_assert_uint_eq(helpers_find("sip2", 2, 17)->queue, 8);
	ck_assert_int_eq(fetch(), 0);
	ck_assert_int_eq(nfbind_cthelper_equal(record, got), 1);
	number(NFBIND_CTHELPER_POLICY1_TIMEOUT, 5);
	ck_assert_int_eq(change(), -EOPNOTSUPP);
	says("all of the policies the limits of the first");
}
END_TEST

START_TEST(test_change_creates_nothing)
{
	ck_assert_int_eq(change(), -ENOENT);
	says("no such helper");
	ck_assert_uint_eq(helpers.count, 0);
	ck_assert_uint_eq(helpers.changes, 0);
}
END_TEST

START_TEST(test_change_of_what_is_fixed_is_busy)
{
	ck_assert_int_eq(add(), 0);
	number(NFBIND_CTHELPER_PRIV_DATA_LEN, 17);
	ck_assert_int_eq(change(), -EBUSY);
	says("priv-data-len cannot be changed");
	number(NFBIND_CTHELPER_PRIV_DATA_LEN, 16);
	text(NFBIND_CTHELPER_POLICY1_NAME, "video");
	ck_assert_int_eq(change(), -EBUSY);
	says("policy1-name cannot be changed");
	text(NFBIND_CTHELPER_POLICY1_NAME, "voice");
	policy(NFBIND_CTHELPER_POLICY3_NAME, "third", 1, 1);
	ck_assert_int_eq(change(), -EBUSY);
	says("policy3-name");
	key_only();
	number(NFBIND_CTHELPER_POLICY3_MAX, 1);
	ck_assert_int_eq(change(), -EBUSY);
	says("policy3-max");
	ck_assert_uint_eq(helpers.changes, 1);
}
END_TEST

/* Reading. */

START_TEST(test_fetch_by_name_and_by_protocols)
{
	uint64_t value;

	helpers_make("sip2", 10, 17, 5);
	helpers_make("sip2", 2, 17, 6);
	ck_assert_int_eq(fetch(), 0);
	ck_assert_int_eq(nfbind_cthelper_get_number(got, NFBIND_CTHELPER_QUEUE, &value), 0);
	ck_assert_uint_eq(value, 6);
	name_only();
	/* Into the same object. */
	ck_assert_int_eq(nfbind_conntrack_fetch_cthelper(session, record, record), 0);
	ck_assert_int_eq(nfbind_cthelper_get_number(record, NFBIND_CTHELPER_QUEUE, &value), 0);
	ck_assert_uint_eq(value, 5);
	text(NFBIND_CTHELPER_NAME, "sip");
	ck_assert_int_eq(fetch(), -ENOENT);
	says("no such helper");
}
END_TEST

START_TEST(test_list_of_all)
{
	struct nfbind_list *list;
	struct nfbind_ct *ct;
	unsigned int count = 0;
	int r;

	helpers_make("a", 2, 6, 1);
	helpers_make("b", 2, 6, 2);
	helpers_make("c", 10, 17, 3);
	ck_assert_int_eq(nfbind_conntrack_list_cthelper(session, &list), 0);
	while ((r = nfbind_list_next_cthelper(list, got)) == 0)
		count++;
	ck_assert_int_eq(r, -ENODATA);
	ck_assert_uint_eq(count, 3);
	ck_assert_int_eq(nfbind_ct_new(&ct), 0);
	ck_assert_int_eq(nfbind_list_next_ct(list, ct), -EINVAL);
	nfbind_ct_free(ct);
	nfbind_list_free(list);
	helpers.count = 0;
	ck_assert_int_eq(nfbind_conntrack_list_cthelper(session, &list), 0);
	ck_assert_int_eq(nfbind_list_next_cthelper(list, got), -ENODATA);
	nfbind_list_free(list);
}
END_TEST

/* Removing. */

START_TEST(test_remove_one_or_all_of_a_name)
{
	helpers_make("sip2", 10, 17, 5);
	helpers_make("sip2", 2, 17, 6);
	helpers_make("other", 2, 17, 7);
	ck_assert_int_eq(drop(), 0);
	ck_assert_ptr_null(helpers_find("sip2", 2, 17));
	ck_assert_ptr_nonnull(helpers_find("sip2", 10, 17));
	ck_assert_int_eq(drop(), -ENOENT);
	helpers_make("sip2", 2, 17, 6);
	name_only();
	ck_assert_int_eq(drop(), 0);
	ck_assert_str_eq(sentence(), "");
	ck_assert_uint_eq(helpers.count, 1);
}
END_TEST

START_TEST(test_remove_from_an_empty_table_finds_nothing)
{
	ck_assert_int_eq(drop(), -ENOENT);
	says("no such helper");
	ck_assert_int_eq(nfbind_conntrack_flush_cthelper(session), 0);
}
END_TEST

START_TEST(test_remove_of_a_used_one_is_busy)
{
	helpers_make("sip2", 10, 17, 5);
	helpers_make("sip2", 2, 17, 6)->is_used = true;
	ck_assert_int_eq(drop(), -EBUSY);
	says("a rule still refers");
	/* One of two is gone, which the kernel calls a success. */
	name_only();
	ck_assert_int_eq(drop(), -EBUSY);
	says("a rule still refers");
	ck_assert_uint_eq(helpers.count, 1);
	helpers.removes_used = true;
	ck_assert_int_eq(drop(), 0);
	ck_assert_uint_eq(helpers.count, 0);
}
END_TEST

START_TEST(test_flush_tells_of_what_is_left)
{
	helpers_make("a", 10, 17, 5);
	helpers_make("b", 2, 17, 6)->is_used = true;
	ck_assert_int_eq(nfbind_conntrack_flush_cthelper(session), -EBUSY);
	says("the others are gone");
	ck_assert_uint_eq(helpers.count, 1);
	helpers.list[0].is_used = false;
	ck_assert_int_eq(nfbind_conntrack_flush_cthelper(session), 0);
	ck_assert_uint_eq(helpers.count, 0);
}
END_TEST

UNIT_MAIN("cthelper", record_set_up, record_tear_down, test_add_takes_every_part,
#if __BYTE_ORDER == __LITTLE_ENDIAN
	  test_bytes_of_an_addition,
#endif
	  test_add_needs_no_more_than_key_and_policy, test_add_of_all_four_policies,
	  test_parts_that_are_out_of_range_are_not_sent, test_parts_that_are_missing_are_told,
	  test_policies_have_no_gap, test_adding_twice_tells_whose_it_is,
	  test_change_of_what_is_present_alone, test_change_with_a_whole_record,
	  test_change_that_mixes_policies_is_told, test_change_creates_nothing,
	  test_change_of_what_is_fixed_is_busy, test_fetch_by_name_and_by_protocols,
	  test_list_of_all, test_remove_one_or_all_of_a_name,
	  test_remove_from_an_empty_table_finds_nothing, test_remove_of_a_used_one_is_busy,
	  test_flush_tells_of_what_is_left)
