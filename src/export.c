/* SPDX-License-Identifier: MIT */
/*
 * All packets of a batch as plain structs, for callers to whom each call costs much: what
 * the kernel says of them, and their headers. They are read from the bytes that were
 * received, and nothing is kept in the packets: another thread may be deciding on them.
 */
#include "packet.h"

#include <errno.h>
#include <string.h>

#include "packet_tables.h"
#include "plain.h"
#include "view.h"
#include "wire.h"

enum {
	ELEMENT_LEAST = 8, /* bytes, which the public header promises */
	FIRST_HEADER = NFBIND_PACKET_IP_VERSION,
};

union element {
	struct nfbind_packet_summary summary;
	struct nfbind_packet_headers headers;
};

/* Summaries. */

/* Which numbers of a summary come from which attribute: a table, since all are alike. */
static const struct {
	uint8_t attribute;
	uint8_t field;
	uint16_t offset;
} summary_numbers[] = {
#define ROW(name, field, member) \
	{ KERNEL_NFQA_##name, NFBIND_PACKET_##field, \
	  offsetof(struct nfbind_packet_summary, member) }
	ROW(MARK, MARK, mark),
	ROW(PRIORITY, PRIORITY, priority),
	ROW(IFINDEX_INDEV, INDEV, indev),
	ROW(IFINDEX_OUTDEV, OUTDEV, outdev),
	ROW(IFINDEX_PHYSINDEV, PHYSINDEV, physindev),
	ROW(IFINDEX_PHYSOUTDEV, PHYSOUTDEV, physoutdev),
	ROW(CAP_LEN, CAP_LEN, cap_len),
	ROW(SKB_INFO, SKB_INFO, skb_info),
	ROW(CT_INFO, CT_INFO, ct_info),
	ROW(UID, UID, uid),
	ROW(GID, GID, gid),
	ROW(CGROUP_CLASSID, CGROUP_CLASSID, cgroup_classid),
#undef ROW
};

static void summarise_numbers(const struct nfbind_packet *packet,
			      struct nfbind_packet_summary *summary)
{
	for (size_t i = 0; i < sizeof(summary_numbers) / sizeof(summary_numbers[0]); i++) {
		size_t len;
		const void *data = packet_attribute(packet, summary_numbers[i].attribute, &len);
		uint8_t *to = (uint8_t *)summary + summary_numbers[i].offset;

		if (!data)
			continue;
		*(uint32_t *)to = wire_read_u32(data);
		summary->present |= 1u << summary_numbers[i].field;
	}
}

static void summarise_bytes(const struct nfbind_packet *packet, uint32_t field,
			    uint32_t *ret_offset, uint32_t *ret_len,
			    struct nfbind_packet_summary *summary)
{
	bool is_payload = field == NFBIND_PACKET_PAYLOAD;
	size_t len;
	const uint8_t *data = packet_attribute(
		packet, is_payload ? KERNEL_NFQA_PAYLOAD : packet_sources[field].attribute, &len);

	if (!data)
		return;
	/* A payload that its reader cut is shorter than its attribute says. */
	if (is_payload)
		len = packet->received_len;
	else if (packet_sources[field].from == FROM_TEXT)
		len = strnlen((const char *)data, len);
	*ret_offset = (uint32_t)(data - packet->batch->data);
	*ret_len = (uint32_t)len;
	summary->present |= 1u << field;
}

static void summarise_rest(const struct nfbind_packet *packet,
			   struct nfbind_packet_summary *summary)
{
	const void *address;
	size_t address_len;
	uint64_t value;

