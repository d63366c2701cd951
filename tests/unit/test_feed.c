/* SPDX-License-Identifier: MIT */
/*
 * Feeding: datagrams that the caller read itself, whole, cut, several at once, and
 * behind those that a request read. Every cut of every recorded packet is fed, too.
 */
#include <linux/netlink.h>

#include "session.h"

static int feed(const void *data, size_t len)
{
	batch = NULL;
	return nfbind_queue_feed(session, data, len, &batch);
}

static int feed_next(void)
{
	struct fake_datagram datagram;
	int r;

	ck_assert(fake_take(&datagram));
	r = feed(datagram.data, datagram.len);
	free(datagram.data);
	return r;
}

START_TEST(test_feed_is_a_batch_like_any)
{
	session_bind(5, NULL);
	kernel_packet(5);
	kernel_packet(5);
	ck_assert_int_eq(feed_next(), 1);
	session_decide(0, NFBIND_VERDICT_ACCEPT);
	ck_assert_int_eq(feed_next(), 1);
	/* It may go with those of the next datagram. */
	ck_assert_uint_eq(fake.sends, 0);
	session_settle();
	ck_assert_uint_eq(fake.sends, 1);
	verdict_is(0, false, 5, 1, NFBIND_VERDICT_ACCEPT);
	verdict_is(1, false, 5, 2, NFBIND_VERDICT_DROP);
	ck_assert_uint_eq(fake.receives, 0);
}
END_TEST

START_TEST(test_feed_verdicts_leave_when_nothing_more_is_there)
{
	session_bind(5, NULL);
	ck_assert_int_eq(nfbind_queue_send_idle(session), 0);
	for (int i = 0; i < 3; i++)
		kernel_packet(5);
	for (int left = 2; left >= 0; left--) {
		ck_assert_int_eq(feed_next(), 1);
		session_decide(0, NFBIND_VERDICT_ACCEPT);
		ck_assert_int_eq(nfbind_queue_send_idle(session), left > 0);
	}
	ck_assert_uint_eq(fake.sends, 1);
	verdict_is(0, true, 5, 3, NFBIND_VERDICT_ACCEPT);
	/* With nothing staged nobody is asked. */
	fake.waiting_reads = 0;
	ck_assert_int_eq(nfbind_queue_send_idle(session), 0);
	ck_assert_uint_eq(fake.waiting_reads, 0);
	ck_assert_int_eq(nfbind_queue_close(session), 0);
	ck_assert_int_eq(nfbind_queue_send_idle(session), -ESHUTDOWN);
	ck_assert_int_eq(nfbind_queue_send_idle(NULL), -EINVAL);
}
END_TEST

/* How often the kernel is asked while so many packets are fed, one at a time. */
static unsigned int questions_for(uint32_t count, uint32_t memory)
{
	fake.datagram_memory = memory;
	fake.waiting_reads = fake.sends = 0;
	for (uint32_t i = 0; i < count; i++)
		kernel_packet(5);
	for (uint32_t left = count; left-- > 0;) {
		ck_assert_int_eq(feed_next(), 1);
		session_decide(0, NFBIND_VERDICT_ACCEPT);
		ck_assert_int_eq(nfbind_queue_send_idle(session), left > 0);
	}
	ck_assert_uint_eq(fake.sends, 1);
	return fake.waiting_reads;
}

START_TEST(test_feed_asks_once_for_all_that_surely_wait)
{
	enum { SMALL = 1000, LARGEST = 2 * (1153 * 64 + 1024) };

	fake.is_connected = true;
	session_reopen(NULL);
	session_bind(5, NULL);
	/* Of 40 small ones less than a large one's room is taken: nothing is sure. */
	ck_assert_uint_eq(questions_for(40, SMALL), 40);
	/* 39 wait behind the first, and none behind the last. */
	ck_assert_uint_eq(questions_for(40, LARGEST), 2);
	/* Up to two may be large as long as 300 small ones wait. */
	ck_assert_uint_eq(questions_for(400, SMALL), 350);
}
END_TEST

