/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "checksum.h"

/* The definition, one word after the other (RFC 1071, 4.1), in memory order. */
static uint16_t slow_sum(const uint8_t *data, size_t len)
{
	uint32_t sum = 0;
	uint8_t bytes[2];
	uint16_t word;

	for (size_t i = 0; i < len; i++) {
		sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	bytes[0] = (uint8_t)(sum >> 8);
	bytes[1] = (uint8_t)sum;
	memcpy(&word, bytes, 2);
	return word;
}

static void fill(uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)unit_random(256);
}

START_TEST(test_checksum_is_that_of_rfc_1071)
{
	static const uint8_t example[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };
	static const uint8_t sum[] = { 0xdd, 0xf2 };
	uint16_t folded = checksum_fold(checksum_add(0, example, sizeof(example)));

	ck_assert_mem_eq(&folded, sum, 2);
}
END_TEST

START_TEST(test_checksum_of_any_length_and_alignment_is_the_slow_one)
{
	uint8_t data[160];

	for (size_t len = 0; len <= 140; len++)
		for (size_t at = 0; at < 9; at++) {
			fill(data, sizeof(data));
			ck_assert_uint_eq(checksum_fold(checksum_add(0, data + at, len)),
					  slow_sum(data + at, len));
		}
}
END_TEST

START_TEST(test_checksum_of_the_largest_bytes_does_not_overflow)
{
	static uint8_t data[65536];
	uint64_t sum = 0;

	memset(data, 0xff, sizeof(data));
	for (unsigned int i = 0; i < 1000; i++)
		sum = checksum_add(sum, data, sizeof(data));
	ck_assert_uint_eq(checksum_fold(sum), 0xffff);
	ck_assert_uint_eq(checksum_fold(UINT64_MAX), 0xffff);
}
END_TEST

START_TEST(test_checksum_of_parts_is_that_of_the_whole_at_odd_offsets_too)
{
	uint8_t data[100];

	for (size_t cut = 0; cut <= sizeof(data); cut++) {
		uint64_t sum;

		fill(data, sizeof(data));
		sum = checksum_add_at(0, 0, data, cut);
		sum = checksum_add_at(sum, cut, data + cut, sizeof(data) - cut);
		ck_assert_uint_eq(checksum_fold(sum), slow_sum(data, sizeof(data)));
	}
}
END_TEST

START_TEST(test_checksum_adjusted_is_the_one_computed_anew)
{
	uint8_t data[64], old[64];

	for (unsigned long round = 0; round < unit_rounds(20000); round++) {
		size_t at = unit_random(60), len = 1 + unit_random(4);
		uint16_t checksum;

		fill(data, sizeof(data));
		memcpy(old, data, sizeof(data));
		checksum = (uint16_t)~slow_sum(data, sizeof(data));
		fill(data + at, len);
		checksum = checksum_adjust(checksum, checksum_add_at(0, at, old + at, len),
					   checksum_add_at(0, at, data + at, len));
		if (checksum + slow_sum(data, sizeof(data)) != 0xffff)
			ck_abort_msg("at %zu", at);
	}
}
END_TEST

START_TEST(test_checksum_adjusted_meets_the_corner_of_rfc_1624)
{
	/* RFC 1624, 4: the older equation gives 0xffff here, which is wrong. */
	static const uint8_t before[] = { 0x55, 0x55 }, after[] = { 0x32, 0x85 };
	static const uint8_t old_checksum[] = { 0xdd, 0x2f }, new_checksum[] = { 0x00, 0x00 };
	uint16_t checksum;

	memcpy(&checksum, old_checksum, 2);
	checksum = checksum_adjust(checksum, checksum_add(0, before, 2), checksum_add(0, after, 2));
	ck_assert_mem_eq(&checksum, new_checksum, 2);
}
END_TEST

START_TEST(test_checksum_pseudo_header_is_the_sum_of_its_bytes)
{
	uint8_t ipv4[12] = { 10, 0, 0, 1, 10, 0, 0, 2, 0, 17, 0x12, 0x34 };
	uint8_t ipv6[40] = {
		0xfd, [15] = 1, [16] = 0xfd, [31] = 2, [33] = 1, [34] = 2, [35] = 3, [39] = 6
	};

	ck_assert_uint_eq(checksum_fold(checksum_add_pseudo(0, ipv4, ipv4 + 4, 4, 17, 0x1234)),
			  slow_sum(ipv4, sizeof(ipv4)));
	ck_assert_uint_eq(checksum_fold(checksum_add_pseudo(0, ipv6, ipv6 + 16, 16, 6, 0x10203)),
			  slow_sum(ipv6, sizeof(ipv6)));
}
END_TEST

START_TEST(test_checksum_crc32c_is_the_known_one)
{
	/* The check value of CRC-32C; RFC 3720, B.4 has it for 32 zeros. */
	static const uint8_t check[4] = { 0x83, 0x92, 0x06, 0xe3 },
			     zeros[4] = { 0xaa, 0x36, 0x91, 0x8a };
	uint8_t data[32] = { 0 };
	uint32_t crc = checksum_crc32c_end(checksum_crc32c(CRC32C_START, "123456789", 9));

	ck_assert_mem_eq(&crc, check, 4);
	crc = checksum_crc32c_end(checksum_crc32c(CRC32C_START, data, sizeof(data)));
	ck_assert_mem_eq(&crc, zeros, 4);
	crc = checksum_crc32c(CRC32C_START, "1234", 4);
	crc = checksum_crc32c_end(checksum_crc32c(crc, "56789", 5));
	ck_assert_mem_eq(&crc, check, 4);
}
END_TEST

UNIT_MAIN("checksum", NULL, NULL,
	  test_checksum_is_that_of_rfc_1071,
	  test_checksum_of_any_length_and_alignment_is_the_slow_one,
	  test_checksum_of_the_largest_bytes_does_not_overflow,
	  test_checksum_of_parts_is_that_of_the_whole_at_odd_offsets_too,
	  test_checksum_adjusted_is_the_one_computed_anew,
	  test_checksum_adjusted_meets_the_corner_of_rfc_1624,
	  test_checksum_pseudo_header_is_the_sum_of_its_bytes,
	  test_checksum_crc32c_is_the_known_one)
