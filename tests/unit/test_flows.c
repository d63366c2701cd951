/* SPDX-License-Identifier: MIT */
/*
 * The life of a tracker's flows: how they begin, how they end, and which is forgotten.
 */
#include "segments.h"

static void pass_quietly(unsigned int port)
{
	struct nfbind_packet *packet = segment_of(CLIENT, port, 1, 1, ACK, "x");

	ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), 0);
	nfbind_packet_free(packet);
}

START_TEST(test_flows_forgets_a_reset_flow_after_a_while)
{
	shake_hands();
	changes(CLIENT, 1000, 2000, "a", 0, 0, "bc", 1000, "bca");
	passes(CLIENT, 1001, 2000, ACK, "d", 1003, 2000, "d");
	passes(SERVER, 2000, 1004, RST | ACK, "", 2000, 1002, "");
	/* What was under way is still shifted, and keeps it alive. */
	for (unsigned int i = 0; i < 3; i++) {
		seconds += 9;
		passes(CLIENT, 1001, 2000, ACK, "d", 1003, 2000, "d");
	}
	ck_assert_uint_eq(nfbind_tracker_count(tracker), 1);
	seconds += 11;
	pass_quietly(1);
	ck_assert_uint_eq(nfbind_tracker_count(tracker), 1);
	passes(CLIENT, 1001, 2000, ACK, "d", 1001, 2000, "d");
}
END_TEST

START_TEST(test_flows_does_not_believe_a_forged_reset)
{
	struct nfbind_packet *packet;

	shake_hands();
	changes(CLIENT, 1000, 2000, "a", 0, 0, "bc", 1000, "bca");
	passes(SERVER, 2000, 1003, ACK, "x", 2000, 1001, "x");
	passes(CLIENT, 1001, 2001, ACK, "", 1003, 2001, "");
	passes(SERVER, 777777, 0, RST, "", 777777, 0, "");
	packet = segment(SERVER, 2001, 0, RST, "");
	packet->payload[27] ^= 1; /* just outside of what it sent */
	ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), 0);
	ck_assert_int_eq(nfbind_tracker_splice(tracker, packet, 0, 0, "x", 1), -EALREADY);
	nfbind_packet_free(packet);
	seconds += 100;
	pass_quietly(1);
	passes(CLIENT, 1001, 2001, ACK, "d", 1003, 2001, "d");
}
END_TEST

START_TEST(test_flows_forgets_a_finished_flow_after_a_while)
{
	shake_hands();
	changes(CLIENT, 1000, 2000, "a", 0, 0, "bc", 1000, "bca");
	passes(CLIENT, 1001, 2000, ACK | FIN, "", 1003, 2000, "");
	passes(SERVER, 2000, 1004, ACK | FIN, "", 2000, 1002, "");
	seconds += 100;
	pass_quietly(1);
	ck_assert_uint_eq(nfbind_tracker_count(tracker), 2); /* one FIN was not acknowledged */
	passes(CLIENT, 1002, 2001, ACK, "", 1004, 2001, "");
	seconds += 9;
	passes(SERVER, 2000, 1004, ACK | FIN, "", 2000, 1002, "");
	seconds += 11;
	pass_quietly(1);
	ck_assert_uint_eq(nfbind_tracker_count(tracker), 1);
}
END_TEST

START_TEST(test_flows_new_connection_has_none_of_the_old_changes)
{
	struct nfbind_packet *packet;

	shake_hands();
	changes(CLIENT, 1000, 2000, "a", 0, 0, "bc", 1000, "bca");
	passes(SERVER, 2000, 1003, RST | ACK, "", 2000, 1001, "");
	packet = segment(CLIENT, 5000, 0, SYN, "early");
	ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), 0);
	ck_assert_int_eq(nfbind_tracker_splice(tracker, packet, 0, 0, "x", 1), 0);
	check_and_free(packet, 5000, 0, "xearly");
	passes(SERVER, 7000, 5007, SYN | ACK, "", 7000, 5006, "");
	passes(CLIENT, 5006, 7001, ACK, "a", 5007, 7001, "a");
	ck_assert_uint_eq(nfbind_tracker_count(tracker), 1);
}
END_TEST

