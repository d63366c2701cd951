/* SPDX-License-Identifier: MIT */
/*
 * The event session: what happens to connections and expectations, as one ordered
 * stream that is pulled in batches. Receive reads what is there, then next gives it out
 * item by item until -ENODATA; nothing that was read stays behind the descriptor, so
 * that level-triggered polling of it tells the truth.
 *
 * Loss. The kernel never waits for a listener: when the receive buffer is full, events
 * are lost until it was emptied. The stream then has an overrun item, never earlier than
 * where the gap is, with how many messages were lost.
 *
 * Resync. With that option the session keeps the names of the entries that it gave out,
 * and a consumer who adds what is new, replaces what is changed and removes what is
 * destroyed has the kernel's tables, whatever was lost: they are listed when the session
 * is opened and again after a loss, in pieces between events, and the differences are
 * given out as items with the resync flag. An entry is new once, and destroyed once. When
 * a list is through, a synced item says that the copy is right, but for what is under way.
 * Lists that are read while events come in, and fetches of single entries, happen in next.
 *
 * Blind entries. While net.netfilter.nf_conntrack_events is 2 (the default of newer
 * kernels), entries from before the first listener are never announced. With resync, those
 * that were there at opening are marked blind until they are heard of; when such an entry's
 * timeout is over, it is asked for. One that is removed before that is noticed then, or
 * when nfbind_events_resync() is called.
 *
 * Who may speak. Only the kernel: what another process sends to the kernel's groups is
 * dropped and counted. The port id of an item says for whom the kernel acted.
 *
 * Threads. One thread at a time may call receive and next; any thread wake, close,
 * get_fd, last_message and read_stats. Close waits until the receiving thread has left.
 * A forked child may only close and free.
 */
#ifndef NFBIND_EVENTS_H
#define NFBIND_EVENTS_H

#include <nfbind/base.h>
#include <nfbind/ct.h>
#include <nfbind/exp.h>
#include <nfbind/filter.h>
#include <nfbind/options.h>

