/* SPDX-License-Identifier: MIT */
/*
 * The tracker, one segment at a time; test_tracker_stream.c has it in a network. The
 * client (10.0.0.1) sends from number 1000, the server (10.0.0.2) from 2000.
 */
#include "packets.h"

#include <time.h>

#include <nfbind/tracker.h>

#include "shift.h"
#include "view.h"

/* TCP without options and data. */
#define BARE "4500002800010000400666cd0a0000010a0000020fa0005000000000000000005000200000000000"

enum { CLIENT, SERVER };
enum {
	FIN = NFBIND_TCP_FLAG_FIN,
	SYN = NFBIND_TCP_FLAG_SYN,
	RST = NFBIND_TCP_FLAG_RST,
	ACK = NFBIND_TCP_FLAG_ACK,
	URG = NFBIND_TCP_FLAG_URG
};

static struct nfbind_tracker *tracker;
static time_t seconds;

/* The tracker's clock, for this program: time passes when a test says so. */
int clock_gettime(clockid_t clock, struct timespec *ret_time)
{
	(void)clock;
	*ret_time = (struct timespec){ .tv_sec = seconds };
	return 0;
}

static void set_up(void)
{
	seconds = 1000;
	ck_assert_int_eq(nfbind_tracker_new(0, &tracker), 0);
}

static void tear_down(void)
{
	nfbind_tracker_free(tracker);
}

static struct nfbind_packet *segment_of(unsigned int side, unsigned int port, uint32_t seq,
					uint32_t ack, uint32_t flags, const char *data)
{
	uint8_t bytes[100], fill[2] = { 0 };
	size_t len = packets_bytes(BARE, bytes);
	struct nfbind_packet *packet;
	struct coverage coverage;
	struct view view;

	if (side == SERVER) {
		bytes[15] = 2;
		bytes[19] = 1;
	}
	ck_assert_int_eq(nfbind_packet_new(bytes, len, &packet), 0);
	nfbind_packet_set_number(
		packet, side == SERVER ? NFBIND_PACKET_PORT_DST : NFBIND_PACKET_PORT_SRC, port);
	nfbind_packet_set_number(
		packet, side == SERVER ? NFBIND_PACKET_PORT_SRC : NFBIND_PACKET_PORT_DST, 80);
	nfbind_packet_set_number(packet, NFBIND_PACKET_TCP_SEQ, seq);
	nfbind_packet_set_number(packet, NFBIND_PACKET_TCP_ACK, ack);
	nfbind_packet_set_number(packet, NFBIND_PACKET_TCP_FLAGS, flags);
	ck_assert_int_eq(nfbind_packet_splice(packet, 0, 0, data, strlen(data)), 0);
	/* Nothing of it is a change yet, and its checksum is right. */
	ck_assert_int_eq(view_of(packet, &view), 0);
	ck_assert(view_coverage(packet->payload, &view, &coverage));
	memcpy(packet->payload + coverage.at, fill, 2);
	packet->flags |= PACKET_PARTIAL;
	view_finish(packet);
	packet->flags &= (uint8_t)~PACKET_CHANGED;
	return packet;
}

static struct nfbind_packet *segment(unsigned int side, uint32_t seq, uint32_t ack, uint32_t flags,
				     const char *data)
{
	return segment_of(side, 4000, seq, ack, flags, data);
}

static uint32_t number(const struct nfbind_packet *packet, uint32_t field)
{
	uint64_t value;

	ck_assert_int_eq(nfbind_packet_get_number(packet, field, &value), 0);
	return (uint32_t)value;
}

static void check_and_free(struct nfbind_packet *packet, uint32_t seq, uint32_t ack,
			   const char *data)
{
	uint32_t wrong;
	const void *bytes;
	size_t len;

	ck_assert_uint_eq(number(packet, NFBIND_PACKET_TCP_SEQ), seq);
	ck_assert_uint_eq(number(packet, NFBIND_PACKET_TCP_ACK), ack);
	ck_assert_int_eq(nfbind_packet_get_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, &bytes, &len),
			 0);
	ck_assert_bytes_eq(bytes, len, data, strlen(data));
	ck_assert_int_eq(nfbind_packet_verify(packet, &wrong), 0);
	ck_assert_uint_eq(wrong & ~(uint32_t)NFBIND_VERIFY_PARTIAL, 0);
	nfbind_packet_free(packet);
}

/* Send a segment through the tracker; it must come out so. */
static void passes(unsigned int side, uint32_t seq, uint32_t ack, uint32_t flags, const char *data,
		   uint32_t new_seq, uint32_t new_ack, const char *new_data)
{
	struct nfbind_packet *packet = segment(side, seq, ack, flags, data);

	ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), 0);
	check_and_free(packet, new_seq, new_ack, new_data);
}

/* The same with a change in it. */
static void changes(unsigned int side, uint32_t seq, uint32_t ack, const char *data,
		    uint32_t offset, uint32_t remove, const char *insert, uint32_t new_seq,
		    const char *new_data)
{
	struct nfbind_packet *packet = segment(side, seq, ack, ACK, data);
	uint32_t new_ack;

	ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), 0);
	ck_assert_int_eq(
		nfbind_tracker_splice(tracker, packet, offset, remove, insert, strlen(insert)), 0);
	new_ack = number(packet, NFBIND_PACKET_TCP_ACK);
	check_and_free(packet, new_seq, new_ack, new_data);
}

static void shake_hands(void)
{
	passes(CLIENT, 999, 0, SYN, "", 999, 0, "");
	passes(SERVER, 1999, 1000, SYN | ACK, "", 1999, 1000, "");
	passes(CLIENT, 1000, 2000, ACK, "", 1000, 2000, "");
}

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

