/* SPDX-License-Identifier: MIT */
/*
 * Request sessions over the fake transport: the bytes that they send, and what they
 * make of every kind of answer, whole, cut, late, spoofed, or none.
 */
#include "asking.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/netlink.h>

/* Requests. */

static void sent_is(uint16_t type, uint16_t flags, const char *hex)
{
	const struct fake_send *send = fake_last_sent();
	const struct nlmsghdr *header = (const struct nlmsghdr *)send->data;
	char text[1024] = "";

	ck_assert_uint_eq(header->nlmsg_len, send->len);
	ck_assert_uint_eq(header->nlmsg_type, type);
	ck_assert_uint_eq(header->nlmsg_flags, flags);
	ck_assert_uint_eq(header->nlmsg_pid, 0);
	for (size_t i = NLMSG_HDRLEN; i < send->len; i++)
		sprintf(text + strlen(text), "%02x", send->data[i]);
	ck_assert_str_eq(text, hex);
}

#if __BYTE_ORDER == __LITTLE_ENDIAN
#define TUPLE_HEX(number, src, dst, sport, dport) \
	"3400" number "80" "14000180" "08000100" src "08000200" dst \
	"1c000280" "0500010011000000" "06000200" sport "0000" "06000300" dport "0000"
#define ORIG_HEX TUPLE_HEX("01", "0a000001", "0a000002", "03e8", "0035")
#define REPLY_HEX TUPLE_HEX("02", "0a000002", "0a000001", "0035", "03e8")

START_TEST(test_bytes_of_requests)
{
	struct nfbind_filter *filter;

	answer_error(1, 0, NULL);
	nfbind_ct_set_number(ct, NFBIND_CT_TIMEOUT, 100);
	ck_assert_int_eq(nfbind_conntrack_add_ct(session, ct, 0), 0);
	sent_is(NEW, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
		"02000000" ORIG_HEX REPLY_HEX "0800030000000008" "0800070000000064");
	answer_error(2, 0, NULL);
	ck_assert_int_eq(nfbind_conntrack_add_ct(session, ct, NFBIND_ADD_OR_CHANGE), 0);
	sent_is(NEW, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE,
		"02000000" ORIG_HEX REPLY_HEX "0800030000000008" "0800070000000064");
	answer_error(3, 0, NULL);
	ck_assert_int_eq(nfbind_conntrack_change_ct(session, ct), 0);
	sent_is(NEW, NLM_F_REQUEST | NLM_F_ACK, "02000000" ORIG_HEX "0800070000000064");
	/* A removal names the entry and says nothing else. */
	answer_error(4, 0, NULL);
	nfbind_ct_set_number(ct, NFBIND_CT_ID, 0x11223344);
	nfbind_ct_set_number(ct, NFBIND_CT_ZONE, 5);
	nfbind_ct_set_number(ct, NFBIND_CT_MARK, 5);
	ck_assert_int_eq(nfbind_conntrack_remove_ct(session, ct), 0);
	sent_is(DELETE, NLM_F_REQUEST | NLM_F_ACK,
		"02000000" ORIG_HEX "08000c0011223344" "0600120000050000");
	answer_error(5, 0, NULL);
	ck_assert_int_eq(nfbind_conntrack_flush_ct(session), 0);
	sent_is(DELETE, NLM_F_REQUEST | NLM_F_ACK, "00000000");
	answer_error(6, 0, NULL);
	ck_assert_int_eq(nfbind_conntrack_flush_exp(session, "ftp"), 0);
	sent_is(EXP_DELETE, NLM_F_REQUEST | NLM_F_ACK, "00000000" "0800060066747000");
	/* Lists are numbered from 1 on sockets of their own. */
	answer_done(1, 0, 0);
	ck_assert_int_eq(nfbind_filter_new(&filter), 0);
	nfbind_filter_set_number(filter, NFBIND_FILTER_L3PROTO, 10);
	nfbind_filter_set_number(filter, NFBIND_FILTER_MARK, 0x17);
	nfbind_filter_set_number(filter, NFBIND_FILTER_MARK_MASK, 0xf);
	nfbind_filter_set_number(filter, NFBIND_FILTER_STATUS, 4);
	nfbind_filter_set_number(filter, NFBIND_FILTER_ZONE, 3);
	nfbind_filter_set_number(filter, NFBIND_FILTER_TIMEOUT, 9);
	ck_assert_int_eq(nfbind_conntrack_list_ct(session, filter, NFBIND_LIST_TABLE, 0, &list), 0);
	sent_is(GET, NLM_F_REQUEST | NLM_F_DUMP,
		"0a000000" "0800080000000007" "080015000000000f" "0800030000000004" "08001a0000000004"
		"0600120000030000");
	nfbind_list_free(list);
	/* Of what is negated the kernel is told nothing. */
	nfbind_filter_set_number(filter, NFBIND_FILTER_NEGATED, 1);
	answer_done(1, 0, 0);
	ck_assert_int_eq(nfbind_conntrack_list_ct(session, filter, NFBIND_LIST_TABLE, 0, &list), 0);
	sent_is(GET, NLM_F_REQUEST | NLM_F_DUMP, "00000000");
	nfbind_filter_free(filter);
}
END_TEST
#endif

