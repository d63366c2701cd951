/* SPDX-License-Identifier: MIT */
/*
 * The request session. Connections and expectations are asked for in the same way:
 * a subject says by table which subsystem, messages and fields are meant, and which
 * fields name an entry.
 */
#include <nfbind/conntrack.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libmnl/libmnl.h>

#include "ct.h"
#include "options.h"
#include "plain.h"
#include "request.h"
#include "text.h"
#include "uapi.h"

enum { RECEIVE_BUFFER = 1 << 20, FAMILY_NONE = 0 };

struct nfbind_conntrack {
	struct requester requester;
};

struct subject {
	uint8_t subsystem;
	const struct wire_table *wires;
	uint32_t tuple;   /* the first field of the tuple that names an entry */
	uint32_t other;   /* of another one that does, or the same */
};

enum { MESSAGE_NEW = 0, MESSAGE_GET = 1, MESSAGE_DELETE = 2 };

static const struct subject connections = {
	.subsystem = KERNEL_SUBSYS_CTNETLINK,
	.wires = &ct_wires,
	.tuple = NFBIND_CT_ORIG_SRC,
	.other = NFBIND_CT_REPL_SRC,
};

static const struct subject expectations = {
	.subsystem = KERNEL_SUBSYS_CTNETLINK_EXP,
	.wires = &exp_wires,
	.tuple = NFBIND_EXP_EXPECTED_SRC,
	.other = NFBIND_EXP_EXPECTED_SRC,
};

struct nfbind_list {
	struct requester requester;
	const struct subject *subject;
	const struct nlmsghdr *first; /* what came when the list was started, until it is asked for */
	int ended; /* 0, 1 for complete, or the -errno that it ended with */
};

/* Life. */

int nfbind_conntrack_new(struct nfbind_conntrack **ret_conntrack)
{
	struct nfbind_conntrack *conntrack = calloc(1, sizeof(*conntrack));

	if (!conntrack)
		return -ENOMEM;
	conntrack->requester.socket.fd = -1;
	*ret_conntrack = conntrack;
	return 0;
}

int nfbind_conntrack_open(struct nfbind_conntrack *conntrack, const struct nfbind_options *options)
{
	struct socket_place place = { .netns_fd = -1, .socket_fd = -1 };
	struct requester *requester;
	int r;

	if (!conntrack)
		return -EINVAL;
	requester = &conntrack->requester;
	if (requester->was_closed)
		return -ESHUTDOWN;
	if (requester->socket.fd >= 0)
		return -EALREADY;
	r = socket_place_from(options, &place);
	if (r == 0)
		r = requester_open(requester, &place,
				   (uint32_t)options_number(options, NFBIND_OPTIONS_RECEIVE_BUFFER,
							    RECEIVE_BUFFER));
	if (r < 0)
		requester_explain(requester, "the session could not be opened: %s", strerror(-r));
	return r == -EAFNOSUPPORT ? -EPROTONOSUPPORT : r;
}

int nfbind_conntrack_close(struct nfbind_conntrack *conntrack)
{
	if (!conntrack)
		return -EINVAL;
	requester_close(&conntrack->requester);
	return 0;
}

void nfbind_conntrack_free(struct nfbind_conntrack *conntrack)
{
	if (!conntrack)
		return;
	requester_close(&conntrack->requester);
	free(conntrack);
}

int nfbind_conntrack_last_message(struct nfbind_conntrack *conntrack, char *ret_text,
				  size_t ret_text_size)
{
	struct text text;

	if (!conntrack)
		return -EINVAL;
	text_start(&text, ret_text, ret_text_size);
	text_add(&text, "%s", conntrack->requester.message);
	return (int)text.len;
}

/* What names an entry. */

