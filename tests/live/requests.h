/* SPDX-License-Identifier: MIT */
/*
 * Short words for the tests of request sessions: objects are written and compared as
 * text, "name=value" with one space between, as they are printed: numbers, addresses,
 * names, and bytes in hexadecimal digits. Objects and sessions last as long as the
 * test's process.
 */
#ifndef TESTS_LIVE_REQUESTS_H
#define TESTS_LIVE_REQUESTS_H

#include "live.h"

#define FORMAT(at) __attribute__((format(printf, at, at + 1)))

/* A session in this namespace. */
struct nfbind_conntrack *open_requests(void);
struct nfbind_conntrack *open_requests_with(const struct nfbind_options *options);
const char *sentence_of(struct nfbind_conntrack *conntrack);

struct nfbind_ct *ct_of(const char *format, ...) FORMAT(1);
struct nfbind_exp *exp_of(const char *format, ...) FORMAT(1);
struct nfbind_filter *filter_of(const char *format, ...) FORMAT(1);
uint64_t ct_number(const struct nfbind_ct *ct, uint32_t field);

/* These fields have these values; "name=" alone: the field is absent. */
void ct_is(const struct nfbind_ct *ct, const char *format, ...) FORMAT(2);
void exp_is(const struct nfbind_exp *exp, const char *format, ...) FORMAT(2);

/* A call that must succeed, or must fail so and with these words in its sentence. */
#define ck_assert_done(conntrack, call) ck_assert_refused(conntrack, call, 0, "")
#define ck_assert_refused(conntrack, call, error, words)                               \
	do {                                                                           \
		int result_of_call = (call);                                           \
		ck_assert_msg(result_of_call == (error) &&                             \
				      strstr(sentence_of(conntrack), words),           \
			      "%s: %s (%s)", #call, nfbind_error_name(result_of_call), \
			      sentence_of(conntrack));                                 \
	} while (0)

/* Add; fetch by the text of a tuple. */
void add_ct(struct nfbind_conntrack *conntrack, const char *format, ...) FORMAT(2);
struct nfbind_ct *fetch_ct(struct nfbind_conntrack *conntrack, const char *format, ...) FORMAT(2);

/* The entries of a whole list, or only their number. */
uint32_t count_list(struct nfbind_conntrack *conntrack, const struct nfbind_filter *filter, uint32_t kind);
uint32_t count_exp(struct nfbind_conntrack *conntrack, const struct nfbind_exp *master);

#endif
