/* SPDX-License-Identifier: MIT */
/*
 * The request session's verbs for helpers in user space. The kernel's one message
 * creates or changes, whatever it finds; says yes to a removal from an empty table, and
 * to one that removed a part of what was asked for; and has one error for many faults.
 * So what it would take wrongly is looked at before it is sent, and what it did after.
 */
#include "conntrack.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cthelper.h"
#include "uapi.h"

static const struct subject cthelpers = {
	.subsystem = KERNEL_SUBSYS_CTHELPER,
	.wires = &cthelper_wires,
};

static bool has(const struct nfbind_cthelper *cthelper, uint32_t field)
{
	return field_has(&cthelper_fields, cthelper, field) > 0;
}

static uint64_t number(const struct nfbind_cthelper *cthelper, uint32_t field)
{
	return field_number_or(&cthelper_fields, cthelper, field, 0);
}

static bool is_key(uint32_t field)
{
	return field <= NFBIND_CTHELPER_L4PROTO;
}

static bool is_policy(uint32_t field)
{
	return field >= NFBIND_CTHELPER_POLICY1_NAME;
}

static int refuse(struct nfbind_conntrack *conntrack, const char *sentence)
{
	if (!sentence)
		return 0;
	requester_explain(&conntrack->requester, "%s", sentence);
	return -EINVAL;
}

/* Asking, and what the answer means. */

static int ask(struct nfbind_conntrack *conntrack, uint8_t message, uint16_t flags,
	       const struct nfbind_cthelper *cthelper)
{
	struct request request;

	request_start(&request, (uint16_t)(KERNEL_SUBSYS_CTHELPER << 8 | message), flags,
		      FAMILY_NONE);
	wire_build(&cthelper_wires, cthelper, &request.buffer);
	return conntrack_ask(conntrack, 0, NULL, &request);
}

static int ask_for(struct nfbind_conntrack *conntrack, const struct nfbind_cthelper *cthelper,
		   struct nfbind_cthelper *ret_cthelper)
{
	struct nfbind_cthelper key = { 0 };
	struct request request;

	(void)subject_select(&cthelper_fields, &key, cthelper, is_key);
	request_start(&request, KERNEL_SUBSYS_CTHELPER << 8 | MESSAGE_GET, 0, FAMILY_NONE);
	wire_build(&cthelper_wires, &key, &request.buffer);
	return conntrack_ask_for(conntrack, 0, NULL, &request, &cthelpers, ret_cthelper);
}

/* The number of the initial user namespace: PROC_USER_INIT_INO (include/linux/proc_ns.h). */
static bool is_in_user_namespace(void)
{
	char name[64];
	ssize_t len = readlink("/proc/self/ns/user", name, sizeof(name) - 1);

	if (len < 0)
		return false;
	name[len] = '\0';
	return strcmp(name, "user:[4026531837]") != 0;
}

static int explain_rights(struct nfbind_conntrack *conntrack)
{
	requester_explain(&conntrack->requester,
			  "user-space helpers take CAP_NET_ADMIN in the initial user namespace%s",
			  is_in_user_namespace() ? ", and this process is in another one" : "");
	return -EPERM;
}

/* An unknown subsystem answers EINVAL to everything, also to a question that has no fault. */
static bool is_missing(struct nfbind_conntrack *conntrack)
{
	struct nfbind_cthelper nothing = { 0 };

	return ask(conntrack, MESSAGE_GET, 0, &nothing) == -EINVAL;
}

static int explain_invalid(struct nfbind_conntrack *conntrack)
{
	bool has_none = is_missing(conntrack);

	requester_explain(&conntrack->requester, "%s",
			  has_none ? "this kernel has no user-space helpers (nfnetlink_cthelper)" :
				     "the kernel refuses a part of the helper's record");
	return has_none ? -EOPNOTSUPP : -EINVAL;
}

static int explain(struct nfbind_conntrack *conntrack, int error)
{
	static const struct reason reasons[] = {
		{ -EEXIST, "there is such a helper already" },
		{ -ENOENT, "there is no such helper" },
		{ -EBUSY, "a rule still refers to the helper" },
		{ 0, NULL },
	};

	if (error == -EPERM)
		return explain_rights(conntrack);
	if (error == -EINVAL)
		return explain_invalid(conntrack);
	return conntrack_explain(conntrack, error, reasons);
}

/* Adding. */

