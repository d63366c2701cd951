/* SPDX-License-Identifier: MIT */
/*
 * Requests about expectations: of a master that was added with a helper, and of a
 * real conversation in which the kernel's own FTP helper finds the data connection.
 */
#include "requests.h"

#include <string.h>

#define MASTER "orig-src=10.0.0.1 orig-dst=10.0.0.2 orig-l4proto=6 orig-port-src=1000 orig-port-dst=21"
#define OF_MASTER "master-src=10.0.0.1 master-dst=10.0.0.2 master-l4proto=6 master-port-src=1000 master-port-dst=21"
#define MASK "mask-src=255.255.255.255 mask-dst=255.255.255.255 mask-l4proto=6 mask-port-src=0 mask-port-dst=65535"
#define EXPECTED "expected-src=10.0.0.2 expected-dst=10.0.0.1 expected-l4proto=6 expected-port-src=0 expected-port-dst="

static struct nfbind_conntrack *with_master(void)
{
	struct nfbind_conntrack *conntrack = open_requests();

	add_ct(conntrack, MASTER " timeout=100 helper-name=ftp status=14 tcp-state=3");
	return conntrack;
}

static void add_exp(struct nfbind_conntrack *conntrack, const char *port, const char *more)
{
	ck_assert_done(conntrack, nfbind_conntrack_add_exp(
		conntrack, exp_of(OF_MASTER " " MASK " " EXPECTED "%s%s", port, more), 0));
}

static struct nfbind_exp *fetch_exp(struct nfbind_conntrack *conntrack, const char *port)
{
	struct nfbind_exp *exp = exp_of(EXPECTED "%s", port);

	ck_assert_done(conntrack, nfbind_conntrack_fetch_exp(conntrack, exp, exp));
	return exp;
}

START_TEST(test_add_and_fetch)
{
	struct nfbind_conntrack *conntrack = with_master();
	struct nfbind_exp *exp;

	add_exp(conntrack, "2000", " timeout=100");
	exp = fetch_exp(conntrack, "2000");
	exp_is(exp, OF_MASTER " " EXPECTED "2000 mask-src=255.255.255.255 mask-port-dst=65535 mask-l4proto=6 "
		    "class=0 master-l3proto=2 zone=");
	ck_assert_int_eq(nfbind_exp_has(exp, NFBIND_EXP_ID), 1);
	ck_assert_int_eq(nfbind_exp_has(exp, NFBIND_EXP_TIMEOUT), 1);
	add_exp(conntrack, "2001", " flags=1");
	exp_is(fetch_exp(conntrack, "2001"), "flags=1");
	/* FTP has one at a time in its policy: the oldest goes. */
	ck_assert_uint_ge(count_exp(conntrack, NULL), 1);
}
END_TEST

START_TEST(test_add_translated)
{
	struct nfbind_conntrack *conntrack = with_master();
	int r = nfbind_conntrack_add_exp(
		conntrack, exp_of(OF_MASTER " " MASK " " EXPECTED "2000 class=0 fn=nat-follow-master nat-dir=1 "
				  "nat-src=10.0.0.9 nat-dst=0.0.0.0 nat-l4proto=6 nat-port-src=99 nat-port-dst=0"), 0);

	if (r == -EINVAL)
		skip("this kernel has no nat-follow-master");
	ck_assert_done(conntrack, r);
	exp_is(fetch_exp(conntrack, "2000"), "fn=nat-follow-master nat-dir=1 nat-src=10.0.0.9 nat-port-src=99");
}
END_TEST

static bool looks_at_class(struct nfbind_conntrack *conntrack)
{
	struct nfbind_exp *exp = exp_of(OF_MASTER " " MASK " " EXPECTED "2009 class=3");
	int r = nfbind_conntrack_add_exp(conntrack, exp, 0);

	ck_assert_msg(r == -EINVAL || r == 0, "%s", sentence_of(conntrack));
	if (r == 0) {
		exp_is(fetch_exp(conntrack, "2009"), "class=0");
		ck_assert_done(conntrack, nfbind_conntrack_remove_exp(conntrack, fetch_exp(conntrack, "2009")));
	}
	return r < 0;
}

