/* SPDX-License-Identifier: MIT */
/*
 * Reading headers: the walk, and every field of every protocol at every length that
 * a packet may be cut to. What is set is the oracle's business (scapy_oracle.py),
 * except the errors.
 */
#include "packets.h"

#include "view.h"

enum { FIRST = NFBIND_PACKET_IP_VERSION, LAST = NFBIND_PACKET_L4_PAYLOAD };

/* What a field reads as, and how many bytes of the packet it takes to be there. */
struct expected {
	uint32_t field;
	uint64_t number;
	const char *bytes;
	uint32_t needs;
};

#define NUMBER(name, value, bytes_needed) { NFBIND_PACKET_##name, value, NULL, bytes_needed }
#define BYTES(name, hex, bytes_needed) { NFBIND_PACKET_##name, 0, hex, bytes_needed }
#define END { 0, 0, NULL, 0 }

static const struct expected tcp4[] = {
	NUMBER(IP_VERSION, 4, 20), BYTES(IP_SRC, "0a000001", 20), BYTES(IP_DST, "0a000002", 20),
	NUMBER(IP_PROTOCOL, 6, 20), NUMBER(IP_TTL, 61, 20), NUMBER(IP_DSCP, 46, 20),
	NUMBER(IP_ECN, 1, 20), NUMBER(IP_ID, 0x1234, 20), NUMBER(IP_DONT_FRAGMENT, 1, 20),
	NUMBER(PORT_SRC, 4000, 22), NUMBER(PORT_DST, 80, 24), NUMBER(TCP_SEQ, 1000, 28),
	NUMBER(TCP_ACK, 2000, 32), NUMBER(TCP_FLAGS, 0x18, 34), NUMBER(TCP_WINDOW, 501, 36),
	NUMBER(TCP_URGENT, 3, 40), BYTES(TCP_OPTIONS, "020405b401030307", 48),
	NUMBER(TCP_MSS, 1460, 48), BYTES(L4_PAYLOAD, "474554202f20485454502f312e30", 48), END,
};

static const struct expected tcp6[] = {
	NUMBER(IP_VERSION, 6, 40), BYTES(IP_SRC, "fd000000000000000000000000000001", 40),
	BYTES(IP_DST, "fd000000000000000000000000000002", 40), NUMBER(IP_PROTOCOL, 6, 56),
	NUMBER(IP_TTL, 61, 40), NUMBER(IP_DSCP, 46, 40), NUMBER(IP_ECN, 1, 40),
	NUMBER(IP_FLOW_LABEL, 0x12345, 40), NUMBER(PORT_SRC, 4000, 58), NUMBER(PORT_DST, 80, 60),
	NUMBER(TCP_SEQ, 1000, 64), NUMBER(TCP_ACK, 2000, 68), NUMBER(TCP_FLAGS, 2, 70),
	NUMBER(TCP_WINDOW, 8192, 72), NUMBER(TCP_URGENT, 0, 76), BYTES(TCP_OPTIONS, "", 76),
	BYTES(L4_PAYLOAD, "616263", 76), END,
};

static const struct expected udp4[] = {
	NUMBER(IP_VERSION, 4, 20), BYTES(IP_SRC, "0a000001", 20), BYTES(IP_DST, "0a000002", 20),
	NUMBER(IP_PROTOCOL, 17, 20), NUMBER(IP_TTL, 64, 20), NUMBER(IP_DSCP, 0, 20),
	NUMBER(IP_ECN, 0, 20), NUMBER(IP_ID, 1, 20), NUMBER(IP_DONT_FRAGMENT, 0, 20),
	NUMBER(PORT_SRC, 53, 22), NUMBER(PORT_DST, 4711, 24), BYTES(L4_PAYLOAD, "616e73776572", 28),
	END,
};

