/* SPDX-License-Identifier: MIT */
/*
 * Connections that travel with queued packets, and what a verdict changes in them:
 * read back with conntrack(8), or from the flow's next packet. The kernel says
 * nothing when it refuses a part of such a verdict, so every effect is looked for.
 */
#include "live.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct nfbind_ct *read_ct, *made_ct;

/* Connection tracking runs where a rule asks for it. */
static void track(const char *program)
{
	run("%s -t raw -A PREROUTING -m conntrack --ctstate UNTRACKED", program);
	run("%s -t mangle -A FORWARD -m conntrack --ctstate INVALID -j DROP", program);
}

#define need_conntrack() need_feature(NFBIND_FEATURE_QUEUE_CONNTRACK, "queue flag conntrack")

static struct nfbind_queue *ct_session(uint16_t number)
{
	return bind_session(number, OPTIONS({ NFBIND_OPTIONS_CONNTRACK, 1 }, { NFBIND_OPTIONS_BATCH, 1 }));
}

static struct nfbind_packet *queued(struct nfbind_queue *queue, int fd, const char *text)
{
	say_text(fd, text);
	return receive_one(queue);
}

/* The packet's connection; good until the next call. */
static struct nfbind_ct *ct_of(const struct nfbind_packet *packet)
{
	int r;

	nfbind_ct_free(read_ct);
	ck_assert_int_eq(nfbind_ct_new(&read_ct), 0);
	r = nfbind_packet_get_ct(packet, read_ct);
	ck_assert_msg(r == 0, "the connection: %s", nfbind_error_name(r));
	return read_ct;
}

/* An empty one to change; good until the next call. */
static struct nfbind_ct *new_ct(void)
{
	nfbind_ct_free(made_ct);
	ck_assert_int_eq(nfbind_ct_new(&made_ct), 0);
	return made_ct;
}

static void free_cts(void)
{
	nfbind_ct_free(read_ct);
	nfbind_ct_free(made_ct);
	read_ct = made_ct = NULL;
}

static uint64_t ct_number(const struct nfbind_ct *ct, enum nfbind_ct_field field)
{
	uint64_t value = 0;
	int r = nfbind_ct_get_number(ct, field, &value);

	ck_assert_msg(r == 0, "field %s: %s", nfbind_fields_get_name(nfbind_ct_fields(), field),
		      nfbind_error_name(r));
	return value;
}

static bool ct_is_bytes(const struct nfbind_ct *ct, enum nfbind_ct_field field, const void *data,
			size_t data_len)
{
	const void *bytes;
	size_t len;

	ck_assert_int_eq(nfbind_ct_get_bytes(ct, field, &bytes, &len), 0);
	return len == data_len && memcmp(bytes, data, len) == 0;
}

static bool ct_is_address(const struct nfbind_ct *ct, enum nfbind_ct_field field, const char *text)
{
	bool is_v6 = strchr(text, ':');
	uint8_t address[16];

	ck_assert_int_eq(inet_pton(is_v6 ? AF_INET6 : AF_INET, text, address), 1);
	return ct_is_bytes(ct, field, address, is_v6 ? 16 : 4);
}

/* Reading. */

static void check_tuple(const struct nfbind_ct *ct, uint32_t base, const char *src, const char *dst,
			uint8_t protocol)
{
	ck_assert(ct_is_address(ct, base + NFBIND_CT_ORIG_SRC, src));
	ck_assert(ct_is_address(ct, base + NFBIND_CT_ORIG_DST, dst));
	ck_assert_uint_eq(ct_number(ct, base + NFBIND_CT_ORIG_L3PROTO), strchr(src, ':') ? 10 : 2);
	ck_assert_uint_eq(ct_number(ct, base + NFBIND_CT_ORIG_L4PROTO), protocol);
}

