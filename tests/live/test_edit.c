/* SPDX-License-Identifier: MIT */
/*
 * Packets changed on their way. A changed packet has its checksums looked at by
 * the receiving stack, whoever would have filled them in before, so what arrives
 * was right: over lo, and over a wire with and without checksum offload.
 */
#include "live.h"

#include <arpa/inet.h>
#include <netinet/ip_icmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef IPPROTO_UDPLITE
#define IPPROTO_UDPLITE 136
#endif

static struct nfbind_packet *queued(struct nfbind_queue *queue, const struct udp *udp, const char *text)
{
	say_text(udp->sender, text);
	return receive_one(queue);
}

/* UDP. */

static void splice(struct nfbind_packet *packet, uint32_t offset, uint32_t remove, const char *text)
{
	ck_assert_int_eq(nfbind_packet_splice(packet, offset, remove, text, strlen(text)), 0);
}

/* One in place, grown, shrunk, emptied, refilled; `udp` passes `queue`. */
static void check_udp(struct nfbind_queue *queue, const struct udp *udp)
{
	struct nfbind_packet *packet;
	char large[9000];

	packet = queued(queue, udp, "in place");
	splice(packet, 3, 5, "PLACE");
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(udp->receiver, "in PLACE");

	packet = queued(queue, udp, "grown");
	splice(packet, 0, 0, "has ");
	splice(packet, 9, 0, " twice!");
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(udp->receiver, "has grown twice!");

	packet = queued(queue, udp, "shrunk by some odd number");
	splice(packet, 6, 19, "");
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(udp->receiver, "shrunk");

	packet = queued(queue, udp, "emptied");
	splice(packet, 0, 7, "");
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(udp->receiver, "");

	memset(large, 'x', sizeof(large));
	packet = queued(queue, udp, "replaced");
	ck_assert_int_eq(nfbind_packet_set_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, large, 1400), 0);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_bytes(udp->receiver, large, 1400);
	take_no_notice(queue);
}

START_TEST(test_packet_udp_changes_arrive_over_lo)
{
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct udp v4 = udp_pair("127.0.0.1", 5001), v6 = udp_pair("::1", 5001);

	need_changes();
	queue_rule("iptables", "OUTPUT -p udp", 1);
	queue_rule("ip6tables", "OUTPUT -p udp", 1);
	check_udp(queue, &v4);
	check_udp(queue, &v6);
}
END_TEST

static struct udp udp_to(int other, const char *address)
{
	struct udp udp;

	netns_enter(other);
	udp = udp_pair(address, 5001);
	close(udp.sender);
	netns_enter(home);
	udp.sender = socket(strchr(address, ':') ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	connect_to(udp.sender, address, 5001);
	return udp;
}

static void check_wire(struct nfbind_queue *queue, const struct udp *udp, bool is_ready)
{
	struct nfbind_packet *packet = queued(queue, udp, "x");
	uint64_t info = 0;

	(void)nfbind_packet_get_number(packet, NFBIND_PACKET_SKB_INFO, &info);
	ck_assert_int_eq(!(info & NFBIND_SKB_INFO_CSUM_NOT_READY), is_ready);
	judge(queue, packet, NFBIND_VERDICT_DROP);
	check_udp(queue, udp);
}

START_TEST(test_packet_udp_changes_arrive_over_a_wire)
{
	struct nfbind_queue *queue = bind_session(1, NULL);
	int other = netns_new();
	struct udp v4, v6;

	need_changes();
	netns_enter(home);
	netns_join("here", other, "there", 1);
	v4 = udp_to(other, "10.1.0.2");
	v6 = udp_to(other, "fd01::2");
	queue_rule("iptables", "OUTPUT -p udp", 1);
	queue_rule("ip6tables", "OUTPUT -p udp", 1);
	check_wire(queue, &v4, false);
	check_wire(queue, &v6, false);
	netns_checksum_in_software("here");
	check_wire(queue, &v4, true);
	check_wire(queue, &v6, true);
}
END_TEST

START_TEST(test_packet_udp_grows_to_the_largest)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);
	static char bytes[65531 - 28 + 1];
	struct nfbind_packet *packet;

	need_changes();
	memset(bytes, 'y', sizeof(bytes));
	queue_rule("iptables", "OUTPUT -p udp", 1);
	packet = queued(queue, &udp, "small");
	ck_assert_int_eq(nfbind_packet_set_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, bytes, sizeof(bytes)),
			 -EMSGSIZE);
	ck_assert_int_eq(nfbind_packet_set_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, bytes,
						 sizeof(bytes) - 1), 0);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_bytes(udp.receiver, bytes, sizeof(bytes) - 1);
}
END_TEST

