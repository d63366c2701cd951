/* SPDX-License-Identifier: MIT */
/*
 * Announce a connection that is still to come, as a helper does: who matches the tuple
 * belongs to its master then, and rules call it related. It shows the parts of an
 * expectation (master, tuple, mask), its translation, and that the kernel has the last
 * word: what it made of it is fetched and printed.
 *
 *     expect_create -p tcp -s 10.0.0.1 -d 10.0.0.2 --sport 4000 --dport 21 \
 *         --tuple-src 10.0.0.2 --tuple-dst 10.0.0.1 --tuple-dport 4001
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <nfbind/nfbind.h>

#include "common.h"

enum { NOT_SAID = UINT16_MAX + 1, ADDRESS_MAX = 16 };

static const char *proto = "tcp", *src, *dst, *tuple_src, *tuple_dst, *mask_src, *mask_dst;
static const char *nat_src, *helper, *fn;
static uint64_t sport = NOT_SAID, dport = NOT_SAID, tuple_sport = NOT_SAID, tuple_dport = NOT_SAID;
static uint64_t nat_port, zone, timeout_seconds, class, permanent, inactive, change, json;

static const struct flag flags[] = {
	{ "-p", "PROTO", "transport protocol of both: tcp (default), udp or a number", NULL, &proto },
	{ "-s", "IP", "the master's source address", NULL, &src },
	{ "-d", "IP", "the master's destination address", NULL, &dst },
	{ "--sport", "PORT", "the master's source port", &sport, NULL },
	{ "--dport", "PORT", "the master's destination port", &dport, NULL },
	{ "-w", "ZONE", "zone of both", &zone, NULL },
	{ "--tuple-src", "IP", "who will come; with --mask-src a network", NULL, &tuple_src },
	{ "--tuple-dst", "IP", "to whom", NULL, &tuple_dst },
	{ "--tuple-sport", "PORT", "from this port; default any", &tuple_sport, NULL },
	{ "--tuple-dport", "PORT", "to this port", &tuple_dport, NULL },
	{ "--mask-src", "IP", "which bits of its source count; default all", NULL, &mask_src },
	{ "--mask-dst", "IP", "which bits of its destination count; default all", NULL, &mask_dst },
	{ "--nat-src", "IP", "let it arrive at this address instead", NULL, &nat_src },
	{ "--nat-port", "PORT", "and at this port", &nat_port, NULL },
	{ "--helper", "NAME", "of the master; for those with several policies", NULL, &helper },
	{ "--class", "N", "the helper's policy, 0 to 3", &class, NULL },
	{ "--fn", "NAME", "kernel function run on it; with --nat-src nat-follow-master", NULL, &fn },
	{ "-t", "SECONDS", "timeout, where the helper's policy has none", &timeout_seconds, NULL },
	{ "--permanent", NULL, "not used up by the first that comes", &permanent, NULL },
	{ "--inactive", NULL, "made, but not in effect", &inactive, NULL },
	{ "--change", NULL, "change its timeout when it is there already", &change, NULL },
	{ "--json", NULL, "print JSON instead of the line of conntrack -L expect", &json, NULL },
	{ NULL },
};

static const struct manual manual = {
	.name = "expect_create",
	.arguments = "OPTION...",
	.about = "Expect a connection that belongs to another one, its master, which has a helper.",
	.flags = flags,
	.more = "It needs CAP_NET_ADMIN. The master gets its helper from a rule, as\n\n"
		"  iptables -t raw -A PREROUTING -p tcp --dport 21 -j CT --helper ftp\n",
};

/* What the command line says of one field. */
static void set_number(struct nfbind_exp *exp, uint32_t field, uint64_t number, const char *name)
{
	if (nfbind_exp_set_number(exp, field, number) < 0)
		refuse_arguments("a number is too great behind", name);
}

static size_t set_address(struct nfbind_exp *exp, uint32_t field, const char *text, const char *name)
{
	uint8_t bytes[ADDRESS_MAX];
	size_t len = text && strchr(text, ':') ? 16 : 4;

	if (!text)
		refuse_arguments("it has to be said", name);
	if (inet_pton(len == 4 ? AF_INET : AF_INET6, text, bytes) != 1)
		refuse_arguments("not an IPv4 or IPv6 address", text);
	nfbind_exp_set_bytes(exp, field, bytes, len);
	return len;
}

/* All bits count, unless something else was said. */
static void set_mask(struct nfbind_exp *exp, uint32_t field, const char *text, const char *name,
		     size_t len)
{
	static const uint8_t all[ADDRESS_MAX] = { 255, 255, 255, 255, 255, 255, 255, 255,
						  255, 255, 255, 255, 255, 255, 255, 255 };

	if (text)
		set_address(exp, field, text, name);
	else
		nfbind_exp_set_bytes(exp, field, all, len);
}

static uint64_t protocol(void)
{
	if (strcmp(proto, "tcp") == 0 || strcmp(proto, "udp") == 0)
		return *proto == 't' ? 6 : 17;
	return read_number("-p", proto, UINT8_MAX);
}

static void set_port(struct nfbind_exp *exp, uint32_t field, uint64_t port, const char *name)
{
	if (port == NOT_SAID)
		refuse_arguments("it has to be said", name);
	set_number(exp, field, port, name);
}