static void check_udp(const char *program, const char *from, const char *to)
{
	struct nfbind_queue *queue = ct_session(1);
	int client = bound_socket(SOCK_DGRAM, from, 4001), server = bound_socket(SOCK_DGRAM, to, 5001);
	struct nfbind_packet *packet;
	struct nfbind_ct *ct;
	uint64_t id;

	track(program);
	connect_to(client, to, 5001);
	connect_to(server, from, 4001);
	queue_rule(program, "OUTPUT -p udp", 1);
	packet = queued(queue, client, "there");
	ct = ct_of(packet);
	check_tuple(ct, NFBIND_CT_ORIG_SRC, from, to, 17);
	check_tuple(ct, NFBIND_CT_REPL_SRC, to, from, 17);
	ck_assert_uint_eq(ct_number(ct, NFBIND_CT_ORIG_PORT_SRC), 4001);
	ck_assert_uint_eq(ct_number(ct, NFBIND_CT_ORIG_PORT_DST), 5001);
	ck_assert_uint_eq(ct_number(ct, NFBIND_CT_REPL_PORT_SRC), 5001);
	ck_assert_uint_eq(ct_number(ct, NFBIND_CT_REPL_PORT_DST), 4001);
	ck_assert(!(ct_number(ct, NFBIND_CT_STATUS) & NFBIND_CT_STATUS_CONFIRMED));
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_CT_INFO), NFBIND_CT_INFO_NEW);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(server, "there");

	packet = queued(queue, server, "back");
	ct = ct_of(packet);
	check_tuple(ct, NFBIND_CT_ORIG_SRC, from, to, 17);
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_CT_INFO), NFBIND_CT_INFO_ESTABLISHED_REPLY);
	ck_assert(ct_number(ct, NFBIND_CT_STATUS) & NFBIND_CT_STATUS_CONFIRMED);
	ck_assert(ct_number(ct, NFBIND_CT_STATUS) & NFBIND_CT_STATUS_SEEN_REPLY);
	ck_assert_uint_gt(ct_number(ct, NFBIND_CT_TIMEOUT), 0);
	ck_assert_uint_le(ct_number(ct, NFBIND_CT_TIMEOUT), 300);
	id = ct_number(ct, NFBIND_CT_ID);
	ck_assert_uint_ne(id, 0);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(client, "back");

	packet = queued(queue, client, "again");
	ck_assert_uint_eq(number_of(packet, NFBIND_PACKET_CT_INFO), NFBIND_CT_INFO_ESTABLISHED);
	ck_assert_uint_eq(ct_number(ct_of(packet), NFBIND_CT_ID), id);
	judge(queue, packet, NFBIND_VERDICT_DROP);
	free_session(queue);
	close(client);
	close(server);
}

START_TEST(test_packet_ct_of_udp_has_both_directions)
{
	need_conntrack();
	check_udp("iptables", "127.0.0.1", "127.0.0.2");
	check_udp("ip6tables", "::1", "::1");
	free_cts();
}
END_TEST

static void check_tcp(const char *program, const char *address)
{
	struct nfbind_queue *queue = ct_session(1);
	int listener = tcp_listen(address, 5001), client;
	struct nfbind_packet *packet;
	const uint8_t states[] = { 1, 2, 3 }; /* syn-sent, syn-recv, established */

	track(program);
	queue_rule(program, "OUTPUT -p tcp", 1);
	client = tcp_start(address, 5001);
	for (size_t i = 0; i < 3; i++) {
		const struct nfbind_ct *ct;

		packet = receive_one(queue);
		ct = ct_of(packet);
		check_tuple(ct, NFBIND_CT_ORIG_SRC, address, address, 6);
		ck_assert_uint_eq(ct_number(ct, NFBIND_CT_ORIG_PORT_DST), 5001);
		ck_assert_uint_eq(ct_number(ct, NFBIND_CT_TCP_STATE), states[i]);
		judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	}
	ck_assert(ct_number(ct_of(packet), NFBIND_CT_STATUS) & NFBIND_CT_STATUS_ASSURED);
	run("%s -F OUTPUT", program);
	free_session(queue);
	close(client);
	close(listener);
}

START_TEST(test_packet_ct_of_tcp_has_its_state)
{
	need_conntrack();
	check_tcp("iptables", "127.0.0.1");
	check_tcp("ip6tables", "::1");
	free_cts();
}
END_TEST

