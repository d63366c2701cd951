/* SPDX-License-Identifier: MIT */
/*
 * Records of helpers on a real kernel: what it keeps of them, what it refuses, and where
 * kernels differ. Helpers are the whole machine's, whatever the network namespace: names
 * are our own, and nothing is flushed where somebody else has one.
 */
#include "requests.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TCP = 6, UDP = 17 };

static char name[16];
static struct nfbind_conntrack *requests;

static void set(struct nfbind_cthelper *record, uint32_t field, uint64_t value)
{
	ck_assert_int_eq(nfbind_cthelper_set_number(record, field, value), 0);
}

static void set_text(struct nfbind_cthelper *record, uint32_t field, const char *text)
{
	ck_assert_int_eq(nfbind_cthelper_set_bytes(record, field, text, strlen(text)), 0);
}

/* Only what names it. */
static struct nfbind_cthelper *key(uint16_t l3proto)
{
	struct nfbind_cthelper *record;

	ck_assert_int_eq(nfbind_cthelper_new(&record), 0);
	set_text(record, NFBIND_CTHELPER_NAME, name);
	if (l3proto) {
		set(record, NFBIND_CTHELPER_L3PROTO, l3proto);
		set(record, NFBIND_CTHELPER_L4PROTO, UDP);
	}
	return record;
}

static void set_policy(struct nfbind_cthelper *record, uint32_t first, const char *text,
		       uint32_t max, uint32_t timeout)
{
	set_text(record, first, text);
	set(record, first + 1, max);
	set(record, first + 2, timeout);
}

static struct nfbind_cthelper *whole(uint16_t l3proto)
{
	struct nfbind_cthelper *record = key(l3proto);

	set(record, NFBIND_CTHELPER_QUEUE, 41);
	set(record, NFBIND_CTHELPER_PRIV_DATA_LEN, 32);
	set(record, NFBIND_CTHELPER_STATUS, 1);
	set_policy(record, NFBIND_CTHELPER_POLICY1_NAME, "voice", 8, 300);
	set_policy(record, NFBIND_CTHELPER_POLICY2_NAME, "exactly15letter", 255, 60);
	set_policy(record, NFBIND_CTHELPER_POLICY3_NAME, "c", 1, 0);
	set_policy(record, NFBIND_CTHELPER_POLICY4_NAME, "d", 2, UINT32_MAX / 4096);
	return record;
}

static uint64_t fetched(uint16_t l3proto, uint32_t field)
{
	struct nfbind_cthelper *record = key(l3proto);
	uint64_t value;

	ck_assert_done(requests, nfbind_conntrack_fetch_cthelper(requests, record, record));
	ck_assert_int_eq(nfbind_cthelper_get_number(record, field, &value), 0);
	nfbind_cthelper_free(record);
	return value;
}

static int fetch(uint16_t l3proto)
{
	struct nfbind_cthelper *record = key(l3proto);
	int r = nfbind_conntrack_fetch_cthelper(requests, record, record);

	nfbind_cthelper_free(record);
	return r;
}

static void begin(void)
{
	snprintf(name, sizeof(name), "rec-%d", (int)getpid());
	requests = open_requests();
}

#define need_helpers()                                                                  \
	do {                                                                            \
		need_feature(NFBIND_FEATURE_CTHELPER, "user-space helpers for this user"); \
		begin();                                                                \
	} while (0)

static void add(uint16_t l3proto)
{
	ck_assert_done(requests, nfbind_conntrack_add_cthelper(requests, whole(l3proto)));
}

static void take_away(uint16_t l3proto)
{
	ck_assert_done(requests, nfbind_conntrack_remove_cthelper(requests, key(l3proto)));
}

