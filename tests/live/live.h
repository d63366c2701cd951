/* SPDX-License-Identifier: MIT */
/*
 * What the live programs share: a main function that prints TAP, skips with a
 * reason, sessions that are freed when the test ends, and short words for what
 * every test does with one. A call that must succeed does, or the test fails
 * with the session's own sentence.
 */
#ifndef TESTS_LIVE_LIVE_H
#define TESTS_LIVE_LIVE_H

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <nfbind/nfbind.h>

#include "netns.h"
#include "traffic.h"

/* Programs. */

struct live_case {
	const char *name;
	const TTest *test;
};

int live_main(const char *name, const struct live_case *cases, size_t cases_count);

/* The namespace that the test was given; its thread is in it. */
extern int home;

/* Leave the test: this kernel cannot do it. The reason starts with "this kernel has no". */
#define skip(...)                                \
	do {                                     \
		live_skip(__func__, __VA_ARGS__); \
		return;                          \
	} while (0)
void live_skip(const char *function, const char *format, ...) __attribute__((format(printf, 2, 3)));

bool has_feature(enum nfbind_feature feature);
/* Whether the kernel is of this version or newer. */
bool is_kernel(unsigned int major, unsigned int minor);
/* Whether the running kernel may send a packet field, by the field's own table. */
bool has_field(enum nfbind_packet_field field);
/* Whether this kernel has an nft statement, as "queue num 5", in a family. */
bool has_nft(const char *family, const char *statement);

#define need_feature(feature, what)                                     \
	do {                                                            \
		if (!has_feature(feature))                              \
			skip("this kernel has no " what);               \
	} while (0)

/* Newer kernels take changed payloads in namespaces of the initial user namespace only. */
#define need_changes()                                                               \
	do {                                                                         \
		if (!can_change_payload())                                           \
			skip("this kernel has no changes of payload for plain users"); \
	} while (0)
bool can_change_payload(void);

/* Not a lack of the kernel's: the thread sanitizer is in the way, or a chroot or container. */
#define need_users()                         \
	do {                                 \
		const char *why = why_no_users(); \
		if (why)                     \
			skip("%s", why);     \
	} while (0)
const char *why_no_users(void);

/* Seconds since the test began, for loads that a slow machine may not finish. */
double seconds(void);
/* How many times longer everything may take here: libcheck's CK_TIMEOUT_MULTIPLIER, or 1. */
double slowness(void);
void sleep_ms(unsigned int milliseconds);

/*
 * A test runs on one processor, which keeps what it sends over lo in order: each processor
 * has a list of its own of what lo has still to hand on. Its threads may run on any, unless
 * they ask to stay where they are.
 */
void stay_on_one_processor(void);
void start_thread(pthread_t *ret_thread, void *(*function)(void *argument), void *argument);

/* Sessions; all are freed at the end of the test. */

struct live_option {
	uint32_t option;
	uint64_t value;
};
#define OPTIONS(...)                                                        \
	live_options((const struct live_option[]){ __VA_ARGS__ },           \
		     sizeof((const struct live_option[]){ __VA_ARGS__ }) /  \
			     sizeof(struct live_option))
struct nfbind_options *live_options(const struct live_option *options, size_t options_count);

struct nfbind_queue *new_session(void);
/* Open in this namespace. */
struct nfbind_queue *open_session(void);
struct nfbind_queue *open_session_with(const struct nfbind_options *options);
/* Open here and bind one queue; options are for both, and may be NULL. */
struct nfbind_queue *bind_session(uint16_t number, const struct nfbind_options *options);
/* Free it now. */
void free_session(struct nfbind_queue *queue);
/* Have a packet freed with the sessions. */
struct nfbind_packet *keep(struct nfbind_packet *packet);
void free_packet(struct nfbind_packet *packet);

/* The sentence of one side; good until the next call. */
const char *message_of(struct nfbind_queue *queue, enum nfbind_side side);
#define ck_assert_ok(queue, side, call)                                              \
	do {                                                                         \
		int result_of_call = (call);                                         \
		ck_assert_msg(result_of_call >= 0, "%s: %s (%s)", #call,             \
			      nfbind_error_name(result_of_call), message_of(queue, side)); \
	} while (0)

/* Packets. */

/* The next batch; it has at least one packet. */
struct nfbind_batch *receive(struct nfbind_queue *queue);
/* The next batch, which has all of them: waits until they are queued, where that can be seen. */
struct nfbind_batch *receive_all(struct nfbind_queue *queue, uint16_t number, uint32_t count);
/* The next packet, which comes alone. */
struct nfbind_packet *receive_one(struct nfbind_queue *queue);
/* No packet and no notice is there. */
void receive_nothing(struct nfbind_queue *queue);
/* Give every packet the verdict until `count` were judged. */
void judge_all(struct nfbind_queue *queue, uint32_t count, uint32_t verdict);
/* Judge and send. */
void judge(struct nfbind_queue *queue, struct nfbind_packet *packet, uint32_t verdict);
/* The next packet with data; those without pass. */
struct nfbind_packet *receive_data(struct nfbind_queue *queue);

uint64_t number_of(const struct nfbind_packet *packet, enum nfbind_packet_field field);
const uint8_t *bytes_of(const struct nfbind_packet *packet, enum nfbind_packet_field field,
			size_t *ret_len);
bool field_is_text(const struct nfbind_packet *packet, enum nfbind_packet_field field,
		   const char *text);
bool is_absent(const struct nfbind_packet *packet, enum nfbind_packet_field field);
/* The field has this value, or is absent where the kernel is older than it. */
bool is_told(const struct nfbind_packet *packet, enum nfbind_packet_field field, uint64_t value);
/* The number in a datagram of say_numbers(). */
uint32_t datagram_number(const struct nfbind_packet *packet);

/* The next notice, which is of this kind. */
struct nfbind_notice take_notice(struct nfbind_queue *queue, enum nfbind_notice_kind kind);
void take_no_notice(struct nfbind_queue *queue);

struct nfbind_queue_stats stats_of(struct nfbind_queue *queue, uint16_t number);
/* Whether the kernel's own figures can be read here, by an independent look. */
bool sees_kernel_figures(void);

#endif
