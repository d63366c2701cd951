/* SPDX-License-Identifier: MIT */
/*
 * The first program: print every packet that a queue brings, and accept it. It shows
 * the whole life of a session (new, open, bind, receive, verdict, free), the options
 * that a queue can be bound with, and how to print a packet in one line, with all
 * its attributes, or with the connection that it belongs to.
 *
 *     print_packets [--all] [--conntrack] [--limit N] QUEUE
 */
#include <errno.h>
#include <stdio.h>

#include <nfbind/nfbind.h>

#include "common.h"

static uint64_t all, conntrack, limit;

static const struct flag flags[] = {
	{ "--all", NULL, "print all attributes of each packet, one on a line", &all },
	{ "--conntrack", NULL, "ask for the connection too, and print it", &conntrack },
	{ "--limit", "N", "stop after N packets", &limit },
	{ NULL },
};

static const struct manual manual = {
	.name = "print_packets",
	.arguments = "[--all] [--conntrack] [--limit N] QUEUE",
	.about = "Print the packets of a queue, and accept them.",
	.flags = flags,
	.iptables = "  iptables -A INPUT -j NFQUEUE --queue-num 0 --queue-bypass\n",
	.nft = "  nft add table inet example\n"
	       "  nft add chain inet example input '{ type filter hook input priority 0; }'\n"
	       "  nft add rule inet example input queue num 0 bypass\n",
	.least = 1,
	.most = 1,
};

static void print_connection(const struct nfbind_packet *packet, struct nfbind_ct *ct)
{
	char text[1024];

	if (nfbind_packet_get_ct(packet, ct) < 0)
		return; /* not every packet has one */
	nfbind_ct_print(ct, NFBIND_FORMAT_FIELDS, 0, NULL, text, sizeof(text));
	printf("    %s\n", text);
}

static void print_packet(const struct nfbind_packet *packet, struct nfbind_ct *ct)
{
	/* A payload of 64 KiB is twice as many digits. */
	static char text[256 * 1024];

	nfbind_packet_print(packet, all ? NFBIND_PACKET_FORMAT_FIELDS : NFBIND_PACKET_FORMAT_LINE,
			    text, sizeof(text));
	printf("%s\n", text);
	if (conntrack && !all)
		print_connection(packet, ct);
}

/* What is set here is how the queue is bound; the rest has a default. */
static int bind_queue(struct nfbind_queue *queue, uint16_t number)
{
	struct nfbind_options *options;
	int r = nfbind_options_new(&options);

	if (r < 0)
		return r;
	/* What we stop in the middle of is to pass all the same. */
	nfbind_options_set_number(options, NFBIND_OPTIONS_DEFAULT_VERDICT, NFBIND_VERDICT_ACCEPT);
	nfbind_options_set_number(options, NFBIND_OPTIONS_CONNTRACK, conntrack);
	nfbind_options_set_number(options, NFBIND_OPTIONS_UID_GID, all);
	r = nfbind_queue_bind(queue, number, options);
	nfbind_options_free(options);
	return r;
}

/* Until a signal wakes the session, or the limit is reached. */
static int run(struct nfbind_queue *queue, struct nfbind_ct *ct)
{
	struct nfbind_batch *batch;
	uint64_t printed = 0;
	int count;

	/* -EINTR is a signal that we do not care about. */
	while ((count = nfbind_queue_receive(queue, -1, &batch)) >= 0 || count == -EINTR) {
		for (int i = 0; i < count; i++) {
			struct nfbind_packet *packet = nfbind_batch_packet(batch, (uint32_t)i);

			print_packet(packet, ct);
			/* It leaves with the others, when the next batch is asked for. */
			nfbind_queue_verdict(queue, packet, NFBIND_VERDICT_ACCEPT);
			if (++printed == limit)
				return nfbind_queue_settle(queue);
		}
		print_notices(queue);
	}
	return count == -ECANCELED ? 0 : count;
}

int main(int argc, char **argv)
{
	struct nfbind_queue *queue = NULL;
	struct nfbind_ct *ct = NULL;
	uint16_t number;
	int r, status = 0;

	read_arguments(&manual, argc, argv);
	number = (uint16_t)read_number("QUEUE", argv[0], UINT16_MAX);

	if ((r = nfbind_queue_new(&queue)) < 0 || (r = nfbind_ct_new(&ct)) < 0)
		status = fail(queue, "starting", r);
	else if ((r = nfbind_queue_open(queue, NULL)) < 0)
		status = fail(queue, "opening a session", r);
	else if ((r = bind_queue(queue, number)) < 0)
		status = fail(queue, "binding the queue", r);
	if (status == 0) {
		wake_on_signals(queue);
		fprintf(stderr, "print_packets: queue %u is bound; Ctrl-C ends\n", number);
		if ((r = run(queue, ct)) < 0)
			status = fail(queue, "receiving", r);
		print_counters(queue, number);
		forget_signals();
	}
	nfbind_ct_free(ct);
	nfbind_queue_free(queue);
	return status;
}
