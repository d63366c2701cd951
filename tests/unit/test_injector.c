/* SPDX-License-Identifier: MIT */
/*
 * The injector without a socket: its life, and what it says of errors. The fake
 * transport refuses raw sockets, as a kernel does for a plain user.
 */
#include "packets.h"

#include <nfbind/injector.h>

static struct nfbind_injector *injector;
static struct nfbind_packet *packet;

static void set_up(void)
{
	ck_assert_int_eq(nfbind_injector_new(&injector), 0);
	packet = packets_new(UDP4);
}

static void tear_down(void)
{
	nfbind_packet_free(packet);
	nfbind_injector_free(injector);
}

static void message_is(const char *expected)
{
	char text[200];

	ck_assert_int_eq(nfbind_injector_last_message(injector, text, sizeof(text)),
			 (int)strlen(expected));
	ck_assert_str_eq(text, expected);
}

START_TEST(test_injector_that_is_not_open_sends_nothing)
{
	message_is("");
	ck_assert_int_eq(nfbind_injector_send(injector, packet), -ESHUTDOWN);
	message_is("the injector is not open");
	ck_assert_int_eq(nfbind_injector_send_netlink(injector, 1, 0, "x", 1), -ESHUTDOWN);
	message_is("the injector is not open");
}
END_TEST

START_TEST(test_injector_says_which_right_is_missing)
{
	ck_assert_int_eq(nfbind_injector_open(injector, NULL), -EPERM);
	message_is("CAP_NET_RAW is missing in this user namespace");
	/* And may be opened later, when it is there. */
	ck_assert_int_eq(nfbind_injector_open(injector, NULL), -EPERM);
	ck_assert_int_eq(nfbind_injector_send(injector, packet), -ESHUTDOWN);
}
END_TEST

START_TEST(test_injector_is_closed_for_good)
{
	ck_assert_int_eq(nfbind_injector_close(injector), 0);
	ck_assert_int_eq(nfbind_injector_close(injector), 0);
	ck_assert_int_eq(nfbind_injector_open(injector, NULL), -ESHUTDOWN);
	message_is("the injector was closed");
	ck_assert_int_eq(nfbind_injector_send(injector, packet), -ESHUTDOWN);
}
END_TEST

START_TEST(test_injector_takes_nothing_for_an_answer)
{
	char text[4];

	ck_assert_int_eq(nfbind_injector_new(NULL), -EINVAL);
	ck_assert_int_eq(nfbind_injector_open(NULL, NULL), -EINVAL);
	ck_assert_int_eq(nfbind_injector_send(NULL, packet), -EINVAL);
	ck_assert_int_eq(nfbind_injector_send(injector, NULL), -EINVAL);
	ck_assert_int_eq(nfbind_injector_send_netlink(NULL, 1, 0, "x", 1), -EINVAL);
	ck_assert_int_eq(nfbind_injector_send_netlink(injector, 1, 0, NULL, 1), -EINVAL);
	ck_assert_int_eq(nfbind_injector_close(NULL), -EINVAL);
	ck_assert_int_eq(nfbind_injector_last_message(NULL, text, sizeof(text)), -EINVAL);
	nfbind_injector_free(NULL);
	nfbind_injector_send(injector, packet);
	ck_assert_int_eq(nfbind_injector_last_message(injector, NULL, 0), 24);
	ck_assert_int_eq(nfbind_injector_last_message(injector, text, sizeof(text)), 24);
	ck_assert_str_eq(text, "the");
}
END_TEST

UNIT_MAIN("injector", set_up, tear_down,
	  test_injector_that_is_not_open_sends_nothing,
	  test_injector_says_which_right_is_missing,
	  test_injector_is_closed_for_good,
	  test_injector_takes_nothing_for_an_answer)
