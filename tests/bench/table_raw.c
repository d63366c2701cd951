/*
 * SPDX-License-Identifier: MIT
 *
 * The limit: the least that a program can do on a netlink socket, written for these
 * very requests and this very order of attributes. No library, and no check that a
 * careful one would not have to make better.
 *   dump, filtered             all attributes into a struct, 32 KiB at a time
 *   create, change, remove     packed, the last acknowledged
 *   one-create ...             one request and one acknowledgement each
 *   events                     recvmmsg, all attributes into a struct
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>

#include "table_common.h"

#define REQUEST_MAX 512
#define DUMP_ROOM 32768
#define EVENTS_AT_ONCE 64
#define EVENT_ROOM 1024

struct own {
	int fd;
	uint8_t room[TABLE_BATCH * REQUEST_MAX];
	uint8_t events[EVENTS_AT_ONCE][EVENT_ROOM];
};

/* --- open and close ------------------------------------------------------ */

static void close_own(struct run *run)
{
	struct own *own = run->session;

	close(own->fd);
	free(own);
}

static int open_groups(struct run *run, uint32_t groups)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = groups };
	struct own *own = run->session = calloc(1, sizeof(*own));

	if (!own)
		return -ENOMEM;
	own->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (own->fd >= 0 && bind(own->fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return 0;
	return -errno;
}

static int open_plain(struct run *run)
{
	return open_groups(run, 0);
}

static int open_events(struct run *run)
{
	int r = open_groups(run, 1u << (NFNLGRP_CONNTRACK_NEW - 1) |
					 1u << (NFNLGRP_CONNTRACK_DESTROY - 1));

	if (r == 0)
		table_tune(run, ((struct own *)run->session)->fd);
	return r;
}

/* --- reading ------------------------------------------------------------- */

struct entry {
	struct seen seen;
	uint32_t id, use;
	uint8_t wscale[2], flags[2][2];
};

#define EACH(attribute, data, len) \
	(const struct nlattr *attribute = (const void *)(data), \
	 *end_##attribute = (const void *)((const uint8_t *)(data) + (len)); \
	 (const uint8_t *)attribute + 4 <= (const uint8_t *)end_##attribute; \
	 attribute = (const void *)((const uint8_t *)attribute + NLA_ALIGN(attribute->nla_len)))
#define TYPE(attribute) ((attribute)->nla_type & NLA_TYPE_MASK)
#define DATA(attribute) ((const uint8_t *)(attribute) + 4)
#define LEN(attribute) ((attribute)->nla_len - 4)

static uint16_t u16(const struct nlattr *attribute)
{
	return be16toh(*(const uint16_t *)(const void *)DATA(attribute));
}

static uint32_t u32(const struct nlattr *attribute)
{
	return be32toh(*(const uint32_t *)(const void *)DATA(attribute));
}

static uint64_t u64(const struct nlattr *attribute)
{
	uint64_t value;

	memcpy(&value, DATA(attribute), sizeof(value));
	return be64toh(value);
}

static void parse_tuple(const struct nlattr *tuple, uint32_t *src, uint32_t *dst,
			uint16_t *port_src, uint16_t *port_dst, uint8_t *l4proto)
{
	for EACH(part, DATA(tuple), LEN(tuple)) {
		for EACH(leaf, DATA(part), LEN(part)) {
			if (TYPE(part) == CTA_TUPLE_IP) {
				if (TYPE(leaf) == CTA_IP_V4_SRC)
					*src = u32(leaf);
				else if (TYPE(leaf) == CTA_IP_V4_DST)
					*dst = u32(leaf);
			} else if (TYPE(leaf) == CTA_PROTO_NUM) {
				*l4proto = *DATA(leaf);
			} else if (TYPE(leaf) == CTA_PROTO_SRC_PORT) {
				*port_src = u16(leaf);
			} else if (TYPE(leaf) == CTA_PROTO_DST_PORT) {
				*port_dst = u16(leaf);
			}
		}
	}
}

static void parse_counters(const struct nlattr *counters, uint64_t *packets, uint64_t *bytes)
{
	for EACH(leaf, DATA(counters), LEN(counters)) {
		if (TYPE(leaf) == CTA_COUNTERS_PACKETS)
			*packets = u64(leaf);
		else if (TYPE(leaf) == CTA_COUNTERS_BYTES)
			*bytes = u64(leaf);
	}
}

static void parse_tcp(const struct nlattr *info, struct entry *entry)
{
	for EACH(tcp, DATA(info), LEN(info)) {
		for EACH(leaf, DATA(tcp), LEN(tcp)) {
			switch (TYPE(leaf)) {
			case CTA_PROTOINFO_TCP_STATE:
				entry->seen.tcp_state = *DATA(leaf);
				break;
			case CTA_PROTOINFO_TCP_WSCALE_ORIGINAL:
			case CTA_PROTOINFO_TCP_WSCALE_REPLY:
				entry->wscale[TYPE(leaf) - CTA_PROTOINFO_TCP_WSCALE_ORIGINAL] = *DATA(leaf);
				break;
			case CTA_PROTOINFO_TCP_FLAGS_ORIGINAL:
			case CTA_PROTOINFO_TCP_FLAGS_REPLY:
				memcpy(entry->flags[TYPE(leaf) - CTA_PROTOINFO_TCP_FLAGS_ORIGINAL],
				       DATA(leaf), 2);
				break;
			}
		}
	}
}

static void parse_entry(const struct nlmsghdr *message, struct entry *entry)
{
	struct seen *seen = &entry->seen;
	uint8_t l4proto;

	for EACH(top, (const uint8_t *)message + NLMSG_LENGTH(4), message->nlmsg_len - NLMSG_LENGTH(4)) {
		switch (TYPE(top)) {
		case CTA_TUPLE_ORIG:
			parse_tuple(top, &seen->src, &seen->dst, &seen->port_src, &seen->port_dst,
				    &seen->l4proto);
			break;
		case CTA_TUPLE_REPLY:
			parse_tuple(top, &seen->reply_src, &seen->reply_dst, &seen->reply_port_src,
				    &seen->reply_port_dst, &l4proto);
			break;
		case CTA_STATUS:
			seen->status = u32(top);
			break;
		case CTA_TIMEOUT:
			seen->timeout = u32(top);
			break;
		case CTA_MARK:
			seen->mark = u32(top);
			break;
		case CTA_COUNTERS_ORIG:
			parse_counters(top, &seen->packets, &seen->bytes);
			break;
		case CTA_COUNTERS_REPLY:
			parse_counters(top, &seen->reply_packets, &seen->reply_bytes);
			break;
		case CTA_PROTOINFO:
			parse_tcp(top, entry);
			break;
		case CTA_ID:
			entry->id = u32(top);
			break;
		case CTA_USE:
			entry->use = u32(top);
			break;
		}
	}
}

/* 1 at the end of a list. */
static int see_all(struct run *run, const uint8_t *data, size_t len)
{
	const struct nlmsghdr *message = (const void *)data;
	int left = (int)len;

	for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
		struct entry entry = { 0 };

		if (message->nlmsg_type == NLMSG_DONE)
			return 1;
		if (message->nlmsg_type == NLMSG_ERROR)
			return -EPROTO;
		parse_entry(message, &entry);
		table_see(run, &entry.seen);
	}
	return 0;
}

