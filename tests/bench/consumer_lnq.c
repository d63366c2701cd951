/*
 * SPDX-License-Identifier: MIT
 *
 * The peer: libnetfilter_queue, used in the ways its users use it.
 *   classic   nfq_handle_packet and nfq_set_verdict, a packet at a time
 *   rewrite   the same, the verdict carries the changed packet
 *   modern    nfq_nlmsg_* over libmnl, a packet at a time
 *   expert    nfq_nlmsg_*, 64 verdicts packed by hand in one send: the best an
 *             expert gets out of the library, so that claims stay honest
 * Written from the public headers alone.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libnetfilter_queue/libnetfilter_queue.h>

#include "bench_common.h"

#define COPY_ALL 0xffff
#define DEFAULT_LENGTH 1024

static uint32_t max_length_of(const struct bench_worker *worker)
{
	return worker->options->max_length ? worker->options->max_length : DEFAULT_LENGTH;
}

/* --- classic ------------------------------------------------------------- */

/* Ordinary programs read into 4096 bytes; a GSO packet needs the large buffer. */
#define SMALL_BUFFER 4096
#define LARGE_BUFFER (0xffff + 4096)

struct classic {
	struct nfq_handle *handle;
	struct nfq_q_handle *queue;
	size_t buffer_size;
	char buffer[LARGE_BUFFER];
};

static uint32_t see_classic(struct bench_worker *worker, struct nfq_data *data,
			    unsigned char **ret_payload, uint32_t *ret_id)
{
	struct nfqnl_msg_packet_hdr *header = nfq_get_msg_packet_hdr(data);
	int len = nfq_get_payload(data, ret_payload);

	if (!header || len < 0) {
		worker->errors++;
		return 0;
	}
	*ret_id = ntohl(header->packet_id);
	bench_touch(worker, *ret_id, ntohs(header->hw_protocol), header->hook,
		    nfq_get_nfmark(data), *ret_payload, (uint32_t)len);
	return (uint32_t)len;
}

static int accept_classic(struct nfq_q_handle *queue, struct nfgenmsg *message,
			  struct nfq_data *data, void *worker)
{
	unsigned char *payload;
	uint32_t id = 0;

	(void)message;
	see_classic(worker, data, &payload, &id);
	return nfq_set_verdict(queue, id, NF_ACCEPT, 0, NULL);
}

static int rewrite_classic(struct nfq_q_handle *queue, struct nfgenmsg *message,
			   struct nfq_data *data, void *worker)
{
	unsigned char *payload = NULL;
	uint32_t id = 0, len = see_classic(worker, data, &payload, &id);

	(void)message;
	if (len)
		bench_rewrite(payload, len);
	return nfq_set_verdict(queue, id, NF_ACCEPT, len, payload);
}

static void close_classic(struct bench_worker *worker)
{
	struct classic *classic = worker->session;

	if (classic->queue)
		nfq_destroy_queue(classic->queue);
	if (classic->handle)
		nfq_close(classic->handle);
	free(classic);
}

static int bind_classic(struct bench_worker *worker, nfq_callback *callback)
{
	struct classic *classic = worker->session;

	classic->handle = nfq_open();
	if (!classic->handle)
		return -errno;
	classic->queue = nfq_create_queue(classic->handle, worker->queue, callback, worker);
	if (!classic->queue)
		return -errno;
	if (nfq_set_mode(classic->queue, NFQNL_COPY_PACKET, COPY_ALL) < 0)
		return -errno;
	if (nfq_set_queue_maxlen(classic->queue, max_length_of(worker)) < 0)
		return -errno;
	if (worker->options->gso &&
	    nfq_set_queue_flags(classic->queue, NFQA_CFG_F_GSO, NFQA_CFG_F_GSO) < 0)
		return -errno;
	worker->fd = nfq_fd(classic->handle);
	return 0;
}

