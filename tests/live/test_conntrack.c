/* SPDX-License-Identifier: MIT */
/*
 * Request sessions about connections: changes change what they name and nothing else, a
 * removal never takes more than was asked for, a refusal says why, and a session is where
 * it was opened. Adding and lists have their own programs.
 */
#include "requests.h"
#include "tuples.h"

#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Changing. */

START_TEST(test_change_mark_timeout_and_status)
{
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_ct *ct;

	add_ct(conntrack, TCP " timeout=100 mark=0xff00");
	ck_assert_done(conntrack, nfbind_conntrack_change_ct(conntrack, ct_of(TCP " mark=0x12 mark-mask=0xff")));
	ct_is(fetch_ct(conntrack, TCP), "mark=0xff12");
	ck_assert_done(conntrack, nfbind_conntrack_change_ct(conntrack, ct_of(TCP_REPLY " mark=5")));
	ct_is(fetch_ct(conntrack, TCP), "mark=5");
	ck_assert_done(conntrack, nfbind_conntrack_change_ct(conntrack, ct_of(TCP " timeout=5000")));
	ct = fetch_ct(conntrack, TCP);
	ck_assert_uint_ge(ct_number(ct, NFBIND_CT_TIMEOUT), 4990);
	ct_is(ct, "mark=5 status=8");
	/* Confirmed need not be said; what was set cannot be cleared. */
	ck_assert_done(conntrack, nfbind_conntrack_change_ct(conntrack, ct_of(TCP " status=6")));
	ct_is(fetch_ct(conntrack, TCP), "status=14");
	ck_assert_refused(conntrack, nfbind_conntrack_change_ct(conntrack, ct_of(TCP " status=8")), -EBUSY,
			  "status");
	ck_assert_refused(conntrack, nfbind_conntrack_change_ct(conntrack, ct_of(TCP " status=0x20e")), -EBUSY,
			  "status");
	ck_assert_refused(conntrack, nfbind_conntrack_change_ct(conntrack, ct_of(UDP " mark=1")), -ENOENT,
			  "no such connection");
	ck_assert_refused(conntrack, nfbind_conntrack_change_ct(conntrack, ct_of("mark=1")), -EINVAL,
			  "a tuple is needed");
	ck_assert_done(conntrack, nfbind_conntrack_change_ct(conntrack, ct_of(TCP " status=0x40e")));
	ck_assert(ct_number(fetch_ct(conntrack, TCP), NFBIND_CT_STATUS) & NFBIND_CT_STATUS_FIXED_TIMEOUT);
	/* Before 6.0 a fixed timeout was only safe from packets (nf_ct_change_timeout). */
	ct = ct_of(TCP " timeout=7");
	if (is_kernel(6, 0))
		ck_assert_refused(conntrack, nfbind_conntrack_change_ct(conntrack, ct), -EPERM, "timeout is fixed");
	else
		ck_assert_done(conntrack, nfbind_conntrack_change_ct(conntrack, ct));
}
END_TEST

