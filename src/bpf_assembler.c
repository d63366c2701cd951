/* SPDX-License-Identifier: MIT */
/*
 * The assembler; see bpf_assembler.h. Where a field lies comes from the connection's wire
 * table: nothing here names an attribute.
 *
 * The kernel finds attributes for a program (net/core/filter.c): a load from
 * SKF_AD_NLATTR searches from offset A on for the attribute of type X, SKF_AD_NLATTR_NEST
 * in the attribute at offset A; both leave its offset in A, or 0. Loads turn big-endian
 * numbers into the host's, as all in attributes are; headers are the host's, so that
 * what they are compared with is turned instead. A load outside of the datagram drops it,
 * so that sizes are looked at first.
 */
#include "bpf_assembler.h"

#include <assert.h>
#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "ct.h"
#include "wire.h"

static const uint32_t ACCEPT = UINT32_MAX; /* all bytes */

/* Instructions. */

static void put(struct assembler *self, struct sock_filter instruction)
{
	if (self->count < BPF_MAXINSNS)
		self->code[self->count] = instruction;
	self->count++;
}

void bpf_emit(struct assembler *self, uint16_t code, uint32_t k)
{
	put(self, (struct sock_filter){ .code = code, .k = k });
}

void bpf_accept(struct assembler *self)
{
	bpf_emit(self, BPF_RET | BPF_K, ACCEPT);
}

void bpf_jump(struct assembler *self, uint16_t condition, uint32_t k, uint8_t to, uint8_t otherwise)
{
	put(self,
	    (struct sock_filter){ .code = BPF_JMP | condition, .jt = to, .jf = otherwise, .k = k });
}

static uint8_t resolved(uint8_t target, uint8_t placeholder, unsigned int distance)
{
	if (target != placeholder)
		return target;
	assert(distance < TO_NEXT);
	return (uint8_t)distance;
}

void bpf_resolve(struct assembler *self, unsigned int start, uint8_t placeholder)
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
void bpf_resolve_next_filter(struct assembler *self, unsigned int start)
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
			find_leaves(row->rows, row->rows_count, shift + row->shift, field, leaf,
				    leaves);
		} else if (has_field(row, shift, field)) {
			assert(leaves->count < LEAVES_MAX);
			leaves->all[leaves->count++] = leaf;
		}
	}
}

struct leaves bpf_leaves_of(uint32_t field)
{
	struct leaves leaves = { .count = 0 };

	find_leaves(ct_wires.rows, ct_wires.rows_count, 0, field, (struct leaf){ .depth = 0 },
		    &leaves);
	return leaves;
}

/* The payload that the kernel gives to such an attribute. */
uint8_t bpf_leaf_size(const struct leaf *leaf)
{
	static const uint8_t sizes[] = {
		[WIRE_U8] = 1,   [WIRE_U16] = 2,   [WIRE_U32] = 4,     [WIRE_U64] = 8,
		[WIRE_IPV4] = 4, [WIRE_IPV6] = 16, [WIRE_LABELS] = 16, [WIRE_NEST] = 0,
	};

	return sizes[leaf->kind];
}

/* A and X become the attribute's offset; A becomes 0 where there is none. */
static void look_up(struct assembler *self, const struct leaf *leaf)
{
	uint8_t size = bpf_leaf_size(leaf);
	uint8_t rest = size ? 5 : 2; /* instructions behind the last search */

	bpf_emit(self, BPF_LD | BPF_IMM, ATTRIBUTES);
	for (unsigned int i = 0; i < leaf->depth; i++) {
		bpf_emit(self, BPF_LDX | BPF_IMM, leaf->path[i]);
		bpf_emit(self, BPF_LD | BPF_W | BPF_ABS,
			 (uint32_t)SKF_AD_OFF + (i == 0 ? SKF_AD_NLATTR : SKF_AD_NLATTR_NEST));
		bpf_jump(self, BPF_JEQ, 0, (uint8_t)(3 * (leaf->depth - 1 - i) + rest), 0);
	}
	bpf_emit(self, BPF_MISC | BPF_TAX, 0);
	if (size) {
		bpf_emit(self, BPF_LD | BPF_H | BPF_IND, 0);
		bpf_jump(self, BPF_JEQ, htobe16((uint16_t)(NLA_HDRLEN + size)), 1, 0);
		bpf_accept(self);
	}
	bpf_emit(self, BPF_MISC | BPF_TXA, 0);
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

void bpf_fill_slots(struct assembler *self)
{
	for (unsigned int i = 0; i < self->slots_count; i++) {
		look_up(self, &self->slots[i]);
		bpf_emit(self, BPF_ST, i);
	}
}

void bpf_locate(struct assembler *self, const struct leaf *leaf)
{
	int slot = slot_of(self, leaf);

	if (slot >= 0) {
		bpf_emit(self, BPF_LDX | BPF_MEM, (uint32_t)slot);
		bpf_emit(self, BPF_MISC | BPF_TXA, 0);
	} else {
		look_up(self, leaf);
	}
	bpf_jump(self, BPF_JEQ, 0, TO_NEXT, 0);
}

void bpf_load(struct assembler *self, const struct leaf *leaf)
{
	uint16_t width = leaf->kind == WIRE_U8 ? BPF_B : leaf->kind == WIRE_U16 ? BPF_H : BPF_W;

	bpf_emit(self, BPF_LD | BPF_IND | width, NLA_HDRLEN);
}
