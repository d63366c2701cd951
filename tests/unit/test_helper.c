/* SPDX-License-Identifier: MIT */
/*
 * A running helper over a fake kernel with a table of helpers: what it registers and
 * binds, in which order, what it makes of leftovers, and that nothing of it is left when
 * it fails or closes.
 */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/netlink.h>

#include "fake_helpers.h"
#include "session.h"

enum { QUEUE = 7, TCP = 6 };

static struct nfbind_helper *helper;
static struct nfbind_cthelper *record;

static void number(uint32_t field, uint64_t value)
{
	ck_assert_int_eq(nfbind_cthelper_set_number(record, field, value), 0);
}

static void text(uint32_t field, const char *value)
{
	ck_assert_int_eq(nfbind_cthelper_set_bytes(record, field, value, strlen(value)), 0);
}

static void set_up(void)
{
	helpers_set_up();
	ck_assert_int_eq(nfbind_helper_new(&helper), 0);
	ck_assert_int_eq(nfbind_cthelper_new(&record), 0);
	text(NFBIND_CTHELPER_NAME, "test");
	number(NFBIND_CTHELPER_L4PROTO, TCP);
	number(NFBIND_CTHELPER_QUEUE, QUEUE);
	number(NFBIND_CTHELPER_PRIV_DATA_LEN, 16);
	text(NFBIND_CTHELPER_POLICY1_NAME, "speech");
	number(NFBIND_CTHELPER_POLICY1_MAX, 4);
	number(NFBIND_CTHELPER_POLICY1_TIMEOUT, 300);
}

static void tear_down(void)
{
	nfbind_helper_free(helper);
	nfbind_cthelper_free(record);
	helpers_tear_down();
}

static void says(const char *words)
{
	char said[700];

	ck_assert_int_ge(nfbind_helper_last_message(helper, said, sizeof(said)), 0);
	ck_assert_msg(strstr(said, words) != NULL, "it says: %s", said);
}

static int run_with(const struct nfbind_options *options)
{
	return nfbind_helper_open(helper, record, options);
}

static struct fake_helper *entry(uint16_t l3proto)
{
	return helpers_find("test", l3proto, TCP);
}

static void nothing_is_left(void)
{
	ck_assert_uint_eq(helpers.count, 0);
	ck_assert(!kernel_is_bound(QUEUE));
}

/* Opening. */

START_TEST(test_open_registers_both_families_and_binds)
{
	ck_assert_ptr_null(nfbind_helper_get_queue(helper));
	ck_assert_int_eq(run_with(NULL), 0);
	says("");
	ck_assert_uint_eq(helpers.count, 2);
	ck_assert_uint_eq(entry(2)->queue, QUEUE);
	ck_assert_uint_eq(entry(10)->status, 1);
	ck_assert_uint_eq(entry(10)->priv_data_len, 16);
	ck_assert(kernel_is_bound(QUEUE));
	ck_assert_ptr_nonnull(nfbind_helper_get_queue(helper));
	ck_assert_int_eq(run_with(NULL), -EALREADY);
	ck_assert_int_eq(nfbind_helper_close(helper), 0);
	nothing_is_left();
	ck_assert_int_eq(nfbind_helper_close(helper), 0);
	ck_assert_int_eq(run_with(NULL), -ESHUTDOWN);
	says("was closed");
}
END_TEST

START_TEST(test_open_of_one_family)
{
	number(NFBIND_CTHELPER_L3PROTO, 10);
	number(NFBIND_CTHELPER_STATUS, 0);
	helpers_make("test", 2, TCP, 9);
	ck_assert_int_eq(run_with(NULL), 0);
	ck_assert_uint_eq(entry(10)->status, 0);
	/* Somebody else's. */
	ck_assert_uint_eq(entry(2)->queue, 9);
	ck_assert_int_eq(nfbind_helper_close(helper), 0);
	ck_assert_uint_eq(helpers.count, 1);
	ck_assert_ptr_nonnull(entry(2));
}
END_TEST

