# SPDX-License-Identifier: MIT
"""
The Lua module, from the model: a metatable for each object, a method for each
function, a table for each plain struct, a constant for each enumerator. What does
not depend on a single function is in bindings/lua/runtime.h.

A wrapper checks its arguments and makes what it will return before it calls the
library: whatever Lua does with memory, it may leave the wrapper then.
"""

import re

from emit import MARK, short
from roles import INTEGERS
from templates.in_c import (Wrapper, family_tables, item_type, item_types, layout_tables,
                            print_release)
from templates.shared import Errors, Types, constants, is_hidden, item_function, module_functions

HEAD = """/* SPDX-License-Identifier: MIT */
/*
 * {mark}
 *
 * The Lua module nfbind.core: one wrapper for each public function. See
 * bindings/templates/lua.py.
 */
/* clang-format off */
#include "runtime.h"
"""

# What the runtime does for all objects alike.
OWN = {"free", "new"}


class Body(Wrapper):
    """One C function, as lists of lines that are joined at the end."""

    def __init__(self, types, function, errors):
        super().__init__(types, function, errors)
        self.index = 1 if function.is_method else 0

    def next(self):
        self.index += 1
        return self.index

    # Inputs

    def input_number(self, param):
        index = self.next()
        bits = INTEGERS[param.type] * 8
        kind = "unsigned" if param.type.startswith("u") else "signed"
        most = ("UINT" if kind == "unsigned" else "INT") + f"{bits}_MAX"
        value = f"({param.type})check_{kind}(L, {index}, {most})"
        if param.role == "flags":
            value = f"lua_isnoneornil(L, {index}) ? 0 : {value}"
        self.declare.append(f"const {param.type} c_{param.name} = {value};")
        self.args.append(f"c_{param.name}")

    def input_text(self, param):
        index = self.next()
        value = f"check_text(L, {index})"
        if param.nullable:
            value = f"lua_isnoneornil(L, {index}) ? NULL : {value}"
        self.declare.append(f"const char *c_{param.name} = {value};")
        self.args.append(f"c_{param.name}")

    def input_bytes(self, param):
        index = self.next()
        name = f"c_{param.name}"
        take = (f"luaL_optlstring(L, {index}, NULL, &{name}_len)" if param.nullable else
                f"luaL_checklstring(L, {index}, &{name}_len)")
        self.declare += [f"size_t {name}_len = 0;", f"const char *{name} = {take};"]
        self.args += [name, f"{name}_len"]

    def input_object(self, param):
        index = self.next()
        null = "true" if param.nullable else "false"
        name = f"o_{param.name}"
        self.declare.append(f"struct handle *{name} = check_object(L, {index}, &{param.object}_type, "
                            f"{null});")
        self.args.append(f"{name} ? {name}->pointer : NULL" if param.nullable else f"{name}->pointer")

    def array(self, param):
        layout = f"{param.object}_layout"
        name = f"c_{param.name}"
        self.args += [name, f"{name}_count", f"{layout}.size"]
        if param.direction == "out":
            self.declare += [f"size_t {name}_count = {self.types.first_size(self.function)};",
                             f"void *{name} = scratch(L, {name}_count * {layout}.size);"]
            self.grows = (name, layout)
            self.results.append(f"push_structs(L, &{layout}, {name}, (size_t)r);")
            self.count_is_known = True
            return
        self.declare += [f"size_t {name}_count;",
                         f"void *{name} = check_structs(L, {self.next()}, &{layout}, &{name}_count);"]
        if param.direction == "inout":
            self.results.append(f"push_structs(L, &{layout}, {name}, {name}_count);")

    # Outputs

    def output_number(self, param):
        name, kind = self.number_room(param)
        push = "push_unsigned" if kind.startswith("u") else "push_signed"
        self.results.append(f"{push}(L, {name});")

    def output_text(self, param):
        name = self.text_room(param)
        if param.reason != "only":
            self.results.append(f"push_text(L, {name});")

    def output_bytes(self, param):
        name = f"c_{param.name}"
        self.declare += [f"const void *{name} = NULL;", f"size_t {name}_len = 0;"]
        self.args += [f"&{name}", f"&{name}_len"]
        self.results.append(f"lua_pushlstring(L, {name}, {name}_len);")

    def handle(self, param, name, maker):
        self.declare += [f"struct handle *{name} = {maker};", f"const int {name}_at = lua_gettop(L);"]
        self.results.append(f"lua_pushvalue(L, {name}_at);")

    def output_object(self, param):
        name = f"c_{param.name}"
        is_owned = self.function.has_tag("owned") or self.types.is_counted(param.object)
        owner = "NULL"
        if self.function.is_method:
            owner = "o_self" if self.borrowed else "session_of(o_self)"
        self.handle(param, f"h_{param.name}",
                    f"push_handle(L, &{param.object}_type, {owner}, {'true' if is_owned else 'false'})")
        self.declare.append(f"struct nfbind_{param.object} *{name} = NULL;")
        self.args.append(f"&{name}")
        if self.function.kind == "count" and "count" in self.types.verbs[param.object]:
            self.count_is_known = True
        self.after_call += [f"if (r >= 0)", f"\th_{param.name}->pointer = {name};"]
        if self.borrowed and self.types.is_counted(param.object):
            self.after_call += [f"if (r >= 0 && {name})", f"\tnfbind_{param.object}_hold({name});"]

    def output_filled(self, param):
        """An object that the caller owns: made here, and the result."""
        name = f"h_{param.name}"
        self.handle(param, name, f"push_new(L, &{param.object}_type)")
        self.args.append(f"{name}->pointer")

    def output_struct(self, param):
        self.struct_room(param)
        self.results.append(f"push_struct(L, &{param.object}_layout, &c_{param.name});")

    # All of it

    def self_object(self, param):
        self.declare.append(f"struct handle *o_self = get_handle(L, 1, &{param.object}_type);")
        self.args.append("o_self->pointer")

    def call(self):
        function = self.function
        call = f"{function.name}({', '.join(self.args)})"
        if function.returns.endswith("*"):
            lines = [f"result = {call};"]
        else:
            lines = [f"{'' if function.returns == 'void' else 'r = '}{call};"]
        if self.grows:
            name, layout = self.grows
            lines = [f"while ((r = {call}) == -ENOSPC && {name}_count < 1 << 20)",
                     f"\t{name} = scratch(L, ({name}_count *= 2) * {layout}.size);"]
        if self.text and function.kind == "length":
            name = self.text
            lines += [f"if (r >= 0 && (size_t)r >= {name}_size) {{", f"\t{name}_size = (size_t)r + 1;",
                      f"\t{name} = scratch(L, {name}_size);", f"\tr = {call};", "}"]
        return lines + self.after_call

    def failure(self):
        if self.function.returns != "int":
            return []
        fetch, text = self.message()
        none = self.function.words("none")
        lines = [f"if (r == -{none[0]})", "\treturn lua_pushnil(L), 1;"] if none else []
        inner = fetch + [f"return fail(L, r, {self.errors}, {text});"]
        return lines + ["if (r < 0) {"] + ["\t" + line for line in inner] + ["}"]

    def push(self):
        function, kind = self.function, self.function.kind
        pushes = list(self.results)
        if kind == "bool":
            pushes.insert(0, "lua_pushboolean(L, r);")
        elif kind in ("count", "number", "index", "enum", "flags") and not self.count_is_known:
            pushes.insert(0, "push_signed(L, r);")
        elif kind == "length" and not self.text:
            pushes.insert(0, "push_signed(L, r);")
        elif kind == "text":
            pushes.insert(0, "push_text(L, result);")
        elif kind == "object":
            name = re.search(r"nfbind_(\w+) \*", function.returns)[1]
            owner = "NULL" if function.has_tag("immortal") or not function.is_method else "o_self"
            pushes.insert(0, f"push_handle(L, &{name}_type, {owner}, false)->pointer = "
                             "(void *)(uintptr_t)result;")
        if not pushes:
            pushes = ["lua_pushboolean(L, 1);"]
        return pushes + [f"return {len(pushes)};"]

    def head(self):
        function = self.function
        lines = []
        if function.returns.endswith("*"):
            lines.append(f"{function.returns}result;")
        elif function.returns != "void":
            lines.append(f"{'int' if function.returns == 'int' else 'int64_t'} r;")
        if self.message()[0] and function.returns == "int":
            lines.append("char message[512] = \"\";")
        return lines

    def print(self):
        self.parameters()
        head = self.head()
        settop = [f"lua_settop(L, {self.index});"]
        # Declarations with code in them follow each other in the order of the arguments.
        lines = head + [""] * bool(head) + settop + self.declare + self.call()
        lines += self.failure() + self.push()
        text = "\n".join("\t" + line if line else "" for line in lines)
        return f"{self.error_table}\nstatic int l_{short(self.function.name)}(lua_State *L)\n{{\n{text}\n}}\n"


