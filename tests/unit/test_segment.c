/* SPDX-License-Identifier: MIT */
/*
 * What the changes of a flow do to one segment: its header, what it acknowledges, and what
 * it is when it was cut or is large.
 */
#include "segments.h"

/* What was removed in order that nobody sees it must not come again because a segment was late. */
START_TEST(test_segment_late_segment_does_not_show_what_was_changed)
{
	struct nfbind_packet *packet;
	const void *data;
	size_t len;

	shake_hands();
	changes(CLIENT, 1000, 2000, "a secret", 2, 6, "***", 1000, "a ***");
	passes(SERVER, 2000, 1005, ACK, "", 2000, 1008, "");
	packet = segment(CLIENT, 1000, 2000, ACK, "a secret and more");
	ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), 0);
	ck_assert_int_eq(nfbind_packet_get_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, &data, &len), 0);
	ck_assert_bytes_eq(data, len, "\0\0\0\0\0\0\0\0 and more", 17);
	/* What is new of it is where the receiver waits for it. */
	ck_assert_uint_eq(number(packet, NFBIND_PACKET_TCP_SEQ) + 8, 1005);
	nfbind_packet_free(packet);
}
END_TEST

START_TEST(test_segment_whose_data_is_gone_asks_for_an_answer)
{
	shake_hands();
	changes(CLIENT, 1000, 2000, "noise", 0, 5, "", 999, "");
	passes(CLIENT, 1000, 2000, ACK, "noise", 999, 2000, "");
	/* The receiver repeats what it has, which acknowledges what it never saw. */
	passes(SERVER, 2000, 1000, ACK, "", 2000, 1005, "");
	passes(CLIENT, 1005, 2000, ACK, "sound", 1000, 2000, "sound");
	/* With a FIN there is something left to answer. */
	passes(CLIENT, 1010, 2000, ACK | FIN, "", 1005, 2000, "");
}
END_TEST

START_TEST(test_segment_keepalive_stays_one_behind)
{
	shake_hands();
	changes(CLIENT, 1000, 2000, "0123", 3, 1, "abc", 1000, "012abc");
	passes(SERVER, 2000, 1006, ACK, "", 2000, 1004, "");
	passes(CLIENT, 1003, 2000, ACK, "", 1005, 2000, "");
}
END_TEST

/* Selective acknowledgements. */

static struct nfbind_packet *with_blocks(uint32_t ack, const uint32_t *edges, unsigned int blocks)
{
	uint8_t bytes[100];
	uint32_t len = 40 + 4 + blocks * 8;
	struct nfbind_packet *bare = segment(SERVER, 2000, ack, ACK, ""), *packet;

	memcpy(bytes, bare->payload, 40);
	nfbind_packet_free(bare);
	view_write_u16(bytes + 2, (uint16_t)len);
	bytes[32] = (uint8_t)((24 + blocks * 8) / 4 << 4);
	bytes[40] = bytes[41] = 1;
	bytes[42] = 5;
	bytes[43] = (uint8_t)(2 + blocks * 8);
	for (unsigned int i = 0; i < blocks * 2; i++)
		view_write_u32(bytes + 44 + i * 4, edges[i]);
	ck_assert_int_eq(nfbind_packet_new(bytes, len, &packet), 0);
	packet->flags |= PACKET_PARTIAL | PACKET_CHANGED;
	view_finish(packet);
	packet->flags &= (uint8_t)~PACKET_CHANGED;
	return packet;
}

static void blocks_are(struct nfbind_packet *packet, const uint32_t *edges, unsigned int blocks,
		       unsigned int room)
{
	const uint8_t *option = packet->payload + 42;
	uint32_t wrong;

	ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), 0);
	ck_assert_uint_eq(option[0], blocks ? 5 : 1);
	if (blocks)
		ck_assert_uint_eq(option[1], 2 + blocks * 8);
	for (unsigned int i = 0; i < blocks * 2; i++)
		ck_assert_uint_eq(view_read_u32(option + 2 + i * 4), edges[i]);
	for (unsigned int i = blocks ? 2 + blocks * 8 : 0; i < 2 + room * 8; i++)
		ck_assert_uint_eq(option[i], 1);
	ck_assert_int_eq(nfbind_packet_verify(packet, &wrong), 0);
	ck_assert_uint_eq(wrong & NFBIND_VERIFY_L4_CHECKSUM, 0);
	nfbind_packet_free(packet);
}

#define EDGES(...)          \
	(const uint32_t[])  \
	{                   \
		__VA_ARGS__ \
	}

START_TEST(test_segment_maps_selective_acknowledgements)
{
	shake_hands();
	passes(CLIENT, 1000, 2000, ACK, "01", 1000, 2000, "01");
	changes(CLIENT, 1002, 2000, "23456789", 3, 2, "abcdef", 1002, "234abcdef789");
	passes(CLIENT, 1010, 2000, ACK, "next", 1014, 2000, "next");
	/* Behind the change, before it, all of it, its beginning, its end. */
	blocks_are(with_blocks(1000, EDGES(1014, 1018), 1), EDGES(1010, 1014), 1, 1);
	blocks_are(with_blocks(1000, EDGES(1002, 1005), 1), EDGES(1002, 1005), 1, 1);
	blocks_are(with_blocks(1000, EDGES(1002, 1014), 1), EDGES(1002, 1010), 1, 1);
	blocks_are(with_blocks(1000, EDGES(1002, 1008), 1), EDGES(1002, 1005), 1, 1);
	blocks_are(with_blocks(1000, EDGES(1008, 1014), 1), EDGES(1007, 1010), 1, 1);
}
END_TEST

