/* SPDX-License-Identifier: MIT */
/*
 * Event sessions over the fake transport: recorded events in their order, and every
 * way in which a stream can go wrong: lost, cut, forged, foreign.
 */
#include "listening.h"

#include <linux/netlink.h>

/* Opening. */

START_TEST(test_opens_with_its_options)
{
	start();
	ck_assert_uint_eq(fake.listening.groups, 0x2f);
	ck_assert(!fake.listening.is_reliable && !fake.listening.all_namespaces);
	ck_assert_uint_eq(fake.asked_receive_buffer, 8 << 20);
	ck_assert_uint_eq(stats().receive_buffer, 16 << 20);
	ck_assert_uint_eq(stats().port_id, FAKE_PORT);
	ck_assert_int_eq(nfbind_events_get_fd(session), fake.events_fd);
	ck_assert_int_eq(nfbind_events_open(session, options), -EALREADY);
	says("open already");
}
END_TEST

START_TEST(test_opens_for_what_is_asked_for)
{
	static const struct {
		uint32_t events, groups;
	} table[] = { { 1, 1 }, { 2, 2 }, { 4, 4 }, { 8, 8 }, { 16, 32 }, { 0x1f, 0x2f } };

	nfbind_options_set_number(options, NFBIND_OPTIONS_RELIABLE, 1);
	nfbind_options_set_number(options, NFBIND_OPTIONS_ALL_NAMESPACES, 1);
	nfbind_options_set_number(options, NFBIND_OPTIONS_RECEIVE_BUFFER, 5000);
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		nfbind_options_set_number(options, NFBIND_OPTIONS_EVENTS, table[i].events);
		start();
		ck_assert_uint_eq(fake.listening.groups, table[i].groups);
		ck_assert(fake.listening.is_reliable && fake.listening.all_namespaces);
		ck_assert_uint_eq(fake.asked_receive_buffer, 5000);
		nfbind_events_free(session);
		ck_assert_int_eq(nfbind_events_new(&session), 0);
	}
}
END_TEST

START_TEST(test_refuses_to_open)
{
	static const struct {
		int error, result;
		const char *words;
	} table[] = {
		{ -EPERM, -EPERM, "CAP_NET_ADMIN is missing" },
		{ -EAFNOSUPPORT, -EPROTONOSUPPORT, "could not be opened" },
		{ -EOPNOTSUPP, -EOPNOTSUPP, "all namespaces" },
		{ -EMFILE, -EMFILE, "Too many open files" },
		{ -ENOENT, -ENOENT, "could not be opened" },
	};

	for (size_t i = 0; i < COUNT_OF(table); i++) {
		fake.open_error = table[i].error;
		ck_assert_int_eq(nfbind_events_open(session, options), table[i].result);
		says(table[i].words);
	}
	nfbind_options_set_number(options, NFBIND_OPTIONS_EVENTS, 0);
	ck_assert_int_eq(nfbind_events_open(session, options), -EINVAL);
	nfbind_options_set_number(options, NFBIND_OPTIONS_EVENTS, 0x20);
	ck_assert_int_eq(nfbind_events_open(session, options), -EINVAL);
	says("unknown");
	nfbind_options_clear(options, NFBIND_OPTIONS_EVENTS);
	nfbind_options_set_number(options, NFBIND_OPTIONS_BATCH, 1025);
	ck_assert_int_eq(nfbind_events_open(session, options), -EINVAL);
	says("1 to 1024");
	nfbind_options_clear(options, NFBIND_OPTIONS_BATCH);
	ck_assert_int_eq(nfbind_events_receive(session, 0), -ESHUTDOWN);
	fake.open_error = 0;
	start();
}
END_TEST

/* Giving out. */

START_TEST(test_gives_out_in_order)
{
	static const char *const names[] = {
		"ct-event-tcp-1-new.bin", "ct-event-tcp-2-update.bin", "exp-event-1-new.bin",
		"exp-event-2-destroy.bin", "ct-event-udp-2-destroy.bin", "ct-event-tcp-7-destroy.bin",
	};
	int32_t deadline;

	start();
	ck_assert_int_eq(nfbind_events_get_deadline(session, &deadline), -ENODATA);
	for (size_t i = 0; i < COUNT_OF(names); i++)
		deliver(names[i]);
	ck_assert_int_eq(receive(0), 6);
	ck_assert_int_eq(nfbind_events_get_deadline(session, &deadline), 0);
	ck_assert_int_eq(deadline, 0);
	next_is(NFBIND_EVENT_CT_NEW);
	ck_assert_int_eq(nfbind_ct_has(ct, NFBIND_CT_ORIG_SRC), 1);
	next_is(NFBIND_EVENT_CT_UPDATE);
	next_is(NFBIND_EVENT_EXP_NEW);
	ck_assert_int_eq(nfbind_exp_has(expectation, NFBIND_EXP_MASTER_SRC), 1);
	/* What was not taken comes before anything else. */
	deliver("ct-event-udp-1-new.bin");
	ck_assert_int_eq(receive(0), 3);
	ck_assert_str_eq(take_all(), "x--");
	ck_assert_int_eq(receive(0), 1);
	ck_assert_str_eq(take_all(), "+");
	ck_assert_int_eq(receive(0), -EAGAIN);
	says("nothing came");
	ck_assert_uint_eq(stats().received, 7);
	ck_assert_uint_eq(stats().events, 7);
}
END_TEST

