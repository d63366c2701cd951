/* SPDX-License-Identifier: MIT */
/*
 * Packets of one's own. The answers that are built from a queued packet are given
 * to the kernel's own TCP and UDP, whose callers then see the errors that a closed
 * port or an unreachable host would give.
 */
#include "live.h"

#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MARK = 0x7e };

static struct nfbind_injector *injector;

static const char *said(void)
{
	static char text[256];

	nfbind_injector_last_message(injector, text, sizeof(text));
	return text;
}

static void open_injector(const struct nfbind_options *options)
{
	int r;

	ck_assert_int_eq(nfbind_injector_new(&injector), 0);
	r = nfbind_injector_open(injector, options);
	ck_assert_msg(r == 0, "open: %s (%s)", nfbind_error_name(r), said());
}

static void close_injector(void)
{
	ck_assert_int_eq(nfbind_injector_close(injector), 0);
	ck_assert_int_eq(nfbind_injector_close(injector), 0);
	nfbind_injector_free(injector);
}

static void inject(struct nfbind_packet *packet)
{
	int r = nfbind_injector_send(injector, packet);

	ck_assert_msg(r == 0, "send: %s (%s)", nfbind_error_name(r), said());
	nfbind_packet_free(packet);
}

static struct nfbind_packet *reset_for(const struct nfbind_packet *packet)
{
	struct nfbind_packet *reset;

	ck_assert_int_eq(nfbind_packet_build_reply(packet, NFBIND_TCP_FLAG_RST, NULL, 0, &reset), 0);
	return reset;
}

static struct nfbind_packet *unreachable_for(const struct nfbind_packet *packet, uint32_t code)
{
	struct nfbind_packet *unreachable;

	ck_assert_int_eq(nfbind_packet_build_unreachable(packet, code, &unreachable), 0);
	return unreachable;
}

/* TCP. */

/* How a connect ends whose first packet is dropped and answered by a reset, or by an ICMP code. */
static int refused_connect(const char *address, int code)
{
	int listener = tcp_listen(address, 5001), client, outcome;
	struct nfbind_queue *queue = bind_session(1, OPTIONS({ NFBIND_OPTIONS_BATCH, 1 }));
	struct nfbind_packet *packet;

	client = tcp_start(address, 5001);
	packet = receive_one(queue);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_TCP_FLAGS), NFBIND_TCP_FLAG_SYN);
	inject(code < 0 ? reset_for(packet) : unreachable_for(packet, (uint32_t)code));
	judge(queue, packet, NFBIND_VERDICT_DROP);
	outcome = tcp_outcome(client, PATIENCE);
	free_session(queue);
	close(client);
	close(listener);
	return outcome;
}

START_TEST(test_injector_reset_refuses_a_connect)
{
	open_injector(NULL);
	queue_rule("iptables", "INPUT -p tcp --dport 5001", 1);
	queue_rule("ip6tables", "INPUT -p tcp --dport 5001", 1);
	ck_assert_int_eq(refused_connect("127.0.0.1", -1), ECONNREFUSED);
	ck_assert_int_eq(refused_connect("::1", -1), ECONNREFUSED);
	close_injector();
}
END_TEST

START_TEST(test_injector_unreachable_refuses_a_connect)
{
	open_injector(NULL);
	queue_rule("iptables", "INPUT -p tcp --dport 5001", 1);
	queue_rule("ip6tables", "INPUT -p tcp --dport 5001", 1);
	ck_assert_int_eq(refused_connect("127.0.0.1", 3), ECONNREFUSED);
	ck_assert_int_eq(refused_connect("127.0.0.1", 1), EHOSTUNREACH);
	ck_assert_int_eq(refused_connect("::1", 4), ECONNREFUSED);
	ck_assert_int_eq(refused_connect("::1", 3), EHOSTUNREACH);
	ck_assert_int_eq(refused_connect("::1", 1), EACCES);
	close_injector();
}
END_TEST

