/*
 * SPDX-License-Identifier: MIT
 *
 * The limit: NFQUEUE on a bare netlink socket, no library at all. Each mode is
 * the fastest loop known for one kind of verdict, and reads the same bytes of
 * every packet as the other consumers do:
 *   packed     recvmmsg of 64, 64 verdict messages in one send
 *   coalesced  recvmmsg of 64, one VERDICT_BATCH for all
 *   rewrite    as packed, each verdict carries the changed packet back
 *   single     one recv and one send per packet
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench_common.h"

/* A packet at mtu 1500 with its attributes fits; GSO is not for this program. */
#define BUFFER_SIZE 2048
#define COPY_ALL 0xffff
#define VERDICT_TYPE ((NFNL_SUBSYS_QUEUE << 8) | NFQNL_MSG_VERDICT)
#define BATCH_TYPE ((NFNL_SUBSYS_QUEUE << 8) | NFQNL_MSG_VERDICT_BATCH)
#define CONFIG_TYPE ((NFNL_SUBSYS_QUEUE << 8) | NFQNL_MSG_CONFIG)
#define PACKET_TYPE ((NFNL_SUBSYS_QUEUE << 8) | NFQNL_MSG_PACKET)

struct verdict {
	struct nlmsghdr header;
	struct nfgenmsg family;
	struct nlattr attr;
	struct nfqnl_msg_verdict_hdr body;
};

/* A verdict that carries its packet: only the payload's header follows. */
struct rewrite {
	struct verdict verdict;
	struct nlattr payload;
};

struct raw {
	struct mmsghdr messages[BENCH_BATCH];
	struct iovec parts[BENCH_BATCH];
	struct verdict verdicts[BENCH_BATCH];
	struct rewrite rewrites[BENCH_BATCH];
	struct iovec packet_parts[BENCH_BATCH * 3];
	unsigned int staged;
	uint8_t buffers[BENCH_BATCH][BUFFER_SIZE];
};

struct seen {
	uint32_t id;
	uint32_t mark;
	uint16_t hw_protocol;
	uint8_t hook;
	uint8_t *payload;
	uint32_t payload_len;
};

static void read_attribute(struct seen *seen, unsigned int type, uint8_t *data, uint32_t len)
{
	struct nfqnl_msg_packet_hdr header;

	switch (type) {
	case NFQA_PACKET_HDR:
		memcpy(&header, data, sizeof(header));
		seen->id = ntohl(header.packet_id);
		seen->hw_protocol = ntohs(header.hw_protocol);
		seen->hook = header.hook;
		break;
	case NFQA_MARK:
		memcpy(&seen->mark, data, sizeof(seen->mark));
		seen->mark = ntohl(seen->mark);
		break;
	case NFQA_PAYLOAD:
		seen->payload = data;
		seen->payload_len = len;
		break;
	}
}

/* False for what is no packet: an error report for an earlier verdict. */
static bool read_packet(struct seen *seen, uint8_t *message, size_t len)
{
	const struct nlmsghdr *header = (const void *)message;
	size_t at = NLMSG_HDRLEN + sizeof(struct nfgenmsg);

	if (len < at || header->nlmsg_len > len || header->nlmsg_type != PACKET_TYPE)
		return false;
	*seen = (struct seen){ 0 };
	while (at + NLA_HDRLEN <= header->nlmsg_len) {
		const struct nlattr *attr = (const void *)(message + at);

		if (attr->nla_len < NLA_HDRLEN || at + attr->nla_len > header->nlmsg_len)
			return false;
		read_attribute(seen, attr->nla_type & NLA_TYPE_MASK, message + at + NLA_HDRLEN,
			       attr->nla_len - NLA_HDRLEN);
		at += NLA_ALIGN(attr->nla_len);
	}
	return seen->payload;
}

static bool see(struct bench_worker *worker, struct seen *seen, uint8_t *message, size_t len)
{
	if (!read_packet(seen, message, len)) {
		worker->errors++;
		return false;
	}
	bench_touch(worker, seen->id, seen->hw_protocol, seen->hook, seen->mark, seen->payload,
		    seen->payload_len);
	return true;
}

/* --- verdicts ------------------------------------------------------------ */

static struct verdict verdict_for(uint16_t queue, unsigned int type)
{
	return (struct verdict){
		.header = { .nlmsg_len = sizeof(struct verdict),
			    .nlmsg_type = (uint16_t)type,
			    .nlmsg_flags = NLM_F_REQUEST },
		.family = { .version = NFNETLINK_V0, .res_id = htons(queue) },
		.attr = { .nla_len = NLA_HDRLEN + sizeof(struct nfqnl_msg_verdict_hdr),
			  .nla_type = NFQA_VERDICT_HDR },
		.body = { .verdict = htonl(NF_ACCEPT) },
	};
}

