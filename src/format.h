/* SPDX-License-Identifier: MIT */
/*
 * The written forms of connections and expectations: who prints and who reads which.
 * Pieces of a line have one space between.
 */
#ifndef FORMAT_H
#define FORMAT_H

#include <nfbind/labels.h>

#include "ct.h"
#include "text.h"

#define PIECE(text, ...) \
	(text_add(text, "%s", (text)->len > 0 ? " " : ""), text_add(text, __VA_ARGS__))

/* Beside enum nfbind_print: the network protocol starts the line. */
enum { FORMAT_EXTENDED = 1 << 30 };

/* What goes with an object into all of its forms. */
struct format {
	uint32_t flags; /* enum nfbind_print */
	const struct nfbind_labels *labels;
};

/* A tuple, and which of its fields are present: bit n for the n-th. */
struct side {
	const struct tuple *tuple;
	uint32_t present;
};

static inline bool format_has(const void *object, uint32_t field)
{
	const struct object *head = (const struct object *)object;

	return head->present[field / 64] >> (field % 64) & 1;
}

struct side format_side(const void *object, const struct tuple *tuple, uint32_t first);

const char *format_family(uint64_t l3proto);

/* Seconds since its start, or from its start to its end. */
uint64_t format_age(const struct nfbind_ct *ct);

/* "established" as the tools of the field write it: ESTABLISHED; NONE for others. */
void format_state(const struct value_name *names, uint64_t value, struct text *text);
void format_address(const struct address *address, struct text *text);
/* Ports, keys, or type, code and id, by the tuple's own protocol. */
void format_values(const struct side *side, struct text *text);
/* "=" and the names of the bits that are set and have one, a comma between. */
void format_labels(const struct nfbind_labels *labels, const uint8_t *bytes, size_t len,
		   struct text *text);

void format_ct_line(const struct nfbind_ct *ct, const struct format *format, struct text *text);
void format_ct_save(const struct nfbind_ct *ct, const struct format *format, struct text *text);
void format_ct_xml(const struct nfbind_ct *ct, const struct format *format, struct text *text);
void format_exp_line(const struct nfbind_exp *exp, struct text *text);
void format_exp_xml(const struct nfbind_exp *exp, struct text *text);

#endif
