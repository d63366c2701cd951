/* SPDX-License-Identifier: MIT */
/*
 * Tuples and their protocols; see tuple.h.
 */
#include "tuple.h"

#include <string.h>

static const struct protocol protocols[] = {
	{ 1, TUPLE_ICMP, "icmp" },    { 6, TUPLE_PORTS, "tcp" },     { 17, TUPLE_PORTS, "udp" },
	{ 33, TUPLE_PORTS, "dccp" },  { 47, TUPLE_KEYS, "gre" },     { 58, TUPLE_ICMP, "icmpv6" },
	{ 132, TUPLE_PORTS, "sctp" }, { 136, TUPLE_PORTS, "udplite" },
};

enum { PROTOCOLS = sizeof(protocols) / sizeof(protocols[0]) };

const struct protocol *tuple_protocol(uint64_t number)
{
	static const struct protocol unknown = { 0, TUPLE_NOTHING, "unknown" };

	for (size_t i = 0; i < PROTOCOLS; i++)
		if (protocols[i].number == number)
			return &protocols[i];
	return &unknown;
}

const struct protocol *tuple_find_protocol(const char *name, size_t name_len)
{
	for (size_t i = 0; i < PROTOCOLS; i++)
		if (strlen(protocols[i].name) == name_len &&
		    memcmp(protocols[i].name, name, name_len) == 0)
			return &protocols[i];
	return NULL;
}

/* Replies have types of their own; others are answered with the same. */
static uint8_t reply_type(uint8_t l4proto, uint8_t type)
{
	static const uint8_t v4[][2] = { { 8, 0 }, { 0, 8 }, { 13, 14 }, { 14, 13 },
					 { 15, 16 }, { 16, 15 }, { 17, 18 }, { 18, 17 } };
	static const uint8_t v6[][2] = { { 128, 129 }, { 129, 128 }, { 139, 140 }, { 140, 139 } };
	const uint8_t(*pairs)[2] = l4proto == 1 ? v4 : v6;
	size_t count = l4proto == 1 ? sizeof(v4) / 2 : sizeof(v6) / 2;

	for (size_t i = 0; i < count; i++)
		if (pairs[i][0] == type)
			return pairs[i][1];
	return type;
}

int tuple_copy_field(const struct nfbind_fields *fields, void *object, uint32_t to, uint32_t from)
{
	const void *data;
	size_t data_len;
	uint64_t value;

	if (field_get_number(fields, object, from, &value) == 0)
		return field_set_number(fields, object, to, value);
	if (field_get_bytes(fields, object, from, &data, &data_len) == 0)
		return field_set_bytes(fields, object, to, data, data_len);
	return 0;
}

int tuple_invert(const struct nfbind_fields *fields, void *object, uint32_t to, uint32_t from)
{
	static const uint8_t swapped[][2] = {
		{ OF_SRC, OF_DST }, { OF_DST, OF_SRC },
		{ OF_L3PROTO, OF_L3PROTO }, { OF_L4PROTO, OF_L4PROTO },
		{ OF_PORT_SRC, OF_PORT_DST }, { OF_PORT_DST, OF_PORT_SRC },
		{ OF_ICMP_TYPE, OF_ICMP_TYPE }, { OF_ICMP_CODE, OF_ICMP_CODE },
		{ OF_ICMP_ID, OF_ICMP_ID },
	};
	uint64_t l4proto = field_number_or(fields, object, from + OF_L4PROTO, 0);
	uint64_t type;
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(swapped) / sizeof(swapped[0]); i++)
		r = tuple_copy_field(fields, object, to + swapped[i][0], from + swapped[i][1]);
	if (r == 0 && field_get_number(fields, object, from + OF_ICMP_TYPE, &type) == 0)
		r = field_set_number(fields, object, to + OF_ICMP_TYPE,
				     reply_type((uint8_t)l4proto, (uint8_t)type));
	return r;
}
