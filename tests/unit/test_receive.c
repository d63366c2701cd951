/* SPDX-License-Identifier: MIT */
/*
 * Receiving: waiting, waking, what is no packet, and losses.
 */
#include <linux/netlink.h>

#include "session.h"

START_TEST(test_receive_hands_out_what_is_there)
{
	uint64_t id;

	session_bind(5, NULL);
	session_get(5, 3);
	for (uint32_t i = 0; i < 3; i++) {
		ck_assert_int_eq(nfbind_packet_get_number(session_packet(i), NFBIND_PACKET_ID, &id), 0);
		ck_assert_uint_eq(id, i + 1);
	}
	ck_assert_ptr_null(nfbind_batch_packet(batch, 3));
	/* It was read before it was waited for. */
	ck_assert_uint_eq(fake.waits, 0);
	ck_assert_uint_eq(fake.receives, 1);
}
END_TEST

START_TEST(test_receive_without_a_timeout_never_waits)
{
	session_bind(5, NULL);
	session_receive_nothing();
	ck_assert_uint_eq(fake.waits, 0);
	ck_assert_ptr_nonnull(strstr(session_message(NFBIND_SIDE_RECEIVE), "nothing came"));
}
END_TEST

START_TEST(test_receive_waits_as_long_as_it_was_told)
{
	uint64_t before = fake.now;

	session_bind(5, NULL);
	ck_assert_int_eq(nfbind_queue_receive(session, 250, &batch), -EAGAIN);
	ck_assert_uint_eq(fake.now - before, 250000000);
	ck_assert_int_eq(fake.last_timeout, 250);
}
END_TEST

static void packet_comes(int32_t timeout)
{
	(void)timeout;
	fake.on_wait = NULL;
	kernel_packet(5);
}

START_TEST(test_receive_ends_its_wait_with_the_first_packet)
{
	session_bind(5, NULL);
	fake.on_wait = packet_comes;
	ck_assert_int_eq(nfbind_queue_receive(session, -1, &batch), 1);
	ck_assert_int_eq(fake.last_timeout, -1);
}
END_TEST

START_TEST(test_receive_signal_ends_the_wait)
{
	session_bind(5, NULL);
	fake_wait_result(-EINTR);
	ck_assert_int_eq(nfbind_queue_receive(session, -1, &batch), -EINTR);
	ck_assert_ptr_nonnull(strstr(session_message(NFBIND_SIDE_RECEIVE), "signal"));
	session_get(5, 1);
}
END_TEST

START_TEST(test_receive_wake_before_it_ends_the_next_one_once)
{
	session_bind(5, NULL);
	nfbind_queue_wake(session);
	nfbind_queue_wake(session);
	kernel_packet(5);
	ck_assert_int_eq(nfbind_queue_receive(session, -1, &batch), -ECANCELED);
	ck_assert_ptr_nonnull(strstr(session_message(NFBIND_SIDE_RECEIVE), "woken"));
	session_receive(1);
	session_receive_nothing();
}
END_TEST

static void wake(int32_t timeout)
{
	(void)timeout;
	fake.on_wait = NULL;
	nfbind_queue_wake(session);
}

START_TEST(test_receive_wake_ends_the_wait)
{
	session_bind(5, NULL);
	fake.on_wait = wake;
	ck_assert_int_eq(nfbind_queue_receive(session, -1, &batch), -ECANCELED);
	/* And not the next one. */
	ck_assert_int_eq(nfbind_queue_receive(session, 10, &batch), -EAGAIN);
	fake.on_wait = wake;
	ck_assert_int_eq(nfbind_queue_receive(session, 10, &batch), -ECANCELED);
}
END_TEST

START_TEST(test_receive_without_a_wake_descriptor_is_an_error)
{
	session_bind(5, NULL);
	fake.wake_error = -EMFILE;
	ck_assert_int_eq(nfbind_queue_receive(session, 10, &batch), -EMFILE);
	fake.wake_error = 0;
	ck_assert_int_eq(nfbind_queue_receive(session, 10, &batch), -EAGAIN);
}
END_TEST

START_TEST(test_receive_ends_the_former_batch)
{
	session_bind(5, NULL);
	session_get(5, 2);
	session_decide(1, NFBIND_VERDICT_ACCEPT);
	session_receive_nothing();
	ck_assert_uint_eq(kernel_waiting(5), 0);
	ck_assert_uint_eq(kernel_packet_at(0)->verdict, NFBIND_VERDICT_DROP);
	ck_assert_uint_eq(session_stats(5).defaulted, 1);
	ck_assert_uint_eq(session_stats(5).decided, 1);
	ck_assert_uint_eq(session_stats(5).received, 2);
}
END_TEST

