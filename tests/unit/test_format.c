/* SPDX-License-Identifier: MIT */
/*
 * The lines and elements that people and scripts know from conntrack(8): each expected
 * text is what conntrack(8) 1.4.7 printed for such an entry. What it prints for others
 * is compared with it in tests/live/test_formats.c.
 */
#include <stdio.h>
#include <time.h>

#include <nfbind/nfbind.h>

#include "unit.h"

static struct nfbind_ct *ct;
static struct nfbind_exp *expectation;
static struct nfbind_labels *labels;
static char text[4096];

static void set_up(void)
{
	setenv("TZ", "UTC", 1);
	tzset();
	ck_assert(nfbind_ct_new(&ct) == 0 && nfbind_exp_new(&expectation) == 0 &&
		  nfbind_labels_new(&labels) == 0 && nfbind_labels_add(labels, 0, "zero") == 0 &&
		  nfbind_labels_add(labels, 5, "five<") == 0);
}

static void tear_down(void)
{
	nfbind_ct_free(ct);
	nfbind_exp_free(expectation);
	nfbind_labels_free(labels);
}

static void ct_is(const char *json)
{
	ck_assert_msg(nfbind_ct_parse(ct, NFBIND_FORMAT_JSON, labels, json, text,
				      sizeof(text)) == 0, "%s", text);
}

static void prints(uint32_t format, uint32_t flags, const struct nfbind_labels *with,
		   const char *expected)
{
	int len = nfbind_ct_print(ct, format, flags, with, text, sizeof(text));

	ck_assert_str_eq(text, expected);
	ck_assert_int_eq(len, (int)strlen(expected));
}

static void line_is(const char *expected)
{
	prints(NFBIND_FORMAT_LINE, 0, NULL, expected);
}

#define TCP "\"orig-src\":\"1.2.3.4\",\"orig-dst\":\"5.6.7.8\",\"orig-l3proto\":2," \
	    "\"orig-l4proto\":6,\"orig-port-src\":1,\"orig-port-dst\":2,\"repl-src\":\"5.6.7.8\"," \
	    "\"repl-dst\":\"1.2.3.4\",\"repl-l3proto\":2,\"repl-l4proto\":6,\"repl-port-src\":2," \
	    "\"repl-port-dst\":1"

START_TEST(test_format_line_of_everything)
{
	ct_is("{" TCP ",\"status\":14,\"timeout\":5,\"tcp-state\":3,\"mark\":5,\"secctx\":\"s\","
	      "\"zone\":3,\"use\":2,\"id\":4,\"helper-name\":\"ftp\",\"orig-zone\":2,\"repl-zone\":3,"
	      "\"timestamp-start\":1700000000000000000,\"timestamp-stop\":1700000009000000000,"
	      "\"labels\":[0,1,5],\"orig-counter-packets\":5,\"orig-counter-bytes\":6,"
	      "\"repl-counter-packets\":7,\"repl-counter-bytes\":18446744073709551615}");
#define MOST "tcp      6 5 ESTABLISHED src=1.2.3.4 dst=5.6.7.8 sport=1 dport=2 zone-orig=2 " \
	     "packets=5 bytes=6 src=5.6.7.8 dst=1.2.3.4 sport=2 dport=1 zone-reply=3 " \
	     "packets=7 bytes=18446744073709551615 [ASSURED] mark=5 secctx=s zone=3 delta-time=9"
	line_is(MOST " helper=ftp use=2");
	prints(NFBIND_FORMAT_EXTENDED, 0, NULL, "ipv4     2 " MOST " helper=ftp use=2");
	prints(NFBIND_FORMAT_LINE, NFBIND_PRINT_ID, labels,
	       MOST " helper=ftp use=2 id=4 labels=zero,five<");
	prints(NFBIND_FORMAT_LINE, NFBIND_PRINT_TIMESTAMP, NULL,
	       MOST " [start=Tue Nov 14 22:13:20 2023] [stop=Tue Nov 14 22:13:29 2023] helper=ftp use=2");
	nfbind_ct_set_bytes(ct, NFBIND_CT_LABELS, NULL, 0);
	prints(NFBIND_FORMAT_LINE, 0, labels, MOST " helper=ftp use=2 labels");
}
END_TEST

