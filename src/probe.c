/* SPDX-License-Identifier: MIT */
/*
 * The probe: what this kernel has, by asking it harmless questions on a socket of its
 * own. An unknown subsystem answers EINVAL to everything (net/netfilter/nfnetlink.c).
 */
#include "queue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>

#include "text.h"

/* Questions that a subsystem answers with something else than EINVAL. */
static const struct {
	uint64_t feature;
	uint16_t type;
	const char *missing;
} questions[] = {
	/* Per-CPU statistics that are not asked for as a list answer nothing, successfully. */
	{ NFBIND_FEATURE_CONNTRACK, KERNEL_SUBSYS_CTNETLINK << 8 | 4,
	  "no connection tracking over netlink (nf_conntrack_netlink)" },
	{ NFBIND_FEATURE_EXPECT, KERNEL_SUBSYS_CTNETLINK_EXP << 8 | 3,
	  "no expectations over netlink (nf_conntrack_netlink)" },
	/* A helper that nobody named: ENOENT, or the first one. */
	{ NFBIND_FEATURE_CTHELPER, KERNEL_SUBSYS_CTHELPER << 8 | 1,
	  "no user-space helpers (nfnetlink_cthelper)" },
};

static const struct {
	uint64_t feature;
	uint32_t flag;
	const char *missing;
} flags[] = {
	{ NFBIND_FEATURE_QUEUE_FAIL_OPEN, KERNEL_CFG_FAIL_OPEN, "no queue flag fail-open" },
	{ NFBIND_FEATURE_QUEUE_CONNTRACK, KERNEL_CFG_CONNTRACK,
	  "no queue flag conntrack (NETFILTER_NETLINK_GLUE_CT)" },
	{ NFBIND_FEATURE_QUEUE_GSO, KERNEL_CFG_GSO, "no queue flag gso" },
	{ NFBIND_FEATURE_QUEUE_UID_GID, KERNEL_CFG_UID_GID, "no queue flag uid-gid" },
	{ NFBIND_FEATURE_QUEUE_SECCTX, KERNEL_CFG_SECCTX, "no queue flag secctx" },
};

static int ask(struct nfbind_queue *queue, uint16_t type)
{
	uint8_t room[64] __attribute__((aligned(8))) = { 0 };
	struct nlmsghdr *message = mnl_nlmsg_put_header(room);
	struct nfgenmsg *family = mnl_nlmsg_put_extra_header(message, sizeof(*family));

	message->nlmsg_type = type;
	family->version = NFNETLINK_V0;
	return queue_request(queue, message);
}

static void add(struct text *text, const char *sentence)
{
	text_add(text, "%s%s", text->len > 0 ? "; " : "", sentence);
}

static uint64_t probe_subsystems(struct nfbind_queue *queue, struct text *text)
{
	uint64_t features = 0;

	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		int r = ask(queue, questions[i].type);

		if (r == -EPERM)
			add(text, "user-space helpers take CAP_NET_ADMIN in the initial user namespace");
		else if (r == -EINVAL || r == -EOPNOTSUPP)
			add(text, questions[i].missing);
		else
			features |= questions[i].feature;
	}
	return features;
}

static uint64_t probe_queue(struct nfbind_queue *queue, struct text *text)
{
	uint64_t features = NFBIND_FEATURE_QUEUE;
	uint32_t known;

	if (diagnose_flags(queue, &known) < 0) {
		add(text, "no packet queues (nfnetlink_queue)");
		return 0;
	}
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (known & flags[i].flag)
			features |= flags[i].feature;
		else
			add(text, flags[i].missing);
	}
	return features;
}

static int probe(struct nfbind_queue *queue, uint64_t *ret_features, struct text *text)
{
	int r = queue_enter(queue);

	if (r < 0)
		return r;
	r = diagnose_rights(queue);
	if (r < 0)
		add(text, "CAP_NET_ADMIN is missing in the user namespace that owns this network namespace");
	else
		*ret_features = probe_queue(queue, text) | probe_subsystems(queue, text);
	queue_leave(queue);
	return r;
}

int nfbind_probe(const struct nfbind_options *options, uint64_t *ret_features, char *ret_message,
		 size_t ret_message_size)
{
	struct nfbind_queue *queue;
	struct text text;
	int r;

	if (!ret_features)
		return -EINVAL;
	text_start(&text, ret_message, ret_message_size);
	r = nfbind_queue_new(&queue);
	if (r < 0)
		return r;
	r = nfbind_queue_open(queue, options);
	if (r < 0)
		add(&text, queue->ledger->messages[NFBIND_SIDE_RECEIVE].text);
	else
		r = probe(queue, ret_features, &text);
	nfbind_queue_free(queue);
	return r;
}
