# SPDX-License-Identifier: MIT
"""
One method of the Go package: its name, its comment, and its body, printed in the order
in which it runs: look at the arguments, lock the objects, convert, call, then fail or
make the results.
"""

import re

from emit import api_errors, short

# Words that Go writes in capitals.
INITIALS = {"id", "ip", "ttl", "tcp", "icmp", "uid", "gid", "gso", "sctp", "ecn", "mss", "dscp"}
# What has to be done there before the library may change one, and what after.
PREPARED, TOUCHED = {"queue", "packet"}, {"packet"}
# What the layer above wraps once more.
WRAPPED = {"packet_verdict", "queue_settle", "batch_get_data"}
WORDS = {"type": "kind", "range": "span", "func": "function", "map": "table", "len": "size", "copy": "twin",
         "string": "text", "error": "errno"}


def camel(name):
    return "".join(w.upper() if w in INITIALS else w.capitalize() for w in re.split("[_-]", name))


def local(name):
    """A name inside a function: abiValue, never a word of the language."""
    words = name.split("_")
    text = words[0] + "".join(w.upper() if w in INITIALS else w.capitalize() for w in words[1:])
    return WORDS.get(text, text)


def c_type(name):
    return {"size_t": "C.size_t"}.get(name, f"C.{name}")


def c_struct(name):
    return f"*C.struct_nfbind_{name}"


def method_name(function):
    verb = function.verb
    family = verb in ("get_number", "get_bytes")
    return camel(verb if family else verb.removeprefix("get_"))


def is_wrapped(function):
    """Whatever waits or ends a wait is done with Go's own poller."""
    return (short(function.name) in WRAPPED or function.verb in ("close", "wake")
            or function.param("timeout") is not None)


def go_name(types, function):
    if function.object and not function.is_method:
        name = ("New" + camel(function.object) if function.verb == "new"
                else camel(function.object) + camel(function.verb))
    else:
        name = method_name(function)
    return name[0].lower() + name[1:] + "Here" if is_wrapped(function) else name


def comment(types, function, name):
    """The doc comment: C names become Go's, errors become one list."""
    text = re.sub(r"\bnfbind_(\w+)\(\)", lambda m: types.references.get(m[1], m[0]), function.doc.text)
    text = re.sub(r"\b_(\w+)\(\)", lambda m: camel(m[1]), text)
    lines = [f"{name}: {text}"]
    errors = api_errors(function)
    if errors:
        lines += ["", "Errors:"] + [f"  - {e['name']}: {e['sentence']}" for e in errors]
    return "".join(f"// {line}".rstrip() + "\n" for line in "\n".join(lines).split("\n"))