/* Fields of a tuple, in the order that all tuples have. */
enum {
	OF_SRC = NFBIND_CT_ORIG_SRC - NFBIND_CT_ORIG_SRC,
	OF_DST = NFBIND_CT_ORIG_DST - NFBIND_CT_ORIG_SRC,
	OF_L3PROTO = NFBIND_CT_ORIG_L3PROTO - NFBIND_CT_ORIG_SRC,
	OF_L4PROTO = NFBIND_CT_ORIG_L4PROTO - NFBIND_CT_ORIG_SRC,
	OF_PORT_SRC = NFBIND_CT_ORIG_PORT_SRC - NFBIND_CT_ORIG_SRC,
	OF_PORT_DST = NFBIND_CT_ORIG_PORT_DST - NFBIND_CT_ORIG_SRC,
	OF_ICMP_TYPE = NFBIND_CT_ORIG_ICMP_TYPE - NFBIND_CT_ORIG_SRC,
	OF_ICMP_CODE = NFBIND_CT_ORIG_ICMP_CODE - NFBIND_CT_ORIG_SRC,
	OF_ICMP_ID = NFBIND_CT_ORIG_ICMP_ID - NFBIND_CT_ORIG_SRC,
};

static bool has_tuple(const struct nfbind_fields *fields, const void *object, uint32_t first)
{
	return field_has(fields, object, first + OF_SRC) > 0 &&
	       field_has(fields, object, first + OF_DST) > 0 &&
	       field_has(fields, object, first + OF_L4PROTO) > 0;
}

/* By its addresses; the network protocol's own field may say less, never otherwise. */
static uint8_t family_of(const struct nfbind_fields *fields, const void *object, uint32_t first)
{
	const void *address;
	size_t len;

	if (field_get_bytes(fields, object, first + OF_SRC, &address, &len) == 0)
		return len == 4 ? 2 : 10;
	return (uint8_t)field_number_or(fields, object, first + OF_L3PROTO, FAMILY_NONE);
}

static int find_tuple(struct requester *requester, const struct subject *subject,
		      const void *object, uint32_t *ret_first)
{
	const struct nfbind_fields *fields = subject->wires->fields;

	*ret_first = subject->tuple;
	if (has_tuple(fields, object, subject->tuple))
		return 0;
	*ret_first = subject->other;
	if (has_tuple(fields, object, subject->other))
		return 0;
	requester_explain(requester,
			  "a tuple is needed: source and destination address and transport protocol");
	return -EINVAL;
}

