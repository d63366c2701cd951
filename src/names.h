/* SPDX-License-Identifier: MIT */
/*
 * Device names: what packets ask when somebody wants "eth0" for an index. Counted
 * memory that outlives its session; a name that was handed out stays valid as long
 * as this does, and is looked up again when it is older than a second.
 */
#ifndef NAMES_H
#define NAMES_H

#include <stdint.h>

struct names;

struct names *names_make(int fd);
struct names *names_hold(struct names *names);
void names_free(struct names *names);

/* The session closes: only what is known already is answered from now on. */
void names_close(struct names *names);

/* The name of a device, or NULL. */
const char *names_find(struct names *names, uint32_t index);

#endif
