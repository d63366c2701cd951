/* SPDX-License-Identifier: MIT */
/*
 * Connections and expectations as XML: the element <flow>, as conntrack(8) lists it
 * with "-o xml". Two things are said otherwise than there: what is no XML by itself
 * is escaped, and a state has its own protocol's name.
 */
#include "format.h"

#include <inttypes.h>
#include <string.h>

#include "tuple.h"

/* Text that somebody else chose. */
static void print_text(const char *tag, const uint8_t *bytes, size_t len, struct text *text)
{
	text_add(text, "<%s>", tag);
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '<' || bytes[i] == '>' || bytes[i] == '&')
			text_add(text, "&#%u;", bytes[i]);
		else
			text_add_escaped(text, &bytes[i], 1);
	}
	text_add(text, "</%s>", tag);
}

static void print_number(const char *tag, uint64_t value, struct text *text)
{
	text_add(text, "<%s>%" PRIu64 "</%s>", tag, value, tag);
}

static void print_address(const char *tag, const struct side *side, uint32_t of,
			  struct text *text)
{
	text_add(text, "<%s>", tag);
	if (side->present >> of & 1)
		format_address(of == OF_SRC ? &side->tuple->src : &side->tuple->dst, text);
	text_add(text, "</%s>", tag);
}

static void print_addresses(const struct side *side, struct text *text)
{
	print_address("src", side, OF_SRC, text);
	print_address("dst", side, OF_DST, text);
}

static uint8_t l4proto_of(const struct side *side)
{
	return side->present >> OF_L4PROTO & 1 ? side->tuple->l4proto : 0;
}

static void print_values(const struct side *side, struct text *text)
{
	const struct tuple *tuple = side->tuple;

	switch (tuple_protocol(l4proto_of(side))->values) {
	case TUPLE_PORTS:
		print_number("sport", tuple->port_src, text);
		print_number("dport", tuple->port_dst, text);
		break;
	case TUPLE_KEYS:
		text_add(text, "<srckey>0x%x</srckey><dstkey>0x%x</dstkey>", tuple->port_src,
			 tuple->port_dst);
		break;
	default: /* conntrack(8) says nothing of ICMP */
		break;
	}
}

static void start_layer3(const struct side *side, struct text *text)
{
	uint8_t l3proto = side->present >> OF_L3PROTO & 1 ? side->tuple->l3proto : 0;

	text_add(text, "<layer3 protonum=\"%u\" protoname=\"%s\">", l3proto,
		 format_family(l3proto));
}

static void start_layer4(const struct side *side, struct text *text)
{
	text_add(text, "<layer4 protonum=\"%u\" protoname=\"%s\">", l4proto_of(side),
		 tuple_protocol(l4proto_of(side))->name);
}

/* Connections. */

static void print_side(const struct nfbind_ct *ct, const char *direction,
		       const struct side *side, uint32_t packets, struct text *text)
{
	text_add(text, "<meta direction=\"%s\">", direction);
	start_layer3(side, text);
	print_addresses(side, text);
	text_add(text, "</layer3>");
	start_layer4(side, text);
	print_values(side, text);
	text_add(text, "</layer4>");
	if (side->present >> OF_ZONE & 1)
		print_number("zone", side->tuple->zone, text);
	if (format_has(ct, packets) && format_has(ct, packets + 1)) {
		text_add(text, "<counters>");
		print_number("packets", field_number_or(&ct_fields, ct, packets, 0), text);
		print_number("bytes", field_number_or(&ct_fields, ct, packets + 1, 0), text);
		text_add(text, "</counters>");
	}
	text_add(text, "</meta>");
}

static void print_states(const struct nfbind_ct *ct, struct text *text)
{
	static const uint16_t fields[] = { NFBIND_CT_TCP_STATE, NFBIND_CT_SCTP_STATE,
					   NFBIND_CT_DCCP_STATE };

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (!format_has(ct, fields[i]))
			continue;
		text_add(text, "<state>");
		format_state(ct_fields.rows[fields[i]].values,
			     field_number_or(&ct_fields, ct, fields[i], 0), text);
		text_add(text, "</state>");
	}
}

static void print_present(const struct nfbind_ct *ct, const char *tag, uint32_t field,
			  struct text *text)
{
	if (format_has(ct, field))
		print_number(tag, field_number_or(&ct_fields, ct, field, 0), text);
}

static void print_labels(const struct nfbind_ct *ct, const struct nfbind_labels *labels,
			 struct text *text)
{
	text_add(text, "<labels>");
	for (uint32_t bit = 0; bit < ct->labels.len * 8u; bit++) {
		const char *name = nfbind_labels_get_name(labels, bit);

		if (name && ct->labels.bytes[bit / 8] >> (bit % 8) & 1)
			print_text("label", (const uint8_t *)name, strlen(name), text);
	}
	text_add(text, "</labels>");
}

