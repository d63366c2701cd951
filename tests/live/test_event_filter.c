/* SPDX-License-Identifier: MIT */
/*
 * A session's filters in the running kernel: those datagrams come that it asked for, and
 * no others, not even into the receive buffer.
 */
#include "requests.h"

#include <linux/sock_diag.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static const char *sentence(struct nfbind_events *events)
{
	static char text[512];

	nfbind_events_last_message(events, text, sizeof(text));
	return text;
}

static struct nfbind_events_stats stats(struct nfbind_events *events)
{
	struct nfbind_events_stats result;

	ck_assert_int_eq(nfbind_events_read_stats(events, &result, sizeof(result)), 0);
	return result;
}

#define ck_assert_heard(events, call)                                             \
	do {                                                                      \
		int result_of_call = (call);                                      \
		ck_assert_msg(result_of_call >= 0, "%s: %s (%s)", #call,          \
			      nfbind_error_name(result_of_call), sentence(events)); \
	} while (0)

static struct nfbind_events *new_events(struct nfbind_filter *const *filters, size_t count)
{
	struct nfbind_events *events;

	ck_assert_int_eq(nfbind_events_new(&events), 0);
	for (size_t i = 0; i < count; i++)
		ck_assert_heard(events, nfbind_events_add_filter(events, filters[i]));
	return events;
}

static struct nfbind_events *listen_to(struct nfbind_filter *filter, const struct nfbind_options *options)
{
	struct nfbind_events *events = new_events(&filter, 1);

	ck_assert_heard(events, nfbind_events_open(events, options));
	return events;
}

/* Bytes in the socket's receive buffer, with the kernel's own overhead. */
static uint32_t queued(struct nfbind_events *events)
{
	uint32_t figures[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(figures);

	ck_assert_int_eq(getsockopt(nfbind_events_get_fd(events), SOL_SOCKET, SO_MEMINFO, figures, &len), 0);
	return figures[SK_MEMINFO_RMEM_ALLOC];
}

/* How many events come until there is silence; the source port of all of them must be odd. */
static unsigned int count_events(struct nfbind_events *events)
{
	struct nfbind_ct *ct = ct_of("mark=0");
	struct nfbind_exp *exp = exp_of("class=0");
	struct nfbind_event event;
	unsigned int count = 0;

	while (nfbind_events_receive(events, 200) >= 0)
		while (nfbind_events_next(events, &event, sizeof(event), ct, exp) == 0) {
			ck_assert_uint_eq(ct_number(ct, NFBIND_CT_ORIG_PORT_SRC) % 2, 1);
			count++;
		}
	return count;
}

static void add_and_remove(struct nfbind_conntrack *conntrack, const char *text)
{
	struct nfbind_ct *ct = ct_of("%s timeout=100", text);

	ck_assert_done(conntrack, nfbind_conntrack_add_ct(conntrack, ct, 0));
	ck_assert_done(conntrack, nfbind_conntrack_remove_ct(conntrack, ct));
}

#define FROM_TO "orig-src=10.0.0.1 orig-dst=10.0.0.2 "
#define ODD FROM_TO "orig-l4proto=17 orig-port-src=1 orig-port-dst=9"
#define EVEN FROM_TO "orig-l4proto=17 orig-port-src=2 orig-port-dst=9"

/* Of each pair, the filter means the one with the odd source port. */
static const struct {
	const char *filter, *odd, *even;
} pairs[] = {
	{ "l4proto=17", ODD, FROM_TO "orig-l4proto=6 orig-port-src=2 orig-port-dst=9" },
	{ "orig-port-dst=80 orig-port-dst-max=90",
	  FROM_TO "orig-l4proto=17 orig-port-src=1 orig-port-dst=90",
	  FROM_TO "orig-l4proto=17 orig-port-src=2 orig-port-dst=91" },
	{ "address=10.0.4.0 address-prefix=22",
	  "orig-src=10.0.7.255 orig-dst=10.9.0.2 orig-l4proto=17 orig-port-src=1 orig-port-dst=9",
	  "orig-src=10.0.8.0 orig-dst=10.9.0.2 orig-l4proto=17 orig-port-src=2 orig-port-dst=9" },
	{ "repl-src=fd00::1:0 repl-src-prefix=112",
	  "orig-src=fd00::1 orig-dst=fd00::1:2 orig-l4proto=17 orig-port-src=1 orig-port-dst=9",
	  "orig-src=fd00::1 orig-dst=fd00::2:2 orig-l4proto=17 orig-port-src=2 orig-port-dst=9" },
	{ "l3proto=10",
	  "orig-src=fd00::1 orig-dst=fd00::2 orig-l4proto=17 orig-port-src=1 orig-port-dst=9", EVEN },
	{ "mark=0x10 mark-mask=0xf0", ODD " mark=0x1f", EVEN " mark=0x20" },
	{ "mark=0", ODD, EVEN " mark=1" },
	{ "zone=7", ODD " zone=7", EVEN },
	{ "status=4", ODD " status=14", EVEN },
	{ "icmp-type=8 negated=1", ODD,
	  FROM_TO "orig-l4proto=1 orig-icmp-type=8 orig-icmp-code=0 orig-icmp-id=2" },
};

START_TEST(test_only_what_is_meant_comes)
{
	struct nfbind_conntrack *conntrack = open_requests();

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct nfbind_filter *filter = filter_of("%s", pairs[i].filter);
		struct nfbind_events *events = listen_to(filter, NULL);

		ck_assert_msg(stats(events).kernel_filter > 0, "%s", sentence(events));
		for (int j = 0; j < 3; j++) {
			add_and_remove(conntrack, pairs[i].odd);
			add_and_remove(conntrack, pairs[i].even);
		}
		ck_assert_msg(count_events(events) == 6, "pair %zu", i);
		/* Not thrown away here: it never came. */
		ck_assert_uint_eq(stats(events).received, 6);
		ck_assert_uint_eq(stats(events).filtered, 0);
		nfbind_events_free(events);
	}
}
END_TEST

