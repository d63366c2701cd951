/* SPDX-License-Identifier: MIT */
/*
 * Options that say which connections are meant, with the names that conntrack(8) gives
 * them. The table says which field of the filter each one fills; values that have names
 * are found by asking the library for the names.
 */
#include "common.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL_BYTES = 16 /* of the kernel */ };

enum kind {
	KIND_NUMBER,
	KIND_RANGE,    /* "80" or "80:90"; the field behind is its end */
	KIND_MASKED,   /* "1/0xff"; the field behind is the mask */
	KIND_ADDRESS,  /* "10.0.0.0/8"; the field behind is the prefix */
	KIND_FAMILY,
	KIND_PROTOCOL,
	KIND_STATUS,
	KIND_STATE,
	KIND_LABELS,
	KIND_TEXT,
	KIND_IS,       /* no value: the field becomes `number` */
};

struct option {
	const char *name;
	const char *others; /* that it goes by, each with a space behind */
	enum kind kind;
	uint32_t field;
	const char *value;
	const char *help;
	uint64_t number;
};

/* clang-format off */
static const struct option options[] = {
	{ "-f", "--family ", KIND_FAMILY, NFBIND_FILTER_L3PROTO, "FAMILY", "network protocol: ipv4 or ipv6", 0 },
	{ "-p", "--proto --protonum ", KIND_PROTOCOL, NFBIND_FILTER_L4PROTO, "PROTO", "transport protocol, as tcp or 6", 0 },
	{ "-s", "--src --orig-src ", KIND_ADDRESS, NFBIND_FILTER_ORIG_SRC, "IP[/N]", "source in the original direction", 0 },
	{ "-d", "--dst --orig-dst ", KIND_ADDRESS, NFBIND_FILTER_ORIG_DST, "IP[/N]", "destination in the original direction", 0 },
	{ "-r", "--reply-src ", KIND_ADDRESS, NFBIND_FILTER_REPL_SRC, "IP[/N]", "source in the reply direction", 0 },
	{ "-q", "--reply-dst ", KIND_ADDRESS, NFBIND_FILTER_REPL_DST, "IP[/N]", "destination in the reply direction", 0 },
	{ "--address", "", KIND_ADDRESS, NFBIND_FILTER_ADDRESS, "IP[/N]", "any of these four", 0 },
	{ "--sport", "--orig-port-src ", KIND_RANGE, NFBIND_FILTER_ORIG_PORT_SRC, "P[:P]", "source port, original direction", 0 },
	{ "--dport", "--orig-port-dst ", KIND_RANGE, NFBIND_FILTER_ORIG_PORT_DST, "P[:P]", "destination port, original direction", 0 },
	{ "--reply-port-src", "", KIND_RANGE, NFBIND_FILTER_REPL_PORT_SRC, "P[:P]", "source port, reply direction", 0 },
	{ "--reply-port-dst", "", KIND_RANGE, NFBIND_FILTER_REPL_PORT_DST, "P[:P]", "destination port, reply direction", 0 },
	{ "--port", "", KIND_RANGE, NFBIND_FILTER_PORT, "P[:P]", "any of these four", 0 },
	{ "--icmp-type", "--icmpv6-type ", KIND_NUMBER, NFBIND_FILTER_ICMP_TYPE, "N", "ICMP type, original direction", 0 },
	{ "--icmp-code", "--icmpv6-code ", KIND_NUMBER, NFBIND_FILTER_ICMP_CODE, "N", "ICMP code, original direction", 0 },
	{ "--icmp-id", "--icmpv6-id ", KIND_NUMBER, NFBIND_FILTER_ICMP_ID, "N", "ICMP echo identifier", 0 },
	{ "-m", "--mark ", KIND_MASKED, NFBIND_FILTER_MARK, "M[/MASK]", "mark, in the bits of the mask", 0 },
	{ "-u", "--status ", KIND_STATUS, NFBIND_FILTER_STATUS, "S[,S]", "all of these, as SEEN_REPLY,ASSURED", 0 },
	{ "--state", "", KIND_STATE, NFBIND_FILTER_TCP_STATE, "STATE", "TCP state, as ESTABLISHED", 0 },
	{ "-t", "--timeout ", KIND_RANGE, NFBIND_FILTER_TIMEOUT, "S[:S]", "seconds until it expires", 0 },
	{ "-w", "--zone ", KIND_NUMBER, NFBIND_FILTER_ZONE, "N", "zone", 0 },
	{ "--orig-zone", "", KIND_NUMBER, NFBIND_FILTER_ORIG_ZONE, "N", "zone of the original direction", 0 },
	{ "--reply-zone", "", KIND_NUMBER, NFBIND_FILTER_REPL_ZONE, "N", "zone of the reply direction", 0 },
	{ "-l", "--label ", KIND_LABELS, NFBIND_FILTER_LABELS, "L[,L]", "all of these labels: names of connlabel.conf, or bits", 0 },
	{ "--helper", "", KIND_TEXT, NFBIND_FILTER_HELPER_NAME, "NAME", "helper; \"\": without one", 0 },
	{ "-n", "--src-nat ", KIND_IS, NFBIND_FILTER_TRANSLATED, NULL, "source translated", NFBIND_FILTER_TRANSLATED_SRC },
	{ "-g", "--dst-nat ", KIND_IS, NFBIND_FILTER_TRANSLATED, NULL, "destination translated",
	  NFBIND_FILTER_TRANSLATED_DST },
	{ "-j", "--any-nat ", KIND_IS, NFBIND_FILTER_TRANSLATED, NULL, "either translated",
	  NFBIND_FILTER_TRANSLATED_SRC | NFBIND_FILTER_TRANSLATED_DST },
	{ "--not", "", KIND_IS, NFBIND_FILTER_NEGATED, NULL, "all but those that the other options describe", 1 },
};
/* clang-format on */

