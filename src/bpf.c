/* SPDX-License-Identifier: MIT */
/*
 * Filters as programs of the kernel's; see bpf.h. What is compared comes from the
 * filter's table of rules, where it lies in a message from the assembler, which says how
 * the kernel's machine sees it: nothing here names an attribute.
 */
#include "bpf.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf_assembler.h"
#include "filter.h"
#include "uapi.h"
#include "wire.h"

static const bool is_big_endian = __BYTE_ORDER == __BIG_ENDIAN;

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
		bpf_emit(self, BPF_JMP | BPF_JA, TO_YES);
	for (unsigned int i = 0; left > 0; i++) {
		if (pattern->mask[i] == 0)
			continue;
		bpf_emit(self, BPF_LD | BPF_W | BPF_IND, NLA_HDRLEN + 4 * i);
		if (pattern->mask[i] != UINT32_MAX)
			bpf_emit(self, BPF_ALU | BPF_AND | BPF_K, pattern->mask[i]);
		bpf_jump(self, BPF_JEQ, pattern->wanted[i] & pattern->mask[i], --left ? 0 : TO_YES,
			 otherwise);
	}
}

/* The same where the attribute is not there, which stands for 0. */
static void compare_absent(struct assembler *self, const struct pattern *pattern)
{
	for (unsigned int i = 0; i < pattern->words; i++)
		if (pattern->wanted[i] & pattern->mask[i])
			return;
	bpf_emit(self, BPF_JMP | BPF_JA, TO_YES);
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

		pattern.wanted[pattern.words] =
			wire_read_u32((const uint8_t *)network + 4 * pattern.words);
		pattern.mask[pattern.words] = (uint32_t)(UINT64_C(0xffffffff) << (32 - bits));
		prefix -= bits;
	}
	for (unsigned int i = 0; i < rule->of_count; i++) {
		struct leaves leaves = bpf_leaves_of(rule->of[i]);

		for (unsigned int j = 0; j < leaves.count; j++) {
			unsigned int start = self->count;

			if (bpf_leaf_size(&leaves.all[j]) != len)
				continue;
			bpf_locate(self, &leaves.all[j]);
			compare(self, &pattern, TO_NEXT);
			bpf_resolve(self, start, TO_NEXT);
		}
	}
}

/* Where one of its fields lies, its number is compared; one not in there goes to `otherwise`. */
static void compare_numbers(struct assembler *self, const struct filter_rule *rule, uint32_t least,
			    uint32_t most, uint8_t otherwise)
{
	for (unsigned int i = 0; i < rule->of_count; i++) {
		struct leaves leaves = bpf_leaves_of(rule->of[i]);

		for (unsigned int j = 0; j < leaves.count; j++) {
			unsigned int start = self->count;

			bpf_locate(self, &leaves.all[j]);
			bpf_load(self, &leaves.all[j]);
			if (least == most) {
				bpf_jump(self, BPF_JEQ, most, TO_YES, otherwise);
			} else {
				bpf_jump(self, BPF_JGE, least, 0, otherwise);
				bpf_jump(self, BPF_JGT, most, otherwise, TO_YES);
			}
			bpf_resolve(self, start, TO_NEXT);
		}
	}
}

static void compile_range(struct assembler *self, const struct nfbind_filter *filter,
			  const struct filter_rule *rule)
{
	uint32_t least = (uint32_t)number_or(filter, rule->field, 0);

	compare_numbers(self, rule, least, (uint32_t)number_or(filter, rule->beside, least),
			TO_NEXT);
}

/* The first of its fields that is there decides; none stands for 0. */
static void compile_first(struct assembler *self, const struct nfbind_filter *filter,
			  const struct filter_rule *rule)
{
	uint32_t wanted = (uint32_t)number_or(filter, rule->field, 0);

	compare_numbers(self, rule, wanted, wanted, TO_NO);
	if (wanted == 0)
		bpf_emit(self, BPF_JMP | BPF_JA, TO_YES);
}

