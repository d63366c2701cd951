/* SPDX-License-Identifier: MIT */
/*
 * Bulks over the fake transport: a kernel that works through each send as the real one
 * does, and everything that can go wrong on the way there and back. Every operation has
 * to get the result that it had.
 */
#include <nfbind/nfbind.h>

#include <linux/netlink.h>

#include "fake_kernel.h"
#include "unit.h"

enum { MANY = 3000 };

static struct nfbind_conntrack *session;
static struct nfbind_bulk *bulk;
static struct nfbind_ct *ct;

/* What the kernel makes of operation n, and what it did. */
static int32_t outcomes[MANY];
static unsigned int times_done[MANY];
static uint32_t first_sequence, count_seen;
static bool is_silent, acks_get_lost, answers_with_words;

static uint32_t index_of(const struct nlmsghdr *message)
{
	size_t len;
	const uint8_t *mark = attribute_find((const uint8_t *)message + 20, message->nlmsg_len - 20,
					     KERNEL_CTA_TIMEOUT, &len);

	ck_assert_ptr_nonnull(mark);
	return attribute_u32((const uint8_t *)message + 20, message->nlmsg_len - 20, KERNEL_CTA_TIMEOUT);
}

static void answer_in_words(const struct nlmsghdr *message, int error)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		struct nlattr words;
		char text[16];
	} answer = { .header = { sizeof(answer), NLMSG_ERROR, 0x300, message->nlmsg_seq, 0 },
		     .error = { .error = error, .msg = *message },
		     .words = { sizeof(answer.words) + 9, 1 }, .text = "so it is" };

	fake_deliver(&answer, sizeof(answer), 0);
}

static void take(int fd, const uint8_t *data, size_t len)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)data;
	uint32_t index = index_of(message);

	(void)fd;
	ck_assert_uint_eq(message->nlmsg_len, len);
	ck_assert_uint_lt(index, MANY);
	if (count_seen++ == 0)
		first_sequence = message->nlmsg_seq - index;
	ck_assert_uint_eq(message->nlmsg_seq, first_sequence + index);
	times_done[index]++;
	if (is_silent)
		return;
	if (answers_with_words && outcomes[index] < 0)
		answer_in_words(message, outcomes[index]);
	else if (outcomes[index] < 0 || (message->nlmsg_flags & NLM_F_ACK && !acks_get_lost))
		kernel_answer(message, outcomes[index]);
}

static void set_up(void)
{
	static const uint8_t address[] = { 10, 0, 0, 1 };

	fake_set_up();
	fake.on_message = take;
	ck_assert_int_eq(nfbind_conntrack_new(&session), 0);
	ck_assert_int_eq(nfbind_conntrack_open(session, NULL), 0);
	ck_assert_int_eq(nfbind_bulk_new(&bulk), 0);
	ck_assert_int_eq(nfbind_ct_new(&ct), 0);
	nfbind_ct_set_bytes(ct, NFBIND_CT_ORIG_SRC, address, 4);
	nfbind_ct_set_bytes(ct, NFBIND_CT_ORIG_DST, address, 4);
	nfbind_ct_set_number(ct, NFBIND_CT_ORIG_L4PROTO, 17);
	memset(outcomes, 0, sizeof(outcomes));
	memset(times_done, 0, sizeof(times_done));
	count_seen = 0;
	is_silent = acks_get_lost = answers_with_words = false;
}

static void tear_down(void)
{
	nfbind_ct_free(ct);
	nfbind_bulk_free(bulk);
	nfbind_conntrack_free(session);
	fake_tear_down();
}

/* The number of an operation travels as its timeout. */
static void append(uint32_t count)
{
	for (uint32_t i = nfbind_bulk_count(bulk); count > 0; i++, count--) {
		nfbind_ct_set_number(ct, NFBIND_CT_TIMEOUT, i);
		ck_assert_int_eq(i % 2 ? nfbind_bulk_change_ct(bulk, ct)
				       : nfbind_bulk_add_ct(bulk, ct, 0), (int)i);
	}
}

static int32_t result_of(uint32_t index)
{
	int32_t result;

	ck_assert_int_eq(nfbind_bulk_get_result(bulk, index, &result), 0);
	return result;
}

