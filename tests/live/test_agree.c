/* SPDX-License-Identifier: MIT */
/*
 * A packet's connection is that of the list. The kernel writes it by two functions,
 * ctnetlink_glue_build() for packets and ctnetlink_fill_info() for lists. Entries that
 * have all a request can give are made for sockets that are there; the packet that then
 * comes by is compared, field by field, with a list.
 */
#include "requests.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { QUEUE = 9 };

static struct nfbind_conntrack *requests;
static struct nfbind_queue *queue;

/* The rules track connections of the namespace, too. */
static void begin(const char *program)
{
	requests = open_requests();
	queue = bind_session(QUEUE, OPTIONS({ NFBIND_OPTIONS_CONNTRACK, 1 }, { NFBIND_OPTIONS_BATCH, 1 }));
	run("%s -A OUTPUT -m conntrack --ctstate UNTRACKED", program);
	run("%s -A OUTPUT -m connlabel --label 1", program);
	queue_rule(program, "INPUT -p udp", QUEUE);
	queue_rule(program, "INPUT -p tcp", QUEUE);
}

#define need_connections(program)                                                     \
	do {                                                                          \
		need_feature(NFBIND_FEATURE_QUEUE_CONNTRACK, "queue flag conntrack"); \
		begin(program);                                                       \
	} while (0)

/*
 * The list's entry of that number; its timeout runs down, and its use is the list's own.
 * Before 6.1 figures are, too.
 */
static void print_listed(uint64_t id, bool has_figures, char *text, size_t text_size)
{
	static const uint32_t figures[] = { NFBIND_CT_ORIG_COUNTER_PACKETS, NFBIND_CT_ORIG_COUNTER_BYTES,
					    NFBIND_CT_REPL_COUNTER_PACKETS, NFBIND_CT_REPL_COUNTER_BYTES,
					    NFBIND_CT_TIMESTAMP_START };
	struct nfbind_ct *ct = ct_of("mark=0");
	struct nfbind_list *list;
	int r;

	ck_assert_done(requests, nfbind_conntrack_list_ct(requests, NULL, NFBIND_LIST_TABLE, 0, &list));
	do {
		r = nfbind_list_next_ct(list, ct);
		ck_assert_msg(r == 0, "no entry of the list has the packet's number");
	} while (ct_number(ct, NFBIND_CT_ID) != id);
	nfbind_list_free(list);
	nfbind_ct_clear(ct, NFBIND_CT_TIMEOUT);
	nfbind_ct_clear(ct, NFBIND_CT_USE);
	for (size_t i = 0; !has_figures && i < sizeof(figures) / sizeof(figures[0]); i++)
		nfbind_ct_clear(ct, figures[i]);
	nfbind_ct_print(ct, NFBIND_FORMAT_FIELDS, 0, NULL, text, text_size);
	nfbind_ct_free(ct);
}

static bool has_figures(const struct nfbind_ct *ct)
{
	return is_kernel(6, 1) || nfbind_ct_has(ct, NFBIND_CT_ORIG_COUNTER_PACKETS);
}

/* The next packet's connection is the list's, and is this. */
static void agrees(const char *words)
{
	struct nfbind_packet *packet = receive_one(queue);
	struct nfbind_ct *ct = ct_of("mark=0");
	char told[2048], listed[2048];
	int r = nfbind_packet_get_ct(packet, ct);

	ck_assert_msg(r == 0, "the connection: %s", nfbind_error_name(r));
	ct_is(ct, "%s", words);
	ck_assert_int_eq(nfbind_ct_has(ct, NFBIND_CT_TIMEOUT), 1);
	nfbind_ct_clear(ct, NFBIND_CT_TIMEOUT);
	nfbind_ct_print(ct, NFBIND_FORMAT_FIELDS, 0, NULL, told, sizeof(told));
	print_listed(ct_number(ct, NFBIND_CT_ID), has_figures(ct), listed, sizeof(listed));
	ck_assert_str_eq(told, listed);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	nfbind_ct_free(ct);
}

#define UDP "orig-src=127.0.0.1 orig-dst=127.0.0.1 orig-l4proto=17 orig-port-src=%u orig-port-dst=5001"
#define TCP "orig-src=127.0.0.1 orig-dst=127.0.0.1 orig-l4proto=6 orig-port-src=%u orig-port-dst=5001"

