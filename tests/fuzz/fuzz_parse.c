/* SPDX-License-Identifier: MIT */
/*
 * Messages of any content through the parser of queue packets, and through that of
 * connections and expectations.
 */
#include "fuzz.h"

#include "ct.h"

static void parse_object(const struct wire_table *table, void *object, const uint8_t *data,
			 size_t len)
{
	uint8_t room[2048];
	struct wire_buffer buffer = { .data = room, .size = sizeof(room) };

	if (wire_parse(table, data, len, object) == 0)
		wire_build(table, object, &buffer);
	field_reset(table->fields, object);
}

static void parse_objects(const uint8_t *data, size_t len)
{
	struct nfbind_ct ct = { 0 };
	struct nfbind_exp exp = { 0 };
	uint8_t *aligned = malloc(len ? len : 1);

	if (!aligned)
		return;
	if (len > 0)
		memcpy(aligned, data, len);
	parse_object(&ct_wires, &ct, aligned, len);
	parse_object(&exp_wires, &exp, aligned, len);
	free(aligned);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct nfbind_packet_summary summaries[8];
	struct nfbind_batch *batch;

	if (nfbind_batch_parse(data, len, &batch) == 0) {
		for (uint32_t i = 0; i < nfbind_batch_count(batch); i++)
			read_packet(nfbind_batch_packet(batch, i));
		(void)nfbind_batch_export(batch, summaries, 8, sizeof(summaries[0]));
		nfbind_batch_free(batch);
	}
	/* A recording has its attributes behind two headers, 20 bytes in. */
	parse_objects(data, len);
	if (len > 20)
		parse_objects(data + 20, len - 20);
	return 0;
}
