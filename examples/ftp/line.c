/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing announcements; see line.h. A cursor goes through the line once;
 * what does not fit makes it end, so that no function looks back.
 */
#include "line.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

struct cursor {
	const char *at, *end;
};

/* What stands before an argument, and what an argument starts with. */
static const struct opening {
	enum ftp_side side;
	enum ftp_form form;
	const char *word;
} openings[] = {
	{ FTP_CLIENT, FTP_PORT, "PORT " },
	{ FTP_CLIENT, FTP_EPRT, "EPRT " },
	{ FTP_SERVER, FTP_227, "227 " },
	{ FTP_SERVER, FTP_229, "229 " },
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* RFC 2428 leaves the choice to the sender: any printable character but a digit, to be clear. */
static bool is_delimiter(char c)
{
	return c > ' ' && c < 127 && !is_digit(c);
}

static bool is_plain(const char *line, size_t line_len)
{
	for (size_t i = 0; i < line_len; i++) {
		uint8_t c = (uint8_t)line[i];

		if ((c < ' ' && c != '\t') || c == 127 || c == 255)
			return false;
	}
	return true;
}

static char upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static bool take_word(struct cursor *cursor, const char *word)
{
	for (; *word; word++, cursor->at++)
		if (cursor->at == cursor->end || upper(*cursor->at) != *word)
			return false;
	return true;
}

static bool take_char(struct cursor *cursor, char c)
{
	if (cursor->at == cursor->end || *cursor->at != c)
		return false;
	cursor->at++;
	return true;
}

/* A decimal number of at most so many digits, not above `most`. */
static bool take_number(struct cursor *cursor, int digits, uint32_t most, uint32_t *ret_number)
{
	uint32_t number = 0;
	int count = 0;

	for (; cursor->at < cursor->end && is_digit(*cursor->at); cursor->at++) {
		number = number * 10 + (uint32_t)(*cursor->at - '0');
		if (++count > digits)
			return false;
	}
	*ret_number = number;
	return count > 0 && number <= most;
}

/* A client's argument follows its word and spaces, a server's some words of its own. */
static bool skip_to_argument(struct cursor *cursor, enum ftp_form form)
{
	while (cursor->at < cursor->end) {
		bool is_there = form == FTP_227 ? is_digit(*cursor->at) : *cursor->at != ' ';

		if (form == FTP_229)
			is_there = *cursor->at == '(';
		if (is_there)
			break;
		cursor->at++;
	}
	if (form == FTP_229 && cursor->at < cursor->end)
		cursor->at++;
	return cursor->at < cursor->end;
}

static bool take_opening(struct cursor *cursor, enum ftp_side side, enum ftp_form *ret_form)
{
	for (size_t i = 0; i < sizeof(openings) / sizeof(openings[0]); i++) {
		struct cursor trial = *cursor;

		if (openings[i].side != side || !take_word(&trial, openings[i].word))
			continue;
		*cursor = trial;
		*ret_form = openings[i].form;
		return skip_to_argument(cursor, openings[i].form);
	}
	return false;
}

/* h1,h2,h3,h4,p1,p2 */
static bool take_six(struct cursor *cursor, struct ftp_announcement *announcement)
{
	uint32_t numbers[6];

	for (int i = 0; i < 6; i++) {
		if (i > 0 && !take_char(cursor, ','))
			return false;
		if (!take_number(cursor, 3, 255, &numbers[i]))
			return false;
	}
	for (int i = 0; i < 4; i++)
		announcement->address[i] = (uint8_t)numbers[i];
	announcement->address_len = 4;
	announcement->port = (uint16_t)(numbers[4] << 8 | numbers[5]);
	return true;
}

/* The text up to the delimiter, as an address of the family that RFC 2428 numbers 1 or 2. */
static bool take_address(struct cursor *cursor, uint32_t family, struct ftp_announcement *announcement)
{
	const char *end = memchr(cursor->at, announcement->delimiter, (size_t)(cursor->end - cursor->at));
	char text[INET6_ADDRSTRLEN];
	size_t len = end ? (size_t)(end - cursor->at) : 0;

	if (len == 0 || len >= sizeof(text))
		return false;
	memcpy(text, cursor->at, len);
	text[len] = '\0';
	cursor->at = end;
	announcement->address_len = family == 1 ? 4 : 16;
	return inet_pton(family == 1 ? AF_INET : AF_INET6, text, announcement->address) == 1;
}

/* |family|address|port|, or both empty where the form is 229 */
static bool take_extended(struct cursor *cursor, struct ftp_announcement *announcement)
{
	char delimiter = announcement->delimiter;
	uint32_t family, port;

	if (!is_delimiter(delimiter) || !take_char(cursor, delimiter))
		return false;
	if (announcement->form == FTP_EPRT &&
	    (!take_number(cursor, 1, 2, &family) || family == 0 || !take_char(cursor, delimiter) ||
	     !take_address(cursor, family, announcement)))
		return false;
	if (announcement->form == FTP_229 && !take_char(cursor, delimiter))
		return false;
	if (!take_char(cursor, delimiter) || !take_number(cursor, 5, UINT16_MAX, &port))
		return false;
	announcement->port = (uint16_t)port;
	return take_char(cursor, delimiter);
}

/* Behind a client's argument only spaces may follow, behind a server's no further digit. */
static bool ends_well(struct cursor cursor, enum ftp_form form)
{
	if (form == FTP_229)
		return cursor.at < cursor.end && *cursor.at == ')';
	if (form == FTP_227)
		return cursor.at == cursor.end || (!is_digit(*cursor.at) && *cursor.at != ',');
	while (take_char(&cursor, ' '))
		;
	return cursor.at == cursor.end;
}

bool ftp_line_begins(enum ftp_side side, const char *line, size_t line_len,
		     struct ftp_announcement *ret_announcement)
{
	struct cursor cursor = { line, line + line_len };
	enum ftp_form form;

	if (!take_opening(&cursor, side, &form))
		return false;
	*ret_announcement = (struct ftp_announcement){ .form = form, .delimiter = *cursor.at };
	ret_announcement->start = (uint32_t)(cursor.at - line);
	return true;
}

bool ftp_line_read(enum ftp_side side, const char *line, size_t line_len,
		   struct ftp_announcement *ret_announcement)
{
	struct cursor cursor = { line, line + line_len };
	struct ftp_announcement found;

	if (!is_plain(line, line_len) || !ftp_line_begins(side, line, line_len, &found))
		return false;
	cursor.at += found.start;
	if (found.form == FTP_PORT || found.form == FTP_227) {
		if (!take_six(&cursor, &found))
			return false;
	} else if (!take_extended(&cursor, &found)) {
		return false;
	}
	if (found.port == 0 || !ends_well(cursor, found.form))
		return false;
	found.end = (uint32_t)(cursor.at - line);
	if (found.end - found.start > FTP_ARGUMENT_READ)
		return false;
	*ret_announcement = found;
	return true;
}

/* What stands before the port; 0 for an address that the form cannot say. */
static size_t write_address(const struct ftp_announcement *announcement, char *text, size_t text_size)
{
	const uint8_t *a = announcement->address;
	char c = announcement->delimiter, address[INET6_ADDRSTRLEN] = "";
	bool is_v4 = announcement->address_len == 4;

	if (announcement->form == FTP_229)
		return (size_t)snprintf(text, text_size, "%c%c%c", c, c, c);
	if (announcement->form != FTP_EPRT)
		return is_v4 ? (size_t)snprintf(text, text_size, "%u,%u,%u,%u,", a[0], a[1], a[2], a[3]) : 0;
	inet_ntop(is_v4 ? AF_INET : AF_INET6, a, address, sizeof(address));
	/* Where a colon is the delimiter, an IPv6 address has no way to be said. */
	if (strchr(address, c))
		return 0;
	return (size_t)snprintf(text, text_size, "%c%c%c%s%c", c, is_v4 ? '1' : '2', c, address, c);
}

static const char zeros_text[] = "0000000000000000000000000000000000000000000000000000000000000000";

static size_t write_port(const struct ftp_announcement *announcement, uint16_t port, int zeros, char *text,
			 size_t text_size)
{
	if (announcement->form == FTP_EPRT || announcement->form == FTP_229)
		return (size_t)snprintf(text, text_size, "%.*s%u%c", zeros, zeros_text,
					port, announcement->delimiter);
	return (size_t)snprintf(text, text_size, "%.*s%u,%u", zeros, zeros_text,
				port >> 8, port & 255);
}

size_t ftp_argument_write(const struct ftp_announcement *announcement, uint16_t port, size_t least,
			  char ret_text[FTP_ARGUMENT_SIZE], size_t *ret_port_at)
{
	size_t address_len = write_address(announcement, ret_text, FTP_ARGUMENT_SIZE);
	size_t len;
	int zeros;

	if (address_len == 0)
		return 0;
	len = address_len + write_port(announcement, port, 0, ret_text + address_len,
				       FTP_ARGUMENT_SIZE - address_len);
	zeros = least > len ? (int)(least - len) : 0;
	if (zeros > FTP_ARGUMENT_READ)
		return 0;
	*ret_port_at = address_len;
	return address_len + write_port(announcement, port, zeros, ret_text + address_len,
					FTP_ARGUMENT_SIZE - address_len);
}
