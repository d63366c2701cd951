/* SPDX-License-Identifier: MIT */
/*
 * A connection tracking helper for FTP: it reads what client and server say on the
 * control connection, and announces each data connection to the kernel, so that a
 * firewall which lets only established and related connections pass need not open
 * anything else. Where the connection is translated, it changes the announced address
 * in the packet too, and the kernel adjusts the sequence numbers.
 *
 * It shows how a helper is run, and everything that a verdict can take back: private
 * data of the connection, an expectation, a payload of another length. What is said is
 * read in ftp/line.c and ftp/stream.c, which know no packets; ftp/flows.c remembers
 * both sides of each connection.
 *
 *     ftp_helper [--queue N] [--timeout S] [--keep] [--verbose] [NAME]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <nfbind/nfbind.h>

#include "common.h"
#include "ftp/flows.h"

enum {
	TCP = 6,
	/* Other ports to try where another connection has announced this one. */
	PORTS_TRIED = 128,
};

static uint64_t queue_number = 21, timeout = 300, keep, verbose;

static const struct flag flags[] = {
	{ "--queue", "N", "the queue that packets come by; default 21", &queue_number },
	{ "--timeout", "S", "how long a data connection is waited for; default 300", &timeout },
	{ "--keep", NULL, "leave the helper, disabled, to the next run: rules stay good", &keep, NULL },
	{ "--verbose", NULL, "print what is announced", &verbose },
	{ NULL },
};

static const struct manual manual = {
	.name = "ftp_helper",
	.arguments = "[--queue N] [--timeout S] [--keep] [--verbose] [NAME]",
	.about = "Help FTP through a firewall, as a connection tracking helper called NAME; default ftp-nfbind.\n"
		 "\"ftp\" is the kernel's own, where its module is loaded.",
	.flags = flags,
	.iptables = "  iptables -t raw -A PREROUTING -p tcp --dport 21 -j CT --helper ftp-nfbind\n"
		    "  ip6tables -t raw -A PREROUTING -p tcp --dport 21 -j CT --helper ftp-nfbind\n",
	.nft = "  nft 'add table ip example; add chain ip example c { type filter hook prerouting priority 0; }\n"
	       "       add ct helper ip example ftp { type \"ftp-nfbind\" protocol tcp; }\n"
	       "       add rule ip example c tcp dport 21 ct helper set \"ftp\"'\n",
	.least = 0,
	.most = 1,
};

static struct {
	uint64_t packets, announced, refused, translated, clashes, ignored, dropped;
} counters;

/* All that the program holds. */
struct session {
	struct nfbind_helper *helper;
	struct nfbind_cthelper *record;
	struct nfbind_conntrack *conntrack; /* to ask whether a port is free */
	struct nfbind_ct *ct, *changes;
	struct nfbind_exp *exp, *other;
};

/* Announcements. */

static uint64_t ct_number(const struct nfbind_ct *ct, uint32_t field)
{
	uint64_t number = 0;

	nfbind_ct_get_number(ct, field, &number);
	return number;
}

static struct ftp_address address_of(const struct nfbind_ct *ct, uint32_t field)
{
	struct ftp_address address = { .len = 0 };
	const void *data;
	size_t len;

	if (nfbind_ct_get_bytes(ct, field, &data, &len) == 0 && len <= sizeof(address.bytes)) {
		memcpy(address.bytes, data, len);
		address.len = (uint8_t)len;
	}
	return address;
}

