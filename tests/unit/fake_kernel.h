/* SPDX-License-Identifier: MIT */
/*
 * A kernel for the fake transport: queues with packets that wait, answers to
 * requests, and verdicts as net/netfilter/nfnetlink_queue.c applies them (a batch
 * verdict decides everything up to its id, in serial arithmetic). It keeps what
 * became of every packet, so that a test can say what should have become of it.
 */
#ifndef FAKE_KERNEL_H
#define FAKE_KERNEL_H

#include "fake_socket.h"
#include "uapi.h"

/* Netlink messages under construction. */

struct message {
	size_t len;
	uint8_t data[70000] __attribute__((aligned(8)));
};

void message_start(struct message *message, uint16_t type, uint16_t flags, uint8_t family,
		   uint16_t resource);
void message_put(struct message *message, uint16_t type, const void *data, size_t data_len);
void message_put_u32(struct message *message, uint16_t type, uint32_t value);
/* Without padding behind it, as the kernel puts a payload. */
void message_put_last(struct message *message, uint16_t type, const void *data, size_t data_len);
size_t message_nest_start(struct message *message, uint16_t type);
void message_nest_end(struct message *message, size_t nest);
void message_end(struct message *message);
void message_number(struct message *message, uint32_t sequence);
/* A message of the queue subsystem with a packet header, still without its other attributes. */
void message_packet(struct message *message, uint16_t queue, uint32_t id);

/* The payload of an attribute in a run of them, or NULL. */
const uint8_t *attribute_find(const uint8_t *data, size_t len, unsigned int type, size_t *ret_len);
uint32_t attribute_u32(const uint8_t *data, size_t len, unsigned int type);

/* The kernel. */

enum kernel_state {
	KERNEL_WAITS,   /* for a verdict */
	KERNEL_DECIDED,
	KERNEL_FLUSHED, /* its queue was unbound */
	KERNEL_LOST,    /* it never reached the session */
};

/* A verdict as it came; pointers go into `message`. */
struct kernel_verdict {
	bool is_batch;
	uint16_t queue;
	uint32_t id;
	uint32_t verdict;
	bool has_mark, has_priority;
	uint32_t mark, priority;
	const uint8_t *payload, *vlan, *l2hdr, *ct, *exp; /* NULL for none */
	size_t payload_len, vlan_len, l2hdr_len, ct_len, exp_len;
	uint8_t *message;
	size_t message_len;
};

struct kernel_packet {
	uint16_t queue;
	uint32_t id;
	enum kernel_state state;
	unsigned int verdicts; /* how many; more than one is a mistake */
	uint32_t verdict;
	uint32_t mark, priority; /* 0 where the verdict set none */
	bool was_batch;
	size_t payload_len; /* of the verdict */
	void *user;         /* the test's */
	uint32_t user_verdict, user_mark;
	bool user_decided;
};

struct kernel {
	/* Set by the test. */
	bool has_rights;
	uint32_t known_flags;
	uint32_t subsystems;     /* one bit per subsystem number */
	unsigned int lost_acks;  /* how many answers to requests get lost */
	int request_error;       /* of the next request */
	int verdict_error;       /* of the next verdict message; nothing is decided */
	bool acks_verdicts;
	/* Before an answer to a request goes out. */
	void (*before_ack)(uint16_t queue, uint8_t command);
	void (*on_decided)(struct kernel_packet *packet);

	/* For the test to read. */
	unsigned int requests;
	unsigned int verdict_messages;
	unsigned int refused;
};

extern struct kernel kernel;

/* The fake transport with a kernel behind it. */
void kernel_set_up(void);
void kernel_tear_down(void);

/* A packet comes: it waits in the queue, and its message in the session's socket. */
struct kernel_packet *kernel_packet(uint16_t queue);
struct kernel_packet *kernel_packet_with(uint16_t queue, const void *attributes,
					 size_t attributes_len, const void *payload,
					 size_t payload_len);
/* One that the receive buffer has no room for. */
struct kernel_packet *kernel_lose(uint16_t queue);

/* The id that the queue gave last; to be set before the first packet. */
void kernel_set_last_id(uint16_t queue, uint32_t id);
bool kernel_is_bound(uint16_t queue);
size_t kernel_waiting(uint16_t queue);
void kernel_bind_elsewhere(uint16_t queue);

size_t kernel_packets_count(void);
struct kernel_packet *kernel_packet_at(size_t number);

/* Verdict messages, in the order in which they came. */
size_t kernel_verdicts_count(void);
const struct kernel_verdict *kernel_verdict_at(size_t number);
const struct kernel_verdict *kernel_last_verdict(void);
void kernel_forget_verdicts(void);

/* The error message that answers a request; with its header only, as with capped acks. */
void kernel_answer(const void *request, int error);

/* An IPv4 UDP packet with right checksums, 40 bytes; the payload of kernel_packet(). */
extern const uint8_t kernel_udp[40];

#endif
