/* SPDX-License-Identifier: MIT */
/*
 * Remove the connections that the options describe. First the library only counts them
 * (a dry run), then the program asks; --yes answers for a script. It shows what a removal
 * tells: how many matched, went, had gone by themselves, or could not be removed.
 *
 *     remove_matching OPTION... [--yes | --dry-run]
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include <nfbind/nfbind.h>

#include "common.h"

static struct nfbind_filter *filter;
static uint64_t yes, dry_run;

static const struct flag flags[] = {
	{ "--yes", NULL, "do not ask", &yes, NULL },
	{ "--dry-run", NULL, "say how many there are, and end", &dry_run, NULL },
	{ NULL },
};

static const struct manual manual = {
	.name = "remove_matching",
	.arguments = "OPTION...",
	.about = "Count the connections that the options describe, ask, and remove them.\n"
		 "`list_connections` with the same options prints them.",
	.flags = flags,
	.filter = &filter,
	.more = "It needs CAP_NET_ADMIN. To remove all connections, use `conntrack -F`.\n",
};

/* Only a clear yes. */
static int is_agreed(uint64_t count)
{
	char answer[16] = "";

	fprintf(stderr, "remove %s %" PRIu64 "? [y/N] ", count == 1 ? "this" : "these", count);
	if (!fgets(answer, sizeof(answer), stdin))
		fputc('\n', stderr);
	return answer[0] == 'y' || answer[0] == 'Y';
}

/* What could not be looked at may match too, so that is a failure. */
static int tell(struct nfbind_conntrack *conntrack, const struct nfbind_removal *removal)
{
	printf("%" PRIu64 " removed, %" PRIu64 " had gone, %" PRIu64 " failed\n", removal->removed,
	       removal->gone, removal->failed);
	if (removal->error < 0)
		return fail_request(conntrack, "some were not looked at", removal->error);
	if (removal->failed > 0)
		return fail_request(conntrack, "removing", -EIO);
	return 0;
}

static int run(struct nfbind_conntrack *conntrack)
{
	struct nfbind_removal removal;
	int r;

	if ((r = nfbind_conntrack_open(conntrack, NULL)) < 0)
		return fail_request(conntrack, "opening a session", r);
	r = nfbind_conntrack_remove_matching_ct(conntrack, filter, NFBIND_REMOVE_DRY_RUN, &removal,
						sizeof(removal));
	if (r < 0)
		return fail_request(conntrack, "counting", r);
	printf("%" PRIu64 " %s\n", removal.matched,
	       removal.matched == 1 ? "connection matches" : "connections match");
	fflush(stdout);
	if (dry_run || removal.matched == 0)
		return 0;
	if (!yes && !is_agreed(removal.matched)) {
		puts("nothing was removed");
		return 1;
	}
	r = nfbind_conntrack_remove_matching_ct(conntrack, filter, 0, &removal, sizeof(removal));
	if (r < 0)
		return fail_request(conntrack, "removing", r);
	return tell(conntrack, &removal);
}

int main(int argc, char **argv)
{
	struct nfbind_conntrack *conntrack = NULL;
	int r, status;

	if ((r = nfbind_filter_new(&filter)) < 0 || (r = nfbind_conntrack_new(&conntrack)) < 0)
		return fail_request(NULL, "starting", r);
	read_arguments(&manual, argc, argv);
	if (yes && dry_run)
		refuse_arguments("one or the other", "--yes or --dry-run");
	status = run(conntrack);
	nfbind_conntrack_free(conntrack);
	nfbind_filter_free(filter);
	return status;
}