static const struct expected icmp4[] = {
	NUMBER(IP_VERSION, 4, 20), BYTES(IP_SRC, "0a000001", 20), BYTES(IP_DST, "0a000002", 20),
	NUMBER(IP_PROTOCOL, 1, 20), NUMBER(IP_TTL, 64, 20), NUMBER(IP_DSCP, 0, 20),
	NUMBER(IP_ECN, 0, 20), NUMBER(IP_ID, 1, 20), NUMBER(IP_DONT_FRAGMENT, 0, 20),
	NUMBER(ICMP_TYPE, 8, 21), NUMBER(ICMP_CODE, 0, 22), NUMBER(ICMP_ID, 7, 26),
	NUMBER(ICMP_SEQ, 9, 28), BYTES(L4_PAYLOAD, "70696e67", 28), END,
};

static const struct expected icmp6[] = {
	NUMBER(IP_VERSION, 6, 40), BYTES(IP_SRC, "fd000000000000000000000000000001", 40),
	BYTES(IP_DST, "fd000000000000000000000000000002", 40), NUMBER(IP_PROTOCOL, 58, 40),
	NUMBER(IP_TTL, 64, 40), NUMBER(IP_DSCP, 0, 40), NUMBER(IP_ECN, 0, 40),
	NUMBER(IP_FLOW_LABEL, 0, 40), NUMBER(ICMP_TYPE, 128, 41), NUMBER(ICMP_CODE, 0, 42),
	NUMBER(ICMP_ID, 7, 46), NUMBER(ICMP_SEQ, 9, 48), BYTES(L4_PAYLOAD, "70696e67", 48), END,
};

static const struct expected sctp4[] = {
	NUMBER(IP_VERSION, 4, 20), BYTES(IP_SRC, "0a000001", 20), BYTES(IP_DST, "0a000002", 20),
	NUMBER(IP_PROTOCOL, 132, 20), NUMBER(IP_TTL, 64, 20), NUMBER(IP_DSCP, 0, 20),
	NUMBER(IP_ECN, 0, 20), NUMBER(IP_ID, 1, 20), NUMBER(IP_DONT_FRAGMENT, 0, 20),
	NUMBER(PORT_SRC, 5000, 22), NUMBER(PORT_DST, 6000, 24), NUMBER(SCTP_VTAG, 0xdeadbeef, 28),
	BYTES(L4_PAYLOAD, "0b000004", 32), END,
};

static const struct expected first4[] = {
	NUMBER(IP_VERSION, 4, 20), BYTES(IP_SRC, "0a000001", 20), BYTES(IP_DST, "0a000002", 20),
	NUMBER(IP_PROTOCOL, 17, 20), NUMBER(IP_TTL, 64, 20), NUMBER(IP_DSCP, 0, 20),
	NUMBER(IP_ECN, 0, 20), NUMBER(IP_ID, 5, 20), NUMBER(IP_DONT_FRAGMENT, 0, 20),
	NUMBER(IP_FRAGMENT_OFFSET, 0, 20), NUMBER(IP_MORE_FRAGMENTS, 1, 20),
	NUMBER(PORT_SRC, 53, 22), NUMBER(PORT_DST, 4711, 24),
	BYTES(L4_PAYLOAD, "7878787878787878", 28), END,
};

static const struct expected later4[] = {
	NUMBER(IP_VERSION, 4, 20), BYTES(IP_SRC, "0a000001", 20), BYTES(IP_DST, "0a000002", 20),
	NUMBER(IP_PROTOCOL, 17, 20), NUMBER(IP_TTL, 64, 20), NUMBER(IP_DSCP, 0, 20),
	NUMBER(IP_ECN, 0, 20), NUMBER(IP_ID, 5, 20), NUMBER(IP_DONT_FRAGMENT, 0, 20),
	NUMBER(IP_FRAGMENT_OFFSET, 16, 20), NUMBER(IP_MORE_FRAGMENTS, 0, 20), END,
};

static const struct expected later6[] = {
	NUMBER(IP_VERSION, 6, 40), BYTES(IP_SRC, "fd000000000000000000000000000001", 40),
	BYTES(IP_DST, "fd000000000000000000000000000002", 40), NUMBER(IP_PROTOCOL, 17, 48),
	NUMBER(IP_TTL, 64, 40), NUMBER(IP_DSCP, 0, 40), NUMBER(IP_ECN, 0, 40),
	NUMBER(IP_FLOW_LABEL, 0, 40), NUMBER(IP_ID, 0x12345678, 48),
	NUMBER(IP_FRAGMENT_OFFSET, 16, 48), NUMBER(IP_MORE_FRAGMENTS, 1, 48), END,
};

