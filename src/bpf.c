/* SPDX-License-Identifier: MIT */
/*
 * Filters as programs of the kernel's; see bpf.h. What is compared comes from the
 * filter's table of rules, where it lies in a message from the connection's wire table:
 * nothing here names a field of either.
 *
 * The kernel finds attributes for a program (net/core/filter.c): a load from
 * SKF_AD_NLATTR searches from offset A on for the attribute of type X, SKF_AD_NLATTR_NEST
 * in the attribute at offset A; both leave its offset in A, or 0. Loads turn big-endian
 * numbers into the host's, as all in attributes are; headers are the host's, so that
 * what they are compared with is turned instead. A load outside of the datagram drops it,
 * so that sizes are looked at first.
 */
#include "bpf.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include "filter.h"
#include "uapi.h"
#include "wire.h"

enum {
	ATTRIBUTES = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nfgenmsg)),
	DEPTH_MAX = 4,
	LEAVES_MAX = 4, /* places where one field of a connection may lie */
	SLOTS = BPF_MEMWORDS,

	/* Where jumps go that were not resolved yet; real ones inside of a rule are shorter. */
	TO_NEXT = 253, /* the next place where a field may lie */
	TO_YES = 254,
	TO_NO = 255,
};

static const uint32_t ACCEPT = UINT32_MAX; /* all bytes */
static const uint32_t TO_NEXT_FILTER = UINT32_MAX;
static const bool is_big_endian = __BYTE_ORDER == __BIG_ENDIAN;

/* An attribute that has a field. */
struct leaf {
	uint16_t path[DEPTH_MAX];
	uint8_t depth;
	uint8_t kind;
};

struct leaves {
	struct leaf all[LEAVES_MAX];
	unsigned int count;
};

struct assembler {
	struct sock_filter *code;
	unsigned int count; /* may be more than fit */
	bool names_only; /* what may change does not count */
	/* Attributes that are looked for once, and where they were found is remembered. */
	struct leaf slots[SLOTS];
	unsigned int slots_count;
};

/* Instructions. */

static void put(struct assembler *self, struct sock_filter instruction)
{
	if (self->count < BPF_MAXINSNS)
		self->code[self->count] = instruction;
	self->count++;
}

static void emit(struct assembler *self, uint16_t code, uint32_t k)
{
	put(self, (struct sock_filter){ .code = code, .k = k });
}

/* Without BPF_X in the condition, A is compared with `k`. */
static void jump(struct assembler *self, uint16_t condition, uint32_t k, uint8_t to, uint8_t otherwise)
{
	put(self, (struct sock_filter){ .code = BPF_JMP | condition, .jt = to, .jf = otherwise, .k = k });
}

static uint8_t resolved(uint8_t target, uint8_t placeholder, unsigned int distance)
{
	if (target != placeholder)
		return target;
	assert(distance < TO_NEXT);
	return (uint8_t)distance;
}

/* Have the jumps since `start` that go there go to what comes next. */
static void resolve(struct assembler *self, unsigned int start, uint8_t placeholder)
{
	for (unsigned int i = start; i < self->count && i < BPF_MAXINSNS; i++) {
		struct sock_filter *instruction = &self->code[i];
		unsigned int distance = self->count - i - 1;

		if (BPF_CLASS(instruction->code) != BPF_JMP)
			continue;
		if (BPF_OP(instruction->code) == BPF_JA) {
			if (instruction->k == placeholder)
				instruction->k = distance;
			continue;
		}
		instruction->jt = resolved(instruction->jt, placeholder, distance);
		instruction->jf = resolved(instruction->jf, placeholder, distance);
	}
}

/* Filters may be far from each other: only a jump without a condition reaches everywhere. */
static void resolve_next_filter(struct assembler *self, unsigned int start)
{
	for (unsigned int i = start; i < self->count && i < BPF_MAXINSNS; i++)
		if (self->code[i].code == (BPF_JMP | BPF_JA) && self->code[i].k == TO_NEXT_FILTER)
			self->code[i].k = self->count - i - 1;
}

