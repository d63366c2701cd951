/* SPDX-License-Identifier: MIT */
/*
 * The fake kernel; see fake_kernel.h. It is called from inside a send, with the fake
 * transport's lock held.
 */
#include "fake_kernel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netlink.h>
#include <linux/netfilter/nfnetlink.h>

#include "verdict.h"
#include "wire.h"

enum { FLAGS_END = 32, NOT_SUPPORTED = 524 };

struct queue {
	bool is_bound;
	bool is_foreign;
	int owner;
	uint32_t last_id;
	uint32_t flags;
	struct kernel_packet **waiting;
	size_t waiting_count, waiting_size;
};

struct kernel kernel;

static struct queue *queues[65536];
static struct kernel_packet **packets;
static size_t packets_count, packets_size;
static struct kernel_verdict *verdicts;
static size_t verdicts_count, verdicts_size;

const uint8_t kernel_udp[40] = {
	0x45, 0x00, 0x00, 0x28, 0x12, 0x34, 0x40, 0x00, 0x40, 0x11, 0x14, 0x8f,
	0x0a, 0x00, 0x00, 0x01, 0x0a, 0x00, 0x00, 0x02, 0x03, 0xe8, 0x07, 0xd0,
	0x00, 0x14, 0x9f, 0xbf, 'h',  'e',  'l',  'l',  'o',  ',',  ' ',  'w',
	'o',  'r',  'l',  'd',
};

static void *grown(void *array, size_t count, size_t *size, size_t element)
{
	if (count < *size)
		return array;
	*size = *size ? *size * 2 : 64;
	array = realloc(array, *size * element);
	if (!array)
		abort();
	return array;
}

/* Messages. */

static void put_raw(struct message *message, const void *data, size_t len)
{
	if (len > sizeof(message->data) - message->len)
		abort();
	if (len > 0)
		memcpy(message->data + message->len, data, len);
	message->len += len;
}

static void pad(struct message *message)
{
	static const uint8_t zeroes[4];

	put_raw(message, zeroes, NLMSG_ALIGN(message->len) - message->len);
}

void message_start(struct message *message, uint16_t type, uint16_t flags, uint8_t family,
		   uint16_t resource)
{
	struct nlmsghdr header = { .nlmsg_type = type, .nlmsg_flags = flags };
	struct nfgenmsg extra = { .nfgen_family = family, .res_id = htons(resource) };

	message->len = 0;
	put_raw(message, &header, sizeof(header));
	put_raw(message, &extra, sizeof(extra));
	message_end(message);
}

void message_put_last(struct message *message, uint16_t type, const void *data, size_t data_len)
{
	struct nlattr attribute = { .nla_len = (uint16_t)(NLA_HDRLEN + data_len), .nla_type = type };

	put_raw(message, &attribute, sizeof(attribute));
	put_raw(message, data, data_len);
}

void message_put(struct message *message, uint16_t type, const void *data, size_t data_len)
{
	message_put_last(message, type, data, data_len);
	pad(message);
}

void message_put_u32(struct message *message, uint16_t type, uint32_t value)
{
	uint32_t wire = htonl(value);

	message_put(message, type, &wire, sizeof(wire));
}

size_t message_nest_start(struct message *message, uint16_t type)
{
	size_t nest = message->len;

	message_put(message, type | NLA_F_NESTED, NULL, 0);
	return nest;
}

void message_nest_end(struct message *message, size_t nest)
{
	uint16_t len = (uint16_t)(message->len - nest);

	memcpy(message->data + nest, &len, sizeof(len));
}

void message_end(struct message *message)
{
	uint32_t len = (uint32_t)message->len;

	memcpy(message->data, &len, sizeof(len));
}

void message_number(struct message *message, uint32_t sequence)
{
	struct nlmsghdr *header = (struct nlmsghdr *)message->data;

	header->nlmsg_seq = sequence;
}

void message_packet(struct message *message, uint16_t queue, uint32_t id)
{
	uint8_t header[7] = { (uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8),
			      (uint8_t)id, 0x08, 0x00, 1 };

	message_start(message, KERNEL_SUBSYS_QUEUE << 8 | KERNEL_QUEUE_PACKET, 0, 2, queue);
	message_put(message, KERNEL_NFQA_PACKET_HDR, header, sizeof(header));
	message_end(message);
}