static void compile_pattern(struct assembler *self, const struct filter_rule *rule,
			    const struct pattern *pattern)
{
	struct leaves leaves = bpf_leaves_of(rule->of[0]);
	unsigned int start = self->count;

	bpf_locate(self, &leaves.all[0]);
	compare(self, pattern, TO_NO);
	bpf_resolve(self, start, TO_NEXT);
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
	struct leaves leaves = bpf_leaves_of(rule->of[0]);
	unsigned int start = self->count;
	const void *text = "";
	size_t len = 0;

	(void)field_get_bytes(&filter_fields, filter, rule->field, &text, &len);
	bpf_locate(self, &leaves.all[0]);
	bpf_emit(self, BPF_LD | BPF_B | BPF_IND, is_big_endian ? 0 : 1);
	bpf_jump(self, BPF_JEQ, 0, 1, 0);
	bpf_accept(self);
	bpf_emit(self, BPF_LD | BPF_B | BPF_IND, is_big_endian ? 1 : 0);
	bpf_jump(self, BPF_JGE, (uint32_t)(NLA_HDRLEN + len), 0, TO_NO);
	for (size_t i = 0; i < len; i++) {
		bpf_emit(self, BPF_LD | BPF_B | BPF_IND, (uint32_t)(NLA_HDRLEN + i));
		bpf_jump(self, BPF_JEQ, ((const uint8_t *)text)[i], 0, TO_NO);
	}
	bpf_emit(self, BPF_LD | BPF_B | BPF_IND, is_big_endian ? 1 : 0);
	bpf_jump(self, BPF_JEQ, (uint32_t)(NLA_HDRLEN + len), TO_YES, 0);
	bpf_emit(self, BPF_LD | BPF_B | BPF_IND, (uint32_t)(NLA_HDRLEN + len));
	bpf_jump(self, BPF_JEQ, 0, TO_YES, TO_NO);
	bpf_resolve(self, start, TO_NEXT);
	if (len == 0)
		bpf_emit(self, BPF_JMP | BPF_JA, TO_YES);
}

/* What has addresses of four bytes is IPv4, of sixteen IPv6. */
static void compile_family(struct assembler *self, const struct nfbind_filter *filter,
			   const struct filter_rule *rule)
{
	uint8_t kind = number_or(filter, rule->field, 0) == 2 ? WIRE_IPV4 : WIRE_IPV6;
	struct leaves leaves = bpf_leaves_of(rule->of[0]);

	for (unsigned int i = 0; i < leaves.count; i++) {
		unsigned int start = self->count;

		if (leaves.all[i].kind != kind)
			continue;
		bpf_locate(self, &leaves.all[i]);
		bpf_emit(self, BPF_JMP | BPF_JA, TO_YES);
		bpf_resolve(self, start, TO_NEXT);
	}
}