/* Places in messages. */

/* Addresses have the network protocol's field, too. */
static bool has_field(const struct wire *row, unsigned int shift, uint32_t field)
{
	if (row->kind == WIRE_IPV4 || row->kind == WIRE_IPV6)
		if (row->protocol_field != 0 && row->protocol_field + shift == field)
			return true;
	return row->kind != WIRE_NONE && row->field + shift == field;
}

static void find_leaves(const struct wire *rows, size_t rows_count, unsigned int shift,
			uint32_t field, struct leaf leaf, struct leaves *leaves)
{
	unsigned int level = leaf.depth++;

	assert(level < DEPTH_MAX);
	for (size_t type = 0; type < rows_count; type++) {
		const struct wire *row = &rows[type];

		leaf.path[level] = (uint16_t)type;
		leaf.kind = row->kind;
		if (row->kind == WIRE_NEST) {
			find_leaves(row->rows, row->rows_count, shift + row->shift, field, leaf, leaves);
		} else if (has_field(row, shift, field)) {
			assert(leaves->count < LEAVES_MAX);
			leaves->all[leaves->count++] = leaf;
		}
	}
}

static struct leaves leaves_of(uint32_t field)
{
	struct leaves leaves = { .count = 0 };

	find_leaves(ct_wires.rows, ct_wires.rows_count, 0, field, (struct leaf){ .depth = 0 }, &leaves);
	return leaves;
}

/* The payload that the kernel gives to such an attribute; 0 where it differs. */
static uint8_t leaf_size(const struct leaf *leaf)
{
	static const uint8_t sizes[] = {
		[WIRE_U8] = 1,	  [WIRE_U16] = 2,   [WIRE_U32] = 4,	[WIRE_U64] = 8,
		[WIRE_IPV4] = 4,  [WIRE_IPV6] = 16, [WIRE_LABELS] = 16, [WIRE_NEST] = 0,
	};

	return sizes[leaf->kind];
}

/* A and X become the attribute's offset; A becomes 0 where there is none. */
static void look_up(struct assembler *self, const struct leaf *leaf)
{
	uint8_t size = leaf_size(leaf);
	uint8_t rest = size ? 5 : 2; /* instructions behind the last search */

	emit(self, BPF_LD | BPF_IMM, ATTRIBUTES);
	for (unsigned int i = 0; i < leaf->depth; i++) {
		emit(self, BPF_LDX | BPF_IMM, leaf->path[i]);
		emit(self, BPF_LD | BPF_W | BPF_ABS,
		     (uint32_t)SKF_AD_OFF + (i == 0 ? SKF_AD_NLATTR : SKF_AD_NLATTR_NEST));
		jump(self, BPF_JEQ, 0, (uint8_t)(3 * (leaf->depth - 1 - i) + rest), 0);
	}
	emit(self, BPF_MISC | BPF_TAX, 0);
	if (size) {
		emit(self, BPF_LD | BPF_H | BPF_IND, 0);
		jump(self, BPF_JEQ, htobe16((uint16_t)(NLA_HDRLEN + size)), 1, 0);
		emit(self, BPF_RET | BPF_K, ACCEPT);
	}
	emit(self, BPF_MISC | BPF_TXA, 0);
}

static int slot_of(struct assembler *self, const struct leaf *leaf)
{
	for (unsigned int i = 0; i < self->slots_count; i++)
		if (memcmp(&self->slots[i], leaf, sizeof(*leaf)) == 0)
			return (int)i;
	if (self->slots_count == SLOTS)
		return -1;
	self->slots[self->slots_count] = *leaf;
	return (int)self->slots_count++;
}

/* X becomes the attribute's offset; without one it goes on at the next place. */
static void locate(struct assembler *self, const struct leaf *leaf)
{
	int slot = slot_of(self, leaf);

	if (slot >= 0) {
		emit(self, BPF_LDX | BPF_MEM, (uint32_t)slot);
		emit(self, BPF_MISC | BPF_TXA, 0);
	} else {
		look_up(self, leaf);
	}
	jump(self, BPF_JEQ, 0, TO_NEXT, 0);
}

