/* SPDX-License-Identifier: MIT */
/*
 * The fake kernel's helpers; see fake_helpers.h.
 */
#include "fake_helpers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netlink.h>

#include "wire.h"

enum { NEW, GET, DELETE, ATTRIBUTES = NLMSG_HDRLEN + 4 };

struct fake_helpers helpers;

static void (*pass_on)(int fd, const uint8_t *message, size_t len);

/* What a request names. */
struct key {
	const char *name;
	bool has_tuple;
	uint16_t l3proto;
	uint8_t l4proto;
};

struct nest {
	const uint8_t *data;
	size_t len;
};

static bool find(struct nest in, unsigned int type, struct nest *ret_nest)
{
	ret_nest->data = attribute_find(in.data, in.len, type, &ret_nest->len);
	return ret_nest->data != NULL;
}

static bool read_name(struct nest in, unsigned int type, char name[16])
{
	struct nest found;

	/* NLA_NUL_STRING of at most 15 */
	if (!find(in, type, &found) || found.len == 0 || found.len > 16 ||
	    found.data[found.len - 1] != '\0')
		return false;
	memcpy(name, found.data, found.len);
	return true;
}

static bool read_number(struct nest in, unsigned int type, uint32_t *ret_number)
{
	struct nest found;

	if (!find(in, type, &found))
		return false;
	*ret_number = attribute_u32(in.data, in.len, type);
	return true;
}

static int read_key(struct nest in, struct key *ret_key, char name[16])
{
	struct nest tuple, l3, l4;

	*ret_key = (struct key){ .name = read_name(in, 1, name) ? name : NULL };
	if (!find(in, 2, &tuple))
		return 0;
	if (!find(tuple, 1, &l3) || !find(tuple, 2, &l4) || l3.len != 2 || l4.len != 1)
		return -EINVAL;
	ret_key->has_tuple = true;
	ret_key->l3proto = wire_read_u16(l3.data);
	ret_key->l4proto = l4.data[0];
	return 0;
}

static bool is_meant(const struct fake_helper *helper, const struct key *key)
{
	return (!key->name || strcmp(key->name, helper->name) == 0) &&
	       (!key->has_tuple ||
		(key->l3proto == helper->l3proto && key->l4proto == helper->l4proto));
}

static int read_policies(struct nest in, struct fake_helper *helper)
{
	struct nest set, one;

	if (!find(in, 4, &set) || !read_number(set, 1, &helper->policies_count))
		return -EINVAL;
	if (helper->policies_count == 0 || helper->policies_count > HELPER_POLICIES_MAX)
		return helper->policies_count ? -EOVERFLOW : -EINVAL;
	for (uint32_t i = 0; i < helper->policies_count; i++) {
		struct fake_policy *policy = &helper->policies[i];

		if (!find(set, 2 + i, &one) || !read_name(one, 1, policy->name) ||
		    !read_number(one, 2, &policy->max) || !read_number(one, 3, &policy->timeout) ||
		    policy->max > 255)
			return -EINVAL;
	}
	return 0;
}

static int create(struct nest in, const struct key *key)
{
	struct fake_helper helper = { .l3proto = key->l3proto, .l4proto = key->l4proto };
	int r = read_policies(in, &helper);

	if (r < 0 || !read_number(in, 5, &helper.priv_data_len))
		return -EINVAL;
	if (helper.priv_data_len > 32)
		return -ENOMEM;
	if (helpers.own && strcmp(helpers.own, key->name) == 0)
		return -EBUSY;
	(void)read_number(in, 3, &helper.queue);
	(void)read_number(in, 6, &helper.status);
	strcpy(helper.name, key->name);
	if (helpers.count == HELPERS_MAX)
		abort();
	helpers.list[helpers.count++] = helper;
	return 0;
}

static int update(struct nest in, struct fake_helper *helper)
{
	struct fake_helper wanted = *helper;
	struct nest found;
	bool has_policies;
	int r;

	if (find(in, 5, &found))
		return -EBUSY;
	has_policies = find(in, 4, &found);
	r = has_policies ? read_policies(in, &wanted) : 0;
	if (r < 0)
		return r;
	if (wanted.policies_count != helper->policies_count)
		return -EBUSY;
	for (uint32_t i = 0; i < wanted.policies_count; i++)
		if (strcmp(wanted.policies[i].name, helper->policies[i].name) != 0)
			return -EBUSY;
	for (uint32_t i = 1; helpers.mixes_policies && has_policies && i < wanted.policies_count; i++) {
		wanted.policies[i].max = wanted.policies[0].max;
		wanted.policies[i].timeout = wanted.policies[0].timeout;
	}
	(void)read_number(in, 3, &wanted.queue);
	(void)read_number(in, 6, &wanted.status);
	*helper = wanted;
	return 0;
}

static int new_or_changed(struct nest in, const struct key *key, uint16_t flags)
{
	if (!key->name || !key->has_tuple)
		return -EINVAL;
	for (uint32_t i = 0; i < helpers.count; i++)
		if (is_meant(&helpers.list[i], key))
			return flags & NLM_F_EXCL ? -EEXIST : update(in, &helpers.list[i]);
	return create(in, key);
}

static int delete(const struct key *key)
{
	bool was_empty = helpers.count == 0, has_found = false;
	uint32_t kept = 0;
	int r = -ENOENT;

	for (uint32_t i = 0; i < helpers.count; i++) {
		struct fake_helper helper = helpers.list[i];

		if (!is_meant(&helper, key)) {
			helpers.list[kept++] = helper;
		} else if (helper.is_used && !helpers.removes_used) {
			helpers.list[kept++] = helper;
			r = -EBUSY;
		} else {
			has_found = true;
		}
	}
	helpers.count = kept;
	return has_found || was_empty ? 0 : r;
}

