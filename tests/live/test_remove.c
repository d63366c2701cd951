/* SPDX-License-Identifier: MIT */
/*
 * Removing in great numbers: bulks, what a filter lets through, and families. A random
 * table is made of numbers; what a random filter should remove is computed from those
 * numbers alone, and compared with what is left in the kernel's table.
 */
#include "requests.h"

#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TCP "orig-src=10.0.0.1 orig-dst=10.0.0.2 orig-l4proto=6 orig-port-src=1000 orig-port-dst=80"
#define TCP_REPLY "orig-src=10.0.0.2 orig-dst=10.0.0.1 orig-l4proto=6 orig-port-src=80 orig-port-dst=1000"

/* Entry n of the table, from few values, so that filters hit many. */
struct entry {
	bool is_v6;
	uint8_t net, host;
	uint8_t proto; /* 17 or 132 */
	uint16_t port;
	uint32_t mark;
	bool is_assured;
	uint16_t zone;
};

static struct entry entry_of(uint32_t n)
{
	uint32_t random = n * 2654435761u;

	return (struct entry){
		.is_v6 = random >> 31, .net = random >> 29 & 3, .host = random >> 24 & 31,
		.proto = random >> 23 & 1 ? 17 : 132, .port = (uint16_t)(80 + (random >> 20 & 7)),
		.mark = random >> 16 & 15, .is_assured = random >> 15 & 1,
		.zone = random >> 13 & 3,
	};
}

static struct nfbind_ct *ct_of_entry(uint32_t n)
{
	struct entry entry = entry_of(n);
	char address[64], zone[16] = "";

	if (entry.is_v6)
		snprintf(address, sizeof(address), "orig-src=fd00:%x::%x orig-dst=fd01::1", entry.net, entry.host);
	else
		snprintf(address, sizeof(address), "orig-src=10.1.%u.%u orig-dst=10.2.0.1", entry.net, entry.host);
	if (entry.zone)
		snprintf(zone, sizeof(zone), " zone=%u", entry.zone);
	/* The source port is n, so that no two are alike. */
	return ct_of("%s orig-l4proto=%u orig-port-src=%u orig-port-dst=%u timeout=5000 mark=%u status=%u%s", address,
		     entry.proto, n, entry.port, entry.mark, entry.is_assured ? 14 : 8, zone);
}

static void apply(struct nfbind_conntrack *conntrack, struct nfbind_bulk *bulk)
{
	int r = nfbind_conntrack_apply(conntrack, bulk);

	ck_assert_msg(r == (int)nfbind_bulk_count(bulk), "%d: %s", r, sentence_of(conntrack));
}

static struct nfbind_bulk *add_entries(struct nfbind_conntrack *conntrack, uint32_t count)
{
	struct nfbind_bulk *bulk;

	ck_assert_int_eq(nfbind_bulk_new(&bulk), 0);
	for (uint32_t n = 1; n <= count; n++) {
		struct nfbind_ct *ct = ct_of_entry(n);

		ck_assert_int_eq(nfbind_bulk_add_ct(bulk, ct, 0), (int)n - 1);
		nfbind_ct_free(ct);
	}
	apply(conntrack, bulk);
	ck_assert_int_eq(nfbind_bulk_clear(bulk), 0);
	return bulk;
}

/* Bulks. */

enum { MANY = 3000 };

static int32_t result_of(struct nfbind_bulk *bulk, uint32_t index)
{
	int32_t result;

	ck_assert_int_eq(nfbind_bulk_get_result(bulk, index, &result), 0);
	return result;
}

