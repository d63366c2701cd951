/* SPDX-License-Identifier: MIT */
/*
 * Programs with a loop of their own: the descriptor tells the truth to poll and
 * epoll, and what a caller reads from it, whole or cut, is fed back. A forked
 * child shares the descriptor and may do nothing with it.
 *
 * The rules are in OUTPUT, where a packet is in its queue before send() returns.
 */
#include "live.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/netlink.h>

static bool is_readable(struct nfbind_queue *queue)
{
	struct pollfd wait = { .fd = nfbind_queue_get_fd(queue), .events = POLLIN };

	return poll(&wait, 1, 0) == 1;
}

/* Readiness. */

START_TEST(test_queue_descriptor_tells_the_truth)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, OPTIONS({ NFBIND_OPTIONS_BATCH, 2 }));

	queue_rule("iptables", "OUTPUT -p udp", 1);
	ck_assert(!is_readable(queue));
	say_numbers(udp.sender, 0, 5);
	for (uint32_t left = 5; left > 0;) {
		ck_assert(is_readable(queue));
		left -= nfbind_batch_count(receive(queue));
		ck_assert_int_gt(nfbind_queue_verdict_rest(queue, NFBIND_VERDICT_ACCEPT), 0);
	}
	ck_assert_int_eq(nfbind_queue_settle(queue), 0);
	ck_assert(!is_readable(queue));
	hear_numbers(udp.receiver, 0, 5);
}
END_TEST

/* A request reads what comes before its answer; the descriptor has to tell of it. */
START_TEST(test_queue_descriptor_tells_of_packets_that_a_bind_has_read)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct nfbind_batch *batch;
	uint32_t next = 0;
	int r;

	queue_rule("iptables", "OUTPUT -p udp", 1);
	say_numbers(udp.sender, 0, 5);
	ck_assert_int_eq(nfbind_queue_bind(queue, 2, NULL), 0);
	ck_assert(is_readable(queue));
	say_numbers(udp.sender, 5, 5);
	while (next < 10) {
		ck_assert(is_readable(queue));
		r = nfbind_queue_receive(queue, 0, &batch);
		/* An answer that nobody waits for makes it readable, too, and brings nothing. */
		if (r == -EAGAIN)
			continue;
		ck_assert_int_ge(r, 0);
		for (uint32_t i = 0; i < nfbind_batch_count(batch); i++)
			ck_assert_uint_eq(datagram_number(nfbind_batch_packet(batch, i)), next++);
		ck_assert_int_ge(nfbind_queue_verdict_rest(queue, NFBIND_VERDICT_ACCEPT), 0);
	}
	ck_assert_int_eq(nfbind_queue_settle(queue), 0);
	hear_numbers(udp.receiver, 0, 10);
	receive_nothing(queue);
	ck_assert(!is_readable(queue));
}
END_TEST

START_TEST(test_queue_in_an_epoll_loop_passes_all)
{
	enum { SESSIONS = 3, EACH = 300 };
	struct nfbind_queue *queues[SESSIONS];
	struct udp udp[SESSIONS];
	struct epoll_event event, events[SESSIONS];
	int loop = epoll_create1(EPOLL_CLOEXEC), count;
	uint32_t judged = 0;

	for (uint16_t i = 0; i < SESSIONS; i++) {
		queues[i] = bind_session(i, NULL);
		udp[i] = udp_pair("127.0.0.1", (uint16_t)(5001 + i));
		run("iptables -A OUTPUT -p udp --dport %d -j NFQUEUE --queue-num %d", 5001 + i, i);
		event = (struct epoll_event){ .events = EPOLLIN, .data.ptr = queues[i] };
		ck_assert_int_eq(epoll_ctl(loop, EPOLL_CTL_ADD, nfbind_queue_get_fd(queues[i]), &event), 0);
	}
	for (int i = 0; i < SESSIONS; i++)
		say_numbers(udp[i].sender, 0, EACH);
	while (judged < SESSIONS * EACH) {
		count = epoll_wait(loop, events, SESSIONS, PATIENCE);
		ck_assert_int_gt(count, 0);
		for (int i = 0; i < count; i++) {
			struct nfbind_queue *queue = events[i].data.ptr;
			struct nfbind_batch *batch;

			ck_assert_int_gt(nfbind_queue_receive(queue, 0, &batch), 0);
			judged += (uint32_t)nfbind_queue_verdict_rest(queue, NFBIND_VERDICT_ACCEPT);
			ck_assert_int_eq(nfbind_queue_settle(queue), 0);
		}
	}
	ck_assert_uint_eq(judged, SESSIONS * EACH);
	for (int i = 0; i < SESSIONS; i++)
		hear_numbers(udp[i].receiver, 0, EACH);
	close(loop);
}
END_TEST

