/* SPDX-License-Identifier: MIT */
/*
 * Waiting for events: as long as told, until somebody wakes, calls meanwhile, or closes,
 * and not in a child.
 */
#include "listening.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

START_TEST(test_waits_as_long_as_told)
{
	start();
	ck_assert_int_eq(receive(250), -EAGAIN);
	ck_assert_int_eq(fake.last_timeout, 250);
	fake_wait_result(-EINTR);
	ck_assert_int_eq(receive(-1), -EINTR);
	says("a signal came");
	fake_wait_result(-ENOMEM);
	ck_assert_int_eq(receive(-1), -ENOMEM);
	fake_deliver_error(-EIO);
	ck_assert_int_eq(receive(-1), -EIO);
	says("could not be read");
}
END_TEST

START_TEST(test_wakes_once)
{
	start();
	nfbind_events_wake(session);
	nfbind_events_wake(session);
	ck_assert_int_eq(receive(-1), -ECANCELED);
	says("woken");
	ck_assert_int_eq(receive(0), -EAGAIN);
	nfbind_events_wake(NULL);
}
END_TEST

START_TEST(test_needs_a_wake_descriptor)
{
	start();
	fake.wake_error = -EMFILE;
	ck_assert_int_eq(receive(-1), -EMFILE);
	fake.wake_error = 0;
	ck_assert_int_eq(receive(1), -EAGAIN);
}
END_TEST

static void wake_meanwhile(int32_t timeout)
{
	(void)timeout;
	nfbind_events_wake(session);
}

START_TEST(test_wakes_a_sleeper)
{
	start();
	fake.on_wait = wake_meanwhile;
	ck_assert_int_eq(receive(-1), -ECANCELED);
}
END_TEST

static int busy_results[4];

static void call_meanwhile(int32_t timeout)
{
	int32_t deadline;

	(void)timeout;
	busy_results[0] = receive(0);
	busy_results[1] = next();
	busy_results[2] = nfbind_events_get_deadline(session, &deadline);
	(void)stats();
	nfbind_events_wake(session);
}

START_TEST(test_one_receives_at_a_time)
{
	start();
	fake.on_wait = call_meanwhile;
	ck_assert_int_eq(receive(-1), -ECANCELED);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(busy_results[i], -EBUSY);
}
END_TEST

static void *receive_in_thread(void *result)
{
	*(int *)result = receive(-1);
	return NULL;
}

START_TEST(test_close_ends_a_receive)
{
	pthread_t thread;
	int result = 0;

	fake.is_threaded = true;
	start();
	ck_assert_int_eq(pthread_create(&thread, NULL, receive_in_thread, &result), 0);
	usleep(20000);
	ck_assert_int_eq(nfbind_events_close(session), 0);
	pthread_join(thread, NULL);
	ck_assert_int_eq(result, -ESHUTDOWN);
	ck_assert_int_eq(nfbind_events_close(session), 0);
	ck_assert_int_eq(receive(0), -ESHUTDOWN);
	ck_assert_int_eq(next(), -ESHUTDOWN);
	ck_assert_int_eq(nfbind_events_get_fd(session), -ESHUTDOWN);
	ck_assert_int_eq(nfbind_events_open(session, NULL), -ESHUTDOWN);
	fake.is_threaded = false;
}
END_TEST

START_TEST(test_a_child_may_only_close)
{
	struct nfbind_events_stats figures;
	int32_t deadline;
	pid_t child;
	int status;

	start();
	deliver("ct-event-tcp-1-new.bin");
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		bool is_refused = receive(0) == -ECHILD && next() == -ECHILD &&
				  nfbind_events_get_fd(session) == -ECHILD &&
				  nfbind_events_open(session, NULL) == -ECHILD &&
				  nfbind_events_get_deadline(session, &deadline) == -ECHILD &&
				  nfbind_events_read_stats(session, &figures, sizeof(figures)) == -ECHILD;

		nfbind_events_free(session);
		_exit(is_refused ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(receive(0), 1);
}
END_TEST

UNIT_MAIN("events_wait", listening_set_up, listening_tear_down,
	  test_waits_as_long_as_told, test_wakes_once, test_needs_a_wake_descriptor,
	  test_wakes_a_sleeper, test_one_receives_at_a_time, test_close_ends_a_receive,
	  test_a_child_may_only_close)