class Body:
    """One function, as lists of lines that are joined at the end."""

    def __init__(self, types, function):
        self.types = types
        self.function = function
        self.inputs = []    # Go parameters
        self.checks = []
        self.convert = []
        self.args = []
        self.results = []   # (name, type)
        self.finish = []    # what makes the results
        self.locked = []    # Go expressions of the objects beside self
        self.changed = []   # packets that C may have changed
        self.text = ""
        self.grows = ""
        self.count_is_known = False

    # Inputs

    def number(self, param):
        kind = camel(param.enum or param.flags) if param.enum or param.flags else param.type.removesuffix("_t")
        self.inputs.append(f"{local(param.name)} {kind}")
        self.args.append(f"{c_type(param.type)}({local(param.name)})")

    def input_text(self, param):
        name = local(param.name)
        self.inputs.append(f"{name} string")
        nullable = "true" if param.nullable else "false"
        self.convert += [f"{name}C, err := cString({name}, {nullable})", "if err != nil {", "\treturn", "}",
                         f"defer C.free(unsafe.Pointer({name}C))"]
        self.args.append(f"{name}C")

    def input_bytes(self, param):
        name = local(param.name)
        self.inputs.append(f"{name} []byte")
        self.args += [f"unsafe.Pointer(unsafe.SliceData({name}))", f"C.size_t(len({name}))"]
        if not param.nullable:
            self.checks += [f"if {name} == nil {{", f"\t{name} = []byte{{0}}[:0]", "}"]

    def input_object(self, param):
        name = local(param.name)
        if param.object == "options":
            self.inputs.append("options ...Option")
            self.checks += ["made, err := makeOptions(options)", "if err != nil {", "\treturn", "}",
                            "defer made.Free()"]
            name = "made"
        else:
            self.inputs.append(f"{name} *{camel(param.object)}")
            if not param.nullable:
                self.checks += [f"if {name} == nil {{", f"\terr = missing(\"{param.name}\")", "\treturn", "}"]
        self.locked.append(f"{name}.base()")
        self.args.append(f"({c_struct(param.object)})({name}.base().address())")
        self.may_change(param, name)

    def may_change(self, param, name):
        if "const" not in param.type:
            self.checks += [f"{name}.prepare()"] * (param.object in PREPARED)
            self.changed += [name] * (param.object in TOUCHED)

    def array(self, param):
        name, kind = local(param.name), camel(param.object)
        pointer = f"({c_struct(param.object)})(unsafe.Pointer(unsafe.SliceData({name})))"
        self.args += [pointer, f"C.size_t(len({name}))", f"C.size_t(unsafe.Sizeof({kind}{{}}))"]
        if param.direction == "out":
            obj = self.function.object
            first = (f"C.nfbind_{obj}_count(({c_struct(obj)})({self.me}.pointer))"
                     if "count" in self.types.verbs[obj] else "64")
            self.results.append((name, f"[]{kind}"))
            self.convert.append(f"{name} = make([]{kind}, {first})")
            self.grows = f"{name} = make([]{kind}, 2*len({name})+1)"
            self.count_is_known = True
        else:
            self.inputs.append(f"{name} []{kind}")

    # Outputs

    def out(self, param):
        name = param.name.removeprefix("ret_")
        return local(param.name if self.function.param(name) else name)

    def output_number(self, param):
        name, kind = self.out(param), param.type.removesuffix(" *")
        go = camel(param.enum or param.flags) if param.enum or param.flags else kind.removesuffix("_t")
        self.convert.append(f"var {name}C C.{kind}")
        self.args.append(f"&{name}C")
        self.results.append((name, go))
        self.finish.append(f"{name} = {go}({name}C)")

    def output_text(self, param):
        name = self.out(param)
        self.convert += [f"var {name}Room [1024]C.char"]
        if self.function.kind == "length":
            self.convert += [f"{name}C, {name}Size := &{name}Room[0], len({name}Room)"]
            self.args += [f"{name}C", f"C.size_t({name}Size)"]
            self.text = name
        else:
            self.args += [f"&{name}Room[0]", f"C.size_t(len({name}Room))"]
            self.message = f"C.GoString(&{name}Room[0])"
        if param.reason == "only":
            return
        source = f"{name}C" if self.text else f"&{name}Room[0]"
        self.results.append((name, "string"))
        self.finish.append(f"{name} = C.GoString({source})")

    def output_bytes(self, param):
        name = self.out(param)
        self.convert += [f"var {name}C unsafe.Pointer", f"var {name}Len C.size_t"]
        self.args += [f"&{name}C", f"&{name}Len"]
        self.results.append((name, "[]byte"))
        self.finish.append(f"{name} = copied({name}C, {name}Len)")

    def output_object(self, param):
        name = self.out(param)
        self.convert.append(f"var {name}C {c_struct(param.object)}")
        self.args.append(f"&{name}C")
        self.results.append((name, f"*{camel(param.object)}"))
        self.finish.append(f"{name} = {self.wrapped(param.object, name + 'C')}")

    def output_filled(self, param):
        name, kind = self.out(param), camel(param.object)
        self.results.append((name, f"*{kind}"))
        self.convert += [f"{name}Made, err := New{kind}()", "if err != nil {", "\treturn", "}"]
        self.args.append(f"({c_struct(param.object)})({name}Made.pointer)")
        self.finish.append(f"{name} = {name}Made")

    def output_struct(self, param):
        name, kind = self.out(param), camel(param.object)
        self.convert.append(f"var {name}C {kind}")
        self.args += [f"({c_struct(param.object)})(unsafe.Pointer(&{name}C))",
                      f"C.size_t(unsafe.Sizeof({name}C))"]
        self.results.append((name, kind))
        self.finish.append(f"{name} = {name}C")

    def wrapped(self, name, pointer):
        """Borrowed memory keeps its owner; what is owned keeps the session that it came from."""
        owner, session = "nil", "nil"
        if self.function.is_method and not self.function.has_tag("immortal"):
            if self.function.has_tag("borrowed"):
                owner = f"{self.me}.base()"
            else:
                session = f"{self.me}.base().root()"
        return f"wrap{camel(name)}(unsafe.Pointer({pointer}), {owner}, {session})"

    # All of it

    def parameters(self):
        self.message = ""
        self.me = local(self.function.object) if self.function.is_method else ""
        makers = {"number": self.number, "enum": self.number, "flags": self.number,
                  "text": self.input_text, "bytes": self.input_bytes, "object": self.input_object,
                  "array": self.array, "number-out": self.output_number, "text-out": self.output_text,
                  "bytes-out": self.output_bytes, "object-out": self.output_object,
                  "object-fill": self.output_filled, "struct-out": self.output_struct}
        for param in self.function.params:
            if param.role == "self":
                self.args.append(f"({c_struct(param.object)})({self.me}.pointer)")
                self.may_change(param, self.me)
            elif not param.of:
                makers[param.role](param)

    def locks(self):
        function = self.function
        is_any = "true" if self.types.is_any(function) else "false"
        others = ", ".join(self.locked)
        lines = []
        if function.is_method and function.has_tag("blocks"):
            lines += [f"if err = {self.me}.enter({is_any}); err != nil {{", "\treturn", "}",
                      f"defer {self.me}.leave({is_any})"]
            mine = "nil"
        else:
            mine = f"{self.me}.base()" if function.is_method else "nil"
        if mine != "nil" or others:
            arguments = ", ".join(x for x in (mine, others) if x)
            lines += [f"if err = lock({is_any}, {arguments}); err != nil {{", "\treturn", "}",
                      f"defer unlock({arguments})"]
        return lines

    def call(self):
        function = self.function
        call = f"C.{function.name}({', '.join(self.args)})"
        if function.returns == "void":
            return [call]
        lines = [f"r := {call}"]
        # A signal ends a wait; elsewhere EINTR is the kernel's word for something else.
        if function.param("timeout"):
            lines += ["for r == -C.EINTR {", f"\tr = {call}", "}"]
        if self.grows:
            lines += ["for r == -C.ENOSPC {", f"\t{self.grows}", f"\tr = {call}", "}"]
        if self.text:
            name = self.text
            lines += [f"if int(r) >= {name}Size {{", f"\t{name}Size = int(r) + 1",
                      f"\t{name}C = (*C.char)(C.malloc(C.size_t({name}Size)))",
                      f"\tdefer C.free(unsafe.Pointer({name}C))", f"\tr = {call}", "}"]
        return lines

    def failure(self):
        function = self.function
        if function.returns != "int":
            return []
        none = function.words("none")
        text = self.message or '""'
        if self.types.reason(function) and not self.message:
            text = f"{self.me}.why({self.types.side(function)})"
        lines = ["if r < 0 {"]
        lines += [f"\t{self.out(p)}Made.Free()" for p in function.params
                  if p.role == "object-fill"]
        if none:
            lines += [f"\tif r == -C.{none[0]} {{", "\t\treturn", "\t}"]
        lines += [f"\terr = fail(int(r), {self.table()}, {text})", "\treturn", "}"]
        return lines

    def result(self):
        function, lines = self.function, []
        kind = function.kind
        if kind == "bool":
            self.results.insert(0, ("is", "bool"))
            lines.append("is = r != 0")
        elif kind in ("count", "number", "index", "length") and not self.count_is_known and not self.text:
            go = "int" if function.returns == "int" else function.returns.removesuffix("_t")
            self.results.insert(0, ("count" if kind == "count" else "value", go))
            lines.append(f"{self.results[0][0]} = {go}(r)")
        elif kind in ("enum", "flags"):
            self.results.insert(0, ("value", camel(function.kind_enum)))
            lines.append(f"value = {camel(function.kind_enum)}(r)")
        elif kind == "text":
            self.results.insert(0, ("text", "string"))
            lines.append("text = C.GoString(r)")
        elif kind == "object":
            name = re.search(r"nfbind_(\w+) \*", function.returns)[1]
            self.results.insert(0, ("object", f"*{camel(name)}"))
            lines += ["if r != nil {", f"\tobject = {self.wrapped(name, 'r')}", "}"]
        elif self.count_is_known:
            name = self.results[0][0]
            lines.append(f"{name} = {name}[:r]")
        return lines + self.finish

    def can_fail(self):
        return self.function.returns == "int" or self.function.is_method or self.checks or self.locked

    def sentences(self):
        """The table of its errors, where no other function has the same one."""
        rows = tuple((e["name"], e["sentence"]) for e in api_errors(self.function))
        if rows in self.types.tables or self.function.returns != "int":
            return ""
        name = self.types.tables[rows] = f"errorsOf{camel(short(self.function.name))}" if rows else "nil"
        text = "".join(f"\t{{syscall.{error}, {go_text(sentence)}}},\n" for error, sentence in rows)
        return f"\nvar {name} = []sentence{{\n{text}}}\n" if rows else ""

    def table(self):
        return self.types.tables[tuple((e["name"], e["sentence"]) for e in api_errors(self.function))]

    def needs_ok(self):
        """Where "nothing" is no nil."""
        return (bool(self.function.words("none"))
                and not all(t.startswith(("*", "[]")) for _, t in self.results))

    def print(self):
        function, name = self.function, go_name(self.types, self.function)
        tables = self.sentences()
        self.parameters()
        end = self.result()
        if self.needs_ok():
            self.results.append(("ok", "bool"))
            end.append("ok = true")
        if self.can_fail():
            self.results.append(("err", "error"))
        results = ", ".join(f"{n} {t}" for n, t in self.results)
        receiver = f"({self.me} *{camel(function.object)}) " if function.is_method else ""
        lines = self.checks + self.locks() + self.convert + self.call()
        lines += [f"{x}.touched()" for x in self.changed] + self.failure() + end
        body = "".join(f"\t{line}\n" for line in lines)
        end = "\treturn\n" if self.results else ""
        return (tables + "\n" + comment(self.types, function, name)
                + f"func {receiver}{name}({', '.join(self.inputs)}) ({results}) {{\n{body}{end}}}\n")


def go_text(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
