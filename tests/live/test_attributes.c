/* SPDX-License-Identifier: MIT */
/*
 * What the kernel tells of a packet: each attribute is provoked by an ordinary
 * set-up, read, and compared with what the test knows by another way. What is not
 * told is absent, not 0.
 */
#include "live.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum {
	PREROUTING,
	INPUT,
	FORWARD,
	OUTPUT,
	POSTROUTING,
};

static bool is_address(const struct nfbind_packet *packet, enum nfbind_packet_field field,
		       const char *text)
{
	uint8_t address[16];
	size_t len;
	const uint8_t *data = bytes_of(packet, field, &len);
	bool is_v6 = strchr(text, ':');

	ck_assert_int_eq(inet_pton(is_v6 ? AF_INET6 : AF_INET, text, address), 1);
	return len == (is_v6 ? 16 : 4) && memcmp(data, address, len) == 0;
}

/* Header. */

static void check_hook(const char *program, const char *address, const char *chain, int hook)
{
	bool is_v6 = strchr(address, ':');
	bool comes_in = hook <= FORWARD, goes_out = hook >= FORWARD;
	struct udp udp = udp_pair(address, (uint16_t)(5000 + hook));
	struct nfbind_queue *queue = bind_session((uint16_t)(10 + hook), NULL);
	struct nfbind_packet *packet;

	run("%s -t mangle -A %s -p udp --dport %d -j NFQUEUE --queue-num %d", program, chain,
	    5000 + hook, 10 + hook);
	say_text(udp.sender, "x");
	packet = receive_one(queue);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_QUEUE), 10 + (uint32_t)hook);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_ID), 1);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_HOOK), (uint32_t)hook);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_FAMILY), is_v6 ? 10 : 2);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_HW_PROTOCOL), is_v6 ? 0x86dd : 0x0800);
	ck_assert_int_eq(nfbind_packet_has(packet, NFBIND_PACKET_INDEV), comes_in);
	ck_assert_int_eq(nfbind_packet_has(packet, NFBIND_PACKET_OUTDEV), goes_out);
	ck_assert(is_absent(packet, NFBIND_PACKET_PHYSINDEV));
	ck_assert(is_absent(packet, NFBIND_PACKET_PHYSOUTDEV));
	ck_assert(is_absent(packet, NFBIND_PACKET_MARK));
	ck_assert(is_absent(packet, NFBIND_PACKET_CAP_LEN));
	ck_assert(is_absent(packet, NFBIND_PACKET_UID));
	ck_assert(is_absent(packet, NFBIND_PACKET_PRIORITY));
	ck_assert(is_absent(packet, NFBIND_PACKET_CT_INFO));
	ck_assert(is_absent(packet, NFBIND_PACKET_VLAN_TCI));
	ck_assert(is_absent(packet, NFBIND_PACKET_L2HDR));
	if (comes_in)
		ck_assert(field_is_text(packet, NFBIND_PACKET_INDEV_NAME, "lo"));
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(udp.receiver, "x");
	free_session(queue);
	close(udp.sender);
	close(udp.receiver);
}

static void check_hooks(const char *program, const char *address)
{
	check_hook(program, address, "PREROUTING", PREROUTING);
	check_hook(program, address, "INPUT", INPUT);
	check_hook(program, address, "OUTPUT", OUTPUT);
	check_hook(program, address, "POSTROUTING", POSTROUTING);
}

START_TEST(test_packet_names_its_hook_and_family)
{
	check_hooks("iptables", "127.0.0.1");
	check_hooks("ip6tables", "::1");
}
END_TEST

/* Two neighbours with this namespace as the router between them. */
struct routed {
	int left;
	int right;
	struct udp udp; /* from the left to the right */
};

static struct routed make_route(void)
{
	struct routed route = { .left = netns_new(), .right = netns_new() };

	netns_enter(home);
	netns_join("toleft", route.left, "left", 1);
	netns_join("toright", route.right, "right", 2);
	run("echo 1 >/proc/sys/net/ipv4/ip_forward");
	netns_enter(route.left);
	run("ip route add default via 10.1.0.1");
	route.udp.sender = bound_socket(SOCK_DGRAM, "10.1.0.2", 5000);
	netns_enter(route.right);
	run("ip route add default via 10.2.0.1");
	route.udp.receiver = bound_socket(SOCK_DGRAM, "10.2.0.2", 5001);
	netns_enter(home);
	connect_to(route.udp.sender, "10.2.0.2", 5001);
	return route;
}