START_TEST(test_nothing_is_sent_without_a_tuple)
{
	nfbind_ct_clear(ct, NFBIND_CT_ORIG_L4PROTO);
	ck_assert_int_eq(nfbind_conntrack_remove_ct(session, ct), -EINVAL);
	says("a tuple is needed");
	ck_assert_int_eq(fetch(), -EINVAL);
	ck_assert_int_eq(nfbind_conntrack_change_ct(session, ct), -EINVAL);
	ck_assert_int_eq(nfbind_conntrack_add_ct(session, ct, 0), -EINVAL);
	ck_assert_int_eq(nfbind_conntrack_remove_exp(session, expectation), -EINVAL);
	ck_assert_int_eq(nfbind_conntrack_list_exp(session, expectation, &list), -EINVAL);
	ck_assert_int_eq(nfbind_conntrack_add_exp(session, expectation, 0), -EINVAL);
	ck_assert_uint_eq(fake_sent_count(), 0);
}
END_TEST

/* Answers. */

START_TEST(test_error_with_and_without_words)
{
	answer_error(1, -ENOENT, NULL);
	ck_assert_int_eq(fetch(), -ENOENT);
	says("there is no such connection");
	answer_error(2, -EINVAL, "Attribute failed policy validation");
	ck_assert_int_eq(fetch(), -EINVAL);
	says(": Attribute failed policy validation");
	answer_error(3, -524, NULL);
	ck_assert_int_eq(fetch(), -EOPNOTSUPP);
	says("lacks the helper");
	/* An acknowledgement without an entry, and numbers that are no errors. */
	answer_error(4, 0, NULL);
	ck_assert_int_eq(fetch(), -ENOENT);
	answer_error(5, 5, NULL);
	ck_assert_int_eq(fetch(), -EBADMSG);
	answer_error(6, INT32_MIN, NULL);
	ck_assert_int_eq(fetch(), -EBADMSG);
	says("malformed");
	/* The sentence of a success is empty. */
	answer_error(7, 0, NULL);
	ck_assert_int_eq(nfbind_conntrack_flush_ct(session), 0);
	ck_assert_str_eq(sentence(), "");
}
END_TEST

/* Words whose lengths lie are left out, and nothing behind the message is read. */
START_TEST(test_error_words_cut_at_every_length)
{
	uint8_t room[1024] __attribute__((aligned(8)));

	for (size_t cut = NLMSG_HDRLEN; cut <= 64; cut++) {
		uint32_t sequence = (uint32_t)(cut - NLMSG_HDRLEN + 1);
		size_t len = error_message(room, sequence, -EINVAL, "some words of the kernel's");
		uint8_t *exact;

		if (cut > len)
			break;
		((struct nlmsghdr *)room)->nlmsg_len = (uint32_t)cut;
		exact = malloc(cut);
		memcpy(exact, room, cut);
		fake_deliver(exact, cut, 0);
		free(exact);
		ck_assert_int_eq(nfbind_conntrack_flush_ct(session), cut < NLMSG_HDRLEN + 20 ? -EBADMSG : -EINVAL);
		ck_assert_str_ne(sentence(), "");
	}
}
END_TEST

