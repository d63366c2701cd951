/* SPDX-License-Identifier: MIT */
/*
 * The queue session: its life, its verdicts and its statistics. Receiving is in
 * receive.c, binding in config.c.
 */
#include "queue.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "names.h"
#include "options.h"
#include "plain.h"
#include "text.h"
#include "verdict.h"
#include "view.h"

enum {
	RECEIVE_BUFFER = 8 << 20,
	SEND_BUFFER = 1 << 20,
	PROC_ROOM = 1 << 20,
};

/* Life. */

int nfbind_queue_new(struct nfbind_queue **ret_queue)
{
	struct nfbind_queue *queue = calloc(1, sizeof(*queue));

	if (!queue)
		return -ENOMEM;
	queue->ledger = ledger_make();
	if (!queue->ledger) {
		free(queue);
		return -ENOMEM;
	}
	queue->batch_size = BATCH_DEFAULT;
	*ret_queue = queue;
	return 0;
}

static int open_socket(struct nfbind_queue *queue, const struct nfbind_options *options,
		       struct socket_place *place)
{
	struct ledger *ledger = queue->ledger;
	int r = socket_open(&ledger->socket, place,
			    (uint32_t)options_number(options, NFBIND_OPTIONS_RECEIVE_BUFFER,
						     RECEIVE_BUFFER));

	if (r < 0)
		return r;
	queue->names = names_make(ledger->socket.fd);
	if (!queue->names) {
		socket_close(&ledger->socket);
		return -ENOMEM;
	}
	return 0;
}

static void opened(struct nfbind_queue *queue, const struct nfbind_options *options,
		   const struct socket_place *place)
{
	struct ledger *ledger = queue->ledger;

	ledger->canary.pid = getpid();
	queue->send_buffer =
		(uint32_t)options_number(options, NFBIND_OPTIONS_SEND_BUFFER, SEND_BUFFER);
	queue->is_adopted = place->socket_fd >= 0;
	queue->slot_size = queue->is_adopted ? queue_slot_size(PAYLOAD_MAX) : 0;
	ledger->pace.is_set = options && nfbind_options_has(options, NFBIND_OPTIONS_SEND_DELAY) > 0;
	ledger->pace.delay = options_number(options, NFBIND_OPTIONS_SEND_DELAY, 0) * 1000;
	ledger->is_open = true;
}

int nfbind_queue_open(struct nfbind_queue *queue, const struct nfbind_options *options)
{
	struct socket_place place = { .netns_fd = -1, .socket_fd = -1 };
	struct ledger *ledger;
	uint64_t batch;
	int r;

	if (!queue)
		return -EINVAL;
	ledger = queue->ledger;
	if (ledger_is_forked(ledger))
		return -ECHILD;
	batch = options_number(options, NFBIND_OPTIONS_BATCH, BATCH_DEFAULT);
	ledger_lock(ledger);
	r = ledger->is_open ? -EALREADY : ledger->is_closing ? -ESHUTDOWN : 0;
	if (r < 0)
		ledger_explain(ledger, NFBIND_SIDE_RECEIVE, "the session %s",
			       r == -EALREADY ? "is open already" : "was closed");
	ledger_unlock(ledger);
	if (r < 0)
		return r;
	r = batch >= 1 && batch <= BATCH_MAX ? socket_place_from(options, &place) : -EINVAL;
	if (r == 0)
		r = open_socket(queue, options, &place);
	queue->batch_size = (uint32_t)batch;
	ledger_lock(ledger);
	if (r == 0)
		opened(queue, options, &place);
	else
		r = diagnose_open(ledger, &place, r);
	ledger_unlock(ledger);
	return r;
}

/* A child shares the socket, but neither the lock's state nor the queues. */
static int close_in_child(struct nfbind_queue *queue)
{
	struct ledger *ledger = queue->ledger;

	if (ledger->is_open)
		socket_close(&ledger->socket);
	ledger->is_open = false;
	ledger->is_closing = true;
	return 0;
}

