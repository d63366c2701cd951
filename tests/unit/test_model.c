/* SPDX-License-Identifier: MIT */
/*
 * Thousands of random schedules against the fake kernel: verdicts in any order, kept
 * packets, defaults, ages, failing sends, feeding, changes and rebinding. Before a
 * packet can be decided its schedule writes down what was asked for; the kernel then
 * compares: every packet gets exactly its verdict, never another's, never twice.
 *
 * NFBIND_TEST_SEED and NFBIND_TEST_ROUNDS look for more; a failure names its schedule.
 */
#include <stdio.h>

#include <linux/netlink.h>

#include "session.h"

enum {
	QUEUES = 3,
	KEPT_MAX = 200,
	AHEAD_MAX = 6, /* datagrams that the caller has read, and not fed yet */
	STEPS = 120,
	TAG = 28,      /* where the payload says which packet of the kernel it is */
};

struct kept {
	struct nfbind_packet *packet;
	uint32_t number;
	uint64_t since;
};

static const uint16_t numbers[QUEUES] = { 0, 7, 65535 };
static struct {
	uint32_t default_verdict;
	uint32_t age_limit;
	bool is_bound;
} queues[QUEUES];

static bool is_feeding;
static bool has_failures; /* a send may fail */
static unsigned int running; /* packets of the running batch */
static struct kept kept[KEPT_MAX];
static size_t kept_count;
static struct fake_datagram ahead[AHEAD_MAX];
static size_t ahead_count;
static unsigned long schedule;
static char mistake[200];

#define check_that(condition, ...) \
	do { \
		if (!(condition) && !mistake[0]) \
			snprintf(mistake, sizeof(mistake), __VA_ARGS__); \
	} while (0)

static unsigned int place_of(uint16_t queue)
{
	return queue == numbers[0] ? 0 : queue == numbers[1] ? 1 : 2;
}

static void on_decided(struct kernel_packet *packet)
{
	check_that(packet->user_decided, "queue %u id %u was decided before its time", packet->queue,
		   packet->id);
	check_that(packet->verdicts == 1, "queue %u id %u was decided twice", packet->queue,
		   packet->id);
	check_that(packet->verdict == packet->user_verdict && packet->mark == packet->user_mark,
		   "queue %u id %u got %x mark %u instead of %x mark %u", packet->queue, packet->id,
		   packet->verdict, packet->mark, packet->user_verdict, packet->user_mark);
}

static uint32_t number_of(const struct nfbind_packet *packet)
{
	const void *data;
	uint32_t number;
	size_t len;

	ck_assert_int_eq(nfbind_packet_get_bytes(packet, NFBIND_PACKET_PAYLOAD, &data, &len), 0);
	ck_assert_uint_ge(len, TAG + sizeof(number));
	memcpy(&number, (const uint8_t *)data + TAG, sizeof(number));
	ck_assert_uint_lt(number, kernel_packets_count());
	return number;
}

static void expect(uint32_t number, uint32_t verdict, uint32_t mark)
{
	struct kernel_packet *packet = kernel_packet_at(number);

	check_that(!packet->user_decided, "the test decided twice");
	packet->user_decided = true;
	packet->user_verdict = verdict;
	packet->user_mark = mark;
}

static void expect_default(uint32_t number)
{
	expect(number, queues[place_of(kernel_packet_at(number)->queue)].default_verdict, 0);
}

static bool is_open(uint32_t number)
{
	return !kernel_packet_at(number)->user_decided &&
	       kernel_packet_at(number)->state == KERNEL_WAITS;
}

/* What is asked for. */

static uint32_t some_verdict(void)
{
	static const uint32_t verdicts[] = { NFBIND_VERDICT_DROP, NFBIND_VERDICT_REPEAT, 0x90003 };

	/* Mostly the same, so that there is something to coalesce. */
	return unit_random(4) ? NFBIND_VERDICT_ACCEPT : verdicts[unit_random(COUNT_OF(verdicts))];
}

static uint32_t some_mark(struct nfbind_packet *packet)
{
	uint32_t mark = unit_random(6) ? 0 : 1 + unit_random(2);

	if (mark)
		ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_MARK, mark), 0);
	return mark;
}