static void results_are(uint32_t from, uint32_t to, int32_t result)
{
	for (uint32_t i = from; i < to; i++)
		ck_assert_msg(result_of(i) == result, "%u: %s instead of %s", i,
			      nfbind_error_name(result_of(i)), nfbind_error_name(result));
}

static const char *message_of(uint32_t index)
{
	static char text[256];

	ck_assert_int_eq(nfbind_bulk_get_message(bulk, index, text, sizeof(text)), strlen(text));
	return text;
}

START_TEST(test_bulk_is_done_whole)
{
	append(MANY);
	results_are(0, MANY, -ECANCELED);
	ck_assert_str_eq(message_of(0), "it was not sent");
	ck_assert_int_eq(nfbind_conntrack_apply(session, bulk), MANY);
	results_are(0, MANY, 0);
	ck_assert_str_eq(message_of(MANY - 1), "");
	for (uint32_t i = 0; i < MANY; i++)
		ck_assert_uint_eq(times_done[i], 1);
	/* Packed: few sends, and an acknowledgement for each. */
	ck_assert_uint_le(fake.sends, MANY / 100);
	ck_assert_int_eq(nfbind_bulk_find_failure(bulk, 0, &count_seen), -ENOENT);
	/* Again, with numbers that go on; then an empty one. */
	count_seen = 0;
	ck_assert_int_eq(nfbind_conntrack_apply(session, bulk), MANY);
	ck_assert_int_eq(nfbind_bulk_clear(bulk), 0);
	ck_assert_uint_eq(nfbind_bulk_count(bulk), 0);
	ck_assert_int_eq(nfbind_conntrack_apply(session, bulk), 0);
	count_seen = 0;
	append(2);
	ck_assert_int_eq(nfbind_conntrack_apply(session, bulk), 2);
}
END_TEST

START_TEST(test_bulk_failures_are_told_one_by_one)
{
	uint32_t found;

	append(MANY);
	outcomes[0] = -EEXIST;
	outcomes[7] = -ENOENT;
	outcomes[8] = -524;
	outcomes[MANY - 1] = -EBUSY;
	ck_assert_int_eq(nfbind_conntrack_apply(session, bulk), MANY - 4);
	ck_assert_int_eq(nfbind_bulk_find_failure(bulk, 0, &found), 0);
	ck_assert_uint_eq(found, 0);
	ck_assert_int_eq(nfbind_bulk_find_failure(bulk, found + 1, &found), 0);
	ck_assert_uint_eq(found, 7);
	ck_assert_int_eq(result_of(8), -EOPNOTSUPP);
	ck_assert_int_eq(nfbind_bulk_find_failure(bulk, 9, &found), 0);
	ck_assert_uint_eq(found, MANY - 1);
	ck_assert_str_eq(message_of(0), "the connection is there already");
	ck_assert_ptr_nonnull(strstr(message_of(found), "status"));
	ck_assert_int_eq(nfbind_bulk_find_failure(bulk, MANY, &found), -ENOENT);
	ck_assert_int_eq(nfbind_bulk_get_result(bulk, MANY, outcomes), -ERANGE);
	ck_assert_int_eq(nfbind_bulk_get_message(bulk, MANY, NULL, 0), -ERANGE);
}
END_TEST

START_TEST(test_bulk_keeps_the_kernels_words)
{
	append(20);
	answers_with_words = true;
	outcomes[3] = outcomes[4] = -EINVAL;
	ck_assert_int_eq(nfbind_conntrack_apply(session, bulk), 18);
	ck_assert_str_eq(message_of(3), "Invalid argument: so it is");
	ck_assert_str_eq(message_of(4), "Invalid argument: so it is");
	ck_assert_str_eq(message_of(5), "");
	/* They are forgotten with the results. */
	answers_with_words = false;
	count_seen = 0;
	ck_assert_int_eq(nfbind_conntrack_apply(session, bulk), 18);
	ck_assert_ptr_null(strstr(message_of(3), "so it is"));
}
END_TEST

START_TEST(test_bulk_all_fail)
{
	append(MANY);
	for (uint32_t i = 0; i < MANY; i++)
		outcomes[i] = -ENOENT;
	ck_assert_int_eq(nfbind_conntrack_apply(session, bulk), 0);
	results_are(0, MANY, -ENOENT);
}
END_TEST

