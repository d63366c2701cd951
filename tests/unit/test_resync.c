/* SPDX-License-Identifier: MIT */
/*
 * Resync against a kernel that is a model: a table that changes at random, announces
 * what it does or loses that, and lists itself in pieces that miss and repeat entries.
 * A consumer that applies the stream blindly ends with the table, in every run.
 */
#include <nfbind/nfbind.h>

#include <stdio.h>

#include <linux/netlink.h>

#include "fake_kernel.h"
#include "unit.h"

enum {
	TUPLES = 40,
	QUEUE_MAX = 12, /* events that the model's socket holds */
	DYING = 0x200,
};

/* What the kernel has for a tuple; 0 is none. */
struct entry {
	uint32_t id;
	uint32_t mark;
	uint32_t use; /* events have it only where it changed */
	bool is_blind; /* never announced */
	bool is_dying; /* announced, and still in the table */
};

static struct nfbind_events *session;
static struct nfbind_options *options;
static struct nfbind_ct *ct;
static struct nfbind_exp *expectation;
static struct entry table[TUPLES], copy[TUPLES];
static struct nfbind_event event;
static uint32_t last_id;
static bool has_same_ids; /* the kernel may use an id again */
static bool is_filtered;  /* only odd marks are meant */

/* The socket of the session. */
static bool is_congested, misses_entries;
static uint32_t changes_left;
/* A list under way. */
static int list_fd;
static uint32_t list_sequence, list_at;
static bool is_subject_exp;
static uint32_t ended, synced, limits, overruns;

/* Messages. */

static void put_tuple(struct message *message, uint16_t type, uint32_t tuple)
{
	size_t nest = message_nest_start(message, type), inner;
	uint8_t address[4] = { 10, 0, 0, 1 }, protocol = 17;
	uint16_t port = htobe16((uint16_t)(1000 + tuple));

	inner = message_nest_start(message, KERNEL_CTA_TUPLE_IP);
	message_put(message, KERNEL_CTA_IP_V4_SRC, address, 4);
	message_put(message, KERNEL_CTA_IP_V4_DST, address, 4);
	message_nest_end(message, inner);
	inner = message_nest_start(message, KERNEL_CTA_TUPLE_PROTO);
	message_put(message, KERNEL_CTA_PROTO_NUM, &protocol, 1);
	message_put(message, KERNEL_CTA_PROTO_SRC_PORT, &port, 2);
	message_put(message, KERNEL_CTA_PROTO_DST_PORT, &port, 2);
	message_nest_end(message, inner);
	message_nest_end(message, nest);
}

static void make_entry(struct message *message, uint32_t tuple, const struct entry *entry, uint16_t type,
		       uint16_t flags, uint32_t sequence, bool is_whole)
{
	message_start(message, type, flags, 2, 0);
	put_tuple(message, KERNEL_CTA_TUPLE_ORIG, tuple);
	message_put_u32(message, KERNEL_CTA_STATUS, 8 | (entry->is_dying ? DYING : 0));
	message_put_u32(message, KERNEL_CTA_ID, entry->id);
	message_put_u32(message, KERNEL_CTA_MARK, entry->mark);
	message_put_u32(message, KERNEL_CTA_TIMEOUT, 100);
	if (is_whole)
		message_put_u32(message, KERNEL_CTA_USE, entry->use);
	message_number(message, sequence);
	message_end(message);
}

static void announce(uint32_t tuple, uint16_t type, uint16_t flags, bool is_whole)
{
	size_t queued = fake_waiting_for(fake.events_fd);
	struct message message;

	if (table[tuple].is_blind)
		return;
	/* An empty queue is where the kernel queues again. */
	is_congested &= queued > 0;
	if (is_congested || queued == QUEUE_MAX) {
		fake.drops++;
		if (!is_congested) {
			/* The error is had first, ahead of what is queued. */
			fake_deliver_error_to(fake.events_fd, -ENOBUFS);
			fake_move_first();
		}
		is_congested = true;
		return;
	}
	make_entry(&message, tuple, &table[tuple], type, flags, 0, is_whole);
	fake_deliver_to(fake.events_fd, message.data, message.len);
}

