/* SPDX-License-Identifier: MIT */
/*
 * Keep a copy of the kernel's table of connections, whatever is lost on the way, and
 * prove at the end that it equals a list. It shows an event session with resync: items
 * are applied blindly (new ones added, changed ones replaced, destroyed ones removed), and
 * the session sees to it that this is right. Memory is bounded by --most.
 *
 *     mirror_table [--buffer BYTES] [--most COUNT] [--seconds COUNT]
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "common.h"

enum {
	ATTEMPTS = 50,   /* at the proof: a list is compared while the table goes on changing */
	PATIENCE = 5000, /* milliseconds */
};

static uint64_t receive_buffer = 8 << 20, most = 1 << 20, seconds;

static const struct flag flags[] = {
	{ "--buffer", "BYTES", "receive buffer; default 8 MiB", &receive_buffer, NULL },
	{ "--most", "COUNT", "keep no more connections than these; default 1048576", &most, NULL },
	{ "--seconds", "COUNT", "end after so long; default: on Ctrl-C", &seconds, NULL },
	{ NULL },
};

static const struct manual manual = {
	.name = "mirror_table",
	.arguments = "[OPTION]...",
	.about = "Keep a copy of the connections that the kernel tracks, and prove at the end that\n"
		 "it is right. The status is 1 when it is not.",
	.flags = flags,
	.more = "It needs CAP_NET_ADMIN. Connections are tracked where a rule asks for it, as\n\n"
		"  iptables -A OUTPUT -m conntrack --ctstate INVALID -j DROP\n",
};

/* The copy: a hash table of entries. */

struct key {
	uint8_t src[16], dst[16];
	uint16_t ports[2]; /* or the id, and type and code, of ICMP */
	uint16_t zone, orig_zone;
	uint8_t l3proto, l4proto;
};

struct entry {
	struct entry *next;
	struct nfbind_ct *ct;
	struct key key;
	uint32_t proof; /* the last one that found it in its list */
};

static struct entry **buckets;
static size_t buckets_count, entries_count, entries_most;
static bool is_full;
static uint64_t overruns, lost;

static uint64_t number_of(const struct nfbind_ct *ct, uint32_t field)
{
	uint64_t value = 0;

	nfbind_ct_get_number(ct, field, &value);
	return value;
}

static void read_address(const struct nfbind_ct *ct, uint32_t field, uint8_t *ret_address)
{
	const void *data;
	size_t len;

	if (nfbind_ct_get_bytes(ct, field, &data, &len) == 0)
		memcpy(ret_address, data, len);
}

/* What names a connection; zeroed with its gaps, since keys are compared as bytes. */
static struct key key_of(const struct nfbind_ct *ct)
{
	struct key key;

	memset(&key, 0, sizeof(key));
	read_address(ct, NFBIND_CT_ORIG_SRC, key.src);
	read_address(ct, NFBIND_CT_ORIG_DST, key.dst);
	key.ports[0] = (uint16_t)number_of(ct, NFBIND_CT_ORIG_PORT_SRC);
	key.ports[1] = (uint16_t)number_of(ct, NFBIND_CT_ORIG_PORT_DST);
	if (nfbind_ct_has(ct, NFBIND_CT_ORIG_ICMP_TYPE) > 0) {
		key.ports[0] = (uint16_t)number_of(ct, NFBIND_CT_ORIG_ICMP_ID);
		key.ports[1] = (uint16_t)(number_of(ct, NFBIND_CT_ORIG_ICMP_TYPE) << 8 |
					  number_of(ct, NFBIND_CT_ORIG_ICMP_CODE));
	}
	key.zone = (uint16_t)number_of(ct, NFBIND_CT_ZONE);
	key.orig_zone = (uint16_t)number_of(ct, NFBIND_CT_ORIG_ZONE);
	key.l3proto = (uint8_t)number_of(ct, NFBIND_CT_ORIG_L3PROTO);
	key.l4proto = (uint8_t)number_of(ct, NFBIND_CT_ORIG_L4PROTO);
	return key;
}

