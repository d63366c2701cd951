/* SPDX-License-Identifier: MIT */
/*
 * Inside the request session: what its verbs share.
 */
#ifndef CONNTRACK_H
#define CONNTRACK_H

#include <nfbind/conntrack.h>

#include "subject.h"

struct nfbind_conntrack {
	struct requester requester;
	int flushes_families; /* 1 when the kernel does, -1 when not, 0 when nobody asked yet */
};

/* What the kernel says with a number only. */
struct reason {
	int error;
	const char *sentence;
};

/* Each ends with error 0. */
extern const struct reason ct_reasons[];
extern const struct reason exp_reasons[];

/* Before every verb: 0, or why it cannot be. */
int conntrack_start(struct nfbind_conntrack *conntrack);

/*
 * One message of a list that has not ended: 1 when the object is what is wanted, 0 when
 * the filter leaves it out, or -errno; -ENODATA at the end.
 */
int list_step(struct nfbind_list *list, void *ret_object);

/* Whether the next step has to receive; and whether the list has ended, complete or not. */
bool list_is_read(const struct nfbind_list *list);
bool list_has_ended(const struct nfbind_list *list);

/* 0, or -EINVAL with the sentence that says what makes no sense. */
int conntrack_check_filter(struct nfbind_conntrack *conntrack, const struct nfbind_filter *filter);

/*
 * Send what was encoded with this result and sentence, unless that failed, and wait
 * for the acknowledgement. Answers in front of it are left out.
 */
int conntrack_ask(struct nfbind_conntrack *conntrack, int encoded, const char *why,
		  struct request *request);

/* In the same manner, for the one object that the kernel answers with. */
int conntrack_ask_for(struct nfbind_conntrack *conntrack, int encoded, const char *why,
		      struct request *request, const struct subject *subject, void *ret_object);

/* The sentence for an error. */
const char *conntrack_reason(int error, const struct reason *reasons);

/* Say in words what an error means, unless the kernel did; returns it. */
int conntrack_explain(struct nfbind_conntrack *conntrack, int error, const struct reason *reasons);

/* Start a list by this request, and read its next entry; of whatever subject. */
int list_start(struct nfbind_conntrack *conntrack, const struct subject *subject,
	       struct request *request, struct nfbind_list **ret_list);
int list_next(struct nfbind_list *list, const struct subject *subject, void *ret_object);

#endif
