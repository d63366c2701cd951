/* SPDX-License-Identifier: MIT */
/*
 * What the fuzz programs share: reading everything that a packet has, and numbers
 * taken from the end of the input, so that the messages at its start stay whole.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netlink.h>

#include <nfbind/nfbind.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct choices {
	const uint8_t *data;
	size_t len;
};

static inline uint32_t choose(struct choices *choices, uint32_t count)
{
	uint32_t value = 0;

	for (uint32_t left = count ? count - 1 : UINT32_MAX; left > 0 && choices->len > 0; left >>= 8)
		value = value << 8 | choices->data[--choices->len];
	return count ? value % count : value;
}

/* A datagram of the rest of the input, with a length before it. */
static inline const uint8_t *take_datagram(const uint8_t **rest, size_t *rest_len, size_t *ret_len)
{
	const uint8_t *data = *rest;
	size_t len;

	if (*rest_len < 2)
		return NULL;
	len = (size_t)(data[0] | data[1] << 8);
	data += 2;
	*rest_len -= 2;
	if (len == 0 || len > *rest_len)
		len = *rest_len;
	*rest = data + len;
	*rest_len -= len;
	*ret_len = len;
	return data;
}

/* What is sent: the kernel would refuse a message whose lengths lie. */
static inline void check_message(const void *message, size_t len)
{
	const struct nlmsghdr *header = message;
	size_t offset = NLMSG_HDRLEN + 4;

	if (header->nlmsg_len != len || len < offset)
		abort();
	while (offset + NLA_HDRLEN <= len) {
		const struct nlattr *attribute = (const struct nlattr *)((const uint8_t *)message + offset);

		if (attribute->nla_len < NLA_HDRLEN || attribute->nla_len > len - offset)
			abort();
		offset += NLA_ALIGN(attribute->nla_len);
	}
}

/* Every byte of the result is looked at, so that the sanitizer sees one that is not there. */
static inline void look_at(const void *data, size_t len)
{
	const uint8_t *bytes = data;
	volatile uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + bytes[i]);
}

static inline void read_packet(const struct nfbind_packet *packet)
{
	uint32_t count = nfbind_fields_count(nfbind_packet_fields());
	static char text[256 << 10];
	struct nfbind_ct *ct;
	const void *data;
	uint32_t wrong;
	uint64_t value;
	size_t len;

	for (uint32_t field = 0; field < count; field++) {
		(void)nfbind_packet_has(packet, field);
		(void)nfbind_packet_get_number(packet, field, &value);
		if (nfbind_packet_get_bytes(packet, field, &data, &len) == 0)
			look_at(data, len);
	}
	(void)nfbind_packet_verify(packet, &wrong);
	(void)nfbind_packet_print(packet, NFBIND_PACKET_FORMAT_LINE, text, 40);
	(void)nfbind_packet_print(packet, NFBIND_PACKET_FORMAT_FIELDS, text, sizeof(text));
	if (nfbind_ct_new(&ct) < 0)
		return;
	if (nfbind_packet_get_ct(packet, ct) == 0)
		(void)nfbind_ct_print(ct, NFBIND_FORMAT_FIELDS, 0, NULL, text, sizeof(text));
	nfbind_ct_free(ct);
}

/* One change of the packet, legal or not. */
static inline void change_packet(struct nfbind_packet *packet, struct choices *choices)
{
	uint32_t field = choose(choices, nfbind_fields_count(nfbind_packet_fields()) + 1);
	uint8_t bytes[64];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)choose(choices, 256);
	switch (choose(choices, 5)) {
	case 0:
		(void)nfbind_packet_set_number(packet, field, choose(choices, 0));
		break;
	case 1:
		(void)nfbind_packet_set_bytes(packet, field, bytes, choose(choices, sizeof(bytes)));
		break;
	case 2:
		(void)nfbind_packet_splice(packet, choose(choices, 64), choose(choices, 64), bytes,
					   choose(choices, sizeof(bytes)));
		break;
	case 3:
		(void)nfbind_packet_clear(packet, field);
		break;
	default:
		(void)nfbind_packet_set_number(packet, field, choose(choices, 256));
	}
}

#endif
