/* SPDX-License-Identifier: MIT */
/*
 * Why no verb for helpers' records can work: a kernel without helpers, missing rights, a
 * closed session, a child, an answer that was cut.
 */
#include "record.h"

#include <sys/wait.h>
#include <unistd.h>

#include <linux/netlink.h>

static int list_all(void)
{
	struct nfbind_list *list;
	int r = nfbind_conntrack_list_cthelper(session, &list);

	if (r == 0)
		nfbind_list_free(list);
	return r;
}

static int flush(void)
{
	return nfbind_conntrack_flush_cthelper(session);
}

static int (*const verbs[])(void) = { add, change, fetch, drop, flush, list_all };

START_TEST(test_every_verb_says_when_the_kernel_has_no_helpers)
{
	kernel.subsystems = ~(1u << KERNEL_SUBSYS_CTHELPER);
	for (size_t i = 0; i < COUNT_OF(verbs); i++) {
		ck_assert_int_eq(verbs[i](), -EOPNOTSUPP);
		says("nfnetlink_cthelper");
	}
}
END_TEST

START_TEST(test_every_verb_says_when_the_rights_are_missing)
{
	helpers.is_forbidden = true;
	for (size_t i = 0; i < COUNT_OF(verbs); i++) {
		ck_assert_int_eq(verbs[i](), -EPERM);
		says("CAP_NET_ADMIN in the initial user namespace");
	}
	helpers.is_forbidden = false;
	kernel.has_rights = false;
	for (size_t i = 0; i < COUNT_OF(verbs); i++) {
		ck_assert_int_eq(verbs[i](), -EPERM);
		says("CAP_NET_ADMIN in the initial user namespace");
	}
}
END_TEST

START_TEST(test_other_refusals_are_passed_on)
{
	helpers.error = -EINVAL;
	ck_assert_int_eq(add(), -EINVAL);
	says("refuses a part");
	helpers.error = -ENOMEM;
	ck_assert_int_eq(add(), -ENOMEM);
	says("memory");
	ck_assert_int_eq(add(), 0);
	helpers.error = -EOVERFLOW;
	ck_assert_int_eq(drop(), -EOVERFLOW);
	says("large");
}
END_TEST

START_TEST(test_every_verb_needs_its_arguments_and_an_open_session)
{
	ck_assert_int_eq(nfbind_conntrack_add_cthelper(session, NULL), -EINVAL);
	ck_assert_int_eq(nfbind_conntrack_add_cthelper(NULL, record), -EINVAL);
	ck_assert_int_eq(nfbind_conntrack_change_cthelper(session, NULL), -EINVAL);
	ck_assert_int_eq(nfbind_conntrack_fetch_cthelper(session, record, NULL), -EINVAL);
	ck_assert_int_eq(nfbind_conntrack_remove_cthelper(session, NULL), -EINVAL);
	ck_assert_int_eq(nfbind_conntrack_list_cthelper(session, NULL), -EINVAL);
	ck_assert_int_eq(nfbind_conntrack_flush_cthelper(NULL), -EINVAL);
	ck_assert_int_eq(nfbind_list_next_cthelper(NULL, got), -EINVAL);
	ck_assert_int_eq(nfbind_conntrack_close(session), 0);
	for (size_t i = 0; i < COUNT_OF(verbs); i++)
		ck_assert_int_eq(verbs[i](), -ESHUTDOWN);
}
END_TEST

START_TEST(test_a_child_may_not_ask)
{
	pid_t child = fork();
	int status;

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		int good = 0;

		for (size_t i = 0; i < COUNT_OF(verbs); i++)
			good += verbs[i]() == -ECHILD;
		_exit(good);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(WEXITSTATUS(status), (int)COUNT_OF(verbs));
}
END_TEST

/* An answer cut at every length is malformed, or the whole helper. */
START_TEST(test_answers_cut_at_every_length)
{
	size_t whole;
	const uint8_t *recorded = unit_fixture("helper-get.bin", &whole);

	fake.on_message = NULL;
	for (size_t len = 0; len <= whole; len++) {
		uint8_t *copy = malloc(len + 1);
		uint32_t sequence = (uint32_t)len + 1;
		int r;

		memcpy(copy, recorded, len);
		if (len >= sizeof(struct nlmsghdr))
			((struct nlmsghdr *)copy)->nlmsg_seq = sequence;
		fake_deliver(copy, len, 0);
		kernel_answer(&(struct nlmsghdr){ .nlmsg_seq = sequence }, 0);
		r = fetch();
		ck_assert_msg(r == (len == whole ? 0 : len == 0 ? -ENOENT : -EBADMSG), "%zu: %d", len, r);
		while (fake_waiting() > 0) {
			struct fake_datagram rest;

			ck_assert(fake_take(&rest));
			free(rest.data);
		}
		free(copy);
	}
}
END_TEST

UNIT_MAIN("cthelper_refusals", record_set_up, record_tear_down,
	  test_every_verb_says_when_the_kernel_has_no_helpers,
	  test_every_verb_says_when_the_rights_are_missing, test_other_refusals_are_passed_on,
	  test_every_verb_needs_its_arguments_and_an_open_session, test_a_child_may_not_ask,
	  test_answers_cut_at_every_length)
