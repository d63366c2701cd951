/* SPDX-License-Identifier: MIT */
/*
 * The bulk: many changes of the kernel's tables that leave together. Each is encoded when
 * it is appended, so that the same object may be filled again for the next one; then
 * nfbind_conntrack_apply() sends them packed, in order, and every one gets its result.
 *
 * It is plain memory: what is appended, 100 to 200 bytes for most operations, lies there
 * until clear or free. An object belongs to one thread at a time.
 */
#ifndef NFBIND_BULK_H
#define NFBIND_BULK_H

#include <nfbind/base.h>
#include <nfbind/ct.h>
#include <nfbind/exp.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Operations, and their results. */
struct nfbind_bulk;

/**
 * Make an empty bulk.
 *
 * @owned
 * @error ENOMEM out of memory
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_bulk_new(struct nfbind_bulk **ret_bulk);

/**
 * Free it; NULL is fine.
 *
 * @nullable bulk
 * @since 0.1
 */
NFBIND_API void nfbind_bulk_free(struct nfbind_bulk *bulk);

/**
 * Forget all operations and results; the memory is kept for the next ones. It never
 * fails.
 *
 * @since 0.1
 */
NFBIND_API int nfbind_bulk_clear(struct nfbind_bulk *bulk);

/**
 * How many operations there are; their indexes are 0 to count - 1.
 *
 * @returns number
 * @since 0.1
 */
NFBIND_API uint32_t nfbind_bulk_count(const struct nfbind_bulk *bulk);

/**
 * Append: add a connection, as nfbind_conntrack_add_ct() does.
 *
 * @flags flags nfbind_add_flag
 * @returns index
 * @error EINVAL no tuple, or no such flag
 * @error ENOMEM out of memory
 * @since 0.1
 */
NFBIND_API int nfbind_bulk_add_ct(struct nfbind_bulk *bulk, const struct nfbind_ct *ct,
				  uint32_t flags);

/**
 * Append: change a connection, as nfbind_conntrack_change_ct() does.
 *
 * @returns index
 * @error EINVAL no tuple
 * @error ENOMEM out of memory
 * @since 0.1
 */
NFBIND_API int nfbind_bulk_change_ct(struct nfbind_bulk *bulk, const struct nfbind_ct *ct);

/**
 * Append: remove the connection that the original or the reply tuple names, with its
 * zone, and where present its id. A tuple is required.
 *
 * @returns index
 * @error EINVAL no tuple
 * @error ENOMEM out of memory
 * @since 0.1
 */
NFBIND_API int nfbind_bulk_remove_ct(struct nfbind_bulk *bulk, const struct nfbind_ct *ct);

/**
 * Append: add an expectation, as nfbind_conntrack_add_exp() does.
 *
 * @flags flags nfbind_add_flag
 * @returns index
 * @error EINVAL a tuple is missing, or no such flag
 * @error ENOMEM out of memory
 * @since 0.1
 */
NFBIND_API int nfbind_bulk_add_exp(struct nfbind_bulk *bulk, const struct nfbind_exp *exp,
				   uint32_t flags);

/**
 * Append: change an expectation, as nfbind_conntrack_change_exp() does.
 *
 * @returns index
 * @error EINVAL a tuple is missing
 * @error ENOMEM out of memory
 * @since 0.1
 */
NFBIND_API int nfbind_bulk_change_exp(struct nfbind_bulk *bulk, const struct nfbind_exp *exp);

/**
 * Append: remove an expectation, as nfbind_conntrack_remove_exp() does.
 *
 * @returns index
 * @error EINVAL no tuple
 * @error ENOMEM out of memory
 * @since 0.1
 */
NFBIND_API int nfbind_bulk_remove_exp(struct nfbind_bulk *bulk, const struct nfbind_exp *exp);

/**
 * The result of one operation: 0 when it was done, or the kernel's -errno. -ECANCELED:
 * it was not sent, or not yet; -EINPROGRESS: it was sent, and the answer was lost, so
 * that it may or may not have been done; -EMSGSIZE: it does not fit the send buffer.
 *
 * @error ERANGE no such operation
 * @since 0.1
 */
NFBIND_API int nfbind_bulk_get_result(const struct nfbind_bulk *bulk, uint32_t index,
				      int32_t *ret_result);

/**
 * Find the next operation that was not done, at this index or behind it.
 *
 * @none ENOENT
 * @error ENOENT there is none
 * @since 0.1
 */
NFBIND_API int nfbind_bulk_find_failure(const struct nfbind_bulk *bulk, uint32_t from,
					uint32_t *ret_index);

/**
 * The sentence that explains the result of one operation; "" where it was done.
 *
 * @returns length
 * @error ERANGE no such operation
 * @since 0.1
 */
NFBIND_API int nfbind_bulk_get_message(const struct nfbind_bulk *bulk, uint32_t index,
				       char *ret_text, size_t ret_text_size);

#ifdef __cplusplus
}
#endif

#endif
