/* SPDX-License-Identifier: MIT */
/*
 * The request session: its life, connections one by one.
 */
#include "conntrack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "text.h"
#include "uapi.h"

enum { RECEIVE_BUFFER = 1 << 20, SEND_BUFFER = 1 << 20 };

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
	if (r == 0)
		requester->socket.send_buffer = socket_prepare_sending(
			&requester->socket,
			(uint32_t)options_number(options, NFBIND_OPTIONS_SEND_BUFFER, SEND_BUFFER));
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

int nfbind_conntrack_get_fd(struct nfbind_conntrack *conntrack)
{
	int r = conntrack_start(conntrack);

	return r < 0 ? r : conntrack->requester.socket.fd;
}

/* Asking. */

int conntrack_start(struct nfbind_conntrack *conntrack)
{
	if (!conntrack)
		return -EINVAL;
	conntrack->requester.message[0] = '\0';
	return requester_check(&conntrack->requester);
}

static int send_encoded(struct nfbind_conntrack *conntrack, int encoded, const char *why,
			struct request *request)
{
	if (encoded < 0 && why)
		requester_explain(&conntrack->requester, "%s", why);
	if (encoded < 0)
		return encoded;
	((struct nlmsghdr *)request->room)->nlmsg_flags |= NLM_F_ACK;
	return requester_send(&conntrack->requester, request);
}

int conntrack_ask(struct nfbind_conntrack *conntrack, int encoded, const char *why,
		  struct request *request)
{
	const struct nlmsghdr *message;
	int r = send_encoded(conntrack, encoded, why, request);

	if (r == 0)
		do
			r = requester_next(&conntrack->requester, &message);
		while (r > 0);
	return r;
}

int conntrack_ask_for(struct nfbind_conntrack *conntrack, int encoded, const char *why,
		      struct request *request, const struct subject *subject, void *ret_object)
{
	struct requester *requester = &conntrack->requester;
	const struct nlmsghdr *message;
	bool is_found = false;
	int r = send_encoded(conntrack, encoded, why, request);

	if (r < 0)
		return r;
	while ((r = requester_next(requester, &message)) > 0) {
		int parsed = subject_parse(subject, message, ret_object);

		if (parsed < 0) {
			requester_explain(requester, "the kernel's answer could not be read: %s",
					  strerror(-parsed));
			return parsed;
		}
		is_found = true;
	}
	return r == 0 && !is_found ? -ENOENT : r;
}

static const char lacks_rights[] =
	"CAP_NET_ADMIN is missing in the user namespace that owns this network namespace";

const char *conntrack_reason(int error, const struct reason *reasons)
{
	for (; reasons->error; reasons++)
		if (reasons->error == error)
			return reasons->sentence;
	return error == -EPERM ? lacks_rights : strerror(-error);
}

int conntrack_explain(struct nfbind_conntrack *conntrack, int error, const struct reason *reasons)
{
	struct requester *requester = &conntrack->requester;

	if (error == -524) /* ENOTSUPP, which the kernel should keep to itself */
		error = -EOPNOTSUPP;
	if (error == -EPERM)
		requester_explain(requester, "%s", lacks_rights);
	/* Where the kernel has words of its own they follow a colon. */
	for (; error < 0 && reasons->error && !strchr(requester->message, ':'); reasons++)
		if (reasons->error == error)
			requester_explain(requester, "%s", reasons->sentence);
	return error;
}

/* Connections. */

const struct reason ct_reasons[] = {
	{ -EEXIST, "the connection is there already" },
	{ -ENOENT, "there is no such connection" },
	{ -EBUSY, "the status has bits that cannot be changed (expected, confirmed and dying; seen-reply and assured can only be set), or the helper cannot be replaced" },
	{ -ENOSPC, "the labels do not fit: no rule of this namespace uses connection labels" },
	{ -EOPNOTSUPP, "translation, master and another helper can be given on creation only, or this kernel lacks the helper" },
	{ -EINVAL, "a part is missing (a new connection needs tuple and timeout), or parts do not fit together" },
	{ -ENOMEM, "out of memory, or the table is full" },
	{ 0, NULL },
};

static int write_ct(struct nfbind_conntrack *conntrack, const struct nfbind_ct *ct, uint16_t flags)
{
	struct request request;
	const char *why = NULL;
	int r;

	request_clear(&request);
	r = subject_encode_ct(ct, flags, &request.buffer, &why);
	r = conntrack_explain(conntrack, conntrack_ask(conntrack, r, why, &request), ct_reasons);
	if (r == -EPERM && field_has(&ct_fields, ct, NFBIND_CT_TIMEOUT) > 0)
		requester_explain(&conntrack->requester, "%s, or the connection's timeout is fixed",
				  lacks_rights);
	return r;
}

