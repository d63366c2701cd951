/* SPDX-License-Identifier: MIT */
/*
 * Namespaces, rules and rights, made with the programs that an administrator
 * would use; see netns.h. Everything that fails ends the test.
 */
#include "netns.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char lock_path[64];

void netns_prepare(void)
{
	const char *path = getenv("PATH");
	char wider[4096];

	snprintf(wider, sizeof(wider), "%s:/usr/sbin:/sbin:/usr/bin:/bin", path ? path : "");
	setenv("PATH", wider, 1);
	snprintf(lock_path, sizeof(lock_path), "/tmp/nfbind-live-%d.lock", (int)getpid());
	setenv("XTABLES_LOCKFILE", lock_path, 1);
}

void netns_finish(void)
{
	unlink(lock_path);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	ck_assert_msg(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%s: %s", path,
		      strerror(errno));
	close(fd);
}

static void become_root(uid_t uid, gid_t gid)
{
	char map[64];

	write_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", uid);
	write_file("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "0 %u 1", gid);
	write_file("/proc/self/gid_map", map);
}

/* Milliseconds by which all that passes lo comes late: what a test must not count on shows. */
static void delay_lo(void)
{
	const char *delay = getenv("NFBIND_LIVE_DELAY");

	if (delay)
		run("tc qdisc add dev lo root netem delay %sms limit 100000", delay);
}

static void set_lo_up(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert_msg(fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0, "lo: %s", strerror(errno));
	close(fd);
	delay_lo();
}

void netns_new_user(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	ck_assert_msg(unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0, "unshare: %s", strerror(errno));
	become_root(uid, gid);
	set_lo_up();
}

int netns_current(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	ck_assert_msg(fd >= 0, "/proc/thread-self/ns/net: %s", strerror(errno));
	return fd;
}

int netns_new(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	errno = 0;
	/* One after the other: so root of the new user namespace owns its files in /proc/net. */
	if (unshare(CLONE_NEWNET) < 0 && errno == EPERM && unshare(CLONE_NEWUSER) == 0) {
		become_root(uid, gid);
		errno = unshare(CLONE_NEWNET) < 0 ? errno : 0;
	}
	ck_assert_msg(errno == 0, "unshare: %s", strerror(errno));
	set_lo_up();
	return netns_current();
}

void netns_enter(int netns)
{
	ck_assert_msg(setns(netns, CLONE_NEWNET) == 0, "setns: %s", strerror(errno));
}

uint64_t netns_inode_of(int netns)
{
	struct stat status;

	ck_assert_int_eq(fstat(netns, &status), 0);
	return status.st_ino;
}

uint64_t netns_inode(void)
{
	int fd = netns_current();
	uint64_t inode = netns_inode_of(fd);

	close(fd);
	return inode;
}

void netns_join(const char *here, int other, const char *there, unsigned int net)
{
	int back = netns_current();

	run("ip link add %s type veth peer name %s netns /proc/%d/fd/%d && ip link set %s up && "
	    "ip addr add 10.%u.0.1/24 dev %s && ip addr add fd%02x::1/64 dev %s nodad",
	    here, there, (int)getpid(), other, here, net, here, net, here);
	netns_enter(other);
	run("ip link set %s up && ip addr add 10.%u.0.2/24 dev %s && "
	    "ip addr add fd%02x::2/64 dev %s nodad",
	    there, net, there, net, there);
	netns_enter(back);
	close(back);
}

void netns_checksum_in_software(const char *device)
{
	struct ethtool_value off = { .cmd = ETHTOOL_STXCSUM };
	struct ifreq request = { .ifr_data = (void *)&off };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
	ck_assert_msg(fd >= 0 && ioctl(fd, SIOCETHTOOL, &request) == 0, "%s: %s", device,
		      strerror(errno));
	close(fd);
}

/* Commands. */

/* Words without anything for a shell need none, which a slow machine feels. */
static int spawn_words(char *words)
{
	char *arguments[64], *rest = words, *word;
	size_t count = 0;
	pid_t pid;
	int status;

	while ((word = strsep(&rest, " ")) && count < 63)
		if (*word)
			arguments[count++] = word;
	arguments[count] = NULL;
	if (posix_spawnp(&pid, arguments[0], NULL, NULL, arguments, environ) != 0)
		return -1;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return status;
}

static bool run_command(const char *command)
{
	char words[2048];

	if (strpbrk(command, "|&;<>'\"$`*{}()"))
		return system(command) == 0;
	snprintf(words, sizeof(words), "%s", command);
	return spawn_words(words) == 0;
}

void run(const char *format, ...)
{
	char command[2048];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	ck_assert_msg(run_command(command), "this failed: %s", command);
}

bool run_quietly(const char *format, ...)
{
	char command[2048], quiet[2100];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	snprintf(quiet, sizeof(quiet), "{ %s; } >/dev/null 2>&1", command);
	return run_command(quiet);
}

long long run_for_number(const char *format, ...)
{
	char command[2048], text[64] = "", *end;
	va_list arguments;
	long long value;
	FILE *pipe;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	pipe = popen(command, "re");
	ck_assert(pipe != NULL);
	(void)!fgets(text, sizeof(text), pipe);
	pclose(pipe);
	value = strtoll(text, &end, 0);
	ck_assert_msg(end != text, "this printed no number: %s", command);
	return value;
}

void queue_rule(const char *program, const char *match, unsigned int number)
{
	run("%s -A %s -j NFQUEUE --queue-num %u", program, match, number);
}

/* Rights. */

static void change_cap(int capability, bool has)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	ck_assert_int_eq(syscall(SYS_capget, &header, data), 0);
	if (has)
		data[0].effective |= 1u << capability;
	else
		data[0].effective &= ~(1u << capability);
	ck_assert_int_eq(syscall(SYS_capset, &header, data), 0);
}

void cap_drop(int capability)
{
	change_cap(capability, false);
}

void cap_restore(int capability)
{
	change_cap(capability, true);
}
