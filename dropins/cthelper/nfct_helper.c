/* SPDX-License-Identifier: MIT */
/*
 * The three tools of libnetfilter_cthelper by their names: built once for each, with TOOL
 * for which. They take the same arguments, do the same to the kernel and print the same;
 * what goes wrong is said in a sentence. helper_add and the others among the examples
 * can do more.
 *
 *     nfct-helper-add NAME QUEUE
 *     nfct-helper-get
 *     nfct-helper-del NAME
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nfbind/nfbind.h>

enum { ADD, GET, DEL };

static const struct tool {
	const char *name, *arguments;
	int count; /* of the arguments */
} tools[] = {
	{ "nfct-helper-add", " NAME QUEUE", 2 },
	{ "nfct-helper-get", "", 0 },
	{ "nfct-helper-del", " NAME", 1 },
}, *const tool = &tools[TOOL];

static struct nfbind_conntrack *conntrack;
static struct nfbind_cthelper *record;

static void end(const char *what, int error)
{
	char sentence[512] = "";

	if (conntrack)
		nfbind_conntrack_last_message(conntrack, sentence, sizeof(sentence));
	fprintf(stderr, "%s: %s: %s (%s)\n", tool->name, what, sentence[0] ? sentence : strerror(-error),
		nfbind_error_name(error));
	exit(EXIT_FAILURE);
}

static void refuse(const char *what)
{
	fprintf(stderr, "usage: %s%s\n%s: %s\n", tool->name, tool->arguments, tool->name, what);
	exit(EXIT_FAILURE);
}

static void set_number(uint32_t field, uint64_t value)
{
	int r = nfbind_cthelper_set_number(record, field, value);

	if (r < 0)
		end(nfbind_fields_get_name(nfbind_cthelper_fields(), field), r);
}

static void set_name(uint32_t field, const char *name)
{
	if (nfbind_cthelper_set_bytes(record, field, name, strlen(name)) < 0)
		refuse("a name has 1 to 15 bytes");
}

static uint64_t queue_number(const char *text)
{
	char *rest;
	unsigned long number = strtoul(text, &rest, 0);

	if (*text < '0' || *text > '9' || *rest || number > UINT16_MAX)
		refuse("a queue is a number from 0 to 65535");
	return number;
}

/* TCP over IPv4, and a policy of that name and size, whatever the helper's name. */
static void add(char **argv)
{
	int r;

	set_name(NFBIND_CTHELPER_NAME, argv[1]);
	set_number(NFBIND_CTHELPER_QUEUE, queue_number(argv[2]));
	set_number(NFBIND_CTHELPER_L3PROTO, 2);
	set_number(NFBIND_CTHELPER_L4PROTO, IPPROTO_TCP);
	set_number(NFBIND_CTHELPER_STATUS, NFBIND_CTHELPER_STATUS_ENABLED);
	set_name(NFBIND_CTHELPER_POLICY1_NAME, "test");
	set_number(NFBIND_CTHELPER_POLICY1_MAX, 100);
	set_number(NFBIND_CTHELPER_POLICY1_TIMEOUT, 100);
	r = nfbind_conntrack_add_cthelper(conntrack, record);
	/* One that is there gets this queue. */
	if (r == -EEXIST)
		r = nfbind_conntrack_change_cthelper(conntrack, record);
	if (r < 0)
		end(argv[1], r);
}

static uint64_t number(uint32_t field)
{
	uint64_t value = 0;

	nfbind_cthelper_get_number(record, field, &value);
	return value;
}

static void print(void)
{
	const void *name = "";
	size_t len = 0;

	nfbind_cthelper_get_bytes(record, NFBIND_CTHELPER_NAME, &name, &len);
	printf("{\n\t.name = %.*s,\n", (int)len, (const char *)name);
	printf("\t.queuenum = %u,\n", (unsigned int)number(NFBIND_CTHELPER_QUEUE));
	printf("\t.l3protonum = %u,\n", (unsigned int)number(NFBIND_CTHELPER_L3PROTO));
	printf("\t.l4protonum = %u,\n", (unsigned int)number(NFBIND_CTHELPER_L4PROTO));
	printf("\t.priv_data_len = %u,\n", (unsigned int)number(NFBIND_CTHELPER_PRIV_DATA_LEN));
	printf("\t.status = %s,\n};\n", number(NFBIND_CTHELPER_STATUS) ? "enabled" : "disabled");
}

static void get(void)
{
	struct nfbind_list *list;
	char sentence[512] = "";
	int r = nfbind_conntrack_list_cthelper(conntrack, &list);

	if (r < 0)
		end("listing helpers", r);
	while ((r = nfbind_list_next_cthelper(list, record)) == 0)
		print();
	if (r != -ENODATA) {
		nfbind_list_last_message(list, sentence, sizeof(sentence));
		fprintf(stderr, "%s: %s (%s)\n", tool->name, sentence, nfbind_error_name(r));
		exit(EXIT_FAILURE);
	}
	nfbind_list_free(list);
}

static void del(char **argv)
{
	int r;

	set_name(NFBIND_CTHELPER_NAME, argv[1]);
	r = nfbind_conntrack_remove_cthelper(conntrack, record);
	if (r < 0)
		end(argv[1], r);
}

int main(int argc, char **argv)
{
	int r;

	if (argc - 1 != tool->count)
		refuse(argc - 1 < tool->count ? "arguments are missing" : "there are too many arguments");
	r = nfbind_cthelper_new(&record);
	if (r == 0)
		r = nfbind_conntrack_new(&conntrack);
	if (r == 0)
		r = nfbind_conntrack_open(conntrack, NULL);
	if (r < 0)
		end("opening a session", r);
	switch (TOOL) {
	case ADD:
		add(argv);
		break;
	case GET:
		get();
		break;
	case DEL:
		del(argv);
		break;
	}
	nfbind_conntrack_free(conntrack);
	nfbind_cthelper_free(record);
	return EXIT_SUCCESS;
}