START_TEST(test_fetch_and_skip_what_belongs_to_others)
{
	uint64_t value;

	answer_error(77, -EPERM, NULL); /* of a request that nobody waits for any more */
	answer_fixture("ct-dump-zone.bin", 5, SIZE_MAX, 0);
	answer_fixture("ct-dump-plain.bin", 1, SIZE_MAX, 0);
	answer_error(1, 0, NULL);
	ck_assert_int_eq(fetch(), 0);
	ck_assert_int_eq(nfbind_ct_has(ct, NFBIND_CT_ZONE), 0);
	ck_assert_int_eq(nfbind_ct_get_number(ct, NFBIND_CT_ID, &value), 0);
	ck_assert_uint_eq(fake_waiting(), 0);
}
END_TEST

START_TEST(test_spoofed_answers_are_not_looked_at)
{
	uint8_t room[64] __attribute__((aligned(8)));
	size_t len = error_message(room, 1, -EEXIST, NULL);

	fake_deliver(room, len, 4242);
	answer_error(1, 0, NULL);
	ck_assert_int_eq(nfbind_conntrack_flush_ct(session), 0);
}
END_TEST

START_TEST(test_lost_answer)
{
	ck_assert_int_eq(nfbind_conntrack_flush_ct(session), -ETIMEDOUT);
	says("no answer");
	ck_assert_int_gt(fake.last_timeout, 0);
	/* When it comes after all, it is not the next one's. */
	answer_error(1, -EBUSY, NULL);
	answer_error(2, 0, NULL);
	ck_assert_int_eq(nfbind_conntrack_flush_ct(session), 0);
	fake_deliver_error(-ENOBUFS);
	ck_assert_int_eq(nfbind_conntrack_flush_ct(session), -ENOBUFS);
	says("lost");
	fake_send_result(-EPERM);
	ck_assert_int_eq(nfbind_conntrack_flush_ct(session), -EPERM);
	fake_wait_result(-EINTR);
	ck_assert_int_eq(nfbind_conntrack_flush_ct(session), -EINTR);
}
END_TEST

static size_t fixture_len(const char *name)
{
	size_t len;

	(void)unit_fixture(name, &len);
	return len;
}

START_TEST(test_answer_cut_at_every_length)
{
	static const char *const names[] = { "ct-dump-plain.bin", "ct-get-tcp.bin", "ct-dump-synproxy.bin" };

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		size_t len = fixture_len(names[i]);

		/* A cut datagram: the header's length does not fit. */
		for (size_t cut = 1; cut < len; cut++) {
			struct nfbind_ct *result;
			struct nfbind_conntrack *fresh;

			ck_assert_int_eq(nfbind_conntrack_new(&fresh), 0);
			ck_assert_int_eq(nfbind_conntrack_open(fresh, NULL), 0);
			ck_assert_int_eq(nfbind_ct_new(&result), 0);
			answer_fixture(names[i], 1, cut, 0);
			ck_assert_int_eq(nfbind_conntrack_fetch_ct(fresh, ct, 0, result), -EBADMSG);
			nfbind_ct_free(result);
			nfbind_conntrack_free(fresh);
		}
	}
}
END_TEST

