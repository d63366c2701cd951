/* SPDX-License-Identifier: MIT */
/*
 * What a verdict says to the kernel, byte for byte, and which verdicts are none.
 */
#include <arpa/inet.h>
#include <linux/netlink.h>

#include "session.h"

static struct message expected;

/* The kernel's answer to a refused message must tell queue, id and number of messages. */
static void start(uint16_t queue, uint32_t id, uint32_t verdict, uint32_t count)
{
	uint32_t header[2] = { htonl(verdict), htonl(id) };
	struct nlmsghdr *message = (struct nlmsghdr *)expected.data;

	message_start(&expected, KERNEL_SUBSYS_QUEUE << 8 | KERNEL_QUEUE_VERDICT, NLM_F_REQUEST, 0,
		      queue);
	message_number(&expected, id);
	message->nlmsg_pid = queue | count << 16;
	message_put(&expected, KERNEL_NFQA_VERDICT_HDR, header, sizeof(header));
}

static void expect(void)
{
	message_end(&expected);
	fake_expect_send(expected.data, expected.len, FAKE_TAKE_ALL);
}

static void decide_now(uint32_t verdict)
{
	session_decide(0, verdict | NFBIND_VERDICT_NOW);
	ck_assert(fake_is_done());
}

START_TEST(test_verdict_message_is_32_bytes)
{
	session_bind(513, NULL);
	kernel_set_last_id(513, 0x01020303);
	session_get(513, 1);
	start(513, 0x01020304, NFBIND_VERDICT_ACCEPT, 1);
	ck_assert_uint_eq(expected.len, 32);
	expect();
	decide_now(NFBIND_VERDICT_ACCEPT);
}
END_TEST

START_TEST(test_verdict_every_kind_goes_as_it_is)
{
	const uint32_t verdicts[] = {
		NFBIND_VERDICT_DROP, NFBIND_VERDICT_ACCEPT, NFBIND_VERDICT_REPEAT,
		NFBIND_VERDICT_STOP, nfbind_verdict_to_queue(0, 0), nfbind_verdict_to_queue(7, 1),
		nfbind_verdict_to_queue(65535, 1),
	};

	session_bind(5, NULL);
	for (uint32_t i = 0; i < COUNT_OF(verdicts); i++) {
		session_get(5, 1);
		start(5, i + 1, verdicts[i], 1);
		expect();
		decide_now(verdicts[i]);
	}
}
END_TEST

START_TEST(test_verdict_to_a_queue_has_its_number_and_bypass)
{
	ck_assert_uint_eq(nfbind_verdict_to_queue(0, 0), 3);
	ck_assert_uint_eq(nfbind_verdict_to_queue(7, 0), 0x70003);
	ck_assert_uint_eq(nfbind_verdict_to_queue(0xffff, 99), 0xffff8003);
}
END_TEST

START_TEST(test_verdict_that_is_none_changes_nothing)
{
	static const uint32_t bad[] = { 2, 6, 7, 0xff, 0x10001, 0x10000, 0x200, 0x8001, 0x7003,
					0x10002, 0x8000 };
	uint32_t count = 0;

	session_bind(5, NULL);
	session_get(5, 1);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		ck_assert_int_eq(nfbind_queue_verdict(session, session_packet(0), bad[i]), -EINVAL);
		ck_assert_int_eq(nfbind_queue_verdict_rest(session, bad[i]), -EINVAL);
		count++;
	}
	ck_assert_uint_eq(count, COUNT_OF(bad));
	ck_assert_ptr_nonnull(strstr(session_message(NFBIND_SIDE_SEND), "no verdict"));
	session_decide(0, NFBIND_VERDICT_ACCEPT);
}
END_TEST

