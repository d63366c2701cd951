/* SPDX-License-Identifier: MIT */
/*
 * A transport without sockets: everything that src/socket.h promises, played from a
 * script. A test says what a send, a receive or a wait answers, or hands datagrams
 * to the session; everything sent is kept for assertions. Time moves only when a
 * session waits or a test says so. With a kernel behind it (fake_kernel.h), messages
 * are answered as the kernel would.
 *
 * One fake serves all sessions of a test. Threads may share it once is_threaded is
 * set: a wait then really waits.
 */
#ifndef FAKE_SOCKET_H
#define FAKE_SOCKET_H

#include <pthread.h>

#include "socket.h"

enum {
	FAKE_SOCKETS_MAX = 8,
	FAKE_PORT = 4711, /* of the first socket; the next has one more */
	FAKE_TAKE_ALL = 1 << 30, /* a send result: no script */
};

struct fake_datagram {
	uint8_t *data;
	size_t len;
	uint32_t sender;
	int error; /* of the receive itself, instead of data */
	int fd;    /* the socket that it is for; 0 for whichever reads first */
	int32_t nsid;
};

struct fake_send {
	uint8_t *data;
	size_t len;
	int fd;
	int result;
};

/* What the next send must be, and what it answers. */
struct fake_expected {
	uint8_t *data; /* NULL for anything */
	size_t len;
	int result;
};

struct fake {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool is_threaded;

	/* Set by the test. */
	int open_error;
	int wake_error;      /* of making a wake descriptor */
	uint32_t send_buffer; /* that a session gets, whatever it asks for; 0: what it asks for */
	uint32_t drops;
	int drops_error;
	uint32_t datagram_memory; /* of the receive buffer, for each that waits; 0: its length */
	bool is_connected;        /* sessions' sockets hear the kernel alone */
	uint64_t now;        /* nanoseconds */
	size_t send_max;     /* longer sends are -EMSGSIZE; 0 for no limit */
	/* Called when a session is about to sleep; it may make something happen. */
	void (*on_wait)(int32_t timeout);
	/* Called when a session makes its wake descriptor. */
	void (*on_make_wake)(void);
	/* Called when a session is about to read a socket. */
	void (*on_receive)(int fd);
	/* Takes each message that was sent, whole. */
	void (*on_message)(int fd, const uint8_t *message, size_t len);

	int program_result; /* of an attached program */

	/* For the test to read. */
	bool is_allocating; /* what is allocated now is the fake's own */
	uint32_t port_id;
	uint32_t asked_receive_buffer, asked_send_buffer;
	struct socket_place place; /* of the last open */
	struct socket_listening listening; /* of the last open for events */
	struct sock_filter *program; /* a copy of the one that is attached */
	unsigned int program_count;
	int events_fd;
	unsigned int sends, receives, waits, drops_reads, waiting_reads;
	int32_t last_timeout;
	bool has_slept; /* a wait without a limit, and nothing to wake it */
};

extern struct fake fake;

/* Before and after each test. */
void fake_set_up(void);
void fake_tear_down(void);

/* Everything sent so far. */
size_t fake_sent_count(void);
const struct fake_send *fake_sent(size_t number);
const struct fake_send *fake_last_sent(void);
void fake_forget_sent(void);

/* The next sends answer so, in order: -errno, or bytes taken, or FAKE_TAKE_ALL. */
void fake_send_result(int result);
void fake_forget_results(void);
/* The next send must be these bytes. */
void fake_expect_send(const void *data, size_t data_len, int result);
bool fake_is_done(void); /* every expected send came */

/* The next receives. */
void fake_deliver(const void *data, size_t data_len, uint32_t sender);
void fake_deliver_first(const void *data, size_t data_len, uint32_t sender);
void fake_deliver_error(int error);
/* For one socket alone: its answers do not go to another one that reads first. */
void fake_deliver_to(int fd, const void *data, size_t data_len);
void fake_deliver_error_to(int fd, int error);
/* What was delivered last is read first. */
void fake_move_first(void);
/* About another network namespace. */
void fake_deliver_nsid(const void *data, size_t data_len, int32_t nsid);
size_t fake_waiting(void);
/* Those that are for this socket alone. */
size_t fake_waiting_for(int fd);
/* Take a datagram out of the socket, as a caller with recvfrom() would; false when there is none. */
bool fake_take(struct fake_datagram *ret_datagram);

/* The next waits answer so, in order; then as what is there says. */
void fake_wait_result(int result);

void fake_set_device(uint32_t index, const char *name);
void fake_set_proc(const char *name, const char *content); /* NULL: -EACCES */
void fake_advance(uint32_t milliseconds);

void fake_lock(void);
void fake_unlock(void);

#endif