/* Feeding. */

/* Read one datagram as a program without the library does, into room for `size` bytes. */
static struct nfbind_batch *read_and_feed(struct nfbind_queue *queue, size_t size)
{
	struct sockaddr_nl sender;
	socklen_t sender_len = sizeof(sender);
	uint8_t *room = malloc(size);
	struct nfbind_batch *batch = NULL;
	ssize_t len = recvfrom(nfbind_queue_get_fd(queue), room, size, 0, (struct sockaddr *)&sender,
			       &sender_len);

	ck_assert_int_gt(len, 0);
	ck_assert_uint_eq(sender.nl_pid, 0);
	ck_assert_ok(queue, NFBIND_SIDE_RECEIVE,
		     nfbind_queue_feed(queue, room, (size_t)len, &batch));
	/* It was copied. */
	memset(room, 0xee, size);
	free(room);
	return batch;
}

START_TEST(test_queue_fed_with_whole_datagrams_judges_them)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);

	queue_rule("iptables", "OUTPUT -p udp", 1);
	say_numbers(udp.sender, 0, 100);
	for (uint32_t i = 0; i < 100; i++) {
		struct nfbind_batch *batch = read_and_feed(queue, 70000);

		ck_assert_uint_eq(nfbind_batch_count(batch), 1);
		ck_assert_uint_eq(datagram_number(nfbind_batch_packet(batch, 0)), i);
		ck_assert_int_eq(nfbind_queue_verdict_rest(queue, NFBIND_VERDICT_ACCEPT), 1);
	}
	ck_assert_int_eq(nfbind_queue_settle(queue), 0);
	hear_numbers(udp.receiver, 0, 100);
	ck_assert_uint_eq(stats_of(queue, 1).received, 100);
}
END_TEST

static void check_cut(size_t payload, size_t room)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct nfbind_packet *packet;
	uint8_t *bytes = calloc(1, payload);
	bool is_cut = payload + 28 + 100 > room;
	const uint8_t *data;
	size_t len;

	say(udp.sender, bytes, payload);
	packet = nfbind_batch_packet(read_and_feed(queue, room), 0);
	ck_assert_ptr_nonnull(packet);
	ck_assert_int_eq(nfbind_packet_is_truncated(packet), is_cut);
	data = bytes_of(packet, NFBIND_PACKET_PAYLOAD, &len);
	ck_assert_uint_le(len, is_cut ? room : payload + 28);
	ck_assert_uint_eq(data[0], 0x45);
	if (len >= 24)
		ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_PORT_DST), 5001);
	if (is_cut)
		ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_IP_TTL, 3), -EOPNOTSUPP);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_bytes(udp.receiver, bytes, payload);
	free(bytes);
	free_session(queue);
	close(udp.sender);
	close(udp.receiver);
}

START_TEST(test_queue_fed_with_cut_datagrams_judges_them)
{
	queue_rule("iptables", "OUTPUT -p udp", 1);
	check_cut(1000, 4096);
	check_cut(1000, 300);
	check_cut(5000, 4096);
	check_cut(8000, 9000);
	check_cut(9000, 9000);
	check_cut(60000, 9000);
}
END_TEST