/* Without rights the kernel answers the first message of a send, and drops the others. */
static void refuse_first(int fd, const uint8_t *data, size_t len)
{
	(void)fd;
	(void)len;
	if (count_seen++ == 0)
		kernel_answer(data, -EPERM);
}

START_TEST(test_bulk_without_rights)
{
	char text[256];

	append(1000);
	fake.on_message = refuse_first;
	ck_assert_int_eq(nfbind_conntrack_apply(session, bulk), -EPERM);
	ck_assert_int_eq(result_of(0), -EPERM);
	ck_assert_int_eq(result_of(1), -EPERM);
	ck_assert_int_eq(result_of(999), -ECANCELED);
	ck_assert_uint_eq(fake.waits, 0);
	ck_assert_int_gt(nfbind_conntrack_last_message(session, text, sizeof(text)), 0);
	ck_assert_ptr_nonnull(strstr(text, "CAP_NET_ADMIN"));
	ck_assert_ptr_nonnull(strstr(message_of(1), "CAP_NET_ADMIN"));
}
END_TEST

/* The first one's own EPERM, for a timeout that is fixed, is no refusal of all. */
START_TEST(test_bulk_first_may_not_be_changed)
{
	append(10);
	outcomes[0] = -EPERM;
	ck_assert_int_eq(nfbind_conntrack_apply(session, bulk), 9);
	results_are(1, 10, 0);
}
END_TEST

START_TEST(test_bulk_answers_that_never_come)
{
	append(MANY);
	acks_get_lost = true;
	outcomes[5] = -ENOENT;
	ck_assert_int_eq(nfbind_conntrack_apply(session, bulk), -ETIMEDOUT);
	ck_assert_int_eq(result_of(5), -ENOENT);
	results_are(0, 5, -EINPROGRESS);
	ck_assert_ptr_nonnull(strstr(message_of(0), "lost"));
	ck_assert_int_eq(result_of(MANY - 1), -ECANCELED);
}
END_TEST

START_TEST(test_bulk_receive_buffer_overruns)
{
	append(10);
	outcomes[9] = -ENOENT;
	fake_deliver_error(-ENOBUFS);
	ck_assert_int_eq(nfbind_conntrack_apply(session, bulk), 0);
	results_are(0, 9, -EINPROGRESS);
	ck_assert_int_eq(result_of(9), -ENOENT);
	/* With the last answer among the lost ones nobody waits for it. */
	is_silent = true;
	count_seen = 0;
	fake_deliver_error(-ENOBUFS);
	fake.waits = 0;
	ck_assert_int_eq(nfbind_conntrack_apply(session, bulk), 0);
	results_are(0, 10, -EINPROGRESS);
	ck_assert_uint_eq(fake.waits, 0);
}
END_TEST

START_TEST(test_bulk_sends_that_fail)
{
	char text[256];

	append(20);
	fake_send_result(-EPERM);
	ck_assert_int_eq(nfbind_conntrack_apply(session, bulk), -EPERM);
	results_are(0, 20, -ECANCELED);
	ck_assert_int_gt(nfbind_conntrack_last_message(session, text, sizeof(text)), 0);
	/* Some are tried again. */
	fake_send_result(-EAGAIN);
	fake_send_result(-EINTR);
	fake_send_result(-ENOBUFS);
	ck_assert_int_eq(nfbind_conntrack_apply(session, bulk), 20);
	for (int i = 0; i < 40; i++)
		fake_send_result(-EAGAIN);
	ck_assert_int_eq(nfbind_conntrack_apply(session, bulk), -EAGAIN);
	results_are(0, 20, -ECANCELED);
	fake_forget_results();
	fake_send_result(0);
	ck_assert_int_eq(nfbind_conntrack_apply(session, bulk), -EIO);
	results_are(0, 20, -ECANCELED);
}
END_TEST

START_TEST(test_bulk_send_buffer_is_smaller_than_it_says)
{
	append(MANY);
	fake.send_max = 1000;
	ck_assert_int_eq(nfbind_conntrack_apply(session, bulk), MANY);
	/* One operation alone that does not fit is that one's failure. */
	nfbind_bulk_clear(bulk);
	append(4);
	nfbind_ct_set_bytes(ct, NFBIND_CT_LABELS, "0123456789abcdef", 16);
	append(1);
	nfbind_ct_clear(ct, NFBIND_CT_LABELS);
	append(3);
	fake.send_max = 120;
	count_seen = 0;
	ck_assert_int_eq(nfbind_conntrack_apply(session, bulk), 7);
	ck_assert_int_eq(result_of(4), -EMSGSIZE);
	ck_assert_ptr_nonnull(strstr(message_of(4), "send buffer"));
}
END_TEST

