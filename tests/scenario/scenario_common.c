/* SPDX-License-Identifier: MIT */
/*
 * What the scenarios in C share.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "scenario_common.h"

void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

int must(int r, const char *what)
{
	if (r < 0) {
		fprintf(stderr, "%s: %s\n", what, nfbind_error_name(r));
		exit(1);
	}
	return r;
}

void refused(const char *what, int r)
{
	say("%s: %s", what, r < 0 ? nfbind_error_name(r) : "done");
}

struct text address_text(const void *data, size_t len)
{
	struct text result;

	inet_ntop(len == 4 ? AF_INET : AF_INET6, data, result.text, sizeof(result.text));
	return result;
}

/* Expectations. */

static struct text exp_address(const struct nfbind_exp *exp, uint32_t field)
{
	const void *data;
	size_t len;

	must(nfbind_exp_get_bytes(exp, field, &data, &len), "an address of an expectation");
	return address_text(data, len);
}

static uint64_t exp_number(const struct nfbind_exp *exp, uint32_t field)
{
	uint64_t value = 0;

	must(nfbind_exp_get_number(exp, field, &value), "a number of an expectation");
	return value;
}

void show_expectations(struct nfbind_conntrack *conntrack)
{
	struct nfbind_list *entries;
	struct nfbind_exp *exp;
	const void *name;
	size_t len;

	must(nfbind_exp_new(&exp), "an expectation");
	must(nfbind_conntrack_list_exp(conntrack, NULL, &entries), "listing");
	while (nfbind_list_next_exp(entries, exp) == 0) {
		must(nfbind_exp_get_bytes(exp, NFBIND_EXP_HELPER_NAME, &name, &len), "a helper's name");
		say("expected: %s > %s:%" PRIu64 " master %s:%" PRIu64 " helper %.*s",
		    exp_address(exp, NFBIND_EXP_EXPECTED_SRC).text,
		    exp_address(exp, NFBIND_EXP_EXPECTED_DST).text,
		    exp_number(exp, NFBIND_EXP_EXPECTED_PORT_DST),
		    exp_address(exp, NFBIND_EXP_MASTER_SRC).text,
		    exp_number(exp, NFBIND_EXP_MASTER_PORT_SRC), (int)len, (const char *)name);
	}
	nfbind_list_free(entries);
	nfbind_exp_free(exp);
}
