/* SPDX-License-Identifier: MIT */
/*
 * Binding, changing and unbinding queues: each one message, so that no packet meets
 * half a setting (net/netfilter/nfnetlink_queue.c, nfqnl_recv_config()). The answer
 * comes on the socket that packets come on: those that are read before it are kept
 * for the next receive.
 */
#include "queue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>

#include "options.h"
#include "verdict.h"
#include "wire.h"

enum {
	REQUEST_ROOM = 256,
	ANSWER_ROOM = 8192,
	ANSWER_TIMEOUT = 1000, /* milliseconds; the kernel answers before a send returns */
	/* Each try reads the buffer empty, but packets on their way may fill it before the answer. */
	LOST_ANSWERS = 8,
};

/* Asking. */

static int read_answer(struct nfbind_queue *queue)
{
	struct ledger *ledger = queue->ledger;
	uint8_t room[ANSWER_ROOM] __attribute__((aligned(8)));
	struct datagram datagram = { .data = room, .size = sizeof(room) };
	int r;

	ledger_unlock(ledger);
	r = socket_receive(&ledger->socket, &datagram, 1);
	ledger_lock(ledger);
	if (r > 0)
		queue_take_datagram(queue, NULL, &datagram);
	return r;
}

/* A batch that is held; before the first one is handed out, the one that it will use. */
static struct nfbind_batch *room_for_packets(struct nfbind_queue *queue)
{
	struct nfbind_batch *batch;

	if (queue->ledger->batch)
		return queue_make_slab(queue);
	batch = queue_take_slab(queue);
	nfbind_batch_hold(batch);
	return batch;
}

/* The same where queues are bound, whose packets may come first; the room is used up by them. */
static int read_answer_and_packets(struct nfbind_queue *queue, struct nfbind_batch **room)
{
	struct ledger *ledger = queue->ledger;
	struct nfbind_batch *batch = *room ? *room : room_for_packets(queue);
	struct datagram datagram;
	int r;

	if (!batch)
		return -ENOMEM;
	*room = batch;
	datagram = (struct datagram){ .data = batch->data, .size = queue->slot_size };
	do {
		ledger_unlock(ledger);
		r = socket_receive(&ledger->socket, &datagram, 1);
		ledger_lock(ledger);
		if (r <= 0)
			break;
		queue_take_datagram(queue, batch, &datagram);
		datagram.data = batch->data + batch->count * queue->slot_size;
	} while (!queue->is_answered && batch->count < batch->capacity);
	if (batch->count > 0) {
		queue_push_stash(queue, batch);
		*room = NULL;
	}
	return r;
}

static int await_answer(struct nfbind_queue *queue, bool may_have_packets,
			struct nfbind_batch **room)
{
	struct ledger *ledger = queue->ledger;
	bool has_waited = false;
	int r;

	while (!queue->is_answered) {
		r = may_have_packets ? read_answer_and_packets(queue, room) : read_answer(queue);
		if (r == -EAGAIN && !has_waited) {
			ledger_unlock(ledger);
			r = socket_wait(&ledger->socket, -1, ANSWER_TIMEOUT);
			ledger_lock(ledger);
			has_waited = true;
			r = r == -EINTR ? 0 : r;
		} else if (r == -EAGAIN) {
			return -ENOBUFS; /* the receive buffer had no room for the answer */
		}
		if (r < 0 && r != -ENOBUFS)
			return r;
	}
	return queue->answer;
}

/*
 * Room in memory, and in the receive buffer: with what is there already, packets or the
 * answer to a nudge, a small one could be full.
 */
static int make_room_for_answer(struct nfbind_queue *queue, struct nfbind_batch **room)
{
	int r = read_answer_and_packets(queue, room);

	if (r < 0 && r != -EAGAIN && r != -ENOBUFS && r != -ENOMEM)
		return r;
	if (!*room)
		*room = room_for_packets(queue);
	return *room ? 0 : -ENOMEM;
}

