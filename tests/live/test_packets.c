/* SPDX-License-Identifier: MIT */
/*
 * The bytes of real packets: whole, cut and absent payloads up to the largest
 * there are, large segments, partial checksums, fragments, and header fields of
 * the protocols that a kernel speaks by itself.
 */
#include "live.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	IP_AND_UDP = 28,
	UDP_MAX = 65507,   /* IPv4: 65535 in all */
	WHOLE_MAX = 65531, /* the most that one netlink attribute holds */
	BULK = 4 << 20,    /* bytes of a TCP transfer */
};

/* Bytes that repeat late and tell when one is missing. */
static uint8_t *make_bytes(size_t len)
{
	uint8_t *bytes = malloc(len);
	uint32_t state = 1;

	for (size_t i = 0; i < len; i++) {
		state = state * 1664525 + 1013904223;
		bytes[i] = (uint8_t)(state >> 24);
	}
	return bytes;
}

static uint32_t verify(const struct nfbind_packet *packet)
{
	uint32_t wrong = 0;

	ck_assert_int_eq(nfbind_packet_verify(packet, &wrong), 0);
	return wrong;
}

/* UDP. */

static void check_whole(const char *program, const char *address, size_t headers, size_t len)
{
	struct udp udp = udp_pair(address, 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);
	uint8_t *bytes = make_bytes(len);
	struct nfbind_packet *packet;
	size_t got;

	queue_rule(program, "OUTPUT -p udp", 1);
	say(udp.sender, bytes, len);
	packet = receive_one(queue);
	ck_assert_mem_eq(bytes_of(packet, NFBIND_PACKET_PAYLOAD, &got) + headers, bytes, len);
	ck_assert_uint_eq(got, headers + len);
	ck_assert_mem_eq(bytes_of(packet, NFBIND_PACKET_L4_PAYLOAD, &got), bytes, len);
	ck_assert_uint_eq(got, len);
	ck_assert_int_eq(nfbind_packet_is_truncated(packet), 0);
	ck_assert(is_absent(packet, NFBIND_PACKET_CAP_LEN));
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_PORT_DST), 5001);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_PORT_SRC), port_of(udp.sender));
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_bytes(udp.receiver, bytes, len);
	free(bytes);
	free_session(queue);
	close(udp.sender);
	close(udp.receiver);
}

START_TEST(test_packet_payload_is_what_was_sent)
{
	check_whole("iptables", "127.0.0.1", IP_AND_UDP, 1000);
	check_whole("ip6tables", "::1", 48, 1001);
}
END_TEST

START_TEST(test_packet_of_64_kib_is_whole)
{
	run("ip link set lo mtu 65536");
	check_whole("iptables", "127.0.0.1", IP_AND_UDP, WHOLE_MAX - IP_AND_UDP);
	check_whole("ip6tables", "::1", 48, WHOLE_MAX - 48);
}
END_TEST

/* The four bytes that no netlink attribute can hold are reported, and not lost. */
START_TEST(test_packet_larger_than_an_attribute_is_truncated_and_passes_whole)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);
	uint8_t *bytes = make_bytes(UDP_MAX);
	struct nfbind_packet *packet;
	size_t len;

	queue_rule("iptables", "OUTPUT -p udp", 1);
	say(udp.sender, bytes, UDP_MAX);
	packet = receive_one(queue);
	ck_assert_mem_eq(bytes_of(packet, NFBIND_PACKET_PAYLOAD, &len) + IP_AND_UDP, bytes,
			 WHOLE_MAX - IP_AND_UDP);
	ck_assert_uint_eq(len, WHOLE_MAX);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_CAP_LEN), 65535);
	ck_assert_int_eq(nfbind_packet_is_truncated(packet), 1);
	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_IP_TTL, 9), -EOPNOTSUPP);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_bytes(udp.receiver, bytes, UDP_MAX);
	ck_assert_uint_eq(stats_of(queue, 1).truncated, 1);
	free(bytes);
}
END_TEST

