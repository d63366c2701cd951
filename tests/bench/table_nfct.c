/*
 * SPDX-License-Identifier: MIT
 *
 * libnetfilter_conntrack on the connection table:
 *   dump, filtered             nfct_query and the getters
 *   create, change, remove     nfct_query, one request and one acknowledgement each
 *   expert-create ...          nfct_nlmsg_build, packed by hand, the last acknowledged
 *   events                     nfct_catch and the getters
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack_tcp.h>

#include "table_common.h"

/* A request of this library takes less. */
#define REQUEST_MAX 512

struct own {
	struct nfct_handle *handle;
	struct nf_conntrack *ct;
	struct mnl_socket *socket;
	uint32_t done;
	uint8_t room[TABLE_BATCH * REQUEST_MAX];
};

/* --- open and close ------------------------------------------------------ */

static void close_own(struct run *run)
{
	struct own *own = run->session;

	if (own->handle)
		nfct_close(own->handle);
	if (own->socket)
		mnl_socket_close(own->socket);
	if (own->ct)
		nfct_destroy(own->ct);
	free(own);
}

static int open_groups(struct run *run, unsigned int groups)
{
	struct own *own = run->session = calloc(1, sizeof(*own));

	if (!own)
		return -ENOMEM;
	own->ct = nfct_new();
	own->handle = nfct_open(CONNTRACK, groups);
	if (own->ct && own->handle)
		return 0;
	close_own(run);
	return -errno;
}

static int open_plain(struct run *run)
{
	return open_groups(run, 0);
}

static int open_events(struct run *run)
{
	int r = open_groups(run, NF_NETLINK_CONNTRACK_NEW | NF_NETLINK_CONNTRACK_DESTROY);

	if (r == 0)
		table_tune(run, nfct_fd(((struct own *)run->session)->handle));
	return r;
}

static int open_expert(struct run *run)
{
	struct own *own = run->session = calloc(1, sizeof(*own));

	if (!own)
		return -ENOMEM;
	own->ct = nfct_new();
	own->socket = mnl_socket_open(NETLINK_NETFILTER);
	if (own->ct && own->socket && mnl_socket_bind(own->socket, 0, MNL_SOCKET_AUTOPID) == 0)
		return 0;
	close_own(run);
	return -errno;
}

/* --- reading ------------------------------------------------------------- */

static int see(enum nf_conntrack_msg_type type, struct nf_conntrack *ct, void *data)
{
	struct run *run = data;
	const struct seen seen = {
		.src = ntohl(nfct_get_attr_u32(ct, ATTR_ORIG_IPV4_SRC)),
		.dst = ntohl(nfct_get_attr_u32(ct, ATTR_ORIG_IPV4_DST)),
		.reply_src = ntohl(nfct_get_attr_u32(ct, ATTR_REPL_IPV4_SRC)),
		.reply_dst = ntohl(nfct_get_attr_u32(ct, ATTR_REPL_IPV4_DST)),
		.port_src = ntohs(nfct_get_attr_u16(ct, ATTR_ORIG_PORT_SRC)),
		.port_dst = ntohs(nfct_get_attr_u16(ct, ATTR_ORIG_PORT_DST)),
		.reply_port_src = ntohs(nfct_get_attr_u16(ct, ATTR_REPL_PORT_SRC)),
		.reply_port_dst = ntohs(nfct_get_attr_u16(ct, ATTR_REPL_PORT_DST)),
		.l4proto = nfct_get_attr_u8(ct, ATTR_ORIG_L4PROTO),
		.tcp_state = nfct_get_attr_u8(ct, ATTR_TCP_STATE),
		.status = nfct_get_attr_u32(ct, ATTR_STATUS),
		.mark = nfct_get_attr_u32(ct, ATTR_MARK),
		.timeout = nfct_get_attr_u32(ct, ATTR_TIMEOUT),
		.packets = nfct_get_attr_u64(ct, ATTR_ORIG_COUNTER_PACKETS),
		.bytes = nfct_get_attr_u64(ct, ATTR_ORIG_COUNTER_BYTES),
		.reply_packets = nfct_get_attr_u64(ct, ATTR_REPL_COUNTER_PACKETS),
		.reply_bytes = nfct_get_attr_u64(ct, ATTR_REPL_COUNTER_BYTES),
	};

	table_see(run, &seen);
	return run->ops < run->count || type == NFCT_T_UPDATE ? NFCT_CB_CONTINUE : NFCT_CB_STOP;
}