int queue_request(struct nfbind_queue *queue, struct nlmsghdr *message)
{
	struct ledger *ledger = queue->ledger;
	bool may_have_packets = ledger->slots_count > 0 || queue->is_adopted;
	struct nfbind_batch *room = NULL;
	int r;

	queue->sequence = queue->sequence + 1 ? queue->sequence + 1 : 1;
	message->nlmsg_seq = queue->awaited = queue->sequence;
	message->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	queue->is_answered = false;
	/* Before the kernel does anything: afterwards it would be done, and nobody know. */
	r = may_have_packets ? make_room_for_answer(queue, &room) : 0;
	if (r >= 0) {
		ledger_unlock(ledger);
		r = socket_send(&ledger->socket, message, message->nlmsg_len);
		ledger_lock(ledger);
		ledger->stats.system_calls++;
	}
	if (r >= 0)
		r = await_answer(queue, may_have_packets, &room);
	queue->awaited = 0;
	nfbind_batch_free(room);
	if (queue->stash.first)
		queue_nudge(queue);
	return r;
}

/* A CONFIG message, still without attributes. */
static struct nlmsghdr *start_request(uint8_t *room, uint16_t number)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(room);
	struct nfgenmsg *family = mnl_nlmsg_put_extra_header(message, sizeof(*family));

	message->nlmsg_type = KERNEL_SUBSYS_QUEUE << 8 | KERNEL_QUEUE_CONFIG;
	family->version = NFNETLINK_V0;
	family->res_id = htons(number);
	return message;
}

void queue_nudge(struct nfbind_queue *queue)
{
	struct ledger *ledger = queue->ledger;
	uint8_t room[REQUEST_ROOM] __attribute__((aligned(8))) = { 0 };
	struct nlmsghdr *message =
		start_request(room, ledger->slots_count > 0 ? ledger->slots[0]->number : 0);

	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	ledger_unlock(ledger);
	(void)socket_send(&ledger->socket, message, message->nlmsg_len);
	ledger_lock(ledger);
}

/* Settings. */

struct settings {
	uint8_t copy_mode;
	uint32_t copy_range;
	bool has_params;
	bool has_maxlen;
	uint32_t maxlen;
	uint32_t flags;
	uint32_t mask;
};

static const struct {
	uint32_t option;
	uint32_t flag;
} flag_options[] = {
	{ NFBIND_OPTIONS_FAIL_OPEN, KERNEL_CFG_FAIL_OPEN },
	{ NFBIND_OPTIONS_CONNTRACK, KERNEL_CFG_CONNTRACK },
	{ NFBIND_OPTIONS_GSO, KERNEL_CFG_GSO },
	{ NFBIND_OPTIONS_UID_GID, KERNEL_CFG_UID_GID },
	{ NFBIND_OPTIONS_SECCTX, KERNEL_CFG_SECCTX },
};

static bool has_option(const struct nfbind_options *options, uint32_t option)
{
	return options && nfbind_options_has(options, option) > 0;
}

static void read_flags(const struct nfbind_options *options, struct settings *settings)
{
	for (size_t i = 0; i < sizeof(flag_options) / sizeof(flag_options[0]); i++) {
		if (!has_option(options, flag_options[i].option))
			continue;
		settings->mask |= flag_options[i].flag;
		settings->flags &= ~flag_options[i].flag;
		if (options_number(options, flag_options[i].option, 0))
			settings->flags |= flag_options[i].flag;
	}
}

/* Settings by the options over those in `settings`: which one is out of range, or NULL. */
static const char *read_settings(const struct nfbind_options *options, struct settings *settings)
{
	settings->has_params |= has_option(options, NFBIND_OPTIONS_COPY_MODE) ||
				has_option(options, NFBIND_OPTIONS_COPY_RANGE);
	settings->copy_mode = (uint8_t)options_number(options, NFBIND_OPTIONS_COPY_MODE,
						      settings->copy_mode);
	settings->copy_range = (uint32_t)options_number(options, NFBIND_OPTIONS_COPY_RANGE,
							settings->copy_range);
	settings->has_maxlen = has_option(options, NFBIND_OPTIONS_MAXLEN);
	settings->maxlen = (uint32_t)options_number(options, NFBIND_OPTIONS_MAXLEN, 0);
	read_flags(options, settings);
	if (settings->copy_mode != NFBIND_COPY_MODE_META &&
	    settings->copy_mode != NFBIND_COPY_MODE_PACKET)
		return "copy-mode";
	if (settings->copy_range == 0 || settings->copy_range > PAYLOAD_MAX)
		return "copy-range";
	if (settings->has_maxlen && settings->maxlen == 0)
		return "maxlen";
	if (has_option(options, NFBIND_OPTIONS_DEFAULT_VERDICT) &&
	    verdict_check((uint32_t)options_number(options, NFBIND_OPTIONS_DEFAULT_VERDICT, 0)) < 0)
		return "default-verdict";
	return NULL;
}

