/* SPDX-License-Identifier: MIT */
/*
 * What the kernel's tables hold: connections and expectations are asked for in the
 * same way. A subject says by table which subsystem and fields are meant, and which
 * fields name an entry; from it the requests are encoded. Plain memory, no socket.
 */
#ifndef SUBJECT_H
#define SUBJECT_H

#include "ct.h"
#include "request.h"

struct subject {
	uint8_t subsystem;
	const struct wire_table *wires;
	uint32_t tuple; /* the first field of the tuple that names an entry */
	uint32_t other; /* of another one that does, or the same */
};

extern const struct subject connections;
extern const struct subject expectations;

/* The same in every subsystem. */
enum { MESSAGE_NEW = 0, MESSAGE_GET = 1, MESSAGE_DELETE = 2 };

enum { FAMILY_NONE = 0 };

bool subject_has_tuple(const void *object, uint32_t first);

/* By its addresses; the network protocol's own field may say less, never otherwise. */
uint8_t subject_family(const struct nfbind_fields *fields, const void *object, uint32_t first);

/* Into an empty object: the fields of `from` for which the test says so. */
int subject_select(const struct nfbind_fields *fields, void *object, const void *from,
		   bool (*is_wanted)(uint32_t field));

/*
 * Encode a request into an empty buffer: 0, or -errno with a sentence in *ret_why where it is
 * the caller's fault. `flags` are netlink's.
 */
int subject_encode_key(const struct subject *subject, const void *object, uint8_t message,
		       struct wire_buffer *buffer, const char **ret_why);
int subject_encode_ct(const struct nfbind_ct *ct, uint16_t flags, struct wire_buffer *buffer,
		      const char **ret_why);
int subject_encode_exp(const struct nfbind_exp *exp, uint16_t flags, struct wire_buffer *buffer,
		       const char **ret_why);

/* The flags that go with those of enum nfbind_add_flag. */
uint16_t subject_add_flags(uint32_t flags);

/* What the kernel sent, into an object whose former content is gone. */
int subject_parse(const struct subject *subject, const struct nlmsghdr *message, void *object);
/* The same, for one of many messages that are alike. */
int subject_parse_alike(const struct subject *subject, struct wire_shapes *shapes,
			const struct nlmsghdr *message, void *object);

#endif
