/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: texts that somebody wrote, as JSON, as options of conntrack(8) and as a
 * file of labels. What could be read is printed in every form, and what is read again
 * from what was printed is the same: objects from JSON, lines from SAVE, names of labels.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <nfbind/nfbind.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct nfbind_labels *labels;
static char printed[1 << 16];

/* What a failure leaves has to make sense, too. */
static void check_failure(int error, const char *message, const char *text)
{
	size_t position;

	if (error != -EINVAL && error != -ERANGE)
		abort();
	if (sscanf(message, "at byte %zu: ", &position) != 1 || position > strlen(text))
		abort();
}

static void print_all(const struct nfbind_ct *ct)
{
	for (uint32_t format = 0; format <= NFBIND_FORMAT_JSON; format++) {
		int len = nfbind_ct_print(ct, format, 7, labels, NULL, 0);

		if (len < 0 || nfbind_ct_print(ct, format, 7, labels, printed, sizeof(printed)) != len)
			abort();
	}
}

/* A line is complete where addresses are; translations turn into others. */
static void save_again(const struct nfbind_ct *ct, struct nfbind_ct *again)
{
	static char second[sizeof(printed)];

	if (nfbind_ct_get_translation(ct) || nfbind_ct_get_translation(again) ||
	    nfbind_ct_print(ct, NFBIND_FORMAT_SAVE, 0, NULL, printed, sizeof(printed)) < 0 ||
	    nfbind_ct_parse(again, NFBIND_FORMAT_SAVE, NULL, printed, NULL, 0) < 0)
		return;
	nfbind_ct_print(again, NFBIND_FORMAT_SAVE, 0, NULL, second, sizeof(second));
	if (strcmp(printed, second) != 0)
		abort();
}

static void read_ct(uint32_t format, const char *text)
{
	char message[300] = "";
	struct nfbind_ct *ct, *again;
	int r;

	if (nfbind_ct_new(&ct) < 0 || nfbind_ct_new(&again) < 0)
		abort();
	r = nfbind_ct_parse(ct, format, labels, text, message, sizeof(message));
	if (r < 0)
		check_failure(r, message, text);
	print_all(ct);
	/* The last that was printed is JSON. */
	if (nfbind_ct_parse(again, NFBIND_FORMAT_JSON, labels, printed, NULL, 0) < 0 ||
	    nfbind_ct_equal(ct, again) != 1)
		abort();
	save_again(ct, again);
	for (uint32_t operation = 0; operation <= NFBIND_CT_OPERATION_RENEW; operation++)
		(void)nfbind_ct_apply(again, operation);
	(void)nfbind_ct_compare(ct, again, 0x1ff);
	nfbind_ct_free(ct);
	nfbind_ct_free(again);
}

static void read_exp(const char *text)
{
	char message[300] = "";
	struct nfbind_exp *exp, *again;
	int r;

	if (nfbind_exp_new(&exp) < 0 || nfbind_exp_new(&again) < 0)
		abort();
	r = nfbind_exp_parse(exp, NFBIND_FORMAT_JSON, text, message, sizeof(message));
	if (r < 0)
		check_failure(r, message, text);
	for (uint32_t format = 0; format <= NFBIND_FORMAT_JSON; format++)
		(void)nfbind_exp_print(exp, format, printed, sizeof(printed));
	if (nfbind_exp_parse(again, NFBIND_FORMAT_JSON, printed, NULL, 0) < 0 ||
	    nfbind_exp_equal(exp, again) != 1)
		abort();
	nfbind_exp_free(exp);
	nfbind_exp_free(again);
}

static int read_file(struct nfbind_labels *names, const void *data, size_t size)
{
	int fd = memfd_create("labels", MFD_CLOEXEC), r;
	char path[40], message[300] = "";

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = nfbind_labels_read(names, path, message, sizeof(message));
	if (r < 0 && !message[0])
		abort();
	close(fd);
	return r;
}

static void read_labels(const uint8_t *data, size_t size)
{
	struct nfbind_labels *read, *again;
	uint32_t found;
	int len = 0;

	if (nfbind_labels_new(&read) < 0 || nfbind_labels_new(&again) < 0)
		abort();
	(void)read_file(read, data, size);
	for (uint32_t bit = 0; bit < 128; bit++)
		if (nfbind_labels_get_name(read, bit))
			len += snprintf(printed + len, sizeof(printed) - (size_t)len, "%u %s\n", bit,
					nfbind_labels_get_name(read, bit));
	if (read_file(again, printed, (size_t)len) < 0)
		abort();
	for (uint32_t bit = 0; bit < 128; bit++) {
		const char *name = nfbind_labels_get_name(read, bit);

		if (name && (nfbind_labels_find(again, name, &found) < 0 || found != bit))
			abort();
	}
	nfbind_labels_free(read);
	nfbind_labels_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text || (!labels && (nfbind_labels_new(&labels) < 0 ||
				  nfbind_labels_add(labels, 5, "five") < 0)))
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	read_ct(NFBIND_FORMAT_JSON, text);
	read_ct(NFBIND_FORMAT_SAVE, text);
	read_exp(text);
	read_labels(data, size);
	free(text);
	return 0;
}
