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

/*
 * Room for a struct that is filled in its place: to gather it elsewhere first costs more
 * than all else here, as a copy has to wait for the small writes before it.
 */
static inline void *take_room(struct wire_buffer *buffer, size_t len)
{
	uint8_t *room = buffer->data + buffer->len;

	if (buffer->failed || buffer->size - buffer->len < len) {
		buffer->failed = true;
		return NULL;
	}
	buffer->len += len;
	return room;
}

/* What both ends of a tuple have. */
struct ends {
	const struct address *src, *dst;
	uint16_t port_src, port_dst;
	uint8_t l4proto;
};

static inline void fill_protocol(struct plain_protocol *protocol, const struct ends *ends)
{
	protocol->nest = (struct nlattr)NEST(sizeof(*protocol), KERNEL_CTA_TUPLE_PROTO);
	protocol->number_head = (struct nlattr)HEAD(5, KERNEL_CTA_PROTO_NUM);
	protocol->number = ends->l4proto;
	memset(protocol->number_pad, 0, sizeof(protocol->number_pad));
	protocol->src_head = (struct nlattr)HEAD(6, KERNEL_CTA_PROTO_SRC_PORT);
	protocol->src = htobe16(ends->port_src);
	protocol->src_pad = 0;
	protocol->dst_head = (struct nlattr)HEAD(6, KERNEL_CTA_PROTO_DST_PORT);
	protocol->dst = htobe16(ends->port_dst);
	protocol->dst_pad = 0;
}

#define PUT_PLAIN(name, address_len, src_type, dst_type) \
	static inline void put_##name(struct wire_buffer *buffer, unsigned int type, \
				      const struct ends *ends) \
	{ \
		struct name *tuple = take_room(buffer, sizeof(*tuple)); \
\
		if (!tuple) \
			return; \
		tuple->nest = (struct nlattr)NEST(sizeof(*tuple), type); \
		tuple->addresses = (struct nlattr)NEST(NLA_HDRLEN + 2 * (NLA_HDRLEN + (address_len)), \
						       KERNEL_CTA_TUPLE_IP); \
		tuple->src_head = (struct nlattr)HEAD(NLA_HDRLEN + (address_len), src_type); \
		memcpy(tuple->src, ends->src->bytes, address_len); \
		tuple->dst_head = (struct nlattr)HEAD(NLA_HDRLEN + (address_len), dst_type); \
		memcpy(tuple->dst, ends->dst->bytes, address_len); \
		fill_protocol(&tuple->protocol, ends); \
	}
PUT_PLAIN(plain_v4, 4, KERNEL_CTA_IP_V4_SRC, KERNEL_CTA_IP_V4_DST)
PUT_PLAIN(plain_v6, 16, KERNEL_CTA_IP_V6_SRC, KERNEL_CTA_IP_V6_DST)

static void put_plain(struct wire_buffer *buffer, unsigned int type, const struct ends *ends)
{
	if (ends->src->len == 4)
		put_plain_v4(buffer, type, ends);
	else
		put_plain_v6(buffer, type, ends);
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
	put_plain(buffer, type, &(struct ends){ &tuple->src, &tuple->dst, tuple->port_src,
						tuple->port_dst, tuple->l4proto });
	present[0] &= ~((uint64_t)TUPLE_BITS << first);
}

/* Numbers that stand in no nest, and the state of TCP, in the order of their attributes. */

#define SIMPLE \
	(LOW(NFBIND_CT_TCP_STATE) | LOW(NFBIND_CT_STATUS) | LOW(NFBIND_CT_TIMEOUT) | LOW(NFBIND_CT_MARK) | LOW(NFBIND_CT_ID) | \
	 LOW(NFBIND_CT_ZONE) | LOW(NFBIND_CT_MARK_MASK))

struct simple {
	struct nlattr head;
	uint32_t value;
};

static void put_simple(struct wire_buffer *buffer, unsigned int type, uint32_t value)
{
	struct simple *simple = take_room(buffer, sizeof(*simple));

	if (simple)
		*simple = (struct simple){ HEAD(sizeof(*simple), type), htobe32(value) };
}

static void put_zone(struct wire_buffer *buffer, uint16_t zone)
{
	struct simple *simple = take_room(buffer, sizeof(*simple));

	/* Two bytes, and as many that fill up. */
	if (simple)
		*simple = (struct simple){ HEAD(6, KERNEL_CTA_ZONE), htobe32((uint32_t)zone << 16) };
}

static void put_tcp_state(struct wire_buffer *buffer, uint8_t state)
{
	struct nests {
		struct nlattr info, tcp, head;
		uint8_t state, pad[3];
	} *nests = take_room(buffer, sizeof(*nests));

	if (nests)
		*nests = (struct nests){
			.info = NEST(sizeof(*nests), KERNEL_CTA_PROTOINFO),
			.tcp = NEST(sizeof(*nests) - 4, KERNEL_CTA_PROTOINFO_TCP),
			.head = HEAD(5, KERNEL_CTA_PROTOINFO_TCP_STATE), .state = state,
		};
}

static void put_simples(struct wire_buffer *buffer, const struct nfbind_ct *ct, uint64_t present,
			uint32_t status)
{
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
		put_zone(buffer, ct->zone);
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
	put_plain(buffer, KERNEL_CTA_TUPLE_REPLY,
		  &(struct ends){ &ct->orig.dst, &ct->orig.src, ct->orig.port_dst, ct->orig.port_src,
				  ct->orig.l4proto });
	put_rest(buffer, ct, present, status);
	return 0;
}
