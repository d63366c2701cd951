/* SPDX-License-Identifier: MIT */
/*
 * A packet as a kernel sent it, for tests of the packet as an object.
 */
#ifndef RECORDED_H
#define RECORDED_H

#include "session.h"

/* The first packet of the recording that was parsed last. */
extern struct nfbind_packet *packet;

void recorded_set_up(void);
void recorded_tear_down(void);

/* A file of tests/fixtures. */
void parse(const char *name);

#endif
