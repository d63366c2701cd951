/* SPDX-License-Identifier: MIT */
/*
 * The connections that came already; see seen.h. Open addressing: a key lies in the
 * first free place from the one that its hash says.
 */
#include "seen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct seen_key {
	uint8_t src[16], dst[16];
	uint64_t start;
	uint16_t port_src, port_dst, icmp_id;
	uint16_t zone, orig_zone, repl_zone;
	uint8_t l3proto, l4proto, icmp_type, icmp_code;
	uint64_t is_used;
};

_Static_assert(sizeof(struct seen_key) == 64, "a key is hashed in words, without holes");

static uint64_t number(const struct nfbind_ct *ct, uint32_t field)
{
	return field_number_or(&ct_fields, ct, field, 0);
}

static void copy_address(const struct nfbind_ct *ct, uint32_t field, uint8_t to[16])
{
	const void *address;
	size_t len;

	if (field_get_bytes(&ct_fields, ct, field, &address, &len) == 0)
		memcpy(to, address, len);
}

static void make_key(const struct nfbind_ct *ct, struct seen_key *key)
{
	*key = (struct seen_key){
		.start = number(ct, NFBIND_CT_TIMESTAMP_START),
		.port_src = (uint16_t)number(ct, NFBIND_CT_ORIG_PORT_SRC),
		.port_dst = (uint16_t)number(ct, NFBIND_CT_ORIG_PORT_DST),
		.icmp_id = (uint16_t)number(ct, NFBIND_CT_ORIG_ICMP_ID),
		.zone = (uint16_t)number(ct, NFBIND_CT_ZONE),
		.orig_zone = (uint16_t)number(ct, NFBIND_CT_ORIG_ZONE),
		.repl_zone = (uint16_t)number(ct, NFBIND_CT_REPL_ZONE),
		.l3proto = (uint8_t)number(ct, NFBIND_CT_ORIG_L3PROTO),
		.l4proto = (uint8_t)number(ct, NFBIND_CT_ORIG_L4PROTO),
		.icmp_type = (uint8_t)number(ct, NFBIND_CT_ORIG_ICMP_TYPE),
		.icmp_code = (uint8_t)number(ct, NFBIND_CT_ORIG_ICMP_CODE),
		.is_used = 1,
	};
	copy_address(ct, NFBIND_CT_ORIG_SRC, key->src);
	copy_address(ct, NFBIND_CT_ORIG_DST, key->dst);
}

/* The key's place, or the free one where it belongs. Whoever is tracked does not know the seed. */
static struct seen_key *find(const struct seen *seen, const struct seen_key *key)
{
	uint64_t words[sizeof(*key) / sizeof(uint64_t)], hash = seen->seed;
	size_t at;

	memcpy(words, key, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		hash = (hash ^ words[i]) * 0x9e3779b97f4a7c15;
		hash ^= hash >> 29;
	}
	for (at = (hash >> 16) & (seen->size - 1); seen->keys[at].is_used;
	     at = (at + 1) & (seen->size - 1))
		if (memcmp(&seen->keys[at], key, sizeof(*key)) == 0)
			break;
	return &seen->keys[at];
}

static int grow(struct seen *seen)
{
	struct seen larger = { .size = seen->size ? seen->size * 2 : 1024, .count = seen->count,
			       .seed = seen->seed };

	/* No entropy yet is no reason to fail: the address of the heap has some. */
	if (seen->size == 0 && getrandom(&larger.seed, sizeof(larger.seed), GRND_NONBLOCK) < 0)
		larger.seed = (uintptr_t)seen;
	larger.keys = calloc(larger.size, sizeof(*larger.keys));
	if (!larger.keys)
		return -ENOMEM;
	for (size_t i = 0; i < seen->size; i++)
		if (seen->keys[i].is_used)
			*find(&larger, &seen->keys[i]) = seen->keys[i];
	free(seen->keys);
	*seen = larger;
	return 0;
}

void seen_free(struct seen *seen)
{
	free(seen->keys);
	*seen = (struct seen){ 0 };
}

int seen_before(struct seen *seen, const struct nfbind_ct *ct)
{
	struct seen_key key, *place;
	int r = seen->count < seen->size / 4 * 3 ? 0 : grow(seen);

	if (r < 0)
		return r;
	make_key(ct, &key);
	place = find(seen, &key);
	if (place->is_used)
		return 1;
	*place = key;
	seen->count++;
	return 0;
}
