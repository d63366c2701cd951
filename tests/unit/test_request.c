/* SPDX-License-Identifier: MIT */
/*
 * Request sessions over the fake transport: the bytes that they send, and what they
 * make of every kind of answer, whole, cut, late, spoofed, or none.
 */
#include <nfbind/nfbind.h>

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/netlink.h>

#include "fake_kernel.h"
#include "unit.h"

enum { NEW = 0x100, GET = 0x101, DELETE = 0x102, EXP_NEW = 0x200, EXP_GET = 0x201, EXP_DELETE = 0x202 };

static struct nfbind_conntrack *session;
static struct nfbind_ct *ct;
static struct nfbind_exp *expectation;
static struct nfbind_list *list;

static void set_address(uint32_t field, const char *text)
{
	uint8_t bytes[4];

	ck_assert_int_eq(inet_pton(AF_INET, text, bytes), 1);
	ck_assert_int_eq(nfbind_ct_set_bytes(ct, field, bytes, sizeof(bytes)), 0);
}

static void set_up(void)
{
	fake_set_up();
	ck_assert_int_eq(nfbind_conntrack_new(&session), 0);
	ck_assert_int_eq(nfbind_conntrack_open(session, NULL), 0);
	ck_assert_int_eq(nfbind_ct_new(&ct), 0);
	ck_assert_int_eq(nfbind_exp_new(&expectation), 0);
	set_address(NFBIND_CT_ORIG_SRC, "10.0.0.1");
	set_address(NFBIND_CT_ORIG_DST, "10.0.0.2");
	nfbind_ct_set_number(ct, NFBIND_CT_ORIG_L4PROTO, 17);
	nfbind_ct_set_number(ct, NFBIND_CT_ORIG_PORT_SRC, 1000);
	nfbind_ct_set_number(ct, NFBIND_CT_ORIG_PORT_DST, 53);
	list = NULL;
}

static void tear_down(void)
{
	nfbind_list_free(list);
	nfbind_exp_free(expectation);
	nfbind_ct_free(ct);
	nfbind_conntrack_free(session);
	fake_tear_down();
}

static const char *sentence(void)
{
	static char text[600];

	ck_assert_int_ge(nfbind_conntrack_last_message(session, text, sizeof(text)), 0);
	return text;
}

static void says(const char *words)
{
	ck_assert_msg(strstr(sentence(), words) != NULL, "it says: %s", sentence());
}

/* Answers. Every request has one number more than the one before; a list starts with 1. */

/* An error or an acknowledgement, with words where they are not NULL. */
static size_t error_message(uint8_t *to, uint32_t sequence, int32_t error, const char *words)
{
	static struct message message;
	struct nlmsghdr echo = { .nlmsg_len = sizeof(echo), .nlmsg_type = NEW, .nlmsg_seq = sequence };
	struct nlmsghdr *header = (struct nlmsghdr *)to;
	size_t len = NLMSG_HDRLEN;

	memset(header, 0, sizeof(*header));
	memcpy(to + len, &error, 4);
	memcpy(to + len + 4, &echo, sizeof(echo));
	len += 4 + sizeof(echo);
	if (words) {
		message_start(&message, 0, 0, 0, 0);
		message_put(&message, 1, words, strlen(words) + 1);
		memcpy(to + len, message.data + NLMSG_HDRLEN + 4, message.len - NLMSG_HDRLEN - 4);
		len += message.len - NLMSG_HDRLEN - 4;
	}
	header->nlmsg_type = NLMSG_ERROR;
	header->nlmsg_flags = (uint16_t)(0x100 | (words ? 0x200 : 0));
	header->nlmsg_seq = sequence;
	header->nlmsg_len = (uint32_t)len;
	return len;
}

static void answer_error(uint32_t sequence, int32_t error, const char *words)
{
	uint8_t room[1024] __attribute__((aligned(8)));
	size_t len = error_message(room, sequence, error, words);

	fake_deliver(room, len, 0);
}

static void answer_done(uint32_t sequence, int32_t error, uint16_t flags)
{
	struct {
		struct nlmsghdr header;
		int32_t error;
	} done = { { sizeof(done), NLMSG_DONE, (uint16_t)(NLM_F_MULTI | flags), sequence, 0 }, error };

	fake_deliver(&done, sizeof(done), 0);
}

