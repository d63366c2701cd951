/* SPDX-License-Identifier: MIT */
/*
 * The running kernel's own machine for filter programs, on a pair of local sockets: it
 * lets through what the comparison in user space does, for filters and events by chance.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bpf.h"
#include "random_events.h"
#include "uapi.h"
#include "unit.h"

/* What is sent to `from` comes to `to` if the program lets it through. */
struct sieve {
	int from, to;
};

static struct sieve make_sieve(void)
{
	struct sieve sieve;
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds), 0);
	sieve = (struct sieve){ fds[0], fds[1] };
	return sieve;
}

/* Whether it fits: a machine of 32 bits has half the room (net.core.optmem_max). */
static bool put_program(const struct sieve *sieve, const struct bpf_program *program)
{
	enum { FITS_ANYWHERE = 250 };
	struct sock_fprog fprog = { .len = (unsigned short)program->count, .filter = program->code };
	int none = 0;

	/* The one before takes its room until it is gone. */
	setsockopt(sieve->to, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof(none));
	if (setsockopt(sieve->to, SOL_SOCKET, SO_ATTACH_FILTER, &fprog, sizeof(fprog)) == 0)
		return true;
	ck_assert_msg(errno == ENOMEM && sizeof(long) == 4 && program->count > FITS_ANYWHERE,
		      "%u instructions: %s", program->count, strerror(errno));
	return false;
}

static bool passes(const struct sieve *sieve, const struct event *event)
{
	uint8_t back[4096];
	ssize_t len;

	ck_assert_int_eq(send(sieve->from, event->data, event->len, 0), (int)event->len);
	len = recv(sieve->to, back, sizeof(back), MSG_DONTWAIT);
	ck_assert_msg(len < 0 || (size_t)len == event->len, "%zd bytes of %zu", len, event->len);
	return len >= 0;
}

START_TEST(test_machine_of_the_kernel_says_the_same)
{
	enum { EVENTS = 32 };
	static struct event events[EVENTS];
	struct sieve sieve = make_sieve();
	unsigned int counts[2] = { 0 };

	unit_seed(21);
	for (size_t i = 0; i < EVENTS; i++) {
		struct nfbind_ct *ct = some_ct();

		make_event(&events[i], ct, unit_random(2) ? KERNEL_CT_NEW : KERNEL_CT_DELETE);
		nfbind_ct_free(ct);
	}
	for (unsigned long round = 0; round < unit_rounds(1000); round++) {
		struct nfbind_filter *filters[3] = { some_filter(), some_filter(), some_filter() };
		size_t count = 1 + unit_random(3);
		struct bpf_program program;
		struct text why;
		bool fits;

		text_start(&why, NULL, 0);
		ck_assert_int_eq(bpf_compile(filters, count, false, &program, &why), 0);
		fits = put_program(&sieve, &program);
		for (size_t i = 0; fits && i < EVENTS; i++) {
			bool is_wanted = false;

			for (size_t j = 0; j < count; j++)
				is_wanted = is_wanted || nfbind_filter_match(filters[j], events[i].ct);
			if (passes(&sieve, &events[i]) != is_wanted) {
				char text[4096];

				nfbind_filter_print(filters[0], text, sizeof(text));
				ck_abort_msg("the kernel says %d of %zu filters, the first is: %s", !is_wanted,
					     count, text);
			}
			counts[is_wanted]++;
		}
		free(program.code);
		for (size_t i = 0; i < 3; i++)
			nfbind_filter_free(filters[i]);
	}
	for (size_t i = 0; i < EVENTS; i++)
		nfbind_ct_free(events[i].ct);
	ck_assert_uint_gt(counts[0], 3000);
	ck_assert_uint_gt(counts[1], 3000);
}
END_TEST

UNIT_MAIN("filter_machine", NULL, NULL, test_machine_of_the_kernel_says_the_same)