START_TEST(test_says_who_and_where)
{
	size_t len;
	const uint8_t *data = unit_fixture("ct-event-tcp-1-new.bin", &len);
	uint8_t *copy = malloc(len);

	nfbind_options_set_number(options, NFBIND_OPTIONS_ALL_NAMESPACES, 1);
	start();
	memcpy(copy, data, len);
	((struct nlmsghdr *)copy)->nlmsg_pid = 4242;
	fake_deliver_nsid(copy, len, 17);
	free(copy);
	ck_assert_int_eq(receive(0), 1);
	ck_assert_int_eq(next(), 0);
	ck_assert_uint_eq(event.port_id, 4242);
	ck_assert_int_eq(event.nsid, 17);
}
END_TEST

START_TEST(test_reads_no_more_than_a_batch)
{
	nfbind_options_set_number(options, NFBIND_OPTIONS_BATCH, 2);
	start();
	for (int i = 0; i < 3; i++)
		deliver("ct-event-tcp-1-new.bin");
	ck_assert_int_eq(receive(0), 2);
	ck_assert_str_eq(take_all(), "++");
	ck_assert_int_eq(receive(0), 1);
	ck_assert_str_eq(take_all(), "+");
}
END_TEST

START_TEST(test_takes_several_messages_of_a_datagram)
{
	size_t one_len, other_len;
	uint8_t room[4096] __attribute__((aligned(8)));
	const uint8_t *data = unit_fixture("ct-event-tcp-1-new.bin", &one_len);

	memcpy(room, data, one_len);
	one_len = NLMSG_ALIGN(one_len);
	data = unit_fixture("ct-event-tcp-7-destroy.bin", &other_len);
	memcpy(room + one_len, data, other_len);
	start();
	fake_deliver(room, one_len + other_len, 0);
	ck_assert_int_eq(receive(0), 1);
	ck_assert_str_eq(take_all(), "+-");
	ck_assert_uint_eq(stats().received, 1);
}
END_TEST

START_TEST(test_size_of_the_event_may_differ)
{
	struct {
		struct nfbind_event event;
		uint64_t newer;
	} larger = { .newer = 7 };
	uint32_t smaller[2] = { 0, 99 };

	start();
	deliver("ct-event-tcp-1-new.bin");
	deliver("ct-event-tcp-2-update.bin");
	receive(0);
	ck_assert_int_eq(nfbind_events_next(session, &larger.event, sizeof(larger), ct, expectation), 0);
	ck_assert_uint_eq(larger.newer, 0);
	ck_assert_int_eq(nfbind_events_next(session, (struct nfbind_event *)smaller, 4, ct, expectation), 0);
	ck_assert_uint_eq(smaller[0], NFBIND_EVENT_CT_UPDATE);
	ck_assert_uint_eq(smaller[1], 99);
	ck_assert_int_eq(nfbind_events_next(session, NULL, 0, ct, expectation), -EINVAL);
	ck_assert_int_eq(nfbind_events_next(session, &event, sizeof(event), NULL, expectation), -EINVAL);
	ck_assert_int_eq(nfbind_events_next(session, &event, sizeof(event), ct, NULL), -EINVAL);
}
END_TEST

/* Filters. */

static struct nfbind_filter *filter_of(uint32_t field, uint64_t value)
{
	struct nfbind_filter *filter;

	ck_assert_int_eq(nfbind_filter_new(&filter), 0);
	ck_assert_int_eq(nfbind_filter_set_number(filter, field, value), 0);
	return filter;
}

static void add_filter(uint32_t field, uint64_t value)
{
	struct nfbind_filter *filter = filter_of(field, value);

	ck_assert_int_eq(nfbind_events_add_filter(session, filter), 0);
	nfbind_filter_free(filter);
}

