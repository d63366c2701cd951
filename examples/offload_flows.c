/* SPDX-License-Identifier: MIT */
/*
 * Look at the beginning of each flow only: after N packets the program marks the
 * connection, and a rule in front of the queue lets the rest pass without asking.
 * That is most of the traffic, at the speed of the kernel.
 *
 * The mark gets to the connection in one of two ways: the packet is marked with its
 * verdict and a rule behind the queue saves that (works everywhere), or the verdict
 * changes the connection itself (--conntrack: fewer rules, but a kernel with
 * NETFILTER_NETLINK_GLUE_CT).
 *
 *     offload_flows [--first N] [--mark MARK] [--conntrack] QUEUE
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <nfbind/nfbind.h>

#include "common.h"

enum { FLOWS = 4096 };

static uint64_t first = 5, mark = 1, conntrack;

static const struct flag flags[] = {
	{ "--first", "N", "packets of a flow to look at; default 5", &first },
	{ "--mark", "MARK", "mark of a flow that was seen enough of; default 1", &mark },
	{ "--conntrack", NULL, "mark the connection itself; no rule with --save-mark is needed",
	  &conntrack },
	{ NULL },
};

static const struct manual manual = {
	.name = "offload_flows",
	.arguments = "[--first N] [--mark MARK] [--conntrack] QUEUE",
	.about = "Print the first packets of each flow; the rest passes beside the queue.",
	.flags = flags,
	.iptables = "  iptables -t mangle -A INPUT -m connmark --mark 1 -j ACCEPT\n"
		    "  iptables -t mangle -A INPUT -j NFQUEUE --queue-num 0 --queue-bypass\n"
		    "  iptables -A INPUT -m mark --mark 1 -j CONNMARK --save-mark\n",
	.nft = "  nft add table inet example\n"
	       "  nft add chain inet example before '{ type filter hook input priority -150; }'\n"
	       "  nft add rule inet example before ct mark 1 accept\n"
	       "  nft add rule inet example before queue num 0 bypass\n"
	       "  nft add chain inet example behind '{ type filter hook input priority 0; }'\n"
	       "  nft add rule inet example behind mark 1 ct mark set mark\n",
	.least = 1,
	.most = 1,
};

/* Both directions of a flow have the same key: the ends are sorted. */
struct key {
	uint8_t ends[2][18]; /* address, port */
	uint8_t protocol;
};

struct flow {
	struct key key;
	uint64_t seen;
};

struct table {
	struct nfbind_ct *change;
	struct flow flows[FLOWS];
	uint64_t packets, offloaded;
};

static void read_end(const struct nfbind_packet *packet, uint32_t address_field,
		     uint32_t port_field, uint8_t *ret_end)
{
	uint64_t port = number_or(packet, port_field, 0);
	const void *address;
	size_t len;

	if (nfbind_packet_get_bytes(packet, address_field, &address, &len) == 0)
		memcpy(ret_end, address, len);
	ret_end[16] = (uint8_t)(port >> 8);
	ret_end[17] = (uint8_t)port;
}

static struct key read_key(const struct nfbind_packet *packet)
{
	struct key key = { 0 };
	uint8_t swap[18];

	read_end(packet, NFBIND_PACKET_IP_SRC, NFBIND_PACKET_PORT_SRC, key.ends[0]);
	read_end(packet, NFBIND_PACKET_IP_DST, NFBIND_PACKET_PORT_DST, key.ends[1]);
	key.protocol = (uint8_t)number_or(packet, NFBIND_PACKET_IP_PROTOCOL, 0);
	if (memcmp(key.ends[0], key.ends[1], sizeof(swap)) > 0) {
		memcpy(swap, key.ends[0], sizeof(swap));
		memcpy(key.ends[0], key.ends[1], sizeof(swap));
		memcpy(key.ends[1], swap, sizeof(swap));
	}
	return key;
}

/* One flow in each place: a newer one takes it over, and the older is counted anew. */
static struct flow *find_flow(struct table *table, const struct nfbind_packet *packet)
{
	struct key key = read_key(packet);
	const uint8_t *bytes = (const uint8_t *)&key;
	struct flow *flow;
	uint32_t hash = 0;

	for (size_t i = 0; i < sizeof(key); i++)
		hash = hash * 31 + bytes[i];
	flow = &table->flows[hash % FLOWS];
	if (memcmp(&flow->key, &key, sizeof(key)) != 0)
		*flow = (struct flow){ .key = key };
	return flow;
}

/* The flow was seen enough of: this packet's verdict says so to the kernel. */
static int offload(struct table *table, struct nfbind_packet *packet)
{
	if (conntrack)
		return nfbind_packet_set_ct(packet, table->change);
	return nfbind_packet_set_number(packet, NFBIND_PACKET_MARK, mark);
}

static void inspect(struct table *table, struct nfbind_packet *packet)
{
	struct flow *flow = find_flow(table, packet);
	char text[256];

	nfbind_packet_print(packet, NFBIND_PACKET_FORMAT_LINE, text, sizeof(text));
	printf("packet %" PRIu64 " of its flow: %s\n", ++flow->seen, text);
	table->packets++;
	/* Packets that were under way meanwhile come here, too, and say it again. */
	if (flow->seen < first || offload(table, packet) < 0)
		return;
	if (flow->seen == first)
		table->offloaded++;
}

static int run(struct nfbind_queue *queue, struct table *table)
{
	struct nfbind_batch *batch;
	int count;

	while ((count = nfbind_queue_receive(queue, -1, &batch)) >= 0 || count == -EINTR) {
		for (int i = 0; i < count; i++)
			inspect(table, nfbind_batch_packet(batch, (uint32_t)i));
		if (count > 0)
			nfbind_queue_verdict_rest(queue, NFBIND_VERDICT_ACCEPT);
		print_notices(queue);
	}
	return count == -ECANCELED ? 0 : count;
}

int main(int argc, char **argv)
{
	struct nfbind_options *options = NULL;
	struct nfbind_queue *queue = NULL;
	static struct table table;
	uint16_t number;
	int r, status = 1;

	read_arguments(&manual, argc, argv);
	number = (uint16_t)read_number("QUEUE", argv[0], UINT16_MAX);
	if ((r = nfbind_options_new(&options)) < 0 || (r = nfbind_ct_new(&table.change)) < 0) {
		fail(NULL, "starting", r);
	} else {
		nfbind_options_set_number(options, NFBIND_OPTIONS_CONNTRACK, conntrack);
		nfbind_ct_set_number(table.change, NFBIND_CT_MARK, mark);
		queue = start_queue(number, options);
	}
	if (queue) {
		r = run(queue, &table);
		printf("flows: %" PRIu64 " packets looked at, %" PRIu64 " flows let go\n",
		       table.packets, table.offloaded);
		status = end_queue(queue, number, r);
	}
	nfbind_ct_free(table.change);
	nfbind_options_free(options);
	return status;
}
