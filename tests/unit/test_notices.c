/* SPDX-License-Identifier: MIT */
/*
 * Notices: refused verdicts above all, and how a list of bounded length tells of
 * any number of things.
 */
#include "session.h"

START_TEST(test_notice_refused_verdict_names_queue_and_id)
{
	session_bind(5, NULL);
	session_bind(65535, NULL);
	kernel_set_last_id(65535, 0xfffffffe);
	session_get(65535, 1);
	kernel.verdict_error = -EINVAL;
	session_decide(0, NFBIND_VERDICT_ACCEPT);
	/* The refusal is there when the packets are, and does not end the loop. */
	session_get(5, 1);
	session_notice(NFBIND_NOTICE_REFUSED, 65535, 0xffffffff, -EINVAL, 1);
	session_no_notice();
	ck_assert_uint_eq(session_stats(5).refused, 1);
}
END_TEST

START_TEST(test_notice_each_refusal_is_one)
{
	session_bind(5, options_of(NFBIND_OPTIONS_COALESCE, 0, OPTIONS_END));
	session_get(5, 3);
	ck_assert_int_eq(nfbind_queue_verdict_rest(session, NFBIND_VERDICT_ACCEPT), 3);
	/* The kernel flushed them: a device went down. */
	kernel.verdict_error = -ENOENT;
	session_settle();
	session_get(5, 1);
	session_notice(NFBIND_NOTICE_REFUSED, 5, 1, -ENOENT, 1);
	session_no_notice();
}
END_TEST

START_TEST(test_notice_lost_right_counts_the_whole_send)
{
	session_bind(5, options_of(NFBIND_OPTIONS_COALESCE, 0, OPTIONS_END));
	session_get(5, 3);
	ck_assert_int_eq(nfbind_queue_verdict_rest(session, NFBIND_VERDICT_ACCEPT), 3);
	/* nfnetlink looks at the first message only, and takes none of the others. */
	kernel.verdict_error = -EPERM;
	session_settle();
	ck_assert_int_ge(nfbind_queue_receive(session, 0, &batch), 0);
	session_notice(NFBIND_NOTICE_REFUSED, 5, 1, -EPERM, 3);
}
END_TEST

START_TEST(test_notice_alone_ends_a_receive)
{
	session_bind(5, NULL);
	session_get(5, 1);
	kernel.verdict_error = -ENOENT;
	session_decide(0, NFBIND_VERDICT_ACCEPT);
	ck_assert_int_eq(nfbind_queue_receive(session, -1, &batch), 0);
	ck_assert_uint_eq(nfbind_batch_count(batch), 0);
	session_notice(NFBIND_NOTICE_REFUSED, 5, 1, -ENOENT, 1);
}
END_TEST

START_TEST(test_notice_acks_of_verdicts_are_none)
{
	session_bind(5, NULL);
	kernel.acks_verdicts = true;
	session_get(5, 1);
	session_decide(0, NFBIND_VERDICT_ACCEPT);
	session_receive_nothing();
	session_no_notice();
}
END_TEST

START_TEST(test_notice_error_that_is_cut_is_malformed)
{
	static const uint8_t lengths[] = { 16, 19, 20, 35 };
	static struct message message;
	struct fake_datagram datagram;

	session_bind(5, NULL);
	message_start(&message, KERNEL_SUBSYS_QUEUE << 8 | KERNEL_QUEUE_VERDICT, 0, 0, 5);
	kernel_answer(message.data, -ENOENT);
	ck_assert(fake_take(&datagram));
	for (size_t i = 0; i < COUNT_OF(lengths); i++) {
		uint32_t len = lengths[i];

		memcpy(datagram.data, &len, sizeof(len));
		fake_deliver(datagram.data, len, 0);
	}
	free(datagram.data);
	ck_assert_int_eq(nfbind_queue_receive(session, 0, &batch), 0);
	session_notice(NFBIND_NOTICE_MALFORMED, 0, 0, -EBADMSG, 4);
	session_no_notice();
}
END_TEST

START_TEST(test_notice_list_has_an_end_and_says_so)
{
	static struct message message;

	session_bind(5, NULL);
	message_packet(&message, 5, 1);
	/* Each from somebody else, so that none counts up another. */
	for (uint32_t i = 0; i < 300; i++)
		fake_deliver(message.data, message.len, 1000 + i);
	while (fake_waiting() > 0)
		ck_assert_int_eq(nfbind_queue_receive(session, 0, &batch), 0);
	ck_assert_uint_eq(session_stats(5).notices, 256);
	for (uint32_t i = 0; i < 256; i++)
		session_notice(NFBIND_NOTICE_SPOOFED, 0, 1000 + i, 0, 1);
	session_notice(NFBIND_NOTICE_OVERFLOW, 0, 0, 0, 44);
	session_no_notice();
	ck_assert_uint_eq(session_stats(5).notices, 0);
	/* It goes on as before. */
	fake_deliver(message.data, message.len, 1);
	ck_assert_int_eq(nfbind_queue_receive(session, 0, &batch), 0);
	session_notice(NFBIND_NOTICE_SPOOFED, 0, 1, 0, 1);
	session_no_notice();
}
END_TEST

START_TEST(test_notice_goes_into_structs_of_any_size)
{
	static struct message message;
	struct {
		struct nfbind_notice notice;
		uint64_t newer;
	} larger;
	struct nfbind_notice smaller;

	session_bind(5, NULL);
	message_packet(&message, 5, 1);
	fake_deliver(message.data, message.len, 1);
	fake_deliver(message.data, message.len, 2);
	ck_assert_int_eq(nfbind_queue_receive(session, 0, &batch), 0);
	memset(&larger, 0xff, sizeof(larger));
	ck_assert_int_eq(nfbind_queue_take_notice(session, &larger.notice, sizeof(larger)), 0);
	ck_assert_uint_eq(larger.notice.id, 1);
	ck_assert_uint_eq(larger.newer, 0);
	memset(&smaller, 0xff, sizeof(smaller));
	ck_assert_int_eq(nfbind_queue_take_notice(session, &smaller, 12), 0);
	ck_assert_uint_eq(smaller.id, 2);
	ck_assert_int_eq(smaller.error, -1);
	ck_assert_int_eq(nfbind_queue_take_notice(session, NULL, 0), -EINVAL);
}
END_TEST

UNIT_MAIN("notices", session_set_up, session_tear_down,
	  test_notice_refused_verdict_names_queue_and_id, test_notice_each_refusal_is_one,
	  test_notice_lost_right_counts_the_whole_send, test_notice_alone_ends_a_receive,
	  test_notice_acks_of_verdicts_are_none, test_notice_error_that_is_cut_is_malformed,
	  test_notice_list_has_an_end_and_says_so, test_notice_goes_into_structs_of_any_size)