static void check_icmp(const char *program, const char *ping, const char *address, uint8_t request,
		       uint8_t reply)
{
	struct nfbind_queue *queue = ct_session(1);
	struct nfbind_packet *packet;
	const struct nfbind_ct *ct;

	track(program);
	queue_rule(program, request == 8 ? "OUTPUT -p icmp --icmp-type echo-request" :
					   "OUTPUT -p icmpv6 --icmpv6-type echo-request", 1);
	run("%s -c1 -W5 %s >/dev/null &", ping, address);
	packet = receive_one(queue);
	ct = ct_of(packet);
	check_tuple(ct, NFBIND_CT_ORIG_SRC, address, address, request == 8 ? 1 : 58);
	ck_assert_uint_eq(ct_number(ct, NFBIND_CT_ORIG_ICMP_TYPE), request);
	ck_assert_uint_eq(ct_number(ct, NFBIND_CT_ORIG_ICMP_CODE), 0);
	ck_assert_uint_eq(ct_number(ct, NFBIND_CT_ORIG_ICMP_ID), number_of(packet, NFBIND_PACKET_ICMP_ID));
	ck_assert_uint_eq(ct_number(ct, NFBIND_CT_REPL_ICMP_TYPE), reply);
	ck_assert(!nfbind_ct_has(ct, NFBIND_CT_ORIG_PORT_SRC));
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	free_session(queue);
}

START_TEST(test_packet_ct_of_icmp_has_type_and_id)
{
	need_conntrack();
	check_icmp("iptables", "ping", "127.0.0.1", 8, 0);
	check_icmp("ip6tables", "ping -6", "::1", 128, 129);
	free_cts();
}
END_TEST

START_TEST(test_packet_ct_is_absent_without_the_option)
{
	struct nfbind_queue *queue = bind_session(1, NULL);
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_packet *packet;
	struct nfbind_ct *ct;

	track("iptables");
	queue_rule("iptables", "OUTPUT -p udp", 1);
	packet = queued(queue, udp.sender, "x");
	ck_assert_int_eq(nfbind_packet_has(packet, NFBIND_PACKET_CT), 0);
	ck_assert(is_absent(packet, NFBIND_PACKET_CT_INFO));
	ck_assert_int_eq(nfbind_ct_new(&ct), 0);
	ck_assert_int_eq(nfbind_packet_get_ct(packet, ct), -ENODATA);
	ck_assert_int_eq(nfbind_ct_set_number(ct, NFBIND_CT_MARK, 1), 0);
	/* The kernel may know one all the same, and then takes the change. */
	ck_assert_int_eq(nfbind_packet_set_ct(packet, ct), 0);
	nfbind_ct_free(ct);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(udp.receiver, "x");
	if (has_feature(NFBIND_FEATURE_QUEUE_CONNTRACK))
		ck_assert_int_eq(run_for_number("conntrack -L -p udp 2>/dev/null | grep -c mark=1"), 1);
}
END_TEST

START_TEST(test_packet_ct_of_an_untracked_packet_is_absent)
{
	struct nfbind_queue *queue;
	struct udp udp = udp_pair("127.0.0.1", 5001);

	need_conntrack();
	queue = ct_session(1);
	track("iptables");
	run("iptables -t raw -A OUTPUT -p udp -j CT --notrack");
	queue_rule("iptables", "OUTPUT -p udp", 1);
	ck_assert_int_eq(nfbind_packet_has(queued(queue, udp.sender, "x"), NFBIND_PACKET_CT), 0);
}
END_TEST

/* Changing. */

/* Accept the packet with this change, and look at the flow's next one. */
static struct nfbind_packet *change(struct nfbind_queue *queue, struct nfbind_packet *packet, int fd,
				    const struct nfbind_ct *ct)
{
	int r = nfbind_packet_set_ct(packet, ct);

	ck_assert_msg(r == 0, "set_ct: %s", nfbind_error_name(r));
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	return queued(queue, fd, "next");
}

