/*
 * SPDX-License-Identifier: MIT
 *
 * The frame around the programs of the conntrack benchmark: options, the two lines of
 * the driver, clocks, the report. Nothing here can hang: an alarm ends the process,
 * and it dies with its driver.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "measure.h"
#include "table_common.h"

#define LIMIT_SECONDS 60
#define IDLE_SECONDS 2

void table_tune(struct run *run, int fd)
{
	struct timeval idle = { .tv_sec = IDLE_SECONDS };
	int size = (int)run->receive_buffer;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof(idle));
	if (size > 0 && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

static int work(struct run *run, const struct mode *mode)
{
	uint64_t cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	uint64_t wall_ns = clock_ns(CLOCK_MONOTONIC);
	int r = mode->work(run);

	wall_ns = clock_ns(CLOCK_MONOTONIC) - wall_ns;
	cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns;
	printf("{\"ops\": %llu, \"errors\": %llu, \"digest\": %llu, \"wall_ns\": %llu, "
	       "\"cpu_ns\": %llu, \"rss_kb\": %ld}\n",
	       (unsigned long long)run->ops, (unsigned long long)run->errors,
	       (unsigned long long)run->digest, (unsigned long long)wall_ns,
	       (unsigned long long)cpu_ns, peak_rss_kb());
	fflush(stdout);
	return r;
}

static int serve(struct run *run, const struct mode *mode)
{
	char line[16];
	int r = mode->open(run);

	if (r < 0)
		return r;
	printf("{\"ready\": true}\n");
	fflush(stdout);
	if (fgets(line, sizeof(line), stdin))
		r = strcmp(line, "go\n") == 0 ? work(run, mode) : -EINVAL;
	mode->close(run);
	return r;
}

static const struct mode *find_mode(const struct mode *modes, const char *name)
{
	for (; modes->name; modes++)
		if (!strcmp(modes->name, name))
			return modes;
	return NULL;
}

/* program MODE COUNT [RECEIVE_BUFFER] */
int table_main(int argc, char **argv, const struct mode *modes)
{
	const struct mode *mode = argc > 2 ? find_mode(modes, argv[1]) : NULL;
	struct run run = { .cpu = 1 };
	int r = -EINVAL;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(LIMIT_SECONDS);
	pin_to(run.cpu);
	if (mode) {
		run.count = (uint32_t)strtoul(argv[2], NULL, 0);
		run.receive_buffer = argc > 3 ? (unsigned int)strtoul(argv[3], NULL, 0) : 0;
		r = serve(&run, mode);
	}
	if (r < 0)
		fprintf(stderr, "%s %s: %s\n", argv[0], argc > 1 ? argv[1] : "(no mode)",
			strerror(-r));
	return r < 0;
}
