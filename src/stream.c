/* SPDX-License-Identifier: MIT */
/*
 * The stream of an event session: datagrams are read in batches, and each message in
 * them becomes an item. What was read is given out before anything else is read.
 */
#include "events.h"

#include <errno.h>
#include <string.h>

#include <linux/netfilter/nfnetlink.h>

#include "plain.h"
#include "resync.h"
#include "uapi.h"

/* What a message in the receive buffer takes at least, with the kernel's own overhead. */
enum { MESSAGE_LEAST = 512 };

/* Reading. */

static bool has_items(const struct nfbind_events *events)
{
	return events->intake.current < events->intake.count || events->loss.is_due ||
	       (events->resync && resync_has_items(events->resync));
}

static int read_batch(struct nfbind_events *events)
{
	struct intake *intake = &events->intake;
	int r = socket_receive(&events->socket, intake->datagrams, events->batch_size);

	intake->count = r > 0 ? (unsigned int)r : 0;
	intake->current = 0;
	intake->offset = 0;
	return r;
}

/*
 * The kernel tells of a loss at once, ahead of what was queued before it, and queues
 * nothing more until all of that was read (net/netlink/af_netlink.c, netlink_overrun()
 * and netlink_rcv_wake()). So the gap is where the queue was empty for the first time,
 * and to tell of it later is safe: a list that is read from there on knows all.
 */
static void pass_loss(struct nfbind_events *events, int received)
{
	struct loss *loss = &events->loss;

	if (!loss->is_near)
		return;
	loss->passed += received > 0 ? (uint32_t)received : 0;
	if (received == (int)events->batch_size &&
	    loss->passed < events->socket.receive_buffer / MESSAGE_LEAST)
		return;
	loss->is_near = false;
	loss->is_due = true;
}

/* A second loss while one is near: the queue was empty in between. */
static void meet_loss(struct nfbind_events *events)
{
	struct loss *loss = &events->loss;

	events->counted.overruns++;
	loss->is_due |= loss->is_near;
	loss->is_near = true;
	loss->passed = 0;
}

/* When there is something to do that the descriptor does not tell; 0 for never. */
static uint64_t work_due(const struct nfbind_events *events)
{
	return events->resync ? resync_due(events->resync) : 0;
}

static bool has_work(const struct nfbind_events *events)
{
	uint64_t due = work_due(events);

	return due != 0 && due <= socket_now();
}

static int32_t sleep_time(const struct nfbind_events *events, uint64_t until)
{
	uint64_t due = work_due(events);

	if (due != 0 && (until == 0 || due < until))
		until = due;
	return until == 0 ? -1 : wake_time_left(until);
}

static bool is_closing(struct nfbind_events *events)
{
	bool result;

	pthread_mutex_lock(&events->lock);
	result = events->is_closing;
	pthread_mutex_unlock(&events->lock);
	return result;
}

static int wait_for_more(struct nfbind_events *events, uint64_t until)
{
	int wake_fd = wake_need_fd(&events->wake);
	int32_t timeout = sleep_time(events, until);
	int r;

	if (wake_fd < 0)
		return wake_fd;
	/* A wake or a close that came before the descriptor was there left its flag only. */
	if (wake_is_set(&events->wake) || is_closing(events))
		timeout = 0;
	r = socket_wait(&events->socket, wake_fd, timeout);
	if (r > 0 && r & SOCKET_WOKEN && !wake_is_set(&events->wake))
		wake_settle(&events->wake);
	return r < 0 ? r : 0;
}

