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
	ck_assert_int_eq(nfbind_queue_receive(session, 0, &batch), -EAGAIN);
	ck_assert_uint_eq(fake.sends, 1);
	verdict_is(0, false, 5, 1, NFBIND_VERDICT_ACCEPT);
	verdict_is(1, false, 5, 2, NFBIND_VERDICT_DROP);
	ck_assert_uint_eq(kernel_verdicts_count(), 2);
}
END_TEST

UNIT_MAIN("stage", session_set_up, session_tear_down,
	  test_stage_verdict_waits_for_the_next_receive)