void print_filter_help(void)
{
	printf("Which connections; several options narrow it down:\n\n");
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		printf("  %-16s %-8s %s\n", options[i].name,
		       options[i].value ? options[i].value : "", options[i].help);
	putchar('\n');
}

static void set_number(struct nfbind_filter *filter, const struct option *option, uint32_t field,
		       uint64_t number)
{
	if (nfbind_filter_set_number(filter, field, number) < 0)
		refuse_arguments("a number is too great behind", option->name);
}

/* Two parts with this character between: the first one is cut off, the second returned. */
static char *cut(char *text, char separator)
{
	char *second = strchr(text, separator);

	if (second)
		*second++ = '\0';
	return second;
}

static void read_pair(struct nfbind_filter *filter, const struct option *option, char *text,
		      char separator)
{
	char *second = cut(text, separator);

	set_number(filter, option, option->field, read_number(option->name, text, UINT32_MAX));
	if (second)
		set_number(filter, option, option->field + 1,
			   read_number(option->name, second, UINT32_MAX));
}

static void read_address(struct nfbind_filter *filter, const struct option *option, char *text)
{
	char *prefix = cut(text, '/');
	uint8_t bytes[16];
	bool is_v6 = strchr(text, ':') != NULL;

	if (inet_pton(is_v6 ? AF_INET6 : AF_INET, text, bytes) != 1)
		refuse_arguments("not an IPv4 or IPv6 address", text);
	nfbind_filter_set_bytes(filter, option->field, bytes, is_v6 ? 16 : 4);
	if (prefix)
		set_number(filter, option, option->field + 1,
			   read_number(option->name, prefix, is_v6 ? 128 : 32));
}

static uint64_t read_family(const char *text)
{
	if (strcmp(text, "ipv4") == 0 || strcmp(text, "4") == 0)
		return 2;
	if (strcmp(text, "ipv6") == 0 || strcmp(text, "6") == 0)
		return 10;
	refuse_arguments("not a family", text);
}

static uint64_t read_protocol(const char *text)
{
	static const struct {
		const char *name;
		uint8_t number;
	} protocols[] = {
		{ "icmp", 1 },    { "tcp", 6 },    { "udp", 17 },     { "dccp", 33 },
		{ "gre", 47 },    { "icmpv6", 58 }, { "sctp", 132 }, { "udplite", 136 },
	};

	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		if (strcmp(text, protocols[i].name) == 0)
			return protocols[i].number;
	return read_number("-p", text, UINT8_MAX);
}

