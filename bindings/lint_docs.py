# SPDX-License-Identifier: MIT
"""
The rules about doc comments: everything has one, the tags are known and whole,
and what they name exists. A binding is generated from the tags alone, so a
wrong tag is a wrong program.
"""

import errno
import re

from model import Problem
from roles import INTEGERS, PREFIX, side_enum, sides, struct_of

FUNCTION_TAGS = {"owned", "borrowed", "immortal", "nullable", "returns", "none", "error", "enum",
                 "flags", "element", "output", "inout", "reason", "side", "blocks", "thread", "signal-safe", "c-only", "since"}
REPEATED = {"nullable", "error", "enum", "flags", "element", "output", "inout"}
BARE = {"owned", "immortal", "blocks", "signal-safe", "c-only"}
RETURNS = {"count", "bool", "number", "index", "length", "enum", "flags"}
THREADS = {"any", "receive", "owner"}


def at(item, sentence):
    return Problem(item.file, item.line, sentence)


# Every declaration


def documented(model):
    """(file, line, what, doc, is_function) of everything that has a comment or should."""
    for function in model.functions:
        yield function.file, function.line, function.name, function.doc, True
    for struct in model.structs.values():
        yield struct.file, struct.line, f"struct {struct.name}", struct.doc, False
        for member in struct.members or []:
            yield struct.file, member.line, member.name, member.doc, False
    for enum in model.enums.values():
        yield enum.file, enum.line, f"enum {enum.name}", enum.doc, False
        for item in enum.enumerators:
            yield enum.file, item.line, item.name, item.doc, False


def rule_documented(model):
    for file, line, name, doc, _ in documented(model):
        if doc is None or not doc.text:
            yield Problem(file, line, f"{name}: no doc comment")


def rule_documented_once(model):
    for struct in model.structs.values():
        if len(struct.docs) > 1:
            yield at(struct, f"struct {struct.name}: two doc comments; the other is at line "
                     f"{struct.docs[0].line}")


def rule_sentences(model):
    for function in model.functions:
        if function.doc and function.doc.text and not function.doc.text.endswith((".", "!")):
            yield at(function, f"{function.name}: the comment does not end with a full stop")


def rule_known_tags(model):
    for file, _, name, doc, is_function in documented(model):
        known = FUNCTION_TAGS if is_function else {"since"}
        seen = set()
        for tag in doc.tags if doc else []:
            if tag.name not in known:
                yield Problem(file, tag.line, f"{name}: unknown tag @{tag.name}")
            elif tag.name in seen - REPEATED:
                yield Problem(file, tag.line, f"{name}: @{tag.name} stands there twice")
            seen.add(tag.name)
        if doc and doc.stray:
            yield Problem(file, doc.stray, f"{name}: text behind the tags; a tag is one line")


def rule_references(model):
    """What a comment names in full exists."""
    functions = {f.name for f in model.functions}
    for file, line, name, doc, _ in documented(model):
        text = doc.text + " ".join(t.text for t in doc.tags) if doc else ""
        for called in re.findall(r"\b(nfbind_\w+)\(\)", text):
            if called not in functions:
                yield Problem(file, line, f"{name}: the comment names {called}(), which is not "
                              "there")
        for enum in re.findall(r"\benum (nfbind_\w+)", text):
            if enum not in model.enums:
                yield Problem(file, line, f"{name}: the comment names enum {enum}, which is not "
                              "there")


# The form of each tag


def tag_form(function, tag):
    """What is wrong with the words of one tag, or ''."""
    words = tag.words
    if tag.name in BARE and words:
        return f"@{tag.name} stands alone"
    if tag.name == "borrowed" and (len(words) < 3 or words[1] != "until"):
        return "write @borrowed PARAM until VERB..."
    if tag.name == "nullable" and len(words) > 1:
        return "write @nullable, or @nullable PARAM"
    if tag.name == "returns":
        return returns_form(words)
    if tag.name == "none" and len(words) != 1:
        return "write @none ERROR"
    if tag.name == "error" and len(words) < 2:
        return "write @error ERROR and a sentence"
    if tag.name in ("enum", "flags") and len(words) != 2:
        return f"write @{tag.name} PARAM ENUM"
    if tag.name == "element" and len(words) != 2:
        return "write @element PARAM SIZEPARAM"
    if tag.name in ("output", "inout") and len(words) != 1:
        return f"write @{tag.name} PARAM"
    if tag.name == "reason" and words[1:] not in ([], ["and", "result"]) or tag.name == "reason" and not words:
        return "write @reason PARAM, or @reason PARAM and result"
    if tag.name == "side" and len(words) != 1:
        return "write @side and which side's last message says why, or none"
    if tag.name == "thread" and (len(words) != 1 or words[0] not in THREADS):
        return "write @thread any, receive or owner"
    if tag.name == "since" and not re.fullmatch(r"\d+\.\d+", tag.text):
        return "write @since MAJOR.MINOR"
    return ""


