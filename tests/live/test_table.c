/* SPDX-License-Identifier: MIT */
/*
 * A whole table of random entries, seen by two programs: what this library adds,
 * conntrack(8) has to list with the same values in every field that it shows, and
 * what conntrack(8) adds, this library has to list as it was asked for. The mark
 * of an entry is its number in disguise, so that both lists can be matched.
 */
#include "conntrack8.h"
#include "random_entries.h"
#include "requests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	OURS = 5000,
	THEIRS = 1000,
	LABELLED = 50, /* of theirs: each costs a process */
	LINE_MAX_LEN = 2048,
	SLOW = 120, /* seconds that a slow machine may take from a list to the next */
};

static struct nfbind_ct *theirs[OURS];

static void read_theirs(void)
{
	char line[LINE_MAX_LEN];
	FILE *pipe = popen(WITH_LABEL_NAMES("for family in ipv4 ipv6; do conntrack -L -f $family "
					    "-o extended,id,labels 2>/dev/null; done"), "re");

	ck_assert_ptr_nonnull(pipe);
	while (fgets(line, sizeof(line), pipe)) {
		struct nfbind_ct *ct = ct_of_line(line);
		uint32_t n = number_of_mark(ct_number(ct, NFBIND_CT_MARK));

		ck_assert_msg(n < OURS && !theirs[n], "nobody added this, or it came twice: %s", line);
		theirs[n] = ct;
	}
	ck_assert_int_eq(pclose(pipe), 0);
}

static bool is_same_field(const struct nfbind_ct *one, const struct nfbind_ct *other, uint32_t field)
{
	const void *data = NULL, *other_data = NULL;
	size_t len = 0, other_len = 0;
	uint64_t number, other_number;
	int r = nfbind_ct_get_number(one, field, &number);

	if (nfbind_ct_has(one, field) != nfbind_ct_has(other, field))
		return false;
	if (nfbind_ct_has(one, field) == 0)
		return true;
	if (r == 0)
		return nfbind_ct_get_number(other, field, &other_number) == 0 && number == other_number;
	return nfbind_ct_get_bytes(one, field, &data, &len) == 0 &&
	       nfbind_ct_get_bytes(other, field, &other_data, &other_len) == 0 && len == other_len &&
	       memcmp(data, other_data, len) == 0;
}

static void check_field(const struct nfbind_ct *our, const struct nfbind_ct *their, uint32_t field)
{
	char text[2048], other[2048];

	if (is_same_field(our, their, field))
		return;
	nfbind_ct_print(our, NFBIND_FORMAT_FIELDS, 0, NULL, text, sizeof(text));
	nfbind_ct_print(their, NFBIND_FORMAT_FIELDS, 0, NULL, other, sizeof(other));
	ck_abort_msg("%s is another:\n%s\n%s", nfbind_fields_get_name(nfbind_ct_fields(), field), text, other);
}

static void check_same(const struct nfbind_ct *our, const struct nfbind_ct *their)
{
	const uint64_t visible = NFBIND_CT_STATUS_SEEN_REPLY | NFBIND_CT_STATUS_ASSURED;
	uint64_t timeout = ct_number(our, NFBIND_CT_TIMEOUT);

	for (const struct word *word = words_of_conntrack8; word->key; word++) {
		if (word->field == NFBIND_CT_USE || word->field == NFBIND_CT_TIMEOUT)
			continue;
		check_field(our, their, word->field);
		if (word->shift)
			check_field(our, their, word->field + word->shift);
	}
	ck_assert_uint_eq(ct_number(our, NFBIND_CT_STATUS) & visible, ct_number(their, NFBIND_CT_STATUS));
	ck_assert_uint_ge(timeout + SLOW, ct_number(their, NFBIND_CT_TIMEOUT));
	ck_assert_uint_le(timeout, ct_number(their, NFBIND_CT_TIMEOUT) + SLOW);
	ck_assert_uint_gt(ct_number(our, NFBIND_CT_USE), 0);
	ck_assert_uint_gt(ct_number(their, NFBIND_CT_USE), 0);
}

/* What was asked for, and is listed as it was; the reply tuple of a translated one is the kernel's. */
static void check_given(const struct nfbind_ct *ct, struct nfbind_ct *given)
{
	static const uint32_t elsewhere[] = { NFBIND_CT_TIMEOUT, NFBIND_CT_STATUS, NFBIND_CT_SNAT, NFBIND_CT_SNAT_MAX,
					      NFBIND_CT_SNAT_PORT, NFBIND_CT_SNAT_PORT_MAX, NFBIND_CT_DNAT,
					      NFBIND_CT_DNAT_MAX, NFBIND_CT_DNAT_PORT, NFBIND_CT_DNAT_PORT_MAX };
	uint64_t timeout = ct_number(given, NFBIND_CT_TIMEOUT), status = ct_number(given, NFBIND_CT_STATUS);
	bool is_snat = nfbind_ct_has(given, NFBIND_CT_SNAT), is_dnat = nfbind_ct_has(given, NFBIND_CT_DNAT);

	ck_assert_uint_le(ct_number(ct, NFBIND_CT_TIMEOUT), timeout);
	ck_assert_uint_ge(ct_number(ct, NFBIND_CT_TIMEOUT), timeout - SLOW);
	ck_assert_uint_eq(ct_number(ct, NFBIND_CT_STATUS) & 0x40e, status | NFBIND_CT_STATUS_CONFIRMED);
	/* A range may hold the address that it is to replace. */
	ck_assert(!is_snat || !is_dnat);
	ck_assert(is_snat == !!(ct_number(ct, NFBIND_CT_STATUS) & NFBIND_CT_STATUS_SRC_NAT));
	ck_assert(is_dnat == !!(ct_number(ct, NFBIND_CT_STATUS) & NFBIND_CT_STATUS_DST_NAT));
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
		nfbind_ct_clear(given, elsewhere[i]);
	for (uint32_t field = 0; field < (uint32_t)nfbind_fields_count(nfbind_ct_fields()); field++)
		if (nfbind_ct_has(given, field))
			check_field(ct, given, field);
}