static bool is_same(const struct ftp_address *a, const struct ftp_address *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

static void print_announcement(const struct ftp_announcement *announcement, const char *what)
{
	static const char *const forms[] = { "PORT", "EPRT", "227", "229" };
	char address[INET6_ADDRSTRLEN] = "its own address";

	if (announcement->address_len)
		inet_ntop(announcement->address_len == 4 ? AF_INET : AF_INET6, announcement->address, address,
			  sizeof(address));
	fprintf(stderr, "ftp_helper: %s: %s, port %u: %s\n", forms[announcement->form], address,
		announcement->port, what);
}

static bool is_own(const struct session *session, const struct nfbind_exp *other)
{
	static const uint32_t fields[] = { NFBIND_EXP_MASTER_PORT_SRC, NFBIND_EXP_MASTER_PORT_DST };
	const void *a, *b;
	size_t a_len, b_len;

	for (size_t i = 0; i < 2; i++) {
		uint64_t one, another;

		if (nfbind_exp_get_number(session->exp, fields[i], &one) < 0 ||
		    nfbind_exp_get_number(other, fields[i], &another) < 0 || one != another)
			return false;
	}
	return nfbind_exp_get_bytes(session->exp, NFBIND_EXP_MASTER_SRC, &a, &a_len) == 0 &&
	       nfbind_exp_get_bytes(other, NFBIND_EXP_MASTER_SRC, &b, &b_len) == 0 && a_len == b_len &&
	       memcmp(a, b, a_len) == 0;
}

/*
 * Behind one translated address several clients may announce the same port: find one
 * that nobody waits for. The kernel says nothing of an expectation in a verdict that it
 * does not take, so it is asked before. The result is the port, or 0.
 */
static uint16_t find_port(struct session *session, uint16_t port)
{
	for (int i = 0; i < PORTS_TRIED; i++) {
		uint16_t trial = (uint16_t)(port + i);
		int r;

		if (trial == 0 || nfbind_exp_set_number(session->exp, NFBIND_EXP_EXPECTED_PORT_DST, trial) < 0)
			continue;
		r = nfbind_conntrack_fetch_exp(session->conntrack, session->exp, session->other);
		if (r == -ENOENT || (r == 0 && is_own(session, session->other)))
			return trial;
		if (r < 0)
			break;
	}
	return 0;
}

/* Announce what was read; the result is the port that the other side shall read, or 0 for nothing. */
static uint16_t announce(struct session *session, struct nfbind_packet *packet,
			 const struct ftp_announcement *announcement, bool is_reply, bool is_translated)
{
	struct ftp_address own = address_of(session->ct, is_reply ? NFBIND_CT_REPL_SRC : NFBIND_CT_ORIG_SRC);
	struct ftp_address said = { .len = announcement->address_len };
	uint16_t port = announcement->port;

	memcpy(said.bytes, announcement->address, said.len);
	/* Nobody may open a way to somebody else. */
	if (said.len > 0 && !is_same(&said, &own))
		return 0;
	if (nfbind_exp_expect(session->exp, session->ct, is_reply, TCP, said.len ? said.bytes : NULL, said.len,
			      port) < 0)
		return 0;
	if (is_translated && (port = find_port(session, port)) == 0) {
		counters.clashes++;
		return 0;
	}
	return nfbind_packet_set_exp(packet, session->exp) < 0 ? 0 : port;
}

/* Packets. */

static int apply_edits(struct nfbind_packet *packet, uint32_t seq, const struct ftp_result *result)
{
	int r = 0;

	/* From the last one, so that the others stay where they are. */
	for (uint32_t i = result->edits_count; i-- > 0 && r == 0;) {
		const struct ftp_edit *edit = &result->edits[i];

		r = nfbind_packet_splice(packet, edit->seq - seq, edit->remove, edit->text, edit->text_len);
	}
	if (result->edits_count > 0)
		counters.translated++;
	return r;
}

/*
 * Where lines start has to outlive us, so the kernel keeps it. And only a verdict with
 * a connection makes it adjust sequence numbers (net/netfilter/nfnetlink_queue.c).
 */
static int keep_private_data(struct session *session, struct nfbind_packet *packet,
			     const struct ftp_flow *flow)
{
	uint8_t private[FTP_PRIVATE_LEN];
	int r;

	ftp_flow_save(flow, private);
	r = nfbind_ct_set_bytes(session->changes, NFBIND_CT_HELPER_INFO, private, sizeof(private));
	return r < 0 ? r : nfbind_packet_set_ct(packet, session->changes);
}

/* What the other side knows this one's address by, where it differs. */
static bool find_translation(const struct nfbind_ct *ct, bool is_reply, struct ftp_address *ret_address)
{
	struct ftp_address own = address_of(ct, is_reply ? NFBIND_CT_REPL_SRC : NFBIND_CT_ORIG_SRC);

	*ret_address = address_of(ct, is_reply ? NFBIND_CT_ORIG_DST : NFBIND_CT_REPL_DST);
	return ret_address->len > 0 && !is_same(&own, ret_address);
}

static uint32_t follow(struct session *session, struct nfbind_packet *packet, struct ftp_flow *flow, bool is_reply,
		       uint32_t seq, const void *data, size_t data_len)
{
	static struct ftp_result result;
	struct ftp_stream *stream = &flow->streams[is_reply];
	struct ftp_address seen_as;
	bool is_translated = find_translation(session->ct, is_reply, &seen_as);
	uint16_t port = 0;

	ftp_stream_read(stream, seq, data, data_len, is_translated ? &seen_as : NULL, &result);
	counters.ignored += result.ignored;
	if (result.has_announcement) {
		port = announce(session, packet, &result.announcement, is_reply, is_translated);
		port ? counters.announced++ : counters.refused++;
		if (verbose)
			print_announcement(&result.announcement, port ? "expected" : "refused");
		if (port && is_translated)
			ftp_stream_follow(stream, &result, &seen_as, port);
		else
			ftp_stream_refuse(stream, &result);
	}
	if (keep_private_data(session, packet, flow) < 0 || result.must_drop ||
	    apply_edits(packet, seq, &result) < 0) {
		counters.dropped++;
		return NFBIND_VERDICT_DROP;
	}
	/* The next one that asks for a free port must find this one taken. */
	return NFBIND_VERDICT_ACCEPT | (port && is_translated ? NFBIND_VERDICT_NOW : 0);
}

static uint32_t judge(struct session *session, struct nfbind_packet *packet)
{
	uint32_t seq = (uint32_t)number_or(packet, NFBIND_PACKET_TCP_SEQ, 0);
	uint64_t tcp = number_or(packet, NFBIND_PACKET_TCP_FLAGS, 0);
	int is_reply = nfbind_packet_is_reply(packet);
	struct ftp_flow *flow;
	static struct ftp_flows flows;
	const void *data;
	size_t len;

	counters.packets++;
	if (is_reply < 0 || nfbind_packet_get_ct(packet, session->ct) < 0 || nfbind_packet_is_truncated(packet))
		return NFBIND_VERDICT_ACCEPT;
	/* Some kernels give a data connection the helper of its master: nobody speaks FTP there. */
	if (ct_number(session->ct, NFBIND_CT_STATUS) & NFBIND_CT_STATUS_EXPECTED)
		return NFBIND_VERDICT_ACCEPT;
	flow = ftp_flows_find(&flows, session->ct);
	if (tcp & NFBIND_TCP_FLAG_SYN)
		ftp_stream_start(&flow->streams[is_reply], seq + 1);
	else if (tcp & NFBIND_TCP_FLAG_RST)
		ftp_flow_forget(flow);
	else if (nfbind_packet_get_bytes(packet, NFBIND_PACKET_L4_PAYLOAD, &data, &len) == 0 && len > 0)
		return follow(session, packet, flow, is_reply, seq, data, len);
	return NFBIND_VERDICT_ACCEPT;
}

/* Until a signal wakes the queue's session. */
static int run(struct session *session, struct nfbind_queue *queue)
{
	struct nfbind_batch *batch;
	int count;

	while ((count = nfbind_queue_receive(queue, -1, &batch)) >= 0 || count == -EINTR) {
		for (int i = 0; i < count; i++) {
			struct nfbind_packet *packet = nfbind_batch_packet(batch, (uint32_t)i);

			nfbind_queue_verdict(queue, packet, judge(session, packet));
		}
		print_notices(queue);
	}
	return count == -ECANCELED ? 0 : count;
}

/* The helper. */

/* Without a network protocol it is for both. */
static int fill_record(struct nfbind_cthelper *record, const char *name)
{
	const struct {
		uint32_t field;
		uint64_t value;
	} numbers[] = {
		{ NFBIND_CTHELPER_L4PROTO, TCP },
		{ NFBIND_CTHELPER_QUEUE, queue_number },
		{ NFBIND_CTHELPER_PRIV_DATA_LEN, FTP_PRIVATE_LEN },
		/* Who announces another one no longer waits for the one before. */
		{ NFBIND_CTHELPER_POLICY1_MAX, 1 },
		{ NFBIND_CTHELPER_POLICY1_TIMEOUT, timeout },
	};
	int r = nfbind_cthelper_set_bytes(record, NFBIND_CTHELPER_NAME, name, strlen(name));

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]) && r == 0; i++)
		r = nfbind_cthelper_set_number(record, numbers[i].field, numbers[i].value);
	return r < 0 ? r : nfbind_cthelper_set_bytes(record, NFBIND_CTHELPER_POLICY1_NAME, "ftp", 3);
}

