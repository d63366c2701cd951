/* SPDX-License-Identifier: MIT */
/*
 * The transport without sockets; see fake_socket.h. Wake descriptors are real ones,
 * since sessions close them themselves. What waits to be read is fake_inbox.c.
 */
#include "fake_inbox.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/netlink.h>

#include "options.h"

enum {
	SENDS_MAX = 1 << 16,
	RESULTS_MAX = 256,
	FD_FIRST = 100000, /* no real descriptor has such a number */
	NAMED_MAX = 16,
};

struct fake fake;

static struct fake_send sent[SENDS_MAX];
static size_t sent_count;

static int send_results[RESULTS_MAX];
static size_t send_results_first, send_results_count;
static int wait_results[RESULTS_MAX];
static size_t wait_results_first, wait_results_count;
static struct fake_expected expected[RESULTS_MAX];
static size_t expected_first, expected_count;

static struct {
	uint32_t index;
	char name[16];
} devices[NAMED_MAX];

static struct {
	char name[64];
	char *content;
} procs[NAMED_MAX];

/* Not libcheck's: the fuzz targets link this file, too. */
static void fail(const char *sentence)
{
	fprintf(stderr, "fake transport: %s\n", sentence);
	abort();
}

static void dump(const char *what, const uint8_t *data, size_t len)
{
	fprintf(stderr, "%s:", what);
	for (size_t i = 0; i < len; i++)
		fprintf(stderr, " %02x", data[i]);
	fprintf(stderr, "\n");
}

void fake_lock(void)
{
	pthread_mutex_lock(&fake.lock);
}

void fake_unlock(void)
{
	pthread_mutex_unlock(&fake.lock);
}

void fake_forget_sent(void)
{
	for (size_t i = 0; i < sent_count; i++)
		free(sent[i].data);
	sent_count = 0;
}

void fake_set_up(void)
{
	fake = (struct fake){ .now = 1000000000, .port_id = FAKE_PORT };
	pthread_mutex_init(&fake.lock, NULL);
	pthread_cond_init(&fake.changed, NULL);
	sent_count = 0;
	inbox_forget();
	send_results_first = send_results_count = wait_results_first = wait_results_count = 0;
	expected_first = expected_count = 0;
	memset(devices, 0, sizeof(devices));
}

void fake_tear_down(void)
{
	struct fake_datagram datagram;

	fake_forget_sent();
	free(fake.program);
	fake.program = NULL;
	while (fake_take(&datagram))
		free(datagram.data);
	for (size_t i = expected_first; i < expected_count; i++)
		free(expected[i].data);
	for (size_t i = 0; i < NAMED_MAX; i++) {
		free(procs[i].content);
		memset(&procs[i], 0, sizeof(procs[i]));
	}
	pthread_mutex_destroy(&fake.lock);
	pthread_cond_destroy(&fake.changed);
}

/* Scripts. */

size_t fake_sent_count(void)
{
	return sent_count;
}

const struct fake_send *fake_sent(size_t number)
{
	if (number >= sent_count)
		fail("there were not so many sends");
	return &sent[number];
}

const struct fake_send *fake_last_sent(void)
{
	if (sent_count == 0)
		fail("nothing was sent");
	return &sent[sent_count - 1];
}

void fake_send_result(int result)
{
	if (send_results_count == RESULTS_MAX)
		abort();
	send_results[send_results_count++] = result;
}

void fake_forget_results(void)
{
	send_results_first = send_results_count = 0;
}

void fake_wait_result(int result)
{
	if (wait_results_count == RESULTS_MAX)
		abort();
	wait_results[wait_results_count++] = result;
}

void fake_expect_send(const void *data, size_t data_len, int result)
{
	if (expected_count == RESULTS_MAX)
		abort();
	expected[expected_count++] = (struct fake_expected){
		.data = data ? fake_copy(data, data_len) : NULL, .len = data_len, .result = result
	};
}

bool fake_is_done(void)
{
	return expected_first == expected_count;
}

