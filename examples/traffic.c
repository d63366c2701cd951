/* SPDX-License-Identifier: MIT */
/*
 * No example of the library: the sender and the receiver that the demo and the tests
 * of the examples use, so that both need no other program. Addresses are numeric,
 * IPv4 or IPv6; everything ends by itself after two minutes. TRAFFIC_MS in the environment
 * is how long a connect is tried, and an answer to a datagram waited for.
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE = 120, CONNECT_MS = 30000, REFUSAL_MS = 300 };

static void die(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

static int milliseconds(int otherwise)
{
	const char *asked = getenv("TRAFFIC_MS");

	return asked ? atoi(asked) : otherwise;
}

static void read_address(const char *address, const char *port, struct sockaddr_storage *name,
			 socklen_t *len)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	struct addrinfo *found;

	if (getaddrinfo(address, port, &hints, &found) != 0) {
		errno = EINVAL;
		die(address);
	}
	memcpy(name, found->ai_addr, found->ai_addrlen);
	*len = found->ai_addrlen;
	freeaddrinfo(found);
}

static int bound_socket(int type, const char *address, const char *port)
{
	struct sockaddr_storage name;
	socklen_t len;
	int fd, one = 1;

	read_address(address, port, &name, &len);
	fd = socket(name.ss_family, type | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)&name, len) < 0)
		die("bind");
	return fd;
}

/* Until the kernel says that it is there or refused, or patience ends. */
static void connect_to(int fd, const char *address, const char *port)
{
	int left = milliseconds(CONNECT_MS);
	struct timeval patience = { left / 1000, left % 1000 * 1000 };
	struct sockaddr_storage name;
	socklen_t len;

	read_address(address, port, &name, &len);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&name, len) == 0)
		return;
	if (errno == EINPROGRESS)
		errno = ETIMEDOUT;
	die("connect");
}

static void copy(int from, int to)
{
	char data[65536];
	ssize_t len;

	while ((len = read(from, data, sizeof(data))) > 0)
		for (ssize_t done = 0, part; done < len; done += part)
			if ((part = write(to, data + done, (size_t)(len - done))) <= 0)
				die("write");
	if (len < 0)
		die("read");
}

static void receive_tcp(char **argv)
{
	int fd = bound_socket(SOCK_STREAM, argv[0], argv[1]);

	if (listen(fd, 8) < 0)
		die("listen");
	fprintf(stderr, "listening\n");
	fd = accept(fd, NULL, NULL);
	if (fd < 0)
		die("accept");
	copy(fd, STDOUT_FILENO);
}

static void send_tcp(char **argv)
{
	int fd = bound_socket(SOCK_STREAM, argv[0], "0");
	struct timeval patience = { PATIENCE, 0 };
	char rest;

	connect_to(fd, argv[1], argv[2]);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	copy(STDIN_FILENO, fd);
	shutdown(fd, SHUT_WR);
	/* The end of the other side says that it has everything. */
	if (read(fd, &rest, 1) < 0)
		die("read");
}

static void receive_udp(char **argv)
{
	int fd = bound_socket(SOCK_DGRAM, argv[0], argv[1]);
	char data[65536];

	fprintf(stderr, "listening\n");
	for (int count = atoi(argv[2]); count > 0; count--) {
		ssize_t len = recv(fd, data, sizeof(data), 0);

		if (len < 0)
			die("recv");
		printf("%.*s\n", (int)len, data);
		fflush(stdout);
	}
}

static void send_udp(char **argv)
{
	int fd = bound_socket(SOCK_DGRAM, argv[0], "0");
	struct pollfd wait = { .fd = fd };
	int error = 0;
	socklen_t len = sizeof(error);

	connect_to(fd, argv[1], argv[2]);
	for (argv += 3; *argv; argv++)
		if (send(fd, *argv, strlen(*argv), 0) < 0)
			die("send");
	/* An ICMP message becomes the socket's error. */
	if (poll(&wait, 1, milliseconds(REFUSAL_MS)) > 0 &&
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error) {
		errno = error;
		die("send");
	}
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name, *arguments;
		int least;
		void (*function)(char **argv);
	} verbs[] = {
		{ "receive-tcp", "ADDRESS PORT >FILE", 2, receive_tcp },
		{ "send-tcp", "FROM ADDRESS PORT <FILE", 3, send_tcp },
		{ "receive-udp", "ADDRESS PORT COUNT", 3, receive_udp },
		{ "send-udp", "FROM ADDRESS PORT TEXT...", 4, send_udp },
	};

	alarm(PATIENCE);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (argc < 2 || strcmp(argv[1], verbs[i].name) != 0 || argc - 2 < verbs[i].least)
			continue;
		verbs[i].function(argv + 2);
		return 0;
	}
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		printf("usage: traffic %s %s\n", verbs[i].name, verbs[i].arguments);
	return 2;
}
