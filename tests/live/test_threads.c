/* SPDX-License-Identifier: MIT */
/*
 * Several threads and one session: workers that judge what another thread
 * receives, wakes from threads and signal handlers, and a close in the middle.
 */
#include "live.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

enum {
	WORKERS = 4,
	PACKETS = 10000,
	CHUNK = 250,
};

static bool passes(uint32_t number)
{
	return (number * UINT32_C(2654435761)) >> 11 & 3;
}

/* Workers. */

struct pool {
	struct nfbind_queue *queue;
	struct nfbind_packet *packets[PACKETS];
	unsigned int count;
	bool is_complete;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	atomic_uint judged;
	uint32_t random;
};

static void add(struct pool *pool, struct nfbind_packet *packet)
{
	pthread_mutex_lock(&pool->lock);
	pool->packets[pool->count++] = packet;
	pthread_cond_signal(&pool->changed);
	pthread_mutex_unlock(&pool->lock);
}

static void complete(struct pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->is_complete = true;
	pthread_cond_broadcast(&pool->changed);
	pthread_mutex_unlock(&pool->lock);
}

/* Some of those that wait, as they lie; 0 when there will be no more. */
static unsigned int take(struct pool *pool, struct nfbind_packet **packets, unsigned int wanted)
{
	unsigned int taken = 0;

	pthread_mutex_lock(&pool->lock);
	while (pool->count == 0 && !pool->is_complete)
		pthread_cond_wait(&pool->changed, &pool->lock);
	while (taken < wanted && pool->count > 0) {
		unsigned int at;

		pool->random = pool->random * 1664525 + 1013904223;
		at = (pool->random >> 8) % pool->count;
		packets[taken++] = pool->packets[at];
		pool->packets[at] = pool->packets[--pool->count];
	}
	pthread_mutex_unlock(&pool->lock);
	return taken;
}

static uint32_t verdict_for(const struct nfbind_packet *packet)
{
	return passes(datagram_number(packet)) ? NFBIND_VERDICT_ACCEPT : NFBIND_VERDICT_DROP;
}

static void *judge_singly(void *argument)
{
	struct pool *pool = argument;
	struct nfbind_packet *packet;

	while (take(pool, &packet, 1) > 0) {
		ck_assert_int_eq(nfbind_queue_verdict(pool->queue, packet, verdict_for(packet)), 0);
		nfbind_packet_free(packet);
		atomic_fetch_add(&pool->judged, 1);
	}
	return NULL;
}

static void *judge_together(void *argument)
{
	struct pool *pool = argument;
	struct nfbind_packet *packets[16];
	struct nfbind_decision decisions[16];
	unsigned int count;

	while ((count = take(pool, packets, 16)) > 0) {
		for (unsigned int i = 0; i < count; i++)
			decisions[i] = (struct nfbind_decision){
				.queue = (uint32_t)number_of(packets[i], NFBIND_PACKET_QUEUE),
				.id = (uint32_t)number_of(packets[i], NFBIND_PACKET_ID),
				.index = UINT32_MAX,
				.verdict = verdict_for(packets[i]),
			};
		ck_assert_int_eq(nfbind_queue_verdict_many(pool->queue, decisions, count,
							   sizeof(decisions[0]), NULL, 0), (int)count);
		for (unsigned int i = 0; i < count; i++)
			nfbind_packet_free(packets[i]);
		atomic_fetch_add(&pool->judged, count);
	}
	return NULL;
}

static uint8_t came[PACKETS];
static uint32_t came_in_all;

static void listen_to(int fd, int milliseconds)
{
	uint32_t number;

	while (hear(fd, &number, sizeof(number), milliseconds) == sizeof(number)) {
		came[ntohl(number)]++;
		came_in_all++;
	}
}

/* Keep the next packets for the workers. */
static void hand_over(struct pool *pool, uint32_t count)
{
	for (uint32_t kept = 0; kept < count;) {
		struct nfbind_batch *batch = receive(pool->queue);

		for (uint32_t i = 0; i < nfbind_batch_count(batch); i++, kept++) {
			struct nfbind_packet *packet;

			ck_assert_int_eq(nfbind_packet_keep(nfbind_batch_packet(batch, i), &packet), 0);
			add(pool, packet);
		}
	}
}

