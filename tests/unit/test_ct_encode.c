/* SPDX-License-Identifier: MIT */
/*
 * Requests for connections are encoded without the wire table where they are plain; this
 * compares them, for random connections, with what the table makes of the same fields.
 */
#include "ct_encode.h"

#include "tuple.h"
#include "unit.h"

static struct nfbind_ct *ct;
static uint8_t fast[4096], slow[4096];

static void set_up(void)
{
	ck_assert_int_eq(nfbind_ct_new(&ct), 0);
}

static void tear_down(void)
{
	nfbind_ct_free(ct);
}

static struct wire_buffer empty(uint8_t *data)
{
	return (struct wire_buffer){ .data = data, .size = 4096 };
}

static void set_random(struct nfbind_ct *to, uint32_t field)
{
	uint8_t bytes[32];
	int kind = nfbind_fields_get_kind(&ct_fields, field);

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)unit_random(256);
	if (kind == NFBIND_KIND_ADDRESS)
		nfbind_ct_set_bytes(to, field, bytes, unit_random(2) ? 4 : 16);
	else if (kind > NFBIND_KIND_U64)
		nfbind_ct_set_bytes(to, field, bytes, 1 + unit_random(15));
	else if (nfbind_ct_set_number(to, field, unit_random(UINT32_MAX)) < 0)
		nfbind_ct_set_number(to, field, unit_random(200));
}

/* Mostly what is written in one piece; everything else comes, too. */
static void make_random(void)
{
	static const uint32_t often[] = { NFBIND_CT_STATUS, NFBIND_CT_TIMEOUT, NFBIND_CT_MARK,
					  NFBIND_CT_MARK_MASK, NFBIND_CT_ZONE, NFBIND_CT_ID,
					  NFBIND_CT_TCP_STATE };
	uint8_t address[16] = { 10, 1, 2, 3 };
	size_t len = unit_random(2) ? 4 : 16;

	for (uint32_t field = 0; field < ct_fields.count; field++)
		nfbind_ct_clear(ct, field);
	for (uint32_t first = NFBIND_CT_ORIG_SRC; first <= NFBIND_CT_REPL_SRC; first += TUPLE_FIELDS) {
		if (unit_random(4) == 0)
			continue;
		nfbind_ct_set_bytes(ct, first + OF_SRC, address, len);
		nfbind_ct_set_bytes(ct, first + OF_DST, address, unit_random(10) ? len : 20 - len);
		nfbind_ct_set_number(ct, first + OF_L4PROTO, unit_random(3) ? 6 : 1);
		if (unit_random(2))
			nfbind_ct_set_number(ct, first + OF_L3PROTO, 2);
		if (unit_random(8) == 0)
			nfbind_ct_set_number(ct, first + unit_random(TUPLE_FIELDS - 4) + 4, 7);
		if (unit_random(8) == 0)
			continue;
		nfbind_ct_set_number(ct, first + OF_PORT_SRC, unit_random(65536));
		nfbind_ct_set_number(ct, first + OF_PORT_DST, unit_random(65536));
	}
	for (size_t i = 0; i < COUNT_OF(often); i++)
		if (unit_random(2))
			set_random(ct, often[i]);
	for (int i = unit_random(3) ? 0 : 3; i > 0; i--)
		set_random(ct, unit_random(ct_fields.count));
}

/* The same fields, copied one by one, through the table. */
static size_t encode_by_table(bool (*is_wanted)(uint32_t field), bool is_new)
{
	struct nfbind_ct copy = { 0 };
	struct wire_buffer buffer = empty(slow);
	uint64_t status;
	bool has_reply = false;

	for (uint32_t field = 0; field < ct_fields.count; field++) {
		if (is_wanted(field) && nfbind_ct_has(ct, field)) {
			ck_assert_int_eq(field_copy_one(&ct_fields, &copy, ct, field), 0);
			has_reply |= field >= NFBIND_CT_REPL_SRC && field < NFBIND_CT_REPL_ZONE;
		}
	}
	if (is_new && !has_reply)
		ck_assert_int_eq(tuple_invert(&ct_fields, &copy, NFBIND_CT_REPL_SRC, NFBIND_CT_ORIG_SRC), 0);
	if (is_new && !nfbind_ct_has(&copy, NFBIND_CT_STATUS))
		nfbind_ct_set_number(&copy, NFBIND_CT_STATUS, 0);
	if (nfbind_ct_get_number(&copy, NFBIND_CT_STATUS, &status) == 0)
		nfbind_ct_set_number(&copy, NFBIND_CT_STATUS, status | NFBIND_CT_STATUS_CONFIRMED);
	wire_build(&ct_wires, &copy, &buffer);
	ck_assert(!buffer.failed);
	return buffer.len;
}

static bool is_written(uint32_t field)
{
	return ct_fields.rows[field].directions & (NFBIND_DIRECTION_CREATE | NFBIND_DIRECTION_UPDATE);
}

static bool is_key(uint32_t field)
{
	return field < NFBIND_CT_MASTER_SRC || field == NFBIND_CT_ZONE || field == NFBIND_CT_ID;
}

START_TEST(test_ct_encode_writes_what_the_table_would)
{
	for (unsigned long i = 0; i < unit_rounds(30000); i++) {
		struct wire_buffer buffer = empty(fast);

		make_random();
		ct_encode_key(ct, &buffer);
		ck_assert_bytes_eq(fast, buffer.len, slow, encode_by_table(is_key, false));
		buffer = empty(fast);
		ct_encode_change(ct, &buffer);
		ck_assert_bytes_eq(fast, buffer.len, slow, encode_by_table(is_written, false));
		buffer = empty(fast);
		ck_assert_int_eq(ct_encode_new(ct, &buffer), 0);
		ck_assert_bytes_eq(fast, buffer.len, slow, encode_by_table(is_written, true));
	}
}
END_TEST

/* A field that only the kernel sends must not be sent back: each one alone. */
START_TEST(test_ct_encode_sends_exactly_what_can_be_written)
{
	for (uint32_t field = 0; field < ct_fields.count; field++) {
		struct wire_buffer buffer = empty(fast);
		struct nfbind_ct *one;

		ck_assert_int_eq(nfbind_ct_new(&one), 0);
		set_random(one, field);
		ct_encode_change(one, &buffer);
		ck_assert_msg(is_written(field) || buffer.len == 0, "%s is sent", ct_fields.rows[field].name);
		nfbind_ct_free(one);
	}
}
END_TEST

START_TEST(test_ct_encode_fails_where_the_room_ends)
{
	make_random();
	for (size_t size = 0; size < 400; size++) {
		uint8_t *room = malloc(size + 1);
		struct wire_buffer buffer = { .data = room, .size = size };

		ck_assert_int_eq(ct_encode_new(ct, &buffer), 0);
		ck_assert(buffer.failed || buffer.len <= size);
		free(room);
	}
}
END_TEST

UNIT_MAIN("ct_encode", set_up, tear_down, test_ct_encode_writes_what_the_table_would,
	  test_ct_encode_sends_exactly_what_can_be_written,
	  test_ct_encode_fails_where_the_room_ends)
