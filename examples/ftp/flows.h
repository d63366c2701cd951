/* SPDX-License-Identifier: MIT */
/*
 * What the FTP helper remembers of control connections: both directions of each. The
 * memory is bounded: a connection that was quiet for longest makes room. What has to
 * be known for sure, where lines start, is kept by the kernel as the connection's
 * private data, so that a forgotten connection, or a restart, costs only the
 * beginning of a line.
 */
#ifndef EXAMPLES_FTP_FLOWS_H
#define EXAMPLES_FTP_FLOWS_H

#include <nfbind/nfbind.h>

#include "stream.h"

enum {
	FTP_FLOWS_MAX = 1024,
	/* Private data of a connection: a version and both streams. */
	FTP_PRIVATE_LEN = 4 + 2 * FTP_STREAM_SAVED,
};

struct ftp_flow_key {
	uint8_t src[16], dst[16];
	uint32_t id;
	uint16_t ports[2], zone, l3proto;
};

struct ftp_flow {
	struct ftp_flow_key key;
	uint64_t used; /* when, in packets; 0: never */
	struct ftp_stream streams[2]; /* original and reply direction */
};

struct ftp_flows {
	uint64_t clock;
	struct ftp_flow flows[FTP_FLOWS_MAX];
};

/* The connection's flow, made from its private data where it is not known. It never fails. */
struct ftp_flow *ftp_flows_find(struct ftp_flows *flows, const struct nfbind_ct *ct);
void ftp_flow_forget(struct ftp_flow *flow);

/* What the kernel is to keep of it. */
void ftp_flow_save(const struct ftp_flow *flow, uint8_t ret_private[FTP_PRIVATE_LEN]);

#endif