START_TEST(test_receive_overrun_is_not_the_end)
{
	session_bind(5, NULL);
	fake_deliver_error(-ENOBUFS);
	session_receive_nothing();
	session_get(5, 1);
}
END_TEST

START_TEST(test_receive_error_of_the_socket_is_told)
{
	session_bind(5, NULL);
	fake_deliver_error(-EBADF);
	ck_assert_int_eq(nfbind_queue_receive(session, 0, &batch), -EBADF);
	ck_assert_ptr_nonnull(strstr(session_message(NFBIND_SIDE_RECEIVE), "could not be read"));
}
END_TEST

START_TEST(test_receive_tells_of_packets_that_were_lost_between)
{
	session_bind(5, NULL);
	kernel_packet(5);
	kernel_lose(5);
	kernel_lose(5);
	kernel_packet(5);
	session_receive(2);
	session_notice(NFBIND_NOTICE_LOST, 0, 0, -ENOBUFS, 2);
	session_no_notice();
	ck_assert_uint_eq(session_stats(5).lost, 2);
	ck_assert_uint_eq(session_stats(5).socket_drops, 2);
}
END_TEST

START_TEST(test_receive_tells_of_packets_that_were_lost_at_the_end)
{
	session_bind(5, NULL);
	session_get(5, 1);
	kernel_lose(5);
	/* The wait finds out, and ends. */
	ck_assert_int_eq(nfbind_queue_receive(session, -1, &batch), 0);
	ck_assert_uint_eq(nfbind_batch_count(batch), 0);
	session_notice(NFBIND_NOTICE_LOST, 0, 0, -ENOBUFS, 1);
	session_receive_nothing();
}
END_TEST

START_TEST(test_receive_drop_counter_may_wrap_or_be_missing)
{
	fake.drops = UINT32_MAX;
	session_bind(5, NULL);
	ck_assert_int_eq(nfbind_queue_receive(session, 0, &batch), 0);
	session_notice(NFBIND_NOTICE_LOST, 0, 0, -ENOBUFS, UINT32_MAX);
	fake.drops = 1;
	ck_assert_int_eq(nfbind_queue_receive(session, 0, &batch), 0);
	session_notice(NFBIND_NOTICE_LOST, 0, 0, -ENOBUFS, 2);
	fake.drops = 50;
	fake.drops_error = -ENOPROTOOPT;
	session_receive_nothing();
	session_no_notice();
	ck_assert_uint_eq(session_stats(5).present & NFBIND_QUEUE_STATS_SOCKET, 0);
}
END_TEST

/* What is no packet. */

START_TEST(test_receive_throws_away_what_the_kernel_did_not_send)
{
	static struct message message;

	session_bind(5, NULL);
	message_packet(&message, 5, 77);
	fake_deliver(message.data, message.len, 4242);
	fake_deliver(message.data, message.len, 4242);
	fake_deliver(message.data, message.len, 4243);
	kernel_packet(5);
	session_receive(1);
	session_notice(NFBIND_NOTICE_SPOOFED, 0, 4242, 0, 2);
	session_notice(NFBIND_NOTICE_SPOOFED, 0, 4243, 0, 1);
	session_no_notice();
	ck_assert_uint_eq(session_stats(5).spoofed, 3);
}
END_TEST

START_TEST(test_receive_throws_away_what_is_malformed)
{
	static struct message message;
	static const uint32_t lengths[] = { 0, 15, 0x7fffffff, 0x80000000, 0xffffffff };

	session_bind(5, NULL);
	for (size_t i = 0; i < COUNT_OF(lengths); i++) {
		message_packet(&message, 5, 77);
		memcpy(message.data, &lengths[i], 4);
		fake_deliver(message.data, message.len, 0);
	}
	fake_deliver("abc", 3, 0);
	/* A packet message without its packet header. */
	message_start(&message, KERNEL_SUBSYS_QUEUE << 8 | KERNEL_QUEUE_PACKET, 0, 2, 5);
	fake_deliver(message.data, message.len, 0);
	kernel_packet(5);
	session_receive(1);
	session_notice(NFBIND_NOTICE_MALFORMED, 0, 0, -EBADMSG, 7);
	ck_assert_uint_eq(session_stats(5).malformed, 7);
}
END_TEST

