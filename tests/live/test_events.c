/* SPDX-License-Identifier: MIT */
/*
 * Event sessions on the running kernel: every kind of event with what it carries, who
 * caused it and where, losses in their place, and nothing from anybody but the kernel.
 */
#include "requests.h"

#include <linux/capability.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TCP "orig-src=10.0.0.1 orig-dst=10.0.0.2 orig-l4proto=6 orig-port-src=1000 orig-port-dst=21"
#define UDP "orig-src=10.0.0.1 orig-dst=10.0.0.2 orig-l4proto=17 orig-port-src=1000 orig-port-dst=53"

static struct nfbind_event event;
static struct nfbind_ct *ct;
static struct nfbind_exp *expectation;

static const char *sentence_of_events(struct nfbind_events *events)
{
	static char text[512];

	ck_assert_int_ge(nfbind_events_last_message(events, text, sizeof(text)), 0);
	return text;
}

static struct nfbind_events *listen_with(const struct nfbind_options *options)
{
	struct nfbind_events *events;
	int r;

	ck_assert_int_eq(nfbind_events_new(&events), 0);
	r = nfbind_events_open(events, options);
	ck_assert_msg(r == 0, "%s (%s)", sentence_of_events(events), nfbind_error_name(r));
	ct = ct_of("mark=0");
	expectation = exp_of("class=0");
	return events;
}

static int next(struct nfbind_events *events)
{
	return nfbind_events_next(events, &event, sizeof(event), ct, expectation);
}

/* The next item, which is of this kind. */
static void expect(struct nfbind_events *events, uint32_t kind)
{
	int r;

	while ((r = next(events)) == -ENODATA) {
		r = nfbind_events_receive(events, PATIENCE);
		ck_assert_msg(r >= 0, "%s", sentence_of_events(events));
	}
	ck_assert_int_eq(r, 0);
	ck_assert_msg(event.kind == kind, "kind %x instead of %x", event.kind, kind);
}

static void expect_nothing(struct nfbind_events *events)
{
	ck_assert_int_eq(next(events), -ENODATA);
	ck_assert_int_eq(nfbind_events_receive(events, 50), -EAGAIN);
}

static struct nfbind_events_stats stats(struct nfbind_events *events)
{
	struct nfbind_events_stats result;

	ck_assert_int_eq(nfbind_events_read_stats(events, &result, sizeof(result)), 0);
	return result;
}

static void remove_ct(struct nfbind_conntrack *conntrack, const char *tuple)
{
	ck_assert_done(conntrack, nfbind_conntrack_remove_ct(conntrack, ct_of("%s", tuple)));
}

/* Requests from a socket whose port id is known. */
static struct nfbind_conntrack *requests_from(uint32_t *ret_port_id)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	socklen_t len = sizeof(address);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	*ret_port_id = address.nl_pid;
	return open_requests_with(OPTIONS({ NFBIND_OPTIONS_SOCKET_FD, (uint64_t)fd }));
}

START_TEST(test_connections)
{
	struct nfbind_events *events = listen_with(NULL);
	uint32_t port_id;
	struct nfbind_conntrack *conntrack = requests_from(&port_id);

	add_ct(conntrack, TCP " timeout=100 mark=5 zone=3");
	expect(events, NFBIND_EVENT_CT_NEW);
	ct_is(ct, TCP " mark=5 zone=3 repl-src=10.0.0.2 timeout=100");
	ck_assert_uint_eq(event.port_id, port_id);
	ck_assert_int_eq(event.nsid, -1);
	ck_assert_done(conntrack, nfbind_conntrack_change_ct(conntrack, ct_of(TCP " zone=3 mark=6")));
	expect(events, NFBIND_EVENT_CT_UPDATE);
	ct_is(ct, TCP " mark=6 zone=3");
	ck_assert_uint_eq(event.port_id, port_id);
	remove_ct(conntrack, TCP " zone=3");
	expect(events, NFBIND_EVENT_CT_DESTROY);
	ct_is(ct, TCP " zone=3");
	ck_assert_uint_eq(event.port_id, port_id);
	ck_assert_int_eq(nfbind_ct_has(ct, NFBIND_CT_ID), 1);
	expect_nothing(events);
	nfbind_events_free(events);
}
END_TEST

