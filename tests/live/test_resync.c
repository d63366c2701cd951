/* SPDX-License-Identifier: MIT */
/*
 * Resync on the running kernel: who applies blindly what an event session gives out has
 * the table in the end, with a receive buffer that is far too small, and with
 * connections that are older than the session.
 */
#include "requests.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	TUPLES = 10000,
	OLD = 2000,
	OPERATIONS = 200000,
	AT_ONCE = 500,
};

/* What a tuple has; id 0 in a copy: none. */
struct entry {
	uint32_t id;
	uint32_t mark;
};

static struct nfbind_events *events;
static struct nfbind_event event;
static struct nfbind_ct *ct;
static struct nfbind_exp *expectation;
static struct entry copy[TUPLES];
static uint32_t expectations, synced, ended_unheard;

/* Names of tuples: 10.HIGH.LOW.1. */

static struct nfbind_ct *ct_number_is(struct nfbind_ct *entry, uint32_t tuple)
{
	const uint8_t address[4] = { 10, (uint8_t)(tuple >> 8), (uint8_t)tuple, 1 };

	ck_assert_int_eq(nfbind_ct_set_bytes(entry, NFBIND_CT_ORIG_SRC, address, 4), 0);
	return entry;
}

static uint32_t tuple_of(const struct nfbind_ct *entry)
{
	const uint8_t *address;
	const void *data;
	size_t len;

	ck_assert_int_eq(nfbind_ct_get_bytes(entry, NFBIND_CT_ORIG_SRC, &data, &len), 0);
	address = data;
	ck_assert_uint_eq(len, 4);
	return (uint32_t)(address[1] << 8 | address[2]);
}

static struct nfbind_ct *template(void)
{
	return ct_of("orig-src=10.0.0.1 orig-dst=10.0.0.2 orig-l4proto=17 orig-port-src=1 orig-port-dst=2 "
		     "timeout=1000 mark=0");
}

/* The consumer. */

static const char *sentence_of_events(void)
{
	static char text[512];

	ck_assert_int_ge(nfbind_events_last_message(events, text, sizeof(text)), 0);
	return text;
}

static struct nfbind_events_stats stats(void)
{
	struct nfbind_events_stats result;

	ck_assert_int_eq(nfbind_events_read_stats(events, &result, sizeof(result)), 0);
	return result;
}

static void listen_with(const struct nfbind_options *options, const struct nfbind_filter *filter)
{
	int r;

	ck_assert_int_eq(nfbind_events_new(&events), 0);
	if (filter)
		ck_assert_int_eq(nfbind_events_add_filter(events, filter), 0);
	r = nfbind_events_open(events, options);
	ck_assert_msg(r == 0, "%s (%s)", sentence_of_events(), nfbind_error_name(r));
	ct = ct_of("mark=0");
	expectation = exp_of("class=0");
}

static void apply_connection(void)
{
	struct entry *entry = &copy[tuple_of(ct)];
	uint64_t mark = 0;

	/* New once, destroyed once, and changed in between only. */
	ck_assert_msg((entry->id != 0) == (event.kind != NFBIND_EVENT_CT_NEW), "kind %x of %s one",
		      event.kind, entry->id ? "a known" : "an unknown");
	if (event.kind == NFBIND_EVENT_CT_DESTROY) {
		*entry = (struct entry){ 0 };
		ended_unheard += (event.flags & NFBIND_EVENT_RESYNC) != 0;
		return;
	}
	nfbind_ct_get_number(ct, NFBIND_CT_MARK, &mark);
	*entry = (struct entry){ (uint32_t)ct_number(ct, NFBIND_CT_ID), (uint32_t)mark };
}

static void apply(void)
{
	if (event.kind & (NFBIND_EVENT_CT_NEW | NFBIND_EVENT_CT_UPDATE | NFBIND_EVENT_CT_DESTROY))
		apply_connection();
	expectations += event.kind == NFBIND_EVENT_EXP_NEW;
	expectations -= event.kind == NFBIND_EVENT_EXP_DESTROY;
	synced += event.kind == NFBIND_EVENT_SYNCED;
	ck_assert_uint_ne(event.kind, NFBIND_EVENT_LIMIT);
	ck_assert_uint_ne(event.kind, NFBIND_EVENT_MALFORMED);
}

