/* SPDX-License-Identifier: MIT */
/*
 * Filter programs without a kernel; see bpf_machine.h.
 */
#include "bpf_machine.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netlink.h>

struct machine {
	const uint8_t *data;
	size_t len;
	uint32_t a, x;
	uint32_t memory[BPF_MEMWORDS];
	bool is_outside; /* of the datagram: it is dropped */
};

/* Checking. */

static bool is_known(uint16_t code)
{
	static const uint16_t known[] = {
		BPF_LD | BPF_W | BPF_ABS, BPF_LD | BPF_H | BPF_ABS, BPF_LD | BPF_B | BPF_ABS,
		BPF_LD | BPF_W | BPF_IND, BPF_LD | BPF_H | BPF_IND, BPF_LD | BPF_B | BPF_IND,
		BPF_LD | BPF_W | BPF_LEN, BPF_LD | BPF_IMM,	    BPF_LD | BPF_MEM,
		BPF_LDX | BPF_IMM,	  BPF_LDX | BPF_MEM,	    BPF_LDX | BPF_W | BPF_LEN,
		BPF_ST,			  BPF_STX,		    BPF_MISC | BPF_TAX,
		BPF_MISC | BPF_TXA,	  BPF_RET | BPF_K,	    BPF_RET | BPF_A,
		BPF_JMP | BPF_JA,
	};
	static const uint16_t operations[] = {
		BPF_ALU | BPF_ADD, BPF_ALU | BPF_SUB, BPF_ALU | BPF_MUL,  BPF_ALU | BPF_AND,
		BPF_ALU | BPF_OR,  BPF_ALU | BPF_XOR, BPF_ALU | BPF_LSH,  BPF_ALU | BPF_RSH,
		BPF_JMP | BPF_JEQ, BPF_JMP | BPF_JGT, BPF_JMP | BPF_JGE, BPF_JMP | BPF_JSET,
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (code == known[i])
			return true;
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if ((code & ~BPF_X) == operations[i])
			return true;
	return false;
}

static bool is_inside(const struct sock_filter *code, unsigned int count, unsigned int at)
{
	uint64_t left = count - at - 1;

	if (BPF_CLASS(code[at].code) != BPF_JMP)
		return true;
	if (BPF_OP(code[at].code) == BPF_JA)
		return code[at].k < left;
	return code[at].jt < left && code[at].jf < left;
}

/* What is read must have been written on every way there; jumps go forward only. */
static bool memory_is_written(const struct sock_filter *code, unsigned int count)
{
	uint16_t *masks = malloc((count + 1) * sizeof(*masks)), valid = 0;
	bool is_fine = true;

	memset(masks, 0xff, (count + 1) * sizeof(*masks));
	for (unsigned int i = 0; i < count; i++) {
		uint16_t class = BPF_CLASS(code[i].code);

		valid &= masks[i];
		if (class == BPF_ST || class == BPF_STX) {
			valid |= (uint16_t)(1 << code[i].k);
		} else if (code[i].code == (BPF_LD | BPF_MEM) || code[i].code == (BPF_LDX | BPF_MEM)) {
			is_fine = is_fine && valid & 1 << code[i].k;
		} else if (code[i].code == (BPF_JMP | BPF_JA)) {
			masks[i + 1 + code[i].k] &= valid;
			valid = 0xffff;
		} else if (class == BPF_JMP) {
			masks[i + 1 + code[i].jt] &= valid;
			masks[i + 1 + code[i].jf] &= valid;
			valid = 0xffff;
		}
	}
	free(masks);
	return is_fine;
}

const char *bpf_machine_check(const struct sock_filter *code, unsigned int count)
{
	if (count < 1 || count > BPF_MAXINSNS)
		return "the program has no instructions or too many";
	for (unsigned int i = 0; i < count; i++) {
		uint16_t class = BPF_CLASS(code[i].code);
		bool uses_memory = class == BPF_ST || class == BPF_STX ||
				   ((class == BPF_LD || class == BPF_LDX) &&
				    BPF_MODE(code[i].code) == BPF_MEM);

		if (!is_known(code[i].code))
			return "an instruction is unknown";
		if (!is_inside(code, count, i))
			return "a jump leads outside";
		if (uses_memory && code[i].k >= BPF_MEMWORDS)
			return "there is less memory";
		if (class == BPF_ALU && code[i].code & (BPF_LSH | BPF_RSH) &&
		    (BPF_OP(code[i].code) == BPF_LSH || BPF_OP(code[i].code) == BPF_RSH) &&
		    BPF_SRC(code[i].code) == BPF_K && code[i].k >= 32)
			return "a shift is too long";
	}
	if (BPF_CLASS(code[count - 1].code) != BPF_RET)
		return "the last instruction is no return";
	return memory_is_written(code, count) ? NULL : "memory is read before it is written";
}

/* Running. */

/* nla_find(): the offset of the first attribute of the type among `len` bytes at `at`, or 0. */
static uint32_t find(const struct machine *machine, size_t at, size_t len, uint32_t type)
{
	struct nlattr attribute;

	while (len >= sizeof(attribute)) {
		size_t step;

		memcpy(&attribute, machine->data + at, sizeof(attribute));
		if (attribute.nla_len < sizeof(attribute) || attribute.nla_len > len)
			return 0;
		if ((attribute.nla_type & NLA_TYPE_MASK) == type)
			return (uint32_t)at;
		step = NLA_ALIGN(attribute.nla_len);
		if (step > len)
			return 0;
		at += step;
		len -= step;
	}
	return 0;
}

static uint32_t find_nested(const struct machine *machine, size_t at, uint32_t type)
{
	struct nlattr nest;

	memcpy(&nest, machine->data + at, sizeof(nest));
	if (nest.nla_len < sizeof(nest) || nest.nla_len > machine->len - at)
		return 0;
	return find(machine, at + NLA_HDRLEN, nest.nla_len - NLA_HDRLEN, type);
}

static uint32_t load(struct machine *machine, uint16_t code, uint64_t at)
{
	size_t size = BPF_SIZE(code) == BPF_W ? 4 : BPF_SIZE(code) == BPF_H ? 2 : 1;
	uint32_t value = 0;

	if (at + size > machine->len) {
		machine->is_outside = true;
		return 0;
	}
	for (size_t i = 0; i < size; i++)
		value = value << 8 | machine->data[at + i];
	return value;
}

static uint32_t load_absolute(struct machine *machine, const struct sock_filter *instruction)
{
	bool is_nest = instruction->k == (uint32_t)SKF_AD_OFF + SKF_AD_NLATTR_NEST;

	if (!is_nest && instruction->k != (uint32_t)SKF_AD_OFF + SKF_AD_NLATTR)
		return load(machine, instruction->code, instruction->k);
	if (machine->len < sizeof(struct nlattr) || machine->a > machine->len - sizeof(struct nlattr))
		return 0;
	return is_nest ? find_nested(machine, machine->a, machine->x)
		       : find(machine, machine->a, machine->len - machine->a, machine->x);
}

static uint32_t load_any(struct machine *machine, const struct sock_filter *instruction)
{
	switch (BPF_MODE(instruction->code)) {
	case BPF_ABS:
		return load_absolute(machine, instruction);
	case BPF_IND:
		/* Below 2^31 there is no wrapping; beyond it nothing lies inside. */
		return load(machine, instruction->code, (uint64_t)machine->x + instruction->k);
	case BPF_LEN:
		return (uint32_t)machine->len;
	case BPF_MEM:
		return machine->memory[instruction->k];
	default:
		return instruction->k;
	}
}

static uint32_t calculate(uint16_t code, uint32_t a, uint32_t other)
{
	switch (BPF_OP(code)) {
	case BPF_ADD:
		return a + other;
	case BPF_SUB:
		return a - other;
	case BPF_MUL:
		return a * other;
	case BPF_AND:
		return a & other;
	case BPF_OR:
		return a | other;
	case BPF_XOR:
		return a ^ other;
	case BPF_LSH:
		return a << (other & 31);
	default:
		return a >> (other & 31);
	}
}

static unsigned int distance(const struct sock_filter *instruction, uint32_t a, uint32_t other)
{
	bool holds;

	switch (BPF_OP(instruction->code)) {
	case BPF_JA:
		return instruction->k;
	case BPF_JEQ:
		holds = a == other;
		break;
	case BPF_JGT:
		holds = a > other;
		break;
	case BPF_JGE:
		holds = a >= other;
		break;
	default:
		holds = a & other;
	}
	return holds ? instruction->jt : instruction->jf;
}

uint32_t bpf_machine_run(const struct sock_filter *code, unsigned int count, const uint8_t *data,
			 size_t len)
{
	struct machine machine = { .data = data, .len = len };

	for (unsigned int i = 0; i < count && !machine.is_outside; i++) {
		const struct sock_filter *now = &code[i];
		uint32_t other = BPF_SRC(now->code) == BPF_X ? machine.x : now->k;

		switch (BPF_CLASS(now->code)) {
		case BPF_LD:
			machine.a = load_any(&machine, now);
			break;
		case BPF_LDX:
			machine.x = load_any(&machine, now);
			break;
		case BPF_ST:
			machine.memory[now->k] = machine.a;
			break;
		case BPF_STX:
			machine.memory[now->k] = machine.x;
			break;
		case BPF_ALU:
			machine.a = calculate(now->code, machine.a, other);
			break;
		case BPF_JMP:
			i += distance(now, machine.a, other);
			break;
		case BPF_RET:
			return BPF_RVAL(now->code) == BPF_A ? machine.a : now->k;
		default:
			if (BPF_MISCOP(now->code) == BPF_TAX)
				machine.x = machine.a;
			else
				machine.a = machine.x;
		}
	}
	return 0;
}
