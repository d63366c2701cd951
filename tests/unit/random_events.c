/* SPDX-License-Identifier: MIT */
/* Events and filters by chance; see random_events.h. */
#include "random_events.h"

#include <sys/socket.h>

#include <linux/netlink.h>

#include "uapi.h"
#include "unit.h"
#include "wire.h"

struct nfbind_filter *new_filter(void)
{
	struct nfbind_filter *filter;

	ck_assert_int_eq(nfbind_filter_new(&filter), 0);
	return filter;
}

static void fill_head(struct event *event, uint16_t type)
{
	struct nlmsghdr *head = (struct nlmsghdr *)event->data;

	memset(event->data, 0, EVENT_HEAD);
	head->nlmsg_len = (uint32_t)event->len;
	head->nlmsg_type = type;
	event->data[16] = AF_INET;
}

void make_event(struct event *event, const struct nfbind_ct *ct, uint16_t message)
{
	struct wire_buffer buffer = { .data = event->data + EVENT_HEAD, .size = sizeof(event->data) - EVENT_HEAD };

	wire_build(&ct_wires, ct, &buffer);
	ck_assert(!buffer.failed);
	event->len = EVENT_HEAD + buffer.len;
	fill_head(event, (uint16_t)(KERNEL_SUBSYS_CTNETLINK << 8 | message));
	ck_assert_int_eq(nfbind_ct_new(&event->ct), 0);
	ck_assert_int_eq(wire_parse(&ct_wires, event->data + EVENT_HEAD, event->len - EVENT_HEAD, event->ct), 0);
}

void free_event(struct event *event)
{
	nfbind_ct_free(event->ct);
}

/* Few values, so that filters and events often meet. */

static uint64_t some_number(void)
{
	static const uint64_t numbers[] = { 0, 1, 2, 3, 6, 17, 58, 80, 255 };

	return numbers[unit_random(COUNT_OF(numbers))];
}

/* A network of which some bits differ anywhere. */
static void some_address(uint8_t *address, size_t len)
{
	uint32_t bit;

	memset(address, 0x5a, len);
	if (unit_random(3) == 0)
		return;
	bit = unit_random((uint32_t)len * 8);
	address[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
}

static void some_labels(uint8_t labels[16])
{
	memset(labels, 0, 16);
	for (uint32_t i = unit_random(4); i > 0; i--)
		labels[unit_random(16)] |= (uint8_t)(1 << unit_random(8));
}

static const char *some_name(void)
{
	static const char *const names[] = { "", "a", "ftp", "tftp", "ftpx", "ft", "a-long-name-15b" };

	return names[unit_random(COUNT_OF(names))];
}

/* What a kernel may say about one, and sometimes does not. */
struct nfbind_ct *some_ct(void)
{
	static const uint32_t numbers[] = {
		NFBIND_CT_ORIG_L4PROTO,  NFBIND_CT_ORIG_PORT_SRC,  NFBIND_CT_ORIG_PORT_DST,
		NFBIND_CT_ORIG_ICMP_TYPE, NFBIND_CT_ORIG_ICMP_CODE, NFBIND_CT_ORIG_ICMP_ID,
		NFBIND_CT_ORIG_ZONE,     NFBIND_CT_REPL_L4PROTO,   NFBIND_CT_REPL_PORT_SRC,
		NFBIND_CT_REPL_PORT_DST, NFBIND_CT_REPL_ZONE,      NFBIND_CT_STATUS,
		NFBIND_CT_MARK,          NFBIND_CT_ZONE,           NFBIND_CT_TCP_STATE,
		NFBIND_CT_TIMEOUT,       NFBIND_CT_ID,             NFBIND_CT_MASTER_PORT_DST,
	};
	static const uint32_t addresses[] = { NFBIND_CT_ORIG_SRC, NFBIND_CT_ORIG_DST,
					      NFBIND_CT_REPL_SRC, NFBIND_CT_REPL_DST };
	size_t len = unit_random(2) ? 4 : 16;
	struct nfbind_ct *ct;
	uint8_t bytes[16];
	const char *name;

	ck_assert_int_eq(nfbind_ct_new(&ct), 0);
	for (size_t i = 0; i < COUNT_OF(numbers); i++)
		if (unit_random(4))
			nfbind_ct_set_number(ct, numbers[i], some_number());
	for (size_t i = 0; i < COUNT_OF(addresses); i++) {
		some_address(bytes, len);
		nfbind_ct_set_bytes(ct, addresses[i], bytes, len);
	}
	some_labels(bytes);
	if (unit_random(2))
		nfbind_ct_set_bytes(ct, NFBIND_CT_LABELS, bytes, 16);
	name = some_name();
	if (unit_random(2))
		nfbind_ct_set_bytes(ct, NFBIND_CT_HELPER_NAME, name, strlen(name));
	return ct;
}

void set_one(struct nfbind_filter *filter, uint32_t field, size_t len)
{
	const char *name = some_name();
	uint8_t bytes[16];

	switch (nfbind_fields_get_kind(nfbind_filter_fields(), field)) {
	case NFBIND_KIND_ADDRESS:
		some_address(bytes, len);
		nfbind_filter_set_bytes(filter, field, bytes, len);
		break;
	case NFBIND_KIND_BYTES:
		some_labels(bytes);
		nfbind_filter_set_bytes(filter, field, bytes, 1 + unit_random(16));
		break;
	case NFBIND_KIND_TEXT:
		nfbind_filter_set_bytes(filter, field, name, strlen(name));
		break;
	default:
		nfbind_filter_set_number(filter, field,
					 field == NFBIND_FILTER_L3PROTO ? len == 4 ? 2 : 10 :
									  some_number());
	}
}

static void set_beside(struct nfbind_filter *filter, const struct filter_rule *rule, size_t len)
{
	uint64_t number;

	if (rule->beside == rule->field || unit_random(2))
		return;
	if (rule->kind == FILTER_ADDRESS)
		nfbind_filter_set_number(filter, rule->beside, unit_random((uint32_t)len * 8 + 1));
	else if (rule->kind == FILTER_RANGE &&
		 nfbind_filter_get_number(filter, rule->field, &number) == 0)
		nfbind_filter_set_number(filter, rule->beside, number + unit_random(80));
	else
		set_one(filter, rule->beside, len);
}

/* One that makes sense, of a few fields, or seldom of many. */
struct nfbind_filter *some_filter(void)
{
	struct nfbind_filter *filter = new_filter();
	size_t len = unit_random(2) ? 4 : 16;

	for (uint32_t left = unit_random(20) ? unit_random(4) : unit_random(25); left > 0; left--) {
		const struct filter_rule *rule = &filter_rules[unit_random(filter_rules_count)];

		nfbind_filter_clear(filter, rule->beside);
		set_one(filter, rule->field, len);
		set_beside(filter, rule, len);
		if (filter_problem(filter)) {
			nfbind_filter_clear(filter, rule->field);
			nfbind_filter_clear(filter, rule->beside);
		}
	}
	if (unit_random(4) == 0)
		nfbind_filter_set_number(filter, NFBIND_FILTER_NEGATED, 1);
	ck_assert_ptr_null(filter_problem(filter));
	return filter;
}