static void check_workers(void *(*work)(void *argument))
{
	static struct pool pool;
	struct udp udp = udp_pair("127.0.0.1", 5001);
	pthread_t workers[WORKERS];
	uint32_t said = 0, passing = 0;

	pool = (struct pool){ .queue = bind_session(1, OPTIONS({ NFBIND_OPTIONS_MAXLEN, 100000 })),
			      .lock = PTHREAD_MUTEX_INITIALIZER,
			      .changed = PTHREAD_COND_INITIALIZER };
	queue_rule("iptables", "INPUT -p udp", 1);
	for (int i = 0; i < WORKERS; i++)
		start_thread(&workers[i], work, &pool);
	while (said == 0 || (said < PACKETS && seconds() < 8)) {
		say_numbers(udp.sender, said, CHUNK);
		said += CHUNK;
		hand_over(&pool, CHUNK);
		/* No more at a time than the receiver's buffer holds. */
		do
			listen_to(udp.receiver, 1);
		while (atomic_load(&pool.judged) + CHUNK < said);
	}
	complete(&pool);
	for (int i = 0; i < WORKERS; i++)
		pthread_join(workers[i], NULL);
	ck_assert_int_eq(nfbind_queue_send(pool.queue), 0);
	ck_assert_uint_eq(atomic_load(&pool.judged), said);
	for (uint32_t i = 0; i < said; i++)
		passing += passes(i);
	while (came_in_all < passing && seconds() < PATIENCE / 1000 * slowness())
		listen_to(udp.receiver, 20);
	hear_nothing(udp.receiver);
	for (uint32_t i = 0; i < said; i++)
		ck_assert_msg(came[i] == passes(i), "packet %u came %u times", i, came[i]);
	take_no_notice(pool.queue);
	ck_assert_uint_eq(stats_of(pool.queue, 1).queue_undecided, 0);
}

START_TEST(test_queue_workers_judge_in_any_order)
{
	check_workers(judge_singly);
}
END_TEST

START_TEST(test_queue_workers_judge_many_at_once)
{
	check_workers(judge_together);
}
END_TEST

/* A reader of bytes that the session would otherwise use again. */

struct readers {
	struct nfbind_batch *batches[8];
	atomic_uint given;
	atomic_uint done;
	uint32_t sum;
};

static void *read_held(void *argument)
{
	struct readers *readers = argument;

	for (unsigned int i = 0; i < 8; i++) {
		while (atomic_load(&readers->given) <= i)
			sleep_ms(1);
		for (uint32_t j = 0; j < nfbind_batch_count(readers->batches[i]); j++)
			readers->sum += datagram_number(nfbind_batch_packet(readers->batches[i], j));
		nfbind_batch_free(readers->batches[i]);
		atomic_store(&readers->done, i + 1);
	}
	return NULL;
}

START_TEST(test_batch_held_by_another_thread_stays_readable)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct readers readers = { .given = 0 };
	uint32_t sum = 0, said = 0;
	pthread_t thread;

	queue_rule("iptables", "OUTPUT -p udp", 1);
	start_thread(&thread, read_held, &readers);
	for (unsigned int i = 0; i < 8; i++) {
		struct nfbind_batch *batch;

		say_numbers(udp.sender, said, 20);
		batch = receive(queue);
		for (uint32_t j = 0; j < nfbind_batch_count(batch); j++)
			sum += said++;
		ck_assert_int_gt(nfbind_queue_verdict_rest(queue, NFBIND_VERDICT_ACCEPT), 0);
		nfbind_batch_hold(batch);
		readers.batches[i] = batch;
		atomic_store(&readers.given, i + 1);
	}
	ck_assert_int_eq(nfbind_queue_close(queue), 0);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(readers.sum, sum);
	hear_numbers(udp.receiver, 0, said);
}
END_TEST

/* Everything that any thread may call, while one receives. */

struct bystander {
	struct nfbind_queue *queue;
	atomic_bool stop;
};

static void *look_on(void *argument)
{
	struct bystander *bystander = argument;
	struct nfbind_queue_stats stats;
	char text[128];

	while (!atomic_load(&bystander->stop)) {
		ck_assert_int_eq(nfbind_queue_read_stats(bystander->queue, 1, &stats, sizeof(stats)), 0);
		ck_assert_uint_ge(stats.queue_received, stats.queue_undecided);
		ck_assert_int_ge(nfbind_queue_last_message(bystander->queue, NFBIND_SIDE_SEND, text,
							   sizeof(text)), 0);
		ck_assert_int_ge(nfbind_queue_get_fd(bystander->queue), 0);
		ck_assert_int_eq(nfbind_queue_send(bystander->queue), 0);
	}
	return NULL;
}

START_TEST(test_queue_is_looked_at_while_it_receives)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct bystander bystander = { .queue = bind_session(1, NULL) };
	pthread_t thread;

	queue_rule("iptables", "INPUT -p udp", 1);
	start_thread(&thread, look_on, &bystander);
	for (uint32_t said = 0; said == 0 || (said < 4000 && seconds() < 4); said += 100) {
		say_numbers(udp.sender, said, 100);
		judge_all(bystander.queue, 100, NFBIND_VERDICT_ACCEPT);
		/* A send under way in the other thread takes ours along. */
		ck_assert_int_eq(nfbind_queue_settle(bystander.queue), 0);
		hear_numbers(udp.receiver, said, 100);
	}
	atomic_store(&bystander.stop, true);
	pthread_join(thread, NULL);
}
END_TEST