/* One receive, by the caller's own poll: false when nothing came for so long. */
static bool take(int patience)
{
	struct pollfd poll_fd = { .fd = nfbind_events_get_fd(events), .events = POLLIN };
	int32_t deadline = INT32_MAX;
	int r = nfbind_events_get_deadline(events, &deadline);

	ck_assert(r == 0 || r == -ENODATA);
	poll(&poll_fd, 1, deadline < patience ? deadline : patience);
	r = nfbind_events_receive(events, 0);
	ck_assert_msg(r >= 0 || r == -EAGAIN, "%s", sentence_of_events());
	if (r < 0)
		return poll_fd.revents != 0 || deadline < patience;
	while ((r = nfbind_events_next(events, &event, sizeof(event), ct, expectation)) == 0)
		apply();
	ck_assert_int_eq(r, -ENODATA);
	return true;
}

static void take_until_synced(void)
{
	uint32_t before = synced;

	while (synced == before)
		ck_assert_msg(take(PATIENCE), "no end of the list: %s", sentence_of_events());
}

/* The list says what the copy has; entries that nobody asks for are left out. */
static void copy_is_the_table(struct nfbind_conntrack *conntrack, const struct nfbind_filter *filter)
{
	static struct entry table[TUPLES];
	struct nfbind_list *list;
	uint64_t mark;
	int r;

	memset(table, 0, sizeof(table));
	ck_assert_done(conntrack, nfbind_conntrack_list_ct(conntrack, filter, NFBIND_LIST_TABLE,
							   NFBIND_LIST_UNIQUE, &list));
	while ((r = nfbind_list_next_ct(list, ct)) == 0) {
		mark = 0;
		nfbind_ct_get_number(ct, NFBIND_CT_MARK, &mark);
		table[tuple_of(ct)] = (struct entry){ (uint32_t)ct_number(ct, NFBIND_CT_ID), (uint32_t)mark };
	}
	ck_assert_int_eq(r, -ENODATA);
	nfbind_list_free(list);
	for (uint32_t i = 0; i < TUPLES; i++) {
		ck_assert_msg(copy[i].id == table[i].id, "%u is %u in the copy, and %u in the table", i,
			      copy[i].id, table[i].id);
		ck_assert_msg(copy[i].mark == table[i].mark, "%u is marked %u in the copy, and %u in the table",
			      i, copy[i].mark, table[i].mark);
	}
}

/* The kernel's side. */

static void add_range(struct nfbind_conntrack *conntrack, uint32_t first, uint32_t last)
{
	struct nfbind_bulk *bulk;
	struct nfbind_ct *entry = template();

	ck_assert_int_eq(nfbind_bulk_new(&bulk), 0);
	for (uint32_t i = first; i < last; i++)
		ck_assert_int_ge(nfbind_bulk_add_ct(bulk, ct_number_is(entry, i), 0), 0);
	ck_assert_int_eq(nfbind_conntrack_apply(conntrack, bulk), (int)(last - first));
	nfbind_bulk_free(bulk);
}

/* Entries are added, changed and removed at random, as fast as can be. */
static void *churn(void *unused)
{
	static bool is_there[TUPLES];
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_ct *entry = template();
	struct nfbind_bulk *bulk;
	unsigned int seed = 1;

	memset(is_there, 1, OLD);
	ck_assert_int_eq(nfbind_bulk_new(&bulk), 0);
	for (uint32_t done = 0; done < OPERATIONS; done += AT_ONCE) {
		nfbind_bulk_clear(bulk);
		for (uint32_t i = 0; i < AT_ONCE; i++) {
			uint32_t tuple = (uint32_t)rand_r(&seed) % TUPLES;
			bool is_change = rand_r(&seed) % 2;

			ct_number_is(entry, tuple);
			nfbind_ct_set_number(entry, NFBIND_CT_MARK, (uint32_t)rand_r(&seed));
			if (!is_there[tuple])
				ck_assert_int_ge(nfbind_bulk_add_ct(bulk, entry, 0), 0);
			else if (is_change)
				ck_assert_int_ge(nfbind_bulk_change_ct(bulk, entry), 0);
			else
				ck_assert_int_ge(nfbind_bulk_remove_ct(bulk, entry), 0);
			is_there[tuple] = !is_there[tuple] || is_change;
		}
		ck_assert_int_eq(nfbind_conntrack_apply(conntrack, bulk), AT_ONCE);
	}
	nfbind_bulk_free(bulk);
	return unused;
}

