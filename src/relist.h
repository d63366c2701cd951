/* SPDX-License-Identifier: MIT */
/*
 * Asking the kernel for its tables, in steps; see resync.h for the whole of it.
 */
#ifndef RELIST_H
#define RELIST_H

#include "resync.h"

/* Stop the list that is read, if any. */
void relist_end(struct resync *resync);

#endif