#ifdef __cplusplus
extern "C" {
#endif

/** An event session. */
struct nfbind_events;

/** What an item of the stream is. The first five are also the bits of the events option. */
enum nfbind_event_kind {
	/** A connection was added. */
	NFBIND_EVENT_CT_NEW = 0x1,
	/** A connection changed; the object has what identifies it, what changed, and some of the
	 * rest. */
	NFBIND_EVENT_CT_UPDATE = 0x2,
	/** A connection was removed; the object has its last counters where they are kept. */
	NFBIND_EVENT_CT_DESTROY = 0x4,
	/** An expectation was added. */
	NFBIND_EVENT_EXP_NEW = 0x8,
	/** An expectation was removed, used up ones among them. */
	NFBIND_EVENT_EXP_DESTROY = 0x10,
	/** Events were lost before this point: `lost` of them. */
	NFBIND_EVENT_OVERRUN = 0x20,
	/** Bytes came from the kernel that are no event, and were left out. */
	NFBIND_EVENT_MALFORMED = 0x40,
	/** The tables were listed to their end: the consumer's copy is right. */
	NFBIND_EVENT_SYNCED = 0x80,
	/** There were more entries than keys-max allows, or than memory: the copy may keep some
	 * that are gone, and no synced item comes any more. */
	NFBIND_EVENT_LIMIT = 0x100
};

/** Where an item about a connection or an expectation comes from. */
enum nfbind_event_flag {
	/** The kernel did not announce it: it was listed or asked for. A destroy then has what
	 * names the entry, and its id. */
	NFBIND_EVENT_RESYNC = 0x1,
	/** The kernel may never announce the end of this entry. */
	NFBIND_EVENT_BLIND = 0x2
};

/** An item of the stream. */
struct nfbind_event {
	/** enum nfbind_event_kind */
	uint32_t kind;
	/** A set of enum nfbind_event_flag. */
	uint32_t flags;
	/** The netlink port id of the process that caused it; 0: traffic or the kernel itself. */
	uint32_t port_id;
	/** The id that the session's network namespace has for the one where it happened; -1: its
	 * own. */
	int32_t nsid;
	/** Of an overrun: how many messages are known to be lost; 0 when the kernel does not
	 * say. */
	uint64_t lost;
};

/** Counters of a session. */
struct nfbind_events_stats {
	/** Datagrams from the kernel. */
	uint64_t received;
	/** Items about connections and expectations that were given out. */
	uint64_t events;
	/** Connections that came and that no filter let through; what the kernel filters does not
	 * come. */
	uint64_t filtered;
	/** How often the receive buffer ran over. */
	uint64_t overruns;
	/** Messages known to be lost by that. */
	uint64_t lost;
	/** Datagrams of other processes, dropped. */
	uint64_t spoofed;
	/** Messages from the kernel that could not be read. */
	uint64_t malformed;
	/** Messages from the kernel that are no events, as an adopted socket may get. */
	uint64_t others;
	/** The receive buffer in bytes, as the kernel counts it (with its own overhead). */
	uint32_t receive_buffer;
	/** Datagrams that the kernel dropped at this socket ever; 0 where it does not say (before
	 * 4.12). */
	uint32_t socket_drops;
	/** The socket's port id. */
	uint32_t port_id;
	/** Instructions of the program with which the kernel filters; 0 when it does not. */
	uint32_t kernel_filter;
	/** With resync: times that the tables were listed to their end. */
	uint64_t resyncs;
	/** With resync: lists that ended with an error, or could not be started. */
	uint64_t failed_resyncs;
	/** With resync: entries that came in lists. */
	uint64_t listed;
	/** With resync: entries that were asked for one by one. */
	uint64_t fetched;
	/** With resync: events that a list had overtaken, or about entries that nobody was told
	 * of. */
	uint64_t stale;
	/** With resync: entries kept in mind. */
	uint32_t keys;
	/** With resync: the blind ones of these. */
	uint32_t blind;
};

/**
 * Make a session: memory only.
 *
 * @owned
 * @error ENOMEM out of memory
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_events_new(struct nfbind_events **ret_events);

/**
 * Let through only the connections that this filter, or another one that was added,
 * lets through; the filter is copied. An event is judged by what it carries: one that
 * says nothing of the helper, say, does not match a filter that asks for one.
 * Expectations pass always.
 *
 * The kernel has the filters too, as a program on the session's socket (where an adopted
 * one's former program is gone), so that other events take no room in the receive buffer.
 * Filters that it cannot have are refused, here or when the session is opened, with a
 * sentence that names the first of them: some 500 addresses fit into its 4096
 * instructions. With the option kernel-filter 0 the session alone compares. With resync,
 * the program looks only at what names an entry: addresses, protocols, ports, ICMP values
 * and zones, since the copy has to lose an entry that changed.
 *
 * While the session is open, another filter counts for what is given out from here on;
 * what the kernel held back before does not come any more. A copy is listed again.
 *
 * @error EINVAL the filter makes no sense, as nfbind_filter_explain() says
 * @error E2BIG the session is open, and the filters are more than the kernel takes
 * @error ENOBUFS the session is open, and net.core.optmem_max is too small for the filters
 * @error EBUSY another thread is in receive or next, or an adopted socket's program is locked
 * @error ESHUTDOWN the session was closed
 * @error ECHILD the session belongs to the parent process
 * @error ENOMEM out of memory
 * @thread receive
 * @since 0.1
 */
NFBIND_API int nfbind_events_add_filter(struct nfbind_events *events,
					const struct nfbind_filter *filter);

/**
 * Remove the filters that are equal to this one, or NULL: all of them. Without a filter
 * everything passes. To replace one while the session is open, add the new one first:
 * nothing is lost that either lets through.
 *
 * @nullable filter
 * @error ENOENT there is no such filter
 * @error EBUSY another thread is in receive or next, or an adopted socket's program is locked
 * @error ESHUTDOWN the session was closed
 * @error ECHILD the session belongs to the parent process
 * @error ENOMEM out of memory
 * @thread receive
 * @since 0.1
 */
NFBIND_API int nfbind_events_remove_filter(struct nfbind_events *events,
					   const struct nfbind_filter *filter);

/**
 * Open its socket and start to listen: events queue from here on. Of the options, the
 * network namespace or socket, the receive buffer, the batch, those from events to
 * keys-max, and kernel-filter count.
 *
 * @nullable options
 * @error EPERM CAP_NET_ADMIN is missing in the user namespace that owns the network namespace, or for all namespaces CAP_NET_BROADCAST
 * @error EALREADY the session is open
 * @error ESHUTDOWN the session was closed
 * @error EINVAL no events are asked for, or for resync not enough or all namespaces, the batch is not 1 to 1024, more than one of the options that name a namespace or socket, or a socket of another kind
 * @error ENOENT the named network namespace does not exist
 * @error EPROTONOSUPPORT this kernel has no nfnetlink
 * @error EOPNOTSUPP this kernel cannot listen to all namespaces (before 4.2)
 * @error E2BIG the filters are more than the kernel takes
 * @error ENOBUFS net.core.optmem_max is too small for the filters
 * @error EBUSY an adopted socket's program is locked
 * @error ECHILD the session belongs to the parent process
 * @error EMFILE too many open files
 * @error ENOMEM out of memory
 * @blocks
 * @since 0.1
 */
NFBIND_API int nfbind_events_open(struct nfbind_events *events,
				  const struct nfbind_options *options);

/**
 * Close the session. A thread that is in receive or next is woken and waited for. What
 * was not taken is gone. Closing twice is fine; every later call but free is -ESHUTDOWN.
 * It never fails.
 *
 * @blocks
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_events_close(struct nfbind_events *events);

/**
 * Close, and free the memory; NULL is fine.
 *
 * @nullable events
 * @since 0.1
 */
NFBIND_API void nfbind_events_free(struct nfbind_events *events);

/**
 * The sentence that explains the last error; "" when there was none.
 *
 * @returns length
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_events_last_message(struct nfbind_events *events, char *ret_text,
					  size_t ret_text_size);

/**
 * Read what came, at most as many datagrams as the batch option says; then take it with
 * next until -ENODATA. What was not taken before stays first, and nothing is read.
 *
 * `timeout` is in milliseconds; 0 does not wait, -1 waits without limit. The count is of
 * datagrams, each of which is an item, none when it is filtered out; 0 when there is
 * only an item of another kind.
 *
 * @returns count
 * @none EAGAIN
 * @error EAGAIN nothing came within the timeout
 * @error EINTR a signal came
 * @error ECANCELED nfbind_events_wake() was called
 * @error EBUSY another thread is in receive or next
 * @error ESHUTDOWN the session is not open, or was closed meanwhile
 * @error ECHILD the session belongs to the parent process
 * @error ENOMEM out of memory; nothing is lost
 * @blocks
 * @thread receive
 * @since 0.1
 */
NFBIND_API int nfbind_events_receive(struct nfbind_events *events, int32_t timeout);

/**
 * Take the next item of what was received. An item about a connection fills `ret_ct`,
 * one about an expectation `ret_exp`: the former content is gone; the other one, and
 * both for other items, stay as they are.
 *
 * @element ret_event ret_event_size
 * @none ENODATA
 * @error ENODATA all of it was taken: receive more
 * @error EBUSY another thread is in receive or next
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @error ENOMEM out of memory; the same item comes again
 * @thread receive
 * @since 0.1
 */
NFBIND_API int nfbind_events_next(struct nfbind_events *events, struct nfbind_event *ret_event,
				  size_t ret_event_size, struct nfbind_ct *ret_ct,
				  struct nfbind_exp *ret_exp);

/**
 * Have the tables listed again: with entries that the kernel does not announce, this is how
 * a copy becomes right at once. It begins with the next receive, or when the interval since
 * the last one is over; the synced item tells when it is through.
 *
 * @error EINVAL the session was opened without resync
 * @error EBUSY another thread is in receive or next
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @thread receive
 * @since 0.1
 */
NFBIND_API int nfbind_events_resync(struct nfbind_events *events);

/**
 * Read the session's counters. An element may be larger or smaller than this library's
 * struct: the rest is zeroed, or left out.
 *
 * @element ret_stats ret_stats_size
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_events_read_stats(struct nfbind_events *events,
					struct nfbind_events_stats *ret_stats,
					size_t ret_stats_size);

/**
 * Milliseconds until receive has something to do even if the descriptor is not readable,
 * for the caller's poll: 0 when items wait to be taken.
 *
 * @none ENODATA
 * @error ENODATA only the descriptor counts
 * @error EBUSY another thread is in receive or next
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @thread receive
 * @since 0.1
 */
NFBIND_API int nfbind_events_get_deadline(struct nfbind_events *events, int32_t *ret_timeout);

/**
 * The session's descriptor, to wait for with poll; it stays the session's.
 * nfbind_events_wake() ends a receive, not the caller's own poll.
 *
 * @returns number
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_events_get_fd(struct nfbind_events *events);

/**
 * End the running receive, or else the next one, with -ECANCELED; once.
 *
 * @signal-safe
 * @thread any
 * @since 0.1
 */
NFBIND_API void nfbind_events_wake(struct nfbind_events *events);

#ifdef __cplusplus
}
#endif

#endif
