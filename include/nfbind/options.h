/* SPDX-License-Identifier: MIT */
/*
 * Options: one object serves every open, bind and change call. Each call looks
 * at the options that concern it and leaves the others alone, so that one object
 * may describe a whole set-up; an absent option means its default on open and
 * bind, and "as it is" on change. A new option is a new number. An object belongs to
 * one thread at a time; the calls that read it keep nothing of it.
 */
#ifndef NFBIND_OPTIONS_H
#define NFBIND_OPTIONS_H

#include <nfbind/base.h>
#include <nfbind/fields.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A set of options: plain memory, not bound to a session. */
struct nfbind_options;

/**
 * Options, by the call that reads them: opening a session (network namespace, socket, buffers,
 * batch, send-delay), binding or changing a queue (copy mode to coalesce), opening an injector
 * (network namespace, mark, device, netlink protocol), opening an event session (events to
 * keys-max, kernel-filter).
 */
enum nfbind_options_field {
	/** Open in the network namespace behind this path, as "/run/netns/blue" (text). */
	NFBIND_OPTIONS_NETNS_PATH = 0,
	/** Open in the network namespace of this process (number). */
	NFBIND_OPTIONS_NETNS_PID = 1,
	/** Open in the network namespace that this descriptor stands for; it stays the caller's
	 * (number). */
	NFBIND_OPTIONS_NETNS_FD = 2,
	/** Use this netlink socket instead of a new one: it is duplicated, the descriptor stays the
	 * caller's (number). */
	NFBIND_OPTIONS_SOCKET_FD = 3,
	/** Receive buffer asked for, in bytes; default 8 MiB. The kernel may give less: see the
	 * statistics (number). */
	NFBIND_OPTIONS_RECEIVE_BUFFER = 4,
	/** Send buffer asked for, in bytes; default 1 MiB. It bounds how many verdicts leave in one
	 * send (number). */
	NFBIND_OPTIONS_SEND_BUFFER = 5,
	/** The most datagrams that one receive reads, 1 to 1024; default 64 (number). */
	NFBIND_OPTIONS_BATCH = 6,
	/** What the kernel copies of each packet: enum nfbind_copy_mode; default packet
	 * (number). */
	NFBIND_OPTIONS_COPY_MODE = 7,
	/** The most payload bytes that are copied, 1 to 65531; default all (number). */
	NFBIND_OPTIONS_COPY_RANGE = 8,
	/** The most undecided packets in the kernel's queue; absent: the kernel's 1024 (number). */
	NFBIND_OPTIONS_MAXLEN = 9,
	/** A full queue accepts packets instead of dropping them; default 0 (bool). */
	NFBIND_OPTIONS_FAIL_OPEN = 10,
	/** Packets carry their connection; default 0 (bool). */
	NFBIND_OPTIONS_CONNTRACK = 11,
	/** Large segments come whole, with partial checksums; without it the kernel cuts them
	 * first; default 1 (bool). */
	NFBIND_OPTIONS_GSO = 12,
	/** Packets carry the owner of the sending socket; default 0 (bool). */
	NFBIND_OPTIONS_UID_GID = 13,
	/** Packets carry their security label; default 0 (bool). */
	NFBIND_OPTIONS_SECCTX = 14,
	/** The verdict of a packet that was let go without one, as for nfbind_queue_verdict();
	 * default drop (number). */
	NFBIND_OPTIONS_DEFAULT_VERDICT = 15,
	/** Give the default verdict to a kept packet after this many milliseconds; default 0, never
	 * (number). */
	NFBIND_OPTIONS_AGE_LIMIT = 16,
	/** Let equal verdicts of a batch travel as one message; default 1 (bool). */
	NFBIND_OPTIONS_COALESCE = 17,
	/** The mark that injected packets carry (number). */
	NFBIND_OPTIONS_MARK = 18,
	/** The device that injected packets leave by, as "eth0" (text). */
	NFBIND_OPTIONS_DEVICE = 19,
	/** Which events to listen to: a set of enum nfbind_event_kind, its first five; default all
	 * (number). */
	NFBIND_OPTIONS_EVENTS = 20,
	/** Removals that found the receive buffer full are announced again later, while the kernel
	 * keeps the entries in memory; default 0 (bool). */
	NFBIND_OPTIONS_RELIABLE = 21,
	/** Listen to all network namespaces that have an id in the session's own; default 0
	 * (bool). */
	NFBIND_OPTIONS_ALL_NAMESPACES = 22,
	/** A helper that a run which ended badly left behind is taken over instead of refused;
	 * default 1 (bool). */
	NFBIND_OPTIONS_TAKE_OVER = 23,
	/** Keep the consumer's copy of the tables right: list them first, and again after a loss;
	 * default 0 (bool). */
	NFBIND_OPTIONS_RESYNC = 24,
	/** With resync: milliseconds at least between the beginnings of two lists; default 1000
	 * (number). */
	NFBIND_OPTIONS_RESYNC_INTERVAL = 25,
	/** With resync: the most entries to keep in mind, 84 to 168 bytes each; default 1048576
	 * (number). */
	NFBIND_OPTIONS_KEYS_MAX = 26,
	/** A helper's record stays in the kernel when it is closed, disabled, so that rules that
	 * name it stay good; default 0 (bool). */
	NFBIND_OPTIONS_KEEP_RECORD = 27,
	/** The filters of an event session go to the kernel, too, or are refused; 0: only the
	 * session compares; default 1 (bool). */
	NFBIND_OPTIONS_KERNEL_FILTER = 28,
	/** The netlink protocol of the datagrams that an injector sends, as 2 for NETLINK_USERSOCK;
	 * absent: it sends none (number). */
	NFBIND_OPTIONS_NETLINK_PROTOCOL = 29,
	/** The most microseconds that a staged verdict waits for others, see queue.h; absent: for
	 * the next receive (number). */
	NFBIND_OPTIONS_SEND_DELAY = 30
};

