/* SPDX-License-Identifier: MIT */
/*
 * The wire engine on malformed input: every header and attribute at every length,
 * lengths that lie, nests that do not fit; and what building refuses.
 */
#include <linux/netlink.h>

#include "ct.h"
#include "fake_kernel.h"
#include "unit.h"
#include "wire.h"

/* So many bytes with nothing behind them. */
static uint8_t *exact(const void *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, data, len);
	return copy;
}

static int next_message(const void *data, size_t len, bool *ret_found)
{
	uint8_t *copy = exact(data, len);
	size_t offset = 0;
	int error = 0;

	*ret_found = wire_next_message(copy, len, &offset, &error) != NULL;
	if (*ret_found)
		ck_assert_uint_ge(offset, 16);
	free(copy);
	return error;
}

START_TEST(test_wire_message_header_lengths)
{
	static const struct {
		uint32_t claims;
		size_t there;
		int error;
		bool found;
	} cases[] = {
		{ 16, 0, 0, false },	      { 16, 1, -EBADMSG, false },
		{ 16, 15, -EBADMSG, false },  { 16, 16, 0, true },
		{ 0, 16, -EBADMSG, false },   { 15, 16, -EBADMSG, false },
		{ 17, 16, -EBADMSG, false },  { 17, 17, 0, true },
		{ 20, 20, 0, true },	      { 0x7fffffff, 64, -EBADMSG, false },
		{ 0x80000000, 64, -EBADMSG, false }, { 0xfffffff0, 64, -EBADMSG, false },
		{ 0xffffffff, 64, -EBADMSG, false },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		uint8_t room[64] = { 0 };
		bool found;

		memcpy(room, &cases[i].claims, 4);
		ck_assert_int_eq(next_message(room, cases[i].there, &found), cases[i].error);
		ck_assert_int_eq(found, cases[i].found);
	}
}
END_TEST

START_TEST(test_wire_messages_follow_each_other_aligned)
{
	uint8_t room[52] = { 0 };
	uint32_t len = 17;
	size_t offset = 0;
	int error = 0;

	memcpy(room, &len, 4);
	len = 32;
	memcpy(room + 20, &len, 4);
	ck_assert_ptr_eq(wire_next_message(room, sizeof(room), &offset, &error), room);
	ck_assert_uint_eq(offset, 20);
	ck_assert_ptr_eq(wire_next_message(room, sizeof(room), &offset, &error), room + 20);
	ck_assert_ptr_null(wire_next_message(room, sizeof(room), &offset, &error));
	ck_assert_int_eq(error, 0);
	/* The alignment behind the last one may lie outside. */
	offset = 0;
	ck_assert_ptr_nonnull(wire_next_message(room, 17, &offset, &error));
	ck_assert_ptr_null(wire_next_message(room, 17, &offset, &error));
	ck_assert_int_eq(error, 0);
}
END_TEST

START_TEST(test_wire_attribute_header_lengths)
{
	for (unsigned int claims = 0; claims < 70000; claims += claims < 20 ? 1 : 4001) {
		for (size_t there = 0; there < 20; there++) {
			uint8_t room[20] = { (uint8_t)claims, (uint8_t)(claims >> 8) }, *copy;
			uint16_t len = (uint16_t)claims;
			size_t offset = 0;
			int error = 0;
			bool fits = len >= 4 && len <= there;

			memcpy(room, &len, 2);
			copy = exact(room, there);
			ck_assert_int_eq(wire_next(copy, there, &offset, &error) != NULL,
					 there >= 4 && fits);
			/* Less than a header is padding, no mistake. */
			ck_assert_int_eq(error, there < 4 || fits ? 0 : -EBADMSG);
			free(copy);
		}
	}
}
END_TEST

/* A connection with everything in it, as a message would have it. */
static size_t build_full(uint8_t *room, size_t size)
{
	struct wire_buffer buffer = { .data = room, .size = size };
	struct nfbind_ct ct = { 0 };

	for (uint32_t field = 0; field < ct_fields.count; field++) {
		const struct field *row = &ct_fields.rows[field];

		if (field_is_number(row))
			field_set_number(&ct_fields, &ct, field, 1);
		else if (row->kind == NFBIND_KIND_ADDRESS)
			field_set_bytes(&ct_fields, &ct, field, "abcd", 4);
		else
			field_set_bytes(&ct_fields, &ct, field, "abc", 3);
	}
	wire_build(&ct_wires, &ct, &buffer);
	ck_assert(!buffer.failed);
	field_reset(&ct_fields, &ct);
	return buffer.len;
}

