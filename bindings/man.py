# SPDX-License-Identifier: MIT
"""
Manual pages from the model: one for each function, one for each object (its
idea, its fields, its functions) and one for the functions of the module. They say
what the doc comments say, in the order in which man readers look for it. `man.py OUT VERSION` writes them below a folder OUT.
"""

import os
import re
import sys

from emit import api_errors, field_name
from roles import PREFIX

THREADS = {"any": "Any thread may call it at any time.",
           "receive": "One thread at a time may call it: the receiving one.",
           "owner": "The object belongs to one thread at a time."}
RETURNS = {"count": "How many", "bool": "1 for yes, 0 for no", "number": "The number",
           "index": "The index", "length": "The full length of the text, without its final NUL",
           "status": "0", "text": "The text", "object": "The object"}


def escape(text):
    """Text for roff: backslashes, hyphens, and no line that looks like a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.M)


def markup(text):
    """`name` and calls in bold; paragraphs apart."""
    text = escape(text)
    text = re.sub(r"`([^`]+)`", r"\\fI\1\\fR", text)
    text = re.sub(r"\b(nfbind_\w+)\(\)", r"\\fB\1\\fR(3)", text)
    return text.replace("\n\n", "\n.PP\n")


def first_sentence(text):
    return re.split(r"(?<=[a-z0-9)\"])\.(?:\s|$)", text + " ")[0].rstrip(".")


def head(name, summary, version):
    return [f'.TH {name.upper()} 3 "" "nfbind {version}" "nfbind"', ".SH NAME",
            f"{name} \\- {escape(summary)}"]


def prototype(function):
    params = ", ".join(f"{p.type}{'' if p.type.endswith('*') else ' '}{p.name}"
                       for p in function.params)
    space = "" if function.returns.endswith("*") else " "
    return f"{function.returns}{space}{function.name}({params or 'void'});"


def synopsis(functions):
    header = functions[0].file.rsplit("/", 1)[-1]
    lines = [".SH SYNOPSIS", ".nf", f".B #include <nfbind/{header}>", ".PP"]
    for function in functions:
        lines.append(".B " + escape(prototype(function)).replace(", ", ",\n.B \\ \\ \\ \\ "))
    return lines + [".fi"]


def result(function):
    if function.kind in ("void", ""):
        return []
    if function.kind in ("enum", "flags"):
        what = ("A value" if function.kind == "enum" else "A set of values") \
            + f" of enum {PREFIX}{function.kind_enum}"
    else:
        what = RETURNS[function.kind]
    if function.returns == "int" and api_errors(function):
        what += "; on failure a negative errno value, and no output is written"
    nullable = any(not tag.words for tag in function.tags("nullable"))
    return [".SH RETURN VALUE", escape(what) + ("; or NULL." if nullable else ".")]


def sentence(text):
    """A capital at the front, unless there is a name, and a full stop."""
    return (text if text.startswith(PREFIX) else text[:1].upper() + text[1:]) + "."


def errors(function):
    listed = api_errors(function)
    lines = [".SH ERRORS"] if listed else []
    for error in listed:
        lines += [".TP", f".B \\-{error['name']}", markup(sentence(error["sentence"]))]
    if function.side.startswith(PREFIX.upper()):
        lines += [".PP", f"The last message of the side \\fB{function.side}\\fR explains them."]
    return lines


def lifetime(function):
    lines = []
    if function.has_tag("owned"):
        lines.append("The result is owned: free it when it is no longer used.")
    if function.has_tag("immortal"):
        lines.append("The result lives as long as the program.")
    words = function.words("borrowed")
    if words:
        lines.append(f"The result is borrowed from \\fI{words[0]}\\fR until the next "
                     + " or ".join(words[2:]) + ".")
    lines += [f"\\fI{p.name}\\fR may be NULL." for p in function.params if p.nullable]
    return [".SH LIFETIME"] + lines if lines else []


def values(model, function):
    """Which enum a parameter takes its values from."""
    lines = []
    for param in function.params:
        name = param.enum or param.flags
        if name:
            what = "a set of" if param.flags else "one of"
            lines.append(f"\\fI{param.name}\\fR is {what} enum {PREFIX}{name}, "
                         f"which \\fB{owner_page(model, name)}\\fR(3) lists.")
    return [".SH VALUES"] + lines if lines else []


def owner_page(model, enum):
    """The page that an enum is listed on: that of its header's object."""
    header = model.enums[PREFIX + enum].file
    return page_of_header(model, header)


def page_of_header(model, header):
    stem = PREFIX + header.rsplit("/", 1)[-1].removesuffix(".h")
    return stem if stem in model.structs else "nfbind"


def threads(function):
    lines = [".SH THREADS", THREADS[" ".join(function.words("thread")) or "owner"]]
    if function.has_tag("blocks"):
        lines.append("It may block.")
    if function.has_tag("signal-safe"):
        lines.append("A signal handler may call it.")
    return lines


def function_page(model, function, version):
    text = function.doc.text if function.doc else ""
    lines = head(function.name, first_sentence(function.doc.paragraphs[0]), version)
    lines += synopsis([function]) + [".SH DESCRIPTION", markup(text)]
    for section in (result(function), errors(function), values(model, function),
                    lifetime(function), threads(function)):
        lines += section
    lines += [".SH HISTORY", f"Since nfbind {' '.join(function.words('since'))}.",
              ".SH SEE ALSO", f".BR {page_of_header(model, function.file)} (3)"]
    return "\n".join(lines) + "\n"


def enum_section(enum):
    fields = re.fullmatch(PREFIX + r"(\w+)_field", enum.name)
    lines = [f".SS enum {enum.name}", markup(enum.doc.text)]
    for item in enum.enumerators:
        name = f"  ({escape(field_name(item, fields[1]))})" if fields else ""
        lines += [".TP", f"\\fB{item.name}\\fR = {item.value}{name}", markup(item.doc.text)]
    return lines


def struct_section(struct):
    lines = [f".SS struct {struct.name}", markup(struct.doc.text)]
    for member in struct.members:
        lines += [".TP", f"{member.type} \\fB{member.name}\\fR", markup(member.doc.text)]
    return lines


def header_page(model, header, version):
    """All of one header: nfbind_queue(3), and nfbind(3) for base.h."""
    def ours(items):
        return [i for i in items if i.file == header.file]
    functions = ours(model.functions)
    name = page_of_header(model, header.file)
    lines = head(name, first_sentence(header.idea), version)
    if functions:
        lines += synopsis(functions)
    lines += [".SH DESCRIPTION", markup(header.idea)]
    types = [line for s in ours(model.plain_structs()) for line in struct_section(s)]
    types += [line for e in ours(model.enums.values()) for line in enum_section(e)]
    if types:
        lines += [".SH TYPES"] + types
    if functions:
        lines += [".SH FUNCTIONS"]
    for function in functions:
        lines += [".TP", f"\\fB{function.name}\\fR(3)",
                  escape(first_sentence(function.doc.paragraphs[0])) + "."]
    return name, "\n".join(lines) + "\n"


def pages(model, version):
    """{path: content}, to be put below a man folder."""
    files = {f"man3/{f.name}.3": function_page(model, f, version) for f in model.functions}
    for header in model.headers.values():
        if not header.file.endswith("/nfbind.h"):
            name, text = header_page(model, header, version)
            files[f"man3/{name}.3"] = text
    return files


def write(folder, model, version):
    for name, content in pages(model, version).items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)


def main():
    import headers
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    write(sys.argv[1], headers.read(os.path.join(root, "include", "nfbind", "nfbind.h"), root), sys.argv[2])


if __name__ == "__main__":
    main()
