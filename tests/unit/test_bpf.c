/* SPDX-License-Identifier: MIT */
/*
 * Filters as programs for the kernel, on a machine that runs them as it does: whatever
 * the filters and the events are, the program lets through what nfbind_filter_match()
 * does, and all that is no connection event.
 */
#include <stdio.h>

#include <linux/netlink.h>

#include <nfbind/nfbind.h>

#include "bpf.h"
#include "bpf_machine.h"
#include "random_events.h"
#include "uapi.h"
#include "unit.h"
#include "wire.h"

enum { HEAD = EVENT_HEAD, FILTERS_MAX = 2000 };

static char sentence[512];
static struct text why = { .out = sentence, .size = sizeof(sentence) };

/* Filters and programs. */

static void set(struct nfbind_filter *filter, uint32_t field, uint64_t value)
{
	ck_assert_int_eq(nfbind_filter_set_number(filter, field, value), 0);
}

static struct bpf_program compile(struct nfbind_filter *const *filters, size_t count)
{
	struct bpf_program program;
	const char *problem;

	ck_assert_int_eq(bpf_compile(filters, count, false, &program, &why), 0);
	problem = bpf_machine_check(program.code, program.count);
	ck_assert_msg(!problem, "%s", problem);
	return program;
}

static bool passes(const struct bpf_program *program, const void *data, size_t len)
{
	/* So many bytes with nothing behind them, so that a sanitizer sees who reads on. */
	uint8_t *copy = malloc(len ? len : 1);
	uint32_t kept;

	memcpy(copy, data, len);
	kept = bpf_machine_run(program->code, program->count, copy, len);
	free(copy);
	/* A datagram passes as a whole. */
	ck_assert_msg(kept == 0 || kept == UINT32_MAX, "%u bytes of %zu pass", kept, len);
	return kept != 0;
}

static bool any_matches(struct nfbind_filter *const *filters, size_t count, const struct nfbind_ct *ct)
{
	for (size_t i = 0; i < count; i++)
		if (nfbind_filter_match(filters[i], ct))
			return true;
	return false;
}

static void explain(struct nfbind_filter *const *filters, size_t count, const struct nfbind_ct *ct)
{
	char text[4096];

	for (size_t i = 0; i < count; i++) {
		nfbind_filter_print(filters[i], text, sizeof(text));
		fprintf(stderr, "filter: %s\n", text);
	}
	nfbind_ct_print(ct, NFBIND_FORMAT_FIELDS, 0, NULL, text, sizeof(text));
	fprintf(stderr, "entry: %s\n", text);
}

static void check(const struct bpf_program *program, struct nfbind_filter *const *filters,
		  size_t count, const struct event *event, uint32_t *counts)
{
	bool is_wanted = any_matches(filters, count, event->ct);

	if (passes(program, event->data, event->len) != is_wanted) {
		explain(filters, count, event->ct);
		ck_abort_msg("the program says %d", !is_wanted);
	}
	counts[is_wanted]++;
}

static void free_filters(struct nfbind_filter **filters, size_t count)
{
	for (size_t i = 0; i < count; i++)
		nfbind_filter_free(filters[i]);
}

START_TEST(test_bpf_random_filters_let_through_what_matches)
{
	enum { EVENTS = 64 };
	static struct event events[EVENTS];
	uint32_t counts[2] = { 0 };

	unit_seed(11);
	for (unsigned long round = 0; round < unit_rounds(3000); round++) {
		struct nfbind_filter *filters[4];
		size_t count = 1 + unit_random(unit_random(3) ? 1 : COUNT_OF(filters));
		struct bpf_program program;

		for (size_t i = 0; round % 100 == 0 && i < EVENTS; i++) {
			struct nfbind_ct *ct = some_ct();

			free_event(&events[i]);
			make_event(&events[i], ct, unit_random(2) ? KERNEL_CT_NEW : KERNEL_CT_DELETE);
			nfbind_ct_free(ct);
		}
		for (size_t i = 0; i < count; i++)
			filters[i] = some_filter();
		program = compile(filters, count);
		for (size_t i = 0; i < EVENTS; i++)
			check(&program, filters, count, &events[i], counts);
		free(program.code);
		free_filters(filters, count);
	}
	for (size_t i = 0; i < EVENTS; i++)
		free_event(&events[i]);
	/* Both happen, or nothing was shown. */
	ck_assert_uint_gt(counts[0], (counts[0] + counts[1]) / 5);
	ck_assert_uint_gt(counts[1], (counts[0] + counts[1]) / 5);
}
END_TEST

