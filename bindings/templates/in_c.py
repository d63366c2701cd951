# SPDX-License-Identifier: MIT
"""
What the templates share that write C: those of Python and Lua. A wrapper takes its
arguments, calls, asks why a call failed, and gives the results; the runtimes of both
languages have tables of the same form, for fields and for plain structs.
"""

import re

from emit import api_errors, escape, short
from templates.shared import FAMILY, item_function


class Wrapper:
    """One C function. What is said of each role of a parameter is the language's."""

    def __init__(self, types, function, errors):
        self.types = types
        self.function = function
        self.errors, self.error_table = (errors.table(function) if function.returns == "int" else
                                         ("NULL", ""))
        self.declare = []
        self.args = []
        self.results = []       # what gives one value each
        self.after_call = []
        self.text = self.reason = ""
        self.count_is_known = False
        self.grows = None
        self.borrowed = function.has_tag("borrowed")

    def parameters(self):
        makers = {"number": self.input_number, "enum": self.input_number,
                  "flags": self.input_number, "text": self.input_text, "bytes": self.input_bytes,
                  "object": self.input_object, "array": self.array,
                  "number-out": self.output_number, "text-out": self.output_text,
                  "bytes-out": self.output_bytes, "object-out": self.output_object,
                  "object-fill": self.output_filled, "struct-out": self.output_struct,
                  "self": self.self_object}
        for param in self.function.params:
            if not param.of:
                makers[param.role](param)

    def text_room(self, param):
        """Where a text is copied out to; more is taken where that is too small."""
        name = f"c_{param.name}"
        self.declare += [f"char {name}_short[1024] = \"\";", f"char *{name} = {name}_short;",
                         f"size_t {name}_size = sizeof({name}_short);"]
        self.args += [name, f"{name}_size"]
        self.text = name
        if param.reason:
            self.reason = name
        return name

    def number_room(self, param):
        """(its name, its type) of a number that comes out."""
        kind = param.type.removesuffix(" *")
        self.declare.append(f"{kind} c_{param.name} = 0;")
        self.args.append(f"&c_{param.name}")
        return f"c_{param.name}", kind

    def struct_room(self, param):
        self.declare.append(f"struct nfbind_{param.object} c_{param.name};")
        self.args += [f"&c_{param.name}", f"sizeof(c_{param.name})"]

    def message(self):
        """What the function or the object itself says about a failure."""
        if self.reason:
            return [], self.reason
        verb = self.types.reason(self.function)
        if not verb:
            return [], '""'
        side = f", {self.types.side(self.function)}" if verb.param("side") else ""
        return [f"nfbind_{self.function.object}_last_message(o_self->pointer{side}, message, "
                "sizeof(message));"], "message"


def item_type(function):
    """What `packet(index)` of a batch gives."""
    return re.search(r"nfbind_(\w+) \*", function.returns)[1]


def print_release(function):
    return f"""
static void release_{function.object}(void *pointer)
{{
	{function.name}(pointer);
}}
"""


def family_tables(types, name, prefix):
    """The functions that fields are read and written with; `prefix` is that of wrappers."""
    verbs = types.verbs[name]
    nested = ""
    for item in types.model.enums["nfbind_kind"].enumerators:
        other = item.name.removeprefix("NFBIND_KIND_").lower()
        get, put = f"get_{other}", f"set_{other}"
        if other in types.objects and (get in verbs or put in verbs):
            nested += (f"\t{{ {item.name}, {f'{prefix}_{name}_{get}' if get in verbs else 'NULL'}, "
                       f"{f'{prefix}_{name}_{put}' if put in verbs else 'NULL'} }},\n")
    sentences = {}
    for verb in FAMILY:
        for error in api_errors(verbs[verb]):
            if len(error["sentence"]) > len(sentences.get(error["name"], "")):
                sentences[error["name"]] = error["sentence"]
    errors = "".join(f"\t{{ {key}, \"{escape(text)}\" }},\n" for key, text in sentences.items())
    rows = "".join(f"\t.{verb} = (void *)nfbind_{name}_{verb},\n" for verb in FAMILY)
    return f"""
static const struct nested {name}_nested[] = {{
{nested}	{{ 0, NULL, NULL }},
}};
static const struct sentence {name}_errors[] = {{
{errors}	{{ 0, NULL }},
}};
static const struct family {name}_family = {{
	.fields = nfbind_{name}_fields,
{rows}	.nested = {name}_nested,
	.errors = {name}_errors,
}};
"""


def layout_tables(struct, qualifier, public_name, more):
    """A plain struct's members, and the struct; `more` is what only one language has in it."""
    name = short(struct.name)
    rows = ""
    for member in struct.members:
        signed = 0 if member.type.startswith("u") else 1
        rows += (f"\t{{ \"{member.name}\", {member.offset}, {member.size}, {signed}, "
                 f"{1 if '[' in member.type else 0} }},\n")
    return f"""
static const struct member {name}_members[] = {{
{rows}}};
static {qualifier}struct layout {name}_layout = {{ "nfbind.{public_name}", {name}_members,
	sizeof({name}_members) / sizeof({name}_members[0]), sizeof(struct {struct.name}){more} }};
"""


def item_types(types):
    """The types whose objects somebody has as items."""
    return {item_type(f) for f in map(lambda o: item_function(types, o), types.objects) if f}
