/* SPDX-License-Identifier: MIT */
/*
 * The transport: the only file that opens a socket. It asks who sent a datagram
 * and whether it is whole, but not what it says. The unit tests link a fake of
 * this header that plays scripts.
 */
#ifndef SOCKET_H
#define SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nfbind_options;
struct sock_filter;

/* Where to open: at most one is set (-1, 0 and NULL mean not). */
struct socket_place {
	const char *netns_path;
	uint32_t netns_pid;
	int netns_fd;
	int socket_fd;
};

struct socket {
	int fd; /* -1 when closed */
	uint32_t receive_buffer; /* effective, as the kernel counts */
	uint32_t send_buffer; /* 0 until sending was prepared */
	bool is_connected; /* to the kernel: nobody else can send to it */
	bool has_nsid; /* datagrams say which namespace they are about */
	struct mnl_socket *mnl;
	struct socket_scratch *scratch; /* recvmmsg's arrays */
};

/*
 * A received datagram, in a buffer that the caller gave. One that fits in `head`,
 * where that is not NULL, stays there: the heads of many lie close together, which
 * spares the cache and the TLB what large buffers far apart would cost.
 */
struct datagram {
	uint8_t *data;    /* in: room for `size` bytes; out: where the datagram is */
	size_t size;
	size_t len;       /* out: bytes there */
	uint32_t sender;  /* out: port id; 0 is the kernel */
	int32_t nsid;     /* out: of the namespace that it is about, -1 the socket's own */
	bool is_cut;      /* out: the datagram was longer than the buffer */
	uint8_t *head;    /* in: room for `head_size` bytes, less than `size` */
	size_t head_size;
};

/* What a wait ended with. */
enum socket_event {
	SOCKET_READABLE = 1,
	SOCKET_WOKEN = 2,
};

int socket_place_from(const struct nfbind_options *options, struct socket_place *ret_place);

/* NETLINK_NETFILTER, close-on-exec, no ENOBUFS, receive buffer forced. */
int socket_open(struct socket *socket, const struct socket_place *place, uint32_t receive_buffer);

/* A socket for requests: it reports loss, and the kernel explains its errors. */
int socket_open_for_requests(struct socket *socket, const struct socket_place *place,
			     uint32_t receive_buffer);

/* What to listen to. */
struct socket_listening {
	uint32_t groups; /* the kernel's first groups, one bit each */
	bool is_reliable;
	bool all_namespaces;
	/* A program that says what comes at all; none leaves what an adopted socket has. */
	const struct sock_filter *program;
	unsigned int program_count;
};

/* A socket for events: it reports loss, and looks at the sender of each datagram. */
int socket_open_for_events(struct socket *socket, const struct socket_place *place,
			   uint32_t receive_buffer, const struct socket_listening *listening);

/*
 * Have the kernel ask another program at once, or with 0 instructions none: 0, -ENOBUFS where
 * it is more than net.core.optmem_max allows, -EBUSY where an adopted socket's is locked.
 */
int socket_attach_program(struct socket *socket, const struct sock_filter *code, unsigned int count);
/* Another one for requests, in the network namespace of the first. */
int socket_open_beside(struct socket *socket, const struct socket *other);

/* What only verdicts need: capped errors, and the send buffer, forced: its effective size. */
uint32_t socket_prepare_sending(struct socket *socket, uint32_t send_buffer);
void socket_close(struct socket *socket);

/* Bytes taken, or -errno. */
int socket_send(struct socket *socket, const void *data, size_t data_len);

/*
 * Up to `count` datagrams without waiting: how many, -EAGAIN, or -errno. Rooms that
 * start at the same place, in the same number, must have the same sizes as before.
 */
int socket_receive(struct socket *socket, struct datagram *datagrams, unsigned int count);

/*
 * Wait until there is something to read, or for the wake descriptor where it is not
 * -1, as long as `timeout` milliseconds: events, 0 when the time ran out, or -errno.
 */
int socket_wait(struct socket *socket, int wake_fd, int32_t timeout);

int socket_make_wake(void);       /* a wake descriptor */
void socket_set_wake(int wake_fd);   /* signal-safe */
void socket_clear_wake(int wake_fd);

int socket_read_port_id(struct socket *socket, uint32_t *ret_port_id);
int socket_read_drops(struct socket *socket, uint32_t *ret_drops);
/* Bytes of the receive buffer that hold what was not read, as the kernel counts them. */
int socket_read_waiting(struct socket *socket, uint32_t *ret_bytes);

/* The name of a device in the socket's namespace, at most 15 bytes and a NUL. */
int socket_device_name(int fd, uint32_t index, char name[16]);

/*
 * Read a file below /proc/net, or of a whole path, as the socket's namespace has it, at most
 * `size` bytes: length or -errno.
 */
int socket_read_proc(struct socket *socket, const char *name, char *data, size_t size);

/* A raw socket for the injector: of IP, with IPPROTO_RAW, it takes whole packets. */
int socket_open_raw(const struct socket_place *place, int family, int protocol, int *ret_fd);

/* Nanoseconds of the monotonic clock. */
uint64_t socket_now(void);

#endif
