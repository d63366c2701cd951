/* SPDX-License-Identifier: MIT */
/*
 * Asking and being answered; see request.h.
 */
#include "request.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>

#include "uapi.h"

/* include/uapi/linux/netlink.h, newer than some headers */
enum {
	EXT_ACK_MESSAGE = 1,
	FLAG_CAPPED = 0x100,
	FLAG_ACK_TLVS = 0x200,
};

void request_put_headers(struct wire_buffer *buffer, uint16_t type, uint16_t flags, uint8_t family)
{
	struct headers {
		struct nlmsghdr message;
		struct nfgenmsg header;
	} *headers = (struct headers *)(void *)buffer->data;

	*headers = (struct headers){
		.message = { .nlmsg_type = type, .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags) },
		.header = { .nfgen_family = family, .version = NFNETLINK_V0 },
	};
	buffer->len = sizeof(*headers);
}

void request_clear(struct request *request)
{
	request->buffer = (struct wire_buffer){ .data = request->room,
						.size = sizeof(request->room) };
}

void request_start(struct request *request, uint16_t type, uint16_t flags, uint8_t family)
{
	request_clear(request);
	request_put_headers(&request->buffer, type, flags, family);
}

void requester_explain(struct requester *self, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(self->message, sizeof(self->message), format, arguments);
	va_end(arguments);
}

static int refuse(struct requester *self, int error, const char *sentence)
{
	requester_explain(self, "%s", sentence);
	return error;
}

int requester_check(struct requester *self)
{
	if (self->socket.fd < 0)
		return refuse(self, -ESHUTDOWN, "the session is not open");
	if (canary_is_forked(&self->canary))
		return refuse(self, -ECHILD, "the session belongs to the parent process");
	return 0;
}

static int opened(struct requester *self, int error)
{
	if (error < 0)
		return error;
	self->canary.pid = getpid();
	self->answer = malloc(ANSWER_MAX);
	error = self->answer ? canary_plant(&self->canary) : -ENOMEM;
	if (error == 0)
		return 0;
	free(self->answer);
	self->answer = NULL;
	socket_close(&self->socket);
	return error;
}

int requester_open(struct requester *self, const struct socket_place *place,
		   uint32_t receive_buffer)
{
	return opened(self, socket_open_for_requests(&self->socket, place, receive_buffer));
}

int requester_open_beside(struct requester *self, const struct socket *other)
{
	return opened(self, socket_open_beside(&self->socket, other));
}

void requester_close(struct requester *self)
{
	if (self->socket.fd >= 0)
		socket_close(&self->socket);
	free(self->answer);
	self->answer = NULL;
	self->answer_len = self->answer_offset = 0;
	canary_free(&self->canary);
	self->canary = (struct canary){ 0 };
	self->was_closed = true;
}

int requester_send(struct requester *self, struct request *request)
{
	struct nlmsghdr *message = (struct nlmsghdr *)request->room;
	int r;

	if (request->buffer.failed)
		return refuse(self, -EINVAL, "the request is larger than any that the kernel knows");
	message->nlmsg_len = (uint32_t)request->buffer.len;
	message->nlmsg_seq = ++self->sequence;
	self->answer_len = self->answer_offset = 0;
	r = socket_send(&self->socket, message, message->nlmsg_len);
	if (r < 0)
		requester_explain(self, "the request could not be sent: %s", strerror(-r));
	return r < 0 ? r : 0;
}

/* Answers. */

static int read_datagram(struct requester *self, int32_t timeout)
{
	struct datagram datagram;
	int r;

	for (;;) {
		datagram = (struct datagram){ .data = self->answer, .size = ANSWER_MAX };
		r = socket_receive(&self->socket, &datagram, 1);
		if (r == -EAGAIN) {
			r = timeout == 0 ? 0 : socket_wait(&self->socket, -1, timeout);
			if (r == 0)
				return refuse(self, -ETIMEDOUT, "the kernel gave no answer");
			if (r < 0)
				return r;
			continue;
		}
		if (r < 0)
			return refuse(self, r, "answers were lost");
		/* Only the kernel is 0; what others sent is not looked at. */
		if (datagram.sender != 0)
			continue;
		if (datagram.is_cut)
			return refuse(self, -EBADMSG, "the kernel's answer is larger than any that it gives");
		self->answer_len = datagram.len;
		self->answer_offset = 0;
		return 0;
	}
}

