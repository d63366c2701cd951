/*
 * SPDX-License-Identifier: MIT
 *
 * What every program of the conntrack benchmark shares, so that they differ in the
 * library under test and in nothing else: the same connections, the same clock, the
 * same values read of every entry.
 *
 * A mode does one thing to the table, between two lines:
 *     program:  {"ready": true, ...}    everything is open, nothing was done
 *     driver:   go
 *     program:  {"ops": ..., "wall_ns": ...}
 */
#ifndef TABLE_COMMON_H
#define TABLE_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Requests in one send, the last of which asks for an acknowledgement. */
#define TABLE_BATCH 256
#define TABLE_ABSENT_MARK 0x7fffffffu

/* Connection number i; all numbers in host order. TCP over IPv4, established. */
struct flow {
	uint32_t src, dst;
	uint16_t port_src, port_dst;
	uint32_t mark, timeout;
};

#define FLOW_STATUS 0xeu /* seen-reply, assured, confirmed */
#define FLOW_TCP_ESTABLISHED 3

static inline struct flow flow_number(uint32_t i)
{
	return (struct flow){
		.src = 0x0a000001u + i,
		.dst = 0xc0a80001u,
		.port_src = (uint16_t)(1024 + i % 60000),
		.port_dst = 80,
		.mark = i % 7 + 1,
		.timeout = 36000,
	};
}

static inline uint32_t flow_changed_mark(uint32_t i)
{
	return i % 5 + 100;
}

/* What is read of an entry; the same from each library. */
struct seen {
	uint32_t src, dst, reply_src, reply_dst;
	uint16_t port_src, port_dst, reply_port_src, reply_port_dst;
	uint8_t l4proto, tcp_state;
	uint32_t status, mark, timeout;
	uint64_t packets, bytes, reply_packets, reply_bytes;
};

struct run {
	uint32_t count; /* of the connections, or of the events to come */
	unsigned int cpu;
	unsigned int receive_buffer;
	void *session;
	uint64_t ops;
	uint64_t errors;
	uint64_t digest; /* of all that was read */
};

/* open and work return 0 or a negative errno. */
struct mode {
	const char *name;
	int (*open)(struct run *run);
	int (*work)(struct run *run);
	void (*close)(struct run *run);
};

/* The list ends with a mode without a name. */
int table_main(int argc, char **argv, const struct mode *modes);

/* For a socket that a library opened: room for all events. */
void table_tune(struct run *run, int fd);

/* The timeout runs, and is read but not added. */
static inline void table_see(struct run *run, const struct seen *seen)
{
	run->digest += (uint64_t)seen->src + seen->dst + seen->reply_src + seen->reply_dst +
		       seen->port_src + seen->port_dst + seen->reply_port_src +
		       seen->reply_port_dst + seen->l4proto + seen->tcp_state + seen->status +
		       (uint64_t)seen->mark * 1000 + (seen->timeout > 0) + seen->packets +
		       seen->bytes + seen->reply_packets + seen->reply_bytes;
	run->ops++;
}

#endif
