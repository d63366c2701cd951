/* SPDX-License-Identifier: MIT */
/*
 * What the library makes of a recorded datagram, as text: packets with all their
 * fields, connections, expectations and helpers message by message. The expected text lies
 * beside each recording; print_fixture.c writes it, a person reads it once.
 */
#ifndef FIXTURE_TEXT_H
#define FIXTURE_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* By the recording's name: "packet-", "ct-", "exp-" or "helper-". The text's length, or a negative errno. */
int fixture_print(const char *name, const uint8_t *data, size_t len, char *text, size_t size);

#endif
