/* SPDX-License-Identifier: MIT */
/*
 * Entries as options of conntrack(8): the lines that it printed for such entries, the
 * way back, and lines that are none.
 */
#include <endian.h>
#include <stdio.h>

#include <nfbind/nfbind.h>

#include "ct.h"
#include "unit.h"

static struct nfbind_ct *ct, *other;
static struct nfbind_labels *labels;
static char text[4096], message[300];
static uint32_t position;

static void set_up(void)
{
	ck_assert(nfbind_ct_new(&ct) == 0 && nfbind_ct_new(&other) == 0 &&
		  nfbind_labels_new(&labels) == 0 && nfbind_labels_add(labels, 5, "five") == 0);
}

static void tear_down(void)
{
	nfbind_ct_free(ct);
	nfbind_ct_free(other);
	nfbind_labels_free(labels);
}

static int parse(const char *line)
{
	int r = nfbind_ct_parse(ct, NFBIND_FORMAT_SAVE, labels, line, message, sizeof(message));

	position = 999;
	ck_assert(r == 0 || sscanf(message, "at byte %u: ", &position) == 1);
	return r;
}

static void fields_are(const char *expected)
{
	nfbind_ct_print(ct, NFBIND_FORMAT_FIELDS, 0, NULL, text, sizeof(text));
	ck_assert_str_eq(text, expected);
}

static const char *print(uint32_t flags)
{
	int len = nfbind_ct_print(ct, NFBIND_FORMAT_SAVE, flags, NULL, text, sizeof(text));

	ck_assert_int_eq(len, (int)strlen(text));
	return text;
}

/* What conntrack(8) listed, and listed again after it had read its own line. */
static const char *const listed[] = {
	"-A -t 997 -u SEEN_REPLY,ASSURED -s 1.2.3.4 -d 5.6.7.8 -r 5.6.7.8 -q 1.2.3.4 -p tcp --sport 1 "
	"--dport 2 --reply-port-src 2 --reply-port-dst 1 --state ESTABLISHED",
	"-A -t 997 -u FIXED_TIMEOUT -s fd00::1 -d fd00::2 -r fd00::2 -q fd00::1 -p udp --sport 1 --dport 2 "
	"--reply-port-src 2 --reply-port-dst 1",
	"-A -t 997 -u UNSET -w 3 -s 1.2.3.4 -d 5.6.7.8 -r 5.6.7.8 -q 1.2.3.4 -p udp --sport 1 --dport 2 "
	"--reply-port-src 2 --reply-port-dst 1",
	"-A -t 997 -u UNSET --orig-zone 4 -s 1.2.3.4 -d 5.6.7.8 -r 5.6.7.8 -q 1.2.3.4 -p udp --sport 1 "
	"--dport 2 --reply-port-src 2 --reply-port-dst 1",
	"-A -t 997 -u UNSET --reply-zone 4 -s 1.2.3.4 -d 5.6.7.9 -r 5.6.7.9 -q 1.2.3.4 -p udp --sport 1 "
	"--dport 2 --reply-port-src 2 --reply-port-dst 1",
	"-A -t 997 -u UNSET -s 1.2.3.4 -d 5.6.7.8 -r 5.6.7.8 -q 1.2.3.4 -p icmp --icmp-type 8 --icmp-code 0 "
	"--icmp-id 9",
	"-A -t 997 -u UNSET -s fd00::1 -d fd00::2 -r fd00::2 -q fd00::1 -p icmpv6 --icmpv6-type 128 "
	"--icmpv6-code 0 --icmpv6-id 9",
	"-A -t 997 -u UNSET -s 1.2.3.4 -d 5.6.7.8 -r 5.6.7.8 -q 1.2.3.4 -p gre --srckey 1 --dstkey 2 "
	"--reply-key-src 2 --reply-key-dst 1",
	"-A -t 997 -u UNSET -s 1.2.3.4 -d 5.6.7.8 -r 5.6.7.8 -q 1.2.3.4 -p 99",
	"-A -t 997 -u UNSET -s 1.2.3.4 -d 5.6.7.8 -r 5.6.7.8 -q 1.2.3.4 -p dccp",
	"-A -t 997 -u UNSET -s 1.2.3.4 -d 5.6.7.8 -r 5.6.7.8 -q 1.2.3.4 -p udplite --sport 1 --dport 2 "
	"--reply-port-src 2 --reply-port-dst 1",
	"-A -t 997 -u UNSET -s 1.2.3.4 -d 5.6.7.8 -r 5.6.7.8 -q 1.2.3.4 -p sctp --sport 1 --dport 2 "
	"--reply-port-src 2 --reply-port-dst 1 --state ESTABLISHED --orig-vtag 1 --reply-vtag 2",
};

