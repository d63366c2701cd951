/*
 * SPDX-License-Identifier: MIT
 *
 * nfbind, written as its users would write it; the loop is the same in all modes:
 *   coalesced   the defaults
 *   individual  one verdict message per packet (coalescing off)
 *   rewrite     the first bytes of the UDP payload are replaced
 *   single      one call per packet: every verdict leaves at once
 *   one         the same, and one packet per receive: no batch anywhere
 *   exported    plain structs out, plain structs in, as the bindings do it
 * In a tuned run (a receive buffer is given) GSO is off, as with the peers, so
 * that all get the same bytes; without one every setting is the library's own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>

#include <nfbind/nfbind.h>

#include "bench_common.h"

#define WAIT_MS 200
#define CHANGED_LEN 16

struct setting {
	uint32_t batch;
	uint32_t coalesce;
};

/* The arrays are of the exported mode only. */
struct own {
	struct nfbind_queue *queue;
	struct nfbind_packet_summary summaries[BENCH_BATCH];
	struct nfbind_decision decisions[BENCH_BATCH];
};

/* --- open and close ------------------------------------------------------ */

static int set_tuned(struct nfbind_options *options, const struct bench_options *tuned)
{
	int r = nfbind_options_set_number(options, NFBIND_OPTIONS_GSO, tuned->gso);

	if (r == 0 && tuned->max_length)
		r = nfbind_options_set_number(options, NFBIND_OPTIONS_MAXLEN, tuned->max_length);
	return r;
}

static int set_setting(struct nfbind_options *options, const struct setting *setting)
{
	int r = nfbind_options_set_number(options, NFBIND_OPTIONS_BATCH, setting->batch);

	if (r == 0)
		r = nfbind_options_set_number(options, NFBIND_OPTIONS_COALESCE,
					      setting->coalesce);
	return r;
}

/* No options at all where nothing is to be set: that is what has to be measured. */
static int make_options(const struct bench_worker *worker, const struct setting *setting,
			struct nfbind_options **ret_options)
{
	struct nfbind_options *options;
	int r;

	*ret_options = NULL;
	if (!setting && !worker->options->receive_buffer)
		return 0;
	r = nfbind_options_new(&options);
	if (r < 0)
		return r;
	if (setting)
		r = set_setting(options, setting);
	if (r == 0 && worker->options->receive_buffer)
		r = set_tuned(options, worker->options);
	if (r < 0)
		nfbind_options_free(options);
	else
		*ret_options = options;
	return r;
}

static void close_own(struct bench_worker *worker)
{
	struct own *own = worker->session;

	nfbind_queue_free(own->queue);
	free(own);
}

static int open_queue(struct bench_worker *worker, const struct nfbind_options *options)
{
	struct own *own = worker->session;
	int r = nfbind_queue_new(&own->queue);

	if (r == 0)
		r = nfbind_queue_open(own->queue, options);
	if (r == 0)
		r = nfbind_queue_bind(own->queue, worker->queue, options);
	if (r == 0)
		worker->fd = r = nfbind_queue_get_fd(own->queue);
	return r < 0 ? r : 0;
}

static int open_with(struct bench_worker *worker, const struct setting *setting)
{
	struct own *own = malloc(sizeof(*own));
	struct nfbind_options *options;
	int r;

	if (!own)
		return -ENOMEM;
	own->queue = NULL;
	worker->session = own;
	r = make_options(worker, setting, &options);
	if (r == 0)
		r = open_queue(worker, options);
	nfbind_options_free(options);
	if (r < 0)
		close_own(worker);
	return r;
}

static int open_default(struct bench_worker *worker)
{
	return open_with(worker, NULL);
}

static int open_individual(struct bench_worker *worker)
{
	static const struct setting setting = { .batch = BENCH_BATCH, .coalesce = 0 };

	return open_with(worker, &setting);
}

static int open_one(struct bench_worker *worker)
{
	static const struct setting setting = { .batch = 1, .coalesce = 0 };

	return open_with(worker, &setting);
}

/* --- one packet ---------------------------------------------------------- */

/* An absent field reads as 0 here: only the mark may be absent. */
static uint64_t number_of(const struct nfbind_packet *packet, uint32_t field)
{
	uint64_t value = 0;

	nfbind_packet_get_number(packet, field, &value);
	return value;
}

static void see(struct bench_worker *worker, const struct nfbind_packet *packet)
{
	const void *payload;
	size_t payload_len;

	if (nfbind_packet_get_bytes(packet, NFBIND_PACKET_PAYLOAD, &payload, &payload_len) < 0) {
		worker->errors++;
		return;
	}
	bench_touch(worker, (uint32_t)number_of(packet, NFBIND_PACKET_ID),
		    (uint16_t)number_of(packet, NFBIND_PACKET_HW_PROTOCOL),
		    (uint8_t)number_of(packet, NFBIND_PACKET_HOOK),
		    (uint32_t)number_of(packet, NFBIND_PACKET_MARK), payload,
		    (uint32_t)payload_len);
}