void fake_set_device(uint32_t index, const char *name)
{
	for (size_t i = 0; i < NAMED_MAX; i++) {
		if (devices[i].index != 0 && devices[i].index != index)
			continue;
		devices[i].index = index;
		snprintf(devices[i].name, sizeof(devices[i].name), "%s", name);
		return;
	}
	abort();
}

void fake_set_proc(const char *name, const char *content)
{
	for (size_t i = 0; i < NAMED_MAX; i++) {
		if (procs[i].name[0] && strcmp(procs[i].name, name) != 0)
			continue;
		snprintf(procs[i].name, sizeof(procs[i].name), "%s", name);
		free(procs[i].content);
		procs[i].content = content ? (char *)fake_copy(content, strlen(content) + 1) : NULL;
		return;
	}
	abort();
}

void fake_advance(uint32_t milliseconds)
{
	fake.now += milliseconds * UINT64_C(1000000);
}

/* What src/socket.h promises. */

int socket_place_from(const struct nfbind_options *options, struct socket_place *ret_place)
{
	struct socket_place place = {
		.netns_pid = (uint32_t)options_number(options, NFBIND_OPTIONS_NETNS_PID, 0),
		.netns_fd = (int)options_number(options, NFBIND_OPTIONS_NETNS_FD, UINT32_MAX),
		.socket_fd = (int)options_number(options, NFBIND_OPTIONS_SOCKET_FD, UINT32_MAX),
	};

	if (options && nfbind_options_has(options, NFBIND_OPTIONS_NETNS_PATH) > 0)
		place.netns_path = (const char *)options->netns_path.bytes;
	*ret_place = place;
	return 0;
}

int socket_open(struct socket *socket, const struct socket_place *place, uint32_t receive_buffer)
{
	static unsigned int number;

	*socket = (struct socket){ .fd = -1 };
	fake.place = *place;
	fake.asked_receive_buffer = receive_buffer;
	if (fake.open_error)
		return fake.open_error;
	/* An adopted socket is the same to the kernel, whatever the number of its copy. */
	socket->fd = place->socket_fd >= 0 ? place->socket_fd : FD_FIRST + (int)(number++ % 1000);
	socket->receive_buffer = receive_buffer * 2;
	socket->is_connected = fake.is_connected;
	return 0;
}

int socket_open_for_requests(struct socket *socket, const struct socket_place *place,
			     uint32_t receive_buffer)
{
	return socket_open(socket, place, receive_buffer);
}

/* It outlives the session's; what comes is not filtered here. */
int socket_attach_program(struct socket *socket, const struct sock_filter *code, unsigned int count)
{
	(void)socket;
	if (fake.program_result < 0)
		return fake.program_result;
	free(fake.program);
	fake.program = count == 0 ? NULL : (struct sock_filter *)fake_copy(code, count * sizeof(*code));
	fake.program_count = count;
	return 0;
}

int socket_open_for_events(struct socket *socket, const struct socket_place *place,
			   uint32_t receive_buffer, const struct socket_listening *listening)
{
	int r = socket_open(socket, place, receive_buffer);

	fake.listening = *listening;
	fake.events_fd = socket->fd;
	if (r == 0 && listening->program_count > 0)
		r = socket_attach_program(socket, listening->program, listening->program_count);
	if (r < 0)
		socket_close(socket);
	return r;
}

int socket_open_beside(struct socket *socket, const struct socket *other)
{
	struct socket_place place = { .netns_fd = -1, .socket_fd = -1 };

	return socket_open(socket, &place, other->receive_buffer / 2);
}

uint32_t socket_prepare_sending(struct socket *socket, uint32_t send_buffer)
{
	fake.asked_send_buffer = send_buffer;
	return fake.send_buffer ? fake.send_buffer : send_buffer;
}

void socket_close(struct socket *socket)
{
	*socket = (struct socket){ .fd = -1 };
}

int socket_open_raw(const struct socket_place *place, int family, int protocol, int *ret_fd)
{
	(void)place;
	(void)family;
	(void)protocol;
	(void)ret_fd;
	return -EPERM;
}