/* An object that has the fields of `from` for which the test says so. */
static int select_fields(const struct nfbind_fields *fields, void *object, const void *from,
			 bool (*is_wanted)(uint32_t field))
{
	for (uint32_t field = 0; field < fields->count; field++) {
		int r = is_wanted(field) ? field_copy_one(fields, object, from, field) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

/* Sending. */

static int ask(struct requester *requester, struct request *request)
{
	const struct nlmsghdr *message;
	int r = requester_send(requester, request);

	if (r == 0)
		do
			r = requester_next(requester, &message);
		while (r > 0);
	return r;
}

static int start(struct nfbind_conntrack *conntrack)
{
	if (!conntrack)
		return -EINVAL;
	conntrack->requester.message[0] = '\0';
	return requester_check(&conntrack->requester);
}

/* What the kernel says with a number only. */
struct reason {
	int error;
	const char *sentence;
};

static const struct reason ct_reasons[] = {
	{ -EEXIST, "the connection is there already" },
	{ -ENOENT, "there is no such connection" },
	{ -EBUSY, "the status has bits that cannot be changed (expected, confirmed and dying; seen-reply and assured can only be set), or the helper cannot be replaced" },
	{ -ENOSPC, "the labels do not fit: no rule of this namespace uses connection labels" },
	{ -EOPNOTSUPP, "translation, master and another helper can be given on creation only, or this kernel lacks the helper" },
	{ -EINVAL, "a part is missing (a new connection needs tuple and timeout), or parts do not fit together" },
	{ -ENOMEM, "out of memory, or the table is full" },
};

static const struct reason exp_reasons[] = {
	{ -EEXIST, "the expectation is there already" },
	{ -ENOENT, "there is no such expectation, or no such master" },
	{ -EBUSY, "another expectation clashes with it" },
	{ -EMFILE, "the helper's limit of expectations is reached" },
	{ -EOPNOTSUPP, "the master connection has no helper" },
	{ -EINVAL, "a part is missing (master, expected tuple, mask), or class or function are unknown" },
};

static const struct reason list_reasons[] = {
	{ -ENOENT, "there is no such master" },
	{ -EINVAL, "the kernel does not know such a list, or a part of its prefilter" },
};

static int explain(struct nfbind_conntrack *conntrack, int error, const struct reason *reasons,
		   size_t count)
{
	struct requester *requester = &conntrack->requester;

	if (error == -524) /* ENOTSUPP, which the kernel should keep to itself */
		error = -EOPNOTSUPP;
	if (error == -EPERM)
		requester_explain(requester,
				  "CAP_NET_ADMIN is missing in the user namespace that owns this network namespace");
	/* Where the kernel has words of its own they follow a colon. */
	for (size_t i = 0; i < count && !strchr(requester->message, ':'); i++)
		if (reasons[i].error == error)
			requester_explain(requester, "%s", reasons[i].sentence);
	return error;
}

#define EXPLAIN(conntrack, error, reasons) \
	explain(conntrack, error, reasons, sizeof(reasons) / sizeof((reasons)[0]))

/* Connections. */

static bool is_written(uint32_t field)
{
	return ct_fields.rows[field].directions &
	       (NFBIND_DIRECTION_CREATE | NFBIND_DIRECTION_UPDATE);
}

/* Without the zone: it says nothing of what the tuple is. */
static bool is_in_repl(uint32_t field)
{
	return field >= NFBIND_CT_REPL_SRC && field < NFBIND_CT_REPL_ZONE;
}

/* Replies have types of their own; others are answered with the same. */
static uint8_t reply_type(uint8_t l4proto, uint8_t type)
{
	static const uint8_t v4[][2] = { { 8, 0 }, { 0, 8 }, { 13, 14 }, { 14, 13 },
					 { 15, 16 }, { 16, 15 }, { 17, 18 }, { 18, 17 } };
	static const uint8_t v6[][2] = { { 128, 129 }, { 129, 128 }, { 139, 140 }, { 140, 139 } };
	const uint8_t(*pairs)[2] = l4proto == 1 ? v4 : v6;
	size_t count = l4proto == 1 ? sizeof(v4) / 2 : sizeof(v6) / 2;

	for (size_t i = 0; i < count; i++)
		if (pairs[i][0] == type)
			return pairs[i][1];
	return type;
}

static int copy_as(struct nfbind_ct *ct, uint32_t to, uint32_t from)
{
	const void *data;
	size_t data_len;
	uint64_t value;

	if (field_get_number(&ct_fields, ct, from, &value) == 0)
		return field_set_number(&ct_fields, ct, to, value);
	if (field_get_bytes(&ct_fields, ct, from, &data, &data_len) == 0)
		return field_set_bytes(&ct_fields, ct, to, data, data_len);
	return 0;
}

/* The reply tuple that an untranslated connection has. */
static int add_reply(struct nfbind_ct *ct)
{
	static const uint8_t swapped[][2] = {
		{ OF_SRC, OF_DST }, { OF_DST, OF_SRC },
		{ OF_L3PROTO, OF_L3PROTO }, { OF_L4PROTO, OF_L4PROTO },
		{ OF_PORT_SRC, OF_PORT_DST }, { OF_PORT_DST, OF_PORT_SRC },
		{ OF_ICMP_TYPE, OF_ICMP_TYPE }, { OF_ICMP_CODE, OF_ICMP_CODE },
		{ OF_ICMP_ID, OF_ICMP_ID },
	};
	uint64_t type;
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(swapped) / sizeof(swapped[0]); i++)
		r = copy_as(ct, NFBIND_CT_REPL_SRC + swapped[i][0],
			    NFBIND_CT_ORIG_SRC + swapped[i][1]);
	if (r == 0 && field_get_number(&ct_fields, ct, NFBIND_CT_ORIG_ICMP_TYPE, &type) == 0)
		r = field_set_number(&ct_fields, ct, NFBIND_CT_REPL_ICMP_TYPE,
				     reply_type((uint8_t)field_number_or(&ct_fields, ct,
									 NFBIND_CT_ORIG_L4PROTO, 0),
						(uint8_t)type));
	return r;
}

static bool has_any(const struct nfbind_ct *ct, bool (*is_meant)(uint32_t field))
{
	for (uint32_t field = 0; field < ct_fields.count; field++)
		if (is_meant(field) && field_has(&ct_fields, ct, field) > 0)
			return true;
	return false;
}

static int complete_new(struct nfbind_ct *ct)
{
	int r = has_any(ct, is_in_repl) ? 0 : add_reply(ct);

	if (r == 0 && field_has(&ct_fields, ct, NFBIND_CT_STATUS) == 0)
		r = field_set_number(&ct_fields, ct, NFBIND_CT_STATUS, 0);
	return r;
}

/* ctnetlink_change_status() takes a status without it for an attempt to clear it. */
static int confirm(struct nfbind_ct *ct)
{
	uint64_t status;

	if (field_get_number(&ct_fields, ct, NFBIND_CT_STATUS, &status) < 0)
		return 0;
	return field_set_number(&ct_fields, ct, NFBIND_CT_STATUS,
				status | NFBIND_CT_STATUS_CONFIRMED);
}

static int write_ct(struct nfbind_conntrack *conntrack, const struct nfbind_ct *ct, uint16_t flags)
{
	struct requester *requester = &conntrack->requester;
	struct nfbind_ct copy = { 0 };
	struct request request;
	uint32_t first;
	int r = find_tuple(requester, &connections, ct, &first);

	if (r == 0)
		r = select_fields(&ct_fields, &copy, ct, is_written);
	if (r == 0 && flags & NLM_F_CREATE)
		r = complete_new(&copy);
	if (r == 0)
		r = confirm(&copy);
	if (r == 0) {
		request_start(&request, KERNEL_SUBSYS_CTNETLINK << 8 | MESSAGE_NEW,
			      NLM_F_ACK | flags, family_of(&ct_fields, &copy, first));
		wire_build(&ct_wires, &copy, &request.buffer);
		r = ask(requester, &request);
	}
	field_reset(&ct_fields, &copy);
	r = EXPLAIN(conntrack, r, ct_reasons);
	if (r == -EPERM && field_has(&ct_fields, ct, NFBIND_CT_TIMEOUT) > 0)
		requester_explain(requester,
				  "CAP_NET_ADMIN is missing in the user namespace that owns this network namespace, or the connection's timeout is fixed");
	return r;
}

int nfbind_conntrack_add_ct(struct nfbind_conntrack *conntrack, const struct nfbind_ct *ct,
			    uint32_t flags)
{
	int r = ct ? start(conntrack) : -EINVAL;

	if (r < 0 || flags & ~(uint32_t)NFBIND_ADD_OR_CHANGE)
		return r < 0 ? r : -EINVAL;
	return write_ct(conntrack, ct,
			NLM_F_CREATE | (flags & NFBIND_ADD_OR_CHANGE ? 0 : NLM_F_EXCL));
}

int nfbind_conntrack_change_ct(struct nfbind_conntrack *conntrack, const struct nfbind_ct *ct)
{
	int r = ct ? start(conntrack) : -EINVAL;

	return r < 0 ? r : write_ct(conntrack, ct, 0);
}

static bool is_ct_key(uint32_t field)
{
	return field < NFBIND_CT_MASTER_SRC || field == NFBIND_CT_ZONE || field == NFBIND_CT_ID;
}

static bool is_exp_key(uint32_t field)
{
	return field < NFBIND_EXP_MASK_SRC || field == NFBIND_EXP_ZONE || field == NFBIND_EXP_ID;
}

/* A request that names an entry and says nothing else. */
static int start_keyed(struct requester *requester, const struct subject *subject,
		       const void *object, uint8_t message, struct request *request)
{
	union {
		struct nfbind_ct ct;
		struct nfbind_exp exp;
	} key = { 0 };
	const struct nfbind_fields *fields = subject->wires->fields;
	uint32_t first;
	int r = find_tuple(requester, subject, object, &first);

	if (r < 0)
		return r;
	r = select_fields(fields, &key, object, subject == &connections ? is_ct_key : is_exp_key);
	request_start(request, (uint16_t)(subject->subsystem << 8 | message), NLM_F_ACK,
		      family_of(fields, object, first));
	wire_build(subject->wires, &key, &request->buffer);
	field_reset(fields, &key);
	return r;
}

static int parse_answer(const struct subject *subject, const struct nlmsghdr *message, void *object)
{
	const uint8_t *attributes = (const uint8_t *)message + NLMSG_LENGTH(4);

	field_reset(subject->wires->fields, object);
	return wire_parse(subject->wires, attributes, message->nlmsg_len - NLMSG_LENGTH(4), object);
}

static int fetch(struct requester *requester, const struct subject *subject, const void *object,
		 uint8_t message_type, void *ret_object)
{
	const struct nlmsghdr *message;
	struct request request;
	bool is_found = false;
	int r = start_keyed(requester, subject, object, message_type, &request);

	if (r == 0)
		r = requester_send(requester, &request);
	if (r < 0)
		return r;
	while ((r = requester_next(requester, &message)) > 0) {
		int parsed = parse_answer(subject, message, ret_object);

		if (parsed < 0) {
			requester_explain(requester, "the kernel's answer could not be read: %s",
					  strerror(-parsed));
			return parsed;
		}
		is_found = true;
	}
	return r == 0 && !is_found ? -ENOENT : r;
}

int nfbind_conntrack_fetch_ct(struct nfbind_conntrack *conntrack, const struct nfbind_ct *ct,
			      uint32_t flags, struct nfbind_ct *ret_ct)
{
	int r = ct && ret_ct && !(flags & ~(uint32_t)NFBIND_FETCH_ZERO) ? start(conntrack) : -EINVAL;

	if (r < 0)
		return r;
	r = fetch(&conntrack->requester, &connections, ct,
		  flags & NFBIND_FETCH_ZERO ? KERNEL_CT_GET_CTRZERO : MESSAGE_GET, ret_ct);
	return EXPLAIN(conntrack, r, ct_reasons);
}

static int remove_one(struct nfbind_conntrack *conntrack, const struct subject *subject,
		      const void *object)
{
	struct request request;
	int r = start_keyed(&conntrack->requester, subject, object, MESSAGE_DELETE, &request);

	return r < 0 ? r : ask(&conntrack->requester, &request);
}

int nfbind_conntrack_remove_ct(struct nfbind_conntrack *conntrack, const struct nfbind_ct *ct)
{
	int r = ct ? start(conntrack) : -EINVAL;

	return r < 0 ? r : EXPLAIN(conntrack, remove_one(conntrack, &connections, ct), ct_reasons);
}

int nfbind_conntrack_flush_ct(struct nfbind_conntrack *conntrack)
{
	struct request request;
	int r = start(conntrack);

	if (r < 0)
		return r;
	request_start(&request, KERNEL_SUBSYS_CTNETLINK << 8 | MESSAGE_DELETE, NLM_F_ACK,
		      FAMILY_NONE);
	return EXPLAIN(conntrack, ask(&conntrack->requester, &request), ct_reasons);
}

/* Lists. */

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
	r = select_fields(&ct_fields, &copy, prefilter, is_prefilter);
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
	int r = ret_list && kind < sizeof(messages) ? start(conntrack) : -EINVAL;

	if (r < 0)
		return r;
	request_start(&request, (uint16_t)(KERNEL_SUBSYS_CTNETLINK << 8 | messages[kind]), NLM_F_DUMP,
		      prefilter ? family_of(&ct_fields, prefilter, NFBIND_CT_ORIG_SRC) : FAMILY_NONE);
	r = put_prefilter(prefilter, &request);
	if (r == 0)
		r = start_list(conntrack, &connections, &request, ret_list);
	return EXPLAIN(conntrack, r, list_reasons);
}

