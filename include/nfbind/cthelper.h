/* SPDX-License-Identifier: MIT */
/*
 * The kernel's record of a connection tracking helper in user space: its name, which
 * connections it is for, the queue that their packets go to, and what may be expected
 * of them. As plain memory, and the requests that add, change, list and remove such
 * records; nfbind/helper.h runs one.
 *
 * A helper is named by name and protocols together: the same name may be there for
 * IPv4 and IPv6. Its packets are queued only while its status is enabled; where nobody
 * has bound the queue they pass. The kernel has one table of helpers for all network
 * namespaces, and takes changes of it from who has CAP_NET_ADMIN in the initial user
 * namespace only: not from root in a container.
 *
 * Rules: net/netfilter/nfnetlink_cthelper.c. An object belongs to one thread at a
 * time.
 */
#ifndef NFBIND_CTHELPER_H
#define NFBIND_CTHELPER_H

#include <nfbind/base.h>
#include <nfbind/fields.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A helper's record, or the part of one that a change names. */
struct nfbind_cthelper;

struct nfbind_conntrack;
struct nfbind_list;

/** The fields of a helper's record. */
enum nfbind_cthelper_field {
	/** Its name, at most 15 bytes, as rules call it. */
	NFBIND_CTHELPER_NAME = 0,
	/** Network protocol of its connections: 2 (IPv4) or 10 (IPv6). */
	NFBIND_CTHELPER_L3PROTO = 1,
	/** Transport protocol of its connections, as 6 for TCP (IANA protocol numbers). */
	NFBIND_CTHELPER_L4PROTO = 2,
	/** Number of the queue that their packets go to, 0 to 65535; 0 where nobody says. */
	NFBIND_CTHELPER_QUEUE = 3,
	/** Bytes of private data that the kernel keeps for each connection, 0 to 32; cannot be
	 * changed. */
	NFBIND_CTHELPER_PRIV_DATA_LEN = 4,
	/** Whether packets are queued: enum nfbind_cthelper_status; disabled until somebody enables
	 * it. */
	NFBIND_CTHELPER_STATUS = 5,
	/** First class of expectations: name, at most 15 bytes; cannot be changed. */
	NFBIND_CTHELPER_POLICY1_NAME = 6,
	/** First class of expectations: how many a connection may have at a time, 0 to 255. */
	NFBIND_CTHELPER_POLICY1_MAX = 7,
	/** First class of expectations: seconds until one expires. */
	NFBIND_CTHELPER_POLICY1_TIMEOUT = 8,
	/** Second class of expectations: name, at most 15 bytes; cannot be changed. */
	NFBIND_CTHELPER_POLICY2_NAME = 9,
	/** Second class of expectations: how many a connection may have at a time, 0 to 255. */
	NFBIND_CTHELPER_POLICY2_MAX = 10,
	/** Second class of expectations: seconds until one expires. */
	NFBIND_CTHELPER_POLICY2_TIMEOUT = 11,
	/** Third class of expectations: name, at most 15 bytes; cannot be changed. */
	NFBIND_CTHELPER_POLICY3_NAME = 12,
	/** Third class of expectations: how many a connection may have at a time, 0 to 255. */
	NFBIND_CTHELPER_POLICY3_MAX = 13,
	/** Third class of expectations: seconds until one expires. */
	NFBIND_CTHELPER_POLICY3_TIMEOUT = 14,
	/** Fourth class of expectations: name, at most 15 bytes; cannot be changed. */
	NFBIND_CTHELPER_POLICY4_NAME = 15,
	/** Fourth class of expectations: how many a connection may have at a time, 0 to 255. */
	NFBIND_CTHELPER_POLICY4_MAX = 16,
	/** Fourth class of expectations: seconds until one expires. */
	NFBIND_CTHELPER_POLICY4_TIMEOUT = 17
};

/** Values of the status field. */
enum nfbind_cthelper_status {
	/** Packets pass, and are not queued. */
	NFBIND_CTHELPER_STATUS_DISABLED = 0,
	/** Packets are queued; they pass where nobody has bound the queue. */
	NFBIND_CTHELPER_STATUS_ENABLED = 1
};

/**
 * Make an empty record.
 *
 * @owned
 * @error ENOMEM out of memory
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_cthelper_new(struct nfbind_cthelper **ret_cthelper);

/**
 * Free it; NULL is fine.
 *
 * @nullable cthelper
 * @since 0.1
 */
NFBIND_API void nfbind_cthelper_free(struct nfbind_cthelper *cthelper);

