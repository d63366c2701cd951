/* SPDX-License-Identifier: MIT */
/*
 * A session's life: in which namespace it opens and on which socket, what it says
 * when it cannot, what it does about buffers, and what is left after close.
 */
#include "live.h"

#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libmnl/libmnl.h>

/* The namespace that a session's socket lives in. */
static uint64_t inode_of(struct nfbind_queue *queue)
{
	int netns = ioctl(nfbind_queue_get_fd(queue), SIOCGSKNS);
	uint64_t inode;

	ck_assert_int_ge(netns, 0);
	inode = netns_inode_of(netns);
	close(netns);
	return inode;
}

static int open_result(const struct nfbind_options *options, const char *sentence)
{
	struct nfbind_queue *queue = new_session();
	int r = nfbind_queue_open(queue, options);

	ck_assert_msg(strstr(message_of(queue, NFBIND_SIDE_RECEIVE), sentence) != NULL, "it says: %s",
		      message_of(queue, NFBIND_SIDE_RECEIVE));
	return r;
}

/* Namespaces. */

START_TEST(test_queue_opens_in_the_namespace_of_its_thread)
{
	struct nfbind_queue *queue = open_session();
	struct nfbind_queue_stats stats;
	struct sockaddr_nl address;
	socklen_t len = sizeof(address);
	int fd = nfbind_queue_get_fd(queue);

	ck_assert_uint_eq(inode_of(queue), netns_inode());
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ck_assert_int_eq(nfbind_queue_bind(queue, 3, NULL), 0);
	stats = stats_of(queue, 3);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	ck_assert_uint_eq(stats.port_id, address.nl_pid);
	ck_assert_uint_ne(stats.port_id, 0);
}
END_TEST

/* A queue of the other namespace is bound, and packets come from there. */
static void use_from_outside(struct nfbind_queue *queue, int other)
{
	uint64_t here = netns_inode();
	struct udp udp;

	ck_assert_uint_eq(inode_of(queue), netns_inode_of(other));
	ck_assert_uint_ne(inode_of(queue), here);
	netns_enter(other);
	queue_rule("iptables", "OUTPUT -p udp", 7);
	udp = udp_pair("127.0.0.1", 5001);
	netns_enter(home);
	ck_assert_ok(queue, NFBIND_SIDE_RECEIVE, nfbind_queue_bind(queue, 7, NULL));
	say_text(udp.sender, "from there");
	judge(queue, receive_one(queue), NFBIND_VERDICT_ACCEPT);
	hear_text(udp.receiver, "from there");
	ck_assert_uint_eq(netns_inode(), here);
}

START_TEST(test_queue_opens_by_path)
{
	struct nfbind_options *options = OPTIONS({ NFBIND_OPTIONS_BATCH, 8 });
	int other = netns_new();
	char path[64];
	int len;

	netns_enter(home);
	len = snprintf(path, sizeof(path), "/proc/self/fd/%d", other);
	ck_assert_int_eq(nfbind_options_set_bytes(options, NFBIND_OPTIONS_NETNS_PATH, path,
						  (size_t)len), 0);
	use_from_outside(open_session_with(options), other);
}
END_TEST

START_TEST(test_queue_opens_by_fd)
{
	int other = netns_new();

	netns_enter(home);
	use_from_outside(open_session_with(OPTIONS({ NFBIND_OPTIONS_NETNS_FD, (uint64_t)other })), other);
	ck_assert_int_ge(fcntl(other, F_GETFD), 0);
}
END_TEST

START_TEST(test_queue_opens_by_pid)
{
	int other, ready[2], status;
	pid_t pid;
	char byte;

	other = netns_new();
	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	pid = check_fork();
	if (pid == 0) {
		close(ready[1]);
		_exit(read(ready[0], &byte, 1) == 0 ? 0 : 1);
	}
	netns_enter(home);
	use_from_outside(open_session_with(OPTIONS({ NFBIND_OPTIONS_NETNS_PID, (uint64_t)pid })), other);
	close(ready[1]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
}
END_TEST

START_TEST(test_queue_open_without_right_to_the_namespace_is_eperm)
{
	int outside = home;
	struct nfbind_options *options = OPTIONS({ NFBIND_OPTIONS_NETNS_FD, (uint64_t)outside });

	need_users();
	netns_new_user();
	ck_assert_int_eq(open_result(options, "no right to enter"), -EPERM);
}
END_TEST

START_TEST(test_queue_open_names_what_is_not_there)
{
	struct nfbind_options *options = OPTIONS({ NFBIND_OPTIONS_BATCH, 8 });
	int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);

	ck_assert_int_eq(nfbind_options_set_bytes(options, NFBIND_OPTIONS_NETNS_PATH,
						  "/run/netns/no-such", 18), 0);
	ck_assert_int_eq(open_result(options, "could not be entered"), -ENOENT);
	ck_assert_int_eq(open_result(OPTIONS({ NFBIND_OPTIONS_NETNS_PID, INT32_MAX }), "namespace"),
			 -ENOENT);
	ck_assert_int_lt(open_result(OPTIONS({ NFBIND_OPTIONS_NETNS_FD, (uint64_t)file }), "namespace"),
			 0);
	close(file);
}
END_TEST

