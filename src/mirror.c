/* SPDX-License-Identifier: MIT */
/*
 * The consumer's copy, by its keys; see mirror.h. Buckets with chains of numbers.
 */
#include "mirror.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "tuple.h"

_Static_assert(sizeof(struct mirror_key) == 48, "a key is hashed in words, without holes");

enum {
	SIZE_FIRST = 256,
	NONE = UINT32_MAX,
};

/* Of a key's shape. */
enum {
	SHAPE_EXP = 1,
	SHAPE_IPV6 = 2,
	SHAPE_PORTS = 4,
	SHAPE_ICMP = 8,
	SHAPE_ZONE = 0x10,     /* of the whole entry */
	SHAPE_ONE_ZONE = 0x20, /* of the original direction alone */
};

void mirror_start(struct mirror *mirror, uint32_t max)
{
	*mirror = (struct mirror){ .max = max, .free = NONE };
	/* Whoever is tracked must not know it. No entropy yet is no reason to fail: an address has some. */
	if (getrandom(&mirror->seed, sizeof(mirror->seed), GRND_NONBLOCK) < 0)
		mirror->seed = (uintptr_t)mirror;
}

void mirror_free(struct mirror *mirror)
{
	free(mirror->entries);
	free(mirror->buckets);
	*mirror = (struct mirror){ .free = NONE };
}

/* Keys. */

static uint64_t number(const struct subject *subject, const void *object, uint32_t of)
{
	return field_number_or(subject->wires->fields, object, of, 0);
}

static bool has(const struct subject *subject, const void *object, uint32_t of)
{
	return field_has(subject->wires->fields, object, of) > 0;
}

static void read_values(const struct subject *subject, const void *object, struct mirror_key *key)
{
	uint32_t tuple = subject->tuple;

	if (has(subject, object, tuple + OF_PORT_SRC) || has(subject, object, tuple + OF_PORT_DST)) {
		key->shape |= SHAPE_PORTS;
		key->first = (uint16_t)number(subject, object, tuple + OF_PORT_SRC);
		key->second = (uint16_t)number(subject, object, tuple + OF_PORT_DST);
	} else if (has(subject, object, tuple + OF_ICMP_TYPE)) {
		key->shape |= SHAPE_ICMP;
		key->first = (uint16_t)number(subject, object, tuple + OF_ICMP_ID);
		key->second = (uint16_t)(number(subject, object, tuple + OF_ICMP_TYPE) << 8 |
					 number(subject, object, tuple + OF_ICMP_CODE));
	}
}

static void read_zone(const void *object, struct mirror_key *key)
{
	if (has(&connections, object, NFBIND_CT_ZONE)) {
		key->shape |= SHAPE_ZONE;
		key->zone = (uint16_t)number(&connections, object, NFBIND_CT_ZONE);
	} else if (has(&connections, object, NFBIND_CT_ORIG_ZONE)) {
		key->shape |= SHAPE_ONE_ZONE;
		key->zone = (uint16_t)number(&connections, object, NFBIND_CT_ORIG_ZONE);
	}
}

int mirror_make_key(const struct subject *subject, const void *object, struct mirror_key *ret_key)
{
	const struct nfbind_fields *fields = subject->wires->fields;
	struct mirror_key key = { 0 };
	const void *src, *dst;
	size_t src_len, dst_len;

	if (!subject_has_tuple(object, subject->tuple) ||
	    field_get_bytes(fields, object, subject->tuple + OF_SRC, &src, &src_len) < 0 ||
	    field_get_bytes(fields, object, subject->tuple + OF_DST, &dst, &dst_len) < 0 ||
	    src_len != dst_len)
		return -ENODATA;
	memcpy(key.src, src, src_len);
	memcpy(key.dst, dst, dst_len);
	key.l4proto = (uint8_t)number(subject, object, subject->tuple + OF_L4PROTO);
	key.shape = src_len == 16 ? SHAPE_IPV6 : 0;
	read_values(subject, object, &key);
	if (subject == &connections) {
		read_zone(object, &key);
	} else {
		key.shape |= SHAPE_EXP;
		key.exp_id = (uint32_t)number(subject, object, NFBIND_EXP_ID);
	}
	*ret_key = key;
	return 0;
}

const struct subject *mirror_subject(const struct mirror_key *key)
{
	return key->shape & SHAPE_EXP ? &expectations : &connections;
}

/* Fixed sizes and fields that are there: nothing here can fail, nor takes memory. */
static void put(const struct subject *subject, void *object, uint32_t field, uint64_t value)
{
	(void)field_set_number(subject->wires->fields, object, field, value);
}