START_TEST(test_injector_reset_ends_a_connection_over_a_wire)
{
	struct nfbind_queue *queue;
	struct nfbind_packet *packet;
	int other = netns_new(), client, listener, server;
	char room[16];

	netns_enter(home);
	netns_join("here", other, "there", 1);
	open_injector(NULL);
	listener = tcp_listen("10.1.0.1", 5001);
	netns_enter(other);
	client = tcp_start("10.1.0.1", 5001);
	netns_enter(home);
	ck_assert_int_eq(tcp_outcome(client, PATIENCE), 0);
	server = accept(listener, NULL, NULL);
	queue = bind_session(1, OPTIONS({ NFBIND_OPTIONS_BATCH, 1 }));
	queue_rule("iptables", "INPUT -p tcp --dport 5001", 1);
	say_text(client, "hello");
	packet = receive_one(queue);
	inject(reset_for(packet));
	judge(queue, packet, NFBIND_VERDICT_DROP);
	ck_assert_int_eq(hear(client, room, sizeof(room), PATIENCE), -1);
	ck_assert_int_eq(errno, ECONNRESET);
	close(client);
	close(server);
	close(listener);
	close_injector();
}
END_TEST

/* UDP. */

static void check_udp(const char *address, uint32_t code)
{
	struct udp udp = udp_pair(address, 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct nfbind_packet *packet;
	char room[16];

	say_text(udp.sender, "anybody there?");
	packet = receive_one(queue);
	inject(unreachable_for(packet, code));
	judge(queue, packet, NFBIND_VERDICT_DROP);
	ck_assert_int_eq(hear(udp.sender, room, sizeof(room), PATIENCE), -1);
	ck_assert_int_eq(errno, ECONNREFUSED);
	hear_nothing(udp.receiver);
	free_session(queue);
}

START_TEST(test_injector_port_unreachable_is_told_to_a_udp_sender)
{
	open_injector(NULL);
	queue_rule("iptables", "INPUT -p udp --dport 5001", 1);
	queue_rule("ip6tables", "INPUT -p udp --dport 5001", 1);
	check_udp("127.0.0.1", 3);
	check_udp("::1", 4);
	close_injector();
}
END_TEST

/* A queued packet can be sent on a second way; what the kernel had not summed up yet is. */
START_TEST(test_injector_sends_a_queued_packet)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct nfbind_packet *packet;

	open_injector(OPTIONS({ NFBIND_OPTIONS_MARK, MARK }));
	run("iptables -A OUTPUT -m mark --mark %d -j ACCEPT", MARK);
	queue_rule("iptables", "OUTPUT -p udp", 1);
	say_text(udp.sender, "again");
	packet = receive_one(queue);
	ck_assert(number_of(packet, NFBIND_PACKET_SKB_INFO) & NFBIND_SKB_INFO_CSUM_NOT_READY);
	ck_assert_int_eq(nfbind_injector_send(injector, packet), 0);
	hear_text(udp.receiver, "again");
	ck_assert_int_eq(nfbind_packet_set_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, "changed", 7), 0);
	ck_assert_int_eq(nfbind_injector_send(injector, packet), 0);
	hear_text(udp.receiver, "changed");
	judge(queue, packet, NFBIND_VERDICT_DROP);
	hear_nothing(udp.receiver);
	close_injector();
}
END_TEST

/* Options. */

START_TEST(test_injector_mark_is_seen_by_rules)
{
	open_injector(OPTIONS({ NFBIND_OPTIONS_MARK, MARK }));
	queue_rule("iptables", "INPUT -p tcp --dport 5001", 1);
	queue_rule("ip6tables", "INPUT -p tcp --dport 5001", 1);
	run("iptables -A OUTPUT -p tcp -m mark --mark %d -j ACCEPT", MARK);
	run("ip6tables -A OUTPUT -p tcp -m mark --mark %d -j ACCEPT", MARK);
	ck_assert_int_eq(refused_connect("127.0.0.1", -1), ECONNREFUSED);
	ck_assert_int_eq(refused_connect("::1", -1), ECONNREFUSED);
	ck_assert_int_eq(run_for_number("iptables -nvxL OUTPUT | awk '$3 == \"ACCEPT\" { print $1 }'"), 1);
	ck_assert_int_eq(run_for_number("ip6tables -nvxL OUTPUT | awk '$3 == \"ACCEPT\" { print $1 }'"), 1);
	close_injector();
}
END_TEST

