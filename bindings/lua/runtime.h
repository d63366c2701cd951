/* SPDX-License-Identifier: MIT */
/*
 * What all generated wrappers share: one shape of object, arguments, numbers,
 * errors, plain structs by their layout, and fields by the library's own tables.
 * Nothing here knows a single object or function of nfbind but the tables of
 * fields. One file serves Lua 5.1 to 5.5 and LuaJIT.
 *
 * A failure of the library is `nil, message, errno`; a wrong argument, and a field
 * that cannot be written, raise an error. Lua may jump out of any of its own calls,
 * so that whatever has to be freed belongs to a userdata before Lua is called again,
 * and no frame of the library is ever below one of Lua.
 */
#ifndef NFBIND_LUA_RUNTIME_H
#define NFBIND_LUA_RUNTIME_H

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>

#include <nfbind/nfbind.h>

#if LUA_VERSION_NUM < 502
#define lua_rawlen lua_objlen
#endif

struct sentence {
	int error;
	const char *text;
};

struct member {
	const char *name;
	uint16_t offset;
	uint16_t size;
	uint8_t is_signed;
	uint8_t is_bytes;
};

struct layout {
	const char *name;
	const struct member *members;
	size_t count;
	size_t size;
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

/* Numbers: one that Lua's own cannot hold exactly is decimal text. */

static void push_unsigned(lua_State *L, uint64_t value)
{
	char text[24];

#if LUA_VERSION_NUM >= 503
	if (value <= (uint64_t)INT64_MAX) {
		lua_pushinteger(L, (lua_Integer)value);
		return;
	}
#else
	if (value <= UINT64_C(1) << 53) {
		lua_pushnumber(L, (lua_Number)value);
		return;
	}
#endif
	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	lua_pushstring(L, text);
}

static void push_signed(lua_State *L, int64_t value)
{
	if (value >= 0)
		push_unsigned(L, (uint64_t)value);
	else
		lua_pushinteger(L, (lua_Integer)value);
}

static bool read_decimal(const char *text, uint64_t *ret_value)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*ret_value = strtoull(text, &end, 0);
	return errno == 0 && *end == '\0';
}

/* A whole number that is not negative: 0, or -1 with nothing said. */
static int as_unsigned(lua_State *L, int index, uint64_t *ret_value)
{
	lua_Number number;

	if (lua_type(L, index) == LUA_TSTRING)
		return read_decimal(lua_tostring(L, index), ret_value) ? 0 : -1;
	if (lua_type(L, index) != LUA_TNUMBER)
		return -1;
#if LUA_VERSION_NUM >= 503
	if (lua_isinteger(L, index)) {
		lua_Integer integer = lua_tointeger(L, index);

		*ret_value = (uint64_t)integer;
		return integer < 0 ? -1 : 0;
	}
#endif
	number = lua_tonumber(L, index);
	if (!(number >= 0 && number <= 9007199254740992.0) || number != floor(number))
		return -1;
	*ret_value = (uint64_t)number;
	return 0;
}

static uint64_t check_unsigned(lua_State *L, int index, uint64_t most)
{
	uint64_t value = 0;
	char text[64];

	if (as_unsigned(L, index, &value) < 0 || value > most) {
		snprintf(text, sizeof(text), "a whole number from 0 to %llu is wanted",
			 (unsigned long long)most);
		luaL_argerror(L, index, text);
	}
	return value;
}

static int64_t check_signed(lua_State *L, int index, int64_t most)
{
	lua_Number number = luaL_checknumber(L, index);
	char text[80];

	if (!(number >= (lua_Number)-most - 1 && number <= (lua_Number)most) ||
	    number != floor(number)) {
		snprintf(text, sizeof(text), "a whole number from %lld to %lld is wanted",
			 (long long)-most - 1, (long long)most);
		luaL_argerror(L, index, text);
	}
	return (int64_t)number;
}

/* Text that C can read. */
static const char *check_text(lua_State *L, int index)
{
	size_t len;
	const char *text = luaL_checklstring(L, index, &len);

	luaL_argcheck(L, strlen(text) == len, index, "it holds a NUL");
	return text;
}

/* Memory that the collector takes back. */
static void *scratch(lua_State *L, size_t size)
{
	return memset(lua_newuserdata(L, size + 1), 0, size + 1);
}

static int push_text(lua_State *L, const char *text)
{
	if (text)
		lua_pushstring(L, text);
	else
		lua_pushnil(L);
	return 1;
}