START_TEST(test_segment_block_of_inserted_bytes_alone_goes)
{
	shake_hands();
	changes(CLIENT, 1000, 2000, "0123456789", 3, 4, "abcdef", 1000, "012abcdef789");
	passes(CLIENT, 1010, 2000, ACK, "next", 1012, 2000, "next");
	blocks_are(with_blocks(1000, EDGES(1004, 1008, 1012, 1016), 2), EDGES(1010, 1014), 1, 2);
	blocks_are(with_blocks(1000, EDGES(1004, 1008), 1), EDGES(0), 0, 1);
}
END_TEST

START_TEST(test_segment_maps_what_came_twice)
{
	shake_hands();
	changes(CLIENT, 1000, 2000, "0123456789", 3, 4, "abcdef", 1000, "012abcdef789");
	passes(CLIENT, 1010, 2000, ACK, "next", 1012, 2000, "next");
	/* RFC 2883: a first block below the acknowledgement; then the change is forgotten. */
	blocks_are(with_blocks(1002, EDGES(1000, 1002), 1), EDGES(1000, 1002), 1, 1);
	blocks_are(with_blocks(1016, EDGES(1012, 1016), 1), EDGES(1010, 1014), 1, 1);
	blocks_are(with_blocks(1016, EDGES(1000, 1002, 1012, 1016), 2), EDGES(1010, 1014), 1, 2);
}
END_TEST

START_TEST(test_segment_moves_the_urgent_pointer)
{
	struct nfbind_packet *packet;

	shake_hands();
	packet = segment(CLIENT, 1000, 2000, ACK | URG, "0123456789");
	nfbind_packet_set_number(packet, NFBIND_PACKET_TCP_URGENT, 8);
	ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), 0);
	ck_assert_int_eq(nfbind_tracker_splice(tracker, packet, 2, 1, "abc", 3), 0);
	ck_assert_uint_eq(number(packet, NFBIND_PACKET_TCP_URGENT), 10);
	check_and_free(packet, 1000, 2000, "01abc3456789");
	packet = segment(CLIENT, 1001, 2000, ACK | URG, "123456789");
	nfbind_packet_set_number(packet, NFBIND_PACKET_TCP_URGENT, 7);
	ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), 0);
	ck_assert_uint_eq(number(packet, NFBIND_PACKET_TCP_URGENT), 9);
	nfbind_packet_free(packet);
}
END_TEST

START_TEST(test_segment_truncated_segment_passes_while_nothing_was_changed)
{
	struct nfbind_packet *packet;

	shake_hands();
	packet = segment(CLIENT, 1000, 2000, ACK, "0123456789");
	packet->payload_len -= 8;
	packet->flags |= PACKET_TRUNCATED;
	packet->flags &= (uint8_t)~PACKET_VIEWED;
	ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), 0);
	ck_assert_int_eq(nfbind_tracker_splice(tracker, packet, 0, 1, "a", 1), -EOPNOTSUPP);
	nfbind_packet_free(packet);
	/* All ten bytes of it were sent. */
	changes(CLIENT, 1010, 2000, "a", 0, 0, "bc", 1010, "bca");
	packet = segment(CLIENT, 1011, 2000, ACK, "0123456789");
	packet->flags |= PACKET_TRUNCATED;
	ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), -EOPNOTSUPP);
	check_and_free(packet, 1011, 2000, "0123456789");
	/* What could not be changed left no trace. */
	changes(CLIENT, 1011, 2000, "a", 0, 0, "bc", 1013, "bca");
}
END_TEST

START_TEST(test_segment_large_segment_does_not_shrink)
{
	struct nfbind_packet *packet;

	shake_hands();
	changes(CLIENT, 1000, 2000, "abc", 0, 2, "", 1000, "c");
	packet = segment(CLIENT, 1000, 2000, ACK, "abcdef");
	packet->flags |= PACKET_GSO;
	ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), -EOPNOTSUPP);
	packet->flags &= (uint8_t)~PACKET_GSO;
	check_and_free(packet, 1000, 2000, "abcdef");
}
END_TEST

START_TEST(test_segment_partial_checksum_is_completed)
{
	struct nfbind_packet *packet;
	uint32_t wrong;

	shake_hands();
	changes(CLIENT, 1000, 2000, "a", 0, 0, "bc", 1000, "bca");
	packet = segment(CLIENT, 1001, 2000, ACK, "d");
	memset(packet->payload + 36, 0, 2);
	packet->flags |= PACKET_PARTIAL;
	ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), 0);
	ck_assert_int_eq(nfbind_packet_verify(packet, &wrong), 0);
	ck_assert_uint_eq(wrong & ~(uint32_t)NFBIND_VERIFY_PARTIAL, 0);
	nfbind_packet_free(packet);
}
END_TEST

UNIT_MAIN("segment", set_up, tear_down,
	  test_segment_late_segment_does_not_show_what_was_changed,
	  test_segment_whose_data_is_gone_asks_for_an_answer,
	  test_segment_keepalive_stays_one_behind,
	  test_segment_maps_selective_acknowledgements,
	  test_segment_block_of_inserted_bytes_alone_goes,
	  test_segment_maps_what_came_twice,
	  test_segment_moves_the_urgent_pointer,
	  test_segment_truncated_segment_passes_while_nothing_was_changed,
	  test_segment_large_segment_does_not_shrink,
	  test_segment_partial_checksum_is_completed)
