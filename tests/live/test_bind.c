/* SPDX-License-Identifier: MIT */
/*
 * Binding, changing and unbinding queues: what the kernel then does with packets,
 * what its own figures say, and the sentences for what it refuses.
 */
#include "live.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	IP_AND_UDP = 28, /* bytes of headers before a UDP payload */
	FLOWING = 5001,  /* port of the traffic that must not suffer */
	FLOW_LEAD = 100, /* packets of it on their way at most */
};

static int bind_result(struct nfbind_queue *queue, uint16_t number,
		       const struct nfbind_options *options, const char *sentence)
{
	int r = nfbind_queue_bind(queue, number, options);

	ck_assert_msg(strstr(message_of(queue, NFBIND_SIDE_RECEIVE), sentence) != NULL, "it says: %s",
		      message_of(queue, NFBIND_SIDE_RECEIVE));
	return r;
}

/* The kernel's figures, where this process may read them. */
static void check_kernel(struct nfbind_queue *queue, uint16_t number, uint32_t mode, uint32_t range)
{
	struct nfbind_queue_stats stats = stats_of(queue, number);

	if (!sees_kernel_figures()) {
		ck_assert_int_eq(stats.kernel_error, -EACCES);
		return;
	}
	ck_assert(stats.present & NFBIND_QUEUE_STATS_KERNEL);
	ck_assert_uint_eq(stats.kernel_owner, stats.port_id);
	ck_assert_uint_eq(stats.kernel_copy_mode, mode);
	ck_assert_uint_eq(stats.kernel_copy_range, range);
}

static size_t payload_len(const struct nfbind_packet *packet)
{
	size_t len;

	(void)bytes_of(packet, NFBIND_PACKET_PAYLOAD, &len);
	return len;
}

/* Settings. */

START_TEST(test_queue_bind_copies_all_by_default)
{
	struct nfbind_queue *queue = bind_session(9, NULL);

	check_kernel(queue, 9, NFBIND_COPY_MODE_PACKET, 65531);
}
END_TEST

START_TEST(test_queue_bind_takes_all_settings_at_once)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(9, OPTIONS({ NFBIND_OPTIONS_COPY_RANGE, 40 },
							     { NFBIND_OPTIONS_MAXLEN, 3 },
							     { NFBIND_OPTIONS_FAIL_OPEN, 1 },
							     { NFBIND_OPTIONS_UID_GID, 1 }));
	struct nfbind_batch *batch;

	check_kernel(queue, 9, NFBIND_COPY_MODE_PACKET, 40);
	queue_rule("iptables", "OUTPUT -p udp", 9);
	for (int i = 0; i < 5; i++)
		say_text(udp.sender, "a datagram of some length");
	batch = receive(queue);
	ck_assert_uint_eq(nfbind_batch_count(batch), 3);
	for (uint32_t i = 0; i < 3; i++) {
		struct nfbind_packet *packet = nfbind_batch_packet(batch, i);

		ck_assert_uint_eq(payload_len(packet), 40);
		ck_assert_int_eq(nfbind_packet_has(packet, NFBIND_PACKET_UID), 1);
	}
	/* The two that found the queue full passed. */
	hear_text(udp.receiver, "a datagram of some length");
	hear_text(udp.receiver, "a datagram of some length");
	hear_nothing(udp.receiver);
}
END_TEST

START_TEST(test_queue_maxlen_drops_what_is_too_many)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(9, OPTIONS({ NFBIND_OPTIONS_MAXLEN, 3 }));
	struct nfbind_queue_stats stats;

	queue_rule("iptables", "OUTPUT -p udp", 9);
	say_numbers(udp.sender, 0, 10);
	stats = stats_of(queue, 9);
	judge_all(queue, 3, NFBIND_VERDICT_ACCEPT);
	hear_numbers(udp.receiver, 0, 3);
	receive_nothing(queue);
	if (stats.present & NFBIND_QUEUE_STATS_KERNEL) {
		ck_assert_uint_eq(stats.kernel_queued, 3);
		ck_assert_uint_eq(stats.kernel_dropped, 7);
		ck_assert_uint_eq(stats.kernel_user_dropped, 0);
	}
}
END_TEST

