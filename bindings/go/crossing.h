/* SPDX-License-Identifier: MIT */
/*
 * One turn of a reader in one crossing: give the verdicts that Go collected, let the
 * former batch go, receive, hold, export. Nothing of Go's is kept.
 */
#ifndef CROSSING_H
#define CROSSING_H

#include "api.h"

#include <errno.h>

struct turn {
	struct nfbind_batch *batch;
	const uint8_t *data;
	int32_t decided;  /* decisions that were taken, or why none was */
	int32_t count;    /* packets in the batch */
	int32_t deadline; /* with -EAGAIN: milliseconds to call again after, or -1 */
};

/* What Go wants to know of a batch; -ENOSPC with turn->count where the arrays are too small. */
static inline int unpack(struct nfbind_batch *batch, struct nfbind_packet_summary *summaries,
			 struct nfbind_packet **packets, size_t room, size_t summary_size,
			 struct turn *turn)
{
	const void *data;
	size_t data_len;
	uint32_t i;
	int r = nfbind_batch_export(batch, summaries, room, summary_size);

	turn->count = (int32_t)nfbind_batch_count(batch);
	nfbind_batch_get_data(batch, &data, &data_len);
	turn->data = data;
	for (i = 0; r >= 0 && i < (uint32_t)turn->count; i++)
		packets[i] = nfbind_batch_packet(batch, i);
	return r;
}

static inline int take_turn(struct nfbind_queue *queue, struct nfbind_batch *former,
			    struct nfbind_decision *decisions, size_t decisions_count,
			    size_t decision_size, struct nfbind_packet_summary *summaries,
			    struct nfbind_packet **packets, size_t room, size_t summary_size,
			    struct turn *turn)
{
	int r;

	turn->decided = 0;
	turn->deadline = -1;
	if (decisions_count > 0)
		turn->decided = nfbind_queue_verdict_many(queue, decisions, decisions_count,
							  decision_size, NULL, 0);
	nfbind_batch_free(former);
	do
		r = nfbind_queue_receive(queue, 0, &turn->batch);
	while (r == -EINTR);
	if (r < 0) {
		if (r == -EAGAIN)
			(void)nfbind_queue_get_deadline(queue, &turn->deadline);
		return r;
	}
	nfbind_batch_hold(turn->batch);
	return unpack(turn->batch, summaries, packets, room, summary_size, turn);
}

#endif
