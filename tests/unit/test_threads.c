/* SPDX-License-Identifier: MIT */
/*
 * Real threads: one receives, others decide on kept packets in any order, hold and
 * free batches, wake, read statistics and close. Worth most with -Db_sanitize=thread.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "session.h"

enum {
	WORKERS = 4,
	PACKETS = 4000,
	RING = 256,
};

/* From the receiver to the workers. */
static struct {
	pthread_mutex_t lock;
	struct nfbind_packet *packets[RING];
	struct nfbind_batch *batches[RING];
	size_t packets_count, batches_count;
	bool is_done;
} ring;

static atomic_uint decided;
static atomic_bool is_ending;
static atomic_bool has_lost;

static void set_up(void)
{
	session_set_up();
	fake.is_threaded = true;
	ring.packets_count = ring.batches_count = 0;
	ring.is_done = false;
	pthread_mutex_init(&ring.lock, NULL);
	decided = 0;
	is_ending = has_lost = false;
}

static void tear_down(void)
{
	session_tear_down();
	pthread_mutex_destroy(&ring.lock);
}

static pthread_t start(void *(*run)(void *argument), void *argument)
{
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, run, argument), 0);
	return thread;
}

static bool put_packet(struct nfbind_packet *packet)
{
	bool fits;

	pthread_mutex_lock(&ring.lock);
	fits = ring.packets_count < RING;
	if (fits)
		ring.packets[ring.packets_count++] = packet;
	pthread_mutex_unlock(&ring.lock);
	return fits;
}

static void put_batch(struct nfbind_batch *held)
{
	pthread_mutex_lock(&ring.lock);
	if (ring.batches_count < RING) {
		nfbind_batch_hold(held);
		ring.batches[ring.batches_count++] = held;
	}
	pthread_mutex_unlock(&ring.lock);
}

/* Any of them, so that decisions come out of order. */
static bool take(unsigned int *seed, struct nfbind_packet **ret_packet,
		 struct nfbind_batch **ret_batch)
{
	bool goes_on;
	size_t i;

	*ret_packet = NULL;
	*ret_batch = NULL;
	pthread_mutex_lock(&ring.lock);
	if (ring.packets_count > 0) {
		i = (size_t)rand_r(seed) % ring.packets_count;
		*ret_packet = ring.packets[i];
		ring.packets[i] = ring.packets[--ring.packets_count];
	}
	if (ring.batches_count > 0)
		*ret_batch = ring.batches[--ring.batches_count];
	goes_on = !ring.is_done || *ret_packet || *ret_batch;
	pthread_mutex_unlock(&ring.lock);
	return goes_on;
}

static void read_some(struct nfbind_batch *held)
{
	uint64_t value;
	const void *data;
	size_t len;

	for (uint32_t i = 0; i < nfbind_batch_count(held); i++) {
		struct nfbind_packet *packet = nfbind_batch_packet(held, i);

		if (nfbind_packet_get_number(packet, NFBIND_PACKET_ID, &value) < 0 ||
		    nfbind_packet_get_bytes(packet, NFBIND_PACKET_PAYLOAD, &data, &len) < 0)
			atomic_store(&has_lost, true);
		(void)nfbind_packet_has(packet, NFBIND_PACKET_INDEV_NAME);
	}
	nfbind_batch_free(held);
}

static void work_on(struct nfbind_packet *packet, unsigned int *seed)
{
	struct nfbind_decision decision = { .verdict = NFBIND_VERDICT_ACCEPT };
	uint64_t id, queue;
	int r;

	switch (rand_r(seed) % 4) {
	case 0: /* the default */
		break;
	case 1:
		if (nfbind_packet_get_number(packet, NFBIND_PACKET_ID, &id) < 0 ||
		    nfbind_packet_get_number(packet, NFBIND_PACKET_QUEUE, &queue) < 0)
			atomic_store(&has_lost, true);
		decision.id = (uint32_t)id;
		decision.queue = (uint32_t)queue;
		r = nfbind_queue_verdict_many(session, &decision, 1, sizeof(decision), NULL, 0);
		/* 0: it grew too old in that moment. */
		if (r != 1 && r != 0 && r != -ESHUTDOWN)
			atomic_store(&has_lost, true);
		break;
	default:
		(void)nfbind_packet_set_number(packet, NFBIND_PACKET_MARK, (uint64_t)rand_r(seed));
		r = nfbind_queue_verdict(session, packet, NFBIND_VERDICT_ACCEPT);
		if (r != 0 && r != -EALREADY && r != -ESHUTDOWN)
			atomic_store(&has_lost, true);
	}
	nfbind_packet_free(packet);
	atomic_fetch_add(&decided, 1);
}

