/* SPDX-License-Identifier: MIT */
/*
 * The queue session: a socket that any number of kernel queues are bound on. It
 * hands out batches of packets and takes verdicts back.
 *
 * Staging. A verdict for a packet of the running batch is staged and leaves, with
 * the others, in one send: at the next receive before it can wait, at settle,
 * send, unbind and close, or when the stage is full. A verdict for a kept packet, and
 * one with NFBIND_VERDICT_NOW, leaves before the call returns, or with the send that
 * another thread has just under way. Nothing is held while the library sleeps, and what
 * a send could not take stays staged.
 *
 * Send delay. With the option send-delay a verdict for a packet of the running batch
 * leaves at once, with all that are staged, when the batch was received and it is the
 * last to be decided, or when nothing was sent for that long; so a caller who takes long for a packet
 * lets none wait. A caller who does not come back at all has a thread call
 * nfbind_queue_send(): the library has none.
 *
 * Coalescing. Equal verdicts without payload or connection that are staged in
 * queue order become one message, never past a packet that is still undecided.
 *
 * Threads. Any thread may call verdict, verdict_many, send, wake, close,
 * last_message, read_stats, and hold, keep or free batches and packets. One
 * thread at a time may call the rest. No lock is held across a system call, and
 * neither side waits for the other, except that close waits until the receiving
 * thread has left.
 *
 * Waiting. The library owns no loop and no thread. Everything that a receive
 * reads it hands out, so level-triggered polling of the descriptor tells the
 * truth. A signal ends a wait with -EINTR; nfbind_queue_wake() with -ECANCELED.
 *
 * Fork. A child may only close and free the session; anything else in it is
 * -ECHILD, and close there leaves the parent's queues bound.
 *
 * The kernel asks for CAP_NET_ADMIN at every send, not only when a queue is bound
 * (net/netfilter/nfnetlink.c).
 */
#ifndef NFBIND_QUEUE_H
#define NFBIND_QUEUE_H

#include <nfbind/base.h>
#include <nfbind/options.h>
#include <nfbind/packet.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A queue session. */
struct nfbind_queue;

/** What becomes of a packet; bits to combine with it follow in enum nfbind_verdict_flag. */
enum nfbind_verdict {
	/** The packet is thrown away. */
	NFBIND_VERDICT_DROP = 0,
	/** It goes on, behind the rule that queued it. */
	NFBIND_VERDICT_ACCEPT = 1,
	/** It goes to another queue: made with nfbind_verdict_to_queue(). */
	NFBIND_VERDICT_QUEUE = 3,
	/** It passes the hook again from its first rule; change its mark, or it comes back. */
	NFBIND_VERDICT_REPEAT = 4,
	/** As accept; kept for programs that know it. */
	NFBIND_VERDICT_STOP = 5
};

/** Bits to combine with a verdict. */
enum nfbind_verdict_flag {
	/** The verdict leaves before the call returns, with all that was staged before it. */
	NFBIND_VERDICT_NOW = 0x100
};

/** What a notice tells. */
enum nfbind_notice_kind {
	/** The kernel refused a verdict: `queue`, `id` and `error` say which and why; `count`
	 * messages of the same send may be concerned (all of them when CAP_NET_ADMIN was lost). */
	NFBIND_NOTICE_REFUSED = 1,
	/** The receive buffer was full: the kernel could not deliver `count` packets. */
	NFBIND_NOTICE_LOST = 2,
	/** A kept packet grew older than the queue's age limit and got the default verdict. */
	NFBIND_NOTICE_EXPIRED = 3,
	/** `count` datagrams were malformed and thrown away. */
	NFBIND_NOTICE_MALFORMED = 4,
	/** `count` datagrams came from another process and were thrown away; `id` is its port
	 * id. */
	NFBIND_NOTICE_SPOOFED = 5,
	/** `count` notices did not fit in the list of 256 and were thrown away. */
	NFBIND_NOTICE_OVERFLOW = 6
};