START_TEST(test_feed_asks_each_time_where_others_may_send)
{
	session_bind(5, NULL);
	ck_assert_uint_eq(questions_for(40, 1 << 20), 40);
}
END_TEST

START_TEST(test_feed_verdicts_wait_no_longer_than_said)
{
	session_reopen(options_of(NFBIND_OPTIONS_SEND_DELAY, 2000, OPTIONS_END));
	session_bind(5, NULL);
	for (int i = 0; i < 4; i++)
		kernel_packet(5);
	fake.sends = 0;
	/* The first that is fed has waited for nobody knows how long. */
	for (unsigned int i = 0; i < 4; i++) {
		ck_assert_int_eq(feed_next(), 1);
		session_decide(0, NFBIND_VERDICT_ACCEPT);
		ck_assert_uint_eq(fake.sends, i < 2 ? 1 : 2);
		ck_assert_int_eq(nfbind_queue_send_idle(session), i == 1);
		fake_advance(i == 1 ? 2 : i == 2 ? 1 : 0);
	}
	/* A feed does not know that no more is there; the loop says it. */
	ck_assert_uint_eq(fake.sends, 3);
}
END_TEST

START_TEST(test_feed_takes_many_messages_at_once)
{
	static uint8_t room[20000] __attribute__((aligned(8)));
	struct fake_datagram datagram;
	size_t len = 0;

	session_bind(5, NULL);
	for (int i = 0; i < 150; i++) {
		kernel_packet(5);
		ck_assert(fake_take(&datagram));
		memcpy(room + len, datagram.data, datagram.len);
		len += NLMSG_ALIGN(datagram.len);
		free(datagram.data);
	}
	/* More than the session's batch has; nothing may be left over. */
	ck_assert_int_eq(feed(room, len), 150);
	ck_assert_int_eq(nfbind_queue_verdict_rest(session, NFBIND_VERDICT_ACCEPT), 150);
	session_settle();
	ck_assert_uint_eq(kernel_waiting(5), 0);
	session_no_notice();
	/* And the next receive has its usual room again. */
	for (int i = 0; i < 70; i++)
		kernel_packet(5);
	session_receive(64);
	session_receive(6);
}
END_TEST

START_TEST(test_feed_copies_what_it_is_given)
{
	struct fake_datagram datagram;
	const void *data;
	size_t len;

	session_bind(5, NULL);
	kernel_packet(5);
	ck_assert(fake_take(&datagram));
	ck_assert_int_eq(feed(datagram.data, datagram.len), 1);
	memset(datagram.data, 0, datagram.len);
	free(datagram.data);
	ck_assert_int_eq(nfbind_packet_get_bytes(session_packet(0), NFBIND_PACKET_PAYLOAD, &data,
						 &len), 0);
	ck_assert_bytes_eq(data, len, kernel_udp, sizeof(kernel_udp));
}
END_TEST

START_TEST(test_feed_takes_bytes_at_any_address)
{
	struct fake_datagram datagram;
	uint8_t room[200];

	session_bind(5, NULL);
	kernel_packet(5);
	ck_assert(fake_take(&datagram));
	memcpy(room + 1, datagram.data, datagram.len);
	free(datagram.data);
	ck_assert_int_eq(feed(room + 1, datagram.len), 1);
}
END_TEST

START_TEST(test_feed_refuses_what_is_malformed)
{
	static struct message message;

	session_bind(5, NULL);
	ck_assert_int_eq(feed(NULL, 0), -EBADMSG);
	ck_assert_int_eq(feed("", 0), -EBADMSG);
	ck_assert_int_eq(feed("abc", 3), -EBADMSG);
	message_start(&message, KERNEL_SUBSYS_QUEUE << 8 | KERNEL_QUEUE_PACKET, 0, 2, 5);
	ck_assert_int_eq(feed(message.data, message.len), -EBADMSG);
	ck_assert_ptr_null(batch);
	ck_assert_ptr_nonnull(strstr(session_message(NFBIND_SIDE_RECEIVE), "no netlink messages"));
	session_notice(NFBIND_NOTICE_MALFORMED, 0, 0, -EBADMSG, 2);
}
END_TEST

