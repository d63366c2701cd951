/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the sessions that read and write the table of connections. The first bytes
 * of the input are operations, the rest datagrams: events, and what the kernel answers to
 * requests and lists, by the numbers of the requests. What comes out is printed, read
 * again and sent back; what is sent has to be well-formed.
 */
#include <errno.h>

#include <linux/netlink.h>

#include "fake_socket.h"
#include "fuzz.h"

enum { ANSWERS_MAX = 4 };

static struct choices operations;
static const uint8_t *rest;
static size_t rest_len;
static struct nfbind_events *events;
static struct nfbind_conntrack *conntrack;
static struct nfbind_filter *filter;
static struct nfbind_ct *ct, *again;
static struct nfbind_exp *exp;
static char text[1 << 17];

/* The kernel may name any error, but a number it has to be that one can be. */
static void check_error(int r)
{
	if (r < -UINT16_MAX)
		abort();
}

/* The kernel. */

/* An answer has the number of its request, or else it is passed over. */
static void number_messages(uint8_t *data, size_t len, uint32_t sequence)
{
	size_t offset = 0;

	while (len - offset >= NLMSG_HDRLEN) {
		uint32_t message_len;

		memcpy(&message_len, data + offset, 4);
		memcpy(data + offset + 8, &sequence, 4);
		if (message_len < NLMSG_HDRLEN || message_len > len - offset - NLMSG_ALIGNTO)
			break;
		offset += NLMSG_ALIGN(message_len);
	}
}

static void answer(int fd, uint32_t sequence)
{
	uint8_t data[8192];
	const uint8_t *datagram;
	size_t len;

	datagram = take_datagram(&rest, &rest_len, &len);
	if (!datagram || len > sizeof(data))
		return;
	memcpy(data, datagram, len);
	number_messages(data, len, sequence);
	fake_deliver_to(fd, data, len);
}

static void end_answers(int fd, const struct nlmsghdr *request)
{
	static const int results[] = { 0, -ENOENT, -EEXIST, -EINVAL, -EPERM, -EBUSY };
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
	} end = { .header = { .nlmsg_len = sizeof(end), .nlmsg_seq = request->nlmsg_seq } };

	end.error.msg = *request;
	if (request->nlmsg_flags & NLM_F_DUMP) {
		end.header.nlmsg_type = NLMSG_DONE;
		end.header.nlmsg_flags = NLM_F_MULTI;
	} else {
		end.header.nlmsg_type = NLMSG_ERROR;
		end.error.error = results[choose(&operations, 6)];
	}
	fake_deliver_to(fd, &end, sizeof(end));
}

static void on_message(int fd, const uint8_t *message, size_t len)
{
	const struct nlmsghdr *header = (const struct nlmsghdr *)message;

	check_message(message, len);
	for (uint32_t left = choose(&operations, ANSWERS_MAX); left > 0; left--)
		answer(fd, header->nlmsg_seq);
	/* Seldom one gets lost. */
	if (choose(&operations, 16) != 1)
		end_answers(fd, header);
}

/* What came out. */

static void read_ct(void)
{
	int len = nfbind_ct_print(ct, NFBIND_FORMAT_JSON, 0, NULL, text, sizeof(text));

	if (len < 0 || (size_t)len >= sizeof(text) ||
	    nfbind_ct_parse(again, NFBIND_FORMAT_JSON, NULL, text, NULL, 0) < 0 ||
	    nfbind_ct_equal(ct, again) != 1)
		abort();
	for (uint32_t format = 0; format <= NFBIND_FORMAT_JSON; format++)
		(void)nfbind_ct_print(ct, format, 7, NULL, text, 100);
}

static void read_exp(void)
{
	for (uint32_t format = 0; format <= NFBIND_FORMAT_JSON; format++)
		(void)nfbind_exp_print(exp, format, text, 100);
}

static void take_events(void)
{
	struct nfbind_event event;
	int r;

	while ((r = nfbind_events_next(events, &event, sizeof(event), ct, exp)) == 0) {
		if (event.kind & (NFBIND_EVENT_CT_NEW | NFBIND_EVENT_CT_UPDATE | NFBIND_EVENT_CT_DESTROY))
			read_ct();
		if (event.kind & (NFBIND_EVENT_EXP_NEW | NFBIND_EVENT_EXP_DESTROY))
			read_exp();
	}
	if (r != -ENODATA)
		abort();
}

/* Operations. */

static void receive(void)
{
	const uint8_t *datagram;
	size_t len;
	int r;

	for (uint32_t left = 1 + choose(&operations, 8); left > 0; left--) {
		datagram = take_datagram(&rest, &rest_len, &len);
		if (datagram)
			fake_deliver_to(fake.events_fd, datagram, len);
	}
	if (choose(&operations, 8) == 1)
		fake_deliver_error_to(fake.events_fd, -ENOBUFS);
	for (uint32_t left = 1 + choose(&operations, 4); left > 0; left--) {
		r = nfbind_events_receive(events, 0);
		check_error(r);
		if (r >= 0)
			take_events();
	}
}

