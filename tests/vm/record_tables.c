/* SPDX-License-Identifier: MIT */
/*
 * What the kernel says besides packets: connections and expectations as dumps, single answers and events,
 * userspace helpers, acknowledgements and errors. A dump is repeated until some entry in it has what the
 * case wants, since traffic between namespaces takes a moment; then its datagrams are written.
 */
#define _GNU_SOURCE
#include "record.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_cthelper.h>
#include <linux/netfilter/nfnetlink_queue.h>

#define CT(message) (NFNL_SUBSYS_CTNETLINK << 8 | (message))
#define EXP(message) (NFNL_SUBSYS_CTNETLINK_EXP << 8 | (message))
#define HELPER(message) (NFNL_SUBSYS_CTHELPER << 8 | (message))
#define QUEUE(message) (NFNL_SUBSYS_QUEUE << 8 | (message))
#define GROUP(number) (1U << ((number) - 1))
#define CT_EVENTS (GROUP(NFNLGRP_CONNTRACK_NEW) | GROUP(NFNLGRP_CONNTRACK_UPDATE) | GROUP(NFNLGRP_CONNTRACK_DESTROY))
#define EXP_EVENTS (GROUP(NFNLGRP_CONNTRACK_EXP_NEW) | GROUP(NFNLGRP_CONNTRACK_EXP_DESTROY))

#define COUNT "sysctl -qw net.netfilter.nf_conntrack_acct=1 net.netfilter.nf_conntrack_timestamp=1\n"
#define FTP "modprobe nf_nat_ftp || true\n" \
	"iptables -t raw -A OUTPUT -p tcp --dport 21 -j CT --helper ftp\n"

static _Alignas(struct nlmsghdr) char data[RAW_DATAGRAM_SIZE];
static const struct nlmsghdr *const header = (const struct nlmsghdr *)data;

static void wait_a_moment(void)
{
	struct timespec moment = { .tv_nsec = 100 * 1000 * 1000 };

	nanosleep(&moment, NULL);
}

static bool any_complete(const struct record_case *c, size_t len)
{
	const struct nlmsghdr *one = header;

	for (; NLMSG_OK(one, len); one = NLMSG_NEXT(one, len))
		if (one->nlmsg_type >= NLMSG_MIN_TYPE && record_lacks(c, one) == 0)
			return true;
	return false;
}

/* *ret_len: of the first datagram, which is in data; the end of the dump is still to be read */
static int begin_dump(struct raw_socket *s, const struct record_case *c, struct raw_message *m, ssize_t *ret_len)
{
	int r = raw_send(s, m);

	if (r < 0)
		return r;
	*ret_len = raw_receive(s, data, sizeof(data), 2000);
	return *ret_len < 0 ? *ret_len : any_complete(c, *ret_len);
}

static int read_to_end(struct raw_socket *s, ssize_t *ret_len)
{
	while (header->nlmsg_type != NLMSG_DONE) {
		*ret_len = raw_receive(s, data, sizeof(data), 2000);
		if (*ret_len < 0)
			return *ret_len;
	}
	return 0;
}

static int dump_until_complete(const struct record_case *c, struct raw_message *m)
{
	struct raw_socket s;
	ssize_t len;
	int r, tries;

	r = raw_open(&s, 0);
	if (r < 0)
		return r;
	for (tries = 0; tries < 30; tries++) {
		r = begin_dump(&s, c, m, &len);
		if (r < 0)
			return r;
		if (r > 0)
			return record_write(c->name, data, len);
		if (header->nlmsg_type == NLMSG_ERROR)
			return -EPROTO;
		r = read_to_end(&s, &len);
		if (r < 0)
			return r;
		wait_a_moment();
	}
	return -ENODATA;
}

static int record_dump(const struct record_case *c)
{
	struct raw_message m;

	if (c->traffic)
		record_start(c->traffic);
	raw_begin(&m, c->request, NLM_F_DUMP, c->family, 0);
	return dump_until_complete(c, &m);
}

/* filtered by mark: the kernel says in every entry's flags that it has honoured a filter */
static int record_dump_filtered(const struct record_case *c)
{
	struct raw_message m;

	record_start(c->traffic);
	raw_begin(&m, CT(IPCTNL_MSG_CT_GET), NLM_F_DUMP, AF_INET, 0);
	raw_put_be32(&m, CTA_MARK, 0x12345678);
	raw_put_be32(&m, CTA_MARK_MASK, 0xffffffff);
	return dump_until_complete(c, &m);
}

