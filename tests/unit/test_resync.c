/* SPDX-License-Identifier: MIT */
/*
 * Resync, one thing at a time: the table changes by hand alone.
 */
#include "table_model.h"

#include <linux/netlink.h>

#include "unit.h"

static void start_quiet(uint32_t entries)
{
	model_start();
	model_fill(entries);
	model_open();
}

/* An event that says little, whatever the table has. */
static void tell(uint32_t tuple, uint32_t id, uint16_t type, uint16_t flags)
{
	model_tell(tuple, &(struct entry){ .id = id, .mark = 7 }, type, flags);
}

START_TEST(test_lists_first_and_marks_blind_ones)
{
	start_quiet(3);
	ck_assert_int_eq(model_take(), 0);
	model_settle();
	ck_assert_uint_eq(model.synced, 1);
	model_compare(0);
	ck_assert_uint_eq(model_stats().keys, 3);
	ck_assert_uint_eq(model_stats().blind, 3);
	ck_assert_uint_eq(model_stats().listed, 3);
	model_close();
	/* A namespace that announces all. */
	model_start();
	model_open();
	nfbind_events_free(model.session);
	fake_set_proc("/proc/sys/net/netfilter/nf_conntrack_events", "1\n");
	ck_assert_int_eq(nfbind_events_new(&model.session), 0);
	ck_assert_int_eq(nfbind_events_open(model.session, model.options), 0);
	model_settle();
	model_compare(1);
	ck_assert_uint_eq(model_stats().blind, 0);
	model_close();
}
END_TEST

START_TEST(test_blind_ones_are_asked_for_when_their_time_is_over)
{
	int32_t timeout;

	start_quiet(3);
	model_settle();
	model.table[1] = (struct entry){ 0 };
	model_settle();
	ck_assert_uint_ne(model.copy[1].id, 0);
	ck_assert_int_eq(nfbind_events_get_deadline(model.session, &timeout), 0);
	ck_assert_int_ge(timeout, 90000);
	ck_assert_int_le(timeout, 102000);
	/* What is heard of is not blind any more. */
	tell(0, 100, 0x100, 0);
	model_take();
	ck_assert_uint_eq(model_stats().blind, 2);
	model.copy[0].mark = model.table[0].mark;
	fake_advance((uint32_t)timeout + 2000);
	model_take();
	ck_assert_uint_eq(model.copy[1].id, 0);
	ck_assert_uint_eq(model.ended, 1);
	model_compare(0);
	ck_assert_uint_eq(model_stats().blind, 1);
	ck_assert_int_eq(nfbind_events_get_deadline(model.session, &timeout), 0);
	ck_assert_int_ge(timeout, 90000);
	ck_assert_int_le(timeout, 102000);
	model_close();
}
END_TEST

START_TEST(test_one_whose_time_is_as_good_as_over_is_asked_for_at_once)
{
	int32_t timeout;

	model_start();
	model_fill(1);
	model.timeout = 0;
	model_open();
	model_settle();
	ck_assert_int_eq(nfbind_events_get_deadline(model.session, &timeout), 0);
	ck_assert_int_le(timeout, 1000);
	model.table[0] = (struct entry){ 0 };
	fake_advance((uint32_t)timeout);
	model_take();
	ck_assert_str_eq(model_story(), "N0'* S D0'");
	ck_assert_int_eq(nfbind_events_get_deadline(model.session, &timeout), -ENODATA);
	model_close();
}
END_TEST

START_TEST(test_a_resync_that_is_asked_for_finds_what_is_gone)
{
	start_quiet(3);
	model_settle();
	model.table[1] = (struct entry){ 0 };
	model.table[2].id = 77;
	ck_assert_int_eq(nfbind_events_resync(model.session), 0);
	fake_advance(10);
	model_settle();
	ck_assert_uint_eq(model.synced, 2);
	ck_assert_uint_eq(model.ended, 2);
	model_compare(0);
	model_close();
}
END_TEST