START_TEST(test_flows_live_flow_survives_a_forged_syn)
{
	struct nfbind_packet *packet;

	shake_hands();
	changes(CLIENT, 1000, 2000, "a", 0, 0, "bc", 1000, "bca");
	packet = segment(CLIENT, 5000, 0, SYN, "");
	ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), 0);
	ck_assert_int_eq(nfbind_tracker_splice(tracker, packet, 0, 0, "x", 1), -EINVAL);
	check_and_free(packet, 5000, 0, "");
	/* The server challenges it (RFC 5961), and both go on. */
	passes(SERVER, 2000, 1003, ACK, "", 2000, 1001, "");
	passes(CLIENT, 1001, 2000, ACK, "d", 1003, 2000, "d");
	/* Unless the server has forgotten the old connection and takes the new one. */
	passes(SERVER, 7000, 9999, SYN | ACK, "", 7000, 9999, "");
	passes(CLIENT, 1001, 2000, ACK, "d", 1003, 2000, "d");
	passes(SERVER, 7000, 5001, SYN | ACK, "", 7000, 5001, "");
	passes(CLIENT, 5001, 7001, ACK, "d", 5001, 7001, "d");
}
END_TEST

START_TEST(test_flows_repeated_syn_is_the_same_connection)
{
	passes(CLIENT, 999, 0, SYN, "", 999, 0, "");
	passes(CLIENT, 999, 0, SYN, "", 999, 0, "");
	passes(SERVER, 1999, 1000, SYN | ACK, "", 1999, 1000, "");
	changes(CLIENT, 1000, 2000, "a", 0, 0, "bc", 1000, "bca");
	passes(SERVER, 1999, 1000, SYN | ACK, "", 1999, 1000, "");
	passes(CLIENT, 1001, 2000, ACK, "d", 1003, 2000, "d");
}
END_TEST

START_TEST(test_flows_and_directions_do_not_mix)
{
	struct nfbind_packet *packet;

	shake_hands();
	changes(CLIENT, 1000, 2000, "a", 0, 0, "bc", 1000, "bca");
	packet = segment_of(CLIENT, 4001, 1001, 2000, ACK, "d");
	ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), 0);
	check_and_free(packet, 1001, 2000, "d");
	passes(SERVER, 2000, 1000, ACK, "d", 2000, 1000, "d");
	ck_assert_uint_eq(nfbind_tracker_count(tracker), 2);
}
END_TEST

START_TEST(test_flows_forgets_the_quietest_flow_without_changes)
{
	struct nfbind_tracker *whole = tracker;
	struct nfbind_packet *packet;

	ck_assert_int_eq(nfbind_tracker_new(3, &tracker), 0);
	shake_hands();
	changes(CLIENT, 1000, 2000, "a", 0, 0, "bc", 1000, "bca");
	for (unsigned int port = 1; port < 50; port++) {
		pass_quietly(port);
		pass_quietly(1);
	}
	ck_assert_uint_eq(nfbind_tracker_count(tracker), 3);
	passes(CLIENT, 1001, 2000, ACK, "d", 1003, 2000, "d");
	/* The one that was always used is still known: its data is old. */
	packet = segment_of(CLIENT, 1, 1, 1, ACK, "x");
	ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), 0);
	ck_assert_int_eq(nfbind_tracker_splice(tracker, packet, 0, 0, "y", 1), -EALREADY);
	nfbind_packet_free(packet);
	nfbind_tracker_free(tracker);
	tracker = whole;
}
END_TEST

START_TEST(test_flows_full_of_changes_says_so)
{
	struct nfbind_tracker *whole = tracker;
	struct nfbind_packet *packet;

	ck_assert_int_eq(nfbind_tracker_new(1, &tracker), 0);
	shake_hands();
	changes(CLIENT, 1000, 2000, "a", 0, 0, "bc", 1000, "bca");
	packet = segment_of(CLIENT, 1, 1, 1, ACK, "x");
	ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), -ENOSPC);
	/* Until the flow is over, even if late packets of it may still come. */
	passes(SERVER, 2000, 1003, RST | ACK, "", 2000, 1001, "");
	ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), 0);
	ck_assert_uint_eq(nfbind_tracker_count(tracker), 1);
	nfbind_packet_free(packet);
	nfbind_tracker_free(tracker);
	tracker = whole;
}
END_TEST

UNIT_MAIN("flows", set_up, tear_down,
	  test_flows_forgets_a_reset_flow_after_a_while,
	  test_flows_does_not_believe_a_forged_reset,
	  test_flows_forgets_a_finished_flow_after_a_while,
	  test_flows_new_connection_has_none_of_the_old_changes,
	  test_flows_live_flow_survives_a_forged_syn,
	  test_flows_repeated_syn_is_the_same_connection,
	  test_flows_and_directions_do_not_mix,
	  test_flows_forgets_the_quietest_flow_without_changes,
	  test_flows_full_of_changes_says_so)