START_TEST(test_feed_hands_out_what_it_understands)
{
	struct fake_datagram datagram;
	uint8_t room[300] __attribute__((aligned(8))) = { 0 };

	session_bind(5, NULL);
	kernel_packet(5);
	ck_assert(fake_take(&datagram));
	memcpy(room, datagram.data, datagram.len);
	free(datagram.data);
	memset(room + NLMSG_ALIGN(datagram.len), 0xff, 40);
	ck_assert_int_eq(feed(room, NLMSG_ALIGN(datagram.len) + 40), 1);
	session_notice(NFBIND_NOTICE_MALFORMED, 0, 0, -EBADMSG, 1);
}
END_TEST

START_TEST(test_feed_answers_are_no_packets)
{
	session_bind(5, NULL);
	session_get(5, 1);
	kernel.verdict_error = -ENOENT;
	session_decide(0, NFBIND_VERDICT_ACCEPT | NFBIND_VERDICT_NOW);
	ck_assert_int_eq(feed_next(), 0);
	ck_assert_uint_eq(nfbind_batch_count(batch), 0);
	session_notice(NFBIND_NOTICE_REFUSED, 5, 1, -ENOENT, 1);
}
END_TEST

static void two_packets(uint16_t queue, uint8_t command)
{
	if (command == KERNEL_CFG_CMD_BIND) {
		kernel_packet(queue);
		kernel_packet(queue);
	}
}

START_TEST(test_feed_comes_after_what_a_request_read)
{
	uint64_t next = 1, id;
	int rounds = 0;

	kernel.before_ack = two_packets;
	ck_assert_int_eq(nfbind_queue_bind(session, 5, NULL), 0);
	kernel_packet(5);
	kernel_packet(5);
	/* The nudge's answer, then the packets; it must come to an end, too. */
	while (fake_waiting() > 0 && rounds++ < 20) {
		ck_assert_int_ge(feed_next(), 0);
		for (uint32_t i = 0; i < nfbind_batch_count(batch); i++) {
			ck_assert_int_eq(nfbind_packet_get_number(session_packet(i), NFBIND_PACKET_ID,
								  &id), 0);
			ck_assert_uint_eq(id, next++);
		}
	}
	ck_assert_uint_eq(fake_waiting(), 0);
	ck_assert_uint_eq(next, 5);
}
END_TEST

START_TEST(test_feed_every_cut_of_every_recorded_packet)
{
	char **names = unit_fixtures("packet-", ".bin");

	session_bind(5, NULL);
	for (; *names; names++) {
		size_t whole;
		const uint8_t *data = unit_fixture(*names, &whole);
		bool was_packet = false;

		for (size_t len = 1; len <= whole; len++) {
			int r = feed(data, len);

			/* Once the packet header is there, it is a packet. */
			ck_assert(r == -EBADMSG || r == 1);
			ck_assert(!was_packet || r == 1);
			was_packet = r == 1;
			if (r == 1 && len < whole)
				ck_assert_int_eq(nfbind_packet_is_truncated(session_packet(0)), 1);
			if (r == 1)
				ck_assert_int_gt(nfbind_packet_print(session_packet(0),
								     NFBIND_PACKET_FORMAT_FIELDS,
								     NULL, 0), 0);
			/* Most of a long one is more of the same. */
			if (len > 400 && len + 64 < whole)
				len += 63;
		}
		ck_assert(was_packet);
	}
}
END_TEST

UNIT_MAIN("feed", session_set_up, session_tear_down, test_feed_is_a_batch_like_any,
	  test_feed_verdicts_leave_when_nothing_more_is_there,
	  test_feed_asks_once_for_all_that_surely_wait,
	  test_feed_asks_each_time_where_others_may_send, test_feed_verdicts_wait_no_longer_than_said,
	  test_feed_takes_many_messages_at_once, test_feed_copies_what_it_is_given,
	  test_feed_takes_bytes_at_any_address, test_feed_refuses_what_is_malformed,
	  test_feed_hands_out_what_it_understands, test_feed_answers_are_no_packets,
	  test_feed_comes_after_what_a_request_read,
	  test_feed_every_cut_of_every_recorded_packet)