START_TEST(test_verdict_carries_mark_and_priority)
{
	session_bind(5, NULL);
	session_get(5, 1);
	nfbind_packet_set_number(session_packet(0), NFBIND_PACKET_PRIORITY, 0x10002);
	nfbind_packet_set_number(session_packet(0), NFBIND_PACKET_MARK, 0xdeadbeef);
	start(5, 1, NFBIND_VERDICT_ACCEPT, 1);
	message_put_u32(&expected, KERNEL_NFQA_MARK, 0xdeadbeef);
	message_put_u32(&expected, KERNEL_NFQA_PRIORITY, 0x10002);
	expect();
	decide_now(NFBIND_VERDICT_ACCEPT);
}
END_TEST

START_TEST(test_verdict_change_that_was_taken_back_is_not_sent)
{
	session_bind(5, NULL);
	session_get(5, 1);
	nfbind_packet_set_number(session_packet(0), NFBIND_PACKET_MARK, 1);
	ck_assert_int_eq(nfbind_packet_clear(session_packet(0), NFBIND_PACKET_MARK), 0);
	start(5, 1, NFBIND_VERDICT_ACCEPT, 1);
	expect();
	decide_now(NFBIND_VERDICT_ACCEPT);
}
END_TEST

START_TEST(test_verdict_payload_is_not_longer_than_it_is)
{
	uint8_t payload[43];
	const struct nlattr *attribute;

	memset(payload, 0xaa, sizeof(payload));
	memcpy(payload, kernel_udp, sizeof(kernel_udp));
	session_bind(5, NULL);
	for (size_t len = 40; len <= 43; len++) {
		session_get(5, 1);
		ck_assert_int_eq(nfbind_packet_set_bytes(session_packet(0), NFBIND_PACKET_PAYLOAD,
							 payload, len), 0);
		decide_now(NFBIND_VERDICT_ACCEPT);
		ck_assert_bytes_eq(kernel_last_verdict()->payload, kernel_last_verdict()->payload_len,
				   payload, len);
		/* The padding is zeroed, and counted by the message only. */
		ck_assert_uint_eq(fake_last_sent()->len, 36 + 44 - (len == 40 ? 4 : 0));
		attribute = (const struct nlattr *)(fake_last_sent()->data + 32);
		ck_assert_uint_eq(attribute->nla_len, 4 + len);
		for (size_t i = 36 + len; i < fake_last_sent()->len; i++)
			ck_assert_uint_eq(fake_last_sent()->data[i], 0);
	}
}
END_TEST

START_TEST(test_verdict_largest_payload_fits)
{
	static uint8_t payload[65531];

	memcpy(payload, kernel_udp, sizeof(kernel_udp));
	session_bind(5, NULL);
	session_get(5, 1);
	ck_assert_int_eq(nfbind_packet_set_bytes(session_packet(0), NFBIND_PACKET_PAYLOAD, payload,
						 sizeof(payload)), 0);
	decide_now(NFBIND_VERDICT_ACCEPT);
	ck_assert_bytes_eq(kernel_last_verdict()->payload, kernel_last_verdict()->payload_len,
			   payload, sizeof(payload));
}
END_TEST

START_TEST(test_verdict_payload_that_the_kernel_would_drop_is_refused)
{
	session_bind(5, NULL);
	session_get(5, 1);
	/* It ends before the UDP header. */
	ck_assert_int_eq(nfbind_packet_set_bytes(session_packet(0), NFBIND_PACKET_PAYLOAD, kernel_udp,
						 19), 0);
	ck_assert_int_eq(nfbind_queue_verdict(session, session_packet(0), NFBIND_VERDICT_ACCEPT),
			 -EOPNOTSUPP);
	ck_assert_int_eq(nfbind_packet_set_bytes(session_packet(0), NFBIND_PACKET_PAYLOAD, kernel_udp,
						 20), 0);
	session_decide(0, NFBIND_VERDICT_ACCEPT);
}
END_TEST

