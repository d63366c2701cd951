/* SPDX-License-Identifier: MIT */
/*
 * A request session over the fake transport, what it asks with and what it is answered.
 * Every request has one number more than the one before; a list starts with 1.
 */
#ifndef ASKING_H
#define ASKING_H

#include <nfbind/nfbind.h>

#include "fake_kernel.h"
#include "unit.h"

enum {
	NEW = 0x100,
	GET = 0x101,
	DELETE = 0x102,
	EXP_NEW = 0x200,
	EXP_GET = 0x201,
	EXP_DELETE = 0x202,
};

extern struct nfbind_conntrack *session;
extern struct nfbind_ct *ct; /* has the tuple of a connection */
extern struct nfbind_exp *expectation;
extern struct nfbind_list *list;

void asking_set_up(void);
void asking_tear_down(void);

const char *sentence(void);
void says(const char *words);

/* An error or an acknowledgement, with words where they are not NULL; its length. */
size_t error_message(uint8_t *to, uint32_t sequence, int32_t error, const char *words);
void answer_error(uint32_t sequence, int32_t error, const char *words);
void answer_done(uint32_t sequence, int32_t error, uint16_t flags);
/* A recorded datagram, or `cut` bytes of it, with this sequence number in all messages. */
void answer_fixture(const char *name, uint32_t sequence, size_t cut, uint16_t flags);

int fetch(void);

/* Begin a list with one entry; what follows is the test's. */
void begin(void);
/* It ends so, and stays ended. */
void ends_with(int error);

#endif
