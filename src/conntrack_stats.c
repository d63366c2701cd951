/* SPDX-License-Identifier: MIT */
/*
 * The request session's figures: of the table, and of each processor.
 */
#include "conntrack.h"

#include <errno.h>
#include <string.h>

#include <linux/netfilter/nfnetlink.h>

#include "plain.h"
#include "uapi.h"

static const struct reason reasons[] = {
	{ -EINVAL, "this kernel has no nf_conntrack_netlink" },
	{ 0, NULL },
};

/* The table. */

static void take_stats(const struct nlmsghdr *message, struct nfbind_conntrack_stats *stats)
{
	const uint8_t *attributes = (const uint8_t *)message + NLMSG_LENGTH(4);
	const struct nlattr *attribute;
	size_t offset = 0;
	int error = 0;

	while ((attribute = wire_next(attributes, message->nlmsg_len - NLMSG_LENGTH(4), &offset,
				      &error))) {
		if (wire_payload_len(attribute) < 4)
			continue;
		if (wire_type(attribute) == KERNEL_CTA_STATS_GLOBAL_ENTRIES)
			stats->entries = wire_read_u32(wire_payload(attribute));
		else if (wire_type(attribute) == KERNEL_CTA_STATS_GLOBAL_MAX_ENTRIES)
			stats->max_entries = wire_read_u32(wire_payload(attribute));
	}
}

int nfbind_conntrack_read_stats(struct nfbind_conntrack *conntrack,
				struct nfbind_conntrack_stats *ret_stats, size_t ret_stats_size)
{
	struct nfbind_conntrack_stats stats = { 0 };
	const struct nlmsghdr *message;
	struct request request;
	int r = ret_stats ? conntrack_start(conntrack) : -EINVAL;

	if (r < 0)
		return r;
	request_start(&request, KERNEL_SUBSYS_CTNETLINK << 8 | KERNEL_CT_GET_STATS, NLM_F_ACK,
		      FAMILY_NONE);
	r = requester_send(&conntrack->requester, &request);
	while (r == 0 && (r = requester_next(&conntrack->requester, &message)) > 0) {
		take_stats(message, &stats);
		r = 0;
	}
	if (r < 0)
		return conntrack_explain(conntrack, r, reasons);
	plain_copy(ret_stats, ret_stats_size, &stats, sizeof(stats));
	return 0;
}

/* Processors. */

struct counter {
	uint16_t offset;
	uint32_t bit;
};

/* Elements start with the processor's number; `present` is where bits are kept, 0 for nowhere. */
struct counters {
	uint16_t type;
	uint16_t size;
	uint16_t present;
	uint16_t rows_count;
	const struct counter *rows; /* by attribute */
};