/* Two verdict messages of that size do not fit in one send. */
START_TEST(test_packet_changes_leave_in_as_many_sends_as_needed)
{
	enum { LEN = 7000, COUNT = 30 };
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, OPTIONS({ NFBIND_OPTIONS_SEND_BUFFER, 6000 }));
	struct nfbind_batch *batch;
	char bytes[LEN];

	need_changes();
	queue_rule("iptables", "INPUT -p udp", 1);
	say_numbers(udp.sender, 0, COUNT);
	batch = receive_all(queue, 1, COUNT);
	for (uint32_t i = 0; i < COUNT; i++) {
		struct nfbind_packet *packet = nfbind_batch_packet(batch, i);

		memset(bytes, (int)('a' + i), LEN);
		ck_assert_int_eq(nfbind_packet_set_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, bytes, LEN), 0);
		ck_assert_ok(queue, NFBIND_SIDE_SEND,
			     nfbind_queue_verdict(queue, packet, NFBIND_VERDICT_ACCEPT));
	}
	ck_assert_int_eq(nfbind_queue_send(queue), 0);
	for (uint32_t i = 0; i < COUNT; i++) {
		memset(bytes, (int)('a' + i), LEN);
		hear_bytes(udp.receiver, bytes, LEN);
	}
}
END_TEST

START_TEST(test_packet_change_larger_than_the_send_buffer_is_refused)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, OPTIONS({ NFBIND_OPTIONS_SEND_BUFFER, 6000 }));
	static char bytes[30000];
	struct nfbind_packet *packet;

	need_changes();
	queue_rule("iptables", "INPUT -p udp", 1);
	packet = queued(queue, &udp, "x");
	ck_assert_int_eq(nfbind_packet_set_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, bytes, sizeof(bytes)), 0);
	ck_assert_int_eq(nfbind_queue_verdict(queue, packet, NFBIND_VERDICT_ACCEPT), -EMSGSIZE);
	ck_assert_ptr_nonnull(strstr(message_of(queue, NFBIND_SIDE_SEND), "send buffer"));
	/* It is undecided still, and may have a smaller one. */
	ck_assert_int_eq(nfbind_packet_set_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, "y", 1), 0);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(udp.receiver, "y");
}
END_TEST

/* The whole packet. */

START_TEST(test_packet_payload_replaced_as_a_whole_is_taken_as_it_is)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct nfbind_packet *packet;
	uint8_t copy[128];
	const uint8_t *bytes;
	size_t len;

	need_changes();
	queue_rule("iptables", "OUTPUT -p udp", 1);
	packet = queued(queue, &udp, "hello");
	bytes = bytes_of(packet, NFBIND_PACKET_PAYLOAD, &len);
	memcpy(copy, bytes, len);
	memcpy(copy + 28, "HELLO", 5);
	memset(copy + 26, 0, 2); /* no checksum */
	ck_assert_int_eq(nfbind_packet_set_bytes(packet, NFBIND_PACKET_PAYLOAD, copy, len), 0);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(udp.receiver, "HELLO");
}
END_TEST

START_TEST(test_packet_payload_too_short_for_the_kernel_is_refused)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct nfbind_packet *packet;
	const uint8_t *bytes;
	uint8_t copy[128];
	size_t len;

	need_changes();
	queue_rule("iptables", "OUTPUT -p udp", 1);
	packet = queued(queue, &udp, "hello");
	bytes = bytes_of(packet, NFBIND_PACKET_PAYLOAD, &len);
	memcpy(copy, bytes, len);
	ck_assert_int_eq(nfbind_packet_set_bytes(packet, NFBIND_PACKET_PAYLOAD, copy, 19), 0);
	ck_assert_int_eq(nfbind_queue_verdict(queue, packet, NFBIND_VERDICT_ACCEPT), -EOPNOTSUPP);
	ck_assert_ptr_nonnull(strstr(message_of(queue, NFBIND_SIDE_SEND), "transport header"));
	ck_assert_int_eq(nfbind_packet_set_bytes(packet, NFBIND_PACKET_PAYLOAD, copy, len), 0);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(udp.receiver, "hello");
}
END_TEST

