/* SPDX-License-Identifier: MIT */
/*
 * Who talks most: the connections are listed every few seconds, and what their
 * counters grew by becomes rates of connections and of hosts, the largest first. It
 * shows that a list is pulled entry by entry into one object, that what a program
 * wants to remember it copies out, and that a field may be absent: counters are, until
 * somebody switches them on.
 *
 *     account_flows [-n COUNT] [--interval SECONDS] [--once]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <nfbind/nfbind.h>

enum { TCP = 6, UDP = 17 };

static const char help[] =
	"usage: account_flows [-n COUNT] [--interval SECONDS] [--once]\n\n"
	"Show the hosts and the connections that send and receive most.\n\n"
	"  -n COUNT             how many of each; default 10\n"
	"  --interval SECONDS   measure for so long; default 2\n"
	"  --once               measure once, and end\n"
	"  --help               print this text\n\n"
	"On a terminal the screen is drawn anew each time. Otherwise each host and each\n"
	"connection is a line with its bytes and packets per second.\n\n"
	"It needs CAP_NET_ADMIN. Connections are tracked where a rule asks for it, and their\n"
	"packets and bytes are counted when this was set before they began:\n\n"
	"  sysctl -w net.netfilter.nf_conntrack_acct=1\n";

static uint64_t shown = 10, interval = 2;
static bool once, on_terminal;
static volatile sig_atomic_t is_told;

/* One connection, as far as it is remembered. */
struct key {
	uint8_t ends[2][16];
	uint16_t ports[2];
	uint16_t zone;
	uint8_t l3proto, l4proto;
	uint32_t id;
};

struct amount {
	uint64_t sent, received, packets;
};

struct flow {
	struct key key;
	struct amount total, grown;
};

struct host {
	uint8_t address[16];
	uint8_t l3proto;
	struct amount grown;
};

struct flows {
	struct flow *all;
	size_t count, room;
	size_t uncounted; /* connections without counters */
	bool is_partial;
	double taken; /* when, in seconds */
};

/* The command line. */

static void refuse(const char *text, const char *detail)
{
	fprintf(stderr, "account_flows: %s: %s (try --help)\n", text, detail);
	exit(2);
}

static uint64_t read_number(const char *name, const char *text, uint64_t most)
{
	unsigned long long number;
	char *end;

	if (!text)
		refuse("a value is missing behind", name);
	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || number < 1 || number > most)
		refuse("not a number that fits here", text);
	return number;
}

static void read_arguments(char **argv)
{
	while (*++argv) {
		if (strcmp(*argv, "--help") == 0) {
			fputs(help, stdout);
			exit(0);
		}
		if (strcmp(*argv, "--once") == 0) {
			once = true;
		} else if (strcmp(*argv, "-n") == 0) {
			shown = read_number("-n", argv[1], 100000);
			argv++;
		} else if (strcmp(*argv, "--interval") == 0) {
			interval = read_number("--interval", argv[1], 3600);
			argv++;
		} else {
			refuse("unknown option", *argv);
		}
	}
}

/* Taking stock. */

static uint64_t number_or(const struct nfbind_ct *ct, uint32_t field, uint64_t otherwise)
{
	nfbind_ct_get_number(ct, field, &otherwise);
	return otherwise;
}

static void read_address(const struct nfbind_ct *ct, uint32_t field, uint8_t *ret_address)
{
	const void *data;
	size_t len;

	if (nfbind_ct_get_bytes(ct, field, &data, &len) == 0)
		memcpy(ret_address, data, len);
}

