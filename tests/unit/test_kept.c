/* SPDX-License-Identifier: MIT */
/*
 * Kept packets: the copy that carries the right to decide on, its age, and its end.
 */
#include "session.h"

static int32_t deadline(void)
{
	int32_t timeout = -1;
	int r = nfbind_queue_get_deadline(session, &timeout);

	return r < 0 ? r : timeout;
}

START_TEST(test_kept_packet_is_decided_at_once)
{
	struct nfbind_packet *kept;

	session_bind(5, NULL);
	session_get(5, 1);
	ck_assert_int_eq(nfbind_packet_is_undecided(session_packet(0)), 1);
	kept = session_keep(0);
	ck_assert_int_eq(nfbind_packet_is_undecided(session_packet(0)), 0);
	session_settle();
	ck_assert_uint_eq(fake.sends, 0);
	ck_assert_int_eq(nfbind_packet_is_undecided(kept), 1);
	ck_assert_int_eq(nfbind_queue_verdict(session, kept, NFBIND_VERDICT_ACCEPT), 0);
	ck_assert_uint_eq(fake.sends, 1);
	ck_assert_int_eq(nfbind_packet_is_undecided(kept), 0);
	verdict_is(0, false, 5, 1, NFBIND_VERDICT_ACCEPT);
	ck_assert_int_eq(nfbind_queue_verdict(session, kept, NFBIND_VERDICT_ACCEPT), -EALREADY);
	nfbind_packet_free(kept);
	ck_assert_uint_eq(kernel_verdicts_count(), 1);
}
END_TEST

START_TEST(test_kept_packet_leaves_nothing_to_decide_in_the_batch)
{
	struct nfbind_packet *kept, *again = NULL;

	session_bind(5, NULL);
	session_get(5, 1);
	kept = session_keep(0);
	ck_assert_int_eq(nfbind_queue_verdict(session, session_packet(0), NFBIND_VERDICT_DROP),
			 -EALREADY);
	ck_assert_int_eq(nfbind_packet_keep(session_packet(0), &again), -EALREADY);
	ck_assert_int_eq(nfbind_packet_keep(kept, &again), -EALREADY);
	ck_assert_int_eq(nfbind_packet_set_number(session_packet(0), NFBIND_PACKET_MARK, 1),
			 -EALREADY);
	ck_assert_int_eq(nfbind_queue_verdict_rest(session, NFBIND_VERDICT_DROP), 0);
	ck_assert_ptr_null(again);
	nfbind_packet_free(kept);
}
END_TEST

START_TEST(test_kept_packet_that_is_freed_gets_the_default)
{
	struct nfbind_packet *kept;

	session_bind(5, options_of(NFBIND_OPTIONS_DEFAULT_VERDICT, NFBIND_VERDICT_ACCEPT,
				   OPTIONS_END));
	session_get(5, 1);
	kept = session_keep(0);
	ck_assert_int_eq(nfbind_packet_set_number(kept, NFBIND_PACKET_MARK, 9), 0);
	nfbind_packet_free(kept);
	/* It only stages: a garbage collector may have done it. */
	ck_assert_uint_eq(fake.sends, 0);
	session_settle();
	verdict_is(0, false, 5, 1, NFBIND_VERDICT_ACCEPT);
	ck_assert(!kernel_verdict_at(0)->has_mark);
	ck_assert_uint_eq(session_stats(5).defaulted, 1);
	ck_assert_uint_eq(session_stats(5).decided, 0);
}
END_TEST

START_TEST(test_kept_packet_has_changes_made_before_and_after)
{
	struct nfbind_packet *kept;
	uint64_t mark;

	session_bind(5, NULL);
	session_get(5, 1);
	ck_assert_int_eq(nfbind_packet_set_number(session_packet(0), NFBIND_PACKET_MARK, 7), 0);
	kept = session_keep(0);
	ck_assert_int_eq(nfbind_packet_get_number(kept, NFBIND_PACKET_MARK, &mark), 0);
	ck_assert_uint_eq(mark, 7);
	ck_assert_int_eq(nfbind_packet_set_number(kept, NFBIND_PACKET_PRIORITY, 3), 0);
	ck_assert_int_eq(nfbind_queue_verdict(session, kept, NFBIND_VERDICT_ACCEPT), 0);
	ck_assert_uint_eq(kernel_last_verdict()->mark, 7);
	ck_assert_uint_eq(kernel_last_verdict()->priority, 3);
	nfbind_packet_free(kept);
}
END_TEST

