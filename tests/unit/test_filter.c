/* SPDX-License-Identifier: MIT */
/*
 * Filters: what each field means, by a case that it lets through and one that it does
 * not; what makes no sense; and random filters against a second implementation that is
 * as plain as can be.
 */
#include <nfbind/nfbind.h>

#include <stdio.h>

#include <arpa/inet.h>

#include "unit.h"

static struct nfbind_filter *filter;
static struct nfbind_ct *ct;

static void set_up(void)
{
	ck_assert_int_eq(nfbind_filter_new(&filter), 0);
	ck_assert_int_eq(nfbind_ct_new(&ct), 0);
}

static void tear_down(void)
{
	nfbind_filter_free(filter);
	nfbind_ct_free(ct);
}

/* "name=value" as numbers, addresses, hexadecimal bytes and text; the functions are the object's. */
static void fill(const struct nfbind_fields *fields, void *object, const char *words,
		 int (*set_number)(void *, uint32_t, uint64_t),
		 int (*set_bytes)(void *, uint32_t, const void *, size_t))
{
	char *text = strdup(words), *rest = text, *word;

	while ((word = strsep(&rest, " "))) {
		uint8_t bytes[64];
		char *value = strchr(word, '=');
		uint32_t field;
		size_t len = 0;
		int kind;

		if (!value)
			continue;
		*value++ = '\0';
		ck_assert_msg(nfbind_fields_find(fields, word, &field) == 0, "no field %s", word);
		kind = nfbind_fields_get_kind(fields, field);
		if (kind <= NFBIND_KIND_U64) {
			ck_assert_int_eq(set_number(object, field, strtoull(value, NULL, 0)), 0);
			continue;
		}
		if (kind == NFBIND_KIND_ADDRESS) {
			len = strchr(value, ':') ? 16 : 4;
			ck_assert_int_eq(inet_pton(len == 4 ? AF_INET : AF_INET6, value, bytes), 1);
		} else if (kind == NFBIND_KIND_BYTES) {
			for (; value[2 * len]; len++)
				ck_assert_int_eq(sscanf(value + 2 * len, "%2hhx", &bytes[len]), 1);
		} else {
			len = strlen(value);
			memcpy(bytes, value, len);
		}
		ck_assert_int_eq(set_bytes(object, field, bytes, len), 0);
	}
	free(text);
}

static int filter_number(void *object, uint32_t field, uint64_t value)
{
	return nfbind_filter_set_number(object, field, value);
}

static int filter_bytes(void *object, uint32_t field, const void *data, size_t len)
{
	return nfbind_filter_set_bytes(object, field, data, len);
}

static int ct_number(void *object, uint32_t field, uint64_t value)
{
	return nfbind_ct_set_number(object, field, value);
}

static int ct_bytes(void *object, uint32_t field, const void *data, size_t len)
{
	return nfbind_ct_set_bytes(object, field, data, len);
}

static void filter_is(const char *words)
{
	for (uint32_t i = 0; i < nfbind_fields_count(nfbind_filter_fields()); i++)
		ck_assert_int_eq(nfbind_filter_clear(filter, i), 0);
	fill(nfbind_filter_fields(), filter, words, filter_number, filter_bytes);
}

static void ct_is(const char *words)
{
	for (uint32_t i = 0; i < nfbind_fields_count(nfbind_ct_fields()); i++)
		ck_assert_int_eq(nfbind_ct_clear(ct, i), 0);
	fill(nfbind_ct_fields(), ct, words, ct_number, ct_bytes);
}

static const char *problem(void)
{
	static char text[256];

	ck_assert_int_eq(nfbind_filter_explain(filter, text, sizeof(text)), strlen(text));
	return text;
}

struct example {
	const char *filter, *matching, *other;
};