static void put_command(struct nlmsghdr *message, uint8_t command)
{
	/* struct nfqnl_msg_config_cmd: command, padding, family; the family is not looked at. */
	uint8_t wire[4] = { command, 0, 0, 0 };

	mnl_attr_put(message, KERNEL_NFQA_CFG_CMD, sizeof(wire), wire);
}

static void put_settings(struct nlmsghdr *message, const struct settings *settings)
{
	/* struct nfqnl_msg_config_params is packed: a range of 4 bytes, then the mode. */
	uint32_t range = htonl(settings->copy_range);
	uint8_t params[5];

	memcpy(params, &range, sizeof(range));
	params[4] = settings->copy_mode;
	if (settings->has_params)
		mnl_attr_put(message, KERNEL_NFQA_CFG_PARAMS, sizeof(params), params);
	if (settings->has_maxlen)
		mnl_attr_put_u32(message, KERNEL_NFQA_CFG_QUEUE_MAXLEN, htonl(settings->maxlen));
	if (settings->mask) {
		mnl_attr_put_u32(message, KERNEL_NFQA_CFG_MASK, htonl(settings->mask));
		mnl_attr_put_u32(message, KERNEL_NFQA_CFG_FLAGS, htonl(settings->flags));
	}
}

static int request(struct nfbind_queue *queue, uint16_t number, uint8_t command,
		   const struct settings *settings)
{
	uint8_t room[REQUEST_ROOM] __attribute__((aligned(8))) = { 0 };
	struct nlmsghdr *message = start_request(room, number);

	if (command != 0)
		put_command(message, command);
	if (settings)
		put_settings(message, settings);
	return queue_request(queue, message);
}

static void take_settings(struct slot *slot, const struct nfbind_options *options,
			  const struct settings *settings)
{
	slot->copy_mode = settings->copy_mode;
	slot->copy_range = settings->copy_range;
	if (settings->mask & KERNEL_CFG_CONNTRACK)
		slot->has_conntrack = settings->flags & KERNEL_CFG_CONNTRACK;
	slot->default_verdict = (uint32_t)options_number(options, NFBIND_OPTIONS_DEFAULT_VERDICT,
							 slot->default_verdict) & ~VERDICT_FLAGS;
	slot->age_limit =
		(uint32_t)options_number(options, NFBIND_OPTIONS_AGE_LIMIT, slot->age_limit);
	if (slot->age_limit != 0)
		ledger_date_kept(slot);
	slot->is_coalescing =
		options_number(options, NFBIND_OPTIONS_COALESCE, slot->is_coalescing) != 0;
}

/* The kernel may use a new copy range before it answers. */
static void make_room_for(struct nfbind_queue *queue, const struct settings *settings)
{
	size_t slot_size = queue_slot_size(settings->copy_range);

	if (queue->slot_size < slot_size)
		queue->slot_size = slot_size;
}

static int refuse(struct nfbind_queue *queue, int error, const char *sentence, unsigned int number)
{
	ledger_explain(queue->ledger, NFBIND_SIDE_RECEIVE, sentence, number);
	return error;
}

static int refuse_option(struct nfbind_queue *queue, unsigned int number, const char *option)
{
	ledger_explain(queue->ledger, NFBIND_SIDE_RECEIVE, "option %s for queue %u is out of range",
		       option, number);
	return -EINVAL;
}