/* Waiting. */

struct later {
	struct nfbind_queue *queue;
	unsigned int milliseconds;
	int result;
};

static void *wake_later(void *argument)
{
	struct later *later = argument;

	sleep_ms(later->milliseconds);
	nfbind_queue_wake(later->queue);
	return NULL;
}

START_TEST(test_queue_wake_ends_a_receive_of_another_thread)
{
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct later later = { .queue = queue, .milliseconds = 20 };
	struct nfbind_batch *batch;
	pthread_t thread;

	start_thread(&thread, wake_later, &later);
	ck_assert_int_eq(nfbind_queue_receive(queue, -1, &batch), -ECANCELED);
	pthread_join(thread, NULL);
	/* It was that one only. */
	receive_nothing(queue);
	ck_assert_int_eq(nfbind_queue_receive(queue, 10, &batch), -EAGAIN);
}
END_TEST

START_TEST(test_queue_wake_beforehand_ends_the_next_receive_once)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct nfbind_batch *batch;

	queue_rule("iptables", "INPUT -p udp", 1);
	for (int i = 0; i < 3; i++) {
		nfbind_queue_wake(queue);
		nfbind_queue_wake(queue);
		ck_assert_int_eq(nfbind_queue_receive(queue, 0, &batch), -ECANCELED);
		receive_nothing(queue);
		say_text(udp.sender, "x");
		judge(queue, receive_one(queue), NFBIND_VERDICT_ACCEPT);
		hear_text(udp.receiver, "x");
	}
}
END_TEST

static struct nfbind_queue *signalled;

static void wake_from_handler(int number)
{
	(void)number;
	nfbind_queue_wake(signalled);
}

static void only_interrupt(int number)
{
	(void)number;
}

/* Again and again, for the first may come before there is anything to end; 0: no more. */
static void alarm_every(void (*handler)(int number), int milliseconds)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
	struct itimerval timer = { .it_value = { 0, milliseconds * 1000 },
				   .it_interval = { 0, milliseconds * 1000 } };

	ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

START_TEST(test_queue_wake_from_a_signal_handler_is_kept)
{
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct nfbind_batch *batch;
	int r;

	signalled = queue;
	alarm_every(wake_from_handler, 20);
	do
		r = nfbind_queue_receive(queue, -1, &batch);
	while (r == -EINTR);
	alarm_every(wake_from_handler, 0);
	ck_assert_int_eq(r, -ECANCELED);
	/* Of the second and the third, perhaps. */
	(void)nfbind_queue_receive(queue, 0, &batch);
	receive_nothing(queue);
}
END_TEST

START_TEST(test_queue_signal_ends_a_receive)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct nfbind_batch *batch;

	queue_rule("iptables", "INPUT -p udp", 1);
	say_text(udp.sender, "x");
	ck_assert_int_eq(nfbind_queue_verdict(queue, receive_one(queue), NFBIND_VERDICT_ACCEPT), 0);
	alarm_every(only_interrupt, 20);
	ck_assert_int_eq(nfbind_queue_receive(queue, -1, &batch), -EINTR);
	alarm_every(only_interrupt, 0);
	ck_assert_str_eq(message_of(queue, NFBIND_SIDE_RECEIVE), "a signal came");
	hear_text(udp.receiver, "x");
	receive_nothing(queue);
}
END_TEST

/* Closing. */

static void *receive_for_ever(void *argument)
{
	struct later *later = argument;
	struct nfbind_batch *batch;

	do
		later->result = nfbind_queue_receive(later->queue, -1, &batch);
	while (later->result >= 0 || later->result == -EBUSY);
	return NULL;
}

START_TEST(test_queue_close_ends_a_receive_of_another_thread)
{
	struct later later = { .queue = bind_session(1, NULL) };
	struct nfbind_batch *batch;
	pthread_t thread;

	start_thread(&thread, receive_for_ever, &later);
	while (nfbind_queue_receive(later.queue, 0, &batch) != -EBUSY)
		sleep_ms(1);
	ck_assert_int_eq(nfbind_queue_receive(later.queue, 0, &batch), -EBUSY);
	ck_assert_int_eq(nfbind_queue_settle(later.queue), -EBUSY);
	ck_assert_int_eq(nfbind_queue_bind(later.queue, 2, NULL), -EBUSY);
	ck_assert_int_eq(nfbind_queue_close(later.queue), 0);
	pthread_join(thread, NULL);
	ck_assert_int_eq(later.result, -ESHUTDOWN);
}
END_TEST

