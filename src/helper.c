/* SPDX-License-Identifier: MIT */
/*
 * A running helper: its records in the kernel and the queue that they name. The queue is
 * bound before a record is enabled, so that nothing passes unhelped once it is, and it is
 * what tells a crashed run's leftover from a helper that somebody runs: only the
 * leftover's queue is free. On the way out the records go first, so that nothing new is
 * queued, then what still waits is let go.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <nfbind/conntrack.h>
#include <nfbind/helper.h>

#include "cthelper.h"
#include "options.h"
#include "queue.h"
#include "text.h"

enum {
	FAMILIES = 2,
	LAST_RECEIVES = 256, /* how often we look for packets that still wait */
};

static const struct {
	uint16_t l3proto;
	const char *name;
} families[FAMILIES] = { { 2, "IPv4" }, { 10, "IPv6" } };

struct nfbind_helper {
	struct nfbind_conntrack *conntrack;
	struct nfbind_queue *queue;
	struct nfbind_cthelper record; /* as it should be in the kernel, but for the family */
	bool is_wanted[FAMILIES];
	bool is_ours[FAMILIES];        /* in the kernel */
	bool is_open;
	bool was_closed;
	bool keeps_record;
	pid_t pid;
	char message[600];
};

/* Sentences. */

__attribute__((format(printf, 3, 4))) static int fail(struct nfbind_helper *helper, int error,
						       const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(helper->message, sizeof(helper->message), format, arguments);
	va_end(arguments);
	return error;
}

static int fail_as_queue(struct nfbind_helper *helper, int error)
{
	(void)nfbind_queue_last_message(helper->queue, NFBIND_SIDE_RECEIVE, helper->message,
					sizeof(helper->message));
	return error;
}

static int fail_as_conntrack(struct nfbind_helper *helper, int error, unsigned int family)
{
	char text[512];

	(void)nfbind_conntrack_last_message(helper->conntrack, text, sizeof(text));
	return fail(helper, error, "helper %.*s for %s: %s", helper->record.name.len,
		    (const char *)helper->record.name.bytes, families[family].name, text);
}

/* Life. */

int nfbind_helper_new(struct nfbind_helper **ret_helper)
{
	struct nfbind_helper *helper = calloc(1, sizeof(*helper));

	if (!helper)
		return -ENOMEM;
	*ret_helper = helper;
	return 0;
}

struct nfbind_queue *nfbind_helper_get_queue(struct nfbind_helper *helper)
{
	return helper ? helper->queue : NULL;
}

int nfbind_helper_last_message(struct nfbind_helper *helper, char *ret_text, size_t ret_text_size)
{
	struct text text;

	if (!helper)
		return -EINVAL;
	text_start(&text, ret_text, ret_text_size);
	text_add(&text, "%s", helper->message);
	return (int)text.len;
}

/* The record, as it is to be. */

static void set_default(struct nfbind_cthelper *record, uint32_t field, uint64_t value)
{
	if (field_has(&cthelper_fields, record, field) == 0)
		(void)field_set_number(&cthelper_fields, record, field, value);
}

static struct nfbind_cthelper record_for(const struct nfbind_helper *helper, unsigned int family)
{
	struct nfbind_cthelper record = helper->record;

	(void)field_set_number(&cthelper_fields, &record, NFBIND_CTHELPER_L3PROTO,
			       families[family].l3proto);
	return record;
}

/* Without a network protocol it is meant for both. */
static int take_record(struct nfbind_helper *helper, const struct nfbind_cthelper *record)
{
	uint64_t l3proto = field_number_or(&cthelper_fields, record, NFBIND_CTHELPER_L3PROTO, 0);
	const char *why;

	helper->record = *record;
	set_default(&helper->record, NFBIND_CTHELPER_QUEUE, 0);
	set_default(&helper->record, NFBIND_CTHELPER_PRIV_DATA_LEN, 0);
	set_default(&helper->record, NFBIND_CTHELPER_STATUS, NFBIND_CTHELPER_STATUS_ENABLED);
	set_default(&helper->record, NFBIND_CTHELPER_L3PROTO, families[0].l3proto);
	why = cthelper_new_problem(&helper->record);
	if (why)
		return fail(helper, -EINVAL, "the helper's record: %s", why);
	for (unsigned int i = 0; i < FAMILIES; i++)
		helper->is_wanted[i] = l3proto == 0 || l3proto == families[i].l3proto;
	return 0;
}

