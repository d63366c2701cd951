/* SPDX-License-Identifier: MIT */
/*
 * A connection as one line, as conntrack(8) lists it: what a person reads, and what
 * scripts have cut into words for years. So order, names and spaces are those that
 * conntrack(8) 1.4.7 was seen to print.
 */
#include "format.h"

#include <inttypes.h>
#include <time.h>

#include "tuple.h"

enum { NANOSECONDS = 1000000000 };

static const struct value_name *names_of(uint32_t field)
{
	return ct_fields.rows[field].values;
}

static void print_address(const char *name, const struct address *address, struct text *text)
{
	PIECE(text, "%s", name);
	format_address(address, text);
}

static void print_side(const struct nfbind_ct *ct, const struct side *side, const char *zone,
		       uint32_t packets_field, struct text *text)
{
	bool is_orig = packets_field == NFBIND_CT_ORIG_COUNTER_PACKETS;

	if (side->present >> OF_SRC & 1)
		print_address("src=", &side->tuple->src, text);
	if (side->present >> OF_DST & 1)
		print_address("dst=", &side->tuple->dst, text);
	format_values(side, text);
	if (side->present >> OF_ZONE & 1)
		PIECE(text, "%s=%u", zone, side->tuple->zone);
	if (format_has(ct, packets_field) && format_has(ct, packets_field + 1))
		PIECE(text, "packets=%" PRIu64 " bytes=%" PRIu64,
		      is_orig ? ct->orig_packets : ct->repl_packets,
		      is_orig ? ct->orig_bytes : ct->repl_bytes);
}

/* Only the most that is known of it. */
static void print_status(const struct nfbind_ct *ct, struct text *text)
{
	if (!format_has(ct, NFBIND_CT_STATUS))
		return;
	if (ct->status & NFBIND_CT_STATUS_HW_OFFLOAD)
		PIECE(text, "[HW_OFFLOAD]");
	else if (ct->status & NFBIND_CT_STATUS_OFFLOAD)
		PIECE(text, "[OFFLOAD]");
	else if (ct->status & NFBIND_CT_STATUS_ASSURED)
		PIECE(text, "[ASSURED]");
}

/* ctime() has no locale, and a year of four digits for whatever 64 bits of nanoseconds hold. */
static void print_time(const char *name, uint64_t nanoseconds, struct text *text)
{
	time_t seconds = (time_t)(nanoseconds / NANOSECONDS);
	char printed[32];

	if (ctime_r(&seconds, printed))
		PIECE(text, "[%s=%.24s]", name, printed);
}

static void print_times(const struct nfbind_ct *ct, const struct format *format,
			struct text *text)
{
	bool started = format_has(ct, NFBIND_CT_TIMESTAMP_START);
	bool stopped = format_has(ct, NFBIND_CT_TIMESTAMP_STOP);

	if (started)
		PIECE(text, "delta-time=%" PRIu64, format_age(ct));
	if (!(format->flags & NFBIND_PRINT_TIMESTAMP))
		return;
	if (started)
		print_time("start", ct->timestamp_start, text);
	if (stopped)
		print_time("stop", ct->timestamp_stop, text);
}

static void print_states(const struct nfbind_ct *ct, struct text *text)
{
	static const uint16_t fields[] = { NFBIND_CT_TCP_STATE, NFBIND_CT_SCTP_STATE,
					   NFBIND_CT_DCCP_STATE };

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (!format_has(ct, fields[i]))
			continue;
		PIECE(text, "%s", "");
		format_state(names_of(fields[i]),
			     field_number_or(&ct_fields, ct, fields[i], 0), text);
	}
}

static void print_start(const struct nfbind_ct *ct, const struct format *format,
			struct text *text)
{
	if (format->flags & FORMAT_EXTENDED && format_has(ct, NFBIND_CT_ORIG_L3PROTO))
		PIECE(text, "%-8s %u", format_family(ct->orig.l3proto), ct->orig.l3proto);
	if (format_has(ct, NFBIND_CT_ORIG_L4PROTO))
		PIECE(text, "%-8s %u", tuple_protocol(ct->orig.l4proto)->name,
		      ct->orig.l4proto);
	if (format_has(ct, NFBIND_CT_TIMEOUT))
		PIECE(text, "%" PRIu32, ct->timeout);
	print_states(ct, text);
}

static void print_name(const char *name, const void *bytes, size_t len, struct text *text)
{
	PIECE(text, "%s=", name);
	text_add_escaped(text, bytes, len);
}

static void print_rest(const struct nfbind_ct *ct, const struct format *format,
		       struct text *text)
{
	if (format_has(ct, NFBIND_CT_MARK))
		PIECE(text, "mark=%" PRIu32, ct->mark);
	if (format_has(ct, NFBIND_CT_SECCTX))
		print_name("secctx", ct->secctx.bytes, ct->secctx.len, text);
	if (format_has(ct, NFBIND_CT_ZONE))
		PIECE(text, "zone=%u", ct->zone);
	print_times(ct, format, text);
	if (format_has(ct, NFBIND_CT_HELPER_NAME))
		print_name("helper", ct->helper_name.bytes, ct->helper_name.len, text);
	if (format_has(ct, NFBIND_CT_USE))
		PIECE(text, "use=%" PRIu32, ct->use);
	if (format->flags & NFBIND_PRINT_ID && format_has(ct, NFBIND_CT_ID))
		PIECE(text, "id=%" PRIu32, ct->id);
	if (format->labels && format_has(ct, NFBIND_CT_LABELS)) {
		PIECE(text, "labels");
		format_labels(format->labels, ct->labels.bytes, ct->labels.len, text);
	}
}

void format_ct_line(const struct nfbind_ct *ct, const struct format *format, struct text *text)
{
	struct side orig = format_side(ct, &ct->orig, NFBIND_CT_ORIG_SRC);
	struct side repl = format_side(ct, &ct->repl, NFBIND_CT_REPL_SRC);

	print_start(ct, format, text);
	print_side(ct, &orig, "zone-orig", NFBIND_CT_ORIG_COUNTER_PACKETS, text);
	if (format_has(ct, NFBIND_CT_STATUS) && !(ct->status & NFBIND_CT_STATUS_SEEN_REPLY))
		PIECE(text, "[UNREPLIED]");
	print_side(ct, &repl, "zone-reply", NFBIND_CT_REPL_COUNTER_PACKETS, text);
	print_status(ct, text);
	print_rest(ct, format, text);
}
