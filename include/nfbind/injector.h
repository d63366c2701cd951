/* SPDX-License-Identifier: MIT */
/*
 * The injector: a pair of raw sockets (IPv4, IPv6) that sends packets made by
 * nfbind_packet_new() or nfbind_packet_build_*(), with a mark so that rules can
 * tell them from others. Needs CAP_NET_RAW, and CAP_NET_ADMIN for the mark. With
 * the option netlink-protocol it has a third one, for netlink datagrams to other
 * processes. Any thread may send; one thread at a time may do the rest.
 */
#ifndef NFBIND_INJECTOR_H
#define NFBIND_INJECTOR_H

#include <nfbind/base.h>
#include <nfbind/options.h>
#include <nfbind/packet.h>

#ifdef __cplusplus
extern "C" {
#endif

/** An injector session. */
struct nfbind_injector;

/**
 * Make an injector: memory only.
 *
 * @owned
 * @error ENOMEM out of memory
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_injector_new(struct nfbind_injector **ret_injector);

/**
 * Open its sockets. Of the options, the network namespace, mark, device, send
 * buffer and netlink protocol count.
 *
 * @nullable options
 * @error EALREADY it is open
 * @error ESHUTDOWN it was closed
 * @error EPERM CAP_NET_RAW, or for a mark CAP_NET_ADMIN, is missing
 * @error ENOENT the named network namespace does not exist
 * @error ENODEV no such device
 * @error EINVAL more than one of the options that name a namespace
 * @error EPROTONOSUPPORT this kernel has no such netlink protocol
 * @blocks
 * @since 0.1
 */
NFBIND_API int nfbind_injector_open(struct nfbind_injector *injector,
				    const struct nfbind_options *options);

/**
 * Send one packet as it is. The kernel fills in an IPv4 header's checksum, total
 * length, and its source and id where they are 0 (raw(7)); a packet larger than
 * the path's MTU is refused, not fragmented.
 *
 * @error EINVAL the packet's payload is no IP packet
 * @error EMSGSIZE larger than the path's MTU
 * @error EPERM a rule dropped it
 * @error ENETUNREACH no route to its destination
 * @error EAGAIN the send buffer is full
 * @error ESHUTDOWN it is not open
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_injector_send(struct nfbind_injector *injector,
				    const struct nfbind_packet *packet);

/**
 * Send one netlink datagram as it is, to the members of a multicast group, unless
 * that is 0, and then to the socket with a port id, which is the kernel's where it is
 * 0. A group without members is no error. NETLINK_USERSOCK is the protocol on which
 * processes talk to each other, and where the kernel has no socket: a datagram for a
 * group alone is sent when -ECONNREFUSED says that nobody has port id 0
 * (net/netlink/af_netlink.c).
 *
 * @error ECONNREFUSED nobody has that port id; the group's members got it all the same
 * @error EDESTADDRREQ it was opened without the option netlink-protocol
 * @error ERANGE no such group: they are 1 to 32
 * @error EINVAL no bytes
 * @error EPERM CAP_NET_ADMIN is missing, which the kernel's own protocols ask for
 * @error EMSGSIZE larger than the send buffer
 * @error EAGAIN the receiver's buffer is full
 * @error ESHUTDOWN it is not open
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_injector_send_netlink(struct nfbind_injector *injector, uint32_t port,
					    uint32_t group, const void *data, size_t data_len);

/**
 * Close the sockets; twice is fine. It never fails.
 *
 * @since 0.1
 */
NFBIND_API int nfbind_injector_close(struct nfbind_injector *injector);

/**
 * Close, and free the memory; NULL is fine.
 *
 * @nullable injector
 * @since 0.1
 */
NFBIND_API void nfbind_injector_free(struct nfbind_injector *injector);

/**
 * The sentence that explains the last error; "" when there was none.
 *
 * @returns length
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_injector_last_message(struct nfbind_injector *injector, char *ret_text,
					    size_t ret_text_size);

#ifdef __cplusplus
}
#endif

#endif
