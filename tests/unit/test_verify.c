/* SPDX-License-Identifier: MIT */
/*
 * What nfbind_packet_verify() says of good packets, of each kind of damage, and of
 * what cannot be judged.
 */
#include "packets.h"

#include "view.h"

static uint32_t wrong_of(const uint8_t *bytes, size_t len, unsigned int flags)
{
	struct nfbind_packet *packet = packets_of(bytes, len);
	uint32_t wrong;

	packet->flags |= (uint8_t)flags;
	ck_assert_int_eq(nfbind_packet_verify(packet, &wrong), 0);
	packets_drop(packet, packet->payload);
	return wrong;
}

static bool is_fragment(const char *hex)
{
	return hex == packets_all[9] || hex == packets_all[10] || hex == packets_all[11];
}

START_TEST(test_verify_good_packets_are_right)
{
	for (size_t i = 0; i < COUNT_OF(packets_all); i++) {
		uint8_t bytes[200];
		size_t len = packets_bytes(packets_all[i], bytes);

		ck_assert_uint_eq(wrong_of(bytes, len, 0),
				  is_fragment(packets_all[i]) ? NFBIND_VERIFY_PARTIAL : 0);
	}
}
END_TEST

START_TEST(test_verify_what_is_no_ip_packet_is_refused)
{
	struct nfbind_packet *packet = packets_of("no packet", 9);
	uint32_t wrong = 77;

	ck_assert_int_eq(nfbind_packet_verify(packet, &wrong), -EINVAL);
	ck_assert_int_eq(nfbind_packet_verify(NULL, &wrong), -EINVAL);
	ck_assert_uint_eq(wrong, 77);
	packets_drop(packet, packet->payload);
}
END_TEST