/* A recorded datagram with this sequence number in all of its messages. */
static void answer_fixture(const char *name, uint32_t sequence, size_t cut, uint16_t flags)
{
	size_t len, offset = 0;
	const uint8_t *recorded = unit_fixture(name, &len);
	uint8_t *copy = malloc(len + 1);

	memcpy(copy, recorded, len);
	while (offset + NLMSG_HDRLEN <= len) {
		struct nlmsghdr *message = (struct nlmsghdr *)(copy + offset);

		message->nlmsg_seq = sequence;
		message->nlmsg_flags |= flags;
		offset += NLMSG_ALIGN(message->nlmsg_len);
	}
	fake_deliver(copy, cut < len ? cut : len, 0);
	free(copy);
}

static size_t fixture_len(const char *name)
{
	size_t len;

	(void)unit_fixture(name, &len);
	return len;
}

static int fetch(void)
{
	return nfbind_conntrack_fetch_ct(session, ct, 0, ct);
}

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

/* Lists. */

START_TEST(test_recorded_lists_are_replayed)
{
	char printed[4096];

	for (char **names = unit_fixtures("ct-dump-", ".bin"); *names; names++) {
		if (strcmp(*names, "ct-dump-done.bin") == 0)
			continue;
		answer_fixture(*names, 1, SIZE_MAX, 0);
		answer_fixture("ct-dump-done.bin", 1, SIZE_MAX, 0);
		ck_assert_int_eq(nfbind_conntrack_list_ct(session, NULL, 0, 0, &list), 0);
		ck_assert_int_eq(nfbind_list_next_exp(list, expectation), -EINVAL);
		ck_assert_int_eq(nfbind_list_next_ct(list, ct), 0);
		do
			ck_assert_int_gt(nfbind_ct_print(ct, NFBIND_FORMAT_FIELDS, 0, NULL, printed, sizeof(printed)), 50);
		while (nfbind_list_next_ct(list, ct) == 0);
		ck_assert_int_eq(nfbind_list_next_ct(list, ct), -ENODATA);
		nfbind_list_free(list);
	}
	for (char **names = unit_fixtures("exp-dump-", ".bin"); *names; names++) {
		answer_fixture(*names, 1, SIZE_MAX, 0);
		answer_done(1, 0, 0);
		ck_assert_int_eq(nfbind_conntrack_list_exp(session, NULL, &list), 0);
		ck_assert_int_eq(nfbind_list_next_ct(list, ct), -EINVAL);
		ck_assert_int_eq(nfbind_list_next_exp(list, expectation), 0);
		ck_assert_int_gt(nfbind_exp_print(expectation, NFBIND_FORMAT_FIELDS, printed, sizeof(printed)), 50);
		ck_assert_int_eq(nfbind_list_next_exp(list, expectation), -ENODATA);
		nfbind_list_free(list);
	}
	list = NULL;
}
END_TEST

/* Begin a list with one entry; what follows is the test's. */
static void begin(void)
{
	answer_fixture("ct-dump-plain.bin", 1, SIZE_MAX, 0);
	ck_assert_int_eq(nfbind_conntrack_list_ct(session, NULL, 0, 0, &list), 0);
	ck_assert_int_eq(nfbind_list_next_ct(list, ct), 0);
}

/* It ends so, and stays ended. */
static void ends_with(int error)
{
	ck_assert_int_eq(nfbind_list_next_ct(list, ct), error);
	answer_fixture("ct-dump-plain.bin", 1, SIZE_MAX, 0);
	ck_assert_int_eq(nfbind_list_next_ct(list, ct), error);
	ck_assert_int_eq(nfbind_list_next_ct(list, ct), error);
}

START_TEST(test_list_done_with_an_error)
{
	begin();
	answer_done(1, -ENOMEM, 0);
	ends_with(-ENOMEM);
}
END_TEST

START_TEST(test_list_interrupted)
{
	begin();
	answer_fixture("ct-dump-plain.bin", 1, SIZE_MAX, NLM_F_DUMP_INTR);
	ends_with(-EINTR);
}
END_TEST

START_TEST(test_list_interrupted_at_its_end)
{
	begin();
	answer_done(1, 0, NLM_F_DUMP_INTR);
	ends_with(-EINTR);
}
END_TEST

START_TEST(test_list_goes_on_after_a_signal)
{
	begin();
	fake_wait_result(-EINTR);
	ck_assert_int_eq(nfbind_list_next_ct(list, ct), -EINTR);
	answer_fixture("ct-dump-plain.bin", 1, SIZE_MAX, 0);
	ck_assert_int_eq(nfbind_list_next_ct(list, ct), 0);
	answer_done(1, 0, 0);
	ends_with(-ENODATA);
}
END_TEST

