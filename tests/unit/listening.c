/* SPDX-License-Identifier: MIT */
/*
 * The session that tests of event sessions share; see listening.h.
 */
#include "listening.h"

struct nfbind_events *session;
struct nfbind_options *options;
struct nfbind_ct *ct;
struct nfbind_exp *expectation;
struct nfbind_event event;

void listening_set_up(void)
{
	fake_set_up();
	ck_assert_int_eq(nfbind_events_new(&session), 0);
	ck_assert_int_eq(nfbind_options_new(&options), 0);
	ck_assert_int_eq(nfbind_ct_new(&ct), 0);
	ck_assert_int_eq(nfbind_exp_new(&expectation), 0);
}

void listening_tear_down(void)
{
	nfbind_exp_free(expectation);
	nfbind_ct_free(ct);
	nfbind_options_free(options);
	nfbind_events_free(session);
	fake_tear_down();
}

void start(void)
{
	ck_assert_int_eq(nfbind_events_open(session, options), 0);
}

void says(const char *words)
{
	char text[600];

	ck_assert_int_ge(nfbind_events_last_message(session, text, sizeof(text)), 0);
	ck_assert_msg(strstr(text, words) != NULL, "it says: %s", text);
}

struct nfbind_events_stats stats(void)
{
	struct nfbind_events_stats result;

	ck_assert_int_eq(nfbind_events_read_stats(session, &result, sizeof(result)), 0);
	return result;
}

void deliver(const char *name)
{
	size_t len;
	const uint8_t *data = unit_fixture(name, &len);

	fake_deliver(data, len, 0);
}

int next(void)
{
	return nfbind_events_next(session, &event, sizeof(event), ct, expectation);
}

void next_is(uint32_t kind)
{
	ck_assert_int_eq(next(), 0);
	ck_assert_uint_eq(event.kind, kind);
	ck_assert_uint_eq(event.flags, 0);
	ck_assert_int_eq(event.nsid, -1);
}

const char *take_all(void)
{
	static char text[2000];
	size_t len = 0;
	int r;

	while ((r = next()) == 0 && len < sizeof(text) - 1)
		text[len++] = event.kind == NFBIND_EVENT_CT_NEW ? '+' :
			      event.kind == NFBIND_EVENT_CT_UPDATE ? '~' :
			      event.kind == NFBIND_EVENT_CT_DESTROY ? '-' :
			      event.kind == NFBIND_EVENT_EXP_NEW ? 'e' :
			      event.kind == NFBIND_EVENT_EXP_DESTROY ? 'x' :
			      event.kind == NFBIND_EVENT_OVERRUN ? '!' : '?';
	ck_assert_int_eq(r, -ENODATA);
	text[len] = '\0';
	return text;
}

int receive(int32_t timeout)
{
	return nfbind_events_receive(session, timeout);
}