/* Each field of the filter stands in at least one; the test counts them. */
static const struct example examples[] = {
	{ "orig-src=10.0.0.1", "orig-src=10.0.0.1", "orig-src=10.0.0.2" },
	{ "orig-src=10.0.0.1", "orig-src=10.0.0.1 repl-src=10.0.0.9", "repl-src=10.0.0.1" },
	{ "orig-src=10.1.2.3 orig-src-prefix=12", "orig-src=10.15.255.255", "orig-src=10.16.0.0" },
	{ "orig-src=10.1.2.3 orig-src-prefix=0", "orig-src=99.9.9.9", "orig-src=fd00::1" },
	{ "orig-src=fd00::8:1 orig-src-prefix=112", "orig-src=fd00::8:ffff", "orig-src=fd00::9:1" },
	{ "orig-src=fd00::1", "orig-src=fd00::1", "orig-src=fd00::2" },
	{ "orig-src=10.0.0.1", "orig-src=10.0.0.1", "orig-dst=10.0.0.1" },
	{ "orig-dst=10.0.0.1", "orig-dst=10.0.0.1", "orig-dst=10.0.0.3" },
	{ "orig-dst=10.0.0.1 orig-dst-prefix=31", "orig-dst=10.0.0.0", "orig-dst=10.0.0.2" },
	{ "orig-port-src=80", "orig-port-src=80", "orig-port-src=81" },
	{ "orig-port-src=80", "orig-port-src=80", "orig-icmp-id=80" },
	{ "orig-port-src=80 orig-port-src-max=90", "orig-port-src=90", "orig-port-src=91" },
	{ "orig-port-dst=80", "orig-port-dst=80", "orig-port-src=80" },
	{ "orig-port-dst=80 orig-port-dst-max=90", "orig-port-dst=80", "orig-port-dst=79" },
	{ "orig-port-dst=0 orig-port-dst-max=65535", "orig-port-dst=65535", "orig-port-src=1" },
	{ "orig-zone=5", "orig-zone=5", "repl-zone=5" },
	{ "orig-zone=5", "zone=5", "zone=6" },
	{ "orig-zone=0", "repl-zone=5", "orig-zone=5" },
	{ "repl-src=10.0.0.1", "repl-src=10.0.0.1", "orig-src=10.0.0.1" },
	{ "repl-src=10.0.0.1 repl-src-prefix=8", "repl-src=10.9.0.1", "repl-src=11.0.0.1" },
	{ "repl-dst=10.0.0.1", "repl-dst=10.0.0.1", "repl-dst=10.0.0.2" },
	{ "repl-dst=10.0.0.1 repl-dst-prefix=24", "repl-dst=10.0.0.77", "repl-dst=10.0.1.1" },
	{ "repl-port-src=80", "repl-port-src=80", "repl-port-dst=80" },
	{ "repl-port-src=80 repl-port-src-max=81", "repl-port-src=81", "repl-port-src=82" },
	{ "repl-port-dst=80", "repl-port-dst=80", "repl-port-src=80" },
	{ "repl-port-dst=80 repl-port-dst-max=81", "repl-port-dst=81", "repl-port-dst=82" },
	{ "repl-zone=5", "repl-zone=5", "orig-zone=5" },
	{ "address=10.0.0.1", "orig-dst=10.0.0.1", "master-src=10.0.0.1" },
	{ "address=10.0.0.1 address-prefix=24", "repl-dst=10.0.0.9", "repl-dst=10.0.1.9" },
	{ "port=53", "repl-port-src=53", "orig-icmp-id=53" },
	{ "port=50 port-max=60", "orig-port-dst=55 orig-port-src=9", "orig-port-dst=61 orig-port-src=49" },
	{ "l3proto=10", "orig-l3proto=10", "orig-l3proto=2" },
	{ "l3proto=2", "orig-src=10.0.0.1", "orig-src=fd00::1" },
	{ "l4proto=6", "orig-l4proto=6", "orig-l4proto=17" },
	{ "icmp-type=8", "orig-icmp-type=8", "orig-icmp-type=0" },
	{ "icmp-code=0", "orig-icmp-code=0", "orig-port-src=0" },
	{ "icmp-id=7", "orig-icmp-id=7", "repl-icmp-id=7" },
	{ "mark=0", "zone=1", "mark=1" },
	{ "mark=0x12 mark-mask=0xff", "mark=0xff12", "mark=0xff13" },
	{ "status=6", "status=14", "status=10" },
	{ "status=0 status-mask=2", "status=12", "status=14" },
	{ "zone=4", "zone=4", "zone=5" },
	{ "zone=4", "orig-zone=4", "orig-zone=5" },
	{ "zone=0", "mark=1", "repl-zone=4" },
	{ "labels=03", "labels=ff000000000000000000000000000000", "labels=01000000000000000000000000000000" },
	{ "labels=00 labels-mask=03", "mark=1", "labels=01000000000000000000000000000000" },
	{ "tcp-state=3", "tcp-state=3", "mark=3" },
	{ "helper-name=ftp", "helper-name=ftp", "helper-name=tftp" },
	{ "helper-name=", "mark=1", "helper-name=ftp" },
	{ "timeout=5", "timeout=5", "timeout=6" },
	{ "timeout=0 timeout-max=60", "timeout=60", "timeout=61" },
	{ "timeout=0 timeout-max=60", "timeout=0", "mark=1" },
	{ "translated=1", "status=0x10", "status=0x20" },
	{ "translated=2", "status=0x20", "status=0x10" },
	{ "translated=3", "status=0x20", "status=8" },
	{ "translated=0", "status=8", "status=0x10" },
	{ "mark=1 negated=1", "mark=2", "mark=1" },
	{ "mark=1 zone=2 negated=1", "mark=1 zone=3", "mark=1 zone=2" },
	{ "mark=1 zone=2", "mark=1 zone=2", "mark=1 zone=3" },
	{ "orig-src=10.0.0.1 orig-port-dst=80 l4proto=6", "orig-src=10.0.0.1 orig-port-dst=80 orig-l4proto=6",
	  "orig-src=10.0.0.1 orig-port-dst=80 orig-l4proto=17" },
};

