/* SPDX-License-Identifier: MIT */
/*
 * Lists of connections: they have what was added, once and as it was given, or what a
 * filter lets through, and may be left or outlive their session. conntrack(8), where it
 * is installed, has to see the same table.
 */
#include "requests.h"
#include "tuples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MANY = 3000 };

/* Entry n, whose fields all follow from n, so that a list's entry can be checked alone. */
static struct nfbind_ct *nth(uint32_t n)
{
	uint32_t random = n * 2654435761u;
	const char *address = n % 2 ? "orig-src=fd00::%x:1 orig-dst=fd01::%x:1" : "orig-src=10.1.%u.1 orig-dst=10.2.%u.1";
	char tuple[128];

	snprintf(tuple, sizeof(tuple), address, random >> 24, random >> 16 & 255);
	return ct_of("%s orig-l4proto=%u orig-port-src=%u orig-port-dst=%u timeout=%u mark=%u status=%u%s", tuple,
		     n % 3 ? 17 : 132, n, random >> 16, 10000 + n, n, n % 5 ? 8 : 14, n % 4 ? "" : " zone=6");
}

static void add_many(struct nfbind_conntrack *conntrack)
{
	for (uint32_t n = 0; n < MANY; n++) {
		struct nfbind_ct *ct = nth(n);

		ck_assert_done(conntrack, nfbind_conntrack_add_ct(conntrack, ct, 0));
		nfbind_ct_free(ct);
	}
}

/* Everything that was given, and the reply tuple that follows from it. */
static void check_nth(const struct nfbind_ct *ct)
{
	uint32_t n = (uint32_t)ct_number(ct, NFBIND_CT_MARK);
	struct nfbind_ct *given = nth(n);
	char text[1024];

	ck_assert_uint_le(ct_number(ct, NFBIND_CT_TIMEOUT), 10000 + n);
	ck_assert_uint_ge(ct_number(ct, NFBIND_CT_TIMEOUT), 10000 + n - 30);
	nfbind_ct_clear(given, NFBIND_CT_TIMEOUT);
	nfbind_ct_clear(given, NFBIND_CT_STATUS);
	ck_assert_uint_eq(ct_number(ct, NFBIND_CT_STATUS), n % 5 ? 8 : 14);
	nfbind_ct_print(given, NFBIND_FORMAT_FIELDS, 0, NULL, text, sizeof(text));
	/* The printed status has names, so it is compared above. */
	ct_is(ct, "%s", text);
	ct_is(ct, "repl-port-src=%u repl-port-dst=%u repl-l4proto=%u repl-l3proto=%u",
	      (unsigned int)ct_number(ct, NFBIND_CT_ORIG_PORT_DST), n, n % 3 ? 17 : 132, n % 2 ? 10 : 2);
	nfbind_ct_free(given);
}

START_TEST(test_list_is_what_was_added)
{
	struct nfbind_conntrack *conntrack = open_requests();
	static bool seen[MANY];
	struct nfbind_list *list;
	struct nfbind_ct *ct = ct_of("mark=0");
	uint32_t count = 0;
	int r;

	add_many(conntrack);
	ck_assert_done(conntrack, nfbind_conntrack_list_ct(conntrack, NULL, NFBIND_LIST_TABLE, 0, &list));
	while ((r = nfbind_list_next_ct(list, ct)) == 0) {
		uint64_t n = ct_number(ct, NFBIND_CT_MARK);

		ck_assert(n < MANY && !seen[n]);
		seen[n] = true;
		check_nth(ct);
		count++;
	}
	ck_assert_int_eq(r, -ENODATA);
	ck_assert_uint_eq(count, MANY);
	nfbind_list_free(list);
}
END_TEST

/* "proto sport dport mark" of every entry, sorted, from another program and from here. */
START_TEST(test_list_is_what_conntrack8_lists)
{
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_list *list;
	struct nfbind_ct *ct = ct_of("mark=0");
	char path[] = "/tmp/nfbind-live-list-XXXXXX";
	FILE *file;

	if (!run_quietly("conntrack -L"))
		skip("this kernel has no conntrack(8) that works");
	add_many(conntrack);
	file = fdopen(mkstemp(path), "w");
	ck_assert_done(conntrack, nfbind_conntrack_list_ct(conntrack, NULL, NFBIND_LIST_TABLE, 0, &list));
	while (nfbind_list_next_ct(list, ct) == 0)
		fprintf(file, "%u %u %u %u\n", (unsigned int)ct_number(ct, NFBIND_CT_ORIG_L4PROTO),
			(unsigned int)ct_number(ct, NFBIND_CT_ORIG_PORT_SRC),
			(unsigned int)ct_number(ct, NFBIND_CT_ORIG_PORT_DST),
			(unsigned int)ct_number(ct, NFBIND_CT_MARK));
	fclose(file);
	nfbind_list_free(list);
	run("sort -o %s %s", path, path);
	run("{ conntrack -L -f ipv4; conntrack -L -f ipv6; } 2>/dev/null | "
	    "sed -n 's/^[a-z0-9]* *\\([0-9]*\\) .*src=.* sport=\\([0-9]*\\) dport=\\([0-9]*\\) .*src=.*mark=\\([0-9]*\\).*"
	    "/\\1 \\2 \\3 \\4/p' | sort | cmp - %s", path);
	unlink(path);
}
END_TEST