static void prepare_verdicts(struct raw *raw, uint16_t queue, unsigned int type)
{
	for (int i = 0; i < BENCH_BATCH; i++) {
		raw->verdicts[i] = verdict_for(queue, type);
		raw->rewrites[i].verdict = verdict_for(queue, type);
		raw->rewrites[i].payload.nla_type = NFQA_PAYLOAD;
	}
}

static int send_verdicts(struct bench_worker *worker, unsigned int count)
{
	struct raw *raw = worker->session;
	size_t len = count * sizeof(struct verdict);

	if (count && send(worker->fd, raw->verdicts, len, 0) < 0)
		return -errno;
	return 0;
}

static int send_rewrites(struct bench_worker *worker, unsigned int count)
{
	struct raw *raw = worker->session;
	struct msghdr message = { .msg_iov = raw->packet_parts, .msg_iovlen = count * 3 };

	if (count && sendmsg(worker->fd, &message, 0) < 0)
		return -errno;
	return 0;
}

/* The packet goes back straight from the receive buffer, without a copy here. */
static void stage_rewrite(struct raw *raw, unsigned int at, const struct seen *seen)
{
	static uint8_t padding[NLA_ALIGNTO];
	struct rewrite *rewrite = &raw->rewrites[at];
	struct iovec *parts = &raw->packet_parts[at * 3];
	uint32_t attr_len = NLA_HDRLEN + seen->payload_len;

	rewrite->verdict.body.id = htonl(seen->id);
	rewrite->verdict.header.nlmsg_len = (uint32_t)sizeof(*rewrite) + NLA_ALIGN(seen->payload_len);
	rewrite->payload.nla_len = (uint16_t)attr_len;
	parts[0] = (struct iovec){ rewrite, sizeof(*rewrite) };
	parts[1] = (struct iovec){ seen->payload, seen->payload_len };
	parts[2] = (struct iovec){ padding, NLA_ALIGN(attr_len) - attr_len };
}

/* --- loops --------------------------------------------------------------- */

static int receive_batch(struct bench_worker *worker)
{
	struct raw *raw = worker->session;
	int count = recvmmsg(worker->fd, raw->messages, BENCH_BATCH, MSG_WAITFORONE, NULL);

	return count < 0 ? bench_receive_failed(worker, errno) : count;
}

typedef unsigned int stage_fn(struct raw *raw, unsigned int staged, struct seen *seen);
typedef int send_fn(struct bench_worker *worker, unsigned int count);

static int drain_batches(struct bench_worker *worker, stage_fn *stage, send_fn *send_staged)
{
	struct raw *raw = worker->session;
	struct seen seen;
	int count, r = 0;

	while (r == 0 && !bench_done(worker)) {
		unsigned int staged = 0;

		count = receive_batch(worker);
		if (count < 0)
			return count;
		for (int i = 0; i < count; i++)
			if (see(worker, &seen, raw->buffers[i], raw->messages[i].msg_len))
				staged = stage(raw, staged, &seen);
		r = send_staged(worker, staged);
	}
	return r;
}

static unsigned int stage_packed(struct raw *raw, unsigned int staged, struct seen *seen)
{
	raw->verdicts[staged].body.id = htonl(seen->id);
	return staged + 1;
}

static int drain_packed(struct bench_worker *worker)
{
	prepare_verdicts(worker->session, worker->queue, VERDICT_TYPE);
	return drain_batches(worker, stage_packed, send_verdicts);
}

/* The newest id stands for all before it: nothing older is ever held here. */
static unsigned int stage_coalesced(struct raw *raw, unsigned int staged, struct seen *seen)
{
	(void)staged;
	raw->verdicts[0].body.id = htonl(seen->id);
	return 1;
}

static int drain_coalesced(struct bench_worker *worker)
{
	prepare_verdicts(worker->session, worker->queue, BATCH_TYPE);
	return drain_batches(worker, stage_coalesced, send_verdicts);
}

static unsigned int stage_changed(struct raw *raw, unsigned int staged, struct seen *seen)
{
	bench_rewrite(seen->payload, seen->payload_len);
	stage_rewrite(raw, staged, seen);
	return staged + 1;
}

static int drain_rewrite(struct bench_worker *worker)
{
	prepare_verdicts(worker->session, worker->queue, VERDICT_TYPE);
	return drain_batches(worker, stage_changed, send_rewrites);
}

