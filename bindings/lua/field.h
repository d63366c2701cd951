/* SPDX-License-Identifier: MIT */
/*
 * Fields, by the library's own tables: read, written, and objects made of a table of
 * them. Addresses are text, "192.0.2.1" or "2001:db8::1".
 */
#ifndef NFBIND_LUA_FIELD_H
#define NFBIND_LUA_FIELD_H

#include <arpa/inet.h>

#include "value.h"

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
		       uint32_t field, int kind)
{
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

#endif