/* Hand over whole messages, at most `limit` bytes of them: the bytes handed over. */
static size_t hand_over(int fd, const uint8_t *data, size_t len, size_t limit)
{
	size_t offset = 0;

	while (offset + sizeof(struct nlmsghdr) <= len) {
		const struct nlmsghdr *header = (const struct nlmsghdr *)(data + offset);
		size_t next = offset + NLMSG_ALIGN(header->nlmsg_len);

		if (header->nlmsg_len < sizeof(*header) || header->nlmsg_len > len - offset ||
		    next > limit)
			break;
		if (fake.on_message)
			fake.on_message(fd, data + offset, header->nlmsg_len);
		offset = next;
	}
	return offset;
}

static int scripted_result(const void *data, size_t len)
{
	if (expected_first < expected_count) {
		struct fake_expected *next = &expected[expected_first++];

		if (next->data && (len != next->len || memcmp(data, next->data, len) != 0)) {
			dump("expected to send", next->data, next->len);
			dump("but sent", data, len);
			fail("a send was not as expected");
		}
		free(next->data);
		next->data = NULL;
		return next->result;
	}
	if (send_results_first < send_results_count)
		return send_results[send_results_first++];
	return FAKE_TAKE_ALL;
}

static void remember(int fd, const void *data, size_t len, int result)
{
	if (sent_count == SENDS_MAX)
		fake_forget_sent();
	sent[sent_count++] = (struct fake_send){ fake_copy(data, len), len, fd, result };
}

int socket_send(struct socket *socket, const void *data, size_t data_len)
{
	int result;

	fake_lock();
	fake.is_allocating = true;
	fake.sends++;
	result = scripted_result(data, data_len);
	if (result == FAKE_TAKE_ALL && fake.send_max && data_len > fake.send_max)
		result = -EMSGSIZE;
	if (result == FAKE_TAKE_ALL) {
		(void)hand_over(socket->fd, data, data_len, data_len + 3);
		result = (int)data_len;
	} else if (result > 0) {
		result = (size_t)result < data_len ? result : (int)data_len;
		(void)hand_over(socket->fd, data, data_len, (size_t)result);
	}
	remember(socket->fd, data, data_len, result);
	fake.is_allocating = false;
	pthread_cond_broadcast(&fake.changed);
	fake_unlock();
	return result;
}

static void fill(struct datagram *datagram, const struct fake_datagram *from)
{
	datagram->is_cut = from->len > datagram->size;
	datagram->len = datagram->is_cut ? datagram->size : from->len;
	datagram->sender = from->sender;
	datagram->nsid = from->nsid;
	if (datagram->head && datagram->len <= datagram->head_size)
		datagram->data = datagram->head;
	if (datagram->len > 0)
		memcpy(datagram->data, from->data, datagram->len);
}

static int receive(int fd, struct datagram *datagrams, unsigned int count)
{
	const struct fake_datagram *first;
	struct fake_datagram next;
	unsigned int received = 0;

	while (received < count && (first = inbox_find(fd))) {
		if (first->error != 0 && received > 0)
			break;
		next = inbox_take(fd);
		if (next.error != 0)
			return next.error;
		fill(&datagrams[received++], &next);
		free(next.data);
	}
	return received > 0 ? (int)received : -EAGAIN;
}

int socket_receive(struct socket *socket, struct datagram *datagrams, unsigned int count)
{
	int r;

	if (fake.on_receive)
		fake.on_receive(socket->fd);
	fake_lock();
	fake.receives++;
	r = receive(socket->fd, datagrams, count);
	fake_unlock();
	return r;
}

static bool is_woken(int wake_fd)
{
	struct pollfd poll_fd = { .fd = wake_fd, .events = POLLIN };

	return wake_fd >= 0 && poll(&poll_fd, 1, 0) > 0 && poll_fd.revents & POLLIN;
}

