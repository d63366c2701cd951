/* SPDX-License-Identifier: MIT */
/*
 * Packets that answer others: whom they answer, and whom they must not. Their bytes
 * are compared with scapy's by scapy_oracle.py.
 */
#include "packets.h"

#include "view.h"

static void check_right(struct nfbind_packet *packet)
{
	uint32_t wrong;

	ck_assert_int_eq(nfbind_packet_verify(packet, &wrong), 0);
	ck_assert_uint_eq(wrong, 0);
	ck_assert_int_eq(packet->flags, PACKET_OWNED | (packet->flags & PACKET_VIEWED));
	ck_assert_int_eq(packet->state, PACKET_FREE);
	nfbind_packet_free(packet);
}

static uint64_t number(const struct nfbind_packet *packet, uint32_t field)
{
	uint64_t value;

	ck_assert_int_eq(nfbind_packet_get_number(packet, field, &value), 0);
	return value;
}

static int refuse(struct nfbind_packet *packet)
{
	struct nfbind_packet *answer = NULL;
	int r = nfbind_packet_build_unreachable(packet, 1, &answer);

	nfbind_packet_free(packet);
	if (r == 0)
		check_right(answer);
	else
		ck_assert_ptr_null(answer);
	return r;
}

/* The result for a packet with one byte changed. */
static int refuse_with(const char *hex, size_t at, uint8_t value)
{
	uint8_t bytes[200];
	size_t len = packets_bytes(hex, bytes);
	struct nfbind_packet *packet;

	bytes[at] = value;
	ck_assert_int_eq(nfbind_packet_new(bytes, len, &packet), 0);
	return refuse(packet);
}

START_TEST(test_build_unreachable_answers_ordinary_packets)
{
	static const char *const ordinary[] = { TCP4,  TCP6,     UDP4,  UDP6,   ICMP4, ICMP6,
						SCTP4, UDPLITE4, DCCP4, FIRST4, GRE4 };

	for (size_t i = 0; i < COUNT_OF(ordinary); i++)
		ck_assert_int_eq(refuse(packets_new(ordinary[i])), 0);
}
END_TEST

START_TEST(test_build_unreachable_does_not_answer_errors)
{
	static const uint8_t errors4[] = { 3, 4, 5, 11, 12, 200 }, fine4[] = { 0, 8, 13, 17 };
	static const uint8_t errors6[] = { 1, 2, 3, 4, 100, 127, 137 }, fine6[] = { 128, 129, 135 };

	for (size_t i = 0; i < COUNT_OF(errors4); i++)
		ck_assert_int_eq(refuse_with(ICMP4, 20, errors4[i]), -EINVAL);
	for (size_t i = 0; i < COUNT_OF(fine4); i++)
		ck_assert_int_eq(refuse_with(ICMP4, 20, fine4[i]), 0);
	for (size_t i = 0; i < COUNT_OF(errors6); i++)
		ck_assert_int_eq(refuse_with(ICMP6, 40, errors6[i]), -EINVAL);
	for (size_t i = 0; i < COUNT_OF(fine6); i++)
		ck_assert_int_eq(refuse_with(ICMP6, 40, fine6[i]), 0);
}
END_TEST

START_TEST(test_build_unreachable_does_not_answer_later_fragments)
{
	ck_assert_int_eq(refuse(packets_new(LATER4)), -EINVAL);
	ck_assert_int_eq(refuse(packets_new(LATER6)), -EINVAL);
}
END_TEST

START_TEST(test_build_unreachable_does_not_answer_to_many_or_to_nobody)
{
	struct nfbind_packet *packet = packets_new(UDP4), *answer;

	ck_assert_int_eq(refuse_with(UDP4, 16, 224), -EINVAL); /* to a group */
	ck_assert_int_eq(refuse_with(UDP4, 12, 239), -EINVAL); /* from a group */
	ck_assert_int_eq(refuse_with(UDP4, 12, 255), -EINVAL);
	ck_assert_int_eq(refuse_with(UDP4, 12, 240), -EINVAL); /* class E */
	ck_assert_int_eq(refuse_with(UDP6, 24, 0xff), -EINVAL);
	ck_assert_int_eq(refuse_with(UDP6, 8, 0xff), -EINVAL);
	memset(packet->payload + 12, 0, 4);
	ck_assert_int_eq(nfbind_packet_build_unreachable(packet, 1, &answer), -EINVAL);
	memset(packet->payload + 12, 1, 4);
	memset(packet->payload + 16, 255, 4);
	ck_assert_int_eq(nfbind_packet_build_unreachable(packet, 1, &answer), -EINVAL);
	nfbind_packet_free(packet);
	packet = packets_new(UDP6);
	memset(packet->payload + 8, 0, 16);
	ck_assert_int_eq(nfbind_packet_build_unreachable(packet, 1, &answer), -EINVAL);
	nfbind_packet_free(packet);
}
END_TEST