# Whole types


def takes_nothing(types, name):
    function = types.verbs[name].get("new")
    return function is not None and len(function.params) == 1


def print_make(types, name):
    if not takes_nothing(types, name):
        return ""
    return f"""
static int make_{name}(void **ret_pointer)
{{
	struct nfbind_{name} *pointer = NULL;
	int r = nfbind_{name}_new(&pointer);

	*ret_pointer = pointer;
	return r;
}}
"""


def print_sequence(types, name):
    function = item_function(types, name)
    item = item_type(function)
    return f"""
static uint32_t count_{name}(const void *pointer)
{{
	return nfbind_{name}_count(pointer);
}}

static void *item_of_{name}(void *pointer, uint32_t index)
{{
	return (void *)(uintptr_t){function.name}(pointer, index);
}}

static const struct sequence {name}_sequence = {{ count_{name}, item_of_{name}, &{item}_type }};
"""


def print_methods(types, name):
    hidden = {item_function(types, name).verb} if name and item_function(types, name) else set()
    rows = ""
    for function in types.verbs[name].values() if name else module_functions(types):
        if function.verb not in OWN | hidden and not is_hidden(types, function):
            rows += f"\t{{ \"{function.verb}\", l_{short(function.name)} }},\n"
    return f"\nstatic const luaL_Reg {name or 'module'}_methods[] = {{\n{rows}\t{{ NULL, NULL }},\n}};\n"


