/* SPDX-License-Identifier: MIT */
/*
 * One shape of object: a pointer of the library's, what it lies in, and when it goes.
 * Lua's collector takes userdata in any order, and so does a program that frees.
 */
#ifndef NFBIND_LUA_OBJECT_H
#define NFBIND_LUA_OBJECT_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>

#include <nfbind/nfbind.h>

struct sentence {
	int error;
	const char *text;
};

/* An object that a field holds: its kind, how to read it and how to write it. */
struct nested {
	uint32_t kind;
	lua_CFunction get;
	lua_CFunction set;
};

/* The functions of an object with fields. */
struct family {
	const struct nfbind_fields *(*fields)(void);
	int (*has)(const void *, uint32_t);
	int (*clear)(void *, uint32_t);
	int (*get_number)(const void *, uint32_t, uint64_t *);
	int (*set_number)(void *, uint32_t, uint64_t);
	int (*get_bytes)(const void *, uint32_t, const void **, size_t *);
	int (*set_bytes)(void *, uint32_t, const void *, size_t);
	const struct nested *nested;
	const struct sentence *errors; /* of clear, get and set together */
};

struct type;

/* What an object that counts its items has. */
struct sequence {
	uint32_t (*count)(const void *);
	void *(*item)(void *, uint32_t);
	const struct type *type;
};

struct type {
	const char *name; /* "nfbind.queue": its metatable */
	void (*release)(void *); /* NULL where it cannot be owned */
	int (*make)(void **); /* from nothing; NULL where it takes arguments */
	const struct family *family;
	const struct sequence *sequence;
	bool is_item; /* of some sequence */
	const luaL_Reg *methods;
};

/*
 * A wrapped object, counted, so that the collector may take userdata in any order.
 * A borrowed one lives in its owner, which it keeps; an owned one (a hold counts)
 * has its session as owner, or nobody. Userdata is the address of one of these.
 */
struct handle {
	void *pointer; /* NULL once freed */
	struct handle *owner;
	struct handle **lender; /* of an item only: the userdata that it is an item of */
	const struct type *type;
	size_t references;
	bool is_owned;
};

/*
 * The userdata of an item, as a packet of a batch, one for each packet of a loop: it
 * costs one allocation, and the collector has nothing to do for it. The userdata of
 * its batch stays as long as this one; what became of the batch is looked up there.
 */
struct item {
	struct handle *box;
	struct handle handle;
};

enum { MARK = 1 }; /* where metatables hold the type: quicker to compare than its name */

/* Failures. */

static int fail(lua_State *L, int r, const struct sentence *errors, const char *text)
{
	for (; !*text && errors && errors->error; errors++)
		if (errors->error == -r)
			text = errors->text;
	lua_pushnil(L);
	lua_pushstring(L, *text ? text : strerror(-r));
	lua_pushinteger(L, -r);
	return 3;
}

/* The same where a result has no place. */
static int raise(lua_State *L, int r, const struct sentence *errors, const char *what)
{
	fail(L, r, errors, "");
	return luaL_error(L, "%s: %s", what, lua_tostring(L, -2));
}

/* Objects. */

static void let_go(struct handle *handle)
{
	while (handle && --handle->references == 0) {
		struct handle *owner = handle->owner;

		if (handle->pointer && handle->is_owned && handle->type->release)
			handle->type->release(handle->pointer);
		free(handle);
		handle = owner;
	}
}

/* What can be counted: for an item, what it is an item of. */
static struct handle *counted(struct handle *handle)
{
	while (handle && handle->lender)
		handle = *handle->lender;
	return handle;
}

/* On the stack; its pointer comes once there is one. */
static struct handle *push_handle(lua_State *L, const struct type *type, struct handle *owner,
				  bool is_owned)
{
	struct handle **box = lua_newuserdata(L, sizeof(*box));

	owner = counted(owner);
	*box = NULL;
	luaL_getmetatable(L, type->name);
	lua_setmetatable(L, -2);
	*box = calloc(1, sizeof(**box));
	if (!*box)
		luaL_error(L, "out of memory");
	**box = (struct handle){ NULL, owner, NULL, type, 1, is_owned };
	if (owner)
		owner->references++;
	return *box;
}