/* What is left of a filter when what may change is not looked at; whether anything is. */
static bool forget_what_changes(struct nfbind_filter *filter)
{
	bool had_any = false;

	for (unsigned int i = 0; i < filter_rules_count; i++) {
		const struct filter_rule *rule = &filter_rules[i];
		bool is_name = rule->of[0] < NFBIND_CT_MASTER_SRC || rule->of[0] == NFBIND_CT_ZONE;

		if (is_name || nfbind_filter_has(filter, rule->field) <= 0)
			continue;
		had_any = true;
		nfbind_filter_clear(filter, rule->field);
		nfbind_filter_clear(filter, rule->beside);
	}
	return had_any;
}

START_TEST(test_bpf_by_names_alone_changes_do_not_count)
{
	uint32_t counts[2] = { 0 };

	unit_seed(14);
	for (unsigned long round = 0; round < unit_rounds(2000); round++) {
		struct nfbind_filter *filter = some_filter();
		struct bpf_program program;
		uint64_t is_negated = 0;
		bool had_any;

		ck_assert_int_eq(bpf_compile(&filter, 1, true, &program, &why), 0);
		ck_assert_ptr_null(bpf_machine_check(program.code, program.count));
		had_any = forget_what_changes(filter);
		nfbind_filter_get_number(filter, NFBIND_FILTER_NEGATED, &is_negated);
		for (size_t i = 0; i < 16; i++) {
			struct nfbind_ct *ct = some_ct();
			struct event event;

			make_event(&event, ct, KERNEL_CT_NEW);
			/* "Not this mark" may hold later. */
			if (had_any && is_negated)
				ck_assert(passes(&program, event.data, event.len));
			else
				check(&program, &filter, 1, &event, counts);
			free_event(&event);
			nfbind_ct_free(ct);
		}
		free(program.code);
		nfbind_filter_free(filter);
	}
	ck_assert_uint_gt(counts[0], 2000);
	ck_assert_uint_gt(counts[1], 2000);
}
END_TEST

/* Recorded events. */

static bool read_event(const char *name, struct event *event)
{
	size_t len;
	const uint8_t *data = unit_fixture(name, &len);
	const struct nlmsghdr *head = (const struct nlmsghdr *)event->data;

	if (len < HEAD || len > sizeof(event->data))
		return false;
	memcpy(event->data, data, len);
	event->len = len;
	if (head->nlmsg_type >> 8 != KERNEL_SUBSYS_CTNETLINK || head->nlmsg_flags & NLM_F_MULTI ||
	    head->nlmsg_len != len)
		return false;
	ck_assert_int_eq(nfbind_ct_new(&event->ct), 0);
	ck_assert_int_eq(wire_parse(&ct_wires, event->data + HEAD, len - HEAD, event->ct), 0);
	return true;
}

START_TEST(test_bpf_recorded_events_meet_filters_made_of_them)
{
	uint32_t counts[2] = { 0 }, events = 0;

	for (char **name = unit_fixtures("ct-event-", ".bin"); *name; name++) {
		struct event event = { .ct = NULL };

		ck_assert_msg(read_event(*name, &event), "%s", *name);
		events++;
		for (unsigned int i = 0; i < filter_rules_count; i++) {
			const struct filter_rule *rule = &filter_rules[i];
			struct nfbind_filter *filter = new_filter();
			struct bpf_program program;
			const void *data;
			size_t len;
			uint64_t number = 0;

			/* What it says itself, then something close by. */
			if (nfbind_ct_get_bytes(event.ct, rule->of[0], &data, &len) == 0)
				nfbind_filter_set_bytes(filter, rule->field, data, len);
			else if (nfbind_ct_get_number(event.ct, rule->of[0], &number) < 0 ||
				 nfbind_filter_set_number(filter, rule->field, number) < 0)
				set_one(filter, rule->field, 4);
			for (int negated = 0; negated < 2 && !filter_problem(filter); negated++) {
				set(filter, NFBIND_FILTER_NEGATED, (uint64_t)negated);
				program = compile(&filter, 1);
				check(&program, &filter, 1, &event, counts);
				free(program.code);
			}
			nfbind_filter_free(filter);
		}
		free_event(&event);
	}
	ck_assert_uint_gt(events, 15);
	ck_assert_uint_gt(counts[0], events * 10);
	ck_assert_uint_gt(counts[1], events * 10);
}
END_TEST

