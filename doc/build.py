#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
`build.py OUT VERSION` makes the documents: the HTML guide with Doxygen, the manual
pages, and the list of fields beside them. A declaration without a comment, or a
warning of Doxygen's, fails.
"""

import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "bindings"))
sys.dont_write_bytecode = True

import headers  # noqa: E402
import lint     # noqa: E402
import man      # noqa: E402


def doxygen(out, version):
    """The lines that it complained in."""
    with open(os.path.join(ROOT, "doc", "Doxyfile"), encoding="utf-8") as file:
        settings = file.read()
    settings += (f"OUTPUT_DIRECTORY = \"{out}\"\nPROJECT_NUMBER = {version}\n"
                 f"STRIP_FROM_PATH = \"{ROOT}/include\" \"{ROOT}\"\n")
    result = subprocess.run(["doxygen", "-"], input=settings, text=True, cwd=ROOT, check=False,
                            capture_output=True)
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    return lines or ([f"doxygen: status {result.returncode}"] if result.returncode else [])


def main():
    out, version = os.path.abspath(sys.argv[1]), sys.argv[2]
    if not shutil.which("doxygen"):
        sys.exit("doc/build.py: doxygen is not installed")
    model = headers.read(os.path.join(ROOT, "include", "nfbind", "nfbind.h"), ROOT)
    problems = [str(problem) for problem in lint.problems(model)]
    os.makedirs(out, exist_ok=True)
    if not problems:
        problems = doxygen(out, version)
        man.write(os.path.join(out, "man"), model, version)
        shutil.copy(os.path.join(ROOT, "doc", "fields.md"), out)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
