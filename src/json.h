/* SPDX-License-Identifier: MIT */
/*
 * Any object with fields as JSON, and back: one object whose keys are the field
 * names. Printing and reading go by the table alone.
 */
#ifndef JSON_H
#define JSON_H

#include <nfbind/labels.h>

#include "field.h"
#include "reader.h"

/* The names of bits where a field is a bitmap; NULL: their numbers. */
void json_print(const struct nfbind_fields *fields, const void *object,
		const struct nfbind_labels *labels, struct text *text);

/* Into an empty object; on failure it is left half filled. */
int json_parse(const struct nfbind_fields *fields, void *object,
	       const struct nfbind_labels *labels, struct reader *reader);

#endif