/* What is no connection event. */

START_TEST(test_bpf_all_else_passes)
{
	struct nfbind_filter *filter = new_filter();
	struct bpf_program program;
	uint32_t others = 0;

	/* An empty filter, negated, lets nothing through. */
	set(filter, NFBIND_FILTER_NEGATED, 1);
	program = compile(&filter, 1);
	for (char **name = unit_fixtures("", ".bin"); *name; name++) {
		struct event event = { .ct = NULL };
		size_t len;
		const uint8_t *data = unit_fixture(*name, &len);
		const struct nlmsghdr *head = (const struct nlmsghdr *)data;
		bool is_event = read_event(*name, &event) &&
				((head->nlmsg_type & 0xff) == KERNEL_CT_NEW ||
				 (head->nlmsg_type & 0xff) == KERNEL_CT_DELETE);

		ck_assert_msg(passes(&program, data, len) != is_event, "%s", *name);
		others += !is_event;
		free_event(&event);
	}
	ck_assert_uint_gt(others, 60);
	free(program.code);
	nfbind_filter_free(filter);
}
END_TEST

START_TEST(test_bpf_what_is_malformed_or_odd_is_left_to_others)
{
	struct nfbind_filter *filter = new_filter();
	struct event event = { .ct = NULL };
	struct nlmsghdr *head = (struct nlmsghdr *)event.data;
	struct bpf_program program;

	set(filter, NFBIND_FILTER_NEGATED, 1);
	program = compile(&filter, 1);
	ck_assert(read_event("ct-event-tcp-1-new.bin", &event));
	ck_assert(!passes(&program, event.data, event.len));
	/* Cut short, with something behind it, or several. */
	for (size_t len = 0; len < event.len; len++)
		ck_assert(passes(&program, event.data, len));
	for (size_t len = event.len + 1; len < event.len + 40; len++)
		ck_assert(passes(&program, event.data, len));
	head->nlmsg_flags |= NLM_F_MULTI;
	ck_assert(passes(&program, event.data, event.len));
	head->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	ck_assert(!passes(&program, event.data, event.len));
	for (unsigned int type = 0; type < 0x1000; type++) {
		head->nlmsg_type = (uint16_t)type;
		ck_assert_int_eq(passes(&program, event.data, event.len), type != 0x100 && type != 0x102);
	}
	free(program.code);
	free_event(&event);
	nfbind_filter_free(filter);
}
END_TEST

START_TEST(test_bpf_an_attribute_of_another_size_is_left_to_others)
{
	struct nfbind_filter *filter = new_filter();
	struct bpf_program program;
	struct nfbind_ct *ct;
	struct event event;
	struct nlattr *last;

	set(filter, NFBIND_FILTER_MARK, 5);
	program = compile(&filter, 1);
	ck_assert_int_eq(nfbind_ct_new(&ct), 0);
	nfbind_ct_set_number(ct, NFBIND_CT_MARK, 6);
	make_event(&event, ct, KERNEL_CT_NEW);
	last = (struct nlattr *)(event.data + HEAD);
	for (uint16_t len = 4; len <= 8; len++) {
		event.len = HEAD + len;
		last->nla_len = len;
		memcpy(event.data, &(uint32_t){ (uint32_t)event.len }, 4);
		ck_assert_int_eq(passes(&program, event.data, event.len), len != 8);
	}
	nfbind_ct_free(ct);
	free_event(&event);
	free(program.code);
	nfbind_filter_free(filter);
}
END_TEST