START_TEST(test_queue_fed_with_rubbish_is_ebadmsg_and_goes_on)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct nfbind_batch *batch;
	uint8_t rubbish[200];

	memset(rubbish, 0xff, sizeof(rubbish));
	queue_rule("iptables", "OUTPUT -p udp", 1);
	ck_assert_int_eq(nfbind_queue_feed(queue, rubbish, sizeof(rubbish), &batch), -EBADMSG);
	ck_assert_int_eq(nfbind_queue_feed(queue, rubbish, 3, &batch), -EBADMSG);
	ck_assert_int_eq(nfbind_queue_feed(queue, rubbish, 0, &batch), -EBADMSG);
	ck_assert_uint_gt(take_notice(queue, NFBIND_NOTICE_MALFORMED).count, 0);
	say_text(udp.sender, "x");
	judge(queue, nfbind_batch_packet(read_and_feed(queue, 4096), 0), NFBIND_VERDICT_ACCEPT);
	hear_text(udp.receiver, "x");
}
END_TEST

START_TEST(test_queue_feed_ends_the_former_batch)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue =
		bind_session(1, OPTIONS({ NFBIND_OPTIONS_DEFAULT_VERDICT, NFBIND_VERDICT_ACCEPT }));
	struct nfbind_packet *packet;
	struct nfbind_batch *batch;

	queue_rule("iptables", "OUTPUT -p udp", 1);
	say_text(udp.sender, "one");
	say_text(udp.sender, "two");
	batch = read_and_feed(queue, 4096);
	packet = nfbind_batch_packet(batch, 0);
	nfbind_batch_hold(batch);
	(void)read_and_feed(queue, 4096);
	ck_assert_int_eq(nfbind_queue_verdict(queue, packet, NFBIND_VERDICT_DROP), -EALREADY);
	hear_nothing(udp.receiver);
	nfbind_batch_free(batch);
	ck_assert_int_eq(nfbind_queue_settle(queue), 0);
	hear_text(udp.receiver, "one");
	hear_text(udp.receiver, "two");
}
END_TEST

/* A run of verdicts must not decide on what the caller has read and not fed. */
START_TEST(test_queue_fed_with_gaps_leaves_them_undecided)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct nfbind_batch *batch;
	char room[4096];

	queue_rule("iptables", "OUTPUT -p udp", 1);
	say_numbers(udp.sender, 0, 10);
	for (uint32_t i = 0; i < 10; i++) {
		if (i % 5 == 2) {
			ck_assert_int_gt(recv(nfbind_queue_get_fd(queue), room, sizeof(room), 0), 0);
			continue;
		}
		batch = read_and_feed(queue, 4096);
		ck_assert_uint_eq(datagram_number(nfbind_batch_packet(batch, 0)), i);
		ck_assert_int_eq(nfbind_queue_verdict_rest(queue, NFBIND_VERDICT_ACCEPT), 1);
	}
	say_numbers(udp.sender, 10, 3);
	judge_all(queue, 3, NFBIND_VERDICT_ACCEPT);
	for (uint32_t i = 0; i < 13; i++)
		if (i >= 10 || i % 5 != 2)
			hear_bytes(udp.receiver, (const uint8_t[]){ 0, 0, 0, (uint8_t)i }, 4);
	hear_nothing(udp.receiver);
}
END_TEST

/* Children. */

static int in_child(int (*function)(struct nfbind_queue *queue, struct nfbind_packet *kept),
		    struct nfbind_queue *queue, struct nfbind_packet *kept)
{
	int status;
	pid_t pid = check_fork();