START_TEST(test_packet_forwarded_has_both_devices)
{
	struct routed route = make_route();
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct nfbind_packet *packet;

	queue_rule("iptables", "FORWARD -p udp", 1);
	say_text(route.udp.sender, "through");
	packet = receive_one(queue);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_HOOK), FORWARD);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_INDEV), if_nametoindex("toleft"));
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_OUTDEV), if_nametoindex("toright"));
	ck_assert(field_is_text(packet, NFBIND_PACKET_INDEV_NAME, "toleft"));
	ck_assert(field_is_text(packet, NFBIND_PACKET_OUTDEV_NAME, "toright"));
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_IP_TTL), 63);
	ck_assert(is_address(packet, NFBIND_PACKET_IP_SRC, "10.1.0.2"));
	ck_assert(is_address(packet, NFBIND_PACKET_IP_DST, "10.2.0.2"));
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(route.udp.receiver, "through");
}
END_TEST

START_TEST(test_packet_device_renamed_is_seen)
{
	struct routed route = make_route();
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct nfbind_packet *packet;

	queue_rule("iptables", "FORWARD -p udp", 1);
	say_text(route.udp.sender, "before");
	packet = receive_one(queue);
	ck_assert(field_is_text(packet, NFBIND_PACKET_INDEV_NAME, "toleft"));
	run("ip link set toleft down && ip link set toleft name west && ip link set west up");
	/* Names are asked for again after a second. */
	sleep_ms(1050);
	say_text(route.udp.sender, "after");
	packet = receive_one(queue);
	ck_assert(field_is_text(packet, NFBIND_PACKET_INDEV_NAME, "west"));
}
END_TEST

START_TEST(test_packet_device_of_another_namespace_has_its_name_there)
{
	struct routed route = make_route();
	struct nfbind_queue *queue = bind_session(1, NULL);

	queue_rule("iptables", "FORWARD -p udp", 1);
	say_text(route.udp.sender, "x");
	netns_enter(route.left);
	ck_assert(field_is_text(receive_one(queue), NFBIND_PACKET_OUTDEV_NAME, "toright"));
	netns_enter(home);
}
END_TEST

static void mac_of(const char *device, uint8_t mac[6])
{
	struct ifreq request = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strcpy(request.ifr_name, device);
	ck_assert_int_eq(ioctl(fd, SIOCGIFHWADDR, &request), 0);
	memcpy(mac, request.ifr_hwaddr.sa_data, 6);
	close(fd);
}

START_TEST(test_packet_has_the_hardware_address_of_its_sender)
{
	struct routed route = make_route();
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct nfbind_packet *packet;
	const uint8_t *data;
	uint8_t mac[6];
	size_t len;

	netns_enter(route.left);
	mac_of("left", mac);
	netns_enter(home);
	queue_rule("iptables", "FORWARD -p udp", 1);
	run("iptables -t mangle -A POSTROUTING -p icmp -j NFQUEUE --queue-num 1");
	say_text(route.udp.sender, "x");
	packet = receive_one(queue);
	data = bytes_of(packet, NFBIND_PACKET_HWADDR, &len);
	ck_assert_uint_eq(len, 6);
	ck_assert_mem_eq(data, mac, 6);
	judge(queue, packet, NFBIND_VERDICT_DROP);
	/* What starts here has no sender on the wire. */
	run_quietly("ping -c1 -W0.01 10.2.0.2");
	ck_assert(is_absent(receive_one(queue), NFBIND_PACKET_HWADDR));
}
END_TEST