const uint8_t *attribute_find(const uint8_t *data, size_t len, unsigned int type, size_t *ret_len)
{
	const struct nlattr *attribute;
	const uint8_t *found = NULL;
	size_t offset = 0;
	int error = 0;

	while ((attribute = wire_next(data, len, &offset, &error))) {
		if (wire_type(attribute) != type)
			continue;
		found = wire_payload(attribute); /* the last one counts, as in the kernel */
		*ret_len = wire_payload_len(attribute);
	}
	if (error < 0)
		abort(); /* the library must not send such a thing */
	return found;
}

uint32_t attribute_u32(const uint8_t *data, size_t len, unsigned int type)
{
	size_t found_len;
	const uint8_t *found = attribute_find(data, len, type, &found_len);

	if (!found || found_len != 4)
		abort();
	return wire_read_u32(found);
}

/* Queues. */

static struct queue *queue_of(uint16_t number)
{
	if (!queues[number])
		queues[number] = calloc(1, sizeof(struct queue));
	if (!queues[number])
		abort();
	return queues[number];
}

void kernel_set_last_id(uint16_t queue, uint32_t id)
{
	queue_of(queue)->last_id = id;
}

bool kernel_is_bound(uint16_t queue)
{
	return queues[queue] && queues[queue]->is_bound;
}

size_t kernel_waiting(uint16_t queue)
{
	return queue_of(queue)->waiting_count;
}

void kernel_bind_elsewhere(uint16_t queue)
{
	queue_of(queue)->is_bound = queue_of(queue)->is_foreign = true;
}

static struct kernel_packet *new_packet(uint16_t number, enum kernel_state state)
{
	struct kernel_packet *packet = calloc(1, sizeof(*packet));

	packets = grown(packets, packets_count, &packets_size, sizeof(*packets));
	if (!packet)
		abort();
	packet->queue = number;
	packet->id = ++queue_of(number)->last_id;
	packet->state = state;
	packets[packets_count++] = packet;
	return packet;
}

struct kernel_packet *kernel_packet_with(uint16_t number, const void *attributes,
					 size_t attributes_len, const void *payload,
					 size_t payload_len)
{
	struct kernel_packet *packet = new_packet(number, KERNEL_WAITS);
	struct queue *queue = queue_of(number);
	static struct message message;

	queue->waiting = grown(queue->waiting, queue->waiting_count, &queue->waiting_size,
			       sizeof(*queue->waiting));
	queue->waiting[queue->waiting_count++] = packet;
	message_packet(&message, number, packet->id);
	put_raw(&message, attributes, attributes_len);
	if (payload)
		message_put_last(&message, KERNEL_NFQA_PAYLOAD, payload, payload_len);
	message_end(&message);
	fake_deliver(message.data, message.len, 0);
	return packet;
}

struct kernel_packet *kernel_packet(uint16_t number)
{
	return kernel_packet_with(number, NULL, 0, kernel_udp, sizeof(kernel_udp));
}

struct kernel_packet *kernel_lose(uint16_t number)
{
	fake.drops++;
	return new_packet(number, KERNEL_LOST);
}

static void flush(struct queue *queue)
{
	for (size_t i = 0; i < queue->waiting_count; i++)
		queue->waiting[i]->state = KERNEL_FLUSHED;
	queue->waiting_count = 0;
}

size_t kernel_packets_count(void)
{
	return packets_count;
}

struct kernel_packet *kernel_packet_at(size_t number)
{
	return packets[number];
}

/* Answers. */

void kernel_answer(const void *request, int error)
{
	const struct nlmsghdr *header = request;
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
	} answer = { .header = { .nlmsg_len = sizeof(answer), .nlmsg_type = NLMSG_ERROR,
				 .nlmsg_flags = 0x100 /* capped */, .nlmsg_seq = header->nlmsg_seq },
		     .error = { .error = error, .msg = *header } };

	fake_deliver(&answer, sizeof(answer), 0);
}

/* Configuration: nfqnl_recv_config(). */

static int check_flags(const uint8_t *attributes, size_t len)
{
	size_t found_len;

	if (!attribute_find(attributes, len, KERNEL_NFQA_CFG_FLAGS, &found_len))
		return 0;
	if (!attribute_find(attributes, len, KERNEL_NFQA_CFG_MASK, &found_len))
		return -EINVAL;
	if (attribute_u32(attributes, len, KERNEL_NFQA_CFG_FLAGS) & ~kernel.known_flags)
		return -EOPNOTSUPP;
	return 0;
}

