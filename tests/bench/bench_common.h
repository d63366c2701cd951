/*
 * SPDX-License-Identifier: MIT
 *
 * What every queue consumer of the benchmark shares, so that they differ in
 * the library under test and in nothing else: the same options, the same
 * clock, the same socket tuning, the same bytes read of every packet.
 *
 * A consumer is three functions (open, drain, close) in a table of modes.
 * The driver speaks to it in lines:
 *     consumer: {"ready": ...}      bound, nothing received yet
 *     driver:   go N | run | stop   drain exactly N per queue | until "stop"
 *     consumer: {"packets": ...}    one line per "go" or "stop"
 */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_BATCH 64
#define BENCH_UNTIL_STOPPED UINT64_MAX

/* A zero buffer or length means: whatever the library does by itself. */
struct bench_options {
	unsigned int queue;
	unsigned int threads;
	unsigned int cpu;
	unsigned int receive_buffer;
	unsigned int max_length;
	unsigned int gso;
	unsigned int lifecycle;
};

/* One thread with one queue; `session` belongs to the consumer. */
struct bench_worker {
	const struct bench_options *options;
	const struct bench_mode *mode;
	void *session;
	int fd;
	uint16_t queue;

	uint64_t wanted;
	uint64_t packets;
	uint64_t fields;
	uint64_t bytes;
	uint64_t errors;
	uint64_t overruns;
	unsigned int idle;
	int result;

	uint64_t start_ns;
	uint64_t end_ns;
	uint64_t cpu_ns;
	uint64_t syscalls;
};

/* open and drain return 0 or a negative errno. */
struct bench_mode {
	const char *name;
	int (*open)(struct bench_worker *worker);
	int (*drain)(struct bench_worker *worker);
	void (*close)(struct bench_worker *worker);
};

/* The list ends with a mode without a name. */
int bench_main(int argc, char **argv, const struct bench_mode *modes);

bool bench_stopped(void);

/* What to do with the errno of a failed receive: 0 to go on. */
int bench_receive_failed(struct bench_worker *worker, int error);

/*
 * Change the first bytes of a UDP payload and repair its checksum
 * incrementally. Anything but UDP over IPv4 stays as it is.
 */
void bench_rewrite(uint8_t *packet, uint32_t packet_len);

/* System calls on sockets made by the calling thread (bench_syscalls.c). */
extern _Thread_local uint64_t bench_syscalls;

static inline bool bench_done(const struct bench_worker *worker)
{
	return worker->packets >= worker->wanted || bench_stopped();
}

/* Read what an ordinary filter reads; every consumer calls this once a packet. */
static inline void bench_touch(struct bench_worker *worker, uint32_t id,
			       uint16_t hw_protocol, uint8_t hook, uint32_t mark,
			       const uint8_t *payload, uint32_t payload_len)
{
	uint32_t len = payload_len < 64 ? payload_len : 64;

	worker->fields += (uint64_t)id + hw_protocol + hook + mark;
	for (uint32_t i = 0; i < len; i++)
		worker->bytes += payload[i];
	worker->packets++;
}

#endif
