/* SPDX-License-Identifier: MIT */
/*
 * The tables of a helper's record (net/netfilter/nfnetlink_cthelper.c); its policies
 * are alike, so that one table serves all. Data only.
 */
#include "cthelper.h"
#include "help_generated.h"
#include "uapi.h"

#define KEY (NFBIND_DIRECTION_READ | NFBIND_DIRECTION_CREATE)
#define BOTH (KEY | NFBIND_DIRECTION_UPDATE)

#define ROW(field, text, member, row_kind, ...) \
	[NFBIND_CTHELPER_##field] = { .name = text, .kind = NFBIND_KIND_##row_kind, \
				      .offset = offsetof(struct nfbind_cthelper, member), \
				      __VA_ARGS__ }

#define POLICY_ROWS(group, prefix, number) \
	ROW(group##_NAME, prefix "-name", policies[number].name, TEXT, .directions = KEY, \
	    .size = CTHELPER_NAME_MAX), \
	ROW(group##_MAX, prefix "-max", policies[number].max, U32, .directions = BOTH), \
	ROW(group##_TIMEOUT, prefix "-timeout", policies[number].timeout, U32, .directions = BOTH)

static const struct value_name l3proto_names[] = {
	{ 2, "ipv4" },
	{ 10, "ipv6" },
	{ 0, NULL },
};

static const struct value_name status_names[] = {
	{ NFBIND_CTHELPER_STATUS_DISABLED, "disabled" },
	{ NFBIND_CTHELPER_STATUS_ENABLED, "enabled" },
	{ 0, NULL },
};

static const struct field cthelper_rows[] = {
	ROW(NAME, "name", name, TEXT, .directions = KEY, .size = CTHELPER_NAME_MAX),
	ROW(L3PROTO, "l3proto", l3proto, U16, .directions = KEY, .values = l3proto_names,
	    .aliases = "proto-l3num"),
	ROW(L4PROTO, "l4proto", l4proto, U8, .directions = KEY, .aliases = "proto-l4num"),
	ROW(QUEUE, "queue", queue, U32, .directions = BOTH, .aliases = "queue-num"),
	ROW(PRIV_DATA_LEN, "priv-data-len", priv_data_len, U32, .directions = KEY),
	ROW(STATUS, "status", status, U32, .directions = BOTH, .values = status_names),
	POLICY_ROWS(POLICY1, "policy1", 0),
	POLICY_ROWS(POLICY2, "policy2", 1),
	POLICY_ROWS(POLICY3, "policy3", 2),
	POLICY_ROWS(POLICY4, "policy4", 3),
};

const struct nfbind_fields cthelper_fields = {
	.rows = cthelper_rows,
	.help = cthelper_help,
	.count = sizeof(cthelper_rows) / sizeof(cthelper_rows[0]),
};

#define LEAF(wire_kind, name) { .kind = WIRE_##wire_kind, .field = NFBIND_CTHELPER_##name }
#define NEST(table) { .kind = WIRE_NEST, WIRE_ROWS(table) }
#define POLICY(number) \
	{ .kind = WIRE_NEST, WIRE_ROWS(policy_wires), \
	  .shift = NFBIND_CTHELPER_POLICY##number##_NAME - NFBIND_CTHELPER_POLICY1_NAME }

static const struct wire tuple_wires[] = {
	[KERNEL_NFCTH_TUPLE_L3PROTONUM] = LEAF(U16, L3PROTO),
	[KERNEL_NFCTH_TUPLE_L4PROTONUM] = LEAF(U8, L4PROTO),
};

static const struct wire policy_wires[] = {
	[KERNEL_NFCTH_POLICY_NAME] = LEAF(TEXT, POLICY1_NAME),
	[KERNEL_NFCTH_POLICY_EXPECT_MAX] = LEAF(U32, POLICY1_MAX),
	[KERNEL_NFCTH_POLICY_EXPECT_TIMEOUT] = LEAF(U32, POLICY1_TIMEOUT),
};

static const struct wire policy_set_wires[] = {
	[KERNEL_NFCTH_POLICY_SET_NUM] = { .kind = WIRE_COUNT,
					  .field = NFBIND_CTHELPER_POLICY1_NAME,
					  .rows_count = CTHELPER_POLICIES_MAX,
					  .shift = POLICY_FIELDS },
	[KERNEL_NFCTH_POLICY_SET1] = POLICY(1),
	[KERNEL_NFCTH_POLICY_SET2] = POLICY(2),
	[KERNEL_NFCTH_POLICY_SET3] = POLICY(3),
	[KERNEL_NFCTH_POLICY_SET4] = POLICY(4),
};

static const struct wire cthelper_top_wires[] = {
	[KERNEL_NFCTH_NAME] = LEAF(TEXT, NAME),
	[KERNEL_NFCTH_TUPLE] = NEST(tuple_wires),
	[KERNEL_NFCTH_QUEUE_NUM] = LEAF(U32, QUEUE),
	[KERNEL_NFCTH_POLICY] = NEST(policy_set_wires),
	[KERNEL_NFCTH_PRIV_DATA_LEN] = LEAF(U32, PRIV_DATA_LEN),
	[KERNEL_NFCTH_STATUS] = LEAF(U32, STATUS),
};

const struct wire_table cthelper_wires = {
	.fields = &cthelper_fields,
	.rows = cthelper_top_wires,
	.rows_count = sizeof(cthelper_top_wires) / sizeof(cthelper_top_wires[0]),
};
