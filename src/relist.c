/* SPDX-License-Identifier: MIT */
/*
 * Keeping a consumer's copy right, by asking the kernel; see resync.h. A state and a
 * cursor say how far that is: it is done in steps, between events.
 */
#include "relist.h"

#include <errno.h>
#include <string.h>

#include "known.h"

/* A receive's share, for each event that it may read: a listed entry is 1. */
enum { WORK = 4 };

/* Asking: the list. */

void relist_end(struct resync *resync)
{
	nfbind_list_free(resync->list);
	resync->list = NULL;
	resync->held = NULL;
}

void resync_want(struct nfbind_events *events)
{
	struct resync *resync = events->resync;

	relist_end(resync);
	resync->epoch++;
	/* `due` is when the last one began, and its interval. */
	resync->state = RESYNC_WANTED;
}

/* It could not be done, for now. */
static int put_off(struct nfbind_events *events, int error)
{
	struct resync *resync = events->resync;

	events_explain(events, "the table could not be listed, which is tried again: %s%s%s",
		       strerror(-error), resync->requests.requester.message[0] ? ": " : "",
		       resync->requests.requester.message);
	events->counted.failed_resyncs++;
	resync_want(events);
	resync->budget = 0;
	return error == -ENOMEM ? error : 0;
}

static int begin_list(struct nfbind_events *events, const struct subject *subject)
{
	struct resync *resync = events->resync;
	const struct nfbind_filter *filter = events->filters_count == 1 ? events->filters[0] : NULL;
	int r = subject == &connections ?
			nfbind_conntrack_list_ct(&resync->requests, filter, NFBIND_LIST_TABLE, 0,
						 &resync->list) :
			nfbind_conntrack_list_exp(&resync->requests, NULL, &resync->list);

	if (r < 0)
		return put_off(events, r);
	resync->listed = subject;
	resync->state = RESYNC_LIST;
	return 0;
}

static int begin(struct nfbind_events *events)
{
	struct resync *resync = events->resync;

	resync->due = socket_now() + resync->interval;
	resync->cursor = 0;
	return begin_list(events, events->wanted & EVENT_CT_ALL ? &connections : &expectations);
}

static int end_of_list(struct nfbind_events *events)
{
	struct resync *resync = events->resync;

	relist_end(resync);
	if (resync->listed == &connections && events->wanted & EVENT_EXP_ALL)
		return begin_list(events, &expectations);
	resync->state = RESYNC_SWEEP;
	return 0;
}

/* Whether an entry that only a list tells of is one that the kernel never announces. */
static bool is_blind(const struct resync *resync, const struct mirror_entry *known)
{
	return resync->mode == 0 || (resync->mode != 1 && resync->is_first && !known);
}

/* An entry that the kernel has now, and that no event of this epoch was about. */
static int take_listed(struct nfbind_events *events, struct item *item, const struct subject *subject,
		       const struct mirror_key *key)
{
	struct resync *resync = events->resync;
	struct mirror_entry *entry = mirror_find(&resync->mirror, key);
	void *object = known_object(item, subject);
	uint32_t flags = NFBIND_EVENT_RESYNC;
	int r;

	item->event = (struct nfbind_event){ .nsid = -1 };
	if (!mirror_is_alive(entry)) {
		if (is_blind(resync, entry))
			flags |= NFBIND_EVENT_BLIND;
		return known_take_in(events, item, subject, key, flags);
	}
	if (known_is(entry, subject, object)) {
		entry->epoch = resync->epoch;
		entry->flags |= MIRROR_FULL;
		if (entry->flags & MIRROR_BLIND) {
			known_set_blind(resync, entry, object);
			flags |= NFBIND_EVENT_BLIND;
		}
		return known_give_update(events, item, subject, flags);
	}
	r = subject == &connections ? field_copy(&ct_fields, &resync->held_ct, object) :
				      field_copy(&exp_fields, &resync->held_exp, object);
	if (r < 0)
		return put_off(events, r);
	resync->held = subject;
	return known_give_end(events, item, entry);
}

static int take_held(struct nfbind_events *events, struct item *item)
{
	struct resync *resync = events->resync;
	const struct subject *subject = resync->held;
	void *object = known_object(item, subject);
	struct mirror_key key;
	int r = subject == &connections ? field_copy(&ct_fields, object, &resync->held_ct) :
					  field_copy(&exp_fields, object, &resync->held_exp);

	if (r < 0)
		return r;
	resync->held = NULL;
	(void)mirror_make_key(subject, object, &key);
	return take_listed(events, item, subject, &key);
}

/* What a list says is not enough to know it. */
static int check(struct nfbind_events *events, struct item *item, struct mirror_entry *entry)
{
	const struct subject *subject = mirror_subject(&entry->key);
	struct mirror_key key = entry->key;
	int r = known_fetch(events, item, &key);

	if (r < 0 && r != -ENOENT)
		return put_off(events, r);
	if (r == 0 && known_is_meant(events, subject, known_object(item, subject)))
		return take_listed(events, item, subject, &key);
	if (mirror_is_alive(entry))
		return known_give_end(events, item, entry);
	known_bury(events, &key, MIRROR_FULL);
	return 0;
}

