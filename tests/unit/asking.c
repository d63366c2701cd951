/* SPDX-License-Identifier: MIT */
/*
 * The session that tests of requests and lists share; see asking.h.
 */
#include "asking.h"

#include <arpa/inet.h>
#include <linux/netlink.h>

struct nfbind_conntrack *session;
struct nfbind_ct *ct;
struct nfbind_exp *expectation;
struct nfbind_list *list;

static void set_address(uint32_t field, const char *text)
{
	uint8_t bytes[4];

	ck_assert_int_eq(inet_pton(AF_INET, text, bytes), 1);
	ck_assert_int_eq(nfbind_ct_set_bytes(ct, field, bytes, sizeof(bytes)), 0);
}

void asking_set_up(void)
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

void asking_tear_down(void)
{
	nfbind_list_free(list);
	nfbind_exp_free(expectation);
	nfbind_ct_free(ct);
	nfbind_conntrack_free(session);
	fake_tear_down();
}

const char *sentence(void)
{
	static char text[600];

	ck_assert_int_ge(nfbind_conntrack_last_message(session, text, sizeof(text)), 0);
	return text;
}

void says(const char *words)
{
	ck_assert_msg(strstr(sentence(), words) != NULL, "it says: %s", sentence());
}

size_t error_message(uint8_t *to, uint32_t sequence, int32_t error, const char *words)
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

void answer_error(uint32_t sequence, int32_t error, const char *words)
{
	uint8_t room[1024] __attribute__((aligned(8)));
	size_t len = error_message(room, sequence, error, words);

	fake_deliver(room, len, 0);
}

void answer_done(uint32_t sequence, int32_t error, uint16_t flags)
{
	struct {
		struct nlmsghdr header;
		int32_t error;
	} done = { { sizeof(done), NLMSG_DONE, (uint16_t)(NLM_F_MULTI | flags), sequence, 0 }, error };

	fake_deliver(&done, sizeof(done), 0);
}

void answer_fixture(const char *name, uint32_t sequence, size_t cut, uint16_t flags)
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

int fetch(void)
{
	return nfbind_conntrack_fetch_ct(session, ct, 0, ct);
}

void begin(void)
{
	answer_fixture("ct-dump-plain.bin", 1, SIZE_MAX, 0);
	ck_assert_int_eq(nfbind_conntrack_list_ct(session, NULL, 0, 0, &list), 0);
	ck_assert_int_eq(nfbind_list_next_ct(list, ct), 0);
}

void ends_with(int error)
{
	ck_assert_int_eq(nfbind_list_next_ct(list, ct), error);
	answer_fixture("ct-dump-plain.bin", 1, SIZE_MAX, 0);
	ck_assert_int_eq(nfbind_list_next_ct(list, ct), error);
	ck_assert_int_eq(nfbind_list_next_ct(list, ct), error);
}