/* Every seventh cannot be done, and every other one is. */
START_TEST(test_bulk_with_failures_inside)
{
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_bulk *bulk = add_entries(conntrack, MANY);
	uint32_t failed = 0, found = 0;
	char text[256];
	int r;

	ck_assert_uint_eq(count_list(conntrack, NULL, NFBIND_LIST_TABLE), MANY);
	for (uint32_t n = 1; n <= MANY; n++) {
		struct nfbind_ct *ct = ct_of_entry(n % 7 ? n : n + 50000);

		nfbind_ct_set_number(ct, NFBIND_CT_MARK, 0x10000 + n);
		nfbind_bulk_change_ct(bulk, ct);
		failed += n % 7 == 0;
		nfbind_ct_free(ct);
	}
	r = nfbind_conntrack_apply(conntrack, bulk);
	ck_assert_msg(r == MANY - (int)failed, "%d: %s", r, sentence_of(conntrack));
	for (uint32_t n = 1; n <= MANY; n++)
		ck_assert_int_eq(result_of(bulk, n - 1), n % 7 ? 0 : -ENOENT);
	for (uint32_t at = 0; nfbind_bulk_find_failure(bulk, at, &at) == 0; at++, found++)
		ck_assert_uint_eq((at + 1) % 7, 0);
	ck_assert_uint_eq(found, failed);
	nfbind_bulk_get_message(bulk, 6, text, sizeof(text));
	ck_assert_str_eq(text, "there is no such connection");
	ck_assert_uint_eq(count_list(conntrack, filter_of("mark=0x10000 mark-mask=0x10000"), 0), MANY - failed);
	/* All fail, and all say so: the answers of a whole send fit the receive buffer. */
	nfbind_bulk_clear(bulk);
	for (uint32_t n = 1; n <= MANY; n++) {
		struct nfbind_ct *ct = ct_of_entry(n);

		nfbind_bulk_add_ct(bulk, ct, 0);
		nfbind_ct_free(ct);
	}
	ck_assert_int_eq(nfbind_conntrack_apply(conntrack, bulk), 0);
	for (uint32_t n = 0; n < MANY; n++)
		ck_assert_int_eq(result_of(bulk, n), -EEXIST);
	nfbind_bulk_free(bulk);
}
END_TEST

/* Operations of one bulk come in its order. */
START_TEST(test_bulk_keeps_its_order)
{
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_bulk *bulk;

	ck_assert_int_eq(nfbind_bulk_new(&bulk), 0);
	for (int i = 0; i < 500; i++) {
		nfbind_bulk_add_ct(bulk, ct_of(TCP " timeout=100 mark=%d", i), 0);
		nfbind_bulk_change_ct(bulk, ct_of(TCP " mark=%d", i + 1));
		nfbind_bulk_add_ct(bulk, ct_of(TCP " timeout=100 mark=9"), NFBIND_ADD_OR_CHANGE);
		nfbind_bulk_remove_ct(bulk, ct_of(TCP));
	}
	apply(conntrack, bulk);
	ck_assert_uint_eq(count_list(conntrack, NULL, 0), 0);
	nfbind_bulk_free(bulk);
}
END_TEST

