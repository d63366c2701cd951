/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: netlink messages as the kernel, or somebody who claims to be it, may
 * send them. Everything that can be read of a packet is read and printed, and the
 * same bytes are taken for a connection, an expectation and a helper.
 */
#include <stdlib.h>
#include <string.h>

#include <nfbind/nfbind.h>

#include "ct.h"
#include "cthelper.h"
#include "wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint8_t sink;

/* Touch every byte, so that a sanitizer sees one that is not ours. */
static void touch(const void *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sink ^= ((const uint8_t *)data)[i];
}

static void read_fields(const struct nfbind_packet *packet)
{
	uint32_t count = nfbind_fields_count(nfbind_packet_fields());

	for (uint32_t field = 0; field < count + 1; field++) {
		const void *data;
		uint64_t value;
		size_t len;
		int has = nfbind_packet_has(packet, field);
		bool got = nfbind_packet_get_number(packet, field, &value) == 0;

		if (nfbind_packet_get_bytes(packet, field, &data, &len) == 0) {
			touch(data, len);
			got = true;
		}
		if (got && has != 1)
			abort();
	}
}

static void print_packet(const struct nfbind_packet *packet)
{
	for (uint32_t format = 0; format <= NFBIND_PACKET_FORMAT_FIELDS; format++) {
		int len = nfbind_packet_print(packet, format, NULL, 0);
		char *text = malloc((size_t)len + 1);

		if (!text || nfbind_packet_print(packet, format, text, (size_t)len + 1) != len ||
		    strlen(text) != (size_t)len)
			abort();
		free(text);
	}
}

static void read_packet(const struct nfbind_packet *packet)
{
	struct nfbind_packet *made;
	struct nfbind_ct *ct;
	uint32_t wrong;

	read_fields(packet);
	print_packet(packet);
	(void)nfbind_packet_verify(packet, &wrong);
	if (nfbind_ct_new(&ct) == 0) {
		(void)nfbind_packet_get_ct(packet, ct);
		nfbind_ct_free(ct);
	}
	if (nfbind_packet_build_reply(packet, NFBIND_TCP_FLAG_RST, NULL, 0, &made) == 0)
		nfbind_packet_free(made);
	if (nfbind_packet_build_unreachable(packet, 3, &made) == 0)
		nfbind_packet_free(made);
}

static void read_batch(const uint8_t *data, size_t size)
{
	struct nfbind_packet_summary summary;
	struct nfbind_packet_headers headers;
	struct nfbind_batch *batch;
	const void *start;
	size_t start_size;

	if (nfbind_batch_parse(data, size, &batch) < 0)
		return;
	(void)nfbind_batch_get_data(batch, &start, &start_size);
	for (uint32_t i = 0; i < nfbind_batch_count(batch); i++)
		read_packet(nfbind_batch_packet(batch, i));
	if (nfbind_batch_count(batch) == 1 &&
	    nfbind_batch_export(batch, &summary, 1, sizeof(summary)) == 1) {
		touch((const uint8_t *)start + summary.payload_offset, summary.payload_len);
		touch((const uint8_t *)start + summary.secctx_offset, summary.secctx_len);
		touch((const uint8_t *)start + summary.l2hdr_offset, summary.l2hdr_len);
	}
	if (nfbind_batch_count(batch) == 1 &&
	    nfbind_batch_export_headers(batch, &headers, 1, sizeof(headers)) == 1)
		touch((const uint8_t *)start + headers.l4_payload_offset, headers.l4_payload_len);
	nfbind_batch_free(batch);
}

/* What was parsed can be built, and says the same again. */
static void round_trip(const struct wire_table *table, const void *object, void *again)
{
	static uint8_t room[16384] __attribute__((aligned(8)));
	struct wire_buffer buffer = { .data = room, .size = sizeof(room) };

	wire_build(table, object, &buffer);
	if (buffer.failed)
		return;
	if (wire_parse(table, room, buffer.len, again) < 0)
		abort();
}

/* Of a helper all that was parsed is built, policies with a name alone counted. */
static void read_cthelper(const uint8_t *data, size_t size)
{
	struct nfbind_cthelper cthelper = { 0 }, again = { 0 };
	char text[300];

	if (wire_parse(&cthelper_wires, data, size, &cthelper) == 0) {
		round_trip(&cthelper_wires, &cthelper, &again);
		if (!nfbind_cthelper_equal(&cthelper, &again))
			abort();
	}
	(void)nfbind_cthelper_print(&cthelper, text, sizeof(text));
}

/* Whatever came before: what looks alike is parsed as it is otherwise. */
static void parse_alike(const struct wire_table *table, const uint8_t *data, size_t size,
			const void *object, int result, void *again)
{
	static struct wire_shapes shapes;

	for (int i = 0; i < 2; i++) {
		field_reset(table->fields, again);
		if (wire_parse_alike(table, &shapes, data, size, again) != result)
			abort();
	}
	if (result == 0 && !field_equal(table->fields, object, again))
		abort();
	field_reset(table->fields, again);
}

static void read_objects(const uint8_t *data, size_t size)
{
	struct nfbind_ct *ct, *other;
	struct nfbind_exp *exp, *another;
	char text[300];
	int r;

	if (nfbind_ct_new(&ct) < 0 || nfbind_ct_new(&other) < 0 || nfbind_exp_new(&exp) < 0 ||
	    nfbind_exp_new(&another) < 0)
		abort();
	r = wire_parse(&ct_wires, data, size, ct);
	parse_alike(&ct_wires, data, size, ct, r, other);
	if (r == 0)
		round_trip(&ct_wires, ct, other);
	(void)nfbind_ct_print(ct, NFBIND_FORMAT_FIELDS, 0, NULL, text, sizeof(text));
	if (nfbind_ct_assign(other, ct) < 0 || !nfbind_ct_equal(ct, other))
		abort();
	r = wire_parse(&exp_wires, data, size, exp);
	parse_alike(&exp_wires, data, size, exp, r, another);
	if (r == 0)
		round_trip(&exp_wires, exp, another);
	(void)nfbind_exp_print(exp, NFBIND_FORMAT_FIELDS, text, sizeof(text));
	nfbind_ct_free(ct);
	nfbind_ct_free(other);
	nfbind_exp_free(exp);
	nfbind_exp_free(another);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_batch(data, size);
	/* Behind the headers of a recorded message. */
	if (size >= 20)
		read_objects(data + 20, size - 20);
	if (size >= 20)
		read_cthelper(data + 20, size - 20);
	return 0;
}
