/*
 * SPDX-License-Identifier: MIT
 *
 * The frame around every consumer: options, the line protocol with the
 * driver, threads pinned to their processors, clocks, the report.
 *
 * Wall time runs from "go" to the last packet, processor time is the thread's
 * own (it contains the re-injection and the softirq work done on top of it).
 * Nothing here can hang: an alarm ends the process, and it dies with its driver.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "bench_common.h"
#include "measure.h"

#define LIMIT_SECONDS 60
#define IDLE_MS 200
#define IDLE_LIMIT 10
#define MAX_WORKERS 16

static atomic_bool stopped;

bool bench_stopped(void)
{
	return atomic_load_explicit(&stopped, memory_order_relaxed);
}

/* A counted drain was preloaded: when packets stop coming, some were lost. */
int bench_receive_failed(struct bench_worker *worker, int error)
{
	if (error == ENOBUFS) {
		worker->overruns++;
		return 0;
	}
	if (error != EAGAIN && error != EINTR)
		return -error;
	if (worker->wanted == BENCH_UNTIL_STOPPED)
		return 0;
	return ++worker->idle > IDLE_LIMIT ? -ETIMEDOUT : 0;
}

/* RFC 1624: the checksum changes by the difference of one 16-bit word. */
static uint16_t checksum_replace(uint16_t checksum, uint16_t old, uint16_t new)
{
	uint32_t sum = (uint16_t)~checksum + (uint16_t)~old + (uint32_t)new;

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

void bench_rewrite(uint8_t *packet, uint32_t packet_len)
{
	uint32_t udp = (packet[0] & 0x0fu) * 4;
	uint16_t checksum, word, changed;

	if (packet[0] >> 4 != 4 || packet[9] != 17 || packet_len < udp + 8 + 16)
		return;
	memcpy(&checksum, packet + udp + 6, sizeof(checksum));
	for (uint32_t at = udp + 8; at < udp + 8 + 16; at += 2) {
		memcpy(&word, packet + at, sizeof(word));
		changed = word ^ 0x2020;
		memcpy(packet + at, &changed, sizeof(changed));
		checksum = checksum_replace(checksum, word, changed);
	}
	memcpy(packet + udp + 6, &checksum, sizeof(checksum));
}

static const struct {
	const char *name;
	size_t offset;
} option_table[] = {
	{ "queue=", offsetof(struct bench_options, queue) },
	{ "threads=", offsetof(struct bench_options, threads) },
	{ "cpu=", offsetof(struct bench_options, cpu) },
	{ "receive_buffer=", offsetof(struct bench_options, receive_buffer) },
	{ "max_length=", offsetof(struct bench_options, max_length) },
	{ "gso=", offsetof(struct bench_options, gso) },
	{ "lifecycle=", offsetof(struct bench_options, lifecycle) },
};

static int parse_option(struct bench_options *options, const char *argument)
{
	for (size_t i = 0; i < sizeof(option_table) / sizeof(*option_table); i++) {
		size_t len = strlen(option_table[i].name);
		char *field = (char *)options + option_table[i].offset;

		if (strncmp(argument, option_table[i].name, len))
			continue;
		*(unsigned int *)(void *)field = (unsigned int)strtoul(argument + len, NULL, 0);
		return 0;
	}
	return -EINVAL;
}

/*
 * The same for every library, on the socket it opened: room for the preload,
 * no ENOBUFS (performance.md: one overrun would end the run), and a receive
 * that looks up now and then.
 */
static bool tune_socket(int fd, unsigned int receive_buffer)
{
	struct timeval idle = { .tv_usec = IDLE_MS * 1000 };
	int size = (int)receive_buffer, on = 1;
	bool forced;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof(idle));
	if (!receive_buffer)
		return false;
	setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof(on));
	forced = !setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (!forced)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return forced;
}

static int open_worker(struct bench_worker *worker, bool *ret_forced)
{
	int r = worker->mode->open(worker);

	if (r < 0)
		return r;
	*ret_forced = tune_socket(worker->fd, worker->options->receive_buffer);
	return 0;
}

static int receive_buffer_of(int fd)
{
	int size = 0;
	socklen_t len = sizeof(size);

	getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &len);
	return size;
}

