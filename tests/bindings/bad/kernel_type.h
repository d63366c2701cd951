/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a type of the kernel.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

struct nlmsghdr;
/**
 * Do it.
 *
 * @error EINVAL it is wrong
 * @since 0.1
 */
NFBIND_API int nfbind_feed(const struct nlmsghdr *message);

#endif
