/* SPDX-License-Identifier: MIT */
/*
 * The kernel's table and the consumer's copy of it; see table_model.h.
 */
#include "table_model.h"

#include <stdio.h>

#include <linux/netlink.h>

#include "unit.h"

enum { DYING = 0x200 };

struct model model;

static struct nfbind_ct *ct;
static struct nfbind_exp *expectation;
static struct nfbind_event event;
static uint32_t last_id;
static bool is_congested;
/* A list under way. */
static int list_fd;
static uint32_t list_sequence, list_at;
static bool lists_expectations;

/* Messages. */

static void put_tuple(struct message *message, uint16_t type, uint32_t tuple)
{
	size_t nest = message_nest_start(message, type), inner;
	uint8_t address[4] = { 10, 0, 0, 1 }, protocol = 17;
	uint16_t port = htobe16((uint16_t)(1000 + tuple % (TUPLES / 2)));

	inner = message_nest_start(message, KERNEL_CTA_TUPLE_IP);
	message_put(message, KERNEL_CTA_IP_V4_SRC, address, 4);
	message_put(message, KERNEL_CTA_IP_V4_DST, address, 4);
	message_nest_end(message, inner);
	inner = message_nest_start(message, KERNEL_CTA_TUPLE_PROTO);
	message_put(message, KERNEL_CTA_PROTO_NUM, &protocol, 1);
	message_put(message, KERNEL_CTA_PROTO_SRC_PORT, &port, 2);
	message_put(message, KERNEL_CTA_PROTO_DST_PORT, &port, 2);
	message_nest_end(message, inner);
	message_nest_end(message, nest);
}

static void put_start(struct message *message, uint64_t start)
{
	size_t nest = message_nest_start(message, KERNEL_CTA_TIMESTAMP);
	uint64_t value = htobe64(start);

	message_put(message, KERNEL_CTA_TIMESTAMP_START, &value, sizeof(value));
	message_nest_end(message, nest);
}

static void make_entry(struct message *message, uint32_t tuple, const struct entry *entry, uint16_t type,
		       uint16_t flags, uint32_t sequence)
{
	uint16_t zone = htobe16((uint16_t)(tuple / (TUPLES / 2)));

	message_start(message, type, flags, 2, 0);
	put_tuple(message, KERNEL_CTA_TUPLE_ORIG, tuple);
	if (zone != 0)
		message_put(message, KERNEL_CTA_ZONE, &zone, sizeof(zone));
	message_put_u32(message, KERNEL_CTA_STATUS, 8 | (entry->is_dying ? DYING : 0));
	message_put_u32(message, KERNEL_CTA_ID, entry->id);
	/* As the kernel does it: 0 is left out. */
	if (entry->mark != 0)
		message_put_u32(message, KERNEL_CTA_MARK, entry->mark);
	message_put_u32(message, KERNEL_CTA_TIMEOUT, model.timeout);
	if (entry->use != 0)
		message_put_u32(message, KERNEL_CTA_USE, entry->use);
	if (entry->start != 0)
		put_start(message, entry->start);
	message_number(message, sequence);
	message_end(message);
}

static void make_expectation(struct message *message, uint32_t number, uint16_t flags, uint32_t sequence)
{
	message_start(message, 0x200, flags, 2, 0);
	put_tuple(message, KERNEL_CTA_EXPECT_MASTER, 0);
	put_tuple(message, KERNEL_CTA_EXPECT_TUPLE, number);
	put_tuple(message, KERNEL_CTA_EXPECT_MASK, 0);
	message_put_u32(message, KERNEL_CTA_EXPECT_ID, 100 + number);
	message_number(message, sequence);
	message_end(message);
}

/* Events. */

void model_tell(uint32_t tuple, const struct entry *entry, uint16_t type, uint16_t flags)
{
	struct message message;

	make_entry(&message, tuple, entry, type, flags, 0);
	fake_deliver_to(fake.events_fd, message.data, message.len);
}

void model_lose(void)
{
	fake.drops++;
	/* The error is had first, ahead of what is queued. */
	if (!is_congested) {
		fake_deliver_error_to(fake.events_fd, -ENOBUFS);
		fake_move_first();
	}
	is_congested = true;
}