/** Something that happened beside the packets. */
struct nfbind_notice {
	/** enum nfbind_notice_kind */
	uint32_t kind;
	/** The queue concerned, where there is one. */
	uint32_t queue;
	/** The packet concerned, where there is one. */
	uint32_t id;
	/** Negative errno, where there is one. */
	int32_t error;
	/** How often. */
	uint64_t count;
};

/** Which side of a session a message belongs to. */
enum nfbind_side {
	/** Opening, binding, receiving and reading. */
	NFBIND_SIDE_RECEIVE = 0,
	/** Verdicts and sending. */
	NFBIND_SIDE_SEND = 1
};

/** Bits of the `flags` of a decision. */
enum nfbind_decision_flag {
	/** `mark` is to be set. */
	NFBIND_DECISION_MARK = 0x1,
	/** `priority` is to be set. */
	NFBIND_DECISION_PRIORITY = 0x2,
	/** The payload is to be replaced by `payload_len` bytes at `payload_offset` of the data. */
	NFBIND_DECISION_PAYLOAD = 0x4
};

/** One verdict of many, for nfbind_queue_verdict_many(). */
struct nfbind_decision {
	/** Queue of the packet. */
	uint32_t queue;
	/** Id of the packet. */
	uint32_t id;
	/** Its position in the batch where known; any other number costs a look-up only. */
	uint32_t index;
	/** enum nfbind_verdict, with enum nfbind_verdict_flag. */
	uint32_t verdict;
	/** enum nfbind_decision_flag */
	uint32_t flags;
	/** The new mark. */
	uint32_t mark;
	/** The new priority. */
	uint32_t priority;
	/** Where the new payload starts in the data. */
	uint32_t payload_offset;
	/** Bytes of the new payload. */
	uint32_t payload_len;
	/** Filled in: 0, or the negative errno of this decision. */
	int32_t result;
};

/** Bits of the `present` of the statistics. */
enum nfbind_queue_stats_part {
	/** The kernel_ figures were read. */
	NFBIND_QUEUE_STATS_KERNEL = 0x1,
	/** socket_drops was read. */
	NFBIND_QUEUE_STATS_SOCKET = 0x2
};

/** Statistics of one queue and of its session. */
struct nfbind_queue_stats {
	/** Session: packets handed out. */
	uint64_t received;
	/** Session: packets decided by the caller. */
	uint64_t decided;
	/** Session: packets let go undecided, which got the default verdict. */
	uint64_t defaulted;
	/** Session: kept packets that grew too old and got the default verdict. */
	uint64_t expired;
	/** Session: verdicts that the kernel refused. */
	uint64_t refused;
	/** Session: packets that the kernel could not deliver: the socket's drop counter. */
	uint64_t lost;
	/** Session: datagrams thrown away as malformed. */
	uint64_t malformed;
	/** Session: datagrams thrown away because the kernel did not send them. */
	uint64_t spoofed;
	/** Session: packets that came cut. */
	uint64_t truncated;
	/** Session: verdict messages sent; fewer than decided packets where they were coalesced. */
	uint64_t messages;
	/** Session: system calls made to receive, to wait and to send. */
	uint64_t system_calls;
	/** Queue: packets handed out. */
	uint64_t queue_received;
	/** Queue: packets handed out and undecided, kept ones included. */
	uint64_t queue_undecided;
	/** enum nfbind_queue_stats_part: what of the following was read. */
	uint32_t present;
	/** Why the kernel_ figures are absent: negative errno (-EACCES: the file is root's). */
	int32_t kernel_error;
	/** Port id of the socket that owns the queue. */
	uint32_t kernel_owner;
	/** Packets that wait for a verdict in the kernel. */
	uint32_t kernel_queued;
	/** Copy mode: enum nfbind_copy_mode, or 0 when none is set. */
	uint32_t kernel_copy_mode;
	/** Copy range in bytes. */
	uint32_t kernel_copy_range;
	/** Packets dropped because the queue was full. */
	uint32_t kernel_dropped;
	/** Packets dropped because the socket's receive buffer was full. */
	uint32_t kernel_user_dropped;
	/** Id of the packet that was queued last. */
	uint32_t kernel_last_id;
	/** The socket's drop counter. */
	uint32_t socket_drops;
	/** Effective receive buffer, in the kernel's accounting (twice the bytes asked for). */
	uint32_t receive_buffer;
	/** Effective send buffer, in the kernel's accounting; 0 before the first batch. */
	uint32_t send_buffer;
	/** The session's port id. */
	uint32_t port_id;
	/** Notices waiting. */
	uint32_t notices;
};

