/* SPDX-License-Identifier: MIT */
/*
 * The ledger: who may still decide on what, and the verdicts that wait to be sent.
 * It is counted memory, shared by a session and by every packet that was kept from
 * it, and outlives the session as long as such a packet is there. One lock guards
 * all of it; it is never held across a system call.
 *
 * A queue's watermark is its oldest undecided packet, of the running batch or kept:
 * a verdict message for "all up to id" (VERDICT_BATCH) never reaches it.
 */
#ifndef LEDGER_H
#define LEDGER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include <nfbind/queue.h>

#include "canary.h"
#include "packet.h"
#include "socket.h"
#include "wake.h"

enum {
	STAGE_MAX = 4 << 20,      /* bytes that may wait when the kernel takes nothing */
	VERDICT_MESSAGE_LEN = 32, /* bytes of a verdict without anything else */
};

/* Messages under way to the kernel. */
struct stage {
	uint8_t *data;
	size_t used;
	size_t size;
	size_t done; /* of a flight: bytes that the kernel took */
};

/* The last verdict message staged for a queue, which may still grow over later packets. */
struct run {
	uint64_t fill; /* of the stage it lies in; another number means it is gone */
	size_t offset;
	uint32_t id;
	uint32_t verdict;
	uint32_t set;
	uint32_t mark;
	uint32_t priority;
};

/* A bound queue. It lives as long as the ledger. */
struct slot {
	uint16_t number;
	bool is_bound;
	bool is_coalescing;
	bool has_conntrack;
	bool has_gap; /* somebody else was handed packets: ids may be open that are not here */
	uint32_t default_verdict;
	uint32_t age_limit; /* milliseconds, 0 for none */
	uint8_t copy_mode;
	uint32_t copy_range;
	uint32_t next_id;   /* that the kernel will give */
	uint64_t received;
	uint64_t undecided;
	struct run run;
	struct nfbind_packet *first, *last;           /* of the running batch; first is undecided */
	struct nfbind_packet *kept_first, *kept_last; /* undecided, in queue order */
	struct nfbind_packet *aged_first, *aged_last; /* the same, in the order they were kept */
};

/* How long staged verdicts wait for others; see nfbind/queue.h. */
struct pace {
	bool is_set;
	bool ends_with_batch; /* nobody else knows whether more is there */
	uint64_t delay;       /* nanoseconds */
	uint64_t since;       /* when the last send or batch was */
};

struct message {
	char text[512];
};

struct ledger {
	atomic_uint references;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a receiver left, or a send ended */
	struct socket socket;
	struct canary canary;
	bool is_open;
	bool is_closing;
	bool is_receiving;
	bool is_waiting;        /* the receiver sleeps, or is about to */
	bool is_sending;
	unsigned int readers;   /* threads that read statistics from the socket */
	unsigned int leavers;   /* threads that wait for `changed` */
	struct wake wake;

	struct stage stage;
	struct stage flight;    /* what the sending thread has */
	uint64_t fill;          /* grows with every stage that left */
	size_t send_limit;      /* bytes that one send may have */
	struct pace pace;

	struct slot **slots;    /* by number */
	size_t slots_count;
	struct slot *found;     /* the last one looked up */
	struct nfbind_batch *batch;       /* the running one; NULL for none */
	uint32_t batch_undecided;

	struct nfbind_packet **buckets;   /* kept packets by queue and id */
	size_t buckets_count;
	size_t kept_count;

	struct nfbind_queue_stats stats;  /* the session's counters */
	struct message messages[2];       /* by enum nfbind_side */
};

struct ledger *ledger_make(void);
struct ledger *ledger_hold(struct ledger *ledger);
void ledger_free(struct ledger *ledger);

/* Whether this is a child of the process that opened it; cheap once a batch was received. */
static inline bool ledger_is_forked(const struct ledger *ledger)
{
	return canary_is_forked(&ledger->canary);
}

static inline void ledger_lock(struct ledger *ledger)
{
	pthread_mutex_lock(&ledger->lock);
}

static inline void ledger_unlock(struct ledger *ledger)
{
	pthread_mutex_unlock(&ledger->lock);
}

/* With the lock held: wait until something changed, and tell those who do. */
void ledger_await_change(struct ledger *ledger);

static inline void ledger_tell_change(struct ledger *ledger)
{
	if (ledger->leavers > 0)
		pthread_cond_broadcast(&ledger->changed);
}

/* The rest is called with the lock held. */

