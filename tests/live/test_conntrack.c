/* SPDX-License-Identifier: MIT */
/*
 * Requests about connections: what is added can be fetched and listed as it was
 * given, changes change what they name and nothing else, a removal never takes more
 * than was asked for, and a refusal says why. conntrack(8), where it is installed,
 * has to see the same table.
 */
#include "requests.h"

#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TCP "orig-src=10.0.0.1 orig-dst=10.0.0.2 orig-l4proto=6 orig-port-src=1000 orig-port-dst=80"
#define TCP_REPLY "repl-src=10.0.0.2 repl-dst=10.0.0.1 repl-l4proto=6 repl-port-src=80 repl-port-dst=1000"
#define UDP "orig-src=10.0.0.1 orig-dst=10.0.0.2 orig-l4proto=17 orig-port-src=1000 orig-port-dst=53"
#define UDP6 "orig-src=fd00::1 orig-dst=fd00::2 orig-l4proto=17 orig-port-src=1000 orig-port-dst=53"

/* A rule that uses labels, or false. */
static bool use_labels(void)
{
	return run_quietly("iptables -A OUTPUT -m connlabel --label 5 -j ACCEPT") ||
	       has_nft("inet", "ct label 5 accept");
}

/* Adding. */

static void check_added(struct nfbind_conntrack *conntrack, const char *tuple, const char *reply,
			const char *more)
{
	struct nfbind_ct *ct;

	add_ct(conntrack, "%s timeout=1000%s%s", tuple, *more ? " " : "", more);
	ct = fetch_ct(conntrack, "%s", tuple);
	ct_is(ct, "%s %s", tuple, reply);
	if (*more)
		ct_is(ct, "%s", more);
	ck_assert(ct_number(ct, NFBIND_CT_STATUS) & NFBIND_CT_STATUS_CONFIRMED);
	ck_assert_uint_ge(ct_number(ct, NFBIND_CT_TIMEOUT), 990);
	ck_assert_uint_le(ct_number(ct, NFBIND_CT_TIMEOUT), 1000);
	ck_assert_int_eq(nfbind_ct_has(ct, NFBIND_CT_ID), 1);
}

START_TEST(test_add_every_protocol)
{
	struct nfbind_conntrack *conntrack = open_requests();

	check_added(conntrack, TCP, TCP_REPLY " orig-l3proto=2 repl-l3proto=2", "mark=0x17");
	check_added(conntrack, UDP, "repl-port-src=53 repl-port-dst=1000", "");
	check_added(conntrack, UDP6, "repl-src=fd00::2 repl-dst=fd00::1 orig-l3proto=10", "");
	check_added(conntrack, "orig-src=10.0.0.1 orig-dst=10.0.0.2 orig-l4proto=1 orig-icmp-type=8 "
			       "orig-icmp-code=0 orig-icmp-id=7",
		    "repl-src=10.0.0.2 repl-icmp-type=0 repl-icmp-code=0 repl-icmp-id=7", "");
	check_added(conntrack, "orig-src=fd00::1 orig-dst=fd00::2 orig-l4proto=58 orig-icmp-type=128 "
			       "orig-icmp-code=0 orig-icmp-id=7",
		    "repl-src=fd00::2 repl-icmp-type=129 repl-icmp-id=7", "");
	check_added(conntrack, "orig-src=10.0.0.1 orig-dst=10.0.0.2 orig-l4proto=132 "
			       "orig-port-src=5000 orig-port-dst=5001",
		    "repl-port-src=5001", "sctp-state=4 sctp-vtag-orig=0x11 sctp-vtag-repl=0x22");
	check_added(conntrack, "orig-src=10.0.0.1 orig-dst=10.0.0.2 orig-l4proto=47 "
			       "orig-port-src=3 orig-port-dst=4", "repl-port-src=4 repl-port-dst=3", "");
	check_added(conntrack, "orig-src=10.0.0.1 orig-dst=10.0.0.2 orig-l4proto=99",
		    "repl-src=10.0.0.2 repl-l4proto=99", "");
	ck_assert_uint_eq(count_list(conntrack, NULL, NFBIND_LIST_TABLE), 8);
}
END_TEST

START_TEST(test_add_in_zones)
{
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_ct *ct = ct_of(TCP " zone=2");

	add_ct(conntrack, TCP " timeout=100 mark=1 zone=1");
	add_ct(conntrack, TCP " timeout=100 mark=3");
	ct_is(fetch_ct(conntrack, TCP " zone=1"), "mark=1 zone=1");
	ct_is(fetch_ct(conntrack, TCP), "mark=3 zone=");
	ck_assert_refused(conntrack, nfbind_conntrack_fetch_ct(conntrack, ct, 0, ct), -ENOENT,
			  "no such connection");
	/* A zone of one direction: the reply tuple is still made. */
	add_ct(conntrack, UDP " timeout=100 orig-zone=7");
	ct_is(fetch_ct(conntrack, UDP " orig-zone=7"), "orig-zone=7 repl-port-src=53 zone=");
	add_ct(conntrack, UDP6 " timeout=100 repl-zone=8");
	ct_is(fetch_ct(conntrack, UDP6), "repl-zone=8 repl-port-src=53 zone=");
	ct = ct_of(TCP " timeout=5 zone=4 orig-zone=5");
	ck_assert_refused(conntrack, nfbind_conntrack_add_ct(conntrack, ct, 0), -EINVAL, "");
}
END_TEST