static void print_times(const struct nfbind_ct *ct, const struct format *format,
			struct text *text)
{
	bool started = format_has(ct, NFBIND_CT_TIMESTAMP_START);
	bool stopped = format_has(ct, NFBIND_CT_TIMESTAMP_STOP);

	if (format->flags & NFBIND_PRINT_TIMESTAMP && (started || stopped)) {
		text_add(text, "<timestamp>");
		print_present(ct, "start", NFBIND_CT_TIMESTAMP_START, text);
		print_present(ct, "stop", NFBIND_CT_TIMESTAMP_STOP, text);
		text_add(text, "</timestamp>");
	}
	if (started)
		print_number("deltatime", format_age(ct), text);
}

static void print_entry(const struct nfbind_ct *ct, const struct format *format,
			struct text *text)
{
	print_states(ct, text);
	print_present(ct, "timeout", NFBIND_CT_TIMEOUT, text);
	print_present(ct, "mark", NFBIND_CT_MARK, text);
	if (format->labels && format_has(ct, NFBIND_CT_LABELS))
		print_labels(ct, format->labels, text);
	if (format_has(ct, NFBIND_CT_SECCTX))
		print_text("secctx", ct->secctx.bytes, ct->secctx.len, text);
	print_present(ct, "zone", NFBIND_CT_ZONE, text);
	print_present(ct, "use", NFBIND_CT_USE, text);
	print_present(ct, "id", NFBIND_CT_ID, text);
	if (format_has(ct, NFBIND_CT_STATUS)) {
		if (ct->status & NFBIND_CT_STATUS_ASSURED)
			text_add(text, "<assured/>");
		if (!(ct->status & NFBIND_CT_STATUS_SEEN_REPLY))
			text_add(text, "<unreplied/>");
	}
	print_times(ct, format, text);
}

void format_ct_xml(const struct nfbind_ct *ct, const struct format *format, struct text *text)
{
	struct side orig = format_side(ct, &ct->orig, NFBIND_CT_ORIG_SRC);
	struct side repl = format_side(ct, &ct->repl, NFBIND_CT_REPL_SRC);

	text_add(text, "<flow>");
	print_side(ct, "original", &orig, NFBIND_CT_ORIG_COUNTER_PACKETS, text);
	print_side(ct, "reply", &repl, NFBIND_CT_REPL_COUNTER_PACKETS, text);
	text_add(text, "<meta direction=\"independent\">");
	print_entry(ct, format, text);
	text_add(text, "</meta>");
	if (format_has(ct, NFBIND_CT_HELPER_NAME))
		print_text("helper", ct->helper_name.bytes, ct->helper_name.len, text);
	text_add(text, "</flow>");
}

/* Expectations. */

enum { EXP_SIDES = 3 };

static void print_layers(const struct side *sides, struct text *text)
{
	static const char *const names[EXP_SIDES] = { "expected", "mask", "master" };

	start_layer3(&sides[0], text);
	for (size_t i = 0; i < EXP_SIDES; i++) {
		text_add(text, "<%s>", names[i]);
		print_addresses(&sides[i], text);
		text_add(text, "</%s>", names[i]);
	}
	text_add(text, "</layer3>");
	start_layer4(&sides[0], text);
	for (size_t i = 0; i < EXP_SIDES; i++) {
		text_add(text, "<%s>", names[i]);
		print_values(&sides[i], text);
		text_add(text, "</%s>", names[i]);
	}
	text_add(text, "</layer4>");
}

void format_exp_xml(const struct nfbind_exp *exp, struct text *text)
{
	const struct side sides[EXP_SIDES] = {
		format_side(exp, &exp->expected, NFBIND_EXP_EXPECTED_SRC),
		format_side(exp, &exp->mask, NFBIND_EXP_MASK_SRC),
		format_side(exp, &exp->master, NFBIND_EXP_MASTER_SRC),
	};
	uint32_t flags = format_has(exp, NFBIND_EXP_FLAGS) ? exp->flags : 0;

	text_add(text, "<flow>");
	print_layers(sides, text);
	text_add(text, "<meta>");
	if (format_has(exp, NFBIND_EXP_HELPER_NAME))
		print_text("helper-name", exp->helper_name.bytes, exp->helper_name.len, text);
	if (format_has(exp, NFBIND_EXP_TIMEOUT))
		print_number("timeout", exp->timeout, text);
	if (format_has(exp, NFBIND_EXP_CLASS))
		print_number("class", exp->class, text);
	if (format_has(exp, NFBIND_EXP_ZONE))
		print_number("zone", exp->zone, text);
	for (const struct value_name *name = exp_fields.rows[NFBIND_EXP_FLAGS].values;
	     name->name; name++)
		if (flags & name->value)
			text_add(text, "<%s/>", name->name);
	text_add(text, "</meta></flow>");
}
