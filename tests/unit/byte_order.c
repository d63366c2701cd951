/* SPDX-License-Identifier: MIT */
/* Recordings in this machine's byte order; see byte_order.h. */
#include "byte_order.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>

static void turn(uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size / 2; i++) {
		uint8_t byte = data[i];

		data[i] = data[size - 1 - i];
		data[size - 1 - i] = byte;
	}
}

static void turn_header(uint8_t *data)
{
	turn(data, 4);
	turn(data + 4, 2);
	turn(data + 6, 2);
	turn(data + 8, 4);
	turn(data + 12, 4);
}

/* Labels are bits of words as wide as a long. */
static void turn_labels(uint8_t *data, size_t len)
{
	for (size_t i = 0; i + sizeof(long) <= len; i += sizeof(long))
		turn(data + i, sizeof(long));
}

/* `labels` is the type that has labels at this level, 0 for none. */
static void turn_attributes(uint8_t *data, size_t len, unsigned int labels, int is_packet)
{
	while (len >= NLA_HDRLEN) {
		size_t attribute_len = data[0] | data[1] << 8;
		unsigned int type = data[2] | data[3] << 8, number = type & NLA_TYPE_MASK;

		turn(data, 2);
		turn(data + 2, 2);
		if (attribute_len < NLA_HDRLEN || attribute_len > len)
			return;
		if (type & NLA_F_NESTED)
			turn_attributes(data + NLA_HDRLEN, attribute_len - NLA_HDRLEN,
					is_packet && number == NFQA_CT ? CTA_LABELS : 0, 0);
		else if (labels && (number == labels || number == CTA_LABELS_MASK))
			turn_labels(data + NLA_HDRLEN, attribute_len - NLA_HDRLEN);
		attribute_len = NLA_ALIGN(attribute_len);
		if (attribute_len > len)
			return;
		data += attribute_len;
		len -= attribute_len;
	}
}

static void turn_message(uint8_t *data, size_t len);

/* An error number, the request's header or all of it, and perhaps what the kernel says of it. */
static void turn_error(uint8_t *data, size_t len, unsigned int flags)
{
	size_t request_len;

	if (len < sizeof(struct nlmsgerr))
		return;
	turn(data, 4);
	request_len = data[4] | data[5] << 8;
	if (flags & NLM_F_CAPPED || request_len < NLMSG_HDRLEN || request_len > len - 4)
		request_len = NLMSG_HDRLEN;
	if (request_len == NLMSG_HDRLEN)
		turn_header(data + 4);
	else
		turn_message(data + 4, request_len);
	request_len = 4 + NLMSG_ALIGN(request_len);
	/* Its numbers, as the offset of what is wrong, are read by nobody. */
	if (flags & NLM_F_ACK_TLVS && request_len < len)
		turn_attributes(data + request_len, len - request_len, 0, 0);
}

static void turn_message(uint8_t *data, size_t len)
{
	unsigned int type = data[4] | data[5] << 8, flags = data[6] | data[7] << 8;
	unsigned int family = type >> 8;
	const size_t head = NLMSG_HDRLEN + sizeof(struct nfgenmsg);

	turn_header(data);
	if (type == NLMSG_ERROR)
		turn_error(data + NLMSG_HDRLEN, len - NLMSG_HDRLEN, flags);
	else if (type == NLMSG_DONE && len >= NLMSG_HDRLEN + 4)
		turn(data + NLMSG_HDRLEN, 4);
	else if (type >= NLMSG_MIN_TYPE && len >= head)
		turn_attributes(data + head, len - head,
				family == NFNL_SUBSYS_CTNETLINK ? CTA_LABELS : 0,
				family == NFNL_SUBSYS_QUEUE);
}

void byte_order_turn(uint8_t *data, size_t len)
{
	if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
		return;
	while (len >= NLMSG_HDRLEN) {
		size_t message_len = data[0] | data[1] << 8 | data[2] << 16;

		if (message_len < NLMSG_HDRLEN || message_len > len)
			message_len = len;
		turn_message(data, message_len);
		message_len = NLMSG_ALIGN(message_len);
		if (message_len >= len)
			return;
		data += message_len;
		len -= message_len;
	}
}
