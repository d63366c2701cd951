/* SPDX-License-Identifier: MIT */
/*
 * The expectation after what one side of a connection announces: as the kernel's own
 * FTP helper would expect it, translated or not, in both directions and both families,
 * and how it goes with a verdict.
 */
#include <arpa/inet.h>
#include <stdio.h>

#include "session.h"

static struct nfbind_ct *ct;
static struct nfbind_exp *expectation;

static void set_up(void)
{
	session_set_up();
	ck_assert_int_eq(nfbind_ct_new(&ct), 0);
	ck_assert_int_eq(nfbind_exp_new(&expectation), 0);
}

static void tear_down(void)
{
	nfbind_exp_free(expectation);
	nfbind_ct_free(ct);
	session_tear_down();
}

static size_t bytes_of(const char *text, uint8_t bytes[16])
{
	size_t len = strchr(text, ':') ? 16 : 4;

	ck_assert_int_eq(inet_pton(len == 4 ? AF_INET : AF_INET6, text, bytes), 1);
	return len;
}

static void address(uint32_t field, const char *text)
{
	uint8_t bytes[16];
	size_t len = bytes_of(text, bytes);

	ck_assert_int_eq(nfbind_ct_set_bytes(ct, field, bytes, len), 0);
}

static void tuple(uint32_t first, const char *src, unsigned int sport, const char *dst,
		  unsigned int dport)
{
	address(first, src);
	address(first + 1, dst);
	nfbind_ct_set_number(ct, first + 2, strchr(src, ':') ? 10 : 2);
	nfbind_ct_set_number(ct, first + 3, 6);
	nfbind_ct_set_number(ct, first + 4, sport);
	nfbind_ct_set_number(ct, first + 5, dport);
}

enum {
	SEEN = NFBIND_CT_STATUS_SEEN_REPLY | NFBIND_CT_STATUS_ASSURED | NFBIND_CT_STATUS_CONFIRMED,
};

/* A client on 192.168.1.2 and a server on 203.0.113.9. */
static void plain(void)
{
	tuple(NFBIND_CT_ORIG_SRC, "192.168.1.2", 30000, "203.0.113.9", 21);
	tuple(NFBIND_CT_REPL_SRC, "203.0.113.9", 21, "192.168.1.2", 30000);
	nfbind_ct_set_number(ct, NFBIND_CT_STATUS, SEEN);
}

/* The client is 198.51.100.1 to the server. */
static void masqueraded(void)
{
	plain();
	tuple(NFBIND_CT_REPL_SRC, "203.0.113.9", 21, "198.51.100.1", 40000);
	nfbind_ct_set_number(ct, NFBIND_CT_STATUS, SEEN | NFBIND_CT_STATUS_SRC_NAT);
}

/* The server is really 10.0.0.9. */
static void redirected(void)
{
	plain();
	tuple(NFBIND_CT_REPL_SRC, "10.0.0.9", 2121, "192.168.1.2", 30000);
	nfbind_ct_set_number(ct, NFBIND_CT_STATUS, SEEN | NFBIND_CT_STATUS_DST_NAT);
}

static int expect(uint32_t is_reply, uint8_t l4proto, const char *said, uint16_t port)
{
	uint8_t bytes[16];
	size_t len = said ? bytes_of(said, bytes) : 0;

	return nfbind_exp_expect(expectation, ct, is_reply, l4proto, said ? bytes : NULL, len, port);
}

static void is(const char *wanted)
{
	char text[1024];

	ck_assert_int_ge(nfbind_exp_print(expectation, NFBIND_FORMAT_FIELDS, text, sizeof(text)), 0);
	ck_assert_str_eq(text, wanted);
}

#define EXPECTED(src, dst, port) \
	"expected-src=" src " expected-dst=" dst " expected-l3proto=2 expected-l4proto=6 " \
	"expected-port-src=0 expected-port-dst=" #port
#define MASK \
	" mask-src=255.255.255.255 mask-dst=255.255.255.255 mask-l3proto=2 mask-l4proto=6 " \
	"mask-port-src=0 mask-port-dst=65535"
#define MASTER \
	" master-src=192.168.1.2 master-dst=203.0.113.9 master-l3proto=2 master-l4proto=6 " \
	"master-port-src=30000 master-port-dst=21"
#define NAT(src, port) \
	" nat-src=" src " nat-dst=0.0.0.0 nat-l3proto=2 nat-l4proto=6 nat-port-src=" #port \
	" nat-port-dst=0"

START_TEST(test_untranslated_client_is_called_back)
{
	plain();
	ck_assert_int_eq(expect(0, 0, "192.168.1.2", 5001), 0);
	is(EXPECTED("203.0.113.9", "192.168.1.2", 5001) MASK MASTER);
	/* The same without an address, as EPSV has none. */
	ck_assert_int_eq(expect(0, 6, NULL, 5001), 0);
	is(EXPECTED("203.0.113.9", "192.168.1.2", 5001) MASK MASTER);
}
END_TEST

