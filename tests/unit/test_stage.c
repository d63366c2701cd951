/* SPDX-License-Identifier: MIT */
/*
 * Staging: when verdicts leave, in which order, and what becomes of those that a
 * send did not take.
 */
#include "session.h"

START_TEST(test_stage_verdict_waits_for_the_next_receive)
{
	session_bind(5, NULL);
	session_get(5, 2);
	session_decide(0, NFBIND_VERDICT_ACCEPT);
	session_decide(1, NFBIND_VERDICT_DROP);
	ck_assert_uint_eq(fake.sends, 0);
	session_receive_nothing();
	ck_assert_uint_eq(fake.sends, 1);
	verdict_is(0, false, 5, 1, NFBIND_VERDICT_ACCEPT);
	verdict_is(1, false, 5, 2, NFBIND_VERDICT_DROP);
	ck_assert_uint_eq(kernel_verdicts_count(), 2);
}
END_TEST

START_TEST(test_stage_now_leaves_at_once_with_what_was_staged_before)
{
	session_bind(5, NULL);
	session_get(5, 3);
	session_decide(1, NFBIND_VERDICT_ACCEPT);
	session_decide(0, NFBIND_VERDICT_DROP | NFBIND_VERDICT_NOW);
	ck_assert_uint_eq(fake.sends, 1);
	verdict_is(0, false, 5, 2, NFBIND_VERDICT_ACCEPT);
	verdict_is(1, false, 5, 1, NFBIND_VERDICT_DROP);
	/* The third gets its default all the same. */
	session_settle();
	verdict_is(2, false, 5, 3, NFBIND_VERDICT_DROP);
	ck_assert_uint_eq(session_stats(5).defaulted, 1);
}
END_TEST

START_TEST(test_stage_has_room_for_defaults_behind_large_verdicts)
{
	/* Eight of them fill the stage's first 8 KiB but for one bare verdict. */
	static const uint8_t large[984] = { 0x45 };

	session_bind(5, options_of(NFBIND_OPTIONS_COALESCE, 0, OPTIONS_END));
	session_get(5, 64);
	for (uint32_t i = 0; i < 8; i++) {
		ck_assert_int_eq(nfbind_packet_set_bytes(session_packet(i), NFBIND_PACKET_PAYLOAD,
							 large, sizeof(large)), 0);
		session_decide(i, NFBIND_VERDICT_ACCEPT);
	}
	session_settle();
	ck_assert_uint_eq(kernel_waiting(5), 0);
	ck_assert_uint_eq(session_stats(5).defaulted, 56);
}
END_TEST

START_TEST(test_stage_is_emptied_by_every_call_that_ends_a_batch)
{
	struct fake_datagram datagram;

	session_bind(5, NULL);
	session_bind(6, NULL);
	session_get(5, 1);
	session_decide(0, NFBIND_VERDICT_ACCEPT);
	session_settle();
	ck_assert_uint_eq(kernel_verdicts_count(), 1);

	session_get(5, 1);
	session_decide(0, NFBIND_VERDICT_ACCEPT);
	ck_assert_int_eq(nfbind_queue_send(session), 0);
	ck_assert_uint_eq(kernel_verdicts_count(), 2);

	kernel_packet(5);
	ck_assert(fake_take(&datagram));
	session_get(5, 1);
	session_decide(0, NFBIND_VERDICT_ACCEPT);
	ck_assert_int_eq(nfbind_queue_feed(session, datagram.data, datagram.len, &batch), 1);
	free(datagram.data);
	/* But for this one: another datagram may be at hand. */
	ck_assert_uint_eq(kernel_verdicts_count(), 2);
	session_decide(0, NFBIND_VERDICT_ACCEPT);
	ck_assert_int_eq(nfbind_queue_unbind(session, 6), 0);
	ck_assert_uint_eq(kernel_verdicts_count(), 4);

	session_get(5, 1);
	session_decide(0, NFBIND_VERDICT_ACCEPT);
	ck_assert_int_eq(nfbind_queue_close(session), 0);
	ck_assert_uint_eq(kernel_verdicts_count(), 5);
}
END_TEST

