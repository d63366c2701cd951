/* SPDX-License-Identifier: MIT */
/*
 * From segments to lines and changes; see stream.h. Positions are TCP sequence
 * numbers as the sender counts them, which is how a helper's queue shows them: the
 * kernel adjusts them afterwards (net/netfilter/nf_conntrack_proto.c).
 */
#include "stream.h"

#include <arpa/inet.h>
#include <string.h>

void ftp_stream_init(struct ftp_stream *stream, enum ftp_side side)
{
	*stream = (struct ftp_stream){ .side = side };
}

void ftp_stream_start(struct ftp_stream *stream, uint32_t seq)
{
	*stream = (struct ftp_stream){ .side = stream->side, .state = FTP_LINE, .next = seq,
				       .cut.line_seq = seq };
}

void ftp_stream_save(const struct ftp_stream *stream, uint8_t ret_saved[FTP_STREAM_SAVED])
{
	uint32_t next = htonl(stream->next);
	uint16_t reply = htons(stream->reply);
	/* The beginning of a line does not outlive us, so the line cannot be read. */
	bool is_cut = stream->state == FTP_LINE && stream->cut.line_len > 0;

	memcpy(ret_saved, &next, 4);
	memcpy(ret_saved + 4, &reply, 2);
	ret_saved[6] = (uint8_t)(is_cut ? FTP_SKIP : stream->state);
	ret_saved[7] = 0;
}

void ftp_stream_load(struct ftp_stream *stream, enum ftp_side side, const uint8_t saved[FTP_STREAM_SAVED])
{
	uint32_t next;
	uint16_t reply;

	ftp_stream_init(stream, side);
	if (saved[6] > FTP_LINE)
		return;
	memcpy(&next, saved, 4);
	memcpy(&reply, saved + 4, 2);
	stream->next = stream->cut.line_seq = ntohl(next);
	stream->reply = ntohs(reply);
	stream->state = saved[6];
}

/* Changes. */

static void add_edit(struct ftp_result *result, const struct ftp_edit *edit)
{
	uint32_t at = result->edits_count;

	if (at == FTP_EDITS_MAX) {
		result->must_drop = true;
		return;
	}
	for (; at > 0 && (int32_t)(edit->seq - result->edits[at - 1].seq) < 0; at--)
		result->edits[at] = result->edits[at - 1];
	result->edits[at] = *edit;
	result->edits_count++;
}

static void make_edit(struct ftp_stream *stream, struct ftp_result *result, uint32_t seq, size_t remove,
		      const char *text, size_t text_len)
{
	struct ftp_edit *edit = &stream->edits[stream->edits_count++ % FTP_EDITS_KEPT];

	edit->seq = seq;
	edit->remove = (uint16_t)remove;
	edit->text_len = (uint16_t)text_len;
	memcpy(edit->text, text, text_len);
	add_edit(result, edit);
}

/* Bytes that were there before are changed as they were then: all of a change, or the segment is dropped. */
static void repeat_edits(const struct ftp_stream *stream, uint32_t seq, size_t len, struct ftp_result *result)
{
	for (uint32_t i = 0; i < FTP_EDITS_KEPT && i < stream->edits_count; i++) {
		const struct ftp_edit *edit = &stream->edits[i];
		int32_t from = (int32_t)(edit->seq - seq);
		/* An insertion belongs to the byte behind it. */
		int32_t end = from + (edit->remove ? edit->remove : 1);

		if (end <= 0 || from >= (int32_t)len)
			continue;
		if (from >= 0 && end <= (int32_t)len)
			add_edit(result, edit);
		else
			result->must_drop = true;
	}
}

/* Lines. */

/* The next line starts at a byte. */
static void start_line(struct ftp_stream *stream, uint32_t seq)
{
	stream->cut.line_seq = seq;
	stream->cut.line_len = stream->cut.held = stream->cut.emitted = 0;
}

/*
 * Put back what was taken out of a line that announces nothing after all. Where other
 * bytes were sent already it cannot be whole any more: then the rest goes too, so that
 * the server refuses it, and does not read a third thing.
 */
