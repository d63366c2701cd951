/* SPDX-License-Identifier: MIT */
/*
 * Binding, changing and unbinding: the bytes of the requests, packets that come
 * before the answer, and what is said when the kernel refuses.
 */
#include <linux/netlink.h>

#include "session.h"

static bool reply_injected;

static struct message expected;

static void start(uint16_t queue, uint32_t sequence)
{
	message_start(&expected, KERNEL_SUBSYS_QUEUE << 8 | KERNEL_QUEUE_CONFIG,
		      NLM_F_REQUEST | NLM_F_ACK, 0, queue);
	message_number(&expected, sequence);
}

static void expect(void)
{
	message_end(&expected);
	fake_expect_send(expected.data, expected.len, FAKE_TAKE_ALL);
}

static void put_params(uint32_t range, uint8_t mode)
{
	uint8_t params[5] = { (uint8_t)(range >> 24), (uint8_t)(range >> 16), (uint8_t)(range >> 8),
			      (uint8_t)range, mode };

	message_put(&expected, KERNEL_NFQA_CFG_PARAMS, params, sizeof(params));
}

START_TEST(test_bind_is_one_message)
{
	start(5, 1);
	message_put(&expected, KERNEL_NFQA_CFG_CMD, "\1\0\0", 4);
	put_params(65531, 2);
	message_put_u32(&expected, KERNEL_NFQA_CFG_MASK, 4);
	message_put_u32(&expected, KERNEL_NFQA_CFG_FLAGS, 4);
	ck_assert_uint_eq(expected.len, 56);
	expect();
	ck_assert_int_eq(nfbind_queue_bind(session, 5, NULL), 0);
	ck_assert(fake_is_done());
	ck_assert_uint_eq(fake.sends, 1);
	ck_assert(kernel_is_bound(5));
}
END_TEST

START_TEST(test_bind_takes_all_options_in_one_message)
{
	start(65534, 1);
	message_put(&expected, KERNEL_NFQA_CFG_CMD, "\1\0\0", 4);
	put_params(96, NFBIND_COPY_MODE_META);
	message_put_u32(&expected, KERNEL_NFQA_CFG_QUEUE_MAXLEN, 8192);
	message_put_u32(&expected, KERNEL_NFQA_CFG_MASK, 31);
	message_put_u32(&expected, KERNEL_NFQA_CFG_FLAGS, 27);
	expect();
	ck_assert_int_eq(nfbind_queue_bind(session, 65534, options_of(
		NFBIND_OPTIONS_COPY_MODE, NFBIND_COPY_MODE_META, NFBIND_OPTIONS_COPY_RANGE, 96,
		NFBIND_OPTIONS_MAXLEN, 8192, NFBIND_OPTIONS_FAIL_OPEN, 1,
		NFBIND_OPTIONS_CONNTRACK, 1, NFBIND_OPTIONS_GSO, 0, NFBIND_OPTIONS_UID_GID, 1,
		NFBIND_OPTIONS_SECCTX, 1, NFBIND_OPTIONS_AGE_LIMIT, 5, OPTIONS_END)), 0);
	ck_assert(fake_is_done());
	ck_assert_uint_eq(fake.sends, 1);
}
END_TEST

START_TEST(test_bind_again_is_busy)
{
	session_bind(5, NULL);
	ck_assert_int_eq(nfbind_queue_bind(session, 5, NULL), -EBUSY);
	ck_assert_uint_eq(fake.sends, 0);
	ck_assert_ptr_nonnull(strstr(session_message(NFBIND_SIDE_RECEIVE), "by this session"));
}
END_TEST

START_TEST(test_bind_refuses_options_out_of_range)
{
	static const uint32_t bad[][2] = {
		{ NFBIND_OPTIONS_COPY_MODE, 0 },	{ NFBIND_OPTIONS_COPY_MODE, 3 },
		{ NFBIND_OPTIONS_COPY_RANGE, 0 },	{ NFBIND_OPTIONS_COPY_RANGE, 65532 },
		{ NFBIND_OPTIONS_MAXLEN, 0 },		{ NFBIND_OPTIONS_DEFAULT_VERDICT, 2 },
		{ NFBIND_OPTIONS_DEFAULT_VERDICT, 6 },	{ NFBIND_OPTIONS_DEFAULT_VERDICT, 0x10001 },
	};

	for (size_t i = 0; i < COUNT_OF(bad); i++)
		ck_assert_int_eq(nfbind_queue_bind(session, 5, options_of(bad[i][0], bad[i][1],
									  OPTIONS_END)), -EINVAL);
	ck_assert_uint_eq(fake.sends, 0);
	ck_assert_str_eq(session_message(NFBIND_SIDE_RECEIVE),
			 "option default-verdict for queue 5 is out of range");
	session_bind(5, NULL);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		ck_assert_int_eq(nfbind_queue_change(session, 5, options_of(bad[i][0], bad[i][1],
									    OPTIONS_END)), -EINVAL);
	ck_assert_uint_eq(fake.sends, 0);
}
END_TEST