int nfbind_conntrack_add_ct(struct nfbind_conntrack *conntrack, const struct nfbind_ct *ct,
			    uint32_t flags)
{
	int r = ct ? conntrack_start(conntrack) : -EINVAL;

	if (r < 0 || flags & ~(uint32_t)NFBIND_ADD_OR_CHANGE)
		return r < 0 ? r : -EINVAL;
	return write_ct(conntrack, ct, subject_add_flags(flags));
}

int nfbind_conntrack_change_ct(struct nfbind_conntrack *conntrack, const struct nfbind_ct *ct)
{
	int r = ct ? conntrack_start(conntrack) : -EINVAL;

	return r < 0 ? r : write_ct(conntrack, ct, 0);
}

int nfbind_conntrack_fetch_ct(struct nfbind_conntrack *conntrack, const struct nfbind_ct *ct,
			      uint32_t flags, struct nfbind_ct *ret_ct)
{
	struct request request;
	const char *why = NULL;
	int r = ct && ret_ct && !(flags & ~(uint32_t)NFBIND_FETCH_ZERO) ?
			conntrack_start(conntrack) : -EINVAL;

	if (r < 0)
		return r;
	request_clear(&request);
	r = subject_encode_key(&connections, ct,
			       flags & NFBIND_FETCH_ZERO ? KERNEL_CT_GET_CTRZERO : MESSAGE_GET,
			       &request.buffer, &why);
	r = conntrack_ask_for(conntrack, r, why, &request, &connections, ret_ct);
	return conntrack_explain(conntrack, r, ct_reasons);
}

static bool is_orig(uint32_t field)
{
	return field < NFBIND_CT_REPL_SRC || field == NFBIND_CT_ZONE;
}

/* Whether the original tuple of the connection has all that the key's says. */
static bool is_in_orig(const struct nfbind_ct *ct, const struct nfbind_ct *key)
{
	for (uint32_t field = NFBIND_CT_ORIG_SRC; field < NFBIND_CT_ORIG_ZONE; field++)
		if (field_has(&ct_fields, key, field) > 0 && !field_same(&ct_fields, ct, key, field))
			return false;
	return true;
}

int nfbind_conntrack_find_ct(struct nfbind_conntrack *conntrack, const struct nfbind_ct *ct,
			     struct nfbind_ct *ret_ct, uint32_t *ret_tuple)
{
	struct nfbind_ct key = { 0 };
	int r = ct && ret_ct && ret_tuple ? conntrack_start(conntrack) : -EINVAL;

	if (r < 0)
		return r;
	(void)subject_select(&ct_fields, &key, ct, is_orig);
	if (!subject_has_tuple(&key, NFBIND_CT_ORIG_SRC)) {
		requester_explain(&conntrack->requester,
				  "an original tuple is needed: source and destination address and transport protocol");
		return -EINVAL;
	}
	r = nfbind_conntrack_fetch_ct(conntrack, &key, 0, ret_ct);
	if (r == 0)
		*ret_tuple = is_in_orig(ret_ct, &key) ? NFBIND_TUPLE_ORIG : NFBIND_TUPLE_REPL;
	return r;
}

/* The kernel compares no start: whether the entry of this name is the one that is meant. */
static int check_start(struct nfbind_conntrack *conntrack, const struct nfbind_ct *ct)
{
	struct nfbind_ct found = { 0 };
	bool is_same;
	int r = nfbind_conntrack_fetch_ct(conntrack, ct, 0, &found);

	is_same = field_number_or(&ct_fields, &found, NFBIND_CT_TIMESTAMP_START, 0) == ct->timestamp_start;
	field_reset(&ct_fields, &found);
	if (r < 0 || is_same)
		return r;
	requester_explain(&conntrack->requester, "another connection has its tuple now");
	return -ENOENT;
}

int nfbind_conntrack_remove_ct(struct nfbind_conntrack *conntrack, const struct nfbind_ct *ct)
{
	struct request request;
	const char *why = NULL;
	int r = ct ? conntrack_start(conntrack) : -EINVAL;

	if (r == 0 && field_has(&ct_fields, ct, NFBIND_CT_TIMESTAMP_START) > 0)
		r = check_start(conntrack, ct);
	if (r < 0)
		return r;
	request_clear(&request);
	r = subject_encode_key(&connections, ct, MESSAGE_DELETE, &request.buffer, &why);
	r = conntrack_ask(conntrack, r, why, &request);
	return conntrack_explain(conntrack, r, ct_reasons);
}

int nfbind_conntrack_flush_ct(struct nfbind_conntrack *conntrack)
{
	struct request request;
	int r = conntrack_start(conntrack);

	if (r < 0)
		return r;
	request_start(&request, KERNEL_SUBSYS_CTNETLINK << 8 | MESSAGE_DELETE, 0, FAMILY_NONE);
	return conntrack_explain(conntrack, conntrack_ask(conntrack, 0, NULL, &request), ct_reasons);
}