static void deliver_each_protocol(void)
{
	deliver("ct-event-tcp-1-new.bin");
	deliver("exp-event-1-new.bin");
	deliver("ct-event-udp-2-destroy.bin");
	ck_assert_int_eq(receive(0), 3);
}

START_TEST(test_filters_are_alternatives)
{
	add_filter(NFBIND_FILTER_L4PROTO, 6);
	start();
	deliver_each_protocol();
	ck_assert_str_eq(take_all(), "+e");
	ck_assert_uint_eq(stats().filtered, 1);
	nfbind_events_free(session);
	ck_assert_int_eq(nfbind_events_new(&session), 0);
	add_filter(NFBIND_FILTER_L4PROTO, 17);
	add_filter(NFBIND_FILTER_L4PROTO, 6);
	start();
	deliver_each_protocol();
	ck_assert_str_eq(take_all(), "+e-");
}
END_TEST

/* Loss. */

START_TEST(test_overrun_comes_behind_what_was_queued)
{
	start();
	/* The error comes first, and the events before the gap behind it. */
	fake_deliver_error(-ENOBUFS);
	deliver("ct-event-tcp-1-new.bin");
	deliver("ct-event-tcp-2-update.bin");
	fake.drops = 37;
	ck_assert_int_eq(receive(0), 2);
	ck_assert_str_eq(take_all(), "+~!");
	ck_assert_uint_eq(event.lost, 37);
	ck_assert_uint_eq(stats().overruns, 1);
	ck_assert_uint_eq(stats().lost, 37);
	ck_assert_uint_eq(stats().socket_drops, 37);
	ck_assert_int_eq(receive(0), -EAGAIN);
}
END_TEST

START_TEST(test_overrun_waits_for_an_empty_queue)
{
	nfbind_options_set_number(options, NFBIND_OPTIONS_BATCH, 2);
	start();
	fake_deliver_error(-ENOBUFS);
	for (int i = 0; i < 5; i++)
		deliver("ct-event-tcp-1-new.bin");
	ck_assert_int_eq(receive(0), 2);
	ck_assert_str_eq(take_all(), "++");
	ck_assert_int_eq(receive(0), 2);
	ck_assert_str_eq(take_all(), "++");
	fake.drops = 5;
	ck_assert_int_eq(receive(0), 1);
	ck_assert_str_eq(take_all(), "+!");
	ck_assert_uint_eq(event.lost, 5);
}
END_TEST

START_TEST(test_overrun_alone)
{
	start();
	fake_deliver_error(-ENOBUFS);
	fake.drops_error = -ENODATA;
	ck_assert_int_eq(receive(0), 0);
	ck_assert_str_eq(take_all(), "!");
	/* The kernel did not say. */
	ck_assert_uint_eq(event.lost, 0);
}
END_TEST

START_TEST(test_second_overrun_marks_the_first)
{
	nfbind_options_set_number(options, NFBIND_OPTIONS_BATCH, 2);
	start();
	fake_deliver_error(-ENOBUFS);
	deliver("ct-event-tcp-1-new.bin");
	deliver("ct-event-tcp-1-new.bin");
	fake_deliver_error(-ENOBUFS);
	deliver("ct-event-tcp-7-destroy.bin");
	fake.drops = 3;
	ck_assert_int_eq(receive(0), 2);
	ck_assert_str_eq(take_all(), "++");
	/* The queue was empty before it ran over again: the first gap is here. */
	ck_assert_int_eq(receive(0), 0);
	ck_assert_str_eq(take_all(), "!");
	ck_assert_uint_eq(event.lost, 3);
	fake.drops = 5;
	ck_assert_int_eq(receive(0), 1);
	ck_assert_str_eq(take_all(), "-!");
	ck_assert_uint_eq(event.lost, 2);
	ck_assert_uint_eq(stats().overruns, 2);
	ck_assert_uint_eq(stats().lost, 5);
}
END_TEST

START_TEST(test_overrun_does_not_wait_for_ever)
{
	int given = 0;

	/* A queue that never runs dry: the buffer cannot have held more than this. */
	nfbind_options_set_number(options, NFBIND_OPTIONS_BATCH, 1);
	nfbind_options_set_number(options, NFBIND_OPTIONS_RECEIVE_BUFFER, 4096);
	start();
	fake_deliver_error(-ENOBUFS);
	do {
		deliver("ct-event-tcp-1-new.bin");
		deliver("ct-event-tcp-1-new.bin");
		ck_assert_int_eq(receive(0), 1);
		given++;
	} while (strcmp(take_all(), "+") == 0);
	ck_assert_int_eq(given, 8192 / 512);
}
END_TEST

/* What is no event. */