/**
 * Copy one record over another: afterwards both are equal.
 *
 * @error ENOMEM out of memory
 * @since 0.1
 */
NFBIND_API int nfbind_cthelper_assign(struct nfbind_cthelper *cthelper,
				      const struct nfbind_cthelper *from);

/**
 * Whether both have the same fields with the same values.
 *
 * @returns bool
 * @since 0.1
 */
NFBIND_API int nfbind_cthelper_equal(const struct nfbind_cthelper *cthelper,
				     const struct nfbind_cthelper *other);

/**
 * Print the fields that are present, as "name=value" with one space between.
 *
 * @returns length
 * @since 0.1
 */
NFBIND_API int nfbind_cthelper_print(const struct nfbind_cthelper *cthelper, char *ret_text,
				size_t ret_text_size);

/**
 * The fields of a record; enum nfbind_cthelper_field numbers them.
 *
 * @immortal
 * @thread any
 * @since 0.1
 */
NFBIND_API const struct nfbind_fields *nfbind_cthelper_fields(void);

/**
 * Whether the field is present; absent and 0 are different things.
 *
 * @enum field nfbind_cthelper_field
 * @returns bool
 * @error ERANGE no such field
 * @since 0.1
 */
NFBIND_API int nfbind_cthelper_has(const struct nfbind_cthelper *cthelper, uint32_t field);

/**
 * Make the field absent.
 *
 * @enum field nfbind_cthelper_field
 * @error ERANGE no such field
 * @since 0.1
 */
NFBIND_API int nfbind_cthelper_clear(struct nfbind_cthelper *cthelper, uint32_t field);

/**
 * Read a number of any width, in host byte order.
 *
 * @enum field nfbind_cthelper_field
 * @none ENODATA
 * @error ENODATA the field is absent
 * @error EINVAL the field is no number
 * @error ERANGE no such field
 * @since 0.1
 */
NFBIND_API int nfbind_cthelper_get_number(const struct nfbind_cthelper *cthelper, uint32_t field,
				     uint64_t *ret_value);

/**
 * Write a number.
 *
 * @enum field nfbind_cthelper_field
 * @error EINVAL the field is no number
 * @error ERANGE no such field, or the value does not fit its width
 * @since 0.1
 */
NFBIND_API int nfbind_cthelper_set_number(struct nfbind_cthelper *cthelper, uint32_t field,
					  uint64_t value);

/**
 * Look at the bytes of an address, bytes or text field, in place.
 *
 * @enum field nfbind_cthelper_field
 * @borrowed cthelper until set_bytes clear assign free
 * @none ENODATA
 * @error ENODATA the field is absent
 * @error EINVAL the field is a number or an object
 * @error ERANGE no such field
 * @since 0.1
 */
NFBIND_API int nfbind_cthelper_get_bytes(const struct nfbind_cthelper *cthelper, uint32_t field,
				    const void **ret_data, size_t *ret_data_len);

/**
 * Write an address, bytes or text field; the bytes are copied.
 *
 * @enum field nfbind_cthelper_field
 * @error EINVAL the field is a number, or the length is not one that its kind can have
 * @error ERANGE no such field, or more bytes than it can hold
 * @error ENOMEM out of memory
 * @since 0.1
 */
NFBIND_API int nfbind_cthelper_set_bytes(struct nfbind_cthelper *cthelper, uint32_t field,
					 const void *data, size_t data_len);

/**
 * Add a helper. Required are name, both protocols, private data length (0 for none) and
 * at least the first policy; policies follow each other without a gap, each with all of
 * its three fields. Until a status is given it is disabled.
 *
 * @error EEXIST there is such a helper already, or the kernel's own one of that name
 * @error EINVAL a part is missing or out of range: the message says which
 * @error EPERM CAP_NET_ADMIN is missing in the initial user namespace
 * @error EOPNOTSUPP this kernel has no user-space helpers (nfnetlink_cthelper)
 * @error ENOMEM out of memory
 * @error EBADMSG the kernel's answer is malformed
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @blocks
 * @since 0.1
 */
NFBIND_API int nfbind_conntrack_add_cthelper(struct nfbind_conntrack *conntrack,
					     const struct nfbind_cthelper *cthelper);

