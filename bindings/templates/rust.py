# SPDX-License-Identifier: MIT
"""
A Rust module, from the model: the trial of doc/bindings.md as the fourth language. It
goes as far as a program that judges packets: objects, their functions, enums and plain
structs. Arrays of structs and objects that are filled in are left out.

What the header says of lifetime becomes Rust's: a borrowed result cannot outlive the
object that it is borrowed from, and no call that ends it can come before its last use.
"""

import re

from emit import MARK, api_errors, escape, short
from roles import INTEGERS
from templates.shared import Types, class_name

HEAD = f"""// SPDX-License-Identifier: MIT
// {MARK}

use crate::{{Error, Life, Text}};
use std::ffi::{{c_void, CString}};
use std::os::raw::{{c_char, c_int}};
use std::ptr::null_mut;
"""
LEFT_OUT = {"array", "object-fill", "struct-out"}
WORDS = {"type", "match", "from", "move", "ref", "loop", "use", "in", "where"}


def number(kind):
    """uint16_t is u16."""
    return kind.replace("uint", "u").replace("int", "i").removesuffix("_t")


def local(name):
    return name + "_" if name in WORDS else name


def c_type(kind):
    """A parameter's type in the declaration of a C function."""
    if kind in INTEGERS:
        return number(kind)
    plain = {"size_t": "usize", "int": "c_int", "void": "()", "const char *": "*const c_char",
             "char *": "*mut c_char", "const void *": "*const c_void", "size_t *": "*mut usize",
             "const void **": "*mut *const c_void"}
    if kind in plain:
        return plain[kind]
    if kind.startswith("const "):
        return "*const c_void"
    return "*mut *mut c_void" if kind.endswith("**") else "*mut c_void"


def declaration(function):
    params = ", ".join(f"{local(p.name)}: {c_type(p.type)}" for p in function.params)
    result = "" if function.returns == "void" else f" -> {c_type(function.returns)}"
    return f"    fn {function.name}({params}){result};\n"


def comment(function, indent):
    lines = function.doc.text.split("\n")
    errors = api_errors(function)
    if errors:
        lines += ["", "Errors:"] + [f"- {e['name']}: {e['sentence']}" for e in errors]
    text = "".join(f"{indent}/// {line}".rstrip() + "\n" for line in lines)
    return re.sub(r"\[|\]", "", text)


