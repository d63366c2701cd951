/* SPDX-License-Identifier: MIT */
/*
 * Tables that change while they are looked at: entries that are changed, removed or made
 * anew between their listing and their removal, entries that cannot end, counters that
 * are read and zeroed, and figures that go on.
 */
#include "requests.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What becomes of an entry while a removal of mark 1 is under way. */
enum role {
	ROLE_STAYS,   /* mark 2, always */
	ROLE_GOES,    /* mark 1, always */
	ROLE_CHANGES, /* mark 1 or 3, to and fro */
	ROLE_ANEW,    /* removed, and added with mark 1 or 3 */
	ROLES,
};

enum { ENTRIES = 2000 };

static enum role role_of(uint32_t n)
{
	return n % 8 < 3 ? ROLE_STAYS : n % 8 < 6 ? ROLE_GOES : n % 8 == 6 ? ROLE_CHANGES : ROLE_ANEW;
}

/* Half of them IPv6; the source port is n. */
static struct nfbind_ct *entry(uint32_t n, uint32_t mark)
{
	return ct_of("%s orig-l4proto=17 orig-port-src=%u orig-port-dst=53 timeout=5000 mark=%u",
		     n / 8 % 2 ? "orig-src=fd00::1 orig-dst=fd01::1" : "orig-src=10.1.0.1 orig-dst=10.2.0.1", n, mark);
}

static void fill_table(struct nfbind_conntrack *conntrack)
{
	struct nfbind_bulk *bulk;

	ck_assert_int_eq(nfbind_bulk_new(&bulk), 0);
	for (uint32_t n = 1; n <= ENTRIES; n++) {
		struct nfbind_ct *ct = entry(n, role_of(n) == ROLE_STAYS ? 2 : 1);

		ck_assert_int_ge(nfbind_bulk_add_ct(bulk, ct, 0), 0);
		nfbind_ct_free(ct);
	}
	ck_assert_int_eq(nfbind_conntrack_apply(conntrack, bulk), ENTRIES);
	nfbind_bulk_free(bulk);
}

struct changer {
	struct nfbind_conntrack *conntrack;
	struct nfbind_bulk *bulk;
	_Atomic bool is_told;
	_Atomic uint32_t rounds;
};

/* One of them, whatever it is at the moment: what has gone cannot be changed. */
static void change(struct changer *changer, uint32_t n, uint32_t mark)
{
	struct nfbind_ct *ct = entry(n, mark);

	if (role_of(n) == ROLE_CHANGES) {
		nfbind_bulk_change_ct(changer->bulk, ct);
	} else if (role_of(n) == ROLE_ANEW) {
		nfbind_bulk_remove_ct(changer->bulk, ct);
		nfbind_bulk_add_ct(changer->bulk, ct, 0);
	}
	nfbind_ct_free(ct);
}

static void *keep_changing(void *argument)
{
	struct changer *changer = argument;

	while (!changer->is_told) {
		for (uint32_t n = 1; n <= ENTRIES; n++)
			change(changer, n, changer->rounds % 2 ? 1 : 3);
		nfbind_conntrack_apply(changer->conntrack, changer->bulk);
		nfbind_bulk_clear(changer->bulk);
		changer->rounds++;
	}
	return NULL;
}

/* Which entries there are, with their marks; 0: it is not there. */
static void read_marks(struct nfbind_conntrack *conntrack, uint32_t marks[ENTRIES + 1])
{
	struct nfbind_ct *ct = ct_of("mark=0");
	struct nfbind_list *list;
	int r;

	memset(marks, 0, (ENTRIES + 1) * sizeof(*marks));
	ck_assert_done(conntrack, nfbind_conntrack_list_ct(conntrack, NULL, 0, 0, &list));
	while ((r = nfbind_list_next_ct(list, ct)) == 0)
		marks[ct_number(ct, NFBIND_CT_ORIG_PORT_SRC)] = (uint32_t)ct_number(ct, NFBIND_CT_MARK);
	ck_assert_int_eq(r, -ENODATA);
	nfbind_list_free(list);
	nfbind_ct_free(ct);
}

