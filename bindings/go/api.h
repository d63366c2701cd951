/* SPDX-License-Identifier: MIT */
/* The library's own sources in this folder, or with the tag nfbind_system the installed ones. */
#ifdef NFBIND_SYSTEM
#include <nfbind/nfbind.h>
#else
#include "nfbind.h"
#endif
