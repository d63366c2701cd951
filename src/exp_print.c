/* SPDX-License-Identifier: MIT */
/*
 * An expectation as one line, as conntrack(8) lists it: what is expected, the mask
 * over it and the master, then what is known of it.
 */
#include "format.h"

#include <inttypes.h>

#include "tuple.h"

static void print_address(const char *name, const struct side *side, uint32_t of,
			  struct text *text)
{
	if (!(side->present >> of & 1))
		return;
	PIECE(text, "%s=", name);
	format_address(of == OF_SRC ? &side->tuple->src : &side->tuple->dst, text);
}

static void print_side(const struct side *side, const char *src, const char *dst,
		       struct text *text)
{
	print_address(src, side, OF_SRC, text);
	print_address(dst, side, OF_DST, text);
	format_values(side, text);
}

static void print_flags(uint32_t flags, struct text *text)
{
	const struct value_name *names = exp_fields.rows[NFBIND_EXP_FLAGS].values;
	bool is_first = true;

	for (const struct value_name *name = names; name->name; name++) {
		if (!(flags & name->value))
			continue;
		text_add(text, "%s", !is_first ? "," : text->len > 0 ? " " : "");
		format_state(names, name->value, text);
		is_first = false;
	}
}

void format_exp_line(const struct nfbind_exp *exp, struct text *text)
{
	struct side expected = format_side(exp, &exp->expected, NFBIND_EXP_EXPECTED_SRC);
	struct side mask = format_side(exp, &exp->mask, NFBIND_EXP_MASK_SRC);
	struct side master = format_side(exp, &exp->master, NFBIND_EXP_MASTER_SRC);

	if (format_has(exp, NFBIND_EXP_TIMEOUT))
		PIECE(text, "%" PRIu32, exp->timeout);
	PIECE(text, "proto=%u", exp->expected.l4proto);
	print_side(&expected, "src", "dst", text);
	print_side(&mask, "mask-src", "mask-dst", text);
	print_side(&master, "master-src", "master-dst", text);
	if (format_has(exp, NFBIND_EXP_ZONE))
		PIECE(text, "zone=%u", exp->zone);
	if (format_has(exp, NFBIND_EXP_FLAGS))
		print_flags(exp->flags, text);
	if (format_has(exp, NFBIND_EXP_CLASS))
		PIECE(text, "class=%" PRIu32, exp->class);
	if (format_has(exp, NFBIND_EXP_HELPER_NAME)) {
		PIECE(text, "helper=");
		text_add_escaped(text, exp->helper_name.bytes, exp->helper_name.len);
	}
}
