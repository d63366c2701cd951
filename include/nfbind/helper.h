/* SPDX-License-Identifier: MIT */
/*
 * What a connection tracking helper in user space does with a packet: which side of the
 * connection spoke, and which connection is to be expected after what it said. The
 * expectation goes with the packet's verdict, nfbind_packet_set_exp(), or at once by
 * nfbind_conntrack_add_exp(), which tells whether the kernel took it.
 *
 * Rules: net/netfilter/nf_conntrack_expect.c, nf_conntrack_netlink.c, nf_nat_helper.c.
 */
#ifndef NFBIND_HELPER_H
#define NFBIND_HELPER_H

#include <nfbind/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct nfbind_ct;
struct nfbind_exp;
struct nfbind_packet;

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
