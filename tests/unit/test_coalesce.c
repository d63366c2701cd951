/* SPDX-License-Identifier: MIT */
/*
 * Coalescing: equal verdicts in queue order become one message, which never
 * reaches a packet that is still undecided. test_model.c tries what nobody thought of.
 */
#include "session.h"

#define ACCEPT NFBIND_VERDICT_ACCEPT
#define DROP NFBIND_VERDICT_DROP

START_TEST(test_coalesce_a_whole_batch_is_one_message)
{
	session_bind(5, NULL);
	session_get(5, 64);
	for (uint32_t i = 0; i < 64; i++)
		session_decide(i, ACCEPT);
	session_settle();
	ck_assert_uint_eq(kernel_verdicts_count(), 1);
	verdict_is(0, true, 5, 64, ACCEPT);
	ck_assert_uint_eq(kernel_waiting(5), 0);
	ck_assert_uint_eq(session_stats(5).messages, 1);
	ck_assert_uint_eq(session_stats(5).decided, 64);
}
END_TEST

START_TEST(test_coalesce_one_packet_is_a_plain_verdict)
{
	session_bind(5, NULL);
	session_get(5, 1);
	session_decide(0, ACCEPT);
	session_settle();
	verdict_is(0, false, 5, 1, ACCEPT);
}
END_TEST

START_TEST(test_coalesce_different_verdicts_are_different_messages)
{
	session_bind(5, NULL);
	session_get(5, 6);
	for (uint32_t i = 0; i < 6; i++)
		session_decide(i, i < 3 ? ACCEPT : DROP);
	session_settle();
	ck_assert_uint_eq(kernel_verdicts_count(), 2);
	verdict_is(0, true, 5, 3, ACCEPT);
	verdict_is(1, true, 5, 6, DROP);
	ck_assert_uint_eq(kernel.refused, 0);
}
END_TEST

START_TEST(test_coalesce_marks_and_priorities_must_be_equal_too)
{
	static const uint32_t marks[] = { 1, 1, 2, 2, 0, 0 };

	session_bind(5, NULL);
	session_get(5, 6);
	for (uint32_t i = 0; i < 6; i++) {
		nfbind_packet_set_number(session_packet(i), NFBIND_PACKET_MARK, marks[i]);
		if (i >= 4)
			nfbind_packet_set_number(session_packet(i), NFBIND_PACKET_PRIORITY, 7);
		session_decide(i, ACCEPT);
	}
	session_settle();
	ck_assert_uint_eq(kernel_verdicts_count(), 3);
	verdict_is(0, true, 5, 2, ACCEPT);
	ck_assert_uint_eq(kernel_verdict_at(0)->mark, 1);
	verdict_is(1, true, 5, 4, ACCEPT);
	ck_assert_uint_eq(kernel_verdict_at(1)->mark, 2);
	verdict_is(2, true, 5, 6, ACCEPT);
	/* A mark of 0 is one that is set. */
	ck_assert(kernel_verdict_at(2)->has_mark);
	ck_assert_uint_eq(kernel_verdict_at(2)->mark, 0);
	ck_assert_uint_eq(kernel_verdict_at(2)->priority, 7);
}
END_TEST

START_TEST(test_coalesce_never_passes_an_undecided_packet)
{
	session_bind(5, NULL);
	session_get(5, 4);
	session_decide(0, ACCEPT);
	session_decide(2, ACCEPT);
	session_decide(3, ACCEPT);
	ck_assert_int_eq(nfbind_queue_send(session), 0);
	ck_assert_uint_eq(kernel_packet_at(1)->verdicts, 0);
	session_decide(1, DROP);
	session_settle();
	ck_assert_uint_eq(kernel_packet_at(1)->verdict, DROP);
	ck_assert_uint_eq(kernel_packet_at(3)->verdict, ACCEPT);
	ck_assert_uint_eq(kernel.refused, 0);
}
END_TEST

