/* SPDX-License-Identifier: MIT */
/*
 * A table of random entries, written by two programs: the lines and elements that this
 * library prints have to be those of conntrack(8), byte for byte, but for the seconds
 * that pass meanwhile; and what is printed to be read again makes the same table,
 * be it read by conntrack(8) or here. NFBIND_SEED chooses other entries.
 *
 * conntrack(8) knows one place for the names of labels: it gets an /etc of its own.
 */
#include "requests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	ENTRIES = 300,
	TEXT_MAX = 2048,
	SLOW = 120, /* seconds that a slow machine may take from a list to the next */
};

/* Lines, sorted, so that both lists can be laid side by side. */
struct lines {
	char *texts[ENTRIES];
	size_t count;
};

#define LABELS "5 five\n0 zero\n127 last\n"

static struct nfbind_labels *names; /* NULL: labels have no names */
static bool is_theirs;    /* conntrack(8) reads what is saved: it leaves ports as they were */
static uint32_t chance;

static uint32_t any(uint32_t count)
{
	chance = chance * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)(chance >> 8) * count >> 24);
}

/* Entries. */

/* No two entries are translated to the same: their replies would be alike. */
static void translate(struct nfbind_ct *ct, uint32_t field, bool is_v6, uint32_t n)
{
	uint8_t address[16] = { 0xfd };

	if (!is_v6)
		memcpy(address, (const uint8_t[]){ 192, 0, 2 + (n >> 8), n & 255 }, 4);
	address[14] = is_v6 ? n >> 8 : 0;
	address[15] = is_v6 ? n & 255 : 0;
	ck_assert_int_eq(nfbind_ct_set_bytes(ct, field, address, is_v6 ? 16 : 4), 0);
}

/* Some zones, translations and labels; bit 6 has no name. */
static void add_extras(struct nfbind_ct *ct, uint32_t n, bool is_v6, bool has_ports)
{
	static const uint32_t zones[] = { NFBIND_CT_ZONE, NFBIND_CT_ORIG_ZONE, NFBIND_CT_REPL_ZONE };
	static const uint32_t bits[] = { 0, 5, 6, 127 };

	if (any(4) == 0)
		nfbind_ct_set_number(ct, zones[any(3)], 1 + any(65535));
	if (any(4) == 0)
		translate(ct, NFBIND_CT_SNAT, is_v6, n);
	if (any(4) == 0)
		translate(ct, NFBIND_CT_DNAT, is_v6, n + 1024);
	if (has_ports && nfbind_ct_has(ct, NFBIND_CT_SNAT) && any(2))
		nfbind_ct_set_number(ct, NFBIND_CT_SNAT_PORT, 1 + any(65535));
	if (has_ports && nfbind_ct_has(ct, NFBIND_CT_DNAT) && any(2))
		nfbind_ct_set_number(ct, NFBIND_CT_DNAT_PORT, 1 + any(65535));
	for (uint32_t i = 0; names && i < 4; i++)
		if (any(3) == 0)
			nfbind_ct_set_label(ct, bits[i], 1);
}

