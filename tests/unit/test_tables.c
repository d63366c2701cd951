/* SPDX-License-Identifier: MIT */
/*
 * What the field tables say of themselves, to whoever asks at run time: names as the
 * headers have them, kinds, sizes, help, aliases and names of values.
 */
#include <ctype.h>
#include <stdio.h>

#include <nfbind/nfbind.h>

#include "ct.h"
#include "unit.h"

static char *read_header(const char *name)
{
	char path[512];
	char *text = calloc(1, 200000);
	FILE *file;

	snprintf(path, sizeof(path), "%s/../../include/nfbind/%s", NFBIND_FIXTURES, name);
	file = fopen(path, "r");
	ck_assert_msg(file && text, "%s cannot be read", path);
	ck_assert_uint_gt(fread(text, 1, 199999, file), 0);
	fclose(file);
	return text;
}

/* "MARK_MASK = 33," of the header is field 33, named "mark-mask". */
static uint32_t compare_names(const struct nfbind_fields *fields, const char *prefix,
			      const char *header, const char *enum_name)
{
	char *text = read_header(header);
	char *end, *at = strstr(text, enum_name);
	uint32_t seen = 0;

	ck_assert_ptr_nonnull(at);
	end = strstr(at, "};");
	while ((at = strstr(at, prefix)) && at < end) {
		char wanted[64] = "";
		unsigned int number = 0;
		uint32_t found;
		const char *name;

		at += strlen(prefix);
		for (size_t i = 0; i < sizeof(wanted) - 1 && (isupper((unsigned char)at[i]) ||
							      isdigit((unsigned char)at[i]) ||
							      at[i] == '_'); i++)
			wanted[i] = at[i] == '_' ? '-' : (char)tolower((unsigned char)at[i]);
		if (sscanf(at + strlen(wanted), " = %u", &number) != 1)
			continue;
		name = nfbind_fields_get_name(fields, number);
		ck_assert_msg(name && strcmp(name, wanted) == 0, "%s%s is named %s", prefix, wanted,
			      name ? name : "nothing");
		ck_assert_int_eq(nfbind_fields_find(fields, wanted, &found), 0);
		ck_assert_uint_eq(found, number);
		seen++;
	}
	free(text);
	return seen;
}

START_TEST(test_objects_fields_are_named_as_their_enumerators)
{
	ck_assert_uint_eq(compare_names(nfbind_options_fields(), "NFBIND_OPTIONS_", "options.h",
					"enum nfbind_options_field {"),
			  nfbind_fields_count(nfbind_options_fields()));
	ck_assert_uint_eq(compare_names(nfbind_ct_fields(), "NFBIND_CT_", "ct.h",
					"enum nfbind_ct_field {"),
			  nfbind_fields_count(nfbind_ct_fields()));
	ck_assert_uint_eq(compare_names(nfbind_exp_fields(), "NFBIND_EXP_", "exp.h",
					"enum nfbind_exp_field {"),
			  nfbind_fields_count(nfbind_exp_fields()));
	ck_assert_uint_eq(compare_names(nfbind_cthelper_fields(), "NFBIND_CTHELPER_", "cthelper.h",
					"enum nfbind_cthelper_field {"),
			  nfbind_fields_count(nfbind_cthelper_fields()));
	ck_assert_uint_eq(compare_names(nfbind_packet_fields(), "NFBIND_PACKET_", "packet.h",
					"enum nfbind_packet_field {"),
			  nfbind_fields_count(nfbind_packet_fields()));
}
END_TEST

static void check_table(const struct nfbind_fields *fields)
{
	for (uint32_t field = 0; field < nfbind_fields_count(fields); field++) {
		const char *help = nfbind_fields_get_help(fields, field);
		int kind = nfbind_fields_get_kind(fields, field);
		int directions = nfbind_fields_get_directions(fields, field);
		int kernel = nfbind_fields_get_kernel(fields, field);
		int size = nfbind_fields_get_size(fields, field);

		ck_assert_msg(help && strlen(help) > 5, "field %u (%s) has no help", field,
			      nfbind_fields_get_name(fields, field));
		ck_assert(kind >= NFBIND_KIND_BOOL && kind <= NFBIND_KIND_EXP);
		ck_assert(directions > 0 && directions < 32);
		ck_assert(kernel == 0 || (kernel >= 3000 && kernel < 9000));
		ck_assert(size >= 0 && (kind >= NFBIND_KIND_ADDRESS || size == 0));
		if (kind == NFBIND_KIND_ADDRESS)
			ck_assert_int_eq(size, 16);
	}
	ck_assert_ptr_null(nfbind_fields_get_name(fields, nfbind_fields_count(fields)));
	ck_assert_ptr_null(nfbind_fields_get_help(fields, UINT32_MAX));
	ck_assert_int_eq(nfbind_fields_get_kind(fields, UINT32_MAX), -ERANGE);
	ck_assert_int_eq(nfbind_fields_get_directions(fields, UINT32_MAX), -ERANGE);
	ck_assert_int_eq(nfbind_fields_get_size(fields, UINT32_MAX), -ERANGE);
	ck_assert_int_eq(nfbind_fields_get_kernel(fields, UINT32_MAX), -ERANGE);
	ck_assert_ptr_null(nfbind_fields_get_value_name(fields, UINT32_MAX, 0));
}

