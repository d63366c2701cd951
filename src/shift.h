/* SPDX-License-Identifier: MIT */
/*
 * The changes that one direction of a TCP flow has had, and what they do to its
 * sequence numbers. A number is `original` as the sender counts and `changed` as
 * the receiver does. Every change is anchored to the original byte that it starts
 * at: the segment that carries that byte carries what was inserted, so that any
 * new cut of the stream yields the same bytes. Knows no packet and no flow.
 */
#ifndef SHIFT_H
#define SHIFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	/* What a receiver that never acknowledges can make us remember, for each direction. */
	SHIFT_CHANGES_MAX = 4096,
	SHIFT_BYTES_MAX = 1 << 20,
};

/* At the original number `at`, `removed` bytes became `inserted` others. */
struct change {
	uint32_t at;
	uint32_t removed;
	uint32_t inserted;
	uint8_t *bytes;
};

struct shift {
	struct change *changes; /* in order */
	uint32_t count;
	uint32_t capacity;
	uint32_t bytes;  /* inserted by all of them */
	uint32_t base;   /* by how much those that were forgotten have moved all that follows */
	uint32_t floor;  /* the changed number behind them: what is below has no exact original */
	bool has_floor;
};

/* Sequence numbers wrap: `a` comes before `b` when it is less than half a turn behind. */
static inline bool seq_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

bool shift_is_idle(const struct shift *shift);
void shift_clear(struct shift *shift);

/* By how much all changes move what comes after them. */
uint32_t shift_total(const struct shift *shift);

/* The changed number of an original byte, and of what was inserted at it. */
uint32_t shift_start(const struct shift *shift, uint32_t original);

/* The changed number of a segment without data. */
uint32_t shift_empty(const struct shift *shift, uint32_t original);

/*
 * The original number up to which everything is there once everything is there up
 * to a changed one: what an acknowledgement, or the end of a SACK block, means.
 */
uint32_t shift_back(const struct shift *shift, uint32_t changed);

/* The original number from which everything is there: the start of a SACK block. */
uint32_t shift_back_start(const struct shift *shift, uint32_t changed);

/* Whether changes before this changed number were forgotten. */
bool shift_is_below(const struct shift *shift, uint32_t changed);

/* The changed number was acknowledged: drop how many changes from the front? */
uint32_t shift_forget(struct shift *shift, uint32_t changed, uint32_t next);

/*
 * How many bytes of a segment, from its start, come before the end of changes that
 * were forgotten: the receiver has what stands for them.
 */
uint32_t shift_forgotten(const struct shift *shift, uint32_t start, uint32_t end);

/* Whether a segment from `start` to `end` has bytes that were changed. */
bool shift_concerns(const struct shift *shift, uint32_t start, uint32_t end);

/* What to do to the payload of a segment: replace `removed` bytes at `offset`. */
struct patch {
	uint32_t offset;
	uint32_t removed;
	uint32_t inserted;
	uint8_t *bytes; /* to free */
};

/*
 * The patch that changes a segment the way its bytes were changed before: payload
 * from `start` to `data_end`, the segment with its FIN to `end`. 0 when there is
 * nothing to do, 1, or -ENOMEM.
 */
int shift_patch(const struct shift *shift, uint32_t start, uint32_t data_end, uint32_t end,
		const uint8_t *payload, struct patch *ret_patch);

/* A change to come: it takes the place of `count` changes from `first` on. */
struct plan {
	struct change change;
	uint32_t first;
	uint32_t count;
};

/*
 * Plan to replace `remove` bytes at a changed number. Changes before number `fresh`
 * were sent before and stay as they are; a later one that is touched becomes part of
 * the new one. `anchor` is the last byte before, or NULL: something that is inserted
 * behind a segment's end hangs on it. -ENOSPC, -ENOMEM.
 */
int shift_plan(struct shift *shift, uint32_t fresh, uint32_t changed, uint32_t remove,
	       const void *data, uint32_t data_len, const uint8_t *anchor, struct plan *ret_plan);
void shift_commit(struct shift *shift, const struct plan *plan);
void shift_cancel(struct plan *plan);

#endif
