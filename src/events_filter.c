/* SPDX-License-Identifier: MIT */
/*
 * An event session's filters. The session compares with them whatever it gives out, and
 * the kernel has the same as a program, so that it does not even queue what none of them
 * lets through. With a resync the program is a wider one: the session has to hear of an
 * entry that was let through and would not be any more.
 */
#include "events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf.h"
#include "filter.h"
#include "resync.h"
#include "text.h"

bool events_let_through(const struct nfbind_events *events, const struct nfbind_ct *ct)
{
	for (size_t i = 0; i < events->filters_count; i++)
		if (filter_matches(events->filters[i], ct))
			return true;
	return events->filters_count == 0;
}

/* Programs. */

bool events_explain_filter(struct nfbind_events *events, int error)
{
	if (error == -ENOBUFS)
		events_explain(events, "the kernel has no room for the filters' program: net.core.optmem_max is too small for it");
	else if (error == -EBUSY)
		events_explain(events, "the socket has a program of its own that is locked");
	else
		return error == -E2BIG;
	return true;
}

/* It explains itself. */
static int compile(struct nfbind_events *events, struct nfbind_filter *const *filters, size_t count,
		   struct bpf_program *ret_program)
{
	char sentence[sizeof(events->message)];
	struct text why;
	int r;

	*ret_program = (struct bpf_program){ .count = 0 };
	if (!events->has_kernel_filter)
		return 0;
	text_start(&why, sentence, sizeof(sentence));
	r = bpf_compile(filters, count, events->has_resync, ret_program, &why);
	if (r < 0)
		events_explain(events, "%s", r == -ENOMEM ? "out of memory" : sentence);
	return r;
}

int events_open_filtered(struct nfbind_events *events, const struct socket_place *place,
			 uint32_t receive_buffer, struct socket_listening *listening)
{
	struct bpf_program program;
	int r = compile(events, events->filters, events->filters_count, &program);

	if (r < 0)
		return r;
	listening->program = program.code;
	listening->program_count = program.count;
	r = socket_open_for_events(&events->socket, place, receive_buffer, listening);
	events->counted.kernel_filter = r < 0 ? 0 : program.count;
	listening->program = NULL;
	free(program.code);
	return r;
}

static int attach(struct nfbind_events *events, struct nfbind_filter *const *filters, size_t count)
{
	struct bpf_program program;
	int r = compile(events, filters, count, &program);

	if (r < 0 || !events->has_kernel_filter)
		return r;
	r = socket_attach_program(&events->socket, program.code, program.count);
	if (r == 0)
		events->counted.kernel_filter = program.count;
	else if (!events_explain_filter(events, r))
		events_explain(events, "the kernel does not take the filters' program: %s", strerror(-r));
	free(program.code);
	return r;
}

/* Changes. */

static bool is_open(struct nfbind_events *events)
{
	bool result;

	pthread_mutex_lock(&events->lock);
	result = events->is_open && !events->is_closing;
	pthread_mutex_unlock(&events->lock);
	return result;
}

/* As what takes items, once there is another thread; leave ends it. */
static int enter(struct nfbind_events *events)
{
	if (!events)
		return -EINVAL;
	return !canary_is_forked(&events->canary) && is_open(events) ? events_enter(events) :
								       events_check_unopened(events);
}

static void leave(struct nfbind_events *events)
{
	if (events->is_open)
		events_leave(events);
}

/*
 * Take these instead. What the kernel queued before passed the former ones, and is compared
 * with these when it is given out. A copy of the table is another one from here on.
 */
static int replace(struct nfbind_events *events, struct nfbind_filter **filters, size_t count)
{
	int r = events->is_open ? attach(events, filters, count) : 0;

	if (r < 0)
		return r;
	free(events->filters);
	events->filters = filters;
	events->filters_count = count;
	if (events->resync)
		resync_want(events);
	return 0;
}

static int copy_of(const struct nfbind_filter *filter, struct nfbind_filter **ret_copy)
{
	struct nfbind_filter *copy;
	int r = nfbind_filter_new(&copy);

	if (r < 0)
		return r;
	r = nfbind_filter_assign(copy, filter);
	if (r < 0)
		nfbind_filter_free(copy);
	else
		*ret_copy = copy;
	return r;
}

static int add(struct nfbind_events *events, const struct nfbind_filter *filter)
{
	struct nfbind_filter **filters = calloc(events->filters_count + 1, sizeof(filters[0]));
	struct nfbind_filter *copy = NULL;
	int r = filters ? copy_of(filter, &copy) : -ENOMEM;

	if (r == 0) {
		for (size_t i = 0; i < events->filters_count; i++)
			filters[i] = events->filters[i];
		filters[events->filters_count] = copy;
		r = replace(events, filters, events->filters_count + 1);
	}
	if (r < 0) {
		nfbind_filter_free(copy);
		free(filters);
	}
	return r;
}

int nfbind_events_add_filter(struct nfbind_events *events, const struct nfbind_filter *filter)
{
	const char *problem;
	int r = filter ? enter(events) : -EINVAL;

	if (r < 0)
		return r;
	problem = filter_problem(filter);
	if (problem) {
		events_explain(events, "the filter makes no sense: %s", problem);
		r = -EINVAL;
	} else {
		r = add(events, filter);
	}
	leave(events);
	return r;
}

/* All that are equal to it, or all of them. */
static bool is_meant(const struct nfbind_filter *filter, const struct nfbind_filter *wanted)
{
	return !wanted || field_equal(&filter_fields, filter, wanted);
}

static int remove_all(struct nfbind_events *events, const struct nfbind_filter *wanted)
{
	struct nfbind_filter **former = events->filters, **kept;
	size_t former_count = events->filters_count, count = 0;
	int r;

	kept = calloc(former_count + 1, sizeof(kept[0]));
	if (!kept)
		return -ENOMEM;
	/* The removed ones gather behind the others, to be freed. */
	for (size_t i = 0; i < former_count; i++)
		if (!is_meant(former[i], wanted))
			kept[count++] = former[i];
	for (size_t i = 0, at = count; i < former_count; i++)
		if (is_meant(former[i], wanted))
			kept[at++] = former[i];
	r = count == former_count && wanted ? -ENOENT : replace(events, kept, count);
	if (r < 0) {
		free(kept);
		return r;
	}
	for (size_t i = count; i < former_count; i++)
		nfbind_filter_free(kept[i]);
	return 0;
}

int nfbind_events_remove_filter(struct nfbind_events *events, const struct nfbind_filter *filter)
{
	int r = enter(events);

	if (r < 0)
		return r;
	r = remove_all(events, filter);
	if (r == -ENOENT)
		events_explain(events, "the session has no such filter");
	leave(events);
	return r;
}
