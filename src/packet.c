/* SPDX-License-Identifier: MIT */
/*
 * The packet object: parsed once into an index of attribute offsets, read from
 * there, changed beside it. Decisions are the ledger's; headers inside the payload
 * are the view's.
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

int packet_check_change(const struct nfbind_packet *packet)
{
	switch (atomic_load_explicit(&packet->state, memory_order_relaxed)) {
	case PACKET_FREE:
	case PACKET_UNDECIDED:
	case PACKET_HELD:
		return 0;
	default:
		return -EALREADY;
	}
}

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

static int copy_bytes(struct edit_bytes *to, const struct edit_bytes *from)
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
	if (copy_bytes(&edit->l2hdr, &from->l2hdr) < 0 || copy_bytes(&edit->ct, &from->ct) < 0 ||
	    copy_bytes(&edit->exp, &from->exp) < 0)
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

/* Fields. */

const struct nfbind_fields *nfbind_packet_fields(void)
{
	return &packet_fields;
}

/* A packet made from bytes waits in no queue: of these it has its family alone. */
static int get_member(const struct nfbind_packet *packet, uint32_t field, uint64_t value,
		      uint64_t *ret_value)
{
	if (!packet->message && field != NFBIND_PACKET_FAMILY)
		return -ENODATA;
	*ret_value = value;
	return 0;
}

static int get_attribute_number(const struct nfbind_packet *packet,
				const struct packet_source *source, uint64_t *ret_value)
{
	const void *data;
	size_t len;

	if (source->set && packet->set & source->set) {
		*ret_value = *(const uint32_t *)((const uint8_t *)packet + source->offset);
		return 0;
	}
	data = packet_attribute(packet, source->attribute, &len);
	if (!data)
		return -ENODATA;
	*ret_value = wire_read_u32(data);
	return 0;
}

static int get_timestamp(const struct nfbind_packet *packet, uint64_t *ret_value)
{
	size_t len;
	const uint8_t *data = packet_attribute(packet, KERNEL_NFQA_TIMESTAMP, &len);

	if (!data)
		return -ENODATA;
	*ret_value = wire_read_u64(data) * 1000000000u + wire_read_u64(data + 8) * 1000u;
	return 0;
}

static int get_vlan(const struct nfbind_packet *packet, const struct packet_source *source,
		    uint64_t *ret_value)
{
	const struct nlattr *attribute;
	size_t len, offset = 0;
	int error = 0;
	const void *nest;

	if (packet->set & source->set) {
		*ret_value = *(const uint16_t *)((const uint8_t *)packet->edit + source->offset);
		return 0;
	}
	nest = packet_attribute(packet, KERNEL_NFQA_VLAN, &len);
	while (nest && (attribute = wire_next(nest, len, &offset, &error))) {
		if (wire_type(attribute) != source->attribute || wire_payload_len(attribute) < 2)
			continue;
		*ret_value = wire_read_u16(wire_payload(attribute));
		return 0;
	}
	return -ENODATA;
}

int packet_vlan(const struct nfbind_packet *packet, uint16_t *ret_proto, uint16_t *ret_tci)
{
	uint64_t proto, tci;

	if (get_vlan(packet, &packet_sources[NFBIND_PACKET_VLAN_PROTO], &proto) < 0 ||
	    get_vlan(packet, &packet_sources[NFBIND_PACKET_VLAN_TCI], &tci) < 0)
		return -EINVAL;
	*ret_proto = (uint16_t)proto;
	*ret_tci = (uint16_t)tci;
	return 0;
}

int nfbind_packet_get_number(const struct nfbind_packet *packet, uint32_t field,
			     uint64_t *ret_value)
{
	const uint8_t *at;

	if (!packet || field >= packet_fields.count)
		return -ERANGE;
	if (field >= NFBIND_PACKET_IP_VERSION)
		return field_is_number(&packet_fields.rows[field]) ?
			       view_get_number(packet, field, ret_value) : -EINVAL;
	at = (const uint8_t *)packet + packet_sources[field].offset;
	switch (packet_sources[field].from) {
	case FROM_U8:
		return get_member(packet, field, *at, ret_value);
	case FROM_U16:
		return get_member(packet, field, *(const uint16_t *)at, ret_value);
	case FROM_U32:
		return get_member(packet, field, *(const uint32_t *)at, ret_value);
	case FROM_NUMBER:
		return get_attribute_number(packet, &packet_sources[field], ret_value);
	case FROM_TIMESTAMP:
		return get_timestamp(packet, ret_value);
	case FROM_VLAN:
		return get_vlan(packet, &packet_sources[field], ret_value);
	default:
		return -EINVAL;
	}
}

