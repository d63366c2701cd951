/* SPDX-License-Identifier: MIT */
/*
 * Removing what a filter lets through and flushing a family, over the fake transport
 * with a table behind it: what is asked of the kernel, and what is not; lists that break,
 * entries that are gone, that cannot be removed, that the filter leaves out.
 */
#include <nfbind/nfbind.h>

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include "ct.h"
#include "fake_kernel.h"
#include "unit.h"

enum { GET = 0x101, DELETE = 0x102, TABLE = 12, PER_DATAGRAM = 3 };

static struct nfbind_conntrack *session;
static struct nfbind_filter *filter;
static struct nfbind_removal removal;

/* The kernel: entry n has mark n and port n; of IPv6 where n is odd. */
static bool is_there[TABLE];
static int32_t outcome[TABLE];
static uint32_t dump_sequence, dump_next;
static bool is_dumping, refuses_status;
static unsigned int dumps, removals, flushes, probes;
static unsigned int broken_dumps;  /* so many are interrupted */
static bool breaks_by_loss, ends_with_error;
static uint8_t flushed_family, flushed_version, dumped_family;

/* One datagram: the socket of the fake is everybody's, and nobody may read another's. */
static uint8_t datagram[4096] __attribute__((aligned(8)));
static size_t datagram_len;

static void put_entry(uint32_t n)
{
	static const uint8_t address[16] = { 0xfd, 0, 1 };
	static struct message message;
	struct wire_buffer buffer;
	struct nfbind_ct ct = { 0 };

	for (uint32_t field = NFBIND_CT_ORIG_SRC; field <= NFBIND_CT_ORIG_DST; field++)
		nfbind_ct_set_bytes(&ct, field, address, n % 2 ? 16 : 4);
	nfbind_ct_set_number(&ct, NFBIND_CT_ORIG_L4PROTO, 17);
	nfbind_ct_set_number(&ct, NFBIND_CT_ORIG_PORT_SRC, n);
	nfbind_ct_set_number(&ct, NFBIND_CT_ORIG_PORT_DST, n);
	nfbind_ct_set_number(&ct, NFBIND_CT_MARK, n);
	nfbind_ct_set_number(&ct, NFBIND_CT_ID, 1000 + n);
	message_start(&message, 0x100, NLM_F_MULTI, n % 2 ? 10 : 2, 0);
	buffer = (struct wire_buffer){ message.data, sizeof(message.data), message.len, false };
	wire_build(&ct_wires, &ct, &buffer);
	message.len = buffer.len;
	message_end(&message);
	message_number(&message, dump_sequence);
	memcpy(datagram + datagram_len, message.data, message.len);
	datagram_len += message.len;
}

static void end_dump(int32_t error, uint16_t flags)
{
	struct {
		struct nlmsghdr header;
		int32_t error;
	} done = { { sizeof(done), NLMSG_DONE, (uint16_t)(NLM_F_MULTI | flags), dump_sequence, 0 }, error };

	is_dumping = false;
	fake_deliver(&done, sizeof(done), 0);
}

/* As a real dump, it goes on when the reader has read. */
static void go_on(int32_t timeout)
{
	(void)timeout;
	if (!is_dumping)
		return;
	if (broken_dumps > 0 && dump_next >= PER_DATAGRAM) {
		broken_dumps--;
		is_dumping = false;
		if (breaks_by_loss)
			fake_deliver_error(-ENOBUFS);
		else
			end_dump(0, NLM_F_DUMP_INTR);
		return;
	}
	datagram_len = 0;
	for (; dump_next < TABLE && (datagram_len == 0 || dump_next % PER_DATAGRAM); dump_next++)
		if (is_there[dump_next])
			put_entry(dump_next);
	if (datagram_len > 0)
		fake_deliver(datagram, datagram_len, 0);
	else
		end_dump(ends_with_error ? -ENOMEM : 0, 0);
}

static void take_dump(const struct nlmsghdr *message)
{
	size_t len;
	bool is_probe = attribute_find((const uint8_t *)message + 20, message->nlmsg_len - 20,
				       KERNEL_CTA_STATUS_MASK, &len) != NULL;

	if (is_probe)
		probes++;
	if (is_probe && refuses_status) {
		kernel_answer(message, -EINVAL);
		return;
	}
	dumps += !is_probe;
	dumped_family = ((const uint8_t *)message)[NLMSG_HDRLEN];
	dump_sequence = message->nlmsg_seq;
	dump_next = 0;
	is_dumping = true;
}

