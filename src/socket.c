/* SPDX-License-Identifier: MIT */
/*
 * The transport over real sockets; see socket.h. A socket lives in the network
 * namespace that its thread was in when it was made, so one for another namespace
 * is made by a short-lived thread that goes there: the caller's thread never moves.
 */
#include "socket.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>

#include "options.h"

/* Below this the kernel rounds up by rules of its own. */
enum { BUFFER_LEAST = 8192 };

#ifndef SIOCGSKNS
#define SIOCGSKNS 0x894C
#endif
#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif
#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

/* Going to another namespace. */

struct netns_call {
	int netns_fd;
	int (*run)(void *argument);
	void *argument;
	int result;
};

static void *run_in_netns(void *argument)
{
	struct netns_call *call = argument;

	call->result = setns(call->netns_fd, CLONE_NEWNET) < 0 ? -errno : call->run(call->argument);
	return NULL;
}

static int in_netns(int netns_fd, int (*run)(void *argument), void *argument)
{
	struct netns_call call = { .netns_fd = netns_fd, .run = run, .argument = argument };
	sigset_t all, before;
	pthread_t thread;
	int r;

	/* The caller's signal handlers must not run on a thread that it does not know. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&thread, NULL, run_in_netns, &call);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r != 0)
		return -r;
	pthread_join(thread, NULL);
	return call.result;
}

/* A descriptor for the namespace of a place; -1 for the current one, or -errno below that. */
static int open_netns(const struct socket_place *place)
{
	char path[64];
	int fd;

	if (place->netns_fd >= 0) {
		fd = fcntl(place->netns_fd, F_DUPFD_CLOEXEC, 0);
		return fd < 0 ? -errno : fd;
	}
	if (!place->netns_path && place->netns_pid == 0)
		return -1;
	if (place->netns_pid != 0)
		snprintf(path, sizeof(path), "/proc/%u/ns/net", place->netns_pid);
	fd = open(place->netns_path ? place->netns_path : path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static bool names_netns(const struct socket_place *place)
{
	return place->netns_path || place->netns_pid != 0 || place->netns_fd >= 0;
}

static int at_place(const struct socket_place *place, int (*run)(void *argument), void *argument)
{
	int netns_fd, r;

	if (!names_netns(place))
		return run(argument);
	netns_fd = open_netns(place);
	if (netns_fd < 0)
		return netns_fd;
	r = in_netns(netns_fd, run, argument);
	close(netns_fd);
	return r;
}

int socket_place_from(const struct nfbind_options *options, struct socket_place *ret_place)
{
	struct socket_place place = {
		.netns_pid = (uint32_t)options_number(options, NFBIND_OPTIONS_NETNS_PID, 0),
		.netns_fd = (int)options_number(options, NFBIND_OPTIONS_NETNS_FD, UINT32_MAX),
		.socket_fd = (int)options_number(options, NFBIND_OPTIONS_SOCKET_FD, UINT32_MAX),
	};

	if (options && nfbind_options_has(options, NFBIND_OPTIONS_NETNS_PATH) > 0)
		place.netns_path = (const char *)options->netns_path.bytes;
	if (!!place.netns_path + (place.netns_pid != 0) + (place.netns_fd >= 0) +
		    (place.socket_fd >= 0) > 1)
		return -EINVAL;
	*ret_place = place;
	return 0;
}

static bool is_here(int netns_fd)
{
	struct stat there, here;

	return fstat(netns_fd, &there) == 0 && stat("/proc/thread-self/ns/net", &here) == 0 &&
	       there.st_ino == here.st_ino && there.st_dev == here.st_dev;
}

/* Opening. */

enum socket_use {
	SOCKET_FOR_QUEUES,
	SOCKET_FOR_REQUESTS,
	SOCKET_FOR_EVENTS,
};

struct socket_scratch {
	unsigned int count;
	/* What the vectors point to, so that the next receive into the same memory finds them done. */
	const uint8_t *laid_out;
	unsigned int laid_out_count;
	struct mmsghdr *messages;
	struct iovec *vectors;
	struct sockaddr_nl *senders;
	struct control *controls;
};

/* Room for the id of a namespace. */
struct control {
	uint8_t room[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
};

static int open_netlink(void *argument)
{
	struct mnl_socket **socket = argument;

	*socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	return *socket ? 0 : -errno;
}

static int socket_option(int fd, int name)
{
	socklen_t len = sizeof(int);
	int value;

	return getsockopt(fd, SOL_SOCKET, name, &value, &len) < 0 ? -errno : value;
}

static int adopt(int fd, struct mnl_socket **ret_socket)
{
	int copy;

	if (socket_option(fd, SO_DOMAIN) != AF_NETLINK ||
	    socket_option(fd, SO_PROTOCOL) != NETLINK_NETFILTER)
		return -EINVAL;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0)
		return -errno;
	*ret_socket = mnl_socket_fdopen(copy);
	if (!*ret_socket) {
		int error = errno;

		close(copy);
		return -error;
	}
	return 0;
}

/*
 * FORCE needs rights in the initial user namespace, and then the kernel counts twice
 * what it was told (net/core/sock.c); the plain option is capped by a sysctl.
 */
static uint32_t size_buffer(int fd, int force, int plain, uint32_t wanted)
{
	int value = wanted > INT32_MAX / 2 ? INT32_MAX / 2 : (int)wanted;
	int effective;

	if (value >= BUFFER_LEAST && setsockopt(fd, SOL_SOCKET, force, &value, sizeof(value)) == 0)
		return 2 * (uint32_t)value;
	(void)setsockopt(fd, SOL_SOCKET, plain, &value, sizeof(value));
	effective = socket_option(fd, plain);
	return effective > 0 ? (uint32_t)effective : 0;
}

static int set_up(struct socket *self, struct mnl_socket *socket, enum socket_use use,
		  uint32_t receive_buffer)
{
	int on = 1;

	self->fd = mnl_socket_get_fd(socket);
	/* An overrun would otherwise stop delivery of packets until the socket is drained. */
	if (use == SOCKET_FOR_QUEUES &&
	    mnl_socket_setsockopt(socket, NETLINK_NO_ENOBUFS, &on, sizeof(on)) < 0)
		return -errno;
	/* Both are old enough to be there; without them errors only say less. */
	if (use == SOCKET_FOR_REQUESTS) {
		(void)mnl_socket_setsockopt(socket, NETLINK_CAP_ACK, &on, sizeof(on));
		(void)mnl_socket_setsockopt(socket, NETLINK_EXT_ACK, &on, sizeof(on));
	}
	self->receive_buffer = size_buffer(self->fd, SO_RCVBUFFORCE, SO_RCVBUF, receive_buffer);
	self->mnl = socket;
	return 0;
}

uint32_t socket_prepare_sending(struct socket *self, uint32_t send_buffer)
{
	int on = 1;

	/* A refused verdict must not come back with its payload. */
	(void)mnl_socket_setsockopt(self->mnl, NETLINK_CAP_ACK, &on, sizeof(on));
	return size_buffer(self->fd, SO_SNDBUFFORCE, SO_SNDBUF, send_buffer);
}

/*
 * A netlink socket that is connected to the kernel refuses all other senders
 * (net/netlink/af_netlink.c, netlink_getsockbyportid()), so that they need not be
 * told apart datagram by datagram. Connecting also gives it a port id.
 */
static int connect_to_kernel(struct socket *self)
{
	static const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	if (connect(self->fd, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	self->is_connected = true;
	return 0;
}

/* An adopted socket is also somebody else's: its state stays as it is. */
static int give_port(struct socket *self, bool is_adopted)
{
	if (!is_adopted)
		return connect_to_kernel(self);
	if (mnl_socket_get_portid(self->mnl) != 0)
		return 0;
	return mnl_socket_bind(self->mnl, 0, MNL_SOCKET_AUTOPID) < 0 ? -errno : 0;
}

static int open_for(struct socket *self, const struct socket_place *place, enum socket_use use,
		    uint32_t receive_buffer)
{
	struct mnl_socket *socket;
	int r;

	*self = (struct socket){ .fd = -1 };
	r = place->socket_fd >= 0 ? adopt(place->socket_fd, &socket) :
				    at_place(place, open_netlink, &socket);
	if (r < 0)
		return r;
	r = set_up(self, socket, use, receive_buffer);
	if (r == 0)
		r = give_port(self, place->socket_fd >= 0);
	if (r < 0) {
		mnl_socket_close(socket);
		*self = (struct socket){ .fd = -1 };
	}
	return r;
}

static void free_scratch(struct socket_scratch *scratch)
{
	if (!scratch)
		return;
	free(scratch->messages);
	free(scratch->vectors);
	free(scratch->senders);
	free(scratch->controls);
	free(scratch);
}

void socket_close(struct socket *self)
{
	if (self->mnl)
		mnl_socket_close(self->mnl);
	free_scratch(self->scratch);
	*self = (struct socket){ .fd = -1 };
}

int socket_open(struct socket *self, const struct socket_place *place, uint32_t receive_buffer)
{
	return open_for(self, place, SOCKET_FOR_QUEUES, receive_buffer);
}

int socket_open_for_requests(struct socket *self, const struct socket_place *place,
			     uint32_t receive_buffer)
{
	return open_for(self, place, SOCKET_FOR_REQUESTS, receive_buffer);
}

int socket_attach_program(struct socket *self, const struct sock_filter *code, unsigned int count)
{
	struct sock_fprog program = { .len = (unsigned short)count,
				      .filter = (struct sock_filter *)(uintptr_t)code };
	int unused = 0;
	int r = count > 0 ? setsockopt(self->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) :
			    setsockopt(self->fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof(unused));

	if (r == 0 || (count == 0 && errno == ENOENT))
		return 0;
	/* Its memory counts as the socket's (net/core/filter.c, sk_filter_charge()). */
	return errno == ENOMEM ? -ENOBUFS : errno == EPERM ? -EBUSY : -errno;
}

static int set_up_events(struct socket *self, const struct socket_listening *listening)
{
	int on = 1, off = 0, r;

	/* What is lost has to be known; an adopted socket may have it otherwise. */
	(void)mnl_socket_setsockopt(self->mnl, NETLINK_NO_ENOBUFS, &off, sizeof(off));
	if (listening->is_reliable &&
	    mnl_socket_setsockopt(self->mnl, NETLINK_BROADCAST_ERROR, &on, sizeof(on)) < 0)
		return -errno;
	if (listening->all_namespaces &&
	    mnl_socket_setsockopt(self->mnl, NETLINK_LISTEN_ALL_NSID, &on, sizeof(on)) < 0)
		return errno == ENOPROTOOPT ? -EOPNOTSUPP : -errno;
	self->has_nsid = listening->all_namespaces;
	/* Being connected keeps nobody from sending to a group that this socket is in. */
	self->is_connected = false;
	if (listening->program_count > 0) {
		r = socket_attach_program(self, listening->program, listening->program_count);
		if (r < 0)
			return r;
	}
	/* Last: from here on events queue. */
	for (int group = 1; group <= 32; group++)
		if (listening->groups & UINT32_C(1) << (group - 1) &&
		    mnl_socket_setsockopt(self->mnl, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
			return -errno;
	return 0;
}

int socket_open_for_events(struct socket *self, const struct socket_place *place,
			   uint32_t receive_buffer, const struct socket_listening *listening)
{
	int r = open_for(self, place, SOCKET_FOR_EVENTS, receive_buffer);

	if (r < 0)
		return r;
	r = set_up_events(self, listening);
	if (r < 0)
		socket_close(self);
	return r;
}

int socket_open_beside(struct socket *self, const struct socket *other)
{
	struct socket_place place = { .socket_fd = -1 };
	int netns_fd = ioctl(other->fd, SIOCGSKNS);
	int r;

	/* Where the kernel does not say, both are here. */
	place.netns_fd = netns_fd >= 0 && !is_here(netns_fd) ? netns_fd : -1;
	r = open_for(self, &place, SOCKET_FOR_REQUESTS, other->receive_buffer / 2);
	if (netns_fd >= 0)
		close(netns_fd);
	return r;
}

struct raw_call {
	int family;
	int protocol;
	int fd;
};

static int open_raw(void *argument)
{
	struct raw_call *call = argument;

	call->fd = socket(call->family, SOCK_RAW | SOCK_CLOEXEC, call->protocol);
	return call->fd < 0 ? -errno : 0;
}

int socket_open_raw(const struct socket_place *place, int family, int protocol, int *ret_fd)
{
	struct raw_call call = { .family = family, .protocol = protocol };
	int r = at_place(place, open_raw, &call);

	if (r < 0)
		return r;
	*ret_fd = call.fd;
	return 0;
}

/* Sending and receiving. */

int socket_send(struct socket *self, const void *data, size_t data_len)
{
	static const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	const struct sockaddr *to = self->is_connected ? NULL : (const struct sockaddr *)&kernel;
	ssize_t sent = sendto(self->fd, data, data_len, MSG_DONTWAIT | MSG_NOSIGNAL, to,
			      to ? sizeof(kernel) : 0);

	return sent < 0 ? -errno : (int)sent;
}

static struct socket_scratch *scratch_for(struct socket *self, unsigned int count)
{
	struct socket_scratch *scratch = self->scratch;

	if (scratch && scratch->count >= count)
		return scratch;
	free_scratch(scratch);
	self->scratch = NULL;
	scratch = calloc(1, sizeof(*scratch));
	if (!scratch)
		return NULL;
	scratch->count = count;
	scratch->messages = calloc(count, sizeof(*scratch->messages));
	scratch->vectors = calloc(count, 2 * sizeof(*scratch->vectors));
	scratch->senders = calloc(count, sizeof(*scratch->senders));
	scratch->controls = self->has_nsid ? calloc(count, sizeof(*scratch->controls)) : NULL;
	if (!scratch->messages || !scratch->vectors || !scratch->senders ||
	    (self->has_nsid && !scratch->controls)) {
		free_scratch(scratch);
		return NULL;
	}
	for (unsigned int i = 0; i < count; i++)
		scratch->messages[i].msg_hdr.msg_iov = &scratch->vectors[2 * i];
	self->scratch = scratch;
	return scratch;
}

static void lay_out_one(struct socket_scratch *scratch, unsigned int i,
			const struct datagram *datagram)
{
	struct msghdr *header = &scratch->messages[i].msg_hdr;
	struct iovec *vector = &scratch->vectors[2 * i];

	header->msg_iovlen = 1;
	if (datagram->head) {
		*vector++ = (struct iovec){ datagram->head, datagram->head_size };
		header->msg_iovlen = 2;
	}
	*vector = (struct iovec){ datagram->data + datagram->head_size,
				  datagram->size - datagram->head_size };
}

static void lay_out(struct socket_scratch *scratch, const struct datagram *datagrams,
		    unsigned int count)
{
	if (scratch->laid_out == datagrams[0].data && scratch->laid_out_count == count)
		return;
	for (unsigned int i = 0; i < count; i++)
		lay_out_one(scratch, i, &datagrams[i]);
	scratch->laid_out = datagrams[0].data;
	scratch->laid_out_count = count;
}

static void ask_for_senders(struct socket_scratch *scratch, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		scratch->messages[i].msg_hdr.msg_name = &scratch->senders[i];
		scratch->messages[i].msg_hdr.msg_namelen = sizeof(struct sockaddr_nl);
	}
}

static void ask_for_nsids(struct socket_scratch *scratch, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		scratch->messages[i].msg_hdr.msg_control = scratch->controls[i].room;
		scratch->messages[i].msg_hdr.msg_controllen = sizeof(scratch->controls[i].room);
	}
}

/* Absent for the socket's own namespace. */
static int32_t read_nsid(struct msghdr *header)
{
	struct cmsghdr *control;
	int32_t nsid = -1;

	for (control = CMSG_FIRSTHDR(header); control; control = CMSG_NXTHDR(header, control))
		if (control->cmsg_level == SOL_NETLINK && control->cmsg_type == NETLINK_LISTEN_ALL_NSID &&
		    control->cmsg_len >= CMSG_LEN(sizeof(nsid)))
			memcpy(&nsid, CMSG_DATA(control), sizeof(nsid));
	return nsid;
}

/* What did not fit in the head is joined in the large room. */
static void join(struct datagram *datagram)
{
	if (!datagram->head)
		return;
	if (datagram->len > datagram->head_size)
		memcpy(datagram->data, datagram->head, datagram->head_size);
	else
		datagram->data = datagram->head;
}

static void take_in(const struct socket *self, unsigned int i, struct datagram *datagram)
{
	const struct socket_scratch *scratch = self->scratch;
	struct msghdr *header = &scratch->messages[i].msg_hdr;

	datagram->len = scratch->messages[i].msg_len;
	datagram->is_cut = header->msg_flags & MSG_TRUNC;
	datagram->sender = 0;
	/* A datagram without a proper sender address cannot be the kernel's. */
	if (!self->is_connected)
		datagram->sender = header->msg_namelen == sizeof(struct sockaddr_nl) ?
					   scratch->senders[i].nl_pid : UINT32_MAX;
	datagram->nsid = self->has_nsid ? read_nsid(header) : -1;
	join(datagram);
}

/* A single datagram from a known sender is had for less. */
static int receive_one(struct socket *self, struct datagram *datagram)
{
	ssize_t len = recv(self->fd, datagram->data, datagram->size, MSG_DONTWAIT | MSG_TRUNC);

	if (len < 0)
		return -errno;
	datagram->is_cut = (size_t)len > datagram->size;
	datagram->len = datagram->is_cut ? datagram->size : (size_t)len;
	datagram->sender = 0;
	return 1;
}

int socket_receive(struct socket *self, struct datagram *datagrams, unsigned int count)
{
	int received;

	if (count == 1 && self->is_connected)
		return receive_one(self, datagrams);
	if (!scratch_for(self, count))
		return -ENOMEM;
	lay_out(self->scratch, datagrams, count);
	if (!self->is_connected)
		ask_for_senders(self->scratch, count);
	if (self->has_nsid)
		ask_for_nsids(self->scratch, count);
	/* Never its own timeout: it is looked at only after a datagram came. */
	received = recvmmsg(self->fd, self->scratch->messages, count, MSG_DONTWAIT, NULL);
	if (received < 0)
		return -errno;
	for (int i = 0; i < received; i++)
		take_in(self, (unsigned int)i, &datagrams[i]);
	return received;
}

int socket_wait(struct socket *self, int wake_fd, int32_t timeout)
{
	struct pollfd fds[2] = {
		{ .fd = self->fd, .events = POLLIN },
		{ .fd = wake_fd, .events = POLLIN },
	};
	int ready = poll(fds, wake_fd >= 0 ? 2 : 1, timeout);

	if (ready < 0)
		return -errno;
	/* An error state is read like data: the next receive tells what it is. */
	return (fds[0].revents ? SOCKET_READABLE : 0) | (fds[1].revents ? SOCKET_WOKEN : 0);
}

int socket_make_wake(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

void socket_set_wake(int wake_fd)
{
	uint64_t one = 1;
	int before = errno; /* a signal handler must not change it */

	if (write(wake_fd, &one, sizeof(one)) < 0)
		errno = before;
}

void socket_clear_wake(int wake_fd)
{
	uint64_t count;

	if (read(wake_fd, &count, sizeof(count)) < 0)
		return; /* it was not set */
}

/* Asking about the socket. */

int socket_read_port_id(struct socket *self, uint32_t *ret_port_id)
{
	struct sockaddr_nl address = { 0 };
	socklen_t len = sizeof(address);

	if (getsockname(self->fd, (struct sockaddr *)&address, &len) < 0)
		return -errno;
	*ret_port_id = address.nl_pid;
	return 0;
}

static int read_meminfo(struct socket *self, unsigned int figure, uint32_t *ret_value)
{
	uint32_t figures[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(figures);

	if (getsockopt(self->fd, SOL_SOCKET, SO_MEMINFO, figures, &len) < 0)
		return -errno;
	if (len <= figure * sizeof(figures[0]))
		return -ENODATA;
	*ret_value = figures[figure];
	return 0;
}

int socket_read_drops(struct socket *self, uint32_t *ret_drops)
{
	return read_meminfo(self, SK_MEMINFO_DROPS, ret_drops);
}

int socket_read_waiting(struct socket *self, uint32_t *ret_bytes)
{
	return read_meminfo(self, SK_MEMINFO_RMEM_ALLOC, ret_bytes);
}

int socket_device_name(int fd, uint32_t index, char name[16])
{
	struct ifreq request = { .ifr_ifindex = (int)index };

	/* A netlink socket answers for the devices of its own namespace. */
	if (ioctl(fd, SIOCGIFNAME, &request) < 0)
		return -errno;
	memcpy(name, request.ifr_name, 16);
	name[15] = '\0';
	return 0;
}

struct read_call {
	char path[128];
	char *data;
	size_t size;
	int netns_fd;
};

static int read_file(void *argument)
{
	struct read_call *call = argument;
	int fd = open(call->path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t got;

	if (fd < 0)
		return -errno;
	while (len < call->size && (got = read(fd, call->data + len, call->size - len)) > 0)
		len += (size_t)got;
	close(fd);
	return (int)len;
}

int socket_read_proc(struct socket *self, const char *name, char *data, size_t size)
{
	struct read_call call = { .data = data, .size = size };
	int netns_fd = ioctl(self->fd, SIOCGSKNS);
	int r;

	/* proc shows the namespace of the thread that opens the file. */
	snprintf(call.path, sizeof(call.path), "%s%s", *name == '/' ? "" : "/proc/thread-self/net/", name);
	if (netns_fd < 0)
		return read_file(&call);
	r = is_here(netns_fd) ? read_file(&call) : in_netns(netns_fd, read_file, &call);
	close(netns_fd);
	return r;
}

uint64_t socket_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