static void decide(struct nfbind_packet *packet, uint32_t number)
{
	uint32_t verdict = some_verdict(), mark = some_mark(packet);
	const void *data;
	size_t len;

	if (unit_random(10) == 0) {
		ck_assert_int_eq(nfbind_packet_get_bytes(packet, NFBIND_PACKET_PAYLOAD, &data, &len),
				 0);
		ck_assert_int_eq(nfbind_packet_set_bytes(packet, NFBIND_PACKET_PAYLOAD, data, len),
				 0);
	}
	expect(number, verdict, mark);
	verdict |= unit_random(12) ? 0 : NFBIND_VERDICT_NOW;
	ck_assert_int_eq(nfbind_queue_verdict(session, packet, verdict), 0);
	ck_assert_int_eq(nfbind_queue_verdict(session, packet, verdict), -EALREADY);
}

static bool is_kept(uint32_t number)
{
	for (size_t i = 0; i < kept_count; i++)
		if (kept[i].number == number)
			return true;
	return false;
}

static struct nfbind_packet *one_of_batch(void)
{
	return running > 0 ? nfbind_batch_packet(batch, unit_random(running)) : NULL;
}

static void decide_in_batch(void)
{
	struct nfbind_packet *packet = one_of_batch();
	uint32_t number;

	if (!packet)
		return;
	number = number_of(packet);
	if (is_open(number) && !is_kept(number))
		decide(packet, number);
}

static void forget_kept(size_t i)
{
	kept[i] = kept[--kept_count];
}

static void keep(void)
{
	struct nfbind_packet *packet = one_of_batch();
	uint32_t number;

	if (!packet || kept_count == KEPT_MAX)
		return;
	number = number_of(packet);
	if (!is_open(number) || is_kept(number))
		return;
	ck_assert_int_eq(nfbind_packet_keep(packet, &kept[kept_count].packet), 0);
	kept[kept_count].number = number;
	kept[kept_count++].since = fake.now;
}

static void decide_kept(void)
{
	size_t i = unit_random((uint32_t)kept_count);

	if (kept_count == 0)
		return;
	if (is_open(kept[i].number))
		decide(kept[i].packet, kept[i].number);
	else
		ck_assert_int_lt(nfbind_queue_verdict(session, kept[i].packet,
						      NFBIND_VERDICT_ACCEPT), 0);
	nfbind_packet_free(kept[i].packet);
	forget_kept(i);
}

static void free_kept(void)
{
	size_t i = unit_random((uint32_t)kept_count);

	if (kept_count == 0)
		return;
	if (is_open(kept[i].number))
		expect_default(kept[i].number);
	nfbind_packet_free(kept[i].packet);
	forget_kept(i);
}

static size_t pick(struct nfbind_decision *decisions, size_t most)
{
	size_t count = 0;

	for (size_t i = 0; i < kept_count && count < most; i++) {
		struct kernel_packet *packet = kernel_packet_at(kept[i].number);

		if (!is_open(kept[i].number) || unit_random(3) == 0)
			continue;
		decisions[count] = (struct nfbind_decision){ .queue = packet->queue, .id = packet->id,
							     .index = unit_random(70),
							     .verdict = some_verdict() };
		if (unit_random(5) == 0) {
			decisions[count].flags = NFBIND_DECISION_MARK;
			decisions[count].mark = 5;
		}
		expect(kept[i].number, decisions[count].verdict, decisions[count].mark);
		count++;
	}
	return count;
}

static int compare_ids(const void *one, const void *other)
{
	const struct nfbind_decision *a = one, *b = other;

	return (int32_t)(a->id - b->id) > 0 ? 1 : -1;
}

static void decide_many(void)
{
	struct nfbind_decision decisions[20];
	size_t count = pick(decisions, COUNT_OF(decisions));
	int r;

	/* In the order of ids there is more to coalesce. */
	if (unit_random(2))
		qsort(decisions, count, sizeof(decisions[0]), compare_ids);
	r = nfbind_queue_verdict_many(session, decisions, count, sizeof(decisions[0]), NULL, 0);
	ck_assert(r == (int)count || (r == -EAGAIN && has_failures));
	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(decisions[i].result, 0);
}

static void decide_rest(void)
{
	uint32_t verdict = some_verdict();

	for (uint32_t i = 0; i < running; i++) {
		uint32_t number = number_of(nfbind_batch_packet(batch, i));

		if (is_open(number) && !is_kept(number))
			expect(number, verdict, 0);
	}
	ck_assert_int_ge(nfbind_queue_verdict_rest(session, verdict), 0);
}

/* The end of a batch. */

static void expect_end_of(unsigned int place)
{
	for (uint32_t i = 0; i < running; i++) {
		uint32_t number = number_of(nfbind_batch_packet(batch, i));

		if (is_open(number) && !is_kept(number) &&
		    place_of(kernel_packet_at(number)->queue) == place)
			expect_default(number);
	}
}

