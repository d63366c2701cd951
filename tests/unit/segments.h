/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the tracker share: segments that pass it, and a clock that stands
 * still. The client (10.0.0.1) sends from number 1000, the server (10.0.0.2) from 2000.
 */
#ifndef SEGMENTS_H
#define SEGMENTS_H

#include "packets.h"

#include <time.h>

#include <nfbind/tracker.h>

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

static inline void set_up(void)
{
	seconds = 1000;
	ck_assert_int_eq(nfbind_tracker_new(0, &tracker), 0);
}

static inline void tear_down(void)
{
	nfbind_tracker_free(tracker);
}

static inline struct nfbind_packet *segment_of(unsigned int side, unsigned int port, uint32_t seq,
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

static inline struct nfbind_packet *segment(unsigned int side, uint32_t seq, uint32_t ack,
					    uint32_t flags, const char *data)
{
	return segment_of(side, 4000, seq, ack, flags, data);
}

static inline uint32_t number(const struct nfbind_packet *packet, uint32_t field)
{
	uint64_t value;

	ck_assert_int_eq(nfbind_packet_get_number(packet, field, &value), 0);
	return (uint32_t)value;
}

static inline void check_and_free(struct nfbind_packet *packet, uint32_t seq, uint32_t ack,
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
static inline void passes(unsigned int side, uint32_t seq, uint32_t ack, uint32_t flags,
			  const char *data, uint32_t new_seq, uint32_t new_ack,
			  const char *new_data)
{
	struct nfbind_packet *packet = segment(side, seq, ack, flags, data);

	ck_assert_int_eq(nfbind_tracker_apply(tracker, packet), 0);
	check_and_free(packet, new_seq, new_ack, new_data);
}

/* The same with a change in it. */
static inline void changes(unsigned int side, uint32_t seq, uint32_t ack, const char *data,
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

static inline void shake_hands(void)
{
	passes(CLIENT, 999, 0, SYN, "", 999, 0, "");
	passes(SERVER, 1999, 1000, SYN | ACK, "", 1999, 1000, "");
	passes(CLIENT, 1000, 2000, ACK, "", 1000, 2000, "");
}

#endif
