/* SPDX-License-Identifier: MIT */
/*
 * The program behind `./dev demo`: prints each packet with the verdict that it gets,
 * drops what goes to one port and puts another word into UDP payloads. demo.sh makes
 * the place and the traffic. It fails unless it has dropped and rewritten something,
 * and has decided on all that it received.
 *
 *     demo QUEUE PORT WORD REPLACEMENT
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <nfbind/nfbind.h>

#include "common.h"

enum { UDP = 17 };

static const struct flag flags[] = { { NULL } };

static const struct manual manual = {
	.name = "demo",
	.arguments = "QUEUE PORT WORD REPLACEMENT",
	.about = "Print the packets of a queue, drop those to a port, replace a word in UDP.",
	.flags = flags,
	.iptables = "  iptables -A INPUT -j NFQUEUE --queue-num 0 --queue-bypass\n",
	.nft = "  nft add table inet example\n"
	       "  nft add chain inet example input '{ type filter hook input priority 0; }'\n"
	       "  nft add rule inet example input queue num 0 bypass\n",
	.least = 4,
	.most = 4,
};

struct plan {
	uint64_t port;
	const char *word, *replacement;
	uint64_t accepted, dropped, rewritten;
};

/* Lengths and checksums of the headers around it follow by themselves. */
static int rewrite(struct nfbind_packet *packet, const struct plan *plan)
{
	size_t payload_len, word_len = strlen(plan->word);
	const char *found;
	const void *payload;

	if (number_or(packet, NFBIND_PACKET_IP_PROTOCOL, 0) != UDP ||
	    nfbind_packet_get_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, &payload, &payload_len) < 0)
		return -ENOENT;
	found = memmem(payload, payload_len, plan->word, word_len);
	if (!found)
		return -ENOENT;
	return nfbind_packet_splice(packet, (uint32_t)(found - (const char *)payload),
				    (uint32_t)word_len, plan->replacement,
				    strlen(plan->replacement));
}

static void print(const struct nfbind_packet *packet, const char *verdict, const char *colour)
{
	char text[256];

	nfbind_packet_print(packet, NFBIND_PACKET_FORMAT_LINE, text, sizeof(text));
	if (isatty(STDOUT_FILENO))
		printf("  \033[%sm%-7s\033[0m %s\n", colour, verdict, text);
	else
		printf("  %-7s %s\n", verdict, text);
}

static int judge(struct nfbind_queue *queue, struct nfbind_packet *packet, struct plan *plan)
{
	if (number_or(packet, NFBIND_PACKET_PORT_DST, 0) == plan->port) {
		print(packet, "DROP", "31");
		plan->dropped++;
		return nfbind_queue_verdict(queue, packet, NFBIND_VERDICT_DROP);
	}
	if (rewrite(packet, plan) == 0) {
		print(packet, "REWRITE", "33");
		plan->rewritten++;
	} else {
		print(packet, "ACCEPT", "32");
		plan->accepted++;
	}
	return nfbind_queue_verdict(queue, packet, NFBIND_VERDICT_ACCEPT);
}

static int run(struct nfbind_queue *queue, struct plan *plan)
{
	struct nfbind_batch *batch;
	int count;

	while ((count = nfbind_queue_receive(queue, -1, &batch)) >= 0 || count == -EINTR) {
		for (int i = 0; i < count; i++) {
			int r = judge(queue, nfbind_batch_packet(batch, (uint32_t)i), plan);

			if (r < 0)
				return r;
		}
		print_notices(queue);
	}
	return count == -ECANCELED ? 0 : count;
}

static int all_was_seen(struct nfbind_queue *queue, uint16_t number, const struct plan *plan)
{
	struct nfbind_queue_stats stats = { 0 };

	printf("  verdicts: %" PRIu64 " accepted, %" PRIu64 " rewritten, %" PRIu64 " dropped\n",
	       plan->accepted, plan->rewritten, plan->dropped);
	nfbind_queue_read_stats(queue, number, &stats, sizeof(stats));
	return plan->accepted > 0 && plan->rewritten > 0 && plan->dropped > 0 &&
	       stats.received == stats.decided && stats.refused == 0 && stats.lost == 0;
}

int main(int argc, char **argv)
{
	struct nfbind_queue *queue;
	struct plan plan = { 0 };
	uint16_t number;
	int r, all;

	read_arguments(&manual, argc, argv);
	number = (uint16_t)read_number("QUEUE", argv[0], UINT16_MAX);
	plan.port = read_number("PORT", argv[1], UINT16_MAX);
	plan.word = argv[2];
	plan.replacement = argv[3];
	queue = start_queue(number, NULL);
	if (!queue)
		return 1;
	r = run(queue, &plan);
	all = all_was_seen(queue, number, &plan);
	return end_queue(queue, number, r) || !all;
}
