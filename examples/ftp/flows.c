/* SPDX-License-Identifier: MIT */
/*
 * The table of control connections; see flows.h. A connection has eight places that it
 * may stand in, chosen by its tuple: finding and forgetting cost the same for all.
 */
#include "flows.h"

#include <string.h>

enum {
	PLACES = 8,
	/* Told from what another program would keep, and from the zeros of a new connection. */
	VERSION = 0xf1,
};

static uint64_t number_of(const struct nfbind_ct *ct, uint32_t field)
{
	uint64_t number = 0;

	nfbind_ct_get_number(ct, field, &number);
	return number;
}

static void copy_bytes(const struct nfbind_ct *ct, uint32_t field, void *ret_bytes, size_t ret_bytes_size)
{
	const void *data;
	size_t len;

	if (nfbind_ct_get_bytes(ct, field, &data, &len) == 0 && len <= ret_bytes_size)
		memcpy(ret_bytes, data, len);
}

static struct ftp_flow_key key_of(const struct nfbind_ct *ct)
{
	struct ftp_flow_key key;

	memset(&key, 0, sizeof(key)); /* compared as bytes */
	copy_bytes(ct, NFBIND_CT_ORIG_SRC, key.src, sizeof(key.src));
	copy_bytes(ct, NFBIND_CT_ORIG_DST, key.dst, sizeof(key.dst));
	key.id = (uint32_t)number_of(ct, NFBIND_CT_ID);
	key.ports[0] = (uint16_t)number_of(ct, NFBIND_CT_ORIG_PORT_SRC);
	key.ports[1] = (uint16_t)number_of(ct, NFBIND_CT_ORIG_PORT_DST);
	key.zone = (uint16_t)number_of(ct, NFBIND_CT_ZONE);
	key.l3proto = (uint16_t)number_of(ct, NFBIND_CT_ORIG_L3PROTO);
	return key;
}

/* FNV-1a: who chooses ports to meet others pushes out eight of them, no more. */
static uint32_t hash_of(const struct ftp_flow_key *key)
{
	const uint8_t *bytes = (const uint8_t *)key;
	uint32_t hash = 2166136261;

	for (size_t i = 0; i < sizeof(*key); i++)
		hash = (hash ^ bytes[i]) * 16777619;
	return hash ^ hash >> 16;
}

static void make_flow(struct ftp_flow *flow, const struct ftp_flow_key *key, const struct nfbind_ct *ct)
{
	uint8_t private[FTP_PRIVATE_LEN] = { 0 };

	flow->key = *key;
	ftp_stream_init(&flow->streams[0], FTP_CLIENT);
	ftp_stream_init(&flow->streams[1], FTP_SERVER);
	copy_bytes(ct, NFBIND_CT_HELPER_INFO, private, sizeof(private));
	if (private[0] != VERSION)
		return;
	ftp_stream_load(&flow->streams[0], FTP_CLIENT, private + 4);
	ftp_stream_load(&flow->streams[1], FTP_SERVER, private + 4 + FTP_STREAM_SAVED);
}

struct ftp_flow *ftp_flows_find(struct ftp_flows *flows, const struct nfbind_ct *ct)
{
	struct ftp_flow_key key = key_of(ct);
	struct ftp_flow *places = &flows->flows[hash_of(&key) % (FTP_FLOWS_MAX / PLACES) * PLACES];
	struct ftp_flow *oldest = places;

	flows->clock++;
	for (int i = 0; i < PLACES; i++) {
		if (places[i].used && memcmp(&places[i].key, &key, sizeof(key)) == 0) {
			places[i].used = flows->clock;
			return &places[i];
		}
		if (places[i].used < oldest->used)
			oldest = &places[i];
	}
	make_flow(oldest, &key, ct);
	oldest->used = flows->clock;
	return oldest;
}

void ftp_flow_forget(struct ftp_flow *flow)
{
	flow->used = 0;
}

void ftp_flow_save(const struct ftp_flow *flow, uint8_t ret_private[FTP_PRIVATE_LEN])
{
	memset(ret_private, 0, FTP_PRIVATE_LEN);
	ret_private[0] = VERSION;
	ftp_stream_save(&flow->streams[0], ret_private + 4);
	ftp_stream_save(&flow->streams[1], ret_private + 4 + FTP_STREAM_SAVED);
}
