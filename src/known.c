/* SPDX-License-Identifier: MIT */
/*
 * What the consumer was told, and how to tell it more; see known.h.
 */
#include "known.h"

#include <errno.h>

enum {
	WORK_FETCH = 4,       /* of a listed entry's */
	TIMEOUT_UNKNOWN = 60, /* seconds until a blind entry is asked for that has no timeout */
};

void *known_object(struct item *item, const struct subject *subject)
{
	return subject == &connections ? (void *)item->ct : (void *)item->exp;
}

static uint64_t number_or(const struct subject *subject, const void *object, uint32_t ct_field,
			  uint32_t exp_field, uint64_t otherwise)
{
	return field_number_or(subject->wires->fields, object,
			       subject == &connections ? ct_field : exp_field, otherwise);
}

static uint32_t id_of(const struct subject *subject, const void *object)
{
	return (uint32_t)number_or(subject, object, NFBIND_CT_ID, NFBIND_EXP_ID, 0);
}

static uint64_t start_of(const struct subject *subject, const void *object)
{
	return subject == &connections ?
		       field_number_or(&ct_fields, object, NFBIND_CT_TIMESTAMP_START, 0) : 0;
}

bool known_is_dying(const struct subject *subject, const void *object)
{
	return subject == &connections && field_number_or(&ct_fields, object, NFBIND_CT_STATUS, 0) &
						  NFBIND_CT_STATUS_DYING;
}

bool known_is_meant(const struct nfbind_events *events, const struct subject *subject,
			   const void *object)
{
	return subject != &connections || events_let_through(events, object);
}

bool known_is(const struct mirror_entry *entry, const struct subject *subject, const void *object)
{
	uint64_t start = start_of(subject, object);

	return entry->id == id_of(subject, object) &&
	       (entry->start == 0 || start == 0 || entry->start == start);
}

/* Items. */

static int give(struct item *item, const struct subject *subject, uint32_t ct_kind, uint32_t exp_kind,
		uint32_t flags)
{
	item->event.kind = subject == &connections ? ct_kind : exp_kind;
	item->event.flags = flags;
	return RESYNC_GIVE;
}

static int give_new(struct item *item, const struct subject *subject, uint32_t flags)
{
	return give(item, subject, NFBIND_EVENT_CT_NEW, NFBIND_EVENT_EXP_NEW, flags);
}

/* Expectations are not known to change: what is known of them stays. */
int known_give_update(struct nfbind_events *events, struct item *item, const struct subject *subject,
		       uint32_t flags)
{
	if (subject != &connections || !(events->wanted & NFBIND_EVENT_CT_UPDATE))
		return RESYNC_DROP;
	return give(item, subject, NFBIND_EVENT_CT_UPDATE, 0, flags);
}

int known_give_end(struct nfbind_events *events, struct item *item, struct mirror_entry *entry)
{
	const struct subject *subject = mirror_subject(&entry->key);
	void *object = known_object(item, subject);

	mirror_fill(&entry->key, object);
	if (subject == &connections) {
		(void)field_set_number(&ct_fields, object, NFBIND_CT_ID, entry->id);
		if (entry->start != 0)
			(void)field_set_number(&ct_fields, object, NFBIND_CT_TIMESTAMP_START, entry->start);
	}
	known_bury(events, &entry->key, MIRROR_FULL);
	item->event = (struct nfbind_event){ .nsid = -1 };
	return give(item, subject, NFBIND_EVENT_CT_DESTROY, NFBIND_EVENT_EXP_DESTROY,
		    NFBIND_EVENT_RESYNC);
}

/* Known entries. */

void known_set_blind(struct resync *resync, struct mirror_entry *entry, const void *object)
{
	const struct subject *subject = mirror_subject(&entry->key);
	uint64_t timeout = number_or(subject, object, NFBIND_CT_TIMEOUT, NFBIND_EXP_TIMEOUT,
				     TIMEOUT_UNKNOWN);
	uint64_t deadline = socket_now() / RESYNC_SECOND + timeout + 1;

	resync->mirror.blind += !(entry->flags & MIRROR_BLIND);
	entry->flags |= MIRROR_BLIND;
	entry->deadline = (uint32_t)deadline;
	if (resync->blind_due == 0 || deadline * RESYNC_SECOND < resync->blind_due)
		resync->blind_due = deadline * RESYNC_SECOND;
	/* A round that runs may have passed it. */
	if (entry->deadline < resync->blind_least)
		resync->blind_least = entry->deadline;
}

void known_set_seeing(struct resync *resync, struct mirror_entry *entry)
{
	resync->mirror.blind -= entry->flags & MIRROR_BLIND;
	entry->flags &= (uint8_t)~MIRROR_BLIND;
}

static struct mirror_entry *add(struct nfbind_events *events, const struct mirror_key *key)
{
	struct resync *resync = events->resync;
	struct mirror_entry *entry = mirror_add(&resync->mirror, key);

	if (entry)
		return entry;
	resync->tells_limit |= !resync->is_over;
	resync->is_over = true;
	return NULL;
}

void known_bury(struct nfbind_events *events, const struct mirror_key *key, uint8_t flags)
{
	struct resync *resync = events->resync;
	struct mirror_key name = *key; /* it may be the entry's own */
	struct mirror_entry *entry = mirror_find(&resync->mirror, &name);

	if (resync->state != RESYNC_LIST) {
		if (entry)
			mirror_remove(&resync->mirror, entry);
		return;
	}
	if (!entry)
		entry = add(events, &name);
	if (!entry)
		return;
	known_set_seeing(resync, entry);
	entry->flags = MIRROR_DEAD | flags;
	entry->epoch = resync->epoch;
}

int known_take_in(struct nfbind_events *events, struct item *item, const struct subject *subject,
		   const struct mirror_key *key, uint32_t flags)
{
	struct resync *resync = events->resync;
	const void *object = known_object(item, subject);
	struct mirror_entry *entry = mirror_find(&resync->mirror, key);

	if (!entry)
		entry = add(events, key);
	if (entry) {
		entry->id = id_of(subject, object);
		entry->start = start_of(subject, object);
		entry->epoch = resync->epoch;
		entry->flags = MIRROR_FULL;
		if (flags & NFBIND_EVENT_BLIND)
			known_set_blind(resync, entry, object);
	}
	return give_new(item, subject, flags);
}

int known_fetch(struct nfbind_events *events, struct item *item, const struct mirror_key *key)
{
	const struct subject *subject = mirror_subject(key);
	struct resync *resync = events->resync;
	union {
		struct nfbind_ct ct;
		struct nfbind_exp exp;
	} wanted = { 0 };
	int r;

	mirror_fill(key, &wanted);
	events->counted.fetched++;
	resync->budget -= resync->budget < WORK_FETCH ? resync->budget : WORK_FETCH;
	do
		r = subject == &connections ?
			    nfbind_conntrack_fetch_ct(&resync->requests, &wanted.ct, 0, item->ct) :
			    nfbind_conntrack_fetch_exp(&resync->requests, &wanted.exp, item->exp);
	while (r == -EINTR);
	if (r == 0 && known_is_dying(subject, known_object(item, subject)))
		r = -ENOENT;
	return r;
}