START_TEST(test_lists_no_more_often_than_told)
{
	int32_t timeout;

	nfbind_options_set_number(model.options, NFBIND_OPTIONS_RESYNC_INTERVAL, 500);
	start_quiet(3);
	model_take();
	ck_assert_uint_eq(model.synced, 1);
	ck_assert_int_eq(nfbind_events_resync(model.session), 0);
	ck_assert_int_eq(model_take(), -EAGAIN);
	ck_assert_int_eq(nfbind_events_get_deadline(model.session, &timeout), 0);
	ck_assert_int_eq(timeout, 500);
	/* A wait ends when it is due. */
	ck_assert_int_eq(nfbind_events_receive(model.session, -1), 0);
	ck_assert_int_eq(fake.last_timeout, 500);
	model_take();
	ck_assert_uint_eq(model.synced, 2);
	model_close();
}
END_TEST

START_TEST(test_old_events_change_nothing)
{
	start_quiet(3);
	model_settle();
	/* Of one that had the name before. */
	tell(1, 55, 0x102, 0);
	model_take();
	model_compare(0);
	ck_assert_uint_eq(model_stats().stale, 1);
	/* Of one that nobody knows. */
	tell(20, 55, 0x102, 0);
	model_take();
	ck_assert_uint_eq(model_stats().stale, 2);
	/* A change that comes behind the end: it is asked for, and not there. */
	tell(21, 55, 0x100, 0);
	model_take();
	model_compare(0);
	ck_assert_uint_eq(model_stats().stale, 3);
	ck_assert_uint_eq(model_stats().fetched, 1);
	/* What was added, again. */
	tell(2, 102, 0x100, NLM_F_CREATE | NLM_F_EXCL);
	model_take();
	ck_assert_uint_eq(model.copy[2].id, 102);
	ck_assert_uint_eq(model.ended, 0);
	model_close();
}
END_TEST

START_TEST(test_a_change_of_what_is_not_known_is_new_and_whole)
{
	start_quiet(1);
	model_settle();
	model.table[5] = (struct entry){ .id = 500, .mark = 33 };
	tell(5, 500, 0x100, 0);
	model_take();
	model_compare(0);
	/* Of another one than is known: that one ended. */
	model.table[5] = (struct entry){ .id = 501, .mark = 34 };
	tell(5, 501, 0x100, 0);
	model_take();
	model_compare(0);
	ck_assert_uint_eq(model.ended, 1);
	model_close();
}
END_TEST

START_TEST(test_too_many_entries_are_told)
{
	nfbind_options_set_number(model.options, NFBIND_OPTIONS_KEYS_MAX, 2);
	start_quiet(4);
	model_settle();
	ck_assert_uint_eq(model.limits, 1);
	ck_assert_uint_eq(model.synced, 0);
	ck_assert_uint_eq(model_stats().keys, 2);
	model_compare(0);
	/* The end of one that did not fit is given out all the same. */
	model.table[3] = (struct entry){ 0 };
	tell(3, 103, 0x102, 0);
	model_take();
	model_compare(0);
	model_close();
	nfbind_options_clear(model.options, NFBIND_OPTIONS_KEYS_MAX);
}
END_TEST

START_TEST(test_a_list_that_fails_is_read_again)
{
	start_quiet(3);
	fake_send_result(-ENOBUFS);
	model_take();
	ck_assert_uint_eq(model.synced, 0);
	ck_assert_uint_eq(model_stats().failed_resyncs, 1);
	fake_advance(10);
	model_settle();
	ck_assert_uint_eq(model.synced, 1);
	model_compare(0);
	model_close();
}
END_TEST

