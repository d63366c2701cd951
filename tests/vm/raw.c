/* SPDX-License-Identifier: MIT */
/*
 * The few lines of netlink that tests/vm needs, see raw.h. Lengths are taken from the kernel on trust
 * here: the peer is a kernel under test, and a wrong length shows as a failed test soon enough.
 */
#define _GNU_SOURCE
#include "raw.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/netfilter/nfnetlink_cthelper.h>
#include <linux/netfilter/nfnetlink_queue.h>

static void *append(struct raw_message *m, size_t len)
{
	size_t at = NLMSG_ALIGN(m->header.nlmsg_len);

	if (at + NLMSG_ALIGN(len) > sizeof(m->bytes)) {
		fprintf(stderr, "a test's message does not fit its buffer\n");
		abort();
	}
	m->header.nlmsg_len = at + len;
	return m->bytes + at;
}

void raw_begin(struct raw_message *m, int type, int flags, int family, int resource)
{
	struct nfgenmsg *general;

	memset(m, 0, sizeof(*m));
	m->header.nlmsg_len = NLMSG_HDRLEN;
	m->header.nlmsg_type = type;
	m->header.nlmsg_flags = NLM_F_REQUEST | flags;
	general = append(m, sizeof(*general));
	general->nfgen_family = family;
	general->version = NFNETLINK_V0;
	general->res_id = htons(resource);
}

void raw_put(struct raw_message *m, int type, const void *data, size_t data_len)
{
	struct nlattr *attribute = append(m, NLA_HDRLEN + data_len);

	attribute->nla_type = type;
	attribute->nla_len = NLA_HDRLEN + data_len;
	if (data_len)
		memcpy((char *)attribute + NLA_HDRLEN, data, data_len);
}

void raw_put_text(struct raw_message *m, int type, const char *text)
{
	raw_put(m, type, text, strlen(text) + 1);
}

void raw_put_u8(struct raw_message *m, int type, uint8_t value)
{
	raw_put(m, type, &value, sizeof(value));
}

void raw_put_be16(struct raw_message *m, int type, uint16_t value)
{
	value = htons(value);
	raw_put(m, type, &value, sizeof(value));
}

void raw_put_be32(struct raw_message *m, int type, uint32_t value)
{
	value = htonl(value);
	raw_put(m, type, &value, sizeof(value));
}

size_t raw_open_nest(struct raw_message *m, int type)
{
	size_t at = NLMSG_ALIGN(m->header.nlmsg_len);

	raw_put(m, type | NLA_F_NESTED, NULL, 0);
	return at;
}

void raw_close_nest(struct raw_message *m, size_t nest)
{
	struct nlattr *attribute = (struct nlattr *)(m->bytes + nest);

	attribute->nla_len = m->header.nlmsg_len - nest;
}

