/* SPDX-License-Identifier: MIT */
/*
 * Lists: each has a socket of its own, since the kernel runs one dump per socket,
 * and is read as its caller pulls.
 */
#include "conntrack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "uapi.h"

struct nfbind_list {
	struct requester requester;
	const struct subject *subject;
	const struct nlmsghdr *first; /* what came when the list was started, until it is asked for */
	int ended; /* 0, 1 for complete, or the -errno that it ended with */
};

static const struct reason list_reasons[] = {
	{ -ENOENT, "there is no such master" },
	{ -EINVAL, "the kernel does not know such a list, or a part of its prefilter" },
	{ 0, NULL },
};

static bool is_prefilter(uint32_t field)
{
	return field == NFBIND_CT_MARK || field == NFBIND_CT_MARK_MASK ||
	       field == NFBIND_CT_STATUS || field == NFBIND_CT_ZONE;
}

static int put_prefilter(const struct nfbind_ct *prefilter, struct request *request)
{
	struct nfbind_ct copy = { 0 };
	uint64_t status = 0, mark;
	int r;

	if (!prefilter)
		return 0;
	r = subject_select(&ct_fields, &copy, prefilter, is_prefilter);
	/* Older kernels look at the mark only where a mask is beside it, which they do not apply to the mark. */
	if (r == 0 && field_get_number(&ct_fields, &copy, NFBIND_CT_MARK, &mark) == 0) {
		uint64_t mask = field_number_or(&ct_fields, &copy, NFBIND_CT_MARK_MASK, UINT32_MAX);

		field_set_number(&ct_fields, &copy, NFBIND_CT_MARK, mark & mask);
		field_set_number(&ct_fields, &copy, NFBIND_CT_MARK_MASK, mask);
	}
	/* The kernel wants a mask beside the status: all of its bits have to be set. No bit is no wish. */
	if (field_get_number(&ct_fields, &copy, NFBIND_CT_STATUS, &status) == 0 && status == 0)
		field_clear(&ct_fields, &copy, NFBIND_CT_STATUS);
	wire_build(&ct_wires, &copy, &request->buffer);
	if (status != 0)
		wire_put_u32(&request->buffer, KERNEL_CTA_STATUS_MASK, (uint32_t)status);
	field_reset(&ct_fields, &copy);
	return r;
}

/* With the first answer, which is where the kernel refuses. */
static int begin_list(struct nfbind_list *list, struct nfbind_conntrack *conntrack,
		      struct request *request)
{
	int r = requester_open_beside(&list->requester, &conntrack->requester);

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

static int start_list(struct nfbind_conntrack *conntrack, const struct subject *subject,
		      struct request *request, struct nfbind_list **ret_list)
{
	struct nfbind_list *list = calloc(1, sizeof(*list));
	int r;

	if (!list)
		return -ENOMEM;
	list->subject = subject;
	list->requester.socket.fd = -1;
	r = begin_list(list, conntrack, request);
	if (r < 0)
		nfbind_list_free(list);
	else
		*ret_list = list;
	return r;
}

int nfbind_conntrack_list_ct(struct nfbind_conntrack *conntrack, const struct nfbind_ct *prefilter,
			     uint32_t kind, struct nfbind_list **ret_list)
{
	static const uint8_t messages[] = {
		[NFBIND_LIST_TABLE] = MESSAGE_GET,
		[NFBIND_LIST_ZERO] = KERNEL_CT_GET_CTRZERO,
		[NFBIND_LIST_DYING] = KERNEL_CT_GET_DYING,
		[NFBIND_LIST_UNCONFIRMED] = KERNEL_CT_GET_UNCONFIRMED,
	};
	struct request request;
	int r = ret_list && kind < sizeof(messages) ? conntrack_start(conntrack) : -EINVAL;

	if (r < 0)
		return r;
	request_start(&request, (uint16_t)(KERNEL_SUBSYS_CTNETLINK << 8 | messages[kind]), NLM_F_DUMP,
		      prefilter ? subject_family(&ct_fields, prefilter, NFBIND_CT_ORIG_SRC) : FAMILY_NONE);
	r = put_prefilter(prefilter, &request);
	if (r == 0)
		r = start_list(conntrack, &connections, &request, ret_list);
	return conntrack_explain(conntrack, r, list_reasons);
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
	if (master && !subject_has_tuple(&exp_fields, master, NFBIND_EXP_MASTER_SRC)) {
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
	if (r == 0) {
		wire_build(&exp_wires, &copy, &request.buffer);
		r = start_list(conntrack, &expectations, &request, ret_list);
	}
	field_reset(&exp_fields, &copy);
	return conntrack_explain(conntrack, r, list_reasons);
}

static int next(struct nfbind_list *list, const struct subject *subject, void *ret_object)
{
	const struct nlmsghdr *message;
	int r;

	if (!list || !ret_object || list->subject != subject)
		return -EINVAL;
	if (list->ended == 0) {
		r = requester_check(&list->requester);
		if (r < 0)
			return r;
		message = list->first;
		r = message ? 1 : requester_next(&list->requester, &message);
		list->first = NULL;
		if (r > 0)
			return subject_parse(subject, message, ret_object);
		/* A signal ends the wait, not the list. */
		if (r == -EINTR && list->requester.message[0] == '\0')
			return r;
		list->ended = r < 0 ? r : 1;
	}
	return list->ended < 0 ? list->ended : -ENODATA;
}

int nfbind_list_next_ct(struct nfbind_list *list, struct nfbind_ct *ret_ct)
{
	return next(list, &connections, ret_ct);
}

int nfbind_list_next_exp(struct nfbind_list *list, struct nfbind_exp *ret_exp)
{
	return next(list, &expectations, ret_exp);
}

void nfbind_list_free(struct nfbind_list *list)
{
	if (!list)
		return;
	requester_close(&list->requester);
	free(list);
}