/* Zeroed with its gaps, since keys are compared as bytes. */
static void read_flow(const struct nfbind_ct *ct, struct flow *ret_flow)
{
	struct key *key = &ret_flow->key;

	memset(ret_flow, 0, sizeof(*ret_flow));
	read_address(ct, NFBIND_CT_ORIG_SRC, key->ends[0]);
	read_address(ct, NFBIND_CT_ORIG_DST, key->ends[1]);
	key->ports[0] = (uint16_t)number_or(ct, NFBIND_CT_ORIG_PORT_SRC, 0);
	key->ports[1] = (uint16_t)number_or(ct, NFBIND_CT_ORIG_PORT_DST, 0);
	key->zone = (uint16_t)number_or(ct, NFBIND_CT_ZONE, 0);
	key->l3proto = (uint8_t)number_or(ct, NFBIND_CT_ORIG_L3PROTO, 0);
	key->l4proto = (uint8_t)number_or(ct, NFBIND_CT_ORIG_L4PROTO, 0);
	key->id = (uint32_t)number_or(ct, NFBIND_CT_ID, 0);
	ret_flow->total.sent = number_or(ct, NFBIND_CT_ORIG_COUNTER_BYTES, 0);
	ret_flow->total.received = number_or(ct, NFBIND_CT_REPL_COUNTER_BYTES, 0);
	ret_flow->total.packets = number_or(ct, NFBIND_CT_ORIG_COUNTER_PACKETS, 0) +
				  number_or(ct, NFBIND_CT_REPL_COUNTER_PACKETS, 0);
}

static struct flow *add_flow(struct flows *flows)
{
	size_t room = flows->room ? flows->room * 2 : 256;
	struct flow *all;

	if (flows->count < flows->room)
		return &flows->all[flows->count++];
	all = realloc(flows->all, room * sizeof(*all));
	if (!all)
		return NULL;
	flows->all = all;
	flows->room = room;
	return &flows->all[flows->count++];
}

