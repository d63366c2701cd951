/* SPDX-License-Identifier: MIT */
/*
 * Staging: verdicts become netlink messages at once and leave together. One thread
 * sends at a time and takes along what others stage meanwhile, so that the order
 * of decisions is the order in which the kernel sees them.
 *
 * The kernel returns a refused message's header to us: its sequence number holds the
 * packet id, its port id (which the kernel ignores in requests) the queue number and,
 * in the first message of a send, how many messages went with it.
 */
#include "ledger.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>

#include "wire.h"

enum {
	SEND_TRIES = 8,       /* against signals */
};

/* A verdict without anything else. */
struct verdict_message {
	struct nlmsghdr header;
	struct nfgenmsg family;
	struct nlattr attribute;
	uint32_t verdict;
	uint32_t id;
};

/* Whether the kernel takes it in a message for many packets, too. */
static bool is_plain(const struct nfbind_packet *packet)
{
	return !(packet->flags & PACKET_CHANGED) && !(packet->set & ~(SET_MARK | SET_PRIORITY));
}

static_assert(sizeof(struct verdict_message) == VERDICT_MESSAGE_LEN, "no padding");

size_t stage_changes_len(const struct nfbind_packet *packet)
{
	const struct edit *edit = packet->edit;
	size_t len = packet->set & SET_MARK ? 8 : 0;

	len += packet->set & SET_PRIORITY ? 8 : 0;
	if (packet->set & (SET_VLAN_PROTO | SET_VLAN_TCI))
		len += 4 + 2 * 8;
	if (packet->set & SET_L2HDR)
		len += 4 + MNL_ALIGN(edit->l2hdr.len);
	if (packet->set & (SET_CT | SET_EXP))
		len += 4 + (packet->set & SET_CT ? edit->ct.len : 0);
	if (packet->set & SET_EXP)
		len += 4 + edit->exp.len;
	if (packet->flags & PACKET_CHANGED)
		len += 4 + MNL_ALIGN(packet->payload_len);
	return len;
}

static int grow(struct stage *stage, size_t len)
{
	size_t size = stage->size ? stage->size : 8192;
	uint8_t *data;

	if (stage->used + len <= stage->size)
		return 0;
	while (size < stage->used + len)
		size *= 2;
	data = realloc(stage->data, size);
	if (!data)
		return -ENOMEM;
	stage->data = data;
	stage->size = size;
	return 0;
}

int stage_make_room(struct ledger *ledger, size_t len)
{
	if (len > ledger->send_limit)
		return -EMSGSIZE;
	if (ledger->stage.used + len > STAGE_MAX)
		return -EAGAIN;
	return grow(&ledger->stage, len + stage_defaults_len(ledger));
}

int stage_reserve_defaults(struct ledger *ledger, size_t count)
{
	return grow(&ledger->stage, count * VERDICT_MESSAGE_LEN + stage_defaults_len(ledger));
}

static void put_header(struct ledger *ledger, const struct nfbind_packet *packet,
		       uint32_t verdict)
{
	struct verdict_message *message =
		(struct verdict_message *)(ledger->stage.data + ledger->stage.used);

	*message = (struct verdict_message){
		.header = { .nlmsg_len = sizeof(*message),
			    .nlmsg_type = KERNEL_SUBSYS_QUEUE << 8 | KERNEL_QUEUE_VERDICT,
			    .nlmsg_flags = NLM_F_REQUEST,
			    .nlmsg_seq = packet->id,
			    .nlmsg_pid = packet->queue },
		.family = { .version = NFNETLINK_V0, .res_id = htons(packet->queue) },
		.attribute = { .nla_len = sizeof(struct nlattr) + 8,
			       .nla_type = KERNEL_NFQA_VERDICT_HDR },
		.verdict = htonl(verdict),
		.id = htonl(packet->id),
	};
	ledger->stage.used += sizeof(*message);
	ledger->stats.messages++;
}

static void put_vlan(const struct nfbind_packet *packet, struct wire_buffer *buffer)
{
	uint16_t proto, tci;
	size_t nest;

	if (packet_vlan(packet, &proto, &tci) < 0)
		return;
	proto = htons(proto);
	tci = htons(tci);
	nest = wire_nest_start(buffer, KERNEL_NFQA_VLAN);
	wire_put(buffer, KERNEL_NFQA_VLAN_PROTO, &proto, sizeof(proto));
	wire_put(buffer, KERNEL_NFQA_VLAN_TCI, &tci, sizeof(tci));
	wire_nest_end(buffer, nest);
}

