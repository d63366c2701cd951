/* SPDX-License-Identifier: MIT */
/*
 * Notices: what happened beside the packets, in order, in a list of bounded length.
 */
#include "queue.h"

#include <errno.h>
#include <stdlib.h>

#include "plain.h"

/* The same thing again, right after itself, counts up instead of filling the list. */
static bool join(struct nfbind_notice *last, const struct nfbind_notice *next)
{
	if (last->kind != next->kind || last->queue != next->queue || last->id != next->id ||
	    last->error != next->error)
		return false;
	if (next->kind == NFBIND_NOTICE_REFUSED || next->kind == NFBIND_NOTICE_EXPIRED)
		return false;
	last->count += next->count;
	return true;
}

static void add(struct notices *notices, const struct nfbind_notice *next)
{
	unsigned int end = (notices->first + notices->count) % NOTICES_MAX;
	unsigned int last = (end + NOTICES_MAX - 1) % NOTICES_MAX;

	if (notices->count > 0 && join(&notices->list[last], next))
		return;
	if (notices->count == NOTICES_MAX) {
		notices->overflow++;
		return;
	}
	notices->list[end] = *next;
	notices->count++;
}

void queue_notice(struct nfbind_queue *queue, enum nfbind_notice_kind kind, uint32_t number,
		  uint32_t id, int32_t error, uint64_t count)
{
	struct nfbind_notice next = { kind, number, id, error, count };

	queue->noted++;
	if (!queue->notices)
		queue->notices = calloc(1, sizeof(*queue->notices));
	/* Without memory the counters still tell. */
	if (queue->notices)
		add(queue->notices, &next);
}

void queue_free_notices(struct nfbind_queue *queue)
{
	free(queue->notices);
	queue->notices = NULL;
}

static int take(struct notices *notices, struct nfbind_notice *ret_notice)
{
	if (!notices)
		return -EAGAIN;
	if (notices->count > 0) {
		*ret_notice = notices->list[notices->first];
		notices->first = (notices->first + 1) % NOTICES_MAX;
		notices->count--;
		return 0;
	}
	if (notices->overflow == 0)
		return -EAGAIN;
	*ret_notice = (struct nfbind_notice){ .kind = NFBIND_NOTICE_OVERFLOW,
					      .count = notices->overflow };
	notices->overflow = 0;
	return 0;
}

int nfbind_queue_take_notice(struct nfbind_queue *queue, struct nfbind_notice *ret_notice,
			     size_t ret_notice_size)
{
	struct nfbind_notice notice;
	int r;

	if (!queue || !ret_notice)
		return -EINVAL;
	if (ledger_is_forked(queue->ledger))
		return -ECHILD;
	ledger_lock(queue->ledger);
	r = take(queue->notices, &notice);
	ledger_unlock(queue->ledger);
	if (r == 0)
		plain_copy(ret_notice, ret_notice_size, &notice, sizeof(notice));
	return r;
}
