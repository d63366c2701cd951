/* SPDX-License-Identifier: MIT */
/*
 * Instructions of a classic BPF program, one behind the other, and where in an event's
 * message the fields of a connection lie. What is compared with them is bpf.c's.
 */
#ifndef BPF_ASSEMBLER_H
#define BPF_ASSEMBLER_H

#include <stdint.h>

#include <linux/filter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

enum {
	ATTRIBUTES = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nfgenmsg)), /* where they begin */
	DEPTH_MAX = 4,
	LEAVES_MAX = 4, /* places where one field of a connection may lie */
	SLOTS = BPF_MEMWORDS,

	/* Where jumps go that were not resolved yet; real ones inside of a rule are shorter. */
	TO_NEXT = 253, /* the next place where a field may lie */
	TO_YES = 254,
	TO_NO = 255,
};

static const uint32_t TO_NEXT_FILTER = UINT32_MAX;

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
	struct sock_filter *code; /* room for BPF_MAXINSNS */
	unsigned int count;       /* may be more than fit */
	/* Attributes that are looked for once, and where they were found is remembered. */
	struct leaf slots[SLOTS];
	unsigned int slots_count;
};

void bpf_emit(struct assembler *self, uint16_t code, uint32_t k);

/* The datagram passes. */
void bpf_accept(struct assembler *self);

/* Without BPF_X in the condition, A is compared with `k`. */
void bpf_jump(struct assembler *self, uint16_t condition, uint32_t k, uint8_t to,
	      uint8_t otherwise);

/* Have the jumps since `start` that go there go to what comes next. */
void bpf_resolve(struct assembler *self, unsigned int start, uint8_t placeholder);
void bpf_resolve_next_filter(struct assembler *self, unsigned int start);

/* Where a field of a connection may lie, and the size of its payload there; 0: it differs. */
struct leaves bpf_leaves_of(uint32_t field);
uint8_t bpf_leaf_size(const struct leaf *leaf);

/* Look for the attributes that were asked for so far, as many as there are slots. */
void bpf_fill_slots(struct assembler *self);

/* X becomes the attribute's offset; without one it goes on at TO_NEXT. */
void bpf_locate(struct assembler *self, const struct leaf *leaf);

/* A becomes the number of the attribute in X. */
void bpf_load(struct assembler *self, const struct leaf *leaf);

#endif
