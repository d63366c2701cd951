/* SPDX-License-Identifier: MIT */
/*
 * The tracker: pure memory that lets a program change the length of TCP payloads
 * in flows which the kernel does not adjust (those that are not translated). It
 * remembers each change until the receiver has acknowledged it, and shifts
 * sequence numbers, acknowledgements and SACK blocks (RFC 2018) of both
 * directions; a retransmission is changed the same way again, however it is cut.
 *
 * Pass every packet of the flow, of both directions, through
 * nfbind_tracker_apply() in the order in which they came, then make changes with
 * nfbind_tracker_splice(). One thread at a time.
 */
#ifndef NFBIND_TRACKER_H
#define NFBIND_TRACKER_H

#include <nfbind/base.h>
#include <nfbind/packet.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A tracker of any number of flows. */
struct nfbind_tracker;

/**
 * Make a tracker that remembers at most `limit` flows; 0 means 65536. When it is
 * full, the flow that was quiet for longest and has no change in it is forgotten.
 *
 * @owned
 * @error ENOMEM out of memory
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_tracker_new(uint32_t limit, struct nfbind_tracker **ret_tracker);

/**
 * Free it; NULL is fine.
 *
 * @nullable tracker
 * @since 0.1
 */
NFBIND_API void nfbind_tracker_free(struct nfbind_tracker *tracker);

/**
 * Bring a TCP packet in line with the changes that its flow has had: sequence
 * and acknowledgement numbers, SACK blocks, and changes made before in data that
 * is now sent again. A packet of no flow with changes passes as it is. A second
 * time does nothing.
 *
 * @error EINVAL the packet is no TCP segment, or a fragment
 * @error EALREADY the packet was decided or kept
 * @error EOPNOTSUPP the packet is truncated and needs a change, or a large segment that would shrink
 * @error EMSGSIZE a repeated change makes it longer than 65531 bytes
 * @error ENOSPC every flow has changes: there is no room for another
 * @error ENOMEM out of memory
 * @since 0.1
 */
NFBIND_API int nfbind_tracker_apply(struct nfbind_tracker *tracker, struct nfbind_packet *packet);

/**
 * Replace `remove` bytes of the TCP payload, from `offset`, by others of any
 * number, and remember it. The packet must have passed nfbind_tracker_apply();
 * offset and payload are those that the packet has now. Data that was sent before
 * (a retransmission, in whole or part) cannot be changed anew, and only the newest
 * packet of a direction can be changed. Segments grow: set tcp-mss in the SYN where
 * that may exceed the path's MTU.
 *
 * @error EINVAL the packet is no TCP segment, or did not pass nfbind_tracker_apply()
 * @error EALREADY the packet was decided or kept, or this data was sent before
 * @error ERANGE offset and remove lie outside the payload
 * @error EOPNOTSUPP the packet is truncated, or a large segment that would shrink
 * @error EMSGSIZE the packet would be longer than 65531 bytes
 * @error ENOSPC the receiver has 4096 changes or 1 MiB of inserted bytes of this direction to acknowledge
 * @error ENOMEM out of memory
 * @since 0.1
 */
NFBIND_API int nfbind_tracker_splice(struct nfbind_tracker *tracker, struct nfbind_packet *packet,
				     uint32_t offset, uint32_t remove, const void *data,
				     size_t data_len);

/**
 * How many flows it remembers.
 *
 * @returns number
 * @since 0.1
 */
NFBIND_API uint32_t nfbind_tracker_count(const struct nfbind_tracker *tracker);

#ifdef __cplusplus
}
#endif

#endif
