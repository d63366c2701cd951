/* SPDX-License-Identifier: MIT */
/*
 * Network namespaces for tests that need real packets: each test has one of its
 * own, as root or as a plain user (then in a user namespace of its own too), and
 * cleans up by ending. A thread goes between namespaces; sockets stay where they
 * were made, so both ends of a wire can live in one process.
 *
 * To run one test:
 *   tests/live/run verdicts                     one program of the suite
 *   tests/live/run verdicts payload             one of its cases (CK_RUN_CASE)
 *   CK_FORK=no gdb build/tests/live/test_live_verdicts
 *   NFBIND_BUILD=build-asan tests/live/run      all, of another build folder
 *   NFBIND_LIVE_USER=nobody tests/live/run      all, as a plain user
 */
#ifndef TESTS_LIVE_NETNS_H
#define TESTS_LIVE_NETNS_H

#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>

/* Before the first test: where programs are, and a lock file that iptables may write. */
void netns_prepare(void);
void netns_finish(void);

/* A new namespace with lo up; the calling thread is in it. A descriptor for it. */
int netns_new(void);
void netns_enter(int netns);
/* A descriptor for the calling thread's namespace. */
int netns_current(void);
uint64_t netns_inode(void);
uint64_t netns_inode_of(int netns);

/* A veth pair from this namespace (device `here`) to another, both up, with addresses of 10.NET.0.0/24 and fdNET::/64. */
void netns_join(const char *here, int other, const char *there, unsigned int net);

/* Have the stack fill in the checksums of what leaves by a device, instead of the device. */
void netns_checksum_in_software(const char *device);

/*
 * A new user namespace around the calling process, in which it is root, and at once a
 * new network namespace, as unshare(1) does it: root's files in /proc/net are not its own.
 */
void netns_new_user(void);

/* A shell command; the test fails when it does. */
void run(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* One that may fail: whether it did not. */
bool run_quietly(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The number that a shell command prints. */
long long run_for_number(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Queue what a rule's first words match, as ("iptables", "OUTPUT -p udp", 5). */
void queue_rule(const char *program, const char *match, unsigned int number);

/* Take a capability, as CAP_NET_ADMIN, from the calling thread, and give it back. */
void cap_drop(int capability);
void cap_restore(int capability);

#endif
