/* SPDX-License-Identifier: MIT */
/*
 * Lines of conntrack(8) as objects; see conntrack8.h.
 */
#include "conntrack8.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const tcp_states[] = { "NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT",
					  "LAST_ACK", "TIME_WAIT", "CLOSE", "SYN_SENT2", NULL };
const char *const sctp_states[] = { "NONE", "CLOSED", "COOKIE_WAIT", "COOKIE_ECHOED", "ESTABLISHED",
					   "SHUTDOWN_SENT", "SHUTDOWN_RECD", "SHUTDOWN_ACK_SENT", NULL };

/*
 * The kernel numbers labels in words of its long, conntrack(8) in words of 32 bits:
 * on 64-bit big-endian machines neighbouring words change places. Either way round.
 */
uint32_t label_of_conntrack8(uint32_t label)
{
	const uint32_t one = 1;
	bool is_little = *(const uint8_t *)&one;

	return is_little || sizeof(long) == 4 ? label : label ^ 32;
}

const struct word words_of_conntrack8[] = {
	{ "src", NFBIND_CT_ORIG_SRC, NFBIND_CT_REPL_SRC - NFBIND_CT_ORIG_SRC },
	{ "dst", NFBIND_CT_ORIG_DST, NFBIND_CT_REPL_SRC - NFBIND_CT_ORIG_SRC },
	{ "sport", NFBIND_CT_ORIG_PORT_SRC, NFBIND_CT_REPL_SRC - NFBIND_CT_ORIG_SRC },
	{ "dport", NFBIND_CT_ORIG_PORT_DST, NFBIND_CT_REPL_SRC - NFBIND_CT_ORIG_SRC },
	{ "srckey", NFBIND_CT_ORIG_PORT_SRC, NFBIND_CT_REPL_SRC - NFBIND_CT_ORIG_SRC },
	{ "dstkey", NFBIND_CT_ORIG_PORT_DST, NFBIND_CT_REPL_SRC - NFBIND_CT_ORIG_SRC },
	{ "type", NFBIND_CT_ORIG_ICMP_TYPE, NFBIND_CT_REPL_SRC - NFBIND_CT_ORIG_SRC },
	{ "code", NFBIND_CT_ORIG_ICMP_CODE, NFBIND_CT_REPL_SRC - NFBIND_CT_ORIG_SRC },
	{ "icmp-id", NFBIND_CT_ORIG_ICMP_ID, NFBIND_CT_REPL_SRC - NFBIND_CT_ORIG_SRC },
	{ "l3", NFBIND_CT_ORIG_L3PROTO, NFBIND_CT_REPL_SRC - NFBIND_CT_ORIG_SRC },
	{ "l4", NFBIND_CT_ORIG_L4PROTO, NFBIND_CT_REPL_SRC - NFBIND_CT_ORIG_SRC },
	{ "packets", NFBIND_CT_ORIG_COUNTER_PACKETS, 2 },
	{ "bytes", NFBIND_CT_ORIG_COUNTER_BYTES, 2 },
	{ "zone-orig", NFBIND_CT_ORIG_ZONE, 0 },
	{ "zone-reply", NFBIND_CT_REPL_ZONE, 0 },
	{ "zone", NFBIND_CT_ZONE, 0 },
	{ "mark", NFBIND_CT_MARK, 0 },
	{ "id", NFBIND_CT_ID, 0 },
	{ "helper", NFBIND_CT_HELPER_NAME, 0 },
	{ "labels", NFBIND_CT_LABELS, 0 },
	{ "secctx", NFBIND_CT_SECCTX, 0 },
	{ "tcp", NFBIND_CT_TCP_STATE, 0 },
	{ "sctp", NFBIND_CT_SCTP_STATE, 0 },
	/* Their values need not be the same a moment later. */
	{ "use", NFBIND_CT_USE, 0 },
	{ "timeout", NFBIND_CT_TIMEOUT, 0 },
	{ NULL, 0, 0 },
};

static void put_labels(struct nfbind_ct *ct, char *names)
{
	uint8_t labels[16] = { 0 };
	char *name;

	while ((name = strsep(&names, ","))) {
		uint32_t label = label_of_conntrack8((uint32_t)strtoul(name + 1, NULL, 10));

		ck_assert_msg(*name == 'l' && label < 128, "no label %s", name);
		labels[label / 8] |= (uint8_t)(1u << label % 8);
	}
	ck_assert_int_eq(nfbind_ct_set_bytes(ct, NFBIND_CT_LABELS, labels, sizeof(labels)), 0);
}

