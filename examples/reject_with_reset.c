/* SPDX-License-Identifier: MIT */
/*
 * Refuse politely: a packet to an unwanted port is dropped, and its sender gets the
 * answer that a closed port would give: a TCP reset, or an ICMP "port unreachable"
 * for the rest. Building the answer needs no socket; an injector sends it, with a mark
 * so that rules can let it pass.
 *
 *     reject_with_reset [--mark MARK] QUEUE PORT...
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include <nfbind/nfbind.h>

#include "common.h"

enum { TCP = 6, ICMP_PORT_UNREACHABLE = 3, ICMPV6_PORT_UNREACHABLE = 4 };

static uint64_t mark = 0x7e;

static const struct flag flags[] = {
	{ "--mark", "MARK", "the mark of the answers; default 0x7e", &mark },
	{ NULL },
};

static const struct manual manual = {
	.name = "reject_with_reset",
	.arguments = "[--mark MARK] QUEUE PORT...",
	.about = "Refuse the packets of a queue that go to one of the ports; accept the others.",
	.flags = flags,
	.iptables = "  iptables -A INPUT -m mark --mark 0x7e -j ACCEPT\n"
		    "  iptables -A INPUT -j NFQUEUE --queue-num 0 --queue-bypass\n",
	.nft = "  nft add table inet example\n"
	       "  nft add chain inet example input '{ type filter hook input priority 0; }'\n"
	       "  nft add rule inet example input mark 0x7e accept\n"
	       "  nft add rule inet example input queue num 0 bypass\n",
	.least = 2,
	.most = 100,
};

struct gate {
	struct nfbind_queue *queue;
	struct nfbind_injector *injector;
	uint64_t port[100];
	int count;
	uint64_t resets, unreachables, unsent;
};

static bool is_unwanted(const struct gate *gate, const struct nfbind_packet *packet)
{
	uint64_t port;

	if (nfbind_packet_get_number(packet, NFBIND_PACKET_PORT_DST, &port) < 0)
		return false;
	for (int i = 0; i < gate->count; i++)
		if (gate->port[i] == port)
			return true;
	return false;
}

static int build_answer(struct gate *gate, const struct nfbind_packet *packet,
			struct nfbind_packet **ret_answer)
{
	bool is_ipv4 = number_or(packet, NFBIND_PACKET_IP_VERSION, 4) == 4;

	if (number_or(packet, NFBIND_PACKET_IP_PROTOCOL, 0) == TCP) {
		/* A reset is not answered by another one. */
		if (number_or(packet, NFBIND_PACKET_TCP_FLAGS, 0) & NFBIND_TCP_FLAG_RST)
			return -ENOENT;
		gate->resets++;
		return nfbind_packet_build_reply(packet, NFBIND_TCP_FLAG_RST, NULL, 0, ret_answer);
	}
	gate->unreachables++;
	return nfbind_packet_build_unreachable(
		packet, is_ipv4 ? ICMP_PORT_UNREACHABLE : ICMPV6_PORT_UNREACHABLE, ret_answer);
}

static void refuse(struct gate *gate, struct nfbind_packet *packet)
{
	struct nfbind_packet *answer = NULL;
	char text[256];
	int r = build_answer(gate, packet, &answer);

	if (r == 0) {
		nfbind_packet_print(answer, NFBIND_PACKET_FORMAT_LINE, text, sizeof(text));
		printf("answer: %s\n", text);
		r = nfbind_injector_send(gate->injector, answer);
	}
	if (r < 0 && r != -ENOENT) {
		gate->unsent++;
		nfbind_injector_last_message(gate->injector, text, sizeof(text));
		fprintf(stderr, "reject_with_reset: no answer: %s: %s\n", nfbind_error_name(r),
			text);
	}
	nfbind_packet_free(answer);
	nfbind_queue_verdict(gate->queue, packet, NFBIND_VERDICT_DROP);
}

static int run(struct gate *gate)
{
	struct nfbind_batch *batch;
	int count;

	while ((count = nfbind_queue_receive(gate->queue, -1, &batch)) >= 0 || count == -EINTR) {
		for (int i = 0; i < count; i++) {
			struct nfbind_packet *packet = nfbind_batch_packet(batch, (uint32_t)i);

			if (is_unwanted(gate, packet))
				refuse(gate, packet);
		}
		if (count > 0)
			nfbind_queue_verdict_rest(gate->queue, NFBIND_VERDICT_ACCEPT);
		print_notices(gate->queue);
	}
	return count == -ECANCELED ? 0 : count;
}

static int open_injector(struct nfbind_injector *injector)
{
	struct nfbind_options *options;
	char text[256];
	int r = nfbind_options_new(&options);

	if (r < 0)
		return fail(NULL, "starting", r);
	nfbind_options_set_number(options, NFBIND_OPTIONS_MARK, mark);
	r = nfbind_injector_open(injector, options);
	nfbind_options_free(options);
	if (r == 0)
		return 0;
	nfbind_injector_last_message(injector, text, sizeof(text));
	fprintf(stderr, "reject_with_reset: opening the injector: %s\n", text);
	return 1;
}

int main(int argc, char **argv)
{
	struct gate gate = { 0 };
	uint16_t number;
	int r, status = 1;

	gate.count = read_arguments(&manual, argc, argv) - 1;
	number = (uint16_t)read_number("QUEUE", argv[0], UINT16_MAX);
	for (int i = 0; i < gate.count; i++)
		gate.port[i] = read_number("PORT", argv[i + 1], UINT16_MAX);

	if ((r = nfbind_injector_new(&gate.injector)) < 0)
		return fail(NULL, "starting", r);
	if (open_injector(gate.injector) == 0)
		gate.queue = start_queue(number, NULL);
	if (gate.queue) {
		r = run(&gate);
		printf("answers: %" PRIu64 " resets, %" PRIu64 " unreachables, %" PRIu64
		       " not sent\n",
		       gate.resets, gate.unreachables, gate.unsent);
		status = end_queue(gate.queue, number, r);
	}
	nfbind_injector_free(gate.injector);
	return status;
}
