/* SPDX-License-Identifier: MIT */
/*
 * Queues that nft rules feed: its queue statement with its flags and ranges, and
 * the bridge family, where a packet has a link-layer header and a VLAN tag that a
 * verdict may change.
 */
#include "live.h"

#include <linux/if_ether.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define need_nft_queue(family)                                                 \
	do {                                                                   \
		if (!has_nft(family, "queue num 5"))                           \
			skip("this kernel has no nft queue statement in family " family); \
	} while (0)

/* Early: br_netfilter, once it is loaded, leaves out a bridge's chains of priority 0. */
static void make_chain(const char *family, const char *hook)
{
	run("nft add table %s t && nft 'add chain %s t c { type filter hook %s priority -200; }'", family,
	    family, hook);
}

static struct nfbind_packet *queued(struct nfbind_queue *queue, const struct udp *udp, const char *text)
{
	say_text(udp->sender, text);
	return receive_one(queue);
}

/* The statement. */

START_TEST(test_nft_queue_delivers_both_families)
{
	struct udp v4 = udp_pair("127.0.0.1", 5001), v6 = udp_pair("::1", 5001);
	struct nfbind_queue *queue = bind_session(5, NULL);
	struct nfbind_packet *packet;

	need_nft_queue("inet");
	make_chain("inet", "output");
	run("nft add rule inet t c udp dport 5001 queue num 5");
	packet = queued(queue, &v4, "four");
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_FAMILY), 2);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_HOOK), 3);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	packet = queued(queue, &v6, "six");
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_FAMILY), 10);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(v4.receiver, "four");
	hear_text(v6.receiver, "six");
}
END_TEST

START_TEST(test_nft_queue_bypass_lets_pass_without_a_reader)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue;

	need_nft_queue("ip");
	make_chain("ip", "output");
	run("nft add rule ip t c udp dport 5001 queue num 5 bypass");
	say_text(udp.sender, "nobody reads");
	hear_text(udp.receiver, "nobody reads");
	queue = bind_session(5, NULL);
	judge(queue, queued(queue, &udp, "somebody reads"), NFBIND_VERDICT_DROP);
	hear_nothing(udp.receiver);
	ck_assert_int_eq(nfbind_queue_unbind(queue, 5), 0);
	say_text(udp.sender, "nobody again");
	hear_text(udp.receiver, "nobody again");
	run("nft flush chain ip t c && nft add rule ip t c udp dport 5001 queue num 5");
	say_text(udp.sender, "without bypass");
	hear_nothing(udp.receiver);
}
END_TEST

/* One queue for each processor; all packets of one processor go to one queue. */
START_TEST(test_nft_queue_fanout_spreads_over_a_range)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(10, NULL);
	uint32_t passed = 0;

	need_nft_queue("ip");
	for (uint16_t i = 11; i <= 13; i++)
		ck_assert_int_eq(nfbind_queue_bind(queue, i, NULL), 0);
	make_chain("ip", "input");
	run("nft add rule ip t c udp dport 5001 queue num 10-13 bypass,fanout");
	say_numbers(udp.sender, 0, 50);
	while (passed < 50) {
		struct nfbind_batch *batch = receive(queue);

		for (uint32_t i = 0; i < nfbind_batch_count(batch); i++) {
			uint64_t number = number_of(nfbind_batch_packet(batch, i), NFBIND_PACKET_QUEUE);

			ck_assert(number >= 10 && number <= 13);
		}
		passed += (uint32_t)nfbind_queue_verdict_rest(queue, NFBIND_VERDICT_ACCEPT);
	}
	ck_assert_int_eq(nfbind_queue_settle(queue), 0);
	ck_assert_uint_eq(passed, 50);
}
END_TEST

START_TEST(test_nft_queue_verdicts_go_on_behind_the_rule)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(5, NULL), *other = bind_session(6, NULL);
	struct nfbind_packet *packet;

	need_nft_queue("ip");
	make_chain("ip", "output");
	run("nft add rule ip t c udp dport 5001 meta mark 0 queue num 5");
	run("nft 'add chain ip t d { type filter hook output priority 10; }' && "
	    "nft add rule ip t d meta mark 7 counter queue num 6");
	packet = queued(queue, &udp, "x");
	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_MARK, 7), 0);
	judge(queue, packet, NFBIND_VERDICT_REPEAT);
	packet = receive_one(other);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_MARK), 7);
	judge(other, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(udp.receiver, "x");
}
END_TEST

/* A bridge between two neighbours, with a VLAN 5 and a VLAN 6 on it. */

struct bridged {
	int left, right;
	uint8_t left_mac[6], right_mac[6];
	struct udp udp;
};