START_TEST(test_queue_open_takes_one_place_only)
{
	ck_assert_int_eq(open_result(OPTIONS({ NFBIND_OPTIONS_NETNS_PID, 1 },
					     { NFBIND_OPTIONS_NETNS_FD, (uint64_t)home }),
				     "more than one"), -EINVAL);
	ck_assert_int_eq(open_result(OPTIONS({ NFBIND_OPTIONS_BATCH, 0 }), "batch size"), -EINVAL);
	ck_assert_int_eq(open_result(OPTIONS({ NFBIND_OPTIONS_BATCH, 1025 }), "batch size"), -EINVAL);
}
END_TEST

/* Sockets of the caller's. */

static int netfilter_socket(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	ck_assert_int_ge(fd, 0);
	return fd;
}

START_TEST(test_queue_adopts_a_socket)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	int fd = netfilter_socket();
	struct nfbind_queue *queue =
		bind_session(4, OPTIONS({ NFBIND_OPTIONS_SOCKET_FD, (uint64_t)fd }));

	ck_assert_int_ne(nfbind_queue_get_fd(queue), fd);
	queue_rule("iptables", "OUTPUT -p udp", 4);
	say_text(udp.sender, "hello");
	judge(queue, receive_one(queue), NFBIND_VERDICT_ACCEPT);
	hear_text(udp.receiver, "hello");
	ck_assert_int_eq(nfbind_queue_close(queue), 0);
	ck_assert_int_ge(fcntl(fd, F_GETFD), 0);
}
END_TEST

/* What a program without the library would have done before it hands its socket over. */
static int socket_with_queue(uint16_t number)
{
	uint8_t room[256] __attribute__((aligned(8))) = { 0 };
	struct nlmsghdr *message = mnl_nlmsg_put_header(room);
	struct nfgenmsg *family;
	struct nfqnl_msg_config_cmd command = { .command = NFQNL_CFG_CMD_BIND };
	struct nfqnl_msg_config_params params = { htonl(0xffff), NFQNL_COPY_PACKET };
	int fd = netfilter_socket();

	message->nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_CONFIG;
	message->nlmsg_flags = NLM_F_REQUEST;
	family = mnl_nlmsg_put_extra_header(message, sizeof(*family));
	family->res_id = htons(number);
	mnl_attr_put(message, NFQA_CFG_CMD, sizeof(command), &command);
	mnl_attr_put(message, NFQA_CFG_PARAMS, sizeof(params), &params);
	ck_assert_int_eq(send(fd, message, message->nlmsg_len, 0), (ssize_t)message->nlmsg_len);
	return fd;
}

START_TEST(test_queue_adopts_a_socket_with_a_bound_queue)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	int fd = socket_with_queue(4);
	struct nfbind_queue *queue;
	struct nfbind_packet *packet;

	queue_rule("iptables", "OUTPUT -p udp", 4);
	say_text(udp.sender, "early");
	queue = open_session_with(OPTIONS({ NFBIND_OPTIONS_SOCKET_FD, (uint64_t)fd }));
	packet = receive_one(queue);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_QUEUE), 4);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(udp.receiver, "early");
	ck_assert_int_eq(nfbind_queue_bind(queue, 5, NULL), 0);
	ck_assert_int_eq(nfbind_queue_change(queue, 4, OPTIONS({ NFBIND_OPTIONS_COPY_RANGE, 30 })), 0);
	say_text(udp.sender, "late");
	packet = receive_one(queue);
	ck_assert_int_eq(nfbind_packet_is_truncated(packet), 1);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(udp.receiver, "late");
	ck_assert_int_eq(nfbind_queue_unbind(queue, 4), 0);
	/* The caller's descriptor keeps what is still bound on the socket. */
	free_session(queue);
	queue = open_session();
	ck_assert_int_eq(nfbind_queue_bind(queue, 5, NULL), -EBUSY);
	close(fd);
	ck_assert_int_eq(nfbind_queue_bind(queue, 5, NULL), 0);
}
END_TEST

