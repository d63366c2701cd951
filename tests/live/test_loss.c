/* SPDX-License-Identifier: MIT */
/*
 * What goes wrong beside the packets: overruns, verdicts that the kernel refuses,
 * rights that are lost, strangers on the line. Each becomes a notice and a figure,
 * and the session goes on.
 *
 * The rules are in OUTPUT, where a packet is in its queue before send() returns; what comes
 * over lo may be late.
 */
#include "live.h"

#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>

static struct nfbind_packet *queued(struct nfbind_queue *queue, const struct udp *udp, const char *text)
{
	say_text(udp->sender, text);
	return receive_one(queue);
}

/* Receive where no packet is expected: until a notice is there. */
static void await_notice(struct nfbind_queue *queue)
{
	struct nfbind_batch *batch;

	ck_assert_int_eq(nfbind_queue_receive(queue, PATIENCE, &batch), 0);
}

/* It still works: one packet goes through. */
static void check_alive(struct nfbind_queue *queue, const struct udp *udp)
{
	judge(queue, queued(queue, udp, "still there"), NFBIND_VERDICT_ACCEPT);
	hear_text(udp->receiver, "still there");
	take_no_notice(queue);
}

/* Overrun. */

/* Accept what is there, or comes in time: how many. */
static uint64_t pass_on(struct nfbind_queue *queue, int milliseconds)
{
	struct nfbind_batch *batch;
	int r = nfbind_queue_receive(queue, milliseconds, &batch);

	if (r == -EAGAIN)
		return 0;
	ck_assert_ok(queue, NFBIND_SIDE_RECEIVE, r);
	ck_assert_int_eq(nfbind_queue_verdict_rest(queue, NFBIND_VERDICT_ACCEPT), r);
	return (uint64_t)r;
}

/* Go on until each of so many packets was delivered or is known to be lost: how many were delivered. */
static uint64_t account_for(struct nfbind_queue *queue, uint64_t delivered, uint64_t packets)
{
	double until = seconds() + PATIENCE / 1000.0 * slowness();

	while (delivered + stats_of(queue, 1).lost < packets && seconds() < until)
		delivered += pass_on(queue, 10);
	ck_assert_int_eq(nfbind_queue_settle(queue), 0);
	return delivered;
}

START_TEST(test_queue_overrun_is_noticed_and_counted)
{
	enum { PACKETS = 200 };
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, OPTIONS({ NFBIND_OPTIONS_RECEIVE_BUFFER, 1 }));
	uint64_t delivered, lost = 0;
	struct nfbind_queue_stats stats;
	struct nfbind_notice notice;

	queue_rule("iptables", "OUTPUT -p udp", 1);
	say_numbers(udp.sender, 0, PACKETS);
	delivered = account_for(queue, 0, PACKETS);
	while (nfbind_queue_take_notice(queue, &notice, sizeof(notice)) == 0) {
		ck_assert_uint_eq(notice.kind, NFBIND_NOTICE_LOST);
		lost += notice.count;
	}
	ck_assert_uint_gt(delivered, 0);
	ck_assert_uint_eq(delivered + lost, PACKETS);
	receive_nothing(queue);
	hear_numbers(udp.receiver, 0, (uint32_t)delivered);
	stats = stats_of(queue, 1);
	ck_assert_uint_eq(stats.lost, lost);
	ck_assert_uint_eq(stats.received, delivered);
	ck_assert(stats.present & NFBIND_QUEUE_STATS_SOCKET);
	ck_assert_uint_eq(stats.socket_drops, lost);
	if (stats.present & NFBIND_QUEUE_STATS_KERNEL) {
		ck_assert_uint_eq(stats.kernel_user_dropped, lost);
		ck_assert_uint_eq(stats.kernel_queued, 0);
		ck_assert_uint_eq(stats.kernel_last_id, PACKETS);
	}
	check_alive(queue, &udp);
}
END_TEST

START_TEST(test_queue_overrun_amid_receiving_goes_on)
{
	enum { PACKETS = 3000 };
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, OPTIONS({ NFBIND_OPTIONS_RECEIVE_BUFFER, 20000 },
							     { NFBIND_OPTIONS_BATCH, 8 }));
	uint64_t delivered = 0;
	struct nfbind_queue_stats stats;

	queue_rule("iptables", "OUTPUT -p udp", 1);
	for (uint32_t said = 0; said < PACKETS; said += 60) {
		say_numbers(udp.sender, said, 60);
		delivered += pass_on(queue, 0);
	}
	delivered = account_for(queue, delivered, PACKETS);
	receive_nothing(queue);
	stats = stats_of(queue, 1);
	ck_assert_uint_gt(stats.lost, 0);
	ck_assert_uint_eq(stats.received, delivered);
	ck_assert_uint_eq(delivered + stats.lost, PACKETS);
	ck_assert_uint_eq(stats.decided, delivered);
}
END_TEST