START_TEST(test_other_senders_are_dropped)
{
	size_t len;
	const uint8_t *data = unit_fixture("ct-event-tcp-1-new.bin", &len);

	start();
	fake_deliver(data, len, 4711);
	fake_deliver(data, len, UINT32_MAX);
	deliver("ct-event-tcp-7-destroy.bin");
	ck_assert_int_eq(receive(0), 3);
	ck_assert_str_eq(take_all(), "-");
	ck_assert_uint_eq(stats().spoofed, 2);
	ck_assert_uint_eq(stats().received, 1);
}
END_TEST

START_TEST(test_every_cut_is_malformed_and_harmless)
{
	char **names = unit_fixtures("", "-new.bin");

	start();
	for (size_t i = 0; names[i]; i++) {
		size_t len;

		unit_fixture(names[i], &len);
		for (size_t cut = 0; cut < len; cut++) {
			/* Read again: only a few recordings are kept at a time. */
			const uint8_t *data = unit_fixture(names[i], &len);
			uint8_t *copy = malloc(cut ? cut : 1);

			memcpy(copy, data, cut);
			fake_deliver(copy, cut, 0);
			free(copy);
			deliver("ct-event-tcp-7-destroy.bin");
			ck_assert_int_eq(receive(0), 2);
			ck_assert_str_eq(take_all(), cut == 0 ? "-" : "?-");
		}
	}
}
END_TEST

START_TEST(test_every_wrong_byte_is_harmless)
{
	size_t len;
	const uint8_t *data = unit_fixture("ct-event-tcp-1-new.bin", &len);

	start();
	for (size_t i = 0; i < len; i++) {
		for (unsigned int change = 1; change < 256; change += 42) {
			uint8_t *copy = malloc(len);

			memcpy(copy, data, len);
			copy[i] = (uint8_t)(copy[i] ^ change);
			fake_deliver(copy, len, 0);
			free(copy);
			ck_assert_int_eq(receive(0), 1);
			take_all();
		}
	}
}
END_TEST

START_TEST(test_other_messages_are_skipped)
{
	struct message message;

	start();
	message_start(&message, 0x309, 0, 0, 0);
	fake_deliver(message.data, message.len, 0);
	deliver("ack-queue-bind.bin");
	message_start(&message, 0x103, 0, 0, 0);
	fake_deliver(message.data, message.len, 0);
	deliver("ct-event-tcp-1-new.bin");
	ck_assert_int_eq(receive(0), 4);
	ck_assert_str_eq(take_all(), "+");
	ck_assert_uint_eq(stats().others, 3);
}
END_TEST

/* No session. */

START_TEST(test_nothing_is_no_session)
{
	struct nfbind_events_stats figures;
	int32_t deadline;
	char text[10];

	nfbind_events_free(NULL);
	ck_assert_int_eq(nfbind_events_open(NULL, NULL), -EINVAL);
	ck_assert_int_eq(nfbind_events_close(NULL), -EINVAL);
	ck_assert_int_eq(nfbind_events_receive(NULL, 0), -EINVAL);
	ck_assert_int_eq(nfbind_events_next(NULL, &event, sizeof(event), ct, expectation), -EINVAL);
	ck_assert_int_eq(nfbind_events_get_fd(NULL), -EINVAL);
	ck_assert_int_eq(nfbind_events_get_deadline(session, NULL), -EINVAL);
	ck_assert_int_eq(nfbind_events_get_deadline(NULL, &deadline), -EINVAL);
	ck_assert_int_eq(nfbind_events_last_message(NULL, text, sizeof(text)), -EINVAL);
	ck_assert_int_eq(nfbind_events_read_stats(NULL, &figures, sizeof(figures)), -EINVAL);
	ck_assert_int_eq(nfbind_events_read_stats(session, NULL, 0), -EINVAL);
	ck_assert_int_eq(nfbind_events_receive(session, 0), -ESHUTDOWN);
}
END_TEST

UNIT_MAIN("events", listening_set_up, listening_tear_down,
	  test_opens_with_its_options, test_opens_for_what_is_asked_for, test_refuses_to_open,
	  test_gives_out_in_order, test_says_who_and_where, test_reads_no_more_than_a_batch,
	  test_takes_several_messages_of_a_datagram, test_size_of_the_event_may_differ,
	  test_filters_are_alternatives, test_overrun_comes_behind_what_was_queued,
	  test_overrun_waits_for_an_empty_queue, test_overrun_alone,
	  test_second_overrun_marks_the_first, test_overrun_does_not_wait_for_ever,
	  test_other_senders_are_dropped, test_every_cut_is_malformed_and_harmless,
	  test_every_wrong_byte_is_harmless, test_other_messages_are_skipped,
	  test_nothing_is_no_session)
