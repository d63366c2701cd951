/* SPDX-License-Identifier: MIT */
/*
 * An open queue session over the fake kernel, for the tests of sessions.
 */
#ifndef SESSION_H
#define SESSION_H

#include <nfbind/nfbind.h>

#include "fake_kernel.h"
#include "unit.h"

/* The session of the test, and the batch that it received last. */
extern struct nfbind_queue *session;
extern struct nfbind_batch *batch;

void session_set_up(void);
void session_tear_down(void);

/* Another session instead, opened with these options, or NULL. */
void session_reopen(const struct nfbind_options *options);

#define OPTIONS_END UINT32_MAX

/* Options of (field, number) pairs that end with OPTIONS_END; freed after the test. */
struct nfbind_options *options_of(uint32_t field, ...);

/* Bind, with these options or NULL, and forget what that sent. */
void session_bind(uint16_t number, const struct nfbind_options *options);

/* Receive without waiting; the batch must have so many packets. */
void session_receive(uint32_t count);
void session_receive_nothing(void);
/* Enqueue so many packets and receive them in one batch. */
void session_get(uint16_t queue, uint32_t count);
struct nfbind_packet *session_packet(uint32_t index);
struct nfbind_packet *session_keep(uint32_t index);

void session_decide(uint32_t index, uint32_t verdict);
void session_settle(void);

/* The sentence of one side. */
const char *session_message(enum nfbind_side side);
struct nfbind_queue_stats session_stats(uint16_t queue);

/* Take a notice and check it; -1 as an error is not looked at. */
void session_notice(uint32_t kind, uint32_t queue, uint32_t id, int32_t error, uint64_t count);
void session_no_notice(void);

/* The last verdict message of the kernel's log, checked. */
void verdict_is(size_t number, bool is_batch, uint16_t queue, uint32_t id, uint32_t verdict);

#endif