static int record_dump_done(const struct record_case *c)
{
	struct raw_message m;
	struct raw_socket s;
	ssize_t len = 0;
	int r;

	raw_begin(&m, CT(IPCTNL_MSG_CT_GET), NLM_F_DUMP, AF_INET, 0);
	r = raw_open(&s, 0);
	if (r == 0)
		r = begin_dump(&s, c, &m, &len);
	if (r >= 0)
		r = read_to_end(&s, &len);
	return r < 0 ? r : record_write(c->name, data, len);
}

static void put_tuple_v4(struct raw_message *m, int type, uint32_t src, uint32_t dst, uint8_t protocol,
			 uint16_t src_port, uint16_t dst_port)
{
	size_t tuple = raw_open_nest(m, type), part = raw_open_nest(m, CTA_TUPLE_IP);

	raw_put_be32(m, CTA_IP_V4_SRC, src);
	raw_put_be32(m, CTA_IP_V4_DST, dst);
	raw_close_nest(m, part);
	part = raw_open_nest(m, CTA_TUPLE_PROTO);
	raw_put_u8(m, CTA_PROTO_NUM, protocol);
	raw_put_be16(m, CTA_PROTO_SRC_PORT, src_port);
	raw_put_be16(m, CTA_PROTO_DST_PORT, dst_port);
	raw_close_nest(m, part);
	raw_close_nest(m, tuple);
}

/* send a request and write the first datagram that comes back, answer or error */
static int record_answer(const struct record_case *c, struct raw_socket *s, struct raw_message *m)
{
	ssize_t len;
	int r = raw_send(s, m);

	if (r < 0)
		return r;
	len = raw_receive(s, data, sizeof(data), 2000);
	return len < 0 ? len : record_write(c->name, data, len);
}

static int record_request(const struct record_case *c, struct raw_message *m)
{
	struct raw_socket s;
	int r = raw_open(&s, 0);

	return r < 0 ? r : record_answer(c, &s, m);
}

static int record_get(const struct record_case *c)
{
	struct raw_message m;

	c->traffic();
	raw_begin(&m, CT(IPCTNL_MSG_CT_GET), 0, AF_INET, 0);
	put_tuple_v4(&m, CTA_TUPLE_ORIG, INADDR_LOOPBACK, INADDR_LOOPBACK, IPPROTO_TCP, 25001, 5001);
	return record_request(c, &m);
}

static int record_simple(const struct record_case *c)
{
	struct raw_message m;

	raw_begin(&m, c->request, 0, c->family, 0);
	return record_request(c, &m);
}

static const char *kind_of_event(void)
{
	if (header->nlmsg_type == CT(IPCTNL_MSG_CT_DELETE) || header->nlmsg_type == EXP(IPCTNL_MSG_EXP_DELETE))
		return "destroy";
	return header->nlmsg_flags & NLM_F_CREATE ? "new" : "update";
}

static int flush_connections(void)
{
	struct raw_message m;
	struct raw_socket s;
	int r = raw_open(&s, 0);

	if (r < 0)
		return r;
	raw_begin(&m, CT(IPCTNL_MSG_CT_DELETE), 0, AF_INET, 0);
	return raw_ask(&s, &m);
}

/* every event of the traffic and of a flush after it, numbered in the order they came */
static int record_events(const struct record_case *c)
{
	struct raw_socket s;
	char name[128];
	int r, number;
	ssize_t len;

	r = raw_open(&s, c->groups);
	if (r < 0)
		return r;
	c->traffic();
	wait_a_moment();
	r = flush_connections();
	for (number = 1; r == 0; number++) {
		len = raw_receive(&s, data, sizeof(data), 300);
		if (len == -ETIMEDOUT)
			return number > 2 ? 0 : -ENODATA;
		if (len < 0)
			return len;
		snprintf(name, sizeof(name), "%s-%d-%s", c->name, number, kind_of_event());
		r = record_write(name, data, len);
	}
	return r;
}

