/* SPDX-License-Identifier: MIT */
/*
 * The FTP example's streams: whatever pieces a control connection comes in, the same
 * announcements are found, and where addresses are translated the other side reads
 * the same commands with the other address; what was not seen is never guessed.
 */
#include <arpa/inet.h>
#include <stdio.h>

#include "ftp/stream.h"
#include "unit.h"

static const struct ftp_address seen_as = { { 192, 168, 100, 200 }, 4 };
static const struct ftp_address short_one = { { 1, 1, 1, 1 }, 4 };

static struct ftp_stream stream;
static struct ftp_result result;

static void set_up(void)
{
	ftp_stream_init(&stream, FTP_CLIENT);
	ftp_stream_start(&stream, 1000);
}

static void start_server(void)
{
	ftp_stream_init(&stream, FTP_SERVER);
	ftp_stream_start(&stream, 1000);
}

/* A segment at an offset of the stream, of which the port is read; 0: none. */
static uint16_t seg(uint32_t offset, const char *text)
{
	ftp_stream_read(&stream, 1000 + offset, text, strlen(text), NULL, &result);
	ck_assert_uint_eq(result.edits_count, 0);
	return result.has_announcement ? result.announcement.port : 0;
}

START_TEST(test_ftp_stream_finds_a_line_in_one_segment)
{
	ck_assert_uint_eq(seg(0, "USER x\r\nPORT 10,0,0,2,195,80\r\n"), 50000);
	ck_assert_uint_eq(seg(30, "PORT 10,0,0,2,195,81\n"), 50001);
	ck_assert_uint_eq(seg(51, "PORT 10,0,0,2,195,82\r\nPORT 10,0,0,2,195,83\r\n"), 50002);
	ck_assert_uint_eq(result.ignored, 1);
	ck_assert_uint_eq(seg(95, "PORT 10,0,0,2,195,84\r\n"), 50004);
}
END_TEST

START_TEST(test_ftp_stream_finds_a_line_in_many_segments)
{
	static const char line[] = "EPRT |1|10.0.0.2|50000|\r\n";

	for (uint32_t i = 0; line[i]; i++) {
		char one[2] = { line[i], '\0' };

		ck_assert_uint_eq(seg(i, one), line[i] == '\n' ? 50000 : 0);
	}
}
END_TEST

START_TEST(test_ftp_stream_reads_again_nothing)
{
	ck_assert_uint_eq(seg(0, "PORT 10,0,0,2,195,80\r\n"), 50000);
	ck_assert_uint_eq(seg(0, "PORT 10,0,0,2,195,80\r\n"), 0);
	ck_assert_uint_eq(seg(5, "10,0,0,2,195,80\r\n"), 0);
	/* New behind old. */
	ck_assert_uint_eq(seg(5, "10,0,0,2,195,80\r\nPORT 10,0,0,2,195,81\r\n"), 50001);
}
END_TEST

START_TEST(test_ftp_stream_in_wrong_order_is_read_from_the_next_line)
{
	ck_assert_uint_eq(seg(0, "STOR "), 0);
	/* The name was not seen; this is the end of it. */
	ck_assert_uint_eq(seg(10, "PORT 10,0,0,2,195,80\r\n"), 0);
	ck_assert_uint_eq(seg(5, "name "), 0);
	ck_assert_uint_eq(seg(32, "PORT 10,0,0,2,195,81\r\n"), 50001);
	/* A line end in what came too early is one all the same. */
	ck_assert_uint_eq(seg(100, "x\r\nPORT 10,0,0,2,195,82\r\n"), 50002);
}
END_TEST

START_TEST(test_ftp_stream_met_in_its_midst_waits_for_a_line)
{
	ftp_stream_init(&stream, FTP_CLIENT);
	ck_assert_uint_eq(seg(77, "PORT 10,0,0,2,195,80\r\n"), 0);
	ck_assert_uint_eq(seg(99, "PORT 10,0,0,2,195,81\r\n"), 50001);
}
END_TEST

