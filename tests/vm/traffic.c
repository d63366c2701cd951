/* SPDX-License-Identifier: MIT */
/*
 * The traffic that the recorder's cases are made of. Both ends of a connection live in one process where
 * that is possible: over the loopback device a handshake completes before accept(), so the order of the
 * packets is the order of the lines here. Ports are fixed (5001 for speech, 21 and 5009 for ftp), so that
 * recordings differ between kernels only where the kernels do.
 */
#define _GNU_SOURCE
#include "record.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PORT 5001

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static void need(bool done, const char *what)
{
	if (done)
		return;
	printf("# traffic: %s: %m\n", what);
	fflush(stdout);
	_exit(1);
}

static socklen_t fill(union address *a, const char *text, int port)
{
	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, text, &a->v4.sin_addr) == 1) {
		a->v4.sin_family = AF_INET;
		a->v4.sin_port = htons(port);
		return sizeof(a->v4);
	}
	need(inet_pton(AF_INET6, text, &a->v6.sin6_addr) == 1, text);
	a->v6.sin6_family = AF_INET6;
	a->v6.sin6_port = htons(port);
	return sizeof(a->v6);
}

/* a socket at an address, or going to one */
static int socket_at(int type, int protocol, const char *text, int port)
{
	union address own;
	socklen_t len = fill(&own, text, port);
	int on = 1, fd = socket(own.any.sa_family, type, protocol);

	need(fd >= 0, "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	need(bind(fd, &own.any, len) == 0, "bind");
	return fd;
}

static void connect_to(int fd, const char *text, int port)
{
	union address peer;
	socklen_t len = fill(&peer, text, port);

	need(connect(fd, &peer.any, len) == 0, "connect");
}

static void say(int fd, const char *text)
{
	need(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text), "send");
}

static void hear(int fd)
{
	char line[256];

	need(recv(fd, line, sizeof(line), 0) > 0, "recv");
}

void traffic_enter(const char *namespace)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", namespace);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	need(fd >= 0 && setns(fd, CLONE_NEWNET) == 0, path);
	close(fd);
}

static int udp_pair(const char *text)
{
	int server = socket_at(SOCK_DGRAM, 0, text, PORT);
	int client = socket_at(SOCK_DGRAM, 0, text, PORT + 1);

	/* with a listener for stamps the kernel stamps every packet that comes in */
	int on = 1;

	setsockopt(server, SOL_SOCKET, SO_TIMESTAMP, &on, sizeof(on));
	connect_to(client, text, PORT);
	return client;
}

void traffic_udp(void)
{
	say(udp_pair("127.0.0.1"), "hello");
}

void traffic_udp_twice(void)
{
	int client = udp_pair("127.0.0.1");

	say(client, "hello");
	say(client, "hello again");
}

void traffic_udp6(void)
{
	say(udp_pair("::1"), "hello");
}

void traffic_udp_as_user(void)
{
	need(setgid(1001) == 0 && setuid(1000) == 0, "become another user");
	traffic_udp();
}

void traffic_udp_in_cgroup(void)
{
	/* a socket has the class of the group that its maker is in */
	need(raw_shell("cd /sys/fs/cgroup/net_cls && mkdir -p record && echo 0x00100002 >record/net_cls.classid") == 0,
	     "control group");
	int fd = open("/sys/fs/cgroup/net_cls/record/cgroup.procs", O_WRONLY | O_CLOEXEC);

	need(fd >= 0 && write(fd, "0", 1) == 1, "join the control group");
	close(fd);
	traffic_udp();
}

void traffic_udp_large(void)
{
	char text[401];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	say(udp_pair("127.0.0.1"), text);
}

/* a connection over the loopback device; *ret_server is the accepted end */
static int connection(int type, int protocol, int port, int *ret_server)
{
	int listener = socket_at(type, protocol, "127.0.0.1", port);
	int client = socket_at(type, protocol, "127.0.0.1", port + 20000);

	need(listen(listener, 1) == 0, "listen");
	connect_to(client, "127.0.0.1", port);
	*ret_server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	need(*ret_server >= 0, "accept");
	return client;
}

void traffic_tcp(void)
{
	int server, client = connection(SOCK_STREAM, 0, PORT, &server);

	say(client, "hello server\n");
	hear(server);
	say(server, "hello client\n");
	hear(client);
}