/* The kernel never sends an attribute twice: its first one counts there, here the last one. */
static bool has_twice(const struct wire *rows, size_t rows_count, const uint8_t *data, size_t len)
{
	const struct nlattr *attribute;
	uint64_t seen = 0;
	size_t offset = 0;
	int error = 0;

	while ((attribute = wire_next(data, len, &offset, &error))) {
		unsigned int type = wire_type(attribute);

		if (type >= rows_count)
			continue;
		if (seen >> type & 1)
			return true;
		seen |= UINT64_C(1) << type;
		if (rows[type].kind == WIRE_NEST &&
		    has_twice(rows[type].rows, rows[type].rows_count, wire_payload(attribute),
			      wire_payload_len(attribute)))
			return true;
	}
	return false;
}

/* Whatever lengths are written over, what user space would take is not dropped. */
START_TEST(test_bpf_odd_attributes_are_never_dropped_where_they_would_match)
{
	uint32_t parsed = 0, wanted = 0;

	unit_seed(12);
	for (unsigned long round = 0; round < unit_rounds(20000); round++) {
		struct nfbind_filter *filter = some_filter();
		struct nfbind_ct *ct = some_ct(), *again;
		struct bpf_program program = compile(&filter, 1);
		struct event event;
		size_t at;

		make_event(&event, ct, KERNEL_CT_NEW);
		at = HEAD + unit_random((uint32_t)(event.len - HEAD)) / 4 * 4;
		/* Shorter attributes, longer ones, other numbers; or an end of the whole. */
		if (unit_random(2))
			memcpy(event.data + at, &(uint16_t){ (uint16_t)unit_random(24) }, 2);
		else
			event.len = at;
		memcpy(event.data, &(uint32_t){ (uint32_t)event.len }, 4);
		ck_assert_int_eq(nfbind_ct_new(&again), 0);
		if (wire_parse(&ct_wires, event.data + HEAD, event.len - HEAD, again) == 0 &&
		    !has_twice(ct_wires.rows, ct_wires.rows_count, event.data + HEAD, event.len - HEAD)) {
			bool is_wanted = nfbind_filter_match(filter, again);

			parsed++;
			wanted += is_wanted;
			if (is_wanted && !passes(&program, event.data, event.len)) {
				explain(&filter, 1, again);
				ck_abort_msg("it was dropped");
			}
		} else {
			(void)passes(&program, event.data, event.len);
		}
		nfbind_ct_free(again);
		nfbind_ct_free(ct);
		free_event(&event);
		free(program.code);
		nfbind_filter_free(filter);
	}
	ck_assert_uint_gt(parsed, 1000);
	ck_assert_uint_gt(wanted, 300);
}
END_TEST

/* Limits. */

START_TEST(test_bpf_no_filter_needs_no_program)
{
	struct bpf_program program = { .count = 7 };

	ck_assert_int_eq(bpf_compile(NULL, 0, false, &program, &why), 0);
	ck_assert_uint_eq(program.count, 0);
	ck_assert_ptr_null(program.code);
}
END_TEST

START_TEST(test_bpf_every_field_of_a_filter_can_be_compared)
{
	for (unsigned int i = 0; i < filter_rules_count; i++) {
		struct nfbind_filter *filter = new_filter();
		struct bpf_program program;

		do {
			set_one(filter, filter_rules[i].field, 4);
		} while (filter_problem(filter));
		program = compile(&filter, 1);
		/* The head, and at least one attribute that is looked for and compared. */
		ck_assert_uint_gt(program.count, 25);
		free(program.code);
		nfbind_filter_free(filter);
	}
}
END_TEST

/* 10.x.y.z, of which the number is made. */
static struct nfbind_filter *host_filter(uint32_t number)
{
	uint8_t address[4] = { 10, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number };
	struct nfbind_filter *filter = new_filter();

	nfbind_filter_set_bytes(filter, NFBIND_FILTER_ORIG_SRC, address, 4);
	return filter;
}

