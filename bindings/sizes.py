# SPDX-License-Identifier: MIT
"""How many lines a binding has by hand, how many are generated, and that for each function."""

import glob
import os

# Idiom, what knows no single function, what writes, what was written.
PARTS = {
    "python": ["python/nfbind/__init__.py", "python/*.h", "templates/python.py",
               "python/_nfbind_generated.c"],
    "lua": ["lua/nfbind.lua", "lua/*.h", "templates/lua.py", "lua/nfbind_generated.c"],
    "go": ["go/[bceq]*[a-z].go", "go/[ow]*.go", "templates/go*.py", "go/*generated.go"],
}


def lines(root, pattern):
    """Of the files that are so named, without the tests of Go and what is generated beside."""
    total = 0
    for name in glob.glob(os.path.join(root, "bindings", pattern)):
        if not name.endswith("_test.go") and ("generated" in pattern or "generated" not in name):
            with open(name, encoding="utf-8") as file:
                total += len(file.readlines())
    return total


def report(model, root):
    count = len(model.functions)
    shared = lines(root, "templates/shared.py") + lines(root, "templates/in_c.py")
    print(f"{count} public functions; {shared} lines that several templates share; lines:")
    print("language  idiom  runtime  template  generated  for each function")
    for name, parts in PARTS.items():
        idiom, runtime, template, generated = (lines(root, part) for part in parts)
        print(f"{name:8} {idiom:6} {runtime:8} {template:9} {generated:10} {generated / count:18.1f}")
    return 0
