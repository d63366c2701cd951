/* SPDX-License-Identifier: MIT */
/*
 * The datagrams that wait; see fake_inbox.h.
 */
#include "fake_inbox.h"

#include <stdlib.h>
#include <string.h>

enum { INBOX_MAX = 1 << 14 };

/* A ring: deliver_first() puts something before what is there. */
static struct fake_datagram inbox[INBOX_MAX];
static size_t inbox_first, inbox_count;

uint8_t *fake_copy(const void *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	if (!copy)
		abort();
	if (len > 0)
		memcpy(copy, data, len);
	return copy;
}

void inbox_forget(void)
{
	inbox_first = inbox_count = 0;
}

static void put_in(struct fake_datagram datagram, bool is_first)
{
	if (inbox_count == INBOX_MAX)
		abort();
	if (is_first) {
		inbox_first = (inbox_first + INBOX_MAX - 1) % INBOX_MAX;
		inbox[inbox_first] = datagram;
	} else {
		inbox[(inbox_first + inbox_count) % INBOX_MAX] = datagram;
	}
	inbox_count++;
	pthread_cond_broadcast(&fake.changed);
}

void fake_deliver(const void *data, size_t data_len, uint32_t sender)
{
	put_in((struct fake_datagram){ .data = fake_copy(data, data_len), .len = data_len,
				       .sender = sender, .nsid = -1 }, false);
}

void fake_deliver_first(const void *data, size_t data_len, uint32_t sender)
{
	put_in((struct fake_datagram){ .data = fake_copy(data, data_len), .len = data_len,
				       .sender = sender, .nsid = -1 }, true);
}

void fake_deliver_to(int fd, const void *data, size_t data_len)
{
	put_in((struct fake_datagram){ .data = fake_copy(data, data_len), .len = data_len,
				       .fd = fd, .nsid = -1 }, false);
}

void fake_deliver_nsid(const void *data, size_t data_len, int32_t nsid)
{
	put_in((struct fake_datagram){ .data = fake_copy(data, data_len), .len = data_len,
				       .nsid = nsid }, false);
}

void fake_deliver_error_to(int fd, int error)
{
	put_in((struct fake_datagram){ .error = error, .fd = fd }, false);
}

void fake_deliver_error(int error)
{
	put_in((struct fake_datagram){ .error = error }, false);
}

size_t fake_waiting(void)
{
	return inbox_count;
}

size_t fake_waiting_for(int fd)
{
	size_t count = 0;

	for (size_t i = 0; i < inbox_count; i++)
		count += inbox[(inbox_first + i) % INBOX_MAX].fd == fd;
	return count;
}

bool fake_take(struct fake_datagram *ret_datagram)
{
	if (inbox_count == 0)
		return false;
	*ret_datagram = inbox[inbox_first];
	inbox_first = (inbox_first + 1) % INBOX_MAX;
	inbox_count--;
	return true;
}

/* The place of the first datagram that this socket may read; inbox_count for none. */
static size_t find_for(int fd)
{
	for (size_t i = 0; i < inbox_count; i++) {
		int to = inbox[(inbox_first + i) % INBOX_MAX].fd;

		if (to == 0 || to == fd)
			return i;
	}
	return inbox_count;
}

static struct fake_datagram take_at(size_t place)
{
	struct fake_datagram taken = inbox[(inbox_first + place) % INBOX_MAX];

	for (; place > 0; place--)
		inbox[(inbox_first + place) % INBOX_MAX] =
			inbox[(inbox_first + place - 1) % INBOX_MAX];
	inbox_first = (inbox_first + 1) % INBOX_MAX;
	inbox_count--;
	return taken;
}

const struct fake_datagram *inbox_find(int fd)
{
	size_t place = find_for(fd);

	return place < inbox_count ? &inbox[(inbox_first + place) % INBOX_MAX] : NULL;
}

struct fake_datagram inbox_take(int fd)
{
	return take_at(find_for(fd));
}

void fake_move_first(void)
{
	put_in(take_at(inbox_count - 1), true);
}

uint32_t inbox_memory(void)
{
	uint32_t memory = 0;

	for (size_t i = 0; i < inbox_count; i++)
		memory += fake.datagram_memory ? fake.datagram_memory :
						 (uint32_t)inbox[(inbox_first + i) % INBOX_MAX].len;
	return memory;
}