START_TEST(test_objects_tables_say_everything_of_each_field)
{
	check_table(nfbind_options_fields());
	check_table(nfbind_ct_fields());
	check_table(nfbind_exp_fields());
	check_table(nfbind_cthelper_fields());
	check_table(nfbind_packet_fields());
	ck_assert_uint_eq(nfbind_fields_count(NULL), 0);
	ck_assert_ptr_null(nfbind_fields_get_name(NULL, 0));
	ck_assert_uint_le(ct_fields.count, OBJECT_FIELDS_MAX);
	ck_assert_uint_le(exp_fields.count, OBJECT_FIELDS_MAX);
}
END_TEST

/* No alias is another field's name or alias. */
static void check_aliases(const struct nfbind_fields *fields)
{
	for (uint32_t field = 0; field < fields->count; field++) {
		char aliases[200];
		char *rest = aliases, *alias;
		uint32_t found;

		snprintf(aliases, sizeof(aliases), "%s",
			 fields->rows[field].aliases ? fields->rows[field].aliases : "");
		while ((alias = strtok_r(rest, " ", &rest))) {
			ck_assert_int_eq(nfbind_fields_find(fields, alias, &found), 0);
			ck_assert_msg(found == field, "%s is field %u, not %u", alias, found, field);
		}
	}
}

START_TEST(test_objects_aliases_find_their_field)
{
	uint32_t found;

	check_aliases(nfbind_options_fields());
	check_aliases(nfbind_ct_fields());
	check_aliases(nfbind_exp_fields());
	check_aliases(nfbind_cthelper_fields());
	check_aliases(nfbind_packet_fields());
	ck_assert_int_eq(nfbind_fields_find(nfbind_ct_fields(), "ipv6-dst", &found), 0);
	ck_assert_uint_eq(found, NFBIND_CT_ORIG_DST);
	ck_assert_int_eq(nfbind_fields_find(nfbind_ct_fields(), "mar", &found), -ENOENT);
	ck_assert_int_eq(nfbind_fields_find(nfbind_ct_fields(), "marks", &found), -ENOENT);
	ck_assert_int_eq(nfbind_fields_find(nfbind_ct_fields(), "", &found), -ENOENT);
	ck_assert_int_eq(nfbind_fields_find(nfbind_ct_fields(), " ", &found), -ENOENT);
	ck_assert_int_eq(nfbind_fields_find(nfbind_ct_fields(), NULL, &found), -ENOENT);
	ck_assert_int_eq(nfbind_fields_find(NULL, "mark", &found), -ENOENT);
}
END_TEST

START_TEST(test_objects_values_have_names)
{
	ck_assert_str_eq(nfbind_fields_get_value_name(nfbind_ct_fields(), NFBIND_CT_TCP_STATE, 3),
			 "established");
	ck_assert_str_eq(nfbind_fields_get_value_name(nfbind_ct_fields(), NFBIND_CT_STATUS, 4),
			 "assured");
	ck_assert_ptr_null(nfbind_fields_get_value_name(nfbind_ct_fields(), NFBIND_CT_STATUS, 5));
	ck_assert_ptr_null(nfbind_fields_get_value_name(nfbind_ct_fields(), NFBIND_CT_MARK, 0));
	ck_assert_str_eq(nfbind_fields_get_value_name(nfbind_packet_fields(), NFBIND_PACKET_HOOK, 2),
			 "forward");
	ck_assert_str_eq(nfbind_fields_get_value_name(nfbind_options_fields(),
						      NFBIND_OPTIONS_COPY_MODE, 2), "packet");
}
END_TEST

UNIT_MAIN("tables", NULL, NULL,
	  test_objects_fields_are_named_as_their_enumerators,
	  test_objects_tables_say_everything_of_each_field, test_objects_aliases_find_their_field,
	  test_objects_values_have_names)
