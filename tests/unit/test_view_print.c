/* SPDX-License-Identifier: MIT */
#include "packets.h"

#include "view.h"

static const struct {
	const char *packet;
	const char *line;
} lines[] = {
	{ TCP4, "TCP 10.0.0.1:4000 > 10.0.0.2:80 [PSH ACK] seq 1000 ack 2000 win 501 len 14" },
	{ TCP6, "TCP [fd00::1]:4000 > [fd00::2]:80 [SYN] seq 1000 win 8192 len 3" },
	{ UDP4, "UDP 10.0.0.1:53 > 10.0.0.2:4711 len 6" },
	{ UDP6, "UDP [fd00::1]:53 > [fd00::2]:4711 len 6" },
	{ ICMP4, "ICMP 10.0.0.1 > 10.0.0.2 echo-request id 7 seq 9 len 4" },
	{ ICMP6, "ICMPv6 fd00::1 > fd00::2 echo-request id 7 seq 9 len 4" },
	{ SCTP4, "SCTP 10.0.0.1:5000 > 10.0.0.2:6000 len 4" },
	{ UDPLITE4, "UDP-Lite 10.0.0.1:1 > 10.0.0.2:2 len 6" },
	{ DCCP4, "DCCP 10.0.0.1:5001 > 10.0.0.2:5002 len 6" },
	{ FIRST4, "UDP 10.0.0.1:53 > 10.0.0.2:4711 fragment id 5 offset 0 more len 8" },
	{ LATER4, "UDP 10.0.0.1 > 10.0.0.2 fragment id 5 offset 16 len 16" },
	{ LATER6, "UDP fd00::1 > fd00::2 fragment id 305419896 offset 16 more len 16" },
	{ GRE4, "IPv4 10.0.0.1 > 10.0.0.2 protocol 47 len 8" },
};

static size_t print(const struct nfbind_packet *packet, char *out, size_t size)
{
	struct text text;

	text_start(&text, out, size);
	view_print(packet, &text);
	return text.len;
}

START_TEST(test_view_print_says_who_sends_what_to_whom)
{
	char out[200];

	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		struct nfbind_packet *packet = packets_new(lines[i].packet);

		ck_assert_uint_eq(print(packet, out, sizeof(out)), strlen(lines[i].line));
		ck_assert_str_eq(out, lines[i].line);
		nfbind_packet_free(packet);
	}
}
END_TEST

START_TEST(test_view_print_names_icmp_messages_and_numbers_others)
{
	struct nfbind_packet *packet = packets_new(ICMP4);
	char out[200];

	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_ICMP_TYPE, 3), 0);
	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_ICMP_CODE, 13), 0);
	print(packet, out, sizeof(out));
	ck_assert_str_eq(out, "ICMP 10.0.0.1 > 10.0.0.2 destination-unreachable code 13 len 4");
	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_ICMP_TYPE, 77), 0);
	print(packet, out, sizeof(out));
	ck_assert_str_eq(out, "ICMP 10.0.0.1 > 10.0.0.2 type 77 code 13 len 4");
	nfbind_packet_free(packet);
}
END_TEST

START_TEST(test_view_print_of_what_is_no_packet_says_so)
{
	struct nfbind_packet *packet = packets_of("", 0);
	char out[200];

	print(packet, out, sizeof(out));
	ck_assert_str_eq(out, "no payload");
	packets_drop(packet, packet->payload);
	packet = packets_of("\x45more", 5);
	print(packet, out, sizeof(out));
	ck_assert_str_eq(out, "no IP packet");
	packets_drop(packet, packet->payload);
}
END_TEST

/* The line of a cut packet is the whole one's as far as its bytes go; see test_view.c. */
START_TEST(test_view_print_of_a_cut_packet_says_what_is_there)
{
	uint8_t bytes[200];
	char out[200];

	packets_bytes(TCP4, bytes);
	for (size_t cut = 20; cut <= 40; cut++) {
		struct nfbind_packet *packet = packets_of(bytes, cut);

		print(packet, out, sizeof(out));
		ck_assert_msg((strstr(out, "[PSH ACK]") != NULL) == (cut >= 34), "%zu: %s", cut, out);
		ck_assert_msg((strstr(out, ":80") != NULL) == (cut >= 24), "%zu: %s", cut, out);
		packets_drop(packet, packet->payload);
	}
}
END_TEST

START_TEST(test_view_print_stays_inside_the_buffer)
{
	struct nfbind_packet *packet = packets_new(TCP6);
	size_t len = print(packet, NULL, 0);

	for (size_t size = 1; size <= len + 1; size++) {
		char *out = malloc(size);

		ck_assert_uint_eq(print(packet, out, size), len);
		ck_assert_uint_eq(strlen(out), size - 1);
		free(out);
	}
	nfbind_packet_free(packet);
}
END_TEST

UNIT_MAIN("view_print", NULL, NULL,
	  test_view_print_says_who_sends_what_to_whom,
	  test_view_print_names_icmp_messages_and_numbers_others,
	  test_view_print_of_what_is_no_packet_says_so,
	  test_view_print_of_a_cut_packet_says_what_is_there,
	  test_view_print_stays_inside_the_buffer)