START_TEST(test_queue_adopts_no_other_kind_of_socket)
{
	int wrong[] = {
		socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE),
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
		open("/dev/null", O_RDWR | O_CLOEXEC),
		home,
		1 << 20,
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_int_eq(open_result(OPTIONS({ NFBIND_OPTIONS_SOCKET_FD, (uint64_t)wrong[i] }),
					     "no netlink socket for netfilter"), -EINVAL);
	for (size_t i = 0; i < 4; i++)
		close(wrong[i]);
}
END_TEST

/* Buffers. */

static uint32_t buffer_of(int fd, int name)
{
	uint32_t value = 0;
	socklen_t len = sizeof(value);

	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, name, &value, &len), 0);
	return value;
}

/* The least receive buffer; it depends on the size of the kernel's own structures. */
static unsigned int least_buffer(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), one = 1;
	unsigned int least;

	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &one, sizeof(one)), 0);
	least = buffer_of(fd, SO_RCVBUF);
	close(fd);
	return least;
}

static void check_buffers(uint64_t receive_buffer, uint64_t send_buffer)
{
	const unsigned int least = least_buffer();
	struct nfbind_queue *queue = bind_session(
		1, OPTIONS({ NFBIND_OPTIONS_RECEIVE_BUFFER, receive_buffer },
			   { NFBIND_OPTIONS_SEND_BUFFER, send_buffer }));
	struct nfbind_queue_stats stats = stats_of(queue, 1);
	int fd = nfbind_queue_get_fd(queue);
	struct nfbind_batch *batch;

	/* The send buffer is sized with the first batch: only verdicts need it. */
	ck_assert_uint_eq(stats.send_buffer, 0);
	ck_assert_int_eq(nfbind_queue_receive(queue, 0, &batch), -EAGAIN);
	stats = stats_of(queue, 1);
	ck_assert_uint_eq(stats.receive_buffer, buffer_of(fd, SO_RCVBUF));
	ck_assert_uint_eq(stats.send_buffer, buffer_of(fd, SO_SNDBUF));
	/* A plain user gets what the system allows, and is told. */
	ck_assert_uint_le(stats.receive_buffer, receive_buffer < least ? least : 2 * receive_buffer);
	ck_assert_uint_ge(stats.receive_buffer, least);
	free_session(queue);
}

START_TEST(test_queue_reports_the_effective_buffers)
{
	check_buffers(1, 1);
	check_buffers(100000, 100000);
	check_buffers(8 << 20, 1 << 20);
	check_buffers(64 << 20, 64 << 20);
}
END_TEST

/* Order of calls. */

START_TEST(test_queue_opens_once)
{
	struct nfbind_queue *queue = open_session();

	ck_assert_int_eq(nfbind_queue_open(queue, NULL), -EALREADY);
	ck_assert_int_eq(nfbind_queue_close(queue), 0);
	ck_assert_int_eq(nfbind_queue_open(queue, NULL), -ESHUTDOWN);
}
END_TEST

/* All that needs an open session says so. */
static void check_shut(struct nfbind_queue *queue)
{
	struct nfbind_queue_stats stats;
	struct nfbind_decision decision = { 0 };
	struct nfbind_batch *batch;

	ck_assert_int_eq(nfbind_queue_bind(queue, 1, NULL), -ESHUTDOWN);
	ck_assert_int_eq(nfbind_queue_change(queue, 1, OPTIONS({ NFBIND_OPTIONS_MAXLEN, 5 })), -ESHUTDOWN);
	ck_assert_int_eq(nfbind_queue_unbind(queue, 1), -ESHUTDOWN);
	ck_assert_int_eq(nfbind_queue_receive(queue, 0, &batch), -ESHUTDOWN);
	ck_assert_int_eq(nfbind_queue_feed(queue, "", 1, &batch), -ESHUTDOWN);
	ck_assert_int_eq(nfbind_queue_settle(queue), -ESHUTDOWN);
	ck_assert_int_eq(nfbind_queue_send(queue), -ESHUTDOWN);
	ck_assert_int_eq(nfbind_queue_verdict_rest(queue, NFBIND_VERDICT_DROP), -ESHUTDOWN);
	ck_assert_int_eq(nfbind_queue_verdict_many(queue, &decision, 1, sizeof(decision), NULL, 0),
			 -ESHUTDOWN);
	ck_assert_int_eq(nfbind_queue_read_stats(queue, 1, &stats, sizeof(stats)), -ESHUTDOWN);
	ck_assert_int_eq(nfbind_queue_get_fd(queue), -ESHUTDOWN);
	nfbind_queue_wake(queue);
	ck_assert_int_eq(nfbind_queue_receive(queue, 0, &batch), -ESHUTDOWN);
}

