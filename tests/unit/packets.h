/* SPDX-License-Identifier: MIT */
/*
 * Packets for the tests of the packet tools, as scapy built them, and the few lines
 * that make packets of bytes.
 */
#ifndef PACKETS_H
#define PACKETS_H

#include "unit.h"

#include "packet.h"

#define TCP4 \
	"45b9003e123440003d0616cb0a0000010a000002" \
	"0fa00050000003e8000007d0701801f58dc60003020405b401030307" \
	"474554202f20485454502f312e30"
#define TCP6 \
	"6b9123450027003dfd000000000000000000000000000001fd000000000000000000000000000002" \
	"3c0005020000010006000104000000000fa00050000003e8000007d050022000b5d00000616263"
#define UDP4 "4500002200010000401166c80a0000010a00000200351267000e9edb616e73776572"
#define UDP6 \
	"60000000000e1140fd000000000000000000000000000001fd000000000000000000000000000002" \
	"00351267000eb8d9616e73776572"
#define ICMP4 "4500002000010000400166da0a0000010a0000020800191f0007000970696e67"
#define ICMP6 \
	"60000000000c3a40fd000000000000000000000000000001fd000000000000000000000000000002" \
	"8000a6d30007000970696e67"
#define SCTP4 "4500002400010000408466530a0000010a00000213881770deadbeef72d579af0b000004"
#define UDPLITE4 "4500002200010000408866510a0000010a000002000100020008eb5b616e73776572"
#define DCCP4 "4500002600010000402166b40a0000010a0000021389138a0300875e00000000616e73776572"
#define FIRST4 "4500002400052000401146c20a0000010a000002003512670020336a7878787878787878"
#define LATER4 "4500002400050002401166c00a0000010a00000278787878787878787878787878787878"
#define LATER6 \
	"6000000000182c40fd000000000000000000000000000001fd000000000000000000000000000002" \
	"110000111234567879797979797979797979797979797979"
#define GRE4 "4500001c00010000402f66b00a0000010a0000020000080061626364"

static const char *const packets_all[] = { TCP4,     TCP6,  UDP4,   UDP6,   ICMP4,  ICMP6, SCTP4,
					   UDPLITE4, DCCP4, FIRST4, LATER4, LATER6, GRE4 };

static inline size_t packets_bytes(const char *hex, uint8_t *bytes)
{
	size_t len = strlen(hex) / 2;

	for (size_t i = 0; i < len; i++) {
		char pair[3] = { hex[2 * i], hex[2 * i + 1], '\0' };

		bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return len;
}

/* A packet of exactly these bytes and room for no other, so that a sanitizer sees who reads on. */
static inline struct nfbind_packet *packets_of(const void *data, size_t data_len)
{
	struct nfbind_packet *packet;

	ck_assert_int_eq(packet_make(0, &packet), 0);
	packet->payload = malloc(data_len ? data_len : 1);
	memcpy(packet->payload, data, data_len);
	packet->payload_len = packet->received_len = (uint32_t)data_len;
	return packet;
}

static inline struct nfbind_packet *packets_new(const char *hex)
{
	uint8_t bytes[2000];
	size_t len = packets_bytes(hex, bytes);
	struct nfbind_packet *packet;

	ck_assert_int_eq(nfbind_packet_new(bytes, len, &packet), 0);
	return packet;
}

static inline void packets_drop(struct nfbind_packet *packet, uint8_t *bytes)
{
	free(bytes);
	nfbind_packet_free(packet);
}

#define ck_assert_packet_eq(packet, hex) \
	do { \
		uint8_t wanted[2000]; \
		size_t wanted_len = packets_bytes(hex, wanted); \
\
		ck_assert_bytes_eq((packet)->payload, (packet)->payload_len, wanted, wanted_len); \
	} while (0)

#endif