static void check_marks(struct nfbind_conntrack *conntrack, bool all_are_gone)
{
	static uint32_t marks[ENTRIES + 1];

	read_marks(conntrack, marks);
	for (uint32_t n = 1; n <= ENTRIES; n++) {
		if (role_of(n) == ROLE_STAYS)
			ck_assert_msg(marks[n] == 2, "entry %u, mark %u, which nobody asked for", n, marks[n]);
		else if (role_of(n) == ROLE_GOES)
			ck_assert_msg(marks[n] == 0 || !all_are_gone, "entry %u is still there", n);
		else
			ck_assert_uint_ne(marks[n], 2);
	}
}

/*
 * What never had the mark stays, whatever moves around it, and the figures add up. That
 * under change the kernel's list may pass over an entry is the kernel's: what always had
 * the mark goes at the latest with the next removal.
 */
START_TEST(test_remove_matching_while_entries_change)
{
	struct nfbind_conntrack *conntrack = open_requests();
	struct changer changer = { .conntrack = open_requests() };
	struct nfbind_removal removal = { 0 };
	uint64_t removed = 0, gone = 0;
	pthread_t thread;

	ck_assert_int_eq(nfbind_bulk_new(&changer.bulk), 0);
	fill_table(conntrack);
	start_thread(&thread, keep_changing, &changer);
	while (changer.rounds < 2)
		sleep_ms(1);
	for (int i = 0; i < 10; i++) {
		ck_assert_done(conntrack, nfbind_conntrack_remove_matching_ct(conntrack, filter_of("mark=1"), 0,
									      &removal, sizeof(removal)));
		ck_assert_int_eq(removal.error, 0);
		ck_assert_uint_eq(removal.failed, 0);
		ck_assert_uint_eq(removal.matched, removal.removed + removal.gone);
		removed += removal.removed;
		gone += removal.gone;
		check_marks(conntrack, i > 0);
	}
	changer.is_told = true;
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_uint_ge(removed, ENTRIES / 8 * 3);
	printf("# %u rounds of changes, %u removed, %u gone\n", changer.rounds, (unsigned int)removed,
	       (unsigned int)gone);
	nfbind_bulk_free(changer.bulk);
}
END_TEST

/* Between the list and the removal: the same tuple, another entry. */
START_TEST(test_remove_takes_no_other_entry_of_the_same_tuple)
{
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_ct *listed = ct_of("mark=0"), *again = entry(1, 3);
	struct nfbind_list *list;
	uint64_t id;

	ck_assert_done(conntrack, nfbind_conntrack_add_ct(conntrack, entry(1, 1), 0));
	ck_assert_done(conntrack, nfbind_conntrack_list_ct(conntrack, filter_of("mark=1"), 0, 0, &list));
	ck_assert_int_eq(nfbind_list_next_ct(list, listed), 0);
	ck_assert_done(conntrack, nfbind_conntrack_remove_ct(conntrack, again));
	/* The kernel's number comes from where the entry lies: another one is put there. */
	for (uint32_t n = 2; n < 50; n++)
		ck_assert_done(conntrack, nfbind_conntrack_add_ct(conntrack, entry(n, 2), 0));
	ck_assert_done(conntrack, nfbind_conntrack_add_ct(conntrack, again, 0));
	id = ct_number(fetch_ct(conntrack, "orig-src=10.1.0.1 orig-dst=10.2.0.1 orig-l4proto=17 orig-port-src=1 "
					   "orig-port-dst=53"), NFBIND_CT_ID);
	if (id == ct_number(listed, NFBIND_CT_ID)) /* chance; the header says so */
		nfbind_ct_set_number(listed, NFBIND_CT_ID, id ^ 1);
	ck_assert_refused(conntrack, nfbind_conntrack_remove_ct(conntrack, listed), -ENOENT, "no such connection");
	ck_assert_uint_eq(count_list(conntrack, filter_of("mark=3"), 0), 1);
	nfbind_list_free(list);
}
END_TEST