/* In both ways, and with all the shapes that came before: nobody can tell them apart. */
static int parse(const uint8_t *data, size_t len)
{
	static struct wire_shapes shapes;
	uint8_t *copy = exact(data, len);
	struct nfbind_ct ct = { 0 };
	int r = wire_parse(&ct_wires, copy, len, &ct);

	for (int i = 0; i < 3; i++) {
		struct nfbind_ct alike = { 0 };

		ck_assert_int_eq(wire_parse_alike(&ct_wires, &shapes, copy, len, &alike), r);
		ck_assert(r < 0 || field_equal(&ct_fields, &ct, &alike));
		field_reset(&ct_fields, &alike);
	}
	field_reset(&ct_fields, &ct);
	free(copy);
	return r;
}

START_TEST(test_wire_every_cut_of_a_connection_is_judged)
{
	static uint8_t room[4096] __attribute__((aligned(8)));
	size_t whole = build_full(room, sizeof(room));
	unsigned int refused = 0;

	ck_assert_int_eq(parse(room, whole), 0);
	for (size_t len = 0; len < whole; len++) {
		int r = parse(room, len);

		ck_assert(r == 0 || r == -EBADMSG);
		refused += r < 0;
	}
	ck_assert_uint_gt(refused, whole / 2);
}
END_TEST

START_TEST(test_wire_every_byte_may_lie)
{
	static uint8_t room[4096] __attribute__((aligned(8)));
	size_t whole = build_full(room, sizeof(room));
	static const uint8_t lies[] = { 0, 1, 3, 4, 5, 0x7f, 0x80, 0xff };

	for (size_t i = 0; i < whole; i++) {
		uint8_t before = room[i];

		for (size_t n = 0; n < COUNT_OF(lies); n++) {
			int r;

			room[i] = lies[n];
			r = parse(room, whole);
			ck_assert(r == 0 || r == -EBADMSG);
		}
		room[i] = before;
	}
}
END_TEST

START_TEST(test_wire_nest_that_is_too_long_is_malformed)
{
	static struct message message;
	uint16_t len;
	size_t nest;

	message.len = 0;
	nest = message_nest_start(&message, KERNEL_CTA_TUPLE_ORIG);
	message_put(&message, KERNEL_CTA_TUPLE_ZONE, "\0\1", 2);
	message_nest_end(&message, nest);
	ck_assert_int_eq(parse(message.data, message.len), 0);
	/* What is inside reaches past the nest, then the nest past the message. */
	len = 100;
	memcpy(message.data + 4, &len, 2);
	ck_assert_int_eq(parse(message.data, message.len), -EBADMSG);
	memcpy(message.data, &len, 2);
	ck_assert_int_eq(parse(message.data, message.len), -EBADMSG);
}
END_TEST

START_TEST(test_wire_number_that_is_too_short_is_malformed)
{
	static struct message message;

	for (size_t len = 0; len < 4; len++) {
		message.len = 0;
		message_put(&message, KERNEL_CTA_MARK, "abcd", len);
		ck_assert_int_eq(parse(message.data, message.len), -EBADMSG);
	}
	/* More than is needed is a newer kernel's. */
	message.len = 0;
	message_put(&message, KERNEL_CTA_MARK, "abcdefgh", 8);
	ck_assert_int_eq(parse(message.data, message.len), 0);
}
END_TEST

static void put_pair(struct message *message, unsigned int first, unsigned int second)
{
	message->len = 0;
	message_put_u32(message, first, 7);
	message_put_u32(message, second, 8);
}

START_TEST(test_wire_messages_of_one_length_may_differ)
{
	static const unsigned int types[] = { KERNEL_CTA_MARK, KERNEL_CTA_TIMEOUT, KERNEL_CTA_ID, 200 };
	static struct wire_shapes shapes;
	static struct message message;

	for (size_t i = 0; i < 4 * COUNT_OF(types) * COUNT_OF(types); i++) {
		unsigned int first = types[i % COUNT_OF(types)];
		unsigned int second = types[i / COUNT_OF(types) % COUNT_OF(types)];
		struct nfbind_ct ct = { 0 };
		uint32_t mark = second == KERNEL_CTA_MARK ? 8 : first == KERNEL_CTA_MARK ? 7 : 0;

		put_pair(&message, first, second);
		ck_assert_int_eq(wire_parse_alike(&ct_wires, &shapes, message.data, message.len, &ct), 0);
		ck_assert_uint_eq(field_number_or(&ct_fields, &ct, NFBIND_CT_MARK, 0), mark);
		ck_assert_int_eq(field_has(&ct_fields, &ct, NFBIND_CT_ID),
				 first == KERNEL_CTA_ID || second == KERNEL_CTA_ID);
		field_reset(&ct_fields, &ct);
	}
}
END_TEST

