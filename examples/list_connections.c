/* SPDX-License-Identifier: MIT */
/*
 * Print the connections that the kernel tracks, or the expectations, in any of the forms
 * that the library writes. Without options it prints what `conntrack -L` does. It shows
 * a request session (new, open, list, free), a filter, that entries are pulled one by one
 * into one object, and that the end of a list says whether it was complete.
 *
 *     list_connections [-p PROTO] [-s ADDRESS] ... [--json] ...
 */
#include <errno.h>
#include <stdio.h>

#include <nfbind/nfbind.h>

#include "common.h"

static struct nfbind_filter *filter;
static uint64_t extended, save, xml, json, fields, with_id, with_times, with_labels;
static uint64_t zero, dying, unconfirmed, unique, expect;

static const struct flag flags[] = {
	{ "--extended", NULL, "with the network protocol, as -o extended", &extended, NULL },
	{ "--save", NULL, "options that make the entry again, as -o save; with marks", &save, NULL },
	{ "--xml", NULL, "as -o xml", &xml, NULL },
	{ "--json", NULL, "an object in each line", &json, NULL },
	{ "--fields", NULL, "all that the kernel says, name=value", &fields, NULL },
	{ "--id", NULL, "with the kernel's number, as -o id", &with_id, NULL },
	{ "--times", NULL, "with start and age, as -o ktimestamp", &with_times, NULL },
	{ "--labels", NULL, "with the names of labels, as -o labels", &with_labels, NULL },
	{ "-z", NULL, "set the counters to zero", &zero, NULL },
	{ "--dying", NULL, "those that are being removed", &dying, NULL },
	{ "--unconfirmed", NULL, "those not confirmed yet; none since Linux 5.19", &unconfirmed, NULL },
	{ "--unique", NULL, "none twice, which a list under change may say", &unique, NULL },
	{ "--expect", NULL, "expectations; of the others, forms go with it", &expect, NULL },
	{ NULL },
};

static const struct manual manual = {
	.name = "list_connections",
	.arguments = "[OPTION]...",
	.about = "Print the connections that the kernel tracks, one in a line.",
	.flags = flags,
	.filter = &filter,
	.more = "It needs CAP_NET_ADMIN. Connections are tracked where a rule asks for it, as\n\n"
		"  iptables -A OUTPUT -m conntrack --ctstate INVALID -j DROP\n",
};

static uint32_t chosen_format(void)
{
	return extended ? NFBIND_FORMAT_EXTENDED :
	       save	? NFBIND_FORMAT_SAVE :
	       xml	? NFBIND_FORMAT_XML :
	       json	? NFBIND_FORMAT_JSON :
	       fields	? NFBIND_FORMAT_FIELDS :
			  NFBIND_FORMAT_LINE;
}

static uint32_t chosen_parts(void)
{
	return (with_id ? NFBIND_PRINT_ID : 0) | (with_times ? NFBIND_PRINT_TIMESTAMP : 0) |
	       (save ? NFBIND_PRINT_MARK : 0);
}

static uint32_t chosen_kind(void)
{
	return zero	   ? NFBIND_LIST_ZERO :
	       dying	   ? NFBIND_LIST_DYING :
	       unconfirmed ? NFBIND_LIST_UNCONFIRMED :
			     NFBIND_LIST_TABLE;
}

static const char *root(void)
{
	return expect ? "expect" : "conntrack";
}

/* XML has a root, except where conntrack(8) prints nothing either: for no entries. */
static uint64_t printed;

static void print_entry(const char *text)
{
	if (xml && printed++ == 0)
		printf("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<%s>\n", root());
	puts(text);
}

static void print_end(void)
{
	if (printed > 0)
		printf("</%s>\n", root());
}

/* -ENODATA is the end of a complete list. */
static int print_connections(struct nfbind_list *list)
{
	struct nfbind_labels *labels = with_labels ? read_label_names() : NULL;
	static char text[1 << 16];
	struct nfbind_ct *ct = NULL;
	int r = nfbind_ct_new(&ct);

	while (r == 0 && (r = nfbind_list_next_ct(list, ct)) == 0) {
		nfbind_ct_print(ct, chosen_format(), chosen_parts(), labels, text, sizeof(text));
		print_entry(text);
	}
	nfbind_ct_free(ct);
	nfbind_labels_free(labels);
	return r;
}

static int print_expectations(struct nfbind_list *list)
{
	static char text[1 << 16];
	struct nfbind_exp *exp = NULL;
	int r = nfbind_exp_new(&exp);

	while (r == 0 && (r = nfbind_list_next_exp(list, exp)) == 0) {
		nfbind_exp_print(exp, chosen_format(), text, sizeof(text));
		print_entry(text);
	}
	nfbind_exp_free(exp);
	return r;
}

/* What was printed stands, but who reads it has to know that there is more. */
static int print_list(struct nfbind_list *list)
{
	char sentence[512];
	int r = expect ? print_expectations(list) : print_connections(list);

	print_end();
	fflush(stdout);
	if (r == -ENODATA)
		return 0;
	nfbind_list_last_message(list, sentence, sizeof(sentence));
	return fail_with(sentence, "the list is not complete", r);
}

static int run(struct nfbind_conntrack *conntrack)
{
	struct nfbind_list *list;
	int r, status;

	if ((r = nfbind_conntrack_open(conntrack, NULL)) < 0)
		return fail_request(conntrack, "opening a session", r);
	if (expect)
		r = nfbind_conntrack_list_exp(conntrack, NULL, &list);
	else
		r = nfbind_conntrack_list_ct(conntrack, filter, chosen_kind(),
					     unique ? NFBIND_LIST_UNIQUE : 0, &list);
	if (r < 0)
		return fail_request(conntrack, "listing", r);
	status = print_list(list);
	nfbind_list_free(list);
	return status;
}

static void check_arguments(void)
{
	char said[4096];

	if (extended + save + xml + json + fields > 1)
		refuse_arguments("one form at a time", "--extended, --save, --xml, --json or --fields");
	if (zero + dying + unconfirmed + expect > 1)
		refuse_arguments("one list at a time", "-z, --dying, --unconfirmed or --expect");
	if (expect && nfbind_filter_print(filter, said, sizeof(said)) > 0)
		refuse_arguments("filters are for connections", "--expect");
}

int main(int argc, char **argv)
{
	struct nfbind_conntrack *conntrack = NULL;
	int r, status;

	if ((r = nfbind_filter_new(&filter)) < 0 || (r = nfbind_conntrack_new(&conntrack)) < 0)
		return fail_request(NULL, "starting", r);
	read_arguments(&manual, argc, argv);
	check_arguments();
	setvbuf(stdout, NULL, _IOFBF, 1 << 16); /* there may be many lines */
	status = run(conntrack);
	nfbind_conntrack_free(conntrack);
	nfbind_filter_free(filter);
	return status;
}
