/* SPDX-License-Identifier: MIT */
/*
 * Device names by index; see names.h. Names are few and never change in memory:
 * a renamed device gets another string.
 */
#include "names.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "socket.h"

enum {
	NAMES_MAX = 4096, /* devices, and strings; more are simply not remembered */
	NAMES_FRESH = 1000000000, /* nanoseconds */
};

struct name {
	struct name *next;
	char text[16];
};

struct known {
	uint32_t index;
	uint64_t asked_at;
	const char *name;
};

struct names {
	atomic_uint references;
	pthread_mutex_t lock;
	int fd;
	struct name *texts;
	unsigned int texts_count;
	struct known *known;
	unsigned int known_count;
};

struct names *names_make(int fd)
{
	struct names *names = calloc(1, sizeof(*names));

	if (!names)
		return NULL;
	atomic_init(&names->references, 1);
	pthread_mutex_init(&names->lock, NULL);
	names->fd = fd;
	return names;
}

struct names *names_hold(struct names *names)
{
	if (names)
		atomic_fetch_add(&names->references, 1);
	return names;
}

void names_free(struct names *names)
{
	struct name *next;

	if (!names || atomic_fetch_sub(&names->references, 1) != 1)
		return;
	for (struct name *text = names->texts; text; text = next) {
		next = text->next;
		free(text);
	}
	free(names->known);
	pthread_mutex_destroy(&names->lock);
	free(names);
}

void names_close(struct names *names)
{
	if (!names)
		return;
	pthread_mutex_lock(&names->lock);
	names->fd = -1;
	pthread_mutex_unlock(&names->lock);
}

static const char *keep_text(struct names *names, const char *text)
{
	struct name *name;

	for (name = names->texts; name; name = name->next)
		if (strcmp(name->text, text) == 0)
			return name->text;
	if (names->texts_count == NAMES_MAX)
		return NULL;
	name = calloc(1, sizeof(*name));
	if (!name)
		return NULL;
	memcpy(name->text, text, strnlen(text, sizeof(name->text) - 1));
	name->next = names->texts;
	names->texts = name;
	names->texts_count++;
	return name->text;
}

static struct known *find_known(struct names *names, uint32_t index)
{
	struct known *known;

	for (unsigned int i = 0; i < names->known_count; i++)
		if (names->known[i].index == index)
			return &names->known[i];
	if (names->known_count == NAMES_MAX)
		return NULL;
	known = realloc(names->known, (names->known_count + 1) * sizeof(*known));
	if (!known)
		return NULL;
	names->known = known;
	known += names->known_count++;
	*known = (struct known){ .index = index };
	return known;
}

static const char *find(struct names *names, uint32_t index)
{
	struct known *known = find_known(names, index);
	uint64_t now = socket_now();
	char text[16];

	if (!known || names->fd < 0)
		return known ? known->name : NULL;
	if (known->asked_at != 0 && now - known->asked_at < NAMES_FRESH)
		return known->name;
	known->asked_at = now;
	/* A device that is gone keeps the name that it had. */
	if (socket_device_name(names->fd, index, text) == 0)
		known->name = keep_text(names, text);
	return known->name;
}

const char *names_find(struct names *names, uint32_t index)
{
	const char *name;

	if (!names || index == 0)
		return NULL;
	pthread_mutex_lock(&names->lock);
	name = find(names, index);
	pthread_mutex_unlock(&names->lock);
	return name;
}
