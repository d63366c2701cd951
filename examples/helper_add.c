/* SPDX-License-Identifier: MIT */
/*
 * Make a helper in user space known to the kernel, which then queues the packets of the
 * connections that rules give it. It shows a helper's record with a policy: how many
 * connections each one may announce, and for how long they are expected. The program
 * ends, and the record stays; a helper that runs is better held as ftp_helper.c does it.
 *
 *     helper_add [--ipv6] [--udp] NAME QUEUE
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <nfbind/nfbind.h>

#include "common.h"

static uint64_t ipv6, udp, expectations = 1, seconds = 300;

static const struct flag flags[] = {
	{ "--ipv6", NULL, "for IPv6 instead of IPv4", &ipv6, NULL },
	{ "--udp", NULL, "for UDP instead of TCP", &udp, NULL },
	{ "--expect", "N", "a connection may announce so many at once; 1", &expectations, NULL },
	{ "--seconds", "N", "how long an announced one is waited for; 300", &seconds, NULL },
	{ NULL },
};

static const struct manual manual = {
	.name = "helper_add",
	.arguments = "[OPTION]... NAME QUEUE",
	.about = "Make a helper in user space known to the kernel.",
	.flags = flags,
	.least = 2,
	.most = 2,
	.more = "It needs CAP_NET_ADMIN in the initial user namespace. In four steps:\n\n"
		"  helper_add test 0\n"
		"  iptables -t raw -A OUTPUT -p tcp -j CT --helper test\n"
		"  print_packets 0\n"
		"  and some traffic\n\n"
		"While nobody reads the queue packets pass, but new connections are not tracked.\n",
};

static int fill(struct nfbind_cthelper *record, const char *name, uint64_t queue)
{
	struct {
		uint32_t field;
		uint64_t value;
	} const numbers[] = {
		{ NFBIND_CTHELPER_L3PROTO, ipv6 ? 10 : 2 }, /* as the kernel has them */
		{ NFBIND_CTHELPER_L4PROTO, udp ? IPPROTO_UDP : IPPROTO_TCP },
		{ NFBIND_CTHELPER_QUEUE, queue },
		{ NFBIND_CTHELPER_STATUS, NFBIND_CTHELPER_STATUS_ENABLED },
		{ NFBIND_CTHELPER_POLICY1_MAX, expectations },
		{ NFBIND_CTHELPER_POLICY1_TIMEOUT, seconds },
	};
	int r = nfbind_cthelper_set_bytes(record, NFBIND_CTHELPER_NAME, name, strlen(name));

	/* A policy has a name of its own; most helpers have one policy of their name. */
	if (r == 0)
		r = nfbind_cthelper_set_bytes(record, NFBIND_CTHELPER_POLICY1_NAME, name, strlen(name));
	for (unsigned int i = 0; r == 0 && i < sizeof(numbers) / sizeof(numbers[0]); i++)
		r = nfbind_cthelper_set_number(record, numbers[i].field, numbers[i].value);
	return r;
}

static int run(struct nfbind_conntrack *conntrack, struct nfbind_cthelper *record, const char *name)
{
	int r = nfbind_conntrack_open(conntrack, NULL);

	if (r < 0)
		return fail_request(conntrack, "opening a session", r);
	r = nfbind_conntrack_add_cthelper(conntrack, record);
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
	if (fill(record, argv[0], read_number("queue", argv[1], UINT16_MAX)) < 0)
		refuse_arguments("not a name of 1 to 15 bytes", argv[0]);
	status = run(conntrack, record, argv[0]);
	nfbind_conntrack_free(conntrack);
	nfbind_cthelper_free(record);
	return status;
}
