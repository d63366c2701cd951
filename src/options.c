/* SPDX-License-Identifier: MIT */
/*
 * The options object, and its table.
 */
#include "options.h"

#include <errno.h>
#include <stdlib.h>

#include "help_generated.h"

#define OPEN NFBIND_DIRECTION_CREATE
#define BIND (NFBIND_DIRECTION_CREATE | NFBIND_DIRECTION_UPDATE)

#define ROW(field, text, member, row_kind, ...) \
	[NFBIND_OPTIONS_##field] = { .name = text, .kind = NFBIND_KIND_##row_kind, \
				     .offset = offsetof(struct nfbind_options, member), \
				     __VA_ARGS__ }

static const struct value_name copy_mode_names[] = {
	{ NFBIND_COPY_MODE_META, "meta" },
	{ NFBIND_COPY_MODE_PACKET, "packet" },
	{ 0, NULL },
};

static const struct value_name verdict_names[] = {
	{ 0, "drop" }, { 1, "accept" }, { 4, "repeat" }, { 5, "stop" }, { 0, NULL },
};

static const struct field options_rows[] = {
	ROW(NETNS_PATH, "netns-path", netns_path, TEXT, .directions = OPEN),
	ROW(NETNS_PID, "netns-pid", netns_pid, U32, .directions = OPEN),
	ROW(NETNS_FD, "netns-fd", netns_fd, U32, .directions = OPEN),
	ROW(SOCKET_FD, "socket-fd", socket_fd, U32, .directions = OPEN),
	ROW(RECEIVE_BUFFER, "receive-buffer", receive_buffer, U32, .directions = OPEN),
	ROW(SEND_BUFFER, "send-buffer", send_buffer, U32, .directions = OPEN),
	ROW(BATCH, "batch", batch, U32, .directions = OPEN),
	ROW(COPY_MODE, "copy-mode", copy_mode, U8, .directions = BIND, .values = copy_mode_names),
	ROW(COPY_RANGE, "copy-range", copy_range, U32, .directions = BIND),
	ROW(MAXLEN, "maxlen", maxlen, U32, .directions = BIND),
	ROW(FAIL_OPEN, "fail-open", fail_open, BOOL, .directions = BIND, .kernel = 3006),
	ROW(CONNTRACK, "conntrack", conntrack, BOOL, .directions = BIND, .kernel = 3006),
	ROW(GSO, "gso", gso, BOOL, .directions = BIND, .kernel = 3010),
	ROW(UID_GID, "uid-gid", uid_gid, BOOL, .directions = BIND, .kernel = 3014),
	ROW(SECCTX, "secctx", secctx, BOOL, .directions = BIND, .kernel = 4003),
	ROW(DEFAULT_VERDICT, "default-verdict", default_verdict, U32, .directions = BIND,
	    .values = verdict_names),
	ROW(AGE_LIMIT, "age-limit", age_limit, U32, .directions = BIND),
	ROW(COALESCE, "coalesce", coalesce, BOOL, .directions = BIND),
	ROW(MARK, "mark", mark, U32, .directions = OPEN),
	ROW(DEVICE, "device", device, TEXT, .directions = OPEN, .size = 15),
	ROW(EVENTS, "events", events, U32, .directions = OPEN),
	ROW(RELIABLE, "reliable", reliable, BOOL, .directions = OPEN),
	ROW(ALL_NAMESPACES, "all-namespaces", all_namespaces, BOOL, .directions = OPEN, .kernel = 4002),
	ROW(TAKE_OVER, "take-over", take_over, BOOL, .directions = OPEN),
	ROW(RESYNC, "resync", resync, BOOL, .directions = OPEN),
	ROW(RESYNC_INTERVAL, "resync-interval", resync_interval, U32, .directions = OPEN),
	ROW(KEYS_MAX, "keys-max", keys_max, U32, .directions = OPEN),
	ROW(KEEP_RECORD, "keep-record", keep_record, BOOL, .directions = OPEN),
	ROW(KERNEL_FILTER, "kernel-filter", kernel_filter, BOOL, .directions = OPEN),
	ROW(NETLINK_PROTOCOL, "netlink-protocol", netlink_protocol, U32, .directions = OPEN),
	ROW(SEND_DELAY, "send-delay", send_delay, U32, .directions = OPEN),
};

const struct nfbind_fields options_fields = {
	.rows = options_rows,
	.help = options_help,
	.count = sizeof(options_rows) / sizeof(options_rows[0]),
};

uint64_t options_number(const struct nfbind_options *options, uint32_t field, uint64_t absent)
{
	return field_number_or(&options_fields, options, field, absent);
}

int nfbind_options_new(struct nfbind_options **ret_options)
{
	struct nfbind_options *options = calloc(1, sizeof(*options));

	if (!options)
		return -ENOMEM;
	*ret_options = options;
	return 0;
}

void nfbind_options_free(struct nfbind_options *options)
{
	if (!options)
		return;
	field_reset(&options_fields, options);
	free(options);
}

const struct nfbind_fields *nfbind_options_fields(void)
{
	return &options_fields;
}

int nfbind_options_has(const struct nfbind_options *options, uint32_t field)
{
	return field_has(&options_fields, options, field);
}

int nfbind_options_clear(struct nfbind_options *options, uint32_t field)
{
	return field_clear(&options_fields, options, field);
}

int nfbind_options_get_number(const struct nfbind_options *options, uint32_t field, uint64_t *ret_value)
{
	return field_get_number(&options_fields, options, field, ret_value);
}

int nfbind_options_set_number(struct nfbind_options *options, uint32_t field, uint64_t value)
{
	return field_set_number(&options_fields, options, field, value);
}

int nfbind_options_get_bytes(const struct nfbind_options *options, uint32_t field, const void **ret_data,
			     size_t *ret_data_len)
{
	return field_get_bytes(&options_fields, options, field, ret_data, ret_data_len);
}

int nfbind_options_set_bytes(struct nfbind_options *options, uint32_t field, const void *data,
			     size_t data_len)
{
	return field_set_bytes(&options_fields, options, field, data, data_len);
}
