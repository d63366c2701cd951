/* SPDX-License-Identifier: MIT */
/*
 * Reading a line that conntrack(8) printed with "-o save", or that somebody wrote in
 * its manner: options by the table of ct_save.c, in any order, each once. What depends
 * on the protocol waits for the end of the line.
 */
#include "ct_save.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "tuple.h"

struct word {
	const char *text;
	size_t len;
	size_t at;
};

struct line {
	struct reader *reader;
	struct nfbind_ct *ct;
	const struct nfbind_labels *labels;
	uint64_t seen;      /* bit n: save_options[n] was there */
	struct word option; /* the one that is read */
	struct word state;  /* of --state; read once the protocol is known */
};

_Static_assert(SAVE_OPTIONS <= 64, "one bit for each option");

static struct word next_word(struct line *line)
{
	struct word word;

	reader_skip_blanks(line->reader);
	word.at = line->reader->at;
	word.text = line->reader->text + word.at;
	word.len = strcspn(word.text, " \t\r\n");
	line->reader->at += word.len;
	return word;
}

static bool word_is(const struct word *word, const char *text, size_t len)
{
	return word->len == len && memcmp(word->text, text, len) == 0;
}

static bool is_among(const struct word *word, const char *names)
{
	while (*names) {
		size_t len = strcspn(names, " ");

		if (word_is(word, names, len))
			return true;
		names += len + strspn(names + len, " ");
	}
	return false;
}

/* What follows an option is not what it takes. */
static int expected(struct line *line, const struct word *word, const char *what)
{
	return reader_fail(line->reader, word->at, -EINVAL, "%s is expected behind %.*s, not \"%.*s\"",
			   what, (int)line->option.len, line->option.text,
			   word->len < 20 ? (int)word->len : 20, word->text);
}

static int set_number(struct line *line, const struct word *word, uint32_t field, uint64_t value)
{
	int r = field_set_number(&ct_fields, line->ct, field, value);

	return r < 0 ? reader_fail(line->reader, word->at, r,
				   "%s: %" PRIu64 " is more than it can hold",
				   ct_fields.rows[field].name, value) : 0;
}

static int read_number(struct line *line, const struct word *word, uint32_t field)
{
	uint64_t value;

	if (!reader_number(word->text, word->len, &value))
		return expected(line, word, "a number");
	return set_number(line, word, field, value);
}

static int read_tag(struct line *line, const struct word *word, uint32_t field)
{
	uint64_t value;

	if (!reader_number(word->text, word->len, &value) || value > UINT32_MAX)
		return expected(line, word, "a number of 32 bits");
	return set_number(line, word, field, be32toh((uint32_t)value));
}

static int read_address(struct line *line, const struct word *word, uint32_t field)
{
	uint8_t bytes[16];
	size_t len = reader_address(word->text, word->len, bytes);

	if (len == 0)
		return expected(line, word, "an IPv4 or IPv6 address");
	return field_set_bytes(&ct_fields, line->ct, field, bytes, len);
}

static int read_mark(struct line *line, const struct word *word)
{
	const char *slash = memchr(word->text, '/', word->len);
	size_t len = slash ? (size_t)(slash - word->text) : word->len;
	struct word mask = { .text = word->text + len + 1, .len = word->len - len - 1,
			     .at = word->at + len + 1 };
	struct word value = { .text = word->text, .len = len, .at = word->at };
	int r = read_number(line, &value, NFBIND_CT_MARK);

	return r < 0 || !slash ? r : read_number(line, &mask, NFBIND_CT_MARK_MASK);
}

static int read_protocol(struct line *line, const struct word *word)
{
	const struct protocol *protocol = tuple_find_protocol(word->text, word->len);
	uint64_t number;

	if (protocol)
		number = protocol->number;
	else if (!reader_number(word->text, word->len, &number))
		return expected(line, word, "a protocol's name or number");
	return set_number(line, word, NFBIND_CT_ORIG_L4PROTO, number);
}

static int read_family(struct line *line, const struct word *word)
{
	if (!word_is(word, "ipv4", 4) && !word_is(word, "ipv6", 4))
		return expected(line, word, "ipv4 or ipv6");
	return set_number(line, word, NFBIND_CT_ORIG_L3PROTO, word->text[3] == '4' ? 2 : 10);
}

static int read_role(struct line *line, const struct word *word)
{
	if (!word_is(word, "client", 6) && !word_is(word, "server", 6))
		return expected(line, word, "client or server");
	return set_number(line, word, NFBIND_CT_DCCP_ROLE, word->text[0] == 's');
}