static void make_host_event(struct event *event, uint32_t number)
{
	struct nfbind_filter *filter = host_filter(number);
	struct nfbind_ct *ct;
	const void *address;
	size_t len;

	ck_assert_int_eq(nfbind_ct_new(&ct), 0);
	nfbind_filter_get_bytes(filter, NFBIND_FILTER_ORIG_SRC, &address, &len);
	nfbind_ct_set_bytes(ct, NFBIND_CT_ORIG_SRC, address, len);
	make_event(event, ct, KERNEL_CT_NEW);
	nfbind_ct_free(ct);
	nfbind_filter_free(filter);
}

START_TEST(test_bpf_as_many_filters_as_fit_are_all_looked_at)
{
	static struct nfbind_filter *filters[FILTERS_MAX];
	struct bpf_program program, larger;
	struct event event;
	uint32_t count = 1;
	char words[100];

	filters[0] = host_filter(0);
	program = compile(filters, 1);
	for (;;) {
		int r;

		filters[count] = host_filter(count);
		r = bpf_compile(filters, count + 1, false, &larger, &why);
		if (r < 0) {
			ck_assert_int_eq(r, -E2BIG);
			break;
		}
		free(program.code);
		program = larger;
		count++;
	}
	snprintf(words, sizeof(words), "filter %u of %u (orig-src=10.0.%u.%u) does not fit", count + 1, count + 1,
		 count >> 8, count & 255);
	ck_assert_msg(strncmp(sentence, words, strlen(words)) == 0, "%s", sentence);
	ck_assert_ptr_null(bpf_machine_check(program.code, program.count));
	ck_assert_uint_gt(program.count, BPF_MAXINSNS - 16);
	ck_assert_uint_gt(count, 500);
	/* The one that did not fit stands for all others. */
	for (uint32_t i = 0; i <= count; i++) {
		make_host_event(&event, i);
		ck_assert_int_eq(passes(&program, event.data, event.len), i < count);
		free_event(&event);
	}
	free(program.code);
	free_filters(filters, count + 1);
}
END_TEST

/* More attributes than can be remembered, and negated ones far from each other. */
START_TEST(test_bpf_many_fields_and_far_filters)
{
	uint32_t counts[2] = { 0 };

	unit_seed(13);
	for (unsigned long round = 0; round < unit_rounds(60); round++) {
		static struct nfbind_filter *filters[64];
		struct bpf_program program;

		for (size_t i = 0; i < COUNT_OF(filters); i++) {
			filters[i] = some_filter();
			/* Narrow ones, or they let through everything together. */
			set(filters[i], NFBIND_FILTER_MARK, 1000 + i);
			set(filters[i], NFBIND_FILTER_MARK_MASK, UINT32_MAX);
			set(filters[i], NFBIND_FILTER_NEGATED, 0);
		}
		if (bpf_compile(filters, COUNT_OF(filters), false, &program, &why) < 0) {
			free_filters(filters, COUNT_OF(filters));
			continue;
		}
		ck_assert_ptr_null(bpf_machine_check(program.code, program.count));
		for (size_t i = 0; i < 100; i++) {
			struct nfbind_ct *ct = some_ct();
			struct event event;

			nfbind_ct_set_number(ct, NFBIND_CT_MARK, 1000 + unit_random(COUNT_OF(filters)));
			make_event(&event, ct, KERNEL_CT_NEW);
			check(&program, filters, COUNT_OF(filters), &event, counts);
			free_event(&event);
			nfbind_ct_free(ct);
		}
		free(program.code);
		free_filters(filters, COUNT_OF(filters));
	}
	ck_assert_uint_gt(counts[0], 500);
	ck_assert_uint_gt(counts[1], 500);
}
END_TEST

UNIT_MAIN("bpf", NULL, NULL, test_bpf_random_filters_let_through_what_matches,
	  test_bpf_by_names_alone_changes_do_not_count,
	  test_bpf_recorded_events_meet_filters_made_of_them, test_bpf_all_else_passes,
	  test_bpf_what_is_malformed_or_odd_is_left_to_others,
	  test_bpf_an_attribute_of_another_size_is_left_to_others,
	  test_bpf_odd_attributes_are_never_dropped_where_they_would_match,
	  test_bpf_no_filter_needs_no_program, test_bpf_every_field_of_a_filter_can_be_compared,
	  test_bpf_as_many_filters_as_fit_are_all_looked_at, test_bpf_many_fields_and_far_filters)