START_TEST(test_packet_cut_by_the_copy_range_says_so)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, OPTIONS({ NFBIND_OPTIONS_COPY_RANGE, 40 }));
	struct nfbind_packet *packet;
	size_t len;

	queue_rule("iptables", "OUTPUT -p udp", 1);
	say_text(udp.sender, "a datagram that is longer than twelve bytes");
	packet = receive_one(queue);
	(void)bytes_of(packet, NFBIND_PACKET_PAYLOAD, &len);
	ck_assert_uint_eq(len, 40);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_CAP_LEN), IP_AND_UDP + 43);
	ck_assert_int_eq(nfbind_packet_is_truncated(packet), 1);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_PORT_DST), 5001);
	ck_assert(verify(packet) & NFBIND_VERIFY_PARTIAL);
	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_PORT_DST, 1), -EOPNOTSUPP);
	ck_assert_int_eq(nfbind_packet_set_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, "x", 1), -EOPNOTSUPP);
	ck_assert_int_eq(nfbind_packet_splice(packet, 0, 1, "", 0), -EOPNOTSUPP);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(udp.receiver, "a datagram that is longer than twelve bytes");
	/* One that is not longer is whole. */
	say_text(udp.sender, "twelve bytes");
	packet = receive_one(queue);
	ck_assert_int_eq(nfbind_packet_is_truncated(packet), 0);
	ck_assert(is_absent(packet, NFBIND_PACKET_CAP_LEN));
}
END_TEST

START_TEST(test_packet_without_payload_can_be_judged)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue =
		bind_session(1, OPTIONS({ NFBIND_OPTIONS_COPY_MODE, NFBIND_COPY_MODE_META }));
	struct nfbind_packet *packet;

	queue_rule("iptables", "OUTPUT -p udp", 1);
	say_text(udp.sender, "unseen");
	packet = receive_one(queue);
	ck_assert(is_absent(packet, NFBIND_PACKET_PAYLOAD));
	ck_assert(is_absent(packet, NFBIND_PACKET_PORT_DST));
	ck_assert(is_absent(packet, NFBIND_PACKET_IP_SRC));
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_HOOK), 3);
	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_MARK, 3), 0);
	ck_assert_int_lt(nfbind_packet_set_number(packet, NFBIND_PACKET_PORT_DST, 3), 0);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(udp.receiver, "unseen");
}
END_TEST

/* Checksums that somebody else fills in. */

START_TEST(test_packet_checksum_not_ready_is_told)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct nfbind_packet *packet;

	queue_rule("iptables", "OUTPUT -p udp", 1);
	say_text(udp.sender, "hello");
	packet = receive_one(queue);
	ck_assert(number_of(packet, NFBIND_PACKET_SKB_INFO) & NFBIND_SKB_INFO_CSUM_NOT_READY);
	ck_assert_uint_eq(verify(packet), NFBIND_VERIFY_PARTIAL);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(udp.receiver, "hello");
}
END_TEST

/* Without the option for large segments the kernel fills checksums in before it queues. */
START_TEST(test_packet_checksum_is_ready_without_the_gso_option)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, OPTIONS({ NFBIND_OPTIONS_GSO, 0 }));
	struct nfbind_packet *packet;

	queue_rule("iptables", "OUTPUT -p udp", 1);
	say_text(udp.sender, "hello");
	packet = receive_one(queue);
	ck_assert(is_absent(packet, NFBIND_PACKET_SKB_INFO) ||
		  !(number_of(packet, NFBIND_PACKET_SKB_INFO) & NFBIND_SKB_INFO_CSUM_NOT_READY));
	ck_assert_uint_eq(verify(packet), 0);
}
END_TEST

/* TCP in bulk. */

struct bulk {
	int fd;
	uint8_t *bytes;
	pthread_t thread;
};

static void *send_bulk(void *argument)
{
	struct bulk *bulk = argument;
	size_t done = 0;

	while (done < BULK) {
		ssize_t sent = send(bulk->fd, bulk->bytes + done, BULK - done, MSG_NOSIGNAL);

		ck_assert_int_gt(sent, 0);
		done += (size_t)sent;
	}
	shutdown(bulk->fd, SHUT_WR);
	return NULL;
}

static void *receive_bulk(void *argument)
{
	struct bulk *bulk = argument;
	uint8_t *room = malloc(BULK);
	size_t done = 0;
	ssize_t got;

	while ((got = recv(bulk->fd, room + done, BULK - done, 0)) > 0)
		done += (size_t)got;
	ck_assert_uint_eq(done, BULK);
	ck_assert_mem_eq(room, bulk->bytes, BULK);
	free(room);
	return NULL;
}

