/* SPDX-License-Identifier: MIT */
/*
 * The batch: counted memory for datagrams and the packets in them. It knows no
 * session; the session that fills one holds it like anybody else.
 */
#include "packet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "wire.h"

static void prepare_packets(struct nfbind_batch *batch)
{
	memset(batch->packets, 0, batch->capacity * sizeof(*batch->packets));
	for (uint32_t i = 0; i < batch->capacity; i++) {
		batch->packets[i].batch = batch;
		batch->packets[i].names = batch->names;
		batch->packets[i].index = i;
	}
}

struct nfbind_batch *batch_make(uint32_t capacity, size_t data_size, struct names *names)
{
	struct nfbind_batch *batch = calloc(1, sizeof(*batch));

	if (!batch) {
		names_free(names);
		return NULL;
	}
	atomic_init(&batch->references, 1);
	batch->names = names;
	batch->capacity = capacity;
	batch->packets = aligned_alloc(_Alignof(struct nfbind_packet),
				       capacity * sizeof(*batch->packets));
	/* Not zeroed: a slot is large, and only what a datagram fills is ever touched. */
	batch->data = malloc(data_size);
	batch->data_size = data_size;
	if (!batch->packets || !batch->data) {
		nfbind_batch_free(batch);
		return NULL;
	}
	prepare_packets(batch);
	return batch;
}

void batch_clear(struct nfbind_batch *batch)
{
	for (uint32_t i = 0; i < batch->count && atomic_load(&batch->has_edits); i++)
		packet_drop_edit(&batch->packets[i]);
	atomic_store(&batch->has_edits, false);
	batch->count = 0;
}

struct nfbind_packet *batch_add(struct nfbind_batch *batch, uint8_t *message, size_t available)
{
	struct nfbind_packet *packet = &batch->packets[batch->count];

	if (packet_parse(packet, message, available) < 0)
		return NULL;
	batch->count++;
	return packet;
}

void nfbind_batch_hold(struct nfbind_batch *batch)
{
	if (batch)
		atomic_fetch_add(&batch->references, 1);
}

void nfbind_batch_free(struct nfbind_batch *batch)
{
	if (!batch || atomic_fetch_sub(&batch->references, 1) != 1)
		return;
	if (batch->packets)
		batch_clear(batch);
	names_free(batch->names);
	free(batch->packets);
	free(batch->data);
	free(batch);
}

static bool is_packet(const struct nlmsghdr *message)
{
	return message->nlmsg_type == (KERNEL_SUBSYS_QUEUE << 8 | KERNEL_QUEUE_PACKET);
}

static int parse_all(struct nfbind_batch *batch, size_t data_len)
{
	const struct nlmsghdr *message;
	size_t offset = 0;
	int error = 0;

	while ((message = wire_next_message(batch->data, data_len, &offset, &error)))
		if (is_packet(message) &&
		    !batch_add(batch, batch->data + ((const uint8_t *)message - batch->data),
			       message->nlmsg_len))
			return -EBADMSG;
	return error;
}

int nfbind_batch_parse(const void *data, size_t data_len, struct nfbind_batch **ret_batch)
{
	struct nfbind_batch *batch;
	int r;

	if (!data && data_len > 0)
		return -EBADMSG;
	/* No packet's message is shorter than its headers, so this is room for all of them. */
	batch = batch_make((uint32_t)(data_len / PACKET_MESSAGE_LEAST) + 1, data_len ? data_len : 1,
			   NULL);
	if (!batch)
		return -ENOMEM;
	if (data_len > 0)
		memcpy(batch->data, data, data_len);
	r = parse_all(batch, data_len);
	if (r < 0) {
		nfbind_batch_free(batch);
		return r;
	}
	*ret_batch = batch;
	return 0;
}

uint32_t nfbind_batch_count(const struct nfbind_batch *batch)
{
	return batch ? batch->count : 0;
}

struct nfbind_packet *nfbind_batch_packet(struct nfbind_batch *batch, uint32_t index)
{
	return batch && index < batch->count ? &batch->packets[index] : NULL;
}

int nfbind_batch_get_data(const struct nfbind_batch *batch, const void **ret_data,
			  size_t *ret_data_len)
{
	if (!batch)
		return -EINVAL;
	*ret_data = batch->data;
	*ret_data_len = batch->data_size;
	return 0;
}
