/* SPDX-License-Identifier: MIT */
/*
 * Random entries of a table: as fields for requests.h, and as words for conntrack(8). The
 * mark of an entry is its number in disguise. NFBIND_SEED chooses other entries.
 */
#ifndef TESTS_LIVE_RANDOM_ENTRIES_H
#define TESTS_LIVE_RANDOM_ENTRIES_H

#include <stdbool.h>
#include <stdint.h>

struct entry {
	char fields[1024];
	char words[1024];
};

/* Chance, the same on every machine; a number below `count`. */
void start_chance(void);
uint32_t any(uint32_t count);

/* Numbers in disguise, and back. */
uint32_t mark_of(uint32_t n);
uint32_t number_of_mark(uint64_t mark);

/* Append to one of the texts of an entry. */
void add_text(char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Entry n, without what only one of the two programs can ask for; whether it has ports. */
bool make_entry(struct entry *entry, uint32_t n, bool has_labels, bool *ret_is_v6);

/* Translation to one address or a range of them, with or without ports; for fields only. */
void make_translation(struct entry *entry, bool is_v6);

#endif
