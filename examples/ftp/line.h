/* SPDX-License-Identifier: MIT */
/*
 * The lines of an FTP control connection that announce a data connection: PORT and
 * EPRT of the client, the replies 227 and 229 of the server (RFC 959, RFC 2428).
 * Pure functions on one line: no memory, no socket.
 *
 * What is not exactly an announcement is none. A line with a NUL, a telnet command
 * (byte 255) or a carriage return inside is not read: who reads it differently, a
 * server, could be made to see another command than we do.
 */
#ifndef EXAMPLES_FTP_LINE_H
#define EXAMPLES_FTP_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ftp_side {
	FTP_CLIENT,
	FTP_SERVER,
};

enum ftp_form {
	FTP_PORT, /* PORT 10,0,0,2,195,80 */
	FTP_EPRT, /* EPRT |2|fd00::2|50000| */
	FTP_227,  /* 227 Entering Passive Mode (10,0,0,2,195,80) */
	FTP_229,  /* 229 Entering Extended Passive Mode (|||50000|) */
};

enum {
	/* The longest argument that is read: EPRT with an IPv6 address has less. */
	FTP_ARGUMENT_READ = 64,
	/* Room for one that is written, with as many zeros in it, and a final NUL. */
	FTP_ARGUMENT_SIZE = 128,
};

struct ftp_announcement {
	enum ftp_form form;
	uint8_t address[16];
	uint8_t address_len; /* 4 or 16; 0 in a 229, which means the sender's own */
	uint16_t port;
	char delimiter; /* of EPRT and 229 */
	uint32_t start; /* of the argument, in the line */
	uint32_t end;
};

/* Whether the line, without its end, announces a data connection. */
bool ftp_line_read(enum ftp_side side, const char *line, size_t line_len,
		   struct ftp_announcement *ret_announcement);

/*
 * Where the argument starts in a line that may become an announcement; its form and
 * delimiter are filled in. False where no argument has begun.
 */
bool ftp_line_begins(enum ftp_side side, const char *line, size_t line_len,
		     struct ftp_announcement *ret_announcement);

/*
 * Write the argument that says address and port in an announcement's form, with so
 * many zeros before the port that it gets `least` bytes. The result is its length,
 * and in `ret_port_at` where the port starts. A form takes addresses of its own
 * family; for another one the result is 0.
 */
size_t ftp_argument_write(const struct ftp_announcement *announcement, uint16_t port, size_t least,
			  char ret_text[FTP_ARGUMENT_SIZE], size_t *ret_port_at);

#endif