/** How much of a packet the kernel copies to the reader. */
enum nfbind_copy_mode {
	/** Everything but the payload. */
	NFBIND_COPY_MODE_META = 1,
	/** The payload too, up to the copy range. */
	NFBIND_COPY_MODE_PACKET = 2
};

/**
 * Make an empty set of options.
 *
 * @owned
 * @error ENOMEM out of memory
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_options_new(struct nfbind_options **ret_options);

/**
 * Free it; NULL is fine.
 *
 * @nullable options
 * @since 0.1
 */
NFBIND_API void nfbind_options_free(struct nfbind_options *options);

/**
 * The fields of an options object; enum nfbind_options_field numbers them.
 *
 * @immortal
 * @thread any
 * @since 0.1
 */
NFBIND_API const struct nfbind_fields *nfbind_options_fields(void);

/**
 * Whether the field is present; absent and 0 are different things.
 *
 * @enum field nfbind_options_field
 * @returns bool
 * @error ERANGE no such field
 * @since 0.1
 */
NFBIND_API int nfbind_options_has(const struct nfbind_options *options, uint32_t field);

/**
 * Make the field absent.
 *
 * @enum field nfbind_options_field
 * @error ERANGE no such field
 * @since 0.1
 */
NFBIND_API int nfbind_options_clear(struct nfbind_options *options, uint32_t field);

/**
 * Read a number of any width, in host byte order.
 *
 * @enum field nfbind_options_field
 * @none ENODATA
 * @error ENODATA the field is absent
 * @error EINVAL the field is no number
 * @error ERANGE no such field
 * @since 0.1
 */
NFBIND_API int nfbind_options_get_number(const struct nfbind_options *options, uint32_t field,
					 uint64_t *ret_value);

/**
 * Write a number.
 *
 * @enum field nfbind_options_field
 * @error EINVAL the field is no number
 * @error ERANGE no such field, or the value does not fit its width
 * @since 0.1
 */
NFBIND_API int nfbind_options_set_number(struct nfbind_options *options, uint32_t field,
					 uint64_t value);

/**
 * Look at the bytes of an address, bytes or text field, in place.
 *
 * @enum field nfbind_options_field
 * @borrowed options until set_bytes clear free
 * @none ENODATA
 * @error ENODATA the field is absent
 * @error EINVAL the field is a number or an object
 * @error ERANGE no such field
 * @since 0.1
 */
NFBIND_API int nfbind_options_get_bytes(const struct nfbind_options *options, uint32_t field,
					const void **ret_data, size_t *ret_data_len);

/**
 * Write an address, bytes or text field; the bytes are copied.
 *
 * @enum field nfbind_options_field
 * @error EINVAL the field is a number, or the length is not one that its kind can have
 * @error ERANGE no such field, or more bytes than it can hold
 * @error ENOMEM out of memory
 * @since 0.1
 */
NFBIND_API int nfbind_options_set_bytes(struct nfbind_options *options, uint32_t field,
					const void *data, size_t data_len);

#ifdef __cplusplus
}
#endif

#endif
