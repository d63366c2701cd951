/* SPDX-License-Identifier: MIT */
/*
 * Deciding on many packets in one call: their results, one by one, and statistics.
 */
#include "session.h"

static struct nfbind_decision decision(uint32_t queue, uint32_t id, uint32_t index,
				       uint32_t verdict)
{
	return (struct nfbind_decision){ .queue = queue, .id = id, .index = index,
					 .verdict = verdict, .result = 99 };
}

static int many(struct nfbind_decision *decisions, size_t count)
{
	return nfbind_queue_verdict_many(session, decisions, count, sizeof(*decisions), NULL, 0);
}

START_TEST(test_many_fills_in_every_result)
{
	struct nfbind_packet *kept;
	struct nfbind_decision decisions[9];

	session_bind(5, NULL);
	session_get(5, 5);
	kept = session_keep(3);
	session_decide(4, NFBIND_VERDICT_DROP);
	decisions[0] = decision(5, 1, 0, NFBIND_VERDICT_ACCEPT);
	decisions[1] = decision(5, 2, 77, NFBIND_VERDICT_ACCEPT); /* no such index */
	decisions[2] = decision(5, 3, 0, NFBIND_VERDICT_ACCEPT);  /* another's index */
	decisions[3] = decision(5, 4, 3, NFBIND_VERDICT_ACCEPT);  /* kept */
	decisions[4] = decision(5, 5, 4, NFBIND_VERDICT_ACCEPT);  /* decided */
	decisions[5] = decision(5, 6, 5, NFBIND_VERDICT_ACCEPT);  /* none */
	decisions[6] = decision(65536 + 5, 1, 0, NFBIND_VERDICT_ACCEPT);
	decisions[7] = decision(6, 1, 0, NFBIND_VERDICT_ACCEPT);
	decisions[8] = decision(5, 1, 0, NFBIND_VERDICT_DROP);    /* the first again */
	ck_assert_int_eq(many(decisions, 9), 4);
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(decisions[i].result, 0);
	ck_assert_int_eq(decisions[4].result, -EALREADY);
	for (size_t i = 5; i < 8; i++)
		ck_assert_int_eq(decisions[i].result, -ENOENT);
	ck_assert_int_eq(decisions[8].result, -EALREADY);
	/* The kept one took all along. */
	ck_assert_uint_eq(kernel_waiting(5), 0);
	nfbind_packet_free(kept);
}
END_TEST

START_TEST(test_many_in_the_batch_waits_like_any)
{
	struct nfbind_decision decisions[2];

	session_bind(5, NULL);
	session_get(5, 2);
	decisions[0] = decision(5, 1, 0, NFBIND_VERDICT_ACCEPT);
	decisions[1] = decision(5, 2, 1, NFBIND_VERDICT_ACCEPT);
	ck_assert_int_eq(many(decisions, 2), 2);
	ck_assert_uint_eq(fake.sends, 0);
	session_settle();
	verdict_is(0, true, 5, 2, NFBIND_VERDICT_ACCEPT);
}
END_TEST

START_TEST(test_many_sets_mark_priority_and_payload)
{
	struct nfbind_decision decisions[2];
	uint8_t data[100];

	memset(data, 0xff, sizeof(data));
	memcpy(data + 50, kernel_udp, sizeof(kernel_udp));
	session_bind(5, NULL);
	session_get(5, 2);
	decisions[0] = decision(5, 1, 0, NFBIND_VERDICT_ACCEPT);
	decisions[0].flags = NFBIND_DECISION_MARK | NFBIND_DECISION_PRIORITY;
	decisions[0].mark = 8;
	decisions[0].priority = 9;
	decisions[1] = decision(5, 2, 1, NFBIND_VERDICT_ACCEPT | NFBIND_VERDICT_NOW);
	decisions[1].flags = NFBIND_DECISION_PAYLOAD;
	decisions[1].payload_offset = 50;
	decisions[1].payload_len = 40;
	ck_assert_int_eq(nfbind_queue_verdict_many(session, decisions, 2, sizeof(decisions[0]), data,
						   sizeof(data)), 2);
	ck_assert_uint_eq(kernel_verdict_at(0)->mark, 8);
	ck_assert_uint_eq(kernel_verdict_at(0)->priority, 9);
	ck_assert_bytes_eq(kernel_verdict_at(1)->payload, kernel_verdict_at(1)->payload_len,
			   kernel_udp, sizeof(kernel_udp));
}
END_TEST

