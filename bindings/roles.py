# SPDX-License-Identifier: MIT
"""
What the grammar of names implies: `nfbind_queue_receive` is the method `receive`
of class `queue`, `ret_x` is a result, `x, x_len` is one argument, and so on. A
parameter that no rule explains keeps the role "", which lint.py reports.

Roles: self, object, object-out, object-fill, number, number-out, enum, flags,
bytes, bytes-out, text, text-out, array, struct-out, and, for the second half of a
pair, len, count, size, element-size (with `of` naming the first half).
"""

import re

PREFIX = "nfbind_"
INTEGERS = {"int8_t": 1, "int16_t": 2, "int32_t": 4, "int64_t": 8,
            "uint8_t": 1, "uint16_t": 2, "uint32_t": 4, "uint64_t": 8}


def struct_of(type_name):
    """The struct that a type points to, without the prefix, and how deep."""
    match = re.fullmatch(r"(?:const )?struct nfbind_(\w+) (\*+)", type_name)
    return (match[1], len(match[2])) if match else ("", 0)


def member_layout(type_name):
    """(size, alignment) of a member of a plain struct; (0, 0) where it may not be one."""
    match = re.fullmatch(r"(u?int\d+_t)(?:\[(\d+)\])?", type_name)
    if not match or match[1] not in INTEGERS:
        return 0, 0
    size = INTEGERS[match[1]]
    return size * int(match[2] or 1), size


def assign_layout(struct):
    """There is no implicit padding: lint refuses it."""
    offset = 0
    for member in struct.members:
        member.offset, member.size = offset, member_layout(member.type)[0]
        offset += member.size
    struct.size = offset


def assign_class(function, objects):
    """The object is the longest known one that the name starts with."""
    name = function.name.removeprefix(PREFIX)
    fitting = [o for o in objects if name.startswith(o + "_")]
    function.object = max(fitting, key=len, default="")
    function.verb = name[len(function.object) + 1:] if function.object else name
    if function.object and function.params:
        first = function.params[0]
        function.is_method = (struct_of(first.type) == (function.object, 1)
                              and not first.name.startswith("ret_"))


def assign_result(function):
    words = function.words("returns")
    if words:
        function.kind = words[0]
        function.kind_enum = words[1].removeprefix(PREFIX) if len(words) > 1 else ""
    elif function.returns == "int":
        function.kind = "status"
    elif function.returns == "void":
        function.kind = "void"
    elif function.returns == "const char *":
        function.kind = "text"
    elif struct_of(function.returns)[1] == 1:
        function.kind = "object"


def pair(function, index, suffix, role, follower_type="size_t"):
    """Mark the parameter behind `index` as measuring it, if it is named so."""
    params = function.params
    name = params[index].name + suffix
    if index + 1 < len(params) and params[index + 1].name == name:
        if params[index + 1].type == follower_type:
            params[index + 1].role = role
            params[index + 1].of = params[index].name
            return True
    return False


def element_tag(function, name):
    return next((t for t in function.tags("element") if t.words and t.words[0] == name), None)


def struct_role(function, index):
    """An array of plain structs (count and element size behind it), or one to fill in."""
    param = function.params[index]
    tag = element_tag(function, param.name)
    size = function.param(tag.words[1]) if tag and len(tag.words) == 2 else None
    if not size or size.type != "size_t":
        return ""
    if param.name.startswith("ret_"):
        return "struct-out" if pair(function, index, "_size", "element-size") else ""
    if pair(function, index, "_count", "count") and function.params[index + 2:index + 3] == [size]:
        size.role, size.of = "element-size", param.name
        return "array"
    return ""


def out_role(function, index):
    param = function.params[index]
    name, depth = struct_of(param.type)
    if depth:
        param.object = name
        return {1: "object-fill", 2: "object-out"}.get(depth, "")
    if param.type == "char *":
        return "text-out" if pair(function, index, "_size", "size") else ""
    if param.type == "const void **":
        return "bytes-out" if pair(function, index, "_len", "len", "size_t *") else ""
    if param.type.removesuffix(" *") in INTEGERS and param.type.endswith(" *"):
        return "number-out"
    return ""


def in_role(function, index):
    param = function.params[index]
    name, depth = struct_of(param.type)
    if depth == 1:
        param.object = name
        return "self" if index == 0 and function.is_method else "object"
    if param.type == "const void *":
        return "bytes" if pair(function, index, "_len", "len") else ""
    if param.type == "const char *":
        return "text"
    if param.type in INTEGERS:
        return "enum" if param.enum else "flags" if param.flags else "number"
    return ""


def assign_params(function, plain):
    for param in function.params:
        for kind in ("enum", "flags"):
            tags = [t for t in function.tags(kind) if len(t.words) == 2 and t.words[0] == param.name]
            if tags:
                setattr(param, kind, tags[0].words[1].removeprefix(PREFIX))
        param.nullable = any(t.words == [param.name] for t in function.tags("nullable"))
    for index, param in enumerate(function.params):
        if param.role:
            continue
        name, depth = struct_of(param.type)
        if depth == 1 and name in plain:
            param.object = name
            param.role = struct_role(function, index)
        elif param.name.startswith("ret_"):
            param.role = out_role(function, index)
        else:
            param.role = in_role(function, index)


def assign_direction(function):
    """What the library does with an array, and whether text is more than a reason."""
    for param in function.params:
        if param.role == "array":
            param.direction = next((name.removesuffix("put") for name in ("output", "inout")
                                    if [param.name] in [t.words for t in function.tags(name)]), "in")
        for tag in function.tags("reason"):
            if tag.words[:1] == [param.name]:
                param.reason = "also" if tag.words[1:] else "only"


def side_enum(model, name):
    """The enum by which the object's last_message tells its sides apart."""
    for function in model.methods(name):
        side = function.param("side") if function.verb == "last_message" else None
        if side:
            return model.enums.get(PREFIX + side.enum)
    return None


def sides(enum):
    """{word of @side: enumerator}"""
    prefix = enum.name.upper() + "_"
    return {item.name.removeprefix(prefix).lower(): item.name for item in enum.enumerators}


def assign_side(model, function):
    enum = side_enum(model, function.object)
    word = " ".join(function.words("side"))
    if enum and word:
        function.side = sides(enum).get(word, "none")


def assign(model):
    objects = [s.name.removeprefix(PREFIX) for s in model.objects()]
    plain = [s.name.removeprefix(PREFIX) for s in model.plain_structs()]
    for struct in model.plain_structs():
        assign_layout(struct)
    for function in model.functions:
        assign_class(function, objects)
        assign_result(function)
        assign_params(function, plain)
        assign_direction(function)
    for function in model.functions:
        assign_side(model, function)