/**
 * The verdict that sends a packet to another queue. With `bypass` not 0 a queue
 * that nobody reads lets the packet pass instead of dropping it.
 *
 * @returns number
 * @thread any
 * @since 0.1
 */
NFBIND_API uint32_t nfbind_verdict_to_queue(uint16_t number, uint32_t bypass);

/**
 * Make a session: memory only.
 *
 * @owned
 * @error ENOMEM out of memory
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_queue_new(struct nfbind_queue **ret_queue);

/**
 * Open the session's socket, in the current network namespace unless the options
 * say otherwise; the calling thread stays where it is.
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
 * @side receive
 * @blocks
 * @thread receive
 * @since 0.1
 */
NFBIND_API int nfbind_queue_open(struct nfbind_queue *queue, const struct nfbind_options *options);

/**
 * Close the session: packets of the running batch get their default verdict,
 * staged verdicts leave, and the kernel drops what is still undecided, packets that
 * were never received among them. A thread
 * that waits in receive is woken and waited for. Closing twice is fine; every
 * later call but free is -ESHUTDOWN.
 *
 * @error EAGAIN staged verdicts could not be sent; the session is closed all the same
 * @side send
 * @blocks
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_queue_close(struct nfbind_queue *queue);

/**
 * Close, and free the memory; NULL is fine. No other thread may be using it.
 * Batches held and packets kept stay readable.
 *
 * @nullable queue
 * @blocks
 * @since 0.1
 */
NFBIND_API void nfbind_queue_free(struct nfbind_queue *queue);

/**
 * The sentence that explains the last error of one side of the session; "" when
 * there was none.
 *
 * @enum side nfbind_side
 * @returns length
 * @error EINVAL no such side
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_queue_last_message(struct nfbind_queue *queue, uint32_t side,
					 char *ret_text, size_t ret_text_size);

/**
 * Bind a kernel queue, with all its settings in one message, so that no packet
 * meets half a setting.
 *
 * @nullable options
 * @error EBUSY the queue is bound already, by this session or by another program: the message says which
 * @error EPERM CAP_NET_ADMIN is missing
 * @error EOPNOTSUPP this kernel lacks one of the flags: the message says which
 * @error EINVAL this kernel has no nfnetlink_queue, or an option is out of range
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @error ENOMEM out of memory
 * @side receive
 * @blocks
 * @thread receive
 * @since 0.1
 */
NFBIND_API int nfbind_queue_bind(struct nfbind_queue *queue, uint16_t number,
				 const struct nfbind_options *options);

/**
 * Change the settings of a bound queue; absent options stay as they are.
 *
 * @error ENODEV the queue is not bound on this session
 * @error EOPNOTSUPP this kernel lacks one of the flags: the message says which
 * @error EINVAL an option is out of range
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @side receive
 * @blocks
 * @thread receive
 * @since 0.1
 */
NFBIND_API int nfbind_queue_change(struct nfbind_queue *queue, uint16_t number,
				   const struct nfbind_options *options);

/**
 * Unbind a queue: packets of the running batch that came from it get their
 * default verdict first; kept ones are dropped by the kernel, and a later verdict
 * for them is -ENODEV.
 *
 * @error ENODEV the queue is not bound on this session
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @side receive
 * @blocks
 * @thread receive
 * @since 0.1
 */
