# SPDX-License-Identifier: MIT
"""
The CPython extension, from the model: a type for each object, a method for each
function, a named tuple for each plain struct, a constant for each enumerator.
What does not depend on a single function is in bindings/python/runtime.h.

A method is printed in the order in which it runs: take the arguments, convert
them, look whether the objects are alive, call, then make the result.
"""

import keyword

from emit import MARK, escape, short
from roles import INTEGERS
from templates.in_c import Wrapper, family_tables, item_type, layout_tables, print_release
from templates.shared import Errors, Types, class_name, is_hidden, item_function, module_functions

HEAD = """/* SPDX-License-Identifier: MIT */
/*
 * {mark}
 *
 * The CPython extension: one wrapper for each public function, in the limited
 * API of Python 3.11. See bindings/templates/python.py.
 */
/* clang-format off */
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#include "runtime.h"
"""

# What the headers say of a timeout, and what Python's is.
UNIT_OF_TIME = ("in milliseconds; 0 does not wait, -1 waits", "in seconds; 0 does not wait, None waits")


def word_of(name):
    """As an argument or an attribute: words of the language get another name."""
    return name + "_" * keyword.iskeyword(name)


class Body(Wrapper):
    """One C function, as lists of lines that are joined at the end."""

    def __init__(self, types, function, errors):
        super().__init__(types, function, errors)
        self.words = []
        self.convert = []
        self.prepare = []
        self.finish = []
        self.objects = []   # (C name, is_any)
        # A signal ends a wait; elsewhere EINTR is the kernel's word for something else.
        self.loops = function.has_tag("blocks") and function.param("timeout") is not None

    # Inputs

    def word(self, param):
        optional = param.nullable or param.role == "flags"
        self.words.append(("?" if optional else "") + word_of(param.name))
        return f"in[{len(self.words) - 1}]"

    def input_timeout(self, param):
        """Seconds, as Python has them; without it there is no limit."""
        self.words.append("?" + param.name)
        self.declare.append("int64_t c_timeout = -1;")
        self.convert.append(f"as_timeout(in[{len(self.words) - 1}], &c_timeout) < 0")
        self.args.append(f"({param.type})c_timeout")

    def input_number(self, param):
        if self.loops and param.name == "timeout":
            self.input_timeout(param)
            return
        source = self.word(param)
        bits = INTEGERS[param.type] * 8
        kind = "unsigned" if param.type.startswith("u") else "signed"
        wide = "uint64_t" if kind == "unsigned" else "int64_t"
        most = ("UINT" if kind == "unsigned" else "INT") + f"{bits}_MAX"
        self.declare.append(f"{wide} c_{param.name} = 0;")
        given = f"{source} && " if param.role == "flags" else ""
        call = f"{given}as_{kind}({source}, {most}, \"{param.name}\", &c_{param.name}) < 0"
        self.convert.append(f"({call})" if given else call)
        self.args.append(f"({param.type})c_{param.name}")

    def input_text(self, param):
        source = self.word(param)
        self.declare.append(f"const char *c_{param.name} = NULL;")
        null = "true" if param.nullable else "false"
        self.convert.append(f"as_text({source}, {null}, \"{param.name}\", &c_{param.name}) < 0")
        self.args.append(f"c_{param.name}")

    def input_bytes(self, param):
        source = self.word(param)
        null = "true" if param.nullable else "false"
        self.declare.append(f"Py_buffer c_{param.name} = {{ 0 }};")
        self.convert.append(f"as_bytes({source}, {null}, &c_{param.name}) < 0")
        self.args += [f"c_{param.name}.buf", f"(size_t)c_{param.name}.len"]
        self.finish.append(f"if (c_{param.name}.obj)\n\t\tPyBuffer_Release(&c_{param.name});")

    def input_object(self, param):
        source = self.word(param)
        null = "true" if param.nullable else "false"
        self.declare.append(f"struct object *o_{param.name} = NULL;")
        if self.types.is_made_of_fields(param.object):
            self.declare.append(f"PyObject *made_{param.name} = NULL;")
            self.convert.append(f"make_from_dict(&{source}, {param.object}_type, "
                                f"&made_{param.name}) < 0")
            self.finish.append(f"Py_XDECREF(made_{param.name});")
        self.convert.append(f"as_object({source}, {param.object}_type, {null}, \"{param.name}\", "
                            f"&o_{param.name}) < 0")
        self.objects.append((f"o_{param.name}", False, param.object))
        self.args.append(f"o_{param.name} ? o_{param.name}->pointer : NULL")

    def array(self, param):
        layout = f"{param.object}_layout"
        name = f"c_{param.name}"
        self.declare.append(f"void *{name} = NULL;")
        self.declare.append(f"size_t {name}_count = 0;")
        self.finish.append(f"free({name});")
        self.args += [name, f"{name}_count", f"{layout}.size"]
        if param.direction == "out":
            self.prepare += [f"{name}_count = {self.types.first_size(self.function)};"]
            self.grows = f"grow(&{name}, &{name}_count, {layout}.size)"
            self.results.append(f"from_structs(&{layout}, {name}, (size_t)r)")
            self.count_is_known = True
            return
        source = self.word(param)
        self.convert.append(f"to_structs(&{layout}, {source}, &{name}, &{name}_count) < 0")
        if param.direction == "inout":
            self.results.append(f"from_structs(&{layout}, {name}, {name}_count)")

    # Outputs

    def output_number(self, param):
        name, kind = self.number_room(param)
        make = "PyLong_FromUnsignedLongLong" if kind.startswith("u") else "PyLong_FromLongLong"
        self.results.append(f"{make}({name})")

    def output_text(self, param):
        name = self.text_room(param)
        self.finish.append(f"if ({name} != {name}_short)\n\t\tfree({name});")
        if param.reason != "only":
            self.results.append(f"text_or_none({name})")

    def output_bytes(self, param):
        name = f"c_{param.name}"
        self.declare += [f"const void *{name} = NULL;", f"size_t {name}_len = 0;"]
        self.args += [f"&{name}", f"&{name}_len"]
        until = self.function.words("borrowed")[2:]
        if until == ["free"]:
            self.results.append(f"make_view(o_self, {name}, {name}_len)")
        else:
            self.results.append(f"PyBytes_FromStringAndSize({name}, (Py_ssize_t){name}_len)")

    def output_object(self, param):
        name = f"c_{param.name}"
        self.declare.append(f"struct nfbind_{param.object} *{name} = NULL;")
        self.args.append(f"&{name}")
        self.results.append(self.wrapped(param.object, name))
        if self.function.kind == "count" and "count" in self.types.verbs[param.object]:
            self.count_is_known = True
        if self.borrowed and self.types.is_counted(param.object):
            self.after_call = [f"if (r >= 0 && {name})", f"\tnfbind_{param.object}_hold({name});"]

    def output_filled(self, param):
        """An object that the caller owns: made here, and the result."""
        name = f"c_{param.name}"
        self.declare.append(f"struct nfbind_{param.object} *{name} = NULL;")
        self.prepare += [f"if (nfbind_{param.object}_new(&{name}) < 0) {{", "\tPyErr_NoMemory();",
                         "\tgoto done;", "}"]
        self.args.append(name)
        self.finish.append(f"if (!result || result == Py_None)\n\t\tnfbind_{param.object}_free({name});")
        self.results.append(f"wrap({param.object}_type, {name}, NULL, true)")

    def output_struct(self, param):
        self.struct_room(param)
        self.results.append(f"from_struct(&{param.object}_layout, &c_{param.name})")

    def wrapped(self, name, pointer):
        """The expression that wraps an object by its ownership."""
        is_owned = self.function.has_tag("owned") or self.types.is_counted(name)
        is_self = self.function.is_method and not self.function.has_tag("immortal")
        owner = "NULL"
        if is_self:
            owner = "o_self" if self.borrowed else "o_self->owner ? session_of(o_self->owner) : NULL"
        kind = "type" if self.function.verb == "new" else f"{name}_type"
        return f"wrap({kind}, {pointer}, {owner}, {'true' if is_owned else 'false'})"

    # All of it

    def self_object(self, param):
        self.objects.append(("o_self", self.types.is_any(self.function), param.object))
        self.args.append("o_self->pointer")

    def call(self):
        """The call, without the GIL where it may block, again after a signal."""
        function = self.function
        call = f"{function.name}({', '.join(self.args)})"
        target = {"void": "", "const char *": "text = "}.get(function.returns, "r = ")
        if function.returns.endswith("*") and not target.startswith("text"):
            target = "pointer = "
        lines = [f"{target}{call};"] + self.after_call
        if function.has_tag("blocks"):
            lines = ([f"enter({o}, {'true' if a else 'false'});" for o, a, _ in self.objects]
                     + ["state = PyEval_SaveThread();"] + lines + ["PyEval_RestoreThread(state);"]
                     + [f"leave({o}, {'true' if a else 'false'});" for o, a, _ in self.objects])
        if self.loops:
            lines = ["for (;;) {"] + ["\t" + line for line in lines] + [
                "\tif (r != -EINTR)", "\t\tbreak;", "\tif (PyErr_CheckSignals() < 0)",
                "\t\tgoto done;", "\tc_timeout = left_of(wait, start);", "}"]
        if self.grows:
            lines = (["for (r = -ENOSPC; r == -ENOSPC;) {", f"\tif ({self.grows} < 0)",
                      "\t\tgoto done;"] + ["\t" + line for line in lines] + ["}"])
        if self.text and function.kind == "length":
            name = self.text
            lines = ["for (;;) {"] + ["\t" + line for line in lines] + [
                f"\tif (r < 0 || (size_t)r < {name}_size)", "\t\tbreak;",
                f"\tif ({name} != {name}_short)", f"\t\tfree({name});",
                f"\t{name}_size = (size_t)r + 1;", f"\t{name} = malloc({name}_size);",
                f"\tif (!{name}) {{", "\t\tPyErr_NoMemory();", f"\t\t{name} = {name}_short;",
                "\t\tgoto done;", "\t}", "}"]
        return lines

    def failure(self):
        if self.function.returns != "int":
            return []
        fetch, text = self.message()
        none = self.function.words("none")
        lines = ["if (r < 0) {"]
        if none:
            lines += [f"\tif (r == -{none[0]})", "\t\tresult = Py_NewRef(Py_None);", "\telse {"]
        inner = fetch + [f"fail(r, {self.errors}, {text});"]
        lines += [("\t\t" if none else "\t") + line for line in inner]
        lines += (["\t}"] if none else []) + ["\tgoto done;", "}"]
        return lines

    def result(self):
        function = self.function
        values = list(self.results)
        kind = function.kind
        if kind == "bool":
            values.insert(0, "PyBool_FromLong(r)")
        elif kind in ("count", "number", "index", "enum", "flags") and not self.count_is_known:
            values.insert(0, "PyLong_FromLongLong(r)")
        elif kind == "length" and not self.text:
            values.insert(0, "PyLong_FromLongLong(r)")
        elif kind == "text":
            values.insert(0, "text_or_none(text)")
        elif kind == "object":
            wrapped = self.wrapped(item_type(function), "(void *)(uintptr_t)pointer")
            values.insert(0, f"pointer ? {wrapped} : Py_NewRef(Py_None)")
        if not values:
            return ["result = Py_NewRef(Py_None);"]
        if len(values) == 1:
            return [f"result = {values[0]};"]
        return [f"result = Py_BuildValue(\"({'N' * len(values)})\", {', '.join(values)});"]

    def locals(self):
        function = self.function
        lines = [f"PyObject *in[{max(1, len(self.words))}];"] * bool(self.take())
        lines += ["PyObject *result = NULL;"]
        if function.is_method:
            lines.append("struct object *o_self = (struct object *)self;")
        if function.returns == "const char *":
            lines.append("const char *text;")
        elif function.returns.endswith("*"):
            lines.append(f"{function.returns}pointer;")
        elif function.returns != "void":
            lines.append(f"{'int' if function.returns == 'int' else 'int64_t'} r;")
        if function.has_tag("blocks"):
            lines.append("PyThreadState *state;")
        if self.message()[0] and function.returns == "int":
            lines.append("char message[512] = \"\";")
        return lines + self.declare

    def statics(self):
        words = ", ".join(f'"{w}"' for w in self.words) or "NULL"
        return [f"static const char *const words[] = {{ {words} }};"] * bool(self.take())

    def take(self):
        count = len(self.words)
        if self.function.verb == "new" and not count:
            return ""
        if self.function.verb == "new":
            return f"take_new(words, {count}, args, names, in) < 0"
        return f"take(words, {count}, args, nargs, names, in) < 0"

    def print(self):
        self.parameters()
        function = self.function
        if function.verb == "new":
            head = f"static PyObject *py_{short(function.name)}(PyTypeObject *type, PyObject *args, " \
                   "PyObject *names)"
        else:
            head = f"static PyObject *py_{short(function.name)}(PyObject *self, PyObject *const *args, " \
                   "Py_ssize_t nargs, PyObject *names)"
        checks = [f"check({o}, {'true' if a else 'false'}, \"{n}\") < 0" for o, a, n in self.objects]
        lines = self.statics() + self.locals() + [""]
        if self.take():
            lines += [f"if ({self.take()})", "\treturn NULL;"]
        if self.convert + checks:
            lines += ["if (" + " ||\n\t    ".join(self.convert + checks) + ")", "\tgoto done;"]
        lines += self.prepare
        if self.loops:
            lines += ["const int32_t wait = (int32_t)c_timeout;",
                      "const int64_t start = wait > 0 ? now_ms() : 0;"]
        lines += self.call() + self.failure() + self.result()
        lines += ["done:"] * any("goto done" in line for line in lines) + self.finish
        lines += ["return result;"]
        text = "\n".join(("\t" + line if line and line != "done:" else line) for line in lines)
        return f"{self.error_table}\n{head}\n{{\n{text}\n}}\n"


