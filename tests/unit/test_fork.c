/* SPDX-License-Identifier: MIT */
/*
 * A forked child: it shares the socket, so all that it may do is to let go. Each
 * test's child reports by its exit status which check failed.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "session.h"

static struct nfbind_packet *kept;

#define CHILD_CHECK(number, condition) \
	do { \
		if (!(condition)) \
			_exit(number); \
	} while (0)

static int in_child(void (*run)(void))
{
	pid_t child = fork();
	int status = 0;

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		run();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status), "the child died of signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

static void every_call(void)
{
	struct nfbind_decision decision = { .queue = 5, .id = 1 };
	struct nfbind_queue_stats stats;
	struct nfbind_notice notice;
	struct nfbind_packet *copy;
	int32_t timeout;
	char text[100];

	CHILD_CHECK(1, nfbind_queue_open(session, NULL) == -ECHILD);
	CHILD_CHECK(2, nfbind_queue_bind(session, 6, NULL) == -ECHILD);
	CHILD_CHECK(3, nfbind_queue_change(session, 5, NULL) == -ECHILD);
	CHILD_CHECK(4, nfbind_queue_unbind(session, 5) == -ECHILD);
	CHILD_CHECK(5, nfbind_queue_receive(session, 0, &batch) == -ECHILD);
	CHILD_CHECK(6, nfbind_queue_feed(session, "x", 1, &batch) == -ECHILD);
	CHILD_CHECK(7, nfbind_queue_settle(session) == -ECHILD);
	CHILD_CHECK(8, nfbind_queue_send(session) == -ECHILD);
	CHILD_CHECK(9, !kept || nfbind_queue_verdict(session, kept, NFBIND_VERDICT_DROP) == -ECHILD);
	CHILD_CHECK(10, nfbind_queue_verdict_many(session, &decision, 1, sizeof(decision), NULL, 0) ==
				-ECHILD);
	CHILD_CHECK(11, nfbind_queue_verdict_rest(session, NFBIND_VERDICT_DROP) == -ECHILD);
	CHILD_CHECK(12, nfbind_queue_take_notice(session, &notice, sizeof(notice)) == -ECHILD);
	CHILD_CHECK(13, nfbind_queue_read_stats(session, 5, &stats, sizeof(stats)) == -ECHILD);
	CHILD_CHECK(14, nfbind_queue_get_deadline(session, &timeout) == -ECHILD);
	CHILD_CHECK(15, nfbind_queue_get_fd(session) == -ECHILD);
	CHILD_CHECK(16, nfbind_queue_last_message(session, 0, text, sizeof(text)) > 0);
	CHILD_CHECK(17, strstr(text, "parent"));
	CHILD_CHECK(18, !kept || nfbind_packet_keep(nfbind_batch_packet(batch, 1), &copy) == -ECHILD);
	nfbind_queue_wake(session);
	CHILD_CHECK(19, fake.sends == 0);
}

START_TEST(test_fork_child_may_do_nothing)
{
	session_bind(5, NULL);
	session_get(5, 2);
	kept = session_keep(0);
	ck_assert_int_eq(in_child(every_call), 0);
	nfbind_packet_free(kept);
}
END_TEST

START_TEST(test_fork_is_seen_before_the_first_batch_too)
{
	session_bind(5, NULL);
	kept = NULL;
	ck_assert_int_eq(in_child(every_call), 0);
}
END_TEST

static void let_go(void)
{
	nfbind_packet_free(kept);
	CHILD_CHECK(1, nfbind_queue_close(session) == 0);
	CHILD_CHECK(2, nfbind_queue_close(session) == 0);
	nfbind_queue_free(session);
	CHILD_CHECK(3, fake.sends == 0);
}

START_TEST(test_fork_child_closes_without_a_word)
{
	session_bind(5, NULL);
	session_get(5, 3);
	kept = session_keep(0);
	session_decide(1, NFBIND_VERDICT_ACCEPT);
	ck_assert_int_eq(in_child(let_go), 0);
	/* The parent goes on as if nothing had been. */
	ck_assert_int_eq(nfbind_queue_verdict(session, kept, NFBIND_VERDICT_ACCEPT), 0);
	session_settle();
	ck_assert_uint_eq(kernel_waiting(5), 0);
	ck_assert(kernel_is_bound(5));
	nfbind_packet_free(kept);
}
END_TEST

static void read_packets(void)
{
	const void *data;
	uint64_t id;
	size_t len;

	CHILD_CHECK(1, nfbind_packet_get_number(kept, NFBIND_PACKET_ID, &id) == 0 && id == 1);
	CHILD_CHECK(2, nfbind_packet_get_bytes(nfbind_batch_packet(batch, 1), NFBIND_PACKET_PAYLOAD,
					       &data, &len) == 0);
	CHILD_CHECK(3, len == sizeof(kernel_udp));
}

START_TEST(test_fork_child_may_read_packets)
{
	session_bind(5, NULL);
	session_get(5, 2);
	kept = session_keep(0);
	ck_assert_int_eq(in_child(read_packets), 0);
	nfbind_packet_free(kept);
}
END_TEST

static void session_of_its_own(void)
{
	struct nfbind_queue *queue;

	CHILD_CHECK(1, nfbind_queue_new(&queue) == 0);
	CHILD_CHECK(2, nfbind_queue_open(queue, NULL) == 0);
	CHILD_CHECK(3, nfbind_queue_bind(queue, 9, NULL) == 0);
	kernel_packet(9);
	CHILD_CHECK(4, nfbind_queue_receive(queue, 0, &batch) == 1);
	CHILD_CHECK(5, nfbind_queue_verdict(queue, nfbind_batch_packet(batch, 0),
					    NFBIND_VERDICT_ACCEPT | NFBIND_VERDICT_NOW) == 0);
	CHILD_CHECK(6, kernel_waiting(9) == 0);
	nfbind_queue_free(queue);
}

START_TEST(test_fork_child_may_have_a_session_of_its_own)
{
	session_bind(5, NULL);
	session_get(5, 1);
	ck_assert_int_eq(in_child(session_of_its_own), 0);
}
END_TEST

static void open_it(void)
{
	CHILD_CHECK(1, nfbind_queue_open(session, NULL) == 0);
	CHILD_CHECK(2, nfbind_queue_bind(session, 5, NULL) == 0);
}

START_TEST(test_fork_child_may_open_what_was_not_open)
{
	nfbind_queue_free(session);
	ck_assert_int_eq(nfbind_queue_new(&session), 0);
	ck_assert_int_eq(in_child(open_it), 0);
}
END_TEST

UNIT_MAIN("fork", session_set_up, session_tear_down, test_fork_child_may_do_nothing,
	  test_fork_is_seen_before_the_first_batch_too, test_fork_child_closes_without_a_word,
	  test_fork_child_may_read_packets, test_fork_child_may_have_a_session_of_its_own,
	  test_fork_child_may_open_what_was_not_open)