START_TEST(test_queue_bind_refuses_options_out_of_range)
{
	struct nfbind_queue *queue = open_session();
	const struct {
		uint32_t option;
		uint64_t value;
	} wrong[] = {
		{ NFBIND_OPTIONS_COPY_RANGE, 0 },      { NFBIND_OPTIONS_COPY_RANGE, 65532 },
		{ NFBIND_OPTIONS_COPY_MODE, 0 },       { NFBIND_OPTIONS_COPY_MODE, 3 },
		{ NFBIND_OPTIONS_MAXLEN, 0 },          { NFBIND_OPTIONS_DEFAULT_VERDICT, 2 },
		{ NFBIND_OPTIONS_DEFAULT_VERDICT, 9 },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_int_eq(bind_result(queue, 9, OPTIONS({ wrong[i].option, wrong[i].value }),
					     "out of range"), -EINVAL);
	ck_assert_int_eq(nfbind_queue_bind(queue, 9, NULL), 0);
	ck_assert_int_eq(nfbind_queue_change(queue, 9, OPTIONS({ NFBIND_OPTIONS_COPY_RANGE, 65532 })),
			 -EINVAL);
	check_kernel(queue, 9, NFBIND_COPY_MODE_PACKET, 65531);
}
END_TEST

/* Changes. */

static struct nfbind_packet *next_of(struct nfbind_queue *queue, const struct udp *udp)
{
	say_text(udp->sender, "0123456789");
	return receive_one(queue);
}

START_TEST(test_queue_change_leaves_the_rest_as_it_was)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(9, OPTIONS({ NFBIND_OPTIONS_COPY_RANGE, 30 }));

	queue_rule("iptables", "OUTPUT -p udp", 9);
	ck_assert_uint_eq(payload_len(next_of(queue, &udp)), 30);
	ck_assert_int_eq(nfbind_queue_change(queue, 9, OPTIONS({ NFBIND_OPTIONS_COPY_RANGE, 31 })), 0);
	ck_assert_uint_eq(payload_len(next_of(queue, &udp)), 31);
	check_kernel(queue, 9, NFBIND_COPY_MODE_PACKET, 31);
	ck_assert_int_eq(nfbind_queue_change(queue, 9, OPTIONS({ NFBIND_OPTIONS_UID_GID, 1 })), 0);
	ck_assert_uint_eq(number_of(next_of(queue, &udp), NFBIND_PACKET_CAP_LEN), IP_AND_UDP + 10);
	ck_assert_int_eq(nfbind_queue_change(queue, 9, OPTIONS({ NFBIND_OPTIONS_COPY_MODE, 1 })), 0);
	check_kernel(queue, 9, NFBIND_COPY_MODE_META, 0);
	ck_assert_int_eq(nfbind_packet_has(next_of(queue, &udp), NFBIND_PACKET_PAYLOAD), 0);
	ck_assert_int_eq(nfbind_queue_change(queue, 9, OPTIONS({ NFBIND_OPTIONS_COPY_MODE, 2 })), 0);
	ck_assert_uint_eq(payload_len(next_of(queue, &udp)), 31);
	ck_assert_int_eq(nfbind_queue_change(queue, 9, OPTIONS({ NFBIND_OPTIONS_UID_GID, 0 })), 0);
	ck_assert(is_absent(next_of(queue, &udp), NFBIND_PACKET_UID));
	hear_nothing(udp.receiver);
}
END_TEST

START_TEST(test_queue_change_of_maxlen_and_fail_open_counts_at_once)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(9, OPTIONS({ NFBIND_OPTIONS_MAXLEN, 2 }));

	queue_rule("iptables", "OUTPUT -p udp", 9);
	say_numbers(udp.sender, 100, 4);
	ck_assert_int_eq(nfbind_queue_change(queue, 9, OPTIONS({ NFBIND_OPTIONS_FAIL_OPEN, 1 })), 0);
	say_numbers(udp.sender, 0, 4);
	hear_numbers(udp.receiver, 0, 4);
	ck_assert_int_eq(nfbind_queue_change(queue, 9, OPTIONS({ NFBIND_OPTIONS_MAXLEN, 6 },
							       { NFBIND_OPTIONS_FAIL_OPEN, 0 })), 0);
	say_numbers(udp.sender, 102, 8);
	judge_all(queue, 6, NFBIND_VERDICT_ACCEPT);
	hear_numbers(udp.receiver, 100, 6);
}
END_TEST

