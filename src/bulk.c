/* SPDX-License-Identifier: MIT */
/*
 * The bulk: appending operations, and saying what became of them. How they are sent
 * is in bulk_apply.c.
 */
#include "bulk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "uapi.h"

enum {
	ROOM_LEAST = 64 << 10,
	WORDS_MAX = 64 << 10,
};

int nfbind_bulk_new(struct nfbind_bulk **ret_bulk)
{
	struct nfbind_bulk *bulk = calloc(1, sizeof(*bulk));

	if (!bulk)
		return -ENOMEM;
	*ret_bulk = bulk;
	return 0;
}

void nfbind_bulk_free(struct nfbind_bulk *bulk)
{
	if (!bulk)
		return;
	free(bulk->data);
	free(bulk->operations);
	free(bulk->words);
	free(bulk);
}

int nfbind_bulk_clear(struct nfbind_bulk *bulk)
{
	if (!bulk)
		return -EINVAL;
	bulk->len = 0;
	bulk->count = 0;
	bulk->words_len = bulk->words_last = 0;
	return 0;
}

uint32_t nfbind_bulk_count(const struct nfbind_bulk *bulk)
{
	return bulk ? bulk->count : 0;
}

/* Appending. */

static int grow_operations(struct nfbind_bulk *bulk)
{
	uint32_t room = bulk->room ? bulk->room * 2 : 256;
	struct operation *operations;
	size_t size;

	/* An index is an int. */
	if (bulk->room > INT32_MAX / 2 || __builtin_mul_overflow(room, sizeof(*operations), &size))
		return -ENOMEM;
	operations = realloc(bulk->operations, size);
	if (!operations)
		return -ENOMEM;
	bulk->operations = operations;
	bulk->room = room;
	return 0;
}

static int grow_data(struct nfbind_bulk *bulk)
{
	size_t size = bulk->size ? bulk->size * 2 : ROOM_LEAST;
	uint8_t *data = size > bulk->size ? realloc(bulk->data, size) : NULL;

	if (!data)
		return -ENOMEM;
	bulk->data = data;
	bulk->size = size;
	return 0;
}

/* Room for one more, as an empty buffer behind those that are there. */
static int start(struct nfbind_bulk *bulk, struct wire_buffer *ret_buffer)
{
	int r = 0;

	if (bulk->count == bulk->room)
		r = grow_operations(bulk);
	if (r == 0 && bulk->size - bulk->len < REQUEST_MAX)
		r = grow_data(bulk);
	*ret_buffer = (struct wire_buffer){ .data = bulk->data + bulk->len, .size = REQUEST_MAX };
	return r;
}

static int finish(struct nfbind_bulk *bulk, const struct wire_buffer *buffer, int encoded)
{
	struct nlmsghdr *message = (struct nlmsghdr *)buffer->data;

	if (encoded < 0)
		return encoded;
	if (buffer->failed) /* larger than any request that the kernel knows */
		return -EINVAL;
	message->nlmsg_len = (uint32_t)buffer->len;
	bulk->operations[bulk->count] = (struct operation){ .offset = bulk->len,
							    .len = message->nlmsg_len,
							    .result = -ECANCELED };
	/* Attributes are padded, so that the next message is where it has to be. */
	bulk->len += NLMSG_ALIGN(buffer->len);
	return (int)bulk->count++;
}

static int append_ct(struct nfbind_bulk *bulk, const struct nfbind_ct *ct, uint16_t flags)
{
	struct wire_buffer buffer;
	const char *why;
	int r = bulk && ct ? start(bulk, &buffer) : -EINVAL;

	return r < 0 ? r : finish(bulk, &buffer, subject_encode_ct(ct, flags, &buffer, &why));
}

static int append_exp(struct nfbind_bulk *bulk, const struct nfbind_exp *exp, uint16_t flags)
{
	struct wire_buffer buffer;
	const char *why;
	int r = bulk && exp ? start(bulk, &buffer) : -EINVAL;

	return r < 0 ? r : finish(bulk, &buffer, subject_encode_exp(exp, flags, &buffer, &why));
}

static int append_removal(struct nfbind_bulk *bulk, const struct subject *subject,
			  const void *object)
{
	struct wire_buffer buffer;
	const char *why;
	int r = bulk && object ? start(bulk, &buffer) : -EINVAL;

	if (r < 0)
		return r;
	return finish(bulk, &buffer,
		      subject_encode_key(subject, object, MESSAGE_DELETE, &buffer, &why));
}