void traffic_tcp_bulk(void)
{
	static char bulk[8000];
	int server, client = connection(SOCK_STREAM, 0, PORT, &server);

	memset(bulk, 'x', sizeof(bulk));
	need(send(client, bulk, sizeof(bulk), 0) == sizeof(bulk), "send");
}

void traffic_tcp_close(void)
{
	int server, client = connection(SOCK_STREAM, 0, PORT, &server);

	say(client, "hello server\n");
	hear(server);
	close(client);
	close(server);
}

void traffic_sctp(void)
{
	int server, client = connection(SOCK_STREAM, IPPROTO_SCTP, PORT, &server);

	say(client, "hello server\n");
	hear(server);
}

static void echo_request(int family, int protocol, const char *to, uint8_t type)
{
	/* type, code, checksum, identifier 5, sequence 1; an IPv6 socket fills the checksum in */
	uint8_t request[16] = { type, 0, 0, 0, 0, 5, 0, 1, 'n', 'f', 'b', 'i', 'n', 'd', '-', '-' };
	int fd = socket(family, SOCK_RAW, protocol);
	union address peer;
	socklen_t len = fill(&peer, to, 0);
	uint32_t sum = 0;
	size_t i;

	need(fd >= 0, "raw socket");
	for (i = 0; i < sizeof(request); i += 2)
		sum += request[i] << 8 | request[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	request[2] = ~sum >> 8;
	request[3] = ~sum;
	need(sendto(fd, request, sizeof(request), 0, &peer.any, len) == sizeof(request), "send");
}

void traffic_icmp(void)
{
	echo_request(AF_INET, IPPROTO_ICMP, "127.0.0.1", 8);
}

void traffic_icmp6(void)
{
	echo_request(AF_INET6, IPPROTO_ICMPV6, "::1", 128);
}

/* what a helper looks at, without anything for it to see yet */
void traffic_ftp_greeting(void)
{
	int server, client = connection(SOCK_STREAM, 0, 21, &server);

	say(server, "220 ready\r\n");
	hear(client);
}

/* a passive ftp session up to the server's offer of port 19 * 256 + 145 = 5009 */
void traffic_ftp(void)
{
	int server, client = connection(SOCK_STREAM, 0, 21, &server);

	say(server, "220 ready\r\n");
	hear(client);
	say(client, "PASV\r\n");
	hear(server);
	say(server, "227 Entering Passive Mode (127,0,0,1,19,145)\r\n");
	hear(client);
}

void traffic_ftp_data(void)
{
	int server;

	traffic_ftp();
	connection(SOCK_STREAM, 0, 5009, &server);
}

static void between(const char *from, const char *to)
{
	int client;

	traffic_enter("a");
	client = socket_at(SOCK_DGRAM, 0, from, PORT + 1);
	connect_to(client, to, PORT);
	say(client, "hello");
}

void traffic_between(void)
{
	between("10.0.111.2", "10.0.2.2");
}

void traffic_between_tagged(void)
{
	between("10.5.0.1", "10.5.0.2");
}

static void ftp_server(void)
{
	int listener, server;

	traffic_enter("b");
	listener = socket_at(SOCK_STREAM, 0, "10.0.2.2", 21);
	need(listen(listener, 1) == 0, "listen");
	server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	say(server, "220 ready\r\n");
	hear(server);
	say(server, "331 continue\r\n");
	hear(server);
	say(server, "200 done\r\n");
	pause();
}

/* An active session: behind NAT the kernel writes another address, of another length, into PORT. */
void traffic_ftp_between(void)
{
	struct timespec moment = { .tv_nsec = 200 * 1000 * 1000 };
	int client;

	record_start(ftp_server);
	nanosleep(&moment, NULL);
	traffic_enter("a");
	client = socket_at(SOCK_STREAM, 0, "10.0.111.2", 25021);
	connect_to(client, "10.0.2.2", 21);
	hear(client);
	/* the kernel reads a command only after it has seen an end of line from this side */
	say(client, "USER nobody\r\n");
	hear(client);
	say(client, "PORT 10,0,111,2,19,145\r\n");
	hear(client);
	say(client, "NOOP\r\n");
}
