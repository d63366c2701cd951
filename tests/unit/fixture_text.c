/* SPDX-License-Identifier: MIT */
/*
 * Recorded datagrams as text; see fixture_text.h.
 */
#include "fixture_text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <nfbind/packet.h>

#include "ct.h"
#include "cthelper.h"
#include "text.h"
#include "uapi.h"
#include "wire.h"

static int print_packets(const uint8_t *data, size_t len, struct text *text)
{
	static char room[1 << 20];
	struct nfbind_batch *batch;
	int r = nfbind_batch_parse(data, len, &batch);

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < nfbind_batch_count(batch); i++) {
		struct nfbind_packet *packet = nfbind_batch_packet(batch, i);

		nfbind_packet_print(packet, NFBIND_PACKET_FORMAT_LINE, room, sizeof(room));
		text_add(text, "%s\n", room);
		nfbind_packet_print(packet, NFBIND_PACKET_FORMAT_FIELDS, room, sizeof(room));
		text_add(text, "%s", room);
	}
	nfbind_batch_free(batch);
	return 0;
}

static int print_ct(const uint8_t *attributes, size_t len, struct text *text)
{
	struct nfbind_ct *ct;
	int r = nfbind_ct_new(&ct);

	if (r == 0)
		r = wire_parse(&ct_wires, attributes, len, ct);
	if (r == 0)
		field_print(&ct_fields, ct, text);
	nfbind_ct_free(ct);
	return r;
}

static int print_exp(const uint8_t *attributes, size_t len, struct text *text)
{
	struct nfbind_exp *exp;
	int r = nfbind_exp_new(&exp);

	if (r == 0)
		r = wire_parse(&exp_wires, attributes, len, exp);
	if (r == 0)
		field_print(&exp_fields, exp, text);
	nfbind_exp_free(exp);
	return r;
}

static int print_cthelper(const uint8_t *attributes, size_t len, struct text *text)
{
	struct nfbind_cthelper *cthelper;
	int r = nfbind_cthelper_new(&cthelper);

	if (r == 0)
		r = wire_parse(&cthelper_wires, attributes, len, cthelper);
	if (r == 0)
		field_print(&cthelper_fields, cthelper, text);
	nfbind_cthelper_free(cthelper);
	return r;
}

static int print_message(const struct nlmsghdr *message, struct text *text)
{
	const size_t skip = NLMSG_HDRLEN + sizeof(struct nfgenmsg);
	unsigned int subsystem = message->nlmsg_type >> 8;
	const uint8_t *attributes = (const uint8_t *)message + skip;
	int r;

	if (message->nlmsg_type < NLMSG_MIN_TYPE) {
		text_add(text, "control message %u\n", message->nlmsg_type);
		return 0;
	}
	if (message->nlmsg_len < skip)
		return -EBADMSG;
	text_add(text, "%s: ", (message->nlmsg_type & 0xff) == 0 ? "new" :
			       (message->nlmsg_type & 0xff) == 2 ? "delete" : "other");
	if (subsystem == KERNEL_SUBSYS_CTNETLINK)
		r = print_ct(attributes, message->nlmsg_len - skip, text);
	else if (subsystem == KERNEL_SUBSYS_CTHELPER)
		r = print_cthelper(attributes, message->nlmsg_len - skip, text);
	else
		r = print_exp(attributes, message->nlmsg_len - skip, text);
	text_add(text, "\n");
	return r;
}

static int print_messages(const uint8_t *data, size_t len, struct text *text)
{
	const struct nlmsghdr *message;
	size_t offset = 0;
	int error = 0, r = 0;

	while (r == 0 && (message = wire_next_message(data, len, &offset, &error)))
		r = print_message(message, text);
	return r < 0 ? r : error;
}

int fixture_print(const char *name, const uint8_t *data, size_t len, char *text, size_t size)
{
	struct text out;
	int r;

	text_start(&out, text, size);
	r = strncmp(name, "packet-", 7) == 0 ? print_packets(data, len, &out) :
					       print_messages(data, len, &out);
	return r < 0 ? r : (int)out.len;
}