START_TEST(test_kept_packets_are_found_by_queue_and_id)
{
	enum { MANY = 1000 };
	static struct nfbind_packet *kept[MANY];
	struct nfbind_decision decision = { .verdict = NFBIND_VERDICT_ACCEPT };
	uint32_t got = 0;

	session_bind(5, NULL);
	session_bind(6, NULL);
	for (uint32_t i = 0; i < MANY; i++)
		kernel_packet(i % 2 ? 5 : 6);
	while (got < MANY) {
		ck_assert_int_gt(nfbind_queue_receive(session, 0, &batch), 0);
		for (uint32_t i = 0; i < nfbind_batch_count(batch); i++)
			kept[got++] = session_keep(i);
	}
	for (uint32_t i = 0; i < MANY; i++) {
		decision.queue = i % 2 ? 5 : 6;
		decision.id = MANY / 2 - i / 2;
		ck_assert_int_eq(nfbind_queue_verdict_many(session, &decision, 1, sizeof(decision),
							   NULL, 0), 1);
		ck_assert_int_eq(decision.result, 0);
	}
	ck_assert_uint_eq(kernel_waiting(5) + kernel_waiting(6), 0);
	decision.id = 1;
	ck_assert_int_eq(nfbind_queue_verdict_many(session, &decision, 1, sizeof(decision), NULL, 0),
			 0);
	ck_assert_int_eq(decision.result, -ENOENT);
	for (uint32_t i = 0; i < MANY; i++)
		nfbind_packet_free(kept[i]);
}
END_TEST

START_TEST(test_kept_packet_expires_with_the_default)
{
	struct nfbind_packet *kept;

	session_bind(5, options_of(NFBIND_OPTIONS_AGE_LIMIT, 100, NFBIND_OPTIONS_DEFAULT_VERDICT,
				   NFBIND_VERDICT_ACCEPT, OPTIONS_END));
	session_get(5, 2);
	ck_assert_int_eq(deadline(), -ENODATA);
	kept = session_keep(1);
	ck_assert_int_eq(deadline(), 100);
	fake_advance(40);
	ck_assert_int_eq(deadline(), 60);
	fake.now += 1;
	ck_assert_int_eq(deadline(), 60);
	fake_advance(59);
	ck_assert_int_eq(deadline(), 1);
	session_settle();
	ck_assert_int_eq(deadline(), 1);
	fake_advance(5);
	ck_assert_int_eq(deadline(), 0);
	session_settle();
	ck_assert_int_eq(deadline(), -ENODATA);
	verdict_is(1, false, 5, 2, NFBIND_VERDICT_ACCEPT);
	session_notice(NFBIND_NOTICE_EXPIRED, 5, 2, 0, 1);
	ck_assert_uint_eq(session_stats(5).expired, 1);
	ck_assert_uint_eq(session_stats(5).defaulted, 1);
	ck_assert_int_eq(nfbind_queue_verdict(session, kept, NFBIND_VERDICT_DROP), -EALREADY);
	nfbind_packet_free(kept);
	session_settle();
	ck_assert_uint_eq(kernel_verdicts_count(), 2);
}
END_TEST

START_TEST(test_kept_packets_expire_while_a_receive_waits)
{
	struct nfbind_packet *kept;
	uint64_t before;

	session_bind(5, options_of(NFBIND_OPTIONS_AGE_LIMIT, 100, OPTIONS_END));
	session_get(5, 1);
	kept = session_keep(0);
	before = fake.now;
	/* The notice ends the wait, long before its time. */
	ck_assert_int_eq(nfbind_queue_receive(session, 5000, &batch), 0);
	ck_assert_uint_eq(nfbind_batch_count(batch), 0);
	ck_assert_uint_eq(fake.now - before, 100000000);
	ck_assert_uint_eq(kernel_waiting(5), 0);
	session_notice(NFBIND_NOTICE_EXPIRED, 5, 1, 0, 1);
	nfbind_packet_free(kept);
}
END_TEST