static int events_now(int fd, int wake_fd)
{
	return (inbox_find(fd) ? SOCKET_READABLE : 0) |
	       (is_woken(wake_fd) ? SOCKET_WOKEN : 0);
}

/* Real time, for threads: the fake clock does not count there. */
static int sleep_until_event(int fd, int wake_fd, int32_t timeout)
{
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += timeout < 0 ? 60 : timeout / 1000;
	until.tv_nsec += timeout < 0 ? 0 : timeout % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	while (r == 0 && events_now(fd, wake_fd) == 0)
		r = pthread_cond_timedwait(&fake.changed, &fake.lock, &until);
	if (r != 0 && timeout < 0) {
		fprintf(stderr, "a thread sleeps for ever\n");
		abort();
	}
	fake.now += 1000000;
	return events_now(fd, wake_fd);
}

static int wait_for(int fd, int wake_fd, int32_t timeout)
{
	int r;

	if (wait_results_first < wait_results_count)
		return wait_results[wait_results_first++];
	r = events_now(fd, wake_fd);
	if (r != 0 || timeout == 0)
		return r;
	if (fake.is_threaded)
		return sleep_until_event(fd, wake_fd, timeout);
	if (timeout < 0) {
		/* Nobody would ever come: a real session would hang here. */
		fake.has_slept = true;
		return -EDEADLK;
	}
	fake_advance((uint32_t)timeout);
	return 0;
}

int socket_wait(struct socket *socket, int wake_fd, int32_t timeout)
{
	int r;

	if (fake.on_wait)
		fake.on_wait(timeout);
	fake_lock();
	fake.waits++;
	fake.last_timeout = timeout;
	r = wait_for(socket->fd, wake_fd, timeout);
	fake_unlock();
	return r;
}

int socket_make_wake(void)
{
	if (fake.on_make_wake)
		fake.on_make_wake();
	return fake.wake_error ? fake.wake_error : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void socket_set_wake(int wake_fd)
{
	uint64_t one = 1;

	if (write(wake_fd, &one, sizeof(one)) < 0)
		return;
	fake_lock();
	pthread_cond_broadcast(&fake.changed);
	fake_unlock();
}

void socket_clear_wake(int wake_fd)
{
	uint64_t count;

	if (read(wake_fd, &count, sizeof(count)) < 0)
		return;
}

int socket_read_port_id(struct socket *socket, uint32_t *ret_port_id)
{
	*ret_port_id = FAKE_PORT;
	return 0;
}

int socket_read_drops(struct socket *socket, uint32_t *ret_drops)
{
	int r;

	(void)socket;
	fake_lock();
	fake.drops_reads++;
	r = fake.drops_error;
	if (r == 0)
		*ret_drops = fake.drops;
	fake_unlock();
	return r;
}

int socket_read_waiting(struct socket *socket, uint32_t *ret_bytes)
{
	(void)socket;
	fake_lock();
	fake.waiting_reads++;
	*ret_bytes = inbox_memory();
	fake_unlock();
	return 0;
}

int socket_device_name(int fd, uint32_t index, char name[16])
{
	(void)fd;
	for (size_t i = 0; i < NAMED_MAX; i++) {
		if (devices[i].index != index)
			continue;
		memcpy(name, devices[i].name, 16);
		return 0;
	}
	return -ENODEV;
}

int socket_read_proc(struct socket *socket, const char *name, char *data, size_t size)
{
	(void)socket;
	for (size_t i = 0; i < NAMED_MAX; i++) {
		size_t len;

		if (strcmp(procs[i].name, name) != 0 || !procs[i].content)
			continue;
		len = strlen(procs[i].content);
		memcpy(data, procs[i].content, len < size ? len : size);
		return (int)(len < size ? len : size);
	}
	return -EACCES;
}

uint64_t socket_now(void)
{
	uint64_t now;

	/* Tests without threads may look at the clock while they hold the lock. */
	if (!fake.is_threaded)
		return fake.now;
	fake_lock();
	now = fake.now;
	fake_unlock();
	return now;
}
