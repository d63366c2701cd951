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
	const luaL_Reg *methods;
};

/*
 * A wrapped object, counted, so that the collector may take userdata in any order.
 * A borrowed one lives in its owner, which it keeps; an owned one (a hold counts)
 * has its session as owner, or nobody.
 */
struct handle {
	void *pointer; /* NULL once freed */
	struct handle *owner;
	const struct type *type;
	size_t references;
	bool is_owned;
};

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

/* On the stack; its pointer comes once there is one. */
static struct handle *push_handle(lua_State *L, const struct type *type, struct handle *owner,
				  bool is_owned)
{
	struct handle **box = lua_newuserdata(L, sizeof(*box));

	*box = NULL;
	luaL_getmetatable(L, type->name);
	lua_setmetatable(L, -2);
	*box = calloc(1, sizeof(**box));
	if (!*box)
		luaL_error(L, "out of memory");
	**box = (struct handle){ NULL, owner, type, 1, is_owned };
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
	for (; handle; handle = handle->owner) {
		if (!handle->pointer)
			return false;
		if (handle->is_owned || !handle->owner)
			return true;
	}
	return false;
}

static struct handle *get_handle(lua_State *L, int index, const struct type *type)
{
	struct handle **box = luaL_checkudata(L, index, type->name);

	luaL_argcheck(L, *box && is_alive(*box), index, "it was freed");
	return *box;
}

/* What an owned result belongs to: the last of the owners. */
static struct handle *session_of(struct handle *handle)
{
	while (handle && handle->owner)
		handle = handle->owner;
	return handle;
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
	struct handle **box = luaL_checkudata(L, 1, type->name);
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
	struct handle **box = luaL_checkudata(L, 1, type->name);

	lua_pushfstring(L, "%s: %p%s", type->name, *box ? (*box)->pointer : NULL,
			*box && is_alive(*box) ? "" : " (freed)");
	return 1;
}

#endif