int nfbind_bulk_add_ct(struct nfbind_bulk *bulk, const struct nfbind_ct *ct, uint32_t flags)
{
	return flags & ~(uint32_t)NFBIND_ADD_OR_CHANGE ? -EINVAL :
							 append_ct(bulk, ct, subject_add_flags(flags));
}

int nfbind_bulk_change_ct(struct nfbind_bulk *bulk, const struct nfbind_ct *ct)
{
	return append_ct(bulk, ct, 0);
}

int nfbind_bulk_remove_ct(struct nfbind_bulk *bulk, const struct nfbind_ct *ct)
{
	return append_removal(bulk, &connections, ct);
}

int nfbind_bulk_add_exp(struct nfbind_bulk *bulk, const struct nfbind_exp *exp, uint32_t flags)
{
	return flags & ~(uint32_t)NFBIND_ADD_OR_CHANGE ? -EINVAL :
							 append_exp(bulk, exp, subject_add_flags(flags));
}

int nfbind_bulk_change_exp(struct nfbind_bulk *bulk, const struct nfbind_exp *exp)
{
	return append_exp(bulk, exp, 0);
}

int nfbind_bulk_remove_exp(struct nfbind_bulk *bulk, const struct nfbind_exp *exp)
{
	return append_removal(bulk, &expectations, exp);
}

size_t bulk_len(const struct nfbind_bulk *bulk, uint32_t index)
{
	return NLMSG_ALIGN(bulk->operations[index].len);
}

/* Results. */

int nfbind_bulk_get_result(const struct nfbind_bulk *bulk, uint32_t index, int32_t *ret_result)
{
	if (!bulk || index >= bulk->count)
		return -ERANGE;
	*ret_result = bulk->operations[index].result;
	return 0;
}

int nfbind_bulk_find_failure(const struct nfbind_bulk *bulk, uint32_t from, uint32_t *ret_index)
{
	for (uint32_t i = from; bulk && i < bulk->count; i++) {
		if (bulk->operations[i].result < 0) {
			*ret_index = i;
			return 0;
		}
	}
	return -ENOENT;
}

/* The kernel says the same to many; what it says comes from its own code, so it is short. */
void bulk_set_words(struct nfbind_bulk *bulk, uint32_t index, const char *words)
{
	size_t len = strlen(words) + 1;
	char *room;

	if (bulk->words_last && strcmp(bulk->words + bulk->words_last, words) == 0) {
		bulk->operations[index].words = bulk->words_last;
		return;
	}
	if (len > WORDS_MAX - 1 - bulk->words_len)
		return;
	room = realloc(bulk->words, bulk->words_len + 1 + len);
	if (!room)
		return;
	bulk->words = room;
	bulk->words_last = bulk->words_len + 1;
	memcpy(bulk->words + bulk->words_last, words, len);
	bulk->words_len += (uint32_t)len;
	bulk->operations[index].words = bulk->words_last;
}

static bool is_about_exp(const struct nfbind_bulk *bulk, const struct operation *operation)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)(bulk->data + operation->offset);

	return message->nlmsg_type >> 8 == KERNEL_SUBSYS_CTNETLINK_EXP;
}

static const char *sentence_of(const struct nfbind_bulk *bulk, const struct operation *operation)
{
	switch (operation->result) {
	case -ECANCELED:
		return "it was not sent";
	case -EINPROGRESS:
		return "it was sent, and the kernel's answer was lost: it may have been done or not";
	case -EMSGSIZE:
		return "it does not fit the socket's send buffer";
	default:
		return conntrack_reason(operation->result,
					is_about_exp(bulk, operation) ? exp_reasons : ct_reasons);
	}
}

int nfbind_bulk_get_message(const struct nfbind_bulk *bulk, uint32_t index, char *ret_text,
			    size_t ret_text_size)
{
	const struct operation *operation;
	struct text text;

	if (!bulk || index >= bulk->count)
		return -ERANGE;
	operation = &bulk->operations[index];
	text_start(&text, ret_text, ret_text_size);
	if (operation->words)
		text_add(&text, "%s: %s", strerror(-operation->result),
			 bulk->words + operation->words);
	else if (operation->result < 0)
		text_add(&text, "%s", sentence_of(bulk, operation));
	return (int)text.len;
}