def returns_form(words):
    expected = 2 if words[:1] in (["enum"], ["flags"]) else 1
    if len(words) != expected or words[0] not in RETURNS:
        return "write @returns count, bool, number, index, length, enum ENUM or flags ENUM"
    return ""


def rule_tag_form(model):
    for function in model.functions:
        for tag in function.doc.tags if function.doc else []:
            problem = tag_form(function, tag) if tag.name in FUNCTION_TAGS else ""
            if problem:
                yield Problem(function.file, tag.line, f"{function.name}: {problem}")


def well_formed(function, name):
    return [t for t in function.tags(name) if not tag_form(function, t)]


def rule_since(model):
    for function in model.functions:
        if function.doc and not function.has_tag("since"):
            yield at(function, f"{function.name}: @since is missing")


# What the tags name


def rule_tag_parameters(model):
    for function in model.functions:
        for name in ("borrowed", "nullable", "enum", "flags", "element", "output", "inout", "reason"):
            for tag in well_formed(function, name):
                if tag.words and function.param(tag.words[0]) is None:
                    yield Problem(function.file, tag.line, f"{function.name}: @{name} names "
                                  f"`{tag.words[0]}`, which is no parameter")


def rule_borrowed(model):
    for function in model.functions:
        for tag in well_formed(function, "borrowed"):
            param = function.param(tag.words[0])
            owner, _ = struct_of(param.type) if param else ("", 0)
            if not owner:
                continue
            verbs = {f.verb for f in model.functions
                     if any(struct_of(p.type) == (owner, 1) for p in f.params)}
            for verb in tag.words[2:]:
                if verb not in verbs:
                    yield Problem(function.file, tag.line, f"{function.name}: no function that "
                                  f"takes struct {PREFIX}{owner} has the verb \"{verb}\"")


def rule_nullable(model):
    for function in model.functions:
        for tag in well_formed(function, "nullable"):
            param = function.param(tag.words[0]) if tag.words else None
            kind = param.type if param else "" if tag.words else function.returns
            if kind and not kind.endswith("*"):
                what = f"`{tag.words[0]}`" if tag.words else "the result"
                yield Problem(function.file, tag.line, f"{function.name}: {what} is no pointer "
                              "and cannot be NULL")


def rule_enum_tags(model):
    for function in model.functions:
        for name in ("enum", "flags"):
            for tag in well_formed(function, name):
                yield from enum_tag_problems(model, function, tag)
        for tag in well_formed(function, "returns"):
            if len(tag.words) == 2 and tag.words[1] not in model.enums:
                yield Problem(function.file, tag.line, f"{function.name}: there is no enum "
                              f"{tag.words[1]}")


def enum_tag_problems(model, function, tag):
    param = function.param(tag.words[0])
    enum = model.enums.get(tag.words[1])
    if enum is None:
        yield Problem(function.file, tag.line, f"{function.name}: there is no enum "
                      f"{tag.words[1]}")
    elif tag.name == "flags" and any(e.value & (e.value - 1) for e in enum.enumerators):
        yield Problem(function.file, tag.line, f"{function.name}: {enum.name} has values that "
                      "are no single bit; it is no set of flags")
    if param and param.type.removesuffix(" *") not in ("uint32_t", "uint64_t"):
        yield Problem(function.file, tag.line, f"{function.name}: `{param.name}` is {param.type}; "
                      "an enum parameter is uint32_t")


# Errors and results


def can_fail(function):
    return function.returns == "int"


def rule_errors(model):
    for function in model.functions:
        seen = set()
        for tag in well_formed(function, "error"):
            name = tag.words[0]
            if not can_fail(function):
                yield Problem(function.file, tag.line, f"{function.name}: a function that returns "
                              f"{function.returns} cannot say {name}")
            if not hasattr(errno, name):
                yield Problem(function.file, tag.line, f"{function.name}: {name} is no errno name")
            if name in seen:
                yield Problem(function.file, tag.line, f"{function.name}: {name} stands there "
                              "twice; join the sentences")
            seen.add(name)
        for tag in well_formed(function, "none"):
            if tag.words[0] not in seen:
                yield Problem(function.file, tag.line, f"{function.name}: @none {tag.words[0]} "
                              "needs an @error of that name")


