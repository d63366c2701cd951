/* SPDX-License-Identifier: MIT */
/*
 * The packet tools on IP packets of any content: any sequence of changes, then
 * everything that can be built from the result, and the tracker.
 */
#include "fuzz.h"

enum { CHANGES_MAX = 16 };

static void build_from(const struct nfbind_packet *packet, struct choices *choices)
{
	struct nfbind_packet *built;

	if (nfbind_packet_build_reply(packet, choose(choices, 256), "data", choose(choices, 5),
				      &built) == 0) {
		read_packet(built);
		nfbind_packet_free(built);
	}
	if (nfbind_packet_build_unreachable(packet, choose(choices, 16), &built) == 0) {
		read_packet(built);
		nfbind_packet_free(built);
	}
}

static void track(struct nfbind_packet *packet, struct choices *choices)
{
	struct nfbind_tracker *tracker;

	if (nfbind_tracker_new(choose(choices, 4) + 1, &tracker) < 0)
		return;
	for (int i = 0; i < 3; i++) {
		(void)nfbind_tracker_apply(tracker, packet);
		(void)nfbind_tracker_splice(tracker, packet, choose(choices, 32),
					    choose(choices, 32), "some longer text",
					    choose(choices, 17));
	}
	nfbind_tracker_free(tracker);
}

static void run(struct nfbind_packet *packet, struct choices *choices)
{
	for (uint32_t i = choose(choices, CHANGES_MAX); i > 0; i--)
		change_packet(packet, choices);
	read_packet(packet);
	build_from(packet, choices);
	track(packet, choices);
	read_packet(packet);
}

/* The payload of a recording is as good a packet as the bytes themselves. */
static void run_bytes(const void *data, size_t len, struct choices choices)
{
	struct nfbind_packet *packet;

	if (nfbind_packet_new(data, len, &packet) < 0)
		return;
	run(packet, &choices);
	nfbind_packet_free(packet);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct choices choices = { data, len };
	struct nfbind_batch *batch;
	const void *payload;
	size_t payload_len;

	run_bytes(data, len, choices);
	if (nfbind_batch_parse(data, len, &batch) < 0)
		return 0;
	for (uint32_t i = 0; i < nfbind_batch_count(batch); i++) {
		struct nfbind_packet *packet = nfbind_batch_packet(batch, i);

		if (nfbind_packet_get_bytes(packet, NFBIND_PACKET_PAYLOAD, &payload, &payload_len) == 0)
			run_bytes(payload, payload_len, choices);
		run(packet, &choices);
	}
	nfbind_batch_free(batch);
	return 0;
}