START_TEST(test_list_with_loss)
{
	begin();
	fake_deliver_error(-ENOBUFS);
	ends_with(-ENOBUFS);
}
END_TEST

START_TEST(test_list_malformed)
{
	begin();
	answer_fixture("ct-dump-plain.bin", 1, 90, 0);
	ends_with(-EBADMSG);
}
END_TEST

START_TEST(test_list_without_an_end)
{
	begin();
	ends_with(-ETIMEDOUT);
}
END_TEST

/* What the kernel lists beside the filter is left out, and in a unique list what came before. */
START_TEST(test_list_leaves_out)
{
	struct nfbind_filter *filter;

	answer_fixture("ct-dump-zone.bin", 1, SIZE_MAX, 0);
	answer_fixture("ct-dump-plain.bin", 1, SIZE_MAX, 0);
	answer_done(1, 0, 0);
	ck_assert_int_eq(nfbind_filter_new(&filter), 0);
	nfbind_filter_set_number(filter, NFBIND_FILTER_ZONE, 0);
	ck_assert_int_eq(nfbind_conntrack_list_ct(session, filter, 0, 0, &list), 0);
	nfbind_filter_free(filter);
	ck_assert_int_eq(nfbind_list_next_ct(list, ct), 0);
	ck_assert_int_eq(nfbind_ct_has(ct, NFBIND_CT_ZONE), 0);
	ends_with(-ENODATA);
	nfbind_list_free(list);
	fake_tear_down();
	fake_set_up();
	for (int i = 0; i < 3; i++)
		answer_fixture("ct-dump-plain.bin", 1, SIZE_MAX, 0);
	answer_fixture("ct-dump-zone.bin", 1, SIZE_MAX, 0);
	answer_done(1, 0, 0);
	ck_assert_int_eq(nfbind_conntrack_list_ct(session, NULL, 0, NFBIND_LIST_UNIQUE, &list), 0);
	ck_assert_int_eq(nfbind_list_next_ct(list, ct), 0);
	ck_assert_int_eq(nfbind_list_next_ct(list, ct), 0);
	ck_assert_int_eq(nfbind_ct_has(ct, NFBIND_CT_ZONE), 1);
	ends_with(-ENODATA);
}
END_TEST

START_TEST(test_list_says_why_it_ended)
{
	char text[256];

	begin();
	ck_assert_int_eq(nfbind_list_last_message(list, text, sizeof(text)), 0);
	answer_fixture("ct-dump-plain.bin", 1, SIZE_MAX, NLM_F_DUMP_INTR);
	ck_assert_int_eq(nfbind_list_next_ct(list, ct), -EINTR);
	ck_assert_int_gt(nfbind_list_last_message(list, text, sizeof(text)), 0);
	ck_assert_ptr_nonnull(strstr(text, "interrupted"));
	ck_assert_int_eq(nfbind_list_last_message(NULL, text, sizeof(text)), -EINVAL);
}
END_TEST

START_TEST(test_list_refused)
{
	answer_error(1, -EPERM, NULL);
	ck_assert_int_eq(nfbind_conntrack_list_ct(session, NULL, 0, 0, &list), -EPERM);
	says("CAP_NET_ADMIN");
	answer_error(1, -EINVAL, "odd");
	ck_assert_int_eq(nfbind_conntrack_list_ct(session, NULL, 0, 0, &list), -EINVAL);
	says(": odd");
	fake.open_error = -EMFILE;
	ck_assert_int_eq(nfbind_conntrack_list_ct(session, NULL, 0, 0, &list), -EMFILE);
	says("could not be started");
	ck_assert_int_eq(nfbind_conntrack_list_ct(session, NULL, 9, 0, &list), -EINVAL);
	ck_assert_ptr_null(list);
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

UNIT_MAIN("request", set_up, tear_down,
#if __BYTE_ORDER == __LITTLE_ENDIAN
	  test_bytes_of_requests,
#endif
	  test_nothing_is_sent_without_a_tuple, test_error_with_and_without_words,
	  test_error_words_cut_at_every_length, test_fetch_and_skip_what_belongs_to_others,
	  test_spoofed_answers_are_not_looked_at, test_lost_answer, test_answer_cut_at_every_length,
	  test_attributes_cut_at_every_length, test_recorded_lists_are_replayed,
	  test_list_done_with_an_error, test_list_interrupted, test_list_interrupted_at_its_end,
	  test_list_goes_on_after_a_signal, test_list_with_loss, test_list_malformed,
	  test_list_without_an_end, test_list_leaves_out, test_list_says_why_it_ended,
	  test_list_refused, test_stats, test_after_fork, test_closed)