START_TEST(test_packet_ct_agrees_with_the_list)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	char words[512];

	need_connections("iptables");
	snprintf(words, sizeof(words), UDP " mark=305419896 labels=0210000000000000000000000000ff80 helper-name=tftp",
		 port_of(udp.sender));
	add_ct(requests, "%s timeout=1000 status=1038", words);
	say_text(udp.sender, "x");
	agrees(words);
	hear_text(udp.receiver, "x");
}
END_TEST

START_TEST(test_packet_ct_of_ipv6_agrees_with_the_list)
{
	struct udp udp = udp_pair("::1", 5001);
	char words[512];

	need_connections("ip6tables");
	snprintf(words, sizeof(words), "orig-src=::1 orig-dst=::1 orig-l4proto=17 orig-port-src=%u orig-port-dst=5001 mark=1",
		 port_of(udp.sender));
	add_ct(requests, "%s timeout=1000", words);
	say_text(udp.sender, "x");
	agrees(words);
	hear_text(udp.receiver, "x");
}
END_TEST

/* With counters and times, which the kernel keeps where it was told to before. */
START_TEST(test_packet_ct_with_figures_agrees_with_the_list)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);

	need_connections("iptables");
	run("echo 1 >/proc/sys/net/netfilter/nf_conntrack_acct && echo 1 >/proc/sys/net/netfilter/nf_conntrack_timestamp");
	say_text(udp.sender, "x");
	judge(queue, receive_one(queue), NFBIND_VERDICT_ACCEPT);
	say_text(udp.sender, "xyz");
	agrees(is_kernel(6, 1) ? "orig-counter-packets=2 orig-counter-bytes=60 repl-counter-packets=0" :
					"orig-counter-packets=");
}
END_TEST

START_TEST(test_packet_ct_of_an_expected_one_agrees_with_the_list)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	char words[512];

	need_connections("iptables");
	add_ct(requests, "orig-src=10.0.0.1 orig-dst=10.0.0.2 orig-l4proto=6 orig-port-src=1000 orig-port-dst=21 "
			 "timeout=1000 helper-name=ftp tcp-state=3");
	snprintf(words, sizeof(words), UDP " master-src=10.0.0.1 master-dst=10.0.0.2 master-l4proto=6 "
		 "master-port-src=1000 master-port-dst=21", port_of(udp.sender));
	add_ct(requests, "%s timeout=1000", words);
	say_text(udp.sender, "x");
	agrees(words);
}
END_TEST

START_TEST(test_packet_ct_of_a_zone_agrees_with_the_list)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	char words[512];

	need_connections("iptables");
	run("iptables -t raw -A OUTPUT -p udp -j CT --zone 5");
	snprintf(words, sizeof(words), UDP " zone=5", port_of(udp.sender));
	add_ct(requests, "%s timeout=1000", words);
	say_text(udp.sender, "x");
	agrees(words);
	/* Of the original direction alone, it is a part of that tuple. */
	run("iptables -t raw -F && iptables -t raw -A OUTPUT -p udp -j CT --zone-orig 6");
	snprintf(words, sizeof(words), UDP " orig-zone=6", port_of(udp.sender));
	add_ct(requests, "%s timeout=1000", words);
	say_text(udp.sender, "x");
	agrees(words);
}
END_TEST

START_TEST(test_packet_ct_of_a_translated_one_agrees_with_the_list)
{
	struct udp udp = udp_pair("127.0.0.1", 5002);
	char words[512];

	need_connections("iptables");
	run("iptables -t nat -A OUTPUT -p udp --dport 5001 -j DNAT --to 127.0.0.1:5002");
	connect_to(udp.sender, "127.0.0.1", 5001);
	say_text(udp.sender, "x");
	snprintf(words, sizeof(words), UDP " repl-port-src=5002", port_of(udp.sender));
	agrees(words);
	hear_text(udp.receiver, "x");
}
END_TEST