START_TEST(test_bulk_of_expectations)
{
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_bulk *bulk;
	struct nfbind_exp *exp = exp_of("master-src=10.0.0.1 master-dst=10.0.0.2 master-l4proto=6 master-port-src=1000 "
					"master-port-dst=21 mask-src=255.255.255.255 mask-dst=255.255.255.255 mask-l4proto=6 "
					"mask-port-src=0 mask-port-dst=65535 expected-src=10.0.0.2 expected-dst=10.0.0.1 "
					"expected-l4proto=6 expected-port-src=0 expected-port-dst=2000");
	uint64_t timeout;

	ck_assert_int_eq(nfbind_bulk_new(&bulk), 0);
	nfbind_bulk_add_ct(bulk, ct_of("orig-src=10.0.0.1 orig-dst=10.0.0.2 orig-l4proto=6 orig-port-src=1000 "
				       "orig-port-dst=21 timeout=100 helper-name=ftp"), 0);
	nfbind_bulk_add_exp(bulk, exp, 0);
	if (nfbind_conntrack_apply(conntrack, bulk) < 2 && result_of(bulk, 0) == -EOPNOTSUPP)
		skip("this kernel has no ftp helper");
	nfbind_bulk_clear(bulk);
	nfbind_bulk_add_exp(bulk, exp, 0);
	nfbind_exp_set_number(exp, NFBIND_EXP_TIMEOUT, 77);
	nfbind_bulk_change_exp(bulk, exp);
	ck_assert_int_eq(nfbind_conntrack_apply(conntrack, bulk), 1);
	ck_assert_int_eq(result_of(bulk, 0), -EEXIST);
	ck_assert_done(conntrack, nfbind_conntrack_fetch_exp(conntrack, exp, exp));
	ck_assert_int_eq(nfbind_exp_get_number(exp, NFBIND_EXP_TIMEOUT, &timeout), 0);
	ck_assert_uint_le(timeout, 77);
	ck_assert_uint_ge(timeout, 70);
	nfbind_exp_set_number(exp, NFBIND_EXP_TIMEOUT, 44);
	ck_assert_done(conntrack, nfbind_conntrack_change_exp(conntrack, exp));
	ck_assert_done(conntrack, nfbind_conntrack_fetch_exp(conntrack, exp, exp));
	ck_assert_int_eq(nfbind_exp_get_number(exp, NFBIND_EXP_TIMEOUT, &timeout), 0);
	ck_assert_uint_le(timeout, 44);
	nfbind_bulk_clear(bulk);
	nfbind_bulk_remove_exp(bulk, exp);
	nfbind_bulk_remove_exp(bulk, exp);
	ck_assert_int_eq(nfbind_conntrack_apply(conntrack, bulk), 1);
	ck_assert_int_eq(result_of(bulk, 1), -ENOENT);
	nfbind_exp_clear(exp, NFBIND_EXP_ID);
	ck_assert_refused(conntrack, nfbind_conntrack_change_exp(conntrack, exp), -ENOENT, "no such expectation");
	nfbind_bulk_free(bulk);
}
END_TEST

START_TEST(test_bulk_with_a_small_receive_buffer)
{
	struct nfbind_conntrack *conntrack =
		open_requests_with(OPTIONS({ NFBIND_OPTIONS_RECEIVE_BUFFER, 1 }, { NFBIND_OPTIONS_SEND_BUFFER, 1 }));
	struct nfbind_bulk *bulk = add_entries(conntrack, 300);

	for (uint32_t n = 1; n <= 300; n++)
		nfbind_bulk_add_ct(bulk, ct_of_entry(n), 0);
	ck_assert_int_eq(nfbind_conntrack_apply(conntrack, bulk), 0);
	for (uint32_t n = 0; n < 300; n++)
		ck_assert_int_eq(result_of(bulk, n), -EEXIST);
	nfbind_bulk_free(bulk);
}
END_TEST

START_TEST(test_bulk_without_rights)
{
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_removal removal;
	struct nfbind_bulk *bulk;

	ck_assert_int_eq(nfbind_bulk_new(&bulk), 0);
	for (uint32_t n = 1; n <= 1000; n++)
		nfbind_bulk_add_ct(bulk, ct_of_entry(n), 0);
	cap_drop(CAP_NET_ADMIN);
	ck_assert_refused(conntrack, nfbind_conntrack_apply(conntrack, bulk), -EPERM, "CAP_NET_ADMIN");
	ck_assert_int_eq(result_of(bulk, 0), -EPERM);
	ck_assert_int_eq(result_of(bulk, 999), -ECANCELED);
	ck_assert_refused(conntrack, nfbind_conntrack_flush_family_ct(conntrack, 2), -EPERM, "CAP_NET_ADMIN");
	ck_assert_refused(conntrack, nfbind_conntrack_remove_matching_ct(conntrack, filter_of("mark=1"), 0, &removal,
									 sizeof(removal)), -EPERM, "CAP_NET_ADMIN");
	nfbind_bulk_free(bulk);
}
END_TEST

/* What a filter lets through. */

struct wish {
	bool has_family, has_net, has_host, has_proto, has_port, has_mark, has_assured, has_zone, negated;
	bool is_v6, is_assured;
	uint8_t net, host, proto;
	uint16_t port, port_max, zone;
	uint32_t mark, mask;
};