/* The queue. */

static int set_unless_given(struct nfbind_options *options, uint32_t option, uint64_t value)
{
	return field_has(&options_fields, options, option) > 0 ?
		       0 : field_set_number(&options_fields, options, option, value);
}

/* A helper is there to help: what nobody decides on passes. */
static int complete_options(struct nfbind_options *options)
{
	int r = field_set_number(&options_fields, options, NFBIND_OPTIONS_CONNTRACK, 1);

	if (r == 0)
		r = set_unless_given(options, NFBIND_OPTIONS_GSO, 0);
	if (r == 0)
		r = set_unless_given(options, NFBIND_OPTIONS_DEFAULT_VERDICT, NFBIND_VERDICT_ACCEPT);
	return r;
}

static int bind_queue(struct nfbind_helper *helper, const struct nfbind_options *options)
{
	struct nfbind_options copy = { 0 };
	int r = options ? field_copy(&options_fields, &copy, options) : 0;

	if (r == 0)
		r = complete_options(&copy);
	if (r == 0)
		r = nfbind_queue_bind(helper->queue, (uint16_t)helper->record.queue, &copy);
	field_reset(&options_fields, &copy);
	return r < 0 ? fail_as_queue(helper, r) : 0;
}

/* What another run left. */

struct leftover {
	bool is_there;
	struct nfbind_cthelper record;
};

static int look_for_leftover(struct nfbind_helper *helper, unsigned int family,
			     struct leftover *leftover)
{
	struct nfbind_cthelper record = record_for(helper, family);
	int r = nfbind_conntrack_fetch_cthelper(helper->conntrack, &record, &leftover->record);

	leftover->is_there = r == 0;
	return r == 0 || r == -ENOENT ? 0 : fail_as_conntrack(helper, r, family);
}

/* Its queue is free, and so nobody runs it: here, that is, and not in another namespace. */
static int check_abandoned(struct nfbind_helper *helper, const struct nfbind_cthelper *leftover)
{
	char text[400];
	int r = diagnose_taken(helper->queue, (uint16_t)leftover->queue);

	if (r != -EBUSY)
		return r < 0 ? fail_as_queue(helper, r) : 0;
	(void)nfbind_queue_last_message(helper->queue, NFBIND_SIDE_RECEIVE, text, sizeof(text));
	return fail(helper, -EBUSY, "helper %.*s is there already, and somebody runs it: %s",
		    helper->record.name.len, (const char *)helper->record.name.bytes, text);
}

static int replace(struct nfbind_helper *helper, const struct nfbind_cthelper *record,
		   unsigned int family)
{
	int r = nfbind_conntrack_remove_cthelper(helper->conntrack, record);

	if (r == -EBUSY)
		return fail(helper, r, "helper %.*s for %s is there already with other policies or another private data length, and a rule still refers to it: take that rule away first",
			    helper->record.name.len, (const char *)helper->record.name.bytes,
			    families[family].name);
	if (r == 0 || r == -ENOENT)
		r = nfbind_conntrack_add_cthelper(helper->conntrack, record);
	return r < 0 ? fail_as_conntrack(helper, r, family) : 0;
}

static int take_over(struct nfbind_helper *helper, const struct leftover *leftover,
		     unsigned int family)
{
	struct nfbind_cthelper record = record_for(helper, family);
	int r;

	if (field_equal(&cthelper_fields, &record, &leftover->record))
		return 0;
	r = nfbind_conntrack_change_cthelper(helper->conntrack, &record);
	if (r == -EBUSY || r == -EOPNOTSUPP)
		return replace(helper, &record, family);
	return r < 0 ? fail_as_conntrack(helper, r, family) : 0;
}

