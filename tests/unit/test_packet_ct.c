/* SPDX-License-Identifier: MIT */
/*
 * The connection and the expectation of a packet: as the kernel sent them, as they are set,
 * and what is refused because the kernel would leave it out.
 */
#include "recorded.h"

START_TEST(test_packet_connection_reads_back_what_was_set)
{
	struct nfbind_ct *ct, *got;
	uint64_t value;

	parse("packet-connmark.bin");
	ck_assert(nfbind_ct_new(&ct) == 0 && nfbind_ct_new(&got) == 0);
	ck_assert_int_eq(nfbind_packet_get_ct(packet, got), 0);
	ck_assert_int_eq(nfbind_ct_get_number(got, NFBIND_CT_MARK, &value), 0);
	ck_assert_uint_eq(value, 0x12345678);
	nfbind_ct_set_number(ct, NFBIND_CT_MARK, 1);
	ck_assert_int_eq(nfbind_packet_set_ct(packet, ct), 0);
	ck_assert_int_eq(nfbind_packet_get_ct(packet, got), 0);
	nfbind_ct_get_number(got, NFBIND_CT_MARK, &value);
	ck_assert_uint_eq(value, 1);
	/* The rest is the kernel's. */
	nfbind_ct_get_number(got, NFBIND_CT_ORIG_PORT_SRC, &value);
	ck_assert_uint_eq(value, 5002);
	ck_assert_int_eq(nfbind_packet_clear(packet, NFBIND_PACKET_CT), 0);
	nfbind_packet_get_ct(packet, got);
	nfbind_ct_get_number(got, NFBIND_CT_MARK, &value);
	ck_assert_uint_eq(value, 0x12345678);
	parse("packet-udp-no-connection.bin");
	ck_assert_int_eq(nfbind_packet_get_ct(packet, got), -ENODATA);
	ck_assert_int_eq(nfbind_packet_get_ct(packet, NULL), -EINVAL);
	nfbind_ct_free(ct);
	nfbind_ct_free(got);
}
END_TEST

START_TEST(test_packet_shows_the_connection_as_the_kernel_sent_it)
{
	struct nfbind_packet *made;
	struct nfbind_ct *ct;
	const void *data = NULL, *again;
	size_t len = 0, len_again;
	uint16_t first;

	parse("packet-udp-new.bin");
	ck_assert_int_eq(nfbind_packet_get_ct_data(packet, &data, &len), 0);
	/* The tuple of the original direction comes first, and its length fits. */
	ck_assert_uint_gt(len, 4);
	memcpy(&first, (const uint8_t *)data + 2, sizeof(first));
	ck_assert_uint_eq(first & 0x3fff, 1);
	memcpy(&first, data, sizeof(first));
	ck_assert_uint_le(first, len);
	/* What is set for the verdict does not show. */
	ck_assert_int_eq(nfbind_ct_new(&ct), 0);
	nfbind_ct_set_number(ct, NFBIND_CT_MARK, 9);
	ck_assert_int_eq(nfbind_packet_set_ct(packet, ct), 0);
	ck_assert_int_eq(nfbind_packet_get_ct_data(packet, &again, &len_again), 0);
	ck_assert(again == data && len_again == len);
	ck_assert_int_eq(nfbind_packet_get_ct_data(NULL, &data, &len), -EINVAL);
	ck_assert_int_eq(nfbind_packet_get_ct_data(packet, NULL, &len), -EINVAL);
	ck_assert_int_eq(nfbind_packet_get_ct_data(packet, &data, NULL), -EINVAL);
	parse("packet-udp-no-connection.bin");
	ck_assert_int_eq(nfbind_packet_get_ct_data(packet, &data, &len), -ENODATA);
	/* Made from bytes, there is no message. */
	nfbind_packet_get_bytes(packet, NFBIND_PACKET_PAYLOAD, &data, &len);
	ck_assert_int_eq(nfbind_packet_new(data, len, &made), 0);
	ck_assert_int_eq(nfbind_packet_get_ct_data(made, &data, &len), -ENODATA);
	nfbind_packet_free(made);
	nfbind_ct_free(ct);
}
END_TEST

START_TEST(test_packet_helper_data_brings_the_helpers_name)
{
	struct nfbind_ct *ct, *got;
	const void *name;
	size_t len;

	parse("packet-user-helper.bin");
	ck_assert(nfbind_ct_new(&ct) == 0 && nfbind_ct_new(&got) == 0);
	nfbind_ct_set_bytes(ct, NFBIND_CT_HELPER_INFO, "new", 3);
	ck_assert_int_eq(nfbind_packet_set_ct(packet, ct), 0);
	/* The caller's object is as it was. */
	ck_assert_int_eq(nfbind_ct_has(ct, NFBIND_CT_HELPER_NAME), 0);
	ck_assert_int_eq(nfbind_packet_get_ct(packet, got), 0);
	ck_assert_int_eq(nfbind_ct_get_bytes(got, NFBIND_CT_HELPER_NAME, &name, &len), 0);
	ck_assert_bytes_eq(name, len, "record", 6);
	/* Where there is no helper, nobody knows its name. */
	parse("packet-udp-new.bin");
	ck_assert_int_eq(nfbind_packet_set_ct(packet, ct), -ENODATA);
	nfbind_ct_free(ct);
	nfbind_ct_free(got);
}
END_TEST

