/* SPDX-License-Identifier: MIT */
/*
 * Changing packets: which changes are refused, whose sequence numbers may move, and
 * checksums in every state that they come in. That the bytes are right for all kinds
 * of packets is the oracle's business (scapy_oracle.py).
 */
#include "packets.h"

#include <nfbind/ct.h>

#include <linux/netlink.h>

#include "edit.h"

static uint32_t wrong_of(const struct nfbind_packet *packet)
{
	uint32_t wrong;

	ck_assert_int_eq(nfbind_packet_verify(packet, &wrong), 0);
	return wrong;
}

/* A packet as if from a queue, with a connection of that status and a helper; UINT32_MAX for none. */
static struct nfbind_packet *queued(const char *hex, uint32_t status)
{
	static _Alignas(4) uint8_t message[64];
	struct nlattr *nest = (struct nlattr *)(message + 16), *attribute = nest + 1;
	struct nfbind_packet *packet = packets_new(hex);

	memset(message, 0, sizeof(message));
	packet->state = PACKET_UNDECIDED;
	packet->message = message;
	packet->message_len = sizeof(message);
	if (status == UINT32_MAX)
		return packet;
	*nest = (struct nlattr){ .nla_len = 16, .nla_type = KERNEL_NFQA_CT | NLA_F_NESTED };
	*attribute = (struct nlattr){ .nla_len = 8, .nla_type = KERNEL_CTA_STATUS };
	view_write_u32((uint8_t *)(attribute + 1), status);
	attribute[2] = (struct nlattr){ .nla_len = 4, .nla_type = KERNEL_CTA_HELP | NLA_F_NESTED };
	packet->attributes[KERNEL_NFQA_CT] = 4;
	return packet;
}

static void drop(struct nfbind_packet *packet)
{
	packet->message = NULL;
	packet->state = PACKET_FREE;
	nfbind_packet_free(packet);
}

START_TEST(test_edit_tcp_length_change_needs_someone_who_adjusts)
{
	struct nfbind_packet *packet = queued(TCP4, UINT32_MAX);

	ck_assert_int_eq(nfbind_packet_splice(packet, 0, 1, "ab", 2), -EPROTO);
	ck_assert_int_eq(nfbind_packet_set_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, "ab", 2),
			 -EPROTO);
	packet->flags |= PACKET_TRACKED;
	ck_assert_int_eq(nfbind_packet_splice(packet, 0, 1, "ab", 2), -EPROTO);
	ck_assert_packet_eq(packet, TCP4);
	ck_assert_int_eq(nfbind_packet_splice(packet, 0, 2, "ab", 2), 0);
	drop(packet);

	packet = queued(TCP4, NFBIND_CT_STATUS_CONFIRMED | NFBIND_CT_STATUS_SRC_NAT_DONE);
	ck_assert_int_eq(nfbind_packet_splice(packet, 0, 1, "ab", 2), -EPROTO);
	ck_assert_uint_eq(packet->set, 0);
	drop(packet);

	/* Without a helper the kernel has no room for the numbers. */
	packet = queued(TCP4, NFBIND_CT_STATUS_CONFIRMED | NFBIND_CT_STATUS_SRC_NAT);
	((struct nlattr *)(packet->message + 16))->nla_len = 12;
	ck_assert_int_eq(nfbind_packet_splice(packet, 0, 1, "ab", 2), -EPROTO);
	drop(packet);
}
END_TEST

START_TEST(test_edit_kernel_adjusts_translated_connections)
{
	static const uint32_t translated[] = { NFBIND_CT_STATUS_SRC_NAT, NFBIND_CT_STATUS_DST_NAT };

	for (size_t i = 0; i < COUNT_OF(translated); i++) {
		struct nfbind_packet *packet =
			queued(TCP4, NFBIND_CT_STATUS_CONFIRMED | translated[i]);

		ck_assert_int_eq(nfbind_packet_splice(packet, 0, 1, "ab", 2), 0);
		/* It does so only beside a connection in the verdict. */
		ck_assert_uint_eq(packet->set, SET_CT);
		ck_assert_uint_eq(packet->edit->ct.len, 0);
		ck_assert_uint_eq(wrong_of(packet), 0);
		drop(packet);
	}
}
END_TEST