/* The kernel. */

static void change_one(void)
{
	uint32_t tuple = unit_random(TUPLES);
	struct entry *entry = &table[tuple];

	if (entry->is_dying) {
		*entry = (struct entry){ 0 };
	} else if (entry->id == 0) {
		*entry = (struct entry){ .id = has_same_ids && unit_random(2) ? tuple + 1 : ++last_id + TUPLES,
					 .mark = unit_random(1000), .use = unit_random(1000) };
		announce(tuple, 0x100, NLM_F_CREATE | NLM_F_EXCL, true);
	} else if (unit_random(2)) {
		bool changes_use = unit_random(2);

		*(changes_use ? &entry->use : &entry->mark) = unit_random(1000);
		announce(tuple, 0x100, 0, changes_use);
	} else {
		announce(tuple, 0x102, 0, false);
		entry->is_dying = unit_random(4) == 0;
		if (!entry->is_dying)
			*entry = (struct entry){ 0 };
	}
}

static void change_some(void)
{
	uint32_t count = unit_random(unit_random(8) == 0 ? 60 : 4);

	for (; count > 0 && changes_left > 0; count--, changes_left--)
		change_one();
}

static void answer(int fd, uint32_t sequence, int32_t error)
{
	struct {
		struct nlmsghdr header;
		int32_t error;
		struct nlmsghdr echo;
	} message = { { sizeof(message), NLMSG_ERROR, 0, sequence, 0 }, error,
		      { sizeof(struct nlmsghdr), 0x101, 0, sequence, 0 } };

	fake_deliver_to(fd, &message, sizeof(message));
}

/* The next piece of the list, which may be older than what was changed since. */
static void list_some(void)
{
	uint32_t until = list_at + 1 + unit_random(9);
	struct message message;
	bool is_empty = true;

	/* A piece has an entry, or it is the end. */
	for (; !is_subject_exp && list_at < TUPLES && (list_at < until || is_empty); list_at++) {
		/* Of one that nobody ever heard of, a list that misses it is the end. */
		if (table[list_at].id == 0 ||
		    (misses_entries && copy[list_at].id != 0 && unit_random(10) == 0))
			continue;
		make_entry(&message, list_at, &table[list_at], 0x100, NLM_F_MULTI, list_sequence, true);
		fake_deliver_to(list_fd, message.data, message.len);
		if (misses_entries && unit_random(10) == 0)
			fake_deliver_to(list_fd, message.data, message.len);
		is_empty = false;
	}
	if (is_subject_exp || list_at == TUPLES) {
		struct {
			struct nlmsghdr header;
			int32_t error;
		} done = { { sizeof(done), NLMSG_DONE, NLM_F_MULTI, list_sequence, 0 }, 0 };

		fake_deliver_to(list_fd, &done, sizeof(done));
		list_fd = 0;
	}
}

static uint32_t find_tuple(const uint8_t *message, size_t len)
{
	size_t tuple_len, proto_len, port_len;
	const uint8_t *tuple = attribute_find(message + 20, len - 20, KERNEL_CTA_TUPLE_ORIG, &tuple_len);
	const uint8_t *proto = tuple ? attribute_find(tuple, tuple_len, KERNEL_CTA_TUPLE_PROTO, &proto_len) : NULL;
	const uint8_t *port = proto ? attribute_find(proto, proto_len, KERNEL_CTA_PROTO_SRC_PORT, &port_len) : NULL;

	ck_assert_ptr_nonnull(port);
	return (uint32_t)(port[0] << 8 | port[1]) - 1000;
}

static void take_request(int fd, const uint8_t *data, size_t len)
{
	const struct nlmsghdr *header = (const struct nlmsghdr *)data;
	struct message message;
	uint32_t tuple;

	if (header->nlmsg_flags & NLM_F_DUMP) {
		list_fd = fd;
		list_sequence = header->nlmsg_seq;
		list_at = 0;
		is_subject_exp = header->nlmsg_type == 0x201;
		list_some();
		return;
	}
	ck_assert_uint_eq(header->nlmsg_type, 0x101);
	tuple = find_tuple(data, len);
	if (table[tuple].id == 0) {
		answer(fd, header->nlmsg_seq, -ENOENT);
		return;
	}
	make_entry(&message, tuple, &table[tuple], 0x100, 0, header->nlmsg_seq, true);
	fake_deliver_to(fd, message.data, message.len);
	answer(fd, header->nlmsg_seq, 0);
}

