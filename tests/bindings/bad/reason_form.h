/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a reason that is half a result.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/**
 * Read it.
 *
 * @error EINVAL it is wrong
 * @reason ret_message sometimes
 * @since 0.1
 */
NFBIND_API int nfbind_parse(const char *text, char *ret_message, size_t ret_message_size);

#endif