static int count_only(enum nf_conntrack_msg_type type, struct nf_conntrack *ct, void *data)
{
	struct run *run = data;

	(void)type;
	(void)ct;
	run->ops++;
	return NFCT_CB_CONTINUE;
}

static int dump_with(struct run *run, int (*read)(enum nf_conntrack_msg_type, struct nf_conntrack *,
						  void *))
{
	struct own *own = run->session;
	uint32_t family = AF_INET;

	nfct_callback_register(own->handle, NFCT_T_ALL, read, run);
	return nfct_query(own->handle, NFCT_Q_DUMP, &family) < 0 ? -errno : 0;
}

static int dump(struct run *run)
{
	run->count = UINT32_MAX; /* to the end, whatever is there */
	return dump_with(run, see);
}

static int decode(struct run *run)
{
	return dump_with(run, count_only);
}

static int filtered(struct run *run)
{
	const struct nfct_filter_dump_mark mark = { .val = TABLE_ABSENT_MARK, .mask = UINT32_MAX };
	struct nfct_filter_dump *filter = nfct_filter_dump_create();
	struct own *own = run->session;
	int r;

	if (!filter)
		return -ENOMEM;
	nfct_filter_dump_set_attr(filter, NFCT_FILTER_DUMP_MARK, &mark);
	nfct_filter_dump_set_attr_u8(filter, NFCT_FILTER_DUMP_L3NUM, AF_INET);
	nfct_callback_register(own->handle, NFCT_T_ALL, see, run);
	run->count = UINT32_MAX;
	r = nfct_query(own->handle, NFCT_Q_DUMP_FILTER, filter) < 0 ? -errno : 0;
	nfct_filter_dump_destroy(filter);
	return r;
}

static int events(struct run *run)
{
	struct own *own = run->session;

	nfct_callback_register(own->handle, NFCT_T_ALL, see, run);
	return nfct_catch(own->handle) < 0 ? -errno : 0;
}

/* --- writing ------------------------------------------------------------- */

static void set_tuples(struct nf_conntrack *ct, uint32_t i)
{
	struct flow flow = flow_number(i);

	nfct_set_attr_u8(ct, ATTR_ORIG_L3PROTO, AF_INET);
	nfct_set_attr_u8(ct, ATTR_ORIG_L4PROTO, IPPROTO_TCP);
	nfct_set_attr_u32(ct, ATTR_ORIG_IPV4_SRC, htonl(flow.src));
	nfct_set_attr_u32(ct, ATTR_ORIG_IPV4_DST, htonl(flow.dst));
	nfct_set_attr_u16(ct, ATTR_ORIG_PORT_SRC, htons(flow.port_src));
	nfct_set_attr_u16(ct, ATTR_ORIG_PORT_DST, htons(flow.port_dst));
}

static void set_new(struct nf_conntrack *ct, uint32_t i)
{
	struct flow flow = flow_number(i);

	set_tuples(ct, i);
	nfct_set_attr_u8(ct, ATTR_REPL_L3PROTO, AF_INET);
	nfct_set_attr_u8(ct, ATTR_REPL_L4PROTO, IPPROTO_TCP);
	nfct_set_attr_u32(ct, ATTR_REPL_IPV4_SRC, htonl(flow.dst));
	nfct_set_attr_u32(ct, ATTR_REPL_IPV4_DST, htonl(flow.src));
	nfct_set_attr_u16(ct, ATTR_REPL_PORT_SRC, htons(flow.port_dst));
	nfct_set_attr_u16(ct, ATTR_REPL_PORT_DST, htons(flow.port_src));
	nfct_set_attr_u8(ct, ATTR_TCP_STATE, FLOW_TCP_ESTABLISHED);
	nfct_set_attr_u32(ct, ATTR_STATUS, FLOW_STATUS);
	nfct_set_attr_u32(ct, ATTR_TIMEOUT, flow.timeout);
	nfct_set_attr_u32(ct, ATTR_MARK, flow.mark);
}