static void take_removal(const struct nlmsghdr *message)
{
	const uint8_t *attributes = (const uint8_t *)message + 20;
	uint32_t n = attribute_u32(attributes, message->nlmsg_len - 20, KERNEL_CTA_ID) - 1000;

	ck_assert_uint_lt(n, TABLE);
	removals++;
	if (outcome[n] == 0)
		is_there[n] = false;
	if (outcome[n] < 0 || message->nlmsg_flags & NLM_F_ACK)
		kernel_answer(message, outcome[n]);
}

static void take(int fd, const uint8_t *data, size_t message_len)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)data;
	size_t len;

	(void)fd;
	(void)message_len;
	if (message->nlmsg_type == GET && message->nlmsg_flags & NLM_F_DUMP) {
		take_dump(message);
	} else if (attribute_find(data + 20, message->nlmsg_len - 20, KERNEL_CTA_TUPLE_ORIG, &len)) {
		ck_assert_uint_eq(message->nlmsg_type, DELETE);
		take_removal(message);
	} else {
		flushes++;
		flushed_family = data[NLMSG_HDRLEN];
		flushed_version = data[NLMSG_HDRLEN + 1];
		kernel_answer(message, 0);
	}
}

static void set_up(void)
{
	fake_set_up();
	fake.on_message = take;
	fake.on_wait = go_on;
	ck_assert_int_eq(nfbind_conntrack_new(&session), 0);
	ck_assert_int_eq(nfbind_conntrack_open(session, NULL), 0);
	ck_assert_int_eq(nfbind_filter_new(&filter), 0);
	/* Marks 4 to 7. */
	nfbind_filter_set_number(filter, NFBIND_FILTER_MARK, 4);
	nfbind_filter_set_number(filter, NFBIND_FILTER_MARK_MASK, 12);
	for (int n = 0; n < TABLE; n++) {
		is_there[n] = true;
		outcome[n] = 0;
	}
	memset(&removal, 0, sizeof(removal));
	is_dumping = refuses_status = breaks_by_loss = ends_with_error = false;
	dumps = removals = flushes = probes = broken_dumps = 0;
}

static void tear_down(void)
{
	nfbind_filter_free(filter);
	nfbind_conntrack_free(session);
	fake_tear_down();
}

static int remove_with(uint32_t flags)
{
	return nfbind_conntrack_remove_matching_ct(session, filter, flags, &removal, sizeof(removal));
}

static const char *sentence(void)
{
	static char text[600];

	nfbind_conntrack_last_message(session, text, sizeof(text));
	return text;
}

/* This kernel looks at no part of the filter: it lists everything. */
START_TEST(test_remove_matching_takes_no_other)
{
	ck_assert_int_eq(remove_with(0), 0);
	for (int n = 0; n < TABLE; n++)
		ck_assert_int_eq(is_there[n], n < 4 || n > 7);
	ck_assert_uint_eq(removal.matched, 4);
	ck_assert_uint_eq(removal.removed, 4);
	ck_assert_uint_eq(removals, 4);
	ck_assert_uint_eq(flushes, 0);
	/* What a datagram brought is removed before the next one is read: 4 and 5, then 6 and 7. */
	ck_assert_uint_eq(fake.sends, 3);
}
END_TEST

START_TEST(test_remove_matching_dry_run_removes_nothing)
{
	broken_dumps = 1;
	ck_assert_int_eq(remove_with(NFBIND_REMOVE_DRY_RUN), 0);
	ck_assert_uint_eq(removal.matched, 4);
	ck_assert_uint_eq(removal.removed, 0);
	ck_assert_uint_eq(removals, 0);
	ck_assert_uint_eq(dumps, 2);
}
END_TEST

START_TEST(test_remove_matching_tells_gone_and_failed_apart)
{
	outcome[4] = -ENOENT;
	outcome[6] = -EBUSY;
	outcome[7] = -ENOMEM;
	ck_assert_int_eq(remove_with(0), 0);
	ck_assert_uint_eq(removal.matched, 4);
	ck_assert_uint_eq(removal.removed, 1);
	ck_assert_uint_eq(removal.gone, 1);
	ck_assert_uint_eq(removal.failed, 2);
	ck_assert_ptr_nonnull(strstr(sentence(), "status"));
}
END_TEST