START_TEST(test_add_refuses)
{
	struct nfbind_conntrack *conntrack = with_master();
	struct nfbind_exp *exp = exp_of(OF_MASTER " " MASK " " EXPECTED "2000");

	ck_assert_done(conntrack, nfbind_conntrack_add_exp(conntrack, exp, 0));
	ck_assert_refused(conntrack, nfbind_conntrack_add_exp(conntrack, exp, 0), -EEXIST, "there already");
	ck_assert_done(conntrack, nfbind_conntrack_add_exp(conntrack, exp, NFBIND_ADD_OR_CHANGE));
	ck_assert_int_eq(nfbind_conntrack_add_exp(conntrack, exp, 4), -EINVAL);
	ck_assert_refused(conntrack, nfbind_conntrack_add_exp(conntrack, exp_of(OF_MASTER " " EXPECTED "1"), 0),
			  -EINVAL, "mask");
	ck_assert_refused(conntrack, nfbind_conntrack_add_exp(conntrack, exp_of(MASK " " EXPECTED "1"), 0), -EINVAL,
			  "master");
	/* Without a helper's name some kernels (5.10, 6.18) look at no class, and take the first. */
	if (looks_at_class(conntrack))
		ck_assert_refused(conntrack, nfbind_conntrack_add_exp(
			conntrack, exp_of(OF_MASTER " " MASK " " EXPECTED "2001 class=3"), 0), -EINVAL, "class");
	ck_assert_refused(conntrack, nfbind_conntrack_add_exp(
		conntrack, exp_of(OF_MASTER " " MASK " " EXPECTED "2001 class=3 helper-name=ftp"), 0), -EINVAL, "class");
	ck_assert_refused(conntrack, nfbind_conntrack_add_exp(
		conntrack, exp_of(OF_MASTER " " MASK " " EXPECTED "2001 fn=no-such"), 0), -EINVAL, "function");
	ck_assert_refused(conntrack, nfbind_conntrack_add_exp(
		conntrack, exp_of("master-src=10.7.0.1 master-dst=10.0.0.2 master-l4proto=6 master-port-src=1 "
				  "master-port-dst=21 " MASK " " EXPECTED "2001"), 0), -ENOENT, "no such master");
	add_ct(conntrack, "orig-src=10.7.0.1 orig-dst=10.0.0.2 orig-l4proto=6 orig-port-src=1 orig-port-dst=21 timeout=50");
	ck_assert_refused(conntrack, nfbind_conntrack_add_exp(
		conntrack, exp_of("master-src=10.7.0.1 master-dst=10.0.0.2 master-l4proto=6 master-port-src=1 "
				  "master-port-dst=21 " MASK " " EXPECTED "2001"), 0), -EOPNOTSUPP, "no helper");
}
END_TEST

START_TEST(test_fetch_and_remove)
{
	struct nfbind_conntrack *conntrack = with_master();
	struct nfbind_exp *exp = exp_of(EXPECTED "2000");
	uint64_t id;

	ck_assert_refused(conntrack, nfbind_conntrack_fetch_exp(conntrack, exp, exp), -ENOENT, "no such expectation");
	ck_assert_refused(conntrack, nfbind_conntrack_remove_exp(conntrack, exp), -ENOENT, "no such expectation");
	ck_assert_refused(conntrack, nfbind_conntrack_remove_exp(conntrack, exp_of("id=5")), -EINVAL, "a tuple is needed");
	ck_assert_refused(conntrack, nfbind_conntrack_fetch_exp(conntrack, exp_of(OF_MASTER), exp), -EINVAL,
			  "a tuple is needed");
	add_exp(conntrack, "2000", "");
	exp = fetch_exp(conntrack, "2000");
	ck_assert_int_eq(nfbind_exp_get_number(exp, NFBIND_EXP_ID, &id), 0);
	nfbind_exp_set_number(exp, NFBIND_EXP_ID, id ^ 1);
	ck_assert_refused(conntrack, nfbind_conntrack_remove_exp(conntrack, exp), -ENOENT, "no such expectation");
	nfbind_exp_set_number(exp, NFBIND_EXP_ID, id);
	ck_assert_done(conntrack, nfbind_conntrack_remove_exp(conntrack, exp));
	ck_assert_uint_eq(count_exp(conntrack, NULL), 0);
}
END_TEST

