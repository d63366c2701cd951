/* SPDX-License-Identifier: MIT */
/*
 * Lists: each has a socket of its own, since the kernel runs one dump per socket,
 * and is read as its caller pulls.
 */
#include "conntrack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "seen.h"
#include "text.h"
#include "uapi.h"

struct nfbind_list {
	struct requester requester;
	const struct subject *subject;
	const struct nlmsghdr *first; /* what came when the list was started, until it is asked for */
	struct wire_shapes shapes;
	int ended; /* 0, 1 for complete, or the -errno that it ended with */
	bool is_filtered, is_unique;
	struct nfbind_filter filter;
	struct seen seen;
};

static const struct reason list_reasons[] = {
	{ -ENOENT, "there is no such master" },
	{ -EINVAL, "the kernel does not know such a list, or a part of its filter" },
	{ 0, NULL },
};

/*
 * What the kernel can be trusted to leave out, where it is new enough to look: the
 * attributes that it does not know, it skips. Its filter for tuples is not used: it has
 * no prefixes, and lets through the wrong ones for IPv6 (nf_conntrack_netlink.c,
 * ctnetlink_filter_match_tuple()).
 */
static void put_prefilter(const struct nfbind_filter *filter, struct wire_buffer *buffer)
{
	uint32_t mark_mask = filter_mask(filter, NFBIND_FILTER_MARK);
	uint32_t status_mask = filter_mask(filter, NFBIND_FILTER_STATUS);
	uint16_t zone = htobe16(filter->zone);

	if (filter->negated)
		return;
	/* Older kernels look at the mark only where a mask is beside it, which they do not apply to the mark. */
	if (field_has(&filter_fields, filter, NFBIND_FILTER_MARK) > 0) {
		wire_put_u32(buffer, KERNEL_CTA_MARK, filter->mark & mark_mask);
		wire_put_u32(buffer, KERNEL_CTA_MARK_MASK, mark_mask);
	}
	if (field_has(&filter_fields, filter, NFBIND_FILTER_STATUS) > 0) {
		wire_put_u32(buffer, KERNEL_CTA_STATUS, filter->status & status_mask);
		wire_put_u32(buffer, KERNEL_CTA_STATUS_MASK, status_mask);
	}
	if (field_has(&filter_fields, filter, NFBIND_FILTER_ZONE) > 0)
		wire_put(buffer, KERNEL_CTA_ZONE, &zone, sizeof(zone));
}

/* With the first answer, which is where the kernel refuses. */
static int begin_list(struct nfbind_list *list, struct nfbind_conntrack *conntrack,
		      struct request *request)
{
	int r = requester_open_beside(&list->requester, &conntrack->requester.socket);

	if (r < 0) {
		requester_explain(&conntrack->requester, "the list could not be started: %s",
				  strerror(-r));
		return r;
	}
	r = requester_send(&list->requester, request);
	if (r == 0)
		r = requester_next(&list->requester, &list->first);
	list->ended = r == 0;
	if (r < 0)
		requester_explain(&conntrack->requester, "%s", list->requester.message);
	return r < 0 ? r : 0;
}

/* A list that was made: begun, it is the caller's, or else nobody's any more. */
static int start_list(struct nfbind_conntrack *conntrack, struct nfbind_list *list,
		      struct request *request, struct nfbind_list **ret_list)
{
	int r = begin_list(list, conntrack, request);

	if (r < 0)
		nfbind_list_free(list);
	else
		*ret_list = list;
	return r;
}

static struct nfbind_list *make_list(const struct subject *subject)
{
	struct nfbind_list *list = calloc(1, sizeof(*list));

	if (!list)
		return NULL;
	list->subject = subject;
	list->requester.socket.fd = -1;
	return list;
}

int list_start(struct nfbind_conntrack *conntrack, const struct subject *subject,
	       struct request *request, struct nfbind_list **ret_list)
{
	struct nfbind_list *list = make_list(subject);

	return list ? start_list(conntrack, list, request, ret_list) : -ENOMEM;
}

/* The kernel zeroes what it lists, before anybody here can look at it. */
static bool can_zero(const struct nfbind_filter *filter)
{
	for (uint32_t field = 0; field < filter_fields.count; field++)
		if (field_has(&filter_fields, filter, field) > 0 && field != NFBIND_FILTER_L3PROTO &&
		    field != NFBIND_FILTER_MARK && field != NFBIND_FILTER_MARK_MASK)
			return false;
	return true;
}

int conntrack_check_filter(struct nfbind_conntrack *conntrack, const struct nfbind_filter *filter)
{
	const char *problem = filter_problem(filter);

	if (!problem)
		return 0;
	requester_explain(&conntrack->requester, "the filter makes no sense: %s", problem);
	return -EINVAL;
}

static int check_list(struct nfbind_conntrack *conntrack, const struct nfbind_filter *filter,
		      uint32_t kind)
{
	int r = conntrack_start(conntrack);

	if (r == 0 && filter)
		r = conntrack_check_filter(conntrack, filter);
	if (r < 0 || kind != NFBIND_LIST_ZERO || !filter || can_zero(filter))
		return r;
	requester_explain(&conntrack->requester,
			  "the kernel would zero what this filter leaves out: network protocol and mark can be asked for");
	return -EINVAL;
}