static int compare_keys(const void *one, const void *other)
{
	return memcmp(&((const struct flow *)one)->key, &((const struct flow *)other)->key,
		      sizeof(struct key));
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int read_list(struct nfbind_list *list, struct nfbind_ct *ct, struct flows *flows)
{
	int r;

	while ((r = nfbind_list_next_ct(list, ct)) == 0) {
		struct flow *flow = add_flow(flows);

		if (!flow)
			return -ENOMEM;
		read_flow(ct, flow);
		flows->uncounted += !nfbind_ct_has(ct, NFBIND_CT_ORIG_COUNTER_BYTES);
	}
	/* A list that lost entries still tells of the others. */
	flows->is_partial = r == -EINTR || r == -ENOBUFS;
	return r == -ENODATA || flows->is_partial ? 0 : r;
}

static int take_stock(struct nfbind_conntrack *conntrack, struct nfbind_ct *ct, struct flows *flows)
{
	struct nfbind_list *list;
	int r = nfbind_conntrack_list_ct(conntrack, NULL, NFBIND_LIST_TABLE, 0, &list);

	if (r < 0)
		return r;
	flows->count = flows->uncounted = 0;
	r = read_list(list, ct, flows);
	nfbind_list_free(list);
	flows->taken = now();
	if (flows->count > 0)
		qsort(flows->all, flows->count, sizeof(*flows->all), compare_keys);
	return r;
}

/* What changed. */

/* One that is new, or whose counters were set back, began with nothing. */
static struct amount grown(struct amount total, const struct flow *before)
{
	if (!before || before->total.sent > total.sent || before->total.received > total.received ||
	    before->total.packets > total.packets)
		return total;
	return (struct amount){ total.sent - before->total.sent,
				total.received - before->total.received,
				total.packets - before->total.packets };
}

static void compare(struct flows *flows, const struct flows *before)
{
	for (size_t i = 0; i < flows->count; i++) {
		struct flow *flow = &flows->all[i];

		flow->grown = grown(flow->total,
				    before->count == 0 ? NULL :
							 bsearch(flow, before->all, before->count,
								 sizeof(*flow), compare_keys));
	}
}

static void add(struct amount *to, uint64_t sent, uint64_t received, uint64_t packets)
{
	to->sent += sent;
	to->received += received;
	to->packets += packets;
}

static int compare_addresses(const void *one, const void *other)
{
	return memcmp(one, other, offsetof(struct host, grown));
}

/* Both ends of all flows, equal ones made one: how many there are. */
static size_t merge_hosts(const struct flows *flows, struct host *hosts)
{
	size_t count = 0;

	for (size_t i = 0; i < flows->count; i++)
		for (int end = 0; end < 2; end++) {
			const struct amount *part = &flows->all[i].grown;
			struct host *host = &hosts[2 * i + (size_t)end];

			memset(host, 0, sizeof(*host));
			memcpy(host->address, flows->all[i].key.ends[end], sizeof(host->address));
			host->l3proto = flows->all[i].key.l3proto;
			add(&host->grown, end == 0 ? part->sent : part->received,
			    end == 0 ? part->received : part->sent, part->packets);
		}
	qsort(hosts, 2 * flows->count, sizeof(*hosts), compare_addresses);
	for (size_t i = 0; i < 2 * flows->count; i++)
		if (count > 0 && compare_addresses(&hosts[count - 1], &hosts[i]) == 0)
			add(&hosts[count - 1].grown, hosts[i].grown.sent, hosts[i].grown.received,
			    hosts[i].grown.packets);
		else
			hosts[count++] = hosts[i];
	return count;
}

static int compare_amounts(const struct amount *one, const struct amount *other)
{
	uint64_t bytes = one->sent + one->received, others = other->sent + other->received;

	return bytes != others ? (bytes < others ? 1 : -1) : 0;
}

static int compare_flows(const void *one, const void *other)
{
	int r = compare_amounts(&((const struct flow *)one)->grown,
				&((const struct flow *)other)->grown);

	return r ? r : compare_keys(one, other);
}

static int compare_hosts(const void *one, const void *other)
{
	int r = compare_amounts(&((const struct host *)one)->grown,
				&((const struct host *)other)->grown);

	return r ? r : compare_addresses(one, other);
}

/* Showing it. */

static const char *print_address(const uint8_t *address, uint8_t l3proto, char *text, size_t size)
{
	return inet_ntop(l3proto == 10 ? AF_INET6 : AF_INET, address, text, (socklen_t)size);
}

static const char *print_end(const struct key *key, int end, char *text, size_t size)
{
	char address[INET6_ADDRSTRLEN];

	print_address(key->ends[end], key->l3proto, address, sizeof(address));
	if (key->ports[end] == 0)
		snprintf(text, size, "%s", address);
	else
		snprintf(text, size, key->l3proto == 10 ? "[%s]:%u" : "%s:%u", address,
			 key->ports[end]);
	return text;
}

static const char *protocol_name(uint8_t number)
{
	static char text[8];

	if (number == TCP || number == UDP)
		return number == TCP ? "tcp" : "udp";
	snprintf(text, sizeof(text), "ip-%u", number);
	return text;
}

/* Four places at most, as 1.2M. */
static const char *print_rate(uint64_t amount, double seconds, char text[16])
{
	double rate = (double)amount / seconds;
	const char *unit = " kMGTPE";

	while (rate >= 999.5 && unit[1]) {
		rate /= 1000;
		unit++;
	}
	snprintf(text, 16, *unit != ' ' && rate < 9.95 ? "%.1f%c" : "%.0f%c", rate, *unit);
	return text;
}

static void print_line(const struct amount *part, double seconds, const char *kind,
		       const char *name)
{
	char sent[16], received[16], packets[16];
	struct winsize window = { 0 };
	int width = 0;

	if (!on_terminal) {
		printf("%s %s sent=%.0f received=%.0f packets=%.0f\n", kind, name,
		       (double)part->sent / seconds, (double)part->received / seconds,
		       (double)part->packets / seconds);
		return;
	}
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 34)
		width = window.ws_col - 34;
	printf("%8s B/s %8s B/s %8s/s  %.*s\n", print_rate(part->sent, seconds, sent),
	       print_rate(part->received, seconds, received),
	       print_rate(part->packets, seconds, packets), width ? width : 200, name);
}

static void print_head(const struct flows *flows, double seconds)
{
	struct amount sum = { 0 };
	char rate[16];

	for (size_t i = 0; i < flows->count; i++)
		add(&sum, flows->all[i].grown.sent, flows->all[i].grown.received, 0);
	if (on_terminal)
		printf("\033[H\033[J%zu connections, %s bytes per second%s\n", flows->count,
		       print_rate(sum.sent + sum.received, seconds, rate),
		       flows->is_partial ? " (the list was cut short)" : "");
	else
		printf("all connections=%zu uncounted=%zu bytes=%.0f seconds=%.1f%s\n", flows->count,
		       flows->uncounted, (double)(sum.sent + sum.received) / seconds, seconds,
		       flows->is_partial ? " partial" : "");
}