/* Where it is, or where it would be. Whoever chooses addresses to collide wins here; see FNV-1a. */
static struct entry **find(const struct key *key)
{
	const uint8_t *bytes = (const uint8_t *)key;
	uint64_t hash = 0xcbf29ce484222325;
	struct entry **place;

	for (size_t i = 0; i < sizeof(*key); i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3;
	place = &buckets[(hash >> 20) % buckets_count];
	while (*place && memcmp(&(*place)->key, key, sizeof(*key)) != 0)
		place = &(*place)->next;
	return place;
}

static int start_copy(void)
{
	buckets_count = most < 1024 ? 1024 : most;
	buckets = calloc(buckets_count, sizeof(*buckets));
	return buckets ? 0 : -ENOMEM;
}

static void remove_at(struct entry **place)
{
	struct entry *entry = *place;

	*place = entry->next;
	nfbind_ct_free(entry->ct);
	free(entry);
	entries_count--;
}

static void free_copy(void)
{
	for (size_t i = 0; i < buckets_count; i++)
		while (buckets[i])
			remove_at(&buckets[i]);
	free(buckets);
}

static int add_at(struct entry **place, const struct key *key)
{
	struct entry *entry = calloc(1, sizeof(*entry));
	int r = entry ? nfbind_ct_new(&entry->ct) : -ENOMEM;

	if (r < 0) {
		free(entry);
		return r;
	}
	entry->key = *key;
	*place = entry;
	if (++entries_count > entries_most)
		entries_most = entries_count;
	return 0;
}

static int be_full(void)
{
	if (!is_full)
		fprintf(stderr, "mirror_table: there are more than --most: the copy is not complete\n");
	is_full = true;
	return 0;
}

/* An item, applied: what is announced may say only what changed, what is listed says all. */
static int apply(const struct nfbind_event *event, const struct nfbind_ct *ct)
{
	struct key key = key_of(ct);
	struct entry **place = find(&key);

	if (event->kind == NFBIND_EVENT_CT_DESTROY) {
		if (*place)
			remove_at(place);
		return 0;
	}
	if (!*place && entries_count == most)
		return be_full();
	if (!*place) {
		int r = add_at(place, &key);

		if (r < 0)
			return r;
	}
	if (event->kind == NFBIND_EVENT_CT_UPDATE && !(event->flags & NFBIND_EVENT_RESYNC))
		return nfbind_ct_copy((*place)->ct, ct,
				      NFBIND_CT_COPY_ORIG | NFBIND_CT_COPY_REPL | NFBIND_CT_COPY_META);
	return nfbind_ct_assign((*place)->ct, ct);
}

/* Listening. */

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int take_item(const struct nfbind_event *event, const struct nfbind_ct *ct)
{
	switch (event->kind) {
	case NFBIND_EVENT_CT_NEW:
	case NFBIND_EVENT_CT_UPDATE:
	case NFBIND_EVENT_CT_DESTROY:
		return apply(event, ct);
	case NFBIND_EVENT_OVERRUN:
		overruns++;
		lost += event->lost;
		return 0;
	case NFBIND_EVENT_LIMIT:
		return be_full();
	case NFBIND_EVENT_SYNCED:
		fprintf(stderr, "mirror_table: the copy is complete: %zu connections\n", entries_count);
		return 1;
	default:
		return 0;
	}
}

/* Take all that was received: 1 when the copy became complete with it. */
static int take_all(struct nfbind_events *events, struct nfbind_ct *ct, struct nfbind_exp *exp)
{
	struct nfbind_event event;
	int r, is_synced = 0;

	while ((r = nfbind_events_next(events, &event, sizeof(event), ct, exp)) == 0) {
		r = take_item(&event, ct);
		if (r < 0)
			return r;
		is_synced |= r;
	}
	return r == -ENODATA ? is_synced : r;
}

/* Until Ctrl-C, or the time is over. */
static int listen_on(struct nfbind_events *events, struct nfbind_ct *ct, struct nfbind_exp *exp)
{
	double end = now() + (double)seconds;
	int r = 0;

	while (seconds == 0 || now() < end) {
		r = nfbind_events_receive(events, seconds ? (int32_t)((end - now()) * 1000) + 1 : -1);
		if (r == -ECANCELED)
			return 0;
		if (r < 0 && r != -EAGAIN && r != -EINTR)
			return r;
		r = take_all(events, ct, exp);
		if (r < 0)
			return r;
	}
	return 0;
}

/* What is queued; or until the copy is complete, where that was asked for. */
static int catch_up(struct nfbind_events *events, struct nfbind_ct *ct, struct nfbind_exp *exp,
		    bool until_synced)
{
	double end = now() + PATIENCE / 1000.0;
	int r = 0;

	do {
		r = nfbind_events_receive(events, until_synced ? PATIENCE : 0);
		if (r == -EAGAIN && !until_synced)
			return 0;
		if (r < 0 && r != -EAGAIN && r != -EINTR)
			return r;
		r = take_all(events, ct, exp);
	} while (r >= 0 && !(until_synced && r > 0) && now() < end);
	return r < 0 ? r : 0;
}

/* The proof. */

struct proof {
	uint32_t number;
	size_t listed, missing, different, gone;
};

/* What the kernel does not announce, and what runs by itself. */
static void forget_the_fleeting(struct nfbind_ct *ct)
{
	static const uint32_t fields[] = {
		NFBIND_CT_USE,
		NFBIND_CT_ORIG_COUNTER_PACKETS,
		NFBIND_CT_ORIG_COUNTER_BYTES,
		NFBIND_CT_REPL_COUNTER_PACKETS,
		NFBIND_CT_REPL_COUNTER_BYTES,
		NFBIND_CT_TCP_FLAGS_ORIG,
		NFBIND_CT_TCP_FLAGS_REPL,
		NFBIND_CT_TIMESTAMP_START,
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		nfbind_ct_clear(ct, fields[i]);
}

static void compare_entry(struct nfbind_ct *ct, struct proof *proof)
{
	struct key key = key_of(ct);
	struct entry *entry = *find(&key);

	proof->listed++;
	forget_the_fleeting(ct);
	if (!entry) {
		proof->missing++;
		return;
	}
	entry->proof = proof->number;
	/* With MASK: all that the list says is in the copy, too. */
	if (nfbind_ct_compare(ct, entry->ct, NFBIND_CT_COMPARE_ORIG | NFBIND_CT_COMPARE_REPL |
						     NFBIND_CT_COMPARE_META | NFBIND_CT_COMPARE_MASK) != 1)
		proof->different++;
}

static void count_gone(struct proof *proof)
{
	for (size_t i = 0; i < buckets_count; i++)
		for (struct entry *entry = buckets[i]; entry; entry = entry->next)
			proof->gone += entry->proof != proof->number;
}

static int compare_all(struct nfbind_conntrack *conntrack, struct nfbind_ct *ct, struct proof *proof)
{
	struct nfbind_list *list;
	int r = nfbind_conntrack_list_ct(conntrack, NULL, NFBIND_LIST_TABLE, NFBIND_LIST_UNIQUE, &list);

	if (r < 0)
		return r;
	while ((r = nfbind_list_next_ct(list, ct)) == 0)
		compare_entry(ct, proof);
	nfbind_list_free(list);
	count_gone(proof);
	return r == -ENODATA ? 0 : r;
}

static bool is_right(const struct proof *proof)
{
	return proof->missing + proof->different + proof->gone == 0 && !is_full;
}

/*
 * Connections that are never announced leave their copies behind until they are asked
 * for. So one resync, then lists until one agrees: the table may change meanwhile.
 */
static int prove(struct nfbind_events *events, struct nfbind_conntrack *conntrack,
		 struct nfbind_ct *ct, struct nfbind_exp *exp, struct proof *ret_proof)
{
	int r = nfbind_events_resync(events);

	/* Of a copy that is not complete, nobody says that it is. */
	if (r == 0 && !is_full)
		r = catch_up(events, ct, exp, true);
	for (uint32_t number = 1; r == 0 && number <= ATTEMPTS; number++) {
		*ret_proof = (struct proof){ .number = number };
		r = catch_up(events, ct, exp, false);
		if (r == 0)
			r = compare_all(conntrack, ct, ret_proof);
		if (is_full || is_right(ret_proof))
			break;
	}
	return r;
}

static void print_proof(const struct proof *proof)
{
	printf("proof: %zu listed, %zu in the copy: %zu missing, %zu different, %zu gone%s; list %" PRIu32 "\n",
	       proof->listed, entries_count, proof->missing, proof->different, proof->gone,
	       is_full ? "; there were more than --most" : "", proof->number);
}

static void print_costs(struct nfbind_events *events)
{
	struct nfbind_events_stats stats;
	struct rusage usage;

	if (nfbind_events_read_stats(events, &stats, sizeof(stats)) < 0)
		return;
	getrusage(RUSAGE_SELF, &usage);
	printf("events: %" PRIu64 ", of %" PRIu64 " datagrams; %" PRIu64 " overruns, %" PRIu64
	       " messages lost\n",
	       stats.events, stats.received, overruns, lost);
	printf("resync: %" PRIu64 " times, %" PRIu64 " failed; %" PRIu64 " listed, %" PRIu64
	       " asked for, %" PRIu64 " events out of date, %" PRIu32 " blind\n",
	       stats.resyncs, stats.failed_resyncs, stats.listed, stats.fetched, stats.stale, stats.blind);
	printf("memory: at most %zu connections, %ld KiB in all\n", entries_most, usage.ru_maxrss);
}

/* The program. */

static int mirror(struct nfbind_events *events, struct nfbind_conntrack *conntrack)
{
	struct proof proof = { 0 };
	struct nfbind_exp *exp = NULL;
	struct nfbind_ct *ct = NULL;
	int r, status = 1;

	if ((r = nfbind_ct_new(&ct)) < 0 || (r = nfbind_exp_new(&exp)) < 0 || (r = start_copy()) < 0 ||
	    (r = listen_on(events, ct, exp)) < 0) {
		fail_events(events, "keeping the copy", r);
	} else if ((r = prove(events, conntrack, ct, exp, &proof)) < 0) {
		fail_events(events, "proving it", r);
	} else {
		print_proof(&proof);
		print_costs(events);
		status = is_right(&proof) ? 0 : 1;
	}
	free_copy();
	nfbind_exp_free(exp);
	nfbind_ct_free(ct);
	return status;
}

static int open_events(struct nfbind_events *events)
{
	struct nfbind_options *options = NULL;
	int r = nfbind_options_new(&options);

	if (r == 0) {
		nfbind_options_set_number(options, NFBIND_OPTIONS_EVENTS,
					  NFBIND_EVENT_CT_NEW | NFBIND_EVENT_CT_UPDATE |
						  NFBIND_EVENT_CT_DESTROY);
		nfbind_options_set_number(options, NFBIND_OPTIONS_RESYNC, 1);
		nfbind_options_set_number(options, NFBIND_OPTIONS_RECEIVE_BUFFER, receive_buffer);
		nfbind_options_set_number(options, NFBIND_OPTIONS_KEYS_MAX, most);
		r = nfbind_events_open(events, options);
	}
	nfbind_options_free(options);
	return r;
}

int main(int argc, char **argv)
{
	struct nfbind_conntrack *conntrack = NULL;
	struct nfbind_events *events = NULL;
	int r, status;

	read_arguments(&manual, argc, argv);
	if ((r = nfbind_events_new(&events)) < 0 || (r = open_events(events)) < 0) {
		status = fail_events(events, "opening an event session", r);
	} else if ((r = nfbind_conntrack_new(&conntrack)) < 0 ||
		   (r = nfbind_conntrack_open(conntrack, NULL)) < 0) {
		status = fail_request(conntrack, "opening a session", r);
	} else {
		wake_events_on_signals(events);
		status = mirror(events, conntrack);
		forget_signals();
	}
	nfbind_conntrack_free(conntrack);
	nfbind_events_free(events);
	return status;
}
