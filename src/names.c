/* SPDX-License-Identifier: MIT */
/*
 * Device names by index; see names.h. Names are few and never change in memory:
 * a renamed device gets another string.
 */
#include "names.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
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
	pthread_cond_t asked; /* somebody got an answer */
	unsigned int askers;
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
	pthread_cond_init(&names->asked, NULL);
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
	pthread_cond_destroy(&names->asked);
	free(names);
}

void names_close(struct names *names)
{
	if (!names)
		return;
	pthread_mutex_lock(&names->lock);
	while (names->askers > 0)
		pthread_cond_wait(&names->asked, &names->lock);
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

/* Whether the device has to be asked for; then it counts as asked. */
static bool is_due(struct names *names, uint32_t index, const char **ret_name)
{
	struct known *known = find_known(names, index);
	uint64_t now = socket_now();

	*ret_name = known ? known->name : NULL;
	if (!known || names->fd < 0 ||
	    (known->asked_at != 0 && now - known->asked_at < NAMES_FRESH))
		return false;
	known->asked_at = now;
	names->askers++;
	return true;
}

static const char *take_answer(struct names *names, uint32_t index, const char *text)
{
	struct known *known = find_known(names, index);

	names->askers--;
	pthread_cond_broadcast(&names->asked);
	/* A device that is gone keeps the name that it had. */
	if (text && known)
		known->name = keep_text(names, text);
	return known ? known->name : NULL;
}

const char *names_find(struct names *names, uint32_t index)
{
	const char *name;
	char text[16];
	bool is_known;

	if (!names || index == 0)
		return NULL;
	pthread_mutex_lock(&names->lock);
	if (is_due(names, index, &name)) {
		/* The descriptor stays open meanwhile: closing waits for those who ask. */
		pthread_mutex_unlock(&names->lock);
		is_known = socket_device_name(names->fd, index, text) == 0;
		pthread_mutex_lock(&names->lock);
		name = take_answer(names, index, is_known ? text : NULL);
	}
	pthread_mutex_unlock(&names->lock);
	return name;
}
