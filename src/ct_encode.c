/* SPDX-License-Identifier: MIT */
/*
 * Connections into attributes; see ct_encode.h. In bulk the encoding is most of what
 * the library costs beside the kernel: the shapes of nearly all requests do not go
 * through the tables. What is written here and there is compared by the tests.
 */
#include "ct_encode.h"

#include "tuple.h"
#include "uapi.h"

/* Sets of fields, as an object's own. */

#define BIT(field) (UINT64_C(1) << (field) % 64)
#define LOW(field) ((field) < 64 ? BIT(field) : 0)

enum { WORDS = OBJECT_FIELDS_MAX / 64 };

/* All but those that the kernel only sends; the tests hold the table against it. */
static const uint64_t written[WORDS] = {
	~(LOW(NFBIND_CT_ID) | LOW(NFBIND_CT_USE) | LOW(NFBIND_CT_ORIG_COUNTER_PACKETS) |
	  LOW(NFBIND_CT_ORIG_COUNTER_BYTES) | LOW(NFBIND_CT_REPL_COUNTER_PACKETS) |
	  LOW(NFBIND_CT_REPL_COUNTER_BYTES) | LOW(NFBIND_CT_SECCTX) |
	  LOW(NFBIND_CT_TIMESTAMP_START) | LOW(NFBIND_CT_TIMESTAMP_STOP) |
	  LOW(NFBIND_CT_TIMESTAMP_EVENT)),
	~UINT64_C(0),
};

/* Both tuples, zone and id. */
static const uint64_t key[WORDS] = {
	(BIT(NFBIND_CT_MASTER_SRC) - 1) | LOW(NFBIND_CT_ZONE) | LOW(NFBIND_CT_ID), 0,
};

enum {
	TUPLE_BITS = (1 << TUPLE_FIELDS) - 1,
	PLAIN = 1 << OF_SRC | 1 << OF_DST | 1 << OF_L4PROTO | 1 << OF_PORT_SRC | 1 << OF_PORT_DST,
	/* Not on the wire: the addresses' attributes say it. */
	UNSAID = 1 << OF_L3PROTO,
};

/* Tuples. */

struct plain_protocol {
	struct nlattr nest;
	struct nlattr number_head;
	uint8_t number, number_pad[3];
	struct nlattr src_head;
	uint16_t src, src_pad;
	struct nlattr dst_head;
	uint16_t dst, dst_pad;
};

#define PLAIN_TUPLE(name, address_len) \
	struct name { \
		struct nlattr nest; \
		struct nlattr addresses; \
		struct nlattr src_head; \
		uint8_t src[address_len]; \
		struct nlattr dst_head; \
		uint8_t dst[address_len]; \
		struct plain_protocol protocol; \
	}
PLAIN_TUPLE(plain_v4, 4);
PLAIN_TUPLE(plain_v6, 16);

#define HEAD(len, type) { .nla_len = (uint16_t)(len), .nla_type = (uint16_t)(type) }
#define NEST(len, type) HEAD(len, (type) | NLA_F_NESTED)

/* The ports are those that stand in these words, so that a reply has them the other way round. */
static struct plain_protocol plain_protocol(uint8_t number, uint16_t src, uint16_t dst)
{
	return (struct plain_protocol){
		.nest = NEST(sizeof(struct plain_protocol), KERNEL_CTA_TUPLE_PROTO),
		.number_head = HEAD(5, KERNEL_CTA_PROTO_NUM), .number = number,
		.src_head = HEAD(6, KERNEL_CTA_PROTO_SRC_PORT), .src = htobe16(src),
		.dst_head = HEAD(6, KERNEL_CTA_PROTO_DST_PORT), .dst = htobe16(dst),
	};
}

/* Inline, since a copy of known length needs no call. */
static inline __attribute__((always_inline)) void
put_bytes(struct wire_buffer *buffer, const void *data, size_t len)
{
	if (buffer->failed || buffer->size - buffer->len < len) {
		buffer->failed = true;
		return;
	}
	memcpy(buffer->data + buffer->len, data, len);
	buffer->len += len;
}