/* More than a program may have is no secret; without the kernel the same comes, with more work. */
START_TEST(test_too_many_are_refused)
{
	enum { MANY = 1500 };
	static struct nfbind_filter *filters[MANY];
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_events *events;

	for (uint32_t i = 0; i < MANY; i++)
		filters[i] = filter_of("l4proto=17 mark=%u", i);
	events = new_events(filters, MANY);
	ck_assert_int_eq(nfbind_events_open(events, NULL), -E2BIG);
	ck_assert_ptr_nonnull(strstr(sentence(events), " of 1500 (l4proto=17 mark="));
	ck_assert_heard(events, nfbind_events_open(events, OPTIONS({ NFBIND_OPTIONS_KERNEL_FILTER, 0 })));
	ck_assert_uint_eq(stats(events).kernel_filter, 0);
	add_and_remove(conntrack, pairs[0].odd);
	add_and_remove(conntrack, pairs[0].even);
	ck_assert_uint_eq(count_events(events), 2);
	ck_assert_uint_eq(stats(events).received, 4);
	ck_assert_uint_eq(stats(events).filtered, 2);
	nfbind_events_free(events);
}
END_TEST

/* A program's memory counts as the socket's: older kernels allow 20 KiB. */
START_TEST(test_what_a_socket_may_have_bounds_programs)
{
	enum { MANY = 300 };
	long long most = run_for_number("cat /proc/sys/net/core/optmem_max 2>/dev/null || echo 0");
	static struct nfbind_filter *filters[MANY];
	struct nfbind_events *events;
	int r;

	for (uint32_t i = 0; i < MANY; i++)
		filters[i] = filter_of("l4proto=17 mark=%u", i);
	events = new_events(filters, MANY);
	r = nfbind_events_open(events, NULL);
	if (most >= 100000)
		ck_assert_heard(events, r);
	if (r < 0) {
		ck_assert_int_eq(r, -ENOBUFS);
		ck_assert_ptr_nonnull(strstr(sentence(events), "net.core.optmem_max"));
	} else {
		ck_assert_uint_gt(stats(events).kernel_filter, 3000);
	}
	nfbind_events_free(events);
}
END_TEST

enum { BURST = 2000 };

/* More than a small receive buffer holds. */
static void add_burst(struct nfbind_conntrack *conntrack, const char *proto)
{
	struct nfbind_ct *entry = ct_of(FROM_TO "orig-l4proto=%s orig-port-src=1 orig-port-dst=9 timeout=100", proto);

	for (unsigned int i = 0; i < BURST; i++) {
		nfbind_ct_set_number(entry, NFBIND_CT_ORIG_PORT_SRC, 2 * i + 1);
		ck_assert_done(conntrack, nfbind_conntrack_add_ct(conntrack, entry, 0));
	}
}