START_TEST(test_save_lines_go_and_return)
{
	for (size_t i = 0; i < COUNT_OF(listed); i++) {
		ck_assert_msg(parse(listed[i]) == 0, "%s: %s", listed[i], message);
		ck_assert_str_eq(print(0), listed[i]);
	}
}
END_TEST

START_TEST(test_save_fills_what_the_line_implies)
{
	ck_assert_int_eq(parse("-A -s fd00::1 -d fd00::2 -r fd00::2 -q fd00::1 -p icmpv6 --icmpv6-type 128 "
			       "--icmpv6-code 0 --icmpv6-id 9\n"), 0);
	fields_are("orig-src=fd00::1 orig-dst=fd00::2 orig-l3proto=10 orig-l4proto=58 orig-icmp-type=128 "
		   "orig-icmp-code=0 orig-icmp-id=9 repl-src=fd00::2 repl-dst=fd00::1 repl-l3proto=10 "
		   "repl-l4proto=58 repl-icmp-type=129 repl-icmp-code=0 repl-icmp-id=9");
	/* Nothing of a reply: it stays open. */
	ck_assert_int_eq(parse("--sport 1 --dport 0x2 -I -p 17 --dst 1.0.0.2 --src 1.0.0.1 -m 0x5/7 -f ipv4 "
			       "-l five,0 --timeout 9 -u OFFLOAD,EXPECTED,UNSET"), 0);
	fields_are("orig-src=1.0.0.1 orig-dst=1.0.0.2 orig-l3proto=2 orig-l4proto=17 orig-port-src=1 "
		   "orig-port-dst=2 status=expected|offload timeout=9 mark=5 mark-mask=7 "
		   "labels=21000000000000000000000000000000");
}
END_TEST

/* conntrack(8) writes -n and -g where its entry is translated. */
START_TEST(test_save_translations)
{
	static const char snat[] = "-A -t 9 -u UNSET -s 1.2.3.5 -d 5.6.7.8 -r 5.6.7.8 -n 9.9.9.9 -p tcp --sport 1 "
				   "--dport 2 --reply-port-src 2 --reply-port-dst 77 --state SYN_SENT";

	ck_assert_int_eq(parse(snat), 0);
	fields_are("orig-src=1.2.3.5 orig-dst=5.6.7.8 orig-l3proto=2 orig-l4proto=6 orig-port-src=1 "
		   "orig-port-dst=2 repl-src=5.6.7.8 repl-dst=1.2.3.5 repl-l3proto=2 repl-l4proto=6 "
		   "repl-port-src=2 repl-port-dst=1 status=0x0 timeout=9 tcp-state=syn-sent snat=9.9.9.9 "
		   "snat-port=77");
	/* The kernel makes this of it. */
	nfbind_ct_clear(ct, NFBIND_CT_SNAT);
	nfbind_ct_clear(ct, NFBIND_CT_SNAT_PORT);
	nfbind_ct_set_bytes(ct, NFBIND_CT_REPL_DST, "\11\11\11\11", 4);
	nfbind_ct_set_number(ct, NFBIND_CT_REPL_PORT_DST, 77);
	nfbind_ct_set_number(ct, NFBIND_CT_STATUS, NFBIND_CT_STATUS_SRC_NAT_DONE);
	ck_assert_str_eq(print(0), snat);
	nfbind_ct_set_number(ct, NFBIND_CT_STATUS, 0);
	ck_assert_ptr_nonnull(strstr(print(0), " -q 9.9.9.9 "));
	ck_assert_int_eq(parse("-A -t 9 -u UNSET -s fd00::1 -d fd00::2 -g fd00::8 -n fd00::9 -p udp --sport 1 "
			       "--dport 2 --reply-port-src 80 --reply-port-dst 1"), 0);
	fields_are("orig-src=fd00::1 orig-dst=fd00::2 orig-l3proto=10 orig-l4proto=17 orig-port-src=1 "
		   "orig-port-dst=2 repl-src=fd00::2 repl-dst=fd00::1 repl-l3proto=10 repl-l4proto=17 "
		   "repl-port-src=2 repl-port-dst=1 status=0x0 timeout=9 snat=fd00::9 snat-port=1 dnat=fd00::8 "
		   "dnat-port=80");
}
END_TEST

