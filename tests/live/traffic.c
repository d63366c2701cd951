/* SPDX-License-Identifier: MIT */
/*
 * Sockets for tests; see traffic.h.
 */
#include "traffic.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	ROOM = 4 << 20, /* the kernel gives what it allows: hundreds of small packets */
};

socklen_t address_fill(union address *ret_address, const char *text, uint16_t port)
{
	memset(ret_address, 0, sizeof(*ret_address));
	if (inet_pton(AF_INET, text, &ret_address->v4.sin_addr) == 1) {
		ret_address->v4.sin_family = AF_INET;
		ret_address->v4.sin_port = htons(port);
		return sizeof(ret_address->v4);
	}
	ck_assert_int_eq(inet_pton(AF_INET6, text, &ret_address->v6.sin6_addr), 1);
	ret_address->v6.sin6_family = AF_INET6;
	ret_address->v6.sin6_port = htons(port);
	return sizeof(ret_address->v6);
}

uint16_t port_of(int fd)
{
	union address address;
	socklen_t len = sizeof(address);

	ck_assert_int_eq(getsockname(fd, &address.any, &len), 0);
	return ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
}

int bound_socket(int type, const char *text, uint16_t port)
{
	union address address;
	socklen_t len = address_fill(&address, text, port);
	int fd = socket(address.any.sa_family, type | SOCK_CLOEXEC, 0);
	int on = 1, room = ROOM;

	ck_assert_msg(fd >= 0, "socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (type == SOCK_DGRAM)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	ck_assert_msg(bind(fd, &address.any, len) == 0, "bind to %s: %s", text, strerror(errno));
	return fd;
}

void connect_to(int fd, const char *text, uint16_t port)
{
	union address address;
	socklen_t len = address_fill(&address, text, port);

	ck_assert_msg(connect(fd, &address.any, len) == 0, "connect to %s: %s", text, strerror(errno));
}

static int open_for(const char *text, int type)
{
	int fd = socket(strchr(text, ':') ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC, 0);

	ck_assert_msg(fd >= 0, "socket: %s", strerror(errno));
	return fd;
}

struct udp udp_pair(const char *text, uint16_t port)
{
	struct udp pair = { .receiver = bound_socket(SOCK_DGRAM, text, port),
			    .sender = open_for(text, SOCK_DGRAM) };
	int room = ROOM;

	/* What waits in a queue behind OUTPUT fills it. */
	setsockopt(pair.sender, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	connect_to(pair.sender, text, port);
	return pair;
}

int tcp_listen(const char *text, uint16_t port)
{
	int fd = bound_socket(SOCK_STREAM, text, port);

	ck_assert_int_eq(listen(fd, 16), 0);
	return fd;
}

int tcp_start(const char *text, uint16_t port)
{
	union address address;
	socklen_t len = address_fill(&address, text, port);
	int fd = open_for(text, SOCK_STREAM | SOCK_NONBLOCK);
	int r = connect(fd, &address.any, len);

	ck_assert_msg(r == 0 || errno == EINPROGRESS, "connect to %s: %s", text, strerror(errno));
	return fd;
}

int tcp_outcome(int fd, int milliseconds)
{
	struct pollfd wait = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(int);
	int error = 0;

	if (poll(&wait, 1, milliseconds) != 1)
		return ETIMEDOUT;
	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len), 0);
	return error;
}

void say(int fd, const void *data, size_t data_len)
{
	ssize_t sent = send(fd, data, data_len, MSG_NOSIGNAL);

	ck_assert_msg(sent == (ssize_t)data_len, "send: %s", sent < 0 ? strerror(errno) : "not all");
}

void say_text(int fd, const char *text)
{
	say(fd, text, strlen(text));
}

void say_numbers(int fd, uint32_t first, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t number = htonl(first + i);

		say(fd, &number, sizeof(number));
	}
}

ssize_t hear(int fd, void *data, size_t data_size, int milliseconds)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	if (poll(&wait, 1, milliseconds) != 1)
		return -1;
	return recv(fd, data, data_size, MSG_DONTWAIT);
}

void hear_bytes(int fd, const void *data, size_t data_len)
{
	char *room = malloc(1 << 17);
	ssize_t got = hear(fd, room, 1 << 17, PATIENCE);

	ck_assert_msg(got == (ssize_t)data_len, "%zd bytes came instead of %zu", got, data_len);
	ck_assert_mem_eq(room, data, data_len);
	free(room);
}

void hear_text(int fd, const char *text)
{
	hear_bytes(fd, text, strlen(text));
}

void hear_nothing(int fd)
{
	char room[64];

	ck_assert_int_eq(hear(fd, room, sizeof(room), 20), -1);
}

static bool hear_number(int fd, uint32_t expected, int milliseconds)
{
	uint32_t number;

	if (hear(fd, &number, sizeof(number), milliseconds) != sizeof(number))
		return false;
	ck_assert_uint_eq(ntohl(number), expected);
	return true;
}

void hear_numbers(int fd, uint32_t first, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		ck_assert_msg(hear_number(fd, first + i, PATIENCE), "only %u of %u came", i, count);
	hear_nothing(fd);
}

uint32_t hear_numbers_so_far(int fd, uint32_t first)
{
	uint32_t count = 0;

	while (hear_number(fd, first + count, 0))
		count++;
	return count;
}
