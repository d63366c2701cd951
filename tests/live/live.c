/* SPDX-License-Identifier: MIT */
/*
 * The frame of the live programs; see live.h. Libcheck knows no skipped tests, so
 * its TAP goes to memory first, and leaves with the reasons that tests left in
 * memory shared with them.
 */
#include "live.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	SKIPS_MAX = 128,
	OWNED_MAX = 512,
	TEST_SECONDS = 60, /* against hangs only */
};

/* Skips, shared between the tests' processes and the program. */

struct skips {
	unsigned int count;
	struct {
		char test[128];
		char reason[256];
	} list[SKIPS_MAX];
};

static struct skips *skips;

void live_skip(const char *function, const char *format, ...)
{
	unsigned int at = skips->count;
	size_t len = strlen(function);
	va_list arguments;

	ck_assert_uint_lt(at, SKIPS_MAX);
	/* libcheck's function of a test is its name and "_fn". */
	snprintf(skips->list[at].test, sizeof(skips->list[at].test), "%.*s",
		 (int)(len > 3 ? len - 3 : len), function);
	va_start(arguments, format);
	vsnprintf(skips->list[at].reason, sizeof(skips->list[at].reason), format, arguments);
	va_end(arguments);
	skips->count = at + 1;
}

static const char *skip_reason(const char *test, size_t test_len)
{
	for (unsigned int i = 0; i < skips->count; i++)
		if (strlen(skips->list[i].test) == test_len &&
		    memcmp(skips->list[i].test, test, test_len) == 0)
			return skips->list[i].reason;
	return NULL;
}

/* A line of libcheck's: "ok 1 - file:case:test: message". The result knows the line, too. */
static void print_tap_line(const char *line, TestResult *result)
{
	bool passed = strncmp(line, "ok ", 3) == 0;
	const char *title = strstr(line, " - ");
	const char *file_end, *test, *test_end, *reason;

	file_end = title ? strchr(title, ':') : NULL;
	test = file_end ? strchr(file_end + 1, ':') : NULL;
	test_end = test ? strchr(test + 1, ':') : NULL;
	if (!test_end) {
		printf("%s", line);
		return;
	}
	test++;
	reason = passed ? skip_reason(test, (size_t)(test_end - test)) : NULL;
	printf("%.*s - %.*s", (int)(title - line), line, (int)(test_end - test), test);
	printf(reason ? " # SKIP %s\n" : "%s\n", reason ? reason : "");
	if (!passed)
		printf("# %s:%d: %s\n", tr_lfile(result), tr_lno(result), tr_msg(result));
}

static void print_tap(int fd, SRunner *runner)
{
	TestResult **results = srunner_results(runner);
	int count = srunner_ntests_run(runner);
	FILE *file = fdopen(fd, "r");
	char line[4096];

	rewind(file);
	for (int i = 0; fgets(line, sizeof(line), file); i++)
		print_tap_line(line, results[i < count ? i : 0]);
	fclose(file);
	fflush(stdout);
	free(results);
}

/* What belongs to a test. */

static struct owned {
	struct nfbind_queue *queues[OWNED_MAX];
	struct nfbind_options *options[OWNED_MAX];
	struct nfbind_packet *packets[OWNED_MAX];
	unsigned int queues_count, options_count, packets_count;
} owned;

static struct timespec began;
static cpu_set_t processors; /* that the test may run on */
int home = -1;

static void begin_test(void)
{
	clock_gettime(CLOCK_MONOTONIC, &began);
	ck_assert_int_eq(sched_getaffinity(0, sizeof(processors), &processors), 0);
	stay_on_one_processor();
	home = netns_new();
}

static void end_test(void)
{
	for (unsigned int i = 0; i < owned.packets_count; i++)
		nfbind_packet_free(owned.packets[i]);
	for (unsigned int i = 0; i < owned.queues_count; i++)
		nfbind_queue_free(owned.queues[i]);
	for (unsigned int i = 0; i < owned.options_count; i++)
		nfbind_options_free(owned.options[i]);
	memset(&owned, 0, sizeof(owned));
	close(home);
}

static TCase *find_case(Suite *suite, TCase **cases, const char **names, unsigned int *count,
			const char *name)
{
	for (unsigned int i = 0; i < *count; i++)
		if (strcmp(names[i], name) == 0)
			return cases[i];
	names[*count] = name;
	cases[*count] = tcase_create(name);
	tcase_set_timeout(cases[*count], TEST_SECONDS);
	tcase_add_checked_fixture(cases[*count], begin_test, end_test);
	suite_add_tcase(suite, cases[*count]);
	return cases[(*count)++];
}