START_TEST(test_remove_matching_lists_again_when_interrupted)
{
	broken_dumps = 2;
	breaks_by_loss = true;
	ck_assert_int_eq(remove_with(0), 0);
	ck_assert_uint_eq(dumps, 3);
	ck_assert_uint_eq(removal.removed, 4);
	ck_assert_int_eq(removal.error, 0);
}
END_TEST

START_TEST(test_remove_matching_says_when_it_could_not_look_at_all)
{
	broken_dumps = 9;
	ck_assert_int_eq(remove_with(0), -EINTR);
	ck_assert_uint_eq(dumps, 3);
	ck_assert_uint_eq(removals, 0);
	broken_dumps = 0;
	ends_with_error = true;
	ck_assert_int_eq(remove_with(0), 0);
	ck_assert_uint_eq(removal.removed, 4);
	ck_assert_int_eq(removal.error, -ENOMEM);
	/* Nothing is left to remove: then it is an error. */
	ck_assert_int_eq(remove_with(0), -ENOMEM);
}
END_TEST

START_TEST(test_remove_matching_goes_on_after_a_signal)
{
	fake_wait_result(-EINTR);
	ck_assert_int_eq(remove_with(0), 0);
	ck_assert_uint_eq(removal.removed, 4);
}
END_TEST

START_TEST(test_remove_matching_of_an_empty_table)
{
	memset(is_there, 0, sizeof(is_there));
	ck_assert_int_eq(remove_with(0), 0);
	ck_assert_uint_eq(removal.matched, 0);
	nfbind_filter_clear(filter, NFBIND_FILTER_MARK);
	ck_assert_int_eq(remove_with(0), -EINVAL);
	nfbind_filter_clear(filter, NFBIND_FILTER_MARK_MASK);
	ck_assert_int_eq(remove_with(0), -EINVAL);
	ck_assert_ptr_nonnull(strstr(sentence(), "says nothing"));
}
END_TEST

START_TEST(test_flush_family_where_the_kernel_can)
{
	refuses_status = true;
	ck_assert_int_eq(nfbind_conntrack_flush_family_ct(session, 10), 0);
	ck_assert_uint_eq(flushes, 1);
	ck_assert_uint_eq(flushed_family, 10);
	ck_assert_uint_eq(flushed_version, 1);
	ck_assert_int_eq(nfbind_conntrack_flush_family_ct(session, 2), 0);
	ck_assert_uint_eq(flushed_family, 2);
	/* It is found out once. */
	ck_assert_uint_eq(probes, 1);
	ck_assert_uint_eq(dumps, 0);
	ck_assert_str_eq(sentence(), "");
}
END_TEST

START_TEST(test_flush_family_where_the_kernel_would_flush_all)
{
	ck_assert_int_eq(nfbind_conntrack_flush_family_ct(session, 10), 0);
	ck_assert_uint_eq(flushes, 0);
	ck_assert_uint_eq(probes, 1);
	ck_assert_uint_eq(dumped_family, 10);
	for (int n = 0; n < TABLE; n++)
		ck_assert_int_eq(is_there[n], n % 2 == 0);
	outcome[2] = -EBUSY;
	ck_assert_int_eq(nfbind_conntrack_flush_family_ct(session, 2), -EIO);
	ck_assert_uint_eq(probes, 1);
	ck_assert_int_eq(is_there[2], true);
	ck_assert_int_eq(is_there[4], false);
	ck_assert_int_eq(nfbind_conntrack_flush_family_ct(session, 3), -EINVAL);
	ck_assert_int_eq(nfbind_conntrack_flush_family_ct(NULL, 2), -EINVAL);
}
END_TEST

UNIT_MAIN("remove", set_up, tear_down, test_remove_matching_takes_no_other,
	  test_remove_matching_dry_run_removes_nothing,
	  test_remove_matching_tells_gone_and_failed_apart,
	  test_remove_matching_lists_again_when_interrupted,
	  test_remove_matching_says_when_it_could_not_look_at_all,
	  test_remove_matching_goes_on_after_a_signal, test_remove_matching_of_an_empty_table,
	  test_flush_family_where_the_kernel_can, test_flush_family_where_the_kernel_would_flush_all)
