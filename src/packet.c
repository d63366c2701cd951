/* SPDX-License-Identifier: MIT */
/*
 * The packet object: parsed once into an index of attribute offsets, changed beside it,
 * made, copied. Its fields are packet_fields.c; decisions are the ledger's.
 */
#include "packet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netfilter/nfnetlink.h>

#include "names.h"
#include "packet_tables.h"
#include "view.h"
#include "wire.h"

enum { MESSAGE_HEADER = NLMSG_HDRLEN + 4 /* struct nfgenmsg */ };

/* Parsing. */

/*
 * Walk the attributes. One that reaches past the message is malformed, except in a
 * message that its reader cut short: there a cut payload is kept, for what it has,
 * and another cut attribute counts as absent.
 */
static int index_attributes(struct nfbind_packet *packet, size_t len, bool is_cut)
{
	size_t offset = MESSAGE_HEADER;

	while (len - offset >= NLA_HDRLEN) {
		const struct nlattr *attribute = (const struct nlattr *)(packet->message + offset);
		unsigned int type = attribute->nla_type & NLA_TYPE_MASK;
		size_t whole = attribute->nla_len;

		if (whole < NLA_HDRLEN || (whole > len - offset && !is_cut))
			return -EBADMSG;
		if (whole > len - offset && type != KERNEL_NFQA_PAYLOAD)
			break;
		if (type < KERNEL_NFQA_COUNT) {
			if (whole - NLA_HDRLEN < packet_least[type])
				return -EBADMSG;
			packet->attributes[type] = (uint16_t)(offset / 4);
		}
		offset += NLA_ALIGN(whole);
		if (offset > len)
			break;
	}
	return 0;
}

static void find_payload(struct nfbind_packet *packet, size_t len, bool is_cut)
{
	size_t offset = (size_t)packet->attributes[KERNEL_NFQA_PAYLOAD] * 4;
	const struct nlattr *attribute = (const struct nlattr *)(packet->message + offset);
	size_t payload_len;

	packet->payload = packet->message + len;
	packet->payload_len = 0;
	if (offset != 0) {
		payload_len = attribute->nla_len - NLA_HDRLEN;
		packet->payload = packet->message + offset + NLA_HDRLEN;
		if (payload_len > len - offset - NLA_HDRLEN)
			payload_len = len - offset - NLA_HDRLEN;
		packet->payload_len = (uint32_t)payload_len;
	}
	packet->received_len = packet->payload_len;
	if (is_cut || packet->attributes[KERNEL_NFQA_CAP_LEN])
		packet->flags |= PACKET_TRUNCATED;
}

static void read_header(struct nfbind_packet *packet)
{
	const uint8_t *header =
		packet->message + packet->attributes[KERNEL_NFQA_PACKET_HDR] * 4 + NLA_HDRLEN;
	const struct nfgenmsg *message = (const struct nfgenmsg *)(packet->message + NLMSG_HDRLEN);

	packet->id = wire_read_u32(header);
	packet->hw_protocol = wire_read_u16(header + 4);
	packet->hook = header[6];
	packet->family = message->nfgen_family;
	packet->queue = wire_read_u16(&message->res_id);
}

int packet_parse(struct nfbind_packet *packet, uint8_t *message, size_t available)
{
	const struct nlmsghdr *header = (const struct nlmsghdr *)message;
	const void *info;
	size_t info_len;
	bool is_cut;
	size_t len;
	int r;

	/* Offsets are kept in 16 bits of 4 bytes each. */
	if (available < MESSAGE_HEADER || header->nlmsg_len < MESSAGE_HEADER ||
	    header->nlmsg_len > UINT16_MAX * 4)
		return -EBADMSG;
	is_cut = available < header->nlmsg_len;
	len = is_cut ? available : header->nlmsg_len;
	memset(packet, 0, offsetof(struct nfbind_packet, batch));
	packet->message = message;
	packet->message_len = (uint32_t)len;
	r = index_attributes(packet, len, is_cut);
	if (r < 0)
		return r;
	if (packet->attributes[KERNEL_NFQA_PACKET_HDR] == 0)
		return -EBADMSG;
	read_header(packet);
	find_payload(packet, len, is_cut);
	info = packet_attribute(packet, KERNEL_NFQA_SKB_INFO, &info_len);
	if (info) {
		uint32_t bits = wire_read_u32(info);

		packet->flags |= (bits & KERNEL_SKB_CSUMNOTREADY ? PACKET_PARTIAL : 0) |
				 (bits & KERNEL_SKB_GSO ? PACKET_GSO : 0);
	}
	return 0;
}

/* Changing. */

int packet_check_payload_change(const struct nfbind_packet *packet)
{
	int r = packet_check_change(packet);

	if (r < 0)
		return r;
	return packet->flags & PACKET_TRUNCATED ? -EOPNOTSUPP : 0;
}

struct edit *packet_edit(struct nfbind_packet *packet)
{
	if (packet->edit)
		return packet->edit;
	packet->edit = calloc(1, sizeof(*packet->edit));
	if (packet->batch)
		atomic_store_explicit(&packet->batch->has_edits, true, memory_order_relaxed);
	return packet->edit;
}

void packet_drop_edit(struct nfbind_packet *packet)
{
	struct edit *edit = packet->edit;

	if (!edit)
		return;
	free(edit->l2hdr.data);
	free(edit->ct.data);
	free(edit->exp.data);
	free(edit->payload);
	free(edit);
	packet->edit = NULL;
}

