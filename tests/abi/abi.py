#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
`abi.py LIBRARY`: abidiff compares the library with the committed description of
its ABI, doc/abi/. What was there must stay as it is; what is new is only listed.
`--update` writes the description anew, which is a decision: see doc/abi.md.
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BASELINE = os.path.join(ROOT, "doc", "abi", "libnfbind.so.0.abi")
PRIVATE = os.path.join(ROOT, "tests", "abi", "private.abignore")
SKIP = 77

CHANGED = 4  # one bit of abidiff's exit status


def skip_reason(library):
    if not shutil.which("abidiff") or not shutil.which("abidw"):
        return "abidiff (package libabigail-tools or abigail-tools) is not installed"
    if platform.machine() != "x86_64":
        return f"the committed ABI is that of x86_64, not of {platform.machine()}"
    elf = subprocess.run(["readelf", "-dSW", library], capture_output=True, text=True, check=True)
    if ".debug_info" not in elf.stdout:
        return "a library without debug information does not tell its types"
    if "san.so" in elf.stdout or "clang_rt" in elf.stdout:
        return "a library with sanitizers has another ABI"
    return ""


def describe(library, path):
    """Write the ABI that the public headers show; objects are opaque, places do not count."""
    command = ["abidw", "--suppressions", PRIVATE, "--exported-interfaces-only",
               "--no-comp-dir-path", "--no-corpus-path", "--no-show-locs", "--no-parameter-names",
               "--out-file", path, library]
    return subprocess.run(command, check=False).returncode


def abidiff(path, *options):
    command = ["abidiff", "--no-show-locs", "--show-bytes", *options, BASELINE, path]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def compare(library):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "now.abi")
        if describe(library, path) != 0:
            return 1
        everything = abidiff(path)
        strict = abidiff(path, "--no-added-syms")
    print(everything.stdout + everything.stderr, end="")
    if strict.returncode & CHANGED:
        print("The ABI changed: see doc/abi.md for what that means before 1.0 and after.")
    return 1 if strict.returncode else 0


def main():
    parser = argparse.ArgumentParser(description="Compare a library with the committed ABI.")
    parser.add_argument("library")
    parser.add_argument("--update", action="store_true", help="commit to the ABI as it is now")
    options = parser.parse_args()
    reason = skip_reason(options.library)
    if reason:
        print(f"SKIP {reason}")
        return SKIP
    if options.update:
        os.makedirs(os.path.dirname(BASELINE), exist_ok=True)
        return describe(options.library, BASELINE)
    return compare(options.library)


if __name__ == "__main__":
    sys.exit(main())