static void load(struct assembler *self, const struct leaf *leaf)
{
	uint16_t width = leaf->kind == WIRE_U8 ? BPF_B : leaf->kind == WIRE_U16 ? BPF_H : BPF_W;

	emit(self, BPF_LD | BPF_IND | width, NLA_HDRLEN);
}

/*
 * Rules. The code of each jumps to TO_YES where it holds, and to TO_NO or just on where
 * it does not.
 */

static uint64_t number_or(const struct nfbind_filter *filter, uint32_t field, uint64_t otherwise)
{
	return field_number_or(&filter_fields, filter, field, otherwise);
}

/* Numbers in network order, and which of their bits count. */
struct pattern {
	uint32_t wanted[4];
	uint32_t mask[4];
	unsigned int words;
};

/* Compare what lies at the attribute in X. */
static void compare(struct assembler *self, const struct pattern *pattern, uint8_t otherwise)
{
	unsigned int left = 0;

	for (unsigned int i = 0; i < pattern->words; i++)
		left += pattern->mask[i] != 0;
	if (left == 0)
		emit(self, BPF_JMP | BPF_JA, TO_YES);
	for (unsigned int i = 0; left > 0; i++) {
		if (pattern->mask[i] == 0)
			continue;
		emit(self, BPF_LD | BPF_W | BPF_IND, NLA_HDRLEN + 4 * i);
		if (pattern->mask[i] != UINT32_MAX)
			emit(self, BPF_ALU | BPF_AND | BPF_K, pattern->mask[i]);
		jump(self, BPF_JEQ, pattern->wanted[i] & pattern->mask[i], --left ? 0 : TO_YES,
		     otherwise);
	}
}

/* The same where the attribute is not there, which stands for 0. */
static void compare_absent(struct assembler *self, const struct pattern *pattern)
{
	for (unsigned int i = 0; i < pattern->words; i++)
		if (pattern->wanted[i] & pattern->mask[i])
			return;
	emit(self, BPF_JMP | BPF_JA, TO_YES);
}

static void compile_address(struct assembler *self, const struct nfbind_filter *filter,
			    const struct filter_rule *rule)
{
	struct pattern pattern = { .words = 0 };
	const void *network = NULL;
	size_t len = 0;
	uint64_t prefix;

	(void)field_get_bytes(&filter_fields, filter, rule->field, &network, &len);
	prefix = number_or(filter, rule->beside, len * 8);
	for (pattern.words = 0; pattern.words < len / 4; pattern.words++) {
		uint64_t bits = prefix < 32 ? prefix : 32;

		pattern.wanted[pattern.words] = wire_read_u32((const uint8_t *)network + 4 * pattern.words);
		pattern.mask[pattern.words] = (uint32_t)(UINT64_C(0xffffffff) << (32 - bits));
		prefix -= bits;
	}
	for (unsigned int i = 0; i < rule->of_count; i++) {
		struct leaves leaves = leaves_of(rule->of[i]);

		for (unsigned int j = 0; j < leaves.count; j++) {
			unsigned int start = self->count;

			if (leaf_size(&leaves.all[j]) != len)
				continue;
			locate(self, &leaves.all[j]);
			compare(self, &pattern, TO_NEXT);
			resolve(self, start, TO_NEXT);
		}
	}
}

/* Where one of its fields lies, its number is compared; `otherwise` is for one that is not in there. */
static void compare_numbers(struct assembler *self, const struct filter_rule *rule, uint32_t least,
			    uint32_t most, uint8_t otherwise)
{
	for (unsigned int i = 0; i < rule->of_count; i++) {
		struct leaves leaves = leaves_of(rule->of[i]);

		for (unsigned int j = 0; j < leaves.count; j++) {
			unsigned int start = self->count;

			locate(self, &leaves.all[j]);
			load(self, &leaves.all[j]);
			if (least == most) {
				jump(self, BPF_JEQ, most, TO_YES, otherwise);
			} else {
				jump(self, BPF_JGE, least, 0, otherwise);
				jump(self, BPF_JGT, most, otherwise, TO_YES);
			}
			resolve(self, start, TO_NEXT);
		}
	}
}