static uint8_t *put(uint8_t *at, uint16_t type, const void *data, size_t len)
{
	const struct nlattr header = { .nla_len = (uint16_t)(4 + len), .nla_type = type };

	memcpy(at, &header, 4);
	memcpy(at + 4, data, len);
	memset(at + 4 + len, 0, NLA_ALIGN(len) - len);
	return at + 4 + NLA_ALIGN(len);
}

static uint8_t *put_u32(uint8_t *at, uint16_t type, uint32_t value)
{
	value = htonl(value);
	return put(at, type, &value, 4);
}

static struct nlmsghdr *start(uint8_t *at, uint16_t type, uint16_t flags, uint32_t sequence)
{
	struct nlmsghdr *message = (void *)at;
	struct nfgenmsg *header = (void *)(at + NLMSG_HDRLEN);

	*message = (struct nlmsghdr){ .nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type),
				      .nlmsg_flags = NLM_F_REQUEST | flags, .nlmsg_seq = sequence };
	*header = (struct nfgenmsg){ .nfgen_family = AF_INET };
	return message;
}

static int dump_filtered(struct run *run, bool is_filtered)
{
	struct own *own = run->session;
	struct nlmsghdr *message = start(own->room, IPCTNL_MSG_CT_GET, NLM_F_DUMP, 1);
	uint8_t *end = own->room + NLMSG_LENGTH(4);
	ssize_t len;
	int r = 0;

	if (is_filtered) {
		end = put_u32(end, CTA_MARK, TABLE_ABSENT_MARK);
		end = put_u32(end, CTA_MARK_MASK, UINT32_MAX);
	}
	message->nlmsg_len = (uint32_t)(end - own->room);
	if (send(own->fd, own->room, message->nlmsg_len, 0) < 0)
		return -errno;
	while (r == 0 && (len = recv(own->fd, own->room, DUMP_ROOM, 0)) > 0)
		r = see_all(run, own->room, (size_t)len);
	return r > 0 ? 0 : r < 0 ? r : -errno;
}