static int open_helper(struct session *session)
{
	struct nfbind_options *options;
	int r = nfbind_options_new(&options);

	if (r < 0)
		return r;
	nfbind_options_set_number(options, NFBIND_OPTIONS_KEEP_RECORD, keep);
	r = nfbind_helper_open(session->helper, session->record, options);
	nfbind_options_free(options);
	return r;
}

static int fail_helper(struct session *session, const char *what, int error)
{
	const char *name = nfbind_error_name(error);
	char sentence[512] = "";

	nfbind_helper_last_message(session->helper, sentence, sizeof(sentence));
	fprintf(stderr, "ftp_helper: %s: %s (%s)\n", what, sentence[0] ? sentence : strerror(-error),
		name ? name : "unknown error");
	return 1;
}

static void print_sums(void)
{
	printf("ftp: %" PRIu64 " packets, %" PRIu64 " announced, %" PRIu64 " refused, %" PRIu64
	       " ignored; %" PRIu64 " translated, %" PRIu64 " without a free port, %" PRIu64
	       " dropped\n",
	       counters.packets, counters.announced, counters.refused, counters.ignored,
	       counters.translated, counters.clashes, counters.dropped);
}

static int serve(struct session *session)
{
	struct nfbind_queue *queue = nfbind_helper_get_queue(session->helper);
	int r, status = 0;

	wake_on_signals(queue);
	fprintf(stderr, "ftp_helper: rules can use the helper; Ctrl-C ends\n");
	r = run(session, queue);
	if (r < 0)
		status = fail(queue, "receiving", r);
	print_sums();
	print_counters(queue, (uint16_t)queue_number);
	forget_signals();
	r = nfbind_helper_close(session->helper);
	/* While rules refer to it, it stays: disabled, and the next run takes it over. */
	if (r == -EBUSY)
		fail_helper(session, "closing", r);
	else if (r < 0)
		status = fail_helper(session, "closing", r);
	return status;
}