static void add_random(struct nfbind_conntrack *conntrack, uint32_t n)
{
	static const char *const values[] = {
		"orig-l4proto=6 orig-port-src=%u orig-port-dst=%u tcp-state=%u",
		"orig-l4proto=17 orig-port-src=%u orig-port-dst=%u",
		"orig-l4proto=132 orig-port-src=%u orig-port-dst=%u sctp-state=%u sctp-vtag-orig=%u sctp-vtag-repl=9",
		"orig-l4proto=47 orig-port-src=%u orig-port-dst=%u",
		"orig-l4proto=99",
	};
	static const uint32_t statuses[] = { 0, 2, 4, 6, 0x400, 0x406 };
	bool is_v6 = any(3) == 0, is_icmp = any(6) == 0;
	char text[TEXT_MAX], value[TEXT_MAX];
	struct nfbind_ct *ct;

	if (is_icmp)
		snprintf(value, sizeof(value), "orig-l4proto=%u orig-icmp-type=%u orig-icmp-code=0 orig-icmp-id=%u",
			 is_v6 ? 58 : 1, is_v6 ? 128 : 8, any(65536));
	else
		snprintf(value, sizeof(value), values[any(5)], any(65536), any(65536), 1 + any(7), any(1 << 24));
	snprintf(text, sizeof(text), is_v6 ? "orig-src=fd00::7 orig-dst=fd01::%x:%x %s timeout=%u status=%u mark=%u" :
					     "orig-src=10.0.0.7 orig-dst=172.16.%u.%u %s timeout=%u status=%u mark=%u",
		 n >> 8, n & 255, value, 1000000 + any(1000000), statuses[any(6)], any(4) ? any(1 << 24) : 0);
	ct = ct_of("%s", text);
	add_extras(ct, n, is_v6, !is_theirs && strstr(value, "port") && !strstr(value, "proto=47 "));
	if (any(5) == 0 && strstr(value, "proto=6 "))
		nfbind_ct_set_bytes(ct, NFBIND_CT_HELPER_NAME, "ftp", 3);
	ck_assert_done(conntrack, nfbind_conntrack_add_ct(conntrack, ct, 0));
	nfbind_ct_free(ct);
}

/* Rules that use labels, and names for them, or none of both. */
static void use_labels(void)
{
	if (!run_quietly("iptables -A OUTPUT -m connlabel --label 5 -j ACCEPT") &&
	    !has_nft("inet", "ct label 5 accept"))
		return;
	if (!run_quietly("unshare -m mount -t tmpfs none /etc"))
		return;
	ck_assert_int_eq(nfbind_labels_new(&names), 0);
	ck_assert_int_eq(nfbind_labels_add(names, 5, "five"), 0);
	ck_assert_int_eq(nfbind_labels_add(names, 0, "zero"), 0);
	ck_assert_int_eq(nfbind_labels_add(names, 127, "last"), 0);
}

static struct nfbind_conntrack *fill_table(void)
{
	struct nfbind_conntrack *conntrack = open_requests();
	const char *seed = getenv("NFBIND_SEED");

	chance = seed ? (uint32_t)strtoul(seed, NULL, 0) : 1;
	use_labels();
	run("echo 1 >/proc/sys/net/netfilter/nf_conntrack_acct");
	(void)run_quietly("echo 1 >/proc/sys/net/netfilter/nf_conntrack_timestamp");
	for (uint32_t n = 0; n < ENTRIES; n++)
		add_random(conntrack, n);
	return conntrack;
}

/* Texts. */

/* The seconds behind a mark become one letter; what they were is summed up. */
static void hide_number(char *text, const char *mark, uint64_t *ret_sum)
{
	char *at = strstr(text, mark), *end;

	if (!at)
		return;
	at += strlen(mark);
	*ret_sum += strtoull(at, &end, 10);
	ck_assert_msg(end > at, "no number behind \"%s\": %s", mark, text);
	*at = 'N';
	memmove(at + 1, end, strlen(end) + 1);
}

/* In the lines, the timeout is the word behind the protocol's number. */
static void hide_timeout(char *text, bool is_extended, uint64_t *ret_sum)
{
	char *at = text, *end;

	for (int words = is_extended ? 4 : 2; words > 0; words--) {
		at += strcspn(at, " ");
		at += strspn(at, " ");
	}
	*ret_sum += strtoull(at, &end, 10);
	ck_assert_msg(end > at, "no timeout: %s", text);
	*at = 'N';
	memmove(at + 1, end, strlen(end) + 1);
}

static void hide_seconds(char *text, uint32_t format, uint64_t *ret_timeout)
{
	uint64_t age = 0;

	if (format == NFBIND_FORMAT_LINE || format == NFBIND_FORMAT_EXTENDED)
		hide_timeout(text, format == NFBIND_FORMAT_EXTENDED, ret_timeout);
	else
		hide_number(text, format == NFBIND_FORMAT_XML ? "<timeout>" : "-t ", ret_timeout);
	hide_number(text, " delta-time=", &age);
	hide_number(text, "<deltatime>", &age);
	ck_assert_uint_lt(age, 2 * SLOW);
}