START_TEST(test_format_line_of_every_protocol)
{
	ct_is("{\"orig-src\":\"fd00::1\",\"orig-dst\":\"fd00::2\",\"orig-l3proto\":10,\"orig-l4proto\":58,"
	      "\"orig-icmp-type\":128,\"orig-icmp-code\":0,\"orig-icmp-id\":9,\"repl-src\":\"fd00::2\","
	      "\"repl-dst\":\"fd00::1\",\"repl-l4proto\":58,\"repl-icmp-type\":129,\"repl-icmp-code\":0,"
	      "\"repl-icmp-id\":9,\"status\":8,\"timeout\":997}");
	prints(NFBIND_FORMAT_EXTENDED, 0, NULL,
	       "ipv6     10 icmpv6   58 997 src=fd00::1 dst=fd00::2 type=128 code=0 id=9 [UNREPLIED] "
	       "src=fd00::2 dst=fd00::1 type=129 code=0 id=9");
	ct_is("{\"orig-src\":\"1.2.3.4\",\"orig-dst\":\"5.6.7.8\",\"orig-l4proto\":47,\"orig-port-src\":1,"
	      "\"orig-port-dst\":255,\"repl-src\":\"5.6.7.8\",\"repl-dst\":\"1.2.3.4\",\"repl-l4proto\":47,"
	      "\"repl-port-src\":255,\"repl-port-dst\":1,\"status\":10}");
	line_is("gre      47 src=1.2.3.4 dst=5.6.7.8 srckey=0x1 dstkey=0xff src=5.6.7.8 dst=1.2.3.4 "
		"srckey=0xff dstkey=0x1");
	ct_is("{\"orig-src\":\"1.2.3.4\",\"orig-dst\":\"5.6.7.8\",\"orig-l4proto\":99,\"mark\":0}");
	line_is("unknown  99 src=1.2.3.4 dst=5.6.7.8 mark=0");
	/* A kernel without DCCP sends no ports of it. */
	ct_is("{\"orig-src\":\"1.2.3.4\",\"orig-dst\":\"5.6.7.8\",\"orig-l4proto\":33}");
	line_is("dccp     33 src=1.2.3.4 dst=5.6.7.8 sport=0 dport=0");
	ct_is("{}");
	line_is("");
}
END_TEST

