/* SPDX-License-Identifier: MIT */
/*
 * The batch: parsed from bytes, held, and exported as summaries that say what the
 * getters say.
 */
#include <linux/netlink.h>

#include "session.h"

static struct nfbind_batch *parse(const char *name)
{
	struct nfbind_batch *parsed;
	size_t len;
	const uint8_t *data = unit_fixture(name, &len);

	ck_assert_int_eq(nfbind_batch_parse(data, len, &parsed), 0);
	return parsed;
}

static struct nfbind_packet_summary summary_of(struct nfbind_batch *parsed)
{
	struct nfbind_packet_summary summary;

	memset(&summary, 0xff, sizeof(summary));
	ck_assert_int_eq(nfbind_batch_export(parsed, &summary, 1, sizeof(summary)), 1);
	return summary;
}

static void number_is(const struct nfbind_packet *packet, uint32_t present, uint32_t field,
		      uint64_t found)
{
	uint64_t value = 0;
	int r = nfbind_packet_get_number(packet, field, &value);

	ck_assert_int_eq(present >> field & 1, r == 0);
	ck_assert_uint_eq(found, r == 0 ? value : 0);
}

static void bytes_are(struct nfbind_batch *parsed, uint32_t present, uint32_t field,
		      uint32_t offset, uint32_t found_len)
{
	const void *data, *start;
	size_t len, size;
	int r = nfbind_packet_get_bytes(nfbind_batch_packet(parsed, 0), field, &data, &len);

	ck_assert_int_eq(present >> field & 1, r == 0);
	ck_assert_int_eq(nfbind_batch_get_data(parsed, &start, &size), 0);
	ck_assert_uint_le((uint64_t)offset + found_len, size);
	if (r == 0)
		ck_assert_bytes_eq((const uint8_t *)start + offset, found_len, data, len);
	else
		ck_assert_uint_eq(found_len, 0);
}

static void check_summary(const char *name)
{
	struct nfbind_batch *parsed = parse(name);
	struct nfbind_packet_summary s = summary_of(parsed);
	const struct nfbind_packet *packet = nfbind_batch_packet(parsed, 0);
	const void *data;
	size_t len;

	number_is(packet, s.present, NFBIND_PACKET_QUEUE, s.queue);
	number_is(packet, s.present, NFBIND_PACKET_ID, s.id);
	number_is(packet, s.present, NFBIND_PACKET_FAMILY, s.family);
	number_is(packet, s.present, NFBIND_PACKET_HW_PROTOCOL, s.hw_protocol);
	number_is(packet, s.present, NFBIND_PACKET_HOOK, s.hook);
	number_is(packet, s.present, NFBIND_PACKET_MARK, s.mark);
	number_is(packet, s.present, NFBIND_PACKET_PRIORITY, s.priority);
	number_is(packet, s.present, NFBIND_PACKET_INDEV, s.indev);
	number_is(packet, s.present, NFBIND_PACKET_OUTDEV, s.outdev);
	number_is(packet, s.present, NFBIND_PACKET_PHYSINDEV, s.physindev);
	number_is(packet, s.present, NFBIND_PACKET_PHYSOUTDEV, s.physoutdev);
	number_is(packet, s.present, NFBIND_PACKET_CAP_LEN, s.cap_len);
	number_is(packet, s.present, NFBIND_PACKET_SKB_INFO, s.skb_info);
	number_is(packet, s.present, NFBIND_PACKET_CT_INFO, s.ct_info);
	number_is(packet, s.present, NFBIND_PACKET_UID, s.uid);
	number_is(packet, s.present, NFBIND_PACKET_GID, s.gid);
	number_is(packet, s.present, NFBIND_PACKET_CGROUP_CLASSID, s.cgroup_classid);
	number_is(packet, s.present, NFBIND_PACKET_TIMESTAMP, s.timestamp);
	number_is(packet, s.present, NFBIND_PACKET_VLAN_PROTO, s.vlan_proto);
	number_is(packet, s.present, NFBIND_PACKET_VLAN_TCI, s.vlan_tci);
	bytes_are(parsed, s.present, NFBIND_PACKET_PAYLOAD, s.payload_offset, s.payload_len);
	bytes_are(parsed, s.present, NFBIND_PACKET_SECCTX, s.secctx_offset, s.secctx_len);
	bytes_are(parsed, s.present, NFBIND_PACKET_L2HDR, s.l2hdr_offset, s.l2hdr_len);
	if (nfbind_packet_get_bytes(packet, NFBIND_PACKET_HWADDR, &data, &len) == 0)
		ck_assert_bytes_eq(s.hwaddr, s.hwaddr_len, data, len);
	ck_assert_int_eq(s.present >> NFBIND_PACKET_CT & 1,
			 nfbind_packet_has(packet, NFBIND_PACKET_CT));
	ck_assert_int_eq((int)s.is_truncated, nfbind_packet_is_truncated(packet));
	ck_assert_uint_eq(s.index, 0);
	nfbind_batch_free(parsed);
}