START_TEST(test_change_helper_and_protocol)
{
	struct nfbind_conntrack *conntrack = open_requests();
	int r;

	add_ct(conntrack, TCP " timeout=100 helper-name=ftp tcp-state=1");
	ck_assert_done(conntrack, nfbind_conntrack_change_ct(conntrack, ct_of(TCP " tcp-state=3")));
	ct_is(fetch_ct(conntrack, TCP), "tcp-state=3 helper-name=ftp");
	ck_assert_done(conntrack, nfbind_conntrack_change_ct(conntrack, ct_of(TCP " tcp-flags-orig=0x08 tcp-mask-orig=0x08")));
	ck_assert(ct_number(fetch_ct(conntrack, TCP), NFBIND_CT_TCP_FLAGS_ORIG) & 0x08);
	ck_assert_done(conntrack, nfbind_conntrack_change_ct(conntrack, ct_of(TCP " helper-name=ftp")));
	/* Whether the kernel has the other helper or not, it does not replace one. */
	r = nfbind_conntrack_change_ct(conntrack, ct_of(TCP " helper-name=irc"));
	ck_assert_msg(r == -EBUSY || r == -EOPNOTSUPP, "%s", nfbind_error_name(r));
	ck_assert_ptr_nonnull(strstr(sentence_of(conntrack), "helper"));
	ck_assert_refused(conntrack, nfbind_conntrack_change_ct(conntrack, ct_of(TCP " helper-name=no-such")),
			  -EOPNOTSUPP, "helper");
	/* Kernels of 7.x let none be taken away. */
	r = nfbind_conntrack_change_ct(conntrack, ct_of(TCP " helper-name="));
	ck_assert_msg(r == 0 || (r == -EOPNOTSUPP && is_kernel(7, 0)), "%s", sentence_of(conntrack));
	ct_is(fetch_ct(conntrack, TCP), r == 0 ? "helper-name=" : "helper-name=ftp");
	add_ct(conntrack, UDP " timeout=100");
	ck_assert_refused(conntrack, nfbind_conntrack_change_ct(conntrack, ct_of(UDP " helper-name=ftp")), -EOPNOTSUPP,
			  "helper");
	ck_assert_done(conntrack, nfbind_conntrack_change_ct(
		conntrack, ct_of(TCP " orig-seq-position=5 orig-seq-before=1 orig-seq-after=2")));
}
END_TEST

/* A rule that uses labels, or false. */
static bool use_labels(void)
{
	return run_quietly("iptables -A OUTPUT -m connlabel --label 5 -j ACCEPT") ||
	       has_nft("inet", "ct label 5 accept");
}

START_TEST(test_labels)
{
	struct nfbind_conntrack *conntrack = open_requests();

	add_ct(conntrack, TCP " timeout=100");
	ck_assert_refused(conntrack, nfbind_conntrack_change_ct(
		conntrack, ct_of(TCP " labels=01000000000000000000000000000080")), -ENOSPC, "labels");
	if (!use_labels())
		skip("this kernel has no rule that uses connection labels");
	add_ct(conntrack, UDP " timeout=100 labels=01000000000000000000000000000080");
	ct_is(fetch_ct(conntrack, UDP), "labels=01000000000000000000000000000080");
	ck_assert_done(conntrack, nfbind_conntrack_change_ct(
		conntrack, ct_of(UDP " labels=02000000000000000000000000000000 "
				     "labels-mask=03000000000000000000000000000000")));
	ct_is(fetch_ct(conntrack, UDP), "labels=02000000000000000000000000000080");
	ck_assert_done(conntrack, nfbind_conntrack_change_ct(
		conntrack, ct_of(UDP " labels=00000010000000000000000000000000")));
	ct_is(fetch_ct(conntrack, UDP), "labels=00000010000000000000000000000000");
}
END_TEST

/* Label n is the one that a rule calls n, whatever the machine's words. */
START_TEST(test_labels_are_numbered_as_in_rules)
{
	static const char *const labels[] = { "labels=00000000000000000000000000000080",
					      "labels=00000000000000000000800000000080",
					      "labels=01000000000000000000800000000080" };
	static const unsigned int numbers[] = { 127, 87, 0 };
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_ct *ct = ct_of("orig-src=127.0.0.1 orig-dst=127.0.0.1 orig-l4proto=17 orig-port-dst=5001");
	struct udp udp = udp_pair("127.0.0.1", 5001);

	if (!use_labels())
		skip("this kernel has no rule that uses connection labels");
	nfbind_ct_set_number(ct, NFBIND_CT_ORIG_PORT_SRC, port_of(udp.sender));
	for (size_t i = 0; i < 3; i++) {
		if (!run_quietly("iptables -A OUTPUT -p udp -m connlabel --label %u --set", numbers[i]))
			skip("this kernel has no rule that sets connection labels");
		say_text(udp.sender, "x");
		ck_assert_done(conntrack, nfbind_conntrack_fetch_ct(conntrack, ct, 0, ct));
		ct_is(ct, "%s", labels[i]);
	}
}
END_TEST

