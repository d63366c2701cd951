/* SPDX-License-Identifier: MIT */
/*
 * Print what happens to the connections that the kernel tracks, and to expectations, as
 * it happens. Without options it prints what `conntrack -E` does. It shows an event
 * session (new, filter, open, receive, next, free), a loss that comes as an item of its
 * own, and with --resync what the session makes of it: lists whose differences come as
 * items, too.
 *
 *     watch_events [-p PROTO] [-s ADDRESS] ... [--json] [--resync] ...
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common.h"

static struct nfbind_filter *filter;
static uint64_t extended, save, xml, json, with_id, with_times, with_labels;
static uint64_t only_new, only_update, only_destroy, expect, resync, reliable, all_namespaces;
static uint64_t receive_buffer, most_items;

static const struct flag flags[] = {
	{ "--new", NULL, "only what is added; together with the next two", &only_new, NULL },
	{ "--update", NULL, "only what is changed", &only_update, NULL },
	{ "--destroy", NULL, "only what is removed", &only_destroy, NULL },
	{ "--expect", NULL, "expectations, too", &expect, NULL },
	{ "--resync", NULL, "the table first, and after a loss what was missed", &resync, NULL },
	{ "--reliable", NULL, "removals again until they were received", &reliable, NULL },
	{ "--all", NULL, "of all network namespaces that have an id here", &all_namespaces, NULL },
	{ "--buffer", "BYTES", "receive buffer; default 8 MiB", &receive_buffer, NULL },
	{ "--count", "COUNT", "end after so many items", &most_items, NULL },
	{ "--extended", NULL, "with the network protocol, as -o extended", &extended, NULL },
	{ "--save", NULL, "options that do it again, as -o save; with marks", &save, NULL },
	{ "--xml", NULL, "as -o xml", &xml, NULL },
	{ "--json", NULL, "an object in each line", &json, NULL },
	{ "--id", NULL, "with the kernel's number, as -o id", &with_id, NULL },
	{ "--times", NULL, "with start and end, as -o ktimestamp", &with_times, NULL },
	{ "--labels", NULL, "with the names of labels, as -o labels", &with_labels, NULL },
	{ NULL },
};

static const struct manual manual = {
	.name = "watch_events",
	.arguments = "[OPTION]...",
	.about = "Print what happens to the connections that the kernel tracks, one in a line.",
	.flags = flags,
	.filter = &filter,
	.more = "It needs CAP_NET_ADMIN. Connections are tracked where a rule asks for it, as\n\n"
		"  iptables -A OUTPUT -m conntrack --ctstate INVALID -j DROP\n",
};

/* Words for one kind of item, by the form. */
struct words {
	uint32_t kind;
	const char *line, *word;
	char option; /* of conntrack(8) */
	bool is_expectation;
};

static const struct words words[] = {
	{ NFBIND_EVENT_CT_NEW, "    [NEW] ", "new", 'A', false },
	{ NFBIND_EVENT_CT_UPDATE, " [UPDATE] ", "update", 'U', false },
	{ NFBIND_EVENT_CT_DESTROY, "[DESTROY] ", "destroy", 'D', false },
	{ NFBIND_EVENT_EXP_NEW, "    [NEW] ", "new", 'A', true },
	{ NFBIND_EVENT_EXP_DESTROY, "[DESTROY] ", "destroy", 'D', true },
};

static const struct words *words_of(uint32_t kind)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i].kind == kind)
			return &words[i];
	return NULL;
}

/* Printing. */

static struct nfbind_labels *labels;
static uint64_t items;

static uint32_t chosen_format(void)
{
	return extended ? NFBIND_FORMAT_EXTENDED :
	       save	? NFBIND_FORMAT_SAVE :
	       xml	? NFBIND_FORMAT_XML :
	       json	? NFBIND_FORMAT_JSON :
			  NFBIND_FORMAT_LINE;
}

