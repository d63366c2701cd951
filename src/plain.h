/* SPDX-License-Identifier: MIT */
/*
 * Plain structs that cross the ABI with their size beside them: a caller that is
 * older or newer than the library has a shorter or longer one.
 */
#ifndef PLAIN_H
#define PLAIN_H

#include <stddef.h>
#include <string.h>

/* Copy as much as both have; zero the rest of `to`. */
static inline void plain_copy(void *to, size_t to_size, const void *from, size_t from_size)
{
	size_t both = to_size < from_size ? to_size : from_size;

	memcpy(to, from, both);
	if (to_size > both)
		memset((char *)to + both, 0, to_size - both);
}

#endif