/* A line to keep, without what differs from list to list. */
static void keep_line(struct lines *lines, char *text, uint32_t format, uint64_t *ret_timeout)
{
	char *state = strstr(text, "<state>");

	/* The states of SCTP have TCP's names there. */
	if (state && strstr(text, "protoname=\"sctp\""))
		memmove(state, strstr(state, "</state>"), strlen(strstr(state, "</state>")) + 1);
	hide_seconds(text, format, ret_timeout);
	ck_assert_uint_lt(lines->count, ENTRIES);
	lines->texts[lines->count++] = strdup(text);
}

static int by_text(const void *one, const void *other)
{
	return strcmp(*(char *const *)one, *(char *const *)other);
}

static void forget(struct lines *lines)
{
	while (lines->count > 0)
		free(lines->texts[--lines->count]);
}

static void sort(struct lines *lines)
{
	qsort(lines->texts, lines->count, sizeof(lines->texts[0]), by_text);
}

static uint64_t read_ours(struct nfbind_conntrack *conntrack, uint32_t format, uint32_t flags,
			  const struct nfbind_labels *labels, struct lines *lines)
{
	struct nfbind_ct *ct = ct_of("mark=0");
	struct nfbind_list *list;
	uint64_t timeout = 0;
	char text[TEXT_MAX];

	forget(lines);
	ck_assert_done(conntrack, nfbind_conntrack_list_ct(conntrack, NULL, NFBIND_LIST_TABLE, 0, &list));
	while (nfbind_list_next_ct(list, ct) == 0) {
		nfbind_ct_print(ct, format, flags, labels, text, sizeof(text));
		keep_line(lines, text, format, &timeout);
	}
	nfbind_list_free(list);
	nfbind_ct_free(ct);
	sort(lines);
	return timeout;
}

static uint64_t read_theirs(const char *output, uint32_t format, struct lines *lines)
{
	char text[TEXT_MAX], command[400];
	uint64_t timeout = 0;
	FILE *pipe;

	forget(lines);
	snprintf(command, sizeof(command), "%sfor family in ipv4 ipv6; do conntrack -L -f $family %s 2>/dev/null; done%s",
		 names ? "unshare -m sh -c 'mount -t tmpfs none /etc && mkdir /etc/xtables && "
			 "printf \"" LABELS "\" >/etc/xtables/connlabel.conf; " : "", output, names ? "'" : "");
	pipe = popen(command, "re");
	ck_assert_ptr_nonnull(pipe);
	while (fgets(text, sizeof(text), pipe)) {
		text[strcspn(text, "\n")] = '\0';
		if (strncmp(text, "<?xml", 5) != 0 && !strstr(text, "conntrack>"))
			keep_line(lines, text, format, &timeout);
	}
	ck_assert_int_eq(pclose(pipe), 0);
	sort(lines);
	return timeout;
}

static void lines_are_same(const struct lines *ours, const struct lines *theirs, const char *what)
{
	ck_assert_uint_eq(ours->count, theirs->count);
	for (size_t i = 0; i < ours->count; i++)
		ck_assert_msg(strcmp(ours->texts[i], theirs->texts[i]) == 0, "%s\nours:   %s\ntheirs: %s", what,
			      ours->texts[i], theirs->texts[i]);
}

#define need_conntrack8()                                               \
	do {                                                            \
		if (!run_quietly("conntrack -L"))                       \
			skip("this kernel has no conntrack(8) that works"); \
	} while (0)

static const struct {
	uint32_t format, flags;
	const char *output;
} outputs[] = {
	{ NFBIND_FORMAT_LINE, 0, "" },
	{ NFBIND_FORMAT_EXTENDED, 0, "-o extended" },
	{ NFBIND_FORMAT_LINE, NFBIND_PRINT_ID, "-o id" },
	{ NFBIND_FORMAT_LINE, NFBIND_PRINT_TIMESTAMP, "-o ktimestamp" },
	{ NFBIND_FORMAT_EXTENDED, NFBIND_PRINT_ID | NFBIND_PRINT_TIMESTAMP, "-o extended,id,ktimestamp" },
	{ NFBIND_FORMAT_SAVE, 0, "-o save" },
	{ NFBIND_FORMAT_XML, 0, "-o xml" },
	{ NFBIND_FORMAT_XML, NFBIND_PRINT_TIMESTAMP, "-o xml,ktimestamp" },
	{ NFBIND_FORMAT_LINE, 0, "-o labels" },
	{ NFBIND_FORMAT_EXTENDED, NFBIND_PRINT_ID, "-o extended,id,labels" },
	{ NFBIND_FORMAT_XML, 0, "-o xml,labels" },
};

