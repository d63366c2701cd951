/* SPDX-License-Identifier: MIT */
/*
 * Verdicts: what becomes of a packet after each, what travels with it, which are
 * refused here instead of by the kernel, and what a packet gets that nobody
 * judged.
 */
#include "live.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The packets that the rule with this target has counted. */
static long long rule_packets(const char *table, const char *chain, const char *target)
{
	return run_for_number("iptables -t %s -nvxL %s | awk '$3 == \"%s\" { print $1 }'", table, chain,
			      target);
}

/* One packet of this text in the queue. */
static struct nfbind_packet *queued(struct nfbind_queue *queue, const struct udp *udp, const char *text)
{
	say_text(udp->sender, text);
	return receive_one(queue);
}

/* Each verdict. */

START_TEST(test_verdict_accept_lets_pass_and_drop_does_not)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);

	queue_rule("iptables", "OUTPUT -p udp", 1);
	judge(queue, queued(queue, &udp, "one"), NFBIND_VERDICT_ACCEPT);
	judge(queue, queued(queue, &udp, "two"), NFBIND_VERDICT_DROP);
	judge(queue, queued(queue, &udp, "three"), NFBIND_VERDICT_ACCEPT);
	hear_text(udp.receiver, "one");
	hear_text(udp.receiver, "three");
	hear_nothing(udp.receiver);
	ck_assert_uint_eq(stats_of(queue, 1).decided, 3);
	take_no_notice(queue);
}
END_TEST

START_TEST(test_verdict_accept_goes_on_behind_the_rule)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);

	queue_rule("iptables", "OUTPUT -p udp", 1);
	run("iptables -A INPUT -p udp -j ACCEPT");
	judge(queue, queued(queue, &udp, "x"), NFBIND_VERDICT_ACCEPT);
	hear_text(udp.receiver, "x");
	ck_assert_int_eq(rule_packets("filter", "INPUT", "ACCEPT"), 1);
}
END_TEST

START_TEST(test_verdict_stop_lets_pass)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);

	queue_rule("iptables", "OUTPUT -p udp", 1);
	judge(queue, queued(queue, &udp, "x"), NFBIND_VERDICT_STOP);
	hear_text(udp.receiver, "x");
}
END_TEST

START_TEST(test_verdict_repeat_passes_the_hook_again)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct nfbind_packet *packet;

	run("iptables -A OUTPUT -p udp -m mark --mark 0x7 -j ACCEPT");
	queue_rule("iptables", "OUTPUT -p udp", 1);
	packet = queued(queue, &udp, "x");
	judge(queue, packet, NFBIND_VERDICT_REPEAT);
	/* Without a mark it comes back, as another packet. */
	packet = receive_one(queue);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_ID), 2);
	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_MARK, 7), 0);
	judge(queue, packet, NFBIND_VERDICT_REPEAT);
	hear_text(udp.receiver, "x");
	ck_assert_int_eq(rule_packets("filter", "OUTPUT", "ACCEPT"), 1);
	receive_nothing(queue);
}
END_TEST

START_TEST(test_verdict_to_queue_goes_to_that_queue)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL), *other = bind_session(40000, NULL);
	struct nfbind_packet *packet;

	queue_rule("iptables", "OUTPUT -p udp", 1);
	packet = queued(queue, &udp, "x");
	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_MARK, 0x11223344), 0);
	judge(queue, packet, nfbind_verdict_to_queue(40000, 0));
	packet = receive_one(other);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_QUEUE), 40000);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_MARK), 0x11223344);
	/* And back, within one session as well. */
	judge(other, packet, nfbind_verdict_to_queue(1, 1));
	packet = receive_one(queue);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_MARK), 0x11223344);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(udp.receiver, "x");
}
END_TEST

START_TEST(test_verdict_to_queue_of_nobody_drops_or_bypasses)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);

	queue_rule("iptables", "OUTPUT -p udp", 1);
	judge(queue, queued(queue, &udp, "lost"), nfbind_verdict_to_queue(99, 0));
	hear_nothing(udp.receiver);
	judge(queue, queued(queue, &udp, "passed by"), nfbind_verdict_to_queue(99, 1));
	hear_text(udp.receiver, "passed by");
}
END_TEST

/* What travels with it. */