/* A packet of a bridge: a link-layer header and a VLAN tag. */
static void get_bridged(void)
{
	static const uint8_t l2hdr[14] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x81, 0 };
	struct message extra = { 0 };
	uint16_t proto = htons(0x8100), tci = htons(0x2005);
	size_t nest = message_nest_start(&extra, KERNEL_NFQA_VLAN);

	message_put(&extra, KERNEL_NFQA_VLAN_TCI, &tci, 2);
	message_put(&extra, KERNEL_NFQA_VLAN_PROTO, &proto, 2);
	message_nest_end(&extra, nest);
	message_put(&extra, KERNEL_NFQA_L2HDR, l2hdr, sizeof(l2hdr));
	kernel_packet_with(5, extra.data, extra.len, kernel_udp, sizeof(kernel_udp));
	session_receive(1);
}

START_TEST(test_verdict_vlan_tag_goes_whole)
{
	uint16_t proto = htons(0x8100), tci = htons(0x4007);
	size_t nest;

	session_bind(5, NULL);
	get_bridged();
	ck_assert_int_eq(nfbind_packet_set_number(session_packet(0), NFBIND_PACKET_VLAN_TCI, 0x4007),
			 0);
	start(5, 1, NFBIND_VERDICT_ACCEPT, 1);
	nest = message_nest_start(&expected, KERNEL_NFQA_VLAN);
	message_put(&expected, KERNEL_NFQA_VLAN_PROTO, &proto, 2);
	message_put(&expected, KERNEL_NFQA_VLAN_TCI, &tci, 2);
	message_nest_end(&expected, nest);
	expect();
	decide_now(NFBIND_VERDICT_ACCEPT);
}
END_TEST

START_TEST(test_verdict_half_a_vlan_tag_is_refused)
{
	session_bind(5, NULL);
	session_get(5, 1);
	nfbind_packet_set_number(session_packet(0), NFBIND_PACKET_VLAN_TCI, 1);
	ck_assert_int_eq(nfbind_queue_verdict(session, session_packet(0), NFBIND_VERDICT_ACCEPT),
			 -EINVAL);
	ck_assert_ptr_nonnull(strstr(session_message(NFBIND_SIDE_SEND), "VLAN"));
	nfbind_packet_set_number(session_packet(0), NFBIND_PACKET_VLAN_PROTO, 0x8100);
	session_decide(0, NFBIND_VERDICT_ACCEPT);
	session_settle();
	ck_assert_ptr_nonnull(kernel_last_verdict()->vlan);
}
END_TEST

START_TEST(test_verdict_link_layer_header_keeps_its_length)
{
	static const uint8_t other[14] = { 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0x81, 0 };

	session_bind(5, NULL);
	get_bridged();
	ck_assert_int_eq(nfbind_packet_set_bytes(session_packet(0), NFBIND_PACKET_L2HDR, other, 13),
			 -EINVAL);
	ck_assert_int_eq(nfbind_packet_set_bytes(session_packet(0), NFBIND_PACKET_L2HDR, other, 14),
			 0);
	start(5, 1, NFBIND_VERDICT_ACCEPT, 1);
	message_put(&expected, KERNEL_NFQA_L2HDR, other, sizeof(other));
	expect();
	decide_now(NFBIND_VERDICT_ACCEPT);
	session_get(5, 1);
	/* A packet without one cannot get one. */
	ck_assert_int_eq(nfbind_packet_set_bytes(session_packet(0), NFBIND_PACKET_L2HDR, other, 14),
			 -EINVAL);
}
END_TEST

