/* SPDX-License-Identifier: MIT */
/*
 * The injector: packets of the caller's own, sent through raw sockets that take
 * them with their IP headers (raw(7); IPPROTO_RAW implies IP_HDRINCL and, for IPv6,
 * IPV6_HDRINCL). A machine without IPv6 still gets an injector for IPv4. Netlink
 * datagrams have a socket of their own, where the options ask for one.
 */
#include <nfbind/injector.h>

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "options.h"
#include "socket.h"
#include "text.h"
#include "view.h"

enum {
	MESSAGE_SIZE = 200,
	SEND_BUFFER_DEFAULT = 1 << 20,
	GROUP_LAST = 32, /* that an address has a bit for */
};

enum injector_state { INJECTOR_NEW, INJECTOR_OPEN, INJECTOR_CLOSED };

enum { IPV4, IPV6, FAMILIES, NETLINK = FAMILIES, SOCKETS };

static const int families[FAMILIES] = { AF_INET, AF_INET6 };

struct nfbind_injector {
	atomic_int state;
	int fds[SOCKETS];     /* -1 for none */
	pthread_mutex_t lock; /* of the message */
	char message[MESSAGE_SIZE];
};

/* Explain an error, and hand it on. */
static int explain(struct nfbind_injector *injector, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int explain(struct nfbind_injector *injector, int error, const char *format, ...)
{
	va_list arguments;

	pthread_mutex_lock(&injector->lock);
	va_start(arguments, format);
	vsnprintf(injector->message, sizeof(injector->message), format, arguments);
	va_end(arguments);
	pthread_mutex_unlock(&injector->lock);
	return error;
}

int nfbind_injector_new(struct nfbind_injector **ret_injector)
{
	struct nfbind_injector *injector;

	if (!ret_injector)
		return -EINVAL;
	injector = calloc(1, sizeof(*injector));
	if (!injector)
		return -ENOMEM;
	injector->fds[IPV4] = injector->fds[IPV6] = injector->fds[NETLINK] = -1;
	pthread_mutex_init(&injector->lock, NULL);
	*ret_injector = injector;
	return 0;
}

/* Opening. */

static void close_sockets(struct nfbind_injector *injector)
{
	for (unsigned int i = 0; i < SOCKETS; i++) {
		if (injector->fds[i] >= 0)
			close(injector->fds[i]);
		injector->fds[i] = -1;
	}
}

static int open_socket(struct nfbind_injector *injector, const struct socket_place *place,
		       unsigned int family)
{
	int r = socket_open_raw(place, families[family], IPPROTO_RAW, &injector->fds[family]);

	if (r == 0)
		return 0;
	injector->fds[family] = -1;
	switch (r) {
	case -EAFNOSUPPORT:
	case -EPROTONOSUPPORT:
		if (family == IPV6)
			return 0;
		return explain(injector, r, "this kernel has no raw sockets of IPv4");
	case -EPERM:
	case -EACCES:
		return explain(injector, -EPERM, "CAP_NET_RAW is missing in this user namespace");
	case -ENOENT:
		return explain(injector, r, "there is no network namespace %s",
			       place->netns_path ? place->netns_path : "of that process");
	default:
		return explain(injector, r, "a raw socket cannot be opened: %s", strerror(-r));
	}
}

static int set_mark(struct nfbind_injector *injector, int fd, const struct nfbind_options *options)
{
	uint32_t mark = (uint32_t)options_number(options, NFBIND_OPTIONS_MARK, 0);

	if (mark == 0 || setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) == 0)
		return 0;
	if (errno == EPERM)
		return explain(
			injector, -EPERM,
			"CAP_NET_ADMIN, which a mark needs, is missing in this user namespace");
	return explain(injector, -errno, "the mark cannot be set: %s", strerror(errno));
}

static int set_device(struct nfbind_injector *injector, int fd,
		      const struct nfbind_options *options)
{
	const void *name;
	size_t name_len;

	if (!options ||
	    nfbind_options_get_bytes(options, NFBIND_OPTIONS_DEVICE, &name, &name_len) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)name_len) == 0)
		return 0;
	if (errno == ENODEV)
		return explain(injector, -ENODEV, "there is no device %.*s", (int)name_len,
			       (const char *)name);
	return explain(injector, -errno, "device %.*s cannot be bound to: %s", (int)name_len,
		       (const char *)name, strerror(errno));
}