static int get_device(const struct nfbind_packet *packet, unsigned int attribute,
		      const void **ret_data, size_t *ret_data_len)
{
	size_t len;
	const void *index = packet_attribute(packet, attribute, &len);
	const char *name = index ? names_find(packet->names, wire_read_u32(index)) : NULL;

	if (!name)
		return -ENODATA;
	*ret_data = name;
	*ret_data_len = strlen(name);
	return 0;
}

static int get_hwaddr(const struct nfbind_packet *packet, const void **ret_data,
		      size_t *ret_data_len)
{
	size_t len;
	const uint8_t *data = packet_attribute(packet, KERNEL_NFQA_HWADDR, &len);
	uint16_t address_len;

	if (!data)
		return -ENODATA;
	address_len = wire_read_u16(data);
	*ret_data = data + 4;
	*ret_data_len = address_len < 8 ? address_len : 8;
	return 0;
}

static int get_l2hdr(const struct nfbind_packet *packet, const void **ret_data,
		     size_t *ret_data_len)
{
	if (packet->set & SET_L2HDR) {
		*ret_data = packet->edit->l2hdr.data;
		*ret_data_len = packet->edit->l2hdr.len;
		return 0;
	}
	*ret_data = packet_attribute(packet, KERNEL_NFQA_L2HDR, ret_data_len);
	return *ret_data ? 0 : -ENODATA;
}

static int get_payload(const struct nfbind_packet *packet, const void **ret_data,
		       size_t *ret_data_len)
{
	if (packet->message && packet->attributes[KERNEL_NFQA_PAYLOAD] == 0 &&
	    !(packet->flags & PACKET_CHANGED))
		return -ENODATA;
	*ret_data = packet->payload;
	*ret_data_len = packet->payload_len;
	return 0;
}

/* One security module counts the NUL at the end of a label, another sends none. */
static int get_text(const struct nfbind_packet *packet, unsigned int attribute,
		    const void **ret_data, size_t *ret_data_len)
{
	size_t len;
	const void *data = packet_attribute(packet, attribute, &len);

	if (!data)
		return -ENODATA;
	*ret_data = data;
	*ret_data_len = strnlen(data, len);
	return 0;
}

int nfbind_packet_get_bytes(const struct nfbind_packet *packet, uint32_t field,
			    const void **ret_data, size_t *ret_data_len)
{
	const struct packet_source *source;

	if (!packet || field >= packet_fields.count)
		return -ERANGE;
	if (field >= NFBIND_PACKET_IP_VERSION)
		return field_check_bytes(&packet_fields.rows[field], 4) == -EINVAL ?
			       -EINVAL : view_get_bytes(packet, field, ret_data, ret_data_len);
	source = &packet_sources[field];
	switch (source->from) {
	case FROM_TEXT:
		return get_text(packet, source->attribute, ret_data, ret_data_len);
	case FROM_DEVICE:
		return get_device(packet, source->attribute, ret_data, ret_data_len);
	case FROM_HWADDR:
		return get_hwaddr(packet, ret_data, ret_data_len);
	case FROM_L2HDR:
		return get_l2hdr(packet, ret_data, ret_data_len);
	case FROM_PAYLOAD:
		return get_payload(packet, ret_data, ret_data_len);
	default:
		return -EINVAL;
	}
}

int nfbind_packet_has(const struct nfbind_packet *packet, uint32_t field)
{
	const struct field *row = field_row(&packet_fields, field);
	const void *data;
	size_t data_len;
	uint64_t value;

	if (!packet || !row)
		return -ERANGE;
	if (field_is_number(row))
		return nfbind_packet_get_number(packet, field, &value) == 0;
	if (row->kind == NFBIND_KIND_CT || row->kind == NFBIND_KIND_EXP)
		return packet->attributes[packet_sources[field].attribute] != 0 ||
		       (packet->set & packet_sources[field].set) != 0;
	return nfbind_packet_get_bytes(packet, field, &data, &data_len) == 0;
}