static int take_from_list(struct nfbind_events *events, struct item *item)
{
	struct resync *resync = events->resync;
	const struct subject *subject = resync->listed;
	void *object = known_object(item, subject);
	struct mirror_entry *entry;
	struct mirror_key key;
	int r = list_next(resync->list, subject, object);

	if (r == -ENODATA)
		return end_of_list(events);
	if (r < 0)
		return put_off(events, r);
	resync->budget--;
	events->counted.listed++;
	if (known_is_dying(subject, object) || !known_is_meant(events, subject, object) ||
	    mirror_make_key(subject, object, &key) < 0)
		return 0;
	entry = mirror_find(&resync->mirror, &key);
	/* What the list says may be older than what was heard. */
	if (entry && entry->epoch == resync->epoch)
		return entry->flags & MIRROR_FULL ? 0 : check(events, item, entry);
	return take_listed(events, item, subject, &key);
}

/* Asking: what was not listed, and what is blind. */

/*
 * A list may miss entries while the kernel resizes its table, so that what was not listed
 * is asked for. The table of expectations is never resized, and one in a zone could not be
 * asked for: the kernel does not say its zone.
 */
static int take_unheard(struct nfbind_events *events, struct item *item, struct mirror_entry *entry)
{
	if (mirror_subject(&entry->key) == &connections)
		return check(events, item, entry);
	return known_give_end(events, item, entry);
}

static int end_sweep(struct nfbind_events *events, struct item *item)
{
	struct resync *resync = events->resync;

	resync->state = RESYNC_IDLE;
	resync->is_first = false;
	events->counted.resyncs++;
	if (resync->is_over)
		return 0; /* who keeps what does not fit here is not told of its end */
	item->event = (struct nfbind_event){ .kind = NFBIND_EVENT_SYNCED, .nsid = -1 };
	return 1;
}

static int sweep(struct nfbind_events *events, struct item *item)
{
	struct resync *resync = events->resync;
	struct mirror *mirror = &resync->mirror;

	while (resync->cursor < mirror->top && resync->budget > 0) {
		struct mirror_entry *entry = &mirror->entries[resync->cursor++];

		if (!entry->is_used)
			continue;
		if (entry->flags & MIRROR_DEAD)
			mirror_remove(mirror, entry);
		else if (entry->epoch != resync->epoch || !(entry->flags & MIRROR_FULL))
			return take_unheard(events, item, entry);
	}
	return resync->cursor < mirror->top ? 0 : end_sweep(events, item);
}

static void end_blind_round(struct resync *resync, uint64_t now)
{
	uint64_t least = (uint64_t)resync->blind_least * RESYNC_SECOND, soon = now + RESYNC_SECOND;

	resync->blind_cursor = 0;
	resync->blind_due = resync->mirror.blind == 0 ? 0 : least > soon ? least : soon;
}

static int check_blind(struct nfbind_events *events, struct item *item)
{
	struct resync *resync = events->resync;
	struct mirror *mirror = &resync->mirror;
	uint64_t now = socket_now();

	if (resync->blind_cursor == 0)
		resync->blind_least = UINT32_MAX;
	while (resync->blind_cursor < mirror->top && resync->budget > 0) {
		struct mirror_entry *entry = &mirror->entries[resync->blind_cursor++];

		if (!entry->is_used || !(entry->flags & MIRROR_BLIND))
			continue;
		if ((uint64_t)entry->deadline * RESYNC_SECOND <= now)
			return check(events, item, entry);
		if (entry->deadline < resync->blind_least)
			resync->blind_least = entry->deadline;
	}
	if (resync->blind_cursor >= mirror->top)
		end_blind_round(resync, now);
	return 0;
}

/* Steps. */

static bool is_blind_due(const struct resync *resync)
{
	return resync->blind_due != 0 && resync->blind_due <= socket_now();
}

static int step(struct nfbind_events *events, struct item *item)
{
	struct resync *resync = events->resync;

	switch (resync->state) {
	case RESYNC_LIST:
		return take_from_list(events, item);
	case RESYNC_SWEEP:
		return sweep(events, item);
	case RESYNC_WANTED:
		if (resync->due <= socket_now())
			return begin(events);
		break;
	case RESYNC_IDLE:
		break;
	}
	if (is_blind_due(resync))
		return check_blind(events, item);
	resync->budget = 0;
	return 0;
}

int resync_take_last(struct nfbind_events *events, struct item *item)
{
	struct resync *resync = events->resync;
	int r = 0;

	while (r == 0 && resync->budget > 0 && !resync->tells_limit)
		r = step(events, item);
	return r == 0 ? resync_take_first(events, item) : r;
}

int resync_take_first(struct nfbind_events *events, struct item *item)
{
	struct resync *resync = events->resync;

	if (resync->held)
		return take_held(events, item);
	if (!resync->tells_limit)
		return 0;
	resync->tells_limit = false;
	item->event = (struct nfbind_event){ .kind = NFBIND_EVENT_LIMIT, .nsid = -1 };
	return 1;
}

bool resync_has_items(const struct resync *resync)
{
	return resync->held || resync->tells_limit;
}

uint64_t resync_due(const struct resync *resync)
{
	uint64_t due = 0;

	if (resync->state == RESYNC_LIST || resync->state == RESYNC_SWEEP)
		return 1;
	if (resync->state == RESYNC_WANTED)
		due = resync->due ? resync->due : 1;
	if (resync->blind_due != 0 && (due == 0 || resync->blind_due < due))
		due = resync->blind_due;
	return due;
}

void resync_allow(struct nfbind_events *events)
{
	events->resync->budget = events->batch_size * WORK;
}
