/* SPDX-License-Identifier: MIT */
/*
 * A TCP segment as the tracker sees it: read from a packet, and brought in line with
 * the changes that its flow has had, in its data, its sequence number, what it
 * acknowledges (RFC 2018 and 2883 too) and its urgent pointer. Decides nothing.
 */
#ifndef SEGMENT_H
#define SEGMENT_H

#include "flows.h"
#include "view.h"

/* A TCP segment as it came: with the sender's numbers and the receiver's acknowledgement. */
struct segment {
	struct view view;
	struct flow_key key;
	unsigned int side; /* which direction of its flow */
	uint8_t flags;
	uint32_t seq;
	uint32_t ack;
	uint32_t start; /* of its data: after a SYN */
	uint32_t data_end;
	uint32_t end;    /* after a FIN */
	uint32_t urgent; /* where its urgent data ends, if it has the flag */
};

/* Where it is for the receiver. */
struct placed {
	uint32_t start; /* its data */
	uint32_t seq;   /* its header */
	uint32_t len;   /* of the data that it has now */
};

/* -EINVAL when it is no TCP segment, or a fragment. */
int segment_read(const struct nfbind_packet *packet, struct segment *ret_segment);

/* Whether it carried data when it came, and how much it carries now. */
bool segment_had_data(const struct segment *segment);
uint32_t segment_len(const struct segment *segment);

/*
 * Bring it in line with the changes in its own direction and in the other one. On
 * an error nothing was changed: -EOPNOTSUPP (truncated), -EMSGSIZE, -ENOMEM.
 */
int segment_align(struct nfbind_packet *packet, struct segment *segment, const struct shift *self,
		  const struct shift *other, struct placed *placed);

/* Write the header of one whose data is at placed->start; the rest of that is filled in. */
int segment_place(struct nfbind_packet *packet, const struct segment *segment,
		  const struct shift *shift, bool had_data, uint32_t urgent, struct placed *placed);

#endif