int nfbind_conntrack_list_exp(struct nfbind_conntrack *conntrack, const struct nfbind_exp *master,
			      struct nfbind_list **ret_list)
{
	struct nfbind_exp copy = { 0 };
	struct request request;
	int r = ret_list ? start(conntrack) : -EINVAL;

	if (r < 0)
		return r;
	/* Half a tuple would list all. */
	if (master && !has_tuple(&exp_fields, master, NFBIND_EXP_MASTER_SRC)) {
		requester_explain(&conntrack->requester,
				  "a tuple is needed: the master's addresses and transport protocol");
		return -EINVAL;
	}
	/* Of a master without a helper the kernel lists nothing, not even the end. */
	request_start(&request, KERNEL_SUBSYS_CTNETLINK_EXP << 8 | MESSAGE_GET,
		      NLM_F_DUMP | (master ? NLM_F_ACK : 0),
		      master ? family_of(&exp_fields, master, NFBIND_EXP_MASTER_SRC) : FAMILY_NONE);
	for (uint32_t i = 0; master && r == 0 && i < TUPLE_FIELDS; i++)
		r = field_copy_one(&exp_fields, &copy, master, NFBIND_EXP_MASTER_SRC + i);
	if (master && r == 0)
		r = field_copy_one(&exp_fields, &copy, master, NFBIND_EXP_ZONE);
	if (r == 0) {
		wire_build(&exp_wires, &copy, &request.buffer);
		r = start_list(conntrack, &expectations, &request, ret_list);
	}
	field_reset(&exp_fields, &copy);
	return EXPLAIN(conntrack, r, list_reasons);
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
			return parse_answer(subject, message, ret_object);
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

/* Expectations. */

static int write_exp(struct nfbind_conntrack *conntrack, const struct nfbind_exp *exp,
		     uint16_t flags)
{
	struct requester *requester = &conntrack->requester;
	struct request request;

	if (!has_tuple(&exp_fields, exp, NFBIND_EXP_MASTER_SRC) ||
	    !has_tuple(&exp_fields, exp, NFBIND_EXP_EXPECTED_SRC) ||
	    !has_tuple(&exp_fields, exp, NFBIND_EXP_MASK_SRC)) {
		requester_explain(requester, "master, expected tuple and mask are needed");
		return -EINVAL;
	}
	request_start(&request, KERNEL_SUBSYS_CTNETLINK_EXP << 8 | MESSAGE_NEW, NLM_F_ACK | flags,
		      family_of(&exp_fields, exp, NFBIND_EXP_EXPECTED_SRC));
	wire_build(&exp_wires, exp, &request.buffer);
	return ask(requester, &request);
}

int nfbind_conntrack_add_exp(struct nfbind_conntrack *conntrack, const struct nfbind_exp *exp,
			     uint32_t flags)
{
	int r = exp && !(flags & ~(uint32_t)NFBIND_ADD_OR_CHANGE) ? start(conntrack) : -EINVAL;

	if (r < 0)
		return r;
	r = write_exp(conntrack, exp,
		      NLM_F_CREATE | (flags & NFBIND_ADD_OR_CHANGE ? 0 : NLM_F_EXCL));
	return EXPLAIN(conntrack, r, exp_reasons);
}

int nfbind_conntrack_fetch_exp(struct nfbind_conntrack *conntrack, const struct nfbind_exp *exp,
			       struct nfbind_exp *ret_exp)
{
	int r = exp && ret_exp ? start(conntrack) : -EINVAL;