static int wait_and_read(struct nfbind_events *events, int32_t timeout)
{
	uint64_t until = 0;
	int r;

	for (;;) {
		if (is_closing(events))
			return -ESHUTDOWN;
		if (wake_take(&events->wake))
			return -ECANCELED;
		r = read_batch(events);
		if (r == -ENOBUFS) {
			meet_loss(events);
			if (events->loss.is_due)
				return 0;
			continue;
		}
		if (r < 0 && r != -EAGAIN)
			return r;
		pass_loss(events, r);
		if (has_work(events)) {
			resync_allow(events);
			return r > 0 ? r : 0;
		}
		if (r > 0 || has_items(events))
			return r > 0 ? r : 0;
		if (until == 0 && timeout > 0)
			until = socket_now() + (uint64_t)timeout * 1000000;
		if (timeout == 0 || (until != 0 && socket_now() >= until))
			return -EAGAIN;
		r = wait_for_more(events, until);
		if (r < 0)
			return r;
	}
}

static void explain(struct nfbind_events *events, int error)
{
	static const struct {
		int error;
		const char *sentence;
	} sentences[] = {
		{ -EAGAIN, "nothing came within the timeout" },
		{ -ECANCELED, "the session was woken" },
		{ -EINTR, "a signal came" },
		{ -ESHUTDOWN, "the session was closed" },
	};

	for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++) {
		if (sentences[i].error == error) {
			events_explain(events, "%s", sentences[i].sentence);
			return;
		}
	}
	events_explain(events, "the socket could not be read: %s", strerror(-error));
}

int nfbind_events_receive(struct nfbind_events *events, int32_t timeout)
{
	int r = events_enter(events);

	if (r < 0)
		return r;
	r = has_items(events) ? (int)(events->intake.count - events->intake.current) :
				wait_and_read(events, timeout);
	if (r < 0)
		explain(events, r);
	events_leave(events);
	return r;
}

/* Giving out. */

/* What a message type says happened; 0 for what is no event. */
static uint32_t kind_of(const struct nlmsghdr *message)
{
	switch (message->nlmsg_type) {
	case KERNEL_SUBSYS_CTNETLINK << 8 | MESSAGE_NEW:
		return message->nlmsg_flags & (NLM_F_CREATE | NLM_F_EXCL) ? NFBIND_EVENT_CT_NEW :
									    NFBIND_EVENT_CT_UPDATE;
	case KERNEL_SUBSYS_CTNETLINK << 8 | MESSAGE_DELETE:
		return NFBIND_EVENT_CT_DESTROY;
	case KERNEL_SUBSYS_CTNETLINK_EXP << 8 | MESSAGE_NEW:
		return NFBIND_EVENT_EXP_NEW;
	case KERNEL_SUBSYS_CTNETLINK_EXP << 8 | MESSAGE_DELETE:
		return NFBIND_EVENT_EXP_DESTROY;
	default:
		return 0;
	}
}

static int give_malformed(struct nfbind_events *events, struct item *item)
{
	events->counted.malformed++;
	/* It may have been an event. */
	if (events->resync)
		resync_want(events);
	item->event = (struct nfbind_event){ .kind = NFBIND_EVENT_MALFORMED, .nsid = -1 };
	return 1;
}

/* What was parsed, to be given out or not: an answer. */
static int judge(struct nfbind_events *events, struct item *item)
{
	if (events->resync)
		return resync_take(events, item);
	if (!(item->event.kind & EVENT_CT_ALL) || events_let_through(events, item->ct))
		return RESYNC_GIVE;
	events->counted.filtered++;
	return RESYNC_DROP;
}

/* An answer, or -ENOMEM. */
static int take_message(struct nfbind_events *events, const struct nlmsghdr *message, int32_t nsid,
			struct item *item)
{
	uint32_t kind = kind_of(message);
	int r;

	if (kind == 0) {
		events->counted.others++;
		return 0;
	}
	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(struct nfgenmsg)))
		return give_malformed(events, item);
	r = kind & EVENT_CT_ALL ?
		    subject_parse_alike(&connections, &events->shapes, message, item->ct) :
		    subject_parse_alike(&expectations, &events->shapes, message, item->exp);
	if (r == -EBADMSG)
		return give_malformed(events, item);
	if (r < 0)
		return r;
	item->event = (struct nfbind_event){ .kind = kind, .port_id = message->nlmsg_pid, .nsid = nsid };
	return judge(events, item);
}