static void announce(uint32_t tuple, uint16_t type, uint16_t flags, bool is_whole)
{
	size_t queued = fake_waiting_for(fake.events_fd);
	struct entry said = model.table[tuple];

	/* An empty queue is where the kernel queues again. */
	is_congested &= queued > 0;
	if (is_congested || queued == QUEUE_MAX) {
		model_lose();
		return;
	}
	if (!is_whole)
		said.use = 0;
	model_tell(tuple, &said, type, flags);
}

/* The kernel. */

void model_add(uint32_t tuple, uint32_t id, uint32_t mark)
{
	model.table[tuple] = (struct entry){ .id = id, .mark = mark, .use = 1 + unit_random(1000) };
	if (model.has_starts)
		model.table[tuple].start = 1 + unit_random(1000000);
	announce(tuple, 0x100, NLM_F_CREATE | NLM_F_EXCL, true);
}

void model_mark(uint32_t tuple, uint32_t mark)
{
	model.table[tuple].mark = mark;
	announce(tuple, 0x100, 0, false);
}

void model_remove(uint32_t tuple)
{
	announce(tuple, 0x102, 0, false);
	model.table[tuple] = (struct entry){ 0 };
}

static uint32_t new_id(uint32_t tuple)
{
	return model.has_same_ids && unit_random(2) ? tuple + 1 : ++last_id + TUPLES;
}

static void change_one(void)
{
	uint32_t tuple = unit_random(TUPLES);
	struct entry *entry = &model.table[tuple];

	if (entry->is_dying) {
		*entry = (struct entry){ 0 };
	} else if (entry->id == 0) {
		model_add(tuple, new_id(tuple), 1 + unit_random(1000));
	} else if (unit_random(4) == 0) {
		entry->use = 1 + unit_random(1000);
		announce(tuple, 0x100, 0, true);
	} else if (unit_random(2)) {
		model_mark(tuple, 1 + unit_random(1000));
	} else if (unit_random(4) == 0) {
		announce(tuple, 0x102, 0, false);
		entry->is_dying = true;
	} else {
		model_remove(tuple);
	}
}

static void change_some(void)
{
	uint32_t count = unit_random(unit_random(8) == 0 ? 60 : 4);

	for (; count > 0 && model.changes_left > 0; count--, model.changes_left--)
		change_one();
}

static void answer(int fd, uint32_t sequence, int32_t error)
{
	struct {
		struct nlmsghdr header;
		int32_t error;
		struct nlmsghdr echo;
	} message = { { sizeof(message), NLMSG_ERROR, 0, sequence, 0 }, error,
		      { sizeof(struct nlmsghdr), 0x101, 0, sequence, 0 } };

	fake_deliver_to(fd, &message, sizeof(message));
}

static void end_list(void)
{
	struct {
		struct nlmsghdr header;
		int32_t error;
	} done = { { sizeof(done), NLMSG_DONE, NLM_F_MULTI, list_sequence, 0 }, model.list_error };

	fake_deliver_to(list_fd, &done, sizeof(done));
	list_fd = 0;
}

static void list_expectations(void)
{
	struct message message;

	for (uint32_t i = 0; i < EXPECTATIONS; i++) {
		if (!model.has_expectation[i])
			continue;
		make_expectation(&message, i, NLM_F_MULTI, list_sequence);
		fake_deliver_to(list_fd, message.data, message.len);
	}
	end_list();
}

/* Of one that nobody ever heard of, a list that misses it is the end. */
static bool is_missed(uint32_t tuple)
{
	return model.table[tuple].id == 0 ||
	       (model.misses_entries && model.copy[tuple].id != 0 && unit_random(10) == 0);
}

/* The next piece of the list, which may be older than what was changed since. */
static void list_some(void)
{
	uint32_t count = model.piece ? model.piece : 1 + unit_random(9);
	struct message message;

	if (lists_expectations) {
		list_expectations();
		return;
	}
	for (; list_at < TUPLES && count > 0; list_at++) {
		if (is_missed(list_at))
			continue;
		make_entry(&message, list_at, &model.table[list_at], 0x100,
			   NLM_F_MULTI | model.list_flags, list_sequence);
		fake_deliver_to(list_fd, message.data, message.len);
		if (model.misses_entries && unit_random(10) == 0)
			fake_deliver_to(list_fd, message.data, message.len);
		count--;
	}
	if (list_at == TUPLES)
		end_list();
	if (model.on_piece)
		model.on_piece(list_at);
}