/* Any number in an answer to a verdict: it is a refusal with a reason, or malformed. */
START_TEST(test_receive_refusals_are_with_an_error_that_is_one)
{
	static struct message request;
	uint64_t refused = 0, malformed = 0;
	struct nfbind_notice notice;
	uint32_t random = 1;

	session_bind(5, NULL);
	message_start(&request, KERNEL_SUBSYS_QUEUE << 8 | KERNEL_QUEUE_VERDICT, NLM_F_REQUEST, 0, 5);
	for (int i = 0; i < 2000; i++) {
		int32_t error;

		random = random * 1664525 + 1013904223;
		/* Of all sizes. */
		error = (int32_t)random >> (random >> 3) % 32;
		refused += error < 0 && error > -(1 << 16);
		malformed += error > 0 || error <= -(1 << 16);
		kernel_answer(request.data, error);
		ck_assert_int_ge(nfbind_queue_receive(session, 0, &batch), error == 0 ? -EAGAIN : 0);
		while (nfbind_queue_take_notice(session, &notice, sizeof(notice)) == 0) {
			ck_assert_int_lt(notice.error, 0);
			ck_assert_int_gt(notice.error, -(1 << 16));
		}
	}
	ck_assert_uint_gt(refused, 500);
	ck_assert_uint_gt(malformed, 500);
	ck_assert_uint_eq(session_stats(5).refused, refused);
	ck_assert_uint_eq(session_stats(5).malformed, malformed);
}
END_TEST

START_TEST(test_receive_empty_datagram_is_nothing)
{
	session_bind(5, NULL);
	fake_deliver("", 0, 0);
	session_receive_nothing();
	session_no_notice();
}
END_TEST

START_TEST(test_receive_cut_datagram_is_a_truncated_packet)
{
	static uint8_t payload[20000];
	const void *data;
	size_t len;

	memcpy(payload, kernel_udp, sizeof(kernel_udp));
	session_bind(5, options_of(NFBIND_OPTIONS_COPY_RANGE, 100, OPTIONS_END));
	/* More than was asked for: what the room takes is handed out. */
	kernel_packet_with(5, NULL, 0, payload, sizeof(payload));
	session_receive(1);
	ck_assert_int_eq(nfbind_packet_is_truncated(session_packet(0)), 1);
	ck_assert_int_eq(nfbind_packet_get_bytes(session_packet(0), NFBIND_PACKET_PAYLOAD, &data,
						 &len), 0);
	ck_assert_uint_lt(len, sizeof(payload));
	ck_assert_uint_gt(len, 100);
	ck_assert_mem_eq(data, payload, len);
	ck_assert_int_eq(nfbind_packet_set_bytes(session_packet(0), NFBIND_PACKET_PAYLOAD, payload,
						 50), -EOPNOTSUPP);
	session_decide(0, NFBIND_VERDICT_ACCEPT);
	session_settle();
	ck_assert_uint_eq(kernel_waiting(5), 0);
	ck_assert_uint_eq(session_stats(5).truncated, 1);
}
END_TEST

START_TEST(test_receive_large_and_small_datagrams_keep_their_bytes)
{
	static uint8_t payload[65531];
	const void *data;
	size_t len;

	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 7);
	session_bind(5, NULL);
	for (size_t i = 0; i < 10; i++)
		kernel_packet_with(5, NULL, 0, payload, i % 2 ? sizeof(payload) - i : 40 + i);
	session_receive(10);
	for (uint32_t i = 0; i < 10; i++) {
		ck_assert_int_eq(nfbind_packet_get_bytes(session_packet(i), NFBIND_PACKET_PAYLOAD,
							 &data, &len), 0);
		ck_assert_bytes_eq(data, len, payload, i % 2 ? sizeof(payload) - i : 40 + i);
	}
}
END_TEST

START_TEST(test_receive_skips_messages_of_other_kinds)
{
	static struct message message;

	session_bind(5, NULL);
	message_start(&message, KERNEL_SUBSYS_CTNETLINK << 8, 0, 2, 0);
	fake_deliver(message.data, message.len, 0);
	message_start(&message, NLMSG_DONE, 0, 0, 0);
	fake_deliver(message.data, message.len, 0);
	kernel_packet(5);
	session_receive(1);
	session_no_notice();
}
END_TEST

