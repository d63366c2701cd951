#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Each file in src/ includes its own layer and those below, as the table in
doc/architecture.md says; a file that is not in the table has no layer yet. Prints
TAP.
"""

import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SOURCES = os.path.join(ROOT, "src")


def layers():
    """[(layer, files, exceptions)], the highest first."""
    with open(os.path.join(ROOT, "doc", "architecture.md"), encoding="utf-8") as file:
        rows = re.findall(r"^\| (\w+) \| ([\w ]+) \|([\w ]*)\|$", file.read(), re.M)
    return [(name, files.split(), extra.split()) for name, files, extra in rows
            if name != "layer"]


def includes(path):
    with open(path, encoding="utf-8") as file:
        return re.findall(r'^#include "(\w+)\.h"', file.read(), re.M)


def check(name, table):
    """What is wrong with the includes of one source file."""
    stem = name.rsplit(".", 1)[0]
    own = next((i for i, row in enumerate(table) if stem in row[1]), None)
    if own is None:
        return [f"src/{name}: say in doc/architecture.md which layer it is of"]
    allowed = {file for row in table[own:] for file in row[1]} | set(table[own][2])
    return [f"src/{name}: {table[own][0]} may not include \"{other}.h\""
            for other in includes(os.path.join(SOURCES, name)) if other not in allowed]


def main():
    table = layers()
    names = sorted(n for n in os.listdir(SOURCES) if n.endswith((".c", ".h")))
    lines = [line for name in names for line in check(name, table)]
    print("1..1")
    print(f"{'not ok' if lines else 'ok'} 1 - layers include what lies below them")
    print("".join(f"# {line}\n" for line in lines), end="")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