/* Headers. */

START_TEST(test_packet_header_changes_arrive)
{
	struct nfbind_queue *queue = bind_session(1, NULL);
	int real = bound_socket(SOCK_DGRAM, "127.0.0.9", 5009);
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_packet *packet;
	union address from;
	socklen_t len = sizeof(from);
	uint32_t address = htonl(0x7f000009), sender = htonl(0x7f000007);
	char room[16];

	need_changes();
	run("iptables -t mangle -A PREROUTING -p udp -j NFQUEUE --queue-num 1");
	run("iptables -A INPUT -m ttl --ttl-eq 17 -m dscp --dscp 46 -j ACCEPT");
	run("iptables -A INPUT -p udp -j DROP");
	packet = queued(queue, &udp, "redirected");
	ck_assert_int_eq(nfbind_packet_set_bytes(packet, NFBIND_PACKET_IP_DST, &address, 4), 0);
	ck_assert_int_eq(nfbind_packet_set_bytes(packet, NFBIND_PACKET_IP_SRC, &sender, 4), 0);
	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_PORT_DST, 5009), 0);
	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_PORT_SRC, 4711), 0);
	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_IP_TTL, 17), 0);
	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_IP_DSCP, 46), 0);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	ck_assert_int_eq(recvfrom(real, room, sizeof(room), 0, &from.any, &len), 10);
	ck_assert_uint_eq(ntohs(from.v4.sin_port), 4711);
	ck_assert_uint_eq(from.v4.sin_addr.s_addr, sender);
	hear_nothing(udp.receiver);
	close(real);
}
END_TEST

/* The kernel answers an echo only when its checksum is right, with the bytes that it got. */
START_TEST(test_packet_icmp_change_is_answered)
{
	struct {
		struct icmphdr header;
		char text[8];
	} echo = { .header = { .type = ICMP_ECHO, .un.echo = { htons(77), htons(1) } }, .text = "before!" };
	struct nfbind_queue *queue = bind_session(1, NULL);
	int raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	struct nfbind_packet *packet;
	uint8_t room[128];
	uint32_t sum = 0;

	need_changes();
	for (size_t i = 0; i < sizeof(echo) / 2; i++)
		sum += ((const uint16_t *)&echo)[i];
	echo.header.checksum = (uint16_t)~((sum & 0xffff) + (sum >> 16));
	run("iptables -A INPUT -p icmp --icmp-type 8 -j NFQUEUE --queue-num 1");
	run("iptables -A OUTPUT -p icmp --icmp-type 8 -j ACCEPT");
	connect_to(raw, "127.0.0.1", 0);
	say(raw, &echo, sizeof(echo));
	packet = receive_one(queue);
	splice(packet, 0, 6, "after, and longer");
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	do
		ck_assert_int_gt(hear(raw, room, sizeof(room), PATIENCE), 28);
	while (room[20] != ICMP_ECHOREPLY);
	ck_assert_mem_eq(room + 28, "after, and longer!", 18);
	close(raw);
}
END_TEST

/* TCP. */

static struct tcp connected(const char *address, int server_netns)
{
	struct tcp tcp;

	netns_enter(server_netns);
	tcp.listener = tcp_listen(address, 5001);
	netns_enter(home);
	tcp.client = tcp_start(address, 5001);
	ck_assert_int_eq(tcp_outcome(tcp.client, PATIENCE), 0);
	tcp.server = accept(tcp.listener, NULL, NULL);
	ck_assert_int_ge(tcp.server, 0);
	return tcp;
}

static void disconnect(const struct tcp *tcp)
{
	close(tcp->client);
	close(tcp->server);
	close(tcp->listener);
}

/* What else is there passes as it is. */
static void pass_rest(struct nfbind_queue *queue)
{
	struct nfbind_batch *batch;
	int r;

	while ((r = nfbind_queue_receive(queue, 0, &batch)) > 0)
		ck_assert_int_eq(nfbind_queue_verdict_rest(queue, NFBIND_VERDICT_ACCEPT), r);
}