static int open_with(struct bench_worker *worker, nfq_callback *callback)
{
	struct classic *classic = malloc(sizeof(*classic));
	int r;

	if (!classic)
		return -ENOMEM;
	classic->handle = NULL;
	classic->queue = NULL;
	classic->buffer_size = worker->options->gso ? LARGE_BUFFER : SMALL_BUFFER;
	worker->session = classic;
	r = bind_classic(worker, callback);
	if (r < 0)
		close_classic(worker);
	return r;
}

static int open_classic(struct bench_worker *worker)
{
	return open_with(worker, accept_classic);
}

static int open_rewrite(struct bench_worker *worker)
{
	return open_with(worker, rewrite_classic);
}

static int drain_classic(struct bench_worker *worker)
{
	struct classic *classic = worker->session;
	int r = 0;

	while (r == 0 && !bench_done(worker)) {
		ssize_t len = recv(worker->fd, classic->buffer, classic->buffer_size, 0);

		if (len < 0)
			r = bench_receive_failed(worker, errno);
		else
			nfq_handle_packet(classic->handle, classic->buffer, (int)len);
	}
	return r;
}

/* --- modern and expert --------------------------------------------------- */

#define VERDICT_ROOM 64 /* a verdict without payload or mark takes 32 */

struct modern {
	struct mnl_socket *socket;
	size_t staged_len;
	unsigned int staged;
	char verdicts[BENCH_BATCH * VERDICT_ROOM];
	char buffer[LARGE_BUFFER];
};

static int see_modern(struct bench_worker *worker, const struct nlmsghdr *message,
		      uint32_t *ret_id)
{
	struct nlattr *attrs[NFQA_MAX + 1] = { NULL };
	struct nfqnl_msg_packet_hdr *header;
	uint32_t mark = 0;

	if (nfq_nlmsg_parse(message, attrs) < 0 || !attrs[NFQA_PACKET_HDR] ||
	    !attrs[NFQA_PAYLOAD]) {
		worker->errors++;
		return -1;
	}
	header = mnl_attr_get_payload(attrs[NFQA_PACKET_HDR]);
	if (attrs[NFQA_MARK])
		mark = ntohl(mnl_attr_get_u32(attrs[NFQA_MARK]));
	*ret_id = ntohl(header->packet_id);
	bench_touch(worker, *ret_id, ntohs(header->hw_protocol), header->hook, mark,
		    mnl_attr_get_payload(attrs[NFQA_PAYLOAD]),
		    mnl_attr_get_payload_len(attrs[NFQA_PAYLOAD]));
	return 0;
}

static int accept_modern(const struct nlmsghdr *message, void *data)
{
	char buffer[VERDICT_ROOM];
	struct bench_worker *worker = data;
	struct modern *modern = worker->session;
	struct nlmsghdr *verdict;
	uint32_t id;

	if (see_modern(worker, message, &id) < 0)
		return MNL_CB_OK;
	verdict = nfq_nlmsg_put(buffer, NFQNL_MSG_VERDICT, worker->queue);
	nfq_nlmsg_verdict_put(verdict, (int)id, NF_ACCEPT);
	if (mnl_socket_sendto(modern->socket, verdict, verdict->nlmsg_len) < 0)
		return MNL_CB_ERROR;
	return MNL_CB_OK;
}

static int stage_expert(const struct nlmsghdr *message, void *data)
{
	struct bench_worker *worker = data;
	struct modern *modern = worker->session;
	struct nlmsghdr *verdict;
	uint32_t id;

	if (see_modern(worker, message, &id) < 0)
		return MNL_CB_OK;
	verdict = nfq_nlmsg_put(modern->verdicts + modern->staged_len, NFQNL_MSG_VERDICT,
				worker->queue);
	nfq_nlmsg_verdict_put(verdict, (int)id, NF_ACCEPT);
	modern->staged_len += verdict->nlmsg_len;
	modern->staged++;
	return MNL_CB_OK;
}

static int send_staged(struct modern *modern)
{
	size_t len = modern->staged_len;

	modern->staged_len = 0;
	modern->staged = 0;
	if (len && mnl_socket_sendto(modern->socket, modern->verdicts, len) < 0)
		return -errno;
	return 0;
}