START_TEST(test_add_translated)
{
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_ct *ct;

	add_ct(conntrack, TCP " timeout=100 snat=192.0.2.1 snat-port=2000 snat-port-max=2000");
	ct = fetch_ct(conntrack, TCP);
	ct_is(ct, "repl-src=10.0.0.2 repl-dst=192.0.2.1 repl-port-dst=2000");
	ck_assert(ct_number(ct, NFBIND_CT_STATUS) & NFBIND_CT_STATUS_SRC_NAT);
	add_ct(conntrack, UDP " timeout=100 dnat=192.0.2.9 dnat-port=5300 dnat-port-max=5309");
	ct = fetch_ct(conntrack, UDP);
	ct_is(ct, "repl-src=192.0.2.9 repl-dst=10.0.0.1");
	ck_assert_uint_ge(ct_number(ct, NFBIND_CT_REPL_PORT_SRC), 5300);
	ck_assert_uint_le(ct_number(ct, NFBIND_CT_REPL_PORT_SRC), 5309);
	ck_assert(ct_number(ct, NFBIND_CT_STATUS) & NFBIND_CT_STATUS_DST_NAT);
	add_ct(conntrack, UDP6 " timeout=100 snat=fd00::100 snat-max=fd00::10f dnat=fd00::9");
	ct = fetch_ct(conntrack, UDP6);
	ct_is(ct, "repl-src=fd00::9");
	add_ct(conntrack, "orig-src=10.0.0.3 orig-dst=10.0.0.2 orig-l4proto=1 orig-icmp-type=8 orig-icmp-code=0 "
			  "orig-icmp-id=7 timeout=100 snat=192.0.2.1 snat-port=77 snat-port-max=77");
	ct_is(fetch_ct(conntrack, "orig-src=10.0.0.3 orig-dst=10.0.0.2 orig-l4proto=1 orig-icmp-type=8 "
				  "orig-icmp-code=0 orig-icmp-id=7"),
	      "repl-dst=192.0.2.1 repl-icmp-id=77");
	/* Not on one that is there. */
	ct = ct_of(TCP " snat=192.0.2.2");
	ck_assert_refused(conntrack, nfbind_conntrack_change_ct(conntrack, ct), -EOPNOTSUPP,
			  "on creation only");
}
END_TEST

START_TEST(test_add_with_helper_adjustment_and_master)
{
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_ct *ct;

	add_ct(conntrack, TCP " timeout=100 helper-name=ftp tcp-state=3 status=14 orig-seq-position=5 "
			  "orig-seq-before=1 orig-seq-after=2 repl-seq-position=6 repl-seq-before=3 repl-seq-after=4");
	ct = fetch_ct(conntrack, TCP);
	ct_is(ct, "helper-name=ftp tcp-state=3");
	ct_is(ct, "orig-seq-position=5 orig-seq-before=1 orig-seq-after=2 repl-seq-position=6 "
		  "repl-seq-before=3 repl-seq-after=4");
	ck_assert(ct_number(ct, NFBIND_CT_STATUS) & NFBIND_CT_STATUS_HELPER);
	add_ct(conntrack, UDP " timeout=100 master-src=10.0.0.1 master-dst=10.0.0.2 master-l4proto=6 "
			  "master-port-src=1000 master-port-dst=80");
	ct = fetch_ct(conntrack, UDP);
	ct_is(ct, "master-src=10.0.0.1 master-dst=10.0.0.2 master-l4proto=6 master-port-src=1000 master-port-dst=80");
	ck_assert(ct_number(ct, NFBIND_CT_STATUS) & NFBIND_CT_STATUS_EXPECTED);
	ct = ct_of(UDP6 " timeout=9 helper-name=no-such-helper");
	ck_assert_refused(conntrack, nfbind_conntrack_add_ct(conntrack, ct, 0), -EOPNOTSUPP, "helper");
	ct = ct_of("orig-src=10.0.0.7 orig-dst=10.0.0.2 orig-l4proto=99 timeout=9 master-src=10.9.9.9 "
		   "master-dst=10.0.0.2 master-l4proto=6 master-port-src=1 master-port-dst=2");
	ck_assert_refused(conntrack, nfbind_conntrack_add_ct(conntrack, ct, 0), -ENOENT, "");
}
END_TEST