START_TEST(test_queue_change_of_the_default_verdict_needs_no_kernel)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(9, NULL);

	queue_rule("iptables", "OUTPUT -p udp", 9);
	say_text(udp.sender, "dropped");
	(void)receive_one(queue);
	ck_assert_int_eq(nfbind_queue_settle(queue), 0);
	ck_assert_int_eq(nfbind_queue_change(queue, 9, OPTIONS({ NFBIND_OPTIONS_DEFAULT_VERDICT,
								  NFBIND_VERDICT_ACCEPT })), 0);
	say_text(udp.sender, "accepted");
	(void)receive_one(queue);
	ck_assert_int_eq(nfbind_queue_settle(queue), 0);
	hear_text(udp.receiver, "accepted");
	ck_assert_uint_eq(stats_of(queue, 9).defaulted, 2);
}
END_TEST

START_TEST(test_queue_change_and_unbind_want_a_bound_queue)
{
	struct nfbind_queue *queue = bind_session(9, NULL);

	ck_assert_int_eq(nfbind_queue_change(queue, 8, OPTIONS({ NFBIND_OPTIONS_MAXLEN, 2 })), -ENODEV);
	ck_assert_int_eq(nfbind_queue_unbind(queue, 8), -ENODEV);
	ck_assert_int_eq(nfbind_queue_unbind(queue, 9), 0);
	ck_assert_int_eq(nfbind_queue_unbind(queue, 9), -ENODEV);
	ck_assert_int_eq(nfbind_queue_change(queue, 9, OPTIONS({ NFBIND_OPTIONS_MAXLEN, 2 })), -ENODEV);
	ck_assert_ptr_nonnull(strstr(message_of(queue, NFBIND_SIDE_RECEIVE), "not bound"));
}
END_TEST

/* Unbinding. */

START_TEST(test_queue_unbind_and_bind_again_starts_anew)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(9, NULL);
	struct nfbind_packet *packet;

	queue_rule("iptables", "OUTPUT -p udp", 9);
	judge(queue, next_of(queue, &udp), NFBIND_VERDICT_ACCEPT);
	judge(queue, next_of(queue, &udp), NFBIND_VERDICT_ACCEPT);
	ck_assert_int_eq(nfbind_queue_unbind(queue, 9), 0);
	say_text(udp.sender, "to nobody");
	ck_assert_int_eq(nfbind_queue_bind(queue, 9, NULL), 0);
	packet = next_of(queue, &udp);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_ID), 1);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	for (int i = 0; i < 3; i++)
		hear_text(udp.receiver, "0123456789");
	hear_nothing(udp.receiver);
	take_no_notice(queue);
}
END_TEST

START_TEST(test_queue_unbind_settles_its_packets_of_the_batch)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue =
		bind_session(9, OPTIONS({ NFBIND_OPTIONS_DEFAULT_VERDICT, NFBIND_VERDICT_ACCEPT }));
	struct nfbind_packet *packet;

	queue_rule("iptables", "OUTPUT -p udp", 9);
	packet = next_of(queue, &udp);
	ck_assert_int_eq(nfbind_queue_unbind(queue, 9), 0);
	hear_text(udp.receiver, "0123456789");
	ck_assert_int_eq(nfbind_queue_verdict(queue, packet, NFBIND_VERDICT_DROP), -EALREADY);
}
END_TEST