struct seen {
	uint32_t packets;
	uint32_t large;      /* with the flag */
	size_t longest;      /* bytes from the IP header on */
	uint32_t not_ready;
	uint32_t wrong;      /* with something that verify calls wrong */
};

static void look_at(const struct nfbind_packet *packet, struct seen *seen)
{
	uint64_t info = 0;
	size_t len;

	(void)bytes_of(packet, NFBIND_PACKET_PAYLOAD, &len);
	(void)nfbind_packet_get_number(packet, NFBIND_PACKET_SKB_INFO, &info);
	seen->packets++;
	seen->large += info & NFBIND_SKB_INFO_GSO ? 1 : 0;
	seen->not_ready += info & NFBIND_SKB_INFO_CSUM_NOT_READY ? 1 : 0;
	seen->longest = len > seen->longest ? len : seen->longest;
	seen->wrong += verify(packet) & ~(uint32_t)NFBIND_VERIFY_PARTIAL ? 1 : 0;
}

/* A transfer from here to a neighbour, whose packets all pass the queue on their way out. */
static struct seen transfer(const struct nfbind_options *options)
{
	struct nfbind_queue *queue;
	int other = netns_new(), listener;
	struct bulk out = { .bytes = make_bytes(BULK) }, in = out;
	struct seen seen = { 0 };
	struct nfbind_batch *batch;
	int r;

	netns_enter(home);
	netns_join("here", other, "there", 1);
	queue = bind_session(1, options);
	netns_enter(other);
	listener = tcp_listen("10.1.0.2", 5001);
	netns_enter(home);
	out.fd = bound_socket(SOCK_STREAM, "10.1.0.1", 0);
	connect_to(out.fd, "10.1.0.2", 5001);
	in.fd = accept(listener, NULL, NULL);
	queue_rule("iptables", "OUTPUT -p tcp", 1);
	start_thread(&in.thread, receive_bulk, &in);
	start_thread(&out.thread, send_bulk, &out);
	while (pthread_tryjoin_np(in.thread, NULL) != 0) {
		r = nfbind_queue_receive(queue, 20, &batch);
		ck_assert(r >= 0 || r == -EAGAIN);
		for (int i = 0; i < r; i++)
			look_at(nfbind_batch_packet(batch, (uint32_t)i), &seen);
		if (r > 0)
			ck_assert_int_eq(nfbind_queue_verdict_rest(queue, NFBIND_VERDICT_ACCEPT), r);
		ck_assert_int_eq(nfbind_queue_send(queue), 0);
	}
	pthread_join(out.thread, NULL);
	close(in.fd);
	close(out.fd);
	close(listener);
	free(out.bytes);
	return seen;
}

START_TEST(test_packet_large_segment_is_whole)
{
	struct seen seen = transfer(NULL);

	ck_assert_uint_gt(seen.large, 0);
	ck_assert_uint_gt(seen.longest, 10000);
	ck_assert_uint_gt(seen.not_ready, 0);
	ck_assert_uint_eq(seen.wrong, 0);
	ck_assert_uint_lt(seen.packets, BULK / 1448);
}
END_TEST

START_TEST(test_packet_large_segment_is_cut_without_the_gso_option)
{
	struct seen seen = transfer(OPTIONS({ NFBIND_OPTIONS_GSO, 0 }, { NFBIND_OPTIONS_MAXLEN, 10000 }));

	ck_assert_uint_eq(seen.large, 0);
	ck_assert_uint_le(seen.longest, 1500);
	ck_assert_uint_eq(seen.not_ready, 0);
	ck_assert_uint_eq(seen.wrong, 0);
	ck_assert_uint_ge(seen.packets, BULK / 1448);
}
END_TEST

/* Headers. */