	if (r < 0)
		return r;
	r = fetch(&conntrack->requester, &expectations, exp, MESSAGE_GET, ret_exp);
	return EXPLAIN(conntrack, r, exp_reasons);
}

int nfbind_conntrack_remove_exp(struct nfbind_conntrack *conntrack, const struct nfbind_exp *exp)
{
	int r = exp ? start(conntrack) : -EINVAL;

	return r < 0 ? r : EXPLAIN(conntrack, remove_one(conntrack, &expectations, exp), exp_reasons);
}

int nfbind_conntrack_flush_exp(struct nfbind_conntrack *conntrack, const char *helper_name)
{
	size_t len = helper_name ? strlen(helper_name) : 0;
	struct request request;
	int r = len <= 15 ? start(conntrack) : -EINVAL;

	if (r < 0)
		return r;
	request_start(&request, KERNEL_SUBSYS_CTNETLINK_EXP << 8 | MESSAGE_DELETE, NLM_F_ACK,
		      FAMILY_NONE);
	if (helper_name)
		wire_put(&request.buffer, KERNEL_CTA_EXPECT_HELP_NAME, helper_name, len + 1);
	return EXPLAIN(conntrack, ask(&conntrack->requester, &request), exp_reasons);
}

/* Statistics. */

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
	static const struct reason reasons[] = {
		{ -EINVAL, "this kernel has no nf_conntrack_netlink" },
	};
	struct nfbind_conntrack_stats stats = { 0 };
	const struct nlmsghdr *message;
	struct request request;
	int r = ret_stats ? start(conntrack) : -EINVAL;

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
		return EXPLAIN(conntrack, r, reasons);
	plain_copy(ret_stats, ret_stats_size, &stats, sizeof(stats));
	return 0;
}