static void put_values(const struct subject *subject, const struct mirror_key *key, void *object)
{
	uint32_t tuple = subject->tuple;

	if (key->shape & SHAPE_PORTS) {
		put(subject, object, tuple + OF_PORT_SRC, key->first);
		put(subject, object, tuple + OF_PORT_DST, key->second);
	} else if (key->shape & SHAPE_ICMP) {
		put(subject, object, tuple + OF_ICMP_ID, key->first);
		put(subject, object, tuple + OF_ICMP_TYPE, key->second >> 8);
		put(subject, object, tuple + OF_ICMP_CODE, key->second & 0xff);
	}
}

void mirror_fill(const struct mirror_key *key, void *object)
{
	const struct subject *subject = mirror_subject(key);
	const struct nfbind_fields *fields = subject->wires->fields;
	size_t len = key->shape & SHAPE_IPV6 ? 16 : 4;
	uint32_t tuple = subject->tuple;

	field_reset(fields, object);
	(void)field_set_bytes(fields, object, tuple + OF_SRC, key->src, len);
	(void)field_set_bytes(fields, object, tuple + OF_DST, key->dst, len);
	put(subject, object, tuple + OF_L3PROTO, len == 16 ? 10 : 2);
	put(subject, object, tuple + OF_L4PROTO, key->l4proto);
	put_values(subject, key, object);
	if (key->shape & SHAPE_ZONE)
		put(subject, object, NFBIND_CT_ZONE, key->zone);
	if (key->shape & SHAPE_ONE_ZONE)
		put(subject, object, NFBIND_CT_ORIG_ZONE, key->zone);
	if (key->shape & SHAPE_EXP)
		put(subject, object, NFBIND_EXP_ID, key->exp_id);
}

/* Entries. */

static uint32_t *bucket_of(const struct mirror *mirror, const struct mirror_key *key)
{
	uint64_t words[sizeof(*key) / sizeof(uint64_t)], hash = mirror->seed;

	memcpy(words, key, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		hash = (hash ^ words[i]) * 0x9e3779b97f4a7c15;
		hash ^= hash >> 29;
	}
	return &mirror->buckets[(hash >> 16) & (mirror->size - 1)];
}

struct mirror_entry *mirror_find(const struct mirror *mirror, const struct mirror_key *key)
{
	uint32_t number = mirror->size ? *bucket_of(mirror, key) : NONE;

	while (number != NONE && memcmp(&mirror->entries[number].key, key, sizeof(*key)) != 0)
		number = mirror->entries[number].next;
	return number == NONE ? NULL : &mirror->entries[number];
}

static int grow(struct mirror *mirror)
{
	uint32_t size = mirror->size ? mirror->size * 2 : SIZE_FIRST;
	struct mirror_entry *entries = realloc(mirror->entries, size * sizeof(*entries));
	uint32_t *buckets;

	if (!entries)
		return -ENOMEM;
	mirror->entries = entries;
	buckets = malloc(size * sizeof(*buckets));
	if (!buckets)
		return -ENOMEM;
	free(mirror->buckets);
	mirror->buckets = buckets;
	mirror->size = size;
	memset(buckets, 0xff, size * sizeof(*buckets));
	/* It grows when no number is free: all are used. */
	for (uint32_t i = 0; i < mirror->top; i++) {
		uint32_t *bucket = bucket_of(mirror, &entries[i].key);

		entries[i].next = *bucket;
		*bucket = i;
	}
	return 0;
}

static uint32_t take_number(struct mirror *mirror)
{
	uint32_t number = mirror->free;

	if (mirror->count >= mirror->max)
		return NONE;
	if (number != NONE) {
		mirror->free = mirror->entries[number].next;
		return number;
	}
	if (mirror->top == mirror->size && grow(mirror) < 0)
		return NONE;
	return mirror->top++;
}

struct mirror_entry *mirror_add(struct mirror *mirror, const struct mirror_key *key)
{
	uint32_t number = take_number(mirror), *bucket;

	if (number == NONE)
		return NULL;
	bucket = bucket_of(mirror, key);
	mirror->entries[number] = (struct mirror_entry){ .key = *key, .next = *bucket, .is_used = true };
	*bucket = number;
	mirror->count++;
	return &mirror->entries[number];
}

void mirror_remove(struct mirror *mirror, struct mirror_entry *entry)
{
	uint32_t number = (uint32_t)(entry - mirror->entries);
	uint32_t *place = bucket_of(mirror, &entry->key);

	while (*place != number)
		place = &mirror->entries[*place].next;
	*place = entry->next;
	mirror->blind -= entry->flags & MIRROR_BLIND;
	entry->is_used = false;
	entry->flags = 0;
	entry->next = mirror->free;
	mirror->free = number;
	mirror->count--;
}