static int drain_modern(struct bench_worker *worker)
{
	struct modern *modern = worker->session;
	unsigned int port = mnl_socket_get_portid(modern->socket);
	int r = 0;

	while (r == 0 && !bench_done(worker)) {
		ssize_t len = mnl_socket_recvfrom(modern->socket, modern->buffer,
						  sizeof(modern->buffer));

		if (len < 0)
			r = bench_receive_failed(worker, errno);
		else if (mnl_cb_run(modern->buffer, (size_t)len, 0, port, accept_modern, worker) < 0)
			r = -errno;
	}
	return r;
}

/* Verdicts wait only while packets are waiting too. */
static ssize_t receive_expert(struct bench_worker *worker)
{
	struct modern *modern = worker->session;
	int flags = modern->staged ? MSG_DONTWAIT : 0;
	ssize_t len = recv(worker->fd, modern->buffer, sizeof(modern->buffer), flags);
	int r;

	if (len >= 0)
		return len;
	if (modern->staged && errno == EAGAIN)
		r = send_staged(modern);
	else
		r = bench_receive_failed(worker, errno);
	return r;
}

static int drain_expert(struct bench_worker *worker)
{
	struct modern *modern = worker->session;
	unsigned int port = mnl_socket_get_portid(modern->socket);
	int r = 0;

	while (r == 0 && !bench_done(worker)) {
		ssize_t len = receive_expert(worker);

		if (len < 0)
			return (int)len;
		if (len > 0 && mnl_cb_run(modern->buffer, (size_t)len, 0, port, stage_expert,
					  worker) < 0)
			return -errno;
		if (modern->staged == BENCH_BATCH)
			r = send_staged(modern);
	}
	return r < 0 ? r : send_staged(modern);
}

static int send_config(struct modern *modern, struct nlmsghdr *message)
{
	return mnl_socket_sendto(modern->socket, message, message->nlmsg_len) < 0 ? -errno : 0;
}

static int bind_modern(struct bench_worker *worker)
{
	struct modern *modern = worker->session;
	char *buffer = modern->buffer;
	struct nlmsghdr *message;
	int r;

	if (mnl_socket_bind(modern->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	message = nfq_nlmsg_put(buffer, NFQNL_MSG_CONFIG, worker->queue);
	nfq_nlmsg_cfg_put_cmd(message, AF_INET, NFQNL_CFG_CMD_BIND);
	r = send_config(modern, message);
	if (r < 0)
		return r;
	message = nfq_nlmsg_put(buffer, NFQNL_MSG_CONFIG, worker->queue);
	nfq_nlmsg_cfg_put_params(message, NFQNL_COPY_PACKET, COPY_ALL);
	nfq_nlmsg_cfg_put_qmaxlen(message, max_length_of(worker));
	return send_config(modern, message);
}

static void close_modern(struct bench_worker *worker)
{
	struct modern *modern = worker->session;

	mnl_socket_close(modern->socket);
	free(modern);
}

static int open_modern(struct bench_worker *worker)
{
	struct modern *modern = malloc(sizeof(*modern));
	int r;

	if (!modern)
		return -ENOMEM;
	modern->staged_len = 0;
	modern->staged = 0;
	worker->session = modern;
	modern->socket = mnl_socket_open(NETLINK_NETFILTER);
	if (!modern->socket) {
		free(modern);
		return -errno;
	}
	worker->fd = mnl_socket_get_fd(modern->socket);
	r = bind_modern(worker);
	if (r < 0)
		close_modern(worker);
	return r;
}

static const struct bench_mode modes[] = {
	{ "classic", open_classic, drain_classic, close_classic },
	{ "rewrite", open_rewrite, drain_classic, close_classic },
	{ "modern", open_modern, drain_modern, close_modern },
	{ "expert", open_modern, drain_expert, close_modern },
	{ NULL, NULL, NULL, NULL },
};

int main(int argc, char **argv)
{
	return bench_main(argc, argv, modes);
}