START_TEST(test_bulk_refuses)
{
	struct nfbind_exp *exp;

	ck_assert_int_eq(nfbind_exp_new(&exp), 0);
	ck_assert_int_eq(nfbind_bulk_add_ct(bulk, ct, 2), -EINVAL);
	ck_assert_int_eq(nfbind_bulk_add_ct(bulk, NULL, 0), -EINVAL);
	ck_assert_int_eq(nfbind_bulk_add_ct(NULL, ct, 0), -EINVAL);
	ck_assert_int_eq(nfbind_bulk_add_exp(bulk, exp, 0), -EINVAL);
	ck_assert_int_eq(nfbind_bulk_change_exp(bulk, exp), -EINVAL);
	ck_assert_int_eq(nfbind_bulk_remove_exp(bulk, exp), -EINVAL);
	nfbind_ct_clear(ct, NFBIND_CT_ORIG_L4PROTO);
	ck_assert_int_eq(nfbind_bulk_remove_ct(bulk, ct), -EINVAL);
	ck_assert_int_eq(nfbind_bulk_change_ct(bulk, ct), -EINVAL);
	ck_assert_uint_eq(nfbind_bulk_count(bulk), 0);
	ck_assert_uint_eq(nfbind_bulk_count(NULL), 0);
	ck_assert_int_eq(nfbind_bulk_clear(NULL), -EINVAL);
	ck_assert_int_eq(nfbind_conntrack_apply(session, NULL), -EINVAL);
	ck_assert_int_eq(nfbind_conntrack_apply(NULL, bulk), -EINVAL);
	nfbind_bulk_free(NULL);
	nfbind_exp_free(exp);
}
END_TEST

START_TEST(test_bulk_closed_session)
{
	append(5);
	ck_assert_int_eq(nfbind_conntrack_apply(session, bulk), 5);
	nfbind_conntrack_close(session);
	ck_assert_int_eq(nfbind_conntrack_apply(session, bulk), -ESHUTDOWN);
	results_are(0, 5, -ECANCELED);
}
END_TEST

/* Whatever is taken of each send, what was done is what the results say. */
START_TEST(test_bulk_says_what_was_done)
{
	static const int errors[] = { -EEXIST, -ENOENT, -EBUSY, -EINVAL, -EPERM };

	for (unsigned long round = 0; round < unit_rounds(300); round++) {
		uint32_t count = 1 + unit_random(600), expected = 0;

		fake_forget_results();
		nfbind_bulk_clear(bulk);
		append(count);
		memset(times_done, 0, sizeof(times_done));
		count_seen = 0;
		fake.send_max = unit_random(3) ? 0 : 150 + unit_random(9000);
		for (uint32_t i = 0; i < count; i++) {
			outcomes[i] = unit_random(4) ? 0 : errors[unit_random(COUNT_OF(errors))];
			expected += outcomes[i] == 0;
		}
		for (uint32_t i = unit_random(5); i > 0; i--)
			fake_send_result(unit_random(2) ? (int)(150 + unit_random(20000)) : -EAGAIN);
		ck_assert_int_eq(nfbind_conntrack_apply(session, bulk), (int)expected);
		for (uint32_t i = 0; i < count; i++) {
			ck_assert_int_eq(result_of(i), outcomes[i]);
			ck_assert_uint_eq(times_done[i], 1);
		}
	}
}
END_TEST

UNIT_MAIN("bulk", set_up, tear_down, test_bulk_is_done_whole, test_bulk_failures_are_told_one_by_one,
	  test_bulk_keeps_the_kernels_words, test_bulk_all_fail, test_bulk_without_rights,
	  test_bulk_first_may_not_be_changed, test_bulk_answers_that_never_come,
	  test_bulk_receive_buffer_overruns, test_bulk_sends_that_fail,
	  test_bulk_send_buffer_is_smaller_than_it_says, test_bulk_refuses, test_bulk_closed_session,
	  test_bulk_says_what_was_done)
