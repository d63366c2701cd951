/* SPDX-License-Identifier: MIT */
/*
 * The event session: its life and its statistics. What comes is read and given out in
 * stream.c, its filters are in events_filter.c.
 */
#include "events.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "options.h"
#include "plain.h"
#include "resync.h"
#include "text.h"

enum {
	RECEIVE_BUFFER = 8 << 20,
	BATCH_DEFAULT = 64,
	BATCH_MAX = 1024,
};

/* Threads. */

static void explain_locked(struct nfbind_events *events, const char *sentence)
{
	snprintf(events->message, sizeof(events->message), "%s", sentence);
}

void events_explain(struct nfbind_events *events, const char *format, ...)
{
	va_list arguments;

	pthread_mutex_lock(&events->lock);
	va_start(arguments, format);
	vsnprintf(events->message, sizeof(events->message), format, arguments);
	va_end(arguments);
	pthread_mutex_unlock(&events->lock);
}

/* With the lock held. */
static int check(struct nfbind_events *events)
{
	if (events->is_open && !events->is_closing)
		return 0;
	explain_locked(events, "the session is not open");
	return -ESHUTDOWN;
}

/* For any thread: 0 with the lock held, or an error without it. */
static int start(struct nfbind_events *events)
{
	int r;

	if (!events)
		return -EINVAL;
	if (canary_is_forked(&events->canary))
		return -ECHILD;
	pthread_mutex_lock(&events->lock);
	r = check(events);
	if (r < 0)
		pthread_mutex_unlock(&events->lock);
	return r;
}

int events_enter(struct nfbind_events *events)
{
	int r = start(events);

	if (r < 0)
		return r;
	if (events->is_receiving) {
		explain_locked(events, "another thread is in receive or next");
		r = -EBUSY;
	} else {
		events->is_receiving = true;
	}
	pthread_mutex_unlock(&events->lock);
	return r;
}

void events_leave(struct nfbind_events *events)
{
	pthread_mutex_lock(&events->lock);
	if (events->resync) {
		events->counted.keys = events->resync->mirror.count;
		events->counted.blind = events->resync->mirror.blind;
	}
	events->stats = events->counted;
	events->is_receiving = false;
	if (events->is_closing)
		pthread_cond_broadcast(&events->changed);
	pthread_mutex_unlock(&events->lock);
}

/* Life. */

int nfbind_events_new(struct nfbind_events **ret_events)
{
	struct nfbind_events *events = calloc(1, sizeof(*events));

	if (!events)
		return -ENOMEM;
	pthread_mutex_init(&events->lock, NULL);
	pthread_cond_init(&events->changed, NULL);
	wake_start(&events->wake);
	events->socket.fd = -1;
	*ret_events = events;
	return 0;
}

int events_check_unopened(struct nfbind_events *events)
{
	int r;

	if (!events)
		return -EINVAL;
	if (canary_is_forked(&events->canary))
		return -ECHILD;
	pthread_mutex_lock(&events->lock);
	r = events->is_closing ? -ESHUTDOWN : events->is_open ? -EALREADY : 0;
	explain_locked(events, r == 0 ? "" : r == -EALREADY ? "the session is open already" :
							      "the session was closed");
	pthread_mutex_unlock(&events->lock);
	return r;
}

static int explain_open(struct nfbind_events *events, const struct socket_listening *listening,
			int error)
{
	if (error == -EAFNOSUPPORT)
		error = -EPROTONOSUPPORT;
	if (error == -EPERM)
		events_explain(events, "CAP_NET_ADMIN is missing in the user namespace that owns this network namespace%s",
			       listening->all_namespaces ? ", or CAP_NET_BROADCAST for all namespaces" : "");
	else if (error == -EOPNOTSUPP)
		events_explain(events, "this kernel cannot listen to all namespaces");
	else if (error < 0 && !events_explain_filter(events, error))
		events_explain(events, "the session could not be opened: %s", strerror(-error));
	return error;
}