static int command_of(const uint8_t *attributes, size_t len)
{
	size_t found_len;
	const uint8_t *found = attribute_find(attributes, len, KERNEL_NFQA_CFG_CMD, &found_len);

	return found ? found[0] : 0;
}

static int run_command(struct queue *queue, int fd, int command)
{
	if (queue->is_bound && (queue->is_foreign || queue->owner != fd))
		return -EPERM;
	if (command == KERNEL_CFG_CMD_BIND) {
		if (queue->is_bound)
			return -EBUSY;
		queue->is_bound = true;
		queue->owner = fd;
		return 0;
	}
	if (!queue->is_bound)
		return -ENODEV;
	if (command == KERNEL_CFG_CMD_UNBIND) {
		flush(queue);
		queue->is_bound = false;
		queue->last_id = 0;
	}
	return 0;
}

static int configure(int fd, uint16_t number, const uint8_t *attributes, size_t len, int command)
{
	struct queue *queue = queue_of(number);
	int r = check_flags(attributes, len);

	if (r == 0)
		r = run_command(queue, fd, command);
	return r;
}

/* Verdicts: nfqnl_recv_verdict() and nfqnl_recv_verdict_batch(). */

static void decide(struct kernel_packet *packet, const struct kernel_verdict *verdict)
{
	packet->state = KERNEL_DECIDED;
	packet->verdicts++;
	packet->verdict = verdict->verdict;
	packet->mark = verdict->has_mark ? verdict->mark : 0;
	packet->priority = verdict->has_priority ? verdict->priority : 0;
	packet->was_batch = verdict->is_batch;
	packet->payload_len = verdict->payload_len;
	if (kernel.on_decided)
		kernel.on_decided(packet);
}

static bool is_meant(const struct kernel_packet *packet, const struct kernel_verdict *verdict)
{
	return verdict->is_batch ? (int32_t)(packet->id - verdict->id) <= 0 :
				   packet->id == verdict->id;
}

static int apply(struct queue *queue, const struct kernel_verdict *verdict)
{
	size_t kept = 0, before = queue->waiting_count;

	for (size_t i = 0; i < before; i++) {
		if (is_meant(queue->waiting[i], verdict))
			decide(queue->waiting[i], verdict);
		else
			queue->waiting[kept++] = queue->waiting[i];
	}
	queue->waiting_count = kept;
	return kept < before ? 0 : -ENOENT;
}

static void decode(const uint8_t *message, size_t len, struct kernel_verdict *verdict)
{
	const struct nlmsghdr *header = (const struct nlmsghdr *)message;
	const struct nfgenmsg *extra = (const struct nfgenmsg *)(message + sizeof(*header));
	size_t skip = sizeof(*header) + sizeof(*extra), found_len = 0;
	const uint8_t *attributes, *found;

	*verdict = (struct kernel_verdict){ .message = malloc(len), .message_len = len };
	if (!verdict->message)
		abort();
	memcpy(verdict->message, message, len);
	attributes = verdict->message + skip;
	len -= skip;
	verdict->is_batch = (header->nlmsg_type & 0xff) == KERNEL_QUEUE_VERDICT_BATCH;
	verdict->queue = ntohs(extra->res_id);
	found = attribute_find(attributes, len, KERNEL_NFQA_VERDICT_HDR, &found_len);
	if (!found || found_len != 8)
		abort();
	verdict->verdict = wire_read_u32(found);
	verdict->id = wire_read_u32(found + 4);
	verdict->has_mark = attribute_find(attributes, len, KERNEL_NFQA_MARK, &found_len);
	if (verdict->has_mark)
		verdict->mark = attribute_u32(attributes, len, KERNEL_NFQA_MARK);
	verdict->has_priority = attribute_find(attributes, len, KERNEL_NFQA_PRIORITY, &found_len);
	if (verdict->has_priority)
		verdict->priority = attribute_u32(attributes, len, KERNEL_NFQA_PRIORITY);
	verdict->payload = attribute_find(attributes, len, KERNEL_NFQA_PAYLOAD, &verdict->payload_len);
	verdict->vlan = attribute_find(attributes, len, KERNEL_NFQA_VLAN, &verdict->vlan_len);
	verdict->l2hdr = attribute_find(attributes, len, KERNEL_NFQA_L2HDR, &verdict->l2hdr_len);
	verdict->ct = attribute_find(attributes, len, KERNEL_NFQA_CT, &verdict->ct_len);
	verdict->exp = attribute_find(attributes, len, KERNEL_NFQA_EXP, &verdict->exp_len);
}

