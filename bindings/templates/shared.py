# SPDX-License-Identifier: MIT
"""
What all templates ask the model: which objects are counted, which have fields or
items, which functions belong to the module.
"""

from emit import api_errors, escape, short
from roles import side_enum

FAMILY = ["has", "clear", "get_number", "set_number", "get_bytes", "set_bytes"]


def is_hidden(types, function):
    """
    What the runtimes call themselves: nobody else may count, and fields are read and
    written by one function for all, from the tables.
    """
    return function.verb == "hold" or (
        function.object and types.has_family(function.object) and function.verb in FAMILY)


def class_name(name):
    return "".join(word.capitalize() for word in name.split("_"))


class Types:
    """Questions about the model that several functions ask."""

    def __init__(self, model):
        self.model = model
        self.objects = [short(s.name) for s in model.objects()]
        self.verbs = {o: {f.verb: f for f in model.methods(o)} for o in self.objects}

    def is_counted(self, name):
        return "hold" in self.verbs.get(name, {})

    def has_family(self, name):
        return "fields" in self.verbs[name] and "set_number" in self.verbs[name]

    def is_made_of_fields(self, name):
        """Whether a table of fields can stand for one."""
        new = self.verbs.get(name, {}).get("new")
        return new is not None and len(new.params) == 1 and self.has_family(name)

    def is_any(self, function):
        return function.words("thread") == ["any"]

    def reason(self, function):
        """The object's own function that explains a failure of this one; None where nothing does."""
        verb = self.verbs.get(function.object, {}).get("last_message")
        if not verb or not function.is_method or function is verb or function.side == "none":
            return None
        return verb

    def side(self, function):
        """The number of the side that the reason is asked of."""
        enum = side_enum(self.model, function.object)
        return next((e.value for e in enum.enumerators if e.name == function.side), 0) if enum else 0

    def first_size(self, function):
        """How many elements an output array has: as many as the object counts, or a guess."""
        if "count" in self.verbs[function.object]:
            return f"nfbind_{function.object}_count(o_self->pointer)"
        return "64"


def item_function(types, name):
    """`packet(index)` of a batch, which has `count` too: a sequence."""
    for function in types.verbs[name].values():
        if (function.is_method and function.kind == "object" and "count" in types.verbs[name]
                and [p.name for p in function.params[1:]] == ["index"]):
            return function
    return None


class Errors:
    """The sentences of a function's errors as C tables, each printed once."""

    def __init__(self):
        self.names = {}

    def table(self, function):
        """(its name, its text where it is new)"""
        rows = tuple((e["name"], e["sentence"]) for e in api_errors(function))
        if rows in self.names:
            return self.names[rows], ""
        name = self.names[rows] = f"errors_of_{short(function.name)}" if rows else "no_errors"
        text = "".join(f"\t{{ {error}, \"{escape(sentence)}\" }},\n" for error, sentence in rows)
        return name, f"\nstatic const struct sentence {name}[] = {{\n{text}\t{{ 0, NULL }},\n}};\n"


def constants(types):
    """(name without the prefix, value) of all enumerators; fields go by their names."""
    for enum in types.model.enums.values():
        if not enum.name.endswith("_field"):
            for item in enum.enumerators:
                yield item.name.removeprefix("NFBIND_"), item.value


def module_functions(types):
    return [f for f in types.model.functions if not f.object]
