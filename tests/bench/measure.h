/*
 * SPDX-License-Identifier: MIT
 *
 * What the benchmark programs know of themselves: their clocks, processor and memory.
 */
#ifndef MEASURE_H
#define MEASURE_H

#include <stdint.h>
#include <time.h>

uint64_t clock_ns(clockid_t clock);

/* The calling thread stays on one processor. */
void pin_to(unsigned int cpu);

long peak_rss_kb(void);

#endif
