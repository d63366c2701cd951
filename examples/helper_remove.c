/* SPDX-License-Identifier: MIT */
/*
 * Have the kernel forget the helpers in user space of a name: its connections go on
 * unhelped. It shows that the kernel keeps a helper while a rule refers to it, and that
 * a helper which cannot go can be disabled, after which its packets are not queued.
 *
 *     helper_remove [--disable] NAME
 */
#include <errno.h>
#include <string.h>

#include <nfbind/nfbind.h>

#include "common.h"

static uint64_t disables;

static const struct flag flags[] = {
	{ "--disable", NULL, "where a rule refers to it, disable it", &disables, NULL },
	{ NULL },
};

static const struct manual manual = {
	.name = "helper_remove",
	.arguments = "[OPTION]... NAME",
	.about = "Have the kernel forget the helpers in user space of a name.",
	.flags = flags,
	.least = 1,
	.most = 1,
	.more = "It needs CAP_NET_ADMIN in the initial user namespace. Take the rules away first.\n",
};

/* Those of the name may be several, of different protocols: a list finds them. */
static int disable_all(struct nfbind_conntrack *conntrack, const char *name)
{
	struct nfbind_cthelper *record = NULL;
	struct nfbind_list *list = NULL;
	const void *bytes;
	size_t len;
	int r = nfbind_cthelper_new(&record);

	if (r == 0)
		r = nfbind_conntrack_list_cthelper(conntrack, &list);
	while (r == 0 && (r = nfbind_list_next_cthelper(list, record)) == 0) {
		if (nfbind_cthelper_get_bytes(record, NFBIND_CTHELPER_NAME, &bytes, &len) < 0 ||
		    len != strlen(name) || memcmp(bytes, name, len) != 0)
			continue;
		nfbind_cthelper_set_number(record, NFBIND_CTHELPER_STATUS,
					   NFBIND_CTHELPER_STATUS_DISABLED);
		r = nfbind_conntrack_change_cthelper(conntrack, record);
	}
	nfbind_list_free(list);
	nfbind_cthelper_free(record);
	return r == -ENODATA ? 0 : r;
}

static int run(struct nfbind_conntrack *conntrack, const struct nfbind_cthelper *record,
	       const char *name)
{
	int r = nfbind_conntrack_open(conntrack, NULL);

	if (r < 0)
		return fail_request(conntrack, "opening a session", r);
	r = nfbind_conntrack_remove_cthelper(conntrack, record);
	if (r == -EBUSY && disables)
		r = disable_all(conntrack, name);
	return r < 0 ? fail_request(conntrack, name, r) : 0;
}

int main(int argc, char **argv)
{
	struct nfbind_conntrack *conntrack = NULL;
	struct nfbind_cthelper *record = NULL;
	int r, status;

	read_arguments(&manual, argc, argv);
	if ((r = nfbind_cthelper_new(&record)) < 0 || (r = nfbind_conntrack_new(&conntrack)) < 0)
		return fail_request(NULL, "starting", r);
	if (nfbind_cthelper_set_bytes(record, NFBIND_CTHELPER_NAME, argv[0], strlen(argv[0])) < 0)
		refuse_arguments("not a name of 1 to 15 bytes", argv[0]);
	status = run(conntrack, record, argv[0]);
	nfbind_conntrack_free(conntrack);
	nfbind_cthelper_free(record);
	return status;
}