START_TEST(test_change_sends_only_what_is_given)
{
	session_bind(5, NULL);
	start(5, 2);
	message_put_u32(&expected, KERNEL_NFQA_CFG_MASK, 1);
	message_put_u32(&expected, KERNEL_NFQA_CFG_FLAGS, 1);
	expect();
	start(5, 3);
	put_params(100, 2);
	expect();
	ck_assert_int_eq(nfbind_queue_change(session, 5, options_of(NFBIND_OPTIONS_FAIL_OPEN, 1,
								    OPTIONS_END)), 0);
	ck_assert_int_eq(nfbind_queue_change(session, 5, options_of(NFBIND_OPTIONS_COPY_RANGE, 100,
								    OPTIONS_END)), 0);
	ck_assert(fake_is_done());
	/* What is the library's alone needs no message. */
	ck_assert_int_eq(nfbind_queue_change(session, 5, options_of(
		NFBIND_OPTIONS_DEFAULT_VERDICT, NFBIND_VERDICT_ACCEPT, NFBIND_OPTIONS_AGE_LIMIT, 9,
		NFBIND_OPTIONS_COALESCE, 0, OPTIONS_END)), 0);
	ck_assert_uint_eq(fake.sends, 2);
}
END_TEST

START_TEST(test_change_of_an_unbound_queue_is_an_error)
{
	ck_assert_int_eq(nfbind_queue_change(session, 5, NULL), -ENODEV);
	ck_assert_int_eq(nfbind_queue_unbind(session, 5), -ENODEV);
	session_bind(5, NULL);
	ck_assert_int_eq(nfbind_queue_unbind(session, 5), 0);
	ck_assert_int_eq(nfbind_queue_change(session, 5, NULL), -ENODEV);
	ck_assert_int_eq(nfbind_queue_unbind(session, 5), -ENODEV);
	ck_assert_ptr_nonnull(strstr(session_message(NFBIND_SIDE_RECEIVE), "not bound"));
}
END_TEST

START_TEST(test_change_of_the_default_counts_for_packets_that_are_there)
{
	session_bind(5, NULL);
	session_get(5, 1);
	ck_assert_int_eq(nfbind_queue_change(session, 5, options_of(
		NFBIND_OPTIONS_DEFAULT_VERDICT, NFBIND_VERDICT_ACCEPT, OPTIONS_END)), 0);
	session_settle();
	verdict_is(0, false, 5, 1, NFBIND_VERDICT_ACCEPT);
}
END_TEST

START_TEST(test_unbind_gives_defaults_to_its_own_packets_only)
{
	session_bind(5, NULL);
	session_bind(6, NULL);
	kernel_packet(5);
	kernel_packet(6);
	session_receive(2);
	ck_assert_int_eq(nfbind_queue_unbind(session, 5), 0);
	ck_assert_uint_eq(kernel_verdicts_count(), 1);
	verdict_is(0, false, 5, 1, NFBIND_VERDICT_DROP);
	ck_assert_int_eq(nfbind_queue_verdict(session, session_packet(0), NFBIND_VERDICT_ACCEPT),
			 -EALREADY);
	session_decide(1, NFBIND_VERDICT_ACCEPT);
	session_settle();
	verdict_is(1, false, 6, 1, NFBIND_VERDICT_ACCEPT);
}
END_TEST

START_TEST(test_unbind_makes_verdicts_for_kept_packets_enodev)
{
	struct nfbind_packet *kept;

	session_bind(5, NULL);
	session_get(5, 1);
	kept = session_keep(0);
	ck_assert_int_eq(nfbind_queue_unbind(session, 5), 0);
	ck_assert_int_eq(nfbind_queue_verdict(session, kept, NFBIND_VERDICT_ACCEPT), -ENODEV);
	ck_assert_ptr_nonnull(strstr(session_message(NFBIND_SIDE_SEND), "unbound"));
	nfbind_packet_free(kept);
	ck_assert_uint_eq(kernel_verdicts_count(), 0);
}
END_TEST

START_TEST(test_unbind_of_what_the_kernel_forgot_is_fine)
{
	session_bind(5, NULL);
	kernel.request_error = -ENODEV;
	ck_assert_int_eq(nfbind_queue_unbind(session, 5), 0);
	ck_assert_int_eq(nfbind_queue_change(session, 5, NULL), -ENODEV);
}
END_TEST

/* Packets in front of an answer. */

static void two_packets(uint16_t queue, uint8_t command)
{
	if (reply_injected)
		return;
	reply_injected = true;
	(void)command;
	kernel_packet(queue);
	kernel_packet(queue);
}

