/* SPDX-License-Identifier: MIT */
/*
 * Inside a helper's record, and its tables.
 */
#ifndef CTHELPER_H
#define CTHELPER_H

#include <nfbind/cthelper.h>

#include "field.h"
#include "wire.h"

/* What the kernel takes (include/net/netfilter/nf_conntrack_{helper,expect}.h). */
enum {
	CTHELPER_NAME_MAX = 15,
	CTHELPER_POLICIES_MAX = 4,
	CTHELPER_EXPECT_MAX = 255,
	CTHELPER_PRIV_DATA_MAX = 32,
};

/* How many fields a policy has: the shift from one to the next. */
enum { POLICY_FIELDS = NFBIND_CTHELPER_POLICY2_NAME - NFBIND_CTHELPER_POLICY1_NAME };

struct policy {
	uint32_t max;
	uint32_t timeout;
	INLINE_BYTES(CTHELPER_NAME_MAX) name;
};

struct nfbind_cthelper {
	struct object object;
	uint32_t queue;
	uint32_t priv_data_len;
	uint32_t status;
	uint16_t l3proto;
	uint8_t l4proto;
	INLINE_BYTES(CTHELPER_NAME_MAX) name;
	struct policy policies[CTHELPER_POLICIES_MAX];
};

extern const struct nfbind_fields cthelper_fields;
extern const struct wire_table cthelper_wires;

/*
 * What the kernel would not take of a record, as a sentence, or NULL: where it only names
 * a helper, where it changes one, and where it makes one.
 */
const char *cthelper_key_problem(const struct nfbind_cthelper *cthelper);
const char *cthelper_change_problem(const struct nfbind_cthelper *cthelper);
const char *cthelper_new_problem(const struct nfbind_cthelper *cthelper);

#endif
