/* SPDX-License-Identifier: MIT */
/*
 * Connections as the attributes of requests: which fields a request carries, and what
 * it says beside them. Most are made of plain tuples and a few numbers; those are
 * written in one piece, byte for byte as the wire table would.
 */
#ifndef CT_ENCODE_H
#define CT_ENCODE_H

#include "ct.h"

/* What names an entry, and nothing else. */
void ct_encode_key(const struct nfbind_ct *ct, struct wire_buffer *buffer);

/* What can be written. */
void ct_encode_change(const struct nfbind_ct *ct, struct wire_buffer *buffer);

/* The same, with a reply tuple where there is none, and a status. */
int ct_encode_new(const struct nfbind_ct *ct, struct wire_buffer *buffer);

#endif