START_TEST(test_stage_leaves_before_a_receive_reads)
{
	session_bind(5, NULL);
	session_get(5, 1);
	session_decide(0, NFBIND_VERDICT_ACCEPT);
	/* The next packet is there already: nothing has to be waited for. */
	kernel_packet(5);
	session_receive(1);
	ck_assert_uint_eq(kernel_verdicts_count(), 1);
}
END_TEST

START_TEST(test_stage_empty_send_is_no_system_call)
{
	session_bind(5, NULL);
	ck_assert_int_eq(nfbind_queue_send(session), 0);
	session_settle();
	session_receive_nothing();
	ck_assert_uint_eq(fake.sends, 0);
}
END_TEST

START_TEST(test_stage_many_verdicts_are_one_send)
{
	session_bind(5, options_of(NFBIND_OPTIONS_COALESCE, 0, OPTIONS_END));
	session_get(5, 64);
	ck_assert_int_eq(nfbind_queue_verdict_rest(session, NFBIND_VERDICT_ACCEPT), 64);
	session_settle();
	ck_assert_uint_eq(fake.sends, 1);
	ck_assert_uint_eq(kernel_verdicts_count(), 64);
}
END_TEST

START_TEST(test_stage_keeps_what_the_kernel_does_not_take)
{
	static const int errors[] = { -EAGAIN, -ENOBUFS };

	session_bind(5, options_of(NFBIND_OPTIONS_COALESCE, 0, OPTIONS_END));
	for (size_t i = 0; i < COUNT_OF(errors); i++) {
		kernel_forget_verdicts();
		session_get(5, 2);
		session_decide(0, NFBIND_VERDICT_ACCEPT);
		fake_send_result(errors[i]);
		ck_assert_int_eq(nfbind_queue_send(session), -EAGAIN);
		ck_assert_ptr_nonnull(strstr(session_message(NFBIND_SIDE_SEND), "stay staged"));
		session_decide(1, NFBIND_VERDICT_DROP);
		ck_assert_int_eq(nfbind_queue_send(session), 0);
		/* In the order in which they were given. */
		verdict_is(0, false, 5, (uint32_t)i * 2 + 1, NFBIND_VERDICT_ACCEPT);
		verdict_is(1, false, 5, (uint32_t)i * 2 + 2, NFBIND_VERDICT_DROP);
	}
}
END_TEST

START_TEST(test_stage_full_kernel_does_not_keep_a_receive_from_reading)
{
	session_bind(5, NULL);
	session_get(5, 1);
	session_decide(0, NFBIND_VERDICT_ACCEPT);
	fake_send_result(-EAGAIN);
	session_get(5, 1);
	ck_assert_uint_eq(kernel_verdicts_count(), 0);
	session_settle();
	ck_assert_uint_eq(kernel_waiting(5), 0);
}
END_TEST

START_TEST(test_stage_waiting_receive_tries_again)
{
	session_bind(5, NULL);
	session_get(5, 1);
	session_decide(0, NFBIND_VERDICT_ACCEPT);
	fake_send_result(-EAGAIN);
	fake_send_result(-EAGAIN);
	ck_assert_int_eq(nfbind_queue_receive(session, 100, &batch), -EAGAIN);
	ck_assert_uint_eq(kernel_waiting(5), 0);
}
END_TEST

START_TEST(test_stage_now_that_cannot_leave_is_staged)
{
	session_bind(5, NULL);
	session_get(5, 1);
	fake_send_result(-EAGAIN);
	session_decide(0, NFBIND_VERDICT_ACCEPT | NFBIND_VERDICT_NOW);
	ck_assert_uint_eq(kernel_verdicts_count(), 0);
	ck_assert_int_eq(nfbind_queue_send(session), 0);
	verdict_is(0, false, 5, 1, NFBIND_VERDICT_ACCEPT);
}
END_TEST

