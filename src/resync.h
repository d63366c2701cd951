/* SPDX-License-Identifier: MIT */
/*
 * Keeping a consumer's copy right (resync.c, relist.c, known.c): who adds what is new,
 * replaces what is changed and removes what is destroyed ends with the kernel's tables,
 * whatever was lost.
 *
 * A loss starts an epoch. What is heard of an entry in an epoch is known whole from
 * there on, since every later change is an event; what was not heard of is listed, and
 * what is known and neither heard of nor listed is asked for, one by one. A list is read
 * in pieces between events, and may be older than they are: what it says of an entry
 * that an event of the epoch was about does not count.
 */
#ifndef RESYNC_H
#define RESYNC_H

#include "conntrack.h"
#include "events.h"
#include "mirror.h"

#define RESYNC_SECOND UINT64_C(1000000000)

enum resync_state {
	RESYNC_IDLE,
	RESYNC_WANTED, /* from `due` on */
	RESYNC_LIST,   /* connections, then expectations */
	RESYNC_SWEEP,  /* known ones that were not heard of */
};

struct resync {
	struct mirror mirror;
	struct nfbind_conntrack requests;
	struct nfbind_list *list;
	const struct subject *listed;
	enum resync_state state;
	uint32_t epoch;
	bool is_first;      /* the table was never listed whole */
	uint32_t mode;      /* of the namespace: nf_conntrack_events */
	bool is_over;       /* there were ever entries that did not fit here */
	bool tells_limit;   /* which has to be told */
	uint64_t due;       /* of a wanted one; nanoseconds, as all times but deadlines */
	uint64_t interval;
	uint32_t cursor;    /* of the sweep */
	uint32_t blind_cursor;
	uint32_t blind_least; /* of this round: the least deadline that was passed or set */
	uint64_t blind_due; /* when to look at the blind ones; 0 for never */
	unsigned int budget; /* of work that is left until the next receive */

	/* A listed entry that waits until the former one of its name was given out as ended. */
	const struct subject *held;
	struct nfbind_ct held_ct;
	struct nfbind_exp held_exp;
};

/* What to do with a message. */
enum resync_answer {
	RESYNC_DROP = 0,
	RESYNC_GIVE = 1,
	RESYNC_GIVE_FIRST = 2, /* another item comes before it: take the message again */
};

int resync_open(struct nfbind_events *events, const struct nfbind_options *options);
void resync_close(struct resync *resync);
void resync_free(struct resync *resync);

/* Events were lost before what comes next, or somebody wants to be sure. */
void resync_want(struct nfbind_events *events);

/* An event that was parsed into the item: an answer, or -ENOMEM. */
int resync_take(struct nfbind_events *events, struct item *item);

/* An item that comes from no event, before and behind those of the batch: 1, 0, or -errno. */
int resync_take_first(struct nfbind_events *events, struct item *item);
int resync_take_last(struct nfbind_events *events, struct item *item);

/* When there is work to do beside events, 0 for never; and let a receive's share of it be done. */
uint64_t resync_due(const struct resync *resync);
void resync_allow(struct nfbind_events *events);
bool resync_has_items(const struct resync *resync);

#endif