START_TEST(test_queue_packets_on_their_way_at_unbind_cannot_be_decided)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(9, NULL);
	struct nfbind_packet *packet;

	queue_rule("iptables", "OUTPUT -p udp", 9);
	say_text(udp.sender, "on its way");
	ck_assert_int_eq(nfbind_queue_unbind(queue, 9), 0);
	packet = receive_one(queue);
	ck_assert_int_eq(nfbind_queue_verdict(queue, packet, NFBIND_VERDICT_ACCEPT), -ENODEV);
	ck_assert_int_eq(nfbind_queue_settle(queue), 0);
	hear_nothing(udp.receiver);
	receive_nothing(queue);
}
END_TEST

/* Many queues. */

START_TEST(test_queue_session_has_many_queues)
{
	enum { QUEUES = 300 };
	struct nfbind_queue *queue = open_session();
	struct nfbind_batch *batch;
	bool was_used[QUEUES] = { false };
	unsigned int used = 0, packets = 0;
	int sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	for (uint16_t i = 0; i < QUEUES; i++)
		ck_assert_int_eq(nfbind_queue_bind(queue, i, NULL), 0);
	run("iptables -A INPUT -p udp -j NFQUEUE --queue-balance 0:%d", QUEUES - 1);
	for (int i = 0; i < 1000; i++) {
		char text[32];
		union address to;

		snprintf(text, sizeof(text), "127.0.%d.%d", i / 250 + 1, i % 250 + 1);
		ck_assert_int_eq(sendto(sender, "x", 1, 0, &to.any, address_fill(&to, text, 5001)), 1);
	}
	while (packets < 1000) {
		batch = receive(queue);
		for (uint32_t i = 0; i < nfbind_batch_count(batch); i++) {
			uint64_t number = number_of(nfbind_batch_packet(batch, i), NFBIND_PACKET_QUEUE);

			ck_assert_uint_lt(number, QUEUES);
			used += !was_used[number];
			was_used[number] = true;
			packets++;
		}
	}
	ck_assert_uint_eq(packets, 1000);
	ck_assert_uint_gt(used, 200);
	check_kernel(queue, QUEUES - 1, NFBIND_COPY_MODE_PACKET, 65531);
	for (uint16_t i = 0; i < QUEUES; i++)
		ck_assert_int_eq(nfbind_queue_unbind(queue, i), 0);
	close(sender);
}
END_TEST

/* While traffic flows. */

struct flow {
	struct udp udp;
	uint32_t count;
	atomic_uint heard;
	atomic_bool stop;
	pthread_t thread;
};

static void *flow_on(void *argument)
{
	struct flow *flow = argument;

	stay_on_one_processor();
	/* Never more than the queue and the sockets hold: a sender that waits for room would not see `stop`. */
	while (!atomic_load(&flow->stop)) {
		if (flow->count - atomic_load(&flow->heard) >= FLOW_LEAD) {
			sleep_ms(1);
			continue;
		}
		say_numbers(flow->udp.sender, flow->count, 1);
		if (++flow->count % 16 == 0)
			sleep_ms(1);
	}
	return NULL;
}

/* Take in what has arrived; the flow goes on only then. */
static void flow_hear(struct flow *flow)
{
	uint32_t heard = atomic_load(&flow->heard);

	atomic_store(&flow->heard, heard + hear_numbers_so_far(flow->udp.receiver, heard));
}

/* Everything arrives. */
static void flow_end(struct flow *flow)
{
	hear_numbers(flow->udp.receiver, flow->heard, flow->count - flow->heard);
	flow->heard = flow->count;
}

static void flow_start(struct flow *flow)
{
	*flow = (struct flow){ .udp = udp_pair("127.0.0.1", FLOWING) };
	start_thread(&flow->thread, flow_on, flow);
}

static void flow_stop(struct flow *flow)
{
	atomic_store(&flow->stop, true);
	pthread_join(flow->thread, NULL);
}

