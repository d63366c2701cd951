/* SPDX-License-Identifier: MIT */
/*
 * Adding connections: what is added can be fetched as it was given, of every protocol, in
 * zones, translated, with a helper or a master; what cannot be is refused with its reason.
 */
#include "requests.h"
#include "tuples.h"

#include <string.h>

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
	};

	return live_main("add", cases, sizeof(cases) / sizeof(cases[0]));
}