START_TEST(test_filter_field_has_a_case_that_matches_and_one_that_does_not)
{
	bool is_seen[64] = { false };

	for (size_t i = 0; i < COUNT_OF(examples); i++) {
		filter_is(examples[i].filter);
		ck_assert_str_eq(problem(), "");
		ct_is(examples[i].matching);
		ck_assert_msg(nfbind_filter_match(filter, ct) == 1, "%s: %s", examples[i].filter,
			      examples[i].matching);
		ct_is(examples[i].other);
		ck_assert_msg(nfbind_filter_match(filter, ct) == 0, "%s: %s", examples[i].filter,
			      examples[i].other);
		for (uint32_t field = 0; field < nfbind_fields_count(nfbind_filter_fields()); field++)
			is_seen[field] |= nfbind_filter_has(filter, field) == 1;
	}
	for (uint32_t field = 0; field < nfbind_fields_count(nfbind_filter_fields()); field++)
		ck_assert_msg(is_seen[field], "no case has %s",
			      nfbind_fields_get_name(nfbind_filter_fields(), field));
}
END_TEST

START_TEST(test_filter_that_says_nothing_lets_everything_through)
{
	ck_assert_int_eq(nfbind_filter_match(filter, ct), 1);
	filter_is("negated=1");
	ck_assert_int_eq(nfbind_filter_match(filter, ct), 0);
	filter_is("negated=0");
	ck_assert_int_eq(nfbind_filter_match(filter, ct), 1);
	ck_assert_int_eq(nfbind_filter_match(NULL, ct), 0);
	ck_assert_int_eq(nfbind_filter_match(filter, NULL), 0);
}
END_TEST

