/* SPDX-License-Identifier: MIT */
/*
 * How a unit test is run: every test is a case of its own, named as the test, so
 * that CK_RUN_CASE=test_x runs one; the result is TAP, so that it can be counted.
 * With CK_FORK=no all of them run in one process, for debuggers and sanitizers.
 */
#ifndef UNIT_H
#define UNIT_H

#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Run the tests, each between set_up and tear_down; the program's exit status. */
int unit_run(const char *name, void (*set_up)(void), void (*tear_down)(void),
	     const TTest *const *tests, size_t tests_count);

#define UNIT_MAIN(name, set_up, tear_down, ...) \
	int main(void) \
	{ \
		const TTest *const tests[] = { __VA_ARGS__ }; \
\
		return unit_run(name, set_up, tear_down, tests, COUNT_OF(tests)); \
	}

/* How many rounds a randomised test makes: NFBIND_TEST_ROUNDS, or this many. */
unsigned long unit_rounds(unsigned long usual);

/* A random number below `limit`; the same from run to run unless NFBIND_TEST_SEED is set. */
uint32_t unit_random(uint32_t limit);
void unit_seed(uint64_t seed);

/* A file of tests/fixtures, which lies in memory until the program ends; a recording in this machine's byte order. */
const uint8_t *unit_fixture(const char *name, size_t *ret_len);
/* The names of the fixtures that start with `prefix` and end with `suffix`, sorted; NULL ends it. */
char **unit_fixtures(const char *prefix, const char *suffix);

#define ck_assert_bytes_eq(data, data_len, expected, expected_len) \
	do { \
		size_t one_len = (data_len), other_len = (expected_len); \
\
		ck_assert_uint_eq(one_len, other_len); \
		if (one_len > 0) \
			ck_assert_mem_eq(data, expected, one_len); \
	} while (0)

#endif
