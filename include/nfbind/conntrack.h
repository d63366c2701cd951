/* SPDX-License-Identifier: MIT */
/*
 * The request session: one question to the kernel's connection tracking at a time,
 * about connections and expectations, and lists of them. Each call sends, waits for
 * the kernel's answer (which comes before the send returns) and explains a refusal.
 *
 * A list has a socket of its own, so that a program may remove while it lists; its
 * entries are pulled one by one into the caller's object, so that memory is bounded
 * whatever the table's size. The kernel does not list a snapshot: under change an
 * entry may come twice or not at all (net/netfilter/nf_conntrack_netlink.c).
 *
 * Everything needs CAP_NET_ADMIN in the user namespace that owns the network
 * namespace. One thread at a time may use a session, and one a list.
 */
#ifndef NFBIND_CONNTRACK_H
#define NFBIND_CONNTRACK_H

#include <nfbind/base.h>
#include <nfbind/bulk.h>
#include <nfbind/ct.h>
#include <nfbind/exp.h>
#include <nfbind/filter.h>
#include <nfbind/options.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A request session. */
struct nfbind_conntrack;

/** A list that is being read. */
struct nfbind_list;

/** How to add. */
enum nfbind_add_flag {
	/** Change the entry when it is there already, instead of refusing. */
	NFBIND_ADD_OR_CHANGE = 0x1
};

/** How to fetch. */
enum nfbind_fetch_flag {
	/** Set the entry's counters to zero after they were read. */
	NFBIND_FETCH_ZERO = 0x1
};

/** Which connections to list. */
enum nfbind_list_kind {
	/** Those in the table. */
	NFBIND_LIST_TABLE = 0,
	/** Those in the table, whose counters become zero. What comes at the border of two
	 * datagrams may lose counts: the kernel zeroes before it knows that an entry fits. */
	NFBIND_LIST_ZERO = 1,
	/** Those being removed, whose destroy event could not be delivered yet. */
	NFBIND_LIST_DYING = 2,
	/** Those not confirmed yet; always empty since about Linux 5.19. */
	NFBIND_LIST_UNCONFIRMED = 3
};

/** How to list. */
enum nfbind_list_flag {
	/**
	 * No entry comes twice: the list remembers original tuple, zones and start of each
	 * that it handed out, in less than 300 bytes of memory for each.
	 */
	NFBIND_LIST_UNIQUE = 0x1
};

/** How to remove what a filter lets through. */
enum nfbind_remove_flag {
	/** Only count what would be removed. */
	NFBIND_REMOVE_DRY_RUN = 0x1
};

/** What became of the connections that were to be removed. */
struct nfbind_removal {
	/** Connections that the filter let through. */
	uint64_t matched;
	/** Of them, those that were removed. */
	uint64_t removed;
	/** Those that ended meanwhile, or were made anew. */
	uint64_t gone;
	/** Those that could not be removed; the session's message says why the first one could
	 * not. */
	uint64_t failed;
	/** 0, or the error (negative) that kept some from being looked at. */
	int32_t error;
	/** 0. */
	uint32_t reserved;
};

/** Which tuple of a connection one is. */
enum nfbind_tuple {
	/** That of the original direction. */
	NFBIND_TUPLE_ORIG = 0,
	/** That of the reply direction. */
	NFBIND_TUPLE_REPL = 1
};

/** Figures of the connection tracking table. */
struct nfbind_conntrack_stats {
	/** Entries in the table. */
	uint32_t entries;
	/** The most it may have; 0 where the kernel does not say (before 4.18). */
	uint32_t max_entries;
};

/** What one processor counted about connections since it started. */
struct nfbind_conntrack_cpu_stats {
	/** The processor's number. */
	uint32_t cpu;
	/** A set of enum nfbind_cpu_stat: the counters that this kernel has. The others are 0. */
	uint32_t present;
	/** Packets whose connection was found by a look-up that counts. */
	uint32_t found;
	/** Packets that belong to no connection and cannot start one. */
	uint32_t invalid;
	/** Connections that were put in the table; newer kernels do not count them. */
	uint32_t insert;
	/** Connections that could not be put in the table, as when another one was faster. */
	uint32_t insert_failed;
	/** Packets dropped since no connection could be made, or their own was being removed. */
	uint32_t drop;
	/** Connections removed to make room for new ones. */
	uint32_t early_drop;
	/** ICMP errors that were malformed or belong to no connection. */
	uint32_t error;
	/** Look-ups that began again since the table was being resized. */
	uint32_t search_restart;
	/** Connections that lost a race for their tuple and were merged; Linux 5.9. */
	uint32_t clash_resolve;
	/** Connections refused since their chain in the table was too long; Linux 5.15. */
	uint32_t chain_toolong;
};