START_TEST(test_untranslated_server_is_called)
{
	plain();
	ck_assert_int_eq(expect(1, 0, "203.0.113.9", 5001), 0);
	is(EXPECTED("192.168.1.2", "203.0.113.9", 5001) MASK MASTER);
}
END_TEST

START_TEST(test_masqueraded_client_is_called_at_its_public_address)
{
	masqueraded();
	ck_assert_int_eq(expect(0, 0, "192.168.1.2", 5001), 0);
	is(EXPECTED("203.0.113.9", "198.51.100.1", 5001) MASK MASTER NAT("192.168.1.2", 5001)
	   " nat-dir=reply fn=nat-follow-master");
	/* Whoever knows the public address says the same. */
	ck_assert_int_eq(expect(0, 0, "198.51.100.1", 5001), 0);
	is(EXPECTED("203.0.113.9", "198.51.100.1", 5001) MASK MASTER NAT("192.168.1.2", 5001)
	   " nat-dir=reply fn=nat-follow-master");
	/* Another public port keeps the speaker's own. */
	ck_assert_int_eq(nfbind_exp_set_number(expectation, NFBIND_EXP_EXPECTED_PORT_DST, 6000), 0);
	is(EXPECTED("203.0.113.9", "198.51.100.1", 6000) MASK MASTER NAT("192.168.1.2", 5001)
	   " nat-dir=reply fn=nat-follow-master");
}
END_TEST

START_TEST(test_server_that_a_masqueraded_client_calls)
{
	masqueraded();
	ck_assert_int_eq(expect(1, 0, "203.0.113.9", 5001), 0);
	is(EXPECTED("192.168.1.2", "203.0.113.9", 5001) MASK MASTER NAT("203.0.113.9", 5001)
	   " nat-dir=original fn=nat-follow-master");
}
END_TEST

START_TEST(test_redirected_server_is_called_at_its_public_address)
{
	redirected();
	ck_assert_int_eq(expect(1, 0, "10.0.0.9", 5001), 0);
	is(EXPECTED("192.168.1.2", "203.0.113.9", 5001) MASK MASTER NAT("10.0.0.9", 5001)
	   " nat-dir=original fn=nat-follow-master");
	ck_assert_int_eq(expect(1, 0, "203.0.113.9", 5001), 0);
	is(EXPECTED("192.168.1.2", "203.0.113.9", 5001) MASK MASTER NAT("10.0.0.9", 5001)
	   " nat-dir=original fn=nat-follow-master");
}
END_TEST

START_TEST(test_a_third_party_is_not_translated)
{
	masqueraded();
	ck_assert_int_eq(expect(0, 0, "192.0.2.77", 22), 0);
	is(EXPECTED("203.0.113.9", "192.0.2.77", 22) MASK MASTER);
}
END_TEST

START_TEST(test_zone_and_protocol_go_along)
{
	uint64_t value;

	masqueraded();
	nfbind_ct_set_number(ct, NFBIND_CT_ZONE, 7);
	ck_assert_int_eq(expect(0, 17, NULL, 5001), 0);
	ck_assert_int_eq(nfbind_exp_get_number(expectation, NFBIND_EXP_ZONE, &value), 0);
	ck_assert_uint_eq(value, 7);
	for (uint32_t first = NFBIND_EXP_EXPECTED_SRC; first <= NFBIND_EXP_NAT_SRC; first += 10) {
		ck_assert_int_eq(nfbind_exp_get_number(expectation, first + 3, &value), 0);
		ck_assert_uint_eq(value, first == NFBIND_EXP_MASTER_SRC ? 6 : 17);
	}
}
END_TEST

START_TEST(test_six_is_as_four)
{
	char text[1024];

	tuple(NFBIND_CT_ORIG_SRC, "fd00::2", 30000, "2001:db8::9", 21);
	tuple(NFBIND_CT_REPL_SRC, "2001:db8::9", 21, "fd00::2", 30000);
	nfbind_ct_set_number(ct, NFBIND_CT_STATUS, SEEN);
	ck_assert_int_eq(expect(1, 0, "2001:db8::9", 5001), 0);
	ck_assert_int_gt(nfbind_exp_print(expectation, NFBIND_FORMAT_FIELDS, text, sizeof(text)), 0);
	ck_assert_ptr_nonnull(strstr(text, "expected-src=fd00::2 expected-dst=2001:db8::9 expected-l3proto=10 "));
	ck_assert_ptr_nonnull(strstr(text, "mask-src=ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "));
	ck_assert_int_eq(expect(1, 0, "192.168.1.2", 5001), -EINVAL);
}
END_TEST