START_TEST(test_formats_are_those_of_conntrack8)
{
	struct nfbind_conntrack *conntrack;
	static struct lines ours, theirs;

	need_conntrack8();
	conntrack = fill_table();
	for (size_t i = 0; i < sizeof(outputs) / sizeof(outputs[0]); i++) {
		bool is_labelled = strstr(outputs[i].output, "labels") != NULL;
		uint64_t our, their;

		/* There conntrack(8) takes the kernel's words of labels for bytes; rules do not. */
		if (is_labelled && __BYTE_ORDER == __BIG_ENDIAN)
			continue;
		if (is_labelled && !names)
			skip("this kernel has no rule that uses connection labels");
		our = read_ours(conntrack, outputs[i].format, outputs[i].flags, is_labelled ? names : NULL, &ours);
		their = read_theirs(outputs[i].output, outputs[i].format, &theirs);
		ck_assert_uint_eq(ours.count, ENTRIES);
		lines_are_same(&ours, &theirs, outputs[i].output);
		ck_assert_uint_ge(our, their);
		ck_assert_uint_le(our, their + SLOW * ENTRIES);
	}
}
END_TEST

START_TEST(test_formats_of_expectations_are_those_of_conntrack8)
{
	static const char tuples[] =
		"master-src=10.0.0.1 master-dst=10.0.0.2 master-l4proto=6 master-port-src=1000 master-port-dst=21 "
		"expected-src=10.0.0.2 expected-dst=10.0.0.1 expected-l4proto=6 expected-port-src=0 "
		"expected-port-dst=5000 mask-src=255.255.255.255 mask-dst=255.255.255.255 mask-l4proto=6 "
		"mask-port-src=0 mask-port-dst=65535 timeout=300 flags=1 class=0";
	static const uint32_t formats[] = { NFBIND_FORMAT_LINE, NFBIND_FORMAT_XML };
	struct nfbind_conntrack *conntrack = open_requests();
	struct nfbind_exp *exp = exp_of("%s", tuples);
	char text[TEXT_MAX], their[TEXT_MAX] = "";
	struct nfbind_list *list;
	uint64_t sum = 0;

	need_conntrack8();
	add_ct(conntrack, "orig-src=10.0.0.1 orig-dst=10.0.0.2 orig-l4proto=6 orig-port-src=1000 orig-port-dst=21 "
			  "timeout=1000 helper-name=ftp tcp-state=3 status=6");
	ck_assert_done(conntrack, nfbind_conntrack_add_exp(conntrack, exp, 0));
	for (size_t i = 0; i < 2; i++) {
		FILE *pipe = popen(i ? "conntrack -L expect -o xml 2>/dev/null | grep '<flow>'" :
				       "conntrack -L expect 2>/dev/null", "re");

		ck_assert_ptr_nonnull(fgets(their, sizeof(their), pipe));
		ck_assert_int_eq(pclose(pipe), 0);
		their[strcspn(their, "\n")] = '\0';
		ck_assert_done(conntrack, nfbind_conntrack_list_exp(conntrack, NULL, &list));
		ck_assert_int_eq(nfbind_list_next_exp(list, exp), 0);
		nfbind_list_free(list);
		nfbind_exp_print(exp, formats[i], text, sizeof(text));
		hide_number(text, i ? "<timeout>" : "", &sum);
		hide_number(their, i ? "<timeout>" : "", &sum);
		ck_assert_str_eq(text, their);
	}
}
END_TEST

/* Reading again. */

