/* SPDX-License-Identifier: MIT */
/*
 * One direction of an FTP control connection, segment by segment: from TCP segments
 * to lines, and to what has to be changed in the segments where addresses are
 * translated. Pure functions on memory of the caller's.
 *
 * A line counts only from its true start: the first byte, or what follows a line
 * end. So after anything that was not seen (a lost segment that came later, a
 * restart of the program) nothing is read until the next line end. What comes again
 * is not read again, but changed again as it was the first time.
 *
 * A line may come in any pieces. Where nothing is translated they pass, and the
 * announcement is complete with the last one. Where something is, the beginning of an
 * argument must not pass as it is, and cannot wait either: a sender with Nagle's
 * algorithm sends the rest when the beginning was acknowledged. So the beginning is
 * taken out of its segment, to which at least one byte is left: of the new argument,
 * or a zero before its port. The rest of the new argument goes into the last segment.
 */
#ifndef EXAMPLES_FTP_STREAM_H
#define EXAMPLES_FTP_STREAM_H

#include "line.h"

enum {
	/* Longer lines are not read. */
	FTP_LINE_MAX = 256,
	/* Changes of the past that can be repeated. */
	FTP_EDITS_KEPT = 8,
	/* The most changes of one segment. */
	FTP_EDITS_MAX = FTP_EDITS_KEPT + 2,
	/* Bytes of a saved stream. */
	FTP_STREAM_SAVED = 8,
};

/* `remove` bytes from sequence number `seq` on become `text`. */
struct ftp_edit {
	uint32_t seq;
	uint16_t remove;
	uint16_t text_len;
	char text[FTP_ARGUMENT_SIZE];
};

enum ftp_stream_state {
	FTP_UNKNOWN, /* nothing was seen yet */
	FTP_SKIP,    /* inside of a line that is not read */
	FTP_LINE,    /* at the start of a line, or in one that is read */
};

/* A line as far as it came, and what of it was changed already. */
struct ftp_cut {
	uint32_t line_seq; /* of its first byte */
	uint16_t held;	   /* how much of it was replaced, counted from its start */
	uint16_t emitted;  /* bytes of the new argument that were sent instead */
	uint16_t line_len;
	char line[FTP_LINE_MAX];
};

struct ftp_stream {
	enum ftp_side side;
	enum ftp_stream_state state;
	uint32_t next;	      /* sequence number of the next byte */
	uint16_t reply;	      /* the server's code, in the midst of a reply of several lines */
	uint16_t edits_count; /* ever */
	struct ftp_cut cut;
	struct ftp_edit edits[FTP_EDITS_KEPT];
};

/* The address that others see; NULL where nothing is translated. */
struct ftp_address {
	uint8_t bytes[16];
	uint8_t len;
};

/* What one segment brought. */
struct ftp_result {
	/* Read it, then call ftp_stream_follow() or ftp_stream_refuse(). */
	bool has_announcement;
	struct ftp_announcement announcement;
	/* Further announcements in this segment, which are not followed. */
	uint32_t ignored;
	/* It repeats a part of what was changed, or nothing would be left of it: it must not pass. */
	bool must_drop;
	/* What has to be changed in it, by rising sequence numbers, and without overlap. */
	uint32_t edits_count;
	struct ftp_edit edits[FTP_EDITS_MAX];
	/* The first byte of the segment that was not there before. */
	uint32_t first_new;
	/* For follow and refuse: the line of the announcement. */
	struct ftp_cut cut;
};

/* Nothing is known of it; a stream may also be all zeros. */
void ftp_stream_init(struct ftp_stream *stream, enum ftp_side side);
/* Its first byte will have this sequence number: that of the SYN and 1. */
void ftp_stream_start(struct ftp_stream *stream, uint32_t seq);

/* What has to outlive the program, and what a new one makes of it. */
void ftp_stream_save(const struct ftp_stream *stream, uint8_t ret_saved[FTP_STREAM_SAVED]);
void ftp_stream_load(struct ftp_stream *stream, enum ftp_side side, const uint8_t saved[FTP_STREAM_SAVED]);

void ftp_stream_read(struct ftp_stream *stream, uint32_t seq, const void *data, size_t data_len,
		     const struct ftp_address *translated, struct ftp_result *ret_result);

/* The announcement is followed: what others see is this address and port. */
void ftp_stream_follow(struct ftp_stream *stream, struct ftp_result *result,
		       const struct ftp_address *translated, uint16_t port);
/* It is not: the line passes as it came; cut, if a byte of the new argument had to leave before. */
void ftp_stream_refuse(struct ftp_stream *stream, struct ftp_result *result);

#endif