/*
 * The thread sanitizer has a thread of its own, and a process with threads cannot go
 * to a user namespace: a plain user's program has to start in one.
 */
#if defined(__SANITIZE_THREAD__)
#define HAS_THREADS true
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAS_THREADS true
#endif
#endif
#ifndef HAS_THREADS
#define HAS_THREADS false
#endif

static void start_as_root(void)
{
	char path[4096];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (!HAS_THREADS || geteuid() == 0 || len < 0)
		return;
	path[len] = '\0';
	execlp("unshare", "unshare", "--map-root-user", path, (char *)NULL);
}

const char *why_no_users(void)
{
	pid_t child;
	int status;

	if (HAS_THREADS)
		return "the thread sanitizer lets nobody into user namespaces";
	child = fork();
	if (child == 0)
		_exit(unshare(CLONE_NEWUSER) < 0);
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
		return "no user namespace can be made here";
	return NULL;
}

int live_main(const char *name, const struct live_case *cases, size_t cases_count)
{
	const char *names[32];
	TCase *made[32];
	unsigned int made_count = 0;
	Suite *suite = suite_create(name);
	SRunner *runner = srunner_create(suite);
	int fd = memfd_create("tap", MFD_CLOEXEC);
	char path[64];
	int failed;

	netns_prepare();
	start_as_root();
	skips = mmap(NULL, sizeof(*skips), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (size_t i = 0; i < cases_count; i++)
		tcase_add_test(find_case(suite, made, names, &made_count, cases[i].name),
			       cases[i].test);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	srunner_set_tap(runner, path);
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	print_tap(fd, runner);
	srunner_free(runner);
	netns_finish();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* What the kernel has. */

bool has_feature(enum nfbind_feature feature)
{
	uint64_t features = 0;
	char message[1024];
	int r = nfbind_probe(NULL, &features, message, sizeof(message));

	ck_assert_msg(r == 0, "probe: %s", message);
	return features & feature;
}

bool is_kernel(unsigned int major, unsigned int minor)
{
	unsigned int own_major = 0, own_minor = 0;
	struct utsname kernel;

	uname(&kernel);
	sscanf(kernel.release, "%u.%u", &own_major, &own_minor);
	return own_major > major || (own_major == major && own_minor >= minor);
}

bool has_field(enum nfbind_packet_field field)
{
	unsigned int first = (unsigned int)nfbind_fields_get_kernel(nfbind_packet_fields(), field);

	return is_kernel(first / 1000, first % 1000);
}

/* Whether this process is in a user namespace that somebody else made. */
static bool is_plain_user(void)
{
	FILE *map = fopen("/proc/self/uid_map", "re");
	unsigned int first, outside, count = 0;
	bool is_initial = map && fscanf(map, "%u %u %u", &first, &outside, &count) == 3 && count == UINT32_MAX;

	if (map)
		fclose(map);
	return !is_initial;
}

/*
 * By trying, since the kernel tells nobody: what is sent after a packet that was changed comes
 * after it, or instead of it.
 */
bool can_change_payload(void)
{
	struct nfbind_queue *queue;
	struct nfbind_packet *packet;
	struct udp udp;
	char first;

	if (!is_plain_user())
		return true;
	queue = bind_session(65000, NULL);
	udp = udp_pair("127.0.0.1", 65000);
	queue_rule("iptables", "OUTPUT -p udp --dport 65000", 65000);
	say_text(udp.sender, "a");
	packet = receive_one(queue);
	ck_assert_int_eq(nfbind_packet_splice(packet, 0, 1, "b", 1), 0);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	say_text(udp.sender, "c");
	judge(queue, receive_one(queue), NFBIND_VERDICT_ACCEPT);
	ck_assert_int_eq(hear(udp.receiver, &first, 1, PATIENCE), 1);
	if (first == 'b')
		hear_text(udp.receiver, "c");
	run("iptables -D OUTPUT -p udp --dport 65000 -j NFQUEUE --queue-num 65000");
	free_session(queue);
	close(udp.sender);
	close(udp.receiver);
	ck_assert_msg(first == 'b' || is_kernel(6, 18), "a changed packet does not arrive");
	return first == 'b';
}

bool has_nft(const char *family, const char *statement)
{
	return run_quietly("nft add table %s probe && nft add chain %s probe c && "
			   "nft add rule %s probe c %s && nft delete table %s probe",
			   family, family, family, statement, family);
}

double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - began.tv_sec) + (double)(now.tv_nsec - began.tv_nsec) / 1e9;
}

double slowness(void)
{
	const char *multiplier = getenv("CK_TIMEOUT_MULTIPLIER");
	double times = multiplier ? strtod(multiplier, NULL) : 1;

	return times > 1 ? times : 1;
}