static const struct expected gre4[] = {
	NUMBER(IP_VERSION, 4, 20), BYTES(IP_SRC, "0a000001", 20), BYTES(IP_DST, "0a000002", 20),
	NUMBER(IP_PROTOCOL, 47, 20), NUMBER(IP_TTL, 64, 20), NUMBER(IP_DSCP, 0, 20),
	NUMBER(IP_ECN, 0, 20), NUMBER(IP_ID, 1, 20), NUMBER(IP_DONT_FRAGMENT, 0, 20), END,
};

static const struct {
	const char *packet;
	const struct expected *expected;
} cases[] = {
	{ TCP4, tcp4 },	    { TCP6, tcp6 },   { UDP4, udp4 },	  { ICMP4, icmp4 }, { ICMP6, icmp6 },
	{ SCTP4, sctp4 },   { FIRST4, first4 }, { LATER4, later4 }, { LATER6, later6 }, { GRE4, gre4 },
};

static const struct expected *find(const struct expected *expected, uint32_t field)
{
	for (; expected->field; expected++)
		if (expected->field == field)
			return expected;
	return NULL;
}

static void check_bytes(const struct nfbind_packet *packet, const struct expected *expected)
{
	uint8_t wanted[200];
	size_t wanted_len = packets_bytes(expected->bytes, wanted), len;
	const void *data;

	ck_assert_int_eq(nfbind_packet_get_bytes(packet, expected->field, &data, &len), 0);
	/* Payload is what there is of it. */
	if (expected->field == NFBIND_PACKET_L4_PAYLOAD && packet->payload_len < expected->needs + wanted_len)
		wanted_len = packet->payload_len - expected->needs;
	ck_assert_bytes_eq(data, len, wanted, wanted_len);
}

static void check_field(const struct nfbind_packet *packet, const struct expected *expected,
			uint32_t field)
{
	bool is_there = expected && packet->payload_len >= expected->needs;
	uint64_t number = 12345;

	ck_assert_msg(nfbind_packet_has(packet, field) == is_there, "%s of %u bytes",
		      nfbind_fields_get_name(nfbind_packet_fields(), field), packet->payload_len);
	if (!is_there)
		return;
	if (expected->bytes) {
		check_bytes(packet, expected);
		return;
	}
	ck_assert_int_eq(nfbind_packet_get_number(packet, field, &number), 0);
	ck_assert_uint_eq(number, expected->number);
}

START_TEST(test_view_every_field_is_there_exactly_as_long_as_its_bytes)
{
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		uint8_t bytes[200];
		size_t len = packets_bytes(cases[i].packet, bytes);

		for (size_t cut = 0; cut <= len; cut++) {
			struct nfbind_packet *packet = packets_of(bytes, cut);

			for (uint32_t field = FIRST; field <= LAST; field++)
				check_field(packet, find(cases[i].expected, field), field);
			packets_drop(packet, packet->payload);
		}
	}
}
END_TEST

START_TEST(test_view_fields_have_the_kind_that_the_table_says)
{
	struct nfbind_packet *packet = packets_new(TCP4);
	const struct nfbind_fields *fields = nfbind_packet_fields();
	const void *data;
	uint64_t number;
	size_t len;

	ck_assert_uint_eq(nfbind_fields_count(fields), LAST + 1);
	for (uint32_t field = FIRST; field <= LAST; field++) {
		int kind = nfbind_fields_get_kind(fields, field);
		bool is_number = kind <= NFBIND_KIND_U64;

		ck_assert_int_eq(view_get_number(packet, field, &number) == -EINVAL, !is_number);
		ck_assert_int_eq(view_get_bytes(packet, field, &data, &len) == -EINVAL, is_number);
		ck_assert_int_eq(view_set_number(packet, field, 0) == -EINVAL, !is_number);
		ck_assert_int_eq(view_set_bytes(packet, field, "", 1) == -EINVAL,
				 is_number || field != NFBIND_PACKET_L4_PAYLOAD);
	}
	ck_assert_int_eq(view_get_number(packet, LAST + 1, &number), -ERANGE);
	ck_assert_int_eq(view_get_number(packet, FIRST - 1, &number), -ERANGE);
	ck_assert_int_eq(view_get_bytes(packet, LAST + 1, &data, &len), -ERANGE);
	ck_assert_int_eq(view_set_number(packet, LAST + 1, 0), -ERANGE);
	ck_assert_int_eq(view_set_bytes(packet, LAST + 1, "", 0), -ERANGE);
	nfbind_packet_free(packet);
}
END_TEST