static void give_back(struct ftp_stream *stream, struct ftp_result *result, const struct ftp_cut *cut)
{
	uint32_t seq = cut->line_seq + cut->held;
	struct ftp_announcement begun;
	size_t rest = cut->line_len - cut->held;

	if (cut->held == 0 || !ftp_line_begins(stream->side, cut->line, cut->held, &begun))
		return;
	if (cut->emitted == 0)
		make_edit(stream, result, seq, 0, cut->line + begun.start, cut->held - begun.start);
	else if (rest > 0 && cut->line[cut->line_len - 1] == '\r')
		rest--;
	if (cut->emitted > 0 && rest > 0)
		make_edit(stream, result, seq, rest, "", 0);
}

static void skip_line(struct ftp_stream *stream, struct ftp_result *result)
{
	give_back(stream, result, &stream->cut);
	stream->state = FTP_SKIP;
}

/* A reply of several lines: only its first and its last line are the server's own words. */
static bool is_inside_reply(struct ftp_stream *stream, const char *line, size_t len)
{
	uint16_t code = 0;

	for (size_t i = 0; i < 3; i++) {
		if (i >= len || line[i] < '0' || line[i] > '9')
			return stream->reply != 0;
		code = (uint16_t)(code * 10 + (line[i] - '0'));
	}
	if (stream->reply == 0) {
		if (len > 3 && line[3] == '-')
			stream->reply = code;
		return stream->reply != 0;
	}
	if (code != stream->reply || (len > 3 && line[3] != ' '))
		return true;
	stream->reply = 0;
	return false;
}

static void found_announcement(struct ftp_stream *stream, const struct ftp_announcement *announcement,
			       struct ftp_result *result)
{
	if (result->has_announcement) {
		result->ignored++;
		give_back(stream, result, &stream->cut);
		return;
	}
	result->has_announcement = true;
	result->announcement = *announcement;
	result->cut = stream->cut;
}

/* The line is complete, but for its line end. */
static void end_line(struct ftp_stream *stream, struct ftp_result *result)
{
	struct ftp_announcement announcement;
	size_t len = stream->cut.line_len;

	if (len > 0 && stream->cut.line[len - 1] == '\r')
		len--;
	if (stream->side == FTP_SERVER && is_inside_reply(stream, stream->cut.line, len))
		give_back(stream, result, &stream->cut);
	else if (ftp_line_read(stream->side, stream->cut.line, len, &announcement))
		found_announcement(stream, &announcement, result);
	else
		give_back(stream, result, &stream->cut);
}

static void read_byte(struct ftp_stream *stream, char byte, struct ftp_result *result)
{
	if (stream->state == FTP_LINE) {
		if (byte == '\n') {
			end_line(stream, result);
			start_line(stream, stream->next + 1);
		} else if (stream->cut.line_len == FTP_LINE_MAX) {
			skip_line(stream, result);
		} else {
			stream->cut.line[stream->cut.line_len++] = byte;
		}
	} else if (byte == '\n') {
		start_line(stream, stream->next + 1);
		stream->state = FTP_LINE;
	}
	stream->next++;
}

static size_t changed_len(const struct ftp_result *result, size_t segment_len)
{
	for (uint32_t i = 0; i < result->edits_count; i++)
		segment_len = segment_len + result->edits[i].text_len - result->edits[i].remove;
	return segment_len;
}

/* Take what is there of an argument out of a segment of so many bytes that ends amid a line. */
static void hold_argument(struct ftp_stream *stream, size_t segment_len, const struct ftp_address *translated,
			  struct ftp_result *result)
{
	struct ftp_announcement begun;
	char text[FTP_ARGUMENT_SIZE];
	size_t from, remove, port_at = 0, text_len = 0;

