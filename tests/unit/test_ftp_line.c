/* SPDX-License-Identifier: MIT */
/*
 * The FTP example's parser: what is an announcement, what is not, and that what is
 * written is read again.
 */
#include <arpa/inet.h>
#include <stdio.h>

#include "ftp/line.h"
#include "unit.h"

struct good {
	enum ftp_side side;
	const char *line;
	enum ftp_form form;
	const char *address; /* NULL: none */
	uint16_t port;
	const char *argument;
};

static const struct good good[] = {
	{ FTP_CLIENT, "PORT 10,0,0,2,195,80", FTP_PORT, "10.0.0.2", 50000, "10,0,0,2,195,80" },
	{ FTP_CLIENT, "port 1,1,1,1,0,1", FTP_PORT, "1.1.1.1", 1, "1,1,1,1,0,1" },
	{ FTP_CLIENT, "PoRt   255,255,255,255,255,255  ", FTP_PORT, "255.255.255.255", 65535,
	  "255,255,255,255,255,255" },
	{ FTP_CLIENT, "PORT 010,000,000,002,004,001", FTP_PORT, "10.0.0.2", 1025, "010,000,000,002,004,001" },
	{ FTP_CLIENT, "EPRT |1|132.235.1.2|6275|", FTP_EPRT, "132.235.1.2", 6275, "|1|132.235.1.2|6275|" },
	{ FTP_CLIENT, "EPRT |2|1080::8:800:200C:417A|5282|", FTP_EPRT, "1080::8:800:200c:417a", 5282,
	  "|2|1080::8:800:200C:417A|5282|" },
	{ FTP_CLIENT, "eprt !2!fd00::2!65535!", FTP_EPRT, "fd00::2", 65535, "!2!fd00::2!65535!" },
	{ FTP_CLIENT, "EPRT |2|::ffff:10.0.0.2|21|", FTP_EPRT, "::ffff:10.0.0.2", 21, "|2|::ffff:10.0.0.2|21|" },
	{ FTP_CLIENT, "EPRT |2|1111:2222:3333:4444:5555:6666:7777:8888|60000|", FTP_EPRT,
	  "1111:2222:3333:4444:5555:6666:7777:8888", 60000, "|2|1111:2222:3333:4444:5555:6666:7777:8888|60000|" },
	{ FTP_SERVER, "227 Entering Passive Mode (10,0,0,5,156,64).", FTP_227, "10.0.0.5", 40000, "10,0,0,5,156,64" },
	{ FTP_SERVER, "227 Entering Passive Mode. 10,0,0,5,156,64", FTP_227, "10.0.0.5", 40000, "10,0,0,5,156,64" },
	{ FTP_SERVER, "227 =10,0,0,5,156,64", FTP_227, "10.0.0.5", 40000, "10,0,0,5,156,64" },
	{ FTP_SERVER, "227 \xc3\x9c" "bergang in den Passivmodus (1,2,3,4,5,6)", FTP_227, "1.2.3.4", 1286,
	  "1,2,3,4,5,6" },
	{ FTP_SERVER, "229 Entering Extended Passive Mode (|||6446|)", FTP_229, NULL, 6446, "|||6446|" },
	{ FTP_SERVER, "229 Ok (!!!1!)", FTP_229, NULL, 1, "!!!1!" },
};

START_TEST(test_ftp_announcements_are_read)
{
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		const struct good *g = &good[i];
		struct ftp_announcement found, begun;
		uint8_t address[16];
		bool is_v6 = g->address && strchr(g->address, ':');

		ck_assert_msg(ftp_line_read(g->side, g->line, strlen(g->line), &found), "%s", g->line);
		ck_assert_int_eq(found.form, g->form);
		ck_assert_uint_eq(found.port, g->port);
		ck_assert_uint_eq(found.address_len, g->address ? is_v6 ? 16 : 4 : 0);
		if (g->address) {
			inet_pton(is_v6 ? AF_INET6 : AF_INET, g->address, address);
			ck_assert_mem_eq(found.address, address, found.address_len);
		}
		ck_assert_bytes_eq(g->line + found.start, found.end - found.start, g->argument, strlen(g->argument));
		/* The other side's words mean nothing. */
		ck_assert(!ftp_line_read(!g->side, g->line, strlen(g->line), &begun));
		/* It begins as soon as its first character is there, not before. */
		ck_assert(ftp_line_begins(g->side, g->line, found.start + 1, &begun));
		ck_assert_uint_eq(begun.start, found.start);
		ck_assert(!ftp_line_begins(g->side, g->line, found.start, &begun));
	}
}
END_TEST

