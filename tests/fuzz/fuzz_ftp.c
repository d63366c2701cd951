/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the FTP example's streams. The input is what one side sends, its end
 * says in which pieces, in which order and whether translated. Every change must lie
 * in its segment, and no segment may become empty, or nobody would acknowledge it.
 */
#include "fuzz.h"

#include "ftp/stream.h"

enum { SEGMENTS_MAX = 400 };

static const struct ftp_address translated = { { 192, 168, 100, 200 }, 4 };

/* Exactly as many bytes as the segment has, so that the sanitizer sees one too many. */
static void read_segment(struct ftp_stream *stream, uint32_t seq, const uint8_t *data, size_t len, int follow)
{
	struct ftp_result result;
	uint32_t at = seq;
	size_t left = len;
	uint8_t *copy = malloc(len ? len : 1);

	if (!copy)
		abort();
	memcpy(copy, data, len);
	ftp_stream_read(stream, seq, copy, len, follow ? &translated : NULL, &result);
	free(copy);
	if (!follow && result.edits_count > 0)
		abort();
	if (follow && result.has_announcement) {
		if (result.announcement.port == 0 || result.announcement.end > result.cut.line_len)
			abort();
		if (result.announcement.port & 1)
			ftp_stream_follow(stream, &result, &translated, result.announcement.port);
		else
			ftp_stream_refuse(stream, &result);
	}
	if (result.must_drop)
		return;
	for (uint32_t i = 0; i < result.edits_count; i++) {
		const struct ftp_edit *edit = &result.edits[i];

		if ((int32_t)(edit->seq - at) < 0 || edit->seq + edit->remove - seq > len)
			abort();
		look_at(edit->text, edit->text_len);
		at = edit->seq + edit->remove;
		left = left + edit->text_len - edit->remove;
	}
	if (len > 0 && left == 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct choices choices = { data, len };
	uint32_t start = choose(&choices, 0), follow = choose(&choices, 2), at = 0;
	uint8_t saved[FTP_STREAM_SAVED];
	struct ftp_stream stream;

	ftp_stream_init(&stream, choose(&choices, 2) ? FTP_CLIENT : FTP_SERVER);
	if (choose(&choices, 4))
		ftp_stream_start(&stream, start);
	for (int i = 0; i < SEGMENTS_MAX && at < choices.len; i++) {
		uint32_t from = at, piece = 1 + choose(&choices, choose(&choices, 2) ? 4 : 64);

		if (choose(&choices, 16) == 0)
			from = choose(&choices, at + 8);
		if (choose(&choices, 64) == 0) {
			ftp_stream_save(&stream, saved);
			ftp_stream_load(&stream, stream.side, saved);
		}
		if (from >= choices.len)
			break;
		if (piece > choices.len - from)
			piece = (uint32_t)choices.len - from;
		read_segment(&stream, start + from, data + from, piece, (int)follow);
		if (from + piece > at)
			at = from + piece;
	}
	return 0;
}