static bool binds(const struct fake_send *send)
{
	return ((const struct nlmsghdr *)send->data)->nlmsg_type == 0x302;
}

static bool adds(const struct fake_send *send)
{
	return ((const struct nlmsghdr *)send->data)->nlmsg_type == 0x900;
}

START_TEST(test_queue_is_bound_first_and_with_connections)
{
	size_t bound = SIZE_MAX, added = SIZE_MAX;
	const struct fake_send *bind;
	uint32_t flags;

	ck_assert_int_eq(run_with(NULL), 0);
	for (size_t i = 0; i < fake_sent_count(); i++) {
		bound = bound == SIZE_MAX && binds(fake_sent(i)) ? i : bound;
		added = added == SIZE_MAX && adds(fake_sent(i)) ? i : added;
	}
	ck_assert_uint_lt(bound, added);
	ck_assert_uint_lt(added, fake_sent_count());
	bind = fake_sent(bound);
	flags = attribute_u32(bind->data + 20, bind->len - 20, KERNEL_NFQA_CFG_FLAGS);
	ck_assert_uint_eq(flags & KERNEL_CFG_CONNTRACK, KERNEL_CFG_CONNTRACK);
	ck_assert_uint_eq(flags & KERNEL_CFG_GSO, 0);
}
END_TEST

START_TEST(test_options_go_to_the_queue)
{
	struct nfbind_options *options;
	struct nfbind_queue *queue;
	size_t i = 0;
	uint32_t flags;

	ck_assert_int_eq(nfbind_options_new(&options), 0);
	nfbind_options_set_number(options, NFBIND_OPTIONS_GSO, 1);
	nfbind_options_set_number(options, NFBIND_OPTIONS_CONNTRACK, 0);
	nfbind_options_set_number(options, NFBIND_OPTIONS_DEFAULT_VERDICT, NFBIND_VERDICT_DROP);
	nfbind_options_set_bytes(options, NFBIND_OPTIONS_NETNS_PATH, "/run/netns/x", 12);
	ck_assert_int_eq(run_with(options), 0);
	ck_assert_str_eq(fake.place.netns_path, "/run/netns/x");
	nfbind_options_free(options);
	while (!binds(fake_sent(i)))
		i++;
	flags = attribute_u32(fake_sent(i)->data + 20, fake_sent(i)->len - 20, KERNEL_NFQA_CFG_FLAGS);
	ck_assert_uint_eq(flags, KERNEL_CFG_GSO | KERNEL_CFG_CONNTRACK);
	queue = nfbind_helper_get_queue(helper);
	kernel_packet(QUEUE);
	ck_assert_int_eq(nfbind_queue_receive(queue, 0, &batch), 1);
	ck_assert_int_eq(nfbind_queue_settle(queue), 0);
	ck_assert_uint_eq(kernel_packet_at(0)->verdict, NFBIND_VERDICT_DROP);
}
END_TEST

START_TEST(test_undecided_packets_pass)
{
	ck_assert_int_eq(run_with(NULL), 0);
	kernel_packet(QUEUE);
	ck_assert_int_eq(nfbind_queue_receive(nfbind_helper_get_queue(helper), 0, &batch), 1);
	kernel_packet(QUEUE);
	kernel_packet(QUEUE);
	/* One in the running batch, two that were never received. */
	ck_assert_int_eq(nfbind_helper_close(helper), 0);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_int_eq(kernel_packet_at(i)->state, KERNEL_DECIDED);
		ck_assert_uint_eq(kernel_packet_at(i)->verdict, NFBIND_VERDICT_ACCEPT);
	}
	nothing_is_left();
}
END_TEST

START_TEST(test_a_wake_does_not_keep_packets_at_the_end)
{
	ck_assert_int_eq(run_with(NULL), 0);
	kernel_packet(QUEUE);
	nfbind_queue_wake(nfbind_helper_get_queue(helper));
	ck_assert_int_eq(nfbind_helper_close(helper), 0);
	ck_assert_int_eq(kernel_packet_at(0)->state, KERNEL_DECIDED);
}
END_TEST