static uint32_t port_of(int fd)
{
	struct sockaddr_nl address = { 0 };
	socklen_t len = sizeof(address);

	getsockname(fd, (struct sockaddr *)&address, &len);
	return address.nl_pid;
}

static void print_ready(const struct bench_worker *workers, unsigned int count, bool forced)
{
	printf("{\"ready\": true, \"receive_buffer\": %d, \"forced\": %s, \"port_ids\": [",
	       receive_buffer_of(workers[0].fd), forced ? "true" : "false");
	for (unsigned int i = 0; i < count; i++)
		printf("%s%u", i ? ", " : "", port_of(workers[i].fd));
	printf("]}\n");
	fflush(stdout);
}

static int open_all(struct bench_worker *workers, const struct bench_options *options,
		    const struct bench_mode *mode)
{
	bool forced = false;

	for (unsigned int i = 0; i < options->threads; i++) {
		workers[i] = (struct bench_worker){ .options = options, .mode = mode };
		workers[i].queue = (uint16_t)(options->queue + i);
		int r = open_worker(&workers[i], &forced);

		if (r < 0)
			return r;
	}
	print_ready(workers, options->threads, forced);
	return 0;
}

struct start {
	struct bench_worker *worker;
	pthread_barrier_t *barrier;
	unsigned int cpu;
};

static void *worker_main(void *data)
{
	struct start *start = data;
	struct bench_worker *worker = start->worker;

	pin_to(start->cpu);
	pthread_barrier_wait(start->barrier);
	uint64_t cpu_before = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	uint64_t syscalls_before = bench_syscalls;

	worker->start_ns = clock_ns(CLOCK_MONOTONIC);
	worker->result = worker->mode->drain(worker);
	worker->end_ns = clock_ns(CLOCK_MONOTONIC);
	worker->cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_before;
	worker->syscalls = bench_syscalls - syscalls_before;
	return NULL;
}

static void wait_for_stop(void)
{
	char line[64];

	while (fgets(line, sizeof(line), stdin) && strcmp(line, "stop\n"))
		;
	atomic_store(&stopped, true);
}

static void reset_worker(struct bench_worker *worker, uint64_t wanted)
{
	worker->wanted = wanted;
	worker->packets = worker->fields = worker->bytes = 0;
	worker->errors = worker->overruns = 0;
	worker->idle = 0;
}

static void run_all(struct bench_worker *workers, unsigned int count, unsigned int cpu,
		    uint64_t wanted)
{
	pthread_barrier_t barrier;
	pthread_t threads[MAX_WORKERS];
	struct start starts[MAX_WORKERS];

	pthread_barrier_init(&barrier, NULL, count);
	for (unsigned int i = 0; i < count; i++) {
		reset_worker(&workers[i], wanted);
		starts[i] = (struct start){ &workers[i], &barrier, cpu + i };
		if (pthread_create(&threads[i], NULL, worker_main, &starts[i]))
			abort();
	}
	if (wanted == BENCH_UNTIL_STOPPED)
		wait_for_stop();
	for (unsigned int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&barrier);
	atomic_store(&stopped, false);
}

static void add_worker(struct bench_worker *sum, const struct bench_worker *worker)
{
	sum->packets += worker->packets;
	sum->fields += worker->fields;
	sum->bytes += worker->bytes;
	sum->errors += worker->errors;
	sum->overruns += worker->overruns;
	sum->cpu_ns += worker->cpu_ns;
	sum->syscalls += worker->syscalls;
	if (worker->start_ns < sum->start_ns)
		sum->start_ns = worker->start_ns;
	if (worker->end_ns > sum->end_ns)
		sum->end_ns = worker->end_ns;
	if (worker->result < 0)
		sum->result = worker->result;
}

