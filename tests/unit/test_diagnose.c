/* SPDX-License-Identifier: MIT */
/*
 * Why something did not work: the kernel's few error numbers told apart, and the
 * probe, which asks the same questions beforehand.
 */
#include <stdio.h>
#include <unistd.h>

#include "session.h"

#define PROC "netfilter/nfnetlink_queue"

static void says(const char *part)
{
	const char *sentence = session_message(NFBIND_SIDE_RECEIVE);

	ck_assert_msg(strstr(sentence, part) != NULL, "\"%s\" does not say \"%s\"", sentence, part);
}

START_TEST(test_diagnose_queue_of_another_program_is_busy)
{
	kernel_bind_elsewhere(5);
	/* The kernel says EPERM for it. */
	ck_assert_int_eq(nfbind_queue_bind(session, 5, NULL), -EBUSY);
	says("queue 5 is bound already by another socket");
	says("only root");
	fake_set_proc(PROC, "    5   1234     0 2 65531     0     0        0  1\n");
	ck_assert_int_eq(nfbind_queue_bind(session, 5, NULL), -EBUSY);
	says("queue 5 is bound already by port 1234");
	/* Nothing was broken by asking. */
	session_bind(6, NULL);
}
END_TEST

START_TEST(test_diagnose_owner_is_named_by_process)
{
	char line[200], path[64], target[64] = "";
	int fds[2];
	unsigned long inode = 0;

	/* Some socket of ours stands for the owner's; any inode will do. */
	ck_assert_int_eq(pipe(fds), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[0]);
	ck_assert_int_gt(readlink(path, target, sizeof(target) - 1), 0);
	(void)sscanf(target, "pipe:[%lu]", &inode);
	snprintf(line, sizeof(line), "sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode\n"
		 "0000000000000000 12 1234 00000000 0 0 0 2 0 %lu\n", inode);
	kernel_bind_elsewhere(5);
	fake_set_proc(PROC, "5 1234 0 2 65531 0 0 0 1\n");
	fake_set_proc("netlink", line);
	ck_assert_int_eq(nfbind_queue_bind(session, 5, NULL), -EBUSY);
	says("by port 1234");
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(test_diagnose_missing_right_is_eperm)
{
	kernel.has_rights = false;
	ck_assert_int_eq(nfbind_queue_bind(session, 5, NULL), -EPERM);
	says("CAP_NET_ADMIN is missing");
}
END_TEST

START_TEST(test_diagnose_missing_flag_is_named)
{
	static const struct {
		uint32_t option;
		uint32_t flag;
		const char *name;
	} flags[] = {
		{ NFBIND_OPTIONS_FAIL_OPEN, 1, "fail-open" },
		{ NFBIND_OPTIONS_CONNTRACK, 2, "NETFILTER_NETLINK_GLUE_CT" },
		{ NFBIND_OPTIONS_GSO, 4, "gso" },
		{ NFBIND_OPTIONS_UID_GID, 8, "uid-gid" },
		{ NFBIND_OPTIONS_SECCTX, 16, "secctx" },
	};

	for (size_t i = 0; i < COUNT_OF(flags); i++) {
		kernel.known_flags = 31 & ~flags[i].flag;
		ck_assert_int_eq(nfbind_queue_bind(session, 5, options_of(flags[i].option, 1,
									  OPTIONS_END)),
				 -EOPNOTSUPP);
		says(flags[i].name);
		ck_assert(!kernel_is_bound(5));
	}
	kernel.known_flags = 0;
	ck_assert_int_eq(nfbind_queue_bind(session, 5, options_of(NFBIND_OPTIONS_GSO, 0,
								  OPTIONS_END)), 0);
	ck_assert_int_eq(nfbind_queue_change(session, 5, options_of(NFBIND_OPTIONS_SECCTX, 1,
								    OPTIONS_END)), -EOPNOTSUPP);
	says("secctx");
}
END_TEST

START_TEST(test_diagnose_missing_module_is_einval)
{
	kernel.subsystems = 0;
	ck_assert_int_eq(nfbind_queue_bind(session, 5, NULL), -EINVAL);
	says("no nfnetlink_queue");
}
END_TEST

START_TEST(test_diagnose_kernels_own_enotsupp_is_translated)
{
	kernel.request_error = -524;
	ck_assert_int_eq(nfbind_queue_bind(session, 5, NULL), -EOPNOTSUPP);
	says("lacks one of the queue flags");
}
END_TEST

START_TEST(test_diagnose_other_errors_keep_their_words)
{
	kernel.request_error = -ENOMEM;
	ck_assert_int_eq(nfbind_queue_bind(session, 5, NULL), -ENOMEM);
	says("Cannot allocate memory");
	session_bind(5, NULL);
}
END_TEST

/* The probe. */

static uint64_t probe(char *text, size_t size)
{
	uint64_t features = 0;

	ck_assert_int_eq(nfbind_probe(NULL, &features, text, size), 0);
	return features;
}

START_TEST(test_probe_finds_everything_where_it_is)
{
	char text[600];

	ck_assert_uint_eq(probe(text, sizeof(text)), 0x1ff);
	ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(test_probe_says_what_is_missing)
{
	char text[600];

	kernel.known_flags = 1 | 4;
	kernel.subsystems = ~(1u << KERNEL_SUBSYS_CTHELPER);
	ck_assert_uint_eq(probe(text, sizeof(text)),
			  NFBIND_FEATURE_QUEUE | NFBIND_FEATURE_QUEUE_FAIL_OPEN |
			  NFBIND_FEATURE_QUEUE_GSO | NFBIND_FEATURE_CONNTRACK |
			  NFBIND_FEATURE_EXPECT);
	ck_assert_ptr_nonnull(strstr(text, "no queue flag conntrack"));
	ck_assert_ptr_nonnull(strstr(text, "; no queue flag uid-gid"));
	ck_assert_ptr_nonnull(strstr(text, "no user-space helpers"));
}
END_TEST

START_TEST(test_probe_of_a_bare_kernel_finds_nothing)
{
	char text[600];

	kernel.subsystems = 0;
	ck_assert_uint_eq(probe(text, sizeof(text)), 0);
	ck_assert_ptr_nonnull(strstr(text, "no packet queues"));
}
END_TEST

START_TEST(test_probe_without_rights_is_eperm)
{
	uint64_t features = 77;
	char text[600];

	kernel.has_rights = false;
	ck_assert_int_eq(nfbind_probe(NULL, &features, text, sizeof(text)), -EPERM);
	ck_assert_uint_eq(features, 77);
	ck_assert_ptr_nonnull(strstr(text, "CAP_NET_ADMIN"));
}
END_TEST

START_TEST(test_probe_without_nfnetlink_says_so)
{
	uint64_t features = 77;
	char text[600];

	fake.open_error = -EPROTONOSUPPORT;
	ck_assert_int_eq(nfbind_probe(NULL, &features, text, sizeof(text)), -EPROTONOSUPPORT);
	ck_assert_uint_eq(features, 77);
	ck_assert_ptr_nonnull(strstr(text, "no nfnetlink"));
	ck_assert_int_eq(nfbind_probe(NULL, NULL, text, sizeof(text)), -EINVAL);
}
END_TEST

START_TEST(test_probe_passes_queues_of_others_by)
{
	for (uint16_t i = 0; i < 10; i++)
		kernel_bind_elsewhere((uint16_t)(65535 - i));
	ck_assert_uint_eq(probe(NULL, 0), 0x1ff);
}
END_TEST

UNIT_MAIN("diagnose", session_set_up, session_tear_down,
	  test_diagnose_queue_of_another_program_is_busy, test_diagnose_owner_is_named_by_process,
	  test_diagnose_missing_right_is_eperm, test_diagnose_missing_flag_is_named,
	  test_diagnose_missing_module_is_einval,
	  test_diagnose_kernels_own_enotsupp_is_translated,
	  test_diagnose_other_errors_keep_their_words, test_probe_finds_everything_where_it_is,
	  test_probe_says_what_is_missing, test_probe_of_a_bare_kernel_finds_nothing,
	  test_probe_without_rights_is_eperm, test_probe_without_nfnetlink_says_so,
	  test_probe_passes_queues_of_others_by)