static void prepare(void)
{
	run("echo 1 >/proc/sys/net/netfilter/nf_conntrack_acct");
	ck_assert_uint_eq(number_of_mark(mark_of(OURS)), OURS);
	start_chance();
}

/* How many of ours this machine has room for. */
static uint32_t room_for_ours(struct nfbind_conntrack *conntrack)
{
	struct nfbind_conntrack_stats stats;

	ck_assert_done(conntrack, nfbind_conntrack_read_stats(conntrack, &stats, sizeof(stats)));
	return stats.max_entries == 0 || stats.max_entries > OURS ? OURS : stats.max_entries / 2;
}

static bool has_labels(void)
{
	return run_quietly("iptables -A OUTPUT -m connlabel --label 127 -j ACCEPT");
}

START_TEST(test_table_is_as_conntrack8_lists_it)
{
	struct nfbind_conntrack *conntrack = open_requests();
	static char given[OURS][sizeof(((struct entry *)0)->fields)];
	struct nfbind_ct *ct = ct_of("mark=0");
	struct nfbind_list *list;
	bool labels, is_v6;
	uint32_t count = 0, ours = room_for_ours(conntrack);

	need_conntrack8();
	prepare();
	labels = has_labels();
	for (uint32_t n = 0; n < ours; n++) {
		struct entry entry;

		if (make_entry(&entry, n, labels, &is_v6) && any(4) == 0)
			make_translation(&entry, is_v6);
		else if (strstr(entry.fields, "orig-l4proto=6 ") && any(4) == 0)
			add_text(entry.fields, " helper-name=ftp");
		memcpy(given[n], entry.fields, sizeof(given[n]));
		add_ct(conntrack, "%s", entry.fields);
	}
	ck_assert_done(conntrack, nfbind_conntrack_list_ct(conntrack, NULL, NFBIND_LIST_TABLE, 0, &list));
	read_theirs();
	for (; nfbind_list_next_ct(list, ct) == 0; count++) {
		uint32_t n = number_of_mark(ct_number(ct, NFBIND_CT_MARK));
		struct nfbind_ct *asked = ct_of("%s", given[n]);

		ck_assert(n < ours && theirs[n]);
		check_same(ct, theirs[n]);
		check_given(ct, asked);
		nfbind_ct_free(asked);
		nfbind_ct_free(theirs[n]);
		theirs[n] = NULL;
	}
	ck_assert_uint_eq(count, ours);
	nfbind_list_free(list);
}
END_TEST

START_TEST(test_table_of_conntrack8_is_listed_as_it_was_asked_for)
{
	struct nfbind_conntrack *conntrack = open_requests();
	static struct entry entries[THEIRS];
	struct nfbind_ct *ct = ct_of("mark=0");
	char path[] = "/tmp/nfbind-live-table-XXXXXX", script[] = "/tmp/nfbind-live-table-XXXXXX";
	struct nfbind_list *list;
	uint32_t count = 0;
	bool labels, is_v6;
	FILE *files[2];

	need_conntrack8();
	prepare();
	labels = has_labels();
	files[false] = fdopen(mkstemp(path), "w");
	files[true] = fdopen(mkstemp(script), "w");
	for (uint32_t n = 0; n < THEIRS; n++) {
		/* With a label in it, conntrack -R loads one line and crashes. */
		make_entry(&entries[n], n, labels && n < LABELLED, &is_v6);
		fprintf(files[n < LABELLED], "%s%s\n", n < LABELLED ? "conntrack " : "", entries[n].words);
	}
	fclose(files[false]);
	fclose(files[true]);
	run("conntrack -R %s", path);
	run(WITH_LABEL_NAMES("exec sh -e %s 2>/dev/null"), script);
	unlink(path);
	unlink(script);
	ck_assert_done(conntrack, nfbind_conntrack_list_ct(conntrack, NULL, NFBIND_LIST_TABLE, 0, &list));
	for (; nfbind_list_next_ct(list, ct) == 0; count++) {
		uint32_t n = number_of_mark(ct_number(ct, NFBIND_CT_MARK));

		ck_assert_uint_lt(n, THEIRS);
		check_given(ct, ct_of("%s", entries[n].fields));
	}
	ck_assert_uint_eq(count, THEIRS);
	nfbind_list_free(list);
}
END_TEST

int main(void)
{
	const struct live_case cases[] = {
		{ "ours", test_table_is_as_conntrack8_lists_it },
		{ "theirs", test_table_of_conntrack8_is_listed_as_it_was_asked_for },
	};

	return live_main("table", cases, sizeof(cases) / sizeof(cases[0]));
}