static bool is_wished(const struct wish *wish, const struct entry *entry)
{
	bool all = (!wish->has_family || entry->is_v6 == wish->is_v6) &&
		   (!wish->has_net || (entry->is_v6 == wish->is_v6 && entry->net == wish->net)) &&
		   (!wish->has_host || (entry->is_v6 == wish->is_v6 && entry->net == wish->net &&
					entry->host == wish->host)) &&
		   (!wish->has_proto || entry->proto == wish->proto) &&
		   (!wish->has_port || (entry->port >= wish->port && entry->port <= wish->port_max)) &&
		   (!wish->has_mark || ((entry->mark ^ wish->mark) & wish->mask) == 0) &&
		   (!wish->has_assured || entry->is_assured == wish->is_assured) &&
		   (!wish->has_zone || entry->zone == wish->zone);

	return all != wish->negated;
}

static bool often(void)
{
	return rand() % 3 == 0;
}

static struct wish random_wish(void)
{
	struct wish wish = {
		.has_family = often(), .has_net = often(), .has_proto = often(), .has_port = often(),
		.has_mark = often(), .has_assured = often(), .has_zone = often(), .negated = rand() % 4 == 0,
		.is_v6 = rand() % 2, .is_assured = rand() % 2, .net = (uint8_t)(rand() % 4),
		.host = (uint8_t)(rand() % 32), .proto = rand() % 2 ? 17 : 132, .port = (uint16_t)(80 + rand() % 8),
		.zone = (uint16_t)(rand() % 4), .mark = (uint32_t)rand() % 16, .mask = 1 + (uint32_t)rand() % 15,
	};

	wish.port_max = (uint16_t)(wish.port + rand() % 3);
	wish.has_host = !wish.has_net && often();
	if (!(wish.has_family || wish.has_net || wish.has_host || wish.has_proto || wish.has_port || wish.has_mark ||
	      wish.has_assured || wish.has_zone))
		wish.has_family = true;
	return wish;
}

static struct nfbind_filter *filter_of_wish(const struct wish *wish)
{
	char text[512];
	int at = snprintf(text, sizeof(text), "negated=%d", wish->negated);

#define ADD(...) at += snprintf(text + at, sizeof(text) - (size_t)at, __VA_ARGS__)
	if (wish->has_family)
		ADD(" l3proto=%d", wish->is_v6 ? 10 : 2);
	if (wish->has_net && wish->is_v6)
		ADD(" orig-src=fd00:%x::99 orig-src-prefix=32", wish->net);
	else if (wish->has_net)
		ADD(" orig-src=10.1.%u.99 orig-src-prefix=24", wish->net);
	if (wish->has_host && wish->is_v6)
		ADD(" address=fd00:%x::%x", wish->net, wish->host);
	else if (wish->has_host)
		ADD(" repl-dst=10.1.%u.%u", wish->net, wish->host);
	if (wish->has_proto)
		ADD(" l4proto=%u", wish->proto);
	if (wish->has_port)
		ADD(" orig-port-dst=%u orig-port-dst-max=%u", wish->port, wish->port_max);
	if (wish->has_mark)
		ADD(" mark=%u mark-mask=%u", wish->mark, wish->mask);
	if (wish->has_assured)
		ADD(" status=%u status-mask=4", wish->is_assured ? 4 : 0);
	if (wish->has_zone)
		ADD(" zone=%u", wish->zone);
#undef ADD
	return filter_of("%s", text);
}

/* The table has exactly the entries that are said to be there. */
static void table_is(struct nfbind_conntrack *conntrack, const bool *is_there)
{
	static bool is_listed[MANY + 1];
	struct nfbind_list *list;
	struct nfbind_ct *ct = ct_of("mark=0");

	memset(is_listed, 0, sizeof(is_listed));
	ck_assert_done(conntrack, nfbind_conntrack_list_ct(conntrack, NULL, 0, 0, &list));
	while (nfbind_list_next_ct(list, ct) == 0)
		is_listed[ct_number(ct, NFBIND_CT_ORIG_PORT_SRC)] = true;
	nfbind_list_free(list);
	for (uint32_t n = 1; n <= MANY; n++)
		ck_assert_msg(is_listed[n] == is_there[n], "%u is%s there", n, is_listed[n] ? "" : " not");
}

