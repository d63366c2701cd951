#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
`snippets.py LIBRARY COMPILER...`: the programs in the documents compile and link.
A whole program stands behind a line <!-- program: NAME.c -->; `--extract FOLDER`
instead of the library writes them all to a folder. Prints TAP.
"""

import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DOCUMENTS = ["README.md", "doc/guide.md"]
PROGRAM = re.compile(r"^<!-- program: (\w+\.c) -->\n```c\n(.*?)^```", re.M | re.S)
WARNINGS = ["-std=c99", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror"]


def programs():
    """(document, name, text)"""
    for document in DOCUMENTS:
        with open(os.path.join(ROOT, document), encoding="utf-8") as file:
            for name, text in PROGRAM.findall(file.read()):
                yield document, name, text


def extract(folder):
    os.makedirs(folder, exist_ok=True)
    for _, name, text in programs():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)


def build(path, library, compiler):
    """What the compiler says about it; '' when all is well."""
    command = [*compiler, *WARNINGS, "-I", os.path.join(ROOT, "include"), path, library,
               "-pthread", "-o", path + ".out"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stderr if result.returncode else ""


def main(arguments):
    if arguments[0] == "--extract":
        return extract(arguments[1])
    library, compiler = arguments[0], arguments[1:]
    found = list(programs())
    failed = 0
    print(f"1..{len(found)}")
    with tempfile.TemporaryDirectory() as folder:
        extract(folder)
        for number, (document, name, _) in enumerate(found, 1):
            error = build(os.path.join(folder, name), library, compiler)
            failed += bool(error)
            print(f"{'not ok' if error else 'ok'} {number} - {document} {name}")
            print("".join(f"# {line}\n" for line in error.splitlines()), end="")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
