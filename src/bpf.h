/* SPDX-License-Identifier: MIT */
/*
 * Filters for the kernel: connection filters as one program of the classic Berkeley
 * packet filter, which the kernel runs over each datagram for a socket. An event that
 * no filter lets through then costs neither room in the receive buffer nor a system
 * call.
 */
#ifndef BPF_H
#define BPF_H

#include <stddef.h>

#include <linux/filter.h>

struct nfbind_filter;

struct bpf_program {
	struct sock_filter *code; /* the holder frees it */
	unsigned int count;       /* instructions; 0: everything passes */
};

/*
 * One program for the filters, which are alternatives. It lets through the connection
 * events that filter_matches() does, whose rules it shares, and all that is no single
 * well-formed connection event: expectations, answers, errors, attributes of another
 * size than the kernel's.
 *
 * 0; -EINVAL: a filter makes no sense; -EOPNOTSUPP: the kernel has no way to look at a
 * field; -E2BIG: more instructions than the kernel takes; -ENOMEM. A sentence in
 * *ret_why comes with all but the last.
 */
int bpf_compile(const struct nfbind_filter *const *filters, size_t filters_count,
		struct bpf_program *ret_program, const char **ret_why);

#endif
