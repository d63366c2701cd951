/* SPDX-License-Identifier: MIT */
/*
 * Inside an event session. The lock guards what several threads look at; what is below
 * "the receiving thread's" belongs to the one that is in receive or next.
 */
#ifndef EVENTS_H
#define EVENTS_H

#include <pthread.h>

#include <nfbind/events.h>

#include "canary.h"
#include "socket.h"
#include "subject.h"
#include "wake.h"

enum {
	/*
	 * A connection takes far less than 1 KiB, its security label at most 4. No power of two:
	 * the starts of all rooms, where what is read lies, would share a few sets of the cache.
	 */
	EVENT_ROOM = 8192 + 320,
	EVENT_CT_ALL = NFBIND_EVENT_CT_NEW | NFBIND_EVENT_CT_UPDATE | NFBIND_EVENT_CT_DESTROY,
	EVENT_EXP_ALL = NFBIND_EVENT_EXP_NEW | NFBIND_EVENT_EXP_DESTROY,
};

/* What was read and not yet taken. */
struct intake {
	uint8_t *room;
	struct datagram *datagrams;
	unsigned int count;
	unsigned int current;
	size_t offset; /* in the current datagram */
};

/* Where a loss lies in the stream. */
struct loss {
	bool is_near;      /* the kernel told of one: it is behind what was queued then */
	bool is_due;       /* its item comes behind what was read */
	uint32_t passed;   /* datagrams read since it told */
	uint32_t drops;    /* the socket's drop counter at the last item */
};

struct nfbind_events {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* the receiver or a reader left */
	struct wake wake;
	struct canary canary;
	struct socket socket;
	bool is_open;
	bool is_closing;
	bool is_receiving;
	unsigned int readers; /* threads that read statistics from the socket */
	char message[512];
	struct nfbind_events_stats stats;

	/* Set before it is open. */
	uint32_t wanted;     /* of enum nfbind_event_kind */
	uint32_t batch_size;
	bool has_kernel_filter; /* the kernel has them, too */
	bool has_resync;

	/* The receiving thread's. */
	struct nfbind_filter **filters;
	size_t filters_count;
	struct intake intake;
	struct wire_shapes shapes;
	struct loss loss;
	struct nfbind_events_stats counted; /* what the stats will be */
	struct resync *resync; /* NULL without */
};

/* An item on its way to the caller, whose objects these are. */
struct item {
	struct nfbind_event event;
	struct nfbind_ct *ct;
	struct nfbind_exp *exp;
};

__attribute__((format(printf, 2, 3))) void events_explain(struct nfbind_events *events,
							  const char *format, ...);

/* Enter and leave as the one receiving thread; the lock is not held in between. */
int events_enter(struct nfbind_events *events);
void events_leave(struct nfbind_events *events);

/* Before it is open there is one thread only: 0, or why it is not so. */
int events_check_unopened(struct nfbind_events *events);

/* Whether a filter lets it through, or there is none. */
bool events_let_through(const struct nfbind_events *events, const struct nfbind_ct *ct);

/* Open the socket, with the filters in the kernel. */
int events_open_filtered(struct nfbind_events *events, const struct socket_place *place,
			 uint32_t receive_buffer, struct socket_listening *listening);

/* Say why the kernel does not have the filters: false where another error has other words. */
bool events_explain_filter(struct nfbind_events *events, int error);

#endif
