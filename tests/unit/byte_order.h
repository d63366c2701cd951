/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_BYTE_ORDER_H
#define TESTS_UNIT_BYTE_ORDER_H

#include <stddef.h>
#include <stdint.h>

/*
 * Make of a datagram that a little-endian kernel sent what a kernel of this machine
 * would have sent: headers, error numbers and conntrack labels are in its own order,
 * all else is in network order everywhere. Nothing happens on little-endian machines.
 */
void byte_order_turn(uint8_t *data, size_t len);

#endif
