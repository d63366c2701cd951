/* SPDX-License-Identifier: MIT */
/*
 * The packet that tests of packets share; see recorded.h.
 */
#include "recorded.h"

static struct nfbind_batch *parsed;
struct nfbind_packet *packet;

void recorded_set_up(void)
{
	session_set_up();
	parsed = NULL;
}

void recorded_tear_down(void)
{
	nfbind_batch_free(parsed);
	session_tear_down();
}

void parse(const char *name)
{
	size_t len;
	const uint8_t *data = unit_fixture(name, &len);

	nfbind_batch_free(parsed);
	ck_assert_int_eq(nfbind_batch_parse(data, len, &parsed), 0);
	packet = nfbind_batch_packet(parsed, 0);
	ck_assert_ptr_nonnull(packet);
}