static void compile_translated(struct assembler *self, const struct nfbind_filter *filter,
			       const struct filter_rule *rule)
{
	struct leaves leaves = bpf_leaves_of(rule->of[0]);
	uint64_t wanted = number_or(filter, rule->field, 0);
	unsigned int start = self->count;
	uint32_t bits = 0;

	if (wanted == 0 || wanted & NFBIND_FILTER_TRANSLATED_SRC)
		bits |= NFBIND_CT_STATUS_SRC_NAT;
	if (wanted == 0 || wanted & NFBIND_FILTER_TRANSLATED_DST)
		bits |= NFBIND_CT_STATUS_DST_NAT;
	bpf_locate(self, &leaves.all[0]);
	bpf_load(self, &leaves.all[0]);
	bpf_jump(self, BPF_JSET, bits, wanted ? TO_YES : TO_NO, wanted ? TO_NO : TO_YES);
	bpf_resolve(self, start, TO_NEXT);
	if (wanted == 0)
		bpf_emit(self, BPF_JMP | BPF_JA, TO_YES);
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

/* The whole. With `names_only`, what may change in a connection's life does not count. */

/* Whether it compares with what a connection has from its first event to its last. */
static bool is_lasting(const struct filter_rule *rule)
{
	for (unsigned int i = 0; i < rule->of_count; i++)
		if (rule->of[i] >= NFBIND_CT_MASTER_SRC && rule->of[i] != NFBIND_CT_ZONE)
			return false;
	return true;
}

static void compile_filter(struct assembler *self, const struct nfbind_filter *filter,
			   bool names_only)
{
	bool is_negated = number_or(filter, NFBIND_FILTER_NEGATED, 0) != 0;
	unsigned int filter_start = self->count;

	for (unsigned int i = 0; i < filter_rules_count; i++) {
		unsigned int start = self->count;

		if (field_has(&filter_fields, filter, filter_rules[i].field) <= 0)
			continue;
		/* It may hold, and may not. */
		if (names_only && !is_lasting(&filter_rules[i])) {
			if (is_negated)
				bpf_accept(self);
			continue;
		}
		assert(filter_rules[i].kind < sizeof(compilers) / sizeof(compilers[0]));
		compilers[filter_rules[i].kind](self, filter, &filter_rules[i]);
		bpf_resolve(self, start, TO_NO);
		if (is_negated)
			bpf_accept(self);
		else
			bpf_emit(self, BPF_JMP | BPF_JA, TO_NEXT_FILTER);
		bpf_resolve(self, start, TO_YES);
	}
	if (!is_negated)
		bpf_accept(self);
	bpf_resolve_next_filter(self, filter_start);
}

/* Whether it is a connection event, alone in its datagram; all else passes. */
static void compile_head(struct assembler *self)
{
	uint16_t type = KERNEL_SUBSYS_CTNETLINK << 8;

	bpf_emit(self, BPF_LD | BPF_W | BPF_LEN, 0);
	bpf_jump(self, BPF_JGE, ATTRIBUTES, 1, 0);
	bpf_accept(self);
	/* The lower half of the message's length, in host order. */
	bpf_emit(self, BPF_LD | BPF_B | BPF_ABS, is_big_endian ? 2 : 1);
	bpf_emit(self, BPF_ALU | BPF_LSH | BPF_K, 8);
	bpf_emit(self, BPF_MISC | BPF_TAX, 0);
	bpf_emit(self, BPF_LD | BPF_B | BPF_ABS, is_big_endian ? 3 : 0);
	bpf_emit(self, BPF_ALU | BPF_OR | BPF_X, 0);
	bpf_emit(self, BPF_MISC | BPF_TAX, 0);
	bpf_emit(self, BPF_LD | BPF_W | BPF_LEN, 0);
	bpf_jump(self, BPF_JEQ | BPF_X, 0, 1, 0);
	bpf_accept(self);
	bpf_emit(self, BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_flags));
	bpf_jump(self, BPF_JSET, htobe16(NLM_F_MULTI), 3, 0);
	bpf_emit(self, BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type));
	bpf_jump(self, BPF_JEQ, htobe16(type | KERNEL_CT_NEW), 2, 0);
	bpf_jump(self, BPF_JEQ, htobe16(type | KERNEL_CT_DELETE), 1, 0);
	bpf_accept(self);
}

/* All of them, and which was the first that was too much; none: all of them fit. */
static size_t compile(struct assembler *self, struct nfbind_filter *const *filters,
		      size_t filters_count, bool names_only)
{
	size_t fitting = filters_count;

	self->count = 0;
	compile_head(self);
	bpf_fill_slots(self);
	for (size_t i = 0; i < filters_count; i++) {
		compile_filter(self, filters[i], names_only);
		/* One more says that none of them let it through. */
		if (self->count + 1 > BPF_MAXINSNS && fitting > i)
			fitting = i;
	}
	bpf_emit(self, BPF_RET | BPF_K, 0);
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
	struct assembler self = { .count = 0 };
	size_t fitting;

	if (filters_count == 0) {
		*ret_program = (struct bpf_program){ .count = 0 };
		return 0;
	}
	self.code = calloc(BPF_MAXINSNS, sizeof(*self.code));
	if (!self.code)
		return -ENOMEM;
	/* First to learn what is looked for, then in earnest. */
	(void)compile(&self, filters, filters_count, names_only);
	fitting = compile(&self, filters, filters_count, names_only);
	if (fitting < filters_count) {
		free(self.code);
		return refuse(filters, filters_count, fitting, -E2BIG, why,
			      "does not fit: the kernel takes programs of 4096 instructions");
	}
	*ret_program = (struct bpf_program){ .code = self.code, .count = self.count };
	return 0;
}