START_TEST(test_verdict_mark_is_seen_by_later_rules)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct nfbind_packet *packet;
	uint32_t mark = 9;

	queue_rule("iptables", "OUTPUT -p udp", 1);
	run("iptables -t mangle -A POSTROUTING -p udp -m mark --mark 0xdeadbeef -j ACCEPT");
	run("iptables -t mangle -A POSTROUTING -p udp -m mark --mark 0 -j RETURN");
	packet = queued(queue, &udp, "x");
	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_MARK, 0xdeadbeef), 0);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_MARK), 0xdeadbeef);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	ck_assert_int_eq(rule_packets("mangle", "POSTROUTING", "ACCEPT"), 1);
	/* A mark of 0 is a mark to set. */
	setsockopt(udp.sender, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
	packet = queued(queue, &udp, "y");
	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_MARK, 0), 0);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	ck_assert_int_eq(rule_packets("mangle", "POSTROUTING", "RETURN"), 1);
}
END_TEST

START_TEST(test_verdict_mark_taken_back_is_not_sent)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct nfbind_packet *packet;
	uint32_t mark = 9;

	setsockopt(udp.sender, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
	queue_rule("iptables", "OUTPUT -p udp", 1);
	run("iptables -t mangle -A POSTROUTING -p udp -m mark --mark 9 -j ACCEPT");
	packet = queued(queue, &udp, "x");
	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_MARK, 5), 0);
	ck_assert_int_eq(nfbind_packet_clear(packet, NFBIND_PACKET_MARK), 0);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_MARK), 9);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	ck_assert_int_eq(rule_packets("mangle", "POSTROUTING", "ACCEPT"), 1);
}
END_TEST

START_TEST(test_verdict_priority_is_seen_later)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL), *other = bind_session(2, NULL);
	struct nfbind_packet *packet;

	queue_rule("iptables", "OUTPUT -p udp", 1);
	run("iptables -t mangle -A POSTROUTING -p udp -j NFQUEUE --queue-num 2");
	packet = queued(queue, &udp, "x");
	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_PRIORITY, 0x10007), 0);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	ck_assert(is_told(receive_one(other), NFBIND_PACKET_PRIORITY, 0x10007));
}
END_TEST

/* Refused before the kernel sees it. */

START_TEST(test_verdict_that_is_none_is_einval)
{
	static const uint32_t wrong[] = { 2, 6, 7, 0xff, 0x10000, 0x200 | NFBIND_VERDICT_ACCEPT,
					  1u << 31, 3 | 0x1000 };
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct nfbind_packet *packet;

	queue_rule("iptables", "OUTPUT -p udp", 1);
	packet = queued(queue, &udp, "x");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ck_assert_int_eq(nfbind_queue_verdict(queue, packet, wrong[i]), -EINVAL);
		ck_assert_int_eq(nfbind_queue_verdict_rest(queue, wrong[i]), -EINVAL);
	}
	ck_assert_ptr_nonnull(strstr(message_of(queue, NFBIND_SIDE_SEND), "no verdict"));
	/* It can still be judged. */
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(udp.receiver, "x");
}
END_TEST

START_TEST(test_verdict_is_given_once)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct nfbind_packet *packet;

	queue_rule("iptables", "OUTPUT -p udp", 1);
	packet = queued(queue, &udp, "x");
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	ck_assert_int_eq(nfbind_queue_verdict(queue, packet, NFBIND_VERDICT_DROP), -EALREADY);
	ck_assert_ptr_nonnull(strstr(message_of(queue, NFBIND_SIDE_SEND), "packet 1 of queue 1"));
	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_MARK, 1), -EALREADY);
	hear_text(udp.receiver, "x");
	packet = queued(queue, &udp, "y");
	ck_assert_int_eq(nfbind_queue_settle(queue), 0);
	ck_assert_int_eq(nfbind_queue_verdict(queue, packet, NFBIND_VERDICT_ACCEPT), -EALREADY);
	take_no_notice(queue);
}
END_TEST

START_TEST(test_verdict_is_for_the_own_session)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL), *other = bind_session(2, NULL);
	struct nfbind_packet *packet, *made;
	const uint8_t *bytes;
	size_t len;

	queue_rule("iptables", "OUTPUT -p udp", 1);
	packet = queued(queue, &udp, "x");
	ck_assert_int_eq(nfbind_queue_verdict(other, packet, NFBIND_VERDICT_ACCEPT), -EINVAL);
	bytes = bytes_of(packet, NFBIND_PACKET_PAYLOAD, &len);
	ck_assert_int_eq(nfbind_packet_new(bytes, len, &made), 0);
	ck_assert_int_eq(nfbind_queue_verdict(queue, made, NFBIND_VERDICT_ACCEPT), -EINVAL);
	ck_assert_int_eq(nfbind_packet_keep(made, &packet), -EINVAL);
	nfbind_packet_free(made);
}
END_TEST

