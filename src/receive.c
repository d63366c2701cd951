/* SPDX-License-Identifier: MIT */
/*
 * Receiving: what came becomes a batch, and the former one ends. The socket is read
 * before it is waited for, and everything read is handed out.
 */
#include "queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"

enum { RETRY_MS = 10 };

/* Datagrams that are made room for where few come. */
enum { FEW = 4 };

/* One receiver at a time. */

int queue_check(const struct nfbind_queue *queue)
{
	return queue->ledger->is_open && !queue->ledger->is_closing ? 0 : -ESHUTDOWN;
}

int queue_enter(struct nfbind_queue *queue)
{
	struct ledger *ledger;
	int r;

	if (!queue)
		return -EINVAL;
	ledger = queue->ledger;
	if (ledger_is_forked(ledger))
		return -ECHILD;
	ledger_lock(ledger);
	r = queue_check(queue);
	if (r == 0 && ledger->is_receiving)
		r = -EBUSY;
	if (r < 0) {
		ledger_explain(ledger, NFBIND_SIDE_RECEIVE, "%s",
			       r == -EBUSY ? "another thread is in a call of the receiving side" :
					     "the session is not open");
		ledger_unlock(ledger);
		return r;
	}
	ledger->is_receiving = true;
	return 0;
}

void queue_leave(struct nfbind_queue *queue)
{
	queue->ledger->is_receiving = false;
	ledger_tell_change(queue->ledger);
	ledger_unlock(queue->ledger);
}

/* The batch. */

static void give_expired(struct nfbind_queue *queue)
{
	struct ledger *ledger = queue->ledger;
	uint64_t now = ledger_deadline(ledger) != 0 ? socket_now() : 0;
	struct nfbind_packet *packet;

	while (now != 0 && (packet = ledger_next_expired(ledger, now))) {
		queue_notice(queue, NFBIND_NOTICE_EXPIRED, packet->queue, packet->id, 0, 1);
		ledger_default(ledger, packet);
		ledger->stats.expired++;
	}
}

/* What is staged leaves; why it could not is told on this side, too. */
static int send_staged(struct nfbind_queue *queue)
{
	int r = stage_send(queue->ledger);

	if (r < 0)
		ledger_explain(queue->ledger, NFBIND_SIDE_RECEIVE,
			       "verdicts could not be sent, and stay staged: %s", strerror(-r));
	return r;
}

/* What nobody decided of the former batch gets its default; that leaves with the verdicts. */
static void close_batch(struct nfbind_queue *queue)
{
	ledger_end_batch(queue->ledger);
	give_expired(queue);
}

/* And what is staged leaves. */
static int end_batch(struct nfbind_queue *queue)
{
	close_batch(queue);
	return send_staged(queue);
}

static int read_some(struct nfbind_queue *queue, struct nfbind_batch *batch, uint32_t first,
		     uint32_t end)
{
	struct ledger *ledger = queue->ledger;
	int received;

	queue_lay_out(queue, batch, first, end);
	ledger_unlock(ledger);
	received = socket_receive(&ledger->socket, queue->datagrams + first, end - first);
	ledger_lock(ledger);
	ledger->stats.system_calls++;
	return received;
}

/*
 * As many as there are, up to a batch. Where there were few, few are likely: the room for all
 * is laid out when those have come, since it takes longer than to read one.
 */
static int read_all(struct nfbind_queue *queue, struct nfbind_batch *batch)
{
	uint32_t few = queue->has_few && queue->batch_size > FEW ? FEW : queue->batch_size;
	int received = read_some(queue, batch, 0, few), rest = 0;

	/* What fails behind the first ones fails again; losses are in the drop counter. */
	if (received == (int)few && few < queue->batch_size)
		rest = read_some(queue, batch, few, queue->batch_size);
	if (rest > 0)
		received += rest;
	queue->has_few = received < FEW;
	return received;
}

/* Read what is there: how many packets, or -EAGAIN, or -errno. Notices alone give 0. */
static int read_batch(struct nfbind_queue *queue, struct nfbind_batch **ret_batch)
{
	struct nfbind_batch *batch = queue_take_slab(queue);
	int received;

	if (!batch)
		return -ENOMEM;
	received = read_all(queue, batch);
	if (received < 0 && received != -EAGAIN)
		ledger_explain(queue->ledger, NFBIND_SIDE_RECEIVE, "the socket could not be read: %s",
			       strerror(-received));
	if (received < 0)
		return received;
	for (int i = 0; i < received; i++)
		queue_take_datagram(queue, batch, &queue->datagrams[i]);
	*ret_batch = batch;
	return (int)batch->count;
}