static int bind_slot(struct nfbind_queue *queue, uint16_t number,
		     const struct nfbind_options *options, const struct settings *settings)
{
	struct slot *slot = ledger_slot(queue->ledger, number, true);
	int r;

	if (!slot)
		return refuse(queue, -ENOMEM, "no memory to bind queue %u", number);
	make_room_for(queue, settings);
	r = request(queue, number, KERNEL_CFG_CMD_BIND, settings);
	/* The answer was lost, and when we are told that it is ours, it is. */
	for (unsigned int i = 0; r == -ENOBUFS && i < LOST_ANSWERS; i++) {
		r = request(queue, number, KERNEL_CFG_CMD_BIND, settings);
		r = r == -EBUSY ? 0 : r;
	}
	if (r < 0)
		return diagnose_bind(queue, number, settings->flags, r);
	slot->is_bound = true;
	slot->default_verdict = NFBIND_VERDICT_DROP;
	slot->age_limit = 0;
	slot->is_coalescing = true;
	slot->has_conntrack = false;
	slot->has_gap = false;
	slot->next_id = 1;
	take_settings(slot, options, settings);
	return 0;
}

int nfbind_queue_bind(struct nfbind_queue *queue, uint16_t number,
		      const struct nfbind_options *options)
{
	struct settings settings = { .copy_mode = NFBIND_COPY_MODE_PACKET,
				     .copy_range = PAYLOAD_MAX,
				     .has_params = true,
				     .flags = KERNEL_CFG_GSO,
				     .mask = KERNEL_CFG_GSO };
	const char *option = read_settings(options, &settings);
	const struct slot *slot;
	int r = queue_enter(queue);

	if (r < 0)
		return r;
	slot = ledger_slot(queue->ledger, number, false);
	if (slot && slot->is_bound)
		r = refuse(queue, -EBUSY, "queue %u is bound by this session already", number);
	else if (option)
		r = refuse_option(queue, number, option);
	else
		r = bind_slot(queue, number, options, &settings);
	queue_leave(queue);
	return r;
}

static int change_slot(struct nfbind_queue *queue, struct slot *slot,
		       const struct nfbind_options *options)
{
	struct settings settings = { .copy_mode = slot->copy_mode, .copy_range = slot->copy_range };
	const char *option = read_settings(options, &settings);
	int r = 0;

	if (option)
		return refuse_option(queue, slot->number, option);
	make_room_for(queue, &settings);
	if (settings.has_params || settings.has_maxlen || settings.mask)
		r = request(queue, slot->number, 0, &settings);
	/* The answer was lost; the same change twice is one. */
	for (unsigned int i = 0; r == -ENOBUFS && i < LOST_ANSWERS; i++)
		r = request(queue, slot->number, 0, &settings);
	if (r < 0)
		return diagnose_bind(queue, slot->number, settings.flags, r);
	take_settings(slot, options, &settings);
	return 0;
}

int nfbind_queue_change(struct nfbind_queue *queue, uint16_t number,
			const struct nfbind_options *options)
{
	struct slot *slot;
	int r = queue_enter(queue);

	if (r < 0)
		return r;
	slot = ledger_slot(queue->ledger, number, false);
	if (!slot || !slot->is_bound)
		r = refuse(queue, -ENODEV, "queue %u is not bound on this session", number);
	else
		r = change_slot(queue, slot, options);
	queue_leave(queue);
	return r;
}

/* What came before the queue was unbound is gone, and its ids may come again. */
static void forget(struct nfbind_queue *queue, struct slot *slot)
{
	for (struct nfbind_batch *batch = queue->stash.first; batch; batch = batch->next)
		for (uint32_t i = 0; i < batch->count; i++)
			if (batch->packets[i].queue == slot->number)
				packet_set_state(&batch->packets[i], PACKET_UNBOUND);
	stage_forget(queue->ledger, slot->number);
	ledger_forget_slot(queue->ledger, slot);
}

int nfbind_queue_unbind(struct nfbind_queue *queue, uint16_t number)
{
	struct slot *slot;
	int r = queue_enter(queue);

	if (r < 0)
		return r;
	slot = ledger_slot(queue->ledger, number, false);
	if (!slot || !slot->is_bound) {
		r = refuse(queue, -ENODEV, "queue %u is not bound on this session", number);
	} else {
		ledger_end_slot(queue->ledger, slot);
		(void)stage_send(queue->ledger);
		r = request(queue, number, KERNEL_CFG_CMD_UNBIND, NULL);
		/* ENODEV: the kernel forgot it before we did, and that is what was asked for. */
		if (r == 0 || r == -ENODEV || r == -ENOBUFS) {
			forget(queue, slot);
			r = 0;
		} else {
			r = diagnose_bind(queue, number, 0, r);
		}
	}
	queue_leave(queue);
	return r;
}
