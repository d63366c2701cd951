/* SPDX-License-Identifier: MIT */
/*
 * Removing what a filter lets through, and flushing one family. The kernel's own
 * filtered flush is not trusted: what it does not know it takes for no filter at all,
 * and its comparison of IPv6 addresses is turned round (nf_conntrack_netlink.c).
 */
#include "bulk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netfilter/nfnetlink.h>

#include "filter.h"
#include "plain.h"
#include "uapi.h"

enum { LISTS_MAX = 3 /* where one is interrupted */ };

struct removing {
	struct nfbind_conntrack *conntrack;
	const struct nfbind_filter *filter;
	bool is_dry;
	struct nfbind_bulk *bulk;
	struct nfbind_ct ct;
	struct nfbind_removal figures;
	char why[512]; /* the first one could not be removed */
};

static void count_results(struct removing *self)
{
	for (uint32_t i = 0; i < self->bulk->count; i++) {
		int32_t result = self->bulk->operations[i].result;

		if (result == 0)
			self->figures.removed++;
		else if (result == -ENOENT)
			self->figures.gone++;
		else if (self->figures.failed++ == 0)
			(void)nfbind_bulk_get_message(self->bulk, i, self->why, sizeof(self->why));
	}
}

static int remove_listed(struct removing *self)
{
	int r = self->bulk->count ? nfbind_conntrack_apply(self->conntrack, self->bulk) : 0;

	count_results(self);
	(void)nfbind_bulk_clear(self->bulk);
	return r < 0 ? r : 0;
}

static int take_entry(struct removing *self)
{
	int r;

	self->figures.matched++;
	if (self->is_dry)
		return 0;
	r = nfbind_bulk_remove_ct(self->bulk, &self->ct);
	return r < 0 ? r : 0;
}

/* One list, to its end. What a datagram brought is removed before the next one is read. */
static int remove_list(struct removing *self, struct nfbind_list *list)
{
	int r = 0, listed = 0;

	while (r == 0 && !list_has_ended(list)) {
		listed = list_step(list, &self->ct);
		if (listed > 0)
			r = take_entry(self);
		else if (listed < 0 && listed != -EINTR && !list_has_ended(list))
			r = listed; /* an entry that cannot be read */
		if (r == 0 && (list_is_read(list) || list_has_ended(list)))
			r = remove_listed(self);
	}
	if (r < 0)
		return r;
	return listed == -ENODATA ? 0 : listed;
}

static int remove_once(struct removing *self)
{
	struct nfbind_list *list;
	int r = nfbind_conntrack_list_ct(self->conntrack, self->filter, NFBIND_LIST_TABLE, 0, &list);

	if (r < 0)
		return r;
	if (list_has_ended(list)) /* it was empty */
		r = 0;
	else
		r = remove_list(self, list);
	nfbind_list_free(list);
	return r;
}

static int remove_all(struct removing *self)
{
	int r = -EINTR;

	for (int lists = 0; lists < LISTS_MAX && (r == -EINTR || r == -ENOBUFS); lists++) {
		/* Those that were removed are not listed again; a count starts anew. */
		if (self->is_dry)
			self->figures.matched = 0;
		r = remove_once(self);
	}
	return r;
}

static int run(struct removing *self)
{
	int r = nfbind_bulk_new(&self->bulk);

	if (r == 0)
		r = remove_all(self);
	nfbind_bulk_free(self->bulk);
	field_reset(&ct_fields, &self->ct);
	self->figures.error = r;
	if (self->figures.failed)
		requester_explain(&self->conntrack->requester, "some could not be removed, the first one since: %s",
				  self->why);
	return r;
}

static int check(struct nfbind_conntrack *conntrack, const struct nfbind_filter *filter)
{
	int r = conntrack_start(conntrack);

	if (r == 0)
		r = conntrack_check_filter(conntrack, filter);
	if (r < 0 || filter_says_anything(filter))
		return r;
	requester_explain(&conntrack->requester,
			  "the filter says nothing: a flush removes all connections");
	return -EINVAL;
}

int nfbind_conntrack_remove_matching_ct(struct nfbind_conntrack *conntrack,
					const struct nfbind_filter *filter, uint32_t flags,
					struct nfbind_removal *ret_removal,
					size_t ret_removal_size)
{
	struct removing removing = { .conntrack = conntrack, .filter = filter,
				     .is_dry = flags & NFBIND_REMOVE_DRY_RUN };
	int r = filter && ret_removal && !(flags & ~(uint32_t)NFBIND_REMOVE_DRY_RUN) ?
			check(conntrack, filter) : -EINVAL;

	if (r < 0)
		return r;
	r = run(&removing);
	if (r < 0 && removing.figures.removed == 0)
		return r;
	plain_copy(ret_removal, ret_removal_size, &removing.figures, sizeof(removing.figures));
	return 0;
}

/* One family. */

/*
 * Kernels that flush by family came in 5.3, those that refuse a mask of 0 for the status
 * in 5.15: the latter can be asked without doing anything, as such a list does not even
 * start.
 */
static int find_out(struct nfbind_conntrack *conntrack)
{
	struct nfbind_list *list;
	struct request request;
	int r;

	request_start(&request, KERNEL_SUBSYS_CTNETLINK << 8 | MESSAGE_GET, NLM_F_DUMP, FAMILY_NONE);
	wire_put_u32(&request.buffer, KERNEL_CTA_STATUS, 0);
	wire_put_u32(&request.buffer, KERNEL_CTA_STATUS_MASK, 0);
	r = list_start(conntrack, &connections, &request, &list);
	if (r == 0)
		nfbind_list_free(list);
	if (r < 0 && r != -EINVAL)
		return r;
	conntrack->requester.message[0] = '\0';
	conntrack->flushes_families = r == -EINVAL ? 1 : -1;
	return 0;
}

/* Before version 1 the family was not looked at: the kernel still believes that of 0. */
static int ask_for_flush(struct nfbind_conntrack *conntrack, uint8_t family)
{
	struct request request;

	request_start(&request, KERNEL_SUBSYS_CTNETLINK << 8 | MESSAGE_DELETE, 0, family);
	((struct nfgenmsg *)(request.room + NLMSG_HDRLEN))->version = 1;
	return conntrack_explain(conntrack, conntrack_ask(conntrack, 0, NULL, &request), ct_reasons);
}

static int flush_by_list(struct nfbind_conntrack *conntrack, uint8_t family)
{
	struct nfbind_filter filter = { 0 };
	struct removing removing = { .conntrack = conntrack, .filter = &filter };

	int r;

	(void)field_set_number(&filter_fields, &filter, NFBIND_FILTER_L3PROTO, family);
	r = run(&removing);
	return r == 0 && removing.figures.failed ? -EIO : r;
}

int nfbind_conntrack_flush_family_ct(struct nfbind_conntrack *conntrack, uint32_t family)
{
	int r = conntrack_start(conntrack);

	if (r < 0)
		return r;
	if (family != 2 && family != 10) {
		requester_explain(&conntrack->requester, "the family is neither 2 (IPv4) nor 10 (IPv6)");
		return -EINVAL;
	}
	if (conntrack->flushes_families == 0)
		r = find_out(conntrack);
	if (r < 0)
		return conntrack_explain(conntrack, r, ct_reasons);
	return conntrack->flushes_families > 0 ? ask_for_flush(conntrack, (uint8_t)family) :
						 flush_by_list(conntrack, (uint8_t)family);
}