START_TEST(test_view_may_set_what_the_table_says)
{
	static const uint32_t fixed[] = { NFBIND_PACKET_IP_VERSION, NFBIND_PACKET_IP_PROTOCOL,
					  NFBIND_PACKET_IP_FRAGMENT_OFFSET,
					  NFBIND_PACKET_IP_MORE_FRAGMENTS };
	const struct nfbind_fields *fields = nfbind_packet_fields();
	struct nfbind_packet *packet = packets_new(LATER4);

	for (uint32_t field = FIRST; field <= LAST; field++) {
		bool can_set = nfbind_fields_get_directions(fields, field) & NFBIND_DIRECTION_EDIT;
		bool is_fixed = false;

		for (size_t i = 0; i < COUNT_OF(fixed); i++)
			is_fixed |= fixed[i] == field;
		ck_assert_int_eq(can_set, !is_fixed);
		ck_assert_int_eq(view_set_number(packet, field, 0) == -EACCES, is_fixed);
	}
	nfbind_packet_free(packet);
}
END_TEST

START_TEST(test_view_refuses_values_that_do_not_fit)
{
	static const struct {
		const char *packet;
		uint32_t field;
		uint64_t max;
	} limits[] = {
		{ TCP4, NFBIND_PACKET_IP_TTL, 0xff },	     { TCP4, NFBIND_PACKET_IP_DSCP, 63 },
		{ TCP6, NFBIND_PACKET_IP_DSCP, 63 },	     { TCP4, NFBIND_PACKET_IP_ECN, 3 },
		{ TCP6, NFBIND_PACKET_IP_ECN, 3 },	     { TCP4, NFBIND_PACKET_IP_ID, 0xffff },
		{ LATER6, NFBIND_PACKET_IP_ID, 0xffffffff }, { TCP4, NFBIND_PACKET_IP_DONT_FRAGMENT, 1 },
		{ TCP6, NFBIND_PACKET_IP_FLOW_LABEL, 0xfffff }, { UDP4, NFBIND_PACKET_PORT_SRC, 0xffff },
		{ TCP4, NFBIND_PACKET_TCP_SEQ, 0xffffffff }, { TCP4, NFBIND_PACKET_TCP_MSS, 0xffff },
		{ TCP4, NFBIND_PACKET_TCP_FLAGS, 0xff },     { ICMP4, NFBIND_PACKET_ICMP_ID, 0xffff },
		{ SCTP4, NFBIND_PACKET_SCTP_VTAG, 0xffffffff },
	};

	for (size_t i = 0; i < COUNT_OF(limits); i++) {
		struct nfbind_packet *packet = packets_new(limits[i].packet);
		uint64_t number;
		uint32_t wrong;

		ck_assert_int_eq(view_set_number(packet, limits[i].field, limits[i].max + 1), -ERANGE);
		ck_assert_packet_eq(packet, limits[i].packet);
		ck_assert_int_eq(view_set_number(packet, limits[i].field, limits[i].max), 0);
		ck_assert_int_eq(view_get_number(packet, limits[i].field, &number), 0);
		ck_assert_uint_eq(number, limits[i].max);
		ck_assert_int_eq(nfbind_packet_verify(packet, &wrong), 0);
		ck_assert_uint_eq(wrong & ~(uint32_t)NFBIND_VERIFY_PARTIAL, 0);
		nfbind_packet_free(packet);
	}
}
END_TEST