/* A bridge in this namespace between two neighbours. */
START_TEST(test_packet_on_a_bridge_has_its_ports)
{
	int left = netns_new(), right = netns_new(), sender, receiver;
	struct nfbind_queue *queue;
	struct nfbind_packet *packet;

	netns_enter(home);
	if (!run_quietly("iptables -A FORWARD -m physdev --physdev-is-bridged -p udp -j NFQUEUE --queue-num 1"))
		skip("this kernel has no match physdev");
	run("ip link add br0 type bridge && ip link set br0 up");
	if (!run_quietly("echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables") &&
	    !run_quietly("ip link set br0 type bridge nf_call_iptables 1"))
		skip("this kernel has no br_netfilter");
	netns_join("port1", left, "left", 1);
	netns_join("port2", right, "right", 1);
	run("ip addr flush dev port1; ip addr flush dev port2; ip link set port1 master br0; ip link set port2 master br0");
	netns_enter(left);
	run("ip addr flush dev left && ip addr add 10.1.0.3/24 dev left");
	sender = bound_socket(SOCK_DGRAM, "10.1.0.3", 5000);
	netns_enter(right);
	receiver = bound_socket(SOCK_DGRAM, "10.1.0.2", 5001);
	netns_enter(home);
	queue = bind_session(1, NULL);
	connect_to(sender, "10.1.0.2", 5001);
	say_text(sender, "bridged");
	packet = receive_one(queue);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_INDEV), if_nametoindex("br0"));
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_OUTDEV), if_nametoindex("br0"));
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_PHYSINDEV), if_nametoindex("port1"));
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_PHYSOUTDEV), if_nametoindex("port2"));
	ck_assert(field_is_text(packet, NFBIND_PACKET_PHYSINDEV_NAME, "port1"));
	ck_assert(field_is_text(packet, NFBIND_PACKET_PHYSOUTDEV_NAME, "port2"));
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(receiver, "bridged");
}
END_TEST

/* Marks and the like. */

START_TEST(test_packet_mark_is_told_when_there_is_one)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);
	uint32_t mark = 0xfedcba98;

	run("iptables -t mangle -A INPUT -p udp -j NFQUEUE --queue-num 1");
	say_text(udp.sender, "x");
	ck_assert(is_absent(receive_one(queue), NFBIND_PACKET_MARK));
	ck_assert_int_eq(setsockopt(udp.sender, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)), 0);
	say_text(udp.sender, "x");
	ck_assert_uint_eq(number_of(receive_one(queue), NFBIND_PACKET_MARK), mark);
	run("iptables -t mangle -I INPUT -p udp -j MARK --set-mark 7");
	say_text(udp.sender, "x");
	ck_assert_uint_eq(number_of(receive_one(queue), NFBIND_PACKET_MARK), 7);
}
END_TEST

START_TEST(test_packet_priority_is_told_when_there_is_one)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);
	int priority = 6;

	run("iptables -t mangle -A POSTROUTING -p udp -j NFQUEUE --queue-num 1");
	say_text(udp.sender, "x");
	ck_assert(is_absent(receive_one(queue), NFBIND_PACKET_PRIORITY));
	ck_assert_int_eq(setsockopt(udp.sender, SOL_SOCKET, SO_PRIORITY, &priority, sizeof(priority)), 0);
	say_text(udp.sender, "x");
	ck_assert(is_told(receive_one(queue), NFBIND_PACKET_PRIORITY, 6));
	run("iptables -t mangle -I POSTROUTING -p udp -j CLASSIFY --set-class 12:34");
	say_text(udp.sender, "x");
	ck_assert(is_told(receive_one(queue), NFBIND_PACKET_PRIORITY, 0x120034));
}
END_TEST

START_TEST(test_packet_timestamp_is_told_where_the_stack_stamps)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct nfbind_packet *packet;
	struct timespec now;
	double age;
	int on = 1;

	queue_rule("iptables", "INPUT -p udp", 1);
	queue_rule("iptables", "OUTPUT -p udp --sport 5002", 1);
	/* Somebody who wants time stamps makes the stack give them; it takes a moment to start. */
	ck_assert_int_eq(setsockopt(udp.receiver, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)), 0);
	for (int i = 0;; i++) {
		say_text(udp.sender, "x");
		packet = receive_one(queue);
		if (nfbind_packet_has(packet, NFBIND_PACKET_TIMESTAMP) > 0)
			break;
		ck_assert_int_lt(i, 100);
		sleep_ms(10);
	}
	clock_gettime(CLOCK_REALTIME, &now);
	age = (double)now.tv_sec - (double)number_of(packet, NFBIND_PACKET_TIMESTAMP) / 1e9;
	ck_assert(age > -10 && age < 10);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_TIMESTAMP) % 1000, 0);
	judge(queue, packet, NFBIND_VERDICT_DROP);
	udp = udp_pair("127.0.0.1", 5003);
	close(udp.sender);
	udp.sender = bound_socket(SOCK_DGRAM, "127.0.0.1", 5002);
	connect_to(udp.sender, "127.0.0.1", 5003);
	say_text(udp.sender, "x");
	ck_assert(is_absent(receive_one(queue), NFBIND_PACKET_TIMESTAMP));
}
END_TEST