static bool take_wake(struct ledger *ledger)
{
	bool is_woken;

	if (!wake_is_set(&ledger->wake))
		return false;
	ledger_unlock(ledger);
	is_woken = wake_take(&ledger->wake);
	ledger_lock(ledger);
	return is_woken;
}

static int need_wake_fd(struct ledger *ledger)
{
	int wake_fd;

	ledger_unlock(ledger);
	wake_fd = wake_need_fd(&ledger->wake);
	ledger_lock(ledger);
	return wake_fd;
}

/* How long to sleep: until the caller's time is up or a kept packet is too old. */
static int32_t sleep_time(const struct ledger *ledger, uint64_t until)
{
	uint64_t deadline = ledger_deadline(ledger);

	if (deadline != 0 && (until == 0 || deadline < until))
		until = deadline;
	return until == 0 ? -1 : wake_time_left(until);
}

static int wait_for_more(struct nfbind_queue *queue, uint64_t until)
{
	struct ledger *ledger = queue->ledger;
	int wake_fd = need_wake_fd(ledger);
	int32_t timeout = sleep_time(ledger, until);
	int r;

	if (wake_fd < 0)
		return wake_fd;
	/*
	 * What could not be sent is tried again soon. Waiting for room would not do: a
	 * netlink socket always has some, and what the kernel lacks is memory.
	 */
	if (!ledger->is_sending && !stage_is_empty(ledger) && (timeout < 0 || timeout > RETRY_MS))
		timeout = RETRY_MS;
	ledger->is_waiting = true;
	/* A wake or a close that came before the descriptor was there left its flag only. */
	if (wake_is_set(&ledger->wake) || ledger->is_closing)
		timeout = 0;
	ledger_unlock(ledger);
	r = socket_wait(&ledger->socket, wake_fd, timeout);
	ledger_lock(ledger);
	ledger->is_waiting = false;
	ledger->stats.system_calls++;
	if (r > 0 && r & SOCKET_WOKEN && !wake_is_set(&ledger->wake)) {
		ledger_unlock(ledger);
		wake_settle(&ledger->wake);
		ledger_lock(ledger);
	}
	return r < 0 ? r : 0;
}

static int explain(struct nfbind_queue *queue, int error)
{
	static const struct {
		int error;
		const char *sentence;
	} sentences[] = {
		{ -EAGAIN, "nothing came within the timeout" },
		{ -ECANCELED, "the session was woken" },
		{ -EINTR, "a signal came" },
		{ -ESHUTDOWN, "the session was closed" },
		{ -ENOMEM, "out of memory" },
	};

	for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++) {
		if (sentences[i].error == error) {
			ledger_explain(queue->ledger, NFBIND_SIDE_RECEIVE, "%s",
				       sentences[i].sentence);
			return error;
		}
	}
	return error; /* others were explained where they came from */
}

static int wait_and_read(struct nfbind_queue *queue, int32_t timeout,
			 struct nfbind_batch **ret_batch)
{
	struct ledger *ledger = queue->ledger;
	uint64_t noted = queue->noted;
	uint64_t until = 0;
	int r;

	for (;;) {
		if (ledger->is_closing)
			return -ESHUTDOWN;
		if (take_wake(ledger))
			return -ECANCELED;
		r = read_batch(queue, ret_batch);
		if (r == -EAGAIN)
			/* The queue ran dry: a moment to see whether anything was lost at its end. */
			queue_check_drops(queue);
		if (queue->noted != noted && (r == 0 || r == -EAGAIN)) {
			*ret_batch = queue_take_slab(queue);
			return *ret_batch ? 0 : -ENOMEM;
		}
		if (r == 0)
			continue; /* answers that nobody waits for */
		if (r != -EAGAIN && r != -ENOBUFS)
			return r;
		if (until == 0 && timeout > 0)
			until = socket_now() + (uint64_t)timeout * 1000000;
		if (timeout == 0 || (until != 0 && socket_now() >= until))
			return -EAGAIN;
		r = wait_for_more(queue, until);
		if (r < 0)
			return r;
		give_expired(queue);
		r = send_staged(queue);
		if (r < 0 && r != -EAGAIN)
			return r;
	}
}