START_TEST(test_batch_summary_says_what_the_getters_say)
{
	for (char **name = unit_fixtures("packet-", ".bin"); *name; name++)
		check_summary(*name);
}
END_TEST

static void header_number_is(const struct nfbind_packet *packet, bool is_present, uint32_t field,
			     uint64_t found)
{
	uint64_t value = 0;
	int r = nfbind_packet_get_number(packet, field, &value);

	ck_assert_int_eq(is_present, r == 0);
	ck_assert_uint_eq(found, r == 0 ? value : 0);
}

static void header_bytes_are(const struct nfbind_packet *packet, uint32_t field, bool is_present,
			     const void *found, uint32_t found_len)
{
	const void *data;
	size_t len;
	int r = nfbind_packet_get_bytes(packet, field, &data, &len);

	ck_assert_int_eq(is_present, r == 0);
	if (r == 0)
		ck_assert_bytes_eq((const uint8_t *)found, found_len, data, len);
}

static void check_headers(struct nfbind_batch *parsed)
{
	const struct nfbind_packet *packet = nfbind_batch_packet(parsed, 0);
	struct nfbind_packet_headers h[8];
	const void *start;
	size_t size;

	memset(h, 0xff, sizeof(h));
	ck_assert_int_eq(nfbind_batch_export_headers(parsed, h, 8, sizeof(h[0])),
			 (int)nfbind_batch_count(parsed));
	ck_assert_int_eq(nfbind_batch_get_data(parsed, &start, &size), 0);
#define IS_THERE(field) (h[0].present >> (NFBIND_PACKET_##field - NFBIND_PACKET_IP_VERSION) & 1)
	header_number_is(packet, IS_THERE(IP_VERSION), NFBIND_PACKET_IP_VERSION, h[0].ip_version);
	header_number_is(packet, IS_THERE(IP_PROTOCOL), NFBIND_PACKET_IP_PROTOCOL, h[0].ip_protocol);
	header_number_is(packet, IS_THERE(IP_TTL), NFBIND_PACKET_IP_TTL, h[0].ip_ttl);
	header_number_is(packet, IS_THERE(PORT_SRC), NFBIND_PACKET_PORT_SRC, h[0].port_src);
	header_number_is(packet, IS_THERE(PORT_DST), NFBIND_PACKET_PORT_DST, h[0].port_dst);
	header_number_is(packet, IS_THERE(TCP_SEQ), NFBIND_PACKET_TCP_SEQ, h[0].tcp_seq);
	header_number_is(packet, IS_THERE(TCP_ACK), NFBIND_PACKET_TCP_ACK, h[0].tcp_ack);
	header_number_is(packet, IS_THERE(TCP_FLAGS), NFBIND_PACKET_TCP_FLAGS, h[0].tcp_flags);
	header_number_is(packet, IS_THERE(ICMP_TYPE), NFBIND_PACKET_ICMP_TYPE, h[0].icmp_type);
	header_number_is(packet, IS_THERE(ICMP_CODE), NFBIND_PACKET_ICMP_CODE, h[0].icmp_code);
	header_bytes_are(packet, NFBIND_PACKET_IP_SRC, IS_THERE(IP_SRC), h[0].ip_src, h[0].address_len);
	header_bytes_are(packet, NFBIND_PACKET_IP_DST, IS_THERE(IP_DST), h[0].ip_dst, h[0].address_len);
	ck_assert_uint_le((uint64_t)h[0].l4_payload_offset + h[0].l4_payload_len, size);
	header_bytes_are(packet, NFBIND_PACKET_L4_PAYLOAD, IS_THERE(L4_PAYLOAD),
			 (const uint8_t *)start + h[0].l4_payload_offset, h[0].l4_payload_len);
	ck_assert_uint_eq(h[0].index, 0);
	ck_assert_uint_eq(h[0].reserved, 0);
}

START_TEST(test_batch_headers_say_what_the_getters_say)
{
	for (char **name = unit_fixtures("packet-", ".bin"); *name; name++) {
		struct nfbind_batch *parsed = parse(*name);

		check_headers(parsed);
		nfbind_batch_free(parsed);
	}
}
END_TEST

