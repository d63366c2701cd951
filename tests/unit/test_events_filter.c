/* SPDX-License-Identifier: MIT */
/*
 * An event session's filters in the kernel: which program goes to the transport, and
 * what is said where the kernel has none.
 */
#include <nfbind/nfbind.h>

#include "bpf_machine.h"
#include "fake_socket.h"
#include "unit.h"

enum { MANY = 2000 };

static struct nfbind_events *session;
static struct nfbind_filter *filter;
static struct nfbind_options *options;
static struct nfbind_ct *ct;
static struct nfbind_exp *expectation;

static void set_up(void)
{
	fake_set_up();
	ck_assert_int_eq(nfbind_events_new(&session), 0);
	ck_assert_int_eq(nfbind_filter_new(&filter), 0);
	ck_assert_int_eq(nfbind_options_new(&options), 0);
	ck_assert_int_eq(nfbind_ct_new(&ct), 0);
	ck_assert_int_eq(nfbind_exp_new(&expectation), 0);
}

static void tear_down(void)
{
	nfbind_events_free(session);
	nfbind_filter_free(filter);
	nfbind_options_free(options);
	nfbind_ct_free(ct);
	nfbind_exp_free(expectation);
	fake_tear_down();
}

static uint32_t kernel_filter(void)
{
	struct nfbind_events_stats stats;

	ck_assert_int_eq(nfbind_events_read_stats(session, &stats, sizeof(stats)), 0);
	return stats.kernel_filter;
}

static void says(const char *words)
{
	char text[512];

	nfbind_events_last_message(session, text, sizeof(text));
	ck_assert_msg(strstr(text, words) != NULL, "'%s' is not in '%s'", words, text);
}

static void add_port(uint16_t port)
{
	nfbind_filter_set_number(filter, NFBIND_FILTER_PORT, port);
	ck_assert_int_eq(nfbind_events_add_filter(session, filter), 0);
}

static bool passes(const char *name)
{
	size_t len;
	const uint8_t *data = unit_fixture(name, &len);

	return bpf_machine_run(fake.program, fake.program_count, data, len) != 0;
}

START_TEST(test_events_without_filters_have_no_program)
{
	ck_assert_int_eq(nfbind_events_open(session, NULL), 0);
	ck_assert_uint_eq(fake.program_count, 0);
	ck_assert_uint_eq(kernel_filter(), 0);
	says("");
}
END_TEST

/* What the session makes of it. */
static int take(const char *name)
{
	struct nfbind_event event;
	size_t len;
	const uint8_t *data = unit_fixture(name, &len);

	fake_deliver(data, len, 0);
	ck_assert_int_eq(nfbind_events_receive(session, 0), 1);
	return nfbind_events_next(session, &event, sizeof(event), ct, expectation);
}

static void start_anew(void)
{
	nfbind_events_free(session);
	ck_assert_int_eq(nfbind_events_new(&session), 0);
}

START_TEST(test_events_of_any_filter_pass_in_the_kernel)
{
	uint64_t port;

	add_port(1);
	ck_assert_int_eq(nfbind_events_open(session, NULL), 0);
	ck_assert_uint_gt(fake.program_count, 0);
	ck_assert_uint_eq(kernel_filter(), fake.program_count);
	says("");
	ck_assert(!passes("ct-event-tcp-1-new.bin"));
	ck_assert(!passes("ct-event-tcp-7-destroy-5.10.bin"));
	ck_assert(passes("exp-event-1-new.bin"));
	/* The port of the recording, as another session reads it. */
	start_anew();
	ck_assert_int_eq(nfbind_events_open(session, NULL), 0);
	ck_assert_int_eq(take("ct-event-tcp-1-new.bin"), 0);
	ck_assert_int_eq(nfbind_ct_get_number(ct, NFBIND_CT_ORIG_PORT_DST, &port), 0);
	start_anew();
	add_port(1);
	add_port((uint16_t)port);
	ck_assert_int_eq(nfbind_events_open(session, NULL), 0);
	ck_assert(passes("ct-event-tcp-1-new.bin"));
}
END_TEST

static void alone(void)
{
	nfbind_options_set_number(options, NFBIND_OPTIONS_KERNEL_FILTER, 0);
}

START_TEST(test_events_are_filtered_by_the_session_alone_where_that_is_asked_for)
{
	struct nfbind_events_stats stats;

	alone();
	fake.program_result = -ENOBUFS;
	for (uint16_t port = 1; port <= MANY; port++)
		add_port(port);
	ck_assert_int_eq(nfbind_events_open(session, options), 0);
	ck_assert_uint_eq(fake.program_count, 0);
	ck_assert_uint_eq(kernel_filter(), 0);
	add_port(MANY + 1);
	ck_assert_int_eq(nfbind_events_remove_filter(session, NULL), 0);
	add_port(1);
	ck_assert_int_eq(take("ct-event-tcp-1-new.bin"), -ENODATA);
	ck_assert_int_eq(nfbind_events_read_stats(session, &stats, sizeof(stats)), 0);
	ck_assert_uint_eq(stats.filtered, 1);
}
END_TEST

