# SPDX-License-Identifier: MIT
"""
The grammar of the public headers, as rules. Each rule takes the model and yields
problems: file, line and a sentence that says what to write instead. Rules about
names, types and parameters are here, those about comments in lint_docs.py.
"""

import re

import lint_docs
from lint_docs import at
from model import Problem
from roles import INTEGERS, PREFIX, member_layout, struct_of

BAD_WORDS = {"do", "ex", "util", "utils"}
KERNEL_TYPES = re.compile(r"\b(__[usbl]e?\d+|nlmsghdr|nlattr|mnl_\w+|sockaddr\w*|in6?_addr|nfgenmsg)\b")
RESULTS = {"int", "void", "const char *"} | set(INTEGERS)


# Files


def rule_headers(model):
    for header in model.headers.values():
        if "SPDX-License-Identifier: MIT" not in header.first_line:
            yield Problem(header.file, 1, "the first line is the SPDX line of the MIT licence")
        if not header.idea:
            yield Problem(header.file, 2, "a comment behind the SPDX line says the header's idea")
        for name, line in header.includes:
            if name not in ("stddef.h", "stdint.h") and not name.startswith("nfbind/"):
                yield Problem(header.file, line, f"<{name}> is not for public headers: "
                              "only <stddef.h>, <stdint.h> and <nfbind/...> are")
        for name, takes_arguments, line in header.macros:
            if takes_arguments:
                yield Problem(header.file, line, f"{name}: no language but C can call a macro")
            elif name != "NFBIND_API" and not re.fullmatch(r"NFBIND_\w+_H", name):
                yield Problem(header.file, line, f"{name}: a constant is an enumerator, not a macro")


def rule_others(model):
    for other in model.others:
        yield Problem(other.file, other.line,
                      f"{other.name or 'no name'}: the interface has no place for a {other.what}")


# Functions


def rule_function_names(model):
    for function in model.functions:
        name = function.name
        words = name.split("_")
        if not re.fullmatch(r"nfbind(_[a-z][a-z0-9]*)+", name):
            yield at(function, f"{name}: names are nfbind_<object>_<verb> in lower case")
        elif BAD_WORDS & set(words):
            yield at(function, f"{name}: \"{min(BAD_WORDS & set(words))}\" says nothing; "
                     "find the verb")
        elif words[-1][-1].isdigit():
            yield at(function, f"{name}: a digit at the end is a missed parameter; find a name")


def rule_function_form(model):
    for function in model.functions:
        name = function.name
        if function.is_variadic:
            yield at(function, f"{name}: no other language can call variable arguments")
        if function.is_inline or function.is_static:
            yield at(function, f"{name}: an inline or static function is in no library")
        elif not function.is_exported:
            yield at(function, f"{name}: NFBIND_API is missing")


def rule_object_first(model):
    for function in model.functions:
        if function.is_method or not function.object:
            continue
        for param in function.params[1:]:
            own = struct_of(param.type) == (function.object, 1)
            if own and not param.name.startswith("ret_"):
                yield at(function, f"{function.name}: the object `{param.name}` comes first")


def explain(param):
    """Why a parameter has no role."""
    name, kind = param.name, param.type
    if not name:
        return f"a parameter of type {kind} has no name"
    if "(" in kind:
        return f"`{name}`: no other language can pass a callback"
    if "FILE" in kind or "off_t" in kind or "char **" in kind:
        return f"`{name}`: {kind} is nothing that other languages have"
    if re.search(r"\blong\b|\bshort\b|\bunsigned\b|\bint\b|\b_?[Bb]ool\b|\bu_int", kind):
        return f"`{name}`: {kind} differs between machines; take a fixed width, as uint32_t"
    if KERNEL_TYPES.search(kind):
        return f"`{name}`: {kind} belongs to the kernel or to another library"
    if kind.startswith("enum "):
        return f"`{name}`: an enum parameter is uint32_t, with @enum or @flags"
    if kind.startswith("struct ") and not kind.endswith("*"):
        return f"`{name}`: a struct crosses by pointer, never by value"
    if kind == "size_t":
        return f"`{name}`: a size_t measures the parameter before it: x, x_len"
    return explain_pointer(name, kind)


