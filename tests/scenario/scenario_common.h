/* SPDX-License-Identifier: MIT */
/*
 * What the scenarios in C share. Where the other languages raise an error that nobody
 * expects, must() ends the program.
 */
#ifndef TESTS_SCENARIO_SCENARIO_COMMON_H
#define TESTS_SCENARIO_SCENARIO_COMMON_H

#include <netinet/in.h>

#include <nfbind/nfbind.h>

/* A line, which whoever runs the program reads at once. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The result, which is no error. */
int must(int r, const char *what);

/* Say what an operation came to: done, or the name of the error. */
void refused(const char *what, int r);

struct text {
	char text[INET6_ADDRSTRLEN];
};
struct text address_text(const void *data, size_t len);

void show_expectations(struct nfbind_conntrack *conntrack);

#endif
