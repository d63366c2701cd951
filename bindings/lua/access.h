/* SPDX-License-Identifier: MIT */
/*
 * What Lua sees of an object: methods, fields and items, iteration, the metatable.
 */
#ifndef NFBIND_LUA_ACCESS_H
#define NFBIND_LUA_ACCESS_H

#include "field.h"

/* Methods and fields; upvalues: the type, the methods, the known fields. */

static void push_item(lua_State *L, struct handle *self, uint32_t number)
{
	const struct sequence *sequence = self->type->sequence;
	struct handle *item = push_handle(L, sequence->type, self, false);

	item->pointer = sequence->item(self->pointer, number);
}

static int object_index(lua_State *L)
{
	const struct type *type = lua_touserdata(L, lua_upvalueindex(1));
	const struct nested *nested;
	struct handle *self;
	uint64_t number;
	uint32_t field;

	lua_settop(L, 2);
	lua_pushvalue(L, 2);
	lua_rawget(L, lua_upvalueindex(2));
	if (!lua_isnil(L, -1))
		return 1;
	lua_pop(L, 1);
	self = get_handle(L, 1, type);
	if (type->sequence && lua_type(L, 2) == LUA_TNUMBER) {
		if (as_unsigned(L, 2, &number) < 0 || number < 1 ||
		    number > type->sequence->count(self->pointer))
			lua_pushnil(L);
		else
			push_item(L, self, (uint32_t)(number - 1));
		return 1;
	}
	if (!type->family)
		return luaL_error(L, "%s has no method '%s'", type->name,
				  lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?");
	field = find_field(L, type->family, 2, lua_upvalueindex(3));
	nested = nested_of(type->family, field);
	lua_settop(L, 1);
	if (nested && nested->get)
		return nested->get(L);
	push_field(L, type->family, self->pointer, field);
	return 1;
}

static int object_new_index(lua_State *L)
{
	const struct type *type = lua_touserdata(L, lua_upvalueindex(1));
	struct handle *self = get_handle(L, 1, type);
	const struct nested *nested;
	uint32_t field;

	if (!type->family)
		return luaL_error(L, "%s has no fields", type->name);
	lua_settop(L, 3);
	field = find_field(L, type->family, 2, lua_upvalueindex(3));
	nested = nested_of(type->family, field);
	if (nested && nested->set && !lua_isnil(L, 3)) {
		lua_remove(L, 2);
		if (nested->set(L) > 1)
			return luaL_error(L, "%s", lua_tostring(L, -2));
		return 0;
	}
	set_field(L, type->family, self->pointer, field, 3);
	return 0;
}

static int object_count(lua_State *L)
{
	const struct type *type = lua_touserdata(L, lua_upvalueindex(1));
	struct handle *self = get_handle(L, 1, type);

	lua_pushinteger(L, (lua_Integer)type->sequence->count(self->pointer));
	return 1;
}

/* Upvalues: the object, how many were given, how many fields, their numbers. */
static int next_item(lua_State *L)
{
	struct handle **box = lua_touserdata(L, lua_upvalueindex(1));
	struct handle *self = *box;
	uint32_t given = (uint32_t)lua_tointeger(L, lua_upvalueindex(2));
	int count = (int)lua_tointeger(L, lua_upvalueindex(3));
	struct handle *item;

	if (!self || !is_alive(self) || given >= self->type->sequence->count(self->pointer))
		return 0;
	lua_settop(L, 0);
	luaL_checkstack(L, count + 8, "too many fields");
	lua_pushinteger(L, (lua_Integer)given + 1);
	lua_replace(L, lua_upvalueindex(2));
	push_item(L, self, given);
	item = *(struct handle **)lua_touserdata(L, 1);
	for (int i = 0; i < count; i++)
		push_field(L, item->type->family, item->pointer,
			   (uint32_t)lua_tointeger(L, lua_upvalueindex(4 + i)));
	return count + 1;
}

/* `for item, value, ... in object:each("field", ...)`: one crossing an item. */
static int object_each(lua_State *L)
{
	const struct type *type = lua_touserdata(L, lua_upvalueindex(1));
	struct handle *self = get_handle(L, 1, type);
	int count = lua_gettop(L) - 1;

	luaL_argcheck(L, count <= 32, 2, "more than 32 fields");
	lua_newtable(L);
	lua_pushvalue(L, 1);
	lua_pushinteger(L, 0);
	lua_pushinteger(L, count);
	for (int i = 0; i < count; i++) {
		uint32_t field = find_field(L, self->type->sequence->type->family, i + 2, count + 2);

		lua_pushinteger(L, (lua_Integer)field);
	}
	lua_pushcclosure(L, next_item, count + 3);
	return 1;
}

/* The module. */

static void add_function(lua_State *L, const char *name, lua_CFunction function,
			 const struct type *type)
{
	lua_pushlightuserdata(L, (void *)(uintptr_t)type);
	lua_pushcclosure(L, function, 1);
	lua_setfield(L, -2, name);
}

/* `free` is theirs who can own one; for all others it does nothing. */
static void push_methods(lua_State *L, const struct type *type)
{
	lua_newtable(L);
	for (const luaL_Reg *method = type->methods; method->name; method++) {
		lua_pushcfunction(L, method->func);
		lua_setfield(L, -2, method->name);
	}
	add_function(L, "free", object_free, type);
	if (type->sequence)
		add_function(L, "each", object_each, type);
}

static void add_access(lua_State *L, const char *name, lua_CFunction function,
		       const struct type *type, int methods)
{
	lua_pushlightuserdata(L, (void *)(uintptr_t)type);
	lua_pushvalue(L, methods);
	lua_newtable(L);
	lua_pushcclosure(L, function, 3);
	lua_setfield(L, -2, name);
}

/* Its metatable, and its methods in the table at `all`, to which Lua may add. */
static void add_type(lua_State *L, const struct type *type, int all)
{
	int methods;

	push_methods(L, type);
	methods = lua_gettop(L);
	if (luaL_newmetatable(L, type->name)) {
		add_access(L, "__index", object_index, type, methods);
		add_access(L, "__newindex", object_new_index, type, methods);
		add_function(L, "__close", object_free, type);
		add_function(L, "__tostring", object_text, type);
		if (type->sequence)
			add_function(L, "__len", object_count, type);
		lua_pushcfunction(L, object_collect);
		lua_setfield(L, -2, "__gc");
		/* Nobody reaches __gc by hand. */
		lua_pushstring(L, type->name);
		lua_setfield(L, -2, "__metatable");
		lua_pushvalue(L, methods);
		lua_setfield(L, all, strrchr(type->name, '.') + 1);
	}
	lua_settop(L, methods - 1);
}

#endif
