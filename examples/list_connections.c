/* SPDX-License-Identifier: MIT */
/*
 * Print every connection that the kernel tracks, or every expectation, in one line
 * each. It shows a request session (new, open, list, free), a filter, and that entries
 * are pulled one by one into one object.
 *
 *     list_connections [--expect] [--family 4|6] [--mark M[/MASK]] [--zone N]
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nfbind/nfbind.h>

static const char help[] =
	"usage: list_connections [--expect] [--family 4|6] [--mark M[/MASK]] [--zone N]\n\n"
	"Print the connections that the kernel tracks, one in a line.\n\n"
	"  --expect           print the expectations instead; no other option goes with it\n"
	"  --family 4|6       of IPv4 or IPv6 only\n"
	"  --mark M[/MASK]    with this mark, in the bits of the mask\n"
	"  --zone N           in this zone\n"
	"  --help             print this text\n\n"
	"It needs CAP_NET_ADMIN. Connections are tracked where a rule asks for it, as\n\n"
	"  iptables -A OUTPUT -m conntrack --ctstate INVALID -j DROP\n";

static void refuse(const char *text, const char *detail)
{
	fprintf(stderr, "list_connections: %s: %s (try --help)\n", text, detail);
	exit(2);
}

/* The number that a text starts with; what follows it must be this. */
static uint64_t read_start(const char *text, uint64_t most, char follows, const char **ret_rest)
{
	unsigned long long number;
	char *end;

	errno = 0;
	number = strtoull(text, &end, 0);
	if (errno || end == text || *text == '-' || number > most || (*end && *end != follows))
		refuse("not a number that fits here", text);
	if (ret_rest)
		*ret_rest = *end ? end + 1 : NULL;
	return number;
}

static void read_mark(struct nfbind_filter *filter, const char *text)
{
	const char *mask;

	nfbind_filter_set_number(filter, NFBIND_FILTER_MARK, read_start(text, UINT32_MAX, '/', &mask));
	if (mask)
		nfbind_filter_set_number(filter, NFBIND_FILTER_MARK_MASK,
				     read_start(mask, UINT32_MAX, '\0', NULL));
}

static void read_option(struct nfbind_filter *filter, const char *name, const char *value)
{
	if (strcmp(name, "--mark") == 0)
		read_mark(filter, value);
	else if (strcmp(name, "--zone") == 0)
		nfbind_filter_set_number(filter, NFBIND_FILTER_ZONE,
				     read_start(value, UINT16_MAX, '\0', NULL));
	else if (strcmp(value, "4") == 0 || strcmp(value, "6") == 0)
		nfbind_filter_set_number(filter, NFBIND_FILTER_L3PROTO, *value == '4' ? 2 : 10);
	else
		refuse("not a family", value);
}

/* The filter takes what was said; the result is whether expectations are wanted. */
static bool read_arguments(struct nfbind_filter *filter, int argc, char **argv)
{
	bool is_filtered = false, expect = false;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0) {
			fputs(help, stdout);
			exit(0);
		}
		if (strcmp(argv[i], "--expect") == 0) {
			expect = true;
			continue;
		}
		if (strcmp(argv[i], "--family") != 0 && strcmp(argv[i], "--mark") != 0 &&
		    strcmp(argv[i], "--zone") != 0)
			refuse("unknown option", argv[i]);
		if (i + 1 == argc)
			refuse("a value is missing behind", argv[i]);
		read_option(filter, argv[i], argv[i + 1]);
		is_filtered = true;
		i++;
	}
	if (expect && is_filtered)
		refuse("it stands alone", "--expect");
	return expect;
}

/* -ENODATA is the end of a complete list. */
static int print_connections(struct nfbind_list *list)
{
	struct nfbind_ct *ct;
	char text[4096];
	int r;

	if ((r = nfbind_ct_new(&ct)) < 0)
		return r;
	while ((r = nfbind_list_next_ct(list, ct)) == 0) {
		nfbind_ct_print(ct, NFBIND_FORMAT_FIELDS, 0, NULL, text, sizeof(text));
		puts(text);
	}
	nfbind_ct_free(ct);
	return r;
}

static int print_expectations(struct nfbind_list *list)
{
	struct nfbind_exp *exp;
	char text[4096];
	int r;

	if ((r = nfbind_exp_new(&exp)) < 0)
		return r;
	while ((r = nfbind_list_next_exp(list, exp)) == 0) {
		nfbind_exp_print(exp, NFBIND_FORMAT_FIELDS, text, sizeof(text));
		puts(text);
	}
	nfbind_exp_free(exp);
	return r;
}

static int run(struct nfbind_conntrack *conntrack, const struct nfbind_filter *filter, bool expect)
{
	struct nfbind_list *list;
	int r;

	if ((r = nfbind_conntrack_open(conntrack, NULL)) < 0)
		return r;
	r = expect ? nfbind_conntrack_list_exp(conntrack, NULL, &list)
		   : nfbind_conntrack_list_ct(conntrack, filter, NFBIND_LIST_TABLE, 0, &list);
	if (r < 0)
		return r;
	r = expect ? print_expectations(list) : print_connections(list);
	nfbind_list_free(list);
	return r == -ENODATA ? 0 : r;
}

int main(int argc, char **argv)
{
	struct nfbind_conntrack *conntrack = NULL;
	struct nfbind_filter *filter = NULL;
	char sentence[512] = "";
	int r;

	if (nfbind_filter_new(&filter) < 0 || nfbind_conntrack_new(&conntrack) < 0)
		return 1;
	r = run(conntrack, filter, read_arguments(filter, argc, argv));
	if (r < 0) {
		nfbind_conntrack_last_message(conntrack, sentence, sizeof(sentence));
		fprintf(stderr, "list_connections: %s (%s)\n", sentence[0] ? sentence : strerror(-r),
			nfbind_error_name(r));
	}
	nfbind_conntrack_free(conntrack);
	nfbind_filter_free(filter);
	return r < 0;
}