/* Answers to requests need room as well. */
START_TEST(test_queue_binds_and_unbinds_amid_an_overrun)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, OPTIONS({ NFBIND_OPTIONS_RECEIVE_BUFFER, 1 }));
	struct nfbind_notice notice;
	struct nfbind_batch *batch;

	queue_rule("iptables", "OUTPUT -p udp", 1);
	say_numbers(udp.sender, 0, 100);
	ck_assert_ok(queue, NFBIND_SIDE_RECEIVE, nfbind_queue_bind(queue, 2, NULL));
	say_numbers(udp.sender, 0, 100);
	ck_assert_ok(queue, NFBIND_SIDE_RECEIVE,
		     nfbind_queue_change(queue, 1, OPTIONS({ NFBIND_OPTIONS_COPY_RANGE, 500 })));
	say_numbers(udp.sender, 0, 100);
	ck_assert_ok(queue, NFBIND_SIDE_RECEIVE, nfbind_queue_unbind(queue, 2));
	while (nfbind_queue_receive(queue, 0, &batch) >= 0)
		continue;
	while (nfbind_queue_take_notice(queue, &notice, sizeof(notice)) == 0)
		ck_assert_uint_eq(notice.kind, NFBIND_NOTICE_LOST);
	check_alive(queue, &udp);
}
END_TEST

/* Refused verdicts. */

/* A verdict that goes around the library, on its own socket. */
static void judge_behind_the_back(struct nfbind_queue *queue, uint16_t number, uint32_t id)
{
	uint8_t room[128] __attribute__((aligned(8))) = { 0 };
	struct nlmsghdr *message = mnl_nlmsg_put_header(room);
	struct nfqnl_msg_verdict_hdr verdict = { htonl(NFBIND_VERDICT_DROP), htonl(id) };
	struct nfgenmsg *family;

	message->nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT;
	message->nlmsg_flags = NLM_F_REQUEST;
	family = mnl_nlmsg_put_extra_header(message, sizeof(*family));
	family->res_id = htons(number);
	mnl_attr_put(message, NFQA_VERDICT_HDR, sizeof(verdict), &verdict);
	ck_assert_int_eq(send(nfbind_queue_get_fd(queue), message, message->nlmsg_len, 0),
			 (ssize_t)message->nlmsg_len);
}

START_TEST(test_verdict_for_an_unknown_packet_is_noticed)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct nfbind_packet *packet;
	struct nfbind_notice notice;

	queue_rule("iptables", "OUTPUT -p udp", 1);
	judge(queue, queued(queue, &udp, "first"), NFBIND_VERDICT_ACCEPT);
	packet = queued(queue, &udp, "second");
	judge_behind_the_back(queue, 1, 2);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	await_notice(queue);
	notice = take_notice(queue, NFBIND_NOTICE_REFUSED);
	ck_assert_uint_eq(notice.queue, 1);
	ck_assert_uint_eq(notice.id, 2);
	ck_assert_int_eq(notice.error, -ENOENT);
	ck_assert_uint_eq(notice.count, 1);
	ck_assert_uint_eq(stats_of(queue, 1).refused, 1);
	hear_text(udp.receiver, "first");
	check_alive(queue, &udp);
}
END_TEST

START_TEST(test_verdict_after_the_device_went_down_is_noticed)
{
	int other = netns_new();
	struct nfbind_queue *queue;
	struct udp udp;

	netns_enter(home);
	netns_join("here", other, "there", 1);
	queue = bind_session(1, OPTIONS({ NFBIND_OPTIONS_COALESCE, 0 }));
	udp.receiver = bound_socket(SOCK_DGRAM, "10.1.0.1", 5001);
	netns_enter(other);
	udp.sender = bound_socket(SOCK_DGRAM, "10.1.0.2", 0);
	netns_enter(home);
	connect_to(udp.sender, "10.1.0.1", 5001);
	queue_rule("iptables", "INPUT -p udp", 1);
	say_numbers(udp.sender, 0, 5);
	(void)receive_all(queue, 1, 5);
	/* The kernel throws away what came by it. */
	run("ip link set here down");
	ck_assert_int_eq(nfbind_queue_verdict_rest(queue, NFBIND_VERDICT_ACCEPT), 5);
	await_notice(queue);
	for (uint32_t i = 1; i <= 5; i++) {
		struct nfbind_notice notice = take_notice(queue, NFBIND_NOTICE_REFUSED);

		ck_assert_uint_eq(notice.id, i);
		ck_assert_int_eq(notice.error, -ENOENT);
	}
	run("ip link set here up");
	check_alive(queue, &udp);
}
END_TEST