def explain_pointer(name, kind):
    is_out = name.startswith("ret_")
    if kind == "const void *":
        return f"`{name}`: a buffer is a pair; `size_t {name}_len` comes next"
    if kind == "const void **" and is_out:
        return f"`{name}`: a buffer is a pair; `size_t *{name}_len` comes next"
    if kind == "void *":
        return f"`{name}`: bytes come in as const void * and go out as const void **"
    if kind == "char *" and is_out:
        return f"`{name}`: text is copied out into a pair; `size_t {name}_size` comes next"
    if struct_of(kind)[1] == 1:
        return (f"`{name}`: a plain struct has @element {name} SIZE, with `{name}_size` behind a "
                f"result, `{name}_count` and the element's size behind an array")
    if kind.endswith("*") and not is_out:
        return f"`{name}`: an output is named ret_{name}"
    return f"`{name}`: {kind} is not a type of this interface"


def rule_parameters(model):
    for function in model.functions:
        for param in function.params:
            if not param.role:
                yield at(function, f"{function.name}: {explain(param)}")


def rule_results_last(model):
    for function in model.functions:
        last = ""
        for param in function.params:
            if param.name.startswith("ret_"):
                last = param.name
            elif last:
                yield at(function, f"{function.name}: `{param.name}` stands behind `{last}`; "
                         "results come last")
                break


def rule_result_types(model):
    for function in model.functions:
        kind = function.returns
        name, depth = struct_of(kind)
        if kind not in RESULTS and depth != 1:
            yield at(function, f"{function.name}: {kind} is not a result of this interface")
        elif depth == 1 and name not in [s.name.removeprefix(PREFIX) for s in model.objects()]:
            yield at(function, f"{function.name}: a plain struct is filled in, not returned")


def rule_enum_parameters(model):
    """A parameter called as an enum is called carries that enum's tag."""
    enums = {name.removeprefix(PREFIX) for name in model.enums}
    for function in model.functions:
        for param in function.params:
            if param.role not in ("number", "number-out"):
                continue
            word = param.name.removeprefix("ret_")
            for name in (f"{function.object}_{word}", word, word.removesuffix("s")):
                if name in enums and not (param.enum or param.flags):
                    yield at(function, f"{function.name}: `{param.name}` looks like enum "
                             f"{PREFIX}{name}; say so with @enum or @flags")
                    break


# Verbs


def rule_new(model):
    for function in model.functions:
        if not function.object or function.verb != "new":
            continue
        last = function.params[-1] if function.params else None
        if not last or last.role != "object-out" or last.object != function.object:
            yield at(function, f"{function.name}: the last parameter is "
                     f"struct {PREFIX}{function.object} **ret_{function.object}")
        elif not function.has_tag("owned"):
            yield at(function, f"{function.name}: what _new makes is @owned")


def rule_free(model):
    for function in model.functions:
        if function.object and function.verb == "free":
            if function.returns != "void" or len(function.params) != 1:
                yield at(function, f"{function.name}: _free takes the object alone and returns "
                         "nothing")
            elif not function.params[0].nullable:
                yield at(function, f"{function.name}: _free accepts NULL: "
                         f"@nullable {function.params[0].name}")


def rule_never_blocks(model):
    for function in model.functions:
        match = re.match(r"(get|set|is|has|clear|new|count)(_|$)", function.verb)
        if match and function.has_tag("blocks"):
            yield at(function, f"{function.name}: _{match[1]} never blocks; find another verb")


def rule_families(model):
    """Verbs that come together: new and free, open and close, a field enum and its access."""
    families = {"new": ["free"], "open": ["close", "last_message"],
                "fields": ["has", "get_number", "get_bytes"]}
    for struct in model.objects():
        name = struct.name.removeprefix(PREFIX)
        verbs = {f.verb: f for f in model.methods(name)}
        for verb, others in families.items():
            for other in others:
                if verb in verbs and other not in verbs:
                    yield at(verbs[verb], f"{struct.name}_{verb}: {struct.name}_{other} is missing")
    for enum in model.enums.values():
        match = re.fullmatch(r"(nfbind_\w+)_field", enum.name)
        if match and match[1] + "_fields" not in [f.name for f in model.functions]:
            yield at(enum, f"enum {enum.name}: {match[1]}_fields() is missing")