static int set_number(uint32_t field, uint64_t value)
{
	struct nfbind_ct *ct;
	int r;

	ck_assert_int_eq(nfbind_ct_new(&ct), 0);
	ck_assert_int_eq(nfbind_ct_set_number(ct, field, value), 0);
	r = nfbind_packet_set_ct(packet, ct);
	nfbind_ct_free(ct);
	return r;
}

static int set_helper(const char *name)
{
	struct nfbind_ct *ct;
	int r;

	ck_assert_int_eq(nfbind_ct_new(&ct), 0);
	ck_assert_int_eq(nfbind_ct_set_bytes(ct, NFBIND_CT_HELPER_NAME, name, strlen(name)), 0);
	r = nfbind_packet_set_ct(packet, ct);
	nfbind_ct_free(ct);
	return r;
}

START_TEST(test_packet_connection_change_that_the_kernel_would_leave_out_is_refused)
{
	/* seen-reply, assured and confirmed, without a helper */
	parse("packet-tcp-established-reply.bin");
	ck_assert_int_eq(set_number(NFBIND_CT_MARK_MASK, 1), -EINVAL);
	ck_assert_int_eq(set_number(NFBIND_CT_TIMEOUT, 1), 0);
	ck_assert_int_eq(set_number(NFBIND_CT_STATUS, 0xe), 0);
	ck_assert_int_eq(set_number(NFBIND_CT_STATUS, 0x6), 0);
	ck_assert_int_eq(set_number(NFBIND_CT_STATUS, 0x40e), 0);
	ck_assert_int_eq(set_number(NFBIND_CT_STATUS, 0xa), -EBUSY);
	ck_assert_int_eq(set_number(NFBIND_CT_STATUS, 0xc), -EBUSY);
	ck_assert_int_eq(set_number(NFBIND_CT_STATUS, 0x20e), -EBUSY);
	ck_assert_int_eq(set_helper("ftp"), -EOPNOTSUPP);
	ck_assert_int_eq(set_helper(""), 0);
	parse("packet-user-helper.bin");
	ck_assert_int_eq(set_helper("record"), 0);
	ck_assert_int_eq(set_helper("recor"), -EBUSY);
	ck_assert_int_eq(set_helper(""), 0);
	/* An announced one keeps what it has. */
	parse("packet-expected.bin");
	ck_assert_int_eq(set_helper(""), -EBUSY);
	ck_assert_int_eq(set_helper("ftp"), -EBUSY);
}
END_TEST

static int set_exp_of(const void *address, size_t len)
{
	static const uint32_t addresses[] = { NFBIND_EXP_EXPECTED_SRC, NFBIND_EXP_EXPECTED_DST,
					      NFBIND_EXP_MASK_SRC, NFBIND_EXP_MASK_DST };
	struct nfbind_exp *exp;
	int r;

	ck_assert_int_eq(nfbind_exp_new(&exp), 0);
	for (size_t i = 0; i < 4; i++)
		nfbind_exp_set_bytes(exp, addresses[i], address, len);
	nfbind_exp_set_number(exp, NFBIND_EXP_EXPECTED_L4PROTO, 17);
	nfbind_exp_set_number(exp, NFBIND_EXP_MASK_L4PROTO, 255);
	r = nfbind_packet_set_exp(packet, exp);
	nfbind_exp_free(exp);
	return r;
}

START_TEST(test_packet_expectation_that_the_kernel_would_leave_out_is_refused)
{
	static const uint8_t address[16] = { 10, 0, 0, 1 };

	parse("packet-user-helper.bin");
	ck_assert_int_eq(set_exp_of(address, 4), 0);
	ck_assert_int_eq(set_exp_of(address, 16), -EINVAL);
	parse("packet-udp-new.bin");
	ck_assert_int_eq(set_exp_of(address, 4), -EOPNOTSUPP);
}
END_TEST

UNIT_MAIN("packet_ct", recorded_set_up, recorded_tear_down,
	  test_packet_connection_reads_back_what_was_set,
	  test_packet_shows_the_connection_as_the_kernel_sent_it,
	  test_packet_helper_data_brings_the_helpers_name,
	  test_packet_connection_change_that_the_kernel_would_leave_out_is_refused,
	  test_packet_expectation_that_the_kernel_would_leave_out_is_refused)