static bool can_set(const struct field *row)
{
	return row->directions & (NFBIND_DIRECTION_VERDICT | NFBIND_DIRECTION_EDIT);
}

static int set_vlan(struct nfbind_packet *packet, const struct packet_source *source,
		    uint16_t value)
{
	if (!packet_edit(packet))
		return -ENOMEM;
	*(uint16_t *)((uint8_t *)packet->edit + source->offset) = value;
	packet->set |= source->set;
	return 0;
}

int nfbind_packet_set_number(struct nfbind_packet *packet, uint32_t field, uint64_t value)
{
	const struct field *row = field_row(&packet_fields, field);
	const struct packet_source *source;
	int r;

	if (!packet || !row)
		return -ERANGE;
	r = field_check_number(row, value);
	if (r < 0)
		return r;
	if (!can_set(row))
		return -EACCES;
	r = packet_check_change(packet);
	if (r < 0)
		return r;
	if (field >= NFBIND_PACKET_IP_VERSION)
		return view_set_number(packet, field, value);
	source = &packet_sources[field];
	if (source->from == FROM_VLAN)
		return set_vlan(packet, source, (uint16_t)value);
	*(uint32_t *)((uint8_t *)packet + source->offset) = (uint32_t)value;
	packet->set |= source->set;
	return 0;
}

static int set_payload(struct nfbind_packet *packet, const void *data, size_t data_len)
{
	const void *from = data;
	void *copy = NULL;
	int r = packet_check_payload_change(packet);

	if (r < 0)
		return r;
	if (data_len > PAYLOAD_MAX)
		return -EMSGSIZE;
	/* Segmenting drops a packet that is no longer than one segment; nobody tells how long one is. */
	if (packet->flags & PACKET_GSO && data_len < packet->received_len)
		return -EOPNOTSUPP;
	/* The new bytes may be part of the old ones, which a resize would move or free. */
	if (data_len > packet->payload_len) {
		from = copy = malloc(data_len);
		if (!copy)
			return -ENOMEM;
		memcpy(copy, data, data_len);
	}
	r = packet_resize(packet, (uint32_t)data_len);
	packet->flags &= (uint8_t)~PACKET_VIEWED;
	if (r == 0 && data_len > 0)
		memmove(packet->payload, from, data_len);
	free(copy);
	return r;
}

static int set_l2hdr(struct nfbind_packet *packet, const void *data, size_t data_len)
{
	struct edit_bytes bytes = { 0 };
	struct edit_bytes from = { .data = (uint8_t *)(uintptr_t)data, .len = (uint32_t)data_len };
	size_t received_len;

	/* nfqa_parse_bridge() drops the packet when the lengths differ. */
	if (!packet_attribute(packet, KERNEL_NFQA_L2HDR, &received_len) || received_len != data_len)
		return -EINVAL;
	if (!packet_edit(packet) || copy_bytes(&bytes, &from) < 0)
		return -ENOMEM;
	free(packet->edit->l2hdr.data);
	packet->edit->l2hdr = bytes;
	packet->set |= SET_L2HDR;
	return 0;
}

int nfbind_packet_set_bytes(struct nfbind_packet *packet, uint32_t field, const void *data,
			    size_t data_len)
{
	const struct field *row = field_row(&packet_fields, field);
	int r;

	if (!packet || !row)
		return -ERANGE;
	if (!data && data_len > 0)
		return -EINVAL;
	r = field_check_bytes(row, data_len);
	if (r < 0)
		return r;
	if (!can_set(row))
		return -EACCES;
	r = packet_check_change(packet);
	if (r < 0)
		return r;
	if (field >= NFBIND_PACKET_IP_VERSION)
		return view_set_bytes(packet, field, data, data_len);
	return packet_sources[field].from == FROM_L2HDR ? set_l2hdr(packet, data, data_len) :
							  set_payload(packet, data, data_len);
}

int nfbind_packet_clear(struct nfbind_packet *packet, uint32_t field)
{
	const struct field *row = field_row(&packet_fields, field);
	int r;

	if (!packet || !row)
		return -ERANGE;
	/* Bytes that were changed in place cannot be brought back. */
	if (field >= NFBIND_PACKET_IP_VERSION || packet_sources[field].set == 0)
		return -EACCES;
	r = packet_check_change(packet);
	if (r < 0)
		return r;
	packet->set &= ~(uint32_t)packet_sources[field].set;
	return 0;
}