static void put_rare(const struct nfbind_packet *packet, struct wire_buffer *buffer)
{
	const struct edit *edit = packet->edit;

	if (packet->set & (SET_VLAN_PROTO | SET_VLAN_TCI))
		put_vlan(packet, buffer);
	if (packet->set & SET_L2HDR)
		wire_put(buffer, KERNEL_NFQA_L2HDR, edit->l2hdr.data, edit->l2hdr.len);
	/* The kernel reads an expectation only beside a connection, which may be empty. */
	if (packet->set & (SET_CT | SET_EXP))
		wire_put(buffer, KERNEL_NFQA_CT | NLA_F_NESTED, edit->ct.data,
			 packet->set & SET_CT ? edit->ct.len : 0);
	if (packet->set & SET_EXP)
		wire_put(buffer, KERNEL_NFQA_EXP | NLA_F_NESTED, edit->exp.data, edit->exp.len);
	/* Its length must not count the padding, or the packet grows by it. */
	if (packet->flags & PACKET_CHANGED)
		wire_put(buffer, KERNEL_NFQA_PAYLOAD, packet->payload, packet->payload_len);
}

static void put_attributes(struct ledger *ledger, const struct nfbind_packet *packet)
{
	struct stage *stage = &ledger->stage;
	struct nlmsghdr *header =
		(struct nlmsghdr *)(stage->data + stage->used - sizeof(struct verdict_message));
	struct wire_buffer buffer = { .data = stage->data + stage->used,
				      .size = stage->size - stage->used };

	if (packet->set & SET_MARK)
		wire_put_u32(&buffer, KERNEL_NFQA_MARK, packet->mark);
	if (packet->set & SET_PRIORITY)
		wire_put_u32(&buffer, KERNEL_NFQA_PRIORITY, packet->priority);
	if (!is_plain(packet))
		put_rare(packet, &buffer);
	header->nlmsg_len += (uint32_t)buffer.len;
	stage->used += buffer.len;
}

/* Whether everything up to `id` in the queue is decided and staged or sent. */
static bool covers(const struct slot *slot, uint32_t id)
{
	return !slot->has_gap &&
	       (!slot->first || is_after(slot->first->id, id)) &&
	       (!slot->kept_first || is_after(slot->kept_first->id, id));
}

static bool is_same(const struct run *run, const struct run *other)
{
	return run->verdict == other->verdict && run->set == other->set &&
	       run->mark == other->mark && run->priority == other->priority;
}

/* Let the queue's last message decide this packet too, where nothing lies between. */
static bool extend_run(struct ledger *ledger, struct slot *slot, const struct run *next)
{
	struct run *run = &slot->run;
	struct verdict_message *message;

	if (run->fill != ledger->fill || !is_same(run, next) || !is_after(next->id, run->id) ||
	    !covers(slot, next->id))
		return false;
	message = (struct verdict_message *)(ledger->stage.data + run->offset);
	message->header.nlmsg_type = KERNEL_SUBSYS_QUEUE << 8 | KERNEL_QUEUE_VERDICT_BATCH;
	message->header.nlmsg_seq = next->id;
	message->id = htonl(next->id);
	run->id = next->id;
	return true;
}

void stage_verdict(struct ledger *ledger, struct nfbind_packet *packet, uint32_t verdict)
{
	struct slot *slot = packet->slot;
	bool plain = is_plain(packet);
	struct run next;

	if (!plain || !slot->is_coalescing) {
		put_header(ledger, packet, verdict);
		if (!packet_is_bare(packet))
			put_attributes(ledger, packet);
		slot->run.fill = 0;
		return;
	}
	next = (struct run){
		.fill = ledger->fill,
		.offset = ledger->stage.used,
		.id = packet->id,
		.verdict = verdict,
		.set = packet->set,
		.mark = packet->set & SET_MARK ? packet->mark : 0,
		.priority = packet->set & SET_PRIORITY ? packet->priority : 0,
	};
	if (extend_run(ledger, slot, &next))
		return;
	put_header(ledger, packet, verdict);
	if (packet->set != 0)
		put_attributes(ledger, packet);
	slot->run = next;
}

void stage_default(struct ledger *ledger, const struct nfbind_packet *packet)
{
	struct slot *slot = packet->slot;
	struct run next = {
		.fill = slot->is_coalescing ? ledger->fill : 0,
		.offset = ledger->stage.used,
		.id = packet->id,
		.verdict = slot->default_verdict,
	};

	if (next.fill != 0 && extend_run(ledger, slot, &next))
		return;
	put_header(ledger, packet, slot->default_verdict);
	slot->run = next;
}

/* Sending. */

static size_t message_len(const uint8_t *data)
{
	return MNL_ALIGN(((const struct nlmsghdr *)data)->nlmsg_len);
}

/* The bytes of the whole messages that fit in `limit`, at least one; and how many they are. */
static size_t cut_pack(const uint8_t *data, size_t len, size_t limit, uint32_t *ret_count)
{
	size_t end = 0;

	*ret_count = 0;
	while (end < len) {
		size_t next = end + message_len(data + end);

		if (next > limit && end > 0)
			break;
		end = next;
		++*ret_count;
	}
	return end;
}