/** Counters of a processor, as bits. */
enum nfbind_cpu_stat {
	/** found. */
	NFBIND_CPU_STAT_FOUND = 0x1,
	/** invalid. */
	NFBIND_CPU_STAT_INVALID = 0x2,
	/** insert. */
	NFBIND_CPU_STAT_INSERT = 0x4,
	/** insert_failed. */
	NFBIND_CPU_STAT_INSERT_FAILED = 0x8,
	/** drop. */
	NFBIND_CPU_STAT_DROP = 0x10,
	/** early_drop. */
	NFBIND_CPU_STAT_EARLY_DROP = 0x20,
	/** error. */
	NFBIND_CPU_STAT_ERROR = 0x40,
	/** search_restart. */
	NFBIND_CPU_STAT_SEARCH_RESTART = 0x80,
	/** clash_resolve. */
	NFBIND_CPU_STAT_CLASH_RESOLVE = 0x100,
	/** chain_toolong. */
	NFBIND_CPU_STAT_CHAIN_TOOLONG = 0x200
};

/** What one processor counted about expectations. */
struct nfbind_expect_cpu_stats {
	/** The processor's number. */
	uint32_t cpu;
	/** Expected connections that came. */
	uint32_t arrived;
	/** Expectations that were made. */
	uint32_t created;
	/** Expectations that were removed. */
	uint32_t deleted;
};

/**
 * Make a session: memory only.
 *
 * @owned
 * @error ENOMEM out of memory
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_conntrack_new(struct nfbind_conntrack **ret_conntrack);

/**
 * Open its socket. Of the options, the network namespace or socket and the buffers (1 MiB
 * each by default) count.
 *
 * @nullable options
 * @error EALREADY the session is open
 * @error ESHUTDOWN the session was closed
 * @error EINVAL more than one of the options that name a namespace or socket, or a socket of another kind
 * @error ENOENT the named network namespace does not exist
 * @error EPERM no right to enter that namespace
 * @error EPROTONOSUPPORT this kernel has no nfnetlink
 * @error EMFILE too many open files
 * @error ENOMEM out of memory
 * @blocks
 * @since 0.1
 */
NFBIND_API int nfbind_conntrack_open(struct nfbind_conntrack *conntrack,
				     const struct nfbind_options *options);

/**
 * Close the socket; twice is fine. Lists go on. It never fails.
 *
 * @since 0.1
 */
NFBIND_API int nfbind_conntrack_close(struct nfbind_conntrack *conntrack);

/**
 * Close, and free the memory; NULL is fine.
 *
 * @nullable conntrack
 * @since 0.1
 */
NFBIND_API void nfbind_conntrack_free(struct nfbind_conntrack *conntrack);

/**
 * The sentence that explains the last error; "" when there was none.
 *
 * @returns length
 * @since 0.1
 */
NFBIND_API int nfbind_conntrack_last_message(struct nfbind_conntrack *conntrack, char *ret_text,
					     size_t ret_text_size);

/**
 * The session's descriptor; it stays the session's. Between calls nothing waits there to
 * be read: a call has read its answer when it returns.
 *
 * @returns number
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @since 0.1
 */
NFBIND_API int nfbind_conntrack_get_fd(struct nfbind_conntrack *conntrack);

/**
 * Add a connection. Required are the original tuple and a timeout; a reply tuple
 * that is absent is made from the original one, and the confirmed status is added.
 * With translation (snat, dnat) the reply tuple is the plain one: the kernel
 * translates it.
 *
 * @flags flags nfbind_add_flag
 * @error EEXIST it is there already
 * @error EINVAL a part is missing, or parts do not fit together
 * @error EPERM CAP_NET_ADMIN is missing
 * @error EOPNOTSUPP the kernel cannot do this to an entry that is there already, or lacks the helper
 * @error EBUSY the status has bits that cannot be given
 * @error ENOSPC the labels do not fit, or no rule uses labels
 * @error ENOMEM out of memory, or the table is full
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @blocks
 * @since 0.1
 */
NFBIND_API int nfbind_conntrack_add_ct(struct nfbind_conntrack *conntrack,
				       const struct nfbind_ct *ct, uint32_t flags);