/* An expectation as a program makes it: with NAT, a class and a function, which no packet would give it. */
static int make_expectation(void)
{
	struct raw_message m;
	struct raw_socket s;
	size_t nat;
	int r = raw_open(&s, 0);

	if (r < 0)
		return r;
	raw_begin(&m, EXP(IPCTNL_MSG_EXP_NEW), NLM_F_CREATE | NLM_F_EXCL, AF_INET, 0);
	put_tuple_v4(&m, CTA_EXPECT_MASTER, INADDR_LOOPBACK, INADDR_LOOPBACK, IPPROTO_TCP, 20021, 21);
	put_tuple_v4(&m, CTA_EXPECT_TUPLE, 0, INADDR_LOOPBACK, IPPROTO_TCP, 0, 5009);
	put_tuple_v4(&m, CTA_EXPECT_MASK, 0, 0xffffffff, IPPROTO_TCP, 0, 0xffff);
	raw_put_be32(&m, CTA_EXPECT_TIMEOUT, 300);
	raw_put_be32(&m, CTA_EXPECT_FLAGS, NF_CT_EXPECT_PERMANENT | NF_CT_EXPECT_INACTIVE);
	raw_put_be32(&m, CTA_EXPECT_CLASS, 0);
	raw_put_text(&m, CTA_EXPECT_FN, "nat-follow-master");
	nat = raw_open_nest(&m, CTA_EXPECT_NAT);
	raw_put_be32(&m, CTA_EXPECT_NAT_DIR, 1);
	put_tuple_v4(&m, CTA_EXPECT_NAT_TUPLE, 0x0a000001, 0, IPPROTO_TCP, 5010, 0);
	raw_close_nest(&m, nat);
	return raw_ask(&s, &m);
}

static int record_made_expectation(const struct record_case *c)
{
	int r;

	c->traffic();
	r = make_expectation();
	if (r < 0)
		return r;
	return record_dump(&(struct record_case){ .name = c->name, .request = c->request, .family = c->family,
						  .wants = { CTA_EXPECT_NAT } });
}

static int make_helpers(struct raw_socket *s)
{
	int r = raw_open(s, 0);

	if (r == 0)
		r = raw_make_helper(s, "record-one", 8);
	if (r == -EINVAL)
		return RECORD_SKIPPED;
	if (r == 0 || r == -EEXIST)
		r = raw_make_helper(s, "record-two", 9);
	/* helpers belong to the whole machine: those of the case before are still there */
	return r == -EEXIST ? 0 : r;
}

static int record_helper(const struct record_case *c)
{
	struct raw_message m;
	struct raw_socket s;
	int r = make_helpers(&s);

	if (r)
		return r;
	raw_begin(&m, HELPER(NFNL_MSG_CTHELPER_GET), 0, AF_UNSPEC, 0);
	raw_put_text(&m, NFCTH_NAME, "record-one");
	return record_answer(c, &s, &m);
}

static int record_helpers(const struct record_case *c)
{
	struct raw_socket s;
	int r = make_helpers(&s);

	return r ? r : record_dump(c);
}

static int record_bind(const struct record_case *c)
{
	struct nfqnl_msg_config_cmd command = { .command = NFQNL_CFG_CMD_BIND };
	struct raw_message m;

	raw_begin(&m, QUEUE(NFQNL_MSG_CONFIG), NLM_F_ACK, AF_UNSPEC, RECORD_QUEUE);
	raw_put(&m, NFQA_CFG_CMD, &command, sizeof(command));
	return record_request(c, &m);
}

static int record_bind_taken(const struct record_case *c)
{
	struct raw_socket other;
	int r = raw_open(&other, 0);

	if (r == 0)
		r = raw_bind_queue(&other, RECORD_QUEUE, NFQNL_COPY_META, 0, 0);
	return r < 0 ? r : record_bind(c);
}

static int record_flags_without_mask(const struct record_case *c)
{
	struct raw_message m;

	raw_begin(&m, QUEUE(NFQNL_MSG_CONFIG), NLM_F_ACK, AF_UNSPEC, RECORD_QUEUE);
	raw_put_be32(&m, NFQA_CFG_FLAGS, NFQA_CFG_F_GSO);
	return record_request(c, &m);
}

/* no NLM_F_ACK: an error comes all the same */
static int record_verdict(const struct record_case *c, bool bound, bool echo)
{
	struct raw_message m;
	struct raw_socket s;
	int off = 0, r = raw_open(&s, 0);

	if (r == 0 && bound)
		r = raw_bind_queue(&s, RECORD_QUEUE, NFQNL_COPY_META, 0, 0);
	if (r < 0)
		return r;
	if (echo)
		setsockopt(s.fd, SOL_NETLINK, NETLINK_CAP_ACK, &off, sizeof(off));
	raw_begin_verdict(&m, RECORD_QUEUE, 4711, NF_ACCEPT);
	raw_put_be32(&m, NFQA_MARK, 5);
	return record_answer(c, &s, &m);
}