START_TEST(test_verdict_ct_mark_stays_with_the_connection)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue;
	struct nfbind_packet *packet;
	struct nfbind_ct *ct;

	need_conntrack();
	queue = ct_session(1);
	track("iptables");
	queue_rule("iptables", "OUTPUT -p udp", 1);
	ct = new_ct();
	ck_assert_int_eq(nfbind_ct_set_number(ct, NFBIND_CT_MARK, 0x12345678), 0);
	packet = change(queue, queued(queue, udp.sender, "first"), udp.sender, ct);
	ck_assert_uint_eq(ct_number(ct_of(packet), NFBIND_CT_MARK), 0x12345678);
	/* Only some of its bits. */
	ck_assert_int_eq(nfbind_ct_set_number(ct, NFBIND_CT_MARK, 0x0000ab00), 0);
	ck_assert_int_eq(nfbind_ct_set_number(ct, NFBIND_CT_MARK_MASK, 0x0000ff00), 0);
	packet = change(queue, packet, udp.sender, ct);
	ck_assert_uint_eq(ct_number(ct_of(packet), NFBIND_CT_MARK), 0x1234ab78);
	ck_assert_int_eq(run_for_number("conntrack -L -p udp 2>/dev/null | grep -c mark=%u", 0x1234ab78u), 1);
	free_cts();
}
END_TEST

START_TEST(test_verdict_ct_labels_stay_with_the_connection)
{
	static const uint8_t first[16] = { 0x81, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80 };
	static const uint8_t second[16] = { 0x02, 0x01 }, mask[16] = { 0x83, 0x01 };
	static const uint8_t both[16] = { 0x02, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80 };
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue;
	struct nfbind_packet *packet;
	struct nfbind_ct *ct;

	need_conntrack();
	if (!run_quietly("nft add table ip t && nft 'add chain ip t c { type filter hook output priority 10; }' && "
			 "nft add rule ip t c ct label set 127"))
		skip("this kernel has no connection labels in nft");
	run("nft insert rule ip t c return");
	queue = ct_session(1);
	track("iptables");
	queue_rule("iptables", "OUTPUT -p udp", 1);
	ct = new_ct();
	ck_assert_int_eq(nfbind_ct_set_bytes(ct, NFBIND_CT_LABELS, first, 16), 0);
	packet = change(queue, queued(queue, udp.sender, "first"), udp.sender, ct);
	ck_assert(ct_is_bytes(ct_of(packet), NFBIND_CT_LABELS, first, 16));
	ck_assert_int_eq(nfbind_ct_set_bytes(ct, NFBIND_CT_LABELS, second, 16), 0);
	ck_assert_int_eq(nfbind_ct_set_bytes(ct, NFBIND_CT_LABELS_MASK, mask, 16), 0);
	packet = change(queue, packet, udp.sender, ct);
	ck_assert(ct_is_bytes(ct_of(packet), NFBIND_CT_LABELS, both, 16));
	free_cts();
}
END_TEST

START_TEST(test_verdict_ct_timeout_and_status_stay_with_the_connection)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue;
	struct nfbind_packet *packet;
	struct nfbind_ct *ct;
	long long left;

	need_conntrack();
	queue = ct_session(1);
	track("iptables");
	queue_rule("iptables", "OUTPUT -p udp", 1);
	judge(queue, queued(queue, udp.sender, "first"), NFBIND_VERDICT_ACCEPT);
	packet = queued(queue, udp.sender, "second");
	ct = new_ct();
	ck_assert_int_eq(nfbind_ct_set_number(ct, NFBIND_CT_TIMEOUT, 4000), 0);
	ck_assert_int_eq(nfbind_ct_set_number(ct, NFBIND_CT_STATUS,
					      ct_number(ct_of(packet), NFBIND_CT_STATUS) |
						      NFBIND_CT_STATUS_SEEN_REPLY |
						      NFBIND_CT_STATUS_ASSURED), 0);
	ck_assert_int_eq(nfbind_packet_set_ct(packet, ct), 0);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	left = run_for_number("conntrack -L -p udp 2>/dev/null | awk '{ print $3 }'");
	ck_assert(left > 3900 && left <= 4000);
	ck_assert_int_eq(run_for_number("conntrack -L -p udp 2>/dev/null | grep -c ASSURED"), 1);
	free_cts();
}
END_TEST