START_TEST(test_save_prints_marks_where_asked)
{
	ck_assert_int_eq(parse("-A -t 9 -u UNSET -m 7 -s 1.2.3.4 -d 5.6.7.8 -p 99"), 0);
	ck_assert_str_eq(print(0), "-A -t 9 -u UNSET -s 1.2.3.4 -d 5.6.7.8 -p 99");
	ck_assert_str_eq(print(NFBIND_PRINT_MARK), "-A -t 9 -u UNSET -m 7 -s 1.2.3.4 -d 5.6.7.8 -p 99");
}
END_TEST

/* conntrack(8) takes the tag's four bytes for a number of its machine, both ways. */
START_TEST(test_save_tags_are_swapped_as_there)
{
	ck_assert_int_eq(parse("-A -p sctp --orig-vtag 1"), 0);
	ck_assert_uint_eq(ct->sctp_vtag_orig, htobe32(1));
	ck_assert_str_eq(print(0), "-A -p sctp --orig-vtag 1");
}
END_TEST

START_TEST(test_save_refuses_and_says_where)
{
	static const struct {
		const char *line;
		int error;
		uint32_t position;
		const char *words;
	} bad[] = {
		{ "", -EINVAL, 0, "the line is empty" },
		{ " \n", -EINVAL, 2, "the line is empty" },
		{ "-A -x 1", -EINVAL, 3, "no option of a saved entry is called \"-x\"" },
		{ "-D -s 1.2.3.4", -EINVAL, 0, "is called \"-D\"" },
		{ "hello", -EINVAL, 0, "is called \"hello\"" },
		{ "-A -t", -EINVAL, 5, "a value is expected behind -t, and the text ends" },
		{ "-A -t x", -EINVAL, 6, "a number is expected behind -t, not \"x\"" },
		{ "-A -t -1", -EINVAL, 6, "a number" },
		{ "-A --timeout 4294967296", -ERANGE, 13, "timeout: 4294967296 is more" },
		{ "-A -t 1 --timeout 2", -EINVAL, 8, "-t comes twice" },
		{ "-A -s 1.2.3", -EINVAL, 6, "an IPv4 or IPv6 address is expected behind -s" },
		{ "-A -u DEAD", -EINVAL, 6, "SEEN_REPLY, ASSURED" },
		{ "-A -u ASSURED,", 0, 999, "" },
		{ "-A -u ASSURED,,UNSET", -EINVAL, 14, "SEEN_REPLY" },
		{ "-A -p tpc", -EINVAL, 6, "a protocol's name or number" },
		{ "-A -p 256", -ERANGE, 6, "orig-l4proto: 256" },
		{ "-A -m 1/x", -EINVAL, 8, "a number is expected behind -m" },
		{ "-A -m /", -EINVAL, 6, "a number is expected behind -m" },
		{ "-A -l six", -EINVAL, 6, "a label's name or its bit" },
		{ "-A -l five,128", -EINVAL, 11, "a label's name or its bit" },
		{ "-A -f ipx", -EINVAL, 6, "ipv4 or ipv6" },
		{ "-A -p dccp --role boss", -EINVAL, 18, "client or server" },
		{ "-A -p tcp --state DEAD", -EINVAL, 18, "a state of the line's protocol" },
		{ "-A -p udp --state NONE", -EINVAL, 22, "--state does not go with" },
		{ "-A -p udp --icmp-id 1", -EINVAL, 21, "--icmp-id does not go with" },
		{ "-A -p icmp --sport 1", -EINVAL, 20, "--sport does not go with" },
		{ "-A --sport 1", -EINVAL, 12, "--sport does not go with" },
		{ "-A -s 1.2.3.4 -d ::1", -EINVAL, 20, "orig-dst is of another family" },
		{ "-A -p sctp --orig-vtag 4294967296", -EINVAL, 23, "a number of 32 bits" },
	};

	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		int r = parse(bad[i].line);

		ck_assert_msg(r == bad[i].error, "%s: %d (%s)", bad[i].line, r, message);
		ck_assert_msg(strstr(message, bad[i].words), "%s: %s", bad[i].line, message);
		ck_assert_msg(position == bad[i].position, "%s: at %u (%s)", bad[i].line, position, message);
	}
}
END_TEST

/* Random entries, of all that a line can say. */

static void set(uint32_t field, uint64_t value)
{
	ck_assert_int_eq(nfbind_ct_set_number(ct, field, value), 0);
}

static void set_addresses(bool six)
{
	for (uint32_t i = 0; i < 4; i++) {
		uint8_t address[16];

		for (size_t k = 0; k < sizeof(address); k++)
			address[k] = (uint8_t)unit_random(256);
		nfbind_ct_set_bytes(ct, (i / 2 ? NFBIND_CT_REPL_SRC : NFBIND_CT_ORIG_SRC) + i % 2, address,
				    six ? 16 : 4);
	}
	set(NFBIND_CT_ORIG_L3PROTO, six ? 10 : 2);
	set(NFBIND_CT_REPL_L3PROTO, six ? 10 : 2);
}

