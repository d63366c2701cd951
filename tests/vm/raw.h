/* SPDX-License-Identifier: MIT */
/*
 * Netfilter's netlink with nothing in between, for programs that must not depend on the library they
 * help to test: the check that a guest has what the live suite needs, and the recorder of fixtures.
 * A message is built into a fixed buffer and sent; what the kernel sends is handed on as it came, one
 * datagram at a time. Mistakes of the caller (a message too long) end the program: this is test code.
 */
#ifndef TESTS_VM_RAW_H
#define TESTS_VM_RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/netlink.h>
#include <linux/netfilter/nfnetlink.h>

#define RAW_DATAGRAM_SIZE (128 * 1024)

struct raw_message {
	union {
		struct nlmsghdr header;
		char bytes[4096];
	};
};

struct raw_socket {
	int fd;
	uint32_t sequence;
};

/* type is subsystem << 8 | message; the queue number of queue messages goes into resource */
void raw_begin(struct raw_message *m, int type, int flags, int family, int resource);
void raw_put(struct raw_message *m, int type, const void *data, size_t data_len);
void raw_put_text(struct raw_message *m, int type, const char *text);
void raw_put_u8(struct raw_message *m, int type, uint8_t value);
void raw_put_be16(struct raw_message *m, int type, uint16_t value);
void raw_put_be32(struct raw_message *m, int type, uint32_t value);
/* a nest stays open until raw_close() gets what raw_open_nest() gave */
size_t raw_open_nest(struct raw_message *m, int type);
void raw_close_nest(struct raw_message *m, size_t nest);

/* groups: a bit mask of the old kind, group n is bit n - 1 */
int raw_open(struct raw_socket *s, uint32_t groups);
int raw_send(struct raw_socket *s, struct raw_message *m);
/* one datagram into data; its length, or -ETIMEDOUT after the milliseconds, or another -errno */
ssize_t raw_receive(struct raw_socket *s, void *data, size_t data_size, int milliseconds);
/* send with NLM_F_ACK and read until the answer to it: 0 or the kernel's -errno */
int raw_ask(struct raw_socket *s, struct raw_message *m);

/* bind a queue, set its copy mode and flags: all in one message, so that no packet meets a half-made queue */
int raw_bind_queue(struct raw_socket *s, uint16_t queue, int mode, uint32_t range, uint32_t flags);
void raw_begin_verdict(struct raw_message *m, uint16_t queue, uint32_t id, uint32_t verdict);

/* a userspace helper for udp over IPv4 with 16 bytes of private data; -EINVAL where the kernel has none at all */
int raw_make_helper(struct raw_socket *s, const char *name, uint16_t queue);

/* attributes of an nfnetlink message, and inside one of them; NULL if there is none of this type */
const struct nlattr *raw_attribute(const struct nlmsghdr *header, int type);
const struct nlattr *raw_inside(const struct nlattr *nest, int type);
const void *raw_data(const struct nlattr *attribute);
size_t raw_size(const struct nlattr *attribute);
bool raw_is_packet(const struct nlmsghdr *header);
uint32_t raw_packet_id(const struct nlmsghdr *header);

/* sh -e; 0, or the shell's exit status */
int raw_shell(const char *commands);

#endif
