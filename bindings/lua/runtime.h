/* SPDX-License-Identifier: MIT */
/*
 * What all generated wrappers share. Nothing in it knows a single object or function
 * of nfbind but the tables of fields. It serves Lua 5.1 to 5.5 and LuaJIT.
 *
 * A failure of the library is `nil, message, errno`; a wrong argument, and a field
 * that cannot be written, raise an error. Lua may jump out of any of its own calls,
 * so that whatever has to be freed belongs to a userdata before Lua is called again,
 * and no frame of the library is ever below one of Lua.
 */
#ifndef NFBIND_LUA_RUNTIME_H
#define NFBIND_LUA_RUNTIME_H

#include "object.h" /* what an object is, and when it goes */
#include "value.h"  /* numbers, text, plain structs */
#include "field.h"  /* fields by the library's tables */
#include "access.h" /* methods, items, iteration, the metatable */

#endif