class Body:
    """One method: what it takes, what is made before the call, and what comes back."""

    def __init__(self, types, function):
        self.types = types
        self.function = function
        self.inputs, self.prepare, self.args, self.results, self.kinds = [], [], [], [], []

    def life(self):
        return "'_" if self.function.has_tag("borrowed") else "'static"

    def wrapped(self, name, pointer):
        owned = "true" if not self.function.has_tag("borrowed") else "false"
        self.kinds.append(f"{class_name(name)}<{self.life()}>")
        self.results.append(f"{class_name(name)}(Life::new({pointer}, {owned}))")

    def take(self, param):
        name = local(param.name)
        out = name.removeprefix("ret_")
        if param.role == "self":
            self.args.append("self.0.pointer()")
        elif param.role in ("number", "enum", "flags"):
            self.inputs.append(f"{name}: {number(param.type)}")
            self.args.append(name)
        elif param.role == "text":
            self.inputs.append(f"{name}: &str")
            self.prepare.append(f"let {name} = CString::new({name}).map_err(|_| Error::new(-22, \"a text with a NUL in it\"))?;")
            self.args.append(f"{name}.as_ptr()")
        elif param.role == "bytes":
            self.inputs.append(f"{name}: &[u8]")
            self.args += [f"{name}.as_ptr().cast()", f"{name}.len()"]
        elif param.role == "object":
            kind = f"{class_name(param.object)}<'_>"
            mutable = "" if param.type.startswith("const") else "mut "
            self.inputs.append(f"{name}: Option<&{mutable}{kind}>" if param.nullable else f"{name}: &{mutable}{kind}")
            self.args.append(f"{name}.map_or(null_mut(), |x| x.0.pointer())" if param.nullable else f"{name}.0.pointer()")
        elif param.role == "number-out":
            kind = number(param.type.removesuffix(" *"))
            self.prepare.append(f"let mut {out}: {kind} = 0;")
            self.args.append(f"(&mut {out} as *mut {kind}).cast()")
            self.kinds.append(kind)
            self.results.append(out)
        elif param.role == "object-out":
            self.prepare.append(f"let mut {out}: *mut c_void = null_mut();")
            self.args.append(f"&mut {out}")
            self.wrapped(param.object, out)
        elif param.role == "text-out":
            self.prepare.append(f"let mut {out} = Text::new();")
            self.args += [f"{out}.pointer()", f"{out}.size()"]
            self.kinds.append("String")
            self.results.append(f"{out}.string()")
            self.text = out
        elif param.role == "bytes-out":
            self.prepare += [f"let mut {out}: *const c_void = null_mut();", f"let mut {out}_len = 0usize;"]
            self.args += [f"&mut {out}", f"&mut {out}_len"]
            self.kinds.append("&[u8]")
            self.results.append(f"crate::bytes({out}, {out}_len)")

    def own_result(self):
        """What the C function itself returns, where that is no status."""
        function, kind = self.function, self.function.kind
        counts = self.types.is_counted(next((p.object for p in function.params if p.role == "object-out"), ""))
        if kind == "bool":
            self.kinds.insert(0, "bool")
            self.results.insert(0, "r != 0")
        elif kind in ("number", "index", "enum", "flags") or kind == "count" and not counts:
            self.kinds.insert(0, "i32" if function.returns == "int" else number(function.returns))
            self.results.insert(0, "r")
        elif kind == "text":
            self.kinds.insert(0, "String")
            self.results.insert(0, "crate::text(r)")
        elif kind == "object":
            self.wrapped(re.search(r"nfbind_(\w+) \*", function.returns)[1], "r as *mut c_void")

    def print(self):
        function = self.function
        self.text = ""
        for param in function.params:
            if not param.of:
                self.take(param)
        self.own_result()
        value = f"({', '.join(self.results)})" if len(self.results) != 1 else self.results[0]
        kind = f"({', '.join(self.kinds)})" if len(self.kinds) != 1 else self.kinds[0]
        call = f"unsafe {{ {function.name}({', '.join(self.args)}) }}"
        lines = self.prepare + ([f"{call};"] if function.returns == "void" else [f"let r = {call};"])
        if function.returns == "int":
            none = function.words("none")
            if self.text and function.kind == "length":
                lines = self.prepare + [f"let mut r = {call};", f"if {self.text}.grows(r) {{", f"    r = {call};", "}"]
            if none:
                kind, value = f"Option<{kind}>", f"Some({value})"
                lines += [f"if r == -{none[0]} {{", "    return Ok(None);", "}"]
            lines += ["if r < 0 {", f"    return Err({self.failure()});", "}"]
            kind, value = f"Result<{kind}, Error>", f"Ok({value})"
        elif function.kind == "object" and function.returns.endswith("*"):
            lines += ["if r.is_null() {", "    return None;", "}"]
            kind, value = f"Option<{kind}>", f"Some({value})"
        elif any("map_err" in line for line in self.prepare):
            kind, value = f"Result<{kind}, Error>", f"Ok({value})"
        lines = lines + [value] if value != "()" else lines
        body = "".join(f"        {line}\n" for line in lines)
        returns = f" -> {kind}" if kind != "()" else ""
        inputs = ([self.receiver()] if function.is_method else []) + self.inputs
        name = function.verb if function.object else short(function.name)
        return f"{comment(function, '    ')}    pub fn {local(name)}({', '.join(inputs)}){returns} {{\n{body}    }}\n"

    def receiver(self):
        """
        What is for one thread, or changes the object, has it to itself; so has who gets a part
        of it, or there could be two of the same part.
        """
        function = self.function
        gives_part = function.kind == "object" and function.has_tag("borrowed")
        is_shared = self.types.is_any(function) or function.verb == "last_message"
        is_const = function.params[0].type.startswith("const")
        return "&self" if is_const or is_shared and not gives_part else "&mut self"

    def failure(self):
        verb = self.types.reason(self.function)
        rows = ", ".join(f"({e['name']}, \"{escape(e['sentence'])}\")" for e in api_errors(self.function))
        known = f"Error::known(r, &[{rows}])"
        if not verb:
            return known
        side = f"{self.types.side(self.function)}" if verb.param("side") else ""
        return f"{known}.said(self.last_message({side}))"


def is_left_out(function):
    return (function.has_tag("c-only") or function.verb in ("free", "hold") or function.kind == "text"
            and function.words("borrowed") or any(p.role in LEFT_OUT for p in function.params))


def print_object(types, name):
    kind = class_name(name)
    struct = next(s for s in types.model.objects() if short(s.name) == name)
    methods = "\n".join(Body(types, f).print() for f in types.verbs[name].values() if not is_left_out(f))
    text = f"\n/// {struct.doc.sentence}\npub struct {kind}<'a>(Life<'a>);\n\nimpl {kind}<'_> {{\n{methods}}}\n"
    if "free" in types.verbs[name]:
        text += f"""
impl Drop for {kind}<'_> {{
    fn drop(&mut self) {{
        if self.0.is_owned() {{
            unsafe {{ nfbind_{name}_free(self.0.pointer()) }}
        }}
    }}
}}
"""
    return text


def print_enums(types):
    text = ""
    for enum in types.model.enums.values():
        for item in enum.enumerators:
            doc = f"/// {item.doc.sentence}\n" if item.doc else ""
            text += f"{doc}pub const {item.name.removeprefix('NFBIND_')}: u32 = {item.value};\n"
    return re.sub(r"(/// .*)", lambda m: re.sub(r"\[|\]", "", m[1]), text)


def errnos(model):
    names = sorted({e["name"] for f in model.functions for e in api_errors(f)})
    return f"\nuse crate::errno::{{{', '.join(names)}}};\n"


def files(model):
    types = Types(model)
    used = [f for f in model.functions if f.verb == "free" or not is_left_out(f)]
    text = HEAD + errnos(model) + "\nextern \"C\" {\n" + "".join(declaration(f) for f in used) + "}\n\n"
    text += print_enums(types)
    text += "".join(print_object(types, name) for name in types.objects)
    module = [f for f in model.functions if not f.object and not is_left_out(f)]
    functions = "\n".join(Body(types, f).print() for f in module)
    return {"bindings/rust/generated.rs": text + "\n" + re.sub(r"^    ", "", functions, flags=re.M)}
