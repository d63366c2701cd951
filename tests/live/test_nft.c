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

static void make_chain(const char *family, const char *hook)
{
	run("nft add table %s t && nft 'add chain %s t c { type filter hook %s priority 0; }'", family,
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
	struct udp udp;
};

static void give_address(const char *device, const char *address)
{
	run("ip link set %s up && ip addr add %s/24 dev %s", device, address, device);
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
	give_address("left", "10.1.0.1");
	bridge.udp.sender = bound_socket(SOCK_DGRAM, "10.1.0.1", 5000);
	netns_enter(bridge.right);
	bridge.udp.receiver = bound_socket(SOCK_DGRAM, "10.1.0.2", 5001);
	netns_enter(home);
	connect_to(bridge.udp.sender, "10.1.0.2", 5001);
	return bridge;
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

START_TEST(test_nft_bridge_packet_has_its_link_layer_header)
{
	struct nfbind_queue *queue = bind_session(5, NULL);
	struct bridged bridge;
	struct nfbind_packet *packet;
	uint8_t left[6], right[6];
	const uint8_t *header;
	size_t len;

	need_nft_queue("bridge");
	bridge = make_bridge();
	netns_enter(bridge.left);
	mac_of("left", left);
	netns_enter(bridge.right);
	mac_of("right", right);
	netns_enter(home);
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
	ck_assert_mem_eq(header, right, 6);
	ck_assert_mem_eq(header + 6, left, 6);
	ck_assert(is_absent(packet, NFBIND_PACKET_VLAN_TCI));
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_PORT_DST), 5001);
	ck_assert_uint_eq(bytes_of(packet, NFBIND_PACKET_PAYLOAD, &len)[0], 0x45);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(bridge.udp.receiver, "bridged");
}
END_TEST

START_TEST(test_nft_bridge_packet_changes_arrive)
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
	packet = queued(queue, &bridge.udp, "bridged");
	ck_assert_int_eq(nfbind_packet_splice(packet, 0, 7, "and changed", 11), 0);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(bridge.udp.receiver, "and changed");
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

START_TEST(test_nft_bridge_packet_vlan_can_be_changed)
{
	struct nfbind_queue *queue = bind_session(5, NULL);
	struct bridged bridge;
	struct nfbind_packet *packet;
	uint8_t right[6];
	int five, six, sender;

	need_nft_queue("bridge");
	if (!run_quietly("ip link add name probe0 type dummy && ip link add link probe0 name probe0.5 type vlan id 5"))
		skip("this kernel has no VLAN devices");
	bridge = make_bridge();
	netns_enter(bridge.right);
	mac_of("right", right);
	run("ip link add link right name right.5 type vlan id 5; ip link add link right name right.6 type vlan id 6");
	give_address("right.5", "10.5.0.2");
	give_address("right.6", "10.6.0.2");
	five = bound_socket(SOCK_DGRAM, "10.5.0.2", 5001);
	six = bound_socket(SOCK_DGRAM, "10.6.0.2", 5001);
	run("echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter; echo 0 >/proc/sys/net/ipv4/conf/right.6/rp_filter");
	netns_enter(bridge.left);
	run("ip link add link left name left.5 type vlan id 5");
	give_address("left.5", "10.5.0.1");
	run("ip neigh add 10.5.0.2 lladdr %02x:%02x:%02x:%02x:%02x:%02x dev left.5", right[0], right[1],
	    right[2], right[3], right[4], right[5]);
	sender = bound_socket(SOCK_DGRAM, "10.5.0.1", 5000);
	netns_enter(home);
	connect_to(sender, "10.5.0.2", 5001);
	make_chain("bridge", "forward");
	run("nft add rule bridge t c vlan id 5 queue num 5");
	say_text(sender, "in five");
	packet = receive_one(queue);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_VLAN_PROTO), 0x8100);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_VLAN_TCI) & 0xfff, 5);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_PORT_DST), 5001);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(five, "in five");
	/* The other VLAN has the other address. */
	say_text(sender, "to six");
	packet = receive_one(queue);
	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_VLAN_TCI, 6), 0);
	ck_assert_int_eq(nfbind_packet_set_bytes(packet, NFBIND_PACKET_IP_DST,
						 (const uint8_t[]){ 10, 6, 0, 2 }, 4), 0);
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
		{ "bridge", test_nft_bridge_packet_changes_arrive },
		{ "bridge", test_nft_bridge_packet_vlan_can_be_changed },
	};

	return live_main("nft", cases, sizeof(cases) / sizeof(cases[0]));
}