static void before_receive(int fd)
{
	change_some();
	/* One piece ahead, as the kernel is. */
	if (fd == list_fd)
		list_some();
}

/* The consumer. */

static void apply(void)
{
	uint64_t port = 0, id = 0, mark = 0, use = 0;
	struct entry *entry;

	synced += event.kind == NFBIND_EVENT_SYNCED;
	limits += event.kind == NFBIND_EVENT_LIMIT;
	overruns += event.kind == NFBIND_EVENT_OVERRUN;
	if (event.kind > NFBIND_EVENT_CT_DESTROY)
		return;
	ck_assert_int_eq(nfbind_ct_get_number(ct, NFBIND_CT_ORIG_PORT_SRC, &port), 0);
	ck_assert_int_eq(nfbind_ct_get_number(ct, NFBIND_CT_ID, &id), 0);
	nfbind_ct_get_number(ct, NFBIND_CT_MARK, &mark);
	entry = &copy[port - 1000];
	/* New once, destroyed once, and changed in between only. */
	if (limits == 0)
		ck_assert_msg((entry->id != 0) == (event.kind != NFBIND_EVENT_CT_NEW), "kind %x of %s one",
			      event.kind, entry->id ? "a known" : "an unknown");
	if (event.kind == NFBIND_EVENT_CT_DESTROY) {
		*entry = (struct entry){ 0 };
		ended++;
	} else {
		if (nfbind_ct_get_number(ct, NFBIND_CT_USE, &use) == 0)
			entry->use = (uint32_t)use;
		entry->id = (uint32_t)id;
		entry->mark = (uint32_t)mark;
	}
}

static int take_some(void)
{
	int r = nfbind_events_receive(session, 0), taken;

	while ((taken = nfbind_events_next(session, &event, sizeof(event), ct, expectation)) == 0)
		apply();
	ck_assert_int_eq(taken, -ENODATA);
	return r;
}

static void compare(unsigned long round)
{
	for (uint32_t i = 0; i < TUPLES; i++) {
		bool is_there = table[i].id != 0 && !table[i].is_dying &&
				(!is_filtered || table[i].mark & 1);

		ck_assert_msg((copy[i].id != 0) == is_there, "round %lu: %u is %sthere", round, i,
			      is_there ? "" : "not ");
		if (!is_there)
			continue;
		ck_assert_msg(copy[i].id == table[i].id, "round %lu: %u has another id", round, i);
		ck_assert_msg(copy[i].mark == table[i].mark, "round %lu: %u has another mark", round, i);
		ck_assert_msg(copy[i].use == table[i].use, "round %lu: %u is used otherwise", round, i);
	}
}

static void add_filter(uint32_t mark, uint32_t mask)
{
	struct nfbind_filter *filter;

	ck_assert_int_eq(nfbind_filter_new(&filter), 0);
	nfbind_filter_set_number(filter, NFBIND_FILTER_MARK, mark);
	nfbind_filter_set_number(filter, NFBIND_FILTER_MARK_MASK, mask);
	ck_assert_int_eq(nfbind_events_add_filter(session, filter), 0);
	nfbind_filter_free(filter);
}

static void open_session(void)
{
	fake_set_up();
	fake.on_message = take_request;
	fake.on_receive = before_receive;
	ck_assert_int_eq(nfbind_events_new(&session), 0);
	if (is_filtered)
		add_filter(1, 1);
	ck_assert_int_eq(nfbind_events_open(session, options), 0);
}

static void close_session(void)
{
	nfbind_events_free(session);
	fake_tear_down();
}

static void set_up(void)
{
	ck_assert_int_eq(nfbind_ct_new(&ct), 0);
	ck_assert_int_eq(nfbind_exp_new(&expectation), 0);
	ck_assert_int_eq(nfbind_options_new(&options), 0);
	nfbind_options_set_number(options, NFBIND_OPTIONS_RESYNC, 1);
	nfbind_options_set_number(options, NFBIND_OPTIONS_RESYNC_INTERVAL, 5);
}

