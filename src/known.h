/* SPDX-License-Identifier: MIT */
/*
 * What the consumer of a session with resync was told: the entries that its copy has by
 * now, and the items that change it. An object here is the one that an item fills.
 */
#ifndef KNOWN_H
#define KNOWN_H

#include "resync.h"

/* Where what was parsed is, by its subject. */
void *known_object(struct item *item, const struct subject *subject);

/* It is on its way out of the table: its end was announced, or will be. */
bool known_is_dying(const struct subject *subject, const void *object);
bool known_is_meant(const struct nfbind_events *events, const struct subject *subject,
		    const void *object);
/* Not only its name is the same. */
bool known_is(const struct mirror_entry *entry, const struct subject *subject, const void *object);

/* Make it an item: an answer. The end is one that the kernel did not announce. */
int known_give_update(struct nfbind_events *events, struct item *item,
		      const struct subject *subject, uint32_t flags);
int known_give_end(struct nfbind_events *events, struct item *item, struct mirror_entry *entry);

/* Give out an entry that is not known, and know it from here on. */
int known_take_in(struct nfbind_events *events, struct item *item, const struct subject *subject,
		  const struct mirror_key *key, uint32_t flags);

/*
 * It is in the copy no more. A list that runs may have it still: then that is kept in mind,
 * with MIRROR_FULL where all is known of it.
 */
void known_bury(struct nfbind_events *events, const struct mirror_key *key, uint8_t flags);

void known_set_blind(struct resync *resync, struct mirror_entry *entry, const void *object);
void known_set_seeing(struct resync *resync, struct mirror_entry *entry);

/* What the kernel has for this key now, whole: 0, -ENOENT, or another error. */
int known_fetch(struct nfbind_events *events, struct item *item, const struct mirror_key *key);

#endif