START_TEST(test_many_refuses_a_payload_outside_the_data)
{
	static const uint32_t ranges[][2] = {
		{ 41, 0 }, { 0, 41 }, { 40, 1 }, { UINT32_MAX, 1 }, { 1, UINT32_MAX },
		{ UINT32_MAX, UINT32_MAX },
	};
	struct nfbind_decision one;

	session_bind(5, NULL);
	session_get(5, 1);
	for (size_t i = 0; i < COUNT_OF(ranges); i++) {
		one = decision(5, 1, 0, NFBIND_VERDICT_ACCEPT);
		one.flags = NFBIND_DECISION_PAYLOAD;
		one.payload_offset = ranges[i][0];
		one.payload_len = ranges[i][1];
		ck_assert_int_eq(nfbind_queue_verdict_many(session, &one, 1, sizeof(one), kernel_udp,
							   sizeof(kernel_udp)), 0);
		ck_assert_int_eq(one.result, -EINVAL);
	}
	session_decide(0, NFBIND_VERDICT_ACCEPT);
	session_settle();
	ck_assert_ptr_null(kernel_last_verdict()->payload);
}
END_TEST

START_TEST(test_many_decision_that_cannot_be_changes_nothing)
{
	struct nfbind_decision one;

	session_bind(5, NULL);
	session_get(5, 1);
	one = decision(5, 1, 0, 2);
	one.flags = NFBIND_DECISION_MARK;
	one.mark = 8;
	ck_assert_int_eq(many(&one, 1), 0);
	ck_assert_int_eq(one.result, -EINVAL);
	session_decide(0, NFBIND_VERDICT_ACCEPT);
	session_settle();
	ck_assert(!kernel_last_verdict()->has_mark);
}
END_TEST

START_TEST(test_many_of_an_unbound_queue_is_enodev)
{
	struct nfbind_decision one;

	session_bind(5, NULL);
	kernel_packet(5);
	/* The request reads the packet, and hands it out after all. */
	ck_assert_int_eq(nfbind_queue_unbind(session, 5), 0);
	session_receive(1);
	one = decision(5, 1, 0, NFBIND_VERDICT_ACCEPT);
	ck_assert_int_eq(many(&one, 1), 0);
	ck_assert_int_eq(one.result, -ENODEV);
}
END_TEST

START_TEST(test_many_takes_elements_of_a_newer_size)
{
	struct {
		struct nfbind_decision decision;
		uint64_t newer;
	} decisions[2];

	session_bind(5, NULL);
	session_get(5, 2);
	memset(decisions, 0xff, sizeof(decisions));
	decisions[0].decision = decision(5, 1, 0, NFBIND_VERDICT_ACCEPT);
	decisions[1].decision = decision(5, 2, 1, NFBIND_VERDICT_DROP);
	ck_assert_int_eq(nfbind_queue_verdict_many(session, &decisions[0].decision, 2,
						   sizeof(decisions[0]), NULL, 0), 2);
	ck_assert_uint_eq(decisions[1].newer, UINT64_MAX);
	ck_assert_int_eq(nfbind_queue_verdict_many(session, &decisions[0].decision, 1,
						   sizeof(struct nfbind_decision) - 1, NULL, 0),
			 -EINVAL);
	ck_assert_int_eq(nfbind_queue_verdict_many(session, NULL, 1, sizeof(decisions[0]), NULL, 0),
			 -EINVAL);
	ck_assert_int_eq(nfbind_queue_verdict_many(session, NULL, 0, sizeof(decisions[0]), NULL, 0),
			 0);
}
END_TEST

START_TEST(test_many_says_when_the_kernel_takes_nothing)
{
	struct nfbind_packet *kept;
	struct nfbind_decision one;

	session_bind(5, NULL);
	session_get(5, 1);
	kept = session_keep(0);
	one = decision(5, 1, 0, NFBIND_VERDICT_ACCEPT);
	fake_send_result(-EAGAIN);
	ck_assert_int_eq(many(&one, 1), -EAGAIN);
	ck_assert_int_eq(one.result, 0);
	ck_assert_int_eq(nfbind_queue_send(session), 0);
	ck_assert_uint_eq(kernel_waiting(5), 0);
	nfbind_packet_free(kept);
}
END_TEST

START_TEST(test_rest_leaves_what_is_decided_or_kept)
{
	struct nfbind_packet *kept;

	session_bind(5, NULL);
	session_get(5, 4);
	session_decide(0, NFBIND_VERDICT_DROP);
	kept = session_keep(2);
	ck_assert_int_eq(nfbind_queue_verdict_rest(session, NFBIND_VERDICT_ACCEPT), 2);
	ck_assert_int_eq(nfbind_queue_verdict_rest(session, NFBIND_VERDICT_ACCEPT), 0);
	session_settle();
	ck_assert_uint_eq(kernel_packet_at(0)->verdict, NFBIND_VERDICT_DROP);
	ck_assert_uint_eq(kernel_packet_at(1)->verdict, NFBIND_VERDICT_ACCEPT);
	ck_assert_uint_eq(kernel_packet_at(2)->verdicts, 0);
	nfbind_packet_free(kept);
}
END_TEST

