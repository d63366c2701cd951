/* SPDX-License-Identifier: MIT */
/*
 * The life of a session: opened, closed, and what every call says when it is not
 * open. Binding is in test_bind.c.
 */
#include "session.h"

START_TEST(test_session_new_one_is_not_open)
{
	struct nfbind_queue_stats stats;
	struct nfbind_queue *queue;
	struct nfbind_decision decision = { 0 };

	ck_assert_int_eq(nfbind_queue_new(&queue), 0);
	ck_assert_int_eq(nfbind_queue_bind(queue, 1, NULL), -ESHUTDOWN);
	ck_assert_int_eq(nfbind_queue_change(queue, 1, NULL), -ESHUTDOWN);
	ck_assert_int_eq(nfbind_queue_unbind(queue, 1), -ESHUTDOWN);
	ck_assert_int_eq(nfbind_queue_receive(queue, 0, &batch), -ESHUTDOWN);
	ck_assert_int_eq(nfbind_queue_feed(queue, "x", 1, &batch), -ESHUTDOWN);
	ck_assert_int_eq(nfbind_queue_settle(queue), -ESHUTDOWN);
	ck_assert_int_eq(nfbind_queue_send(queue), -ESHUTDOWN);
	ck_assert_int_eq(nfbind_queue_verdict_rest(queue, NFBIND_VERDICT_DROP), -ESHUTDOWN);
	ck_assert_int_eq(nfbind_queue_verdict_many(queue, &decision, 1, sizeof(decision), NULL, 0),
			 -ESHUTDOWN);
	ck_assert_int_eq(nfbind_queue_get_fd(queue), -ESHUTDOWN);
	ck_assert_int_eq(nfbind_queue_read_stats(queue, 1, &stats, sizeof(stats)), -ESHUTDOWN);
	nfbind_queue_free(queue);
}
END_TEST

START_TEST(test_session_opens_once)
{
	ck_assert_int_eq(nfbind_queue_open(session, NULL), -EALREADY);
}
END_TEST

START_TEST(test_session_closes_twice_and_never_opens_again)
{
	ck_assert_int_eq(nfbind_queue_close(session), 0);
	ck_assert_int_eq(nfbind_queue_close(session), 0);
	ck_assert_int_eq(nfbind_queue_open(session, NULL), -ESHUTDOWN);
	ck_assert_int_eq(nfbind_queue_receive(session, 0, &batch), -ESHUTDOWN);
	ck_assert_int_eq(nfbind_queue_send(session), -ESHUTDOWN);
	ck_assert_int_eq(nfbind_queue_get_fd(session), -ESHUTDOWN);
	nfbind_queue_wake(session);
}
END_TEST

START_TEST(test_session_free_of_nothing_is_fine)
{
	struct nfbind_queue *queue;

	nfbind_queue_free(NULL);
	ck_assert_int_eq(nfbind_queue_new(&queue), 0);
	nfbind_queue_free(queue);
}
END_TEST

START_TEST(test_session_calls_without_a_session_are_errors)
{
	struct nfbind_queue_stats stats;
	struct nfbind_notice notice;
	struct nfbind_decision decision;
	int32_t timeout;
	char text[8];

	ck_assert_int_eq(nfbind_queue_open(NULL, NULL), -EINVAL);
	ck_assert_int_eq(nfbind_queue_close(NULL), -EINVAL);
	ck_assert_int_eq(nfbind_queue_bind(NULL, 1, NULL), -EINVAL);
	ck_assert_int_eq(nfbind_queue_change(NULL, 1, NULL), -EINVAL);
	ck_assert_int_eq(nfbind_queue_unbind(NULL, 1), -EINVAL);
	ck_assert_int_eq(nfbind_queue_receive(NULL, 0, &batch), -EINVAL);
	ck_assert_int_eq(nfbind_queue_feed(NULL, "x", 1, &batch), -EINVAL);
	ck_assert_int_eq(nfbind_queue_settle(NULL), -EINVAL);
	ck_assert_int_eq(nfbind_queue_send(NULL), -EINVAL);
	ck_assert_int_eq(nfbind_queue_verdict(NULL, NULL, 0), -EINVAL);
	ck_assert_int_eq(nfbind_queue_verdict(session, NULL, 0), -EINVAL);
	ck_assert_int_eq(nfbind_queue_verdict_many(NULL, &decision, 0, sizeof(decision), NULL, 0),
			 -EINVAL);
	ck_assert_int_eq(nfbind_queue_verdict_rest(NULL, 0), -EINVAL);
	ck_assert_int_eq(nfbind_queue_take_notice(NULL, &notice, sizeof(notice)), -EINVAL);
	ck_assert_int_eq(nfbind_queue_read_stats(NULL, 1, &stats, sizeof(stats)), -EINVAL);
	ck_assert_int_eq(nfbind_queue_get_deadline(NULL, &timeout), -EINVAL);
	ck_assert_int_eq(nfbind_queue_get_fd(NULL), -EINVAL);
	ck_assert_int_eq(nfbind_queue_last_message(NULL, 0, text, sizeof(text)), -EINVAL);
	ck_assert_int_eq(nfbind_queue_last_message(session, 2, text, sizeof(text)), -EINVAL);
	nfbind_queue_wake(NULL);
}
END_TEST