START_TEST(test_build_unreachable_has_only_codes_that_exist)
{
	struct nfbind_packet *four = packets_new(UDP4), *six = packets_new(UDP6), *answer;

	ck_assert_int_eq(nfbind_packet_build_unreachable(four, 16, &answer), -ERANGE);
	ck_assert_int_eq(nfbind_packet_build_unreachable(six, 9, &answer), -ERANGE);
	ck_assert_int_eq(nfbind_packet_build_unreachable(four, 15, &answer), 0);
	ck_assert_uint_eq(number(answer, NFBIND_PACKET_ICMP_TYPE), 3);
	ck_assert_uint_eq(number(answer, NFBIND_PACKET_ICMP_CODE), 15);
	check_right(answer);
	ck_assert_int_eq(nfbind_packet_build_unreachable(six, 8, &answer), 0);
	ck_assert_uint_eq(number(answer, NFBIND_PACKET_ICMP_TYPE), 1);
	ck_assert_uint_eq(number(answer, NFBIND_PACKET_ICMP_CODE), 8);
	check_right(answer);
	nfbind_packet_free(four);
	nfbind_packet_free(six);
}
END_TEST

START_TEST(test_build_unreachable_quotes_as_much_as_it_may)
{
	static uint8_t data[3000];
	struct nfbind_packet *four = packets_new(UDP4), *six = packets_new(UDP6), *answer;

	ck_assert_int_eq(nfbind_packet_splice(four, 0, 0, data, sizeof(data)), 0);
	ck_assert_int_eq(nfbind_packet_splice(six, 0, 0, data, sizeof(data)), 0);
	ck_assert_int_eq(nfbind_packet_build_unreachable(four, 3, &answer), 0);
	ck_assert_uint_eq(answer->payload_len, 576);
	ck_assert_mem_eq(answer->payload + 28, four->payload, 548);
	check_right(answer);
	ck_assert_int_eq(nfbind_packet_build_unreachable(six, 4, &answer), 0);
	ck_assert_uint_eq(answer->payload_len, 1280);
	ck_assert_mem_eq(answer->payload + 48, six->payload, 1232);
	check_right(answer);
	nfbind_packet_free(four);
	nfbind_packet_free(six);
}
END_TEST

START_TEST(test_build_unreachable_answers_what_is_cut)
{
	uint8_t bytes[200];
	size_t len = packets_bytes(TCP4, bytes);

	for (size_t cut = 20; cut < len; cut++) {
		struct nfbind_packet *packet = packets_of(bytes, cut), *answer;

		packet->flags |= PACKET_TRUNCATED;
		ck_assert_int_eq(nfbind_packet_build_unreachable(packet, 3, &answer), 0);
		ck_assert_uint_eq(answer->payload_len, 28 + cut);
		check_right(answer);
		packets_drop(packet, packet->payload);
	}
}
END_TEST