static void give_address(const char *device, const char *address)
{
	run("ip link set %s up && ip addr add %s/24 dev %s", device, address, device);
}

static void mac_of(const char *device, uint8_t mac[6])
{
	struct ifreq request = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strcpy(request.ifr_name, device);
	ck_assert_int_eq(ioctl(fd, SIOCGIFHWADDR, &request), 0);
	memcpy(mac, request.ifr_hwaddr.sa_data, 6);
	close(fd);
}

/* Without asking around, which takes its time and meets the queue. */
static void know(const char *address, const uint8_t mac[6], const char *device)
{
	run("ip neigh add %s lladdr %02x:%02x:%02x:%02x:%02x:%02x dev %s", address, mac[0], mac[1], mac[2],
	    mac[3], mac[4], mac[5], device);
}

static void await_forwarding(const char *port)
{
	while (!run_quietly("ip -d link show %s | grep -q 'state forwarding'", port)) {
		ck_assert_msg(seconds() < 20 * slowness(), "%s does not forward", port);
		sleep_ms(20);
	}
}

static struct bridged make_bridge(void)
{
	struct bridged bridge = { .left = netns_new(), .right = netns_new() };

	netns_enter(home);
	netns_join("port1", bridge.left, "left", 1);
	netns_join("port2", bridge.right, "right", 1);
	run("ip addr flush dev port1 && ip addr flush dev port2");
	run("ip link add br0 type bridge && ip link set br0 up && "
	    "ip link set port1 master br0 && ip link set port2 master br0");
	netns_enter(bridge.left);
	run("ip addr flush dev left");
	mac_of("left", bridge.left_mac);
	give_address("left", "10.1.0.1");
	bridge.udp.sender = bound_socket(SOCK_DGRAM, "10.1.0.1", 5000);
	netns_enter(bridge.right);
	mac_of("right", bridge.right_mac);
	bridge.udp.receiver = bound_socket(SOCK_DGRAM, "10.1.0.2", 5001);
	netns_enter(bridge.left);
	know("10.1.0.2", bridge.right_mac, "left");
	netns_enter(home);
	await_forwarding("port1");
	await_forwarding("port2");
	connect_to(bridge.udp.sender, "10.1.0.2", 5001);
	return bridge;
}

START_TEST(test_nft_bridge_packet_has_its_link_layer_header)
{
	struct nfbind_queue *queue = bind_session(5, NULL);
	struct bridged bridge;
	struct nfbind_packet *packet;
	const uint8_t *header;
	size_t len;

	need_nft_queue("bridge");
	bridge = make_bridge();
	make_chain("bridge", "forward");
	run("nft add rule bridge t c ip protocol udp queue num 5");
	packet = queued(queue, &bridge.udp, "bridged");
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_FAMILY), 7);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_HW_PROTOCOL), 0x0800);
	ck_assert(field_is_text(packet, NFBIND_PACKET_PHYSINDEV_NAME, "port1"));
	ck_assert(field_is_text(packet, NFBIND_PACKET_PHYSOUTDEV_NAME, "port2"));
	ck_assert(field_is_text(packet, NFBIND_PACKET_INDEV_NAME, "br0"));
	ck_assert(field_is_text(packet, NFBIND_PACKET_OUTDEV_NAME, "br0"));
	header = bytes_of(packet, NFBIND_PACKET_L2HDR, &len);
	ck_assert_uint_eq(len, 14);
	ck_assert_mem_eq(header, bridge.right_mac, 6);
	ck_assert_mem_eq(header + 6, bridge.left_mac, 6);
	ck_assert(is_absent(packet, NFBIND_PACKET_VLAN_TCI));
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_PORT_DST), 5001);
	ck_assert_uint_eq(bytes_of(packet, NFBIND_PACKET_PAYLOAD, &len)[0], 0x45);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(bridge.udp.receiver, "bridged");
}
END_TEST

START_TEST(test_nft_bridge_packet_payload_can_be_changed)
{
	struct nfbind_queue *queue = bind_session(5, NULL);
	struct bridged bridge;
	struct nfbind_packet *packet;
	char room[64];
	ssize_t came;

	need_nft_queue("bridge");
	bridge = make_bridge();
	make_chain("bridge", "forward");
	run("nft add rule bridge t c ip protocol udp queue num 5");
	packet = queued(queue, &bridge.udp, "bridged");
	ck_assert_int_eq(nfbind_packet_splice(packet, 0, 7, "and changed", 11), 0);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	/* Newer kernels throw it away without a word (nfnetlink_queue.c, nfqnl_mangle()). */
	came = hear(bridge.udp.receiver, room, sizeof(room), is_kernel(7, 0) ? 1000 : PATIENCE);
	if (is_kernel(7, 0) && came < 0)
		return;
	ck_assert_int_eq(came, 11);
	ck_assert_mem_eq(room, "and changed", 11);
	packet = queued(queue, &bridge.udp, "bridged");
	ck_assert_int_eq(nfbind_packet_splice(packet, 0, 7, "changed again", 13), 0);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(bridge.udp.receiver, "changed again");
}
END_TEST