# Whole types


def print_free(function):
    """The destructor and the method `free`."""
    name, blocks = function.object, "true" if function.has_tag("blocks") else "false"
    return print_release(function) + f"""
static void destroy_{name}(PyObject *self)
{{
	destroy(self, release_{name}, {blocks});
}}

static PyObject *py_{name}_free(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *names)
{{
	return nargs || names ? (PyErr_SetString(PyExc_TypeError, "free takes nothing"), NULL) :
				release_now(self, release_{name}, {blocks});
}}
"""


def print_family(types, name):
    return family_tables(types, name, "py") + f"""
static PyObject *{name}_item(PyObject *self, PyObject *key)
{{
	return item_get(&{name}_family, self, key);
}}

static int {name}_set_item(PyObject *self, PyObject *key, PyObject *value)
{{
	return item_set(&{name}_family, self, key, value);
}}
"""


def print_sequence(types, name):
    function = item_function(types, name)
    item = item_type(function)
    return f"""
static Py_ssize_t {name}_length(PyObject *self)
{{
	struct object *object = (struct object *)self;

	return check(object, true, "{name}") < 0 ? -1 : (Py_ssize_t)nfbind_{name}_count(object->pointer);
}}

static PyObject *{name}_at(PyObject *self, Py_ssize_t index)
{{
	struct object *object = (struct object *)self;
	void *pointer;

	if (check(object, true, "{name}") < 0)
		return NULL;
	pointer = index >= 0 && index <= UINT32_MAX ?
			  {function.name}(object->pointer, (uint32_t)index) : NULL;
	if (!pointer)
		return PyErr_SetString(PyExc_IndexError, "there is no such {item}"), NULL;
	return wrap({item}_type, pointer, object, false);
}}

static PyObject *{name}_as_list(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{{
	struct object *object = (struct object *)self;
	PyObject *type = nargs > 0 ? args[0] : (PyObject *){item}_type, *list;
	uint32_t count;

	if (check(object, true, "{name}") < 0)
		return NULL;
	if (nargs > 1 || !is_kind(type, {item}_type))
		return PyErr_SetString(PyExc_TypeError, "no type that derives from the {item}'s"), NULL;
	count = nfbind_{name}_count(object->pointer);
	list = PyList_New(count);
	for (uint32_t i = 0; list && i < count; i++) {{
		PyObject *item = wrap((PyTypeObject *)type, {function.name}(object->pointer, i), object, false);

		if (!item)
			Py_CLEAR(list);
		else
			PyList_SetItem(list, i, item);
	}}
	return list;
}}
"""