START_TEST(test_edit_does_not_replace_a_connection_update)
{
	struct nfbind_packet *packet = queued(TCP4, NFBIND_CT_STATUS_SRC_NAT);
	struct nfbind_ct *ct;

	ck_assert_int_eq(nfbind_ct_new(&ct), 0);
	ck_assert_int_eq(nfbind_ct_set_number(ct, NFBIND_CT_MARK, 7), 0);
	ck_assert_int_eq(nfbind_packet_set_ct(packet, ct), 0);
	nfbind_ct_free(ct);
	ck_assert_int_eq(nfbind_packet_splice(packet, 0, 1, "ab", 2), 0);
	ck_assert_uint_gt(packet->edit->ct.len, 0);
	drop(packet);
}
END_TEST

START_TEST(test_edit_other_protocols_change_their_length_freely)
{
	static const char *const others[] = { UDP4, UDP6, ICMP4, ICMP6, SCTP4, UDPLITE4, DCCP4 };

	for (size_t i = 0; i < COUNT_OF(others); i++) {
		struct nfbind_packet *packet = queued(others[i], UINT32_MAX);

		ck_assert_int_eq(nfbind_packet_splice(packet, 2, 1, "longer", 6), 0);
		ck_assert_uint_eq(packet->payload_len, strlen(others[i]) / 2 + 5);
		ck_assert_uint_eq(wrong_of(packet), 0);
		ck_assert_int_eq(nfbind_packet_splice(packet, 0, 8, NULL, 0), 0);
		ck_assert_uint_eq(wrong_of(packet), 0);
		drop(packet);
	}
}
END_TEST

START_TEST(test_edit_splice_stays_inside_the_payload)
{
	struct nfbind_packet *packet = packets_new(UDP4);

	ck_assert_int_eq(nfbind_packet_splice(packet, 7, 0, "x", 1), -ERANGE);
	ck_assert_int_eq(nfbind_packet_splice(packet, 6, 1, "x", 1), -ERANGE);
	ck_assert_int_eq(nfbind_packet_splice(packet, 1, UINT32_MAX, "x", 1), -ERANGE);
	ck_assert_int_eq(nfbind_packet_splice(packet, 0, 0, NULL, 1), -EINVAL);
	ck_assert_int_eq(nfbind_packet_splice(NULL, 0, 0, "x", 1), -EINVAL);
	ck_assert_packet_eq(packet, UDP4);
	ck_assert_int_eq(nfbind_packet_splice(packet, 6, 0, "x", 1), 0);
	nfbind_packet_free(packet);
}
END_TEST

START_TEST(test_edit_packets_without_a_whole_transport_are_refused)
{
	struct nfbind_packet *packet = packets_new(GRE4);

	ck_assert_int_eq(nfbind_packet_splice(packet, 0, 0, "x", 1), -ENODATA);
	nfbind_packet_free(packet);
	packet = packets_new(FIRST4);
	ck_assert_int_eq(nfbind_packet_splice(packet, 0, 0, "x", 1), -EOPNOTSUPP);
	ck_assert_int_eq(nfbind_packet_set_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, "x", 1),
			 -EOPNOTSUPP);
	/* Bytes for bytes is possible: the checksum is adjusted without those that are elsewhere. */
	ck_assert_int_eq(nfbind_packet_set_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, "xxxxxxx.", 8),
			 0);
	nfbind_packet_free(packet);
	packet = packets_new(LATER4);
	ck_assert_int_eq(nfbind_packet_splice(packet, 0, 0, "x", 1), -EOPNOTSUPP);
	nfbind_packet_free(packet);
}
END_TEST

START_TEST(test_edit_decided_and_truncated_packets_are_refused)
{
	struct nfbind_packet *packet = packets_new(UDP4);

	packet->state = PACKET_DECIDED;
	ck_assert_int_eq(nfbind_packet_splice(packet, 0, 0, "x", 1), -EALREADY);
	packet->state = PACKET_UNDECIDED;
	packet->flags |= PACKET_TRUNCATED;
	ck_assert_int_eq(nfbind_packet_splice(packet, 0, 0, "x", 1), -EOPNOTSUPP);
	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_IP_TTL, 1), -EOPNOTSUPP);
	ck_assert_packet_eq(packet, UDP4);
	packet->state = PACKET_FREE;
	nfbind_packet_free(packet);
}
END_TEST

