/* SPDX-License-Identifier: MIT */
/*
 * A helper in user space, as far as the queue goes: the kernel queues the packets of
 * connections with that helper, their private data is read and written with
 * verdicts, and an expectation in a verdict makes the announced connection a
 * related one. The helper itself is registered with raw requests.
 */
#include "live.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_cthelper.h>

enum {
	QUEUE = 21,
	SPEECH = 5009,    /* port of the protocol that is helped */
	ANNOUNCED = 5010, /* port of the connection that it announces */
	INFO_LEN = 16,
};

/* Helpers are the whole machine's: the name has to be our own. */
static char name[16];

static void put_policy(struct nlmsghdr *message)
{
	struct nlattr *set = mnl_attr_nest_start(message, NFCTH_POLICY), *policy;

	mnl_attr_put_u32(message, NFCTH_POLICY_SET_NUM, htonl(1));
	policy = mnl_attr_nest_start(message, NFCTH_POLICY_SET1);
	mnl_attr_put_strz(message, NFCTH_POLICY_NAME, name);
	mnl_attr_put_u32(message, NFCTH_POLICY_EXPECT_MAX, htonl(4));
	mnl_attr_put_u32(message, NFCTH_POLICY_EXPECT_TIMEOUT, htonl(120));
	mnl_attr_nest_end(message, policy);
	mnl_attr_nest_end(message, set);
}

static void put_tuple(struct nlmsghdr *message)
{
	struct nlattr *tuple = mnl_attr_nest_start(message, NFCTH_TUPLE);

	mnl_attr_put_u16(message, NFCTH_TUPLE_L3PROTONUM, htons(AF_INET));
	mnl_attr_put_u8(message, NFCTH_TUPLE_L4PROTONUM, IPPROTO_UDP);
	mnl_attr_nest_end(message, tuple);
}

static int ask(struct nlmsghdr *message)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	uint8_t room[1024] __attribute__((aligned(8)));
	const struct nlmsghdr *answer = (const struct nlmsghdr *)room;

	message->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	ck_assert_int_eq(send(fd, message, message->nlmsg_len, 0), (ssize_t)message->nlmsg_len);
	ck_assert_int_ge(recv(fd, room, sizeof(room), 0), NLMSG_LENGTH(sizeof(struct nlmsgerr)));
	ck_assert_uint_eq(answer->nlmsg_type, NLMSG_ERROR);
	close(fd);
	return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(answer))->error;
}

static struct nlmsghdr *start(uint8_t *room, int type)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(room);
	struct nfgenmsg *family = mnl_nlmsg_put_extra_header(message, sizeof(*family));

	message->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTHELPER << 8 | type);
	family->nfgen_family = AF_INET;
	mnl_attr_put_strz(message, NFCTH_NAME, name);
	return message;
}

static void make_helper(void)
{
	uint8_t room[1024] __attribute__((aligned(8))) = { 0 };
	struct nlmsghdr *message;

	snprintf(name, sizeof(name), "live-%d", (int)getpid());
	message = start(room, NFNL_MSG_CTHELPER_NEW);
	message->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	put_tuple(message);
	mnl_attr_put_u32(message, NFCTH_QUEUE_NUM, htonl(QUEUE));
	mnl_attr_put_u32(message, NFCTH_PRIV_DATA_LEN, htonl(INFO_LEN));
	mnl_attr_put_u32(message, NFCTH_STATUS, htonl(NFCT_HELPER_STATUS_ENABLED));
	put_policy(message);
	ck_assert_int_eq(ask(message), 0);
	run("iptables -t raw -A PREROUTING -p udp --dport %d -j CT --helper %s", SPEECH, name);
	run("iptables -t mangle -A FORWARD -m conntrack --ctstate INVALID -j DROP");
}

static void remove_helper(void)
{
	uint8_t room[256] __attribute__((aligned(8))) = { 0 };
	struct nlmsghdr *message = start(room, NFNL_MSG_CTHELPER_DEL);

	run("iptables -t raw -F && conntrack -F 2>/dev/null");
	put_tuple(message);
	ck_assert_int_eq(ask(message), 0);
}

/* From a neighbour to here, so that a packet meets the helper once. */
static struct udp udp_from(int other, uint16_t port)
{
	struct udp udp = { .receiver = bound_socket(SOCK_DGRAM, "10.1.0.1", port) };

	netns_enter(other);
	udp.sender = bound_socket(SOCK_DGRAM, "10.1.0.2", 0);
	connect_to(udp.sender, "10.1.0.1", port);
	netns_enter(home);
	return udp;
}