#define CT_COUNTER(name, member) \
	[KERNEL_CTA_STATS_##name] = { offsetof(struct nfbind_conntrack_cpu_stats, member), \
				      NFBIND_CPU_STAT_##name }
#define EXP_COUNTER(name, member) \
	[KERNEL_CTA_STATS_EXP_##name] = { offsetof(struct nfbind_expect_cpu_stats, member), 0 }

static const struct counter ct_rows[] = {
	CT_COUNTER(FOUND, found),
	CT_COUNTER(INVALID, invalid),
	CT_COUNTER(INSERT, insert),
	CT_COUNTER(INSERT_FAILED, insert_failed),
	CT_COUNTER(DROP, drop),
	CT_COUNTER(EARLY_DROP, early_drop),
	CT_COUNTER(ERROR, error),
	CT_COUNTER(SEARCH_RESTART, search_restart),
	CT_COUNTER(CLASH_RESOLVE, clash_resolve),
	CT_COUNTER(CHAIN_TOOLONG, chain_toolong),
};

static const struct counter exp_rows[] = {
	EXP_COUNTER(NEW, arrived),
	EXP_COUNTER(CREATE, created),
	EXP_COUNTER(DELETE, deleted),
};

static const struct counters ct_counters = {
	.type = KERNEL_SUBSYS_CTNETLINK << 8 | KERNEL_CT_GET_STATS_CPU,
	.size = sizeof(struct nfbind_conntrack_cpu_stats),
	.present = offsetof(struct nfbind_conntrack_cpu_stats, present),
	.rows = ct_rows,
	.rows_count = sizeof(ct_rows) / sizeof(ct_rows[0]),
};

static const struct counters exp_counters = {
	.type = KERNEL_SUBSYS_CTNETLINK_EXP << 8 | KERNEL_EXP_GET_STATS_CPU,
	.size = sizeof(struct nfbind_expect_cpu_stats),
	.rows = exp_rows,
	.rows_count = sizeof(exp_rows) / sizeof(exp_rows[0]),
};

enum { ELEMENT_MAX = 64 };
_Static_assert(sizeof(struct nfbind_conntrack_cpu_stats) <= ELEMENT_MAX, "it has room");

static void put_u32(uint8_t *element, uint16_t offset, uint32_t value)
{
	memcpy(element + offset, &value, sizeof(value));
}

/* The number of the processor is where other answers have their resource. */
static int take_cpu(const struct counters *counters, const struct nlmsghdr *message,
		    uint8_t element[ELEMENT_MAX])
{
	const struct nfgenmsg *header = (const struct nfgenmsg *)((const uint8_t *)message + NLMSG_HDRLEN);
	const uint8_t *attributes = (const uint8_t *)message + NLMSG_LENGTH(4);
	const struct nlattr *attribute;
	uint32_t present = 0;
	size_t offset = 0;
	int error = 0;

	memset(element, 0, ELEMENT_MAX);
	put_u32(element, 0, be16toh(header->res_id));
	while ((attribute = wire_next(attributes, message->nlmsg_len - NLMSG_LENGTH(4), &offset,
				      &error))) {
		unsigned int type = wire_type(attribute);

		if (type >= counters->rows_count || counters->rows[type].offset == 0 ||
		    wire_payload_len(attribute) < 4)
			continue;
		put_u32(element, counters->rows[type].offset, wire_read_u32(wire_payload(attribute)));
		present |= counters->rows[type].bit;
	}
	if (counters->present)
		put_u32(element, counters->present, present);
	return error;
}

/* To the end in any case, so that nothing of it is left for the next request. */
static int read_cpus(struct nfbind_conntrack *conntrack, const struct counters *counters,
		     uint8_t *stats, size_t stats_count, size_t stat_size)
{
	struct requester *requester = &conntrack->requester;
	const struct nlmsghdr *message;
	uint8_t element[ELEMENT_MAX];
	size_t count = 0;
	int r, malformed = 0;

	while ((r = requester_next(requester, &message)) > 0) {
		int error = take_cpu(counters, message, element);

		malformed = malformed ? malformed : error;
		if (count < stats_count)
			plain_copy(stats + count * stat_size, stat_size, element, counters->size);
		count++;
	}
	if (r == 0 && malformed) {
		requester_explain(requester, "the kernel's answer is malformed");
		return malformed;
	}
	if (r == 0 && count > stats_count) {
		requester_explain(requester, "this machine may have %zu processors", count);
		return -ENOSPC;
	}
	return r < 0 ? r : (int)count;
}

static int ask_cpus(struct nfbind_conntrack *conntrack, const struct counters *counters,
		    void *stats, size_t stats_count, size_t stat_size)
{
	struct request request;
	int r = stats || stats_count == 0 ? conntrack_start(conntrack) : -EINVAL;

	if (r < 0)
		return r;
	request_start(&request, counters->type, NLM_F_DUMP, FAMILY_NONE);
	r = requester_send(&conntrack->requester, &request);
	if (r == 0)
		r = read_cpus(conntrack, counters, stats, stats_count, stat_size);
	return conntrack_explain(conntrack, r, reasons);
}

int nfbind_conntrack_read_cpu_stats(struct nfbind_conntrack *conntrack,
				    struct nfbind_conntrack_cpu_stats *stats, size_t stats_count,
				    size_t stat_size)
{
	return ask_cpus(conntrack, &ct_counters, stats, stats_count, stat_size);
}

int nfbind_conntrack_read_cpu_stats_exp(struct nfbind_conntrack *conntrack,
					struct nfbind_expect_cpu_stats *stats, size_t stats_count,
					size_t stat_size)
{
	return ask_cpus(conntrack, &exp_counters, stats, stats_count, stat_size);
}