int raw_open(struct raw_socket *s, uint32_t groups)
{
	struct sockaddr_nl own = { .nl_family = AF_NETLINK, .nl_groups = groups };
	int on = 1;

	s->sequence = 0;
	s->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (s->fd < 0)
		return -errno;
	/* as a careful program has them: an error without the request in it, but with words */
	setsockopt(s->fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	setsockopt(s->fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	if (bind(s->fd, (struct sockaddr *)&own, sizeof(own)) == 0)
		return 0;
	close(s->fd);
	return -errno;
}

int raw_send(struct raw_socket *s, struct raw_message *m)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	m->header.nlmsg_seq = ++s->sequence;
	if (sendto(s->fd, m->bytes, m->header.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	return 0;
}

ssize_t raw_receive(struct raw_socket *s, void *data, size_t data_size, int milliseconds)
{
	struct pollfd ready = { .fd = s->fd, .events = POLLIN };
	ssize_t len;

	if (poll(&ready, 1, milliseconds) <= 0)
		return -ETIMEDOUT;
	len = recv(s->fd, data, data_size, 0);
	return len < 0 ? -errno : len;
}

int raw_ask(struct raw_socket *s, struct raw_message *m)
{
	static _Alignas(struct nlmsghdr) char data[RAW_DATAGRAM_SIZE];
	const struct nlmsghdr *answer = (const struct nlmsghdr *)data;
	ssize_t len;
	int r;

	m->header.nlmsg_flags |= NLM_F_ACK;
	r = raw_send(s, m);
	if (r < 0)
		return r;
	do {
		len = raw_receive(s, data, sizeof(data), 2000);
		if (len < 0)
			return len;
	} while (answer->nlmsg_type != NLMSG_ERROR || answer->nlmsg_seq != s->sequence);
	return *(const int *)NLMSG_DATA(answer);
}

int raw_bind_queue(struct raw_socket *s, uint16_t queue, int mode, uint32_t range, uint32_t flags)
{
	struct nfqnl_msg_config_params params = { .copy_range = htonl(range), .copy_mode = mode };
	struct nfqnl_msg_config_cmd command = { .command = NFQNL_CFG_CMD_BIND };
	struct raw_message m;

	raw_begin(&m, NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_CONFIG, 0, AF_UNSPEC, queue);
	raw_put(&m, NFQA_CFG_CMD, &command, sizeof(command));
	raw_put(&m, NFQA_CFG_PARAMS, &params, sizeof(params));
	raw_put_be32(&m, NFQA_CFG_FLAGS, flags);
	raw_put_be32(&m, NFQA_CFG_MASK, flags);
	return raw_ask(s, &m);
}

void raw_begin_verdict(struct raw_message *m, uint16_t queue, uint32_t id, uint32_t verdict)
{
	struct nfqnl_msg_verdict_hdr header = { .verdict = htonl(verdict), .id = htonl(id) };

	raw_begin(m, NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT, 0, AF_UNSPEC, queue);
	raw_put(m, NFQA_VERDICT_HDR, &header, sizeof(header));
}

static void put_policy(struct raw_message *m)
{
	size_t all = raw_open_nest(m, NFCTH_POLICY), one;

	raw_put_be32(m, NFCTH_POLICY_SET_NUM, 1);
	one = raw_open_nest(m, NFCTH_POLICY_SET1);
	raw_put_text(m, NFCTH_POLICY_NAME, "speech");
	raw_put_be32(m, NFCTH_POLICY_EXPECT_MAX, 4);
	raw_put_be32(m, NFCTH_POLICY_EXPECT_TIMEOUT, 300);
	raw_close_nest(m, one);
	raw_close_nest(m, all);
}

int raw_make_helper(struct raw_socket *s, const char *name, uint16_t queue)
{
	struct raw_message m;
	size_t tuple;

	raw_begin(&m, NFNL_SUBSYS_CTHELPER << 8 | NFNL_MSG_CTHELPER_NEW, NLM_F_CREATE | NLM_F_EXCL, AF_UNSPEC, 0);
	raw_put_text(&m, NFCTH_NAME, name);
	tuple = raw_open_nest(&m, NFCTH_TUPLE);
	raw_put_be16(&m, NFCTH_TUPLE_L3PROTONUM, AF_INET);
	raw_put_u8(&m, NFCTH_TUPLE_L4PROTONUM, IPPROTO_UDP);
	raw_close_nest(&m, tuple);
	raw_put_be32(&m, NFCTH_QUEUE_NUM, queue);
	raw_put_be32(&m, NFCTH_PRIV_DATA_LEN, 16);
	/* a helper whose status was never set lets every packet pass */
	raw_put_be32(&m, NFCTH_STATUS, NFCT_HELPER_STATUS_ENABLED);
	put_policy(&m);
	return raw_ask(s, &m);
}

static const struct nlattr *find(const char *data, size_t len, int type)
{
	const struct nlattr *attribute;
	size_t at;

	for (at = 0; at + NLA_HDRLEN <= len; at += NLA_ALIGN(attribute->nla_len)) {
		attribute = (const struct nlattr *)(data + at);
		if (attribute->nla_len < NLA_HDRLEN)
			return NULL;
		if ((attribute->nla_type & NLA_TYPE_MASK) == type)
			return attribute;
	}
	return NULL;
}

const struct nlattr *raw_attribute(const struct nlmsghdr *header, int type)
{
	size_t before = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nfgenmsg));

	if (header->nlmsg_len < before)
		return NULL;
	return find((const char *)header + before, header->nlmsg_len - before, type);
}

const struct nlattr *raw_inside(const struct nlattr *nest, int type)
{
	return nest ? find(raw_data(nest), raw_size(nest), type) : NULL;
}

const void *raw_data(const struct nlattr *attribute)
{
	return (const char *)attribute + NLA_HDRLEN;
}

size_t raw_size(const struct nlattr *attribute)
{
	return attribute->nla_len - NLA_HDRLEN;
}

bool raw_is_packet(const struct nlmsghdr *header)
{
	return header->nlmsg_type == (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET);
}

uint32_t raw_packet_id(const struct nlmsghdr *header)
{
	const struct nlattr *attribute = raw_attribute(header, NFQA_PACKET_HDR);
	struct nfqnl_msg_packet_hdr packet;

	if (!attribute)
		return 0;
	memcpy(&packet, raw_data(attribute), sizeof(packet));
	return ntohl(packet.packet_id);
}

int raw_shell(const char *commands)
{
	int status;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child == 0) {
		execl("/bin/sh", "sh", "-ec", commands, (char *)NULL);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