def rule_errors_listed(model):
    for function in model.functions:
        if function.kind == "status" and function.doc and not function.has_tag("error"):
            if "never fails" not in function.doc.text:
                yield at(function, f"{function.name}: lists no @error; write \"It never fails.\" "
                         "where that is so")


def rule_returns(model):
    for function in model.functions:
        tag = function.doc.first("returns") if function.doc else None
        is_number = function.returns == "int" or function.returns in INTEGERS
        if tag and not is_number:
            yield Problem(function.file, tag.line, f"{function.name}: @returns is for numbers, "
                          f"not for {function.returns}")
        elif not tag and function.returns in INTEGERS:
            yield at(function, f"{function.name}: @returns says what the number is")
        roles = [p.role for p in function.params if p.name.startswith("ret_")
                 and not p.reason and not (function.param(p.of) and function.param(p.of).reason)]
        if roles == ["text-out", "size"] and not (tag and tag.words == ["length"]):
            yield at(function, f"{function.name}: text is copied out: @returns length")


def rule_directions(model):
    """An array that the library writes to: is what the caller left there read?"""
    for function in model.functions:
        for param in function.params:
            tags = [t for n in ("output", "inout") for t in well_formed(function, n) if t.words == [param.name]]
            if tags and param.role != "array":
                yield Problem(function.file, tags[0].line, f"{function.name}: `{param.name}` is no array")
            elif param.role == "array" and param.type.startswith("const ") == (len(tags) == 1) or len(tags) > 1:
                yield at(function, f"{function.name}: `{param.name}` is @output, @inout or const")
            if param.direction == "out" and "ENOSPC" not in [t.words[0] for t in well_formed(function, "error")]:
                yield at(function, f"{function.name}: an @output that is too small is @error ENOSPC")


def rule_reasons(model):
    """A message is a failure's reason, or a result besides; by its name nobody knows."""
    for function in model.functions:
        for param in function.params:
            if param.reason and param.role != "text-out":
                yield at(function, f"{function.name}: @reason is for text that comes out, as `ret_message`")
            elif param.name == "ret_message" and not param.reason:
                yield at(function, f"{function.name}: @reason {param.name}, or is it a result? Then it "
                         "has another name")


def rule_sides(model):
    """Which side's last message explains a failure, where the object has two."""
    for function in model.functions:
        tag = function.doc.first("side") if function.doc else None
        enum = side_enum(model, function.object)
        wanted = (enum and function.is_method and can_fail(function) and function.verb != "last_message"
                  and function.has_tag("error"))
        if tag and not wanted:
            yield Problem(function.file, tag.line, f"{function.name}: @side, but there are no sides, or no error")
        elif wanted and (not tag or tag.words[:1] != ["none"] and " ".join(tag.words) not in sides(enum)):
            yield at(function, f"{function.name}: @side says whose last message explains a failure: "
                     f"{', '.join(sides(enum))} or none")


def rule_ownership(model):
    for function in model.functions:
        tags = [t for t in ("owned", "borrowed", "immortal") if function.has_tag(t)]
        results = [p for p in function.params if p.role in ("object-out", "bytes-out")]
        needs = bool(results) or function.returns.endswith("*")
        if len(tags) > 1:
            yield at(function, f"{function.name}: @{tags[0]} and @{tags[1]} exclude each other")
        elif needs and not tags and function.doc:
            what = f"`{results[0].name}`" if results else "the result"
            yield at(function, f"{function.name}: is {what} @owned, @borrowed or @immortal?")
        elif tags and not needs:
            yield at(function, f"{function.name}: @{tags[0]}, but there is no pointer to get")
        if tags == ["owned"] and any(p.role == "bytes-out" for p in results):
            yield at(function, f"{function.name}: bytes are never @owned: nothing frees them")


def rule_signal_safe(model):
    for function in model.functions:
        if function.has_tag("signal-safe"):
            if function.has_tag("blocks") or function.words("thread") != ["any"]:
                yield at(function, f"{function.name}: @signal-safe goes with @thread any and "
                         "never with @blocks")


RULES = [rule_documented, rule_documented_once, rule_sentences, rule_known_tags, rule_references,
         rule_tag_form, rule_since, rule_tag_parameters, rule_borrowed, rule_nullable,
         rule_enum_tags, rule_directions, rule_reasons, rule_sides, rule_errors, rule_errors_listed, rule_returns, rule_ownership,
         rule_signal_safe]