/* Print the table into a file, and empty it. */
static void save_table(struct nfbind_conntrack *conntrack, uint32_t format, const char *path)
{
	struct nfbind_ct *ct = ct_of("mark=0");
	FILE *file = fopen(path, "we");
	struct nfbind_list *list;
	char text[TEXT_MAX];

	ck_assert_ptr_nonnull(file);
	ck_assert_done(conntrack, nfbind_conntrack_list_ct(conntrack, NULL, NFBIND_LIST_TABLE, 0, &list));
	while (nfbind_list_next_ct(list, ct) == 0) {
		nfbind_ct_print(ct, format, format == NFBIND_FORMAT_SAVE ? NFBIND_PRINT_MARK : 0, names, text,
				sizeof(text));
		fprintf(file, "%s\n", text);
	}
	nfbind_list_free(list);
	nfbind_ct_free(ct);
	fclose(file);
	run("conntrack -F 2>/dev/null");
	ck_assert_uint_eq(count_list(conntrack, NULL, NFBIND_LIST_TABLE), 0);
}

static void load_table(struct nfbind_conntrack *conntrack, uint32_t format, const char *path)
{
	struct nfbind_ct *ct = ct_of("mark=0");
	FILE *file = fopen(path, "re");
	char text[TEXT_MAX], message[300];

	ck_assert_ptr_nonnull(file);
	while (fgets(text, sizeof(text), file)) {
		ck_assert_msg(nfbind_ct_parse(ct, format, names, text, message, sizeof(message)) == 0,
			      "%s: %s", text, message);
		ck_assert_int_eq(nfbind_ct_apply(ct, NFBIND_CT_OPERATION_RENEW), 0);
		ck_assert_msg(nfbind_conntrack_add_ct(conntrack, ct, 0) == 0, "%s: %s", text, sentence_of(conntrack));
	}
	fclose(file);
	nfbind_ct_free(ct);
}

static void comes_back(bool by_conntrack8, uint32_t format)
{
	struct nfbind_conntrack *conntrack;
	static struct lines before, after;
	char path[] = "/tmp/nfbind-live-formats-XXXXXX";
	int fd = mkstemp(path);

	is_theirs = by_conntrack8;
	conntrack = fill_table();
	ck_assert_int_ge(fd, 0);
	close(fd);
	/* Helpers and labels are not saved so. */
	read_ours(conntrack, NFBIND_FORMAT_EXTENDED, 0, format == NFBIND_FORMAT_SAVE ? NULL : names, &before);
	save_table(conntrack, format, path);
	if (by_conntrack8)
		run("conntrack -R %s", path);
	else
		load_table(conntrack, format, path);
	unlink(path);
	read_ours(conntrack, NFBIND_FORMAT_EXTENDED, 0, names, &after);
	ck_assert_uint_eq(before.count, ENTRIES);
	for (size_t i = 0; format == NFBIND_FORMAT_SAVE && i < before.count; i++) {
		char *helper = strstr(before.texts[i], " helper=ftp");

		if (helper)
			memmove(helper, helper + strlen(" helper=ftp"), strlen(helper + strlen(" helper=ftp")) + 1);
	}
	sort(&before);
	lines_are_same(&before, &after, path);
}

START_TEST(test_formats_saved_are_read_by_conntrack8)
{
	need_conntrack8();
	comes_back(true, NFBIND_FORMAT_SAVE);
}
END_TEST

START_TEST(test_formats_saved_are_read_here)
{
	need_conntrack8();
	comes_back(false, NFBIND_FORMAT_SAVE);
}
END_TEST

START_TEST(test_formats_json_is_read_here)
{
	need_conntrack8();
	comes_back(false, NFBIND_FORMAT_JSON);
}
END_TEST

int main(void)
{
	const struct live_case cases[] = {
		{ "lines", test_formats_are_those_of_conntrack8 },
		{ "expectations", test_formats_of_expectations_are_those_of_conntrack8 },
		{ "restore", test_formats_saved_are_read_by_conntrack8 },
		{ "saved", test_formats_saved_are_read_here },
		{ "json", test_formats_json_is_read_here },
	};

	return live_main("formats", cases, sizeof(cases) / sizeof(cases[0]));
}
