/* SPDX-License-Identifier: MIT */
/*
 * The smallest filter: drop what goes to certain ports, let the rest pass. It shows
 * how to read a header field, which does not care about IPv4, IPv6, TCP or UDP, and
 * how to decide the rest of a batch in one call: equal verdicts travel together.
 *
 *     drop_by_port QUEUE PORT...
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include <nfbind/nfbind.h>

#include "common.h"

static const struct flag flags[] = { { NULL } };

static const struct manual manual = {
	.name = "drop_by_port",
	.arguments = "QUEUE PORT...",
	.about = "Drop the packets of a queue that go to one of the ports; accept the others.",
	.flags = flags,
	.iptables = "  iptables -A INPUT -j NFQUEUE --queue-num 0 --queue-bypass\n",
	.nft = "  nft add table inet example\n"
	       "  nft add chain inet example input '{ type filter hook input priority 0; }'\n"
	       "  nft add rule inet example input queue num 0 bypass\n",
	.least = 2,
	.most = 100,
};

struct ports {
	uint64_t port[100];
	int count;
};

static bool is_unwanted(const struct nfbind_packet *packet, const struct ports *ports)
{
	uint64_t port;

	/* A ping has no port, and neither has a fragment other than the first. */
	if (nfbind_packet_get_number(packet, NFBIND_PACKET_PORT_DST, &port) < 0)
		return false;
	for (int i = 0; i < ports->count; i++)
		if (ports->port[i] == port)
			return true;
	return false;
}

static void drop(struct nfbind_queue *queue, struct nfbind_packet *packet)
{
	char text[256];

	nfbind_packet_print(packet, NFBIND_PACKET_FORMAT_LINE, text, sizeof(text));
	printf("dropped: %s\n", text);
	nfbind_queue_verdict(queue, packet, NFBIND_VERDICT_DROP);
}

static int run(struct nfbind_queue *queue, const struct ports *ports)
{
	struct nfbind_batch *batch;
	int count;

	while ((count = nfbind_queue_receive(queue, -1, &batch)) >= 0 || count == -EINTR) {
		for (int i = 0; i < count; i++) {
			struct nfbind_packet *packet = nfbind_batch_packet(batch, (uint32_t)i);

			if (is_unwanted(packet, ports))
				drop(queue, packet);
		}
		if (count > 0)
			nfbind_queue_verdict_rest(queue, NFBIND_VERDICT_ACCEPT);
		print_notices(queue);
	}
	return count == -ECANCELED ? 0 : count;
}

int main(int argc, char **argv)
{
	struct nfbind_queue *queue;
	struct ports ports;
	uint16_t number;

	ports.count = read_arguments(&manual, argc, argv) - 1;
	number = (uint16_t)read_number("QUEUE", argv[0], UINT16_MAX);
	for (int i = 0; i < ports.count; i++)
		ports.port[i] = read_number("PORT", argv[i + 1], UINT16_MAX);

	queue = start_queue(number, NULL);
	if (!queue)
		return 1;
	return end_queue(queue, number, run(queue, &ports));
}
