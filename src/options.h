/* SPDX-License-Identifier: MIT */
/*
 * Inside the options.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <nfbind/options.h>

#include "field.h"

struct nfbind_options {
	struct object object;
	struct heap_bytes netns_path;
	uint32_t netns_pid;
	uint32_t netns_fd;
	uint32_t socket_fd;
	uint32_t receive_buffer;
	uint32_t send_buffer;
	uint32_t batch;
	uint32_t copy_range;
	uint32_t maxlen;
	uint32_t default_verdict;
	uint32_t age_limit;
	uint32_t mark;
	uint32_t events;
	uint32_t resync_interval;
	uint32_t keys_max;
	uint32_t netlink_protocol;
	uint32_t send_delay;
	uint8_t copy_mode;
	uint8_t fail_open, conntrack, gso, uid_gid, secctx;
	uint8_t coalesce;
	uint8_t take_over, keep_record;
	uint8_t reliable, all_namespaces, resync, kernel_filter;
	INLINE_BYTES(15) device;
};

extern const struct nfbind_fields options_fields;

/* The number that an option has, or `absent`; options may be NULL. */
uint64_t options_number(const struct nfbind_options *options, uint32_t field, uint64_t absent);

#endif