static void set_values(uint64_t l4proto)
{
	static const uint16_t ports[] = { NFBIND_CT_ORIG_PORT_SRC, NFBIND_CT_ORIG_PORT_DST,
					  NFBIND_CT_REPL_PORT_SRC, NFBIND_CT_REPL_PORT_DST };

	set(NFBIND_CT_ORIG_L4PROTO, l4proto);
	set(NFBIND_CT_REPL_L4PROTO, l4proto);
	for (size_t i = 0; i < COUNT_OF(ports) && l4proto != 99 && l4proto != 1; i++)
		set(ports[i], unit_random(65536));
	if (l4proto == 1) {
		set(NFBIND_CT_ORIG_ICMP_TYPE, 8);
		set(NFBIND_CT_ORIG_ICMP_CODE, unit_random(256));
		set(NFBIND_CT_ORIG_ICMP_ID, unit_random(65536));
		set(NFBIND_CT_REPL_ICMP_TYPE, 0);
		set(NFBIND_CT_REPL_ICMP_CODE, ct->orig.icmp_code);
		set(NFBIND_CT_REPL_ICMP_ID, ct->orig.icmp_id);
	}
	if (l4proto == 6)
		set(NFBIND_CT_TCP_STATE, unit_random(10));
	if (l4proto == 33) {
		set(NFBIND_CT_DCCP_STATE, unit_random(10));
		set(NFBIND_CT_DCCP_ROLE, unit_random(2));
	}
	if (l4proto == 132) {
		set(NFBIND_CT_SCTP_STATE, unit_random(10));
		set(NFBIND_CT_SCTP_VTAG_ORIG, unit_random(UINT32_MAX));
		set(NFBIND_CT_SCTP_VTAG_REPL, unit_random(UINT32_MAX));
	}
}

START_TEST(test_save_random_entries_go_and_return)
{
	static const uint8_t l4protos[] = { 1, 6, 17, 33, 47, 99, 132, 136 };
	static const uint32_t statuses[] = { 0, 1, 2, 4, 6, 0x400, 0x406, 0x4007 };

	for (unsigned long round = unit_rounds(2000); round > 0; round--) {
		nfbind_ct_free(ct);
		ck_assert_int_eq(nfbind_ct_new(&ct), 0);
		set_addresses(unit_random(2));
		set_values(l4protos[unit_random(COUNT_OF(l4protos))]);
		set(NFBIND_CT_STATUS, statuses[unit_random(COUNT_OF(statuses))]);
		set(NFBIND_CT_MARK, unit_random(UINT32_MAX));
		if (unit_random(2))
			set(NFBIND_CT_TIMEOUT, unit_random(UINT32_MAX));
		if (unit_random(2))
			set(NFBIND_CT_ZONE, unit_random(65536));
		if (unit_random(2))
			set(NFBIND_CT_REPL_ZONE, unit_random(65536));
		ck_assert_int_eq(nfbind_ct_assign(other, ct), 0);
		ck_assert_msg(parse(print(NFBIND_PRINT_MARK)) == 0, "%s: %s", text, message);
		ck_assert_msg(nfbind_ct_equal(ct, other) == 1, "%s", text);
	}
}
END_TEST

/* Each beginning of a line, and each line with a byte changed. */
START_TEST(test_save_damaged_lines_are_refused_or_read)
{
	char damaged[400];

	for (size_t i = 0; i < COUNT_OF(listed); i++) {
		size_t len = strlen(listed[i]);

		for (size_t cut = 0; cut < len; cut++) {
			memcpy(damaged, listed[i], cut);
			damaged[cut] = '\0';
			if (parse(damaged) < 0)
				ck_assert_uint_le(position, cut);
		}
		for (unsigned long round = unit_rounds(500); round > 0; round--) {
			memcpy(damaged, listed[i], len + 1);
			damaged[unit_random((uint32_t)len)] = (char)(1 + unit_random(255));
			ck_assert_int_le(parse(damaged), 0);
		}
	}
}
END_TEST

UNIT_MAIN("save", set_up, tear_down,
	  test_save_lines_go_and_return,
	  test_save_fills_what_the_line_implies,
	  test_save_translations,
	  test_save_prints_marks_where_asked,
	  test_save_tags_are_swapped_as_there,
	  test_save_refuses_and_says_where,
	  test_save_random_entries_go_and_return,
	  test_save_damaged_lines_are_refused_or_read)
