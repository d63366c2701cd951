/* SPDX-License-Identifier: MIT */
/*
 * The machine that runs the kernel's filter programs (classic BPF), written from the
 * kernel's documentation (Documentation/networking/filter.rst) and from what
 * net/core/filter.c says of its netlink extensions. A program that the kernel would
 * refuse is refused, and loads outside of the datagram drop it, as there.
 */
#ifndef BPF_MACHINE_H
#define BPF_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/filter.h>

/* Why the kernel would not take the program, or NULL. */
const char *bpf_machine_check(const struct sock_filter *code, unsigned int count);

/* How many bytes of the datagram pass: 0 drops it. */
uint32_t bpf_machine_run(const struct sock_filter *code, unsigned int count, const uint8_t *data,
			 size_t len);

#endif