START_TEST(test_edit_large_segments_grow_and_do_not_shrink)
{
	struct nfbind_packet *packet = packets_new(UDP4);

	packet->flags |= PACKET_GSO;
	ck_assert_int_eq(nfbind_packet_splice(packet, 0, 2, "x", 1), -EOPNOTSUPP);
	ck_assert_int_eq(nfbind_packet_splice(packet, 0, 1, "x", 1), 0);
	ck_assert_int_eq(nfbind_packet_splice(packet, 0, 1, "xx", 2), 0);
	ck_assert_uint_eq(wrong_of(packet), 0);
	nfbind_packet_free(packet);
}
END_TEST

START_TEST(test_edit_lengths_that_disagree_are_not_made_up)
{
	uint8_t bytes[100];
	size_t len = packets_bytes(UDP4, bytes);
	struct nfbind_packet *packet;

	view_write_u16(bytes + 2, 0); /* BIG TCP, or nonsense */
	ck_assert_int_eq(nfbind_packet_new(bytes, len, &packet), 0);
	ck_assert_int_eq(nfbind_packet_splice(packet, 0, 0, "x", 1), -EOPNOTSUPP);
	nfbind_packet_free(packet);
	view_write_u16(bytes + 2, (uint16_t)(len + 1)); /* bytes are missing */
	ck_assert_int_eq(nfbind_packet_new(bytes, len, &packet), 0);
	ck_assert_int_eq(nfbind_packet_splice(packet, 0, 0, "x", 1), -EOPNOTSUPP);
	nfbind_packet_free(packet);
	len = packets_bytes(UDP6, bytes);
	view_write_u16(bytes + 4, 0); /* a jumbogram */
	ck_assert_int_eq(nfbind_packet_new(bytes, len, &packet), 0);
	ck_assert_int_eq(nfbind_packet_splice(packet, 0, 0, "x", 1), -EOPNOTSUPP);
	nfbind_packet_free(packet);
	len = packets_bytes(UDP4, bytes);
	view_write_u16(bytes + 24, 15); /* UDP is longer than IP */
	ck_assert_int_eq(nfbind_packet_new(bytes, len, &packet), 0);
	ck_assert_int_eq(nfbind_packet_splice(packet, 0, 0, "x", 1), -EOPNOTSUPP);
	nfbind_packet_free(packet);
}
END_TEST

START_TEST(test_edit_growth_ends_at_what_a_verdict_can_carry)
{
	static uint8_t data[70000];
	const uint32_t headers = 28;
	struct nfbind_packet *packet = packets_new(UDP4);

	ck_assert_int_eq(nfbind_packet_set_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, data,
						 PAYLOAD_MAX - headers + 1),
			 -EMSGSIZE);
	ck_assert_int_eq(nfbind_packet_set_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, data,
						 sizeof(data)),
			 -EMSGSIZE);
	ck_assert_packet_eq(packet, UDP4);
	ck_assert_int_eq(nfbind_packet_set_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, data,
						 PAYLOAD_MAX - headers),
			 0);
	ck_assert_uint_eq(wrong_of(packet), 0);
	ck_assert_int_eq(nfbind_packet_splice(packet, 0, 0, "x", 1), -EMSGSIZE);
	ck_assert_int_eq(nfbind_packet_splice(packet, 0, PAYLOAD_MAX - headers, NULL, 0), 0);
	ck_assert_uint_eq(packet->payload_len, headers);
	ck_assert_uint_eq(wrong_of(packet), 0);
	nfbind_packet_free(packet);
}
END_TEST