static int set_up_socket(struct nfbind_injector *injector, int fd,
			 const struct nfbind_options *options)
{
	int size = (int)options_number(options, NFBIND_OPTIONS_SEND_BUFFER, SEND_BUFFER_DEFAULT);
	int on = 1;
	int r = set_mark(injector, fd, options);

	if (r == 0)
		r = set_device(injector, fd, options);
	/* More than the administrator's limit needs CAP_NET_ADMIN; less buffer is no error. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	(void)setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on));
	return r;
}

static int open_netlink(struct nfbind_injector *injector, const struct socket_place *place,
			const struct nfbind_options *options)
{
	uint64_t protocol;
	int r;

	if (!options ||
	    nfbind_options_get_number(options, NFBIND_OPTIONS_NETLINK_PROTOCOL, &protocol) < 0)
		return 0;
	/* More than the kernel's MAX_LINKS is none to it, too. */
	r = protocol > INT_MAX ? -EPROTONOSUPPORT :
		socket_open_raw(place, AF_NETLINK, (int)protocol, &injector->fds[NETLINK]);
	if (r == 0)
		return 0;
	injector->fds[NETLINK] = -1;
	return explain(injector, r, "netlink protocol %" PRIu64 ": %s", protocol,
		       r == -EPROTONOSUPPORT ? "this kernel has none of that number" : strerror(-r));
}

int nfbind_injector_open(struct nfbind_injector *injector, const struct nfbind_options *options)
{
	struct socket_place place;
	int state, r;

	if (!injector)
		return -EINVAL;
	state = atomic_load(&injector->state);
	if (state == INJECTOR_OPEN)
		return explain(injector, -EALREADY, "the injector is open already");
	if (state == INJECTOR_CLOSED)
		return explain(injector, -ESHUTDOWN, "the injector was closed");
	r = socket_place_from(options, &place);
	if (r < 0)
		return explain(injector, r, "more than one option names a network namespace");
	for (unsigned int i = 0; r == 0 && i < FAMILIES; i++) {
		r = open_socket(injector, &place, i);
		if (r == 0 && injector->fds[i] >= 0)
			r = set_up_socket(injector, injector->fds[i], options);
	}
	if (r == 0)
		r = open_netlink(injector, &place, options);
	if (r < 0) {
		close_sockets(injector);
		return r;
	}
	atomic_store(&injector->state, INJECTOR_OPEN);
	return 0;
}

/* Sending. */

static socklen_t destination(const uint8_t *data, const struct view *view,
			     struct sockaddr_storage *ret_address)
{
	struct sockaddr_in *ipv4 = (struct sockaddr_in *)ret_address;
	struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)ret_address;

	memset(ret_address, 0, sizeof(*ret_address));
	/* The IP header's own destination: where a source route goes next. */
	if (view->version == 4) {
		ipv4->sin_family = AF_INET;
		memcpy(&ipv4->sin_addr, data + 16, 4);
		return sizeof(*ipv4);
	}
	ipv6->sin6_family = AF_INET6;
	memcpy(&ipv6->sin6_addr, data + 24, 16);
	return sizeof(*ipv6);
}

static int explain_send(struct nfbind_injector *injector, int error, uint32_t len)
{
	switch (error) {
	case EPERM:
		return explain(injector, -EPERM, "a rule dropped the packet");
	case EMSGSIZE:
		return explain(injector, -EMSGSIZE,
			       "%" PRIu32 " bytes are more than the path's MTU", len);
	case ENOBUFS:
	case EAGAIN:
		return explain(injector, -EAGAIN, "the send buffer is full");
	case ENETUNREACH:
		return explain(injector, -ENETUNREACH, "there is no route to the destination");
	default:
		return explain(injector, -error, "the packet was not sent: %s", strerror(error));
	}
}