START_TEST(test_view_refuses_to_set_what_is_not_there)
{
	struct nfbind_packet *packet = packets_new(UDP4);

	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_TCP_SEQ, 1), -ENODATA);
	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_IP_FLOW_LABEL, 1), -ENODATA);
	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_ICMP_TYPE, 1), -ENODATA);
	ck_assert_int_eq(nfbind_packet_set_bytes(packet, NFBIND_PACKET_TCP_OPTIONS, "", 0), -ENODATA);
	ck_assert_int_eq(nfbind_packet_set_bytes(packet, NFBIND_PACKET_IP_SRC, "0123456789abcdef", 16),
			 -EINVAL);
	ck_assert_packet_eq(packet, UDP4);
	ck_assert_int_eq(packet->flags & PACKET_CHANGED, 0);
	nfbind_packet_free(packet);
}
END_TEST

START_TEST(test_view_setting_what_is_already_so_changes_nothing)
{
	struct nfbind_packet *packet = packets_new(UDP4);

	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_IP_TTL, 64), 0);
	ck_assert_int_eq(nfbind_packet_set_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, "answer", 6), 0);
	ck_assert_int_eq(packet->flags & PACKET_CHANGED, 0);
	nfbind_packet_free(packet);
}
END_TEST

START_TEST(test_view_ids_and_icmp_of_other_messages_are_absent)
{
	struct nfbind_packet *packet = packets_new(ICMP4);

	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_ICMP_TYPE, 3), 0);
	ck_assert_int_eq(nfbind_packet_has(packet, NFBIND_PACKET_ICMP_ID), 0);
	ck_assert_int_eq(nfbind_packet_has(packet, NFBIND_PACKET_ICMP_CODE), 1);
	nfbind_packet_free(packet);
}
END_TEST

/* IPv4's protocol 58 and IPv6's 1 are not what they are in the other one. */
START_TEST(test_view_icmp_of_the_other_version_is_unknown)
{
	uint8_t bytes[200];
	size_t len = packets_bytes(ICMP4, bytes);
	struct nfbind_packet *packet;
	uint64_t protocol;

	bytes[9] = 58;
	packet = packets_of(bytes, len);
	ck_assert_int_eq(nfbind_packet_get_number(packet, NFBIND_PACKET_IP_PROTOCOL, &protocol), 0);
	ck_assert_uint_eq(protocol, 58);
	ck_assert_int_eq(nfbind_packet_has(packet, NFBIND_PACKET_ICMP_TYPE), 0);
	ck_assert_int_eq(nfbind_packet_has(packet, NFBIND_PACKET_L4_PAYLOAD), 0);
	packets_drop(packet, packet->payload);
}
END_TEST

START_TEST(test_view_lengths_that_make_no_sense_do_not_hide_the_headers)
{
	static const uint16_t lengths[] = { 0, 19, 34, 65535 };

	for (size_t i = 0; i < COUNT_OF(lengths); i++) {
		uint8_t bytes[200];
		size_t len = packets_bytes(UDP4, bytes), data_len;
		struct nfbind_packet *packet;
		const void *data;

		view_write_u16(bytes + 2, lengths[i]);
		packet = packets_of(bytes, len);
		ck_assert_int_eq(nfbind_packet_get_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, &data, &data_len), 0);
		ck_assert_uint_eq(data_len, 6);
		packets_drop(packet, packet->payload);
	}
}
END_TEST

START_TEST(test_view_payload_ends_where_the_packet_says)
{
	uint8_t bytes[200] = { 0 };
	size_t len = packets_bytes(UDP4, bytes), data_len;
	struct nfbind_packet *packet = packets_of(bytes, len + 12);
	const void *data;

	/* Ethernet's padding behind it. */
	ck_assert_int_eq(nfbind_packet_get_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, &data, &data_len), 0);
	ck_assert_bytes_eq(data, data_len, "answer", 6);
	packets_drop(packet, packet->payload);
	/* UDP may end before IP does (RFC 9868). */
	view_write_u16(bytes + 24, 11);
	packet = packets_of(bytes, len);
	ck_assert_int_eq(nfbind_packet_get_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, &data, &data_len), 0);
	ck_assert_bytes_eq(data, data_len, "ans", 3);
	packets_drop(packet, packet->payload);
}
END_TEST

