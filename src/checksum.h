/* SPDX-License-Identifier: MIT */
/*
 * Checksums: the Internet checksum (RFC 1071), its incremental update (RFC 1624)
 * and the CRC32c of SCTP (RFC 9260, appendix A). Pure arithmetic that knows no
 * header; which bytes a checksum covers is the view's business.
 *
 * Sums are kept in memory order: words are added as they lie in memory and a
 * result is stored with memcpy(), since ones' complement sums do not care about
 * byte order as long as nobody changes it half way.
 */
#ifndef CHECKSUM_H
#define CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Add bytes that start at an even offset of what is summed. */
uint64_t checksum_add(uint64_t sum, const void *data, size_t data_len);

/* Add bytes that start at any offset of what is summed; only its parity counts. */
uint64_t checksum_add_at(uint64_t sum, size_t offset, const void *data, size_t data_len);

/* The pseudo header of IPv4 (RFC 9293, 3.1) or IPv6 (RFC 8200, 8.1): they sum up alike. */
uint64_t checksum_add_pseudo(uint64_t sum, const void *src, const void *dst, size_t address_len,
			     uint8_t protocol, uint32_t len);

/* The sum in 16 bits; a checksum is its complement. */
uint16_t checksum_fold(uint64_t sum);

/*
 * The checksum after covered bytes that summed up to `before` were replaced by
 * bytes that sum up to `after`: equation 3 of RFC 1624. What was wrong stays wrong
 * by the same amount.
 */
uint16_t checksum_adjust(uint16_t checksum, uint64_t before, uint64_t after);

/* A running CRC32c: start with CRC32C_START; checksum_crc32c_end() gives SCTP's field. */
#define CRC32C_START UINT32_MAX
uint32_t checksum_crc32c(uint32_t crc, const void *data, size_t data_len);
uint32_t checksum_crc32c_end(uint32_t crc);

#endif