START_TEST(test_verdict_after_unbind_is_enodev_and_after_close_eshutdown)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct nfbind_packet *first, *second;

	queue_rule("iptables", "OUTPUT -p udp", 1);
	first = keep(queued(queue, &udp, "x"));
	ck_assert_int_eq(nfbind_queue_unbind(queue, 1), 0);
	ck_assert_int_eq(nfbind_queue_verdict(queue, first, NFBIND_VERDICT_ACCEPT), -ENODEV);
	ck_assert_ptr_nonnull(strstr(message_of(queue, NFBIND_SIDE_SEND), "unbound"));
	ck_assert_int_eq(nfbind_queue_bind(queue, 1, NULL), 0);
	ck_assert_int_eq(nfbind_queue_verdict(queue, first, NFBIND_VERDICT_ACCEPT), -ENODEV);
	second = keep(queued(queue, &udp, "y"));
	ck_assert_int_eq(nfbind_queue_close(queue), 0);
	ck_assert_int_eq(nfbind_queue_verdict(queue, second, NFBIND_VERDICT_ACCEPT), -ESHUTDOWN);
	/* Its bytes are still there. */
	ck_assert_uint_eq(number_of(second, NFBIND_PACKET_PORT_DST), 5001);
	hear_nothing(udp.receiver);
}
END_TEST

/* Many at once. */

START_TEST(test_verdict_many_fills_in_every_result)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct nfbind_batch *batch;
	struct nfbind_decision d[6] = { 0 };
	struct nfbind_packet *kept;
	const uint8_t *bytes;
	uint8_t data[300];
	size_t len;

	need_changes();
	queue_rule("iptables", "OUTPUT -p udp", 1);
	kept = keep(queued(queue, &udp, "kept"));
	say_text(udp.sender, "two");
	say_text(udp.sender, "three");
	say_text(udp.sender, "four");
	batch = receive(queue);
	for (uint32_t i = 0; i < 6; i++)
		d[i] = (struct nfbind_decision){ .queue = 1, .id = i + 1, .index = i - 1, .result = 77,
						 .verdict = NFBIND_VERDICT_ACCEPT };
	d[2].verdict = NFBIND_VERDICT_DROP;
	bytes = bytes_of(nfbind_batch_packet(batch, 2), NFBIND_PACKET_PAYLOAD, &len);
	memcpy(data + 7, bytes, len);
	memcpy(data + 7 + 28, "FOUR", 4);
	d[3].flags = NFBIND_DECISION_PAYLOAD | NFBIND_DECISION_MARK;
	d[3].payload_offset = 7;
	d[3].payload_len = (uint32_t)len;
	d[3].mark = 4;
	d[4].id = 99; /* there is none */
	d[5] = d[1];  /* a second time */
	d[5].index = 12345;
	run("iptables -t mangle -A POSTROUTING -m mark --mark 4 -j ACCEPT");
	/* The caller sums up its own bytes; over lo nobody looks. */
	memset(data + 7 + 26, 0, 2);
	ck_assert_int_eq(nfbind_queue_verdict_many(queue, d, 6, sizeof(d[0]), data, sizeof(data)), 4);
	ck_assert_int_eq(d[0].result, 0);
	ck_assert_int_eq(d[1].result, 0);
	ck_assert_int_eq(d[2].result, 0);
	ck_assert_int_eq(d[3].result, 0);
	ck_assert_int_eq(d[4].result, -ENOENT);
	ck_assert_int_eq(d[5].result, -EALREADY);
	ck_assert_int_eq(nfbind_queue_verdict(queue, kept, NFBIND_VERDICT_DROP), -EALREADY);
	hear_text(udp.receiver, "kept");
	hear_text(udp.receiver, "two");
	hear_text(udp.receiver, "FOUR");
	hear_nothing(udp.receiver);
	ck_assert_int_eq(rule_packets("mangle", "POSTROUTING", "ACCEPT"), 1);
}
END_TEST