START_TEST(test_remove_matching_removes_what_the_filter_says)
{
	struct nfbind_conntrack *conntrack = open_requests();
	static bool is_there[MANY + 1];

	srand(4711);
	for (int round = 0; round < 20; round++) {
		struct wish wish = random_wish();
		struct nfbind_filter *filter = filter_of_wish(&wish);
		struct nfbind_removal removal;
		uint32_t expected = 0;

		ck_assert_done(conntrack, nfbind_conntrack_flush_ct(conntrack));
		nfbind_bulk_free(add_entries(conntrack, MANY));
		for (uint32_t n = 1; n <= MANY; n++) {
			struct entry entry = entry_of(n);

			is_there[n] = !is_wished(&wish, &entry);
			expected += !is_there[n];
		}
		ck_assert_done(conntrack, nfbind_conntrack_remove_matching_ct(
			conntrack, filter, NFBIND_REMOVE_DRY_RUN, &removal, sizeof(removal)));
		ck_assert_uint_eq(removal.matched, expected);
		ck_assert_uint_eq(removal.removed + removal.gone + removal.failed, 0);
		ck_assert_done(conntrack, nfbind_conntrack_remove_matching_ct(conntrack, filter, 0, &removal,
									      sizeof(removal)));
		ck_assert_int_eq(removal.error, 0);
		ck_assert_uint_eq(removal.removed, expected);
		ck_assert_uint_eq(removal.failed, 0);
		ck_assert_uint_eq(removal.matched, removal.removed + removal.gone);
		table_is(conntrack, is_there);
	}
}
END_TEST

START_TEST(test_remove_matching_refuses)
{
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_removal removal;
	uint64_t half;

	add_ct(conntrack, TCP " timeout=100");
	ck_assert_refused(conntrack, nfbind_conntrack_remove_matching_ct(conntrack, filter_of("negated=0"), 0, &removal,
									 sizeof(removal)), -EINVAL, "says nothing");
	ck_assert_refused(conntrack, nfbind_conntrack_remove_matching_ct(conntrack, filter_of("negated=1"), 0, &removal,
									 sizeof(removal)), -EINVAL, "says nothing");
	ck_assert_refused(conntrack, nfbind_conntrack_remove_matching_ct(conntrack, filter_of("mark=1 mark-mask=0"), 0,
									 &removal, sizeof(removal)), -EINVAL, "no bits");
	ck_assert_int_eq(nfbind_conntrack_remove_matching_ct(conntrack, NULL, 0, &removal, sizeof(removal)), -EINVAL);
	ck_assert_int_eq(nfbind_conntrack_remove_matching_ct(conntrack, filter_of("mark=0"), 2, &removal,
							     sizeof(removal)), -EINVAL);
	ck_assert_uint_eq(count_list(conntrack, NULL, 0), 1);
	/* A caller that knows less of the struct. */
	ck_assert_done(conntrack, nfbind_conntrack_remove_matching_ct(conntrack, filter_of("mark=0"), 0,
								      (struct nfbind_removal *)&half, sizeof(half)));
	ck_assert_uint_eq(half, 1);
	ck_assert_uint_eq(count_list(conntrack, NULL, 0), 0);
	ck_assert_done(conntrack, nfbind_conntrack_remove_matching_ct(conntrack, filter_of("mark=0"), 0, &removal,
								      sizeof(removal)));
	ck_assert_uint_eq(removal.matched, 0);
}
END_TEST

/* Families. */