static void tear_down(void)
{
	nfbind_ct_free(ct);
	nfbind_exp_free(expectation);
	nfbind_options_free(options);
}

static void start_table(void)
{
	memset(table, 0, sizeof(table));
	memset(copy, 0, sizeof(copy));
	changes_left = ended = synced = limits = overruns = 0;
	is_congested = false;
	list_fd = 0;
	for (uint32_t i = 0; i < TUPLES; i++)
		if (unit_random(2))
			table[i] = (struct entry){ .id = ++last_id + TUPLES, .mark = unit_random(1000),
						   .use = unit_random(1000) };
}

/* Until nothing comes any more, and time brings nothing. */
static void settle(void)
{
	for (int quiet = 0; quiet < 3;) {
		int32_t timeout = 0;
		int r = take_some();

		quiet = r == -EAGAIN ? quiet + 1 : 0;
		if (nfbind_events_get_deadline(session, &timeout) == 0 && timeout < 1000)
			fake_advance((uint32_t)timeout + 1);
	}
}

static void run(unsigned long round)
{
	start_table();
	nfbind_options_set_number(options, NFBIND_OPTIONS_BATCH, 1 + unit_random(6));
	open_session();
	/* With few, what goes wrong in the first list is not put right by later ones. */
	changes_left = unit_random(round % 2 ? 400 : 8);
	while (changes_left > 0) {
		take_some();
		fake_advance(unit_random(4));
	}
	for (uint32_t i = 0; i < TUPLES; i++)
		if (table[i].is_dying)
			table[i] = (struct entry){ 0 };
	settle();
	ck_assert_uint_ge(synced, 1);
	compare(round);
	close_session();
}

START_TEST(test_copy_is_the_table)
{
	uint32_t all_overruns = 0, all_ended = 0;

	misses_entries = true;
	for (unsigned long round = 0; round < unit_rounds(3000); round++) {
		unit_seed(round);
		has_same_ids = round % 3 == 0;
		is_filtered = round % 8 < 3;
		run(round);
		all_overruns += overruns;
		all_ended += ended;
	}
	ck_assert_uint_gt(all_overruns, 100);
	ck_assert_uint_gt(all_ended, 1000);
}
END_TEST

/* One thing at a time: nothing changes but by hand. */

static void start_quiet(uint32_t entries)
{
	misses_entries = is_filtered = false;
	start_table();
	memset(table, 0, sizeof(table));
	for (uint32_t i = 0; i < entries; i++)
		table[i] = (struct entry){ .id = 100 + i, .mark = i };
	nfbind_options_set_number(options, NFBIND_OPTIONS_BATCH, 16);
	open_session();
}

static struct nfbind_events_stats stats(void)
{
	struct nfbind_events_stats result;

	ck_assert_int_eq(nfbind_events_read_stats(session, &result, sizeof(result)), 0);
	return result;
}

/* An event about a tuple, whatever the table has. */
static void tell(uint32_t tuple, uint32_t id, uint16_t type, uint16_t flags)
{
	struct entry entry = { .id = id, .mark = 7 };
	struct message message;

	make_entry(&message, tuple, &entry, type, flags, 0, false);
	fake_deliver_to(fake.events_fd, message.data, message.len);
}

START_TEST(test_lists_first_and_marks_blind_ones)
{
	start_quiet(3);
	ck_assert_int_eq(take_some(), 0);
	settle();
	ck_assert_uint_eq(synced, 1);
	compare(0);
	ck_assert_uint_eq(stats().keys, 3);
	ck_assert_uint_eq(stats().blind, 3);
	ck_assert_uint_eq(stats().listed, 3);
	close_session();
	/* A namespace that announces all. */
	start_table();
	open_session();
	nfbind_events_free(session);
	fake_set_proc("/proc/sys/net/netfilter/nf_conntrack_events", "1\n");
	ck_assert_int_eq(nfbind_events_new(&session), 0);
	ck_assert_int_eq(nfbind_events_open(session, options), 0);
	settle();
	compare(1);
	ck_assert_uint_eq(stats().blind, 0);
	close_session();
}
END_TEST