START_TEST(test_cthelper_is_kept_as_it_was_given)
{
	struct nfbind_cthelper *record, *got = NULL;
	struct nfbind_list *list;
	unsigned int ours = 0;
	char wanted[1024], text[1024];
	int r;

	need_helpers();
	ck_assert_int_eq(nfbind_cthelper_new(&got), 0);
	add(2);
	add(10);
	for (uint16_t l3proto = 2; l3proto <= 10; l3proto += 8) {
		record = whole(l3proto);
		nfbind_cthelper_print(record, wanted, sizeof(wanted));
		ck_assert_done(requests, nfbind_conntrack_fetch_cthelper(requests, record, got));
		nfbind_cthelper_print(got, text, sizeof(text));
		ck_assert_str_eq(text, wanted);
		nfbind_cthelper_free(record);
	}
	ck_assert_done(requests, nfbind_conntrack_list_cthelper(requests, &list));
	while ((r = nfbind_list_next_cthelper(list, got)) == 0) {
		nfbind_cthelper_print(got, text, sizeof(text));
		ours += strstr(text, name) != NULL;
	}
	ck_assert_int_eq(r, -ENODATA);
	ck_assert_uint_eq(ours, 2);
	nfbind_list_free(list);
	ck_assert_refused(requests, nfbind_conntrack_add_cthelper(requests, whole(10)), -EEXIST,
			  "there is such a helper already");
	/* Without protocols all of that name are meant. */
	take_away(0);
	ck_assert_int_eq(fetch(2), -ENOENT);
	ck_assert_int_eq(fetch(10), -ENOENT);
	ck_assert_refused(requests, nfbind_conntrack_remove_cthelper(requests, key(2)), -ENOENT,
			  "there is no such helper");
	nfbind_cthelper_free(got);
}
END_TEST

START_TEST(test_cthelper_change_what_can_be_changed)
{
	struct nfbind_cthelper *change;

	need_helpers();
	add(2);
	change = key(2);
	set(change, NFBIND_CTHELPER_STATUS, 0);
	ck_assert_done(requests, nfbind_conntrack_change_cthelper(requests, change));
	ck_assert_uint_eq(fetched(2, NFBIND_CTHELPER_STATUS), 0);
	ck_assert_uint_eq(fetched(2, NFBIND_CTHELPER_QUEUE), 41);
	set(change, NFBIND_CTHELPER_STATUS, 1);
	set(change, NFBIND_CTHELPER_QUEUE, 65535);
	ck_assert_done(requests, nfbind_conntrack_change_cthelper(requests, change));
	ck_assert_uint_eq(fetched(2, NFBIND_CTHELPER_STATUS), 1);
	ck_assert_uint_eq(fetched(2, NFBIND_CTHELPER_QUEUE), 65535);
	/* A whole record, private data length and all, is a change of what differs. */
	ck_assert_done(requests, nfbind_conntrack_change_cthelper(requests, whole(2)));
	ck_assert_uint_eq(fetched(2, NFBIND_CTHELPER_QUEUE), 41);
	ck_assert_uint_eq(fetched(2, NFBIND_CTHELPER_POLICY2_TIMEOUT), 60);
	nfbind_cthelper_free(change);
	change = key(10);
	set(change, NFBIND_CTHELPER_STATUS, 1);
	ck_assert_refused(requests, nfbind_conntrack_change_cthelper(requests, change), -ENOENT,
			  "there is no such helper");
	nfbind_cthelper_free(change);
	take_away(2);
}
END_TEST

/* Some kernels give all policies what the first is to have: that is told. */
START_TEST(test_cthelper_change_of_policies)
{
	struct nfbind_cthelper *change;
	int r;

	need_helpers();
	add(2);
	change = key(2);
	set(change, NFBIND_CTHELPER_POLICY3_MAX, 77);
	r = nfbind_conntrack_change_cthelper(requests, change);
	ck_assert_uint_eq(fetched(2, NFBIND_CTHELPER_POLICY1_MAX), 8);
	if (r < 0) {
		ck_assert_refused(requests, nfbind_conntrack_change_cthelper(requests, change), -EOPNOTSUPP,
				  "all of the policies the limits of the first");
		ck_assert_uint_eq(fetched(2, NFBIND_CTHELPER_POLICY3_MAX), 8);
		ck_assert_uint_eq(fetched(2, NFBIND_CTHELPER_POLICY4_TIMEOUT), 300);
	} else {
		ck_assert_uint_eq(fetched(2, NFBIND_CTHELPER_POLICY3_MAX), 77);
		ck_assert_uint_eq(fetched(2, NFBIND_CTHELPER_POLICY2_TIMEOUT), 60);
	}
	nfbind_cthelper_free(change);
	take_away(2);
}
END_TEST

/* One alone is changed by every kernel. */
START_TEST(test_cthelper_change_of_a_single_policy)
{
	struct nfbind_cthelper *record;

	need_helpers();
	record = key(2);
	set_policy(record, NFBIND_CTHELPER_POLICY1_NAME, "one", 3, 10);
	ck_assert_done(requests, nfbind_conntrack_add_cthelper(requests, record));
	set(record, NFBIND_CTHELPER_POLICY1_MAX, 4);
	set(record, NFBIND_CTHELPER_POLICY1_TIMEOUT, 11);
	ck_assert_done(requests, nfbind_conntrack_change_cthelper(requests, record));
	ck_assert_uint_eq(fetched(2, NFBIND_CTHELPER_POLICY1_MAX), 4);
	ck_assert_uint_eq(fetched(2, NFBIND_CTHELPER_POLICY1_TIMEOUT), 11);
	nfbind_cthelper_free(record);
	take_away(2);
}
END_TEST