START_TEST(test_queue_says_when_it_is_not_open)
{
	check_shut(new_session());
}
END_TEST

START_TEST(test_queue_closes_twice_and_is_shut)
{
	struct nfbind_queue *queue = bind_session(1, NULL);

	ck_assert_int_eq(nfbind_queue_close(queue), 0);
	ck_assert_int_eq(nfbind_queue_close(queue), 0);
	check_shut(queue);
}
END_TEST

START_TEST(test_queue_close_unbinds)
{
	struct nfbind_queue *queue = bind_session(1, NULL), *other = open_session();

	ck_assert_int_eq(nfbind_queue_bind(other, 1, NULL), -EBUSY);
	ck_assert_int_eq(nfbind_queue_close(queue), 0);
	ck_assert_int_eq(nfbind_queue_bind(other, 1, NULL), 0);
}
END_TEST

/* The probe. */

START_TEST(test_probe_agrees_with_bind)
{
	static const struct {
		uint64_t feature;
		uint32_t option;
	} flags[] = {
		{ NFBIND_FEATURE_QUEUE_FAIL_OPEN, NFBIND_OPTIONS_FAIL_OPEN },
		{ NFBIND_FEATURE_QUEUE_CONNTRACK, NFBIND_OPTIONS_CONNTRACK },
		{ NFBIND_FEATURE_QUEUE_GSO, NFBIND_OPTIONS_GSO },
		{ NFBIND_FEATURE_QUEUE_UID_GID, NFBIND_OPTIONS_UID_GID },
		{ NFBIND_FEATURE_QUEUE_SECCTX, NFBIND_OPTIONS_SECCTX },
	};
	struct nfbind_queue *queue = open_session();
	uint64_t features = 0;
	char message[1024];

	ck_assert_int_eq(nfbind_probe(NULL, &features, message, sizeof(message)), 0);
	ck_assert(features & NFBIND_FEATURE_QUEUE);
	for (uint16_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		ck_assert_int_eq(nfbind_queue_bind(queue, i, OPTIONS({ flags[i].option, 1 })),
				 features & flags[i].feature ? 0 : -EOPNOTSUPP);
}
END_TEST

START_TEST(test_probe_looks_at_another_namespace)
{
	uint64_t features = 0, others = 0, here = netns_inode();
	int other = netns_new();

	netns_enter(home);
	ck_assert_int_eq(nfbind_probe(NULL, &features, NULL, 0), 0);
	ck_assert_int_eq(nfbind_probe(OPTIONS({ NFBIND_OPTIONS_NETNS_FD, (uint64_t)other }), &others, NULL,
				      0), 0);
	ck_assert_uint_eq(features, others);
	ck_assert_uint_eq(netns_inode(), here);
}
END_TEST

START_TEST(test_probe_without_rights_is_eperm)
{
	uint64_t features = 0;
	char message[256];

	cap_drop(CAP_NET_ADMIN);
	ck_assert_int_eq(nfbind_probe(NULL, &features, message, sizeof(message)), -EPERM);
	ck_assert_ptr_nonnull(strstr(message, "CAP_NET_ADMIN"));
}
END_TEST

int main(void)
{
	const struct live_case cases[] = {
		{ "namespace", test_queue_opens_in_the_namespace_of_its_thread },
		{ "namespace", test_queue_opens_by_path },
		{ "namespace", test_queue_opens_by_fd },
		{ "namespace", test_queue_opens_by_pid },
		{ "namespace", test_queue_open_without_right_to_the_namespace_is_eperm },
		{ "namespace", test_queue_open_names_what_is_not_there },
		{ "namespace", test_queue_open_takes_one_place_only },
		{ "socket", test_queue_adopts_a_socket },
		{ "socket", test_queue_adopts_a_socket_with_a_bound_queue },
		{ "socket", test_queue_adopts_no_other_kind_of_socket },
		{ "socket", test_queue_reports_the_effective_buffers },
		{ "life", test_queue_opens_once },
		{ "life", test_queue_says_when_it_is_not_open },
		{ "life", test_queue_closes_twice_and_is_shut },
		{ "life", test_queue_close_unbinds },
		{ "probe", test_probe_agrees_with_bind },
		{ "probe", test_probe_looks_at_another_namespace },
		{ "probe", test_probe_without_rights_is_eperm },
	};

	return live_main("open", cases, sizeof(cases) / sizeof(cases[0]));
}