static struct handle *push_new(lua_State *L, const struct type *type)
{
	struct handle *handle = push_handle(L, type, NULL, true);

	if (type->make(&handle->pointer) < 0)
		luaL_error(L, "out of memory");
	return handle;
}

static bool is_alive(const struct handle *handle)
{
	while (handle && handle->pointer) {
		if (handle->lender)
			handle = *handle->lender;
		else if (handle->is_owned || !handle->owner)
			return true;
		else
			handle = handle->owner;
	}
	return false;
}

static struct handle **check_box(lua_State *L, int index, const struct type *type)
{
	struct handle **box = lua_touserdata(L, index);
	const void *mark;

	if (box && lua_getmetatable(L, index)) {
		lua_rawgeti(L, -1, MARK);
		mark = lua_touserdata(L, -1);
		lua_pop(L, 2);
		if (mark == type)
			return box;
	}
	return luaL_checkudata(L, index, type->name);
}

static struct handle *get_handle(lua_State *L, int index, const struct type *type)
{
	struct handle **box = check_box(L, index, type);

	luaL_argcheck(L, *box && is_alive(*box), index, "it was freed");
	return *box;
}

/* What an owned result belongs to: the last of the owners, if there are any. */
static struct handle *session_of(const struct handle *handle)
{
	struct handle *owner = handle->lender ? *handle->lender : handle->owner;

	while (owner && owner->owner)
		owner = owner->owner;
	return owner;
}

/*
 * What ties items to their lender, the userdata at that index: before 5.3 only a table can,
 * and in 5.1 the running function gives its own to each userdata that it makes.
 */
static void push_tie(lua_State *L, int lender)
{
#if LUA_VERSION_NUM >= 503
	lua_pushvalue(L, lender);
#else
	lua_createtable(L, 1, 0);
	lua_pushvalue(L, lender);
	lua_rawseti(L, -2, 1);
#endif
}

/* Item `number`, with the tie and the metatable that lie at these indices. */
static struct handle *push_item(lua_State *L, struct handle **lender, uint32_t number, int tie,
				int metatable)
{
	const struct sequence *sequence = (*lender)->type->sequence;
#if LUA_VERSION_NUM >= 504
	struct item *item = lua_newuserdatauv(L, sizeof(*item), 1);
#else
	struct item *item = lua_newuserdata(L, sizeof(*item));
#endif

	item->box = &item->handle;
	item->handle = (struct handle){ sequence->item((*lender)->pointer, number), NULL, lender,
					sequence->type, 1, false };
#if LUA_VERSION_NUM >= 504
	lua_pushvalue(L, tie);
	lua_setiuservalue(L, -2, 1);
#elif LUA_VERSION_NUM >= 502
	lua_pushvalue(L, tie);
	lua_setuservalue(L, -2);
#endif
	lua_pushvalue(L, metatable);
	lua_setmetatable(L, -2);
	return &item->handle;
}

/* Items have no finaliser, so their metatable is another one. */
static void push_item_metatable(lua_State *L, const struct type *type)
{
	lua_pushlightuserdata(L, (void *)(uintptr_t)type);
	lua_rawget(L, LUA_REGISTRYINDEX);
}

static int object_collect(lua_State *L)
{
	struct handle **box = lua_touserdata(L, 1);

	if (box) {
		let_go(*box);
		*box = NULL;
	}
	return 0;
}

/* The method `free`, and the end of a variable that is closed: twice is fine. */
static int object_free(lua_State *L)
{
	const struct type *type = lua_touserdata(L, lua_upvalueindex(1));
	struct handle **box = check_box(L, 1, type);
	void *pointer = *box ? (*box)->pointer : NULL;

	if (pointer) {
		(*box)->pointer = NULL;
		if ((*box)->is_owned && type->release)
			type->release(pointer);
	}
	return 0;
}

static int object_text(lua_State *L)
{
	const struct type *type = lua_touserdata(L, lua_upvalueindex(1));
	struct handle **box = check_box(L, 1, type);

	lua_pushfstring(L, "%s: %p%s", type->name, *box ? (*box)->pointer : NULL,
			*box && is_alive(*box) ? "" : " (freed)");
	return 1;
}

#endif
