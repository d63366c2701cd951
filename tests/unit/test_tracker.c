/* SPDX-License-Identifier: MIT */
/*
 * The tracker, one segment at a time: what it remembers of a stream and what it refuses;
 * test_tracker_stream.c has it in a network.
 */
#include "segments.h"

#include "shift.h"

START_TEST(test_tracker_takes_only_whole_tcp_segments)
{
	static const char *const others[] = { UDP4, ICMP6, FIRST4, LATER4, GRE4 };
	struct nfbind_packet *packet;

	for (size_t i = 0; i < COUNT_OF(others); i++) {
		packet = packets_new(others[i]);
		ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), -EINVAL);
		ck_assert_int_eq(nfbind_tracker_splice(tracker, packet, 0, 0, "x", 1), -EINVAL);
		nfbind_packet_free(packet);
	}
	packet = packets_new(TCP4);
	ck_assert_int_eq(nfbind_tracker_apply(NULL, packet), -EINVAL);
	ck_assert_int_eq(nfbind_tracker_apply(tracker, NULL), -EINVAL);
	packet->state = PACKET_DECIDED;
	ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), -EALREADY);
	ck_assert_int_eq(nfbind_tracker_splice(tracker, packet, 0, 0, "x", 1), -EALREADY);
	packet->state = PACKET_FREE;
	nfbind_packet_free(packet);
	ck_assert_uint_eq(nfbind_tracker_count(tracker), 0);
}
END_TEST

START_TEST(test_tracker_leaves_flows_without_changes_alone)
{
	struct nfbind_packet *packet = packets_new(TCP6);

	ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), 0);
	ck_assert_packet_eq(packet, TCP6);
	ck_assert_int_eq(packet->flags & PACKET_CHANGED, 0);
	ck_assert_uint_eq(nfbind_tracker_count(tracker), 1);
	nfbind_packet_free(packet);
}
END_TEST

START_TEST(test_tracker_splice_needs_apply_first)
{
	struct nfbind_packet *packet = segment(CLIENT, 1000, 2000, ACK, "data");

	ck_assert_int_eq(nfbind_tracker_splice(tracker, packet, 0, 0, "x", 1), -EINVAL);
	ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), 0);
	ck_assert_int_eq(nfbind_tracker_splice(tracker, packet, 5, 0, "x", 1), -ERANGE);
	ck_assert_int_eq(nfbind_tracker_splice(tracker, packet, 0, 5, "x", 1), -ERANGE);
	ck_assert_int_eq(nfbind_tracker_splice(tracker, packet, 0, 0, NULL, 1), -EINVAL);
	ck_assert_int_eq(nfbind_tracker_splice(tracker, packet, 0, 0, "x", 1), 0);
	check_and_free(packet, 1000, 2000, "xdata");
}
END_TEST

START_TEST(test_tracker_shifts_both_directions_after_a_change)
{
	shake_hands();
	changes(CLIENT, 1000, 2000, "GET /", 3, 1, "  and more ", 1000, "GET  and more /");
	passes(CLIENT, 1005, 2000, ACK, "next", 1015, 2000, "next");
	passes(SERVER, 2000, 1015, ACK, "answer", 2000, 1005, "answer");
	passes(SERVER, 2006, 1019, ACK, "", 2006, 1009, "");
	changes(SERVER, 2006, 1019, "long answer", 0, 5, "", 2006, "answer");
	passes(CLIENT, 1009, 2012, ACK, "bye", 1019, 2017, "bye");
	passes(SERVER, 2017, 1022, ACK, "", 2012, 1012, "");
}
END_TEST

START_TEST(test_tracker_apply_twice_is_apply_once)
{
	struct nfbind_packet *packet;

	shake_hands();
	changes(CLIENT, 1000, 2000, "a", 0, 1, "bbbb", 1000, "bbbb");
	packet = segment(CLIENT, 1001, 2000, ACK, "c");
	ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), 0);
	ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), 0);
	check_and_free(packet, 1004, 2000, "c");
}
END_TEST

START_TEST(test_tracker_changes_what_is_sent_again_the_same_way)
{
	shake_hands();
	changes(CLIENT, 1000, 2000, "0123456789", 3, 4, "abcdef", 1000, "012abcdef789");
	passes(CLIENT, 1000, 2000, ACK, "0123456789", 1000, 2000, "012abcdef789");
	passes(CLIENT, 1000, 2000, ACK, "01234", 1000, 2000, "012abcdef");
	passes(CLIENT, 1005, 2000, ACK, "56789", 1009, 2000, "789");
	passes(CLIENT, 1002, 2000, ACK, "2", 1002, 2000, "2");
	passes(CLIENT, 1003, 2000, ACK, "3", 1003, 2000, "abcdef");
	passes(CLIENT, 1007, 2000, ACK, "789next", 1009, 2000, "789next");
}
END_TEST