/* Plain structs are tables; a member that is not there is 0. */

static void push_member(lua_State *L, const struct member *member, const uint8_t *at)
{
	uint64_t value = 0;

	switch (member->is_bytes ? 0 : member->size) {
	case 0: lua_pushlstring(L, (const char *)at, member->size); return;
	case 1: value = *at; break;
	case 2: { uint16_t v; memcpy(&v, at, 2); value = v; break; }
	case 4: { uint32_t v; memcpy(&v, at, 4); value = v; break; }
	default: memcpy(&value, at, 8);
	}
	if (member->is_signed)
		push_signed(L, member->size == 4 ? (int32_t)value : (int64_t)value);
	else
		push_unsigned(L, value);
}

static void push_struct(lua_State *L, const struct layout *layout, const void *data)
{
	lua_createtable(L, 0, (int)layout->count);
	for (size_t i = 0; i < layout->count; i++) {
		push_member(L, &layout->members[i], (const uint8_t *)data + layout->members[i].offset);
		lua_setfield(L, -2, layout->members[i].name);
	}
}

static void push_structs(lua_State *L, const struct layout *layout, const void *data, size_t count)
{
	lua_createtable(L, (int)count, 0);
	for (size_t i = 0; i < count; i++) {
		push_struct(L, layout, (const uint8_t *)data + i * layout->size);
		lua_rawseti(L, -2, (int)(i + 1));
	}
}

static void read_member(lua_State *L, const struct member *member, uint8_t *at)
{
	const unsigned int bits = member->size * 8u;
	uint64_t value = 0;

	if (member->is_bytes || lua_isnil(L, -1))
		return;
	if (member->is_signed && lua_type(L, -1) == LUA_TNUMBER)
		value = (uint64_t)(int64_t)lua_tonumber(L, -1);
	else if (as_unsigned(L, -1, &value) < 0 || (bits < 64 && value >> bits != 0))
		luaL_error(L, "%s is not a whole number of %d bits", member->name, (int)bits);
	switch (member->size) {
	case 1: *at = (uint8_t)value; break;
	case 2: { uint16_t v = (uint16_t)value; memcpy(at, &v, 2); break; }
	case 4: { uint32_t v = (uint32_t)value; memcpy(at, &v, 4); break; }
	default: memcpy(at, &value, 8);
	}
}

/* A list of tables; the result is scratch memory, on the stack. */
static void *check_structs(lua_State *L, int index, const struct layout *layout, size_t *ret_count)
{
	size_t count;
	uint8_t *data;

	luaL_checktype(L, index, LUA_TTABLE);
	count = lua_rawlen(L, index);
	luaL_argcheck(L, count < 1 << 24, index, "too many");
	data = scratch(L, count * layout->size);
	for (size_t i = 0; i < count; i++) {
		lua_rawgeti(L, index, (int)(i + 1));
		luaL_argcheck(L, lua_istable(L, -1), index, "a list of tables is wanted");
		for (size_t m = 0; m < layout->count; m++) {
			lua_getfield(L, -1, layout->members[m].name);
			read_member(L, &layout->members[m],
				    data + i * layout->size + layout->members[m].offset);
			lua_pop(L, 1);
		}
		lua_pop(L, 1);
	}
	*ret_count = count;
	return data;
}

/* Fields. Addresses are text, "192.0.2.1" or "2001:db8::1". */

static int push_bytes_field(lua_State *L, const struct family *family, const void *pointer,
			    uint32_t field, int kind)
{
	char text[INET6_ADDRSTRLEN];
	const void *data;
	size_t len;
	int r = family->get_bytes(pointer, field, &data, &len);

	if (r < 0)
		return r;
	if (kind == NFBIND_KIND_ADDRESS)
		lua_pushstring(L, inet_ntop(len == 4 ? AF_INET : AF_INET6, data, text, sizeof(text)));
	else
		lua_pushlstring(L, data, len);
	return 0;
}

/* One value on the stack; nil where it is absent. */
static void push_field(lua_State *L, const struct family *family, const void *pointer,
		       uint32_t field)
{
	int kind = nfbind_fields_get_kind(family->fields(), field);
	uint64_t value;
	int r;

	if (kind > NFBIND_KIND_TEXT) {
		r = -ENODATA; /* one that can be set only reads as absent */
	} else if (kind > NFBIND_KIND_U64) {
		r = push_bytes_field(L, family, pointer, field, kind);
	} else {
		r = family->get_number(pointer, field, &value);
		if (r == 0 && kind == NFBIND_KIND_BOOL)
			lua_pushboolean(L, value != 0);
		else if (r == 0)
			push_unsigned(L, value);
	}
	if (r == -ENODATA)
		lua_pushnil(L);
	else if (r < 0)
		raise(L, r, family->errors, nfbind_fields_get_name(family->fields(), field));
}