START_TEST(test_kept_packets_expire_oldest_first)
{
	struct nfbind_packet *second, *first;

	session_bind(5, options_of(NFBIND_OPTIONS_AGE_LIMIT, 100, OPTIONS_END));
	session_get(5, 2);
	second = session_keep(1);
	fake_advance(50);
	first = session_keep(0);
	fake_advance(50);
	session_settle();
	session_notice(NFBIND_NOTICE_EXPIRED, 5, 2, 0, 1);
	session_no_notice();
	ck_assert_int_eq(deadline(), 50);
	ck_assert_int_eq(nfbind_queue_verdict(session, first, NFBIND_VERDICT_ACCEPT), 0);
	ck_assert_int_eq(deadline(), -ENODATA);
	nfbind_packet_free(first);
	nfbind_packet_free(second);
}
END_TEST

START_TEST(test_kept_packets_age_from_the_moment_that_a_limit_is_set)
{
	struct nfbind_packet *early, *late;

	session_bind(5, NULL);
	session_get(5, 2);
	early = session_keep(0);
	fake_advance(1000);
	ck_assert_int_eq(deadline(), -ENODATA);
	ck_assert_int_eq(nfbind_queue_change(session, 5, options_of(NFBIND_OPTIONS_AGE_LIMIT, 100,
								    OPTIONS_END)), 0);
	ck_assert_int_eq(deadline(), 100);
	fake_advance(10);
	late = session_keep(1);
	fake_advance(100);
	session_settle();
	session_notice(NFBIND_NOTICE_EXPIRED, 5, 1, 0, 1);
	session_notice(NFBIND_NOTICE_EXPIRED, 5, 2, 0, 1);
	/* And no more once it is taken away. */
	ck_assert_int_eq(nfbind_queue_change(session, 5, options_of(NFBIND_OPTIONS_AGE_LIMIT, 0,
								    OPTIONS_END)), 0);
	ck_assert_int_eq(deadline(), -ENODATA);
	nfbind_packet_free(early);
	nfbind_packet_free(late);
}
END_TEST

START_TEST(test_kept_packets_deadline_is_never_negative)
{
	struct nfbind_packet *kept;

	session_bind(5, options_of(NFBIND_OPTIONS_AGE_LIMIT, UINT32_MAX, OPTIONS_END));
	session_get(5, 1);
	kept = session_keep(0);
	ck_assert_int_eq(deadline(), INT32_MAX);
	nfbind_packet_free(kept);
}
END_TEST

START_TEST(test_kept_packet_without_a_queue_cannot_be)
{
	struct nfbind_packet *packet, *kept = NULL;

	ck_assert_int_eq(nfbind_packet_new(kernel_udp, sizeof(kernel_udp), &packet), 0);
	ck_assert_int_eq(nfbind_packet_keep(packet, &kept), -EINVAL);
	ck_assert_int_eq(nfbind_packet_keep(NULL, &kept), -EINVAL);
	ck_assert_int_eq(nfbind_queue_verdict(session, packet, NFBIND_VERDICT_ACCEPT), -EINVAL);
	ck_assert_ptr_null(kept);
	nfbind_packet_free(packet);
	nfbind_packet_free(NULL);
}
END_TEST

START_TEST(test_kept_packets_count_as_undecided)
{
	struct nfbind_packet *kept;

	session_bind(5, NULL);
	session_get(5, 3);
	kept = session_keep(0);
	ck_assert_uint_eq(session_stats(5).queue_undecided, 3);
	session_settle();
	ck_assert_uint_eq(session_stats(5).queue_undecided, 1);
	ck_assert_int_eq(nfbind_queue_verdict(session, kept, NFBIND_VERDICT_ACCEPT), 0);
	ck_assert_uint_eq(session_stats(5).queue_undecided, 0);
	nfbind_packet_free(kept);
}
END_TEST

UNIT_MAIN("kept", session_set_up, session_tear_down, test_kept_packet_is_decided_at_once,
	  test_kept_packet_leaves_nothing_to_decide_in_the_batch,
	  test_kept_packet_that_is_freed_gets_the_default,
	  test_kept_packet_has_changes_made_before_and_after,
	  test_kept_packets_are_found_by_queue_and_id, test_kept_packet_expires_with_the_default,
	  test_kept_packets_expire_while_a_receive_waits, test_kept_packets_expire_oldest_first,
	  test_kept_packets_age_from_the_moment_that_a_limit_is_set,
	  test_kept_packets_deadline_is_never_negative, test_kept_packet_without_a_queue_cannot_be,
	  test_kept_packets_count_as_undecided)