/* A list shows one namespace, and a copy cannot be kept without additions and removals. */
static bool can_resync(const struct nfbind_options *options, uint32_t wanted)
{
	const uint32_t ct = NFBIND_EVENT_CT_NEW | NFBIND_EVENT_CT_DESTROY;

	return !options_number(options, NFBIND_OPTIONS_ALL_NAMESPACES, 0) &&
	       (!(wanted & EVENT_CT_ALL) || (wanted & ct) == ct) &&
	       (!(wanted & EVENT_EXP_ALL) || (wanted & EVENT_EXP_ALL) == EVENT_EXP_ALL);
}

static int read_options(struct nfbind_events *events, const struct nfbind_options *options,
			struct socket_place *place)
{
	uint64_t batch = options_number(options, NFBIND_OPTIONS_BATCH, BATCH_DEFAULT);
	uint64_t wanted = options_number(options, NFBIND_OPTIONS_EVENTS, EVENT_CT_ALL | EVENT_EXP_ALL);

	if (batch < 1 || batch > BATCH_MAX) {
		events_explain(events, "a batch has 1 to %d datagrams", BATCH_MAX);
		return -EINVAL;
	}
	if (wanted == 0 || wanted & ~(uint64_t)(EVENT_CT_ALL | EVENT_EXP_ALL)) {
		events_explain(events, "no events are asked for, or unknown ones");
		return -EINVAL;
	}
	if (options_number(options, NFBIND_OPTIONS_RESYNC, 0) && !can_resync(options, (uint32_t)wanted)) {
		events_explain(events, "a resync needs what is added and removed, and one network namespace");
		return -EINVAL;
	}
	events->batch_size = (uint32_t)batch;
	events->wanted = (uint32_t)wanted;
	events->has_resync = options_number(options, NFBIND_OPTIONS_RESYNC, 0) != 0;
	events->has_kernel_filter = options_number(options, NFBIND_OPTIONS_KERNEL_FILTER, 1) != 0;
	return explain_open(events, NULL, socket_place_from(options, place));
}

/* The kernel's groups of one bit each, by the bits of the option. */
static uint32_t groups_of(uint32_t wanted)
{
	return (wanted & EVENT_CT_ALL) | (wanted & NFBIND_EVENT_EXP_NEW) |
	       (wanted & NFBIND_EVENT_EXP_DESTROY) << 1;
}

static int make_room(struct nfbind_events *events)
{
	struct intake *intake = &events->intake;

	/* An open that failed may have made it for another batch. */
	free(intake->room);
	free(intake->datagrams);
	intake->room = malloc((size_t)events->batch_size * EVENT_ROOM);
	intake->datagrams = calloc(events->batch_size, sizeof(intake->datagrams[0]));
	if (!intake->room || !intake->datagrams)
		return -ENOMEM;
	for (unsigned int i = 0; i < events->batch_size; i++) {
		intake->datagrams[i].data = intake->room + (size_t)i * EVENT_ROOM;
		intake->datagrams[i].size = EVENT_ROOM;
	}
	return canary_plant(&events->canary);
}

int nfbind_events_open(struct nfbind_events *events, const struct nfbind_options *options)
{
	struct socket_place place = { .netns_fd = -1, .socket_fd = -1 };
	struct socket_listening listening = {
		.is_reliable = options_number(options, NFBIND_OPTIONS_RELIABLE, 0) != 0,
		.all_namespaces = options_number(options, NFBIND_OPTIONS_ALL_NAMESPACES, 0) != 0,
	};
	uint32_t buffer = (uint32_t)options_number(options, NFBIND_OPTIONS_RECEIVE_BUFFER, RECEIVE_BUFFER);
	int r = events_check_unopened(events);

	if (r == 0)
		r = read_options(events, options, &place);
	if (r == 0)
		r = make_room(events);
	if (r < 0)
		return r;
	listening.groups = groups_of(events->wanted);
	r = events_open_filtered(events, &place, buffer, &listening);
	if (r < 0)
		return explain_open(events, &listening, r);
	if (events->has_resync)
		r = resync_open(events, options);
	if (r < 0) {
		socket_close(&events->socket);
		return explain_open(events, &listening, r);
	}
	(void)socket_read_drops(&events->socket, &events->loss.drops);
	pthread_mutex_lock(&events->lock);
	events->canary.pid = getpid();
	events->stats = events->counted;
	events->is_open = true;
	pthread_mutex_unlock(&events->lock);
	return 0;
}

