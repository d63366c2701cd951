/* SPDX-License-Identifier: MIT */
/*
 * Numbers, text and plain structs, from Lua to C and back. A number that Lua's own
 * cannot hold exactly is decimal text.
 */
#ifndef NFBIND_LUA_VALUE_H
#define NFBIND_LUA_VALUE_H

#include <math.h>
#include <stdio.h>

#include "object.h"

#if LUA_VERSION_NUM < 502
#define lua_rawlen lua_objlen
#endif

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
	const int type = lua_type(L, index);
	lua_Number number;

	if (type == LUA_TSTRING)
		return read_decimal(lua_tostring(L, index), ret_value) ? 0 : -1;
	if (type != LUA_TNUMBER)
		return -1;
#if LUA_VERSION_NUM >= 503
	if (lua_isinteger(L, index)) {
		lua_Integer integer = lua_tointeger(L, index);

		*ret_value = (uint64_t)integer;
		return integer < 0 ? -1 : 0;
	}
#endif
	number = lua_tonumber(L, index);
	if (!(number >= 0 && number <= 9007199254740992.0))
		return -1;
	*ret_value = (uint64_t)number;
	return (lua_Number)*ret_value == number ? 0 : -1;
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

#endif