static void list(void)
{
	bool is_exp = choose(&operations, 4) == 1;
	uint32_t left = choose(&operations, 64);
	struct nfbind_list *started;
	int r = is_exp ? nfbind_conntrack_list_exp(conntrack, NULL, &started) :
			 nfbind_conntrack_list_ct(conntrack, choose(&operations, 2) ? filter : NULL,
						  choose(&operations, 4), choose(&operations, 2), &started);

	check_error(r);
	if (r < 0)
		return;
	while (left-- > 0 && r == 0) {
		r = is_exp ? nfbind_list_next_exp(started, exp) : nfbind_list_next_ct(started, ct);
		check_error(r);
		if (r == 0 && is_exp)
			read_exp();
		else if (r == 0)
			read_ct();
	}
	nfbind_list_free(started);
}

static void request(void)
{
	uint32_t tuple;
	int r;

	switch (choose(&operations, 8)) {
	case 0:
		r = nfbind_conntrack_fetch_ct(conntrack, ct, choose(&operations, 2), again);
		break;
	case 1:
		r = nfbind_conntrack_add_ct(conntrack, ct, choose(&operations, 2));
		break;
	case 2:
		r = nfbind_conntrack_change_ct(conntrack, ct);
		break;
	case 3:
		r = nfbind_conntrack_remove_ct(conntrack, ct);
		break;
	case 4:
		r = nfbind_conntrack_find_ct(conntrack, ct, again, &tuple);
		break;
	case 5:
		r = nfbind_conntrack_add_exp(conntrack, exp, 0);
		break;
	case 6:
		r = nfbind_conntrack_remove_exp(conntrack, exp);
		break;
	default:
		(void)nfbind_ct_apply(ct, choose(&operations, 7));
		r = nfbind_conntrack_fetch_exp(conntrack, exp, exp);
	}
	check_error(r);
}

static void apply_bulk(void)
{
	struct nfbind_bulk *bulk;
	int32_t result;

	if (nfbind_bulk_new(&bulk) < 0)
		abort();
	for (uint32_t left = choose(&operations, 16); left > 0; left--)
		(void)(choose(&operations, 2) ? nfbind_bulk_add_ct(bulk, ct, 0) :
						nfbind_bulk_remove_ct(bulk, ct));
	check_error(nfbind_conntrack_apply(conntrack, bulk));
	for (uint32_t i = 0; i < nfbind_bulk_count(bulk); i++) {
		if (nfbind_bulk_get_result(bulk, i, &result) < 0)
			abort();
		check_error(result);
		(void)nfbind_bulk_get_message(bulk, i, text, 200);
	}
	nfbind_bulk_free(bulk);
}

static void remove_matching(void)
{
	struct nfbind_removal removal;
	int r = nfbind_conntrack_remove_matching_ct(conntrack, filter, choose(&operations, 2), &removal,
						    sizeof(removal));

	check_error(r);
	if (r >= 0 && removal.removed + removal.gone + removal.failed > removal.matched)
		abort();
}

static void step(void)
{
	switch (choose(&operations, 8)) {
	case 0:
	case 1:
	case 2:
		receive();
		break;
	case 3:
		list();
		break;
	case 4:
		request();
		break;
	case 5:
		apply_bulk();
		break;
	case 6:
		remove_matching();
		break;
	default:
		(void)nfbind_events_resync(events);
		fake_advance(choose(&operations, 4) * 500);
	}
}

static void start(void)
{
	struct nfbind_options *options;

	fake_set_up();
	fake.on_message = on_message;
	if (nfbind_options_new(&options) < 0 || nfbind_events_new(&events) < 0 ||
	    nfbind_conntrack_new(&conntrack) < 0 || nfbind_ct_new(&ct) < 0 || nfbind_ct_new(&again) < 0 ||
	    nfbind_exp_new(&exp) < 0 || nfbind_filter_new(&filter) < 0)
		abort();
	/* Small ones: memory for larger ones would be most of the work. */
	(void)nfbind_options_set_number(options, NFBIND_OPTIONS_BATCH, 4);
	(void)nfbind_options_set_number(options, NFBIND_OPTIONS_RESYNC, choose(&operations, 2));
	(void)nfbind_options_set_number(options, NFBIND_OPTIONS_KEYS_MAX, 1 + choose(&operations, 8));
	(void)nfbind_filter_set_number(filter, NFBIND_FILTER_L4PROTO, choose(&operations, 2) ? 6 : 17);
	if (choose(&operations, 4) == 1 && nfbind_events_add_filter(events, filter) < 0)
		abort();
	if (nfbind_events_open(events, options) < 0 || nfbind_conntrack_open(conntrack, options) < 0)
		abort();
	nfbind_options_free(options);
}

static void finish(void)
{
	nfbind_events_free(events);
	nfbind_conntrack_free(conntrack);
	nfbind_filter_free(filter);
	nfbind_ct_free(ct);
	nfbind_ct_free(again);
	nfbind_exp_free(exp);
	fake_tear_down();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len < 2)
		return -1;
	operations.len = data[0] < len - 1 ? data[0] : len - 1;
	operations.data = data + 1;
	rest = data + 1 + operations.len;
	rest_len = len - 1 - operations.len;
	start();
	while (operations.len > 0)
		step();
	finish();
	return 0;
}