START_TEST(test_what_cannot_be_read_may_have_been_an_event)
{
	uint8_t rubbish[20] = { 200 };

	start_quiet(3);
	model_settle();
	model.table[1] = (struct entry){ 0 };
	fake_deliver_to(fake.events_fd, rubbish, sizeof(rubbish));
	model_take();
	fake_advance(10);
	model_settle();
	ck_assert_uint_eq(model.synced, 2);
	model_compare(0);
	model_close();
}
END_TEST

START_TEST(test_filters_are_for_the_copy_too)
{
	start_quiet(4);
	nfbind_events_free(model.session);
	ck_assert_int_eq(nfbind_events_new(&model.session), 0);
	model_add_filter(2, UINT32_MAX);
	ck_assert_int_eq(nfbind_events_open(model.session, model.options), 0);
	model_settle();
	ck_assert_uint_eq(model.copy[0].id + model.copy[1].id + model.copy[3].id, 0);
	ck_assert_uint_eq(model.copy[2].id, 102);
	/* It changes, and is not meant any more. */
	model.table[2].mark = 7;
	tell(2, 102, 0x100, 0);
	model_take();
	ck_assert_uint_eq(model.copy[2].id, 0);
	ck_assert_uint_eq(model.ended, 1);
	model_close();
}
END_TEST

START_TEST(test_refuses_what_no_copy_can_be_kept_with)
{
	fake_set_up();
	ck_assert_int_eq(nfbind_events_new(&model.session), 0);
	nfbind_options_set_number(model.options, NFBIND_OPTIONS_ALL_NAMESPACES, 1);
	ck_assert_int_eq(nfbind_events_open(model.session, model.options), -EINVAL);
	nfbind_options_clear(model.options, NFBIND_OPTIONS_ALL_NAMESPACES);
	nfbind_options_set_number(model.options, NFBIND_OPTIONS_EVENTS, NFBIND_EVENT_CT_NEW);
	ck_assert_int_eq(nfbind_events_open(model.session, model.options), -EINVAL);
	nfbind_options_set_number(model.options, NFBIND_OPTIONS_EVENTS, NFBIND_EVENT_EXP_NEW);
	ck_assert_int_eq(nfbind_events_open(model.session, model.options), -EINVAL);
	nfbind_options_clear(model.options, NFBIND_OPTIONS_EVENTS);
	nfbind_options_clear(model.options, NFBIND_OPTIONS_RESYNC);
	ck_assert_int_eq(nfbind_events_open(model.session, model.options), 0);
	ck_assert_int_eq(nfbind_events_resync(model.session), -EINVAL);
	ck_assert_int_eq(nfbind_events_resync(NULL), -EINVAL);
	model_close();
}
END_TEST

/* Lists and events at the same time. */

/* Pieces are longer than a receive's share, so that what happens behind one comes before its rest. */
static void start_apart(uint32_t batch)
{
	nfbind_options_set_number(model.options, NFBIND_OPTIONS_BATCH, batch);
	model.piece = 4 * batch + 2;
	model_open();
}

static void replace_some(uint32_t at)
{
	model.on_piece = NULL;
	model_remove(1);
	model_add(1, 500, 9);
	model_remove(32);
	model_remove(33);
	model_add(33, 501, 9);
}

START_TEST(test_what_was_listed_and_replaced_comes_in_order)
{
	model_start();
	model_fill(36);
	model.on_piece = replace_some;
	start_apart(8);
	model_take();
	model_story();
	/* The piece has 32 and 33 as they were. */
	model_settle();
	ck_assert_str_eq(model_story(), "D1 N1 N33 N34'* N35'* S");
	model_compare(0);
	ck_assert_uint_eq(model_stats().stale, 2);
	model_close();
}
END_TEST

static void lose_some(uint32_t at)
{
	model.on_piece = NULL;
	model_mark(0, 70);
	model_lose();
	model_remove(2);
	model_add(9, 500, 9);
}