NFBIND_API int nfbind_queue_unbind(struct nfbind_queue *queue, uint16_t number);

/**
 * Receive a batch of packets, at most as many as the session's batch option says.
 * The former batch ends first: undecided packets get their default verdict, and
 * all staged verdicts leave.
 *
 * `timeout` is in milliseconds; 0 does not wait, -1 waits without limit. The
 * count may be 0 when only notices came.
 *
 * @borrowed queue until receive feed settle close
 * @returns count
 * @none EAGAIN
 * @error EAGAIN nothing came within the timeout
 * @error EINTR a signal came
 * @error ECANCELED nfbind_queue_wake() was called
 * @error EPERM the staged verdicts could not be sent; they are still staged
 * @error ESHUTDOWN the session is not open, or was closed meanwhile
 * @error EBUSY another thread is receiving
 * @error ECHILD the session belongs to the parent process
 * @error ENOMEM out of memory
 * @side receive
 * @blocks
 * @thread receive
 * @since 0.1
 */
NFBIND_API int nfbind_queue_receive(struct nfbind_queue *queue, int32_t timeout,
				    struct nfbind_batch **ret_batch);

/**
 * Take one datagram that the caller read from the descriptor itself, for loops
 * that own the reading. It is copied; the former batch ends as with receive, but
 * what is staged stays so: nfbind_queue_send_idle() or settle lets it leave. A
 * datagram that the caller cut short still yields its packet, truncated, as long
 * as the packet's header is there. The sender cannot be checked here: read with
 * recvfrom() and accept port id 0 only.
 *
 * @borrowed queue until receive feed settle close
 * @returns count
 * @error EBADMSG malformed
 * @error EBUSY another thread is receiving
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @error ENOMEM out of memory
 * @side receive
 * @thread receive
 * @since 0.1
 */
NFBIND_API int nfbind_queue_feed(struct nfbind_queue *queue, const void *data, size_t data_len,
				 struct nfbind_batch **ret_batch);

/**
 * End the running batch without receiving another: undecided packets get their
 * default verdict, and all staged verdicts leave.
 *
 * @error EAGAIN the kernel did not take all; the rest stays staged
 * @error EBUSY another thread is receiving
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @side receive
 * @thread receive
 * @since 0.1
 */
NFBIND_API int nfbind_queue_settle(struct nfbind_queue *queue);

/**
 * Send all staged verdicts now.
 *
 * @error EAGAIN the kernel did not take all; the rest stays staged
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @side send
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_queue_send(struct nfbind_queue *queue);

/**
 * Send all staged verdicts, unless the descriptor has more to read: 1 says so, and that
 * they wait for those of what is read next. For loops that own the reading, come back
 * at once and feed all that they read.
 *
 * @returns bool
 * @error EAGAIN the kernel did not take all; the rest stays staged
 * @error EBUSY another thread is receiving
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @side receive
 * @thread receive
 * @since 0.1
 */
NFBIND_API int nfbind_queue_send_idle(struct nfbind_queue *queue);