START_TEST(test_format_line_of_states_and_status)
{
	static const struct {
		const char *json;
		const char *line;
	} cases[] = {
		{ "{\"orig-l4proto\":6,\"tcp-state\":9}", "tcp      6 SYN_SENT2 sport=0 dport=0" },
		{ "{\"orig-l4proto\":6,\"tcp-state\":200}", "tcp      6 NONE sport=0 dport=0" },
		{ "{\"orig-l4proto\":132,\"sctp-state\":7}",
		  "sctp     132 SHUTDOWN_ACK_SENT sport=0 dport=0" },
		{ "{\"orig-l4proto\":33,\"dccp-state\":3}", "dccp     33 PARTOPEN sport=0 dport=0" },
		{ "{\"status\":16384}", "[UNREPLIED] [OFFLOAD]" },
		{ "{\"status\":[\"seen-reply\",\"assured\",\"offload\",\"hw-offload\"]}", "[HW_OFFLOAD]" },
		{ "{\"status\":[\"assured\"]}", "[UNREPLIED] [ASSURED]" },
		{ "{\"status\":[\"seen-reply\"]}", "" },
		{ "{\"secctx\":\"a\\nb\",\"helper-name\":\"\"}", "secctx=a\\x0ab helper=" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		ct_is(cases[i].json);
		line_is(cases[i].line);
	}
}
END_TEST

START_TEST(test_format_age_counts_to_now)
{
	char expected[64];
	time_t now = time(NULL);

	ct_is("{\"timestamp-start\":1700000000999999999}");
	nfbind_ct_print(ct, NFBIND_FORMAT_LINE, 0, NULL, text, sizeof(text));
	snprintf(expected, sizeof(expected), "delta-time=%lld", (long long)now - 1700000000);
	if (strcmp(text, expected) != 0)
		snprintf(expected, sizeof(expected), "delta-time=%lld", (long long)now - 1699999999);
	ck_assert_str_eq(text, expected);
	/* A clock that was set back. */
	ct_is("{\"timestamp-start\":18446744073709551615}");
	line_is("delta-time=0");
}
END_TEST

START_TEST(test_format_xml)
{
	ct_is("{" TCP ",\"status\":6,\"timeout\":5,\"tcp-state\":3,\"mark\":5,\"secctx\":\"a<b&c\","
	      "\"zone\":3,\"use\":2,\"id\":4,\"helper-name\":\"ftp\",\"orig-zone\":2,"
	      "\"timestamp-start\":1700000000000000000,\"timestamp-stop\":1700000009000000000,"
	      "\"labels\":[0,1,5],\"orig-counter-packets\":5,\"orig-counter-bytes\":6}");
	prints(NFBIND_FORMAT_XML, NFBIND_PRINT_TIMESTAMP, labels,
	       "<flow><meta direction=\"original\"><layer3 protonum=\"2\" protoname=\"ipv4\">"
	       "<src>1.2.3.4</src><dst>5.6.7.8</dst></layer3><layer4 protonum=\"6\" protoname=\"tcp\">"
	       "<sport>1</sport><dport>2</dport></layer4><zone>2</zone><counters><packets>5</packets>"
	       "<bytes>6</bytes></counters></meta><meta direction=\"reply\"><layer3 protonum=\"2\" "
	       "protoname=\"ipv4\"><src>5.6.7.8</src><dst>1.2.3.4</dst></layer3><layer4 protonum=\"6\" "
	       "protoname=\"tcp\"><sport>2</sport><dport>1</dport></layer4></meta>"
	       "<meta direction=\"independent\"><state>ESTABLISHED</state><timeout>5</timeout>"
	       "<mark>5</mark><labels><label>zero</label><label>five&#60;</label></labels>"
	       "<secctx>a&#60;b&#38;c</secctx><zone>3</zone><use>2</use><id>4</id><assured/>"
	       "<timestamp><start>1700000000000000000</start><stop>1700000009000000000</stop></timestamp>"
	       "<deltatime>9</deltatime></meta><helper>ftp</helper></flow>");
	ct_is("{\"orig-l4proto\":132,\"sctp-state\":\"established\"}");
	nfbind_ct_print(ct, NFBIND_FORMAT_XML, 0, NULL, text, sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, "<src></src>"));
	ck_assert_ptr_nonnull(strstr(text, "<state>ESTABLISHED</state></meta></flow>"));
}
END_TEST