START_TEST(test_edit_new_bytes_may_be_part_of_the_old_ones)
{
	struct nfbind_packet *packet = packets_new(UDP4);
	const void *data;
	size_t len;

	/* "answer" -> "swer" -> "swswerer", each taken from the packet itself. */
	ck_assert_int_eq(nfbind_packet_get_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, &data, &len), 0);
	ck_assert_int_eq(nfbind_packet_set_bytes(packet, NFBIND_PACKET_L4_PAYLOAD,
						 (const uint8_t *)data + 2, 4),
			 0);
	ck_assert_int_eq(nfbind_packet_get_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, &data, &len), 0);
	ck_assert_bytes_eq(data, len, "swer", 4);
	ck_assert_int_eq(nfbind_packet_splice(packet, 2, 0, data, len), 0);
	ck_assert_int_eq(nfbind_packet_get_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, &data, &len), 0);
	ck_assert_bytes_eq(data, len, "swswerer", 8);
	/* An address from the other one. */
	ck_assert_int_eq(nfbind_packet_get_bytes(packet, NFBIND_PACKET_IP_DST, &data, &len), 0);
	ck_assert_int_eq(nfbind_packet_set_bytes(packet, NFBIND_PACKET_IP_SRC, data, len), 0);
	ck_assert_uint_eq(wrong_of(packet), 0);
	nfbind_packet_free(packet);
}
END_TEST

START_TEST(test_edit_what_lies_behind_the_packet_moves_along)
{
	uint8_t bytes[100] = { 0 };
	size_t len = packets_bytes(UDP4, bytes);
	struct nfbind_packet *packet;

	memcpy(bytes + len, "padding", 7);
	ck_assert_int_eq(nfbind_packet_new(bytes, len + 7, &packet), 0);
	ck_assert_int_eq(nfbind_packet_splice(packet, 6, 0, "+", 1), 0);
	ck_assert_bytes_eq(packet->payload + len - 6, packet->payload_len - len + 6,
			   "answer+padding", 14);
	ck_assert_uint_eq(wrong_of(packet), NFBIND_VERIFY_LENGTH);
	packet->family = 7;
	ck_assert_uint_eq(wrong_of(packet), 0);
	nfbind_packet_free(packet);
}
END_TEST

/* Checksums that are not filled in. */

static struct nfbind_packet *partial(const char *hex)
{
	struct nfbind_packet *packet = packets_new(hex);
	struct coverage coverage;
	struct view view;
	uint16_t sum;

	ck_assert_int_eq(view_of(packet, &view), 0);
	ck_assert(view_coverage(packet->payload, &view, &coverage));
	if (coverage.is_crc) {
		memset(packet->payload + coverage.at, 0, 4);
	} else {
		/* As the kernel leaves it: the pseudo header's sum, not complemented. */
		uint64_t folded = view_sum_pseudo(packet->payload, &view);

		while (folded >> 16)
			folded = (folded & 0xffff) + (folded >> 16);
		sum = (uint16_t)folded;
		memcpy(packet->payload + coverage.at, &sum, 2);
	}
	packet->flags |= PACKET_PARTIAL;
	return packet;
}

START_TEST(test_edit_partial_checksums_are_completed_with_any_change)
{
	static const char *const packets[] = { TCP4, TCP6, UDP4, UDP6, SCTP4, UDPLITE4 };

	for (size_t i = 0; i < COUNT_OF(packets); i++) {
		for (unsigned int change = 0; change < 4; change++) {
			struct nfbind_packet *packet = partial(packets[i]);
			int r;

			ck_assert_uint_eq(wrong_of(packet), NFBIND_VERIFY_PARTIAL);
			switch (change) {
			case 0:
				r = nfbind_packet_set_number(packet, NFBIND_PACKET_IP_TTL, 3);
				break;
			case 1:
				r = nfbind_packet_set_number(packet, NFBIND_PACKET_PORT_DST, 99);
				break;
			case 2:
				r = nfbind_packet_splice(packet, 1, 0, "xyz", 3);
				break;
			default:
				r = nfbind_packet_splice(packet, 1, 1, "x", 1);
			}
			ck_assert_int_eq(r, 0);
			ck_assert_uint_eq(wrong_of(packet), 0);
			/* And from then on they are adjusted as any other. */
			ck_assert_int_eq(
				nfbind_packet_set_number(packet, NFBIND_PACKET_PORT_SRC, 98), 0);
			ck_assert_uint_eq(wrong_of(packet), 0);
			nfbind_packet_free(packet);
		}
	}
}
END_TEST

