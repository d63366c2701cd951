/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the packet tools on bytes that may be any packet. Fields are set,
 * payloads spliced, replies built, flows tracked. A packet whose checksums were right
 * has right ones after every change.
 */
#include <stdlib.h>
#include <string.h>

#include <nfbind/nfbind.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *operations;
static size_t operations_left;

static uint8_t next(void)
{
	if (operations_left == 0)
		return 0;
	operations_left--;
	return *operations++;
}

static uint64_t next_number(void)
{
	uint64_t value = 0;

	for (uint8_t bytes = next() % 8 + 1; bytes > 0; bytes--)
		value = value << 8 | next();
	return value;
}

/* What is wrong with a packet, but for what cannot be told. */
static uint32_t wrong(const struct nfbind_packet *packet)
{
	uint32_t found = 0;

	if (nfbind_packet_verify(packet, &found) < 0)
		return UINT32_MAX;
	return found;
}

static void check(const struct nfbind_packet *packet, uint32_t before)
{
	uint32_t after = wrong(packet);

	if (before == 0 && after != 0)
		abort();
}

static void set_number(struct nfbind_packet *packet)
{
	uint32_t field = next() % 58;
	uint32_t before = wrong(packet);
	uint64_t value = next_number(), got = 0;

	if (nfbind_packet_set_number(packet, field, value) < 0)
		return;
	if (nfbind_packet_get_number(packet, field, &got) < 0 || got != value)
		abort();
	check(packet, before);
}

static void set_bytes(struct nfbind_packet *packet)
{
	uint32_t field = next() % 58;
	uint32_t before = wrong(packet);
	uint8_t bytes[256];
	const void *data;
	size_t len, bytes_len = next();

	for (size_t i = 0; i < bytes_len; i++)
		bytes[i] = (uint8_t)(i * 3 + field);
	if (nfbind_packet_set_bytes(packet, field, bytes, bytes_len) < 0)
		return;
	if (field == NFBIND_PACKET_PAYLOAD)
		return; /* the caller answers for all of it */
	if (nfbind_packet_get_bytes(packet, field, &data, &len) < 0 || len != bytes_len ||
	    memcmp(data, bytes, len) != 0)
		abort();
	check(packet, before);
}

static void splice(struct nfbind_packet *packet)
{
	uint32_t before = wrong(packet);
	uint32_t offset = next(), remove = next();
	uint8_t bytes[256];
	size_t bytes_len = next();

	memset(bytes, 0x5a, sizeof(bytes));
	if (nfbind_packet_splice(packet, offset, remove, bytes, bytes_len) == 0)
		check(packet, before);
}

static void build(const struct nfbind_packet *packet)
{
	struct nfbind_packet *made;

	if (nfbind_packet_build_reply(packet, next(), "data", next() % 5, &made) == 0) {
		if (wrong(made) != 0)
			abort();
		nfbind_packet_free(made);
	}
	if (nfbind_packet_build_unreachable(packet, next() % 16, &made) == 0) {
		if (wrong(made) != 0)
			abort();
		nfbind_packet_free(made);
	}
}

static void track(struct nfbind_tracker *tracker, struct nfbind_packet *packet)
{
	uint32_t before = wrong(packet);

	if (nfbind_tracker_apply(tracker, packet) == 0)
		check(packet, before);
	before = wrong(packet);
	if (nfbind_tracker_splice(tracker, packet, next(), next(), "tracked change", next() % 15) == 0)
		check(packet, before);
}

static void turn_round(struct nfbind_packet *packet)
{
	uint8_t src[16], dst[16];
	const void *data;
	uint64_t from, to;
	size_t src_len = 0, dst_len = 0;

	if (nfbind_packet_get_bytes(packet, NFBIND_PACKET_IP_SRC, &data, &src_len) == 0)
		memcpy(src, data, src_len);
	if (nfbind_packet_get_bytes(packet, NFBIND_PACKET_IP_DST, &data, &dst_len) == 0)
		memcpy(dst, data, dst_len);
	(void)nfbind_packet_set_bytes(packet, NFBIND_PACKET_IP_SRC, dst, dst_len);
	(void)nfbind_packet_set_bytes(packet, NFBIND_PACKET_IP_DST, src, src_len);
	if (nfbind_packet_get_number(packet, NFBIND_PACKET_PORT_SRC, &from) == 0 &&
	    nfbind_packet_get_number(packet, NFBIND_PACKET_PORT_DST, &to) == 0) {
		(void)nfbind_packet_set_number(packet, NFBIND_PACKET_PORT_SRC, to);
		(void)nfbind_packet_set_number(packet, NFBIND_PACKET_PORT_DST, from);
	}
}

static void use(struct nfbind_packet *packet, struct nfbind_tracker *tracker)
{
	while (operations_left > 0) {
		switch (next() % 6) {
		case 0:
			set_number(packet);
			break;
		case 1:
			set_bytes(packet);
			break;
		case 2:
			splice(packet);
			break;
		case 3:
			build(packet);
			break;
		case 4:
			track(tracker, packet);
			break;
		default:
			turn_round(packet);
		}
	}
}

/* The payload of a recorded message, or the bytes as they are. */
static struct nfbind_packet *make(const uint8_t *data, size_t size, struct nfbind_batch **ret_batch)
{
	struct nfbind_packet *packet;

	*ret_batch = NULL;
	if (nfbind_batch_parse(data, size, ret_batch) == 0) {
		if (nfbind_batch_count(*ret_batch) > 0)
			return nfbind_batch_packet(*ret_batch, 0);
		nfbind_batch_free(*ret_batch);
		*ret_batch = NULL;
	}
	return nfbind_packet_new(data, size, &packet) == 0 ? packet : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nfbind_tracker *tracker;
	struct nfbind_packet *packet;
	struct nfbind_batch *batch;

	if (size < 2)
		return -1;
	operations_left = data[0] < size - 1 ? data[0] : size - 1;
	operations = data + 1;
	packet = make(data + 1 + operations_left, size - 1 - operations_left, &batch);
	if (!packet)
		return 0;
	if (nfbind_tracker_new(4, &tracker) < 0)
		abort();
	use(packet, tracker);
	nfbind_packet_free(packet);
	nfbind_batch_free(batch);
	nfbind_tracker_free(tracker);
	return 0;
}