static int add(struct nfbind_helper *helper, unsigned int family)
{
	struct nfbind_cthelper record = record_for(helper, family);
	int r = nfbind_conntrack_add_cthelper(helper->conntrack, &record);

	return r < 0 ? fail_as_conntrack(helper, r, family) : 0;
}

/* Leaving. */

static int disable(struct nfbind_helper *helper, const struct nfbind_cthelper *record,
		   unsigned int family)
{
	struct nfbind_cthelper change = *record;
	int r;

	for (uint32_t field = NFBIND_CTHELPER_QUEUE; field < cthelper_fields.count; field++)
		(void)field_clear(&cthelper_fields, &change, field);
	(void)field_set_number(&cthelper_fields, &change, NFBIND_CTHELPER_STATUS,
			       NFBIND_CTHELPER_STATUS_DISABLED);
	r = nfbind_conntrack_change_cthelper(helper->conntrack, &change);
	return r < 0 && r != -ENOENT ? fail_as_conntrack(helper, r, family) : 0;
}

static int deregister(struct nfbind_helper *helper, unsigned int family)
{
	struct nfbind_cthelper record = record_for(helper, family);
	int r = nfbind_conntrack_remove_cthelper(helper->conntrack, &record);

	if (r == -EBUSY) {
		r = disable(helper, &record, family);
		return r < 0 ? r : fail(helper, -EBUSY, "a rule still refers to helper %.*s for %s: it was disabled and not removed",
					record.name.len, (const char *)record.name.bytes,
					families[family].name);
	}
	return r < 0 && r != -ENOENT ? fail_as_conntrack(helper, r, family) : 0;
}

/*
 * Where a rule keeps the first, the other stays as well: since Linux 5.19 the end of any
 * helper takes those that remain from the rules of iptables, until they are made again.
 */
static int deregister_all(struct nfbind_helper *helper)
{
	int error = 0;

	for (unsigned int i = 0; i < FAMILIES; i++) {
		struct nfbind_cthelper record = record_for(helper, i);
		int r = 0;

		if (helper->is_ours[i])
			r = helper->keeps_record || error == -EBUSY ?
				    disable(helper, &record, i) : deregister(helper, i);
		helper->is_ours[i] = false;
		error = r < 0 ? r : error;
	}
	return error;
}

/* What was queued before the records went gets the default verdict instead of being dropped. */
static void let_the_rest_go(struct nfbind_helper *helper)
{
	struct nfbind_batch *batch;
	int r = 0;

	/* A wake that nobody took is not the end. */
	for (unsigned int i = 0; i < LAST_RECEIVES && (r >= 0 || r == -ECANCELED); i++)
		r = nfbind_queue_receive(helper->queue, 0, &batch);
	(void)nfbind_queue_settle(helper->queue);
}

static int leave(struct nfbind_helper *helper)
{
	int error = deregister_all(helper);

	let_the_rest_go(helper);
	/* A child may have the socket, too: closing it would not do. */
	(void)nfbind_queue_unbind(helper->queue, (uint16_t)helper->record.queue);
	return error;
}

static void free_sessions(struct nfbind_helper *helper)
{
	nfbind_queue_free(helper->queue);
	nfbind_conntrack_free(helper->conntrack);
	helper->queue = NULL;
	helper->conntrack = NULL;
}

/* As if it had never been opened, but for the sentence. */
static void undo(struct nfbind_helper *helper)
{
	char why[sizeof(helper->message)];

	memcpy(why, helper->message, sizeof(why));
	(void)leave(helper);
	memcpy(helper->message, why, sizeof(why));
	free_sessions(helper);
	helper->is_open = false;
}

/* Opening. */