/**
 * Change a connection, which the original or the reply tuple names, with its zone.
 * What is present is changed: timeout, mark (with mask), labels (with mask), status
 * (the confirmed status is added), helper, protocol state, sequence adjustment.
 *
 * @error ENOENT there is no such connection
 * @error EINVAL no tuple, or parts do not fit together
 * @error EPERM CAP_NET_ADMIN is missing, or its timeout is fixed
 * @error EOPNOTSUPP what is asked for can be given on creation only
 * @error EBUSY the status has bits that cannot be changed, or the helper cannot be replaced
 * @error ENOSPC the labels do not fit, or no rule uses labels
 * @error ENOMEM out of memory
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @blocks
 * @since 0.1
 */
NFBIND_API int nfbind_conntrack_change_ct(struct nfbind_conntrack *conntrack,
					  const struct nfbind_ct *ct);

/**
 * Fetch the connection that the original or the reply tuple of `ct` names, with its
 * zone. The former content of `ret_ct`, which may be `ct`, is gone.
 *
 * @flags flags nfbind_fetch_flag
 * @none ENOENT
 * @error ENOENT there is no such connection
 * @error EINVAL no tuple
 * @error EPERM CAP_NET_ADMIN is missing
 * @error EBADMSG the kernel's answer is malformed
 * @error ENOMEM out of memory
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @blocks
 * @since 0.1
 */
NFBIND_API int nfbind_conntrack_fetch_ct(struct nfbind_conntrack *conntrack,
					 const struct nfbind_ct *ct, uint32_t flags,
					 struct nfbind_ct *ret_ct);

/**
 * Find the connection that has the tuple in the original fields of `ct` (addresses,
 * transport protocol, ports) in either direction, with its zone, and say which of its
 * own tuples that is. The former content of `ret_ct`, which may be `ct`, is gone.
 *
 * @none ENOENT
 * @enum ret_tuple nfbind_tuple
 * @error ENOENT there is no such connection
 * @error EINVAL no original tuple
 * @error EPERM CAP_NET_ADMIN is missing
 * @error EBADMSG the kernel's answer is malformed
 * @error ENOMEM out of memory
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @blocks
 * @since 0.1
 */
NFBIND_API int nfbind_conntrack_find_ct(struct nfbind_conntrack *conntrack,
					const struct nfbind_ct *ct, struct nfbind_ct *ret_ct,
					uint32_t *ret_tuple);

/**
 * Remove the connection that the original or the reply tuple names, with its zone,
 * and where present its id and start. A tuple is required: to the kernel, a removal
 * without one means all connections.
 *
 * The id narrows which connection is meant, but one that was made anew with the same
 * tuple may have the same id. Its start tells them apart; the kernel does not compare
 * it, so that with timestamp-start the connection is fetched first. One that is made
 * anew between that and the removal is removed.
 *
 * @error ENOENT there is no such connection
 * @error EINVAL no tuple
 * @error EPERM CAP_NET_ADMIN is missing
 * @error ENOMEM out of memory
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @blocks
 * @since 0.1
 */
NFBIND_API int nfbind_conntrack_remove_ct(struct nfbind_conntrack *conntrack,
					  const struct nfbind_ct *ct);

/**
 * Remove all connections of all families.
 *
 * @error EPERM CAP_NET_ADMIN is missing
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @blocks
 * @since 0.1
 */
NFBIND_API int nfbind_conntrack_flush_ct(struct nfbind_conntrack *conntrack);

/**
 * Remove all connections of one family, the zones' too. Where this kernel is known to
 * flush by family it is asked to; an older one would flush all, so that there they are
 * listed and removed.
 *
 * @error EINVAL the family is neither 2 (IPv4) nor 10 (IPv6)
 * @error EPERM CAP_NET_ADMIN is missing
 * @error ENOMEM out of memory
 * @error EMFILE too many open files
 * @error EINTR the kernel says that the list was interrupted by a change: some may be left
 * @error ENOBUFS datagrams were lost: some may be left
 * @error EIO some could not be removed; the message says why the first one could not
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @blocks
 * @since 0.1
 */
NFBIND_API int nfbind_conntrack_flush_family_ct(struct nfbind_conntrack *conntrack,
						uint32_t family);

