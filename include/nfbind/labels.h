/* SPDX-License-Identifier: MIT */
/*
 * The names of connection labels: which bit of the field labels is called what. They
 * come from a file that iptables and conntrack read too, one bit in a line:
 *
 *     # comment
 *     0 customer
 *     5 suspicious
 *
 * A set of names belongs to one thread while it is filled, and to any number of
 * readers afterwards.
 */
#ifndef NFBIND_LABELS_H
#define NFBIND_LABELS_H

#include <nfbind/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Names of connection labels. */
struct nfbind_labels;

/**
 * Make a set without names.
 *
 * @owned
 * @error ENOMEM out of memory
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_labels_new(struct nfbind_labels **ret_labels);

/**
 * Free it, with all names that were borrowed from it; NULL is fine.
 *
 * @nullable labels
 * @since 0.1
 */
NFBIND_API void nfbind_labels_free(struct nfbind_labels *labels);

/**
 * Add the names of a file: NULL means "/etc/xtables/connlabel.conf", which iptables and
 * conntrack(8) read. What was there before stays. A file with a malformed line
 * adds nothing, and the message says which line it is and what is wrong: "line 9: ...".
 *
 * @nullable path
 * @error ENOENT no such file
 * @error EACCES the file may not be read
 * @error EINVAL a line is not "BIT NAME", the bit is above 127, or it is no text
 * @error EIO the file could not be read
 * @error EFBIG the file has more than 64 KiB
 * @error ENOMEM out of memory
 * @reason ret_message
 * @blocks
 * @since 0.1
 */
NFBIND_API int nfbind_labels_read(struct nfbind_labels *labels, const char *path,
				  char *ret_message, size_t ret_message_size);

/**
 * Name a bit. A bit keeps its first name and a name its first bit, as they do for
 * the other programs that read the file.
 *
 * @error EINVAL the name is empty, longer than 127 bytes, or has a space, a comma or what is not printable
 * @error ERANGE the bit is above 127
 * @error ENOMEM out of memory
 * @since 0.1
 */
NFBIND_API int nfbind_labels_add(struct nfbind_labels *labels, uint32_t bit, const char *name);

/**
 * The name of a bit; NULL where it has none.
 *
 * @borrowed labels until free
 * @nullable
 * @thread any
 * @since 0.1
 */
NFBIND_API const char *nfbind_labels_get_name(const struct nfbind_labels *labels, uint32_t bit);

/**
 * The bit of a name, 0 to 127.
 *
 * @error ENOENT no bit of that name
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_labels_find(const struct nfbind_labels *labels, const char *name,
				  uint32_t *ret_bit);

#ifdef __cplusplus
}
#endif

#endif