/* What the kernel says, and what the session makes of it. */
START_TEST(test_events_that_the_kernel_cannot_filter_are_refused_in_words)
{
	add_port(1);
	fake.program_result = -ENOBUFS;
	ck_assert_int_eq(nfbind_events_open(session, NULL), -ENOBUFS);
	says("net.core.optmem_max");
	fake.program_result = -EBUSY;
	ck_assert_int_eq(nfbind_events_open(session, NULL), -EBUSY);
	says("locked");
	fake.program_result = 0;
	for (uint16_t port = 2; port <= MANY; port++)
		add_port(port);
	ck_assert_int_eq(nfbind_events_open(session, NULL), -E2BIG);
	says(" of 2000 (port=");
	says("does not fit");
	ck_assert_ptr_null(fake.program);
	ck_assert_int_eq(nfbind_events_remove_filter(session, NULL), 0);
	ck_assert_int_eq(nfbind_events_open(session, NULL), 0);
}
END_TEST

START_TEST(test_events_of_an_adopted_socket_are_filtered_by_the_kernel)
{
	add_port(1);
	nfbind_options_set_number(options, NFBIND_OPTIONS_SOCKET_FD, 5);
	ck_assert_int_eq(nfbind_events_open(session, options), 0);
	ck_assert_uint_gt(fake.program_count, 0);
}
END_TEST

/* While it is open. */

static uint16_t port_of(const char *name)
{
	uint64_t port;

	ck_assert_int_eq(take(name), 0);
	ck_assert_int_eq(nfbind_ct_get_number(ct, NFBIND_CT_ORIG_PORT_DST, &port), 0);
	return (uint16_t)port;
}

static int remove_port(uint16_t port)
{
	nfbind_filter_set_number(filter, NFBIND_FILTER_PORT, port);
	return nfbind_events_remove_filter(session, filter);
}

START_TEST(test_filters_change_while_it_is_open)
{
	static const char event[] = "ct-event-tcp-1-new.bin";
	uint16_t port;
	size_t len;
	const uint8_t *data = unit_fixture(event, &len);
	struct nfbind_event item;

	ck_assert_int_eq(nfbind_events_open(session, NULL), 0);
	port = port_of(event);
	add_port(1);
	ck_assert_uint_eq(kernel_filter(), fake.program_count);
	ck_assert_uint_gt(fake.program_count, 0);
	ck_assert(!passes(event));
	ck_assert_int_eq(take(event), -ENODATA);
	add_port(port);
	ck_assert(passes(event));
	ck_assert_int_eq(take(event), 0);
	ck_assert_int_eq(remove_port(2), -ENOENT);
	says("no such filter");
	/* What was read before is judged by what counts when it is given out. */
	fake_deliver(data, len, 0);
	ck_assert_int_eq(nfbind_events_receive(session, 0), 1);
	ck_assert_int_eq(remove_port(port), 0);
	ck_assert(!passes(event));
	ck_assert_int_eq(nfbind_events_next(session, &item, sizeof(item), ct, expectation), -ENODATA);
	ck_assert_int_eq(remove_port(1), 0);
	ck_assert_ptr_null(fake.program);
	ck_assert_uint_eq(kernel_filter(), 0);
	ck_assert_int_eq(take(event), 0);
}
END_TEST

START_TEST(test_filters_that_are_refused_change_nothing)
{
	static const char event[] = "ct-event-tcp-1-new.bin";
	uint32_t count;

	add_port(1);
	ck_assert_int_eq(nfbind_events_open(session, NULL), 0);
	count = kernel_filter();
	nfbind_filter_clear(filter, NFBIND_FILTER_PORT);
	fake.program_result = -ENOBUFS;
	ck_assert_int_eq(nfbind_events_add_filter(session, filter), -ENOBUFS);
	says("net.core.optmem_max");
	ck_assert_int_eq(nfbind_events_remove_filter(session, NULL), -ENOBUFS);
	ck_assert_uint_eq(kernel_filter(), count);
	ck_assert_int_eq(take(event), -ENODATA);
	fake.program_result = 0;
	nfbind_filter_set_number(filter, NFBIND_FILTER_PORT_MAX, 5);
	ck_assert_int_eq(nfbind_events_add_filter(session, filter), -EINVAL);
	says("makes no sense");
	nfbind_filter_clear(filter, NFBIND_FILTER_PORT_MAX);
	for (uint16_t port = 2; port < MANY; port++) {
		nfbind_filter_set_number(filter, NFBIND_FILTER_PORT, port);
		if (nfbind_events_add_filter(session, filter) == -E2BIG)
			break;
		count = kernel_filter();
	}
	says("does not fit");
	ck_assert_uint_eq(kernel_filter(), count);
	ck_assert_uint_lt(count, 4097);
	nfbind_events_close(session);
	ck_assert_int_eq(nfbind_events_add_filter(session, filter), -ESHUTDOWN);
	ck_assert_int_eq(nfbind_events_remove_filter(session, filter), -ESHUTDOWN);
	ck_assert_int_eq(nfbind_events_remove_filter(NULL, filter), -EINVAL);
	ck_assert_int_eq(nfbind_events_add_filter(session, NULL), -EINVAL);
}
END_TEST

UNIT_MAIN("events_filter", set_up, tear_down, test_events_without_filters_have_no_program,
	  test_events_of_any_filter_pass_in_the_kernel,
	  test_events_are_filtered_by_the_session_alone_where_that_is_asked_for,
	  test_events_that_the_kernel_cannot_filter_are_refused_in_words,
	  test_events_of_an_adopted_socket_are_filtered_by_the_kernel,
	  test_filters_change_while_it_is_open, test_filters_that_are_refused_change_nothing)