def view_function(types, name):
    """(owner, the function that shows its bytes) where this object lives in such an owner."""
    for owner in types.objects:
        item, data = item_function(types, owner), types.verbs[owner].get("get_data")
        if item and data and f"nfbind_{name} *" in item.returns:
            return data
    return None


def print_view(types, name):
    return f"""
static PyObject *{name}_view(PyObject *self, PyObject *unused)
{{
	return payload_view(&{name}_family, self, (void *){view_function(types, name).name});
}}

static PyObject *{name}_swap(PyObject *self, PyObject *other)
{{
	if (!PyObject_TypeCheck(other, {name}_type))
		return PyErr_SetString(PyExc_TypeError, "no {name}"), NULL;
	return swap((struct object *)self, (struct object *)other);
}}
"""


def doc_string(function):
    text = function.doc.text.replace(*UNIT_OF_TIME)
    return '"' + escape(text).replace("\n", "\\n") + '"'


def print_methods(types, name):
    rows = ""
    for function in types.verbs[name].values() if name else module_functions(types):
        if is_hidden(types, function) or function.verb == "new":
            continue
        flags = "METH_FASTCALL | METH_KEYWORDS"
        flags += " | METH_STATIC" if name and not function.is_method else ""
        rows += (f"\t{{ \"{function.verb}\", (PyCFunction)(void (*)(void))py_{short(function.name)}, "
                 f"{flags},\n\t  {doc_string(function)} }},\n")
    if name and item_function(types, name):
        rows += (f"\t{{ \"as_list\", (PyCFunction)(void (*)(void)){name}_as_list, METH_FASTCALL,\n\t  \"All items at once; of the "
                 "type that is given, which derives from theirs and whose __init__ is not called.\" },\n")
    if name and view_function(types, name):
        rows += (f"\t{{ \"swap\", {name}_swap, METH_O,\n\t  \"Change what this stands for with another: "
                 "who derived a type lets its object go on as a copy that was kept.\" },\n")
        rows += (f"\t{{ \"view\", {name}_view, METH_NOARGS,\n\t  \"The payload as a read-only memoryview: "
                 "that which was received, where it lies, or a copy of a later one.\" },\n")
    return f"\nstatic PyMethodDef {name or 'module'}_methods[] = {{\n{rows}\t{{ NULL }},\n}};\n"