/* All that may fail comes first: a batch is handed out whole, or not at all. */
static int make_ready(struct nfbind_queue *queue, struct nfbind_batch *batch)
{
	for (uint32_t i = 0; i < batch->count; i++)
		if (ledger_expect(queue->ledger, &batch->packets[i]) < 0)
			return -ENOMEM;
	/* With the room that their defaults need, so that ending the batch cannot fail. */
	return stage_reserve_defaults(queue->ledger, batch->count);
}

/* A batch is handed out: it runs until the next receive, feed, settle or close. */
static int hand_out(struct nfbind_queue *queue, struct nfbind_batch *batch,
		    struct nfbind_batch **ret_batch)
{
	struct ledger *ledger = queue->ledger;
	bool has_gap = false;

	ledger->pace.ends_with_batch = !queue->is_fed;
	if (ledger->pace.is_set && !queue->is_fed)
		ledger->pace.since = socket_now();
	for (uint32_t i = 0; i < batch->count; i++)
		has_gap |= ledger_take_in(ledger, &batch->packets[i], queue->is_fed);
	if (has_gap && !queue->is_fed)
		queue_check_drops(queue);
	ledger->batch = batch;
	*ret_batch = batch;
	return (int)batch->count;
}

static int prepare_verdicts(struct nfbind_queue *queue)
{
	struct ledger *ledger = queue->ledger;
	uint32_t send_buffer;
	int r;

	ledger_unlock(ledger);
	r = canary_plant(&ledger->canary);
	send_buffer = socket_prepare_sending(&ledger->socket, queue->send_buffer);
	ledger_lock(ledger);
	ledger->socket.send_buffer = send_buffer;
	/* The kernel keeps some of the buffer for itself (net/netlink/af_netlink.c). */
	ledger->send_limit = send_buffer > 64 ? send_buffer - 32 : 32;
	return r;
}

/* What the first batch needs. */
static int prepare(struct nfbind_queue *queue)
{
	struct ledger *ledger = queue->ledger;
	int r = 0;

	if (!queue->datagrams) {
		queue->datagrams = calloc(queue->batch_size, sizeof(*queue->datagrams));
		if (!queue->datagrams)
			return -ENOMEM;
	}
	if (ledger->send_limit == 0)
		r = prepare_verdicts(queue);
	return r;
}

/* What the kernel did not take stays staged, and does not keep us from reading. */
static int end_former_batch(struct nfbind_queue *queue)
{
	int r = end_batch(queue);

	return r == -EAGAIN ? 0 : r;
}

int nfbind_queue_receive(struct nfbind_queue *queue, int32_t timeout,
			 struct nfbind_batch **ret_batch)
{
	struct nfbind_batch *batch = NULL;
	int r = queue_enter(queue);

	if (r < 0)
		return r;
	r = prepare(queue);
	if (r == 0)
		r = end_former_batch(queue);
	if (r == 0 && queue->stash.first)
		batch = queue_adopt_stashed(queue);
	else if (r == 0)
		r = wait_and_read(queue, timeout, &batch);
	if (r >= 0 && make_ready(queue, batch) < 0) {
		queue_push_back(queue, batch);
		r = -ENOMEM;
	}
	if (r >= 0)
		r = hand_out(queue, batch, ret_batch);
	r = explain(queue, r);
	queue_leave(queue);
	return r;
}

/* Room for a datagram that may be larger than what we would read. */
static int feed_batch(struct nfbind_queue *queue, const void *data, size_t data_len,
		      struct nfbind_batch **ret_batch)
{
	uint32_t capacity = (uint32_t)(data_len / PACKET_MESSAGE_LEAST) + 1;
	struct datagram datagram = { .len = data_len, .is_cut = true };
	struct nfbind_batch *batch = queue_take_slab(queue);
	uint64_t malformed = queue->ledger->stats.malformed;