static uint32_t chosen_parts(void)
{
	return (with_id ? NFBIND_PRINT_ID : 0) | (with_times ? NFBIND_PRINT_TIMESTAMP : 0) |
	       (save ? NFBIND_PRINT_MARK : 0);
}

static void print_json(const struct nfbind_event *event, const struct words *how, const char *text)
{
	printf("{\"event\":\"%s\",\"listed\":%s,\"blind\":%s,\"port-id\":%" PRIu32 ",\"nsid\":%" PRId32
	       ",\"%s\":%s}\n",
	       how->word, event->flags & NFBIND_EVENT_RESYNC ? "true" : "false",
	       event->flags & NFBIND_EVENT_BLIND ? "true" : "false", event->port_id, event->nsid,
	       how->is_expectation ? "expectation" : "connection", text);
}

/* XML says what happened in an attribute, the saved form in its first option. */
static void print_line(const struct nfbind_event *event, const struct words *how, const char *text)
{
	const char *element = xml && !how->is_expectation && strncmp(text, "<flow", 5) == 0 ? text + 5 : NULL;

	if (element)
		printf("<flow type=\"%s\"%s", how->word, element);
	else if (save && strncmp(text, "-A ", 3) == 0)
		printf("-%c %s", how->option, text + 3);
	else
		printf("%s%s", xml || save ? "" : how->line, text);
	if (event->port_id != 0)
		printf(" [USERSPACE] portid=%" PRIu32, event->port_id);
	if (event->nsid >= 0)
		printf(" [NAMESPACE] id=%" PRId32, event->nsid);
	printf("%s%s\n", event->flags & NFBIND_EVENT_RESYNC ? " [LISTED]" : "",
	       event->flags & NFBIND_EVENT_BLIND ? " [BLIND]" : "");
}

static void print_object(const struct nfbind_event *event, const struct words *how,
			 const struct nfbind_ct *ct, const struct nfbind_exp *exp)
{
	static char text[1 << 16];
	int r = how->is_expectation ? nfbind_exp_print(exp, chosen_format(), text, sizeof(text)) :
				      nfbind_ct_print(ct, chosen_format(), chosen_parts(), labels, text,
						      sizeof(text));

	if (r < 0)
		snprintf(text, sizeof(text), "%s", nfbind_error_name(r));
	if (json)
		print_json(event, how, text);
	else
		print_line(event, how, text);
}

/* What is no connection and no expectation stands in its place, too. */
static void print_notice(const char *word, const char *sentence, uint64_t lost)
{
	if (json)
		printf("{\"event\":\"%s\",\"lost\":%" PRIu64 "}\n", word, lost);
	else
		printf("%s%s: %" PRIu64 " lost%s\n", xml ? "<!-- " : "# ", sentence, lost, xml ? " -->" : "");
}

static void print_item(const struct nfbind_event *event, const struct nfbind_ct *ct,
		       const struct nfbind_exp *exp)
{
	const struct words *how = words_of(event->kind);

	items++;
	if (how)
		print_object(event, how, ct, exp);
	else if (event->kind == NFBIND_EVENT_OVERRUN)
		print_notice("overrun", "the receive buffer ran over", event->lost);
	else if (event->kind == NFBIND_EVENT_MALFORMED)
		print_notice("malformed", "a message could not be read", 1);
	else if (event->kind == NFBIND_EVENT_SYNCED)
		print_notice("synced", "the table was listed", 0);
	else
		print_notice("limit", "there is too much to remember", 0);
}

/* Listening. */

static bool is_enough(void)
{
	return most_items != 0 && items >= most_items;
}

static int watch(struct nfbind_events *events, struct nfbind_ct *ct, struct nfbind_exp *exp)
{
	struct nfbind_event event;
	int r = 0;

	while (r >= 0 && !is_enough()) {
		r = nfbind_events_receive(events, -1);
		if (r == -EINTR)
			r = 0;
		while (r >= 0 && !is_enough() &&
		       (r = nfbind_events_next(events, &event, sizeof(event), ct, exp)) == 0)
			print_item(&event, ct, exp);
		if (r == -ENODATA)
			r = 0;
		fflush(stdout);
	}
	return r == -ECANCELED ? 0 : r;
}