/* More than the list holds: the rest is counted. */
START_TEST(test_queue_notices_beyond_the_list_are_counted)
{
	enum { PACKETS = 300 };
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, OPTIONS({ NFBIND_OPTIONS_COALESCE, 0 }));
	struct nfbind_batch *batch;

	queue_rule("iptables", "OUTPUT -p udp", 1);
	say_numbers(udp.sender, 0, PACKETS);
	for (uint32_t judged = 0; judged < PACKETS; judged += nfbind_batch_count(batch)) {
		batch = receive(queue);
		for (uint32_t i = 0; i < nfbind_batch_count(batch); i++)
			judge_behind_the_back(queue, 1,
					      (uint32_t)number_of(nfbind_batch_packet(batch, i),
								  NFBIND_PACKET_ID));
		ck_assert_int_gt(nfbind_queue_verdict_rest(queue, NFBIND_VERDICT_ACCEPT), 0);
	}
	while (nfbind_queue_receive(queue, 0, &batch) >= 0)
		continue;
	ck_assert_uint_eq(stats_of(queue, 1).refused, PACKETS);
	for (int i = 0; i < 256; i++)
		(void)take_notice(queue, NFBIND_NOTICE_REFUSED);
	ck_assert_uint_eq(take_notice(queue, NFBIND_NOTICE_OVERFLOW).count, PACKETS - 256);
	check_alive(queue, &udp);
}
END_TEST

/* Rights. */

START_TEST(test_verdict_without_rights_is_noticed)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct nfbind_notice notice;
	struct nfbind_batch *batch;

	queue_rule("iptables", "OUTPUT -p udp", 1);
	say_numbers(udp.sender, 0, 4);
	batch = receive_all(queue, 1, 4);
	for (uint32_t i = 0; i < 4; i++)
		ck_assert_int_eq(nfbind_queue_verdict(queue, nfbind_batch_packet(batch, i),
						      i % 2 ? NFBIND_VERDICT_ACCEPT :
							      NFBIND_VERDICT_DROP), 0);
	cap_drop(CAP_NET_ADMIN);
	/* The kernel refuses them all, with one answer. */
	ck_assert_int_eq(nfbind_queue_send(queue), 0);
	await_notice(queue);
	notice = take_notice(queue, NFBIND_NOTICE_REFUSED);
	ck_assert_int_eq(notice.error, -EPERM);
	ck_assert_uint_eq(notice.queue, 1);
	ck_assert_uint_eq(notice.count, 4);
	take_no_notice(queue);
	hear_nothing(udp.receiver);
	cap_restore(CAP_NET_ADMIN);
	check_alive(queue, &udp);
}
END_TEST

/* Strangers. */

/* What another program may send to a port: 0 or the errno of sendto(). */
static int spoof(uint32_t port_id)
{
	struct sockaddr_nl to = { .nl_family = AF_NETLINK, .nl_pid = port_id };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	struct nlmsghdr message = { .nlmsg_len = sizeof(message), .nlmsg_type = NFNL_SUBSYS_QUEUE << 8 };
	int error = 0;

	if (sendto(fd, &message, sizeof(message), 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		error = errno;
	close(fd);
	return error;
}

START_TEST(test_queue_refuses_strangers)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);

	queue_rule("iptables", "OUTPUT -p udp", 1);
	ck_assert_int_eq(spoof(stats_of(queue, 1).port_id), ECONNREFUSED);
	receive_nothing(queue);
	check_alive(queue, &udp);
}
END_TEST

START_TEST(test_queue_on_an_adopted_socket_notices_strangers)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	struct nfbind_queue *queue =
		bind_session(1, OPTIONS({ NFBIND_OPTIONS_SOCKET_FD, (uint64_t)fd }));
	uint32_t port_id = stats_of(queue, 1).port_id;
	struct nfbind_notice notice;

	queue_rule("iptables", "OUTPUT -p udp", 1);
	ck_assert_int_eq(spoof(port_id), 0);
	await_notice(queue);
	notice = take_notice(queue, NFBIND_NOTICE_SPOOFED);
	ck_assert_uint_eq(notice.count, 1);
	ck_assert_uint_ne(notice.id, 0);
	/* While a request waits for its answer, too. */
	ck_assert_int_eq(spoof(port_id), 0);
	ck_assert_int_eq(nfbind_queue_bind(queue, 2, NULL), 0);
	ck_assert_uint_eq(stats_of(queue, 1).spoofed, 2);
	(void)take_notice(queue, NFBIND_NOTICE_SPOOFED);
	check_alive(queue, &udp);
	close(fd);
}
END_TEST