START_TEST(test_expectations)
{
	static const char *const master = TCP " timeout=100 helper-name=ftp";
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_events *events;
	struct nfbind_exp *exp;
	int r = nfbind_conntrack_add_ct(conntrack, ct_of("%s", master), 0);

	if (r == -EOPNOTSUPP)
		skip("this kernel has no ftp helper");
	ck_assert_int_eq(r, 0);
	remove_ct(conntrack, TCP);
	events = listen_with(OPTIONS({ NFBIND_OPTIONS_EVENTS, NFBIND_EVENT_EXP_NEW | NFBIND_EVENT_EXP_DESTROY }));
	/* Made again now that somebody listens: before, the kernel has no events for it. */
	add_ct(conntrack, "%s", master);
	exp = exp_of("master-src=10.0.0.1 master-dst=10.0.0.2 master-l4proto=6 master-port-src=1000 "
		     "master-port-dst=21 expected-src=10.0.0.1 expected-dst=10.0.0.2 expected-l4proto=6 "
		     "expected-port-src=0 expected-port-dst=2000 mask-src=255.255.255.255 "
		     "mask-dst=255.255.255.255 mask-l4proto=255 mask-port-src=0 mask-port-dst=65535");
	ck_assert_done(conntrack, nfbind_conntrack_add_exp(conntrack, exp, 0));
	expect(events, NFBIND_EVENT_EXP_NEW);
	exp_is(expectation, "master-src=10.0.0.1 master-port-dst=21 expected-port-dst=2000");
	ck_assert_uint_ne(event.port_id, 0);
	ck_assert_done(conntrack, nfbind_conntrack_flush_exp(conntrack, NULL));
	expect(events, NFBIND_EVENT_EXP_DESTROY);
	exp_is(expectation, "expected-port-dst=2000");
	expect_nothing(events);
	nfbind_events_free(events);
}
END_TEST

START_TEST(test_traffic_has_no_port)
{
	struct nfbind_events *events = listen_with(NULL);
	struct udp pair;

	if (!run_quietly("iptables -A OUTPUT -m conntrack --ctstate INVALID -j DROP"))
		run("nft add table t && nft 'add chain t c { type filter hook output priority 0; }' && "
		    "nft add rule t c ct state invalid drop");
	pair = udp_pair("127.0.0.1", 7000);
	say_text(pair.sender, "one");
	hear_text(pair.receiver, "one");
	expect(events, NFBIND_EVENT_CT_NEW);
	ct_is(ct, "orig-src=127.0.0.1 orig-l4proto=17 orig-port-dst=7000");
	ck_assert_uint_eq(event.port_id, 0);
	nfbind_events_free(events);
}
END_TEST

START_TEST(test_only_what_was_asked_for)
{
	struct nfbind_events *events =
		listen_with(OPTIONS({ NFBIND_OPTIONS_EVENTS, NFBIND_EVENT_CT_DESTROY }));
	struct nfbind_conntrack *conntrack = open_requests();

	add_ct(conntrack, TCP " timeout=100");
	ck_assert_done(conntrack, nfbind_conntrack_change_ct(conntrack, ct_of(TCP " mark=6")));
	remove_ct(conntrack, TCP);
	expect(events, NFBIND_EVENT_CT_DESTROY);
	expect_nothing(events);
	nfbind_events_free(events);
}
END_TEST

START_TEST(test_filters)
{
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_filter *filter;
	struct nfbind_events *events;

	ct = ct_of("mark=0");
	expectation = exp_of("class=0");
	ck_assert_int_eq(nfbind_events_new(&events), 0);
	ck_assert_int_eq(nfbind_filter_new(&filter), 0);
	nfbind_filter_set_number(filter, NFBIND_FILTER_L4PROTO, 17);
	ck_assert_int_eq(nfbind_events_add_filter(events, filter), 0);
	nfbind_filter_free(filter);
	ck_assert_int_eq(nfbind_events_open(events, NULL), 0);
	add_ct(conntrack, TCP " timeout=100");
	add_ct(conntrack, UDP " timeout=100");
	remove_ct(conntrack, TCP);
	remove_ct(conntrack, UDP);
	expect(events, NFBIND_EVENT_CT_NEW);
	ct_is(ct, UDP);
	expect(events, NFBIND_EVENT_CT_DESTROY);
	ct_is(ct, UDP);
	expect_nothing(events);
	nfbind_events_free(events);
}
END_TEST