START_TEST(test_ftp_stream_goes_on_where_it_was_saved)
{
	uint8_t saved[FTP_STREAM_SAVED];

	ck_assert_uint_eq(seg(0, "USER x\r\n"), 0);
	ftp_stream_save(&stream, saved);
	memset(&stream, 0xee, sizeof(stream));
	ftp_stream_load(&stream, FTP_CLIENT, saved);
	ck_assert_uint_eq(seg(8, "PORT 10,0,0,2,195,80\r\nPORT"), 50000);
	/* Amid a line: the rest of it is not read. */
	ftp_stream_save(&stream, saved);
	ftp_stream_load(&stream, FTP_CLIENT, saved);
	ck_assert_uint_eq(seg(34, "PORT 10,0,0,2,195,81\r\nPORT 10,0,0,2,195,82\r\n"), 50002);
	/* What was never saved is all zeros; what is none of ours means nothing. */
	memset(saved, 0, sizeof(saved));
	ftp_stream_load(&stream, FTP_CLIENT, saved);
	ck_assert_int_eq(stream.state, FTP_UNKNOWN);
	memset(saved, 0xff, sizeof(saved));
	ftp_stream_load(&stream, FTP_CLIENT, saved);
	ck_assert_int_eq(stream.state, FTP_UNKNOWN);
}
END_TEST

START_TEST(test_ftp_stream_numbers_wrap)
{
	ftp_stream_start(&stream, 0xfffffff8);
	ftp_stream_read(&stream, 0xfffffff8, "PORT 10,0,", 10, NULL, &result);
	ftp_stream_read(&stream, 2, "0,2,195,80\r\n", 12, NULL, &result);
	ck_assert(result.has_announcement);
	ck_assert_uint_eq(result.cut.line_seq, 0xfffffff8);
}
END_TEST

START_TEST(test_ftp_stream_skips_lines_that_are_too_long)
{
	static char line[FTP_LINE_MAX + 40];
	size_t len;

	for (size_t fill = FTP_LINE_MAX - 30; fill < FTP_LINE_MAX + 2; fill++) {
		/* Spaces are legal between word and argument. */
		set_up();
		memset(line, ' ', sizeof(line));
		memcpy(line, "PORT", 4);
		len = 4 + fill + (size_t)snprintf(line + 4 + fill, 18, "10,0,0,2,195,80\r\n");
		ftp_stream_read(&stream, 1000, line, len, NULL, &result);
		ck_assert_uint_eq(result.has_announcement ? result.announcement.port : 0,
				  4 + fill + 16 <= FTP_LINE_MAX ? 50000 : 0);
		ck_assert_uint_eq(seg((uint32_t)len, "PORT 10,0,0,2,195,81\r\n"), 50001);
	}
}
END_TEST

START_TEST(test_ftp_stream_replies_of_several_lines_hide_nothing_else)
{
	start_server();
	ck_assert_uint_eq(seg(0, "211-Files:\r\n"), 0);
	ck_assert_uint_eq(seg(12, "227 Entering Passive Mode (10,0,0,5,1,2)\r\n"), 0);
	ck_assert_uint_eq(seg(54, "211 End\r\n"), 0);
	ck_assert_uint_eq(seg(63, "227 Entering Passive Mode (10,0,0,5,1,2)\r\n"), 258);
	/* A 227 of several lines says it in the last one. */
	ck_assert_uint_eq(seg(105, "227-Hello\r\n227-(10,0,0,5,1,3)\r\n227 (10,0,0,5,1,4)\r\n"), 260);
}
END_TEST

/* Translation. */

/* What leaves in place of a segment, by the changes; the result says whether it may. */
static bool apply(uint32_t seq, const char *data, size_t len, char *out, size_t *ret_len)
{
	uint32_t at = seq, end = seq + (uint32_t)len;
	size_t out_len = 0;

	for (uint32_t i = 0; i < result.edits_count; i++) {
		const struct ftp_edit *edit = &result.edits[i];

		ck_assert_int_ge((int32_t)(edit->seq - at), 0);
		ck_assert_int_ge((int32_t)(end - edit->seq - edit->remove), 0);
		memcpy(out + out_len, data + (at - seq), edit->seq - at);
		out_len += edit->seq - at;
		memcpy(out + out_len, edit->text, edit->text_len);
		out_len += edit->text_len;
		at = edit->seq + edit->remove;
	}
	memcpy(out + out_len, data + (at - seq), end - at);
	*ret_len = out_len + (end - at);
	return !result.must_drop;
}