/* The kernel's own words, which follow the request's header. */
static const char *find_words(const struct nlmsghdr *message)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);
	size_t offset = sizeof(*error);
	const struct nlattr *attribute;
	int malformed = 0;

	if (!(message->nlmsg_flags & FLAG_ACK_TLVS))
		return NULL;
	if (!(message->nlmsg_flags & FLAG_CAPPED))
		offset += MNL_ALIGN(error->msg.nlmsg_len) - sizeof(error->msg);
	if (offset > message->nlmsg_len - NLMSG_HDRLEN)
		return NULL;
	while ((attribute = wire_next((const uint8_t *)error, message->nlmsg_len - NLMSG_HDRLEN,
				      &offset, &malformed)))
		if (wire_type(attribute) == EXT_ACK_MESSAGE && wire_payload_len(attribute) > 0 &&
		    ((const char *)wire_payload(attribute))[wire_payload_len(attribute) - 1] == '\0')
			return wire_payload(attribute);
	return NULL;
}

static int take_error(struct requester *self, const struct nlmsghdr *message)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);
	const char *words;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*error)) || !wire_is_error(error->error))
		return refuse(self, -EBADMSG, "the kernel's answer is malformed");
	if (error->error == 0)
		return 0;
	words = find_words(message);
	requester_explain(self, "%s%s%s", strerror(-error->error), words ? ": " : "",
			  words ? words : "");
	return error->error;
}

static int take_end(struct requester *self, const struct nlmsghdr *message)
{
	int32_t error = 0;

	if (message->nlmsg_len >= NLMSG_LENGTH(sizeof(error)))
		memcpy(&error, mnl_nlmsg_get_payload(message), sizeof(error));
	if (!wire_is_error(error))
		return refuse(self, -EBADMSG, "the kernel's answer is malformed");
	if (error < 0)
		requester_explain(self, "the list ended with an error: %s", strerror(-error));
	return error;
}

/* The next one of what was read, or of what is read now. */
static int next_message(struct requester *self, int32_t timeout,
			const struct nlmsghdr **ret_message)
{
	int error = 0;
	int r;

	for (;;) {
		*ret_message = wire_next_message(self->answer, self->answer_len,
						 &self->answer_offset, &error);
		if (error < 0)
			return refuse(self, error, "the kernel's answer is malformed");
		if (*ret_message)
			return 0;
		r = read_datagram(self, timeout);
		if (r < 0)
			return r;
	}
}

int requester_next(struct requester *self, const struct nlmsghdr **ret_message)
{
	const struct nlmsghdr *message;
	int r;

	for (;;) {
		r = next_message(self, ANSWER_TIMEOUT, &message);
		if (r < 0)
			return r;
		if (message->nlmsg_seq != self->sequence)
			continue; /* the rest of an answer that nobody waits for any more */
		if (message->nlmsg_flags & NLM_F_DUMP_INTR)
			return refuse(self, -EINTR, "the list was interrupted by a change");
		if (message->nlmsg_type == NLMSG_ERROR)
			return take_error(self, message);
		if (message->nlmsg_type == NLMSG_DONE)
			return take_end(self, message);
		if (message->nlmsg_type == NLMSG_OVERRUN)
			return refuse(self, -ENOBUFS, "answers were lost");
		if (message->nlmsg_len < NLMSG_LENGTH(sizeof(struct nfgenmsg)))
			return refuse(self, -EBADMSG, "the kernel's answer is malformed");
		*ret_message = message;
		return 1;
	}
}

void requester_start_answers(struct requester *self, uint32_t count)
{
	self->sequence += count;
	self->answer_len = self->answer_offset = 0;
}

int requester_next_answer(struct requester *self, int32_t timeout, struct answer *ret_answer)
{
	const struct nlmsghdr *message;
	int32_t number;
	int r;

	for (;;) {
		r = next_message(self, timeout, &message);
		if (r < 0)
			return r;
		if (message->nlmsg_type != NLMSG_ERROR)
			continue;
		if (message->nlmsg_len < NLMSG_LENGTH(sizeof(struct nlmsgerr)))
			return refuse(self, -EBADMSG, "the kernel's answer is malformed");
		memcpy(&number, mnl_nlmsg_get_payload(message), sizeof(number));
		if (!wire_is_error(number))
			return refuse(self, -EBADMSG, "the kernel's answer is malformed");
		*ret_answer = (struct answer){ message->nlmsg_seq, number,
					       number < 0 ? find_words(message) : NULL };
		return 0;
	}
}