/* Fetching. */

START_TEST(test_fetch_by_either_tuple)
{
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_ct *ct = ct_of("mark=1");

	add_ct(conntrack, TCP " timeout=100 mark=7");
	add_ct(conntrack, UDP6 " timeout=100 mark=8");
	ct_is(fetch_ct(conntrack, TCP_REPLY), TCP " mark=7");
	ct_is(fetch_ct(conntrack, UDP6), "mark=8");
	ck_assert_refused(conntrack, nfbind_conntrack_fetch_ct(conntrack, ct, 0, ct), -EINVAL, "a tuple is needed");
	ct_is(ct, "mark=1");
	ck_assert_int_eq(nfbind_conntrack_fetch_ct(conntrack, ct, 2, ct), -EINVAL);
}
END_TEST

START_TEST(test_fetch_counters_and_zero_them)
{
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_ct *ct = ct_of("orig-src=127.0.0.1 orig-dst=127.0.0.1 orig-l4proto=17 orig-port-dst=5001");
	struct udp udp;

	if (!run_quietly("echo 1 >/proc/sys/net/netfilter/nf_conntrack_acct") ||
	    !run_quietly("iptables -A OUTPUT -m conntrack --ctstate INVALID -j ACCEPT"))
		skip("this kernel has no counters of connections here");
	udp = udp_pair("127.0.0.1", 5001);
	say_text(udp.sender, "hello");
	say_text(udp.sender, "again");
	hear_text(udp.receiver, "hello");
	nfbind_ct_set_number(ct, NFBIND_CT_ORIG_PORT_SRC, port_of(udp.sender));
	ck_assert_done(conntrack, nfbind_conntrack_fetch_ct(conntrack, ct, NFBIND_FETCH_ZERO, ct));
	ct_is(ct, "orig-counter-packets=2 orig-counter-bytes=66 repl-counter-packets=0");
	ck_assert_done(conntrack, nfbind_conntrack_fetch_ct(conntrack, ct, 0, ct));
	ct_is(ct, "orig-counter-packets=0 orig-counter-bytes=0");
	say_text(udp.sender, "more");
	ck_assert_uint_eq(count_list(conntrack, NULL, NFBIND_LIST_ZERO), 1);
	ck_assert_done(conntrack, nfbind_conntrack_fetch_ct(conntrack, ct, 0, ct));
	ct_is(ct, "orig-counter-packets=0");
}
END_TEST

/* Removing. */

START_TEST(test_remove)
{
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_ct *ct;

	add_ct(conntrack, TCP " timeout=100");
	add_ct(conntrack, UDP " timeout=100");
	add_ct(conntrack, UDP " timeout=100 zone=4");
	add_ct(conntrack, UDP6 " timeout=100");
	/* Without a tuple a removal would mean all. */
	ck_assert_refused(conntrack, nfbind_conntrack_remove_ct(conntrack, ct_of("mark=1")), -EINVAL, "a tuple is needed");
	ck_assert_refused(conntrack, nfbind_conntrack_remove_ct(conntrack, ct_of("orig-src=10.0.0.1")), -EINVAL,
			  "a tuple is needed");
	ck_assert_refused(conntrack, nfbind_conntrack_remove_ct(conntrack, ct_of("zone=4 id=3")), -EINVAL, "a tuple is needed");
	ck_assert_uint_eq(count_list(conntrack, NULL, NFBIND_LIST_TABLE), 4);
	ct = fetch_ct(conntrack, TCP);
	nfbind_ct_set_number(ct, NFBIND_CT_ID, ct_number(ct, NFBIND_CT_ID) ^ 1);
	ck_assert_refused(conntrack, nfbind_conntrack_remove_ct(conntrack, ct), -ENOENT, "no such connection");
	nfbind_ct_set_number(ct, NFBIND_CT_ID, ct_number(ct, NFBIND_CT_ID) ^ 1);
	ck_assert_done(conntrack, nfbind_conntrack_remove_ct(conntrack, ct));
	ck_assert_refused(conntrack, nfbind_conntrack_remove_ct(conntrack, ct), -ENOENT, "no such connection");
	ck_assert_done(conntrack, nfbind_conntrack_remove_ct(conntrack, ct_of(UDP)));
	fetch_ct(conntrack, UDP " zone=4");
	ck_assert_uint_eq(count_list(conntrack, NULL, NFBIND_LIST_TABLE), 2);
	ck_assert_done(conntrack, nfbind_conntrack_flush_ct(conntrack));
	ck_assert_uint_eq(count_list(conntrack, NULL, NFBIND_LIST_TABLE), 0);
	ck_assert_done(conntrack, nfbind_conntrack_flush_ct(conntrack));
}
END_TEST