/* Nobody is in a system call on the socket any more, and nobody comes. */
static void wait_until_left(struct ledger *ledger)
{
	ledger_unlock(ledger);
	wake_stir(&ledger->wake);
	ledger_lock(ledger);
	while (ledger->is_receiving || ledger->is_sending || ledger->readers > 0)
		ledger_await_change(ledger);
}

static int close_here(struct nfbind_queue *queue)
{
	struct ledger *ledger = queue->ledger;
	int r = 0;

	ledger->is_closing = true;
	wait_until_left(ledger);
	if (!ledger->is_open)
		return 0;
	ledger_end_batch(ledger);
	r = stage_send(ledger);
	while (ledger->is_sending)
		ledger_await_change(ledger);
	ledger->is_open = false;
	names_close(queue->names);
	ledger_unlock(ledger);
	socket_close(&ledger->socket);
	ledger_lock(ledger);
	ledger_tell_change(ledger);
	return r < 0 ? -EAGAIN : 0;
}

int nfbind_queue_close(struct nfbind_queue *queue)
{
	int r;

	if (!queue)
		return -EINVAL;
	if (ledger_is_forked(queue->ledger))
		return close_in_child(queue);
	ledger_lock(queue->ledger);
	r = close_here(queue);
	ledger_unlock(queue->ledger);
	return r;
}

void nfbind_queue_free(struct nfbind_queue *queue)
{
	if (!queue)
		return;
	(void)nfbind_queue_close(queue);
	/* Not in close: another thread may be in wake. */
	wake_close(&queue->ledger->wake);
	for (unsigned int i = 0; i < SLABS_MAX; i++)
		nfbind_batch_free(queue->slabs[i]);
	while (queue->stash.first)
		nfbind_batch_free(queue_pop_stash(queue));
	free(queue->datagrams);
	queue_free_notices(queue);
	names_free(queue->names);
	ledger_free(queue->ledger);
	free(queue);
}

int nfbind_queue_last_message(struct nfbind_queue *queue, uint32_t side, char *ret_text,
			      size_t ret_text_size)
{
	struct text text;

	if (!queue || side > NFBIND_SIDE_SEND)
		return -EINVAL;
	text_start(&text, ret_text, ret_text_size);
	if (ledger_is_forked(queue->ledger)) {
		text_add(&text, "the session belongs to the parent process");
		return (int)text.len;
	}
	ledger_lock(queue->ledger);
	text_add(&text, "%s", queue->ledger->messages[side].text);
	ledger_unlock(queue->ledger);
	return (int)text.len;
}

int nfbind_queue_get_fd(struct nfbind_queue *queue)
{
	int r = queue ? 0 : -EINVAL;

	if (r < 0)
		return r;
	if (ledger_is_forked(queue->ledger))
		return -ECHILD;
	ledger_lock(queue->ledger);
	r = queue_check(queue);
	r = r < 0 ? r : queue->ledger->socket.fd;
	ledger_unlock(queue->ledger);
	return r;
}

void nfbind_queue_wake(struct nfbind_queue *queue)
{
	/* A signal handler may be here. */
	if (queue)
		wake_set(&queue->ledger->wake);
}

/* Verdicts. */

uint32_t nfbind_verdict_to_queue(uint16_t number, uint32_t bypass)
{
	return NFBIND_VERDICT_QUEUE | (bypass ? KERNEL_VERDICT_BYPASS : 0) |
	       (uint32_t)number << 16;
}

int verdict_check(uint32_t verdict)
{
	switch (verdict & ~(uint32_t)VERDICT_FLAGS) {
	case NFBIND_VERDICT_DROP:
	case NFBIND_VERDICT_ACCEPT:
	case NFBIND_VERDICT_REPEAT:
	case NFBIND_VERDICT_STOP:
		return 0;
	default:
		return (verdict & 0xff) == NFBIND_VERDICT_QUEUE &&
		       !(verdict & 0x7f00 & ~(uint32_t)VERDICT_FLAGS) ? 0 : -EINVAL;
	}
}

