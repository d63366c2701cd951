/* SPDX-License-Identifier: MIT */
/*
 * How packet_tables.c says where a field of a packet is.
 */
#ifndef PACKET_TABLES_H
#define PACKET_TABLES_H

#include "packet.h"

enum packet_from {
	FROM_U8,        /* a member of the packet, at `offset` */
	FROM_U16,
	FROM_U32,
	FROM_NUMBER,    /* a 32-bit attribute, or the member at `offset` once `set` */
	FROM_TIMESTAMP,
	FROM_DEVICE,    /* the name of the device that the attribute numbers */
	FROM_HWADDR,
	FROM_PAYLOAD,
	FROM_TEXT,      /* an attribute, up to a NUL that some senders put at its end */
	FROM_OBJECT,    /* read with a function of its own */
	FROM_VLAN,      /* inside the VLAN nest, or the edit's member at `offset` once `set` */
	FROM_L2HDR,
};

struct packet_source {
	uint8_t from;
	uint8_t attribute;
	uint8_t set;
	uint16_t offset;
};

/* Of the fields before NFBIND_PACKET_IP_VERSION; the others are in the payload. */
extern const struct packet_source packet_sources[NFBIND_PACKET_IP_VERSION];
extern const uint8_t packet_least[KERNEL_NFQA_COUNT];

#endif