/* Statistics. */

START_TEST(test_stats)
{
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_conntrack_stats stats;

	add_ct(conntrack, TCP " timeout=100");
	add_ct(conntrack, UDP6 " timeout=100");
	ck_assert_done(conntrack, nfbind_conntrack_read_stats(conntrack, &stats, sizeof(stats)));
	ck_assert_uint_eq(stats.entries, 2);
	ck_assert_uint_gt(stats.max_entries, 2);
	stats.max_entries = 7;
	ck_assert_done(conntrack, nfbind_conntrack_read_stats(conntrack, &stats, 4));
	ck_assert_uint_eq(stats.max_entries, 7);
}
END_TEST

/* Places and rights. */

static void use_elsewhere(const struct nfbind_options *options, int other)
{
	struct nfbind_conntrack *there, *here;
	uint64_t inode;

	netns_enter(home);
	inode = netns_inode();
	here = open_requests();
	there = open_requests_with(options);
	add_ct(there, TCP " timeout=100 mark=1");
	add_ct(there, UDP6 " timeout=100 mark=2");
	ck_assert_uint_eq(count_list(here, NULL, NFBIND_LIST_TABLE), 0);
	ck_assert_uint_eq(count_list(there, NULL, NFBIND_LIST_TABLE), 2);
	ck_assert_uint_eq(count_exp(there, NULL), 0);
	ck_assert_uint_eq(netns_inode(), inode);
	netns_enter(other);
	/* A list is where its session is, wherever its thread went. */
	ck_assert_uint_eq(count_list(here, NULL, NFBIND_LIST_TABLE), 0);
	ck_assert_uint_eq(count_list(open_requests(), NULL, NFBIND_LIST_TABLE), 2);
	netns_enter(home);
}

START_TEST(test_elsewhere_by_fd_and_path)
{
	struct nfbind_options *options = OPTIONS({ NFBIND_OPTIONS_BATCH, 8 });
	int other = netns_new();
	char path[64];
	int len = snprintf(path, sizeof(path), "/proc/self/fd/%d", other);

	use_elsewhere(OPTIONS({ NFBIND_OPTIONS_NETNS_FD, (uint64_t)other }), other);
	netns_enter(other);
	ck_assert_done(open_requests(), nfbind_conntrack_flush_ct(open_requests()));
	ck_assert_int_eq(nfbind_options_set_bytes(options, NFBIND_OPTIONS_NETNS_PATH, path, (size_t)len), 0);
	use_elsewhere(options, other);
}
END_TEST