static void put_plain(struct wire_buffer *buffer, unsigned int type, const struct address *src,
		      const struct address *dst, struct plain_protocol protocol)
{
	if (src->len == 4) {
		struct plain_v4 tuple = {
			.nest = NEST(sizeof(tuple), type),
			.addresses = NEST(sizeof(tuple.addresses) + 16, KERNEL_CTA_TUPLE_IP),
			.src_head = HEAD(8, KERNEL_CTA_IP_V4_SRC),
			.dst_head = HEAD(8, KERNEL_CTA_IP_V4_DST),
			.protocol = protocol,
		};

		memcpy(tuple.src, src->bytes, sizeof(tuple.src));
		memcpy(tuple.dst, dst->bytes, sizeof(tuple.dst));
		put_bytes(buffer, &tuple, sizeof(tuple));
	} else {
		struct plain_v6 tuple = {
			.nest = NEST(sizeof(tuple), type),
			.addresses = NEST(sizeof(tuple.addresses) + 40, KERNEL_CTA_TUPLE_IP),
			.src_head = HEAD(20, KERNEL_CTA_IP_V6_SRC),
			.dst_head = HEAD(20, KERNEL_CTA_IP_V6_DST),
			.protocol = protocol,
		};

		memcpy(tuple.src, src->bytes, sizeof(tuple.src));
		memcpy(tuple.dst, dst->bytes, sizeof(tuple.dst));
		put_bytes(buffer, &tuple, sizeof(tuple));
	}
}

static bool is_plain(const struct tuple *tuple, uint64_t bits)
{
	return (bits & TUPLE_BITS & ~(uint64_t)UNSAID) == PLAIN && tuple->src.len == tuple->dst.len;
}

/* What was put is taken out of the set. */
static void put_if_plain(struct wire_buffer *buffer, unsigned int type, const struct tuple *tuple,
			 uint32_t first, uint64_t present[WORDS])
{
	if (!is_plain(tuple, present[0] >> first))
		return;
	put_plain(buffer, type, &tuple->src, &tuple->dst,
		  plain_protocol(tuple->l4proto, tuple->port_src, tuple->port_dst));
	present[0] &= ~((uint64_t)TUPLE_BITS << first);
}

/* Numbers that stand in no nest, and the state of TCP, in the order of their attributes. */

#define SIMPLE \
	(LOW(NFBIND_CT_TCP_STATE) | LOW(NFBIND_CT_STATUS) | LOW(NFBIND_CT_TIMEOUT) | LOW(NFBIND_CT_MARK) | LOW(NFBIND_CT_ID) | \
	 LOW(NFBIND_CT_ZONE) | LOW(NFBIND_CT_MARK_MASK))

struct simple {
	struct nlattr head;
	uint8_t value[4];
};

static void put_simple(struct wire_buffer *buffer, unsigned int type, uint32_t value)
{
	struct simple simple = { .head = HEAD(sizeof(simple), type) };

	value = htobe32(value);
	memcpy(simple.value, &value, sizeof(value));
	put_bytes(buffer, &simple, sizeof(simple));
}

static void put_tcp_state(struct wire_buffer *buffer, uint8_t state)
{
	struct {
		struct nlattr info, tcp, head;
		uint8_t state, pad[3];
	} nests = {
		.info = NEST(sizeof(nests), KERNEL_CTA_PROTOINFO),
		.tcp = NEST(sizeof(nests) - 4, KERNEL_CTA_PROTOINFO_TCP),
		.head = HEAD(5, KERNEL_CTA_PROTOINFO_TCP_STATE), .state = state,
	};

	put_bytes(buffer, &nests, sizeof(nests));
}

static void put_simples(struct wire_buffer *buffer, const struct nfbind_ct *ct, uint64_t present,
			uint32_t status)
{
	struct simple zone = { .head = HEAD(6, KERNEL_CTA_ZONE),
			       .value = { (uint8_t)(ct->zone >> 8), (uint8_t)ct->zone } };

	if (present & BIT(NFBIND_CT_STATUS))
		put_simple(buffer, KERNEL_CTA_STATUS, status);
	if (present & BIT(NFBIND_CT_TCP_STATE))
		put_tcp_state(buffer, ct->tcp_state);
	if (present & BIT(NFBIND_CT_TIMEOUT))
		put_simple(buffer, KERNEL_CTA_TIMEOUT, ct->timeout);
	if (present & BIT(NFBIND_CT_MARK))
		put_simple(buffer, KERNEL_CTA_MARK, ct->mark);
	if (present & BIT(NFBIND_CT_ID))
		put_simple(buffer, KERNEL_CTA_ID, ct->id);
	if (present & BIT(NFBIND_CT_ZONE))
		put_bytes(buffer, &zone, sizeof(zone));
	if (present & BIT(NFBIND_CT_MARK_MASK))
		put_simple(buffer, KERNEL_CTA_MARK_MASK, ct->mark_mask);
}