def print_slots(types, name):
    verbs = types.verbs[name]
    struct = next(s for s in types.model.objects() if short(s.name) == name)
    rows = [f"{{ Py_tp_methods, {name}_methods }}",
            f"{{ Py_tp_doc, (void *)\"{escape(struct.doc.text)}\" }}",
            f"{{ Py_tp_dealloc, destroy_{name} }}"]
    if "new" in verbs:
        rows.append(f"{{ Py_tp_new, py_{name}_new }}")
    if types.has_family(name):
        rows += [f"{{ Py_mp_subscript, {name}_item }}", f"{{ Py_mp_ass_subscript, {name}_set_item }}"]
    if item_function(types, name):
        rows += [f"{{ Py_sq_length, {name}_length }}", f"{{ Py_sq_item, {name}_at }}"]
    attributes = f"&{name}_family" if types.has_family(name) else "NULL"
    flags = "Py_TPFLAGS_DEFAULT | " + ("Py_TPFLAGS_BASETYPE" if "new" in verbs else
                                       "Py_TPFLAGS_DISALLOW_INSTANTIATION")
    text = "".join(f"\t\t{row},\n" for row in rows)
    return f"""
static int add_{name}(PyObject *module)
{{
	PyType_Slot slots[] = {{
{text}		{{ Py_tp_getset, make_attributes({attributes}) }},
		{{ 0, NULL }},
	}};

	{name}_type = make_type(module, "nfbind.{class_name(name)}", {flags}, slots);
	return {name}_type ? 0 : -1;
}}
"""