static void compile_range(struct assembler *self, const struct nfbind_filter *filter,
			  const struct filter_rule *rule)
{
	uint32_t least = (uint32_t)number_or(filter, rule->field, 0);

	compare_numbers(self, rule, least, (uint32_t)number_or(filter, rule->beside, least), TO_NEXT);
}

/* The first of its fields that is there decides; none stands for 0. */
static void compile_first(struct assembler *self, const struct nfbind_filter *filter,
			  const struct filter_rule *rule)
{
	uint32_t wanted = (uint32_t)number_or(filter, rule->field, 0);

	compare_numbers(self, rule, wanted, wanted, TO_NO);
	if (wanted == 0)
		emit(self, BPF_JMP | BPF_JA, TO_YES);
}

static void compile_pattern(struct assembler *self, const struct filter_rule *rule,
			    const struct pattern *pattern)
{
	struct leaves leaves = leaves_of(rule->of[0]);
	unsigned int start = self->count;

	locate(self, &leaves.all[0]);
	compare(self, pattern, TO_NO);
	resolve(self, start, TO_NEXT);
	compare_absent(self, pattern);
}

static void compile_bits(struct assembler *self, const struct nfbind_filter *filter,
			 const struct filter_rule *rule)
{
	struct pattern pattern = {
		.wanted = { (uint32_t)number_or(filter, rule->field, 0) },
		.mask = { filter_mask(filter, rule->field) },
		.words = 1,
	};

	compile_pattern(self, rule, &pattern);
}

/* As the kernel has them: words of its own, in which labels have their own order. */
static void read_labels(const struct nfbind_filter *filter, uint32_t field, uint32_t words[4])
{
	uint8_t labels[16] = { 0 }, turned[16];
	const void *data = NULL;
	size_t len = 0;

	(void)field_get_bytes(&filter_fields, filter, field, &data, &len);
	if (len > 0)
		memcpy(labels, data, len);
	wire_turn_labels(turned, labels, sizeof(labels));
	for (size_t i = 0; i < 4; i++)
		words[i] = wire_read_u32(turned + 4 * i);
}

static void compile_labels(struct assembler *self, const struct nfbind_filter *filter,
			   const struct filter_rule *rule)
{
	bool has_mask = field_has(&filter_fields, filter, rule->beside) > 0;
	struct pattern pattern = { .words = 4 };

	read_labels(filter, rule->field, pattern.wanted);
	read_labels(filter, has_mask ? rule->beside : rule->field, pattern.mask);
	compile_pattern(self, rule, &pattern);
}

/*
 * A name ends with a NUL, or with its attribute. Byte after byte, no more is looked at than
 * the attribute has; names are short, so that one byte of its length says it.
 */
static void compile_text(struct assembler *self, const struct nfbind_filter *filter,
			 const struct filter_rule *rule)
{
	struct leaves leaves = leaves_of(rule->of[0]);
	unsigned int start = self->count;
	const void *text = "";
	size_t len = 0;

	(void)field_get_bytes(&filter_fields, filter, rule->field, &text, &len);
	locate(self, &leaves.all[0]);
	emit(self, BPF_LD | BPF_B | BPF_IND, is_big_endian ? 0 : 1);
	jump(self, BPF_JEQ, 0, 1, 0);
	emit(self, BPF_RET | BPF_K, ACCEPT);
	emit(self, BPF_LD | BPF_B | BPF_IND, is_big_endian ? 1 : 0);
	jump(self, BPF_JGE, (uint32_t)(NLA_HDRLEN + len), 0, TO_NO);
	for (size_t i = 0; i < len; i++) {
		emit(self, BPF_LD | BPF_B | BPF_IND, (uint32_t)(NLA_HDRLEN + i));
		jump(self, BPF_JEQ, ((const uint8_t *)text)[i], 0, TO_NO);
	}
	emit(self, BPF_LD | BPF_B | BPF_IND, is_big_endian ? 1 : 0);
	jump(self, BPF_JEQ, (uint32_t)(NLA_HDRLEN + len), TO_YES, 0);
	emit(self, BPF_LD | BPF_B | BPF_IND, (uint32_t)(NLA_HDRLEN + len));
	jump(self, BPF_JEQ, 0, TO_YES, TO_NO);
	resolve(self, start, TO_NEXT);
	if (len == 0)
		emit(self, BPF_JMP | BPF_JA, TO_YES);
}