START_TEST(test_bind_keeps_packets_that_come_before_its_answer)
{
	reply_injected = false;
	kernel.before_ack = two_packets;
	ck_assert_int_eq(nfbind_queue_bind(session, 5, NULL), 0);
	/* Something makes the descriptor readable, for those who wait for that. */
	ck_assert_uint_gt(fake_waiting(), 0);
	kernel_packet(5);
	session_receive(2);
	session_decide(0, NFBIND_VERDICT_ACCEPT);
	session_decide(1, NFBIND_VERDICT_ACCEPT);
	session_receive(1);
	verdict_is(0, true, 5, 2, NFBIND_VERDICT_ACCEPT);
	session_no_notice();
}
END_TEST

static void packet_of_queue_5(uint16_t queue, uint8_t command)
{
	(void)queue;
	(void)command;
	kernel_packet(5);
}

START_TEST(test_bind_of_another_queue_keeps_the_order_of_the_first)
{
	uint64_t id;

	session_bind(5, NULL);
	kernel_packet(5);
	kernel.before_ack = packet_of_queue_5;
	ck_assert_int_eq(nfbind_queue_bind(session, 6, NULL), 0);
	ck_assert_int_eq(nfbind_queue_change(session, 6, options_of(NFBIND_OPTIONS_FAIL_OPEN, 1,
								    OPTIONS_END)), 0);
	kernel.before_ack = NULL;
	kernel_packet(5);
	for (uint64_t next = 1; next <= kernel_packets_count();) {
		ck_assert_int_gt(nfbind_queue_receive(session, 0, &batch), 0);
		for (uint32_t i = 0; i < nfbind_batch_count(batch); i++) {
			ck_assert_int_eq(nfbind_packet_get_number(session_packet(i), NFBIND_PACKET_ID,
								  &id), 0);
			ck_assert_uint_eq(id, next++);
		}
	}
}
END_TEST

static void many_packets(uint16_t queue, uint8_t command)
{
	if (command == KERNEL_CFG_CMD_BIND)
		for (int i = 0; i < 200; i++)
			kernel_packet(queue);
}

START_TEST(test_bind_keeps_more_packets_than_a_batch_has)
{
	uint32_t received = 0;

	session_bind(6, NULL);
	kernel.before_ack = many_packets;
	ck_assert_int_eq(nfbind_queue_bind(session, 5, NULL), 0);
	while (received < 200) {
		int r = nfbind_queue_receive(session, 0, &batch);

		ck_assert_int_gt(r, 0);
		ck_assert_int_le(r, 64);
		received += (uint32_t)r;
	}
	session_settle();
	ck_assert_uint_eq(kernel_waiting(5), 0);
}
END_TEST

START_TEST(test_bind_after_unbind_knows_old_packets_from_new_ones)
{
	struct kernel_packet *fresh;

	session_bind(5, NULL);
	reply_injected = false;
	/* They came before the answer to the unbind, and are dropped with it or soon after. */
	kernel_packet(5);
	kernel_packet(5);
	ck_assert_int_eq(nfbind_queue_unbind(session, 5), 0);
	ck_assert_int_eq(nfbind_queue_bind(session, 5, NULL), 0);
	fresh = kernel_packet(5);
	session_receive(2);
	ck_assert_int_eq(nfbind_queue_verdict(session, session_packet(0), NFBIND_VERDICT_DROP),
			 -ENODEV);
	ck_assert_int_eq(nfbind_queue_verdict_rest(session, NFBIND_VERDICT_DROP), 0);
	session_settle();
	ck_assert_int_eq(fresh->state, KERNEL_WAITS);
	session_receive(1);
	session_decide(0, NFBIND_VERDICT_ACCEPT);
	session_settle();
	ck_assert_uint_eq(fresh->verdict, NFBIND_VERDICT_ACCEPT);
}
END_TEST

START_TEST(test_bind_after_unbind_sends_no_verdict_of_before)
{
	struct kernel_packet *fresh;

	session_bind(5, NULL);
	session_bind(6, NULL);
	session_get(6, 1);
	session_decide(0, NFBIND_VERDICT_ACCEPT);
	fake_send_result(-EAGAIN);
	session_get(5, 1);
	session_decide(0, NFBIND_VERDICT_ACCEPT);
	fake_send_result(-EAGAIN);
	ck_assert_int_eq(nfbind_queue_unbind(session, 5), 0);
	ck_assert_int_eq(nfbind_queue_bind(session, 5, NULL), 0);
	fresh = kernel_packet(5);
	ck_assert_int_eq(nfbind_queue_send(session), 0);
	ck_assert_int_eq(fresh->state, KERNEL_WAITS);
	/* The other queue's verdict was not lost. */
	ck_assert_uint_eq(kernel_waiting(6), 0);
}
END_TEST