START_TEST(test_nft_bridge_packet_link_layer_header_can_be_changed)
{
	static const uint8_t nobody[6] = { 2, 0, 0, 0, 0, 99 };
	struct nfbind_queue *queue = bind_session(5, NULL);
	struct bridged bridge;
	struct nfbind_packet *packet;
	uint8_t header[14];
	const uint8_t *was;
	size_t len;

	need_nft_queue("bridge");
	bridge = make_bridge();
	make_chain("bridge", "forward");
	run("nft add rule bridge t c ip protocol udp queue num 5");
	/* For another station the neighbour does not take it. */
	packet = queued(queue, &bridge.udp, "elsewhere");
	was = bytes_of(packet, NFBIND_PACKET_L2HDR, &len);
	memcpy(header, was, sizeof(header));
	memcpy(header, nobody, sizeof(nobody));
	ck_assert_int_lt(nfbind_packet_set_bytes(packet, NFBIND_PACKET_L2HDR, header, 13), 0);
	ck_assert_int_eq(nfbind_packet_set_bytes(packet, NFBIND_PACKET_L2HDR, header, 14), 0);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_nothing(bridge.udp.receiver);
	take_no_notice(queue);
}
END_TEST

/* A receiver of what comes by one device only. */
static int socket_on(const char *device, const char *address)
{
	int fd = bound_socket(SOCK_DGRAM, address, 5001);

	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device)), 0);
	return fd;
}

START_TEST(test_nft_bridge_packet_vlan_can_be_changed)
{
	struct nfbind_queue *queue = bind_session(5, NULL);
	struct bridged bridge;
	struct nfbind_packet *packet;
	int five, six, sender;

	need_nft_queue("bridge");
	if (!run_quietly("ip link add name probe0 type dummy && ip link add link probe0 name probe0.5 type vlan id 5"))
		skip("this kernel has no VLAN devices");
	bridge = make_bridge();
	netns_enter(bridge.right);
	run("ip link add link right name right.5 type vlan id 5; ip link add link right name right.6 type vlan id 6");
	give_address("right.5", "10.5.0.2");
	run("ip link set right.6 up");
	five = socket_on("right.5", "10.5.0.2");
	six = socket_on("right.6", "10.5.0.2");
	run("echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter; echo 0 >/proc/sys/net/ipv4/conf/right.6/rp_filter");
	netns_enter(bridge.left);
	run("ip link add link left name left.5 type vlan id 5");
	give_address("left.5", "10.5.0.1");
	know("10.5.0.2", bridge.right_mac, "left.5");
	sender = bound_socket(SOCK_DGRAM, "10.5.0.1", 5000);
	netns_enter(home);
	connect_to(sender, "10.5.0.2", 5001);
	make_chain("bridge", "forward");
	run("nft add rule bridge t c vlan id 5 vlan type ip queue num 5");
	say_text(sender, "in five");
	packet = receive_one(queue);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_VLAN_PROTO), 0x8100);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_VLAN_TCI) & 0xfff, 5);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_PORT_DST), 5001);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(five, "in five");
	say_text(sender, "to six");
	packet = receive_one(queue);
	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_VLAN_TCI, 6), 0);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(six, "to six");
	hear_nothing(five);
	close(five);
	close(six);
	close(sender);
}
END_TEST

int main(void)
{
	const struct live_case cases[] = {
		{ "queue", test_nft_queue_delivers_both_families },
		{ "queue", test_nft_queue_bypass_lets_pass_without_a_reader },
		{ "queue", test_nft_queue_fanout_spreads_over_a_range },
		{ "queue", test_nft_queue_verdicts_go_on_behind_the_rule },
		{ "bridge", test_nft_bridge_packet_has_its_link_layer_header },
		{ "bridge", test_nft_bridge_packet_payload_can_be_changed },
		{ "bridge", test_nft_bridge_packet_link_layer_header_can_be_changed },
		{ "bridge", test_nft_bridge_packet_vlan_can_be_changed },
	};

	return live_main("nft", cases, sizeof(cases) / sizeof(cases[0]));
}
