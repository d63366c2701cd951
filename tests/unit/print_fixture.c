/* SPDX-License-Identifier: MIT */
/*
 * Write the expected text beside recordings: print_fixture FILE.bin... Only what
 * a person has looked at belongs in the tree.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture_text.h"

static char text[1 << 20];
static uint8_t data[1 << 20];

static int write_text(const char *path)
{
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	size_t stem = strlen(path) > 4 ? strlen(path) - 4 : 0;
	char *target = malloc(strlen(path) + 5);
	FILE *file = fopen(path, "rb");
	size_t len = file ? fread(data, 1, sizeof(data), file) : 0;
	int r = file ? fixture_print(name, data, len, text, sizeof(text)) : -1;

	if (file)
		fclose(file);
	if (r >= 0 && target) {
		memcpy(target, path, stem);
		strcpy(target + stem, ".txt");
		file = fopen(target, "wb");
		if (file)
			fputs(text, file);
		if (!file || fclose(file) != 0)
			r = -1;
	}
	free(target);
	if (r < 0)
		fprintf(stderr, "%s: %d\n", path, r);
	return r;
}

int main(int argc, char **argv)
{
	int failed = 0;

	for (int i = 1; i < argc; i++)
		failed |= write_text(argv[i]) < 0;
	return failed;
}
