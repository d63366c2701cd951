/*
 * SPDX-License-Identifier: MIT
 *
 * nfbind on the connection table, written as its users would write it:
 *   dump, filtered             a list, and the fields of each entry
 *   decode                     a list whose entries nobody looks at
 *   create, change, remove     in bulk
 *   one-create ...             one call each
 *   events                     an event session
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <nfbind/nfbind.h>

#include "table_common.h"

/* Operations of one bulk. */
#define BULK 1024

struct own {
	struct nfbind_conntrack *conntrack;
	struct nfbind_events *events;
	struct nfbind_bulk *bulk;
	struct nfbind_ct *ct;
	struct nfbind_exp *exp;
};

/* --- open and close ------------------------------------------------------ */

static void close_own(struct run *run)
{
	struct own *own = run->session;

	nfbind_conntrack_free(own->conntrack);
	nfbind_events_free(own->events);
	nfbind_bulk_free(own->bulk);
	nfbind_ct_free(own->ct);
	nfbind_exp_free(own->exp);
	free(own);
}

static int new_own(struct run *run)
{
	struct own *own = run->session = calloc(1, sizeof(*own));
	int r = own ? nfbind_ct_new(&own->ct) : -ENOMEM;

	return r < 0 ? r : nfbind_exp_new(&own->exp);
}

static int open_plain(struct run *run)
{
	int r = new_own(run);
	struct own *own = run->session;

	if (r == 0)
		r = nfbind_bulk_new(&own->bulk);
	if (r == 0)
		r = nfbind_conntrack_new(&own->conntrack);
	return r < 0 ? r : nfbind_conntrack_open(own->conntrack, NULL);
}

static int set_options(struct nfbind_options *options, const struct run *run)
{
	int r = nfbind_options_set_number(options, NFBIND_OPTIONS_EVENTS,
					  NFBIND_EVENT_CT_NEW | NFBIND_EVENT_CT_DESTROY);

	return r < 0 ? r : nfbind_options_set_number(options, NFBIND_OPTIONS_RECEIVE_BUFFER,
						     run->receive_buffer);
}

static int open_events(struct run *run)
{
	int r = new_own(run);
	struct own *own = run->session;
	struct nfbind_options *options;

	if (r == 0)
		r = nfbind_events_new(&own->events);
	if (r == 0)
		r = nfbind_options_new(&options);
	if (r < 0)
		return r;
	r = set_options(options, run);
	if (r == 0)
		r = nfbind_events_open(own->events, options);
	nfbind_options_free(options);
	return r;
}

/* --- reading ------------------------------------------------------------- */

/* What an entry does not have reads as 0. */
static uint64_t number(const struct nfbind_ct *ct, uint32_t field)
{
	uint64_t value = 0;

	nfbind_ct_get_number(ct, field, &value);
	return value;
}

static uint32_t address(const struct nfbind_ct *ct, uint32_t field)
{
	const void *data;
	uint32_t value = 0;
	size_t len;

	if (nfbind_ct_get_bytes(ct, field, &data, &len) == 0 && len == sizeof(value))
		memcpy(&value, data, sizeof(value));
	return ntohl(value);
}

static void see(struct run *run, const struct nfbind_ct *ct)
{
	const struct seen seen = {
		.src = address(ct, NFBIND_CT_ORIG_SRC),
		.dst = address(ct, NFBIND_CT_ORIG_DST),
		.reply_src = address(ct, NFBIND_CT_REPL_SRC),
		.reply_dst = address(ct, NFBIND_CT_REPL_DST),
		.port_src = (uint16_t)number(ct, NFBIND_CT_ORIG_PORT_SRC),
		.port_dst = (uint16_t)number(ct, NFBIND_CT_ORIG_PORT_DST),
		.reply_port_src = (uint16_t)number(ct, NFBIND_CT_REPL_PORT_SRC),
		.reply_port_dst = (uint16_t)number(ct, NFBIND_CT_REPL_PORT_DST),
		.l4proto = (uint8_t)number(ct, NFBIND_CT_ORIG_L4PROTO),
		.tcp_state = (uint8_t)number(ct, NFBIND_CT_TCP_STATE),
		.status = (uint32_t)number(ct, NFBIND_CT_STATUS),
		.mark = (uint32_t)number(ct, NFBIND_CT_MARK),
		.timeout = (uint32_t)number(ct, NFBIND_CT_TIMEOUT),
		.packets = number(ct, NFBIND_CT_ORIG_COUNTER_PACKETS),
		.bytes = number(ct, NFBIND_CT_ORIG_COUNTER_BYTES),
		.reply_packets = number(ct, NFBIND_CT_REPL_COUNTER_PACKETS),
		.reply_bytes = number(ct, NFBIND_CT_REPL_COUNTER_BYTES),
	};

	table_see(run, &seen);
}

static void count_only(struct run *run, const struct nfbind_ct *ct)
{
	(void)ct;
	run->ops++;
}

static int dump_with(struct run *run, const struct nfbind_filter *filter,
		     void (*read)(struct run *run, const struct nfbind_ct *ct))
{
	struct own *own = run->session;
	struct nfbind_list *list;
	int r = nfbind_conntrack_list_ct(own->conntrack, filter, NFBIND_LIST_TABLE, 0, &list);

	if (r < 0)
		return r;
	while ((r = nfbind_list_next_ct(list, own->ct)) == 0)
		read(run, own->ct);
	nfbind_list_free(list);
	return r == -ENODATA ? 0 : r;
}

static int dump(struct run *run)
{
	return dump_with(run, NULL, see);
}