static int report_all(const struct bench_worker *workers, unsigned int count)
{
	struct bench_worker sum = { .start_ns = UINT64_MAX };

	for (unsigned int i = 0; i < count; i++)
		add_worker(&sum, &workers[i]);
	if (sum.result < 0)
		fprintf(stderr, "drain ended after %llu packets: %s\n",
			(unsigned long long)sum.packets, strerror(-sum.result));
	printf("{\"packets\": %llu, \"wall_ns\": %llu, \"cpu_ns\": %llu, \"syscalls\": %llu, "
	       "\"rss_kb\": %ld, \"fields\": %llu, \"bytes\": %llu, \"errors\": %llu, "
	       "\"overruns\": %llu}\n",
	       (unsigned long long)sum.packets, (unsigned long long)(sum.end_ns - sum.start_ns),
	       (unsigned long long)sum.cpu_ns, (unsigned long long)sum.syscalls, peak_rss_kb(),
	       (unsigned long long)sum.fields, (unsigned long long)sum.bytes,
	       (unsigned long long)sum.errors, (unsigned long long)sum.overruns);
	fflush(stdout);
	return sum.result;
}

static int serve(struct bench_worker *workers, const struct bench_options *options)
{
	unsigned long long wanted;
	char line[64];
	int r = 0;

	while (r >= 0 && fgets(line, sizeof(line), stdin)) {
		alarm(LIMIT_SECONDS);
		if (!strcmp(line, "run\n"))
			wanted = BENCH_UNTIL_STOPPED;
		else if (sscanf(line, "go %llu", &wanted) != 1)
			return -EINVAL;
		run_all(workers, options->threads, options->cpu, wanted);
		r = report_all(workers, options->threads);
	}
	return r;
}

static int compare_ns(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static uint64_t median_of(uint64_t *values, unsigned int count)
{
	qsort(values, count, sizeof(*values), compare_ns);
	return values[count / 2];
}

/* Open, bind, close, over and over, with what the library does by default. */
static int run_lifecycle(struct bench_worker *worker, unsigned int count)
{
	uint64_t *open_ns = calloc(count, sizeof(*open_ns));
	uint64_t *close_ns = calloc(count, sizeof(*close_ns));

	if (!open_ns || !close_ns)
		abort();
	pin_to(worker->options->cpu);
	for (unsigned int i = 0; i < count; i++) {
		uint64_t begin = clock_ns(CLOCK_MONOTONIC);
		int r = worker->mode->open(worker);
		uint64_t opened = clock_ns(CLOCK_MONOTONIC);

		if (r < 0)
			return r;
		worker->mode->close(worker);
		close_ns[i] = clock_ns(CLOCK_MONOTONIC) - opened;
		open_ns[i] = opened - begin;
	}
	printf("{\"open_ns\": %llu, \"close_ns\": %llu}\n",
	       (unsigned long long)median_of(open_ns, count),
	       (unsigned long long)median_of(close_ns, count));
	free(open_ns);
	free(close_ns);
	return 0;
}

static int run_mode(const struct bench_options *options, const struct bench_mode *mode)
{
	struct bench_worker workers[MAX_WORKERS] = { 0 };
	int r;

	if (options->lifecycle) {
		workers[0] = (struct bench_worker){ .options = options, .mode = mode };
		workers[0].queue = options->queue;
		return run_lifecycle(&workers[0], options->lifecycle);
	}
	r = open_all(workers, options, mode);
	if (r < 0)
		return r;
	r = serve(workers, options);
	for (unsigned int i = 0; i < options->threads; i++)
		mode->close(&workers[i]);
	return r;
}

static const struct bench_mode *find_mode(const struct bench_mode *modes, const char *name)
{
	for (; modes->name; modes++)
		if (!strcmp(modes->name, name))
			return modes;
	return NULL;
}

int bench_main(int argc, char **argv, const struct bench_mode *modes)
{
	struct bench_options options = { .threads = 1, .cpu = 1 };
	const struct bench_mode *mode = argc > 1 ? find_mode(modes, argv[1]) : NULL;
	int r = mode ? 0 : -EINVAL;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(LIMIT_SECONDS);
	for (int i = 2; i < argc && r == 0; i++)
		r = parse_option(&options, argv[i]);
	if (r == 0 && (options.threads < 1 || options.threads > MAX_WORKERS))
		r = -EINVAL;
	if (r == 0)
		r = run_mode(&options, mode);
	if (r < 0)
		fprintf(stderr, "%s %s: %s\n", argv[0], argc > 1 ? argv[1] : "(no mode)",
			strerror(-r));
	return r < 0;
}
