/* SPDX-License-Identifier: MIT */
/*
 * All of nfbind.
 */
#ifndef NFBIND_NFBIND_H
#define NFBIND_NFBIND_H

#include <nfbind/base.h>
#include <nfbind/fields.h>
#include <nfbind/labels.h>
#include <nfbind/options.h>
#include <nfbind/ct.h>
#include <nfbind/exp.h>
#include <nfbind/filter.h>
#include <nfbind/packet.h>
#include <nfbind/queue.h>
#include <nfbind/bulk.h>
#include <nfbind/conntrack.h>
#include <nfbind/cthelper.h>
#include <nfbind/events.h>
#include <nfbind/helper.h>
#include <nfbind/tracker.h>
#include <nfbind/injector.h>

#endif
