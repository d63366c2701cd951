# SPDX-License-Identifier: MIT
"""
The type stubs of the Python package: what the extension has comes from the model,
fields from the library's tables, and what nfbind/__init__.py adds stands here.
"""

from emit import MARK
from templates.python import word_of
from templates.shared import Types, class_name, is_hidden, item_function, module_functions

HEAD = '''# SPDX-License-Identifier: MIT
"""
{mark}
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from .enums import *

__version__: str
_Bytes = bytes | bytearray | memoryview
_Fields = Mapping[str, Any]

class Error(OSError):
    """What the library refused, and why."""
'''

# What a session that is waited for has besides.
ENTERED = ["def __enter__(self) -> {0}: ...",
           "def __exit__(self, *_: Any) -> None: ..."]
SESSION = ["def __init__(self, **options: Any) -> None: ..."] + ENTERED
# By class: these replace what is generated, or are added.
IDIOM = {
    "Queue": ["def __init__(self, *numbers: int, **options: Any) -> None: ...", *ENTERED,
              "def bind(self, number: int, **options: Any) -> None: ...",
              "def change(self, number: int, **options: Any) -> None: ...",
              "def notices(self) -> Iterator[Notice]: ...",
              "def batches(self) -> Iterator[Batch]: ...",
              "def async_batches(self) -> AsyncIterator[Batch]: ...",
              "def __iter__(self) -> Iterator[Packet]: ...",
              "def __aiter__(self) -> AsyncIterator[Packet]: ..."],
    "Events": ["def __init__(self, *filters: Filter | _Fields, **options: Any) -> None: ...", *ENTERED,
               "def taken(self) -> Iterator[tuple[Event, Ct | Exp | None]]: ...",
               "def __iter__(self) -> Iterator[tuple[Event, Ct | Exp | None]]: ...",
               "def __aiter__(self) -> AsyncIterator[tuple[Event, Ct | Exp | None]]: ..."],
    "Helper": ["def __init__(self, record: Cthelper | _Fields, **options: Any) -> None: ...",
               *SESSION[1:], "@property", "def queue(self) -> Queue: ..."],
    "Conntrack": [*SESSION,
                  "def connections(self, filter: Filter | _Fields | None = None, "
                  "kind: int = ..., flags: int = 0) -> Iterator[Ct]: ...",
                  "def expectations(self, master: Exp | _Fields | None = None) -> Iterator[Exp]: ...",
                  "def helpers(self) -> Iterator[Cthelper]: ..."],
    "Injector": SESSION,
    "Bulk": ["def __init__(self) -> None: ...", "def __len__(self) -> int: ...",
             "def failures(self) -> Iterator[tuple[int, int, str]]: ..."],
    "Labels": ["def __init__(self) -> None: ..."],
    "Packet": ["def accept(self, flags: int = 0) -> None: ...", "def drop(self, flags: int = 0) -> None: ...",
               "def repeat(self, flags: int = 0) -> None: ...",
               "def to_queue(self, number: int, bypass: bool = False) -> None: ...",
               "def view(self) -> memoryview | None: ...", "def swap(self, other: Packet, /) -> None: ..."],
}
FIELDS = ["def __getitem__(self, name: str | int) -> Any: ...",
          "def __setitem__(self, name: str | int, value: Any) -> None: ...",
          "def __delitem__(self, name: str | int) -> None: ...",
          "def __iter__(self) -> Iterator[str]: ...", "def __contains__(self, name: object) -> bool: ...",
          "def keys(self) -> list[str]: ..."]
MAPPED = ["def __init__(self, fields: _Fields = ..., /, **values: Any) -> None: ..."]
KINDS = {"bool": "bool", "address": "str", "bytes": "bytes", "text": "str"}


def input_type(types, param):
    if param.name == "timeout":
        return "float | None"
    kind = {"text": "str", "bytes": "_Bytes"}.get(param.role, "int")
    if param.role == "object":
        kind = class_name(param.object)
        kind += " | _Fields" * types.is_made_of_fields(param.object)
    if param.role == "array":
        kind = f"Sequence[{class_name(param.object)} | Sequence[int]]"
    return kind + " | None" * param.nullable


def inputs(types, function):
    """The parameters; one may be left out where all behind it may be, too."""
    words, optional = [], True
    params = [p for p in function.params if not p.of and not p.role.endswith(("-out", "-fill"))
              and p.role != "self" and p.direction != "out"]
    for param in reversed(params):
        optional = optional and (param.nullable or param.role == "flags" or param.name == "timeout")
        default = " = ..." if optional else ""
        words.insert(0, f"{word_of(param.name)}: {input_type(types, param)}{default}")
    return words


