/* SPDX-License-Identifier: MIT */
/*
 * TCP of another length in connections whose addresses the kernel translates: it adjusts
 * the numbers of those that have a helper, and the change is refused in others.
 */
#include "requests.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void say_changed(struct nfbind_queue *queue, int from, int to, const char *text, uint32_t remove,
			const char *instead)
{
	struct nfbind_packet *packet;
	char wanted[128];

	say_text(from, text);
	packet = receive_data(queue);
	ck_assert_int_eq(nfbind_packet_splice(packet, 0, remove, instead, strlen(instead)), 0);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	snprintf(wanted, sizeof(wanted), "%s%s", instead, text + remove);
	hear_text(to, wanted);
}

struct translated {
	int listener, client, server;
	struct nfbind_queue *queue;
};

/* A connection over a wire whose source the kernel translates; seen before that. */
static struct translated translate(void)
{
	struct translated flow;
	int other = netns_new();

	netns_enter(home);
	netns_join("here", other, "there", 1);
	run("ip addr add 10.1.0.9/24 dev here");
	run("iptables -t nat -A POSTROUTING -p tcp --dport 5001 -j SNAT --to-source 10.1.0.9");
	netns_enter(other);
	flow.listener = tcp_listen("10.1.0.2", 5001);
	netns_enter(home);
	flow.client = tcp_start("10.1.0.2", 5001);
	ck_assert_int_eq(tcp_outcome(flow.client, PATIENCE), 0);
	flow.server = accept(flow.listener, NULL, NULL);
	flow.queue = bind_session(
		1, OPTIONS({ NFBIND_OPTIONS_CONNTRACK, 1 }, { NFBIND_OPTIONS_BATCH, 1 }));
	run("iptables -t mangle -A OUTPUT -p tcp --dport 5001 -j NFQUEUE --queue-num 1");
	return flow;
}

/* Both ends are still of one mind. */
static void check_untouched(const struct translated *flow)
{
	run("iptables -t mangle -F");
	say_text(flow->client, "untouched");
	hear_text(flow->server, "untouched");
	say_text(flow->server, "and back");
	hear_text(flow->client, "and back");
	close(flow->client);
	close(flow->server);
	close(flow->listener);
}

START_TEST(test_packet_tcp_length_change_beside_a_helper_is_adjusted)
{
	struct translated flow;

	need_feature(NFBIND_FEATURE_QUEUE_CONNTRACK, "queue flag conntrack");
	if (!run_quietly("iptables -t raw -A OUTPUT -p tcp --dport 5001 -j CT --helper ftp"))
		skip("this kernel has no connection tracking helper ftp");
	flow = translate();
	say_changed(flow.queue, flow.client, flow.server, "hello", 5, "a longer greeting");
	say_changed(flow.queue, flow.client, flow.server, "a second one", 9, "");
	say_changed(flow.queue, flow.client, flow.server, "third", 0, "the ");
	check_untouched(&flow);
}
END_TEST

START_TEST(test_packet_tcp_length_change_without_a_helper_is_refused)
{
	struct nfbind_ct *ct = ct_of("mark=0");
	struct nfbind_packet *packet;
	struct translated flow;

	need_feature(NFBIND_FEATURE_QUEUE_CONNTRACK, "queue flag conntrack");
	flow = translate();
	say_text(flow.client, "hello");
	packet = receive_data(flow.queue);
	ck_assert_int_eq(nfbind_packet_get_ct(packet, ct), 0);
	ck_assert(ct_number(ct, NFBIND_CT_STATUS) & NFBIND_CT_STATUS_SRC_NAT);
	ck_assert_int_eq(nfbind_packet_splice(packet, 0, 5, "bye", 3), -EPROTO);
	ck_assert_int_eq(nfbind_packet_splice(packet, 0, 5, "HELLO", 5), 0);
	judge(flow.queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(flow.server, "HELLO");
	check_untouched(&flow);
}
END_TEST

int main(void)
{
	const struct live_case cases[] = {
		{ "nat", test_packet_tcp_length_change_beside_a_helper_is_adjusted },
		{ "nat", test_packet_tcp_length_change_without_a_helper_is_refused },
	};

	return live_main("adjust", cases, sizeof(cases) / sizeof(cases[0]));
}