START_TEST(test_flush_family_keeps_the_other)
{
	struct nfbind_conntrack *conntrack = open_requests();
	uint32_t v6 = 0;

	nfbind_bulk_free(add_entries(conntrack, 1000));
	for (uint32_t n = 1; n <= 1000; n++)
		v6 += entry_of(n).is_v6;
	ck_assert_refused(conntrack, nfbind_conntrack_flush_family_ct(conntrack, 0), -EINVAL, "neither 2");
	ck_assert_refused(conntrack, nfbind_conntrack_flush_family_ct(conntrack, 7), -EINVAL, "neither 2");
	ck_assert_uint_eq(count_list(conntrack, NULL, 0), 1000);
	ck_assert_done(conntrack, nfbind_conntrack_flush_family_ct(conntrack, 2));
	ck_assert_uint_eq(count_list(conntrack, NULL, 0), v6);
	ck_assert_uint_eq(count_list(conntrack, filter_of("l3proto=10"), 0), v6);
	add_ct(conntrack, TCP " timeout=100");
	ck_assert_done(conntrack, nfbind_conntrack_flush_family_ct(conntrack, 10));
	ck_assert_uint_eq(count_list(conntrack, filter_of("l3proto=2"), 0), 1);
	ck_assert_uint_eq(count_list(conntrack, NULL, 0), 1);
}
END_TEST

/* One by one. */

START_TEST(test_find_says_which_tuple_it_is)
{
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_ct *ct = ct_of(TCP " id=1 mark=5");
	uint32_t tuple = 9;

	add_ct(conntrack, TCP " timeout=100 mark=7");
	add_ct(conntrack, TCP " timeout=100 mark=8 zone=3");
	ck_assert_done(conntrack, nfbind_conntrack_find_ct(conntrack, ct, ct, &tuple));
	ck_assert_uint_eq(tuple, NFBIND_TUPLE_ORIG);
	ct_is(ct, "mark=7");
	ct = ct_of(TCP_REPLY " zone=3");
	ck_assert_done(conntrack, nfbind_conntrack_find_ct(conntrack, ct, ct, &tuple));
	ck_assert_uint_eq(tuple, NFBIND_TUPLE_REPL);
	ct_is(ct, "mark=8 " TCP);
	ct = ct_of("repl-src=10.0.0.2 repl-dst=10.0.0.1 repl-l4proto=6 repl-port-src=80 repl-port-dst=1000");
	ck_assert_refused(conntrack, nfbind_conntrack_find_ct(conntrack, ct, ct, &tuple), -EINVAL, "original tuple");
	ct = ct_of("orig-src=10.0.0.1 orig-dst=10.0.0.2 orig-l4proto=6 orig-port-src=1000 orig-port-dst=81");
	ck_assert_refused(conntrack, nfbind_conntrack_find_ct(conntrack, ct, ct, &tuple), -ENOENT, "no such connection");
	/* A zone of one direction is not asked for by the other one. */
	add_ct(conntrack, "orig-src=10.0.0.7 orig-dst=10.0.0.2 orig-l4proto=17 orig-port-src=1 orig-port-dst=2 timeout=9 "
			  "orig-zone=4 mark=44");
	ct = ct_of("orig-src=10.0.0.7 orig-dst=10.0.0.2 orig-l4proto=17 orig-port-src=1 orig-port-dst=2 orig-zone=4");
	ck_assert_done(conntrack, nfbind_conntrack_find_ct(conntrack, ct, ct, &tuple));
	ck_assert_uint_eq(tuple, NFBIND_TUPLE_ORIG);
	ct_is(ct, "mark=44 orig-zone=4");
	ct = ct_of("orig-src=10.0.0.2 orig-dst=10.0.0.7 orig-l4proto=17 orig-port-src=2 orig-port-dst=1");
	ck_assert_done(conntrack, nfbind_conntrack_find_ct(conntrack, ct, ct, &tuple));
	ck_assert_uint_eq(tuple, NFBIND_TUPLE_REPL);
	ct_is(ct, "mark=44");
	/* Where both are alike it is the original one. */
	add_ct(conntrack, "orig-src=10.0.0.9 orig-dst=10.0.0.9 orig-l4proto=17 orig-port-src=5 orig-port-dst=5 timeout=9");
	ct = ct_of("orig-src=10.0.0.9 orig-dst=10.0.0.9 orig-l4proto=17 orig-port-src=5 orig-port-dst=5");
	ck_assert_done(conntrack, nfbind_conntrack_find_ct(conntrack, ct, ct, &tuple));
	ck_assert_uint_eq(tuple, NFBIND_TUPLE_ORIG);
}
END_TEST