/* What is announced: nothing, all, or what began while somebody listens. */
static bool set_mode(char mode)
{
	int fd = open("/proc/sys/net/netfilter/nf_conntrack_events", O_WRONLY | O_CLOEXEC);
	bool is_set = write(fd, &mode, 1) == 1;

	ck_assert_int_ge(fd, 0);
	close(fd);
	return is_set;
}

/* The tests. */

static void mirror_churn(uint32_t receive_buffer)
{
	struct nfbind_conntrack *conntrack = open_requests();
	pthread_t thread;

	set_mode('2');
	add_range(conntrack, 0, OLD);
	listen_with(OPTIONS({ NFBIND_OPTIONS_RESYNC, 1 }, { NFBIND_OPTIONS_RECEIVE_BUFFER, receive_buffer },
			    { NFBIND_OPTIONS_RESYNC_INTERVAL, 50 }), NULL);
	take_until_synced();
	copy_is_the_table(conntrack, NULL);
	start_thread(&thread, churn, NULL);
	while (pthread_tryjoin_np(thread, NULL) == EBUSY)
		take(10);
	while (take(200))
		;
	/* What is blind is not heard of; the list knows. */
	ck_assert_int_eq(nfbind_events_resync(events), 0);
	take_until_synced();
	copy_is_the_table(conntrack, NULL);
	printf("# %u overruns, %u lost; %u events; %u lists, %u listed, %u fetched; %u ends not announced\n",
	       (unsigned int)stats().overruns, (unsigned int)stats().lost, (unsigned int)stats().events,
	       (unsigned int)stats().resyncs, (unsigned int)stats().listed, (unsigned int)stats().fetched,
	       ended_unheard);
}

START_TEST(test_copy_is_the_table)
{
	mirror_churn(8192);
	ck_assert_uint_ge(stats().overruns, 2);
	ck_assert_uint_ge(stats().lost, 1000);
	nfbind_events_free(events);
}
END_TEST

/* Most is heard of, so that lists and events cross each other. */
START_TEST(test_copy_is_the_table_with_more_room)
{
	mirror_churn(1 << 20);
	nfbind_events_free(events);
}
END_TEST

static void old_ones_are_asked_for(struct nfbind_conntrack *conntrack)
{
	struct nfbind_ct *entry = template();

	ck_assert_done(conntrack, nfbind_conntrack_add_ct(conntrack, ct_number_is(entry, 1), 0));
	nfbind_ct_set_number(entry, NFBIND_CT_TIMEOUT, 4);
	ck_assert_done(conntrack, nfbind_conntrack_add_ct(conntrack, ct_number_is(entry, 2), 0));
	listen_with(OPTIONS({ NFBIND_OPTIONS_RESYNC, 1 }), NULL);
	take_until_synced();
	ck_assert_uint_eq(stats().blind, 2);
	ck_assert_uint_ne(copy[2].id, 0);
	/*
	 * Nothing tells of its end but the session, which asks when its time is over. Unless
	 * somebody listens in whichever namespace: then the kernel (6.18) announces both.
	 */
	while (copy[2].id != 0)
		ck_assert_msg(take(PATIENCE), "it was not asked for");
	copy_is_the_table(conntrack, NULL);
	/* Whoever does not want to wait has the table listed. */
	ck_assert_done(conntrack, nfbind_conntrack_remove_ct(conntrack, ct_number_is(entry, 1)));
	ck_assert_int_eq(nfbind_events_resync(events), 0);
	take_until_synced();
	ck_assert_uint_eq(copy[1].id, 0);
	nfbind_events_free(events);
}