	if (!batch)
		return -ENOMEM;
	if (batch->data_size < data_len || batch->capacity < capacity) {
		nfbind_batch_free(batch);
		queue->slabs[queue->slab] = batch =
			batch_make(capacity, data_len, names_hold(queue->names));
		if (!batch)
			return -ENOMEM;
	}
	memcpy(batch->data, data, data_len);
	datagram.data = batch->data;
	queue_take_datagram(queue, batch, &datagram);
	/* Several datagrams in one: who knows how many. */
	if (batch->count > 1)
		queue->ahead = 0;
	*ret_batch = batch;
	/* What was understood is handed out; a notice tells of the rest. */
	return batch->count == 0 && queue->ledger->stats.malformed != malformed ? -EBADMSG : 0;
}

/* Packets that a request read come first, so that a queue's order is kept. */
static struct nfbind_batch *queue_behind_stash(struct nfbind_queue *queue,
					       struct nfbind_batch *batch)
{
	/* Answers only: the one to a nudge is none to keep, or it would never end. */
	if (batch->count > 0) {
		nfbind_batch_hold(batch);
		queue_push_stash(queue, batch);
	}
	batch = queue_adopt_stashed(queue);
	if (queue->stash.first)
		queue_nudge(queue);
	return batch;
}

int nfbind_queue_feed(struct nfbind_queue *queue, const void *data, size_t data_len,
		      struct nfbind_batch **ret_batch)
{
	struct nfbind_batch *batch = NULL;
	int r;

	if (!data || data_len == 0)
		return -EBADMSG;
	r = queue_enter(queue);
	if (r < 0)
		return r;
	queue->is_fed = true;
	r = prepare(queue);
	/* Verdicts wait for others: a caller who sleeps has to settle before anyway. */
	if (r == 0) {
		close_batch(queue);
		r = feed_batch(queue, data, data_len, &batch);
	}
	if (r == 0)
		r = make_ready(queue, queue->stash.first ? queue->stash.first : batch);
	if (r == 0 && queue->stash.first)
		batch = queue_behind_stash(queue, batch);
	if (r == 0)
		r = hand_out(queue, batch, ret_batch);
	if (r < 0)
		ledger_explain(queue->ledger, NFBIND_SIDE_RECEIVE, "%s",
			       r == -EBADMSG ? "these bytes are no netlink messages of a queue" :
					       strerror(-r));
	queue_leave(queue);
	return r;
}

int nfbind_queue_settle(struct nfbind_queue *queue)
{
	int r = queue_enter(queue);

	if (r < 0)
		return r;
	r = end_batch(queue);
	queue_leave(queue);
	return r;
}

/* No datagram of the kernel takes more of the receive buffer (alloc_skb() rounds up to a power of 2). */
static uint32_t most_memory(const struct nfbind_queue *queue)
{
	return 2 * (uint32_t)(queue->slot_size + 1024);
}

/*
 * Nothing that comes later wakes a caller who was told that there is more: it is there now.
 * Where many wait, the kernel is not asked about each.
 */
static bool has_more(struct nfbind_queue *queue)
{
	struct ledger *ledger = queue->ledger;
	uint32_t waiting = 0;

	if (queue->ahead > 0)
		return true;
	ledger_unlock(ledger);
	(void)socket_read_waiting(&ledger->socket, &waiting);
	ledger_lock(ledger);
	ledger->stats.system_calls++;
	/* To other sockets anybody may send what nobody feeds. */
	if (ledger->socket.is_connected)
		queue->ahead = waiting / most_memory(queue);
	return waiting > 0;
}

int nfbind_queue_send_idle(struct nfbind_queue *queue)
{
	int r = queue_enter(queue);

	if (r < 0)
		return r;
	if (!stage_is_empty(queue->ledger))
		r = !stage_is_due(queue->ledger) && has_more(queue) ? 1 : send_staged(queue);
	queue_leave(queue);
	return r;
}

int nfbind_queue_get_deadline(struct nfbind_queue *queue, int32_t *ret_timeout)
{
	uint64_t deadline;

	if (!queue)
		return -EINVAL;
	if (ledger_is_forked(queue->ledger))
		return -ECHILD;
	ledger_lock(queue->ledger);
	deadline = ledger_deadline(queue->ledger);
	ledger_unlock(queue->ledger);
	if (deadline == 0)
		return -ENODATA;
	*ret_timeout = wake_time_left(deadline);
	return 0;
}
