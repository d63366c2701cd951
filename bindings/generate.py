#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
The front of everything that is made from the public headers. `lint` judges them,
the other commands write files; `--check` compares instead of writing and fails
where a committed file is not what the headers say.
"""

import argparse
import difflib
import json
import os
import sys

import amalgamate
import emit
import headers
import lint
import sizes
from templates import go, lua, python, rust, stubs

LANGUAGES = {"lua": lua, "python": python, "rust": rust}
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def read_fields(path):
    if not path:
        return None
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def kept_fields(root):
    """Without a dump, the field section that is there stays."""
    return json.loads(current(os.path.join(root, "bindings/api.json")) or "{}").get("fields")


def files_of(command, model, options):
    """{path: content} that a command stands for."""
    fields = read_fields(options.fields) or kept_fields(options.root)
    if command == "map":
        return emit.version_map(model, current(os.path.join(options.root, "src/nfbind.map")))
    if command == "help":
        return emit.help_files(model)
    if command == "api":
        return emit.api(model, fields)
    if command == "fields":
        return emit.fields_page(model, fields) if fields else {}
    if command == "go":
        return go.files(model, fields) | amalgamate.files(options.root)
    if command == "stubs":
        return stubs.files(model, fields)
    if command in LANGUAGES:
        return LANGUAGES[command].files(model)
    files = {}
    for name in ("map", "help", "api", "fields", "go", *LANGUAGES, "stubs"):
        files |= files_of(name, model, options)
    return files


def current(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def write(files, root):
    for name, content in files.items():
        path = os.path.join(root, name)
        if current(path) != content:
            with open(path, "w", encoding="utf-8") as file:
                file.write(content)
            print(f"wrote {name}")
    return 0


def check(files, root):
    different = 0
    for name, content in files.items():
        old = current(os.path.join(root, name))
        if old != content:
            different += 1
            diff = difflib.unified_diff(old.splitlines(), content.splitlines(),
                                        f"{name} (committed)", f"{name} (from the headers)",
                                        lineterm="")
            print("\n".join(diff))
            print(f"{name}: not what the headers say; run ./dev generate")
    return 1 if different else 0


def print_problems(problems):
    for problem in sorted(problems):
        print(problem)
    return 1 if problems else 0


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.strip().split("\n\n", maxsplit=1)[0])
    parser.add_argument("command", choices=["lint", "map", "help", "api", "fields", "go", *LANGUAGES, "stubs", "all", "sizes"])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument("--fields", metavar="FILE",
                        help="what the program dump_fields printed: the library's field tables")
    parser.add_argument("--header", default=os.path.join(ROOT, "include/nfbind/nfbind.h"))
    parser.add_argument("--root", default=ROOT, help="the tree that files are written to")
    return parser.parse_args()


def main():
    options = parse_arguments()
    try:
        model = headers.read(options.header, options.root)
    except headers.HeaderError as error:
        return print_problems(error.problems)
    except FileNotFoundError as error:
        print(f"generate.py: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    if options.command == "lint":
        return print_problems(lint.problems(model))
    if options.command == "sizes":
        return sizes.report(model, options.root)
    files = files_of(options.command, model, options)
    return check(files, options.root) if options.check else write(files, options.root)


if __name__ == "__main__":
    sys.exit(main())
