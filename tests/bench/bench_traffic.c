/*
 * SPDX-License-Identifier: MIT
 *
 * The traffic of the benchmarks, on processor 0:
 *   flood COUNT SIZE PORT       UDP packets to loopback as fast as they go, then exit
 *   ping COUNT PORT             UDP to itself, one at a time; prints round trips
 *   sink PORT                   one TCP connection; prints bytes and time
 *   source ADDRESS PORT MS      fills such a connection for so long
 * Queued packets stay charged to their sender, so flood needs a huge send buffer.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "measure.h"

#define LIMIT_SECONDS 60
#define BATCH 64
#define HUGE_BUFFER (1 << 30)
#define CHUNK (128 * 1024)
#define WARM_UP 200

static uint8_t chunk[CHUNK];

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static struct sockaddr_in address_of(const char *address, const char *port)
{
	struct sockaddr_in in = { .sin_family = AF_INET };

	in.sin_port = htons((uint16_t)atoi(port));
	if (inet_pton(AF_INET, address, &in.sin_addr) != 1)
		die(address);
	return in;
}

static int open_udp(const char *port, int receive)
{
	struct sockaddr_in in = address_of("127.0.0.1", port);
	struct timeval limit = { .tv_sec = 3 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (receive && bind(fd, (struct sockaddr *)&in, sizeof(in)) < 0)
		die("bind");
	if (connect(fd, (struct sockaddr *)&in, sizeof(in)) < 0)
		die("connect");
	return fd;
}

static void enlarge_send_buffer(int fd)
{
	int size = HUGE_BUFFER;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

/* Each packet ends with its number: equal ones cost a language that keeps equal texts once. */
static int flood(char **arguments)
{
	long left = atol(arguments[0]);
	uint32_t numbers[BATCH], number = 0;
	struct iovec parts[BATCH][2];
	struct mmsghdr messages[BATCH] = { 0 };
	int fd = open_udp(arguments[2], 0);

	enlarge_send_buffer(fd);
	for (int i = 0; i < BATCH; i++) {
		parts[i][0] = (struct iovec){ chunk, (size_t)atol(arguments[1]) - sizeof(number) };
		parts[i][1] = (struct iovec){ &numbers[i], sizeof(number) };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = parts[i], .msg_iovlen = 2 };
	}
	while (left > 0) {
		for (int i = 0; i < BATCH; i++)
			numbers[i] = htonl(number + (uint32_t)i);
		number += BATCH;

		int sent = sendmmsg(fd, messages, left < BATCH ? (unsigned int)left : BATCH, 0);

		if (sent <= 0)
			die("flood");
		left -= sent;
	}
	return 0;
}

static int compare_ns(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static uint64_t ping_once(int fd)
{
	uint64_t begin = clock_ns(CLOCK_MONOTONIC);

	if (send(fd, chunk, 64, 0) < 0 || recv(fd, chunk, sizeof(chunk), 0) < 0)
		die("ping");
	return clock_ns(CLOCK_MONOTONIC) - begin;
}

static int ping(char **arguments)
{
	size_t count = (size_t)atol(arguments[0]);
	uint64_t *trips = calloc(count, sizeof(*trips));
	int fd = open_udp(arguments[1], 1);

	if (!trips)
		die("ping");
	for (int i = 0; i < WARM_UP; i++)
		ping_once(fd);
	for (size_t i = 0; i < count; i++)
		trips[i] = ping_once(fd);
	qsort(trips, count, sizeof(*trips), compare_ns);
	printf("{\"p50_ns\": %llu, \"p99_ns\": %llu}\n", (unsigned long long)trips[count / 2],
	       (unsigned long long)trips[count * 99 / 100]);
	free(trips);
	return 0;
}

static int accept_one(const char *port)
{
	struct sockaddr_in in = address_of("0.0.0.0", port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&in, sizeof(in)) < 0 || listen(fd, 1) < 0)
		die("listen");
	puts("{\"ready\": true}");
	fflush(stdout);
	fd = accept(fd, NULL, NULL);
	if (fd < 0)
		die("accept");
	return fd;
}

static int sink(char **arguments)
{
	int fd = accept_one(arguments[0]);
	uint64_t begin = clock_ns(CLOCK_MONOTONIC), bytes = 0;
	ssize_t len;

	while ((len = recv(fd, chunk, sizeof(chunk), 0)) > 0)
		bytes += (uint64_t)len;
	printf("{\"bytes\": %llu, \"wall_ns\": %llu}\n", (unsigned long long)bytes,
	       (unsigned long long)(clock_ns(CLOCK_MONOTONIC) - begin));
	return len < 0;
}

static int source(char **arguments)
{
	struct sockaddr_in in = address_of(arguments[0], arguments[1]);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint64_t end;

	if (connect(fd, (struct sockaddr *)&in, sizeof(in)) < 0)
		die("connect");
	end = clock_ns(CLOCK_MONOTONIC) + strtoull(arguments[2], NULL, 0) * 1000000u;
	while (clock_ns(CLOCK_MONOTONIC) < end)
		if (send(fd, chunk, sizeof(chunk), 0) < 0)
			die("send");
	return 0;
}

static const struct {
	const char *name;
	int arguments;
	int (*run)(char **arguments);
} commands[] = {
	{ "flood", 3, flood },
	{ "ping", 2, ping },
	{ "sink", 1, sink },
	{ "source", 3, source },
};

int main(int argc, char **argv)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(LIMIT_SECONDS);
	pin_to(0);
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (argc == commands[i].arguments + 2 && !strcmp(argv[1], commands[i].name))
			return commands[i].run(argv + 2);
	fprintf(stderr, "usage: %s flood|ping|sink|source ARGUMENTS\n", argv[0]);
	return 2;
}