START_TEST(test_remove_compares_the_start)
{
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_ct *ct;

	if (!run_quietly("echo 1 >/proc/sys/net/netfilter/nf_conntrack_timestamp"))
		skip("this kernel has no timestamps of connections here");
	add_ct(conntrack, TCP " timeout=100");
	ct = fetch_ct(conntrack, TCP);
	ck_assert_uint_gt(ct_number(ct, NFBIND_CT_TIMESTAMP_START), 0);
	ck_assert_done(conntrack, nfbind_conntrack_flush_ct(conntrack));
	add_ct(conntrack, TCP " timeout=100");
	/* Made anew; its number may be the same. */
	nfbind_ct_set_number(ct, NFBIND_CT_ID, ct_number(fetch_ct(conntrack, TCP), NFBIND_CT_ID));
	ck_assert_refused(conntrack, nfbind_conntrack_remove_ct(conntrack, ct), -ENOENT, "another connection");
	ck_assert_done(conntrack, nfbind_conntrack_remove_ct(conntrack, fetch_ct(conntrack, TCP)));
	ck_assert_refused(conntrack, nfbind_conntrack_remove_ct(conntrack, ct), -ENOENT, "no such connection");
}
END_TEST

/* Figures. */

START_TEST(test_stats_of_processors)
{
	struct nfbind_conntrack *conntrack = open_requests();
	static struct nfbind_conntrack_cpu_stats stats[1024];
	static struct nfbind_expect_cpu_stats expected[1024];
	uint64_t inserted = 0;
	char words[64];
	int count;

	add_ct(conntrack, TCP " timeout=100");
	count = nfbind_conntrack_read_cpu_stats(conntrack, stats, 1024, sizeof(stats[0]));
	ck_assert_msg(count > 0, "%d: %s", count, sentence_of(conntrack));
	for (int i = 0; i < count; i++) {
		ck_assert(stats[i].present & NFBIND_CPU_STAT_FOUND && stats[i].present & NFBIND_CPU_STAT_DROP);
		ck_assert(i == 0 || stats[i].cpu > stats[i - 1].cpu);
		inserted += stats[i].insert;
	}
	ck_assert_uint_eq(!!(stats[0].present & NFBIND_CPU_STAT_CHAIN_TOOLONG), is_kernel(5, 15));
	ck_assert_uint_eq(inserted, 1);
	snprintf(words, sizeof(words), "have %d processors", count);
	ck_assert_refused(conntrack, nfbind_conntrack_read_cpu_stats(conntrack, NULL, 0, 8), -ENOSPC, words);
	/* A shorter element has the number and the bits. */
	ck_assert_int_eq(nfbind_conntrack_read_cpu_stats(conntrack, stats, 1024, 8), count);
	ck_assert_int_eq(nfbind_conntrack_read_cpu_stats_exp(conntrack, expected, 1024, sizeof(expected[0])), count);
	ck_assert_uint_eq(expected[0].created, 0);
	ck_assert_int_eq(nfbind_conntrack_read_cpu_stats(NULL, stats, 1, 8), -EINVAL);
	ck_assert_uint_eq(count_list(conntrack, NULL, 0), 1);
}
END_TEST

int main(void)
{
	const struct live_case cases[] = {
		{ "bulk", test_bulk_with_failures_inside },
		{ "bulk", test_bulk_keeps_its_order },
		{ "bulk", test_bulk_of_expectations },
		{ "bulk", test_bulk_with_a_small_receive_buffer },
		{ "rights", test_bulk_without_rights },
		{ "matching", test_remove_matching_removes_what_the_filter_says },
		{ "matching", test_remove_matching_refuses },
		{ "family", test_flush_family_keeps_the_other },
		{ "one", test_find_says_which_tuple_it_is },
		{ "one", test_remove_compares_the_start },
		{ "stats", test_stats_of_processors },
	};

	return live_main("remove", cases, sizeof(cases) / sizeof(cases[0]));
}