typedef int decide_fn(struct nfbind_queue *queue, struct nfbind_packet *packet);

static int accept_packet(struct nfbind_queue *queue, struct nfbind_packet *packet)
{
	return nfbind_queue_verdict(queue, packet, NFBIND_VERDICT_ACCEPT);
}

static int accept_now(struct nfbind_queue *queue, struct nfbind_packet *packet)
{
	return nfbind_queue_verdict(queue, packet, NFBIND_VERDICT_ACCEPT | NFBIND_VERDICT_NOW);
}

/* The same change as bench_rewrite(); the library repairs the checksum. */
static int change_packet(struct nfbind_queue *queue, struct nfbind_packet *packet)
{
	uint8_t changed[CHANGED_LEN];
	const void *data;
	size_t len;
	int r;

	r = nfbind_packet_get_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, &data, &len);
	if (r < 0 || len < CHANGED_LEN)
		return r < 0 ? r : -EMSGSIZE;
	for (int i = 0; i < CHANGED_LEN; i++)
		changed[i] = ((const uint8_t *)data)[i] ^ 0x20;
	r = nfbind_packet_splice(packet, 0, CHANGED_LEN, changed, CHANGED_LEN);
	return r < 0 ? r : accept_packet(queue, packet);
}

/* --- loops --------------------------------------------------------------- */

static int decide_batch(struct bench_worker *worker, struct nfbind_batch *batch,
			uint32_t count, decide_fn *decide)
{
	struct own *own = worker->session;
	int r = 0;

	for (uint32_t i = 0; i < count && r == 0; i++) {
		struct nfbind_packet *packet = nfbind_batch_packet(batch, i);

		see(worker, packet);
		r = decide(own->queue, packet);
	}
	return r;
}

static int drain_with(struct bench_worker *worker, decide_fn *decide)
{
	struct own *own = worker->session;
	struct nfbind_batch *batch;
	int r = 0;

	while (r >= 0 && !bench_done(worker)) {
		r = nfbind_queue_receive(own->queue, WAIT_MS, &batch);
		if (r < 0)
			r = bench_receive_failed(worker, -r);
		else
			r = decide_batch(worker, batch, (uint32_t)r, decide);
	}
	return r < 0 ? r : nfbind_queue_settle(own->queue);
}

static int drain_accept(struct bench_worker *worker)
{
	return drain_with(worker, accept_packet);
}

static int drain_rewrite(struct bench_worker *worker)
{
	return drain_with(worker, change_packet);
}

static int drain_single(struct bench_worker *worker)
{
	return drain_with(worker, accept_now);
}

static struct nfbind_decision decide_summary(struct bench_worker *worker,
					     const struct nfbind_packet_summary *summary,
					     const uint8_t *data)
{
	bench_touch(worker, summary->id, summary->hw_protocol, summary->hook, summary->mark,
		    data + summary->payload_offset, summary->payload_len);
	return (struct nfbind_decision){
		.queue = summary->queue,
		.id = summary->id,
		.index = summary->index,
		.verdict = NFBIND_VERDICT_ACCEPT,
	};
}

static int decide_exported(struct bench_worker *worker, struct nfbind_batch *batch)
{
	struct own *own = worker->session;
	const void *data;
	size_t data_len;
	int count = nfbind_batch_export(batch, own->summaries, BENCH_BATCH,
					sizeof(*own->summaries));
	int r = count < 0 ? count : nfbind_batch_get_data(batch, &data, &data_len);

	if (r < 0)
		return r;
	for (int i = 0; i < count; i++)
		own->decisions[i] = decide_summary(worker, &own->summaries[i], data);
	return nfbind_queue_verdict_many(own->queue, own->decisions, (size_t)count,
					 sizeof(*own->decisions), NULL, 0);
}

static int drain_exported(struct bench_worker *worker)
{
	struct own *own = worker->session;
	struct nfbind_batch *batch;
	int r = 0;

	while (r >= 0 && !bench_done(worker)) {
		r = nfbind_queue_receive(own->queue, WAIT_MS, &batch);
		if (r < 0)
			r = bench_receive_failed(worker, -r);
		else
			r = decide_exported(worker, batch);
	}
	return r < 0 ? r : nfbind_queue_settle(own->queue);
}

static const struct bench_mode modes[] = {
	{ "coalesced", open_default, drain_accept, close_own },
	{ "individual", open_individual, drain_accept, close_own },
	{ "rewrite", open_default, drain_rewrite, close_own },
	{ "single", open_default, drain_single, close_own },
	{ "one", open_one, drain_single, close_own },
	{ "exported", open_default, drain_exported, close_own },
	{ NULL, NULL, NULL, NULL },
};

int main(int argc, char **argv)
{
	return bench_main(argc, argv, modes);
}