START_TEST(test_wire_more_shapes_than_are_kept_are_parsed)
{
	static struct wire_shapes shapes;
	static struct message message;

	for (uint32_t i = 0; i < 8 * WIRE_SHAPES; i++) {
		struct nfbind_ct ct = { 0 };

		message.len = 0;
		message_put_u32(&message, KERNEL_CTA_MARK, i);
		for (uint32_t n = 0; n < i * 7 % (2 * WIRE_SHAPES); n++)
			message_put_u32(&message, 200 + n % 3, n);
		ck_assert_int_eq(wire_parse_alike(&ct_wires, &shapes, message.data, message.len, &ct), 0);
		ck_assert_uint_eq(field_number_or(&ct_fields, &ct, NFBIND_CT_MARK, 0), i);
		field_reset(&ct_fields, &ct);
	}
}
END_TEST

START_TEST(test_wire_shapes_belong_to_their_table)
{
	static struct wire_shapes shapes;
	static struct message message;
	struct nfbind_exp exp = { 0 };
	struct nfbind_ct ct = { 0 };

	message.len = 0;
	message_put_u32(&message, KERNEL_CTA_TIMEOUT, 9);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(wire_parse_alike(&ct_wires, &shapes, message.data, message.len, &ct), 0);
		ck_assert_int_eq(wire_parse_alike(&exp_wires, &shapes, message.data, message.len, &exp), 0);
	}
	ck_assert_int_eq(field_has(&ct_fields, &ct, NFBIND_CT_TIMEOUT), 1);
	/* The same number is the zone there. */
	ck_assert_int_eq(KERNEL_CTA_TIMEOUT, KERNEL_CTA_EXPECT_ZONE);
	ck_assert_int_eq(field_has(&exp_fields, &exp, NFBIND_EXP_ZONE), 1);
	field_reset(&ct_fields, &ct);
	field_reset(&exp_fields, &exp);
}
END_TEST

START_TEST(test_wire_more_attributes_than_a_shape_has_are_parsed)
{
	static struct wire_shapes shapes;
	static struct message message;
	struct nfbind_ct ct = { 0 };

	message.len = 0;
	for (uint32_t i = 0; i <= 3 * WIRE_STEPS; i++)
		message_put_u32(&message, KERNEL_CTA_MARK, i);
	for (uint32_t i = 0; i < 3; i++) {
		ck_assert_int_eq(wire_parse_alike(&ct_wires, &shapes, message.data, message.len, &ct), 0);
		ck_assert_uint_eq(field_number_or(&ct_fields, &ct, NFBIND_CT_MARK, 0), 3 * WIRE_STEPS);
	}
	field_reset(&ct_fields, &ct);
}
END_TEST

/* A number goes where its field has another width, if it fits there. */
START_TEST(test_wire_numbers_and_fields_may_differ_in_width)
{
	static const struct wire rows[] = {
		[1] = { .kind = WIRE_U32, .field = NFBIND_CT_ZONE },
		[2] = { .kind = WIRE_U8, .field = NFBIND_CT_MARK },
		[3] = { .kind = WIRE_U64, .field = NFBIND_CT_TCP_STATE },
	};
	static const struct wire_table table = { &ct_fields, rows, COUNT_OF(rows) };
	static struct wire_shapes shapes;
	static struct message message;

	message.len = 0;
	message_put_u32(&message, 1, 0xffff);
	message_put(&message, 2, "\x05", 1);
	message_put(&message, 3, "\0\0\0\0\0\0\0\x03", 8);
	for (int i = 0; i < 3; i++) {
		struct nfbind_ct ct = { 0 };

		ck_assert_int_eq(wire_parse_alike(&table, &shapes, message.data, message.len, &ct), 0);
		ck_assert_uint_eq(field_number_or(&ct_fields, &ct, NFBIND_CT_ZONE, 0), 0xffff);
		ck_assert_uint_eq(field_number_or(&ct_fields, &ct, NFBIND_CT_MARK, 0), 5);
		ck_assert_uint_eq(field_number_or(&ct_fields, &ct, NFBIND_CT_TCP_STATE, 0), 3);
		ck_assert_int_eq(field_has(&ct_fields, &ct, NFBIND_CT_TCP_FLAGS_ORIG), 0);
		field_reset(&ct_fields, &ct);
	}
	for (int i = 0; i < 3; i++) {
		struct nfbind_ct ct = { 0 };

		/* One more than a zone holds, in a message that looks the same. */
		memcpy(message.data + 4, "\0\1\0\0", 4);
		ck_assert_int_eq(wire_parse_alike(&table, &shapes, message.data, message.len, &ct),
				 -EBADMSG);
		field_reset(&ct_fields, &ct);
	}
}
END_TEST

