/* SPDX-License-Identifier: MIT */
/*
 * The headers in all packets of a batch as plain structs, for callers to whom each
 * call costs much. They are read from the bytes that were received, and nothing is
 * kept in the packets: another thread may be deciding on them.
 */
#include "packet.h"

#include <errno.h>
#include <string.h>

#include "plain.h"
#include "view.h"

enum { FIRST = NFBIND_PACKET_IP_VERSION };

/* Which numbers there are, and where they go. */
static const struct {
	uint8_t field;
	uint8_t size;
	uint16_t offset;
} numbers[] = {
#define ROW(field, member) \
	{ NFBIND_PACKET_##field, sizeof(((struct nfbind_packet_headers *)0)->member), \
	  offsetof(struct nfbind_packet_headers, member) }
	ROW(IP_VERSION, ip_version),
	ROW(IP_PROTOCOL, ip_protocol),
	ROW(IP_TTL, ip_ttl),
	ROW(PORT_SRC, port_src),
	ROW(PORT_DST, port_dst),
	ROW(TCP_SEQ, tcp_seq),
	ROW(TCP_ACK, tcp_ack),
	ROW(TCP_FLAGS, tcp_flags),
	ROW(ICMP_TYPE, icmp_type),
	ROW(ICMP_CODE, icmp_code),
#undef ROW
};

static void store(void *to, uint8_t size, uint64_t value)
{
	switch (size) {
	case 1:
		*(uint8_t *)to = (uint8_t)value;
		break;
	case 2:
		*(uint16_t *)to = (uint16_t)value;
		break;
	default:
		*(uint32_t *)to = (uint32_t)value;
	}
}

static void read_numbers(const uint8_t *data, const struct view *view,
			 struct nfbind_packet_headers *headers)
{
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		uint64_t value;

		if (view_read_number(data, view, numbers[i].field, &value) < 0)
			continue;
		store((uint8_t *)headers + numbers[i].offset, numbers[i].size, value);
		headers->present |= 1u << (numbers[i].field - FIRST);
	}
}

static void read_address(const uint8_t *data, const struct view *view, uint32_t field,
			 uint8_t *address, struct nfbind_packet_headers *headers)
{
	uint32_t at, len;

	if (view_locate_bytes(view, field, &at, &len) < 0)
		return;
	memcpy(address, data + at, len);
	headers->address_len = (uint8_t)len;
	headers->present |= 1u << (field - FIRST);
}

static void read_headers(const struct nfbind_packet *packet, struct nfbind_packet_headers *headers)
{
	size_t len;
	const uint8_t *data = packet_attribute(packet, KERNEL_NFQA_PAYLOAD, &len);
	struct view view;
	uint32_t at;

	*headers = (struct nfbind_packet_headers){ .index = packet->index };
	/* A payload that its reader cut is shorter than its attribute says. */
	if (!data || view_parse(data, packet->received_len, &view) < 0)
		return;
	read_numbers(data, &view, headers);
	read_address(data, &view, NFBIND_PACKET_IP_SRC, headers->ip_src, headers);
	read_address(data, &view, NFBIND_PACKET_IP_DST, headers->ip_dst, headers);
	if (view_locate_bytes(&view, NFBIND_PACKET_L4_PAYLOAD, &at, &headers->l4_payload_len) < 0)
		return;
	headers->l4_payload_offset = (uint32_t)(data + at - packet->batch->data);
	headers->present |= 1u << (NFBIND_PACKET_L4_PAYLOAD - FIRST);
}

int nfbind_batch_export_headers(const struct nfbind_batch *batch,
				struct nfbind_packet_headers *headers, size_t headers_count,
				size_t header_size)
{
	struct nfbind_packet_headers one;

	if (!batch || !headers || header_size < 8)
		return -EINVAL;
	if (headers_count < batch->count)
		return -ENOSPC;
	for (uint32_t i = 0; i < batch->count; i++) {
		read_headers(&batch->packets[i], &one);
		plain_copy((uint8_t *)headers + i * header_size, header_size, &one, sizeof(one));
	}
	return (int)batch->count;
}