START_TEST(test_format_expectations)
{
	static const char json[] =
		"{\"expected-src\":\"1.1.1.3\",\"expected-dst\":\"2.2.2.2\",\"expected-l3proto\":2,"
		"\"expected-l4proto\":17,\"expected-port-src\":3,\"expected-port-dst\":5,"
		"\"mask-src\":\"255.255.255.255\",\"mask-dst\":\"255.255.255.255\",\"mask-l4proto\":17,"
		"\"mask-port-src\":0,\"mask-port-dst\":65535,\"master-src\":\"11.0.0.7\","
		"\"master-dst\":\"5.6.7.8\",\"master-l4proto\":6,\"master-port-src\":1,"
		"\"master-port-dst\":21,\"timeout\":299,\"id\":9,\"helper-name\":\"ftp\",\"flags\":3,"
		"\"class\":0,\"fn\":\"nat-follow-master\"}";
	static const char line[] =
		"299 proto=17 src=1.1.1.3 dst=2.2.2.2 sport=3 dport=5 mask-src=255.255.255.255 "
		"mask-dst=255.255.255.255 sport=0 dport=65535 master-src=11.0.0.7 master-dst=5.6.7.8 "
		"sport=1 dport=21 PERMANENT,INACTIVE class=0 helper=ftp";
	static const uint32_t lines[] = { NFBIND_FORMAT_LINE, NFBIND_FORMAT_EXTENDED,
					  NFBIND_FORMAT_SAVE };

	ck_assert_msg(nfbind_exp_parse(expectation, NFBIND_FORMAT_JSON, json, text,
				       sizeof(text)) == 0, "%s", text);
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		ck_assert_int_eq(nfbind_exp_print(expectation, lines[i], text, sizeof(text)),
				 (int)strlen(line));
		ck_assert_str_eq(text, line);
	}
	nfbind_exp_print(expectation, NFBIND_FORMAT_XML, text, sizeof(text));
	ck_assert_str_eq(text,
		"<flow><layer3 protonum=\"2\" protoname=\"ipv4\"><expected><src>1.1.1.3</src>"
		"<dst>2.2.2.2</dst></expected><mask><src>255.255.255.255</src>"
		"<dst>255.255.255.255</dst></mask><master><src>11.0.0.7</src><dst>5.6.7.8</dst></master>"
		"</layer3><layer4 protonum=\"17\" protoname=\"udp\"><expected><sport>3</sport>"
		"<dport>5</dport></expected><mask><sport>0</sport><dport>65535</dport></mask><master>"
		"<sport>1</sport><dport>21</dport></master></layer4><meta><helper-name>ftp</helper-name>"
		"<timeout>299</timeout><class>0</class><permanent/><inactive/></meta></flow>");
	ck_assert_int_eq(nfbind_exp_print(expectation, NFBIND_FORMAT_JSON + 1, text, sizeof(text)), -EINVAL);
	ck_assert_int_eq(nfbind_exp_print(NULL, NFBIND_FORMAT_LINE, text, sizeof(text)), 0);
	ck_assert_int_eq(nfbind_exp_parse(expectation, NFBIND_FORMAT_SAVE, json, text,
					  sizeof(text)), -EINVAL);
	ck_assert_str_eq(text, "at byte 0: only JSON can be read");
}
END_TEST

/* Every format, in every room that is too small. */
START_TEST(test_format_fits_any_room)
{
	char full[4096];

	ct_is("{" TCP ",\"status\":14,\"timeout\":5,\"tcp-state\":3,\"labels\":[0,5],\"secctx\":\"s\"}");
	for (uint32_t format = 0; format <= NFBIND_FORMAT_JSON; format++) {
		int len = nfbind_ct_print(ct, format, 7, labels, full, sizeof(full));

		ck_assert_int_gt(len, 20);
		ck_assert_int_eq(nfbind_ct_print(ct, format, 7, labels, NULL, 0), len);
		for (size_t size = 1; size <= (size_t)len + 1; size++) {
			memset(text, 'x', sizeof(text));
			ck_assert_int_eq(nfbind_ct_print(ct, format, 7, labels, text, size), len);
			ck_assert_uint_eq(strlen(text), size - 1);
			ck_assert_mem_eq(text, full, size - 1);
			ck_assert_int_eq(text[size], 'x');
		}
	}
	ck_assert_int_eq(nfbind_ct_print(ct, NFBIND_FORMAT_JSON + 1, 0, NULL, text, sizeof(text)), -EINVAL);
	ck_assert_int_eq(nfbind_ct_print(ct, NFBIND_FORMAT_LINE, 8, NULL, text, sizeof(text)), -EINVAL);
	ck_assert_int_eq(nfbind_ct_print(NULL, NFBIND_FORMAT_JSON, 0, NULL, text, sizeof(text)), 0);
}
END_TEST

UNIT_MAIN("format", set_up, tear_down,
	  test_format_line_of_everything,
	  test_format_line_of_every_protocol,
	  test_format_line_of_states_and_status,
	  test_format_age_counts_to_now,
	  test_format_xml,
	  test_format_expectations,
	  test_format_fits_any_room)