START_TEST(test_cthelper_what_is_fixed_stays)
{
	struct nfbind_cthelper *change;

	need_helpers();
	add(2);
	change = whole(2);
	set(change, NFBIND_CTHELPER_PRIV_DATA_LEN, 31);
	ck_assert_refused(requests, nfbind_conntrack_change_cthelper(requests, change), -EBUSY,
			  "priv-data-len cannot be changed");
	nfbind_cthelper_free(change);
	change = whole(2);
	set_text(change, NFBIND_CTHELPER_POLICY4_NAME, "e");
	ck_assert_refused(requests, nfbind_conntrack_change_cthelper(requests, change), -EBUSY,
			  "policy4-name cannot be changed");
	nfbind_cthelper_free(change);
	take_away(2);
}
END_TEST

/* Kernels before about 7.0 keep the 0, which is no limit to them; later ones keep the most there may be. */
START_TEST(test_cthelper_no_limit_is_0_or_255)
{
	struct nfbind_cthelper *record;
	uint64_t max;

	need_helpers();
	record = key(2);
	set_policy(record, NFBIND_CTHELPER_POLICY1_NAME, "free", 0, 10);
	ck_assert_done(requests, nfbind_conntrack_add_cthelper(requests, record));
	max = fetched(2, NFBIND_CTHELPER_POLICY1_MAX);
	ck_assert_msg(max == 0 || max == 255, "a limit of 0 became %d", (int)max);
	ck_assert_uint_eq(fetched(2, NFBIND_CTHELPER_PRIV_DATA_LEN), 0);
	ck_assert_uint_eq(fetched(2, NFBIND_CTHELPER_STATUS), 0);
	ck_assert_uint_eq(fetched(2, NFBIND_CTHELPER_QUEUE), 0);
	nfbind_cthelper_free(record);
	take_away(2);
}
END_TEST

START_TEST(test_cthelper_of_the_kernels_own_is_told)
{
	struct nfbind_cthelper *record;

	need_helpers();
	if (!run_quietly("iptables -t raw -A PREROUTING -p tcp --dport 21 -j CT --helper ftp"))
		skip("this kernel has no FTP helper of its own");
	record = whole(2);
	set_text(record, NFBIND_CTHELPER_NAME, "ftp");
	set(record, NFBIND_CTHELPER_L4PROTO, TCP);
	ck_assert_refused(requests, nfbind_conntrack_add_cthelper(requests, record), -EEXIST,
			  "of its own of that name");
	nfbind_cthelper_free(record);
}
END_TEST


/* Rules. */

static void refer(void)
{
	run("iptables -t raw -A OUTPUT -p udp -j CT --helper %s", name);
}

static void refer_by_object(uint16_t port)
{
	run("nft 'add table ip t; add ct helper ip t h { type \"%s\" protocol udp; }; "
	    "add chain ip t c { type filter hook output priority 0; }; "
	    "add rule ip t c udp dport %u ct helper set \"h\"'", name, port);
}

/* The kernel lets go of a rule's helper some time after the rule. */
static void take_away_after_rules(void)
{
	int r = -EBUSY;

	run("nft flush ruleset");
	for (unsigned int waited = 0; r == -EBUSY && waited < PATIENCE; waited += 50) {
		r = nfbind_conntrack_remove_cthelper(requests, key(0));
		if (r == -EBUSY)
			sleep_ms(50);
	}
	ck_assert_done(requests, r);
}

static void disable(void)
{
	struct nfbind_cthelper *change = key(2);

	set(change, NFBIND_CTHELPER_STATUS, NFBIND_CTHELPER_STATUS_DISABLED);
	ck_assert_done(requests, nfbind_conntrack_change_cthelper(requests, change));
	nfbind_cthelper_free(change);
}

/* Say something in a new connection; its entry, or NULL where it has none. */
static struct nfbind_ct *connection_of(uint16_t port)
{
	struct udp udp = udp_pair("127.0.0.1", port);
	struct nfbind_ct *ct = ct_of("orig-src=127.0.0.1 orig-dst=127.0.0.1 orig-l4proto=17 "
				     "orig-port-src=%u orig-port-dst=%u", port_of(udp.sender), port);
	int r;

