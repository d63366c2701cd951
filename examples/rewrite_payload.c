/* SPDX-License-Identifier: MIT */
/*
 * Put another word, longer or shorter, into TCP and UDP payloads. In UDP that is one
 * call. In TCP all that follows has to be renumbered, in both directions, and what is
 * sent again has to be changed again in the same way: a tracker does that, if it gets
 * every packet of both directions.
 *
 * What grows has to fit: GSO is off, so that the kernel hands out what will be sent,
 * and the maximum segment size that both ends announce is lowered to leave room. A
 * word that two segments share is not found.
 *
 *     rewrite_payload [--mtu BYTES] [--room BYTES] QUEUE WORD REPLACEMENT
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <nfbind/nfbind.h>

#include "common.h"

enum { TCP = 6, UDP = 17 };

static uint64_t mtu = 1500, room = 200;

static const struct flag flags[] = {
	{ "--mtu", "BYTES", "no packet becomes longer than this; default 1500", &mtu },
	{ "--room", "BYTES", "lower the segment size by this; default 200", &room },
	{ NULL },
};

static const struct manual manual = {
	.name = "rewrite_payload",
	.arguments = "[--mtu BYTES] [--room BYTES] QUEUE WORD REPLACEMENT",
	.about = "Replace a word in TCP and UDP payloads. Both directions of a connection have to\n"
		 "pass the queue, each packet once.",
	.flags = flags,
	.iptables = "  iptables -A FORWARD -j NFQUEUE --queue-num 0\n",
	.nft = "  nft add table inet example\n"
	       "  nft add chain inet example forward '{ type filter hook forward priority 0; }'\n"
	       "  nft add rule inet example forward queue num 0\n",
	.least = 3,
	.most = 3,
};

struct job {
	struct nfbind_queue *queue;
	struct nfbind_tracker *tracker;
	const char *word, *replacement;
	size_t word_len, replacement_len;
	uint64_t replaced, no_room, sent_before;
};

/* Where the word is in the transport payload, at or behind an offset; -1 if it is not. */
static int64_t find(const struct job *job, const struct nfbind_packet *packet, size_t offset)
{
	const char *payload, *found;
	const void *data;
	size_t len;

	if (nfbind_packet_get_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, &data, &len) < 0 ||
	    offset > len)
		return -1;
	payload = data;
	found = memmem(payload + offset, len - offset, job->word, job->word_len);
	return found ? found - payload : -1;
}

static bool has_room(const struct job *job, const struct nfbind_packet *packet)
{
	const void *data;
	size_t len;

	return job->replacement_len <= job->word_len ||
	       (nfbind_packet_get_bytes(packet, NFBIND_PACKET_PAYLOAD, &data, &len) == 0 &&
		len + job->replacement_len - job->word_len <= mtu);
}

static int replace_one(struct job *job, struct nfbind_packet *packet, uint32_t offset, bool is_tcp)
{
	if (is_tcp)
		return nfbind_tracker_splice(job->tracker, packet, offset, (uint32_t)job->word_len,
					     job->replacement, job->replacement_len);
	return nfbind_packet_splice(packet, offset, (uint32_t)job->word_len, job->replacement,
				    job->replacement_len);
}

static void replace_all(struct job *job, struct nfbind_packet *packet, bool is_tcp)
{
	int64_t offset = 0;

	while ((offset = find(job, packet, (size_t)offset)) >= 0) {
		int r = has_room(job, packet) ? replace_one(job, packet, (uint32_t)offset, is_tcp)
					      : -EMSGSIZE;

		/* What failed has changed nothing: the word stays, and the packet is as good as before. */
		job->replaced += r == 0;
		job->no_room += r == -EMSGSIZE || r == -ENOSPC;
		/* What passed unchanged before stays so when it is sent again. */
		job->sent_before += r == -EALREADY;
		offset += (int64_t)(r == 0 ? job->replacement_len : job->word_len);
	}
}

/* The segment size stands in the first packet of each direction. */
static void lower_segment_size(struct nfbind_packet *packet)
{
	uint64_t mss = number_or(packet, NFBIND_PACKET_TCP_MSS, 0);

	if (mss > 2 * room)
		nfbind_packet_set_number(packet, NFBIND_PACKET_TCP_MSS, mss - room);
}

static int rewrite(struct job *job, struct nfbind_packet *packet)
{
	uint64_t protocol = number_or(packet, NFBIND_PACKET_IP_PROTOCOL, 0);
	int r;

	if (protocol == UDP)
		replace_all(job, packet, false);
	if (protocol != TCP || !nfbind_packet_has(packet, NFBIND_PACKET_TCP_SEQ))
		return 0;
	lower_segment_size(packet);
	r = nfbind_tracker_apply(job->tracker, packet);
	if (r == 0)
		replace_all(job, packet, true);
	return r;
}

static int run(struct job *job)
{
	struct nfbind_batch *batch;
	int count;

	while ((count = nfbind_queue_receive(job->queue, -1, &batch)) >= 0 || count == -EINTR) {
		for (int i = 0; i < count; i++) {
			struct nfbind_packet *packet = nfbind_batch_packet(batch, (uint32_t)i);
			int r = rewrite(job, packet);

			if (r < 0)
				fprintf(stderr, "rewrite_payload: a packet is dropped: %s\n",
					nfbind_error_name(r));
			/* Half renumbered it would do harm; dropped, it is sent again. */
			nfbind_queue_verdict(job->queue, packet,
					     r < 0 ? NFBIND_VERDICT_DROP : NFBIND_VERDICT_ACCEPT);
		}
		print_notices(job->queue);
	}
	return count == -ECANCELED ? 0 : count;
}

int main(int argc, char **argv)
{
	struct nfbind_options *options = NULL;
	struct job job = { 0 };
	uint16_t number;
	int r, status = 1;

	read_arguments(&manual, argc, argv);
	number = (uint16_t)read_number("QUEUE", argv[0], UINT16_MAX);
	job.word = argv[1];
	job.word_len = strlen(job.word);
	job.replacement = argv[2];
	job.replacement_len = strlen(job.replacement);
	if ((r = nfbind_options_new(&options)) < 0 ||
	    (r = nfbind_tracker_new(0, &job.tracker)) < 0) {
		fail(NULL, "starting", r);
	} else {
		nfbind_options_set_number(options, NFBIND_OPTIONS_GSO, 0);
		job.queue = start_queue(number, options);
	}
	if (job.queue) {
		r = run(&job);
		printf("replaced: %" PRIu64 " times; left: %" PRIu64 " for want of room, %" PRIu64
		       " in data sent again\n",
		       job.replaced, job.no_room, job.sent_before);
		status = end_queue(job.queue, number, r);
	}
	nfbind_tracker_free(job.tracker);
	nfbind_options_free(options);
	return status;
}