	if (nfbind_packet_get_number(packet, NFBIND_PACKET_TIMESTAMP, &summary->timestamp) == 0)
		summary->present |= 1u << NFBIND_PACKET_TIMESTAMP;
	if (nfbind_packet_get_bytes(packet, NFBIND_PACKET_HWADDR, &address, &address_len) == 0) {
		memcpy(summary->hwaddr, address, address_len);
		summary->hwaddr_len = (uint32_t)address_len;
		summary->present |= 1u << NFBIND_PACKET_HWADDR;
	}
	if (nfbind_packet_get_number(packet, NFBIND_PACKET_VLAN_PROTO, &value) == 0) {
		summary->vlan_proto = (uint16_t)value;
		summary->present |= 1u << NFBIND_PACKET_VLAN_PROTO;
	}
	if (nfbind_packet_get_number(packet, NFBIND_PACKET_VLAN_TCI, &value) == 0) {
		summary->vlan_tci = (uint16_t)value;
		summary->present |= 1u << NFBIND_PACKET_VLAN_TCI;
	}
	if (packet->attributes[KERNEL_NFQA_CT])
		summary->present |= 1u << NFBIND_PACKET_CT;
}

static void summarise(const struct nfbind_packet *packet, union element *element)
{
	struct nfbind_packet_summary *summary = &element->summary;

	*summary = (struct nfbind_packet_summary){
		.present = 1u << NFBIND_PACKET_QUEUE | 1u << NFBIND_PACKET_ID |
			   1u << NFBIND_PACKET_FAMILY | 1u << NFBIND_PACKET_HW_PROTOCOL |
			   1u << NFBIND_PACKET_HOOK,
		.id = packet->id,
		.queue = packet->queue,
		.index = packet->index,
		.hw_protocol = packet->hw_protocol,
		.hook = packet->hook,
		.family = packet->family,
		.is_truncated = packet->flags & PACKET_TRUNCATED ? 1 : 0,
	};
	summarise_numbers(packet, summary);
	summarise_bytes(packet, NFBIND_PACKET_PAYLOAD, &summary->payload_offset,
			&summary->payload_len, summary);
	summarise_bytes(packet, NFBIND_PACKET_SECCTX, &summary->secctx_offset, &summary->secctx_len,
			summary);
	summarise_bytes(packet, NFBIND_PACKET_L2HDR, &summary->l2hdr_offset, &summary->l2hdr_len,
			summary);
	summarise_rest(packet, summary);
}

/* Headers. */

/* Which numbers of the headers there are, and where they go. */
static const struct {
	uint8_t field;
	uint8_t size;
	uint16_t offset;
} header_numbers[] = {
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
	for (size_t i = 0; i < sizeof(header_numbers) / sizeof(header_numbers[0]); i++) {
		uint64_t value;

		if (view_read_number(data, view, header_numbers[i].field, &value) < 0)
			continue;
		store((uint8_t *)headers + header_numbers[i].offset, header_numbers[i].size, value);
		headers->present |= 1u << (header_numbers[i].field - FIRST_HEADER);
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
	headers->present |= 1u << (field - FIRST_HEADER);
}

static void read_headers(const struct nfbind_packet *packet, union element *element)
{
	struct nfbind_packet_headers *headers = &element->headers;
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
	headers->present |= 1u << (NFBIND_PACKET_L4_PAYLOAD - FIRST_HEADER);
}

/* Both. */

static int export_packets(const struct nfbind_batch *batch, void *to, size_t to_count,
			  size_t to_size, size_t own_size,
			  void (*read)(const struct nfbind_packet *packet, union element *element))
{
	union element element;

	if (!batch || !to || to_size < ELEMENT_LEAST)
		return -EINVAL;
	if (to_count < batch->count)
		return -ENOSPC;
	for (uint32_t i = 0; i < batch->count; i++) {
		read(&batch->packets[i], &element);
		plain_copy((uint8_t *)to + i * to_size, to_size, &element, own_size);
	}
	return (int)batch->count;
}

int nfbind_batch_export(const struct nfbind_batch *batch, struct nfbind_packet_summary *summaries,
			size_t summaries_count, size_t summary_size)
{
	return export_packets(batch, summaries, summaries_count, summary_size, sizeof(*summaries),
			      summarise);
}

int nfbind_batch_export_headers(const struct nfbind_batch *batch,
				struct nfbind_packet_headers *headers, size_t headers_count,
				size_t header_size)
{
	return export_packets(batch, headers, headers_count, header_size, sizeof(*headers),
			      read_headers);
}
