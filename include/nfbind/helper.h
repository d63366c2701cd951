/* SPDX-License-Identifier: MIT */
/*
 * A connection tracking helper in user space. The kernel hands the packets of its
 * connections to a queue, with their connection; the helper reads what is said in them,
 * and its verdicts carry what follows: a changed payload, changes of the connection, its
 * private data, and the expectation of another connection, which is then RELATED.
 *
 * One object runs a helper. It registers the helper's record with the kernel, binds the
 * queue, and takes both back when it is closed. Packets are received from its queue as
 * from any other (nfbind/queue.h) and judged there with nfbind_packet_get_ct(), _set_ct()
 * and _set_exp(). Which connections are helped is for rules to say: the CT target's
 * --helper of iptables, or a ct helper object of nft.
 *
 * A helper must not be in the way: the kernel lets packets pass while nobody has bound
 * the queue, and here a packet that nobody decides on passes, unless the options say
 * otherwise. But a connection that begins while a helper is enabled and its queue is not
 * bound, as after a crash, is not tracked: to a stateful filter its packets stay new or
 * become invalid, until the helper runs again or is disabled.
 * Rules: net/netfilter/nfnetlink_cthelper.c, nf_conntrack_expect.c,
 * nf_conntrack_netlink.c, nf_conntrack_proto.c, nf_nat_helper.c.
 */
#ifndef NFBIND_HELPER_H
#define NFBIND_HELPER_H

#include <nfbind/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A running helper. */
struct nfbind_helper;

struct nfbind_ct;
struct nfbind_cthelper;
struct nfbind_exp;
struct nfbind_options;
struct nfbind_packet;
struct nfbind_queue;

/**
 * Make a helper: memory only.
 *
 * @owned
 * @error ENOMEM out of memory
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_helper_new(struct nfbind_helper **ret_helper);

/**
 * Bind the record's queue, with conntrack information, and register the record. Without
 * a network protocol it is registered for IPv4 and IPv6; its status is enabled where
 * absent.
 *
 * Of the options those of opening and binding a queue count. Absent ones are those of
 * nfbind_queue_bind(), but for gso, which is 0 since a segment that is to be changed
 * should be whole, and default-verdict, which is accept. A socket cannot be given.
 *
 * A helper of this name and protocols that is there already and whose queue nobody has
 * bound was left by a run that ended badly. With the take-over option, which is on where
 * absent, it is taken over: changed to what the record says or, where that is not
 * possible, removed and added again. Programs in other network namespaces are not seen.
 *
 * Nothing is left of it when it fails, and it may be opened again.
 *
 * @nullable options
 * @error EALREADY the helper is open
 * @error ESHUTDOWN the helper was closed
 * @error EINVAL a part of the record or an option is missing or out of range: the message says which
 * @error EPERM CAP_NET_ADMIN is missing in the initial user namespace: root in a container does not have it
 * @error EOPNOTSUPP this kernel has no user-space helpers (nfnetlink_cthelper), or no conntrack information in queues
 * @error EBUSY another program has bound the queue, or runs the helper, or the leftover differs and a rule still refers to it: the message says which
 * @error EEXIST the helper is there already and is not to be taken over, or the kernel has one of its own of that name
 * @error ENOENT the named network namespace does not exist
 * @error EPROTONOSUPPORT this kernel has no nfnetlink
 * @error EMFILE too many open files
 * @error ECHILD the helper belongs to the parent process
 * @error ENOMEM out of memory
 * @blocks
 * @thread receive
 * @since 0.1
 */
NFBIND_API int nfbind_helper_open(struct nfbind_helper *helper,
				  const struct nfbind_cthelper *cthelper,
				  const struct nfbind_options *options);

/**
 * The queue session that the helper's packets come from, and that verdicts go to; NULL
 * before the helper is open. It is closed with the helper, and not before.
 *
 * @borrowed helper until free
 * @nullable
 * @since 0.1
 */
NFBIND_API struct nfbind_queue *nfbind_helper_get_queue(struct nfbind_helper *helper);