START_TEST(test_ftp_what_is_not_quite_an_announcement_is_none)
{
	static const struct {
		enum ftp_side side;
		const char *line;
	} bad[] = {
		{ FTP_CLIENT, "" },
		{ FTP_CLIENT, "PORT" },
		{ FTP_CLIENT, "PORT " },
		{ FTP_CLIENT, "PORT10,0,0,2,195,80" },
		{ FTP_CLIENT, " PORT 10,0,0,2,195,80" },
		{ FTP_CLIENT, "XPORT 10,0,0,2,195,80" },
		{ FTP_CLIENT, "PORTS 10,0,0,2,195,80" },
		{ FTP_CLIENT, "PORT\t10,0,0,2,195,80" },
		{ FTP_CLIENT, "PORT 10,0,0,2,195" },
		{ FTP_CLIENT, "PORT 10,0,0,2,195," },
		{ FTP_CLIENT, "PORT 10,0,0,2,195,80,1" },
		{ FTP_CLIENT, "PORT 10,0,0,2,195,80x" },
		{ FTP_CLIENT, "PORT 10,0,0,2,195,80 x" },
		{ FTP_CLIENT, "PORT 10,0,0,256,195,80" },
		{ FTP_CLIENT, "PORT 10,0,0,2,256,0" },
		{ FTP_CLIENT, "PORT 10,0,0,2,0,0" },
		{ FTP_CLIENT, "PORT 10,0,0,0002,195,80" },
		{ FTP_CLIENT, "PORT 10,0,,0,195,80" },
		{ FTP_CLIENT, "PORT 10,0,-1,0,195,80" },
		{ FTP_CLIENT, "PORT 10.0.0.2.195.80" },
		{ FTP_CLIENT, "PORT 10,0,0,2,195, 80" },
		{ FTP_CLIENT, "PORT 4294967306,0,0,2,195,80" },
		{ FTP_CLIENT, "EPRT" },
		{ FTP_CLIENT, "EPRT |" },
		{ FTP_CLIENT, "EPRT |1|10.0.0.2|50000" },
		{ FTP_CLIENT, "EPRT |1|10.0.0.2|0|" },
		{ FTP_CLIENT, "EPRT |1|10.0.0.2|65536|" },
		{ FTP_CLIENT, "EPRT |1|10.0.0.2|500000|" },
		{ FTP_CLIENT, "EPRT |1|10.0.0.2|-1|" },
		{ FTP_CLIENT, "EPRT |1|10.0.0|500|" },
		{ FTP_CLIENT, "EPRT |1|fd00::2|500|" },
		{ FTP_CLIENT, "EPRT |2|10.0.0.2|500|" },
		{ FTP_CLIENT, "EPRT |3|10.0.0.2|500|" },
		{ FTP_CLIENT, "EPRT |0|10.0.0.2|500|" },
		{ FTP_CLIENT, "EPRT ||10.0.0.2|500|" },
		{ FTP_CLIENT, "EPRT |1||500|" },
		{ FTP_CLIENT, "EPRT |1|10.0.0.2||" },
		{ FTP_CLIENT, "EPRT |1|10.0.0.2|500|x" },
		{ FTP_CLIENT, "EPRT |1!10.0.0.2!500|" },
		{ FTP_CLIENT, "EPRT 11110.0.0.215001" },
		{ FTP_CLIENT, "EPRT |2|fd00::2%eth0|500|" },
		{ FTP_CLIENT, "EPRT |2|00000000000000000000000000000000000000000000000000000000000000000000fd00::2|1|" },
		{ FTP_SERVER, "227" },
		{ FTP_SERVER, "227-Entering Passive Mode (10,0,0,5,156,64)." },
		{ FTP_SERVER, "2270 Entering Passive Mode (10,0,0,5,156,64)." },
		{ FTP_SERVER, "227 Entering Passive Mode" },
		{ FTP_SERVER, "227 Entering Passive Mode 2 (10,0,0,5,156,64)" },
		{ FTP_SERVER, "227 (10,0,0,5,156,64,1)" },
		{ FTP_SERVER, "227 (10,0,0,5,156,6400)" },
		{ FTP_SERVER, "227 (10,0,0,5,0,0)" },
		{ FTP_SERVER, "530 227 (10,0,0,5,1,1)" },
		{ FTP_SERVER, "229 Extended Passive |||6446|" },
		{ FTP_SERVER, "229 Extended Passive (||6446|)" },
		{ FTP_SERVER, "229 Extended Passive (|||6446)" },
		{ FTP_SERVER, "229 Extended Passive (|||6446|" },
		{ FTP_SERVER, "229 Extended Passive (||||)" },
		{ FTP_SERVER, "229 Extended Passive (|||0|)" },
		{ FTP_SERVER, "229 Extended Passive (|||65536|)" },
		{ FTP_SERVER, "229 Extended Passive (|1|10.0.0.5|6446|)" },
		{ FTP_SERVER, "229 Extended Passive (11164461)" },
		{ FTP_SERVER, "229 Extended Passive (|||006446|)" },
		{ FTP_SERVER, "229 Extended (x) (|||6446|)" },
	};

	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct ftp_announcement found;

		ck_assert_msg(!ftp_line_read(bad[i].side, bad[i].line, strlen(bad[i].line), &found), "%s",
			      bad[i].line);
	}
}
END_TEST

