/* SPDX-License-Identifier: MIT */
/*
 * What every other header needs: the export mark, the version, error names and
 * the probe. The library keeps no global state: everything else hangs on an
 * object that the caller made.
 *
 * Conventions of all headers: a function returns 0, a count or an index on
 * success and a negative errno value on failure; parameters named `ret_x` are
 * written on success only; integers are in host byte order, addresses and
 * packet bytes in network byte order; text is UTF-8 with a final NUL that no
 * length counts. Where a text is copied out (`ret_x, ret_x_size`) the result is
 * its full length; a smaller buffer holds the beginning, always terminated.
 */
#ifndef NFBIND_BASE_H
#define NFBIND_BASE_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define NFBIND_API __attribute__((visibility("default")))
#else
#define NFBIND_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

struct nfbind_options;

/**
 * What the running kernel, in the probed network namespace, can do. Each is one
 * bit of the set that nfbind_probe() returns.
 */
enum nfbind_feature {
	/** The queue subsystem (nfnetlink_queue) answers. */
	NFBIND_FEATURE_QUEUE = 0x1,
	/** Queue flag fail-open: a full queue accepts instead of dropping. */
	NFBIND_FEATURE_QUEUE_FAIL_OPEN = 0x2,
	/** Queue flag conntrack: packets carry their connection (needs the kernel's GLUE_CT). */
	NFBIND_FEATURE_QUEUE_CONNTRACK = 0x4,
	/** Queue flag GSO: large segments are delivered whole. */
	NFBIND_FEATURE_QUEUE_GSO = 0x8,
	/** Queue flag UID/GID: packets carry the owner of the sending socket. */
	NFBIND_FEATURE_QUEUE_UID_GID = 0x10,
	/** Queue flag security context: packets carry the LSM's label. */
	NFBIND_FEATURE_QUEUE_SECCTX = 0x20,
	/** The connection tracking subsystem (nf_conntrack_netlink) answers. */
	NFBIND_FEATURE_CONNTRACK = 0x40,
	/** The expectation subsystem answers. */
	NFBIND_FEATURE_EXPECT = 0x80,
	/** The user-space helper subsystem (nfnetlink_cthelper) answers to this process. */
	NFBIND_FEATURE_CTHELPER = 0x100
};

/**
 * The library's version, as "MAJOR.MINOR.PATCH".
 *
 * @immortal
 * @thread any
 * @since 0.1
 */
NFBIND_API const char *nfbind_version(void);

/**
 * The symbolic name of an error, as "EPERM" for -EPERM or EPERM.
 *
 * NULL for a number that is no error of this library or of the kernel.
 *
 * @immortal
 * @nullable
 * @thread any
 * @since 0.1
 */
NFBIND_API const char *nfbind_error_name(int32_t error);

/**
 * Find out what this kernel can do, by asking it; nothing is bound or changed.
 *
 * Of the options only those of opening a session count (network namespace).
 * A feature whose bit is clear is absent, or not for this process: the message
 * then says why for each. Rule: a CONFIG message for an unbound queue answers
 * ENODEV for a known flag and EOPNOTSUPP for an unknown one
 * (net/netfilter/nfnetlink_queue.c).
 *
 * @nullable options
 * @flags ret_features nfbind_feature
 * @error EPERM this process has no CAP_NET_ADMIN in that namespace's user namespace
 * @error EPROTONOSUPPORT this kernel has no nfnetlink
 * @error ENOENT the named network namespace does not exist
 * @reason ret_message and result
 * @blocks
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_probe(const struct nfbind_options *options, uint64_t *ret_features,
			    char *ret_message, size_t ret_message_size);

#ifdef __cplusplus
}
#endif

#endif