START_TEST(test_wire_name_without_an_end_is_taken_whole)
{
	static struct message message;
	struct nfbind_ct ct = { 0 };
	const void *name;
	size_t nest, len;

	message.len = 0;
	nest = message_nest_start(&message, KERNEL_CTA_HELP);
	message_put(&message, KERNEL_CTA_HELP_NAME, "ftp", 3);
	message_nest_end(&message, nest);
	ck_assert_int_eq(wire_parse(&ct_wires, message.data, message.len, &ct), 0);
	ck_assert_int_eq(field_get_bytes(&ct_fields, &ct, NFBIND_CT_HELPER_NAME, &name, &len), 0);
	ck_assert_bytes_eq(name, len, "ftp", 3);
	/* A name that no field can hold is the message's fault. */
	message.len = 0;
	nest = message_nest_start(&message, KERNEL_CTA_HELP);
	message_put(&message, KERNEL_CTA_HELP_NAME, "a name of more than 15", 22);
	message_nest_end(&message, nest);
	ck_assert_int_eq(wire_parse(&ct_wires, message.data, message.len, &ct), -EBADMSG);
	field_reset(&ct_fields, &ct);
}
END_TEST

START_TEST(test_wire_unknown_attributes_are_skipped)
{
	static struct message message;
	struct nfbind_ct ct = { 0 };

	message.len = 0;
	message_put(&message, 0, "none", 4);
	message_put(&message, 200, "new", 3);
	message_put(&message, 0x3fff, "", 0);
	message_put_u32(&message, KERNEL_CTA_MARK | NLA_F_NET_BYTEORDER, 7);
	ck_assert_int_eq(wire_parse(&ct_wires, message.data, message.len, &ct), 0);
	ck_assert_uint_eq(field_number_or(&ct_fields, &ct, NFBIND_CT_MARK, 0), 7);
	field_reset(&ct_fields, &ct);
}
END_TEST

START_TEST(test_wire_building_stops_where_the_room_ends)
{
	static uint8_t room[4096] __attribute__((aligned(8)));
	static uint8_t small[4096 + 8] __attribute__((aligned(8)));
	size_t whole = build_full(room, sizeof(room));
	struct nfbind_ct ct = { 0 };

	ck_assert_int_eq(wire_parse(&ct_wires, room, whole, &ct), 0);
	for (size_t size = 0; size < whole + 4; size += 4) {
		struct wire_buffer buffer = { .data = small, .size = size };

		memset(small, 0xee, sizeof(small));
		wire_build(&ct_wires, &ct, &buffer);
		ck_assert_int_eq(buffer.failed, size < whole);
		ck_assert_uint_eq(small[size], 0xee);
		/* Once it failed, nothing more is put. */
		wire_put_u32(&buffer, 1, 1);
		ck_assert(buffer.failed);
	}
	field_reset(&ct_fields, &ct);
}
END_TEST

START_TEST(test_wire_padding_is_zeroed)
{
	uint8_t room[16];
	struct wire_buffer buffer = { .data = room, .size = sizeof(room) };

	memset(room, 0xee, sizeof(room));
	wire_put(&buffer, 5, "abcde", 5);
	ck_assert_uint_eq(buffer.len, 12);
	ck_assert_mem_eq(room + 4, "abcde\0\0\0", 8);
	ck_assert_uint_eq(room[12], 0xee);
}
END_TEST