/* What has addresses of four bytes is IPv4, of sixteen IPv6. */
static void compile_family(struct assembler *self, const struct nfbind_filter *filter,
			   const struct filter_rule *rule)
{
	uint8_t kind = number_or(filter, rule->field, 0) == 2 ? WIRE_IPV4 : WIRE_IPV6;
	struct leaves leaves = leaves_of(rule->of[0]);

	for (unsigned int i = 0; i < leaves.count; i++) {
		unsigned int start = self->count;

		if (leaves.all[i].kind != kind)
			continue;
		locate(self, &leaves.all[i]);
		emit(self, BPF_JMP | BPF_JA, TO_YES);
		resolve(self, start, TO_NEXT);
	}
}

static void compile_translated(struct assembler *self, const struct nfbind_filter *filter,
			       const struct filter_rule *rule)
{
	struct leaves leaves = leaves_of(rule->of[0]);
	uint64_t wanted = number_or(filter, rule->field, 0);
	unsigned int start = self->count;
	uint32_t bits = 0;

	if (wanted == 0 || wanted & NFBIND_FILTER_TRANSLATED_SRC)
		bits |= NFBIND_CT_STATUS_SRC_NAT;
	if (wanted == 0 || wanted & NFBIND_FILTER_TRANSLATED_DST)
		bits |= NFBIND_CT_STATUS_DST_NAT;
	locate(self, &leaves.all[0]);
	load(self, &leaves.all[0]);
	jump(self, BPF_JSET, bits, wanted ? TO_YES : TO_NO, wanted ? TO_NO : TO_YES);
	resolve(self, start, TO_NEXT);
	if (wanted == 0)
		emit(self, BPF_JMP | BPF_JA, TO_YES);
}

static void (*const compilers[])(struct assembler *self, const struct nfbind_filter *filter,
				 const struct filter_rule *rule) = {
	[FILTER_ADDRESS] = compile_address,
	[FILTER_RANGE] = compile_range,
	[FILTER_FIRST] = compile_first,
	[FILTER_BITS] = compile_bits,
	[FILTER_LABELS] = compile_labels,
	[FILTER_TEXT] = compile_text,
	[FILTER_FAMILY] = compile_family,
	[FILTER_TRANSLATED] = compile_translated,
};

/* The whole. */

/* Whether it compares with what a connection has from its first event to its last. */
static bool is_lasting(const struct filter_rule *rule)
{
	for (unsigned int i = 0; i < rule->of_count; i++)
		if (rule->of[i] >= NFBIND_CT_MASTER_SRC && rule->of[i] != NFBIND_CT_ZONE)
			return false;
	return true;
}

static void compile_filter(struct assembler *self, const struct nfbind_filter *filter)
{
	bool is_negated = number_or(filter, NFBIND_FILTER_NEGATED, 0) != 0;
	unsigned int filter_start = self->count;

	for (unsigned int i = 0; i < filter_rules_count; i++) {
		unsigned int start = self->count;

		if (field_has(&filter_fields, filter, filter_rules[i].field) <= 0)
			continue;
		/* It may hold, and may not. */
		if (self->names_only && !is_lasting(&filter_rules[i])) {
			if (is_negated)
				emit(self, BPF_RET | BPF_K, ACCEPT);
			continue;
		}
		assert(filter_rules[i].kind < sizeof(compilers) / sizeof(compilers[0]));
		compilers[filter_rules[i].kind](self, filter, &filter_rules[i]);
		resolve(self, start, TO_NO);
		if (is_negated)
			emit(self, BPF_RET | BPF_K, ACCEPT);
		else
			emit(self, BPF_JMP | BPF_JA, TO_NEXT_FILTER);
		resolve(self, start, TO_YES);
	}
	if (!is_negated)
		emit(self, BPF_RET | BPF_K, ACCEPT);
	resolve_next_filter(self, filter_start);
}