static const uint8_t own[4] = { 10, 0, 0, 2 };

/* As the helper does: follow what names the sender itself, with another port. */
static void decide(const struct ftp_address *translated)
{
	struct ftp_announcement *found = &result.announcement;

	if (!result.has_announcement)
		return;
	if (found->address_len == 4 && memcmp(found->address, own, 4) == 0)
		ftp_stream_follow(&stream, &result, translated, (uint16_t)(found->port + 10000));
	else
		ftp_stream_refuse(&stream, &result);
}

/* Feed one segment; the result is the length of what leaves. */
static size_t translate(uint32_t seq, const char *data, size_t len, const struct ftp_address *translated, char *out)
{
	size_t out_len;

	ftp_stream_read(&stream, seq, data, len, translated, &result);
	decide(translated);
	ck_assert(apply(seq, data, len, out, &out_len));
	return out_len;
}

static const char *translated_text(uint32_t offset, const char *text)
{
	static char out[2048];

	out[translate(1000 + offset, text, strlen(text), &seen_as, out)] = '\0';
	return out;
}

START_TEST(test_ftp_translation_changes_the_argument_alone)
{
	ck_assert_str_eq(translated_text(0, "PORT 10,0,0,2,195,80\r\n"), "PORT 192,168,100,200,234,96\r\n");
	ck_assert_str_eq(translated_text(22, "USER x\r\neprt  !1!10.0.0.2!1! \r\nSYST\r\n"),
			 "USER x\r\neprt  !1!192.168.100.200!10001! \r\nSYST\r\n");
	start_server();
	ck_assert_str_eq(translated_text(0, "227 Mode (10,0,0,2,0,21).\r\n"),
			 "227 Mode (192,168,100,200,39,37).\r\n");
}
END_TEST

START_TEST(test_ftp_translation_leaves_other_addresses_alone)
{
	static const char *const lines[] = { "PORT 10,0,0,3,195,80\r\n", "PORT 10,0,0,2,195\r\n", "PORT x\r\n" };

	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		set_up();
		ck_assert_str_eq(translated_text(0, lines[i]), lines[i]);
	}
}
END_TEST

START_TEST(test_ftp_translation_of_a_cut_line)
{
	ck_assert_str_eq(translated_text(0, "PORT 10,0,"), "PORT ");
	ck_assert_str_eq(translated_text(10, "0,2,195,80\r\n"), "192,168,100,200,234,96\r\n");
	/* Of an argument alone a byte has to leave. */
	ck_assert_str_eq(translated_text(22, "PO"), "PO");
	ck_assert_str_eq(translated_text(24, "RT "), "RT ");
	ck_assert_str_eq(translated_text(27, "10,0"), "1");
	ck_assert_str_eq(translated_text(31, ",0,2,195,80\r"), "9");
	ck_assert_str_eq(translated_text(43, "\n"), "2,168,100,200,234,96\r\n");
	/* And again, the same. */
	ck_assert_str_eq(translated_text(27, "10,0"), "1");
	ck_assert_str_eq(translated_text(31, ",0,2,195,80\r"), "9");
	ck_assert_str_eq(translated_text(43, "\nSYST\r\n"), "2,168,100,200,234,96\r\nSYST\r\n");
	ck_assert_str_eq(translated_text(22, "PORT 10,0,0,2,195,80\r\n"), "PORT 192,168,100,200,234,96\r\n");
	/* A part of what was changed has no meaning alone. */
	ftp_stream_read(&stream, 1000 + 28, "0,", 2, &seen_as, &result);
	ck_assert(result.must_drop);
}
END_TEST