static int register_all(struct nfbind_helper *helper, const struct leftover *leftovers)
{
	int r = 0;

	for (unsigned int i = 0; r == 0 && i < FAMILIES; i++)
		if (leftovers[i].is_there)
			r = check_abandoned(helper, &leftovers[i].record);
	for (unsigned int i = 0; r == 0 && i < FAMILIES; i++) {
		if (!helper->is_wanted[i])
			continue;
		r = leftovers[i].is_there ? take_over(helper, &leftovers[i], i) : add(helper, i);
		helper->is_ours[i] = r == 0;
	}
	return r;
}

static int look_for_leftovers(struct nfbind_helper *helper, const struct nfbind_options *options,
			      struct leftover *leftovers)
{
	bool takes_over = options_number(options, NFBIND_OPTIONS_TAKE_OVER, 1) != 0;

	for (unsigned int i = 0; i < FAMILIES; i++) {
		int r = helper->is_wanted[i] ? look_for_leftover(helper, i, &leftovers[i]) : 0;

		if (r < 0)
			return r;
		if (leftovers[i].is_there && !takes_over)
			return fail(helper, -EEXIST, "helper %.*s for %s is there already",
				    helper->record.name.len, (const char *)helper->record.name.bytes,
				    families[i].name);
	}
	return 0;
}

static int open_sessions(struct nfbind_helper *helper, const struct nfbind_options *options)
{
	int r = nfbind_conntrack_new(&helper->conntrack);

	if (r == 0)
		r = nfbind_queue_new(&helper->queue);
	if (r < 0)
		return fail(helper, r, "no memory for a helper");
	r = nfbind_queue_open(helper->queue, options);
	if (r < 0)
		return fail_as_queue(helper, r);
	r = nfbind_conntrack_open(helper->conntrack, options);
	if (r < 0)
		(void)nfbind_conntrack_last_message(helper->conntrack, helper->message,
						    sizeof(helper->message));
	return r;
}

static int run(struct nfbind_helper *helper, const struct nfbind_options *options)
{
	struct leftover leftovers[FAMILIES] = { 0 };
	int r = open_sessions(helper, options);

	if (r == 0)
		r = look_for_leftovers(helper, options, leftovers);
	if (r == 0)
		r = bind_queue(helper, options);
	return r < 0 ? r : register_all(helper, leftovers);
}

int nfbind_helper_open(struct nfbind_helper *helper, const struct nfbind_cthelper *cthelper,
		       const struct nfbind_options *options)
{
	int r;

	if (!helper || !cthelper)
		return -EINVAL;
	if (helper->was_closed || helper->is_open)
		return fail(helper, helper->is_open ? -EALREADY : -ESHUTDOWN, "the helper %s",
			    helper->is_open ? "is open already" : "was closed");
	if (options && nfbind_options_has(options, NFBIND_OPTIONS_SOCKET_FD) > 0)
		return fail(helper, -EINVAL, "a helper takes two sockets, so that none can be given");
	helper->message[0] = '\0';
	r = take_record(helper, cthelper);
	if (r < 0)
		return r;
	helper->pid = getpid();
	helper->is_open = true;
	r = run(helper, options);
	if (r < 0)
		undo(helper);
	else
		helper->keeps_record = options_number(options, NFBIND_OPTIONS_KEEP_RECORD, 0) != 0;
	return r;
}

/* Closing. */

int nfbind_helper_close(struct nfbind_helper *helper)
{
	int error = 0, r = 0;

	if (!helper)
		return -EINVAL;
	/* A child lets go of the sockets alone. */
	if (helper->is_open && helper->pid == getpid())
		error = leave(helper);
	helper->is_open = false;
	helper->was_closed = true;
	if (helper->queue)
		r = nfbind_queue_close(helper->queue);
	if (helper->conntrack)
		(void)nfbind_conntrack_close(helper->conntrack);
	return error < 0 ? error : r;
}

void nfbind_helper_free(struct nfbind_helper *helper)
{
	if (!helper)
		return;
	(void)nfbind_helper_close(helper);
	free_sessions(helper);
	free(helper);
}