START_TEST(test_wire_empty_nests_are_not_built)
{
	uint8_t room[64];
	struct wire_buffer buffer = { .data = room, .size = sizeof(room) };
	struct nfbind_ct ct = { 0 };

	wire_build(&ct_wires, &ct, &buffer);
	ck_assert_uint_eq(buffer.len, 0);
	ck_assert(!buffer.failed);
}
END_TEST

START_TEST(test_wire_addresses_imply_their_protocol)
{
	static struct message message;
	struct nfbind_ct ct = { 0 };
	size_t tuple, ip;

	message.len = 0;
	tuple = message_nest_start(&message, KERNEL_CTA_TUPLE_REPLY);
	ip = message_nest_start(&message, KERNEL_CTA_TUPLE_IP);
	message_put(&message, KERNEL_CTA_IP_V6_SRC, "0123456789abcdef", 16);
	message_nest_end(&message, ip);
	message_nest_end(&message, tuple);
	ck_assert_int_eq(wire_parse(&ct_wires, message.data, message.len, &ct), 0);
	ck_assert_uint_eq(field_number_or(&ct_fields, &ct, NFBIND_CT_REPL_L3PROTO, 0), 10);
	ck_assert_int_eq(field_has(&ct_fields, &ct, NFBIND_CT_ORIG_L3PROTO), 0);
	field_reset(&ct_fields, &ct);
}
END_TEST

START_TEST(test_wire_icmp_goes_by_the_protocol_of_its_tuple)
{
	static const uint8_t protocols[] = { 1, 58, 6 };

	for (size_t i = 0; i < COUNT_OF(protocols); i++) {
		uint8_t room[256];
		struct wire_buffer buffer = { .data = room, .size = sizeof(room) };
		struct nfbind_ct ct = { 0 };
		const uint8_t *tuple, *proto;
		size_t len;

		field_set_number(&ct_fields, &ct, NFBIND_CT_ORIG_L4PROTO, protocols[i]);
		field_set_number(&ct_fields, &ct, NFBIND_CT_ORIG_ICMP_TYPE, 8);
		wire_build(&ct_wires, &ct, &buffer);
		tuple = attribute_find(room, buffer.len, KERNEL_CTA_TUPLE_ORIG, &len);
		ck_assert_ptr_nonnull(tuple);
		proto = attribute_find(tuple, len, KERNEL_CTA_TUPLE_PROTO, &len);
		ck_assert_ptr_nonnull(proto);
		ck_assert_int_eq(attribute_find(proto, len, KERNEL_CTA_PROTO_ICMP_TYPE, &buffer.len) !=
					 NULL, protocols[i] == 1);
		ck_assert_int_eq(attribute_find(proto, len, KERNEL_CTA_PROTO_ICMPV6_TYPE,
						&buffer.len) != NULL, protocols[i] == 58);
	}
}
END_TEST

START_TEST(test_wire_reads_big_endian_at_any_address)
{
	static const uint8_t bytes[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8 };

	ck_assert_uint_eq(wire_read_u16(bytes + 1), 0x0102);
	ck_assert_uint_eq(wire_read_u32(bytes + 1), 0x01020304);
	ck_assert_uint_eq(wire_read_u64(bytes + 1), 0x0102030405060708);
}
END_TEST

UNIT_MAIN("wire", NULL, NULL, test_wire_message_header_lengths,
	  test_wire_messages_follow_each_other_aligned, test_wire_attribute_header_lengths,
	  test_wire_every_cut_of_a_connection_is_judged, test_wire_every_byte_may_lie,
	  test_wire_nest_that_is_too_long_is_malformed,
	  test_wire_number_that_is_too_short_is_malformed, test_wire_messages_of_one_length_may_differ,
	  test_wire_more_shapes_than_are_kept_are_parsed, test_wire_shapes_belong_to_their_table, test_wire_more_attributes_than_a_shape_has_are_parsed,
	  test_wire_numbers_and_fields_may_differ_in_width,
	  test_wire_name_without_an_end_is_taken_whole, test_wire_unknown_attributes_are_skipped,
	  test_wire_building_stops_where_the_room_ends, test_wire_padding_is_zeroed,
	  test_wire_empty_nests_are_not_built, test_wire_addresses_imply_their_protocol,
	  test_wire_icmp_goes_by_the_protocol_of_its_tuple,
	  test_wire_reads_big_endian_at_any_address)