void ledger_explain(struct ledger *ledger, enum nfbind_side side, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The slot of a queue number; `make` adds one. NULL when there is none, or no memory. */
struct slot *ledger_search_slot(struct ledger *ledger, uint16_t number, bool make);

static inline struct slot *ledger_slot(struct ledger *ledger, uint16_t number, bool make)
{
	if (ledger->found && ledger->found->number == number)
		return ledger->found;
	return ledger_search_slot(ledger, number, make);
}

/* Find the queue of a packet that is to be handed out: 0 or -ENOMEM. */
int ledger_expect(struct ledger *ledger, struct nfbind_packet *packet);
/* Take in a packet that was expected, which cannot fail; whether ids before it are missing. */
bool ledger_take_in(struct ledger *ledger, struct nfbind_packet *packet, bool is_fed);

/* Decide: 0 when staged; else the packet is as it was. */
int ledger_decide(struct ledger *ledger, struct nfbind_packet *packet, uint32_t verdict);

/* Give the default verdict; never fails. */
void ledger_default(struct ledger *ledger, struct nfbind_packet *packet);

/* End the running batch: defaults for what is undecided; `slot` for that queue's packets only. */
void ledger_end_batch(struct ledger *ledger);
void ledger_end_slot(struct ledger *ledger, struct slot *slot);
/* The queue was unbound: its kept packets are nobody's. */
void ledger_forget_slot(struct ledger *ledger, struct slot *slot);

int ledger_keep(struct ledger *ledger, struct nfbind_packet *packet,
		struct nfbind_packet **ret_packet);
struct nfbind_packet *ledger_find_kept(struct ledger *ledger, uint16_t queue, uint32_t id);

/* Packets that were kept while there was no age limit start to age now. */
void ledger_date_kept(struct slot *slot);
/* When the next kept packet grows too old, in monotonic nanoseconds; 0 for never. */
uint64_t ledger_deadline(const struct ledger *ledger);
/* The next packet that is too old at `now`, or NULL. */
struct nfbind_packet *ledger_next_expired(struct ledger *ledger, uint64_t now);

/*
 * Staging: stage.c. Room for one more message of `len` bytes beside what is staged:
 * -EMSGSIZE when no send could carry it, -EAGAIN when too much waits, -ENOMEM.
 */
int stage_make_room(struct ledger *ledger, size_t len);

/*
 * Every undecided packet has room for a bare verdict in the stage, whatever else is
 * staged or sent meanwhile, so that letting it go never fails.
 */
static inline size_t stage_defaults_len(const struct ledger *ledger)
{
	return (ledger->batch_undecided + ledger->kept_count) * VERDICT_MESSAGE_LEN;
}

static inline int stage_reserve(struct ledger *ledger, size_t len)
{
	const struct stage *stage = &ledger->stage;

	if (len <= ledger->send_limit && stage->used < STAGE_MAX &&
	    stage->used + len + stage_defaults_len(ledger) <= stage->size)
		return 0;
	return stage_make_room(ledger, len);
}

/* Room for the default verdicts of so many more undecided packets: these never fail. */
int stage_reserve_defaults(struct ledger *ledger, size_t count);
/* Take back what is staged for a queue: its number may be bound again, with ids from 1. */
void stage_forget(struct ledger *ledger, uint16_t number);
/* Whether what is staged has waited for long enough. */
bool stage_is_due(const struct ledger *ledger);
/* Asked when nobody is sending: a flight is its sender's alone. */
bool stage_is_empty(const struct ledger *ledger);
/* What a packet's changes add to its verdict message. */
size_t stage_changes_len(const struct nfbind_packet *packet);

static inline size_t stage_verdict_len(const struct nfbind_packet *packet)
{
	return VERDICT_MESSAGE_LEN + (packet_is_bare(packet) ? 0 : stage_changes_len(packet));
}

void stage_verdict(struct ledger *ledger, struct nfbind_packet *packet, uint32_t verdict);
/* The queue's default: a bare verdict, whatever was set on the packet before it was let go. */
void stage_default(struct ledger *ledger, const struct nfbind_packet *packet);

/*
 * Send what is staged; the lock is let go meanwhile. When another thread is sending,
 * that one takes it along. -EAGAIN and other errors leave the rest staged.
 */
int stage_send(struct ledger *ledger);

/* Let the receiver look again: something was staged that it should send. Lets the lock go. */
void ledger_kick(struct ledger *ledger);

/* The state is read without the lock where a packet is about to be changed. */
static inline uint8_t packet_state(const struct nfbind_packet *packet)
{
	return atomic_load_explicit(&packet->state, memory_order_relaxed);
}

static inline void packet_set_state(struct nfbind_packet *packet, uint8_t state)
{
	atomic_store_explicit(&packet->state, state, memory_order_relaxed);
}

/* Serial number arithmetic: ids wrap at 2^32. */
static inline bool is_after(uint32_t id, uint32_t other)
{
	return (int32_t)(id - other) > 0;
}

#endif