/* A packet of 10.9.0.1 to 10.1.0.2, port 5001. */
static struct nfbind_packet *stranger(void)
{
	static const uint8_t bytes[] = { 0x45, 0, 0, 33, 0, 0, 0, 0, 64, 17, 0, 0, 10, 9, 0, 1, 10, 1, 0, 2,
					 0x12, 0x34, 0x13, 0x89, 0, 13, 0, 0, 'h', 'e', 'l', 'l', 'o' };
	struct nfbind_packet *packet;

	ck_assert_int_eq(nfbind_packet_new(bytes, sizeof(bytes), &packet), 0);
	return packet;
}

START_TEST(test_injector_sends_in_another_namespace_by_a_device)
{
	int wire = netns_new(), far = netns_new(), receiver;
	struct nfbind_options *options = OPTIONS({ NFBIND_OPTIONS_NETNS_FD, (uint64_t)wire });
	uint64_t here;

	netns_enter(wire);
	netns_join("out", far, "in", 1);
	netns_enter(far);
	run("ip route add default dev in");
	receiver = bound_socket(SOCK_DGRAM, "10.1.0.2", 5001);
	netns_enter(home);
	here = netns_inode();
	ck_assert_int_eq(nfbind_options_set_bytes(options, NFBIND_OPTIONS_DEVICE, "out", 3), 0);
	open_injector(options);
	ck_assert_uint_eq(netns_inode(), here);
	inject(stranger());
	hear_text(receiver, "hello");
	close_injector();
	close(receiver);
}
END_TEST

/* Refusals. */

START_TEST(test_injector_says_why_it_cannot)
{
	struct nfbind_options *device = OPTIONS({ NFBIND_OPTIONS_MARK, MARK });
	struct nfbind_packet *packet = stranger();

	ck_assert_int_eq(nfbind_injector_new(&injector), 0);
	ck_assert_int_eq(nfbind_injector_send(injector, packet), -ESHUTDOWN);
	ck_assert_int_eq(nfbind_options_set_bytes(device, NFBIND_OPTIONS_DEVICE, "nosuch", 6), 0);
	ck_assert_int_eq(nfbind_injector_open(injector, device), -ENODEV);
	ck_assert_ptr_nonnull(strstr(said(), "nosuch"));
	cap_drop(CAP_NET_RAW);
	ck_assert_int_eq(nfbind_injector_open(injector, NULL), -EPERM);
	ck_assert_ptr_nonnull(strstr(said(), "CAP_NET_RAW"));
	cap_restore(CAP_NET_RAW);
	ck_assert_int_eq(nfbind_injector_open(injector, NULL), 0);
	ck_assert_int_eq(nfbind_injector_open(injector, NULL), -EALREADY);
	/* No route, then a rule in the way. */
	ck_assert_int_eq(nfbind_injector_send(injector, packet), -ENETUNREACH);
	ck_assert_str_ne(said(), "");
	run("ip route add default dev lo");
	run("iptables -A OUTPUT -d 10.1.0.2 -j DROP");
	ck_assert_int_eq(nfbind_injector_send(injector, packet), -EPERM);
	nfbind_packet_free(packet);
	close_injector();
}
END_TEST

START_TEST(test_injector_refuses_what_is_longer_than_the_wire)
{
	static uint8_t bytes[2000] = { 0x45, 0, 7, 0xd0, 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1 };
	struct nfbind_packet *packet;

	run("ip link set lo mtu 1500");
	open_injector(NULL);
	ck_assert_int_eq(nfbind_packet_new(bytes, sizeof(bytes), &packet), 0);
	ck_assert_int_eq(nfbind_injector_send(injector, packet), -EMSGSIZE);
	nfbind_packet_free(packet);
	close_injector();
}
END_TEST

/* Netlink. */

/* A socket that other processes talk to, in a group; its port id. */
static int listen_to(uint32_t group, uint32_t *ret_port)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	socklen_t address_len = sizeof(address);
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_USERSOCK);

	address.nl_groups = group > 0 ? 1u << (group - 1) : 0;
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &address_len), 0);
	*ret_port = address.nl_pid;
	return fd;
}