void sleep_ms(unsigned int milliseconds)
{
	struct timespec time = { milliseconds / 1000, (long)(milliseconds % 1000) * 1000000 };

	while (nanosleep(&time, &time) < 0)
		continue;
}

/* Processors. */

void stay_on_one_processor(void)
{
	cpu_set_t here;

	CPU_ZERO(&here);
	CPU_SET(sched_getcpu(), &here);
	ck_assert_int_eq(sched_setaffinity(0, sizeof(here), &here), 0);
}

void start_thread(pthread_t *ret_thread, void *(*function)(void *argument), void *argument)
{
	pthread_attr_t anywhere;

	pthread_attr_init(&anywhere);
	ck_assert_int_eq(pthread_attr_setaffinity_np(&anywhere, sizeof(processors), &processors), 0);
	ck_assert_int_eq(pthread_create(ret_thread, &anywhere, function, argument), 0);
	pthread_attr_destroy(&anywhere);
}

/* Sessions. */

struct nfbind_options *live_options(const struct live_option *options, size_t options_count)
{
	struct nfbind_options *made;

	ck_assert_int_eq(nfbind_options_new(&made), 0);
	for (size_t i = 0; i < options_count; i++)
		ck_assert_int_eq(nfbind_options_set_number(made, options[i].option, options[i].value),
				 0);
	ck_assert_uint_lt(owned.options_count, OWNED_MAX);
	owned.options[owned.options_count++] = made;
	return made;
}

struct nfbind_queue *new_session(void)
{
	struct nfbind_queue *queue;

	ck_assert_int_eq(nfbind_queue_new(&queue), 0);
	ck_assert_uint_lt(owned.queues_count, OWNED_MAX);
	owned.queues[owned.queues_count++] = queue;
	return queue;
}

struct nfbind_queue *open_session_with(const struct nfbind_options *options)
{
	struct nfbind_queue *queue = new_session();

	ck_assert_ok(queue, NFBIND_SIDE_RECEIVE, nfbind_queue_open(queue, options));
	return queue;
}

struct nfbind_queue *open_session(void)
{
	return open_session_with(NULL);
}

struct nfbind_queue *bind_session(uint16_t number, const struct nfbind_options *options)
{
	struct nfbind_queue *queue = open_session_with(options);

	ck_assert_ok(queue, NFBIND_SIDE_RECEIVE, nfbind_queue_bind(queue, number, options));
	return queue;
}

void free_session(struct nfbind_queue *queue)
{
	for (unsigned int i = 0; i < owned.queues_count; i++)
		if (owned.queues[i] == queue)
			owned.queues[i] = NULL;
	nfbind_queue_free(queue);
}

struct nfbind_packet *keep(struct nfbind_packet *packet)
{
	struct nfbind_packet *kept;

	ck_assert_int_eq(nfbind_packet_keep(packet, &kept), 0);
	ck_assert_uint_lt(owned.packets_count, OWNED_MAX);
	owned.packets[owned.packets_count++] = kept;
	return kept;
}

void free_packet(struct nfbind_packet *packet)
{
	for (unsigned int i = 0; i < owned.packets_count; i++)
		if (owned.packets[i] == packet)
			owned.packets[i] = NULL;
	nfbind_packet_free(packet);
}

const char *message_of(struct nfbind_queue *queue, enum nfbind_side side)
{
	static _Thread_local char text[512];

	ck_assert_int_ge(nfbind_queue_last_message(queue, side, text, sizeof(text)), 0);
	return text;
}

/* Packets. */

struct nfbind_batch *receive(struct nfbind_queue *queue)
{
	struct nfbind_batch *batch;
	int r;

	do {
		r = nfbind_queue_receive(queue, PATIENCE, &batch);
		ck_assert_msg(r >= 0, "receive: %s (%s)", nfbind_error_name(r),
			      message_of(queue, NFBIND_SIDE_RECEIVE));
	} while (r == 0);
	return batch;
}

/* What is sent to the loopback may reach its queue later than the sender goes on. */
struct nfbind_batch *receive_all(struct nfbind_queue *queue, uint16_t number, uint32_t count)
{
	struct nfbind_queue_stats stats = stats_of(queue, number);
	struct nfbind_batch *batch;

	for (unsigned int i = 0; i < PATIENCE && stats.kernel_error == 0 && stats.kernel_queued < count; i++) {
		sleep_ms(1);
		stats = stats_of(queue, number);
	}
	batch = receive(queue);
	ck_assert_uint_eq(nfbind_batch_count(batch), count);
	return batch;
}

struct nfbind_packet *receive_one(struct nfbind_queue *queue)
{
	struct nfbind_batch *batch = receive(queue);

