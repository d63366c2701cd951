/* SPDX-License-Identifier: MIT */
/*
 * The options of conntrack(8)'s "-o save": one table, by which a line is printed and
 * read. It stands in the order of printing.
 */
#ifndef CT_SAVE_H
#define CT_SAVE_H

#include "format.h"
#include "reader.h"

enum save_kind {
	SAVE_NUMBER,
	SAVE_ADDRESS,
	SAVE_STATUS,   /* names with commas between */
	SAVE_PROTOCOL, /* a name or a number */
	SAVE_STATE,    /* of the line's protocol */
	SAVE_ROLE,
	SAVE_TAG,      /* a number whose bytes conntrack(8) leaves as they came */
	/* These are printed only where they are asked for. */
	SAVE_NAT,      /* an address, to translate to on creation */
	SAVE_MARK,     /* VALUE or VALUE/MASK */
	SAVE_LABEL,    /* names with commas between */
	SAVE_FAMILY,
	SAVE_COMMAND,
};

struct save_option {
	const char *name;   /* as it is printed */
	const char *others; /* as it may be written, a space between */
	uint8_t kind;
	uint8_t values;     /* of protocols with these only; TUPLE_NOTHING: of all */
	uint8_t l4proto;    /* of this one only; 0: of all */
	uint16_t field;
};

enum { SAVE_OPTIONS = 36 };
extern const struct save_option save_options[SAVE_OPTIONS];

/* The bits of the status that have a word here; a NULL name ends it. */
extern const struct value_name save_statuses[];

int save_parse(struct nfbind_ct *ct, const struct nfbind_labels *labels, struct reader *reader);

#endif
