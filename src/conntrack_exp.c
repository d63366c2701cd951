/* SPDX-License-Identifier: MIT */
/*
 * The request session's verbs for expectations.
 */
#include "conntrack.h"

#include <errno.h>
#include <string.h>

#include "uapi.h"

const struct reason exp_reasons[] = {
	{ -EEXIST, "the expectation is there already" },
	{ -ENOENT, "there is no such expectation, or no such master" },
	{ -EBUSY, "another expectation clashes with it" },
	{ -EMFILE, "the helper's limit of expectations is reached" },
	{ -EOPNOTSUPP, "the master connection has no helper" },
	{ -ETIME, "the expectation has just expired" },
	{ -EINVAL, "a part is missing (master, expected tuple, mask), or class or function are unknown" },
	{ 0, NULL },
};

static int write_exp(struct nfbind_conntrack *conntrack, const struct nfbind_exp *exp,
		     uint16_t flags)
{
	struct request request;
	const char *why = NULL;
	int r = exp ? conntrack_start(conntrack) : -EINVAL;

	if (r < 0)
		return r;
	request_clear(&request);
	r = subject_encode_exp(exp, flags, &request.buffer, &why);
	r = conntrack_ask(conntrack, r, why, &request);
	return conntrack_explain(conntrack, r, exp_reasons);
}

int nfbind_conntrack_add_exp(struct nfbind_conntrack *conntrack, const struct nfbind_exp *exp,
			     uint32_t flags)
{
	if (flags & ~(uint32_t)NFBIND_ADD_OR_CHANGE)
		return -EINVAL;
	return write_exp(conntrack, exp, subject_add_flags(flags));
}

int nfbind_conntrack_change_exp(struct nfbind_conntrack *conntrack, const struct nfbind_exp *exp)
{
	return write_exp(conntrack, exp, 0);
}

int nfbind_conntrack_fetch_exp(struct nfbind_conntrack *conntrack, const struct nfbind_exp *exp,
			       struct nfbind_exp *ret_exp)
{
	struct request request;
	const char *why = NULL;
	int r = exp && ret_exp ? conntrack_start(conntrack) : -EINVAL;

	if (r < 0)
		return r;
	request_clear(&request);
	r = subject_encode_key(&expectations, exp, MESSAGE_GET, &request.buffer, &why);
	r = conntrack_ask_for(conntrack, r, why, &request, &expectations, ret_exp);
	return conntrack_explain(conntrack, r, exp_reasons);
}

int nfbind_conntrack_remove_exp(struct nfbind_conntrack *conntrack, const struct nfbind_exp *exp)
{
	struct request request;
	const char *why = NULL;
	int r = exp ? conntrack_start(conntrack) : -EINVAL;

	if (r < 0)
		return r;
	request_clear(&request);
	r = subject_encode_key(&expectations, exp, MESSAGE_DELETE, &request.buffer, &why);
	r = conntrack_ask(conntrack, r, why, &request);
	return conntrack_explain(conntrack, r, exp_reasons);
}

int nfbind_conntrack_flush_exp(struct nfbind_conntrack *conntrack, const char *helper_name)
{
	size_t len = helper_name ? strlen(helper_name) : 0;
	struct request request;
	int r = len <= 15 ? conntrack_start(conntrack) : -EINVAL;

	if (r < 0)
		return r;
	request_start(&request, KERNEL_SUBSYS_CTNETLINK_EXP << 8 | MESSAGE_DELETE, 0, FAMILY_NONE);
	if (helper_name)
		wire_put(&request.buffer, KERNEL_CTA_EXPECT_HELP_NAME, helper_name, len + 1);
	return conntrack_explain(conntrack, conntrack_ask(conntrack, 0, NULL, &request), exp_reasons);
}