/* Answers. A request's socket reads nothing else, but the fake has one inbox: they come first. */

static void put_policies(struct message *message, const struct fake_helper *helper)
{
	size_t set = message_nest_start(message, 4);

	message_put_u32(message, 1, helper->policies_count);
	for (uint32_t i = 0; i < helper->policies_count; i++) {
		size_t one = message_nest_start(message, (uint16_t)(2 + i));

		message_put(message, 1, helper->policies[i].name,
			    strlen(helper->policies[i].name) + 1);
		message_put_u32(message, 2, helper->policies[i].max);
		message_put_u32(message, 3, helper->policies[i].timeout);
		message_nest_end(message, one);
	}
	message_nest_end(message, set);
}

static void deliver_helper(const struct fake_helper *helper, uint32_t sequence)
{
	uint8_t l3[2] = { (uint8_t)(helper->l3proto >> 8), (uint8_t)helper->l3proto };
	static struct message message;
	size_t tuple;

	message_start(&message, KERNEL_SUBSYS_CTHELPER << 8 | NEW, 0, 0, 0);
	message_put(&message, 1, helper->name, strlen(helper->name) + 1);
	message_put_u32(&message, 3, helper->queue);
	tuple = message_nest_start(&message, 2);
	message_put(&message, 1, l3, 2);
	message_put(&message, 2, &helper->l4proto, 1);
	message_nest_end(&message, tuple);
	put_policies(&message, helper);
	message_put_u32(&message, 5, helper->priv_data_len);
	message_put_u32(&message, 6, helper->status);
	message_number(&message, sequence);
	message_end(&message);
	fake_deliver_first(message.data, message.len, 0);
}

static void deliver_done(uint32_t sequence)
{
	struct {
		struct nlmsghdr header;
		int32_t error;
	} done = { { sizeof(done), NLMSG_DONE, NLM_F_MULTI, sequence, 0 }, 0 };

	fake_deliver_first(&done, sizeof(done), 0);
}

static void deliver_result(const struct nlmsghdr *request, int error)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
	} answer = { .header = { .nlmsg_len = sizeof(answer), .nlmsg_type = NLMSG_ERROR,
				 .nlmsg_flags = 0x100 /* capped */, .nlmsg_seq = request->nlmsg_seq },
		     .error = { .error = error, .msg = *request } };

	fake_deliver_first(&answer, sizeof(answer), 0);
}

static int get(const struct key *key, const struct fake_helper **ret_helper)
{
	for (uint32_t i = 0; i < helpers.count; i++) {
		if (!is_meant(&helpers.list[i], key))
			continue;
		*ret_helper = &helpers.list[i];
		return 0;
	}
	return -ENOENT;
}

static int change(struct nest in, const struct key *key, const struct nlmsghdr *request)
{
	int r = 0;

	if (helpers.error && helpers.until_error == 0) {
		r = helpers.error;
		helpers.error = 0;
		return r;
	}
	helpers.until_error -= helpers.error != 0;
	r = (request->nlmsg_type & 0xff) == NEW ? new_or_changed(in, key, request->nlmsg_flags) :
						   delete(key);
	helpers.changes += r == 0;
	return r;
}

static void answer(const struct nlmsghdr *request, const uint8_t *message, size_t len)
{
	struct nest in = { message + ATTRIBUTES, len - ATTRIBUTES };
	const struct fake_helper *found = NULL;
	struct key key;
	char name[16];
	int r = read_key(in, &key, name);

	if (helpers.is_forbidden)
		r = -EPERM;
	if (r == 0 && (request->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP) {
		/* In front of each other: the last first. */
		deliver_done(request->nlmsg_seq);
		for (uint32_t i = 0; i < helpers.count; i++)
			deliver_helper(&helpers.list[i], request->nlmsg_seq);
		return;
	}
	if (r == 0)
		r = (request->nlmsg_type & 0xff) == GET ? get(&key, &found) :
							   change(in, &key, request);
	if (r < 0 || request->nlmsg_flags & NLM_F_ACK)
		deliver_result(request, r);
	if (found)
		deliver_helper(found, request->nlmsg_seq);
}

static void take_message(int fd, const uint8_t *message, size_t len)
{
	const struct nlmsghdr *request = (const struct nlmsghdr *)message;

	if (request->nlmsg_type >> 8 == KERNEL_SUBSYS_CTHELPER && kernel.has_rights &&
	    kernel.subsystems & 1u << KERNEL_SUBSYS_CTHELPER)
		answer(request, message, len);
	else
		pass_on(fd, message, len);
}

void helpers_hook(void)
{
	helpers = (struct fake_helpers){ 0 };
	pass_on = fake.on_message;
	fake.on_message = take_message;
}

void helpers_set_up(void)
{
	kernel_set_up();
	helpers_hook();
}

void helpers_tear_down(void)
{
	kernel_tear_down();
}

struct fake_helper *helpers_make(const char *name, uint16_t l3proto, uint8_t l4proto, uint16_t queue)
{
	struct fake_helper *helper = &helpers.list[helpers.count++];

	*helper = (struct fake_helper){ .l3proto = l3proto, .l4proto = l4proto, .queue = queue,
					.priv_data_len = 16, .status = 1, .policies_count = 1,
					.policies = { { "speech", 4, 300 } } };
	snprintf(helper->name, sizeof(helper->name), "%s", name);
	return helper;
}

struct fake_helper *helpers_find(const char *name, uint16_t l3proto, uint8_t l4proto)
{
	for (uint32_t i = 0; i < helpers.count; i++)
		if (strcmp(helpers.list[i].name, name) == 0 && helpers.list[i].l3proto == l3proto &&
		    helpers.list[i].l4proto == l4proto)
			return &helpers.list[i];
	return NULL;
}