START_TEST(test_tracker_same_length_change_is_repeated_too)
{
	shake_hands();
	changes(CLIENT, 1000, 2000, "secret", 0, 6, "******", 1000, "******");
	passes(CLIENT, 1000, 2000, ACK, "secret", 1000, 2000, "******");
	passes(CLIENT, 1002, 2000, ACK, "cretive", 1006, 2000, "ive");
}
END_TEST

START_TEST(test_tracker_does_not_change_anew_what_was_sent)
{
	struct nfbind_packet *packet;

	shake_hands();
	passes(CLIENT, 1000, 2000, ACK, "0123", 1000, 2000, "0123");
	packet = segment(CLIENT, 1000, 2000, ACK, "0123");
	ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), 0);
	ck_assert_int_eq(nfbind_tracker_splice(tracker, packet, 0, 1, "x", 1), -EALREADY);
	check_and_free(packet, 1000, 2000, "0123");
	/* One half old, one half new. */
	packet = segment(CLIENT, 1002, 2000, ACK, "2345");
	ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), 0);
	ck_assert_int_eq(nfbind_tracker_splice(tracker, packet, 1, 1, "x", 1), -EALREADY);
	ck_assert_int_eq(nfbind_tracker_splice(tracker, packet, 2, 1, "xyz", 3), 0);
	check_and_free(packet, 1002, 2000, "23xyz5");
	/* Data that something later has overtaken. */
	packet = segment(CLIENT, 1006, 2000, ACK, "67");
	ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), 0);
	passes(CLIENT, 1008, 2000, ACK, "89", 1010, 2000, "89");
	ck_assert_int_eq(nfbind_tracker_splice(tracker, packet, 0, 1, "x", 1), -EALREADY);
	check_and_free(packet, 1008, 2000, "67");
}
END_TEST

START_TEST(test_tracker_one_packet_may_be_changed_many_times)
{
	struct nfbind_packet *packet;

	shake_hands();
	packet = segment(CLIENT, 1000, 2000, ACK, "one two three");
	ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), 0);
	ck_assert_int_eq(nfbind_tracker_splice(tracker, packet, 4, 3, "2", 1), 0);
	ck_assert_int_eq(nfbind_tracker_splice(tracker, packet, 0, 3, "first", 5), 0);
	ck_assert_int_eq(nfbind_tracker_splice(tracker, packet, 6, 1, "second", 6), 0);
	ck_assert_int_eq(nfbind_tracker_splice(tracker, packet, 18, 0, "!", 1), 0);
	check_and_free(packet, 1000, 2000, "first second three!");
	passes(CLIENT, 1000, 2000, ACK, "one two three", 1000, 2000, "first second three!");
	passes(CLIENT, 1004, 2000, ACK, "two", 1006, 2000, "second");
	passes(CLIENT, 1013, 2000, ACK, "", 1019, 2000, "");
}
END_TEST

START_TEST(test_tracker_acknowledgement_of_part_of_a_change_is_none)
{
	shake_hands();
	changes(CLIENT, 1000, 2000, "0123456789", 3, 4, "abcdef", 1000, "012abcdef789");
	passes(SERVER, 2000, 1003, ACK, "", 2000, 1003, "");
	passes(SERVER, 2000, 1004, ACK, "", 2000, 1003, "");
	passes(SERVER, 2000, 1008, ACK, "", 2000, 1003, "");
	passes(SERVER, 2000, 1009, ACK, "", 2000, 1007, "");
	passes(SERVER, 2000, 1012, ACK, "", 2000, 1010, "");
}
END_TEST

START_TEST(test_tracker_does_not_believe_an_acknowledgement_of_what_was_not_sent)
{
	shake_hands();
	changes(CLIENT, 1000, 2000, "0123", 1, 1, "abc", 1000, "0abc23");
	passes(SERVER, 2000, 5000, ACK, "", 2000, 4998, "");
	passes(CLIENT, 1000, 2000, ACK, "0123", 1000, 2000, "0abc23");
}
END_TEST

START_TEST(test_tracker_inserts_into_segments_without_data)
{
	struct nfbind_packet *packet;

	shake_hands();
	changes(CLIENT, 1000, 2000, "", 0, 0, "hello", 1000, "hello");
	passes(CLIENT, 1000, 2000, ACK, "", 1005, 2000, "");
	/* Until it was acknowledged it is sent before what follows. */
	passes(CLIENT, 1000, 2000, ACK, " world", 1000, 2000, "hello world");
	passes(SERVER, 2000, 1005, ACK, "", 2000, 1000, "");
	passes(CLIENT, 1000, 2000, ACK, " world", 1005, 2000, " world");
	/* Before a FIN, never behind it. */
	packet = segment(CLIENT, 1006, 2000, ACK | FIN, "");
	ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), 0);
	ck_assert_int_eq(nfbind_tracker_splice(tracker, packet, 0, 0, "!", 1), 0);
	check_and_free(packet, 1011, 2000, "!");
	passes(CLIENT, 1006, 2000, ACK | FIN, "", 1011, 2000, "!");
	packet = segment(CLIENT, 1007, 2000, ACK, "");
	ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), 0);
	ck_assert_int_eq(nfbind_tracker_splice(tracker, packet, 0, 0, "?", 1), -EALREADY);
	check_and_free(packet, 1013, 2000, "");
}
END_TEST