START_TEST(test_stage_signal_does_not_lose_a_send)
{
	session_bind(5, NULL);
	session_get(5, 1);
	session_decide(0, NFBIND_VERDICT_ACCEPT);
	fake_send_result(-EINTR);
	fake_send_result(-EINTR);
	ck_assert_int_eq(nfbind_queue_send(session), 0);
	verdict_is(0, false, 5, 1, NFBIND_VERDICT_ACCEPT);
}
END_TEST

START_TEST(test_stage_lost_right_is_told_and_keeps_the_verdicts)
{
	session_bind(5, NULL);
	session_get(5, 1);
	session_decide(0, NFBIND_VERDICT_ACCEPT);
	fake_send_result(-EPERM);
	ck_assert_int_eq(nfbind_queue_receive(session, 0, &batch), -EPERM);
	fake_send_result(-EPERM);
	ck_assert_int_eq(nfbind_queue_settle(session), -EPERM);
	ck_assert_ptr_nonnull(strstr(session_message(NFBIND_SIDE_SEND), "could not be sent"));
	session_settle();
	verdict_is(0, false, 5, 1, NFBIND_VERDICT_ACCEPT);
}
END_TEST

START_TEST(test_stage_short_send_goes_on_with_the_next_message)
{
	session_bind(5, options_of(NFBIND_OPTIONS_COALESCE, 0, OPTIONS_END));
	session_get(5, 10);
	ck_assert_int_eq(nfbind_queue_verdict_rest(session, NFBIND_VERDICT_ACCEPT), 10);
	fake_send_result(3 * 32);
	fake_send_result(2 * 32 + 5);
	session_settle();
	ck_assert_uint_eq(fake.sends, 3);
	ck_assert_uint_eq(kernel_verdicts_count(), 10);
	for (size_t i = 0; i < 10; i++)
		verdict_is(i, false, 5, (uint32_t)i + 1, NFBIND_VERDICT_ACCEPT);
}
END_TEST

START_TEST(test_stage_send_that_took_nothing_stays)
{
	session_bind(5, NULL);
	session_get(5, 1);
	session_decide(0, NFBIND_VERDICT_ACCEPT);
	fake_send_result(7);
	ck_assert_int_eq(nfbind_queue_send(session), -EAGAIN);
	ck_assert_int_eq(nfbind_queue_send(session), 0);
	ck_assert_uint_eq(kernel_verdicts_count(), 1);
}
END_TEST

START_TEST(test_stage_is_cut_to_the_send_buffer)
{
	/* What the kernel accounts for a send is 32 bytes less. */
	fake.send_buffer = 132;
	session_bind(5, options_of(NFBIND_OPTIONS_COALESCE, 0, OPTIONS_END));
	session_get(5, 8);
	ck_assert_int_eq(nfbind_queue_verdict_rest(session, NFBIND_VERDICT_ACCEPT), 8);
	session_settle();
	for (size_t i = 0; i < fake_sent_count(); i++)
		ck_assert_uint_le(fake_sent(i)->len, 100);
	ck_assert_uint_eq(kernel_waiting(5), 0);
	ck_assert_uint_eq(fake.sends, 3);
}
END_TEST

START_TEST(test_stage_too_large_a_send_is_halved)
{
	session_bind(5, options_of(NFBIND_OPTIONS_COALESCE, 0, OPTIONS_END));
	session_get(5, 64);
	fake.send_max = 300;
	ck_assert_int_eq(nfbind_queue_verdict_rest(session, NFBIND_VERDICT_ACCEPT), 64);
	session_settle();
	ck_assert_uint_eq(kernel_waiting(5), 0);
	for (size_t i = 0; i < 64; i++)
		verdict_is(i, false, 5, (uint32_t)i + 1, NFBIND_VERDICT_ACCEPT);
	/* What was learned stays. */
	fake_forget_sent();
	session_get(5, 8);
	ck_assert_int_eq(nfbind_queue_verdict_rest(session, NFBIND_VERDICT_ACCEPT), 8);
	session_settle();
	ck_assert_int_gt(fake_sent(0)->result, 0);
}
END_TEST