/* A short send took whole messages only; the kernel reads no half ones. */
static size_t taken(const uint8_t *data, size_t sent)
{
	size_t end = 0;

	while (end < sent && end + message_len(data + end) <= sent)
		end += message_len(data + end);
	return end;
}

static void number_pack(uint8_t *data, uint32_t count)
{
	struct nlmsghdr *first = (struct nlmsghdr *)data;

	first->nlmsg_pid = (first->nlmsg_pid & UINT16_MAX) |
			   (count < UINT16_MAX ? count : UINT16_MAX) << 16;
}

static int send_pack(struct ledger *ledger, const uint8_t *data, size_t len, unsigned int *calls)
{
	int r = -EINTR;

	for (int i = 0; i < SEND_TRIES && r == -EINTR; i++) {
		r = socket_send(&ledger->socket, data, len);
		++*calls;
	}
	return r;
}

/* Send the flight, without the lock, as far as the kernel takes it. */
static int send_flight(struct ledger *ledger, size_t *limit, unsigned int *calls)
{
	struct stage *flight = &ledger->flight;
	uint32_t count;
	size_t len;
	int r;

	while (flight->done < flight->used) {
		uint8_t *data = flight->data + flight->done;

		len = cut_pack(data, flight->used - flight->done, *limit, &count);
		number_pack(data, count);
		r = send_pack(ledger, data, len, calls);
		if (r == -EMSGSIZE && count > 1) {
			/* The buffer holds less than it said: try half. */
			*limit = len / 2;
			continue;
		}
		if (r < 0)
			return r;
		len = taken(data, (size_t)r);
		if (len == 0)
			return -EAGAIN;
		flight->done += len;
	}
	flight->used = flight->done = 0;
	return 0;
}

static void explain_send(struct ledger *ledger, int error)
{
	if (error == -EAGAIN)
		ledger_explain(ledger, NFBIND_SIDE_SEND,
			       "the kernel takes no more verdicts just now; they stay staged");
	else
		ledger_explain(ledger, NFBIND_SIDE_SEND, "verdicts could not be sent: %s",
			       strerror(-error));
}

bool stage_is_empty(const struct ledger *ledger)
{
	return ledger->stage.used == 0 && ledger->flight.used == 0;
}

bool stage_is_due(const struct ledger *ledger)
{
	const struct pace *pace = &ledger->pace;

	if (ledger->stage.used >= ledger->send_limit)
		return true;
	return pace->is_set && ((pace->ends_with_batch && ledger->batch_undecided == 0) ||
				socket_now() - pace->since >= pace->delay);
}

static void strike(struct stage *stage, uint16_t number)
{
	size_t from = stage->done, to = from;

	while (from < stage->used) {
		size_t len = message_len(stage->data + from);
		const struct nlmsghdr *header = (const struct nlmsghdr *)(stage->data + from);

		if ((header->nlmsg_pid & UINT16_MAX) != number) {
			memmove(stage->data + to, stage->data + from, len);
			to += len;
		}
		from += len;
	}
	stage->used = to;
	if (stage->done == stage->used)
		stage->done = stage->used = 0;
}

void stage_forget(struct ledger *ledger, uint16_t number)
{
	while (ledger->is_sending)
		ledger_await_change(ledger);
	strike(&ledger->flight, number);
	strike(&ledger->stage, number);
	/* Messages moved: none of them may grow any more. */
	ledger->fill++;
}

/* What an earlier send left goes first; only then what was staged after it. */
static int send_next(struct ledger *ledger)
{
	size_t limit = ledger->send_limit;
	unsigned int calls = 0;
	int r;

	if (ledger->flight.used == 0) {
		struct stage flight = ledger->stage;

		if (grow(&ledger->flight, stage_defaults_len(ledger)) < 0)
			return -EAGAIN;
		ledger->stage = ledger->flight;
		ledger->flight = flight;
		ledger->fill++;
	}
	ledger_unlock(ledger);
	r = send_flight(ledger, &limit, &calls);
	ledger_lock(ledger);
	ledger->send_limit = limit;
	ledger->stats.system_calls += calls;
	return r == -ENOBUFS ? -EAGAIN : r;
}

int stage_send(struct ledger *ledger)
{
	int r = 0;

	if (ledger->is_sending || stage_is_empty(ledger))
		return 0;
	ledger->is_sending = true;
	while (r == 0 && !stage_is_empty(ledger))
		r = send_next(ledger);
	ledger->is_sending = false;
	if (ledger->pace.is_set)
		ledger->pace.since = socket_now();
	if (r < 0) {
		explain_send(ledger, r);
		ledger_kick(ledger);
	}
	ledger_tell_change(ledger);
	return r;
}
