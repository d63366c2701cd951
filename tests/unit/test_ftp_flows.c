/* SPDX-License-Identifier: MIT */
/*
 * The FTP example's memory of connections: bounded, and never more than a cache of what
 * the kernel keeps as their private data.
 */
#include "ftp/flows.h"
#include "unit.h"

static struct ftp_flows flows;
static struct nfbind_ct *ct;

static void number(uint32_t field, uint64_t value)
{
	ck_assert_int_eq(nfbind_ct_set_number(ct, field, value), 0);
}

/* A connection of 10.0.0.2, told from others by its port. */
static void be_connection(uint16_t port)
{
	static const uint8_t client[4] = { 10, 0, 0, 2 }, server[4] = { 10, 0, 1, 2 };

	ck_assert_int_eq(nfbind_ct_set_bytes(ct, NFBIND_CT_ORIG_SRC, client, 4), 0);
	ck_assert_int_eq(nfbind_ct_set_bytes(ct, NFBIND_CT_ORIG_DST, server, 4), 0);
	number(NFBIND_CT_ORIG_L3PROTO, 2);
	number(NFBIND_CT_ORIG_L4PROTO, 6);
	number(NFBIND_CT_ORIG_PORT_SRC, port);
	number(NFBIND_CT_ORIG_PORT_DST, 21);
	ck_assert_int_eq(nfbind_ct_clear(ct, NFBIND_CT_HELPER_INFO), 0);
}

static void have_private(const uint8_t private[FTP_PRIVATE_LEN])
{
	ck_assert_int_eq(nfbind_ct_set_bytes(ct, NFBIND_CT_HELPER_INFO, private, FTP_PRIVATE_LEN), 0);
}

static void set_up(void)
{
	memset(&flows, 0, sizeof(flows));
	ck_assert_int_eq(nfbind_ct_new(&ct), 0);
	be_connection(40000);
}

static void tear_down(void)
{
	nfbind_ct_free(ct);
}

static uint16_t port_of(struct ftp_stream *stream, uint32_t seq, const char *text)
{
	static struct ftp_result result;

	ftp_stream_read(stream, seq, text, strlen(text), NULL, &result);
	return result.has_announcement ? result.announcement.port : 0;
}

START_TEST(test_ftp_flows_find_a_connection_again)
{
	struct ftp_flow *flow = ftp_flows_find(&flows, ct), *other;

	ck_assert_int_eq(flow->streams[0].side, FTP_CLIENT);
	ck_assert_int_eq(flow->streams[1].side, FTP_SERVER);
	ck_assert_ptr_eq(ftp_flows_find(&flows, ct), flow);
	be_connection(40001);
	other = ftp_flows_find(&flows, ct);
	ck_assert_ptr_ne(other, flow);
	number(NFBIND_CT_ZONE, 3);
	ck_assert_ptr_ne(ftp_flows_find(&flows, ct), other);
	be_connection(40000);
	ck_assert_int_eq(nfbind_ct_clear(ct, NFBIND_CT_ZONE), 0);
	ck_assert_ptr_eq(ftp_flows_find(&flows, ct), flow);
}
END_TEST

/* The same tuple, but another connection: what was said before is not its own. */
START_TEST(test_ftp_flows_tell_connections_by_their_number)
{
	struct ftp_flow *flow;

	number(NFBIND_CT_ID, 1);
	flow = ftp_flows_find(&flows, ct);
	ftp_stream_start(&flow->streams[0], 1000);
	number(NFBIND_CT_ID, 2);
	ck_assert_int_eq(ftp_flows_find(&flows, ct)->streams[0].state, FTP_UNKNOWN);
}
END_TEST

START_TEST(test_ftp_flows_go_on_from_what_the_kernel_keeps)
{
	struct ftp_flow *flow = ftp_flows_find(&flows, ct);
	uint8_t private[FTP_PRIVATE_LEN];

	ftp_stream_start(&flow->streams[0], 1000);
	ftp_stream_start(&flow->streams[1], 5000);
	ck_assert_uint_eq(port_of(&flow->streams[0], 1000, "USER x\r\n"), 0);
	ftp_flow_save(flow, private);
	/* The program was started anew. */
	memset(&flows, 0, sizeof(flows));
	have_private(private);
	flow = ftp_flows_find(&flows, ct);
	ck_assert_uint_eq(port_of(&flow->streams[0], 1008, "PORT 10,0,0,2,195,80\r\n"), 50000);
	ck_assert_uint_eq(port_of(&flow->streams[1], 5000, "227 x (10,0,1,2,195,81)\r\n"), 50001);
}
END_TEST

START_TEST(test_ftp_flows_trust_no_other_private_data)
{
	uint8_t private[FTP_PRIVATE_LEN];
	struct ftp_flow *flow = ftp_flows_find(&flows, ct);

	ftp_stream_start(&flow->streams[0], 1000);
	ftp_flow_save(flow, private);
	private[0] ^= 1;
	ftp_flow_forget(flow);
	have_private(private);
	flow = ftp_flows_find(&flows, ct);
	ck_assert_int_eq(flow->streams[0].state, FTP_UNKNOWN);
	ck_assert_uint_eq(port_of(&flow->streams[0], 1000, "PORT 10,0,0,2,195,80\r\n"), 0);
	/* Nor less of it than this program keeps. */
	ftp_flow_forget(flow);
	private[0] ^= 1;
	ck_assert_int_eq(nfbind_ct_set_bytes(ct, NFBIND_CT_HELPER_INFO, private, 5), 0);
	ck_assert_int_eq(ftp_flows_find(&flows, ct)->streams[1].state, FTP_UNKNOWN);
}
END_TEST

START_TEST(test_ftp_flows_forget_who_was_quiet_for_longest)
{
	struct ftp_flow *flow = ftp_flows_find(&flows, ct);

	ftp_stream_start(&flow->streams[0], 1000);
	for (uint32_t i = 0; i < 20 * FTP_FLOWS_MAX; i++) {
		be_connection((uint16_t)(i % 39000));
		ck_assert_int_eq(ftp_flows_find(&flows, ct)->streams[0].state, FTP_UNKNOWN);
		be_connection(40000);
		/* It speaks all the time. */
		ck_assert_ptr_eq(ftp_flows_find(&flows, ct), flow);
		ck_assert_int_eq(flow->streams[0].state, FTP_LINE);
	}
	/* Now the others do. */
	for (uint16_t i = 0; i < 39000; i++) {
		be_connection(i);
		ftp_flows_find(&flows, ct);
	}
	be_connection(40000);
	ck_assert_int_eq(ftp_flows_find(&flows, ct)->streams[0].state, FTP_UNKNOWN);
}
END_TEST

UNIT_MAIN("ftp_flows", set_up, tear_down, test_ftp_flows_find_a_connection_again,
	  test_ftp_flows_tell_connections_by_their_number,
	  test_ftp_flows_go_on_from_what_the_kernel_keeps, test_ftp_flows_trust_no_other_private_data,
	  test_ftp_flows_forget_who_was_quiet_for_longest)