/**
 * Remove the connections that the filter lets through, or with the dry run only count
 * them. They are listed, checked here, and removed by tuple, zone and id while the list
 * goes on: never does the kernel choose by itself what to remove. Some hundred entries lie
 * between an entry's listing and its removal: if it changes meanwhile it is removed all the
 * same, and one that is made anew only where tuple and id are the same.
 *
 * Once anything was removed this is a success, and the figures say the rest. An
 * interrupted list is begun again up to twice. An element may be larger or smaller than
 * this library's struct: the rest is zeroed, or left out.
 *
 * @flags flags nfbind_remove_flag
 * @element ret_removal ret_removal_size
 * @error EINVAL no such flag, a filter that makes no sense, or one that says nothing
 * @error EPERM CAP_NET_ADMIN is missing
 * @error ENOMEM out of memory
 * @error EMFILE too many open files
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @blocks
 * @since 0.1
 */
NFBIND_API int nfbind_conntrack_remove_matching_ct(struct nfbind_conntrack *conntrack,
						   const struct nfbind_filter *filter,
						   uint32_t flags,
						   struct nfbind_removal *ret_removal,
						   size_t ret_removal_size);

/**
 * Start a list of the connections that the filter lets through. Its network protocol,
 * mark, status and zone are given to the kernel, which leaves others out as far as its
 * age lets it; all is checked again before an entry is handed out. Connections whose
 * counters become zero (kind zero) can be filtered by network protocol and mark only.
 *
 * @owned
 * @nullable filter
 * @enum kind nfbind_list_kind
 * @flags flags nfbind_list_flag
 * @error EINVAL no such kind or flag, or a filter that makes no sense, or cannot be had with this kind
 * @error EPERM CAP_NET_ADMIN is missing
 * @error ENOMEM out of memory
 * @error EMFILE too many open files
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @blocks
 * @since 0.1
 */
NFBIND_API int nfbind_conntrack_list_ct(struct nfbind_conntrack *conntrack,
					const struct nfbind_filter *filter, uint32_t kind,
					uint32_t flags, struct nfbind_list **ret_list);

/**
 * Add an expectation: master, expected tuple and mask are required, and the master
 * must have a helper. The timeout comes from the helper's policy.
 *
 * @flags flags nfbind_add_flag
 * @error EEXIST it is there already
 * @error EBUSY another one clashes with it
 * @error EMFILE the helper's limit is reached
 * @error ENOENT there is no such master
 * @error EINVAL a part is missing, or the class or function is unknown
 * @error EOPNOTSUPP the master has no helper
 * @error EPERM CAP_NET_ADMIN is missing
 * @error ENOMEM out of memory
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @blocks
 * @since 0.1
 */
NFBIND_API int nfbind_conntrack_add_exp(struct nfbind_conntrack *conntrack,
					const struct nfbind_exp *exp, uint32_t flags);

/**
 * Change an expectation, which its expected tuple names, with its zone; as for a new one,
 * master, expected tuple and mask are required. The kernel changes the timeout, and
 * nothing else.
 *
 * @error ENOENT there is no such expectation
 * @error EINVAL a part is missing
 * @error ETIME it has just expired
 * @error EPERM CAP_NET_ADMIN is missing
 * @error ENOMEM out of memory
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @blocks
 * @since 0.1
 */
NFBIND_API int nfbind_conntrack_change_exp(struct nfbind_conntrack *conntrack,
					   const struct nfbind_exp *exp);

/**
 * Fetch the expectation that the expected tuple of `exp` names, with its zone and,
 * where present, its id. The former content of `ret_exp`, which may be `exp`, is gone.
 *
 * @none ENOENT
 * @error ENOENT there is no such expectation
 * @error EINVAL no tuple
 * @error EPERM CAP_NET_ADMIN is missing
 * @error EBADMSG the kernel's answer is malformed
 * @error ENOMEM out of memory
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @blocks
 * @since 0.1
 */
NFBIND_API int nfbind_conntrack_fetch_exp(struct nfbind_conntrack *conntrack,
					  const struct nfbind_exp *exp,
					  struct nfbind_exp *ret_exp);

/**
 * Remove the expectation that the expected tuple names, with its zone and, where
 * present, its id.
 *
 * @error ENOENT there is no such expectation
 * @error EINVAL no tuple
 * @error EPERM CAP_NET_ADMIN is missing
 * @error ENOMEM out of memory
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @blocks
 * @since 0.1
 */
NFBIND_API int nfbind_conntrack_remove_exp(struct nfbind_conntrack *conntrack,
					   const struct nfbind_exp *exp);

/**
 * Remove all expectations, or those of one helper.
 *
 * @nullable helper_name
 * @error EINVAL the name has more than 15 bytes
 * @error EPERM CAP_NET_ADMIN is missing
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @blocks
 * @since 0.1
 */