	if (pid == 0)
		_exit(function(queue, kept));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* 0 when every call but close and free is refused; else which was not. */
static int use_in_child(struct nfbind_queue *queue, struct nfbind_packet *kept)
{
	struct nfbind_queue_stats stats;
	struct nfbind_decision decision = { .queue = 1, .id = 1, .verdict = NFBIND_VERDICT_ACCEPT };
	struct nfbind_batch *batch;
	const int results[] = {
		nfbind_queue_receive(queue, 0, &batch),
		nfbind_queue_feed(queue, "rubbish", 7, &batch),
		nfbind_queue_bind(queue, 7, NULL),
		nfbind_queue_change(queue, 1, NULL),
		nfbind_queue_unbind(queue, 1),
		nfbind_queue_settle(queue),
		nfbind_queue_send(queue),
		nfbind_queue_verdict_rest(queue, NFBIND_VERDICT_ACCEPT),
		nfbind_queue_verdict_many(queue, &decision, 1, sizeof(decision), NULL, 0),
		nfbind_queue_read_stats(queue, 1, &stats, sizeof(stats)),
		nfbind_queue_get_fd(queue),
		kept ? nfbind_queue_verdict(queue, kept, NFBIND_VERDICT_ACCEPT) : -ECHILD,
	};

	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
		if (results[i] != -ECHILD)
			return (int)i + 1;
	return 0;
}

static int close_in_child(struct nfbind_queue *queue, struct nfbind_packet *kept)
{
	nfbind_packet_free(kept);
	if (nfbind_queue_close(queue) != 0)
		return 1;
	nfbind_queue_free(queue);
	return 0;
}

static int live_in_child(struct nfbind_queue *queue, struct nfbind_packet *kept)
{
	struct nfbind_queue *own;

	(void)kept;
	nfbind_queue_free(queue);
	if (nfbind_queue_new(&own) < 0 || nfbind_queue_open(own, NULL) < 0)
		return 1;
	if (nfbind_queue_bind(own, 1, NULL) != -EBUSY || nfbind_queue_bind(own, 2, NULL) != 0)
		return 2;
	nfbind_queue_free(own);
	return 0;
}

START_TEST(test_queue_in_a_child_may_only_be_closed)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct nfbind_packet *kept;

	queue_rule("iptables", "OUTPUT -p udp", 1);
	/* Before the first batch, and after it. */
	ck_assert_int_eq(in_child(use_in_child, queue, NULL), 0);
	say_text(udp.sender, "x");
	kept = keep(receive_one(queue));
	ck_assert_int_eq(in_child(use_in_child, queue, kept), 0);
	ck_assert_int_eq(in_child(close_in_child, queue, kept), 0);
	ck_assert_int_eq(in_child(live_in_child, queue, kept), 0);
	/* Nothing of that has touched the parent's queue. */
	hear_nothing(udp.receiver);
	judge(queue, kept, NFBIND_VERDICT_ACCEPT);
	hear_text(udp.receiver, "x");
	say_text(udp.sender, "y");
	judge(queue, receive_one(queue), NFBIND_VERDICT_ACCEPT);
	hear_text(udp.receiver, "y");
	ck_assert_int_eq(nfbind_queue_unbind(queue, 1), 0);
}
END_TEST

static void *receive_for_ever(void *argument)
{
	struct nfbind_batch *batch;

	while (nfbind_queue_receive(argument, 1, &batch) != -ESHUTDOWN)
		continue;
	return NULL;
}

/* Whatever the other thread holds at that moment. */
START_TEST(test_queue_forked_amid_a_receive_closes_in_the_child)
{
	struct nfbind_queue *queue = bind_session(1, NULL);
	pthread_t thread;

	start_thread(&thread, receive_for_ever, queue);
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(in_child(use_in_child, queue, NULL), 0);
		ck_assert_int_eq(in_child(close_in_child, queue, NULL), 0);
	}
	ck_assert_int_eq(nfbind_queue_close(queue), 0);
	pthread_join(thread, NULL);
}
END_TEST

int main(void)
{
	const struct live_case cases[] = {
		{ "poll", test_queue_descriptor_tells_the_truth },
		{ "poll", test_queue_descriptor_tells_of_packets_that_a_bind_has_read },
		{ "poll", test_queue_in_an_epoll_loop_passes_all },
		{ "feed", test_queue_fed_with_whole_datagrams_judges_them },
		{ "feed", test_queue_fed_with_cut_datagrams_judges_them },
		{ "feed", test_queue_fed_with_rubbish_is_ebadmsg_and_goes_on },
		{ "feed", test_queue_feed_ends_the_former_batch },
		{ "feed", test_queue_fed_with_gaps_leaves_them_undecided },
		{ "fork", test_queue_in_a_child_may_only_be_closed },
		{ "fork", test_queue_forked_amid_a_receive_closes_in_the_child },
	};

	return live_main("loop", cases, sizeof(cases) / sizeof(cases[0]));
}