START_TEST(test_session_asks_for_the_buffers_of_its_options)
{
	struct nfbind_queue *queue;

	ck_assert_uint_eq(fake.asked_receive_buffer, 8 << 20);
	session_receive_nothing();
	ck_assert_uint_eq(fake.asked_send_buffer, 1 << 20);
	ck_assert_int_eq(nfbind_queue_new(&queue), 0);
	ck_assert_int_eq(nfbind_queue_open(queue, options_of(NFBIND_OPTIONS_RECEIVE_BUFFER, 12345,
							     NFBIND_OPTIONS_SEND_BUFFER, 54321,
							     NFBIND_OPTIONS_NETNS_FD, 7,
							     OPTIONS_END)), 0);
	ck_assert_uint_eq(fake.asked_receive_buffer, 12345);
	ck_assert_int_eq(nfbind_queue_receive(queue, 0, &batch), -EAGAIN);
	ck_assert_uint_eq(fake.asked_send_buffer, 54321);
	ck_assert_int_eq(fake.place.netns_fd, 7);
	nfbind_queue_free(queue);
}
END_TEST

START_TEST(test_session_batch_size_has_limits)
{
	struct nfbind_queue *queue;

	ck_assert_int_eq(nfbind_queue_new(&queue), 0);
	ck_assert_int_eq(nfbind_queue_open(queue, options_of(NFBIND_OPTIONS_BATCH, 0, OPTIONS_END)),
			 -EINVAL);
	ck_assert_int_eq(nfbind_queue_open(queue,
					   options_of(NFBIND_OPTIONS_BATCH, 1025, OPTIONS_END)),
			 -EINVAL);
	ck_assert_int_eq(nfbind_queue_open(queue,
					   options_of(NFBIND_OPTIONS_BATCH, 1024, OPTIONS_END)), 0);
	nfbind_queue_free(queue);
}
END_TEST

START_TEST(test_session_batch_is_no_larger_than_its_option)
{
	struct nfbind_queue *queue = session;

	ck_assert_int_eq(nfbind_queue_new(&session), 0);
	ck_assert_int_eq(nfbind_queue_open(session, options_of(NFBIND_OPTIONS_BATCH, 3, OPTIONS_END)),
			 0);
	session_bind(5, NULL);
	for (int i = 0; i < 7; i++)
		kernel_packet(5);
	session_receive(3);
	session_receive(3);
	session_receive(1);
	nfbind_queue_free(queue);
}
END_TEST

static void open_fails(int error, const char *sentence, const struct nfbind_options *options)
{
	struct nfbind_queue *queue, *before = session;

	fake.open_error = error;
	ck_assert_int_eq(nfbind_queue_new(&queue), 0);
	ck_assert_int_lt(nfbind_queue_open(queue, options), 0);
	session = queue;
	ck_assert_ptr_nonnull(strstr(session_message(NFBIND_SIDE_RECEIVE), sentence));
	/* It may be tried again. */
	fake.open_error = 0;
	ck_assert_int_eq(nfbind_queue_open(queue, NULL), 0);
	session = before;
	nfbind_queue_free(queue);
}

START_TEST(test_session_open_says_why_it_failed)
{
	open_fails(-EPROTONOSUPPORT, "no nfnetlink", NULL);
	open_fails(-EAFNOSUPPORT, "no nfnetlink", NULL);
	open_fails(-EPERM, "no right to enter", options_of(NFBIND_OPTIONS_NETNS_PID, 1, OPTIONS_END));
	open_fails(-ENOENT, "could not be entered",
		   options_of(NFBIND_OPTIONS_NETNS_PID, 1, OPTIONS_END));
	open_fails(-EINVAL, "no netlink socket",
		   options_of(NFBIND_OPTIONS_SOCKET_FD, 1, OPTIONS_END));
	open_fails(-EMFILE, "could not be opened", NULL);
}
END_TEST

START_TEST(test_session_message_is_copied_out_like_any_text)
{
	char text[512], small[8];
	int len;

	ck_assert_str_eq(session_message(NFBIND_SIDE_RECEIVE), "");
	session_receive_nothing();
	len = nfbind_queue_last_message(session, NFBIND_SIDE_RECEIVE, text, sizeof(text));
	ck_assert_int_eq(len, (int)strlen(text));
	ck_assert_int_eq(nfbind_queue_last_message(session, NFBIND_SIDE_RECEIVE, small,
						   sizeof(small)), len);
	ck_assert_mem_eq(small, text, 7);
	ck_assert_int_eq(small[7], '\0');
	ck_assert_int_eq(nfbind_queue_last_message(session, NFBIND_SIDE_RECEIVE, NULL, 0), len);
	/* The other side has said nothing. */
	ck_assert_str_eq(session_message(NFBIND_SIDE_SEND), "");
}
END_TEST

START_TEST(test_session_descriptor_is_the_sockets)
{
	ck_assert_int_ge(nfbind_queue_get_fd(session), 0);
}
END_TEST

