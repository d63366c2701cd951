/* SPDX-License-Identifier: MIT */
/*
 * The connections that tests of requests are about, as the texts that requests.h makes
 * objects of.
 */
#ifndef TESTS_LIVE_TUPLES_H
#define TESTS_LIVE_TUPLES_H

#define TCP "orig-src=10.0.0.1 orig-dst=10.0.0.2 orig-l4proto=6 orig-port-src=1000 orig-port-dst=80"
#define TCP_REPLY "repl-src=10.0.0.2 repl-dst=10.0.0.1 repl-l4proto=6 repl-port-src=80 repl-port-dst=1000"
#define UDP "orig-src=10.0.0.1 orig-dst=10.0.0.2 orig-l4proto=17 orig-port-src=1000 orig-port-dst=53"
#define UDP6 "orig-src=fd00::1 orig-dst=fd00::2 orig-l4proto=17 orig-port-src=1000 orig-port-dst=53"

#endif
