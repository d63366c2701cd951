/* SPDX-License-Identifier: MIT */
/*
 * What is the same in every tuple, be it of a connection or of an expectation: the
 * order of its ten fields, how one is turned round, and which values its protocol
 * gives it (ports, keys, or type, code and id).
 */
#ifndef TUPLE_H
#define TUPLE_H

#include "ct.h"

/* Fields of a tuple, in the order that all tuples have. */
enum {
	OF_SRC = NFBIND_CT_ORIG_SRC - NFBIND_CT_ORIG_SRC,
	OF_DST = NFBIND_CT_ORIG_DST - NFBIND_CT_ORIG_SRC,
	OF_L3PROTO = NFBIND_CT_ORIG_L3PROTO - NFBIND_CT_ORIG_SRC,
	OF_L4PROTO = NFBIND_CT_ORIG_L4PROTO - NFBIND_CT_ORIG_SRC,
	OF_PORT_SRC = NFBIND_CT_ORIG_PORT_SRC - NFBIND_CT_ORIG_SRC,
	OF_PORT_DST = NFBIND_CT_ORIG_PORT_DST - NFBIND_CT_ORIG_SRC,
	OF_ICMP_TYPE = NFBIND_CT_ORIG_ICMP_TYPE - NFBIND_CT_ORIG_SRC,
	OF_ICMP_CODE = NFBIND_CT_ORIG_ICMP_CODE - NFBIND_CT_ORIG_SRC,
	OF_ICMP_ID = NFBIND_CT_ORIG_ICMP_ID - NFBIND_CT_ORIG_SRC,
	OF_ZONE = NFBIND_CT_ORIG_ZONE - NFBIND_CT_ORIG_SRC,
};

/* What a tuple has beside its addresses. */
enum tuple_values { TUPLE_NOTHING, TUPLE_PORTS, TUPLE_KEYS, TUPLE_ICMP };

struct protocol {
	uint8_t number;
	uint8_t values; /* enum tuple_values */
	const char *name;
};

/* Of protocols that nobody tracks by more than addresses: nothing, and "unknown". */
const struct protocol *tuple_protocol(uint64_t number);
/* By its name; NULL where there is none. */
const struct protocol *tuple_find_protocol(const char *name, size_t name_len);

/* One field of an object into another one of it; absent ones are left alone. */
int tuple_copy_field(const struct nfbind_fields *fields, void *object, uint32_t to, uint32_t from);

/* Fill the tuple at `to` with what answers the one at `from`, but for the zone. */
int tuple_invert(const struct nfbind_fields *fields, void *object, uint32_t to, uint32_t from);

#endif