/* Everything that came is accepted, in order; `next` is the number expected. */
static void pass_on(struct nfbind_queue *queue, uint32_t *next)
{
	struct nfbind_batch *batch;
	int r = nfbind_queue_receive(queue, 1, &batch);

	ck_assert(r >= 0 || r == -EAGAIN);
	for (int i = 0; i < r; i++) {
		struct nfbind_packet *packet = nfbind_batch_packet(batch, (uint32_t)i);

		ck_assert_uint_eq(datagram_number(packet), *next);
		++*next;
		ck_assert_ok(queue, NFBIND_SIDE_SEND,
			     nfbind_queue_verdict(queue, packet, NFBIND_VERDICT_ACCEPT));
	}
}

START_TEST(test_queue_others_come_and_go_while_traffic_flows)
{
	struct nfbind_queue *queue = bind_session(1, OPTIONS({ NFBIND_OPTIONS_MAXLEN, 100000 }));
	uint32_t next = 0;
	struct flow flow;

	queue_rule("iptables", "OUTPUT -p udp", 1);
	flow_start(&flow);
	for (uint16_t i = 0; flow.heard <= 100 || (i < 200 && seconds() < 3); i++) {
		uint16_t other = (uint16_t)(100 + i % 7);

		ck_assert_ok(queue, NFBIND_SIDE_RECEIVE, nfbind_queue_bind(queue, other, NULL));
		pass_on(queue, &next);
		ck_assert_ok(queue, NFBIND_SIDE_RECEIVE,
			     nfbind_queue_change(queue, 1, OPTIONS({ NFBIND_OPTIONS_COPY_RANGE,
								     40 + i % 1000 })));
		ck_assert_ok(queue, NFBIND_SIDE_RECEIVE, nfbind_queue_unbind(queue, other));
		pass_on(queue, &next);
		flow_hear(&flow);
	}
	flow_stop(&flow);
	while (next < flow.count)
		pass_on(queue, &next);
	ck_assert_int_eq(nfbind_queue_settle(queue), 0);
	flow_end(&flow);
	take_no_notice(queue);
}
END_TEST

START_TEST(test_queue_bind_into_flowing_traffic_loses_nothing)
{
	struct nfbind_queue *queue = open_session();
	struct nfbind_batch *batch;
	uint32_t queued = 0;
	struct flow flow;

	/* With nobody bound the rule lets packets pass. */
	run("iptables -A OUTPUT -p udp -j NFQUEUE --queue-num 1 --queue-bypass");
	flow_start(&flow);
	while (flow.heard == 0)
		flow_hear(&flow);
	ck_assert_int_eq(nfbind_queue_bind(queue, 1, NULL), 0);
	while (queued < 500 && (seconds() < 5 || queued == 0)) {
		int r;

		flow_hear(&flow);
		r = nfbind_queue_receive(queue, 1, &batch);
		if (r == -EAGAIN)
			continue;
		ck_assert(r >= 0);
		ck_assert_int_eq(nfbind_queue_verdict_rest(queue, NFBIND_VERDICT_ACCEPT), r);
		queued += (uint32_t)r;
		ck_assert_int_eq(nfbind_queue_send(queue), 0);
	}
	flow_stop(&flow);
	while (nfbind_queue_receive(queue, 0, &batch) > 0)
		ck_assert_int_gt(nfbind_queue_verdict_rest(queue, NFBIND_VERDICT_ACCEPT), 0);
	flow_end(&flow);
	ck_assert_uint_gt(flow.heard, queued);
}
END_TEST

/* Refusals. */

START_TEST(test_queue_bind_twice_says_that_it_is_ours)
{
	struct nfbind_queue *queue = bind_session(9, NULL);

	ck_assert_int_eq(bind_result(queue, 9, NULL, "by this session already"), -EBUSY);
}
END_TEST

START_TEST(test_queue_bound_by_another_program_is_named)
{
	int ready[2], status;
	char expected[128], byte;
	struct nfbind_queue *queue;
	pid_t pid;

	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	pid = check_fork();
	if (pid == 0) {
		prctl(PR_SET_NAME, "other-program");
		(void)bind_session(9, NULL);
		ck_assert_int_eq(write(ready[1], "x", 1), 1);
		pause();
	}
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	queue = open_session();
	snprintf(expected, sizeof(expected), "(pid %d, other-program)", (int)pid);
	if (!sees_kernel_figures())
		strcpy(expected, "only root may read");
	ck_assert_int_eq(bind_result(queue, 9, NULL, expected), -EBUSY);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(nfbind_queue_bind(queue, 9, NULL), 0);
}
END_TEST

