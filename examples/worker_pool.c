/* SPDX-License-Identifier: MIT */
/*
 * One thread receives, others decide, in whatever order they are done. A packet that
 * is kept carries the right to decide on it past the end of its batch and to another
 * thread; its verdict leaves at once. Here the work is to look for a word in the
 * payload, and --delay makes it slow.
 *
 * When the workers cannot keep up, the receiving thread lets packets pass unread:
 * memory stays bounded, and the kernel's queue does not fill up.
 *
 *     worker_pool [--workers N] [--delay MS] QUEUE WORD
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <nfbind/nfbind.h>

#include "common.h"

enum { ROOM = 256, WORKERS_MAX = 64 };

static uint64_t workers = 4, delay;

static const struct flag flags[] = {
	{ "--workers", "N", "threads that decide, 1 to 64; default 4", &workers },
	{ "--delay", "MS", "sleep so long over every second packet", &delay },
	{ NULL },
};

static const struct manual manual = {
	.name = "worker_pool",
	.arguments = "[--workers N] [--delay MS] QUEUE WORD",
	.about = "Drop the packets of a queue that have the word in them; threads look for it.",
	.flags = flags,
	.iptables = "  iptables -A INPUT -p udp -j NFQUEUE --queue-num 0 --queue-bypass\n",
	.nft = "  nft add table inet example\n"
	       "  nft add chain inet example input '{ type filter hook input priority 0; }'\n"
	       "  nft add rule inet example input meta l4proto udp queue num 0 bypass\n",
	.least = 2,
	.most = 2,
};

/* Packets on their way from the receiving thread to a worker. */
struct pool {
	struct nfbind_queue *queue;
	const char *word;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct nfbind_packet *waiting[ROOM];
	unsigned int first, count;
	bool is_ending;
	uint64_t newest, overtaken, dropped, unread;
};

struct worker {
	pthread_t thread;
	struct pool *pool;
	uint64_t decided;
};

static bool put(struct pool *pool, struct nfbind_packet *packet)
{
	bool has_room;

	pthread_mutex_lock(&pool->lock);
	has_room = pool->count < ROOM;
	if (has_room)
		pool->waiting[(pool->first + pool->count++) % ROOM] = packet;
	pthread_cond_signal(&pool->changed);
	pthread_mutex_unlock(&pool->lock);
	return has_room;
}

/* NULL at the end. */
static struct nfbind_packet *take(struct pool *pool)
{
	struct nfbind_packet *packet = NULL;

	pthread_mutex_lock(&pool->lock);
	while (pool->count == 0 && !pool->is_ending)
		pthread_cond_wait(&pool->changed, &pool->lock);
	if (pool->count > 0) {
		packet = pool->waiting[pool->first++ % ROOM];
		pool->count--;
	}
	pthread_mutex_unlock(&pool->lock);
	return packet;
}

static bool has_word(const struct pool *pool, const struct nfbind_packet *packet)
{
	const void *data;
	size_t len;

	return nfbind_packet_get_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, &data, &len) == 0 &&
	       memmem(data, len, pool->word, strlen(pool->word));
}

static void note(struct pool *pool, uint64_t id, bool is_dropped)
{
	pthread_mutex_lock(&pool->lock);
	pool->overtaken += id < pool->newest;
	pool->newest = id > pool->newest ? id : pool->newest;
	pool->dropped += is_dropped;
	pthread_mutex_unlock(&pool->lock);
}

static void *work(void *argument)
{
	struct worker *worker = argument;
	struct pool *pool = worker->pool;
	struct timespec time = { (time_t)(delay / 1000), (long)(delay % 1000) * 1000000 };
	struct nfbind_packet *packet;

	while ((packet = take(pool))) {
		uint64_t id = number_or(packet, NFBIND_PACKET_ID, 0);
		bool is_bad = has_word(pool, packet);

		if (id % 2 == 1)
			nanosleep(&time, NULL);
		if (nfbind_queue_verdict(pool->queue, packet,
					 is_bad ? NFBIND_VERDICT_DROP : NFBIND_VERDICT_ACCEPT) == 0)
			worker->decided++;
		note(pool, id, is_bad);
		/* Freeing a packet without a verdict would give it the default one. */
		nfbind_packet_free(packet);
	}
	return NULL;
}

static int receive(struct pool *pool)
{
	struct nfbind_batch *batch;
	int count;

	while ((count = nfbind_queue_receive(pool->queue, -1, &batch)) >= 0 || count == -EINTR) {
		for (int i = 0; i < count; i++) {
			struct nfbind_packet *kept;
			int r = nfbind_packet_keep(nfbind_batch_packet(batch, (uint32_t)i), &kept);

			if (r < 0)
				return r;
			if (put(pool, kept))
				continue;
			pool->unread++;
			nfbind_queue_verdict(pool->queue, kept, NFBIND_VERDICT_ACCEPT);
			nfbind_packet_free(kept);
		}
		print_notices(pool->queue);
	}
	return count == -ECANCELED ? 0 : count;
}

/* What waits is still decided: workers leave when nothing is left. */
static void end(struct pool *pool, struct worker *worker, uint64_t count)
{
	pthread_mutex_lock(&pool->lock);
	pool->is_ending = true;
	pthread_cond_broadcast(&pool->changed);
	pthread_mutex_unlock(&pool->lock);
	for (uint64_t i = 0; i < count; i++) {
		pthread_join(worker[i].thread, NULL);
		printf("worker %" PRIu64 ": %" PRIu64 " decided\n", i, worker[i].decided);
	}
	printf("pool: %" PRIu64 " overtaken by later ones, %" PRIu64 " dropped, %" PRIu64
	       " passed unread\n",
	       pool->overtaken, pool->dropped, pool->unread);
}

int main(int argc, char **argv)
{
	struct pool pool = { .lock = PTHREAD_MUTEX_INITIALIZER,
			     .changed = PTHREAD_COND_INITIALIZER };
	struct worker worker[WORKERS_MAX] = { 0 };
	uint64_t started = 0;
	uint16_t number;
	int r = 0;

	read_arguments(&manual, argc, argv);
	number = (uint16_t)read_number("QUEUE", argv[0], UINT16_MAX);
	pool.word = argv[1];
	pool.queue = start_queue(number, NULL);
	if (!pool.queue)
		return 1;
	for (; r == 0 && started < workers && started < WORKERS_MAX; started += r == 0) {
		worker[started].pool = &pool;
		r = -pthread_create(&worker[started].thread, NULL, work, &worker[started]);
	}
	if (r == 0)
		r = receive(&pool);
	end(&pool, worker, started);
	return end_queue(pool.queue, number, r);
}