START_TEST(test_edit_packet_without_change_stays_partial)
{
	struct nfbind_packet *packet = partial(TCP4);

	view_finish(packet);
	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_IP_TTL, 61), 0);
	ck_assert_uint_eq(wrong_of(packet), NFBIND_VERIFY_PARTIAL);
	nfbind_packet_free(packet);
}
END_TEST

START_TEST(test_edit_partial_checksum_inside_a_tunnel_is_left_alone)
{
	struct nfbind_packet *packet = packets_new(GRE4);

	packet->flags |= PACKET_PARTIAL;
	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_IP_TTL, 3), -EOPNOTSUPP);
	nfbind_packet_free(packet);
	/* UDP around another packet: its own checksum is complete, or there is none. */
	packet = packets_new(UDP4);
	packet->flags |= PACKET_PARTIAL;
	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_IP_TTL, 3), -EOPNOTSUPP);
	memset(packet->payload + 26, 0, 2);
	ck_assert_int_eq(nfbind_packet_splice(packet, 0, 0, "x", 1), -EOPNOTSUPP);
	nfbind_packet_free(packet);
}
END_TEST

/* Checksums that are none, or wrong. */

START_TEST(test_edit_udp_without_checksum_stays_without)
{
	struct nfbind_packet *packet = packets_new(UDP4);

	memset(packet->payload + 26, 0, 2);
	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_PORT_DST, 1), 0);
	ck_assert_int_eq(nfbind_packet_splice(packet, 0, 1, "xy", 2), 0);
	ck_assert_uint_eq(view_read_u16(packet->payload + 26), 0);
	ck_assert_uint_eq(wrong_of(packet), 0);
	nfbind_packet_free(packet);
}
END_TEST

/* The value 0 stands for no checksum, so one that comes out as 0 is sent as its negative. */
START_TEST(test_edit_udp_checksum_is_never_zero)
{
	unsigned int met = 0;

	for (uint32_t i = 0; i < 65536 * 2; i++) {
		struct nfbind_packet *packet = i % 2 ? packets_new(UDP4) : partial(UDP4);
		uint32_t port = i / 2;

		if (nfbind_packet_set_number(packet, NFBIND_PACKET_PORT_SRC, port) < 0 ||
		    view_read_u16(packet->payload + 26) == 0)
			ck_abort_msg("port %u", port);
		met += view_read_u16(packet->payload + 26) == 0xffff;
		nfbind_packet_free(packet);
	}
	/* Once adjusted, once filled in. */
	ck_assert_uint_eq(met, 2);
}
END_TEST

START_TEST(test_edit_sctp_without_checksum_stays_without)
{
	struct nfbind_packet *packet = packets_new(SCTP4);

	memset(packet->payload + 28, 0, 4); /* RFC 9653 */
	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_PORT_DST, 1), 0);
	ck_assert_int_eq(nfbind_packet_splice(packet, 0, 1, "xy", 2), 0);
	ck_assert_uint_eq(view_read_u32(packet->payload + 28), 0);
	nfbind_packet_free(packet);
}
END_TEST

START_TEST(test_edit_sctp_fragment_is_refused)
{
	uint8_t bytes[100];
	size_t len = packets_bytes(SCTP4, bytes);
	struct nfbind_packet *packet;

	bytes[6] |= 0x20;
	ck_assert_int_eq(nfbind_packet_new(bytes, len, &packet), 0);
	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_PORT_DST, 1), -EOPNOTSUPP);
	nfbind_packet_free(packet);
}
END_TEST