START_TEST(test_list_and_flush)
{
	struct nfbind_conntrack *conntrack = with_master();
	struct nfbind_exp *sip = exp_of("master-src=10.0.0.5 master-dst=10.0.0.2 master-l4proto=17 "
					"master-port-src=7 master-port-dst=69");
	struct nfbind_list *list;
	struct nfbind_ct *ct = ct_of("mark=0");
	int r;

	add_ct(conntrack, "orig-src=10.0.0.5 orig-dst=10.0.0.2 orig-l4proto=17 orig-port-src=7 orig-port-dst=69 "
			  "timeout=100 helper-name=tftp");
	add_ct(conntrack, "orig-src=10.0.0.6 orig-dst=10.0.0.2 orig-l4proto=17 orig-port-src=7 orig-port-dst=69 timeout=100");
	add_exp(conntrack, "2000", "");
	ck_assert_done(conntrack, nfbind_conntrack_add_exp(
		conntrack, exp_of("master-src=10.0.0.5 master-dst=10.0.0.2 master-l4proto=17 master-port-src=7 "
				  "master-port-dst=69 expected-src=10.0.0.2 expected-dst=10.0.0.5 expected-l4proto=17 "
				  "expected-port-src=0 expected-port-dst=7 mask-src=255.255.255.255 "
				  "mask-dst=255.255.255.255 mask-l4proto=17 mask-port-src=0 mask-port-dst=65535"), 0));
	ck_assert_uint_eq(count_exp(conntrack, NULL), 2);
	ck_assert_uint_eq(count_exp(conntrack, sip), 1);
	ck_assert_uint_eq(count_exp(conntrack, exp_of(OF_MASTER)), 1);
	/* One without a helper has none, and one that is not there is an error. */
	ck_assert_uint_eq(count_exp(conntrack, exp_of("master-src=10.0.0.6 master-dst=10.0.0.2 master-l4proto=17 "
						      "master-port-src=7 master-port-dst=69")), 0);
	ck_assert_refused(conntrack, nfbind_conntrack_list_exp(
		conntrack, exp_of("master-src=10.0.0.8 master-dst=10.0.0.2 master-l4proto=17 "
				  "master-port-src=7 master-port-dst=69"), &list), -ENOENT, "no such master");
	ck_assert_refused(conntrack, nfbind_conntrack_list_exp(conntrack, exp_of(OF_MASTER " zone=9"), &list), -ENOENT,
			  "no such master");
	ck_assert_refused(conntrack, nfbind_conntrack_list_exp(conntrack, exp_of("id=1"), &list), -EINVAL,
			  "a tuple is needed");
	ck_assert_done(conntrack, nfbind_conntrack_list_exp(conntrack, NULL, &list));
	ck_assert_int_eq(nfbind_list_next_ct(list, ct), -EINVAL);
	nfbind_list_free(list);
	ck_assert_int_eq(nfbind_conntrack_flush_exp(conntrack, "a-name-of-16-byt"), -EINVAL);
	ck_assert_done(conntrack, nfbind_conntrack_flush_exp(conntrack, "irc"));
	ck_assert_uint_eq(count_exp(conntrack, NULL), 2);
	ck_assert_done(conntrack, nfbind_conntrack_flush_exp(conntrack, "tftp"));
	ck_assert_uint_eq(count_exp(conntrack, sip), 0);
	ck_assert_uint_eq(count_exp(conntrack, NULL), 1);
	ck_assert_done(conntrack, nfbind_conntrack_flush_exp(conntrack, NULL));
	ck_assert_uint_eq(count_exp(conntrack, NULL), 0);
	/* The helper's end is its expectations' end. */
	add_exp(conntrack, "2000", "");
	r = nfbind_conntrack_change_ct(conntrack, ct_of(MASTER " helper-name="));
	ck_assert_msg(r == 0 || (r == -EOPNOTSUPP && is_kernel(7, 0)), "%s", sentence_of(conntrack));
	ck_assert_uint_eq(count_exp(conntrack, NULL), r == 0 ? 0 : 1);
	/* So is the master's. */
	ck_assert_done(conntrack, nfbind_conntrack_remove_ct(conntrack, ct_of(MASTER)));
	ck_assert_uint_eq(count_exp(conntrack, NULL), 0);
}
END_TEST

START_TEST(test_of_the_kernels_own_helper)
{
	struct nfbind_conntrack *conntrack = open_requests();
	int listener = tcp_listen("127.0.0.1", 21), client, server;
	struct nfbind_exp *exp = exp_of("expected-src=127.0.0.1 expected-dst=127.0.0.1 expected-l4proto=6 "
					"expected-port-dst=%u", 7 * 256 + 138);
	char text[256];

	if (!run_quietly("iptables -t raw -A OUTPUT -p tcp --dport 21 -j CT --helper ftp"))
		skip("this kernel has no helpers for rules");
	client = tcp_start("127.0.0.1", 21);
	ck_assert_int_eq(tcp_outcome(client, PATIENCE), 0);
	server = accept(listener, NULL, NULL);
	/* The helper reads on from the end of a line that it saw. */
	say_text(client, "USER x\r\n");
	ck_assert_int_gt(hear(server, text, sizeof(text), PATIENCE), 0);
	say_text(client, "PORT 127,0,0,1,7,138\r\n");
	ck_assert_int_gt(hear(server, text, sizeof(text), PATIENCE), 0);
	ck_assert_uint_eq(count_exp(conntrack, NULL), 1);
	nfbind_exp_set_number(exp, NFBIND_EXP_EXPECTED_PORT_SRC, 0);
	ck_assert_done(conntrack, nfbind_conntrack_fetch_exp(conntrack, exp, exp));
	exp_is(exp, "master-port-dst=21 master-port-src=%u helper-name=ftp expected-port-dst=1930", port_of(client));
	ck_assert_uint_eq(count_exp(conntrack, exp), 1);
	ck_assert_done(conntrack, nfbind_conntrack_flush_exp(conntrack, "ftp"));
	ck_assert_uint_eq(count_exp(conntrack, NULL), 0);
}
END_TEST

int main(void)
{
	const struct live_case cases[] = {
		{ "add", test_add_and_fetch },
		{ "add", test_add_translated },
		{ "add", test_add_refuses },
		{ "fetch", test_fetch_and_remove },
		{ "list", test_list_and_flush },
		{ "helper", test_of_the_kernels_own_helper },
	};

	return live_main("expect", cases, sizeof(cases) / sizeof(cases[0]));
}