static void *judge_until_shut(void *argument)
{
	struct pool *pool = argument;
	struct nfbind_packet *packet;
	int r;

	while (take(pool, &packet, 1) > 0) {
		r = nfbind_queue_verdict(pool->queue, packet, NFBIND_VERDICT_ACCEPT);
		ck_assert(r == 0 || r == -ESHUTDOWN || r == -EALREADY);
		nfbind_packet_free(packet);
		atomic_fetch_add(&pool->judged, 1);
	}
	return NULL;
}

static void *receive_until_shut(void *argument)
{
	struct pool *pool = argument;
	struct nfbind_batch *batch;
	int r;

	while ((r = nfbind_queue_receive(pool->queue, -1, &batch)) >= 0) {
		for (int i = 0; i < r; i++) {
			struct nfbind_packet *packet;

			if (nfbind_packet_keep(nfbind_batch_packet(batch, (uint32_t)i), &packet) == 0)
				add(pool, packet);
		}
	}
	ck_assert_int_eq(r, -ESHUTDOWN);
	return NULL;
}

START_TEST(test_queue_close_amid_workers_is_orderly)
{
	static struct pool pool;
	struct udp udp = udp_pair("127.0.0.1", 5001);
	pthread_t receiver, workers[2];

	queue_rule("iptables", "INPUT -p udp", 1);
	for (int round = 0; round < 5; round++) {
		pool = (struct pool){ .queue = bind_session(1, NULL),
				      .lock = PTHREAD_MUTEX_INITIALIZER,
				      .changed = PTHREAD_COND_INITIALIZER };
		start_thread(&receiver, receive_until_shut, &pool);
		start_thread(&workers[0], judge_until_shut, &pool);
		start_thread(&workers[1], judge_until_shut, &pool);
		say_numbers(udp.sender, 0, 200);
		ck_assert_int_eq(nfbind_queue_close(pool.queue), 0);
		pthread_join(receiver, NULL);
		complete(&pool);
		pthread_join(workers[0], NULL);
		pthread_join(workers[1], NULL);
		free_session(pool.queue);
	}
}
END_TEST

/* Two of everything, for a while. */

struct lane {
	uint16_t number;
	struct udp udp;
	struct nfbind_queue *queue;
	uint32_t count;
	pthread_t thread;
};

static void *drive(void *argument)
{
	enum { MOST = 25000 };
	struct lane *lane = argument;
	uint32_t heard = 0;

	stay_on_one_processor();
	while (lane->count == 0 || (lane->count < MOST && seconds() < 8)) {
		say_numbers(lane->udp.sender, lane->count, CHUNK);
		lane->count += CHUNK;
		judge_all(lane->queue, CHUNK, NFBIND_VERDICT_ACCEPT);
		heard += hear_numbers_so_far(lane->udp.receiver, heard);
	}
	hear_numbers(lane->udp.receiver, heard, lane->count - heard);
	return NULL;
}

START_TEST(test_queue_two_lanes_pass_50000_packets)
{
	struct lane lanes[2];

	for (uint16_t i = 0; i < 2; i++) {
		lanes[i] = (struct lane){ .udp = udp_pair("127.0.0.1", (uint16_t)(5001 + i)),
					  .queue = bind_session(i, NULL) };
		run("iptables -A INPUT -p udp --dport %d -j NFQUEUE --queue-num %d", 5001 + i, i);
	}
	for (int i = 0; i < 2; i++)
		start_thread(&lanes[i].thread, drive, &lanes[i]);
	for (uint16_t i = 0; i < 2; i++) {
		pthread_join(lanes[i].thread, NULL);
		ck_assert_uint_eq(stats_of(lanes[i].queue, i).received, lanes[i].count);
		ck_assert_uint_eq(stats_of(lanes[i].queue, i).lost, 0);
	}
}
END_TEST

int main(void)
{
	const struct live_case cases[] = {
		{ "workers", test_queue_workers_judge_in_any_order },
		{ "workers", test_queue_workers_judge_many_at_once },
		{ "workers", test_batch_held_by_another_thread_stays_readable },
		{ "workers", test_queue_is_looked_at_while_it_receives },
		{ "wait", test_queue_wake_ends_a_receive_of_another_thread },
		{ "wait", test_queue_wake_beforehand_ends_the_next_receive_once },
		{ "wait", test_queue_wake_from_a_signal_handler_is_kept },
		{ "wait", test_queue_signal_ends_a_receive },
		{ "close", test_queue_close_ends_a_receive_of_another_thread },
		{ "close", test_queue_close_amid_workers_is_orderly },
		{ "lanes", test_queue_two_lanes_pass_50000_packets },
	};

	return live_main("threads", cases, sizeof(cases) / sizeof(cases[0]));
}