/* The message's length fits, and its attributes do not. */
START_TEST(test_attributes_cut_at_every_length)
{
	size_t len;
	const uint8_t *recorded = unit_fixture("ct-get-tcp.bin", &len);

	for (uint32_t cut = NLMSG_HDRLEN; cut < len; cut++) {
		uint8_t *copy = malloc(cut);
		int r;

		memcpy(copy, recorded, cut);
		((struct nlmsghdr *)copy)->nlmsg_len = cut;
		((struct nlmsghdr *)copy)->nlmsg_seq = 1;
		fake_deliver(copy, cut, 0);
		answer_done(1, 0, 0);
		free(copy);
		r = nfbind_conntrack_list_ct(session, NULL, 0, 0, &list);
		if (cut < NLMSG_HDRLEN + 4) {
			ck_assert_int_eq(r, -EBADMSG);
			fake_tear_down();
			fake_set_up();
			continue;
		}
		ck_assert_int_eq(r, 0);
		r = nfbind_list_next_ct(list, ct);
		ck_assert_msg(r == 0 || r == -EBADMSG, "%u: %d", cut, r);
		ck_assert_int_eq(nfbind_list_next_ct(list, ct), -ENODATA);
		nfbind_list_free(list);
		list = NULL;
	}
}
END_TEST

START_TEST(test_stats)
{
	struct nfbind_conntrack_stats stats;

	answer_fixture("ct-stats.bin", 1, SIZE_MAX, 0);
	answer_error(1, 0, NULL);
	ck_assert_int_eq(nfbind_conntrack_read_stats(session, &stats, sizeof(stats)), 0);
	ck_assert_uint_gt(stats.max_entries, 0);
	answer_error(2, -EINVAL, NULL);
	ck_assert_int_eq(nfbind_conntrack_read_stats(session, &stats, sizeof(stats)), -EINVAL);
	says("no nf_conntrack_netlink");
}
END_TEST

/* Life. */

START_TEST(test_after_fork)
{
	int status, entries = 0;
	pid_t pid;

	answer_fixture("ct-dump-ipv4.bin", 1, SIZE_MAX, 0);
	ck_assert_int_eq(nfbind_conntrack_list_ct(session, NULL, 0, 0, &list), 0);
	ck_assert_int_eq(nfbind_list_next_ct(list, ct), 0);
	/* More of the same datagram is there; it is the parent's, too. */
	pid = fork();
	if (pid == 0)
		_exit(nfbind_conntrack_flush_ct(session) == -ECHILD && fetch() == -ECHILD &&
		      nfbind_conntrack_get_fd(session) == -ECHILD &&
				      strstr(sentence(), "parent process") &&
				      nfbind_list_next_ct(list, ct) == -ECHILD ? 0 : 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	answer_done(1, 0, 0);
	while (nfbind_list_next_ct(list, ct) == 0)
		entries++;
	ck_assert_int_gt(entries, 0);
	ends_with(-ENODATA);
}
END_TEST

START_TEST(test_closed)
{
	struct nfbind_conntrack_stats stats;

	begin();
	ck_assert_int_eq(nfbind_conntrack_open(session, NULL), -EALREADY);
	ck_assert_int_ge(nfbind_conntrack_get_fd(session), 0);
	ck_assert_int_eq(nfbind_conntrack_close(session), 0);
	ck_assert_int_eq(nfbind_conntrack_get_fd(session), -ESHUTDOWN);
	ck_assert_int_eq(nfbind_conntrack_flush_ct(session), -ESHUTDOWN);
	says("not open");
	ck_assert_int_eq(fetch(), -ESHUTDOWN);
	ck_assert_int_eq(nfbind_conntrack_read_stats(session, &stats, sizeof(stats)), -ESHUTDOWN);
	ck_assert_int_eq(nfbind_conntrack_open(session, NULL), -ESHUTDOWN);
	answer_done(1, 0, 0);
	ends_with(-ENODATA);
}
END_TEST

UNIT_MAIN("request", asking_set_up, asking_tear_down,
#if __BYTE_ORDER == __LITTLE_ENDIAN
	  test_bytes_of_requests,
#endif
	  test_nothing_is_sent_without_a_tuple, test_error_with_and_without_words,
	  test_error_words_cut_at_every_length, test_fetch_and_skip_what_belongs_to_others,
	  test_spoofed_answers_are_not_looked_at, test_lost_answer,
	  test_answer_cut_at_every_length, test_attributes_cut_at_every_length, test_stats,
	  test_after_fork, test_closed)