START_TEST(test_stage_verdict_larger_than_any_send_is_refused)
{
	static uint8_t large[2000];

	fake.send_buffer = 1000;
	memcpy(large, kernel_udp, sizeof(kernel_udp));
	session_bind(5, NULL);
	session_get(5, 1);
	ck_assert_int_eq(nfbind_packet_set_bytes(session_packet(0), NFBIND_PACKET_PAYLOAD, large,
						 sizeof(large)), 0);
	ck_assert_int_eq(nfbind_queue_verdict(session, session_packet(0), NFBIND_VERDICT_ACCEPT),
			 -EMSGSIZE);
	ck_assert_ptr_nonnull(strstr(session_message(NFBIND_SIDE_SEND), "send buffer"));
	/* It is still undecided. */
	ck_assert_int_eq(nfbind_packet_set_bytes(session_packet(0), NFBIND_PACKET_PAYLOAD, large,
						 40), 0);
	session_decide(0, NFBIND_VERDICT_ACCEPT);
}
END_TEST

START_TEST(test_stage_full_one_leaves_by_itself)
{
	fake.send_buffer = 32 + 32 * 10;
	session_bind(5, options_of(NFBIND_OPTIONS_COALESCE, 0, OPTIONS_END));
	session_get(5, 25);
	for (uint32_t i = 0; i < 25; i++)
		session_decide(i, NFBIND_VERDICT_ACCEPT);
	ck_assert_uint_eq(fake.sends, 2);
	ck_assert_uint_eq(kernel_verdicts_count(), 20);
}
END_TEST

START_TEST(test_stage_has_an_end_when_the_kernel_takes_nothing)
{
	static uint8_t large[60000];
	uint32_t staged = 0;
	int r = 0;

	memcpy(large, kernel_udp, sizeof(kernel_udp));
	session_bind(5, NULL);
	for (int i = 0; i < 250; i++)
		fake_send_result(-EAGAIN);
	while (staged < 200 && r == 0) {
		session_get(5, 1);
		ck_assert_int_eq(nfbind_packet_set_bytes(session_packet(0), NFBIND_PACKET_PAYLOAD,
							 large, sizeof(large)), 0);
		r = nfbind_queue_verdict(session, session_packet(0), NFBIND_VERDICT_ACCEPT);
		staged += r == 0;
	}
	ck_assert_int_eq(r, -EAGAIN);
	ck_assert_uint_gt(staged, 60);
	ck_assert_ptr_nonnull(strstr(session_message(NFBIND_SIDE_SEND), "too many are waiting"));
	/* What is let go finds room even then, and nothing was lost or turned round. */
	fake_forget_results();
	session_settle();
	ck_assert_uint_eq(kernel_waiting(5), 0);
	for (uint32_t i = 0; i < staged; i++)
		verdict_is(i, false, 5, i + 1, NFBIND_VERDICT_ACCEPT);
}
END_TEST

START_TEST(test_stage_counts_messages_and_system_calls)
{
	struct nfbind_queue_stats before, after;

	session_bind(5, options_of(NFBIND_OPTIONS_COALESCE, 0, OPTIONS_END));
	session_get(5, 3);
	before = session_stats(5);
	ck_assert_int_eq(nfbind_queue_verdict_rest(session, NFBIND_VERDICT_ACCEPT), 3);
	session_settle();
	after = session_stats(5);
	ck_assert_uint_eq(after.messages - before.messages, 3);
	ck_assert_uint_eq(after.system_calls - before.system_calls, 1);
	ck_assert_uint_eq(after.decided - before.decided, 3);
}
END_TEST

static void reopen_with_delay(uint32_t microseconds)
{
	session_reopen(options_of(NFBIND_OPTIONS_SEND_DELAY, microseconds, OPTIONS_END));
	session_bind(5, NULL);
}

