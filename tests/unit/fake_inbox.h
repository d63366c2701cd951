/* SPDX-License-Identifier: MIT */
/*
 * Datagrams that wait to be read, of all sockets of the fake transport. Tests put them in
 * with fake_deliver() and its like.
 */
#ifndef FAKE_INBOX_H
#define FAKE_INBOX_H

#include "fake_socket.h"

/* Bytes of their own; a test without memory ends. */
uint8_t *fake_copy(const void *data, size_t len);

/* Without freeing what waits: before a test there is nothing. */
void inbox_forget(void);

/* The first one that this socket may read, or NULL; and take it, where there is one. */
const struct fake_datagram *inbox_find(int fd);
struct fake_datagram inbox_take(int fd);

/* What all of them take, as the kernel counts it, or where no test says that, their bytes. */
uint32_t inbox_memory(void);

#endif
