/* SPDX-License-Identifier: MIT */
/*
 * Pieces of the written forms that connections and expectations share; see format.h.
 */
#include "format.h"

#include <arpa/inet.h>
#include <time.h>

#include "tuple.h"

struct side format_side(const void *object, const struct tuple *tuple, uint32_t first)
{
	struct side side = { .tuple = tuple };

	for (uint32_t i = 0; i < TUPLE_FIELDS; i++)
		side.present |= (uint32_t)format_has(object, first + i) << i;
	return side;
}

const char *format_family(uint64_t l3proto)
{
	return l3proto == 2 ? "ipv4" : l3proto == 10 ? "ipv6" : "unknown";
}

uint64_t format_age(const struct nfbind_ct *ct)
{
	enum { NANOSECONDS = 1000000000 };
	uint64_t start = ct->timestamp_start / NANOSECONDS;
	uint64_t end = format_has(ct, NFBIND_CT_TIMESTAMP_STOP) ?
			       ct->timestamp_stop / NANOSECONDS :
			       (uint64_t)time(NULL);

	return end > start ? end - start : 0;
}

void format_state(const struct value_name *names, uint64_t value, struct text *text)
{
	while (names->name && names->value != value)
		names++;
	for (const char *c = names->name ? names->name : "none"; *c; c++)
		text_add(text, "%c", *c == '-' ? '_' : *c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
}

void format_address(const struct address *address, struct text *text)
{
	char printed[INET6_ADDRSTRLEN] = "";

	inet_ntop(address->len == 4 ? AF_INET : AF_INET6, address->bytes, printed,
		  sizeof(printed));
	text_add(text, "%s", printed);
}

void format_values(const struct side *side, struct text *text)
{
	const struct tuple *tuple = side->tuple;

	switch (side->present >> OF_L4PROTO & 1 ? tuple_protocol(tuple->l4proto)->values :
						  TUPLE_NOTHING) {
	case TUPLE_PORTS:
		PIECE(text, "sport=%u dport=%u", tuple->port_src, tuple->port_dst);
		break;
	case TUPLE_KEYS:
		PIECE(text, "srckey=0x%x dstkey=0x%x", tuple->port_src, tuple->port_dst);
		break;
	case TUPLE_ICMP:
		PIECE(text, "type=%u code=%u id=%u", tuple->icmp_type, tuple->icmp_code,
		      tuple->icmp_id);
		break;
	default:
		break;
	}
}

void format_labels(const struct nfbind_labels *labels, const uint8_t *bytes, size_t len,
		   struct text *text)
{
	const char *separator = "=";

	for (uint32_t bit = 0; bit < len * 8; bit++) {
		const char *name = nfbind_labels_get_name(labels, bit);

		if (!name || !(bytes[bit / 8] >> (bit % 8) & 1))
			continue;
		text_add(text, "%s%s", separator, name);
		separator = ",";
	}
}