/* Figures. */

START_TEST(test_queue_figures_agree)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, OPTIONS({ NFBIND_OPTIONS_COPY_RANGE, 30 }));
	struct nfbind_queue_stats stats;
	struct nfbind_packet *kept;
	struct nfbind_batch *batch;

	ck_assert_int_eq(nfbind_queue_bind(queue, 2, NULL), 0);
	queue_rule("iptables", "OUTPUT -p udp", 1);
	say_numbers(udp.sender, 0, 6);
	batch = receive(queue);
	kept = keep(nfbind_batch_packet(batch, 0));
	ck_assert_int_eq(nfbind_queue_verdict(queue, nfbind_batch_packet(batch, 1), NFBIND_VERDICT_ACCEPT), 0);
	ck_assert_int_eq(nfbind_queue_settle(queue), 0);
	say_numbers(udp.sender, 6, 3);
	stats = stats_of(queue, 1);
	ck_assert_uint_eq(stats.received, 6);
	ck_assert_uint_eq(stats.queue_received, 6);
	ck_assert_uint_eq(stats.decided, 1);
	ck_assert_uint_eq(stats.defaulted, 4);
	ck_assert_uint_eq(stats.queue_undecided, 1);
	ck_assert_uint_eq(stats.truncated, 6);
	ck_assert_uint_eq(stats.messages, 5);
	ck_assert_uint_ge(stats.system_calls, 2);
	ck_assert_uint_eq(stats.notices, 0);
	ck_assert_uint_eq(stats.lost + stats.refused + stats.malformed + stats.spoofed + stats.expired, 0);
	if (stats.present & NFBIND_QUEUE_STATS_KERNEL) {
		ck_assert_uint_eq(stats.kernel_queued, 4);
		ck_assert_uint_eq(stats.kernel_last_id, 9);
		ck_assert_uint_eq(stats.kernel_dropped, 0);
	}
	ck_assert_uint_eq(stats_of(queue, 2).queue_received, 0);
	ck_assert_uint_eq(stats_of(queue, 2).received, 6);
	ck_assert_int_eq(nfbind_queue_read_stats(queue, 3, &stats, sizeof(stats)), -ENODEV);
	judge(queue, kept, NFBIND_VERDICT_DROP);
}
END_TEST

START_TEST(test_queue_figures_of_the_kernel_are_root_s)
{
	struct nfbind_queue_stats stats;
	struct nfbind_queue *queue;

	need_users();
	/* The system's root may read it wherever it is; a plain user may stand for another one. */
	if (setresgid(65534, 65534, 65534) == 0)
		ck_assert_int_eq(setresuid(65534, 65534, 65534), 0);
	prctl(PR_SET_DUMPABLE, 1);
	netns_new_user();
	queue = bind_session(1, NULL);
	stats = stats_of(queue, 1);
	ck_assert_uint_eq(stats.present, NFBIND_QUEUE_STATS_SOCKET);
	ck_assert_int_eq(stats.kernel_error, -EACCES);
	ck_assert_uint_ne(stats.port_id, 0);
}
END_TEST

START_TEST(test_queue_figures_of_another_namespace_come_from_there)
{
	struct nfbind_queue *queue;
	struct nfbind_queue_stats stats;
	int other = netns_new();
	bool is_seen = sees_kernel_figures();

	netns_enter(home);
	queue = bind_session(77, OPTIONS({ NFBIND_OPTIONS_NETNS_FD, (uint64_t)other }));
	stats = stats_of(queue, 77);
	ck_assert_int_eq(stats.kernel_error, is_seen ? 0 : -EACCES);
	if (is_seen)
		ck_assert_uint_eq(stats.kernel_owner, stats.port_id);
}
END_TEST

int main(void)
{
	const struct live_case cases[] = {
		{ "overrun", test_queue_overrun_is_noticed_and_counted },
		{ "overrun", test_queue_overrun_amid_receiving_goes_on },
		{ "overrun", test_queue_binds_and_unbinds_amid_an_overrun },
		{ "refused", test_verdict_for_an_unknown_packet_is_noticed },
		{ "refused", test_verdict_after_the_device_went_down_is_noticed },
		{ "refused", test_queue_notices_beyond_the_list_are_counted },
		{ "rights", test_verdict_without_rights_is_noticed },
		{ "strangers", test_queue_refuses_strangers },
		{ "strangers", test_queue_on_an_adopted_socket_notices_strangers },
		{ "figures", test_queue_figures_agree },
		{ "figures", test_queue_figures_of_the_kernel_are_root_s },
		{ "figures", test_queue_figures_of_another_namespace_come_from_there },
	};

	return live_main("loss", cases, sizeof(cases) / sizeof(cases[0]));
}