START_TEST(test_verdict_rest_leaves_the_judged_alone)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct nfbind_batch *batch;
	struct nfbind_packet *kept;

	queue_rule("iptables", "OUTPUT -p udp", 1);
	for (int i = 0; i < 4; i++)
		say_text(udp.sender, (const char *[]){ "0", "1", "2", "3" }[i]);
	batch = receive(queue);
	ck_assert_uint_eq(nfbind_batch_count(batch), 4);
	ck_assert_int_eq(nfbind_queue_verdict(queue, nfbind_batch_packet(batch, 1), NFBIND_VERDICT_DROP), 0);
	kept = keep(nfbind_batch_packet(batch, 2));
	ck_assert_int_eq(nfbind_queue_verdict_rest(queue, NFBIND_VERDICT_ACCEPT), 2);
	ck_assert_int_eq(nfbind_queue_verdict_rest(queue, NFBIND_VERDICT_ACCEPT), 0);
	ck_assert_int_eq(nfbind_queue_settle(queue), 0);
	hear_text(udp.receiver, "0");
	hear_text(udp.receiver, "3");
	judge(queue, kept, NFBIND_VERDICT_ACCEPT);
	hear_text(udp.receiver, "2");
	hear_nothing(udp.receiver);
}
END_TEST

/* When they leave. */

START_TEST(test_verdict_is_staged_until_the_next_receive)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue = bind_session(1, NULL);

	queue_rule("iptables", "OUTPUT -p udp", 1);
	ck_assert_int_eq(nfbind_queue_verdict(queue, queued(queue, &udp, "1"), NFBIND_VERDICT_ACCEPT), 0);
	hear_nothing(udp.receiver);
	receive_nothing(queue);
	hear_text(udp.receiver, "1");
	ck_assert_int_eq(nfbind_queue_verdict(queue, queued(queue, &udp, "2"), NFBIND_VERDICT_ACCEPT), 0);
	hear_nothing(udp.receiver);
	ck_assert_int_eq(nfbind_queue_send(queue), 0);
	hear_text(udp.receiver, "2");
	ck_assert_int_eq(nfbind_queue_verdict(queue, queued(queue, &udp, "3"), NFBIND_VERDICT_ACCEPT), 0);
	ck_assert_int_eq(nfbind_queue_settle(queue), 0);
	hear_text(udp.receiver, "3");
	ck_assert_int_eq(nfbind_queue_verdict(queue, queued(queue, &udp, "4"),
					      NFBIND_VERDICT_ACCEPT | NFBIND_VERDICT_NOW), 0);
	hear_text(udp.receiver, "4");
	ck_assert_int_eq(nfbind_queue_verdict(queue, keep(queued(queue, &udp, "5")),
					      NFBIND_VERDICT_ACCEPT), 0);
	hear_text(udp.receiver, "5");
	ck_assert_int_eq(nfbind_queue_verdict(queue, queued(queue, &udp, "6"), NFBIND_VERDICT_ACCEPT), 0);
	ck_assert_int_eq(nfbind_queue_close(queue), 0);
	hear_text(udp.receiver, "6");
}
END_TEST

/* What nobody judged. */

static void check_default(uint64_t verdict, bool passes)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue =
		bind_session(1, OPTIONS({ NFBIND_OPTIONS_DEFAULT_VERDICT, verdict }));
	struct nfbind_packet *packet;

	(void)queued(queue, &udp, "by settle");
	ck_assert_int_eq(nfbind_queue_settle(queue), 0);
	packet = keep(queued(queue, &udp, "by free"));
	receive_nothing(queue);
	free_packet(packet);
	ck_assert_int_eq(nfbind_queue_send(queue), 0);
	(void)queued(queue, &udp, "by receive");
	receive_nothing(queue);
	ck_assert_uint_eq(stats_of(queue, 1).defaulted, 3);
	(void)queued(queue, &udp, "by close");
	free_session(queue);
	if (passes) {
		hear_text(udp.receiver, "by settle");
		hear_text(udp.receiver, "by free");
		hear_text(udp.receiver, "by receive");
		hear_text(udp.receiver, "by close");
	}
	hear_nothing(udp.receiver);
	close(udp.sender);
	close(udp.receiver);
}