/* The datagrams are there at once: netlink delivers within the send. */
static void receives(int fd, const char *text)
{
	char data[64];
	ssize_t len = recv(fd, data, sizeof(data), MSG_DONTWAIT);

	if (!text) {
		ck_assert_int_eq(len, -1);
		return;
	}
	ck_assert_int_eq(len, (ssize_t)strlen(text));
	ck_assert_mem_eq(data, text, strlen(text));
}

START_TEST(test_injector_netlink_reaches_ports_and_groups)
{
	uint32_t first, second, third;
	int one = listen_to(0, &first), two = listen_to(5, &second), three = listen_to(32, &third);

	open_injector(OPTIONS({ NFBIND_OPTIONS_NETLINK_PROTOCOL, NETLINK_USERSOCK }));
	ck_assert_int_eq(nfbind_injector_send_netlink(injector, first, 0, "to one", 6), 0);
	ck_assert_int_eq(nfbind_injector_send_netlink(injector, first, 5, "both", 4), 0);
	ck_assert_int_eq(nfbind_injector_send_netlink(injector, 0, 32, "three", 5), -ECONNREFUSED);
	ck_assert_str_eq(said(), "nobody has port id 0");
	ck_assert_int_eq(nfbind_injector_send_netlink(injector, first, 7, "nobody else", 11), 0);
	receives(one, "to one");
	receives(one, "both");
	receives(one, "nobody else");
	receives(one, NULL);
	receives(two, "both");
	receives(two, NULL);
	receives(three, "three");
	receives(three, NULL);
	close_injector();
	close(one);
	close(two);
	close(three);
}
END_TEST

START_TEST(test_injector_netlink_says_why_it_cannot)
{
	struct nfbind_injector *other;

	open_injector(NULL);
	ck_assert_int_eq(nfbind_injector_send_netlink(injector, 1, 0, "x", 1), -EDESTADDRREQ);
	ck_assert_str_eq(said(), "it was opened without a netlink protocol");
	close_injector();
	for (uint64_t protocol = 200; protocol <= UINT32_MAX; protocol += UINT32_MAX - 200) {
		ck_assert_int_eq(nfbind_injector_new(&other), 0);
		ck_assert_int_eq(nfbind_injector_open(other, OPTIONS({ NFBIND_OPTIONS_NETLINK_PROTOCOL, protocol })),
				 -EPROTONOSUPPORT);
		nfbind_injector_free(other);
	}
	open_injector(OPTIONS({ NFBIND_OPTIONS_NETLINK_PROTOCOL, NETLINK_USERSOCK }));
	ck_assert_int_eq(nfbind_injector_send_netlink(injector, 1, 33, "x", 1), -ERANGE);
	ck_assert_int_eq(nfbind_injector_send_netlink(injector, 1, 0, "x", 0), -EINVAL);
	ck_assert_int_eq(nfbind_injector_send_netlink(injector, 1, 0, NULL, 1), -EINVAL);
	ck_assert_int_eq(nfbind_injector_send_netlink(injector, 0x7fffffff, 0, "x", 1), -ECONNREFUSED);
	close_injector();
}
END_TEST

int main(void)
{
	const struct live_case cases[] = {
		{ "tcp", test_injector_reset_refuses_a_connect },
		{ "tcp", test_injector_unreachable_refuses_a_connect },
		{ "tcp", test_injector_reset_ends_a_connection_over_a_wire },
		{ "udp", test_injector_port_unreachable_is_told_to_a_udp_sender },
		{ "udp", test_injector_sends_a_queued_packet },
		{ "options", test_injector_mark_is_seen_by_rules },
		{ "options", test_injector_sends_in_another_namespace_by_a_device },
		{ "refusal", test_injector_says_why_it_cannot },
		{ "refusal", test_injector_refuses_what_is_longer_than_the_wire },
		{ "netlink", test_injector_netlink_reaches_ports_and_groups },
		{ "netlink", test_injector_netlink_says_why_it_cannot },
	};

	return live_main("injector", cases, sizeof(cases) / sizeof(cases[0]));
}
