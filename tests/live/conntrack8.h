/* SPDX-License-Identifier: MIT */
/*
 * What conntrack(8) says of a table, and how it is asked. Its words for fields, states and
 * labels are its own.
 */
#ifndef TESTS_LIVE_CONNTRACK8_H
#define TESTS_LIVE_CONNTRACK8_H

#include "live.h"

/* Labels have names for conntrack(8) in a file that only root has: a private one, l0 to l127. */
#define WITH_LABEL_NAMES(command)                                                        \
	"exec unshare -m sh -c 'mount -t tmpfs none /etc && mkdir /etc/xtables && "      \
	"i=0 && while [ $i -lt 128 ]; do echo $i l$i; i=$((i + 1)); done "               \
	">/etc/xtables/connlabel.conf && " command "'"

#define need_conntrack8()                                                   \
	do {                                                                \
		if (!run_quietly("conntrack -L"))                           \
			skip("this kernel has no conntrack(8) that works"); \
		if (!run_quietly("unshare -m mount -t tmpfs none /etc"))    \
			skip("no mount can be made here, as in a chroot");  \
	} while (0)

/* By the number of the state; each ends with NULL. */
extern const char *const tcp_states[];
extern const char *const sctp_states[];

/* The number that a label has there, and back. */
uint32_t label_of_conntrack8(uint32_t label);

/* A word of its lines: the field in the original direction, and how far that of the reply is. */
struct word {
	const char *key;
	uint32_t field;
	uint32_t shift;
};

/* Ends with a word without a key. */
extern const struct word words_of_conntrack8[];

/* The entry of one line; of its status only what conntrack(8) shows. */
struct nfbind_ct *ct_of_line(char *line);

#endif