START_TEST(test_a_loss_begins_the_list_again)
{
	model_start();
	model_fill(8);
	model.on_piece = lose_some;
	start_apart(1);
	model_take();
	ck_assert_str_eq(model_story(), "N0'* N1'* N2'* N3'*");
	model_settle();
	/* In order: what was queued, the gap, and what another list says. */
	ck_assert_str_eq(model_story(), "U0 N4'* N5'* N6'* N7'* O U0' U1'* U3'* U4'* U5'* U6'* U7'* N9'* D2' S");
	model_compare(0);
	ck_assert_uint_eq(model_stats().lost, 2 + 1);
	ck_assert_uint_eq(model_stats().resyncs, 1);
	model_close();
}
END_TEST

static void end_well(uint32_t at)
{
	model.list_flags = 0;
	model.list_error = 0;
	model.on_piece = NULL;
}

static void fail_once(const char *message, const char *story)
{
	char text[200];

	model.on_piece = end_well;
	model_open();
	model_take();
	ck_assert_str_eq(model_story(), story);
	ck_assert_uint_eq(model_stats().failed_resyncs, 1);
	nfbind_events_last_message(model.session, text, sizeof(text));
	ck_assert_msg(strstr(text, message), "%s", text);
	fake_advance(10);
	model_settle();
	ck_assert_uint_eq(model.synced, 1);
	model_compare(0);
	model_close();
}

START_TEST(test_a_list_that_is_interrupted_is_read_again)
{
	model_start();
	model_fill(3);
	model.piece = 2;
	model.list_flags = NLM_F_DUMP_INTR;
	fail_once("interrupted", "");
}
END_TEST

START_TEST(test_a_list_that_ends_with_an_error_is_read_again)
{
	model_start();
	model_fill(3);
	model.list_error = -EIO;
	fail_once("could not be listed", "N0'* N1'* N2'*");
}
END_TEST

static void lose_list(uint32_t at)
{
	if (at == 2)
		return;
	model.on_piece = NULL;
	fake_deliver_error_to(fake.events_fd + 2, -ENOBUFS);
}

START_TEST(test_a_list_that_gets_lost_is_read_again)
{
	model_start();
	model_fill(6);
	model.piece = 2;
	model.on_piece = lose_list;
	model_open();
	model_take();
	ck_assert_uint_eq(model_stats().failed_resyncs, 1);
	model_settle();
	ck_assert_uint_eq(model.synced, 1);
	model_compare(0);
	model_close();
}
END_TEST

/* Names. */

START_TEST(test_zones_make_different_ones)
{
	start_quiet(1);
	model.table[TUPLES / 2] = (struct entry){ .id = 100, .mark = 3, .use = 1 };
	model_settle();
	ck_assert_str_eq(model_story(), "N0'* N20'* S");
	model_compare(0);
	model_remove(TUPLES / 2);
	model_take();
	ck_assert_str_eq(model_story(), "D20");
	model_compare(0);
	model_close();
}
END_TEST

START_TEST(test_another_begin_is_another_one)
{
	start_quiet(3);
	for (uint32_t i = 0; i < 3; i++)
		model.table[i].start = 1000;
	model_settle();
	ck_assert_str_eq(model_story(), "N0'* N1'* N2'* S");
	/* By the list, and by an event: the id is the same. */
	model.table[1].start = 2000;
	nfbind_events_resync(model.session);
	fake_advance(10);
	model_settle();
	ck_assert_str_eq(model_story(), "U0'* D1' N1' U2'* S");
	model.table[2].start = 2000;
	model_mark(2, 8);
	model_take();
	ck_assert_str_eq(model_story(), "D2' N2'");
	model_compare(0);
	model_close();
}
END_TEST

START_TEST(test_expectations_are_listed_too)
{
	start_quiet(1);
	model.has_expectation[0] = true;
	model_settle();
	ck_assert_str_eq(model_story(), "N0'* n0'* S");
	model.has_expectation[0] = false;
	model.has_expectation[1] = true;
	nfbind_events_resync(model.session);
	fake_advance(10);
	model_settle();
	ck_assert_str_eq(model_story(), "U0'* n1' d0' S");
	model_close();
}
END_TEST

