/* SPDX-License-Identifier: MIT */
/*
 * Device names: asked for once a second at most, and valid for as long as the
 * memory that knows them.
 */
#include <stdio.h>

#include "fake_socket.h"
#include "names.h"
#include "unit.h"

static struct names *names;

static void set_up(void)
{
	fake_set_up();
	names = names_make(7);
	ck_assert_ptr_nonnull(names);
}

static void tear_down(void)
{
	names_free(names);
	fake_tear_down();
}

START_TEST(test_names_are_found_by_index)
{
	fake_set_device(3, "eth0");
	ck_assert_str_eq(names_find(names, 3), "eth0");
	ck_assert_ptr_null(names_find(names, 4));
	ck_assert_ptr_null(names_find(names, 0));
	ck_assert_ptr_null(names_find(NULL, 3));
}
END_TEST

START_TEST(test_names_change_after_a_second)
{
	const char *before;

	fake_set_device(3, "eth0");
	before = names_find(names, 3);
	fake_set_device(3, "wan");
	fake_advance(999);
	ck_assert_str_eq(names_find(names, 3), "eth0");
	fake_advance(1);
	ck_assert_str_eq(names_find(names, 3), "wan");
	/* What was handed out stays what it was. */
	ck_assert_str_eq(before, "eth0");
	fake_set_device(3, "eth0");
	fake_advance(1000);
	ck_assert_ptr_eq(names_find(names, 3), before);
}
END_TEST

START_TEST(test_names_of_devices_that_come_later_are_found_later)
{
	ck_assert_ptr_null(names_find(names, 5));
	fake_set_device(5, "tun0");
	ck_assert_ptr_null(names_find(names, 5));
	fake_advance(1000);
	ck_assert_str_eq(names_find(names, 5), "tun0");
}
END_TEST

START_TEST(test_names_outlive_their_session)
{
	const char *name;

	fake_set_device(3, "eth0");
	fake_set_device(4, "eth1");
	name = names_find(names, 3);
	names_hold(names);
	names_close(names);
	names_free(names);
	/* Only what is known already, however old. */
	fake_advance(5000);
	ck_assert_ptr_eq(names_find(names, 3), name);
	ck_assert_ptr_null(names_find(names, 4));
	names_close(NULL);
	names_free(NULL);
	ck_assert_ptr_null(names_hold(NULL));
}
END_TEST

START_TEST(test_names_are_cut_to_their_room)
{
	fake_set_device(3, "exactly15-bytes-and-more");
	ck_assert_str_eq(names_find(names, 3), "exactly15-bytes");
}
END_TEST

START_TEST(test_names_have_an_end)
{
	/* Anybody could make us remember packets' indices without one. */
	for (uint32_t index = 1; index < 6000; index++)
		ck_assert_ptr_null(names_find(names, index));
	fake_set_device(1, "lo");
	fake_set_device(7000, "late0");
	fake_advance(1000);
	ck_assert_str_eq(names_find(names, 1), "lo");
	ck_assert_ptr_null(names_find(names, 7000));
}
END_TEST

UNIT_MAIN("names", set_up, tear_down, test_names_are_found_by_index,
	  test_names_change_after_a_second, test_names_of_devices_that_come_later_are_found_later,
	  test_names_outlive_their_session, test_names_are_cut_to_their_room,
	  test_names_have_an_end)