START_TEST(test_what_is_missing_is_told)
{
	plain();
	ck_assert_int_eq(expect(2, 0, NULL, 1), -EINVAL);
	ck_assert_int_eq(expect(0, 0, "fd00::1", 1), -EINVAL);
	ck_assert_int_eq(nfbind_exp_expect(expectation, ct, 0, 0, "abc", 3, 1), -EINVAL);
	ck_assert_int_eq(nfbind_exp_expect(expectation, ct, 0, 0, NULL, 4, 1), -EINVAL);
	ck_assert_int_eq(nfbind_exp_expect(expectation, ct, 0, 0, "1234", 260, 1), -EINVAL);
	ck_assert_int_eq(nfbind_exp_expect(NULL, ct, 0, 0, NULL, 0, 1), -EINVAL);
	ck_assert_int_eq(nfbind_exp_expect(expectation, NULL, 0, 0, NULL, 0, 1), -EINVAL);
	nfbind_ct_clear(ct, NFBIND_CT_STATUS);
	ck_assert_int_eq(expect(0, 0, NULL, 1), -ENODATA);
	plain();
	nfbind_ct_clear(ct, NFBIND_CT_REPL_DST);
	ck_assert_int_eq(expect(0, 0, NULL, 1), -ENODATA);
	plain();
	/* A reply of the other family is nothing that exists. */
	address(NFBIND_CT_REPL_SRC, "fd00::1");
	ck_assert_int_eq(expect(0, 0, NULL, 1), -EINVAL);
}
END_TEST

/* With a verdict. */

static struct nfbind_packet *received(const char *name)
{
	size_t len;
	const uint8_t *data = unit_fixture(name, &len);

	session_bind(7, options_of(NFBIND_OPTIONS_CONNTRACK, 1, OPTIONS_END));
	fake_deliver(data, len, 0);
	session_receive(1);
	return session_packet(0);
}

START_TEST(test_the_master_is_the_packets_connection)
{
	struct nfbind_packet *packet = received("packet-seqadj.bin");

	ck_assert_int_eq(nfbind_packet_get_ct(packet, ct), 0);
	nfbind_ct_set_number(ct, NFBIND_CT_ZONE, 3);
	ck_assert_int_eq(expect(0, 0, NULL, 77), 0);
	ck_assert_int_eq(nfbind_exp_has(expectation, NFBIND_EXP_FN), 1);
	ck_assert_int_eq(nfbind_packet_set_exp(packet, expectation), 0);
	nfbind_exp_set_number(expectation, NFBIND_EXP_MASTER_PORT_SRC, 9);
	ck_assert_int_eq(nfbind_packet_set_exp(packet, expectation), -EINVAL);
	nfbind_exp_clear(expectation, NFBIND_EXP_MASTER_PORT_SRC);
	ck_assert_int_eq(nfbind_packet_set_exp(packet, expectation), 0);
	nfbind_exp_set_bytes(expectation, NFBIND_EXP_MASTER_DST, "abcd", 4);
	ck_assert_int_eq(nfbind_packet_set_exp(packet, expectation), -EINVAL);
}
END_TEST

START_TEST(test_direction_and_state_of_a_packet)
{
	static const struct {
		const char *name;
		int is_reply, is_established;
	} cases[] = {
		{ "packet-tcp-syn.bin", 0, 0 },
		{ "packet-tcp-established-reply.bin", 1, 1 },
		{ "packet-icmp-error-related.bin", 1, 0 },
		{ "packet-expected.bin", 0, 0 },
		{ "packet-seqadj.bin", 0, 1 },
		{ "packet-udp-no-connection.bin", -ENODATA, -ENODATA },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		size_t len;
		const uint8_t *data = unit_fixture(cases[i].name, &len);
		struct nfbind_batch *parsed;

		ck_assert_int_eq(nfbind_batch_parse(data, len, &parsed), 0);
		ck_assert_msg(nfbind_packet_is_reply(nfbind_batch_packet(parsed, 0)) == cases[i].is_reply,
			      "%s", cases[i].name);
		ck_assert_msg(nfbind_packet_is_established(nfbind_batch_packet(parsed, 0)) ==
				      cases[i].is_established, "%s", cases[i].name);
		nfbind_batch_free(parsed);
	}
	ck_assert_int_eq(nfbind_packet_is_reply(NULL), -EINVAL);
	ck_assert_int_eq(nfbind_packet_is_established(NULL), -EINVAL);
}
END_TEST

UNIT_MAIN("expect", set_up, tear_down, test_untranslated_client_is_called_back,
	  test_untranslated_server_is_called, test_masqueraded_client_is_called_at_its_public_address,
	  test_server_that_a_masqueraded_client_calls,
	  test_redirected_server_is_called_at_its_public_address, test_a_third_party_is_not_translated,
	  test_zone_and_protocol_go_along, test_six_is_as_four, test_what_is_missing_is_told,
	  test_the_master_is_the_packets_connection, test_direction_and_state_of_a_packet)