START_TEST(test_queue_bind_without_rights_is_eperm)
{
	struct nfbind_queue *queue = open_session();

	cap_drop(CAP_NET_ADMIN);
	ck_assert_int_eq(bind_result(queue, 9, NULL, "CAP_NET_ADMIN is missing"), -EPERM);
	cap_restore(CAP_NET_ADMIN);
	ck_assert_int_eq(nfbind_queue_bind(queue, 9, NULL), 0);
	cap_drop(CAP_NET_ADMIN);
	ck_assert_int_eq(nfbind_queue_change(queue, 9, OPTIONS({ NFBIND_OPTIONS_MAXLEN, 7 })), -EPERM);
	ck_assert_int_eq(nfbind_queue_unbind(queue, 9), -EPERM);
	cap_restore(CAP_NET_ADMIN);
	ck_assert_int_eq(nfbind_queue_unbind(queue, 9), 0);
}
END_TEST

START_TEST(test_queue_flag_that_the_kernel_lacks_is_named)
{
	static const struct {
		uint64_t feature;
		uint32_t option;
		const char *name;
	} flags[] = {
		{ NFBIND_FEATURE_QUEUE_CONNTRACK, NFBIND_OPTIONS_CONNTRACK, "flag conntrack" },
		{ NFBIND_FEATURE_QUEUE_SECCTX, NFBIND_OPTIONS_SECCTX, "flag secctx" },
		{ NFBIND_FEATURE_QUEUE_UID_GID, NFBIND_OPTIONS_UID_GID, "flag uid-gid" },
	};
	struct nfbind_queue *queue = open_session();
	int lacking = 0;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (has_feature(flags[i].feature))
			continue;
		lacking++;
		ck_assert_int_eq(bind_result(queue, 9, OPTIONS({ flags[i].option, 1 }), flags[i].name),
				 -EOPNOTSUPP);
	}
	/* Nothing was left half bound. */
	ck_assert_int_eq(nfbind_queue_bind(queue, 9, NULL), 0);
	/* Where none is missing, all of them together are fine. */
	if (lacking == 0)
		bind_session(10, OPTIONS({ NFBIND_OPTIONS_CONNTRACK, 1 }, { NFBIND_OPTIONS_SECCTX, 1 },
					 { NFBIND_OPTIONS_UID_GID, 1 }));
}
END_TEST

int main(void)
{
	const struct live_case cases[] = {
		{ "settings", test_queue_bind_copies_all_by_default },
		{ "settings", test_queue_bind_takes_all_settings_at_once },
		{ "settings", test_queue_maxlen_drops_what_is_too_many },
		{ "settings", test_queue_bind_refuses_options_out_of_range },
		{ "change", test_queue_change_leaves_the_rest_as_it_was },
		{ "change", test_queue_change_of_maxlen_and_fail_open_counts_at_once },
		{ "change", test_queue_change_of_the_default_verdict_needs_no_kernel },
		{ "change", test_queue_change_and_unbind_want_a_bound_queue },
		{ "unbind", test_queue_unbind_and_bind_again_starts_anew },
		{ "unbind", test_queue_unbind_settles_its_packets_of_the_batch },
		{ "unbind", test_queue_packets_on_their_way_at_unbind_cannot_be_decided },
		{ "many", test_queue_session_has_many_queues },
		{ "flow", test_queue_others_come_and_go_while_traffic_flows },
		{ "flow", test_queue_bind_into_flowing_traffic_loses_nothing },
		{ "refusal", test_queue_bind_twice_says_that_it_is_ours },
		{ "refusal", test_queue_bound_by_another_program_is_named },
		{ "refusal", test_queue_bind_without_rights_is_eperm },
		{ "refusal", test_queue_flag_that_the_kernel_lacks_is_named },
	};

	return live_main("bind", cases, sizeof(cases) / sizeof(cases[0]));
}