	ck_assert_uint_eq(nfbind_batch_count(batch), 1);
	return nfbind_batch_packet(batch, 0);
}

void receive_nothing(struct nfbind_queue *queue)
{
	struct nfbind_batch *batch;

	ck_assert_int_eq(nfbind_queue_receive(queue, 0, &batch), -EAGAIN);
}

void judge_all(struct nfbind_queue *queue, uint32_t count, uint32_t verdict)
{
	uint32_t judged = 0;

	while (judged < count) {
		struct nfbind_batch *batch = receive(queue);

		ck_assert_int_eq(nfbind_queue_verdict_rest(queue, verdict),
				 (int)nfbind_batch_count(batch));
		judged += nfbind_batch_count(batch);
	}
	ck_assert_uint_eq(judged, count);
	ck_assert_int_eq(nfbind_queue_send(queue), 0);
}

void judge(struct nfbind_queue *queue, struct nfbind_packet *packet, uint32_t verdict)
{
	ck_assert_ok(queue, NFBIND_SIDE_SEND,
		     nfbind_queue_verdict(queue, packet, verdict | NFBIND_VERDICT_NOW));
}

struct nfbind_packet *receive_data(struct nfbind_queue *queue)
{
	for (;;) {
		struct nfbind_packet *packet = receive_one(queue);
		const void *data;
		size_t len = 0;

		(void)nfbind_packet_get_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, &data, &len);
		if (len > 0)
			return packet;
		judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	}
}

uint64_t number_of(const struct nfbind_packet *packet, enum nfbind_packet_field field)
{
	uint64_t value = 0;
	int r = nfbind_packet_get_number(packet, field, &value);

	ck_assert_msg(r == 0, "field %s: %s",
		      nfbind_fields_get_name(nfbind_packet_fields(), field), nfbind_error_name(r));
	return value;
}

const uint8_t *bytes_of(const struct nfbind_packet *packet, enum nfbind_packet_field field,
			size_t *ret_len)
{
	const void *data = NULL;
	int r = nfbind_packet_get_bytes(packet, field, &data, ret_len);

	ck_assert_msg(r == 0, "field %s: %s",
		      nfbind_fields_get_name(nfbind_packet_fields(), field), nfbind_error_name(r));
	return data;
}

bool field_is_text(const struct nfbind_packet *packet, enum nfbind_packet_field field,
		   const char *text)
{
	size_t len;
	const uint8_t *data = bytes_of(packet, field, &len);

	return len == strlen(text) && memcmp(data, text, len) == 0;
}

bool is_absent(const struct nfbind_packet *packet, enum nfbind_packet_field field)
{
	const void *data;
	uint64_t value;
	size_t len;
	int number = nfbind_packet_get_number(packet, field, &value);
	int bytes = nfbind_packet_get_bytes(packet, field, &data, &len);

	return nfbind_packet_has(packet, field) == 0 && (number == -ENODATA || bytes == -ENODATA);
}

bool is_told(const struct nfbind_packet *packet, enum nfbind_packet_field field, uint64_t value)
{
	return has_field(field) ? number_of(packet, field) == value : is_absent(packet, field);
}

uint32_t datagram_number(const struct nfbind_packet *packet)
{
	uint32_t number;
	size_t len;
	const uint8_t *data = bytes_of(packet, NFBIND_PACKET_L4_PAYLOAD, &len);

	ck_assert_uint_eq(len, sizeof(number));
	memcpy(&number, data, sizeof(number));
	return ntohl(number);
}

struct nfbind_notice take_notice(struct nfbind_queue *queue, enum nfbind_notice_kind kind)
{
	struct nfbind_notice notice = { 0 };

	ck_assert_int_eq(nfbind_queue_take_notice(queue, &notice, sizeof(notice)), 0);
	ck_assert_uint_eq(notice.kind, kind);
	return notice;
}

void take_no_notice(struct nfbind_queue *queue)
{
	struct nfbind_notice notice = { 0 };
	int r = nfbind_queue_take_notice(queue, &notice, sizeof(notice));

	ck_assert_msg(r == -EAGAIN, "a notice of kind %u: queue %u, id %u, %s", notice.kind,
		      notice.queue, notice.id, nfbind_error_name(notice.error));
}

struct nfbind_queue_stats stats_of(struct nfbind_queue *queue, uint16_t number)
{
	struct nfbind_queue_stats stats;

	ck_assert_int_eq(nfbind_queue_read_stats(queue, number, &stats, sizeof(stats)), 0);
	return stats;
}

bool sees_kernel_figures(void)
{
	int fd = open("/proc/thread-self/net/netfilter/nfnetlink_queue", O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}
