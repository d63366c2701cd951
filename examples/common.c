/* SPDX-License-Identifier: MIT */
/*
 * The command line, signals and printing for all examples; see common.h. The one
 * thing to learn here: a signal handler may call nfbind_queue_wake() and nothing
 * else of the library.
 */
#include "common.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SESSIONS_MAX = 64 };

static const char *program = "example";

/* The command line. */

static void print_help(const struct manual *manual)
{
	printf("usage: %s %s\n\n%s\n\n", manual->name, manual->arguments, manual->about);
	for (const struct flag *flag = manual->flags; flag->name; flag++)
		printf("  %-13s %-6s %s\n", flag->name, flag->value ? flag->value : "", flag->help);
	printf("  %-13s %-6s print this text\n\n", "--help", "");
	if (manual->filter)
		print_filter_help();
	if (manual->iptables)
		printf("It needs CAP_NET_ADMIN, and rules that send packets to it; with iptables:\n\n%s\n"
		       "or with nft:\n\n%s",
		       manual->iptables, manual->nft);
	else
		fputs(manual->more, stdout);
	exit(0);
}

void refuse_arguments(const char *text, const char *detail)
{
	fprintf(stderr, "%s: %s: %s (try --help)\n", program, text, detail);
	exit(2);
}

uint64_t read_number(const char *what, const char *text, uint64_t most)
{
	unsigned long long number;
	char range[64], *end;

	errno = 0;
	number = strtoull(text, &end, 0);
	snprintf(range, sizeof(range), "not a number from 0 to %" PRIu64, most);
	if (errno || end == text || *end || *text == '-' || number > most) {
		fprintf(stderr, "%s: %s '%s': %s (try --help)\n", program, what, text, range);
		exit(2);
	}
	return number;
}

static const struct flag *find_flag(const struct manual *manual, const char *name)
{
	for (const struct flag *flag = manual->flags; flag->name; flag++)
		if (strcmp(flag->name, name) == 0)
			return flag;
	return NULL;
}

/* The result is how many arguments it took. */
static int read_option(const struct manual *manual, char **argv)
{
	const struct flag *flag = find_flag(manual, argv[0]);
	int taken = !flag && manual->filter ? read_filter_option(*manual->filter, argv) : 0;

	if (!flag && taken == 0)
		refuse_arguments("unknown option", argv[0]);
	if (!flag)
		return taken;
	if (flag->value && !argv[1])
		refuse_arguments("a value is missing behind", flag->name);
	if (flag->text)
		*flag->text = argv[1];
	else
		*flag->number = flag->value ? read_number(flag->name, argv[1], UINT32_MAX) : 1;
	return flag->value ? 2 : 1;
}

int read_arguments(const struct manual *manual, int argc, char **argv)
{
	int count = 0;

	program = manual->name;
	/* A line at a time, even into a pipe. */
	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	for (int i = 1; i < argc;) {
		if (strcmp(argv[i], "--help") == 0)
			print_help(manual);
		if (argv[i][0] == '-' && argv[i][1])
			i += read_option(manual, &argv[i]);
		else
			argv[count++] = argv[i++];
	}
	if (count < manual->least || count > manual->most)
		refuse_arguments(count < manual->least ? "too few arguments, it takes"
					     : "too many arguments, it takes",
		       manual->arguments);
	return count;
}

/* Signals. */

static struct nfbind_queue *volatile sessions[SESSIONS_MAX];
static struct nfbind_events *volatile listening;
static volatile sig_atomic_t is_told;

static void handle_signal(int number)
{
	is_told = number;
	for (int i = 0; i < SESSIONS_MAX; i++)
		nfbind_queue_wake(sessions[i]); /* NULL is fine */
	nfbind_events_wake(listening);
}