def print_module(types):
    adds = " ||\n\t    ".join([f"add_{o}(module) < 0" for o in types.objects]
                              + [f"add_layout(module, &{short(s.name)}_layout) < 0"
                                 for s in types.model.plain_structs()])
    return f"""
static struct PyModuleDef definition = {{ PyModuleDef_HEAD_INIT, "nfbind._nfbind", NULL, -1, module_methods,
					 NULL, NULL, NULL, NULL }};

PyMODINIT_FUNC PyInit__nfbind(void);

PyMODINIT_FUNC PyInit__nfbind(void)
{{
	PyObject *module = PyModule_Create(&definition);

	if (!module)
		return NULL;
	if (add_view(module) < 0 ||
	    {adds})
		Py_CLEAR(module);
	return module;
}}
"""


def no_free(name):
    return f"\nstatic void destroy_{name}(PyObject *self)\n{{\n\tdestroy(self, NULL, false);\n}}\n"


def enum_names(types):
    """For the layer above: which constants belong together, and which are sets."""
    sets = {p.flags for f in types.model.functions for p in f.params} | {
        f.kind_enum for f in types.model.functions if f.kind == "flags"}
    rows = ""
    for enum in types.model.enums.values():
        name = short(enum.name)
        if name.endswith("_field"):
            continue
        kind = "IntFlag" if name in sets or is_set(enum) else "IntEnum"
        prefix = common_prefix([item.name for item in enum.enumerators])
        rows += f"{class_name(name)} = {kind}(\"{class_name(name)}\", {{\n"
        rows += "".join(f"    \"{item.name.removeprefix(prefix)}\": {item.value},\n"
                        for item in enum.enumerators) + "})\n"
    return f"# SPDX-License-Identifier: MIT\n\"\"\"\n{MARK}\n\nThe enums of the library.\n\"\"\"\n\n" \
           f"from enum import IntEnum, IntFlag\n\n{rows}"