/**
 * Decide on a packet, with all that was set on it.
 *
 * There is no "stolen" verdict: the kernel refuses it from a queue; keep the
 * packet instead.
 *
 * @enum verdict nfbind_verdict
 * @flags verdict nfbind_verdict_flag
 * @error EINVAL no such verdict, or the packet is not of this session
 * @error EALREADY the packet was decided or kept, or its batch has ended
 * @error ENODEV its queue was unbound
 * @error EMSGSIZE the new payload does not fit the send buffer; the packet stays undecided
 * @error EOPNOTSUPP the new payload would be dropped by the kernel: it ends before the transport header
 * @error EAGAIN the stage is full and the kernel takes nothing; the packet stays undecided
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @error ENOMEM out of memory; the packet stays undecided
 * @side send
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_queue_verdict(struct nfbind_queue *queue, struct nfbind_packet *packet,
				    uint32_t verdict);

/**
 * The same for whoever holds the packet only: it knows its session.
 *
 * @enum verdict nfbind_verdict
 * @flags verdict nfbind_verdict_flag
 * @error EINVAL no such verdict, or the packet came from no session
 * @error EALREADY the packet was decided or kept, or its batch has ended
 * @error ENODEV its queue was unbound
 * @error EMSGSIZE the new payload does not fit the send buffer; the packet stays undecided
 * @error EOPNOTSUPP the new payload would be dropped by the kernel: it ends before the transport header
 * @error EAGAIN the stage is full and the kernel takes nothing; the packet stays undecided
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @error ENOMEM out of memory; the packet stays undecided
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_packet_verdict(struct nfbind_packet *packet, uint32_t verdict);

/**
 * Decide on many packets, of the running batch or kept, named by queue and id.
 * Every result is filled in. Verdicts for kept packets leave before the call
 * returns.
 *
 * @element decisions decision_size
 * @inout decisions
 * @nullable data
 * @returns count
 * @error EINVAL the element size is smaller than the first version of the struct
 * @error EAGAIN all were staged, but the kernel takes nothing just now
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @side send
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_queue_verdict_many(struct nfbind_queue *queue,
					 struct nfbind_decision *decisions, size_t decisions_count,
					 size_t decision_size, const void *data, size_t data_len);

/**
 * Decide on all packets of the running batch that are still undecided; those
 * that cannot take the verdict stay so.
 *
 * @enum verdict nfbind_verdict
 * @flags verdict nfbind_verdict_flag
 * @returns count
 * @error EINVAL no such verdict
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @side send
 * @thread receive
 * @since 0.1
 */
NFBIND_API int nfbind_queue_verdict_rest(struct nfbind_queue *queue, uint32_t verdict);

/**
 * Take the oldest notice. An element may be larger or smaller than this
 * library's struct: the rest is zeroed, or left out.
 *
 * @element ret_notice ret_notice_size
 * @none EAGAIN
 * @error EAGAIN there is none
 * @side none
 * @thread receive
 * @since 0.1
 */
NFBIND_API int nfbind_queue_take_notice(struct nfbind_queue *queue,
					struct nfbind_notice *ret_notice, size_t ret_notice_size);

/**
 * Read the statistics of a queue and of its session: own counters, the socket's,
 * and the kernel's (from /proc/net/netfilter/nfnetlink_queue of the session's
 * namespace, which is readable to root only).
 *
 * @element ret_stats ret_stats_size
 * @error ENODEV the queue is not bound on this session
 * @error ESHUTDOWN the session is not open
 * @error ECHILD the session belongs to the parent process
 * @side none
 * @blocks
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_queue_read_stats(struct nfbind_queue *queue, uint16_t number,
				       struct nfbind_queue_stats *ret_stats,
				       size_t ret_stats_size);

/**
 * Milliseconds until a kept packet reaches its age limit, for the caller's poll;
 * then call receive or settle. Rounded up; 0 when one is due.
 *
 * @none ENODATA
 * @error ENODATA no kept packet has an age limit
 * @side none
 * @thread receive
 * @since 0.1
 */
NFBIND_API int nfbind_queue_get_deadline(struct nfbind_queue *queue, int32_t *ret_timeout);

/**
 * The session's descriptor, to wait for with poll; it stays the session's. A
 * caller may read datagrams from it and feed them.
 *
 * A loop of the caller's calls nfbind_queue_settle() (or receive until -EAGAIN)
 * before it sleeps, or staged verdicts sleep with it. nfbind_queue_wake() ends a
 * receive, not the caller's own poll.
 *
 * @returns number
 * @error ESHUTDOWN the session is not open
 * @side none
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_queue_get_fd(struct nfbind_queue *queue);

/**
 * End the running receive, or else the next one, with -ECANCELED; once.
 *
 * @signal-safe
 * @thread any
 * @since 0.1
 */
NFBIND_API void nfbind_queue_wake(struct nfbind_queue *queue);

#ifdef __cplusplus
}
#endif

#endif
