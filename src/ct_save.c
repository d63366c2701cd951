/* SPDX-License-Identifier: MIT */
/*
 * A connection as a line that conntrack(8) -R reads: the table of its options, and
 * printing by it. conntrack(8) leaves out marks, labels and helpers.
 */
#include "ct_save.h"

#include <endian.h>
#include <inttypes.h>

#include "tuple.h"

#define OPTION(text, more, row_kind, row_field, ...) \
	{ .name = text, .others = more, .kind = SAVE_##row_kind, \
	  .field = NFBIND_CT_##row_field, __VA_ARGS__ }
#define PORT(text, more, row_field) OPTION(text, more, NUMBER, row_field, .values = TUPLE_PORTS)
#define KEY(text, row_field) OPTION(text, "", NUMBER, row_field, .values = TUPLE_KEYS)
#define ICMP(text, row_field, number) OPTION(text, "", NUMBER, row_field, .l4proto = number)

const struct save_option save_options[SAVE_OPTIONS] = {
	OPTION("-A", "--add -I --create", COMMAND, STATUS),
	OPTION("-t", "--timeout", NUMBER, TIMEOUT),
	OPTION("-u", "--status", STATUS, STATUS),
	OPTION("-m", "--mark", MARK, MARK),
	OPTION("-w", "--zone", NUMBER, ZONE),
	OPTION("--orig-zone", "", NUMBER, ORIG_ZONE),
	OPTION("--reply-zone", "", NUMBER, REPL_ZONE),
	OPTION("-f", "--family", FAMILY, ORIG_L3PROTO),
	OPTION("-s", "--src --orig-src", ADDRESS, ORIG_SRC),
	OPTION("-d", "--dst --orig-dst", ADDRESS, ORIG_DST),
	OPTION("-r", "--reply-src", ADDRESS, REPL_SRC),
	OPTION("-g", "--dst-nat", NAT, DNAT),
	OPTION("-q", "--reply-dst", ADDRESS, REPL_DST),
	OPTION("-n", "--src-nat", NAT, SNAT),
	OPTION("-l", "--label --label-add", LABEL, LABELS),
	OPTION("-p", "--proto --protonum", PROTOCOL, ORIG_L4PROTO),
	PORT("--sport", "--orig-port-src", ORIG_PORT_SRC),
	PORT("--dport", "--orig-port-dst", ORIG_PORT_DST),
	PORT("--reply-port-src", "", REPL_PORT_SRC),
	PORT("--reply-port-dst", "", REPL_PORT_DST),
	KEY("--srckey", ORIG_PORT_SRC),
	KEY("--dstkey", ORIG_PORT_DST),
	KEY("--reply-key-src", REPL_PORT_SRC),
	KEY("--reply-key-dst", REPL_PORT_DST),
	ICMP("--icmp-type", ORIG_ICMP_TYPE, 1),
	ICMP("--icmp-code", ORIG_ICMP_CODE, 1),
	ICMP("--icmp-id", ORIG_ICMP_ID, 1),
	ICMP("--icmpv6-type", ORIG_ICMP_TYPE, 58),
	ICMP("--icmpv6-code", ORIG_ICMP_CODE, 58),
	ICMP("--icmpv6-id", ORIG_ICMP_ID, 58),
	OPTION("--state", "", STATE, TCP_STATE, .l4proto = 6),
	OPTION("--state", "", STATE, SCTP_STATE, .l4proto = 132),
	OPTION("--state", "", STATE, DCCP_STATE, .l4proto = 33),
	OPTION("--orig-vtag", "", TAG, SCTP_VTAG_ORIG, .l4proto = 132),
	OPTION("--reply-vtag", "", TAG, SCTP_VTAG_REPL, .l4proto = 132),
	OPTION("--role", "", ROLE, DCCP_ROLE, .l4proto = 33),
};

const struct value_name save_statuses[] = {
	{ NFBIND_CT_STATUS_EXPECTED, "EXPECTED" },
	{ NFBIND_CT_STATUS_SEEN_REPLY, "SEEN_REPLY" },
	{ NFBIND_CT_STATUS_ASSURED, "ASSURED" },
	{ NFBIND_CT_STATUS_FIXED_TIMEOUT, "FIXED_TIMEOUT" },
	{ NFBIND_CT_STATUS_OFFLOAD, "OFFLOAD" },
	{ 0, NULL },
};

static void print_status(uint32_t status, struct text *text)
{
	const char *separator = " -u ";

	for (const struct value_name *name = save_statuses; name->name; name++) {
		if (!(status & name->value))
			continue;
		text_add(text, "%s%s", separator, name->name);
		separator = ",";
	}
	if (*separator == ' ')
		text_add(text, " -u UNSET");
}

static void print_protocol(uint8_t l4proto, struct text *text)
{
	const struct protocol *protocol = tuple_protocol(l4proto);

	if (protocol->values == TUPLE_NOTHING)
		text_add(text, " -p %u", l4proto);
	else
		text_add(text, " -p %s", protocol->name);
}

static void print_option(const struct nfbind_ct *ct, const struct save_option *option,
			 uint32_t translation, struct text *text)
{
	uint64_t value = field_number_or(&ct_fields, ct, option->field, 0);
	const char *name = option->name;
	const void *data;
	size_t data_len;

	switch (option->kind) {
	case SAVE_STATUS:
		print_status(ct->status, text);
		break;
	case SAVE_PROTOCOL:
		print_protocol(ct->orig.l4proto, text);
		break;
	case SAVE_ADDRESS:
		if (option->field == NFBIND_CT_REPL_SRC && translation & NFBIND_CT_TRANSLATION_DNAT)
			name = "-g";
		if (option->field == NFBIND_CT_REPL_DST && translation & NFBIND_CT_TRANSLATION_SNAT)
			name = "-n";
		text_add(text, " %s ", name);
		field_get_bytes(&ct_fields, ct, option->field, &data, &data_len);
		field_print_bytes(&ct_fields.rows[option->field], data, data_len, text);
		break;
	case SAVE_STATE:
		text_add(text, " %s ", name);
		format_state(ct_fields.rows[option->field].values, value, text);
		break;
	case SAVE_ROLE:
		text_add(text, " %s %s", name, value ? "server" : "client");
		break;
	case SAVE_TAG:
		value = htobe32((uint32_t)value);
		/* fall through */
	default:
		text_add(text, " %s %" PRIu64, name, value);
	}
}

static bool is_printed(const struct nfbind_ct *ct, const struct format *format,
		       const struct save_option *option)
{
	if (!format_has(ct, option->field))
		return false;
	if (option->l4proto && ct->orig.l4proto != option->l4proto)
		return false;
	if (option->values && tuple_protocol(ct->orig.l4proto)->values != option->values)
		return false;
	return option->kind < SAVE_NAT ||
	       (option->kind == SAVE_MARK && format->flags & NFBIND_PRINT_MARK);
}

void format_ct_save(const struct nfbind_ct *ct, const struct format *format, struct text *text)
{
	int translation = nfbind_ct_get_translation(ct);

	text_add(text, "-A");
	for (size_t i = 0; i < SAVE_OPTIONS; i++)
		if (is_printed(ct, format, &save_options[i]))
			print_option(ct, &save_options[i], (uint32_t)translation, text);
}