/* Whatever the bytes are: nothing is read beyond them, and nobody contradicts the getters. */
START_TEST(test_batch_headers_of_nonsense_are_those_of_the_getters)
{
	uint8_t *copy;
	size_t len;

	srand(5);
	for (char **name = unit_fixtures("packet-", ".bin"); *name; name++) {
		const uint8_t *data = unit_fixture(*name, &len);

		for (int round = 0; round < 300; round++) {
			struct nfbind_batch *parsed;

			copy = malloc(len);
			memcpy(copy, data, len);
			for (int i = 0; i < 1 + round % 4; i++)
				copy[len - 1 - (size_t)rand() % (len < 80 ? len / 2 : 80)] = (uint8_t)rand();
			if (nfbind_batch_parse(copy, len, &parsed) == 0) {
				if (nfbind_batch_count(parsed) == 1)
					check_headers(parsed);
				nfbind_batch_free(parsed);
			}
			free(copy);
		}
	}
}
END_TEST

START_TEST(test_batch_headers_are_as_received_and_of_any_size)
{
	struct nfbind_packet_headers h[3];
	uint32_t smaller[3][2];

	session_bind(5, NULL);
	session_get(5, 3);
	ck_assert_int_eq(nfbind_packet_splice(session_packet(0), 0, 0, "longer", 6), 0);
	ck_assert_int_eq(nfbind_batch_export_headers(batch, h, 3, sizeof(h[0])), 3);
	ck_assert_uint_eq(h[0].l4_payload_len, h[1].l4_payload_len);
	ck_assert_uint_eq(h[2].index, 2);
	ck_assert_int_eq(nfbind_batch_export_headers(batch, (struct nfbind_packet_headers *)smaller, 3,
						     sizeof(smaller[0])), 3);
	ck_assert_uint_eq(smaller[2][1], 2);
	ck_assert_int_eq(nfbind_batch_export_headers(batch, h, 2, sizeof(h[0])), -ENOSPC);
	ck_assert_int_eq(nfbind_batch_export_headers(batch, h, 3, 7), -EINVAL);
	ck_assert_int_eq(nfbind_batch_export_headers(NULL, h, 3, sizeof(h[0])), -EINVAL);
	ck_assert_int_eq(nfbind_batch_export_headers(batch, NULL, 3, sizeof(h[0])), -EINVAL);
}
END_TEST

START_TEST(test_batch_summary_is_as_received)
{
	struct nfbind_packet_summary s;
	const void *start;
	size_t size;

	session_bind(5, NULL);
	session_get(5, 1);
	nfbind_packet_set_number(session_packet(0), NFBIND_PACKET_MARK, 9);
	ck_assert_int_eq(nfbind_packet_splice(session_packet(0), 0, 0, "longer", 6), 0);
	s = summary_of(batch);
	ck_assert_uint_eq(s.mark, 0);
	ck_assert_uint_eq(s.payload_len, sizeof(kernel_udp));
	ck_assert_int_eq(nfbind_batch_get_data(batch, &start, &size), 0);
	ck_assert_mem_eq((const uint8_t *)start + s.payload_offset, kernel_udp, sizeof(kernel_udp));
}
END_TEST

START_TEST(test_batch_summary_of_a_cut_payload_stays_inside)
{
	struct fake_datagram datagram;
	struct nfbind_packet_summary s;

	session_bind(5, NULL);
	kernel_packet(5);
	ck_assert(fake_take(&datagram));
	ck_assert_int_eq(nfbind_queue_feed(session, datagram.data, datagram.len - 7, &batch), 1);
	free(datagram.data);
	s = summary_of(batch);
	ck_assert_uint_eq(s.payload_len, sizeof(kernel_udp) - 7);
	ck_assert_uint_eq(s.is_truncated, 1);
}
END_TEST