/* What was removed in order that nobody sees it must not come again because a segment was late. */
START_TEST(test_tracker_late_segment_does_not_show_what_was_changed)
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

START_TEST(test_tracker_segment_whose_data_is_gone_asks_for_an_answer)
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

START_TEST(test_tracker_keepalive_stays_one_behind)
{
	shake_hands();
	changes(CLIENT, 1000, 2000, "0123", 3, 1, "abc", 1000, "012abc");
	passes(SERVER, 2000, 1006, ACK, "", 2000, 1004, "");
	passes(CLIENT, 1003, 2000, ACK, "", 1005, 2000, "");
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

START_TEST(test_tracker_maps_selective_acknowledgements)
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

START_TEST(test_tracker_block_of_inserted_bytes_alone_goes)
{
	shake_hands();
	changes(CLIENT, 1000, 2000, "0123456789", 3, 4, "abcdef", 1000, "012abcdef789");
	passes(CLIENT, 1010, 2000, ACK, "next", 1012, 2000, "next");
	blocks_are(with_blocks(1000, EDGES(1004, 1008, 1012, 1016), 2), EDGES(1010, 1014), 1, 2);
	blocks_are(with_blocks(1000, EDGES(1004, 1008), 1), EDGES(0), 0, 1);
}
END_TEST

START_TEST(test_tracker_maps_what_came_twice)
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

START_TEST(test_tracker_moves_the_urgent_pointer)
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

/* The life of a flow. */

static void pass_quietly(unsigned int port)
{
	struct nfbind_packet *packet = segment_of(CLIENT, port, 1, 1, ACK, "x");

	ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), 0);
	nfbind_packet_free(packet);
}

START_TEST(test_tracker_forgets_a_reset_flow_after_a_while)
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

START_TEST(test_tracker_does_not_believe_a_forged_reset)
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

START_TEST(test_tracker_forgets_a_finished_flow_after_a_while)
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

START_TEST(test_tracker_new_connection_has_none_of_the_old_changes)
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

START_TEST(test_tracker_live_flow_survives_a_forged_syn)
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

START_TEST(test_tracker_repeated_syn_is_the_same_connection)
{
	passes(CLIENT, 999, 0, SYN, "", 999, 0, "");
	passes(CLIENT, 999, 0, SYN, "", 999, 0, "");
	passes(SERVER, 1999, 1000, SYN | ACK, "", 1999, 1000, "");
	changes(CLIENT, 1000, 2000, "a", 0, 0, "bc", 1000, "bca");
	passes(SERVER, 1999, 1000, SYN | ACK, "", 1999, 1000, "");
	passes(CLIENT, 1001, 2000, ACK, "d", 1003, 2000, "d");
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

START_TEST(test_tracker_flows_and_directions_do_not_mix)
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

/* Limits. */

START_TEST(test_tracker_forgets_the_quietest_flow_without_changes)
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

START_TEST(test_tracker_full_of_changes_says_so)
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

START_TEST(test_tracker_truncated_segment_passes_while_nothing_was_changed)
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

START_TEST(test_tracker_large_segment_does_not_shrink)
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

START_TEST(test_tracker_partial_checksum_is_completed)
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

UNIT_MAIN("tracker", set_up, tear_down,
	  test_tracker_takes_only_whole_tcp_segments,
	  test_tracker_leaves_flows_without_changes_alone,
	  test_tracker_splice_needs_apply_first,
	  test_tracker_shifts_both_directions_after_a_change,
	  test_tracker_apply_twice_is_apply_once,
	  test_tracker_changes_what_is_sent_again_the_same_way,
	  test_tracker_late_segment_does_not_show_what_was_changed,
	  test_tracker_same_length_change_is_repeated_too,
	  test_tracker_does_not_change_anew_what_was_sent,
	  test_tracker_one_packet_may_be_changed_many_times,
	  test_tracker_acknowledgement_of_part_of_a_change_is_none,
	  test_tracker_does_not_believe_an_acknowledgement_of_what_was_not_sent,
	  test_tracker_segment_whose_data_is_gone_asks_for_an_answer,
	  test_tracker_keepalive_stays_one_behind,
	  test_tracker_inserts_into_segments_without_data,
	  test_tracker_does_not_insert_where_a_fin_was_sent,
	  test_tracker_numbers_wrap,
	  test_tracker_maps_selective_acknowledgements,
	  test_tracker_block_of_inserted_bytes_alone_goes,
	  test_tracker_maps_what_came_twice,
	  test_tracker_moves_the_urgent_pointer,
	  test_tracker_forgets_a_reset_flow_after_a_while,
	  test_tracker_does_not_believe_a_forged_reset,
	  test_tracker_forgets_a_finished_flow_after_a_while,
	  test_tracker_new_connection_has_none_of_the_old_changes,
	  test_tracker_live_flow_survives_a_forged_syn,
	  test_tracker_repeated_syn_is_the_same_connection,
	  test_tracker_data_with_the_syn_can_be_changed,
	  test_tracker_retransmission_from_before_it_began_is_known_by_its_acknowledgement,
	  test_tracker_flows_and_directions_do_not_mix,
	  test_tracker_forgets_the_quietest_flow_without_changes,
	  test_tracker_full_of_changes_says_so,
	  test_tracker_changes_that_nobody_acknowledges_are_limited,
	  test_tracker_truncated_segment_passes_while_nothing_was_changed,
	  test_tracker_large_segment_does_not_shrink,
	  test_tracker_partial_checksum_is_completed)