START_TEST(test_packet_owner_is_that_of_the_sending_socket)
{
	struct nfbind_queue *queue = bind_session(1, OPTIONS({ NFBIND_OPTIONS_UID_GID, 1 }));
	uint64_t uid = 0, gid = 0;
	struct nfbind_packet *packet;
	struct udp udp;

	queue_rule("iptables", "OUTPUT", 1);
	/* The initial user namespace's numbers: the outermost ones that this process can know. */
	ck_assert_int_eq(setegid(4321) == 0 && seteuid(1234) == 0, geteuid() == 1234);
	if (geteuid() == 1234) {
		uid = 1234;
		gid = 4321;
	} else {
		uid = (uint64_t)run_for_number("awk '{ print $2 }' /proc/self/uid_map");
		gid = (uint64_t)run_for_number("awk '{ print $2 }' /proc/self/gid_map");
	}
	udp = udp_pair("127.0.0.1", 5001);
	ck_assert(seteuid(0) == 0 && setegid(0) == 0);
	say_text(udp.sender, "x");
	packet = receive_one(queue);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_UID), uid);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_GID), gid);
	judge(queue, packet, NFBIND_VERDICT_DROP);
	/* The kernel's own answer has no owner. */
	run("iptables -I OUTPUT -p udp -j ACCEPT");
	close(udp.receiver);
	say_text(udp.sender, "x");
	packet = receive_one(queue);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_IP_PROTOCOL), 1);
	ck_assert(is_absent(packet, NFBIND_PACKET_UID));
	ck_assert(is_absent(packet, NFBIND_PACKET_GID));
}
END_TEST

START_TEST(test_packet_class_is_that_of_the_control_group)
{
	const char *group = "/sys/fs/cgroup/net_cls/nfbind-live";
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct udp udp;

	if (!run_quietly("test -e /sys/fs/cgroup/net_cls/net_cls.classid && mkdir -p %s && echo 0x100001 >%s/net_cls.classid",
			 group, group))
		skip("this kernel has no control groups net_cls where this user may make one");
	udp = udp_pair("127.0.0.1", 5001);
	queue_rule("iptables", "OUTPUT -p udp", 1);
	say_text(udp.sender, "x");
	ck_assert(is_absent(receive_one(queue), NFBIND_PACKET_CGROUP_CLASSID));
	run("echo %d >%s/tasks", (int)getpid(), group);
	udp = udp_pair("127.0.0.1", 5002);
	say_text(udp.sender, "x");
	ck_assert(is_told(receive_one(queue), NFBIND_PACKET_CGROUP_CLASSID, 0x100001));
	run("echo %d >%s/../tasks", (int)getpid(), group);
	run("rmdir %s", group);
}
END_TEST

START_TEST(test_packet_security_label_is_told)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue;

	need_feature(NFBIND_FEATURE_QUEUE_SECCTX, "queue flag secctx");
	queue = bind_session(1, OPTIONS({ NFBIND_OPTIONS_SECCTX, 1 }));
	if (!run_quietly("iptables -t mangle -A OUTPUT -p udp -j SECMARK --selctx kernel"))
		skip("this kernel has no security module with labels for packets");
	queue_rule("iptables", "OUTPUT -p udp", 1);
	say_text(udp.sender, "x");
	ck_assert(field_is_text(receive_one(queue), NFBIND_PACKET_SECCTX, "kernel"));
	ck_assert_int_eq(nfbind_queue_change(queue, 1, OPTIONS({ NFBIND_OPTIONS_SECCTX, 0 })), 0);
	say_text(udp.sender, "x");
	ck_assert(is_absent(receive_one(queue), NFBIND_PACKET_SECCTX));
}
END_TEST

/* All of it at once. */

