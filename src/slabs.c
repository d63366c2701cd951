/* SPDX-License-Identifier: MIT */
/*
 * Memory for batches: slabs that are used again, room in them for datagrams, and the
 * stash of batches that wait to be handed out.
 */
#include "queue.h"

#include <stdlib.h>

#include "names.h"

size_t queue_slot_size(uint32_t copy_range)
{
	/* Headers, a connection, and a security label of at most 4 KiB. */
	size_t size = copy_range + 8192;

	/* An odd number of cache lines, so that the heads of many do not share a few. */
	return ((size + 63) / 64 | 1) * 64;
}

/* A batch of one needs no heads: there is nothing to lie close to. */
static size_t head_size(const struct nfbind_queue *queue)
{
	return queue->batch_size > 1 && queue->slot_size > HEAD_SIZE ? HEAD_SIZE : 0;
}

static size_t slab_size(const struct nfbind_queue *queue)
{
	return queue->batch_size * (queue->slot_size + head_size(queue));
}

static bool is_unused(const struct nfbind_batch *batch)
{
	return atomic_load(&((struct nfbind_batch *)(uintptr_t)batch)->references) == 1;
}

struct nfbind_batch *queue_make_slab(struct nfbind_queue *queue)
{
	return batch_make(queue->batch_size, slab_size(queue), names_hold(queue->names));
}

struct nfbind_batch *queue_take_slab(struct nfbind_queue *queue)
{
	size_t size = slab_size(queue);
	struct nfbind_batch **place = NULL;

	for (unsigned int i = 0; i < SLABS_MAX; i++) {
		struct nfbind_batch **slab = &queue->slabs[(queue->slab + i) % SLABS_MAX];

		if (!place)
			place = slab;
		/* The one used last is warm; an empty place is better than one that is held. */
		if (!*slab || (is_unused(*slab) && (*slab)->data_size >= size)) {
			place = slab;
			break;
		}
	}
	queue->slab = (unsigned int)(place - queue->slabs);
	if (*place && is_unused(*place) && (*place)->data_size >= size) {
		batch_clear(*place);
		return *place;
	}
	nfbind_batch_free(*place);
	*place = queue_make_slab(queue);
	return *place;
}

void queue_push_stash(struct nfbind_queue *queue, struct nfbind_batch *batch)
{
	struct stash *stash = &queue->stash;

	batch->next = NULL;
	*(stash->first ? &stash->last->next : &stash->first) = batch;
	stash->last = batch;
}

void queue_push_back(struct nfbind_queue *queue, struct nfbind_batch *batch)
{
	struct stash *stash = &queue->stash;

	nfbind_batch_hold(batch);
	batch->next = stash->first;
	if (!stash->first)
		stash->last = batch;
	stash->first = batch;
}

struct nfbind_batch *queue_pop_stash(struct nfbind_queue *queue)
{
	struct nfbind_batch *batch = queue->stash.first;

	queue->stash.first = batch->next;
	batch->next = NULL;
	return batch;
}

struct nfbind_batch *queue_adopt_stashed(struct nfbind_queue *queue)
{
	unsigned int place = (queue->slab + 1) % SLABS_MAX;

	nfbind_batch_free(queue->slabs[place]);
	queue->slabs[place] = queue_pop_stash(queue);
	queue->slab = place;
	return queue->slabs[place];
}

void queue_lay_out(struct nfbind_queue *queue, struct nfbind_batch *batch, uint32_t first,
		   uint32_t end)
{
	size_t head = head_size(queue);
	uint8_t *rooms = batch->data + queue->batch_size * head;

	for (uint32_t i = first; i < end; i++)
		queue->datagrams[i] = (struct datagram){
			.data = rooms + i * queue->slot_size,
			.size = queue->slot_size,
			.head = head ? batch->data + i * head : NULL,
			.head_size = head,
		};
}
