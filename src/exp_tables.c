/* SPDX-License-Identifier: MIT */
/*
 * The expectation's tables; its four tuples have the field order of a
 * connection's, so that the connection's tuple table serves them too. Data only.
 */
#include "ct.h"
#include "help_generated.h"
#include "uapi.h"

#define READ NFBIND_DIRECTION_READ
#define BOTH (NFBIND_DIRECTION_READ | NFBIND_DIRECTION_CREATE)
#define JUDGE (BOTH | NFBIND_DIRECTION_VERDICT)

#define ROW(field, text, member, row_kind, ...) \
	[NFBIND_EXP_##field] = { .name = text, .kind = NFBIND_KIND_##row_kind, \
				 .offset = offsetof(struct nfbind_exp, member), __VA_ARGS__ }

static const struct value_name flag_names[] = {
	{ NFBIND_EXP_FLAG_PERMANENT, "permanent" },
	{ NFBIND_EXP_FLAG_INACTIVE, "inactive" },
	{ NFBIND_EXP_FLAG_USERSPACE, "userspace" },
	{ 0, NULL },
};

static const struct value_name direction_names[] = {
	{ 0, "original" },
	{ 1, "reply" },
	{ 0, NULL },
};

static const struct field exp_rows[] = {
	TUPLE_ROWS(struct nfbind_exp, NFBIND_EXP_EXPECTED, "expected", expected, JUDGE, NONE, NONE,
		   NONE),
	TUPLE_ROWS(struct nfbind_exp, NFBIND_EXP_MASK, "mask", mask, JUDGE, NONE, NONE, NONE),
	TUPLE_ROWS(struct nfbind_exp, NFBIND_EXP_MASTER, "master", master, BOTH, MASTER, NONE, NONE),
	TUPLE_ROWS(struct nfbind_exp, NFBIND_EXP_NAT, "nat", nat, JUDGE, NONE, NONE, NONE),
	ROW(TIMEOUT, "timeout", timeout, U32, .directions = JUDGE | NFBIND_DIRECTION_UPDATE),
	ROW(ID, "id", id, U32, .directions = READ),
	ROW(HELPER_NAME, "helper-name", helper_name, TEXT, .directions = JUDGE, .size = 15),
	ROW(ZONE, "zone", zone, U16, .directions = NFBIND_DIRECTION_CREATE),
	ROW(FLAGS, "flags", flags, U32, .directions = JUDGE, .values = flag_names),
	ROW(CLASS, "class", class, U32, .directions = JUDGE),
	ROW(NAT_DIR, "nat-dir", nat_dir, U32, .directions = JUDGE, .values = direction_names),
	ROW(FN, "fn", fn, TEXT, .directions = JUDGE, .size = 23),
};

const struct nfbind_fields exp_fields = {
	.rows = exp_rows,
	.help = exp_help,
	.count = sizeof(exp_rows) / sizeof(exp_rows[0]),
};

#define LEAF(wire_kind, name) { .kind = WIRE_##wire_kind, .field = NFBIND_EXP_##name }
#define NEST(table) { .kind = WIRE_NEST, WIRE_ROWS(table) }
#define TUPLE(from) \
	{ .kind = WIRE_NEST, .rows = ct_tuple_wires, .rows_count = CT_TUPLE_WIRES, \
	  .shift = NFBIND_EXP_##from - NFBIND_CT_ORIG_SRC, .first = NFBIND_CT_ORIG_SRC, \
	  .last = NFBIND_CT_ORIG_ZONE }

static const struct wire nat_wires[] = {
	[KERNEL_CTA_EXPECT_NAT_DIR] = LEAF(U32, NAT_DIR),
	[KERNEL_CTA_EXPECT_NAT_TUPLE] = TUPLE(NAT_SRC),
};

static const struct wire exp_top_wires[] = {
	[KERNEL_CTA_EXPECT_MASTER] = TUPLE(MASTER_SRC),
	[KERNEL_CTA_EXPECT_TUPLE] = TUPLE(EXPECTED_SRC),
	[KERNEL_CTA_EXPECT_MASK] = TUPLE(MASK_SRC),
	[KERNEL_CTA_EXPECT_TIMEOUT] = LEAF(U32, TIMEOUT),
	[KERNEL_CTA_EXPECT_ID] = LEAF(U32, ID),
	[KERNEL_CTA_EXPECT_HELP_NAME] = LEAF(TEXT, HELPER_NAME),
	[KERNEL_CTA_EXPECT_ZONE] = LEAF(U16, ZONE),
	[KERNEL_CTA_EXPECT_FLAGS] = LEAF(U32, FLAGS),
	[KERNEL_CTA_EXPECT_CLASS] = LEAF(U32, CLASS),
	[KERNEL_CTA_EXPECT_NAT] = NEST(nat_wires),
	[KERNEL_CTA_EXPECT_FN] = LEAF(TEXT, FN),
};

const struct wire_table exp_wires = {
	.fields = &exp_fields,
	.rows = exp_top_wires,
	.rows_count = sizeof(exp_top_wires) / sizeof(exp_top_wires[0]),
};