def print_type(types, name):
    verbs = types.verbs[name]
    rows = [f'.name = "nfbind.{name}"', f".methods = {name}_methods"]
    if "free" in verbs:
        rows.append(f".release = release_{name}")
    if takes_nothing(types, name):
        rows.append(f".make = make_{name}")
    if types.has_family(name):
        rows.append(f".family = &{name}_family")
    if item_function(types, name):
        rows.append(f".sequence = &{name}_sequence")
    if name in item_types(types):
        rows.append(".is_item = true")
    text = "".join(f"\t{row},\n" for row in rows)
    return f"\nstatic const struct type {name}_type = {{\n{text}}};\n"


def print_module(types):
    rows = "".join(f"\t{{ \"{name}\", {value} }},\n" for name, value in constants(types))
    makers = "".join(f"\t{{ \"{o}\", l_{o}_new }},\n" for o in types.objects
                     if "new" in types.verbs[o])
    adds = "".join(f"\tadd_type(L, &{o}_type, all);\n" for o in types.objects)
    return f"""
static const struct {{
	const char *name;
	int64_t value;
}} constants[] = {{
{rows}}};

static const luaL_Reg makers[] = {{
{makers}	{{ NULL, NULL }},
}};

static void add_functions(lua_State *L, const luaL_Reg *functions)
{{
	for (; functions->name; functions++) {{
		lua_pushcfunction(L, functions->func);
		lua_setfield(L, -2, functions->name);
	}}
}}

__attribute__((visibility("default"))) int luaopen_nfbind_core(lua_State *L);

int luaopen_nfbind_core(lua_State *L)
{{
	int all;

	lua_newtable(L);
	add_functions(L, module_methods);
	add_functions(L, makers);
	lua_pushcfunction(L, bind_argument);
	lua_setfield(L, -2, "bound");
	for (size_t i = 0; i < sizeof(constants) / sizeof(constants[0]); i++) {{
		push_signed(L, constants[i].value);
		lua_setfield(L, -2, constants[i].name);
	}}
	lua_newtable(L);
	all = lua_gettop(L);
{adds}	lua_setfield(L, -2, "methods");
	return 1;
}}
"""


def files(model):
    types, errors = Types(model), Errors()
    text = HEAD.format(mark=MARK) + "\n"
    text += "".join(f"static const struct type {o}_type;\n" for o in types.objects)
    text += "".join(layout_tables(s, "const ", short(s.name), "") for s in model.plain_structs())
    items = [item_function(types, o) for o in types.objects]
    for function in model.functions:
        if function not in items and not is_hidden(types, function) and (
                function.verb != "free" or not function.object):
            text += Body(types, function, errors).print()
    for name in types.objects:
        text += print_release(types.verbs[name]["free"]) if "free" in types.verbs[name] else ""
        text += print_make(types, name)
        text += family_tables(types, name, "l") if types.has_family(name) else ""
        text += print_sequence(types, name) if item_function(types, name) else ""
        text += print_methods(types, name) + print_type(types, name)
    text += print_methods(types, "") + print_module(types)
    return {"bindings/lua/nfbind_generated.c": text}