static int dump(struct run *run)
{
	return dump_filtered(run, false);
}

static int filtered(struct run *run)
{
	return dump_filtered(run, true);
}

static int events(struct run *run)
{
	struct own *own = run->session;
	struct mmsghdr messages[EVENTS_AT_ONCE] = { 0 };
	struct iovec vectors[EVENTS_AT_ONCE];

	for (int i = 0; i < EVENTS_AT_ONCE; i++) {
		vectors[i] = (struct iovec){ own->events[i], EVENT_ROOM };
		messages[i].msg_hdr.msg_iov = &vectors[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	while (run->ops < run->count) {
		int count = recvmmsg(own->fd, messages, EVENTS_AT_ONCE, MSG_WAITFORONE, NULL);

		if (count < 0)
			return -errno;
		for (int i = 0; i < count; i++)
			see_all(run, own->events[i], messages[i].msg_len);
	}
	return 0;
}

/* --- writing ------------------------------------------------------------- */

static uint8_t *put_tuple(uint8_t *at, uint16_t type, uint32_t src, uint32_t dst, uint16_t port_src,
			  uint16_t port_dst)
{
	const uint32_t addresses[2] = { htonl(src), htonl(dst) };
	const uint16_t ports[2] = { htons(port_src), htons(port_dst) };
	const uint8_t tcp = IPPROTO_TCP;
	uint8_t *tuple = at, *ip = at + 4, *proto;

	at = put(put(ip + 4, CTA_IP_V4_SRC, &addresses[0], 4), CTA_IP_V4_DST, &addresses[1], 4);
	put(ip, CTA_TUPLE_IP | NLA_F_NESTED, "", 0);
	((struct nlattr *)(void *)ip)->nla_len = (uint16_t)(at - ip);
	proto = at;
	at = put(proto + 4, CTA_PROTO_NUM, &tcp, 1);
	at = put(put(at, CTA_PROTO_SRC_PORT, &ports[0], 2), CTA_PROTO_DST_PORT, &ports[1], 2);
	put(proto, CTA_TUPLE_PROTO | NLA_F_NESTED, "", 0);
	((struct nlattr *)(void *)proto)->nla_len = (uint16_t)(at - proto);
	put(tuple, type | NLA_F_NESTED, "", 0);
	((struct nlattr *)(void *)tuple)->nla_len = (uint16_t)(at - tuple);
	return at;
}

static uint8_t *put_orig(uint8_t *at, const struct flow *flow)
{
	return put_tuple(at, CTA_TUPLE_ORIG, flow->src, flow->dst, flow->port_src, flow->port_dst);
}

static uint8_t *put_new(uint8_t *at, uint32_t i)
{
	static const uint8_t state = FLOW_TCP_ESTABLISHED;
	struct flow flow = flow_number(i);
	uint8_t *info, *tcp;

	at = put_orig(at, &flow);
	at = put_tuple(at, CTA_TUPLE_REPLY, flow.dst, flow.src, flow.port_dst, flow.port_src);
	at = put_u32(at, CTA_STATUS, FLOW_STATUS);
	at = put_u32(at, CTA_TIMEOUT, flow.timeout);
	at = put_u32(at, CTA_MARK, flow.mark);
	info = at;
	tcp = at + 4;
	at = put(tcp + 4, CTA_PROTOINFO_TCP_STATE, &state, 1);
	put(tcp, CTA_PROTOINFO_TCP | NLA_F_NESTED, "", 0);
	((struct nlattr *)(void *)tcp)->nla_len = (uint16_t)(at - tcp);
	put(info, CTA_PROTOINFO | NLA_F_NESTED, "", 0);
	((struct nlattr *)(void *)info)->nla_len = (uint16_t)(at - info);
	return at;
}

static uint8_t *put_changed(uint8_t *at, uint32_t i)
{
	struct flow flow = flow_number(i);

	return put_u32(put_orig(at, &flow), CTA_MARK, flow_changed_mark(i));
}

static uint8_t *put_removed(uint8_t *at, uint32_t i)
{
	struct flow flow = flow_number(i);

	return put_orig(at, &flow);
}

static int wait_for_ack(struct run *run, uint32_t sequence)
{
	struct own *own = run->session;
	uint8_t answer[8192] __attribute__((aligned(8)));
	ssize_t len;

	while ((len = recv(own->fd, answer, sizeof(answer), 0)) > 0) {
		const struct nlmsghdr *message = (const void *)answer;
		const struct nlmsgerr *error = NLMSG_DATA(message);

		run->errors += error->error != 0;
		if (message->nlmsg_seq == sequence)
			return 0;
	}
	return -errno;
}

static int packed(struct run *run, uint32_t batch, uint16_t type, uint16_t flags,
		  uint8_t *(*put_one)(uint8_t *at, uint32_t i))
{
	struct own *own = run->session;
	int r = 0;

	for (uint32_t i = 0; i < run->count && r == 0;) {
		uint32_t end = i + batch < run->count ? i + batch : run->count;
		uint8_t *at = own->room;

		for (; i < end; i++) {
			struct nlmsghdr *message =
				start(at, type, flags | (i + 1 == end ? NLM_F_ACK : 0), i + 1);

			at = put_one(at + NLMSG_LENGTH(4), i);
			message->nlmsg_len = (uint32_t)(at - (uint8_t *)message);
			run->ops++;
		}
		if (send(own->fd, own->room, (size_t)(at - own->room), 0) < 0)
			return -errno;
		r = wait_for_ack(run, end);
	}
	return r;
}

static int create(struct run *run)
{
	return packed(run, TABLE_BATCH, IPCTNL_MSG_CT_NEW, NLM_F_CREATE | NLM_F_EXCL, put_new);
}

static int change(struct run *run)
{
	return packed(run, TABLE_BATCH, IPCTNL_MSG_CT_NEW, 0, put_changed);
}

static int remove_all(struct run *run)
{
	return packed(run, TABLE_BATCH, IPCTNL_MSG_CT_DELETE, 0, put_removed);
}

static int one_create(struct run *run)
{
	return packed(run, 1, IPCTNL_MSG_CT_NEW, NLM_F_CREATE | NLM_F_EXCL, put_new);
}

static int one_change(struct run *run)
{
	return packed(run, 1, IPCTNL_MSG_CT_NEW, 0, put_changed);
}

static int one_remove(struct run *run)
{
	return packed(run, 1, IPCTNL_MSG_CT_DELETE, 0, put_removed);
}

static const struct mode modes[] = {
	{ "dump", open_plain, dump, close_own },
	{ "decode", open_plain, dump, close_own },
	{ "filtered", open_plain, filtered, close_own },
	{ "create", open_plain, create, close_own },
	{ "change", open_plain, change, close_own },
	{ "remove", open_plain, remove_all, close_own },
	{ "one-create", open_plain, one_create, close_own },
	{ "one-change", open_plain, one_change, close_own },
	{ "one-remove", open_plain, one_remove, close_own },
	{ "events", open_events, events, close_own },
	{ NULL, NULL, NULL, NULL },
};

int main(int argc, char **argv)
{
	return table_main(argc, argv, modes);
}
