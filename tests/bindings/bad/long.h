/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a type that differs between machines.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

/**
 * Do it.
 *
 * @error EINVAL it is wrong
 * @since 0.1
 */
NFBIND_API int nfbind_wait(long timeout);

#endif