/* Read as a batch, but every verdict in a send of its own. */
static int drain_single(struct bench_worker *worker)
{
	struct raw *raw = worker->session;
	struct seen seen;
	int count, r = 0;

	prepare_verdicts(raw, worker->queue, VERDICT_TYPE);
	while (r == 0 && !bench_done(worker)) {
		count = receive_batch(worker);
		if (count < 0)
			return count;
		for (int i = 0; i < count && r == 0; i++)
			if (see(worker, &seen, raw->buffers[i], raw->messages[i].msg_len))
				r = send_verdicts(worker, stage_packed(raw, 0, &seen));
	}
	return r;
}

static int drain_one(struct bench_worker *worker)
{
	struct raw *raw = worker->session;
	struct seen seen;
	ssize_t len;
	int r = 0;

	prepare_verdicts(raw, worker->queue, VERDICT_TYPE);
	while (r == 0 && !bench_done(worker)) {
		len = recv(worker->fd, raw->buffers[0], BUFFER_SIZE, 0);
		if (len < 0)
			r = bench_receive_failed(worker, errno);
		else if (see(worker, &seen, raw->buffers[0], (size_t)len))
			r = send_verdicts(worker, stage_packed(raw, 0, &seen));
	}
	return r;
}

/* --- open and close ------------------------------------------------------ */

struct config {
	struct nlmsghdr header;
	struct nfgenmsg family;
	struct nlattr command_attr;
	struct nfqnl_msg_config_cmd command;
	struct nlattr length_attr;
	uint32_t length;
	struct nlattr params_attr;
	struct nfqnl_msg_config_params params;
	uint8_t padding[3];
};

#define ATTR(type, data) { NLA_HDRLEN + sizeof(data), type }

/* One message binds and configures: there is no moment without a copy mode. */
static int send_config(const struct bench_worker *worker)
{
	uint32_t length = worker->options->max_length ? worker->options->max_length : 1024;
	struct config config = {
		.header = { .nlmsg_len = sizeof(config), .nlmsg_type = CONFIG_TYPE,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.family = { .version = NFNETLINK_V0, .res_id = htons(worker->queue) },
		.command_attr = ATTR(NFQA_CFG_CMD, config.command),
		.command = { .command = NFQNL_CFG_CMD_BIND },
		.length_attr = ATTR(NFQA_CFG_QUEUE_MAXLEN, config.length),
		.length = htonl(length),
		.params_attr = ATTR(NFQA_CFG_PARAMS, config.params),
		.params = { .copy_range = htonl(COPY_ALL), .copy_mode = NFQNL_COPY_PACKET },
	};

	return send(worker->fd, &config, sizeof(config), 0) < 0 ? -errno : 0;
}

static int receive_ack(int fd)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		uint8_t echo[256];
	} answer = { 0 };

	if (recv(fd, &answer, sizeof(answer), 0) < 0)
		return -errno;
	return answer.header.nlmsg_type == NLMSG_ERROR ? answer.error.error : -EBADMSG;
}

static int bind_queue(struct bench_worker *worker)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	int r;

	if (bind(worker->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	r = send_config(worker);
	return r < 0 ? r : receive_ack(worker->fd);
}

static void point_at_buffers(struct raw *raw)
{
	for (int i = 0; i < BENCH_BATCH; i++) {
		raw->parts[i] = (struct iovec){ raw->buffers[i], BUFFER_SIZE };
		raw->messages[i].msg_hdr = (struct msghdr){ .msg_iov = &raw->parts[i],
							    .msg_iovlen = 1 };
	}
}

static void close_raw(struct bench_worker *worker)
{
	close(worker->fd);
	free(worker->session);
}

static int open_raw(struct bench_worker *worker)
{
	struct raw *raw = malloc(sizeof(*raw));
	int r;

	worker->session = raw;
	worker->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (!raw || worker->fd < 0) {
		free(raw);
		return -errno;
	}
	point_at_buffers(raw);
	r = bind_queue(worker);
	if (r < 0)
		close_raw(worker);
	return r;
}

static const struct bench_mode modes[] = {
	{ "packed", open_raw, drain_packed, close_raw },
	{ "coalesced", open_raw, drain_coalesced, close_raw },
	{ "rewrite", open_raw, drain_rewrite, close_raw },
	{ "single", open_raw, drain_single, close_raw },
	{ "one", open_raw, drain_one, close_raw },
	{ NULL, NULL, NULL, NULL },
};

int main(int argc, char **argv)
{
	return bench_main(argc, argv, modes);
}