START_TEST(test_ftp_translation_gives_back_what_announces_nothing)
{
	ck_assert_str_eq(translated_text(0, "PORT 10,0,"), "PORT ");
	ck_assert_str_eq(translated_text(10, "0,3,195,80\r\n"), "10,0,0,3,195,80\r\n");
	ck_assert_str_eq(translated_text(22, "PORT h"), "PORT ");
	ck_assert_str_eq(translated_text(28, "ello"), "1");
	ck_assert_str_eq(translated_text(32, "\r\n"), "\r\n");
	start_server();
	ck_assert_str_eq(translated_text(0, "227 in 5"), "227 in ");
	ck_assert_str_eq(translated_text(8, "0 minutes\r\n"), "50 minutes\r\n");
}
END_TEST

START_TEST(test_ftp_translation_holds_no_long_argument)
{
	char text[FTP_ARGUMENT_READ + 10], wanted[FTP_ARGUMENT_READ + 20];

	ck_assert_str_eq(translated_text(0, "PORT 1234"), "PORT ");
	memset(text, '7', sizeof(text));
	text[FTP_ARGUMENT_READ] = '\0';
	snprintf(wanted, sizeof(wanted), "1234%s", text);
	ck_assert_str_eq(translated_text(9, text), wanted);
	ck_assert_str_eq(translated_text(9 + FTP_ARGUMENT_READ, "7\r\nSYST\r\n"), "7\r\nSYST\r\n");
}
END_TEST

/* Properties. */

static const char *const words[] = {
	"USER anonymous\r\n", "PORT 10,0,0,2,195,80\r\n", "PORT 10,0,0,3,195,80\r\n", "port  10,0,0,2,1,1 \r\n",
	"EPRT |1|10.0.0.2|2000|\r\n", "EPRT |2|fd00::1|2000|\r\n", "PORT 1,2\r\n", "\r\n", "STOR PORT 1,2,3,4,5,6\r\n",
	"PORT 10,0,0,2,195,80\n", "PORT 10,0,0,2,255,255\r\r\n", "RETR x\r\n", "EPRT !1!10.0.0.2!1!\r\n",
	"\377\364\377\362ABOR\r\n", "PORT 10,0,0,2,4,5\r\n",
};

struct script {
	char text[1024];
	size_t len;
	uint16_t ports[64];
	size_t ports_count;
};

static void write_script(struct script *script)
{
	int lines = 1 + (int)unit_random(12);

	*script = (struct script){ .len = 0 };
	while (lines--) {
		const char *line = words[unit_random(COUNT_OF(words))];

		memcpy(script->text + script->len, line, strlen(line));
		script->len += strlen(line);
	}
}

/* Announcements of the sender's own address, one segment a line. */
static void read_script(struct script *script)
{
	const char *at = script->text, *end = script->text + script->len;
	uint32_t seq = 1000;

	set_up();
	while (at < end) {
		size_t len = (size_t)((const char *)memchr(at, '\n', (size_t)(end - at)) + 1 - at);

		ftp_stream_read(&stream, seq, at, len, NULL, &result);
		if (result.has_announcement && memcmp(result.announcement.address, own, 4) == 0)
			script->ports[script->ports_count++] = result.announcement.port;
		seq += (uint32_t)len;
		at += len;
	}
}

/* At most one line end in a segment: a second announcement in one is not followed. */
static size_t next_piece(const char *text, size_t len)
{
	size_t piece = 1 + unit_random(unit_random(2) ? 4 : 40);
	const char *line_end;

	piece = piece < len ? piece : len;
	line_end = memchr(text, '\n', piece);
	return line_end ? (size_t)(line_end + 1 - text) : piece;
}

START_TEST(test_ftp_any_pieces_announce_the_same)
{
	for (unsigned long round = 0; round < unit_rounds(3000); round++) {
		struct script script;
		size_t found = 0, len;

		write_script(&script);
		read_script(&script);
		set_up();
		for (size_t at = 0; at < script.len; at += len) {
			len = next_piece(script.text + at, script.len - at);
			ftp_stream_read(&stream, 1000 + (uint32_t)at, script.text + at, len, NULL, &result);
			if (result.has_announcement && memcmp(result.announcement.address, own, 4) == 0)
				ck_assert_uint_eq(result.announcement.port, script.ports[found++]);
			ck_assert_uint_eq(result.ignored, 0);
		}
		ck_assert_uint_eq(found, script.ports_count);
	}
}
END_TEST