/* A server may strip, end or ignore what we would read on behind. */
START_TEST(test_ftp_lines_with_bytes_of_other_meaning_are_not_read)
{
	static const char bytes[] = { '\0', '\r', '\1', '\33', '\177', '\377' };
	static const char line[] = "PORT 10,0,0,2,195,80";

	for (size_t i = 0; i < COUNT_OF(bytes); i++)
		for (size_t at = 0; at <= strlen(line); at++) {
			struct ftp_announcement found;
			char spoiled[64];

			memcpy(spoiled, line, at);
			spoiled[at] = bytes[i];
			memcpy(spoiled + at + 1, line + at, strlen(line) - at);
			ck_assert(!ftp_line_read(FTP_CLIENT, spoiled, strlen(line) + 1, &found));
		}
}
END_TEST

START_TEST(test_ftp_every_beginning_of_a_line_is_safe)
{
	for (size_t i = 0; i < COUNT_OF(good); i++)
		for (size_t len = 0; len < strlen(good[i].line); len++) {
			struct ftp_announcement found;
			/* Behind its last byte there is nothing: the sanitizer sees it. */
			char *copy = malloc(len ? len : 1);

			memcpy(copy, good[i].line, len);
			if (ftp_line_read(good[i].side, copy, len, &found))
				ck_assert_uint_le(found.end, len);
			free(copy);
		}
}
END_TEST

START_TEST(test_ftp_arguments_are_read_as_they_were_written)
{
	static const struct {
		enum ftp_side side;
		enum ftp_form form;
		const char *before, *after;
	} forms[] = {
		{ FTP_CLIENT, FTP_PORT, "PORT ", "" },
		{ FTP_CLIENT, FTP_EPRT, "EPRT ", "" },
		{ FTP_SERVER, FTP_227, "227 Mode (", ")." },
		{ FTP_SERVER, FTP_229, "229 Mode (", ")" },
	};

	for (size_t i = 0; i < COUNT_OF(forms); i++)
		for (int round = 0; round < 500; round++) {
			struct ftp_announcement from = { .form = forms[i].form, .delimiter = '|' }, to;
			uint16_t port = (uint16_t)(1 + unit_random(65535));
			char text[FTP_ARGUMENT_SIZE], line[200];
			size_t port_at = 0, len;

			from.address_len = forms[i].form == FTP_EPRT && unit_random(2) ? 16 : 4;
			for (int k = 0; k < from.address_len; k++)
				from.address[k] = (uint8_t)(unit_random(2) ? unit_random(256) : 0);
			len = ftp_argument_write(&from, port, 0, text, &port_at);
			ck_assert_uint_gt(len, port_at);
			ck_assert_uint_eq(len, strlen(text));
			snprintf(line, sizeof(line), "%s%s%s", forms[i].before, text, forms[i].after);
			ck_assert_msg(ftp_line_read(forms[i].side, line, strlen(line), &to), "%s", line);
			ck_assert_uint_eq(to.port, port);
			if (forms[i].form != FTP_229)
				ck_assert_bytes_eq(to.address, to.address_len, from.address, from.address_len);
		}
}
END_TEST

START_TEST(test_ftp_arguments_get_zeros_before_the_port_only)
{
	struct ftp_announcement to = { .form = FTP_EPRT, .delimiter = '|', .address = { 10, 0, 0, 2 },
				       .address_len = 4 };
	char text[FTP_ARGUMENT_SIZE];
	size_t port_at;

	ck_assert_uint_eq(ftp_argument_write(&to, 80, 20, text, &port_at), 20);
	ck_assert_str_eq(text, "|1|10.0.0.2|0000080|");
	ck_assert_uint_eq(port_at, 12);
	to.form = FTP_PORT;
	ck_assert_uint_eq(ftp_argument_write(&to, 80, 14, text, &port_at), 14);
	ck_assert_str_eq(text, "10,0,0,2,00,80");
	/* More than fits, and what a form cannot say. */
	ck_assert_uint_eq(ftp_argument_write(&to, 80, 1000, text, &port_at), 0);
	to.address_len = 16;
	ck_assert_uint_eq(ftp_argument_write(&to, 80, 0, text, &port_at), 0);
	to.form = FTP_EPRT;
	to.delimiter = ':';
	ck_assert_uint_eq(ftp_argument_write(&to, 80, 0, text, &port_at), 0);
}
END_TEST

UNIT_MAIN("ftp_line", NULL, NULL, test_ftp_announcements_are_read,
	  test_ftp_what_is_not_quite_an_announcement_is_none,
	  test_ftp_lines_with_bytes_of_other_meaning_are_not_read,
	  test_ftp_every_beginning_of_a_line_is_safe, test_ftp_arguments_are_read_as_they_were_written,
	  test_ftp_arguments_get_zeros_before_the_port_only)