	say_text(udp.sender, "x");
	hear_text(udp.receiver, "x");
	r = nfbind_conntrack_fetch_ct(requests, ct, 0, ct);
	ck_assert_msg(r == 0 || r == -ENOENT, "%s", sentence_of(requests));
	return r == 0 ? ct : NULL;
}

static bool is_helped(const struct nfbind_ct *ct)
{
	return ct && nfbind_ct_has(ct, NFBIND_CT_HELPER_NAME) > 0;
}

/*
 * nf_confirm() leaves off at the helper: where nobody has bound its queue the packet
 * passes, but its new connection is never entered. A disabled helper is not asked.
 */
START_TEST(test_cthelper_that_nobody_runs_keeps_new_connections_out_of_the_table)
{
	struct nfbind_queue *queue;
	struct udp udp;

	need_helpers();
	add(2);
	refer();
	ck_assert_ptr_null(connection_of(5001));
	ck_assert_ptr_null(connection_of(5002));
	queue = bind_session(41, NULL);
	udp = udp_pair("127.0.0.1", 5003);
	say_text(udp.sender, "x");
	/* On loopback it meets the helper twice. */
	judge_all(queue, 2, NFBIND_VERDICT_ACCEPT);
	hear_text(udp.receiver, "x");
	ct_is(fetch_ct(requests, "orig-src=127.0.0.1 orig-dst=127.0.0.1 orig-l4proto=17 orig-port-src=%u "
		       "orig-port-dst=5003", port_of(udp.sender)), "orig-port-dst=5003");
	free_session(queue);
	disable();
	ck_assert(is_helped(connection_of(5004)));
	take_away_after_rules();
}
END_TEST

/*
 * Until 7.0 it cannot go while a rule refers to it. Since then it goes: the rule still
 * gives it to new connections, by name, but nothing is queued any more.
 */
START_TEST(test_cthelper_that_a_rule_refers_to)
{
	struct nfbind_ct *ct;
	int r;

	need_helpers();
	add(2);
	refer();
	disable();
	ct = connection_of(5001);
	ck_assert(is_helped(ct));
	r = nfbind_conntrack_remove_cthelper(requests, key(2));
	ck_assert_int_eq(r, is_kernel(7, 0) ? 0 : -EBUSY);
	if (r == -EBUSY) {
		ck_assert_refused(requests, nfbind_conntrack_remove_cthelper(requests, key(0)), -EBUSY,
				  "a rule still refers to the helper");
		ck_assert_uint_eq(fetched(2, NFBIND_CTHELPER_STATUS), 0);
		ck_assert(is_helped(connection_of(5002)));
		take_away_after_rules();
		ck_assert_done(requests, nfbind_conntrack_fetch_ct(requests, ct, 0, ct));
		ck_assert(!is_helped(ct));
	} else {
		ck_assert(is_helped(connection_of(5002)));
		run("iptables -t raw -F");
	}
	ck_assert_int_eq(fetch(2), -ENOENT);
}
END_TEST

START_TEST(test_cthelper_flush)
{
	struct nfbind_cthelper *other;
	struct nfbind_list *list;
	int r;

	need_helpers();
	ck_assert_int_eq(nfbind_cthelper_new(&other), 0);
	ck_assert_done(requests, nfbind_conntrack_list_cthelper(requests, &list));
	r = nfbind_list_next_cthelper(list, other);
	nfbind_list_free(list);
	nfbind_cthelper_free(other);
	if (r != -ENODATA)
		skip("this kernel has no place for a flush: somebody else has a helper");
	ck_assert_done(requests, nfbind_conntrack_flush_cthelper(requests));
	add(2);
	add(10);
	refer_by_object(5001);
	r = nfbind_conntrack_flush_cthelper(requests);
	ck_assert_int_eq(r, is_kernel(7, 0) ? 0 : -EBUSY);
	if (r == -EBUSY) {
		ck_assert_str_eq(sentence_of(requests), "a rule still refers to a helper; the others are gone");
		ck_assert_int_eq(fetch(2), 0);
		ck_assert_int_eq(fetch(10), -ENOENT);
		take_away_after_rules();
	}
	ck_assert_int_eq(fetch(2), -ENOENT);
	ck_assert_int_eq(fetch(10), -ENOENT);
}
END_TEST

/*
 * Since 5.19 the end of a helper takes every helper from the rules of iptables: new
 * connections have none, and a record stays in use when its rule is gone. Newer stable
 * kernels are mended, version by version. The objects of nft never lost theirs.
 */
