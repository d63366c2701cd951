/* SPDX-License-Identifier: MIT */
/*
 * The fake kernel's table of helpers in user space: requests are read and answered as
 * net/netfilter/nfnetlink_cthelper.c does, its oddities included. It is written without
 * the library's tables, so that both would have to be wrong in the same way.
 */
#ifndef FAKE_HELPERS_H
#define FAKE_HELPERS_H

#include "fake_kernel.h"

enum { HELPERS_MAX = 16, HELPER_POLICIES_MAX = 4 };

struct fake_policy {
	char name[16];
	uint32_t max, timeout;
};

struct fake_helper {
	char name[16];
	uint16_t l3proto;
	uint8_t l4proto;
	uint32_t queue, priv_data_len, status;
	uint32_t policies_count;
	struct fake_policy policies[HELPER_POLICIES_MAX];
	bool is_used;   /* a rule refers to it */
};

struct fake_helpers {
	/* Set by the test. */
	bool is_forbidden;       /* no rights in the initial user namespace */
	const char *own;         /* name of a helper of the kernel's own, or NULL */
	bool removes_used;       /* as kernels from about 7.0 on do */
	bool mixes_policies;     /* a change gives all what the first is to have, as before 2026 */
	int error;               /* of the next request that changes something */
	unsigned int until_error; /* how many go well before */

	/* For the test to read, and to change. */
	struct fake_helper list[HELPERS_MAX];
	uint32_t count;
	unsigned int changes; /* requests that added, changed or removed something */
};

extern struct fake_helpers helpers;

/* The fake kernel with such a table, empty. */
void helpers_set_up(void);
/* Such a table for a fake kernel that was set up. */
void helpers_hook(void);
void helpers_tear_down(void);

/* One with a policy "speech", 4 expectations for 300 seconds; enabled. */
struct fake_helper *helpers_make(const char *name, uint16_t l3proto, uint8_t l4proto, uint16_t queue);
struct fake_helper *helpers_find(const char *name, uint16_t l3proto, uint8_t l4proto);

#endif