/* What is wrong with the record is told before anything happens. */
START_TEST(test_record_has_to_be_whole)
{
	number(NFBIND_CTHELPER_POLICY1_MAX, 256);
	ck_assert_int_eq(run_with(NULL), -EINVAL);
	says("at most 255");
	number(NFBIND_CTHELPER_POLICY1_MAX, 4);
	nfbind_cthelper_clear(record, NFBIND_CTHELPER_L4PROTO);
	ck_assert_int_eq(run_with(NULL), -EINVAL);
	number(NFBIND_CTHELPER_L4PROTO, TCP);
	number(NFBIND_CTHELPER_L3PROTO, 7);
	ck_assert_int_eq(run_with(NULL), -EINVAL);
	says("network protocol");
	ck_assert_int_eq(nfbind_helper_open(helper, NULL, NULL), -EINVAL);
	ck_assert_int_eq(nfbind_helper_open(NULL, record, NULL), -EINVAL);
	ck_assert_uint_eq(fake_sent_count(), 0);
	number(NFBIND_CTHELPER_L3PROTO, 2);
	ck_assert_int_eq(run_with(options_of(NFBIND_OPTIONS_SOCKET_FD, 5, OPTIONS_END)), -EINVAL);
	says("two sockets");
	ck_assert_int_eq(run_with(NULL), 0);
}
END_TEST

/* Failing. */

START_TEST(test_each_reason_why_it_cannot_be)
{
	kernel.subsystems = ~(1u << KERNEL_SUBSYS_CTHELPER);
	ck_assert_int_eq(run_with(NULL), -EOPNOTSUPP);
	says("nfnetlink_cthelper");
	kernel.subsystems = ~0u;
	helpers.is_forbidden = true;
	ck_assert_int_eq(run_with(NULL), -EPERM);
	says("initial user namespace");
	helpers.is_forbidden = false;
	kernel.known_flags &= ~(uint32_t)KERNEL_CFG_CONNTRACK;
	ck_assert_int_eq(run_with(NULL), -EOPNOTSUPP);
	says("GLUE_CT");
	kernel.known_flags |= KERNEL_CFG_CONNTRACK;
	fake.open_error = -EMFILE;
	ck_assert_int_eq(run_with(NULL), -EMFILE);
	fake.open_error = 0;
	ck_assert_int_eq(run_with(options_of(NFBIND_OPTIONS_MAXLEN, 0, OPTIONS_END)), -EINVAL);
	says("out of range");
	helpers.own = "test";
	ck_assert_int_eq(run_with(NULL), -EEXIST);
	says("of its own");
	nothing_is_left();
	/* After all of that it can be opened. */
	helpers.own = NULL;
	ck_assert_int_eq(run_with(NULL), 0);
}
END_TEST

START_TEST(test_a_bound_queue_is_somebody_elses)
{
	kernel_bind_elsewhere(QUEUE);
	ck_assert_int_eq(run_with(NULL), -EBUSY);
	says("bound already");
	ck_assert_uint_eq(helpers.changes, 0);
}
END_TEST

START_TEST(test_the_first_family_goes_when_the_second_fails)
{
	helpers.error = -ENOMEM;
	helpers.until_error = 1;
	ck_assert_int_eq(run_with(NULL), -ENOMEM);
	says("IPv6");
	nothing_is_left();
}
END_TEST

/* Leftovers. */

START_TEST(test_equal_leftover_is_taken_over)
{
	helpers_make("test", 2, TCP, QUEUE);
	helpers_make("test", 10, TCP, QUEUE);
	entry(2)->is_used = entry(10)->is_used = true;
	ck_assert_int_eq(run_with(NULL), 0);
	ck_assert_uint_eq(helpers.changes, 0);
	ck_assert(kernel_is_bound(QUEUE));
	/* A rule refers to it: what is left passes packets. */
	ck_assert_int_eq(nfbind_helper_close(helper), -EBUSY);
	says("disabled and not removed");
	ck_assert_uint_eq(helpers.count, 2);
	ck_assert_uint_eq(entry(2)->status, 0);
	ck_assert_uint_eq(entry(10)->status, 0);
}
END_TEST

