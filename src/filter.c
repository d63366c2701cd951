/* SPDX-License-Identifier: MIT */
/*
 * The filter object, and its table. What the fields mean is in filter_match.c.
 */
#include "filter.h"

#include <errno.h>
#include <stdlib.h>

#include "help_generated.h"
#include "text.h"

/* A filter stays with its caller: it is written, and nobody sends it. */
#define ROW(field, text, member, row_kind, ...) \
	[NFBIND_FILTER_##field] = { .name = text, .kind = NFBIND_KIND_##row_kind, \
				    .offset = offsetof(struct nfbind_filter, member), \
				    .directions = NFBIND_DIRECTION_CREATE, __VA_ARGS__ }

#define TUPLE_ROWS_OF(group, prefix, m) \
	ROW(group##_SRC, prefix "-src", m.src, ADDRESS), \
	ROW(group##_SRC_PREFIX, prefix "-src-prefix", m.src_prefix, U8), \
	ROW(group##_DST, prefix "-dst", m.dst, ADDRESS), \
	ROW(group##_DST_PREFIX, prefix "-dst-prefix", m.dst_prefix, U8), \
	ROW(group##_PORT_SRC, prefix "-port-src", m.port_src, U16), \
	ROW(group##_PORT_SRC_MAX, prefix "-port-src-max", m.port_src_max, U16), \
	ROW(group##_PORT_DST, prefix "-port-dst", m.port_dst, U16), \
	ROW(group##_PORT_DST_MAX, prefix "-port-dst-max", m.port_dst_max, U16), \
	ROW(group##_ZONE, prefix "-zone", m.zone, U16)

static const struct value_name translated_names[] = {
	{ 0, "neither" },
	{ NFBIND_FILTER_TRANSLATED_SRC, "src" },
	{ NFBIND_FILTER_TRANSLATED_DST, "dst" },
	{ NFBIND_FILTER_TRANSLATED_SRC | NFBIND_FILTER_TRANSLATED_DST, "any" },
	{ 0, NULL },
};

static const struct field filter_rows[] = {
	TUPLE_ROWS_OF(ORIG, "orig", orig),
	TUPLE_ROWS_OF(REPL, "repl", repl),
	ROW(ADDRESS, "address", address, ADDRESS),
	ROW(ADDRESS_PREFIX, "address-prefix", address_prefix, U8),
	ROW(PORT, "port", port, U16),
	ROW(PORT_MAX, "port-max", port_max, U16),
	ROW(L3PROTO, "l3proto", l3proto, U8),
	ROW(L4PROTO, "l4proto", l4proto, U8),
	ROW(ICMP_TYPE, "icmp-type", icmp_type, U8),
	ROW(ICMP_CODE, "icmp-code", icmp_code, U8),
	ROW(ICMP_ID, "icmp-id", icmp_id, U16),
	ROW(MARK, "mark", mark, U32),
	ROW(MARK_MASK, "mark-mask", mark_mask, U32),
	ROW(STATUS, "status", status, U32),
	ROW(STATUS_MASK, "status-mask", status_mask, U32),
	ROW(ZONE, "zone", zone, U16),
	ROW(LABELS, "labels", labels, BYTES, .size = 16),
	ROW(LABELS_MASK, "labels-mask", labels_mask, BYTES, .size = 16),
	ROW(TCP_STATE, "tcp-state", tcp_state, U8),
	ROW(HELPER_NAME, "helper-name", helper_name, TEXT, .size = 15),
	ROW(TIMEOUT, "timeout", timeout, U32),
	ROW(TIMEOUT_MAX, "timeout-max", timeout_max, U32),
	ROW(TRANSLATED, "translated", translated, U8, .values = translated_names),
	ROW(NEGATED, "negated", negated, BOOL),
};

const struct nfbind_fields filter_fields = {
	.rows = filter_rows,
	.help = filter_help,
	.count = sizeof(filter_rows) / sizeof(filter_rows[0]),
};

int nfbind_filter_new(struct nfbind_filter **ret_filter)
{
	struct nfbind_filter *filter = calloc(1, sizeof(*filter));

	if (!filter)
		return -ENOMEM;
	*ret_filter = filter;
	return 0;
}

void nfbind_filter_free(struct nfbind_filter *filter)
{
	free(filter);
}

int nfbind_filter_assign(struct nfbind_filter *filter, const struct nfbind_filter *from)
{
	if (!filter || !from)
		return -EINVAL;
	return field_copy(&filter_fields, filter, from);
}

int nfbind_filter_print(const struct nfbind_filter *filter, char *ret_text, size_t ret_text_size)
{
	struct text text;

	text_start(&text, ret_text, ret_text_size);
	if (filter)
		field_print(&filter_fields, filter, &text);
	return (int)text.len;
}

int nfbind_filter_match(const struct nfbind_filter *filter, const struct nfbind_ct *ct)
{
	return filter && ct && !filter_problem(filter) && filter_matches(filter, ct);
}

int nfbind_filter_explain(const struct nfbind_filter *filter, char *ret_text, size_t ret_text_size)
{
	const char *problem = filter ? filter_problem(filter) : NULL;
	struct text text;

	text_start(&text, ret_text, ret_text_size);
	if (problem)
		text_add(&text, "%s", problem);
	return (int)text.len;
}

const struct nfbind_fields *nfbind_filter_fields(void)
{
	return &filter_fields;
}

int nfbind_filter_has(const struct nfbind_filter *filter, uint32_t field)
{
	return field_has(&filter_fields, filter, field);
}

int nfbind_filter_clear(struct nfbind_filter *filter, uint32_t field)
{
	return field_clear(&filter_fields, filter, field);
}

int nfbind_filter_get_number(const struct nfbind_filter *filter, uint32_t field,
			     uint64_t *ret_value)
{
	return field_get_number(&filter_fields, filter, field, ret_value);
}

int nfbind_filter_set_number(struct nfbind_filter *filter, uint32_t field, uint64_t value)
{
	return field_set_number(&filter_fields, filter, field, value);
}

int nfbind_filter_get_bytes(const struct nfbind_filter *filter, uint32_t field,
			    const void **ret_data, size_t *ret_data_len)
{
	return field_get_bytes(&filter_fields, filter, field, ret_data, ret_data_len);
}

int nfbind_filter_set_bytes(struct nfbind_filter *filter, uint32_t field, const void *data,
			    size_t data_len)
{
	return field_set_bytes(&filter_fields, filter, field, data, data_len);
}