START_TEST(test_blind_ones_are_asked_for_when_their_time_is_over)
{
	int32_t timeout;

	start_quiet(3);
	settle();
	table[1] = (struct entry){ 0 };
	table[2].is_blind = true;
	settle();
	ck_assert_uint_ne(copy[1].id, 0);
	ck_assert_int_eq(nfbind_events_get_deadline(session, &timeout), 0);
	ck_assert_int_ge(timeout, 90000);
	/* What is heard of is not blind any more. */
	tell(0, 100, 0x100, 0);
	take_some();
	ck_assert_uint_eq(stats().blind, 2);
	copy[0].mark = table[0].mark;
	fake_advance((uint32_t)timeout + 2000);
	take_some();
	ck_assert_uint_eq(copy[1].id, 0);
	ck_assert_uint_eq(ended, 1);
	compare(0);
	ck_assert_uint_eq(stats().blind, 1);
	ck_assert_int_eq(nfbind_events_get_deadline(session, &timeout), 0);
	ck_assert_int_ge(timeout, 90000);
	close_session();
}
END_TEST

START_TEST(test_a_resync_that_is_asked_for_finds_what_is_gone)
{
	start_quiet(3);
	settle();
	table[1] = (struct entry){ 0 };
	table[2].id = 77;
	ck_assert_int_eq(nfbind_events_resync(session), 0);
	fake_advance(10);
	settle();
	ck_assert_uint_eq(synced, 2);
	ck_assert_uint_eq(ended, 2);
	compare(0);
	close_session();
}
END_TEST

START_TEST(test_lists_no_more_often_than_told)
{
	int32_t timeout;

	nfbind_options_set_number(options, NFBIND_OPTIONS_RESYNC_INTERVAL, 500);
	start_quiet(3);
	take_some();
	ck_assert_uint_eq(synced, 1);
	ck_assert_int_eq(nfbind_events_resync(session), 0);
	ck_assert_int_eq(take_some(), -EAGAIN);
	ck_assert_int_eq(nfbind_events_get_deadline(session, &timeout), 0);
	ck_assert_int_eq(timeout, 500);
	/* A wait ends when it is due. */
	ck_assert_int_eq(nfbind_events_receive(session, -1), 0);
	ck_assert_int_eq(fake.last_timeout, 500);
	take_some();
	ck_assert_uint_eq(synced, 2);
	close_session();
}
END_TEST

START_TEST(test_old_events_change_nothing)
{
	start_quiet(3);
	settle();
	/* Of one that had the name before. */
	tell(1, 55, 0x102, 0);
	take_some();
	compare(0);
	ck_assert_uint_eq(stats().stale, 1);
	/* Of one that nobody knows. */
	tell(20, 55, 0x102, 0);
	take_some();
	ck_assert_uint_eq(stats().stale, 2);
	/* A change that comes behind the end: it is asked for, and not there. */
	tell(21, 55, 0x100, 0);
	take_some();
	compare(0);
	ck_assert_uint_eq(stats().stale, 3);
	ck_assert_uint_eq(stats().fetched, 1);
	/* What was added, again. */
	tell(2, 102, 0x100, NLM_F_CREATE | NLM_F_EXCL);
	take_some();
	ck_assert_uint_eq(copy[2].id, 102);
	ck_assert_uint_eq(ended, 0);
	close_session();
}
END_TEST

START_TEST(test_a_change_of_what_is_not_known_is_new_and_whole)
{
	start_quiet(1);
	settle();
	table[5] = (struct entry){ .id = 500, .mark = 33 };
	tell(5, 500, 0x100, 0);
	take_some();
	compare(0);
	/* Of another one than is known: that one ended. */
	table[5] = (struct entry){ .id = 501, .mark = 34 };
	tell(5, 501, 0x100, 0);
	take_some();
	compare(0);
	ck_assert_uint_eq(ended, 1);
	close_session();
}
END_TEST