static int explain_existing(struct nfbind_conntrack *conntrack,
			    const struct nfbind_cthelper *cthelper)
{
	struct nfbind_cthelper existing = { 0 };

	if (ask_for(conntrack, cthelper, &existing) == -ENOENT)
		requester_explain(&conntrack->requester,
				  "the kernel has a helper of its own of that name, which is loaded");
	else
		requester_explain(&conntrack->requester, "there is such a helper already");
	return -EEXIST;
}

int nfbind_conntrack_add_cthelper(struct nfbind_conntrack *conntrack,
				  const struct nfbind_cthelper *cthelper)
{
	struct nfbind_cthelper copy;
	int r = cthelper ? conntrack_start(conntrack) : -EINVAL;

	if (r < 0)
		return r;
	r = refuse(conntrack, cthelper_new_problem(cthelper));
	if (r < 0)
		return r;
	copy = *cthelper;
	(void)field_set_number(&cthelper_fields, &copy, NFBIND_CTHELPER_PRIV_DATA_LEN,
			       number(cthelper, NFBIND_CTHELPER_PRIV_DATA_LEN));
	r = ask(conntrack, MESSAGE_NEW, NLM_F_CREATE | NLM_F_EXCL, &copy);
	/* EBUSY: nf_conntrack_helper_register() found one of the kernel's own. */
	return r == -EEXIST || r == -EBUSY ? explain_existing(conntrack, cthelper) :
					     explain(conntrack, r);
}

/* Changing. */

static bool is_fixed(uint32_t field)
{
	return !(cthelper_fields.rows[field].directions & NFBIND_DIRECTION_UPDATE);
}

/* A field that stays as it is, given otherwise; or a policy that is not there. */
static bool is_impossible(const struct nfbind_cthelper *existing,
			  const struct nfbind_cthelper *cthelper, uint32_t field)
{
	if (!has(cthelper, field))
		return false;
	if (is_policy(field) && !has(existing, field))
		return true;
	return is_fixed(field) && !field_same(&cthelper_fields, existing, cthelper, field);
}

static int check_change(struct nfbind_conntrack *conntrack, const struct nfbind_cthelper *existing,
			const struct nfbind_cthelper *cthelper)
{
	for (uint32_t field = 0; field < cthelper_fields.count; field++) {
		if (!is_impossible(existing, cthelper, field))
			continue;
		requester_explain(&conntrack->requester,
				  "%s cannot be changed while the helper exists: remove it and add it again",
				  cthelper_fields.rows[field].name);
		return -EBUSY;
	}
	return 0;
}

static bool changes_policies(const struct nfbind_cthelper *existing,
			     const struct nfbind_cthelper *cthelper)
{
	for (uint32_t field = NFBIND_CTHELPER_POLICY1_NAME; field < cthelper_fields.count; field++)
		if (has(cthelper, field) && !field_same(&cthelper_fields, existing, cthelper, field))
			return true;
	return false;
}

/* The kernel takes policies as a whole only, and no private data length at all. */
static void merge(struct nfbind_cthelper *to, const struct nfbind_cthelper *existing,
		  const struct nfbind_cthelper *cthelper)
{
	bool has_policies = changes_policies(existing, cthelper);

	for (uint32_t field = 0; field < cthelper_fields.count; field++)
		if (field == NFBIND_CTHELPER_PRIV_DATA_LEN || (is_policy(field) && !has_policies))
			continue;
		else if (has(cthelper, field))
			(void)field_copy_one(&cthelper_fields, to, cthelper, field);
		else if (is_policy(field))
			(void)field_copy_one(&cthelper_fields, to, existing, field);
}

/* A limit of 0 is kept as 255 by newer kernels. */
static bool is_taken(const struct nfbind_cthelper *sent, const struct nfbind_cthelper *now, uint32_t field)
{
	bool is_limit = (field - NFBIND_CTHELPER_POLICY1_MAX) % POLICY_FIELDS == 0;

	return (is_limit && number(sent, field) == 0) || field_same(&cthelper_fields, sent, now, field);
}

/* Linux before 2026 gives all policies what the first is to have (nfnl_cthelper_update_policy_all()). */
static int check_policies(struct nfbind_conntrack *conntrack, const struct nfbind_cthelper *sent)
{
	struct nfbind_cthelper now = { 0 };
	int r;

	if (!has(sent, NFBIND_CTHELPER_POLICY2_NAME))
		return 0;
	r = ask_for(conntrack, sent, &now);
	if (r < 0)
		return explain(conntrack, r);
	for (uint32_t field = NFBIND_CTHELPER_POLICY2_NAME; field < cthelper_fields.count; field++) {
		if (is_taken(sent, &now, field))
			continue;
		requester_explain(&conntrack->requester,
				  "this kernel gave all of the policies the limits of the first: remove the helper and add it again");
		return -EOPNOTSUPP;
	}
	return 0;
}

