/* SPDX-License-Identifier: MIT */
/*
 * The fields of a packet: packet_tables.c says where each one is, in what the kernel sent
 * or beside it. Those inside the payload are the view's.
 */
#include "packet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "packet_tables.h"
#include "view.h"
#include "wire.h"

const struct nfbind_fields *nfbind_packet_fields(void)
{
	return &packet_fields;
}

/* Numbers. */

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

/* Bytes. */

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

/* Setting. */

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
	/* Segmenting drops what is no longer than one segment; nobody tells how long one is. */
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
	if (!packet_edit(packet) || packet_copy_bytes(&bytes, &from) < 0)
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