START_TEST(test_too_many_entries_are_told)
{
	nfbind_options_set_number(options, NFBIND_OPTIONS_KEYS_MAX, 2);
	start_quiet(4);
	settle();
	ck_assert_uint_eq(limits, 1);
	ck_assert_uint_eq(synced, 0);
	ck_assert_uint_eq(stats().keys, 2);
	compare(0);
	/* The end of one that did not fit is given out all the same. */
	table[3] = (struct entry){ 0 };
	tell(3, 103, 0x102, 0);
	take_some();
	compare(0);
	close_session();
	nfbind_options_clear(options, NFBIND_OPTIONS_KEYS_MAX);
}
END_TEST

START_TEST(test_a_list_that_fails_is_read_again)
{
	start_quiet(3);
	fake_send_result(-ENOBUFS);
	take_some();
	ck_assert_uint_eq(synced, 0);
	ck_assert_uint_eq(stats().failed_resyncs, 1);
	fake_advance(10);
	settle();
	ck_assert_uint_eq(synced, 1);
	compare(0);
	close_session();
}
END_TEST

START_TEST(test_what_cannot_be_read_may_have_been_an_event)
{
	uint8_t rubbish[20] = { 200 };

	start_quiet(3);
	settle();
	table[1] = (struct entry){ 0 };
	fake_deliver_to(fake.events_fd, rubbish, sizeof(rubbish));
	take_some();
	fake_advance(10);
	settle();
	ck_assert_uint_eq(synced, 2);
	compare(0);
	close_session();
}
END_TEST

START_TEST(test_filters_are_for_the_copy_too)
{
	start_quiet(4);
	nfbind_events_free(session);
	ck_assert_int_eq(nfbind_events_new(&session), 0);
	add_filter(2, UINT32_MAX);
	ck_assert_int_eq(nfbind_events_open(session, options), 0);
	settle();
	ck_assert_uint_eq(copy[0].id + copy[1].id + copy[3].id, 0);
	ck_assert_uint_eq(copy[2].id, 102);
	/* It changes, and is not meant any more. */
	table[2].mark = 7;
	tell(2, 102, 0x100, 0);
	take_some();
	ck_assert_uint_eq(copy[2].id, 0);
	ck_assert_uint_eq(ended, 1);
	close_session();
}
END_TEST

START_TEST(test_refuses_what_no_copy_can_be_kept_with)
{
	fake_set_up();
	ck_assert_int_eq(nfbind_events_new(&session), 0);
	nfbind_options_set_number(options, NFBIND_OPTIONS_ALL_NAMESPACES, 1);
	ck_assert_int_eq(nfbind_events_open(session, options), -EINVAL);
	nfbind_options_clear(options, NFBIND_OPTIONS_ALL_NAMESPACES);
	nfbind_options_set_number(options, NFBIND_OPTIONS_EVENTS, NFBIND_EVENT_CT_NEW);
	ck_assert_int_eq(nfbind_events_open(session, options), -EINVAL);
	nfbind_options_set_number(options, NFBIND_OPTIONS_EVENTS, NFBIND_EVENT_EXP_NEW);
	ck_assert_int_eq(nfbind_events_open(session, options), -EINVAL);
	nfbind_options_clear(options, NFBIND_OPTIONS_EVENTS);
	nfbind_options_clear(options, NFBIND_OPTIONS_RESYNC);
	ck_assert_int_eq(nfbind_events_open(session, options), 0);
	ck_assert_int_eq(nfbind_events_resync(session), -EINVAL);
	ck_assert_int_eq(nfbind_events_resync(NULL), -EINVAL);
	close_session();
}
END_TEST

UNIT_MAIN("resync", set_up, tear_down, test_copy_is_the_table, test_lists_first_and_marks_blind_ones,
	  test_blind_ones_are_asked_for_when_their_time_is_over,
	  test_a_resync_that_is_asked_for_finds_what_is_gone, test_lists_no_more_often_than_told,
	  test_old_events_change_nothing, test_a_change_of_what_is_not_known_is_new_and_whole,
	  test_too_many_entries_are_told, test_a_list_that_fails_is_read_again,
	  test_what_cannot_be_read_may_have_been_an_event, test_filters_are_for_the_copy_too,
	  test_refuses_what_no_copy_can_be_kept_with)