def output_type(types, function, param):
    if param.role == "array":
        return f"list[{class_name(param.object)}]"
    if param.role == "bytes-out":
        return "memoryview" if function.words("borrowed")[2:] == ["free"] else "bytes"
    if param.role in ("object-out", "object-fill", "struct-out"):
        return class_name(param.object)
    return {"number-out": "int", "text-out": "str"}[param.role]


def result(types, function):
    found = [output_type(types, function, p) for p in function.params
             if not p.of and (p.role.endswith(("-out", "-fill")) or p.direction in ("out", "inout"))
             and p.reason != "only"]
    counts = [p for p in function.params if p.role == "object-out" and "count" in types.verbs[p.object]]
    outputs = [p for p in function.params if p.direction == "out"]
    known = bool(counts or outputs)
    if function.kind == "bool":
        found.insert(0, "bool")
    elif function.kind in ("number", "index", "enum", "flags") or (function.kind == "count" and not known):
        found.insert(0, "int")
    elif function.kind == "length" and not any(p.role == "text-out" for p in function.params):
        found.insert(0, "int")
    elif function.kind == "text":
        found.insert(0, "str | None")
    elif function.kind == "object":
        name = class_name(function.returns.split("nfbind_")[1].split(" ")[0])
        found.insert(0, name + " | None" * (not function.has_tag("immortal")))
    kind = found[0] if len(found) == 1 else f"tuple[{', '.join(found)}]" if found else "None"
    return kind + " | None" * bool(function.words("none"))


def signature(types, function):
    first = ["self"] if function.is_method else []
    words = ", ".join(first + inputs(types, function))
    return f"def {function.verb}({words}) -> {result(types, function)}: ..."


def name_of(line):
    return line.removeprefix("async ").removeprefix("def ").split("(")[0]


def methods(types, name):
    own = IDIOM.get(class_name(name), [])
    item = item_function(types, name)
    replaced = {name_of(line) for line in own}
    for function in types.verbs[name].values():
        if is_hidden(types, function) or function.verb in replaced | {"new"}:
            continue
        if not function.is_method:
            yield "@staticmethod"
        yield signature(types, function)
    if "new" in types.verbs[name] and inputs(types, types.verbs[name]["new"]):
        yield f"def __init__(self, {', '.join(inputs(types, types.verbs[name]['new']))}) -> None: ..."
    if item:
        kind = result(types, item).removesuffix(" | None")
        yield "def __len__(self) -> int: ..."
        yield f"def __getitem__(self, index: int) -> {kind}: ..."
        yield f"def __iter__(self) -> Iterator[{kind}]: ..."
        yield f"def as_list(self, kind: type[{kind}] = ..., /) -> list[Any]: ..."
    yield from (line.format(class_name(name)) for line in own)


def attributes(kinds, fields):
    for field in fields:
        name = word_of(field["name"].replace("-", "_"))
        kind = kinds[field["kind"]]
        kind = KINDS.get(kind, "int" if kind.startswith("u") else class_name(kind))
        # The help of a field has ends of sentences, and never a triple quote.
        yield f"{name}: {kind} | None"
        yield f'"""{field["help"]}"""'


def print_class(types, name, kinds, fields):
    struct = next(s for s in types.model.objects() if s.name == "nfbind_" + name)
    lines = [f'"""{struct.doc.text}"""']
    if types.has_family(name):
        lines += attributes(kinds, fields.get(name, [])) if fields else []
        lines += FIELDS + MAPPED * types.is_made_of_fields(name)
    lines += ["@property", "def session(self) -> Any: ..."]
    lines += methods(types, name)
    return f"\nclass {class_name(name)}:\n" + "".join(f"    {line}\n" for line in lines)


def print_struct(struct):
    """A tuple with names: the extension makes a structure sequence of it."""
    name = class_name(struct.name.removeprefix("nfbind_"))
    lines = [f'"""{struct.doc.text}"""', "def __init__(self, values: Sequence[int | bytes]) -> None: ..."]
    for member in struct.members:
        kind = "bytes" if "[" in member.type else "int"
        # A tuple has methods of these names.
        note = "  # type: ignore[override]" * (member.name in ("count", "index"))
        lines += ["@property", f"def {member.name}(self) -> {kind}: ...{note}"]
    return f"\nclass {name}(tuple[Any, ...]):\n" + "".join(f"    {line}\n" for line in lines)


def files(model, fields):
    """Without the library's tables there is nothing to say of fields, and nothing is written."""
    if not fields:
        return {}
    types = Types(model)
    kinds = {item.value: item.name.removeprefix("NFBIND_KIND_").lower()
             for item in model.enums["nfbind_kind"].enumerators}
    text = HEAD.format(mark=MARK)
    text += "".join(print_struct(s) for s in model.plain_structs())
    text += "".join(print_class(types, o, kinds, fields) for o in types.objects)
    text += "".join("\n" + signature(types, f) + "\n" for f in module_functions(types))
    return {"bindings/python/nfbind/__init__.pyi": text}