static int record_verdict_unknown(const struct record_case *c)
{
	return record_verdict(c, true, false);
}

static int record_verdict_echoed(const struct record_case *c)
{
	return record_verdict(c, true, true);
}

static int record_verdict_unbound(const struct record_case *c)
{
	return record_verdict(c, false, false);
}

static int record_get_missing(const struct record_case *c)
{
	struct raw_message m;

	raw_begin(&m, CT(IPCTNL_MSG_CT_GET), 0, AF_INET, 0);
	put_tuple_v4(&m, CTA_TUPLE_ORIG, 0x0a000001, 0x0a000002, IPPROTO_TCP, 1, 2);
	return record_request(c, &m);
}

/* a mark of two bytes: the answer has a sentence and points at the attribute */
static int record_bad_attribute(const struct record_case *c)
{
	struct raw_message m;

	raw_begin(&m, CT(IPCTNL_MSG_CT_NEW), NLM_F_CREATE | NLM_F_ACK, AF_INET, 0);
	put_tuple_v4(&m, CTA_TUPLE_ORIG, 0x0a000001, 0x0a000002, IPPROTO_TCP, 1, 2);
	raw_put_be16(&m, CTA_MARK, 5);
	return record_request(c, &m);
}

static int record_create_incomplete(const struct record_case *c)
{
	struct raw_message m;

	raw_begin(&m, CT(IPCTNL_MSG_CT_NEW), NLM_F_CREATE | NLM_F_ACK, AF_INET, 0);
	put_tuple_v4(&m, CTA_TUPLE_ORIG, 0x0a000001, 0x0a000002, IPPROTO_TCP, 1, 2);
	return record_request(c, &m);
}

static void traffic_mixed(void)
{
	traffic_udp();
	traffic_icmp();
	traffic_tcp();
}