START_TEST(test_what_is_not_meant_takes_no_room)
{
	const struct nfbind_options *small = OPTIONS({ NFBIND_OPTIONS_RECEIVE_BUFFER, 16384 });
	const struct nfbind_options *alone = OPTIONS({ NFBIND_OPTIONS_RECEIVE_BUFFER, 16384 },
						     { NFBIND_OPTIONS_KERNEL_FILTER, 0 });
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_events *events = listen_to(filter_of("l4proto=6"), small);
	struct nfbind_events *other = listen_to(filter_of("l4proto=6"), alone);

	add_burst(conntrack, "17");
	ck_assert_uint_eq(queued(events), 0);
	ck_assert_uint_gt(queued(other), 0);
	add_and_remove(conntrack, FROM_TO "orig-l4proto=6 orig-port-src=1 orig-port-dst=9");
	ck_assert_uint_gt(queued(events), 0);
	ck_assert_uint_eq(count_events(events), 2);
	ck_assert_uint_eq(stats(events).overruns, 0);
	ck_assert_uint_eq(stats(events).socket_drops, 0);
	(void)nfbind_events_receive(other, 0);
	ck_assert_uint_eq(stats(other).overruns, 1);
	nfbind_events_free(events);
	nfbind_events_free(other);
}
END_TEST

START_TEST(test_filters_change_while_it_is_open)
{
	struct nfbind_filter *tcp = filter_of("l4proto=6"), *udp = filter_of("l4proto=17");
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_events *events = listen_to(tcp, NULL);

	add_and_remove(conntrack, ODD);
	ck_assert_uint_eq(queued(events), 0);
	ck_assert_heard(events, nfbind_events_add_filter(events, udp));
	add_and_remove(conntrack, ODD);
	ck_assert_heard(events, nfbind_events_remove_filter(events, tcp));
	add_and_remove(conntrack, FROM_TO "orig-l4proto=6 orig-port-src=2 orig-port-dst=9");
	ck_assert_uint_eq(count_events(events), 2);
	ck_assert_uint_eq(stats(events).received, 2);
	/* What was queued before is judged, too. */
	add_and_remove(conntrack, ODD);
	ck_assert_heard(events, nfbind_events_add_filter(events, tcp));
	ck_assert_heard(events, nfbind_events_remove_filter(events, udp));
	ck_assert_uint_eq(count_events(events), 0);
	ck_assert_uint_eq(stats(events).filtered, 2);
	ck_assert_heard(events, nfbind_events_remove_filter(events, NULL));
	ck_assert_uint_eq(stats(events).kernel_filter, 0);
	add_and_remove(conntrack, ODD);
	add_and_remove(conntrack, FROM_TO "orig-l4proto=6 orig-port-src=1 orig-port-dst=9");
	ck_assert_uint_eq(count_events(events), 4);
	nfbind_events_free(events);
}
END_TEST

/* The program of the session's own namespace is asked for the events of all others. */
START_TEST(test_other_namespaces)
{
	const struct nfbind_options *all = OPTIONS({ NFBIND_OPTIONS_ALL_NAMESPACES, 1 });
	int other = netns_new();
	struct nfbind_conntrack *there = open_requests();
	struct nfbind_conntrack *here;
	struct nfbind_events *events;

	netns_enter(home);
	netns_join("here", other, "there", 1);
	run("ip netns list-id >/dev/null");
	here = open_requests();
	events = listen_to(filter_of("l4proto=17 mark=7"), all);
	for (int i = 0; i < 3; i++) {
		add_and_remove(here, ODD " mark=7");
		add_and_remove(here, EVEN " mark=6");
		add_and_remove(there, ODD " mark=7");
		add_and_remove(there, EVEN " mark=6");
	}
	ck_assert_uint_eq(count_events(events), 12);
	ck_assert_uint_eq(stats(events).received, 12);
	nfbind_events_free(events);
}
END_TEST

/* With a resync. */

/* All items until there is silence, as letters: + - ~ and = for synced, sorted so: a list has any order. */
static const char *items(struct nfbind_events *events)
{
	static const struct {
		uint32_t kind;
		char letter;
	} letters[] = { { NFBIND_EVENT_CT_NEW, '+' }, { NFBIND_EVENT_CT_DESTROY, '-' },
			{ NFBIND_EVENT_CT_UPDATE, '~' }, { NFBIND_EVENT_SYNCED, '=' } };
	unsigned int counts[4] = { 0 };
	struct nfbind_ct *ct = ct_of("mark=0");
	struct nfbind_exp *exp = exp_of("class=0");
	struct nfbind_event event;
	static char text[64];
	size_t len = 0;

	memset(text, 0, sizeof(text));
	while (nfbind_events_receive(events, 300) >= 0)
		while (nfbind_events_next(events, &event, sizeof(event), ct, exp) == 0)
			for (size_t i = 0; i < 4; i++)
				counts[i] += letters[i].kind == event.kind;
	for (size_t i = 0; i < 4; i++)
		for (; counts[i] > 0 && len < sizeof(text) - 1; counts[i]--)
			text[len++] = letters[i].letter;
	return text;
}