/* A state of the kernel's own, adjusted sequence numbers, and what a proxy for SYN keeps. */
START_TEST(test_packet_ct_of_tcp_agrees_with_the_list)
{
	int listener = tcp_listen("127.0.0.1", 5001), client = tcp_start("127.0.0.1", 5001);
	char words[512];
	bool has_synproxy;

	ck_assert_int_eq(tcp_outcome(client, PATIENCE), 0);
	need_connections("iptables");
	/* Before 5.18 only where its module is there by chance. */
	add_ct(requests, "orig-src=10.0.0.1 orig-dst=10.0.0.2 orig-l4proto=6 orig-port-src=1 orig-port-dst=2 timeout=9 "
			 "synproxy-isn=1 synproxy-its=2 synproxy-tsoff=3");
	has_synproxy = nfbind_ct_has(fetch_ct(requests, "orig-src=10.0.0.1 orig-dst=10.0.0.2 orig-l4proto=6 "
						       "orig-port-src=1 orig-port-dst=2"), NFBIND_CT_SYNPROXY_ISN) > 0;
	ck_assert(has_synproxy || !is_kernel(5, 18));
	snprintf(words, sizeof(words), TCP " orig-seq-position=1 orig-seq-before=2 orig-seq-after=3 repl-seq-position=4 "
		 "repl-seq-before=5 repl-seq-after=6%s", port_of(client),
		 has_synproxy ? " synproxy-isn=7 synproxy-its=8 synproxy-tsoff=9" : "");
	add_ct(requests, "%s timeout=1000 status=14 tcp-state=3 tcp-flags-orig=10 tcp-mask-orig=10 tcp-flags-repl=9 "
			 "tcp-mask-repl=9 tcp-wscale-orig=7 tcp-wscale-repl=5", words);
	say_text(client, "x");
	agrees(words);
	close(client);
	close(listener);
}
END_TEST

/* There need be no sockets of these protocols here: a packet is a few bytes behind an IP header. */
static void say_raw(int protocol, const void *data, size_t data_len)
{
	union address address;
	socklen_t len = address_fill(&address, "127.0.0.1", 0);
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, protocol);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(sendto(fd, data, data_len, 0, &address.any, len), (ssize_t)data_len);
	close(fd);
}

#define RAW "orig-src=127.0.0.1 orig-dst=127.0.0.1 orig-l4proto=%d orig-port-src=1000 orig-port-dst=5001"

START_TEST(test_packet_ct_of_sctp_agrees_with_the_list)
{
	/* ports, verification tag, no checksum; a chunk of data */
	static const uint8_t data[32] = { 0x03, 0xe8, 0x13, 0x89, 0, 0, 0, 7, 0, 0, 0, 0, 0, 3, 0, 17 };
	char words[256];

	need_connections("iptables");
	queue_rule("iptables", "OUTPUT -p 132", QUEUE);
	snprintf(words, sizeof(words), RAW " sctp-state=4 sctp-vtag-orig=7 sctp-vtag-repl=8", 132);
	add_ct(requests, "%s timeout=1000 status=14", words);
	say_raw(132, data, sizeof(data));
	agrees(words);
}
END_TEST

/* Kernels since 6.16 track it as they do any protocol, without ports. */
START_TEST(test_packet_ct_of_dccp_agrees_with_the_list)
{
	/* ports, four words of header, no checksum; data, with a long sequence number */
	static const uint8_t data[20] = { 0x03, 0xe8, 0x13, 0x89, 4, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 9 };
	char words[256], key[128];
	bool is_known;

	need_connections("iptables");
	queue_rule("iptables", "OUTPUT -p 33", QUEUE);
	snprintf(key, sizeof(key), RAW, 33);
	if (nfbind_conntrack_add_ct(requests, ct_of("%s timeout=1000 status=14 dccp-state=4 dccp-role=0 "
						    "dccp-handshake-seq=0", key), 0) < 0) {
		ck_assert(is_kernel(6, 16));
		return;
	}
	is_known = nfbind_ct_has(fetch_ct(requests, "%s", key), NFBIND_CT_DCCP_STATE) > 0;
	ck_assert(is_known || is_kernel(6, 16));
	snprintf(words, sizeof(words), "%s dccp-state=4 dccp-role=0", key);
	say_raw(33, data, sizeof(data));
	agrees(is_known ? words : "orig-l4proto=33 orig-port-src=");
}
END_TEST

int main(void)
{
	const struct live_case cases[] = {
		{ "plain", test_packet_ct_agrees_with_the_list },
		{ "plain", test_packet_ct_of_ipv6_agrees_with_the_list },
		{ "figures", test_packet_ct_with_figures_agrees_with_the_list },
		{ "expected", test_packet_ct_of_an_expected_one_agrees_with_the_list },
		{ "zone", test_packet_ct_of_a_zone_agrees_with_the_list },
		{ "nat", test_packet_ct_of_a_translated_one_agrees_with_the_list },
		{ "tcp", test_packet_ct_of_tcp_agrees_with_the_list },
		{ "raw", test_packet_ct_of_sctp_agrees_with_the_list },
		{ "raw", test_packet_ct_of_dccp_agrees_with_the_list },
	};

	return live_main("agree", cases, sizeof(cases) / sizeof(cases[0]));
}
