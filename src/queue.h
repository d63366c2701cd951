/* SPDX-License-Identifier: MIT */
/*
 * Inside a queue session: its receiving side, which one thread at a time uses. What
 * several threads share is in the ledger.
 */
#ifndef QUEUE_H
#define QUEUE_H

#include <linux/netlink.h>

#include "ledger.h"

enum {
	SLABS_MAX = 4,      /* batches that are kept for reuse */
	NOTICES_MAX = 256,
	/* An MTU's packet with what the kernel says of it; an odd number of lines. */
	HEAD_SIZE = 33 * 64,
	BATCH_DEFAULT = 64,
	BATCH_MAX = 1024,
};

struct notices {
	struct nfbind_notice list[NOTICES_MAX];
	unsigned int first;
	unsigned int count;
	uint64_t overflow;
};

/* Batches that were read while a request waited for its answer. */
struct stash {
	struct nfbind_batch *first, *last;
};

struct nfbind_queue {
	struct ledger *ledger;
	struct names *names;
	uint32_t batch_size;         /* datagrams per receive */
	size_t slot_size;            /* bytes of room for each */
	struct datagram *datagrams;
	struct nfbind_batch *slabs[SLABS_MAX];
	unsigned int slab;           /* the one that was used last */
	struct stash stash;
	struct notices *notices;     /* made with the first one */
	uint32_t send_buffer;        /* to be asked for */
	uint32_t drops;              /* the socket's drop counter, as last read */
	uint64_t noted;              /* notices ever */
	bool is_fed;                 /* the caller reads datagrams, too */
	bool has_few;                /* only a few came with the last read */
	uint32_t ahead;              /* datagrams that surely wait in the socket */
	bool is_adopted;             /* the socket may have queues that were bound elsewhere */
	uint32_t sequence;           /* of requests */
	uint32_t awaited;            /* sequence number of a request under way; 0 for none */
	int32_t answer;
	bool is_answered;
};

/* 0, or -ESHUTDOWN when the session is not open; with the lock held. */
int queue_check(const struct nfbind_queue *queue);

/* Enter and leave as the one receiving thread; the lock is held in between. */
int queue_enter(struct nfbind_queue *queue);
void queue_leave(struct nfbind_queue *queue);

void queue_notice(struct nfbind_queue *queue, enum nfbind_notice_kind kind, uint32_t number,
		  uint32_t id, int32_t error, uint64_t count);
void queue_free_notices(struct nfbind_queue *queue);

/* Room for datagrams of the largest copy range that is bound. */
size_t queue_slot_size(uint32_t copy_range);

/* A batch to fill, with nobody else's hold on it; NULL when out of memory. */
struct nfbind_batch *queue_take_slab(struct nfbind_queue *queue);

struct nfbind_batch *queue_make_slab(struct nfbind_queue *queue);

/* Where datagrams number `first` and following of a batch go. */
void queue_lay_out(struct nfbind_queue *queue, struct nfbind_batch *batch, uint32_t first,
		   uint32_t end);

/* Have the batch handed out before anything else is read; the stash takes over a hold on it. */
void queue_push_stash(struct nfbind_queue *queue, struct nfbind_batch *batch);

/* The same before all that is stashed, for a batch that could not be handed out. */
void queue_push_back(struct nfbind_queue *queue, struct nfbind_batch *batch);

struct nfbind_batch *queue_pop_stash(struct nfbind_queue *queue);

/* The first of the stash, as one of the slabs, which hold what the session holds. */
struct nfbind_batch *queue_adopt_stashed(struct nfbind_queue *queue);

/* Sort a datagram into the batch, the notices and the awaited answer. */
void queue_take_datagram(struct nfbind_queue *queue, struct nfbind_batch *batch,
			 const struct datagram *datagram);

/* Look at the socket's drop counter; a difference becomes a notice. */
void queue_check_drops(struct nfbind_queue *queue);

/*
 * Send a request and wait for its answer (0 or -errno), with the lock let go;
 * packets that come before it are stashed for the next receive.
 */
int queue_request(struct nfbind_queue *queue, struct nlmsghdr *message);

/* Ask the kernel for an answer that only makes the descriptor readable. */
void queue_nudge(struct nfbind_queue *queue);

/* Sentences for errors: diagnose.c. They may make requests of their own. */
int diagnose_bind(struct nfbind_queue *queue, uint16_t number, uint32_t flags, int error);
int diagnose_open(struct ledger *ledger, const struct socket_place *place, int error);
/* Whether requests are answered at all: 0, or -EPERM without CAP_NET_ADMIN. */
int diagnose_rights(struct nfbind_queue *queue);
/*
 * Whether somebody else has bound a queue; from outside of the session: 0, or -EBUSY with a
 * sentence of who.
 */
int diagnose_taken(struct nfbind_queue *queue, uint16_t number);
/* Which of the queue flags this kernel knows; -errno when it cannot be asked. */
int diagnose_flags(struct nfbind_queue *queue, uint32_t *ret_flags);

#endif
