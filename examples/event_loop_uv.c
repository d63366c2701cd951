/* SPDX-License-Identifier: MIT */
/*
 * A session in libuv's loop: one uv_poll_t on the session's descriptor, beside a timer
 * that prints the rate and a signal handle that ends the loop. event_loop.c says what
 * to know about loops of one's own.
 *
 *     event_loop_uv QUEUE
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include <uv.h>

#include <nfbind/nfbind.h>

#include "common.h"

static const struct flag flags[] = { { NULL } };

static const struct manual manual = {
	.name = "event_loop_uv",
	.arguments = "QUEUE",
	.about = "Accept the packets of a queue in libuv's loop; print how many came each second.",
	.flags = flags,
	.iptables = "  iptables -A INPUT -p icmp -j NFQUEUE --queue-num 0 --queue-bypass\n",
	.nft = "  nft add table inet example\n"
	       "  nft add chain inet example input '{ type filter hook input priority 0; }'\n"
	       "  nft add rule inet example input meta l4proto icmp queue num 0 bypass\n",
	.least = 1,
	.most = 1,
};

struct state {
	struct nfbind_queue *queue;
	uv_poll_t poll;
	uv_timer_t timer;
	uv_signal_t signals[2];
	uint64_t packets, before;
	int error;
};

static void on_packets(uv_poll_t *poll, int status, int events)
{
	struct state *state = poll->data;
	struct nfbind_batch *batch;
	int r = status < 0 ? status : nfbind_queue_receive(state->queue, 0, &batch);

	(void)events;
	if (r >= 0) {
		state->packets += (uint64_t)r;
		nfbind_queue_verdict_rest(state->queue, NFBIND_VERDICT_ACCEPT);
		/* The loop may sleep now: the verdicts have to leave before. */
		r = nfbind_queue_settle(state->queue);
	}
	print_notices(state->queue);
	if (r < 0 && r != -EAGAIN) {
		state->error = r;
		uv_stop(poll->loop);
	}
}

static void on_second(uv_timer_t *timer)
{
	struct state *state = timer->data;

	if (state->packets != state->before)
		printf("%" PRIu64 " packets in the last second\n", state->packets - state->before);
	state->before = state->packets;
}

static void on_signal(uv_signal_t *signal, int number)
{
	(void)number;
	uv_stop(signal->loop);
}

static void close_handle(uv_handle_t *handle, void *argument)
{
	(void)argument;
	uv_close(handle, NULL);
}

static int run(uv_loop_t *loop, struct state *state)
{
	static const int numbers[] = { SIGINT, SIGTERM };
	int r = uv_poll_init(loop, &state->poll, nfbind_queue_get_fd(state->queue));

	if (r < 0)
		return r;
	state->poll.data = state->timer.data = state;
	uv_timer_init(loop, &state->timer);
	uv_timer_start(&state->timer, on_second, 1000, 1000);
	for (int i = 0; i < 2; i++) {
		uv_signal_init(loop, &state->signals[i]);
		uv_signal_start(&state->signals[i], on_signal, numbers[i]);
	}
	r = uv_poll_start(&state->poll, UV_READABLE, on_packets);
	if (r == 0)
		uv_run(loop, UV_RUN_DEFAULT);
	/* Before the session goes, with its descriptor. */
	uv_walk(loop, close_handle, NULL);
	uv_run(loop, UV_RUN_DEFAULT);
	return r < 0 ? r : state->error;
}

int main(int argc, char **argv)
{
	struct state state = { 0 };
	uv_loop_t loop;
	uint16_t number;
	int r;

	read_arguments(&manual, argc, argv);
	number = (uint16_t)read_number("QUEUE", argv[0], UINT16_MAX);
	state.queue = start_queue(number, NULL);
	if (!state.queue)
		return 1;
	r = uv_loop_init(&loop);
	if (r == 0) {
		r = run(&loop, &state);
		uv_loop_close(&loop);
	}
	printf("%" PRIu64 " packets in all\n", state.packets);
	return end_queue(state.queue, number, r);
}
