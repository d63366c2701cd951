/* SPDX-License-Identifier: MIT */
/*
 * The kernel under test has what the live suite needs. When the suite fails on some kernel, this says
 * whether the library or the guest is to blame, so it talks raw netlink and links nothing of the library:
 * userspace helpers can be made and removed, packets arrive with their connection, rules can queue.
 */
#define _GNU_SOURCE
#include "raw.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_cthelper.h>
#include <linux/netfilter/nfnetlink_queue.h>

#define QUEUE 7
#define HELPER "guest-check"

static int checks, failures;

static void check(int passed, const char *what, int r)
{
	checks++;
	failures += !passed;
	printf("%sok %d - %s", passed ? "" : "not ", checks, what);
	if (!passed && r < 0)
		printf(": %s", strerror(-r));
	printf("\n");
}

static void begin_helper(struct raw_message *m, int type, int flags)
{
	raw_begin(m, NFNL_SUBSYS_CTHELPER << 8 | type, flags, AF_UNSPEC, 0);
	raw_put_text(m, NFCTH_NAME, HELPER);
}

static int helper_exists(struct raw_socket *s)
{
	struct raw_message m;

	begin_helper(&m, NFNL_MSG_CTHELPER_GET, 0);
	return raw_ask(s, &m);
}

static int remove_helper(struct raw_socket *s)
{
	struct raw_message m;

	begin_helper(&m, NFNL_MSG_CTHELPER_DEL, 0);
	return raw_ask(s, &m);
}

static void check_helper(struct raw_socket *s)
{
	int r = raw_make_helper(s, HELPER, QUEUE + 1);

	check(r == 0, "a userspace helper is made", r);
	r = helper_exists(s);
	check(r == 0, "it is found by its name", r);
	r = remove_helper(s);
	check(r == 0, "it is removed", r);
	r = helper_exists(s);
	check(r == -ENOENT, "then it is gone", r);
}

static void check_packet(struct raw_socket *s)
{
	static _Alignas(struct nlmsghdr) char data[RAW_DATAGRAM_SIZE];
	const struct nlmsghdr *packet = (const struct nlmsghdr *)data;
	pid_t ping = fork();
	ssize_t len;

	if (ping == 0) {
		/* its report is no part of ours */
		close(STDOUT_FILENO);
		execlp("ping", "ping", "-c", "1", "-W", "1", "127.0.0.1", (char *)NULL);
		_exit(127);
	}
	len = raw_receive(s, data, sizeof(data), 5000);
	check(len > 0 && raw_is_packet(packet), "a ping arrives in the queue", len);
	check(len > 0 && raw_inside(raw_attribute(packet, NFQA_CT), CTA_TUPLE_ORIG),
	      "with its connection", len);
	kill(ping, SIGKILL);
	waitpid(ping, NULL, 0);
}

static void check_queue(struct raw_socket *s)
{
	int r = raw_bind_queue(s, QUEUE, NFQNL_COPY_PACKET, 0, NFQA_CFG_F_CONNTRACK);

	check(r == 0, "a queue with connections is bound", r);
	/* connections are tracked in a namespace only from the first rule on that asks for them */
	r = raw_shell("iptables -A OUTPUT -p icmp -m conntrack --ctstate NEW -j NFQUEUE --queue-num 7");
	check(r == 0, "iptables has the NFQUEUE target", 0);
	check_packet(s);
	r = raw_shell("nft 'add table inet check; add chain inet check c; add rule inet check c queue to 7'");
	check(r == 0, "nft has the queue statement", 0);
	r = raw_shell("iptables -t raw -A OUTPUT -p tcp --dport 21 -j CT --helper ftp");
	check(r == 0, "the CT target loads the kernel's ftp helper", 0);
}

int main(void)
{
	struct raw_socket s;
	int r;

	/* a pipe or file must not hold lines back while commands print theirs */
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (unshare(CLONE_NEWNET) < 0 || raw_shell("ip link set lo up") != 0) {
		printf("1..0 # SKIP no network namespace of my own\n");
		return 77;
	}
	r = raw_open(&s, 0);
	if (r < 0) {
		printf("Bail out! no netfilter netlink: %s\n", strerror(-r));
		return 1;
	}
	check_helper(&s);
	check_queue(&s);
	printf("1..%d\n", checks);
	return failures ? 1 : 0;
}
