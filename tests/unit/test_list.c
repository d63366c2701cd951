/* SPDX-License-Identifier: MIT */
/*
 * Lists over the fake transport: what a list has and leaves out, and every way in which
 * it can end.
 */
#include "asking.h"

#include <linux/netlink.h>

START_TEST(test_recorded_lists_are_replayed)
{
	char printed[4096];

	for (char **names = unit_fixtures("ct-dump-", ".bin"); *names; names++) {
		if (strcmp(*names, "ct-dump-done.bin") == 0)
			continue;
		answer_fixture(*names, 1, SIZE_MAX, 0);
		answer_fixture("ct-dump-done.bin", 1, SIZE_MAX, 0);
		ck_assert_int_eq(nfbind_conntrack_list_ct(session, NULL, 0, 0, &list), 0);
		ck_assert_int_eq(nfbind_list_next_exp(list, expectation), -EINVAL);
		ck_assert_int_eq(nfbind_list_next_ct(list, ct), 0);
		do
			ck_assert_int_gt(nfbind_ct_print(ct, NFBIND_FORMAT_FIELDS, 0, NULL, printed, sizeof(printed)), 50);
		while (nfbind_list_next_ct(list, ct) == 0);
		ck_assert_int_eq(nfbind_list_next_ct(list, ct), -ENODATA);
		nfbind_list_free(list);
	}
	for (char **names = unit_fixtures("exp-dump-", ".bin"); *names; names++) {
		answer_fixture(*names, 1, SIZE_MAX, 0);
		answer_done(1, 0, 0);
		ck_assert_int_eq(nfbind_conntrack_list_exp(session, NULL, &list), 0);
		ck_assert_int_eq(nfbind_list_next_ct(list, ct), -EINVAL);
		ck_assert_int_eq(nfbind_list_next_exp(list, expectation), 0);
		ck_assert_int_gt(nfbind_exp_print(expectation, NFBIND_FORMAT_FIELDS, printed, sizeof(printed)), 50);
		ck_assert_int_eq(nfbind_list_next_exp(list, expectation), -ENODATA);
		nfbind_list_free(list);
	}
	list = NULL;
}
END_TEST

START_TEST(test_list_done_with_an_error)
{
	begin();
	answer_done(1, -ENOMEM, 0);
	ends_with(-ENOMEM);
}
END_TEST

START_TEST(test_list_interrupted)
{
	begin();
	answer_fixture("ct-dump-plain.bin", 1, SIZE_MAX, NLM_F_DUMP_INTR);
	ends_with(-EINTR);
}
END_TEST

START_TEST(test_list_interrupted_at_its_end)
{
	begin();
	answer_done(1, 0, NLM_F_DUMP_INTR);
	ends_with(-EINTR);
}
END_TEST

START_TEST(test_list_goes_on_after_a_signal)
{
	begin();
	fake_wait_result(-EINTR);
	ck_assert_int_eq(nfbind_list_next_ct(list, ct), -EINTR);
	answer_fixture("ct-dump-plain.bin", 1, SIZE_MAX, 0);
	ck_assert_int_eq(nfbind_list_next_ct(list, ct), 0);
	answer_done(1, 0, 0);
	ends_with(-ENODATA);
}
END_TEST

START_TEST(test_list_with_loss)
{
	begin();
	fake_deliver_error(-ENOBUFS);
	ends_with(-ENOBUFS);
}
END_TEST

START_TEST(test_list_malformed)
{
	begin();
	answer_fixture("ct-dump-plain.bin", 1, 90, 0);
	ends_with(-EBADMSG);
}
END_TEST

START_TEST(test_list_without_an_end)
{
	begin();
	ends_with(-ETIMEDOUT);
}
END_TEST

/* What the kernel lists beside the filter is left out, and in a unique list what came before. */
START_TEST(test_list_leaves_out)
{
	struct nfbind_filter *filter;

	answer_fixture("ct-dump-zone.bin", 1, SIZE_MAX, 0);
	answer_fixture("ct-dump-plain.bin", 1, SIZE_MAX, 0);
	answer_done(1, 0, 0);
	ck_assert_int_eq(nfbind_filter_new(&filter), 0);
	nfbind_filter_set_number(filter, NFBIND_FILTER_ZONE, 0);
	ck_assert_int_eq(nfbind_conntrack_list_ct(session, filter, 0, 0, &list), 0);
	nfbind_filter_free(filter);
	ck_assert_int_eq(nfbind_list_next_ct(list, ct), 0);
	ck_assert_int_eq(nfbind_ct_has(ct, NFBIND_CT_ZONE), 0);
	ends_with(-ENODATA);
	nfbind_list_free(list);
	fake_tear_down();
	fake_set_up();
	for (int i = 0; i < 3; i++)
		answer_fixture("ct-dump-plain.bin", 1, SIZE_MAX, 0);
	answer_fixture("ct-dump-zone.bin", 1, SIZE_MAX, 0);
	answer_done(1, 0, 0);
	ck_assert_int_eq(nfbind_conntrack_list_ct(session, NULL, 0, NFBIND_LIST_UNIQUE, &list), 0);
	ck_assert_int_eq(nfbind_list_next_ct(list, ct), 0);
	ck_assert_int_eq(nfbind_list_next_ct(list, ct), 0);
	ck_assert_int_eq(nfbind_ct_has(ct, NFBIND_CT_ZONE), 1);
	ends_with(-ENODATA);
}
END_TEST

START_TEST(test_list_says_why_it_ended)
{
	char text[256];

	begin();
	ck_assert_int_eq(nfbind_list_last_message(list, text, sizeof(text)), 0);
	answer_fixture("ct-dump-plain.bin", 1, SIZE_MAX, NLM_F_DUMP_INTR);
	ck_assert_int_eq(nfbind_list_next_ct(list, ct), -EINTR);
	ck_assert_int_gt(nfbind_list_last_message(list, text, sizeof(text)), 0);
	ck_assert_ptr_nonnull(strstr(text, "interrupted"));
	ck_assert_int_eq(nfbind_list_last_message(NULL, text, sizeof(text)), -EINVAL);
}
END_TEST

START_TEST(test_list_refused)
{
	answer_error(1, -EPERM, NULL);
	ck_assert_int_eq(nfbind_conntrack_list_ct(session, NULL, 0, 0, &list), -EPERM);
	says("CAP_NET_ADMIN");
	answer_error(1, -EINVAL, "odd");
	ck_assert_int_eq(nfbind_conntrack_list_ct(session, NULL, 0, 0, &list), -EINVAL);
	says(": odd");
	fake.open_error = -EMFILE;
	ck_assert_int_eq(nfbind_conntrack_list_ct(session, NULL, 0, 0, &list), -EMFILE);
	says("could not be started");
	ck_assert_int_eq(nfbind_conntrack_list_ct(session, NULL, 9, 0, &list), -EINVAL);
	ck_assert_ptr_null(list);
}
END_TEST

UNIT_MAIN("list", asking_set_up, asking_tear_down,
	  test_recorded_lists_are_replayed, test_list_done_with_an_error, test_list_interrupted,
	  test_list_interrupted_at_its_end, test_list_goes_on_after_a_signal, test_list_with_loss,
	  test_list_malformed, test_list_without_an_end, test_list_leaves_out,
	  test_list_says_why_it_ended, test_list_refused)