/* Each bit of a packet is covered by something: a flipped one is never right. */
START_TEST(test_verify_every_flipped_bit_is_noticed)
{
	/* Of the whole packets those whose checksum covers everything. */
	static const size_t whole[] = { 0, 1, 2, 3, 4, 5, 6, 8 };

	for (size_t i = 0; i < COUNT_OF(whole); i++) {
		uint8_t bytes[200];
		size_t len = packets_bytes(packets_all[whole[i]], bytes);
		size_t first = bytes[0] >> 4 == 4 ? 1 : 8;

		for (size_t bit = first * 8; bit < len * 8; bit++) {
			bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			/* Extension headers are covered by nothing. */
			if (whole[i] != 1 || bit / 8 < 40 || bit / 8 >= 56)
				ck_assert_msg(wrong_of(bytes, len, 0) != 0, "bit %zu of packet %zu",
					      bit, whole[i]);
			bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}
END_TEST

START_TEST(test_verify_says_what_is_wrong)
{
	static const struct {
		size_t packet, byte;
		uint32_t wrong;
	} damage[] = {
		{ 0, 8, NFBIND_VERIFY_IP_CHECKSUM },  /* ttl */
		{ 0, 24, NFBIND_VERIFY_L4_CHECKSUM }, /* sequence number */
		{ 0, 60, NFBIND_VERIFY_L4_CHECKSUM }, /* payload */
		{ 0, 15, NFBIND_VERIFY_IP_CHECKSUM | NFBIND_VERIFY_L4_CHECKSUM }, /* source */
		{ 3, 20, NFBIND_VERIFY_L4_CHECKSUM },                             /* source, IPv6 */
		{ 4, 27, NFBIND_VERIFY_L4_CHECKSUM }, /* ICMP sequence */
		{ 6, 32, NFBIND_VERIFY_L4_CHECKSUM }, /* SCTP chunk */
		{ 7, 30, 0 },                         /* not covered by UDP-Lite */
		{ 7, 21, NFBIND_VERIFY_L4_CHECKSUM }, /* covered */
		{ 9, 20, NFBIND_VERIFY_PARTIAL },     /* the first fragment's port */
		{ 12, 25, 0 },                        /* nobody knows what GRE covers */
	};

	for (size_t i = 0; i < COUNT_OF(damage); i++) {
		uint8_t bytes[200];
		size_t len = packets_bytes(packets_all[damage[i].packet], bytes);

		bytes[damage[i].byte] ^= 1;
		ck_assert_msg(wrong_of(bytes, len, 0) == damage[i].wrong, "damage %zu: %u", i,
			      wrong_of(bytes, len, 0));
	}
}
END_TEST

START_TEST(test_verify_length_fields_must_agree_with_the_bytes)
{
	static const struct {
		size_t packet, at;
		uint16_t values[4];
	} lengths[] = {
		{ 2, 2, { 0, 19, 33, 35 } },    /* IPv4 */
		{ 3, 4, { 0, 7, 13, 15 } },     /* IPv6 */
		{ 2, 24, { 0, 7, 15, 65535 } }, /* UDP */
		{ 7, 24, { 1, 7, 15, 65535 } }, /* UDP-Lite */
	};

	for (size_t i = 0; i < COUNT_OF(lengths); i++)
		for (size_t j = 0; j < 4; j++) {
			uint8_t bytes[200];
			size_t len = packets_bytes(packets_all[lengths[i].packet], bytes);

			view_write_u16(bytes + lengths[i].at, lengths[i].values[j]);
			ck_assert_msg(wrong_of(bytes, len, 0) & NFBIND_VERIFY_LENGTH,
				      "length %u of %zu", lengths[i].values[j], i);
		}
}
END_TEST

START_TEST(test_verify_headers_must_fit_their_packet)
{
	uint8_t bytes[200];
	size_t len = packets_bytes(TCP4, bytes);

	bytes[32] = 0x40; /* TCP's data offset: less than a header */
	ck_assert(wrong_of(bytes, len, 0) & NFBIND_VERIFY_LENGTH);
	bytes[32] = 0xf0; /* and more than the packet */
	ck_assert(wrong_of(bytes, len, 0) & NFBIND_VERIFY_LENGTH);
	len = packets_bytes(TCP6, bytes);
	bytes[41] = 200; /* an extension header that reaches beyond the end */
	ck_assert(wrong_of(bytes, len, 0) & NFBIND_VERIFY_LENGTH);
	len = packets_bytes(DCCP4, bytes);
	bytes[25] = 0x0f; /* more covered than there is */
	ck_assert(wrong_of(bytes, len, 0) & NFBIND_VERIFY_LENGTH);
	/* A packet that ends with its IP header has no TCP. */
	len = packets_bytes(TCP4, bytes);
	view_write_u16(bytes + 2, 20);
	ck_assert(wrong_of(bytes, 20, 0) & NFBIND_VERIFY_LENGTH);
}
END_TEST

START_TEST(test_verify_cut_packets_are_verified_in_part)
{
	uint8_t bytes[200];

	for (size_t i = 0; i < COUNT_OF(packets_all); i++) {
		size_t len = packets_bytes(packets_all[i], bytes);
		size_t header = bytes[0] >> 4 == 4 ? 20 : 40;

		for (size_t cut = header; cut < len; cut++) {
			ck_assert_uint_eq(wrong_of(bytes, cut, PACKET_TRUNCATED),
					  NFBIND_VERIFY_PARTIAL);
			ck_assert_uint_eq(wrong_of(bytes, cut, 0),
					  NFBIND_VERIFY_PARTIAL | NFBIND_VERIFY_LENGTH);
		}
	}
}
END_TEST

START_TEST(test_verify_checksums_that_are_not_filled_in_are_not_judged)
{
	uint8_t bytes[200];
	size_t len = packets_bytes(TCP4, bytes);

	bytes[36] ^= 1;
	ck_assert_uint_eq(wrong_of(bytes, len, PACKET_PARTIAL), NFBIND_VERIFY_PARTIAL);
	bytes[8] ^= 1; /* IPv4's own is always there */
	ck_assert_uint_eq(wrong_of(bytes, len, PACKET_PARTIAL),
			  NFBIND_VERIFY_PARTIAL | NFBIND_VERIFY_IP_CHECKSUM);
}
END_TEST

START_TEST(test_verify_only_udp_over_ipv4_may_go_without_checksum)
{
	static const struct {
		const char *packet;
		size_t at;
		uint32_t wrong;
	} without[] = {
		{ UDP4, 26, 0 },
		{ UDP6, 46, NFBIND_VERIFY_L4_CHECKSUM },
		{ UDPLITE4, 26, NFBIND_VERIFY_L4_CHECKSUM },
		{ TCP4, 36, NFBIND_VERIFY_L4_CHECKSUM },
	};

	for (size_t i = 0; i < COUNT_OF(without); i++) {
		uint8_t bytes[200];
		size_t len = packets_bytes(without[i].packet, bytes);

		memset(bytes + without[i].at, 0, 2);
		ck_assert_uint_eq(wrong_of(bytes, len, 0), without[i].wrong);
	}
}
END_TEST

START_TEST(test_verify_padding_is_right_on_a_bridge_only)
{
	uint8_t bytes[200] = { 0 };
	size_t len = packets_bytes(UDP4, bytes);
	struct nfbind_packet *packet = packets_of(bytes, len + 12);
	uint32_t wrong;

	ck_assert_int_eq(nfbind_packet_verify(packet, &wrong), 0);
	ck_assert_uint_eq(wrong, NFBIND_VERIFY_LENGTH);
	packet->family = 7;
	ck_assert_int_eq(nfbind_packet_verify(packet, &wrong), 0);
	ck_assert_uint_eq(wrong, 0);
	packets_drop(packet, packet->payload);
}
END_TEST

UNIT_MAIN("verify", NULL, NULL,
	  test_verify_good_packets_are_right,
	  test_verify_what_is_no_ip_packet_is_refused,
	  test_verify_every_flipped_bit_is_noticed,
	  test_verify_says_what_is_wrong,
	  test_verify_length_fields_must_agree_with_the_bytes,
	  test_verify_headers_must_fit_their_packet,
	  test_verify_cut_packets_are_verified_in_part,
	  test_verify_checksums_that_are_not_filled_in_are_not_judged,
	  test_verify_only_udp_over_ipv4_may_go_without_checksum,
	  test_verify_padding_is_right_on_a_bridge_only)
