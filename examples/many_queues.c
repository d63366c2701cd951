/* SPDX-License-Identifier: MIT */
/*
 * One thread for each queue, and a session of its own for each thread: they share
 * nothing, neither memory nor a socket. A rule with "balance" (iptables) or a range of
 * queues (nft) spreads the flows, all packets of a flow to the same queue.
 *
 *     many_queues FIRST COUNT
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

#include <nfbind/nfbind.h>

#include "common.h"

enum { QUEUES_MAX = 32 };

static const struct flag flags[] = { { NULL } };

static const struct manual manual = {
	.name = "many_queues",
	.arguments = "FIRST COUNT",
	.about = "Accept the packets of COUNT queues (32 at most), each in a thread of its own.",
	.flags = flags,
	.iptables = "  iptables -A INPUT -j NFQUEUE --queue-balance 0:3 --queue-bypass\n",
	.nft = "  nft add table inet example\n"
	       "  nft add chain inet example input '{ type filter hook input priority 0; }'\n"
	       "  nft add rule inet example input queue flags bypass to 0-3\n",
	.least = 2,
	.most = 2,
};

struct lane {
	struct nfbind_queue *queue;
	uint16_t number;
	pthread_t thread;
	bool is_running;
	uint64_t packets, bytes;
	int error;
};

static void *work(void *argument)
{
	struct lane *lane = argument;
	struct nfbind_batch *batch;
	int count;

	while ((count = nfbind_queue_receive(lane->queue, -1, &batch)) >= 0 || count == -EINTR) {
		for (int i = 0; i < count; i++) {
			const void *payload;
			size_t payload_len = 0;

			nfbind_packet_get_bytes(nfbind_batch_packet(batch, (uint32_t)i),
						NFBIND_PACKET_PAYLOAD, &payload, &payload_len);
			lane->packets++;
			lane->bytes += payload_len;
		}
		if (count > 0)
			nfbind_queue_verdict_rest(lane->queue, NFBIND_VERDICT_ACCEPT);
		print_notices(lane->queue);
	}
	lane->error = count == -ECANCELED ? 0 : count;
	return NULL;
}

/* A queue that cannot be bound ends them all. */
static int start(struct lane *lane)
{
	lane->queue = start_queue(lane->number, NULL);
	if (!lane->queue)
		return 1;
	lane->is_running = pthread_create(&lane->thread, NULL, work, lane) == 0;
	return lane->is_running ? 0 : fail(NULL, "starting a thread", -EAGAIN);
}

/* The signal has woken every session, and each thread ends by itself. */
static int end(struct lane *lane)
{
	int status = 0;

	if (!lane->queue)
		return 0;
	if (lane->is_running)
		pthread_join(lane->thread, NULL);
	printf("queue %u: %" PRIu64 " packets, %" PRIu64 " bytes\n", lane->number, lane->packets,
	       lane->bytes);
	if (lane->error < 0)
		status = fail(lane->queue, "receiving", lane->error);
	print_counters(lane->queue, lane->number);
	return status;
}

int main(int argc, char **argv)
{
	struct lane lanes[QUEUES_MAX] = { 0 };
	uint16_t first;
	int count, status = 0;

	read_arguments(&manual, argc, argv);
	first = (uint16_t)read_number("FIRST", argv[0], UINT16_MAX - QUEUES_MAX);
	count = (int)read_number("COUNT", argv[1], QUEUES_MAX);
	for (int i = 0; status == 0 && i < count; i++) {
		lanes[i].number = (uint16_t)(first + i);
		status = start(&lanes[i]);
	}
	/* As if we had been told to stop. */
	for (int i = 0; status != 0 && i < count; i++)
		nfbind_queue_wake(lanes[i].queue);
	for (int i = 0; i < count; i++)
		status |= end(&lanes[i]);
	forget_signals();
	for (int i = 0; i < count; i++)
		nfbind_queue_free(lanes[i].queue);
	return status;
}