START_TEST(test_list_with_a_filter)
{
	static const struct {
		const char *filter;
		uint32_t count;
	} cases[] = {
		{ "l3proto=2", 2 }, { "l3proto=10", 1 }, { "orig-src=fd00::9", 0 }, { "orig-src=fd00::1", 1 },
		{ "repl-dst=fd00::", 0 }, { "repl-dst=fd00:: repl-dst-prefix=120", 1 }, { "mark=0x12", 1 },
		{ "mark=0x10 mark-mask=0xf0", 2 }, { "mark=0x21 mark-mask=0xf", 1 }, { "status=4", 1 },
		{ "status=0 status-mask=4", 2 }, { "zone=3", 1 }, { "zone=0", 2 }, { "zone=3 mark=0x11", 0 },
		{ "zone=3 mark=0x22 negated=1", 2 }, { "status=4 negated=1", 2 }, { "l3proto=2 negated=1", 1 },
		{ "timeout=101 timeout-max=999", 0 }, { "timeout=0 timeout-max=100", 3 },
	};
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_list *list;

	add_ct(conntrack, TCP " timeout=100 mark=0x11");
	add_ct(conntrack, UDP " timeout=100 mark=0x12 status=0x0e");
	add_ct(conntrack, UDP6 " timeout=100 mark=0x22 zone=3");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t count = count_list(conntrack, filter_of("%s", cases[i].filter), NFBIND_LIST_TABLE);

		ck_assert_msg(count == cases[i].count, "%s: %u", cases[i].filter, count);
	}
	ck_assert_refused(conntrack, nfbind_conntrack_list_ct(conntrack, filter_of("mark-mask=1"), 0, 0, &list), -EINVAL,
			  "without its value");
	/* The kernel zeroes all that it lists. */
	ck_assert_refused(conntrack, nfbind_conntrack_list_ct(conntrack, filter_of("port=80"), NFBIND_LIST_ZERO, 0, &list),
			  -EINVAL, "would zero");
	ck_assert_uint_eq(count_list(conntrack, filter_of("l3proto=2 mark=0x11"), NFBIND_LIST_ZERO), 1);
}
END_TEST

/* Under change an entry may come twice; with the flag it does not. */
START_TEST(test_list_unique)
{
	struct nfbind_conntrack *conntrack = open_requests();
	static bool seen[MANY];
	struct nfbind_list *list;
	struct nfbind_ct *ct = ct_of("mark=0");
	uint32_t count = 0;

	add_many(conntrack);
	ck_assert_done(conntrack, nfbind_conntrack_list_ct(conntrack, NULL, NFBIND_LIST_TABLE, NFBIND_LIST_UNIQUE,
							   &list));
	while (nfbind_list_next_ct(list, ct) == 0) {
		uint64_t n = ct_number(ct, NFBIND_CT_MARK);

		ck_assert(n < MANY && !seen[n]);
		seen[n] = true;
		count++;
	}
	ck_assert_uint_eq(count, MANY);
	nfbind_list_free(list);
	ck_assert_int_eq(nfbind_conntrack_list_ct(conntrack, NULL, NFBIND_LIST_TABLE, 2, &list), -EINVAL);
}
END_TEST

START_TEST(test_list_stopped_early_and_while_removing)
{
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_list *list, *other;
	struct nfbind_ct *ct = ct_of("mark=0");
	struct nfbind_exp *exp = exp_of("id=1");
	uint32_t count = 0;
	int r;

	add_many(conntrack);
	ck_assert_done(conntrack, nfbind_conntrack_list_ct(conntrack, NULL, NFBIND_LIST_TABLE, 0, &list));
	ck_assert_int_eq(nfbind_list_next_ct(list, ct), 0);
	ck_assert_int_eq(nfbind_list_next_exp(list, exp), -EINVAL);
	ck_assert_done(conntrack, nfbind_conntrack_list_ct(conntrack, NULL, NFBIND_LIST_TABLE, 0, &other));
	ck_assert_int_eq(nfbind_list_next_ct(other, ct), 0);
	nfbind_list_free(list);
	/* Each is removed when it is listed; the kernel may skip some, or say one twice. */
	do {
		r = nfbind_conntrack_remove_ct(conntrack, ct);
		ck_assert_msg(r == 0 || r == -ENOENT, "%s", sentence_of(conntrack));
		count += r == 0;
	} while ((r = nfbind_list_next_ct(other, ct)) == 0);
	ck_assert_int_eq(r, -ENODATA);
	ck_assert_uint_eq(count + count_list(conntrack, NULL, NFBIND_LIST_TABLE), MANY);
	ck_assert_uint_ge(count, MANY / 2);
	/* A list outlives its session. */
	nfbind_list_free(other);
	ck_assert_done(conntrack, nfbind_conntrack_list_ct(conntrack, NULL, NFBIND_LIST_TABLE, 0, &list));
	nfbind_conntrack_free(conntrack);
	ck_assert_int_ne(nfbind_list_next_ct(list, ct), -ESHUTDOWN);
	nfbind_list_free(list);
	nfbind_list_free(NULL);
}
END_TEST

START_TEST(test_list_other_kinds)
{
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_list *list;

	add_ct(conntrack, TCP " timeout=100");
	ck_assert_uint_eq(count_list(conntrack, NULL, NFBIND_LIST_DYING), 0);
	ck_assert_uint_eq(count_list(conntrack, NULL, NFBIND_LIST_UNCONFIRMED), 0);
	ck_assert_uint_eq(count_list(conntrack, NULL, NFBIND_LIST_ZERO), 1);
	ck_assert_int_eq(nfbind_conntrack_list_ct(conntrack, NULL, 4, 0, &list), -EINVAL);
}
END_TEST

int main(void)
{
	const struct live_case cases[] = {
		{ "list", test_list_is_what_was_added },
		{ "list", test_list_is_what_conntrack8_lists },
		{ "list", test_list_with_a_filter },
		{ "list", test_list_unique },
		{ "list", test_list_stopped_early_and_while_removing },
		{ "list", test_list_other_kinds },
	};

	return live_main("list", cases, sizeof(cases) / sizeof(cases[0]));
}