# Enums


def enumerator_prefixes(name):
    """NFBIND_CT_STATUS_ for nfbind_ct_status; a last word that only classifies may go."""
    full = name.upper() + "_"
    short = re.sub(r"_(FIELD|FLAG|KIND|PART)_$", "_", full)
    return (short,) if name.endswith("_field") else (full, short)


def rule_enum_names(model):
    for enum in model.enums.values():
        if not re.fullmatch(r"nfbind(_[a-z][a-z0-9]*)+", enum.name):
            yield at(enum, f"enum {enum.name or 'without a name'}: names are nfbind_<what>, "
                     "in lower case")
            continue
        prefixes = enumerator_prefixes(enum.name)
        for item in enum.enumerators:
            if not item.name.startswith(prefixes):
                yield Problem(enum.file, item.line, f"{item.name}: the name starts with "
                              f"{prefixes[0]}")
            elif not re.fullmatch(r"NFBIND(_[A-Z0-9]+)+", item.name):
                yield Problem(enum.file, item.line, f"{item.name}: single underscores between "
                              "words in upper case")


def rule_enum_values(model):
    for enum in model.enums.values():
        seen = {}
        for item in enum.enumerators:
            if not item.is_explicit:
                yield Problem(enum.file, item.line, f"{item.name}: values are ABI; write it down")
            if item.value in seen:
                yield Problem(enum.file, item.line, f"{item.name}: the same value as "
                              f"{seen[item.value]}")
            seen[item.value] = item.name


def rule_field_enums(model):
    for enum in model.enums.values():
        if not enum.name.endswith("_field"):
            continue
        for index, item in enumerate(enum.enumerators):
            if item.value != index:
                yield Problem(enum.file, item.line, f"{item.name}: fields are numbered from 0 "
                              f"without gaps; {index} is next")
                break


def rule_field_verbs(model):
    """A binding has fields and methods in one place: `packet.mark`, `packet.keep()`."""
    for enum in model.enums.values():
        match = re.fullmatch(PREFIX + r"(\w+)_field", enum.name)
        verbs = {f.verb for f in model.methods(match[1])} if match else set()
        for item in enum.enumerators:
            name = item.name.removeprefix(f"{PREFIX}{match[1]}_".upper()).lower() if match else ""
            if name in verbs | {"session"} and match:
                yield Problem(enum.file, item.line, f"{item.name}: `{name}` is a method of the "
                              "object; a binding cannot have both")


# Plain structs


def rule_structs(model):
    for struct in model.plain_structs():
        offset = largest = 0
        for member in struct.members:
            size, alignment = member_layout(member.type)
            problem = member_problem(member, size, alignment, offset)
            if problem:
                yield Problem(struct.file, member.line, f"{member.name}: {problem}")
            offset += -offset % (alignment or 1) + size
            largest = max(largest, alignment)
        if largest and offset % largest:
            yield at(struct, f"struct {struct.name}: {largest - offset % largest} bytes of padding "
                     "at the end; fill them with a member")


def member_problem(member, size, alignment, offset):
    if member.is_bit_field:
        return "a bit-field has no address and no fixed place"
    if "*" in member.type:
        return "a plain struct holds no pointer; give an offset into a buffer"
    if size == 0:
        return f"{member.type} is not a fixed-width integer or an array of them"
    if offset % alignment:
        return f"{alignment - offset % alignment} bytes of implicit padding before it; reorder"
    return ""


RULES = [rule_headers, rule_others, rule_function_names, rule_function_form, rule_object_first,
         rule_parameters, rule_results_last, rule_result_types, rule_enum_parameters, rule_new,
         rule_free, rule_never_blocks, rule_families, rule_enum_names, rule_enum_values,
         rule_field_enums, rule_field_verbs, rule_structs]


def problems(model):
    return [problem for rule in RULES + lint_docs.RULES for problem in rule(model)]
