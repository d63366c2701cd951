/* SPDX-License-Identifier: MIT */
/*
 * Datagrams of any content, cut anywhere, fed to a session, and any order of
 * decisions on what they yield; the transport is a fake that takes everything.
 */
#include "fuzz.h"

#include "fake_socket.h"

enum { KEPT_MAX = 8, FEEDS_MAX = 4 };

static struct nfbind_packet *kept[KEPT_MAX];
static uint32_t kept_count;

static void judge(struct nfbind_queue *queue, struct nfbind_packet *packet,
		  struct choices *choices)
{
	static const uint32_t verdicts[] = { 0, 1, 4, 5, 2, 0x30003, 0x101, 0xffffffff };

	if (choose(choices, 3) == 0)
		change_packet(packet, choices);
	switch (choose(choices, 4)) {
	case 0:
		if (kept_count < KEPT_MAX &&
		    nfbind_packet_keep(packet, &kept[kept_count]) == 0)
			kept_count++;
		break;
	case 1:
		break;
	default:
		(void)nfbind_queue_verdict(queue, packet, verdicts[choose(choices, 8)]);
	}
}

static void let_go(struct nfbind_queue *queue, struct choices *choices)
{
	while (kept_count > 0) {
		kept_count--;
		if (choose(choices, 2))
			(void)nfbind_queue_verdict(queue, kept[kept_count], NFBIND_VERDICT_ACCEPT);
		nfbind_packet_free(kept[kept_count]);
	}
}

static void run(struct nfbind_queue *queue, const uint8_t *data, size_t len,
		struct choices *choices)
{
	struct nfbind_batch *batch;
	struct nfbind_notice notice;

	for (uint32_t i = 0; i < FEEDS_MAX; i++) {
		size_t cut = i == 0 ? len : choose(choices, (uint32_t)len + 1);

		if (nfbind_queue_feed(queue, data, cut, &batch) >= 0)
			for (uint32_t j = 0; j < nfbind_batch_count(batch); j++) {
				read_packet(nfbind_batch_packet(batch, j));
				judge(queue, nfbind_batch_packet(batch, j), choices);
			}
		if (choose(choices, 4) == 0)
			(void)nfbind_queue_verdict_rest(queue, choose(choices, 6));
		if (choose(choices, 4) == 0)
			let_go(queue, choices);
	}
	while (nfbind_queue_take_notice(queue, &notice, sizeof(notice)) == 0)
		;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct choices choices = { data, len };
	struct nfbind_queue *queue;

	fake_set_up();
	if (nfbind_queue_new(&queue) == 0) {
		if (nfbind_queue_open(queue, NULL) == 0)
			run(queue, data, len, &choices);
		let_go(queue, &choices);
		nfbind_queue_free(queue);
	}
	fake_tear_down();
	return 0;
}
