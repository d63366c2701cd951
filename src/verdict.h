/* SPDX-License-Identifier: MIT */
/*
 * What a verdict word may hold.
 */
#ifndef VERDICT_H
#define VERDICT_H

#include <stdint.h>

#include <nfbind/queue.h>

#include "uapi.h"

/* Bits of a caller's verdict that are not the kernel's. */
enum { VERDICT_FLAGS = NFBIND_VERDICT_NOW };

/* 0, or -EINVAL for one that the kernel would refuse, a stolen one among them. */
int verdict_check(uint32_t verdict);

#endif