/* Kernels before 5.19 know no other way than to announce all. */
START_TEST(test_old_ones_are_asked_for_or_announced)
{
	struct nfbind_conntrack *conntrack = open_requests();

	if (set_mode('2'))
		old_ones_are_asked_for(conntrack);
	ck_assert(set_mode('1'));
	add_range(conntrack, 5, 6);
	listen_with(OPTIONS({ NFBIND_OPTIONS_RESYNC, 1 }), NULL);
	take_until_synced();
	ck_assert_uint_eq(stats().blind, 0);
	ck_assert_done(conntrack, nfbind_conntrack_remove_ct(conntrack, ct_number_is(template(), 5)));
	while (copy[5].id != 0)
		ck_assert(take(PATIENCE));
	ck_assert_uint_eq(event.flags, 0);
	nfbind_events_free(events);
}
END_TEST

START_TEST(test_filters_are_for_the_copy_too)
{
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_filter *filter = filter_of("mark=1 mark-mask=1");
	struct nfbind_ct *entry = template();

	listen_with(OPTIONS({ NFBIND_OPTIONS_RESYNC, 1 }, { NFBIND_OPTIONS_RESYNC_INTERVAL, 10 }), filter);
	take_until_synced();
	add_range(conntrack, 0, 10);
	for (uint32_t i = 0; i < 10; i++) {
		nfbind_ct_set_number(entry, NFBIND_CT_MARK, i % 4 + 1);
		ck_assert_done(conntrack, nfbind_conntrack_change_ct(conntrack, ct_number_is(entry, i)));
	}
	while (take(100))
		;
	ck_assert_uint_ne(copy[0].id, 0);
	ck_assert_uint_eq(copy[1].id, 0);
	ck_assert_uint_ne(copy[8].id, 0);
	copy_is_the_table(conntrack, filter);
	for (uint32_t i = 0; i < 10; i++) {
		nfbind_ct_set_number(entry, NFBIND_CT_MARK, i % 3);
		ck_assert_done(conntrack, nfbind_conntrack_change_ct(conntrack, ct_number_is(entry, i)));
	}
	while (take(100))
		;
	ck_assert_uint_eq(copy[0].id, 0);
	ck_assert_uint_ne(copy[1].id, 0);
	copy_is_the_table(conntrack, filter);
	nfbind_events_free(events);
}
END_TEST

START_TEST(test_expectations_are_in_it)
{
	static const char *const master = "orig-src=10.0.0.1 orig-dst=10.0.0.2 orig-l4proto=6 "
					  "orig-port-src=1000 orig-port-dst=21 timeout=100 helper-name=ftp";
	struct nfbind_conntrack *conntrack = open_requests();
	int r = nfbind_conntrack_add_ct(conntrack, ct_of("%s", master), 0);

	if (r == -EOPNOTSUPP)
		skip("this kernel has no ftp helper");
	ck_assert_int_eq(r, 0);
	ck_assert_done(conntrack, nfbind_conntrack_add_exp(conntrack, exp_of("master-src=10.0.0.1 "
		"master-dst=10.0.0.2 master-l4proto=6 master-port-src=1000 master-port-dst=21 "
		"expected-src=10.0.0.1 expected-dst=10.0.0.2 expected-l4proto=6 expected-port-src=0 "
		"expected-port-dst=2000 mask-src=255.255.255.255 mask-dst=255.255.255.255 mask-l4proto=255 "
		"mask-port-src=0 mask-port-dst=65535"), 0));
	listen_with(OPTIONS({ NFBIND_OPTIONS_RESYNC, 1 }, { NFBIND_OPTIONS_RESYNC_INTERVAL, 10 }), NULL);
	take_until_synced();
	ck_assert_uint_eq(expectations, 1);
	ck_assert_done(conntrack, nfbind_conntrack_flush_exp(conntrack, NULL));
	/* Announced or not: a list knows. */
	ck_assert_int_eq(nfbind_events_resync(events), 0);
	take_until_synced();
	ck_assert_uint_eq(expectations, 0);
	nfbind_events_free(events);
}
END_TEST

int main(void)
{
	const struct live_case cases[] = {
		{ "copy_is_the_table", test_copy_is_the_table },
		{ "copy_is_the_table_with_more_room", test_copy_is_the_table_with_more_room },
		{ "old_ones_are_asked_for_or_announced", test_old_ones_are_asked_for_or_announced },
		{ "filters_are_for_the_copy_too", test_filters_are_for_the_copy_too },
		{ "expectations_are_in_it", test_expectations_are_in_it },
	};

	return live_main("resync", cases, sizeof(cases) / sizeof(cases[0]));
}