/* Which tuple it names: by its port and its zone. */
static uint32_t find_tuple(const uint8_t *message, size_t len)
{
	size_t size;
	const uint8_t *zone = attribute_find(message + 20, len - 20, KERNEL_CTA_ZONE, &size);
	const uint8_t *part = attribute_find(message + 20, len - 20, KERNEL_CTA_TUPLE_ORIG, &size);

	part = part ? attribute_find(part, size, KERNEL_CTA_TUPLE_PROTO, &size) : NULL;
	part = part ? attribute_find(part, size, KERNEL_CTA_PROTO_SRC_PORT, &size) : NULL;
	ck_assert_ptr_nonnull(part);
	return (uint32_t)(part[0] << 8 | part[1]) - 1000 + (zone ? zone[1] * (TUPLES / 2u) : 0);
}

static void fetch(int fd, uint32_t tuple, uint32_t sequence)
{
	struct message message;

	if (model.table[tuple].id == 0) {
		answer(fd, sequence, -ENOENT);
		return;
	}
	make_entry(&message, tuple, &model.table[tuple], 0x100, 0, sequence);
	fake_deliver_to(fd, message.data, message.len);
	answer(fd, sequence, 0);
}

static void take_request(int fd, const uint8_t *data, size_t len)
{
	const struct nlmsghdr *header = (const struct nlmsghdr *)data;

	if (!(header->nlmsg_flags & NLM_F_DUMP)) {
		ck_assert_uint_eq(header->nlmsg_type, 0x101);
		fetch(fd, find_tuple(data, len), header->nlmsg_seq);
		return;
	}
	list_fd = fd;
	list_sequence = header->nlmsg_seq;
	list_at = 0;
	lists_expectations = header->nlmsg_type == 0x201;
	list_some();
}

static void before_receive(int fd)
{
	change_some();
	/* One piece ahead, as the kernel is. */
	if (fd == list_fd)
		list_some();
}

/* The consumer. */

static void tell_story(char letter, uint32_t number)
{
	size_t len = strlen(model.story);
	char text[8] = "";

	if (letter != 'O' && letter != 'M' && letter != 'S' && letter != 'L')
		snprintf(text, sizeof(text), "%u", number);
	snprintf(model.story + len, sizeof(model.story) - len, "%s%c%s%s%s", len > 0 ? " " : "", letter, text,
		 event.flags & NFBIND_EVENT_RESYNC ? "'" : "", event.flags & NFBIND_EVENT_BLIND ? "*" : "");
}

static uint32_t number_of(uint32_t field)
{
	uint64_t value = 0;

	nfbind_ct_get_number(ct, field, &value);
	return (uint32_t)value;
}

static void apply_connection(char letter)
{
	uint32_t tuple = number_of(NFBIND_CT_ORIG_PORT_SRC) - 1000 + number_of(NFBIND_CT_ZONE) * (TUPLES / 2);
	struct entry *entry = &model.copy[tuple];

	tell_story(letter, tuple);
	/* New once, destroyed once, and changed in between only. */
	if (model.limits == 0)
		ck_assert_msg((entry->id != 0) == (letter != 'N'), "%s", model.story);
	if (letter == 'D') {
		*entry = (struct entry){ 0 };
		model.ended++;
		return;
	}
	entry->id = number_of(NFBIND_CT_ID);
	entry->mark = number_of(NFBIND_CT_MARK);
	entry->use = nfbind_ct_has(ct, NFBIND_CT_USE) > 0 ? number_of(NFBIND_CT_USE) : entry->use;
}

static void apply_expectation(char letter)
{
	uint64_t id = 0;

	ck_assert_int_eq(nfbind_exp_get_number(expectation, NFBIND_EXP_ID, &id), 0);
	tell_story(letter, (uint32_t)id - 100);
	ck_assert_msg(model.has_copied[id - 100] == (letter == 'd'), "%s", model.story);
	model.has_copied[id - 100] = letter == 'n';
}

static void apply(void)
{
	switch (event.kind) {
	case NFBIND_EVENT_CT_NEW:
		apply_connection('N');
		break;
	case NFBIND_EVENT_CT_UPDATE:
		apply_connection('U');
		break;
	case NFBIND_EVENT_CT_DESTROY:
		apply_connection('D');
		break;
	case NFBIND_EVENT_EXP_NEW:
		apply_expectation('n');
		break;
	case NFBIND_EVENT_EXP_DESTROY:
		apply_expectation('d');
		break;
	case NFBIND_EVENT_OVERRUN:
		model.overruns++;
		tell_story('O', 0);
		break;
	case NFBIND_EVENT_SYNCED:
		model.synced++;
		tell_story('S', 0);
		break;
	case NFBIND_EVENT_LIMIT:
		model.limits++;
		tell_story('L', 0);
		break;
	default:
		tell_story('M', 0);
	}
}

