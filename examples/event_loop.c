/* SPDX-License-Identifier: MIT */
/*
 * A session in a program that has a loop of its own, here epoll with three
 * descriptors: the queue's, a signalfd and the standard input, where a line with
 * "accept" or "drop" changes what is decided from now on.
 *
 * Two things to know. The library buffers nothing behind its descriptor, so that
 * level-triggered polling tells the truth. And verdicts are staged: a loop that goes
 * to sleep calls nfbind_queue_settle() before, as there is no next receive to send
 * them. nfbind_queue_wake() ends a wait in receive, not one in epoll: use what the
 * loop has (here the signalfd).
 *
 *     event_loop QUEUE
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <nfbind/nfbind.h>

#include "common.h"

static const struct flag flags[] = { { NULL } };

static const struct manual manual = {
	.name = "event_loop",
	.arguments = "QUEUE",
	.about = "Accept or drop the packets of a queue, as the standard input said last.",
	.flags = flags,
	.iptables = "  iptables -A INPUT -p icmp -j NFQUEUE --queue-num 0 --queue-bypass\n",
	.nft = "  nft add table inet example\n"
	       "  nft add chain inet example input '{ type filter hook input priority 0; }'\n"
	       "  nft add rule inet example input meta l4proto icmp queue num 0 bypass\n",
	.least = 1,
	.most = 1,
};

struct loop {
	int epoll;
	int queue_fd, signal_fd;
	uint32_t verdict;
	bool is_ending;
};

static int watch(struct loop *loop, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* Signals become something to read; blocked, they come no other way. */
static int watch_signals(struct loop *loop)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	loop->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	return loop->signal_fd < 0 ? -errno : watch(loop, loop->signal_fd);
}

/* One batch each time, so that a flood does not starve the other descriptors. */
static int take_packets(struct loop *loop, struct nfbind_queue *queue)
{
	struct nfbind_batch *batch;
	char text[256];
	int count = nfbind_queue_receive(queue, 0, &batch);

	for (int i = 0; i < count; i++) {
		struct nfbind_packet *packet = nfbind_batch_packet(batch, (uint32_t)i);

		nfbind_packet_print(packet, NFBIND_PACKET_FORMAT_LINE, text, sizeof(text));
		printf("%s: %s\n", loop->verdict == NFBIND_VERDICT_DROP ? "drop" : "accept", text);
		nfbind_queue_verdict(queue, packet, loop->verdict);
	}
	print_notices(queue);
	if (count < 0 && count != -EAGAIN)
		return count;
	/* What the kernel does not take now stays staged, and leaves with the next ones. */
	count = nfbind_queue_settle(queue);
	return count == -EAGAIN ? 0 : count;
}

static void take_line(struct loop *loop)
{
	char line[64];
	ssize_t len = read(STDIN_FILENO, line, sizeof(line) - 1);

	if (len <= 0) {
		epoll_ctl(loop->epoll, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
		return;
	}
	line[len] = '\0';
	if (strncmp(line, "accept", 6) == 0)
		loop->verdict = NFBIND_VERDICT_ACCEPT;
	else if (strncmp(line, "drop", 4) == 0)
		loop->verdict = NFBIND_VERDICT_DROP;
	else
		printf("say accept or drop\n");
}

static int run(struct loop *loop, struct nfbind_queue *queue)
{
	struct epoll_event events[3];
	int count, r = 0;

	while (r == 0 && !loop->is_ending) {
		count = epoll_wait(loop->epoll, events, 3, -1);
		if (count < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; r == 0 && i < count; i++) {
			if (events[i].data.fd == loop->queue_fd)
				r = take_packets(loop, queue);
			else if (events[i].data.fd == loop->signal_fd)
				loop->is_ending = true;
			else
				take_line(loop);
		}
	}
	return r;
}

int main(int argc, char **argv)
{
	struct loop loop = { .verdict = NFBIND_VERDICT_ACCEPT };
	struct nfbind_queue *queue;
	uint16_t number;
	int r;

	read_arguments(&manual, argc, argv);
	number = (uint16_t)read_number("QUEUE", argv[0], UINT16_MAX);
	queue = start_queue(number, NULL);
	if (!queue)
		return 1;
	loop.epoll = epoll_create1(EPOLL_CLOEXEC);
	loop.queue_fd = nfbind_queue_get_fd(queue);
	r = loop.epoll < 0 ? -errno : watch(&loop, loop.queue_fd);
	if (r == 0)
		r = watch_signals(&loop);
	if (r == 0)
		(void)watch(&loop, STDIN_FILENO); /* a file cannot be watched, and need not be */
	if (r == 0)
		r = run(&loop, queue);
	return end_queue(queue, number, r);
}