/* Anything else goes through the table. */
static void put_rest(struct wire_buffer *buffer, const struct nfbind_ct *ct,
		     const uint64_t present[WORDS], uint32_t status)
{
	struct nfbind_ct copy;

	if ((present[0] & ~SIMPLE) == 0 && present[1] == 0) {
		put_simples(buffer, ct, present[0], status);
		return;
	}
	/* With nothing on the heap among these fields, what is shared is not looked at. */
	copy = *ct;
	copy.status = status;
	memcpy(copy.object.present, present, sizeof(copy.object.present));
	wire_build(&ct_wires, &copy, buffer);
}

static void select_fields(const struct nfbind_ct *ct, const uint64_t wanted[WORDS],
			  uint64_t present[WORDS])
{
	for (unsigned int i = 0; i < WORDS; i++)
		present[i] = ct->object.present[i] & wanted[i];
}

static void put_selected(struct wire_buffer *buffer, const struct nfbind_ct *ct,
			 uint64_t present[WORDS], uint32_t status)
{
	/* The table puts both tuples in order: the second is put here only behind the first. */
	put_if_plain(buffer, KERNEL_CTA_TUPLE_ORIG, &ct->orig, NFBIND_CT_ORIG_SRC, present);
	if ((present[0] >> NFBIND_CT_ORIG_SRC & TUPLE_BITS) == 0)
		put_if_plain(buffer, KERNEL_CTA_TUPLE_REPLY, &ct->repl, NFBIND_CT_REPL_SRC, present);
	put_rest(buffer, ct, present, status);
}

void ct_encode_key(const struct nfbind_ct *ct, struct wire_buffer *buffer)
{
	uint64_t present[WORDS];

	select_fields(ct, key, present);
	put_selected(buffer, ct, present, 0);
}

/* ctnetlink_change_status() takes a status without it for an attempt to clear it. */
static uint32_t confirmed(uint32_t status)
{
	return status | NFBIND_CT_STATUS_CONFIRMED;
}

void ct_encode_change(const struct nfbind_ct *ct, struct wire_buffer *buffer)
{
	uint64_t present[WORDS];

	select_fields(ct, written, present);
	put_selected(buffer, ct, present, confirmed(ct->status));
}

/* The reply tuple that an untranslated connection has, by the table. */
static int encode_inverted(const struct nfbind_ct *ct, uint64_t present[WORDS], uint32_t status,
			   struct wire_buffer *buffer)
{
	struct nfbind_ct copy = *ct;
	int r;

	memcpy(copy.object.present, present, sizeof(copy.object.present));
	copy.status = status;
	r = tuple_invert(&ct_fields, &copy, NFBIND_CT_REPL_SRC, NFBIND_CT_ORIG_SRC);
	if (r == 0)
		wire_build(&ct_wires, &copy, buffer);
	return r;
}

int ct_encode_new(const struct nfbind_ct *ct, struct wire_buffer *buffer)
{
	const uint64_t repl = (uint64_t)(TUPLE_BITS & ~(1 << OF_ZONE)) << NFBIND_CT_REPL_SRC;
	uint64_t present[WORDS];
	uint32_t status;

	select_fields(ct, written, present);
	status = confirmed(present[0] & BIT(NFBIND_CT_STATUS) ? ct->status : 0);
	present[0] |= BIT(NFBIND_CT_STATUS);
	/* The zone says nothing of what the tuple is. */
	if (present[0] & repl) {
		put_selected(buffer, ct, present, status);
		return 0;
	}
	if (!is_plain(&ct->orig, present[0] >> NFBIND_CT_ORIG_SRC) ||
	    present[0] & BIT(NFBIND_CT_REPL_ZONE))
		return encode_inverted(ct, present, status, buffer);
	put_if_plain(buffer, KERNEL_CTA_TUPLE_ORIG, &ct->orig, NFBIND_CT_ORIG_SRC, present);
	put_plain(buffer, KERNEL_CTA_TUPLE_REPLY, &ct->orig.dst, &ct->orig.src,
		  plain_protocol(ct->orig.l4proto, ct->orig.port_dst, ct->orig.port_src));
	put_rest(buffer, ct, present, status);
	return 0;
}