START_TEST(test_bind_whose_answer_is_lost_is_asked_again)
{
	kernel.lost_acks = 1;
	ck_assert_int_eq(nfbind_queue_bind(session, 5, NULL), 0);
	ck_assert_uint_eq(fake.sends, 2);
	session_get(5, 1);
}
END_TEST

START_TEST(test_bind_takes_no_answer_but_its_own)
{
	/* To a request that nobody waits for any more. */
	start(5, 99);
	kernel_answer(expected.data, -EBUSY);
	ck_assert_int_eq(nfbind_queue_bind(session, 5, NULL), 0);
}
END_TEST

START_TEST(test_bind_believes_nobody_but_the_kernel)
{
	struct fake_datagram forged;

	start(5, 1);
	kernel_answer(expected.data, -EBUSY);
	ck_assert(fake_take(&forged));
	fake_deliver(forged.data, forged.len, 4242);
	free(forged.data);
	ck_assert_int_eq(nfbind_queue_bind(session, 5, NULL), 0);
	session_notice(NFBIND_NOTICE_SPOOFED, 0, 4242, 0, 1);
}
END_TEST

/* A number that says neither yes nor no is no answer. */
START_TEST(test_bind_goes_on_after_answers_that_are_none)
{
	static const int wrong[] = { 1, EBUSY, INT32_MAX, INT32_MIN, -(1 << 16) };

	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		start(5, 1);
		kernel_answer(expected.data, wrong[i]);
	}
	ck_assert_int_eq(nfbind_queue_bind(session, 5, NULL), 0);
	session_notice(NFBIND_NOTICE_MALFORMED, 0, 0, -EBADMSG, COUNT_OF(wrong));
	session_get(5, 1);
}
END_TEST

START_TEST(test_bind_survives_signals_and_overruns)
{
	fake_deliver_error(-ENOBUFS);
	fake_deliver_error(-ENOBUFS);
	ck_assert_int_eq(nfbind_queue_bind(session, 5, NULL), 0);
}
END_TEST

START_TEST(test_bind_fails_when_nothing_can_be_sent)
{
	fake_send_result(-EPERM);
	ck_assert_int_lt(nfbind_queue_bind(session, 5, NULL), 0);
	fake_send_result(-ECONNREFUSED);
	ck_assert_int_eq(nfbind_queue_bind(session, 6, NULL), -ECONNREFUSED);
	session_bind(6, NULL);
}
END_TEST

START_TEST(test_bind_again_forgets_the_options_of_before)
{
	struct nfbind_ct *ct;

	session_bind(5, options_of(NFBIND_OPTIONS_CONNTRACK, 1, NFBIND_OPTIONS_DEFAULT_VERDICT,
				   NFBIND_VERDICT_ACCEPT, NFBIND_OPTIONS_COALESCE, 0,
				   NFBIND_OPTIONS_AGE_LIMIT, 7, OPTIONS_END));
	session_get(5, 1);
	ck_assert_int_eq(nfbind_queue_unbind(session, 5), 0);
	kernel_forget_verdicts();
	session_bind(5, NULL);
	session_get(5, 3);
	/* Nobody asked for connections: only the kernel knows whether there is one. */
	ck_assert_int_eq(nfbind_ct_new(&ct), 0);
	ck_assert_int_eq(nfbind_packet_set_ct(session_packet(2), ct), 0);
	nfbind_ct_free(ct);
	session_settle();
	verdict_is(0, true, 5, 3, NFBIND_VERDICT_DROP);
}
END_TEST

UNIT_MAIN("bind", session_set_up, session_tear_down, test_bind_is_one_message,
	  test_bind_takes_all_options_in_one_message, test_bind_again_is_busy,
	  test_bind_refuses_options_out_of_range, test_change_sends_only_what_is_given,
	  test_change_of_an_unbound_queue_is_an_error,
	  test_change_of_the_default_counts_for_packets_that_are_there,
	  test_unbind_gives_defaults_to_its_own_packets_only,
	  test_unbind_makes_verdicts_for_kept_packets_enodev,
	  test_unbind_of_what_the_kernel_forgot_is_fine,
	  test_bind_keeps_packets_that_come_before_its_answer,
	  test_bind_of_another_queue_keeps_the_order_of_the_first,
	  test_bind_keeps_more_packets_than_a_batch_has,
	  test_bind_after_unbind_knows_old_packets_from_new_ones,
	  test_bind_after_unbind_sends_no_verdict_of_before,
	  test_bind_whose_answer_is_lost_is_asked_again, test_bind_takes_no_answer_but_its_own,
	  test_bind_goes_on_after_answers_that_are_none,
	  test_bind_believes_nobody_but_the_kernel, test_bind_survives_signals_and_overruns,
	  test_bind_fails_when_nothing_can_be_sent,
	  test_bind_again_forgets_the_options_of_before)