START_TEST(test_verdict_connection_carries_mark_and_mask)
{
	struct nfbind_ct *ct;
	size_t nest;

	session_bind(5, NULL);
	session_get(5, 1);
	ck_assert_int_eq(nfbind_ct_new(&ct), 0);
	nfbind_ct_set_number(ct, NFBIND_CT_MARK, 0x11);
	nfbind_ct_set_number(ct, NFBIND_CT_MARK_MASK, 0xff);
	ck_assert_int_eq(nfbind_packet_set_ct(session_packet(0), ct), 0);
	nfbind_ct_free(ct);
	start(5, 1, NFBIND_VERDICT_ACCEPT, 1);
	nest = message_nest_start(&expected, KERNEL_NFQA_CT);
	message_put_u32(&expected, KERNEL_CTA_MARK, 0x11);
	message_put_u32(&expected, KERNEL_CTA_MARK_MASK, 0xff);
	message_nest_end(&expected, nest);
	expect();
	decide_now(NFBIND_VERDICT_ACCEPT);
}
END_TEST

START_TEST(test_verdict_connection_that_a_verdict_cannot_change_is_refused)
{
	struct nfbind_ct *ct;

	session_bind(5, NULL);
	session_get(5, 1);
	ck_assert_int_eq(nfbind_ct_new(&ct), 0);
	nfbind_ct_set_number(ct, NFBIND_CT_ZONE, 1);
	ck_assert_int_eq(nfbind_packet_set_ct(session_packet(0), ct), -EACCES);
	nfbind_ct_free(ct);
	start(5, 1, NFBIND_VERDICT_ACCEPT, 1);
	expect();
	decide_now(NFBIND_VERDICT_ACCEPT);
}
END_TEST

static struct nfbind_exp *expectation(void)
{
	struct nfbind_exp *exp;

	ck_assert_int_eq(nfbind_exp_new(&exp), 0);
	nfbind_exp_set_bytes(exp, NFBIND_EXP_EXPECTED_SRC, "\12\0\0\1", 4);
	nfbind_exp_set_bytes(exp, NFBIND_EXP_EXPECTED_DST, "\12\0\0\2", 4);
	nfbind_exp_set_number(exp, NFBIND_EXP_EXPECTED_L4PROTO, 6);
	nfbind_exp_set_number(exp, NFBIND_EXP_EXPECTED_PORT_DST, 2000);
	nfbind_exp_set_bytes(exp, NFBIND_EXP_MASK_SRC, "\377\377\377\377", 4);
	nfbind_exp_set_bytes(exp, NFBIND_EXP_MASK_DST, "\377\377\377\377", 4);
	nfbind_exp_set_number(exp, NFBIND_EXP_MASK_L4PROTO, 255);
	return exp;
}

START_TEST(test_verdict_expectation_brings_an_empty_connection)
{
	struct nfbind_exp *exp = expectation();

	session_bind(5, NULL);
	session_get(5, 1);
	ck_assert_int_eq(nfbind_packet_set_exp(session_packet(0), exp), 0);
	nfbind_exp_free(exp);
	decide_now(NFBIND_VERDICT_ACCEPT);
	/* The kernel reads one only beside the other. */
	ck_assert_ptr_nonnull(kernel_last_verdict()->ct);
	ck_assert_uint_eq(kernel_last_verdict()->ct_len, 0);
	ck_assert_uint_gt(kernel_last_verdict()->exp_len, 60);
}
END_TEST

START_TEST(test_verdict_expectation_needs_tuple_and_mask)
{
	struct nfbind_exp *exp = expectation();

	session_bind(5, NULL);
	session_get(5, 1);
	nfbind_exp_clear(exp, NFBIND_EXP_MASK_L4PROTO);
	ck_assert_int_eq(nfbind_packet_set_exp(session_packet(0), exp), -ENODATA);
	nfbind_exp_set_number(exp, NFBIND_EXP_ID, 1);
	ck_assert_int_eq(nfbind_packet_set_exp(session_packet(0), exp), -EACCES);
	nfbind_exp_free(exp);
}
END_TEST

