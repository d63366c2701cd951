/* SPDX-License-Identifier: MIT */
/*
 * Print the helpers in user space that the kernel knows, all of them or those of one
 * name. It shows how entries are pulled one by one out of a list into one object. Those
 * of the kernel's own modules are not among them.
 *
 *     helper_list [NAME]
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <nfbind/nfbind.h>

#include "common.h"

static const struct flag flags[] = { { NULL } };

static const struct manual manual = {
	.name = "helper_list",
	.arguments = "[NAME]",
	.about = "Print the helpers in user space that the kernel knows, one in a line.",
	.flags = flags,
	.most = 1,
	.more = "It needs CAP_NET_ADMIN in the initial user namespace. Without any of that name\n"
		"the status is 1.\n",
};

static bool is_meant(const struct nfbind_cthelper *record, const char *name)
{
	const void *bytes;
	size_t len;

	return !name || (nfbind_cthelper_get_bytes(record, NFBIND_CTHELPER_NAME, &bytes, &len) == 0 &&
			 len == strlen(name) && memcmp(bytes, name, len) == 0);
}

/* -ENODATA is the end of a complete list. */
static int print_helpers(struct nfbind_list *list, const char *name)
{
	struct nfbind_cthelper *record = NULL;
	char text[1024], sentence[512];
	int printed = 0, r = nfbind_cthelper_new(&record);

	while (r == 0 && (r = nfbind_list_next_cthelper(list, record)) == 0) {
		if (!is_meant(record, name))
			continue;
		nfbind_cthelper_print(record, text, sizeof(text));
		puts(text);
		printed++;
	}
	nfbind_cthelper_free(record);
	if (r == -ENODATA)
		return name && printed == 0;
	nfbind_list_last_message(list, sentence, sizeof(sentence));
	return fail_with(sentence, "the list is not complete", r);
}

static int run(struct nfbind_conntrack *conntrack, const char *name)
{
	struct nfbind_list *list;
	int status, r = nfbind_conntrack_open(conntrack, NULL);

	if (r < 0)
		return fail_request(conntrack, "opening a session", r);
	r = nfbind_conntrack_list_cthelper(conntrack, &list);
	if (r < 0)
		return fail_request(conntrack, "listing helpers", r);
	status = print_helpers(list, name);
	nfbind_list_free(list);
	return status;
}

int main(int argc, char **argv)
{
	struct nfbind_conntrack *conntrack;
	int status, count = read_arguments(&manual, argc, argv), r = nfbind_conntrack_new(&conntrack);

	if (r < 0)
		return fail_request(NULL, "starting", r);
	status = run(conntrack, count ? argv[0] : NULL);
	nfbind_conntrack_free(conntrack);
	return status;
}
