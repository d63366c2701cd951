#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
The header reader is tested like a compiler. Each header in bad/ has one thing
wrong, and beside it, in .expect, the lines that lint must print for it. The
headers in good/ have nothing wrong, and beside them lie the files that are
generated from them. `golden.py NAME` runs one case; `--update` writes what is
expected anew, to be read in the diff. Prints TAP.
"""

import os
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "bindings"))
sys.dont_write_bytecode = True

import emit      # noqa: E402
import headers   # noqa: E402
import lint      # noqa: E402


def names(folder):
    return sorted(n[:-2] for n in os.listdir(os.path.join(HERE, folder)) if n.endswith(".h"))


def lint_output(path):
    try:
        problems = lint.problems(headers.read(path, HERE))
    except headers.HeaderError as error:
        problems = error.problems
        for problem in problems:
            problem.file = os.path.relpath(problem.file, HERE)
    return "".join(f"{problem}\n" for problem in sorted(problems))


def bad_case(name):
    """{file: content} that a bad header stands for."""
    return {f"bad/{name}.expect": lint_output(os.path.join(HERE, "bad", name + ".h"))}


def good_case(name):
    model = headers.read(os.path.join(HERE, "good", name + ".h"), HERE)
    files = {f"good/{name}.expect": "".join(f"{p}\n" for p in sorted(lint.problems(model)))}
    released = read(f"good/{name}.released.map")
    files[f"good/{name}.map"] = "".join(emit.version_map(model, released).values())
    files[f"good/{name}.help.c"] = emit.help_files(model)["src/help_generated.c"]
    files[f"good/{name}.api.json"] = "".join(emit.api(model).values())
    return files


def read(name):
    try:
        with open(os.path.join(HERE, name), encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def differences(files):
    for name, content in files.items():
        expected = read(name)
        if content != expected:
            yield f"{name}: expected"
            yield from expected.splitlines()
            yield "but got"
            yield from content.splitlines()
        elif name.startswith("bad/") and not content:
            yield f"{name}: a bad header has something wrong"
        elif name.startswith("good/") and name.endswith(".expect") and content:
            yield f"{name}: a good header has nothing wrong"


def update(files):
    for name, content in files.items():
        with open(os.path.join(HERE, name), "w", encoding="utf-8") as file:
            file.write(content)


def main(arguments):
    if not shutil.which(headers.CLANG):
        print(f"1..0 # SKIP {headers.CLANG} is not installed")
        return 0
    wanted = [a for a in arguments if not a.startswith("-")]
    cases = [(n, good_case) for n in names("good")] + [(n, bad_case) for n in names("bad")]
    cases = [(n, make) for n, make in cases if not wanted or n in wanted]
    print(f"1..{len(cases)}")
    failed = 0
    for number, (name, make) in enumerate(cases, 1):
        files = make(name)
        if "--update" in arguments:
            update(files)
        lines = list(differences(files))
        failed += bool(lines)
        print(f"{'not ok' if lines else 'ok'} {number} - {name}")
        print("".join(f"# {line}\n" for line in lines), end="")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
