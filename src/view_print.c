/* SPDX-License-Identifier: MIT */
/*
 * The protocol part of a packet's readable line: who sends what to whom, as far as
 * the bytes that are there say so.
 */
#include "view.h"

#include <inttypes.h>
#include <string.h>

#include <arpa/inet.h>

static const struct value_name protocol_names[] = {
	{ PROTOCOL_ICMP, "ICMP" },	   { PROTOCOL_TCP, "TCP" },   { PROTOCOL_UDP, "UDP" },
	{ PROTOCOL_DCCP, "DCCP" },	   { PROTOCOL_ICMPV6, "ICMPv6" }, { PROTOCOL_SCTP, "SCTP" },
	{ PROTOCOL_UDPLITE, "UDP-Lite" }, { 0, NULL },
};

static const struct value_name icmp_names[] = {
	{ 0, "echo-reply" },	  { 3, "destination-unreachable" },
	{ 4, "source-quench" },	  { 5, "redirect" },
	{ 8, "echo-request" },	  { 9, "router-advertisement" },
	{ 10, "router-solicitation" }, { 11, "time-exceeded" },
	{ 12, "parameter-problem" },   { 13, "timestamp-request" },
	{ 14, "timestamp-reply" },     { 0, NULL },
};

static const struct value_name icmpv6_names[] = {
	{ 1, "destination-unreachable" }, { 2, "packet-too-big" },
	{ 3, "time-exceeded" },		  { 4, "parameter-problem" },
	{ 128, "echo-request" },	  { 129, "echo-reply" },
	{ 130, "listener-query" },	  { 131, "listener-report" },
	{ 132, "listener-done" },	  { 133, "router-solicitation" },
	{ 134, "router-advertisement" },  { 135, "neighbour-solicitation" },
	{ 136, "neighbour-advertisement" }, { 137, "redirect" },
	{ 143, "listener-report-2" },	  { 0, NULL },
};

static const char *find_name(const struct value_name *names, uint64_t value)
{
	for (; names->name; names++)
		if (names->value == value)
			return names->name;
	return NULL;
}

/* An address, with its port where the packet has one. */
static void print_end(const struct nfbind_packet *packet, const struct view *view,
		      uint32_t address_field, uint32_t port_field, struct text *text)
{
	char name[INET6_ADDRSTRLEN] = "?";
	const void *address;
	bool has_port;
	size_t len;
	uint64_t port;

	if (view_get_bytes(packet, address_field, &address, &len) == 0)
		inet_ntop(view->version == 4 ? AF_INET : AF_INET6, address, name, sizeof(name));
	has_port = view_get_number(packet, port_field, &port) == 0;
	if (!has_port)
		text_add(text, " %s", name);
	else if (view->version == 4)
		text_add(text, " %s:%" PRIu64, name, port);
	else
		text_add(text, " [%s]:%" PRIu64, name, port);
}

/* A number field, after a word that says which. */
static bool print_number(const struct nfbind_packet *packet, uint32_t field, const char *word,
			 struct text *text)
{
	uint64_t value;

	if (view_get_number(packet, field, &value) < 0)
		return false;
	text_add(text, " %s %" PRIu64, word, value);
	return true;
}

static void print_tcp(const struct nfbind_packet *packet, struct text *text)
{
	static const char *const names[] = { "FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR" };
	const char *separator = "";
	uint64_t flags;

	if (view_get_number(packet, NFBIND_PACKET_TCP_FLAGS, &flags) == 0) {
		text_add(text, " [");
		for (unsigned int i = 0; i < 8; i++) {
			if (!(flags >> i & 1))
				continue;
			text_add(text, "%s%s", separator, names[i]);
			separator = " ";
		}
		text_add(text, "]");
	} else {
		flags = 0;
	}
	print_number(packet, NFBIND_PACKET_TCP_SEQ, "seq", text);
	if (flags & NFBIND_TCP_FLAG_ACK)
		print_number(packet, NFBIND_PACKET_TCP_ACK, "ack", text);
	print_number(packet, NFBIND_PACKET_TCP_WINDOW, "win", text);
}

static void print_icmp(const struct nfbind_packet *packet, const struct view *view,
		       struct text *text)
{
	uint64_t type, code;
	const char *name;

	if (view_get_number(packet, NFBIND_PACKET_ICMP_TYPE, &type) < 0)
		return;
	name = find_name(view->version == 4 ? icmp_names : icmpv6_names, type);
	if (name)
		text_add(text, " %s", name);
	else
		text_add(text, " type %" PRIu64, type);
	if (print_number(packet, NFBIND_PACKET_ICMP_ID, "id", text))
		print_number(packet, NFBIND_PACKET_ICMP_SEQ, "seq", text);
	else if (view_get_number(packet, NFBIND_PACKET_ICMP_CODE, &code) == 0 && (code || !name))
		text_add(text, " code %" PRIu64, code);
}

static void print_fragment(const struct nfbind_packet *packet, const struct view *view,
			   struct text *text)
{
	text_add(text, " fragment");
	print_number(packet, NFBIND_PACKET_IP_ID, "id", text);
	text_add(text, " offset %u%s", view->fragment_offset, view->more_fragments ? " more" : "");
}

void view_print(const struct nfbind_packet *packet, struct text *text)
{
	const char *name = NULL;
	struct view view;

	if (view_of(packet, &view) < 0) {
		text_add(text, packet->payload_len > 0 ? "no IP packet" : "no payload");
		return;
	}
	if (view.has_protocol)
		name = find_name(protocol_names, view.protocol);
	text_add(text, "%s", name ? name : view.version == 4 ? "IPv4" : "IPv6");
	print_end(packet, &view, NFBIND_PACKET_IP_SRC, NFBIND_PACKET_PORT_SRC, text);
	text_add(text, " >");
	print_end(packet, &view, NFBIND_PACKET_IP_DST, NFBIND_PACKET_PORT_DST, text);
	if (!name && view.has_protocol)
		text_add(text, " protocol %u", view.protocol);
	print_tcp(packet, text);
	print_icmp(packet, &view, text);
	if (view.is_fragment)
		print_fragment(packet, &view, text);
	if (view.l4_payload != 0)
		text_add(text, " len %" PRIu32, view.l4_end - view.l4_payload);
	else
		text_add(text, " len %" PRIu32, view.end - view.headers_end);
}