NFBIND_API int nfbind_conntrack_flush_exp(struct nfbind_conntrack *conntrack,
					  const char *helper_name);

/**
 * Start a list of expectations: of all, or of the master whose tuple `master` has in
 * its master fields, with its zone.
 *
 * @owned
 * @nullable master
 * @error ENOENT there is no such master
 * @error EINVAL the master's tuple is not complete
 * @error EPERM CAP_NET_ADMIN is missing
 * @error ENOMEM out of memory
 * @error EMFILE too many open files
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @blocks
 * @since 0.1
 */
NFBIND_API int nfbind_conntrack_list_exp(struct nfbind_conntrack *conntrack,
					 const struct nfbind_exp *master,
					 struct nfbind_list **ret_list);

/**
 * Do what the bulk says, in its order, and fill all of its results: the number that is
 * returned is how many operations were done. What fails does not keep the others from
 * being done. Only where nothing was done, and the reason concerns all of them, this is
 * an error of the call; the results are filled then, too.
 *
 * Operations leave packed, as many in a send as the send buffer takes and as there is
 * room for answers in the receive buffer. A bulk may be applied again.
 *
 * @returns count
 * @error EPERM CAP_NET_ADMIN is missing
 * @error ETIMEDOUT the kernel gave no answer
 * @error EBADMSG the kernel's answer is malformed
 * @error ENOBUFS the kernel is out of memory
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @blocks
 * @since 0.1
 */
NFBIND_API int nfbind_conntrack_apply(struct nfbind_conntrack *conntrack,
				      struct nfbind_bulk *bulk);

/**
 * Read the figures of the connection tracking table. An element may be larger or
 * smaller than this library's struct: the rest is zeroed, or left out.
 *
 * @element ret_stats ret_stats_size
 * @error EPERM CAP_NET_ADMIN is missing
 * @error EINVAL this kernel has no nf_conntrack_netlink
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @blocks
 * @since 0.1
 */
NFBIND_API int nfbind_conntrack_read_stats(struct nfbind_conntrack *conntrack,
					   struct nfbind_conntrack_stats *ret_stats,
					   size_t ret_stats_size);

/**
 * Read what each processor counted about connections, into an array of the caller's: one
 * element for each that the machine may have, plugged in or not. An element may be larger
 * or smaller than this library's struct: the rest is zeroed, or left out.
 *
 * @returns count
 * @element stats stat_size
 * @output stats
 * @error ENOSPC the array has fewer elements than there are processors; the message says how many
 * @error EPERM CAP_NET_ADMIN is missing
 * @error EINVAL this kernel has no nf_conntrack_netlink
 * @error EBADMSG the kernel's answer is malformed
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @blocks
 * @since 0.1
 */
NFBIND_API int nfbind_conntrack_read_cpu_stats(struct nfbind_conntrack *conntrack,
					       struct nfbind_conntrack_cpu_stats *stats,
					       size_t stats_count, size_t stat_size);

/**
 * Read what each processor counted about expectations, in the same manner.
 *
 * @returns count
 * @element stats stat_size
 * @output stats
 * @error ENOSPC the array has fewer elements than there are processors; the message says how many
 * @error EPERM CAP_NET_ADMIN is missing
 * @error EINVAL this kernel has no nf_conntrack_netlink
 * @error EBADMSG the kernel's answer is malformed
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @blocks
 * @since 0.1
 */
NFBIND_API int nfbind_conntrack_read_cpu_stats_exp(struct nfbind_conntrack *conntrack,
						   struct nfbind_expect_cpu_stats *stats,
						   size_t stats_count, size_t stat_size);

/**
 * Read the next connection of a list into the caller's object, whose former content
 * is gone.
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
NFBIND_API int nfbind_list_next_ct(struct nfbind_list *list, struct nfbind_ct *ret_ct);

/**
 * Read the next expectation of a list into the caller's object, whose former content
 * is gone.
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
NFBIND_API int nfbind_list_next_exp(struct nfbind_list *list, struct nfbind_exp *ret_exp);

/**
 * The sentence that explains the last error of a list; "" when there was none.
 *
 * @returns length
 * @since 0.1
 */
NFBIND_API int nfbind_list_last_message(struct nfbind_list *list, char *ret_text,
					size_t ret_text_size);

/**
 * Stop a list, ended or not; NULL is fine.
 *
 * @nullable list
 * @since 0.1
 */
NFBIND_API void nfbind_list_free(struct nfbind_list *list);

#ifdef __cplusplus
}
#endif

#endif