START_TEST(test_cthelper_of_a_rule_when_another_goes)
{
	bool forgets;

	need_helpers();
	add(2);
	add(10);
	disable();
	refer_by_object(5002);
	run("iptables -t raw -A OUTPUT -p udp --dport 5001 -j CT --helper %s", name);
	ck_assert(is_helped(connection_of(5001)));
	ck_assert(is_helped(connection_of(5002)));
	take_away(10);
	ck_assert(is_helped(connection_of(5002)));
	forgets = !is_helped(connection_of(5001));
	ck_assert(!forgets || is_kernel(5, 19));
	if (!forgets) {
		take_away_after_rules();
		return;
	}
	run("nft flush ruleset");
	sleep_ms(500);
	ck_assert_int_eq(nfbind_conntrack_remove_cthelper(requests, key(2)), -EBUSY);
}
END_TEST

/* Why not. */

static int list(void)
{
	struct nfbind_list *made;
	int r = nfbind_conntrack_list_cthelper(requests, &made);

	if (r == 0)
		nfbind_list_free(made);
	return r;
}

/* Every call, and a helper's open, with the same reason. */
static void all_fail(int error, const char *words)
{
	struct nfbind_cthelper *record = whole(2);
	struct nfbind_helper *helper;
	char text[700];

	ck_assert_refused(requests, nfbind_conntrack_add_cthelper(requests, record), error, words);
	ck_assert_refused(requests, nfbind_conntrack_change_cthelper(requests, record), error, words);
	ck_assert_refused(requests, nfbind_conntrack_fetch_cthelper(requests, record, record), error, words);
	ck_assert_refused(requests, nfbind_conntrack_remove_cthelper(requests, record), error, words);
	ck_assert_refused(requests, nfbind_conntrack_flush_cthelper(requests), error, words);
	ck_assert_refused(requests, list(), error, words);
	ck_assert_int_eq(nfbind_helper_new(&helper), 0);
	ck_assert_int_eq(nfbind_helper_open(helper, record, NULL), error);
	ck_assert_int_gt(nfbind_helper_last_message(helper, text, sizeof(text)), 0);
	ck_assert_msg(strstr(text, words) != NULL, "%s", text);
	nfbind_helper_free(helper);
	nfbind_cthelper_free(record);
}

START_TEST(test_cthelper_every_call_says_why_it_cannot_work)
{
	bool has_helpers = has_feature(NFBIND_FEATURE_CTHELPER);

	begin();
	if (!has_helpers && fetch(2) == -EOPNOTSUPP) {
		all_fail(-EOPNOTSUPP, "this kernel has no user-space helpers (nfnetlink_cthelper)");
		return;
	}
	if (!has_helpers) {
		all_fail(-EPERM, "in the initial user namespace, and this process is in another one");
		return;
	}
	cap_drop(CAP_NET_ADMIN);
	all_fail(-EPERM, "user-space helpers take CAP_NET_ADMIN in the initial user namespace");
	cap_restore(CAP_NET_ADMIN);
}
END_TEST

/* Root of a container: root, but not everywhere. */
START_TEST(test_cthelper_in_a_user_namespace)
{
	int status;
	pid_t child;

	need_helpers();
	need_users();
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		netns_new_user();
		requests = open_requests();
		all_fail(-EPERM, "in the initial user namespace, and this process is in another one");
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}
END_TEST

int main(void)
{
	const struct live_case cases[] = {
		{ "record", test_cthelper_is_kept_as_it_was_given },
		{ "record", test_cthelper_no_limit_is_0_or_255 },
		{ "change", test_cthelper_change_what_can_be_changed },
		{ "change", test_cthelper_change_of_policies },
		{ "change", test_cthelper_change_of_a_single_policy },
		{ "change", test_cthelper_what_is_fixed_stays },
		{ "others", test_cthelper_of_the_kernels_own_is_told },
		{ "rules", test_cthelper_that_nobody_runs_keeps_new_connections_out_of_the_table },
		{ "rules", test_cthelper_that_a_rule_refers_to },
		{ "rules", test_cthelper_flush },
		{ "rules", test_cthelper_of_a_rule_when_another_goes },
		{ "why", test_cthelper_every_call_says_why_it_cannot_work },
		{ "why", test_cthelper_in_a_user_namespace },
	};

	return live_main("cthelper", cases, sizeof(cases) / sizeof(cases[0]));
}