static void expect_end(void)
{
	for (unsigned int place = 0; place < QUEUES; place++)
		expect_end_of(place);
	running = 0;
	for (size_t i = 0; i < kept_count; i++) {
		uint32_t limit = queues[place_of(kernel_packet_at(kept[i].number)->queue)].age_limit;

		if (limit && is_open(kept[i].number) &&
		    fake.now - kept[i].since >= limit * UINT64_C(1000000))
			expect_default(kept[i].number);
	}
}

static void settle(void)
{
	int r;

	expect_end();
	r = nfbind_queue_settle(session);
	ck_assert(r == 0 || (r == -EAGAIN && has_failures));
}

static void got(int r)
{
	ck_assert(r >= 0 || r == -EAGAIN);
	running = r > 0 ? (unsigned int)r : 0;
	for (uint32_t i = 0; i < running; i++) {
		uint32_t number = number_of(nfbind_batch_packet(batch, i));
		struct kernel_packet *packet = kernel_packet_at(number);

		check_that(!packet->user, "queue %u id %u was handed out twice", packet->queue,
			   packet->id);
		packet->user = packet;
	}
}

static void read_ahead(void)
{
	while (ahead_count < AHEAD_MAX && fake_take(&ahead[ahead_count]))
		ahead_count++;
}

/* One datagram, or two at once, mostly in order. */
static void feed(void)
{
	static uint8_t room[1000] __attribute__((aligned(8)));
	size_t i, len = 0;

	read_ahead();
	for (int n = unit_random(3) ? 1 : 2; n > 0 && ahead_count > 0; n--) {
		i = unit_random(8) ? 0 : unit_random((uint32_t)ahead_count);
		len = NLMSG_ALIGN(len);
		memcpy(room + len, ahead[i].data, ahead[i].len);
		len += ahead[i].len;
		free(ahead[i].data);
		memmove(&ahead[i], &ahead[i + 1], (--ahead_count - i) * sizeof(ahead[0]));
	}
	if (len == 0)
		return;
	expect_end();
	got(nfbind_queue_feed(session, room, len, &batch));
}

static void receive(void)
{
	if (is_feeding) {
		feed();
		return;
	}
	expect_end();
	got(nfbind_queue_receive(session, 0, &batch));
}

/* What else happens. */

static void arrive(void)
{
	unsigned int place = unit_random(QUEUES);
	uint8_t payload[sizeof(kernel_udp)];

	memcpy(payload, kernel_udp, sizeof(payload));
	for (uint32_t count = 1 + unit_random(5); count > 0; count--) {
		uint32_t number = (uint32_t)kernel_packets_count();

		if (!queues[place].is_bound)
			return;
		/* While others read the socket too, nothing is lost: an id that is not there is elsewhere. */
		if (unit_random(30) == 0) {
			kernel_lose(numbers[place]);
			continue;
		}
		memcpy(payload + TAG, &number, sizeof(number));
		kernel_packet_with(numbers[place], NULL, 0, payload, sizeof(payload));
	}
}

static void fail_sends(void)
{
	static const int results[] = { -EAGAIN, -ENOBUFS, -EINTR, 32, 64, 40, 7, FAKE_TAKE_ALL };

	has_failures = true;
	fake_forget_results();
	for (uint32_t count = unit_random(6); count > 0; count--)
		fake_send_result(results[unit_random(COUNT_OF(results))]);
}

static void mend_sends(void)
{
	fake_forget_results();
	has_failures = false;
}

static void change(void)
{
	unsigned int place = unit_random(QUEUES);
	uint32_t verdict = some_verdict();

	mend_sends();
	if (!queues[place].is_bound)
		return;
	ck_assert_int_eq(nfbind_queue_change(session, numbers[place], options_of(
		NFBIND_OPTIONS_DEFAULT_VERDICT, verdict, NFBIND_OPTIONS_COALESCE,
		unit_random(5) ? 1 : 0, NFBIND_OPTIONS_FAIL_OPEN, unit_random(2), OPTIONS_END)), 0);
	queues[place].default_verdict = verdict;
}

static void bind_queue(unsigned int place)
{
	uint32_t verdict = some_verdict(), age_limit = unit_random(3) ? 0 : 50;

	ck_assert_int_eq(nfbind_queue_bind(session, numbers[place], options_of(
		NFBIND_OPTIONS_DEFAULT_VERDICT, verdict, NFBIND_OPTIONS_AGE_LIMIT, age_limit,
		OPTIONS_END)), 0);
	queues[place].default_verdict = verdict;
	queues[place].age_limit = age_limit;
	queues[place].is_bound = true;
}