static void *worker(void *argument)
{
	unsigned int seed = (unsigned int)(uintptr_t)argument;
	struct nfbind_packet *packet;
	struct nfbind_batch *held;

	while (take(&seed, &packet, &held)) {
		if (packet)
			work_on(packet, &seed);
		if (held)
			read_some(held);
		if (!packet && !held)
			sched_yield();
	}
	return NULL;
}

static void *sender(void *argument)
{
	(void)argument;
	for (int i = 0; i < PACKETS; i++) {
		fake_lock();
		kernel_packet(i % 3 ? 5 : 6);
		fake_unlock();
		if (i % 50 == 0)
			sched_yield();
	}
	return NULL;
}

static void *disturber(void *argument)
{
	struct nfbind_queue_stats stats;
	char text[200];

	(void)argument;
	while (!atomic_load(&is_ending)) {
		(void)nfbind_queue_send(session);
		(void)nfbind_queue_read_stats(session, 5, &stats, sizeof(stats));
		(void)nfbind_queue_last_message(session, NFBIND_SIDE_SEND, text, sizeof(text));
		nfbind_queue_wake(session);
		usleep(200);
	}
	return NULL;
}

static uint32_t hand_on(int count, unsigned int *seed)
{
	struct nfbind_packet *packet;

	if (rand_r(seed) % 4 == 0)
		put_batch(batch);
	for (uint32_t i = 0; i < (uint32_t)count; i++) {
		switch (rand_r(seed) % 4) {
		case 0:
			session_decide(i, NFBIND_VERDICT_ACCEPT);
			break;
		case 1:
			break;
		default:
			packet = session_keep(i);
			while (!put_packet(packet))
				sched_yield();
		}
	}
	return (uint32_t)count;
}

START_TEST(test_threads_workers_decide_on_everything_once)
{
	pthread_t workers[WORKERS], from, other;
	unsigned int seed = 7;
	uint32_t received = 0;

	session_bind(5, NULL);
	session_bind(6, options_of(NFBIND_OPTIONS_AGE_LIMIT, 3, OPTIONS_END));
	from = start(sender, NULL);
	other = start(disturber, NULL);
	for (uintptr_t i = 0; i < WORKERS; i++)
		workers[i] = start(worker, (void *)(i + 1));
	while (received < PACKETS) {
		int r = nfbind_queue_receive(session, -1, &batch);

		ck_assert(r >= 0 || r == -ECANCELED);
		if (r > 0)
			received += hand_on(r, &seed);
	}
	pthread_mutex_lock(&ring.lock);
	ring.is_done = true;
	pthread_mutex_unlock(&ring.lock);
	for (size_t i = 0; i < WORKERS; i++)
		pthread_join(workers[i], NULL);
	atomic_store(&is_ending, true);
	pthread_join(other, NULL);
	pthread_join(from, NULL);
	session_settle();
	ck_assert_uint_eq(kernel_waiting(5) + kernel_waiting(6), 0);
	ck_assert_uint_eq(kernel.refused, 0);
	ck_assert(!has_lost);
	for (size_t i = 0; i < kernel_packets_count(); i++)
		ck_assert_uint_eq(kernel_packet_at(i)->verdicts, 1);
}
END_TEST

static void *receiver(void *argument)
{
	int *result = argument;

	do
		*result = nfbind_queue_receive(session, -1, &batch);
	while (*result >= 0);
	return NULL;
}

static void until_it_waits(void)
{
	unsigned int waits;

	do {
		usleep(500);
		fake_lock();
		waits = fake.waits;
		fake_unlock();
	} while (waits == 0);
}

START_TEST(test_threads_wake_ends_a_wait)
{
	pthread_t thread;
	int result = 0;

	session_bind(5, NULL);
	thread = start(receiver, &result);
	until_it_waits();
	nfbind_queue_wake(session);
	pthread_join(thread, NULL);
	ck_assert_int_eq(result, -ECANCELED);
}
END_TEST

