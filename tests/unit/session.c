/* SPDX-License-Identifier: MIT */
/*
 * The session that tests of sessions share; see session.h.
 */
#include "session.h"

#include <stdarg.h>

struct nfbind_queue *session;
struct nfbind_batch *batch;

enum { OPTIONS_MAX = 512 };
static struct nfbind_options *made[OPTIONS_MAX];
static size_t made_count;

void session_set_up(void)
{
	kernel_set_up();
	batch = NULL;
	ck_assert_int_eq(nfbind_queue_new(&session), 0);
	ck_assert_int_eq(nfbind_queue_open(session, NULL), 0);
}

void session_reopen(const struct nfbind_options *options)
{
	nfbind_queue_free(session);
	ck_assert_int_eq(nfbind_queue_new(&session), 0);
	ck_assert_int_eq(nfbind_queue_open(session, options), 0);
}

void session_tear_down(void)
{
	nfbind_queue_free(session);
	session = NULL;
	for (size_t i = 0; i < made_count; i++)
		nfbind_options_free(made[i]);
	made_count = 0;
	kernel_tear_down();
}

struct nfbind_options *options_of(uint32_t field, ...)
{
	struct nfbind_options *options;
	va_list arguments;

	ck_assert_uint_lt(made_count, OPTIONS_MAX);
	ck_assert_int_eq(nfbind_options_new(&options), 0);
	made[made_count++] = options;
	va_start(arguments, field);
	while (field != OPTIONS_END) {
		uint32_t value = va_arg(arguments, uint32_t);

		ck_assert_int_eq(nfbind_options_set_number(options, field, value), 0);
		field = va_arg(arguments, uint32_t);
	}
	va_end(arguments);
	return options;
}

void session_bind(uint16_t number, const struct nfbind_options *options)
{
	int r = nfbind_queue_bind(session, number, options);

	ck_assert_msg(r == 0, "bind: %s", session_message(NFBIND_SIDE_RECEIVE));
	fake_forget_sent();
	fake.sends = fake.receives = fake.waits = 0;
}

void session_receive(uint32_t count)
{
	int r;

	batch = NULL;
	r = nfbind_queue_receive(session, 0, &batch);
	ck_assert_int_eq(r, (int)count);
	ck_assert_uint_eq(nfbind_batch_count(batch), count);
}

void session_receive_nothing(void)
{
	batch = NULL;
	ck_assert_int_eq(nfbind_queue_receive(session, 0, &batch), -EAGAIN);
	ck_assert_ptr_null(batch);
}

void session_get(uint16_t queue, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		kernel_packet(queue);
	session_receive(count);
}

struct nfbind_packet *session_packet(uint32_t index)
{
	struct nfbind_packet *packet = nfbind_batch_packet(batch, index);

	ck_assert_ptr_nonnull(packet);
	return packet;
}

struct nfbind_packet *session_keep(uint32_t index)
{
	struct nfbind_packet *kept = NULL;

	ck_assert_int_eq(nfbind_packet_keep(session_packet(index), &kept), 0);
	return kept;
}

void session_decide(uint32_t index, uint32_t verdict)
{
	ck_assert_int_eq(nfbind_queue_verdict(session, session_packet(index), verdict), 0);
}

void session_settle(void)
{
	ck_assert_int_eq(nfbind_queue_settle(session), 0);
}

const char *session_message(enum nfbind_side side)
{
	static char text[600];

	ck_assert_int_ge(nfbind_queue_last_message(session, side, text, sizeof(text)), 0);
	return text;
}

struct nfbind_queue_stats session_stats(uint16_t queue)
{
	struct nfbind_queue_stats stats;

	ck_assert_int_eq(nfbind_queue_read_stats(session, queue, &stats, sizeof(stats)), 0);
	return stats;
}

void session_notice(uint32_t kind, uint32_t queue, uint32_t id, int32_t error, uint64_t count)
{
	struct nfbind_notice notice;

	ck_assert_int_eq(nfbind_queue_take_notice(session, &notice, sizeof(notice)), 0);
	ck_assert_uint_eq(notice.kind, kind);
	ck_assert_uint_eq(notice.queue, queue);
	ck_assert_uint_eq(notice.id, id);
	ck_assert_int_eq(notice.error, error);
	ck_assert_uint_eq(notice.count, count);
}

void session_no_notice(void)
{
	struct nfbind_notice notice;

	ck_assert_int_eq(nfbind_queue_take_notice(session, &notice, sizeof(notice)), -EAGAIN);
}

void verdict_is(size_t number, bool is_batch, uint16_t queue, uint32_t id, uint32_t verdict)
{
	const struct kernel_verdict *found;

	ck_assert_uint_lt(number, kernel_verdicts_count());
	found = kernel_verdict_at(number);
	ck_assert_int_eq(found->is_batch, is_batch);
	ck_assert_uint_eq(found->queue, queue);
	ck_assert_uint_eq(found->id, id);
	ck_assert_uint_eq(found->verdict, verdict);
}