/* An end that a listener must hear of, and cannot: the entry waits among the dying ones. */
START_TEST(test_list_of_the_dying_ones)
{
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_events *events;
	uint32_t dying;

	ck_assert_int_eq(nfbind_events_new(&events), 0);
	ck_assert_int_eq(nfbind_events_open(events, OPTIONS({ NFBIND_OPTIONS_EVENTS, NFBIND_EVENT_CT_DESTROY },
							     { NFBIND_OPTIONS_RELIABLE, 1 },
							     { NFBIND_OPTIONS_RECEIVE_BUFFER, 1 })), 0);
	fill_table(conntrack);
	ck_assert_done(conntrack, nfbind_conntrack_flush_ct(conntrack));
	ck_assert_uint_eq(count_list(conntrack, NULL, NFBIND_LIST_TABLE), 0);
	dying = count_list(conntrack, NULL, NFBIND_LIST_DYING);
	ck_assert_uint_gt(dying, ENTRIES / 2);
	ck_assert_uint_lt(dying, ENTRIES);
	/* Filtered here, as any list is. */
	ck_assert_uint_le(count_list(conntrack, filter_of("mark=2"), NFBIND_LIST_DYING), ENTRIES / 8 * 3);
	ck_assert_uint_gt(count_list(conntrack, filter_of("mark=2"), NFBIND_LIST_DYING), 0);
	ck_assert_uint_eq(count_list(conntrack, filter_of("mark=7"), NFBIND_LIST_DYING), 0);
	ck_assert_uint_eq(count_list(conntrack, NULL, NFBIND_LIST_UNCONFIRMED), 0);
	nfbind_events_free(events);
}
END_TEST

/* Counters. */

static uint64_t packets_of(struct nfbind_conntrack *conntrack, struct nfbind_ct *ct)
{
	ck_assert_done(conntrack, nfbind_conntrack_fetch_ct(conntrack, ct, 0, ct));
	return ct_number(ct, NFBIND_CT_ORIG_COUNTER_PACKETS);
}

static struct nfbind_ct *flow(const char *address, int sender, uint16_t port)
{
	return ct_of("orig-src=%s orig-dst=%s orig-l4proto=17 orig-port-src=%u orig-port-dst=%u", address, address,
		     port_of(sender), port);
}

/* What a list hands out and zeroes is what was counted, each packet once. */
START_TEST(test_list_and_zero)
{
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_ct *flows[2], *ct = ct_of("mark=0");
	uint64_t listed = 0;
	struct nfbind_list *list;
	struct udp udp[2];

	if (!run_quietly("echo 1 >/proc/sys/net/netfilter/nf_conntrack_acct") ||
	    !run_quietly("iptables -A OUTPUT -m conntrack --ctstate INVALID -j ACCEPT") ||
	    !run_quietly("ip6tables -A OUTPUT -m conntrack --ctstate INVALID -j ACCEPT"))
		skip("this kernel has no counters of connections here");
	udp[0] = udp_pair("127.0.0.1", 5001);
	udp[1] = udp_pair("::1", 5001);
	for (int i = 0; i < 3; i++) {
		say_text(udp[0].sender, "hello");
		say_text(udp[1].sender, "hello");
	}
	flows[0] = flow("127.0.0.1", udp[0].sender, 5001);
	flows[1] = flow("::1", udp[1].sender, 5001);
	nfbind_ct_set_number(flows[1], NFBIND_CT_MARK, 5);
	ck_assert_done(conntrack, nfbind_conntrack_change_ct(conntrack, flows[1]));
	ck_assert_uint_eq(packets_of(conntrack, flows[0]), 3);
	ck_assert_uint_eq(packets_of(conntrack, flows[1]), 3);
	/* Only those of this mark, only those of this family. */
	ck_assert_uint_eq(count_list(conntrack, filter_of("mark=5"), NFBIND_LIST_ZERO), 1);
	ck_assert_uint_eq(packets_of(conntrack, flows[0]), 3);
	ck_assert_uint_eq(packets_of(conntrack, flows[1]), 0);
	say_text(udp[1].sender, "again");
	ck_assert_uint_eq(count_list(conntrack, filter_of("l3proto=2"), NFBIND_LIST_ZERO), 1);
	ck_assert_uint_eq(packets_of(conntrack, flows[0]), 0);
	ck_assert_uint_eq(packets_of(conntrack, flows[1]), 1);
	say_text(udp[0].sender, "again");
	ck_assert_done(conntrack, nfbind_conntrack_list_ct(conntrack, NULL, NFBIND_LIST_ZERO, 0, &list));
	while (nfbind_list_next_ct(list, ct) == 0)
		listed += ct_number(ct, NFBIND_CT_ORIG_COUNTER_PACKETS);
	ck_assert_uint_eq(listed, 2);
	nfbind_list_free(list);
	ck_assert_uint_eq(packets_of(conntrack, flows[0]) + packets_of(conntrack, flows[1]), 0);
	/* One alone. */
	say_text(udp[0].sender, "more");
	say_text(udp[1].sender, "more");
	ck_assert_done(conntrack, nfbind_conntrack_fetch_ct(conntrack, flows[0], NFBIND_FETCH_ZERO, ct));
	ct_is(ct, "orig-counter-packets=1 orig-counter-bytes=32");
	ck_assert_uint_eq(packets_of(conntrack, flows[0]), 0);
	ck_assert_uint_eq(packets_of(conntrack, flows[1]), 1);
}
END_TEST

