/* SPDX-License-Identifier: MIT */
/*
 * Add connections that were written down before, in lines of JSON or of conntrack(8)'s
 * save form. It shows a bulk: thousands of operations leave packed, each gets its own
 * result, and what failed is told with the line that it came from.
 *
 *     list_connections --json >FILE
 *     restore_connections [--change] [--check] [FILE]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nfbind/nfbind.h>

#include "common.h"

enum { TCP = 6, BATCH_MAX = 4096 };

static uint64_t change, check_only, timeout_seconds = 120;

static const struct flag flags[] = {
	{ "--change", NULL, "change what is there already; not its translation", &change, NULL },
	{ "--check", NULL, "read everything, and add nothing", &check_only, NULL },
	{ "--timeout", "SECONDS", "for lines that have none; default 120", &timeout_seconds, NULL },
	{ NULL },
};

static const struct manual manual = {
	.name = "restore_connections",
	.arguments = "[OPTION]... [FILE]",
	.about = "Add the connections in a file, or in standard input, one in a line: JSON or what\n"
		 "conntrack -L -o save prints. Empty lines and those that start with # are skipped.",
	.flags = flags,
	.more = "It needs CAP_NET_ADMIN. `list_connections --json` and `--save` write such files.\n",
	.most = 1,
};

/* Operations, and the lines that they came from. */
struct batch {
	struct nfbind_bulk *bulk;
	uint32_t lines[BATCH_MAX];
};

/* One file on its way into the table. What has a master waits until the others are there. */
struct work {
	struct nfbind_conntrack *conntrack;
	struct nfbind_ct *ct;
	struct nfbind_labels *labels;
	struct batch first, later;
	const char *name; /* of the file */
	uint32_t line;
	uint64_t done, failed;
};

static void tell(struct work *work, uint32_t line, const char *sentence)
{
	fprintf(stderr, "%s:%" PRIu32 ": %s\n", work->name, line, sentence);
	work->failed++;
}

/*
 * The window scale of a saved TCP connection is unknown, and its packets would be judged
 * by it: conntrack(8) -R asks the kernel not to look at windows, too.
 */
static void be_liberal(struct nfbind_ct *ct)
{
	static const uint32_t fields[] = { NFBIND_CT_TCP_FLAGS_ORIG, NFBIND_CT_TCP_FLAGS_REPL,
					   NFBIND_CT_TCP_MASK_ORIG, NFBIND_CT_TCP_MASK_REPL };

	if (!nfbind_ct_has(ct, NFBIND_CT_TCP_STATE) || nfbind_ct_has(ct, NFBIND_CT_TCP_FLAGS_ORIG))
		return;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		nfbind_ct_set_number(ct, fields[i],
				     NFBIND_CT_TCP_FLAG_BE_LIBERAL | NFBIND_CT_TCP_FLAG_SACK_PERM);
}

/* What the kernel listed is not what it takes: translations and status are prepared. */
static int prepare(struct work *work, uint32_t format)
{
	int r = format == NFBIND_FORMAT_JSON ? nfbind_ct_apply(work->ct, NFBIND_CT_OPERATION_RENEW) : 0;

	if (r < 0) {
		tell(work, work->line, "its tuples are not complete");
		return r;
	}
	be_liberal(work->ct);
	if (!nfbind_ct_has(work->ct, NFBIND_CT_TIMEOUT))
		nfbind_ct_set_number(work->ct, NFBIND_CT_TIMEOUT, timeout_seconds);
	return 0;
}

static int read_entry(struct work *work, const char *text)
{
	uint32_t format = *text == '{' ? NFBIND_FORMAT_JSON : NFBIND_FORMAT_SAVE;
	char sentence[512] = "";
	int r = nfbind_ct_parse(work->ct, format, work->labels, text, sentence, sizeof(sentence));

	if (r == 0)
		return prepare(work, format);
	tell(work, work->line, sentence);
	return r;
}