START_TEST(test_verdict_connection_known_to_be_missing_is_refused)
{
	struct nfbind_exp *exp = expectation();
	struct nfbind_ct *ct;

	session_bind(5, options_of(NFBIND_OPTIONS_CONNTRACK, 1, OPTIONS_END));
	session_get(5, 1);
	ck_assert_int_eq(nfbind_ct_new(&ct), 0);
	ck_assert_int_eq(nfbind_packet_set_ct(session_packet(0), ct), -ENODATA);
	ck_assert_int_eq(nfbind_packet_set_exp(session_packet(0), exp), -ENODATA);
	nfbind_ct_free(ct);
	nfbind_exp_free(exp);
}
END_TEST

START_TEST(test_verdict_all_changes_travel_together)
{
	struct nfbind_exp *exp = expectation();
	const struct kernel_verdict *verdict;
	struct nfbind_ct *ct;

	session_bind(5, NULL);
	get_bridged();
	ck_assert_int_eq(nfbind_ct_new(&ct), 0);
	nfbind_ct_set_number(ct, NFBIND_CT_TIMEOUT, 30);
	nfbind_packet_set_ct(session_packet(0), ct);
	nfbind_packet_set_exp(session_packet(0), exp);
	nfbind_packet_set_number(session_packet(0), NFBIND_PACKET_MARK, 1);
	nfbind_packet_set_number(session_packet(0), NFBIND_PACKET_PRIORITY, 2);
	nfbind_packet_set_number(session_packet(0), NFBIND_PACKET_VLAN_TCI, 3);
	nfbind_packet_set_bytes(session_packet(0), NFBIND_PACKET_L2HDR, kernel_udp, 14);
	nfbind_packet_set_bytes(session_packet(0), NFBIND_PACKET_PAYLOAD, kernel_udp, 40);
	nfbind_ct_free(ct);
	nfbind_exp_free(exp);
	decide_now(NFBIND_VERDICT_ACCEPT);
	verdict = kernel_last_verdict();
	ck_assert_uint_eq(verdict->mark, 1);
	ck_assert_uint_eq(verdict->priority, 2);
	ck_assert_uint_eq(verdict->vlan_len, 16);
	ck_assert_uint_eq(verdict->l2hdr_len, 14);
	ck_assert_uint_eq(verdict->ct_len, 8);
	ck_assert_uint_gt(verdict->exp_len, 60);
	ck_assert_uint_eq(verdict->payload_len, 40);
	ck_assert_uint_eq(kernel.refused, 0);
}
END_TEST

START_TEST(test_verdict_first_message_of_a_send_counts_the_others)
{
	struct nlmsghdr *header;

	session_bind(5, options_of(NFBIND_OPTIONS_COALESCE, 0, OPTIONS_END));
	session_get(5, 3);
	ck_assert_int_eq(nfbind_queue_verdict_rest(session, NFBIND_VERDICT_ACCEPT), 3);
	session_settle();
	header = (struct nlmsghdr *)fake_last_sent()->data;
	ck_assert_uint_eq(header->nlmsg_pid, 5 | 3 << 16);
	header = (struct nlmsghdr *)(fake_last_sent()->data + 32);
	ck_assert_uint_eq(header->nlmsg_pid, 5);
	ck_assert_uint_eq(header->nlmsg_seq, 2);
}
END_TEST

START_TEST(test_verdict_of_another_session_is_refused)
{
	struct nfbind_queue *other;

	session_bind(5, NULL);
	session_get(5, 1);
	ck_assert_int_eq(nfbind_queue_new(&other), 0);
	ck_assert_int_eq(nfbind_queue_open(other, NULL), 0);
	ck_assert_int_eq(nfbind_queue_verdict(other, session_packet(0), NFBIND_VERDICT_ACCEPT),
			 -EINVAL);
	nfbind_queue_free(other);
	session_decide(0, NFBIND_VERDICT_ACCEPT);
}
END_TEST

