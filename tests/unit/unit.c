/* SPDX-License-Identifier: MIT */
/*
 * Running unit tests with libcheck; see unit.h. Random numbers are a generator of
 * our own, so that a seed means the same on every machine.
 */
#include "unit.h"

#include "byte_order.h"

#include <dirent.h>
#include <stdio.h>

enum { FIXTURES_MAX = 256, FIXTURE_SIZE_MAX = 1 << 20 };

static uint64_t random_state = 1;

void unit_seed(uint64_t seed)
{
	const char *text = getenv("NFBIND_TEST_SEED");

	random_state = (text ? strtoull(text, NULL, 0) : 0) * 0x9e3779b97f4a7c15u + seed * 2 + 1;
}

/* splitmix64, by Sebastiano Vigna (public domain algorithm). */
uint32_t unit_random(uint32_t limit)
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return limit ? (uint32_t)((z ^ z >> 31) % limit) : 0;
}

unsigned long unit_rounds(unsigned long usual)
{
	const char *text = getenv("NFBIND_TEST_ROUNDS");

	return text ? strtoul(text, NULL, 0) : usual;
}

static const char *folder(void)
{
	const char *text = getenv("NFBIND_FIXTURES");

	return text ? text : NFBIND_FIXTURES;
}

const uint8_t *unit_fixture(const char *name, size_t *ret_len)
{
	static uint8_t *kept[FIXTURES_MAX];
	static unsigned int next;
	char path[512];
	uint8_t *room = malloc(FIXTURE_SIZE_MAX), *data;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder(), name);
	file = fopen(path, "rb");
	ck_assert_msg(file && room, "%s cannot be read", path);
	*ret_len = fread(room, 1, FIXTURE_SIZE_MAX, file);
	fclose(file);
	/* Not a byte more than the file has, so that a sanitizer sees who reads on. */
	data = malloc(*ret_len ? *ret_len : 1);
	ck_assert_ptr_nonnull(data);
	memcpy(data, room, *ret_len);
	if (strstr(name, ".bin"))
		byte_order_turn(data, *ret_len);
	free(room);
	free(kept[next % FIXTURES_MAX]);
	kept[next++ % FIXTURES_MAX] = data;
	return data;
}

static int compare(const void *one, const void *other)
{
	return strcmp(*(char *const *)one, *(char *const *)other);
}

static bool matches(const char *name, const char *prefix, const char *suffix)
{
	size_t name_len = strlen(name), suffix_len = strlen(suffix);

	return strncmp(name, prefix, strlen(prefix)) == 0 && name_len > suffix_len &&
	       strcmp(name + name_len - suffix_len, suffix) == 0;
}

char **unit_fixtures(const char *prefix, const char *suffix)
{
	static char *names[FIXTURES_MAX];
	DIR *directory = opendir(folder());
	struct dirent *entry;
	size_t count = 0;

	for (size_t i = 0; names[i]; i++) {
		free(names[i]);
		names[i] = NULL;
	}
	ck_assert_msg(directory != NULL, "%s cannot be read", folder());
	while (count < FIXTURES_MAX - 1 && (entry = readdir(directory)))
		if (matches(entry->d_name, prefix, suffix))
			names[count++] = strdup(entry->d_name);
	closedir(directory);
	ck_assert_msg(count > 0, "no fixture is named %s...%s", prefix, suffix);
	qsort(names, count, sizeof(names[0]), compare);
	return names;
}

int unit_run(const char *name, void (*set_up)(void), void (*tear_down)(void),
	     const TTest *const *tests, size_t tests_count)
{
	Suite *suite = suite_create(name);
	SRunner *runner;
	int failed;

	for (size_t i = 0; i < tests_count; i++) {
		TCase *tcase = tcase_create(tests[i]->name);

		tcase_set_timeout(tcase, 120);
		if (set_up || tear_down)
			tcase_add_checked_fixture(tcase, set_up, tear_down);
		tcase_add_test(tcase, tests[i]);
		suite_add_tcase(suite, tcase);
	}
	runner = srunner_create(suite);
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0;
}