int model_take(void)
{
	int r = nfbind_events_receive(model.session, 0), taken;

	while ((taken = nfbind_events_next(model.session, &event, sizeof(event), ct, expectation)) == 0)
		apply();
	ck_assert_int_eq(taken, -ENODATA);
	return r;
}

void model_settle(void)
{
	for (int quiet = 0; quiet < 3;) {
		int32_t timeout = 0;
		int r = model_take();

		quiet = r == -EAGAIN ? quiet + 1 : 0;
		if (nfbind_events_get_deadline(model.session, &timeout) == 0 && timeout < 1000)
			fake_advance((uint32_t)timeout + 1);
	}
}

void model_compare(unsigned long round)
{
	for (uint32_t i = 0; i < TUPLES; i++) {
		const struct entry *is = &model.copy[i], *should = &model.table[i];
		bool is_there = should->id != 0 && !should->is_dying &&
				(!model.is_filtered || should->mark & 1);

		ck_assert_msg((is->id != 0) == is_there, "round %lu: %u is %sthere", round, i,
			      is_there ? "" : "not ");
		if (!is_there)
			continue;
		ck_assert_msg(is->id == should->id, "round %lu: %u has another id", round, i);
		ck_assert_msg(is->mark == should->mark, "round %lu: %u has another mark", round, i);
		ck_assert_msg(is->use == should->use, "round %lu: %u is used otherwise", round, i);
	}
}

const char *model_story(void)
{
	static char told[sizeof(model.story)];

	memcpy(told, model.story, sizeof(told));
	model.story[0] = '\0';
	return told;
}

struct nfbind_events_stats model_stats(void)
{
	struct nfbind_events_stats result;

	ck_assert_int_eq(nfbind_events_read_stats(model.session, &result, sizeof(result)), 0);
	return result;
}

/* Life. */

void model_start(void)
{
	struct nfbind_options *options = model.options;

	model = (struct model){ .options = options, .timeout = 100 };
	is_congested = false;
	list_fd = 0;
}

void model_fill(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		model.table[i] = (struct entry){ .id = 100 + i, .mark = i, .use = 5 };
}

void model_fill_at_random(void)
{
	for (uint32_t i = 0; i < TUPLES; i++)
		if (unit_random(2))
			model.table[i] = (struct entry){ .id = ++last_id + TUPLES, .mark = 1 + unit_random(1000),
							 .use = 1 + unit_random(1000) };
}

void model_add_filter(uint32_t mark, uint32_t mask)
{
	struct nfbind_filter *filter;

	ck_assert_int_eq(nfbind_filter_new(&filter), 0);
	nfbind_filter_set_number(filter, NFBIND_FILTER_MARK, mark);
	nfbind_filter_set_number(filter, NFBIND_FILTER_MARK_MASK, mask);
	ck_assert_int_eq(nfbind_events_add_filter(model.session, filter), 0);
	nfbind_filter_free(filter);
}

void model_open(void)
{
	fake_set_up();
	fake.on_message = take_request;
	fake.on_receive = before_receive;
	ck_assert_int_eq(nfbind_events_new(&model.session), 0);
	if (model.is_filtered)
		model_add_filter(1, 1);
	ck_assert_int_eq(nfbind_events_open(model.session, model.options), 0);
}

void model_close(void)
{
	nfbind_events_free(model.session);
	fake_tear_down();
}

void model_set_up(void)
{
	ck_assert_int_eq(nfbind_ct_new(&ct), 0);
	ck_assert_int_eq(nfbind_exp_new(&expectation), 0);
	ck_assert_int_eq(nfbind_options_new(&model.options), 0);
	nfbind_options_set_number(model.options, NFBIND_OPTIONS_RESYNC, 1);
	nfbind_options_set_number(model.options, NFBIND_OPTIONS_RESYNC_INTERVAL, 5);
	nfbind_options_set_number(model.options, NFBIND_OPTIONS_BATCH, 16);
}

void model_tear_down(void)
{
	nfbind_ct_free(ct);
	nfbind_exp_free(expectation);
	nfbind_options_free(model.options);
}