/* The end of the other would take this one from its rule, on many kernels. */
START_TEST(test_close_keeps_both_when_a_rule_refers_to_the_first)
{
	ck_assert_int_eq(run_with(NULL), 0);
	entry(2)->is_used = true;
	ck_assert_int_eq(nfbind_helper_close(helper), -EBUSY);
	says("for IPv4: it was disabled and not removed");
	ck_assert_uint_eq(entry(2)->status, 0);
	ck_assert_uint_eq(entry(10)->status, 0);
}
END_TEST

/* Also where the kernel would remove it under the rule's feet. */
START_TEST(test_close_keeps_what_is_to_be_kept)
{
	helpers.removes_used = true;
	ck_assert_int_eq(run_with(options_of(NFBIND_OPTIONS_KEEP_RECORD, 1, OPTIONS_END)), 0);
	ck_assert_uint_eq(entry(2)->status, 1);
	ck_assert_int_eq(nfbind_helper_close(helper), 0);
	ck_assert_uint_eq(helpers.count, 2);
	ck_assert_uint_eq(entry(2)->status, 0);
	ck_assert_uint_eq(entry(10)->status, 0);
	ck_assert(!kernel_is_bound(QUEUE));
}
END_TEST

START_TEST(test_close_of_a_kept_one_that_somebody_removed)
{
	ck_assert_int_eq(run_with(options_of(NFBIND_OPTIONS_KEEP_RECORD, 1, OPTIONS_END)), 0);
	helpers.count = 0;
	ck_assert_int_eq(nfbind_helper_close(helper), 0);
}
END_TEST

START_TEST(test_an_open_that_fails_keeps_nothing)
{
	helpers.error = -ENOMEM;
	helpers.until_error = 1;
	ck_assert_int_eq(run_with(options_of(NFBIND_OPTIONS_KEEP_RECORD, 1, OPTIONS_END)), -ENOMEM);
	nothing_is_left();
}
END_TEST

START_TEST(test_leftover_is_changed_where_that_is_possible)
{
	helpers_make("test", 2, TCP, 9)->is_used = true;
	entry(2)->status = 0;
	entry(2)->policies[0].max = 1;
	ck_assert_int_eq(run_with(NULL), 0);
	ck_assert_uint_eq(entry(2)->status, 1);
	ck_assert_uint_eq(entry(2)->queue, QUEUE);
	ck_assert_uint_eq(entry(2)->policies[0].max, 4);
	ck_assert_uint_eq(helpers.count, 2);
	entry(2)->is_used = false;
}
END_TEST

START_TEST(test_leftover_is_made_anew_where_it_cannot_be_changed)
{
	helpers_make("test", 10, TCP, QUEUE)->priv_data_len = 8;
	ck_assert_int_eq(run_with(NULL), 0);
	ck_assert_uint_eq(entry(10)->priv_data_len, 16);
	ck_assert_int_eq(nfbind_helper_close(helper), 0);
	nothing_is_left();
}
END_TEST

START_TEST(test_leftover_that_cannot_go_is_explained)
{
	struct fake_helper *left = helpers_make("test", 10, TCP, QUEUE);

	left->priv_data_len = 8;
	left->is_used = true;
	ck_assert_int_eq(run_with(NULL), -EBUSY);
	says("take that rule away first");
	ck_assert_uint_eq(helpers.count, 1);
}
END_TEST

START_TEST(test_a_helper_that_somebody_runs_is_not_taken)
{
	helpers_make("test", 10, TCP, 9);
	kernel_bind_elsewhere(9);
	ck_assert_int_eq(run_with(NULL), -EBUSY);
	says("somebody runs it: queue 9");
	ck_assert_uint_eq(helpers.changes, 0);
	ck_assert_uint_eq(entry(10)->queue, 9);
}
END_TEST