int packet_resize(struct nfbind_packet *packet, uint32_t len)
{
	struct edit *edit;
	uint8_t *room;

	if (len > PAYLOAD_MAX)
		return -EMSGSIZE;
	if (!(packet->flags & PACKET_CHANGED))
		packet->least_len = view_least_len(packet);
	packet->flags |= PACKET_CHANGED;
	if (len != packet->payload_len)
		packet->flags &= (uint8_t)~PACKET_VIEWED;
	if (len <= packet->payload_len) {
		packet->payload_len = len;
		return 0;
	}
	edit = packet_edit(packet);
	if (!edit)
		return -ENOMEM;
	if (!edit->payload || edit->payload_size < len) {
		room = malloc(len);
		if (!room)
			return -ENOMEM;
		memcpy(room, packet->payload, packet->payload_len);
		free(edit->payload);
		edit->payload = room;
		edit->payload_size = len;
	} else if (packet->payload != edit->payload) {
		memcpy(edit->payload, packet->payload, packet->payload_len);
	}
	packet->payload = edit->payload;
	packet->payload_len = len;
	return 0;
}

/* A packet with `len` bytes behind it; aligned_alloc() wants a multiple of the alignment. */
static struct nfbind_packet *allocate(size_t len)
{
	const size_t line = _Alignof(struct nfbind_packet);

	return aligned_alloc(line, (sizeof(struct nfbind_packet) + len + line - 1) / line * line);
}

int packet_make(uint32_t len, struct nfbind_packet **ret_packet)
{
	struct nfbind_packet *packet = allocate(len);

	if (!packet)
		return -ENOMEM;
	memset(packet, 0, sizeof(*packet) + len);
	packet->state = PACKET_FREE;
	packet->flags = PACKET_OWNED;
	packet->payload = (uint8_t *)(packet + 1);
	packet->payload_len = packet->received_len = len;
	*ret_packet = packet;
	return 0;
}

int packet_copy_bytes(struct edit_bytes *to, const struct edit_bytes *from)
{
	if (!from->data)
		return 0;
	to->data = malloc(from->len ? from->len : 1);
	if (!to->data)
		return -ENOMEM;
	memcpy(to->data, from->data, from->len);
	to->len = from->len;
	return 0;
}

static int copy_edit(struct nfbind_packet *copy, const struct nfbind_packet *packet)
{
	const struct edit *from = packet->edit;
	struct edit *edit = packet_edit(copy);

	if (!edit)
		return -ENOMEM;
	edit->vlan_proto = from->vlan_proto;
	edit->vlan_tci = from->vlan_tci;
	if (packet_copy_bytes(&edit->l2hdr, &from->l2hdr) < 0 ||
	    packet_copy_bytes(&edit->ct, &from->ct) < 0 ||
	    packet_copy_bytes(&edit->exp, &from->exp) < 0)
		return -ENOMEM;
	if (packet->payload != from->payload)
		return 0;
	edit->payload = malloc(packet->payload_len ? packet->payload_len : 1);
	if (!edit->payload)
		return -ENOMEM;
	memcpy(edit->payload, packet->payload, packet->payload_len);
	edit->payload_size = packet->payload_len;
	copy->payload = edit->payload;
	return 0;
}

int packet_copy(const struct nfbind_packet *packet, struct nfbind_packet **ret_packet)
{
	struct nfbind_packet *copy = allocate(packet->message_len);

	if (!copy)
		return -ENOMEM;
	*copy = *packet;
	copy->batch = NULL;
	copy->edit = NULL;
	copy->next = copy->previous = NULL;
	copy->flags |= PACKET_OWNED;
	copy->message = (uint8_t *)(copy + 1);
	memcpy(copy->message, packet->message, packet->message_len);
	copy->payload = copy->message + (packet->payload - packet->message);
	if (packet->edit && copy_edit(copy, packet) < 0) {
		packet_drop_edit(copy);
		free(copy);
		return -ENOMEM;
	}
	copy->names = names_hold(packet->names);
	*ret_packet = copy;
	return 0;
}

void packet_release(struct nfbind_packet *packet)
{
	packet_drop_edit(packet);
	names_free(packet->names);
	free(packet);
}

int nfbind_packet_new(const void *data, size_t data_len, struct nfbind_packet **ret_packet)
{
	struct nfbind_packet *packet;
	struct view view;
	int r;

	if (!data)
		return -EINVAL;
	if (data_len > UINT16_MAX)
		return -EMSGSIZE;
	if (view_parse(data, data_len, &view) < 0)
		return -EINVAL;
	r = packet_make((uint32_t)data_len, &packet);
	if (r < 0)
		return r;
	memcpy(packet->payload, data, data_len);
	packet->family = view.version == 4 ? 2 : 10;
	*ret_packet = packet;
	return 0;
}

int nfbind_packet_is_truncated(const struct nfbind_packet *packet)
{
	return packet && packet->flags & PACKET_TRUNCATED ? 1 : 0;
}

int nfbind_packet_is_undecided(const struct nfbind_packet *packet)
{
	uint8_t state = packet ? atomic_load_explicit(&packet->state, memory_order_relaxed) :
				 PACKET_FREE;

	return state == PACKET_UNDECIDED || state == PACKET_HELD;
}