static void handle_signals(void)
{
	struct sigaction action = { .sa_handler = handle_signal, .sa_flags = SA_RESTART };

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

void wake_on_signals(struct nfbind_queue *queue)
{
	int place = 0;

	while (place < SESSIONS_MAX - 1 && sessions[place])
		place++;
	sessions[place] = queue;
	handle_signals();
	if (is_told)
		nfbind_queue_wake(queue); /* the signal came before this session was here */
}

void wake_events_on_signals(struct nfbind_events *events)
{
	listening = events;
	handle_signals();
	if (is_told)
		nfbind_events_wake(events);
}

void forget_signals(void)
{
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	for (int i = 0; i < SESSIONS_MAX; i++)
		sessions[i] = NULL;
	listening = NULL;
}

/* Names. */

struct nfbind_labels *read_label_names(void)
{
	struct nfbind_labels *labels = NULL;
	char sentence[256] = "";
	int r;

	if (nfbind_labels_new(&labels) < 0)
		abort();
	r = nfbind_labels_read(labels, NULL, sentence, sizeof(sentence));
	if (r < 0 && r != -ENOENT)
		fail_with(sentence, "reading the names of labels", r);
	return labels;
}

/* Telling people. */

int fail_with(const char *sentence, const char *what, int error)
{
	const char *name = nfbind_error_name(error);

	fprintf(stderr, "%s: %s: %s (%s)\n", program, what,
		sentence[0] ? sentence : strerror(-error), name ? name : "unknown error");
	return 1;
}

/* Without memory there is no session to ask. */
int fail(struct nfbind_queue *queue, const char *what, int error)
{
	char sentence[512] = "";

	if (queue)
		nfbind_queue_last_message(queue, NFBIND_SIDE_RECEIVE, sentence, sizeof(sentence));
	return fail_with(sentence, what, error);
}

int fail_request(struct nfbind_conntrack *conntrack, const char *what, int error)
{
	char sentence[512] = "";

	if (conntrack)
		nfbind_conntrack_last_message(conntrack, sentence, sizeof(sentence));
	return fail_with(sentence, what, error);
}

int fail_events(struct nfbind_events *events, const char *what, int error)
{
	char sentence[512] = "";

	if (events)
		nfbind_events_last_message(events, sentence, sizeof(sentence));
	return fail_with(sentence, what, error);
}

struct nfbind_queue *start_queue(uint16_t number, const struct nfbind_options *options)
{
	struct nfbind_queue *queue = NULL;
	int r;

	if ((r = nfbind_queue_new(&queue)) < 0) {
		fail(NULL, "starting", r);
	} else if ((r = nfbind_queue_open(queue, options)) < 0) {
		fail(queue, "opening a session", r);
	} else if ((r = nfbind_queue_bind(queue, number, options)) < 0) {
		fail(queue, "binding the queue", r);
	} else {
		wake_on_signals(queue);
		fprintf(stderr, "%s: queue %u is bound; Ctrl-C ends\n", program, number);
		return queue;
	}
	nfbind_queue_free(queue);
	return NULL;
}

int end_queue(struct nfbind_queue *queue, uint16_t number, int error)
{
	int status = 0;

	if (error < 0)
		status = fail(queue, "receiving", error);
	print_counters(queue, number);
	forget_signals();
	nfbind_queue_free(queue);
	return status;
}

uint64_t number_or(const struct nfbind_packet *packet, uint32_t field, uint64_t otherwise)
{
	uint64_t number = otherwise;

	nfbind_packet_get_number(packet, field, &number);
	return number;
}

void print_notices(struct nfbind_queue *queue)
{
	static const char *const texts[] = {
		[NFBIND_NOTICE_REFUSED] = "the kernel refused a verdict",
		[NFBIND_NOTICE_LOST] = "packets were lost: the receive buffer was full",
		[NFBIND_NOTICE_EXPIRED] = "a kept packet grew too old and got the default verdict",
		[NFBIND_NOTICE_MALFORMED] = "malformed datagrams were thrown away",
		[NFBIND_NOTICE_SPOOFED] = "datagrams of another process were thrown away",
		[NFBIND_NOTICE_OVERFLOW] = "notices did not fit and were thrown away",
	};
	struct nfbind_notice notice;

	while (nfbind_queue_take_notice(queue, &notice, sizeof(notice)) == 0) {
		const char *text =
			notice.kind < sizeof(texts) / sizeof(texts[0]) ? texts[notice.kind] : NULL;

		fprintf(stderr,
			"%s: %s: queue %" PRIu32 ", id %" PRIu32 ", %" PRIu64 " times%s%s\n",
			program, text ? text : "a notice of a newer library", notice.queue,
			notice.id, notice.count, notice.error ? ": " : "",
			notice.error ? strerror(-notice.error) : "");
	}
}

void print_counters(struct nfbind_queue *queue, uint16_t number)
{
	struct nfbind_queue_stats stats;
	int r = nfbind_queue_read_stats(queue, number, &stats, sizeof(stats));

	if (r < 0) {
		fail(queue, "reading the counters", r);
		return;
	}
	printf("counters: %" PRIu64 " received, %" PRIu64 " decided, %" PRIu64
	       " by default, %" PRIu64 " refused, %" PRIu64 " lost, %" PRIu64 " truncated; %" PRIu64
	       " messages, %" PRIu64 " system calls\n",
	       stats.received, stats.decided, stats.defaulted, stats.refused, stats.lost,
	       stats.truncated, stats.messages, stats.system_calls);
	if (stats.present & NFBIND_QUEUE_STATS_KERNEL)
		printf("kernel: %" PRIu32 " waiting, %" PRIu32 " dropped (queue full), %" PRIu32
		       " dropped (buffer full)\n",
		       stats.kernel_queued, stats.kernel_dropped, stats.kernel_user_dropped);
	else
		printf("kernel: figures not readable: %s\n", strerror(-stats.kernel_error));
}