START_TEST(test_view_walk_ends_at_headers_that_it_does_not_know)
{
	struct view view;
	uint8_t bytes[200];
	size_t len = packets_bytes(TCP6, bytes);

	bytes[48] = 50; /* behind the hop-by-hop options: ESP instead of destination options */
	bytes[40] = 50;
	ck_assert_int_eq(view_parse(bytes, len, &view), 0);
	ck_assert(view.has_protocol);
	ck_assert_uint_eq(view.protocol, 50);
	ck_assert_uint_eq(view.headers_end, 48);
	ck_assert_uint_eq(view.l4, 48);
	ck_assert_uint_eq(view.l4_payload, 0);
}
END_TEST

START_TEST(test_view_least_length_is_up_to_the_transport_header)
{
	static const struct {
		const char *packet;
		uint32_t len;
	} least[] = { { TCP4, 20 }, { TCP6, 56 }, { LATER6, 48 }, { GRE4, 20 } };

	for (size_t i = 0; i < COUNT_OF(least); i++) {
		struct nfbind_packet *packet = packets_new(least[i].packet);

		ck_assert_uint_eq(view_least_len(packet), least[i].len);
		nfbind_packet_free(packet);
	}
}
END_TEST

/* Touch everything that reads; the bytes lie alone in memory, for valgrind and sanitizers. */
static void read_all(const void *bytes, size_t len)
{
	struct nfbind_packet *packet = packets_of(bytes, len);
	char line[400];
	uint32_t wrong;

	for (uint32_t field = FIRST; field <= LAST; field++)
		if (nfbind_packet_has(packet, field) < 0)
			ck_abort_msg("field %u", field);
	nfbind_packet_verify(packet, &wrong);
	nfbind_packet_print(packet, NFBIND_PACKET_FORMAT_LINE, line, sizeof(line));
	packets_drop(packet, packet->payload);
}

START_TEST(test_view_damaged_packets_are_read_without_harm)
{
	uint8_t bytes[200];

	for (unsigned long round = 0; round < unit_rounds(30000); round++) {
		size_t len = packets_bytes(packets_all[unit_random(COUNT_OF(packets_all))], bytes);
		unsigned int times = 1 + unit_random(6);

		/* Mostly among the headers, where lengths are. */
		while (times-- > 0)
			bytes[unit_random(unit_random(4) ? 60 < len ? 60 : (uint32_t)len : (uint32_t)len)] =
				(uint8_t)unit_random(256);
		read_all(bytes, unit_random(3) ? len : unit_random((uint32_t)len + 1));
	}
}
END_TEST

START_TEST(test_view_random_bytes_are_read_without_harm)
{
	static const uint8_t starts[] = { 0x45, 0x4f, 0x60, 0x00 };
	static const uint8_t headers[] = { 0, 6, 17, 33, 43, 44, 51, 58, 59, 60, 132, 135, 136 };
	uint8_t bytes[200];

	for (unsigned long round = 0; round < unit_rounds(30000); round++) {
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = unit_random(2) ? headers[unit_random(COUNT_OF(headers))] :
						    (uint8_t)unit_random(256);
		bytes[0] = starts[unit_random(COUNT_OF(starts))];
		read_all(bytes, unit_random(sizeof(bytes) + 1));
	}
}
END_TEST

UNIT_MAIN("view", NULL, NULL,
	  test_view_every_field_is_there_exactly_as_long_as_its_bytes,
	  test_view_fields_have_the_kind_that_the_table_says,
	  test_view_may_set_what_the_table_says,
	  test_view_refuses_values_that_do_not_fit,
	  test_view_refuses_to_set_what_is_not_there,
	  test_view_setting_what_is_already_so_changes_nothing,
	  test_view_ids_and_icmp_of_other_messages_are_absent,
	  test_view_icmp_of_the_other_version_is_unknown,
	  test_view_lengths_that_make_no_sense_do_not_hide_the_headers,
	  test_view_payload_ends_where_the_packet_says,
	  test_view_walk_ends_at_headers_that_it_does_not_know,
	  test_view_least_length_is_up_to_the_transport_header,
	  test_view_damaged_packets_are_read_without_harm,
	  test_view_random_bytes_are_read_without_harm)