static int make_objects(struct session *session)
{
	if (nfbind_helper_new(&session->helper) < 0 || nfbind_cthelper_new(&session->record) < 0 ||
	    nfbind_conntrack_new(&session->conntrack) < 0 || nfbind_ct_new(&session->ct) < 0 ||
	    nfbind_ct_new(&session->changes) < 0 || nfbind_exp_new(&session->exp) < 0 ||
	    nfbind_exp_new(&session->other) < 0)
		return -ENOMEM;
	return 0;
}

static void free_objects(struct session *session)
{
	nfbind_exp_free(session->other);
	nfbind_exp_free(session->exp);
	nfbind_ct_free(session->changes);
	nfbind_ct_free(session->ct);
	nfbind_conntrack_free(session->conntrack);
	nfbind_cthelper_free(session->record);
	nfbind_helper_free(session->helper);
}

int main(int argc, char **argv)
{
	struct session session = { 0 };
	int r, status = 1;

	r = read_arguments(&manual, argc, argv);
	if (queue_number > UINT16_MAX)
		return fail(NULL, "--queue", -ERANGE);
	if (make_objects(&session) < 0)
		fail(NULL, "starting", -ENOMEM);
	else if ((r = fill_record(session.record, r == 1 ? argv[0] : "ftp-nfbind")) < 0)
		fail(NULL, "the helper's name, or a number", r);
	else if ((r = open_helper(&session)) < 0)
		fail_helper(&session, "making the helper known", r);
	else if ((r = nfbind_conntrack_open(session.conntrack, NULL)) < 0)
		fail(NULL, "opening a session for questions", r);
	else
		status = serve(&session);
	free_objects(&session);
	return status;
}