int nfbind_conntrack_change_cthelper(struct nfbind_conntrack *conntrack,
				     const struct nfbind_cthelper *cthelper)
{
	struct nfbind_cthelper existing = { 0 }, merged = { 0 };
	int r = cthelper ? conntrack_start(conntrack) : -EINVAL;

	if (r < 0)
		return r;
	r = refuse(conntrack, cthelper_change_problem(cthelper));
	if (r < 0)
		return r;
	r = ask_for(conntrack, cthelper, &existing);
	if (r < 0)
		return explain(conntrack, r);
	r = check_change(conntrack, &existing, cthelper);
	if (r < 0)
		return r;
	merge(&merged, &existing, cthelper);
	r = explain(conntrack, ask(conntrack, MESSAGE_NEW, 0, &merged));
	return r < 0 ? r : check_policies(conntrack, &merged);
}

/* Reading. */

int nfbind_conntrack_fetch_cthelper(struct nfbind_conntrack *conntrack,
				    const struct nfbind_cthelper *cthelper,
				    struct nfbind_cthelper *ret_cthelper)
{
	int r = cthelper && ret_cthelper ? conntrack_start(conntrack) : -EINVAL;

	if (r < 0)
		return r;
	r = refuse(conntrack, cthelper_key_problem(cthelper));
	return r < 0 ? r : explain(conntrack, ask_for(conntrack, cthelper, ret_cthelper));
}

int nfbind_conntrack_list_cthelper(struct nfbind_conntrack *conntrack,
				   struct nfbind_list **ret_list)
{
	struct request request;
	int r = ret_list ? conntrack_start(conntrack) : -EINVAL;

	if (r < 0)
		return r;
	request_start(&request, KERNEL_SUBSYS_CTHELPER << 8 | MESSAGE_GET, NLM_F_DUMP, FAMILY_NONE);
	return explain(conntrack, list_start(conntrack, &cthelpers, &request, ret_list));
}

int nfbind_list_next_cthelper(struct nfbind_list *list, struct nfbind_cthelper *ret_cthelper)
{
	return list_next(list, &cthelpers, ret_cthelper);
}

/* Removing. */

/* 0 when what the key names is gone, -EBUSY when some of it is still there. */
static int check_gone(struct nfbind_conntrack *conntrack, const struct nfbind_cthelper *key)
{
	struct nfbind_cthelper left = { 0 };
	int r = ask_for(conntrack, key, &left);

	return r == -ENOENT ? 0 : r < 0 ? r : -EBUSY;
}

static int remove_all_of(struct nfbind_conntrack *conntrack, const struct nfbind_cthelper *key)
{
	struct nfbind_cthelper copy = { 0 };
	int r;

	(void)subject_select(&cthelper_fields, &copy, key, is_key);
	r = ask(conntrack, MESSAGE_DELETE, 0, &copy);
	if (r == 0)
		r = check_gone(conntrack, key);
	if (r == 0)
		conntrack->requester.message[0] = '\0';
	return explain(conntrack, r);
}

int nfbind_conntrack_remove_cthelper(struct nfbind_conntrack *conntrack,
				     const struct nfbind_cthelper *cthelper)
{
	struct nfbind_cthelper existing = { 0 };
	int r = cthelper ? conntrack_start(conntrack) : -EINVAL;

	if (r < 0)
		return r;
	r = refuse(conntrack, cthelper_key_problem(cthelper));
	if (r < 0)
		return r;
	/* Where no helper is left at all, the kernel calls every removal a success. */
	r = ask_for(conntrack, cthelper, &existing);
	return r < 0 ? explain(conntrack, r) : remove_all_of(conntrack, cthelper);
}

int nfbind_conntrack_flush_cthelper(struct nfbind_conntrack *conntrack)
{
	struct nfbind_cthelper nothing = { 0 };
	int r = conntrack_start(conntrack);

	if (r < 0)
		return r;
	r = remove_all_of(conntrack, &nothing);
	if (r == -EBUSY)
		requester_explain(&conntrack->requester,
				  "a rule still refers to a helper; the others are gone");
	return r;
}