static void print_counters_of(struct nfbind_events *events)
{
	struct nfbind_events_stats stats;

	if (nfbind_events_read_stats(events, &stats, sizeof(stats)) < 0)
		return;
	fprintf(stderr,
		"watch_events: %" PRIu64 " events, %" PRIu64 " filtered out, %" PRIu64 " lost in %" PRIu64
		" overruns, %" PRIu64 " spoofed, %" PRIu64 " malformed\n",
		stats.events, stats.filtered, stats.lost, stats.overruns, stats.spoofed, stats.malformed);
}

static int watch_and_count(struct nfbind_events *events)
{
	struct nfbind_exp *exp = NULL;
	struct nfbind_ct *ct = NULL;
	int r;

	labels = with_labels ? read_label_names() : NULL;
	if ((r = nfbind_ct_new(&ct)) == 0 && (r = nfbind_exp_new(&exp)) == 0) {
		if (xml)
			printf("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<conntrack>\n");
		r = watch(events, ct, exp);
		if (xml)
			printf("</conntrack>\n");
	}
	if (r < 0)
		fail_events(events, "watching", r);
	print_counters_of(events);
	nfbind_labels_free(labels);
	nfbind_exp_free(exp);
	nfbind_ct_free(ct);
	return r < 0;
}

/* The program. */

static uint32_t chosen_events(void)
{
	uint32_t chosen = (only_new ? NFBIND_EVENT_CT_NEW : 0) | (only_update ? NFBIND_EVENT_CT_UPDATE : 0) |
			  (only_destroy ? NFBIND_EVENT_CT_DESTROY : 0);

	if (chosen == 0)
		chosen = NFBIND_EVENT_CT_NEW | NFBIND_EVENT_CT_UPDATE | NFBIND_EVENT_CT_DESTROY;
	return chosen | (expect ? NFBIND_EVENT_EXP_NEW | NFBIND_EVENT_EXP_DESTROY : 0);
}

static int open_events(struct nfbind_events *events)
{
	struct nfbind_options *options = NULL;
	char said[4096];
	int r = nfbind_options_new(&options);

	/* An empty filter would let everything through, and only take time. */
	if (r == 0 && nfbind_filter_print(filter, said, sizeof(said)) > 0)
		r = nfbind_events_add_filter(events, filter);
	if (r == 0) {
		nfbind_options_set_number(options, NFBIND_OPTIONS_EVENTS, chosen_events());
		nfbind_options_set_number(options, NFBIND_OPTIONS_RESYNC, resync);
		nfbind_options_set_number(options, NFBIND_OPTIONS_RELIABLE, reliable);
		nfbind_options_set_number(options, NFBIND_OPTIONS_ALL_NAMESPACES, all_namespaces);
		if (receive_buffer)
			nfbind_options_set_number(options, NFBIND_OPTIONS_RECEIVE_BUFFER, receive_buffer);
		r = nfbind_events_open(events, options);
	}
	nfbind_options_free(options);
	return r;
}

int main(int argc, char **argv)
{
	struct nfbind_events *events = NULL;
	int r, status;

	if ((r = nfbind_filter_new(&filter)) < 0)
		return fail_events(NULL, "starting", r);
	read_arguments(&manual, argc, argv);
	if (extended + save + xml + json > 1)
		refuse_arguments("one form at a time", "--extended, --save, --xml or --json");
	setvbuf(stdout, NULL, _IOFBF, 1 << 16); /* there may be many lines */
	if ((r = nfbind_events_new(&events)) < 0 || (r = open_events(events)) < 0) {
		status = fail_events(events, "opening an event session", r);
	} else {
		wake_events_on_signals(events);
		fprintf(stderr, "watch_events: it is listening; Ctrl-C ends\n");
		status = watch_and_count(events);
		forget_signals();
	}
	nfbind_events_free(events);
	nfbind_filter_free(filter);
	return status;
}
