/* SPDX-License-Identifier: MIT */
/*
 * What Lua sees of an object: methods, fields and items, iteration, the metatable.
 */
#ifndef NFBIND_LUA_ACCESS_H
#define NFBIND_LUA_ACCESS_H

#include "field.h"

/* Methods and fields; upvalues: the type, the methods, the known fields. */

/* The item whose number, from 1, is the second argument; nil for none. */
static int push_numbered(lua_State *L, const struct sequence *sequence)
{
	struct handle **box = lua_touserdata(L, 1);
	uint64_t number;

	if (as_unsigned(L, 2, &number) < 0 || number < 1 ||
	    number > sequence->count((*box)->pointer)) {
		lua_pushnil(L);
		return 1;
	}
	push_tie(L, 1);
	push_item_metatable(L, sequence->type);
	push_item(L, box, (uint32_t)(number - 1), 3, 4);
#if LUA_VERSION_NUM < 502
	lua_pushvalue(L, 3);
	lua_setfenv(L, -2);
#endif
	return 1;
}

static int object_index(lua_State *L)
{
	const struct type *type = lua_touserdata(L, lua_upvalueindex(1));
	const struct nested *nested;
	struct handle *self;
	uint32_t field;

	lua_pushvalue(L, 2);
	lua_rawget(L, lua_upvalueindex(2));
	if (!lua_isnil(L, -1))
		return 1;
	lua_settop(L, 2);
	self = get_handle(L, 1, type);
	if (type->sequence && lua_type(L, 2) == LUA_TNUMBER)
		return push_numbered(L, type->sequence);
	if (!type->family)
		return luaL_error(L, "%s has no method '%s'", type->name,
				  lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?");
	field = find_field(L, type->family, 2, lua_upvalueindex(3));
	nested = nested_of(type->family, field);
	lua_settop(L, 1);
	if (nested && nested->get)
		return nested->get(L);
	push_field(L, type->family, self->pointer, field,
		   nfbind_fields_get_kind(type->family->fields(), field));
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

/* Where a loop over items stands, and which fields it wants of each. */
struct cursor {
	const struct type *type; /* of what has the items */
	uint32_t given;
	int count;
	struct {
		uint32_t field;
		int kind;
	} columns[32];
};

/*
 * A loop over many objects weighs what one of them has in memory, about, of which the
 * collector sees nothing: a small program would be collected every 70 large packets. It is
 * never touched.
 */
enum { WEIGHT = 256 * 1024 };

/* What next_item has beside it; in 5.1 the tie is its environment. */
enum { CURSOR = 1, SOURCE, METATABLE, REFILL, LAST };
#if LUA_VERSION_NUM >= 502
#define TIE lua_upvalueindex(LAST)
#else
#define TIE LUA_ENVIRONINDEX
#endif

/* Go on with what the function at REFILL gives, if there is one; 0 at its nil. */
static int refill(lua_State *L, struct cursor *cursor)
{
	if (lua_isnil(L, lua_upvalueindex(REFILL)))
		return 0;
	lua_settop(L, 0);
	lua_pushvalue(L, lua_upvalueindex(REFILL));
	lua_call(L, 0, 1);
	if (lua_isnil(L, 1))
		return 0;
	get_handle(L, 1, cursor->type);
	push_tie(L, 1);
	lua_replace(L, TIE);
	lua_replace(L, lua_upvalueindex(SOURCE));
	cursor->given = 0;
	return 1;
}

static int next_item(lua_State *L)
{
	struct cursor *cursor = lua_touserdata(L, lua_upvalueindex(CURSOR));
	const struct sequence *sequence = cursor->type->sequence;
	struct handle **box = lua_touserdata(L, lua_upvalueindex(SOURCE));
	const struct handle *item;

	while (!box || !is_alive(*box) || cursor->given >= sequence->count((*box)->pointer)) {
		if (!refill(L, cursor))
			return 0;
		box = lua_touserdata(L, lua_upvalueindex(SOURCE));
	}
	if (cursor->count + 8 > LUA_MINSTACK)
		luaL_checkstack(L, cursor->count + 8, "too many fields");
	item = push_item(L, box, cursor->given++, TIE, lua_upvalueindex(METATABLE));
	for (int i = 0; i < cursor->count; i++)
		push_field(L, item->type->family, item->pointer, cursor->columns[i].field,
			   cursor->columns[i].kind);
	return cursor->count + 1;
}

/* From the names that are arguments 2 and on. */
static struct cursor *push_cursor(lua_State *L, const struct type *type, size_t weight)
{
	const struct family *family = type->sequence->type->family;
	const int count = lua_gettop(L) - 1;
	struct cursor *cursor;

	luaL_argcheck(L, count <= 32, 2, "more than 32 fields");
	lua_newtable(L);
	cursor = lua_newuserdata(L, sizeof(*cursor) + weight);
	*cursor = (struct cursor){ .type = type, .count = count };
	for (int i = 0; i < count; i++) {
		uint32_t field = find_field(L, family, i + 2, count + 2);

		cursor->columns[i].field = field;
		cursor->columns[i].kind = nfbind_fields_get_kind(family->fields(), field);
	}
	return cursor;
}

/*
 * `for item, value, ... in object:each("field", ...)`: one crossing an item. In the place
 * of the object may stand a function that gives one after the other, and nil at the end.
 */
static int object_each(lua_State *L)
{
	const struct type *type = lua_touserdata(L, lua_upvalueindex(1));
	bool is_function = lua_isfunction(L, 1);

	if (!is_function)
		get_handle(L, 1, type);
	push_cursor(L, type, is_function ? WEIGHT : 0);
	if (is_function)
		lua_pushnil(L);
	else
		lua_pushvalue(L, 1);
	push_item_metatable(L, type->sequence->type);
	if (is_function)
		lua_pushvalue(L, 1);
	else
		lua_pushnil(L);
	push_tie(L, 1);
#if LUA_VERSION_NUM >= 502
	lua_pushcclosure(L, next_item, LAST);
#else
	lua_insert(L, -LAST);
	lua_pushcclosure(L, next_item, REFILL);
	lua_insert(L, -2);
	lua_setfenv(L, -2);
#endif
	return 1;
}

/* A method whose one argument is always the same; upvalues: where it stands, the argument. */
static int call_bound(lua_State *L)
{
	const luaL_Reg *method = lua_touserdata(L, lua_upvalueindex(1));

	lua_settop(L, 1);
	lua_pushvalue(L, lua_upvalueindex(2));
	return method->func(L);
}

/*
 * `bound("packet", "verdict", 1)`: a method that takes one crossing. Only a type's own
 * can be bound, which look at their arguments and have no upvalues.
 */
static int bind_argument(lua_State *L)
{
	const luaL_Reg *method;
	const char *name = luaL_checkstring(L, 2);

	lua_settop(L, 3);
	lua_pushfstring(L, "nfbind.%s", luaL_checkstring(L, 1));
	lua_rawget(L, LUA_REGISTRYINDEX);
	luaL_argcheck(L, lua_istable(L, -1), 1, "there is no such type");
	lua_rawgeti(L, -1, MARK);
	method = ((const struct type *)lua_touserdata(L, -1))->methods;
	while (method->name && strcmp(method->name, name) != 0)
		method++;
	luaL_argcheck(L, method->name, 2, "there is no such method");
	lua_pushlightuserdata(L, (void *)(uintptr_t)method);
	lua_pushvalue(L, 3);
	lua_pushcclosure(L, call_bound, 2);
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

/* A metatable, but for the finaliser. */
static void push_behaviour(lua_State *L, const struct type *type, int methods)
{
	lua_createtable(L, MARK, 8);
	lua_pushlightuserdata(L, (void *)(uintptr_t)type);
	lua_rawseti(L, -2, MARK);
	add_access(L, "__index", object_index, type, methods);
	add_access(L, "__newindex", object_new_index, type, methods);
	add_function(L, "__close", object_free, type);
	add_function(L, "__tostring", object_text, type);
	if (type->sequence)
		add_function(L, "__len", object_count, type);
	/* Nobody reaches __gc by hand. */
	lua_pushstring(L, type->name);
	lua_setfield(L, -2, "__metatable");
}

/* Its metatables, and its methods in the table at `all`, to which Lua may add. */
static void add_type(lua_State *L, const struct type *type, int all)
{
	int methods;

	push_methods(L, type);
	methods = lua_gettop(L);
	push_behaviour(L, type, methods);
	lua_pushcfunction(L, object_collect);
	lua_setfield(L, -2, "__gc");
	lua_setfield(L, LUA_REGISTRYINDEX, type->name);
	if (type->is_item) {
		lua_pushlightuserdata(L, (void *)(uintptr_t)type);
		push_behaviour(L, type, methods);
		lua_rawset(L, LUA_REGISTRYINDEX);
	}
	lua_setfield(L, all, strrchr(type->name, '.') + 1);
}

#endif