static int make_neighbour(void)
{
	int other = netns_new();

	netns_enter(home);
	netns_join("here", other, "there", 1);
	return other;
}

static struct nfbind_packet *queued(struct nfbind_queue *queue, int fd, const char *text)
{
	say_text(fd, text);
	return receive_one(queue);
}

static bool is_info(const struct nfbind_packet *packet, const void *wanted, size_t wanted_len)
{
	struct nfbind_ct *ct;
	const void *data;
	size_t len;
	bool is_same;

	ck_assert_int_eq(nfbind_ct_new(&ct), 0);
	ck_assert_int_eq(nfbind_packet_get_ct(packet, ct), 0);
	ck_assert_int_eq(nfbind_ct_get_bytes(ct, NFBIND_CT_HELPER_NAME, &data, &len), 0);
	ck_assert_uint_eq(len, strlen(name));
	ck_assert_mem_eq(data, name, len);
	ck_assert_int_eq(nfbind_ct_get_bytes(ct, NFBIND_CT_HELPER_INFO, &data, &len), 0);
	is_same = len >= wanted_len && memcmp(data, wanted, wanted_len) == 0;
	nfbind_ct_free(ct);
	return is_same;
}

START_TEST(test_verdict_ct_helper_info_stays_with_the_connection)
{
	static const uint8_t zeros[INFO_LEN], info[INFO_LEN] = "remember this";
	struct nfbind_queue *queue;
	struct nfbind_packet *packet;
	struct nfbind_ct *ct;
	struct udp udp;

	need_feature(NFBIND_FEATURE_CTHELPER, "user-space helpers for this user");
	need_feature(NFBIND_FEATURE_QUEUE_CONNTRACK, "queue flag conntrack");
	udp = udp_from(make_neighbour(), SPEECH);
	make_helper();
	queue = bind_session(QUEUE, OPTIONS({ NFBIND_OPTIONS_CONNTRACK, 1 }));
	packet = queued(queue, udp.sender, "first");
	ck_assert(is_info(packet, zeros, INFO_LEN));
	ck_assert_int_eq(nfbind_ct_new(&ct), 0);
	ck_assert_int_eq(nfbind_ct_set_bytes(ct, NFBIND_CT_HELPER_INFO, info, INFO_LEN), 0);
	ck_assert_int_eq(nfbind_packet_set_ct(packet, ct), 0);
	nfbind_ct_free(ct);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(udp.receiver, "first");
	packet = queued(queue, udp.sender, "second");
	ck_assert(is_info(packet, info, INFO_LEN));
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(udp.receiver, "second");
	remove_helper();
}
END_TEST

/* The neighbour will come to port ANNOUNCED, from any of its own. */
static struct nfbind_exp *announcement(void)
{
	static const uint8_t here[4] = { 10, 1, 0, 1 }, there[4] = { 10, 1, 0, 2 }, all[4] = { 255, 255, 255, 255 };
	struct nfbind_exp *exp;

	ck_assert_int_eq(nfbind_exp_new(&exp), 0);
	ck_assert_int_eq(nfbind_exp_set_bytes(exp, NFBIND_EXP_EXPECTED_SRC, there, 4), 0);
	ck_assert_int_eq(nfbind_exp_set_bytes(exp, NFBIND_EXP_EXPECTED_DST, here, 4), 0);
	ck_assert_int_eq(nfbind_exp_set_number(exp, NFBIND_EXP_EXPECTED_L3PROTO, 2), 0);
	ck_assert_int_eq(nfbind_exp_set_number(exp, NFBIND_EXP_EXPECTED_L4PROTO, 17), 0);
	ck_assert_int_eq(nfbind_exp_set_number(exp, NFBIND_EXP_EXPECTED_PORT_SRC, 0), 0);
	ck_assert_int_eq(nfbind_exp_set_number(exp, NFBIND_EXP_EXPECTED_PORT_DST, ANNOUNCED), 0);
	ck_assert_int_eq(nfbind_exp_set_bytes(exp, NFBIND_EXP_MASK_SRC, all, 4), 0);
	ck_assert_int_eq(nfbind_exp_set_bytes(exp, NFBIND_EXP_MASK_DST, all, 4), 0);
	ck_assert_int_eq(nfbind_exp_set_number(exp, NFBIND_EXP_MASK_L3PROTO, 0xff), 0);
	ck_assert_int_eq(nfbind_exp_set_number(exp, NFBIND_EXP_MASK_L4PROTO, 0xff), 0);
	ck_assert_int_eq(nfbind_exp_set_number(exp, NFBIND_EXP_MASK_PORT_SRC, 0), 0);
	ck_assert_int_eq(nfbind_exp_set_number(exp, NFBIND_EXP_MASK_PORT_DST, 0xffff), 0);
	ck_assert_int_eq(nfbind_exp_set_number(exp, NFBIND_EXP_CLASS, 0), 0);
	return exp;
}

