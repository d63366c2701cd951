/* SPDX-License-Identifier: MIT */
/*
 * A session with a whole record of a helper, over a fake kernel with a table of helpers.
 */
#ifndef RECORD_H
#define RECORD_H

#include <nfbind/nfbind.h>

#include "fake_helpers.h"
#include "unit.h"

extern struct nfbind_conntrack *session;
extern struct nfbind_cthelper *record; /* whole, and not added yet */
extern struct nfbind_cthelper *got;    /* what fetch() finds */

void record_set_up(void);
void record_tear_down(void);

/* Set fields of the record. */
void number(uint32_t field, uint64_t value);
void text(uint32_t field, const char *value);
void policy(uint32_t first, const char *name, uint32_t max, uint32_t timeout);

const char *sentence(void);
void says(const char *words);

/* The verbs, with the record. */
int add(void);
int change(void);
int fetch(void);
int drop(void);

#endif