static void check_tcp(struct nfbind_queue *queue, const struct tcp *tcp)
{
	struct nfbind_packet *packet;

	say_text(tcp->client, "GET /secret");
	packet = receive_data(queue);
	ck_assert_int_eq(nfbind_packet_splice(packet, 5, 6, "pub", 3), -EPROTO);
	splice(packet, 5, 6, "public");
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(tcp->server, "GET /public");
	say_text(tcp->server, "200 OK");
	packet = receive_data(queue);
	splice(packet, 0, 6, "404 NO");
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(tcp->client, "404 NO");
}

START_TEST(test_packet_tcp_changes_in_place_arrive)
{
	struct nfbind_queue *queue = bind_session(1, OPTIONS({ NFBIND_OPTIONS_BATCH, 1 }));
	struct tcp v4 = connected("127.0.0.1", home), v6 = connected("::1", home);

	need_changes();
	queue_rule("iptables", "OUTPUT -p tcp", 1);
	queue_rule("ip6tables", "OUTPUT -p tcp", 1);
	check_tcp(queue, &v4);
	check_tcp(queue, &v6);
	run("iptables -F && ip6tables -F");
	disconnect(&v4);
	disconnect(&v6);
}
END_TEST

START_TEST(test_packet_tcp_changes_in_place_arrive_over_a_wire)
{
	struct nfbind_queue *queue = bind_session(1, OPTIONS({ NFBIND_OPTIONS_BATCH, 1 }));
	int other = netns_new();
	struct tcp tcp;

	need_changes();
	netns_enter(home);
	netns_join("here", other, "there", 1);
	tcp = connected("10.1.0.2", other);
	queue_rule("iptables", "OUTPUT -p tcp", 1);
	queue_rule("iptables", "INPUT -p tcp", 1);
	check_tcp(queue, &tcp);
	netns_checksum_in_software("here");
	check_tcp(queue, &tcp);
	run("iptables -F");
	disconnect(&tcp);
}
END_TEST

START_TEST(test_packet_large_segment_changes_in_place_only)
{
	enum { LEN = 40000 };
	struct nfbind_queue *queue = bind_session(1, OPTIONS({ NFBIND_OPTIONS_BATCH, 1 }));
	struct tcp tcp = connected("127.0.0.1", home);
	static char bytes[LEN], got[LEN];
	struct nfbind_packet *packet;
	size_t len, done = 0;

	need_changes();
	run("ip link set lo mtu 1500");
	disconnect(&tcp);
	tcp = connected("127.0.0.1", home);
	memset(bytes, 'a', LEN);
	queue_rule("iptables", "OUTPUT -p tcp --dport 5001", 1);
	say(tcp.client, bytes, LEN);
	packet = receive_data(queue);
	ck_assert(number_of(packet, NFBIND_PACKET_SKB_INFO) & NFBIND_SKB_INFO_GSO);
	(void)bytes_of(packet, NFBIND_PACKET_L4_PAYLOAD, &len);
	ck_assert_int_lt(nfbind_packet_splice(packet, 0, 1, "", 0), 0);
	splice(packet, (uint32_t)len - 3, 3, "bcd");
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	run("iptables -F");
	pass_rest(queue);
	while (done < len) {
		ssize_t more = hear(tcp.server, got + done, LEN - done, PATIENCE);

		ck_assert_int_gt(more, 0);
		done += (size_t)more;
	}
	ck_assert_mem_eq(got, bytes, len - 3);
	ck_assert_mem_eq(got + len - 3, "bcd", 3);
	disconnect(&tcp);
}
END_TEST

/* Others. */

START_TEST(test_packet_sctp_change_arrives)
{
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_SCTP), client, server;
	struct nfbind_queue *queue;
	struct nfbind_packet *packet;
	union address address;
	const uint8_t *bytes;
	socklen_t len;
	size_t data_len;

	need_changes();
	if (listener < 0)
		skip("this kernel has no SCTP");
	len = address_fill(&address, "127.0.0.1", 5001);
	ck_assert(bind(listener, &address.any, len) == 0 && listen(listener, 1) == 0);
	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_SCTP);
	ck_assert_int_eq(connect(client, &address.any, len), 0);
	server = accept(listener, NULL, NULL);
	queue = bind_session(1, NULL);
	queue_rule("iptables", "OUTPUT -p sctp --dport 5001", 1);
	say_text(client, "hello");
	packet = receive_one(queue);
	bytes = bytes_of(packet, NFBIND_PACKET_L4_PAYLOAD, &data_len);
	ck_assert_mem_eq(bytes + 16, "hello", 5);
	splice(packet, 16, 5, "HELLO");
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(server, "HELLO");
	run("iptables -F");
	close(client);
	close(server);
	close(listener);
}
END_TEST