/* What the caller has read of a queue that is gone is nothing to feed any more. */
static void drop_ahead(uint16_t queue)
{
	for (size_t i = ahead_count; i-- > 0;) {
		const uint8_t *resource = ahead[i].data + NLMSG_HDRLEN + 2;

		if ((resource[0] << 8 | resource[1]) != queue)
			continue;
		free(ahead[i].data);
		memmove(&ahead[i], &ahead[i + 1], (--ahead_count - i) * sizeof(ahead[0]));
	}
}

static void rebind(void)
{
	unsigned int place = unit_random(QUEUES);

	mend_sends();
	if (unit_random(3))
		return;
	if (!queues[place].is_bound) {
		bind_queue(place);
		return;
	}
	expect_end_of(place);
	ck_assert_int_eq(nfbind_queue_unbind(session, numbers[place]), 0);
	queues[place].is_bound = false;
	drop_ahead(numbers[place]);
}

static void pass_time(void)
{
	fake_advance(unit_random(30));
}

static void send_staged(void)
{
	int r = nfbind_queue_send(session);

	ck_assert(r == 0 || (r == -EAGAIN && has_failures));
}

static void step(void)
{
	static void (*const actions[])(void) = {
		arrive, arrive, arrive, arrive, receive, receive, receive,
		decide_in_batch, decide_in_batch, decide_in_batch, decide_in_batch, decide_in_batch,
		decide_in_batch, decide_in_batch, decide_in_batch, keep, keep, keep, keep,
		decide_kept, decide_kept, free_kept, decide_many, decide_rest, settle, send_staged,
		fail_sends, mend_sends, change, rebind, pass_time,
	};

	actions[unit_random(COUNT_OF(actions))]();
	ck_assert_msg(!mistake[0], "schedule %lu: %s", schedule, mistake);
	ck_assert_msg(kernel.refused == 0, "schedule %lu: the kernel refused a verdict", schedule);
}

static void finish(void)
{
	mend_sends();
	while (kept_count > 0)
		free_kept();
	while (fake_waiting() > 0 || ahead_count > 0)
		receive();
	settle();
	/* What a request read before its answer. */
	is_feeding = false;
	for (int i = 0; i < 40; i++)
		receive();
	settle();
	for (size_t i = 0; i < kernel_packets_count(); i++) {
		struct kernel_packet *packet = kernel_packet_at(i);

		check_that(packet->state != KERNEL_WAITS, "queue %u id %u was never decided",
			   packet->queue, packet->id);
	}
	ck_assert_msg(!mistake[0], "schedule %lu: %s", schedule, mistake);
}

/* Ids start at 1; one that is high is seen first, or those after the wrap would look like the first. */
static void start_late(unsigned int place)
{
	uint32_t number = (uint32_t)kernel_packets_count();
	uint8_t payload[sizeof(kernel_udp)];

	memcpy(payload, kernel_udp, sizeof(payload));
	memcpy(payload + TAG, &number, sizeof(number));
	kernel_set_last_id(numbers[place], UINT32_MAX - 1 - unit_random(20));
	kernel_packet_with(numbers[place], NULL, 0, payload, sizeof(payload));
	receive();
}

static void run(unsigned long number, bool feeds)
{
	schedule = number;
	unit_seed(number * 2 + feeds);
	mistake[0] = '\0';
	is_feeding = feeds;
	has_failures = false;
	running = 0;
	kept_count = ahead_count = 0;
	session_set_up();
	kernel.on_decided = on_decided;
	for (unsigned int place = 0; place < QUEUES; place++) {
		bind_queue(place);
		if (unit_random(3) == 0)
			start_late(place);
	}
	for (int i = 0; i < STEPS; i++)
		step();
	finish();
	session_tear_down();
}

START_TEST(test_model_every_packet_gets_its_own_verdict)
{
	for (unsigned long i = 0; i < unit_rounds(500); i++)
		run(i, false);
}
END_TEST

START_TEST(test_model_every_fed_packet_gets_its_own_verdict)
{
	for (unsigned long i = 0; i < unit_rounds(500); i++)
		run(i, true);
}
END_TEST

UNIT_MAIN("model", NULL, NULL, test_model_every_packet_gets_its_own_verdict,
	  test_model_every_fed_packet_gets_its_own_verdict)
