/* SPDX-License-Identifier: MIT */
/*
 * A packet as text: one line for people, or every field for tests and bug reports.
 */
#include "packet.h"

#include <errno.h>
#include <inttypes.h>

#include "ct.h"
#include "text.h"
#include "view.h"

static void print_device(const struct nfbind_packet *packet, uint32_t field, uint32_t name_field,
			 const char *arrow, struct text *text)
{
	const void *name;
	size_t name_len;
	uint64_t index;

	if (nfbind_packet_get_bytes(packet, name_field, &name, &name_len) == 0)
		text_add(text, " %s %.*s", arrow, (int)name_len, (const char *)name);
	else if (nfbind_packet_get_number(packet, field, &index) == 0)
		text_add(text, " %s if%" PRIu64, arrow, index);
}

static void print_line(const struct nfbind_packet *packet, struct text *text)
{
	uint64_t mark;

	if (packet->message) {
		text_add(text, "queue %u id %" PRIu32 " ", packet->queue, packet->id);
		field_print_number(&packet_fields.rows[NFBIND_PACKET_HOOK], packet->hook, text);
	}
	print_device(packet, NFBIND_PACKET_INDEV, NFBIND_PACKET_INDEV_NAME, "from", text);
	print_device(packet, NFBIND_PACKET_OUTDEV, NFBIND_PACKET_OUTDEV_NAME, "to", text);
	text_add(text, "%s", text->len > 0 ? ", " : "");
	view_print(packet, text);
	text_add(text, ", %" PRIu32 " bytes", packet->payload_len);
	if (packet->flags & PACKET_TRUNCATED)
		text_add(text, " (truncated)");
	if (nfbind_packet_get_number(packet, NFBIND_PACKET_MARK, &mark) == 0)
		text_add(text, ", mark 0x%" PRIx64, mark);
}

static void print_connection(const struct nfbind_packet *packet, struct text *text)
{
	struct nfbind_ct ct = { 0 };
	int r = nfbind_packet_get_ct(packet, &ct);

	if (r == 0) {
		text_add(text, "ct={");
		field_print(&ct_fields, &ct, text);
		text_add(text, "}\n");
	} else if (r != -ENODATA) {
		text_add(text, "ct=malformed\n");
	}
	field_reset(&ct_fields, &ct);
}

static void print_field(const struct nfbind_packet *packet, uint32_t field, struct text *text)
{
	const struct field *row = &packet_fields.rows[field];
	const void *data;
	size_t data_len;
	uint64_t value;

	if (row->kind == NFBIND_KIND_CT) {
		print_connection(packet, text);
	} else if (nfbind_packet_get_number(packet, field, &value) == 0) {
		text_add(text, "%s=", row->name);
		field_print_number(row, value, text);
		text_add(text, "\n");
	} else if (nfbind_packet_get_bytes(packet, field, &data, &data_len) == 0) {
		text_add(text, "%s=", row->name);
		field_print_bytes(row, data, data_len, text);
		text_add(text, "\n");
	}
}

int nfbind_packet_print(const struct nfbind_packet *packet, uint32_t format, char *ret_text,
			size_t ret_text_size)
{
	struct text text;

	if (!packet || format > NFBIND_PACKET_FORMAT_FIELDS)
		return -EINVAL;
	text_start(&text, ret_text, ret_text_size);
	if (format == NFBIND_PACKET_FORMAT_LINE) {
		print_line(packet, &text);
	} else {
		for (uint32_t field = 0; field < packet_fields.count; field++)
			print_field(packet, field, &text);
	}
	return (int)text.len;
}
