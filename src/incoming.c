/* SPDX-License-Identifier: MIT */
/*
 * Sorting what the socket gave: packets into a batch, refused verdicts, losses and
 * nonsense into notices, the answer that a request waits for to that.
 */
#include "queue.h"

#include <errno.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>

#include "wire.h"

static void note_malformed(struct nfbind_queue *queue)
{
	queue->ledger->stats.malformed++;
	queue_notice(queue, NFBIND_NOTICE_MALFORMED, 0, 0, -EBADMSG, 1);
}

static void take_refusal(struct nfbind_queue *queue, const struct nlmsghdr *request, int error)
{
	/* stage.c says what our own header carries. */
	uint32_t count = request->nlmsg_pid >> 16;

	queue->ledger->stats.refused++;
	queue_notice(queue, NFBIND_NOTICE_REFUSED, request->nlmsg_pid & UINT16_MAX,
		     request->nlmsg_seq, error, error == -EPERM && count > 1 ? count : 1);
}

static void take_error(struct nfbind_queue *queue, const struct nlmsghdr *message)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);
	unsigned int type;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*error)) || !wire_is_error(error->error)) {
		note_malformed(queue);
		return;
	}
	type = error->msg.nlmsg_type;
	if (type == (KERNEL_SUBSYS_QUEUE << 8 | KERNEL_QUEUE_VERDICT) ||
	    type == (KERNEL_SUBSYS_QUEUE << 8 | KERNEL_QUEUE_VERDICT_BATCH)) {
		if (error->error != 0)
			take_refusal(queue, &error->msg, error->error);
	} else if (queue->awaited != 0 && error->msg.nlmsg_seq == queue->awaited) {
		queue->answer = error->error;
		queue->is_answered = true;
	}
	/* Others answer requests that nobody waits for any more. */
}

static void take_packet(struct nfbind_queue *queue, struct nfbind_batch *batch, uint8_t *message,
			size_t available)
{
	if (batch && batch->count < batch->capacity && batch_add(batch, message, available))
		return;
	note_malformed(queue);
}

static bool is_packet(const struct nlmsghdr *message)
{
	return message->nlmsg_type == (KERNEL_SUBSYS_QUEUE << 8 | KERNEL_QUEUE_PACKET);
}

/* The messages of one datagram; every length is checked before it is believed. */
static int take_messages(struct nfbind_queue *queue, struct nfbind_batch *batch, uint8_t *data,
			 size_t len, bool is_cut)
{
	const struct nlmsghdr *message;
	size_t offset = 0, before = 0;
	int error = 0;

	while ((message = wire_next_message(data, len, &offset, &error))) {
		if (is_packet(message))
			take_packet(queue, batch, data + before, message->nlmsg_len);
		else if (message->nlmsg_type == NLMSG_ERROR)
			take_error(queue, message);
		before = offset;
	}
	message = (const struct nlmsghdr *)(data + before);
	if (error < 0 && is_cut && len - before >= sizeof(*message) &&
	    message->nlmsg_len > len - before && is_packet(message)) {
		take_packet(queue, batch, data + before, len - before);
		error = 0;
	}
	return error;
}

void queue_take_datagram(struct nfbind_queue *queue, struct nfbind_batch *batch,
			 const struct datagram *datagram)
{
	queue->ahead -= queue->ahead > 0;
	if (datagram->sender != 0) {
		/* Another process may send to our port; only the kernel is 0. */
		queue->ledger->stats.spoofed++;
		queue_notice(queue, NFBIND_NOTICE_SPOOFED, 0, datagram->sender, 0, 1);
		return;
	}
	if (take_messages(queue, batch, datagram->data, datagram->len, datagram->is_cut) < 0)
		note_malformed(queue);
}

void queue_check_drops(struct nfbind_queue *queue)
{
	struct ledger *ledger = queue->ledger;
	uint32_t drops, lost;
	int r;

	ledger_unlock(ledger);
	r = socket_read_drops(&ledger->socket, &drops);
	ledger_lock(ledger);
	ledger->stats.system_calls++;
	if (r < 0 || drops == queue->drops)
		return;
	lost = drops - queue->drops;
	queue->drops = drops;
	ledger->stats.lost += lost;
	queue_notice(queue, NFBIND_NOTICE_LOST, 0, 0, -ENOBUFS, lost);
}
