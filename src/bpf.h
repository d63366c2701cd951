/* SPDX-License-Identifier: MIT */
/*
 * Filters for the kernel: connection filters as one program of the classic Berkeley
 * packet filter, which the kernel runs over each datagram for a socket. An event that
 * no filter lets through then costs neither room in the receive buffer nor a system
 * call.
 */
#ifndef BPF_PROGRAM_H
#define BPF_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/filter.h>

#include "text.h"

struct nfbind_filter;

struct bpf_program {
	struct sock_filter *code; /* the holder frees it */
	unsigned int count;       /* instructions; 0: everything passes */
};

/*
 * One program for the filters, which are alternatives. It lets through the connection
 * events that filter_matches() does, whose rules it shares, and all that is no single
 * well-formed connection event: expectations, answers, errors, attributes of another
 * size than the kernel's. With `names_only`, what may change in the life of a connection
 * is not looked at: then all events of one pass, or none.
 *
 * 0; -E2BIG: the kernel takes no program of so many instructions, and the sentence says
 * which filter is the first that does not fit; -ENOMEM. All filters make sense.
 */
int bpf_compile(struct nfbind_filter *const *filters, size_t filters_count, bool names_only,
		struct bpf_program *ret_program, struct text *why);

#endif