START_TEST(test_descriptor_tells_the_truth)
{
	struct nfbind_events *events = listen_with(OPTIONS({ NFBIND_OPTIONS_BATCH, 2 }));
	struct nfbind_conntrack *conntrack = open_requests();
	struct pollfd poll_fd = { .fd = nfbind_events_get_fd(events), .events = POLLIN };

	ck_assert_int_eq(poll(&poll_fd, 1, 0), 0);
	for (int i = 1; i <= 3; i++)
		add_ct(conntrack, "orig-src=10.0.0.1 orig-dst=10.0.0.2 orig-l4proto=17 orig-port-src=%d "
				  "orig-port-dst=9 timeout=100", i);
	ck_assert_int_eq(poll(&poll_fd, 1, 0), 1);
	ck_assert_int_eq(nfbind_events_receive(events, 0), 2);
	ck_assert_int_eq(poll(&poll_fd, 1, 0), 1);
	ck_assert_int_eq(next(events), 0);
	ck_assert_int_eq(next(events), 0);
	ck_assert_int_eq(next(events), -ENODATA);
	ck_assert_int_eq(nfbind_events_receive(events, 0), 1);
	ck_assert_int_eq(poll(&poll_fd, 1, 0), 0);
	nfbind_events_free(events);
}
END_TEST

START_TEST(test_other_namespaces)
{
	struct nfbind_conntrack *there;
	struct nfbind_events *events;
	int other = netns_new();

	there = open_requests();
	netns_enter(home);
	events = listen_with(OPTIONS({ NFBIND_OPTIONS_ALL_NAMESPACES, 1 }));
	add_ct(open_requests(), TCP " timeout=100");
	expect(events, NFBIND_EVENT_CT_NEW);
	ck_assert_int_eq(event.nsid, -1);
	/* Without an id, it is nobody's business. */
	add_ct(there, TCP " timeout=100");
	expect_nothing(events);
	netns_join("here", other, "there", 1);
	run("ip netns list-id >/dev/null");
	add_ct(there, UDP " timeout=100");
	expect(events, NFBIND_EVENT_CT_NEW);
	ck_assert_int_ge(event.nsid, 0);
	ct_is(ct, UDP);
	nfbind_events_free(events);
	netns_enter(home);
	events = listen_with(NULL);
	remove_ct(there, UDP);
	expect_nothing(events);
	nfbind_events_free(events);
}
END_TEST

/* Adds so many connections, from a source port on. */
static void add_many(struct nfbind_conntrack *conntrack, unsigned int first, unsigned int count)
{
	struct nfbind_ct *entry = ct_of(UDP " timeout=1000");

	for (unsigned int i = first; i < first + count; i++) {
		ck_assert_int_eq(nfbind_ct_set_number(entry, NFBIND_CT_ORIG_PORT_SRC, i), 0);
		ck_assert_done(conntrack, nfbind_conntrack_add_ct(conntrack, entry, 0));
	}
}

START_TEST(test_overrun_is_where_the_gap_is)
{
	struct nfbind_events *events = listen_with(OPTIONS({ NFBIND_OPTIONS_RECEIVE_BUFFER, 16384 }));
	struct nfbind_conntrack *conntrack = open_requests();
	uint64_t news = 0;

	add_many(conntrack, 1, 500);
	/* In order and without a gap up to the item, which counts the rest. */
	while (nfbind_events_receive(events, 0) >= 0) {
		while (next(events) == 0 && event.kind == NFBIND_EVENT_CT_NEW)
			ck_assert_uint_eq(ct_number(ct, NFBIND_CT_ORIG_PORT_SRC), ++news);
		if (event.kind == NFBIND_EVENT_OVERRUN)
			break;
	}
	ck_assert_uint_eq(event.kind, NFBIND_EVENT_OVERRUN);
	ck_assert_uint_ge(news, 5);
	ck_assert_uint_eq(news + event.lost, 500);
	ck_assert_uint_eq(stats(events).lost, event.lost);
	ck_assert_uint_eq(stats(events).overruns, 1);
	expect_nothing(events);
	add_many(conntrack, 1000, 1);
	expect(events, NFBIND_EVENT_CT_NEW);
	ct_is(ct, "orig-port-src=1000");
	nfbind_events_free(events);
}
END_TEST