static void print_hosts(struct host *hosts, size_t count, double seconds)
{
	char name[INET6_ADDRSTRLEN] = "";

	if (on_terminal)
		printf("\n%12s %12s %10s  host\n", "sent", "received", "packets");
	qsort(hosts, count, sizeof(*hosts), compare_hosts);
	for (size_t i = 0; i < count && i < shown; i++) {
		print_address(hosts[i].address, hosts[i].l3proto, name, sizeof(name));
		print_line(&hosts[i].grown, seconds, "host", name);
	}
}

static void print_flows(struct flows *flows, double seconds)
{
	char name[2 * INET6_ADDRSTRLEN + 64], from[INET6_ADDRSTRLEN + 8], to[INET6_ADDRSTRLEN + 8];

	if (on_terminal)
		printf("\n%12s %12s %10s  connection\n", "sent", "received", "packets");
	qsort(flows->all, flows->count, sizeof(*flows->all), compare_flows);
	for (size_t i = 0; i < flows->count && i < shown; i++) {
		const struct key *key = &flows->all[i].key;

		snprintf(name, sizeof(name), "%s %s > %s", protocol_name(key->l4proto),
			 print_end(key, 0, from, sizeof(from)), print_end(key, 1, to, sizeof(to)));
		print_line(&flows->all[i].grown, seconds, "flow", name);
	}
}

static void print_advice(const struct flows *flows)
{
	if (flows->uncounted == 0)
		return;
	/* On a terminal it belongs to the picture. */
	fprintf(on_terminal ? stdout : stderr,
		"\naccount_flows: %zu of %zu connections have no counters; for those that begin from "
		"now on:\n  sysctl -w net.netfilter.nf_conntrack_acct=1\n",
		flows->uncounted, flows->count);
}

/* The order of keys, in which the next round looks flows up, comes back at the end. */
static int show(struct flows *flows, const struct flows *before)
{
	double seconds = flows->taken - before->taken;
	struct host *hosts;

	compare(flows, before);
	print_head(flows, seconds);
	if (flows->count > 0) {
		hosts = calloc(2 * flows->count, sizeof(*hosts));
		if (!hosts)
			return -ENOMEM;
		print_hosts(hosts, merge_hosts(flows, hosts), seconds);
		free(hosts);
		print_flows(flows, seconds);
		qsort(flows->all, flows->count, sizeof(*flows->all), compare_keys);
	}
	print_advice(flows);
	fflush(stdout);
	return 0;
}

/* From one round to the next. */

static void handle_signal(int number)
{
	is_told = number;
}

static void rest(void)
{
	struct timespec time = { .tv_sec = (time_t)interval };

	while (!is_told && nanosleep(&time, &time) < 0 && errno == EINTR)
		continue;
}

static int run(struct nfbind_conntrack *conntrack, struct nfbind_ct *ct)
{
	struct flows rounds[2] = { { 0 } };
	int r, round = 1;

	if ((r = nfbind_conntrack_open(conntrack, NULL)) < 0)
		return r;
	r = take_stock(conntrack, ct, &rounds[0]);
	if (r == 0 && once)
		fprintf(stderr, "measuring for %llu s\n", (unsigned long long)interval);
	while (r == 0 && !is_told) {
		rest();
		if (is_told)
			break;
		r = take_stock(conntrack, ct, &rounds[round]);
		if (r == 0)
			r = show(&rounds[round], &rounds[!round]);
		round = !round;
		if (once)
			break;
	}
	free(rounds[0].all);
	free(rounds[1].all);
	return r;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = handle_signal };
	struct nfbind_conntrack *conntrack = NULL;
	struct nfbind_ct *ct = NULL;
	char sentence[512] = "";
	int r;

	(void)argc;
	read_arguments(argv);
	on_terminal = isatty(STDOUT_FILENO) && !once;
	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (nfbind_conntrack_new(&conntrack) < 0 || nfbind_ct_new(&ct) < 0)
		return 1;
	r = run(conntrack, ct);
	if (r < 0) {
		nfbind_conntrack_last_message(conntrack, sentence, sizeof(sentence));
		fprintf(stderr, "account_flows: %s (%s)\n", sentence[0] ? sentence : strerror(-r),
			nfbind_error_name(r));
	}
	nfbind_ct_free(ct);
	nfbind_conntrack_free(conntrack);
	return r < 0;
}