START_TEST(test_packet_let_go_gets_the_default_verdict)
{
	struct nfbind_queue *other = bind_session(2, NULL);

	queue_rule("iptables", "OUTPUT -p udp", 1);
	check_default(NFBIND_VERDICT_DROP, false);
	check_default(NFBIND_VERDICT_ACCEPT, true);
	check_default(nfbind_verdict_to_queue(2, 0), false);
	judge_all(other, 4, NFBIND_VERDICT_DROP);
}
END_TEST

/* Marks of a packet that was let go do not travel with the default. */
START_TEST(test_packet_let_go_takes_no_changes_along)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue =
		bind_session(1, OPTIONS({ NFBIND_OPTIONS_DEFAULT_VERDICT, NFBIND_VERDICT_ACCEPT }));
	struct nfbind_packet *packet;

	queue_rule("iptables", "OUTPUT -p udp", 1);
	run("iptables -t mangle -A POSTROUTING -p udp -m mark --mark 5 -j ACCEPT");
	packet = queued(queue, &udp, "hello");
	ck_assert_int_eq(nfbind_packet_set_number(packet, NFBIND_PACKET_MARK, 5), 0);
	ck_assert_int_eq(nfbind_packet_splice(packet, 0, 5, "bye", 3), 0);
	ck_assert_int_eq(nfbind_queue_settle(queue), 0);
	hear_text(udp.receiver, "hello");
	ck_assert_int_eq(rule_packets("mangle", "POSTROUTING", "ACCEPT"), 0);
}
END_TEST

START_TEST(test_packet_kept_too_long_gets_the_default_verdict)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue =
		bind_session(1, OPTIONS({ NFBIND_OPTIONS_DEFAULT_VERDICT, NFBIND_VERDICT_ACCEPT },
					{ NFBIND_OPTIONS_AGE_LIMIT, 60 }));
	struct nfbind_notice notice;
	struct nfbind_packet *packet;
	struct nfbind_batch *batch;
	int32_t left = -1;

	queue_rule("iptables", "OUTPUT -p udp", 1);
	ck_assert_int_eq(nfbind_queue_get_deadline(queue, &left), -ENODATA);
	packet = keep(queued(queue, &udp, "old"));
	ck_assert_int_eq(nfbind_queue_get_deadline(queue, &left), 0);
	ck_assert(left >= 0 && left <= 60);
	/* A receive without limit wakes up for it. */
	ck_assert_int_eq(nfbind_queue_receive(queue, -1, &batch), 0);
	notice = take_notice(queue, NFBIND_NOTICE_EXPIRED);
	ck_assert_uint_eq(notice.queue, 1);
	ck_assert_uint_eq(notice.id, 1);
	hear_text(udp.receiver, "old");
	ck_assert_int_eq(nfbind_queue_verdict(queue, packet, NFBIND_VERDICT_DROP), -EALREADY);
	ck_assert_uint_eq(stats_of(queue, 1).expired, 1);
	ck_assert_int_eq(nfbind_queue_get_deadline(queue, &left), -ENODATA);
}
END_TEST

int main(void)
{
	const struct live_case cases[] = {
		{ "each", test_verdict_accept_lets_pass_and_drop_does_not },
		{ "each", test_verdict_accept_goes_on_behind_the_rule },
		{ "each", test_verdict_stop_lets_pass },
		{ "each", test_verdict_repeat_passes_the_hook_again },
		{ "each", test_verdict_to_queue_goes_to_that_queue },
		{ "each", test_verdict_to_queue_of_nobody_drops_or_bypasses },
		{ "with", test_verdict_mark_is_seen_by_later_rules },
		{ "with", test_verdict_mark_taken_back_is_not_sent },
		{ "with", test_verdict_priority_is_seen_later },
		{ "refused", test_verdict_that_is_none_is_einval },
		{ "refused", test_verdict_is_given_once },
		{ "refused", test_verdict_is_for_the_own_session },
		{ "refused", test_verdict_after_unbind_is_enodev_and_after_close_eshutdown },
		{ "many", test_verdict_many_fills_in_every_result },
		{ "many", test_verdict_rest_leaves_the_judged_alone },
		{ "when", test_verdict_is_staged_until_the_next_receive },
		{ "default", test_packet_let_go_gets_the_default_verdict },
		{ "default", test_packet_let_go_takes_no_changes_along },
		{ "default", test_packet_kept_too_long_gets_the_default_verdict },
	};

	return live_main("verdicts", cases, sizeof(cases) / sizeof(cases[0]));
}