/**
 * Remove the helper from the kernel, so that its connections go on unhelped and without
 * expectations, let go what still waits in its queue with the default verdict, and close
 * the queue: kept packets that are undecided then are dropped by the kernel. A thread
 * that waits in the queue's receive is woken and waited for. Closing twice is fine. In a
 * forked child only the sockets are closed.
 *
 * With the keep-record option the helper is disabled instead, on every kernel, and the next
 * open takes it over: for a service that is started again while rules refer to it, and
 * where other helpers run. For kernels from about 7.0 on remove a helper that rules name,
 * and those then mean nobody, also when a helper of that name is there again; and kernels
 * from 5.19 on (6.1.192 and 6.18.15 among them) take all helpers of the machine, whoever
 * runs them, from the rules of iptables whenever one is removed.
 *
 * @error EBUSY a rule still refers to the helper, which was disabled instead of removed, for both network protocols: packets pass, and the next open takes it over; it is closed all the same
 * @error EAGAIN staged verdicts could not be sent; it is closed all the same
 * @error EPERM CAP_NET_ADMIN was given up meanwhile: the record is still there; it is closed all the same
 * @blocks
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_helper_close(struct nfbind_helper *helper);

/**
 * Close, and free the memory; NULL is fine.
 *
 * @nullable helper
 * @blocks
 * @since 0.1
 */
NFBIND_API void nfbind_helper_free(struct nfbind_helper *helper);

/**
 * The sentence that explains the last error of opening or closing; "" when there was
 * none. The queue session has its own.
 *
 * @returns length
 * @since 0.1
 */
NFBIND_API int nfbind_helper_last_message(struct nfbind_helper *helper, char *ret_text,
					  size_t ret_text_size);

/**
 * Whether the packet goes in the reply direction of its connection: 0 for the original
 * direction.
 *
 * @returns bool
 * @error ENODATA the packet has no connection (or its queue not the conntrack option)
 * @since 0.1
 */
NFBIND_API int nfbind_packet_is_reply(const struct nfbind_packet *packet);

/**
 * Whether the packet belongs to a connection that was seen both ways, which is when
 * helpers look at what is said; packets before that have nothing to announce.
 *
 * @returns bool
 * @error ENODATA the packet has no connection (or its queue not the conntrack option)
 * @since 0.1
 */
NFBIND_API int nfbind_packet_is_established(const struct nfbind_packet *packet);

/**
 * Fill in the expectation that follows when one side of a connection says where it can
 * be reached: the other side will connect to that address and port, from any port of
 * its own. The former content of `exp` is gone; class and other fields may be set, and
 * a part of the mask cleared, afterwards.
 *
 * `is_reply` says which side spoke, as nfbind_packet_is_reply() of its packet. The
 * protocol of the new connection is `l4proto`, with 0 the connection's own. `address`
 * is what was said, 4 or 16 bytes as the connection has them; NULL where the protocol
 * says a port only.
 *
 * Where the connection is translated, the expected one will be too, in the same way
 * ("nat-follow-master"). The other side then has to be told what is in the fields
 * expected-dst and expected-port-dst instead of what was said: where that differs the
 * payload has to be changed. If another public port is wanted than the speaker's own,
 * set expected-port-dst: nat-port-src keeps the speaker's.
 *
 * An address that is neither the speaker's own nor the one that the other side knows it
 * by means somebody else: expected is then a connection to that address, untranslated.
 * A helper that must not be talked into opening ways to others refuses it: it compares
 * what was said with the source of the speaker's tuple.
 *
 * Master and mask are filled in as well, so that the expectation suits a verdict and a
 * request alike.
 *
 * @nullable address
 * @error EINVAL the address has another length than those of the connection
 * @error ENODATA the connection lacks its tuples or its status
 * @error ENOMEM out of memory
 * @since 0.1
 */
NFBIND_API int nfbind_exp_expect(struct nfbind_exp *exp, const struct nfbind_ct *ct,
				 uint32_t is_reply, uint8_t l4proto, const void *address,
				 size_t address_len, uint16_t port);

#ifdef __cplusplus
}
#endif

#endif