/* The library's "syn-sent" is SYN_SENT elsewhere. */
static bool is_called(const char *name, const char *text)
{
	while (*name && (tolower((unsigned char)*text) == *name || (*text == '_' && *name == '-'))) {
		name++;
		text++;
	}
	return *name == '\0' && *text == '\0';
}

static uint64_t find_value(uint32_t field, const char *text, bool are_bits)
{
	for (uint64_t i = 0; i < 16; i++) {
		uint64_t value = are_bits ? UINT64_C(1) << i : i;
		const char *name = nfbind_fields_get_value_name(nfbind_ct_fields(), field, value);

		if (name && is_called(name, text))
			return value;
	}
	refuse_arguments(are_bits ? "not a status" : "not a TCP state", text);
}

static uint64_t read_status(char *text)
{
	uint64_t status = 0;

	while (text) {
		char *rest = cut(text, ',');

		status |= find_value(NFBIND_CT_STATUS, text, true);
		text = rest;
	}
	return status;
}

static uint32_t find_label(const struct nfbind_labels *labels, const char *text)
{
	uint32_t bit;

	if (nfbind_labels_find(labels, text, &bit) == 0)
		return bit;
	return (uint32_t)read_number("-l", text, LABEL_BYTES * 8 - 1);
}

/* Each -l adds to those before. */
static void read_labels(struct nfbind_filter *filter, char *text)
{
	uint8_t bytes[LABEL_BYTES] = { 0 };
	struct nfbind_labels *labels = read_label_names();
	const void *before;
	size_t before_len;

	if (nfbind_filter_get_bytes(filter, NFBIND_FILTER_LABELS, &before, &before_len) == 0)
		memcpy(bytes, before, before_len);
	while (text) {
		char *rest = cut(text, ',');
		uint32_t bit = find_label(labels, text);

		bytes[bit / 8] |= (uint8_t)(1 << bit % 8);
		text = rest;
	}
	nfbind_filter_set_bytes(filter, NFBIND_FILTER_LABELS, bytes, sizeof(bytes));
	nfbind_labels_free(labels);
}

static void read_value(struct nfbind_filter *filter, const struct option *option, char *text)
{
	switch (option->kind) {
	case KIND_RANGE:
		read_pair(filter, option, text, ':');
		break;
	case KIND_MASKED:
		read_pair(filter, option, text, '/');
		break;
	case KIND_ADDRESS:
		read_address(filter, option, text);
		break;
	case KIND_LABELS:
		read_labels(filter, text);
		break;
	case KIND_TEXT:
		if (nfbind_filter_set_bytes(filter, option->field, text, strlen(text)) < 0)
			refuse_arguments("too long a name", text);
		break;
	case KIND_FAMILY:
		set_number(filter, option, option->field, read_family(text));
		break;
	case KIND_PROTOCOL:
		set_number(filter, option, option->field, read_protocol(text));
		break;
	case KIND_STATUS:
		set_number(filter, option, option->field, read_status(text));
		break;
	case KIND_STATE:
		set_number(filter, option, option->field,
			   find_value(NFBIND_CT_TCP_STATE, text, false));
		break;
	default:
		set_number(filter, option, option->field,
			   read_number(option->name, text, UINT32_MAX));
	}
}

static bool is_named(const struct option *option, const char *text)
{
	const char *found = strstr(option->others, text);
	size_t len = strlen(text);

	return strcmp(option->name, text) == 0 ||
	       (found && found[len] == ' ' && (found == option->others || found[-1] == ' '));
}

int read_filter_option(struct nfbind_filter *filter, char **argv)
{
	const struct option *option = options;
	char *copy;

	while (!is_named(option, argv[0]))
		if (++option == options + sizeof(options) / sizeof(options[0]))
			return 0;
	if (option->kind == KIND_IS) {
		set_number(filter, option, option->field, option->number);
		return 1;
	}
	if (!argv[1])
		refuse_arguments("a value is missing behind", argv[0]);
	copy = strdup(argv[1]);
	if (!copy)
		abort();
	read_value(filter, option, copy);
	free(copy);
	return 2;
}