/* An old acknowledgement looks like the FIN that comes now, but for its flag. */
START_TEST(test_tracker_does_not_insert_where_a_fin_was_sent)
{
	struct nfbind_packet *packet;

	shake_hands();
	passes(CLIENT, 1000, 2000, ACK | FIN, "", 1000, 2000, "");
	packet = segment(CLIENT, 1000, 2000, ACK, "");
	ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), 0);
	ck_assert_int_eq(nfbind_tracker_splice(tracker, packet, 0, 0, "!", 1), -EALREADY);
	check_and_free(packet, 1000, 2000, "");
}
END_TEST

START_TEST(test_tracker_numbers_wrap)
{
	passes(CLIENT, 0xfffffff0, 0, SYN, "", 0xfffffff0, 0, "");
	changes(CLIENT, 0xfffffff1, 2000, "0123456789", 5, 0, "abcdefghij", 0xfffffff1,
		"01234abcdefghij56789");
	passes(CLIENT, 0xfffffffb, 2000, ACK, "next", 5, 2000, "next");
	passes(SERVER, 2000, 5, ACK, "", 2000, 0xfffffffb, "");
	passes(SERVER, 2000, 9, ACK, "", 2000, 0xffffffff, "");
}
END_TEST

START_TEST(test_tracker_data_with_the_syn_can_be_changed)
{
	struct nfbind_packet *packet = segment(CLIENT, 999, 0, SYN, "early"); /* RFC 7413 */

	ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), 0);
	ck_assert_int_eq(nfbind_tracker_splice(tracker, packet, 0, 0, "very ", 5), 0);
	check_and_free(packet, 999, 0, "very early");
	passes(CLIENT, 999, 0, SYN, "early", 999, 0, "very early");
	passes(SERVER, 1999, 1010, SYN | ACK, "", 1999, 1005, "");
	passes(CLIENT, 1005, 2000, ACK, "d", 1010, 2000, "d");
}
END_TEST

START_TEST(test_tracker_retransmission_from_before_it_began_is_known_by_its_acknowledgement)
{
	struct nfbind_packet *packet;

	/* The first that is seen: the server has everything of the client up to 1000. */
	passes(SERVER, 2000, 1000, ACK, "", 2000, 1000, "");
	packet = segment(CLIENT, 990, 2000, ACK, "0123456789");
	ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), 0);
	ck_assert_int_eq(nfbind_tracker_splice(tracker, packet, 0, 1, "abc", 3), -EALREADY);
	check_and_free(packet, 990, 2000, "0123456789");
}
END_TEST

START_TEST(test_tracker_changes_that_nobody_acknowledges_are_limited)
{
	uint32_t seq = 1000;
	int r = 0;

	shake_hands();
	for (; r == 0 && seq < 9000; seq++) {
		struct nfbind_packet *packet = segment(CLIENT, seq, 2000, ACK, "a");

		ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), 0);
		r = nfbind_tracker_splice(tracker, packet, 0, 1, "bc", 2);
		nfbind_packet_free(packet);
	}
	ck_assert_int_eq(r, -ENOSPC);
	ck_assert_uint_eq(seq, 1000 + SHIFT_CHANGES_MAX + 1);
	/* The segment whose change was refused passed as it was; an acknowledgement makes room. */
	passes(SERVER, 2000, 1000 + 2 * SHIFT_CHANGES_MAX + 1, ACK, "", 2000, seq, "");
	changes(CLIENT, seq, 2000, "a", 0, 1, "bc", 1000 + 2 * SHIFT_CHANGES_MAX + 1, "bc");
}
END_TEST

UNIT_MAIN("tracker", set_up, tear_down,
	  test_tracker_takes_only_whole_tcp_segments,
	  test_tracker_leaves_flows_without_changes_alone,
	  test_tracker_splice_needs_apply_first,
	  test_tracker_shifts_both_directions_after_a_change,
	  test_tracker_apply_twice_is_apply_once,
	  test_tracker_changes_what_is_sent_again_the_same_way,
	  test_tracker_same_length_change_is_repeated_too,
	  test_tracker_does_not_change_anew_what_was_sent,
	  test_tracker_one_packet_may_be_changed_many_times,
	  test_tracker_acknowledgement_of_part_of_a_change_is_none,
	  test_tracker_does_not_believe_an_acknowledgement_of_what_was_not_sent,
	  test_tracker_inserts_into_segments_without_data,
	  test_tracker_does_not_insert_where_a_fin_was_sent,
	  test_tracker_numbers_wrap,
	  test_tracker_data_with_the_syn_can_be_changed,
	  test_tracker_retransmission_from_before_it_began_is_known_by_its_acknowledgement,
	  test_tracker_changes_that_nobody_acknowledges_are_limited)
