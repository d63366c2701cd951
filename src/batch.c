/* SPDX-License-Identifier: MIT */
/*
 * The batch: counted memory for datagrams and the packets in them. It knows no
 * session; the session that fills one holds it like anybody else.
 */
#include "packet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "packet_tables.h"
#include "plain.h"
#include "wire.h"

static void prepare_packets(struct nfbind_batch *batch)
{
	memset(batch->packets, 0, batch->capacity * sizeof(*batch->packets));
	for (uint32_t i = 0; i < batch->capacity; i++) {
		batch->packets[i].batch = batch;
		batch->packets[i].names = batch->names;
		batch->packets[i].index = i;
	}
}

struct nfbind_batch *batch_make(uint32_t capacity, size_t data_size, struct names *names)
{
	struct nfbind_batch *batch = calloc(1, sizeof(*batch));

	if (!batch) {
		names_free(names);
		return NULL;
	}
	atomic_init(&batch->references, 1);
	batch->names = names;
	batch->capacity = capacity;
	batch->packets = aligned_alloc(_Alignof(struct nfbind_packet),
				       capacity * sizeof(*batch->packets));
	/* Not zeroed: a slot is large, and only what a datagram fills is ever touched. */
	batch->data = malloc(data_size);
	batch->data_size = data_size;
	if (!batch->packets || !batch->data) {
		nfbind_batch_free(batch);
		return NULL;
	}
	prepare_packets(batch);
	return batch;
}

void batch_clear(struct nfbind_batch *batch)
{
	for (uint32_t i = 0; i < batch->count && atomic_load(&batch->has_edits); i++)
		packet_drop_edit(&batch->packets[i]);
	atomic_store(&batch->has_edits, false);
	batch->count = 0;
}

struct nfbind_packet *batch_add(struct nfbind_batch *batch, uint8_t *message, size_t available)
{
	struct nfbind_packet *packet = &batch->packets[batch->count];

	if (packet_parse(packet, message, available) < 0)
		return NULL;
	batch->count++;
	return packet;
}

void nfbind_batch_hold(struct nfbind_batch *batch)
{
	if (batch)
		atomic_fetch_add(&batch->references, 1);
}

void nfbind_batch_free(struct nfbind_batch *batch)
{
	if (!batch || atomic_fetch_sub(&batch->references, 1) != 1)
		return;
	if (batch->packets)
		batch_clear(batch);
	names_free(batch->names);
	free(batch->packets);
	free(batch->data);
	free(batch);
}

static bool is_packet(const struct nlmsghdr *message)
{
	return message->nlmsg_type == (KERNEL_SUBSYS_QUEUE << 8 | KERNEL_QUEUE_PACKET);
}

static int parse_all(struct nfbind_batch *batch, size_t data_len)
{
	const struct nlmsghdr *message;
	size_t offset = 0;
	int error = 0;

	while ((message = wire_next_message(batch->data, data_len, &offset, &error)))
		if (is_packet(message) &&
		    !batch_add(batch, batch->data + ((const uint8_t *)message - batch->data),
			       message->nlmsg_len))
			return -EBADMSG;
	return error;
}

int nfbind_batch_parse(const void *data, size_t data_len, struct nfbind_batch **ret_batch)
{
	struct nfbind_batch *batch;
	int r;

	if (!data && data_len > 0)
		return -EBADMSG;
	/* No packet's message is shorter than its headers, so this is room for all of them. */
	batch = batch_make((uint32_t)(data_len / PACKET_MESSAGE_LEAST) + 1, data_len ? data_len : 1,
			   NULL);
	if (!batch)
		return -ENOMEM;
	if (data_len > 0)
		memcpy(batch->data, data, data_len);
	r = parse_all(batch, data_len);
	if (r < 0) {
		nfbind_batch_free(batch);
		return r;
	}
	*ret_batch = batch;
	return 0;
}

uint32_t nfbind_batch_count(const struct nfbind_batch *batch)
{
	return batch ? batch->count : 0;
}

struct nfbind_packet *nfbind_batch_packet(struct nfbind_batch *batch, uint32_t index)
{
	return batch && index < batch->count ? &batch->packets[index] : NULL;
}

int nfbind_batch_get_data(const struct nfbind_batch *batch, const void **ret_data,
			  size_t *ret_data_len)
{
	if (!batch)
		return -EINVAL;
	*ret_data = batch->data;
	*ret_data_len = batch->data_size;
	return 0;
}

/* Which numbers of a summary come from which attribute: a table, since all are alike. */
static const struct {
	uint8_t attribute;
	uint8_t field;
	uint16_t offset;
} summary_numbers[] = {
#define ROW(name, field, member) \
	{ KERNEL_NFQA_##name, NFBIND_PACKET_##field, offsetof(struct nfbind_packet_summary, member) }
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

static void summarise_bytes(const struct nfbind_packet *packet, uint32_t field, uint32_t *ret_offset,
			    uint32_t *ret_len, struct nfbind_packet_summary *summary)
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

static void summarise(const struct nfbind_packet *packet, struct nfbind_packet_summary *summary)
{
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

int nfbind_batch_export(const struct nfbind_batch *batch, struct nfbind_packet_summary *summaries,
			size_t summaries_count, size_t summary_size)
{
	struct nfbind_packet_summary summary;

	if (!batch || !summaries || summary_size < 8)
		return -EINVAL;
	if (summaries_count < batch->count)
		return -ENOSPC;
	for (uint32_t i = 0; i < batch->count; i++) {
		uint8_t *to = (uint8_t *)summaries + i * summary_size;

		summarise(&batch->packets[i], &summary);
		plain_copy(to, summary_size, &summary, sizeof(summary));
	}
	return (int)batch->count;
}