def is_set(enum):
    """A guess where no function takes or returns it: single bits, and three of them or a name."""
    bits = all(item.value and item.value & (item.value - 1) == 0 for item in enum.enumerators)
    return bits and (len(enum.enumerators) > 2 or enum.name.endswith(("_flag", "_part")))


def common_prefix(names):
    """Whole words that all names start with."""
    split = [name.split("_") for name in names]
    count = 0
    while all(len(s) > count + 1 and s[count] == split[0][count] for s in split):
        count += 1
    return "".join(word + "_" for word in split[0][:count])


def files(model):
    types, errors = Types(model), Errors()
    text = HEAD.format(mark=MARK) + "\n"
    text += "".join(f"static PyTypeObject *{o}_type;\n" for o in types.objects)
    text += "".join(layout_tables(s, "", class_name(short(s.name)), ", NULL") for s in model.plain_structs())
    for function in model.functions:
        if function.verb == "free" and function.object:
            text += print_free(function)
        elif not is_hidden(types, function):
            text += Body(types, function, errors).print()
    for name in types.objects:
        text += "" if "free" in types.verbs[name] else no_free(name)
        text += print_family(types, name) if types.has_family(name) else ""
        text += print_sequence(types, name) if item_function(types, name) else ""
        text += print_view(types, name) if view_function(types, name) else ""
        text += print_methods(types, name) + print_slots(types, name)
    text += print_methods(types, "") + print_module(types)
    return {"bindings/python/_nfbind_generated.c": text,
            "bindings/python/nfbind/enums.py": enum_names(types)}