START_TEST(test_verdict_ct_refuses_what_it_cannot_change)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue;
	struct nfbind_packet *packet;
	struct nfbind_ct *ct;

	need_conntrack();
	queue = ct_session(1);
	track("iptables");
	queue_rule("iptables", "OUTPUT -p udp", 1);
	packet = queued(queue, udp.sender, "x");
	ct = new_ct();
	ck_assert_int_eq(nfbind_ct_set_number(ct, NFBIND_CT_ZONE, 7), 0);
	ck_assert_int_eq(nfbind_packet_set_ct(packet, ct), -EACCES);
	/* What was read is more than what may be sent. */
	ck_assert_int_eq(nfbind_packet_set_ct(packet, ct_of(packet)), -EACCES);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	hear_text(udp.receiver, "x");
	free_cts();
}
END_TEST

/* One field and a mark in a verdict, which comes behind it; whether the mark was taken. */
static bool takes_mark(struct nfbind_queue *queue, int sender, uint32_t field, uint64_t value, uint32_t mark)
{
	struct nfbind_packet *packet = queued(queue, sender, "x");
	struct nfbind_ct *ct = new_ct();

	ck_assert_int_eq(nfbind_ct_set_number(ct, NFBIND_CT_MARK, mark), 0);
	ck_assert_int_eq(nfbind_ct_set_number(ct, field, value), 0);
	ck_assert_int_eq(nfbind_packet_set_ct(packet, ct), 0);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	return run_for_number("conntrack -L -p udp 2>/dev/null | grep -c mark=%u", mark) == 1;
}

/* The same without the mark, on a session that knows the connection; the verdict is only prepared. */
static int try_change(struct nfbind_packet *packet, uint32_t field, uint64_t value)
{
	struct nfbind_ct *ct = new_ct();

	ck_assert_int_eq(nfbind_ct_set_number(ct, field, value), 0);
	return nfbind_packet_set_ct(packet, ct);
}

/*
 * What set_ct refuses is what the kernel drops in silence: a session without the
 * option knows nothing of the connection, sends it, and the mark behind it is lost.
 */
START_TEST(test_verdict_ct_that_the_kernel_leaves_out_is_refused)
{
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue;
	struct nfbind_packet *packet;

	need_conntrack();
	queue = bind_session(1, OPTIONS({ NFBIND_OPTIONS_BATCH, 1 }));
	track("iptables");
	queue_rule("iptables", "OUTPUT -p udp", 1);
	ck_assert(takes_mark(queue, udp.sender, NFBIND_CT_STATUS, 0x40e, 101));
	/* Before 6.0 nobody minded that the timeout is fixed. */
	ck_assert(takes_mark(queue, udp.sender, NFBIND_CT_TIMEOUT, 1000, 102) == !is_kernel(6, 0));
	ck_assert(!takes_mark(queue, udp.sender, NFBIND_CT_STATUS, 0x40a, 103));
	ck_assert(!takes_mark(queue, udp.sender, NFBIND_CT_STATUS, 0x40c, 104));
	/* Bits of the kernel's own are no reason to stop, but do not come either. */
	ck_assert(takes_mark(queue, udp.sender, NFBIND_CT_STATUS, 0x60f, 105));
	free_session(queue);
	queue = ct_session(1);
	packet = queued(queue, udp.sender, "x");
	ck_assert_uint_eq(ct_number(ct_of(packet), NFBIND_CT_STATUS), 0x40e);
	ck_assert_int_eq(try_change(packet, NFBIND_CT_TIMEOUT, 1000), -EPERM);
	ck_assert_int_eq(try_change(packet, NFBIND_CT_STATUS, 0x40a), -EBUSY);
	ck_assert_int_eq(try_change(packet, NFBIND_CT_STATUS, 0x40c), -EBUSY);
	ck_assert_int_eq(try_change(packet, NFBIND_CT_STATUS, 0x60f), -EBUSY);
	/* A status replaces what can change. */
	ck_assert_int_eq(try_change(packet, NFBIND_CT_STATUS, 0x0e), 0);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	packet = queued(queue, udp.sender, "x");
	ck_assert_uint_eq(ct_number(ct_of(packet), NFBIND_CT_STATUS), 0x0e);
	judge(queue, packet, NFBIND_VERDICT_ACCEPT);
	free_cts();
}
END_TEST

