/* SPDX-License-Identifier: MIT */
/*
 * The record that tests of helpers' records share; see record.h.
 */
#include "record.h"

struct nfbind_conntrack *session;
struct nfbind_cthelper *record, *got;

void number(uint32_t field, uint64_t value)
{
	ck_assert_int_eq(nfbind_cthelper_set_number(record, field, value), 0);
}

void text(uint32_t field, const char *value)
{
	ck_assert_int_eq(nfbind_cthelper_set_bytes(record, field, value, strlen(value)), 0);
}

void policy(uint32_t first, const char *name, uint32_t max, uint32_t timeout)
{
	text(first, name);
	number(first + 1, max);
	number(first + 2, timeout);
}

void record_set_up(void)
{
	helpers_set_up();
	ck_assert_int_eq(nfbind_conntrack_new(&session), 0);
	ck_assert_int_eq(nfbind_conntrack_open(session, NULL), 0);
	ck_assert_int_eq(nfbind_cthelper_new(&record), 0);
	ck_assert_int_eq(nfbind_cthelper_new(&got), 0);
	text(NFBIND_CTHELPER_NAME, "sip2");
	number(NFBIND_CTHELPER_L3PROTO, 2);
	number(NFBIND_CTHELPER_L4PROTO, 17);
	number(NFBIND_CTHELPER_QUEUE, 7);
	number(NFBIND_CTHELPER_PRIV_DATA_LEN, 16);
	number(NFBIND_CTHELPER_STATUS, 1);
	policy(NFBIND_CTHELPER_POLICY1_NAME, "voice", 8, 300);
	policy(NFBIND_CTHELPER_POLICY2_NAME, "signal", 1, 60);
}

void record_tear_down(void)
{
	nfbind_cthelper_free(got);
	nfbind_cthelper_free(record);
	nfbind_conntrack_free(session);
	helpers_tear_down();
}

const char *sentence(void)
{
	static char room[600];

	ck_assert_int_ge(nfbind_conntrack_last_message(session, room, sizeof(room)), 0);
	return room;
}

void says(const char *words)
{
	ck_assert_msg(strstr(sentence(), words) != NULL, "it says: %s", sentence());
}

int add(void)
{
	return nfbind_conntrack_add_cthelper(session, record);
}

int change(void)
{
	return nfbind_conntrack_change_cthelper(session, record);
}

int fetch(void)
{
	return nfbind_conntrack_fetch_cthelper(session, record, got);
}

int drop(void)
{
	return nfbind_conntrack_remove_cthelper(session, record);
}