START_TEST(test_packet_fragments_are_told_apart)
{
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_packet *packet;
	struct nfbind_batch *batch;
	uint8_t *bytes = make_bytes(3000);

	/* Without connection tracking nobody puts fragments together before the queue. */
	run("ip link set lo mtu 1500");
	run("iptables -t raw -A PREROUTING -p udp -j NFQUEUE --queue-num 1");
	say(udp.sender, bytes, 3000);
	batch = receive_all(queue, 1, 3);
	for (uint32_t i = 0; i < 3; i++) {
		packet = nfbind_batch_packet(batch, i);
		ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_IP_FRAGMENT_OFFSET), i * 1480);
		ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_IP_MORE_FRAGMENTS), i < 2);
		ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_IP_PROTOCOL), 17);
		ck_assert_int_eq(nfbind_packet_has(packet, NFBIND_PACKET_PORT_DST), i == 0);
		ck_assert_uint_eq(verify(packet), NFBIND_VERIFY_PARTIAL);
	}
	ck_assert_int_eq(nfbind_queue_verdict_rest(queue, NFBIND_VERDICT_ACCEPT), 3);
	ck_assert_int_eq(nfbind_queue_send(queue), 0);
	hear_bytes(udp.receiver, bytes, 3000);
	free(bytes);
}
END_TEST

static void check_echo(const char *ping, const char *program, const char *address, uint8_t request,
		       uint8_t reply)
{
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct nfbind_packet *packet;
	uint64_t id;

	run("%s -A INPUT -p %s -j NFQUEUE --queue-num 1", program,
	    request == 8 ? "icmp" : "icmpv6 --icmpv6-type echo-request");
	if (request == 128)
		run("%s -A INPUT -p icmpv6 --icmpv6-type echo-reply -j NFQUEUE --queue-num 1", program);
	run("%s -c1 -W5 %s >/dev/null &", ping, address);
	packet = receive_one(queue);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_ICMP_TYPE), request);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_ICMP_CODE), 0);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_ICMP_SEQ), 1);
	ck_assert(is_absent(packet, NFBIND_PACKET_PORT_DST));
	ck_assert_uint_eq(verify(packet), 0);
	id = number_of(packet, NFBIND_PACKET_ICMP_ID);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	packet = receive_one(queue);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_ICMP_TYPE), reply);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_ICMP_ID), id);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	free_session(queue);
}

START_TEST(test_packet_icmp_echo_has_its_fields)
{
	check_echo("ping", "iptables", "127.0.0.1", 8, 0);
	check_echo("ping -6", "ip6tables", "::1", 128, 129);
}
END_TEST

START_TEST(test_packet_tcp_handshake_has_its_fields)
{
	struct nfbind_queue *queue = bind_session(1, NULL);
	int listener = tcp_listen("127.0.0.1", 5001), client;
	struct nfbind_packet *packet;
	uint64_t seq;

	queue_rule("iptables", "INPUT -p tcp", 1);
	client = tcp_start("127.0.0.1", 5001);
	packet = receive_one(queue);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_TCP_FLAGS), NFBIND_TCP_FLAG_SYN);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_TCP_MSS), 65495);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_PORT_DST), 5001);
	seq = number_of(packet, NFBIND_PACKET_TCP_SEQ);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	packet = receive_one(queue);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_TCP_FLAGS),
			  NFBIND_TCP_FLAG_SYN | NFBIND_TCP_FLAG_ACK);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_TCP_ACK), (uint32_t)(seq + 1));
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	packet = receive_one(queue);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_TCP_FLAGS), NFBIND_TCP_FLAG_ACK);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_TCP_SEQ), (uint32_t)(seq + 1));
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	ck_assert_int_eq(tcp_outcome(client, PATIENCE), 0);
	close(client);
	close(listener);
}
END_TEST

int main(void)
{
	const struct live_case cases[] = {
		{ "payload", test_packet_payload_is_what_was_sent },
		{ "payload", test_packet_of_64_kib_is_whole },
		{ "payload", test_packet_larger_than_an_attribute_is_truncated_and_passes_whole },
		{ "payload", test_packet_cut_by_the_copy_range_says_so },
		{ "payload", test_packet_without_payload_can_be_judged },
		{ "checksum", test_packet_checksum_not_ready_is_told },
		{ "checksum", test_packet_checksum_is_ready_without_the_gso_option },
		{ "bulk", test_packet_large_segment_is_whole },
		{ "bulk", test_packet_large_segment_is_cut_without_the_gso_option },
		{ "header", test_packet_fragments_are_told_apart },
		{ "header", test_packet_icmp_echo_has_its_fields },
		{ "header", test_packet_tcp_handshake_has_its_fields },
	};

	return live_main("packets", cases, sizeof(cases) / sizeof(cases[0]));
}