START_TEST(test_batch_exports_elements_of_any_size)
{
	struct {
		struct nfbind_packet_summary summary;
		uint64_t newer;
	} larger[3];
	uint32_t smaller[3][3];

	session_bind(5, NULL);
	session_get(5, 3);
	memset(larger, 0xff, sizeof(larger));
	ck_assert_int_eq(nfbind_batch_export(batch, &larger[0].summary, 3, sizeof(larger[0])), 3);
	memset(smaller, 0xff, sizeof(smaller));
	ck_assert_int_eq(nfbind_batch_export(batch, (struct nfbind_packet_summary *)smaller, 3,
					     sizeof(smaller[0])), 3);
	for (uint32_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(larger[i].summary.id, i + 1);
		ck_assert_uint_eq(larger[i].summary.index, i);
		ck_assert_uint_eq(larger[i].newer, 0);
		ck_assert_uint_eq(smaller[i][1], i + 1);
		ck_assert_uint_eq(smaller[i][2], 5);
	}
	ck_assert_int_eq(nfbind_batch_export(batch, &larger[0].summary, 2, sizeof(larger[0])),
			 -ENOSPC);
	ck_assert_int_eq(nfbind_batch_export(batch, &larger[0].summary, 3, 7), -EINVAL);
	ck_assert_int_eq(nfbind_batch_export(NULL, &larger[0].summary, 3, 100), -EINVAL);
	ck_assert_int_eq(nfbind_batch_export(batch, NULL, 3, 100), -EINVAL);
}
END_TEST

/* Parsing. */

START_TEST(test_batch_parses_many_messages)
{
	static struct message message;
	static uint8_t room[40000] __attribute__((aligned(8)));
	struct nfbind_batch *parsed;
	uint64_t id;
	size_t len = 0;

	for (uint32_t i = 0; i < 1000; i++) {
		message_packet(&message, 5, i);
		memcpy(room + len, message.data, message.len);
		len += message.len;
	}
	/* Another kind of message in between is skipped. */
	message_start(&message, NLMSG_DONE, 0, 0, 0);
	memcpy(room + len, message.data, message.len);
	len += message.len;
	ck_assert_int_eq(nfbind_batch_parse(room, len, &parsed), 0);
	ck_assert_uint_eq(nfbind_batch_count(parsed), 1000);
	ck_assert_int_eq(nfbind_packet_get_number(nfbind_batch_packet(parsed, 999), NFBIND_PACKET_ID,
						  &id), 0);
	ck_assert_uint_eq(id, 999);
	ck_assert_ptr_null(nfbind_batch_packet(parsed, 1000));
	nfbind_batch_free(parsed);
}
END_TEST

START_TEST(test_batch_shortest_packet_message_counts)
{
	static struct message message;
	struct nfbind_batch *parsed;

	/* The packet header is the last attribute, and not padded. */
	message_packet(&message, 5, 1);
	message.len = 31;
	message_end(&message);
	ck_assert_int_eq(nfbind_batch_parse(message.data, 31, &parsed), 0);
	ck_assert_uint_eq(nfbind_batch_count(parsed), 1);
	nfbind_batch_free(parsed);
}
END_TEST

START_TEST(test_batch_refuses_what_is_malformed)
{
	static struct message message;
	struct nfbind_batch *parsed = NULL;

	ck_assert_int_eq(nfbind_batch_parse("abc", 3, &parsed), -EBADMSG);
	ck_assert_int_eq(nfbind_batch_parse(NULL, 3, &parsed), -EBADMSG);
	message_start(&message, KERNEL_SUBSYS_QUEUE << 8 | KERNEL_QUEUE_PACKET, 0, 2, 5);
	ck_assert_int_eq(nfbind_batch_parse(message.data, message.len, &parsed), -EBADMSG);
	message_packet(&message, 5, 1);
	for (size_t len = 1; len < message.len; len++)
		ck_assert_int_eq(nfbind_batch_parse(message.data, len, &parsed), -EBADMSG);
	ck_assert_ptr_null(parsed);
	ck_assert_int_eq(nfbind_batch_parse(NULL, 0, &parsed), 0);
	ck_assert_uint_eq(nfbind_batch_count(parsed), 0);
	nfbind_batch_free(parsed);
}
END_TEST

START_TEST(test_batch_attribute_that_is_too_short_is_malformed)
{
	static const struct {
		uint8_t type;
		uint8_t least;
	} shortest[] = {
		{ KERNEL_NFQA_PACKET_HDR, 7 }, { KERNEL_NFQA_MARK, 4 }, { KERNEL_NFQA_TIMESTAMP, 16 },
		{ KERNEL_NFQA_IFINDEX_INDEV, 4 }, { KERNEL_NFQA_IFINDEX_PHYSOUTDEV, 4 },
		{ KERNEL_NFQA_HWADDR, 12 }, { KERNEL_NFQA_CT_INFO, 4 }, { KERNEL_NFQA_CAP_LEN, 4 },
		{ KERNEL_NFQA_SKB_INFO, 4 }, { KERNEL_NFQA_UID, 4 }, { KERNEL_NFQA_GID, 4 },
		{ KERNEL_NFQA_PRIORITY, 4 }, { KERNEL_NFQA_CGROUP_CLASSID, 4 },
	};
	static const uint8_t zeroes[16];
	static struct message message;
	struct nfbind_batch *parsed;

	for (size_t i = 0; i < COUNT_OF(shortest); i++) {
		for (size_t len = 0; len <= shortest[i].least; len++) {
			message_packet(&message, 5, 1);
			message_put(&message, shortest[i].type, zeroes, len);
			message_end(&message);
			ck_assert_int_eq(nfbind_batch_parse(message.data, message.len, &parsed),
					 len < shortest[i].least ? -EBADMSG : 0);
			if (len == shortest[i].least)
				nfbind_batch_free(parsed);
		}
	}
}
END_TEST

