/* SPDX-License-Identifier: MIT */
/*
 * Random entries; see random_entries.h.
 */
#include "random_entries.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conntrack8.h"

static uint32_t chance;

void start_chance(void)
{
	const char *seed = getenv("NFBIND_SEED");

	chance = seed ? (uint32_t)strtoul(seed, NULL, 0) : 1;
}

uint32_t any(uint32_t count)
{
	chance = chance * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)(chance >> 8) * count >> 24);
}

/* The factors are each other's inverse. */
uint32_t mark_of(uint32_t n)
{
	return (n + 1) * 2654435761u;
}

uint32_t number_of_mark(uint64_t mark)
{
	return (uint32_t)mark * 244002641u - 1;
}

void add_text(char *text, const char *format, ...)
{
	size_t len = strlen(text);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text + len, sizeof(((struct entry *)0)->fields) - len, format, arguments);
	va_end(arguments);
}

static void make_addresses(struct entry *entry, uint32_t n, bool is_v6)
{
	char src[64], dst[64];

	snprintf(src, sizeof(src), is_v6 ? "fd00::%x:%x" : "10.%u.%u.1", n >> 8, n & 255);
	snprintf(dst, sizeof(dst), is_v6 ? "fd01::%x:%x" : "172.16.%u.%u", any(256), any(256));
	add_text(entry->fields, "orig-src=%s orig-dst=%s", src, dst);
	add_text(entry->words, "-s %s -d %s", src, dst);
}

static void make_ports(struct entry *entry, const char *protocol, uint8_t number, const char *src_word,
		       const char *dst_word)
{
	uint32_t src = any(65536), dst = any(65536);

	add_text(entry->fields, " orig-l4proto=%u orig-port-src=%u orig-port-dst=%u", number, src, dst);
	add_text(entry->words, " -p %s %s %u %s %u", protocol, src_word, src, dst_word, dst);
}

static void make_echo(struct entry *entry, bool is_v6)
{
	static const uint8_t types[] = { 8, 13, 15, 17 }, types6[] = { 128, 139 };
	uint32_t type = is_v6 ? types6[any(2)] : types[any(4)], id = any(65536);
	const char *word = is_v6 ? "icmpv6" : "icmp";

	add_text(entry->fields, " orig-l4proto=%u orig-icmp-type=%u orig-icmp-code=0 orig-icmp-id=%u", is_v6 ? 58 : 1,
		 type, id);
	add_text(entry->words, " -p %s --%s-type %u --%s-code 0 --%s-id %u", word, word, type, word, word, id);
}

static void make_tcp(struct entry *entry)
{
	uint32_t state = 1 + any(8);

	make_ports(entry, "tcp", 6, "--sport", "--dport");
	add_text(entry->fields, " tcp-state=%u", state);
	add_text(entry->words, " --state %s", tcp_states[state]);
}

static void make_sctp(struct entry *entry)
{
	/*
	 * conntrack(8) sends the tags as this machine has them, where the kernel wants them as
	 * SCTP has them, and reads no more than a long holds, which may be of 32 bits.
	 */
	uint32_t state = 1 + any(7), first = any(1 << 24) & ~0x80u, second = any(1 << 24) & ~0x80u;

	make_ports(entry, "sctp", 132, "--sport", "--dport");
	add_text(entry->fields, " sctp-state=%u sctp-vtag-orig=%u sctp-vtag-repl=%u", state, first, second);
	add_text(entry->words, " --state %s --orig-vtag %u --reply-vtag %u", sctp_states[state], htonl(first),
		 htonl(second));
}

/* Whether it has ports, so that they can be translated. */
static bool make_protocol(struct entry *entry, bool is_v6)
{
	uint32_t kind = any(8);

	if (kind == 0) {
		make_echo(entry, is_v6);
	} else if (kind == 1) {
		make_ports(entry, "gre", 47, "--srckey", "--dstkey");
	} else if (kind == 2) {
		add_text(entry->fields, " orig-l4proto=99");
		add_text(entry->words, " -p 99");
	} else if (kind == 3) {
		make_sctp(entry);
	} else if (kind < 6) {
		make_ports(entry, "udp", 17, "--sport", "--dport");
	} else {
		make_tcp(entry);
	}
	return kind > 2;
}

static void make_status(struct entry *entry)
{
	static const struct {
		unsigned int bits;
		const char *word;
	} choices[] = {
		{ 8, "" },
		{ 10, " -u SEEN_REPLY" },
		{ 14, " -u SEEN_REPLY,ASSURED" },
		{ 0x40e, " -u SEEN_REPLY,ASSURED,FIXED_TIMEOUT" },
	};
	uint32_t choice = any(4);

	add_text(entry->fields, " status=%u", choices[choice].bits);
	add_text(entry->words, "%s", choices[choice].word);
}

static void make_zone(struct entry *entry)
{
	static const char *const fields[] = { "zone", "orig-zone", "repl-zone" };
	static const char *const words[] = { "-w", "--orig-zone", "--reply-zone" };
	uint32_t choice = any(6), zone = 1 + any(65535);

	if (choice > 2)
		return;
	add_text(entry->fields, " %s=%u", fields[choice], zone);
	add_text(entry->words, " %s %u", words[choice], zone);
}

static void make_labels(struct entry *entry)
{
	uint8_t labels[16] = { 0 };
	uint32_t label = any(128);

	if (any(3) > 0)
		return;
	labels[label / 8] = (uint8_t)(1u << label % 8);
	add_text(entry->fields, " labels=");
	for (size_t i = 0; i < sizeof(labels); i++)
		add_text(entry->fields, "%02x", labels[i]);
	add_text(entry->words, " --label-add l%u", label_of_conntrack8(label));
}

static void make_common(struct entry *entry, uint32_t n, bool has_labels)
{
	uint32_t timeout = 10000 + any(1000000);

	add_text(entry->fields, " timeout=%u mark=%u", timeout, mark_of(n));
	add_text(entry->words, " -t %u", timeout);
	make_status(entry);
	/* Before the status, conntrack(8) would take that for the mark. */
	add_text(entry->words, " -m %u", mark_of(n));
	make_zone(entry);
	if (has_labels)
		make_labels(entry);
}

bool make_entry(struct entry *entry, uint32_t n, bool has_labels, bool *ret_is_v6)
{
	bool is_v6 = any(2);

	*entry = (struct entry){ .fields = "", .words = "-I " };
	make_addresses(entry, n, is_v6);
	*ret_is_v6 = is_v6;
	make_common(entry, n, has_labels);
	return make_protocol(entry, is_v6);
}

void make_translation(struct entry *entry, bool is_v6)
{
	const char *kind = any(2) ? "snat" : "dnat";
	uint32_t last = 1 + any(100), port = 1 + any(60000);

	add_text(entry->fields, is_v6 ? " %s=fd09::%x" : " %s=192.0.2.%u", kind, last);
	if (any(2))
		add_text(entry->fields, is_v6 ? " %s-max=fd09::%x" : " %s-max=192.0.2.%u", kind, last + any(100));
	if (any(2))
		add_text(entry->fields, " %s-port=%u %s-port-max=%u", kind, port, kind, port + any(5000));
}