START_TEST(test_batch_export_says_what_the_fields_say)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(
		1, OPTIONS({ NFBIND_OPTIONS_COPY_RANGE, 30 }, { NFBIND_OPTIONS_UID_GID, 1 }));
	struct nfbind_packet_summary summary;
	struct nfbind_batch *batch;
	struct nfbind_packet *packet;
	const void *data;
	size_t data_len, len;
	uint32_t mark = 5;

	queue_rule("iptables", "OUTPUT -p udp", 1);
	setsockopt(udp.sender, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
	say_text(udp.sender, "hello");
	batch = receive(queue);
	packet = nfbind_batch_packet(batch, 0);
	ck_assert_int_eq(nfbind_batch_export(batch, &summary, 1, sizeof(summary)), 1);
	ck_assert_int_eq(nfbind_batch_get_data(batch, &data, &data_len), 0);
	for (uint32_t field = 0; field < 30; field++)
		ck_assert_int_eq(summary.present >> field & 1,
				 field == NFBIND_PACKET_INDEV_NAME || field == NFBIND_PACKET_OUTDEV_NAME ?
					 0 : nfbind_packet_has(packet, field));
	ck_assert_uint_eq(summary.id, number_of(packet, NFBIND_PACKET_ID));
	ck_assert_uint_eq(summary.queue, 1);
	ck_assert_uint_eq(summary.mark, 5);
	ck_assert_uint_eq(summary.hook, OUTPUT);
	ck_assert_uint_eq(summary.family, 2);
	ck_assert_uint_eq(summary.outdev, number_of(packet, NFBIND_PACKET_OUTDEV));
	ck_assert_uint_eq(summary.cap_len, 33);
	ck_assert_uint_eq(summary.is_truncated, 1);
	ck_assert_uint_eq(summary.uid, number_of(packet, NFBIND_PACKET_UID));
	ck_assert_mem_eq((const uint8_t *)data + summary.payload_offset,
			 bytes_of(packet, NFBIND_PACKET_PAYLOAD, &len), 30);
	ck_assert_uint_eq(len, 30);
	ck_assert_uint_eq(summary.payload_len, 30);
}
END_TEST

START_TEST(test_packet_prints_a_line_and_all_fields)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct nfbind_packet *packet;
	char line[512], all[2048];

	queue_rule("iptables", "INPUT -p udp", 1);
	say_text(udp.sender, "hello");
	packet = receive_one(queue);
	ck_assert_int_gt(nfbind_packet_print(packet, NFBIND_PACKET_FORMAT_LINE, line, sizeof(line)), 0);
	ck_assert_ptr_nonnull(strstr(line, "127.0.0.1"));
	ck_assert_ptr_nonnull(strstr(line, "5001"));
	ck_assert_ptr_nonnull(strstr(line, "lo"));
	ck_assert_ptr_null(strchr(line, '\n'));
	ck_assert_int_gt(nfbind_packet_print(packet, NFBIND_PACKET_FORMAT_FIELDS, all, sizeof(all)), 0);
	ck_assert_ptr_nonnull(strstr(all, "port-dst=5001"));
	ck_assert_ptr_nonnull(strstr(all, "hook=input"));
}
END_TEST

int main(void)
{
	const struct live_case cases[] = {
		{ "header", test_packet_names_its_hook_and_family },
		{ "device", test_packet_forwarded_has_both_devices },
		{ "device", test_packet_device_renamed_is_seen },
		{ "device", test_packet_device_of_another_namespace_has_its_name_there },
		{ "device", test_packet_has_the_hardware_address_of_its_sender },
		{ "device", test_packet_on_a_bridge_has_its_ports },
		{ "mark", test_packet_mark_is_told_when_there_is_one },
		{ "mark", test_packet_priority_is_told_when_there_is_one },
		{ "mark", test_packet_timestamp_is_told_where_the_stack_stamps },
		{ "owner", test_packet_owner_is_that_of_the_sending_socket },
		{ "owner", test_packet_class_is_that_of_the_control_group },
		{ "owner", test_packet_security_label_is_told },
		{ "whole", test_batch_export_says_what_the_fields_say },
		{ "whole", test_packet_prints_a_line_and_all_fields },
	};

	return live_main("attributes", cases, sizeof(cases) / sizeof(cases[0]));
}