static void set_master(struct nfbind_exp *exp)
{
	set_address(exp, NFBIND_EXP_MASTER_SRC, src, "-s");
	set_address(exp, NFBIND_EXP_MASTER_DST, dst, "-d");
	set_number(exp, NFBIND_EXP_MASTER_L4PROTO, protocol(), "-p");
	set_port(exp, NFBIND_EXP_MASTER_PORT_SRC, sport, "--sport");
	set_port(exp, NFBIND_EXP_MASTER_PORT_DST, dport, "--dport");
}

/* The kernel reads the mask's ports by the mask's protocol, which is therefore no mask. */
static void set_expected(struct nfbind_exp *exp)
{
	size_t src_len = set_address(exp, NFBIND_EXP_EXPECTED_SRC, tuple_src, "--tuple-src");
	size_t dst_len = set_address(exp, NFBIND_EXP_EXPECTED_DST, tuple_dst, "--tuple-dst");
	uint64_t from = tuple_sport == NOT_SAID ? 0 : tuple_sport;

	set_number(exp, NFBIND_EXP_EXPECTED_L4PROTO, protocol(), "-p");
	set_number(exp, NFBIND_EXP_EXPECTED_PORT_SRC, from, "--tuple-sport");
	set_port(exp, NFBIND_EXP_EXPECTED_PORT_DST, tuple_dport, "--tuple-dport");
	set_mask(exp, NFBIND_EXP_MASK_SRC, mask_src, "--mask-src", src_len);
	set_mask(exp, NFBIND_EXP_MASK_DST, mask_dst, "--mask-dst", dst_len);
	set_number(exp, NFBIND_EXP_MASK_L4PROTO, protocol(), "-p");
	set_number(exp, NFBIND_EXP_MASK_PORT_SRC, from ? UINT16_MAX : 0, "--tuple-sport");
	set_number(exp, NFBIND_EXP_MASK_PORT_DST, UINT16_MAX, "--tuple-dport");
}

/* The kernel's own helpers keep in nat-src and nat-port what the master's side really has. */
static void set_translation(struct nfbind_exp *exp)
{
	size_t len;
	static const uint8_t none[ADDRESS_MAX];

	if (!nat_src)
		return;
	len = set_address(exp, NFBIND_EXP_NAT_SRC, nat_src, "--nat-src");
	nfbind_exp_set_bytes(exp, NFBIND_EXP_NAT_DST, none, len);
	set_number(exp, NFBIND_EXP_NAT_L4PROTO, protocol(), "-p");
	set_number(exp, NFBIND_EXP_NAT_PORT_SRC, nat_port, "--nat-port");
	set_number(exp, NFBIND_EXP_NAT_PORT_DST, 0, "--nat-port");
	/* What comes goes against the direction of its master. */
	nfbind_exp_set_number(exp, NFBIND_EXP_NAT_DIR, 1);
	fn = fn ? fn : "nat-follow-master";
}

static void set_rest(struct nfbind_exp *exp)
{
	uint64_t bits = (permanent ? NFBIND_EXP_FLAG_PERMANENT : 0) |
			(inactive ? NFBIND_EXP_FLAG_INACTIVE : 0);

	if (zone)
		set_number(exp, NFBIND_EXP_ZONE, zone, "-w");
	if (timeout_seconds)
		set_number(exp, NFBIND_EXP_TIMEOUT, timeout_seconds, "-t");
	if (bits)
		nfbind_exp_set_number(exp, NFBIND_EXP_FLAGS, bits);
	set_number(exp, NFBIND_EXP_CLASS, class, "--class");
	if (helper && nfbind_exp_set_bytes(exp, NFBIND_EXP_HELPER_NAME, helper, strlen(helper)) < 0)
		refuse_arguments("too long a name", helper);
	if (fn && nfbind_exp_set_bytes(exp, NFBIND_EXP_FN, fn, strlen(fn)) < 0)
		refuse_arguments("too long a name", fn);
}

static int run(struct nfbind_conntrack *conntrack, struct nfbind_exp *exp)
{
	char text[2048];
	int r;

	if ((r = nfbind_conntrack_open(conntrack, NULL)) < 0)
		return fail_request(conntrack, "opening a session", r);
	r = nfbind_conntrack_add_exp(conntrack, exp, change ? NFBIND_ADD_OR_CHANGE : 0);
	if (r < 0)
		return fail_request(conntrack, "adding", r);
	if ((r = nfbind_conntrack_fetch_exp(conntrack, exp, exp)) < 0)
		return fail_request(conntrack, "it was added, but fetching it", r);
	nfbind_exp_print(exp, json ? NFBIND_FORMAT_JSON : NFBIND_FORMAT_LINE, text, sizeof(text));
	puts(text);
	return 0;
}

int main(int argc, char **argv)
{
	struct nfbind_conntrack *conntrack = NULL;
	struct nfbind_exp *exp = NULL;
	int r, status;

	if ((r = nfbind_exp_new(&exp)) < 0 || (r = nfbind_conntrack_new(&conntrack)) < 0)
		return fail_request(NULL, "starting", r);
	read_arguments(&manual, argc, argv);
	set_master(exp);
	set_expected(exp);
	set_translation(exp);
	set_rest(exp);
	status = run(conntrack, exp);
	nfbind_conntrack_free(conntrack);
	nfbind_exp_free(exp);
	return status;
}