START_TEST(test_stage_delay_ends_with_the_batch)
{
	reopen_with_delay(1000);
	session_get(5, 3);
	fake.sends = 0;
	session_decide(2, NFBIND_VERDICT_ACCEPT);
	session_decide(0, NFBIND_VERDICT_ACCEPT);
	ck_assert_uint_eq(fake.sends, 0);
	session_decide(1, NFBIND_VERDICT_ACCEPT);
	ck_assert_uint_eq(fake.sends, 1);
	ck_assert_uint_eq(kernel_waiting(5), 0);
	/* A packet that is kept is not waited for, nor is one that came alone. */
	session_get(5, 2);
	nfbind_packet_free(session_keep(0));
	session_decide(1, NFBIND_VERDICT_ACCEPT);
	ck_assert_uint_eq(kernel_waiting(5), 0);
	session_get(5, 1);
	session_decide(0, NFBIND_VERDICT_ACCEPT);
	ck_assert_uint_eq(kernel_waiting(5), 0);
	session_no_notice();
}
END_TEST

START_TEST(test_stage_delay_is_from_the_last_send_or_batch)
{
	reopen_with_delay(2000);
	fake_advance(100);
	session_get(5, 6);
	fake.sends = 0;
	for (uint32_t i = 0; i < 4; i++) {
		fake_advance(1);
		session_decide(i, NFBIND_VERDICT_ACCEPT);
		ck_assert_uint_eq(fake.sends, (i + 1) / 2);
	}
	/* Whoever takes long for a packet lets none wait. */
	fake_advance(2);
	session_decide(4, NFBIND_VERDICT_ACCEPT);
	ck_assert_uint_eq(fake.sends, 3);
	ck_assert_uint_eq(kernel_waiting(5), 1);
}
END_TEST

START_TEST(test_stage_delay_of_nothing_lets_none_wait)
{
	struct nfbind_decision decisions[2] = {
		{ .queue = 5, .id = 2, .index = 1, .verdict = NFBIND_VERDICT_ACCEPT },
		{ .queue = 5, .id = 3, .index = 2, .verdict = NFBIND_VERDICT_ACCEPT },
	};

	reopen_with_delay(0);
	session_get(5, 5);
	fake.sends = 0;
	session_decide(0, NFBIND_VERDICT_ACCEPT);
	ck_assert_uint_eq(fake.sends, 1);
	ck_assert_int_eq(nfbind_queue_verdict_many(session, decisions, 2, sizeof(decisions[0]), NULL, 0),
			 2);
	ck_assert_uint_eq(kernel_waiting(5), 2);
	ck_assert_int_eq(nfbind_queue_verdict_rest(session, NFBIND_VERDICT_ACCEPT), 2);
	ck_assert_uint_eq(kernel_waiting(5), 0);
}
END_TEST

UNIT_MAIN("stage", session_set_up, session_tear_down,
	  test_stage_verdict_waits_for_the_next_receive,
	  test_stage_now_leaves_at_once_with_what_was_staged_before,
	  test_stage_has_room_for_defaults_behind_large_verdicts,
	  test_stage_is_emptied_by_every_call_that_ends_a_batch,
	  test_stage_leaves_before_a_receive_reads, test_stage_empty_send_is_no_system_call,
	  test_stage_many_verdicts_are_one_send, test_stage_keeps_what_the_kernel_does_not_take,
	  test_stage_full_kernel_does_not_keep_a_receive_from_reading,
	  test_stage_waiting_receive_tries_again, test_stage_now_that_cannot_leave_is_staged,
	  test_stage_signal_does_not_lose_a_send,
	  test_stage_lost_right_is_told_and_keeps_the_verdicts,
	  test_stage_short_send_goes_on_with_the_next_message,
	  test_stage_send_that_took_nothing_stays, test_stage_is_cut_to_the_send_buffer,
	  test_stage_too_large_a_send_is_halved,
	  test_stage_verdict_larger_than_any_send_is_refused, test_stage_full_one_leaves_by_itself,
	  test_stage_has_an_end_when_the_kernel_takes_nothing,
	  test_stage_counts_messages_and_system_calls, test_stage_delay_ends_with_the_batch,
	  test_stage_delay_is_from_the_last_send_or_batch,
	  test_stage_delay_of_nothing_lets_none_wait)