/* Words with commas between, one after the other. */
static bool next_part(struct word *list, struct word *ret_part)
{
	const char *comma;

	if (list->len == 0)
		return false;
	comma = memchr(list->text, ',', list->len);
	*ret_part = *list;
	if (comma)
		ret_part->len = (size_t)(comma - list->text);
	list->text += ret_part->len + (comma != NULL);
	list->at += ret_part->len + (comma != NULL);
	list->len -= ret_part->len + (comma != NULL);
	return true;
}

static int read_status(struct line *line, const struct word *word)
{
	struct word list = *word, part;
	uint32_t status = 0;

	while (next_part(&list, &part)) {
		const struct value_name *name = save_statuses;

		while (name->name && !word_is(&part, name->name, strlen(name->name)))
			name++;
		if (!name->name && !word_is(&part, "UNSET", 5))
			return expected(line, &part,
					"SEEN_REPLY, ASSURED, FIXED_TIMEOUT, EXPECTED, OFFLOAD or UNSET");
		status |= (uint32_t)name->value;
	}
	return set_number(line, word, NFBIND_CT_STATUS, status);
}

static int read_labels(struct line *line, const struct word *word)
{
	struct word list = *word, part;

	while (next_part(&list, &part)) {
		char name[128] = "";
		uint64_t number;
		uint32_t bit;
		int r;

		if (part.len < sizeof(name))
			memcpy(name, part.text, part.len);
		if (nfbind_labels_find(line->labels, name, &bit) == 0)
			number = bit;
		else if (!reader_number(part.text, part.len, &number) || number > 127)
			return expected(line, &part, "a label's name or its bit");
		r = nfbind_ct_set_label(line->ct, (uint32_t)number, 1);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_option(struct line *line, const struct save_option *option,
		       const struct word *word)
{
	switch (option->kind) {
	case SAVE_ADDRESS:
	case SAVE_NAT:
		return read_address(line, word, option->field);
	case SAVE_STATUS:
		return read_status(line, word);
	case SAVE_PROTOCOL:
		return read_protocol(line, word);
	case SAVE_STATE:
		line->state = *word;
		return 0;
	case SAVE_ROLE:
		return read_role(line, word);
	case SAVE_TAG:
		return read_tag(line, word, option->field);
	case SAVE_MARK:
		return read_mark(line, word);
	case SAVE_LABEL:
		return read_labels(line, word);
	case SAVE_FAMILY:
		return read_family(line, word);
	default:
		return read_number(line, word, option->field);
	}
}

static const struct save_option *find_option(const struct word *word)
{
	for (size_t i = 0; i < SAVE_OPTIONS; i++)
		if (word_is(word, save_options[i].name, strlen(save_options[i].name)) ||
		    is_among(word, save_options[i].others))
			return &save_options[i];
	return NULL;
}

static int read_next(struct line *line)
{
	const struct save_option *option = find_option(&line->option);
	struct word word;
	uint64_t bit;

	if (!option)
		return reader_fail(line->reader, line->option.at, -EINVAL,
				   "no option of a saved entry is called \"%.*s\"",
				   line->option.len < 40 ? (int)line->option.len : 40,
				   line->option.text);
	bit = UINT64_C(1) << (option - save_options);
	if (line->seen & bit)
		return reader_fail(line->reader, line->option.at, -EINVAL, "%s comes twice",
				   option->name);
	line->seen |= bit;
	if (option->kind == SAVE_COMMAND)
		return 0;
	word = next_word(line);
	if (word.len == 0)
		return reader_fail(line->reader, word.at, -EINVAL,
				   "a value is expected behind %s, and the text ends", option->name);
	return read_option(line, option, &word);
}

/* What the end of the line decides. */

static bool fits_protocol(const struct line *line, const struct save_option *option)
{
	uint8_t l4proto = line->ct->orig.l4proto;

	if (option->kind == SAVE_STATE)
		return l4proto == 6 || l4proto == 132 || l4proto == 33;
	return (!option->l4proto || option->l4proto == l4proto) &&
	       (!option->values || option->values == tuple_protocol(l4proto)->values);
}

static int check_options(struct line *line)
{
	for (size_t i = 0; i < SAVE_OPTIONS; i++)
		if (line->seen >> i & 1 && !fits_protocol(line, &save_options[i]))
			return reader_fail(line->reader, line->reader->at, -EINVAL,
					   "%s does not go with the protocol of the line",
					   save_options[i].name);
	return 0;
}

static int read_state(struct line *line)
{
	uint32_t field = line->ct->orig.l4proto == 6 ? NFBIND_CT_TCP_STATE :
			 line->ct->orig.l4proto == 132 ? NFBIND_CT_SCTP_STATE :
							 NFBIND_CT_DCCP_STATE;
	const struct value_name *names = ct_fields.rows[field].values;

	for (const struct value_name *name = names; name->name; name++) {
		char printed[32];
		struct text text;

		text_start(&text, printed, sizeof(printed));
		format_state(names, name->value, &text);
		if (word_is(&line->state, printed, text.len))
			return set_number(line, &line->state, field, name->value);
	}
	return reader_fail(line->reader, line->state.at, -EINVAL,
			   "a state of the line's protocol is expected, not \"%.*s\"",
			   line->state.len < 20 ? (int)line->state.len : 20, line->state.text);
}

static bool has(const struct line *line, uint32_t field)
{
	return field_has(&ct_fields, line->ct, field) > 0;
}

/* The families of a line are those of its addresses, which have to be one. */
static int set_family(struct line *line)
{
	static const uint16_t fields[] = { NFBIND_CT_ORIG_SRC, NFBIND_CT_ORIG_DST,
					   NFBIND_CT_REPL_SRC, NFBIND_CT_REPL_DST,
					   NFBIND_CT_SNAT, NFBIND_CT_DNAT };
	uint64_t family = field_number_or(&ct_fields, line->ct, NFBIND_CT_ORIG_L3PROTO, 0);

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const void *data;
		size_t len;

		if (field_get_bytes(&ct_fields, line->ct, fields[i], &data, &len) < 0)
			continue;
		if (family && family != (len == 4 ? 2 : 10))
			return reader_fail(line->reader, line->reader->at, -EINVAL,
					   "%s is of another family", ct_fields.rows[fields[i]].name);
		family = len == 4 ? 2 : 10;
	}
	return family ? field_set_number(&ct_fields, line->ct, NFBIND_CT_ORIG_L3PROTO, family) : 0;
}

/* With a translation the reply tuple's port is what it translates to. */
static int move_port(struct line *line, uint32_t address, uint32_t port, uint32_t reply)
{
	int r = 0;

	if (has(line, address) && has(line, reply)) {
		r = tuple_copy_field(&ct_fields, line->ct, port, reply);
		field_clear(&ct_fields, line->ct, reply);
	}
	return r;
}

/* The reply tuple is what answers the original one, where the line does not say otherwise. */
static int complete_reply(struct line *line)
{
	struct tuple said = line->ct->repl;
	struct object before = line->ct->object;
	int r = tuple_invert(&ct_fields, line->ct, NFBIND_CT_REPL_SRC, NFBIND_CT_ORIG_SRC);

	if (before.present[0] >> NFBIND_CT_REPL_SRC & 1)
		line->ct->repl.src = said.src;
	if (before.present[0] >> NFBIND_CT_REPL_DST & 1)
		line->ct->repl.dst = said.dst;
	if (before.present[0] >> NFBIND_CT_REPL_PORT_SRC & 1)
		line->ct->repl.port_src = said.port_src;
	if (before.present[0] >> NFBIND_CT_REPL_PORT_DST & 1)
		line->ct->repl.port_dst = said.port_dst;
	return r;
}

static int finish(struct line *line)
{
	int r = check_options(line);

	if (r == 0 && line->state.text)
		r = read_state(line);
	if (r == 0)
		r = set_family(line);
	if (r == 0)
		r = move_port(line, NFBIND_CT_SNAT, NFBIND_CT_SNAT_PORT, NFBIND_CT_REPL_PORT_DST);
	if (r == 0)
		r = move_port(line, NFBIND_CT_DNAT, NFBIND_CT_DNAT_PORT, NFBIND_CT_REPL_PORT_SRC);
	if (r == 0 && (has(line, NFBIND_CT_REPL_SRC) || has(line, NFBIND_CT_REPL_DST) ||
		       has(line, NFBIND_CT_SNAT) || has(line, NFBIND_CT_DNAT)))
		r = complete_reply(line);
	return r;
}

int save_parse(struct nfbind_ct *ct, const struct nfbind_labels *labels, struct reader *reader)
{
	struct line line = { .reader = reader, .ct = ct, .labels = labels };
	int r = 0;

	while (r == 0) {
		line.option = next_word(&line);
		if (line.option.len == 0)
			break;
		r = read_next(&line);
	}
	if (r == 0 && line.seen == 0)
		r = reader_fail(reader, reader->at, -EINVAL, "the line is empty");
	return r < 0 ? r : finish(&line);
}
