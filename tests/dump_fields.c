/* SPDX-License-Identifier: MIT */
/*
 * The library's field tables as JSON, asked for at run time as a binding would. The
 * generator makes the list of fields and the interface description from it, so that
 * both say what the library does and not what somebody wrote down.
 */
#include <stdio.h>

#include <nfbind/nfbind.h>

static const struct {
	const char *name;
	const struct nfbind_fields *(*fields)(void);
} objects[] = {
	{ "ct", nfbind_ct_fields },
	{ "cthelper", nfbind_cthelper_fields },
	{ "exp", nfbind_exp_fields },
	{ "filter", nfbind_filter_fields },
	{ "options", nfbind_options_fields },
	{ "packet", nfbind_packet_fields },
};

/* The texts are our own: quotes and backslashes are all that JSON minds in them. */
static void print_text(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
	putchar('"');
}

static void print_field(const struct nfbind_fields *fields, uint32_t field)
{
	printf("%s\n  {\"name\": ", field ? "," : "");
	print_text(nfbind_fields_get_name(fields, field));
	printf(", \"kind\": %d, \"directions\": %d, \"size\": %d, \"kernel\": %d, \"help\": ",
	       nfbind_fields_get_kind(fields, field), nfbind_fields_get_directions(fields, field),
	       nfbind_fields_get_size(fields, field), nfbind_fields_get_kernel(fields, field));
	print_text(nfbind_fields_get_help(fields, field));
	putchar('}');
}

int main(void)
{
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		const struct nfbind_fields *fields = objects[i].fields();

		printf("%s\n \"%s\": [", i ? "," : "{", objects[i].name);
		for (uint32_t field = 0; field < nfbind_fields_count(fields); field++)
			print_field(fields, field);
		printf("]");
	}
	printf("}\n");
	return 0;
}