START_TEST(test_coalesce_never_passes_a_kept_packet)
{
	struct nfbind_packet *kept;

	session_bind(5, NULL);
	session_get(5, 4);
	kept = session_keep(1);
	session_decide(0, ACCEPT);
	session_decide(2, ACCEPT);
	session_decide(3, ACCEPT);
	session_settle();
	session_get(5, 2);
	session_decide(0, ACCEPT);
	session_decide(1, ACCEPT);
	session_settle();
	ck_assert_uint_eq(kernel_waiting(5), 1);
	ck_assert_int_eq(nfbind_queue_verdict(session, kept, DROP), 0);
	ck_assert_uint_eq(kernel_packet_at(1)->verdict, DROP);
	nfbind_packet_free(kept);
	/* From now on nothing is in the way. */
	session_get(5, 2);
	session_decide(0, ACCEPT);
	session_decide(1, ACCEPT);
	session_settle();
	ck_assert(kernel_last_verdict()->is_batch);
}
END_TEST

START_TEST(test_coalesce_out_of_order_decisions_go_one_by_one)
{
	session_bind(5, NULL);
	session_get(5, 4);
	for (uint32_t i = 4; i-- > 0;)
		session_decide(i, ACCEPT);
	session_settle();
	ck_assert_uint_eq(kernel_verdicts_count(), 4);
	ck_assert_uint_eq(kernel.refused, 0);
	ck_assert_uint_eq(kernel_waiting(5), 0);
}
END_TEST

START_TEST(test_coalesce_knows_queues_apart)
{
	session_bind(5, NULL);
	session_bind(6, NULL);
	for (int i = 0; i < 8; i++)
		kernel_packet(i % 2 ? 5 : 6);
	session_receive(8);
	for (uint32_t i = 0; i < 8; i++)
		session_decide(i, ACCEPT);
	session_settle();
	ck_assert_uint_eq(kernel_verdicts_count(), 2);
	verdict_is(0, true, 6, 4, ACCEPT);
	verdict_is(1, true, 5, 4, ACCEPT);
}
END_TEST

START_TEST(test_coalesce_works_across_the_end_of_the_ids)
{
	session_bind(5, NULL);
	kernel_set_last_id(5, UINT32_MAX - 3);
	session_get(5, 6);
	for (uint32_t i = 0; i < 6; i++)
		session_decide(i, ACCEPT);
	session_settle();
	ck_assert_uint_eq(kernel_verdicts_count(), 1);
	verdict_is(0, true, 5, 2, ACCEPT);
	ck_assert_uint_eq(kernel_waiting(5), 0);
}
END_TEST

START_TEST(test_coalesce_payload_and_connection_travel_alone)
{
	struct nfbind_ct *ct;

	session_bind(5, NULL);
	session_get(5, 5);
	ck_assert_int_eq(nfbind_packet_set_bytes(session_packet(1), NFBIND_PACKET_PAYLOAD, kernel_udp,
						 sizeof(kernel_udp)), 0);
	ck_assert_int_eq(nfbind_ct_new(&ct), 0);
	ck_assert_int_eq(nfbind_packet_set_ct(session_packet(3), ct), 0);
	nfbind_ct_free(ct);
	for (uint32_t i = 0; i < 5; i++)
		session_decide(i, ACCEPT);
	session_settle();
	ck_assert_uint_eq(kernel_verdicts_count(), 5);
	for (size_t i = 0; i < 5; i++)
		verdict_is(i, false, 5, (uint32_t)i + 1, ACCEPT);
}
END_TEST

START_TEST(test_coalesce_can_be_switched_off)
{
	session_bind(5, options_of(NFBIND_OPTIONS_COALESCE, 0, OPTIONS_END));
	session_get(5, 4);
	session_decide(0, ACCEPT);
	session_decide(1, ACCEPT);
	session_settle();
	ck_assert_uint_eq(kernel_verdicts_count(), 4);
	for (size_t i = 0; i < 4; i++)
		ck_assert(!kernel_verdict_at(i)->is_batch);
	ck_assert_int_eq(nfbind_queue_change(session, 5, options_of(NFBIND_OPTIONS_COALESCE, 1,
								    OPTIONS_END)), 0);
	session_get(5, 4);
	session_settle();
	verdict_is(4, true, 5, 8, DROP);
}
END_TEST