/* Filters and lists. */

static void fill_with_odd_marks(uint32_t count)
{
	model_fill(count);
	for (uint32_t i = 0; i < count; i++)
		model.table[i].mark = 2 * i + 1;
}

static void leave_the_filter(uint32_t at)
{
	if (at == 6)
		model_mark(5, 8);
}

START_TEST(test_a_list_brings_nothing_back_that_is_not_meant)
{
	model_start();
	fill_with_odd_marks(6);
	model.is_filtered = true;
	model.on_piece = leave_the_filter;
	start_apart(1);
	model_settle();
	ck_assert_str_eq(model_story(), "N0'* N1'* N2'* N3'* N4'* S");
	model_compare(0);
	/* The same about one that is known. */
	model.on_piece = NULL;
	model_mark(5, 11);
	model_settle();
	ck_assert_str_eq(model_story(), "N5'");
	model.on_piece = leave_the_filter;
	nfbind_events_resync(model.session);
	fake_advance(10);
	model_settle();
	ck_assert_str_eq(model_story(), "U0'* U1'* U2'* U3'* D5' U4'* S");
	model_compare(0);
	model_close();
}
END_TEST

static void say_little(uint32_t at)
{
	/* Its mark is odd, and the event does not have it. */
	if (at == 6)
		model_tell(5, &(struct entry){ .id = 105 }, 0x100, 0);
}

START_TEST(test_an_event_that_says_little_is_no_reason_to_miss_it)
{
	model_start();
	fill_with_odd_marks(6);
	model.is_filtered = true;
	model.on_piece = say_little;
	start_apart(1);
	model_settle();
	ck_assert_str_eq(model_story(), "N0'* N1'* N2'* N3'* N4'* N5' S");
	model_compare(0);
	model_close();
}
END_TEST

START_TEST(test_what_cannot_be_asked_for_is_listed)
{
	start_quiet(1);
	model_settle();
	model_story();
	model.table[5] = (struct entry){ .id = 500, .mark = 33, .use = 4 };
	fake_send_result(-EIO);
	tell(5, 500, 0x100, 0);
	model_take();
	ck_assert_str_eq(model_story(), "");
	fake_advance(10);
	model_settle();
	ck_assert_str_eq(model_story(), "U0'* N5' S");
	model_compare(0);
	model_close();
}
END_TEST

UNIT_MAIN("resync", model_set_up, model_tear_down,
	  test_lists_first_and_marks_blind_ones,
	  test_blind_ones_are_asked_for_when_their_time_is_over,
	  test_one_whose_time_is_as_good_as_over_is_asked_for_at_once,
	  test_a_resync_that_is_asked_for_finds_what_is_gone,
	  test_lists_no_more_often_than_told,
	  test_old_events_change_nothing,
	  test_a_change_of_what_is_not_known_is_new_and_whole,
	  test_too_many_entries_are_told,
	  test_a_list_that_fails_is_read_again,
	  test_what_cannot_be_read_may_have_been_an_event,
	  test_filters_are_for_the_copy_too,
	  test_refuses_what_no_copy_can_be_kept_with,
	  test_what_was_listed_and_replaced_comes_in_order,
	  test_a_loss_begins_the_list_again,
	  test_a_list_that_is_interrupted_is_read_again,
	  test_a_list_that_ends_with_an_error_is_read_again,
	  test_a_list_that_gets_lost_is_read_again,
	  test_zones_make_different_ones,
	  test_another_begin_is_another_one,
	  test_expectations_are_listed_too,
	  test_a_list_brings_nothing_back_that_is_not_meant,
	  test_an_event_that_says_little_is_no_reason_to_miss_it,
	  test_what_cannot_be_asked_for_is_listed)