START_TEST(test_threads_close_ends_a_wait)
{
	pthread_t thread;
	int result = 0;

	session_bind(5, NULL);
	thread = start(receiver, &result);
	until_it_waits();
	ck_assert_int_eq(nfbind_queue_close(session), 0);
	pthread_join(thread, NULL);
	ck_assert_int_eq(result, -ESHUTDOWN);
}
END_TEST

static void *closer(void *argument)
{
	(void)argument;
	(void)nfbind_queue_close(session);
	return NULL;
}

static pthread_t closing;

/* The wake descriptor is not there yet, and somebody closes. */
static void close_meanwhile(void)
{
	fake.on_make_wake = NULL;
	closing = start(closer, NULL);
	while (nfbind_queue_send(session) != -ESHUTDOWN)
		usleep(100);
	usleep(1000);
}

START_TEST(test_threads_close_ends_a_wait_that_is_just_beginning)
{
	session_bind(5, NULL);
	fake.on_make_wake = close_meanwhile;
	ck_assert_int_eq(nfbind_queue_receive(session, -1, &batch), -ESHUTDOWN);
	pthread_join(closing, NULL);
}
END_TEST

START_TEST(test_threads_close_against_everything)
{
	for (int round = 0; round < 30; round++) {
		pthread_t workers[WORKERS], receiving, other, from;
		int result = 0;

		if (round > 0)
			set_up();
		session_bind(5, NULL);
		session_bind(6, NULL);
		from = start(sender, NULL);
		receiving = start(receiver, &result);
		other = start(disturber, NULL);
		for (uintptr_t i = 0; i < WORKERS; i++)
			workers[i] = start(worker, (void *)(i + 1));
		usleep((useconds_t)(round * 300));
		(void)nfbind_queue_close(session);
		pthread_mutex_lock(&ring.lock);
		ring.is_done = true;
		pthread_mutex_unlock(&ring.lock);
		pthread_join(receiving, NULL);
		ck_assert(result == -ESHUTDOWN || result == -ECANCELED);
		atomic_store(&is_ending, true);
		pthread_join(other, NULL);
		pthread_join(from, NULL);
		for (size_t i = 0; i < WORKERS; i++)
			pthread_join(workers[i], NULL);
		ck_assert(!has_lost);
		if (round < 29)
			tear_down();
	}
}
END_TEST

/* A kept packet let go by another thread leaves without the receiver's being asked for more. */

static void *free_one(void *argument)
{
	until_it_waits();
	nfbind_packet_free(argument);
	return NULL;
}

START_TEST(test_threads_packet_let_go_elsewhere_leaves_while_a_receive_waits)
{
	struct nfbind_packet *kept;
	pthread_t thread;
	bool is_gone = false;
	int result = 0;

	session_bind(5, NULL);
	session_get(5, 1);
	kept = session_keep(0);
	thread = start(receiver, &result);
	free_one(kept);
	for (int i = 0; i < 20000 && !is_gone; i++) {
		usleep(1000);
		fake_lock();
		is_gone = kernel_waiting(5) == 0;
		fake_unlock();
	}
	ck_assert(is_gone);
	nfbind_queue_wake(session);
	pthread_join(thread, NULL);
}
END_TEST

START_TEST(test_threads_one_thread_receives)
{
	pthread_t thread;
	int result = 0;

	session_bind(5, NULL);
	thread = start(receiver, &result);
	until_it_waits();
	ck_assert_int_eq(nfbind_queue_receive(session, 0, &batch), -EBUSY);
	ck_assert_int_eq(nfbind_queue_settle(session), -EBUSY);
	ck_assert_ptr_nonnull(strstr(session_message(NFBIND_SIDE_RECEIVE), "another thread"));
	nfbind_queue_wake(session);
	pthread_join(thread, NULL);
}
END_TEST

UNIT_MAIN("threads", set_up, tear_down, test_threads_workers_decide_on_everything_once,
	  test_threads_wake_ends_a_wait, test_threads_close_ends_a_wait,
	  test_threads_close_ends_a_wait_that_is_just_beginning,
	  test_threads_close_against_everything,
	  test_threads_packet_let_go_elsewhere_leaves_while_a_receive_waits,
	  test_threads_one_thread_receives)
