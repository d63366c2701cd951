/* SPDX-License-Identifier: MIT */
/*
 * Sockets for tests: ends of UDP and TCP conversations, in whatever namespace the
 * calling thread is in. Addresses are text, IPv4 or IPv6. What fails ends the
 * test, except where nothing arriving is the answer.
 */
#ifndef TESTS_LIVE_TRAFFIC_H
#define TESTS_LIVE_TRAFFIC_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
	PATIENCE = 20000, /* milliseconds for what must come: against hangs, for machines under load are slow */
};

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

socklen_t address_fill(union address *ret_address, const char *text, uint16_t port);
uint16_t port_of(int fd);

/* A socket bound to an address; port 0 lets the kernel choose. */
int bound_socket(int type, const char *text, uint16_t port);
void connect_to(int fd, const char *text, uint16_t port);

/* A UDP receiver at an address and port, and a sender connected to it. */
struct udp {
	int sender;
	int receiver;
};
struct udp udp_pair(const char *text, uint16_t port);

/* A connected TCP pair over an address; the handshake happens here. */
struct tcp {
	int listener;
	int client;
	int server;
};
int tcp_listen(const char *text, uint16_t port);
/* Start to connect, without waiting: the descriptor. */
int tcp_start(const char *text, uint16_t port);
/* How that ended: 0, or a positive errno; ETIMEDOUT after the milliseconds. */
int tcp_outcome(int fd, int milliseconds);

void say(int fd, const void *data, size_t data_len);
void say_text(int fd, const char *text);
/* Datagrams that count up from `first`, in 4 bytes, big-endian. */
void say_numbers(int fd, uint32_t first, uint32_t count);

/* The length of what arrives in time, or -1. */
ssize_t hear(int fd, void *data, size_t data_size, int milliseconds);
/* This and nothing else arrives. */
void hear_text(int fd, const char *text);
void hear_bytes(int fd, const void *data, size_t data_len);
/* Nothing is there, now that everything has been decided. */
void hear_nothing(int fd);
/* So many numbered datagrams arrive, `first`, `first` + 1 and so on, and no more. */
void hear_numbers(int fd, uint32_t first, uint32_t count);
/* How many of them are there by now. */
uint32_t hear_numbers_so_far(int fd, uint32_t first);

#endif