START_TEST(test_rest_leaves_what_cannot_take_it)
{
	session_bind(5, NULL);
	session_get(5, 2);
	nfbind_packet_set_number(session_packet(0), NFBIND_PACKET_VLAN_TCI, 1);
	ck_assert_int_eq(nfbind_queue_verdict_rest(session, NFBIND_VERDICT_ACCEPT |
							    NFBIND_VERDICT_NOW), 1);
	ck_assert_uint_eq(kernel_waiting(5), 1);
	session_settle();
	/* The default is bare, whatever was set. */
	ck_assert_uint_eq(kernel_packet_at(0)->verdict, NFBIND_VERDICT_DROP);
	ck_assert_ptr_null(kernel_last_verdict()->vlan);
}
END_TEST

START_TEST(test_stats_read_the_kernels_figures)
{
	struct nfbind_queue_stats stats;

	session_bind(5, NULL);
	stats = session_stats(5);
	ck_assert_uint_eq(stats.present, NFBIND_QUEUE_STATS_SOCKET);
	ck_assert_int_eq(stats.kernel_error, -EACCES);
	fake_set_proc("netfilter/nfnetlink_queue",
		      "    4   1111     1 2 65531     0     0        1  1\n"
		      "    5   4711     3 2 65531     7     8       99  1\n");
	stats = session_stats(5);
	ck_assert_uint_eq(stats.present, NFBIND_QUEUE_STATS_SOCKET | NFBIND_QUEUE_STATS_KERNEL);
	ck_assert_int_eq(stats.kernel_error, 0);
	ck_assert_uint_eq(stats.kernel_owner, 4711);
	ck_assert_uint_eq(stats.kernel_queued, 3);
	ck_assert_uint_eq(stats.kernel_copy_mode, 2);
	ck_assert_uint_eq(stats.kernel_copy_range, 65531);
	ck_assert_uint_eq(stats.kernel_dropped, 7);
	ck_assert_uint_eq(stats.kernel_user_dropped, 8);
	ck_assert_uint_eq(stats.kernel_last_id, 99);
	ck_assert_uint_eq(stats.port_id, FAKE_PORT);
	fake_set_proc("netfilter/nfnetlink_queue", "rubbish\n55 1 2 3 4 5 6 7 8\n5 six");
	stats = session_stats(5);
	ck_assert_uint_eq(stats.present, NFBIND_QUEUE_STATS_SOCKET);
	ck_assert_int_eq(stats.kernel_error, -ENOENT);
}
END_TEST

START_TEST(test_stats_go_into_structs_of_any_size)
{
	struct {
		struct nfbind_queue_stats stats;
		uint64_t newer;
	} larger;
	uint64_t smaller[2] = { 0, 77 };

	session_bind(5, NULL);
	session_get(5, 3);
	memset(&larger, 0xff, sizeof(larger));
	ck_assert_int_eq(nfbind_queue_read_stats(session, 5, &larger.stats, sizeof(larger)), 0);
	ck_assert_uint_eq(larger.newer, 0);
	ck_assert_uint_eq(larger.stats.queue_received, 3);
	ck_assert_int_eq(nfbind_queue_read_stats(session, 5, (struct nfbind_queue_stats *)smaller, 8),
			 0);
	ck_assert_uint_eq(smaller[0], 3);
	ck_assert_uint_eq(smaller[1], 77);
	ck_assert_int_eq(nfbind_queue_read_stats(session, 6, &larger.stats, sizeof(larger)), -ENODEV);
}
END_TEST

UNIT_MAIN("many", session_set_up, session_tear_down, test_many_fills_in_every_result,
	  test_many_in_the_batch_waits_like_any, test_many_sets_mark_priority_and_payload,
	  test_many_refuses_a_payload_outside_the_data,
	  test_many_decision_that_cannot_be_changes_nothing,
	  test_many_of_an_unbound_queue_is_enodev, test_many_takes_elements_of_a_newer_size,
	  test_many_says_when_the_kernel_takes_nothing, test_rest_leaves_what_is_decided_or_kept,
	  test_rest_leaves_what_cannot_take_it, test_stats_read_the_kernels_figures,
	  test_stats_go_into_structs_of_any_size)
