/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: a session over the fake transport. The first bytes of the input are
 * operations, the rest datagrams: they are fed or delivered, and whatever comes out
 * is decided on, kept, changed or let go. Sends may fail. What the session sends has
 * to be well-formed, whatever it was given.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netlink.h>

#include <nfbind/nfbind.h>

#include "fake_socket.h"
#include "fuzz.h"
#include "uapi.h"

enum { KEPT_MAX = 8 };

static const uint8_t *operations;
static size_t operations_left;
static struct nfbind_queue *queue;
static struct nfbind_batch *batch;
static struct nfbind_packet *kept[KEPT_MAX];
static bool answers; /* requests are answered */

static uint8_t next(void)
{
	if (operations_left == 0)
		return 0;
	operations_left--;
	return *operations++;
}

static void on_message(int fd, const uint8_t *message, size_t len)
{
	const struct nlmsghdr *header = (const struct nlmsghdr *)message;
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
	} answer = { .header = { .nlmsg_len = sizeof(answer), .nlmsg_type = NLMSG_ERROR,
				 .nlmsg_seq = header->nlmsg_seq },
		     .error = { .error = 0, .msg = *header } };

	(void)fd;
	check_message(message, len);
	if (header->nlmsg_type == (KERNEL_SUBSYS_QUEUE << 8 | KERNEL_QUEUE_CONFIG) && answers &&
	    header->nlmsg_flags & NLM_F_ACK)
		fake_deliver(&answer, sizeof(answer), 0);
}

static void change(struct nfbind_packet *packet)
{
	uint8_t field = next(), value = next();

	(void)nfbind_packet_set_number(packet, field % 60, value);
	if (value & 1)
		(void)nfbind_packet_set_bytes(packet, field % 60, "new value of a field",
					      value % 21);
	if (value & 2)
		(void)nfbind_packet_splice(packet, value % 8, field % 8, "spliced", value % 8);
	if (value & 4)
		(void)nfbind_packet_clear(packet, field % 60);
}

static void keep(struct nfbind_packet *packet)
{
	unsigned int place = next() % KEPT_MAX;
	struct nfbind_packet *copy;

	if (nfbind_packet_keep(packet, &copy) < 0)
		return;
	nfbind_packet_free(kept[place]);
	kept[place] = copy;
}

static uint32_t some_verdict(void)
{
	uint8_t value = next();

	return value & 0x80 ? nfbind_verdict_to_queue(value, value & 1) :
			      (uint32_t)(value % 7) | (value & 0x40 ? NFBIND_VERDICT_NOW : 0);
}

static void decide_many(void)
{
	struct nfbind_decision decisions[4] = { 0 };
	static const uint8_t data[64] = { 0x45 };

	for (size_t i = 0; i < 4; i++) {
		decisions[i] = (struct nfbind_decision){ .queue = 7, .id = next(), .index = next(),
							 .verdict = some_verdict(),
							 .flags = next() % 8 };
		decisions[i].payload_len = next();
		decisions[i].payload_offset = next() % 64;
	}
	(void)nfbind_queue_verdict_many(queue, decisions, 4, sizeof(decisions[0]), data,
					sizeof(data));
}

static void use_packets(void)
{
	uint32_t count = nfbind_batch_count(batch);

	for (uint32_t i = 0; i < count && operations_left > 0; i++) {
		struct nfbind_packet *packet = nfbind_batch_packet(batch, i);

		switch (next() % 6) {
		case 0:
			change(packet);
			break;
		case 1:
			(void)nfbind_queue_verdict(queue, packet, some_verdict());
			break;
		case 2:
			keep(packet);
			break;
		case 3:
			change(packet);
			keep(packet);
			break;
		case 4:
			change(packet);
			(void)nfbind_queue_verdict(queue, packet, some_verdict());
			break;
		default:
			break;
		}
	}
}

static void use_kept(void)
{
	unsigned int place = next() % KEPT_MAX;

	if (!kept[place])
		return;
	if (next() & 1) {
		change(kept[place]);
		(void)nfbind_queue_verdict(queue, kept[place], some_verdict());
	}
	nfbind_packet_free(kept[place]);
	kept[place] = NULL;
}

static void feed(const uint8_t *data, size_t len)
{
	batch = NULL;
	if (nfbind_queue_feed(queue, data, len, &batch) >= 0)
		use_packets();
}

static void receive(const uint8_t *data, size_t len)
{
	if (data)
		fake_deliver(data, len, next() == 3 ? 99 : 0);
	batch = NULL;
	if (nfbind_queue_receive(queue, next() & 1, &batch) >= 0)
		use_packets();
}

static void bind_or_unbind(void)
{
	uint16_t number = next() & 1 ? 7 : next();

	/* Without an answer, it is as if that had been lost. */
	answers = next() != 1;
	fake_forget_results();
	if (nfbind_queue_bind(queue, number, NULL) == -EBUSY)
		(void)nfbind_queue_unbind(queue, number);
}

static void step(const uint8_t **rest, size_t *rest_len)
{
	struct nfbind_notice notice;
	const uint8_t *data;
	size_t len = 0;

	switch (next() % 10) {
	case 0:
	case 1:
		data = take_datagram(rest, rest_len, &len);
		if (data)
			feed(data, len);
		break;
	case 2:
	case 3:
		data = take_datagram(rest, rest_len, &len);
		receive(data, len);
		break;
	case 4:
		use_kept();
		break;
	case 5:
		(void)nfbind_queue_settle(queue);
		break;
	case 6:
		fake_send_result(next() % 3 ? (int)next() : -EAGAIN);
		break;
	case 7:
		bind_or_unbind();
		break;
	case 8:
		decide_many();
		break;
	default:
		(void)nfbind_queue_verdict_rest(queue, some_verdict());
		while (nfbind_queue_take_notice(queue, &notice, sizeof(notice)) == 0)
			;
	}
}

static void finish(void)
{
	fake_forget_results();
	for (size_t i = 0; i < KEPT_MAX; i++) {
		nfbind_packet_free(kept[i]);
		kept[i] = NULL;
	}
	(void)nfbind_queue_close(queue);
	nfbind_queue_free(queue);
	fake_tear_down();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nfbind_options *options;
	size_t rest_len;

	if (size < 2)
		return -1;
	operations_left = data[0] < size - 1 ? data[0] : size - 1;
	operations = data + 1;
	data += 1 + operations_left;
	rest_len = size - 1 - operations_left;
	fake_set_up();
	fake.on_message = on_message;
	answers = true;
	/* Small batches: memory for large ones would be most of the work. */
	if (nfbind_options_new(&options) < 0 ||
	    nfbind_options_set_number(options, NFBIND_OPTIONS_BATCH, 4) < 0 ||
	    nfbind_options_set_number(options, NFBIND_OPTIONS_COPY_RANGE, 2000) < 0 ||
	    nfbind_queue_new(&queue) < 0 || nfbind_queue_open(queue, options) < 0 ||
	    nfbind_queue_bind(queue, 7, options) < 0)
		abort();
	nfbind_options_free(options);
	while (operations_left > 0)
		step(&data, &rest_len);
	if (rest_len > 0)
		feed(data, rest_len);
	finish();
	return 0;
}