static void put_address(struct nfbind_ct *ct, uint32_t field, const char *text)
{
	bool is_v6 = strchr(text, ':');
	uint8_t address[16];

	ck_assert_msg(inet_pton(is_v6 ? AF_INET6 : AF_INET, text, address) == 1, "no address: %s", text);
	ck_assert_int_eq(nfbind_ct_set_bytes(ct, field, address, is_v6 ? 16 : 4), 0);
}

static void put(struct nfbind_ct *ct, const char *key, char *value, bool is_reply)
{
	for (const struct word *word = words_of_conntrack8; word->key; word++) {
		uint32_t field = word->field + (is_reply ? word->shift : 0);
		int kind = nfbind_fields_get_kind(nfbind_ct_fields(), field);

		if (strcmp(word->key, key) != 0)
			continue;
		if (field == NFBIND_CT_LABELS)
			put_labels(ct, value);
		else if (kind == NFBIND_KIND_ADDRESS)
			put_address(ct, field, value);
		else if (kind == NFBIND_KIND_TEXT)
			ck_assert_int_eq(nfbind_ct_set_bytes(ct, field, value, strlen(value)), 0);
		else
			ck_assert_int_eq(nfbind_ct_set_number(ct, field, strtoull(value, NULL, 0)), 0);
		return;
	}
	ck_abort_msg("conntrack(8) shows %s=%s, which nobody here knows", key, value);
}

static void put_state(struct nfbind_ct *ct, bool is_tcp, const char *name)
{
	const char *const *names = is_tcp ? tcp_states : sctp_states;
	unsigned int state = 0;

	while (names[state] && strcmp(names[state], name) != 0)
		state++;
	ck_assert_msg(names[state] != NULL, "no state %s", name);
	nfbind_ct_set_number(ct, is_tcp ? NFBIND_CT_TCP_STATE : NFBIND_CT_SCTP_STATE, state);
}

/* "ipv4 2 tcp 6 999 ": both numbers hold for both directions. */
static char *put_front(struct nfbind_ct *ct, char *line, uint64_t *ret_l4proto)
{
	unsigned int l3, l4, timeout;
	int len = 0;

	ck_assert_msg(sscanf(line, "%*s %u %*s %u %u %n", &l3, &l4, &timeout, &len) == 3, "no entry: %s", line);
	for (uint32_t shift = 0; shift <= NFBIND_CT_REPL_SRC; shift += NFBIND_CT_REPL_SRC) {
		nfbind_ct_set_number(ct, NFBIND_CT_ORIG_L3PROTO + shift, l3);
		nfbind_ct_set_number(ct, NFBIND_CT_ORIG_L4PROTO + shift, l4);
	}
	nfbind_ct_set_number(ct, NFBIND_CT_TIMEOUT, timeout);
	*ret_l4proto = l4;
	return line + len;
}

static uint32_t flag_of(const char *word)
{
	if (strcmp(word, "[UNREPLIED]") == 0)
		return 0;
	ck_assert_msg(strcmp(word, "[ASSURED]") == 0, "what is %s?", word);
	return NFBIND_CT_STATUS_ASSURED;
}

struct nfbind_ct *ct_of_line(char *line)
{
	struct nfbind_ct *ct;
	uint64_t status = NFBIND_CT_STATUS_SEEN_REPLY, l4proto;
	bool is_reply = false, is_tuple = true;
	char *rest, *word, *value;

	ck_assert_int_eq(nfbind_ct_new(&ct), 0);
	rest = put_front(ct, line, &l4proto);
	while ((word = strsep(&rest, " \n"))) {
		if (*word == '\0')
			continue;
		if (*word == '[') {
			status |= flag_of(word);
			if (word[1] == 'U')
				status &= ~(uint64_t)NFBIND_CT_STATUS_SEEN_REPLY;
			continue;
		}
		value = strchr(word, '=');
		if (!value) {
			put_state(ct, l4proto == 6, word);
			continue;
		}
		*value++ = '\0';
		/* The second source begins the reply, the mark the rest, which has another id. */
		if (strcmp(word, "src") == 0)
			is_reply = nfbind_ct_has(ct, NFBIND_CT_ORIG_SRC);
		if (strcmp(word, "mark") == 0)
			is_tuple = false;
		put(ct, strcmp(word, "id") == 0 && is_tuple ? "icmp-id" : word, value, is_reply);
	}
	nfbind_ct_set_number(ct, NFBIND_CT_STATUS, status);
	return ct;
}
