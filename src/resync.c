/* SPDX-License-Identifier: MIT */
/*
 * Keeping a consumer's copy right, by what the kernel announces; see resync.h. What the
 * kernel is asked for besides is in relist.c.
 */
#include "resync.h"

#include <errno.h>
#include <stdlib.h>

#include "known.h"
#include "options.h"
#include "relist.h"

enum {
	INTERVAL = 1000, /* milliseconds */
	KEYS_MAX = 1 << 20,
};

static int take_destroy(struct nfbind_events *events, struct item *item, const struct subject *subject,
			const struct mirror_key *key)
{
	struct resync *resync = events->resync;
	struct mirror_entry *entry = mirror_find(&resync->mirror, key);
	const void *object = known_object(item, subject);

	if (!mirror_is_alive(entry)) {
		known_bury(events, key, MIRROR_FULL);
		/* What did not fit was given out all the same. */
		if (resync->is_over && known_is_meant(events, subject, object))
			return RESYNC_GIVE;
		events->counted.stale++;
		return RESYNC_DROP;
	}
	/* Of one that had the name before. Unless that is all that is known: then nobody has it now. */
	if (!known_is(entry, subject, object) && entry->epoch == resync->epoch) {
		events->counted.stale++;
		return RESYNC_DROP;
	}
	known_bury(events, key, MIRROR_FULL);
	return RESYNC_GIVE;
}

/*
 * A change of what is not known: what was added was lost, or is in a part of the list
 * that comes later, or, rarely, it is gone already: the kernel announces changes and
 * removals from several processors at once.
 */
static int take_unknown(struct nfbind_events *events, struct item *item, const struct subject *subject,
			const struct mirror_key *key)
{
	bool is_fetched = item->event.kind == NFBIND_EVENT_CT_UPDATE;
	int r = known_is_dying(subject, known_object(item, subject)) ? -ENOENT : 0;

	if (r == 0 && is_fetched)
		r = known_fetch(events, item, key);
	if (r < 0 && r != -ENOENT)
		resync_want(events);
	if (r < 0 || !known_is_meant(events, subject, known_object(item, subject))) {
		events->counted.stale++;
		return RESYNC_DROP;
	}
	return known_take_in(events, item, subject, key, is_fetched ? NFBIND_EVENT_RESYNC : 0);
}

/* A change that a filter does not let through, by what the event carries. */
static int take_unwanted(struct nfbind_events *events, struct item *item, const struct mirror_key *key,
			 struct mirror_entry *entry)
{
	int r = known_fetch(events, item, key);

	if (r == 0 && !known_is_meant(events, &connections, item->ct))
		return known_give_end(events, item, entry);
	if (r < 0 && r != -ENOENT)
		resync_want(events);
	if (r < 0)
		return RESYNC_DROP; /* its end comes */
	entry->flags |= MIRROR_FULL;
	return known_give_update(events, item, &connections, NFBIND_EVENT_RESYNC);
}

static void hear_of(struct resync *resync, struct mirror_entry *entry, bool is_whole)
{
	if (entry->epoch != resync->epoch)
		entry->flags &= (uint8_t)~MIRROR_FULL;
	if (is_whole)
		entry->flags |= MIRROR_FULL;
	entry->epoch = resync->epoch;
	known_set_seeing(resync, entry);
}

/* By what the event carries it is not meant. The list may say otherwise: then it is asked for. */
static int pass_over(struct nfbind_events *events, const struct mirror_key *key)
{
	events->counted.filtered++;
	known_bury(events, key, 0);
	return RESYNC_DROP;
}

static int take_change(struct nfbind_events *events, struct item *item, const struct subject *subject,
		       const struct mirror_key *key)
{
	struct resync *resync = events->resync;
	struct mirror_entry *entry = mirror_find(&resync->mirror, key);
	void *object = known_object(item, subject);
	bool is_wanted = known_is_meant(events, subject, object);

	if (!mirror_is_alive(entry))
		return is_wanted ? take_unknown(events, item, subject, key) : pass_over(events, key);
	if (!known_is(entry, subject, object)) {
		known_give_end(events, item, entry);
		return RESYNC_GIVE_FIRST;
	}
	hear_of(resync, entry, item->event.kind != NFBIND_EVENT_CT_UPDATE);
	if (!is_wanted)
		return take_unwanted(events, item, key, entry);
	return known_give_update(events, item, subject, 0);
}

int resync_take(struct nfbind_events *events, struct item *item)
{
	const struct subject *subject = item->event.kind & EVENT_CT_ALL ? &connections : &expectations;
	struct mirror_key key;

	if (mirror_make_key(subject, known_object(item, subject), &key) < 0)
		return RESYNC_GIVE; /* nothing names it: it is in no copy */
	if (item->event.kind & (NFBIND_EVENT_CT_DESTROY | NFBIND_EVENT_EXP_DESTROY))
		return take_destroy(events, item, subject, &key);
	return take_change(events, item, subject, &key);
}

/* Life. */

/* What the namespace does with events; a mode that cannot be read may be any. */
static uint32_t read_mode(struct socket *socket)
{
	char text[16];
	int len = socket_read_proc(socket, "/proc/sys/net/netfilter/nf_conntrack_events", text,
				   sizeof(text) - 1);

	if (len <= 0 || text[0] < '0' || text[0] > '2')
		return UINT32_MAX;
	return (uint32_t)(text[0] - '0');
}

int resync_open(struct nfbind_events *events, const struct nfbind_options *options)
{
	struct resync *resync = calloc(1, sizeof(*resync));
	int r;

	if (!resync)
		return -ENOMEM;
	resync->requests.requester.socket.fd = -1;
	r = requester_open_beside(&resync->requests.requester, &events->socket);
	if (r < 0) {
		free(resync);
		return r;
	}
	mirror_start(&resync->mirror, (uint32_t)options_number(options, NFBIND_OPTIONS_KEYS_MAX, KEYS_MAX));
	resync->interval = options_number(options, NFBIND_OPTIONS_RESYNC_INTERVAL, INTERVAL) * (RESYNC_SECOND / 1000);
	resync->is_first = true;
	resync->mode = read_mode(&events->socket);
	resync->epoch = 1;
	resync->state = RESYNC_WANTED;
	events->resync = resync;
	return 0;
}

void resync_close(struct resync *resync)
{
	if (!resync)
		return;
	relist_end(resync);
	requester_close(&resync->requests.requester);
}

void resync_free(struct resync *resync)
{
	if (!resync)
		return;
	resync_close(resync);
	mirror_free(&resync->mirror);
	field_reset(&ct_fields, &resync->held_ct);
	field_reset(&exp_fields, &resync->held_exp);
	free(resync);
}
