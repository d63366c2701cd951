/* SPDX-License-Identifier: MIT */
/*
 * One thing is wrong here: a kernel header.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#include <nfbind/base.h>

#include <linux/netlink.h>

#endif