START_TEST(test_session_close_gives_defaults_and_sends_what_is_staged)
{
	session_bind(5, options_of(NFBIND_OPTIONS_DEFAULT_VERDICT, NFBIND_VERDICT_ACCEPT,
				   OPTIONS_END));
	session_get(5, 3);
	session_decide(0, NFBIND_VERDICT_DROP);
	ck_assert_int_eq(nfbind_queue_close(session), 0);
	ck_assert_uint_eq(kernel_waiting(5), 0);
	verdict_is(0, false, 5, 1, NFBIND_VERDICT_DROP);
	verdict_is(1, true, 5, 3, NFBIND_VERDICT_ACCEPT);
}
END_TEST

START_TEST(test_session_close_tells_what_could_not_be_sent)
{
	session_bind(5, NULL);
	session_get(5, 1);
	session_decide(0, NFBIND_VERDICT_DROP);
	fake_send_result(-EAGAIN);
	ck_assert_int_eq(nfbind_queue_close(session), -EAGAIN);
	ck_assert_int_eq(nfbind_queue_close(session), 0);
}
END_TEST

START_TEST(test_session_batch_and_kept_packet_outlive_it)
{
	struct nfbind_packet *kept, *held;
	const void *data;
	uint64_t id;
	size_t len;

	session_bind(5, NULL);
	session_get(5, 2);
	kept = session_keep(0);
	held = session_packet(1);
	nfbind_batch_hold(batch);
	nfbind_queue_free(session);
	ck_assert_int_eq(nfbind_packet_get_number(kept, NFBIND_PACKET_ID, &id), 0);
	ck_assert_uint_eq(id, 1);
	ck_assert_int_eq(nfbind_packet_get_bytes(held, NFBIND_PACKET_PAYLOAD, &data, &len), 0);
	ck_assert_bytes_eq(data, len, kernel_udp, sizeof(kernel_udp));
	/* Their decisions ended with the session. */
	ck_assert_int_eq(nfbind_packet_set_number(held, NFBIND_PACKET_MARK, 1), -EALREADY);
	session = NULL;
	nfbind_packet_free(kept);
	ck_assert_int_eq(nfbind_packet_keep(held, &kept), -EALREADY);
	nfbind_batch_free(batch);
	ck_assert_int_eq(nfbind_queue_new(&session), 0);
}
END_TEST

START_TEST(test_session_verdict_after_close_is_shutdown)
{
	struct nfbind_packet *kept;

	session_bind(5, NULL);
	session_get(5, 2);
	kept = session_keep(0);
	nfbind_batch_hold(batch);
	ck_assert_int_eq(nfbind_queue_close(session), 0);
	ck_assert_int_eq(nfbind_queue_verdict(session, kept, NFBIND_VERDICT_ACCEPT), -ESHUTDOWN);
	ck_assert_int_eq(nfbind_queue_verdict(session, session_packet(1), NFBIND_VERDICT_ACCEPT),
			 -ESHUTDOWN);
	ck_assert_ptr_nonnull(strstr(session_message(NFBIND_SIDE_SEND), "not open"));
	nfbind_packet_free(kept);
	nfbind_batch_free(batch);
}
END_TEST

START_TEST(test_session_adopts_a_socket_and_its_queues)
{
	struct nfbind_queue *queue = session;

	/* The queue was bound on the descriptor by somebody else. */
	session_bind(5, NULL);
	ck_assert_int_eq(nfbind_queue_new(&session), 0);
	ck_assert_int_eq(nfbind_queue_open(session,
					   options_of(NFBIND_OPTIONS_SOCKET_FD,
						      (uint32_t)nfbind_queue_get_fd(queue),
						      OPTIONS_END)), 0);
	session_get(5, 2);
	/* Nobody tells what else is undecided: nothing is decided in one message. */
	session_decide(0, NFBIND_VERDICT_ACCEPT);
	session_decide(1, NFBIND_VERDICT_ACCEPT);
	session_settle();
	verdict_is(0, false, 5, 1, NFBIND_VERDICT_ACCEPT);
	verdict_is(1, false, 5, 2, NFBIND_VERDICT_ACCEPT);
	ck_assert_uint_eq(kernel_waiting(5), 0);
	nfbind_queue_free(queue);
}
END_TEST

UNIT_MAIN("session", session_set_up, session_tear_down, test_session_new_one_is_not_open,
	  test_session_opens_once, test_session_closes_twice_and_never_opens_again,
	  test_session_free_of_nothing_is_fine, test_session_calls_without_a_session_are_errors,
	  test_session_asks_for_the_buffers_of_its_options, test_session_batch_size_has_limits,
	  test_session_batch_is_no_larger_than_its_option, test_session_open_says_why_it_failed,
	  test_session_message_is_copied_out_like_any_text, test_session_descriptor_is_the_sockets,
	  test_session_close_gives_defaults_and_sends_what_is_staged,
	  test_session_close_tells_what_could_not_be_sent,
	  test_session_batch_and_kept_packet_outlive_it,
	  test_session_verdict_after_close_is_shutdown,
	  test_session_adopts_a_socket_and_its_queues)