/* What has to be true of a changed packet before the kernel gets it back. */
static int check_changes(struct nfbind_packet *packet)
{
	uint16_t proto, tci;

	if (packet->set & (SET_VLAN_PROTO | SET_VLAN_TCI) && packet_vlan(packet, &proto, &tci) < 0)
		return -EINVAL;
	if (!(packet->flags & PACKET_CHANGED))
		return 0;
	/* nfqnl_mangle() fails below the transport header, and the packet would be dropped. */
	if (packet->payload_len < packet->least_len)
		return -EOPNOTSUPP;
	view_finish(packet);
	return 0;
}

static int explain(struct ledger *ledger, const struct nfbind_packet *packet, int error)
{
	static const struct {
		int error;
		const char *sentence;
	} sentences[] = {
		{ -EINVAL, "that is no verdict, or half a VLAN tag (a stolen packet is one that is kept)" },
		{ -EALREADY, "it was decided or kept, or its batch has ended" },
		{ -ENODEV, "its queue was unbound: the kernel has dropped it" },
		{ -EMSGSIZE, "the verdict is larger than the send buffer" },
		{ -EOPNOTSUPP, "its new payload ends before the transport header: the kernel would drop it" },
		{ -EAGAIN, "the kernel takes no verdicts just now, and too many are waiting" },
		{ -ESHUTDOWN, "the session is not open" },
		{ -ENOMEM, "out of memory" },
	};

	for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++)
		if (sentences[i].error == error)
			ledger_explain(ledger, NFBIND_SIDE_SEND, "packet %" PRIu32 " of queue %u: %s",
				       packet->id, packet->queue, sentences[i].sentence);
	return error;
}

static int decide(struct ledger *ledger, struct nfbind_packet *packet, uint32_t verdict)
{
	int r = ledger->is_open && !ledger->is_closing ? verdict_check(verdict) : -ESHUTDOWN;

	if (r == 0 && !packet_is_bare(packet) && packet_check_change(packet) == 0)
		r = check_changes(packet);
	if (r == 0)
		r = ledger_decide(ledger, packet, verdict & ~(uint32_t)VERDICT_FLAGS);
	return r;
}

static int judge(struct ledger *ledger, struct nfbind_packet *packet, uint32_t verdict)
{
	bool leaves_now;
	int r;

	if (ledger_is_forked(ledger))
		return -ECHILD;
	ledger_lock(ledger);
	leaves_now = verdict & NFBIND_VERDICT_NOW || packet_state(packet) == PACKET_HELD;
	r = decide(ledger, packet, verdict);
	/* What cannot leave at once is staged, and so is not an error of this verdict. */
	if (r == 0 && (leaves_now || stage_is_due(ledger)))
		(void)stage_send(ledger);
	if (r < 0)
		explain(ledger, packet, r);
	ledger_unlock(ledger);
	return r;
}

int nfbind_queue_verdict(struct nfbind_queue *queue, struct nfbind_packet *packet,
			 uint32_t verdict)
{
	if (!queue || !packet || packet->ledger != queue->ledger)
		return -EINVAL;
	return judge(queue->ledger, packet, verdict);
}

int nfbind_packet_verdict(struct nfbind_packet *packet, uint32_t verdict)
{
	if (!packet || !packet->ledger)
		return -EINVAL;
	switch (packet_state(packet)) {
	case PACKET_UNDECIDED:
	case PACKET_HELD:
		return judge(packet->ledger, packet, verdict);
	case PACKET_UNBOUND:
		return -ENODEV;
	default:
		/* Where its batch is held for longer than the session lived, there is no ledger any more. */
		return -EALREADY;
	}
}

static struct nfbind_packet *find_packet(struct ledger *ledger, const struct nfbind_decision *d)
{
	struct nfbind_batch *batch = ledger->batch;
	struct nfbind_packet *packet;

	if (batch && d->index < batch->count) {
		packet = &batch->packets[d->index];
		if (packet->id == d->id && packet->queue == d->queue &&
		    packet_state(packet) != PACKET_KEPT)
			return packet;
	}
	packet = d->queue <= UINT16_MAX ?
			 ledger_find_kept(ledger, (uint16_t)d->queue, d->id) : NULL;
	for (uint32_t i = 0; !packet && batch && i < batch->count; i++)
		if (batch->packets[i].id == d->id && batch->packets[i].queue == d->queue)
			packet = &batch->packets[i];
	return packet;
}