/* The kernel takes these where the connection has the extension, and looks away elsewhere. */
START_TEST(test_add_with_synproxy)
{
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_ct *ct;

	add_ct(conntrack, TCP " timeout=100 synproxy-isn=1 synproxy-its=2 synproxy-tsoff=3");
	ct = fetch_ct(conntrack, TCP);
	ct_is(ct, TCP_REPLY);
	/* Before 5.18 only where its module is there by chance. */
	if (!nfbind_ct_has(ct, NFBIND_CT_SYNPROXY_ISN) && !is_kernel(5, 18))
		return;
	if (!nfbind_ct_has(ct, NFBIND_CT_SYNPROXY_ISN))
		skip("this kernel has no synproxies");
	ct_is(ct, "synproxy-isn=1 synproxy-its=2 synproxy-tsoff=3");
	ck_assert_done(conntrack, nfbind_conntrack_change_ct(
		conntrack, ct_of(TCP " synproxy-isn=4 synproxy-its=5 synproxy-tsoff=6")));
	ct_is(fetch_ct(conntrack, TCP), "synproxy-isn=4 synproxy-its=5 synproxy-tsoff=6");
}
END_TEST

START_TEST(test_add_refuses)
{
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_ct *ct = ct_of(TCP " timeout=100 mark=1");

	ck_assert_done(conntrack, nfbind_conntrack_add_ct(conntrack, ct, 0));
	ck_assert_refused(conntrack, nfbind_conntrack_add_ct(conntrack, ct, 0), -EEXIST, "there already");
	nfbind_ct_set_number(ct, NFBIND_CT_MARK, 2);
	ck_assert_done(conntrack, nfbind_conntrack_add_ct(conntrack, ct, NFBIND_ADD_OR_CHANGE));
	ck_assert_str_eq(sentence_of(conntrack), "");
	ct_is(fetch_ct(conntrack, TCP), "mark=2");
	ck_assert_refused(conntrack, nfbind_conntrack_add_ct(conntrack, ct_of(UDP), 0), -EINVAL, "timeout");
	ck_assert_refused(conntrack, nfbind_conntrack_add_ct(conntrack, ct_of("timeout=5"), 0), -EINVAL,
			  "a tuple is needed");
	ck_assert_int_eq(nfbind_conntrack_add_ct(conntrack, ct, 2), -EINVAL);
	ck_assert_int_eq(nfbind_conntrack_add_ct(conntrack, NULL, 0), -EINVAL);
	ck_assert_int_eq(nfbind_conntrack_add_ct(NULL, ct, 0), -EINVAL);
	/* Half a reply tuple is the caller's, not completed. */
	ck_assert_refused(conntrack,
			  nfbind_conntrack_add_ct(conntrack, ct_of(UDP " timeout=5 repl-src=10.0.0.2"), 0),
			  -EINVAL, "");
	ck_assert_uint_eq(count_list(conntrack, NULL, NFBIND_LIST_TABLE), 1);
}
END_TEST

/* What was fetched can be added again elsewhere. */
START_TEST(test_add_what_was_fetched)
{
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_ct *ct, *again;

	add_ct(conntrack, TCP " timeout=100 mark=9 zone=3 tcp-state=3 status=0x0e");
	ct = fetch_ct(conntrack, TCP " zone=3");
	ck_assert_done(conntrack, nfbind_conntrack_remove_ct(conntrack, ct));
	ck_assert_done(conntrack, nfbind_conntrack_add_ct(conntrack, ct, 0));
	again = fetch_ct(conntrack, TCP " zone=3");
	nfbind_ct_clear(ct, NFBIND_CT_TIMEOUT);
	nfbind_ct_clear(ct, NFBIND_CT_ID);
	nfbind_ct_clear(again, NFBIND_CT_TIMEOUT);
	nfbind_ct_clear(again, NFBIND_CT_ID);
	ck_assert_int_eq(nfbind_ct_equal(ct, again), 1);
}
END_TEST

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

/* Lists. */

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
		{ "add", test_add_every_protocol },
		{ "add", test_add_in_zones },
		{ "add", test_add_translated },
		{ "add", test_add_with_helper_adjustment_and_master },
		{ "add", test_add_with_synproxy },
		{ "add", test_add_refuses },
		{ "add", test_add_what_was_fetched },
		{ "change", test_change_mark_timeout_and_status },
		{ "change", test_change_helper_and_protocol },
		{ "change", test_labels },
		{ "change", test_labels_are_numbered_as_in_rules },
		{ "fetch", test_fetch_by_either_tuple },
		{ "fetch", test_fetch_counters_and_zero_them },
		{ "remove", test_remove },
		{ "list", test_list_is_what_was_added },
		{ "list", test_list_is_what_conntrack8_lists },
		{ "list", test_list_with_a_filter },
		{ "list", test_list_unique },
		{ "list", test_list_stopped_early_and_while_removing },
		{ "list", test_list_other_kinds },
		{ "stats", test_stats },
		{ "place", test_elsewhere_by_fd_and_path },
		{ "place", test_elsewhere_by_pid },
		{ "rights", test_without_rights_is_eperm },
		{ "life", test_order_of_calls },
	};

	return live_main("conntrack", cases, sizeof(cases) / sizeof(cases[0]));
}