/* Whether it is a connection event, alone in its datagram; all else passes. */
static void compile_head(struct assembler *self)
{
	uint16_t type = KERNEL_SUBSYS_CTNETLINK << 8;

	emit(self, BPF_LD | BPF_W | BPF_LEN, 0);
	jump(self, BPF_JGE, ATTRIBUTES, 1, 0);
	emit(self, BPF_RET | BPF_K, ACCEPT);
	/* The lower half of the message's length, in host order. */
	emit(self, BPF_LD | BPF_B | BPF_ABS, is_big_endian ? 2 : 1);
	emit(self, BPF_ALU | BPF_LSH | BPF_K, 8);
	emit(self, BPF_MISC | BPF_TAX, 0);
	emit(self, BPF_LD | BPF_B | BPF_ABS, is_big_endian ? 3 : 0);
	emit(self, BPF_ALU | BPF_OR | BPF_X, 0);
	emit(self, BPF_MISC | BPF_TAX, 0);
	emit(self, BPF_LD | BPF_W | BPF_LEN, 0);
	jump(self, BPF_JEQ | BPF_X, 0, 1, 0);
	emit(self, BPF_RET | BPF_K, ACCEPT);
	emit(self, BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_flags));
	jump(self, BPF_JSET, htobe16(NLM_F_MULTI), 3, 0);
	emit(self, BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type));
	jump(self, BPF_JEQ, htobe16(type | KERNEL_CT_NEW), 2, 0);
	jump(self, BPF_JEQ, htobe16(type | KERNEL_CT_DELETE), 1, 0);
	emit(self, BPF_RET | BPF_K, ACCEPT);
}

/* All of them, and which was the first that was too much; none: all of them fit. */
static size_t compile(struct assembler *self, struct nfbind_filter *const *filters,
		      size_t filters_count)
{
	size_t fitting = filters_count;

	self->count = 0;
	compile_head(self);
	for (unsigned int i = 0; i < self->slots_count; i++) {
		look_up(self, &self->slots[i]);
		emit(self, BPF_ST, i);
	}
	for (size_t i = 0; i < filters_count; i++) {
		compile_filter(self, filters[i]);
		/* One more says that none of them let it through. */
		if (self->count + 1 > BPF_MAXINSNS && fitting > i)
			fitting = i;
	}
	emit(self, BPF_RET | BPF_K, 0);
	return fitting;
}

/* Which one, and its own words: they tell it apart from its neighbours. */
static int refuse(struct nfbind_filter *const *filters, size_t filters_count, size_t which,
		  int error, struct text *why, const char *reason)
{
	char words[200];

	nfbind_filter_print(filters[which], words, sizeof(words));
	text_add(why, "filter %zu of %zu (%s) %s", which + 1, filters_count, words, reason);
	return error;
}

int bpf_compile(struct nfbind_filter *const *filters, size_t filters_count, bool names_only,
		struct bpf_program *ret_program, struct text *why)
{
	struct assembler self = { .names_only = names_only };
	size_t fitting;

	if (filters_count == 0) {
		*ret_program = (struct bpf_program){ .count = 0 };
		return 0;
	}
	self.code = calloc(BPF_MAXINSNS, sizeof(*self.code));
	if (!self.code)
		return -ENOMEM;
	/* First to learn what is looked for, then in earnest. */
	(void)compile(&self, filters, filters_count);
	fitting = compile(&self, filters, filters_count);
	if (fitting < filters_count) {
		free(self.code);
		return refuse(filters, filters_count, fitting, -E2BIG, why,
			      "does not fit: the kernel takes programs of 4096 instructions");
	}
	*ret_program = (struct bpf_program){ .code = self.code, .count = self.count };
	return 0;
}