START_TEST(test_filter_that_makes_no_sense_lets_nothing_through)
{
	static const struct {
		const char *filter, *words;
	} cases[] = {
		{ "orig-src=10.0.0.1 orig-src-prefix=33", "longer than its address" },
		{ "repl-dst=fd00::1 repl-dst-prefix=129", "longer than its address" },
		{ "address=10.0.0.1 address-prefix=255", "longer than its address" },
		{ "orig-dst-prefix=8", "without its value" },
		{ "mark-mask=8", "without its value" },
		{ "status-mask=8", "without its value" },
		{ "labels-mask=08", "without its value" },
		{ "timeout-max=8", "without its value" },
		{ "port-max=8", "without its value" },
		{ "orig-port-src=9 orig-port-src-max=8", "ends before it starts" },
		{ "timeout=9 timeout-max=8", "ends before it starts" },
		{ "mark=1 mark-mask=0", "no bits" },
		{ "status=0", "no mask" },
		{ "status=4 status-mask=0", "no bits" },
		{ "labels=00", "no mask" },
		{ "labels=01 labels-mask=0000", "no labels" },
		{ "l3proto=3", "neither 2" },
		{ "l3proto=10 orig-src=10.0.0.1", "different families" },
		{ "orig-src=10.0.0.1 repl-dst=fd00::1", "different families" },
		{ "translated=4", "only source and destination" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		filter_is(cases[i].filter);
		ck_assert_msg(strstr(problem(), cases[i].words), "%s: %s", cases[i].filter, problem());
		ck_assert_int_eq(nfbind_filter_match(filter, ct), 0);
		nfbind_filter_set_number(filter, NFBIND_FILTER_NEGATED, 1);
		ck_assert_int_eq(nfbind_filter_match(filter, ct), 0);
	}
	ck_assert_int_eq(nfbind_filter_explain(NULL, NULL, 0), 0);
}
END_TEST

START_TEST(test_filter_is_copied_and_printed)
{
	struct nfbind_filter *copy;
	char text[256];

	filter_is("orig-src=10.0.0.1 orig-src-prefix=8 port=7 translated=3 negated=1 helper-name=ftp");
	ck_assert_int_eq(nfbind_filter_new(&copy), 0);
	nfbind_filter_set_number(copy, NFBIND_FILTER_MARK, 1);
	ck_assert_int_eq(nfbind_filter_assign(copy, filter), 0);
	ck_assert_int_gt(nfbind_filter_print(copy, text, sizeof(text)), 0);
	ck_assert_str_eq(text, "orig-src=10.0.0.1 orig-src-prefix=8 port=7 helper-name=ftp translated=any negated=1");
	ck_assert_int_eq(nfbind_filter_assign(copy, NULL), -EINVAL);
	nfbind_filter_free(copy);
	nfbind_filter_free(NULL);
}
END_TEST

/* The second implementation: few values, so that hits are as frequent as misses. */

struct naive {
	bool has_src, has_port, has_mark, has_status, has_zone, has_proto, has_any, has_labels, negated;
	uint32_t src, any;
	unsigned int prefix, any_prefix;
	uint16_t port, port_max;
	uint32_t mark, mark_mask, status, status_mask;
	uint16_t zone;
	uint8_t proto, label;
};

struct entry {
	uint32_t addresses[4];
	uint16_t port;
	uint32_t mark, status;
	uint16_t zone;
	uint8_t proto, labels;
};

static bool coin(void)
{
	return unit_random(3) == 0;
}

static uint32_t random_address(void)
{
	return 0x0a000000u | unit_random(4) << 8 | unit_random(4);
}

static bool shares_bits(uint32_t one, uint32_t other, unsigned int bits)
{
	for (unsigned int bit = 0; bit < bits; bit++)
		if ((one >> (31 - bit) & 1) != (other >> (31 - bit) & 1))
			return false;
	return true;
}

static bool naive_match(const struct naive *naive, const struct entry *entry)
{
	bool all = true, any = false;

	if (naive->has_src && !shares_bits(naive->src, entry->addresses[0], naive->prefix))
		all = false;
	for (int i = 0; i < 4; i++)
		if (shares_bits(naive->any, entry->addresses[i], naive->any_prefix))
			any = true;
	if (naive->has_any && !any)
		all = false;
	if (naive->has_port && (entry->port < naive->port || entry->port > naive->port_max))
		all = false;
	if (naive->has_mark && (entry->mark & naive->mark_mask) != (naive->mark & naive->mark_mask))
		all = false;
	if (naive->has_status &&
	    (entry->status & naive->status_mask) != (naive->status & naive->status_mask))
		all = false;
	if (naive->has_zone && entry->zone != naive->zone)
		all = false;
	if (naive->has_proto && entry->proto != naive->proto)
		all = false;
	if (naive->has_labels && (entry->labels & naive->label) != naive->label)
		all = false;
	return naive->negated ? !all : all;
}

static void random_filter(struct naive *naive)
{
	*naive = (struct naive){
		.has_src = coin(), .src = random_address(), .prefix = unit_random(33),
		.has_any = coin(), .any = random_address(), .any_prefix = 20 + unit_random(13),
		.has_port = coin(), .port = (uint16_t)unit_random(4),
		.has_mark = coin(), .mark = unit_random(8), .mark_mask = 1 + unit_random(7),
		.has_status = coin(), .status = unit_random(16), .status_mask = 1 + unit_random(15),
		.has_zone = coin(), .zone = (uint16_t)unit_random(3),
		.has_proto = coin(), .proto = coin() ? 6 : 17,
		.has_labels = coin(), .label = (uint8_t)(1 + unit_random(3)), .negated = coin(),
	};
	naive->port_max = (uint16_t)(naive->port + unit_random(3));
}

static void set_filter(const struct naive *naive)
{
	char text[512] = "";
	char *at = text;
	struct in_addr src = { htonl(naive->src) }, any = { htonl(naive->any) };

	if (naive->has_src)
		at += sprintf(at, "orig-src=%s orig-src-prefix=%u ", inet_ntoa(src), naive->prefix);
	if (naive->has_any)
		at += sprintf(at, "address=%s address-prefix=%u ", inet_ntoa(any), naive->any_prefix);
	if (naive->has_port)
		at += sprintf(at, "orig-port-dst=%u orig-port-dst-max=%u ", naive->port, naive->port_max);
	if (naive->has_mark)
		at += sprintf(at, "mark=%u mark-mask=%u ", naive->mark, naive->mark_mask);
	if (naive->has_status)
		at += sprintf(at, "status=%u status-mask=%u ", naive->status, naive->status_mask);
	if (naive->has_zone)
		at += sprintf(at, "zone=%u ", naive->zone);
	if (naive->has_proto)
		at += sprintf(at, "l4proto=%u ", naive->proto);
	if (naive->has_labels)
		at += sprintf(at, "labels=%02x ", naive->label);
	sprintf(at, "negated=%u", naive->negated);
	filter_is(text);
}

static void random_entry(struct entry *entry)
{
	static const uint32_t fields[] = { NFBIND_CT_ORIG_SRC, NFBIND_CT_ORIG_DST, NFBIND_CT_REPL_SRC,
					   NFBIND_CT_REPL_DST };
	uint8_t labels[16] = { 0 };

	*entry = (struct entry){
		.port = (uint16_t)unit_random(6), .mark = unit_random(8), .status = unit_random(16),
		.zone = (uint16_t)unit_random(3), .proto = coin() ? 6 : 17,
		.labels = (uint8_t)unit_random(4),
	};
	ct_is("");
	for (int i = 0; i < 4; i++) {
		uint32_t wire = htonl(entry->addresses[i] = random_address());

		nfbind_ct_set_bytes(ct, fields[i], &wire, sizeof(wire));
	}
	nfbind_ct_set_number(ct, NFBIND_CT_ORIG_PORT_DST, entry->port);
	nfbind_ct_set_number(ct, NFBIND_CT_ORIG_L4PROTO, entry->proto);
	nfbind_ct_set_number(ct, NFBIND_CT_STATUS, entry->status);
	labels[0] = entry->labels;
	/* As the kernel does it: nothing where there is nothing to say. */
	if (entry->mark)
		nfbind_ct_set_number(ct, NFBIND_CT_MARK, entry->mark);
	if (entry->zone)
		nfbind_ct_set_number(ct, NFBIND_CT_ZONE, entry->zone);
	if (entry->labels)
		nfbind_ct_set_bytes(ct, NFBIND_CT_LABELS, labels, sizeof(labels));
}

START_TEST(test_filter_agrees_with_a_second_implementation)
{
	unsigned long hits = 0, rounds = unit_rounds(20000);

	for (unsigned long i = 0; i < rounds; i++) {
		struct naive naive;
		struct entry entry;

		random_filter(&naive);
		random_entry(&entry);
		set_filter(&naive);
		ck_assert_str_eq(problem(), "");
		ck_assert_int_eq(nfbind_filter_match(filter, ct), naive_match(&naive, &entry));
		hits += naive_match(&naive, &entry);
	}
	ck_assert_msg(hits > rounds / 20 && hits < rounds - rounds / 20, "%lu hits", hits);
}
END_TEST

UNIT_MAIN("filter", set_up, tear_down,
	  test_filter_field_has_a_case_that_matches_and_one_that_does_not,
	  test_filter_that_says_nothing_lets_everything_through,
	  test_filter_that_makes_no_sense_lets_nothing_through,
	  test_filter_is_copied_and_printed, test_filter_agrees_with_a_second_implementation)