	if (stream->state != FTP_LINE ||
	    !ftp_line_begins(stream->side, stream->cut.line, stream->cut.line_len, &begun))
		return;
	if (stream->cut.line_len - begun.start > FTP_ARGUMENT_READ) {
		skip_line(stream, result);
		return;
	}
	begun.address_len = translated->len;
	memcpy(begun.address, translated->bytes, translated->len);
	/* What cannot be said in this form passes. */
	if (ftp_argument_write(&begun, 0, 0, text, &port_at) == 0)
		return;
	from = stream->cut.held > begun.start ? stream->cut.held : begun.start;
	remove = stream->cut.line_len - from;
	if (remove >= changed_len(result, segment_len)) {
		if (stream->cut.emitted >= port_at)
			text[stream->cut.emitted] = '0';
		text_len = 1;
	}
	make_edit(stream, result, stream->cut.line_seq + (uint32_t)from, remove, text + stream->cut.emitted, text_len);
	stream->cut.held = stream->cut.line_len;
	stream->cut.emitted = (uint16_t)(stream->cut.emitted + text_len);
}

void ftp_stream_read(struct ftp_stream *stream, uint32_t seq, const void *data, size_t data_len,
		     const struct ftp_address *translated, struct ftp_result *ret_result)
{
	const char *bytes = data;
	int32_t ahead = (int32_t)(seq - stream->next);
	size_t old = 0;

	ret_result->has_announcement = ret_result->must_drop = false;
	ret_result->edits_count = ret_result->ignored = 0;
	ret_result->first_new = seq;
	if (data_len == 0)
		return;
	if (stream->state == FTP_UNKNOWN) {
		stream->state = FTP_SKIP;
		stream->next = seq;
	} else if (ahead > 0) {
		/* What is between was not seen: this may be the midst of a line. */
		stream->reply = 0;
		stream->state = FTP_SKIP;
		stream->next = seq;
	} else if (ahead < 0) {
		old = (size_t)-(int64_t)ahead;
		old = old < data_len ? old : data_len;
		repeat_edits(stream, seq, old, ret_result);
		ret_result->first_new = stream->next;
	}
	for (size_t i = old; i < data_len; i++)
		read_byte(stream, bytes[i], ret_result);
	if (translated && old < data_len)
		hold_argument(stream, data_len, translated, ret_result);
	if (changed_len(ret_result, data_len) == 0)
		ret_result->must_drop = true;
}

/* What follows the argument and was taken out with it. */
static size_t held_tail(const struct ftp_result *result, const char **ret_tail)
{
	*ret_tail = result->cut.line + result->announcement.end;
	return result->cut.held > result->announcement.end ? result->cut.held - result->announcement.end : 0;
}

void ftp_stream_follow(struct ftp_stream *stream, struct ftp_result *result,
		       const struct ftp_address *translated, uint16_t port)
{
	struct ftp_announcement to = result->announcement;
	uint32_t from = result->cut.held > to.start ? result->cut.held : to.start;
	size_t remove = from < to.end ? to.end - from : 0;
	char text[2 * FTP_ARGUMENT_SIZE];
	const char *tail;
	size_t len, tail_len = held_tail(result, &tail), port_at = 0, zeros;

	to.address_len = translated->len;
	memcpy(to.address, translated->bytes, translated->len);
	len = ftp_argument_write(&to, port, 0, text, &port_at);
	zeros = result->cut.emitted > port_at ? result->cut.emitted - port_at : 0;
	if (len > 0 && zeros > 0)
		len = ftp_argument_write(&to, port, len + zeros, text, &port_at);
	/* Nor can bytes be changed that have passed. */
	if (len == 0 || (int32_t)(result->cut.line_seq + from - result->first_new) < 0) {
		ftp_stream_refuse(stream, result);
		return;
	}
	if (result->cut.held == 0 && len == remove && memcmp(text, result->cut.line + to.start, len) == 0)
		return;
	memcpy(text + len, tail, tail_len);
	make_edit(stream, result, result->cut.line_seq + from, remove, text + result->cut.emitted,
		  len + tail_len - result->cut.emitted);
}

void ftp_stream_refuse(struct ftp_stream *stream, struct ftp_result *result)
{
	give_back(stream, result, &result->cut);
}