/**
 * Change the helper that name and both protocols name. What is present is changed:
 * queue, status, and the limits and timeouts of policies. Names of policies, their
 * count and the private data length may be present, but only as they are.
 *
 * @error ENOENT there is no such helper
 * @error EBUSY what would change is fixed while the helper exists: policy names, their count, private data length
 * @error EINVAL a part of the name is missing, or a part is out of range: the message says which
 * @error EPERM CAP_NET_ADMIN is missing in the initial user namespace
 * @error EOPNOTSUPP this kernel has no user-space helpers (nfnetlink_cthelper), or it gave all policies the limits of the first, as Linux before 2026 does: the message says which
 * @error ENOMEM out of memory
 * @error EBADMSG the kernel's answer is malformed
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @blocks
 * @since 0.1
 */
NFBIND_API int nfbind_conntrack_change_cthelper(struct nfbind_conntrack *conntrack,
						const struct nfbind_cthelper *cthelper);

/**
 * Fetch the helper of this name and, where they are present, these protocols; without
 * them the first of that name. The former content of `ret_cthelper`, which may be
 * `cthelper`, is gone.
 *
 * @none ENOENT
 * @error ENOENT there is no such helper
 * @error EINVAL no name, or one protocol without the other
 * @error EPERM CAP_NET_ADMIN is missing in the initial user namespace
 * @error EOPNOTSUPP this kernel has no user-space helpers (nfnetlink_cthelper)
 * @error ENOMEM out of memory
 * @error EBADMSG the kernel's answer is malformed
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @blocks
 * @since 0.1
 */
NFBIND_API int nfbind_conntrack_fetch_cthelper(struct nfbind_conntrack *conntrack,
					       const struct nfbind_cthelper *cthelper,
					       struct nfbind_cthelper *ret_cthelper);

/**
 * Remove the helper of this name and, where they are present, these protocols; without
 * them all of that name. A name is required: to the kernel, a removal without one means
 * all helpers.
 *
 * Connections that it helped lose their helper and their expectations. A helper that a
 * rule still refers to cannot be removed, except by kernels from about 7.0 on.
 *
 * Since Linux 5.19, until stable kernels of 2026, the end of any helper takes those that
 * remain from the rules of iptables: new connections have none until the rules are made
 * again, and the records stay in use. The ct helper objects of nft keep theirs.
 *
 * @error ENOENT there is no such helper
 * @error EBUSY a rule still refers to it, or to one of those of that name
 * @error EINVAL no name, or one protocol without the other
 * @error EPERM CAP_NET_ADMIN is missing in the initial user namespace
 * @error EOPNOTSUPP this kernel has no user-space helpers (nfnetlink_cthelper)
 * @error ENOMEM out of memory
 * @error EBADMSG the kernel's answer is malformed
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @blocks
 * @since 0.1
 */
NFBIND_API int nfbind_conntrack_remove_cthelper(struct nfbind_conntrack *conntrack,
						const struct nfbind_cthelper *cthelper);

/**
 * Remove all helpers in user space, whoever made them.
 *
 * @error EBUSY a rule still refers to one of them; the others are gone
 * @error EPERM CAP_NET_ADMIN is missing in the initial user namespace
 * @error EOPNOTSUPP this kernel has no user-space helpers (nfnetlink_cthelper)
 * @error ENOMEM out of memory
 * @error EBADMSG the kernel's answer is malformed
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @blocks
 * @since 0.1
 */
NFBIND_API int nfbind_conntrack_flush_cthelper(struct nfbind_conntrack *conntrack);

/**
 * Start a list of all helpers in user space.
 *
 * @owned
 * @error EMFILE too many open files
 * @error EPERM CAP_NET_ADMIN is missing in the initial user namespace
 * @error EOPNOTSUPP this kernel has no user-space helpers (nfnetlink_cthelper)
 * @error ENOMEM out of memory
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @blocks
 * @since 0.1
 */
NFBIND_API int nfbind_conntrack_list_cthelper(struct nfbind_conntrack *conntrack,
					      struct nfbind_list **ret_list);

/**
 * Read the next helper of a list into the caller's object, whose former content is
 * gone.
 *
 * @none ENODATA
 * @error ENODATA the list has ended, and was complete
 * @error EINVAL it is a list of something else
 * @error EINTR the kernel says that the list was interrupted by a change: entries may be missing
 * @error ENOBUFS datagrams were lost: entries are missing
 * @error EBADMSG the kernel's answer is malformed
 * @error ENOMEM out of memory
 * @error ECHILD the list belongs to the parent process
 * @blocks
 * @since 0.1
 */
NFBIND_API int nfbind_list_next_cthelper(struct nfbind_list *list,
					 struct nfbind_cthelper *ret_cthelper);

#ifdef __cplusplus
}
#endif

#endif