START_TEST(test_batch_unknown_attributes_are_skipped)
{
	static struct message message;
	struct nfbind_batch *parsed;

	message_packet(&message, 5, 1);
	message_put(&message, 23, "new", 3);
	message_put(&message, 0x3fff, "newer", 5);
	message_put(&message, 0, "", 0);
	message_put_last(&message, KERNEL_NFQA_PAYLOAD, kernel_udp, sizeof(kernel_udp));
	message_end(&message);
	ck_assert_int_eq(nfbind_batch_parse(message.data, message.len, &parsed), 0);
	ck_assert_int_eq(nfbind_packet_has(nfbind_batch_packet(parsed, 0), NFBIND_PACKET_PORT_SRC), 1);
	nfbind_batch_free(parsed);
}
END_TEST

START_TEST(test_batch_hardware_address_is_no_longer_than_its_room)
{
	static const uint8_t wire[12] = { 0xff, 0xff, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8 };
	static struct message message;
	struct nfbind_batch *parsed;
	const void *data;
	size_t len;

	message_packet(&message, 5, 1);
	message_put(&message, KERNEL_NFQA_HWADDR, wire, sizeof(wire));
	message_end(&message);
	ck_assert_int_eq(nfbind_batch_parse(message.data, message.len, &parsed), 0);
	ck_assert_int_eq(nfbind_packet_get_bytes(nfbind_batch_packet(parsed, 0), NFBIND_PACKET_HWADDR,
						 &data, &len), 0);
	ck_assert_bytes_eq(data, len, wire + 4, 8);
	nfbind_batch_free(parsed);
}
END_TEST

START_TEST(test_batch_of_nothing_is_harmless)
{
	const void *data;
	size_t size;

	nfbind_batch_free(NULL);
	nfbind_batch_hold(NULL);
	ck_assert_uint_eq(nfbind_batch_count(NULL), 0);
	ck_assert_ptr_null(nfbind_batch_packet(NULL, 0));
	ck_assert_int_eq(nfbind_batch_get_data(NULL, &data, &size), -EINVAL);
}
END_TEST

START_TEST(test_batch_packets_that_were_parsed_have_no_decision)
{
	static struct message message;
	struct nfbind_batch *parsed;
	struct nfbind_packet *kept;

	message_packet(&message, 5, 1);
	ck_assert_int_eq(nfbind_batch_parse(message.data, message.len, &parsed), 0);
	ck_assert_int_eq(nfbind_queue_verdict(session, nfbind_batch_packet(parsed, 0),
					      NFBIND_VERDICT_ACCEPT), -EINVAL);
	ck_assert_int_eq(nfbind_packet_keep(nfbind_batch_packet(parsed, 0), &kept), -EINVAL);
	nfbind_packet_free(nfbind_batch_packet(parsed, 0));
	nfbind_batch_free(parsed);
}
END_TEST

UNIT_MAIN("batch", session_set_up, session_tear_down,
	  test_batch_summary_says_what_the_getters_say, test_batch_headers_say_what_the_getters_say,
	  test_batch_headers_of_nonsense_are_those_of_the_getters,
	  test_batch_headers_are_as_received_and_of_any_size, test_batch_summary_is_as_received,
	  test_batch_summary_of_a_cut_payload_stays_inside, test_batch_exports_elements_of_any_size,
	  test_batch_parses_many_messages, test_batch_shortest_packet_message_counts,
	  test_batch_refuses_what_is_malformed, test_batch_attribute_that_is_too_short_is_malformed,
	  test_batch_unknown_attributes_are_skipped,
	  test_batch_hardware_address_is_no_longer_than_its_room, test_batch_of_nothing_is_harmless,
	  test_batch_packets_that_were_parsed_have_no_decision)