START_TEST(test_nothing_is_taken_over_against_the_wish)
{
	helpers_make("test", 10, TCP, QUEUE);
	ck_assert_int_eq(run_with(options_of(NFBIND_OPTIONS_TAKE_OVER, 0, OPTIONS_END)), -EEXIST);
	says("for IPv6 is there already");
	ck_assert_uint_eq(helpers.changes, 0);
	helpers.count = 0;
	ck_assert_int_eq(run_with(options_of(NFBIND_OPTIONS_TAKE_OVER, 0, OPTIONS_END)), 0);
}
END_TEST

/* Closing. */

START_TEST(test_close_of_what_somebody_removed)
{
	ck_assert_int_eq(run_with(NULL), 0);
	helpers.count = 0;
	ck_assert_int_eq(nfbind_helper_close(helper), 0);
}
END_TEST

START_TEST(test_close_without_rights_tells_what_is_left)
{
	ck_assert_int_eq(run_with(NULL), 0);
	helpers.is_forbidden = true;
	ck_assert_int_eq(nfbind_helper_close(helper), -EPERM);
	says("initial user namespace");
	ck_assert_int_eq(nfbind_queue_receive(nfbind_helper_get_queue(helper), 0, &batch), -ESHUTDOWN);
}
END_TEST

START_TEST(test_close_of_an_unopened_one)
{
	char said[8];

	ck_assert_int_eq(nfbind_helper_close(helper), 0);
	ck_assert_int_eq(nfbind_helper_close(NULL), -EINVAL);
	ck_assert_int_eq(nfbind_helper_last_message(NULL, said, sizeof(said)), -EINVAL);
	ck_assert_ptr_null(nfbind_helper_get_queue(NULL));
	nfbind_helper_free(NULL);
}
END_TEST

START_TEST(test_a_child_removes_nothing)
{
	unsigned int changes;
	pid_t child;
	int status;

	ck_assert_int_eq(run_with(NULL), 0);
	changes = helpers.changes;
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		size_t sent = fake_sent_count();
		bool good = nfbind_queue_receive(nfbind_helper_get_queue(helper), 0, &batch) == -ECHILD;

		good &= nfbind_helper_open(helper, record, NULL) < 0;
		good &= nfbind_helper_close(helper) == 0;
		good &= fake_sent_count() == sent && helpers.changes == changes && helpers.count == 2;
		nfbind_helper_free(helper);
		_exit(good ? 42 : 1);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(WEXITSTATUS(status), 42);
	ck_assert_int_eq(nfbind_helper_close(helper), 0);
	nothing_is_left();
}
END_TEST

UNIT_MAIN("helper", set_up, tear_down, test_open_registers_both_families_and_binds,
	  test_open_of_one_family, test_queue_is_bound_first_and_with_connections,
	  test_options_go_to_the_queue, test_undecided_packets_pass,
	  test_a_wake_does_not_keep_packets_at_the_end, test_record_has_to_be_whole,
	  test_each_reason_why_it_cannot_be, test_a_bound_queue_is_somebody_elses,
	  test_the_first_family_goes_when_the_second_fails, test_equal_leftover_is_taken_over,
	  test_close_keeps_both_when_a_rule_refers_to_the_first,
	  test_close_keeps_what_is_to_be_kept,
	  test_close_of_a_kept_one_that_somebody_removed,
	  test_an_open_that_fails_keeps_nothing,
	  test_leftover_is_changed_where_that_is_possible,
	  test_leftover_is_made_anew_where_it_cannot_be_changed,
	  test_leftover_that_cannot_go_is_explained, test_a_helper_that_somebody_runs_is_not_taken,
	  test_nothing_is_taken_over_against_the_wish, test_close_of_what_somebody_removed,
	  test_close_without_rights_tells_what_is_left, test_close_of_an_unopened_one,
	  test_a_child_removes_nothing)
