/* SPDX-License-Identifier: MIT */
/*
 * A kernel's table of connections behind the fake transport, and a consumer of an event
 * session who applies blindly what it is given. The table changes at random or by hand,
 * announces what it does or loses that, and lists itself in pieces that may miss and repeat
 * entries. In the end the consumer's copy has to be the table.
 */
#ifndef TABLE_MODEL_H
#define TABLE_MODEL_H

#include <nfbind/nfbind.h>

#include "fake_kernel.h"

enum {
	TUPLES = 40,      /* two zones with the same ones */
	QUEUE_MAX = 12,   /* events that the socket holds */
	EXPECTATIONS = 2,
};

/* What the kernel has for a tuple; id 0 is none. */
struct entry {
	uint32_t id;
	uint32_t mark;
	uint32_t use;   /* events have it only where it changed */
	uint64_t start; /* 0: not told */
	bool is_dying;  /* announced, and still in the table */
};

struct model {
	/* The kernel. */
	struct entry table[TUPLES];
	bool has_expectation[EXPECTATIONS];
	bool has_same_ids, has_starts; /* an id may be used again; when it began is told */
	bool misses_entries;
	uint32_t changes_left;
	uint32_t timeout; /* of all of them */
	/* Of a list: entries in a piece (0: at random), and what happens behind each of them. */
	uint32_t piece;
	void (*on_piece)(uint32_t at);
	uint16_t list_flags; /* of its messages, beside the usual */
	int32_t list_error;  /* it ends with this one */

	/* The consumer. */
	struct nfbind_events *session;
	struct nfbind_options *options;
	struct entry copy[TUPLES];
	bool has_copied[EXPECTATIONS];
	bool is_filtered; /* only odd marks are meant */
	uint32_t ended, synced, limits, overruns;
	/*
	 * What happened: N, U, D and the tuple; n and d of expectations; O, M, S and L. Behind it
	 * ' where the kernel did not announce it, and * where it is blind.
	 */
	char story[1000];
};

extern struct model model;

/* Before and after each test, and each round of one. */
void model_set_up(void);
void model_tear_down(void);
void model_start(void);          /* an empty table */
void model_fill(uint32_t count); /* ids from 100, marks from 0 */
void model_fill_at_random(void);
void model_open(void);
void model_close(void);

/* The kernel removes, adds or changes it, and announces that. */
void model_remove(uint32_t tuple);
void model_add(uint32_t tuple, uint32_t id, uint32_t mark);
void model_mark(uint32_t tuple, uint32_t mark);
/* An event, whatever the table has. */
void model_tell(uint32_t tuple, const struct entry *entry, uint16_t type, uint16_t flags);
/* What comes now is lost. */
void model_lose(void);

/* One receive, and all items of it: what receive answered. */
int model_take(void);
/* Until nothing comes any more, and time brings nothing soon. */
void model_settle(void);
void model_compare(unsigned long round);
/* What happened since the last question. */
const char *model_story(void);
struct nfbind_events_stats model_stats(void);
void model_add_filter(uint32_t mark, uint32_t mask);

#endif
