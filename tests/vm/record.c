/* SPDX-License-Identifier: MIT */
/*
 * Records what a real kernel says, as fixtures: each file is one netlink datagram exactly as it was
 * received. Run as root, usually in a guest: tests/vm/run --kernel 6.12 --out DIR record
 *	record [FOLDER [CASE...]]
 * Each case runs in a child with network and mount namespaces of its own and cleans up by dying. The report
 * is TAP; a case that this kernel cannot do is skipped, one that gave no datagram with what it promises fails.
 */
#define _GNU_SOURCE
#include "record.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>

static const char *folder = "/out";

int record_write(const char *name, const void *data, size_t data_len)
{
	char path[4096];
	FILE *file;
	bool done;

	snprintf(path, sizeof(path), "%s/%s.bin", folder, name);
	file = fopen(path, "wb");
	if (!file)
		return -errno;
	done = fwrite(data, 1, data_len, file) == data_len;
	/* closed in any case, and its error counts too */
	done = fclose(file) == 0 && done;
	return done ? 0 : -EIO;
}

/* A README beside the recordings needs to say where they are from. */
static int write_kernel(void)
{
	struct utsname here;
	char path[4096];
	FILE *file;

	uname(&here);
	snprintf(path, sizeof(path), "%s/kernel", folder);
	file = fopen(path, "w");
	if (!file)
		return -errno;
	fprintf(file, "%s %s %s\n", here.release, here.version, here.machine);
	return fclose(file) == 0 ? 0 : -EIO;
}

int record_lacks(const struct record_case *c, const struct nlmsghdr *header)
{
	const struct nlattr *ct = raw_attribute(header, NFQA_CT);
	int i;

	for (i = 0; i < RECORD_WANTS && c->wants[i]; i++)
		if (!raw_attribute(header, c->wants[i]))
			return c->wants[i];
	for (i = 0; i < RECORD_WANTS && c->wants_ct[i]; i++)
		if (!raw_inside(ct, c->wants_ct[i]))
			return c->wants_ct[i];
	return 0;
}

void record_start(void (*traffic)(void))
{
	fflush(stdout);
	if (fork() != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	traffic();
	/* again, since becoming another user clears it; connections stay until the recording is made */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pause();
	_exit(0);
}

static int record_packet(const struct record_case *c)
{
	static _Alignas(struct nlmsghdr) char data[RAW_DATAGRAM_SIZE];
	const struct nlmsghdr *header = (const struct nlmsghdr *)data;
	struct raw_message m;
	struct raw_socket s;
	int r, skip = c->skip;
	ssize_t len;

	r = raw_open(&s, 0);
	if (r < 0)
		return r;
	r = raw_bind_queue(&s, RECORD_QUEUE, c->meta ? NFQNL_COPY_META : NFQNL_COPY_PACKET, c->range,
			   c->flags | (c->bare ? 0 : NFQA_CFG_F_CONNTRACK));
	if (r == -EOPNOTSUPP) {
		printf("# no such queue flag here\n");
		return RECORD_SKIPPED;
	}
	if (r < 0)
		return r;
	record_start(c->traffic);
	for (;;) {
		len = raw_receive(&s, data, sizeof(data), 4000);
		if (len < 0)
			return len;
		if (skip-- <= 0)
			break;
		raw_begin_verdict(&m, RECORD_QUEUE, raw_packet_id(header), NF_ACCEPT);
		raw_send(&s, &m);
	}
	if (!raw_is_packet(header))
		return -EBADMSG;
	r = record_lacks(c, header);
	if (r) {
		printf("# %s: no attribute %d\n", c->name, r);
		return c->newer ? RECORD_SKIPPED : -EBADMSG;
	}
	return record_write(c->name, data, len);
}

static int make_namespaces(void)
{
	/* a /run of its own: named namespaces and iptables' lock are private to the case */
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("run", "/run", "tmpfs", 0, NULL) < 0)
		return -errno;
	return raw_shell("ip link set lo up") == 0 ? 0 : -EIO;
}

static int run_here(const struct record_case *c)
{
	int r;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	r = make_namespaces();
	if (r == 0 && c->setup && raw_shell(c->setup) != 0) {
		printf("# the set-up fails here\n");
		return RECORD_SKIPPED;
	}
	if (r == 0)
		r = c->run ? c->run(c) : record_packet(c);
	if (r < 0)
		printf("# %s: %s\n", c->name, strerror(-r));
	return r < 0 ? 1 : r;
}

static int run_case(const struct record_case *c)
{
	int status;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		status = run_here(c);
		fflush(stdout);
		_exit(status);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return 1;
	return WEXITSTATUS(status);
}

static bool is_chosen(const struct record_case *c, char **names)
{
	if (!names[0])
		return true;
	for (; *names; names++)
		if (strcmp(*names, c->name) == 0)
			return true;
	return false;
}

int main(int argc, char **argv)
{
	const struct record_case *tables[] = { record_packets, record_tables };
	char *none[] = { NULL };
	char **names = argc > 2 ? argv + 2 : none;
	int number = 0, failed = 0;
	size_t t;

	/* commands print into the same report */
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1)
		folder = argv[1];
	mkdir(folder, 0755);
	if (write_kernel() < 0) {
		printf("Bail out! cannot write to %s: %m\n", folder);
		return 1;
	}
	for (t = 0; t < sizeof(tables) / sizeof(*tables); t++)
		for (const struct record_case *c = tables[t]; c->name; c++) {
			int status;

			if (!is_chosen(c, names))
				continue;
			status = run_case(c);
			number++;
			failed += status != 0 && status != RECORD_SKIPPED;
			printf("%sok %d - %s%s\n", status == 0 || status == RECORD_SKIPPED ? "" : "not ", number,
			       c->name, status == RECORD_SKIPPED ? " # SKIP not on this kernel" : "");
		}
	printf("1..%d\n", number);
	return failed ? 1 : 0;
}