static int apply_payload(struct nfbind_packet *packet, const struct nfbind_decision *d,
			 const void *data, size_t data_len)
{
	if (!(d->flags & NFBIND_DECISION_PAYLOAD))
		return 0;
	if (d->payload_offset > data_len || d->payload_len > data_len - d->payload_offset)
		return -EINVAL;
	return nfbind_packet_set_bytes(packet, NFBIND_PACKET_PAYLOAD,
				       (const uint8_t *)data + d->payload_offset, d->payload_len);
}

static int decide_one(struct ledger *ledger, const struct nfbind_decision *d, const void *data,
		      size_t data_len, bool *leaves_now)
{
	struct nfbind_packet *packet = find_packet(ledger, d);
	int r;

	if (!packet)
		return -ENOENT;
	if (packet_state(packet) == PACKET_UNBOUND)
		return -ENODEV;
	/* Nothing is changed by a decision that cannot be. */
	r = verdict_check(d->verdict);
	if (r == 0)
		r = packet_check_change(packet);
	if (r < 0)
		return r;
	r = apply_payload(packet, d, data, data_len);
	if (r < 0)
		return r;
	if (d->flags & NFBIND_DECISION_MARK) {
		packet->mark = d->mark;
		packet->set |= SET_MARK;
	}
	if (d->flags & NFBIND_DECISION_PRIORITY) {
		packet->priority = d->priority;
		packet->set |= SET_PRIORITY;
	}
	*leaves_now |= d->verdict & NFBIND_VERDICT_NOW || packet_state(packet) == PACKET_HELD;
	return decide(ledger, packet, d->verdict);
}

static int decide_all(struct ledger *ledger, uint8_t *decisions, size_t decisions_count,
		      size_t decision_size, const void *data, size_t data_len)
{
	bool leaves_now = false;
	int staged = 0;
	int r;

	for (size_t i = 0; i < decisions_count; i++) {
		struct nfbind_decision *d = (struct nfbind_decision *)(decisions + i * decision_size);

		d->result = decide_one(ledger, d, data, data_len, &leaves_now);
		staged += d->result == 0;
		if (stage_is_due(ledger))
			(void)stage_send(ledger);
	}
	r = leaves_now ? stage_send(ledger) : 0;
	return r == -EAGAIN ? r : staged;
}

int nfbind_queue_verdict_many(struct nfbind_queue *queue, struct nfbind_decision *decisions,
			      size_t decisions_count, size_t decision_size, const void *data,
			      size_t data_len)
{
	int r;

	if (!queue || (!decisions && decisions_count > 0) || (!data && data_len > 0) ||
	    decision_size < sizeof(struct nfbind_decision) || decisions_count > INT32_MAX)
		return -EINVAL;
	if (ledger_is_forked(queue->ledger))
		return -ECHILD;
	ledger_lock(queue->ledger);
	r = queue_check(queue);
	if (r == 0)
		r = decide_all(queue->ledger, (uint8_t *)decisions, decisions_count, decision_size,
			       data, data_len);
	ledger_unlock(queue->ledger);
	return r;
}

int nfbind_queue_verdict_rest(struct nfbind_queue *queue, uint32_t verdict)
{
	struct ledger *ledger;
	int r, count = 0;

	if (!queue)
		return -EINVAL;
	ledger = queue->ledger;
	if (ledger_is_forked(ledger))
		return -ECHILD;
	ledger_lock(ledger);
	r = queue_check(queue);
	if (r == 0)
		r = verdict_check(verdict);
	if (r < 0)
		ledger_explain(ledger, NFBIND_SIDE_SEND, "%s",
			       r == -EINVAL ? "that is no verdict" : "the session is not open");
	for (uint32_t i = 0; r == 0 && ledger->batch && i < ledger->batch->count; i++) {
		struct nfbind_packet *packet = &ledger->batch->packets[i];

		if (packet_state(packet) == PACKET_UNDECIDED)
			count += decide(ledger, packet, verdict) == 0;
	}
	if (r == 0 && (verdict & NFBIND_VERDICT_NOW || stage_is_due(ledger)))
		(void)stage_send(ledger);
	ledger_unlock(ledger);
	return r < 0 ? r : count;
}

