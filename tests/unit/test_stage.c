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

UNIT_MAIN("stage", session_set_up, session_tear_down,
	  test_stage_verdict_waits_for_the_next_receive,
	  test_stage_now_leaves_at_once_with_what_was_staged_before,
	  test_stage_has_room_for_defaults_behind_large_verdicts)
