/* SPDX-License-Identifier: MIT */
/*
 * What the examples share and what is not about packets: the command line with its
 * --help, stopping on Ctrl-C, and telling people what happened. What the library is
 * asked to do with packets and connections stands in the examples themselves.
 */
#ifndef EXAMPLES_COMMON_H
#define EXAMPLES_COMMON_H

#include <stdint.h>

#include <nfbind/nfbind.h>

/* An option of the command line: a number or a text, or the number 1 where `value` is NULL. */
struct flag {
	const char *name;
	const char *value;
	const char *help;
	uint64_t *number;
	const char **text;
};

/* What --help prints. */
struct manual {
	const char *name;
	const char *arguments;
	const char *about;
	const struct flag *flags; /* the last one has no name */
	const char *iptables; /* rules that it needs, or NULL */
	const char *nft;
	int least, most; /* how many arguments beside the options */
	const char *more; /* the end of --help, where no rules are needed */
	struct nfbind_filter **filter; /* what the options in filters.c fill, or NULL */
};

/*
 * Read the options and leave the other arguments in argv[0] and following; the
 * result is their number. --help and mistakes end the program.
 */
int read_arguments(const struct manual *manual, int argc, char **argv);

/* A number among the arguments; a mistake ends the program. */
uint64_t read_number(const char *what, const char *text, uint64_t most);

/* End the program: the command line makes no sense. */
void refuse_arguments(const char *text, const char *detail) __attribute__((noreturn));

/*
 * In filters.c, for read_arguments(): an option that says which connections are meant, as
 * conntrack(8) calls it. The result is how many arguments it took, 0 when it is none of
 * these.
 */
int read_filter_option(struct nfbind_filter *filter, char **argv);
void print_filter_help(void);

/*
 * From now on SIGINT and SIGTERM wake this session; call it once for each session.
 * Before a session is freed, forget_signals() gives both their usual effect back.
 */
void wake_on_signals(struct nfbind_queue *queue);
void wake_events_on_signals(struct nfbind_events *events); /* one of these */
void forget_signals(void);

/* The names of connlabel.conf; without that file there are none. */
struct nfbind_labels *read_label_names(void);

/* Say why something failed; the result is the program's exit status. */
int fail(struct nfbind_queue *queue, const char *what, int error);
int fail_with(const char *sentence, const char *what, int error);
int fail_request(struct nfbind_conntrack *conntrack, const char *what, int error);
int fail_events(struct nfbind_events *events, const char *what, int error);

/*
 * What print_packets.c does step by step: make and open a session, bind one queue,
 * and let signals wake it. NULL when that failed, which was then said.
 */
struct nfbind_queue *start_queue(uint16_t number, const struct nfbind_options *options);

/* Its end: say what went wrong, if anything, print the counters, free; the exit status. */
int end_queue(struct nfbind_queue *queue, uint16_t number, int error);

/* A number of the packet, or another one where it has none. */
uint64_t number_or(const struct nfbind_packet *packet, uint32_t field, uint64_t otherwise);

/* Print what happened beside the packets since the last call: losses, refused verdicts. */
void print_notices(struct nfbind_queue *queue);

/* Print the counters of a queue and of its session. */
void print_counters(struct nfbind_queue *queue, uint16_t number);

#endif