int nfbind_queue_send(struct nfbind_queue *queue)
{
	int r;

	if (!queue)
		return -EINVAL;
	if (ledger_is_forked(queue->ledger))
		return -ECHILD;
	ledger_lock(queue->ledger);
	r = queue_check(queue);
	if (r == 0)
		r = stage_send(queue->ledger);
	ledger_unlock(queue->ledger);
	return r;
}

/* Statistics. */

/* A line is: queue, port id, queued, mode, range, dropped, user dropped, last id, 1. */
static int parse_kernel(const char *line, uint16_t number, struct nfbind_queue_stats *stats)
{
	uint32_t figures[8];

	for (; line && *line; line = strchr(line, '\n'), line += line != NULL) {
		if (sscanf(line, "%" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32
				 " %" SCNu32 " %" SCNu32 " %" SCNu32,
			   &figures[0], &figures[1], &figures[2], &figures[3], &figures[4],
			   &figures[5], &figures[6], &figures[7]) != 8 || figures[0] != number)
			continue;
		stats->kernel_owner = figures[1];
		stats->kernel_queued = figures[2];
		stats->kernel_copy_mode = figures[3];
		stats->kernel_copy_range = figures[4];
		stats->kernel_dropped = figures[5];
		stats->kernel_user_dropped = figures[6];
		stats->kernel_last_id = figures[7];
		return 0;
	}
	return -ENOENT;
}

static void read_kernel(struct nfbind_queue *queue, uint16_t number,
			struct nfbind_queue_stats *stats)
{
	char *text = malloc(PROC_ROOM);
	int r = -ENOMEM;

	if (text)
		r = socket_read_proc(&queue->ledger->socket, "netfilter/nfnetlink_queue", text,
				     PROC_ROOM - 1);
	if (r >= 0) {
		text[r] = '\0';
		r = parse_kernel(text, number, stats);
	}
	free(text);
	if (r == 0)
		stats->present |= NFBIND_QUEUE_STATS_KERNEL;
	else
		stats->kernel_error = r;
}

static int read_own(struct nfbind_queue *queue, uint16_t number, struct nfbind_queue_stats *stats)
{
	struct ledger *ledger = queue->ledger;
	const struct slot *slot;
	int r = queue_check(queue);

	slot = r == 0 ? ledger_slot(ledger, number, false) : NULL;
	if (r == 0 && (!slot || !slot->is_bound))
		r = -ENODEV;
	if (r < 0)
		return r;
	*stats = ledger->stats;
	stats->queue_received = slot->received;
	stats->queue_undecided = slot->undecided;
	stats->receive_buffer = ledger->socket.receive_buffer;
	stats->send_buffer = ledger->socket.send_buffer;
	stats->notices = queue->notices ? queue->notices->count : 0;
	return 0;
}

int nfbind_queue_read_stats(struct nfbind_queue *queue, uint16_t number,
			    struct nfbind_queue_stats *ret_stats, size_t ret_stats_size)
{
	struct nfbind_queue_stats stats = { 0 };
	struct ledger *ledger;
	int r;

	if (!queue || !ret_stats)
		return -EINVAL;
	ledger = queue->ledger;
	if (ledger_is_forked(ledger))
		return -ECHILD;
	ledger_lock(ledger);
	r = read_own(queue, number, &stats);
	/* The socket must not be closed under us. */
	ledger->readers += r == 0;
	ledger_unlock(ledger);
	if (r < 0)
		return r;
	read_kernel(queue, number, &stats);
	(void)socket_read_port_id(&ledger->socket, &stats.port_id);
	if (socket_read_drops(&ledger->socket, &stats.socket_drops) == 0)
		stats.present |= NFBIND_QUEUE_STATS_SOCKET;
	ledger_lock(ledger);
	ledger->readers--;
	ledger_tell_change(ledger);
	ledger_unlock(ledger);
	plain_copy(ret_stats, ret_stats_size, &stats, sizeof(stats));
	return 0;
}