static int send_whole(struct nfbind_injector *injector, const struct nfbind_packet *packet,
		      const struct view *view)
{
	int fd = injector->fds[view->version == 4 ? IPV4 : IPV6];
	struct sockaddr_storage address;
	socklen_t address_len = destination(packet->payload, view, &address);

	if (fd < 0)
		return explain(injector, -ENETUNREACH, "this kernel has no IPv6");
	if (sendto(fd, packet->payload, view->end, MSG_DONTWAIT | MSG_NOSIGNAL,
		   (const struct sockaddr *)&address, address_len) < 0)
		return explain_send(injector, errno, view->end);
	return 0;
}

/* Of a packet whose checksum the kernel would have filled in: here nobody does. */
static int send_finished(struct nfbind_injector *injector, const struct nfbind_packet *packet,
			 const struct view *view)
{
	struct nfbind_packet *copy;
	int r = nfbind_packet_new(packet->payload, view->end, &copy);

	if (r < 0)
		return r;
	copy->flags |= PACKET_PARTIAL | PACKET_CHANGED;
	view_finish(copy);
	r = send_whole(injector, copy, view);
	nfbind_packet_free(copy);
	return r;
}

int nfbind_injector_send(struct nfbind_injector *injector, const struct nfbind_packet *packet)
{
	struct view view;

	if (!injector || !packet)
		return -EINVAL;
	if (atomic_load(&injector->state) != INJECTOR_OPEN)
		return explain(injector, -ESHUTDOWN, "the injector is not open");
	if (view_of(packet, &view) < 0)
		return explain(injector, -EINVAL, "the payload is no IP packet");
	if (view_is_cut(packet, &view))
		return explain(injector, -EINVAL, "the packet is truncated");
	return packet->flags & PACKET_PARTIAL ? send_finished(injector, packet, &view)
					      : send_whole(injector, packet, &view);
}

static int explain_datagram(struct nfbind_injector *injector, int error, uint32_t port, size_t len)
{
	switch (error) {
	case ECONNREFUSED:
		return explain(injector, -ECONNREFUSED, "nobody has port id %" PRIu32, port);
	case EPERM:
		return explain(injector, -EPERM, "CAP_NET_ADMIN is missing in this user namespace");
	case EMSGSIZE:
		return explain(injector, -EMSGSIZE, "%zu bytes are more than the send buffer", len);
	case ENOBUFS:
	case EAGAIN:
		return explain(injector, -EAGAIN, "the receiver's buffer is full");
	default:
		return explain(injector, -error, "the datagram was not sent: %s", strerror(error));
	}
}

int nfbind_injector_send_netlink(struct nfbind_injector *injector, uint32_t port, uint32_t group,
				 const void *data, size_t data_len)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_pid = port };

	if (!injector || !data)
		return -EINVAL;
	if (atomic_load(&injector->state) != INJECTOR_OPEN)
		return explain(injector, -ESHUTDOWN, "the injector is not open");
	if (injector->fds[NETLINK] < 0)
		return explain(injector, -EDESTADDRREQ, "it was opened without a netlink protocol");
	if (data_len == 0)
		return explain(injector, -EINVAL, "there is nothing to send");
	if (group > GROUP_LAST)
		return explain(injector, -ERANGE, "there is no group %" PRIu32, group);
	address.nl_groups = group > 0 ? 1u << (group - 1) : 0;
	if (sendto(injector->fds[NETLINK], data, data_len, MSG_DONTWAIT | MSG_NOSIGNAL,
		   (const struct sockaddr *)&address, sizeof(address)) < 0)
		return explain_datagram(injector, errno, port, data_len);
	return 0;
}

int nfbind_injector_close(struct nfbind_injector *injector)
{
	if (!injector)
		return -EINVAL;
	atomic_store(&injector->state, INJECTOR_CLOSED);
	close_sockets(injector);
	return 0;
}

void nfbind_injector_free(struct nfbind_injector *injector)
{
	if (!injector)
		return;
	nfbind_injector_close(injector);
	pthread_mutex_destroy(&injector->lock);
	free(injector);
}

int nfbind_injector_last_message(struct nfbind_injector *injector, char *ret_text,
				 size_t ret_text_size)
{
	struct text text;

	if (!injector)
		return -EINVAL;
	text_start(&text, ret_text, ret_text_size);
	pthread_mutex_lock(&injector->lock);
	text_add(&text, "%s", injector->message);
	pthread_mutex_unlock(&injector->lock);
	return (int)text.len;
}