START_TEST(test_reliable_repeats_removals)
{
	struct nfbind_events *events = listen_with(OPTIONS({ NFBIND_OPTIONS_RECEIVE_BUFFER, 16384 },
							   { NFBIND_OPTIONS_EVENTS, NFBIND_EVENT_CT_DESTROY },
							   { NFBIND_OPTIONS_RELIABLE, 1 }));
	struct nfbind_conntrack *conntrack = open_requests();
	uint64_t removed = 0;

	add_many(conntrack, 1, 300);
	ck_assert_done(conntrack, nfbind_conntrack_flush_ct(conntrack));
	while (removed < 300) {
		int r = nfbind_events_receive(events, PATIENCE);

		ck_assert_msg(r >= 0, "only %d removals: %s", (int)removed, sentence_of_events(events));
		while (next(events) == 0)
			removed += event.kind == NFBIND_EVENT_CT_DESTROY;
	}
	ck_assert_uint_ge(stats(events).overruns, 1);
	nfbind_events_free(events);
}
END_TEST

START_TEST(test_other_processes_are_not_heard)
{
	struct nfbind_events *events = listen_with(NULL);
	struct sockaddr_nl group = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	struct sockaddr_nl port = { .nl_family = AF_NETLINK, .nl_pid = stats(events).port_id };
	struct nlmsghdr forged = { .nlmsg_len = sizeof(forged), .nlmsg_type = 0x100 };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	/* To one port it is refused, since the session is connected; to a group it is not. */
	ck_assert_int_lt(sendto(fd, &forged, sizeof(forged), 0, (struct sockaddr *)&port, sizeof(port)), 0);
	ck_assert_int_eq(errno, ECONNREFUSED);
	ck_assert_int_eq(sendto(fd, &forged, sizeof(forged), 0, (struct sockaddr *)&group, sizeof(group)),
			 sizeof(forged));
	ck_assert_int_eq(nfbind_events_receive(events, PATIENCE), 1);
	ck_assert_int_eq(next(events), -ENODATA);
	ck_assert_uint_eq(stats(events).spoofed, 1);
	ck_assert_uint_eq(stats(events).received, 0);
	close(fd);
	nfbind_events_free(events);
}
END_TEST

START_TEST(test_needs_rights)
{
	struct nfbind_events *events;

	ck_assert_int_eq(nfbind_events_new(&events), 0);
	cap_drop(CAP_NET_ADMIN);
	ck_assert_int_eq(nfbind_events_open(events, NULL), -EPERM);
	ck_assert_ptr_nonnull(strstr(sentence_of_events(events), "CAP_NET_ADMIN"));
	cap_restore(CAP_NET_ADMIN);
	ck_assert_int_eq(nfbind_events_open(events, NULL), 0);
	nfbind_events_free(events);
}
END_TEST

static void *receive_for_ever(void *events)
{
	return (void *)(intptr_t)nfbind_events_receive(events, -1);
}

START_TEST(test_wake_and_close_end_a_wait)
{
	struct nfbind_events *events = listen_with(NULL);
	pthread_t thread;
	void *result;

	start_thread(&thread, receive_for_ever, events);
	sleep_ms(20);
	nfbind_events_wake(events);
	pthread_join(thread, &result);
	ck_assert_int_eq((int)(intptr_t)result, -ECANCELED);
	start_thread(&thread, receive_for_ever, events);
	sleep_ms(20);
	ck_assert_int_eq(nfbind_events_close(events), 0);
	pthread_join(thread, &result);
	ck_assert_int_eq((int)(intptr_t)result, -ESHUTDOWN);
	nfbind_events_free(events);
}
END_TEST

int main(void)
{
	const struct live_case cases[] = {
		{ "connections", test_connections },
		{ "expectations", test_expectations },
		{ "traffic_has_no_port", test_traffic_has_no_port },
		{ "only_what_was_asked_for", test_only_what_was_asked_for },
		{ "filters", test_filters },
		{ "descriptor_tells_the_truth", test_descriptor_tells_the_truth },
		{ "other_namespaces", test_other_namespaces },
		{ "overrun_is_where_the_gap_is", test_overrun_is_where_the_gap_is },
		{ "reliable_repeats_removals", test_reliable_repeats_removals },
		{ "other_processes_are_not_heard", test_other_processes_are_not_heard },
		{ "needs_rights", test_needs_rights },
		{ "wake_and_close_end_a_wait", test_wake_and_close_end_a_wait },
	};

	return live_main("events", cases, sizeof(cases) / sizeof(cases[0]));
}