START_TEST(test_verdict_is_given_once)
{
	session_bind(5, NULL);
	session_get(5, 1);
	session_decide(0, NFBIND_VERDICT_ACCEPT);
	ck_assert_int_eq(nfbind_queue_verdict(session, session_packet(0), NFBIND_VERDICT_DROP),
			 -EALREADY);
	ck_assert_ptr_nonnull(strstr(session_message(NFBIND_SIDE_SEND), "was decided"));
	session_settle();
	ck_assert_int_eq(nfbind_queue_verdict(session, session_packet(0), NFBIND_VERDICT_DROP),
			 -EALREADY);
	ck_assert_uint_eq(kernel_verdicts_count(), 1);
}
END_TEST

START_TEST(test_verdict_needs_the_packet_only)
{
	const uint8_t bytes[20] = { 0x45 };
	struct nfbind_packet *packet, *own;

	session_bind(5, NULL);
	session_get(5, 2);
	packet = session_packet(0);
	ck_assert_int_eq(nfbind_packet_verdict(packet, 2), -EINVAL);
	ck_assert_int_eq(nfbind_packet_verdict(packet, NFBIND_VERDICT_ACCEPT | NFBIND_VERDICT_NOW), 0);
	ck_assert_uint_eq(kernel_verdicts_count(), 1);
	ck_assert_int_eq(nfbind_packet_verdict(packet, NFBIND_VERDICT_DROP), -EALREADY);
	ck_assert_int_eq(nfbind_packet_verdict(NULL, NFBIND_VERDICT_DROP), -EINVAL);
	ck_assert_int_eq(nfbind_packet_new(bytes, sizeof(bytes), &own), 0);
	ck_assert_int_eq(nfbind_packet_verdict(own, NFBIND_VERDICT_DROP), -EINVAL);
	nfbind_packet_free(own);
	packet = session_keep(1);
	ck_assert_int_eq(nfbind_queue_unbind(session, 5), 0);
	ck_assert_int_eq(nfbind_packet_verdict(packet, NFBIND_VERDICT_DROP), -ENODEV);
	nfbind_packet_free(packet);
}
END_TEST

START_TEST(test_verdict_after_its_session_is_too_late)
{
	struct nfbind_batch *held;
	struct nfbind_packet *packet;

	session_bind(5, NULL);
	session_get(5, 1);
	held = batch;
	packet = session_packet(0);
	nfbind_batch_hold(held);
	nfbind_queue_free(session);
	session = NULL;
	ck_assert_int_eq(nfbind_packet_verdict(packet, NFBIND_VERDICT_ACCEPT), -EALREADY);
	nfbind_batch_free(held);
}
END_TEST

UNIT_MAIN("verdict", session_set_up, session_tear_down, test_verdict_message_is_32_bytes,
	  test_verdict_every_kind_goes_as_it_is, test_verdict_to_a_queue_has_its_number_and_bypass,
	  test_verdict_that_is_none_changes_nothing, test_verdict_carries_mark_and_priority,
	  test_verdict_change_that_was_taken_back_is_not_sent,
	  test_verdict_payload_is_not_longer_than_it_is, test_verdict_largest_payload_fits,
	  test_verdict_payload_that_the_kernel_would_drop_is_refused,
	  test_verdict_vlan_tag_goes_whole, test_verdict_half_a_vlan_tag_is_refused,
	  test_verdict_link_layer_header_keeps_its_length,
	  test_verdict_connection_carries_mark_and_mask,
	  test_verdict_connection_that_a_verdict_cannot_change_is_refused,
	  test_verdict_expectation_brings_an_empty_connection,
	  test_verdict_expectation_needs_tuple_and_mask,
	  test_verdict_connection_known_to_be_missing_is_refused,
	  test_verdict_all_changes_travel_together,
	  test_verdict_first_message_of_a_send_counts_the_others,
	  test_verdict_of_another_session_is_refused, test_verdict_is_given_once,
	  test_verdict_needs_the_packet_only, test_verdict_after_its_session_is_too_late)