/* What fails does not keep the others from being added; the result is what concerns all. */
static int apply(struct work *work, struct batch *batch)
{
	uint32_t count = nfbind_bulk_count(batch->bulk), failure = 0;
	char sentence[512];
	int r;

	if (count == 0)
		return 0;
	r = check_only ? (int)count : nfbind_conntrack_apply(work->conntrack, batch->bulk);
	if (r < 0)
		return r;
	work->done += (uint64_t)r;
	while (!check_only && nfbind_bulk_find_failure(batch->bulk, failure, &failure) == 0) {
		nfbind_bulk_get_message(batch->bulk, failure, sentence, sizeof(sentence));
		tell(work, batch->lines[failure++], sentence);
	}
	return nfbind_bulk_clear(batch->bulk);
}

static int apply_both(struct work *work)
{
	int r = apply(work, &work->first);

	return r < 0 ? r : apply(work, &work->later);
}

static int take_line(struct work *work, const char *text)
{
	struct batch *batch;
	int r;

	work->line++;
	text += strspn(text, " \t\r\n");
	if (*text == '\0' || *text == '#' || read_entry(work, text) < 0)
		return 0;
	batch = nfbind_ct_has(work->ct, NFBIND_CT_MASTER_SRC) ? &work->later : &work->first;
	r = nfbind_bulk_add_ct(batch->bulk, work->ct, change ? NFBIND_ADD_OR_CHANGE : 0);
	if (r == -EINVAL) {
		tell(work, work->line, "its original tuple is not complete");
		return 0;
	}
	if (r < 0)
		return r;
	batch->lines[r] = work->line;
	return r + 1 == BATCH_MAX ? apply_both(work) : 0;
}

static int read_file(struct work *work, FILE *file)
{
	char *text = NULL;
	size_t size = 0;
	ssize_t len;
	int r = 0;

	while (r == 0 && (len = getline(&text, &size, file)) >= 0) {
		if (strlen(text) == (size_t)len)
			r = take_line(work, text);
		else
			tell(work, ++work->line, "it is no text");
	}
	if (r == 0 && ferror(file))
		tell(work, work->line + 1, strerror(errno));
	free(text);
	return r < 0 ? r : apply_both(work);
}

static int run(struct work *work, FILE *file)
{
	int r = check_only ? 0 : nfbind_conntrack_open(work->conntrack, NULL);

	if (r < 0)
		return fail_request(work->conntrack, "opening a session", r);
	r = read_file(work, file);
	if (r < 0)
		fail_request(work->conntrack, "adding", r);
	printf("%" PRIu64 " %s, %" PRIu64 " failed\n", work->done,
	       check_only ? "could be added" : change ? "added or changed" : "added", work->failed);
	return r < 0 || work->failed > 0;
}

static int start(struct work *work)
{
	int r = nfbind_conntrack_new(&work->conntrack);

	if (r == 0)
		r = nfbind_ct_new(&work->ct);
	if (r == 0)
		r = nfbind_bulk_new(&work->first.bulk);
	if (r == 0)
		r = nfbind_bulk_new(&work->later.bulk);
	return r;
}

int main(int argc, char **argv)
{
	static struct work work = { .name = "standard input" };
	FILE *file = stdin;
	int status;

	if (read_arguments(&manual, argc, argv) == 1 && strcmp(argv[0], "-") != 0) {
		work.name = argv[0];
		file = fopen(work.name, "re");
		if (!file)
			return fail_with("", work.name, -errno);
	}
	work.labels = read_label_names();
	status = start(&work);
	status = status < 0 ? fail_request(NULL, "starting", status) : run(&work, file);
	nfbind_bulk_free(work.later.bulk);
	nfbind_bulk_free(work.first.bulk);
	nfbind_ct_free(work.ct);
	nfbind_labels_free(work.labels);
	nfbind_conntrack_free(work.conntrack);
	if (file != stdin)
		fclose(file);
	return status;
}
