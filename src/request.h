/* SPDX-License-Identifier: MIT */
/*
 * One request and its answer on a socket of its own: what every session that asks
 * the kernel questions is made of. Nothing but answers comes on such a socket, so
 * sequence numbers alone tell them apart.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include <linux/netlink.h>

#include "canary.h"
#include "socket.h"
#include "wire.h"

enum {
	REQUEST_MAX = 4096,       /* bytes of a request: no object takes more */
	ANSWER_MAX = 64 << 10,    /* the kernel's dumps come in datagrams of at most 32 KiB */
};

struct requester {
	struct socket socket;
	struct canary canary;
	bool was_closed;
	uint32_t sequence;
	uint8_t *answer;  /* a datagram */
	size_t answer_len;
	size_t answer_offset;
	char message[512];
};

enum { ANSWER_TIMEOUT = 5000 /* milliseconds; the kernel answers before a send returns */ };

/* A request under construction; `buffer` takes its attributes. */
struct request {
	uint8_t room[REQUEST_MAX] __attribute__((aligned(8)));
	struct wire_buffer buffer;
};

/* The headers of a message, into an empty buffer; its length is still to be said. */
void request_put_headers(struct wire_buffer *buffer, uint16_t type, uint16_t flags, uint8_t family);

/* An empty one; and one with its headers. */
void request_clear(struct request *request);
void request_start(struct request *request, uint16_t type, uint16_t flags, uint8_t family);

/* 0, -ESHUTDOWN or -ECHILD. */
int requester_check(struct requester *self);
int requester_open(struct requester *self, const struct socket_place *place,
		   uint32_t receive_buffer);
/* In the network namespace of another socket. */
int requester_open_beside(struct requester *self, const struct socket *other);
void requester_close(struct requester *self);

__attribute__((format(printf, 2, 3))) void requester_explain(struct requester *self,
							     const char *format, ...);

/* Send; the sequence number is the requester's new one. */
int requester_send(struct requester *self, struct request *request);

/*
 * The next message of the answer: 1 with *ret_message set; 0 when the kernel
 * acknowledged or a list ended; or its -errno, with the kernel's own words explained.
 */
int requester_next(struct requester *self, const struct nlmsghdr **ret_message);

/* Many messages are to be sent together: their sequence numbers are those that follow. */
void requester_start_answers(struct requester *self, uint32_t count);

/* What the kernel answered to one of many messages that were sent together. */
struct answer {
	uint32_t sequence;
	int error; /* 0 where it acknowledged */
	const char *words; /* the kernel's own, until the next answer is read, or NULL */
};

/*
 * The next of those, which `timeout` milliseconds are waited for: 0, -ETIMEDOUT when
 * there is none, or -errno.
 */
int requester_next_answer(struct requester *self, int32_t timeout, struct answer *ret_answer);

#endif