START_TEST(test_elsewhere_by_pid)
{
	int other = netns_new(), ready[2], status;
	pid_t pid;
	char byte;

	ck_assert_int_eq(pipe2(ready, 0), 0);
	pid = check_fork();
	if (pid == 0) {
		close(ready[1]);
		_exit(read(ready[0], &byte, 1) == 0 ? 0 : 1);
	}
	use_elsewhere(OPTIONS({ NFBIND_OPTIONS_NETNS_PID, (uint64_t)pid }), other);
	close(ready[1]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
}
END_TEST

START_TEST(test_without_rights_is_eperm)
{
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_conntrack_stats stats;
	struct nfbind_list *list;
	struct nfbind_ct *ct = ct_of(TCP " timeout=5");
	struct nfbind_exp *exp = exp_of("expected-src=10.0.0.1 expected-dst=10.0.0.2 expected-l4proto=6");

	cap_drop(CAP_NET_ADMIN);
	ck_assert_refused(conntrack, nfbind_conntrack_add_ct(conntrack, ct, 0), -EPERM, "CAP_NET_ADMIN");
	ck_assert_refused(conntrack, nfbind_conntrack_change_ct(conntrack, ct), -EPERM, "CAP_NET_ADMIN");
	ck_assert_refused(conntrack, nfbind_conntrack_fetch_ct(conntrack, ct, 0, ct), -EPERM, "CAP_NET_ADMIN");
	ck_assert_refused(conntrack, nfbind_conntrack_remove_ct(conntrack, ct), -EPERM, "CAP_NET_ADMIN");
	ck_assert_refused(conntrack, nfbind_conntrack_flush_ct(conntrack), -EPERM, "CAP_NET_ADMIN");
	ck_assert_refused(conntrack, nfbind_conntrack_list_ct(conntrack, NULL, 0, 0, &list), -EPERM, "CAP_NET_ADMIN");
	ck_assert_refused(conntrack, nfbind_conntrack_list_exp(conntrack, NULL, &list), -EPERM, "CAP_NET_ADMIN");
	ck_assert_refused(conntrack, nfbind_conntrack_fetch_exp(conntrack, exp, exp), -EPERM, "CAP_NET_ADMIN");
	ck_assert_refused(conntrack, nfbind_conntrack_remove_exp(conntrack, exp), -EPERM, "CAP_NET_ADMIN");
	ck_assert_refused(conntrack, nfbind_conntrack_flush_exp(conntrack, NULL), -EPERM, "CAP_NET_ADMIN");
	ck_assert_refused(conntrack, nfbind_conntrack_read_stats(conntrack, &stats, sizeof(stats)), -EPERM,
			  "CAP_NET_ADMIN");
	cap_restore(CAP_NET_ADMIN);
}
END_TEST

START_TEST(test_order_of_calls)
{
	struct nfbind_conntrack *conntrack;
	struct nfbind_list *list;

	ck_assert_int_eq(nfbind_conntrack_new(&conntrack), 0);
	ck_assert_refused(conntrack, nfbind_conntrack_flush_ct(conntrack), -ESHUTDOWN, "not open");
	ck_assert_done(conntrack, nfbind_conntrack_open(conntrack, NULL));
	ck_assert_int_eq(nfbind_conntrack_open(conntrack, NULL), -EALREADY);
	ck_assert_int_eq(nfbind_conntrack_close(conntrack), 0);
	ck_assert_int_eq(nfbind_conntrack_close(conntrack), 0);
	ck_assert_int_eq(nfbind_conntrack_open(conntrack, NULL), -ESHUTDOWN);
	ck_assert_refused(conntrack, nfbind_conntrack_list_ct(conntrack, NULL, 0, 0, &list), -ESHUTDOWN, "not open");
	nfbind_conntrack_free(conntrack);
	nfbind_conntrack_free(NULL);
}
END_TEST

int main(void)
{
	const struct live_case cases[] = {
		{ "change", test_change_mark_timeout_and_status },
		{ "change", test_change_helper_and_protocol },
		{ "change", test_labels },
		{ "change", test_labels_are_numbered_as_in_rules },
		{ "fetch", test_fetch_by_either_tuple },
		{ "fetch", test_fetch_counters_and_zero_them },
		{ "remove", test_remove },
		{ "stats", test_stats },
		{ "place", test_elsewhere_by_fd_and_path },
		{ "place", test_elsewhere_by_pid },
		{ "rights", test_without_rights_is_eperm },
		{ "life", test_order_of_calls },
	};

	return live_main("conntrack", cases, sizeof(cases) / sizeof(cases[0]));
}
