/* SPDX-License-Identifier: MIT */
/*
 * What the headers inside a packet say: one walk over IPv4 or IPv6 (extension
 * headers, fragments) to the transport header, with every length checked; the
 * header fields of a packet, which a table places; and which bytes a transport
 * checksum covers.
 */
#ifndef VIEW_H
#define VIEW_H

#include <stdbool.h>

#include "packet.h"
#include "text.h"

/* Transport protocols that the library knows by heart (IANA protocol numbers). */
enum view_protocol {
	PROTOCOL_ICMP = 1,
	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,
	PROTOCOL_DCCP = 33,
	PROTOCOL_ICMPV6 = 58,
	PROTOCOL_SCTP = 132,
	PROTOCOL_UDPLITE = 136,
};

/* -EINVAL when the bytes do not start with a whole IPv4 or IPv6 header. */
int view_parse(const uint8_t *data, size_t data_len, struct view *ret_view);

/* The packet as it is now; walked once and kept until its length or its headers change. */
int view_of(const struct nfbind_packet *packet, struct view *ret_view);

/* Whether bytes are missing: the kernel cut the packet, or it says it is longer. */
bool view_is_cut(const struct nfbind_packet *packet, const struct view *view);

size_t view_address_len(const struct view *view);
uint16_t view_read_u16(const uint8_t *data);
uint32_t view_read_u32(const uint8_t *data);
void view_write_u16(uint8_t *data, uint16_t value);
void view_write_u32(uint8_t *data, uint32_t value);

/*
 * The TCP option of that kind among `len` bytes of options: its whole length, of
 * at least `least`, with *ret_at set to its offset; 0 for none.
 */
uint32_t view_find_option(const uint8_t *options, uint32_t len, uint8_t kind, uint32_t least,
			  uint32_t *ret_at);

/* Fields from NFBIND_PACKET_IP_VERSION on; semantics and errors of the public functions. */
int view_get_number(const struct nfbind_packet *packet, uint32_t field, uint64_t *ret_value);
int view_set_number(struct nfbind_packet *packet, uint32_t field, uint64_t value);
int view_get_bytes(const struct nfbind_packet *packet, uint32_t field, const void **ret_data,
		   size_t *ret_data_len);
int view_set_bytes(struct nfbind_packet *packet, uint32_t field, const void *data,
		   size_t data_len);

/* The same of bytes that were walked already; -ENODATA for what is not there. */
int view_read_number(const uint8_t *data, const struct view *view, uint32_t field,
		     uint64_t *ret_value);

/* Find the bytes of an address, of the TCP options or of the transport payload. */
int view_locate_bytes(const struct view *view, uint32_t field, uint32_t *ret_at, uint32_t *ret_len);

/* Which bytes a transport checksum covers. */
struct coverage {
	bool is_crc;      /* CRC32c; otherwise the Internet checksum */
	bool has_pseudo;
	bool is_optional; /* 0 stands for no checksum (UDP) */
	bool is_whole;    /* every byte of it is there */
	uint32_t at;      /* offset of the checksum */
	uint32_t start;
	uint32_t end;
};

/* False when there is no transport checksum that the library knows. */
bool view_coverage(const uint8_t *data, const struct view *view, struct coverage *ret_coverage);

/* What is covered, added up with the checksum field as it stands; the CRC with that field as 0. */
uint64_t view_sum_pseudo(const uint8_t *data, const struct view *view);
uint64_t view_sum(const uint8_t *data, const struct view *view, const struct coverage *coverage);
uint32_t view_crc(const uint8_t *data, const struct coverage *coverage);

/*
 * What a changed packet still needs before it goes back: a partial transport
 * checksum in full (the kernel marks a replaced payload as complete).
 */
void view_finish(struct nfbind_packet *packet);

/* The shortest payload that the kernel takes back: up to the transport header as it came. */
uint32_t view_least_len(const struct nfbind_packet *packet);

/* The protocol part of the readable line, as "UDP 10.0.0.1:53 > 10.0.0.2:4711 len 40". */
void view_print(const struct nfbind_packet *packet, struct text *text);

#endif