START_TEST(test_receive_answer_that_nobody_waits_for_is_no_reason_to_return)
{
	static struct message message;

	session_bind(5, NULL);
	message_start(&message, KERNEL_SUBSYS_QUEUE << 8 | KERNEL_QUEUE_CONFIG, 0, 0, 5);
	kernel_answer(message.data, -EBUSY);
	fake.on_wait = packet_comes;
	ck_assert_int_eq(nfbind_queue_receive(session, -1, &batch), 1);
}
END_TEST

START_TEST(test_receive_packet_of_an_unknown_queue_can_be_decided)
{
	static struct message message;

	session_bind(5, NULL);
	message_packet(&message, 6, 77);
	fake_deliver(message.data, message.len, 0);
	session_receive(1);
	session_decide(0, NFBIND_VERDICT_ACCEPT);
	session_settle();
	verdict_is(0, false, 6, 77, NFBIND_VERDICT_ACCEPT);
}
END_TEST

START_TEST(test_receive_held_batch_keeps_its_bytes)
{
	struct nfbind_batch *held[10];
	uint64_t id;

	session_bind(5, NULL);
	for (uint32_t i = 0; i < 10; i++) {
		session_get(5, 1);
		held[i] = batch;
		nfbind_batch_hold(batch);
	}
	for (uint32_t i = 0; i < 10; i++) {
		struct nfbind_packet *packet = nfbind_batch_packet(held[i], 0);

		ck_assert_int_eq(nfbind_packet_get_number(packet, NFBIND_PACKET_ID, &id), 0);
		ck_assert_uint_eq(id, i + 1);
		ck_assert_int_eq(nfbind_queue_verdict(session, packet, NFBIND_VERDICT_ACCEPT),
				 i < 9 ? -EALREADY : 0);
		nfbind_batch_free(held[i]);
	}
}
END_TEST

START_TEST(test_receive_reuses_memory_that_nobody_holds)
{
	struct nfbind_batch *first;

	session_bind(5, NULL);
	session_get(5, 1);
	first = batch;
	for (int i = 0; i < 5; i++) {
		session_get(5, 1);
		ck_assert_ptr_eq(batch, first);
	}
}
END_TEST

static struct nfbind_queue *entered;

static void receive_inside(int32_t timeout)
{
	struct nfbind_batch *other;

	(void)timeout;
	fake.on_wait = NULL;
	ck_assert_int_eq(nfbind_queue_receive(entered, 0, &other), -EBUSY);
	ck_assert_int_eq(nfbind_queue_feed(entered, "x", 1, &other), -EBUSY);
	ck_assert_int_eq(nfbind_queue_settle(entered), -EBUSY);
	ck_assert_int_eq(nfbind_queue_bind(entered, 9, NULL), -EBUSY);
	ck_assert_int_eq(nfbind_queue_unbind(entered, 5), -EBUSY);
}

START_TEST(test_receive_is_for_one_thread_at_a_time)
{
	session_bind(5, NULL);
	entered = session;
	fake.on_wait = receive_inside;
	ck_assert_int_eq(nfbind_queue_receive(session, 10, &batch), -EAGAIN);
}
END_TEST

UNIT_MAIN("receive", session_set_up, session_tear_down, test_receive_hands_out_what_is_there,
	  test_receive_without_a_timeout_never_waits, test_receive_waits_as_long_as_it_was_told,
	  test_receive_ends_its_wait_with_the_first_packet, test_receive_signal_ends_the_wait,
	  test_receive_wake_before_it_ends_the_next_one_once, test_receive_wake_ends_the_wait,
	  test_receive_without_a_wake_descriptor_is_an_error, test_receive_ends_the_former_batch,
	  test_receive_overrun_is_not_the_end, test_receive_error_of_the_socket_is_told,
	  test_receive_tells_of_packets_that_were_lost_between,
	  test_receive_tells_of_packets_that_were_lost_at_the_end,
	  test_receive_drop_counter_may_wrap_or_be_missing,
	  test_receive_throws_away_what_the_kernel_did_not_send,
	  test_receive_throws_away_what_is_malformed, test_receive_refusals_are_with_an_error_that_is_one,
	  test_receive_empty_datagram_is_nothing,
	  test_receive_cut_datagram_is_a_truncated_packet,
	  test_receive_large_and_small_datagrams_keep_their_bytes,
	  test_receive_skips_messages_of_other_kinds,
	  test_receive_answer_that_nobody_waits_for_is_no_reason_to_return,
	  test_receive_packet_of_an_unknown_queue_can_be_decided,
	  test_receive_held_batch_keeps_its_bytes, test_receive_reuses_memory_that_nobody_holds,
	  test_receive_is_for_one_thread_at_a_time)