/* A child shares the socket, but not the state of the lock. */
static void close_in_child(struct nfbind_events *events)
{
	resync_close(events->resync);
	if (events->is_open)
		socket_close(&events->socket);
	events->is_open = false;
	events->is_closing = true;
}

static void close_here(struct nfbind_events *events)
{
	pthread_mutex_lock(&events->lock);
	events->is_closing = true;
	pthread_mutex_unlock(&events->lock);
	wake_stir(&events->wake);
	pthread_mutex_lock(&events->lock);
	while (events->is_receiving || events->readers > 0)
		pthread_cond_wait(&events->changed, &events->lock);
	resync_close(events->resync);
	if (events->is_open)
		socket_close(&events->socket);
	events->is_open = false;
	pthread_mutex_unlock(&events->lock);
}

int nfbind_events_close(struct nfbind_events *events)
{
	if (!events)
		return -EINVAL;
	if (canary_is_forked(&events->canary))
		close_in_child(events);
	else
		close_here(events);
	return 0;
}

void nfbind_events_free(struct nfbind_events *events)
{
	if (!events)
		return;
	(void)nfbind_events_close(events);
	/* Not in close: another thread may be in wake. */
	wake_close(&events->wake);
	for (size_t i = 0; i < events->filters_count; i++)
		nfbind_filter_free(events->filters[i]);
	free(events->filters);
	resync_free(events->resync);
	free(events->intake.datagrams);
	free(events->intake.room);
	canary_free(&events->canary);
	pthread_mutex_destroy(&events->lock);
	pthread_cond_destroy(&events->changed);
	free(events);
}

int nfbind_events_last_message(struct nfbind_events *events, char *ret_text, size_t ret_text_size)
{
	struct text text;

	if (!events)
		return -EINVAL;
	text_start(&text, ret_text, ret_text_size);
	if (canary_is_forked(&events->canary)) {
		text_add(&text, "the session belongs to the parent process");
		return (int)text.len;
	}
	pthread_mutex_lock(&events->lock);
	text_add(&text, "%s", events->message);
	pthread_mutex_unlock(&events->lock);
	return (int)text.len;
}

int nfbind_events_read_stats(struct nfbind_events *events, struct nfbind_events_stats *ret_stats,
			     size_t ret_stats_size)
{
	struct nfbind_events_stats stats;
	int r = ret_stats ? start(events) : -EINVAL;

	if (r < 0)
		return r;
	stats = events->stats;
	/* The socket must not be closed under us. */
	events->readers++;
	pthread_mutex_unlock(&events->lock);
	stats.receive_buffer = events->socket.receive_buffer;
	(void)socket_read_port_id(&events->socket, &stats.port_id);
	(void)socket_read_drops(&events->socket, &stats.socket_drops);
	pthread_mutex_lock(&events->lock);
	events->readers--;
	if (events->is_closing)
		pthread_cond_broadcast(&events->changed);
	pthread_mutex_unlock(&events->lock);
	plain_copy(ret_stats, ret_stats_size, &stats, sizeof(stats));
	return 0;
}

int nfbind_events_get_fd(struct nfbind_events *events)
{
	int r = start(events);

	if (r < 0)
		return r;
	r = events->socket.fd;
	pthread_mutex_unlock(&events->lock);
	return r;
}

void nfbind_events_wake(struct nfbind_events *events)
{
	/* A signal handler may be here. */
	if (events)
		wake_set(&events->wake);
}