static int set_address(const struct family *family, void *pointer, uint32_t field, const char *text,
		       size_t len)
{
	uint8_t bytes[16];

	if (strlen(text) != len)
		return -EINVAL;
	if (inet_pton(AF_INET, text, bytes) == 1)
		return family->set_bytes(pointer, field, bytes, 4);
	if (inet_pton(AF_INET6, text, bytes) == 1)
		return family->set_bytes(pointer, field, bytes, 16);
	return -EINVAL;
}

/* From the value at `index`; nil makes the field absent. */
static void set_field(lua_State *L, const struct family *family, void *pointer, uint32_t field,
		      int index)
{
	int kind = nfbind_fields_get_kind(family->fields(), field);
	const char *name = nfbind_fields_get_name(family->fields(), field);
	const char *bytes;
	uint64_t value = 0;
	size_t len;
	int r;

	if (lua_isnil(L, index)) {
		r = family->clear(pointer, field);
	} else if (kind > NFBIND_KIND_U64) {
		if (lua_type(L, index) != LUA_TSTRING)
			luaL_error(L, "%s: a string is wanted, not a %s", name, luaL_typename(L, index));
		bytes = lua_tolstring(L, index, &len);
		r = kind == NFBIND_KIND_ADDRESS ? set_address(family, pointer, field, bytes, len) :
						  family->set_bytes(pointer, field, bytes, len);
	} else {
		if (lua_isboolean(L, index))
			value = (uint64_t)lua_toboolean(L, index);
		else if (as_unsigned(L, index, &value) < 0)
			luaL_error(L, "%s: a whole number that is not negative is wanted", name);
		r = family->set_number(pointer, field, value);
	}
	if (r < 0)
		raise(L, r, family->errors, name);
}

/* The number of a field by its name, with "-" or "_"; names are kept in the table `known`. */
static uint32_t find_field(lua_State *L, const struct family *family, int index, int known)
{
	char name[64];
	uint32_t field;
	const char *text;

	lua_pushvalue(L, index);
	lua_rawget(L, known);
	if (!lua_isnil(L, -1)) {
		field = (uint32_t)lua_tointeger(L, -1);
		lua_pop(L, 1);
		return field;
	}
	lua_pop(L, 1);
	text = lua_type(L, index) == LUA_TSTRING ? lua_tostring(L, index) : "";
	snprintf(name, sizeof(name), "%s", text);
	for (char *c = name; *c; c++)
		*c = *c == '_' ? '-' : *c;
	if (nfbind_fields_find(family->fields(), name, &field) < 0)
		luaL_error(L, "there is no field or method '%s'",
			   *text ? text : luaL_typename(L, index));
	lua_pushvalue(L, index);
	lua_pushinteger(L, (lua_Integer)field);
	lua_rawset(L, known);
	return field;
}

static const struct nested *nested_of(const struct family *family, uint32_t field)
{
	int kind = nfbind_fields_get_kind(family->fields(), field);

	for (const struct nested *nested = family->nested; nested->kind; nested++)
		if ((int)nested->kind == kind)
			return nested;
	return NULL;
}

/* An object of a type with fields may be given as a table of them. */
static struct handle *make_from_table(lua_State *L, int index, const struct type *type)
{
	struct handle *handle = push_new(L, type);
	int top = lua_gettop(L);

	lua_newtable(L);
	lua_pushnil(L);
	while (lua_next(L, index)) {
		uint32_t field = find_field(L, type->family, lua_gettop(L) - 1, top + 1);

		set_field(L, type->family, handle->pointer, field, lua_gettop(L));
		lua_pop(L, 1);
	}
	lua_settop(L, top);
	return handle;
}

/* NULL for nothing, where that is allowed. What had to be made stays on the stack. */
static struct handle *check_object(lua_State *L, int index, const struct type *type,
				   bool is_nullable)
{
	if (is_nullable && lua_isnoneornil(L, index))
		return NULL;
	if (lua_istable(L, index) && type->family && type->make)
		return make_from_table(L, index, type);
	return get_handle(L, index, type);
}

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
