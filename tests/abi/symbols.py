#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
`symbols.py LIBRARY`: the names that the library exports are those of the version
map, and those are the functions of the public headers; the library needs nothing
at run time but libmnl and the C library. Prints TAP.
"""

import json
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "bindings"))
sys.dont_write_bytecode = True

import headers  # noqa: E402

NEEDED = re.compile(r"(libmnl|libc|libc\.musl-\w+|libpthread|ld-linux[\w-]*)\.so(\.\d+)?")
SANITIZERS = re.compile(r"lib(asan|ubsan|tsan|lsan|clang_rt|gcov|gcc_s|stdc\+\+|m|dl|rt)\b.*")


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def exported(library):
    """{name: version node} of the dynamic symbols that are defined."""
    symbols = {}
    for line in run("nm", "-D", "--defined-only", "--with-symbol-versions", library).splitlines():
        kind, name = line.split()[1:3]
        if kind != "A":
            name, _, node = name.partition("@")
            symbols[name] = node.lstrip("@")
    return symbols


def mapped():
    """{name: version node} of the map."""
    with open(os.path.join(ROOT, "src", "nfbind.map"), encoding="utf-8") as file:
        text = file.read()
    nodes = re.findall(r"^([\w.]+) \{\n(.*?)^\}", text, re.M | re.S)
    return {name: node for node, body in nodes for name in re.findall(r"^\t(\w+);", body, re.M)}


def declared():
    """The functions of the headers; without clang, of the interface as committed."""
    if shutil.which(headers.CLANG):
        model = headers.read(os.path.join(ROOT, "include", "nfbind", "nfbind.h"), ROOT)
        return {function.name for function in model.functions}
    with open(os.path.join(ROOT, "bindings", "api.json"), encoding="utf-8") as file:
        return set(json.load(file)["functions"])


def compare(left, left_name, right, right_name):
    return ([f"{name}: in {left_name}, not in {right_name}" for name in sorted(left - right)]
            + [f"{name}: in {right_name}, not in {left_name}" for name in sorted(right - left)])


def check_map_is_headers(_library):
    return compare(set(mapped()), "the map", declared(), "the headers")


def check_library_is_map(library):
    return compare(set(exported(library)), "the library", set(mapped()), "the map")


def check_versions(library):
    nodes = mapped()
    return [f"{name}: version {node or 'none'} in the library, {nodes[name]} in the map"
            for name, node in sorted(exported(library).items())
            if name in nodes and node != nodes[name]]


def dynamic(library, key):
    return re.findall(rf"\({key}\).*\[(.*)\]", run("readelf", "-d", library))


def check_needed(library):
    return [f"{name} is needed at run time" for name in dynamic(library, "NEEDED")
            if not NEEDED.fullmatch(name) and not SANITIZERS.match(name)]


def check_soname(library):
    found = dynamic(library, "SONAME")
    return [] if found == ["libnfbind.so.0"] else [f"the soname is {found}: see doc/abi.md"]


CHECKS = [("the map has the headers' functions", check_map_is_headers),
          ("the library exports what the map says", check_library_is_map),
          ("each symbol has its node's version", check_versions),
          ("nothing but libmnl is needed at run time", check_needed),
          ("the soname is unchanged", check_soname)]


def main():
    library = sys.argv[1]
    print(f"1..{len(CHECKS)}")
    failed = 0
    for number, (title, check) in enumerate(CHECKS, 1):
        lines = check(library)
        failed += bool(lines)
        print(f"{'not ok' if lines else 'ok'} {number} - {title}")
        print("".join(f"# {line}\n" for line in lines), end="")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
