# SPDX-License-Identifier: MIT
"""
The library as one header and one source, for packages that are built where no
libnfbind is: what `go get` fetches is one folder, and cgo compiles what lies in it.

Files stand in it as they are, private headers where they are first wanted. Names
that several files have for themselves get the name of their file behind them.
"""

import collections
import os
import re

from emit import MARK

LEFT_OUT = {"uapi_check.c"}  # asserts about the build host's headers; no code
TOKEN = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|(?:->|\.)\s*\w+|\w+",
                   re.S)
INCLUDE = re.compile(r"^#include ([<\"])(.*?)[>\"][^\n]*\n", re.M)


def read(*names):
    with open(os.path.join(*names), encoding="utf-8") as file:
        return file.read()


def public_header(root):
    """All public headers, each where it is first included."""
    done = set()

    def text_of(name):
        if name in done:
            return ""
        done.add(name)
        return INCLUDE.sub(lambda m: text_of(m[2]) if m[2].startswith("nfbind/") else m[0],
                           read(root, "include", name))

    return f"/* SPDX-License-Identifier: MIT */\n/* {MARK} */\n" + text_of("nfbind/nfbind.h")


def sources(root):
    listed = re.findall(r"'(\w+\.c)'", read(root, "src/meson.build").split("uapi_args")[0])
    return [name for name in listed if name not in LEFT_OUT]


def bare_of(text):
    return re.sub(r"/\*.*?\*/|__attribute__\(\(.*?\)\) ?", "", text, flags=re.S)


def own_names(text):
    """What a file defines for itself alone: functions, tables, types, numbers."""
    bare = bare_of(text)
    names = set(re.findall(r"^static [^;={(]*?\b(\w+)(?:\(|\[|;| =)", bare, re.M))
    names |= set(re.findall(r"^(?:struct|enum|union) (\w+) \{", bare, re.M))
    names |= set(re.findall(r"^\} (\w+)(?:\[\w*\])?(?:;| =)", bare, re.M))
    for body in re.findall(r"^enum(?: \w+)? \{([^}]*)\}", bare, re.M):
        names |= set(re.findall(r"(?:^|,)\s*(\w+)", body))
    return names


def linked_names(text):
    """Functions and tables that other files use: other libraries may have them too."""
    bare = bare_of(text)
    functions = re.findall(r"^(?!static|NFBIND_API)\w[^;={(\n]*?\b(\w+)\(", bare, re.M)
    tables = re.findall(r"^const [^;={(\n]*?\b(\w+)(?:\[\w*\])? =", bare, re.M)
    return {name for name in functions + tables if not name.startswith("nfbind_")}


def rename(text, names, suffix):
    """Members keep their names: they stand behind a dot or an arrow."""
    return TOKEN.sub(lambda m: m[0] + suffix if m[0] in names else m[0], text)


def macros_off(text):
    return "".join(f"#undef {name}\n" for name in
                   dict.fromkeys(re.findall(r"^#define (\w+)", text, re.M)))


class Amalgamation:
    def __init__(self, root):
        self.root = root
        self.done = set()
        self.texts = {name: read(root, "src", name) for name in sources(root)}
        headers = [read(root, "src", n) for n in os.listdir(os.path.join(root, "src"))
                   if n.endswith(".h")]
        count = collections.Counter(n for t in [*self.texts.values(), *headers]
                                    for n in own_names(t))
        self.shared = {name for name, times in count.items() if times > 1}

    def inlined(self, text):
        def one(match):
            if match[1] == "<":
                return "" if match[2].startswith("nfbind/") else match[0]
            if match[2] in self.done:
                return ""
            self.done.add(match[2])
            return self.inlined(read(self.root, "src", match[2]))

        return INCLUDE.sub(one, text)

    def source(self, name):
        text = self.texts[name]
        mine = own_names(text) & self.shared
        includes = "".join(m[0] for m in INCLUDE.finditer(text))
        body = rename(INCLUDE.sub("", text), mine, "_of_" + name.removesuffix(".c"))
        return f"\n/* src/{name} */\n" + self.inlined(includes) + body + macros_off(text)

    def text(self):
        linked = sorted(n for n in set().union(*map(linked_names, self.texts.values())))
        defines = "".join(f"#define {name} {name}_of_nfbind\n" for name in linked)
        return defines + "".join(self.source(name) for name in self.texts)


HEAD = """//go:build !nfbind_system

/* SPDX-License-Identifier: MIT */
/* {mark} */
#define _GNU_SOURCE
#define NFBIND_VERSION "{version}"
#include "nfbind.h"
"""


def files(root):
    version = re.search(r"version: '([\d.]+)'", read(root, "meson.build"))[1]
    source = HEAD.format(mark=MARK, version=version) + Amalgamation(root).text()
    return {"bindings/go/nfbind.h": public_header(root), "bindings/go/nfbind.c": source}