static int judge(int fd, const uint8_t *message, size_t len)
{
	struct kernel_verdict verdict;
	struct queue *queue;
	int r = kernel.verdict_error;

	kernel.verdict_messages++;
	decode(message, len, &verdict);
	verdicts = grown(verdicts, verdicts_count, &verdicts_size, sizeof(*verdicts));
	verdicts[verdicts_count++] = verdict;
	queue = queue_of(verdict.queue);
	kernel.verdict_error = 0;
	if (r < 0)
		return r;
	if (!queue->is_bound)
		return -ENODEV;
	if (queue->is_foreign || queue->owner != fd)
		return -EPERM;
	/* verdicthdr_get() refuses those; what the library lets through must not be one. */
	if (verdict_check(verdict.verdict) < 0 || verdict.verdict & VERDICT_FLAGS)
		abort();
	return apply(queue, &verdict);
}

/* A request: nfnetlink_rcv_msg(). */
static void answer_request(int fd, const uint8_t *message, size_t len)
{
	const struct nlmsghdr *header = (const struct nlmsghdr *)message;
	const struct nfgenmsg *extra = (const struct nfgenmsg *)(message + sizeof(*header));
	size_t skip = sizeof(*header) + sizeof(*extra);
	int r = kernel.request_error;
	int command = 0;

	kernel.requests++;
	kernel.request_error = 0;
	if (r == 0 && !(kernel.subsystems & 1u << header->nlmsg_type / 256))
		r = -EINVAL;
	else if (r == 0 && header->nlmsg_type == (KERNEL_SUBSYS_QUEUE << 8 | KERNEL_QUEUE_CONFIG)) {
		command = command_of(message + skip, len - skip);
		r = configure(fd, ntohs(extra->res_id), message + skip, len - skip, command);
	} else if (r == 0 && header->nlmsg_type >> 8 == KERNEL_SUBSYS_QUEUE) {
		r = -EINVAL;
	}
	if (kernel.before_ack)
		kernel.before_ack(ntohs(extra->res_id), (uint8_t)command);
	if (kernel.lost_acks > 0)
		kernel.lost_acks--;
	else if (r < 0 || header->nlmsg_flags & NLM_F_ACK)
		kernel_answer(message, r);
}

static void take_message(int fd, const uint8_t *message, size_t len)
{
	const struct nlmsghdr *header = (const struct nlmsghdr *)message;
	bool is_verdict =
		header->nlmsg_type == (KERNEL_SUBSYS_QUEUE << 8 | KERNEL_QUEUE_VERDICT) ||
		header->nlmsg_type == (KERNEL_SUBSYS_QUEUE << 8 | KERNEL_QUEUE_VERDICT_BATCH);
	int r = kernel.has_rights ? 0 : -EPERM;

	if (!(header->nlmsg_flags & NLM_F_REQUEST))
		return;
	if (r < 0) {
		kernel_answer(message, r);
	} else if (is_verdict) {
		r = judge(fd, message, len);
		kernel.refused += r < 0;
		if (r < 0 || kernel.acks_verdicts)
			kernel_answer(message, r);
	} else {
		answer_request(fd, message, len);
	}
}

size_t kernel_verdicts_count(void)
{
	return verdicts_count;
}

const struct kernel_verdict *kernel_verdict_at(size_t number)
{
	if (number >= verdicts_count)
		abort();
	return &verdicts[number];
}

const struct kernel_verdict *kernel_last_verdict(void)
{
	return kernel_verdict_at(verdicts_count - 1);
}

void kernel_forget_verdicts(void)
{
	for (size_t i = 0; i < verdicts_count; i++)
		free(verdicts[i].message);
	verdicts_count = 0;
}

void kernel_set_up(void)
{
	fake_set_up();
	kernel = (struct kernel){ .has_rights = true, .known_flags = FLAGS_END - 1,
				  .subsystems = ~0u };
	fake.on_message = take_message;
}

void kernel_tear_down(void)
{
	kernel_forget_verdicts();
	free(verdicts);
	verdicts = NULL;
	verdicts_size = 0;
	for (size_t i = 0; i < packets_count; i++)
		free(packets[i]);
	free(packets);
	packets = NULL;
	packets_count = packets_size = 0;
	for (size_t i = 0; i < 65536; i++) {
		if (queues[i])
			free(queues[i]->waiting);
		free(queues[i]);
		queues[i] = NULL;
	}
	fake_tear_down();
}