START_TEST(test_build_reset_of_rfc_9293)
{
	struct nfbind_packet *packet = packets_new(TCP4), *answer;

	/* It acknowledged something: that is where the reset is, and it needs no more. */
	ck_assert_int_eq(nfbind_packet_build_reply(packet, NFBIND_TCP_FLAG_RST, NULL, 0, &answer),
			 0);
	ck_assert_uint_eq(number(answer, NFBIND_PACKET_TCP_FLAGS), NFBIND_TCP_FLAG_RST);
	ck_assert_uint_eq(number(answer, NFBIND_PACKET_TCP_SEQ), 2000);
	ck_assert_uint_eq(number(answer, NFBIND_PACKET_TCP_ACK), 0);
	ck_assert_uint_eq(number(answer, NFBIND_PACKET_PORT_SRC), 80);
	ck_assert_uint_eq(number(answer, NFBIND_PACKET_PORT_DST), 4000);
	check_right(answer);
	nfbind_packet_free(packet);
	/* It did not, so the reset acknowledges all of it: the SYN and three bytes. */
	packet = packets_new(TCP6);
	ck_assert_int_eq(nfbind_packet_build_reply(packet, NFBIND_TCP_FLAG_RST, NULL, 0, &answer),
			 0);
	ck_assert_uint_eq(number(answer, NFBIND_PACKET_TCP_FLAGS),
			  NFBIND_TCP_FLAG_RST | NFBIND_TCP_FLAG_ACK);
	ck_assert_uint_eq(number(answer, NFBIND_PACKET_TCP_SEQ), 0);
	ck_assert_uint_eq(number(answer, NFBIND_PACKET_TCP_ACK), 1004);
	check_right(answer);
	nfbind_packet_free(packet);
}
END_TEST

START_TEST(test_build_reply_acknowledges_what_the_kernel_did_not_deliver)
{
	uint8_t bytes[200];
	struct nfbind_packet *packet, *answer;

	packets_bytes(TCP4, bytes);
	packet = packets_of(bytes, 48);
	packet->flags |= PACKET_TRUNCATED;
	ck_assert_int_eq(nfbind_packet_build_reply(packet, NFBIND_TCP_FLAG_ACK, NULL, 0, &answer),
			 0);
	ck_assert_uint_eq(number(answer, NFBIND_PACKET_TCP_ACK), 1014);
	check_right(answer);
	packets_drop(packet, packet->payload);
}
END_TEST

START_TEST(test_build_reply_refuses_what_has_none)
{
	static const char *const others[] = { UDP4, ICMP6, FIRST4, LATER4, GRE4 };
	static uint8_t data[65536];
	struct nfbind_packet *packet, *answer = NULL;

	for (size_t i = 0; i < COUNT_OF(others); i++) {
		packet = packets_new(others[i]);
		ck_assert_int_eq(nfbind_packet_build_reply(packet, NFBIND_TCP_FLAG_RST, NULL, 0,
							   &answer),
				 -EINVAL);
		nfbind_packet_free(packet);
	}
	packet = packets_new(TCP4);
	ck_assert_int_eq(nfbind_packet_build_reply(packet, 0x100, NULL, 0, &answer), -EINVAL);
	ck_assert_int_eq(nfbind_packet_build_reply(packet, NFBIND_TCP_FLAG_ACK, NULL, 1, &answer),
			 -EINVAL);
	ck_assert_int_eq(nfbind_packet_build_reply(packet, NFBIND_TCP_FLAG_ACK, data, 65535 - 39,
						   &answer),
			 -EMSGSIZE);
	packet->payload[33] |= NFBIND_TCP_FLAG_RST; /* a reset is not reset */
	ck_assert_int_eq(nfbind_packet_build_reply(packet, NFBIND_TCP_FLAG_RST, NULL, 0, &answer),
			 -EINVAL);
	ck_assert_ptr_null(answer);
	packet->payload[33] = NFBIND_TCP_FLAG_ACK;
	ck_assert_int_eq(nfbind_packet_build_reply(packet, NFBIND_TCP_FLAG_ACK, data, 65535 - 40,
						   &answer),
			 0);
	ck_assert_uint_eq(answer->payload_len, 65535);
	check_right(answer);
	nfbind_packet_free(packet);
}
END_TEST

UNIT_MAIN("build", NULL, NULL,
	  test_build_unreachable_answers_ordinary_packets,
	  test_build_unreachable_does_not_answer_errors,
	  test_build_unreachable_does_not_answer_later_fragments,
	  test_build_unreachable_does_not_answer_to_many_or_to_nobody,
	  test_build_unreachable_has_only_codes_that_exist,
	  test_build_unreachable_quotes_as_much_as_it_may,
	  test_build_unreachable_answers_what_is_cut,
	  test_build_reset_of_rfc_9293,
	  test_build_reply_acknowledges_what_the_kernel_did_not_deliver,
	  test_build_reply_refuses_what_has_none)