/* The kernel looks at the checksum itself. */
static void check_udplite_socket(struct nfbind_queue *queue, int receiver)
{
	int sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDPLITE);
	struct nfbind_packet *packet;
	union address address;
	socklen_t len = address_fill(&address, "127.0.0.1", 5001);

	ck_assert_int_eq(bind(receiver, &address.any, len), 0);
	ck_assert_int_eq(connect(sender, &address.any, len), 0);
	say_text(sender, "hello");
	packet = receive_one(queue);
	splice(packet, 1, 4, "i");
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(receiver, "hi");
	close(sender);
}

/* Packets of it still pass: what comes is looked at here. */
static void check_udplite_raw(struct nfbind_queue *queue)
{
	/* ports, all of it covered, the checksum with the addresses of lo; the text */
	static const uint8_t hello[] = { 0x13, 0x88, 0x13, 0x89, 0, 0, 0x96, 0x84, 'h', 'e', 'l', 'l', 'o' };
	int raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDPLITE);
	struct nfbind_packet *packet;
	uint8_t room[64];
	uint32_t wrong = 0;
	ssize_t len;

	connect_to(raw, "127.0.0.1", 0);
	say(raw, hello, sizeof(hello));
	packet = receive_one(queue);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_PORT_DST), 5001);
	ck_assert_int_eq(nfbind_packet_verify(packet, &wrong), 0);
	ck_assert_uint_eq(wrong, 0);
	splice(packet, 1, 4, "i");
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	len = hear(raw, room, sizeof(room), PATIENCE);
	ck_assert_int_eq(len, 20 + 8 + 2);
	ck_assert_mem_eq(room + 28, "hi", 2);
	ck_assert_int_eq(nfbind_packet_new(room, (size_t)len, &packet), 0);
	ck_assert_int_eq(nfbind_packet_verify(packet, &wrong), 0);
	ck_assert_uint_eq(wrong, 0);
	nfbind_packet_free(packet);
	close(raw);
}

/* 7.x has no sockets of it any more. */
START_TEST(test_packet_udplite_change_arrives)
{
	int receiver = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDPLITE);
	struct nfbind_queue *queue;

	if (receiver < 0) {
		ck_assert_int_eq(errno, EPROTONOSUPPORT);
		ck_assert(is_kernel(7, 0));
	}
	need_changes();
	queue = bind_session(1, NULL);
	queue_rule("iptables", "OUTPUT -p udplite", 1);
	if (receiver >= 0)
		check_udplite_socket(queue, receiver);
	check_udplite_raw(queue);
	close(receiver);
}
END_TEST

int main(void)
{
	const struct live_case cases[] = {
		{ "udp", test_packet_udp_changes_arrive_over_lo },
		{ "udp", test_packet_udp_changes_arrive_over_a_wire },
		{ "udp", test_packet_udp_grows_to_the_largest },
		{ "udp", test_packet_changes_leave_in_as_many_sends_as_needed },
		{ "udp", test_packet_change_larger_than_the_send_buffer_is_refused },
		{ "payload", test_packet_payload_replaced_as_a_whole_is_taken_as_it_is },
		{ "payload", test_packet_payload_too_short_for_the_kernel_is_refused },
		{ "header", test_packet_header_changes_arrive },
		{ "header", test_packet_icmp_change_is_answered },
		{ "tcp", test_packet_tcp_changes_in_place_arrive },
		{ "tcp", test_packet_tcp_changes_in_place_arrive_over_a_wire },
		{ "tcp", test_packet_large_segment_changes_in_place_only },
		{ "others", test_packet_sctp_change_arrives },
		{ "others", test_packet_udplite_change_arrives },
	};

	return live_main("edit", cases, sizeof(cases) / sizeof(cases[0]));
}