START_TEST(test_edit_wrong_checksum_is_right_again_when_the_damage_is_undone)
{
	static const char *const packets[] = { TCP4, TCP6, UDP4, UDP6, ICMP4, ICMP6, SCTP4, DCCP4 };

	for (size_t i = 0; i < COUNT_OF(packets); i++) {
		struct nfbind_packet *packet = packets_new(packets[i]);

		packet->payload[packet->payload_len - 1] ^= 0x40;
		ck_assert_uint_eq(wrong_of(packet), NFBIND_VERIFY_L4_CHECKSUM);
		ck_assert_int_eq(nfbind_packet_splice(packet, 0, 0, "some bytes", 10), 0);
		ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_IP_TTL, 3), 0);
		ck_assert_uint_eq(wrong_of(packet), NFBIND_VERIFY_L4_CHECKSUM);
		packet->payload[packet->payload_len - 1] ^= 0x40;
		/* A CRC is linear in the damage, but not the same at another place. */
		if (packets[i] != packets[6])
			ck_assert_uint_eq(wrong_of(packet), 0);
		nfbind_packet_free(packet);
	}
}
END_TEST

START_TEST(test_edit_wrong_ip_checksum_stays_wrong)
{
	struct nfbind_packet *packet = packets_new(UDP4);

	packet->payload[8] ^= 1;
	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_IP_DSCP, 3), 0);
	ck_assert_int_eq(nfbind_packet_splice(packet, 0, 0, "some bytes", 10), 0);
	ck_assert_uint_eq(wrong_of(packet), NFBIND_VERIFY_IP_CHECKSUM);
	packet->payload[8] ^= 1;
	ck_assert_uint_eq(wrong_of(packet), 0);
	nfbind_packet_free(packet);
}
END_TEST

START_TEST(test_edit_random_changes_keep_every_packet_right)
{
	uint8_t data[64];

	for (unsigned long round = 0; round < unit_rounds(2000); round++) {
		const char *hex = packets_all[unit_random(9)];
		struct nfbind_packet *packet = unit_random(3) && hex != packets_all[4] &&
							       hex != packets_all[5] &&
							       hex != packets_all[8]
						       ? partial(hex)
						       : packets_new(hex);

		for (unsigned int i = 0; i < 8; i++) {
			uint32_t field = NFBIND_PACKET_IP_VERSION + unit_random(27);

			for (size_t j = 0; j < sizeof(data); j++)
				data[j] = (uint8_t)unit_random(256);
			nfbind_packet_set_number(packet, field,
						 unit_random(65536) >> unit_random(16));
			nfbind_packet_set_bytes(packet, field, data, unit_random(2) ? 4 : 16);
			nfbind_packet_splice(packet, unit_random(20), unit_random(20), data,
					     unit_random(sizeof(data)));
		}
		if (packet->flags & PACKET_CHANGED && wrong_of(packet) != 0)
			ck_abort_msg("%s is wrong: %u", hex, wrong_of(packet));
		nfbind_packet_free(packet);
	}
}
END_TEST

UNIT_MAIN("edit", NULL, NULL,
	  test_edit_tcp_length_change_needs_someone_who_adjusts,
	  test_edit_kernel_adjusts_translated_connections,
	  test_edit_does_not_replace_a_connection_update,
	  test_edit_other_protocols_change_their_length_freely,
	  test_edit_splice_stays_inside_the_payload,
	  test_edit_packets_without_a_whole_transport_are_refused,
	  test_edit_decided_and_truncated_packets_are_refused,
	  test_edit_large_segments_grow_and_do_not_shrink,
	  test_edit_lengths_that_disagree_are_not_made_up,
	  test_edit_growth_ends_at_what_a_verdict_can_carry,
	  test_edit_new_bytes_may_be_part_of_the_old_ones,
	  test_edit_what_lies_behind_the_packet_moves_along,
	  test_edit_partial_checksums_are_completed_with_any_change,
	  test_edit_packet_without_change_stays_partial,
	  test_edit_partial_checksum_inside_a_tunnel_is_left_alone,
	  test_edit_udp_without_checksum_stays_without,
	  test_edit_udp_checksum_is_never_zero,
	  test_edit_sctp_without_checksum_stays_without,
	  test_edit_sctp_fragment_is_refused,
	  test_edit_wrong_checksum_is_right_again_when_the_damage_is_undone,
	  test_edit_wrong_ip_checksum_stays_wrong,
	  test_edit_random_changes_keep_every_packet_right)