int nfbind_conntrack_list_ct(struct nfbind_conntrack *conntrack, const struct nfbind_filter *filter,
			     uint32_t kind, uint32_t flags, struct nfbind_list **ret_list)
{
	static const uint8_t messages[] = {
		[NFBIND_LIST_TABLE] = MESSAGE_GET,
		[NFBIND_LIST_ZERO] = KERNEL_CT_GET_CTRZERO,
		[NFBIND_LIST_DYING] = KERNEL_CT_GET_DYING,
		[NFBIND_LIST_UNCONFIRMED] = KERNEL_CT_GET_UNCONFIRMED,
	};
	struct nfbind_list *list;
	struct request request;
	int r = ret_list && kind < sizeof(messages) && !(flags & ~(uint32_t)NFBIND_LIST_UNIQUE) ?
			check_list(conntrack, filter, kind) : -EINVAL;

	if (r < 0)
		return r;
	list = make_list(&connections);
	if (!list)
		return -ENOMEM;
	request_start(&request, (uint16_t)(KERNEL_SUBSYS_CTNETLINK << 8 | messages[kind]), NLM_F_DUMP,
		      filter && !filter->negated ? filter_family(filter) : FAMILY_NONE);
	list->is_unique = flags & NFBIND_LIST_UNIQUE;
	if (filter) {
		list->is_filtered = true;
		list->filter = *filter;
		put_prefilter(filter, &request.buffer);
	}
	return conntrack_explain(conntrack, start_list(conntrack, list, &request, ret_list),
				 list_reasons);
}

int nfbind_conntrack_list_exp(struct nfbind_conntrack *conntrack, const struct nfbind_exp *master,
			      struct nfbind_list **ret_list)
{
	struct nfbind_exp copy = { 0 };
	struct request request;
	int r = ret_list ? conntrack_start(conntrack) : -EINVAL;

	if (r < 0)
		return r;
	/* Half a tuple would list all. */
	if (master && !subject_has_tuple(master, NFBIND_EXP_MASTER_SRC)) {
		requester_explain(&conntrack->requester,
				  "a tuple is needed: the master's addresses and transport protocol");
		return -EINVAL;
	}
	/* Of a master without a helper the kernel lists nothing, not even the end. */
	request_start(&request, KERNEL_SUBSYS_CTNETLINK_EXP << 8 | MESSAGE_GET,
		      NLM_F_DUMP | (master ? NLM_F_ACK : 0),
		      master ? subject_family(&exp_fields, master, NFBIND_EXP_MASTER_SRC) : FAMILY_NONE);
	for (uint32_t i = 0; master && r == 0 && i < TUPLE_FIELDS; i++)
		r = field_copy_one(&exp_fields, &copy, master, NFBIND_EXP_MASTER_SRC + i);
	if (master && r == 0)
		r = field_copy_one(&exp_fields, &copy, master, NFBIND_EXP_ZONE);
	wire_build(&exp_wires, &copy, &request.buffer);
	field_reset(&exp_fields, &copy);
	if (r == 0)
		r = list_start(conntrack, &expectations, &request, ret_list);
	return conntrack_explain(conntrack, r, list_reasons);
}

/* Of the message into the object: 1 when it is wanted, 0 when not, or -errno. */
static int take(struct nfbind_list *list, const struct nlmsghdr *message, void *ret_object)
{
	int r = subject_parse_alike(list->subject, &list->shapes, message, ret_object);

	if (r < 0) {
		requester_explain(&list->requester, "an entry could not be read: %s", strerror(-r));
		return r;
	}
	if (list->is_filtered && !filter_matches(&list->filter, ret_object))
		return 0;
	r = list->is_unique ? seen_before(&list->seen, ret_object) : 0;
	return r < 0 ? r : r == 0;
}

int list_step(struct nfbind_list *list, void *ret_object)
{
	const struct nlmsghdr *message = list->first;
	int r = message ? 1 : requester_next(&list->requester, &message);

	list->first = NULL;
	if (r > 0)
		return take(list, message, ret_object);
	/* A signal ends the wait, not the list. */
	if (r == -EINTR && list->requester.message[0] == '\0')
		return r;
	list->ended = r < 0 ? r : 1;
	return r < 0 ? r : -ENODATA;
}

bool list_is_read(const struct nfbind_list *list)
{
	return !list->first && list->requester.answer_offset >= list->requester.answer_len;
}

bool list_has_ended(const struct nfbind_list *list)
{
	return list->ended != 0;
}

int list_next(struct nfbind_list *list, const struct subject *subject, void *ret_object)
{
	int r;

	if (!list || !ret_object || list->subject != subject)
		return -EINVAL;
	if (list->ended != 0)
		return list->ended < 0 ? list->ended : -ENODATA;
	r = requester_check(&list->requester);
	while (r == 0)
		r = list_step(list, ret_object);
	return r < 0 ? r : 0;
}

int nfbind_list_next_ct(struct nfbind_list *list, struct nfbind_ct *ret_ct)
{
	return list_next(list, &connections, ret_ct);
}

int nfbind_list_next_exp(struct nfbind_list *list, struct nfbind_exp *ret_exp)
{
	return list_next(list, &expectations, ret_exp);
}

int nfbind_list_last_message(struct nfbind_list *list, char *ret_text, size_t ret_text_size)
{
	struct text text;

	if (!list)
		return -EINVAL;
	text_start(&text, ret_text, ret_text_size);
	text_add(&text, "%s", list->requester.message);
	return (int)text.len;
}

void nfbind_list_free(struct nfbind_list *list)
{
	if (!list)
		return;
	requester_close(&list->requester);
	seen_free(&list->seen);
	free(list);
}