START_TEST(test_copies_follow_entries_and_filters)
{
	struct nfbind_filter *marked = filter_of("l4proto=17 mark=7"), *tcp = filter_of("l4proto=6");
	const struct nfbind_options *resync = OPTIONS({ NFBIND_OPTIONS_RESYNC, 1 },
						      { NFBIND_OPTIONS_RESYNC_INTERVAL, 1 });
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_events *events;

	/* Or else what is there before the first listener is never announced. */
	run("echo 1 >/proc/sys/net/netfilter/nf_conntrack_events");
	add_ct(conntrack, ODD " mark=7 timeout=1000");
	add_ct(conntrack, EVEN " mark=6 timeout=1000");
	add_ct(conntrack, FROM_TO "orig-l4proto=6 orig-port-src=1 orig-port-dst=9 timeout=1000");
	events = listen_to(marked, resync);
	ck_assert_str_eq(items(events), "+=");
	/* Into what is meant, and out of it: only the mark changes. */
	ck_assert_done(conntrack, nfbind_conntrack_change_ct(conntrack, ct_of(EVEN " mark=7")));
	ck_assert_str_eq(items(events), "+");
	ck_assert_done(conntrack, nfbind_conntrack_change_ct(conntrack, ct_of(ODD " mark=5")));
	ck_assert_str_eq(items(events), "-");
	/* What can be said of the name alone is left to the kernel. */
	add_and_remove(conntrack, FROM_TO "orig-l4proto=6 orig-port-src=5 orig-port-dst=9");
	ck_assert_uint_eq(queued(events), 0);
	ck_assert_heard(events, nfbind_events_add_filter(events, tcp));
	ck_assert_str_eq(items(events), "+~=");
	ck_assert_heard(events, nfbind_events_remove_filter(events, marked));
	ck_assert_str_eq(items(events), "-~=");
	ck_assert_uint_eq(stats(events).keys, 1);
	nfbind_events_free(events);
}
END_TEST

/* Real packets, whose events come from several processors; each flow has two. */
START_TEST(test_traffic)
{
	struct nfbind_ct *ct = ct_of("mark=0");
	struct nfbind_exp *exp = exp_of("class=0");
	struct nfbind_filter *filter;
	struct nfbind_events *events;
	struct nfbind_event event;
	struct udp odd, even;

	if (!run_quietly("iptables -A OUTPUT -m conntrack --ctstate INVALID -j ACCEPT"))
		skip("this kernel has no rule that tracks connections");
	filter = filter_of("orig-port-dst=5001");
	events = listen_to(filter, NULL);
	ck_assert_uint_gt(stats(events).kernel_filter, 0);
	odd = udp_pair("127.0.0.1", 5001);
	even = udp_pair("127.0.0.1", 5002);
	for (int i = 0; i < 20; i++) {
		say_text(odd.sender, "odd");
		say_text(even.sender, "even");
		hear_text(odd.receiver, "odd");
		hear_text(even.receiver, "even");
	}
	ck_assert_int_ge(nfbind_events_receive(events, PATIENCE), 1);
	while (nfbind_events_next(events, &event, sizeof(event), ct, exp) == 0)
		ct_is(ct, "orig-port-dst=5001");
	ck_assert_uint_ge(stats(events).received, 1);
	ck_assert_uint_eq(stats(events).filtered, 0);
	nfbind_events_free(events);
}
END_TEST

int main(void)
{
	const struct live_case cases[] = {
		{ "only_what_is_meant_comes", test_only_what_is_meant_comes },
		{ "limits", test_too_many_are_refused },
		{ "limits", test_what_a_socket_may_have_bounds_programs },
		{ "room", test_what_is_not_meant_takes_no_room },
		{ "change", test_filters_change_while_it_is_open },
		{ "namespaces", test_other_namespaces },
		{ "resync", test_copies_follow_entries_and_filters },
		{ "traffic", test_traffic },
	};

	return live_main("event_filter", cases, sizeof(cases) / sizeof(cases[0]));
}