static void set_changed(struct nf_conntrack *ct, uint32_t i)
{
	set_tuples(ct, i);
	nfct_set_attr_u32(ct, ATTR_MARK, flow_changed_mark(i));
}

typedef void set_fn(struct nf_conntrack *ct, uint32_t i);

static int one_by_one(struct run *run, enum nf_conntrack_query query, set_fn *set)
{
	struct own *own = run->session;

	for (uint32_t i = 0; i < run->count; i++) {
		set(own->ct, i);
		if (nfct_query(own->handle, query, own->ct) < 0)
			run->errors++;
		run->ops++;
	}
	return 0;
}

static int create(struct run *run)
{
	return one_by_one(run, NFCT_Q_CREATE, set_new);
}

static int change(struct run *run)
{
	return one_by_one(run, NFCT_Q_UPDATE, set_changed);
}

static int remove_all(struct run *run)
{
	return one_by_one(run, NFCT_Q_DESTROY, set_tuples);
}

/* --- by an expert -------------------------------------------------------- */

static int wait_for_ack(struct run *run, uint32_t sequence)
{
	struct own *own = run->session;
	uint8_t answer[8192] __attribute__((aligned(8)));
	ssize_t len;

	while ((len = mnl_socket_recvfrom(own->socket, answer, sizeof(answer))) > 0) {
		const struct nlmsghdr *message = (const struct nlmsghdr *)answer;
		int left = (int)len;

		for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
			const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);

			if (message->nlmsg_type != NLMSG_ERROR)
				continue;
			run->errors += error->error != 0;
			if (message->nlmsg_seq == sequence)
				return 0;
		}
	}
	return -errno;
}

static int packed(struct run *run, uint16_t type, uint16_t flags, set_fn *set)
{
	struct own *own = run->session;
	int r = 0;

	for (uint32_t i = 0; i < run->count && r == 0;) {
		uint32_t end = i + TABLE_BATCH < run->count ? i + TABLE_BATCH : run->count;
		size_t len = 0;

		for (; i < end; i++) {
			struct nlmsghdr *message = mnl_nlmsg_put_header(own->room + len);
			struct nfgenmsg *header;

			message->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type);
			message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags |
							  (i + 1 == end ? NLM_F_ACK : 0));
			message->nlmsg_seq = i + 1;
			header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
			*header = (struct nfgenmsg){ .nfgen_family = AF_INET };
			set(own->ct, i);
			if (nfct_nlmsg_build(message, own->ct) < 0)
				run->errors++;
			len += message->nlmsg_len;
			run->ops++;
		}
		if (mnl_socket_sendto(own->socket, own->room, len) < 0)
			return -errno;
		r = wait_for_ack(run, end);
	}
	return r;
}

static int expert_create(struct run *run)
{
	return packed(run, IPCTNL_MSG_CT_NEW, NLM_F_CREATE | NLM_F_EXCL, set_new);
}

static int expert_change(struct run *run)
{
	return packed(run, IPCTNL_MSG_CT_NEW, 0, set_changed);
}

static int expert_remove(struct run *run)
{
	return packed(run, IPCTNL_MSG_CT_DELETE, 0, set_tuples);
}

static const struct mode modes[] = {
	{ "dump", open_plain, dump, close_own },
	{ "decode", open_plain, decode, close_own },
	{ "filtered", open_plain, filtered, close_own },
	{ "create", open_plain, create, close_own },
	{ "change", open_plain, change, close_own },
	{ "remove", open_plain, remove_all, close_own },
	{ "expert-create", open_expert, expert_create, close_own },
	{ "expert-change", open_expert, expert_change, close_own },
	{ "expert-remove", open_expert, expert_remove, close_own },
	{ "events", open_events, events, close_own },
	{ NULL, NULL, NULL, NULL },
};

int main(int argc, char **argv)
{
	return table_main(argc, argv, modes);
}