/* Labels that no rule uses: nobody can tell before, and the mark behind them is lost. */
START_TEST(test_verdict_ct_labels_without_a_rule_take_the_mark_along)
{
	static const uint8_t labels[16] = { 1 };
	struct udp udp = udp_pair("127.0.0.1", 5001);
	struct nfbind_queue *queue;
	struct nfbind_packet *packet;
	struct nfbind_ct *ct;

	need_conntrack();
	queue = ct_session(1);
	track("iptables");
	queue_rule("iptables", "OUTPUT -p udp", 1);
	ct = new_ct();
	ck_assert_int_eq(nfbind_ct_set_bytes(ct, NFBIND_CT_LABELS, labels, 16), 0);
	ck_assert_int_eq(nfbind_ct_set_number(ct, NFBIND_CT_MARK, 7), 0);
	packet = change(queue, queued(queue, udp.sender, "first"), udp.sender, ct);
	ct = ct_of(packet);
	ck_assert_int_eq(nfbind_ct_has(ct, NFBIND_CT_LABELS), 0);
	ck_assert_uint_eq(ct_number(ct, NFBIND_CT_MARK), 0);
	free_cts();
}
END_TEST

/* A kept packet carries its connection on, and changes of several flows do not mix. */
START_TEST(test_verdict_ct_of_kept_packets_are_their_own)
{
	enum { FLOWS = 8 };
	struct nfbind_packet *kept[FLOWS];
	struct nfbind_queue *queue;
	int receiver = bound_socket(SOCK_DGRAM, "127.0.0.1", 5001);

	need_conntrack();
	queue = ct_session(1);
	track("iptables");
	queue_rule("iptables", "OUTPUT -p udp", 1);
	for (uint16_t i = 0; i < FLOWS; i++) {
		int sender = bound_socket(SOCK_DGRAM, "127.0.0.1", (uint16_t)(6000 + i));

		connect_to(sender, "127.0.0.1", 5001);
		kept[i] = keep(queued(queue, sender, "x"));
		close(sender);
	}
	for (int i = FLOWS - 1; i >= 0; i--) {
		struct nfbind_ct *ct = new_ct();

		ck_assert_uint_eq(ct_number(ct_of(kept[i]), NFBIND_CT_ORIG_PORT_SRC), 6000 + (uint32_t)i);
		ck_assert_int_eq(nfbind_ct_set_number(ct, NFBIND_CT_MARK, 100 + (uint32_t)i), 0);
		ck_assert_int_eq(nfbind_packet_set_ct(kept[i], ct), 0);
		ck_assert_int_eq(nfbind_queue_verdict(queue, kept[i], NFBIND_VERDICT_ACCEPT), 0);
	}
	for (int i = 0; i < FLOWS; i++)
		ck_assert_int_eq(run_for_number("conntrack -L -p udp 2>/dev/null | "
						"grep 'sport=%d dport=5001' | grep -c mark=%d",
						6000 + i, 100 + i), 1);
	free_cts();
	close(receiver);
}
END_TEST

int main(void)
{
	const struct live_case cases[] = {
		{ "read", test_packet_ct_of_udp_has_both_directions },
		{ "read", test_packet_ct_of_tcp_has_its_state },
		{ "read", test_packet_ct_of_icmp_has_type_and_id },
		{ "read", test_packet_ct_is_absent_without_the_option },
		{ "read", test_packet_ct_of_an_untracked_packet_is_absent },
		{ "change", test_verdict_ct_mark_stays_with_the_connection },
		{ "change", test_verdict_ct_labels_stay_with_the_connection },
		{ "change", test_verdict_ct_timeout_and_status_stay_with_the_connection },
		{ "change", test_verdict_ct_refuses_what_it_cannot_change },
		{ "change", test_verdict_ct_that_the_kernel_leaves_out_is_refused },
		{ "change", test_verdict_ct_labels_without_a_rule_take_the_mark_along },
		{ "change", test_verdict_ct_of_kept_packets_are_their_own },
	};

	return live_main("ct", cases, sizeof(cases) / sizeof(cases[0]));
}
