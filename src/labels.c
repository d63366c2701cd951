/* SPDX-License-Identifier: MIT */
/*
 * Names of connection labels: 128 of them at most, read from a file of bounded size.
 * The file is read whole and checked before any of its names counts.
 */
#include <nfbind/labels.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

enum { LABELS_MAX = 128, NAME_MAX_LEN = 127, FILE_MAX = 64 * 1024 };

struct nfbind_labels {
	char *names[LABELS_MAX];
};

int nfbind_labels_new(struct nfbind_labels **ret_labels)
{
	struct nfbind_labels *labels = calloc(1, sizeof(*labels));

	if (!labels)
		return -ENOMEM;
	*ret_labels = labels;
	return 0;
}

void nfbind_labels_free(struct nfbind_labels *labels)
{
	for (size_t bit = 0; labels && bit < LABELS_MAX; bit++)
		free(labels->names[bit]);
	free(labels);
}

/* A comma separates names where they are printed. */
static bool is_name(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)name[i] <= ' ' || name[i] == 0x7f || name[i] == ',')
			return false;
	return len > 0 && len <= NAME_MAX_LEN;
}

static int add(struct nfbind_labels *labels, uint32_t bit, const char *name, size_t name_len)
{
	if (labels->names[bit])
		return 0;
	for (size_t other = 0; other < LABELS_MAX; other++)
		if (labels->names[other] && strlen(labels->names[other]) == name_len &&
		    memcmp(labels->names[other], name, name_len) == 0)
			return 0;
	labels->names[bit] = strndup(name, name_len);
	return labels->names[bit] ? 0 : -ENOMEM;
}

/* Files. */

static const char blanks[] = " \t\r";

/* What is wrong with a line, or NULL; one that says nothing has no name. */
static const char *read_line(const char *line, uint32_t *ret_bit, const char **ret_name,
			     size_t *ret_name_len)
{
	unsigned long bit;
	char *rest;

	*ret_name = NULL;
	line += strspn(line, blanks);
	if (*line == '\0' || *line == '#')
		return NULL;
	bit = strtoul(line, &rest, 10);
	if (*line < '0' || *line > '9' || strspn(rest, blanks) == 0)
		return "a line starts with the number of a bit, and its name follows";
	if (bit >= LABELS_MAX)
		return "bits have the numbers 0 to 127";
	rest += strspn(rest, blanks);
	*ret_name_len = strcspn(rest, " \t\r#");
	if (!is_name(rest, *ret_name_len))
		return "a name has 1 to 127 bytes, without a comma";
	line = rest + *ret_name_len;
	line += strspn(line, blanks);
	if (*line != '\0' && *line != '#')
		return "nothing but a comment stands behind the name";
	*ret_bit = (uint32_t)bit;
	*ret_name = rest;
	return NULL;
}

/* The text's lines, one after the other; into NULL they are only checked. */
static int read_lines(struct nfbind_labels *labels, const char *text, struct text *message)
{
	uint32_t bit = 0, number;
	int r = 0;

	for (number = 1; *text && r == 0; number++) {
		size_t name_len = 0, len = strcspn(text, "\n");
		const char *name, *why;
		char line[2 * NAME_MAX_LEN];

		snprintf(line, sizeof(line), "%.*s", (int)len, text);
		why = len < sizeof(line) ? read_line(line, &bit, &name, &name_len)
					 : "a line has at most 253 bytes";
		if (why) {
			text_add(message, "line %u: %s", number, why);
			return -EINVAL;
		}
		if (labels && name)
			r = add(labels, bit, name, name_len);
		text += len + (text[len] == '\n');
	}
	return r;
}

/* All of a file as one text; the caller frees it. */
static int read_file(const char *path, char **ret_text)
{
	char *text = malloc(FILE_MAX + 2);
	FILE *file = fopen(path, "re");
	size_t len;
	int r = file ? 0 : -errno;

	if (!text)
		r = -ENOMEM;
	if (r == 0) {
		len = fread(text, 1, FILE_MAX + 1, file);
		text[len] = '\0';
		if (ferror(file))
			r = -EIO;
		else if (len > FILE_MAX)
			r = -EFBIG;
		else if (strlen(text) != len)
			r = -EINVAL;
	}
	if (file)
		fclose(file);
	if (r < 0)
		free(text);
	else
		*ret_text = text;
	return r;
}

int nfbind_labels_read(struct nfbind_labels *labels, const char *path, char *ret_message,
		       size_t ret_message_size)
{
	struct text message;
	char *text = NULL;
	int r;

	text_start(&message, ret_message, ret_message_size);
	if (!labels)
		return -EINVAL;
	if (!path)
		path = "/etc/xtables/connlabel.conf";
	r = read_file(path, &text);
	if (r < 0)
		text_add(&message, "%s: %s", path,
			 r == -EINVAL ? "it is no text: it has a NUL byte" :
			 r == -EFBIG  ? "it has more than 64 KiB" :
					strerror(-r));
	if (r == 0)
		r = read_lines(NULL, text, &message);
	if (r == 0)
		r = read_lines(labels, text, &message);
	free(text);
	return r;
}

/* Single names. */

int nfbind_labels_add(struct nfbind_labels *labels, uint32_t bit, const char *name)
{
	if (!labels || !name || !is_name(name, strlen(name)))
		return -EINVAL;
	return bit < LABELS_MAX ? add(labels, bit, name, strlen(name)) : -ERANGE;
}

const char *nfbind_labels_get_name(const struct nfbind_labels *labels, uint32_t bit)
{
	return labels && bit < LABELS_MAX ? labels->names[bit] : NULL;
}

int nfbind_labels_find(const struct nfbind_labels *labels, const char *name, uint32_t *ret_bit)
{
	for (uint32_t bit = 0; labels && name && bit < LABELS_MAX; bit++) {
		if (labels->names[bit] && strcmp(labels->names[bit], name) == 0) {
			*ret_bit = bit;
			return 0;
		}
	}
	return -ENOENT;
}