/* A reader as servers have one, who takes any number of digits. */
static bool read_as_server(const char *line, uint8_t address[4], uint16_t *ret_port)
{
	unsigned int n[6];
	char delimiter, text[32];

	if (strncasecmp(line, "PORT ", 5) == 0 &&
	    sscanf(line + 5, " %u,%u,%u,%u,%u,%u", &n[0], &n[1], &n[2], &n[3], &n[4], &n[5]) == 6) {
		for (int i = 0; i < 4; i++)
			address[i] = (uint8_t)n[i];
		*ret_port = (uint16_t)(n[4] * 256 + n[5]);
		return true;
	}
	if (sscanf(line, "EPRT %c1%*c%31[0-9.]%*c%u", &delimiter, text, &n[0]) == 3) {
		*ret_port = (uint16_t)n[0];
		return inet_pton(AF_INET, text, address) == 1;
	}
	return false;
}

/* The same lines, but for the sender's own announcements, which are translated in order. */
static void check_translated(const struct script *script, char *out, const struct ftp_address *to)
{
	const char *line = script->text;
	size_t followed = 0;
	char *save = NULL;

	for (char *got = strtok_r(out, "\n", &save); got; got = strtok_r(NULL, "\n", &save)) {
		size_t len = strcspn(line, "\n");
		uint8_t address[4];
		uint16_t port;

		if (read_as_server(got, address, &port) && memcmp(address, to->bytes, 4) == 0)
			ck_assert_uint_eq(port, (uint16_t)(script->ports[followed++] + 10000));
		else
			/* As it came, or cut: never another command. */
			ck_assert(memcmp(got, line, len) == 0 || !read_as_server(got, address, &port));
		line += len + 1;
	}
	ck_assert_uint_eq(followed, script->ports_count);
}

static void check_pieces(const struct ftp_address *to)
{
	static char out[8192], again[8192];
	size_t at = 0, out_len = 0;
	struct script script;

	write_script(&script);
	read_script(&script);
	set_up();
	while (at < script.len) {
		size_t len = next_piece(script.text + at, script.len - at);
		size_t left = translate(1000 + (uint32_t)at, script.text + at, len, to, out + out_len);

		/* An empty segment would not be acknowledged. */
		ck_assert_uint_gt(left, 0);
		/* What is sent again leaves as it did. */
		if (unit_random(3) == 0) {
			ck_assert_uint_eq(translate(1000 + (uint32_t)at, script.text + at, len, to, again),
					  left);
			ck_assert_mem_eq(again, out + out_len, left);
			ck_assert(!result.has_announcement);
		}
		out_len += left;
		at += len;
	}
	out[out_len] = '\0';
	check_translated(&script, out, to);
}

START_TEST(test_ftp_any_pieces_are_translated_the_same)
{
	for (unsigned long round = 0; round < unit_rounds(3000); round++)
		check_pieces(round % 2 ? &seen_as : &short_one);
}
END_TEST

UNIT_MAIN("ftp_stream", set_up, NULL, test_ftp_stream_finds_a_line_in_one_segment,
	  test_ftp_stream_finds_a_line_in_many_segments, test_ftp_stream_reads_again_nothing,
	  test_ftp_stream_in_wrong_order_is_read_from_the_next_line,
	  test_ftp_stream_met_in_its_midst_waits_for_a_line, test_ftp_stream_goes_on_where_it_was_saved,
	  test_ftp_stream_numbers_wrap, test_ftp_stream_skips_lines_that_are_too_long,
	  test_ftp_stream_replies_of_several_lines_hide_nothing_else,
	  test_ftp_translation_changes_the_argument_alone, test_ftp_translation_leaves_other_addresses_alone,
	  test_ftp_translation_of_a_cut_line, test_ftp_translation_gives_back_what_announces_nothing,
	  test_ftp_translation_holds_no_long_argument, test_ftp_any_pieces_announce_the_same,
	  test_ftp_any_pieces_are_translated_the_same)