static int decode(struct run *run)
{
	return dump_with(run, NULL, count_only);
}

static int filtered(struct run *run)
{
	struct nfbind_filter *filter;
	int r = nfbind_filter_new(&filter);

	if (r < 0)
		return r;
	r = nfbind_filter_set_number(filter, NFBIND_FILTER_MARK, TABLE_ABSENT_MARK);
	if (r == 0)
		r = dump_with(run, filter, see);
	nfbind_filter_free(filter);
	return r;
}

static int events(struct run *run)
{
	struct own *own = run->session;
	struct nfbind_event event;
	int r = 0;

	while (run->ops < run->count && r >= 0) {
		r = nfbind_events_receive(own->events, 2000);
		if (r < 0)
			return r;
		while ((r = nfbind_events_next(own->events, &event, sizeof(event), own->ct,
					       own->exp)) == 0) {
			if (event.kind & (NFBIND_EVENT_CT_NEW | NFBIND_EVENT_CT_DESTROY))
				see(run, own->ct);
			else
				run->errors++;
		}
		r = r == -ENODATA ? 0 : r;
	}
	return r;
}

/* --- writing ------------------------------------------------------------- */

static int set_address(struct nfbind_ct *ct, uint32_t field, uint32_t host)
{
	const uint32_t wire = htonl(host);

	return nfbind_ct_set_bytes(ct, field, &wire, sizeof(wire));
}

static int set_tuple(struct nfbind_ct *ct, uint32_t i)
{
	struct flow flow = flow_number(i);

	return set_address(ct, NFBIND_CT_ORIG_SRC, flow.src) |
	       set_address(ct, NFBIND_CT_ORIG_DST, flow.dst) |
	       nfbind_ct_set_number(ct, NFBIND_CT_ORIG_L4PROTO, IPPROTO_TCP) |
	       nfbind_ct_set_number(ct, NFBIND_CT_ORIG_PORT_SRC, flow.port_src) |
	       nfbind_ct_set_number(ct, NFBIND_CT_ORIG_PORT_DST, flow.port_dst);
}

/* The library adds the reply tuple. */
static int set_new(struct nfbind_ct *ct, uint32_t i)
{
	struct flow flow = flow_number(i);

	return set_tuple(ct, i) |
	       nfbind_ct_set_number(ct, NFBIND_CT_STATUS, FLOW_STATUS) |
	       nfbind_ct_set_number(ct, NFBIND_CT_TIMEOUT, flow.timeout) |
	       nfbind_ct_set_number(ct, NFBIND_CT_MARK, flow.mark) |
	       nfbind_ct_set_number(ct, NFBIND_CT_TCP_STATE, FLOW_TCP_ESTABLISHED);
}

static int set_changed(struct nfbind_ct *ct, uint32_t i)
{
	return set_tuple(ct, i) | nfbind_ct_set_number(ct, NFBIND_CT_MARK, flow_changed_mark(i));
}

static int append_new(struct nfbind_bulk *bulk, const struct nfbind_ct *ct)
{
	return nfbind_bulk_add_ct(bulk, ct, 0);
}

typedef int set_fn(struct nfbind_ct *ct, uint32_t i);
typedef int append_fn(struct nfbind_bulk *bulk, const struct nfbind_ct *ct);

static int apply(struct run *run)
{
	struct own *own = run->session;
	int count = (int)nfbind_bulk_count(own->bulk);
	int done = nfbind_conntrack_apply(own->conntrack, own->bulk);

	if (done < 0)
		return done;
	run->ops += (uint64_t)count;
	run->errors += (uint64_t)(count - done);
	return nfbind_bulk_clear(own->bulk);
}

static int in_bulk(struct run *run, set_fn *set, append_fn *append)
{
	struct own *own = run->session;
	int r = 0;

	for (uint32_t i = 0; i < run->count && r >= 0; i++) {
		if (set(own->ct, i) != 0)
			return -EINVAL;
		r = append(own->bulk, own->ct);
		if (r >= 0 && (i + 1 == run->count || nfbind_bulk_count(own->bulk) == BULK))
			r = apply(run);
	}
	return r < 0 ? r : 0;
}

static int create(struct run *run)
{
	return in_bulk(run, set_new, append_new);
}

static int change(struct run *run)
{
	return in_bulk(run, set_changed, nfbind_bulk_change_ct);
}

static int remove_all(struct run *run)
{
	return in_bulk(run, set_tuple, nfbind_bulk_remove_ct);
}

static int add_one(struct nfbind_conntrack *conntrack, const struct nfbind_ct *ct)
{
	return nfbind_conntrack_add_ct(conntrack, ct, 0);
}

static int one_by_one(struct run *run, set_fn *set,
		      int (*ask)(struct nfbind_conntrack *conntrack, const struct nfbind_ct *ct))
{
	struct own *own = run->session;

	for (uint32_t i = 0; i < run->count; i++) {
		if (set(own->ct, i) != 0 || ask(own->conntrack, own->ct) < 0)
			run->errors++;
		run->ops++;
	}
	return 0;
}

static int one_create(struct run *run)
{
	return one_by_one(run, set_new, add_one);
}

static int one_change(struct run *run)
{
	return one_by_one(run, set_changed, nfbind_conntrack_change_ct);
}

static int one_remove(struct run *run)
{
	return one_by_one(run, set_tuple, nfbind_conntrack_remove_ct);
}

static const struct mode modes[] = {
	{ "dump", open_plain, dump, close_own },
	{ "decode", open_plain, decode, close_own },
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