static void skip_datagram(struct intake *intake)
{
	intake->current++;
	intake->offset = 0;
}

/* The next item of the current datagram, in the same manner; none is its end. */
static int take_from(struct nfbind_events *events, const struct datagram *datagram, struct item *item)
{
	struct intake *intake = &events->intake;
	size_t offset = intake->offset;
	const struct nlmsghdr *message;
	int error = 0, r = 0;

	if (datagram->sender != 0) {
		/* A process may send to the kernel's groups, with the right to. */
		events->counted.spoofed++;
		skip_datagram(intake);
		return 0;
	}
	message = wire_next_message(datagram->data, datagram->len, &offset, &error);
	if (message)
		r = take_message(events, message, datagram->nsid, item);
	if (r < 0 || r == RESYNC_GIVE_FIRST)
		return r;
	events->counted.received += intake->offset == 0;
	intake->offset = offset;
	if (!message || offset >= datagram->len)
		skip_datagram(intake);
	return error < 0 ? give_malformed(events, item) : r;
}

static void give_overrun(struct nfbind_events *events, struct item *item)
{
	struct loss *loss = &events->loss;
	uint32_t drops = loss->drops;

	(void)socket_read_drops(&events->socket, &drops);
	item->event = (struct nfbind_event){ .kind = NFBIND_EVENT_OVERRUN, .nsid = -1,
					     .lost = drops - loss->drops };
	events->counted.lost += item->event.lost;
	loss->drops = drops;
	loss->is_due = false;
	if (events->resync)
		resync_want(events);
}

static int take_item(struct nfbind_events *events, struct item *item)
{
	struct intake *intake = &events->intake;
	int r = events->resync ? resync_take_first(events, item) : 0;

	if (r != 0)
		return r;
	while (intake->current < intake->count) {
		r = take_from(events, &intake->datagrams[intake->current], item);
		if (r != 0)
			return r;
	}
	if (events->loss.is_due) {
		give_overrun(events, item);
		return 1;
	}
	r = events->resync ? resync_take_last(events, item) : 0;
	return r == 0 ? -ENODATA : r;
}

int nfbind_events_next(struct nfbind_events *events, struct nfbind_event *ret_event,
		       size_t ret_event_size, struct nfbind_ct *ret_ct, struct nfbind_exp *ret_exp)
{
	struct item item = { .ct = ret_ct, .exp = ret_exp };
	int r = ret_event && ret_ct && ret_exp ? events_enter(events) : -EINVAL;

	if (r < 0)
		return r;
	r = take_item(events, &item);
	events->counted.events += r > 0 && item.event.kind & (EVENT_CT_ALL | EVENT_EXP_ALL);
	if (r == -ENOMEM)
		events_explain(events, "out of memory");
	events_leave(events);
	if (r < 0)
		return r;
	plain_copy(ret_event, ret_event_size, &item.event, sizeof(item.event));
	return 0;
}

int nfbind_events_get_deadline(struct nfbind_events *events, int32_t *ret_timeout)
{
	int r = ret_timeout ? events_enter(events) : -EINVAL;

	if (r < 0)
		return r;
	if (has_items(events))
		*ret_timeout = 0;
	else if (work_due(events) != 0)
		*ret_timeout = wake_time_left(work_due(events));
	else
		r = -ENODATA;
	events_leave(events);
	return r;
}

int nfbind_events_resync(struct nfbind_events *events)
{
	int r = events_enter(events);

	if (r < 0)
		return r;
	if (events->resync)
		resync_want(events);
	else
		events_explain(events, "the session was not opened with the resync option");
	r = events->resync ? 0 : -EINVAL;
	events_leave(events);
	return r;
}