START_TEST(test_coalesce_passes_packets_that_were_lost)
{
	session_bind(5, NULL);
	kernel_packet(5);
	kernel_lose(5);
	kernel_packet(5);
	session_receive(2);
	session_decide(0, ACCEPT);
	session_decide(1, ACCEPT);
	session_settle();
	verdict_is(0, true, 5, 3, ACCEPT);
}
END_TEST

/* Feeding: ids that are missing may be with somebody else. */

static struct fake_datagram taken[8];

static void take(size_t count)
{
	for (size_t i = 0; i < count; i++)
		ck_assert(fake_take(&taken[i]));
}

static void feed(size_t number)
{
	ck_assert_int_eq(nfbind_queue_feed(session, taken[number].data, taken[number].len, &batch),
			 1);
}

static void give_back(size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(taken[i].data);
}

START_TEST(test_coalesce_stops_when_fed_ids_are_missing)
{
	struct nfbind_packet *second, *third, *first;
	struct nfbind_decision decisions[2] = {
		{ .queue = 5, .id = 2, .index = 99, .verdict = ACCEPT },
		{ .queue = 5, .id = 3, .index = 99, .verdict = ACCEPT },
	};

	session_bind(5, NULL);
	for (int i = 0; i < 3; i++)
		kernel_packet(5);
	take(3);
	feed(1);
	second = session_keep(0);
	feed(2);
	third = session_keep(0);
	/* Nobody has fed the first yet. */
	ck_assert_int_eq(nfbind_queue_verdict_many(session, decisions, 2, sizeof(decisions[0]), NULL,
						   0), 2);
	ck_assert_uint_eq(kernel_packet_at(0)->verdicts, 0);
	feed(0);
	first = session_keep(0);
	ck_assert_int_eq(nfbind_queue_verdict(session, first, DROP), 0);
	ck_assert_uint_eq(kernel_packet_at(0)->verdict, DROP);
	ck_assert_uint_eq(kernel.refused, 0);
	nfbind_packet_free(first);
	nfbind_packet_free(second);
	nfbind_packet_free(third);
	give_back(3);
}
END_TEST

START_TEST(test_coalesce_goes_on_while_fed_ids_follow_each_other)
{
	struct nfbind_packet *first, *second;
	struct nfbind_decision decisions[2] = {
		{ .queue = 5, .id = 1, .index = 99, .verdict = ACCEPT },
		{ .queue = 5, .id = 2, .index = 99, .verdict = ACCEPT },
	};

	session_bind(5, NULL);
	kernel_packet(5);
	kernel_packet(5);
	take(2);
	feed(0);
	first = session_keep(0);
	feed(1);
	second = session_keep(0);
	ck_assert_int_eq(nfbind_queue_verdict_many(session, decisions, 2, sizeof(decisions[0]), NULL,
						   0), 2);
	verdict_is(0, true, 5, 2, ACCEPT);
	nfbind_packet_free(first);
	nfbind_packet_free(second);
	give_back(2);
}
END_TEST

UNIT_MAIN("coalesce", session_set_up, session_tear_down,
	  test_coalesce_a_whole_batch_is_one_message, test_coalesce_one_packet_is_a_plain_verdict,
	  test_coalesce_different_verdicts_are_different_messages,
	  test_coalesce_marks_and_priorities_must_be_equal_too,
	  test_coalesce_never_passes_an_undecided_packet,
	  test_coalesce_never_passes_a_kept_packet,
	  test_coalesce_out_of_order_decisions_go_one_by_one, test_coalesce_knows_queues_apart,
	  test_coalesce_works_across_the_end_of_the_ids,
	  test_coalesce_payload_and_connection_travel_alone, test_coalesce_can_be_switched_off,
	  test_coalesce_passes_packets_that_were_lost,
	  test_coalesce_stops_when_fed_ids_are_missing,
	  test_coalesce_goes_on_while_fed_ids_follow_each_other)