START_TEST(test_verdict_exp_announces_a_connection)
{
	struct udp speech, announced;
	struct nfbind_queue *queue;
	struct nfbind_packet *packet;
	struct nfbind_batch *batch;
	struct nfbind_exp *exp;
	struct nfbind_ct *ct;
	uint64_t value;
	char room[16];
	int other;

	need_feature(NFBIND_FEATURE_CTHELPER, "user-space helpers for this user");
	need_feature(NFBIND_FEATURE_QUEUE_CONNTRACK, "queue flag conntrack");
	other = make_neighbour();
	speech = udp_from(other, SPEECH);
	announced = udp_from(other, ANNOUNCED);
	make_helper();
	queue = bind_session(QUEUE, OPTIONS({ NFBIND_OPTIONS_CONNTRACK, 1 }));
	/* Only the master of a confirmed connection can announce something. */
	judge(queue, queued(queue, speech.sender, "hello"), NFBIND_VERDICT_ACCEPT);
	packet = queued(queue, speech.sender, "somebody will come");
	exp = announcement();
	ck_assert_int_eq(nfbind_packet_set_exp(packet, exp), 0);
	nfbind_exp_free(exp);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(speech.receiver, "hello");
	hear_text(speech.receiver, "somebody will come");
	ck_assert_int_eq(run_for_number("conntrack -L expect 2>/dev/null | grep -c dport=%d", ANNOUNCED), 1);

	/* It comes, and is known as a relative. */
	queue_rule("iptables", "INPUT -p udp --dport 5010", QUEUE);
	packet = queued(queue, announced.sender, "here I am");
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_CT_INFO), NFBIND_CT_INFO_RELATED);
	ck_assert_int_eq(nfbind_ct_new(&ct), 0);
	ck_assert_int_eq(nfbind_packet_get_ct(packet, ct), 0);
	ck_assert_int_eq(nfbind_ct_get_number(ct, NFBIND_CT_MASTER_PORT_DST, &value), 0);
	ck_assert_uint_eq(value, SPEECH);
	ck_assert_int_eq(nfbind_ct_get_number(ct, NFBIND_CT_STATUS, &value), 0);
	ck_assert_uint_ne(value & NFBIND_CT_STATUS_EXPECTED, 0);
	nfbind_ct_free(ct);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	/* Some kernels give a relative its master's helper, so that it meets the helper's queue too. */
	while (hear(announced.receiver, room, sizeof(room), 10) != 9)
		if (nfbind_queue_receive(queue, 10, &batch) == 1)
			judge(queue, nfbind_batch_packet(batch, 0), NFBIND_VERDICT_ACCEPT);
	ck_assert_mem_eq(room, "here I am", 9);
	run("iptables -F");
	remove_helper();
}
END_TEST

START_TEST(test_verdict_exp_needs_tuple_and_mask)
{
	struct udp udp = udp_pair("127.0.0.1", SPEECH);
	struct nfbind_queue *queue = bind_session(QUEUE, NULL);
	struct nfbind_packet *packet;
	struct nfbind_exp *exp;

	queue_rule("iptables", "OUTPUT -p udp", QUEUE);
	packet = queued(queue, udp.sender, "x");
	ck_assert_int_eq(nfbind_exp_new(&exp), 0);
	ck_assert_int_eq(nfbind_exp_set_number(exp, NFBIND_EXP_CLASS, 0), 0);
	ck_assert_int_eq(nfbind_packet_set_exp(packet, exp), -ENODATA);
	nfbind_exp_free(exp);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(udp.receiver, "x");
}
END_TEST

int main(void)
{
	const struct live_case cases[] = {
		{ "info", test_verdict_ct_helper_info_stays_with_the_connection },
		{ "expect", test_verdict_exp_announces_a_connection },
		{ "expect", test_verdict_exp_needs_tuple_and_mask },
	};

	return live_main("helper", cases, sizeof(cases) / sizeof(cases[0]));
}