/* Figures. */

enum { CPUS = 1024 };

static struct nfbind_expect_cpu_stats expect_sums(struct nfbind_conntrack *conntrack)
{
	static struct nfbind_expect_cpu_stats stats[CPUS];
	struct nfbind_expect_cpu_stats sums = { 0 };
	int count = nfbind_conntrack_read_cpu_stats_exp(conntrack, stats, CPUS, sizeof(stats[0]));

	ck_assert_msg(count > 0, "%s", sentence_of(conntrack));
	for (int i = 0; i < count; i++) {
		sums.arrived += stats[i].arrived;
		sums.created += stats[i].created;
		sums.deleted += stats[i].deleted;
	}
	return sums;
}

static uint64_t invalid(struct nfbind_conntrack *conntrack)
{
	static struct nfbind_conntrack_cpu_stats stats[CPUS];
	int count = nfbind_conntrack_read_cpu_stats(conntrack, stats, CPUS, sizeof(stats[0]));
	uint64_t sum = 0;

	ck_assert_msg(count > 0, "%s", sentence_of(conntrack));
	for (int i = 0; i < count; i++)
		sum += stats[i].invalid;
	return sum;
}

START_TEST(test_stats_of_processors_go_on)
{
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_expect_cpu_stats sums;
	int fd;

	add_ct(conntrack, "orig-src=10.0.0.1 orig-dst=10.0.0.2 orig-l4proto=17 orig-port-src=7 orig-port-dst=69 "
			  "timeout=100 helper-name=tftp");
	ck_assert_done(conntrack, nfbind_conntrack_add_exp(
		conntrack, exp_of("master-src=10.0.0.1 master-dst=10.0.0.2 master-l4proto=17 master-port-src=7 "
				  "master-port-dst=69 expected-src=127.0.0.1 expected-dst=127.0.0.1 expected-l4proto=17 "
				  "expected-port-src=0 expected-port-dst=5001 mask-src=255.255.255.255 "
				  "mask-dst=255.255.255.255 mask-l4proto=17 mask-port-src=0 mask-port-dst=65535"), 0));
	sums = expect_sums(conntrack);
	ck_assert_uint_eq(sums.created, 1);
	ck_assert_uint_eq(sums.arrived + sums.deleted, 0);
	if (!run_quietly("iptables -A OUTPUT -m conntrack --ctstate INVALID -j ACCEPT"))
		skip("this kernel has no rule for tracking");
	/* What was expected comes. */
	say_text(udp_pair("127.0.0.1", 5001).sender, "x");
	sums = expect_sums(conntrack);
	ck_assert_uint_eq(sums.arrived, 1);
	ck_assert_uint_eq(sums.deleted, 1);
	ck_assert_uint_eq(count_exp(conntrack, NULL), 0);
	/* A packet of no connection. */
	ck_assert_uint_eq(invalid(conntrack), 0);
	fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP);
	ck_assert_int_ge(fd, 0);
	connect_to(fd, "127.0.0.1", 0);
	say(fd, "\x12\x34", 2); /* too short for TCP */
	ck_assert_uint_ge(invalid(conntrack), 1);
	close(fd);
}
END_TEST

int main(void)
{
	const struct live_case cases[] = {
		{ "removal", test_remove_matching_while_entries_change },
		{ "removal", test_remove_takes_no_other_entry_of_the_same_tuple },
		{ "dying", test_list_of_the_dying_ones },
		{ "counters", test_list_and_zero },
		{ "stats", test_stats_of_processors_go_on },
	};

	return live_main("changes", cases, sizeof(cases) / sizeof(cases[0]));
}
