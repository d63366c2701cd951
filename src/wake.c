/* SPDX-License-Identifier: MIT */
/*
 * Waking; see wake.h. The flag is the truth, and the descriptor only ends a sleep.
 */
#include "wake.h"

#include <unistd.h>

#include "socket.h"

void wake_start(struct wake *wake)
{
	atomic_init(&wake->fd, -1);
	atomic_init(&wake->is_set, false);
}

void wake_close(struct wake *wake)
{
	int fd = atomic_exchange(&wake->fd, -1);

	if (fd >= 0)
		close(fd);
}

void wake_stir(struct wake *wake)
{
	int fd = atomic_load(&wake->fd);

	if (fd >= 0)
		socket_set_wake(fd);
}

void wake_set(struct wake *wake)
{
	atomic_store(&wake->is_set, true);
	wake_stir(wake);
}

void wake_settle(struct wake *wake)
{
	int fd = atomic_load(&wake->fd);

	if (fd >= 0)
		socket_clear_wake(fd);
}

bool wake_take(struct wake *wake)
{
	if (!wake_is_set(wake))
		return false;
	/* First the descriptor: a wake in between must not lose its signal to us. */
	wake_settle(wake);
	return atomic_exchange(&wake->is_set, false);
}

int32_t wake_time_left(uint64_t until)
{
	uint64_t now = socket_now();
	uint64_t left = until > now ? (until - now + 999999) / 1000000 : 0;

	return left > INT32_MAX ? INT32_MAX : (int32_t)left;
}

int wake_need_fd(struct wake *wake)
{
	int fd = atomic_load(&wake->fd);

	if (fd >= 0)
		return fd;
	fd = socket_make_wake();
	if (fd >= 0)
		atomic_store(&wake->fd, fd);
	return fd;
}