const struct record_case record_tables[] = {
	{ "ct-dump-ipv4", COUNT RECORD_TRACK "iptables -t mangle -A OUTPUT -j CONNMARK --set-mark 0x12345678\n"
	  "nft 'add table ip l; add chain ip l c { type filter hook output priority -100; }'\n"
	  "nft 'add rule ip l c ct label set 0x1; add rule ip l c ct label set 0x45'\n", traffic_mixed, record_dump,
	  .request = CT(IPCTNL_MSG_CT_GET), .family = AF_INET,
	  .wants = { CTA_PROTOINFO, CTA_COUNTERS_REPLY, CTA_TIMESTAMP, CTA_LABELS } },
	{ "ct-dump-ipv6", COUNT "ip6tables -A INPUT -m conntrack --ctstate INVALID\n", traffic_udp6, record_dump,
	  .request = CT(IPCTNL_MSG_CT_GET), .family = AF_INET6 },
	{ "ct-dump-plain", RECORD_TRACK, traffic_udp, record_dump, .request = CT(IPCTNL_MSG_CT_GET), .family = AF_INET },
	{ "ct-dump-sctp", RECORD_TRACK, traffic_sctp, record_dump, .request = CT(IPCTNL_MSG_CT_GET), .family = AF_INET },
	{ "ct-dump-zone", RECORD_TRACK "iptables -t raw -A OUTPUT -p udp -j CT --zone 5\n"
	  "iptables -t raw -A PREROUTING -p udp -j CT --zone 5\n", traffic_udp,
	  record_dump, .request = CT(IPCTNL_MSG_CT_GET), .family = AF_INET, .wants = { CTA_ZONE } },
	{ "ct-dump-dnat", "iptables -t nat -A OUTPUT -p udp --dport 5001 -j DNAT --to 127.0.0.1:5003\n", traffic_udp,
	  record_dump, .request = CT(IPCTNL_MSG_CT_GET), .family = AF_INET },
	{ "ct-dump-helper", FTP, traffic_ftp, record_dump, .request = CT(IPCTNL_MSG_CT_GET), .family = AF_INET,
	  .wants = { CTA_HELP } },
	{ "ct-dump-expected", FTP, traffic_ftp_data, record_dump, .request = CT(IPCTNL_MSG_CT_GET), .family = AF_INET,
	  .wants = { CTA_TUPLE_MASTER } },
	{ "ct-dump-seqadj", RECORD_ROUTER "modprobe nf_nat_ftp || true\n"
	  "iptables -t nat -A POSTROUTING -o p1 -j MASQUERADE\n"
	  "iptables -t raw -A PREROUTING -p tcp --dport 21 -j CT --helper ftp\n", traffic_ftp_between, record_dump,
	  .request = CT(IPCTNL_MSG_CT_GET), .family = AF_INET, .wants = { CTA_SEQ_ADJ_ORIG } },
	{ "ct-dump-synproxy", RECORD_ROUTER "sysctl -qw net.netfilter.nf_conntrack_tcp_loose=0\n"
	  "iptables -t raw -A PREROUTING -i p0 -p tcp --syn -j CT --notrack\n"
	  "iptables -A FORWARD -p tcp -m conntrack --ctstate INVALID,UNTRACKED -j SYNPROXY --sack-perm --timestamp "
	  "--wscale 7 --mss 1460\n", traffic_ftp_between, record_dump,
	  .request = CT(IPCTNL_MSG_CT_GET), .family = AF_INET, .wants = { CTA_SYNPROXY } },
	{ "ct-dump-security-context", "iptables -t mangle -A OUTPUT -p udp -j SECMARK --selctx kernel\n"
	  "iptables -t mangle -A OUTPUT -p udp -j CONNSECMARK --save\n", traffic_udp, record_dump,
	  .request = CT(IPCTNL_MSG_CT_GET), .family = AF_INET, .wants = { CTA_SECCTX } },
	{ "ct-dump-filtered", RECORD_TRACK "iptables -t mangle -A OUTPUT -p udp -j CONNMARK --set-mark 0x12345678\n",
	  traffic_mixed, record_dump_filtered, .wants = { CTA_MARK } },
	{ "ct-dump-done", NULL, NULL, record_dump_done },
	{ "ct-get-tcp", COUNT RECORD_TRACK, traffic_tcp, record_get },
	{ "ct-stats", RECORD_TRACK, NULL, record_simple, .request = CT(IPCTNL_MSG_CT_GET_STATS) },
	{ "ct-stats-cpu", RECORD_TRACK, NULL, record_dump, .request = CT(IPCTNL_MSG_CT_GET_STATS_CPU) },
	{ "ct-event-udp", COUNT RECORD_TRACK, traffic_udp, record_events,
	  .groups = CT_EVENTS },
	{ "ct-event-tcp", COUNT RECORD_TRACK, traffic_tcp_close, record_events,
	  .groups = CT_EVENTS },
	{ "exp-dump-ftp", FTP, traffic_ftp, record_dump, .request = EXP(IPCTNL_MSG_EXP_GET), .family = AF_INET },
	{ "exp-dump-nat", FTP "iptables -t nat -A POSTROUTING -j ACCEPT\n", traffic_ftp_greeting,
	  record_made_expectation, .request = EXP(IPCTNL_MSG_EXP_GET), .family = AF_INET },
	{ "exp-event", FTP, traffic_ftp, record_events,
	  .groups = EXP_EVENTS },
	{ "exp-stats-cpu", RECORD_TRACK, NULL, record_dump, .request = EXP(IPCTNL_MSG_EXP_GET_STATS_CPU) },
	{ "helper-get", NULL, NULL, record_helper },
	{ "helper-dump", NULL, NULL, record_helpers, .request = HELPER(NFNL_MSG_CTHELPER_GET) },
	{ "ack-queue-bind", NULL, NULL, record_bind },
	{ "error-queue-taken", NULL, NULL, record_bind_taken },
	{ "error-queue-flags-without-mask", NULL, NULL, record_flags_without_mask },
	{ "error-verdict-unknown-packet", NULL, NULL, record_verdict_unknown },
	{ "error-verdict-unknown-packet-echoed", NULL, NULL, record_verdict_echoed },
	{ "error-verdict-unbound-queue", NULL, NULL, record_verdict_unbound },
	{ "error-ct-get-missing", NULL, NULL, record_get_missing },
	{ "error-ct-bad-attribute", NULL, NULL, record_bad_attribute },
	{ "error-ct-create-incomplete", NULL, NULL, record_create_incomplete },
	{ NULL }
};
